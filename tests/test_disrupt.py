"""Failures: hand-worked values, closing never helps, unused elements, pairs, events."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import read_instance
from instances.errors import InstanceError
from networks.network import build_network
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Question, Status
from optimizer.plan.verify import verify_plan
from optimizer.studies.disrupt import disrupt
from optimizer.studies.elements import KINDS, Usage, elements_of, events_of
from optimizer.studies.keep import keep_siting, solve_command
from optimizer.studies.ranks import proven_ranks
from optimizer.studies.session import Session


def rows(chapter, table: str = "single") -> dict[str, dict]:
    return {r["element_id"]: r for r in chapter.table(table).rows}


@pytest.fixture(scope="module")
def two_zones():
    with Session("two_zones") as session:
        yield disrupt(session, over=KINDS, pairs=("worst:2", "tianjin+dongguan_overseas"))


def test_hand_worked_values(two_zones) -> None:
    """README of two_zones: 17.70 with the port, 21.25 when all stays in Dongguan."""
    found = rows(two_zones)
    port = found["tianjin"]
    assert port["free_mcny"] == pytest.approx(21.25 - 17.70)
    assert port["free_low_mcny"] == pytest.approx(3.55)
    assert port["lost_free_mcny"] == pytest.approx(100.0)
    assert math.isinf(port["kept_mcny"])  # industries have a least scale: they have to stop
    assert "industries have to stop" in port["status"]
    assert port["rank"] == "1"
    assert found["tianjin_overseas"]["rank"] == "1"  # a tie is a shared rank
    unused = found["dongguan_overseas"]
    assert unused["status"] == "not used: unchanged"
    assert unused["free_mcny"] == unused["kept_mcny"] == 0.0


def test_pairs_are_never_cheaper_than_their_parts(two_zones) -> None:
    pairs, single = rows(two_zones, "pairs"), rows(two_zones)
    assert "tianjin+dongguan_overseas" in pairs
    for key, row in pairs.items():
        for part in key.split("+"):
            assert row["free_high_mcny"] >= single[part]["free_low_mcny"] - 1e-6
    both = pairs["tianjin+dongguan_overseas"]  # then nothing has a way out
    assert math.isinf(both["free_mcny"])
    assert "no plan" in both["status"]
    assert both["lost_free_mcny"] == pytest.approx(100.0)


def test_keeping_the_siting_costs_at_least_as_much() -> None:
    with Session("dry_port") as session:
        found = rows(disrupt(session, over=KINDS))
    assert found["linfen_road"]["kept_mcny"] == pytest.approx(0.152, abs=1e-6)
    assert found["linfen_road"]["free_mcny"] == pytest.approx(0.052, abs=1e-6)
    for row in found.values():
        assert row["kept_mcny"] >= row["free_mcny"] - 1e-9
        assert row["kept_low_mcny"] >= row["free_low_mcny"] - 1e-9
    ranked = [r["free_mcny"] for r in found.values()]
    assert ranked == sorted(ranked, reverse=True)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 200))
def test_closing_never_helps_and_ranges_hold_the_truth(seed: int) -> None:
    """Every range of the study holds the optimum that a separate tight solve finds."""
    instance = random_instance(seed)
    base = solve(instance, gap=1e-9, threads=1, explain=False)
    if not base.has_plan:
        return
    with Session(instance, gap=0.05) as session:
        found = rows(disrupt(session, over=("ports", "terminals"), elements=("bypass",)))
    for element, row in found.items():
        alone = solve(instance, Question(closed=(element,)), gap=1e-9, threads=1, explain=False)
        if alone.status is Status.INFEASIBLE:
            assert math.isinf(row["free_mcny"])
            continue
        change = alone.objective - base.objective
        slack = 1e-6 * max(1.0, abs(base.objective))
        assert change >= -slack
        assert row["free_low_mcny"] - slack <= change <= row["free_high_mcny"] + slack


def test_a_way_round_that_needs_a_train_does_not_end_the_search() -> None:
    """Where a capacity binds and nothing else gains, the route behind the train's counts too."""
    instance = random_instance(40)
    base = solve(instance, gap=1e-9, threads=1, explain=False)
    assert "link:bypass" not in str(base.plan.flows)
    without = solve(instance, Question(closed=("bypass",)), gap=1e-9, threads=1, explain=False)
    assert without.objective == pytest.approx(base.objective, rel=1e-9)


