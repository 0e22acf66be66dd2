"""Compiled bound for single source: binary knapsacks under a binary choice of facilities.

The demand rows are priced. What is left are a 0-1 knapsack per facility and the choice of
facilities that can hold all demand, itself a 0-1 problem; both are solved exactly, so the bound is
at least that of `lagrangian` and of `knapsack`. All of it is whole units of capacity.

``state`` decides facilities (1 open, -1 closed, 0 free) and ``arc`` decides pairs (1 served so, -1
never, 0 free).
"""

from __future__ import annotations

import numpy as np
from numba import njit

HUGE = 1e100


@njit(cache=True, nogil=True)
def fill_knapsack(cost, dual, weight, arc, room, items, table):
    """Return (value of what is forced, candidates, room left, all fit) of one facility.

    ``items[:count]`` are the customers worth having; row k of ``table`` is the least value of the
    first k of them within each room. The rows are left alone where all candidates fit.
    """
    base = 0.0
    for j in range(cost.shape[0]):
        if arc[j] == 1:
            base += cost[j] - dual[j]
            room -= weight[j]
    if room < 0:
        return HUGE, 0, room, True
    count = 0
    total = 0
    for j in range(cost.shape[0]):
        if arc[j] == 0 and cost[j] < dual[j] and weight[j] <= room:
            items[count] = j
            count += 1
            total += weight[j]
    if total <= room:
        return base, count, room, True
    for w in range(room + 1):
        table[0, w] = 0.0
    for k in range(count):
        j = items[k]
        step = weight[j]
        worth = cost[j] - dual[j]
        old = table[k]
        new = table[k + 1]
        for w in range(step):
            new[w] = old[w]
        for w in range(room + 1 - step):
            new[w + step] = min(old[w + step], old[w] + worth)
    return base, count, room, False


@njit(cache=True, nogil=True)
def solve_knapsack(cost, dual, weight, arc, room, items, table):
    """Return (value, count): the least value; ``items[:count]`` are the customers chosen freely."""
    base, count, left, fits = fill_knapsack(cost, dual, weight, arc, room, items, table)
    if fits:
        for k in range(count):
            base += cost[items[k]] - dual[items[k]]
        return base, count
    value = base + table[count, left]
    chosen = 0
    for k in range(count - 1, -1, -1):
        if table[k + 1, left] < table[k, left]:
            left -= weight[items[k]]
            # written from the back, so that unread items stay
            items[count - 1 - chosen] = items[k]
            chosen += 1
    for k in range(chosen):
        items[k] = items[count - chosen + k]  # read at or behind where it is written
    return value, chosen


@njit(cache=True, nogil=True)
def choose_open(gain, room, need, state, y, cover):
    """Return the least sum of ``gain`` over facilities that hold ``need``; fills y (0 or 1).

    HUGE when the facilities that are not closed cannot hold it.
    """
    m = gain.shape[0]
    value = 0.0
    order = np.empty(m, np.int64)
    count = 0
    for i in range(m):
        y[i] = 0.0
        if state[i] > 0 or (state[i] == 0 and gain[i] <= 0.0):
            y[i] = 1.0
            value += gain[i]
            need -= room[i]
        elif state[i] == 0 and room[i] > 0 and gain[i] < HUGE:
            order[count] = i
            count += 1
    if need <= 0:
        return value
    cover[0, 0] = 0.0
    for w in range(1, need + 1):
        cover[0, w] = HUGE
    for k in range(count):
        i = order[k]
        step = min(room[i], need)
        worth = gain[i]
        old = cover[k]
        new = cover[k + 1]
        for w in range(step):
            new[w] = min(old[w], worth)
        new[0] = 0.0
        for w in range(need + 1 - step):
            new[w + step] = min(old[w + step], old[w] + worth)
    if cover[count, need] >= HUGE:
        return HUGE
    value += cover[count, need]
    w = need
    for k in range(count - 1, -1, -1):
        if w > 0 and cover[k + 1, w] < cover[k, w]:
            y[order[k]] = 1.0
            w = max(0, w - room[order[k]])
    return value


