"""Routes where several measures count at once: cost and hours, cost and CO2e, and so on.

With a limit on a measure of routes, no single weight orders them: the best plan can send a part of
its goods the dear and clean way. For every weighting of the measures the best route is a shortest
path, and these routes suffice: what no mix of them beats in every measure is one of them.
`list_all` finds all of them, for every set of shared resources that a route may have to avoid;
`price` finds those that given prices of the limits ask for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from networks.paths import PathFinder
from optimizer.engine.routes import BLOCKED, TOLERANCE, Found, RouteFinder
from optimizer.model.base import Commodity, SitingModel, base_path, base_usage
from optimizer.problem import ROUTE_MEASURES

LISTED_AT_MOST = 3_000  # goods with a host: with more, routes are priced out instead of listed
MOST_POINTS = 60  # routes of one commodity in one listing; more: priced out


class MixedRoutes:
    """Finds the routes of a model that several measures of routes matter for."""

    def __init__(self, m: SitingModel, finder: RouteFinder) -> None:
        self.m, self.finder = m, finder
        self.measures = m.problem.route_measures
        self.today: PathFinder = m.problem.others_book.finder
        self.nodes: dict[int, list[int]] = _by_line(m.commodity_cells)
        self.away: dict[int, list[int]] = _by_line(m.away)

    # -- listing --------------------------------------------------------------------------------

    def list_all(self, relevant: set[int], limit: int) -> tuple[list[Found], list[Found]] | None:
        """Return all routes that could matter, of zones and of other hosts; None: too many."""
        if len(self.m.commodity_cells) + len(self.m.away) > LISTED_AT_MOST:
            return None
        found: list[Found] = []
        for line, nodes in self.nodes.items():
            routes = self._of_zones(line, nodes, relevant)
            if routes is None or len(found) + len(routes) > limit:
                return None
            found += routes
        away: list[Found] = []
        measures = tuple(name for name in self.measures if name != "outlay")
        for line, nodes in self.away.items() if len(measures) > 1 else ():
            start = {n: [tuple(self.m.problem.others_book.path(line, n))] for n in nodes}
            best = self._envelopes(self.today, measures, line, start, [])
            if best is None:
                return None
            away += [((line, n), arcs) for n, all_arcs in best.items() for arcs in all_arcs[1:]]
        return found, away

    def _of_zones(self, line: int, nodes: list[int], relevant: set[int]) -> list[Found] | None:
        """Return the routes of a goods line, avoiding one set of resources after the other.

        As in `optimizer.engine.routes.complete`: for any weighting, the shortest route that avoids
        F uses only resources of the one sought, and then is at least as good, or another one, which
        can be avoided next.
        """
        m = self.m
        arcs_of: dict[int, list[int]] = {r: [] for r in relevant}
        for arc, resources in m.resources.of_arc.items():
            for r in resources:
                if r in relevant:
                    arcs_of[r].append(arc)
        base = {node: tuple(base_path(m, (line, node))) for node in nodes}
        found: dict[Found, None] = {}
        pending: dict[frozenset[int], list[int]] = {frozenset(): list(nodes)}
        seen: dict[int, set[frozenset[int]]] = {node: set() for node in nodes}
        while pending:
            avoided, here = pending.popitem()
            blocked = [arc for r in avoided for arc in arcs_of[r]]
            start = {
                n: [] if avoided & base_usage(m, (line, n)).keys() else [base[n]] for n in here
            }
            envelopes = self._envelopes(self.finder.finder, self.measures, line, start, blocked)
            if envelopes is None:
                return None
            for node, routes in envelopes.items():
                used: set[int] = set()
                for arcs in routes:
                    used |= {r for r in m.resources.usage(arcs) if r in relevant}
                    if arcs != base[node]:
                        found[(line, node), arcs] = None
                for r in used:
                    step = avoided | {r}
                    if step not in seen[node]:
                        seen[node].add(step)
                        pending.setdefault(step, []).append(node)
        return list(found)

    def _envelopes(
        self,
        paths: PathFinder,
        measures: Sequence[str],
        line: int,
        start: Mapping[int, list[tuple[int, ...]]],
        blocked: list[int],
    ) -> dict[int, list[tuple[int, ...]]] | None:
        """Return for each node the routes that are best for some weighting, those given first.

        Lower bounds on the best value are exact where the weighting is a corner of the function
        "best known route by weighting", which is concave and piecewise linear: when no shortest
        path at a corner beats it, no weighting has a better route.
        """
        goods = self.m.problem.lines[line]
        amounts = np.array([self.m.problem.arc_amounts(line, name) for name in measures])
        scale = np.array([max(float(np.max(row)), 1e-12) for row in amounts])
        weights = amounts / scale[:, None]
        trees: dict[bytes, object] = {}
        result: dict[int, list[tuple[int, ...]]] = {}
        for node, given in start.items():
            routes = list(given)
            points = [weights[:, list(arcs)].sum(axis=1) for arcs in routes]
            tried: set[bytes] = set()
            while True:
                better = False
                for corner in corners(np.array(points), len(measures)):
                    mix = np.round(corner, 12)
                    if mix.tobytes() in tried:
                        continue
                    tried.add(mix.tobytes())
                    if mix.tobytes() not in trees:
                        mixed = mix @ weights
                        mixed[blocked] = BLOCKED
                        trees[mix.tobytes()] = paths.tree(
                            mixed, goods.node, reverse=not goods.inbound
                        )
                    tree = trees[mix.tobytes()]
                    length = float(tree.dist[node])  # type: ignore[attr-defined]
                    known = min((float(mix @ p) for p in points), default=np.inf)
                    if length >= BLOCKED / 2 or length >= known - TOLERANCE * max(known, 1e-3):
                        continue
                    arcs = tuple(paths.path(tree, node))  # type: ignore[arg-type]
                    routes.append(arcs)
                    points.append(weights[:, list(arcs)].sum(axis=1))
                    better = True
                if not better:
                    break
                if len(points) > MOST_POINTS:
                    return None
            result[node] = routes
        return result

    # -- pricing --------------------------------------------------------------------------------

    def rates(self, prices: Mapping[tuple, float]) -> dict[str, float]:
        """Return what one unit of each measure costs, in units of the objective that is minimised.

        ``prices``: of the limit rows, by key, >= 0.
        """
        question = self.m.problem.question
        rate = dict.fromkeys(ROUTE_MEASURES, 0.0)
        own = "cost" if self.m.by_cost else question.objective
        if own in rate:
            rate[own] += 1.0
        for measure, weight in self.m.problem.weights.items():
            if measure in rate:
                rate[measure] += weight
        for key, price in prices.items():
            measure, factor = self.m.limit_rows[key]
            if measure in rate:
                rate[measure] += factor * price
        return rate

    def price(
        self,
        rate: Mapping[str, float],
        prices: Mapping[int, float],
        worth: Mapping[Commodity, float],
    ) -> list[Found]:
        """Return routes of zones' goods that improve the relaxation at the given prices."""
        m = self.m
        extra = np.zeros(m.problem.network.n_arcs)
        for arc, resources in m.resources.of_arc.items():
            extra[arc] = sum(prices.get(r, 0.0) for r in resources)
        found: list[Found] = []
        for line, nodes in self.nodes.items():
            own = {n: worth.get((line, n), 0.0) for n in nodes}
            base = {n: base_path(m, (line, n)) for n in nodes}
            paths = self.finder.finder
            found += self._better(paths, line, self._weights(line, rate) + extra, base, own)
        return found

    def price_away(
        self, rate: Mapping[str, float], worth: Mapping[Commodity, float]
    ) -> list[Found]:
        """Return routes of other hosts' goods that improve the relaxation at the given rates."""
        found: list[Found] = []
        rate = dict(rate) | {"outlay": 0.0}
        for line, nodes in self.away.items():
            own = {n: worth.get((line, n), 0.0) for n in nodes}
            base = {n: self.m.problem.others_book.path(line, n) for n in nodes}
            found += self._better(self.today, line, self._weights(line, rate), base, own)
        return found

    def _weights(self, line: int, rate: Mapping[str, float]) -> np.ndarray:
        problem = self.m.problem
        total = np.zeros(problem.network.n_arcs)
        for measure, value in rate.items():
            if value:
                total += value * problem.arc_amounts(line, measure)
        return total

    def _better(
        self,
        paths: PathFinder,
        line: int,
        weights: np.ndarray,
        base: Mapping[int, Sequence[int]],
        worth: Mapping[int, float],
    ) -> list[Found]:
        goods = self.m.problem.lines[line]
        tree = paths.tree(weights, goods.node, reverse=not goods.inbound)
        found: list[Found] = []
        for node, arcs in base.items():
            known = float(weights[list(arcs)].sum())
            if tree.dist[node] < known - worth[node] - TOLERANCE * max(known, 1e-9):
                found.append(((line, node), tuple(paths.path(tree, node))))
        return found


