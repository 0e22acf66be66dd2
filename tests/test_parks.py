"""Park comparison: unit costs by hand, forced costs against separate solves, changes both ways."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from instances import Instance, read_instance
from instances.errors import InstanceError
from networks.network import build_network
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Question, Status
from optimizer.problem import build_problem
from optimizer.report.chapter import Chapter
from optimizer.studies.parks import parks, rival_ids
from optimizer.studies.parks_counter import (
    Optimum,
    Standing,
    _chord,
    _still_out,
    forbidden,
    forced_in,
    opening_change,
    verdict,
)
from optimizer.studies.parks_levers import Lever, levers_of, overrides_of, subsidised
from optimizer.studies.parks_units import UnitCost, Units
from optimizer.studies.session import Session
from tests.siting_instances import random_instance

EXACT = {"gap": 1e-9, "time_limit_s": 60.0}


def chapter_of(instance: Instance, **options) -> Chapter:
    with Session(instance, Question(), **EXACT) as session:
        return parks(session, **options)


def units_of(instance: Instance, share: float = 0.02) -> Units:
    return Units(build_problem(instance, build_network(instance), Question()), share)


def left_out() -> Instance:
    """two_zones with 0.04 more to move: datong alone saves 0.135, taiyuan alone loses 0.24."""
    return read_instance("two_zones").override(
        "industries.electronics.relocation_cny_per_mcny=500000"
    )


@pytest.fixture(scope="module")
def chapter() -> Chapter:
    return chapter_of(left_out())


def row_of(chapter: Chapter, table: str, **wanted: str) -> dict:
    (row,) = [
        r for r in chapter.table(table).rows if all(r[k] == v for k, v in wanted.items())
    ]  # fmt: skip
    return dict(row)


# -- unit costs -------------------------------------------------------------------------------


def test_unit_costs_by_hand() -> None:
    """At 50 mcny: taiyuan 138,000 (README) + 2.0 of lumps / 50 + 10 m2 of 50 x 100 in a module."""
    found = {u.host_id: u for u in units_of(read_instance("two_zones"), 0.5).zones()}
    taiyuan, datong = found["taiyuan"], found["datong"]
    assert taiyuan.volume_mcny == pytest.approx(50)
    assert taiyuan.parts["labour"] == pytest.approx(120_000)
    assert taiyuan.parts["fixed"] == pytest.approx(2.0 / 50 * 1e6)
    assert taiyuan.parts["land"] == pytest.approx(1000 * 0.5 / 2000 / 50 * 1e6)  # half a module
    assert taiyuan.parts["logistics_out"] == pytest.approx(6700)
    assert taiyuan.parts["customs"] == pytest.approx(300)
    assert taiyuan.total == pytest.approx(138_000 + 40_000 + 5_000)
    assert taiyuan.fits
    assert not datong.fits  # 3,000 m2 hold 30 mcny
    assert taiyuan.gateways == (("tianjin", 1.0),)


def test_unit_costs_are_those_of_a_plan() -> None:
    """Opening, setup and floor left out, a forced plan's accounts give the same unit cost."""
    instance = random_instance(3, plain=True)
    found = {(u.host_id, u.industry_id): u for u in units_of(instance).zones()}
    checked = 0
    for zone in instance.tables["zones"]["zone_id"]:
        result = solve(instance, forced_in(instance, Question(), zone), **EXACT)
        plan = result.plan
        for industry in {i for z, i in plan.hosts if z == zone}:
            moves = [m for m in plan.moves if (m.zone_id, m.industry_id) == (zone, industry)]
            if {m.form_id for m in moves} != {found[zone, industry].form_id}:
                continue
            output = math.fsum(m.output_mcny for m in moves)
            cost = math.fsum(
                line.mcny for line in plan.accounts
                if (line.host_kind, line.host_id, line.industry_id) == ("zone", zone, industry)
                and line.component != "setup"
            )  # fmt: skip
            unit = found[zone, industry]
            priced = unit.total - unit.parts["fixed"] - unit.parts["land"]
            assert cost / output * 1e6 == pytest.approx(priced, rel=1e-6)
            checked += 1
    assert checked


