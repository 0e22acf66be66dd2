"""Calibration rows by hand, and distances on the globe."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from networks_tables import Rows, link, make_instance, place, tariff

from networks.calibration import calibrate, summarise_calibration
from networks.geo import great_circle_km, zone_hours


def rows() -> Rows:
    def published(row_id: str, quantity: str, low: float, high: float, **more: object) -> dict:
        row = {"row_id": row_id, "quantity": quantity, "value_low": low, "value_high": high}
        ends = {"tail_place_id": "zone", "head_place_id": "port"}
        return row | ends | {"mode": "rail", "by": "km"} | more

    return {
        "places": [
            place("zone", "zone"),
            place("hub", "dry_port"),
            place("bend", "junction"),
            place("port", "sea_port"),
            place("busan", "market", 0),
        ],
        "tariffs": [tariff("road", 6, 50), tariff("rail", 2, 40), tariff("sea", 1, 25)],
        "links": [
            link("access", "zone", "hub", "road", 20),
            link("lorry", "hub", "port", "road", 480),
            link("line", "hub", "port", "rail", 600),
            link("line2", "hub", "bend", "rail", 500),
            link("line3", "bend", "port", "rail", 200),
            link("ship", "port", "busan", "sea", 1000, departures_per_week=2),
        ],
        "transfers": [
            {"transfer_id": "h", "place_id": "hub", "from_mode": "road", "to_mode": "rail",
             "cost_cny_per_teu": 250, "hours": 5},
        ],
        "calibration": [
            published("km", "km", 600, 640),  # 20 road + 600 rail; the lorry is not allowed
            published("km_any", "km", 490, 495, mode=""),  # 20 + 480 by lorry
            published("km_via", "km", 700, 700, via_place_id="bend"),  # 20 + 500 + 200
            published("cost", "cost_cny_per_teu", 2000, 2000, by="cost"),  # 120 + 250 + 1200
            published("hours", "hours", 20, 30, tail_place_id="port", head_place_id="busan",
                      mode="sea", used_as_input=1),  # 40, the wait of 42 h left out
            published("none", "km", 1, 2, head_place_id="busan"),
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return calibrate(make_instance(rows())).set_index("row_id")


@pytest.mark.parametrize(
    ("row_id", "modelled", "error", "to_middle", "status"),
    [
        ("km", 620, 0.0, 0.0, "in range"),
        ("km_any", 500, 5 / 495, 7.5 / 492.5, "above"),
        ("km_via", 720, 20 / 700, 20 / 700, "above"),
        ("cost", 1570, -430 / 2000, -430 / 2000, "below"),
        ("hours", 40, 10 / 30, 15 / 25, "above"),
        ("none", math.nan, math.nan, math.nan, "no route"),
    ],
)
def test_rows_by_hand(
    table: pd.DataFrame,
    row_id: str,
    modelled: float,
    error: float,
    to_middle: float,
    status: str,
) -> None:
    row = table.loc[row_id]
    expected = pytest.approx((modelled, error, to_middle), nan_ok=True)
    assert (row["modelled"], row["error"], row["error_to_middle"]) == expected
    assert row["status"] == status


def test_the_route_is_shown(table: pd.DataFrame) -> None:
    route = "zone -road-> hub -rail-> bend -rail-> port"
    assert table.loc["km_via", "route"] == route
    assert table.loc["hours", "first_wait_hours"] == pytest.approx(42)
    assert table.loc["none", "route"] == ""


def test_the_summary_counts_rows_without_a_route_and_leaves_inputs_out(
    table: pd.DataFrame,
) -> None:
    summary = summarise_calibration(table.reset_index()).set_index(["mode_group", "quantity"])
    rail = summary.loc["rail", "km"]
    assert (rail["rows"], rail["no_route"], rail["in_range"]) == (3, 1, 1)
    assert rail["mean_abs_error"] == pytest.approx((0 + 20 / 700) / 2)
    assert "sea" not in summary.index.get_level_values("mode_group")
    assert summary.loc["all", "all"]["rows"] == 5
    assert summary.loc["rail", "all"]["rows"] == 4
    assert set(summary.index.get_level_values("mode_group")) == {"all", "any", "rail"}


def test_great_circles() -> None:
    quarter = math.pi / 2 * 6371
    assert great_circle_km(0.0, 0.0, 0.0, 90.0) == pytest.approx(quarter)
    assert great_circle_km(90.0, 17.0, 0.0, 3.0) == pytest.approx(quarter)
    assert great_circle_km(10.0, 10.0, -10.0, -170.0) == pytest.approx(2 * quarter)
    assert great_circle_km(37.87, 112.55, 39.90, 116.40) == pytest.approx(403, abs=3)  # to Beijing


def test_hours_between_zones() -> None:
    instance = make_instance(
        {
            "places": [place("a", "zone"), place("b", "zone", longitude_deg=1.0)],
            "zones": [{"zone_id": "b"}, {"zone_id": "a"}],
        }
    )
    hours = zone_hours(instance)
    assert list(hours.index) == ["b", "a"]
    assert hours.loc["a", "b"] == pytest.approx(math.radians(1) * 6371 * 1.3 / 60)
    assert np.diag(hours.to_numpy()).tolist() == [0, 0]
