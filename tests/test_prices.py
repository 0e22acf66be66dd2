"""Shadow prices: hand-worked values, ranges by brute force, the step that a price promises."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import read_instance
from networks.network import build_network
from optimizer.api import solve
from optimizer.cli import group
from optimizer.engine.fixed import FixedPlan
from optimizer.plan.plan import Question
from optimizer.problem import build_problem
from optimizer.studies.keep import keep_siting
from optimizer.studies.prices import prices
from optimizer.studies.session import Session


def fixed_plan(instance, plan) -> FixedPlan:
    return FixedPlan(build_problem(instance, build_network(instance), plan.question), plan)


def rows(chapter) -> dict[str, dict]:
    return {r["element_id"]: r for r in chapter.table("prices").rows}


def test_hand_worked_prices_of_two_zones() -> None:
    """Floor in Datong: 10 m2 an mcny; what is made there saves 2,000 CNY against elsewhere."""
    with Session("two_zones") as session:
        found = rows(prices(session))
    floor = found["datong_floor"]
    assert floor["worth_cny_per_unit"] == pytest.approx(200.0)
    assert floor["holds_to"] == pytest.approx(8_000.0)
    assert floor["decided"] == "yes"
    assert floor["resolved_cny_per_unit"] == pytest.approx(200.0)


def test_hand_worked_price_of_a_terminal() -> None:
    """Below 60 TEU what leaves the rail is Linfen's, at 1,700 CNY instead of 1,000."""
    with Session("dry_port") as session:
        found = rows(prices(session, free=1))
    terminal = found["terminal"]
    assert terminal["worth_cny_per_unit"] == pytest.approx(1_000.0)
    assert terminal["holds_to"] == pytest.approx(150.0)
    assert terminal["loss_cny_per_unit"] == pytest.approx(1_000.0)
    assert terminal["holds_from"] == pytest.approx(60.0)


def test_a_target_that_binds_has_a_price() -> None:
    """Beyond the least cost, what more must come costs more."""
    instance = read_instance("two_zones")
    base = solve(instance, threads=1)
    target = base.plan.absorbed_mcny
    with Session(instance, Question(target_mcny=target)) as session:
        chapter = prices(session)
    kinds = {r["kind"]: r for r in chapter.table("kinds").rows}
    assert kinds["targets"]["limits_count"] == 1


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 150), data=st.data())
def test_a_price_is_the_difference_of_two_solves(seed: int, data) -> None:
    """Price x step = difference of two `solve` calls with all decisions fixed, within the range."""
    instance = random_instance(seed)
    base = solve(instance, gap=1e-9, threads=1, explain=False)
    if not base.has_plan:
        return
    fixed = fixed_plan(instance, base.plan)
    assert fixed.value == pytest.approx(base.plan.cost_mcny, rel=1e-7)
    pools = [k for k in fixed.prices if k[0] == "pool" and abs(fixed.prices[k]) > 1e-9]
    if not pools:
        return
    key = data.draw(st.sampled_from(pools))
    amount = float(instance.tables["pools"].set_index("pool_id").loc[key[1], "endowment"])
    piece = fixed.piece(key, 5 * max(amount, 1.0))
    if piece.reach < 1e-3:
        return
    changed = instance.override(f"pools.{key[1]}.endowment={amount + piece.reach!r}")
    question = keep_siting(instance, Question(), base.plan)
    again = solve(changed, question, gap=1e-9, threads=1, explain=False, verify=True)
    saved = base.plan.cost_mcny - again.objective
    promised = -piece.slope * piece.reach
    # services and stretches of a curve are free there: it may save more, never less
    assert saved >= promised - 1e-5 * max(1.0, abs(base.plan.cost_mcny)) * 1e-1


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 150))
def test_ranges_agree_with_a_fine_grid(seed: int) -> None:
    """Within the range the value is a line of the price's slope; beyond it bends upwards."""
    instance = random_instance(seed)
    base = solve(instance, gap=1e-9, threads=1, explain=False)
    if not base.has_plan:
        return
    fixed = fixed_plan(instance, base.plan)
    keys = [k for k in fixed.prices if k[0] in ("pool", "capacity") and abs(fixed.prices[k]) > 1e-9]
    for key in keys[:2]:
        for widest in (50.0, -5.0):
            piece = fixed.piece(key, widest)
            if piece.reach == 0 or math.isnan(piece.slope):
                continue
            assert 0 < piece.reach / widest <= 1 + 1e-9
            for share in (0.25, 0.5, 1.0):
                cost, _ = fixed.moved(key, share * piece.reach)
                line = fixed.value + piece.slope * share * piece.reach
                assert cost == pytest.approx(line, rel=1e-6, abs=1e-5)
            if piece.ends and abs(piece.reach) * 1.5 < abs(widest):
                cost, _ = fixed.moved(key, piece.reach * 1.5)
                assert cost >= fixed.value + piece.slope * piece.reach * 1.5 - 1e-6


def test_modules_are_priced_whole() -> None:
    """Another standard factory block in Taiyuan: what `--least` says it costs."""
    instance = read_instance("two_zones")
    base = solve(instance, threads=1)
    with Session(instance) as session:
        found = rows(prices(session))["taiyuan_block"]
    count = dict(base.plan.modules)["taiyuan_block"]
    fewer = keep_siting(instance, Question(), base.plan)
    most = tuple((k, n, v - 1 if n == "taiyuan_block" else v) for k, n, v in fewer.most)
    least = tuple((k, n, v - 1 if n == "taiyuan_block" else v) for k, n, v in fewer.least)
    again = solve(instance, Question(least=least, most=most), threads=1)
    assert count == found["available"]
    assert found["loss_cny_per_unit"] == pytest.approx((again.objective - base.objective) * 1e6)


def test_moving_a_limit_leaves_no_trace() -> None:
    instance = read_instance("two_zones")
    fixed = fixed_plan(instance, solve(instance, threads=1).plan)
    key = ("pool", "datong_floor")
    before = fixed.value
    fixed.moved(key, 4_000.0)
    assert fixed.solve() == pytest.approx(before)


def test_the_command_prints_one_object() -> None:
    shown = CliRunner().invoke(group, ["prices", "dry_port", "--json", "--quiet", "--workers", "1"])
    assert shown.exit_code == 0, shown.output
    chapter = json.loads(shown.stdout)
    assert chapter["name"] == "prices"
    assert {t["name"] for t in chapter["tables"]} == {"kinds", "prices"}
