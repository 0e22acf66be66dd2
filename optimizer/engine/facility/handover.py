"""The core model with what the bound fixed, handed to HiGHS: where cuts beat a larger tree."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import highspy
import numpy as np

from optimizer.engine.facility import lagrangian
from optimizer.engine.facility.core import Core, price_all
from optimizer.engine.facility.mip import run_mip
from optimizer.engine.facility.run import Run

ALL_ARCS = 25_000


def integer_model(core: Core, closed: np.ndarray, opened: np.ndarray) -> highspy.HighsLp:
    """Return the core LP with y integer and the given y fixed."""
    lp = core.solver.getLp()
    m = core.problem.m
    upper = np.array(lp.col_upper_)
    lower = np.array(lp.col_lower_)
    upper[:m][closed] = 0.0
    lower[:m][opened] = 1.0
    upper[core.first_arc :][closed[core.arc_i]] = 0.0
    upper[m + core.problem.n : core.first_arc][closed] = 0.0
    lp.col_upper_, lp.col_lower_ = upper, lower
    kinds = [highspy.HighsVarType.kContinuous] * lp.num_col_
    kinds[:m] = [highspy.HighsVarType.kInteger] * m
    lp.integrality_ = kinds
    return lp


def start_vector(run: Run, core: Core, rest: np.ndarray) -> np.ndarray | None:
    """Return the incumbent in the columns of the core model; arcs it lacks become super-arcs."""
    with run.lock:
        is_open, flow = run.open, run.flow
    if is_open is None or flow is None or is_open.sum() != is_open[rest].sum():
        return None
    p = core.problem
    at_rest = np.full(len(is_open), -1, np.int64)
    at_rest[rest] = np.arange(len(rest))
    x = np.zeros(core.first_arc + len(core.arc_i))
    x[: p.m] = is_open[rest]
    where = np.full((p.m, p.n), -1, np.int64)
    where[core.arc_i, core.arc_j] = np.arange(len(core.arc_i))
    facility, customer, share = flow
    facility = at_rest[facility]
    at = where[facility, customer]
    inside = at >= 0
    x[core.first_arc + at[inside]] = share[inside]
    np.add.at(x, p.m + customer[~inside], share[~inside])
    np.add.at(x, p.m + p.n + facility[~inside], (share * p.demand[customer])[~inside])
    return x


def solve_rest(
    run: Run,
    capacity: np.ndarray,
    prices: np.ndarray,
    closed: np.ndarray,
    opened: np.ndarray,
    cutoff: float,
    done: threading.Event,
    *,
    most_arcs: int = ALL_ARCS,
) -> bool:
    """Run HiGHS on the facilities not closed; True when that settles the problem.

    Its bound, no more than ``cutoff``, is the problem's: the facilities left out cannot be open in
    any plan below ``cutoff``, and arcs left out are stood for by super-arcs. It ends where its
    bound reaches ``cutoff``.
    """
    from optimizer.engine.facility.capacitated import offer_open

    p = run.problem
    rest = np.flatnonzero(~closed)
    part = replace(
        p, fixed_cost=p.fixed_cost[rest], capacity=p.capacity[rest], unit_cost=p.unit_cost[rest]
    )
    limit = np.minimum(part.capacity, p.demand.sum())
    free = np.zeros(part.m, np.int8)
    priced = price_all(part, limit, free, 0, prices)
    reduced = part.unit_cost + priced.alpha[:, None] * p.demand - prices
    keep = np.isfinite(reduced)
    if keep.sum() > most_arcs:
        keep &= reduced <= np.partition(reduced[keep], most_arcs)[most_arcs]
    least = int(lagrangian.least_open(p.demand.sum(), limit, free))
    core = Core(part, prices, priced.alpha, keep=keep, least=least, seed=run.options.seed)
    state = core.solve(run.deadline)
    if state is None:
        return False
    core.reprice(state.capacity_dual)

    def offer(x: np.ndarray) -> None:
        is_open = np.zeros(p.m, bool)
        is_open[rest[x[: part.m] > 0.5]] = True
        offer_open(run, is_open)

    for _ in range(6):
        answer = run_mip(
            integer_model(core, np.zeros(part.m, bool), opened[rest]),
            gap=0.5 * run.options.gap,
            deadline=run.deadline,
            seed=run.options.seed,
            start=start_vector(run, core, rest),
            stop=lambda: done.is_set() or run.stop() or run.bound >= cutoff,
            on_bound=lambda bound: run.raise_bound(min(bound, cutoff)),
            on_solution=lambda x, _: offer(x),
        )
        run.nodes += answer.nodes
        if answer.x is not None:
            offer(answer.x)
        if answer.status == "infeasible":
            run.raise_bound(cutoff)
        elif math.isfinite(answer.bound):
            run.raise_bound(min(answer.bound, cutoff))
        if run.stop() or answer.status != "optimal" or answer.x is None:
            break
        excess = np.flatnonzero(answer.x[part.m : part.m + p.n] > 1e-9)
        grow = np.zeros((part.m, p.n), bool)
        grow[:, excess] = np.isfinite(part.unit_cost[:, excess])
        if not len(excess) or not core.add_arcs(grow):
            break
    return run.is_closed()
