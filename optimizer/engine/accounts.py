"""Decisions and accounts of plans in which blocks only move: no rivals, modules or services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

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
    carried: Carried | None = None,
) -> Answer:
    """Return the answer that output by (block, cell), mcny a year, stands for, with accounts."""
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
    if carried is not None:
        lines += carried.account_lines()
    lines += [*_lumps(problem, open_zones, hosts, projects)]
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
        flows=tuple(carried.flows) if carried is not None else (),
        accounts=tuple(lines),
        cost_mcny=float(np.sum([line.mcny for line in lines], dtype=np.longdouble)),
    )


class Carried:
    """Goods of zones on their routes, and what they cost by component."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.flows: list[Flow] = []
        self._mcny: dict[tuple[str, str, str], float] = defaultdict(float)

    def add(self, cell: int, line: int, teu: float, arcs: Sequence[int]) -> None:
        """Book TEU a year of a goods line of a cell on a route."""
        problem, network = self.problem, self.problem.network
        zone = problem.zones[problem.cell_zone[cell]]
        industry = problem.industries[problem.cell_industry[cell]]
        form, goods = problem.forms[problem.cell_form[cell]], problem.lines[line]
        if len(arcs):
            numbers = np.fromiter(arcs, dtype=np.int64)
            for component, cny in network.components(goods.goods, numbers).items():
                self._mcny[component, zone, industry] += teu * float(cny.sum()) / MCNY
        keys = tuple(network.arc_keys[a] for a in arcs)
        self.flows.append(Flow("zone", zone, form, industry, goods.key, teu, keys))

    def local(self, cell: int, amount: float) -> None:
        """Book the goods of ``amount`` mcny of output that stay at the gate of their zone."""
        for line in self.problem.lines_of[self.problem.cell_industry[cell]]:
            goods = self.problem.lines[line]
            if goods.node < 0:
                self.add(cell, line, goods.teu * amount, ())

    def account_lines(self) -> list[AccountLine]:
        """Return one line per component, zone and industry, mcny a year."""
        return [
            AccountLine(component, "zone", zone, industry, "", mcny)
            for (component, zone, industry), mcny in self._mcny.items()
        ]


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
