"""The siting and flow problem as columns and rows, one function per family of docs/formulas.md.

Two formulations of the same problem share this file. Output of a block that has no zone-dependent
cost of its own and may split is *separable*: its cost falls apart into a part of the block and a
part of the cell. All separable blocks of an industry therefore share one column per cell
(``("out", cell)``) and are told apart only on their own side (``("moved", block)``); the strong
hosting rows x(o,i,z) <= volume * host(i,z) are kept exactly, by the inequalities they imply on
these columns (`strong_cut`, added when violated). Other blocks (``whole``, or dearer in some zone)
have their own ``("x", block, cell)`` columns; a block that is cheaper in a few zones has both.

Routes: every cell pays for the least-cost route of each of its goods; a ``("route", commodity,
arcs)`` column shifts TEU of a *commodity* (goods line, host node) from that base route to another
one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.linear import LinearModel
from optimizer.memory import Memory
from optimizer.plan.plan import MAXIMISED
from optimizer.problem import MCNY, Problem, hosts_within

Commodity = tuple[int, int]  # (goods line, host node)


@dataclass
class SitingModel:
    """The columns and rows of one problem, and the maps the engine needs to extend them.

    ``cost`` is million CNY a year per unit of each column whatever the objective; ``measure`` is
    the objective's own quantity (equal to cost for the cost objective).
    """

    problem: Problem
    by_cost: bool = True  # minimise cost; False: optimise the question's own measure
    lp: LinearModel = field(default_factory=LinearModel)
    cost: list[float] = field(default_factory=list)
    measure: list[float] = field(default_factory=list)
    cells_of: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # (zone, industry)
    commodity_cells: dict[Commodity, list[int]] = field(default_factory=dict)
    base_path: dict[Commodity, list[int]] = field(default_factory=dict)
    base_use: dict[Commodity, dict[int, float]] = field(default_factory=dict)
    route_use: dict[tuple, dict[int, float]] = field(default_factory=dict)
    route_weight: dict[tuple, float] = field(default_factory=dict)
    strong_sets: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)
    # gate -> routes
    bundles: dict[int, dict[Commodity, tuple[int, ...]]] = field(default_factory=dict)
    most: dict[tuple[int, int], float] = field(default_factory=dict)  # (zone, industry) -> mcny
    explicit_of: dict[int, list[int]] = field(default_factory=dict)  # cell -> ("x") columns
    resources: Resources = field(default_factory=lambda: Resources([], {}, {}))

    def add(
        self,
        key: Hashable,
        cost: float = 0.0,
        lb: float = 0.0,
        ub: float = np.inf,
        *,
        integer: bool = False,
        measure: float = 0.0,
    ) -> int:
        """Add a column with its cost and its measure; return its number."""
        if self.problem.question.objective == "cost":
            measure = cost
        self.cost.append(cost)
        self.measure.append(measure)
        price = cost if self.by_cost else self.sign * measure
        return self.lp.add_col(key, price, lb, ub, integer=integer)

    @property
    def sign(self) -> float:
        """-1 where the question's objective is maximised; the LP always minimises."""
        return -1.0 if self.problem.question.objective in MAXIMISED else 1.0

    def out_terms(self, cells: Iterable[int], factor: float = 1.0) -> list[tuple[int, float]]:
        """(column, factor) pairs whose sum is the output of ``cells``."""
        terms = []
        for cell in cells:
            column = self.lp.col.get(("out", cell))
            if column is not None:
                terms.append((column, factor))
            terms.extend((x, factor) for x in self.explicit_of.get(cell, ()))
        return terms


@dataclass
class Resources:
    """Capacities that routes share: bottlenecks, services, and elements that a project opens.

    ``of_arc[a]`` lists the resources one TEU on arc ``a`` uses. A resource is ``("bottleneck",
    id)``, ``("service", id)`` or ``("gate", projects)``.
    """

    keys: list[tuple]
    index: dict[tuple, int]
    of_arc: dict[int, tuple[int, ...]]
    today: list[float] = field(default_factory=list)  # capacity with nothing built, TEU a year

    def usage(self, arcs: Iterable[int]) -> dict[int, float]:
        """TEU of each resource that one TEU along these arcs uses."""
        use: dict[int, float] = defaultdict(float)
        for arc in arcs:
            for r in self.of_arc.get(arc, ()):
                # A gate asks whether its project is built, not how often a route passes it.
                use[r] = 1.0 if self.keys[r][0] == "gate" else use[r] + 1.0
        return use


