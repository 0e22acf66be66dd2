"""What a question says about measures, single decisions and another plan's zones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from optimizer.plan.plan import DECISIONS, EVERY_INDUSTRY, OBJECTIVES, Plan, Question
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.arcs import FEATURES
from optimizer.plan.verify.decisions import Amounts
from optimizer.plan.verify.entries import is_number
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.flows import Routed
from optimizer.plan.verify.ledger import Ledger
from optimizer.plan.verify.verdict import Findings

MAXIMISED = ("absorbed", "jobs")
# Components of the accounts that are public outlay in full, whatever host they are booked under.
PUBLIC = ("opening", "modules", "increments", "projects", "services")


def measure_of(
    kind: str,
    facts: Facts,
    amounts: Amounts,
    routed: list[Routed],
    ledger: Ledger,
) -> float:
    """Return the value of a measure: mcny, jobs, TEU-hours or tonnes of CO2e a year."""
    if kind == "absorbed":
        return amounts.absorbed
    if kind == "jobs":
        return math.fsum(
            facts.industry[i]["workers_per_mcny"] * x for i, x in amounts.industry.items()
        )
    if kind == "hours":
        hours = FEATURES.index("hours")
        return math.fsum(item.flow.teu * float(item.features[hours]) for item in routed)
    if kind == "co2e":
        per_teu, per_tonne = FEATURES.index("co2e_kg_per_teu"), FEATURES.index("co2e_kg_per_tonne")
        return math.fsum(
            item.flow.teu
            * float(
                item.features[per_teu]
                + item.goods.profile.tonnes_per_teu * item.features[per_tonne]
            )
            / 1000
            for item in routed
        )
    if kind == "outlay":
        return _outlay(ledger)
    return math.fsum(ledger.by_component().values())


def _outlay(ledger: Ledger) -> float:
    """Return what the public pays: capital and upkeep of lumps, and subsidies to zones (mcny)."""
    terms = []
    for line in ledger.lines:
        component, host_kind = line[:2]
        if component in PUBLIC:
            terms.append(ledger.total(line))
        elif component == "subsidy" and host_kind == "zone":
            terms.append(-ledger.total(line))
    return math.fsum(terms)


def weighted(question: Question, measured: Callable[[str], float]) -> float:
    """Return what the weights of a question add to its objective, mcny a year."""
    return math.fsum(
        (-price if name in MAXIMISED else price) * measured(name)
        for name, price in question.weights
    )


def sound_asked(facts: Facts, question: Question, findings: Findings) -> Question:
    """Return the question without bounds that are none on this instance; each is filed."""

    def keep(name: str, is_sound: Any) -> tuple[Any, ...]:
        entries = getattr(question, name)
        if not isinstance(entries, list | tuple):
            findings.add(rule.QUESTION, name, "is no list", str(entries))
            return ()
        kept = []
        for entry in entries:
            if isinstance(entry, list | tuple) and is_sound(entry):
                kept.append(tuple(entry))
            else:
                message = "is nothing that can be asked of this instance"
                findings.add(rule.QUESTION, f"{name} {entry}", message)
        return tuple(kept)

    def is_bound(entry: Any) -> bool:
        if len(entry) != 3 or entry[0] not in DECISIONS or not isinstance(entry[1], str):
            return False
        return _is_known(facts, entry[0], entry[1]) and is_number(entry[2]) and entry[2] >= 0

    def is_difference(entry: Any) -> bool:
        if len(entry) != 2 or not isinstance(entry[0], list | tuple) or not is_number(entry[1]):
            return False
        return all(isinstance(zone, str) and zone in facts.zone for zone in entry[0])

    return replace(
        question,
        least=keep("least", is_bound),
        most=keep("most", is_bound),
        limits=keep(
            "limits", lambda e: len(e) == 2 and e[0] in OBJECTIVES and is_number(e[1]) and e[1] >= 0
        ),
        differ=keep("differ", is_difference),
        weights=keep(
            "weights",
            lambda e: (
                len(e) == 2
                and e[0] in OBJECTIVES
                and e[0] != "cost"
                and question.objective == "cost"
                and is_number(e[1])
                and e[1] >= 0
            ),
        ),
    )


def _is_known(facts: Facts, kind: str, name: str) -> bool:
    if kind == "host":
        zone_id, _, industry_id = name.rpartition("/")
        return zone_id in facts.zone and industry_id in facts.industry
    if kind == "service":
        return name in facts.service and int(facts.service[name]["runs_today"]) == 0
    if kind == "output":
        return name == EVERY_INDUSTRY or name in facts.industry
    tables: dict[str, Any] = {
        "zone": facts.zone, "module": facts.module, "project": facts.project,
        "increment": facts.pool, "zone_output": facts.zone,
    }  # fmt: skip
    return name in tables[kind]


def check_asked(
    facts: Facts,
    plan: Plan,
    amounts: Amounts,
    routed: list[Routed],
    ledger: Ledger,
    findings: Findings,
) -> None:
    """File every limit, bound on a decision and difference from another plan that is missed."""
    for measure, value in plan.question.limits:
        found = measure_of(measure, facts, amounts, routed, ledger)
        if measure in MAXIMISED:
            message = "less than the question asks for"
            findings.at_least(rule.QUESTION, f"limit {measure}", found, value, message)
        else:
            message = "more than the question allows"
            findings.at_most(rule.QUESTION, f"limit {measure}", found, value, message)
    for kind, name, least in plan.question.least:
        found = _count(facts, plan, kind, name, shut=False)
        message = "less of the decision than the question asks for"
        findings.at_least(rule.QUESTION, f"least {kind} {name}", found, least, message)
    for kind, name, most in plan.question.most:
        found = _count(facts, plan, kind, name, shut=True)
        message = "more of the decision than the question allows"
        findings.at_most(rule.QUESTION, f"most {kind} {name}", found, most, message)
    _differences(facts, plan, findings)


def _count(facts: Facts, plan: Plan, kind: str, name: str, *, shut: bool) -> float:
    """Return how much of a decision a plan takes.

    An existing zone is open whether or not the plan lists it; ``shut`` asks whether it is used.
    """
    if kind == "zone":
        is_used = name in plan.open_zones or any(zone_id == name for zone_id, _ in plan.hosts)
        return float(is_used or (not shut and facts.zone[name]["status"] == "existing"))
    if kind == "host":
        zone_id, _, industry_id = name.rpartition("/")
        return float((zone_id, industry_id) in plan.hosts)
    if kind == "output":
        return math.fsum(
            move.output_mcny for move in plan.moves if name in (EVERY_INDUSTRY, move.industry_id)
        )
    if kind == "zone_output":
        return math.fsum(move.output_mcny for move in plan.moves if move.zone_id == name)
    if kind == "module":
        return math.fsum(count for module_id, count in plan.modules if module_id == name)
    if kind == "increment":
        return math.fsum(amount for pool_id, amount in plan.increments if pool_id == name)
    return float(name in (plan.projects if kind == "project" else plan.services))


def _differences(facts: Facts, plan: Plan, findings: Findings) -> None:
    """Zones that differ from another plan's; existing ones do not count, empty ones may not."""
    question = plan.question
    if not question.differ:
        return
    hosting = {zone_id for zone_id, _ in plan.hosts}
    forced = {name for kind, name, n in question.least if kind == "zone" and n > 0}
    for zone_id in plan.open_zones:
        is_free = facts.zone_status(zone_id, question) == "candidate" and zone_id not in forced
        if is_free and zone_id not in hosting:
            message = "is open and hosts nothing: no other siting"
            findings.add(rule.QUESTION, f"differ {zone_id}", message)
    opened = set(plan.open_zones)
    for others, least in question.differ:
        other = set(others)
        distance = sum(
            (zone_id in opened) != (zone_id in other)
            for zone_id, row in facts.zone.items()
            if row["status"] != "existing"
        )
        message = "too few zones are opened or shut against the other plan"
        findings.at_least(rule.QUESTION, f"differ {' '.join(others)}", distance, least, message)
