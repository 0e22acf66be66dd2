"""Compiled local search over open sets without capacities: open, close and swap, exactly priced.

Every customer keeps its two nearest open facilities. What opening a facility saves, and what
every swap with it saves, then costs one pass over the customers that have it in their list
(Whitaker; Resende and Werneck). Only facilities near a change are looked at again, so that a round
of iterated search costs what its surroundings cost, not what the instance costs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NONE = 1e30  # the cost of a nearest open facility that does not exist


@njit(cache=True, nogil=True)
def customers_of(near, near_cost, m):
    """Return (start, customer, cost): per facility the customers that have it in their list."""
    n, width = near.shape
    start = np.zeros(m + 1, np.int64)
    for j in range(n):
        for k in range(width):
            start[near[j, k] + 1] += 1
    for i in range(m):
        start[i + 1] += start[i]
    at = start[:m].copy()
    customer = np.empty(n * width, np.int32)
    cost = np.empty(n * width)
    for j in range(n):
        for k in range(width):
            i = near[j, k]
            customer[at[i]] = j
            cost[at[i]] = near_cost[j, k]
            at[i] += 1
    return start, customer, cost


@njit(cache=True, nogil=True)
def _look_up(near, near_cost, cost, is_open, first, second, d1, d2, j):
    """Find the two nearest open facilities of customer j, beyond its list if need be."""
    m = is_open.shape[0]
    first[j] = -1
    second[j] = -1
    d1[j] = NONE
    d2[j] = NONE
    for k in range(near.shape[1]):
        i = near[j, k]
        if is_open[i]:
            if first[j] < 0:
                first[j] = i
                d1[j] = near_cost[j, k]
            else:
                second[j] = i
                d2[j] = near_cost[j, k]
                return
    if near.shape[1] == m:
        return
    known = first[j]
    for i in range(m):
        if is_open[i] and i != known:
            c = min(cost[i, j], NONE)
            if c < d1[j]:
                second[j] = first[j]
                d2[j] = d1[j]
                first[j] = i
                d1[j] = c
            elif c < d2[j]:
                second[j] = i
                d2[j] = c


@njit(cache=True, nogil=True)
def _wake(near, near_cost, d2, dirty, j):
    """Mark the facilities that customer j would rather have than its second nearest."""
    for k in range(near.shape[1]):
        if near_cost[j, k] >= d2[j]:
            break
        dirty[near[j, k]] = True


@njit(cache=True, nogil=True)
def _open(near, near_cost, start, customer, arc_cost, is_open, first, second, d1, d2, dirty, i):
    is_open[i] = True
    for a in range(start[i], start[i + 1]):
        j = customer[a]
        c = arc_cost[a]
        if c < d2[j]:
            _wake(near, near_cost, d2, dirty, j)
            if c < d1[j]:
                second[j] = first[j]
                d2[j] = d1[j]
                first[j] = i
                d1[j] = c
            else:
                second[j] = i
                d2[j] = c


@njit(cache=True, nogil=True)
def _close(near, near_cost, cost, is_open, first, second, d1, d2, dirty, i):
    is_open[i] = False
    dirty[i] = True
    for j in range(first.shape[0]):
        if first[j] == i or second[j] == i:
            _look_up(near, near_cost, cost, is_open, first, second, d1, d2, j)
            _wake(near, near_cost, d2, dirty, j)


@njit(cache=True, nogil=True)
def _price(fixed, is_open, first, d1, d2, loss):
    """Return the objective; ``loss[i]`` becomes what closing i costs (less its fixed cost)."""
    total = 0.0
    for i in range(fixed.shape[0]):
        loss[i] = -fixed[i]
        if is_open[i]:
            total += fixed[i]
    for j in range(first.shape[0]):
        total += d1[j]
        if first[j] >= 0:
            loss[first[j]] += d2[j] - d1[j]
    return total


@njit(cache=True, nogil=True)
def _best_move(start, customer, arc_cost, fixed, first, d1, d2, loss, frozen, extra, touched, i):
    """Return (saving, facility to close or -1) of the best move that opens i."""
    gain = -fixed[i]
    count = 0
    for a in range(start[i], start[i + 1]):
        j = customer[a]
        c = arc_cost[a]
        if c < d2[j]:
            o = first[j]
            more = d2[j] - max(c, d1[j])
            if o >= 0 and more > 0.0:
                if extra[o] == 0.0:
                    touched[count] = o
                    count += 1
                extra[o] += more
            if c < d1[j]:
                gain += d1[j] - c
    best = gain
    out = -1
    for k in range(count):
        o = touched[k]
        if not frozen[o] and gain + extra[o] - loss[o] > best:
            best = gain + extra[o] - loss[o]
            out = o
        extra[o] = 0.0
    return best, out


@njit(cache=True, nogil=True)
def _descend(
    near, near_cost, cost, start, customer, arc_cost, fixed, is_open, first, second, d1, d2, loss,
    dirty, frozen, extra, touched, begin, halt,
):  # fmt: skip
    """Return (objective, arcs looked at) at a local optimum.

    ``dirty`` says where to look, ``begin`` where first.
    """
    m = fixed.shape[0]
    value = _price(fixed, is_open, first, d1, d2, loss)
    opens = 0
    for i in range(m):
        if is_open[i]:
            opens += 1
    arcs = 0
    moved = True
    while moved and halt[0] == 0:
        moved = False
        for step in range(m):
            i = begin + step
            if i >= m:
                i -= m
            if frozen[i]:
                continue
            if is_open[i]:
                if opens > 1 and loss[i] < -1e-9 * abs(value):
                    _close(near, near_cost, cost, is_open, first, second, d1, d2, dirty, i)
                    opens -= 1
                    value = _price(fixed, is_open, first, d1, d2, loss)
                    moved = True
                continue
            if not dirty[i]:
                continue
            dirty[i] = False
            arcs += start[i + 1] - start[i]
            saving, out = _best_move(
                start, customer, arc_cost, fixed, first, d1, d2, loss, frozen, extra, touched, i
            )
            if saving > 1e-9 * abs(value):
                _open(
                    near, near_cost, start, customer, arc_cost, is_open, first, second, d1, d2,
                    dirty, i,
                )  # fmt: skip
                opens += 1
                if out >= 0:
                    _close(near, near_cost, cost, is_open, first, second, d1, d2, dirty, out)
                    opens -= 1
                value = _price(fixed, is_open, first, d1, d2, loss)
                moved = True
                if halt[0] != 0:
                    break
    return value, arcs


@njit(cache=True, nogil=True)
def local_optimum(near, near_cost, cost, start, customer, arc_cost, fixed, is_open, halt):
    """Return the objective after descending from ``is_open``, which becomes the local optimum."""
    n, m = near.shape[0], fixed.shape[0]
    first = np.full(n, -1)
    second = np.full(n, -1)
    d1 = np.empty(n)
    d2 = np.empty(n)
    for j in range(n):
        _look_up(near, near_cost, cost, is_open, first, second, d1, d2, j)
    value, _ = _descend(
        near, near_cost, cost, start, customer, arc_cost, fixed, is_open, first, second, d1, d2,
        np.empty(m), np.ones(m, np.bool_), np.zeros(m, np.bool_), np.zeros(m),
        np.empty(m, np.int64), 0, halt,
    )  # fmt: skip
    return value


@njit(cache=True, nogil=True)
def iterate(
    near, near_cost, cost, start, customer, arc_cost, fixed, best_open, best_value, effort, seed,
    strength, slack, allowed, is_open, halt,
):  # fmt: skip
    """Return (best value, current value): iterated local search from ``is_open``.

    A round opens and closes up to ``strength`` facilities near one customer, descends around them
    with these held, then freely, and keeps what is at most ``slack`` x best worse. ``best_open``
    follows the best, ``is_open`` the current plan. ``allowed`` marks what may be opened by a kick.
    Ends after ``effort`` arcs were looked at.
    """
    np.random.seed(seed)
    n, m = near.shape[0], fixed.shape[0]
    width = near.shape[1]
    first = np.full(n, -1)
    second = np.full(n, -1)
    d1 = np.empty(n)
    d2 = np.empty(n)
    for j in range(n):
        _look_up(near, near_cost, cost, is_open, first, second, d1, d2, j)
    loss = np.empty(m)
    dirty = np.zeros(m, np.bool_)
    frozen = np.zeros(m, np.bool_)
    extra = np.zeros(m)
    touched = np.empty(m, np.int64)
    kicked = np.empty(strength, np.int64)
    current = _price(fixed, is_open, first, d1, d2, loss)
    old_open = is_open.copy()
    old_first = first.copy()
    old_second = second.copy()
    old_d1 = d1.copy()
    old_d2 = d2.copy()
    arcs = 0
    while arcs < effort and halt[0] == 0:
        arcs += n + m  # what a round costs at least
        opens = 0
        for i in range(m):
            if is_open[i]:
                opens += 1
        dirty[:] = False
        reach = min(width, max(8, 3 * m // opens))
        j = np.random.randint(n)
        count = 0
        for _k in range(1 + np.random.randint(strength)):
            i = near[j, np.random.randint(reach)]
            if frozen[i]:
                continue
            if is_open[i]:
                if opens == 1:
                    continue
                _close(near, near_cost, cost, is_open, first, second, d1, d2, dirty, i)
                opens -= 1
            else:
                if not allowed[i]:
                    continue
                _open(
                    near, near_cost, start, customer, arc_cost, is_open, first, second, d1, d2,
                    dirty, i,
                )  # fmt: skip
                opens += 1
            frozen[i] = True
            kicked[count] = i
            count += 1
        if count == 0:
            continue
        begin = np.random.randint(m)
        _, held_arcs = _descend(
            near, near_cost, cost, start, customer, arc_cost, fixed, is_open, first, second, d1,
            d2, loss, dirty, frozen, extra, touched, begin, halt,
        )  # fmt: skip
        for k in range(count):
            frozen[kicked[k]] = False
            dirty[kicked[k]] = True
        value, free_arcs = _descend(
            near, near_cost, cost, start, customer, arc_cost, fixed, is_open, first, second, d1,
            d2, loss, dirty, frozen, extra, touched, begin, halt,
        )  # fmt: skip
        arcs += held_arcs + free_arcs
        if halt[0] != 0:  # the descent was cut short: what it holds is no local optimum
            is_open[:] = old_open
            break
        if value <= current + slack * abs(best_value) * np.random.random() ** 3:
            current = value
            old_open[:] = is_open
            old_first[:] = first
            old_second[:] = second
            old_d1[:] = d1
            old_d2[:] = d2
            if value < best_value - 1e-9 * abs(best_value):
                best_value = value
                best_open[:] = is_open
        else:
            is_open[:] = old_open
            first[:] = old_first
            second[:] = old_second
            d1[:] = old_d1
            d2[:] = old_d2
    return best_value, current
