"""Compiled loops: shortest paths under commodity prices, the knapsack relaxation, its ascent.

All work on plain arrays, release the GIL and are cached on disk after the first compilation.
Potentials are stored ``[node, commodity]`` and flows ``[arc, commodity]``, so that the inner loop
over commodities runs through memory in order.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def shortest_paths(n_nodes, first, arc_of, head, weight, origin, destination, dist, parent):
    """Fill ``dist[k]`` and ``parent[k, node]`` (arc into the node, -1: none) per commodity.

    ``weight`` is ``[arc, commodity]``, not negative; ``first``/``arc_of`` list the arcs out of a
    node. The search stops at the destination: labels beyond it are not final.
    """
    n_commodities = origin.size
    label = np.empty(n_nodes)
    done = np.empty(n_nodes, np.bool_)
    for k in range(n_commodities):
        for i in range(n_nodes):
            label[i] = np.inf
            done[i] = False
            parent[k, i] = -1
        label[origin[k]] = 0.0
        goal = destination[k]
        while True:
            node = -1
            best = np.inf
            for i in range(n_nodes):
                if not done[i] and label[i] < best:
                    best = label[i]
                    node = i
            if node < 0 or node == goal:
                break
            done[node] = True
            for position in range(first[node], first[node + 1]):
                arc = arc_of[position]
                through = best + weight[arc, k]
                if through < label[head[arc]]:
                    label[head[arc]] = through
                    parent[k, head[arc]] = arc
        dist[k] = label[goal]


@njit(cache=True, nogil=True)
def knapsack_bound(
    tail,
    head,
    unit_cost,
    capacity,
    fixed_cost,
    origin,
    destination,
    demand,
    low,
    high,
    potential,
    flow,
    opened,
    value,
):
    """Return the Lagrangian value at ``potential``; fill flow, opened and value per arc.

    Relaxes flow balance: per arc a continuous knapsack over commodities, then the arc is opened
    if that pays, within ``low``..``high`` (fixings).
    """
    n_arcs = tail.size
    n_commodities = origin.size
    total = 0.0
    for k in range(n_commodities):
        total += demand[k] * (potential[destination[k], k] - potential[origin[k], k])
    cost = np.empty(n_commodities)
    chosen = np.empty(n_commodities, np.int64)
    for arc in range(n_arcs):
        i = tail[arc]
        j = head[arc]
        count = 0
        for k in range(n_commodities):
            flow[arc, k] = 0.0
        for k in range(n_commodities):
            reduced = unit_cost[arc] + potential[i, k] - potential[j, k]
            if reduced < 0.0:
                cost[count] = reduced
                chosen[count] = k
                count += 1
        worth = fixed_cost[arc]
        if count > 0 and high[arc] > 0.0:
            order = np.argsort(cost[:count])
            room = capacity[arc]
            for position in order:
                k = chosen[position]
                amount = min(demand[k], room)
                if amount <= 0.0:
                    break
                flow[arc, k] = amount
                worth += cost[position] * amount
                room -= amount
        value[arc] = worth
        share = high[arc] if worth < 0.0 else low[arc]
        opened[arc] = share
        total += worth * share
        if share == 0.0:
            for position in range(count):
                flow[arc, chosen[position]] = 0.0
    return total


@njit(cache=True, nogil=True)
def volume_ascent(
    tail,
    head,
    unit_cost,
    capacity,
    fixed_cost,
    origin,
    destination,
    demand,
    low,
    high,
    potential,
    best_potential,
    mean_flow,
    mean_open,
    target,
    best,
    n_steps,
    step,
    fraction,
):
    """Run ``n_steps`` of the volume algorithm; return (best bound, step factor, violation).

    ``potential`` is the centre and is updated in place with ``best_potential``; ``mean_flow`` and
    ``mean_open`` hold the averaged primal, which tends to the optimum of the strong LP.
    ``target`` should lie a little above the best bound.
    """
    n_nodes, n_commodities = potential.shape
    n_arcs = tail.size
    flow = np.zeros((n_arcs, n_commodities))
    opened = np.zeros(n_arcs)
    value = np.zeros(n_arcs)
    trial = np.empty((n_nodes, n_commodities))
    slope = np.empty((n_nodes, n_commodities))
    fresh = np.empty((n_nodes, n_commodities))
    idle = 0
    norm = 0.0
    for _step in range(n_steps):
        for i in range(n_nodes):
            for k in range(n_commodities):
                slope[i, k] = 0.0
        for k in range(n_commodities):
            slope[destination[k], k] += demand[k]
            slope[origin[k], k] -= demand[k]
        for arc in range(n_arcs):
            if mean_open[arc] < 1e-9:
                continue
            i = tail[arc]
            j = head[arc]
            for k in range(n_commodities):
                slope[i, k] += mean_flow[arc, k]
                slope[j, k] -= mean_flow[arc, k]
        norm = 0.0
        for i in range(n_nodes):
            for k in range(n_commodities):
                norm += slope[i, k] * slope[i, k]
        if norm < 1e-9:
            break
        length = step * (target - best) / norm
        for i in range(n_nodes):
            for k in range(n_commodities):
                trial[i, k] = best_potential[i, k] + length * slope[i, k]
        bound = knapsack_bound(
            tail,
            head,
            unit_cost,
            capacity,
            fixed_cost,
            origin,
            destination,
            demand,
            low,
            high,
            trial,
            flow,
            opened,
            value,
        )
        # the inner product of old direction and new subgradient says if the step was too long
        inner = 0.0
        for k in range(n_commodities):
            inner += demand[k] * (slope[destination[k], k] - slope[origin[k], k])
        for arc in range(n_arcs):
            if opened[arc] > 0.0:
                i = tail[arc]
                j = head[arc]
                for k in range(n_commodities):
                    inner += flow[arc, k] * opened[arc] * (slope[i, k] - slope[j, k])
        # the weight of the new point that makes the averaged direction shortest, within limits
        # (Barahona and Anbil 2000); a fixed one left some bounds 10 to 15 % below the strong LP
        for i in range(n_nodes):
            for k in range(n_commodities):
                fresh[i, k] = 0.0
        for k in range(n_commodities):
            fresh[destination[k], k] += demand[k]
            fresh[origin[k], k] -= demand[k]
        for arc in range(n_arcs):
            if opened[arc] > 0.0:
                for k in range(n_commodities):
                    fresh[tail[arc], k] += flow[arc, k] * opened[arc]
                    fresh[head[arc], k] -= flow[arc, k] * opened[arc]
        length_new = 0.0
        for i in range(n_nodes):
            for k in range(n_commodities):
                length_new += fresh[i, k] * fresh[i, k]
        spread = norm - 2.0 * inner + length_new
        weight = fraction
        if spread > 1e-12:
            weight = min(fraction, max(0.1 * fraction, (norm - inner) / spread))
        for arc in range(n_arcs):
            share = opened[arc]
            mean_open[arc] += weight * (share - mean_open[arc])
            if mean_open[arc] < 1e-9 and share == 0.0:
                continue
            for k in range(n_commodities):
                mean_flow[arc, k] += weight * (flow[arc, k] * share - mean_flow[arc, k])
        if bound > best + 1e-9:
            best = bound
            for i in range(n_nodes):
                for k in range(n_commodities):
                    best_potential[i, k] = trial[i, k]
            if inner >= 0.0:
                step = min(step * 1.1, 2.0)
            idle = 0
        else:
            idle += 1
            if idle >= 20:
                step = max(step * 0.7, 1e-4)
                idle = 0
        if best > target - 0.01 * abs(target):
            target = best + 0.02 * abs(best)
    return best, step, norm
