"""A start for the integer model: decisions of an earlier plan, completed by a linear program.

A whole plan is completed as it stands. Where it does not fit the changed problem, or is partial, a
small integer model is solved over what the plan and the relaxation use, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np

from optimizer.engine.progress import Watch
from optimizer.model.base import SitingModel
from optimizer.plan.plan import Plan
from optimizer.solvers import SolverOptions, solve_model

REPAIR_S = 20.0  # most seconds for the small integer model
REPAIR_GAP = 3e-4
LARGE = 4_000  # integers from which a kernel is solved first
KERNEL_S = 90.0
KERNEL_SHARE = 0.4


def start_vector(
    m: SitingModel, start: Plan | Mapping[Hashable, float], relaxed: np.ndarray, watch: Watch
) -> np.ndarray | None:
    """Return column values of a feasible plan close to ``start``, or None if there is none near it.

    Parameters
    ----------
    start
        A plan, or column values by key (of an earlier solve).
    relaxed
        Column values of the relaxation of ``m``.
    """
    wanted = plan_values(m, start) if isinstance(start, Plan) else start
    model = m.lp.compile()
    value = np.array([wanted.get(key, 0.0) for key in m.lp.col_keys])
    whole = np.clip(np.round(value), model.lb, model.ub)
    fixed = replace(
        model,
        lb=np.where(model.integer, whole, model.lb),
        ub=np.where(model.integer, whole, model.ub),
        integer=np.zeros_like(model.integer),
    )
    limit = max(1.0, watch.left_s / 4)
    result = solve_model(fixed, "highs", SolverOptions(time_limit_s=limit, cancel=watch.cancel))
    if result.status.has_plan and _without_overflow(m, result.x):
        return result.x
    used = (whole > 0.5) | (relaxed > 1e-6)
    small = replace(model, ub=np.where(model.integer & ~used, np.maximum(model.lb, 0.0), model.ub))
    options = SolverOptions(time_limit_s=min(REPAIR_S, limit), gap=REPAIR_GAP, cancel=watch.cancel)
    result = solve_model(small, "highs", options)
    if result.status.has_plan and _without_overflow(m, result.x):
        return result.x
    return None


def kernel_start(
    m: SitingModel, relaxed: np.ndarray, watch: Watch, gap: float
) -> np.ndarray | None:
    """Return a good plan from the integers that the relaxation uses, or None if none was found.

    On large problems a solver spends its time far from any plan; over this kernel (Guastaroba and
    Speranza 2012) the integer model is small and its plans are close to the best.
    """
    model = m.lp.compile()
    kept = ~model.integer | (relaxed > 1e-6)
    small = replace(model, ub=np.where(kept, model.ub, np.maximum(model.lb, 0.0)))
    limit = min(KERNEL_S, watch.left_s * KERNEL_SHARE)
    options = SolverOptions(time_limit_s=limit, gap=gap / 2, cancel=watch.cancel)
    result = solve_model(small, "highs", options)
    if result.status.has_plan and _without_overflow(m, result.x):
        return result.x
    return None


def _without_overflow(m: SitingModel, x: np.ndarray | None) -> bool:
    return x is not None and not any(
        x[c] > 1e-6 for key, c in m.lp.col.items() if key[0] == "overflow"
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
    values |= _segments(m, output)
    return values


def _segments(m: SitingModel, output: Mapping[tuple[int, str], float]) -> dict[Hashable, float]:
    """The segment of each agglomeration curve that the output lies on."""
    table = m.problem.table("agglomeration").sort_values("point")
    curves = {
        c: g["volume_mcny_per_year"].to_numpy() for c, g in table.groupby("cluster_id", sort=False)
    }
    values: dict[Hashable, float] = {}
    for key in m.lp.col:
        if key[0] == "segment" and key[3] == 0:
            volume = output.get((key[1], key[2]), 0.0)
            at = int(np.searchsorted(curves[key[2]], volume, side="left")) - 1
            last = max(k[3] for k in _siblings(m, key))
            values["segment", key[1], key[2], min(max(at, 0), last)] = 1.0
    return values


def _siblings(m: SitingModel, key: tuple) -> list[tuple]:
    found, number = [], 0
    while ("segment", key[1], key[2], number) in m.lp.col:
        found.append(("segment", key[1], key[2], number))
        number += 1
    return found
