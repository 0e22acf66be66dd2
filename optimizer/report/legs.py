"""Every leg of every flow, traced to its table row and priced as the network prices it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.report.names import filled, ids, indexed

if TYPE_CHECKING:
    from networks.network import Goods
    from optimizer.report.facts import Facts

MONEY = ("freight", "handling", "declaration", "duty", "vat_financing", "subsidy")
COMPONENTS = (*MONEY, "inventory", "reliability", "emission")
LOGISTICS_ONLY = tuple(c for c in COMPONENTS if c not in ("duty", "vat_financing", "subsidy"))
ARC_COLUMNS = (
    "arc", "kind", "table", "row_id", "from_id", "to_id", "mode", "regime", "to_regime",
    "corridor_id", "bottleneck_id", "service_id", "grade", "source", "tariff_id", "tariff_grade",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GoodsKey:
    """The parts of a goods key (docs/formulas.md)."""

    direction: str  # in or out
    industry_id: str
    input_id: str  # "" for output
    region_id: str
    place_id: str


def parse_goods(key: str) -> GoodsKey:
    """Return the parts of a goods key; a key of another shape is a ValueError."""
    parts = key.split(":")
    if len(parts) == 5 and parts[0] == "in":
        return GoodsKey("in", *parts[1:])
    if len(parts) == 4 and parts[0] == "out":
        return GoodsKey("out", parts[1], "", parts[2], parts[3])
    raise ValueError(f"{key!r} is not a goods key: in:INDUSTRY:INPUT:REGION:PLACE or out:...")


def arc_table(facts: Facts) -> pd.DataFrame:
    """Return one row per arc that the plan uses: the table row behind it, and where it leads."""
    keys = dict.fromkeys(key for flow in facts.plan.flows for key in flow.arcs)
    rows = {
        "links": indexed(facts.table("links"), "link_id"),
        "transfers": indexed(facts.table("transfers"), "transfer_id"),
        "customs": indexed(facts.table("customs"), "customs_id"),
    }
    tariffs = indexed(facts.table("tariffs"), "tariff_id")
    found = [_arc(key, facts, rows, tariffs) for key in keys]
    frame = pd.DataFrame(found, columns=list(ARC_COLUMNS), dtype="str")
    numbers = [facts.network.arc[key] for key in keys]
    for column in ("km", "hours", "sd_hours"):
        frame[column] = getattr(facts.network, column)[np.array(numbers, dtype=np.int64)]
    return frame


def _arc(key: str, facts: Facts, rows: dict[str, Any], tariffs: dict[Any, Any]) -> list[str]:
    network = facts.network
    if key not in network.arc:
        raise ValueError(
            f"the plan uses arc {key!r}, which this instance does not have: the plan belongs to "
            "another instance"
        )
    at = network.arc[key]
    (tail, _, before), (head, _, after) = (
        network.node_keys[network.tail[at]],
        network.node_keys[network.head[at]],
    )
    table, row_id = str(network.element_table[at]), str(network.element_id[at])
    row = rows[table][row_id]
    tariff_id = ""
    if table == "links" and math.isnan(row["cost_cny_per_teu"]):
        tariff_id = str(row["tariff_id"])
    return [
        key, str(network.kind[at]), table, row_id, tail, head, str(network.mode[at]), before, after,
        ";".join(ids(row.get("corridor_id"))), ";".join(ids(row["bottleneck_id"])),
        filled(row.get("service_id")), str(row["grade"]), filled(row["source"]),
        tariff_id, str(tariffs[tariff_id]["grade"]) if tariff_id else "",
    ]  # fmt: skip


def leg_table(facts: Facts) -> pd.DataFrame:
    """Return one row per leg of a flow: hours, kg and each cost component per TEU, and TEU.

    ``flow`` is the number of the flow in the plan, ``arc_number`` the row in `arc_table`.
    """
    position = {key: n for n, key in enumerate(facts.arcs["arc"])}
    lengths = [len(flow.arcs) for flow in facts.plan.flows]
    flow = np.repeat(np.arange(len(lengths)), lengths)
    leg = [step for length in lengths for step in range(1, length + 1)]
    arc = [position[key] for one in facts.plan.flows for key in one.arcs]
    at = np.array([facts.network.arc[key] for key in facts.arcs["arc"]], dtype=np.int64)[
        np.array(arc, dtype=np.int64)
    ]
    frame = pd.DataFrame(
        {"flow": flow, "leg": np.array(leg, dtype=np.int64), "arc_number": arc}
    ).astype("int64")
    frame["teu"] = facts.flows["teu"].to_numpy()[flow]
    for name in ("km", "hours", "sd_hours"):
        frame[name] = getattr(facts.network, name)[at]
    return frame.assign(**_prices(facts, flow, at))


def _prices(facts: Facts, flow: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
    """Return kg and CNY by component of each leg. Equal goods are priced once for all arcs."""
    columns = {f"{name}_cny_per_teu": np.zeros(len(at)) for name in COMPONENTS}
    kg = np.zeros(len(at))
    goods_of: dict[str, int] = {}
    same: dict[Any, int] = {}
    for one in facts.plan.flows:
        if one.arcs and one.goods not in goods_of:
            goods_of[one.goods] = same.setdefault(_goods(facts, one.goods), len(same))
    number = np.array([goods_of.get(one.goods, -1) for one in facts.plan.flows], dtype=np.int64)
    of_leg = number[flow] if len(flow) else np.zeros(0, dtype=np.int64)
    order = np.argsort(of_leg, kind="stable")
    bounds = np.searchsorted(of_leg[order], np.arange(len(same) + 1))
    for goods, index in same.items():
        here = order[bounds[index] : bounds[index + 1]]
        priced = facts.network.components(goods)
        if set(priced) != set(COMPONENTS):
            raise ValueError(f"the network prices {sorted(priced)}, the report {COMPONENTS}")
        for name, values in priced.items():
            columns[f"{name}_cny_per_teu"][here] = values[at[here]]
        kg[here] = facts.network.co2e_kg(goods)[at[here]]
    money = sum((columns[f"{name}_cny_per_teu"] for name in MONEY), np.zeros(len(at)))
    total = sum(columns.values(), np.zeros(len(at)))
    return columns | {
        "money_cny_per_teu": money,
        "generalised_cny_per_teu": total,
        "co2e_kg_per_teu": kg,
    }


def _goods(facts: Facts, key: str) -> Goods:
    """Return weight, value and tax rates of a goods key, without id: equals are equal."""
    from networks.network import Goods

    parts = parse_goods(key)
    industry = facts.industries[parts.industry_id]
    if parts.direction == "out":
        return Goods(
            goods_id="",
            tonnes_per_teu=float(industry["output_tonnes_per_teu"]),
            value_cny_per_teu=float(industry["output_value_cny_per_teu"]),
            duty_rate=float(industry["output_duty_rate"]),
            vat_rate=float(industry["vat_rate"]),
        )
    row = facts.inputs[parts.industry_id, parts.input_id, parts.region_id]
    return Goods(
        goods_id="",
        tonnes_per_teu=float(row["tonnes_per_teu"]),
        value_cny_per_teu=float(row["value_cny_per_teu"]),
        duty_rate=float(row["duty_rate"]),
        vat_rate=float(industry["vat_rate"]),
    )
