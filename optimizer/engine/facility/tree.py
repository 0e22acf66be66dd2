"""Lagrangian branch and bound on the open set (after Goertz and Klose): no LP in the tree.

Every node keeps its own prices; its bound is `evaluate` at them, so it is valid whatever the
climb did. Facilities whose gain passes the cutoff are fixed. Branching is on the averaged y.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import evaluate, least_open, volume


@njit(cache=True, nogil=True)
def _pick(
    cost, demand, fixed, capacity, state, dual, bound, cutoff, y_mean, weight, tries, steps,
    scratch_state, scratch_dual, scratch_y, prices, score, halt,
):  # fmt: skip
    """Return the facility to split on, -1 when none is free.

    Facilities are ranked by how undecided they are and by ``weight`` (how much a split moved the
    bound so far, [2, m] sums and counts); the first ``tries`` whose history is short are tried out.
    """
    m = y_mean.shape[0]
    total = demand.sum()
    mean = (weight[0].sum() + 1e-9) / (weight[1].sum() + 1e-9)
    any_free = -1
    for f in range(m):
        score[f] = -1.0
        if state[f] == 0:
            any_free = f
            undecided = min(y_mean[f], 1.0 - y_mean[f])
            if undecided > 1e-3:
                own = (weight[0, f] + mean) / (weight[1, f] + 1.0)
                score[f] = undecided * own
    best = -1
    best_score = -1.0
    for _ in range(tries):
        f = np.argmax(score)
        if score[f] <= 0.0:
            break
        rank = score[f]
        score[f] = -1.0
        if tries == 1:
            return f
        low = np.inf
        high = -np.inf
        for side in range(2):
            scratch_state[:] = state
            scratch_state[f] = 1 if side == 0 else -1
            scratch_dual[:] = dual
            least = least_open(total, capacity, scratch_state)
            value = cutoff
            if least <= m:
                value, _ = volume(
                    cost, demand, fixed, capacity, scratch_state, least, scratch_dual,
                    cutoff + 0.02 * abs(cutoff - bound), steps, 0.3, cutoff, scratch_y, prices,
                    halt,
                )  # fmt: skip
            value = min(value, cutoff)
            low = min(low, value)
            high = max(high, value)
        worth = 5.0 * (low - bound) + (high - bound)
        if low >= cutoff:
            return f
        if best < 0 or worth > best_score:
            best_score = worth
            best = f
        if rank < 0.0:
            break
    return best if best >= 0 else any_free


@njit(cache=True, nogil=True)
def process(
    cost, demand, fixed, capacity, cutoff, steps, count, states, duals, bounds, branch, alive,
    most_nodes, weight, tries, halt,
):  # fmt: skip
    """Return (nodes done, nodes stored): take the node of least bound, split, bound, repeat.

    Node arrays are slots; ``alive`` marks open nodes, ``branch`` the facility to split on, -1 when
    everything is fixed. Ends after ``most_nodes`` splits, when no node is open, when the slots are
    full, or at a node with nothing left to split.
    """
    m, n = cost.shape
    slots = states.shape[0]
    total = demand.sum()
    done = 0
    y_mean = np.empty(m)
    y = np.empty(m)
    gain = np.empty(m)
    alpha = np.zeros(m)
    gradient = np.empty(n)
    prices = np.zeros(2)
    parent_state = np.empty(m, np.int8)
    parent_dual = np.empty(n)
    scratch_state = np.empty(m, np.int8)
    scratch_dual = np.empty(n)
    scratch_y = np.empty(m)
    score = np.empty(m)
    while done < most_nodes and halt[0] == 0:
        node = -1
        for k in range(count):
            if alive[k] and bounds[k] >= cutoff:
                alive[k] = False
            if alive[k] and (node < 0 or bounds[k] < bounds[node]):
                node = k
        if node < 0:
            break
        if branch[node] < 0:
            break  # a single plan: the caller evaluates it
        free_slot = -1
        for k in range(count):
            if not alive[k]:
                free_slot = k
                break
        if free_slot < 0:
            if count == slots:
                break
            free_slot = count
            count += 1
        done += 1
        i = branch[node]
        parent_state[:] = states[node]
        parent_dual[:] = duals[node]
        parent_bound = bounds[node]
        for side in range(2):
            slot = node if side == 0 else free_slot
            states[slot] = parent_state
            states[slot, i] = 1 if side == 0 else -1
            duals[slot] = parent_dual
            alive[slot] = False
            least = least_open(total, capacity, states[slot])
            if least > m:
                continue
            bound, _ = volume(
                cost, demand, fixed, capacity, states[slot], least, duals[slot],
                cutoff + 0.02 * abs(cutoff - parent_bound), steps, 0.3, cutoff, y_mean, prices,
                halt,
            )  # fmt: skip
            bound = max(bound, parent_bound)
            weight[0, i] += (min(bound, cutoff) - parent_bound) / max(1e-9, cutoff - parent_bound)
            weight[1, i] += 1.0
            if bound >= cutoff:
                continue
            low, sigma, rho = evaluate(
                cost, demand, fixed, capacity, states[slot], least, duals[slot], gradient, y, gain,
                alpha,
            )  # fmt: skip
            for f in range(m):
                if states[slot, f] != 0:
                    continue
                g = gain[f] - sigma * capacity[f] - rho
                if low + g >= cutoff:
                    states[slot, f] = -1
                elif low - g >= cutoff:
                    states[slot, f] = 1
            bounds[slot] = bound
            branch[slot] = _pick(
                cost, demand, fixed, capacity, states[slot], duals[slot], bound, cutoff, y_mean,
                weight, tries, max(6, steps // 4), scratch_state, scratch_dual, scratch_y, prices,
                score, halt,
            )  # fmt: skip
            alive[slot] = True
    return done, count


class NodeStore:
    """Open nodes in slots of arrays, to be shared between trees."""

    NODE_ARRAYS: tuple[str, ...] = ("states", "duals", "bounds", "branch", "alive")
    bounds: np.ndarray
    alive: np.ndarray
    history: np.ndarray
    count: int
    nodes: int

    @property
    def bound(self) -> float:
        """The least bound of an open node, inf when none is open."""
        open_ones = self.bounds[: self.count][self.alive[: self.count]]
        return float(open_ones.min()) if len(open_ones) else np.inf

    def open_nodes(self) -> np.ndarray:
        """Return the slots of the open nodes, least bound first."""
        slots = np.flatnonzero(self.alive[: self.count])
        return slots[np.argsort(self.bounds[slots], kind="stable")]

    def empty_copy(self) -> Self:
        """Return a tree over the same facilities without nodes, with this one's history."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        for name in self.NODE_ARRAYS:
            setattr(other, name, np.zeros_like(getattr(self, name)))
        other.history = self.history.copy()
        other.count = 0
        other.nodes = 0
        return other

    def move_to(self, other: NodeStore, slots: np.ndarray) -> None:
        """Give nodes away, as many as the other has room for."""
        for slot in slots:
            idle = np.flatnonzero(~other.alive[: other.count])
            at = int(idle[0]) if len(idle) else other.count
            if at == len(other.alive):
                return
            other.count = max(other.count, at + 1)
            for name in self.NODE_ARRAYS:
                getattr(other, name)[at] = getattr(self, name)[slot]
            self.alive[slot] = False


