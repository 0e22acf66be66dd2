"""Tables of what goes where and what it costs: siting, moves, stays, rivals, accounts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.report.names import filled

if TYPE_CHECKING:
    from optimizer.report.facts import Facts

HOSTS = {"zone": "moved", "rival": "rival", "stay": "stayed", "": "common"}
# Order of components in tables and charts; anything else an account holds comes after these.
COMPONENT_ORDER = (
    "labour", "electricity", "water", "rent", "relocation", "margin", "opening", "setup", "modules",
    "increments", "projects", "services", "agglomeration", "freight", "handling", "declaration",
    "inventory", "reliability", "emission", "duty", "vat_financing", "vat_loss", "admin",
    "deposit", "subsidy",
)  # fmt: skip


def siting_table(facts: Facts) -> pd.DataFrame:
    """Return one row per zone that is open or takes output, the largest first."""
    moves, names = facts.moves, facts.names
    by_zone = moves.groupby("zone_id")["output_mcny"].sum()
    order = list(by_zone.sort_values(ascending=False, kind="stable").index)
    zones = order + [z for z in facts.plan.open_zones if z not in by_zone.index]
    total = float(by_zone.sum())
    cost = _by_host(facts, "zone")
    teu = _teu_by_zone(facts)
    industries = {
        zone: list(
            group.groupby("industry_id")["output_mcny"].sum().sort_values(ascending=False).index
        )
        for zone, group in moves.groupby("zone_id")
    }
    modules = _modules(facts)
    rows = []
    for rank, zone in enumerate(zones, start=1):
        absorbed = float(by_zone.get(zone, 0.0))
        hosted = industries.get(zone, [])
        zone_cost = cost.get(zone, 0.0)
        row = {
            "rank": rank,
            "zone_id": zone,
            "zone": names.en("place", zone),
            "zone_zh": names.zh("place", zone),
            "zone_kind": filled(facts.zones[zone]["zone_kind"]),
            "prefecture": facts.prefectures[zone],
            "status": filled(facts.zones[zone]["status"]),
            "industries": "; ".join(names.en("industry", i) for i in hosted),
            "industries_zh": ";".join(names.zh("industry", i) for i in hosted),
            "absorbed_mcny": absorbed,
            "absorbed_share": absorbed / total if total else 0.0,
        }
        for form in facts.table("forms")["form_id"]:
            chosen = moves[(moves["zone_id"] == zone) & (moves["form_id"] == form)]
            if (moves["form_id"] == form).any():
                row[f"{form}_mcny"] = float(chosen["output_mcny"].sum())
        row |= {
            "modules": modules.get(zone, ""),
            "cost_mcny": zone_cost,
            "cost_per_output_share": zone_cost / absorbed if absorbed else float("nan"),
            "jobs_persons": _jobs(facts, moves[moves["zone_id"] == zone]),
            "teu_in": teu.get((zone, "in"), 0.0),
            "teu_out": teu.get((zone, "out"), 0.0),
        }
        rows.append(row)
    if not rows:
        return pd.DataFrame(columns=list(_EMPTY_SITING)).astype(_EMPTY_SITING)
    return pd.DataFrame(rows)


_EMPTY_SITING = {
    "rank": "int64", "zone_id": "str", "zone": "str", "zone_zh": "str", "zone_kind": "str",
    "prefecture": "str", "status": "str", "industries": "str", "industries_zh": "str",
    "absorbed_mcny": "float64", "absorbed_share": "float64", "modules": "str",
    "cost_mcny": "float64", "cost_per_output_share": "float64", "jobs_persons": "float64",
    "teu_in": "float64", "teu_out": "float64",
}  # fmt: skip


def _jobs(facts: Facts, moves: pd.DataFrame) -> float:
    """Return the workers that moved output needs, at the industry's figure."""
    workers = [float(facts.industries[i]["workers_per_mcny"]) for i in moves["industry_id"]]
    return float(np.dot(workers, moves["output_mcny"].to_numpy())) if len(moves) else 0.0


