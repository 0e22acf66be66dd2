"""Least generalised cost of goods over the expanded network, by scipy's shortest paths."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford, dijkstra

from instances.schema import GATE, REGIMES
from optimizer.plan.verify.arcs import Network, Node
from optimizer.plan.verify.goods import Goods, GoodsBook, Kind, Profile


class EndlessRouteError(Exception):
    """Subsidies make a round trip profitable, so no route is the cheapest."""


# profile, far gate, inbound, goods key where it has costs of its own ('' else)
Tree = tuple[Profile, Node, bool, str]
UNSEEN, LOCAL_GOODS = -2, -1  # no tree yet, and none needed
_REGIME = {name: k for k, name in enumerate(REGIMES)}


class _Shape:
    """Arcs sorted by (from, to); of parallel arcs only the cheapest counts, goods by goods."""

    def __init__(self, tail: np.ndarray, head: np.ndarray, n_nodes: int) -> None:
        self.order = np.lexsort((head, tail))
        tail, head = tail[self.order], head[self.order]
        new = np.ones(len(tail), dtype=bool)
        new[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        self.starts = np.flatnonzero(new)
        self.columns = head[new].astype(np.int32)
        self.row_starts = np.searchsorted(tail[new], np.arange(n_nodes + 1)).astype(np.int32)
        self.n_nodes = n_nodes

    def graph(self, cost: np.ndarray) -> csr_matrix:
        least = np.minimum.reduceat(cost[self.order], self.starts) if len(self.starts) else cost[:0]
        shape = (self.n_nodes, self.n_nodes)
        return csr_matrix((least, self.columns, self.row_starts), shape=shape)

    def passed(self, cost: np.ndarray, marks: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the marks of the arcs on the way to each node, trees x nodes, all bits together.

        ``before`` holds the node before each node. Of parallel arcs that cost the least, all count.
        """
        cost, marks = cost[self.order], marks[self.order]
        lengths = np.diff(np.append(self.starts, len(cost)))
        is_least = cost <= np.repeat(np.minimum.reduceat(cost, self.starts), lengths)
        of_edge = np.bitwise_or.reduceat(np.where(is_least, marks, 0), self.starts)
        tails = np.repeat(np.arange(self.n_nodes), np.diff(self.row_starts))
        keys = tails.astype(np.int64) * self.n_nodes + self.columns
        nodes = np.arange(self.n_nodes)
        has = before >= 0
        back = np.where(has, before, nodes).astype(np.int64)
        edge = np.searchsorted(keys, back * self.n_nodes + nodes)
        found = np.where(has, of_edge[np.minimum(edge, len(keys) - 1)], 0)
        while True:  # twice as far back each time
            further = np.take_along_axis(back, back, axis=1)
            found |= np.take_along_axis(found, back, axis=1)
            if np.array_equal(further, back):
                return found
            back = further


@dataclass(slots=True)
class _Table:
    """The kinds of goods of a form and industry: TEU per mcny, and tree, its row and regime."""

    teu: np.ndarray
    trees: list[Tree | None]
    rows: np.ndarray
    regimes: np.ndarray


