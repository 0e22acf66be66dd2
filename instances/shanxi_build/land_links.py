"""Rail and road links, and the roads from zones to yards and towns."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, Row, short
from instances.shanxi_build.places import in_china
from instances.shanxi_build.tariffs import rail_rate_cny_per_teu_km

BROAD_COUNTRIES = frozenset(
    ("Kazakhstan", "Russia", "Mongolia", "Belarus", "Uzbekistan", "Azerbaijan", "Georgia")
)
STANDARD_ABROAD = {frozenset(("Akhalkalaki", "Kars"))}  # standard gauge although one end is broad
METRE = {frozenset(("Hanoi", "Hai Phong"))}
SEA_LEGS = {
    frozenset(("Aktau", "Alat")): "sea_caspian",
    frozenset(("Poti", "Constanta")): "sea_black_sea",
}
# corridors of the report and of `--close`: border lines, seas, the way into the EU
CORRIDORS = {
    ("Alashankou", "Dostyk"): "west",
    ("Khorgos", "Altynkol"): "west",
    ("Erenhot", "Zamyn-Uud"): "centre",
    ("Manzhouli", "Zabaikalsk"): "east",
    ("Suifenhe", "Grodekovo"): "east",
    ("Aktau", "Alat"): "middle",
    ("Pingxiang", "Dong Dang"): "southeast_asia",
    ("Mohan", "Vientiane"): "southeast_asia",
    ("Brest", "Małaszewicze"): "malaszewicze",
    ("Poti", "Constanta"): "middle",
}
# the gauge goes on, so no transfer would hold the border's time, money and queue: the line does
STANDARD_BORDERS = {("Mohan", "Vientiane"): "mohan", ("Pingxiang", "Dong Dang"): "pingxiang"}
HEAVY_HAUL = {
    "Watang-Rizhao railway": "rail_heavy_haul_cost_factor",
    "Taiyuan-Xingxian railway": "rail_heavy_haul_cost_factor",
    "Shuozhou-Shenchi connection": "rail_heavy_haul_cost_factor",
    "Shuozhou-Huanghua railway": "rail_shuohuang_cost_factor",
    "Beijing-Yuanping railway": "rail_mountain_cost_factor",
    "Linhe-Hami railway": "rail_mountain_cost_factor",
}
CLOSED_LINES = frozenset({"Datong-Qinhuangdao railway"})
# one link per line carries the line's bottleneck, so that a box is counted once
LINE_EXITS = {
    ("Shijiazhuang", "Yangquan"): "Shijiazhuang-Taiyuan railway",
    ("Xinzhou", "Taiyuan"): "Datong-Puzhou railway (northern section)",
    ("Fenglingdu", "Huashan"): "Datong-Puzhou railway (southern section)",
    ("Jincheng", "Yueshan"): "Taiyuan-Jiaozuo railway",
    ("Houma", "Yueshan"): "Houma-Yueshan railway",
    ("Handan", "Changzhi"): "Handan-Changzhi railway",
    ("Changzhi South", "Tangyin"): "Watang-Rizhao railway",
    ("Lüliang", "Suide"): "Taiyuan-Zhongwei-Yinchuan railway",
    ("Zhangjiakou", "Datong"): "Beijing-Baotou railway",
}
LONG_HAUL_KM = 300
NEAREST_DRY_PORTS = 2
NEAREST_YARDS_KM = 150
# where the roads of road_links.csv meet in each prefecture
TOWNS = {
    "taiyuan": "j-taiyuan",
    "datong": "datong-pingwang",
    "shuozhou": "j-shuozhou",
    "xinzhou": "j-xinzhou",
    "yangquan": "yangquan-baiyangshu",
    "lvliang": "j-luliang",
    "jinzhong": "j-jinzhong",
    "changzhi": "changzhi-changgang",
    "jincheng": "jincheng-north",
    "linfen": "linfen-railport",
    "yuncheng": "yuncheng-land-port",
}
HOUMA = "houma-fanglue"


def line_bottleneck(line: str) -> str:
    """The id of a line's bottleneck: its English name in lower case."""
    name = line.replace(" railway", "").replace("(", "").replace(")", "").lower()
    return "line-" + "-".join(name.split())


