"""Columns of output, and volume (1): every block is moved, won by a rival, or stays.

Output of a block that has no zone-dependent cost of its own and may split is *separable*: its cost
falls apart into a part of the block and a part of the cell (what moving to a zone costs all blocks
of an industry alike is a part of the cell). All separable blocks of an industry
therefore share one column per cell (``("out", cell)``) and are told apart only on their own side
(``("moved", block)``). Other blocks (``whole``, or dearer in some zone) have their own
``("x", block, cell)`` columns; a block that is cheaper in a few zones has both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from optimizer.model.base import Commodity, SitingModel, factor_use
from optimizer.problem import MCNY, ROUTE_MEASURES, Problem


def group_cells(m: SitingModel) -> None:
    """Which cells share a zone and industry, and which a commodity; drop unreachable cells."""
    problem = m.problem
    lost = 0
    has_routes = problem.has_routes
    for cell, commodities in enumerate(problem.cell_commodities):
        if problem.kept_cells is not None and not problem.kept_cells[cell]:
            continue
        if not has_routes[cell]:
            lost += 1  # not even projects and services open a route
            continue
        zone, industry = int(problem.cell_zone[cell]), int(problem.cell_industry[cell])
        m.cells_of.setdefault((zone, industry), []).append(cell)
        for commodity in commodities:
            m.commodity_cells.setdefault(commodity, []).append(cell)
    if lost:
        problem.notes.append(
            f"{lost} combinations of zone, industry and trade form have no route for some goods"
        )


def bound_output(m: SitingModel) -> None:
    """Most output of each (zone, industry): its volume and what the zone's pools can carry."""
    problem = m.problem
    total = np.zeros(len(problem.industries))
    np.add.at(total, problem.block_industry, problem.volume)
    ceiling = pool_ceilings(problem)
    members: dict[str, list[str]] = defaultdict(list)
    for r in problem.table("pool_members").itertuples():
        members[r.zone_id].append(r.pool_id)
    pools = {r.pool_id: r for r in problem.table("pools").itertuples()}
    use = factor_use(problem)
    last = last_points(problem)
    clusters = list(problem.table("industries")["cluster_id"])
    for zone, industry in m.cells_of:
        most = total[industry]
        for pool_id in members[problem.zones[zone]]:
            pool = pools[pool_id]
            need = use.get((problem.industries[industry], pool.factor_id), 0.0)
            if need > 0 and not pool.form_id:
                most = min(most, ceiling[pool_id] / need)
        m.most[zone, industry] = min(most, last.get(clusters[industry], np.inf))


def pool_ceilings(problem: Problem) -> dict[str, float]:
    """The most a pool can ever offer, with all increments, modules and projects."""
    if problem.loose_pools:
        return dict.fromkeys(problem.table("pools")["pool_id"], np.inf)
    ceiling = {
        r.pool_id: r.endowment + r.increment_max for r in problem.table("pools").itertuples()
    }
    for r in problem.table("modules").itertuples():
        ceiling[r.pool_id] += r.max_count * r.adds_per_module
    for r in problem.table("project_effects").itertuples():
        if r.effect == "adds_pool":
            ceiling[r.element_id] += r.amount
    return ceiling


def last_points(problem: Problem) -> dict[str, float]:
    """Last breakpoint of each industry's agglomeration curve."""
    table = problem.table("agglomeration")
    return (
        {} if table.empty else table.groupby("cluster_id")["volume_mcny_per_year"].max().to_dict()
    )


