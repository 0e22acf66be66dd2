"""A small tree that proves a facility location bound from prices alone, for the certificate.

The engine's own tree keeps no leaf that it has closed. With the answer known, the proof is sought
again, best bound first and without any search for plans: prices are climbed, facilities fixed by
what opening or closing them would cost, and one facility is split on. Whatever the tree has come
to when leaves or time run out, the least bound of its leaves is valid.
"""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.engine.facility import FacilityProblem

MOST_WORK = 10_000_000  # leaves x facilities x customers: what the verifier computes afresh
MOST_LEAVES = 1000
FEWEST_LEAVES = 5  # a smaller tree proves next to nothing and may take long
MOST_SPLITS = 150  # below each other: the verifier descends no deeper than twice that
STEPS = 60  # of the climb at each node
ROUNDING = 1e-9  # relative; prices are evaluated by other code, in another order
NEVER = np.zeros(1, np.int64)  # nothing halts a climb


@dataclass
class ProofTree:
    """Prices by vector (count first, then customers, for their whole demand), and the nodes.

    A node is a dict as in docs/plan.md; zones are numbers of facilities.
    """

    vectors: list[np.ndarray] = field(default_factory=list)
    root: dict[str, Any] = field(default_factory=dict)
    bound: float = -np.inf


def prove(
    problem: FacilityProblem,
    dual: np.ndarray,
    target: float,
    *,
    open_anyway: np.ndarray,
    seconds: float,
) -> ProofTree | None:
    """Return a tree that proves ``target`` or as much as it can; None where it is out of place.

    ``dual`` are prices to begin with, ``open_anyway`` marks facilities that are no decision. Only
    continuous knapsacks are climbed (split delivery).
    """
    most_leaves = min(MOST_LEAVES, MOST_WORK // max(1, problem.m * problem.n))
    if (
        most_leaves < FEWEST_LEAVES
        or problem.single_source
        or not np.isfinite(problem.unit_cost).all()
    ):
        return None
    until = time.perf_counter() + seconds
    search = _Search(problem, target * (1 + ROUNDING) if target > 0 else target, until)
    tree = ProofTree()
    ticket = itertools.count()
    state = open_anyway.astype(np.int8)
    heap = [(search.climb(tree, tree.root, state, dual), next(ticket), 0, tree.root)]
    closed = np.inf
    while heap and heap[0][0] < search.cutoff:
        if len(tree.vectors) + 1 >= most_leaves or time.perf_counter() > until:
            break
        bound, _, depth, node = heapq.heappop(heap)
        if depth >= MOST_SPLITS:
            closed = min(closed, bound)
            continue
        children = search.split(node)
        if children is None:  # nothing left to decide: exact prices, if the last ones were not
            closed = min(closed, max(bound, search.settle(tree, node)))
            continue
        for child, child_state, child_dual in children:
            value = max(bound, search.climb(tree, child, child_state, child_dual))
            heapq.heappush(heap, (value, next(ticket), depth + 1, child))
    tree.bound = min(closed, heap[0][0] if heap else np.inf)
    search.forget(tree.root)
    return tree if len(tree.vectors) > 1 else None


class _Search:
    """Bounds of nodes by the engine's compiled kernels."""

    def __init__(self, problem: FacilityProblem, cutoff: float, until: float) -> None:
        self.cutoff, self.until = cutoff, until
        self.cost = np.ascontiguousarray(problem.unit_cost, dtype=float)
        self.demand = np.ascontiguousarray(problem.demand, dtype=float)
        self.fixed = np.ascontiguousarray(problem.fixed_cost, dtype=float)
        self.total = float(self.demand.sum())
        self.capacity = np.minimum(problem.capacity, self.total)

    def climb(
        self,
        tree: ProofTree,
        node: dict[str, Any],
        state: np.ndarray,
        dual: np.ndarray,
        steps: int = STEPS,
    ) -> float:
        """Make a leaf of a node, with the best prices found and what they fix; return its bound."""
        from optimizer.engine.facility.lagrangian import evaluate, least_open, volume

        node["prices"] = len(tree.vectors)
        least = least_open(self.total, self.capacity, state)
        if least > len(state):  # no room: any prices do, as the verifier sees
            tree.vectors.append(np.concatenate([[0.0], dual]))
            return np.inf
        dual = dual.copy()
        y_mean, scratch = np.zeros(len(state)), np.zeros(2)
        volume(
            self.cost, self.demand, self.fixed, self.capacity, state, least, dual,
            self.cutoff + 0.01 * abs(self.cutoff), steps, 0.3, self.cutoff, y_mean, scratch, NEVER,
        )  # fmt: skip
        gradient, y = np.empty(len(dual)), np.empty(len(state))
        gain, alpha = np.empty(len(state)), np.zeros(len(state))
        bound, sigma, rho = evaluate(
            self.cost, self.demand, self.fixed, self.capacity, state, least, dual, gradient, y,
            gain, alpha,
        )  # fmt: skip
        tree.vectors.append(np.concatenate([[rho], dual + sigma * self.demand]))
        if bound < self.cutoff:
            own = gain - sigma * self.capacity - rho
            free = state == 0
            shut = free & (bound + own >= self.cutoff)
            must = free & (bound - own >= self.cutoff)
            after = state.copy()
            after[shut], after[must] = -1, 1
            node["_then"] = (after, dual, y_mean, np.flatnonzero(must), np.flatnonzero(shut))
        return float(bound)

    def split(
        self, node: dict[str, Any]
    ) -> list[tuple[dict[str, Any], np.ndarray, np.ndarray]] | None:
        """Split a leaf in two, behind its fixings; None where nothing is left to decide."""
        state, dual, y_mean, must, shut = node["_then"]
        free = np.flatnonzero(state == 0)
        if not len(free):
            return None
        del node["_then"]
        undecided = np.minimum(y_mean[free], 1 - y_mean[free])
        chosen = int(free[np.argmax(undecided * np.sqrt(self.fixed[free] + 1e-12))])
        inner: dict[str, Any] = {"split": chosen, "open": {}, "shut": {}}
        if len(must) or len(shut):
            node |= {"open": must.tolist(), "shut": shut.tolist(), "then": inner}
        else:
            del node["prices"]
            node |= inner
        with_it, without = state.copy(), state.copy()
        with_it[chosen], without[chosen] = 1, -1
        return [(inner["open"], with_it, dual), (inner["shut"], without, dual)]

    def settle(self, tree: ProofTree, node: dict[str, Any]) -> float:
        """Give a leaf without free facilities the prices of its transport problem.

        Returns the bound behind the fixings of the leaf; facilities decided otherwise stay with
        the prices before, which prove ``cutoff`` for them.
        """
        from optimizer.engine.facility.transport_prices import transport_prices

        state, _, _, must, shut = node.pop("_then")
        opened = np.flatnonzero(state > 0)
        found = transport_prices(
            self.cost[opened],
            self.demand,
            self.capacity[opened],
            self.until - time.perf_counter(),
        )
        if found is None:
            return -np.inf
        then: dict[str, Any] = {}
        value = self.climb(tree, then, state, found[0], steps=0)
        then.pop("_then", None)
        if len(must) or len(shut):
            node |= {"open": must.tolist(), "shut": shut.tolist(), "then": then}
        else:
            node |= then
        return value

    def forget(self, node: dict[str, Any]) -> None:
        """Take out of the nodes what only the search needed."""
        stack = [node]
        while stack:
            at = stack.pop()
            at.pop("_then", None)
            stack += [at[k] for k in ("then", "open", "shut") if isinstance(at.get(k), dict)]