def countries(evidence: Evidence) -> dict[str, str]:
    """Province or country by place id."""
    found = {r["place_id"]: r["country"] for r in evidence["junctions"]}
    for table in ("places", "extra_places"):
        found |= {r["id"]: r["province_or_country"] for r in evidence[table]}
    return found


def build_rail(evidence: Evidence) -> list[Row]:
    """Rows of ``links`` for railways, their two sea legs included."""
    country = countries(evidence)
    rows: list[Row] = []
    for row in evidence["rail_links"]:
        a, b, line = row["from_place"], row["to_place"], row["line_name_en"]
        if frozenset((a, b)) == frozenset(("Jinzhong", "Lüliang")):
            continue  # replaced by the two sections of rail_supplement.csv through Wenshui
        rows.append(_rail(evidence, country, row, a, b, line))
    for row in evidence["rail_supplement"]:
        rows.append(
            _rail(
                evidence,
                country,
                row,
                row["from"],
                row["to"],
                row["line_name_en"],
                table="rail_supplement",
            )
        )
    for row in evidence["access_links"]:
        if row["mode"] == "rail":
            rows.append(
                _rail(evidence, country, row, row["from"], row["to"], "", table="access_links")
            )
    return rows


def _rail(
    e: Evidence,
    country: dict[str, str],
    row: dict[str, str],
    a: str,
    b: str,
    line: str,
    table: str = "rail_links",
) -> Row:
    tail, head = e.place_id(a), e.place_id(b)
    pair = frozenset((a, b))
    ends = {country[tail], country[head]}
    link: Row = {
        "tail_place_id": tail,
        "head_place_id": head,
        "mode": "rail",
        "tariff_id": "rail",
        "km": e.number(table, row, "km"),
        "name": line,
        "source": short(row["source"]),
        "grade": row["confidence"],
    }
    if pair in SEA_LEGS:
        link |= {"mode": "sea", "tariff_id": SEA_LEGS[pair]}
    elif pair in METRE:
        link |= {"mode": "rail_broad", "tariff_id": "rail_metre"}
    elif ends & BROAD_COUNTRIES and pair not in STANDARD_ABROAD:
        link |= {"mode": "rail_broad", "tariff_id": "rail_broad"}
    elif not any(map(in_china, ends)) and ends.isdisjoint(("Vietnam", "Laos")):
        link |= {"tariff_id": "rail_europe"}
    corridor = CORRIDORS.get((a, b), "")
    if corridor:
        link["corridor_id"] = corridor
    if pair == frozenset(("Aktau", "Alat")):
        link["bottleneck_id"] = "crossing-caspian"
    if (a, b) in STANDARD_BORDERS:
        link |= _border(e, STANDARD_BORDERS[a, b], e.number(table, row, "km"), str(link["source"]))
    if line in HEAVY_HAUL:
        link["cost_factor"] = e.assumed(HEAVY_HAUL[line])
        link["source"] = short(f"{link['source']}; factor: {e.reason(HEAVY_HAUL[line])}", 320)
    if line in CLOSED_LINES:
        link["closed"] = 1
        link["source"] = short(
            f"{link['source']}; closed to containers: coal trains only "
            "(capacities.csv gives no path)",
            320,
        )
    if (a, b) in LINE_EXITS:
        link["bottleneck_id"] = line_bottleneck(LINE_EXITS[a, b])
    link["link_id"] = f"{link['mode']}--{tail}--{head}"
    return link


def _border(e: Evidence, crossing: str, km: float, source: str) -> Row:
    money = rail_rate_cny_per_teu_km(e) * (1 + e.assumed("rail_empty_return_share")) * km
    running = km / (e.cost("speed_rail_container_daily") / 24)
    reason = e.reason("standard_gauge_border_hours", "standard_gauge_border_cny_per_teu")
    return {
        "cost_cny_per_teu": round(money + e.assumed("standard_gauge_border_cny_per_teu"), 2),
        "hours": round(running + e.assumed("standard_gauge_border_hours"), 2),
        "sd_hours": e.assumed("border_sd_hours"),
        "bottleneck_id": f"crossing-{crossing}",
        "source": short(f"{source}; tariff of rail and the border: {reason}", 320),
        "grade": "assumed",
    }