def test_ranks_follow_the_totals(chapter: Chapter) -> None:
    rows = chapter.table("units").rows
    assert [r["host_id"] for r in rows] == ["datong", "taiyuan"]
    assert [r["rank_zones"] for r in rows] == [1, 2]
    for row in rows:
        parts = [v for k, v in row.items() if k.endswith("_cny_per_mcny") and k[:5] != "total"]
        assert math.fsum(parts) == pytest.approx(row["total_cny_per_mcny"])


# -- forcing and forbidding -------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 4, 6])
def test_forced_costs_equal_separate_solves(seed: int) -> None:
    instance = random_instance(seed)
    chapter = chapter_of(instance, counterfactuals=False)
    best = solve(instance, **EXACT).objective
    for row in chapter.table("parks").rows:
        zone = row["zone_id"]
        forced = solve(instance, forced_in(instance, Question(), zone), explain=False, **EXACT)
        shut = solve(instance, Question(forbid_zones=(zone,)), **EXACT)
        assert row["forbid_mcny"] == pytest.approx(shut.objective - best, abs=2e-6)
        if forced.status is Status.INFEASIBLE:
            assert math.isnan(row["force_mcny"])
            assert row["belongs"] == "no"
            continue
        assert row["force_mcny"] == pytest.approx(
            max(0.0, forced.objective - shut.objective), abs=2e-6
        )
        assert row["force_low_mcny"] <= row["force_mcny"] + 1e-9
        assert row["force_mcny"] <= row["force_high_mcny"] + 1e-9
        assert min(forced.objective, shut.objective) == pytest.approx(best, abs=2e-6)


def test_standing_by_hand(chapter: Chapter) -> None:
    taiyuan = row_of(chapter, "parks", zone_id="taiyuan")
    datong = row_of(chapter, "parks", zone_id="datong")
    assert (taiyuan["belongs"], datong["belongs"]) == ("no", "yes")
    assert taiyuan["force_mcny"] == pytest.approx(0.24 + 0.135)
    assert datong["forbid_mcny"] == pytest.approx(0.135)
    assert row_of(chapter, "headroom", zone_id="datong")["left_number"] == pytest.approx(0.0)


def test_gaps_that_overlap_decide_nothing() -> None:
    near, far = Optimum(10.0, 9.0, 10.0, {"z": 50.0}), Optimum(9.5, 8.5, 9.5)
    assert verdict(near, far) == "open"
    assert verdict(replace(near, low=9.6), far) == "out"
    assert verdict(Optimum(8.4, 8.0, 8.4), far) == "in"
    change = opening_change(Standing("z", near, far, False), Lever("opening", "z", "", math.inf))
    assert change.outcome == "undecided"
    assert (change.out, change.size_in) == pytest.approx((0.0, 1.5))


# -- changes ----------------------------------------------------------------------------------


def test_least_subsidy_by_hand_and_both_ways(chapter: Chapter) -> None:
    """0.375 over 80 mcny of output: 4,687.5 CNY per million CNY."""
    row = row_of(chapter, "changes", zone_id="taiyuan", lever="subsidy")
    assert row["outcome"] == "brings it in"
    assert row["size_number"] == pytest.approx(4687.5, rel=1e-3)
    assert row["size_number"] >= 4687.5
    assert row["decided"] == "yes"
    for share, is_in in ((1.0, True), (0.95, False)):
        changed = subsidised(left_out(), "taiyuan", share * row["size_number"])
        assert _belongs(changed, "taiyuan") is is_in
        assert solve(changed, **EXACT).open_zones == (("taiyuan",) if is_in else ("datong",))


