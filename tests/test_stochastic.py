"""Two-stage siting: laws, agreement of methods, risk measures, proven intervals."""

from __future__ import annotations

import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import Instance, read_instance
from networks.network import build_network
from optimizer.api import solve
from optimizer.engine.blocks import make_block, relaxed
from optimizer.engine.progress import Watch
from optimizer.engine.risk import Risk, add_risk, risk_of, tail_mean
from optimizer.linear import LinearModel
from optimizer.plan.plan import Question, Status
from optimizer.plan.verify import verify_plan
from optimizer.problem import build_problem
from optimizer.solvers import solve_model
from optimizer.studies.scenarios import Scenario
from optimizer.studies.session import Session
from optimizer.studies.stages import from_json, keep_siting, siting_of, to_json
from optimizer.studies.stochastic import TwoStage, TwoStageError, worth
from optimizer.studies.stochastic_chapter import stochastic

GAP = 1e-6


def volumes(instance: Instance, *shares: tuple[float, float]) -> list[Scenario]:
    """Scenarios (probability, factor of all volumes)."""
    blocks = instance.tables["blocks"]
    names = list(zip(blocks["origin_id"], blocks["industry_id"], strict=True))
    return [
        Scenario(
            f"x {f:g}", p, tuple(f"blocks.{o}/{i}.volume_mcny_per_year*={f}" for o, i in names)
        )
        for p, f in shares
    ]


THREE = ((0.3, 0.6), (0.4, 1.0), (0.3, 1.3))


# -- risk measures ------------------------------------------------------------------------------


def test_measures_by_hand() -> None:
    costs, p = [10.0, 20.0, 40.0], [0.5, 0.3, 0.2]
    assert risk_of(costs, p, Risk()) == pytest.approx(19)
    assert tail_mean(costs, p, 0.8) == pytest.approx(40)
    assert tail_mean(costs, p, 0.5) == pytest.approx((0.2 * 40 + 0.3 * 20) / 0.5)
    assert risk_of(costs, p, Risk("cvar", 0.5, 0.5)) == pytest.approx(0.5 * 19 + 0.5 * 28)
    assert risk_of(costs, p, Risk("regret", against=(8.0, 11.0, 39.0))) == pytest.approx(9)
    assert risk_of(costs, p, Risk("worst")) == 40
    with pytest.raises(ValueError, match="alpha"):
        Risk("cvar", 1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 999), st.floats(0, 0.95))
