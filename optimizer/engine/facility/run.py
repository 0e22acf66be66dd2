"""The running state of one solve: best plan, best bound, clock, events."""

from __future__ import annotations

import math
import threading
import time

import numpy as np

from optimizer.engine.facility.problem import (
    Certificate,
    FacilityEvent,
    FacilityOptions,
    FacilityProblem,
    FacilityResult,
)
from optimizer.plan.plan import Status


class Run:
    """Keeps incumbent and bound, tells progress, knows when to stop."""

    def __init__(self, problem: FacilityProblem, options: FacilityOptions) -> None:
        self.problem = problem
        self.options = options
        self.started = time.perf_counter()
        self.deadline = self.started + options.time_limit_s
        self.is_whole = problem.has_integer_objective
        self.objective = math.inf
        self.bound = -math.inf
        self.open: np.ndarray | None = None
        self.flow: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.phase = "start"
        self.phases: dict[str, float] = {}
        self._phase_started = self.started
        self.trace: list[tuple[float, float, float]] = []
        self.certificate: Certificate | None = None
        self.nodes = 0
        self.method = ""
        self.lock = threading.RLock()  # two searches may report at once
        self.halt = np.zeros(1, np.int64)  # read by compiled loops: 1 means stop now
        self._over = threading.Event()
        if options.cancel is not None or math.isfinite(options.time_limit_s):
            threading.Thread(target=self._watch, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def left(self) -> float:
        """Seconds until the time limit."""
        return self.deadline - time.perf_counter()

    @property
    def cancelled(self) -> bool:
        """True when the caller asked to stop."""
        return self.options.cancel is not None and self.options.cancel.is_set()

    def close(self) -> None:
        """Let the watch end."""
        self._over.set()

    def _watch(self) -> None:
        """Set ``halt`` when the time is up or the caller cancels: compiled loops cannot ask."""
        tick = 3600.0 if self.options.cancel is None else 0.05
        while not self._over.wait(max(0.0, min(tick, self.left))):
            if self.cancelled or self.left <= 0:
                self.halt[0] = 1
                return

    def enter(self, phase: str) -> None:
        """Start a phase; the seconds of the last one are booked."""
        now = time.perf_counter()
        self.phases[self.phase] = self.phases.get(self.phase, 0.0) + now - self._phase_started
        self.phase, self._phase_started = phase, now

    def stop(self) -> bool:
        """Return True when the gap is closed, the time is up or the caller cancelled."""
        return self.cancelled or self.left <= 0 or self.is_closed()

    def is_closed(self) -> bool:
        """Return True when the gap that was asked for is reached."""
        if not math.isfinite(self.objective):
            return False
        return self.objective - self.bound <= self.options.gap * abs(self.objective) + 1e-9

    def cutoff(self) -> float:
        """Return the value below which a plan would be worth finding (inf without an incumbent).

        Proving that no plan is below it closes the gap; with whole objectives the next better plan
        is a whole unit away.
        """
        cutoff = self.objective * (1.0 - 0.5 * self.options.gap)
        if self.is_whole:
            cutoff = min(cutoff, self.objective - 0.5)
        return cutoff

    def raise_bound(self, bound: float) -> None:
        """Take a proven bound, if it is better."""
        if self.is_whole and math.isfinite(bound):
            bound = math.ceil(bound - 1e-6 * max(1.0, abs(bound) * 1e-3))
        with self.lock:
            bound = min(bound, self.objective)
            if bound > self.bound:
                self.bound = bound
                self._tell()

    def offer(
        self,
        is_open: np.ndarray,
        facility: np.ndarray,
        customer: np.ndarray,
        share: np.ndarray,
    ) -> bool:
        """Take a plan, if it is better; its objective is recomputed here from the data."""
        p = self.problem
        keep = share > 1e-12
        facility, customer, share = facility[keep], customer[keep], share[keep]
        is_open = np.asarray(is_open, bool) & (np.bincount(facility, minlength=p.m) > 0)
        value = float(p.fixed_cost[is_open].sum())
        value += float((p.unit_cost[facility, customer] * share).sum())
        if not value < self.objective - 1e-12 * abs(value) or not math.isfinite(value):
            return False
        load = np.bincount(facility, weights=share * p.demand[customer], minlength=p.m)
        served = np.bincount(customer, weights=share, minlength=p.n)
        slack = 1e-6 * np.maximum(1.0, np.minimum(p.capacity, 1e30))
        if (np.abs(served - 1.0) > 1e-7).any() or (load > p.capacity + slack).any():
            return False
        if p.single_source and (share < 1.0 - 1e-9).any():
            return False
        with self.lock:
            if not value < self.objective:
                return False
            self.objective = value
            self.open = is_open
            self.flow = (facility, customer, share)
            self._tell()
        return True

    def offer_sources(self, source: np.ndarray) -> bool:
        """Take a plan in which customer j is served by facility source[j] alone."""
        n = self.problem.n
        is_open = np.bincount(source, minlength=self.problem.m) > 0
        return self.offer(is_open, np.asarray(source, np.int64), np.arange(n), np.ones(n))

    def _tell(self) -> None:
        self.trace.append((self.seconds, self.objective, self.bound))
        if self.options.on_progress is not None:
            self.options.on_progress(
                FacilityEvent(self.phase, self.objective, self.bound, self.seconds)
            )

    def result(self, *, infeasible: bool = False) -> FacilityResult:
        """Return what the run has reached."""
        self.close()
        self.enter("end")
        self.phases.pop("start", None)
        self.phases.pop("end", None)
        empty = np.empty(0, np.int64)
        facility, customer, share = self.flow or (empty, empty, np.empty(0))
        if infeasible:
            status = Status.INFEASIBLE
        elif self.open is None:
            status = Status.NO_PLAN_IN_TIME
        else:
            status = Status.OPTIMAL if self.is_closed() else Status.FEASIBLE
        return FacilityResult(
            status=status,
            objective=self.objective,
            bound=math.inf if infeasible else self.bound,
            open=self.open if self.open is not None else np.zeros(self.problem.m, bool),
            facility=facility,
            customer=customer,
            share=share,
            certificate=self.certificate,
            method=self.method,
            seconds=self.seconds,
            phases={name: round(spent, 4) for name, spent in self.phases.items()},
            nodes=self.nodes,
            peak_memory_mb=peak_memory_mb(),
            trace=tuple(self.trace),
        )


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process, from the operating system, in MB."""
    try:
        import resource
    except ImportError:  # not on Windows
        return float("nan")
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0 if sys.platform == "darwin" else 1024.0)
