"""Origins, their blocks, and what moving to a zone with firms of the cluster saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from instances.generators import transfer_ranges as ranges
from instances.generators.transfer_backbone import City, Row, template_rows
from instances.generators.transfer_draw import Draw, Point, nearest, significant
from instances.generators.transfer_hosts import Zone
from instances.generators.transfer_network import Access, add_place, coordinates

Tables = dict[str, list[Row]]
_ASSUMED = {"grade": "assumed"}
_ACCESS = {"sea_port": 2, "dry_port": 1, "junction": 1, "origin": 1, "airport": 1}


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin and the origin of `shanxi` that its blocks are like."""

    origin_id: str
    template_id: str
    weight: float  # of its volumes against the template's


def add_origins(
    tables: Tables, cities: Sequence[City], count: int, access: Access, seed: int
) -> list[Origin]:
    """Add the origins of `shanxi` and, beyond them, districts of cities on the coast and abroad."""
    draw = Draw(seed, "origins")
    templates = template_rows("origins")
    tables["origins"] = [
        row | {"source": "origin of shanxi", **_ASSUMED} for row in templates[:count]
    ]
    origins = [Origin(row["origin_id"], row["origin_id"], 1.0) for row in templates[:count]]
    at = coordinates(tables)
    near = {
        is_foreign: [(r["origin_id"], at[r["place_id"]]) for r in templates
                     if (r["form_id"] == "foreign") == is_foreign]
        for is_foreign in (False, True)
    }  # fmt: skip
    home = [c for c in cities if c.role == "origin"]
    foreign = [c for c in cities if c.role == "foreign"]
    beyond = max(0, count - len(templates))
    abroad = round(beyond * ranges.FOREIGN_SHARE)
    for pool, number in ((home, beyond - abroad), (foreign, abroad)):
        turn: list[City] = []
        for index in range(number):
            if not turn:
                turn = draw.order(pool)
            city = turn.pop()
            name = f"{city.city_id}-o{index // len(pool) + 1}"
            point = (
                round(city.point[0] + draw.between(ranges.JITTER_DEG) / 2, 3),
                round(city.point[1] + draw.between(ranges.JITTER_DEG) / 2, 3),
            )
            _add_origin(tables, access, city, name, point)
            like = nearest(point, near[city.role == "foreign"], 1)[0][0]
            origins.append(Origin(name, like, draw.between((0.2, 0.4)) * (city.size + 1)))
    return origins


def _add_origin(tables: Tables, access: Access, city: City, name: str, point: Point) -> None:
    number = name.rsplit("-o", 1)[1]
    english = f"{city.name} district {number}"
    chinese = f"{city.name_zh}{number}区" if city.name_zh else ""
    add_place(tables, name, city, "origin", point, english, chinese)
    if city.role == "foreign":
        access.join_gateway(name, point, city.gateway)
    else:
        access.join(name, point, _ACCESS)
    tables["origins"].append({
        "origin_id": name, "name": english, "name_zh": chinese, "place_id": name,
        "form_id": "foreign" if city.role == "foreign" else "handbook",
        "source": "drawn: a district of a city of cities.csv", **_ASSUMED,
    })  # fmt: skip


def add_blocks(
    tables: Tables, origins: Sequence[Origin], template_of: Mapping[str, str], n_zones: int,
    seed: int,
) -> None:  # fmt: skip
    """Add the blocks: those of the template origin with drawn factors, scaled to the zones."""
    draw = Draw(seed, "blocks")
    by_origin: dict[str, list[Row]] = {}
    for row in template_rows("blocks"):
        by_origin.setdefault(row["origin_id"], []).append(row)
    copies: dict[str, list[str]] = {}
    for name, original in template_of.items():
        copies.setdefault(original, []).append(name)
    blocks: list[Row] = []
    for origin in origins:
        own = origin.origin_id == origin.template_id
        for row in by_origin[origin.template_id]:
            names = copies.get(row["industry_id"], [])
            for industry in names:  # a new origin has one branch of an industry, as a rule
                taken = own or draw.chance(ranges.OWN_INDUSTRY_SHARE / len(names))
                block = _block(draw, row, origin, industry)
                if taken:
                    blocks.append(block)
    target = draw.between(ranges.VOLUME_PER_ZONE_MCNY) * n_zones
    _scale(blocks, target)
    for block in blocks:
        volume = block["volume_mcny_per_year"]
        lot = draw.chance(ranges.WHOLE_SHARE)
        block["whole"] = int(volume <= ranges.LARGEST_WHOLE_MCNY and (block["whole"] == 1 or lot))
    least = ranges.SMALLEST_BLOCK_MCNY
    tables["blocks"] = [b for b in blocks if b["volume_mcny_per_year"] >= least]


