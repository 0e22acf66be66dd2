"""Branch and price: the bounding tree over the arcs' opening, every node's bound proved by prices.

Best bound first; after a branching the tree goes on with one child at once, because its LP is a
few pivots away. Arcs are chosen by pseudo-costs, begun by short probes of the dual simplex.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import highspy
import numpy as np

from optimizer.engine.design.board import Board
from optimizer.engine.design.certificate import Certificate, Prices
from optimizer.engine.design.master import Converged, PathMaster

_INTEGRAL = 1e-6
_PROBED = 5  # arcs probed per node at most
_RELIABLE = 2  # probes after which a pseudo-cost is trusted
_PROBE_PIVOTS = 50


class BoundTree:
    """The tree; `run` works on it until told to stop, `certificate` is valid at any time."""

    def __init__(self, master: PathMaster, board: Board, root: Converged) -> None:
        problem = master.problem
        if root.prices is None or root.worth is None:
            raise ValueError("the root must have been solved before the tree is begun")
        self.master, self.board = master, board
        self.root_bound, self.root_prices, self.root_worth = root.bound, root.prices, root.worth
        self.root_solved = root.solved
        self.share_at: dict[int, float] = {}  # node -> opening of its branching arc
        self.fix_cutoff = np.inf
        self.low, self.high = np.zeros(problem.n_arcs), np.ones(problem.n_arcs)
        self.branch_arc = [-1]
        self.child = [(-1, -1)]
        self.up: list[tuple[int, int, int]] = [(-1, -1, -1)]  # parent, arc, value
        self.leaf_prices: list[Prices | None] = [root.prices]
        self.bound = [self.root_bound]
        self.open_leaves: list[tuple[float, int]] = [(self.root_bound, 0)]
        self.exhausted = np.inf  # least bound of leaves that cannot be branched
        self.nodes = 0
        self.gain = np.zeros((2, problem.n_arcs))
        self.tries = np.zeros((2, problem.n_arcs))

    def global_bound(self, current: float = np.inf) -> float:
        """Return the least bound over all leaves, the cutoff of fixings at most."""
        least = self.open_leaves[0][0] if self.open_leaves else np.inf
        return min(least, current, self.exhausted, self.fix_cutoff)

    def run(self, stop: Callable[[], bool]) -> None:
        """Work on the tree until it is closed or ``stop`` says so."""
        while self.open_leaves and not stop():
            bound, node = heapq.heappop(self.open_leaves)
            if bound >= self.board.cutoff:
                # best first: all others are closed as well
                self.exhausted = min(self.exhausted, bound)
                self.open_leaves.clear()
                break
            while node >= 0:
                self.board.raise_bound(self.global_bound(self.bound[node]))
                node = self._work(node, stop)
        if not self.open_leaves:
            self.board.raise_bound(self.global_bound())

    def _work(self, node: int, stop: Callable[[], bool]) -> int:
        """Solve a node; return the child to go on with, -1 if there is none."""
        self._tighten()
        low, high = self._bounds_of(node)
        if np.any(low > high):
            self._close(node, np.inf)
            return -1
        self.master.set_bounds(low, high)
        cutoff = self.board.cutoff
        # a node's LP need not be exact to be branched on: its bound is valid all the same
        done = self.master.converge(cutoff=cutoff, tolerance=1e-4, most_rounds=6, stop=stop)
        if not stop() and done.bound < cutoff and not self._fractional().size:
            exact = self.master.converge(cutoff=cutoff, tolerance=1e-7, stop=stop)
            done = exact if exact.bound > done.bound else done
        self.nodes += 1
        parent, arc, value = self.up[node]
        if done.bound > self.bound[node] and done.prices is not None:
            if parent >= 0 and np.isfinite(done.bound) and done.bound < cutoff:
                way = self._way_of(node)
                if way > 1e-6:
                    self.gain[value, arc] += (done.bound - self.bound[parent]) / way
                    self.tries[value, arc] += 1
            self.bound[node] = done.bound
            self.leaf_prices[node] = done.prices
        if self.bound[node] >= cutoff:
            self._close(node, self.bound[node])
            return -1
        if stop():
            heapq.heappush(self.open_leaves, (self.bound[node], node))
            return -1
        opened, fractional = self.master.opened, self._fractional()
        if not fractional.size:
            if self.master.artificial < 1e-7:
                self.board.offer(self.master.shares() * self.master.problem.demand)
            self._close(node, self.bound[node])
            return -1
        arc = self._choose(fractional, opened.copy())
        return self._branch(node, arc, float(opened[arc]))

    def _fractional(self) -> np.ndarray:
        """Return the arcs that the last LP opens in part."""
        opened = self.master.opened
        return np.flatnonzero((opened > _INTEGRAL) & (opened < 1 - _INTEGRAL))

    def _branch(self, node: int, arc: int, opened: float) -> int:
        """Split a node on an arc; queue one child, return the other."""
        numbers = []
        for value in (0, 1):
            number = len(self.branch_arc)
            numbers.append(number)
            self.branch_arc.append(-1)
            self.child.append((-1, -1))
            self.up.append((node, arc, value))
            self.leaf_prices.append(self.leaf_prices[node])
            self.bound.append(self.bound[node])
        self.share_at[node] = opened
        self.branch_arc[node] = arc
        self.child[node] = (numbers[0], numbers[1])
        self.leaf_prices[node] = None
        first = 1 if opened > 0.5 else 0
        heapq.heappush(self.open_leaves, (self.bound[node], numbers[1 - first]))
        return numbers[first]

    def _way_of(self, node: int) -> float:
        """Return how far the branching moved the arc's opening."""
        parent, _, value = self.up[node]
        opened = self.share_at[parent]
        return opened if value == 0 else 1.0 - opened

    def _close(self, node: int, bound: float) -> None:
        self.bound[node] = bound
        self.exhausted = min(self.exhausted, bound)

    def _bounds_of(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.low.copy(), self.high.copy()
        while node > 0:
            parent, arc, value = self.up[node]
            if value == 0:
                high[arc] = 0.0
            else:
                low[arc] = 1.0
            node = parent
        return low, high

    def _tighten(self) -> None:
        """Fix arcs for good where the root's prices say that the other state is too dear."""
        cutoff = self.board.cutoff
        if cutoff >= self.fix_cutoff:
            return
        self.fix_cutoff = cutoff
        # a little beyond the cutoff, so that the evaluation repeats every fixing
        limit = cutoff + 1e-7 * abs(cutoff)
        self.high[(self.root_worth > 0) & (self.root_bound + self.root_worth >= limit)] = 0.0
        self.low[(self.root_worth < 0) & (self.root_bound - self.root_worth >= limit)] = 1.0

    def _choose(self, fractional: np.ndarray, opened: np.ndarray) -> int:
        """Return the arc to branch on: the largest product of the two gains."""
        mean = np.array(
            [
                self.gain[v].sum() / self.tries[v].sum() if self.tries[v].sum() > 0 else 1.0
                for v in (0, 1)
            ]
        )
        share = opened[fractional]
        relative = self.master.problem.fixed_cost[fractional]
        relative = relative / max(1e-9, float(relative.mean()))
        per_unit = np.where(
            self.tries[:, fractional] > 0,
            self.gain[:, fractional] / np.maximum(1.0, self.tries[:, fractional]),
            mean[:, None] * relative[None, :],
        )
        score = np.maximum(per_unit[0] * share, 1e-6) * np.maximum(per_unit[1] * (1 - share), 1e-6)
        order = np.argsort(-score, kind="stable")
        untried = [
            int(fractional[i])
            for i in order[: 3 * _PROBED]
            if self.tries[:, fractional[i]].min() < _RELIABLE
        ][:_PROBED]
        best_arc, best_score = int(fractional[order[0]]), float(score[order[0]])
        if untried:
            probed = self._probe(untried, opened)
            arc = max(probed, key=probed.__getitem__)
            reliable = [i for i in order if int(fractional[i]) not in probed]
            best_score = float(score[reliable[0]]) if reliable else -1.0
            best_arc = arc
            if reliable and self.tries[:, fractional[reliable[0]]].min() >= _RELIABLE:
                best_arc = arc if probed[arc] >= best_score else int(fractional[reliable[0]])
        return best_arc

    def _probe(self, arcs: list[int], opened: np.ndarray) -> dict[int, float]:
        """Return the product of gains of a few dual simplex pivots on either side."""
        highs, base = self.master.highs, self.master.objective
        basis = highs.getBasis()
        highs.setOptionValue("simplex_iteration_limit", _PROBE_PIVOTS)
        scores = {}
        for arc in arcs:
            product = 1.0
            for value in (0, 1):
                highs.changeColBounds(arc, float(value), float(value))
                highs.run()
                status = highs.getModelStatus()
                gain = 0.0
                if status == highspy.HighsModelStatus.kInfeasible:
                    gain = abs(base)
                elif status in (
                    highspy.HighsModelStatus.kOptimal,
                    highspy.HighsModelStatus.kIterationLimit,
                ):
                    gain = float(highs.getInfo().objective_function_value) - base
                way = opened[arc] if value == 0 else 1.0 - opened[arc]
                gain = min(max(gain, 0.0), abs(base))
                self.gain[value, arc] += gain / max(way, 1e-6)
                self.tries[value, arc] += 1
                product *= max(gain, 1e-6)
                highs.changeColBounds(arc, self.master.low[arc], self.master.high[arc])
                highs.setBasis(basis)
            scores[arc] = product
        highs.setOptionValue("simplex_iteration_limit", 2147483647)
        return scores

    def certificate(self) -> Certificate:
        """Return the proof of the present bound."""
        prices: list[Prices] = []
        number: dict[int, int] = {}
        leaf = np.full(len(self.branch_arc), -1, dtype=np.int32)
        for node, arc in enumerate(self.branch_arc):
            held = self.leaf_prices[node]
            if arc < 0 and held is not None:
                if id(held) not in number:
                    number[id(held)] = len(prices)
                    prices.append(held)
                leaf[node] = number[id(held)]
        fixing = ((self.root_prices, self.fix_cutoff),) if np.isfinite(self.fix_cutoff) else ()
        return Certificate(
            np.array(self.branch_arc, dtype=np.int32),
            np.array(self.child, dtype=np.int32).reshape(-1, 2),
            leaf,
            tuple(prices),
            fixing,
        )
