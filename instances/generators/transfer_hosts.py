"""Zones with what they may host and how much: eligibility, pools, modules, prices; rivals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from instances.generators import transfer_ranges as ranges
from instances.generators.transfer_backbone import City, Row, template_rows
from instances.generators.transfer_draw import Draw, Point, significant
from instances.generators.transfer_network import (
    BONDED_ZONE_CUSTOMS,
    Access,
    add_bottleneck,
    add_customs,
    add_place,
)

Tables = dict[str, list[Row]]
_ASSUMED = {"grade": "assumed"}
_KIND_NAMES = {
    "development_zone": ("Development Zone", "开发区"),
    "hightech_zone": ("High-tech Zone", "高新区"),
    "chemical_park": ("Chemical Park", "化工园区"),
    "processing_trade_park": ("Processing Trade Park", "加工贸易产业园"),
    "professional_town": ("Professional Town", "专业镇"),
    "comprehensive_bonded_zone": ("Comprehensive Bonded Zone", "综合保税区"),
}
_KIND_CLUSTERS = {  # what a kind hosts by preference; a factor on the industry's weight
    "hightech_zone": ("electronics", "new_energy"),
    "chemical_park": ("chemicals",),
    "processing_trade_park": ("electronics", "light"),
    "professional_town": ("light", "materials"),
    "comprehensive_bonded_zone": ("electronics",),
}
ACCESS = {"dry_port": 2, "junction": 1, "sea_port": 1, "airport": 1}


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as drawn."""

    zone_id: str
    city: City
    kind: str
    point: Point


def draw_zones(cities: Sequence[City], count: int, seed: int) -> list[Zone]:
    """Zones in turn over the cities, larger ones more often; each near its city."""
    draw = Draw(seed, "zones")
    numbers: dict[str, int] = {}
    kinds, weights = zip(*ranges.ZONE_KINDS.items(), strict=True)
    zones = []
    for index in range(count):
        if index < len(cities):  # each city has one
            city = cities[index]
        else:
            city = draw.weighted(cities, [c.size + 1 for c in cities])
        numbers[city.city_id] = numbers.get(city.city_id, 0) + 1
        kind = draw.weighted(kinds, weights)
        if kind == "comprehensive_bonded_zone" and city.size < 3:
            kind = "development_zone"  # bonded zones are a matter of large cities
        point = (
            round(city.point[0] + draw.between(ranges.JITTER_DEG), 3),
            round(city.point[1] + draw.between(ranges.JITTER_DEG), 3),
        )
        zones.append(Zone(f"{city.city_id}-{numbers[city.city_id]:02d}", city, kind, point))
    return sorted(zones, key=lambda z: z.zone_id)


def add_zones(tables: Tables, zones: Sequence[Zone], access: Access, seed: int) -> None:
    """Add the zones with their places, roads and, for bonded zones, customs."""
    posts = Draw(seed, "bonded_posts")
    drawn = Draw(seed, "zone_status")
    tables["zones"] = []
    for zone in zones:
        english, chinese = names_of(zone)
        add_place(tables, zone.zone_id, zone.city, "zone", zone.point, english, chinese)
        access.join(zone.zone_id, zone.point, ACCESS)
        turn = drawn.share()
        status = "candidate"
        for name, share in (
            ("existing", ranges.EXISTING_SHARE), ("forbidden", ranges.FORBIDDEN_SHARE),
            ("required", ranges.REQUIRED_SHARE),
        ):  # fmt: skip
            turn -= share
            if turn < 0:
                status = name
                break
        capital = 0.0 if status == "existing" else drawn.between(ranges.OPEN_MCNY, 2)
        tables["zones"].append({
            "zone_id": zone.zone_id, "zone_kind": zone.kind, "prefecture_id": zone.city.city_id,
            "factor_region_id": zone.city.city_id, "status": status, "open_mcny": capital,
            "open_mcny_per_year": significant(capital * ranges.OPEN_YEARLY_SHARE),
            "source": "drawn: kind by weights, 25 to 80 million CNY to open, 3 % a year",
            **_ASSUMED,
        })  # fmt: skip
        if zone.kind == "comprehensive_bonded_zone":
            post = f"customs-{zone.zone_id}"
            capacity = float(round(posts.between(ranges.CUSTOMS_TEU) * 2))
            add_bottleneck(tables, post, f"{zone.city.name} bonded zone: declarations",
                           "customs_post", zone.zone_id, capacity,
                           "drawn: 6,000 to 40,000 TEU a year")  # fmt: skip
            add_customs(tables, zone.zone_id, BONDED_ZONE_CUSTOMS, post)


