"""Shortcuts of the park comparison against full solves of their own, one by one."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from instances import Instance, read_instance
from instances.errors import InstanceError
from networks.network import build_network
from optimizer.api import solve
from optimizer.engine.forced import ZoneModel, _Either
from optimizer.plan.plan import Question, Status
from optimizer.plan.verify import verify_plan
from optimizer.problem import build_problem
from optimizer.report.chapter import Chapter
from optimizer.solvers import SolverOptions, solve_model
from optimizer.studies import parks_solves
from optimizer.studies.parks import parks
from optimizer.studies.parks_counter import forced_in, presence
from optimizer.studies.parks_levers import levers_of, overrides_of, subsidised
from optimizer.studies.parks_solves import Against, enough_subsidy, read_plan
from optimizer.studies.session import Session
from tests.siting_instances import random_instance

EXACT = {"gap": 1e-9, "time_limit_s": 60.0}
TIGHT = 1e-6
SEEDS = [1, 6]


def model_of(instance: Instance, question: Question | None = None) -> ZoneModel:
    return ZoneModel(build_problem(instance, build_network(instance), question or Question()))


def chapter_of(instance: Instance, question: Question | None = None, **options) -> Chapter:
    with Session(instance, question or Question(), gap=1e-3, time_limit_s=60.0) as session:
        return parks(session, **options)


def best(instance: Instance, question: Question) -> float:
    """Optimum of a solve of its own; infinite where there is no plan."""
    result = solve(instance, question, explain=False, **EXACT)
    assert result.status in (Status.OPTIMAL, Status.INFEASIBLE)
    return result.objective if result.has_plan else math.inf


# -- one model for all questions about single zones ---------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_one_model_answers_as_full_solves_do(seed: int) -> None:
    """Forced in, shut, subsidised; the plan holds by the independent verifier."""
    instance, checked = random_instance(seed), 0
    model = model_of(instance)
    base = solve(instance, **EXACT).plan
    for zone in instance.tables["zones"]["zone_id"]:
        if not model.knows(zone):
            continue
        least = presence(instance, zone)
        question = forced_in(instance, Question(), zone)
        shut = model.solve(model.question(zone, None), zone, [base], gap=1e-9)
        value = shut.objective if shut.x is not None else math.inf
        assert value == pytest.approx(best(instance, Question(forbid_zones=(zone,))), abs=TIGHT)
        for subsidy in (0.0, 20_000.0):
            asked = model.question(zone, least, subsidy)
            found = model.solve(asked, zone, [base], gap=1e-9)
            alone = best(subsidised(instance, zone, subsidy), question)
            if found.x is None:
                assert found.status is Status.INFEASIBLE
                assert alone == math.inf
                continue
            assert found.objective == pytest.approx(alone, abs=TIGHT)
            assert found.bound <= alone + TIGHT
            assert found.bound == pytest.approx(alone, abs=10 * TIGHT)
            assert model.fits(found.x)
            plan = read_plan(model, found.x, asked, question, -math.inf)
            assert verify_plan(instance, replace(plan, bound=plan.objective - 1.0)).ok
            output = model.output(zone, found.x)
            assert plan.objective == pytest.approx(found.objective + subsidy * output / 1e6)
            checked += 1
    assert checked


def test_questions_do_not_change_each_other() -> None:
    instance = random_instance(4)
    zones = list(instance.tables["zones"]["zone_id"])
    alone = {}
    for zone in zones:
        model = model_of(instance)
        if model.knows(zone):
            asked = model.question(zone, presence(instance, zone))
            alone[zone] = model.solve(asked, zone, [], gap=1e-9)
    together, model = {}, model_of(instance)
    for zone in reversed(list(alone)):
        asked = model.question(zone, presence(instance, zone))
        together[zone] = model.solve(asked, zone, [], gap=1e-9)
    assert len(alone) > 1
    for zone, found in alone.items():
        assert together[zone].bound == found.bound
        assert np.array_equal(together[zone].x, found.x) if found.x is not None else True


def test_a_solve_ends_when_what_is_asked_is_decided() -> None:
    model = model_of(read_instance("two_zones"))
    asked, seen = model.question("taiyuan", 1.0), []

    def enough(plan: float, bound: float) -> bool:
        seen.append((plan, bound))
        return True

    found = model.solve(asked, "taiyuan", [], gap=0.0, enough=enough)
    exact = model.solve(asked, "taiyuan", [], gap=0.0)
    assert found.decided
    assert found.status is Status.OPTIMAL
    assert len(seen) == 1
    assert found.bound <= exact.objective + TIGHT


def test_a_cancelled_solve_proves_no_more_than_it_has() -> None:
    cancel, model = threading.Event(), model_of(random_instance(6))
    either = _Either(cancel)
    assert not either.is_set()
    cancel.set()
    assert either.is_set()
    zone = next(z for z in model.m.problem.zones if model.knows(z))
    asked = model.question(zone, 1.0)
    found = model.solve(asked, zone, [], gap=0.0, cancel=cancel)
    exact = model.solve(asked, zone, [], gap=0.0)
    assert found.bound <= exact.objective + TIGHT
    assert found.status is not Status.OPTIMAL or found.objective - found.bound <= TIGHT


def test_without_heuristics_the_optimum_is_the_same() -> None:
    for seed in (2, 4):
        model = model_of(random_instance(seed)).model
        with_them = solve_model(model, "highs", SolverOptions(gap=0.0))
        without = solve_model(model, "highs", SolverOptions(gap=0.0, heuristics=False))
        assert without.objective == pytest.approx(with_them.objective, abs=TIGHT)


# -- what decides -------------------------------------------------------------------------------


def test_distance_and_side_are_decided_by_bounds_alone() -> None:
    far = Against(10.0, 10.1)
    assert far.decided(14.0, 13.9)  # 3.8 of at most 4.0
    assert not far.decided(14.0, 13.8)  # 3.7 < 0.95 x 4.0
    assert far.decided(10.0, -math.inf)  # as good as without
    assert not far.decided(math.inf, 20.0)  # no plan: its distance is not known
    assert not replace(far, gap=1e-3).decided(14.0, 13.9)
    assert replace(far, gap=1e-2).decided(14.0, 13.9)
    side = replace(far, exact=False)
    assert side.decided(math.inf, 10.2)
    assert not side.decided(10.05, 10.05)


def test_least_subsidy_is_rounded_to_the_safe_side() -> None:
    assert enough_subsidy([(12.0, 100.0), (11.0, 20.0)], 10.0) == pytest.approx(20_000.0)
    size = enough_subsidy([(10.0 + 1 / 3, 7.0)], 10.0)
    assert 10.0 + 1 / 3 - size * 7.0 / 1e6 <= 10.0
    assert size == pytest.approx(1e6 / 21, rel=1e-3)
    assert enough_subsidy([(10.0, 0.0)], 9.0) == math.inf
    assert enough_subsidy([(8.0, 5.0)], 9.0) == 0.0


# -- the chapter --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_ranges_hold_what_full_solves_find(seed: int) -> None:
    """Solves that end early: every printed range holds the exact difference."""
    instance = random_instance(seed)
    for row in chapter_of(instance, counterfactuals=False).table("parks").rows:
        zone = row["zone_id"]
        forced = best(instance, forced_in(instance, Question(), zone))
        exact = forced - best(instance, Question(forbid_zones=(zone,)))
        if math.isinf(forced):
            assert math.isnan(row["force_mcny"])
            continue
        slack = TIGHT * forced
        assert row["force_low_mcny"] - slack <= max(0.0, exact) <= row["force_high_mcny"] + slack
        assert row["forbid_low_mcny"] - slack <= max(0.0, -exact)
        assert max(0.0, -exact) <= row["forbid_high_mcny"] + slack


@pytest.mark.parametrize("seed", [6])
def test_decided_changes_are_true_both_ways(seed: int) -> None:
    """The printed size brings the zone in, 95 % of it does not, by solves of their own."""
    instance, checked = random_instance(seed), 0
    for row in chapter_of(instance, near=1).table("changes").rows:
        zone, size = row["zone_id"], row["size_number"]
        lever = next(x for x in levers_of(instance, zone) if x.name == row["lever"])
        if row["decided"] != "yes" or lever.kind == "opening":
            continue

        def margin(amount: float, lever=lever, zone=zone) -> float:
            if lever.kind == "subsidy":
                changed = subsidised(instance, zone, amount)
            else:
                changed = instance.override(*overrides_of(instance, lever, amount))
            forced = best(changed, forced_in(changed, Question(), zone))
            return forced - best(changed, Question(forbid_zones=(zone,)))

        if row["outcome"] == "cannot":
            assert margin(lever.most) > 0
        else:
            assert margin(size) <= 1e-5
            if lever.kind != "status":
                assert margin(lever.start + 0.95 * (size - lever.start)) > -1e-7
        checked += 1
    assert checked


def test_the_usual_solve_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model of all zones cannot be used, as where routes are not all listed."""
    instance = read_instance("two_zones").override(
        "industries.electronics.relocation_cny_per_mcny=500000"
    )
    quick = chapter_of(instance, levers=("subsidy", "pool"))
    monkeypatch.setattr(ZoneModel, "knows", lambda self, zone: False)
    monkeypatch.setattr(parks_solves, "USUAL", 1e-9)
    slow = chapter_of(instance, levers=("subsidy", "pool"))
    for a, b in zip(quick.table("parks").rows, slow.table("parks").rows, strict=True):
        assert a["belongs"] == b["belongs"]
        if not math.isnan(b["force_mcny"]):
            assert a["force_low_mcny"] - 1e-5 <= b["force_mcny"] <= a["force_high_mcny"] + 1e-5
    sizes = [
        {(r["zone_id"], r["lever"]): r["size_number"] for r in c.table("changes").rows}
        for c in (quick, slow)
    ]
    assert sizes[0].keys() == sizes[1].keys()
    for key, size in sizes[0].items():
        if key[1] == "subsidy":
            assert size == pytest.approx(sizes[1][key], rel=1e-3)


