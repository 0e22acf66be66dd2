"""Alternatives: all plans of small instances in the order of their cost, and honest ends."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations, product

import pytest
from click.testing import CliRunner
from siting_instances import random_instance

from instances import Instance, read_instance
from instances.errors import InstanceError
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Question, Status
from optimizer.plan.verify import verify_plan
from optimizer.report.chapter import Chapter
from optimizer.studies.alternatives import _ending, _search, alternatives, unlike
from optimizer.studies.case import Solved
from optimizer.studies.session import Session

EXACT = {"gap": 1e-9, "time_limit_s": 60.0}


def costs_by_zones(instance: Instance) -> dict[frozenset[str], float]:
    """Least cost of every set of zones that each host something: separate solves, no `differ`."""
    zones = instance.tables["zones"]
    free = list(zones.loc[zones["status"] != "existing", "zone_id"])
    allowed = instance.tables["eligibility"]
    industries = {z: sorted(set(allowed.loc[allowed["zone_id"] == z, "industry_id"])) for z in free}
    found = {}
    for size in range(len(free) + 1):
        for chosen in combinations(free, size):
            shut = tuple(z for z in free if z not in chosen)
            costs = []
            for hosted in product(*(industries[z] for z in chosen)):
                hosts = tuple(
                    ("host", f"{z}/{i}", 1.0) for z, i in zip(chosen, hosted, strict=True)
                )
                result = solve(instance, Question(least=hosts, forbid_zones=shut), **EXACT)
                costs.append(result.objective if result.has_plan else math.inf)
            if min(costs, default=math.inf) < math.inf:
                found[frozenset(chosen)] = min(costs)
    return found


def greedy(costs: dict[frozenset[str], float], zones: int) -> list[float]:
    chosen: list[frozenset[str]] = []
    for zone_set in sorted(costs, key=costs.__getitem__):
        if all(len(zone_set ^ other) >= zones for other in chosen):
            chosen.append(zone_set)
    return [costs[s] for s in chosen]


@pytest.mark.parametrize("seed", [5, 11])
def test_all_plans_in_the_order_of_cost(seed: int) -> None:
    instance = random_instance(seed)
    costs = costs_by_zones(instance)
    assert len(costs) > 1
    for zones in (1, 2):
        with Session(instance, **EXACT) as session:
            chapter = alternatives(session, within=50.0, count=20, zones=zones)
        rows = chapter.table("plans").rows
        assert [r["cost_mcny"] for r in rows] == pytest.approx(greedy(costs, zones), abs=1e-6)
        assert any("at any cost" in f and "proven" in f for f in chapter.findings)
        assert all(r["nearest_count"] >= zones for r in rows[1:])
        above = [r["above_mcny"] for r in rows]
        assert above == sorted(above)
        for r in rows:
            assert 0 <= r["above_low_mcny"] <= r["above_mcny"] + 1e-6
            assert r["above_mcny"] <= r["above_high_mcny"] + 1e-9


def test_two_zones_by_hand() -> None:
    """Both zones 17.70, taiyuan alone with two or three blocks, datong alone 19.915, none 21.25."""
    instance = read_instance("two_zones")
    costs = costs_by_zones(instance)
    assert costs[frozenset()] == pytest.approx(21.25)
    assert costs[frozenset({"datong"})] == pytest.approx(19.915)
    with Session(instance, **EXACT) as session:
        chapter = alternatives(session, within=1.0)
    rows = chapter.table("plans").rows
    assert [r["cost_mcny"] for r in rows] == pytest.approx(sorted(costs.values()))
    assert {r["decided"] for r in rows[1:]} == {"yes"}
    by_zone = {r["zone_id"]: r for r in chapter.table("zones").rows}
    assert by_zone["datong"]["plans_count"] == sum("datong" in s for s in costs)
    shut = [k for k in by_zone["datong"] if k.startswith("plan_")
            and math.isnan(by_zone["datong"][k])]  # fmt: skip
    assert len(shut) == len(costs) - by_zone["datong"]["plans_count"]


def test_no_further_plan_within_the_limit_is_proven() -> None:
    with Session("two_zones", **EXACT) as session:
        second = sorted(costs_by_zones(session.instance).values())[1]
        within = 0.9 * (second / session.base().cost_mcny - 1)
        chapter = alternatives(session, within=within)
        assert len(chapter.table("plans").rows) == 1
        assert any("No further plan" in f and f"{second:,.1f}" in f for f in chapter.findings)
        chapter = alternatives(session, within=within / 0.9 * 1.01, count=1)
        assert len(chapter.table("plans").rows) == 2
        assert any("There may be more" in f for f in chapter.findings)


@pytest.mark.parametrize(
    ("bound", "plan_cost", "end"),
    [(101.5, 102.0, "none"), (100.5, 102.0, "open"), (math.nan, None, "open")],
)
def test_what_the_bound_does_not_tell_is_left_open(
    bound: float, plan_cost: float | None, end: str
) -> None:
    """The limit is 101: a plan of 102 with a bound of 100.5 says nothing about one in between."""
    with Session("two_zones", gap=0.05) as session:
        base = session.base()
        assert base.plan is not None
        first = replace(
            base, plan=replace(base.plan, cost_mcny=100.0, objective=100.0, bound=100.0)
        )
        search = _search(session, first, 0.01, 3, 1)
        asked = next(search)
        assert asked[0].question.differ == ((base.plan.open_zones, 1),)
        if plan_cost is None:
            answer = Solved("k", Status.NO_PLAN_IN_TIME, "time", math.nan, bound, 1.0)
        else:
            plan = replace(base.plan, cost_mcny=plan_cost, objective=plan_cost, bound=bound)
            answer = Solved("k", Status.OPTIMAL, "gap", plan_cost, bound, 1.0, plan=plan)
        closer = None
        try:
            closer = search.send([answer])
            search.send([answer])
        except StopIteration as done:
            found = done.value
    if end == "open":  # once more, to a tenth of the gap
        assert closer is not None
        assert closer[0].gap == pytest.approx(0.005)
    assert found.end == end
    word = {"none": "proven", "open": "not decided"}[end]
    assert word in _ending(found, 0.01, 1)


def test_the_verifier_refuses_a_plan_that_is_not_unlike() -> None:
    instance = read_instance("two_zones")
    plan = solve(instance, **EXACT).plan
    claimed = replace(plan, question=unlike(plan.question, [plan], 1))
    assert any("differ" in str(v) for v in verify_plan(instance, claimed).violations)


def test_wrong_requests() -> None:
    with Session("two_zones") as session, pytest.raises(InstanceError, match="differ in 9 zones"):
        alternatives(session, zones=9)
    question = Question(objective="co2e")
    with Session("two_zones", question) as session, pytest.raises(InstanceError, match="cost"):
        alternatives(session)


def test_command(tmp_path) -> None:
    arguments = ["alternatives", "two_zones", "--within", "20%", "--workers", "1", "--quiet"]
    result = CliRunner().invoke(group, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    chapter = Chapter.from_dict(json.loads(result.stdout))
    assert [t.name for t in chapter.tables] == ["plans", "zones"]
    shown = CliRunner().invoke(group, [*arguments, "--out", str(tmp_path / "s")])
    assert shown.exit_code == 0, shown.output
    assert "Zones in every plan" in shown.output or "No zone is in every plan" in shown.output
    assert (tmp_path / "s" / "report.html").exists()
    wrong = CliRunner().invoke(group, [*arguments, "--within", "-1%"])
    assert wrong.exit_code == 2
    assert "is no share of the cost" in wrong.output