def build_siting_model(
    problem: Problem, floor: float | None = None, memory: Memory | None = None
) -> SitingModel:
    """Return the model of ``problem`` without routes other than base routes (table of contents).

    With ``floor``, cost is minimised whatever the question's objective, which has to reach
    ``floor``.
    """
    m = SitingModel(problem, by_cost=problem.question.objective == "cost" or floor is not None)
    m.resources = find_resources(problem)
    if memory is not None and memory.model is not None and memory.problem.book is problem.book:
        before = memory.model
        m.base_path, m.route_weight = before.base_path, before.route_weight
        if before.resources.keys == m.resources.keys:
            m.base_use, m.route_use = before.base_use, before.route_use
    group_cells(m)
    bound_output(m)
    add_projects(m)
    add_output(m)
    add_volume(m)
    add_hosting(m)
    add_pools(m)
    add_rules(m)
    add_chains(m)
    add_whole_blocks(m)
    add_agglomeration(m)
    add_services(m)
    add_rival_limits(m)
    add_question(m)
    if floor is not None:
        m.lp.add_row(("floor",), [(c, v) for c, v in enumerate(m.measure) if v], low=floor)
    return m


# ---------------------------------------------------------------------------------------------
# preparation
# ---------------------------------------------------------------------------------------------


def find_resources(problem: Problem) -> Resources:
    """Which arcs use which shared capacities; capacities without limit are left out."""
    network = problem.network
    limit = dict(
        zip(
            problem.table("bottlenecks")["bottleneck_id"],
            problem.table("bottlenecks")["capacity_teu_per_year"],
            strict=True,
        )
    )
    opened_by = projects_opening(problem)
    keys: list[tuple] = []
    index: dict[tuple, int] = {}
    of_arc: dict[int, tuple[int, ...]] = {}

    def number(key: tuple) -> int:
        if key not in index:
            index[key] = len(keys)
            keys.append(key)
        return index[key]

    start = network.arc_bottleneck_start
    shares = network.needs_project | (network.arc_service >= 0) | (np.diff(start) > 0)
    for arc in map(int, np.flatnonzero(shares)):
        named = (
            network.bottleneck_ids[b] for b in network.arc_bottleneck[start[arc] : start[arc + 1]]
        )
        used = [number(("bottleneck", name)) for name in named if np.isfinite(limit[name])]
        service = int(network.arc_service[arc])
        if service >= 0:
            used.append(number(("service", network.service_ids[service])))
        element = (network.element_table[arc], network.element_id[arc])
        if network.needs_project[arc] and element in opened_by:
            used.append(number(("gate", opened_by[element])))
        if used:
            of_arc[arc] = tuple(used)
    services = {r.service_id: r for r in problem.table("services").itertuples()}
    today = []
    for kind, name in keys:
        if kind == "bottleneck":
            today.append(float(limit[name]))
        elif kind == "service" and services[name].runs_today == 1:
            today.append(float(services[name].capacity_teu_per_year))
        else:
            today.append(0.0)
    return Resources(keys, index, of_arc, today)


def projects_opening(problem: Problem) -> dict[tuple[str, str], tuple[str, ...]]:
    """(table, id) of links, transfers, customs and services -> projects that open it."""
    table_of = {
        "opens_link": "links",
        "opens_transfer": "transfers",
        "opens_customs": "customs",
        "opens_service": "services",
    }
    result: dict[tuple[str, str], list[str]] = defaultdict(list)
    for e in problem.table("project_effects").itertuples():
        if e.effect in table_of:
            result[table_of[e.effect], e.element_id].append(e.project_id)
    return {k: tuple(sorted(v)) for k, v in result.items()}


