"""Agglomeration (12), services (10) and projects (11)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from optimizer.model.base import SitingModel, projects_opening


def add_agglomeration(m: SitingModel) -> None:
    """(12) Exact piecewise-linear cost change: convex combination with one segment chosen."""
    problem = m.problem
    table = problem.table("agglomeration")
    if table.empty:
        return
    clusters = list(problem.table("industries")["cluster_id"])
    cells: dict[tuple[int, str], list[int]] = defaultdict(list)
    ceiling: dict[tuple[int, str], float] = defaultdict(float)
    for (zone, industry), group in m.cells_of.items():
        if clusters[industry]:
            cells[zone, clusters[industry]] += group
            ceiling[zone, clusters[industry]] += m.most[zone, industry]
    curves = {
        c: group.sort_values("point")[
            ["volume_mcny_per_year", "cost_change_mcny_per_year"]
        ].to_numpy()
        for c, group in table.groupby("cluster_id")
    }
    for (zone, cluster), group in sorted(cells.items()):
        if cluster not in curves:
            continue
        curve = curves[cluster]
        reach = int(np.searchsorted(curve[:, 0], ceiling[zone, cluster] * (1 + 1e-9))) + 1
        volume, change = curve[:reach, 0], curve[:reach, 1]
        points = [m.add(("point", zone, cluster, k), change[k], ub=1.0) for k in range(len(volume))]
        tag = (zone, cluster)
        m.lp.add_row(
            ("curve_volume", *tag),
            m.out_terms(group) + [(p, -v) for p, v in zip(points, volume, strict=True)],
            low=0.0,
            high=0.0,
        )
        m.lp.add_row(("curve_weights", *tag), [(p, 1.0) for p in points], low=1.0, high=1.0)
        m.lp.add_row(
            ("curve_open", *tag),
            [(p, 1.0) for p in points[1:]] + [(m.lp.col["open", zone], -1.0)],
            high=0.0,
        )
        slopes = np.diff(change) / np.diff(volume)
        if np.all(np.diff(slopes) >= -1e-12):
            continue  # convex: the relaxation is exact without choosing a segment
        segments = [
            m.add(("segment", zone, cluster, s), ub=1.0, integer=True) for s in range(len(slopes))
        ]
        m.lp.add_row(("segments", *tag), [(s, 1.0) for s in segments], low=1.0, high=1.0)
        for k, point in enumerate(points):
            beside = [(segments[s], -1.0) for s in (k - 1, k) if 0 <= s < len(segments)]
            m.lp.add_row(("point_in_segment", *tag, k), [(point, 1.0), *beside], high=0.0)


def add_services(m: SitingModel) -> None:
    """(10) Columns of services that run or not; their load rows come with their first route."""
    for service in m.problem.table("services").itertuples():
        if service.runs_today == 0:
            barred = service.service_id in m.problem.question.closed
            m.add(
                ("service", service.service_id),
                service.fixed_mcny_per_year,
                ub=0.0 if barred else 1.0,
                integer=True,
            )
    opened = projects_opening(m.problem)
    for (table, element), projects in opened.items():
        if table == "services" and ("service", element) in m.lp.col:
            terms = [(m.lp.col["service", element], 1.0)]
            terms += [(m.lp.col["project", p], -1.0) for p in projects]
            m.lp.add_row(("service_opened", element), terms, high=0.0)


def add_projects(m: SitingModel) -> None:
    """(11) Projects with prerequisites and exclusions."""
    projects = list(m.problem.table("projects").itertuples())
    for p in projects:
        price = p.capital_mcny * m.problem.crf(p.life_years) + p.upkeep_mcny_per_year
        m.add(
            ("project", p.project_id),
            price,
            lb=1.0 if p.status == "required" else 0.0,
            ub=0.0 if p.status == "forbidden" else 1.0,
            integer=True,
        )
    for p in projects:
        for other in filter(None, p.needs_project_id.split(";")):
            m.lp.add_row(
                ("needs", p.project_id, other),
                {("project", other): 1.0, ("project", p.project_id): -1.0},
                low=0.0,
            )
        for other in filter(None, p.excludes_project_id.split(";")):
            if ("excludes", other, p.project_id) not in m.lp.row:
                m.lp.add_row(
                    ("excludes", p.project_id, other),
                    {("project", other): 1.0, ("project", p.project_id): 1.0},
                    high=1.0,
                )
