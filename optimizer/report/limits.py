"""Tables of what limits the plan: bottlenecks, pools, services, projects, rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.report.names import filled, ids

if TYPE_CHECKING:
    from optimizer.report.facts import Facts

BINDING = 1e-6  # what is left over capacity, relative, below which a limit counts as binding


def _is_binding(use: float, capacity: float) -> bool:
    return math.isfinite(capacity) and capacity - use <= BINDING * max(1.0, abs(capacity))


def _share(use: float, capacity: float) -> float:
    """Return use over capacity; 0 where there is no limit, nan where nothing is allowed."""
    if math.isinf(capacity):
        return 0.0
    return use / capacity if capacity > 0 else (0.0 if use == 0 else math.nan)


def _prices(facts: Facts, name: str) -> dict[str, float]:
    """Return the certificate's prices of one kind of row, million CNY per unit."""
    found = facts.plan.certificate.get(name) or []
    return {str(key): float(price) for key, price in found}


def _additions(facts: Facts, effect: str) -> dict[str, float]:
    """Return what the built projects add, by the id of what they add to."""
    effects = facts.table("project_effects")
    built = effects[(effects["effect"] == effect) & effects["project_id"].isin(facts.plan.projects)]
    return {str(k): float(v) for k, v in built.groupby("element_id")["amount"].sum().items()}


def bottlenecks_table(facts: Facts) -> pd.DataFrame:
    """Return use and capacity of each bottleneck in TEU a year, the most used first.

    ``price_cny_per_teu`` is what one more TEU a year of capacity would save at the bound, where the
    plan's certificate has a price for it.
    """
    use: dict[str, float] = {}
    legs = facts.zone_legs
    teu = np.bincount(
        legs["arc_number"].to_numpy(), weights=legs["teu"].to_numpy(), minlength=len(facts.arcs)
    )
    for cell, amount in zip(facts.arcs["bottleneck_id"], teu, strict=True):
        for bottleneck in ids(cell):
            use[bottleneck] = use.get(bottleneck, 0.0) + float(amount)
    added, prices = _additions(facts, "adds_bottleneck_teu"), _prices(facts, "bottleneck")
    rows = []
    for row in facts.table("bottlenecks").to_dict("records"):
        key = str(row["bottleneck_id"])
        capacity = float(row["capacity_teu_per_year"])
        total = capacity + added.get(key, 0.0)
        rows.append(
            {
                "bottleneck_id": key,
                "bottleneck": filled(row["name"]),
                "bottleneck_zh": filled(row["name_zh"]),
                "kind": filled(row["kind"]),
                "use_teu": use.get(key, 0.0),
                "capacity_teu": capacity,
                "added_teu": added.get(key, 0.0),
                "use_share": _share(use.get(key, 0.0), total),
                "binding": _is_binding(use.get(key, 0.0), total),
                "price_cny_per_teu": prices.get(key, math.nan) * 1e6,
                "capacity_low_teu": float(row["capacity_low_teu_per_year"]),
                "capacity_high_teu": float(row["capacity_high_teu_per_year"]),
                "grade": filled(row["grade"]),
                "source": filled(row["source"]),
            }
        )
    return _by_use(rows, _BOTTLENECKS)


_BOTTLENECKS = {
    "bottleneck_id": "str", "bottleneck": "str", "bottleneck_zh": "str", "kind": "str",
    "use_teu": "float64", "capacity_teu": "float64", "added_teu": "float64",
    "use_share": "float64", "binding": "bool", "price_cny_per_teu": "float64",
    "capacity_low_teu": "float64", "capacity_high_teu": "float64", "grade": "str", "source": "str",
}  # fmt: skip


