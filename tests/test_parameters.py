"""Uncertain inputs: which cells they move, and how far."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from instances import read_instance
from instances.errors import InstanceError
from instances.shanxi_build import EVIDENCE, tables
from instances.shanxi_build.evidence import Evidence
from instances.shanxi_build.ranges import CELLS, PARAMETERS, ranges_of
from optimizer.studies.parameters import Cell, Parameter, parameters_of, read_parameters

RANGES = EVIDENCE.parent / "ranges"


@pytest.fixture(scope="module")
def shanxi():
    return read_instance("shanxi")


@pytest.fixture(scope="module")
def of_shanxi(shanxi) -> dict[str, Parameter]:
    return {p.parameter_id: p for p in parameters_of(shanxi)[0]}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# -- a parameter ------------------------------------------------------------------------------


def test_cells_are_linear_on_both_sides_of_the_value() -> None:
    cell = Cell("settings.carrying_rate", 0.2, 0.1, 0.6)
    p = Parameter("p", "rates", "P", "", 1.0, 2.0, 4.0, (cell,))
    assert p.at(2.0) == ()
    assert p.at(1.0) == ("settings.carrying_rate*=0.5",)
    assert float(p.at(1.5)[0].partition("=")[2]) == pytest.approx(0.75)
    assert float(p.at(3.0)[0].partition("=")[2]) == pytest.approx(2.0)
    assert [side for side, _ in p.ends] == ["low", "high"]


def test_cells_of_zero_are_set_and_flags_have_nothing_between() -> None:
    free = Cell("transfers.t.cost_cny_per_teu", 0.0, 0.0, 30.0)
    flag = Cell("blocks.o/i.whole", 0.0, 0.0, 1.0)
    p = Parameter("p", "carriage", "P", "", 0.0, 1.0, 3.0, (free, flag))
    assert p.at(3.0) == ("transfers.t.cost_cny_per_teu=30.0", "blocks.o/i.whole=1.0")
    assert p.at(2.0) == ("transfers.t.cost_cny_per_teu=15.0",)
    assert p.at(2.5) == ("transfers.t.cost_cny_per_teu=22.5", "blocks.o/i.whole=1.0")
    assert [side for side, _ in p.ends] == ["high"]  # nothing moves at the low end


def test_two_parameters_of_one_cell_both_count() -> None:
    instance = read_instance("two_zones")
    rate = instance.settings.carrying_rate
    one = Parameter("a", "rates", "A", "", 0.5, 1, 2, (Cell("settings.carrying_rate", 1, 0.5, 2),))
    both = instance.override(*one.at(2), *one.at(0.5), *one.at(2))
    assert both.settings.carrying_rate == pytest.approx(2 * rate)


# -- of the bundled instance ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["drayage_fixed_cny_per_teu", "module_life_years", "rail_container_discount_factor"]
)
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_low_of_a_row_is_what_the_tables_would_be_with_it(
    shanxi, of_shanxi, name: str, end: str
) -> None:
    """Independent of cells.csv: the tables are built again from evidence with the other value."""
    evidence = Evidence(EVIDENCE)
    table = of_shanxi[name].source.partition(".")[0]
    (row,) = [r for r in evidence[table] if r["parameter"] == name]
    row["value"] = row[end]
    built = tables(evidence)
    changed = shanxi.override(*of_shanxi[name].at(float(row[end])))
    moved = 0
    for where in (c.where for c in of_shanxi[name].cells):
        table, _, rest = where.partition(".")
        key, _, column = rest.rpartition(".")
        ident = changed.tables[table].columns[0]
        (expected,) = [r[column] for r in built[table] if r[ident] == key]
        frame = changed.tables[table]
        got = float(frame.loc[frame[ident] == key, column].iloc[0])
        assert got == pytest.approx(float(expected), rel=1e-7, abs=1e-9), where
        before = shanxi.tables[table]
        moved += got != float(before.loc[before[ident] == key, column].iloc[0])
    assert moved == len(of_shanxi[name].cells)


def test_shipped_ranges_are_those_of_the_evidence() -> None:
    only = ("discount_rate", "gate_hours", "land_module_ha")
    parameters, cells = ranges_of(only=only)
    shipped = [r for r in rows(RANGES / "parameters.csv") if r["parameter_id"] in only]
    assert [{k: str(r[k]) for k in PARAMETERS} for r in parameters] == shipped
    shipped = [r for r in rows(RANGES / "cells.csv") if r["parameter_id"] in only]
    assert [{k: str(r[k]) for k in CELLS} for r in cells] == shipped


def test_every_parameter_can_be_applied_at_both_ends(shanxi, of_shanxi) -> None:
    texts = [t for p in list(of_shanxi.values())[::40] for _, v in p.ends for t in p.at(v)]
    for name in list(of_shanxi)[::40]:
        for _, value in of_shanxi[name].ends:
            shanxi.override(*of_shanxi[name].at(value))
    assert texts
    assert all(p.low <= p.value <= p.high for p in of_shanxi.values())


def test_what_cannot_be_varied_is_told(shanxi) -> None:
    found, left_out = parameters_of(shanxi)
    assert any("land_module_ha" in text and "rows come or go" in text for text in left_out)
    ids = {text.partition(" (")[2].partition(",")[0] for text in left_out}
    assert "land_module_ha" in ids
    assert not {p.parameter_id for p in found} & ids


def test_a_parameter_has_the_name_that_people_use(of_shanxi) -> None:
    assert of_shanxi["fx_cny_per_usd_2024"].name == "Exchange rate, CNY per USD"
    names = [p.name for p in of_shanxi.values()]
    assert len(set(names)) == len(names)


def test_a_rate_of_one_tariff_counts_once(of_shanxi) -> None:
    """The quoted range of one year lies inside the documented range of the tariff."""
    assert "tariffs:sea_north_europe" in of_shanxi or any(
        n.startswith("tariffs:") for n in of_shanxi
    )
    assert not any(n.startswith("sea_rate_") for n in of_shanxi)


def test_groups_grades_and_spread() -> None:
    instance = read_instance("two_zones")
    assert parameters_of(instance, spread=0.0)[0] == []
    made = parameters_of(instance, spread=0.2)[0]
    assert all(not p.documented and (p.low, p.high) == (0.8, 1.2) for p in made)
    assert parameters_of(instance, groups=("times",))[0] == []
    with pytest.raises(InstanceError, match="wages"):
        parameters_of(instance, groups=("wages",))


# -- from a file ------------------------------------------------------------------------------


def test_a_file_multiplies_its_cells(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    path = tmp_path / "p.csv"
    path.write_text(
        "parameter_id,name,unit,low,value,high,cells,grade\n"
        "wage,Wages,CNY,40000,50000,75000,factor_prices.*.wage_cny_per_year,assumed\n"
    )
    (p,) = read_parameters(instance, path)
    changed = instance.override(*p.at(75000))
    before = instance.tables["factor_prices"]["wage_cny_per_year"].astype(float)
    assert list(changed.tables["factor_prices"]["wage_cny_per_year"]) == pytest.approx(
        list(1.5 * before)
    )


def test_faults_of_a_file_are_named(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    path = tmp_path / "p.csv"
    path.write_text(
        "parameter_id,low,value,high,cells\n"
        "a,1,2,x,settings.carrying_rate\n"
        "b,3,2,4,settings.carrying_rate\n"
        "c,1,2,3,factor_prices.nowhere.wage_cny_per_year\n"
        "d,1,2,3,zones.*.zone_kind\n"
        "e,1,2,3,settings.rate\n"
    )
    with pytest.raises(InstanceError) as error:
        read_parameters(instance, path)
    text = str(error.value)
    assert "row 2 (a): column high: 'x' must be a number" in text
    assert "row 3 (b)" in text
    assert "must rise" in text
    assert "no row 'nowhere'" in text
    assert "zone_kind of zones is no number" in text
    assert "there is no setting 'rate'" in text
