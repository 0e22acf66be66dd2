"""Compiled search for the uncapacitated problem: every customer goes to its nearest open facility.

First and second nearest open facilities are kept per customer, so that the exact saving of every
opening, closing and swap costs one pass over the costs (Resende and Werneck).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import average, step_from


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
    swaps = extra.shape[0] == m
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
                if swaps:
                    extra[a, i] += d2 - d1
            elif i != a and swaps:
                extra[a, i] += d2 - c


@njit(cache=True, nogil=True)
def descend(cost_t, near, fixed, is_open, first, second, tabu_until, clock, swaps, extra, halt):
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
        if (out < 0 and into < 0) or halt[0] != 0:
            return value
        if into >= 0:
            _open_one(cost_t, is_open, first, second, into)
        if out >= 0:
            _close_one(cost_t, is_open, first, second, out)
        value = objective(cost_t, fixed, is_open, first)


@njit(cache=True, nogil=True)
def iterate(
    cost_t, near, fixed, best_open, best_value, rounds, seed, strength, allowed, is_open, current,
    halt,
):  # fmt: skip
    """Return (best value, current value): iterated local search; ``best_open`` follows the best.

    A round opens and closes ``strength`` random facilities (kept so during the descent's first
    step by a short tabu), descends, and accepts what is at most a hair worse.
    """
    np.random.seed(seed)
    n, m = cost_t.shape
    first = np.full(n, -1)
    second = np.full(n, -1)
    swaps = m <= 1000
    extra = np.zeros((m, m)) if swaps else np.zeros((1, 1))
    tabu = np.zeros(m, np.int64)
    saved = is_open.copy()
    for j in range(n):
        _nearest(cost_t, is_open, first, second, j)
    clock = 1
    for _ in range(rounds):
        if halt[0] != 0:
            break
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
        descend(cost_t, near, fixed, is_open, first, second, tabu, clock - 1, swaps, extra, halt)
        value = descend(
            cost_t, near, fixed, is_open, first, second, tabu, clock, swaps, extra, halt
        )
        clock += 1
        if value <= current + 2e-4 * abs(best_value) * np.random.random() ** 3:
            current = value
            saved[:] = is_open
            if value < best_value - 1e-9 * abs(best_value):
                best_value = value
                best_open[:] = is_open
    is_open[:] = saved
    return best_value, current


@njit(cache=True, nogil=True)
def local_optimum(cost_t, near, fixed, is_open, halt):
    """Return the objective after descending from ``is_open``, which becomes the local optimum."""
    n, m = cost_t.shape
    first = np.full(n, -1)
    second = np.full(n, -1)
    for j in range(n):
        _nearest(cost_t, is_open, first, second, j)
    swaps = m <= 1000
    extra = np.zeros((m, m)) if swaps else np.zeros((1, 1))
    tabu = np.zeros(m, np.int64)
    return descend(cost_t, near, fixed, is_open, first, second, tabu, 0, swaps, extra, halt)


@njit(cache=True, nogil=True)
def _bound_at(near, near_cost, fixed, dual, value, gradient):
    """Return the Lagrangian bound; only arcs cheaper than the customer's price are met.

    Prices above the last listed cost are lowered to it, which keeps the bound valid.
    """
    n, width = near.shape
    m = fixed.shape[0]
    complete = width == m
    bound = 0.0
    for i in range(m):
        value[i] = fixed[i]
    for j in range(n):
        if not complete and dual[j] > near_cost[j, width - 1]:
            dual[j] = near_cost[j, width - 1]
        price = dual[j]
        bound += price
        gradient[j] = 1.0
        for k in range(width):
            c = near_cost[j, k]
            if c >= price:
                break
            value[near[j, k]] += c - price
    for i in range(m):
        if value[i] < 0.0:
            bound += value[i]
    for j in range(n):
        price = dual[j]
        for k in range(width):
            c = near_cost[j, k]
            if c >= price:
                break
            if value[near[j, k]] < 0.0:
                gradient[j] -= 1.0
    return bound


@njit(cache=True, nogil=True)
def volume_sorted(near, near_cost, fixed, dual, target, steps, factor, y_mean, halt):
    """Return (bound, steps): the volume algorithm on customer-sorted costs; see `lagrangian`."""
    n = near.shape[0]
    m = fixed.shape[0]
    value = np.empty(m)
    gradient = np.empty(n)
    best = _bound_at(near, near_cost, fixed, dual, value, gradient)
    direction = gradient.copy()
    for i in range(m):
        y_mean[i] = 1.0 if value[i] < 0.0 else 0.0
    trial = np.empty(n)
    most = 0.1
    red = 0
    checkpoint = best
    free_target = target <= best
    if free_target:
        target = best + 0.05 * abs(best)
    done = 0
    for step in range(steps):
        done = step + 1
        if halt[0] != 0 or not step_from(dual, direction, factor * (target - best), trial):
            break
        bound = _bound_at(near, near_cost, fixed, trial, value, gradient)
        weight, inner = average(direction, gradient, most)
        for i in range(m):
            y_mean[i] += weight * ((1.0 if value[i] < 0.0 else 0.0) - y_mean[i])
        if bound > best:
            best = bound
            dual[:] = trial
            red = 0
            if inner > 0.0:
                factor = min(2.0, factor * 1.1)
        else:
            red += 1
            if red >= 20:
                factor = max(5e-4, factor * 0.67)
                red = 0
        if free_target and best > target - 0.05 * abs(target):
            target = max(target, best + 0.02 * abs(best))
        if target <= best:
            target = best + 1e-4 * abs(best)
        if (step + 1) % 100 == 0:
            if best - checkpoint < 1e-3 * abs(best) and most > 1e-3:
                most *= 0.67
            if best - checkpoint < 2e-6 * abs(best) and step > 400 and factor < 0.02:
                break
            checkpoint = best
    return best, done
