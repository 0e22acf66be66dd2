"""Compiled kernels of the Lagrangian dual: the demand rows are priced, facilities fall apart.

`evaluate` gives a valid bound for any prices; `volume` climbs. Of the rows that only hold y, two
are kept, with y relaxed: total capacity sum s_i y_i >= D, and the least number of open facilities
sum y_i >= k; each gives a bound, the better one counts. ``state`` fixes y: 1 open, -1 closed,
0 free.
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
def least_open(demand_total, capacity, state):
    """Return the least number of facilities that can hold all demand (m + 1 if none can)."""
    order = np.argsort(-capacity)
    m = capacity.shape[0]
    have = 0.0
    count = 0
    for i in range(m):
        if state[i] > 0:
            have += capacity[i]
            count += 1
    for k in range(m):
        if have >= demand_total * (1.0 - 1e-9):
            return count
        i = order[k]
        if state[i] == 0:
            have += capacity[i]
            count += 1
    return count if have >= demand_total * (1.0 - 1e-9) else m + 1


@njit(cache=True, nogil=True)
def _choose(gain, fixed_part, capacity, need, least, state, y):
    """Return (value, sigma, rho) of the y problem: min gain y under one of the two rows.

    ``gain`` is what opening costs. Fills y of the better relaxation. sigma prices capacity,
    rho the count; the one not used is 0.
    """
    m = gain.shape[0]
    value = 0.0
    have = 0.0
    count = 0
    for i in range(m):
        take = state[i] > 0 or (state[i] == 0 and gain[i] < 0.0)
        y[i] = 1.0 if take else 0.0
        if take:
            value += gain[i]
            have += capacity[i]
            count += 1
    sigma = 0.0
    rho = 0.0
    by_count = 0.0
    if count < least:
        rest = np.full(m, np.inf)
        for i in range(m):
            if y[i] == 0.0 and state[i] == 0:
                rest[i] = gain[i]
        more = least - count
        order = np.argsort(rest)
        for k in range(min(more, m)):
            by_count += rest[order[k]]
            rho = rest[order[k]]
    by_capacity = 0.0
    if have < need:
        price = np.full(m, np.inf)
        for i in range(m):
            if y[i] == 0.0 and state[i] == 0 and capacity[i] > 0.0:
                price[i] = gain[i] / capacity[i]
        order2 = np.argsort(price)
        left = need - have
        for k in range(m):
            i = order2[k]
            if price[i] == np.inf:
                break
            part = min(1.0, left / capacity[i])
            by_capacity += part * gain[i]
            left -= part * capacity[i]
            sigma = price[i]
            if left <= 1e-12 * need:
                break
        if by_capacity >= by_count:
            left = need - have
            for k in range(m):
                i = order2[k]
                if price[i] == np.inf:
                    break
                part = min(1.0, left / capacity[i])
                y[i] = part
                left -= part * capacity[i]
                if left <= 1e-12 * need:
                    break
            return value + by_capacity, sigma, 0.0
    if by_count > 0.0:
        for k in range(min(least - count, m)):
            if rest[order[k]] < np.inf:
                y[order[k]] = 1.0
    return value + by_count, 0.0, rho


@njit(cache=True, nogil=True)
def evaluate(cost, demand, fixed, capacity, state, least, dual, gradient, y, gain, alpha):
    """Return (bound, sigma, rho): the Lagrangian bound and the prices of the two y rows.

    Fills the subgradient of the demand rows, the y of the relaxed solution, and per facility the
    cost of opening it (fixed cost + knapsack) and the price of its capacity. ``capacity`` must be
    at most total demand; ``alpha`` comes in as a guess (zeros are right, only slower).
    """
    m, n = cost.shape
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    start = np.zeros(m + 1, np.int64)
    room = 8 * n + 16 * m
    pool = np.empty(room, np.int64)
    last = np.ones(m)
    need = 0.0
    bound = 0.0
    for j in range(n):
        need += demand[j]
        gradient[j] = 1.0
        bound += dual[j]
    for i in range(m):
        used = 0
        gain[i] = np.inf
        if state[i] >= 0:
            value, alpha[i], used, last[i] = _one_facility(
                cost[i], demand, dual, capacity[i], alpha[i], keys, items
            )
            gain[i] = fixed[i] + value
        end = start[i] + used
        if end > room:
            room = 2 * end
            bigger = np.empty(room, np.int64)
            bigger[: start[i]] = pool[: start[i]]
            pool = bigger
        pool[start[i] : end] = items[:used]
        start[i + 1] = end
    chosen, sigma, rho = _choose(gain, fixed, capacity, need, least, state, y)
    bound += chosen
    for i in range(m):
        if y[i] > 0.0:
            for k in range(start[i], start[i + 1]):
                part = last[i] if k == start[i + 1] - 1 else 1.0
                gradient[pool[k]] -= y[i] * part
    return bound, sigma, rho


@njit(cache=True, nogil=True)
def step_from(dual, direction, rise, trial):
    """Fill ``trial``: the step along ``direction`` that would raise the bound by ``rise``.

    Returns False where nothing is violated and there is no direction.
    """
    norm = 0.0
    for j in range(dual.shape[0]):
        norm += direction[j] * direction[j]
    if norm < 1e-12:
        return False
    for j in range(dual.shape[0]):
        trial[j] = dual[j] + rise / norm * direction[j]
    return True


@njit(cache=True, nogil=True)
def average(direction, gradient, most):
    """Return (weight of the new solution, gradient x direction) and average the violations.

    The weight is the one that makes the averaged violation smallest, in [``most`` / 10, ``most``].
    """
    cross = 0.0
    length2 = 0.0
    inner = 0.0
    for j in range(direction.shape[0]):
        gap = gradient[j] - direction[j]
        cross -= direction[j] * gap
        length2 += gap * gap
        inner += gradient[j] * direction[j]
    weight = most
    if length2 > 0.0:
        weight = min(most, max(most / 10.0, cross / length2))
    for j in range(direction.shape[0]):
        direction[j] += weight * (gradient[j] - direction[j])
    return weight, inner


@njit(cache=True, nogil=True)
def volume(
    cost,
    demand,
    fixed,
    capacity,
    state,
    least,
    dual,
    target,
    steps,
    factor,
    ceiling,
    y_mean,
    prices,
    halt,
):
    """Return (bound, steps done): climb from ``dual``, which becomes the best prices.

    The volume algorithm of Barahona and Anbil; ``y_mean`` becomes the averaged relaxed y,
    ``prices`` (sigma, rho) of the best step. ``target`` guesses the optimum, for the step length
    only; ``factor`` is the first step factor. Stops when the bound passes ``ceiling`` or ``halt``
    is set.
    """
    m, n = cost.shape
    gradient = np.empty(n)
    y = np.empty(m)
    gain = np.empty(m)
    alpha = np.zeros(m)
    best, sigma, rho = evaluate(
        cost, demand, fixed, capacity, state, least, dual, gradient, y, gain, alpha
    )
    prices[0] = sigma
    prices[1] = rho
    direction = gradient.copy()
    y_mean[:] = y
    trial = np.empty(n)
    most = 0.1  # largest weight of the newest solution in the average
    red = 0
    checkpoint = best
    free_target = target <= best
    if free_target:
        target = best + 0.05 * abs(best)
    done = 0
    for step in range(steps):
        if best >= ceiling or halt[0] != 0:
            break
        done = step + 1
        if not step_from(dual, direction, factor * (target - best), trial):
            break
        bound, sigma, rho = evaluate(
            cost, demand, fixed, capacity, state, least, trial, gradient, y, gain, alpha
        )
        weight, inner = average(direction, gradient, most)
        for i in range(m):
            y_mean[i] += weight * (y[i] - y_mean[i])
        if bound > best:
            best = bound
            prices[0] = sigma
            prices[1] = rho
            dual[:] = trial
            red = 0
            if inner > 0.0:
                factor = min(2.0, factor * 1.1)
        else:
            red += 1
            if red >= 10:
                factor = max(5e-4, factor * 0.67)
                red = 0
        if free_target and best > target - 0.05 * abs(target):
            target = max(target, best + 0.02 * abs(best))
        if target <= best:
            target = best + 1e-4 * abs(best)
        if (step + 1) % 50 == 0:
            if best - checkpoint < 1e-3 * abs(best) and most > 1e-3:
                most *= 0.67
            if best - checkpoint < 1e-5 * abs(best) and step > 200 and factor < 0.02:
                break
            checkpoint = best
    return best, done


@njit(cache=True, nogil=True)
def used_arcs(cost, demand, fixed, capacity, state, least, dual, used, gain, alpha):
    """Return (bound, sigma, rho) at ``dual`` and mark the arcs of facilities worth opening.

    ``gain`` becomes what forcing a facility open adds to the bound (closing it adds -gain).
    """
    m, n = cost.shape
    gradient = np.empty(n)
    y = np.empty(m)
    alpha[:] = 0.0
    bound, sigma, rho = evaluate(
        cost, demand, fixed, capacity, state, least, dual, gradient, y, gain, alpha
    )
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    for i in range(m):
        if state[i] < 0:
            continue
        gain[i] -= sigma * capacity[i] + rho
        if gain[i] < 1e-9 * (1.0 + fixed[i]):
            _, _, count, _ = _one_facility(
                cost[i], demand, dual, capacity[i], alpha[i], keys, items
            )
            for k in range(count):
                used[i, items[k]] = True
    return bound, sigma, rho
