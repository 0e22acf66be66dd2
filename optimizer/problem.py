"""What is asked: an instance and a question as numbers, ready for the model.

`build_problem` turns tables into arrays: which (zone, industry, trade form) *cells* may host, what
a million CNY of output costs in each, what staying and each rival cost, and which goods have to
move for it. Least-cost routes of all goods are found once here (`RouteBook`); the model adds other
routes where a capacity, a service or a project makes them matter.

Money is million CNY a year per million CNY of yearly output unless a name says otherwise; the
formulas are those of docs/formulas.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from instances import Instance
from instances.settings import Settings
from networks.geo import zone_hours
from networks.network import By, Goods, Network
from networks.paths import PathFinder, Tree
from optimizer.memory import Closing, Memory
from optimizer.plan.plan import MAXIMISED, Question
from optimizer.question import check_question

MCNY = 1e6  # CNY in a million CNY
# What routes minimise under each objective; generalised cost where it is not named.
WEIGHT_OF: dict[str, By] = {"hours": "hours", "co2e": "co2"}
LOCAL = "@local"
Measure = Literal["cost", "hours", "co2e", "outlay", "absorbed", "jobs"]
ROUTE_MEASURES = ("cost", "hours", "co2e", "outlay")  # those that depend on the routes of goods


@dataclass(frozen=True, slots=True)
class GoodsLine:
    """One kind of goods of an industry with one place at its far end.

    ``teu`` is TEU per million CNY of output. ``node`` is the far end in the network, -1 for goods
    that come from or stay at the host's own gate.
    """

    key: str
    industry: int
    inbound: bool
    place_in_china: bool
    teu: float
    goods: Goods
    node: int


@dataclass(frozen=True, slots=True)
class Trade:
    """Value shares of an industry seen from a host on one side of the border (docs/formulas.md)."""

    imports: float
    home: float
    sold: float
    duty_cny: float  # D: input duty in CNY per million CNY of output

    @property
    def exported(self) -> float:
        """Share of output that leaves the country."""
        return 1.0 - self.sold


class RouteBook:
    """Least-cost routes of every goods line, under one availability mask and one weight.

    ``by`` is the weight that routes minimise: ``generalised`` (the cost objective), ``hours`` or
    ``co2``. Costs of routes are always kept as generalised CNY per TEU besides. ``weights`` are
    measures that count too, in mcny per unit.
    """

    def __init__(
        self,
        network: Network,
        lines: list[GoodsLine],
        mask: np.ndarray,
        by: By,
        *,
        lazy: bool = False,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.network = network
        self.lines = lines
        self.mask = mask
        self.by = by
        self.more = dict(weights or {})
        self.finder = PathFinder(network, mask)
        self.via: dict[int, np.ndarray] = {}
        self.dist: dict[int, np.ndarray] = {}
        self.closing: Closing | None = None  # how it differs from the book it was made from
        self._last: tuple[int, np.ndarray] | None = None
        self._routes: dict[tuple[int, int], tuple[int, ...]] = {}
        self.priced: dict = {}  # (line, arcs) -> arc keys and cost by component, kept by the engine
        # What else was made of these goods and routes and of nothing else, kept for later solves
        self.lengths: dict[tuple[int, int], float] = {}  # of base routes, also of `everything`
        self.goods_of: dict[tuple[str, int, str], tuple[list[tuple[int, int]], bool]] = {}
        self.logistics: dict[tuple[int, str, str], float] = {}  # of rivals and of what stays
        self.host_flows: dict = {}
        if not lazy:
            for index in range(len(lines)):
                self._grow(index)

    def _grow(self, index: int) -> None:
        line = self.lines[index]
        if line.node >= 0 and index not in self.via:
            tree = self.finder.tree(self.weights(line), line.node, reverse=not line.inbound)
            self.dist[index], self.via[index] = tree.dist, tree.via_arc

    def line_weights(self, index: int) -> np.ndarray:
        """Weight of every arc for a goods line by its number; the last one asked for is kept."""
        if self._last is None or self._last[0] != index:
            self._last = (index, self.weights(self.lines[index]))
        return self._last[1]

    def weights(self, line: GoodsLine) -> np.ndarray:
        """Weight of every arc for the goods of ``line``, per TEU."""
        total = self.network.weights(line.goods, self.by)
        for measure, value in self.more.items():
            total = total + value * MCNY * arc_amounts(self.network, line.goods, measure)
        return total

    def distance(self, line: int, node: int) -> float:
        """Weight of the best route between the line's far end and a host node, per TEU."""
        if self.lines[line].node < 0:
            return 0.0
        self._grow(line)
        if node < 0:
            return np.inf
        found = float(self.dist[line][node])
        if math.isnan(found):  # not sure after a closing
            del self.via[line]
            self._grow(line)
            found = float(self.dist[line][node])
        return found

    def take_over(self, other: RouteBook, closing: Closing) -> None:
        """Take the routes of another book, of the same goods and weights, as far as they stand."""
        self.closing = closing
        for index, via in other.via.items():
            tree = Tree(other.dist[index], via, reverse=not self.lines[index].inbound)
            kept = closing.kept_tree(tree, self.line_weights(index), self.mask)
            if kept is not None:
                self.dist[index], self.via[index] = kept.dist, kept.via_arc
        self._routes = {
            key: arcs for key, arcs in other._routes.items() if closing.keeps_base(key, arcs)
        }
        self.priced = dict(other.priced)

    def along(self, line: int, values: np.ndarray) -> np.ndarray:
        """Sum of ``values`` of arcs on the best route between the line's far end and each node."""
        self._grow(line)
        via = self.via[line]
        step = self.network.tail if self.lines[line].inbound else self.network.head
        has = via >= 0
        total = np.where(has, values[via], 0.0)
        before = np.where(has, step[via], np.arange(len(via)))
        while True:  # twice as far back each time
            further = before[before]
            total = total + total[before]
            if np.array_equal(further, before):
                return total
            before = further

    def route(self, line: int, node: int) -> tuple[int, ...]:
        """`path`, remembered."""
        if (line, node) not in self._routes:
            self._routes[line, node] = tuple(self.path(line, node))
        return self._routes[line, node]

    def path(self, line: int, node: int) -> list[int]:
        """Arcs of that route in travel order."""
        if self.lines[line].node < 0:
            return []
        via, arcs = self.via[line], []
        inbound = self.lines[line].inbound
        step = self.network.tail if inbound else self.network.head
        while via[node] >= 0:
            arcs.append(int(via[node]))
            node = int(step[via[node]])
        return arcs[::-1] if inbound else arcs