class Routes:
    """Least costs over the arcs that ``usable`` marks, ``surcharge`` CNY per TEU added by arc.

    ``own`` holds what single goods pay on top, by goods key and arc, CNY per TEU. ``hosts`` are
    the places that goods go to or come from; what is kept of each tree are the gates of these.
    ``marks`` are bits by arc: `passed` says which of them are met on the cheapest way.

    ``whole`` are routes over these arcs and some more, with all else the same. Taking an arc away
    makes nothing cheaper, so a tree of theirs still holds where no way to a host uses such an arc;
    only the others are searched again.
    """

    def __init__(
        self,
        network: Network,
        goods: GoodsBook,
        usable: np.ndarray,
        surcharge: np.ndarray | None = None,
        own: Mapping[str, np.ndarray] | None = None,
        *,
        hosts: Sequence[str] | None = None,
        marks: np.ndarray | None = None,
        whole: Routes | None = None,
    ) -> None:
        self._goods = goods
        self._whole, self._usable = whole, usable
        arcs = [network.arcs[n] for n in np.flatnonzero(usable).tolist()]
        nodes = dict.fromkeys(node for arc in arcs for node in (arc.tail, arc.head))
        self._node: dict[Node, int] = {node: n for n, node in enumerate(nodes)}
        self._features = network.features[usable]
        self._surcharge = np.zeros(len(arcs)) if surcharge is None else surcharge[usable]
        self._own = {key: extra[usable] for key, extra in (own or {}).items()}
        tail = np.array([self._node[arc.tail] for arc in arcs], dtype=np.int64)
        head = np.array([self._node[arc.head] for arc in arcs], dtype=np.int64)
        self._forward = _Shape(tail, head, len(self._node))
        self._backward = _Shape(head, tail, len(self._node))
        places = network.facts.host_places if hosts is None else hosts
        self._place = {place: len(REGIMES) * n for n, place in enumerate(places)}
        near = [self._node.get((p, GATE, r), -1) for p in places for r in REGIMES]
        self._near = np.array(near, dtype=np.int64)
        self._marks = None if marks is None else marks[usable]
        self._lock = threading.Lock()
        self._row: dict[Tree, int] = {}
        self._least = np.zeros((0, len(near)))  # by tree and gate of a host, CNY per TEU
        self._passed = np.zeros((0, len(near)), dtype=np.int64)  # marks on the way
        self._before = np.zeros((0, len(nodes)), dtype=np.int32)  # by tree and node, for `whole`
        self._table: dict[tuple[str, str, bool], _Table] = {}
        self.avoiding: dict[Hashable, np.ndarray] = {}  # what `Passages` found out with these
        self._gone: tuple[np.ndarray, np.ndarray] | None = None  # ends of arcs that `whole` has
        if whole is not None:
            missing = np.flatnonzero(whole._usable & ~usable).tolist()
            ends = [
                (whole._node[a.tail], whole._node[a.head])
                for a in map(network.arcs.__getitem__, missing)
            ]
            self._gone = tuple(np.array(ends, dtype=np.int64).reshape(-1, 2).T)  # type: ignore[assignment]

    def cost(self, goods: Goods) -> float:
        """Return the least generalised cost in CNY per TEU; inf where there is no route.

        Raises
        ------
        EndlessRouteError
            If a round trip costs less than nothing.
        """
        far, near = (goods.tail, goods.head) if goods.inbound else (goods.head, goods.tail)
        if far is None or near is None or far == near:
            return 0.0 if far == near else math.inf
        own = goods.key if goods.key in self._own else ""
        tree = (goods.profile, far, goods.inbound, own)
        self._grow([tree])
        return float(self._least[self._row[tree], self._place[near[0]] + _REGIME[near[2]]])

    def costs(
        self, host_place: str, form_id: str, industry_id: str, which: Sequence[int] | None = None
    ) -> np.ndarray:
        """Return the least cost of (some) `GoodsBook.kinds`, CNY per TEU; 0 for `@local`."""
        rows, gates = self._places_of(host_place, form_id, industry_id, which)
        return self._look_up(self._least, rows, gates)

    def passed(
        self, host_place: str, form_id: str, industry_id: str, which: Sequence[int] | None = None
    ) -> np.ndarray:
        """Return the marks on the cheapest way of (some) `GoodsBook.kinds`, bits."""
        rows, gates = self._places_of(host_place, form_id, industry_id, which)
        return self._look_up(self._passed, rows, gates)

    @staticmethod
    def _look_up(table: np.ndarray, rows: np.ndarray, gates: np.ndarray) -> np.ndarray:
        """Return entries of a table; 0 for local goods, also where no tree was ever needed."""
        found = np.zeros(len(rows), dtype=table.dtype)
        away = rows != LOCAL_GOODS
        found[away] = table[rows[away], np.broadcast_to(gates, rows.shape)[away]]
        return found

    def _places_of(
        self, host_place: str, form_id: str, industry_id: str, which: Sequence[int] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return tree and gate of the host of each of these kinds; trees are found if need be."""
        in_china = self._goods.facts.in_china(host_place)
        table = self._table_of(form_id, industry_id, in_china)
        wanted = np.arange(len(table.teu)) if which is None else np.array(which, dtype=np.int64)
        rows = table.rows[wanted]
        if (rows == UNSEEN).any():
            trees = [(n, table.trees[n]) for n in wanted[rows == UNSEEN].tolist()]
            self._grow([tree for _, tree in trees if tree is not None])
            for n, tree in trees:
                table.rows[n] = LOCAL_GOODS if tree is None else self._row[tree]
            rows = table.rows[wanted]
        return rows, self._place[host_place] + table.regimes[wanted]

    def cost_per_mcny(self, host_place: str, form_id: str, industry_id: str) -> float:
        """Return the least cost of all goods of one million CNY of output, in CNY."""
        costs = self.costs(host_place, form_id, industry_id)
        in_china = self._goods.facts.in_china(host_place)
        teu = self._table_of(form_id, industry_id, in_china).teu
        return math.fsum((teu * costs).tolist())

    def _table_of(self, form_id: str, industry_id: str, in_china: bool) -> _Table:
        key = (form_id, industry_id, in_china)
        if key not in self._table:
            kinds = self._goods.kinds(*key)
            self._table[key] = _Table(
                teu=np.array([kind.teu_per_mcny for kind in kinds]),
                trees=[self._tree_of(kind) for kind in kinds],
                rows=np.full(len(kinds), UNSEEN),
                regimes=np.array([_REGIME.get(k.regime, 0) for k in kinds], dtype=np.int64),
            )
        return self._table[key]

    def _tree_of(self, kind: Kind) -> Tree | None:
        if kind.far is None:
            return None
        return (kind.profile, kind.far, kind.inbound, kind.key if kind.key in self._own else "")

    def _grow(self, trees: list[Tree]) -> None:
        """Find the shortest paths of these trees; those on one graph are found together."""
        with self._lock:
            by_graph: dict[tuple[Profile, bool, str], list[Tree]] = {}
            for tree in dict.fromkeys(trees):
                if tree not in self._row:
                    by_graph.setdefault((tree[0], tree[2], tree[3]), []).append(tree)
            if not by_graph:
                return
            found = [self._found(*key, wanted) for key, wanted in by_graph.items()]
            self._least = np.concatenate([self._least, *(block[0] for block in found)])
            self._passed = np.concatenate([self._passed, *(block[1] for block in found)])
            if self._whole is None:
                self._before = np.concatenate([self._before, *(block[2] for block in found)])
            for wanted in by_graph.values():
                for tree in wanted:
                    self._row[tree] = len(self._row)

    def _found(
        self, profile: Profile, inbound: bool, own: str, wanted: list[Tree]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `_block` returns; what ``whole`` has and no missing arc changes is copied."""
        if self._whole is None:
            return self._block(profile, inbound, own, wanted)
        try:
            self._whole._grow(wanted)
        except EndlessRouteError:  # what is missing here may be what makes a round trip pay
            return self._block(profile, inbound, own, wanted)
        rows = np.array([self._whole._row[tree] for tree in wanted])
        least, marks = self._whole._least[rows], self._whole._passed[rows]
        changed = np.flatnonzero(self._is_changed(rows, inbound))
        if len(changed):
            trees = [wanted[k] for k in changed.tolist()]
            least[changed], marks[changed], _ = self._block(profile, inbound, own, trees)
        return least, marks, self._before

    def _is_changed(self, rows: np.ndarray, inbound: bool) -> np.ndarray:
        """Return which trees of ``whole`` have a missing arc on the way to some host."""
        assert self._whole is not None
        assert self._gone is not None
        near, far = self._gone if inbound else self._gone[::-1]
        before = self._whole._before[rows]
        uses = before[:, far] == near  # also where another arc between the two is as cheap
        suspects = np.flatnonzero(uses.any(axis=1))
        changed = np.zeros(len(rows), dtype=bool)
        if len(suspects):
            on_way = _on_way(before[suspects], self._whole._near)
            changed[suspects] = (uses[suspects] & on_way[:, far]).any(axis=1)
        return changed

    def _block(
        self, profile: Profile, inbound: bool, own: str, wanted: list[Tree]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return least costs and marks of trees on one graph, each trees x gates of hosts.

        Also the node before each node.
        """
        least = np.full((len(wanted), len(self._near)), math.inf)
        marks = np.zeros(least.shape, dtype=np.int64)
        earlier = np.full((len(wanted), len(self._node)), -1, dtype=np.int32)
        starts = [self._node.get(tree[1], -1) for tree in wanted]
        known = [k for k, start in enumerate(starts) if start >= 0]
        if known:
            cost = self._features @ self._goods.generalised(profile) + self._surcharge
            if own:
                cost = cost + self._own[own]
            shape = self._forward if inbound else self._backward
            found, before = self._least_from(shape.graph(cost), [starts[k] for k in known])
            earlier[known] = before
            least[known] = np.where(self._near >= 0, found[:, self._near], math.inf)
            if self._marks is not None and self._marks.any():
                passed = shape.passed(cost, self._marks, before)
                marks[known] = np.where(self._near >= 0, passed[:, self._near], 0)
        for k, tree in enumerate(wanted):
            place = self._place.get(tree[1][0])
            if place is not None and tree[1][1] == GATE:  # nothing travels: it costs nothing
                least[k, place + _REGIME[tree[1][2]]] = 0.0
                marks[k, place + _REGIME[tree[1][2]]] = 0
        return least, marks, earlier

    def _least_from(self, graph: csr_matrix, starts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return costs to all nodes and the node before each (negative: none), by start."""
        search = dijkstra if not graph.nnz or graph.data.min() >= 0 else bellman_ford
        try:
            least, before = search(graph, indices=starts, return_predecessors=True)
        except NegativeCycleError as error:
            raise EndlessRouteError("a round trip costs less than nothing") from error
        return np.atleast_2d(least), np.atleast_2d(before)


def _on_way(before: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return which nodes are on the way to one of ``ends`` (-1: none), trees x nodes.

    Examples
    --------
    Node 0 starts, 1 and 2 follow it, 3 follows 2; only 2 is asked for.

    >>> _on_way(np.array([[-1, 0, 0, 2]]), np.array([2, -1])).tolist()
    [[True, False, True, False]]
    """
    before = np.where(before < 0, -1, before)
    n_trees, n_nodes = before.shape
    flat = before.ravel()
    seen = np.zeros(flat.size, dtype=bool)
    mark = np.zeros(flat.size, dtype=np.int64)
    own = (np.arange(n_trees) * n_nodes)[:, None]
    here = (own + ends[ends >= 0][None, :]).ravel()
    while len(here):
        here = here[~seen[here]]
        number = np.arange(len(here))
        mark[here] = number
        here = here[mark[here] == number]  # each once
        seen[here] = True
        back = flat[here]
        has = back >= 0
        here = here[has] - here[has] % n_nodes + back[has]
    return seen.reshape(n_trees, n_nodes)


def usable_today(network: Network, closed: tuple[str, ...]) -> np.ndarray:
    """Return which arcs the goods of rivals and of what stays may use: the network of today."""
    today = network.running_today()
    return np.array(
        [not network.why_unusable(arc, (), today, closed) for arc in network.arcs], dtype=bool
    )


def usable_ever(network: Network, closed: tuple[str, ...]) -> np.ndarray:
    """Return which arcs some plan could use: whatever projects may open and services may run."""
    facts = network.facts
    projects = {p for p, row in facts.project.items() if row["status"] != "forbidden"}
    services = possible_services(network, closed) | network.running_today()
    return np.array(
        [not network.why_unusable(arc, projects, services, closed) for arc in network.arcs],
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
