"""`verify_plan`: every check in its order, and the verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from optimizer.plan.plan import Plan, Question, Status
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.asked import check_asked, measure_of, sound_asked, weighted
from optimizer.plan.verify.books import books_of
from optimizer.plan.verify.certificate import Bound
from optimizer.plan.verify.decisions import check_decisions
from optimizer.plan.verify.entries import is_number, sound_entries, sound_question
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.flows import FlowCheck
from optimizer.plan.verify.ledger import compare, recompute
from optimizer.plan.verify.prices import read_prices
from optimizer.plan.verify.reach import Reach
from optimizer.plan.verify.routes import EndlessRouteError
from optimizer.plan.verify.tree import leaves, tree_bound
from optimizer.plan.verify.verdict import Findings, Verdict

if TYPE_CHECKING:
    from instances import Instance

PROVEN_GAP = 1e-3  # "optimal" with a wider gap must say in stop_reason which gap was asked for
MAXIMISED = ("absorbed", "jobs")


def verify_plan(instance: Instance, plan: Plan, *, tolerance: float = 1e-6) -> Verdict:
    """Return whether a plan holds: feasibility, cost line by line, objective and bound.

    Parameters
    ----------
    instance : Instance
        The tables the plan is checked against.
    plan : Plan
        The plan; it may come from anywhere, nothing in it is trusted.
    tolerance : float
        Relative tolerance of every comparison; for constraints on amounts below one unit it is
        absolute.
    """
    findings = Findings(tolerance)
    books = books_of(instance)
    facts, network, goods = books.facts, books.network, books.goods
    _check_identity(facts, plan, findings)
    asked = sound_question(facts, network, plan.question, findings)
    asked = sound_asked(facts, asked, findings)
    plan = replace(plan, question=asked)
    plan = sound_entries(facts, plan, findings)
    amounts = check_decisions(facts, plan, findings)
    routed = FlowCheck(facts, network, goods, plan, amounts, findings).run()
    ledger = recompute(facts, goods, books.production, plan, amounts, routed)
    compare(facts, ledger, plan, findings)
    components = ledger.by_component()
    cost = math.fsum(components.values())
    _check_cost(plan, cost, findings)
    check_asked(facts, plan, amounts, routed, ledger, findings)
    measured = partial(measure_of, facts=facts, amounts=amounts, routed=routed, ledger=ledger)
    objective = measured(asked.objective) + weighted(asked, measured)
    _close(rule.OBJECTIVE, asked.objective, plan.objective, objective, findings)
    reach = Reach(books, asked)
    _check_stay_cost(plan, reach, findings)
    _check_status(plan, objective, findings)
    certified = _certified(reach, plan, objective, findings)
    gap = None
    if certified is not None:
        gap = (objective - certified) / max(abs(objective), 1e-12)
    return Verdict(
        ok=not findings.violations,
        violations=tuple(findings.violations),
        cost_mcny=cost,
        components=components,
        objective=objective,
        bound_certified=certified,
        bound_stated=plan.bound,
        gap_certified=gap,
        notes=tuple(findings.notes),
    )


def certified_bound(
    instance: Instance, question: Question, certificate: Mapping[str, Any]
) -> float | None:
    """Return the bound (mcny a year) that a certificate proves; None where it proves nothing."""
    if question.objective != "cost" or question.weights or certificate.get("kind") != "lagrangian":
        return None
    books = books_of(instance)
    prices = read_prices(books.facts, question, certificate, Findings())
    if prices is None:
        return None
    try:
        reach = Reach(books, question)
        tree = tree_bound(reach, prices, certificate, Findings())
        bound = max(Bound(reach, prices).value(), -math.inf if tree is None else tree)
    except EndlessRouteError:
        return None
    return bound if math.isfinite(bound) else None


def _check_identity(facts: Facts, plan: Plan, findings: Findings) -> None:
    pairs = (
        ("id", plan.instance_id, facts.instance_id),
        ("hash", plan.instance_hash, facts.instance_hash),
    )
    for what, found, expected in pairs:
        if found != expected:
            message = (
                f"the plan is of an instance with another {what}; the rest is checked against this"
            )
            findings.add(rule.INSTANCE, f"instance {what}", message, found, expected)


def _close(what: str, where: str, stated: float, computed: float, findings: Findings) -> None:
    if not is_number(stated):
        findings.add(what, where, "is no finite number", str(stated), computed)
    elif abs(stated - computed) > max(findings.tolerance * abs(computed), 1e-9):
        findings.add(what, where, "is not what the tables give", stated, computed)


def _check_cost(plan: Plan, cost: float, findings: Findings) -> None:
    _close(rule.COST, "cost_mcny", plan.cost_mcny, cost, findings)
    limit = plan.question.cost_limit_mcny
    if limit is not None and is_number(limit):
        message = "the plan costs more than the question allows"
        findings.at_most(rule.QUESTION, "cost_limit_mcny", cost, limit, message)


def _check_stay_cost(plan: Plan, reach: Reach, findings: Findings) -> None:
    facts, stated = reach.facts, plan.stay_cost_mcny
    where = "stay_cost_mcny"
    try:
        parts = [
            row["volume_mcny_per_year"] * reach.stay_unit_mcny(*key)
            for key, row in facts.block.items()
            if row["volume_mcny_per_year"] > 0
        ]
    except EndlessRouteError as error:
        findings.note(f"the cost of staying cannot be computed: {error}")
        return
    must_move = any(int(row["may_stay"]) == 0 for row in facts.block.values())
    expected = math.nan if must_move else math.fsum(parts) if math.inf not in parts else math.inf
    if not math.isfinite(expected):
        if not (isinstance(stated, float) and math.isnan(stated)):
            message = "some output must move or has no route where it is, so there is no such cost"
            findings.add(rule.STAY_COST, where, message, str(stated), "nan")
    elif _routes_are_not_cheapest(plan.question) and is_number(stated) and stated > expected:
        findings.note(f"the cost of staying is {expected:.6g} mcny a year on the cheapest routes")
    else:
        _close(rule.STAY_COST, where, stated, expected, findings)


def _routes_are_not_cheapest(question: Question) -> bool:
    return question.objective in ("hours", "co2e") or bool(question.weights)


def _check_status(plan: Plan, objective: float, findings: Findings) -> None:
    if plan.status not in (Status.OPTIMAL, Status.FEASIBLE):
        findings.add(rule.STATUS, "status", "a solve that ended so has no plan", str(plan.status))
    bound = plan.bound
    if not isinstance(bound, int | float) or math.isnan(bound):
        findings.add(rule.BOUND, "bound", "is no number", str(bound))
        return
    slack = findings.tolerance * max(1.0, abs(objective))
    if plan.question.objective in MAXIMISED:
        if bound < objective - slack:
            findings.add(
                rule.BOUND, "bound", "is below an objective that is maximised", bound, objective
            )
    elif bound > objective + slack:
        findings.add(
            rule.BOUND, "bound", "is above an objective that is minimised", bound, objective
        )
    if plan.status is Status.OPTIMAL:
        gap = abs(objective - bound) / max(abs(objective), 1e-12) if objective != bound else 0.0
        allowed = max(PROVEN_GAP, _gap_in_words(str(plan.stop_reason)))
        if gap > allowed * (1 + 1e-6) and abs(objective - bound) > slack:
            message = "called optimal with a gap that is no proof; stop_reason names no such gap"
            findings.add(rule.STATUS, "status", message, gap, allowed)


def _gap_in_words(stop_reason: str) -> float:
    """Return the gap that a stop reason names ('gap 0.5 %', 'gap 0.005'), as a share; else 0."""
    found = re.search(r"gap\D{0,20}?(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(%?)", stop_reason, re.IGNORECASE)
    if found is None:
        return 0.0
    return float(found[1]) / (100 if found[2] else 1)


def _certified(reach: Reach, plan: Plan, objective: float, findings: Findings) -> float | None:
    """Return what the certificate proves, and file a claim that it does not support."""
    certificate, question = plan.certificate, plan.question
    if not isinstance(certificate, Mapping):
        findings.add(rule.CERTIFICATE, "certificate", "is no object", str(certificate))
        return None
    if not certificate:
        findings.note("the plan holds no certificate: its bound rests on the solver alone")
        return None
    if certificate.get("kind") != "lagrangian":
        findings.note(
            f"certificates of kind {certificate.get('kind')!r} are unknown and prove nothing"
        )
        return None
    if question.objective != "cost" or question.weights:
        findings.note("certificates are evaluated for the objective 'cost' alone")
        return None
    prices = read_prices(reach.facts, question, certificate, findings)
    if prices is None:
        return None
    try:
        bound = Bound(reach, prices).value()
        tree = tree_bound(reach, prices, certificate, findings)
    except EndlessRouteError as error:
        findings.note(f"the certificate proves nothing: {error}")
        return None
    if not math.isfinite(bound):
        findings.note("the certificate proves nothing: its prices give no finite bound")
        return None
    if tree is not None and tree > bound:
        findings.note(
            f"one vector of prices proves {bound:.6f}; the tree of the certificate, of "
            f"{leaves(certificate)} leaves, {tree:.6f}"
        )
        bound = tree
    _check_claims(plan, bound, objective, findings)
    return bound


def _check_claims(plan: Plan, bound: float, objective: float, findings: Findings) -> None:
    slack = findings.tolerance * max(1.0, abs(bound))
    claimed = plan.certificate.get("claimed_bound")
    if claimed is None:
        findings.note("the certificate claims no bound")
    elif not is_number(claimed):
        findings.add(rule.CERTIFICATE, "claimed_bound", "is no finite number", str(claimed))
    elif claimed > bound + slack:
        findings.add(
            rule.CERTIFICATE, "claimed_bound", "claimed bound not supported", claimed, bound
        )
    if bound > objective + findings.tolerance * max(1.0, abs(objective)):
        message = "the certified bound is above the objective: the plan cannot be feasible"
        findings.add(rule.BOUND, "bound_certified", message, objective, bound)
    tree = plan.certificate.get("tree_bound")
    if (
        tree is not None
        and is_number(tree)
        and is_number(plan.bound)
        and abs(tree - plan.bound) > slack
    ):
        findings.add(rule.BOUND, "tree_bound", "is not the plan's bound", tree, plan.bound)
    if is_number(plan.bound) and plan.bound > bound + slack:
        rest = plan.bound - bound
        share = rest / max(abs(objective), 1e-12)
        findings.note(
            f"{rest:.6g} mcny a year of the bound ({100 * share:.4f} % of the objective) rest on "
            "the solver's branch and bound; the certificate proves the rest"
        )
