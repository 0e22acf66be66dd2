# ruff: noqa: E501 (rows of tables read better on one line)
"""Certificates: valid whatever the prices, tight where they should be, refused where they are wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from verify_hand import COST, SETTINGS, hand_instance, hand_plan, hand_rows
from verify_optimum import TinyProblem
from verify_tables import BareInstance, bare_instance

from instances import read_instance
from optimizer.plan.plan import Question
from optimizer.plan.verify import certified_bound, verify_plan

TWO_ZONES = {
    "kind": "lagrangian",
    "block": [["dongguan", "electronics", 0.188]],
    "pool": [["taiyuan_floor", 0.00025]],
}
EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_bound_worked_by_hand() -> None:
    """Two zones, prices 0.188 mcny per mcny of the block and 0.00025 per m2 of floor in Taiyuan.

    Right-hand sides: 100 x 0.188 - 4,000 x 0.00025 = 17.8. Taiyuan: one mcny costs 0.138 + 0.025 of floor,
    0.025 under the price, at most 80 mcny fit in: -2.0, and opening and setup 2.0: 0. Its modules: 0.5 -
    2,000 x 0.00025 = 0. Datong: 0.118 is 0.07 under the price, 30 mcny fit in: 1.5 - 2.1 = -0.6. Staying costs more
    than the price: 0. Together 17.2.
    """
    instance = read_instance("two_zones")
    assert certified_bound(instance, Question(), TWO_ZONES) == pytest.approx(17.2, abs=1e-12)
    dearer = TWO_ZONES | {"block": [["dongguan", "electronics", 0.198]]}
    # 18.8 of right-hand side; Taiyuan 2.0 - 80 x 0.035 = -0.8; Datong 1.5 - 30 x 0.08 = -0.9
    assert certified_bound(instance, Question(), dearer) == pytest.approx(
        18.8 - 0.8 - 0.9, abs=1e-12
    )
    floor = dearer | {"pool": [["taiyuan_floor", 0.0003]]}
    # 18.6; Taiyuan 2.0 - 80 x 0.03 and two modules at 0.5 - 0.6: -0.6; Datong -0.9
    assert certified_bound(instance, Question(), floor) == pytest.approx(
        18.6 - 0.6 - 0.9, abs=1e-12
    )
    forced = Question(forbid_zones=("datong",))
    assert certified_bound(instance, forced, dearer) == pytest.approx(18.8 - 0.8, abs=1e-12)
    forced = Question(open_zones=("taiyuan",), forbid_zones=("datong",))
    cheap = TWO_ZONES | {"block": [["dongguan", "electronics", 0.158]]}
    # 14.8; Taiyuan must open: 1.5, and hosts nothing at 0.163 for 0.158
    assert certified_bound(instance, forced, cheap) == pytest.approx(14.8 + 1.5, abs=1e-12)


def test_without_prices_everything_that_costs_is_left_out() -> None:
    """With no price on volume, not moving is free; what is left is what is forced."""
    assert certified_bound(hand_instance(), Question(), {"kind": "lagrangian"}) == 0.0
    forced = Question(open_zones=("Z1", "Z2"))
    assert certified_bound(hand_instance(), forced, {"kind": "lagrangian"}) == pytest.approx(
        1.5 + 1.0
    )


SINGLE_PRICES: dict[str, tuple[dict[str, Any], Question, float]] = {
    # prices; the question; the bound: nothing is worth moving, so only what is named counts
    "pool of a zone that may stay shut": ({"pool": [["floor1", 0.0001]]}, Question(), 0.0),
    "pool of a zone that opens": (
        {"pool": [["floor1", 0.0001]]}, Question(open_zones=("Z1",)), 1.5 - 6_000 * 0.0001,
    ),
    "pool and what is bought for it": ({"pool": [["labour", 0.0015]]}, Question(), -200 * 0.0015 - 50 * 0.0005),
    "pool and its modules, that open no zone": ({"pool": [["floor1", 0.0004]]}, Question(), 1.5 - 6_000 * 0.0004 + 3 * (0.3 - 0.4)),
    "pool and its modules, in a zone that opens": (
        {"pool": [["floor1", 0.0004]]}, Question(open_zones=("Z1",)), -6_000 * 0.0004 + 1.5 + 3 * (0.3 - 0.4),
    ),
    "rival": ({"rival": [["R", 0.01]]}, Question(), -25 * 0.01),
    "rival limit": ({"rival_limit": [["R", "labour", 0.01]]}, Question(), -44 * 0.01),
    "bottleneck": ({"bottleneck": [["lift", 0.002]]}, Question(), -45 * 0.002),
    "service that is not worth its price": ({"service": [["train", 0.0005]]}, Question(), 0.0),
    "service": ({"service": [["train", 0.002]]}, Question(), 0.05 - 50 * 0.002),
    "closed service": ({"service": [["train", 0.002]]}, Question(closed=("train",)), 0.0),
    "target": ({"target": 0.05}, Question(target_share=0.5), 70 * 0.05),
    "target in mcny": ({"target": 0.05}, Question(target_share=0.5, target_mcny=80.0), 80 * 0.05),
    "industry target": ({"industry_target": [["E", 0.05]]}, Question(industry_targets=(("E", 60.0),)), 60 * 0.05),
    "budget": ({"budget": 0.1}, Question(budget_mcny=20.0), -20 * 0.1),
    "budget and a zone that opens": ({"budget": 0.1}, Question(budget_mcny=20.0, open_zones=("Z1",)), 1.5 + 20 * 0.1 - 20 * 0.1),
    "rule: at most one zone": ({"rule": [["two", 1.0]]}, Question(), -1.0),
    "rule: budget": ({"rule": [["purse", 0.1]]}, Question(open_zones=("Z1",)), 1.5 + 20 * 0.1 - 40 * 0.1),
    "needs": ({"needs": [["status", "study", 0.5]]}, Question(), 0.08 - 0.5),
    "excludes": ({"excludes": [["expressway", "status", 1.0]]}, Question(), -1.0),
    # at most 90 mcny of E in Z1: 9,000 m2 with all modules
    "form": ({"form": [["Z1", "E", "general", 0.01]]}, Question(), 0.2 - 90 * 0.01),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE_PRICES)
def test_what_each_price_does_by_itself(name: str) -> None:
    prices, question, expected = SINGLE_PRICES[name]
    bound = certified_bound(hand_instance(), question, {"kind": "lagrangian"} | prices)
    assert bound == pytest.approx(expected, abs=1e-12)


def test_unlimited_purchases_cap_the_price_of_a_pool() -> None:
    """One unit of labour costs 0.001 mcny a year; a price of 0.0015 is taken as 0.001."""
    rows = hand_rows()
    rows["pools"][1]["increment_max"] = math.inf
    certificate = {"kind": "lagrangian", "pool": [["labour", 0.0015]]}
    bound = certified_bound(hand_instance(pools=rows["pools"]), Question(), certificate)
    assert bound == pytest.approx(-200 * 0.001)


def test_services_and_projects_by_themselves() -> None:
    rows = hand_rows()
    today = [rows["services"][0] | {"runs_today": 1}]
    certificate = {"kind": "lagrangian", "service": [["train", 0.002]]}
    assert certified_bound(hand_instance(services=today), Question(), certificate) == pytest.approx(
        -50 * 0.002
    )
    effects = [
        *rows["project_effects"],
        {"project_id": "study", "effect": "opens_service", "element_id": "train"},
        {
            "project_id": "study",
            "effect": "adds_bottleneck_teu",
            "element_id": "lift",
            "amount": 100.0,
        },
    ]
    instance = hand_instance(project_effects=effects)
    # the train runs at 0.05 + 0.3, the study (0.08 a year) opens it for 0.3
    certificate = {"kind": "lagrangian", "opened": [["train", 0.3]]}
    assert certified_bound(instance, Question(), certificate) == pytest.approx(0.08 - 0.3)
    certificate = {"kind": "lagrangian", "bottleneck": [["lift", 0.002]]}
    assert certified_bound(instance, Question(), certificate) == pytest.approx(
        -45 * 0.002 + 0.08 - 0.2
    )
    rows["projects"][2]["status"] = "forbidden"
    instance = hand_instance(project_effects=effects, projects=rows["projects"])
    assert certified_bound(instance, Question(), certificate) == pytest.approx(-45 * 0.002)
    rows["projects"][2]["status"] = "required"
    instance = hand_instance(projects=rows["projects"])
    assert certified_bound(instance, Question(), {"kind": "lagrangian"}) == pytest.approx(0.08)


def test_a_service_is_priced_for_no_more_than_can_come() -> None:
    """All goods are 100 x 1.5 + 40 TEU, and a route may use the rail link once in each of three regimes."""
    roomy = [hand_rows()["services"][0] | {"capacity_teu_per_year": 1e6}]
    certificate = {"kind": "lagrangian", "service": [["train", 0.001]]}
    bound = certified_bound(hand_instance(services=roomy), Question(), certificate)
    assert bound == pytest.approx(0.05 - 0.001 * 3 * 190)


def test_what_projects_may_open_counts_as_there() -> None:
    """The bound must hold for plans that build: the same as if all were open today, but no higher."""
    rows = hand_rows()
    rows["links"][3]["cost_cny_per_teu"] = 100.0  # the bypass is the best way
    question, prices = Question(), certified(0.25)

    def bound(links: list[dict[str, Any]], asked: Question = question) -> float:
        value = certified_bound(hand_instance(links=links), asked, prices)
        assert value is not None
        return value

    base = bound(rows["links"])
    assert bound([link | {"needs_project": 0} for link in rows["links"]]) == pytest.approx(base)
    assert bound([link for link in rows["links"] if link["link_id"] != "bypass"]) > base + 1e-3
    assert bound(rows["links"], Question(closed=("bypass",))) > base + 1e-3

    def forms(form_id: str, project_form: str) -> BareInstance:
        eligibility = [row | {"form_id": form_id} for row in rows["eligibility"][:2]]
        effects = [
            rows["project_effects"][0],
            rows["project_effects"][1] | {"element_id": f"Z1:{project_form}"},
        ]
        return hand_instance(eligibility=eligibility, project_effects=effects)

    today = certified_bound(forms("general;handbook", "abroad"), question, prices)
    assert certified_bound(forms("general", "handbook"), question, prices) == pytest.approx(today)
    assert certified_bound(forms("general", "abroad"), question, prices) > today + 1e-3


def test_rules_on_zones_and_chains_by_themselves() -> None:
    rule = {"rule_id": "some", "kind": "min_zones", "value": 1.0}
    certificate: dict[str, Any] = {"kind": "lagrangian", "rule": [["some", 1.2]]}
    # one zone at 1.2: Z2 opens for 1.0, Z1 costs 1.5
    assert certified_bound(hand_instance(rules=[rule]), Question(), certificate) == pytest.approx(
        1.2 - 0.2
    )
    rows = hand_rows()
    for industry in rows["industries"]:
        industry["min_scale_mcny_per_year"] = 0.0
    instance = hand_instance(industries=rows["industries"])
    # a leader in Z1 is worth 3 to a follower there: 1.5 of opening, 0.5 - 3 of hosting
    certificate = {"kind": "lagrangian", "chain": [["ict", "Z1", "A", 3.0]]}
    assert certified_bound(instance, Question(), certificate) == pytest.approx(1.5 + 0.5 - 3.0)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"pool": [["floor1", -0.1]]}, "wrong sign"),
        ({"pool": [["floor1", math.nan]]}, "no finite number"),
        ({"pool": [["floor1", "dear"]]}, "no finite number"),
        ({"pool": [["nowhere", 0.1]]}, "not there"),
        ({"pool": [["floor1", 0.1], ["floor1", 0.1]]}, "twice"),
        ({"block": [["O", "toys", 0.1]]}, "not there"),
        ({"block": [["O", 0.1]]}, "no price of a row"),
        ({"block": 7}, "no list"),
        ({"needs": [["status", "expressway", 0.1]]}, "not there"),
        ({"rule": [["parks", 0.1]]}, "not there"),
        ({"target": 0.1}, "does not hold"),
        ({"budget": 0.1}, "does not hold"),
        ({"industry_target": [["E", 0.1]]}, "not there"),
    ],
)
def test_prices_of_no_row_or_of_the_wrong_sign_are_refused(
    change: dict[str, Any], part: str
) -> None:
    plan = hand_plan(question=Question(), certificate=certified(0.19) | {"claimed_bound": 10.0})
    assert verify_plan(hand_instance(), plan).ok
    plan = replace(plan, certificate=dict(plan.certificate) | change)
    verdict = verify_plan(hand_instance(), plan)
    assert verdict.bound_certified is None
    assert {v.rule for v in verdict.violations} == {"certificate"}
    assert part in verdict.violations[0].message


def test_a_price_on_a_capacity_without_limit_is_refused() -> None:
    rows = hand_rows()
    rows["bottlenecks"][0]["capacity_teu_per_year"] = math.inf
    instance = hand_instance(bottlenecks=rows["bottlenecks"])
    plan = hand_plan(certificate={"kind": "lagrangian", "bottleneck": [["lift", 0.001]]})
    assert [v.rule for v in verify_plan(instance, plan).violations] == ["certificate"]
    plan = hand_plan(
        certificate={"kind": "lagrangian", "bottleneck": [["lift", 1e-14]], "claimed_bound": 0.0}
    )
    assert verify_plan(instance, plan).ok


def certified(block: float) -> dict[str, Any]:
    return {"kind": "lagrangian", "block": [["O", "E", block], ["O", "A", 0.24]]}


def test_claims_are_held_against_what_is_proved() -> None:
    proved = certified_bound(hand_instance(), hand_plan().question, certified(0.19))
    assert proved is not None
    assert 18.0 < proved < COST
    plan = hand_plan(
        certificate=certified(0.19) | {"claimed_bound": proved, "tree_bound": hand_plan().bound}
    )
    verdict = verify_plan(hand_instance(), plan)
    assert verdict.ok
    assert verdict.bound_certified == pytest.approx(proved)
    assert verdict.gap_certified == pytest.approx((COST - proved) / COST)
    assert any("rest on the solver" in note for note in verdict.notes)
    boast = replace(plan, certificate=dict(plan.certificate) | {"claimed_bound": proved + 0.01})
    assert any("not supported" in v.message for v in verify_plan(hand_instance(), boast).violations)
    other = replace(plan, certificate=dict(plan.certificate) | {"tree_bound": proved})
    assert any(v.where == "tree_bound" for v in verify_plan(hand_instance(), other).violations)


def test_other_certificates_and_objectives_prove_nothing() -> None:
    plan = hand_plan(certificate={"kind": "signed and sealed"})
    verdict = verify_plan(hand_instance(), plan)
    assert verdict.ok
    assert verdict.bound_certified is None
    question = Question(objective="absorbed")
    plan = hand_plan(question=question, objective=100.0, bound=100.0, certificate=certified(0.19))
    assert verify_plan(hand_instance(), plan).bound_certified is None


def test_a_profitable_round_trip_proves_nothing() -> None:
    rows = hand_rows()
    rows["links"][0]["subsidy_cny_per_teu"] = 5_000.0
    instance = hand_instance(links=rows["links"])
    assert certified_bound(instance, Question(), certified(0.19)) is None


# -- random instances, held against an integer program of the tests' own ------------------------------


def pick(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def tiny_instances(draw: st.DrawFn) -> BareInstance:
    """The hand-worked instance with another origin, more projects, and most of its numbers drawn."""
    rows = hand_rows()
    rows["origins"].append({"origin_id": "O2", "place_id": "O", "form_id": "general"})
    rows["blocks"].append(rows["blocks"][0] | {"origin_id": "O2"})
    for block in rows["blocks"]:
        block |= {"volume_mcny_per_year": draw(pick(0.0, 15.0, 40.0, 90.0)), "wage_cny_per_year": draw(pick(5e4, 8e4, 1.2e5)),
                  "may_stay": draw(pick(1, 1, 1, 1, 1, 0)), "whole": draw(pick(0, 0, 1))}  # fmt: skip
    rows["rivals"][0] |= {"capacity_mcny_per_year": draw(pick(10.0, 60.0, math.inf)), "max_share_of_block": draw(pick(0.0, 0.3, 1.0)),
                          "industry_id": draw(pick("", "E", "E;A")), "margin_share_of_output": draw(pick(-0.02, 0.02, 0.08))}  # fmt: skip
    rows["rival_limits"][0]["endowment"] = draw(pick(30.0, 500.0, math.inf))
    for zone in rows["zones"]:
        zone |= {
            "status": draw(
                pick("candidate", "candidate", "candidate", "existing", "required", "forbidden")
            ),
            "open_mcny": draw(pick(0.0, 20.0, 60.0)),
        }
    rows["places"][2]["latitude_deg"] = draw(pick(35.5, 39.5))
    for industry in rows["industries"]:
        industry |= {
            "min_scale_mcny_per_year": draw(pick(0.0, 30.0)),
            "host_setup_mcny_per_year": draw(pick(0.0, 0.5)),
        }
    rows["industries"][1]["cluster_id"] = draw(pick("ict", ""))
    rows["eligibility"] = [{"zone_id": z, "industry_id": i, "form_id": draw(pick("handbook", "general", "handbook;general"))}
                           for z in ("Z1", "Z2") for i in ("E", "A") if draw(pick(True, True, False))]  # fmt: skip
    rows["pools"][0] |= {
        "endowment": draw(pick(0.0, 3000.0, math.inf)),
        "increment_max": draw(pick(0.0, 500.0)),
    }
    rows["pools"][1] |= {"endowment": draw(pick(20.0, 200.0)), "increment_max": draw(pick(0.0, 50.0, math.inf)),
                         "form_id": draw(pick("", "general"))}  # fmt: skip
    rows["modules"][0]["capital_mcny"] = draw(pick(1.0, 8.0))
    rows["services"][0] |= {"runs_today": draw(pick(0, 0, 1)), "min_load_teu_per_year": draw(pick(0.0, 30.0)),
                            "capacity_teu_per_year": draw(pick(20.0, 50.0, math.inf)), "fixed_mcny_per_year": draw(pick(0.01, 0.3))}  # fmt: skip
    rows["bottlenecks"][0]["capacity_teu_per_year"] = draw(pick(10.0, 45.0, math.inf))
    rows["links"][0] |= {
        "bottleneck_id": draw(pick("", "lift", "lift;road")),
        "cost_cny_per_teu": draw(pick(1000.0, 9000.0)),
    }
    rows["links"][2]["needs_project"] = draw(pick(0, 1))
    rows["bottlenecks"].append(
        {"bottleneck_id": "road", "capacity_teu_per_year": draw(pick(0.0, 60.0))}
    )
    for project in rows["projects"]:
        project |= {
            "status": draw(pick("candidate", "candidate", "candidate", "required", "forbidden")),
            "capital_mcny": draw(pick(1.0, 30.0)),
        }
    rows["projects"].append({"project_id": "yard", "capital_mcny": 3.0, "life_years": 25.0})
    rows["project_effects"] += [
        {"project_id": "yard", "effect": "adds_bottleneck_teu", "element_id": "lift", "amount": 40.0},
        {"project_id": "yard", "effect": "adds_pool", "element_id": "floor1", "amount": 1000.0},
        {"project_id": "study", "effect": "opens_link", "element_id": "road2"},
        {"project_id": "study", "effect": "allows_form", "element_id": "Z2:handbook"},
    ]  # fmt: skip
    if draw(st.booleans()):
        rows["project_effects"].append(
            {"project_id": "study", "effect": "opens_service", "element_id": "train"}
        )
    rows["chains"] = draw(pick([], rows["chains"]))
    curve = draw(
        pick(
            [(0, 0), (60, -3), (200, 4)], [(0, 0), (30, 1), (80, -6), (150, -5)], [(0, 0), (90, -1)]
        )
    )
    rows["agglomeration"] = draw(pick([], [{"cluster_id": "ict", "point": k, "volume_mcny_per_year": float(v), "cost_change_mcny_per_year": float(c)}
                                           for k, (v, c) in enumerate(curve)]))  # fmt: skip
    laws = [
        {"kind": "max_zones", "value": 1.0}, {"kind": "min_zones", "value": 1.0}, {"kind": "budget_mcny", "value": 30.0},
        {"kind": "max_new_projects", "value": 1.0}, {"kind": "min_absorbed_share", "value": 0.4, "industry_id": "E"},
        {"kind": "min_share_of_prefecture", "prefecture_id": "south", "value": 0.2},
        {"kind": "max_share_of_prefecture", "prefecture_id": "north", "value": 0.7},
        {"kind": "max_industries_per_zone", "value": 1.0}, {"kind": "industry_not_in_zone", "industry_id": "E", "zone_id": "Z2"},
    ]  # fmt: skip
    rows["rules"] = [
        {"rule_id": f"law{n}"} | law for n, law in enumerate(laws) if draw(pick(True, *[False] * 7))
    ]
    return bare_instance(rows, **SETTINGS)


questions = st.builds(
    Question, target_share=pick(None, None, None, 0.2, 0.5), budget_mcny=pick(None, None, 25.0),
    industry_targets=pick((), (), (), (("E", 15.0),)), open_zones=pick((), (), ("Z1",)), forbid_zones=pick((), (), ("Z2",)),
    closed=pick((), (), ("train",), ("road1",)),
)  # fmt: skip
factors = st.lists(pick(0.0, 0.5, 0.9, 1.0, 1.0, 1.1, 3.0), min_size=40, max_size=40)


def random_prices(problem: TinyProblem, draw: Any) -> dict[Any, float]:
    """A price for every row that a certificate may price, of about the size that matters."""
    scale = {"block": 0.2, "pool": 0.001, "rival": 0.03, "rival_limit": 0.02, "bottleneck": 0.002, "service": 0.002,
             "target": 0.1, "industry_target": 0.1, "budget": 0.05, "rule": 0.1, "chain": 0.5, "opened": 0.05,
             "needs": 0.1, "excludes": 0.1}  # fmt: skip
    return {key: scale[key[0]] * draw(st.floats(0, 2)) for key in problem.p.rows if key[0] in scale}


@EXAMPLES
@given(tiny_instances(), questions, factors, st.booleans(), st.data())
def test_no_price_vector_certifies_more_than_the_optimum(
    instance: BareInstance,
    question: Question,
    factor: list[float],
    near_dual: bool,
    data: st.DataObject,
) -> None:
    """Prices near the relaxation's own are where a wrong formula would show first."""
    problem = TinyProblem(instance, question)
    solved = problem.p.solve()
    assume(solved is not None)
    assert solved is not None
    relaxed = problem.p.prices() if near_dual else None
    if relaxed is not None:
        price = {k: v * factor[n % len(factor)] for n, (k, v) in enumerate(relaxed[1].items())}
    else:
        price = random_prices(problem, data.draw)
    certificate = problem.certificate(price)
    certificate["form"] = [
        [z, i, f, data.draw(st.floats(0, 0.05))]
        for (z, i), today in problem.facts.eligible.items()
        for f in problem.facts.form if f not in today and problem.facts.form_openers(z, f)
    ]  # fmt: skip
    bound = certified_bound(instance, question, certificate)
    assert bound is not None
    assert bound <= solved[0] + 1e-6 * max(1.0, abs(solved[0]))