def jobs(facts: Facts) -> float:
    """Return the workers in all zones that the plan's moves need."""
    return _jobs(facts, facts.moves)


def _by_host(facts: Facts, kind: str) -> dict[str, float]:
    lines = facts.accounts[facts.accounts["host_kind"] == kind]
    return {str(k): float(v) for k, v in lines.groupby("host_id")["mcny"].sum().items()}


def _teu_by_zone(facts: Facts) -> dict[tuple[str, str], float]:
    flows = facts.flows[facts.flows["host_kind"] == "zone"]
    sums = flows.groupby(["host_id", "direction"])["teu"].sum()
    return {key: float(value) for key, value in sums.items()}  # type: ignore[misc]


def _modules(facts: Facts) -> dict[str, str]:
    """Return the modules built in each zone as text: "3 x Standard factory block"."""
    zone_of = dict(
        zip(facts.table("modules")["module_id"], facts.table("modules")["zone_id"], strict=True)
    )
    texts: dict[str, list[str]] = {}
    for module, count in facts.plan.modules:
        if count:
            zone = str(zone_of[module])
            # Modules are often named after their zone, which the row names already.
            name = facts.names.en("module", module).replace(facts.names.en("place", zone), "")
            texts.setdefault(zone, []).append(f"{count} × {name.strip(' ,:-')}")
    return {zone: "; ".join(found) for zone, found in texts.items()}


def moves_table(facts: Facts) -> pd.DataFrame:
    """Return the moved output by origin, industry, zone and trade form, the largest first."""
    moves = facts.moves.sort_values("output_mcny", ascending=False, kind="stable")
    volume = [
        float(facts.blocks[o, i]["volume_mcny_per_year"])
        for o, i in zip(moves["origin_id"], moves["industry_id"], strict=True)
    ]
    return pd.DataFrame(
        {
            "origin_id": moves["origin_id"],
            **facts.names.columns("origin", moves["origin_id"], "origin"),
            "industry_id": moves["industry_id"],
            **facts.names.columns("industry", moves["industry_id"], "industry"),
            "zone_id": moves["zone_id"],
            **facts.names.columns("place", moves["zone_id"], "zone"),
            "form_id": moves["form_id"],
            **facts.names.columns("form", moves["form_id"], "form"),
            "output_mcny": moves["output_mcny"],
            "block_share": _ratio(moves["output_mcny"], np.array(volume, dtype=float)),
        }
    ).reset_index(drop=True)


def _ratio(part: pd.Series, whole: np.ndarray) -> np.ndarray:
    values = part.to_numpy(dtype=float)
    return np.divide(values, whole, out=np.full(len(values), np.nan), where=whole != 0)


def stays_table(facts: Facts) -> pd.DataFrame:
    """Return the output that stays, by origin and industry, the largest first."""
    rows = sorted(facts.plan.stays, key=lambda r: -r[2])
    return _elsewhere(facts, [(o, i, v) for o, i, v in rows])


def rivals_table(facts: Facts) -> pd.DataFrame:
    """Return the output that rival hosts win, by origin, industry and rival, the largest first."""
    rows = sorted(facts.plan.rivals, key=lambda r: -r[3])
    frame = _elsewhere(facts, [(o, i, v) for o, i, _, v in rows])
    rivals = pd.Series([r for _, _, r, _ in rows], dtype="str")
    frame.insert(0, "rival_id", rivals)
    for at, (column, values) in enumerate(facts.names.columns("place", rivals, "rival").items()):
        frame.insert(1 + at, column, pd.Series(values, dtype="str"))
    return frame


