"""Scenarios in bunches: bounds never above what is true, sitings that hold, stops that tell."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import Instance, read_instance
from networks.network import build_network
from optimizer.api import solve
from optimizer.cli import group
from optimizer.engine.blocks import Block, make_block
from optimizer.engine.joint import deal, solve_siting
from optimizer.engine.joint_model import JointModel
from optimizer.engine.progress import Watch
from optimizer.engine.risk import Risk, risk_of, together
from optimizer.plan.plan import Question
from optimizer.plan.verify import verify_plan
from optimizer.problem import build_problem
from optimizer.studies.bunches import ask_bunches
from optimizer.studies.case import Case, Solved
from optimizer.studies.executors import Processes
from optimizer.studies.scenarios import Scenario
from optimizer.studies.session import Session, StudyProgress, StudyStopped
from optimizer.studies.stages import keep_siting, siting_of
from optimizer.studies.stochastic import NoSitingError, TwoStage, TwoStageError, worth
from optimizer.studies.stochastic_chapter import stochastic
from optimizer.studies.worker import Context

GAP = 1e-6
RISKS = (Risk(), Risk("cvar", 0.5, 0.6), Risk("regret"), Risk("worst"))


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


FIVE = ((0.1, 0.5), (0.3, 0.8), (0.3, 1.0), (0.2, 1.2), (0.1, 1.5))


# -- bunches as such ----------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 20))
def test_every_scenario_is_in_one_bunch(count: int, size: int) -> None:
    bunches = deal(count, size)
    assert sorted(k for bunch in bunches for k in bunch) == list(range(count))
    assert max(map(len, bunches)) <= size
    assert max(map(len, bunches)) - min(map(len, bunches)) <= 1


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 7), st.integers(1, 4), st.floats(0, 0.9))
def test_bunches_bound_every_measure(seed: int, count: int, size: int, alpha: float) -> None:
    """Sitings as rows of costs: the best of each bunch together is never above the best of all."""
    rng = np.random.default_rng(seed)
    costs, p = rng.uniform(5, 50, (4, count)), rng.dirichlet(np.ones(count))
    known = tuple(costs.min(axis=0).tolist())
    for risk in (Risk(), Risk("cvar", alpha, 0.7), Risk("regret", against=known), Risk("worst")):
        weights, bounds = [], []
        for bunch in deal(count, size):
            weights.append(math.fsum(p[k] for k in bunch))
            share = [p[k] / weights[-1] for k in bunch]
            mine = replace(risk, against=tuple(risk.against[k] for k in bunch if risk.against))
            bounds.append(min(risk_of([row[k] for k in bunch], share, mine) for row in costs))
        best = min(risk_of(row.tolist(), p.tolist(), risk) for row in costs)
        assert together(risk, weights, bounds) <= best + 1e-9


# -- bounds and sitings of small instances --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "risk", "size"),
    [("two_zones", 0, 2), ("two_zones", 1, 2), (6, 0, 3), (6, 2, 3), (3, 3, 2), (7, 1, 3)],
)
def test_bound_and_value_agree_with_one_model(name: str | int, risk: int, size: int) -> None:
    """Never above the optimum of the extensive form, whatever the bunches; sitings not below."""
    instance = read_instance(name) if isinstance(name, str) else random_instance(name)
    scenarios = volumes(instance, *FIVE[1:4])
    scenarios = [replace(s, probability=s.probability / 0.8) for s in scenarios]
    with Session(instance, gap=GAP) as session:
        true = TwoStage(session, scenarios, GAP, "extensive").choose(RISKS[risk]).measure
        two = TwoStage(session, scenarios, GAP, "bunches", size=size)
        choice = two.choose(RISKS[risk])
    slack = 1e-6 * max(1.0, abs(true.value))
    assert choice.measure.low <= true.value + slack
    assert choice.measure.value >= true.low - slack
    assert choice.measure.low <= choice.measure.value
    for scenario, solved in zip(scenarios, choice.solved, strict=True):
        assert verify_plan(instance.override(*scenario.overrides), solved.plan).ok


def test_larger_bunches_and_guests_never_lower_the_bound() -> None:
    instance = read_instance("two_zones")
    scenarios = volumes(instance, (0.1, 0.5), (0.4, 0.9), (0.3, 1.1), (0.2, 1.5))
    with Session(instance, gap=GAP) as session:
        bounds = []
        for size, guests in ((1, ()), (2, ()), (4, ()), (2, (0, 3))):
            bunches = deal(len(scenarios), size)
            answers = ask_bunches(session, scenarios, bunches, Risk(), gap=GAP, guests=guests)
            weights = [math.fsum(scenarios[k].probability for k in b) for b in bunches]
            bounds.append(together(Risk(), weights, [a.bound for a in answers]))
            floors = [f for a in answers for f in a.floors]
            assert len(floors) == len(scenarios)
        value = TwoStage(session, scenarios, GAP, "extensive").choose(Risk()).measure.value
    alone, pairs, whole, guested = bounds
    assert alone <= pairs + 1e-6 <= whole + 2e-6
    assert pairs <= guested + 1e-6
    assert max(bounds) <= value + 1e-5


def blocks_of(instance: Instance, question: Question, *shares: tuple[float, float]) -> list[Block]:
    """Blocks of scenarios (probability, factor of all volumes)."""
    changed = [instance.override(*s.overrides) for s in volumes(instance, *shares)]
    return [make_block(build_problem(c, build_network(c), question)) for c in changed]


@pytest.mark.parametrize(("name", "risk"), [("two_zones", 0), (6, 1), (6, 3), (7, 0)])
def test_larger_groups_never_lower_the_bound_on_one_siting(name: str | int, risk: int) -> None:
    instance = read_instance(name) if isinstance(name, str) else random_instance(name)
    weights = [p for p, _ in FIVE]
    with Session(instance, gap=GAP) as session:
        two = TwoStage(session, volumes(instance, *FIVE), GAP, "extensive")
        true = two.choose(RISKS[risk]).measure
    bounds = []
    for at_once in (1, 2, 5):
        blocks = blocks_of(instance, Question(), *FIVE)
        found = solve_siting(
            blocks, weights, Watch(60.0), risk=RISKS[risk], gap=GAP, group=at_once
        )  # fmt: skip
        bounds.append(found.bound)
        assert found.bound <= true.value + 1e-5
        assert found.objective >= found.bound
        assert len({tuple(sorted(s.items())) for s in found.sitings}) == 1
    assert bounds[1] <= bounds[2] + 1e-6
    if RISKS[risk].kind == "expected":
        floors = math.fsum(w * f for w, f in zip(weights, found.floors, strict=True))
        assert bounds[0] == pytest.approx(floors, rel=1e-7)
        assert bounds[0] <= bounds[1] + 1e-6


def test_what_single_scenarios_use_may_be_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over no decision at all the target cannot be met: then all of them are looked at."""
    question = Question(target_mcny=20.0)
    blocks = blocks_of(read_instance("two_zones"), question, (0.5, 0.9), (0.5, 1.1))
    usual = solve_siting(blocks, (0.5, 0.5), Watch(60.0), gap=GAP)
    monkeypatch.setattr(
        JointModel, "at", lambda joint, _masks: np.zeros(len(joint.model.cost), dtype=bool)
    )
    blocks = blocks_of(read_instance("two_zones"), question, (0.5, 0.9), (0.5, 1.1))
    found = solve_siting(blocks, (0.5, 0.5), Watch(60.0), gap=GAP)
    assert found.sitings[0]
    assert found.objective == pytest.approx(usual.objective, rel=1e-5)


