"""Shortest paths over the arcs of a network: one structure, many weights.

The structure (which arcs, in which order, which are parallel) is prepared once; every tree then
costs one pass over the weights and one run of SciPy's Dijkstra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from instances.errors import InstanceError
from networks.network import Network

Sources = int | Sequence[int] | np.ndarray | Mapping[int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Shortest distances from (``reverse``: to) the sources, and the arc each node uses.

    ``dist`` is inf where there is no path; ``via_arc`` is -1 there and at the sources. In a reverse
    tree ``via_arc`` is the first arc of the path that starts at the node.
    """

    dist: np.ndarray  # float64 by node
    via_arc: np.ndarray  # int32 by node
    reverse: bool


class PathFinder:
    """Shortest path trees over the arcs that ``mask`` allows, for any weights per arc."""

    def __init__(self, network: Network, mask: np.ndarray | None = None) -> None:
        self.network = network
        self.mask = np.ones(network.n_arcs, dtype=bool) if mask is None else np.asarray(mask, bool)
        if self.mask.shape != (network.n_arcs,):
            raise ValueError(f"mask has shape {self.mask.shape}, not ({network.n_arcs},)")
        usable = np.flatnonzero(self.mask & (network.tail != network.head))
        self._sides = {
            reverse: _Side(network, usable, reverse=reverse) for reverse in (False, True)
        }

    def tree(self, weights: np.ndarray, sources: Sources, reverse: bool = False) -> Tree:
        """Return the shortest path tree from the sources (``reverse``: to them).

        Parameters
        ----------
        weights
            One number per arc of the network, >= 0 and finite on the arcs the mask allows. Else
            `InstanceError` names the arc: a negative weight would make Dijkstra's answer wrong.
        sources
            A node, several nodes, or the distance to start with by node.
        reverse
            True: paths that end at the sources.
        """
        return self._sides[reverse].tree(np.asarray(weights, dtype=np.float64), _offsets(sources))

    def path(self, tree: Tree, node: int) -> list[int]:
        """Return the arcs of the tree's path from or to a node, in travel order.

        Empty at a source; `ValueError` where there is no path.
        """
        if not np.isfinite(tree.dist[node]):
            raise ValueError(f"no path reaches node {self.network.node_keys[node]}")
        ends = self.network.head if tree.reverse else self.network.tail
        arcs = []
        while (arc := int(tree.via_arc[node])) >= 0:
            arcs.append(arc)
            node = int(ends[arc])
        return arcs if tree.reverse else arcs[::-1]


