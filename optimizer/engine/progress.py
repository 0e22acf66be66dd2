"""What a solve tells while it runs, the clock it runs by, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optimizer.checkpoint import Checkpoint

USUAL_GAP = 1e-3  # the default; `optimizer.plan.verify` takes "optimal" to mean at most this
Decisions = Mapping[str, Any]  # what a plan decides, by the names of its fields


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step of a solve. ``incumbent`` and ``bound`` are None until there is one.

    ``decisions`` gives what the incumbent decides, by the names of `optimizer.Plan`'s fields
    (``open_zones``, ``projects`` ...): worked out when it is called, None without an incumbent.
    ``result`` is there in the last event of `optimizer.solve_events` only.
    """

    phase: str
    seconds: float
    incumbent: float | None = None
    bound: float | None = None
    detail: str = ""
    decisions: Callable[[], Decisions] | None = field(default=None, repr=False, compare=False)
    result: Any = field(default=None, repr=False, compare=False)  # an `optimizer.Result`

    @property
    def gap(self) -> float | None:
        """Relative distance of incumbent and bound."""
        if self.incumbent is None or self.bound is None:
            return None
        return abs(self.incumbent - self.bound) / max(abs(self.incumbent), 1e-12)


def gap_reached(gap: float) -> str:
    """Return the stop reason of a solve that proved the gap it was asked for.

    A gap wider than usual is named, so that "optimal" is never read as more than was proven.
    """
    return "gap reached" if gap <= USUAL_GAP else f"gap of {gap:.10g} reached"


class LinkedEvent(threading.Event):
    """An event that is also set when another one is; setting it leaves the other one alone."""

    def __init__(self, other: threading.Event | None = None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Return whether this event or the other one is set."""
        return super().is_set() or (self._other is not None and self._other.is_set())


@dataclass
class Watch:
    """The clock of one solve: time left, cancellation, and reports to ``on_progress``.

    ``sign`` is -1 when the objective is maximised: solvers minimise, people read the true value.
    """

    time_limit_s: float = float("inf")
    on_progress: Callable[[ProgressEvent], None] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    sign: float = 1.0
    started: float = field(default_factory=time.perf_counter)
    incumbent: float | None = None
    bound: float | None = None
    checkpoint: Checkpoint | None = None
    gap: float = USUAL_GAP  # relative gap asked for
    memory_limit_mb: float = float("inf")  # for solvers that keep one of their own
    decisions: Callable[[], Decisions] | None = None  # of the incumbent

    @property
    def seconds(self) -> float:
        """Seconds since the solve began."""
        return time.perf_counter() - self.started

    @property
    def left_s(self) -> float:
        """Seconds left of the time limit."""
        return max(0.0, self.time_limit_s - self.seconds)

    @property
    def stopped(self) -> bool:
        """True once the time is over or the solve was cancelled."""
        return self.cancel.is_set() or self.left_s <= 0

    @property
    def is_closed(self) -> bool:
        """True once best incumbent and best bound, of whatever part of the run, meet the gap."""
        if self.incumbent is None or self.bound is None:
            return False
        return self.incumbent - self.bound <= self.gap * abs(self.incumbent)

    def report(
        self,
        phase: str,
        incumbent: float | None = None,
        bound: float | None = None,
        detail: str = "",
        decisions: Callable[[], Decisions] | None = None,
    ) -> None:
        """Tell where the solve is; the best incumbent and bound so far are kept (minimisation).

        ``decisions`` are those of ``incumbent``.
        """
        if incumbent is not None and (self.incumbent is None or incumbent < self.incumbent):
            self.incumbent, self.decisions = incumbent, decisions
        if bound is not None and (self.bound is None or bound > self.bound):
            self.bound = bound
            if self.checkpoint is not None:
                self.checkpoint.save(None, float("inf"), bound)
        if self.on_progress is not None:
            best = None if self.incumbent is None else self.sign * self.incumbent
            limit = None if self.bound is None else self.sign * self.bound
            event = ProgressEvent(phase, self.seconds, best, limit, detail, self.decisions)
            self.on_progress(event)
