"""The proof of a bound as data, and its evaluation in plain numpy.

For any arc prices ``a >= 0`` and pair prices ``b >= 0`` the value

``sum_k shortest path of k under d_k (c + a) + b_k + sum_a y_a (f - a u - sum_k b min(1, u/d_k))``

with each ``y_a`` at its better end is a lower bound (weak duality on the strong formulation). A
branching tree over ``y`` closes the rest: the bound is the least over its leaves. The evaluation
shares no code with the kernels, the LP and the search.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.engine.design.problem import DesignProblem


@dataclass(frozen=True)
class Prices:
    """Dual prices: per unit of flow on an arc, and per share of a commodity on an arc.

    Pairs that are not listed have price 0. Stored in single precision: any price proves a bound.
    """

    arc: np.ndarray  # float32[arcs], >= 0
    pair_arc: np.ndarray  # int32
    pair_commodity: np.ndarray  # int32
    pair: np.ndarray  # float32, >= 0


@dataclass(frozen=True)
class Certificate:
    """A tree over the arcs' opening with prices at its leaves.

    Node 0 is the root. ``branch_arc[node]`` is -1 at a leaf, else ``child[node]`` holds the nodes
    for closed and open. ``leaf_prices[node]`` is the number of its prices, -1: none, so the leaf
    proves nothing. ``fixing`` (prices, cutoff) closes or opens arcs before the tree: where the
    other state would cost at least ``cutoff``; the bound is then at most the cutoff. ``lengths``
    is set instead for an infeasible problem: arc lengths under which the demand needs more than
    all capacity.
    """

    branch_arc: np.ndarray
    child: np.ndarray  # int32[node, 2]
    leaf_prices: np.ndarray
    prices: tuple[Prices, ...]
    fixing: tuple[tuple[Prices, float], ...] = ()
    lengths: np.ndarray | None = field(default=None)


def root_certificate(prices: Prices) -> Certificate:
    """Return the certificate of a bound without a tree."""
    leaf = np.array([0], dtype=np.int32)
    return Certificate(
        np.array([-1], dtype=np.int32), np.full((1, 2), -1, dtype=np.int32), leaf, (prices,)
    )


def infeasibility_certificate(lengths: np.ndarray) -> Certificate:
    """Return the certificate that no design can carry the demand."""
    none = np.array([-1], dtype=np.int32)
    return Certificate(none, np.full((1, 2), -1, dtype=np.int32), none.copy(), (), (), lengths)


def distances(problem: DesignProblem, weight: np.ndarray) -> np.ndarray:
    """Return ``[node, commodity]`` distances from each origin; ``weight`` is ``[arc, commodity]``.

    Bellman-Ford on all commodities at once; inf where no path leads.
    """
    order = np.argsort(problem.head, kind="stable")
    heads, begins = np.unique(problem.head[order], return_index=True)
    tails, ordered = problem.tail[order], weight[order]
    distance = np.full((problem.n_nodes, problem.n_commodities), np.inf)
    distance[problem.origin, np.arange(problem.n_commodities)] = 0.0
    for _ in range(problem.n_nodes):
        through = np.minimum.reduceat(distance[tails] + ordered, begins, axis=0)
        better = np.minimum(distance[heads], through)
        if np.array_equal(better, distance[heads]):
            break
        distance[heads] = better
    return distance


def lagrangian_bound(
    problem: DesignProblem, prices: Prices, low: np.ndarray, high: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return (bound, cost of opening per arc) for openings within ``low``..``high``."""
    arc_price = prices.arc.astype(float)
    pair_price = prices.pair.astype(float)
    if np.any(arc_price < 0) or np.any(pair_price < 0):
        raise ValueError("a certificate's prices must be at least 0")
    weight = (problem.unit_cost + arc_price)[:, None] * problem.demand[None, :]
    np.add.at(weight, (prices.pair_arc, prices.pair_commodity), pair_price)
    weight[high == 0.0] = np.inf
    distance = distances(problem, weight)
    served = distance[problem.destination, np.arange(problem.n_commodities)].sum()
    room = np.minimum(
        1.0, problem.capacity[prices.pair_arc] / problem.demand[prices.pair_commodity]
    )
    worth = problem.fixed_cost - arc_price * problem.capacity
    np.subtract.at(worth, prices.pair_arc, pair_price * room)
    opened = np.where(worth < 0, worth * high, worth * low).sum()
    return float(served + opened), worth


def evaluate_certificate(problem: DesignProblem, certificate: Certificate) -> float:
    """Return the lower bound that the certificate proves; inf if it proves infeasibility.

    Examples
    --------
    One arc, two units of demand: two times 3 for the flow and 10 for the arc.

    >>> one = DesignProblem(2, [0], [1], [3.0], [5.0], [10.0], [0], [1], [2.0])
    >>> prices = Prices(np.zeros(1), np.array([0]), np.array([0]), np.array([10.0]))
    >>> evaluate_certificate(one, root_certificate(prices))
    16.0
    """
    problem = without_idle(problem)
    if certificate.lengths is not None:
        return _evaluate_lengths(problem, np.asarray(certificate.lengths, dtype=float))
    low, high = np.zeros(problem.n_arcs), np.ones(problem.n_arcs)
    most = np.inf
    for prices, cutoff in certificate.fixing:
        bound, worth = lagrangian_bound(problem, prices, low, high)
        free = low < high
        close = free & (worth > 0) & (bound + worth >= cutoff)
        open_ = free & (worth < 0) & (bound - worth >= cutoff)
        high[close] = 0.0
        low[open_] = 1.0
        most = min(most, cutoff)
    best = np.inf
    stack = [(0, low, high)]
    while stack:
        node, low, high = stack.pop()
        arc = int(certificate.branch_arc[node])
        if arc < 0:
            number = int(certificate.leaf_prices[node])
            if number < 0:
                return -np.inf
            best = min(best, lagrangian_bound(problem, certificate.prices[number], low, high)[0])
            continue
        closed_high = high.copy()
        closed_high[arc] = 0.0
        if low[arc] == 0.0:
            stack.append((int(certificate.child[node, 0]), low, closed_high))
        opened_low = low.copy()
        opened_low[arc] = 1.0
        if high[arc] == 1.0:
            stack.append((int(certificate.child[node, 1]), opened_low, high))
    return float(min(best, most))


def _evaluate_lengths(problem: DesignProblem, lengths: np.ndarray) -> float:
    """Return inf if the demand needs more length than all capacity offers, else -inf."""
    if np.any(lengths < 0) or not np.all(np.isfinite(lengths)):
        raise ValueError("a certificate's lengths must be finite and at least 0")
    weight = np.broadcast_to(lengths[:, None], (problem.n_arcs, problem.n_commodities))
    distance = distances(problem, weight)[problem.destination, np.arange(problem.n_commodities)]
    if np.any(np.isinf(distance)):
        return np.inf
    needed = float(np.dot(problem.demand, distance))
    offered = float(np.dot(problem.capacity, lengths))
    return np.inf if needed > offered * (1 + 1e-9) + 1e-9 else -np.inf


def without_idle(problem: DesignProblem) -> DesignProblem:
    """Return the problem without commodities that need no flow."""
    busy = (problem.demand > 0) & (problem.origin != problem.destination)
    if busy.all():
        return problem
    return DesignProblem(
        problem.n_nodes,
        problem.tail,
        problem.head,
        problem.unit_cost,
        problem.capacity,
        problem.fixed_cost,
        problem.origin[busy],
        problem.destination[busy],
        problem.demand[busy],
        problem.name,
    )
