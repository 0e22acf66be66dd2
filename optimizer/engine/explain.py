"""Why there is no plan: a smallest set of requirements that conflict, and ways out of it.

Every requirement row of the model belongs to a *requirement* in the planner's words (a target, a
rule, a budget, the floor of the zones, ...). `optimizer.solvers.conflict` finds a minimal set that
cannot hold together; then each of them alone is relaxed: how far would it have to give way?
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.start import without_overflow
from optimizer.errors import NoPlanError
from optimizer.linear import Key
from optimizer.model.base import SitingModel
from optimizer.model.demands import target_volume
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import MAXIMISED
from optimizer.problem import Problem, build_problem
from optimizer.solvers.conflict import cheapest_relaxation, find_conflict

ROOM_S = 10.0  # least time for one way out


@dataclass(frozen=True)
class WayOut:
    """One requirement of the conflict, and by how much it alone would have to give way."""

    requirement: str
    amount: float
    unit: str


@dataclass(frozen=True)
class Explanation:
    """``conflict``: requirements that cannot hold together; each of ``ways_out`` resolves it."""

    conflict: tuple[str, ...]
    is_minimal: bool  # False: time ran out before every requirement was tried
    ways_out: tuple[WayOut, ...] = field(default_factory=tuple)

    def lines(self) -> list[str]:
        """Lines for a person."""
        if not self.conflict:
            return [
                "No single requirement explains it: the structure of the instance alone "
                "admits no plan."
            ]
        kind = (
            "These requirements conflict (none can be left out)"
            if self.is_minimal
            else "The conflict is among"
        )
        lines = [f"{kind}:", *(f"  - {text}" for text in self.conflict)]
        if self.ways_out:
            lines.append("Any one of these changes would make a plan possible:")
            lines += [
                f"  - {w.requirement}: give way by {w.amount:,.6g} {w.unit}" for w in self.ways_out
            ]
        return lines

    def to_dict(self) -> dict:
        """The explanation as plain data."""
        return {
            "conflict": list(self.conflict),
            "is_minimal": self.is_minimal,
            "ways_out": [
                {"requirement": w.requirement, "amount": w.amount, "unit": w.unit}
                for w in self.ways_out
            ],
        }


def explain_infeasible(problem: Problem, time_limit_s: float = 60.0) -> Explanation:
    """Return a minimal conflict of ``problem``, which has no plan, and the ways out of it."""
    watch = Watch(time_limit_s)
    forbidden = problem.question.forbid_zones
    question = problem.question
    if question.forbid_zones:  # as rows, so that they can be part of the conflict
        question = replace(question, forbid_zones=())
        problem = build_problem(problem.instance, problem.network, question)
    m = build_siting_model(problem)
    for zone in forbidden:
        if ("open", problem.zones.index(zone)) in m.lp.col:
            m.lp.add_row(("forbidden", zone), {("open", problem.zones.index(zone)): 1.0}, high=0.0)
    Relaxation(m).solve(Watch(time_limit_s / 3))
    model = without_overflow(m, m.lp.compile())
    groups = requirements(m)
    try:
        conflict = find_conflict(model, groups, time_limit_s=max(ROOM_S, watch.left_s / 2))
    except (
        NoPlanError,
        ValueError,
    ):  # no time to know, or only the routes that exist forbid a plan
        closed = tuple(f"{name} is closed" for name in question.closed)
        return Explanation(closed, is_minimal=False)
    ways_out = []
    for name in conflict.groups:
        keys = groups[name]
        try:
            relaxed = cheapest_relaxation(
                model, {name: keys}, time_limit_s=max(ROOM_S, watch.left_s / 4)
            )
        except (NoPlanError, ValueError):
            continue  # giving way here alone does not help
        amount = float(sum(abs(v) for v in relaxed.by_row.values()))
        ways_out.append(WayOut(name, amount, _unit(m, keys[0])))
    return Explanation(conflict.groups, conflict.is_minimal, tuple(ways_out))


def requirements(m: SitingModel) -> dict[str, list[Key]]:
    """Requirement in the planner's words -> keys of its rows."""
    problem = m.problem
    groups: dict[str, list[Key]] = {}
    rules = {r.rule_id: r for r in problem.table("rules").itertuples()}
    factors = {r.factor_id: r.name for r in problem.table("factors").itertuples()}
    pools = {r.pool_id: factors[r.factor_id] for r in problem.table("pools").itertuples()}
    for key in m.lp.row_keys:
        name = _requirement(m, key, rules, pools)
        if name:
            groups.setdefault(name, []).append(key)
    return groups


