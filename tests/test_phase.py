"""Building in phases: links, present values, one period, the joint model against brute force."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from siting_instances import random_instance

from instances import Instance, InstanceError, read_instance
from optimizer.api import solve
from optimizer.engine.joint import Steps
from optimizer.plan.verify import verify_plan
from optimizer.studies.phase import (
    PhaseError,
    built_of,
    capital_of,
    linking_faults,
    path_periods,
    present_value,
    read_periods,
    staged,
)
from optimizer.studies.phase_chapter import phase
from optimizer.studies.session import Session

GAP = 1e-6


def session(instance: Instance | str) -> Session:
    return Session(instance if isinstance(instance, Instance) else read_instance(instance), gap=GAP)


def test_present_value_by_hand() -> None:
    assert present_value(0.0, 3, 4.0) == pytest.approx(4.0)
    assert present_value(0.1, 1, 2.0) == pytest.approx(1 / 1.1 + 1 / 1.21)
    assert present_value(0.1, 2, 2.0) == pytest.approx(1 / 1.1**3 + 1 / 1.1**4)
    assert present_value(0.1, 1, 1.5) == pytest.approx(1 / 1.1 + 0.5 / 1.1**1.5)


def test_paths() -> None:
    instance = read_instance("two_zones")
    linear = path_periods(instance, 4)
    assert [p.factors["electronics"] for p in linear] == [0.25, 0.5, 0.75, 1.0]
    curve = path_periods(instance, 4, "s-curve")
    assert [p.factors["electronics"] for p in curve] == [0.15625, 0.5, 0.84375, 1.0]
    with pytest.raises(ValueError, match="linear, s-curve"):
        path_periods(instance, 4, "steep")


def test_path_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("period,industry,factor\n1,,0.5\n2,,0.9\n2,electronics,1\n")
    periods = read_periods(read_instance("two_zones"), path, 2.0)
    assert [p.factors["electronics"] for p in periods] == [0.5, 1.0]
    path.write_text("period,industry,factor\n1,,half\n3,tea,1\n")
    with pytest.raises(InstanceError) as caught:
        read_periods(read_instance("two_zones"), path)
    text = str(caught.value)
    for part in ("row 2, column factor: 'half'", "row 3, column industry: 'tea'", "period 2 is"):
        assert part in text


@pytest.mark.parametrize("name", ["two_zones", "dry_port"])
def test_one_period_equals_solve(name: str) -> None:
    with session(name) as s:
        found = staged(s, path_periods(s.instance, 1))
    alone = solve(name, gap=GAP)
    assert found.solved[0].cost_mcny == pytest.approx(alone.objective, rel=1e-9)
    assert found.value_mcny == pytest.approx(found.periods[0].weight * alone.objective)
    assert found.gap <= GAP


@pytest.mark.parametrize("name", ["two_zones", "dry_port"])
def test_what_is_built_stays_and_plans_are_verified(name: str) -> None:
    with session(name) as s:
        found = staged(s, path_periods(s.instance, 3))
        for before, now in zip(found.sitings, found.sitings[1:], strict=False):
            assert all(now.get(d, 0.0) >= n for d, n in before.items())
        total = 0.0
        for period, solved in zip(found.periods, found.solved, strict=True):
            changed = s.instance.override(*period.overrides(s.instance))
            verdict = verify_plan(changed, solved.plan)
            assert verdict.ok, verdict.violations
            total += period.weight * verdict.cost_mcny
        assert found.value_mcny == pytest.approx(total)
        assert found.bound_mcny <= found.value_mcny
        assert found.gap <= 2e-3


@pytest.mark.parametrize("seed", [4, 6, 7, 11])
def test_periods_of_random_instances_follow_from_each_other(seed: int) -> None:
    with session(random_instance(seed)) as s:
        found = staged(s, path_periods(s.instance, 2), total_gap=GAP)
        assert found.gap <= 1e-5
        alone = math.fsum(p.weight * a.low for p, a in zip(found.periods, found.alone, strict=True))
        assert found.value_mcny >= alone - 1e-6
        plans = [x.plan for x in found.solved]
        assert linking_faults(s.instance, plans) == []


def test_limits_per_period_hold_and_cost_no_less() -> None:
    with session("two_zones") as s:
        periods = path_periods(s.instance, 3)
        free = staged(s, periods)
        limits = Steps(new_zones=1, new_capital_mcny=20.0)
        tight = staged(s, periods, limits=limits)
        assert tight.value_mcny >= free.value_mcny - 1e-9
        assert tight.gap <= 2e-3
        plans = [x.plan for x in tight.solved]
        assert linking_faults(s.instance, plans, limits) == []
        before: dict = {}
        for plan in plans:
            now = built_of(s.instance, plan)
            new = {d: n - before.get(d, 0.0) for d, n in now.items()}
            assert sum(n for d, n in new.items() if d[0] == "zone") <= 1
            assert capital_of(s.instance, new) <= 20 + 1e-9
            before = now
        assert staged(s, periods, limits=Steps(new_zones=0)).sitings[-1].keys() == set()


def test_the_joint_model_beats_what_goes_step_by_step() -> None:
    # Datong alone is the best first step; a tight limit on zones makes the choice matter.
    with session("two_zones") as s:
        periods = path_periods(s.instance, 2)
        found = staged(s, periods, limits=Steps(new_zones=1), total_gap=GAP)
        costs = []
        for first in ("taiyuan", "datong", None):
            other = {"taiyuan": "datong", "datong": "taiyuan"}.get(first)
            total = 0.0
            for period, shut in zip(periods, (other, None), strict=True):
                question = replace(
                    s.question,
                    open_zones=(first,) if first else (),
                    forbid_zones=(shut,) if shut else (() if first else ("taiyuan", "datong")),
                )
                result = solve(s.instance.override(*period.overrides(s.instance)), question)
                total += period.weight * result.objective
            costs.append(total)
        assert found.value_mcny == pytest.approx(min(costs), rel=1e-6)


def test_lost_zones_and_broken_limits_are_found() -> None:
    instance = read_instance("two_zones")
    one = solve(instance, open_zones=("taiyuan",), forbid_zones=("datong",)).plan
    two = solve(instance, forbid_zones=("taiyuan",)).plan
    assert linking_faults(instance, [one, one]) == []
    assert "period 2: zone taiyuan is lost" in linking_faults(instance, [one, two])
    assert linking_faults(instance, [one], Steps(new_zones=0)) == [
        "period 1: 1 new zones, at most 0"
    ]
    assert "capital" in linking_faults(instance, [one], Steps(new_capital_mcny=1.0))[0]
    assert linking_faults(instance, [two], Steps(today={("zone", "taiyuan"): 1.0}))


def test_what_stands_today_stays() -> None:
    with session("two_zones") as s:
        limits = Steps(today={("zone", "taiyuan"): 1.0})
        found = staged(s, path_periods(s.instance, 2), limits=limits)
        assert all(("zone", "taiyuan") in siting for siting in found.sitings)


def test_a_period_without_plan_says_which() -> None:
    s = Session(read_instance("two_zones"), gap=GAP)
    s.question = replace(s.question, target_mcny=90.0)
    with s, pytest.raises(PhaseError, match="period 1: no plan is possible"):
        staged(s, path_periods(s.instance, 2))


def test_chapter_says_what_each_step_brings() -> None:
    with session("two_zones") as s:
        chapter = phase(s, path_periods(s.instance, 3), path="a linear path")
    rows = chapter.table("periods").rows
    assert [row["period"] for row in rows] == [1, 2, 3]
    assert all(row["decided"] == "yes" for row in rows)
    assert all(
        row["brings_low_mcny"] <= row["brings_mcny"] <= row["brings_high_mcny"] for row in rows
    )
    total = chapter.table("total").rows[0]["value_mcny"]
    weights = [p.weight for p in path_periods(read_instance("two_zones"), 3)]
    assert total == pytest.approx(
        sum(w * row["cost_mcny"] for w, row in zip(weights, rows, strict=True))
    )
    built = [(row["kind"], row["id"]) for row in chapter.table("order").rows]
    assert ("zone", "taiyuan") in built
    assert f"{total:,.1f}" in chapter.findings[0]
