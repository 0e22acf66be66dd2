"""Every id and amount of a plan, checked one by one, before anything is added up."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable
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
    if host_kind == "zone":
        return host_id in facts.zone
    return host_id in {"rival": facts.rival, "stay": facts.origin}.get(host_kind, ())


class _Entries:
    def __init__(self, facts: Facts, findings: Findings) -> None:
        self.facts = facts
        self.findings = findings

    def keep(
        self,
        what: str,
        entries: Any,
        key: Callable[[Any], tuple[Hashable, ...]],
        known: Callable[[Any], bool],
        amount: Callable[[Any], Any] | None = None,
    ) -> tuple[Any, ...]:
        if not isinstance(entries, list | tuple):
            self.findings.add(rule.NUMBERS, what, "is no list of entries", str(entries))
            return ()
        kept, seen = [], set()
        for entry in entries:
            try:
                ids = key(entry)
                is_known, is_repeated = known(entry), ids in seen
                number = None if amount is None else amount(entry)
            except (TypeError, LookupError, AttributeError):
                self.findings.add(rule.IDS, what, "this entry is damaged", str(entry))
                continue
            sound = amount is None or (number is not None and is_number(number) and number >= -1e-9)
            if is_known and not is_repeated and sound:
                seen.add(ids)
                kept.append(entry)
                continue
            where = f"{what} {' '.join(str(part) for part in ids if part)}"
            if not is_known:
                self.findings.add(rule.IDS, where, "names a row that the tables do not hold")
            elif is_repeated:
                self.findings.add(rule.IDS, where, "the plan holds this entry twice")
            elif amount is not None and not is_number(number):
                shown = str(number)
                self.findings.add(
                    rule.NUMBERS, where, "is no finite number", shown, "a number >= 0"
                )
            else:
                self.findings.add(rule.NUMBERS, where, "is negative", float(number or 0.0), 0.0)
        return tuple(kept)

    def accounts(self, lines: Iterable[Any]) -> tuple[Any, ...]:
        kept = []
        for line in lines:
            words = (line.component, line.host_kind, line.host_id, line.industry_id, line.origin_id)
            sound = all(isinstance(word, str) for word in words)
            if sound and is_number(line.mcny):
                kept.append(line)
                continue
            where = f"account {' '.join(str(word) for word in words if word)}"
            if not sound:
                self.findings.add(rule.IDS, where, "this entry is damaged")
            else:
                shown = str(line.mcny)
                self.findings.add(rule.NUMBERS, where, "is no finite number", shown, "a number")
        return tuple(kept)


def sound_question(
    facts: Facts, network: Network, question: Question, findings: Findings
) -> Question:
    """File what makes a question no question on this instance; return what is left to check."""
    if question.objective not in OBJECTIVES:
        words = ", ".join(OBJECTIVES)
        findings.add(rule.QUESTION, "objective", "is unknown", str(question.objective), words)

    def ids(name: str, known: Collection[str]) -> tuple[str, ...]:
        value = getattr(question, name)
        if not isinstance(value, list | tuple):
            findings.add(rule.QUESTION, name, "is no list of ids", str(value))
            return ()
        for item in value:
            if not isinstance(item, str) or item not in known:
                findings.add(rule.QUESTION, f"{name} {item}", "names what is not in the instance")
        return tuple(item for item in value if isinstance(item, str))

    def limit(name: str) -> float | None:
        value = getattr(question, name)
        if value is None or (is_number(value) and value >= 0):
            return value
        findings.add(rule.QUESTION, name, "is no number >= 0", str(value))
        return None

    targets = []
    for item in (
        question.industry_targets if isinstance(question.industry_targets, tuple) else (None,)
    ):
        if (
            isinstance(item, list | tuple)
            and len(item) == 2
            and item[0] in facts.industry
            and is_number(item[1])
            and item[1] >= 0
        ):
            targets.append((item[0], item[1]))
        else:
            where = f"industry target {item}"
            findings.add(rule.QUESTION, where, "is no target for an industry of the instance")
    return replace(
        question,
        target_mcny=limit("target_mcny"),
        target_share=limit("target_share"),
        budget_mcny=limit("budget_mcny"),
        cost_limit_mcny=limit("cost_limit_mcny"),
        industry_targets=tuple(targets),
        closed=ids("closed", network.closable),
        open_zones=ids("open_zones", facts.zone),
        forbid_zones=ids("forbid_zones", facts.zone),
    )