def test_least_grant_by_hand_and_both_ways(chapter: Chapter) -> None:
    row = row_of(chapter, "changes", zone_id="taiyuan", lever="opening")
    assert 0.375 <= row["size_number"] <= 0.3751  # rounded up: what is printed is enough
    for share, is_in in ((1.001, True), (0.95, False)):
        lever = Lever("opening", "taiyuan", "", math.inf)
        changes = overrides_of(left_out(), lever, share * row["size_number"])
        assert _belongs(left_out().override(*changes), "taiyuan") is is_in


def test_least_floor_by_hand_and_both_ways(chapter: Chapter) -> None:
    """Two modules and 1,087 m2: (80 + 10.87) x 0.0345 - 3.0 = 0.135."""
    row = row_of(chapter, "changes", zone_id="taiyuan", lever="pool taiyuan_floor")
    exact = (3.135 / 0.0345 - 80) * 100
    assert row["out_number"] < exact <= row["size_number"] * (1 + 1e-6)
    assert row["out_number"] >= 0.95 * row["size_number"] * (1 - 1e-9)
    assert row["decided"] == "yes"
    words = shlex.split(row["how"])
    assert words[0] == "--set"
    assert _belongs(left_out().override(words[1]), "taiyuan")
    less = f"pools.taiyuan_floor.endowment={4000 + 0.95 * row['size_number']}"
    assert not _belongs(left_out().override(less), "taiyuan")


def test_a_lever_that_is_too_short_says_so(chapter: Chapter) -> None:
    """Without any road cost taiyuan saves 0.004 per mcny: 80 x 0.0385 - 3.0 = 0.08 < 0.135."""
    row = row_of(chapter, "changes", zone_id="taiyuan", lever="access")
    assert row["outcome"] == "cannot"
    assert math.isnan(row["size_number"])
    assert row["out_number"] == pytest.approx(1.0)
    lever = Lever("access", "taiyuan", "", 1.0)
    assert not _belongs(left_out().override(*overrides_of(left_out(), lever, 1.0)), "taiyuan")


def test_access_that_is_enough() -> None:
    """0.375 less loss to make up at 0.004 x share per mcny: with 0.02 a share of 0.0625."""
    instance = left_out().override("links.taiyuan_tianjin.cost_cny_per_teu=20000",
                                   "factor_prices.taiyuan.wage_cny_per_year=52000")  # fmt: skip
    chapter = chapter_of(instance, zones=("taiyuan",), levers=("access",))
    row = row_of(chapter, "changes", zone_id="taiyuan", lever="access")
    assert row["outcome"] == "brings it in"
    lever = Lever("access", "taiyuan", "", 1.0)
    for share, is_in in ((1.0, True), (0.95, False)):
        changes = overrides_of(instance, lever, share * row["size_number"])
        assert _belongs(instance.override(*changes), "taiyuan") is is_in


def test_levers_of_the_dry_port() -> None:
    instance = read_instance("dry_port")
    found = {lever.name: lever for lever in levers_of(instance, "linfen")}
    assert set(found) == {"subsidy", "opening", "pool linfen_floor", "access", "trains", "status"}
    assert found["trains"].start == pytest.approx(4.0)
    assert overrides_of(instance, found["status"], 1.0) == (
        "eligibility.linfen/electronics.form_id=general;handbook",
    )
    changed = instance.override(*overrides_of(instance, found["trains"], 8.0))
    service = changed.tables["services"].set_index("service_id").loc["shuttle"]
    assert service["departures_per_week"] == pytest.approx(8.0)
    assert service["capacity_teu_per_year"] == pytest.approx(2000.0)
    halved = instance.override(*overrides_of(instance, found["access"], 0.5))
    link = halved.tables["links"].set_index("link_id").loc["linfen_road"]
    assert link["cost_cny_per_teu"] == pytest.approx(425.0)