def cell_logistics(m: SitingModel) -> tuple[np.ndarray, dict[int, dict[str, float]]]:
    """Base routes of each cell: mcny per mcny of output, and the other amounts asked about."""
    problem = m.problem
    cost = np.full(problem.n_cells, np.nan)
    amounts: dict[int, dict[str, float]] = {}
    unit_cost: dict[Commodity, float] = {}
    unit_amounts: dict[Commodity, dict[str, float]] = {}
    for commodity in sorted(m.commodity_cells):
        line, node = commodity
        if problem.is_plain:
            unit_cost[commodity] = problem.base_distance(line, node) / MCNY
        else:
            unit_cost[commodity] = problem.base_amount(line, node, "cost")
        if problem.is_measured_on_routes:
            unit_amounts[commodity] = {
                name: problem.base_amount(line, node, name)
                for name in problem.tracked
                if name in ROUTE_MEASURES
            }
    for cells in m.cells_of.values():
        for cell in cells:
            commodities = problem.cell_commodities[cell]
            cost[cell] = sum(problem.lines[k].teu * unit_cost[k, n] for k, n in commodities)
            amounts[cell] = add_up(
                (problem.lines[k].teu, unit_amounts[k, n]) for k, n in commodities if unit_amounts
            )
    return cost, amounts


