"""Compiled search for the uncapacitated problem: every customer goes to its nearest open facility.

First and second nearest open facilities are kept per customer, so that the exact saving of every
opening, closing and swap costs one pass over the costs (Resende and Werneck).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _nearest(cost_t, is_open, first, second, j):
    """Set the two nearest open facilities of customer j (-1 when there is none)."""
    m = cost_t.shape[1]
    a = -1
    b = -1
    for i in range(m):
        if is_open[i]:
            c = cost_t[j, i]
            if a < 0 or c < cost_t[j, a]:
                b = a
                a = i
            elif b < 0 or c < cost_t[j, b]:
                b = i
    first[j] = a
    second[j] = b


@njit(cache=True, nogil=True)
def _open_one(cost_t, is_open, first, second, i):
    is_open[i] = True
    for j in range(cost_t.shape[0]):
        c = cost_t[j, i]
        if first[j] < 0 or c < cost_t[j, first[j]]:
            second[j] = first[j]
            first[j] = i
        elif second[j] < 0 or c < cost_t[j, second[j]]:
            second[j] = i


@njit(cache=True, nogil=True)
def _close_one(cost_t, is_open, first, second, i):
    is_open[i] = False
    for j in range(cost_t.shape[0]):
        if first[j] == i or second[j] == i:
            _nearest(cost_t, is_open, first, second, j)


@njit(cache=True, nogil=True)
def objective(cost_t, fixed, is_open, first):
    """Return the cost of an open set whose nearest facilities are in ``first``."""
    total = 0.0
    for i in range(fixed.shape[0]):
        if is_open[i]:
            total += fixed[i]
    for j in range(cost_t.shape[0]):
        if first[j] < 0:
            return np.inf
        total += cost_t[j, first[j]]
    return total


@njit(cache=True, nogil=True)
def _savings(cost_t, near, fixed, is_open, first, second, gain, loss, extra):
    """Fill gain[i] (opening i), loss[i] (closing i); ``extra[o, i]`` corrects swaps (o out, i in).

    ``near[j]`` lists the facilities by cost, so only those nearer than the second one are met.
    """
    m = fixed.shape[0]
    for i in range(m):
        gain[i] = -fixed[i]
        loss[i] = -fixed[i]
    extra[:, :] = 0.0
    for j in range(cost_t.shape[0]):
        a = first[j]
        d1 = cost_t[j, a]
        d2 = cost_t[j, second[j]] if second[j] >= 0 else 1e100
        loss[a] += d2 - d1
        for k in range(near.shape[1]):
            i = near[j, k]
            c = cost_t[j, i]
            if c >= d2:
                break
            if c < d1:
                gain[i] += d1 - c
                extra[a, i] += d2 - d1
            elif i != a:
                extra[a, i] += d2 - c


@njit(cache=True, nogil=True)
def descend(cost_t, near, fixed, is_open, first, second, tabu_until, clock, swaps, extra):
    """Return the objective at a local optimum of opening, closing (and swapping, if asked)."""
    m = fixed.shape[0]
    gain = np.empty(m)
    loss = np.empty(m)
    value = objective(cost_t, fixed, is_open, first)
    eps = 1e-9 * abs(value)
    while True:
        _savings(cost_t, near, fixed, is_open, first, second, gain, loss, extra)
        best = eps
        out = -1
        into = -1
        opens = 0
        for i in range(m):
            if is_open[i]:
                opens += 1
        for i in range(m):
            if is_open[i]:
                if -loss[i] > best and opens > 1 and tabu_until[i] <= clock:
                    best = -loss[i]
                    out = i
                    into = -1
            elif tabu_until[i] <= clock and gain[i] > best:
                best = gain[i]
                into = i
                out = -1
        if swaps:
            for o in range(m):
                if not is_open[o] or tabu_until[o] > clock:
                    continue
                for i in range(m):
                    if is_open[i] or tabu_until[i] > clock:
                        continue
                    saved = gain[i] - loss[o] + extra[o, i]
                    if saved > best:
                        best = saved
                        out = o
                        into = i
        if out < 0 and into < 0:
            return value
        if into >= 0:
            _open_one(cost_t, is_open, first, second, into)
        if out >= 0:
            _close_one(cost_t, is_open, first, second, out)
        value = objective(cost_t, fixed, is_open, first)


@njit(cache=True, nogil=True)
def iterate(
    cost_t, near, fixed, best_open, best_value, rounds, seed, strength, allowed, is_open, current
):
    """Return (best value, current value): iterated local search; ``best_open`` follows the best.

    A round opens and closes ``strength`` random facilities (kept so during the descent's first
    step by a short tabu), descends, and accepts what is at most a hair worse.
    """
    np.random.seed(seed)
    n, m = cost_t.shape
    first = np.full(n, -1)
    second = np.full(n, -1)
    extra = np.zeros((m, m))
    tabu = np.zeros(m, np.int64)
    saved = is_open.copy()
    for j in range(n):
        _nearest(cost_t, is_open, first, second, j)
    clock = 1
    for _ in range(rounds):
        opens = 0
        for i in range(m):
            is_open[i] = saved[i]
            opens += is_open[i]
        for j in range(n):
            _nearest(cost_t, is_open, first, second, j)
        kicks = 1 + np.random.randint(strength)
        for _k in range(kicks):
            i = allowed[np.random.randint(allowed.shape[0])]
            if is_open[i]:
                if opens > 1:
                    _close_one(cost_t, is_open, first, second, i)
                    opens -= 1
                    tabu[i] = clock + 1
            else:
                _open_one(cost_t, is_open, first, second, i)
                opens += 1
                tabu[i] = clock + 1
        clock += 1
        descend(cost_t, near, fixed, is_open, first, second, tabu, clock - 1, True, extra)
        value = descend(cost_t, near, fixed, is_open, first, second, tabu, clock, True, extra)
        clock += 1
        if value <= current + 2e-4 * abs(best_value) * np.random.random() ** 3:
            current = value
            saved[:] = is_open
            if value < best_value - 1e-9 * abs(best_value):
                best_value = value
                best_open[:] = is_open
    is_open[:] = saved
    return best_value, current
