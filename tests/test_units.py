"""Units in column names: factors by hand, dimensions, currencies, headers."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instances.cells import CellError, convert, to_integer, to_number, to_text
from instances.schema import TABLE, TABLES
from instances.units import UnitError, around_unit, conversion, match_header, parse_unit

RATES = {"usd": 7.12, "jpy": 0.047}


@pytest.mark.parametrize(
    ("given_unit", "wanted", "factor"),
    [
        ("usd_per_feu", "cny_per_teu", Fraction(356, 100)),  # 7.12 / 2
        ("kusd_per_teu", "cny_per_teu", 7120),
        ("cny_per_feu_mile", "cny_per_teu_km", Fraction(1, 2) / Fraction("1.609344")),
        ("minutes", "hours", Fraction(1, 60)),
        ("weeks", "hours", 168),
        ("days", "hours", 24),
        ("months", "years", Fraction(1, 12)),
        ("per_day", "per_week", 7),
        ("per_year", "per_week", Fraction(168, 8760)),
        ("teu_per_week", "teu_per_year", Fraction(8760, 168)),
        ("feu_per_month", "teu_per_year", 24),
        ("bcny_per_year", "mcny_per_year", 1000),
        ("wcny", "mcny", Fraction(1, 100)),
        ("ycny", "mcny", 100),
        ("cny", "mcny", Fraction(1, 1_000_000)),
        ("jpy_per_year", "cny_per_year", Fraction("0.047")),
        ("cny_per_mu_year", "cny_per_m2_year", Fraction(3, 2000)),
        ("cny_per_m2_month", "cny_per_m2_year", 12),
        ("cny_per_mwh", "cny_per_kwh", Fraction(1, 1000)),
        ("g_per_tonne_km", "kg_per_tonne_km", Fraction(1, 1000)),
        ("hours_per_km", "hours_per_1000_km", 1000),
        ("km_per_day", "km_per_hour", Fraction(1, 24)),
        ("percent", "share", Fraction(1, 100)),
        ("nmi", "km", Fraction("1.852")),
        ("per_bcny", "per_mcny", Fraction(1, 1000)),
    ],
)
def test_factors_worked_by_hand(given_unit: str, wanted: str, factor: Fraction | int) -> None:
    assert conversion(given_unit, wanted, RATES) == factor


@pytest.mark.parametrize(
    ("given_unit", "wanted", "words"),
    [
        ("parsec", "km", "not known"),
        ("cny_per_tue", "cny_per_teu", "did you mean 'teu'"),
        ("cny_per_km", "cny_per_teu", "measures something else"),
        ("cny", "cny_per_teu", "measures something else"),
        ("eur_per_teu", "cny_per_teu", "no rate for 'eur'"),
        ("cny_per_", "cny_per_teu", "not known"),
        ("_per_teu", "cny_per_teu", "not known"),
        ("1000_cny", "mcny", "not known"),
    ],
)
def test_units_that_cannot_be_used(given_unit: str, wanted: str, words: str) -> None:
    with pytest.raises(UnitError, match=words):
        conversion(given_unit, wanted, RATES)


def test_every_unit_of_the_schema_is_known() -> None:
    for table in TABLES:
        for column in table.columns:
            if column.unit:
                assert parse_unit(column.unit) is not None, f"{table.name}.{column.name}"
                assert conversion(column.unit, column.unit, {}) == 1


@pytest.mark.parametrize(
    ("table", "header", "column", "factor"),
    [
        ("links", "cost_usd_per_feu", "cost_cny_per_teu", Fraction(356, 100)),
        ("links", "mile", "km", Fraction("1.609344")),
        ("links", "minutes", "hours", Fraction(1, 60)),
        ("links", "sd_minutes", "sd_hours", Fraction(1, 60)),
        ("links", "km", "km", None),
        ("tariffs", "fixed_sd_days", "fixed_sd_hours", 24),
        ("tariffs", "fixed_days", "fixed_hours", 24),
        ("tariffs", "fixed_usd_per_teu", "fixed_cny_per_teu", Fraction("7.12")),
        ("tariffs", "rate_cny_per_feu_km", "rate_cny_per_teu_km", Fraction(1, 2)),
        ("tariffs", "sd_hours_per_km", "sd_hours_per_1000_km", 1000),
        ("forms", "admin_percent_of_output", "admin_share_of_output", Fraction(1, 100)),
        ("inputs", "percent_of_output_value", "share_of_output_value", Fraction(1, 100)),
        ("regions", "percent", "share", Fraction(1, 100)),
        ("services", "departures_per_day", "departures_per_week", 7),
        ("blocks", "volume_low_bcny_per_year", "volume_low_mcny_per_year", 1000),
    ],
)
def test_headers_in_other_units(
    table: str, header: str, column: str, factor: Fraction | int | None
) -> None:
    match = match_header(header, TABLE[table], RATES)
    assert match is not None
    assert (match.column, match.factor, match.problem) == (column, factor, "")


@pytest.mark.parametrize(
    ("table", "header", "column", "words"),
    [
        ("links", "cost_usd_per_parsec", "cost_cny_per_teu", "'usd_per_parsec' is not known"),
        ("links", "cost_eur_per_teu", "cost_cny_per_teu", "no rate for 'eur'"),
        ("links", "cost", "cost_cny_per_teu", "has no unit in its name"),
        ("blocks", "volume_teu_per_year", "volume_mcny_per_year", "measures something else"),
    ],
)
def test_headers_with_a_unit_that_does_not_fit(
    table: str, header: str, column: str, words: str
) -> None:
    match = match_header(header, TABLE[table], RATES)
    assert match is not None
    assert match.column == column
    assert words in match.problem


def test_a_header_of_nothing_is_unknown() -> None:
    assert match_header("colour_of_the_train", TABLE["links"], RATES) is None


def test_headers_of_the_schema_mean_themselves() -> None:
    """No column of the schema is taken for another one in another unit."""
    for table in TABLES:
        for column in table.columns:
            match = match_header(column.name, table, {})
            assert match is not None
            assert (match.column, match.factor) == (column.name, None)


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_conversion_is_rounded_once(number: float) -> None:
    """The result is the double next to the exact product."""
    factor = Fraction(1, 60)
    exact = Fraction(number) * factor
    got = convert(number, factor)
    assert abs(Fraction(got) - exact) <= abs(Fraction(math.nextafter(got, math.inf)) - exact)
    assert abs(Fraction(got) - exact) <= abs(Fraction(math.nextafter(got, -math.inf)) - exact)


def test_twelve_percent_is_the_double_of_0_12() -> None:
    assert convert(12.0, Fraction(1, 100)) == 0.12
    assert convert(math.inf, Fraction(1, 100)) == math.inf


def test_columns_whose_name_does_not_hold_their_unit_take_no_other() -> None:
    assert around_unit(TABLE["links"].column("cost_factor")) is None
    assert around_unit(TABLE["pools"].column("endowment")) is None


@pytest.mark.parametrize(
    ("cell", "number"),
    [("12", 12.0), (" 1e3 ", 1000.0), ("-.5", -0.5), ("inf", math.inf), ("+7.", 7.0), (3, 3.0),
     (True, 1.0), ("0.1", 0.1)],
)  # fmt: skip
def test_numbers(cell: object, number: float) -> None:
    assert to_number(cell) == number


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("12 km", "the number only"),
        ("1,234", "thousands separators"),
        ("1 234.5", "thousands separators"),
        ("1,5", "decimal point"),
        ("12%", "0.12 for 12 %"),
        ("nan", "NaN"),
        ("#N/A", "NaN"),
        ("1_000", "not a number"),
        ("１２", "not a number"),
        ("0x10", "not a number"),
        ("1e999", "too large"),
        ("cheap", "not a number"),
        (float("nan"), "NaN"),
    ],
)
def test_what_is_not_a_number(cell: object, words: str) -> None:
    with pytest.raises(CellError, match=words):
        to_number(cell)


def test_whole_numbers_and_text() -> None:
    assert to_integer("3.0") == 3
    assert to_integer("TRUE") == 1
    with pytest.raises(CellError, match="whole"):
        to_integer("1.5")
    assert to_text(7.0) == "7"
    assert to_text(" a\r\nb ") == "a\nb"
    assert to_text("007") == "007"
    assert to_text(float("nan")) == ""