def _by_use(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    return frame.sort_values("use_share", ascending=False, kind="stable").reset_index(drop=True)


def pools_table(facts: Facts) -> pd.DataFrame:
    """Return use and supply of each factor pool in the factor's unit, the most used first."""
    factor_use = facts.table("industry_factors")
    per_mcny = {
        (str(i), str(f)): float(u)
        for i, f, u in zip(
            factor_use["industry_id"], factor_use["factor_id"], factor_use["use_per_mcny"],
            strict=True,
        )
    }  # fmt: skip
    members: dict[str, set[str]] = {}
    for pool, zone in facts.table("pool_members").itertuples(index=False):
        members.setdefault(str(pool), set()).add(str(zone))
    units = dict(
        zip(facts.table("factors")["factor_id"], facts.table("factors")["unit_name"], strict=True)
    )
    built, drawn = _module_effects(facts)
    by_project, prices = _additions(facts, "adds_pool"), _prices(facts, "pool")
    bought = dict(facts.plan.increments)
    rows = []
    for row in facts.table("pools").to_dict("records"):
        key, factor, forms = str(row["pool_id"]), str(row["factor_id"]), set(ids(row["form_id"]))
        use = math.fsum(
            per_mcny.get((m.industry_id, factor), 0.0) * m.output_mcny
            for m in facts.plan.moves
            if m.zone_id in members.get(key, ()) and (not forms or m.form_id in forms)
        )
        endowment, increment = float(row["endowment"]), bought.get(key, 0.0)
        added = built.get(key, 0.0), by_project.get(key, 0.0)
        use += drawn.get(key, 0.0)
        supply = endowment + increment + sum(added)
        rows.append(
            {
                "pool_id": key,
                "pool": filled(row["name"]),
                "pool_zh": filled(row["name_zh"]),
                "factor": facts.names.en("factor", factor),
                "factor_zh": facts.names.zh("factor", factor),
                "unit": filled(units.get(factor)),
                "use": use,
                "endowment": endowment,
                "bought": increment,
                "built": added[0],
                "by_projects": added[1],
                "supply": supply,
                "use_share": _share(use, supply),
                "binding": _is_binding(use, supply),
                "price_cny_per_unit": prices.get(key, math.nan) * 1e6,
                "endowment_low": float(row["endowment_low"]),
                "endowment_high": float(row["endowment_high"]),
                "grade": filled(row["grade"]),
                "source": filled(row["source"]),
            }
        )
    return _by_use(rows, _POOLS)


_POOLS = {
    "pool_id": "str", "pool": "str", "pool_zh": "str", "factor": "str", "factor_zh": "str",
    "unit": "str", "use": "float64", "endowment": "float64", "bought": "float64",
    "built": "float64", "by_projects": "float64", "supply": "float64", "use_share": "float64",
    "binding": "bool", "price_cny_per_unit": "float64", "endowment_low": "float64",
    "endowment_high": "float64", "grade": "str", "source": "str",
}  # fmt: skip


def _module_effects(facts: Facts) -> tuple[dict[str, float], dict[str, float]]:
    """Return what the built modules add to pools, and what they draw from pools."""
    rows = {str(r["module_id"]): r for r in facts.table("modules").to_dict("records")}
    adds: dict[str, float] = {}
    draws: dict[str, float] = {}
    for module, count in facts.plan.modules:
        row = rows[module]
        pool, other = str(row["pool_id"]), filled(row["uses_pool_id"])
        adds[pool] = adds.get(pool, 0.0) + count * float(row["adds_per_module"])
        if other:
            draws[other] = draws.get(other, 0.0) + count * float(row["uses_per_module"])
    return adds, draws


def services_table(facts: Facts) -> pd.DataFrame:
    """Return load, least load and capacity of each service in TEU a year, the fullest first."""
    legs = facts.zone_legs
    teu = np.bincount(
        legs["arc_number"].to_numpy(), weights=legs["teu"].to_numpy(), minlength=len(facts.arcs)
    )
    load: dict[str, float] = {}
    for service, amount in zip(facts.arcs["service_id"], teu, strict=True):
        if service:
            load[service] = load.get(service, 0.0) + float(amount)
    prices = _prices(facts, "service")
    rows = []
    for row in facts.table("services").to_dict("records"):
        key = str(row["service_id"])
        use, capacity = load.get(key, 0.0), float(row["capacity_teu_per_year"])
        today = int(row["runs_today"]) == 1
        rows.append(
            {
                "service_id": key,
                "service": filled(row["name"]),
                "service_zh": filled(row["name_zh"]),
                "runs": today or key in facts.plan.services,
                "runs_today": today,
                "departures_per_week": float(row["departures_per_week"]),
                "use_teu": use,
                "min_load_teu": float(row["min_load_teu_per_year"]),
                "capacity_teu": capacity,
                "use_share": _share(use, capacity),
                "binding": _is_binding(use, capacity),
                "price_cny_per_teu": prices.get(key, math.nan) * 1e6,
                "cost_mcny": 0.0
                if today or key not in facts.plan.services
                else float(row["fixed_mcny_per_year"]),
                "grade": filled(row["grade"]),
                "source": filled(row["source"]),
            }
        )
    return _by_use(rows, _SERVICES)


_SERVICES = {
    "service_id": "str", "service": "str", "service_zh": "str", "runs": "bool",
    "runs_today": "bool", "departures_per_week": "float64", "use_teu": "float64",
    "min_load_teu": "float64", "capacity_teu": "float64", "use_share": "float64",
    "binding": "bool", "price_cny_per_teu": "float64", "cost_mcny": "float64", "grade": "str",
    "source": "str",
}  # fmt: skip


def projects_table(facts: Facts) -> pd.DataFrame:
    """Return each project, whether the plan builds it, its capital and its cost in the accounts."""
    lines = facts.accounts[facts.accounts["component"] == "projects"]
    cost = lines.groupby("host_id")["mcny"].sum()
    effects: dict[str, list[str]] = {}
    for row in facts.table("project_effects").to_dict("records"):
        effects.setdefault(str(row["project_id"]), []).append(
            f"{row['effect']} {row['element_id']}"
        )
    rows = []
    for row in facts.table("projects").to_dict("records"):
        key = str(row["project_id"])
        rows.append(
            {
                "project_id": key,
                "project": filled(row["name"]),
                "project_zh": filled(row["name_zh"]),
                "kind": filled(row["kind"]),
                "built": key in facts.plan.projects,
                "status": filled(row["status"]),
                "capital_mcny": float(row["capital_mcny"]),
                "cost_mcny": float(cost.get(key, 0.0)),
                "effects": "; ".join(effects.get(key, [])),
                "grade": filled(row["grade"]),
                "source": filled(row["source"]),
            }
        )
    frame = pd.DataFrame(rows, columns=list(_PROJECTS)).astype(_PROJECTS)
    return frame.sort_values("built", ascending=False, kind="stable").reset_index(drop=True)


_PROJECTS = {
    "project_id": "str", "project": "str", "project_zh": "str", "kind": "str", "built": "bool",
    "status": "str", "capital_mcny": "float64", "cost_mcny": "float64", "effects": "str",
    "grade": "str", "source": "str",
}  # fmt: skip


def capital(facts: Facts) -> float:
    """Return the capital of opened zones, modules and projects, million CNY."""
    modules = facts.table("modules").set_index("module_id")["capital_mcny"]
    projects = facts.table("projects").set_index("project_id")["capital_mcny"]
    opened = [
        float(facts.zones[z]["open_mcny"])
        for z in facts.plan.open_zones
        if facts.zones[z]["status"] != "existing"
    ]
    return math.fsum(
        [
            *opened,
            *(count * float(modules[m]) for m, count in facts.plan.modules),
            *(float(projects[p]) for p in facts.plan.projects),
        ]
    )


def rules_table(facts: Facts) -> pd.DataFrame:
    """Return each policy rule with the plan's value, the rule's value and what is left between."""
    rows = []
    for row in facts.table("rules").to_dict("records"):
        active = int(row["active"]) == 1
        used, most = _RULES.get(str(row["kind"]), (_unknown, True))
        use = used(facts, row)
        limit = 0.0 if str(row["kind"]) in _NONE_ALLOWED else float(row["value"])
        slack = (limit - use if most else use - limit) if active else math.nan
        rows.append(
            {
                "rule_id": str(row["rule_id"]),
                "kind": str(row["kind"]),
                "text": filled(row["text"]),
                "text_zh": filled(row["text_zh"]),
                "active": active,
                "use": use,
                "limit": limit,
                "slack": slack,
                "binding": active
                and str(row["kind"]) not in _NONE_ALLOWED
                and slack <= BINDING * max(1.0, abs(limit)),
                "grade": filled(row["grade"]),
                "source": filled(row["source"]),
            }
        )
    frame = pd.DataFrame(rows, columns=list(_RULE_COLUMNS)).astype(_RULE_COLUMNS)
    return frame.sort_values(["active", "binding"], ascending=False, kind="stable").reset_index(
        drop=True
    )


_RULE_COLUMNS = {
    "rule_id": "str", "kind": "str", "text": "str", "text_zh": "str", "active": "bool",
    "use": "float64", "limit": "float64", "slack": "float64", "binding": "bool", "grade": "str",
    "source": "str",
}  # fmt: skip
# Of these the plan's value is the output that breaks the rule, so the limit is 0.
_NONE_ALLOWED = (
    "industry_only_in_zone_kind", "industry_not_in_zone_kind", "industry_not_in_zone",
)  # fmt: skip
Row = Mapping[str, Any]


def _unknown(facts: Facts, row: Row) -> float:
    return math.nan


def _output(facts: Facts, keep: Callable[[Any], bool]) -> float:
    return math.fsum(m.output_mcny for m in facts.plan.moves if keep(m))


def _outside_kinds(facts: Facts, row: Row) -> float:
    kinds, named = set(ids(row["zone_kind"])), set(ids(row["industry_id"]))
    return _output(
        facts,
        lambda m: m.industry_id in named and facts.zones[m.zone_id]["zone_kind"] not in kinds,
    )


def _inside_kinds(facts: Facts, row: Row) -> float:
    kinds, named = set(ids(row["zone_kind"])), set(ids(row["industry_id"]))
    return _output(
        facts, lambda m: m.industry_id in named and facts.zones[m.zone_id]["zone_kind"] in kinds
    )


def _inside_zones(facts: Facts, row: Row) -> float:
    zones, named = set(ids(row["zone_id"])), set(ids(row["industry_id"]))
    return _output(facts, lambda m: m.industry_id in named and m.zone_id in zones)


def _new_zones(facts: Facts, row: Row) -> float:
    opened = [z for z in facts.plan.open_zones if facts.zones[z]["status"] != "existing"]
    return float(len(opened))


def _most_industries(facts: Facts, row: Row) -> float:
    counts: dict[str, int] = {}
    for zone, _ in facts.plan.hosts:
        counts[zone] = counts.get(zone, 0) + 1
    return float(max(counts.values(), default=0))


def _budget(facts: Facts, row: Row) -> float:
    return capital(facts)


def _prefecture_share(facts: Facts, row: Row) -> float:
    here = _output(facts, lambda m: facts.zones[m.zone_id]["prefecture_id"] == row["prefecture_id"])
    total = facts.plan.absorbed_mcny
    return here / total if total else math.nan


def _absorbed_share(facts: Facts, row: Row) -> float:
    named = set(ids(row["industry_id"])) or set(facts.industries)
    volume = math.fsum(
        float(block["volume_mcny_per_year"])
        for (_, industry), block in facts.blocks.items()
        if industry in named
    )
    here = _output(facts, lambda m: m.industry_id in named)
    return here / volume if volume else math.nan


def _new_projects(facts: Facts, row: Row) -> float:
    return float(len(facts.plan.projects))


_RULES: dict[str, tuple[Callable[[Facts, Row], float], bool]] = {
    "industry_only_in_zone_kind": (_outside_kinds, True),
    "industry_not_in_zone_kind": (_inside_kinds, True),
    "industry_not_in_zone": (_inside_zones, True),
    "max_zones": (_new_zones, True),
    "min_zones": (_new_zones, False),
    "max_industries_per_zone": (_most_industries, True),
    "budget_mcny": (_budget, True),
    "min_share_of_prefecture": (_prefecture_share, False),
    "max_share_of_prefecture": (_prefecture_share, True),
    "min_absorbed_share": (_absorbed_share, False),
    "max_new_projects": (_new_projects, True),
}
