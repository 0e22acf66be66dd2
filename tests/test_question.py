"""Bounds on decisions and measures: by hand, against the direct formulation, and tampered with."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from siting_instances import direct_optimum, random_instance

from instances import Instance, read_instance
from instances.errors import InstanceError
from optimizer import solve
from optimizer.plan.plan import MAXIMISED, OBJECTIVES, Plan, Question, Status
from optimizer.plan.verify import verify_plan

EXACT = {"gap": 1e-9, "explain": False}


# -- worked by hand on two_zones (see its README) ---------------------------------------------


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        # Datong alone, as if the plan had no taiyuan: 21.25 - 1.335
        ({"most": (("zone", "taiyuan", 0.0),)}, 19.915),
        ({"most": (("host", "taiyuan/electronics", 0.0),)}, 19.915),
        # taiyuan with two modules and no datong: 21.25 - 2.96
        ({"most": (("zone", "datong", 0.0),)}, 18.29),
        # both, one module: 21.25 - 3.305
        ({"most": (("module", "taiyuan_block", 1.0),)}, 17.945),
        # the module stands in a shut zone: datong alone and 0.5 for the module
        (
            {"most": (("zone", "taiyuan", 0.0),), "least": (("module", "taiyuan_block", 1.0),)},
            20.415,
        ),
        # two zones apart from {taiyuan, datong}: nothing opens
        ({"differ": ((("taiyuan", "datong"), 2),)}, 21.25),
        # one apart: taiyuan alone (2.96) beats datong alone (1.335)
        ({"differ": ((("taiyuan", "datong"), 1),)}, 18.29),
        # outlay of both with two modules: 1.5 + 1.0 + 2 x 0.5 = 3.5; one module fewer: 3.0
        ({"limits": (("outlay", 3.5),)}, 17.7),
        ({"limits": (("outlay", 3.4),)}, 17.945),
        # 2 workers per mcny: 180 jobs need 90 mcny, 200 all
        ({"limits": (("jobs", 200.0),), "most": (("module", "taiyuan_block", 2.0),)}, 17.7),
    ],
)
def test_hand_worked_costs(asked: dict, cost: float) -> None:
    result = solve("two_zones", Question(**asked), **EXACT)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(cost, abs=1e-9)
    assert result.bound == pytest.approx(cost, abs=1e-6)


def test_least_outlay_is_nothing_and_the_cheapest_plan_that_pays_nothing() -> None:
    result = solve("two_zones", Question(objective="outlay"), **EXACT)
    assert result.objective == pytest.approx(0.0, abs=1e-9)
    assert result.plan.cost_mcny == pytest.approx(21.25, abs=1e-6)
    # 70 mcny: taiyuan's 40 + one module, and datong's 30 would cost 3.0; taiyuan with 2: 2.5
    result = solve("two_zones", Question(objective="outlay", target_mcny=70.0), **EXACT)
    assert result.objective == pytest.approx(2.5, abs=1e-6)


def test_contradictions_and_unknown_names_are_refused_all_at_once() -> None:
    question = Question(
        least=(("zone", "taiyuam", 1.0), ("modul", "x", 1.0), ("module", "taiyuan_block", 2.0)),
        most=(("module", "taiyuan_block", 1.0), ("zone", "datong", 0.5)),
        limits=(("hour", 1.0), ("cost", -1.0)),
        differ=((("datong",), 3),),
    )
    with pytest.raises(InstanceError) as caught:
        solve("two_zones", question)
    text = str(caught.value)
    for part in ("'taiyuan'", "'module'", "at least 2 and at most 1", "whole number", "'hours'"):
        assert part in text
    assert "must be a number >= 0" in text
    assert "2 zones are open or shut by decision" in text


def test_a_conflict_names_the_bounds() -> None:
    question = Question(
        target_mcny=50.0, limits=(("outlay", 0.1),), least=(("host", "datong/electronics", 1.0),)
    )
    result = solve("two_zones", question)
    assert result.status is Status.INFEASIBLE
    text = "\n".join(result.explanation.lines())
    assert "of public outlay a year (limit)" in text


def test_old_plan_files_stay_readable_and_new_ones_come_back() -> None:
    question = Question(
        least=(("zone", "taiyuan", 1.0),), limits=(("outlay", 9.0),), differ=((("datong",), 1),)
    )
    plan = solve("two_zones", question, **EXACT).plan
    assert Plan.from_json(plan.to_json()) == plan
    raw = json.loads(plan.to_json())
    for name in ("least", "most", "limits", "differ"):
        del raw["question"][name]
    old = Plan.from_json(json.dumps(raw)).question
    assert (old.least, old.most, old.limits, old.differ) == ((), (), (), ())


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"most": (("zone", "datong", 0.0),)}, "most zone datong"),
        ({"most": (("host", "datong/electronics", 0.0),)}, "most host"),
        ({"most": (("module", "taiyuan_block", 1.0),)}, "most module"),
        ({"least": (("increment", "datong_floor", 5.0),)}, "least increment"),
        ({"least": (("module", "taiyuan_block", 3.0),)}, "least module"),
        ({"limits": (("outlay", 3.4),)}, "limit outlay"),
        ({"limits": (("cost", 17.0),)}, "limit cost"),
        ({"limits": (("jobs", 201.0),)}, "limit jobs"),
        ({"limits": (("absorbed", 101.0),)}, "limit absorbed"),
        ({"limits": (("hours", 1.0),)}, "limit hours"),
        ({"differ": ((("taiyuan",), 2),)}, "differ"),
        ({"differ": ((("nowhere",), 1),)}, "differ"),
        ({"least": (("zone", "nowhere", 1.0),)}, "least"),
        ({"limits": (("speed", 1.0),)}, "limits"),
    ],
)
def test_a_plan_that_misses_its_question_is_rejected(asked: dict, where: str) -> None:
    instance = read_instance("two_zones")
    plan = solve(instance, **EXACT).plan
    assert verify_plan(instance, plan).ok
    other = replace(plan, question=replace(plan.question, **asked))
    verdict = verify_plan(instance, other)
    assert not verdict.ok
    assert all(v.rule == "question" for v in verdict.violations)
    assert any(where in v.where for v in verdict.violations)


def test_an_empty_open_zone_is_no_other_siting() -> None:
    instance = read_instance("two_zones")
    alone = solve(instance, Question(forbid_zones=("taiyuan",)), **EXACT).plan
    opened = replace(
        alone,
        question=Question(differ=((("datong",), 1),)),
        open_zones=("datong", "taiyuan"),
    )
    found = [v.where for v in verify_plan(instance, opened).violations if v.rule == "question"]
    assert found == ["differ taiyuan"]


# -- against the direct formulation -------------------------------------------------------------


def _drawn(seed: int) -> tuple[Instance, Question]:
    """A random instance, with subsidised links in half of them, and a random question."""
    rng = np.random.default_rng(seed + 10**6)
    instance = random_instance(seed, plain=bool(rng.random() < 0.3))
    if rng.random() < 0.5:
        links = instance.tables["links"].copy()
        amounts = [float(rng.choice([0, 50, 0.05 * km])) for km in links["km"]]
        links["subsidy_cny_per_teu"] = amounts
        instance = instance.replace(links=links)
    zones = list(instance.tables["zones"]["zone_id"])
    limits = []
    for measure in rng.permutation(list(OBJECTIVES))[: rng.integers(0, 3)].tolist():
        best = direct_optimum(instance, question=Question(objective=measure))
        assert best is not None
        factor = rng.uniform(0.2, 0.8) if measure in MAXIMISED else rng.choice([1.001, 1.1, 1.5])
        limits.append((measure, max(0.0, best * float(factor))))
    choices = [
        ("zone", str(rng.choice(zones)), 1.0),
        ("host", f"{rng.choice(zones)}/i0", 1.0),
        ("module", f"block-{rng.choice(zones)}", 1.0),
        ("project", "bypass", 1.0),
        ("increment", f"floor-{rng.choice(zones)}", 200.0),
    ]
    if instance.tables["services"]["runs_today"].iloc[0] == 0:
        choices.append(("service", "train", 1.0))
    picked = rng.permutation(len(choices))[:2].tolist()
    least = tuple(choices[k] for k in picked[:1]) if rng.random() < 0.6 else ()
    most = tuple((*choices[k][:2], 0.0) for k in picked[1:]) if rng.random() < 0.6 else ()
    differ = ((tuple(zones[:1]), 1),) if rng.random() < 0.3 else ()
    objective = str(rng.choice(OBJECTIVES))
    return instance, Question(
        objective, limits=tuple(limits), least=least, most=most, differ=differ
    )


@pytest.mark.parametrize("seed", range(16))
def test_same_optimum_as_the_direct_formulation(seed: int) -> None:
    instance, question = _drawn(seed)
    direct = direct_optimum(instance, question=question)
    result = solve(instance, question, **EXACT)
    if direct is None:
        assert result.status is Status.INFEASIBLE
    else:
        assert result.objective == pytest.approx(direct, rel=2e-6, abs=2e-6)
        assert result.bound == pytest.approx(direct, rel=2e-6, abs=2e-6)


@pytest.mark.parametrize("measure", ["hours", "co2e", "outlay"])
def test_priced_routes_reach_what_listed_ones_do(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too many routes to list, the relaxation prices them out: same value, valid bound."""
    instance = random_instance(3, plain=True)
    best = solve(instance, Question(objective=measure, target_mcny=20.0), **EXACT)
    question = Question(limits=((measure, best.objective * 1.02),), target_mcny=20.0)
    listed = solve(instance, question, **EXACT)
    monkeypatch.setattr("optimizer.engine.mixed.LISTED_AT_MOST", 0)
    priced = solve(instance, question, **EXACT)
    assert listed.has_plan
    assert priced.has_plan
    assert priced.root_bound == pytest.approx(listed.root_bound, rel=1e-6)
    assert priced.bound <= listed.objective * (1 + 1e-7)
    assert priced.objective >= listed.objective * (1 - 1e-7)


def test_the_command_takes_bounds_and_limits() -> None:
    from optimizer.cli import group

    words = ["--most", "zone:datong=0", "--least", "module:taiyuan_block=1", "--limit", "outlay=9"]
    done = CliRunner().invoke(group, ["solve", "two_zones", *words, "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["objective"] == pytest.approx(18.29, abs=1e-6)
    bad = CliRunner().invoke(group, ["solve", "two_zones", "--least", "datong=1", "--quiet"])
    assert bad.exit_code == 2
