"""Compiled kernels for single source: the binary knapsack dual and assignment search.

With whole demands the facility's problem is a 0-1 knapsack, solved exactly by dynamic programming
over capacity; the bound is at least the one of the split-delivery relaxation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import _choose, _one_facility


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


@njit(cache=True, nogil=True)
def complete(cost, demand, fixed, capacity, y, assigned, source, left, is_open):
    """Return the objective of a plan made of a relaxed one (inf if not everyone fits)."""
    m, n = cost.shape
    for i in range(m):
        is_open[i] = y[i] > 0.5
        left[i] = capacity[i]
    missing = 0
    for j in range(n):
        source[j] = assigned[j]
        if source[j] >= 0:
            left[source[j]] -= demand[j]
        else:
            missing += 1
    order = np.argsort(-demand)
    for k in range(n):
        j = order[k]
        if source[j] >= 0:
            continue
        best = np.inf
        at = -1
        for i in range(m):
            if left[i] >= demand[j]:
                value = cost[i, j]
                if not is_open[i]:
                    value += fixed[i] * min(1.0, 0.3 + demand[j] * missing / capacity[i])
                if value < best:
                    best = value
                    at = i
        if at < 0:
            return np.inf
        is_open[at] = True
        source[j] = at
        left[at] -= demand[j]
        missing -= 1
    polish(cost, demand, source, left, is_open, 4)
    total = 0.0
    for i in range(m):
        if is_open[i]:
            served = False
            for j in range(n):
                if source[j] == i:
                    served = True
                    break
            if served:
                total += fixed[i]
    for j in range(n):
        total += cost[source[j], j]
    return total


@njit(cache=True, nogil=True)
def climb_binary(
    cost, weight, demand, fixed, capacity, room, state, least, dual, target, steps, factor, prices,
    gain, y_mean, best_source, incumbent,
):  # fmt: skip
    """Return (bound, objective) after smoothed subgradient steps; ``dual`` becomes the best.

    Every relaxed solution is repaired to a plan; ``best_source`` follows those below ``incumbent``.
    """
    m, n = cost.shape
    assigned = np.empty(n, np.int64)
    source = np.empty(n, np.int64)
    is_open = np.empty(m, np.bool_)
    left = np.empty(m)
    gradient = np.empty(n)
    y = np.empty(m)
    alpha = np.zeros(m)
    trial = dual.copy()
    direction = np.zeros(n)
    best = -np.inf
    stale = 0
    for step in range(steps + 1):
        bound, sigma, rho = evaluate_binary(
            cost, weight, demand, fixed, capacity, room, state, least, trial, gradient, y, gain,
            alpha, assigned,
        )  # fmt: skip
        value = complete(cost, demand, fixed, capacity, y, assigned, source, left, is_open)
        if value < incumbent:
            incumbent = value
            best_source[:] = source
            target = min(target, value)
        if step == 0:
            direction[:] = gradient
            y_mean[:] = y
        for i in range(m):
            y_mean[i] += 0.1 * (y[i] - y_mean[i])
        if bound > best:
            if bound < best + 1e-5 * abs(best):
                stale += 1
            else:
                stale = 0
            best = bound
            dual[:] = trial
            prices[0] = sigma
            prices[1] = rho
        else:
            stale += 1
        if stale >= 20:
            factor *= 0.7
            stale = 0
            trial[:] = dual
            if factor < 1e-3:
                break
        norm = 0.0
        for j in range(n):
            direction[j] = 0.25 * gradient[j] + 0.75 * direction[j]
            norm += direction[j] * direction[j]
        if norm < 1e-10:
            break
        length = factor * max(target - bound, 2e-3 * abs(best)) / norm
        for j in range(n):
            trial[j] += length * direction[j]
    evaluate_binary(
        cost, weight, demand, fixed, capacity, room, state, least, dual, gradient, y, gain, alpha,
        assigned,
    )  # fmt: skip
    for i in range(m):
        gain[i] -= prices[0] * capacity[i] + prices[1]
    return best, incumbent


@njit(cache=True, nogil=True)
def forced(cost, weight, fixed, room, dual, may, least_added, budget):
    """Clear ``may[i, j]`` where serving j wholly from i adds more than ``budget`` to the bound.

    The binary knapsack of i is solved again with j inside. ``least_added[i]`` is what the y row
    prices take off the facility's value (sigma s_i + rho).
    """
    m, n = cost.shape
    largest = 0
    for i in range(m):
        largest = max(largest, room[i])
    table = np.empty(largest + 1)
    items = np.empty(n, np.int64)
    for i in range(m):
        count = 0
        for k in range(n):
            if cost[i, k] - dual[k] < 0.0 and weight[k] <= room[i]:
                items[count] = k
                count += 1
        whole = 0.0
        for w in range(room[i] + 1):
            table[w] = 0.0
        for k in range(count):
            step = weight[items[k]]
            worth = cost[i, items[k]] - dual[items[k]]
            for w in range(room[i], step - 1, -1):
                if table[w - step] + worth < table[w]:
                    table[w] = table[w - step] + worth
        whole = fixed[i] + table[room[i]] - least_added[i]
        base = min(0.0, whole)
        for j in range(n):
            if not may[i, j]:
                continue
            left = room[i] - weight[j]
            if left < 0:
                may[i, j] = False
                continue
            for w in range(left + 1):
                table[w] = 0.0
            for k in range(count):
                if items[k] == j:
                    continue
                step = weight[items[k]]
                worth = cost[i, items[k]] - dual[items[k]]
                for w in range(left, step - 1, -1):
                    if table[w - step] + worth < table[w]:
                        table[w] = table[w - step] + worth
            value = fixed[i] + cost[i, j] - dual[j] + table[left] - least_added[i]
            if value - base > budget:
                may[i, j] = False


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


@njit(cache=True, nogil=True)
def build(cost, demand, fixed, capacity, price, is_open, source, left, passes):
    """Return the objective of the assignment built for an open set, inf if none was found."""
    m, n = cost.shape
    if not assign_all(cost, demand, capacity, is_open, price, source, left):
        return np.inf
    polish(cost, demand, source, left, is_open, passes)
    total = 0.0
    for i in range(m):
        if is_open[i] and left[i] < capacity[i]:
            total += fixed[i]
    for j in range(n):
        total += cost[source[j], j]
    return total


@njit(cache=True, nogil=True)
def search_open_sets(
    cost, demand, fixed, capacity, price, allowed, start, rounds, seed, best_source, best
):
    """Return the best objective: random openings, closings and swaps, slightly worse ones accepted.

    ``best_source`` follows the best assignment. Only facilities in ``allowed`` are opened.
    """
    np.random.seed(seed)
    m, n = cost.shape
    current = start.copy()
    trial = start.copy()
    source = np.empty(n, np.int64)
    left = np.empty(m)
    tried = np.empty(m)
    value = build(cost, demand, fixed, capacity, price, current, source, left, 2)
    for step in range(rounds):
        trial[:] = current
        kind = np.random.randint(4)
        a = allowed[np.random.randint(allowed.shape[0])]
        trial[a] = not trial[a]
        if kind >= 2:
            for _ in range(10):
                b = allowed[np.random.randint(allowed.shape[0])]
                if b != a and trial[b] == trial[a]:
                    trial[b] = not trial[b]
                    break
        noise = 0.3 if step % 3 == 0 else 0.0
        for i in range(m):
            tried[i] = price[i] * (1.0 + noise * (2.0 * np.random.random() - 1.0))
        room = 0.0
        for i in range(m):
            if trial[i]:
                room += capacity[i]
        if room < demand.sum():
            continue
        new = build(cost, demand, fixed, capacity, tried, trial, source, left, 2)
        if new < best:
            polish(cost, demand, source, left, trial, 30)
            new = 0.0
            for i in range(m):
                if trial[i] and left[i] < capacity[i]:
                    new += fixed[i]
            for j in range(n):
                new += cost[source[j], j]
            best = new
            best_source[:] = source
        heat = 0.004 * (1.0 - step / rounds)
        if new <= value or (
            new < np.inf and np.random.random() < np.exp(-(new - value) / (heat * best + 1e-12))
        ):
            value = new
            current[:] = trial
            for i in range(m):
                if current[i] and left[i] >= capacity[i]:
                    current[i] = False
    return best