def _elsewhere(facts: Facts, rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    origins = pd.Series([r[0] for r in rows], dtype="str")
    industries = pd.Series([r[1] for r in rows], dtype="str")
    output = pd.Series([r[2] for r in rows], dtype="float64")
    volume = [float(facts.blocks[o, i]["volume_mcny_per_year"]) for o, i, _ in rows]
    frame = pd.DataFrame(
        {
            "origin_id": origins,
            **facts.names.columns("origin", origins, "origin"),
            "industry_id": industries,
            **facts.names.columns("industry", industries, "industry"),
            "output_mcny": output,
            "block_share": _ratio(output, np.array(volume, dtype=float)),
        }
    )
    numbers = ("output_mcny", "block_share")
    return frame.astype({c: "float64" if c in numbers else "str" for c in frame.columns})


def industries_table(facts: Facts) -> pd.DataFrame:
    """Return relocatable, moved, rival and stayed output by industry, million CNY a year."""
    relocatable = facts.table("blocks").groupby("industry_id")["volume_mcny_per_year"].sum()
    moved = facts.moves.groupby("industry_id")["output_mcny"].sum()
    zones = facts.moves.groupby("industry_id")["zone_id"].nunique()
    rival: dict[str, float] = {}
    stayed: dict[str, float] = {}
    for _, industry, _, value in facts.plan.rivals:
        rival[industry] = rival.get(industry, 0.0) + value
    for _, industry, value in facts.plan.stays:
        stayed[industry] = stayed.get(industry, 0.0) + value
    rows = []
    for industry in facts.table("industries")["industry_id"]:
        total = float(relocatable.get(industry, 0.0))
        here = float(moved.get(industry, 0.0))
        rows.append(
            {
                "industry_id": industry,
                "industry": facts.names.en("industry", industry),
                "industry_zh": facts.names.zh("industry", industry),
                "relocatable_mcny": total,
                "moved_mcny": here,
                "rival_mcny": rival.get(industry, 0.0),
                "stayed_mcny": stayed.get(industry, 0.0),
                "moved_share": here / total if total else float("nan"),
                "zones_count": int(zones.get(industry, 0)),
            }
        )
    frame = pd.DataFrame(rows)
    order = frame.sort_values(["moved_mcny", "relocatable_mcny"], ascending=False, kind="stable")
    return order.reset_index(drop=True)


def component_ids(facts: Facts) -> list[str]:
    """Return the components of the plan's accounts in the order in which they are shown."""
    present = list(dict.fromkeys(facts.accounts["component"]))
    known = [c for c in COMPONENT_ORDER if c in present]
    return known + sorted(c for c in present if c not in COMPONENT_ORDER)


def components_table(facts: Facts) -> pd.DataFrame:
    """Return the cost of each component for moved, rival and stayed output, million CNY a year.

    ``common`` are projects and services, which belong to no host.
    """
    sums = facts.accounts.groupby(["component", "host_kind"])["mcny"].sum()
    total = float(facts.accounts["mcny"].sum())
    rows = []
    for component in component_ids(facts):
        by_host = {f"{c}_mcny": float(sums.get((component, k), 0.0)) for k, c in HOSTS.items()}
        whole = math.fsum(by_host.values())
        share = whole / total if total else float("nan")
        row = {"component": component, **by_host, "total_mcny": whole, "cost_share": share}
        rows.append(row)
    columns = ["component", *(f"{c}_mcny" for c in HOSTS.values()), "total_mcny", "cost_share"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({c: "str" if c == "component" else "float64" for c in columns})


def accounts_table(facts: Facts) -> pd.DataFrame:
    """Return the plan's accounts line by line with names; they sum to its cost."""
    lines = facts.accounts
    hosts = [_host(facts, k, h) for k, h in zip(lines["host_kind"], lines["host_id"], strict=True)]
    frame = lines.copy()
    frame.insert(3, "host", pd.Series([h[0] for h in hosts], dtype="str"))
    frame.insert(4, "host_zh", pd.Series([h[1] for h in hosts], dtype="str"))
    return frame


def _host(facts: Facts, kind: str, identifier: str) -> tuple[str, str]:
    if kind:
        return facts.names.host(kind, identifier)
    for what in ("project", "service"):
        if facts.names.zh(what, identifier) or facts.names.en(what, identifier) != identifier:
            return facts.names.en(what, identifier), facts.names.zh(what, identifier)
    return identifier, ""
