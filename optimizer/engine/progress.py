"""What a solve tells while it runs, the clock it runs by, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from optimizer.checkpoint import Checkpoint

USUAL_GAP = 1e-3  # the default; `optimizer.plan.verify` takes "optimal" to mean at most this


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step of a solve. ``incumbent`` and ``bound`` are None until there is one."""

    phase: str
    seconds: float
    incumbent: float | None = None
    bound: float | None = None
    detail: str = ""

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

    def report(
        self,
        phase: str,
        incumbent: float | None = None,
        bound: float | None = None,
        detail: str = "",
    ) -> None:
        """Tell where the solve is; the best incumbent and bound so far are kept (minimisation)."""
        if incumbent is not None and (self.incumbent is None or incumbent < self.incumbent):
            self.incumbent = incumbent
        if bound is not None and (self.bound is None or bound > self.bound):
            self.bound = bound
            if self.checkpoint is not None:
                self.checkpoint.save(None, float("inf"), bound)
        if self.on_progress is not None:
            best = None if self.incumbent is None else self.sign * self.incumbent
            limit = None if self.bound is None else self.sign * self.bound
            self.on_progress(ProgressEvent(phase, self.seconds, best, limit, detail))
