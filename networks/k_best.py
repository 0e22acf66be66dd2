"""The k best routes between two nodes, exactly, by best-first search on links.

Two routes differ when they differ in a link or in the regime on a link; between two links goods
take the cheapest handling and customs inside the place. A route may come back to a place, but not
when staying there would have cost no more: such a loop serves nothing. So the first route is the
shortest path, and every further one is the next that a planner would call another route.

The search extends partial routes in the order of cost so far + distance to the target in the
reverse shortest path tree. That bound is exact but for loops, so little is searched in vain.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from instances.errors import InstanceError
from networks.network import Network
from networks.paths import PathFinder

ROOT = -1  # stands for the source nodes, which are one place
MOST_PARTIAL_ROUTES = 400_000
TOLERANCE = 1e-9  # relative: sums of the same numbers in another order count as equal

_Arrivals = tuple[tuple[int, float], ...]  # (node, cost so far) of each visit to one place


@dataclass(frozen=True, slots=True)
class _Partial:
    """A route up to its last link: where it arrived, at what cost, and how."""

    node: int  # arrival, or ROOT
    cost: float
    before: _Partial | None
    link: int  # arc number, -1 at the root
    arrivals: dict[int, _Arrivals]  # by place, this visit included


@dataclass(frozen=True, slots=True)
class _Move:
    """From an arrival to the next link or the end. ``rest``: distance from there to the target."""

    cost: float  # inside the place and over the link
    rest: float
    link: int  # -1: the route ends
    leaves: int  # the node at which the place is left, or the target


class _Search:
    """Partial routes by bound, over the arcs that lead to the target."""

    def __init__(
        self,
        network: Network,
        mask: np.ndarray,
        weights: np.ndarray,
        sources: Sequence[int],
        targets: Sequence[int],
    ) -> None:
        self.network, self.sources, self.targets = network, sources, set(targets)
        finder = PathFinder(network, mask)
        self.rest = finder.tree(weights, targets, reverse=True).dist
        self.weights = weights
        self.place, self.tail, self.head = network.node_place, network.tail, network.head
        usable = np.flatnonzero(mask & np.isfinite(self.rest[network.head]))
        inside = self.place[network.tail] == self.place[network.head]
        self.inside: dict[int, list[int]] = {}
        self.links: dict[int, list[int]] = {}
        for arc, tail, stays in zip(
            usable.tolist(), self.tail[usable].tolist(), inside[usable].tolist(), strict=True
        ):
            (self.inside if stays else self.links).setdefault(tail, []).append(arc)
        self._trees: dict[int, tuple[dict[int, float], dict[int, int]]] = {}
        self._moves: dict[int, list[_Move]] = {}

    def within(self, node: int) -> tuple[dict[int, float], dict[int, int]]:
        """Return costs and last arcs to every node of the place that ``node`` reaches inside it."""
        if node not in self._trees:
            starts = self.sources if node == ROOT else [node]
            cost, via = dict.fromkeys(starts, 0.0), {}
            heap = [(0.0, s) for s in starts]
            while heap:
                at, here = heapq.heappop(heap)
                if at > cost[here]:
                    continue
                for arc in self.inside.get(here, ()):
                    there, total = int(self.head[arc]), at + float(self.weights[arc])
                    if total < cost.get(there, np.inf):
                        cost[there], via[there] = total, arc
                        heapq.heappush(heap, (total, there))
            self._trees[node] = cost, via
        return self._trees[node]

    def moves(self, node: int) -> list[_Move]:
        """Return what can follow an arrival at a node, the best first."""
        if node not in self._moves:
            cost, _ = self.within(node)
            found = [
                _Move(c + float(self.weights[a]), float(self.rest[self.head[a]]), a, leaves)
                for leaves, c in cost.items()
                for a in self.links.get(leaves, ())
            ]
            ends = [(c, target) for target, c in cost.items() if target in self.targets]
            if ends:
                end, target = min(ends)
                found.append(_Move(end, 0.0, -1, target))
            self._moves[node] = sorted(found, key=lambda m: (m.cost + m.rest, m.link))
        return self._moves[node]

    def place_of(self, node: int) -> int:
        """Return the place of an arrival."""
        return int(self.place[self.sources[0] if node == ROOT else node])

    def is_pointless(self, arrivals: _Arrivals, node: int, cost: float) -> bool:
        """Tell whether a node is reached as cheaply by staying in its place since an arrival."""
        slack = TOLERANCE * max(1.0, cost)
        return any(
            self.within(since)[0].get(node, np.inf) <= cost - before + slack
            for since, before in arrivals
        )

    def run(self) -> Iterator[tuple[float, list[int]]]:
        """Yield cost and arcs of the routes, the best first."""
        place = self.place_of(ROOT)
        heap: list[tuple[float, int, _Partial, int]] = []
        count = 0

        def push(partial: _Partial, i: int) -> None:
            nonlocal count
            moves = self.moves(partial.node)
            if i < len(moves):
                count += 1
                if count > MOST_PARTIAL_ROUTES:
                    raise InstanceError(
                        f"more than {MOST_PARTIAL_ROUTES} partial routes compete: ask for fewer "
                        "routes (k), or close places that the routes should not use"
                    )
                bound = partial.cost + moves[i].cost + moves[i].rest
                heapq.heappush(heap, (bound, count, partial, i))

        push(_Partial(ROOT, 0.0, None, -1, {place: ((ROOT, 0.0),)}), 0)
        while heap:
            _, _, partial, i = heapq.heappop(heap)
            push(partial, i + 1)
            move = self.moves(partial.node)[i]
            cost = partial.cost + move.cost
            here = self.place_of(partial.node)
            leaving = cost - (float(self.weights[move.link]) if move.link >= 0 else 0.0)
            earlier = partial.arrivals[here][:-1]  # the last arrival is this visit itself
            if self.is_pointless(earlier, move.leaves, leaving):
                continue
            if move.link < 0:
                yield cost, self.arcs(partial, move)
                continue
            node = int(self.head[move.link])
            there = self.place_of(node)
            visits = partial.arrivals.get(there, ())
            if not self.is_pointless(visits, node, cost):
                arrivals = partial.arrivals | {there: (*visits, (node, cost))}
                push(_Partial(node, cost, partial, move.link, arrivals), 0)

    def arcs(self, partial: _Partial, end: _Move) -> list[int]:
        """Return every arc of a finished route, in travel order."""
        backwards: list[int] = []
        leaves: int = end.leaves
        step: _Partial | None = partial
        while step is not None:
            via = self.within(step.node)[1]
            while leaves in via:
                backwards.append(via[leaves])
                leaves = int(self.tail[via[leaves]])
            if step.link >= 0:
                backwards.append(step.link)
                leaves = int(self.tail[step.link])
            step = step.before
        return backwards[::-1]


def k_best_routes(
    network: Network,
    mask: np.ndarray,
    weights: np.ndarray,
    source: int | Iterable[int],
    target: int | Iterable[int],
    k: int = 1,
    *,
    distinct: str = "regimes",
) -> list[list[int]]:
    """Return at most ``k`` routes as lists of arcs in travel order, the best first.

    Parameters
    ----------
    source, target
        A node, or nodes of one place of which any will do.
    distinct
        What makes two routes different: a link or the regime on it (``"regimes"``), a link
        (``"links"``), a mode or a place where the mode changes (``"hauls"``). Of routes that do not
        differ in this the best is listed, and none that returns to a place while the route without
        the loop, seen in the same way, costs less.
    """
    if k < 1:
        raise InstanceError(f"k = {k}: ask for at least one route")
    if distinct not in SIGNATURES:
        raise InstanceError(f"distinct = {distinct!r}: choose {', '.join(SIGNATURES)}")
    signature_of = SIGNATURES[distinct]
    sources, targets = node_list(source), node_list(target)
    search = _Search(network, np.asarray(mask, bool), np.asarray(weights, float), sources, targets)
    seen: dict[Signature, float] = {}
    routes: list[list[int]] = []
    for cost, arcs in search.run():
        links = [a for a in arcs if network.element_table[a] == "links"]
        signature = signature_of(network, links)
        if signature in seen:
            continue
        seen[signature] = cost
        limit = cost - TOLERANCE * max(1.0, cost)
        shorter = (signature_of(network, rest) for rest in _without_returns(network, links))
        if any(seen.get(other, np.inf) < limit for other in shorter):
            continue
        routes.append(arcs)
        if len(routes) == k:
            break
    return routes


def _without_returns(network: Network, links: list[int]) -> Iterator[list[int]]:
    """Yield the links of a route less those between two visits to a place, for every return."""
    tails = network.node_place[network.tail[links]].tolist() if links else []
    places = [*tails, int(network.node_place[network.head[links[-1]]])] if links else []
    for i, j in itertools.combinations(range(len(places)), 2):
        if places[i] == places[j]:
            yield links[:i] + links[j:]


def links_and_regimes(network: Network, links: Sequence[int]) -> Signature:
    """Return the links of a route with direction and regime."""
    return tuple(network.arc_keys[a] for a in links)


def links_only(network: Network, links: Sequence[int]) -> Signature:
    """Return the links of a route with direction, whatever the regime."""
    return tuple(network.arc_keys[a].rpartition(":")[0] for a in links)


def hauls_only(network: Network, links: Sequence[int]) -> Signature:
    """Return the modes of a route and the places where the mode changes."""
    hauls: list[str] = []
    for before, arc in itertools.pairwise([None, *links]):
        if before is None or network.mode[before] != network.mode[arc]:
            hauls += [
                network.place_ids[network.node_place[network.tail[arc]]],
                str(network.mode[arc]),
            ]
    return tuple(hauls)


Signature = tuple[str, ...]
SIGNATURES: dict[str, Callable[[Network, Sequence[int]], Signature]] = {
    "regimes": links_and_regimes,
    "links": links_only,
    "hauls": hauls_only,
}


def node_list(nodes: int | Iterable[int]) -> list[int]:
    """Return one or several nodes as a list of plain integers."""
    return [int(n) for n in nodes] if isinstance(nodes, Iterable) else [int(nodes)]
