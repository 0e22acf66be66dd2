"""The evidence tables as rows of text, and the look-ups the builders share."""

from __future__ import annotations

import csv
import math
from functools import cached_property
from pathlib import Path

Row = dict[str, object]

PREFECTURES = {
    "taiyuan": "Taiyuan",
    "datong": "Datong",
    "shuozhou": "Shuozhou",
    "xinzhou": "Xinzhou",
    "yangquan": "Yangquan",
    "lvliang": "Lüliang",
    "jinzhong": "Jinzhong",
    "changzhi": "Changzhi",
    "jincheng": "Jincheng",
    "linfen": "Linfen",
    "yuncheng": "Yuncheng",
}
PREFECTURES_ZH = {
    "taiyuan": "太原",
    "datong": "大同",
    "shuozhou": "朔州",
    "xinzhou": "忻州",
    "yangquan": "阳泉",
    "lvliang": "吕梁",
    "jinzhong": "晋中",
    "changzhi": "长治",
    "jincheng": "晋城",
    "linfen": "临汾",
    "yuncheng": "运城",
}
_EARTH_KM = 6371.0
_SOURCE_LENGTH = 200


class EvidenceError(ValueError):
    """The evidence cannot be used; the message names file, row, column and what to do."""


class Evidence:
    """The evidence folder: ``evidence["places"]`` is a list of rows of text."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._tables: dict[str, list[dict[str, str]]] = {}

    def __getitem__(self, table: str) -> list[dict[str, str]]:
        if table not in self._tables:
            path = self.folder / f"{table}.csv"
            if not path.is_file():
                raise EvidenceError(f"{path.name} is missing in {self.folder}: restore the table")
            with path.open(encoding="utf-8-sig", newline="") as file:
                self._tables[table] = list(csv.DictReader(file))
        return self._tables[table]

    def number(self, table: str, row: dict[str, str], column: str) -> float:
        """The finite number in a cell; anything else is an error that names the cell."""
        text = row.get(column) or ""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            line = self[table].index(row) + 2
            raise EvidenceError(
                f"{table}.csv, row {line}, column {column} is {text!r}: must be a number"
            )
        return value

    @cached_property
    def _assumptions(self) -> dict[str, dict[str, str]]:
        return {r["parameter"]: r for r in self["assumptions"]}

    def assumed(self, parameter: str) -> float:
        """The value of a row of assumptions.csv."""
        return self.number("assumptions", self._assumption(parameter), "value")

    def reason(self, *parameters: str) -> str:
        """The reasoning of rows of assumptions.csv, in one line."""
        return "; ".join(dict.fromkeys(self._assumption(p)["source"] for p in parameters))

    def _assumption(self, parameter: str) -> dict[str, str]:
        if parameter not in self._assumptions:
            raise EvidenceError(f"assumptions.csv has no row {parameter!r}: restore it")
        return self._assumptions[parameter]

    def cost_row(self, parameter: str, year: int | None = None) -> dict[str, str]:
        """The row of cost_parameters.csv; the year is needed where a parameter repeats."""
        rows = [r for r in self["cost_parameters"] if r["parameter"] == parameter]
        rows = [r for r in rows if year is None or int(r["year"]) == year]
        if len(rows) != 1:
            raise EvidenceError(
                f"cost_parameters.csv: {len(rows)} rows for {parameter!r}, year {year}: need one"
            )
        return rows[0]

    def cost(self, parameter: str, year: int | None = None, column: str = "value") -> float:
        """The figure of cost_parameters.csv, in the row's own unit."""
        return self.number("cost_parameters", self.cost_row(parameter, year), column)

    @cached_property
    def fx(self) -> float:
        """CNY per USD of 2024."""
        return self.cost("fx_cny_per_usd", 2024)

    @cached_property
    def _names(self) -> dict[str, str]:
        names = {r["name"]: r["place_id"] for r in self["place_names"]}
        names |= {r["name"]: r["place_id"] for r in self["junctions"]}
        ids = {r["id"] for r in self["places"]} | {r["id"] for r in self["extra_places"]}
        return {i: i for i in ids} | names

    def place_id(self, name: str) -> str:
        """The place id of a name of the link tables (or of an id)."""
        if name not in self._names:
            raise EvidenceError(
                f"{name!r} is in a link table but neither in place_names.csv nor in "
                "junctions.csv, places.csv or extra_places.csv: add it to one of them"
            )
        return self._names[name]

    @cached_property
    def coordinates(self) -> dict[str, tuple[float, float]]:
        """Latitude and longitude in degrees by place id."""
        found = {}
        for table in ("places", "extra_places"):
            for row in self[table]:
                found[row["id"]] = (
                    self.number(table, row, "lat"),
                    self.number(table, row, "lon"),
                )
        for row in self["junctions"]:
            found[row["place_id"]] = (
                self.number("junctions", row, "latitude_deg"),
                self.number("junctions", row, "longitude_deg"),
            )
        return found

    def great_circle_km(self, one: str, other: str) -> float:
        """The great-circle distance of two places, in km."""
        (a, b), (c, d) = (
            tuple(map(math.radians, self.coordinates[place])) for place in (one, other)
        )
        h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
        return 2 * _EARTH_KM * math.asin(math.sqrt(h))

    @cached_property
    def zones(self) -> list[dict[str, str]]:
        """Rows of zone_capacity.csv with the place's columns added, in file order."""
        places = {r["id"]: r for r in self["places"]}
        joined = []
        for row in self["zone_capacity"]:
            if row["zone_id"] not in places:
                raise EvidenceError(
                    f"zone_capacity.csv: {row['zone_id']!r} is not in places.csv: add the place"
                )
            joined.append({"place_" + k: v for k, v in places[row["zone_id"]].items()} | row)
        return joined

    @cached_property
    def prefecture_of(self) -> dict[str, str]:
        """Prefecture id (as in factor_costs.csv) by place id, for places in Shanxi."""
        ids = {name: key for key, name in PREFECTURES.items()}
        return {
            r["id"]: ids[r["prefecture"]]
            for r in self["places"]
            if r["province_or_country"] == "Shanxi"
        }

    def by(self, table: str, value: str, *keys: str) -> dict[tuple[str, ...], dict[str, str]]:
        """Rows by the columns ``keys``; a repeated key or one without ``value`` is an error."""
        found: dict[tuple[str, ...], dict[str, str]] = {}
        for row in self[table]:
            key = tuple(row[k] for k in keys)
            if key in found:
                raise EvidenceError(f"{table}.csv: {key} is there twice: keep one row")
            self.number(table, row, value)
            found[key] = row
        return found


def short(text: str, limit: int = _SOURCE_LENGTH) -> str:
    """A source in one line, cut at a word where it is long."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ;,") + "…"


def grade_of(*grades: str) -> str:
    """The weakest of the grades."""
    order = ("reported", "derived", "assumed")
    return max(grades, key=order.index)
