"""What the equation families share: the model under construction and its resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from optimizer.linear import LinearModel
from optimizer.plan.plan import MAXIMISED
from optimizer.problem import Problem

Commodity = tuple[int, int]  # (goods line, host node)
# Kinds of columns that a relaxation may have and no plan has: goods without capacity, least loads
# met out of nothing, and ways that visit a node twice.
NO_PLAN = ("overflow", "filling", "walk")
LARGE_LIMIT = 1e4  # a limit above is scaled to it


@dataclass
class SitingModel:
    """The columns and rows of one problem, and the maps the engine needs to extend them.

    ``cost`` is million CNY a year per unit of each column whatever the objective; ``amounts`` are
    the other measures that the question optimises or limits, and ``measure`` the objective's own.
    """

    problem: Problem
    by_cost: bool = True  # minimise cost; False: optimise the question's own measure
    lp: LinearModel = field(default_factory=LinearModel)
    cost: list[float] = field(default_factory=list)
    amounts: dict[str, list[float]] = field(default_factory=dict)  # measure -> by column
    # Rows over all columns, those that come later too: key -> (measure, factor of its amounts)
    limit_rows: dict[tuple, tuple[str, float]] = field(default_factory=dict)
    away: dict[Commodity, list[int]] = field(default_factory=dict)  # -> columns of stay and rivals
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
    shares_projects: bool = False  # other models may build them too: no project is screened out
    shift_use: dict[int, dict[int, float]] = field(default_factory=dict)  # see `routes.shifts`
    n_shifts_known: int = 0

    @cached_property
    def _users(self) -> dict[int, list[tuple[Commodity, float]]]:
        users: dict[int, list[tuple[Commodity, float]]] = defaultdict(list)
        for commodity in self.commodity_cells:
            for r, count in base_usage(self, commodity).items():
                users[r].append((commodity, count))
        return users

    def base_users(self, resource: int) -> list[tuple[Commodity, float]]:
        """Commodities whose base route uses a resource, and how often."""
        return self._users.get(resource, [])

    def add(
        self,
        key: Hashable,
        cost: float = 0.0,
        lb: float = 0.0,
        ub: float = np.inf,
        *,
        integer: bool = False,
        amounts: Mapping[str, float] | None = None,
    ) -> int:
        """Add a column with its cost and other amounts per unit of it; return its number."""
        given = amounts or {}
        self.cost.append(cost)
        for name, column in self.amounts.items():
            column.append(given.get(name, 0.0))
        price = cost if self.by_cost else self.sign * self.measure[-1]
        if self.by_cost:
            price += sum(w * self.amounts[name][-1] for name, w in self.problem.weights.items())
        return self.lp.add_col(key, price, lb, ub, integer=integer)

    def __post_init__(self) -> None:
        self.amounts = {name: [] for name in self.problem.tracked}

    def values_of(self, measure: str) -> list[float]:
        """The amounts of a measure per unit of each column."""
        return self.cost if measure == "cost" else self.amounts[measure]

    @property
    def measure(self) -> list[float]:
        """The question's own objective per unit of each column."""
        return self.values_of(self.problem.question.objective)

    def limit(self, key: tuple, measure: str, value: float, *, at_least: bool) -> None:
        """Add a row that bounds a measure over all columns, also over those to come."""
        factor = 1.0 if value <= LARGE_LIMIT else LARGE_LIMIT / value  # solvers want small rows
        self.limit_rows[key] = (measure, factor)
        terms = [(c, factor * v) for c, v in enumerate(self.values_of(measure)) if v]
        bound = {"low" if at_least else "high": factor * value}
        self.lp.add_row(key, terms, **bound)

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


def factor_use(problem: Problem) -> dict[tuple[str, str], float]:
    """Units of each factor per mcny of output, by (industry, factor)."""
    table = problem.table("industry_factors")
    return {(r.industry_id, r.factor_id): r.use_per_mcny for r in table.itertuples()}


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
