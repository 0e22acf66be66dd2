"""A compiled network simplex for the transport problem under an open set, warm after each change.

Nodes: facilities 0..m-1, customers m..m+n-1, root m+n. The root feeds every facility (arc i,
capacity s_i, cost 0 when open and ``big`` when closed), facilities feed customers (arc m+n+a), and
the root can feed a customer directly at a price no plan would pay (arc m+j). Opening or closing
changes one cost, so the basis stays feasible and a move costs a few dozen pivots. Trees are kept
strongly feasible (the root can always send more down), which rules out cycling.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

Network = namedtuple("Network", "m n start facility cost capacity demand big")
# arc_cost: cost of the root's arc to each facility; at_upper: that arc is nonbasic and full
Basis = namedtuple(
    "Basis", "root_cost at_upper parent arc up depth child right left flow potential cursor"
)


def build_network(
    unit_cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    alpha: np.ndarray,
    nearest: int,
) -> Network:
    """Return the network with the ``nearest`` facilities per customer by cost + alpha, and by cost.

    Costs are per unit of demand; customers without demand are left without arcs.
    """
    m, n = unit_cost.shape
    safe = np.where(demand > 0, demand, 1.0)
    per_unit = unit_cost / safe
    if nearest >= m:
        keep = np.isfinite(per_unit)
    else:
        keep = np.zeros((m, n), bool)
        for priced in (per_unit + alpha[:, None], per_unit):  # inf stands last
            order = np.argpartition(priced, nearest - 1, axis=0)[:nearest]
            keep[order, np.arange(n)] = True
        keep &= np.isfinite(per_unit)
    keep[:, demand <= 0] = False
    customer, facility = np.nonzero(keep.T)
    start = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(customer, minlength=n), out=start[1:])
    cost = np.ascontiguousarray(per_unit[facility, customer])
    big = 100.0 * (float(cost.max()) if len(cost) else 1.0) + 1.0
    limit = np.minimum(capacity, demand.sum())
    return Network(m, n, start, facility.astype(np.int64), cost, limit, demand.copy(), big)


def empty_basis(network: Network) -> Basis:
    """Return the basis in which the root feeds every customer and all facilities are closed."""
    m, n = network.m, network.n
    size = m + n + 1
    basis = Basis(
        np.full(m, network.big),
        np.zeros(m, np.bool_),
        np.full(size, m + n),
        np.arange(size),
        np.zeros(size, np.bool_),
        np.ones(size, np.int64),
        np.full(size, -1),
        np.full(size, -1),
        np.full(size, -1),
        np.concatenate([np.zeros(m), network.demand, [0.0]]),
        np.zeros(size),
        np.zeros(1, np.int64),
    )
    basis.parent[m + n] = -1
    basis.child[m + n] = 0
    basis.right[: m + n - 1] = np.arange(1, m + n)
    basis.left[1 : m + n] = np.arange(m + n - 1)
    return basis


@njit(cache=True, nogil=True)
def copy_basis(source, target):
    """Overwrite ``target`` with ``source``."""
    target.root_cost[:] = source.root_cost
    target.at_upper[:] = source.at_upper
    target.parent[:] = source.parent
    target.arc[:] = source.arc
    target.up[:] = source.up
    target.depth[:] = source.depth
    target.child[:] = source.child
    target.right[:] = source.right
    target.left[:] = source.left
    target.flow[:] = source.flow
    target.potential[:] = source.potential
    target.cursor[0] = source.cursor[0]


@njit(cache=True, nogil=True)
def _arc_cost(net, basis, arc):
    if arc < net.m:
        return basis.root_cost[arc]
    if arc < net.m + net.n:
        return 2.0 * net.big
    return net.cost[arc - net.m - net.n]


@njit(cache=True, nogil=True)
def _refresh(net, basis):
    """Recompute potentials and depths from the root down."""
    root = net.m + net.n
    basis.potential[root] = 0.0
    basis.depth[root] = 0
    node = basis.child[root]
    while node != -1:
        above = basis.parent[node]
        cost = _arc_cost(net, basis, basis.arc[node])
        basis.depth[node] = basis.depth[above] + 1
        # reduced cost = cost + potential[tail] - potential[head] = 0 on the tree
        if basis.up[node]:
            basis.potential[node] = basis.potential[above] - cost
        else:
            basis.potential[node] = basis.potential[above] + cost
        node = _next(basis, node, root)


@njit(cache=True, nogil=True)
def _next(basis, node, top):
    """Return the next node of the subtree of ``top`` in preorder, or -1."""
    if basis.child[node] != -1:
        return basis.child[node]
    while node != top:
        if basis.right[node] != -1:
            return basis.right[node]
        node = basis.parent[node]
    return -1


@njit(cache=True, nogil=True)
def _detach(basis, node):
    above = basis.parent[node]
    if basis.left[node] == -1:
        basis.child[above] = basis.right[node]
    else:
        basis.right[basis.left[node]] = basis.right[node]
    if basis.right[node] != -1:
        basis.left[basis.right[node]] = basis.left[node]


@njit(cache=True, nogil=True)
def _attach(basis, node, above):
    first = basis.child[above]
    basis.left[node] = -1
    basis.right[node] = first
    if first != -1:
        basis.left[first] = node
    basis.child[above] = node
    basis.parent[node] = above


@njit(cache=True, nogil=True)
def _entering(net, basis, eps):
    """Return (arc, customer) with the most negative reduced cost of a block, or (-1, -1)."""
    m, n = net.m, net.n
    potential = basis.potential
    best = -eps
    found = -1
    customer = -1
    block = max(8, n // 12)
    seen = 0
    j = basis.cursor[0]
    for _ in range(n):
        at = potential[m + j]
        for a in range(net.start[j], net.start[j + 1]):
            reduced = net.cost[a] + potential[net.facility[a]] - at
            if reduced < best:
                best = reduced
                found = m + n + a
                customer = j
        j += 1
        seen += 1
        if j == n:
            j = 0
            for i in range(m):
                if basis.arc[i] == i and basis.parent[i] == m + n:
                    continue
                reduced = basis.root_cost[i] - potential[i]
                if basis.at_upper[i]:
                    reduced = -reduced
                if reduced < best and net.capacity[i] > 0.0:
                    best = reduced
                    found = i
                    customer = -1
        if found != -1 and seen >= block:
            break
    basis.cursor[0] = j
    return found, customer


@njit(cache=True, nogil=True)
def _pivot(net, basis, arc, customer):
    """Bring ``arc`` into the basis."""
    m, n = net.m, net.n
    root = m + n
    if arc < m:
        tail, head = root, arc
        limit = net.capacity[arc]
    else:
        tail, head = net.facility[arc - m - n], m + customer
        limit = np.inf
    backwards = arc < m and basis.at_upper[arc]
    first, second = (head, tail) if backwards else (tail, head)
    u, v = first, second
    delta = limit
    leaving = -1
    side = 0
    # Flow grows first -> second, up from second to the join, down from the join to first. Among
    # blocking arcs take the first met from the join on: the tree stays strongly feasible.
    out_first = -1
    best_first = np.inf
    best_second = np.inf
    out_second = -1
    while u != v:
        if basis.depth[u] >= basis.depth[v]:
            if basis.up[u]:
                room = basis.flow[u]
            else:
                room = net.capacity[basis.arc[u]] - basis.flow[u] if basis.arc[u] < m else np.inf
            if room <= best_first:
                best_first = room
                out_first = u
            u = basis.parent[u]
        else:
            if basis.up[v]:
                room = net.capacity[basis.arc[v]] - basis.flow[v] if basis.arc[v] < m else np.inf
            else:
                room = basis.flow[v]
            if room < best_second:
                best_second = room
                out_second = v
            v = basis.parent[v]
    join = u
    if best_first <= delta and best_first < np.inf:
        delta = best_first
        leaving = out_first
        side = 1
    if best_second < delta:
        delta = best_second
        leaving = out_second
        side = 2
    if delta < 0.0:
        delta = 0.0
    if delta > 0.0:
        u = first
        while u != join:
            basis.flow[u] += -delta if basis.up[u] else delta
            u = basis.parent[u]
        v = second
        while v != join:
            basis.flow[v] += delta if basis.up[v] else -delta
            v = basis.parent[v]
    if side == 0:
        basis.at_upper[arc] = not basis.at_upper[arc]
        return
    out = basis.arc[leaving]
    if out < m:
        basis.at_upper[out] = basis.flow[leaving] > 0.5 * net.capacity[out]
    entering_node, above = (first, second) if side == 1 else (second, first)
    flow = delta
    if backwards:
        flow = limit - delta
    if arc < m:
        basis.at_upper[arc] = False
    # reverse the path from the entering end up to the leaving arc
    node = entering_node
    new_above, new_arc, new_flow, new_up = above, arc, flow, entering_node == tail
    while True:
        old_above = basis.parent[node]
        old_arc = basis.arc[node]
        old_flow = basis.flow[node]
        old_up = basis.up[node]
        _detach(basis, node)
        _attach(basis, node, new_above)
        basis.arc[node] = new_arc
        basis.flow[node] = new_flow
        basis.up[node] = new_up
        if node == leaving:
            break
        new_above, new_arc, new_flow, new_up = node, old_arc, old_flow, not old_up
        node = old_above
    cost = _arc_cost(net, basis, arc)
    if basis.up[entering_node]:
        shift = basis.potential[above] - cost - basis.potential[entering_node]
    else:
        shift = basis.potential[above] + cost - basis.potential[entering_node]
    node = entering_node
    while node != -1:
        basis.potential[node] += shift
        basis.depth[node] = basis.depth[basis.parent[node]] + 1
        node = _next(basis, node, entering_node)


@njit(cache=True, nogil=True)
def optimise(net, basis, most_pivots):
    """Return (cost, pivots): the transport cost under the root costs, inf if not all are served.

    Fixed costs are not counted. A closed facility that must still send makes the cost inf.
    """
    m, n = net.m, net.n
    _refresh(net, basis)
    eps = 1e-11 * net.big
    pivots = 0
    while pivots < most_pivots:
        arc, customer = _entering(net, basis, eps)
        if arc == -1:
            break
        _pivot(net, basis, arc, customer)
        pivots += 1
    cost = 0.0
    tiny = 1e-9
    for node in range(m + n):
        flow = basis.flow[node]
        if flow > 0.0:
            arc = basis.arc[node]
            if arc >= m + n:
                cost += flow * net.cost[arc - m - n]
            elif arc >= m:
                if flow > tiny * net.demand[arc - m]:
                    return np.inf, pivots
            elif basis.root_cost[arc] > 0.0 and flow > tiny * net.capacity[arc]:
                return np.inf, pivots
    for i in range(m):
        if basis.at_upper[i] and basis.root_cost[i] > 0.0 and net.capacity[i] > 0.0:
            return np.inf, pivots
    return cost, pivots