@njit(cache=True, nogil=True)
def evaluate(
    cost, weight, fixed, room, state, arc, dual, gradient, y, gain, assigned, share, keep, items,
    table, cover,
):  # fmt: skip
    """Return the bound at ``dual`` (HUGE: nothing is left that could be a plan).

    ``gradient`` becomes the unserved parts, ``gain`` what opening costs, ``assigned[j]`` the
    cheapest facility that chose j (-1: none). ``share`` [m, n], an average of the relaxed
    solutions, moves to this one by 1 - ``keep``.
    """
    m, n = cost.shape
    bound = 0.0
    need = 0
    for j in range(n):
        bound += dual[j]
        gradient[j] = 1.0
        assigned[j] = -1
        need += weight[j]
    for i in range(m):
        gain[i] = HUGE
        if state[i] >= 0:
            value, count = solve_knapsack(cost[i], dual, weight, arc[i], room[i], items[i], table)
            items[i, n] = count
            gain[i] = fixed[i] + value
    bound_of_y = choose_open(gain, room, need, state, y, cover)
    if bound_of_y >= HUGE:
        return HUGE
    for i in range(m):
        if keep < 1.0:
            for j in range(n):
                share[i, j] *= keep
        if y[i] == 0.0:
            continue
        for k in range(items[i, n]):
            j = items[i, k]
            gradient[j] -= 1.0
            share[i, j] += 1.0 - keep
            if assigned[j] < 0 or cost[i, j] < cost[assigned[j], j]:
                assigned[j] = i
        for j in range(n):
            if arc[i, j] == 1:
                gradient[j] -= 1.0
                share[i, j] += 1.0 - keep
                assigned[j] = i
    return bound + bound_of_y


@njit(cache=True, nogil=True)
def forced_open(gain, room, need, state, value, cover, back, inside, outside):
    """Fill the least sums of gains with each free facility open (``inside``) or closed.

    ``value`` is the least sum without that. HUGE where it cannot be.
    """
    m = gain.shape[0]
    order = np.empty(m, np.int64)
    count = 0
    base = 0.0
    for i in range(m):
        inside[i] = value
        outside[i] = value
        if state[i] > 0:
            base += gain[i]
            need -= room[i]
            outside[i] = HUGE
        elif state[i] < 0:
            inside[i] = HUGE
        else:
            order[count] = i
            count += 1
    need = max(need, 0)
    for w in range(need + 1):
        cover[0, w] = HUGE if w > 0 else 0.0
        back[count, w] = HUGE if w > 0 else 0.0
    # rows: least sum over a prefix (cover) or a suffix (back) with capacity of at least w
    for k in range(count):
        step = min(room[order[k]], need)
        worth = gain[order[k]]
        for w in range(need + 1):
            cover[k + 1, w] = min(cover[k, w], cover[k, max(0, w - step)] + worth)
    for k in range(count - 1, -1, -1):
        step = min(room[order[k]], need)
        worth = gain[order[k]]
        for w in range(need + 1):
            back[k, w] = min(back[k + 1, w], back[k + 1, max(0, w - step)] + worth)
    for k in range(count):
        i = order[k]
        without = HUGE
        within = HUGE
        rest = max(0, need - room[i])
        for w in range(need + 1):
            without = min(without, cover[k, w] + back[k + 1, need - w])
            if w <= rest:
                within = min(within, cover[k, w] + back[k + 1, rest - w])
        outside[i] = min(HUGE, base + without)
        inside[i] = min(HUGE, base + within + gain[i])


