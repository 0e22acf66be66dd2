"""What rivals can take (1), and what the question itself demands."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from optimizer.model.base import SitingModel, factor_use
from optimizer.model.rules import capital_terms
from optimizer.plan.plan import MAXIMISED
from optimizer.problem import Problem


def add_rival_limits(m: SitingModel) -> None:
    """(1) What a rival can take, in total and by factor."""
    problem = m.problem
    use = factor_use(problem)
    columns: dict[int, list[tuple[int, int]]] = defaultdict(list)  # rival -> (column, industry)
    for key, column in m.lp.col.items():
        if key[0] == "rival":
            columns[key[2]].append((column, int(problem.block_industry[key[1]])))
    for r, rival in enumerate(problem.table("rivals").itertuples()):
        if np.isfinite(rival.capacity_mcny_per_year) and columns[r]:
            m.lp.add_row(
                ("rival_capacity", r),
                [(c, 1.0) for c, _ in columns[r]],
                high=rival.capacity_mcny_per_year,
            )
    at = {name: k for k, name in enumerate(problem.rivals)}
    for limit in problem.table("rival_limits").itertuples():
        if np.isfinite(limit.endowment):
            r = at[limit.rival_id]
            terms = [
                (c, use.get((problem.industries[i], limit.factor_id), 0.0)) for c, i in columns[r]
            ]
            terms = [(c, v) for c, v in terms if v > 0]
            if terms:
                m.lp.add_row(("rival_limit", r, limit.factor_id), terms, high=limit.endowment)


def add_question(m: SitingModel) -> None:
    """What the question itself demands: targets, budget, limits of measures."""
    problem, question = m.problem, m.problem.question
    every = [c for cs in m.cells_of.values() for c in cs]
    target = target_volume(problem)
    if target > 0:
        m.lp.add_row(("target",), m.out_terms(every), low=target)
    for industry, volume in question.industry_targets:
        inside = [c for c in every if problem.industries[problem.cell_industry[c]] == industry]
        m.lp.add_row(("industry_target", industry), m.out_terms(inside), low=volume)
    if question.budget_mcny is not None:
        m.lp.add_row(("budget",), capital_terms(m), high=question.budget_mcny)
    if question.cost_limit_mcny is not None:
        m.limit(("cost_limit",), "cost", question.cost_limit_mcny, at_least=False)
    for measure, value in question.limits:
        m.limit(("limit", measure), measure, value, at_least=measure in MAXIMISED)


def target_volume(problem: Problem) -> float:
    """Output that must come to the zones, mcny a year."""
    question = problem.question
    share = (question.target_share or 0.0) * float(problem.volume.sum())
    return max(question.target_mcny or 0.0, share)
