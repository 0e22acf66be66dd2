"""Rows that no plan needs and every relaxation does: a shut zone has nothing to offer.

What belongs to one zone alone (its pools, what is bought for them) is of use only when that zone is
open. Said so, an open zone cannot be had by the half without losing half of what is cheap in it.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from optimizer.model.base import SitingModel


def tie_pools_to_zones(m: SitingModel) -> None:
    """Endowment and increments of a pool with one zone come with the opening of that zone."""
    problem = m.problem
    members: dict[str, list[str]] = defaultdict(list)
    for r in problem.table("pool_members").itertuples():
        members[r.pool_id].append(r.zone_id)
    zone_at = {z: k for k, z in enumerate(problem.zones)}
    status = dict(zip(problem.zones, problem.table("zones")["status"], strict=True))
    drawn = set(problem.table("modules")["uses_pool_id"])  # their modules may serve other zones
    kept = {name for kind, name, _ in problem.question.least if kind == "increment"}
    for pool in problem.table("pools").itertuples():
        if len(members[pool.pool_id]) != 1 or pool.pool_id in drawn:
            continue
        (zone,) = members[pool.pool_id]
        opened = m.lp.col.get(("open", zone_at[zone]))
        if opened is None or status[zone] == "existing":
            continue
        row = m.lp.row.get(("pool", pool.pool_id))
        if row is not None and pool.endowment > 0:
            m.lp.add_entry(row, opened, -pool.endowment)
            m.lp.row_high[row] = 0.0
        bought = m.lp.col.get(("increment", pool.pool_id))
        if bought is not None and np.isfinite(pool.increment_max) and pool.pool_id not in kept:
            terms = [(bought, 1.0), (opened, -pool.increment_max)]
            m.lp.add_row(("increment_in_open_zone", pool.pool_id), terms, high=0.0)
