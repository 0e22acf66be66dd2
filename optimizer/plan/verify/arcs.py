"""The arcs of the expanded network, one by one from the rows of links, transfers and customs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from instances.schema import GATE, REGIMES
from optimizer.plan.verify.facts import OPENING_EFFECTS, Facts, Row, many
from optimizer.plan.verify.kept import Kept

Node = tuple[str, str, str]  # place, yard, regime
INLAND = ("bonded", "domestic", "export_cleared")  # regimes of a link with both ends in China
HOURS_PER_WEEK = 168.0

# What one TEU meets on an arc. Every cost of goods on a route is linear in the sums of these.
FEATURES = (
    "freight_cny_per_teu", "freight_cny_per_tonne", "handling_cny_per_teu",
    "declaration_cny_per_teu", "duty_share", "vat_days", "subsidy_cny_per_teu", "hours",
    "sd_hours", "co2e_kg_per_teu", "co2e_kg_per_tonne",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Arc:
    """One arc: its key in a plan, its two nodes, and what it needs and uses."""

    key: str
    kind: str  # link, transfer, customs: the table
    row_id: str
    tail: Node
    head: Node
    features: tuple[float, ...]  # in the order of FEATURES
    bottlenecks: tuple[str, ...]
    service_id: str
    needs_project: bool
    names: frozenset[str]  # every id whose closing closes the arc


class Network:
    """All arcs that the tables hold, whether or not a plan may use them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.yards: dict[str, set[str]] = defaultdict(lambda: {GATE})
        self.links = {row["link_id"]: row for row in facts.rows("links")}
        self.transfers = {row["transfer_id"]: row for row in facts.rows("transfers")}
        self.customs = {row["customs_id"]: row for row in facts.rows("customs")}
        for row in self.links.values():
            self.yards[row["tail_place_id"]].add(row["mode"])
            self.yards[row["head_place_id"]].add(row["mode"])
        for row in self.transfers.values():
            self.yards[row["place_id"]] |= {row["from_mode"], row["to_mode"]}
        self.arc: dict[str, Arc] = {}
        for row in self.links.values():
            self._add_link(row)
        for row in self.transfers.values():
            self._add_transfer(row)
        for row in self.customs.values():
            self._add_customs(row)
        self.arcs = list(self.arc.values())
        self.number = {key: n for n, key in enumerate(self.arc)}
        self.kept_routes = Kept(40)  # an instance and a few closures of it: about 12 each
        self.walks: dict[tuple[str, ...], Any] = {}  # routes that were looked at (flows.py)
        self.features = np.array([a.features for a in self.arc.values()]).reshape(-1, len(FEATURES))
        self.closable = frozenset[str]().union(
            facts.place, self.links, self.transfers, self.customs, facts.service,
            *(many(row["corridor_id"]) for row in self.links.values()),
        )  # fmt: skip

    def regimes(self, place_id: str) -> tuple[str, ...]:
        """Return the regimes in which goods can be at a place."""
        return REGIMES if self.facts.in_china(place_id) else ("foreign",)

    def _put(
        self,
        kind: str,
        row: Row,
        variant: str,
        tail: Node,
        head: Node,
        numbers: dict[str, float],
        service_id: str = "",
    ) -> None:
        row_id = row[f"{kind}_id"]
        names = {row_id, tail[0], head[0], service_id, *many(row.get("corridor_id", ""))} - {""}
        key = f"{kind}:{row_id}:{variant}"
        self.arc[key] = Arc(
            key, kind, row_id, tail, head,
            tuple(numbers.get(name, 0.0) for name in FEATURES),
            many(row["bottleneck_id"]), service_id, int(row["needs_project"]) == 1,
            frozenset(names),
        )  # fmt: skip

    def _add_link(self, row: Row) -> None:
        if int(row["closed"]) == 1:
            return
        tail, head, mode = row["tail_place_id"], row["head_place_id"], row["mode"]
        numbers = self._link_numbers(row)
        inland = self.facts.in_china(tail) and self.facts.in_china(head)
        for regime in INLAND if inland else ("foreign",):
            near, far = (tail, mode, regime), (head, mode, regime)
            self._put("link", row, f"fwd:{regime}", near, far, numbers, row["service_id"])
            if int(row["both_ways"]) == 1:
                self._put("link", row, f"rev:{regime}", far, near, numbers, row["service_id"])

    def _link_numbers(self, row: Row) -> dict[str, float]:
        tariff, km = self.facts.tariff[row["tariff_id"]], row["km"]
        if math.isnan(row["cost_cny_per_teu"]):
            box = tariff["fixed_cny_per_teu"] + tariff["rate_cny_per_teu_km"] * km
            per_teu = row["cost_factor"] * box * (1 + tariff["empty_return_share"])
            load = tariff["rate_cny_per_tonne"] + tariff["rate_cny_per_tonne_km"] * km
            per_tonne = row["cost_factor"] * load
        else:
            per_teu, per_tonne = row["cost_cny_per_teu"], 0.0
        departures = row["departures_per_week"]
        if row["service_id"]:
            departures = self.facts.service[row["service_id"]]["departures_per_week"]
        headway = 0.0 if math.isnan(departures) else HOURS_PER_WEEK / departures
        hours, spread = row["hours"], row["sd_hours"]
        if math.isnan(hours):
            hours = tariff["fixed_hours"] + km / tariff["speed_km_per_hour"]
        if math.isnan(spread):
            spread = tariff["fixed_sd_hours"] + tariff["sd_hours_per_1000_km"] * km / 1000
        return {
            "freight_cny_per_teu": per_teu,
            "freight_cny_per_tonne": per_tonne,
            "subsidy_cny_per_teu": row["subsidy_cny_per_teu"],
            "hours": hours + headway / 2,
            "sd_hours": math.hypot(spread, headway / math.sqrt(12)),
            "co2e_kg_per_teu": tariff["co2e_kg_per_teu_km"] * km,
            "co2e_kg_per_tonne": tariff["co2e_kg_per_tonne_km"] * km,
        }

    def _add_transfer(self, row: Row) -> None:
        place = row["place_id"]
        numbers = {
            "handling_cny_per_teu": row["cost_cny_per_teu"],
            "hours": row["hours"],
            "sd_hours": row["sd_hours"],
            "co2e_kg_per_teu": row["co2e_kg_per_teu"],
        }
        for regime in self.regimes(place):
            near, far = (place, row["from_mode"], regime), (place, row["to_mode"], regime)
            self._put("transfer", row, f"fwd:{regime}", near, far, numbers)
            if int(row["both_ways"]) == 1:
                self._put("transfer", row, f"rev:{regime}", far, near, numbers)

    def _add_customs(self, row: Row) -> None:
        place = row["place_id"]
        if not {row["from_regime"], row["to_regime"]} <= set(self.regimes(place)):
            return
        numbers = {
            "declaration_cny_per_teu": row["cost_cny_per_teu"],
            "hours": row["hours"],
            "sd_hours": row["sd_hours"],
            "duty_share": row["duty_share"],
            "vat_days": row["vat_days"],
        }
        for yard in sorted(self.yards[place]):
            near, far = (place, yard, row["from_regime"]), (place, yard, row["to_regime"])
            self._put("customs", row, yard, near, far, numbers)

    def why_no_arc(self, key: str) -> str:
        """Return why the tables hold no arc of that key."""
        kind, _, rest = key.partition(":")
        row_id, _, variant = rest.partition(":")
        table = {"link": self.links, "transfer": self.transfers, "customs": self.customs}.get(kind)
        if table is None:
            return "this is no arc key"
        if row_id not in table:
            return f"there is no {kind} of that id"
        if kind == "link" and int(table[row_id]["closed"]) == 1:
            return "the link is closed to containers"
        direction, _, regime = variant.partition(":")
        if kind == "customs":
            return "the place has no such yard, or not both of its regimes"
        if direction == "rev" and int(table[row_id]["both_ways"]) != 1:
            return f"the {kind} runs one way only"
        return f"the {kind} does not run {direction!r} in regime {regime!r}"

    def why_unusable(
        self,
        arc: Arc,
        projects: Collection[str],
        services: Collection[str],
        closed: Collection[str],
    ) -> str:
        """Return why an arc cannot be used with these projects, services and closures, or ''."""
        shut = arc.names.intersection(closed)
        if shut:
            return f"closed by the question: {', '.join(sorted(shut))}"
        if arc.needs_project:
            openers = self.facts.openers.get((OPENING_EFFECTS[arc.kind], arc.row_id), [])
            if not set(openers).intersection(projects):
                return (
                    f"needs a project that is not built ({', '.join(openers) or 'none opens it'})"
                )
        if arc.service_id and arc.service_id not in services:
            return f"service {arc.service_id} does not run"
        return ""

    def running_today(self) -> set[str]:
        """Return the services that run in any case."""
        return {s for s, row in self.facts.service.items() if int(row["runs_today"]) == 1}