@njit(cache=True, nogil=True)
def tighten(
    cost, weight, fixed, room, state, arc, dual, cutoff, y, gain, items, table, back, cover,
    cover_back, inside, outside,
):  # fmt: skip
    """Return the decisions made (-1: nothing is left): all that alone would reach ``cutoff``.

    Facilities and pairs are decided in ``state`` and ``arc``. Exact for every pair: its knapsack
    with the customer put in, or left out.
    """
    m, n = cost.shape
    base = 0.0
    need = 0
    for j in range(n):
        base += dual[j]
        need += weight[j]
    for i in range(m):
        gain[i] = HUGE
        if state[i] >= 0:
            value, _ = solve_knapsack(cost[i], dual, weight, arc[i], room[i], items[i], table)
            gain[i] = fixed[i] + value
            if value >= HUGE:
                if state[i] > 0:
                    return -1
                state[i] = -1
    value = choose_open(gain, room, need, state, y, cover)
    if value >= HUGE or base + value >= cutoff:
        return -1
    forced_open(gain, room, need, state, value, cover, cover_back, inside, outside)
    made = 0
    for i in range(m):
        if state[i] != 0:
            continue
        if base + inside[i] >= cutoff:
            state[i] = -1
            made += 1
        elif base + outside[i] >= cutoff:
            state[i] = 1
            made += 1
    for i in range(m):
        if state[i] < 0:
            for j in range(n):
                arc[i, j] = -1
            continue
        # with this facility open, its knapsack may cost up to ``budget`` before cutoff is reached
        budget = cutoff - base - inside[i] + gain[i] - fixed[i]
        forced, count, left, fits = fill_knapsack(
            cost[i], dual, weight, arc[i], room[i], items[i], table
        )
        if fits:
            total = forced
            used = 0
            for k in range(count):
                total += cost[i, items[i, k]] - dual[items[i, k]]
                used += weight[items[i, k]]
        for j in range(n):
            if arc[i, j] != 0:
                continue
            if weight[j] > left:
                arc[i, j] = -1
                made += 1
            elif cost[i, j] >= dual[j]:
                # at best: it takes its room from the candidates (no room is taken if all fit)
                best = total if fits else forced + table[count, left - weight[j]]
                if best + cost[i, j] - dual[j] >= budget:
                    arc[i, j] = -1
                    made += 1
        if fits:
            if base + outside[i] >= cutoff:
                for k in range(count):
                    j = items[i, k]
                    if total - (cost[i, j] - dual[j]) >= budget:
                        arc[i, j] = 1
                        made += 1
            continue
        for w in range(left + 1):
            back[count, w] = 0.0
        for k in range(count - 1, -1, -1):
            j = items[i, k]
            step = weight[j]
            worth = cost[i, j] - dual[j]
            old = back[k + 1]
            new = back[k]
            for w in range(step):
                new[w] = old[w]
            for w in range(left + 1 - step):
                new[w + step] = min(old[w + step], old[w] + worth)
        must_open = base + outside[i] >= cutoff
        for k in range(count):
            j = items[i, k]
            worth = cost[i, j] - dual[j]
            rest = left - weight[j]
            within = HUGE
            without = HUGE
            first = table[k]
            last = back[k + 1]
            for w in range(left + 1):
                without = min(without, first[w] + last[left - w])
            for w in range(rest + 1):
                within = min(within, first[w] + last[rest - w])
            if forced + within + worth >= budget:
                arc[i, j] = -1
                made += 1
            elif must_open and forced + without >= budget:
                arc[i, j] = 1
                made += 1
    return made


@njit(cache=True, nogil=True)
def propagate(weight, room, state, arc):
    """Return False when a customer or a facility has nothing left; decide what follows.

    A customer with one pair left takes it; one that is served so leaves the others.
    """
    m, n = arc.shape
    for j in range(n):
        only = -1
        count = 0
        fixed_at = -1
        for i in range(m):
            if state[i] < 0:
                arc[i, j] = -1
            if arc[i, j] == 1:
                if fixed_at >= 0:
                    return False
                fixed_at = i
            elif arc[i, j] == 0:
                count += 1
                only = i
        if fixed_at < 0 and count == 0:
            return False
        if fixed_at < 0 and count == 1:
            fixed_at = only
        if fixed_at >= 0:
            for i in range(m):
                arc[i, j] = -1
            arc[fixed_at, j] = 1
            if state[fixed_at] < 0:
                return False
            state[fixed_at] = 1
    for i in range(m):
        used = 0
        for j in range(n):
            if arc[i, j] == 1:
                used += weight[j]
        if used > room[i]:
            return False
        if used > 0:
            for j in range(n):
                if arc[i, j] == 0 and used + weight[j] > room[i]:
                    arc[i, j] = -1
    return True