def test_every_lever_of_the_dry_port_holds_what_it_says() -> None:
    """With dear floor nothing comes; whatever is printed is checked by solves of its own."""
    instance = read_instance("dry_port").override(
        "zones.linfen.open_mcny=40", "zones.jinzhong.open_mcny=60"
    )
    chapter = chapter_of(instance, zones=("linfen",))
    rows = chapter.table("changes").rows
    assert {r["lever"] for r in rows} == {
        "subsidy", "opening", "pool linfen_floor", "access", "trains", "status",
    }  # fmt: skip
    for row in rows:
        if row["decided"] == "no" or row["lever"] in ("subsidy", "opening"):
            continue
        lever = next(x for x in levers_of(instance, "linfen") if x.name == row["lever"])
        if row["outcome"] == "cannot":
            most = instance.override(*overrides_of(instance, lever, lever.most))
            assert not _belongs(most, "linfen")
        else:
            size = row["size_number"]
            assert _belongs(instance.override(*overrides_of(instance, lever, size)), "linfen")


def _belongs(instance: Instance, zone: str) -> bool:
    forced = solve(instance, forced_in(instance, Question(), zone), **EXACT)
    shut = solve(instance, forbidden(Question(), zone), **EXACT)
    return forced.objective <= shut.objective + 1e-6


def test_bounds_of_a_falling_concave_curve() -> None:
    """F(s) = min(10 - s, 14 - 3 s) at 0, 1, 4: chords lie below, the proof of out is right."""
    bounds = [(s, min(10 - s, 14 - 3 * s)) for s in (0.0, 1.0, 4.0)]
    for k in range(41):
        s = k / 10
        assert _chord(bounds, s) <= min(10 - s, 14 - 3 * s) + 1e-9
    assert _still_out(bounds, 9.5) == pytest.approx(0.5)
    assert _still_out(bounds, 2.0) <= 4.0
    assert _still_out([(0.0, 9.0)], 9.5) == 0.0


# -- the command ------------------------------------------------------------------------------


def test_unknown_names_are_refused() -> None:
    instance = read_instance("two_zones")
    for options in ({"zones": ("x",)}, {"levers": ("x",)}, {"against": ("x",)}):
        with pytest.raises(InstanceError, match="is none of"):
            chapter_of(instance, **options)


def test_rivals_are_compared_by_name() -> None:
    instance = random_instance(2)
    assert rival_ids(instance, ("rival",)) == ("rival",)
    shanxi = read_instance("shanxi")
    assert rival_ids(shanxi, ("Zhengzhou", "成都")) == ("ic-zhengzhou", "ic-chengdu")
    with pytest.raises(InstanceError, match="several"):
        rival_ids(shanxi, ("Comprehensive",))
    with pytest.raises(InstanceError, match="no rival"):
        rival_ids(shanxi, ("Atlantis",))
    chapter = chapter_of(instance, counterfactuals=False, against=rival_ids(instance, ("RIVAL",)))
    rows = chapter.table("against").rows
    assert {r["rival_id"] for r in rows} == {"rival"}
    for r in rows:
        assert r["difference_cny_per_mcny"] == pytest.approx(
            r["zone_cny_per_mcny"] - r["rival_cny_per_mcny"]
        )


def test_assumed_share_counts_the_hosts_own_rows() -> None:
    instance = read_instance("two_zones")
    prices = instance.tables["factor_prices"].assign(grade="reported")
    better = instance.replace(factor_prices=prices)
    before: UnitCost = units_of(instance).zones()[0]
    after: UnitCost = units_of(better).zones()[0]
    assert before.assumed_share == pytest.approx(1.0)
    assert after.assumed_share < 0.6


def test_command_writes_a_report_to_publish(tmp_path: Path) -> None:
    out = tmp_path / "study"
    arguments = ["parks", "two_zones", "--lever", "opening", "--workers", "1", "--out", str(out)]
    result = CliRunner().invoke(group, [*arguments, "--json", "--quiet"])
    assert result.exit_code == 0, result.output
    chapter = Chapter.from_dict(json.loads(result.stdout))
    assert chapter.name == "parks"
    page = (out / "parks.html").read_text(encoding="utf-8")
    assert "Park comparison" in page
    assert "Datong zone" in page
    assert (out / "parks.xlsx").stat().st_size > 5000
