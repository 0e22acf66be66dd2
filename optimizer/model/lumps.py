"""Services (10) and projects (11)."""

from __future__ import annotations

from optimizer.model.base import SitingModel, projects_opening


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
                amounts={"outlay": service.fixed_mcny_per_year},
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
            amounts={"outlay": price},
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
