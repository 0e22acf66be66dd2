"""Compiled search for single source that looks only where something has changed.

A kick closes, opens or exchanges facilities, or moves a few customers; then customers of the
facilities that changed move one by one or change places in pairs until none of them gains. The
result is kept by simulated annealing, or all moves are undone. Overload has a price, as in
`assignment`, so that the search crosses tight capacities. One kick takes about 0.1 ms whatever the
size of the problem.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _over(load, capacity):
    return load - capacity if load > capacity else 0.0


@njit(cache=True, nogil=True)
def _move(j, to, demand, source, load, count, members, place):
    """Send customer ``j`` to facility ``to``."""
    a = source[j]
    last = members[a, count[a] - 1]
    members[a, place[j]] = last
    place[last] = place[j]
    count[a] -= 1
    load[a] = load[a] - demand[j] if count[a] > 0 else 0.0
    members[to, count[to]] = j
    place[j] = count[to]
    count[to] += 1
    load[to] += demand[j]
    source[j] = to


@njit(cache=True, nogil=True)
def _change(j, to, cost_t, demand, fixed, capacity, source, load, count, price):
    """Return what sending ``j`` to ``to`` adds to cost and priced overload."""
    a = source[j]
    d = demand[j]
    change = cost_t[j, to] - cost_t[j, a]
    change += price * (
        _over(load[to] + d, capacity[to])
        - _over(load[to], capacity[to])
        + _over(load[a] - d, capacity[a])
        - _over(load[a], capacity[a])
    )
    if count[to] == 0:
        change += fixed[to]
    if count[a] == 1:
        change -= fixed[a]
    return change


@njit(cache=True, nogil=True)
def _empty(
    shut, into, cost_t, demand, fixed, capacity, near, source, load, count, members, place, price,
    moved, origin, done,
):  # fmt: skip
    """Return (change, moves): customers of ``shut`` go where it costs least, open or ``into``."""
    total = 0.0
    while count[shut] > 0:
        j = members[shut, count[shut] - 1]
        best = np.inf
        to = -1
        for k in range(near.shape[1]):
            i = near[j, k]
            if i < 0:
                break
            if i == shut or (count[i] == 0 and i != into):
                continue
            if cost_t[j, i] - cost_t[j, shut] >= best + price * demand[j] + fixed[shut]:
                break  # costs only rise along the row
            change = _change(j, i, cost_t, demand, fixed, capacity, source, load, count, price)
            if change < best:
                best = change
                to = i
        if to < 0:
            return np.inf, done
        moved[done] = j
        origin[done] = shut
        done += 1
        total += best
        _move(j, to, demand, source, load, count, members, place)
    return total, done


@njit(cache=True, nogil=True)
def _fill(
    into, cost_t, demand, fixed, capacity, pull, source, load, count, members, place, price,
    moved, origin, done, order, saving,
):  # fmt: skip
    """Return (change, moves): those who gain most per unit by coming to ``into`` come."""
    found = 0
    for k in range(pull.shape[1]):
        j = pull[into, k]
        if j < 0:
            break
        a = source[j]
        if a == into or demand[j] <= 0.0:
            continue
        relief = _over(load[a], capacity[a]) - _over(load[a] - demand[j], capacity[a])
        gain = cost_t[j, into] - cost_t[j, a] - price * relief
        if gain < 0.0:
            order[found] = j
            saving[found] = gain / demand[j]
            found += 1
    rank = np.argsort(saving[:found])
    total = 0.0
    for at in range(found):
        j = order[rank[at]]
        if load[into] + demand[j] > capacity[into]:
            continue
        change = _change(j, into, cost_t, demand, fixed, capacity, source, load, count, price)
        if change >= 0.0 and count[into] > 0:
            continue
        moved[done] = j
        origin[done] = source[j]
        done += 1
        total += change
        _move(j, into, demand, source, load, count, members, place)
    return total, done


@njit(cache=True, nogil=True)
def _settle(
    cost_t, demand, fixed, capacity, near, pull, reach, source, load, count, members, place, price,
    moved, origin, done, queue, waits, waiting, most,
):  # fmt: skip
    """Return (change, moves): descend from facilities that ``waits`` marks, ``waiting`` of them.

    A customer looks at the ``reach`` nearest open facilities. Ends when nothing waits, or when
    ``most`` moves are logged.
    """
    m = fixed.shape[0]
    first = 0
    total = 0.0
    while waiting > 0 and done < most:
        a = queue[first]
        first = (first + 1) % m
        waiting -= 1
        waits[a] = False
        again = True
        while again and done < most:
            again = False
            at = 0
            while at < count[a]:
                j = members[a, at]
                at += 1
                d = demand[j]
                over_a = _over(load[a], capacity[a])
                leave = -cost_t[j, a] + price * (_over(load[a] - d, capacity[a]) - over_a)
                if count[a] == 1:
                    leave -= fixed[a]
                best = -1e-7
                to = -1
                partner = -1
                seen = 0
                for position in range(near.shape[1]):
                    b = near[j, position]
                    if b < 0:
                        break
                    if b == a or count[b] == 0:
                        continue
                    seen += 1
                    if seen > reach:
                        break
                    over_b = _over(load[b], capacity[b])
                    change = leave + cost_t[j, b]
                    if change < best:
                        change += price * (_over(load[b] + d, capacity[b]) - over_b)
                        if change < best:
                            best = change
                            to = b
                            partner = -1
                    swap = cost_t[j, b] - cost_t[j, a]
                    for other in range(count[b]):
                        k = members[b, other]
                        change = swap + cost_t[k, a] - cost_t[k, b]
                        more = demand[k] - d
                        if change >= best and over_a == 0.0 and over_b == 0.0:
                            continue
                        change += price * (
                            _over(load[a] + more, capacity[a])
                            - over_a
                            + _over(load[b] - more, capacity[b])
                            - over_b
                        )
                        if change < best:
                            best = change
                            to = b
                            partner = k
                if to >= 0:
                    total += best
                    moved[done] = j
                    origin[done] = a
                    done += 1
                    if partner >= 0:
                        moved[done] = partner
                        origin[done] = to
                        done += 1
                        _move(partner, a, demand, source, load, count, members, place)
                    _move(j, to, demand, source, load, count, members, place)
                    if not waits[to]:
                        waits[to] = True
                        queue[(first + waiting) % m] = to
                        waiting += 1
                    again = True
                    at = max(0, at - 2)
                    if done >= most:
                        break
            if count[a] == 0 or done >= most:
                break
            for position in range(pull.shape[1]):  # who would rather be here
                k = pull[a, position]
                if k < 0:
                    break
                b = source[k]
                if b == a or cost_t[k, a] >= cost_t[k, b] + price * demand[k] + fixed[b]:
                    continue
                if load[a] + demand[k] > capacity[a] and load[b] <= capacity[b] and count[b] > 1:
                    continue
                change = _change(k, a, cost_t, demand, fixed, capacity, source, load, count, price)
                if change < -1e-7:
                    total += change
                    moved[done] = k
                    origin[done] = b
                    done += 1
                    _move(k, a, demand, source, load, count, members, place)
                    if not waits[b]:
                        waits[b] = True
                        queue[(first + waiting) % m] = b
                        waiting += 1
                    again = True
                    if done >= most:
                        break
    while waiting > 0:
        waits[queue[first]] = False
        first = (first + 1) % m
        waiting -= 1
    return total, done


@njit(cache=True, nogil=True)
def _value(cost_t, fixed, capacity, source, load, count):
    """Return (cost, overload)."""
    total = 0.0
    over = 0.0
    for i in range(fixed.shape[0]):
        if count[i] > 0:
            total += fixed[i]
            over += _over(load[i], capacity[i])
    for j in range(cost_t.shape[0]):
        total += cost_t[j, source[j]]
    return total, over


@njit(cache=True, nogil=True)
def anneal(
    cost_t, demand, fixed, capacity, near, pull, current, best_source, best, kicks, hot, cold,
    reach, seed, price, halt,
):  # fmt: skip
    """Return (best objective, price) after ``kicks`` kicks; ``best_source`` follows the best.

    ``current`` [n] is where the search begins and ends. ``near`` and ``pull`` list the facilities
    of a customer and the customers of a facility, cheapest first, -1 after the last. The
    temperature falls from ``hot`` to ``cold``, in money.
    """
    np.random.seed(seed)
    n, m = cost_t.shape
    most = 6 * n
    source = current.copy()
    load = np.zeros(m)
    count = np.zeros(m, np.int64)
    members = np.empty((m, n), np.int64)
    place = np.empty(n, np.int64)
    moved = np.empty(most + 2 * n + 8, np.int64)
    origin = np.empty(most + 2 * n + 8, np.int64)
    order = np.empty(n, np.int64)
    saving = np.empty(n)
    queue = np.empty(m, np.int64)
    waits = np.zeros(m, np.bool_)
    for j in range(n):
        i = source[j]
        members[i, count[i]] = j
        place[j] = count[i]
        count[i] += 1
        load[i] += demand[j]
    waiting = 0
    for i in range(m):
        if count[i] > 0:
            waits[i] = True
            queue[waiting] = i
            waiting += 1
    for _ in range(20):
        change, done = _settle(
            cost_t, demand, fixed, capacity, near, pull, reach, source, load, count, members, place,
            price, moved, origin, 0, queue, waits, waiting, most,
        )  # fmt: skip
        waiting = 0
        if done < most:
            break
        for i in range(m):
            if count[i] > 0:
                waits[i] = True
                queue[waiting] = i
                waiting += 1
    total, over = _value(cost_t, fixed, capacity, source, load, count)
    cooling = (cold / hot) ** (1.0 / max(1, kicks))
    heat = hot
    width = near.shape[1]
    for step in range(kicks):
        if halt[0] != 0:
            break
        heat *= cooling
        if over <= 1e-9 and total < best - 1e-7:
            best = total
            best_source[:] = source
        if step % 50 == 49:
            total, over = _value(cost_t, fixed, capacity, source, load, count)
        done = 0
        worse = 0.0
        what = np.random.randint(8)
        shut = source[np.random.randint(n)]
        into = -1
        if what >= 2 and what <= 6:
            j = members[shut, np.random.randint(count[shut])]
            for _ in range(20):
                into = near[j, np.random.randint(width)]
                if into >= 0 and count[into] == 0:
                    break
                into = -1
            if into < 0:
                continue
        if what == 7:  # a few customers near each other
            for _ in range(2 + np.random.randint(4)):
                j = pull[shut, np.random.randint(pull.shape[1])]
                if j < 0:
                    continue
                to = near[j, np.random.randint(width)]
                if to < 0 or count[to] == 0 or to == source[j]:
                    continue
                worse += _change(j, to, cost_t, demand, fixed, capacity, source, load, count, price)
                moved[done] = j
                origin[done] = source[j]
                done += 1
                _move(j, to, demand, source, load, count, members, place)
        else:
            if into >= 0 and what <= 4:  # the new one takes the place of the other
                found = count[shut]
                for k in range(found):
                    order[k] = members[shut, k]
                    saving[k] = (cost_t[order[k], into] - cost_t[order[k], shut]) / max(
                        1e-9, demand[order[k]]
                    )
                rank = np.argsort(saving[:found])
                for at in range(found):
                    j = order[rank[at]]
                    if load[into] + demand[j] <= capacity[into]:
                        worse += _change(
                            j, into, cost_t, demand, fixed, capacity, source, load, count, price
                        )
                        moved[done] = j
                        origin[done] = shut
                        done += 1
                        _move(j, into, demand, source, load, count, members, place)
            elif into >= 0:
                change, done = _fill(
                    into, cost_t, demand, fixed, capacity, pull, source, load, count, members,
                    place, price, moved, origin, done, order, saving,
                )  # fmt: skip
                worse += change
            if what != 6 and count[shut] > 0:
                change, done = _empty(
                    shut, into, cost_t, demand, fixed, capacity, near, source, load, count, members,
                    place, price, moved, origin, done,
                )  # fmt: skip
                worse += change
        if worse < np.inf:
            waiting = 0
            for at in range(done):
                for i in (origin[at], source[moved[at]]):
                    if not waits[i] and count[i] > 0:
                        waits[i] = True
                        queue[waiting] = i
                        waiting += 1
            change, done = _settle(
                cost_t, demand, fixed, capacity, near, pull, reach, source, load, count, members,
                place, price, moved, origin, done, queue, waits, waiting, most,
            )  # fmt: skip
            worse += change
        if done == 0:
            continue
        if worse <= 0.0 or np.random.random() < np.exp(-worse / heat):
            if worse != 0.0:
                total, over = _value(cost_t, fixed, capacity, source, load, count)
            price *= 0.98 if over <= 1e-9 else 1.03
        else:
            for at in range(done - 1, -1, -1):
                _move(moved[at], origin[at], demand, source, load, count, members, place)
            if over > 1e-9:
                price *= 1.003  # no way out at this price
    total, over = _value(cost_t, fixed, capacity, source, load, count)
    if over <= 1e-9 and total < best - 1e-7:
        best = total
        best_source[:] = source
    current[:] = source
    return best, price