@EXAMPLES
@given(tiny_instances(), questions)
def test_an_optimal_plan_of_another_program_holds(
    instance: BareInstance, question: Question
) -> None:
    """Two programs that share arcs and unit costs, but no constraint, agree on what is feasible."""
    problem = TinyProblem(instance, question)
    solved = problem.p.solve()
    assume(solved is not None)
    assert solved is not None
    relaxed = problem.p.prices()
    certificate = problem.certificate(relaxed[1]) if relaxed else {}
    plan = problem.plan(*solved, math.nan, certificate)
    assume(not problem.has_circles)
    verdict = verify_plan(instance, plan)
    # the program has no accounts and no stay cost of its own
    wrong = [v for v in verdict.violations if v.rule not in ("accounts", "stay cost")]
    assert wrong == []
    assert verdict.cost_mcny == pytest.approx(solved[0], rel=1e-6, abs=1e-6)


def test_the_duals_of_the_relaxation_certify_at_least_the_relaxation() -> None:
    """Without lumpy switches among projects and services nothing is lost: both bounds are one."""
    rows = hand_rows()
    rows |= {
        "projects": [],
        "project_effects": [],
        "chains": [],
        "services": [rows["services"][0] | {"runs_today": 1}],
    }
    rows["links"] = [link for link in rows["links"] if link["link_id"] != "bypass"]
    instance = bare_instance(rows, **SETTINGS)
    for question in (
        Question(),
        Question(target_share=0.7),
        Question(industry_targets=(("E", 62.0),), budget_mcny=28.0),
    ):
        problem = TinyProblem(instance, question)
        relaxed, solved = problem.p.prices(), problem.p.solve()
        assert relaxed is not None
        assert solved is not None
        bound = certified_bound(instance, question, problem.certificate(relaxed[1]))
        assert bound is not None
        assert relaxed[0] - 1e-6 <= bound <= solved[0] + 1e-6