def add_eligibility(
    tables: Tables, zones: Sequence[Zone], template_of: Mapping[str, str], seed: int
) -> None:
    """Add what each zone may host; frequencies of the industries as in `shanxi`."""
    draw = Draw(seed, "eligibility")
    counts: dict[str, int] = {}
    for row in template_rows("eligibility"):
        counts[row["industry_id"]] = counts.get(row["industry_id"], 0) + 1
    cluster = {row["industry_id"]: row["cluster_id"] for row in tables["industries"]}
    tables["eligibility"] = []
    for zone in zones:
        bonded = zone.kind == "comprehensive_bonded_zone"
        preferred = _KIND_CLUSTERS.get(zone.kind, ())
        weight = {}
        for name, original in template_of.items():
            likes = cluster[name] in preferred
            if (bonded and not likes) or not counts.get(original):
                continue
            chemical = original == "fine_chemicals"
            if chemical and zone.kind != "chemical_park" and not draw.chance(
                ranges.CHEMICALS_OUTSIDE_SHARE
            ):  # fmt: skip
                continue
            weight[name] = counts[original] * (4.0 if likes else 1.0)
        wanted = min(draw.whole(ranges.INDUSTRIES_PER_ZONE), len(weight))
        chosen = []
        for _ in range(wanted):
            names = list(weight)
            chosen.append(draw.weighted(names, [weight[n] for n in names]))
            del weight[chosen[-1]]
        for name in sorted(chosen):
            general = draw.chance(ranges.GENERAL_ONLY_SHARE)
            form = "bonded_zone" if bonded else "general" if general else "handbook;general"
            tables["eligibility"].append({
                "zone_id": zone.zone_id, "industry_id": name, "form_id": form,
                "source": "drawn: 1 to 6 industries by the kind of zone, weighted as in shanxi",
                **_ASSUMED,
            })  # fmt: skip


def add_prices(tables: Tables, zones: Sequence[Zone], seed: int) -> None:
    """Add prices of each city, and those of the rivals as in `shanxi`."""
    draw = Draw(seed, "prices")
    rivals = {row["factor_region_id"] for row in template_rows("rivals")}
    tables["factor_prices"] = [
        row for row in template_rows("factor_prices") if row["factor_region_id"] in rivals
    ]
    for city in cities_of(zones):
        wage = draw.between(ranges.WAGE_CNY) + ranges.WAGE_STEP_CNY * (city.size - 1)
        tables["factor_prices"].append({
            "factor_region_id": city.city_id, "wage_cny_per_year": wage,
            "wage_on_cost_share": ranges.WAGE_ON_COST_SHARE, "rent_cny_per_m2_year": 0.0,
            "electricity_cny_per_kwh": draw.between(ranges.ELECTRICITY_CNY),
            "water_cny_per_m3": draw.between(ranges.WATER_CNY, 2),
            "relocation_subsidy_share": draw.between(ranges.RELOCATION_SUBSIDY, 2),
            "productivity": draw.between(ranges.PRODUCTIVITY),
            "source": "drawn round shanxi: wage 46,000 to 56,000 CNY and 3,500 a class of size",
            **_ASSUMED,
        })  # fmt: skip


def cities_of(zones: Sequence[Zone]) -> list[City]:
    """The cities that have zones, by id."""
    return sorted({z.city.city_id: z.city for z in zones}.values(), key=lambda c: c.city_id)


def add_pools(tables: Tables, zones: Sequence[Zone], seed: int) -> None:
    """Add floor and land of zones, factor pools of cities, energy of provinces, and modules."""
    draw = Draw(seed, "pools")
    tables["pools"], tables["pool_members"], tables["modules"] = [], [], []
    for zone in zones:
        _add_zone_pools(tables, draw, zone)
    for city in cities_of(zones):
        _add_city_pools(tables, draw, city, [z.zone_id for z in zones if z.city is city])
    for province in sorted({z.city.country for z in zones}):
        members = [z.zone_id for z in zones if z.city.country == province]
        _pool(tables, f"energy-{slug(province)}", "energy_tce", f"Energy quota, {province}",
              draw.between(ranges.ENERGY_TCE) * len(members), members,
              "drawn: 2,500 to 7,000 tonnes of coal equivalent a zone")  # fmt: skip


def slug(name: str) -> str:
    """A name as part of an id."""
    return name.lower().replace(" ", "-")


def _pool(
    tables: Tables, key: str, factor: str, name: str, endowment: float, members: Sequence[str],
    source: str, **more: float | str,
) -> None:  # fmt: skip
    tables["pools"].append({
        "pool_id": key, "factor_id": factor, "name": name, "endowment": significant(endowment, 4),
        "increment_max": 0.0, "increment_cny_per_unit_year": 0.0, "form_id": "", **more,
        "source": source, **_ASSUMED,
    })  # fmt: skip
    tables["pool_members"] += [{"pool_id": key, "zone_id": zone} for zone in members]


