"""Weighted questions, limits by prices: against the direct formulation; bounds never too high."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from siting_instances import direct_optimum, random_instance

from instances import Instance, read_instance
from instances.errors import InstanceError
from optimizer import solve
from optimizer.cli import group
from optimizer.plan.plan import OBJECTIVES, Plan, Question, Status
from optimizer.plan.verify import verify_plan
from optimizer.studies.keep import solve_command

EXACT = {"gap": 1e-9, "explain": False}
SCALE = {"hours": 2e-6, "co2e": 2e-3, "outlay": 0.5, "jobs": 5e-3, "absorbed": 0.02}


def _drawn(seed: int) -> tuple[Instance, np.random.Generator]:
    """A random instance, half of them with subsidised links; trains without a least load.

    The direct formulation could reach a least load by goods that go to and fro.
    """
    rng = np.random.default_rng(seed + 31 * 10**5)
    instance = random_instance(seed, plain=bool(rng.random() < 0.3))
    if rng.random() < 0.5:
        links = instance.tables["links"].copy()
        links["subsidy_cny_per_teu"] = [float(rng.choice([0, 50, 0.05 * km])) for km in links["km"]]
        instance = instance.replace(links=links)
    services = instance.tables["services"].copy()
    services["min_load_teu_per_year"] = 0.0
    return instance.replace(services=services), rng


@pytest.mark.parametrize("seed", range(6))
def test_weighted_optimum_is_that_of_the_direct_formulation(seed: int) -> None:
    instance, rng = _drawn(seed)
    names = rng.permutation(list(SCALE))[: rng.integers(1, 3)].tolist()
    weights = tuple((str(n), SCALE[n] * float(rng.choice([0.2, 1.0, 5.0]))) for n in names)
    question = Question(weights=weights)
    direct = direct_optimum(instance, question=question)
    result = solve(instance, question, **EXACT)
    assert direct is not None
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(direct, rel=2e-6, abs=2e-6)
    assert result.bound == pytest.approx(direct, rel=2e-6, abs=2e-6)
    assert verify_plan(instance, result.plan).ok


@pytest.mark.parametrize("measure", ["hours", "co2e", "outlay"])
@pytest.mark.parametrize("seed", [1, 4])
def test_limits_by_prices_bracket_the_direct_optimum(
    measure: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, rng = _drawn(seed)
    free = _amount(instance, measure, Question())
    least = direct_optimum(instance, question=Question(objective=measure))
    assert least is not None
    limit = least + float(rng.uniform(0.1, 0.9)) * (free - least)
    question = Question(limits=((measure, limit),))
    if rng.random() < 0.5:
        question = replace(question, weights=((measure, 1e-3 * SCALE[measure]),))
    direct = direct_optimum(instance, question=question)
    assert direct is not None
    monkeypatch.setattr("optimizer.engine.limits.PRICED_FROM", 0)
    result = solve(instance, question, gap=1e-6, explain=False)
    slack = 2e-6 * max(1.0, abs(direct))
    assert result.bound <= direct + slack
    assert result.bound > direct - 0.5 * abs(direct)
    if result.has_plan:
        assert result.objective >= direct - slack
        assert verify_plan(instance, result.plan).ok
    monkeypatch.undo()
    exact = solve(instance, question, **EXACT)
    assert exact.objective == pytest.approx(direct, rel=2e-6, abs=2e-6)


def _amount(instance: Instance, measure: str, question: Question) -> float:
    """A measure of the least-cost plan, as the verifier counts it."""
    plan = solve(instance, question, **EXACT).plan
    asked = replace(plan, question=Question(weights=((measure, 1.0),)), certificate={})
    return verify_plan(instance, asked).objective - plan.cost_mcny


def test_a_limit_below_the_least_is_proven_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = random_instance(1)
    least = direct_optimum(instance, question=Question(objective="co2e"))
    assert least is not None
    monkeypatch.setattr("optimizer.engine.limits.PRICED_FROM", 0)
    result = solve(instance, Question(limits=(("co2e", 0.9 * least),)), explain=False)
    assert result.status is Status.INFEASIBLE
    assert "co2e cannot be kept" in result.stop_reason
    loose = solve(instance, Question(limits=(("co2e", 1e9),)), **EXACT)
    plain = solve(instance, **EXACT)
    assert loose.objective == pytest.approx(plain.objective, rel=1e-9)


def test_weights_are_checked_and_kept_in_files() -> None:
    with pytest.raises(InstanceError) as caught:
        solve("two_zones", Question("jobs", weights=(("co2", 1.0), ("hours", -1.0))))
    text = str(caught.value)
    for part in ("'co2e'", "must be a number >= 0", "must be cost"):
        assert part in text
    plan = solve("two_zones", Question(weights=(("jobs", 0.01),)), **EXACT).plan
    assert Plan.from_json(plan.to_json()) == plan
    assert {n for n, _ in plan.question.weights} <= set(OBJECTIVES)


def test_a_weighted_objective_by_hand_and_tampered_with() -> None:
    # two_zones: least cost 17.7 with all of 100 mcny moved, 2 workers per mcny (its README)
    instance = read_instance("two_zones")
    plan = solve(instance, Question(weights=(("jobs", 0.01),)), **EXACT).plan
    assert plan.objective == pytest.approx(17.7 - 0.01 * 200, abs=1e-6)
    assert verify_plan(instance, plan).ok
    other = replace(plan, question=Question(weights=(("jobs", 0.02),)))
    assert [v.rule for v in verify_plan(instance, other).violations][:2] == ["objective", "bound"]


def test_the_command_weighs_and_the_report_says_so(tmp_path: Path) -> None:
    words = ["solve", "two_zones", "--weight", "jobs=0.01", "--gap", "1e-9", "--quiet"]
    done = CliRunner().invoke(group, [*words, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    plan = Plan.from_json((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    assert plan.objective == pytest.approx(15.7, abs=1e-6)
    assert "--weight jobs=0.01" in solve_command("two_zones", plan.question)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "weighed with the cost, million CNY per unit: jobs 0.01" in page
