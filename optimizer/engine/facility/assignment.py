"""Compiled local search for single source: customers move one by one and change places in pairs.

Overload is allowed at a price, which rises while plans are overloaded and falls while they are
not, so that the search crosses tight capacities instead of standing before them. Opening and
closing count with every move: the last customer to leave closes a facility.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def load_of(demand, source, load, count):
    """Fill load and number of customers per facility."""
    load[:] = 0.0
    count[:] = 0
    for j in range(demand.shape[0]):
        load[source[j]] += demand[j]
        count[source[j]] += 1


@njit(cache=True, nogil=True)
def cost_of(cost_t, fixed, capacity, source, load, count):
    """Return (objective, overload) of an assignment."""
    total = 0.0
    over = 0.0
    for i in range(fixed.shape[0]):
        if count[i] > 0:
            total += fixed[i]
            over += max(0.0, load[i] - capacity[i])
    for j in range(cost_t.shape[0]):
        total += cost_t[j, source[j]]
    return total, over


@njit(cache=True, nogil=True)
def descend(cost_t, demand, fixed, capacity, near, source, load, count, price, may_open, passes):
    """Move to a local optimum of objective + ``price`` x overload; returns the passes made.

    A customer may go to the facilities in its row of ``near`` (-1 ends it), if open or
    ``may_open``; any two may change places. ``load`` and ``count`` must fit ``source``.
    """
    n = cost_t.shape[0]
    for done in range(passes):
        better = False
        for j in range(n):
            a = source[j]
            d = demand[j]
            leave = -cost_t[j, a] - price * (
                max(0.0, load[a] - capacity[a]) - max(0.0, load[a] - d - capacity[a])
            )
            if count[a] == 1:
                leave -= fixed[a]
            best = -1e-7
            to = -1
            for k in range(near.shape[1]):
                i = near[j, k]
                if i < 0:
                    break
                if i == a or (count[i] == 0 and not may_open):
                    continue
                change = leave + cost_t[j, i]
                if change >= best:
                    continue
                change += price * (
                    max(0.0, load[i] + d - capacity[i]) - max(0.0, load[i] - capacity[i])
                )
                if count[i] == 0:
                    change += fixed[i]
                if change < best:
                    best = change
                    to = i
            if to >= 0:
                source[j] = to
                load[a] -= d
                count[a] -= 1
                load[to] += d
                count[to] += 1
                better = True
        for j in range(n):
            a = source[j]
            over_a = max(0.0, load[a] - capacity[a])
            for k in range(j + 1, n):
                b = source[k]
                if a == b:
                    continue
                change = cost_t[j, b] + cost_t[k, a] - cost_t[j, a] - cost_t[k, b]
                more = demand[k] - demand[j]
                if (
                    change >= 0.0
                    and (over_a == 0.0 or more > 0.0)
                    and (load[b] <= capacity[b] or more < 0.0)
                ):
                    continue
                change += price * (
                    max(0.0, load[a] + more - capacity[a])
                    - over_a
                    + max(0.0, load[b] - more - capacity[b])
                    - max(0.0, load[b] - capacity[b])
                )
                if change < -1e-7:
                    source[j] = b
                    source[k] = a
                    load[a] += more
                    load[b] -= more
                    a = b
                    over_a = max(0.0, load[a] - capacity[a])
                    better = True
        if not better:
            return done + 1
    return passes


@njit(cache=True, nogil=True)
def repair(cost_t, demand, fixed, capacity, near, y, assigned, source, load, count, price):
    """Return the objective of the plan made of a relaxed solution, inf if it stays overloaded."""
    n = cost_t.shape[0]
    m = fixed.shape[0]
    for i in range(m):
        load[i] = 0.0
        count[i] = 0
    missing = 0
    for j in range(n):
        source[j] = assigned[j]
        if assigned[j] >= 0:
            load[assigned[j]] += demand[j]
            count[assigned[j]] += 1
        else:
            missing += 1
    if missing > 0:
        order = np.argsort(-demand)
        for at in range(n):
            j = order[at]
            if source[j] >= 0:
                continue
            best = np.inf
            to = near[j, 0]
            for k in range(near.shape[1]):
                i = near[j, k]
                if i < 0:
                    break
                over = max(0.0, load[i] + demand[j] - capacity[i])
                value = cost_t[j, i] + price * min(demand[j], over)
                if y[i] < 0.5 and count[i] == 0:
                    value += fixed[i]
                if value < best:
                    best = value
                    to = i
            source[j] = to
            load[to] += demand[j]
            count[to] += 1
    for _ in range(4):
        descend(cost_t, demand, fixed, capacity, near, source, load, count, price, True, 6)
        total, over = cost_of(cost_t, fixed, capacity, source, load, count)
        if over <= 1e-9:
            return total
        price *= 4.0
    return np.inf


@njit(cache=True, nogil=True)
def _close(cost_t, demand, fixed, capacity, near, source, load, count, price, shut):
    """Send the customers of ``shut`` to where each costs least now."""
    for j in range(cost_t.shape[0]):
        if source[j] != shut:
            continue
        best = np.inf
        to = -1
        for k in range(near.shape[1]):
            i = near[j, k]
            if i < 0:
                break
            if i == shut:
                continue
            value = cost_t[j, i] + price * (
                max(0.0, load[i] + demand[j] - capacity[i]) - max(0.0, load[i] - capacity[i])
            )
            if count[i] == 0:
                value += fixed[i]
            if value < best:
                best = value
                to = i
        if to >= 0:
            source[j] = to
            load[shut] -= demand[j]
            count[shut] -= 1
            load[to] += demand[j]
            count[to] += 1


@njit(cache=True, nogil=True)
def _open(cost_t, demand, capacity, source, load, count, price, into, saving):
    """Fill ``into`` with the customers that save most per unit by coming."""
    n = cost_t.shape[0]
    for j in range(n):
        a = source[j]
        saving[j] = np.inf
        if a != into and demand[j] > 0.0:
            relief = max(0.0, load[a] - capacity[a]) - max(0.0, load[a] - demand[j] - capacity[a])
            saving[j] = (cost_t[j, into] - cost_t[j, a] - price * relief) / demand[j]
    order = np.argsort(saving)
    for at in range(n):
        j = order[at]
        if saving[j] >= 0.0:
            break
        if load[into] + demand[j] > capacity[into]:
            continue
        a = source[j]
        source[j] = into
        load[a] -= demand[j]
        count[a] -= 1
        load[into] += demand[j]
        count[into] += 1


@njit(cache=True, nogil=True)
def iterate(
    cost_t, demand, fixed, capacity, near, allowed, current, best_source, best, rounds, seed,
    price, halt,
):  # fmt: skip
    """Return (best objective, price) after kicks and descents; ``best_source`` follows the best.

    ``current`` [n] is where the search stands, and goes on from next time. A kick closes, opens or
    exchanges facilities in ``allowed``, or moves a few customers. Slightly worse plans are kept.
    """
    np.random.seed(seed)
    n, m = cost_t.shape
    load = np.empty(m)
    count = np.empty(m, np.int64)
    source = current.copy()
    saving = np.empty(n)
    load_of(demand, source, load, count)
    descend(cost_t, demand, fixed, capacity, near, source, load, count, price, True, 50)
    total, over = cost_of(cost_t, fixed, capacity, source, load, count)
    current[:] = source
    value = total + price * over
    feasible_runs = 0
    for step in range(rounds):
        if halt[0] != 0:
            break
        if over <= 1e-9 and total < best:
            best = total
            best_source[:] = source
        source[:] = current
        load_of(demand, source, load, count)
        kind = np.random.randint(5)
        if kind != 1 and kind < 3:  # close one
            shut = source[np.random.randint(n)]
            if kind == 2:
                into = near[np.random.randint(n), np.random.randint(min(8, near.shape[1]))]
                if into >= 0 and count[into] == 0:
                    _open(cost_t, demand, capacity, source, load, count, price, into, saving)
            _close(cost_t, demand, fixed, capacity, near, source, load, count, price, shut)
        elif kind == 1:
            for _ in range(10):
                into = allowed[np.random.randint(allowed.shape[0])]
                if count[into] == 0:
                    _open(cost_t, demand, capacity, source, load, count, price, into, saving)
                    break
        else:
            for _ in range(2 + np.random.randint(5)):
                j = np.random.randint(n)
                i = near[j, np.random.randint(min(6, near.shape[1]))]
                if i >= 0 and count[i] > 0:
                    a = source[j]
                    source[j] = i
                    load[a] -= demand[j]
                    count[a] -= 1
                    load[i] += demand[j]
                    count[i] += 1
        descend(cost_t, demand, fixed, capacity, near, source, load, count, price, True, 12)
        total, over = cost_of(cost_t, fixed, capacity, source, load, count)
        now = total + price * over
        heat = 3e-3 * abs(value) * (1.0 - step / rounds) * np.random.random() ** 4
        if now <= value + heat:
            value = now
            current[:] = source
        if over > 1e-9:
            feasible_runs = 0
            price *= 1.03
        else:
            feasible_runs += 1
            price *= 0.985
        if step % 20 == 19:  # the price has moved: value the current plan anew
            load_of(demand, current, load, count)
            a_total, a_over = cost_of(cost_t, fixed, capacity, current, load, count)
            value = a_total + price * a_over
    if over <= 1e-9 and total < best:
        best = total
        best_source[:] = source
    return best, price