def _add_zone_pools(tables: Tables, draw: Draw, zone: Zone) -> None:
    key, city = zone.zone_id, zone.city.city_id
    name = names_of(zone)[0]
    _pool(tables, f"floor-{key}", "floor_m2", f"Factory floor, {name}", 0, [key],
          "vacant floor drawn up to 30,000 m2 at 84 to 216 CNY a year; more by modules",
          increment_max=significant(draw.between(ranges.VACANT_FLOOR_M2)),
          increment_cny_per_unit_year=draw.between(ranges.VACANT_RENT_CNY_PER_M2))  # fmt: skip
    _pool(tables, f"land-{key}", "land_ha", f"Serviced land, {name}",
          draw.between(ranges.LAND_HA), [key], "drawn: 0.5 to 40 ha")  # fmt: skip
    floor = ranges.MODULE_M2[draw.whole((0, len(ranges.MODULE_M2) - 1))]
    capital = significant(floor * draw.between(ranges.MODULE_CNY_PER_M2) / 1e6)
    tables["modules"].append({
        "module_id": f"factory-{key}", "name": f"Standard factory block, {name}", "zone_id": key,
        "max_count": draw.whole(ranges.MODULE_COUNT), "pool_id": f"floor-{key}",
        "adds_per_module": floor, "uses_pool_id": f"building-{city}", "uses_per_module": floor,
        "capital_mcny": capital, "life_years": ranges.MODULE_LIFE_YEARS,
        "upkeep_mcny_per_year": significant(capital * ranges.MODULE_UPKEEP_SHARE),
        "source": "drawn: 2 to 20 blocks of 10,000 to 30,000 m2 at 3,000 to 4,300 CNY a m2",
        **_ASSUMED,
    })  # fmt: skip
    tables["modules"].append({
        "module_id": f"plot-{key}", "name": f"Serviced plot, {name}", "zone_id": key,
        "max_count": draw.whole(ranges.LAND_MODULE_COUNT), "pool_id": f"land-{key}",
        "adds_per_module": ranges.LAND_MODULE_HA, "uses_pool_id": f"land-supply-{city}",
        "uses_per_module": ranges.LAND_MODULE_HA, "life_years": 50,
        "capital_mcny": draw.between(ranges.LAND_MODULE_MCNY), "upkeep_mcny_per_year": 0.0,
        "source": "drawn: 1 to 12 plots of 10 ha at 22 to 42 million CNY", **_ASSUMED,
    })  # fmt: skip


def names_of(zone: Zone) -> tuple[str, str]:
    """The English and the Chinese name of a zone."""
    english, chinese = _KIND_NAMES[zone.kind]
    number = zone.zone_id.rsplit("-", 1)[1].lstrip("0")
    return f"{zone.city.name} {english} {number}", f"{zone.city.name_zh}{chinese}{number}"


def _add_city_pools(tables: Tables, draw: Draw, city: City, members: list[str]) -> None:
    for key, factor, name, limits in (
        ("building", "floor_building_m2", "Floor that can be built", ranges.BUILDING_M2),
        ("labour", "labour_persons", "Workers", ranges.LABOUR_PERSONS),
        ("skilled", "electronics_staff_persons", "Electronics staff", ranges.SKILLED_PERSONS),
        ("electricity", "electricity_mwh", "Electricity", ranges.ELECTRICITY_MWH),
        ("sewage", "sewage_m3", "Waste water", ranges.SEWAGE_M3),
        ("land-supply", "land_servicing_ha", "Land that can be serviced", ranges.LAND_SUPPLY_HA),
    ):
        more: dict[str, float | str] = {}
        if key == "skilled":
            persons = draw.between(ranges.SKILLED_INCREMENT_PERSONS) * len(members)
            more = {
                "increment_max": float(round(persons)),
                "increment_cny_per_unit_year": draw.between(ranges.SKILLED_CNY_PER_PERSON),
            }
        each = draw.between(limits)
        _pool(tables, f"{key}-{city.city_id}", factor, f"{name}, {city.name}",
              each * len(members), members,
              f"drawn: {limits[0]:g} to {limits[1]:g} a zone of the city", **more)  # fmt: skip


def add_rivals(tables: Tables, seed: int, scale: float, industries: Sequence[str]) -> None:
    """Add the rivals of `shanxi`, with limits drawn for the size of the instance."""
    draw = Draw(seed, "rivals")
    tables["rivals"], tables["rival_limits"] = [], []
    for row in template_rows("rivals"):
        special = draw.chance(ranges.RIVAL_SPECIAL_SHARE)
        order = draw.order(list(industries))
        takes = sorted(order[: max(1, len(order) // 3)])
        capacity = float(round(draw.between(ranges.RIVAL_CAPACITY_MCNY) * scale))
        margin = row["margin_share_of_output"] * draw.between(ranges.RIVAL_MARGIN_FACTOR)
        tables["rivals"].append(row | {
            "capacity_mcny_per_year": capacity if special else math.inf,
            "max_share_of_block": draw.between(ranges.RIVAL_SHARE_OF_BLOCK, 2),
            "industry_id": ";".join(takes) if special else "",
            "margin_share_of_output": significant(margin), **_ASSUMED,
            "source": "rival of shanxi; share of a block 0.1 to 0.25, margin x 0.6 to 1, drawn",
        })  # fmt: skip
    for row in template_rows("rival_limits"):
        by = draw.between(ranges.RIVAL_LIMIT_FACTOR) * scale
        tables["rival_limits"].append(row | {
            "endowment": float(round(row["endowment"] * by)), "endowment_low": math.nan,
            "endowment_high": math.nan, **_ASSUMED,
            "source": f"limit of shanxi x {by:.4g} (drawn, for the size of the instance)",
        })  # fmt: skip