def group_cells(m: SitingModel) -> None:
    """Which cells share a zone and industry, and which a commodity; drop unreachable cells."""
    problem = m.problem
    lost = 0
    for cell, commodities in enumerate(problem.cell_commodities):
        if any(n < 0 or not np.isfinite(problem.base_distance(k, n)) for k, n in commodities):
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
    ceiling = {
        r.pool_id: r.endowment + r.increment_max for r in problem.table("pools").itertuples()
    }
    for r in problem.table("modules").itertuples():
        ceiling[r.pool_id] += r.max_count * r.adds_per_module
    for r in problem.table("project_effects").itertuples():
        if r.effect == "adds_pool":
            ceiling[r.element_id] += r.amount
    return ceiling


def factor_use(problem: Problem) -> dict[tuple[str, str], float]:
    """Units of each factor per mcny of output, by (industry, factor)."""
    table = problem.table("industry_factors")
    return {(r.industry_id, r.factor_id): r.use_per_mcny for r in table.itertuples()}


def last_points(problem: Problem) -> dict[str, float]:
    """Last breakpoint of each industry's agglomeration curve."""
    table = problem.table("agglomeration")
    return (
        {} if table.empty else table.groupby("cluster_id")["volume_mcny_per_year"].max().to_dict()
    )


# ---------------------------------------------------------------------------------------------
# columns of output, and volume (1)
# ---------------------------------------------------------------------------------------------


def cell_logistics(m: SitingModel) -> tuple[np.ndarray, np.ndarray]:
    """Base routes of each cell: mcny per mcny of output, and the measure (hours, t CO2e)."""
    problem = m.problem
    cost = np.full(problem.n_cells, np.nan)
    measure = np.zeros(problem.n_cells)
    unit_cost: dict[Commodity, float] = {}
    unit_measure: dict[Commodity, float] = {}
    for commodity in m.commodity_cells:
        line, node = commodity
        distance = problem.base_distance(line, node)
        if problem.by == "generalised":
            unit_cost[commodity] = distance / MCNY
        else:
            unit_cost[commodity] = problem.route_cost(line, base_path(m, commodity))
            unit_measure[commodity] = distance / (1000.0 if problem.by == "co2" else 1.0)
    for cells in m.cells_of.values():
        for cell in cells:
            commodities = problem.cell_commodities[cell]
            cost[cell] = sum(problem.lines[k].teu * unit_cost[k, n] for k, n in commodities)
            if unit_measure:
                measure[cell] = sum(
                    problem.lines[k].teu * unit_measure[k, n] for k, n in commodities
                )
    return cost, measure


def base_path(m: SitingModel, commodity: Commodity) -> list[int]:
    """Arcs of the base route of a commodity, in travel order."""
    if commodity not in m.base_path:
        m.base_path[commodity] = m.problem.base_path(*commodity)
    return m.base_path[commodity]


def base_usage(m: SitingModel, commodity: Commodity) -> dict[int, float]:
    """Resources that one TEU on the base route of a commodity uses."""
    if commodity not in m.base_use:
        m.base_use[commodity] = dict(m.resources.usage(base_path(m, commodity)))
    return m.base_use[commodity]


def host_logistics(
    problem: Problem, industry: int, place_id: str, form_id: str
) -> tuple[float, float]:
    """Logistics of a rival or of staying: mcny and measure per mcny of output, or inf."""
    cost = measure = 0.0
    for k in problem.lines_of[industry]:
        line = problem.lines[k]
        if line.node < 0:
            continue
        node = problem.host_node(line, place_id, form_id)
        distance = problem.book.distance(k, node)
        if not np.isfinite(distance):
            return np.inf, np.inf
        if problem.by == "generalised":
            cost += line.teu * distance / MCNY
        else:
            cost += line.teu * problem.route_cost(k, problem.book.path(k, node))
            measure += line.teu * distance / (1000.0 if problem.by == "co2" else 1.0)
    return cost, measure


