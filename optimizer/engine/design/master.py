"""The path master: the strong LP with path columns priced and strong rows separated as needed.

Rows: every commodity is served (paths sum to at least 1), capacity per arc, and for the pairs
(arc, commodity) found violated ``sum of paths of k over a <= min(1, u_a / d_k) y_a``. Columns:
``y`` per arc, one artificial per commodity, paths in shares of the demand. The LP of a 700-arc,
400-commodity instance ends with some 2,000 columns and 2,500 rows instead of 280,000 of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.engine.design.certificate import Prices
from optimizer.engine.design.kernels import shortest_paths
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.silent import SilentHighs

_TINY = 1e-9


def arc_lists(problem: DesignProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return (first, arc_of): the arcs out of node i are ``arc_of[first[i]:first[i + 1]]``."""
    arc_of = np.argsort(problem.tail, kind="stable").astype(np.int32)
    first = np.searchsorted(problem.tail[arc_of], np.arange(problem.n_nodes + 1)).astype(np.int32)
    return first, arc_of


def flow_to_paths(
    problem: DesignProblem, flow: np.ndarray, least_share: float = 1e-7, most: int = 50
) -> list[tuple[int, tuple[int, ...], float]]:
    """Return (commodity, arcs, share) of paths that make up ``flow`` ``[arc, commodity]``.

    Widest paths first; cycles in the flow are left out.
    """
    first, arc_of = arc_lists(problem)
    out_arcs = [arc_of[first[i] : first[i + 1]].tolist() for i in range(problem.n_nodes)]
    tail, head = problem.tail.tolist(), problem.head.tolist()
    paths = []
    for k in range(problem.n_commodities):
        arcs = np.flatnonzero(flow[:, k] > least_share * problem.demand[k])
        left = dict(zip(arcs.tolist(), (flow[arcs, k] / problem.demand[k]).tolist(), strict=True))
        start, goal = int(problem.origin[k]), int(problem.destination[k])
        for _ in range(most):
            width = {start: np.inf}
            parent: dict[int, int] = {}
            done: set[int] = set()
            while True:
                node = max((i for i in width if i not in done), key=width.__getitem__, default=-1)
                if node in (-1, goal):
                    break
                done.add(node)
                for arc in out_arcs[node]:
                    wide = min(width[node], left.get(arc, 0.0))
                    if wide > least_share and wide > width.get(head[arc], 0.0):
                        width[head[arc]] = wide
                        parent[head[arc]] = arc
            if goal not in parent:
                break
            share, node, path = width[goal], goal, []
            while node != start:
                arc = parent[node]
                path.append(arc)
                left[arc] -= share
                node = tail[arc]
            paths.append((k, tuple(path), share))
    return paths


_UNSERVED = 1e-7  # share of demand that counts as served all the same
_RAISED_AT_MOST = 1e6


