"""Least generalised cost of goods over the expanded network, by scipy's shortest paths."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford, dijkstra

from optimizer.plan.verify.arcs import Network, Node
from optimizer.plan.verify.goods import Goods, GoodsBook, Profile


class EndlessRouteError(Exception):
    """Subsidies make a round trip profitable, so no route is the cheapest."""


class _Shape:
    """Arcs sorted by (from, to); of parallel arcs only the cheapest counts, goods by goods."""

    def __init__(self, tail: np.ndarray, head: np.ndarray, n_nodes: int) -> None:
        self.order = np.lexsort((head, tail))
        tail, head = tail[self.order], head[self.order]
        new = np.ones(len(tail), dtype=bool)
        new[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        self.starts = np.flatnonzero(new)
        self.columns = head[new]
        self.row_starts = np.searchsorted(tail[new], np.arange(n_nodes + 1))
        self.n_nodes = n_nodes

    def graph(self, cost: np.ndarray) -> csr_matrix:
        least = np.minimum.reduceat(cost[self.order], self.starts) if len(self.starts) else cost[:0]
        shape = (self.n_nodes, self.n_nodes)
        return csr_matrix((least, self.columns, self.row_starts), shape=shape)


class Routes:
    """Least costs over the arcs that ``usable`` marks, ``surcharge`` CNY per TEU added by arc.

    ``own`` holds what single goods pay on top, by goods key and arc, CNY per TEU.
    """

    def __init__(
        self,
        network: Network,
        goods: GoodsBook,
        usable: np.ndarray,
        surcharge: np.ndarray | None = None,
        own: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._goods = goods
        arcs = [arc for arc, good in zip(network.arc.values(), usable, strict=True) if good]
        nodes = dict.fromkeys(node for arc in arcs for node in (arc.tail, arc.head))
        self._node: dict[Node, int] = {node: n for n, node in enumerate(nodes)}
        self._features = network.features[usable]
        self._surcharge = np.zeros(len(arcs)) if surcharge is None else surcharge[usable]
        self._own = {key: extra[usable] for key, extra in (own or {}).items()}
        tail = np.array([self._node[arc.tail] for arc in arcs], dtype=np.int64)
        head = np.array([self._node[arc.head] for arc in arcs], dtype=np.int64)
        self._forward = _Shape(tail, head, len(self._node))
        self._backward = _Shape(head, tail, len(self._node))
        self._graph: dict[tuple[Profile, bool], csr_matrix] = {}
        self._tree: dict[tuple[Profile, Node, bool, str], np.ndarray] = {}

    def cost(self, goods: Goods) -> float:
        """Return the least generalised cost in CNY per TEU; inf where there is no route.

        Raises
        ------
        EndlessRouteError
            If a round trip costs less than nothing.
        """
        if goods.tail == goods.head:
            return 0.0
        far, near = (goods.tail, goods.head) if goods.inbound else (goods.head, goods.tail)
        if far is None or near is None or far not in self._node or near not in self._node:
            return math.inf
        own = goods.key if goods.key in self._own else ""
        key = (goods.profile, far, goods.inbound, own)
        if key not in self._tree:
            self._tree[key] = self._least(goods.profile, far, own, inbound=goods.inbound)
        return float(self._tree[key][self._node[near]])

    def cost_per_mcny(self, goods: dict[str, Goods]) -> float:
        """Return the least cost of all goods of one million CNY of output, in CNY."""
        return math.fsum(g.teu_per_mcny * self.cost(g) for g in goods.values())

    def _costs(self, profile: Profile, own: str, *, inbound: bool) -> csr_matrix:
        key = (profile, inbound)
        if not own and key in self._graph:
            return self._graph[key]
        cost = self._features @ self._goods.generalised(profile) + self._surcharge
        shape = self._forward if inbound else self._backward
        if own:  # of one goods key, and used once or twice: not kept
            return shape.graph(cost + self._own[own])
        return self._graph.setdefault(key, shape.graph(cost))

    def _least(self, profile: Profile, far: Node, own: str, *, inbound: bool) -> np.ndarray:
        graph = self._costs(profile, own, inbound=inbound)
        start = self._node[far]
        if not graph.nnz or graph.data.min() >= 0:
            return dijkstra(graph, indices=start)
        try:
            return bellman_ford(graph, indices=start)
        except NegativeCycleError as error:
            raise EndlessRouteError("a round trip costs less than nothing") from error


def usable_today(network: Network, closed: tuple[str, ...]) -> np.ndarray:
    """Return which arcs the goods of rivals and of what stays may use: the network of today."""
    today = network.running_today()
    return np.array(
        [not network.why_unusable(arc, (), today, closed) for arc in network.arc.values()],
        dtype=bool,
    )


def usable_ever(network: Network, closed: tuple[str, ...]) -> np.ndarray:
    """Return which arcs some plan could use: whatever projects may open and services may run."""
    facts = network.facts
    projects = {p for p, row in facts.project.items() if row["status"] != "forbidden"}
    services = possible_services(network, closed) | network.running_today()
    return np.array(
        [not network.why_unusable(arc, projects, services, closed) for arc in network.arc.values()],
        dtype=bool,
    )


def possible_services(network: Network, closed: tuple[str, ...]) -> set[str]:
    """Return the services, not running today, that a plan could decide to run."""
    facts = network.facts
    projects = {p for p, row in facts.project.items() if row["status"] != "forbidden"}
    possible = set()
    for service_id in set(facts.service) - network.running_today() - set(closed):
        openers = facts.openers.get(("opens_service", service_id), [])
        if not openers or projects.intersection(openers):
            possible.add(service_id)
    return possible
