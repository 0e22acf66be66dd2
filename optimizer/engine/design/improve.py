"""The searching side: annealing from several seeds, then exact search of chosen neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.engine.design.annealing import Annealer
from optimizer.engine.design.board import Board, Plan
from optimizer.engine.design.lagrangian import DualStart
from optimizer.engine.design.master import flow_to_paths
from optimizer.engine.design.neighbourhood import search_neighbourhood
from optimizer.engine.design.problem import DesignProblem

_WORTH_A_LOOK = 0.3  # arcs whose Lagrangian cost of opening is below this share of their fixed cost
_KINDS = ("relax", "region", "merge", "relax", "anneal", "merge", "region", "anneal", "merge")
_LEAST_CANDIDATES = 150
_QUICK = {"relax": 25, "region": 40, "merge": 30}  # free arcs at first: closed in a second or two
_PATIENCE = 3  # searches without success before plans far from the best are looked at
_MOST_WORK = 4e7  # moves x commodities of one annealing: several seconds


class Improver:
    """Finds plans and offers them to the board until told to stop."""

    def __init__(self, problem: DesignProblem, board: Board, dual: DualStart, seed: int) -> None:
        self.problem, self.board, self.dual, self.seed = problem, board, dual, seed
        self.random = np.random.Generator(np.random.PCG64(seed + 1))
        worth = dual.worth / np.maximum(problem.fixed_cost, 1e-9)
        self.candidate = (dual.mean_open > 0.005) | (worth < _WORTH_A_LOOK)
        self.candidate[np.argsort(worth, kind="stable")[:_LEAST_CANDIDATES]] = True
        self.size = dict(_QUICK)
        # how dear the search takes opening an arc: two readings, so that starts differ
        steep = np.clip(1.1 - dual.mean_open, 0.05, 1.0)
        priced = np.clip(1.3 - dual.mean_open, 0.1, 1.0) * np.clip(0.5 + worth, 0.2, 1.0)
        self.bias = (steep, priced)
        self.closeness = 0.3 * np.clip(1.0 - np.abs(worth) / _WORTH_A_LOOK, 0.0, 1.0)
        self.turn = 0
        self.failures = 0
        self.fresh = 0

    def run(self, annealing_s: float) -> None:
        """Anneal for about ``annealing_s``, then search neighbourhoods until told to stop."""
        self.anneal_starts(annealing_s)
        if self.board.best is None or self.board.stop():
            return
        self.board.note_phase("annealing")
        self.neighbourhoods(self.board.stop)

    # --- annealing -----------------------------------------------------------------------------

    def anneal_starts(self, seconds: float) -> None:
        """Anneal from fresh starts, a few at least, for about ``seconds``."""
        board, problem = self.board, self.problem
        until = board.seconds + seconds
        number = 0
        while not board.stop() and (number == 0 or board.seconds < until):
            every = board.best is None and number > 0
            arcs = np.arange(problem.n_arcs) if every else np.flatnonzero(self.candidate)
            annealer = Annealer(problem, arcs, self.seed + 7919 * number)
            state = annealer.construct()
            if state is None:
                number += 1
                if number > 6:
                    return
                continue
            flow = annealer.run(
                state,
                n_moves=self._moves(number // 2),
                hot=0.006,
                cold=0.00003,
                stop=board.stop,
                bias=self.bias[number % 2],
            )
            self._take(flow)
            number += 1

    def _moves(self, number: int) -> int:
        """Return how long the ``number``-th annealing lasts: the later, the more patient."""
        k = self.problem.n_commodities
        return int(min((20000 + 50 * k) * 1.5 ** min(number, 20), max(20000.0, _MOST_WORK / k)))

    def _take(self, flow: np.ndarray, *, polish: bool = True) -> Plan:
        """Offer a flow to the board and keep its paths."""
        plan = self.board.offer(flow, polish=polish)
        self.board.keep_paths((k, path) for k, path, _ in flow_to_paths(self.problem, plan.flow))
        return plan

    # --- neighbourhoods ------------------------------------------------------------------------

    def neighbourhoods(self, stop: Callable[[], bool]) -> None:
        """Search neighbourhoods of the best plan in turn; their sizes follow the time they take."""
        board = self.board
        while board.best is not None and not stop():
            kind = _KINDS[self.turn % len(_KINDS)]
            self.turn += 1
            before = board.cost
            if kind == "anneal":
                self._reheat()
            else:
                self._search(kind, board.best, self.size[kind])
            better = board.cost < before - 1e-7 * abs(before)
            self.failures = 0 if better else self.failures + 1

    def _search(self, kind: str, plan: Plan, size: int) -> Plan:
        """Return the best plan of a neighbourhood of ``plan``, itself if there is none better."""
        board = self.board
        allowed, forced = self._choose(kind, plan.is_open, size)
        key = allowed.tobytes() + forced.tobytes()
        if key in board.searched:
            # merging the same plans again gives what it gave
            kind, size = "relax", min(size, self.size["relax"])
            allowed, forced = self._choose(kind, plan.is_open, size)
            key = allowed.tobytes() + forced.tobytes()
        limit = max(0.1, min(board.left(), 6.0 + 0.04 * (board.deadline - board.began)))
        began = board.seconds
        found = search_neighbourhood(
            self.problem,
            allowed=allowed,
            forced=forced,
            start=plan.flow,
            pool=board.known_paths(),
            time_limit_s=limit,
            seed=self.seed + self.turn,
            stop=board.stop,
            left=board.left,
        )
        better = self._take(found.flow) if found.flow is not None else plan
        spent = board.seconds - began
        if found.closed:
            board.searched.add(key)
        if size == self.size[kind]:
            if found.closed and spent < 0.4 * limit:
                self.size[kind] = int(size * 1.3) + 1
            elif not found.closed:
                self.size[kind] = max(12, int(size * 0.8))
        note = f"{kind} free {found.free} {'closed' if found.closed else 'stopped'} {spent:.1f} s"
        cost = "" if plan is board.best else f", {plan.cost:.8g} to {better.cost:.8g}"
        board.note_phase("neighbourhood", note + cost)
        return better

    def _climb(self, plan: Plan) -> None:
        """Improve a plan that is not the best by quick neighbourhoods, then merge the two."""
        board = self.board
        for kind in ("relax", "region", "relax", "merge"):
            best = board.best
            if best is None or np.array_equal(plan.is_open, best.is_open) or board.stop():
                return
            plan = self._search(kind, plan, min(self.size[kind], _QUICK[kind] + self.failures))

    def _choose(self, kind: str, best: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (allowed arcs, arcs forced open) of a neighbourhood of the design ``best``."""
        board = self.board
        root = board.root_open if board.root_open is not None else self.dual.mean_open
        doubt = self._doubt(best, root)
        if kind == "merge":
            taken = [best]
            if board.best is not None and not np.array_equal(best, board.best.is_open):
                taken.append(board.best.is_open)
            for number in self.random.permutation(len(board.elite)):
                other = board.elite[number].is_open
                if any(np.array_equal(other, one) for one in taken):
                    continue
                union, common = np.any([*taken, other], axis=0), np.all([*taken, other], axis=0)
                if (union & ~common).sum() > size and len(taken) > 1:
                    break
                taken.append(other)
            differs = np.any(taken, axis=0) & ~np.all(taken, axis=0)
            if differs.any():
                # where plans differ in too much, the rest stays as in the best one
                free = _first(np.where(differs, doubt, -1.0), size)
                return best | free, best & ~free
        if kind in ("relax", "merge"):
            # free where the strong LP is undecided or disagrees with the plan
            free = _first(doubt, size)
            return best | free, best & ~free
        centre = int(self.random.integers(self.problem.n_nodes))
        near = self._near(centre, best)
        rank = np.argsort(np.argsort(doubt, kind="stable"), kind="stable") / doubt.size
        useful = (self.candidate | best) & (near >= 0)
        free = _first(np.where(useful, 100.0 - near + 2.0 * rank, -1.0), size)
        return best | free, best & ~free

    def _doubt(self, best: np.ndarray, root: np.ndarray) -> np.ndarray:
        """Return how much speaks for another state of each arc, with noise; -1: not a candidate.

        The strong LP may be undecided or disagree with the plan; or its price may be near enough.
        """
        doubt = np.maximum(np.minimum(np.abs(root - best), 1.0), self.closeness)
        if self.turn <= 1:
            doubt += 0.02 * self.random.random(best.size)
        else:
            # the highest are then a sample without replacement, weighted by doubt
            doubt = (0.03 + doubt) / self.random.exponential(size=best.size)
            doubt /= doubt.max(initial=1e-9)
        doubt[~(self.candidate | best)] = -1.0
        return doubt

    def _near(self, centre: int, best: np.ndarray) -> np.ndarray:
        """Return the number of steps from ``centre`` to each arc over open arcs, either way."""
        problem = self.problem
        steps = np.full(problem.n_nodes, np.inf)
        steps[centre] = 0
        tails, heads = problem.tail[best], problem.head[best]
        for _ in range(problem.n_nodes):
            before = steps.copy()
            np.minimum.at(steps, heads, before[tails] + 1)
            np.minimum.at(steps, tails, before[heads] + 1)
            if np.array_equal(before, steps):
                break
        return steps[problem.tail] + steps[problem.head]

    def _fresh_start(self) -> None:
        """Anneal from a new construction, improve what comes out and merge it with the best."""
        board = self.board
        arcs = np.flatnonzero(self.candidate | board.best.is_open)  # type: ignore[union-attr]
        annealer = Annealer(self.problem, arcs, int(self.random.integers(2**31)))
        state = annealer.construct()
        if state is None:
            return
        # disturbed prices, or all fresh starts would end alike; cooler when there are many moves
        bias = self.bias[self.fresh % 2] * (0.7 + 0.6 * self.random.random(self.problem.n_arcs))
        flow = annealer.run(
            state,
            n_moves=self._moves(1 + self.fresh // 2),
            hot=0.006 if self.fresh % 4 < 2 else 0.0025,
            cold=0.00003,
            stop=board.stop,
            bias=bias,
        )
        self.fresh += 1
        plan = self._take(flow)
        board.note_phase("fresh start", f"{plan.cost:.8g}")
        self._climb(plan)

    def _reheat(self) -> None:
        """Anneal again from an elite plan, warmer the longer nothing has been found; then anew."""
        board, failures = self.board, self.failures
        if failures >= _PATIENCE and self.random.random() < 0.75:
            self._fresh_start()
            return
        elite = board.elite[: max(1, min(len(board.elite), 1 + failures // 2))]
        plan = elite[int(self.random.integers(len(elite)))]
        arcs = np.flatnonzero(self.candidate | plan.is_open)
        annealer = Annealer(self.problem, arcs, int(self.random.integers(2**31)))
        state = annealer.load(plan.flow)
        if state is None:
            return
        hot = min(0.004, 0.0008 * (1 + failures / 4))
        moves = self._moves(0) // 2
        flow = annealer.run(state, n_moves=moves, hot=hot, cold=0.00003, stop=board.stop)
        plan = self._take(flow)
        board.note_phase("reheat", f"hot {hot:.4f}, {plan.cost:.8g}")
        self._climb(plan)


def _first(score: np.ndarray, size: int) -> np.ndarray:
    """Return which ``size`` entries have the highest score; negative scores never count."""
    chosen = np.zeros(score.size, dtype=bool)
    chosen[np.argsort(-score, kind="stable")[:size]] = True
    return chosen & (score > 0.0)
