"""Tables of what is carried: flows, legs, arcs, and routes by gateway and corridor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.report.legs import COMPONENTS
from optimizer.report.names import ids

if TYPE_CHECKING:
    from optimizer.report.facts import Facts

MILLION = 1e6
MODE_ORDER = ("road", "rail", "block_train", "rail_broad", "barge", "sea", "air")


@dataclass(frozen=True, slots=True)
class Course:
    """What a chain of arcs passes: the gateway is the place in China at the border it crosses."""

    gateway_id: str  # "" where no border is crossed
    corridors: str
    modes: str  # of line haul, in travel order


def courses(facts: Facts) -> list[Course]:
    """Return the course of each flow of the plan."""
    arcs = facts.arcs
    inside = {p: int(row["in_china"]) == 1 for p, row in facts.places.items()}
    border: dict[str, str] = {}
    corridors: dict[str, tuple[str, ...]] = {}
    mode: dict[str, str] = {}
    for arc, kind, table, start, end, how, corridor in zip(
        arcs["arc"], arcs["kind"], arcs["table"], arcs["from_id"], arcs["to_id"], arcs["mode"],
        arcs["corridor_id"], strict=True,
    ):  # fmt: skip
        if inside[start] != inside[end]:
            border[arc] = start if inside[start] else end
        corridors[arc] = ids(corridor)
        if table == "links" and kind != "access":
            mode[arc] = how
    found: dict[tuple[str, ...], Course] = {}
    result = []
    for flow in facts.plan.flows:
        if flow.arcs not in found:
            gateways = [border[a] for a in flow.arcs if a in border]
            passed = dict.fromkeys(c for a in flow.arcs for c in corridors[a])
            modes = dict.fromkeys(mode[a] for a in flow.arcs if a in mode)
            found[flow.arcs] = Course(
                gateway_id=gateways[0] if gateways else "",
                corridors=";".join(passed),
                modes=";".join(modes),
            )
        result.append(found[flow.arcs])
    return result


def flows_table(facts: Facts) -> pd.DataFrame:
    """Return each flow with its ends, gateway, hours, kg per TEU and yearly money.

    ``flow`` is the number of the flow in plan.json, counted from 0.
    """
    flows, legs = facts.flows, facts.legs
    count = len(flows)
    number = legs["flow"].to_numpy()
    sums = {
        name: np.bincount(number, weights=legs[name].to_numpy(), minlength=count)
        for name in (
            "km", "hours", "sd_hours", "co2e_kg_per_teu", "money_cny_per_teu",
            "generalised_cny_per_teu",
        )
    }  # fmt: skip
    passed = courses(facts)
    names = facts.names
    hosts = [names.host(k, h) for k, h in zip(flows["host_kind"], flows["host_id"], strict=True)]
    teu = flows["teu"].to_numpy()
    return pd.DataFrame(
        {
            "flow": flows["flow"],
            "host_kind": flows["host_kind"],
            "host_id": flows["host_id"],
            "host": pd.Series([h[0] for h in hosts], dtype="str"),
            "host_zh": pd.Series([h[1] for h in hosts], dtype="str"),
            "form_id": flows["form_id"],
            "industry_id": flows["industry_id"],
            **_text(names.columns("industry", flows["industry_id"], "industry")),
            "goods": flows["goods"],
            "direction": flows["direction"],
            "input_id": flows["input_id"],
            "region_id": flows["region_id"],
            "place_id": flows["place_id"],
            **_text(names.columns("place", flows["place_id"], "place")),
            "gateway_id": pd.Series([c.gateway_id for c in passed], dtype="str"),
            **_text(names.columns("place", [c.gateway_id for c in passed], "gateway")),
            "corridor_id": pd.Series([c.corridors for c in passed], dtype="str"),
            "modes": pd.Series([c.modes for c in passed], dtype="str"),
            "teu": teu,
            **sums,
            "money_mcny": sums["money_cny_per_teu"] * teu / MILLION,
            "generalised_mcny": sums["generalised_cny_per_teu"] * teu / MILLION,
            "co2e_t": sums["co2e_kg_per_teu"] * teu / 1000,
            "legs_count": np.bincount(number, minlength=count),
        }
    )


def _text(columns: dict[str, list[str]]) -> dict[str, pd.Series]:
    return {name: pd.Series(values, dtype="str") for name, values in columns.items()}


def legs_table(facts: Facts) -> pd.DataFrame:
    """Return every leg of every flow with its table row, source, grade and cost by component."""
    legs = facts.legs
    at = legs["arc_number"].to_numpy()
    arcs = facts.arcs
    described = {
        name: arcs[name].take(at).reset_index(drop=True)
        for name in (
            "arc", "kind", "table", "row_id", "tariff_id", "grade", "tariff_grade", "source",
            "from_id", "to_id", "mode", "regime", "to_regime",
        )
    }  # fmt: skip
    numbers = ["teu", "km", "hours", "sd_hours", "co2e_kg_per_teu", "money_cny_per_teu"]
    numbers += ["generalised_cny_per_teu", *(f"{c}_cny_per_teu" for c in COMPONENTS)]
    frame = pd.DataFrame(
        {"flow": legs["flow"], "leg": legs["leg"], **described, **{n: legs[n] for n in numbers}}
    )
    frame["generalised_mcny"] = legs["generalised_cny_per_teu"] * legs["teu"] / MILLION
    return frame


def arcs_table(facts: Facts) -> pd.DataFrame:
    """Return one row per arc in use: TEU of the zones and of all hosts, money, source."""
    arcs, legs = facts.arcs, facts.legs
    count = len(arcs)

    def per_arc(frame: pd.DataFrame, values: pd.Series) -> np.ndarray:
        return np.bincount(
            frame["arc_number"].to_numpy(), weights=values.to_numpy(), minlength=count
        )

    zone = facts.zone_legs
    names = facts.names
    frame = pd.DataFrame(
        {
            "arc": arcs["arc"],
            "kind": arcs["kind"],
            "from_id": arcs["from_id"],
            **_text(names.columns("place", arcs["from_id"], "from")),
            "to_id": arcs["to_id"],
            **_text(names.columns("place", arcs["to_id"], "to")),
            "mode": arcs["mode"],
            "regime": arcs["regime"],
            "to_regime": arcs["to_regime"],
            "km": arcs["km"],
            "hours": arcs["hours"],
            "sd_hours": arcs["sd_hours"],
            "zone_teu": per_arc(zone, zone["teu"]),
            "teu": per_arc(legs, legs["teu"]),
            "money_mcny": per_arc(legs, legs["money_cny_per_teu"] * legs["teu"] / MILLION),
            "generalised_mcny": per_arc(
                legs, legs["generalised_cny_per_teu"] * legs["teu"] / MILLION
            ),
            "co2e_t": per_arc(legs, legs["co2e_kg_per_teu"] * legs["teu"] / 1000),
            "table": arcs["table"],
            "row_id": arcs["row_id"],
            "tariff_id": arcs["tariff_id"],
            "grade": arcs["grade"],
            "tariff_grade": arcs["tariff_grade"],
            "source": arcs["source"],
        }
    )
    return frame.sort_values("zone_teu", ascending=False, kind="stable").reset_index(drop=True)


def routes_table(facts: Facts, flows: pd.DataFrame) -> pd.DataFrame:
    """Return the zones' goods grouped by direction, gateway, corridors and modes.

    Hours, spread, km and money per TEU are means weighted by TEU.
    """
    chosen = flows[(flows["host_kind"] == "zone") & (flows["legs_count"] > 0)].copy()
    chosen["mode_set"] = [_sorted_modes(m) for m in chosen["modes"]]
    keys = ["direction", "gateway_id", "corridor_id", "mode_set"]
    total = float(chosen["teu"].sum())
    rows = []
    for (direction, gateway, corridors, modes), group in chosen.groupby(keys, sort=False):
        teu = float(group["teu"].sum())
        mean = {
            c: float(np.dot(group[c], group["teu"])) / teu if teu else float("nan")
            for c in ("km", "hours", "sd_hours", "money_cny_per_teu", "generalised_cny_per_teu")
        }
        ends = group.groupby("place_id")["teu"].sum().sort_values(ascending=False, kind="stable")
        rows.append(
            {
                "direction": direction,
                "gateway_id": gateway,
                "gateway": facts.names.en("place", gateway) if gateway else "",
                "gateway_zh": facts.names.zh("place", gateway) if gateway else "",
                "corridor_id": corridors,
                "modes": modes,
                "places": "; ".join(facts.names.both("place", p) for p in ends.index[:4])
                + (f" +{len(ends) - 4}" if len(ends) > 4 else ""),
                "zones_count": int(group["host_id"].nunique()),
                "teu": teu,
                "teu_share": teu / total if total else float("nan"),
                **mean,
                "money_mcny": float(group["money_mcny"].sum()),
                "generalised_mcny": float(group["generalised_mcny"].sum()),
                "co2e_t": float(group["co2e_t"].sum()),
                "flows_count": len(group),
                "main_flow": int(group["flow"].iloc[int(np.argmax(group["teu"]))]),
            }
        )
    columns = _ROUTE_COLUMNS
    frame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    return frame.sort_values("teu", ascending=False, kind="stable").reset_index(drop=True)


_ROUTE_COLUMNS = {
    "direction": "str", "gateway_id": "str", "gateway": "str", "gateway_zh": "str",
    "corridor_id": "str", "modes": "str", "places": "str", "zones_count": "int64",
    "teu": "float64", "teu_share": "float64", "km": "float64", "hours": "float64",
    "sd_hours": "float64", "money_cny_per_teu": "float64", "generalised_cny_per_teu": "float64",
    "money_mcny": "float64", "generalised_mcny": "float64", "co2e_t": "float64",
    "flows_count": "int64", "main_flow": "int64",
}  # fmt: skip


def _sorted_modes(modes: str) -> str:
    present = set(ids(modes))
    return ";".join(m for m in MODE_ORDER if m in present)