def test_linear_model_and_number_agree(count: int, seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    costs, p = rng.uniform(5, 50, count).tolist(), rng.dirichlet(np.ones(count)).tolist()
    for risk in (
        Risk(),
        Risk("cvar", alpha, 0.7),
        Risk("regret", against=tuple(rng.uniform(1, 5, count).tolist())),
        Risk("worst"),
    ):
        lp = LinearModel()
        columns = [lp.add_col(s, 0.0, lb=c, ub=c) for s, c in enumerate(costs)]
        add_risk(lp, columns, p, risk)
        found = solve_model(lp.compile(), "highs").objective
        assert found == pytest.approx(risk_of(costs, p, risk), rel=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.integers(0, 99))
def test_cvar_with_alpha_0_is_the_mean_and_grows_with_alpha(costs: list[float], seed: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(len(costs))).tolist()
    mean = sum(a * b for a, b in zip(costs, p, strict=True))
    assert tail_mean(costs, p, 0.0) == pytest.approx(mean)
    tails = [tail_mean(costs, p, a) for a in (0.0, 0.3, 0.6, 0.9)]
    assert all(b >= a - 1e-9 for a, b in pairwise(tails))


# -- sitings and cuts ---------------------------------------------------------------------------


def test_a_kept_siting_is_kept() -> None:
    instance = read_instance("two_zones")
    plan = solve(instance, forbid_zones=("taiyuan",)).plan
    siting = siting_of(instance, plan)
    assert from_json(to_json(siting)) == siting
    again = solve(instance, keep_siting(instance, Question(), siting))
    assert siting_of(instance, again.plan) == siting
    assert again.objective == pytest.approx(plan.cost_mcny)


@pytest.mark.parametrize("seed", range(6))
def test_cuts_lie_below_the_cost_of_every_siting(seed: int) -> None:
    """A slope taken at one siting bounds the true cost of others."""
    instance = random_instance(seed)
    zones = list(instance.tables["zones"]["zone_id"])
    plans = []
    for forbidden in ((), (zones[0],), (zones[-1],)):
        result = solve(instance, Question(forbid_zones=forbidden), gap=GAP)
        if result.has_plan:
            plans.append(result.plan)
    network = build_network(instance)
    sitings = [siting_of(instance, p) for p in plans]
    for at in sitings:
        found = relaxed(make_block(build_problem(instance, network, Question())), at, Watch(60.0))
        assert found.status is Status.OPTIMAL
        for other, plan in zip(sitings, plans, strict=True):
            moved = sum(v * (other.get(d, 0.0) - at.get(d, 0.0)) for d, v in found.slope.items())
            assert found.value + moved <= plan.cost_mcny + 1e-6


def test_a_siting_without_second_stage_is_cut_off_and_others_are_not() -> None:
    instance = read_instance("two_zones")
    low = instance.override("blocks.dongguan/electronics.volume_mcny_per_year=1e-3",
                            "industries.electronics.min_scale_mcny_per_year=5")  # fmt: skip
    problem = build_problem(low, build_network(low), Question())
    at = siting_of(instance, solve(instance).plan)
    found = relaxed(make_block(problem), at, Watch(60.0))
    assert found.status is Status.INFEASIBLE
    constant = found.value - sum(v * at.get(d, 0.0) for d, v in found.slope.items())
    assert found.value > 0
    assert constant <= 1e-9  # nothing built: everything stays, and that is a plan


@pytest.mark.parametrize("seed", range(12))
def test_what_is_barred_has_no_plan(seed: int) -> None:
    """A cut from a siting that a scenario cannot live with bars no siting that it can live with."""
    instance = random_instance(seed)
    first = solve(instance, gap=GAP)
    assert first.has_plan
    at = siting_of(instance, first.plan)
    blocks = instance.tables["blocks"]
    low = instance.override(
        *(
            f"blocks.{o}/{i}.volume_mcny_per_year*=0.1"
            for o, i in zip(blocks["origin_id"], blocks["industry_id"], strict=True)
        )
    )
    network = build_network(low)
    found = relaxed(make_block(build_problem(low, network, Question())), at, Watch(60.0))
    if found.status is not Status.INFEASIBLE:
        assert found.value <= solve(low, keep_siting(low, Question(), at)).objective + 1e-6
        return
    zones = list(instance.tables["zones"]["zone_id"])
    for shut in ((), (zones[0],), (zones[-1],), tuple(zones)):
        result = solve(low, Question(forbid_zones=shut), network=network, explain=False)
        if result.has_plan:
            x = siting_of(low, result.plan)
            moved = sum(v * (x.get(d, 0.0) - at.get(d, 0.0)) for d, v in found.slope.items())
            assert found.value + moved <= 1e-6


# -- the laws of two-stage siting ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["two_zones", "dry_port", 6, 7])
def test_methods_agree_and_laws_hold(name: str | int) -> None:
    instance = read_instance(name) if isinstance(name, str) else random_instance(name)
    with Session(instance, gap=GAP) as session:
        found = {}
        for method in ("extensive", "decomposition"):
            two = TwoStage(session, volumes(instance, *THREE), GAP, method)
            choice = two.choose(Risk())
            choice, value = worth(two, choice)
            found[method] = choice.measure
            assert choice.measure.low <= choice.measure.value
            assert choice.measure.gap <= 1e-5
            assert value.value_of_solution.value >= 0
            assert value.value_of_solution.low >= 0
            assert value.perfect_information.value >= 0
            assert value.perfect_information.low >= 0
            known = value.wait_and_see
            assert known.low <= choice.measure.value + 1e-9
            kept = math.fsum(
                p * s.cost_mcny for p, s in zip(two.probability, choice.solved, strict=True)
            )
            assert choice.measure.value == pytest.approx(kept)
    a, b = found["extensive"], found["decomposition"]
    assert a.value == pytest.approx(b.value, rel=1e-5)
    assert a.low <= b.value + 1e-6
    assert b.low <= a.value + 1e-6


def test_two_zones_by_enumeration() -> None:
    """Every siting of `two_zones` kept in every scenario: the least mean is what is found."""
    instance = read_instance("two_zones")
    scenarios = volumes(instance, *THREE)
    changed = [instance.override(*s.overrides) for s in scenarios]
    module = instance.tables["modules"].iloc[0]
    networks = [build_network(c) for c in changed]
    best = math.inf
    for taiyuan, datong in product((0.0, 1.0), repeat=2):
        for count in range(int(module["max_count"]) + 1):
            siting = {("module", module["module_id"]): float(count)}
            for zone, is_open in (("taiyuan", taiyuan), ("datong", datong)):
                siting[("zone", zone)] = siting[("host", f"{zone}/electronics")] = is_open
            question = keep_siting(instance, Question(), {d: n for d, n in siting.items() if n})
            results = [
                solve(c, question, gap=GAP, explain=False, network=n, verify=False)
                for c, n in zip(changed, networks, strict=True)
            ]
            if all(r.has_plan for r in results):
                mean = math.fsum(
                    s.probability * r.objective for s, r in zip(scenarios, results, strict=True)
                )
                best = min(best, mean)
    with Session(instance, gap=GAP) as session:
        choice = TwoStage(session, scenarios, GAP, "decomposition").choose(Risk())
    assert choice.measure.value == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("name", ["two_zones", "dry_port"])
@pytest.mark.parametrize("method", ["extensive", "decomposition"])
def test_one_scenario_is_the_deterministic_plan(name: str, method: str) -> None:
    instance = read_instance(name)
    with Session(instance, gap=GAP) as session:
        two = TwoStage(session, [Scenario("as planned", 1.0)], GAP, method)
        choice = two.choose(Risk())
        choice, value = worth(two, choice)
    assert choice.measure.value == pytest.approx(solve(instance, gap=GAP).objective, rel=1e-6)
    assert value.value_of_solution.value == pytest.approx(0, abs=1e-5)
    assert value.perfect_information.value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("risk", [Risk("cvar", 0.5, 0.6), Risk("regret"), Risk("worst")])
def test_measures_agree_between_methods(risk: Risk) -> None:
    instance = read_instance("two_zones")
    with Session(instance, gap=GAP) as session:
        values = []
        for method in ("extensive", "decomposition"):
            two = TwoStage(session, volumes(instance, *THREE), GAP, method)
            choice = two.choose(risk)
            assert choice.measure.gap <= 1e-5
            values.append(choice.measure.value)
            mean = two.choose(Risk())
            assert choice.measure.value <= two.measure(mean.siting, risk)[1] + 1e-6
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_cvar_with_alpha_0_chooses_as_the_mean() -> None:
    instance = read_instance("dry_port")
    with Session(instance, gap=GAP) as session:
        two = TwoStage(session, volumes(instance, *THREE), GAP)
        mean, tail = two.choose(Risk()), two.choose(Risk("cvar", 0.0))
    assert tail.measure.value == pytest.approx(mean.measure.value, rel=1e-6)


def test_every_kept_plan_is_verified_and_has_the_siting() -> None:
    instance = read_instance("two_zones")
    scenarios = volumes(instance, *THREE)
    with Session(instance, gap=GAP) as session:
        choice = TwoStage(session, scenarios, GAP).choose(Risk())
    for scenario, solved in zip(scenarios, choice.solved, strict=True):
        changed = instance.override(*scenario.overrides)
        assert verify_plan(changed, solved.plan).ok
        assert siting_of(instance, solved.plan) == choice.siting


def test_a_scenario_without_plan_is_named() -> None:
    instance = read_instance("two_zones")
    with Session(instance, Question(target_mcny=80.0), gap=GAP) as session:
        two = TwoStage(session, volumes(instance, (0.5, 1.0), (0.5, 0.5)), GAP)
        with pytest.raises(TwoStageError, match=r"scenario x 0\.5: no plan is possible"):
            two.choose(Risk())


def test_chapter_says_what_is_proven() -> None:
    instance = read_instance("two_zones")
    with Session(instance, gap=GAP) as session:
        chapter = stochastic(session, volumes(instance, *THREE), cvar_weight=1.0, regret=True)
    rows = {row["quantity"].split(" (")[0]: row for row in chapter.table("worth").rows}
    recourse = rows["expected cost of the siting"]
    assert f"{recourse['value_mcny']:,.1f}" in chapter.findings[0]
    for row in rows.values():
        assert row["low_mcny"] <= row["value_mcny"] <= row["high_mcny"] + 1e-9
    assert [r["decided"] for r in chapter.table("measures").rows] == ["yes"] * 3
    assert sum(r["probability_share"] for r in chapter.table("scenarios").rows) == pytest.approx(1)


def test_command_line(tmp_path: Path) -> None:
    import json

    from click.testing import CliRunner

    from optimizer.cli import group

    path = tmp_path / "s.csv"
    path.write_text(
        "name,probability,overrides\n"
        "low,0.5,blocks.dongguan/electronics.volume_mcny_per_year*=0.5\nhigh,0.5,\n"
    )
    arguments = ["stochastic", "two_zones", "--scenarios", str(path), "--workers", "1", "--quiet"]
    result = CliRunner().invoke(group, [*arguments, "--json", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["name"] == "stochastic"
    assert (tmp_path / "out" / "report.html").exists()
    path.write_text("name,probability\na,0.5\n")
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 2
