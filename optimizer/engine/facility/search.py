"""Local search over open sets with exact costs: drop, add, swap, pruned by transport duals.

With the duals (lambda, alpha) of a transport plan, opening k saves at most -knapsack_k(lambda),
and closing i costs at least alpha_i s_i. Moves these bounds rule out are never evaluated; the
rest are evaluated exactly by the warm network simplex.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from optimizer.engine.facility.lagrangian import _one_facility
from optimizer.engine.facility.transport import (
    Network,
    copy_basis,
    empty_basis,
    optimise,
)

PIVOTS = 20_000


@njit(cache=True, nogil=True)
def _add_gains(net, basis, cost, fixed, guess, gain, dual, keys, items):
    """Fill ``gain``: the most opening each closed facility can save at the duals of ``basis``."""
    m, n = net.m, net.n
    for j in range(n):
        dual[j] = basis.potential[m + j] * net.demand[j]
    for i in range(m):
        if basis.root_cost[i] > 0.0 and net.capacity[i] > 0.0:
            value, guess[i], _, _ = _one_facility(
                cost[i], net.demand, dual, net.capacity[i], guess[i], keys, items
            )
            gain[i] = -value - fixed[i]
        else:
            gain[i] = -np.inf


@njit(cache=True, nogil=True)
def _wake(net, basis, before, look):
    """Mark the facilities near a customer whose price changed for a new look."""
    m, n = net.m, net.n
    for j in range(n):
        price = basis.potential[m + j]
        if abs(price - before[j]) > 1e-9 * (1.0 + abs(price)):
            for a in range(net.start[j], net.start[j + 1]):
                i = net.facility[a]
                # tight or nearly so: the customer would go there
                if net.cost[a] + max(0.0, basis.potential[i]) <= 1.2 * price:
                    look[i] = True
        before[j] = price


@njit(cache=True, nogil=True)
def descend(net, basis, closed, trial, cost, fixed, current, look, order, tries, most_moves, halt):
    """Return (objective, moves): descent from a feasible plan, which becomes the better one.

    ``look[i]`` False means the neighbourhood of i was searched without gain. ``tries`` is how
    many openings are evaluated exactly after each closing. ``closed`` and ``trial`` are scratch.
    """
    m, n = net.m, net.n
    keys = np.empty(n)
    items = np.empty(n, np.int64)
    gain = np.empty(m)
    now = np.empty(m)
    least = np.empty(m)
    guess = np.zeros(m)
    dual = np.empty(n)
    before = np.empty(n)
    for j in range(n):
        before[j] = basis.potential[m + j]
    moves = 0
    need = net.demand.sum()
    eps = 1e-9 * abs(current) + 1e-9
    improved = True
    while improved and moves < most_moves and halt[0] == 0:
        improved = False
        _add_gains(net, basis, cost, fixed, guess, gain, dual, keys, items)
        for i in range(m):
            if not look[i]:
                gain[i] = -np.inf
            elif basis.root_cost[i] > 0.0:
                look[i] = False
        failed = 0
        while moves < most_moves and failed < 2 * tries and halt[0] == 0:
            k = np.argmax(gain)
            if gain[k] <= eps:
                break
            copy_basis(basis, trial)
            trial.root_cost[k] = 0.0
            total, _ = optimise(net, trial, PIVOTS)
            moves += 1
            for i in range(m):
                if trial.root_cost[i] == 0.0:
                    total += fixed[i]
            gain[k] = -np.inf
            if total < current - eps:
                copy_basis(trial, basis)
                current = total
                improved = True
                look[k] = True
                failed = 0
                _wake(net, basis, before, look)
                _add_gains(net, basis, cost, fixed, guess, gain, dual, keys, items)
            else:
                failed += 1
        _add_gains(net, basis, cost, fixed, guess, now, dual, keys, items)
        for position in range(m):
            i = order[position]
            if basis.root_cost[i] > 0.0 or not look[i]:
                continue
            if moves >= most_moves or halt[0] != 0:
                break
            look[i] = False
            rest = -fixed[i]
            room = 0.0
            for o in range(m):
                if basis.root_cost[o] == 0.0:
                    rest += fixed[o]
                    room += net.capacity[o]
            best = current - eps
            opened = -2
            saved = fixed[i]
            if basis.at_upper[i]:
                saved -= max(0.0, basis.potential[i]) * net.capacity[i]
            missing = need - room + net.capacity[i]  # capacity an opening must bring
            for k in range(m):
                least[k] = current - saved - now[k]
                if net.capacity[k] < missing:
                    least[k] = np.inf
            least[i] = np.inf
            if missing <= 0.0:
                copy_basis(basis, closed)
                closed.root_cost[i] = net.big
                total, _ = optimise(net, closed, PIVOTS)
                moves += 1
                if total + rest < best:
                    best = total + rest
                    opened = -1
                if total < np.inf:  # duals after the closing bound the swap more tightly
                    _add_gains(net, closed, cost, fixed, guess, gain, dual, keys, items)
                    for k in range(m):
                        least[k] = max(least[k], total + rest - gain[k])
            for _ in range(tries):
                k = np.argmin(least)
                if not least[k] < best:
                    break
                least[k] = np.inf
                copy_basis(basis, trial)
                trial.root_cost[k] = 0.0
                trial.root_cost[i] = net.big
                total, _ = optimise(net, trial, PIVOTS)
                moves += 1
                if total + rest + fixed[k] < best:
                    best = total + rest + fixed[k]
                    opened = k
            if opened > -2:
                basis.root_cost[i] = net.big
                if opened >= 0:
                    basis.root_cost[opened] = 0.0
                    look[opened] = True
                optimise(net, basis, PIVOTS)
                current = best
                improved = True
                _wake(net, basis, before, look)
                _add_gains(net, basis, cost, fixed, guess, now, dual, keys, items)
    return current, moves


@njit(cache=True, nogil=True)
def evaluate_open(net, basis, fixed, is_open):
    """Return the objective of an open set (inf if it cannot serve all); ``basis`` moves to it."""
    total = 0.0
    for i in range(net.m):
        basis.root_cost[i] = 0.0 if is_open[i] else net.big
        if is_open[i]:
            total += fixed[i]
    value, _ = optimise(net, basis, PIVOTS)
    return total + value


class OpenSetSearch:
    """A current plan, the best one, and the ways to improve it."""

    def __init__(
        self,
        network: Network,
        unit_cost: np.ndarray,
        fixed: np.ndarray,
        seed: int,
        halt: np.ndarray | None = None,
    ) -> None:
        self.halt = np.zeros(1, np.int64) if halt is None else halt
        self.network = network
        self.cost = np.where(np.isfinite(unit_cost), unit_cost, 1e200)
        self.fixed = fixed
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.basis = empty_basis(network)
        self.saved = empty_basis(network)
        self.closed = empty_basis(network)
        self.trial = empty_basis(network)
        self.best = np.inf
        self.best_open = np.zeros(network.m, bool)
        self.moves = 0
        self.allowed: np.ndarray | None = None  # facilities worth opening
        self.look = np.ones(network.m, np.bool_)
        self._neighbours: np.ndarray | None = None

    def evaluate(self, is_open: np.ndarray) -> float:
        """Return the exact objective of an open set on the network's arcs."""
        value = float(evaluate_open(self.network, self.basis, self.fixed, is_open))
        self._note(value)
        return value

    def _note(self, value: float) -> None:
        if value < self.best:
            self.best = value
            self.best_open = self.basis.root_cost == 0.0

    def improve(self, is_open: np.ndarray, *, tries: int = 5, most_moves: int = 3000) -> float:
        """Return the objective after descending from ``is_open`` (inf if it serves not all)."""
        value = self.evaluate(is_open)
        if not np.isfinite(value):
            return value
        self.look = np.ones(self.network.m, np.bool_)
        return self._descend(value, self.look, tries, most_moves)

    def go_on(self, most_moves: int, tries: int = 5) -> float:
        """Return the objective after more moves of a descent that `improve` left unfinished."""
        value = self.evaluate(self.basis.root_cost == 0.0)
        return self._descend(value, self.look, tries, most_moves)

    def _descend(self, value: float, look: np.ndarray, tries: int, most_moves: int) -> float:
        order = self.random.permutation(self.network.m)
        value, moves = descend(
            self.network,
            self.basis,
            self.closed,
            self.trial,
            self.cost,
            self.fixed,
            value,
            look,
            order,
            tries,
            most_moves,
            self.halt,
        )
        self.moves += moves
        self._note(value)
        return float(value)

    def neighbours(self) -> np.ndarray:
        """Return per facility the others in order of nearness (cost profiles of customers)."""
        if self._neighbours is None:
            per_unit = np.minimum(self.cost, 1e9)
            nearest = np.argsort(per_unit, axis=1)[:, : max(3, min(8, self.network.n))]
            distance = np.zeros((self.network.m, self.network.m))
            for k in range(nearest.shape[1]):
                distance += per_unit[:, nearest[:, k]].T
            self._neighbours = np.argsort(distance, axis=1)
        return self._neighbours

    def iterate(
        self,
        *,
        most_rounds: int,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        """Iterated local search from the best plan, a number of rounds.

        A round reverses a few facilities near a random one, descends there, and keeps the result
        if it is no worse than the current plan by a hair (record-to-record).
        """
        network = self.network
        near = self.neighbours()
        usable = np.ones(network.m, bool) if self.allowed is None else self.allowed
        centres = np.flatnonzero(usable)
        if not np.isfinite(self.best):
            return
        current = self.evaluate(self.best_open)
        copy_basis(self.basis, self.saved)
        for _ in range(most_rounds):
            if self.halt[0] or (stop is not None and stop()):
                break
            copy_basis(self.saved, self.basis)
            centre = int(centres[self.random.integers(len(centres))])
            around = near[centre]
            around = around[usable[around]][:12]
            open_near = around[self.basis.root_cost[around] == 0.0]
            closed_near = around[self.basis.root_cost[around] > 0.0]
            count = int(self.random.integers(1, 4))
            if len(open_near):
                picked = self.random.permutation(open_near)[:count]
                self.basis.root_cost[picked] = network.big
            if len(closed_near):
                picked = self.random.permutation(closed_near)[
                    : count + int(self.random.integers(2))
                ]
                self.basis.root_cost[picked] = 0.0
            value = float(
                evaluate_open(network, self.basis, self.fixed, self.basis.root_cost == 0.0)
            )
            if not np.isfinite(value):
                self.basis.root_cost[open_near] = 0.0
                value = float(
                    evaluate_open(network, self.basis, self.fixed, self.basis.root_cost == 0.0)
                )
                if not np.isfinite(value):
                    continue
            look = np.zeros(network.m, np.bool_)
            look[near[centre][:25]] = True
            value = self._descend(value, look, 4, max(25, min(300, 60_000 // network.n)))
            if value <= current + 1e-5 * abs(self.best) or value < self.best + 1e-12:
                current = value
                copy_basis(self.basis, self.saved)
