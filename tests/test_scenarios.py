"""Scenarios: reading, drawing, reducing, averaging."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instances import Instance, InstanceError, read_instance
from optimizer.plan.plan import Question
from optimizer.studies.scenarios import (
    Parameter,
    Scenario,
    budget_scenarios,
    draw,
    drawn_scenarios,
    mean_overrides,
    parameters,
    read_scenarios,
    reduce_scenarios,
    triangular,
)

BLOCK = "blocks.dongguan/electronics.volume_mcny_per_year"


@pytest.fixture(scope="module")
def ranged() -> Instance:
    """`two_zones` with documented ranges of a volume, a tariff and a pool."""
    instance = read_instance("two_zones")
    pool = instance.tables["pools"]["pool_id"].iloc[0]
    endowment = float(instance.tables["pools"]["endowment"].iloc[0])
    return instance.override(
        "blocks.dongguan/electronics.volume_low_mcny_per_year=60",
        "blocks.dongguan/electronics.volume_high_mcny_per_year=130",
        "tariffs.road.rate_cny_per_teu_km=1",
        "tariffs.road.cost_factor_low=0.8",
        "tariffs.road.cost_factor_high=1.5",
        f"pools.{pool}.endowment_low={endowment / 2}",
        f"pools.{pool}.endowment_high={endowment}",
    )


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"name,probability,overrides,closed\nlow,0.25,{BLOCK}*=0.5,\nhigh,0.75,,\n")
    found = read_scenarios(read_instance("two_zones"), Question(), path)
    assert [(s.name, s.probability) for s in found] == [("low", 0.25), ("high", 0.75)]
    assert found[0].overrides == (f"{BLOCK}*=0.5",)


def test_names_every_fault_of_a_file_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(
        "name,probability,overrides\n"
        "a,0.5,zones.taiyuan.open_mcny=1\n"
        "b,many,\n"
        ",0.5,\n"
        "c,0.5,blocks.nowhere/electronics.volume_mcny_per_year=1\n"
    )
    with pytest.raises(InstanceError) as caught:
        read_scenarios(read_instance("two_zones"), Question(), path)
    text = str(caught.value)
    assert "row 2 (a)" in text
    assert "zones cannot differ by scenario" in text
    assert "row 3 (b)" in text
    assert "'many'" in text
    assert "row 4 (no name)" in text
    assert "row 5 (c)" in text


def test_probabilities_must_add_up(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,probability\na,0.5\nb,0.4\n")
    with pytest.raises(InstanceError, match=r"adds up to 0\.9"):
        read_scenarios(read_instance("two_zones"), Question(), path)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,probability\na,0.5\na,0.5\n")
    with pytest.raises(InstanceError, match="'a' is given twice"):
        read_scenarios(read_instance("two_zones"), Question(), path)


def test_the_siting_may_not_depend_on_the_scenario(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,probability,overrides\na,1,settings.discount_rate=0.01\n")
    with pytest.raises(InstanceError, match="settings cannot differ by scenario"):
        read_scenarios(read_instance("two_zones"), Question(), path)


def test_parameters_are_the_documented_ranges(ranged: Instance) -> None:
    found = {p.group: (p.low, p.value, p.high) for p in parameters(ranged)}
    pool = float(ranged.tables["pools"]["endowment"].iloc[0])
    assert found == {
        "volumes": (60.0, 100.0, 130.0),
        "tariffs": (0.8, 1.0, 1.5),
        "endowments": (pool / 2, pool, pool),
    }


def test_triangular_by_hand() -> None:
    # Low 0, mode 1, high 4: a quarter lies below the mode; the median is 4 - sqrt(6).
    found = triangular(np.array([0.0, 0.25, 0.5, 1.0]), 0.0, 1.0, 4.0)
    assert found == pytest.approx([0.0, 1.0, 4 - np.sqrt(6), 4.0])


def test_draws_lie_in_their_ranges_and_move_together() -> None:
    two = [Parameter("volumes", str(k), 0.0, 1.0, 3.0) for k in range(2)]
    other = [Parameter("tariffs", "t", 0.5, 1.0, 2.0)]
    apart = draw(two + other, 4000, 0.0, 1)
    together = draw(two + other, 4000, 1.0, 1)
    assert apart.min() >= 0
    assert apart[:, :2].max() <= 3
    assert apart[:, 0].mean() == pytest.approx(4 / 3, abs=0.05)
    assert abs(np.corrcoef(apart[:, 0], apart[:, 1])[0, 1]) < 0.1
    assert np.allclose(together[:, 0], together[:, 1])
    assert abs(np.corrcoef(together[:, 0], together[:, 2])[0, 1]) < 0.1
    assert np.array_equal(draw(two, 10, 0.3, 7), draw(two, 10, 0.3, 7))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_reduction_keeps_probability(count: int, keep: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.dirichlet(np.ones(count))
    kept, probability = reduce_scenarios(rng.normal(size=(count, 2)), keep, weight)
    assert len(kept) == len(set(kept)) == min(keep, count)
    assert probability.sum() == pytest.approx(1.0)
    assert (probability >= weight[kept] - 1e-12).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_one_kept_scenario_is_the_best_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, weight = rng.normal(size=(7, 2)), rng.dirichlet(np.ones(7))
    (kept,), _ = reduce_scenarios(points, 1, weight)
    total = [weight @ np.linalg.norm(points - p, axis=1) for p in points]
    assert total[kept] == pytest.approx(min(total))


def test_reduction_by_hand() -> None:
    # The first is that of least distance to all (row 2: 0.2 + 0.1 + 9.8 + 9.9), the second the
    # one that then helps most; each gets the weight of its heap.
    points = np.array([[0.0], [0.1], [0.2], [10.0], [10.1]])
    kept, probability = reduce_scenarios(points, 2)
    assert kept == [2, 3]
    assert probability == pytest.approx([0.6, 0.4])


def test_drawn_scenarios_change_what_has_a_range(ranged: Instance) -> None:
    found = drawn_scenarios(ranged, draws=40, keep=4, seed=3)
    assert len(found) == 4
    assert sum(s.probability for s in found) == pytest.approx(1)
    for scenario in found:
        changed = ranged.override(*scenario.overrides)
        assert 60 <= changed.row("blocks", "dongguan/electronics")["volume_mcny_per_year"] <= 130
    assert found == drawn_scenarios(ranged, draws=40, keep=4, seed=3)


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(InstanceError, match="documented range"):
        drawn_scenarios(read_instance("dry_port"), draws=5, keep=2)


def test_budget_scenarios_are_the_sets_of_groups(ranged: Instance) -> None:
    found = budget_scenarios(ranged, 2)
    assert len(found) == 1 + 3 + len(list(combinations(range(3), 2)))
    worst = ranged.override(*next(s for s in found if s.name == "volumes at worst").overrides)
    assert worst.row("blocks", "dongguan/electronics")["volume_mcny_per_year"] == 130
    with pytest.raises(InstanceError, match="3 groups"):
        budget_scenarios(ranged, 4)


def test_the_mean_is_that_of_the_cells() -> None:
    instance = read_instance("two_zones")
    scenarios = [
        Scenario("a", 0.25, (f"{BLOCK}=40", "settings.carrying_rate=0.2")),
        Scenario("b", 0.75, ()),
    ]
    mean = instance.override(*mean_overrides(instance, scenarios))
    assert mean.row("blocks", "dongguan/electronics")["volume_mcny_per_year"] == pytest.approx(85)
    rate = 0.25 * 0.2 + 0.75 * instance.settings.carrying_rate
    assert mean.settings.carrying_rate == pytest.approx(rate)
    assert mean_overrides(instance, [Scenario("b", 1.0)]) == ()
