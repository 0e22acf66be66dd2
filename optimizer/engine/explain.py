"""Why there is no plan: a smallest set of requirements that conflict, and the cheapest way out.

Every requirement row of the model belongs to a *requirement* in the planner's words (a target, a
rule, a budget, the floor of the zones, ...). A minimal conflict is found by leaving out one requirement after the
other (deletion filter); the cheapest relaxation by pricing the shortfall of all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.model.linear import CompiledModel
from optimizer.model.siting import SitingModel, build_siting_model, target_volume
from optimizer.plan.plan import Status
from optimizer.problem import Problem
from optimizer.solvers import SolverOptions, solve_model


@dataclass(frozen=True)
class Shortfall:
    """By how much a requirement would have to give way."""

    requirement: str
    amount: float
    unit: str


@dataclass(frozen=True)
class Explanation:
    """``conflict``: requirements that cannot hold together, none of them superfluous."""

    conflict: tuple[str, ...]
    minimal: bool  # False: time ran out before every requirement was tried
    relaxation: tuple[Shortfall, ...] = field(default_factory=tuple)

    def lines(self) -> list[str]:
        """Lines for a person."""
        kind = "These requirements conflict (none can be left out)" if self.minimal else "The conflict is among"
        lines = [f"{kind}:", *(f"  - {text}" for text in self.conflict)]
        if self.relaxation:
            lines.append("A plan would exist with the least change:")
            lines += [f"  - {s.requirement}: short of {s.amount:,.6g} {s.unit}" for s in self.relaxation]
        return lines

    def to_dict(self) -> dict:
        """The explanation as plain data."""
        return {
            "conflict": list(self.conflict),
            "minimal": self.minimal,
            "relaxation": [{"requirement": s.requirement, "amount": s.amount, "unit": s.unit} for s in self.relaxation],
        }


def explain_infeasible(problem: Problem, time_limit_s: float = 60.0) -> Explanation:
    """Return a minimal conflict of ``problem``, which has no plan, and its cheapest relaxation."""
    watch = Watch(time_limit_s)
    m = build_siting_model(problem)
    relaxation = Relaxation(m)
    relaxation.solve(Watch(time_limit_s / 3))
    model = _without_overflow(m)
    groups = requirements(m)
    fixed = _forced_zones(m)
    elastic = _Elastic(model, groups, fixed)
    shortfalls = elastic.cheapest(watch)
    names = [s.requirement for s in shortfalls] + [g for g in groups if g not in {s.requirement for s in shortfalls}]
    kept = list(dict.fromkeys([*names, *fixed]))
    minimal = True
    for name in sorted(kept, key=lambda n: -kept.index(n)):  # those that fell short are tried last
        if watch.stopped:
            minimal = False
            break
        without = [k for k in kept if k != name]
        if elastic.is_infeasible(without, watch):
            kept = without
    return Explanation(tuple(kept), minimal, tuple(shortfalls))


def requirements(m: SitingModel) -> dict[str, list[int]]:
    """Requirement in the planner's words -> rows of the model."""
    problem = m.problem
    groups: dict[str, list[int]] = {}
    rules = {r.rule_id: r for r in problem.table("rules").itertuples()}
    factors = {r.factor_id: r.name for r in problem.table("factors").itertuples()}
    pools = {r.pool_id: factors[r.factor_id] for r in problem.table("pools").itertuples()}
    for key, row in m.lp.row.items():
        name = _requirement(m, key, rules, pools)
        if name:
            groups.setdefault(name, []).append(row)
    return groups


def _requirement(m: SitingModel, key: Hashable, rules: dict, pools: dict) -> str:
    problem, kind = m.problem, key[0]
    if kind == "target":
        return f"at least {target_volume(problem):,.6g} million CNY of output must come to the zones (target)"
    if kind == "industry_target":
        return f"at least {dict(problem.question.industry_targets)[key[1]]:,.6g} million CNY of {key[1]} must come (target)"
    if kind == "budget":
        return f"at most {problem.question.budget_mcny:,.6g} million CNY of capital (budget)"
    if kind == "cost_limit":
        return f"at most {problem.question.cost_limit_mcny:,.6g} million CNY of cost a year (cost limit)"
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
    return ""