def add_output(m: SitingModel) -> None:
    """Columns of output: shared by the separable blocks of an industry, own for the others."""
    problem = m.problem
    logistics, measure = cell_logistics(m)
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
            value = _output_measure(problem, workers[industry], measure[cell])
            if has_separable[industry]:
                m.add(("out", cell), unit, ub=m.most[zone, industry], measure=value)
            for block in (*explicit_blocks[industry], *favoured[zone, industry]):
                move = problem.move_cost.get((block, zone), 0.0)
                if dense is not None:
                    move = float(dense[block, zone]) / MCNY
                if not np.isfinite(move):
                    continue
                volume = float(problem.volume[block])
                column = m.add(("x", block, cell), unit + move, ub=volume, measure=value)
                m.explicit_of.setdefault(cell, []).append(column)


def _output_measure(problem: Problem, workers: float, logistics: float) -> float:
    return {"absorbed": 1.0, "jobs": workers}.get(problem.question.objective, logistics)


def add_volume(m: SitingModel) -> None:
    """(1) Moved + rival + stayed = volume of each block; shared cells balance by industry."""
    problem = m.problem
    stay = np.sum(list(problem.stay_parts.values()), axis=0)
    rival_cost = np.zeros((0, 0))
    if problem.rivals:
        rival_cost = np.sum(list(problem.rival_parts.values()), axis=0)
    origin_rows = {r.origin_id: r for r in problem.table("origins").itertuples()}
    rival_rows = list(problem.table("rivals").itertuples())
    rival_logistics: dict[tuple[int, int], tuple[float, float]] = {}
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
            logistics, measure = host_logistics(problem, industry, origin.place_id, origin.form_id)
            if np.isfinite(logistics):
                column = m.add(
                    ("stay", block),
                    stay[block] + logistics,
                    ub=volume,
                    measure=_away(problem, measure),
                )
                terms.append((column, 1.0))
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
            logistics, measure = rival_logistics[r, industry]
            if np.isfinite(logistics):
                column = m.add(
                    ("rival", block, r),
                    rival_cost[r, industry] + logistics,
                    ub=rival.max_share_of_block * volume,
                    measure=_away(problem, measure),
                )
                terms.append((column, 1.0))
        m.lp.add_row(("volume", block), terms, low=volume, high=volume)
    for industry, terms in balance.items():
        cells = [c for (_, i), cs in m.cells_of.items() if i == industry for c in cs]
        shared = [(m.lp.col["out", c], 1.0) for c in cells]
        m.lp.add_row(("balance", industry), shared + terms, low=0.0, high=0.0)


def _away(problem: Problem, measure: float) -> float:
    return 0.0 if problem.question.objective in MAXIMISED else measure


# ---------------------------------------------------------------------------------------------
# hosting (2), capacity and factors (3, 4)
# ---------------------------------------------------------------------------------------------


