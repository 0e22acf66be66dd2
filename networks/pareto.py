"""All routes that nothing beats in every criterion: the exact Pareto front, by label setting.

A label is the sums of the criteria from the source to a node. Labels that another label of the node
beats or equals are dropped, and so are those from which no new vector of the front can come: the
rest of the way costs at least its shortest path under every weighting of the criteria (reverse
shortest path trees), and what known routes leave open is the union of boxes below a few corners
(local upper bounds: Klamroth, Lacour, Vanderpooten 2015). A label that some weighting keeps out of
every box is hopeless. Nothing is rounded; vectors that differ by less than `TOLERANCE` of the best
value count as equal, and of equal routes one is kept.
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
_STEPS = 5  # weightings: a grid of this many steps over the shares of the criteria
_FAR = 1e30  # upper bound of what is not bounded; infinity times zero would be NaN
Vector = tuple[float, ...]


def pareto_routes(
    network: Network,
    mask: np.ndarray,
    goods: Goods,
    source: int | Iterable[int],
    target: int | Iterable[int],
    criteria: Sequence[By] = ("cost", "hours", "co2"),
) -> list[list[int]]:
    """Return the routes of the complete Pareto front, ordered by the first criterion.

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
    best = rest[:, list(sources)].min(axis=1)
    if not np.isfinite(best).all():
        return []
    search = _Search(finder, criteria, sources, targets, best)
    gone = np.array([finder.tree(w, sources).dist for w in criteria])
    search.keep(gone[:, network.tail] + criteria + rest[:, network.head])
    return search.run()


class _Front:
    """Vectors of which none beats or equals another, up to a tolerance."""

    def __init__(self, slack: Vector) -> None:
        self.slack = slack
        self.vectors: list[Vector] = []

    def add(self, vector: Vector) -> bool:
        """Add a vector and drop those it beats; False where the front beats or equals it."""
        limit = tuple(map(add, vector, self.slack))
        vectors = self.vectors
        for i, own in enumerate(vectors):
            if all(map(le, own, limit)):
                vectors[0], vectors[i] = own, vectors[0]  # what beats one often beats the next
                return False
        self.vectors = [own for own in vectors if not all(map(le, vector, own))]
        self.vectors.append(vector)
        return True


class _Corners:
    """The boxes that known vectors leave open: every unbeaten vector lies below a corner."""

    def __init__(self, weightings: np.ndarray, slack: np.ndarray) -> None:
        self.weightings, self.slack = weightings, slack
        self.corners = np.full((1, weightings.shape[1]), _FAR)
        self.worth = weightings @ self.corners.T  # [weighting, corner]

    def add(self, vector: Vector) -> None:
        """Close what the vector beats or equals."""
        point = np.array(vector) - self.slack
        above = (point < self.corners).all(axis=1)
        if not above.any():
            return
        parts = [self.corners[~above]]
        for criterion in range(len(point)):
            lowered = self.corners[above].copy()
            lowered[:, criterion] = point[criterion]
            parts.append(lowered)
        corners = np.unique(np.concatenate(parts), axis=0)
        below = (corners[:, None, :] <= corners[None, :, :]).all(axis=2)
        self.corners = corners[below.sum(axis=1) == 1]  # below no corner but itself
        self.worth = self.weightings @ self.corners.T

    def hope(self, bounds: np.ndarray) -> np.ndarray:
        """Tell for rows of lower bounds, one per weighting, whether some box is in reach."""
        return (bounds[:, :, None] < self.worth[None, :, :]).all(axis=1).any(axis=1)


