"""Routes as columns: found when capacities, services or projects make them worth having.

Two exact tools. `price` finds, for given prices of shared resources, every route that would
improve the relaxation (column generation by shortest path). `complete` lists, for chosen
resources, *all* routes that no other route beats in cost and in the set of resources used; with
these in the model, its integer bound is a bound for the problem with every route of the network,
not only for the routes found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from networks.paths import Tree
from optimizer.memory import Closing, Memory
from optimizer.model.base import Commodity, SitingModel, base_usage
from optimizer.problem import MCNY

BLOCKED = 1e15  # weight of an arc that may not be used; far above any route, exact in float64
TOLERANCE = 1e-9  # relative: a route must be better by more than rounding
SEEN, TOO_MANY = 0.1, 1.5  # part of the goods after which, and times the limit, listing is given up

Found = tuple[Commodity, tuple[int, ...]]


class RouteFinder:
    """Shortest routes over everything that could exist: all projects built, all services running.

    Weights are those of the base routes (CNY, hours or kg per TEU), plus prices per resource.
    """

    def __init__(self, m: SitingModel, memory: Memory | None = None) -> None:
        self.m = m
        problem = m.problem
        self.listed: dict[frozenset[int], dict[Commodity, list[tuple[int, ...]]]] = {}
        self.finder = problem.everything.finder
        self.unit = (
            MCNY if problem.by == "generalised" else (1000.0 if problem.by == "co2" else 1.0)
        )
        self.nodes_of: dict[int, list[int]] = {}
        for line, node in m.commodity_cells:
            self.nodes_of.setdefault(line, []).append(node)
        self.trees: dict[int, Tree] = {}
        if memory is not None and memory.problem.book is problem.book:
            self.listed, self.trees = memory.listed, memory.free
        elif memory is not None and problem.book.closing is not None:
            self._take_over(memory, problem.book.closing)

    def _take_over(self, memory: Memory, closing: Closing) -> None:
        """Take trees and lists of routes of an earlier solve as far as a closing leaves them.

        All routes listed for a commodity stand if none of them, nor its base route, uses what is
        closed: each is the shortest that avoids some resources, and stays it.
        """
        for line, tree in memory.free.items():
            kept = closing.kept_tree(tree, self.weights(line), self.finder.mask)
            if kept is not None:
                self.trees[line] = kept
        if memory.model is None or closing.opens:
            return
        base = memory.model.base_path
        if memory.model.resources.keys != self.m.resources.keys:
            return
        for relevant, lists in memory.listed.items():
            self.listed[relevant] = {
                c: routes
                for c, routes in lists.items()
                if c in base and closing.is_open(base[c]) and all(map(closing.is_open, routes))
            }

    def weights(self, line: int) -> np.ndarray:
        """Cost of each arc for a line of goods in the objective's unit per TEU."""
        return self.m.problem.book.line_weights(line)

    def tree(self, line: int, weights: np.ndarray) -> Tree:
        """Shortest paths from the line's place by these weights."""
        goods = self.m.problem.lines[line]
        return self.finder.tree(weights, goods.node, reverse=not goods.inbound)

    def free(self, line: int) -> Tree:
        """Shortest routes with every resource free of charge: no price can make them shorter."""
        if line not in self.trees:
            self.trees[line] = self.tree(line, self.weights(line))
        return self.trees[line]

    def path(self, tree: Tree, node: int) -> tuple[int, ...]:
        """Arcs from the root of the tree to the node, in travel order."""
        return tuple(self.finder.path(tree, node))

    def base_distance(self, commodity: Commodity) -> float:
        """Length of the commodity's base route in the objective's unit per TEU."""
        return self.m.problem.base_distance(*commodity)

    def could_gain(self) -> list[Commodity]:
        """Commodities for which some route beats the base route when all resources are free."""
        return [
            (line, node)
            for line, nodes in self.nodes_of.items()
            for node in nodes
            if _better(self.free(line).dist[node], self.base_distance((line, node)))
        ]


def _better(new: float, old: float) -> bool:
    return new < old - TOLERANCE * max(1.0, abs(old))


