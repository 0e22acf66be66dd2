"""A start for the integer model: decisions of an earlier plan, completed by a linear program.

A whole plan is completed as it stands. Where it does not fit the changed problem, or is partial, a
small integer model is solved over what the plan and the relaxation use, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.decided import decided
from optimizer.engine.fixing import Narrowed, narrowed, priced
from optimizer.engine.progress import Watch
from optimizer.linear import CompiledModel
from optimizer.model.agglomeration import cluster_curves
from optimizer.model.base import NO_PLAN, SitingModel
from optimizer.plan.plan import Plan, Status
from optimizer.solvers import SolverOptions, SolverResult, solve_model

if TYPE_CHECKING:
    from optimizer.engine.root import Relaxation

REPAIR_S = 20.0  # most seconds for the small integer model
REPAIR_GAP = 3e-4
KERNEL_FROM = 100  # integers from which a kernel is solved before the whole model
KERNEL_BEYOND = 2.0  # gaps: a start nearer to the relaxation leaves little for a kernel to find
KERNEL_S = 90.0
KERNEL_SHARE = 0.4
KERNEL_ROUNDS = 4
ALWAYS = ("reach", "whole")  # follow from what is hosted: leaving some out only spoils plans


def first_plan(
    m: SitingModel,
    relaxation: Relaxation,
    watch: Watch,
    start: Plan | Mapping[Hashable, float] | None,
    gap: float,
    with_kernel: bool,
) -> np.ndarray | None:
    """Return column values of a plan to begin with, as good as can be had quickly, or None.

    The start, completed, if it is close enough to the relaxation; else the best plan over what
    the start and the relaxation use. Capacities that it needs get their rows.
    """
    first = None
    if start is not None:
        wanted = plan_values(m, start) if isinstance(start, Plan) else start
        runs = {s for s in m.problem.table("services")["service_id"] if wanted.get(("service", s))}
        relaxation.fill_if_open(runs)
        first = start_vector(m, wanted, relaxation.x, watch)
        first = _checked(m, relaxation, watch, "start", first)
    value = np.inf if first is None else _value(m, first)
    far = np.inf if first is None else (value - relaxation.bound) / max(abs(value), 1e-12)
    few = sum(m.lp.integer) < KERNEL_FROM
    if not with_kernel or few or (far <= KERNEL_BEYOND * gap and relaxation.is_bound):
        return first
    for _ in range(KERNEL_ROUNDS):
        if watch.stopped:
            break
        watch.report("kernel", detail="a plan from what the relaxation uses")
        found = kernel_start(m, relaxation.x, watch, gap, first)
        better = _checked(m, relaxation, watch, "kernel", found)
        if better is not None:
            return better if _value(m, better) < value else first
        if found is None:
            break
    return first


def worth_trying(
    m: SitingModel, relaxation: Relaxation, model: CompiledModel, best: np.ndarray, gap: float
) -> Narrowed:
    """Return ``model`` without integers at which every plan is less than ``gap`` below ``best``."""
    value = _value(m, padded(m, best))
    cutoff = value - gap * abs(value)
    return narrowed(model, priced(model, relaxation.duals), cutoff, padded(m, best))


def without_overflow(m: SitingModel, model: CompiledModel) -> CompiledModel:
    """Return ``model`` without goods that overflow; what may fill a least load stays."""
    return _without(m, model, ("overflow",))


def plans_only(m: SitingModel, model: CompiledModel) -> CompiledModel:
    """Return ``model`` without anything that no plan has."""
    return _without(m, model, NO_PLAN)


def _without(m: SitingModel, model: CompiledModel, kinds: tuple[str, ...]) -> CompiledModel:
    ub = model.ub.copy()
    ub[[c for k, c in m.lp.col.items() if k[0] in kinds]] = 0.0
    return replace(model, ub=ub)


def padded(m: SitingModel, x: np.ndarray) -> np.ndarray:
    """Column values with 0 for the columns that came after them."""
    return np.concatenate([x, np.zeros(m.lp.n_cols - len(x))])


def _value(m: SitingModel, x: np.ndarray) -> float:
    return float(np.dot(m.lp.cost, x)) + m.lp.offset


def _checked(
    m: SitingModel, relaxation: Relaxation, watch: Watch, phase: str, x: np.ndarray | None
) -> np.ndarray | None:
    """Return ``x``, or None where it exceeds a capacity without a row, which then gets one."""
    if x is None or relaxation.add_violated(x):
        return None
    watch.report(phase, incumbent=_value(m, x), decisions=partial(decided, m, x))
    return x


def start_vector(
    m: SitingModel,
    start: Plan | Mapping[Hashable, float],
    relaxed: np.ndarray,
    watch: Watch,
    *,
    repair: bool = True,
) -> np.ndarray | None:
    """Return column values of a feasible plan close to ``start``, or None if there is none near it.

    Parameters
    ----------
    start
        A plan, or column values by key (of an earlier solve).
    relaxed
        Column values of the relaxation of ``m``.
    repair
        Where the start as it stands does not fit, try what it and the relaxation use.
    """
    wanted = plan_values(m, start) if isinstance(start, Plan) else start
    model = plans_only(m, m.lp.compile())
    value = np.array([wanted.get(key, 0.0) for key in m.lp.col_keys])
    for key in m.lp.row:
        if key[0] == "required":
            value[m.lp.col["open", key[1]]] = 1.0
    whole = np.clip(np.round(value), model.lb, model.ub)
    fixed = replace(
        model,
        lb=np.where(model.integer, whole, model.lb),
        ub=np.where(model.integer, whole, model.ub),
        integer=np.zeros_like(model.integer),
    )
    limit = max(1.0, watch.left_s / 4)
    result = solve_model(fixed, "highs", SolverOptions(time_limit_s=limit, cancel=watch.cancel))
    if result.status.has_plan and _is_plan(m, result.x):
        return result.x
    if not repair:
        return None
    used = (whole > 0.5) | (padded(m, relaxed) > 1e-6) | _always(m)
    small = replace(model, ub=np.where(model.integer & ~used, np.maximum(model.lb, 0.0), model.ub))
    options = SolverOptions(time_limit_s=min(REPAIR_S, limit), gap=REPAIR_GAP, cancel=watch.cancel)
    result = solve_model(small, "highs", options)
    if result.status.has_plan and _is_plan(m, result.x):
        return result.x
    return None


def kernel_start(
    m: SitingModel, relaxed: np.ndarray, watch: Watch, gap: float, first: np.ndarray | None = None
) -> np.ndarray | None:
    """Return a good plan from the integers that the relaxation uses, or None if none was found.

    On large problems a solver spends its time far from any plan; over this kernel (Guastaroba and
    Speranza 2012) the integer model is small and its plans are close to the best. What ``first``,
    a plan, uses is in the kernel too.
    """
    model = plans_only(m, m.lp.compile())
    kept = ~model.integer | (padded(m, relaxed) > 1e-6) | _always(m)
    if first is not None:
        first = padded(m, first)
        kept |= first > 0.5
    small = replace(model, ub=np.where(kept, model.ub, np.maximum(model.lb, 0.0)))
    limit = min(KERNEL_S, watch.left_s * KERNEL_SHARE)
    options = SolverOptions(time_limit_s=limit, gap=gap / 2, start=first, cancel=watch.cancel)
    result = solve_to_gap(small, "highs", options, watch)
    if result.status.has_plan and _is_plan(m, result.x):
        return result.x
    return None


def solve_to_gap(
    model: CompiledModel, solver: str, options: SolverOptions, watch: Watch
) -> SolverResult:
    """Return what `solve_model` returns; without the start, if it got stuck there before its time.

    HiGHS can find a better plan that it cannot carry back through its presolve: then it ends as if
    that plan were there, and hands out the start.
    """
    result = solve_model(model, solver, options)
    if result.status is not Status.FEASIBLE or options.start is None or watch.stopped:
        return result
    limit = min(options.time_limit_s, watch.left_s)
    again = solve_model(model, solver, replace(options, start=None, time_limit_s=limit))
    if again.x is None or again.objective >= result.objective:
        return result
    bound = max(result.bound, min(again.bound, again.objective))
    closed = again.objective - bound <= options.gap * abs(again.objective)
    status = Status.OPTIMAL if closed else again.status
    return replace(again, bound=bound, status=status)


def _always(m: SitingModel) -> np.ndarray:
    return np.array([key[0] in ALWAYS for key in m.lp.col_keys])


def _is_plan(m: SitingModel, x: np.ndarray | None) -> bool:
    return x is not None and not any(
        x[c] > 1e-6 for key, c in m.lp.col.items() if key[0] in NO_PLAN
    )


def plan_values(m: SitingModel, plan: Plan) -> dict[Hashable, float]:
    """Return the integer columns of ``m`` that are not zero in ``plan``, by key."""
    problem = m.problem
    zone_at = {z: k for k, z in enumerate(problem.zones)}
    industry_at = {i: k for k, i in enumerate(problem.industries)}
    block_at = {
        (o, problem.industries[i]): b
        for b, (o, i) in enumerate(zip(problem.block_origin, problem.block_industry, strict=True))
    }
    values: dict[Hashable, float] = {}
    for zone in plan.open_zones:
        if zone in zone_at:
            values["open", zone_at[zone]] = 1.0
    for zone, industry in plan.hosts:
        if zone in zone_at and industry in industry_at:
            values["host", zone_at[zone], industry_at[industry]] = 1.0
    values |= {("module", module): float(count) for module, count in plan.modules}
    values |= {("project", project): 1.0 for project in plan.projects}
    values |= {("service", service): 1.0 for service in plan.services}
    clusters = list(problem.table("industries")["cluster_id"])
    output: dict[tuple[int, str], float] = defaultdict(float)
    for move in plan.moves:
        if (move.origin_id, move.industry_id) not in block_at or move.zone_id not in zone_at:
            continue
        values[
            "whole", block_at[move.origin_id, move.industry_id], "zone", zone_at[move.zone_id]
        ] = 1.0
        output[zone_at[move.zone_id], clusters[industry_at[move.industry_id]]] += move.output_mcny
    for origin, industry, rival, _ in plan.rivals:
        if (origin, industry) in block_at and rival in problem.rivals:
            values["whole", block_at[origin, industry], "rival", problem.rivals.index(rival)] = 1.0
    for origin, industry, _ in plan.stays:
        if (origin, industry) in block_at:
            values["whole", block_at[origin, industry], "stay", 0] = 1.0
    values |= _reached(m, output)
    return values


def _reached(m: SitingModel, output: Mapping[tuple[int, str], float]) -> dict[Hashable, float]:
    """The stretches of each agglomeration curve that the output has begun."""
    curves = cluster_curves(m.problem)
    return {
        key: 1.0
        for key in m.lp.col
        if key[0] == "reach" and output.get(key[1:3], 0.0) > curves[key[2]][0][key[3]]
    }