def add_hosting(m: SitingModel) -> None:
    """(2) Output only where hosted, hosting only where open, and at least the minimum scale."""
    problem = m.problem
    zone_rows = list(problem.table("zones").itertuples())
    industry_rows = list(problem.table("industries").itertuples())
    forced = set(problem.question.open_zones)
    needed = {z for z, _ in m.cells_of} | {
        k for k, r in enumerate(zone_rows) if r.status == "required" or r.zone_id in forced
    }
    for zone in sorted(needed):
        row = zone_rows[zone]
        must = row.status in ("required", "existing") or row.zone_id in forced
        barred = row.status == "forbidden" or row.zone_id in problem.question.forbid_zones
        m.add(("open", zone), zone_cost(problem, row), ub=0.0 if barred else 1.0, integer=True)
        if must and not (
            barred and row.status == "existing"
        ):  # a row, so that a conflict can name it
            m.lp.add_row(("required", zone), {("open", zone): 1.0}, low=1.0)
    for zone, industry in sorted(m.cells_of):
        cells = m.cells_of[zone, industry]
        row = industry_rows[industry]
        most, least = m.most[zone, industry], row.min_scale_mcny_per_year
        host = m.add(
            ("host", zone, industry),
            row.host_setup_mcny_per_year,
            ub=0.0 if most < least * (1 - 1e-9) else 1.0,
            integer=True,
        )
        m.lp.add_row(
            ("open_if_host", zone, industry), [(m.lp.col["open", zone], 1.0), (host, -1.0)], low=0.0
        )
        terms = m.out_terms(cells)
        m.lp.add_row(("host_most", zone, industry), [*terms, (host, -most)], high=0.0)
        if least > 0:
            m.lp.add_row(("host_least", zone, industry), [*terms, (host, -least)], low=0.0)
        per_block: dict[int, list[int]] = defaultdict(list)
        for cell in cells:
            for column in m.explicit_of.get(cell, ()):
                per_block[m.lp.col_keys[column][1]].append(column)
        for block, columns in per_block.items():
            volume = float(problem.volume[block])
            m.lp.add_row(
                ("strong", zone, industry, block),
                [(c, 1.0) for c in columns] + [(host, -volume)],
                high=0.0,
            )
    for cell, projects in enumerate(problem.cell_projects):
        if projects and cell in {c for cs in m.cells_of.values() for c in cs}:
            zone, industry = int(problem.cell_zone[cell]), int(problem.cell_industry[cell])
            terms = m.out_terms([cell])
            terms += [(m.lp.col["project", p], -m.most[zone, industry]) for p in projects]
            m.lp.add_row(("form_allowed", cell), terms, high=0.0)


def zone_cost(problem: Problem, row: Any) -> float:
    """Yearly cost of an open zone, mcny."""
    if row.status == "existing":
        return 0.0
    return row.open_mcny * problem.crf(row.open_life_years) + row.open_mcny_per_year


def strong_set(m: SitingModel, zone: int, industry: int, x: np.ndarray) -> tuple[int, ...] | None:
    """Return the set S of the most violated strong hosting inequality at ``x``, or None.

    The separable blocks' strong rows x(o,z) <= volume(o) * host(z) and sum over zones x(o,z) =
    moved(o) imply out(z) <= sum over o in S of moved(o) + sum over o not in S of volume(o) *
    host(z) for every set S of blocks; the most violated S takes moved(o) where it is the smaller
    of the two.
    """
    problem = m.problem
    cells = m.cells_of[zone, industry]
    total = sum(x[m.lp.col["out", c]] for c in cells if ("out", c) in m.lp.col)
    if total <= 1e-9:
        return None
    blocks = m_blocks(m, industry)
    moved = np.array([x[m.lp.col["moved", b]] for b in blocks])
    volume = problem.volume[blocks]
    at_most = volume * x[m.lp.col["host", zone, industry]]
    smaller = moved < at_most
    right = moved[smaller].sum() + at_most[~smaller].sum()
    if total <= right + 1e-6 * max(1.0, total):
        return None
    return tuple(blocks[smaller].tolist())


def strong_cut(
    m: SitingModel, zone: int, industry: int, chosen: tuple[int, ...]
) -> list[tuple[int, float]] | None:
    """Return the terms (<= 0) of the strong inequality of a set S; None if it has no place."""
    cells = [c for c in m.cells_of.get((zone, industry), ()) if ("out", c) in m.lp.col]
    if not cells or any(("moved", b) not in m.lp.col for b in chosen):
        return None
    rest = set(m_blocks(m, industry).tolist()) - set(chosen)
    terms = [(m.lp.col["out", c], 1.0) for c in cells]
    terms += [(m.lp.col["moved", b], -1.0) for b in chosen]
    terms.append((m.lp.col["host", zone, industry], -float(m.problem.volume[sorted(rest)].sum())))
    return terms


def m_blocks(m: SitingModel, industry: int) -> np.ndarray:
    """Separable blocks of an industry."""
    problem = m.problem
    return np.flatnonzero((problem.block_industry == industry) & ~problem.explicit_blocks)