class PathMaster:
    """An incremental LP that grows by paths and strong rows."""

    def __init__(
        self, problem: DesignProblem, left: Callable[[], float] = lambda: math.inf
    ) -> None:
        self.problem = problem
        self.left = left  # seconds that may still be spent: one LP alone can be long
        n_arcs, n_commodities = problem.n_arcs, problem.n_commodities
        self.first, self.arc_of = arc_lists(problem)
        self.most = np.minimum(1.0, problem.capacity[:, None] / problem.demand[None, :])
        self.row_of = np.full((n_arcs, n_commodities), -1, dtype=np.int64)
        self.row_arc: list[int] = []
        self.row_commodity: list[int] = []
        self.paths: list[tuple[int, ...]] = []
        self.path_commodity: list[int] = []
        self.known: set[tuple[int, tuple[int, ...]]] = set()
        self.columns_of: list[list[int]] = [[] for _ in range(n_commodities)]
        self.low, self.high = np.zeros(n_arcs), np.ones(n_arcs)
        self.iterations = 0
        self.objective = np.inf
        self.x: np.ndarray = np.zeros(0)  # column values of the last LP
        self.row_dual: np.ndarray = np.zeros(0)
        highs = self.highs = SilentHighs()
        highs.setOptionValue("output_flag", False)
        none = np.array([], dtype=np.int32)
        nothing = np.array([], dtype=np.float64)
        # dearer than any simple path with all its arcs paid by one commodity
        dear = problem.n_nodes * (
            problem.demand * problem.unit_cost.max(initial=1.0)
            + problem.fixed_cost.max(initial=1.0)
        )
        self.dear, self.raised = dear, 1.0
        for cost in (problem.fixed_cost, dear):
            n = cost.size
            zeros = np.zeros(n, dtype=np.int32)
            highs.addCols(n, cost, np.zeros(n), np.ones(n), 0, zeros, none, nothing)
        every = np.arange(n_commodities, dtype=np.int32)
        highs.addRows(
            n_commodities,
            np.ones(n_commodities),
            np.full(n_commodities, np.inf),
            n_commodities,
            every,
            n_arcs + every,
            np.ones(n_commodities),
        )
        arcs = np.arange(n_arcs, dtype=np.int32)
        low = np.full(n_arcs, -np.inf)
        highs.addRows(n_arcs, low, np.zeros(n_arcs), n_arcs, arcs, arcs, -problem.capacity)

    @property
    def first_path(self) -> int:
        """Return the column number of the first path."""
        return self.problem.n_arcs + self.problem.n_commodities

    @property
    def first_strong(self) -> int:
        """Return the row number of the first strong row."""
        return self.problem.n_arcs + self.problem.n_commodities

    def add_paths(self, paths: Iterable[tuple[int, tuple[int, ...]]]) -> int:
        """Add (commodity, arcs) columns that are new; return how many."""
        problem, n_commodities = self.problem, self.problem.n_commodities
        cost: list[float] = []
        start: list[int] = []
        index: list[int] = []
        value: list[float] = []
        for k, arcs in paths:
            key = (k, tuple(sorted(arcs)))
            if key in self.known:
                continue
            self.known.add(key)
            numbers = np.fromiter(arcs, dtype=np.int64, count=len(arcs))
            demand = float(problem.demand[k])
            cost.append(demand * float(problem.unit_cost[numbers].sum()))
            start.append(len(index))
            rows = self.row_of[numbers, k]
            rows = rows[rows >= 0].tolist()
            index += [k, *(n_commodities + numbers).tolist(), *rows]
            value += [1.0] + [demand] * numbers.size + [1.0] * len(rows)
            self.columns_of[k].append(len(self.paths))
            self.paths.append(tuple(arcs))
            self.path_commodity.append(k)
        n = len(cost)
        if n:
            self.highs.addCols(
                n,
                np.array(cost),
                np.zeros(n),
                np.full(n, np.inf),
                len(index),
                np.array(start, dtype=np.int32),
                np.array(index, dtype=np.int32),
                np.array(value),
            )
        return n

    def add_strong_rows(self, pairs: np.ndarray) -> int:
        """Add the strong rows of ``pairs`` (arc, commodity) that are new; return how many."""
        start: list[int] = []
        index: list[int] = []
        value: list[float] = []
        for arc, k in pairs.tolist():
            if self.row_of[arc, k] >= 0:
                continue
            start.append(len(index))
            columns = [
                self.first_path + column
                for column in self.columns_of[k]
                if arc in self.paths[column]
            ]
            index += [arc, *columns]
            value += [-float(self.most[arc, k])] + [1.0] * len(columns)
            self.row_of[arc, k] = self.first_strong + len(self.row_arc)
            self.row_arc.append(arc)
            self.row_commodity.append(k)
        n = len(start)
        if n:
            self.highs.addRows(
                n,
                np.full(n, -np.inf),
                np.zeros(n),
                len(index),
                np.array(start, dtype=np.int32),
                np.array(index, dtype=np.int32),
                np.array(value),
            )
        return n

    def set_bounds(self, low: np.ndarray, high: np.ndarray) -> None:
        """Bound the opening of every arc; only what changes is sent to the solver."""
        changed = np.flatnonzero((low != self.low) | (high != self.high)).astype(np.int32)
        if changed.size:
            self.highs.changeColsBounds(changed.size, changed, low[changed], high[changed])
            self.low, self.high = low.copy(), high.copy()

    def solve(self) -> bool:
        """Solve the LP from the last basis; False if the optimum was not reached (in time)."""
        left = self.left()
        if left <= 0.0:
            return False
        if math.isfinite(left):
            self.highs.setOptionValue("time_limit", self.highs.getRunTime() + left)
        self.highs.run()
        info = self.highs.getInfo()
        self.iterations += max(0, info.simplex_iteration_count)
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        solution = self.highs.getSolution()
        self.x = np.asarray(solution.col_value)
        self.row_dual = np.asarray(solution.row_dual)
        self.objective = float(info.objective_function_value)
        return True

    @property
    def opened(self) -> np.ndarray:
        """Return y of the last LP."""
        return self.x[: self.problem.n_arcs]

    @property
    def artificial(self) -> float:
        """Return how much of all commodities the paths at hand could not serve."""
        return float(self.x[self.problem.n_arcs : self.first_path].sum())

    def raise_artificials(self) -> bool:
        """Make it dearer to leave demand unserved; False when that has been done often enough.

        The first price covers one commodity on any path of its own. Where capacity is tight,
        serving it can push others onto dearer paths, which can cost more than that.
        """
        if self.raised >= _RAISED_AT_MOST:
            return False
        self.raised *= 10.0
        n = self.problem.n_commodities
        columns = np.arange(self.problem.n_arcs, self.problem.n_arcs + n, dtype=np.int32)
        self.highs.changeColsCost(n, columns, self.dear * self.raised)
        return True

    def shares(self) -> np.ndarray:
        """Return the share of each commodity on each arc, ``[arc, commodity]``."""
        share = np.zeros_like(self.most)
        value = self.x[self.first_path :]
        for column in np.flatnonzero(value > _TINY).tolist():
            share[list(self.paths[column]), self.path_commodity[column]] += value[column]
        return share

    def prices(self) -> Prices:
        """Return the dual prices of the last LP, made non-negative."""
        n_commodities, n_arcs = self.problem.n_commodities, self.problem.n_arcs
        arc = np.maximum(0.0, -self.row_dual[n_commodities : n_commodities + n_arcs])
        strong = -self.row_dual[self.first_strong :]
        rows = np.flatnonzero(strong > 1e-12)
        return Prices(
            arc.astype(np.float32),
            np.array(self.row_arc, dtype=np.int32)[rows],
            np.array(self.row_commodity, dtype=np.int32)[rows],
            strong[rows].astype(np.float32),
        )

    def price_out(self, prices: Prices) -> tuple[float, np.ndarray, list]:
        """Return (Lagrangian bound, cost of opening per arc, paths that improve the LP).

        The bound holds for the fixings in ``low`` and ``high`` whatever the prices; it is inf if
        the closed arcs cut a commodity off.
        """
        problem = self.problem
        arc_price, pair_price = prices.arc.astype(float), prices.pair.astype(float)
        weight = (problem.unit_cost + arc_price)[:, None] * problem.demand[None, :]
        weight[prices.pair_arc, prices.pair_commodity] += pair_price
        weight[self.high == 0.0] = np.inf
        distance, parent = self._shortest(weight)
        worth = problem.fixed_cost - arc_price * problem.capacity
        most = self.most[prices.pair_arc, prices.pair_commodity]
        np.subtract.at(worth, prices.pair_arc, pair_price * most)
        bound = float(
            distance.sum() + np.where(worth < 0, worth * self.high, worth * self.low).sum()
        )
        served = self.row_dual[: problem.n_commodities]
        new = []
        improving = np.isfinite(distance) & (distance < served - 1e-6 * (1 + np.abs(served)))
        for k in np.flatnonzero(improving).tolist():
            new.append((k, self._walk_back(parent, k)))
        return bound, worth, new

    def _shortest(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (distance[commodity], parent[commodity, node]) under ``[arc, commodity]``."""
        problem = self.problem
        distance = np.zeros(problem.n_commodities)
        parent = np.zeros((problem.n_commodities, problem.n_nodes), dtype=np.int64)
        shortest_paths(
            problem.n_nodes,
            self.first,
            self.arc_of,
            problem.head,
            weight,
            problem.origin,
            problem.destination,
            distance,
            parent,
        )
        return distance, parent

    def _walk_back(self, parent: np.ndarray, k: int) -> tuple[int, ...]:
        """Return the arcs of commodity ``k``'s shortest path, destination first."""
        arcs, node = [], int(self.problem.destination[k])
        while node != self.problem.origin[k]:
            arc = int(parent[k, node])
            arcs.append(arc)
            node = int(self.problem.tail[arc])
        return tuple(arcs)

    def add_varied_paths(self, n_rounds: int, random: np.random.Generator) -> int:
        """Add shortest paths under disturbed prices; return how many are new.

        The LP's own columns are few: an integer design often needs a detour that no optimal
        dual asks for. Half of the rounds disturb the LP's prices, half share out fixed costs.
        """
        problem = self.problem
        prices = self.prices()
        priced = (problem.unit_cost + prices.arc.astype(float))[:, None] * problem.demand[None, :]
        priced[prices.pair_arc, prices.pair_commodity] += prices.pair.astype(float)
        per_unit = problem.fixed_cost / np.maximum(problem.capacity, 1e-9)
        added = 0
        for number in range(n_rounds):
            if number % 2 == 0:
                weight = priced * (0.6 + 0.8 * random.random(priced.shape))
            else:
                share = per_unit * 2.0 * random.random(problem.n_arcs)
                share[self.low > 0] = 0.0
                weight = (problem.unit_cost + share)[:, None] * problem.demand[None, :]
            weight[self.high == 0.0] = np.inf
            distance, parent = self._shortest(weight)
            reached = np.flatnonzero(np.isfinite(distance)).tolist()
            added += self.add_paths((k, self._walk_back(parent, k)) for k in reached)
        return added

    def violated_pairs(self, least: float = 1e-4) -> np.ndarray:
        """Return the pairs (arc, commodity) whose strong row the last LP breaks, worst part."""
        broken = self.shares() - self.most * self.opened[:, None]
        broken[self.row_of >= 0] = 0.0
        return np.argwhere(broken > max(least, 0.2 * float(broken.max(initial=0.0))))

    def converge(
        self,
        *,
        cutoff: float = np.inf,
        tolerance: float = 1e-6,
        most_rounds: int = 500,
        stop: Callable[[], bool] = lambda: False,
    ) -> Converged:
        """Price and separate until the strong LP is solved, the cutoff is passed or told to stop.

        The best Lagrangian bound seen is valid whenever the loop ends; ``solved`` says that it is
        that of the strong LP, with all demand served.
        """
        best, best_prices, best_worth = -np.inf, None, None
        solved = False
        for _ in range(most_rounds):
            if not self.solve():
                break
            prices = self.prices()
            bound, worth, new = self.price_out(prices)
            if bound > best:
                best, best_prices, best_worth = bound, prices, worth
            if best >= cutoff:
                break
            pairs = self.violated_pairs()
            closed = self.objective - best <= tolerance * abs(self.objective)
            if closed and not len(pairs):
                if self.artificial > _UNSERVED and self.raise_artificials():
                    continue
                solved = self.artificial <= _UNSERVED
                break
            if stop():
                break
            added = self.add_paths(new) if not closed else 0
            if added + self.add_strong_rows(pairs) == 0:
                if self.artificial > _UNSERVED and self.raise_artificials():
                    continue
                solved = self.artificial <= _UNSERVED
                break
        return Converged(best, best_prices, best_worth, solved)


@dataclass(frozen=True)
class Converged:
    """The end of `PathMaster.converge`: a valid bound with the prices that prove it."""

    bound: float
    prices: Prices | None
    worth: np.ndarray | None  # cost of opening per arc at those prices
    solved: bool
