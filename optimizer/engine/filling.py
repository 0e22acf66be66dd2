"""Least loads of services: routes that goods would take only to fill a train.

`routes.complete` lists routes for what they save. Goods that lose by a service can still be worth
sending with it, where they help it to its least load and others gain more than they lose.
`fillable` says for which services that cannot be ruled out. For them `list_filling` finds what a
model needs so that its bound holds for such plans too: routes through the service that no other
one beats, walks that visit a node twice where the search for a true route was given up (they bound
the route, and no plan may use them), and a price at which the rest can be had out of nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from networks.paths import Tree
from optimizer.engine.routes import BLOCKED, Found, RouteFinder, Steps, nodes_by_line
from optimizer.engine.screen import hopeless
from optimizer.model.base import Commodity, SitingModel, base_usage
from optimizer.model.routes import route_usage, route_weight

if TYPE_CHECKING:
    from optimizer.engine.root import Relaxation

Avoided = tuple[frozenset[int], frozenset[int]]  # nodes, before and behind the service

SLACK = 1e-9
MANY = 300  # goods and hosts; beyond them those that lose most may be left to a price
MOST = 1_500
LOADS = 40.0  # least loads that the goods before them could fill, if all of them moved
MOST_SEARCHES = 4_000  # shortest path trees to make walks into routes
FEW = 500  # goods and hosts up to which it is worth to look closer at services used twice
SEARCHES_EACH = 60  # of them for one route


def fillable(relaxation: Relaxation) -> set[int]:
    """Return services with a least load that goods which lose by them could fill in a best plan.

    While no capacity binds, a plan can shut a service and send its goods their base ways. If with
    fewer TEU than its least load the goods that gain save less than it costs, then no best plan
    fills it with others. That is not said of a service that must run, nor of one whose routes
    use a second service with a least load.
    """
    m = relaxation.m
    if not relaxation.all_listed:
        return set()  # no price of a least load is in that bound (`Relaxation.bound`)
    index, today = m.resources.index, m.resources.today
    least = {
        index["service", s.service_id]: s
        for s in m.problem.table("services").itertuples()
        if s.min_load_teu_per_year > 0 and ("service", s.service_id) in index
    }
    least = {r: s for r, s in least.items() if not today[r]}
    if not least:
        return set()
    asked = {n for kind, n, count in m.problem.question.least if kind == "service" and count > 0}
    asked |= relaxation.runs
    is_bound_by_cost = m.by_cost and relaxation.mixed is None
    is_bound_by_cost &= not any(today[r] > 0 for r in relaxation.resources)
    routes = [*relaxation.routes, *relaxation.held_back]
    saved = _savings(m, least.keys(), routes)
    if is_bound_by_cost and saved:
        never = hopeless(m, routes, least_loads=False)  # whoever fills them
        saved = {r: most for r, most in saved.items() if r not in never}
    found = {r for r, s in least.items() if s.service_id in asked}
    for r, most in saved.items():
        cost = float(least[r].fixed_mcny_per_year)
        worth = most * float(least[r].min_load_teu_per_year)
        if not is_bound_by_cost or worth >= cost * (1 - SLACK):
            found.add(r)
    return found


def _savings(m: SitingModel, services: Iterable[int], routes: Iterable[Found]) -> dict[int, float]:
    """Return the most that one TEU saves on each service, mcny; inf where that is not known."""
    services = set(services)
    most: dict[int, float] = {}
    for commodity, arcs in routes:
        used = [r for r, count in route_usage(m, commodity, arcs).items() if count > 0]
        mine = services.intersection(used)
        if not mine:
            continue
        needs = any(m.resources.today[r] == 0 for r in base_usage(m, commodity))
        for r in mine:
            count = route_usage(m, commodity, arcs)[r]
            saving = -route_weight(m, commodity, arcs) / 1e6 / count
            if needs or len(mine) > 1:
                saving = float("inf")
            most[r] = max(most.get(r, 0.0), saving)
    return most


@dataclass
class Filling:
    """What stands for all ways to fill some services."""

    routes: list[Found] = field(default_factory=list)
    walks: list[Found] = field(default_factory=list)  # lower bounds of routes, no routes
    price: float = np.inf  # objective's unit per TEU of least load, for what is not listed


def list_filling(
    finder: RouteFinder, services: set[int], relevant: set[int], many: int = MANY
) -> Filling:
    """Return ways through ``services`` of the goods that lose least by them, and a price.

    Every route through one of them, once, is matched by one of the routes or walks: it costs no
    less and uses at least the same. Every other one can be replaced by a route that is listed for
    what it saves, and costs at least ``price`` more for each TEU by which it fills a service more.
    """
    search = _Search(finder, services, relevant)
    filling = Filling()
    losses: list[tuple[float, int, Commodity]] = []
    for line, nodes in nodes_by_line(finder.m.commodity_cells).items():
        once, again = search.losses(line, nodes, filling)
        losses += [(loss, service, (line, node)) for (service, node), loss in once.items()]
        filling.price = min(filling.price, again)
    losses.sort()
    for service in sorted(services):
        mine = [(loss, c) for loss, s, c in losses if s == service]
        taken = _enough(finder.m, service, [c for _, c in mine], many)
        if taken < len(mine):
            filling.price = min(filling.price, mine[taken][0])
        chosen = nodes_by_line(c for _, c in mine[:taken])
        for line, nodes in sorted(chosen.items()):
            search.list_through(service, line, nodes, filling)
    filling.price /= finder.unit
    return filling


def _enough(m: SitingModel, service: int, goods: Sequence[Commodity], many: int) -> int:
    """Return how many of ``goods`` are listed: such as could fill a service many times over."""
    services = m.problem.table("services").set_index("service_id")
    counted: dict[int, float] = {}  # by line: its goods go to one host or another
    wanted = LOADS * float(services.loc[m.resources.keys[service][1], "min_load_teu_per_year"])
    for number, commodity in enumerate(goods):
        if number >= MOST or (number >= many and wanted <= 0):
            return number
        cells = m.commodity_cells[commodity]
        place = [(int(m.problem.cell_zone[c]), int(m.problem.cell_industry[c])) for c in cells]
        most = m.problem.lines[commodity[0]].teu * max(m.most[p] for p in place)
        wanted -= max(0.0, most - counted.get(commodity[0], 0.0))
        counted[commodity[0]] = max(most, counted.get(commodity[0], 0.0))
    return len(goods)


class _Search:
    """Shortest ways through services, whatever they cost their goods."""

    def __init__(self, finder: RouteFinder, services: set[int], relevant: set[int]) -> None:
        self.finder, self.steps = finder, Steps(finder, relevant)
        self.arcs_of = {r: self.steps.arcs(r) for r in services}
        self.all_arcs = sorted({arc for arcs in self.arcs_of.values() for arc in arcs})
        self.searches = 0  # shortest path trees spent on walks

    def losses(
        self, line: int, nodes: Sequence[int], filling: Filling
    ) -> tuple[dict[tuple[int, int], float], float]:
        """Return what goods lose at least by a service, and by each use if they use two or more.

        Both against the cheapest route that uses no relevant resource which the way does not use,
        per TEU: the first by (service, node), the second for all nodes. The shortest routes through
        the services are added to ``filling``: plans may need them, whatever they cost.
        """
        once: dict[tuple[int, int], float] = {}
        again = np.inf
        n_arcs = len(self.all_arcs)
        pending: dict[frozenset[int], list[int]] = {frozenset(): list(nodes)}
        seen: dict[int, set[frozenset[int]]] = {node: set() for node in nodes}
        while pending:
            forbidden, here = pending.popitem()
            weights = self.steps.weights(line, forbidden)
            tree = self.finder.tree(line, weights) if forbidden else self.finder.free(line)
            least = float(weights[self.all_arcs].min())
            rests = {
                r: self._behind(line, weights, tree.dist, arcs) for r, arcs in self.arcs_of.items()
            }
            if not forbidden:
                self._add_first(line, nodes, weights, tree, rests, filling)
            behind = {r: rest.dist for r, rest in rests.items()}
            first = np.minimum.reduce(list(behind.values()))
            second = self._twice(line, weights, tree.dist, first)
            for node in here:
                if tree.dist[node] >= BLOCKED / 2:
                    continue
                for r, dist in behind.items():
                    if dist[node] < BLOCKED / 2:
                        loss = max(0.0, float(dist[node] - tree.dist[node]))
                        once[r, node] = min(loss, once.get((r, node), np.inf))
                if second[node] < BLOCKED / 2:
                    loss = max(0.0, float(second[node] - tree.dist[node]))
                    many = (loss + (n_arcs - 2) * least) / max(n_arcs, 2)
                    again = min(again, loss / 2, many)
                for step in self.steps.after(forbidden, self.finder.path(tree, node)):
                    if step not in seen[node]:
                        seen[node].add(step)
                        pending.setdefault(step, []).append(node)
        return once, again

    def _twice(
        self, line: int, weights: np.ndarray, free: np.ndarray, first: np.ndarray
    ) -> np.ndarray:
        """Lower bounds of the routes that use services twice, by node.

        Where goods are few, two arcs that no route could both use are told apart: a train there
        and back in the same regime passes the same node twice.
        """
        if len(self.finder.m.commodity_cells) > FEW:
            return self._behind(line, weights, first, self.all_arcs).dist
        near, far, is_inbound = self._ends(line)
        start: dict[int, float] = {}
        for one in self.all_arcs:
            length = float(free[near[one]] + weights[one])
            if length >= BLOCKED / 2:
                continue
            way = {int(far[one]): length}
            reached = self.finder.finder.tree(weights, way, reverse=not is_inbound).dist
            for two in self.all_arcs:
                ends = {int(near[one]), int(far[one]), int(near[two]), int(far[two])}
                follows = far[one] == near[two] and len(ends) == 3
                if follows or len(ends) == 4:
                    total = float(reached[near[two]] + weights[two])
                    if total < start.get(int(far[two]), BLOCKED / 2):
                        start[int(far[two])] = total
        if not start:
            return np.full(len(free), np.inf)
        return self.finder.finder.tree(weights, start, reverse=not is_inbound).dist

    def _add_first(
        self,
        line: int,
        nodes: Sequence[int],
        weights: np.ndarray,
        tree: Tree,
        behind: Mapping[int, Tree],
        filling: Filling,
    ) -> None:
        for r, rest in behind.items():
            for node in nodes:
                if rest.dist[node] < BLOCKED / 2:
                    way = self._walk(line, weights, tree, rest, self.arcs_of[r], node)
                    if self._is_simple(way):
                        filling.routes.append(((line, node), way))

    def list_through(self, service: int, line: int, nodes: Sequence[int], filling: Filling) -> None:
        """Add all ways through a service that no other one through it beats."""
        pending: dict[frozenset[int], list[int]] = {frozenset(): list(nodes)}
        seen: dict[int, set[frozenset[int]]] = {node: set() for node in nodes}
        while pending:
            forbidden, here = pending.popitem()
            weights = self.steps.weights(line, forbidden)
            tree = self.finder.tree(line, weights) if forbidden else self.finder.free(line)
            arcs = self.arcs_of[service]
            rest = self._behind(line, weights, tree.dist, arcs)
            for node in here:
                if rest.dist[node] >= BLOCKED / 2:
                    continue
                way, is_route = self._walk(line, weights, tree, rest, arcs, node), True
                if not self._is_simple(way):
                    found = self._route(line, weights, arcs, node)
                    if found == ():
                        continue  # there is no route through it
                    way, is_route = (way, False) if found is None else (found, True)
                (filling.routes if is_route else filling.walks).append(((line, node), way))
                for step in self.steps.after(forbidden, way, service):
                    if step not in seen[node]:
                        seen[node].add(step)
                        pending.setdefault(step, []).append(node)

    # -- walks and routes -----------------------------------------------------------------------

    def _behind(
        self, line: int, weights: np.ndarray, before: np.ndarray, arcs: Sequence[int]
    ) -> Tree:
        """Shortest ways on from the far ends of ``arcs``, reached at distances ``before``."""
        near, far, is_inbound = self._ends(line)
        starts: dict[int, float] = {}
        for arc in arcs:
            length = float(before[near[arc]] + weights[arc])
            if length < starts.get(int(far[arc]), BLOCKED / 2):
                starts[int(far[arc])] = length
        if not starts:
            nothing = np.full(len(before), np.inf)
            return Tree(nothing, np.full(len(before), -1, dtype=np.int32), not is_inbound)
        return self.finder.finder.tree(weights, starts, reverse=not is_inbound)

    def _ends(self, line: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Ends of arcs nearer to and farther from the line's place."""
        network = self.finder.finder.network
        if self.finder.m.problem.lines[line].inbound:
            return network.tail, network.head, True
        return network.head, network.tail, False

    def _walk(
        self,
        line: int,
        weights: np.ndarray,
        tree: Tree,
        rest: Tree,
        arcs: Sequence[int],
        node: int,
    ) -> tuple[int, ...]:
        """Arcs of the shortest way over one of ``arcs``, in travel order."""
        near, far, is_inbound = self._ends(line)
        behind = self.finder.finder.path(rest, node)
        turn = node if not behind else int(near[behind[0 if is_inbound else -1]])
        arc = min(
            (a for a in arcs if int(far[a]) == turn),
            key=lambda a: float(tree.dist[near[a]] + weights[a]),
        )
        before = self.finder.finder.path(tree, int(near[arc]))
        return tuple([*before, arc, *behind] if is_inbound else [*behind, arc, *before])

    def _is_simple(self, way: Sequence[int]) -> bool:
        network = self.finder.finder.network
        nodes = [int(network.tail[way[0]]), *(int(network.head[a]) for a in way)]
        return len(set(nodes)) == len(nodes)

    def _route(
        self, line: int, weights: np.ndarray, arcs: Sequence[int], node: int
    ) -> tuple[int, ...] | None:
        """Shortest route over one of ``arcs`` without a node twice; (): none, None: given up.

        Branch and bound: a node that the shortest way visits twice is kept out of the part before
        the arc, or of the part behind it.
        """
        queue: list[tuple[float, int, int, Avoided, tuple[int, ...], int | None]] = []
        number = spent = 0

        def add(arc: int, avoided: Avoided) -> None:
            nonlocal number, spent
            number, spent = number + 1, spent + 2
            self.searches += 2
            way = self._way(line, weights, arc, node, avoided)
            if way is not None:
                heapq.heappush(queue, (way[0], number, arc, avoided, way[1], way[2]))

        for arc in arcs:
            add(arc, (frozenset(), frozenset()))
        while queue:
            _, _, arc, (before, behind), way, twice = heapq.heappop(queue)
            if twice is None:
                return way
            if spent >= SEARCHES_EACH or self.searches >= MOST_SEARCHES:
                return None
            add(arc, (before | {twice}, behind))
            add(arc, (before, behind | {twice}))
        return ()

    def _way(
        self, line: int, weights: np.ndarray, arc: int, node: int, avoided: Avoided
    ) -> tuple[float, tuple[int, ...], int | None] | None:
        """Shortest way over an arc, its length, and a node of both parts (None: it has none)."""
        near, far, is_inbound = self._ends(line)
        root, turn, start = self.finder.m.problem.lines[line].node, int(far[arc]), int(near[arc])
        if {root, start} & avoided[0] or {turn, node} & avoided[1]:
            return None
        tree = self.finder.tree(line, self._avoiding(weights, avoided[0]))
        length = float(tree.dist[start] + weights[arc])
        if length >= BLOCKED / 2:
            return None
        beyond = self._avoiding(weights, avoided[1])
        rest = self.finder.finder.tree(beyond, {turn: length}, reverse=not is_inbound)
        if rest.dist[node] >= BLOCKED / 2:
            return None
        before = self.finder.finder.path(tree, start)
        behind = self.finder.finder.path(rest, node)
        way = tuple([*before, arc, *behind] if is_inbound else [*behind, arc, *before])
        passed = {root, start, *(int(far[a]) for a in before)}
        both = passed & {turn, node, *(int(far[a]) for a in behind)}
        return float(rest.dist[node]), way, min(both, default=None)

    def _avoiding(self, weights: np.ndarray, nodes: frozenset[int]) -> np.ndarray:
        if not nodes:
            return weights
        network = self.finder.finder.network
        shut = np.zeros(network.n_nodes, dtype=bool)
        shut[list(nodes)] = True
        return np.where(shut[network.tail] | shut[network.head], BLOCKED, weights)
