"""Compiled dual ascent without capacities: prices that no facility can be opened for a profit at.

The first bound and the first plan come from it in a few passes over the sorted lists (Bilde and
Krarup; Erlenkotter's DUALOC), whatever the scale of the costs.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def ascend(near, near_cost, fixed, dual, slack):
    """Return the sum of the prices ``dual``, raised until each meets a facility without slack.

    Every customer starts at its cheapest facility and rises to the next cost in its list, the one
    with the fewest facilities below its price first in turn, as far as the facilities it already
    pays for have ``slack`` (what is left of their fixed cost). Prices stay within the lists.
    """
    n, width = near.shape
    m = fixed.shape[0]
    for i in range(m):
        slack[i] = fixed[i]
    reached = np.zeros(n, np.int64)  # facilities at most as dear as the price
    active = np.ones(n, np.bool_)
    for j in range(n):
        dual[j] = near_cost[j, 0]
        while reached[j] < width and near_cost[j, reached[j]] <= dual[j]:
            reached[j] += 1
    left = n
    while left > 0:
        left = 0
        for j in range(n):
            if not active[j]:
                continue
            k = reached[j]
            top = near_cost[j, k] if k < width else near_cost[j, width - 1]
            rise = top - dual[j]
            if not np.isfinite(rise):
                rise = np.inf
            blocked = k == width
            for a in range(k):
                if slack[near[j, a]] < rise:
                    rise = slack[near[j, a]]
                    blocked = True
            if rise > 0.0 and rise < np.inf:
                for a in range(k):
                    slack[near[j, a]] -= rise
                dual[j] = top if not blocked else dual[j] + rise
            if blocked or rise == np.inf:
                active[j] = False
                continue
            while reached[j] < width and near_cost[j, reached[j]] <= dual[j]:
                reached[j] += 1
            left += 1
    return dual.sum()
