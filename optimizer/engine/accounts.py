"""Decisions and accounts of plans in which blocks only move: no rivals, modules or services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from optimizer.engine.answer import Answer
from optimizer.plan.plan import AccountLine, Flow, Move
from optimizer.problem import MCNY, Problem


def moved_answer(
    problem: Problem,
    output: Mapping[tuple[int, int], float],
    open_zones: tuple[str, ...],
    *,
    projects: tuple[str, ...] = (),
    flows: tuple[Flow, ...] = (),
    carried: Iterable[AccountLine] = (),
) -> Answer:
    """Return the answer that output by (block, cell), mcny a year, stands for, with its accounts.

    ``carried`` are the account lines of ``flows``.
    """
    entries = sorted(output.items())
    moves, lines = [], []
    move_costs = problem.instance.move_costs()
    parts = {name: unit for name, unit in problem.cell_parts.items() if unit.any()}
    for (block, cell), amount in entries:
        zone_number = int(problem.cell_zone[cell])
        zone, origin = problem.zones[zone_number], problem.block_origin[block]
        industry = problem.industries[problem.cell_industry[cell]]
        form = problem.forms[problem.cell_form[cell]]
        moves.append(Move(origin, industry, zone, form, amount))
        for name, unit in parts.items():
            lines.append(
                AccountLine(name, "zone", zone, industry, origin, float(unit[cell]) * amount)
            )
        cost = float(move_costs[block, zone_number]) / MCNY * amount
        lines.append(AccountLine("relocation", "zone", zone, industry, origin, cost))
    hosts = tuple(dict.fromkeys((move.zone_id, move.industry_id) for move in moves))
    lines += [*carried, *_lumps(problem, open_zones, hosts, projects)]
    lines = [line for line in lines if line.mcny != 0]
    return Answer(
        open_zones=open_zones,
        hosts=hosts,
        moves=tuple(moves),
        stays=(),
        rivals=(),
        modules=(),
        increments=(),
        projects=projects,
        services=(),
        flows=flows,
        accounts=tuple(lines),
        cost_mcny=float(np.sum([line.mcny for line in lines], dtype=np.longdouble)),
    )


def _lumps(
    problem: Problem,
    open_zones: tuple[str, ...],
    hosts: tuple[tuple[str, str], ...],
    projects: tuple[str, ...],
) -> Iterable[AccountLine]:
    """Opening, set-up and projects, mcny a year."""
    opened, built = set(open_zones), set(projects)
    for row in problem.table("zones").itertuples():
        if row.zone_id in opened and row.status != "existing":
            cost = row.open_mcny * problem.crf(row.open_life_years) + row.open_mcny_per_year
            yield AccountLine("opening", "zone", row.zone_id, "", "", cost)
    industries = problem.table("industries")
    setup = dict(
        zip(industries["industry_id"], industries["host_setup_mcny_per_year"], strict=True)
    )
    for zone, industry in hosts:
        yield AccountLine("setup", "zone", zone, industry, "", setup[industry])
    for row in problem.table("projects").itertuples():
        if row.project_id in built:
            cost = row.capital_mcny * problem.crf(row.life_years) + row.upkeep_mcny_per_year
            yield AccountLine("projects", "", row.project_id, "", "", cost)