@njit(cache=True, nogil=True)
def climb(
    cost, weight, fixed, room, state, arc, dual, target, cutoff, steps, factor, y_mean, share,
    best_assigned, best_y, items, table, cover, halt,
):  # fmt: skip
    """Return the best bound after smoothed subgradient steps; ``dual`` becomes its prices.

    Stops once the bound reaches ``cutoff``. ``best_assigned`` and ``best_y`` are the relaxed
    solution that leaves least unserved.
    """
    m, n = cost.shape
    gradient = np.empty(n)
    direction = np.empty(n)
    y = np.empty(m)
    gain = np.empty(m)
    assigned = np.empty(n, np.int64)
    trial = dual.copy()
    best = -np.inf
    least = np.inf
    stale = 0
    patience = 8 if steps <= 100 else 20
    for step in range(steps):
        keep = 0.0 if step == 0 else 0.9
        bound = evaluate(
            cost, weight, fixed, room, state, arc, trial, gradient, y, gain, assigned, share, keep,
            items, table, cover,
        )  # fmt: skip
        if bound >= HUGE:
            return HUGE
        off = 0.0
        for j in range(n):
            off += abs(gradient[j])
        if off < least:
            least = off
            best_assigned[:] = assigned
            best_y[:] = y
        for i in range(m):
            y_mean[i] = keep * y_mean[i] + (1.0 - keep) * y[i]
        if bound > best:
            stale = stale + 1 if bound < best + 1e-5 * abs(best) else 0
            best = bound
            dual[:] = trial
            if best >= cutoff:
                return best
        else:
            stale += 1
        if off == 0.0 or halt[0] != 0:
            return best
        if stale >= patience:
            factor *= 0.6
            stale = 0
            trial[:] = dual
            if factor < 2e-3:
                break
        norm = 0.0
        for j in range(n):
            if step == 0:
                direction[j] = gradient[j]
            else:
                direction[j] = 0.3 * gradient[j] + 0.7 * direction[j]
            norm += direction[j] * direction[j]
        if norm < 1e-10:
            break
        length = factor * max(target - bound, 1e-3 * abs(best)) / norm
        for j in range(n):
            trial[j] += length * direction[j]
    return best


@njit(cache=True, nogil=True)
def level(
    cost, weight, fixed, room, state, arc, dual, steps, y, gain, gradient, assigned, share, items,
    table, cover,
):  # fmt: skip
    """Return the best bound with all prices moved by one amount per unit; ``dual`` moves there.

    Where capacity is tight the bound is nearly flat this way: almost as much is served too often as
    is not served, and gradient steps do not see how far there is to go.
    """
    n = dual.shape[0]
    trial = dual.copy()
    best = evaluate(
        cost, weight, fixed, room, state, arc, dual, gradient, y, gain, assigned, share, 1.0, items,
        table, cover,
    )  # fmt: skip
    total = 0.0
    units = 0.0
    for j in range(n):
        total += abs(dual[j])
        units += weight[j]
    step = 0.03 * total / max(units, 1.0)
    tried = 0
    way = -1.0
    while tried < steps and step > 0.0:
        moved = False
        for _ in range(2):
            for j in range(n):
                trial[j] = dual[j] + way * step * weight[j]
            bound = evaluate(
                cost, weight, fixed, room, state, arc, trial, gradient, y, gain, assigned, share,
                1.0, items, table, cover,
            )  # fmt: skip
            tried += 1
            if bound > best and bound < HUGE:
                best = bound
                dual[:] = trial
                moved = True
                break
            way = -way
        step *= 2.0 if moved else 0.3
    return best
