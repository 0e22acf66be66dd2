# ruff: noqa: E501 (rows of tables read better on one line)
"""A small instance with a bit of everything, and one plan for it worked by hand.

Electronics (E, 100 mcny) and assembly (A, 40 mcny, moves whole) leave Guangdong (O). Zone Z1 lies at
a road and a rail link to the port P, zone Z2 500 km off; the world W buys everything and sells
chips; the rival R lies abroad. The discount rate is 0, so capital costs 1 / life a year. Every TEU is
worth 1,000,000 CNY and the carrying rate is 0.0876: one hour costs 10 CNY per TEU, one hour of spread
5 (service factor 0.5), 100 kg of CO2e 10 (100 CNY per tonne).

Per TEU on the way between Z1 and W (CNY):

| | money | hours | spread h | kg |
| output by road | 10 gate + 1000 + 100 lift + 50 customs + 2000 sea | 10 + 5 + 100 | 10 | 100 |
| output by rail | 20 gate + 400 + 150 lift + 50 customs + 2000 sea | 30 + 5 + 100 | 12.12 + 10 | 100 |
| chips by road | 2000 sea + 100 lift + 60 customs + 1000 + 10 gate | 115 | 10 | 100 |

The train leaves 4 times a week: 21 h of mean wait on 9 h, spread 42 / sqrt(12).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from verify_tables import BareInstance, bare_instance

from optimizer.plan.plan import AccountLine, Flow, Move, Plan, Question, Status

SETTINGS = {
    "carrying_rate": 0.0876,
    "service_factor": 0.5,
    "emission_cny_per_tonne": 100.0,
    "discount_rate": 0.0,
    "road_detour_factor": 1.3,
    "road_speed_km_per_hour": 60.0,
}
TRAIN_SPREAD = 168 / 4 / math.sqrt(12)


def hand_rows() -> dict[str, list[dict[str, Any]]]:
    def place(name: str, kind: str, china: int, latitude: float = 35.0) -> dict[str, Any]:
        return {
            "place_id": name,
            "kind": kind,
            "in_china": china,
            "latitude_deg": latitude,
            "longitude_deg": 112.0,
        }

    def link(
        name: str, tail: str, head: str, mode: str, cny: float, hours: float, **more: Any
    ) -> dict[str, Any]:
        return {
            "link_id": name, "tail_place_id": tail, "head_place_id": head, "mode": mode, "km": 1000.0,
            "tariff_id": mode, "cost_cny_per_teu": cny, "hours": hours, "sd_hours": 0.0,
        } | more  # fmt: skip

    def transfer(
        name: str, place_id: str, a: str, b: str, cny: float, hours: float = 0.0
    ) -> dict[str, Any]:
        return {
            "transfer_id": name,
            "place_id": place_id,
            "from_mode": a,
            "to_mode": b,
            "cost_cny_per_teu": cny,
            "hours": hours,
        }

    def customs(name: str, before: str, after: str, cny: float, **more: Any) -> dict[str, Any]:
        return {
            "customs_id": name,
            "place_id": "P",
            "from_regime": before,
            "to_regime": after,
            "cost_cny_per_teu": cny,
        } | more

    return {
        "places": [
            place("O", "origin", 1), place("Z1", "zone", 1), place("Z2", "zone", 1, 39.5), place("P", "sea_port", 1),
            place("W", "market", 0), place("R", "rival", 0),
        ],
        "tariffs": [
            {"tariff_id": "road", "mode": "road", "speed_km_per_hour": 50.0},
            {"tariff_id": "rail", "mode": "rail", "speed_km_per_hour": 50.0},
            {"tariff_id": "sea", "mode": "sea", "speed_km_per_hour": 30.0, "co2e_kg_per_teu_km": 0.1},
        ],
        "services": [
            {"service_id": "train", "departures_per_week": 4.0, "min_load_teu_per_year": 30.0,
             "capacity_teu_per_year": 50.0, "fixed_mcny_per_year": 0.05},
        ],
        "bottlenecks": [{"bottleneck_id": "lift", "capacity_teu_per_year": 45.0}],
        "links": [
            link("road1", "Z1", "P", "road", 1000.0, 10.0),
            link("rail1", "Z1", "P", "rail", 400.0, 9.0, service_id="train", bottleneck_id="lift"),
            link("road2", "Z2", "P", "road", 1500.0, 12.0),
            link("bypass", "Z1", "P", "road", 900.0, 9.0, needs_project=1),
            link("coal", "Z1", "P", "road", 1.0, 1.0, closed=1),
            link("oneway", "P", "Z2", "road", 800.0, 8.0, both_ways=0),
            link("roadO", "O", "P", "road", 200.0, 2.0),
            link("seaW", "P", "W", "sea", 2000.0, 100.0, sd_hours=10.0, corridor_id="east"),
            link("seaR", "R", "W", "sea", 1000.0, 50.0),
        ],
        "transfers": [
            transfer("gate1", "Z1", "gate", "road", 10.0), transfer("siding1", "Z1", "gate", "rail", 20.0),
            transfer("gate2", "Z2", "gate", "road", 10.0), transfer("gateO", "O", "gate", "road", 10.0),
            transfer("quay", "P", "road", "sea", 100.0, 5.0), transfer("railquay", "P", "rail", "sea", 150.0, 5.0),
            transfer("gateW", "W", "gate", "sea", 0.0), transfer("gateR", "R", "gate", "sea", 0.0),
        ],
        "customs": [
            customs("exit", "export_cleared", "foreign", 50.0), customs("bond", "foreign", "bonded", 60.0),
            customs("import", "foreign", "domestic", 70.0, duty_share=1.0, vat_days=50.0),
        ],
        "forms": [
            {"form_id": "handbook", "import_regime": "bonded", "home_regime": "domestic", "export_regime": "export_cleared",
             "sale_regime": "domestic", "admin_share_of_output": 0.001, "deposit_share_of_imports": 0.01},
            {"form_id": "general", "import_regime": "domestic", "home_regime": "domestic", "export_regime": "export_cleared",
             "sale_regime": "domestic", "vat_refund_days": 100.0, "vat_loss_share": 1.0},
            {"form_id": "abroad", "import_regime": "foreign", "home_regime": "foreign", "export_regime": "foreign",
             "sale_regime": "foreign"},
        ],
        "factors": [{"factor_id": "floor"}, {"factor_id": "labour"}, {"factor_id": "building"}],
        "industries": [
            {"industry_id": "E", "cluster_id": "ict", "output_value_cny_per_teu": 1e6, "output_tonnes_per_teu": 10.0,
             "workers_per_mcny": 2.0, "relocation_cny_per_mcny": 1e5, "relocation_life_years": 10.0,
             "host_setup_mcny_per_year": 0.5, "min_scale_mcny_per_year": 50.0, "vat_rate": 0.13, "refund_rate": 0.13},
            {"industry_id": "A", "cluster_id": "ict", "output_value_cny_per_teu": 1e6, "output_tonnes_per_teu": 10.0,
             "workers_per_mcny": 3.0, "relocation_cny_per_mcny": 1e5, "relocation_life_years": 10.0,
             "host_setup_mcny_per_year": 0.25, "vat_rate": 0.13, "refund_rate": 0.10},
        ],
        "industry_factors": [
            {"industry_id": "E", "factor_id": "floor", "use_per_mcny": 100.0},
            {"industry_id": "A", "factor_id": "floor", "use_per_mcny": 50.0},
            {"industry_id": "E", "factor_id": "labour", "use_per_mcny": 2.0},
            {"industry_id": "A", "factor_id": "labour", "use_per_mcny": 3.0},
        ],
        "regions": [
            {"region_id": "world", "role": "source", "place_id": "W", "share": 1.0},
            {"region_id": "near", "role": "source", "place_id": "@local", "share": 1.0},
            {"region_id": "world", "role": "market", "place_id": "W", "share": 1.0},
        ],
        "inputs": [
            {"industry_id": "E", "input_id": "chips", "region_id": "world", "share_of_output_value": 0.5,
             "tonnes_per_teu": 5.0, "value_cny_per_teu": 1e6, "duty_rate": 0.05},
            {"industry_id": "E", "input_id": "parts", "region_id": "near", "share_of_output_value": 0.2, "value_cny_per_teu": 1e6},
            {"industry_id": "A", "input_id": "parts", "region_id": "near", "share_of_output_value": 0.4, "value_cny_per_teu": 1e6},
        ],
        "outputs": [
            {"industry_id": "E", "region_id": "world", "share": 1.0}, {"industry_id": "A", "region_id": "world", "share": 1.0},
        ],
        "factor_prices": [
            {"factor_region_id": "shanxi", "wage_cny_per_year": 5e4, "relocation_subsidy_share": 0.1},
            {"factor_region_id": "abroad", "wage_cny_per_year": 3e4},
        ],
        "zones": [
            {"zone_id": "Z1", "zone_kind": "hightech_zone", "prefecture_id": "north", "factor_region_id": "shanxi",
             "open_mcny": 20.0, "open_life_years": 20.0, "open_mcny_per_year": 0.5},
            {"zone_id": "Z2", "zone_kind": "chemical_park", "prefecture_id": "south", "factor_region_id": "shanxi",
             "open_mcny": 10.0, "open_life_years": 10.0},
        ],
        "eligibility": [
            {"zone_id": "Z1", "industry_id": "E", "form_id": "handbook"},
            {"zone_id": "Z1", "industry_id": "A", "form_id": "general"},
            {"zone_id": "Z2", "industry_id": "A", "form_id": "general"},
        ],
        "rivals": [
            {"rival_id": "R", "factor_region_id": "abroad", "form_id": "abroad", "capacity_mcny_per_year": 25.0,
             "max_share_of_block": 0.3, "industry_id": "E", "margin_share_of_output": 0.02},
        ],
        "rival_limits": [{"rival_id": "R", "factor_id": "labour", "endowment": 44.0}],
        "origins": [{"origin_id": "O", "place_id": "O", "form_id": "general"}],
        "blocks": [
            {"origin_id": "O", "industry_id": "E", "volume_mcny_per_year": 100.0, "wage_cny_per_year": 8e4,
             "stay_premium_share_of_output": 0.01, "may_stay": 1},
            {"origin_id": "O", "industry_id": "A", "volume_mcny_per_year": 40.0, "wage_cny_per_year": 8e4, "whole": 1,
             "may_stay": 1},
        ],
        "moves": [{"origin_id": "O", "industry_id": "E", "zone_id": "Z1", "cost_cny_per_mcny_year": 500.0}],
        "pools": [
            {"pool_id": "floor1", "factor_id": "floor", "endowment": 6000.0},
            {"pool_id": "labour", "factor_id": "labour", "endowment": 200.0, "increment_max": 50.0,
             "increment_cny_per_unit_year": 1000.0},
            {"pool_id": "build", "factor_id": "building", "endowment": 2.0},
        ],
        "pool_members": [
            {"pool_id": "floor1", "zone_id": "Z1"}, {"pool_id": "labour", "zone_id": "Z1"}, {"pool_id": "labour", "zone_id": "Z2"},
        ],
        "modules": [
            {"module_id": "hall", "zone_id": "Z1", "max_count": 3.0, "pool_id": "floor1", "adds_per_module": 1000.0,
             "uses_pool_id": "build", "uses_per_module": 1.0, "capital_mcny": 4.0, "life_years": 20.0,
             "upkeep_mcny_per_year": 0.1},
        ],
        "projects": [
            {"project_id": "expressway", "capital_mcny": 50.0, "life_years": 25.0, "excludes_project_id": "status"},
            {"project_id": "status", "capital_mcny": 5.0, "life_years": 25.0, "needs_project_id": "study"},
            {"project_id": "study", "capital_mcny": 2.0, "life_years": 25.0},
        ],
        "project_effects": [
            {"project_id": "expressway", "effect": "opens_link", "element_id": "bypass"},
            {"project_id": "status", "effect": "allows_form", "element_id": "Z1:general"},
        ],
        "chains": [
            {"chain_id": "ict", "leader_industry_id": "E", "follower_industry_id": "A", "max_hours": 5.0},
        ],
        "agglomeration": [
            {"cluster_id": "ict", "point": k, "volume_mcny_per_year": v, "cost_change_mcny_per_year": c}
            for k, (v, c) in enumerate([(0.0, 0.0), (50.0, -2.0), (120.0, 1.5)])
        ],
        "rules": [
            {"rule_id": "two", "kind": "max_zones", "value": 1.0, "text": "one zone at most"},
            {"rule_id": "purse", "kind": "budget_mcny", "value": 40.0, "text": "capital"},
            {"rule_id": "parks", "kind": "industry_not_in_zone_kind", "industry_id": "E", "zone_kind": "chemical_park"},
        ],
    }  # fmt: skip


def hand_instance(**changes: Any) -> BareInstance:
    """The instance, with other rows for the tables that are given."""
    return bare_instance(hand_rows() | changes, **SETTINGS) if changes else _unchanged()


@cache
def _unchanged() -> BareInstance:
    return bare_instance(hand_rows(), **SETTINGS)


OUT_ROAD = (
    "transfer:gate1:fwd:export_cleared", "link:road1:fwd:export_cleared", "transfer:quay:fwd:export_cleared",
    "customs:exit:sea", "link:seaW:fwd:foreign", "transfer:gateW:rev:foreign",
)  # fmt: skip
OUT_RAIL = (
    "transfer:siding1:fwd:export_cleared", "link:rail1:fwd:export_cleared", "transfer:railquay:fwd:export_cleared",
    "customs:exit:sea", "link:seaW:fwd:foreign", "transfer:gateW:rev:foreign",
)  # fmt: skip
IN_ROAD = (
    "transfer:gateW:fwd:foreign", "link:seaW:rev:foreign", "transfer:quay:rev:foreign", "customs:bond:road",
    "link:road1:rev:bonded", "transfer:gate1:rev:bonded",
)  # fmt: skip
OUT_STAY = (
    "transfer:gateO:fwd:export_cleared", "link:roadO:fwd:export_cleared", "transfer:quay:fwd:export_cleared",
    "customs:exit:sea", "link:seaW:fwd:foreign", "transfer:gateW:rev:foreign",
)  # fmt: skip
IN_STAY = (
    "transfer:gateW:fwd:foreign", "link:seaW:rev:foreign", "customs:import:sea", "transfer:quay:rev:domestic",
    "link:roadO:rev:domestic", "transfer:gateO:rev:domestic",
)  # fmt: skip
OUT_RIVAL = ("transfer:gateR:fwd:foreign", "link:seaR:fwd:foreign", "transfer:gateW:rev:foreign")
IN_RIVAL = ("transfer:gateW:fwd:foreign", "link:seaR:rev:foreign", "transfer:gateR:rev:foreign")
E_OUT, E_IN, A_OUT = "out:E:world:W", "in:E:chips:world:W", "out:A:world:W"

# CNY of the whole plan by line: 60 mcny of E to Z1 (40 TEU out by rail, 20 by road, 30 TEU of chips in),
# 40 of A to Z1, 20 of E to R (20 TEU out, 10 in), 20 of E stays (20 out, 10 in)
LINES: dict[tuple[str, str, str, str], float] = {
    ("labour", "zone", "Z1", "E"): 60 * 2 * 50_000,
    ("relocation", "zone", "Z1", "E"): 60 * (10_000 + 500),
    ("subsidy", "zone", "Z1", "E"): -60 * 1_000,
    ("admin", "zone", "Z1", "E"): 60 * 1_000,
    ("deposit", "zone", "Z1", "E"): 60 * 0.01 * 0.5 * 1e6,
    ("freight", "zone", "Z1", "E"): 40 * 2_400 + 20 * 3_000 + 30 * 3_000,
    ("handling", "zone", "Z1", "E"): 40 * 170 + 20 * 110 + 30 * 110,
    ("declaration", "zone", "Z1", "E"): 60 * 50 + 30 * 60,
    ("inventory", "zone", "Z1", "E"): 40 * 1_350 + 50 * 1_150,
    ("reliability", "zone", "Z1", "E"): 5 * (40 * (TRAIN_SPREAD + 10) + 50 * 10),
    ("emission", "zone", "Z1", "E"): 90 * 10,
    ("setup", "zone", "Z1", "E"): 0.5e6,
    ("labour", "zone", "Z1", "A"): 40 * 3 * 50_000,
    ("relocation", "zone", "Z1", "A"): 40 * 10_000,
    ("subsidy", "zone", "Z1", "A"): -40 * 1_000,
    ("vat_financing", "zone", "Z1", "A"): 40 * 0.024 * 0.13 * 0.4 * 1e6,
    ("vat_loss", "zone", "Z1", "A"): 40 * 0.03 * 0.4 * 1e6,
    ("freight", "zone", "Z1", "A"): 40 * 3_000,
    ("handling", "zone", "Z1", "A"): 40 * 110,
    ("declaration", "zone", "Z1", "A"): 40 * 50,
    ("inventory", "zone", "Z1", "A"): 40 * 1_150,
    ("reliability", "zone", "Z1", "A"): 40 * 50,
    ("emission", "zone", "Z1", "A"): 40 * 10,
    ("setup", "zone", "Z1", "A"): 0.25e6,
    ("opening", "zone", "Z1", ""): 1.5e6,
    ("modules", "zone", "Z1", ""): 2 * 0.3e6,
    ("increments", "", "labour", ""): 40 * 1_000,
    ("services", "", "train", ""): 0.05e6,
    ("agglomeration", "zone", "Z1", ""): 0.5e6,  # at 100 mcny: -2 + 3.5 x 50 / 70
    ("labour", "rival", "R", "E"): 20 * 2 * 30_000,
    ("relocation", "rival", "R", "E"): 20 * 10_000,
    ("margin", "rival", "R", "E"): 20 * 20_000,
    ("freight", "rival", "R", "E"): 30 * 1_000,
    ("inventory", "rival", "R", "E"): 30 * 500,
    ("emission", "rival", "R", "E"): 30 * 10,
    ("labour", "stay", "O", "E"): 20 * 2 * 80_000,
    ("margin", "stay", "O", "E"): 20 * 10_000,
    ("vat_financing", "stay", "O", "E"): 20 * 0.024 * 0.13 * 0.2 * 1e6
    + 10 * 0.012 * 0.13 * 1.05 * 1e6,
    ("freight", "stay", "O", "E"): 30 * 2_200,
    ("handling", "stay", "O", "E"): 30 * 110,
    ("declaration", "stay", "O", "E"): 20 * 50 + 10 * 70,
    ("duty", "stay", "O", "E"): 10 * 0.05 * 1e6,
    ("inventory", "stay", "O", "E"): 30 * 1_070,
    ("reliability", "stay", "O", "E"): 30 * 50,
    ("emission", "stay", "O", "E"): 30 * 10,
}
COST = math.fsum(LINES.values()) / 1e6

# CNY per mcny that stays; the goods of A cost 2,200 + 110 + 50 + 1,070 + 50 + 10 a TEU
STAY_E = math.fsum(v for (_, kind, _, _), v in LINES.items() if kind == "stay") / 20
STAY_A = 240_000 + 0.024 * 0.13 * 0.4 * 1e6 + 0.03 * 0.4 * 1e6 + 3_490
STAY_COST = (100 * STAY_E + 40 * STAY_A) / 1e6


def hand_plan(**changes: Any) -> Plan:
    """The plan that goes with `hand_instance`."""
    fields: dict[str, Any] = {
        "instance_id": "hand",
        "instance_hash": "hash-of-hand",
        "question": Question(target_mcny=90.0, industry_targets=(("A", 40.0),), budget_mcny=30.0),
        "status": Status.OPTIMAL,
        "stop_reason": "gap 0.0005 reached",
        "objective": COST,
        "bound": COST * (1 - 5e-4),
        "cost_mcny": COST,
        "stay_cost_mcny": STAY_COST,
        "open_zones": ("Z1",),
        "hosts": (("Z1", "E"), ("Z1", "A")),
        "moves": (Move("O", "E", "Z1", "handbook", 60.0), Move("O", "A", "Z1", "general", 40.0)),
        "stays": (("O", "E", 20.0),),
        "rivals": (("O", "E", "R", 20.0),),
        "modules": (("hall", 2),),
        "increments": (("labour", 40.0),),
        "projects": (),
        "services": ("train",),
        "flows": (
            Flow("zone", "Z1", "handbook", "E", E_OUT, 40.0, OUT_RAIL),
            Flow("zone", "Z1", "handbook", "E", E_OUT, 20.0, OUT_ROAD),
            Flow("zone", "Z1", "handbook", "E", E_IN, 30.0, IN_ROAD),
            Flow("zone", "Z1", "general", "A", A_OUT, 40.0, OUT_ROAD),
            Flow("rival", "R", "abroad", "E", E_OUT, 20.0, OUT_RIVAL),
            Flow("rival", "R", "abroad", "E", E_IN, 10.0, IN_RIVAL),
            Flow("stay", "O", "general", "E", E_OUT, 20.0, OUT_STAY),
            Flow("stay", "O", "general", "E", E_IN, 10.0, IN_STAY),
        ),
        "accounts": tuple(
            AccountLine(component, kind, host, industry, "O" if industry and component != "setup" else "", cny / 1e6)
            for (component, kind, host, industry), cny in LINES.items()
        ),
        "certificate": {},
    }  # fmt: skip
    return Plan(**(fields | changes))
