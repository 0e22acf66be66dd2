"""Small instances for the network tests, written as dicts of rows; the schema fills the rest."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import pandas as pd

from instances.schema import TABLE, TABLES, Table
from networks.network import Network, build_network

NEUTRAL = {"number": 0.0, "integer": 0, "flag": 0}
DTYPES = {"number": "float64", "integer": "int64", "flag": "int64"}
Rows = dict[str, list[dict[str, Any]]]


def table_frames(rows: Rows) -> dict[str, pd.DataFrame]:
    """Every table of the schema with its columns; cells that are not given get the default."""
    return {table.name: table_frame(table, rows.get(table.name, [])) for table in TABLES}


def table_frame(table: Table, given: list[dict[str, Any]]) -> pd.DataFrame:
    unknown = {name for row in given for name in row} - set(table.names)
    assert not unknown, f"{table.name} has no columns {unknown}"
    return filled(table, given) if given else empty(table.name).copy()


@cache
def empty(name: str) -> pd.DataFrame:
    return filled(TABLE[name], [])


def filled(table: Table, given: list[dict[str, Any]]) -> pd.DataFrame:
    data = {}
    for column in table.columns:
        fill = column.default if column.default is not None else NEUTRAL.get(column.kind, "")
        dtype = DTYPES.get(column.kind, "str")
        data[column.name] = pd.Series([r.get(column.name, fill) for r in given], dtype=dtype)
    return pd.DataFrame(data)


def make_instance(rows: Rows, **settings: float) -> SimpleNamespace:
    """An instance as the networks need it: tables and settings."""
    known = {"carrying_rate": 0.0, "service_factor": 0.0, "emission_cny_per_tonne": 0.0}
    known |= {"road_detour_factor": 1.3, "road_speed_km_per_hour": 60.0} | settings
    return SimpleNamespace(tables=table_frames(rows), settings=SimpleNamespace(**known))


def make_network(rows: Rows, **settings: float) -> Network:
    return build_network(make_instance(rows, **settings))


def place(place_id: str, kind: str = "junction", in_china: int = 1, **more: Any) -> dict[str, Any]:
    return {"place_id": place_id, "name": place_id, "kind": kind, "in_china": in_china} | more


def link(
    link_id: str, tail: str, head: str, mode: str = "road", km: float = 100, **more: Any
) -> dict[str, Any]:
    row = {"link_id": link_id, "tail_place_id": tail, "head_place_id": head, "mode": mode, "km": km}
    return row | {"tariff_id": mode} | more


def tariff(mode: str, rate: float = 1.0, speed: float = 50.0, **more: Any) -> dict[str, Any]:
    row = {"tariff_id": mode, "mode": mode, "rate_cny_per_teu_km": rate}
    return row | {"speed_km_per_hour": speed} | more
