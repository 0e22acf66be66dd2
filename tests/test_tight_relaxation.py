"""The relaxation: curves that end where a zone does, pools that open with their zone."""

from __future__ import annotations

import numpy as np
import pytest
from siting_instances import random_instance

from networks.network import build_network
from optimizer import solve
from optimizer.model.agglomeration import _cut
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Question
from optimizer.problem import build_problem


def test_a_curve_is_cut_where_the_zone_ends_and_keeps_its_height() -> None:
    volume, change = np.array([0.0, 100.0, 300.0]), np.array([0.0, -1.0, -5.0])
    cut = np.concatenate(_cut(volume, change, 200.0)).tolist()
    assert cut == pytest.approx([0.0, 100.0, 200.0, 0.0, -1.0, -3.0])
    assert _cut(volume, change, 1000.0)[0].tolist() == volume.tolist()
    kept, _ = _cut(volume, change, 100.5)  # not a stretch of next to no length
    assert kept.tolist() == pytest.approx([0.0, 100.0, 102.0])
    assert _cut(volume, change, 0.0)[0].tolist() == pytest.approx([0.0, 1.0])


def test_a_shut_zone_offers_nothing_of_its_own_pools() -> None:
    """Every pool row with one zone that may stay shut has no room while it is shut."""
    seen = 0
    for seed in range(6):
        instance = random_instance(seed)
        m = build_siting_model(build_problem(instance, build_network(instance), Question()))
        members = instance.tables["pool_members"].groupby("pool_id")["zone_id"].apply(list)
        drawn = set(instance.tables["modules"]["uses_pool_id"])
        status = instance.tables["zones"].set_index("zone_id")["status"]
        for (kind, *rest), row in m.lp.row.items():
            if kind != "pool" or len(members[rest[0]]) != 1 or rest[0] in drawn:
                continue
            if status[members[rest[0]][0]] != "existing":
                seen += 1
                assert m.lp.row_high[row] == 0.0
    assert seen


def test_the_relaxation_of_shanxi_is_close_to_its_plan() -> None:
    """Before pools and curves were tied to their zones it was 0.9 percent away."""
    result = solve("shanxi", gap=5e-3, threads=1, explain=False, verify=False)
    assert result.nodes == 0  # the relaxation was proof enough
    assert result.root_bound >= result.objective * (1 - 3e-3)
