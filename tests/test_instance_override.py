"""Single values changed by expressions, and the laws that such changes keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instances import Instance, InstanceError, parse_override, read_instance

BASE = read_instance("two_zones")


@pytest.mark.parametrize(
    ("expression", "table", "key", "column", "value"),
    [
        ("links.taiyuan_tianjin.km=12.5", "links", "taiyuan_tianjin", "km", 12.5),
        ("links.taiyuan_tianjin.cost_cny_per_teu*=1.5", "links", "taiyuan_tianjin",
         "cost_cny_per_teu", 6000.0),
        ("links.taiyuan_tianjin.cost_cny_per_feu=9000", "links", "taiyuan_tianjin",
         "cost_cny_per_teu", 4500.0),
        (" links.taiyuan_tianjin.km = 7 ", "links", "taiyuan_tianjin", "km", 7.0),
        ("links.taiyuan_tianjin.closed=0", "links", "taiyuan_tianjin", "closed", 0),
        ("links.taiyuan_tianjin.name=G5 = old road.v2", "links", "taiyuan_tianjin", "name",
         "G5 = old road.v2"),
        ("links.taiyuan_tianjin.corridor_id=a;b", "links", "taiyuan_tianjin", "corridor_id", "a;b"),
        ("blocks.dongguan/electronics.volume_mcny_per_year=100", "blocks", "dongguan/electronics",
         "volume_mcny_per_year", 100.0),
        ("pools.datong_floor.endowment=inf", "pools", "datong_floor", "endowment", math.inf),
        ("moves.dongguan/electronics/taiyuan.cost_cny_per_mcny_year*=2", "moves",
         "dongguan/electronics/taiyuan", "cost_cny_per_mcny_year", 2000.0),
    ],
)  # fmt: skip
def test_one_value_changes(
    expression: str, table: str, key: str, column: str, value: object
) -> None:
    changed = BASE.override(expression)
    assert changed.row(table, key)[column] == value
    for name in BASE.tables:
        same = BASE.table(name).compare(changed.table(name))
        assert same.shape[0] <= (1 if name == table else 0)
        assert same.shape[1] <= (2 if name == table else 0)


def test_settings() -> None:
    assert BASE.override("settings.carrying_rate=0.08").settings.carrying_rate == 0.08
    twice = BASE.override("settings.carrying_rate=0.08", "settings.carrying_rate*=2")
    assert twice.settings.carrying_rate == 0.16
    assert BASE.settings.carrying_rate == 0


def test_an_empty_value_is_the_default() -> None:
    changed = BASE.override("links.taiyuan_tianjin.cost_cny_per_teu=")
    assert math.isnan(changed.row("links", "taiyuan_tianjin")["cost_cny_per_teu"])


def test_ids_with_dots() -> None:
    links = BASE.table("links")
    links.loc[0, "link_id"] = "G5.east.v2"
    changed = BASE.replace(links=links).override("links.G5.east.v2.km=3")
    assert changed.row("links", "G5.east.v2")["km"] == 3
    assert parse_override("links.G5.east.v2.km=3.5").key == "G5.east.v2"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("link.taiyuan_tianjin.km=1", "Did you mean 'links'"),
        ("links.taiyuan_tianjn.km=1", "Did you mean 'taiyuan_tianjin'"),
        ("links.taiyuan_tianjin.kms=1", "Did you mean 'km'"),
        ("links.taiyuan_tianjin.cost_eur_per_teu=1", "no rate for 'eur'"),
        ("links.taiyuan_tianjin.km=12 km", "number only"),
        ("links.taiyuan_tianjin.km=", "is missing"),
        ("links.taiyuan_tianjin.km*=", "is missing"),
        ("links.taiyuan_tianjin.km=-1", "at least 0"),
        ("links.taiyuan_tianjin.km=inf", "finite"),
        ("links.taiyuan_tianjin.closed=0.5", "whole number"),
        ("links.taiyuan_tianjin.mode=rode", "Did you mean 'road'"),
        ("links.taiyuan_tianjin.mode*=2", "only = can be used"),
        ("links.taiyuan_tianjin.link_id=x", "cannot be changed"),
        ("links.taiyuan_tianjin.tail_place_id=taiyun", "Did you mean 'taiyuan'"),
        ("links.taiyuan_tianjin.departures_per_week*=2", "nothing to multiply"),
        ("blocks.dongguan.volume_mcny_per_year=1", "origin_id/industry_id"),
        ("settings.carying_rate=1", "Did you mean 'carrying_rate'"),
        ("settings.carrying_rate=-1", "at least 0"),
        ("settings.x.carrying_rate=1", "settings have no id"),
        ("links.km=1", "cannot be read"),
        ("links.taiyuan_tianjin.km", "cannot be read"),
        ("", "cannot be read"),
        ("regions.world/market/overseas.share=0.5", "sums to 0.5"),
    ],
)
def test_expressions_that_cannot_be_applied(expression: str, words: str) -> None:
    with pytest.raises(InstanceError, match=words):
        BASE.override(expression)


def test_unknown_replacements() -> None:
    with pytest.raises(InstanceError, match="Did you mean 'links'"):
        BASE.replace(link=BASE.table("links"))
    with pytest.raises(InstanceError, match=r"links\.csv, row 1, column km:"):
        BASE.replace(links=BASE.table("links").drop(columns="km"))
    with pytest.raises(InstanceError, match="must be a finite number"):
        BASE.replace(discount_rate=math.nan)


def test_a_matrix_is_changed_like_rows() -> None:
    dense = BASE.replace(moves=[], dense_moves=[[1000.0, 0.0]])
    change = "moves.dongguan/electronics/taiyuan.cost_cny_per_mcny_year*=3"
    np.testing.assert_array_equal(
        dense.override(change).move_costs(), BASE.override(change).move_costs()
    )
    assert dense.move_costs()[0, 0] == 1000
    with pytest.raises(InstanceError, match="'taiyuan'"):
        dense.override("moves.dongguan/electronics/taiyun.cost_cny_per_mcny_year=3")


positive = st.floats(min_value=1e-3, max_value=1e6)


@given(positive, positive)
@settings(max_examples=15, deadline=None)
def test_laws_of_overrides(one: float, other: float) -> None:
    """Last one wins; changes of two cells commute; setting back restores; no change, same hash."""
    km, hours = "links.taiyuan_tianjin.km", "links.datong_tianjin.hours"
    a, b = f"{km}={one!r}", f"{hours}={other!r}"
    assert BASE.override(a, b) == BASE.override(b, a) == BASE.override(a).override(b)
    assert BASE.override(f"{km}={other!r}", a) == BASE.override(a)
    assert BASE.override(a).override(f"{km}=500") == BASE
    assert BASE.override() == BASE
    assert BASE.override(f"{km}*=1") == BASE
    product = BASE.override(a, f"{km}*={other!r}")
    assert product.row("links", "taiyuan_tianjin")["km"] == one * other


def test_what_does_not_change_is_shared() -> None:
    """An override costs one table, not the instance."""
    changed: Instance = BASE.override("links.taiyuan_tianjin.km=1")
    assert changed._drafts["places"] is BASE._drafts["places"]
    assert changed._drafts["links"] is not BASE._drafts["links"]
