"""Ruin and recreate: commodities are taken off some arcs and put back along cheapest paths.

The state is the path set of every commodity. A move removes a few commodities (all on one arc,
or related ones), puts each back along the path of least incremental cost (a closed arc costs its
fixed cost, times a random discount, because others may share it), and is kept by simulated
annealing. Flows split where capacity makes them. Everything is compiled and repeats for a seed.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

_ROOM = 1e-9  # an arc with less room than this, relative to its capacity, is full


@njit(cache=True, nogil=True)
def _random(state):
    """Return a uniform number in [0, 1) and advance ``state[0]`` (xorshift64*)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def _remove(k, arcs, amounts, count, load, users):
    """Take commodity ``k`` off the network."""
    for entry in range(count[k]):
        arc = arcs[k, entry]
        users[arc] -= 1
        if users[arc] == 0:
            load[arc] = 0.0
        else:
            load[arc] -= amounts[k, entry]
    count[k] = 0


@njit(cache=True, nogil=True)
def _add(k, arc, amount, arcs, amounts, count, load, users):
    """Note ``amount`` of commodity ``k`` on ``arc``."""
    position = count[k]
    arcs[k, position] = arc
    amounts[k, position] = amount
    count[k] = position + 1
    load[arc] += amount
    users[arc] += 1


@njit(cache=True, nogil=True)
def _insert(
    k,
    n_nodes,
    first,
    arc_of,
    head,
    tail,
    unit_cost,
    capacity,
    fixed_cost,
    bias,
    origin,
    destination,
    demand,
    discount,
    banned,
    arcs,
    amounts,
    count,
    load,
    users,
    label,
    done,
    parent,
):
    """Put commodity ``k`` on the network along cheapest paths; False if there is no room."""
    left = demand[k]
    start = origin[k]
    goal = destination[k]
    limit = arcs.shape[1]
    while left > 1e-9 * demand[k]:
        for i in range(n_nodes):
            label[i] = np.inf
            done[i] = False
            parent[i] = -1
        label[start] = 0.0
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
                j = head[arc]
                if done[j] or arc == banned:
                    continue
                room = capacity[arc] - load[arc]
                if room <= _ROOM * capacity[arc]:
                    continue
                price = unit_cost[arc] * left
                if users[arc] == 0:
                    price += fixed_cost[arc] * discount * bias[arc]
                if room < left:
                    price *= left / room if room > 0.25 * left else 4.0
                if best + price < label[j]:
                    label[j] = best + price
                    parent[j] = arc
        if label[goal] == np.inf:
            return False
        amount = left
        length = 0
        node = goal
        while node != start:
            arc = parent[node]
            amount = min(amount, capacity[arc] - load[arc])
            node = tail[arc]
            length += 1
        if count[k] + length > limit:
            return False
        node = goal
        while node != start:
            arc = parent[node]
            _add(k, arc, amount, arcs, amounts, count, load, users)
            node = tail[arc]
        left -= amount
    return True


@njit(cache=True, nogil=True)
def _cost(n_arcs, load, users, unit_cost, fixed_cost):
    total = 0.0
    for arc in range(n_arcs):
        if users[arc] > 0:
            total += fixed_cost[arc] + unit_cost[arc] * load[arc]
    return total


@njit(cache=True, nogil=True)
def construct(
    n_nodes,
    first,
    arc_of,
    head,
    tail,
    unit_cost,
    capacity,
    fixed_cost,
    bias,
    origin,
    destination,
    demand,
    discount,
    order,
    arcs,
    amounts,
    count,
    load,
    users,
):
    """Put all commodities on the network in ``order``; return how many found room."""
    label = np.empty(n_nodes)
    done = np.empty(n_nodes, np.bool_)
    parent = np.empty(n_nodes, np.int64)
    placed = 0
    for k in order:
        if _insert(
            k,
            n_nodes,
            first,
            arc_of,
            head,
            tail,
            unit_cost,
            capacity,
            fixed_cost,
            bias,
            origin,
            destination,
            demand,
            discount,
            -1,
            arcs,
            amounts,
            count,
            load,
            users,
            label,
            done,
            parent,
        ):
            placed += 1
    return placed


