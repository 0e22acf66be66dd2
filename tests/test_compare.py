"""Two plans compared: the bridge adds up; prices, plan, inputs and decisions are told apart."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from siting_instances import random_instance

from instances import Instance, read_instance
from optimizer.api import solve
from optimizer.cli import group
from optimizer.plan.plan import Plan
from optimizer.run import RunFolderError, write_run
from optimizer.studies.case import Case
from optimizer.studies.compare import Side, changed_inputs, compare, lines_of, read_side, reprice
from optimizer.studies.session import Session
from optimizer.studies.store import Store

GAP = 1e-7


def side(instance: Instance | str, name: str, *overrides: str, **asked: object) -> Side:
    table = read_instance(instance) if isinstance(instance, str) else instance
    table = table.override(*overrides) if overrides else table
    return Side(name, table, solve(table, gap=GAP, threads=1, **asked).plan)


def cost(plan: Plan) -> float:
    return math.fsum(line.mcny for line in plan.accounts)


@pytest.mark.parametrize("table", ["industries", "hosts"])
@pytest.mark.parametrize("seed", [4, 16, 24])
def test_bridge_adds_up_exactly(seed: int, table: str) -> None:
    instance = random_instance(seed)
    before = side(instance, "a")
    after = side(instance, "b", "settings.carrying_rate=0.3", "tariffs.road.cost_factor_low=0.9")
    chapter = compare(before, after)
    rows = chapter.table(table).rows
    change = cost(after.plan) - cost(before.plan)
    assert math.fsum(r["change_mcny"] for r in rows) == pytest.approx(change, abs=1e-9)
    assert after.plan.cost_mcny - before.plan.cost_mcny == pytest.approx(change, abs=1e-9)
    assert abs(chapter.facts["bridge_remainder_mcny"]) < 1e-9
    for r in rows:
        assert r["after_mcny"] - r["before_mcny"] == pytest.approx(r["change_mcny"], abs=1e-9)
        assert r["prices_mcny"] + r["plan_mcny"] == pytest.approx(r["change_mcny"], abs=1e-9)


def test_waterfall_goes_from_the_one_cost_to_the_other() -> None:
    chapter = compare(
        side("two_zones", "a"), side("two_zones", "b", "factor_prices.taiyuan.wage_cny_per_year*=2")
    )
    first, *steps, last = chapter.table("waterfall").rows
    assert first["mcny"] == pytest.approx(17.7, abs=1e-6)
    assert math.fsum([first["mcny"], *(s["mcny"] for s in steps)]) == pytest.approx(
        last["mcny"], abs=1e-9
    )
    assert chapter.charts[0].kind == "waterfall"


def test_a_price_that_leaves_the_plan_as_it_is_is_all_price() -> None:
    """Relocation dearer everywhere by the same: nothing changes but the price."""
    before = side("two_zones", "a")
    after = side("two_zones", "b", "zones.taiyuan.open_mcny_per_year*=1.01")
    chapter = compare(before, after)
    assert chapter.table("decisions").rows == ()
    assert chapter.table("volumes").rows == ()
    rows = chapter.table("hosts").rows
    changed = [r for r in rows if abs(r["change_mcny"]) > 1e-9]
    assert [(r["component"], r["of"]) for r in changed] == [("opening", "taiyuan")]
    assert changed[0]["prices_mcny"] == pytest.approx(changed[0]["change_mcny"], abs=1e-9)
    assert changed[0]["plan_mcny"] == pytest.approx(0, abs=1e-9)


def test_repriced_old_plan_costs_no_less_than_the_new_optimum() -> None:
    before = side("dry_port", "a")
    after = side("dry_port", "b", "tariffs.rail.rate_cny_per_teu_km*=3")
    lines, faults = reprice(after.instance, before.plan, after.plan)
    assert faults == []
    assert lines is not None
    repriced = math.fsum(v for parts in lines.values() for v in parts)
    assert repriced >= after.plan.cost_mcny - 1e-6
    rail = 150 * 0 + sum(f.teu for f in before.plan.flows if any("link:rail" in a for a in f.arcs))
    assert rail > 0
    assert repriced > before.plan.cost_mcny
    same, _ = reprice(before.instance, before.plan, before.plan)
    assert same is not None
    for key, parts in lines_of(before.instance, before.plan).items():
        assert math.fsum(same[key]) == pytest.approx(math.fsum(parts), abs=1e-8)


@pytest.mark.parametrize("seed", [0, 7, 18])
def test_the_same_plan_at_the_same_prices_has_no_price_change(seed: int) -> None:
    """Lumps are booked by the engine under names that the verifier does not use."""
    one = side(random_instance(seed), "a")
    assert one.plan.open_zones
    chapter = compare(one, Side("b", one.instance, one.plan))
    for name in ("industries", "hosts"):
        for r in chapter.table(name).rows:
            assert (r["prices_mcny"], r["plan_mcny"], r["change_mcny"]) == pytest.approx(
                (0, 0, 0), abs=1e-8
            )


def test_a_plan_that_does_not_hold_any_more_is_not_priced() -> None:
    chapter = compare(side("dry_port", "a"), side("dry_port", "b", closed=("bypass",)))
    assert all(math.isnan(r["prices_mcny"]) for r in chapter.table("industries").rows)
    assert "closed by the question: bypass" in chapter.cautions[0]
    changes = [r["change_mcny"] for r in chapter.table("industries").rows]
    assert math.fsum(changes) == pytest.approx(9.522 - 9.502, abs=1e-6)
    decided = {(r["kind"], r["id"]): r["change"] for r in chapter.table("decisions").rows}
    assert decided == {("project", "expressway"): -1, ("project", "terminal_extension"): 1}
    loads = {r["id"]: r["change_teu"] for r in chapter.table("loads").rows}
    assert loads == pytest.approx({"zhongding": 60})


def test_a_missed_target_is_a_reason_not_to_price() -> None:
    before = side("dry_port", "a", forbid_zones=("jinzhong",))
    after = side("dry_port", "b", target_mcny=60.0)
    _, faults = reprice(after.instance, before.plan, after.plan)
    assert any("target_mcny" in f for f in faults)


def test_inputs_differ_cell_by_cell() -> None:
    a = read_instance("two_zones")
    b = a.override("links.tianjin-world.km*=2", "settings.carrying_rate=0.2") if (
        "tianjin-world" in list(a.tables["links"]["link_id"])
    ) else a.override("settings.carrying_rate=0.2")  # fmt: skip
    zones = b.tables["zones"]
    b = b.replace(zones=zones.assign(open_mcny=[zones["open_mcny"].iloc[0] * 2, 7.0]))
    plan = solve(a, gap=GAP).plan
    again = solve(b, forbid_zones=("datong",), gap=GAP).plan
    found = {(t, k, c): (x, y, f) for t, k, c, x, y, f in
             changed_inputs(Side("a", a, plan), Side("b", b, again))}  # fmt: skip
    assert found["question", "", "forbid_zones"][1] == "('datong',)"
    assert found["settings", "", "carrying_rate"][1] == "0.2"
    assert found["zones", "taiyuan", "open_mcny"][2] == pytest.approx(2)
    assert found["zones", "datong", "open_mcny"][1] == "7"
    assert changed_inputs(Side("a", a, plan), Side("a", a, plan)) == []


def test_rows_that_come_and_go_are_named() -> None:
    a = read_instance("two_zones")
    plan = solve(a, gap=GAP).plan
    moves = a.tables["moves"]
    b = a.replace(moves=moves.iloc[:0])
    found = changed_inputs(Side("a", a, plan), Side("b", b, plan))
    assert [(t, c, x, y) for t, _, c, x, y, _ in found] == [("moves", "(row)", "there", "gone")]


def test_instances_with_other_ids_are_compared_too() -> None:
    chapter = compare(side("two_zones", "a"), side("dry_port", "b"))
    changes = [r["change_mcny"] for r in chapter.table("industries").rows]
    assert math.fsum(changes) == pytest.approx(9.502 - 17.7, abs=1e-6)
    assert len(chapter.table("inputs").rows) > 50
    assert "not told apart" in chapter.cautions[0]


def test_runs_and_solves_of_a_study_can_be_read(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    plan = solve(instance, gap=GAP).plan
    write_run(tmp_path / "run", instance, plan, {"solver": "highs"}, with_report=False)
    store = Store(tmp_path / "study")
    session = Session(instance, gap=GAP, store=store)
    case = session.case("wages", overrides=("factor_prices.taiyuan.wage_cny_per_year*=2",))
    (solved,) = session.solve([case])
    run, named = read_side(tmp_path / "run"), read_side(f"{tmp_path / 'study'}#wages")
    assert run.plan == plan
    assert named.plan == solved.plan
    assert named.instance.hash == solved.plan.instance_hash
    assert read_side(f"{tmp_path / 'study'}#{case.key}").plan == solved.plan
    with pytest.raises(RunFolderError, match="no solve 'nothing'; it has wages"):
        read_side(f"{tmp_path / 'study'}#nothing")
    with pytest.raises(RunFolderError, match="not a run folder"):
        read_side(tmp_path / "empty")
    assert isinstance(case, Case)


def test_command_writes_a_chapter_and_prints_one_object(tmp_path: Path) -> None:
    for name, overrides in (("a", ()), ("b", ("factor_prices.taiyuan.wage_cny_per_year*=2",))):
        one = side("two_zones", name, *overrides)
        write_run(tmp_path / name, one.instance, one.plan, {}, with_report=False)
    arguments = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "c")]
    run = CliRunner().invoke(group, [*arguments, "--json"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.stdout)
    assert document["name"] == "compare"
    assert (tmp_path / "c" / "tables" / "compare-industries.csv").exists()
    assert "Two plans compared" in (tmp_path / "c" / "report.html").read_text(encoding="utf-8")
    again = CliRunner().invoke(group, arguments)  # the folder takes the chapter again
    assert again.exit_code == 0, again.output
    wrong = CliRunner().invoke(group, ["compare", str(tmp_path / "a"), str(tmp_path / "x")])
    assert wrong.exit_code == 2
    assert "is not a run folder" in wrong.output
