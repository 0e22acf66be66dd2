"""Constraints 1 to 7, 11 and 12 of docs/formulas.md: everything but the flows of goods."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from optimizer.plan.plan import Plan
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.facts import Facts, Row, many
from optimizer.plan.verify.verdict import Findings


class Amounts:
    """Output of a plan added up in the ways the constraints need, million CNY a year."""

    def __init__(self, plan: Plan) -> None:
        self.block: dict[tuple[str, str], float] = defaultdict(float)
        self.block_zone: dict[tuple[str, str, str], float] = defaultdict(
            float
        )  # origin, industry, zone
        self.zone_industry: dict[tuple[str, str], float] = defaultdict(float)
        self.cell: dict[tuple[str, str, str], float] = defaultdict(float)  # zone, industry, form
        self.zone: dict[str, float] = defaultdict(float)
        self.industry: dict[str, float] = defaultdict(float)  # moved to zones
        self.rival: dict[tuple[str, str], float] = defaultdict(float)  # rival, industry
        self.stay: dict[tuple[str, str], float] = defaultdict(float)  # origin, industry
        for move in plan.moves:
            x = move.output_mcny
            self.block[move.origin_id, move.industry_id] += x
            self.block_zone[move.origin_id, move.industry_id, move.zone_id] += x
            self.zone_industry[move.zone_id, move.industry_id] += x
            self.cell[move.zone_id, move.industry_id, move.form_id] += x
            self.zone[move.zone_id] += x
            self.industry[move.industry_id] += x
        for origin_id, industry_id, rival_id, y in plan.rivals:
            self.block[origin_id, industry_id] += y
            self.rival[rival_id, industry_id] += y
        for origin_id, industry_id, s in plan.stays:
            self.block[origin_id, industry_id] += s
            self.stay[origin_id, industry_id] += s
        self.absorbed = math.fsum(move.output_mcny for move in plan.moves)


def check_decisions(facts: Facts, plan: Plan, findings: Findings) -> Amounts:
    """File every broken constraint on decisions; return the output added up."""
    amounts = Amounts(plan)
    _volume(facts, plan, amounts, findings)
    _targets(facts, plan, amounts, findings)
    _rivals(facts, plan, amounts, findings)
    _hosting(facts, plan, amounts, findings)
    _zones(facts, plan, findings)
    _whole_blocks(facts, plan, amounts, findings)
    _capacity_purchases(facts, plan, findings)
    _pools(facts, plan, amounts, findings)
    _projects(facts, plan, findings)
    _chains(facts, plan, findings)
    _agglomeration(facts, amounts, findings)
    _rules(facts, plan, amounts, findings)
    if plan.question.budget_mcny is not None:
        outlay, limit = public_outlay(facts, plan), plan.question.budget_mcny
        findings.at_most(
            rule.QUESTION, "budget_mcny", outlay, limit, "the capital is above the budget"
        )
    return amounts


def public_outlay(facts: Facts, plan: Plan) -> float:
    """Return the capital that a budget counts: zone opening, modules, projects (mcny)."""
    zones = [facts.opening_capital_mcny(z) for z in plan.open_zones]
    modules = [facts.module[m]["capital_mcny"] * count for m, count in plan.modules]
    return math.fsum(zones + modules + [facts.project[p]["capital_mcny"] for p in plan.projects])


def _volume(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    for key, row in facts.block.items():
        where = f"block {' '.join(key)}"
        volume = row["volume_mcny_per_year"]
        message = "moved + rival + stay is not the block's volume"
        findings.equal(rule.VOLUME, where, amounts.block.get(key, 0.0), volume, message)
        if int(row["may_stay"]) == 0:
            stay = amounts.stay.get(key, 0.0)
            findings.at_most(rule.VOLUME, where, stay, 0.0, "must not stay")


def _targets(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    question = plan.question
    targets = [("target_mcny", question.target_mcny)]
    if question.target_share is not None:
        targets.append(("target_share", question.target_share * facts.total_volume))
    for name, target in targets:
        if target is not None:
            message = "too little output comes to the zones"
            findings.at_least(rule.QUESTION, name, amounts.absorbed, target, message)
    for industry_id, target in question.industry_targets:
        moved = amounts.industry.get(industry_id, 0.0)
        message = "too little output of the industry comes to the zones"
        findings.at_least(rule.QUESTION, f"target of {industry_id}", moved, target, message)


def _rivals(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    for origin_id, industry_id, rival_id, y in plan.rivals:
        rival = facts.rival[rival_id]
        where = f"rival {rival_id} block {origin_id} {industry_id}"
        share = rival["max_share_of_block"]
        limit = share * facts.block[origin_id, industry_id]["volume_mcny_per_year"]
        findings.at_most(rule.VOLUME, where, y, limit, "more than the rival can win of the block")
        takes = many(rival["industry_id"])
        if takes and industry_id not in takes:
            findings.add(
                rule.VOLUME,
                where,
                "the rival does not take the industry",
                industry_id,
                rival["industry_id"],
            )
    for rival_id, rival in facts.rival.items():
        taken = {i: y for (r, i), y in amounts.rival.items() if r == rival_id}
        limit = rival["capacity_mcny_per_year"]
        total = math.fsum(taken.values())
        findings.at_most(
            rule.VOLUME, f"rival {rival_id}", total, limit, "above the rival's capacity"
        )
        for (limited, factor_id), endowment in facts.rival_limit.items():
            if limited == rival_id:
                use = math.fsum(
                    facts.use_per_mcny.get((i, factor_id), 0.0) * y for i, y in taken.items()
                )
                where = f"rival {rival_id} factor {factor_id}"
                findings.at_most(
                    rule.VOLUME, where, use, endowment, "above the rival's factor limit"
                )


def _hosting(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    hosts = set(plan.hosts)
    for zone_id, industry_id in hosts:
        where = f"zone {zone_id} industry {industry_id}"
        if zone_id not in plan.open_zones and facts.zone[zone_id]["status"] != "existing":
            findings.add(rule.HOSTING, where, "the zone hosts an industry and is not open")
        if (zone_id, industry_id) not in facts.eligible:
            findings.add(
                rule.RULES, where, "the zone may not host the industry (no row of eligibility)"
            )
        blocking = facts.blocked_by_rule(zone_id, industry_id)
        if blocking:
            findings.add(rule.RULES, where, f"rule {blocking} keeps the industry out of the zone")
        scale = facts.industry[industry_id]["min_scale_mcny_per_year"]
        output = amounts.zone_industry.get((zone_id, industry_id), 0.0)
        findings.at_least(rule.HOSTING, where, output, scale, "below the minimum efficient scale")
    for zone_id, industry_id in amounts.zone_industry:
        if (zone_id, industry_id) not in hosts:
            where = f"zone {zone_id} industry {industry_id}"
            findings.add(
                rule.HOSTING, where, "output moves there and the zone does not host the industry"
            )
    for zone_id, industry_id, form_id in amounts.cell:
        today = facts.eligible.get((zone_id, industry_id), ())
        openers = facts.form_openers(zone_id, form_id)
        if form_id not in today and not set(openers).intersection(plan.projects):
            message = "the trade form is not allowed there"
            if openers:
                message += f" without a project ({', '.join(openers)})"
            where = f"zone {zone_id} industry {industry_id} form {form_id}"
            findings.add(rule.RULES, where, message, form_id, ", ".join(today))


def _zones(facts: Facts, plan: Plan, findings: Findings) -> None:
    hosting = {zone_id for zone_id, _ in plan.hosts}
    for zone_id in facts.zone:
        status = facts.zone_status(zone_id, plan.question)
        if status == "required" and zone_id not in plan.open_zones:
            findings.add(rule.RULES, f"zone {zone_id}", "must open and does not", "shut", "open")
        if status == "forbidden" and (zone_id in plan.open_zones or zone_id in hosting):
            findings.add(rule.RULES, f"zone {zone_id}", "must not open and does", "open", "shut")


def _whole_blocks(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    takers: dict[tuple[str, str], set[str]] = defaultdict(set)
    amount: dict[tuple[str, str, str], float] = {
        (o, i, f"zone {z}"): x for (o, i, z), x in amounts.block_zone.items()
    }
    amount |= {(o, i, f"rival {r}"): y for o, i, r, y in plan.rivals}
    amount |= {(o, i, "stay"): s for o, i, s in plan.stays}
    for (origin_id, industry_id, taker), x in amount.items():
        block = facts.block[origin_id, industry_id]
        if int(block["whole"]) == 1 and x > findings.slack(block["volume_mcny_per_year"]):
            takers[origin_id, industry_id].add(taker)
    for (origin_id, industry_id), found in takers.items():
        if len(found) > 1:
            where = f"block {origin_id} {industry_id}"
            message = "the block is split and must stay whole"
            findings.add(rule.WHOLE, where, message, ", ".join(sorted(found)), "one host")


def _capacity_purchases(facts: Facts, plan: Plan, findings: Findings) -> None:
    for module_id, count in plan.modules:
        where = f"module {module_id}"
        if count != int(count):
            findings.add(
                rule.POOLS, where, "modules come in whole numbers", count, "a whole number"
            )
        limit = facts.module[module_id]["max_count"]
        findings.at_most(rule.POOLS, where, count, limit, "more modules than there may be")
    for pool_id, bought in plan.increments:
        limit = facts.pool[pool_id]["increment_max"]
        findings.at_most(rule.POOLS, f"pool {pool_id}", bought, limit, "more than can be bought")


def _pools(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    use: dict[str, float] = defaultdict(float)
    room = {pool_id: row["endowment"] for pool_id, row in facts.pool.items()}
    for pool_id, bought in plan.increments:
        room[pool_id] += bought
    for module_id, count in plan.modules:
        module = facts.module[module_id]
        room[module["pool_id"]] += count * module["adds_per_module"]
        if module["uses_pool_id"]:
            use[module["uses_pool_id"]] += count * module["uses_per_module"]
    for (zone_id, industry_id, form_id), x in amounts.cell.items():
        for pool_id in facts.pools_of_zone.get(zone_id, []):
            pool = facts.pool[pool_id]
            counted = many(pool["form_id"])
            if not counted or form_id in counted:
                use[pool_id] += facts.use_per_mcny.get((industry_id, pool["factor_id"]), 0.0) * x
    for pool_id in facts.pool:
        added = facts.additions.get(("adds_pool", pool_id), {})
        limit = room[pool_id] + math.fsum(added.get(p, 0.0) for p in plan.projects)
        findings.at_most(
            rule.POOLS, f"pool {pool_id}", use[pool_id], limit, "uses more than there is"
        )


def _projects(facts: Facts, plan: Plan, findings: Findings) -> None:
    built = set(plan.projects)
    for project_id, row in facts.project.items():
        where = f"project {project_id}"
        if row["status"] == "required" and project_id not in built:
            findings.add(rule.PROJECTS, where, "must be built and is not")
        if project_id not in built:
            continue
        if row["status"] == "forbidden":
            findings.add(rule.PROJECTS, where, "must not be built and is")
        missing = [p for p in many(row["needs_project_id"]) if p not in built]
        if missing:
            findings.add(
                rule.PROJECTS, where, "is built without what it needs", "", ", ".join(missing)
            )
        clash = [p for p in many(row["excludes_project_id"]) if p in built]
        if clash:
            findings.add(
                rule.PROJECTS, where, "is built together with what it excludes", ", ".join(clash)
            )


def _chains(facts: Facts, plan: Plan, findings: Findings) -> None:
    for chain in facts.chains:
        leaders = [z for z, i in plan.hosts if i == chain["leader_industry_id"]]
        limit = chain["max_hours"]
        for zone_id, industry_id in plan.hosts:
            if industry_id != chain["follower_industry_id"]:
                continue
            nearest = min((facts.hours_between(zone_id, z) for z in leaders), default=math.inf)
            where = f"chain {chain['chain_id']} zone {zone_id} industry {industry_id}"
            message = "no zone with the chain leader is near enough"
            findings.at_most(rule.CHAINS, where, nearest, limit, message)


def cluster_output(facts: Facts, amounts: Amounts) -> dict[tuple[str, str], float]:
    """Return the output of each cluster that has a curve, by (zone, cluster)."""
    output: dict[tuple[str, str], float] = defaultdict(float)
    for (zone_id, industry_id), x in amounts.zone_industry.items():
        cluster_id = facts.industry[industry_id]["cluster_id"]
        if cluster_id in facts.curve:
            output[zone_id, cluster_id] += x
    return output


def _agglomeration(facts: Facts, amounts: Amounts, findings: Findings) -> None:
    for (zone_id, cluster_id), x in cluster_output(facts, amounts).items():
        last = float(facts.curve[cluster_id][0][-1])
        where = f"zone {zone_id} cluster {cluster_id}"
        findings.at_most(
            rule.AGGLOMERATION, where, x, last, "more of the cluster than a zone can take"
        )


def _rules(facts: Facts, plan: Plan, amounts: Amounts, findings: Findings) -> None:
    opened = sum(1 for z in plan.open_zones if facts.zone[z]["status"] != "existing")
    for row in facts.rules:
        kind, value, where = row["kind"], row["value"], f"rule {row['rule_id']}"
        if kind.startswith("industry_"):
            continue  # checked zone by zone, with the hosts
        if math.isnan(value):
            findings.add(rule.RULES, where, "the rule has no value, so it cannot be checked")
        elif kind == "max_zones":
            findings.at_most(rule.RULES, where, opened, value, "too many zones open")
        elif kind == "min_zones":
            findings.at_least(rule.RULES, where, opened, value, "too few zones open")
        elif kind == "max_industries_per_zone":
            for zone_id in {z for z, _ in plan.hosts}:
                count = sum(1 for z, _ in plan.hosts if z == zone_id)
                message = "too many industries in the zone"
                findings.at_most(rule.RULES, f"{where} zone {zone_id}", count, value, message)
        elif kind == "budget_mcny":
            outlay = public_outlay(facts, plan)
            findings.at_most(rule.RULES, where, outlay, value, "the capital is above the budget")
        elif kind == "max_new_projects":
            findings.at_most(rule.RULES, where, len(plan.projects), value, "too many projects")
        elif kind in ("min_share_of_prefecture", "max_share_of_prefecture"):
            in_prefecture = _output_of_prefecture(facts, amounts, row["prefecture_id"])
            limit = value * amounts.absorbed
            if kind.startswith("min"):
                message = "the prefecture takes less than its share"
                findings.at_least(rule.RULES, where, in_prefecture, limit, message)
            else:
                message = "the prefecture takes more than its share"
                findings.at_most(rule.RULES, where, in_prefecture, limit, message)
        elif kind == "min_absorbed_share":
            moved, volume = _moved_and_volume(facts, amounts, row)
            message = "too little of the relocatable volume comes to the zones"
            findings.at_least(rule.RULES, where, moved, value * volume, message)
        else:
            findings.add(rule.RULES, where, f"the verifier does not know rules of kind {kind!r}")


def _output_of_prefecture(facts: Facts, amounts: Amounts, prefecture_id: str) -> float:
    return math.fsum(
        x for z, x in amounts.zone.items() if facts.zone[z]["prefecture_id"] == prefecture_id
    )


def _moved_and_volume(facts: Facts, amounts: Amounts, row: Row) -> tuple[float, float]:
    industries: Iterable[str] = many(row["industry_id"]) or tuple(facts.industry)
    moved = math.fsum(amounts.industry.get(i, 0.0) for i in industries)
    return moved, volume_of(facts, industries)


def volume_of(facts: Facts, industries: Iterable[str]) -> float:
    """Return the relocatable output of some industries, million CNY a year."""
    named = set(industries)
    return math.fsum(
        row["volume_mcny_per_year"] for (_, i), row in facts.block.items() if i in named
    )
