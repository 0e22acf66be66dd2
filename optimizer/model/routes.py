"""Routes (8), shared capacity (9), service load (10): rows and numbers the engine asks for.

Every cell pays for the least-cost route of each of its goods; a ``("route", commodity, arcs)``
column shifts TEU of a *commodity* (goods line, host node) from that base route to another one.
"""

from __future__ import annotations

from collections import defaultdict

from optimizer.model.base import Commodity, SitingModel, base_path, base_usage, total_teu


def resource_row(m: SitingModel, resource: int) -> tuple[list[tuple[int, float]], float]:
    """Capacity row of a resource over base routes and route columns: (terms, high)."""
    problem = m.problem
    use: dict[int, float] = defaultdict(float)
    for commodity, count in m.base_users(resource):
        teu = problem.lines[commodity[0]].teu
        for column, _ in m.out_terms(m.commodity_cells[commodity]):
            use[column] += count * teu
    for column, change in shifts(m).get(resource, {}).items():
        use[column] += change
    kind, name = m.resources.keys[resource]
    high = 0.0
    if kind == "bottleneck":
        row = problem.table("bottlenecks").set_index("bottleneck_id").loc[name]
        high = float(row["capacity_teu_per_year"])
        for e in problem.table("project_effects").itertuples():
            if e.effect == "adds_bottleneck_teu" and e.element_id == name:
                use[m.lp.col["project", e.project_id]] -= e.amount
    elif kind == "service":
        row = problem.table("services").set_index("service_id").loc[name]
        if row["runs_today"] == 1:
            high = float(row["capacity_teu_per_year"])
        else:
            use[m.lp.col["service", name]] -= min(float(row["capacity_teu_per_year"]), total_teu(m))
    else:
        for project in name:
            use[m.lp.col["project", project]] -= total_teu(m)
    return list(use.items()), high


def shifts(m: SitingModel) -> dict[int, dict[int, float]]:
    """Change of each resource's use per unit of the route and bundle columns, by resource."""
    for column in range(m.n_shifts_known, m.lp.n_cols):
        key = m.lp.col_keys[column]
        if key[0] in ("route", "walk"):
            change = route_usage(m, key[1], key[2])
        elif key[0] == "bundle":
            change = bundle_usage(m, key[1], key[2])
        else:
            continue
        for r, count in change.items():
            m.shift_use.setdefault(r, {})[column] = count
    m.n_shifts_known = m.lp.n_cols
    return m.shift_use


def service_least_row(m: SitingModel, service_id: str) -> list[tuple[int, float]]:
    """Terms of ``load - min_load * runs >= 0`` of a service that may run."""
    row = m.problem.table("services").set_index("service_id").loc[service_id]
    terms, _ = resource_row(m, m.resources.index["service", service_id])
    column = m.lp.col["service", service_id]
    return [(c, v) for c, v in terms if c != column] + [
        (column, -float(row["min_load_teu_per_year"]))
    ]


def route_usage(m: SitingModel, commodity: Commodity, arcs: tuple[int, ...]) -> dict[int, float]:
    """Change of the use of each resource when one TEU leaves the base route for ``arcs``."""
    key = (commodity, arcs)
    if key not in m.route_use:
        change = m.resources.usage(arcs)
        for r, count in base_usage(m, commodity).items():
            change[r] = change.get(r, 0.0) - count
        m.route_use[key] = {r: c for r, c in change.items() if c}
    return m.route_use[key]


def route_weight(m: SitingModel, commodity: Commodity, arcs: tuple[int, ...]) -> float:
    """Change of the weight that routes minimise (CNY, hours or kg) per TEU that leaves the base."""
    key = (commodity, arcs)
    if key not in m.route_weight:
        weights = m.problem.book.line_weights(commodity[0])
        base = base_path(m, commodity)
        m.route_weight[key] = float(weights[list(arcs)].sum() - weights[base].sum())
    return m.route_weight[key]


def bundle_usage(m: SitingModel, cell: int, gate: int) -> dict[int, float]:
    """Change of each resource's use when a million CNY of a cell's output joins the bundle."""
    change: dict[int, float] = defaultdict(float)
    for commodity in m.problem.cell_commodities[cell]:
        arcs = m.bundles[gate].get(commodity)
        if arcs is not None:
            for r, count in route_usage(m, commodity, arcs).items():
                change[r] += count * m.problem.lines[commodity[0]].teu
    return {r: c for r, c in change.items() if c and r != gate}