class LagrangianTree(NodeStore):
    """The tree over the facilities that are not closed for good."""

    def __init__(
        self,
        cost: np.ndarray,
        demand: np.ndarray,
        fixed: np.ndarray,
        capacity: np.ndarray,
        state: np.ndarray,
        dual: np.ndarray,
        bound: float,
        branch: int,
        halt: np.ndarray,
        *,
        memory_mb: float = 400.0,
    ) -> None:
        self.keep = np.flatnonzero(state >= 0)
        self.cost = np.ascontiguousarray(cost[self.keep])
        self.demand = demand
        self.fixed = np.ascontiguousarray(fixed[self.keep])
        self.capacity = np.ascontiguousarray(capacity[self.keep])
        m, n = self.cost.shape
        slots = int(max(200, min(50_000, memory_mb * 1e6 / (8.0 * n + m + 32))))
        self.states = np.zeros((slots, m), np.int8)
        self.duals = np.zeros((slots, n))
        self.bounds = np.full(slots, np.inf)
        self.branch = np.full(slots, -1, np.int64)
        self.alive = np.zeros(slots, np.bool_)
        self.states[0] = state[self.keep]
        self.duals[0] = dual
        self.bounds[0] = bound
        self.branch[0] = int(np.searchsorted(self.keep, branch))
        self.alive[0] = True
        self.count = 1
        self.nodes = 0
        self.history = np.zeros((2, m))
        self.tries = 1
        self.is_full = False
        self.halt = halt

    def advance(self, cutoff: float, nodes: int, steps: int) -> np.ndarray | None:
        """Split up to ``nodes`` nodes; returns an open set when a node holds only one.

        The caller must offer that set exactly before the next call, which takes the node away.
        """
        done, self.count = process(
            self.cost, self.demand, self.fixed, self.capacity, cutoff, steps, self.count,
            self.states, self.duals, self.bounds, self.branch, self.alive,
            nodes, self.history, self.tries, self.halt,
        )  # fmt: skip
        self.nodes += done
        open_ones = np.flatnonzero(self.alive[: self.count])
        if not len(open_ones):
            return None
        least = open_ones[np.argmin(self.bounds[open_ones])]
        if self.branch[least] < 0:
            self.alive[least] = False
            return self.keep[self.states[least] > 0]
        self.is_full = done < nodes and not self.halt[0]
        return None


def balance(first: NodeStore, second: NodeStore, cutoff: float) -> None:
    """Share the open nodes when one tree lags: each gets every other node by bound."""
    low, high = sorted((first.bound, second.bound))
    if not np.isfinite(low) or high - low <= 0.1 * max(cutoff - low, 0.0):
        return
    poor, rich = (first, second) if first.bound > second.bound else (second, first)
    rich.move_to(poor, rich.open_nodes()[1::2][: 1 + len(rich.alive) // 4])