def add_pools(m: SitingModel) -> None:
    """(3, 4) Use of a factor <= endowment + increments + modules + projects."""
    problem = m.problem
    use = factor_use(problem)
    zone_at = {z: k for k, z in enumerate(problem.zones)}
    members: dict[str, list[int]] = defaultdict(list)
    for r in problem.table("pool_members").itertuples():
        members[r.pool_id].append(zone_at[r.zone_id])
    cells_in_zone: dict[int, list[int]] = defaultdict(list)
    for (zone, _), cells in m.cells_of.items():
        cells_in_zone[zone] += cells
    pools_drawn: dict[str, bool] = defaultdict(bool)  # do modules draw on this pool?
    for pool_id in problem.table("modules")["uses_pool_id"]:
        pools_drawn[pool_id] = True
    rows: dict[str, list[tuple[int, float]]] = {}
    limits: dict[str, float] = {}
    for pool in problem.table("pools").itertuples():
        if not np.isfinite(pool.endowment) or (
            not np.isfinite(pool.increment_max) and pool.increment_cny_per_unit_year == 0
        ):
            continue
        forms = set(pool.form_id.split(";")) if pool.form_id else set()
        terms: list[tuple[int, float]] = []
        for zone in members[pool.pool_id]:
            for cell in cells_in_zone[zone]:
                need = use.get(
                    (problem.industries[problem.cell_industry[cell]], pool.factor_id), 0.0
                )
                if need > 0 and (not forms or problem.forms[problem.cell_form[cell]] in forms):
                    terms += m.out_terms([cell], need)
        if pool.increment_max > 0:
            price = pool.increment_cny_per_unit_year / MCNY
            column = m.add(("increment", pool.pool_id), price, ub=pool.increment_max)
            terms.append((column, -1.0))
        rows[pool.pool_id], limits[pool.pool_id] = terms, pool.endowment
    for module in problem.table("modules").itertuples():
        if module.pool_id not in rows and module.uses_pool_id not in rows:
            continue
        price = module.capital_mcny * problem.crf(module.life_years) + module.upkeep_mcny_per_year
        column = m.add(
            ("module", module.module_id), price, ub=np.floor(module.max_count + 1e-9), integer=True
        )
        if module.pool_id in rows:
            rows[module.pool_id].append((column, -module.adds_per_module))
        if module.uses_pool_id in rows and module.uses_per_module:
            rows[module.uses_pool_id].append((column, module.uses_per_module))
        zone = zone_at[module.zone_id]
        only_here = members[module.pool_id] == [zone] and not pools_drawn[module.pool_id]
        status = problem.table("zones")["status"].iloc[zone]
        if only_here and ("open", zone) in m.lp.col and status != "existing":
            # Such a module is useless in a shut zone; said so, the relaxation is tighter.
            m.lp.add_row(
                ("module_in_open_zone", module.module_id),
                [(column, 1.0), (m.lp.col["open", zone], -np.floor(module.max_count + 1e-9))],
                high=0.0,
            )
    for e in problem.table("project_effects").itertuples():
        if e.effect == "adds_pool" and e.element_id in rows:
            rows[e.element_id].append((m.lp.col["project", e.project_id], -e.amount))
    for pool_id, terms in rows.items():
        if any(value > 0 for _, value in terms):
            m.lp.add_row(("pool", pool_id), terms, high=limits[pool_id])


# ---------------------------------------------------------------------------------------------
# rules (5), chains (6), whole blocks (7)
# ---------------------------------------------------------------------------------------------


