"""What keeps large problems small: costs that all blocks share, and routes only where they count.

Each is compared with the direct formulation or with the long way round.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from siting_instances import direct_optimum, random_instance

from instances import Instance
from networks.network import build_network
from optimizer import solve
from optimizer.engine import large, root
from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.routes import price
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Question, Status
from optimizer.problem import Problem, build_problem

EXACT = {"gap": 1e-9, "explain": False}


def _problem(instance: Instance, question: Question | None = None) -> Problem:
    return build_problem(instance, build_network(instance), question or Question())


def _with_moves(seed: int, *costs: float) -> Instance:
    """A random instance where moving to the first zone costs origins this, in turn, CNY."""
    instance = random_instance(seed)
    zone = instance.tables["zones"]["zone_id"].iloc[0]
    blocks = instance.tables["blocks"].assign(whole=0)
    origins = list(instance.tables["origins"]["origin_id"])
    moves = [
        {
            "origin_id": b.origin_id,
            "industry_id": b.industry_id,
            "zone_id": zone,
            "cost_cny_per_mcny_year": costs[origins.index(b.origin_id) % len(costs)],
            "source": "made for a test",
            "grade": "assumed",
        }
        for b in blocks.itertuples()
    ]
    columns = list(instance.tables["moves"].columns)
    return instance.replace(blocks=blocks, moves=pd.DataFrame(moves)[columns])


@pytest.mark.parametrize("cost", [-6000.0, 9000.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_cost_that_all_blocks_share_is_one_of_the_cell(seed: int, cost: float) -> None:
    instance = _with_moves(seed, cost)
    m = build_siting_model(_problem(instance))
    assert not any(key[0] == "x" for key in m.lp.col)
    result = solve(instance, **EXACT)
    assert result.objective == pytest.approx(direct_optimum(instance), rel=1e-6)
    assert result.bound == pytest.approx(result.objective, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_costs_that_differ_by_block_stay_with_the_blocks(seed: int) -> None:
    instance = _with_moves(seed, -6000.0, 9000.0)
    m = build_siting_model(_problem(instance))
    several = {i for i, n in enumerate(np.bincount(m.problem.block_industry)) if n > 1}
    has_own = {m.problem.block_industry[key[1]] for key in m.lp.col if key[0] == "x"}
    assert has_own == {i for i in several if (0, i) in m.cells_of}
    result = solve(instance, **EXACT)
    assert result.objective == pytest.approx(direct_optimum(instance), rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_routes_left_out_change_no_relaxation(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where routes are priced out: the same optimum as with every route that has a price."""
    problem = _problem(random_instance(seed))
    monkeypatch.setattr(root, "ROUTES_AT_ONCE", -1)
    few, many = (Relaxation(build_siting_model(problem)) for _ in range(2))
    assert few.solve(Watch()) is Status.OPTIMAL

    def all_priced(r: Relaxation, prices: dict, worth: dict) -> list:
        return price(r.finder, prices, worth, r.candidates(prices))

    monkeypatch.setattr(root, "wanted_routes", all_priced)
    assert many.solve(Watch()) is Status.OPTIMAL
    assert few.converged
    assert many.converged
    assert few.objective == pytest.approx(many.objective, rel=1e-9)
    assert few.bound == pytest.approx(few.objective, rel=1e-7)
    assert len(few.routes) <= len(many.routes)


def _all_whole(seed: int) -> Instance:
    instance = random_instance(seed)
    return instance.replace(blocks=instance.tables["blocks"].assign(whole=1))


@pytest.mark.parametrize("seed", range(6))
def test_whole_blocks_split_first_end_at_the_same_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = _all_whole(seed)
    optimum = direct_optimum(instance)
    monkeypatch.setattr(large, "LARGE", 0)
    found = solve(instance, **EXACT)
    if optimum is None:
        assert found.status is Status.INFEASIBLE
        return
    assert found.status is Status.OPTIMAL
    assert found.objective == pytest.approx(optimum, rel=1e-6)
    assert found.root_bound <= optimum * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_what_splitting_proves_holds_and_its_plan_splits_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the full model behind it: too many routes to list."""
    instance = _all_whole(seed)
    optimum = direct_optimum(instance)
    monkeypatch.setattr(large, "LARGE", 0)
    monkeypatch.setattr(root, "ROUTES_AT_ONCE", -1)
    found = solve(instance, **EXACT)
    if optimum is None or not found.has_plan:
        assert optimum is None or found.status is not Status.INFEASIBLE
        return
    assert found.bound <= optimum * (1 + 1e-7)
    assert found.objective >= optimum * (1 - 1e-7)
    assert any("may be split" in note for note in found.notes)
    blocks = instance.tables["blocks"].itertuples()
    volume = {(b.origin_id, b.industry_id): b.volume_mcny_per_year for b in blocks}
    for move in found.plan.moves:
        assert move.output_mcny == pytest.approx(volume[move.origin_id, move.industry_id])


def test_a_start_is_not_lost_where_blocks_are_split_first(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = _all_whole(1)
    best = solve(instance, **EXACT)
    monkeypatch.setattr(large, "LARGE", 0)
    monkeypatch.setattr(root, "ROUTES_AT_ONCE", -1)
    again = solve(instance, start=best.plan, **EXACT)
    assert again.objective <= best.objective * (1 + 1e-7)