def add_up(parts: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Sum of amounts by measure, each with its factor."""
    total: dict[str, float] = defaultdict(float)
    for factor, amounts in parts:
        for name, value in amounts.items():
            total[name] += factor * value
    return dict(total)


def host_logistics(
    problem: Problem, industry: int, place_id: str, form_id: str
) -> tuple[float, dict[str, float]]:
    """Logistics of a rival or of staying: mcny (or inf) and other amounts per mcny of output."""
    known, key = problem.book.logistics, (industry, place_id, form_id)
    is_cost_alone = problem.is_plain and not problem.is_measured_on_routes
    if is_cost_alone and key in known:
        return known[key], {} if np.isinf(known[key]) else {"outlay": 0.0}
    cost, amounts = _host_logistics(problem, industry, place_id, form_id)
    if is_cost_alone:
        known[key] = cost
    return cost, amounts


def _host_logistics(
    problem: Problem, industry: int, place_id: str, form_id: str
) -> tuple[float, dict[str, float]]:
    cost, parts = 0.0, []
    for k in problem.lines_of[industry]:
        line = problem.lines[k]
        if line.node < 0:
            continue
        node = problem.host_node(line, place_id, form_id)
        unit, amounts = problem.others_route(k, node)
        if not np.isfinite(unit):
            return np.inf, {}
        cost += line.teu * unit
        parts.append((line.teu, amounts))
    return cost, add_up(parts) | {"outlay": 0.0}  # others' hosts are no outlay of ours


def add_output(m: SitingModel) -> None:
    """Columns of output: shared by the separable blocks of an industry, own for the others."""
    problem = m.problem
    logistics, amounts = cell_logistics(m)
    granted = -problem.cell_parts.get("subsidy", np.zeros(problem.n_cells))
    own = np.sum(list(problem.cell_parts.values()), axis=0)
    workers = problem.table("industries")["workers_per_mcny"].to_numpy()
    separable = ~problem.explicit_blocks
    has_separable = np.zeros(len(problem.industries), dtype=bool)
    has_separable[problem.block_industry[separable]] = True
    explicit_blocks: dict[int, list[int]] = defaultdict(list)
    for block in np.flatnonzero(problem.explicit_blocks).tolist():
        explicit_blocks[int(problem.block_industry[block])].append(block)
    favoured: dict[tuple[int, int], list[int]] = defaultdict(list)  # zone, industry -> blocks
    for block, zones in problem.move_zones.items():
        if not problem.explicit_blocks[block]:
            for zone in zones:
                favoured[zone, int(problem.block_industry[block])].append(block)
    dense = problem.instance.dense_moves
    for (zone, industry), cells in m.cells_of.items():
        for cell in cells:
            unit = own[cell] + logistics[cell]
            made = {"absorbed": 1.0, "jobs": workers[industry], "outlay": granted[cell]}
            value = add_up([(1.0, made), (1.0, amounts[cell])])
            if has_separable[industry]:
                shared = unit + problem.shared_moves.get((zone, industry), 0.0)
                m.add(("out", cell), shared, ub=m.most[zone, industry], amounts=value)
            for block in (*explicit_blocks[industry], *favoured[zone, industry]):
                move = problem.move_cost.get((block, zone), 0.0)
                if dense is not None:
                    move = float(dense[block, zone]) / MCNY
                if not np.isfinite(move):
                    continue
                volume = float(problem.volume[block])
                column = m.add(("x", block, cell), unit + move, ub=volume, amounts=value)
                m.explicit_of.setdefault(cell, []).append(column)


def add_volume(m: SitingModel) -> None:
    """(1) Moved + rival + stayed = volume of each block; shared cells balance by industry."""
    problem = m.problem
    stay = np.sum(list(problem.stay_parts.values()), axis=0)
    rival_cost = np.zeros((0, 0))
    if problem.rivals:
        rival_cost = np.sum(list(problem.rival_parts.values()), axis=0)
    origin_rows = {r.origin_id: r for r in problem.table("origins").itertuples()}
    rival_rows = list(problem.table("rivals").itertuples())
    rival_logistics: dict[tuple[int, int], tuple[float, dict[str, float]]] = {}
    balance: dict[int, list[tuple[int, float]]] = defaultdict(list)
    by_block: dict[int, list[int]] = defaultdict(list)
    for key, column in m.lp.col.items():
        if key[0] == "x":
            by_block[key[1]].append(column)
    for block, origin_id in enumerate(problem.block_origin):
        industry, volume = int(problem.block_industry[block]), float(problem.volume[block])
        origin = origin_rows[origin_id]
        terms: list[tuple[int, float]] = []
        terms += [(column, 1.0) for column in by_block[block]]
        if not problem.explicit_blocks[block]:
            column = m.add(("moved", block), 0.0, ub=volume)
            terms.append((column, 1.0))
            balance[industry].append((column, -1.0))
        if problem.may_stay[block]:
            logistics, amounts = host_logistics(problem, industry, origin.place_id, origin.form_id)
            if np.isfinite(logistics):
                column = m.add(
                    ("stay", block),
                    stay[block] + logistics,
                    ub=volume,
                    amounts=amounts,
                )
                terms.append((column, 1.0))
                _keep_away(m, column, industry, origin.place_id, origin.form_id)
            else:
                problem.notes.append(
                    f"{origin_id}/{problem.industries[industry]} cannot stay: "
                    "its goods have no route"
                )
        for r, rival in enumerate(rival_rows):
            if np.isnan(rival_cost[r, industry]) or rival.max_share_of_block == 0:
                continue
            if (r, industry) not in rival_logistics:
                rival_logistics[r, industry] = host_logistics(
                    problem, industry, rival.rival_id, rival.form_id
                )
            logistics, amounts = rival_logistics[r, industry]
            if np.isfinite(logistics):
                column = m.add(
                    ("rival", block, r),
                    rival_cost[r, industry] + logistics,
                    ub=rival.max_share_of_block * volume,
                    amounts=amounts,
                )
                terms.append((column, 1.0))
                _keep_away(m, column, industry, rival.rival_id, rival.form_id)
        m.lp.add_row(("volume", block), terms, low=volume, high=volume)
    for industry, terms in balance.items():
        cells = [c for (_, i), cs in m.cells_of.items() if i == industry for c in cs]
        shared = [(m.lp.col["out", c], 1.0) for c in cells]
        m.lp.add_row(("balance", industry), shared + terms, low=0.0, high=0.0)


def _keep_away(m: SitingModel, column: int, industry: int, place_id: str, form_id: str) -> None:
    """Remember which goods a column of a rival or of staying sends, where routes may differ."""
    problem = m.problem
    if len(problem.route_measures) > 1:
        for k in problem.lines_of[industry]:
            if problem.lines[k].node >= 0:
                commodity = (k, problem.host_node(problem.lines[k], place_id, form_id))
                m.away.setdefault(commodity, []).append(column)