# -- questions that rule zones out or ask for them ----------------------------------------------


def test_zones_kept_shut_are_named_and_not_compared() -> None:
    instance = read_instance("two_zones")
    for question in (
        Question(forbid_zones=("datong",)),
        Question(most=(("zone", "datong", 0.0),)),
    ):
        chapter = chapter_of(instance, question)
        assert [r["zone_id"] for r in chapter.table("parks").rows] == ["taiyuan"]
        assert any("Kept shut by the question" in c and "datong" in c for c in chapter.cautions)
        with pytest.raises(InstanceError, match="kept shut by the question"):
            chapter_of(instance, question, zones=("datong",))


def test_zones_asked_for_are_in_and_cannot_be_forbidden() -> None:
    instance = read_instance("two_zones")
    chapter = chapter_of(instance, Question(open_zones=("datong",)))
    row = next(r for r in chapter.table("parks").rows if r["zone_id"] == "datong")
    assert row["belongs"] == "yes"
    assert math.isnan(row["forbid_mcny"])


def test_a_larger_output_that_the_question_asks_for_stays() -> None:
    instance = read_instance("two_zones")
    question = Question(least=(("zone_output", "datong", 30.0),))
    least = dict((b[:2], b[2]) for b in forced_in(instance, question, "datong").least)
    assert least["zone_output", "datong"] == pytest.approx(30.0)
    assert least["zone", "datong"] == pytest.approx(1.0)