def test_zones_that_stay_shut_may_be_left_out() -> None:
    """A kept siting costs the same whether shut zones are forbidden or only not to be opened."""
    for seed in (3, 7):
        instance = random_instance(seed)
        siting = siting_of(instance, solve(instance, gap=GAP).plan)
        question = keep_siting(instance, Question(), siting)
        statuses = instance.tables["zones"].set_index("zone_id")["status"]
        shut = {z for z, s in statuses.items() if s == "candidate"} - {
            n for k, n in siting if k == "zone"
        }
        assert set(question.forbid_zones) == shut
        kept = solve(instance, question, gap=GAP)
        plain = solve(instance, replace(question, forbid_zones=()), gap=GAP)
        assert kept.objective == pytest.approx(plain.objective, rel=1e-6)


def test_a_siting_that_fails_somewhere_is_sought_again_with_that_scenario() -> None:
    """Hosting pays in most scenarios, and misses its least scale in one of another bunch."""
    instance = read_instance("two_zones").override(
        "industries.electronics.min_scale_mcny_per_year=5"
    )
    scenarios = volumes(instance, (0.45, 1.0), (0.1, 1e-3), (0.45, 1.1))
    with Session(instance, gap=GAP) as session:
        two = TwoStage(session, scenarios, GAP, "bunches", size=2)
        choice = two.choose(Risk())
        true = TwoStage(session, scenarios, GAP, "extensive").choose(Risk()).measure
    assert choice.measure.value == pytest.approx(true.value, rel=1e-5)
    assert all(s.plan is not None for s in choice.solved)


def test_a_scenario_without_plan_is_named() -> None:
    instance = read_instance("two_zones")
    with Session(instance, Question(target_mcny=80.0), gap=GAP) as session:
        two = TwoStage(session, volumes(instance, (0.5, 1.0), (0.5, 0.5)), GAP, "bunches")
        with pytest.raises(TwoStageError, match=r"scenario x 0\.5: no plan is possible"):
            two.choose(Risk())


def test_worth_of_bunches_keeps_the_laws() -> None:
    instance = read_instance("two_zones")
    with Session(instance, gap=GAP) as session:
        two = TwoStage(session, volumes(instance, *FIVE), GAP, "bunches", size=2)
        choice, value = worth(two, two.choose(Risk()))
    for each in (value.value_of_solution, value.perfect_information):
        assert 0 <= each.low <= each.value <= each.high
    assert value.wait_and_see.low <= choice.measure.low <= choice.measure.value


# -- stopping and going on ------------------------------------------------------------------------