def price(
    finder: RouteFinder,
    prices: Mapping[int, float],
    worth: Mapping[Commodity, float],
    commodities: Iterable[Commodity],
    gains: dict[Commodity, float] | None = None,
) -> list[Found]:
    """Return routes that improve the relaxation at the given resource prices.

    Parameters
    ----------
    prices
        Price per TEU of each resource, >= 0, in the objective's unit (mcny for cost).
    worth
        What leaving the base route must beat, per TEU, in the objective's unit: minus the dual of
        the commodity's row; 0 where it has none.
    commodities
        Those to look at.
    gains
        Gets what a TEU gains by each route, in the objective's unit.
    """
    m = finder.m
    by_line = nodes_by_line(commodities)
    priced_arcs = [
        (arc, sum(prices.get(r, 0.0) for r in resources))
        for arc, resources in m.resources.of_arc.items()
    ]
    priced_arcs = [(arc, p) for arc, p in priced_arcs if p > 0]
    arcs = np.array([a for a, _ in priced_arcs], dtype=np.int64)
    extra = np.array([p for _, p in priced_arcs]) * finder.unit
    found = []
    for line, nodes in by_line.items():
        limits = {
            node: finder.base_distance((line, node))
            + finder.unit
            * (_priced(base_usage(m, (line, node)), prices) - worth.get((line, node), 0.0))
            for node in nodes
        }
        open_nodes = [n for n in nodes if _better(finder.free(line).dist[n], limits[n])]
        if not open_nodes:
            continue
        weights = finder.weights(line).copy()
        weights[arcs] += extra
        tree = finder.tree(line, weights)
        better = [node for node in open_nodes if _better(tree.dist[node], limits[node])]
        found += [((line, node), finder.path(tree, node)) for node in better]
        if gains is not None:
            for node in better:
                gains[line, node] = float(limits[node] - tree.dist[node]) / finder.unit
    return found


def shortfalls(
    finder: RouteFinder,
    prices: Mapping[int, float],
    worth: Mapping[Commodity, float],
    commodities: Iterable[Commodity],
) -> dict[Commodity, float]:
    """Return by how much, at most, any route at all beats what `price` has it beat, per TEU.

    Of commodities where none does, there is nothing. A route pays for a gate once, however many of
    its arcs it uses, which shortest paths cannot count: what they are is bounded from below by the
    best route without the gates that have a price, and by the best one if the gates were free, plus
    the least of their prices.
    """
    m = finder.m
    arcs, extra, gates = [], [], []
    for arc, resources in m.resources.of_arc.items():
        own = [r for r in resources if m.resources.keys[r][0] == "gate"]
        paid = sum(prices.get(r, 0.0) for r in resources if r not in own)
        if paid > 0:
            arcs.append(arc)
            extra.append(paid * finder.unit)
        if any(prices.get(r, 0.0) > 0 for r in own):
            gates.append(arc)
    costs = [p for r, p in prices.items() if p > 0 and m.resources.keys[r][0] == "gate"]
    by_line = nodes_by_line(commodities)
    found: dict[Commodity, float] = {}
    for line, nodes in by_line.items():
        limits = np.array(
            [
                finder.base_distance((line, node))
                + finder.unit
                * (_priced(base_usage(m, (line, node)), prices) - worth.get((line, node), 0.0))
                for node in nodes
            ]
        )
        if not (finder.free(line).dist[nodes] < limits).any():
            continue
        weights = finder.weights(line).copy()
        weights[arcs] += extra
        least = finder.tree(line, weights).dist[nodes]
        if gates:
            weights[gates] = BLOCKED
            without = finder.tree(line, weights).dist[nodes]
            least = np.minimum(without, least + min(costs) * finder.unit)
        for node, short in zip(nodes, (limits - least) / finder.unit, strict=True):
            if short > 0:
                found[line, node] = float(short)
    return found


def _priced(use: Mapping[int, float], prices: Mapping[int, float]) -> float:
    """Price of the resources that a route uses."""
    return sum(prices.get(r, 0.0) * count for r, count in use.items())


