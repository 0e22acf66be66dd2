"""Value of projects: the hand-worked dry port, brute force on a small instance, ranges, budgets."""

from __future__ import annotations

import json
import math
from itertools import combinations

import pytest
from click.testing import CliRunner
from siting_instances import random_instance

from instances import read_instance
from instances.errors import InstanceError
from optimizer.api import solve
from optimizer.cli import group
from optimizer.studies.projects import candidates, capital_of, projects_only, yearly_cost
from optimizer.studies.session import Session
from optimizer.studies.status import status
from optimizer.studies.status_chapter import Value

GAP = 1e-7


def test_dry_port_by_hand() -> None:
    """README: none 9.552, bypass 9.502 (0.10 of it its own), larger terminal 9.522 (0.18)."""
    chapter = status(Session("dry_port", gap=GAP), project_budgets=[3.0, 1.0])
    rows = {r["project_id"]: r for r in chapter.table("alone").rows}
    bypass, terminal = rows["expressway"], rows["terminal_extension"]
    for row, free, net in ((bypass, 0.15, 0.05), (terminal, 0.21, 0.03)):
        assert row["value_mcny"] == pytest.approx(free, abs=1e-6)
        assert row["value_low_mcny"] == pytest.approx(free, abs=1e-6)
        assert row["value_high_mcny"] == pytest.approx(free, abs=1e-6)
        assert row["net_mcny"] == pytest.approx(net, abs=1e-6)
        assert row["decided"] == "yes"
    assert bypass["in_best"] == "yes"
    assert bypass["lost_mcny"] == pytest.approx(0.02, abs=1e-6)  # the terminal takes its place
    assert terminal["lost_high_mcny"] == pytest.approx(0, abs=1e-6)
    assert chapter.table("pairs").rows == ()  # they exclude each other
    sets = {r["budget_mcny"]: r for r in chapter.table("sets").rows}
    assert sets[math.inf]["value_mcny"] == pytest.approx(0.05, abs=1e-6)
    assert sets[3.0]["projects"] == "Jinzhong-Qingdao bypass"
    assert sets[1.0]["projects"] == "none"
    assert sets[1.0]["value_mcny"] == pytest.approx(0, abs=1e-6)
    assert chapter.findings[0].startswith("The best set of candidates is Jinzhong-Qingdao bypass")


def two_bypasses():
    """dry_port in which both projects may be built together, and the bypass needs the terminal."""
    return read_instance("dry_port").override("projects.terminal_extension.excludes_project_id=")


def test_pairs_that_do_the_same_work_are_substitutes() -> None:
    """Together they save what the terminal alone does: no TEU is left for the bypass."""
    chapter = status(Session(two_bypasses(), gap=GAP))
    (row,) = chapter.table("pairs").rows
    assert row["value_mcny"] == pytest.approx(0.21, abs=1e-6)
    assert row["interaction_mcny"] == pytest.approx(0.21 - 0.21 - 0.15, abs=1e-6)
    assert row["interaction_low_mcny"] <= -0.15 + 1e-6
    assert (row["verdict"], row["decided"]) == ("substitutes", "yes")


def test_what_a_project_needs_is_granted_and_paid_with_it() -> None:
    instance = two_bypasses().override("projects.expressway.needs_project_id=terminal_extension")
    chapter = status(Session(instance, gap=GAP))
    row = next(r for r in chapter.table("alone").rows if r["project_id"] == "expressway")
    assert row["needs"] == "terminal_extension"
    assert row["own_cost_mcny"] == pytest.approx(0.28)
    assert row["value_mcny"] == pytest.approx(0.21, abs=1e-6)
    assert row["net_mcny"] == pytest.approx(-0.07, abs=1e-6)
    assert chapter.table("pairs").rows == ()


def test_budget_in_the_way_is_solved_with_the_grants_own_cost() -> None:
    """Budget 16: zones take 15, the bypass 2 more. Free it fits, paid the plan must change."""
    session = Session("dry_port", solve_question(budget_mcny=16.0), gap=GAP)
    chapter = status(session, projects=["expressway"])
    (row,) = chapter.table("alone").rows
    none = solve("dry_port", budget_mcny=16.0, most=(("project", "expressway", 0.0),), gap=GAP)
    forced = solve("dry_port", budget_mcny=16.0, least=(("project", "expressway", 1.0),), gap=GAP)
    expected = none.objective - forced.objective
    assert row["net_mcny"] == pytest.approx(expected, abs=1e-6)
    assert row["value_mcny"] == pytest.approx(0.15, abs=1e-6)
    assert expected < 0.05 - 0.01  # so it is not the free value less its cost


