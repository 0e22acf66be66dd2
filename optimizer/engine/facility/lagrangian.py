"""Compiled kernels of the Lagrangian dual: the demand rows are priced, facilities fall apart.

`evaluate` gives a valid bound for any prices; `volume` climbs. The total-capacity row
sum s_i y_i >= D is kept, with y relaxed, as its own continuous knapsack.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _gather(cost, demand, dual, alpha, items, keys):
    """Return (count, volume, value) of the customers worth more than ``alpha`` per unit."""
    count = 0
    volume_ = 0.0
    value = 0.0
    for j in range(cost.shape[0]):
        reduced = cost[j] - dual[j]
        if reduced < 0.0 and reduced + alpha * demand[j] <= 0.0:
            items[count] = j
            keys[count] = reduced / demand[j] if demand[j] > 0.0 else -np.inf
            count += 1
            volume_ += demand[j]
            value += reduced
    return count, volume_, value


@njit(cache=True, nogil=True)
def _one_facility(cost, demand, dual, capacity, alpha, keys, items):
    """Return (value, alpha, used, part): the knapsack's minimum and the price of capacity.

    The used items stand in ``items[:used]``, all whole but the last, of which ``part`` is used.
    ``alpha`` comes in as a guess: only customers worth nearly as much are sorted.
    """
    count, total, value = _gather(cost, demand, dual, 0.85 * alpha, items, keys)
    if total <= capacity and alpha > 0.0:
        count, total, value = _gather(cost, demand, dual, 0.0, items, keys)
    if total <= capacity:
        return value, 0.0, count, 1.0
    # quickselect on worth per unit: items[:low] are whole, the critical item is in [low, high)
    low, high = 0, count
    room = capacity
    value = 0.0
    while high - low > 1:
        a, b, c = keys[low], keys[(low + high) // 2], keys[high - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        left, k, right = low, low, high
        weight = 0.0
        worth = 0.0
        equal = 0.0
        while k < right:
            if keys[k] < pivot:
                weight += demand[items[k]]
                worth += cost[items[k]] - dual[items[k]]
                keys[k], keys[left] = keys[left], keys[k]
                items[k], items[left] = items[left], items[k]
                left += 1
                k += 1
            elif keys[k] > pivot:
                right -= 1
                keys[k], keys[right] = keys[right], keys[k]
                items[k], items[right] = items[right], items[k]
            else:
                equal += demand[items[k]]
                k += 1
        if weight >= room and left > low:
            high = left
            continue
        room -= weight
        value += worth
        low = left
        if equal >= room or right == high:
            break  # the critical item is among the equals, in any order
        for k in range(left, right):
            value += cost[items[k]] - dual[items[k]]
            room -= demand[items[k]]
        low = right
    used = low
    part = 1.0
    price = 0.0
    while used < count:
        j = items[used]
        used += 1
        reduced = cost[j] - dual[j]
        if demand[j] > 0.0 and demand[j] >= room:
            part = room / demand[j]
            value += part * reduced
            price = -reduced / demand[j]
            break
        value += reduced
        room -= demand[j]
    return value, price, used, part


@njit(cache=True, nogil=True)
def evaluate(cost, demand, fixed, capacity, dual, gradient, y, value, alpha):
    """Return (bound, sigma): the Lagrangian bound and the price of total capacity.

    Fills the subgradient of the demand rows, the y of the relaxed solution, and per facility
    the knapsack value and the price of its capacity. ``capacity`` must be at most total demand;
    ``alpha`` comes in as a guess of these prices (zeros are right, only slower).
    """
    m, n = cost.shape
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    start = np.zeros(m + 1, np.int64)
    room = 16 * n + 16 * m
    pool = np.empty(room, np.int64)
    last = np.ones(m)
    need = 0.0
    for j in range(n):
        need += demand[j]
        gradient[j] = 1.0
    bound = 0.0
    for j in range(n):
        bound += dual[j]
    for i in range(m):
        value[i], alpha[i], used, last[i] = _one_facility(
            cost[i], demand, dual, capacity[i], alpha[i], keys, items
        )
        end = start[i] + used
        if end > room:
            room = 2 * end
            bigger = np.empty(room, np.int64)
            bigger[: start[i]] = pool[: start[i]]
            pool = bigger
        pool[start[i] : end] = items[:used]
        start[i + 1] = end
    have = 0.0
    for i in range(m):
        y[i] = 1.0 if fixed[i] + value[i] < 0.0 else 0.0
        if y[i] > 0.0:
            have += capacity[i]
    sigma = 0.0
    if have < need:  # the total-capacity row binds: open the cheapest per unit of capacity
        price = np.full(m, np.inf)
        for i in range(m):
            if y[i] == 0.0 and capacity[i] > 0.0:
                price[i] = (fixed[i] + value[i]) / capacity[i]
        order = np.argsort(price)
        for k in range(m):
            i = order[k]
            if price[i] == np.inf:
                break
            sigma = price[i]
            part = min(1.0, (need - have) / capacity[i])
            y[i] = part
            have += part * capacity[i]
            if have >= need * (1.0 - 1e-12):
                break
    for i in range(m):
        if y[i] > 0.0:
            bound += y[i] * (fixed[i] + value[i])
            for k in range(start[i], start[i + 1]):
                part = last[i] if k == start[i + 1] - 1 else 1.0
                gradient[pool[k]] -= y[i] * part
    return bound, sigma


@njit(cache=True, nogil=True)
def volume(cost, demand, fixed, capacity, dual, target, steps, y_mean):
    """Return (bound, sigma, steps done): climb from ``dual``, which becomes the best prices.

    The volume algorithm of Barahona and Anbil; ``y_mean`` becomes the averaged relaxed y.
    ``target`` is a guess of the optimum used for the step length only.
    """
    m, n = cost.shape
    gradient = np.empty(n)
    y = np.empty(m)
    value = np.empty(m)
    alpha = np.zeros(m)
    best, sigma = evaluate(cost, demand, fixed, capacity, dual, gradient, y, value, alpha)
    direction = gradient.copy()
    y_mean[:] = y
    trial = np.empty(n)
    factor = 0.1
    most = 0.1  # largest weight of the newest solution in the average
    red = 0
    checkpoint = best
    if target < best:
        target = best + 0.05 * abs(best)
    done = 0
    for step in range(steps):
        done = step + 1
        norm = 0.0
        for j in range(n):
            norm += direction[j] * direction[j]
        if norm < 1e-12:
            break
        length = factor * (target - best) / norm
        for j in range(n):
            trial[j] = dual[j] + length * direction[j]
        bound, price = evaluate(cost, demand, fixed, capacity, trial, gradient, y, value, alpha)
        # weight of the new solution: the one that makes the averaged violation smallest
        cross = 0.0
        length2 = 0.0
        for j in range(n):
            gap = gradient[j] - direction[j]
            cross -= direction[j] * gap
            length2 += gap * gap
        weight = most
        if length2 > 0.0:
            weight = min(most, max(most / 10.0, cross / length2))
        inner = 0.0
        for j in range(n):
            inner += gradient[j] * direction[j]
            direction[j] += weight * (gradient[j] - direction[j])
        for i in range(m):
            y_mean[i] += weight * (y[i] - y_mean[i])
        if bound > best:
            gain = bound - best
            best = bound
            sigma = price
            dual[:] = trial
            red = 0
            if inner > 0.0 and gain > 0.0:
                factor = min(2.0, factor * 1.1)
        else:
            red += 1
            if red >= 10:
                factor = max(5e-4, factor * 0.67)
                red = 0
        if best > target - 0.05 * abs(target):
            target = max(target, best + 0.02 * abs(best))
        if (step + 1) % 50 == 0:
            if best - checkpoint < 1e-3 * abs(best) and most > 1e-3:
                most *= 0.67
            if best - checkpoint < 1e-5 * abs(best) and step > 200 and factor < 0.02:
                break
            checkpoint = best
    return best, sigma, done


@njit(cache=True, nogil=True)
def used_arcs(cost, demand, fixed, capacity, dual, used, value):
    """Return (bound, sigma) at ``dual`` and mark the arcs of the facilities worth opening."""
    m, n = cost.shape
    gradient = np.empty(n)
    y = np.empty(m)
    alpha = np.zeros(m)
    bound, sigma = evaluate(cost, demand, fixed, capacity, dual, gradient, y, value, alpha)
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    for i in range(m):
        if fixed[i] + value[i] - sigma * capacity[i] < 1e-9 * (1.0 + fixed[i]):
            _, _, count, _ = _one_facility(
                cost[i], demand, dual, capacity[i], alpha[i], keys, items
            )
            for k in range(count):
                used[i, items[k]] = True
    return bound, sigma


@njit(cache=True, nogil=True)
def capacity_prices(cost, demand, fixed, capacity, dual):
    """Return per facility the price of its capacity at these customer prices, sigma included."""
    m, n = cost.shape
    gradient = np.empty(n)
    y = np.empty(m)
    value = np.empty(m)
    alpha = np.zeros(m)
    evaluate(cost, demand, fixed, capacity, dual, gradient, y, value, alpha)
    return alpha