@njit(cache=True, nogil=True)
def anneal(
    n_nodes,
    first,
    arc_of,
    head,
    tail,
    unit_cost,
    capacity,
    fixed_cost,
    bias,
    origin,
    destination,
    demand,
    arcs,
    amounts,
    count,
    load,
    users,
    best_arcs,
    best_amounts,
    best_count,
    current,
    best,
    hot,
    cold,
    n_moves,
    state,
):
    """Run ``n_moves`` moves from temperature ``hot`` to ``cold``; return (current, best) cost.

    The path sets are updated in place, the best one is copied to ``best_*``.
    """
    n_arcs = tail.size
    n_commodities = origin.size
    label = np.empty(n_nodes)
    done = np.empty(n_nodes, np.bool_)
    parent = np.empty(n_nodes, np.int64)
    taken = np.empty(n_commodities, np.int64)
    is_taken = np.zeros(n_commodities, np.bool_)
    kept_arcs = np.empty_like(arcs)
    kept_amounts = np.empty_like(amounts)
    kept_count = np.empty_like(count)
    cooling = (cold / hot) ** (1.0 / max(1, n_moves))
    temperature = hot
    largest = max(3, n_commodities // 8)
    for _move in range(n_moves):
        temperature *= cooling
        n_taken = 0
        banned = -1
        kind = _random(state)
        if kind < 0.6:
            # all commodities of one or two arcs; the first arc may stay closed
            rounds = 1 if kind < 0.4 else 2
            node = -1
            for turn in range(rounds):
                arc = -1
                for _ in range(60):
                    trial = int(_random(state) * n_arcs)
                    if users[trial] == 0:
                        continue
                    if turn == 1 and node >= 0 and tail[trial] != node and head[trial] != node:
                        continue
                    arc = trial
                    break
                if arc < 0:
                    continue
                if turn == 0:
                    node = head[arc] if _random(state) < 0.5 else tail[arc]
                    if _random(state) < 0.7:
                        banned = arc
                for k in range(n_commodities):
                    if is_taken[k]:
                        continue
                    for entry in range(count[k]):
                        if arcs[k, entry] == arc:
                            is_taken[k] = True
                            taken[n_taken] = k
                            n_taken += 1
                            break
        elif kind < 0.85:
            # commodities that share an end with a random one
            centre = int(_random(state) * n_commodities)
            wanted = 1 + int(_random(state) * largest)
            by_origin = _random(state) < 0.5
            offset = int(_random(state) * n_commodities)
            for step in range(n_commodities):
                k = (offset + step) % n_commodities
                same = (
                    origin[k] == origin[centre]
                    if by_origin
                    else destination[k] == destination[centre]
                )
                if same and n_taken < wanted:
                    is_taken[k] = True
                    taken[n_taken] = k
                    n_taken += 1
        else:
            wanted = 1 + int(_random(state) * 4)
            for _ in range(wanted):
                k = int(_random(state) * n_commodities)
                if not is_taken[k]:
                    is_taken[k] = True
                    taken[n_taken] = k
                    n_taken += 1
        if n_taken == 0:
            continue
        before = 0.0
        for position in range(n_taken):
            k = taken[position]
            kept_count[k] = count[k]
            for entry in range(count[k]):
                kept_arcs[k, entry] = arcs[k, entry]
                kept_amounts[k, entry] = amounts[k, entry]
        for position in range(n_taken):
            k = taken[position]
            for entry in range(count[k]):
                arc = arcs[k, entry]
                before += unit_cost[arc] * amounts[k, entry]
                if users[arc] == 1:
                    before += fixed_cost[arc]
                users[arc] -= 1
                if users[arc] == 0:
                    load[arc] = 0.0
                else:
                    load[arc] -= amounts[k, entry]
            count[k] = 0
        # order: random or by falling demand
        if _random(state) < 0.5:
            for position in range(n_taken - 1, 0, -1):
                other = int(_random(state) * (position + 1))
                swap = taken[position]
                taken[position] = taken[other]
                taken[other] = swap
        else:
            for position in range(1, n_taken):
                k = taken[position]
                place = position
                while place > 0 and demand[taken[place - 1]] < demand[k]:
                    taken[place] = taken[place - 1]
                    place -= 1
                taken[place] = k
        discount = 1.0 if _random(state) < 0.4 else 0.2 + 0.8 * _random(state)
        fine = True
        n_placed = 0
        for position in range(n_taken):
            k = taken[position]
            n_placed = position + 1
            if not _insert(
                k,
                n_nodes,
                first,
                arc_of,
                head,
                tail,
                unit_cost,
                capacity,
                fixed_cost,
                bias,
                origin,
                destination,
                demand,
                discount,
                banned,
                arcs,
                amounts,
                count,
                load,
                users,
                label,
                done,
                parent,
            ):
                fine = False
                break
        accept = False
        delta = 0.0
        if fine:
            after = 0.0
            # cost of what was put back: walk it off and on again in the same order of users
            for position in range(n_taken):
                k = taken[position]
                for entry in range(count[k]):
                    arc = arcs[k, entry]
                    after += unit_cost[arc] * amounts[k, entry]
                    users[arc] -= 1
                    if users[arc] == 0:
                        after += fixed_cost[arc]
            for position in range(n_taken):
                k = taken[position]
                for entry in range(count[k]):
                    users[arcs[k, entry]] += 1
            delta = after - before
            accept = delta <= 0.0 or _random(state) < np.exp(-delta / temperature)
        if accept:
            current += delta
            if current < best - 1e-9 * abs(best):
                best = current
                for k in range(n_commodities):
                    best_count[k] = count[k]
                    for entry in range(count[k]):
                        best_arcs[k, entry] = arcs[k, entry]
                        best_amounts[k, entry] = amounts[k, entry]
        else:
            for position in range(n_placed):
                _remove(taken[position], arcs, amounts, count, load, users)
            for position in range(n_taken):
                k = taken[position]
                for entry in range(kept_count[k]):
                    _add(
                        k,
                        kept_arcs[k, entry],
                        kept_amounts[k, entry],
                        arcs,
                        amounts,
                        count,
                        load,
                        users,
                    )
        for position in range(n_taken):
            is_taken[taken[position]] = False
    # rounding in the loads does not add up: they are summed afresh after every run
    for arc in range(n_arcs):
        load[arc] = 0.0
    for k in range(n_commodities):
        for entry in range(count[k]):
            load[arcs[k, entry]] += amounts[k, entry]
    current = _cost(n_arcs, load, users, unit_cost, fixed_cost)
    return current, best
