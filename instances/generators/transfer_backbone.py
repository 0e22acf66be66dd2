"""What `transfer` takes over: the network of the bundled `shanxi` without its zones, and cities."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from instances.generators.transfer_draw import Point
from instances.instance import Instance
from instances.reading import read_instance

Row = dict[str, Any]
NETWORK_TABLES = (
    "places", "tariffs", "services", "bottlenecks", "links", "transfers", "customs", "forms",
    "factors", "regions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class City:
    """One row of cities.csv: a city that hosts zones, one that production leaves, or one abroad."""

    city_id: str
    name: str
    name_zh: str
    country: str  # province in China
    point: Point
    size: int  # class of urban population, 1 to 5
    role: str  # host, origin or foreign
    is_hub: bool  # has or could have a dry port for all its province
    gateway: str  # the backbone's place through which a foreign city trades


@lru_cache(maxsize=1)
def cities() -> tuple[City, ...]:
    """All cities, in the order of the file."""
    text = (files("instances.generators") / "cities.csv").read_text(encoding="utf-8")
    return tuple(
        City(
            row["city_id"], row["name"], row["name_zh"], row["country"],
            (float(row["latitude_deg"]), float(row["longitude_deg"])), int(row["size"]),
            row["role"], row["is_hub"] == "1", row["gateway_place_id"],
        )
        for row in csv.DictReader(text.splitlines())
    )  # fmt: skip


@lru_cache(maxsize=1)
def template() -> Instance:
    """The bundled `shanxi`, whose values are the middle of what is drawn."""
    return read_instance("shanxi")


def template_rows(table: str) -> list[Row]:
    """The rows of a table of `shanxi`."""
    return rows_of(template(), table)


def rows_of(instance: Instance, table: str) -> list[Row]:
    """The rows of a table as dicts of plain values."""
    frame = instance.table(table)
    columns = [frame[name].tolist() for name in frame.columns]
    return [dict(zip(frame.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]


def backbone() -> dict[str, list[Row]]:
    """The tables of the network without Shanxi's zones: ports, dry ports, crossings, junctions."""
    tables = {name: template_rows(name) for name in NETWORK_TABLES}
    gone = {row["place_id"] for row in tables["places"] if row["kind"] == "zone"}
    tables["places"] = _without(tables["places"], gone, "place_id")
    tables["links"] = _without(tables["links"], gone, "tail_place_id", "head_place_id")
    for name in ("transfers", "customs", "bottlenecks"):
        tables[name] = _without(tables[name], gone, "place_id")
    used = {row["service_id"] for row in tables["links"]}
    tables["services"] = [row for row in tables["services"] if row["service_id"] in used]
    return tables


def _without(rows: Iterable[Row], gone: set[str], *columns: str) -> list[Row]:
    return [row for row in rows if not any(row[c] in gone for c in columns)]


def points(places: Sequence[Row], *kinds: str, in_china: bool = True) -> list[tuple[str, Point]]:
    """Ids and coordinates of the places of these kinds."""
    return [
        (row["place_id"], (row["latitude_deg"], row["longitude_deg"]))
        for row in places
        if row["kind"] in kinds and bool(row["in_china"]) == in_china
    ]


def yards(tables: dict[str, list[Row]], mode: str) -> set[str]:
    """Places where a link of this mode starts or ends."""
    rows = [r for r in tables["links"] if r["mode"] == mode and not r.get("closed")]
    return {row[end] for row in rows for end in ("tail_place_id", "head_place_id")}
