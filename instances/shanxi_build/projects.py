"""Projects and what they do, policy rules, chains of leaders and followers."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, Row, short


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
        rows.append(
            {
                **{
                    c: row[c]
                    for c in (
                        "project_id",
                        "name",
                        "name_zh",
                        "kind",
                        "needs_project_id",
                        "excludes_project_id",
                    )
                },
                **figures,
                "source": short(row["source"], 300),
                "grade": row["confidence"],
            }
        )
    return rows


def build_project_effects(e: Evidence) -> list[Row]:
    """Rows of ``project_effects``."""
    return [
        {
            "project_id": r["project_id"],
            "effect": r["effect"],
            "element_id": r["element_id"],
            "amount": e.number("project_actions", r, "amount") if r["amount"] else 0,
            "source": "project_actions.csv: size as in the project's own source, else assumed",
            "grade": "assumed",
        }
        for r in e["project_actions"]
    ]


def build_rules(e: Evidence) -> list[Row]:
    """Rows of ``rules``."""
    columns = (
        "rule_id",
        "kind",
        "industry_id",
        "zone_kind",
        "zone_id",
        "prefecture_id",
        "text",
        "text_zh",
    )
    return [
        {
            **{c: r[c] for c in columns},
            "value": e.number("policy_rules", r, "value") if r["value"] else None,
            "active": int(e.number("policy_rules", r, "active")),
            "source": short(r["source"]),
            "grade": r["confidence"],
        }
        for r in e["policy_rules"]
    ]


def build_chains(e: Evidence) -> list[Row]:
    """Rows of ``chains``."""
    return [
        {
            "chain_id": r["chain_id"],
            "leader_industry_id": r["leader_industry_id"],
            "follower_industry_id": r["follower_industry_id"],
            "max_hours": e.number("chain_rules", r, "max_hours"),
            "source": short(r["source"]),
            "grade": r["confidence"],
        }
        for r in e["chain_rules"]
    ]