def solve_question(**asked):
    from optimizer.plan.plan import Question

    return Question(**asked)


@pytest.mark.parametrize("seed", [7, 24])
def test_values_and_best_set_equal_brute_force(seed: int) -> None:
    """Every set of projects forced, the others forbidden: separate cold solves."""
    instance = random_instance(seed)
    ids = list(instance.tables["projects"]["project_id"])
    chapter = status(Session(instance, gap=GAP))
    cost = {}
    for size in range(len(ids) + 1):
        for chosen in combinations(ids, size):
            least = tuple(("project", p, 1.0) for p in chosen)
            most = tuple(("project", p, 0.0) for p in ids if p not in chosen)
            cost[chosen] = solve(instance, least=least, most=most, gap=GAP, threads=1).objective
    for row in chapter.table("alone").rows:
        net = cost[()] - cost[row["project_id"],]
        assert row["net_low_mcny"] - 1e-4 <= net <= row["net_high_mcny"] + 1e-4
        assert row["net_mcny"] == pytest.approx(net, abs=1e-4)
        assert row["value_mcny"] == pytest.approx(net + row["own_cost_mcny"], abs=1e-4)
    best = next(r for r in chapter.table("sets").rows if r["budget_mcny"] == math.inf)
    assert best["value_mcny"] == pytest.approx(cost[()] - min(cost.values()), abs=1e-4)


def test_wide_gaps_leave_values_open_and_ranges_hold_the_truth() -> None:
    chapter = status(Session("dry_port", gap=0.5))
    for row in chapter.table("alone").rows:
        truth = {"expressway": 0.15, "terminal_extension": 0.21}[row["project_id"]]
        assert row["value_low_mcny"] - 1e-9 <= truth <= row["value_high_mcny"] + 1e-9
        own = row["own_cost_mcny"]
        assert row["net_low_mcny"] - 1e-9 <= truth - own <= row["net_high_mcny"] + 1e-9


def test_sign_is_decided_only_by_the_range() -> None:
    assert Value(1, 0.5, 2).sign == "yes"
    assert Value(1, -0.5, 2).sign == "no"
    assert Value(-1, -2, -0.5).sign == "yes"
    assert Value(3, 1, 4).less(2) == Value(1, -1, 2)


def test_projects_only_changes_no_cost_and_no_capital_of_projects() -> None:
    instance = read_instance("dry_port")
    changed = instance.override(*projects_only(instance))
    before, after = solve(instance, gap=GAP), solve(changed, gap=GAP)
    assert after.objective == pytest.approx(before.objective, rel=1e-9)
    assert capital_of(changed, after.plan) == pytest.approx(2.0)  # the bypass alone
    assert capital_of(instance, before.plan) == pytest.approx(17.0)
    assert capital_of(instance, before.plan, without=frozenset(["expressway"])) == 15.0


def test_candidates_are_those_open_to_decision() -> None:
    instance = read_instance("dry_port")
    assert yearly_cost({"capital_mcny": 10, "life_years": 4, "upkeep_mcny_per_year": 1}, 0) == 3.5
    required = instance.override("projects.expressway.status=required")
    assert list(candidates(required)) == ["terminal_extension"]
    with pytest.raises(InstanceError, match=r"'expressway' is no candidate.*terminal_extension"):
        candidates(required, ["expressway"])
    with pytest.raises(InstanceError, match="no candidate projects"):
        candidates(read_instance("two_zones"))


def test_projects_that_act_on_the_same_element_meet() -> None:
    found = candidates(read_instance("dry_port"))
    assert "jinzhong" in found["expressway"].touches
    assert "terminal" in found["terminal_extension"].touches


def test_command_prints_one_object() -> None:
    run = CliRunner().invoke(
        group, ["status", "dry_port", "--workers", "1", "--quiet", "--gap", "1e-6", "--json"]
    )
    assert run.exit_code == 0, run.output
    document = json.loads(run.stdout)
    assert [t["name"] for t in document["tables"]] == ["alone", "pairs", "sets"]
    for table in document["tables"]:
        names = [c["name"] for c in table["columns"]]
        assert {"gap_share", "decided"} <= set(names)
