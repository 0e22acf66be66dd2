"""Compiled kernels for single source: the binary knapsack dual that a certificate can state.

With whole demands the facility's problem is a 0-1 knapsack, solved exactly by dynamic programming
over capacity; the bound is at least the one of the split-delivery relaxation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import _choose, _one_facility, least_open


@njit(cache=True, nogil=True)
def _binary(cost, weight, dual, room, keys, items, table, taken):
    """Return (value, count): the least of sum (c - lambda) x, x binary, within ``room``.

    The chosen customers stand in ``items[:count]``.
    """
    n = cost.shape[0]
    count = 0
    total = 0
    value = 0.0
    for j in range(n):
        reduced = cost[j] - dual[j]
        if reduced < 0.0 and weight[j] <= room:
            items[count] = j
            keys[count] = reduced
            count += 1
            total += weight[j]
            value += reduced
    if total <= room:
        return value, count
    for w in range(room + 1):
        table[w] = 0.0
    for k in range(count):
        step = weight[items[k]]
        worth = keys[k]
        for w in range(room, step - 1, -1):
            other = table[w - step] + worth
            if other < table[w]:
                table[w] = other
                taken[k, w] = True
            else:
                taken[k, w] = False
        for w in range(min(step, room + 1)):
            taken[k, w] = False
    value = table[room]
    w = room
    chosen = 0
    for k in range(count - 1, -1, -1):
        if taken[k, w]:
            w -= weight[items[k]]
            keys[chosen] = items[k]
            chosen += 1
    for k in range(chosen):
        items[k] = np.int64(keys[k])
    return value, chosen


@njit(cache=True, nogil=True)
def evaluate_binary(
    cost, weight, demand, fixed, capacity, room, state, least, dual, gradient, y, gain, alpha,
    assigned,
):  # fmt: skip
    """Return (bound, sigma, rho) of the dual with binary knapsacks; see `lagrangian.evaluate`.

    The continuous knapsack bounds the binary one: where it already keeps a facility closed, the
    binary one is not solved and ``gain`` is the lower value. ``assigned[j]`` becomes the cheapest
    facility that chose customer j, -1 if none did.
    """
    m, n = cost.shape
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    start = np.zeros(m + 1, np.int64)
    pool = np.empty(m * n, np.int64)
    largest = 0
    need = 0.0
    bound = 0.0
    for i in range(m):
        largest = max(largest, room[i])
    for j in range(n):
        need += demand[j]
        bound += dual[j]
        gradient[j] = 1.0
        assigned[j] = -1
    table = np.empty(largest + 1)
    taken = np.empty((n, largest + 1), np.bool_)
    for i in range(m):
        count = 0
        gain[i] = np.inf
        if state[i] >= 0:
            value, alpha[i], _, _ = _one_facility(
                cost[i], demand, dual, capacity[i], alpha[i], keys, items
            )
            gain[i] = fixed[i] + value
            if gain[i] < 0.0 or state[i] > 0 or least > 0:
                value, count = _binary(cost[i], weight, dual, room[i], keys, items, table, taken)
                gain[i] = fixed[i] + value
        pool[start[i] : start[i] + count] = items[:count]
        start[i + 1] = start[i] + count
    chosen, sigma, rho = _choose(gain, fixed, capacity, need, least, state, y)
    bound += chosen
    for i in range(m):
        if y[i] > 0.0:
            for k in range(start[i], start[i + 1]):
                j = pool[k]
                gradient[j] -= y[i]
                if y[i] > 0.5 and (assigned[j] < 0 or cost[i, j] < cost[assigned[j], j]):
                    assigned[j] = i
    return bound, sigma, rho


def bound_at(
    cost: np.ndarray,
    weight: np.ndarray,
    demand: np.ndarray,
    fixed: np.ndarray,
    room: np.ndarray,
    dual: np.ndarray,
    gain: np.ndarray,
    prices: np.ndarray,
) -> float:
    """Return the bound at ``dual`` with the y rows priced; fills ``gain`` and (sigma, rho).

    This is what a certificate can prove: prices alone, no choice of facilities solved.
    """
    m, n = cost.shape
    capacity = room.astype(np.float64)
    free = np.zeros(m, np.int8)
    least = int(least_open(demand.sum(), capacity, free))
    bound, sigma, rho = evaluate_binary(
        cost, weight, demand, fixed, capacity, room, free, least, dual, np.empty(n), np.empty(m),
        gain, np.zeros(m), np.empty(n, np.int64),
    )  # fmt: skip
    gain -= sigma * capacity + rho
    prices[0], prices[1] = sigma, rho
    return float(bound)
