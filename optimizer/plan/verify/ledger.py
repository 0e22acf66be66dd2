"""The accounts of a plan, recomputed line by line and laid beside the plan's own."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from optimizer.plan.plan import AccountLine, Plan
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.arcs import FEATURES
from optimizer.plan.verify.decisions import Amounts, cluster_output
from optimizer.plan.verify.entries import is_number
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.flows import Routed
from optimizer.plan.verify.goods import LOGISTICS, MCNY, GoodsBook, Profile
from optimizer.plan.verify.production import Production
from optimizer.plan.verify.verdict import Findings

LineKey = tuple[str, str, str, str]  # component, host_kind, host_id, industry_id
LUMPS = ("opening", "setup", "modules", "increments", "projects", "services", "agglomeration")


class Ledger:
    """Money by line (component, host, industry) and by origin within it, mcny a year.

    ``made`` is what output costs at its host, ``carried`` what its goods cost on their way, split
    over the origins of the output in proportion to it, ``lump`` what has no origin.
    """

    def __init__(self) -> None:
        self.made: dict[LineKey, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.carried: dict[LineKey, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.lump: dict[LineKey, float] = defaultdict(float)

    @property
    def lines(self) -> set[LineKey]:
        """Return the keys of all lines."""
        return set(self.made) | set(self.carried) | set(self.lump)

    def total(self, line: LineKey) -> float:
        """Return the money of a line, all origins together (mcny a year)."""
        parts = [*self.made.get(line, {}).values(), *self.carried.get(line, {}).values()]
        return math.fsum([*parts, self.lump.get(line, 0.0)])

    def by_component(self) -> dict[str, float]:
        """Return the money of each component (mcny a year)."""
        totals: dict[str, list[float]] = defaultdict(list)
        for line in self.lines:
            totals[line[0]].append(self.total(line))
        return {component: math.fsum(parts) for component, parts in sorted(totals.items())}


def recompute(
    facts: Facts,
    goods: GoodsBook,
    production: Production,
    plan: Plan,
    amounts: Amounts,
    routed: list[Routed],
) -> Ledger:
    """Return what the plan costs by the tables, line by line."""
    ledger = Ledger()
    _production(facts, production, plan, ledger)
    _logistics(goods, plan, routed, ledger)
    _lumps(facts, plan, amounts, ledger)
    return ledger


def _production(facts: Facts, production: Production, plan: Plan, ledger: Ledger) -> None:
    def book(
        parts: dict[str, float], host: tuple[str, str, str], origin_id: str, output: float
    ) -> None:
        for component, cny in parts.items():
            ledger.made[component, *host][origin_id] += cny * output / MCNY

    for move in plan.moves:
        host = ("zone", move.zone_id, move.industry_id)
        parts = production.at_zone(move.zone_id, move.industry_id, move.form_id)
        book(parts, host, move.origin_id, move.output_mcny)
        block = facts.block_number[move.origin_id, move.industry_id]
        own = float(facts.move_cost[block, facts.zone_number[move.zone_id]])
        book({"relocation": own}, host, move.origin_id, move.output_mcny)
    for origin_id, industry_id, rival_id, y in plan.rivals:
        parts = production.at_rival(rival_id, industry_id)
        book(parts, ("rival", rival_id, industry_id), origin_id, y)
    for origin_id, industry_id, s in plan.stays:
        parts = production.at_origin(origin_id, industry_id)
        book(parts, ("stay", origin_id, industry_id), origin_id, s)


def _logistics(goods: GoodsBook, plan: Plan, routed: list[Routed], ledger: Ledger) -> None:
    shares = _origin_shares(plan)
    by_profile: dict[Profile, list[int]] = {}
    for n, item in enumerate(routed):
        by_profile.setdefault(item.goods.profile, []).append(n)
    features = np.array([item.features for item in routed]).reshape(-1, len(FEATURES))
    mcny = np.array([item.flow.teu for item in routed], dtype=float)[:, None] / MCNY
    mcny = mcny * np.ones(len(LOGISTICS))  # by flow and component
    for profile, numbers in by_profile.items():
        mcny[numbers] *= features[numbers] @ goods.weights(profile).T
    hosts: dict[tuple[str, str, str, str], list[int]] = {}
    for n, item in enumerate(routed):
        flow = item.flow
        form = flow.form_id if flow.host_kind == "zone" else ""
        hosts.setdefault((flow.host_kind, flow.host_id, form, flow.industry_id), []).append(n)
    for (kind, host_id, form, industry_id), numbers in hosts.items():
        origins = shares.get((kind, host_id, form, industry_id), {"": 1.0})
        for component, flows in zip(LOGISTICS, mcny[numbers].T.tolist(), strict=True):
            if not any(flows):
                continue
            line = ledger.carried[component, kind, host_id, industry_id]
            total = math.fsum(flows)
            for origin_id, share in origins.items():
                line[origin_id] += share * total


def _origin_shares(plan: Plan) -> dict[tuple[str, str, str, str], dict[str, float]]:
    """Return the share of each origin in the output of a host, form (zones only) and industry."""
    output: dict[tuple[str, str, str, str], dict[str, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for m in plan.moves:
        output["zone", m.zone_id, m.form_id, m.industry_id][m.origin_id] += m.output_mcny
    for origin_id, industry_id, rival_id, y in plan.rivals:
        output["rival", rival_id, "", industry_id][origin_id] += y
    for origin_id, industry_id, s in plan.stays:
        output["stay", origin_id, "", industry_id][origin_id] += s
    shares = {}
    for host, by_origin in output.items():
        total = math.fsum(by_origin.values())
        if total > 0:
            shares[host] = {origin_id: x / total for origin_id, x in by_origin.items()}
    return shares


def _lumps(facts: Facts, plan: Plan, amounts: Amounts, ledger: Ledger) -> None:
    lump = ledger.lump
    for zone_id in plan.open_zones:
        lump["opening", "zone", zone_id, ""] += facts.opening_mcny_per_year(zone_id)
    for zone_id, industry_id in plan.hosts:
        setup = facts.industry[industry_id]["host_setup_mcny_per_year"]
        lump["setup", "zone", zone_id, industry_id] += setup
    for module_id, count in plan.modules:
        module = facts.module[module_id]
        lump["modules", "zone", module["zone_id"], ""] += count * facts.yearly_mcny(module)
    for pool_id, bought in plan.increments:
        price = facts.pool[pool_id]["increment_cny_per_unit_year"]
        lump["increments", "", "", ""] += bought * price / MCNY
    for project_id in plan.projects:
        lump["projects", "", project_id, ""] += facts.yearly_mcny(facts.project[project_id])
    for service_id in plan.services:
        row = facts.service[service_id]
        if int(row["runs_today"]) == 0:
            lump["services", "", service_id, ""] += row["fixed_mcny_per_year"]
    for (zone_id, cluster_id), x in cluster_output(facts, amounts).items():
        lump["agglomeration", "zone", zone_id, ""] += facts.agglomeration_change(cluster_id, x)


def compare(facts: Facts, ledger: Ledger, plan: Plan, findings: Findings) -> None:
    """File every line of the plan's accounts that is not what the tables give."""
    stated: dict[LineKey, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in plan.accounts:
        stated[_line_key(facts, line)][line.origin_id] += line.mcny
    for key in sorted(set(stated) | ledger.lines):
        component, host_kind, host_id, industry_id = key
        where = " ".join(part for part in (component, host_kind, host_id, industry_id) if part)
        by_origin = stated.get(key, {})
        found, expected = math.fsum(by_origin.values()), ledger.total(key)
        scale = math.fsum(abs(x) for x in by_origin.values())  # duty and grants may cancel
        if not _close(found, expected, scale, findings):
            message = "the line is not what the tables give"
            findings.add(rule.ACCOUNTS, where, message, found, expected)
        elif set(by_origin) - {""}:
            _compare_origins(ledger, key, by_origin, where, findings)
    stated_total = math.fsum(line.mcny for line in plan.accounts)
    if is_number(plan.cost_mcny) and not _close(stated_total, plan.cost_mcny, 0.0, findings):
        message = "the accounts do not add up to the cost"
        findings.add(rule.ACCOUNTS, "sum of all lines", message, stated_total, plan.cost_mcny)


def _compare_origins(
    ledger: Ledger, key: LineKey, stated: dict[str, float], where: str, findings: Findings
) -> None:
    """Logistics may stand under its origins or under none; output's own cost under its origin."""
    made, carried = ledger.made.get(key, {}), ledger.carried.get(key, {})
    split = {o: made.get(o, 0.0) + carried.get(o, 0.0) for o in {*made, *carried}}
    pooled = dict(made) | {"": math.fsum(carried.values())}
    scale = math.fsum(abs(x) for x in stated.values())

    def wrong(expected: dict[str, float]) -> list[str]:
        pairs = {o: (stated.get(o, 0.0), expected.get(o, 0.0)) for o in {*stated, *expected}}
        return sorted(o for o, (a, b) in pairs.items() if not _close(a, b, scale, findings))

    if not wrong(pooled):
        return
    for origin_id in wrong(split):
        message = "the line's share of this origin is not what the tables give"
        name = f"{where} origin {origin_id or '(none)'}"
        found, allowed = stated.get(origin_id, 0.0), split.get(origin_id, 0.0)
        findings.add(rule.ACCOUNTS, name, message, found, allowed)


def _line_key(facts: Facts, line: AccountLine) -> LineKey:
    """Return the line under which a plan's line is compared; lumps may name their row instead."""
    component, kind, host = line.component, line.host_kind, line.host_id
    if component == "increments":
        return (component, "", "", "")
    if component == "modules" and host in facts.module:
        return (component, "zone", facts.module[host]["zone_id"], "")
    if component in LUMPS and component != "setup":
        return (component, kind, host, "")
    return (component, kind, host, line.industry_id)


def _close(found: float, expected: float, scale: float, findings: Findings) -> bool:
    limit = findings.tolerance * max(abs(expected), scale)
    return abs(found - expected) <= max(limit, 1e-9)
