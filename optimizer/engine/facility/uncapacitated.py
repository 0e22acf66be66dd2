"""No capacities: nearest open facility serves. Sorted dual climb, iterated search, tree."""

from __future__ import annotations

import math

import numpy as np

from optimizer.engine.facility import dual_ascent, nearest, open_sets
from optimizer.engine.facility.capacitated import Dual, certify, safe, search_tree
from optimizer.engine.facility.core import Priced
from optimizer.engine.facility.problem import FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run

FULL_LISTS = 4_000_000  # facilities x customers up to which whole sorted lists are kept
SHORT = 400  # facilities per customer in a short list
CLIMB = 300  # steps of the volume algorithm between two roundings
TURNS = 4  # of the search before the tree, at least; twice as many as led to the best plan
EFFORT = 40_000_000  # arcs looked at in a turn
SHORT_EFFORT = 2_500_000  # in a turn between the first rounds of the tree
SHORT_TURNS = 60  # of these; a tree that still grows leaves the time to the search
SLACK = 2e-4  # of the best plan: how much worse a plan the search may go on from


class NearestSearch:
    """Current and best open set, improved in rounds; repeatable for the same seed."""

    def __init__(
        self, cost: np.ndarray, fixed: np.ndarray, seed: int, halt: np.ndarray | None = None
    ) -> None:
        self.halt = np.zeros(1, np.int64) if halt is None else halt
        self.fixed, self.cost = fixed, cost
        m, n = cost.shape
        self.near, self.near_cost = sorted_lists(cost, m if n * m <= FULL_LISTS else SHORT)
        self.start, self.customer, self.arc_cost = open_sets.customers_of(
            self.near, self.near_cost, m
        )
        self.best = math.inf
        self.best_open = np.zeros(m, np.bool_)
        self.current_open = np.zeros(m, np.bool_)
        self.current = math.inf
        self.allowed = np.ones(m, np.bool_)
        self.random = np.random.Generator(np.random.PCG64(seed))

    def from_open(self, is_open: np.ndarray) -> float:
        """Return the local optimum reached from an open set."""
        trial = np.array(is_open, np.bool_)
        value = float(open_sets.local_optimum(
            self.near, self.near_cost, self.cost, self.start, self.customer, self.arc_cost,
            self.fixed, trial, self.halt,
        ))  # fmt: skip
        if value < self.best:
            self.best, self.best_open = value, trial.copy()
        if value < self.current:
            self.current, self.current_open = value, trial
        return value

    def rounds(self, effort: int, strength: int = 3) -> None:
        """Run rounds of iterated local search, as many as look at ``effort`` arcs."""
        best, current = open_sets.iterate(
            self.near, self.near_cost, self.cost, self.start, self.customer, self.arc_cost,
            self.fixed, self.best_open, self.best, effort, int(self.random.integers(1 << 30)),
            strength, SLACK, self.allowed, self.current_open, self.halt,
        )  # fmt: skip
        self.best, self.current = float(best), float(current)


def sorted_lists(cost: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (facility, cost) [n, width]: per customer the cheapest facilities, cheapest first."""
    m, n = cost.shape
    width = min(m, width)
    near = np.empty((n, width), np.int32)
    near_cost = np.empty((n, width))
    block = max(1, 4_000_000 // m)  # customers at a time: the whole table need not be copied
    for start in range(0, n, block):
        part = np.ascontiguousarray(cost[:, start : start + block].T)
        part = np.minimum(part, open_sets.NONE)
        if width < m:
            order = np.argpartition(part, width - 1, axis=1)[:, :width]
            order.sort(axis=1)  # equal costs in the order of the facilities
            listed = np.take_along_axis(part, order, axis=1)
            by_cost = np.argsort(listed, axis=1, kind="stable")
            order = np.take_along_axis(order, by_cost, axis=1)
        else:
            order = np.argsort(part, axis=1, kind="stable")
        near[start : start + block] = order
        near_cost[start : start + block] = np.take_along_axis(part, order, axis=1)
    return near, near_cost


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
    bound = nearest.bound_at(
        search.near, search.near_cost, problem.fixed_cost, prices, value, gradient
    )
    dual = Dual(prices)
    none = np.zeros((0, 0), bool)
    dual.take(prices, Priced(bound, 0.0, 0.0, none, value, np.zeros(problem.m)))
    return dual


def first_dual(run: Run, search: NearestSearch) -> tuple[Dual, np.ndarray]:
    """Return the dual after ascent and a climb towards the first plan, and the averaged y."""
    p = run.problem
    run.enter("dual")
    prices, slack = np.empty(p.n), np.empty(p.m)
    dual_ascent.ascend(search.near, search.near_cost, p.fixed_cost, prices, slack)
    dual = dual_at(p, search, prices)
    run.raise_bound(safe(dual.bound))
    run.enter("search")
    is_open = slack <= 1e-9 * (1.0 + p.fixed_cost)
    is_open[int(np.argmin(slack))] = True
    search.from_open(is_open)
    offer_nearest(run, search.best_open)
    y_mean = np.zeros(p.m)
    climb(run, search, dual, y_mean, 0.3, CLIMB)
    return dual, y_mean


def climb(
    run: Run, search: NearestSearch, dual: Dual, y_mean: np.ndarray, factor: float, steps: int
) -> None:
    """Raise the bound by the volume algorithm, aimed at the best plan."""
    p = run.problem
    run.enter("dual")
    prices = dual.prices.copy()
    target = run.objective if math.isfinite(run.objective) else search.best
    nearest.volume_sorted(
        search.near, search.near_cost, p.fixed_cost, prices, target, steps, factor, y_mean,
        run.halt,
    )  # fmt: skip
    better = dual_at(p, search, prices)
    if better.bound > dual.bound:
        dual.__dict__.update(better.__dict__)
        run.raise_bound(safe(dual.bound))


def round_off(run: Run, search: NearestSearch, y_mean: np.ndarray) -> None:
    """Descend from the facilities that the averaged relaxed solution opens."""
    run.enter("search")
    for floor in (0.5, 0.2):
        is_open = y_mean > floor
        is_open[int(np.argmax(y_mean))] = True
        search.from_open(is_open)
    offer_nearest(run, search.best_open)


def solve_uncapacitated(run: Run) -> FacilityResult:
    """Solve the uncapacitated problem."""
    p = run.problem
    run.enter("lists")
    search = NearestSearch(p.unit_cost, p.fixed_cost, run.options.seed, run.halt)
    if run.options.start is not None and offer_nearest(run, run.options.start):
        search.from_open(run.options.start)
    dual, y_mean = first_dual(run, search)
    round_off(run, search, y_mean)
    factor = 0.1
    while not run.stop() and factor > 1e-3:
        before = dual.bound
        climb(run, search, dual, y_mean, factor, CLIMB)
        round_off(run, search, y_mean)
        factor *= 0.5
        if dual.bound - before < 1e-3 * (run.objective - before):
            break
    run.enter("search")
    search.allowed = dual.gain <= 2.0 * (run.objective - dual.bound) + 1e-9
    turn, last = 0, TURNS
    while turn < last and not run.stop():
        search.rounds(EFFORT)
        turn += 1
        if offer_nearest(run, search.best_open):
            last = max(last, 2 * turn)

    turns_between = 0

    def between() -> None:
        nonlocal turns_between
        turns_between += 1
        if run.open is not None and run.objective < search.best - 1e-9 * abs(search.best):
            search.from_open(run.open)
        search.rounds(SHORT_EFFORT if turns_between <= SHORT_TURNS else EFFORT)
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