def list_all(
    finder: RouteFinder, relevant: set[int], commodities: Iterable[Commodity], limit: int
) -> list[tuple[Commodity, tuple[int, ...]]] | None:
    """Return what `complete` returns, from memory where the same was listed before."""
    known = finder.listed.setdefault(frozenset(relevant), {})
    commodities = sorted(set(commodities))
    missing = [c for c in commodities if c not in known]
    found = complete(finder, relevant, missing, limit)
    if found is None:
        return None
    known.update({c: [] for c in missing})
    for commodity, arcs in found:
        known[commodity].append(arcs)
    return [(c, arcs) for c in commodities for arcs in known[c]]


def complete(
    finder: RouteFinder, relevant: set[int], commodities: Iterable[Commodity], limit: int = 10**9
) -> list[tuple[Commodity, tuple[int, ...]]] | None:
    """Return every route of the commodities that is not beaten in cost and relevant resources used.

    Forbidding, one after the other, each relevant resource of the shortest route and searching
    again reaches every such route: at each step the shortest route either uses only resources of
    the one sought (and then equals or beats it) or uses another, which can be forbidden. A resource
    that it uses more than once is forbidden arc by arc, for routes that use it less often. None
    when there are more than ``limit``, or when the first part of the goods says that there will be.
    """
    m = finder.m
    steps, by_line = Steps(finder, relevant), nodes_by_line(commodities)
    found: list[tuple[Commodity, tuple[int, ...]]] = []
    n_all, n_seen = sum(map(len, by_line.values())), 0
    for line, nodes in by_line.items():
        foreseen = len(found) * n_all / n_seen if n_seen > SEEN * n_all else 0.0
        if len(found) > limit or foreseen > TOO_MANY * limit:
            return None
        n_seen += len(nodes)
        pending: dict[frozenset[int], list[int]] = {frozenset(): list(nodes)}
        seen: dict[int, set[frozenset[int]]] = {node: set() for node in nodes}
        while pending:
            forbidden, here = pending.popitem()
            tree = finder.tree(line, steps.weights(line, forbidden)) if forbidden else None
            tree = finder.free(line) if tree is None else tree
            for node in here:
                base = finder.base_distance((line, node))
                base_uses = {r for r in base_usage(m, (line, node)) if r in relevant}
                if tree.dist[node] >= BLOCKED / 2 or (
                    not base_uses and not _better(tree.dist[node], base)
                ):
                    continue  # the base route is as good and needs nothing
                arcs = finder.path(tree, node)
                found.append(((line, node), arcs))
                for step in steps.after(forbidden, arcs):
                    if step not in seen[node]:
                        seen[node].add(step)
                        pending.setdefault(step, []).append(node)
    return found


class Steps:
    """What a search for routes that use less forbids next: resources whole, or single arcs."""

    def __init__(self, finder: RouteFinder, relevant: set[int]) -> None:
        self.finder = finder
        self._arcs: dict[int, list[int]] = {r: [] for r in relevant}
        for arc, resources in finder.m.resources.of_arc.items():
            for r in resources:
                if r in relevant:
                    self._arcs[r].append(arc)

    def arcs(self, step: int) -> list[int]:
        """Arcs that a step forbids: those of a resource, or, below 0, one arc."""
        return self._arcs[step] if step >= 0 else [-1 - step]

    def weights(self, line: int, forbidden: Iterable[int]) -> np.ndarray:
        """Return the weights of a line of goods without what is forbidden."""
        weights = self.finder.weights(line).copy()
        for step in forbidden:
            weights[self.arcs(step)] = BLOCKED
        return weights

    def after(
        self, forbidden: frozenset[int], arcs: tuple[int, ...], wanted: int = -1
    ) -> Iterator[frozenset[int]]:
        """Yield what to forbid to find what uses less than ``arcs``; ``wanted`` is to be used."""
        for r, count in self.finder.m.resources.usage(arcs).items():
            if r not in self._arcs or (r == wanted and count == 1):
                continue
            if count == 1:
                yield forbidden | {r}
            else:
                of_r = set(self._arcs[r])
                yield from (forbidden | {-1 - arc} for arc in arcs if arc in of_r)


def nodes_by_line(commodities: Iterable[Commodity]) -> dict[int, list[int]]:
    """Return the host nodes of commodities by their line of goods."""
    by_line: dict[int, list[int]] = {}
    for line, node in commodities:
        by_line.setdefault(line, []).append(node)
    return by_line
