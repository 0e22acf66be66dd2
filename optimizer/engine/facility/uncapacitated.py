"""No capacities: nearest open facility serves. Sorted dual climb, iterated search, tree."""

from __future__ import annotations

import math

import numpy as np

from optimizer.engine.facility import nearest
from optimizer.engine.facility.capacitated import Dual, certify, safe, search_tree
from optimizer.engine.facility.core import Priced
from optimizer.engine.facility.problem import FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run

FULL_LISTS = 4_000_000  # facilities x customers up to which whole sorted lists are kept
SHORT = 400  # facilities per customer in a short list


class NearestSearch:
    """Current and best open set, improved in rounds; repeatable for the same seed."""

    def __init__(
        self, cost: np.ndarray, fixed: np.ndarray, seed: int, halt: np.ndarray | None = None
    ) -> None:
        self.halt = np.zeros(1, np.int64) if halt is None else halt
        self.fixed = fixed
        self.cost_t = np.ascontiguousarray(np.where(np.isfinite(cost), cost, 1e90).T)
        n, m = self.cost_t.shape
        width = m if n * m <= FULL_LISTS else min(m, SHORT)
        if width == m:
            order = np.argsort(self.cost_t, axis=1, kind="stable")
        else:
            order = np.argpartition(self.cost_t, width - 1, axis=1)[:, :width]
            by_cost = np.argsort(np.take_along_axis(self.cost_t, order, axis=1), axis=1)
            order = np.take_along_axis(order, by_cost, axis=1)
        self.near = np.ascontiguousarray(order.astype(np.int32))
        self.near_cost = np.take_along_axis(self.cost_t, order, axis=1)
        self.best = math.inf
        self.best_open = np.zeros(m, np.bool_)
        self.current_open = np.zeros(m, np.bool_)
        self.current = math.inf
        self.allowed = np.arange(m)
        self.random = np.random.Generator(np.random.PCG64(seed))

    def from_open(self, is_open: np.ndarray) -> float:
        """Return the local optimum reached from an open set."""
        trial = np.array(is_open, np.bool_)
        value = float(nearest.local_optimum(self.cost_t, self.near, self.fixed, trial, self.halt))
        if value < self.best:
            self.best, self.best_open = value, trial.copy()
        if value < self.current:
            self.current, self.current_open = value, trial
        return value

    def rounds(self, count: int, strength: int = 3) -> None:
        """Run rounds of iterated local search from the current plan."""
        best, current = nearest.iterate(
            self.cost_t, self.near, self.fixed, self.best_open, self.best, count,
            int(self.random.integers(1 << 30)), strength, self.allowed, self.current_open,
            self.current, self.halt,
        )  # fmt: skip
        self.best, self.current = float(best), float(current)


def offer_nearest(run: Run, is_open: np.ndarray) -> bool:
    """Offer the plan in which every customer goes to its nearest open facility."""
    opened = np.flatnonzero(is_open)
    if not len(opened):
        return False
    part = run.problem.unit_cost[opened]
    closest = part.argmin(axis=0)
    if not np.isfinite(part[closest, np.arange(run.problem.n)]).all():
        return False
    return run.offer_sources(opened[closest])


def dual_at(problem: FacilityProblem, search: NearestSearch, prices: np.ndarray) -> Dual:
    """Return the bound and gains at prices (all arcs cheaper than a price are in the lists)."""
    value, gradient = np.empty(problem.m), np.empty(problem.n)
    prices = prices.copy()
    bound = nearest._bound_at(
        search.near, search.near_cost, problem.fixed_cost, prices, value, gradient
    )
    dual = Dual(prices)
    none = np.zeros((0, 0), bool)
    dual.take(prices, Priced(bound, 0.0, 0.0, none, value, np.zeros(problem.m)))
    return dual


def most_turns(problem: FacilityProblem) -> int:
    """Return how many turns of the search come before the tree: less the longer each takes."""
    return int(max(1, min(60, 4e6 / (problem.m * problem.n))))


def solve_uncapacitated(run: Run) -> FacilityResult:
    """Solve the uncapacitated problem."""
    p = run.problem
    run.enter("lists")
    search = NearestSearch(p.unit_cost, p.fixed_cost, run.options.seed, run.halt)
    run.enter("dual")
    prices = search.near_cost[:, 0] + np.median(p.fixed_cost) * p.m / (10.0 * p.n)
    y_mean = np.zeros(p.m)
    nearest.volume_sorted(
        search.near, search.near_cost, p.fixed_cost, prices, 0.0, 600, 0.1, y_mean, run.halt
    )
    dual = dual_at(p, search, prices)
    run.raise_bound(safe(dual.bound))
    run.enter("search")
    if run.options.start is not None and offer_nearest(run, run.options.start):
        search.from_open(run.options.start)
    for floor in (0.5, 0.2):
        is_open = y_mean > floor
        is_open[int(np.argmax(y_mean))] = True
        search.from_open(is_open)
    offer_nearest(run, search.best_open)
    run.enter("dual")
    factor = 0.05
    while not run.stop() and factor > 1e-3:
        before = dual.bound
        nearest.volume_sorted(
            search.near,
            search.near_cost,
            p.fixed_cost,
            prices,
            run.objective,
            300,
            factor,
            y_mean,
            run.halt,
        )
        dual = max(dual, dual_at(p, search, prices), key=lambda d: d.bound)
        run.raise_bound(safe(dual.bound))
        factor *= 0.5
        if dual.bound - before < 1e-5 * (run.objective - before):
            break
    run.enter("search")
    search.allowed = np.flatnonzero(dual.gain <= 2.0 * (run.objective - dual.bound) + 1e-9)
    if not len(search.allowed):
        search.allowed = np.arange(p.m)
    for _ in range(most_turns(p)):
        if run.stop():
            break
        search.rounds(20)
        offer_nearest(run, search.best_open)

    def between() -> None:
        if run.open is not None and run.objective < search.best - 1e-9 * abs(search.best):
            search.from_open(run.open)
        search.rounds(4 if p.m <= 1000 else 1)
        if search.best < run.objective - 1e-9 * abs(run.objective):
            offer_nearest(run, search.best_open)

    if not run.stop():
        search_tree(
            run, np.full(p.m, max(p.demand.sum(), 1.0)), dual, y_mean,
            offer=lambda is_open: offer_nearest(run, is_open), between=between,
            may_hand_over=False,
        )  # fmt: skip
    run.enter("search")
    rounds = 0
    while not run.stop() and (rounds < 500 or math.isfinite(run.deadline)):
        between()
        rounds += 1
    certify(run, dual)
    return run.result()
