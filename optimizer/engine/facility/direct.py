"""The full strong model handed to HiGHS: the best method for small instances, no compilation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from optimizer.engine.facility.mip import columnwise_lp, run_mip
from optimizer.engine.facility.problem import Certificate
from optimizer.engine.facility.run import Run

BIG = 1e30


def solve_direct(
    run: Run,
    arcs: np.ndarray | None = None,
    *,
    gap: float | None = None,
    deadline: float | None = None,
    cutoff: float | None = None,
    must: np.ndarray | None = None,
    phase: str = "direct",
    restart: Callable[[], bool] | None = None,
    most_checks: int | None = None,
) -> str:
    """Solve with all arcs, or those of a mask.

    The bound counts for the whole problem when ``arcs`` is None, or, up to ``cutoff``, when the
    caller knows that no plan below ``cutoff`` leaves the mask or closes a facility of ``must``.
    Returns how the solver ended: "optimal", "stopped", "infeasible", "error", or "restart" when
    ``restart`` said so (a better plan makes the mask smaller).
    """
    proves = arcs is None or cutoff is not None
    ceiling = math.inf if cutoff is None else cutoff
    p = run.problem
    m, n = p.m, p.n
    usable = np.isfinite(p.unit_cost)
    if arcs is not None:
        usable &= arcs
    if p.single_source:
        usable &= p.demand <= p.capacity[:, None] * (1 + 1e-9)
    i, j = np.nonzero(usable)
    count = len(i)
    total = float(p.demand.sum())
    capacity = np.minimum(p.capacity, total)
    a = np.arange(count)
    capacitated = not p.is_uncapacitated
    rows = [j, n + a, n + a]
    columns = [m + a, m + a, i]
    values = [np.ones(count), np.ones(count), -np.ones(count)]
    low: list[np.ndarray] = [np.ones(n), np.full(count, -BIG)]
    high: list[np.ndarray] = [np.ones(n), np.zeros(count)]
    if capacitated:
        first = n + count
        rows += [first + i, first + np.arange(m), np.full(m, first + m)]
        columns += [m + a, np.arange(m), np.arange(m)]
        values += [p.demand[j], -capacity, capacity]
        low += [np.full(m, -BIG), np.array([total])]
        high += [np.zeros(m), np.array([BIG])]
    row_lower, row_upper = np.concatenate(low), np.concatenate(high)
    matrix = csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(row_lower), m + count),
    )
    integer = np.zeros(m + count, bool)
    integer[:m] = True
    if p.single_source:
        integer[m:] = True
    lp = columnwise_lp(
        np.concatenate([p.fixed_cost, p.unit_cost[i, j]]),
        np.ones(m + count), matrix, row_lower, row_upper, integer,
    )  # fmt: skip

    def take(x: np.ndarray) -> None:
        share = x[m:].copy()
        if p.single_source:
            share = np.round(share)
        share[share < 1e-9] = 0.0
        served = np.bincount(j, weights=share, minlength=n)
        share /= np.where(served > 0, served, 1.0)[j]
        run.offer(x[:m] > 0.5, i, j, share)

    if must is not None:
        lower = np.zeros(m + count)
        lower[:m][must] = 1.0
        lp.col_lower_ = lower
    start = None
    if run.open is not None and run.flow is not None and usable[run.flow[0], run.flow[1]].all():
        start = np.zeros(m + count)
        start[:m] = run.open
        where = np.full((m, n), -1)
        where[i, j] = a
        facility, customer, share = run.flow
        start[m + where[facility, customer]] = share
    run.enter(phase)
    answer = run_mip(
        lp,
        gap=run.options.gap if gap is None else gap,
        deadline=run.deadline if deadline is None else deadline,
        seed=run.options.seed,
        stop=lambda: run.cancelled or run.is_closed() or (restart is not None and restart()),
        on_bound=(lambda bound: run.raise_bound(min(bound, ceiling))) if proves else None,
        on_solution=lambda x, _: take(x),
        start=start,
        most_checks=most_checks,
    )
    run.nodes += answer.nodes
    if answer.x is not None:
        take(answer.x)
    if proves and answer.status in ("optimal", "stopped") and math.isfinite(answer.bound):
        run.raise_bound(min(answer.bound, ceiling))
    if cutoff is not None and answer.status == "infeasible":
        run.raise_bound(cutoff)
    if run.certificate is None:
        dual = p.unit_cost.min(axis=0)
        dual = np.where(np.isfinite(dual), dual, 0.0)
        run.certificate = Certificate(
            customer_dual=dual,
            surrogate_dual=0.0,
            dual_bound=float(dual.sum()),
            tree_bound=run.bound,
            tree_said=f"HiGHS: {answer.said}",
            cutoff=run.objective,
        )
    if restart is not None and answer.status == "stopped" and restart() and run.left > 0:
        return "restart"
    return answer.status