def add_rules(m: SitingModel) -> None:
    """(5) Linear policy rules; exclusions have already removed their cells."""
    problem = m.problem
    rules = problem.table("rules")
    zone_rows = list(problem.table("zones").itertuples())
    counted = [
        k for k, r in enumerate(zone_rows) if r.status != "existing" and ("open", k) in m.lp.col
    ]
    prefecture = [r.prefecture_id for r in zone_rows]
    every = [c for cs in m.cells_of.values() for c in cs]
    for rule in rules[rules["active"] == 1].itertuples():
        key = ("rule", rule.rule_id)
        if rule.kind in ("max_zones", "min_zones"):
            terms = [(m.lp.col["open", k], 1.0) for k in counted]
            _bounded(m, key, terms, rule.kind == "max_zones", rule.value)
        elif rule.kind == "max_industries_per_zone":
            by_zone: dict[int, list[tuple[int, float]]] = defaultdict(list)
            for zone, industry in m.cells_of:
                by_zone[zone].append((m.lp.col["host", zone, industry], 1.0))
            for zone, terms in by_zone.items():
                m.lp.add_row((*key, zone), terms, high=rule.value)
        elif rule.kind == "budget_mcny":
            m.lp.add_row(key, capital_terms(m), high=rule.value)
        elif rule.kind in ("min_share_of_prefecture", "max_share_of_prefecture"):
            inside = [c for c in every if prefecture[problem.cell_zone[c]] == rule.prefecture_id]
            terms = m.out_terms(inside) + m.out_terms(every, -rule.value)
            _bounded(m, key, terms, rule.kind == "max_share_of_prefecture", 0.0)
        elif rule.kind == "min_absorbed_share":
            named = (
                set(rule.industry_id.split(";")) if rule.industry_id else set(problem.industries)
            )
            inside = [c for c in every if problem.industries[problem.cell_industry[c]] in named]
            volume = sum(
                v
                for v, i in zip(problem.volume, problem.block_industry, strict=True)
                if problem.industries[i] in named
            )
            m.lp.add_row(key, m.out_terms(inside), low=rule.value * volume)
        elif rule.kind == "max_new_projects":
            terms = [(c, 1.0) for k, c in m.lp.col.items() if k[0] == "project"]
            m.lp.add_row(key, terms, high=rule.value)


def _bounded(m: SitingModel, key: Hashable, terms: list, is_most: bool, value: float) -> None:
    if is_most:
        m.lp.add_row(key, terms, high=value)
    else:
        m.lp.add_row(key, terms, low=value)


def capital_terms(m: SitingModel) -> list[tuple[int, float]]:
    """(column, capital in mcny) of zones, modules and projects: what a budget counts."""
    problem = m.problem
    terms = []
    for k, r in enumerate(problem.table("zones").itertuples()):
        if r.status != "existing" and r.open_mcny and ("open", k) in m.lp.col:
            terms.append((m.lp.col["open", k], r.open_mcny))
    for r in problem.table("modules").itertuples():
        if r.capital_mcny and ("module", r.module_id) in m.lp.col:
            terms.append((m.lp.col["module", r.module_id], r.capital_mcny))
    for r in problem.table("projects").itertuples():
        if r.capital_mcny:
            terms.append((m.lp.col["project", r.project_id], r.capital_mcny))
    return terms


def add_chains(m: SitingModel) -> None:
    """(6) A follower only within reach of a zone that hosts its leader."""
    problem = m.problem
    at = {name: k for k, name in enumerate(problem.industries)}
    near_by_hours: dict[float, np.ndarray] = {}
    for chain in problem.table("chains").itertuples():
        leader, follower = at[chain.leader_industry_id], at[chain.follower_industry_id]
        if chain.max_hours not in near_by_hours:
            near_by_hours[chain.max_hours] = hosts_within(problem, chain.max_hours)
        near = near_by_hours[chain.max_hours]
        for zone in [z for z, i in m.cells_of if i == follower]:
            terms = [(m.lp.col["host", zone, follower], 1.0)]
            terms += [
                (m.lp.col["host", z, leader], -1.0)
                for z, i in m.cells_of
                if i == leader and near[zone, z]
            ]
            m.lp.add_row(("chain", chain.chain_id, zone, follower), terms, high=0.0)