@dataclass
class Problem:
    """Arrays of one planning problem, over zones, industries, forms, blocks, cells and rivals."""

    instance: Instance
    network: Network
    question: Question
    by: By
    zones: list[str]
    industries: list[str]
    forms: list[str]
    # cells
    cell_zone: np.ndarray
    cell_industry: np.ndarray
    cell_form: np.ndarray
    cell_projects: list[tuple[str, ...]]  # projects of which one must be built; () = none needed
    cell_parts: dict[str, np.ndarray]  # component -> mcny per mcny, logistics excluded
    # blocks
    block_origin: list[str]
    block_industry: np.ndarray
    volume: np.ndarray
    may_stay: np.ndarray
    whole: np.ndarray
    stay_parts: dict[str, np.ndarray]
    # rivals
    rivals: list[str]
    rival_parts: dict[str, np.ndarray]  # component -> (rivals, industries); nan where it takes none
    # goods and routes
    lines: list[GoodsLine]
    lines_of: list[list[int]]  # industry -> goods lines
    book: RouteBook
    trade: dict[tuple[int, bool], Trade]
    # Blocks with columns of their own in every cell: whole, or dearer in a zone than its cell.
    explicit_blocks: np.ndarray
    move_cost: Mapping[tuple[int, int], float]  # (block, zone) -> mcny per mcny
    move_zones: dict[int, set[int]] = field(default_factory=dict)  # block -> zones that are cheaper
    # (zone, industry) -> mcny per mcny, where moving costs the same for all blocks of the industry
    shared_moves: Mapping[tuple[int, int], float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept_cells: np.ndarray | None = None  # bool: cells that may host; None: all
    loose_pools: bool = False  # no row is tightened by what pools can offer (for their prices)
    # Measures that base routes minimise besides cost, mcny per unit
    route_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Settings of the instance."""
        return self.instance.settings

    @property
    def n_cells(self) -> int:
        """Number of cells (origin, industry, zone, form) that may be used."""
        return len(self.cell_zone)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the instance by name."""
        return self.instance.tables[name]

    # -- hosts and their gates ------------------------------------------------------------------

    @cached_property
    def in_china(self) -> dict[str, bool]:
        """Whether each place lies in China, by id."""
        places = self.table("places")
        return dict(zip(places["place_id"], places["in_china"] == 1, strict=True))

    @cached_property
    def form_row(self) -> dict[str, dict]:
        """Rows of the table of trade forms, by id."""
        return {r["form_id"]: r for r in self.table("forms").to_dict("records")}

    @cached_property
    def industry_rows(self) -> list[dict]:
        """Rows of the table of industries, by number."""
        return self.table("industries").to_dict("records")

    @cached_property
    def price_row(self) -> dict[str, dict]:
        """Rows of the table of factor prices, by region."""
        return {r["factor_region_id"]: r for r in self.table("factor_prices").to_dict("records")}

    def host_node(self, line: GoodsLine, place_id: str, form_id: str) -> int:
        """The gate node of a host at which goods of ``line`` arrive or leave; -1: it has none."""
        form = self.form_row[form_id]
        if not self.in_china[place_id]:
            regime = "foreign"
        elif line.inbound:
            regime = form["home_regime"] if line.place_in_china else form["import_regime"]
        else:
            regime = form["sale_regime"] if line.place_in_china else form["export_regime"]
        return self.network.node.get((place_id, "gate", regime), -1)

    def crf(self, years: float) -> float:
        """Capital recovery factor: share of capital to pay each year over ``years``."""
        return capital_recovery(self.settings.discount_rate, years)

    # -- base routes ----------------------------------------------------------------------------

    @cached_property
    def everything(self) -> RouteBook:
        """Routes with all allowed projects built and all services running, found when asked for."""
        mask = _mask_of_everything(self, self.question)
        return RouteBook(
            self.network, self.lines, mask, self.by, lazy=True, weights=self.route_weights
        )

    @cached_property
    def others_book(self) -> RouteBook:
        """Routes of rivals and of what stays: subsidies to their goods are no outlay of ours."""
        if not self.route_weights.get("outlay", 0.0):
            return self.book
        weights = {k: v for k, v in self.route_weights.items() if k != "outlay"}
        return RouteBook(self.network, self.lines, self.book.mask, self.by, weights=weights)

    @property
    def is_plain(self) -> bool:
        """Whether the weight that routes minimise is their cost."""
        return self.by == "generalised" and not self.route_weights

    def _has_route_today(self, line: int, node: int) -> bool:
        return bool(np.isfinite(self.book.distance(line, node)))

    def base_distance(self, line: int, node: int) -> float:
        """Weight per TEU of the base route: today's best, or the best that could exist if none."""
        found = self.book.lengths.get((line, node))
        if found is None:
            has_route = self._has_route_today(line, node)
            found = (self.book if has_route else self.everything).distance(line, node)
            self.book.lengths[line, node] = found
        return found

    def base_path(self, line: int, node: int) -> list[int]:
        """Arcs of the base route in travel order."""
        book = self.book if self._has_route_today(line, node) else self.everything
        return book.path(line, node)

    # -- logistics ------------------------------------------------------------------------------

    @cached_property
    def cell_commodities(self) -> list[list[tuple[int, int]]]:
        """For each cell its (goods line, host node); lines at the host's own gate left out."""
        return [goods for goods, _ in self._cell_goods]

    @property
    def has_routes(self) -> list[bool]:
        """Whether all goods of each cell have a route, at least with projects and services."""
        return [can for _, can in self._cell_goods]

    @cached_property
    def _cell_goods(self) -> list[tuple[list[tuple[int, int]], bool]]:
        zones, forms = self.zones, self.forms
        cells = zip(
            self.cell_zone.tolist(), self.cell_industry.tolist(), self.cell_form.tolist(),
            strict=True,
        )  # fmt: skip
        return [self._goods_of(zones[z], industry, forms[f]) for z, industry, f in cells]

    def _goods_of(
        self, place_id: str, industry: int, form_id: str
    ) -> tuple[list[tuple[int, int]], bool]:
        """Goods of an industry and their gates at a host, and whether all have a route."""
        key = (place_id, industry, form_id)
        if key not in self.book.goods_of:
            goods = [
                (k, self.host_node(self.lines[k], place_id, form_id))
                for k in self.lines_of[industry]
                if self.lines[k].node >= 0
            ]
            can = all(n >= 0 and np.isfinite(self.base_distance(k, n)) for k, n in goods)
            self.book.goods_of[key] = (goods, can)
        return self.book.goods_of[key]

    @cached_property
    def tracked(self) -> tuple[str, ...]:
        """Measures besides cost that the question optimises or limits."""
        question = self.question
        asked = [question.objective, *(name for name, _ in question.limits), *self.weights]
        return tuple(name for name in dict.fromkeys(asked) if name != "cost")

    @cached_property
    def route_measures(self) -> tuple[str, ...]:
        """Measures by which one route of the same goods can be better than another.

        More than one: no single weight orders the routes, and a plan may need a mix of them.
        """
        question = self.question
        asked = {question.objective, *(name for name, _ in question.limits)}
        if question.cost_limit_mcny is not None or question.objective in (*MAXIMISED, "outlay"):
            asked.add("cost")  # of plans that are equal otherwise, the cheapest is meant
        if len(asked & set(ROUTE_MEASURES)) > 1 or question.cost_limit_mcny is not None:
            asked |= self.weights.keys()  # else they only shift the weight that routes minimise
        if not self.network.subsidy_cny_per_teu.any():
            asked.discard("outlay")
        return tuple(name for name in ROUTE_MEASURES if name in asked)

    @cached_property
    def weights(self) -> dict[str, float]:
        """What a unit of each measure adds to the objective, mcny; below 0 where more is better."""
        given = self.question.weights
        return {name: -v if name in MAXIMISED else v for name, v in given if v}

    def arc_amounts(self, line: int, measure: str) -> np.ndarray:
        """Amount of a measure per TEU of a goods line on each arc; the last line's are kept."""
        kept = self._last_amounts
        if kept.get("line") != line:
            kept.clear()
            kept["line"] = line
        if measure not in kept:
            kept[measure] = arc_amounts(self.network, self.lines[line].goods, measure)
        return kept[measure]

    def base_amount(self, line: int, node: int, measure: str) -> float:
        """Amount of a measure per TEU on the base route: mcny, hours or tonnes of CO2e."""
        today = self._has_route_today(line, node)
        values, kept = self.arc_amounts(line, measure), self._last_amounts
        if (measure, today) not in kept:
            book = self.book if today else self.everything
            kept[measure, today] = book.along(line, values)
        return float(kept[measure, today][node])

    @cached_property
    def _last_amounts(self) -> dict[Any, Any]:
        return {}

    def route_amounts(self, line: int, arcs: Sequence[int]) -> dict[str, float]:
        """Amounts per TEU on a route, of the measures besides cost that the question is about."""
        chosen = [name for name in self.tracked if name in ROUTE_MEASURES]
        numbers, goods = np.asarray(arcs, dtype=np.int64), self.lines[line].goods
        return {
            name: float(arc_amounts(self.network, goods, name, numbers).sum()) for name in chosen
        }

    def others_route(self, line: int, node: int) -> tuple[float, dict[str, float]]:
        """Cost (mcny) and other amounts per TEU of goods of a rival or of what stays; inf: none."""
        book = self.others_book
        distance = book.distance(line, node)
        if not np.isfinite(distance):
            return np.inf, {}
        if self.is_plain and not self.is_measured_on_routes:
            return distance / MCNY, {}
        arcs = book.route(line, node)
        amounts = self.route_amounts(line, arcs)
        if self.by == "generalised" and book.more.keys() <= amounts.keys():
            cost = distance / MCNY - sum(w * amounts[name] for name, w in book.more.items())
        else:
            cost = self.route_cost(line, arcs)
        return cost, amounts

    @cached_property
    def is_measured_on_routes(self) -> bool:
        """Whether the question is about measures besides cost that routes have."""
        return any(name in ROUTE_MEASURES for name in self.tracked)

    def route_cost(self, line: int, arcs: Sequence[int]) -> float:
        """Generalised cost of a route for the goods of ``line``, mcny per TEU."""
        numbers = np.asarray(arcs, dtype=np.int64)
        return float(self.arc_amounts(line, "cost")[numbers].sum())


def arc_amounts(
    network: Network, goods: Goods, measure: str, arcs: Any = slice(None)
) -> np.ndarray:
    """Amount of a measure per TEU of goods on (some) arcs: mcny, hours or tonnes of CO2e."""
    if measure == "cost":
        return network.generalised_cost(goods)[arcs] / MCNY
    if measure == "hours":
        return network.hours[arcs]
    if measure == "co2e":
        per_tonne = network.co2e_kg_per_tonne[arcs] * goods.tonnes_per_teu
        return (network.co2e_kg_per_teu[arcs] + per_tonne) / 1000.0
    if measure == "outlay":
        return network.subsidy_cny_per_teu[arcs] / MCNY
    raise ValueError(f"routes have no {measure}")


def capital_recovery(rate: float, years: float) -> float:
    """Yearly payment per unit of capital over ``years`` at ``rate`` (capital recovery factor)."""
    if rate == 0:
        return 1.0 / years
    return rate / (1.0 - (1.0 + rate) ** -years)


# ---------------------------------------------------------------------------------------------
# building
# ---------------------------------------------------------------------------------------------


def build_problem(
    instance: Instance,
    network: Network,
    question: Question,
    memory: Memory | None = None,
    route_weights: Mapping[str, float] | None = None,
) -> Problem:
    """Return the numbers of ``question`` on ``instance``, with routes from ``memory`` if right.

    ``route_weights`` (measure, mcny per unit): base routes minimise cost and these, whatever the
    question weighs; unless given, they minimise what the question weighs.

    Raises
    ------
    InstanceError
        If the question names zones, industries or closures that the instance does not have.
    """
    check_question(instance, question)
    industries = list(instance.tables["industries"]["industry_id"])
    forms = list(instance.tables["forms"]["form_id"])
    zones = list(instance.tables["zones"]["zone_id"])
    lines, lines_of = _goods_lines(instance, network, industries)
    by: By = WEIGHT_OF.get(question.objective, "generalised")
    if route_weights is None:
        route_weights = {k: v for k, v in question.weights if v and k in ROUTE_MEASURES}
    if not network.subsidy_cny_per_teu.any():
        route_weights = {k: v for k, v in route_weights.items() if k != "outlay"}
    if memory is not None and memory.may_reuse_routes(instance, question, by, route_weights):
        book, network = memory.problem.book, memory.problem.network
    elif memory is not None and not route_weights and memory.has_same_weights(instance, by):
        book = _book_after_closing(memory.problem, lines, question)
        network, memory = book.network, None
    else:
        memory = None
        mask = network.available(closed=question.closed, projects=(), services="today")
        book = RouteBook(network, lines, mask, by, weights=route_weights)
    cells = _cells(instance, question, zones, industries, forms)
    blocks = instance.tables["blocks"]
    industry_at = {name: k for k, name in enumerate(industries)}
    problem = Problem(
        instance=instance, network=network, question=question, by=by,
        zones=zones, industries=industries, forms=forms,
        cell_zone=np.array([c[0] for c in cells], dtype=np.int64),
        cell_industry=np.array([c[1] for c in cells], dtype=np.int64),
        cell_form=np.array([c[2] for c in cells], dtype=np.int64),
        cell_projects=[c[3] for c in cells],
        cell_parts={},
        block_origin=list(blocks["origin_id"]),
        block_industry=np.array([industry_at[i] for i in blocks["industry_id"]], dtype=np.int64),
        volume=blocks["volume_mcny_per_year"].to_numpy(dtype=float),
        may_stay=blocks["may_stay"].to_numpy() == 1,
        whole=blocks["whole"].to_numpy() == 1,
        stay_parts={},
        rivals=list(instance.tables["rivals"]["rival_id"]),
        rival_parts={},
        lines=lines, lines_of=lines_of, book=book, trade={},
        explicit_blocks=np.zeros(len(blocks), dtype=bool),
        move_cost={},
        route_weights=route_weights,
    )  # fmt: skip
    problem.trade = _trades(instance, industries, problem.in_china)
    problem.move_cost = _move_costs(problem)
    settle_blocks(problem)
    if memory is not None:
        problem.__dict__["everything"] = memory.problem.everything
    _cost_cells(problem)
    _cost_stays(problem)
    _cost_rivals(problem)
    return problem


def _book_after_closing(before: Problem, lines: list[GoodsLine], question: Question) -> RouteBook:
    """Routes of today where nothing but what is closed has changed since ``before``."""
    network, old = before.network, before.book
    mask = network.available(closed=question.closed, projects=(), services="today")
    whole = before.everything.mask, _mask_of_everything(before, question)
    book = RouteBook(network, lines, mask, before.by, lazy=True)
    book.take_over(old, Closing.between(before, [(old.mask, mask), whole]))
    for index in range(len(lines)):
        book._grow(index)
    return book


def _mask_of_everything(problem: Problem, question: Question) -> np.ndarray:
    """Arcs with all allowed projects built and all services running."""
    projects = problem.table("projects")
    allowed = projects.loc[projects["status"] != "forbidden", "project_id"]
    return problem.network.available(
        closed=question.closed, projects=tuple(allowed), services="all"
    )


def _goods_lines(
    instance: Instance, network: Network, industries: list[str]
) -> tuple[list[GoodsLine], list[list[int]]]:
    places = instance.tables["places"]
    in_china = dict(zip(places["place_id"], places["in_china"] == 1, strict=True))
    regions: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for r in instance.tables["regions"].itertuples():
        regions[r.region_id, r.role].append((r.place_id, r.share))
    lines: list[GoodsLine] = []
    lines_of: list[list[int]] = [[] for _ in industries]
    at = {name: k for k, name in enumerate(industries)}
    industry_rows = {r.industry_id: r for r in instance.tables["industries"].itertuples()}

    def add(key: str, industry: str, inbound: bool, place: str, teu: float, goods: Goods) -> None:
        if teu == 0:
            return
        china = in_china.get(place, False)
        node = -1
        if place != LOCAL:
            regime = "domestic" if china else "foreign"
            node = network.node[place, "gate", regime]
        lines_of[at[industry]].append(len(lines))
        lines.append(GoodsLine(key, at[industry], inbound, china, teu, goods, node))

    for r in instance.tables["inputs"].itertuples():
        row = industry_rows[r.industry_id]
        for place, share in regions[r.region_id, "source"]:
            key = f"in:{r.industry_id}:{r.input_id}:{r.region_id}:{place}"
            teu = share * r.share_of_output_value * MCNY / r.value_cny_per_teu
            goods = Goods(key, r.tonnes_per_teu, r.value_cny_per_teu, r.duty_rate, row.vat_rate)
            add(key, r.industry_id, True, place, teu, goods)
    for r in instance.tables["outputs"].itertuples():
        row = industry_rows[r.industry_id]
        for place, share in regions[r.region_id, "market"]:
            key = f"out:{r.industry_id}:{r.region_id}:{place}"
            teu = r.share * share * MCNY / row.output_value_cny_per_teu
            goods = Goods(
                key,
                row.output_tonnes_per_teu,
                row.output_value_cny_per_teu,
                row.output_duty_rate,
                row.vat_rate,
            )
            add(key, r.industry_id, False, place, teu, goods)
    return lines, lines_of


def _trades(
    instance: Instance, industries: list[str], in_china: Mapping[str, bool]
) -> dict[tuple[int, bool], Trade]:
    """Value shares of every industry, by (industry, host in China)."""
    regions: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for r in instance.tables["regions"].itertuples():
        regions[r.region_id, r.role].append((r.place_id, r.share))
    sums = {  # imports, home, sold, duty
        (i, at_home): [0.0, 0.0, 0.0, 0.0] for i in industries for at_home in (True, False)
    }
    for r in instance.tables["inputs"].itertuples():
        for place, share in regions[r.region_id, "source"]:
            value = share * r.share_of_output_value
            for at_home in (True, False):
                total = sums[r.industry_id, at_home]
                if place == LOCAL or in_china[place] == at_home:
                    total[1] += value
                else:
                    total[0] += value
                    total[3] += value * r.duty_rate * MCNY
    for r in instance.tables["outputs"].itertuples():
        for place, share in regions[r.region_id, "market"]:
            for at_home in (True, False):
                if (place == LOCAL and at_home) or in_china.get(place, False):
                    sums[r.industry_id, at_home][2] += r.share * share
    return {
        (k, at_home): Trade(*sums[i, at_home])
        for k, i in enumerate(industries)
        for at_home in (True, False)
    }


def _cells(
    instance: Instance,
    question: Question,
    zones: list[str],
    industries: list[str],
    forms: list[str],
) -> list[tuple[int, int, int, tuple[str, ...]]]:
    """Cells that no rule and no status excludes, in a stable order."""
    zone_at = {z: k for k, z in enumerate(zones)}
    industry_at = {i: k for k, i in enumerate(industries)}
    form_at = {f: k for k, f in enumerate(forms)}
    forbidden = excluded_pairs(instance)
    zone_rows = instance.tables["zones"]
    closed_zones = set(zone_rows.loc[zone_rows["status"] == "forbidden", "zone_id"]) | set(
        question.forbid_zones
    )
    projects = instance.tables["projects"]
    barred = set(projects.loc[projects["status"] == "forbidden", "project_id"])
    by_project: dict[tuple[str, str], list[str]] = defaultdict(list)
    effects = instance.tables["project_effects"]
    for e in effects[effects["effect"] == "allows_form"].itertuples():
        if e.project_id not in barred:
            zone, _, form = e.element_id.rpartition(":")
            by_project[zone, form].append(e.project_id)
    cells = []
    for r in instance.tables["eligibility"].itertuples():
        if r.zone_id in closed_zones or (r.zone_id, r.industry_id) in forbidden:
            continue
        today = set(r.form_id.split(";")) if r.form_id else set()
        for form in forms:
            if form in today:
                needed: tuple[str, ...] = ()
            elif (r.zone_id, form) in by_project:
                needed = tuple(sorted(by_project[r.zone_id, form]))
            else:
                continue
            cells.append((zone_at[r.zone_id], industry_at[r.industry_id], form_at[form], needed))
    return sorted(cells)


def excluded_pairs(instance: Instance) -> dict[tuple[str, str], str]:
    """(zone, industry) pairs that an active policy rule excludes, with the id of the rule."""
    kinds = dict(
        zip(instance.tables["zones"]["zone_id"], instance.tables["zones"]["zone_kind"], strict=True)
    )
    all_industries = list(instance.tables["industries"]["industry_id"])
    rules = instance.tables["rules"]
    result: dict[tuple[str, str], str] = {}
    for rule in rules[rules["active"] == 1].itertuples():
        named = rule.industry_id.split(";") if rule.industry_id else all_industries
        zone_kinds = set(rule.zone_kind.split(";")) if rule.zone_kind else set()
        zones = set(rule.zone_id.split(";")) if rule.zone_id else set()
        for zone, kind in kinds.items():
            hit = (
                (rule.kind == "industry_only_in_zone_kind" and kind not in zone_kinds)
                or (rule.kind == "industry_not_in_zone_kind" and kind in zone_kinds)
                or (rule.kind == "industry_not_in_zone" and zone in zones)
            )
            if hit:
                for industry in named:
                    result.setdefault((zone, industry), rule.rule_id)
    return result


def _move_costs(problem: Problem) -> dict[tuple[int, int], float]:
    moves = problem.table("moves")
    if moves.empty:
        return {}
    block_at = {
        (o, problem.industries[i]): b
        for b, (o, i) in enumerate(zip(problem.block_origin, problem.block_industry, strict=True))
    }
    zone_at = {z: k for k, z in enumerate(problem.zones)}
    return {
        (block_at[r.origin_id, r.industry_id], zone_at[r.zone_id]): r.cost_cny_per_mcny_year / MCNY
        for r in moves.itertuples()
        if (r.origin_id, r.industry_id) in block_at
    }


def settle_blocks(problem: Problem) -> None:
    """Say which blocks need columns of their own, from their moves and from what is whole."""
    problem.shared_moves, problem.move_zones = _shared_moves(problem), {}
    problem.explicit_blocks = problem.whole.copy()
    for (block, zone), cost in problem.move_cost.items():
        if (zone, int(problem.block_industry[block])) in problem.shared_moves:
            continue  # a part of what the cell costs
        if cost > 0:
            problem.explicit_blocks[block] = True
        else:
            problem.move_zones.setdefault(block, set()).add(zone)
    if problem.instance.dense_moves is not None:
        problem.explicit_blocks[:] = True


def varied(problem: Problem, **changes: Any) -> Problem:
    """Return the problem with other blocks or cells; what it has found out of routes is shared."""
    names = {f.name for f in fields(problem)}
    problem.everything  # noqa: B018  (found once, for both)
    known = {k: v for k, v in problem.__dict__.items() if k not in names}
    new = replace(problem, **changes)
    new.__dict__.update(known)
    settle_blocks(new)
    return new


def _shared_moves(problem: Problem) -> dict[tuple[int, int], float]:
    """What moving to a zone costs all blocks of an industry alike: it is no matter of the block."""
    if problem.instance.dense_moves is not None:
        return {}
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for (block, zone), cost in problem.move_cost.items():
        found[zone, int(problem.block_industry[block])].append(cost)
    size = np.bincount(problem.block_industry, minlength=len(problem.industries))
    return {
        (zone, industry): costs[0]
        for (zone, industry), costs in found.items()
        if len(costs) == size[industry] and min(costs) == max(costs)
    }


def _form_parts(problem: Problem, industry: int, form_id: str, at_home: bool) -> dict[str, float]:
    """Admin, deposit, duty and VAT of a trade form, CNY per million CNY of output."""
    form = problem.form_row[form_id]
    row = problem.industry_rows[industry]
    trade = problem.trade[industry, at_home]
    settings = problem.settings
    duty = form["sale_duty_share"] * trade.sold * trade.duty_cny
    if form["sale_by_finished_goods"] == 1:
        duty = min(duty, trade.sold * row["output_duty_rate"] * MCNY)
    refund_wait = form["vat_refund_days"] / 365 * settings.carrying_rate
    interest = form["sale_interest_days"] / 365 * settings.deferred_interest_rate
    return {
        "admin": form["admin_share_of_output"] * MCNY,
        "deposit": form["deposit_share_of_imports"] * trade.imports * MCNY,
        "duty": duty,
        "vat_financing": refund_wait * row["vat_rate"] * trade.home * trade.exported * MCNY
        + interest * (trade.duty_cny + row["vat_rate"] * trade.imports * MCNY) * trade.sold,
        "vat_loss": form["vat_loss_share"]
        * max(0.0, row["vat_rate"] - row["refund_rate"])
        * trade.home
        * trade.exported
        * MCNY,
    }


def _host_parts(problem: Problem, industry: int, region_id: str) -> dict[str, float]:
    """Labour, energy, rent, relocation and subsidy at a host region, CNY per mcny of output."""
    row = problem.industry_rows[industry]
    price = problem.price_row[region_id]
    relocation = row["relocation_cny_per_mcny"] * problem.crf(row["relocation_life_years"])
    return {
        "labour": row["workers_per_mcny"] * row["wage_factor"] * price["wage_cny_per_year"]
        * (1 + price["wage_on_cost_share"]) / price["productivity"],
        "electricity": row["electricity_kwh_per_mcny"] * price["electricity_cny_per_kwh"],
        "water": row["water_m3_per_mcny"] * price["water_cny_per_m3"],
        "rent": row["floor_m2_per_mcny"] * price["rent_cny_per_m2_year"],
        "relocation": relocation,
        "subsidy": (
            -price["relocation_subsidy_share"] * relocation - price["output_subsidy_cny_per_mcny"]
        ),
    }  # fmt: skip


def _cost_cells(problem: Problem) -> None:
    zone_region = list(problem.table("zones")["factor_region_id"])
    cache: dict[tuple, dict[str, float]] = {}
    rows = []
    for zone, industry, form in zip(
        problem.cell_zone, problem.cell_industry, problem.cell_form, strict=True
    ):
        at_home = problem.in_china[problem.zones[zone]]
        key = (zone_region[zone], int(industry), int(form), at_home)
        if key not in cache:
            cache[key] = _host_parts(problem, int(industry), zone_region[zone])
            for name, value in _form_parts(
                problem, int(industry), problem.forms[form], at_home
            ).items():
                cache[key][name] = cache[key].get(name, 0.0) + value
        rows.append(cache[key])
    problem.cell_parts = _columns(rows)


def _columns(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    names = sorted({name for row in rows for name in row})
    return {n: np.array([row.get(n, 0.0) for row in rows], dtype=float) / MCNY for n in names}


def _cost_stays(problem: Problem) -> None:
    blocks = problem.table("blocks")
    origin_rows = {r.origin_id: r for r in problem.table("origins").itertuples()}
    rows = []
    for b, block in enumerate(blocks.itertuples()):
        industry = int(problem.block_industry[b])
        row = problem.industry_rows[industry]
        origin = origin_rows[block.origin_id]
        at_home = problem.in_china[origin.place_id]
        parts = {
            "labour": row["workers_per_mcny"] * block.wage_cny_per_year,
            "electricity": row["electricity_kwh_per_mcny"] * block.electricity_cny_per_kwh,
            "water": row["water_m3_per_mcny"] * block.water_cny_per_m3,
            "rent": row["floor_m2_per_mcny"] * block.rent_cny_per_m2_year,
            "margin": block.stay_premium_share_of_output * MCNY,
        }
        for name, value in _form_parts(problem, industry, origin.form_id, at_home).items():
            parts[name] = parts.get(name, 0.0) + value
        rows.append(parts)
    problem.stay_parts = _columns(rows)


def _cost_rivals(problem: Problem) -> None:
    rows = []
    for rival in problem.table("rivals").itertuples():
        takes = set(rival.industry_id.split(";")) if rival.industry_id else set(problem.industries)
        at_home = problem.in_china[rival.rival_id]
        for k, industry in enumerate(problem.industries):
            if industry not in takes:
                rows.append({"margin": np.nan})
                continue
            parts = _host_parts(problem, k, rival.factor_region_id)
            parts["margin"] = rival.margin_share_of_output * MCNY
            for name, value in _form_parts(problem, k, rival.form_id, at_home).items():
                parts[name] = parts.get(name, 0.0) + value
            rows.append(parts)
    shape = (len(problem.rivals), len(problem.industries))
    problem.rival_parts = {n: v.reshape(shape) for n, v in _columns(rows).items()}


def hosts_within(problem: Problem, max_hours: float) -> np.ndarray:
    """Boolean (zones, zones): a follower in the row's zone may follow a leader in the column's."""
    return zone_hours(problem.instance).to_numpy() <= max_hours + 1e-9
