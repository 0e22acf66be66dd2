"""Who moves and who hosts: origins, blocks, zones, eligibility, rivals and their prices."""

from __future__ import annotations

from instances.shanxi_build.agglomeration import (
    cluster_density,
    clusters,
    industry_density,
    origin_outputs,
)
from instances.shanxi_build.evidence import (
    PREFECTURES,
    Evidence,
    EvidenceError,
    Row,
    short,
)
from instances.shanxi_build.places import in_china

ORIGIN_PLACES = {
    "japan": "fo-nagoya",
    "korea": "fo-incheon",
    "vietnam": "fo-haiphong",
    "thailand": "fo-laemchabang",
    "malaysia": "fo-portklang",
}
ORIGIN_NAMES = {
    "shenzhen": "深圳",
    "dongguan": "东莞",
    "guangzhou": "广州",
    "huizhou": "惠州",
    "suzhou": "苏州",
    "kunshan": "昆山",
    "shanghai": "上海",
    "wuxi": "无锡",
    "ningbo": "宁波",
    "qingdao": "青岛",
    "yantai": "烟台",
    "tianjin": "天津",
    "xiamen": "厦门",
    "japan": "日本",
    "korea": "韩国",
    "vietnam": "越南",
    "thailand": "泰国",
    "malaysia": "马来西亚",
}
ORIGIN_REGION = {  # whose water price holds, in factor_costs.csv
    "shenzhen": "guangdong",
    "dongguan": "guangdong",
    "guangzhou": "guangdong",
    "huizhou": "guangdong",
    "suzhou": "jiangsu",
    "kunshan": "jiangsu",
    "wuxi": "jiangsu",
    "shanghai": "shanghai",
    "ningbo": "zhejiang",
    "qingdao": "shandong",
    "yantai": "shandong",
    "tianjin": "shandong",
    "xiamen": "fujian",
    "vietnam": "vietnam",
    "thailand": "thailand",
}
RIVALS = {  # place: (id in rival_offers.csv, region of factor_costs.csv for water)
    "ic-zhengzhou": ("ic-zhengzhou", "henan"),
    "ic-xian": ("ic-xian", "shaanxi"),
    "ic-chengdu": ("ic-chengdu", "sichuan"),
    "ic-chongqing": ("ic-chongqing", "chongqing"),
    "ic-wuhan": ("ic-wuhan", "hubei"),
    "ic-hefei": ("ic-hefei", "anhui"),
    "ic-ganzhou": ("ic-ganzhou", "jiangxi"),
    "ic-nanning": ("ic-nanning", "guangxi"),
    "rv-vietnam": ("vietnam", "vietnam"),
    "rv-thailand": ("thailand", "thailand"),
    "rv-malaysia": ("malaysia", ""),
    "rv-indonesia": ("indonesia", ""),
}
EXISTING_ZONES = {
    "foxconn-taiyuan": "works today; opening costs nothing",
    "foxconn-jincheng": "works today; opening costs nothing",
    "wusu-cbz": "works today; opening costs nothing",
}
UMBRELLA = "sx-ctz"  # the demonstration zone as a whole: its land is in its parks
CENTRES_KIND = "bonded_logistics_centre"


def build_origins(e: Evidence) -> list[Row]:
    """Rows of ``origins``."""
    names = {r["id"]: r for r in e["places"]}
    rows: list[Row] = []
    for origin in dict.fromkeys(r["origin_id"] for r in e["origin_volumes"]):
        place = ORIGIN_PLACES.get(origin, f"org-{origin}")
        if place not in names:
            raise EvidenceError(f"origin_volumes.csv: no place is known for origin {origin!r}")
        chinese = in_china(names[place]["province_or_country"])
        one_of = f"; {names[place]['name_en']} stands for the country" if not chinese else ""
        rows.append(
            {
                "origin_id": origin,
                "name": origin.capitalize(),
                "name_zh": ORIGIN_NAMES[origin],
                "place_id": place,
                "form_id": "handbook" if chinese else "foreign",
                "source": "origin_volumes.csv; what stays keeps to the handbook form" + one_of
                if chinese
                else "origin_volumes.csv" + one_of,
                "grade": "derived" if chinese else "assumed",
            }
        )
    return rows


def _on_cost(e: Evidence, origin: str) -> float:
    if origin in ORIGIN_PLACES:
        return e.assumed(f"on_cost_share_{origin}")
    return e.assumed("on_cost_share_china")


def water_price(e: Evidence, region: str) -> float:
    """CNY per m3 of industrial water in a region of factor_costs.csv; assumed abroad."""
    for row in e["factor_costs"]:
        if row["region"] == region:
            return e.number("factor_costs", row, "industrial_water_cny_m3")
    return e.assumed("water_abroad_cny_per_m3")


