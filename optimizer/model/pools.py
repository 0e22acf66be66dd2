"""Capacity and factor guarantees (3, 4)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from optimizer.model.base import SitingModel, factor_use
from optimizer.problem import MCNY


def add_pools(m: SitingModel) -> None:
    """(3, 4) Use of a factor <= endowment + increments + modules + projects."""
    problem = m.problem
    use = factor_use(problem)
    zone_at = {z: k for k, z in enumerate(problem.zones)}
    members: dict[str, list[int]] = defaultdict(list)
    for r in problem.table("pool_members").itertuples():
        members[r.pool_id].append(zone_at[r.zone_id])
    cells_in_zone: dict[int, list[int]] = defaultdict(list)
    for (zone, _), cells in m.cells_of.items():
        cells_in_zone[zone] += cells
    pools_drawn: dict[str, bool] = defaultdict(bool)  # do modules draw on this pool?
    for pool_id in problem.table("modules")["uses_pool_id"]:
        pools_drawn[pool_id] = True
    kept = {name for kind, name, _ in problem.question.least if kind == "module"}
    rows: dict[str, list[tuple[int, float]]] = {}
    limits: dict[str, float] = {}
    for pool in problem.table("pools").itertuples():
        if not np.isfinite(pool.endowment) or (
            not np.isfinite(pool.increment_max) and pool.increment_cny_per_unit_year == 0
        ):
            continue
        forms = set(pool.form_id.split(";")) if pool.form_id else set()
        terms: list[tuple[int, float]] = []
        for zone in members[pool.pool_id]:
            for cell in cells_in_zone[zone]:
                need = use.get(
                    (problem.industries[problem.cell_industry[cell]], pool.factor_id), 0.0
                )
                if need > 0 and (not forms or problem.forms[problem.cell_form[cell]] in forms):
                    terms += m.out_terms([cell], need)
        if pool.increment_max > 0:
            price = pool.increment_cny_per_unit_year / MCNY
            column = m.add(
                ("increment", pool.pool_id),
                price,
                ub=pool.increment_max,
                amounts={"outlay": price},
            )
            terms.append((column, -1.0))
        rows[pool.pool_id], limits[pool.pool_id] = terms, pool.endowment
    for module in problem.table("modules").itertuples():
        is_useless = module.pool_id not in rows and module.uses_pool_id not in rows
        if is_useless and module.module_id not in kept:
            continue
        price = module.capital_mcny * problem.crf(module.life_years) + module.upkeep_mcny_per_year
        column = m.add(
            ("module", module.module_id),
            price,
            ub=np.floor(module.max_count + 1e-9),
            integer=True,
            amounts={"outlay": price},
        )
        if module.pool_id in rows:
            rows[module.pool_id].append((column, -module.adds_per_module))
        if module.uses_pool_id in rows and module.uses_per_module:
            rows[module.uses_pool_id].append((column, module.uses_per_module))
        zone = zone_at[module.zone_id]
        only_here = members[module.pool_id] == [zone] and not pools_drawn[module.pool_id]
        status = problem.table("zones")["status"].iloc[zone]
        is_free = module.module_id not in kept  # what must be there may be there without use
        if only_here and is_free and ("open", zone) in m.lp.col and status != "existing":
            # Such a module is useless in a shut zone; said so, the relaxation is tighter.
            m.lp.add_row(
                ("module_in_open_zone", module.module_id),
                [(column, 1.0), (m.lp.col["open", zone], -np.floor(module.max_count + 1e-9))],
                high=0.0,
            )
    for e in problem.table("project_effects").itertuples():
        if e.effect == "adds_pool" and e.element_id in rows:
            rows[e.element_id].append((m.lp.col["project", e.project_id], -e.amount))
    for pool_id, terms in rows.items():
        if any(value > 0 for _, value in terms):
            m.lp.add_row(("pool", pool_id), terms, high=limits[pool_id])
