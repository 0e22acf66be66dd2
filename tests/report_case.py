# ruff: noqa: E501  (rows of tables read best as one line each)
"""An instance and a plan to report on: a small Shanxi, made without any solver.

The plan places the output by hand; its goods take least-cost routes; its accounts follow
docs/formulas.md where the report checks them (logistics) and are plain figures elsewhere.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from instances import Instance, make_instance
from networks.network import COMPONENTS, Goods, Network, build_network
from networks.paths import PathFinder
from optimizer.plan.plan import AccountLine, Flow, Move, Plan, Question, Status

S = {"source": "made for tests", "grade": "assumed"}
R = {"source": "Yearbook 2024, table 3", "grade": "reported"}
ZONES = [
    # id, name, Chinese, kind, prefecture, lat, lon, status
    ("tanghuai", "Tanghuai Park", "唐槐产业园区", "development_zone", "Taiyuan", 37.709, 112.592, "existing"),
    ("xiaohe", "Xiaohe Industrial Park", "潇河产业园区", "development_zone", "Taiyuan", 37.594, 112.597, "candidate"),
    ("wusu", "Taiyuan Wusu Comprehensive Bonded Zone", "太原武宿综合保税区", "comprehensive_bonded_zone", "Taiyuan", 37.743, 112.619, "existing"),
    ("jinzhong", "Jinzhong Development Zone", "晋中经济技术开发区", "development_zone", "Jinzhong", 37.68, 112.76, "candidate"),
    ("datong", "Datong Development Zone", "大同经济技术开发区", "development_zone", "Datong", 40.06, 113.35, "candidate"),
    ("changzhi", "Changzhi High-tech Zone", "长治高新技术产业开发区", "hightech_zone", "Changzhi", 36.2, 113.1, "candidate"),
    ("jincheng", "Jincheng Development Zone", "晋城经济技术开发区", "development_zone", "Jincheng", 35.5, 112.87, "candidate"),
    ("linfen", "Linfen Development Zone", "临汾经济开发区", "development_zone", "Linfen", 36.07, 111.53, "candidate"),
    ("yuncheng", "Yuncheng Development Zone", "运城经济技术开发区", "development_zone", "Yuncheng", 35.04, 111.05, "candidate"),
    ("chem", "Xiaoyi Chemical Park", "孝义化工园区", "chemical_park", "Lüliang", 37.1, 111.77, "candidate"),
]  # fmt: skip
MOVED = {"tanghuai": 9000.0, "xiaohe": 5200.0, "wusu": 3100.0, "jinzhong": 2600.0, "datong": 900.0,
         "changzhi": 1500.0, "jincheng": 700.0, "yuncheng": 1800.0}  # fmt: skip


def _place(
    key: str, name: str, zh: str, kind: str, china: int, lat: float, lon: float, **more: Any
) -> dict[str, Any]:
    return {"place_id": key, "name": name, "name_zh": zh, "kind": kind, "in_china": china,
            "latitude_deg": lat, "longitude_deg": lon, **R, **more}  # fmt: skip


def _places() -> list[dict[str, Any]]:
    zones = [_place(z, n, zh, "zone", 1, lat, lon, prefecture=p, country="Shanxi")
             for z, n, zh, _, p, lat, lon, _ in ZONES]  # fmt: skip
    return [
        *zones,
        _place("zhongding", "Zhongding Logistics Park", "中鼎物流园", "dry_port", 1, 37.63, 112.72, prefecture="Jinzhong"),
        _place("houma", "Houma Fanglüe Dry Port", "侯马方略保税物流中心", "dry_port", 1, 35.62, 111.36, prefecture="Linfen"),
        _place("tianjin", "Tianjin Port", "天津港", "sea_port", 1, 38.98, 117.765),
        _place("qingdao", "Qingdao Port", "青岛港", "sea_port", 1, 36.015, 120.215),
        _place("rizhao", "Rizhao Port", "日照港", "sea_port", 1, 35.366, 119.559),
        _place("yantian", "Shenzhen Yantian Port", "深圳盐田港", "sea_port", 1, 22.58, 114.28),
        _place("khorgos", "Khorgos", "霍尔果斯", "border_crossing", 1, 44.205, 80.415),
        _place("erenhot", "Erenhot", "二连浩特", "border_crossing", 1, 43.648, 111.977),
        _place("shenzhen", "Shenzhen", "深圳", "origin", 1, 22.546, 114.068),
        _place("suzhou", "Suzhou", "苏州", "origin", 1, 31.304, 120.595),
        _place("zhengzhou", "Zhengzhou", "郑州", "rival", 1, 34.75, 113.65),
        _place("haiphong", "Hai Phong", "海防", "rival", 0, 20.865, 106.683),
        _place("rotterdam", "Rotterdam", "鹿特丹", "market", 0, 51.904, 4.442),
        _place("duisburg", "Duisburg", "杜伊斯堡", "market", 0, 51.432, 6.765),
        _place("moscow", "Moscow", "莫斯科", "market", 0, 55.752, 37.618),
        _place("losangeles", "Los Angeles", "洛杉矶", "market", 0, 33.717, -118.27),
        _place("busan", "Busan", "釜山", "supplier", 0, 35.1, 129.04),
        _place("osaka", "Osaka", "大阪", "supplier", 0, 34.694, 135.501),
        _place("kaohsiung", "Kaohsiung", "高雄", "supplier", 0, 22.614, 120.28),
        _place("almaty", "Almaty", "阿拉木图", "junction", 0, 43.252, 76.912),
    ]  # fmt: skip


def _links() -> list[dict[str, Any]]:
    at = {p["place_id"]: (p["latitude_deg"], p["longitude_deg"]) for p in _places()}
    rows: list[dict[str, Any]] = []

    def link(tail: str, head: str, mode: str, km: float | None = None, **more: Any) -> None:
        (a, b), (c, d) = at[tail], at[head]
        if km is None:
            x = (d - b) * math.cos(math.radians((a + c) / 2))
            km = 1.3 * 111.2 * math.hypot(c - a, x)
        rows.append({"link_id": f"{tail}-{head}-{mode}", "tail_place_id": tail, "head_place_id": head,
                     "mode": mode, "km": round(km), "tariff_id": mode, **R, **more})  # fmt: skip

    for zone, *_ in ZONES:
        link(zone, "zhongding", "road")
        link(zone, "houma", "road")
        link(zone, "tianjin", "road")
    link(
        "zhongding",
        "tianjin",
        "rail",
        bottleneck_id="shitai",
        corridor_id="sea_north",
        name="Shitai line",
    )
    link("zhongding", "qingdao", "rail", bottleneck_id="shitai", corridor_id="sea_north")
    link("houma", "rizhao", "rail", corridor_id="sea_wari", bottleneck_id="wari", **S)
    link(
        "zhongding",
        "khorgos",
        "block_train",
        3285,
        service_id="west_train",
        corridor_id="cre_west;middle",
        subsidy_cny_per_teu=1500.0,
    )
    link(
        "khorgos",
        "almaty",
        "block_train",
        353,
        corridor_id="cre_west;middle",
        service_id="west_train",
        **S,
    )
    link(
        "almaty",
        "moscow",
        "block_train",
        3900,
        corridor_id="cre_west",
        service_id="west_train",
        **S,
    )
    link(
        "moscow",
        "duisburg",
        "block_train",
        2500,
        corridor_id="cre_west",
        service_id="west_train",
        **S,
    )
    link(
        "zhongding",
        "erenhot",
        "block_train",
        900,
        service_id="north_train",
        corridor_id="cre_centre",
    )
    link(
        "erenhot",
        "moscow",
        "block_train",
        6900,
        service_id="north_train",
        corridor_id="cre_centre",
        **S,
    )
    for port in ("tianjin", "qingdao", "rizhao"):
        link(
            port,
            "rotterdam",
            "sea",
            20500,
            corridor_id="suez",
            cost_cny_per_teu=9000.0,
            hours=900.0,
        )
        link(port, "losangeles", "sea", 11087, cost_cny_per_teu=8000.0)
        link(port, "busan", "sea", 1000)
        link(port, "osaka", "sea", 1870)
        link(port, "kaohsiung", "sea", 1800)
    for abroad, km in (
        ("rotterdam", 18000),
        ("losangeles", 11700),
        ("busan", 2100),
        ("osaka", 2500),
        ("kaohsiung", 650),
        ("haiphong", 900),
    ):
        link("yantian", abroad, "sea", km)
    link("haiphong", "rotterdam", "sea", 17000)
    link("haiphong", "losangeles", "sea", 13000)
    link("haiphong", "kaohsiung", "sea", 1500)
    link("haiphong", "busan", "sea", 3300)
    link("haiphong", "osaka", "sea", 3400)
    link("rotterdam", "duisburg", "rail", 220)
    link("duisburg", "rotterdam", "barge", 215)
    link("shenzhen", "yantian", "road")
    link("suzhou", "qingdao", "road")
    link("suzhou", "shenzhen", "rail", 1500)
    link("zhengzhou", "qingdao", "rail", 900)
    link("zhengzhou", "zhongding", "rail", 450)
    link("shenzhen", "zhongding", "rail", 2300, corridor_id="inland")
    link("suzhou", "zhongding", "rail", 1300, corridor_id="inland")
    return rows  # fmt: skip


def _transfers() -> list[dict[str, Any]]:
    yards: dict[str, set[str]] = {}
    for row in _links():
        for end in ("tail_place_id", "head_place_id"):
            yards.setdefault(row[end], set()).add(row["mode"])
    rows = []
    for place, modes in yards.items():
        order = [*sorted(modes), "gate"]
        terminal = {"zhongding": "zhongding_lifts", "khorgos": "khorgos_cranes"}.get(place, "")
        for i, one in enumerate(order):
            for other in order[i + 1 :]:
                rows.append({"transfer_id": f"{place}-{one}-{other}", "place_id": place, "from_mode": one,
                             "to_mode": other, "cost_cny_per_teu": 300.0, "hours": 12.0, "sd_hours": 4.0,
                             "co2e_kg_per_teu": 8.0, "bottleneck_id": terminal, **S})  # fmt: skip
    return rows


def _customs() -> list[dict[str, Any]]:
    rows = []
    changes = [("foreign", "bonded", 0.0, 0.0), ("foreign", "domestic", 1.0, 30.0), ("bonded", "foreign", 0.0, 0.0),
               ("domestic", "export_cleared", 0.0, 0.0), ("export_cleared", "foreign", 0.0, 0.0),
               ("bonded", "domestic", 1.0, 30.0)]  # fmt: skip
    for place in ("tianjin", "qingdao", "rizhao", "khorgos", "erenhot", "zhongding", "yantian"):
        for before, after, duty, days in changes:
            rows.append({"customs_id": f"{place}-{before}-{after}", "place_id": place, "from_regime": before,
                         "to_regime": after, "cost_cny_per_teu": 250.0, "hours": 10.0, "sd_hours": 5.0,
                         "duty_share": duty, "vat_days": days, **R})  # fmt: skip
    return rows


def _tables() -> dict[str, list[dict[str, Any]]]:
    tariff = {"empty_return_share": 0.2, "sd_hours_per_1000_km": 6.0, **S}
    industries = [
        ("electronics", "Consumer electronics and phone assembly", "电子整机组装", 2_500_000.0, 7.0, 0.9),
        ("equipment", "Machinery and equipment", "装备制造", 400_000.0, 10.0, 1.2),
        ("textiles", "Textiles and garments", "纺织服装", 250_000.0, 14.0, 0.4),
        ("chemicals", "Fine chemicals", "精细化工", 180_000.0, 3.0, 1.0),
    ]  # fmt: skip
    shares = {"eu_sea": 0.35, "eu_rail": 0.15, "us": 0.3, "domestic": 0.2}
    return {
        "places": _places(),
        "tariffs": [
            {"tariff_id": "road", "mode": "road", "rate_cny_per_teu_km": 6.0, "speed_km_per_hour": 55.0, "co2e_kg_per_tonne_km": 0.08, **tariff},
            {"tariff_id": "rail", "mode": "rail", "fixed_cny_per_teu": 440.0, "rate_cny_per_teu_km": 2.2, "speed_km_per_hour": 30.0, "co2e_kg_per_tonne_km": 0.02, **tariff},
            {"tariff_id": "sea", "mode": "sea", "fixed_cny_per_teu": 800.0, "rate_cny_per_teu_km": 0.35, "speed_km_per_hour": 26.0, "co2e_kg_per_tonne_km": 0.01, **tariff},
            {"tariff_id": "barge", "mode": "barge", "rate_cny_per_teu_km": 1.0, "speed_km_per_hour": 10.0, **tariff},
            {"tariff_id": "block_train", "mode": "block_train", "rate_cny_per_teu_km": 1.6, "speed_km_per_hour": 32.0, "co2e_kg_per_tonne_km": 0.02, **tariff},
        ],
        "services": [
            {"service_id": "west_train", "name": "China-Europe train west", "name_zh": "中欧班列西通道", "departures_per_week": 5.0, "min_load_teu_per_year": 2000.0, "capacity_teu_per_year": 24_000.0, "fixed_mcny_per_year": 6.0, "runs_today": 0, **R},
            {"service_id": "north_train", "name": "China-Europe train centre", "name_zh": "中欧班列中通道", "departures_per_week": 3.0, "capacity_teu_per_year": math.inf, "runs_today": 1, **S},
        ],
        "bottlenecks": [
            {"bottleneck_id": "shitai", "name": "Shitai line eastward", "name_zh": "石太线", "kind": "line", "capacity_teu_per_year": 17_500.0, **R},
            {"bottleneck_id": "wari", "name": "Wari line", "name_zh": "瓦日线", "kind": "line", "capacity_teu_per_year": 300_000.0, **S},
            {"bottleneck_id": "zhongding_lifts", "name": "Zhongding terminal lifts", "name_zh": "中鼎作业能力", "kind": "terminal", "place_id": "zhongding", "capacity_teu_per_year": 250_000.0, "capacity_low_teu_per_year": 180_000.0, **S},
            {"bottleneck_id": "khorgos_cranes", "name": "Khorgos reloading", "name_zh": "霍尔果斯换装", "kind": "crossing", "place_id": "khorgos", "capacity_teu_per_year": math.inf, **S},
        ],
        "links": _links(),
        "transfers": _transfers(),
        "customs": _customs(),
        "forms": [
            {"form_id": "bonded_zone", "name": "Bonded zone", "name_zh": "综合保税区", "import_regime": "bonded", "home_regime": "domestic", "export_regime": "bonded", "sale_regime": "domestic", **R},
            {"form_id": "handbook", "name": "Handbook", "name_zh": "加工贸易手册", "import_regime": "bonded", "home_regime": "domestic", "export_regime": "domestic", "sale_regime": "domestic", "admin_share_of_output": 0.001, **R},
            {"form_id": "general", "name": "General trade", "name_zh": "一般贸易", "import_regime": "domestic", "home_regime": "domestic", "export_regime": "domestic", "sale_regime": "domestic", **S},
            {"form_id": "foreign", "name": "Abroad", "name_zh": "境外", "import_regime": "foreign", "home_regime": "foreign", "export_regime": "foreign", "sale_regime": "foreign", **S},
        ],
        "factors": [
            {"factor_id": "floor", "name": "Factory floor", "name_zh": "标准厂房", "unit_name": "m2", **R},
            {"factor_id": "staff", "name": "Electronics staff", "name_zh": "电子技工", "unit_name": "persons", **S},
        ],
        "industries": [
            {"industry_id": i, "name": n, "name_zh": zh, "output_value_cny_per_teu": v, "output_tonnes_per_teu": t,
             "workers_per_mcny": w, "floor_m2_per_mcny": 60.0, "relocation_cny_per_mcny": 80_000.0,
             "output_duty_rate": 0.05, **S}
            for i, n, zh, v, t, w in industries
        ],
        "industry_factors": [
            {"industry_id": i, "factor_id": f, "use_per_mcny": u, **S}
            for i, *_ in industries for f, u in (("floor", 60.0), ("staff", 0.8))
        ],
        "regions": [
            {"region_id": "eu_sea", "role": "market", "place_id": "rotterdam", "share": 1.0, **R},
            {"region_id": "eu_rail", "role": "market", "place_id": "duisburg", "share": 0.7, **S},
            {"region_id": "eu_rail", "role": "market", "place_id": "moscow", "share": 0.3, **S},
            {"region_id": "us", "role": "market", "place_id": "losangeles", "share": 1.0, **R},
            {"region_id": "domestic", "role": "market", "place_id": "shenzhen", "share": 1.0, **R},
            {"region_id": "korea", "role": "source", "place_id": "busan", "share": 1.0, **R},
            {"region_id": "japan", "role": "source", "place_id": "osaka", "share": 1.0, **R},
            {"region_id": "taiwan", "role": "source", "place_id": "kaohsiung", "share": 1.0, **R},
            {"region_id": "coast", "role": "source", "place_id": "suzhou", "share": 1.0, **R},
            {"region_id": "local", "role": "source", "place_id": "@local", "share": 1.0, **R},
        ],
        "inputs": [
            {"industry_id": i, "input_id": g, "region_id": r, "share_of_output_value": 0.12, "tonnes_per_teu": 9.0,
             "value_cny_per_teu": v, "duty_rate": 0.02, **S}
            for i, *_ in industries
            for g, r, v in (("chips", "korea", 3_000_000.0), ("parts", "japan", 900_000.0), ("boards", "taiwan", 1_500_000.0), ("metal", "coast", 300_000.0), ("packing", "local", 60_000.0))
        ],
        "outputs": [
            {"industry_id": i, "region_id": m, "share": s, **S} for i, *_ in industries for m, s in shares.items()
        ],
        "factor_prices": [
            {"factor_region_id": r, "wage_cny_per_year": w, "electricity_cny_per_kwh": 0.5, "water_cny_per_m3": 4.0, "rent_cny_per_m2_year": 120.0, **g}
            for r, w, g in (("shanxi", 62_000.0, R), ("henan", 65_000.0, R), ("vietnam", 40_000.0, S))
        ],
        "zones": [
            {"zone_id": z, "zone_kind": k, "prefecture_id": p.lower(), "factor_region_id": "shanxi", "status": st, "open_mcny": 40.0, "open_mcny_per_year": 1.0, **S}
            for z, _, _, k, p, _, _, st in ZONES
        ],
        "eligibility": [
            {"zone_id": z, "industry_id": i, "form_id": "bonded_zone;general" if z == "wusu" else "handbook;general", **R}
            for z, *_ in ZONES for i, *_ in industries if (i == "chemicals") == (z == "chem")
        ],
        "rivals": [
            {"rival_id": "zhengzhou", "factor_region_id": "henan", "form_id": "handbook", "capacity_mcny_per_year": 9000.0, **S},
            {"rival_id": "haiphong", "factor_region_id": "vietnam", "form_id": "foreign", "capacity_mcny_per_year": 6000.0, **S},
        ],
        "origins": [
            {"origin_id": "o-shenzhen", "name": "Shenzhen", "name_zh": "深圳", "place_id": "shenzhen", "form_id": "handbook", **R},
            {"origin_id": "o-suzhou", "name": "Suzhou", "name_zh": "苏州", "place_id": "suzhou", "form_id": "handbook", **R},
        ],
        "blocks": [
            {"origin_id": o, "industry_id": i, "volume_mcny_per_year": v, "wage_cny_per_year": 90_000.0, **S}
            for o, i, v in (("o-shenzhen", "electronics", 22_000.0), ("o-shenzhen", "equipment", 4_000.0), ("o-suzhou", "electronics", 9_000.0), ("o-suzhou", "textiles", 3_000.0), ("o-suzhou", "chemicals", 1_000.0))
        ],
        "pools": [
            {"pool_id": "floor_taiyuan", "factor_id": "floor", "name": "Factory floor, Taiyuan", "name_zh": "太原标准厂房", "endowment": 900_000.0, "increment_max": 0.0, **S},
            {"pool_id": "staff_taiyuan", "factor_id": "staff", "name": "Electronics staff, Taiyuan", "name_zh": "太原电子技工", "endowment": 20_000.0, "increment_max": 5_000.0, "increment_cny_per_unit_year": 4_000.0, **R},
        ],
        "pool_members": [{"pool_id": p, "zone_id": z} for p in ("floor_taiyuan", "staff_taiyuan") for z in ("tanghuai", "xiaohe", "wusu")],
        "modules": [
            {"module_id": "block_xiaohe", "name": "Standard factory block", "name_zh": "标准厂房组团", "zone_id": "xiaohe", "max_count": 10.0, "pool_id": "floor_taiyuan", "adds_per_module": 50_000.0, "capital_mcny": 150.0, **S},
        ],
        "projects": [
            {"project_id": "second_cbz", "name": "Second comprehensive bonded zone, Datong", "name_zh": "大同综合保税区", "kind": "bonded_zone", "capital_mcny": 900.0, "upkeep_mcny_per_year": 20.0, **S},
            {"project_id": "lifts", "name": "Zhongding terminal extension", "name_zh": "中鼎扩能", "kind": "terminal", "capital_mcny": 120.0, "upkeep_mcny_per_year": 3.0, **S},
        ],
        "project_effects": [
            {"project_id": "lifts", "effect": "adds_bottleneck_teu", "element_id": "zhongding_lifts", "amount": 50_000.0, **S},
            {"project_id": "second_cbz", "effect": "allows_form", "element_id": "datong:bonded_zone", "amount": 0.0, **R},
        ],
        "rules": [
            {"rule_id": "chem_parks", "kind": "industry_only_in_zone_kind", "industry_id": "chemicals", "zone_kind": "chemical_park", "text": "Chemicals only in chemical parks", "text_zh": "化工项目须进入化工园区", **R},
            {"rule_id": "at_most", "kind": "max_zones", "value": 7.0, "text": "At most seven new zones", "text_zh": "新增承接园区不超过七个", **S},
            {"rule_id": "south", "kind": "min_share_of_prefecture", "prefecture_id": "yuncheng", "value": 0.05, "text": "At least 5 % of the output goes to Yuncheng", "text_zh": "运城占比不低于5%", **S},
            {"rule_id": "money", "kind": "budget_mcny", "value": 2000.0, "active": 0, "text": "Public capital at most CNY 2 billion", "text_zh": "财政资金不超过20亿元", **S},
        ],
    }  # fmt: skip


@lru_cache(maxsize=1)
def report_instance() -> Instance:
    """Ten zones in eight prefectures, three ports, two trains, two rivals, four industries."""
    return make_instance(
        instance_id="small_shanxi",
        name="Small Shanxi",
        name_zh="小山西",
        settings={
            "year": 2024,
            "discount_rate": 0.06,
            "carrying_rate": 0.1,
            "service_factor": 1.0,
            "emission_cny_per_tonne": 80.0,
        },
        tables=_tables(),
        sources={"places": "OpenStreetMap <contributors> & others"},
    )


@lru_cache(maxsize=1)
def report_network() -> Network:
    return build_network(report_instance())


def _routes(instance: Instance, network: Network) -> Any:
    finder = PathFinder(network, network.available(projects="all", services="all"))
    industries = {r["industry_id"]: r for r in instance.tables["industries"].to_dict("records")}
    places = instance.tables["places"].set_index("place_id")["in_china"]
    forms = {r["form_id"]: r for r in instance.tables["forms"].to_dict("records")}
    regions = instance.tables["regions"].to_dict("records")
    trees: dict[str, Any] = {}

    def regime(place: str, form: str, column: str) -> str:
        return forms[form][column] if places[place] == 1 else "foreign"

    def lines(industry: str) -> Any:
        row = industries[industry]
        for given in instance.tables["inputs"].to_dict("records"):
            if given["industry_id"] != industry:
                continue
            for region in regions:
                if region["region_id"] == given["region_id"] and region["role"] == "source":
                    teu = (
                        region["share"]
                        * given["share_of_output_value"]
                        * 1e6
                        / given["value_cny_per_teu"]
                    )
                    key = f"in:{industry}:{given['input_id']}:{region['region_id']}:{region['place_id']}"
                    yield key, region["place_id"], teu, Goods("", given["tonnes_per_teu"], given["value_cny_per_teu"], given["duty_rate"], row["vat_rate"])  # fmt: skip
        for given in instance.tables["outputs"].to_dict("records"):
            if given["industry_id"] != industry:
                continue
            for region in regions:
                if region["region_id"] == given["region_id"] and region["role"] == "market":
                    teu = region["share"] * given["share"] * 1e6 / row["output_value_cny_per_teu"]
                    key = f"out:{industry}:{region['region_id']}:{region['place_id']}"
                    yield key, region["place_id"], teu, Goods("", row["output_tonnes_per_teu"], row["output_value_cny_per_teu"], row["output_duty_rate"], row["vat_rate"])  # fmt: skip

    def flows(kind: str, host: str, place: str, form: str, industry: str, output: float) -> Any:
        for key, far, teu, goods in lines(industry):
            if far == "@local":
                yield Flow(kind, host, form, industry, key, teu * output, ()), goods
                continue
            inbound, home = key.startswith("in:"), places[far] == 1
            node = network.node[far, "gate", "domestic" if home else "foreign"]
            column = ("home_regime" if home else "import_regime") if inbound else ("sale_regime" if home else "export_regime")  # fmt: skip
            end = network.node[place, "gate", regime(place, form, column)]
            if key not in trees:
                trees[key] = finder.tree(network.generalised_cost(goods), node, reverse=not inbound)
            via, step = trees[key].via_arc, network.tail if inbound else network.head
            assert np.isfinite(trees[key].dist[end]), (key, place, form)
            arcs = []
            while via[end] >= 0:
                arcs.append(network.arc_keys[via[end]])
                end = int(step[via[end]])
            yield Flow(kind, host, form, industry, key, teu * output, tuple(arcs[::-1] if inbound else arcs)), goods  # fmt: skip

    return flows


def make_plan(instance: Instance, network: Network) -> Plan:
    """A plan with moved, rival and stayed output in round figures."""
    moves, rest = [], {}
    form = {"wusu": "bonded_zone"}
    for zone, value in MOVED.items():
        moves.append(Move("o-shenzhen" if zone in ("tanghuai", "xiaohe", "datong") else "o-suzhou", "electronics", zone, form.get(zone, "handbook"), value))  # fmt: skip
    moves = [m for m in moves if m.zone_id not in ("jincheng", "changzhi")]
    moves += [Move("o-suzhou", "textiles", "jincheng", "general", 700.0), Move("o-suzhou", "textiles", "changzhi", "handbook", 1500.0)]  # fmt: skip
    moves.append(Move("o-shenzhen", "equipment", "tanghuai", "handbook", 1200.0))
    for row in instance.tables["blocks"].to_dict("records"):
        key = (row["origin_id"], row["industry_id"])
        rest[key] = row["volume_mcny_per_year"] - sum(m.output_mcny for m in moves if (m.origin_id, m.industry_id) == key)  # fmt: skip
    rivals = [("o-shenzhen", "electronics", "zhengzhou", 3000.0), ("o-shenzhen", "equipment", "haiphong", 500.0)]  # fmt: skip
    for origin, industry, _, value in rivals:
        rest[origin, industry] -= value
    stays = [(o, i, v) for (o, i), v in rest.items() if v > 0]
    flows_of, flows, priced = _routes(instance, network), [], []
    hosts = [("zone", m.zone_id, m.zone_id, m.form_id, m.industry_id, m.output_mcny) for m in moves]
    hosts += [("rival", r, r, "handbook" if r == "zhengzhou" else "foreign", i, v) for _, i, r, v in rivals]  # fmt: skip
    hosts += [("stay", o, o.removeprefix("o-"), "handbook", i, v) for o, i, v in stays]
    for host in hosts:
        for flow, goods in flows_of(*host):
            flows.append(flow)
            priced.append(goods)
    accounts = _accounts(network, flows, priced, hosts)
    accounts += [AccountLine("projects", "", "lifts", "", "", 12.4), AccountLine("services", "", "west_train", "", "", 6.0)]  # fmt: skip
    accounts += [AccountLine("opening", "zone", z, "", "", 4.5) for z in MOVED if z not in ("tanghuai", "wusu")]  # fmt: skip
    accounts.append(AccountLine("modules", "zone", "xiaohe", "", "", 39.2))
    cost = math.fsum(a.mcny for a in accounts)
    return Plan(
        instance_id=instance.instance_id,
        instance_hash=instance.hash,
        question=Question(target_share=0.6),
        status=Status.OPTIMAL,
        stop_reason="gap reached",
        objective=cost,
        bound=cost * (1 - 6e-4),
        cost_mcny=cost,
        stay_cost_mcny=cost * 1.043,
        open_zones=tuple([*MOVED, "linfen"]),
        hosts=tuple(dict.fromkeys((m.zone_id, m.industry_id) for m in moves)),
        moves=tuple(moves),
        stays=tuple(stays),
        rivals=tuple(rivals),
        modules=(("block_xiaohe", 5),),
        increments=(("staff_taiyuan", 1200.0),),
        projects=("lifts",),
        services=("west_train",),
        flows=tuple(flows),
        accounts=tuple(accounts),
        certificate={"kind": "lagrangian", "bottleneck": [["shitai", 0.0004]], "pool": [["floor_taiyuan", 0.0003]]},
    )  # fmt: skip


def _accounts(
    network: Network, flows: list[Flow], priced: list[Goods], hosts: list[Any]
) -> list[AccountLine]:
    sums: dict[tuple[str, str, str, str], float] = {}
    for flow, goods in zip(flows, priced, strict=True):
        at = [network.arc[a] for a in flow.arcs]
        for component, values in network.components(goods).items():
            assert component in COMPONENTS
            key = (component, flow.host_kind, flow.host_id, flow.industry_id)
            sums[key] = sums.get(key, 0.0) + float(values[at].sum()) * flow.teu / 1e6
    for kind, host, _, _, industry, output in hosts:
        wage = {"zone": 0.06, "rival": 0.055, "stay": 0.08}[kind]
        parts = {"labour": wage, "electricity": 0.012, "rent": 0.008, "admin": 0.001, "duty": 0.002}
        if kind != "stay":
            parts |= {"relocation": 0.011, "subsidy": -0.003}
        for component, share in parts.items():
            key = (component, kind, host, industry)
            sums[key] = sums.get(key, 0.0) + share * output
    return [AccountLine(c, k, h, i, "", v) for (c, k, h, i), v in sums.items() if v]


@lru_cache(maxsize=1)
def report_plan() -> Plan:
    return make_plan(report_instance(), report_network())


RUN_INFO = {
    "solver": "HiGHS 1.11.0",
    "options": {"gap": 1e-3, "time_limit_s": 60.0},
    "seed": 0,
    "threads": 2,
    "seconds": {"read": 0.4, "network": 0.2, "build": 0.9, "solve": 12.5},
}
