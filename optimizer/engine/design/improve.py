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
_KINDS = (
    *("merge", "relax", "region", "region", "anneal"),
    *("merge", "relax", "region", "near", "anneal"),
)
_LEAST_CANDIDATES = 150
_PATIENCE = 6  # searches without success before a fresh start is considered
_POOL = 20000  # path columns kept at most


class Improver:
    """Finds plans and offers them to the board until told to stop."""

    def __init__(self, problem: DesignProblem, board: Board, dual: DualStart, seed: int) -> None:
        self.problem, self.board, self.dual, self.seed = problem, board, dual, seed
        self.random = np.random.Generator(np.random.PCG64(seed + 1))
        worth = dual.worth / np.maximum(problem.fixed_cost, 1e-9)
        self.candidate = (dual.mean_open > 0.005) | (worth < _WORTH_A_LOOK)
        self.candidate[np.argsort(worth, kind="stable")[:_LEAST_CANDIDATES]] = True
        self.pool: dict[tuple[int, tuple[int, ...]], None] = {}
        self.size = {"merge": 60, "relax": 60, "region": 40, "near": 1000}
        self.turn = 0
        self.failures = 0

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
        moves = 20000 + 200 * problem.n_commodities
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
            bias = np.clip(1.3 - self.dual.mean_open, 0.1, 1.0) if number % 2 else None
            flow = annealer.run(
                state, n_moves=moves, hot=0.006, cold=0.00003, stop=board.stop, bias=bias
            )
            self._take(flow)
            number += 1
            moves = int(moves * 1.25)

    def _take(self, flow: np.ndarray, *, polish: bool = True) -> Plan:
        """Offer a flow to the board and keep its paths."""
        plan = self.board.offer(flow, polish=polish)
        for k, path, _ in flow_to_paths(self.problem, plan.flow):
            self.pool[k, path] = None
        while len(self.pool) > _POOL:
            self.pool.pop(next(iter(self.pool)))
        return plan

    def _paths(self) -> list[tuple[int, tuple[int, ...]]]:
        return list(dict.fromkeys([*self.board.paths, *self.pool]))

    # --- neighbourhoods ------------------------------------------------------------------------

    def neighbourhoods(self, stop: Callable[[], bool]) -> None:
        """Search neighbourhoods of the best plan in turn; their sizes follow the time they take."""
        board, size = self.board, self.size
        while board.best is not None and not stop():
            kind = _KINDS[self.turn % len(_KINDS)]
            self.turn += 1
            before = board.cost
            if kind == "anneal":
                self._reheat()
            else:
                allowed, forced, changes = self._choose(kind, size[kind])
                limit = max(0.1, min(board.left(), 6.0 + 0.04 * (board.deadline - board.began)))
                began = board.seconds
                found = search_neighbourhood(
                    self.problem,
                    allowed=allowed,
                    forced=forced,
                    start=board.best.flow,
                    pool=self._paths(),
                    most_changes=changes,
                    time_limit_s=limit,
                    seed=self.seed + self.turn,
                    stop=board.stop,
                    left=board.left,
                )
                if found.flow is not None:
                    self._take(found.flow)
                spent = board.seconds - began
                if found.closed and spent < 0.4 * limit:
                    size[kind] = int(size[kind] * 1.3) + 1
                elif not found.closed:
                    size[kind] = max(12, int(size[kind] * 0.8))
                note = f"{kind} free {found.free} {'closed' if found.closed else 'stopped'}"
                board.note_phase("neighbourhood", f"{note} {spent:.1f} s")
            better = board.cost < before - 1e-7 * abs(before)
            self.failures = 0 if better else self.failures + 1

    def _choose(self, kind: str, size: int) -> tuple[np.ndarray, np.ndarray, int | None]:
        """Return (allowed arcs, arcs forced open, most changes) of a neighbourhood."""
        board = self.board
        best = board.best.is_open  # type: ignore[union-attr]
        root = board.root_open if board.root_open is not None else self.dual.mean_open
        nothing = np.zeros_like(best)
        if kind == "merge":
            others = [plan.is_open for plan in board.elite]
            taken = [best]
            for number in self.random.permutation(len(others)):
                union = np.any([*taken, others[number]], axis=0)
                common = np.all([*taken, others[number]], axis=0)
                if (union & ~common).sum() > size and len(taken) > 1:
                    break
                taken.append(others[number])
            union, common = np.any(taken, axis=0), np.all(taken, axis=0)
            if (union & ~common).any():
                return union, common, None
        if kind in ("relax", "merge"):
            # free where the strong LP is undecided or disagrees with the plan
            noise = 0.02 if self.turn < len(_KINDS) // 2 else 0.5
            doubt = np.minimum(np.abs(root - best), 1.0) + noise * self.random.random(best.size)
            doubt[~(self.candidate | best)] = -1.0
            free = np.zeros_like(best)
            free[np.argsort(-doubt, kind="stable")[:size]] = True
            free &= doubt > 0.0
            return best | free, best & ~free, None
        if kind == "near":
            # all worthwhile arcs free, but few changes
            useful = best | (self.candidate & (root > 0.01))
            return useful, nothing, max(6, min(30, size // 70))
        centre = int(self.random.integers(self.problem.n_nodes))
        near = self._near(centre)
        useful = (self.candidate | best) & (near >= 0)
        score = near + 3.0 * self.random.random(best.size)
        score[~useful] = np.inf
        free = np.zeros_like(best)
        free[np.argsort(score, kind="stable")[:size]] = True
        free &= useful
        return best | free, best & ~free, None

    def _near(self, centre: int) -> np.ndarray:
        """Return the number of steps from ``centre`` to each arc over open arcs, either way."""
        problem = self.problem
        best = self.board.best.is_open  # type: ignore[union-attr]
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
        """Anneal from a new construction, slowly: what comes out is for merging."""
        board = self.board
        arcs = np.flatnonzero(self.candidate | board.best.is_open)  # type: ignore[union-attr]
        annealer = Annealer(self.problem, arcs, int(self.random.integers(2**31)))
        state = annealer.construct()
        if state is None:
            return
        moves = 30000 + 200 * self.problem.n_commodities
        flow = annealer.run(state, n_moves=moves, hot=0.008, cold=0.00003, stop=board.stop)
        self._take(flow)
        board.note_phase("fresh start")

    def _reheat(self) -> None:
        """Anneal again from an elite plan, warmer the longer nothing has been found."""
        board, failures = self.board, self.failures
        if failures >= _PATIENCE and self.random.random() < 0.5:
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
        moves = 10000 + 100 * self.problem.n_commodities
        flow = annealer.run(state, n_moves=moves, hot=hot, cold=0.00003, stop=board.stop)
        self._take(flow)
        board.note_phase("reheat", f"hot {hot:.4f}")
