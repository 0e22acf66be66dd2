"""Sensitivity: swings are differences of optima, regret, ranges, indices, draws."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from siting_instances import random_instance

from instances import Instance, read_instance
from instances.errors import InstanceError
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Question
from optimizer.report.chapter import Chapter
from optimizer.report.study_charts import chart_figure
from optimizer.studies.alternatives import alternatives
from optimizer.studies.keep import keep_siting
from optimizer.studies.parameters import Cell, Parameter, parameters_of
from optimizer.studies.parks_counter import forced_in
from optimizer.studies.session import Session
from optimizer.studies.tornado import End, Found, Swing, swings_of, tornado
from optimizer.studies.tornado_draws import drawn_overrides, rank_stability
from optimizer.studies.tornado_global import check_samples, indices_of, sample_points
from optimizer.studies.tornado_tasks import PRESENCE
from optimizer.studies.tornado_zones import DECIDE

EXACT = {"gap": 1e-9, "time_limit_s": 60.0}


def chapter_of(instance: Instance | str, question: Question | None = None, **options) -> Chapter:
    with Session(instance, question or Question(), **EXACT) as session:
        parameters = parameters_of(session.instance)[0]
        return tornado(session, parameters, **options)


def by_id(chapter: Chapter, table: str = "swings") -> dict[str, dict]:
    return {r["parameter_id"]: r for r in chapter.table(table).rows}


# -- swings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_zones() -> Chapter:
    return chapter_of("two_zones", method="morris", samples=2, factors=3, draws=3)


def test_a_swing_is_the_difference_of_separate_optima(two_zones: Chapter) -> None:
    instance = read_instance("two_zones")
    base = solve(instance, **EXACT).objective
    rows = by_id(two_zones)
    for parameter in parameters_of(instance)[0]:
        at = [solve(instance.override(*parameter.at(v)), **EXACT).objective
              for _, v in parameter.ends]  # fmt: skip
        row = rows[parameter.parameter_id]
        assert row["swing_mcny"] == pytest.approx(max(base, *at) - min(base, *at), abs=1e-6)
        assert row["low_mcny"] == pytest.approx(at[0] - base, abs=1e-6)
        assert row["high_mcny"] == pytest.approx(at[1] - base, abs=1e-6)


def test_more_capacity_and_dearer_links_at_dry_port() -> None:
    """What the base plan does not use is not priced again; the rest is, and both are solved."""
    instance = read_instance("dry_port")
    links = instance.tables["links"]
    with Session(instance, **EXACT) as session:
        base = session.base()
        used = {a.split(":")[1] for f in base.plan.flows for a in f.arcs if a.startswith("link:")}
        parameters = [
            Parameter(
                f"price {name}", "carriage", name, "x", 0.5, 1.0, 2.0,
                (Cell(f"links.{link}.cost_factor", v, v / 2, 2 * v),),
            )
            for name, link in (
                ("used", sorted(used)[0]),
                ("unused", next(k for k in links["link_id"] if k not in used)),
            )
            for v in [float(links.loc[links["link_id"] == link, "cost_factor"].iloc[0])]
        ]  # fmt: skip
        solved, _ = swings_of(session, base, parameters, 2)
        priced = sum(c.task != "solve" for c in session.store.cases.values())
    assert priced == 2  # both ends of the used link
    for swing in solved:
        for end in swing.ends:
            changed = instance.override(*swing.parameter.at(end.at))
            assert end.high == pytest.approx(solve(changed, **EXACT).objective, abs=1e-6)
            if swing.parameter.name == "unused":
                assert end.repriced == base.high


def test_wages_by_hand(two_zones: Chapter) -> None:
    """two_zones: 17.70 of cost, of which labour is 11.40: ±10 % of wages are ±1.14."""
    instance = read_instance("two_zones")
    plan = solve(instance, **EXACT).plan
    labour = math.fsum(a.mcny for a in plan.accounts if a.component == "labour")
    top = two_zones.table("swings").rows[0]
    assert labour == pytest.approx(11.4)
    assert top["parameter"] == "Wages in the zones"
    assert (top["rank"], top["decided"]) == ("1", "yes")
    assert top["swing_mcny"] == pytest.approx(0.2 * labour)
    assert "Wages in the zones" in two_zones.findings[0]


def test_what_has_no_effect_swings_by_nothing(two_zones: Chapter) -> None:
    """All output leaves Dongguan, so that wages there are of no effect; the rank is shared."""
    row = by_id(two_zones)["blocks:Wages at the origins"]
    assert row["swing_mcny"] == pytest.approx(0, abs=1e-9)
    assert row["swing_low_mcny"] == 0
    assert row["swing_high_mcny"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", [5])
def test_ranges_hold_the_truth_and_regret_is_that_of_separate_solves(seed: int) -> None:
    instance = random_instance(seed)
    parameters = parameters_of(instance, spread=0.4)[0]
    base = solve(instance, **EXACT)
    with Session(instance, gap=0.05, time_limit_s=60.0) as session:
        found = session.base()
        solved, screened = swings_of(session, found, parameters, 3)
        kept = keep_siting(instance, Question(), found.plan)
    assert len(solved) >= 3
    assert len(screened) == len(parameters) - len(solved)
    assert all(math.isfinite(s.estimate) for s in screened)
    for swing in solved:
        true = [base.objective]
        for end in swing.ends:
            changed = instance.override(*swing.parameter.at(end.at))
            free = solve(changed, **EXACT)
            stays = solve(changed, kept, **EXACT)
            tolerance = 1e-6 * abs(free.objective)
            assert end.low - tolerance <= free.objective <= end.high + tolerance
            assert end.repriced >= free.objective - tolerance
            regret = stays.objective - free.objective if stays.has_plan else math.inf
            _, low, high = end.regret
            assert low - tolerance <= regret <= high + tolerance
            true.append(free.objective)
        value = max(true) - min(true)
        assert swing.swing[1] - 1e-6 <= value <= swing.swing[2] + 1e-6


def test_regret_of_a_siting_that_does_not_fit(tmp_path: Path) -> None:
    """When moving gets ten times dearer less should move: the old siting costs more."""
    instance = read_instance("two_zones")
    dear = Parameter(
        "relocation", "production", "Relocation", "x", 0.5, 1.0, 10.0,
        tuple(Cell(f"industries.{i}.relocation_cny_per_mcny", v, v / 2, 10 * v)
              for i, v in zip(instance.tables["industries"]["industry_id"],
                              map(float, instance.tables["industries"]["relocation_cny_per_mcny"]),
                              strict=True)),
    )  # fmt: skip
    with Session(instance, **EXACT) as session:
        chapter = tornado(session, [dear])
        base = session.base()
    (row,) = chapter.table("siting").rows
    changed = instance.override(*dear.at(10.0))
    free = solve(changed, **EXACT)
    kept = solve(changed, keep_siting(instance, Question(), base.plan), **EXACT)
    assert set(free.plan.open_zones) != set(base.open_zones)
    assert row["regret_mcny"] == pytest.approx(kept.objective - free.objective, abs=1e-6)
    assert row["regret_low_mcny"] > 0
    assert row["siting"] == "another siting is proven better"
    assert any("siting is at stake in 1" in f for f in chapter.findings)


def test_an_end_without_a_plan_is_said(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    few = Parameter(
        "floor", "endowments", "Floor", "x", 0.1, 1.0, 2.0,
        tuple(Cell(f"modules.{m}.max_count", v, 0.0, v)
              for m, v in zip(instance.tables["modules"]["module_id"],
                              map(float, instance.tables["modules"]["max_count"]), strict=True)),
    )  # fmt: skip
    with Session(instance, Question(target_share=0.95), **EXACT) as session:
        chapter = tornado(session, [few])
    (row,) = chapter.table("swings").rows
    assert row["swing_mcny"] == math.inf
    assert "low: infeasible" in row["status"]
    with Session(instance, Question(target_share=0.95), **EXACT) as session:
        prices = parameters_of(instance)[0]
        more = tornado(session, [*prices, few], most=1)  # solved besides the one asked for
    assert "floor" in by_id(more)
    assert any(name != "floor" for name in by_id(more))
    assert "no plan at all" in chapter.findings[0]
    assert Chapter.from_dict(json.loads(json.dumps(chapter.to_dict()))) == chapter


def test_ties_are_marked_and_what_was_not_solved_is_told() -> None:
    """Two swings of 1 and 2 whose solves leave 3 open cannot be told apart."""
    with Session("two_zones", **EXACT) as session:
        base = session.base()
        parameters = parameters_of(session.instance)[0]
        ends = [
            replace(
                base,
                plan=replace(base.plan, objective=base.high + rise, bound=base.low + rise - 3.0),
            )
            for rise in (1.0, 2.0)
        ]
        swings = [Swing(p, base, (End("low", p.low, math.inf, e),))
                  for p, e in zip(parameters, ends, strict=False)]  # fmt: skip
        assert [s.swing for s in swings] == [
            pytest.approx((1.0, 0.0, 3.0)), pytest.approx((2.0, 0.0, 3.0)),
        ]  # fmt: skip
        assert Found(base, swings, []).ranks == [(1, 2), (1, 2)]
        chapter = tornado(session, parameters, most=2)
    # The two largest, and the value of a TEU: other TEU of goods, so that the base plan is none.
    assert len(chapter.table("swings").rows) == 3
    unsolved = chapter.table("screened").rows
    assert {r["status"] for r in unsolved} == {"not solved"}
    assert any(f"{len(unsolved)} assumptions were not solved" in c for c in chapter.cautions)


def test_the_same_with_two_processes() -> None:
    options = {"most": 2, "method": "morris", "samples": 2, "factors": 2, "draws": 2}
    found = []
    for workers in (1, 2):
        with Session("two_zones", workers=workers, **EXACT) as session:
            parameters = parameters_of(session.instance)[0]
            found.append((tornado(session, parameters, **options), alternatives(session)))
    assert found[0] == found[1]


def test_wrong_requests() -> None:
    with Session("two_zones") as session, pytest.raises(InstanceError, match="no parameter"):
        tornado(session, [])
    with (
        Session("two_zones", Question(objective="co2e")) as session,
        pytest.raises(InstanceError, match="cost"),
    ):
        tornado(session, parameters_of(session.instance)[0])
    with pytest.raises(InstanceError, match="power of two"):
        check_samples("sobol", 10)
    with pytest.raises(InstanceError, match="unknown"):
        check_samples("fast", 8)


# -- global -----------------------------------------------------------------------------------


def test_sobol_indices_of_an_additive_function() -> None:
    """Y = sum of a_k x_k with x uniform: S_k = ST_k = a_k^2 / sum of a^2."""
    a = np.array([4.0, 2.0, 1.0])
    points = sample_points("sobol", 3, 1024, 7)
    assert points.shape == (1024 * 5, 3)
    found = indices_of("sobol", points, points @ a, 7)
    assert found["S1"] == pytest.approx(a**2 / 21, abs=0.02)
    assert found["ST"] == pytest.approx(a**2 / 21, abs=0.02)


def test_sobol_indices_of_the_ishigami_function() -> None:
    """Ishigami and Homma 1990, a = 7, b = 0.1: S1 = 0.314, 0.442, 0; ST = 0.558, 0.442, 0.244."""
    points = sample_points("sobol", 3, 2048, 1)
    x = math.pi * (2 * points - 1)
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = indices_of("sobol", points, y, 1)
    assert found["S1"] == pytest.approx([0.314, 0.442, 0.0], abs=0.03)
    assert found["ST"] == pytest.approx([0.558, 0.442, 0.244], abs=0.03)


def test_morris_effects_of_a_linear_function() -> None:
    """Every elementary effect of a linear function is its slope, whatever the trajectory."""
    a = np.array([3.0, -1.0, 0.0])
    points = sample_points("morris", 3, 6, 3)
    assert len(points) == 6 * 4
    found = indices_of("morris", points, points @ a, 3)
    assert found["mu_star"] == pytest.approx(np.abs(a))
    assert found["sigma"] == pytest.approx(0.0, abs=1e-9)


def test_morris_of_a_plan_is_its_slopes(two_zones: Chapter) -> None:
    """Where the siting stays, cost is linear in prices: mu* is the swing over the range."""
    swings = by_id(two_zones)
    for name, row in by_id(two_zones, "global").items():
        assert row["mu_star_mcny"] == pytest.approx(swings[name]["swing_mcny"], rel=1e-6)
        assert row["gap_error_mcny"] == pytest.approx(0, abs=1e-6)


# -- draws ------------------------------------------------------------------------------------


def test_draws_repeat_by_seed_and_stay_in_their_ranges() -> None:
    parameters = parameters_of(read_instance("two_zones"))[0]
    first = drawn_overrides(parameters, 40, 0.5, 3)
    assert first == drawn_overrides(parameters, 40, 0.5, 3)
    assert first != drawn_overrides(parameters, 40, 0.5, 4)
    factors = [float(t.partition("=")[2]) for texts in first for t in texts]
    assert 0.9 <= min(factors) < 0.95
    assert 1.05 < max(factors) <= 1.1


@pytest.mark.parametrize("seed", [5, 11])
def test_bounds_of_zones_never_exceed_what_forcing_them_costs(seed: int) -> None:
    instance = random_instance(seed)
    with Session(instance, **EXACT) as session:
        base = session.base()
        (bounds,) = session.solve([session.case("z", start=base.key, task=PRESENCE)])
    assert bounds.document["shut"]
    for zone in instance.tables["zones"]["zone_id"]:
        for side, asked in (
            ("shut", Question(forbid_zones=(zone,))),
            ("open", Question(open_zones=(zone,))),
        ):
            try:
                forced = solve(instance, asked, **EXACT)
            except InstanceError:
                continue  # the tables do not allow it
            truth = forced.objective if forced.has_plan else math.inf
            assert bounds.document[side][zone] <= truth + 1e-6


@pytest.mark.parametrize("seed", [0, 5, 11, 12])
def test_zones_are_decided_as_separate_solves_decide_them(seed: int) -> None:
    """What is told of a zone is true, and told of every zone whose worth the gap can show."""
    instance = random_instance(seed)
    zones = list(instance.tables["zones"]["zone_id"])
    with Session(instance, gap=1e-2, time_limit_s=60.0) as session:
        base = session.base()
        assert base.plan is not None
        case = session.case("z", start=base.key, gap=1e-7, task=DECIDE, data=json.dumps(zones))
        (closer,) = session.solve([case])
    best = solve(instance, **EXACT).objective
    assert closer.objective == pytest.approx(best, rel=2e-7)
    assert closer.low <= best * (1 + 1e-9)
    mine = set(closer.open_zones)
    decided = 0
    for zone in zones:
        side = "shut" if zone in mine else "open"
        if zone not in closer.document[side]:
            continue
        other = Question(forbid_zones=(zone,))
        if zone not in mine:
            other = forced_in(instance, Question(), zone)
        try:
            found = solve(instance, other, **EXACT)
        except InstanceError:
            continue  # the tables do not allow it
        truth = found.objective if found.has_plan else math.inf
        bound = closer.document[side][zone]
        assert bound <= truth * (1 + 1e-9)
        assert (bound > closer.high) == (truth > closer.high * (1 + 1e-6)), zone
        decided += bound > closer.high
    assert decided


def test_draws_decide_more_than_the_prices_alone() -> None:
    instance = read_instance("two_zones")
    counts = []
    for gap in (1.0, 1e-6):
        with Session(instance, gap=1e-3, time_limit_s=60.0) as session:
            parameters = parameters_of(instance)[0]
            found = rank_stability(session, session.base(), parameters, 3, 0.5, 1, gap)
        counts.append(sum(z.surely_in + z.surely_out for z in found.zones))
        assert found.worst_gap <= max(min(gap, 1e-3), 0.0)
    assert counts[1] >= counts[0]
    assert counts[1] == 3 * len(found.zones)


def test_a_zone_that_saves_much_is_decided() -> None:
    """One industry that has to leave and one zone for it: the bound without the zone is far off."""
    instance = read_instance("two_zones")
    with Session(instance, Question(open_zones=("taiyuan",)), **EXACT) as session:
        base = session.base()
        parameters = parameters_of(instance)[0]
        found = rank_stability(session, base, parameters, 2, 0.5, 1)
    by_zone = {z.zone_id: z for z in found.zones}
    assert found.counted == 2
    assert by_zone["taiyuan"].surely_in == by_zone["taiyuan"].found == 2
    datong = by_zone["datong"]
    assert 0 <= datong.surely_in <= datong.found


def test_counts_add_up_in_the_table(two_zones: Chapter) -> None:
    for row in two_zones.table("zones").rows:
        counts = ("surely_in_count", "found_in_count", "found_out_count", "surely_out_count")
        assert sum(row[c] for c in counts) == 3
        assert row["least_share"] <= row["found_share"] <= row["most_share"]


# -- shown ------------------------------------------------------------------------------------


def test_the_chart_has_bars_and_what_is_proven(two_zones: Chapter) -> None:
    chapter = two_zones
    figure = chart_figure(chapter, chapter.charts[0])
    assert figure is not None
    low, high = figure["data"]
    top = chapter.table("swings").rows[0]
    assert low["x"][0] == top["low_mcny"]
    assert high["x"][0] == top["high_mcny"]
    assert low["error_x"]["arrayminus"][0] == pytest.approx(
        top["low_mcny"] - top["low_least_mcny"], abs=1e-9
    )
    again = Chapter.from_dict(json.loads(json.dumps(chapter.to_dict())))
    assert again.charts == chapter.charts


def test_command(tmp_path: Path) -> None:
    arguments = ["tornado", "two_zones", "--workers", "1", "--quiet", "--most", "3"]
    result = CliRunner().invoke(group, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    chapter = Chapter.from_dict(json.loads(result.stdout))
    assert [t.name for t in chapter.tables] == ["swings", "siting", "screened"]
    path = tmp_path / "p.csv"
    path.write_text(
        "parameter_id,low,value,high,cells\nwage,40,50,60,factor_prices.*.wage_cny_per_year\n"
    )
    shown = CliRunner().invoke(
        group, [*arguments, "--parameters", str(path), "--out", str(tmp_path / "s")]
    )
    assert shown.exit_code == 0, shown.output
    assert "The assumption that moves the cost most is wage (40 … 50 … 60)" in shown.output
    assert (tmp_path / "s" / "tables" / "tornado-swings.csv").exists()
    wrong = CliRunner().invoke(group, [*arguments, "--global", "sobol", "--samples", "10"])
    assert wrong.exit_code == 2
    assert "power of two" in wrong.output