def stopped_after(session: Session, solves: int) -> None:
    """Set the cancel event once so many cases are solved."""

    def look(event: StudyProgress) -> None:
        if event.done >= solves:
            session.cancel.set()

    session.on_progress = look


def test_a_stop_shows_the_best_siting_so_far() -> None:
    """After the sitings were tried and before the scenarios alone: value, bound, gap are there."""
    instance = read_instance("two_zones")
    scenarios = volumes(instance, *FIVE)
    with Session(instance, gap=GAP) as session:
        whole = TwoStage(session, scenarios, GAP, "extensive").choose(Risk()).measure
    with Session(instance, gap=GAP) as session:
        stopped_after(session, 9)  # three bunches, five scenarios with a siting kept, one more
        chapter = stochastic(session, scenarios, method="bunches", size=2, regret=True)
    row = chapter.table("measures").rows[0]
    assert row["bound_mcny"] <= whole.value + 1e-6
    assert row["value_mcny"] >= whole.low - 1e-6
    assert row["gap_share"] == pytest.approx(1 - row["bound_mcny"] / row["value_mcny"])
    assert "Decided now" in chapter.findings[0]
    assert all(math.isnan(r["known_mcny"]) for r in chapter.table("scenarios").rows)
    said = " ".join(chapter.cautions)
    assert "stopped" in said.lower()
    assert "regret" in said
    assert len(chapter.table("scenarios").rows) == 5


def test_a_stop_before_any_siting_says_what_is_proven() -> None:
    instance = read_instance("two_zones")
    with Session(instance, gap=GAP) as session:
        stopped_after(session, 4)  # the bunches and one scenario
        with pytest.raises(NoSitingError, match=r"solved in 1 of them.*at least \d"):
            stochastic(session, volumes(instance, *FIVE), method="bunches", size=2)


def test_a_stopped_study_goes_on_with_what_it_has() -> None:
    instance = read_instance("two_zones")
    scenarios = volumes(instance, (0.5, 0.8), (0.5, 1.2))
    with Session(instance, gap=GAP) as session:
        stopped_after(session, 3)
        with pytest.raises((StudyStopped, NoSitingError)):
            stochastic(session, scenarios, method="bunches", size=1)
        store, solves = session.store, session.solves
    with Session(instance, gap=GAP, store=store) as session:
        again = stochastic(session, scenarios, method="bunches", size=1)
        assert session.reused >= solves
    with Session(instance, gap=GAP) as session:
        fresh = stochastic(session, scenarios, method="bunches", size=1)
    assert again.findings == fresh.findings


# -- processes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2])
def test_two_processes_find_what_one_finds(size: int) -> None:
    """With one bunch, the second process solves the scenarios alone meanwhile."""
    instance = random_instance(7)
    chapters = []
    for workers in (1, 2):
        with Session(instance, gap=GAP, workers=workers) as session:
            chapters.append(
                stochastic(
                    session,
                    volumes(instance, (0.4, 0.8), (0.6, 1.2)),
                    method="bunches",
                    size=size,
                )
            )
    one, two = chapters
    assert one.findings == two.findings
    for name in ("measures", "worth", "scenarios", "siting"):
        assert one.table(name).frame.equals(two.table(name).frame)


def test_near_cases_go_to_the_worker_that_had_the_first() -> None:
    pool = Processes(Context(read_instance("two_zones"), Question(), GAP, 60.0), 2)
    given: list[tuple[int, str]] = []

    class Slot:
        """Takes cases and never solves them."""

        def __init__(self, number: int) -> None:
            self.number = number

        def submit(self, _function: object, case: Case, _plan: object) -> Future[Solved]:
            given.append((self.number, case.name))
            return Future()

    pool._pools = [Slot(0), Slot(1)]
    for name in ("a1", "b1", "a2", "a3", "b2"):
        pool.submit(Case(name, near=name[0]), None)
    assert given == [(0, "a1"), (1, "b1"), (0, "a2"), (1, "b2")]
    pool._running = {f: job for f, job in pool._running.items() if job[0] == 0}
    pool._hand_out()  # the second is idle: it takes what the first would have had
    assert given[-1] == (1, "a3")


def test_the_command_stops_after_its_time(tmp_path: Path) -> None:
    """No time at all: it says so, with exit code 1; what was solved stays in the folder."""
    path = tmp_path / "scenarios.csv"
    volume = "blocks.dongguan/electronics.volume_mcny_per_year*=0.5"
    path.write_text(f"name,probability,overrides\nlow,0.5,{volume}\nhigh,0.5,\n")
    arguments = ["stochastic", "two_zones", "--scenarios", str(path)]
    arguments += ["--method", "bunches", "--workers", "1", "--quiet", "--out", str(tmp_path / "s")]
    runner = CliRunner()
    result = runner.invoke(group, [*arguments, "--within", "0.001"])
    assert result.exit_code == 1
    assert "no siting with a plan in all 2 scenarios was found (stopped)" in result.output
    result = runner.invoke(group, arguments)
    assert result.exit_code == 0, result.output
    assert "Decided now" in result.output
