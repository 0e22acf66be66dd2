"""The absorption curve: laws, hand-worked values, end points against separate solves."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from click.testing import CliRunner

from instances import Instance, read_instance
from instances.errors import InstanceError
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Question, Status
from optimizer.report.chapter import Chapter
from optimizer.studies.curve import CNY, curve
from optimizer.studies.curve_points import Sampling
from optimizer.studies.session import Session
from tests.siting_instances import random_instance

EXACT = {"gap": 1e-9, "time_limit_s": 60.0}


def chapter_of(instance: Instance, question: Question | None = None, **options) -> Chapter:
    with Session(instance, question or Question(), **EXACT) as session:
        return curve(session, **options)


@pytest.fixture(scope="module")
def two_zones() -> Chapter:
    return chapter_of(read_instance("two_zones"), sampling=Sampling(24, 0.02))


# -- output as a bound of a question ----------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        ({"most": (("output", "all", 0.0),)}, 21.25),  # all stays
        ({"most": (("output", "electronics", 30.0),)}, 19.915),  # datong alone
        ({"most": (("output", "all", 50.0),)}, 19.915),  # 50 in taiyuan would save 1.225 only
        ({"most": (("output", "all", 60.0),)}, 19.28),  # taiyuan, one module: 60 x 0.0745 - 2.5
        ({"least": (("output", "all", 100.0),)}, 17.7),
    ],
)
def test_bounds_on_output(asked: dict, cost: float) -> None:
    result = solve("two_zones", Question(**asked), **EXACT)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(cost, abs=1e-9)


def test_bounds_on_output_are_checked() -> None:
    with pytest.raises(InstanceError, match="textiles"):
        solve("two_zones", Question(most=(("output", "textiles", 1.0),)))
    crossed = Question(least=(("output", "all", 3.0),), most=(("output", "all", 2.0),))
    with pytest.raises(InstanceError, match="at least 3 and at most 2"):
        solve("two_zones", crossed)


def test_the_verifier_sees_too_much_output() -> None:
    from optimizer.plan.verify import verify_plan

    instance = read_instance("two_zones")
    plan = solve(instance, **EXACT).plan
    claimed = replace(plan, question=Question(most=(("output", "electronics", 99.0),)))
    found = [str(v) for v in verify_plan(instance, claimed).violations]
    assert any("most output electronics" in text for text in found)


# -- laws -------------------------------------------------------------------------------------


def check_laws(instance: Instance, chapter: Chapter) -> None:
    points = chapter.table("points").rows
    costs = [p["cost_mcny"] for p in points]
    lows = [p["low_mcny"] for p in points]
    known = [(p["asked"], c, low) for p, c, low in zip(points, costs, lows, strict=True)
             if math.isfinite(c)]  # fmt: skip
    left = [k for k in known if k[0] != "at least"]
    right = [k for k in known if k[0] != "at most"]
    assert [c for _, c, _ in left] == sorted((c for _, c, _ in left), reverse=True)
    assert [c for _, c, _ in right] == sorted(c for _, c, _ in right)
    assert [low for _, _, low in right] == sorted(low for _, _, low in right)
    assert all(low <= c for _, c, low in known)
    # Marginal cost integrates to the total, and lies in its range.
    steps = chapter.table("steps").rows
    known_steps = [s for s in steps if math.isfinite(s["marginal_cny_per_mcny"])]
    total = math.fsum(
        s["marginal_cny_per_mcny"] / CNY * (s["to_mcny"] - s["from_mcny"]) for s in known_steps
    )
    assert total == pytest.approx(known[-1][1] - known[0][1], abs=1e-6)
    for s in known_steps:
        assert s["marginal_low_cny_per_mcny"] <= s["marginal_cny_per_mcny"] + 1e-6
        assert s["marginal_cny_per_mcny"] <= s["marginal_high_cny_per_mcny"] + 1e-6
    # Who takes over is what the plans say.
    for before, after, step in zip(points[:-1], points[1:], steps, strict=True):
        if math.isfinite(before["cost_mcny"]) and math.isfinite(after["cost_mcny"]):
            opened = {z for z in step["zones_in"].split(", ") if z}
            shut = {z for z in step["zones_out"].split(", ") if z}
            assert not opened & shut
            assert after["zones_count"] == before["zones_count"] + len(opened) - len(shut)
    # Every finite point is the optimum of a separate solve.
    ends = {points[0]["volume_mcny"], points[-1]["volume_mcny"], points[len(points) // 2]
            ["volume_mcny"]}  # fmt: skip
    for p in points:
        if p["volume_mcny"] not in ends or not math.isfinite(p["cost_mcny"]):
            continue
        asked: dict = {
            "at least": {"target_mcny": p["volume_mcny"] * (1 - 1e-9)},
            "at most": {"most": (("output", "all", p["volume_mcny"]),)},
            "least cost": {},
        }[p["asked"]]
        separate = solve(instance, Question(**asked), **EXACT)
        assert p["cost_mcny"] == pytest.approx(separate.objective, abs=2e-6)


@pytest.mark.parametrize("seed", [1, 5, 8, 12])
def test_laws_on_random_instances(seed: int) -> None:
    instance = random_instance(seed)
    chapter = chapter_of(instance, industries=(), sampling=Sampling(10, 0.05))
    check_laws(instance, chapter)
    largest = max(p["volume_mcny"] for p in chapter.table("points").rows)
    most = solve(instance, Question(objective="absorbed"), **EXACT)
    assert largest == pytest.approx(most.objective, rel=1e-6)


def test_laws_on_two_zones(two_zones: Chapter) -> None:
    check_laws(read_instance("two_zones"), two_zones)


# -- by hand ----------------------------------------------------------------------------------


def test_two_zones_by_hand(two_zones: Chapter) -> None:
    """Nothing below 20 (minimum scale), datong to 30, taiyuan from 50.9 on, both at the end."""
    by_volume = {p["volume_mcny"]: p for p in two_zones.table("points").rows}
    assert by_volume[0.0]["cost_mcny"] == pytest.approx(21.25)
    assert by_volume[100.0]["cost_mcny"] == pytest.approx(17.7)
    assert by_volume[100.0]["asked"] == "least cost"
    for volume, point in by_volume.items():
        best = max(
            0.0,
            0.0945 * min(volume, 30) - 1.5 if volume >= 20 else 0.0,
            *(0.0745 * min(volume, 40 + 20 * n) - 2 - 0.5 * n for n in (0, 1, 2) if volume >= 20),
            *(
                0.0945 * min(30, volume - 20)
                + 0.0745 * min(volume - min(30, volume - 20), 40 + 20 * n) - 3.5 - 0.5 * n
                for n in (0, 1, 2) if volume >= 40
            ),
        )  # fmt: skip
        assert point["cost_mcny"] == pytest.approx(21.25 - best, abs=1e-7), volume
    steps = two_zones.table("steps").rows
    first = next(s for s in steps if s["zones_in"])
    assert first["zones_in"] == "datong"
    assert first["from_mcny"] < 20 <= first["to_mcny"]
    assert first["to_mcny"] - first["from_mcny"] <= 4.0  # bisection went to where it changes
    assert "100 million CNY" in two_zones.findings[0]


def test_industries_by_hand(two_zones: Chapter) -> None:
    (row,) = two_zones.table("industries").rows
    assert row["largest_mcny"] == pytest.approx(100)
    assert row["worth_mcny"] == pytest.approx(3.55)
    assert row["decided"] == "yes"


def test_a_target_is_marked_and_priced() -> None:
    """With 0.05 added to what moves, nothing pays but much must come."""
    instance = read_instance("two_zones").override(
        "industries.electronics.relocation_cny_per_mcny=600000"
    )
    chapter = chapter_of(instance, Question(target_share=0.6), industries=(),
                         sampling=Sampling(12, 0.05))  # fmt: skip
    points = {p["volume_mcny"]: p for p in chapter.table("points").rows}
    least = solve(instance, **EXACT)
    forced = solve(instance, Question(target_mcny=60.0), **EXACT)
    assert points[60.0]["asked"] == "at least"
    assert points[60.0]["cost_mcny"] == pytest.approx(forced.objective)
    assert points[60.0]["extra_mcny"] == pytest.approx(forced.objective - least.objective)
    assert (60.0, "target of 60 %") in chapter.charts[0].marks
    assert any("target of 60 %" in text for text in chapter.findings)


def test_more_than_fits_is_a_row_that_says_so() -> None:
    """60 mcny of floor for 100 of volume: the industry's own curve ends in an infeasible point."""
    instance = read_instance("two_zones").override("modules.taiyuan_block.max_count=0")
    chapter = chapter_of(instance, sampling=Sampling(8, 0.1))
    rows = chapter.table("industry_points").rows
    ends = [r for r in rows if r["volume_mcny"] == 100.0]
    assert [r["status"] for r in ends] == ["infeasible"]
    assert math.isnan(ends[0]["cost_mcny"])
    (industry,) = chapter.table("industries").rows
    assert industry["largest_mcny"] <= 70 + 1e-6 <= industry["largest_bound_mcny"] + 2e-6
    assert max(p["volume_mcny"] for p in chapter.table("points").rows) == pytest.approx(70)


def test_unknown_industry_is_refused() -> None:
    with pytest.raises(InstanceError, match="textiles"):
        chapter_of(read_instance("two_zones"), industries=("textiles",))


def test_command_prints_one_json_object() -> None:
    arguments = ["curve", "two_zones", "--total-only", "--solves", "6", "--workers", "1", "--json"]
    result = CliRunner().invoke(group, [*arguments, "--quiet"])
    assert result.exit_code == 0, result.output
    chapter = Chapter.from_dict(json.loads(result.stdout))
    assert chapter.name == "curve"
    assert [t.name for t in chapter.tables] == ["points", "steps", "zones", "output"]