def _forced_zones(m: SitingModel) -> dict[str, int]:
    """Zones that must open by a bound: requirement text -> column."""
    return {
        f"zone {m.problem.zones[key[1]]} must open": column
        for key, column in m.lp.col.items()
        if key[0] == "open" and m.lp.lb[column] > 0.5
        and m.problem.table("zones")["status"].iloc[key[1]] != "existing"
    }  # fmt: skip


def _without_overflow(m: SitingModel) -> CompiledModel:
    model = m.lp.compile()
    ub = model.ub.copy()
    for key, column in m.lp.col.items():
        if key[0] == "overflow":
            ub[column] = 0.0
    return replace(model, ub=ub)


class _Elastic:
    """The model with a priced shortfall in every requirement row."""

    def __init__(self, model: CompiledModel, groups: dict[str, list[int]], forced: dict[str, int]) -> None:
        self.model, self.groups, self.forced = model, groups, forced
        n_rows, n_cols = model.matrix.shape
        rows, signs, names = [], [], []
        for name, members in groups.items():
            for row in members:
                for sign, active in ((1.0, np.isfinite(model.row_low[row])), (-1.0, np.isfinite(model.row_high[row]))):
                    if active:
                        rows.append(row)
                        signs.append(sign)
                        names.append(name)
        self.names, self.rows = names, rows
        slack = sp.csr_matrix((signs, (rows, range(len(rows)))), shape=(n_rows, len(rows)))
        # A unit of shortfall counts relative to the size of its row, so that units do not decide.
        size = np.maximum(1.0, np.nan_to_num(np.maximum(np.abs(_finite(model.row_low)), np.abs(_finite(model.row_high)))))
        self.weight = 1.0 / size[rows] if rows else np.zeros(0)
        self.n = n_cols
        self.wide = replace(
            model,
            cost=np.concatenate([np.zeros(n_cols), self.weight]),
            lb=np.concatenate([model.lb, np.zeros(len(rows))]),
            ub=np.concatenate([model.ub, np.full(len(rows), np.inf)]),
            integer=np.concatenate([model.integer, np.zeros(len(rows), dtype=bool)]),
            matrix=sp.hstack([model.matrix, slack], format="csr"),
            offset=0.0,
            col_keys=[*model.col_keys, *(("shortfall", k) for k in range(len(rows)))],
        )

    def cheapest(self, watch: Watch) -> list[Shortfall]:
        """The smallest total relative shortfall with which a plan exists."""
        result = solve_model(self.wide, "highs", SolverOptions(time_limit_s=watch.left_s / 3, gap=1e-2))
        if not result.status.has_plan:
            return []
        short: dict[str, float] = {}
        for name, amount in zip(self.names, result.x[self.n :], strict=True):
            if amount > 1e-6:
                short[name] = short.get(name, 0.0) + float(amount)
        return [Shortfall(name, amount, _unit(name)) for name, amount in short.items()]

    def is_infeasible(self, kept: list[str], watch: Watch) -> bool:
        """Do the requirements in ``kept`` alone still conflict? Only a proof counts as yes."""
        keep = set(kept)
        ub = self.wide.ub.copy()
        ub[self.n :] = [0.0 if name in keep else math.inf for name in self.names]
        lb = self.wide.lb.copy()
        for name, column in self.forced.items():
            if name not in keep:
                lb[column] = 0.0
        trial = replace(self.wide, ub=ub, lb=lb, cost=np.zeros_like(self.wide.cost))
        result = solve_model(trial, "highs", SolverOptions(time_limit_s=max(1.0, watch.left_s / 4)))
        return result.status is Status.INFEASIBLE


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, 0.0)


def _unit(name: str) -> str:
    if "million CNY" in name:
        return "million CNY"
    if name.startswith("capacity of"):
        return "TEU a year"
    return "units of the row"