def _block(draw: Draw, row: Row, origin: Origin, industry: str) -> Row:
    wage, rent = draw.between(ranges.WAGE_FACTOR), draw.between(ranges.RENT_FACTOR)
    return {
        "origin_id": origin.origin_id, "industry_id": industry,
        "volume_mcny_per_year":
            row["volume_mcny_per_year"] * origin.weight * draw.between(ranges.BLOCK_FACTOR),
        "wage_cny_per_year": significant(row["wage_cny_per_year"] * wage, 4),
        "rent_cny_per_m2_year": significant(row["rent_cny_per_m2_year"] * rent, 4),
        "electricity_cny_per_kwh": row["electricity_cny_per_kwh"],
        "water_cny_per_m3": row["water_cny_per_m3"],
        "stay_premium_share_of_output": significant(
            row["stay_premium_share_of_output"] + draw.between(ranges.STAY_PREMIUM), 3
        ),
        "whole": row["whole"],
        "source": f"block {origin.template_id}/{row['industry_id']} of shanxi: volume x 0.5 to 1.5,"
        " wage x 0.94 to 1.06, rent x 0.8 to 1.2, premium -0.003 to +0.014, drawn",
        **_ASSUMED,
    }  # fmt: skip


def _scale(blocks: list[Row], target: float) -> None:
    """Scale volumes to the target; no block holds more than its largest share."""
    for _ in range(20):
        total = math.fsum(b["volume_mcny_per_year"] for b in blocks)
        most = target * ranges.LARGEST_BLOCK_SHARE
        scaled = [b["volume_mcny_per_year"] * target / total for b in blocks]
        for block, volume in zip(blocks, scaled, strict=True):
            block["volume_mcny_per_year"] = significant(min(volume, most), 4)
        if max(scaled) <= most * 1.001:
            break


def add_moves(tables: Tables, zones: Sequence[Zone], seed: int) -> None:
    """Add what blocks save in zones that have firms of their cluster today."""
    draw = Draw(seed, "moves")
    cluster = {row["industry_id"]: row["cluster_id"] for row in tables["industries"]}
    hosted: dict[str, list[str]] = {}
    for row in tables["eligibility"]:
        hosted.setdefault(row["zone_id"], []).append(row["industry_id"])
    blocks: dict[str, list[str]] = {}
    for row in tables["blocks"]:
        blocks.setdefault(row["industry_id"], []).append(row["origin_id"])
    tables["moves"] = []
    for zone in zones:
        taken = draw.chance(ranges.CLUSTER_ZONE_SHARE)
        gain = draw.between(ranges.CLUSTER_GAIN_CNY)
        mine = hosted.get(zone.zone_id, [])
        if not taken or not mine:
            continue
        clusters = sorted({cluster[i] for i in mine})
        there = clusters[draw.whole((0, len(clusters) - 1))]
        tables["moves"] += [
            {
                "origin_id": origin, "industry_id": industry, "zone_id": zone.zone_id,
                "cost_cny_per_mcny_year": -gain, **_ASSUMED,
                "source": f"drawn: firms of {there} in the zone save 2,000 to 7,000 CNY",
            }
            for industry in mine if cluster[industry] == there
            for origin in blocks.get(industry, [])
        ]  # fmt: skip
