"""The tables of an instance as look-ups by id: read once, computed with nowhere else."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from instances.schema import LOCAL
from optimizer.plan.verify.kept import Kept

if TYPE_CHECKING:
    from instances import Instance

Row = dict[str, Any]
_ROWS = Kept(120)  # rows of the tables of two or three instances
_MOVES = Kept(2)
OPENING_EFFECTS = {"link": "opens_link", "transfer": "opens_transfer", "customs": "opens_customs"}


@lru_cache(maxsize=10_000)
def many(text: str) -> tuple[str, ...]:
    """Return the ids of a cell that holds several, separated by ';'."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


def rows(frame: pd.DataFrame | None) -> list[Row]:
    """Return the rows of a table as dictionaries."""
    if frame is None or frame.empty:
        return []
    names = frame.columns.tolist()
    values = zip(*(frame[name].tolist() for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values]


class Facts:
    """Look-ups over the tables of one instance. Nothing here depends on a plan."""

    def __init__(self, instance: Instance) -> None:
        self.instance_id: str = instance.instance_id
        self.instance_hash: str = instance.hash
        self.settings = instance.settings
        self._tables = instance.tables
        self._dense_moves = getattr(instance, "dense_moves", None)
        self.place = self._keyed("places", "place_id")
        self.industry = self._keyed("industries", "industry_id")
        self.form = self._keyed("forms", "form_id")
        self.factor_region = self._keyed("factor_prices", "factor_region_id")
        self.zone = self._keyed("zones", "zone_id")
        self.rival = self._keyed("rivals", "rival_id")
        self.origin = self._keyed("origins", "origin_id")
        self.pool = self._keyed("pools", "pool_id")
        self.module = self._keyed("modules", "module_id")
        self.project = self._keyed("projects", "project_id")
        self.service = self._keyed("services", "service_id")
        self.bottleneck = self._keyed("bottlenecks", "bottleneck_id")
        self.tariff = self._keyed("tariffs", "tariff_id")
        self.block: dict[tuple[str, str], Row] = {
            (row["origin_id"], row["industry_id"]): row for row in self.rows("blocks")
        }
        self.block_number = {key: n for n, key in enumerate(self.block)}
        self.zone_number = {key: n for n, key in enumerate(self.zone)}
        self.rules = [row for row in self.rows("rules") if int(row["active"]) == 1]
        self.chains = self.rows("chains")
        self.eligible: dict[tuple[str, str], tuple[str, ...]] = {
            (row["zone_id"], row["industry_id"]): many(row["form_id"])
            for row in self.rows("eligibility")
        }
        self.use_per_mcny: dict[tuple[str, str], float] = {
            (row["industry_id"], row["factor_id"]): row["use_per_mcny"]
            for row in self.rows("industry_factors")
        }
        self.rival_limit: dict[tuple[str, str], float] = {
            (row["rival_id"], row["factor_id"]): row["endowment"]
            for row in self.rows("rival_limits")
        }
        self._read_groups()
        self._read_effects()

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a table; none where the instance has no such table."""
        stored = getattr(self._tables, "stored", None)
        if stored is None:
            return rows(self._tables.get(name))
        frame = stored(name)
        return _ROWS.get((frame,), "", lambda: rows(frame))

    def _keyed(self, table: str, column: str) -> dict[str, Row]:
        return {row[column]: row for row in self.rows(table)}

    def _read_groups(self) -> None:
        self.members: dict[str, list[str]] = defaultdict(list)
        self.pools_of_zone: dict[str, list[str]] = defaultdict(list)
        for row in self.rows("pool_members"):
            self.members[row["pool_id"]].append(row["zone_id"])
            self.pools_of_zone[row["zone_id"]].append(row["pool_id"])
        self.region: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
        for row in self.rows("regions"):
            self.region[row["region_id"], row["role"]].append((row["place_id"], row["share"]))
        self.inputs: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("inputs"):
            self.inputs[row["industry_id"]].append(row)
        self.outputs: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("outputs"):
            self.outputs[row["industry_id"]].append(row)
        curves: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
        for row in self.rows("agglomeration"):
            point = (row["point"], row["volume_mcny_per_year"], row["cost_change_mcny_per_year"])
            curves[row["cluster_id"]].append(point)
        self.curve = {
            cluster: (
                np.array([p[1] for p in sorted(points)]),
                np.array([p[2] for p in sorted(points)]),
            )
            for cluster, points in curves.items()
        }

    def _read_effects(self) -> None:
        """Which projects open what: by (effect, element); and what they add, by element."""
        self.openers: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.additions: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in self.rows("project_effects"):
            key = (row["effect"], row["element_id"])
            if row["effect"] in ("adds_bottleneck_teu", "adds_pool"):
                self.additions[key][row["project_id"]] = row["amount"]
            else:
                self.openers[key].append(row["project_id"])

    @cached_property
    def move_cost(self) -> np.ndarray:
        """Yearly CNY per million CNY of output, blocks x zones; 0 where the table has no row."""
        if self._dense_moves is not None:
            return np.asarray(self._dense_moves, dtype=float)
        stored = getattr(self._tables, "stored", None)
        if stored is None:
            return self._moves()
        frames = [stored(name) for name in ("moves", "blocks", "zones")]
        return _MOVES.get(frames, "", self._moves)

    def _moves(self) -> np.ndarray:
        cost = np.zeros((len(self.block), len(self.zone)))
        frame = self._tables.get("moves")
        if frame is None or frame.empty:
            return cost
        blocks = pd.MultiIndex.from_tuples(list(self.block))
        pairs = pd.MultiIndex.from_arrays([frame["origin_id"], frame["industry_id"]])
        block = blocks.get_indexer(pairs)
        zone = pd.Index(list(self.zone)).get_indexer(frame["zone_id"])
        known = (block >= 0) & (zone >= 0)
        cost[block[known], zone[known]] = frame["cost_cny_per_mcny_year"].to_numpy(float)[known]
        return cost

    @cached_property
    def host_places(self) -> list[str]:
        """Return every place that can be a host: zones, rivals and places of origins."""
        origins = (row["place_id"] for row in self.origin.values())
        return list(dict.fromkeys([*self.zone, *self.rival, *origins]))

    @property
    def total_volume(self) -> float:
        """Return all relocatable output, million CNY a year."""
        return math.fsum(row["volume_mcny_per_year"] for row in self.block.values())

    def capital_recovery(self, years: float) -> float:
        """Return the yearly money for one unit of capital with that life."""
        rate = self.settings.discount_rate
        if rate == 0:
            return 1.0 / years
        return rate / (1.0 - (1.0 + rate) ** -years)

    def in_china(self, place_id: str) -> bool:
        """Return whether the place lies in China's customs territory."""
        return int(self.place[place_id]["in_china"]) == 1

    def host_place(self, host_kind: str, host_id: str) -> str:
        """Return the place of a host: an origin's own for what stays."""
        return self.origin[host_id]["place_id"] if host_kind == "stay" else host_id

    def shares(self, region_id: str, role: str, host_in_china: bool) -> list[tuple[bool, float]]:
        """Return (in China?, share) of a region's places as a host sees them."""
        return [
            (host_in_china if place == LOCAL else self.in_china(place), share)
            for place, share in self.region[region_id, role]
        ]

    def form_openers(self, zone_id: str, form_id: str) -> list[str]:
        """Return the projects that allow a trade form in a zone."""
        return self.openers.get(("allows_form", f"{zone_id}:{form_id}"), [])

    def hours_between(self, zone_id: str, other_id: str) -> float:
        """Return hours of driving between two zones, as chains count them."""
        a, b = self.place[zone_id], self.place[other_id]
        lat_a, lat_b = math.radians(a["latitude_deg"]), math.radians(b["latitude_deg"])
        half_lat = (lat_b - lat_a) / 2
        half_lon = math.radians(b["longitude_deg"] - a["longitude_deg"]) / 2
        chord = (
            math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
        )
        km = 2 * 6371.0 * math.asin(min(1.0, math.sqrt(chord)))
        return km * self.settings.road_detour_factor / self.settings.road_speed_km_per_hour

    def hours_matrix(self) -> np.ndarray:
        """Return hours of driving between all zones (rows and columns in table order)."""
        rows = [self.place[zone_id] for zone_id in self.zone]
        lat = np.radians([row["latitude_deg"] for row in rows])
        lon = np.radians([row["longitude_deg"] for row in rows])
        chord = np.sin((lat[None, :] - lat[:, None]) / 2) ** 2
        chord = chord + (
            np.cos(lat)[:, None] * np.cos(lat) * np.sin((lon[None, :] - lon[:, None]) / 2) ** 2
        )
        km = 2 * 6371.0 * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
        hours: np.ndarray = (
            km * self.settings.road_detour_factor / self.settings.road_speed_km_per_hour
        )
        return hours

    def agglomeration_change(self, cluster_id: str, volume: float) -> float:
        """Return the yearly cost change (mcny) of a zone with that output of the cluster."""
        volumes, changes = self.curve[cluster_id]
        return float(np.interp(volume, volumes, changes))

    def opening_mcny_per_year(self, zone_id: str) -> float:
        """Return the yearly money of an open zone, million CNY."""
        row = self.zone[zone_id]
        if row["status"] == "existing":
            return 0.0
        recovery = self.capital_recovery(row["open_life_years"])
        return row["open_mcny"] * recovery + row["open_mcny_per_year"]

    def opening_capital_mcny(self, zone_id: str) -> float:
        """Return the capital of opening that a budget counts, million CNY."""
        row = self.zone[zone_id]
        return 0.0 if row["status"] == "existing" else row["open_mcny"]

    def yearly_mcny(self, row: Row) -> float:
        """Return capital and upkeep of one module or project, million CNY a year."""
        recovery = self.capital_recovery(row["life_years"])
        return row["capital_mcny"] * recovery + row["upkeep_mcny_per_year"]

    def zone_status(self, zone_id: str, question: Any) -> str:
        """Return the status of a zone under a question: its table's, sharpened by the question."""
        status = self.zone[zone_id]["status"]
        if status == "forbidden" or zone_id in question.forbid_zones:
            return "forbidden"
        if status == "existing":
            return "existing"
        return "required" if status == "required" or zone_id in question.open_zones else "candidate"

    def blocked_by_rule(self, zone_id: str, industry_id: str) -> str:
        """Return the id of an active rule that keeps the industry out of the zone, or ''."""
        for rule in self.rules:
            industries = many(rule["industry_id"])
            if industries and industry_id not in industries:
                continue
            in_kinds = self.zone[zone_id]["zone_kind"] in many(rule["zone_kind"])
            kind = rule["kind"]
            if (
                (kind == "industry_only_in_zone_kind" and not in_kinds)
                or (kind == "industry_not_in_zone_kind" and in_kinds)
                or (kind == "industry_not_in_zone" and zone_id in many(rule["zone_id"]))
            ):
                return rule["rule_id"]
        return ""
