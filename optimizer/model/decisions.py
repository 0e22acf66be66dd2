"""What the question says about single decisions, and about another plan's zones."""

from __future__ import annotations

from optimizer.model.base import SitingModel
from optimizer.plan.plan import EVERY_INDUSTRY
from optimizer.problem import MCNY


def add_decisions(m: SitingModel) -> None:
    """Bounds on single decisions, as rows, so that a conflict can name them."""
    question = m.problem.question
    for kind, name, least in question.least:
        if kind in ("output", "zone_output"):
            m.lp.add_row(("least", kind, name), output_terms(m, kind, name), low=least)
        elif least > 0:
            column = decision_column(m, kind, name, make=True)
            terms = [] if column is None else [(column, 1.0)]
            m.lp.add_row(("least", kind, name), terms, low=least)
    for kind, name, most in question.most:
        if kind in ("output", "zone_output"):
            m.lp.add_row(("most", kind, name), output_terms(m, kind, name), high=most)
            continue
        column = decision_column(m, kind, name)
        if column is not None:
            m.lp.add_row(("most", kind, name), [(column, 1.0)], high=most)


def output_terms(m: SitingModel, kind: str, name: str) -> list[tuple[int, float]]:
    """Return terms whose sum is the output of an industry, of all, or of a zone."""
    problem = m.problem
    cells = []
    for (zone, industry), members in m.cells_of.items():
        is_of_zone = problem.zones[zone] == name
        is_of_industry = name in (EVERY_INDUSTRY, problem.industries[industry])
        if is_of_zone if kind == "zone_output" else is_of_industry:
            cells += members
    return m.out_terms(cells)


def decision_column(m: SitingModel, kind: str, name: str, *, make: bool = False) -> int | None:
    """Return the column of a decision by the kind and id of a question; None: it is never taken.

    With ``make``, increments of a pool that has no row get a column: useless, but they cost.
    """
    problem = m.problem
    if kind == "zone":
        return m.lp.col.get(("open", problem.zones.index(name)))
    if kind == "host":
        zone, _, industry = name.rpartition("/")
        host = ("host", problem.zones.index(zone), problem.industries.index(industry))
        return m.lp.col.get(host)
    key = (kind, name)
    if kind == "increment" and make and key not in m.lp.col:
        pool = problem.table("pools").set_index("pool_id").loc[name]
        price = float(pool["increment_cny_per_unit_year"]) / MCNY
        m.add(key, price, ub=float(pool["increment_max"]), amounts={"outlay": price})
    return m.lp.col.get(key)


def add_differences(m: SitingModel) -> None:
    """Enough zones open or shut that were not so in another plan; existing zones do not count.

    A zone that hosts nothing is not opened: else an empty zone would pass for another siting.
    """
    problem = m.problem
    if not problem.question.differ:
        return
    zones = list(problem.table("zones").itertuples())
    must = {name for kind, name, n in problem.question.least if kind == "zone" and n > 0}
    must |= set(problem.question.open_zones)
    hosts: dict[int, list[tuple[int, float]]] = {}
    for zone, industry in m.cells_of:
        hosts.setdefault(zone, []).append((m.lp.col["host", zone, industry], 1.0))
    for zone, row in enumerate(zones):
        column = m.lp.col.get(("open", zone))
        if column is None or row.status in ("existing", "required") or row.zone_id in must:
            continue
        m.lp.add_row(("open_to_host", zone), [*hosts.get(zone, []), (column, -1.0)], low=0.0)
    for number, (others, least) in enumerate(problem.question.differ):
        terms, same = [], 0.0
        for zone, row in enumerate(zones):
            if row.status == "existing":
                continue
            column = m.lp.col.get(("open", zone))
            if row.zone_id in others:
                same += 1.0
                terms += [] if column is None else [(column, -1.0)]
            elif column is not None:
                terms.append((column, 1.0))
        m.lp.add_row(("differ", number), terms, low=least - same)