def test_what_is_not_used_leaves_the_plan_as_it_is() -> None:
    """The plan that is said to stay is accepted by the verifier in the closed network."""
    instance = read_instance("dry_port")
    plan = solve(instance, threads=1).plan
    usage = Usage(build_network(instance), plan)
    unused = [e for e in elements_of(instance, KINDS) if not usage.touches(e.closed)]
    assert unused
    for element in unused:
        verdict = verify_plan(
            instance, replace(plan, question=Question(closed=element.closed), certificate={})
        )
        wrong = [v for v in verdict.violations if v.rule != "stay cost"]  # of what is not done
        assert not wrong, (element, wrong)


def test_kept_siting_is_the_plan_itself_in_the_open_network() -> None:
    instance = read_instance("dry_port")
    base = solve(instance, threads=1)
    kept = solve(instance, keep_siting(instance, Question(), base.plan), threads=1)
    assert kept.objective == pytest.approx(base.objective)
    assert kept.plan.hosts == base.plan.hosts
    assert kept.plan.modules == base.plan.modules


def test_ranks_that_the_ranges_do_not_decide() -> None:
    assert proven_ranks([(3, 4), (1, 2), (2, 2)]) == [(1, 1), (2, 3), (2, 2)]
    assert proven_ranks([(3, 4), (1, 3.5)]) == [(1, 2), (1, 2)]
    assert proven_ranks([(math.inf, math.inf), (0, 0)]) == [(1, 1), (2, 2)]


def test_events_of_shanxi_name_what_there_is() -> None:
    instance = read_instance("shanxi")
    network = build_network(instance)
    events = events_of(instance)
    assert {e.element_id for e in events} >= {
        "red-sea", "malacca", "khorgos", "erenhot", "malaszewicze", "tianjin-port",
        "northern-winter", "cre-subsidies",
    }  # fmt: skip
    for event in events:
        assert event.closed or event.overrides
        mask = network.available(closed=event.closed, projects=(), services="today")
        assert (
            mask.sum() < network.available(projects=(), services="today").sum() or not event.closed
        )
        instance.override(*event.overrides)
    with pytest.raises(InstanceError, match=r"tianjin-port.*|Nearest"):
        events_of(instance, ["tianjin-prt"])


def test_a_named_event_with_changed_prices_may_go_either_way() -> None:
    instance = read_instance("two_zones")
    frame = instance.tables["events"]
    event = {"event_id": "dear", "name": "dear road", "source": "test", "grade": "assumed"}
    event |= {"overrides": "links.taiyuan_tianjin.cost_cny_per_teu*=2"}
    half = "links.taiyuan_tianjin.cost_cny_per_teu*=0.5"
    cheap = event | {"event_id": "cheap", "overrides": half}
    assert frame.empty
    instance = instance.replace(events=[event, cheap])
    with Session(instance) as session:
        chapter = disrupt(session, over=())
    found = rows(chapter, "events")
    assert found["dear"]["free_mcny"] > 0 > found["cheap"]["free_mcny"]
    assert "--set" in found["dear"]["command"]


def test_the_command_of_a_row_solves_it_again() -> None:
    run = CliRunner()
    shown = run.invoke(
        group, ["disrupt", "two_zones", "--only", "tianjin", "--json", "--quiet", "--workers", "1"]
    )
    assert shown.exit_code == 0, shown.output
    (table,) = json.loads(shown.stdout)["tables"]
    (row,) = table["rows"]
    words = row["command"].split()[1:]
    again = json.loads(run.invoke(group, [*words, "--json"]).stdout)
    assert again["cost_mcny"] == pytest.approx(17.70 + row["free_mcny"])


def test_commands_carry_the_whole_question() -> None:
    question = Question(
        target_share=0.2, closed=("a b",), least=(("zone", "z", 1.0),), limits=(("co2e", 5.0),)
    )
    command = solve_command("x", question, ("settings.discount_rate=0.1",))
    for words in ("--target 20%", "--close 'a b'", "--least zone:z=1", "--limit co2e=5", "--set"):
        assert words in command


@pytest.mark.parametrize("word", ["tianjin", "worst:1", "worst:x", "a+", "tianjin+tianjin"])
def test_a_bad_pair_is_one_message(word: str) -> None:
    with Session("two_zones") as session, pytest.raises(InstanceError):
        disrupt(session, pairs=(word,))


def test_an_unknown_element_is_named_with_the_nearest() -> None:
    found = CliRunner().invoke(group, ["disrupt", "two_zones", "--only", "tianjn", "--quiet"])
    assert found.exit_code == 2
    assert "Nearest" in found.stderr
    assert "tianjin" in found.stderr
