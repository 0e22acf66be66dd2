"""Every id and amount of a plan, checked one by one, before anything is added up."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any

from optimizer.plan.plan import OBJECTIVES, Plan, Question
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.arcs import Network
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.verdict import Findings

HOST_KINDS = ("zone", "rival", "stay")


def is_number(value: Any) -> bool:
    """Return whether this is a finite number (and not a truth value)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def sound_entries(facts: Facts, plan: Plan, findings: Findings) -> Plan:
    """Return the plan without the entries that cannot be computed with; each is filed."""
    check = _Entries(facts, findings)
    origins, industries, zones, forms = facts.origin, facts.industry, facts.zone, facts.form
    moves = check.keep(
        "move", plan.moves, lambda m: (m.origin_id, m.industry_id, m.zone_id, m.form_id),
        lambda m: (m.origin_id in origins and m.industry_id in industries and m.zone_id in zones
                   and m.form_id in forms and (m.origin_id, m.industry_id) in facts.block),
        lambda m: m.output_mcny,
    )  # fmt: skip
    stays = check.keep(
        "stay", plan.stays, lambda s: s[:2], lambda s: s[:2] in facts.block, lambda s: s[2]
    )
    rivals = check.keep(
        "rival", plan.rivals, lambda r: r[:3],
        lambda r: r[:2] in facts.block and r[2] in facts.rival, lambda r: r[3],
    )  # fmt: skip
    modules = check.keep(
        "module", plan.modules, lambda m: m[:1], lambda m: m[0] in facts.module, lambda m: m[1]
    )
    increments = check.keep(
        "increment", plan.increments, lambda p: p[:1], lambda p: p[0] in facts.pool, lambda p: p[1]
    )
    flows = check.keep(
        "flow", plan.flows,
        lambda f: (f.host_kind, f.host_id, f.form_id, f.industry_id, f.goods, f.arcs),
        lambda f: _host_known(facts, f.host_kind, f.host_id) and f.form_id in forms
        and f.industry_id in industries
        and (f.host_kind != "stay" or (f.host_id, f.industry_id) in facts.block),
        lambda f: f.teu,
    )  # fmt: skip
    return replace(
        plan, moves=moves, stays=stays, rivals=rivals, modules=modules, increments=increments,
        flows=flows,
        open_zones=check.keep("open zone", plan.open_zones, lambda z: (z,), lambda z: z in zones),
        hosts=check.keep(
            "host", plan.hosts, lambda h: h, lambda h: h[0] in zones and h[1] in industries
        ),
        projects=check.keep("project", plan.projects, lambda p: (p,), lambda p: p in facts.project),
        services=check.keep("service", plan.services, lambda s: (s,), lambda s: s in facts.service),
        accounts=check.accounts(plan.accounts),
    )  # fmt: skip


def _host_known(facts: Facts, host_kind: str, host_id: str) -> bool:
    table = {"zone": facts.zone, "rival": facts.rival, "stay": facts.origin}.get(host_kind)
    return table is not None and host_id in table


class _Entries:
    def __init__(self, facts: Facts, findings: Findings) -> None:
        self.facts = facts
        self.findings = findings

    def keep(
        self,
        what: str,
        entries: Iterable[Any],
        key: Callable[[Any], tuple[Hashable, ...]],
        known: Callable[[Any], bool],
        amount: Callable[[Any], Any] | None = None,
    ) -> tuple[Any, ...]:
        kept, seen = [], set()
        for entry in entries:
            ids = key(entry)
            where = f"{what} {' '.join(str(part) for part in ids if part)}"
            number = None if amount is None else amount(entry)
            if not known(entry):
                self.findings.add(rule.IDS, where, "names a row that the tables do not hold")
            elif ids in seen:
                self.findings.add(rule.IDS, where, "the plan holds this entry twice")
            elif amount is not None and not is_number(number):
                self.findings.add(
                    rule.NUMBERS, where, "is no finite number", str(number), "a number >= 0"
                )
            elif number is not None and number < -1e-9:
                self.findings.add(rule.NUMBERS, where, "is negative", number, 0.0)
            else:
                seen.add(ids)
                kept.append(entry)
        return tuple(kept)

    def accounts(self, lines: Iterable[Any]) -> tuple[Any, ...]:
        kept = []
        for line in lines:
            if is_number(line.mcny):
                kept.append(line)
            else:
                where = f"account {line.component} {line.host_id} {line.industry_id}"
                self.findings.add(
                    rule.NUMBERS, where, "is no finite number", str(line.mcny), "a number"
                )
        return tuple(kept)


def check_question(facts: Facts, network: Network, question: Question, findings: Findings) -> None:
    """File what makes the plan's question no question on this instance."""
    if question.objective not in OBJECTIVES:
        findings.add(
            rule.QUESTION, "objective", "is unknown", question.objective, ", ".join(OBJECTIVES)
        )
    for zone_id in (*question.open_zones, *question.forbid_zones):
        if zone_id not in facts.zone:
            findings.add(
                rule.QUESTION, f"zone {zone_id}", "the question names a zone that is not there"
            )
    for name in question.closed:
        if name not in network.closable:
            findings.add(rule.QUESTION, f"closed {name}", "the question closes what is not there")
    for industry_id, target in question.industry_targets:
        if industry_id not in facts.industry:
            findings.add(
                rule.QUESTION, f"industry {industry_id}", "the target is for an unknown industry"
            )
        if not is_number(target):
            findings.add(rule.QUESTION, f"target of {industry_id}", "is no number", str(target))
    for name in ("target_mcny", "target_share", "budget_mcny", "cost_limit_mcny"):
        value = getattr(question, name)
        if value is not None and not (is_number(value) and value >= 0):
            findings.add(rule.QUESTION, name, "is no number >= 0", str(value))