class _Search:
    """Label setting from the sources to the targets."""

    def __init__(
        self,
        finder: PathFinder,
        criteria: np.ndarray,
        sources: Sequence[int],
        targets: Sequence[int],
        best: np.ndarray,
    ) -> None:
        self.network, self.criteria = finder.network, criteria
        self.sources, self.targets = sources, set(targets)
        slack = TOLERANCE * np.maximum(1.0, best)
        self.slack: Vector = tuple(slack.tolist())
        self.weightings = _weightings(best)
        self.corners = _Corners(self.weightings, slack)
        trees = [finder.tree(w @ criteria, targets, reverse=True) for w in self.weightings]
        self.rest = np.array([tree.dist for tree in trees]).T  # [node, weighting]
        self.known: dict[Vector, list[int]] = {}
        for tree in trees:  # the best route of each weighting, to prune with from the start
            arcs = finder.path(tree, min(sources, key=tree.dist.__getitem__))
            vector = (0.0,) * len(criteria)
            for arc in arcs:  # summed in travel order, as labels are
                vector = tuple(map(add, vector, criteria[:, arc].tolist()))
            self._found(vector, arcs)
        self.outgoing: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self.arcs = np.flatnonzero(finder.mask)

    def keep(self, ideal: np.ndarray) -> None:
        """Keep the arcs worth a label, given the least of each criterion on routes over them."""
        usable = self.arcs[np.isfinite(ideal[:, self.arcs]).all(axis=0)]
        usable = usable[self.corners.hope(ideal[:, usable].T @ self.weightings.T)]
        usable = usable[np.argsort(self.network.tail[usable], kind="stable")]
        tails, first = np.unique(self.network.tail[usable], return_index=True)
        for node, arcs in zip(tails.tolist(), np.split(usable, first)[1:], strict=True):
            rest = self.rest[self.network.head[arcs]]
            self.outgoing[node] = (arcs, self.criteria[:, arcs].T, rest)

    def _found(self, vector: Vector, arcs: list[int]) -> None:
        if vector not in self.known:
            self.known[vector] = arcs
            self.corners.add(vector)

    def run(self) -> list[list[int]]:
        """Return the routes of the front, ordered by their vectors."""
        head = self.network.head.tolist()
        middle = len(self.weightings) - 1  # the even weighting orders the labels
        zero = (0.0,) * len(self.criteria)
        labels: list[tuple[int, int]] = []  # label before, arc
        fronts: dict[int, _Front] = {}
        heap: list[tuple[float, int, int, Vector]] = []

        def push(order: float, node: int, vector: Vector, before: int, arc: int) -> None:
            if node not in fronts:
                fronts[node] = _Front(self.slack)
            if not fronts[node].add(vector):
                return
            labels.append((before, arc))
            if len(labels) > MOST_LABELS:
                raise InstanceError(
                    f"the Pareto front needs more than {MOST_LABELS} partial routes: use fewer "
                    "criteria, or close places and modes that are out of the question"
                )
            heapq.heappush(heap, (order, len(labels) - 1, node, vector))

        for source in self.sources:
            push(0.0, source, zero, -1, -1)
        while heap:
            _, label, node, vector = heapq.heappop(heap)
            if vector not in fronts[node].vectors:
                continue  # beaten since it was pushed
            if node in self.targets:
                self._found(vector, _trace(labels, label))
                continue
            if node not in self.outgoing:
                continue
            arcs, costs, rest = self.outgoing[node]
            vectors = costs + vector
            bounds = vectors @ self.weightings.T + rest
            for i in np.flatnonzero(self.corners.hope(bounds)).tolist():
                arc = int(arcs[i])
                push(float(bounds[i, middle]), head[arc], tuple(vectors[i].tolist()), label, arc)
        front = _Front(self.slack)
        for vector in sorted(self.known):
            front.add(vector)
        return [self.known[vector] for vector in sorted(front.vectors)]


def _weightings(best: np.ndarray) -> np.ndarray:
    """Return weights of the criteria to bound and seed with, each criterion in its own scale.

    A grid over the shares, corners (one criterion alone) included; the last row weighs all evenly.
    """
    steps = itertools.product(range(_STEPS + 1), repeat=len(best))
    grid = [mix for mix in steps if sum(mix) == _STEPS]
    shares = np.array([*grid, (1.0,) * len(best)], dtype=float)
    return shares / np.where(best > 0, best, 1.0)


def _trace(labels: list[tuple[int, int]], label: int) -> list[int]:
    arcs = []
    while label >= 0:
        label, arc = labels[label]
        if arc >= 0:
            arcs.append(arc)
    return arcs[::-1]