def add_whole_blocks(m: SitingModel) -> None:
    """(7) A whole block goes to one zone, one rival, or stays."""
    problem = m.problem
    by_block: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, column in m.lp.col.items():
        if key[0] == "x":
            by_block[key[1]][int(problem.cell_zone[key[2]])].append(column)
    for block in map(int, np.flatnonzero(problem.whole)):
        volume = float(problem.volume[block])
        if volume == 0:
            continue
        choices: list[int] = []
        for zone, columns in by_block[block].items():
            choice = m.add(("whole", block, "zone", zone), ub=1.0, integer=True)
            m.lp.add_row(
                ("whole_zone", block, zone),
                [(c, 1.0) for c in columns] + [(choice, -volume)],
                low=0.0,
                high=0.0,
            )
            host = m.lp.col["host", zone, int(problem.block_industry[block])]
            m.lp.add_row(("whole_host", block, zone), [(host, 1.0), (choice, -1.0)], low=0.0)
            choices.append(choice)
        for r in range(len(problem.rivals)):
            if ("rival", block, r) in m.lp.col:
                full = m.lp.ub[m.lp.col["rival", block, r]] >= volume * (1 - 1e-9)
                choice = m.add(("whole", block, "rival", r), ub=1.0 if full else 0.0, integer=True)
                m.lp.add_row(
                    ("whole_rival", block, r),
                    [(m.lp.col["rival", block, r], 1.0), (choice, -volume)],
                    low=0.0,
                    high=0.0,
                )
                choices.append(choice)
        if ("stay", block) in m.lp.col:
            choice = m.add(("whole", block, "stay", 0), ub=1.0, integer=True)
            m.lp.add_row(
                ("whole_stay", block),
                [(m.lp.col["stay", block], 1.0), (choice, -volume)],
                low=0.0,
                high=0.0,
            )
            choices.append(choice)
        m.lp.add_row(("whole", block), [(c, 1.0) for c in choices], low=1.0, high=1.0)


# ---------------------------------------------------------------------------------------------
# agglomeration (12), services (10), projects (11), rivals, question
# ---------------------------------------------------------------------------------------------


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
    """What the question itself demands: targets, budget, cost limit."""
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
        m.lp.add_row(
            ("cost_limit",),
            [(c, v) for c, v in enumerate(m.cost) if v],
            high=question.cost_limit_mcny,
        )


def target_volume(problem: Problem) -> float:
    """Output that must come to the zones, mcny a year."""
    question = problem.question
    share = (question.target_share or 0.0) * float(problem.volume.sum())
    return max(question.target_mcny or 0.0, share)


# ---------------------------------------------------------------------------------------------
# routes (8), shared capacity (9), service load (10), gates (11): added by the engine when needed
# ---------------------------------------------------------------------------------------------


def resource_row(m: SitingModel, resource: int) -> tuple[list[tuple[int, float]], float]:
    """Capacity row of a resource over base routes and route columns: (terms, high)."""
    problem = m.problem
    use: dict[int, float] = defaultdict(float)
    for commodity, cells in m.commodity_cells.items():
        count = base_usage(m, commodity).get(resource, 0.0)
        if count:
            teu = problem.lines[commodity[0]].teu
            for column, _ in m.out_terms(cells):
                use[column] += count * teu
    for key, column in m.lp.col.items():
        if key[0] == "route":
            change = route_usage(m, key[1], key[2]).get(resource, 0.0)
        elif key[0] == "bundle":
            change = bundle_usage(m, key[1], key[2]).get(resource, 0.0)
        else:
            continue
        if change:
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


def service_least_row(m: SitingModel, service_id: str) -> list[tuple[int, float]]:
    """Terms of ``load - min_load * runs >= 0`` of a service that may run."""
    row = m.problem.table("services").set_index("service_id").loc[service_id]
    terms, _ = resource_row(m, m.resources.index["service", service_id])
    column = m.lp.col["service", service_id]
    return [(c, v) for c, v in terms if c != column] + [
        (column, -float(row["min_load_teu_per_year"]))
    ]


def total_teu(m: SitingModel) -> float:
    """More TEU than all goods of the zones can ever make on one arc: the M of gate rows."""
    problem = m.problem
    teu = np.zeros(len(problem.industries))
    for line in problem.lines:
        teu[line.industry] += line.teu
    volume = np.zeros(len(problem.industries))
    for (_, industry), most in m.most.items():
        volume[industry] += most
    total = np.zeros(len(problem.industries))
    np.add.at(total, problem.block_industry, problem.volume)
    return float((np.minimum(volume, total) * teu).sum())


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
