"""One interface for every solver: options in, `SolverResult` out.

Time limit, gap, threads and seed mean the same for all; a solver that cannot honour an option says
so in ``notes``. An adapter never trusts the solver's own word: `checked` recomputes feasibility and
the objective of what came back, and a plan that does not hold is a `SOLVER_ERROR`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from optimizer.plan.plan import Status

SOLVERS = ("auto", "highs", "scip", "cbc", "cp-sat")


@dataclass(frozen=True)
class SolverOptions:
    """How to solve. ``gap`` is relative, (objective - bound) / |objective|."""

    time_limit_s: float = float("inf")
    gap: float = 1e-4
    threads: int = 1
    seed: int = 0
    start: np.ndarray | None = None  # a full vector of column values, feasible or not
    on_progress: Callable[[float | None, float | None], None] | None = None  # (incumbent, bound)
    on_solution: Callable[[np.ndarray], None] | None = None  # each better plan; HiGHS only
    memory_limit_mb: float = float("inf")  # for solvers that account for theirs: SCIP
    cancel: threading.Event | None = None  # set it and the solver stops soon, keeping its best
    # False: the start is good, all work goes into the proof (HiGHS only)
    heuristics: bool = True


@dataclass(frozen=True)
class SolverResult:
    """What came back. ``x`` is None unless ``status.has_plan``; ``bound`` is -inf if none."""

    status: Status
    x: np.ndarray | None
    objective: float
    bound: float
    solver: str  # name and version
    said: str  # the solver's own words for its status
    seconds: float
    duals: np.ndarray | None = None  # row duals, LPs only
    reduced_costs: np.ndarray | None = None  # LPs only
    nodes: int | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
