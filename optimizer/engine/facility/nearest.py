"""Compiled Lagrangian dual without capacities: bound and volume algorithm on sorted costs.

Only arcs cheaper than the customer's price take part in the bound, so the cost of a step is that
of the few first entries of each list. Where the lists are short, prices stay within them: every
arc left out then costs at least the price, and the bound holds for all arcs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import average, step_from


@njit(cache=True, nogil=True)
def bound_at(near, near_cost, fixed, dual, value, gradient):
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
    best = bound_at(near, near_cost, fixed, dual, value, gradient)
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
        bound = bound_at(near, near_cost, fixed, trial, value, gradient)
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