def corners(points: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the weightings (>= 0, sum 1) at which "least weighted point" has its corners.

    Those where as many of "this point is the least" and "this weight is 0" hold at once as fix a
    weighting; without points the weightings of one measure alone.
    """
    single = list(np.eye(size))
    if len(points) == 0:
        return single
    count = len(points)
    found = []
    for chosen in itertools.combinations(range(count + size), size):
        matrix, right = np.zeros((size + 1, size + 1)), np.zeros(size + 1)
        matrix[size, :size] = 1.0  # weights sum to 1
        right[size] = 1.0
        for row, k in enumerate(chosen):
            if k < count:
                matrix[row, :size], matrix[row, size] = points[k], -1.0  # weighted point = least
            else:
                matrix[row, k - count] = 1.0  # this weight is 0
        if abs(np.linalg.det(matrix)) < 1e-14:
            continue
        solved = np.linalg.solve(matrix, right)
        mix, least = solved[:size], solved[size]
        if (mix >= -1e-12).all() and (points @ mix >= least - 1e-9 * max(1.0, abs(least))).all():
            found.append(np.clip(mix, 0.0, 1.0))
    return [*single, *found]


def _by_line(commodities: Iterable[Commodity]) -> dict[int, list[int]]:
    lines: dict[int, list[int]] = {}
    for line, node in sorted(commodities):
        lines.setdefault(line, []).append(node)
    return lines
