"""Lagrangian branch and bound on the open set (after Goertz and Klose): no LP in the tree.

Every node keeps its own prices; its bound is `evaluate` at them, so it is valid whatever the
climb did. Facilities whose gain passes the cutoff are fixed. Branching is on the averaged y.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import evaluate, least_open, volume


@njit(cache=True, nogil=True)
def process(
    cost, demand, fixed, capacity, cutoff, steps, count, states, duals, bounds, branch, alive,
    parent_state, parent_dual, most_nodes, rounded,
):  # fmt: skip
    """Return (nodes done, nodes stored): take the node of least bound, split, bound, repeat.

    Node arrays are slots; ``alive`` marks open nodes, ``branch`` the facility to split on. Ends
    after ``most_nodes`` splits, when no node is open, or when the slots are full. ``rounded``
    counts per facility how it was chosen in the averaged y of the nodes bounded (a hint for
    heuristics).
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
    while done < most_nodes:
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
            )  # fmt: skip
            bound = max(bound, parent_bound)
            if bound >= cutoff:
                continue
            low, sigma, rho = evaluate(
                cost, demand, fixed, capacity, states[slot], least, duals[slot], gradient, y, gain,
                alpha,
            )  # fmt: skip
            best = -1
            score = 1e-9
            for f in range(m):
                if states[slot, f] != 0:
                    continue
                g = gain[f] - sigma * capacity[f] - rho
                if low + g >= cutoff:
                    states[slot, f] = -1
                elif low - g >= cutoff:
                    states[slot, f] = 1
                else:
                    s = min(y_mean[f], 1.0 - y_mean[f]) * (0.3 + min(1.0, capacity[f] / total * 20))
                    if s > score:
                        score = s
                        best = f
            if best < 0:
                # everything is fixed or whole: split on any free one, else the node is one plan
                for f in range(m):
                    if states[slot, f] == 0:
                        best = f
                        break
            for f in range(m):
                rounded[f] += y_mean[f]
            bounds[slot] = bound
            branch[slot] = best
            alive[slot] = True
    return done, count


class LagrangianTree:
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
        self.rounded = np.zeros(m)
        self.is_full = False

    @property
    def bound(self) -> float:
        """The least bound of an open node, inf when none is open."""
        open_ones = self.bounds[: self.count][self.alive[: self.count]]
        return float(open_ones.min()) if len(open_ones) else np.inf

    def advance(self, cutoff: float, nodes: int, steps: int) -> np.ndarray | None:
        """Split up to ``nodes`` nodes; returns an open set to evaluate when one is all that is left.

        The caller must offer that set exactly before the next call, which takes the node away.
        """
        m, n = self.cost.shape
        done, self.count = process(
            self.cost, self.demand, self.fixed, self.capacity, cutoff, steps, self.count,
            self.states, self.duals, self.bounds, self.branch, self.alive,
            np.empty(m, np.int8), np.empty(n), nodes, self.rounded,
        )  # fmt: skip
        self.nodes += done
        open_ones = np.flatnonzero(self.alive[: self.count])
        if not len(open_ones):
            return None
        least = open_ones[np.argmin(self.bounds[open_ones])]
        if self.branch[least] < 0:
            self.alive[least] = False
            return self.keep[self.states[least] > 0]
        self.is_full = done < nodes
        return None

    def deepest_state(self) -> np.ndarray:
        """Return the facilities open in the node of least bound (fixed ones)."""
        open_ones = np.flatnonzero(self.alive[: self.count])
        least = open_ones[np.argmin(self.bounds[open_ones])]
        return self.keep[self.states[least] > 0]
