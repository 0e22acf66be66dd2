"""`plan_tables`: everything a plan says, as tidy tables for workbook, page and run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimizer.report import goods_flows, limits, siting, trust
from optimizer.report.facts import Facts

if TYPE_CHECKING:
    import pandas as pd

    from instances import Instance
    from networks.network import Network
    from optimizer.plan.plan import Plan

# Too long for a workbook or a page: in the run folder only.
LONG_TABLES = ("legs",)


def plan_tables(
    instance: Instance,
    plan: Plan,
    *,
    run_info: Mapping[str, Any] | None = None,
    network: Network | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of a plan by name, in the order in which people read them.

    Money is million CNY a year, goods TEU a year, output million CNY a year; a column's unit is the
    tail of its name, shares are 0..1.

    Parameters
    ----------
    run_info
        What `optimizer.run` writes to ``run.json``; it goes to the table ``provenance``.
    network
        The instance's network where the caller has it already; it is built otherwise.

    Raises
    ------
    ValueError
        The plan names arcs, zones or goods that the instance does not have.
    """
    return tables_of(Facts(instance, plan, network), run_info)


def tables_of(facts: Facts, run_info: Mapping[str, Any] | None = None) -> dict[str, pd.DataFrame]:
    """Return the tables of a plan whose `Facts` are at hand."""
    evidence = trust.Evidence(facts)
    limited = {
        "bottlenecks": limits.bottlenecks_table(facts),
        "pools": limits.pools_table(facts),
        "services": limits.services_table(facts),
        "rules": limits.rules_table(facts),
    }
    rows = trust.evidence_table(evidence)
    flows = goods_flows.flows_table(facts)
    return {
        "summary": trust.summary_table(facts, evidence),
        "siting": siting.siting_table(facts),
        "industries": siting.industries_table(facts),
        "components": siting.components_table(facts),
        "moves": siting.moves_table(facts),
        "rivals": siting.rivals_table(facts),
        "stays": siting.stays_table(facts),
        "routes": goods_flows.routes_table(facts, flows),
        "flows": flows,
        "arcs": goods_flows.arcs_table(facts),
        "legs": goods_flows.legs_table(facts),
        **{name: limited[name] for name in ("bottlenecks", "pools", "services")},
        "projects": limits.projects_table(facts),
        "rules": limited["rules"],
        "accounts": siting.accounts_table(facts),
        "assumed": trust.assumed_table(evidence, rows),
        "evidence": rows,
        "checks": trust.checks_table(facts, limited),
        "provenance": trust.provenance_table(facts, run_info),
    }