def build_blocks(e: Evidence) -> list[Row]:
    """Rows of ``blocks``: relocatable volume at the middle of the share, cost of staying."""
    whole = e.assumed("whole_block_mcny")
    outputs, cluster = origin_outputs(e), clusters(e)
    rows: list[Row] = []
    for row in e["origin_volumes"]:
        origin = row["origin_id"]
        exports = e.number("origin_volumes", row, "processing_trade_export_musd_per_year") * e.fx
        low, high = (
            exports * e.number("origin_volumes", row, f"relocatable_share_{c}")
            for c in ("low", "high")
        )
        wage, rent, power = (
            e.number("origin_volumes", row, c) * e.fx
            for c in ("wage_usd_month", "rent_usd_m2_month", "electricity_usd_kwh")
        )
        cost = wage * 12 * (1 + _on_cost(e, origin))
        size = outputs[origin, cluster[row["industry_id"]]]
        density = industry_density(e, row["industry_id"], cost).gain(e, size)
        rows.append(
            {
                "origin_id": origin,
                "industry_id": row["industry_id"],
                "volume_mcny_per_year": round((low + high) / 2, 4),
                "volume_low_mcny_per_year": round(low, 4),
                "volume_high_mcny_per_year": round(high, 4),
                "wage_cny_per_year": round(cost, 1),
                "rent_cny_per_m2_year": round(rent * 12, 2),
                "electricity_cny_per_kwh": round(power, 4),
                "water_cny_per_m3": water_price(e, ORIGIN_REGION.get(origin, "")),
                "stay_premium_share_of_output": round(-density, 6),
                "whole": int((low + high) / 2 < whole),
                "source": short(
                    f"{exports / e.fx:g} USD M x mean of shares {row['relocatable_share_low']} and "
                    f"{row['relocatable_share_high']}; charges of {_on_cost(e, origin):g}; "
                    f"staying keeps the density of a cluster of {size:.0f} million CNY; "
                    + row["source"],
                    360,
                ),
                "grade": row["confidence"],
            }
        )
    return rows


def build_factor_prices(e: Evidence) -> list[Row]:
    """Rows of ``factor_prices``: 11 prefectures (rent is paid through the floor pools), rivals."""
    charges = e.assumed("on_cost_share_china")
    costs = {r["region"]: r for r in e["factor_costs"]}
    rows: list[Row] = []
    for region in PREFECTURES:
        row = costs[region]
        name = "yangquan" if region == "yangquan" else "shanxi"
        rows.append(
            {
                "factor_region_id": region,
                "wage_cny_per_year": e.number("factor_costs", row, "mfg_wage_cny_year"),
                "wage_on_cost_share": charges,
                "electricity_cny_per_kwh": e.number(
                    "factor_costs", row, "industrial_electricity_cny_kwh"
                ),
                "water_cny_per_m3": e.number("factor_costs", row, "industrial_water_cny_m3"),
                "rent_cny_per_m2_year": 0,
                "relocation_subsidy_share": e.assumed(f"{name}_relocation_subsidy_share"),
                "source": short("factor_costs.csv: " + row["source"], 220)
                + "; rent is paid in the "
                "floor pool; subsidy: " + short(e.reason(f"{name}_relocation_subsidy_share")),
                "grade": row["confidence"],
            }
        )
    offers = _offers(e)
    for place, (rival, region) in RIVALS.items():
        offer = offers[rival]
        abroad = place.startswith("rv-")
        rows.append(
            {
                "factor_region_id": place,
                "wage_cny_per_year": offer["mfg_wage_cny_month"] * 12,
                "wage_on_cost_share": 0 if abroad else charges,
                "electricity_cny_per_kwh": offer["industrial_electricity_cny_kwh"],
                "water_cny_per_m3": water_price(e, region),
                "rent_cny_per_m2_year": offer["factory_rent_cny_m2_month"] * 12,
                "relocation_subsidy_share": offer["relocation_subsidy_share_of_capex"],
                "productivity": e.assumed(f"productivity_{rival}") if abroad else 1,
                "source": "rival_offers.csv"
                + (
                    "; wage is the yearly burden, charges included; productivity: own knowledge"
                    if abroad
                    else "; charges as in Shanxi"
                ),
                "grade": "assumed",
            }
        )
    return rows


def _offers(e: Evidence) -> dict[str, dict[str, float]]:
    offers: dict[str, dict[str, float]] = {}
    for row in e["rival_offers"]:  # later years come later and win
        offers.setdefault(row["rival_id"], {})[row["item"]] = e.number("rival_offers", row, "value")
    return offers


