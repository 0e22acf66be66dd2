"""All routes that nothing beats in every criterion: the exact Pareto front, by label setting.

A label is the sum of the criteria from the source to a node. Labels that another label of the node
beats or equals are dropped, and so are those that a known route to the target beats even if the
rest of the way were best in every criterion at once (reverse shortest path trees). Nothing is
rounded; vectors that differ by less than `TOLERANCE` of the best value count as equal, and of
equal routes one is kept.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from operator import add, le

import numpy as np

from instances.errors import InstanceError
from networks.k_best import node_list
from networks.network import By, Goods, Network
from networks.paths import PathFinder

TOLERANCE = 1e-9
MOST_LABELS = 1_000_000
_MIXES = 6  # seeds: weighted sums on a grid of this many steps


def pareto_routes(
    network: Network,
    mask: np.ndarray,
    goods: Goods,
    source: int | Iterable[int],
    target: int | Iterable[int],
    criteria: Sequence[By] = ("cost", "hours", "co2"),
) -> list[list[int]]:
    """Return the routes of the complete Pareto front, cheapest first criterion first.

    Each is a list of arcs in travel order; of routes equal in every criterion one is returned.
    More than `MOST_LABELS` partial routes raise `InstanceError`: the front is never cut short.
    """
    if not criteria:
        raise InstanceError("a Pareto front needs at least one criterion")
    matrix = np.array([network.weights(goods, by) for by in criteria])
    return pareto_paths(network, mask, matrix, node_list(source), node_list(target))


def pareto_paths(
    network: Network,
    mask: np.ndarray,
    criteria: np.ndarray,
    sources: Sequence[int],
    targets: Sequence[int],
) -> list[list[int]]:
    """Return the front for criteria given as one row of arc weights each; see `pareto_routes`."""
    finder = PathFinder(network, mask)
    rest = np.array([finder.tree(w, targets, reverse=True).dist for w in criteria])
    start = min(sources, key=lambda s: tuple(rest[:, s]))
    if not np.isfinite(rest[:, start]).all():
        return []
    slack = TOLERANCE * np.maximum(1.0, rest[:, list(sources)].min(axis=1))
    known = _seeds(finder, criteria, sources, targets)
    gone = np.array([finder.tree(w, sources).dist for w in criteria])
    arcs = np.flatnonzero(finder.mask)
    best = gone[:, network.tail[arcs]] + criteria[:, arcs] + rest[:, network.head[arcs]]
    hopeful = np.isfinite(best).all(axis=0)
    for vector in known:
        hopeful &= ~(best >= (np.array(vector) - slack)[:, None]).all(axis=0)
    front = _label_setting(network, arcs[hopeful], criteria, sources, targets, rest, slack, known)
    return [front[vector] for vector in sorted(front)]


def _seeds(
    finder: PathFinder, criteria: np.ndarray, sources: Sequence[int], targets: Sequence[int]
) -> dict[tuple[float, ...], list[int]]:
    """Return some routes to prune with: the best for weighted sums of the criteria."""
    scale = np.array([w[finder.mask].sum() or 1.0 for w in criteria])
    found: dict[tuple[float, ...], list[int]] = {}
    for mix in itertools.product(range(_MIXES + 1), repeat=len(criteria)):
        if sum(mix) != _MIXES:
            continue
        share = (np.array(mix) + 1e-6) / scale
        tree = finder.tree(share @ criteria, sources)
        end = min(targets, key=lambda t: tree.dist[t])
        arcs = finder.path(tree, end)
        found[_sum(criteria, arcs)] = arcs
    return found


def _label_setting(
    network: Network,
    arcs: np.ndarray,
    criteria: np.ndarray,
    sources: Sequence[int],
    targets: Sequence[int],
    rest: np.ndarray,
    slack: np.ndarray,
    known: dict[tuple[float, ...], list[int]],
) -> dict[tuple[float, ...], list[int]]:
    """Return the nondominated vectors at the targets with one route each."""
    outgoing: dict[int, list[tuple[int, int, tuple[float, ...]]]] = {}
    for arc in arcs.tolist():
        step = (arc, int(network.head[arc]), tuple(criteria[:, arc].tolist()))
        outgoing.setdefault(int(network.tail[arc]), []).append(step)
    remaining = [tuple(column) for column in rest.T.tolist()]
    scale = 1 / np.maximum(rest[:, list(sources)].min(axis=1), 1e-9)
    tolerance, ends = tuple(slack.tolist()), set(targets)
    front = _Front(tolerance)
    for vector in sorted(known):
        front.add(vector)
    labels: list[tuple[int, int]] = []  # label before, arc
    fronts: dict[int, _Front] = {}
    heap: list[tuple[float, int, int, tuple[float, ...]]] = []

    def push(node: int, vector: tuple[float, ...], before: int, arc: int) -> None:
        hoped = tuple(map(add, vector, remaining[node]))
        if front.beats(hoped):
            return
        if not fronts.setdefault(node, _Front(tolerance)).add(vector):
            return
        labels.append((before, arc))
        if len(labels) > MOST_LABELS:
            raise InstanceError(
                f"the Pareto front needs more than {MOST_LABELS} partial routes: use fewer "
                "criteria, or close places and modes that are out of the question"
            )
        order = float(np.dot(hoped, scale))
        heapq.heappush(heap, (order, len(labels) - 1, node, vector))

    for source in sources:
        push(source, (0.0,) * len(criteria), -1, -1)
    while heap:
        _, label, node, vector = heapq.heappop(heap)
        if vector not in fronts[node].vectors:
            continue  # beaten since it was pushed
        if node in ends:
            if front.add(vector):
                known[vector] = _trace(labels, label)
            continue
        if front.beats(tuple(map(add, vector, remaining[node]))):
            continue
        for arc, head, cost in outgoing.get(node, ()):
            push(head, tuple(map(add, vector, cost)), label, arc)
    return {vector: known[vector] for vector in front.vectors}


class _Front:
    """Vectors of which none beats or equals another, up to a tolerance."""

    def __init__(self, slack: tuple[float, ...]) -> None:
        self.slack = slack
        self.vectors: list[tuple[float, ...]] = []

    def beats(self, vector: tuple[float, ...]) -> bool:
        """Tell whether a vector of the front beats or equals this one."""
        limit = tuple(map(add, vector, self.slack))
        return any(all(map(le, own, limit)) for own in self.vectors)

    def add(self, vector: tuple[float, ...]) -> bool:
        """Add a vector and drop those it beats; False where the front beats or equals it."""
        if self.beats(vector):
            return False
        self.vectors = [own for own in self.vectors if not all(map(le, vector, own))]
        self.vectors.append(vector)
        return True


def _trace(labels: list[tuple[int, int]], label: int) -> list[int]:
    arcs = []
    while label >= 0:
        label, arc = labels[label]
        if arc >= 0:
            arcs.append(arc)
    return arcs[::-1]


def _sum(criteria: np.ndarray, arcs: Sequence[int]) -> tuple[float, ...]:
    """Return the criteria of a route, summed in travel order as labels are."""
    vector = (0.0,) * len(criteria)
    for arc in arcs:
        vector = tuple(map(add, vector, criteria[:, arc].tolist()))
    return vector
