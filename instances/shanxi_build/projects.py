"""Projects and what they do, policy rules, chains, and the agglomeration curves."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short
from instances.shanxi_build.industries import wage_factors

CURVE_MCNY = (0.0, 500.0, 2000.0, 6000.0, 16000.0, 40000.0)


def second_zones(e: Evidence) -> list[str]:
    """Zones that a project can make a comprehensive bonded zone."""
    return [
        r["element_id"].split(":")[0] for r in e["project_actions"] if r["effect"] == "allows_form"
    ]


def build_projects(e: Evidence) -> list[Row]:
    """Rows of ``projects``."""
    rows: list[Row] = []
    for row in e["project_list"]:
        figures = {
            c: e.number("project_list", row, c)
            for c in ("capital_mcny", "life_years", "upkeep_mcny_per_year")
        }
        rows.append({
            **{c: row[c] for c in ("project_id", "name", "name_zh", "kind", "needs_project_id",
                                   "excludes_project_id")},
            **figures, "source": short(row["source"], 300), "grade": row["confidence"],
        })  # fmt: skip
    return rows


def build_project_effects(e: Evidence) -> list[Row]:
    """Rows of ``project_effects``."""
    return [
        {
            "project_id": r["project_id"], "effect": r["effect"], "element_id": r["element_id"],
            "amount": e.number("project_actions", r, "amount") if r["amount"] else 0,
            "source": "project_actions.csv: size as in the project's own source, else assumed",
            "grade": "assumed",
        }
        for r in e["project_actions"]
    ]  # fmt: skip


def build_rules(e: Evidence) -> list[Row]:
    """Rows of ``rules``."""
    columns = ("rule_id", "kind", "industry_id", "zone_kind", "zone_id", "prefecture_id", "text",
               "text_zh")  # fmt: skip
    return [
        {
            **{c: r[c] for c in columns},
            "value": e.number("policy_rules", r, "value") if r["value"] else None,
            "active": int(e.number("policy_rules", r, "active")),
            "source": short(r["source"]), "grade": r["confidence"],
        }
        for r in e["policy_rules"]
    ]  # fmt: skip


def build_chains(e: Evidence) -> list[Row]:
    """Rows of ``chains``."""
    return [
        {
            "chain_id": r["chain_id"], "leader_industry_id": r["leader_industry_id"],
            "follower_industry_id": r["follower_industry_id"],
            "max_hours": e.number("chain_rules", r, "max_hours"), "source": short(r["source"]),
            "grade": r["confidence"],
        }
        for r in e["chain_rules"]
    ]  # fmt: skip


def build_agglomeration(e: Evidence) -> list[Row]:
    """Rows of ``agglomeration``: saving on labour and overheads, then congestion.

    With V million CNY of a cluster's output in a zone, the saving is
    ``base * V * (1 - (1 + V / V0) ** -elasticity)``, where ``base`` is labour and overheads per
    CNY of output; above the congestion point a cost of ``share * (V - V1)`` is added.
    """
    clusters = {r["industry_id"]: r["cluster_id"] for r in e["industry_assumptions"]}
    wage = e.number("labour", _province_wage(e), "value") * (1 + e.assumed("on_cost_share_china"))
    factors = wage_factors(e)
    volume: dict[str, float] = {}
    labour: dict[str, float] = {}
    elasticity: dict[str, float] = {}
    volumes: dict[str, float] = {}
    for row in e["origin_volumes"]:
        shares = (
            e.number("origin_volumes", row, f"relocatable_share_{c}") for c in ("low", "high")
        )
        exports = e.number("origin_volumes", row, "processing_trade_export_musd_per_year")
        volumes[row["industry_id"]] = (
            volumes.get(row["industry_id"], 0.0) + exports * sum(shares) / 2
        )
    for row in e["industries"]:
        cluster, size = clusters[row["id"]], volumes[row["id"]]
        workers = e.number("industries", row, "workers_per_musd_output") / e.fx
        volume[cluster] = volume.get(cluster, 0.0) + size
        share = workers * wage * factors[row["id"]] / 1e6
        labour[cluster] = labour.get(cluster, 0.0) + size * share
        elasticity[cluster] = elasticity.get(cluster, 0.0) + size * e.number(
            "industries", row, "agglomeration_elasticity"
        )
    rows: list[Row] = []
    v0, v1 = e.assumed("agglomeration_base_mcny"), e.assumed("agglomeration_congestion_mcny")
    for cluster in dict.fromkeys(clusters.values()):
        base = labour[cluster] / volume[cluster] * (1 + e.assumed("agglomeration_overhead_share"))
        power = elasticity[cluster] / volume[cluster]
        points = sorted({*CURVE_MCNY, v1})
        if points[0] != 0:
            raise EvidenceError("agglomeration_congestion_mcny must be above 0")
        for number, v in enumerate(points):
            saving = base * v * (1 - (1 + v / v0) ** -power)
            crowding = e.assumed("agglomeration_congestion_share") * max(0.0, v - v1)
            rows.append({
                "cluster_id": cluster, "point": number, "volume_mcny_per_year": v,
                "cost_change_mcny_per_year": round(crowding - saving, 2),
                "source": f"labour and overheads {base:.3f} of output x (1 - (1 + V/{v0:g})^"
                          f"-{power:.3f}), elasticity of industries.csv weighted by volume; beyond "
                          f"{v1:g} congestion of {e.assumed('agglomeration_congestion_share'):g}",
                "grade": "assumed",
            })  # fmt: skip
    return rows


def _province_wage(e: Evidence) -> dict[str, str]:
    return next(
        r for r in e["labour"]
        if (r["prefecture"], r["item"]) == ("shanxi", "average_mfg_wage_cny_year")
    )  # fmt: skip
