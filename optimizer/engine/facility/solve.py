"""`solve_facility`: recognise the structure, pick the method."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import (
    FacilityEvent,
    FacilityOptions,
    FacilityProblem,
    FacilityResult,
)
from optimizer.engine.facility.run import Run

Assignment = tuple[np.ndarray, np.ndarray, np.ndarray]  # facility, customer, share
TINY = 100  # up to which single source is left to HiGHS alone
SMALL = 3_000  # facilities x customers up to which HiGHS alone is at least as fast
TRIED = 10_000  # up to which HiGHS has the first go: what is easy needs no compiled kernels
FIRST_GO = 12  # checks of its limits that this first go lasts: past presolve, cuts and one dive


def choose_method(problem: FacilityProblem) -> tuple[str, str]:
    """Return (method, why): ``direct``, ``uncapacitated``, ``single_source`` or ``capacitated``."""
    size = problem.m * problem.n
    if size <= (TINY if problem.single_source else SMALL):
        return "direct", f"{size} arcs are few: the full strong model in HiGHS is fastest"
    if problem.is_uncapacitated:
        return "uncapacitated", "no facility can be full: nearest open facility serves"
    if problem.single_source:
        return (
            "single_source",
            "one facility per customer: knapsack dual, split delivery, reduced model",
        )
    return "capacitated", "split delivery: Lagrangian dual, core LP, exact search, reduced tree"


def solve_facility(
    problem: FacilityProblem,
    *,
    gap: float = 1e-4,
    time_limit_s: float = math.inf,
    threads: int = 2,
    seed: int = 0,
    start: np.ndarray | None = None,
    on_progress: Callable[[FacilityEvent], None] | None = None,
    cancel: threading.Event | None = None,
    method: str | None = None,
    on_incumbent: Callable[[float, Assignment], None] | None = None,
) -> FacilityResult:
    """Return the best plan found and a proven bound.

    ``start`` is a boolean open set to try first. ``method`` overrides `choose_method`.
    ``on_incumbent`` is called with the objective of each better plan and its assignment: facility,
    customer and share of the demand.
    """
    seen = math.inf

    def tell(event: FacilityEvent) -> None:
        nonlocal seen
        if on_incumbent is not None and run.objective < seen and run.flow is not None:
            seen = run.objective
            on_incumbent(run.objective, run.flow)
        if on_progress is not None:
            on_progress(event)

    options = FacilityOptions(gap, time_limit_s, threads, seed, start, tell, cancel)
    run = Run(problem, options)
    try:
        return _solve(run, method)
    finally:
        run.close()


def _solve(run: Run, method: str | None) -> FacilityResult:
    problem = run.problem
    chosen = method or choose_method(problem)[0]
    run.method = chosen
    if not _can_serve(problem):
        return run.result(infeasible=True)
    size = problem.m * problem.n
    easy = size <= TRIED and (problem.single_source or problem.is_uncapacitated)
    if chosen != "direct" and method is None and easy:
        status = solve_direct(run, most_checks=FIRST_GO)
        if run.stop() or status in ("infeasible", "optimal"):
            run.method = "direct"
            return run.result(infeasible=status == "infeasible")
    if chosen == "direct":
        status = solve_direct(run)
        return run.result(infeasible=status == "infeasible")
    if chosen == "uncapacitated":
        from optimizer.engine.facility.uncapacitated import solve_uncapacitated

        return solve_uncapacitated(run)
    if chosen == "single_source":
        from optimizer.engine.facility.single_source import solve_single_source

        return solve_single_source(run)
    from optimizer.engine.facility.capacitated import solve_capacitated

    return solve_capacitated(run)


def _can_serve(problem: FacilityProblem) -> bool:
    """Return False when total capacity or a customer without an arc already forbids any plan."""
    if not np.isfinite(problem.unit_cost).any(axis=0).all():
        return False
    return bool(problem.capacity.sum() >= problem.demand.sum() * (1 - 1e-12))