def build_zones(e: Evidence) -> list[Row]:
    """Rows of ``zones``: every Shanxi zone of the evidence and the bonded logistics centres."""
    opening = {r["zone_kind"]: r for r in e["zone_opening"]}
    centres = [r for r in e["places"] if r["kind"] == CENTRES_KIND]
    found = [(r["zone_id"], r["place_kind"]) for r in e.zones]
    found += [(r["id"], r["kind"]) for r in centres]
    rows: list[Row] = []
    for zone, kind in found:
        prefecture = e.prefecture_of[zone]
        cost = e.number("zone_opening", opening[kind], "open_mcny")
        row: Row = {
            "zone_id": zone,
            "zone_kind": kind,
            "prefecture_id": prefecture,
            "factor_region_id": prefecture,
            "open_mcny": cost,
            "open_life_years": e.assumed("open_life_years"),
            "open_mcny_per_year": cost * e.assumed("open_upkeep_share"),
            "source": short(opening[kind]["source"]),
            "grade": "assumed",
        }
        if zone in EXISTING_ZONES:
            row |= {
                "status": "existing",
                "open_mcny": 0,
                "open_mcny_per_year": 0,
                "source": EXISTING_ZONES[zone],
            }
        if zone == UMBRELLA:
            row["source"] = "umbrella of the ctz- parks, which hold its land and floor; no site of "
            row["source"] = str(row["source"]) + "its own, so nothing is eligible here"
        if kind == CENTRES_KIND:
            row["source"] = "type-B centre: store, sort, label and pack, no manufacturing; see the "
            row["source"] = str(row["source"]) + "rule; clears goods for the zones around it"
        rows.append(row)
    return rows


def build_eligibility(e: Evidence) -> list[Row]:
    """Rows of ``eligibility``; fine chemicals outside chemical parks are left to the rule."""
    rows: list[Row] = []
    for zone in e.zones:
        if zone["zone_id"] == UMBRELLA:
            continue
        bonded = zone["place_kind"] == "comprehensive_bonded_zone"
        for industry in zone["eligible_industries"].split(";"):
            rows.append(
                {
                    "zone_id": zone["zone_id"],
                    "industry_id": industry.strip(),
                    "form_id": "bonded_zone" if bonded else "handbook;general",
                    "source": "zone_capacity.csv: judged from the leading industries "
                    f"({short(zone['leading_industries'], 90)})",
                    "grade": "assumed",
                }
            )
    return rows


def build_rivals(e: Evidence) -> list[Row]:
    """Rows of ``rivals``."""
    exports = {
        place: _offers(e)[rival]["processing_trade_exports_musd"] * e.fx
        for place, (rival, _) in RIVALS.items()
    }
    return [
        {
            "rival_id": place,
            "factor_region_id": place,
            "form_id": "foreign" if place.startswith("rv-") else "handbook",
            "capacity_mcny_per_year": float("inf"),
            "max_share_of_block": e.assumed("rival_max_share_of_block"),
            "margin_share_of_output": round(-cluster_density(e, "all").gain(e, exports[place]), 6),
            "source": "rival_offers.csv; floor and labour are the limits; margin: density gain of "
            f"its processing exports of {exports[place]:.0f} million CNY; tax, duty and political "
            "risk are not priced; " + short(e.reason("rival_max_share_of_block"), 120),
            "grade": "assumed",
        }
        for place in RIVALS
    ]


def build_rival_limits(e: Evidence) -> list[Row]:
    """Rows of ``rival_limits``: the share of vacant floor and labour that is on offer."""
    rows: list[Row] = []
    items = (
        ("floor_m2", "spare_factory_m2", "rival_floor_share"),
        ("labour_persons", "labour_pool_persons", "rival_labour_share"),
    )
    for place, (rival, _) in RIVALS.items():
        for factor, item, share in items:
            found = [r for r in e["rival_offers"] if (r["rival_id"], r["item"]) == (rival, item)]
            if len(found) != 1:
                raise EvidenceError(f"rival_offers.csv: {len(found)} rows for {rival}, {item}")
            value, low, high = (
                e.number("rival_offers", found[0], c) * e.assumed(share)
                for c in ("value", "low", "high")
            )
            rows.append(
                {
                    "rival_id": place,
                    "factor_id": factor,
                    "endowment": round(value),
                    "endowment_low": round(low),
                    "endowment_high": round(high),
                    "source": short(
                        f"{item} x {e.assumed(share)}: {e.reason(share)}; " + found[0]["source"],
                        300,
                    ),
                    "grade": "assumed",
                }
            )
    return rows