def _requirement(m: SitingModel, key: Key, rules: dict, pools: dict) -> str:
    problem, kind = m.problem, key[0]
    if kind == "target":
        return (
            f"at least {target_volume(problem):,.6g} million CNY of output "
            "must come to the zones (target)"
        )
    if kind == "industry_target":
        least = dict(problem.question.industry_targets)[key[1]]
        return f"at least {least:,.6g} million CNY of {key[1]} must come (target)"
    if kind == "budget":
        return f"at most {problem.question.budget_mcny:,.6g} million CNY of capital (budget)"
    if kind == "cost_limit":
        most = problem.question.cost_limit_mcny
        return f"at most {most:,.6g} million CNY of cost a year (cost limit)"
    if kind == "limit":
        return limit_words(key[1], dict(problem.question.limits)[key[1]])
    if kind in ("least", "most"):
        bounds = getattr(problem.question, kind)
        count = next(n for k, name, n in bounds if (k, name) == key[1:])
        return decision_words(kind, key[1], key[2], count)
    if kind == "differ":
        others, least = problem.question.differ[key[1]]
        return f"at least {least} zones opened or shut against {', '.join(others) or 'no zone'}"
    if kind == "rule":
        return f"rule {key[1]}: {rules[key[1]].text}"
    if kind == "pool":
        return f"what the zones have of: {pools[key[1]]}"
    if kind == "volume" and not problem.may_stay[key[1]]:
        return "blocks that may not stay must move"
    if kind in ("rival_capacity", "rival_limit"):
        return "what rivals can take"
    if kind == "chain":
        return f"chain {key[1]}: followers only near their leader"
    if kind == "host_least":
        return "minimum efficient scale of the industries"
    if kind == "capacity":
        resource, name = m.resources.keys[key[1]]
        return f"capacity of {resource} {name}" if resource != "gate" else ""
    if kind == "whole":
        return "whole blocks move to one host"
    if kind == "required":
        return f"zone {problem.zones[key[1]]} must open"
    if kind == "forbidden":
        return f"zone {key[1]} is forbidden"
    return ""


MEASURE_UNIT = {
    "cost": "million CNY",
    "outlay": "million CNY",
    "absorbed": "million CNY",
    "hours": "TEU-hours",
    "co2e": "tonnes CO2e",
    "jobs": "jobs",
}


def limit_words(measure: str, value: float) -> str:
    """Return a limit on a measure in words."""
    side = "at least" if measure in MAXIMISED else "at most"
    unit, of = MEASURE_UNIT[measure], {"cost": "of cost", "outlay": "of public outlay"}
    what = of.get(measure, "of output absorbed" if measure == "absorbed" else "")
    return f"{side} {value:,.6g} {' '.join(filter(None, (unit, what)))} a year (limit)"


def decision_words(side: str, kind: str, name: str, count: float) -> str:
    """Return a bound on a decision in words."""
    if kind in ("output", "zone_output"):
        return f"at {side} {count:,.6g} million CNY of output a year come ({name})"
    if kind in ("module", "increment"):
        return f"{kind} {name}: at {side} {count:,.6g}"
    done = {"zone": "open", "host": "be hosted", "project": "be built", "service": "run"}[kind]
    return f"{kind} {name} must {'' if side == 'least' else 'not '}{done}"


def _unit(m: SitingModel, key: Key) -> str:
    problem, kind = m.problem, key[0]
    if kind == "limit":
        return MEASURE_UNIT[key[1]]
    if kind in ("least", "most"):
        return {
            "increment": "units of the pool",
            "module": "modules",
            "output": "million CNY",
            "zone_output": "million CNY",
        }.get(key[1], f"{key[1]}s")
    if kind == "differ":
        return "zones"
    if kind == "pool":
        pools = problem.table("pools").set_index("pool_id")
        factors = problem.table("factors").set_index("factor_id")
        return str(factors.loc[pools.loc[key[1], "factor_id"], "unit_name"])
    if kind in (
        "target",
        "industry_target",
        "budget",
        "cost_limit",
        "volume",
        "host_least",
        "rival_capacity",
    ):
        return "million CNY"
    if kind == "capacity":
        return "TEU a year"
    if kind == "rule":
        rules = problem.table("rules").set_index("rule_id")
        return (
            "million CNY"
            if rules.loc[key[1], "kind"] in ("budget_mcny", "min_absorbed_share")
            else "units of the rule"
        )
    return "zones" if kind in ("required", "forbidden", "chain") else "units"
