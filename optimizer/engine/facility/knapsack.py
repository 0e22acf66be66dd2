"""Compiled kernels for single source: the binary knapsack dual and assignment search.

With whole demands the facility's problem is a 0-1 knapsack, solved exactly by dynamic programming
over capacity; the bound is at least the one of the split-delivery relaxation.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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
def evaluate_binary(cost, weight, fixed, room, dual, use, gradient, y, gain, split, margin):
    """Return the bound of the dual with binary knapsacks, no y rows; fills y, gain, gradient.

    ``split[i]`` is the continuous knapsack's value + fixed cost (a lower bound on the binary one):
    where it is above ``margin`` the facility is surely closed and its knapsack is not solved.
    ``use[j]`` counts how often a customer is served.
    """
    m, n = cost.shape
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    largest = 0
    for i in range(m):
        largest = max(largest, room[i])
    table = np.empty(largest + 1)
    taken = np.empty((n, largest + 1), np.bool_)
    bound = 0.0
    for j in range(n):
        bound += dual[j]
        gradient[j] = 1.0
    for i in range(m):
        if split[i] > margin:
            gain[i] = split[i]
            y[i] = 0.0
            continue
        value, count = _binary(cost[i], weight, dual, room[i], keys, items, table, taken)
        gain[i] = fixed[i] + value
        y[i] = 0.0
        if gain[i] < 0.0:
            bound += gain[i]
            y[i] = 1.0
            for k in range(count):
                gradient[items[k]] -= 1.0
    return bound


@njit(cache=True, nogil=True)
def assign_all(cost, demand, capacity, is_open, price, source, left):
    """Return True when everyone got one open facility: by regret, then within capacity.

    ``price[i]`` is added per unit of demand, which steers away from facilities in demand.
    """
    m, n = cost.shape
    for i in range(m):
        left[i] = capacity[i] if is_open[i] else -1.0
    for j in range(n):
        source[j] = -1
    regret = np.empty(n)
    target = np.empty(n, np.int64)
    stale = np.ones(n, np.bool_)
    for _ in range(n):
        pick = -1
        for j in range(n):
            if source[j] >= 0:
                continue
            if stale[j] or left[target[j]] < demand[j]:
                a = -1
                best = np.inf
                second = np.inf
                for i in range(m):
                    if left[i] >= demand[j]:
                        c = cost[i, j] + price[i] * demand[j]
                        if c < best:
                            second = best
                            best = c
                            a = i
                        elif c < second:
                            second = c
                if a < 0:
                    return False
                target[j] = a
                regret[j] = (second - best if second < np.inf else 1e18) + 1e-6 * demand[j]
                stale[j] = False
            if pick < 0 or regret[j] > regret[pick]:
                pick = j
        i = target[pick]
        source[pick] = i
        left[i] -= demand[pick]
        for j in range(n):
            if source[j] < 0 and demand[j] > left[i]:
                stale[j] = True
    return True


@njit(cache=True, nogil=True)
def polish(cost, demand, source, left, is_open, allowed_passes):
    """Return the total saved by shifting a customer or swapping two, until none helps."""
    m, n = cost.shape
    saved = 0.0
    for _ in range(allowed_passes):
        better = 0.0
        for j in range(n):
            a = source[j]
            best = -1e-9
            to = -1
            for i in range(m):
                if is_open[i] and i != a and left[i] >= demand[j]:
                    change = cost[i, j] - cost[a, j]
                    if change < best:
                        best = change
                        to = i
            if to >= 0:
                source[j] = to
                left[a] += demand[j]
                left[to] -= demand[j]
                better -= best
        for j in range(n):
            for k in range(j + 1, n):
                a = source[j]
                b = source[k]
                if a == b:
                    continue
                more = demand[k] - demand[j]
                if left[a] < more or left[b] < -more:
                    continue
                change = cost[b, j] + cost[a, k] - cost[a, j] - cost[b, k]
                if change < -1e-9:
                    source[j] = b
                    source[k] = a
                    left[a] -= more
                    left[b] += more
                    better -= change
        saved += better
        if better <= 0.0:
            break
    return saved
