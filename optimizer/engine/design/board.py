"""What the searching and the bounding thread share: the best plan, the bound, the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from optimizer.engine.design.problem import DesignProblem, Phase
from optimizer.engine.design.routing import cheapest_flow

_MOST_ELITE = 10
_MOST_PATHS = 20000


@dataclass(frozen=True)
class Plan:
    """A design with its flow ``[arc, commodity]`` and cost."""

    cost: float
    is_open: np.ndarray
    flow: np.ndarray


def plan_of(problem: DesignProblem, flow: np.ndarray) -> Plan:
    """Return the plan that opens the arcs with flow and no others."""
    load = flow.sum(axis=1)
    is_open = load > 1e-9 * np.maximum(1.0, problem.capacity)
    cost = float(problem.fixed_cost[is_open].sum() + problem.unit_cost @ load)
    return Plan(cost, is_open, flow)


class Board:
    """Best plan, elite plans, bound, deadline. Safe to use from several threads."""

    def __init__(
        self,
        problem: DesignProblem,
        *,
        gap: float,
        time_limit_s: float,
        on_progress: Callable[[float | None, float | None], None] | None,
        cancel: threading.Event | None,
    ) -> None:
        self.problem = problem
        self.gap = gap
        self.began = time.monotonic()
        self.deadline = self.began + time_limit_s
        self.best: Plan | None = None
        self.bound = -np.inf
        self.elite: list[Plan] = []
        self.nodes = 0
        self.version = 0  # rises with every better plan
        self.phases: list[Phase] = []
        self.root_open: np.ndarray | None = None  # y of the strong LP
        self.searched: set[bytes] = set()  # neighbourhoods that were searched to their end
        self._paths: dict[tuple[int, tuple[int, ...]], None] = {}
        self._on_progress = on_progress
        self._cancel = cancel
        self._done = threading.Event()
        self._lock = threading.RLock()

    @property
    def cost(self) -> float:
        """Return the cost of the best plan, inf before the first."""
        return self.best.cost if self.best is not None else float("inf")

    @property
    def cutoff(self) -> float:
        """Return the bound at which the gap that was asked for is reached."""
        return self.cost - self.gap * abs(self.cost) if self.best is not None else float("inf")

    @property
    def seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self.began

    def left(self) -> float:
        """Return the time to the deadline, at least 0."""
        return max(0.0, self.deadline - time.monotonic())

    def finish(self) -> None:
        """Tell all threads to stop."""
        self._done.set()

    def stop(self) -> bool:
        """Return whether to stop: deadline, cancelled, gap reached or finished."""
        return (
            self._done.is_set()
            or time.monotonic() >= self.deadline
            or (self._cancel is not None and self._cancel.is_set())
            or self.bound >= self.cutoff
        )

    def offer(self, flow: np.ndarray, *, polish: bool = True) -> Plan:
        """Take the plan of a flow, re-routed at least cost if ``polish``; return it."""
        plan = plan_of(self.problem, flow)
        if polish:
            better = cheapest_flow(self.problem, plan.is_open)
            if better is not None:
                other = plan_of(self.problem, better)
                if other.cost < plan.cost:
                    plan = other
        report = False
        with self._lock:
            if plan.cost < self.cost - 1e-9 * abs(plan.cost):
                self.best = plan
                self.version += 1
                report = True
            if all(not np.array_equal(plan.is_open, other.is_open) for other in self.elite):
                self.elite = sorted([*self.elite, plan], key=lambda p: p.cost)[:_MOST_ELITE]
        if report:
            self._report()
        return plan

    def keep_paths(self, paths: Iterable[tuple[int, tuple[int, ...]]]) -> None:
        """Share (commodity, arcs) columns with all threads; the oldest go when there are many."""
        with self._lock:
            for path in paths:
                self._paths.pop(path, None)
                self._paths[path] = None
            while len(self._paths) > _MOST_PATHS:
                self._paths.pop(next(iter(self._paths)))

    def known_paths(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return the shared columns."""
        with self._lock:
            return list(self._paths)

    def raise_bound(self, bound: float) -> None:
        """Note a valid bound; it never falls, and at most the best cost is worth noting."""
        report = False
        with self._lock:
            bound = min(bound, self.cost)
            if bound > self.bound + 1e-7 * abs(bound):
                self.bound = bound
                report = True
        if report:
            self._report()

    def note_phase(self, name: str, note: str = "") -> None:
        """Keep a line about the work done so far."""
        with self._lock:
            self.phases.append(Phase(name, self.seconds, self.cost, self.bound, note))

    def _report(self) -> None:
        if self._on_progress is not None:
            bound = self.bound if np.isfinite(self.bound) else None
            self._on_progress(self.best.cost if self.best is not None else None, bound)