class _Side:
    """The arcs in compressed rows for one direction, parallel arcs together."""

    def __init__(self, network: Network, usable: np.ndarray, *, reverse: bool) -> None:
        tail, head = (network.head, network.tail) if reverse else (network.tail, network.head)
        self.network, self.reverse, n = network, reverse, network.n_nodes
        pair = tail[usable].astype(np.int64) * n + head[usable]
        order = np.argsort(pair, kind="stable")
        self.arcs = usable[order].astype(np.int32)
        first = np.ones(len(order), dtype=bool)
        first[1:] = np.diff(pair[order]) > 0
        self.first = np.flatnonzero(first)  # position in arcs where each pair of nodes begins
        self.pair = pair[order][first]
        rows = (self.pair // n).astype(np.int64) if len(self.pair) else np.zeros(0, dtype=np.int64)
        self.indices = (self.pair % n).astype(np.int32)
        self.indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int32)
        sizes = np.diff(np.append(self.first, len(self.arcs)))
        self.multiple = np.flatnonzero(sizes > 1)  # pairs with parallel arcs
        self.members = [self.arcs[self.first[p] : self.first[p] + sizes[p]] for p in self.multiple]
        self._starts = np.concatenate([[0], np.cumsum([len(m) for m in self.members])])[:-1]
        self._parallel = np.concatenate([np.zeros(0, np.int32), *self.members]).astype(np.int32)
        self._owner = np.repeat(np.arange(len(self.multiple)), sizes[self.multiple])

    def tree(self, weights: np.ndarray, offsets: Mapping[int, float]) -> Tree:
        self._check(weights)
        best = self.arcs[self.first]  # one arc per pair of nodes: the cheapest, the first of equals
        if len(self.multiple):
            costs = weights[self._parallel]
            least = np.minimum.reduceat(costs, self._starts)
            winners = np.flatnonzero(costs == least[self._owner])[::-1]
            best[self.multiple[self._owner[winners]]] = self._parallel[winners]
        dist, before = self._dijkstra(weights[best], offsets)
        via = np.full(self.network.n_nodes, -1, dtype=np.int32)
        reached = np.flatnonzero(before >= 0)
        pair = before[reached].astype(np.int64) * self.network.n_nodes + reached
        via[reached] = best[np.searchsorted(self.pair, pair)]
        return Tree(dist, via, self.reverse)

    def _dijkstra(
        self, data: np.ndarray, offsets: Mapping[int, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return distance and node before, -1 where none. Stored zeros are arcs of weight zero."""
        n = self.network.n_nodes
        if len(offsets) == 1:
            ((source, offset),) = offsets.items()
            graph = csr_array((data, self.indices, self.indptr), shape=(n, n))
            dist, before = dijkstra(graph, indices=source, return_predecessors=True)
            return dist + offset, before
        ends = np.array(sorted(offsets), dtype=np.int32)  # a node of its own stands for the sources
        graph = csr_array(
            (
                np.append(data, [offsets[int(e)] for e in ends]),
                np.append(self.indices, ends),
                np.append(self.indptr, self.indptr[-1] + len(ends)).astype(np.int32),
            ),
            shape=(n + 1, n + 1),
        )
        dist, before = dijkstra(graph, indices=n, return_predecessors=True)
        dist, before = dist[:n], before[:n]
        return dist, np.where(before == n, -1, before)

    def _check(self, weights: np.ndarray) -> None:
        if weights.shape != (self.network.n_arcs,):
            raise ValueError(f"weights have shape {weights.shape}, not ({self.network.n_arcs},)")
        used = weights[self.arcs]
        bad = ~((used >= 0) & (used < np.inf))
        if bad.any():
            arc = int(self.arcs[np.argmax(bad)])
            hint = " Its subsidy exceeds its cost." if weights[arc] < 0 else ""
            raise InstanceError(
                f"arc {self.network.arc_keys[arc]}: its weight is {weights[arc]}; routes need "
                f"finite weights >= 0.{hint}"
            )


def _offsets(sources: Sources) -> dict[int, float]:
    if isinstance(sources, Mapping):
        offsets = {int(node): float(offset) for node, offset in sources.items()}
    else:
        offsets = {int(node): 0.0 for node in np.atleast_1d(sources)}
    if not offsets or any(not (0 <= o < np.inf) for o in offsets.values()):
        raise ValueError("a tree needs at least one source, each with a finite offset >= 0")
    return offsets


def unsure_nodes(
    tree: Tree, network: Network, arcs: np.ndarray, weights: np.ndarray, mask: np.ndarray
) -> np.ndarray | None:
    """Return which nodes (bool) may have lost their shortest path; None: any may have a better one.

    Nodes whose distance is nan (unsure from an earlier change) stay so.

    Parameters
    ----------
    arcs
        The arcs at which weights or mask differ from those that the tree was made with.
    weights, mask
        The new ones, over all arcs.
    """
    ends = (network.tail, network.head) if tree.reverse else (network.head, network.tail)
    child, parent = ends[0][arcs], ends[1][arcs]
    length = np.where(mask[arcs], weights[arcs], np.inf)
    through = tree.dist[parent] + length
    unknown = np.isnan(tree.dist[parent]) | np.isnan(tree.dist[child])
    if (through < tree.dist[child]).any() or (unknown & np.isfinite(length)).any():
        return None
    lost = (tree.via_arc[child] == arcs) & (through > tree.dist[child])
    unsure = np.isnan(tree.dist)
    unsure[child[lost]] = True
    if not lost.any():
        return unsure
    before = np.arange(network.n_nodes)  # of each node on its path; then 2, 4, 8, ... steps before
    reached = np.flatnonzero(tree.via_arc >= 0)
    before[reached] = ends[1][tree.via_arc[reached]]
    while True:
        unsure |= unsure[before]
        further = before[before]
        if (further == before).all():
            return unsure
        before = further


def shortest_tree(
    network: Network,
    weights: np.ndarray,
    mask: np.ndarray | None,
    sources: Sources,
    *,
    reverse: bool = False,
) -> Tree:
    """Return one shortest path tree; for many trees keep a `PathFinder`."""
    return PathFinder(network, mask).tree(weights, sources, reverse)