def build_roads(evidence: Evidence) -> list[Row]:
    """Rows of ``links`` for roads between towns, ports, hosts and yards, and barges."""
    country = countries(evidence)
    rows: list[Row] = []
    tables = [("road_links", "road_name"), ("road_supplement", "road_name"), ("access_links", "")]
    for table, name in tables:
        for row in evidence[table]:
            mode = row.get("mode", "road")
            if mode not in ("road", "barge"):
                continue
            tail, head = evidence.place_id(row["from"]), evidence.place_id(row["to"])
            km = evidence.number(table, row, "km")
            link: Row = {
                "link_id": f"{mode}--{tail}--{head}",
                "tail_place_id": tail,
                "head_place_id": head,
                "mode": mode,
                "km": km,
                "tariff_id": mode,
                "name": row.get(name, ""),
                "source": short(row["source"]),
                "grade": row["confidence"],
            }
            if mode == "road":
                link |= _road_factor(evidence, country[tail], country[head], km)
            rows.append(link)
    return rows


def _road_factor(e: Evidence, one: str, other: str, km: float) -> Row:
    rich = {"Netherlands", "Germany", "Japan", "South Korea"}
    if one in rich or other in rich:
        return {"cost_factor": e.assumed("road_abroad_cost_factor")}
    if km > LONG_HAUL_KM:
        return {"cost_factor": e.assumed("road_long_haul_cost_factor")}
    return {}


def build_zone_access(evidence: Evidence) -> list[Row]:
    """Rows of ``links`` from each zone to its nearest dry ports and to its town."""
    yards = {
        r["place_id"]
        for r in evidence["capacities"]
        if r["item"] == "rail_terminal_teu_per_year"
        and r["basis"] == "capacity"
        and evidence.number("capacities", r, "value") > 0
    }
    by_zone: dict[str, list[tuple[float, str, dict[str, str]]]] = {}
    for row in evidence["zone_access"]:
        km = evidence.number("zone_access", row, "km")
        if row["place_id"] in yards:
            by_zone.setdefault(row["zone_id"], []).append((km, row["place_id"], row))
    rows: list[Row] = []
    for zone in [r["zone_id"] for r in evidence["zone_capacity"]]:
        near = sorted(by_zone.get(zone, []), key=lambda found: found[:2])
        reached = set()
        for i, (km, place, row) in enumerate(near[:NEAREST_DRY_PORTS]):
            if i and km > NEAREST_YARDS_KM:
                continue
            rows.append(_access(evidence, zone, place, km, short(row["source"]), row["confidence"]))
            reached.add(place)
        town = _town(evidence, zone)
        if town not in reached:
            km = max(3.0, round(1.35 * evidence.great_circle_km(zone, town), 0))
            rows.append(
                _access(
                    evidence,
                    zone,
                    town,
                    km,
                    "zone to the town where the roads meet: great circle x 1.35, as "
                    "zone_access.csv, at least 3 km",
                    "derived",
                )
            )
    return rows


def _town(e: Evidence, zone: str) -> str:
    prefecture = e.prefecture_of[zone]
    towns = [TOWNS[prefecture]]
    if prefecture in ("linfen", "yuncheng"):
        towns.append(HOUMA)
    return min(towns, key=lambda t: (e.great_circle_km(zone, t), t))


def _access(e: Evidence, zone: str, place: str, km: float, source: str, grade: str) -> Row:
    return {
        "link_id": f"road--{zone}--{place}",
        "tail_place_id": zone,
        "head_place_id": place,
        "mode": "road",
        "km": km,
        "tariff_id": "road",
        "source": source,
        "grade": grade,
    }
