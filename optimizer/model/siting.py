"""The siting and flow problem as columns and rows: the table of contents.

One function per family of docs/formulas.md, each in the file of its subject.
"""

from __future__ import annotations

from optimizer.memory import Closing, Memory
from optimizer.model.agglomeration import add_agglomeration
from optimizer.model.base import SitingModel, find_resources
from optimizer.model.decisions import add_decisions, add_differences
from optimizer.model.demands import add_question, add_rival_limits
from optimizer.model.hosting import add_hosting
from optimizer.model.lumps import add_projects, add_services
from optimizer.model.output import add_output, add_volume, bound_output, group_cells
from optimizer.model.pools import add_pools
from optimizer.model.rules import add_chains, add_rules, add_whole_blocks
from optimizer.model.tighten import tie_pools_to_zones
from optimizer.problem import Problem


def build_siting_model(
    problem: Problem, floor: float | None = None, memory: Memory | None = None
) -> SitingModel:
    """Return the model of ``problem`` without routes other than base routes (table of contents).

    With ``floor``, cost is minimised whatever the question's objective, which has to reach
    ``floor`` (or, where it is minimised, to stay at or below it).
    """
    m = SitingModel(problem, by_cost=problem.question.objective == "cost" or floor is not None)
    m.resources = find_resources(problem)
    if memory is not None and memory.model is not None and memory.problem.book is problem.book:
        before = memory.model
        m.base_path, m.route_weight = before.base_path, before.route_weight
        if before.resources.keys == m.resources.keys:
            m.base_use, m.route_use = before.base_use, before.route_use
    elif memory is not None and memory.model is not None and problem.book.closing is not None:
        _take_over(m, memory.model, problem.book.closing)
    group_cells(m)
    bound_output(m)
    add_projects(m)
    add_output(m)
    add_volume(m)
    add_hosting(m)
    add_pools(m)
    tie_pools_to_zones(m)
    add_rules(m)
    add_chains(m)
    add_whole_blocks(m)
    add_agglomeration(m)
    add_services(m)
    add_rival_limits(m)
    add_decisions(m)
    add_differences(m)
    add_question(m)
    if floor is not None:
        m.limit(("floor",), problem.question.objective, floor, at_least=m.sign < 0)
    return m


def _take_over(m: SitingModel, before: SitingModel, closing: Closing) -> None:
    """Take base routes, and what is known of others, as far as a closing leaves them."""
    m.base_path = {c: a for c, a in before.base_path.items() if closing.keeps_base(c, a)}

    def stands(route: tuple) -> bool:
        return route[0] in m.base_path and closing.is_open(route[1])

    m.route_weight = {r: w for r, w in before.route_weight.items() if stands(r)}
    if before.resources.keys == m.resources.keys:
        m.base_use = {c: u for c, u in before.base_use.items() if c in m.base_path}
        m.route_use = {r: u for r, u in before.route_use.items() if stands(r)}
