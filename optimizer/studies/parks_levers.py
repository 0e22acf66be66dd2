"""Levers: what could be changed for one zone, by how much at most, and the instance it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from instances import Instance
from optimizer.problem import capital_recovery

LEVERS = {
    "subsidy": "yearly subsidy, or lower production cost, per million CNY of output in the zone",
    "opening": "yearly grant for opening the zone, whatever comes",
    "pool": "more endowment of a factor of the zone (floor, land, staff, power)",
    "access": "cheaper and quicker access roads of the zone, share of cost and hours less",
    "trains": "departures a week of the services at the zone's dry ports",
    "status": "all trade forms allowed in the zone (bonded zone included)",
}
CHEAP = ("subsidy", "opening")  # levers that cost few solves
MOST_TRAINS = 14.0  # departures a week: two a day


@dataclass(frozen=True)
class Lever:
    """One lever of one zone. ``most`` is the largest size that has a meaning."""

    kind: str
    zone_id: str
    unit: str
    most: float
    element: str = ""  # the pool of a pool lever
    start: float = 0.0  # what the size counts from: trains of today

    @property
    def name(self) -> str:
        """The lever with the pool that it is about."""
        return f"{self.kind} {self.element}".strip()

    @property
    def only_here(self) -> bool:
        """True if nothing but output in this zone gets cheaper by it."""
        return self.kind in ("subsidy", "opening", "pool", "status")


def levers_of(instance: Instance, zone_id: str) -> list[Lever]:
    """Return the levers that the tables have for a zone."""
    tables = instance.tables
    zone = tables["zones"].set_index("zone_id").loc[zone_id]
    found = [Lever("subsidy", zone_id, "CNY per million CNY of output", 1e6)]
    if zone["status"] != "existing":
        found.append(Lever("opening", zone_id, "million CNY a year", math.inf))
    members = tables["pool_members"]
    factors = tables["factors"].set_index("factor_id")["unit_name"]
    own = members.groupby("pool_id")["zone_id"].agg(list)
    eligible = tables["eligibility"].loc[tables["eligibility"]["zone_id"] == zone_id, "industry_id"]
    movable = tables["blocks"].groupby("industry_id")["volume_mcny_per_year"].sum()
    use = tables["industry_factors"].set_index(["industry_id", "factor_id"])["use_per_mcny"]
    for pool in tables["pools"].itertuples():
        if pool.pool_id not in own.index or own[pool.pool_id] != [zone_id]:
            continue
        needs = [
            float(use.get((i, pool.factor_id), 0.0)) * float(movable.get(i, 0.0)) for i in eligible
        ]
        most = math.fsum(needs)  # more than all that could move there can use
        if most > 0 and math.isfinite(pool.endowment):
            unit = str(factors[pool.factor_id])
            found.append(Lever("pool", zone_id, unit, most, pool.pool_id))
    if access_links(instance, zone_id):
        found.append(Lever("access", zone_id, "share of cost and hours", 1.0))
    trains = services_of(instance, zone_id)
    if trains:
        least = min(trains.values())
        if least < MOST_TRAINS:
            found.append(Lever("trains", zone_id, "departures a week", MOST_TRAINS, start=least))
    if missing_forms(instance, zone_id):
        found.append(Lever("status", zone_id, "1: granted", 1.0))
    return found


def opening_mcny(instance: Instance, zone_id: str) -> float:
    """Return what a zone costs a year while it is open, million CNY."""
    row = instance.tables["zones"].set_index("zone_id").loc[zone_id]
    rate = capital_recovery(instance.settings.discount_rate, float(row["open_life_years"]))
    return float(row["open_mcny"]) * rate + float(row["open_mcny_per_year"])


def access_links(instance: Instance, zone_id: str) -> list[Any]:
    """Return the rows of the links that end at the zone."""
    links = instance.tables["links"]
    here = (links["tail_place_id"] == zone_id) | (links["head_place_id"] == zone_id)
    return [r for r in links[here & (links["closed"] == 0)].itertuples() if r.needs_project == 0]


def services_of(instance: Instance, zone_id: str) -> dict[str, float]:
    """Return the services at the dry ports next to a zone, with their departures a week."""
    kinds = dict(
        zip(instance.tables["places"]["place_id"], instance.tables["places"]["kind"], strict=True)
    )
    near = {p for r in access_links(instance, zone_id) for p in (r.tail_place_id, r.head_place_id)}
    ports = {p for p in near if kinds[p] == "dry_port"}
    links = instance.tables["links"]
    at = links[links["tail_place_id"].isin(ports) | links["head_place_id"].isin(ports)]
    named = {str(s) for s in at["service_id"] if isinstance(s, str) and s}
    services = instance.tables["services"].set_index("service_id")["departures_per_week"]
    return {s: float(services[s]) for s in sorted(named)}


def missing_forms(instance: Instance, zone_id: str) -> dict[str, tuple[str, ...]]:
    """Return the trade forms that each industry may not use in the zone, by industry."""
    forms = instance.tables["forms"]
    usable = [
        r.form_id for r in forms.itertuples()
        if r.import_regime != "foreign" and r.export_regime != "foreign"
    ]  # fmt: skip
    rows = instance.tables["eligibility"]
    found = {}
    for row in rows[rows["zone_id"] == zone_id].itertuples():
        today = set(str(row.form_id).split(";"))
        missing = tuple(f for f in usable if f not in today)
        if missing:
            found[str(row.industry_id)] = missing
    return found


def overrides_of(instance: Instance, lever: Lever, amount: float) -> tuple[str, ...]:
    """Return the overrides that a lever at a size stands for.

    None for a subsidy, nor for a grant above the zone's yearly cost: no cell holds them.
    """
    zone, tables = lever.zone_id, instance.tables
    if lever.kind == "opening":
        row = tables["zones"].set_index("zone_id").loc[zone]
        left = float(row["open_mcny_per_year"]) - amount
        return (f"zones.{zone}.open_mcny_per_year={left!r}",) if left >= 0 else ()
    if lever.kind == "pool":
        pool = tables["pools"].set_index("pool_id").loc[lever.element]
        endowment = float(pool["endowment"]) + amount
        return (f"pools.{lever.element}.endowment={endowment!r}",)
    if lever.kind == "access":
        return tuple(_access(instance, zone, 1.0 - amount))
    if lever.kind == "trains":
        found = []
        rows = tables["services"].set_index("service_id")
        for service, today in services_of(instance, zone).items():
            if amount > today:
                found.append(f"services.{service}.departures_per_week={amount!r}")
                capacity = float(rows.loc[service, "capacity_teu_per_year"]) * amount / today
                if math.isfinite(capacity):
                    found.append(f"services.{service}.capacity_teu_per_year={capacity!r}")
        return tuple(found)
    if lever.kind == "status":
        rows = tables["eligibility"].set_index(["zone_id", "industry_id"])["form_id"]
        return tuple(
            f"eligibility.{zone}/{i}.form_id={';'.join([str(rows[zone, i]), *forms])}"
            for i, forms in missing_forms(instance, zone).items()
        )
    return ()


def _access(instance: Instance, zone_id: str, kept: float) -> list[str]:
    tariffs = instance.tables["tariffs"].set_index("tariff_id")
    found = []
    for row in access_links(instance, zone_id):
        if math.isfinite(row.cost_cny_per_teu):
            found.append(f"links.{row.link_id}.cost_cny_per_teu={row.cost_cny_per_teu * kept!r}")
        else:
            found.append(f"links.{row.link_id}.cost_factor={row.cost_factor * kept!r}")
        tariff = tariffs.loc[row.tariff_id]
        hours = row.hours
        if not math.isfinite(hours):
            hours = float(tariff["fixed_hours"]) + row.km / float(tariff["speed_km_per_hour"])
        found.append(f"links.{row.link_id}.hours={hours * kept!r}")
    return found


def in_words(instance: Instance, lever: Lever, amount: float) -> str:
    """Return what a lever at a size is in the tables, so that it can be asked again."""
    if lever.kind == "subsidy":
        return (
            f"factor_prices: a region of its own with output_subsidy_cny_per_mcny +{amount:.6g} "
            "(optimizer.studies.parks_levers.subsidised)"
        )
    overrides = overrides_of(instance, lever, amount)
    if overrides:
        return " ".join(f"--set {text}" for text in overrides)
    return f"zones.{lever.zone_id}: {amount:.6g} million CNY a year paid for opening"


def subsidised(instance: Instance, zone_id: str, amount: float) -> Instance:
    """Return the instance in which output of one zone gets a subsidy, CNY per million CNY.

    Prices belong to regions that zones share, so the zone gets a copy of its region.
    """
    zones, prices = instance.tables["zones"], instance.tables["factor_prices"]
    region = str(zones.set_index("zone_id").loc[zone_id, "factor_region_id"])
    taken = set(prices["factor_region_id"])
    own = f"{region}-{zone_id}"
    while own in taken:
        own += "-own"
    row = prices[prices["factor_region_id"] == region].assign(factor_region_id=own)
    row["output_subsidy_cny_per_mcny"] = row["output_subsidy_cny_per_mcny"] + amount
    regions = [
        own if zone == zone_id else kept
        for zone, kept in zip(zones["zone_id"], zones["factor_region_id"], strict=True)
    ]
    return instance.replace(
        factor_prices=pd.concat([prices, row], ignore_index=True),
        zones=zones.assign(factor_region_id=regions),
    )
