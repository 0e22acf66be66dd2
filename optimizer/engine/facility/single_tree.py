"""Branch and bound for single source: facilities first, then who serves whom.

Every node keeps its prices and all that is decided in it; its bound is `whole.evaluate`, and what
would pass the cutoff alone is decided at once (`whole.tighten`). No LP.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from optimizer.engine.facility import assignment, whole
from optimizer.engine.facility.tree import NodeStore


@njit(cache=True, nogil=True)
def _branch(state, arc, y_mean, share, weight, history):
    """Return (facility, customer) to split on: customer -1 for a facility, (-1, -1) for none."""
    m, n = arc.shape
    mean = (history[0].sum() + 1e-9) / (history[1].sum() + 1e-9)
    best = 0.0
    pick = -1
    for i in range(m):
        if state[i] == 0:
            undecided = min(y_mean[i], 1.0 - y_mean[i])
            score = undecided * (history[0, i] + mean) / (history[1, i] + 1.0)
            if undecided > 0.03 and score > best:
                best = score
                pick = i
    if pick >= 0:
        return pick, -1
    best = 0.0
    at = -1
    for j in range(n):
        most = -1.0
        where = -1
        for i in range(m):
            if arc[i, j] == 1:
                where = -1
                break
            if arc[i, j] == 0 and share[i, j] > most:
                most = share[i, j]
                where = i
        if where < 0:
            continue
        score = (1e-6 + max(0.0, 1.0 - abs(2.0 * most - 1.0))) * (1.0 + weight[j])
        if score > best:
            best = score
            pick = where
            at = j
    if pick >= 0:
        return pick, at
    for i in range(m):
        if state[i] == 0:
            return i, -1
    return -1, -1


@njit(cache=True, nogil=True)
def process(
    cost, cost_t, demand, weight, fixed, capacity, room, near, cutoff, slack, unit, steps, count,
    states, arcs, duals, bounds, branch, alive, most_nodes, history, best_source, best, price, halt,
):  # fmt: skip
    """Return (nodes done, slots used, best objective): split the node of least bound, repeat.

    A plan found lowers the cutoff to ``best`` - max(``unit``, ``slack`` x best).
    """
    m, n = cost.shape
    slots = states.shape[0]
    need = weight.sum()
    largest = room.max()
    items = np.zeros((m, n + 1), np.int64)
    table = np.empty((n + 1, largest + 1))
    back = np.empty((n + 1, largest + 1))
    cover = np.empty((m + 1, need + 1))
    cover_back = np.empty((m + 1, need + 1))
    y_mean = np.empty(m)
    y = np.empty(m)
    best_y = np.empty(m)
    gain = np.empty(m)
    inside = np.empty(m)
    outside = np.empty(m)
    share = np.zeros((m, n))
    gradient = np.empty(n)
    assigned = np.empty(n, np.int64)
    source = np.empty(n, np.int64)
    load = np.empty(m)
    served = np.empty(m, np.int64)
    parent_state = np.empty(m, np.int8)
    parent_arc = np.empty((m, n), np.int8)
    parent_dual = np.empty(n)
    done = 0
    while done < most_nodes and halt[0] == 0:
        node = -1
        for k in range(count):
            if alive[k] and bounds[k] >= cutoff:
                alive[k] = False
            if alive[k] and (node < 0 or bounds[k] < bounds[node]):
                node = k
        if node < 0:
            break
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
        at_i, at_j = branch[node, 0], branch[node, 1]
        parent_state[:] = states[node]
        parent_arc[:] = arcs[node]
        parent_dual[:] = duals[node]
        parent_bound = bounds[node]
        for side in range(2):
            slot = node if side == 0 else free_slot
            states[slot] = parent_state
            arcs[slot] = parent_arc
            duals[slot] = parent_dual
            alive[slot] = False
            if at_i >= 0:
                if at_j >= 0:
                    arcs[slot, at_i, at_j] = 1 if side == 0 else -1
                else:
                    states[slot, at_i] = 1 if side == 0 else -1
            elif side == 1:
                continue  # nothing to split: the node is worked on once more
            if not whole.propagate(weight, room, states[slot], arcs[slot]):
                continue
            share[:] = 0.0
            whole.level(
                cost, weight, fixed, room, states[slot], arcs[slot], duals[slot], 6, y, gain,
                gradient, assigned, share, items, table, cover,
            )  # fmt: skip
            bound = whole.climb(
                cost, weight, fixed, room, states[slot], arcs[slot], duals[slot],
                min(cutoff, best) + 0.02 * max(0.0, cutoff - parent_bound), cutoff, steps, 0.25,
                y_mean, share, assigned, best_y, items, table, cover, halt,
            )  # fmt: skip
            if bound >= whole.HUGE:
                continue
            bound = max(bound, parent_bound)
            value = assignment.repair(
                cost_t, demand, fixed, capacity, near, best_y, assigned, source, load, served, price
            )
            if value < best - 1e-9 * abs(best):
                best = value
                best_source[:] = source
                cutoff = min(cutoff, best - max(unit, slack * abs(best)))
            if at_j < 0 and at_i >= 0:
                history[0, at_i] += (min(bound, cutoff) - parent_bound) / max(
                    1e-9, cutoff - parent_bound
                )
                history[1, at_i] += 1.0
            if bound >= cutoff:
                continue
            made = whole.tighten(
                cost, weight, fixed, room, states[slot], arcs[slot], duals[slot], cutoff, y, gain,
                items, table, back, cover, cover_back, inside, outside,
            )  # fmt: skip
            if made < 0 or not whole.propagate(weight, room, states[slot], arcs[slot]):
                continue
            pick, at = _branch(states[slot], arcs[slot], y_mean, share, weight, history)
            if pick < 0:  # all is decided: the plan is what is forced
                for j in range(n):
                    for i in range(m):
                        if arcs[slot, i, j] == 1:
                            source[j] = i
                assignment.load_of(demand, source, load, served)
                value, over = assignment.cost_of(cost_t, fixed, capacity, source, load, served)
                if over <= 1e-9 and value < best:
                    best = value
                    best_source[:] = source
                    cutoff = min(cutoff, best - max(unit, slack * abs(best)))
                continue
            bounds[slot] = bound
            branch[slot, 0] = pick
            branch[slot, 1] = at
            alive[slot] = True
    return done, count, best


class SingleTree(NodeStore):
    """The tree over facilities that are not closed for good."""

    NODE_ARRAYS = ("states", "arcs", "duals", "bounds", "branch", "alive")

    def __init__(
        self,
        cost: np.ndarray,
        demand: np.ndarray,
        weight: np.ndarray,
        fixed: np.ndarray,
        capacity: np.ndarray,
        room: np.ndarray,
        state: np.ndarray,
        arc: np.ndarray,
        dual: np.ndarray,
        bound: float,
        halt: np.ndarray,
        *,
        memory_mb: float = 300.0,
    ) -> None:
        self.keep = np.flatnonzero(state >= 0)
        self.cost = np.ascontiguousarray(cost[self.keep])
        self.cost_t = np.ascontiguousarray(self.cost.T)
        self.demand, self.weight = demand, weight
        self.fixed = np.ascontiguousarray(fixed[self.keep])
        self.capacity = np.ascontiguousarray(capacity[self.keep])
        self.room = np.ascontiguousarray(room[self.keep])
        part = np.ascontiguousarray(arc[self.keep])
        self.near = near_lists(self.cost_t, part.T >= 0, len(self.keep))
        m, n = self.cost.shape
        slots = int(max(100, min(30_000, memory_mb * 1e6 / (8.0 * n + m * n + m + 40))))
        self.states = np.zeros((slots, m), np.int8)
        self.arcs = np.zeros((slots, m, n), np.int8)
        self.duals = np.zeros((slots, n))
        self.bounds = np.full(slots, np.inf)
        self.branch = np.full((slots, 2), -1, np.int64)
        self.alive = np.zeros(slots, np.bool_)
        self.states[0], self.arcs[0], self.duals[0] = state[self.keep], part, dual
        self.bounds[0] = bound
        self.alive[0] = True
        self.count = 1
        self.nodes = 0
        self.history = np.zeros((2, m))
        self.is_full = False
        self.halt = halt
        self.best_source = np.zeros(n, np.int64)
        self.price = 4.0 * float(np.median(self.cost_t.min(axis=1))) / max(
            1.0, float(np.median(demand))
        ) + float(np.median(self.fixed / np.maximum(self.capacity, 1.0)))

    def advance(
        self, best: float, cutoff: float, slack: float, unit: float, nodes: int, steps: int
    ) -> tuple[float, np.ndarray]:
        """Split up to ``nodes`` nodes; returns (best objective, its sources) if below ``best``."""
        done, self.count, value = process(
            self.cost, self.cost_t, self.demand, self.weight, self.fixed, self.capacity, self.room,
            self.near, cutoff, slack, unit, steps, self.count, self.states, self.arcs, self.duals,
            self.bounds, self.branch, self.alive, nodes, self.history, self.best_source, best,
            self.price, self.halt,
        )  # fmt: skip
        self.nodes += done
        self.is_full = done < nodes and math.isfinite(self.bound) and not self.halt[0]
        return value, self.keep[self.best_source]


def near_lists(cost_t: np.ndarray, may: np.ndarray, width: int) -> np.ndarray:
    """Return per customer the ``width`` cheapest facilities it may use, -1 after the last."""
    priced = np.where(may, cost_t, np.inf)
    order = np.argsort(priced, axis=1, kind="stable")[:, :width]
    left = np.take_along_axis(priced, order, axis=1)
    return np.ascontiguousarray(np.where(np.isfinite(left) & (left < 1e14), order, -1))
