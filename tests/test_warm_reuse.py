"""What later solves take from earlier ones changes their time and nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instances import Instance, read_instance
from optimizer import solve
from optimizer.plan.plan import Plan, Question
from optimizer.result import Result
from optimizer.studies.case import Case, Solved
from optimizer.studies.parks_solves import looked_enough
from optimizer.studies.session import Session
from optimizer.studies.store import MemoryStore, Store, solved_document
from optimizer.studies.worker import solved_of

TERMS = {"gap": 1e-6, "threads": 1, "verify": True, "explain": False}
CHANGES = (
    "zones.taiyuan.open_mcny_per_year*=2",
    "pools.taiyuan_floor.endowment*=0.5",
    "blocks.dongguan/electronics.volume_mcny_per_year*=0.9",
    "links.datong_tianjin.cost_cny_per_teu*=1.3",
)


@pytest.fixture(scope="module")
def base() -> Result:
    return solve("two_zones", **TERMS)


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_does_not_depend_on_what_was_solved_before(base: Result, change: str) -> None:
    """The second solve from the same result, and one from nothing, give the very same accounts."""
    instance = base.instance.override(change)
    first, second = (solve(instance, start=base, **TERMS) for _ in range(2))
    cold = solve(instance, **TERMS)
    assert first.plan == second.plan
    assert first.plan.open_zones == cold.plan.open_zones
    assert first.objective == pytest.approx(cold.objective, rel=1e-9)
    assert sorted(first.plan.flows, key=str) == sorted(cold.plan.flows, key=str)
    lines, wanted = (
        sorted((a.component, a.host_id, a.industry_id, a.origin_id, a.mcny) for a in p.accounts)
        for p in (first.plan, cold.plan)
    )
    assert [line[:4] for line in lines] == [line[:4] for line in wanted]
    assert [x[4] for x in lines] == pytest.approx([x[4] for x in wanted], rel=1e-9, abs=1e-12)


def test_what_stays_is_priced_anew_where_its_amount_is_another(base: Result) -> None:
    """Flows of what stays are kept for the next plan only while they are the same."""
    question = Question(
        target_share=0.0, forbid_zones=tuple(base.instance.tables["zones"]["zone_id"])
    )
    stays = solve(base.instance, question, start=base, **TERMS)
    half = "blocks.dongguan/electronics.volume_mcny_per_year*=0.5"
    less = solve(base.instance.override(half), question, start=base, **TERMS)
    again = solve(base.instance, question, start=base, **TERMS)
    assert again.plan.flows == stays.plan.flows
    assert less.plan.cost_mcny < stays.plan.cost_mcny


def test_another_place_of_an_origin_is_another_network() -> None:
    """Doors are where zones, origins and rivals are: a network without one is not taken over."""
    instance = read_instance("two_zones")
    memory = solve(instance, **TERMS)._memory
    assert memory is not None
    assert memory.has_same_network(instance)
    assert memory.has_same_network(instance.override("zones.taiyuan.open_mcny_per_year*=2"))
    origins = instance.tables["origins"]
    other = next(
        p for p in instance.tables["places"]["place_id"] if p not in set(origins["place_id"])
    )
    moved = origins.assign(place_id=[other, *origins["place_id"].iloc[1:]])
    assert not memory.has_same_network(instance.replace(origins=moved))


def test_a_plan_as_a_document_is_what_its_text_says(base: Result) -> None:
    """Also where numbers are not finite."""
    plan = replace(base.plan, stay_cost_mcny=math.nan, certificate={"a": [math.inf, {"b": -1.0}]})
    document = plan.to_document()
    assert document == json.loads(plan.to_json())
    back = Plan.from_document(document)
    assert back.to_json() == plan.to_json()
    assert math.isnan(back.stay_cost_mcny)
    assert back.certificate["a"][0] == math.inf
    assert Plan.from_document(base.plan.to_document()) == base.plan
    with pytest.raises(ValueError, match="not a plan"):
        Plan.from_document([document])
    with pytest.raises(ValueError, match="damaged"):
        Plan.from_document({k: v for k, v in document.items() if k != "flows"})


def test_a_store_gives_back_what_it_was_given(base: Result, tmp_path: Path) -> None:
    case = Case("x", tags=(("share", math.inf),))
    solved = replace(solved_of(case, base, 1.0), document={"most": math.inf})
    store = Store(tmp_path / "study")
    store.begin(base.instance, base.question)
    store.keep(case, solved)
    found = store.find(case.key)
    assert found == solved
    document = solved_document(solved)
    assert document == json.loads(json.dumps(document, allow_nan=False))


class Forgetful(MemoryStore):
    """A folder is slow: it counts how often a finished case is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def find(self, key: str) -> Solved | None:
        if key in self.solved:
            self.reads.append(key)
        return super().find(key)


def test_a_plan_that_is_in_memory_is_not_read_again() -> None:
    """Cases that start from plans of the same run cost no look into the store."""
    instance: Instance = read_instance("two_zones")
    store = Forgetful()
    with Session(instance, gap=1e-6, store=store) as session:
        firsts = [
            session.case(f"x {f}", overrides=(f"zones.taiyuan.open_mcny_per_year*={f}",))
            for f in range(2, 14)
        ]
        solved = session.solve(firsts)
        nexts = [
            session.case("next", overrides=first.overrides, start=first.key, gap=1e-7)
            for first in firsts
        ]
        more = session.solve(nexts)
    assert store.reads == []
    for a, b in zip(solved, more, strict=True):
        assert a.objective == pytest.approx(b.objective, rel=1e-6)


@given(
    low=st.floats(10, 1e5),
    plan=st.floats(-0.01, 0.01),
    below=st.floats(0, 0.01),
    little=st.floats(0, 5),
)
def test_a_look_for_plans_ends_with_most_of_what_there_is(
    low: float, plan: float, below: float, little: float
) -> None:
    """What is given up is a fifth of what can be saved, or less than is worth a round."""
    cost = low * (1 + plan)
    bound = cost - low * below
    ends = looked_enough(low, little, cost, bound)
    given_up = max(0.0, min(low, cost) - bound)
    if ends:
        assert given_up <= max(little, 0.2 * (low - bound)) * (1 + 1e-9) + 1e-9
    else:
        assert given_up > 0
    assert looked_enough(low, little, cost, low)
