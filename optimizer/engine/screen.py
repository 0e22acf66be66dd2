"""What can never pay: services and projects whose best case is below their cost or least load.

Valid while no capacity binds: then no route is worth more than what it saves against the base
route. When a capacity row enters the model, what was screened out comes back
(`Relaxation.add_resource`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from optimizer.model.base import Commodity, SitingModel, base_usage, projects_opening
from optimizer.model.routes import route_usage, route_weight

SLACK = 1e-9
BEYOND_ALL = 1e15  # mcny per mcny: more than anything costs, and finite times no volume


def hopeless(
    m: SitingModel,
    found: Iterable[tuple[Commodity, tuple[int, ...]]],
    *,
    least_loads: bool = True,
) -> set[int]:
    """Return the resources (services that do not run, gates) that no optimal plan can need.

    For each resource the TEU and the saving of all routes through it are bounded above: every cell
    takes its best case, every industry its best cell and all its volume. ``least_loads`` False:
    also a service that these routes cannot fill could pay, filled by others that lose by it.
    """
    problem = m.problem
    volume = _industry_volume(m)
    teu: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
    gain: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
    for commodity, arcs in found:
        line = problem.lines[commodity[0]]
        saving = max(0.0, -route_weight(m, commodity, arcs)) / 1e6 * line.teu
        if any(m.resources.today[r] == 0 for r in base_usage(m, commodity)):
            saving = BEYOND_ALL  # it saves a project or service that the base route needs
        for r, count in route_usage(m, commodity, arcs).items():
            if m.resources.today[r] == 0 and count > 0:
                for cell in m.commodity_cells[commodity]:
                    key = (cell, commodity[0])
                    teu[r][key] = max(teu[r].get(key, 0.0), count * line.teu)
                    gain[r][key] = max(gain[r].get(key, 0.0), saving)
    most_teu = {r: _best_case(m, values, volume) for r, values in teu.items()}
    most_gain = {r: _best_case(m, values, volume) for r, values in gain.items()}
    services = {r.service_id: r for r in problem.table("services").itertuples()}
    forced = _forced(m)
    barred: set[int] = set()
    for r in teu:
        kind, name = m.resources.keys[r]
        if kind == "service" and (kind, name) not in forced:
            row = services[name]
            too_little = least_loads and most_teu[r] < row.min_load_teu_per_year * (1 - SLACK)
            if too_little or most_gain[r] < row.fixed_mcny_per_year * (1 - SLACK):
                barred.add(r)
    opened = projects_opening(problem)
    for project in _only_opening(m):
        cost = project.capital_mcny * problem.crf(project.life_years) + project.upkeep_mcny_per_year
        worth = 0.0
        for (table, element), projects in opened.items():
            if project.project_id in projects:
                service = m.resources.index.get(("service", element))
                if table == "services" and service is not None and service not in barred:
                    worth += most_gain.get(service, 0.0)
        for r in teu:
            kind, name = m.resources.keys[r]
            if kind == "gate" and project.project_id in name:
                worth += most_gain[r]
        if worth < cost * (1 - SLACK):
            barred |= {
                r
                for r in teu
                if m.resources.keys[r][0] == "gate"
                and m.resources.keys[r][1] == (project.project_id,)
            }
            barred |= {
                m.resources.index["service", element]
                for (table, element), projects in opened.items()
                if table == "services"
                and projects == (project.project_id,)
                and ("service", element) in m.resources.index
            }
    return barred


def _only_opening(m: SitingModel) -> list:
    """Projects that do nothing but open routes, and that nothing else asks for."""
    if m.shares_projects:
        return []
    problem = m.problem
    effects = problem.table("project_effects")
    other = set(effects.loc[~effects["effect"].str.startswith("opens_"), "project_id"])
    rows = list(problem.table("projects").itertuples())
    needed = {n for r in rows for n in r.needs_project_id.split(";") if n}
    needed |= {name for kind, name in _forced(m) if kind == "project"}
    return [r for r in rows if r.project_id not in other | needed and r.status == "candidate"]


def _forced(m: SitingModel) -> set[tuple[str, str]]:
    """Decisions that the question takes: what they cost is no reason against them."""
    return {(kind, name) for kind, name, least in m.problem.question.least if least > 0}


def _industry_volume(m: SitingModel) -> np.ndarray:
    """The most output that each industry can have in all zones together."""
    problem = m.problem
    room = np.zeros(len(problem.industries))
    for (_, industry), most in m.most.items():
        room[industry] += most
    total = np.zeros(len(problem.industries))
    np.add.at(total, problem.block_industry, problem.volume)
    return np.minimum(room, total)


def _best_case(m: SitingModel, values: dict[tuple[int, int], float], volume: np.ndarray) -> float:
    per_cell: dict[int, float] = defaultdict(float)
    for (cell, _), value in values.items():
        per_cell[cell] += value
    best = np.zeros(len(volume))
    for cell, value in per_cell.items():
        industry = m.problem.cell_industry[cell]
        best[industry] = max(best[industry], value)
    return float((best * volume).sum())
