"""Every customer from one facility: binary knapsack dual, repair, fixing of arcs, reduced MIP."""

from __future__ import annotations

import math
import time

import numpy as np

from optimizer.engine.facility import knapsack, lagrangian
from optimizer.engine.facility.capacitated import (
    MOST_ARCS,
    MOST_ROWS,
    Dual,
    _certify,
    climb,
    core_arcs,
    refine,
    safe,
    solve_core,
)
from optimizer.engine.facility.core import Core, price_all
from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run


def finite(cost: np.ndarray) -> np.ndarray:
    """Return costs with forbidden arcs at a price no plan would pay (offers check feasibility)."""
    return np.where(np.isfinite(cost), cost, 1e15)


FORCED_WORK = 2e9  # arcs x customers x capacity up to which each arc is priced by its knapsack


class Assigner:
    """Makes whole assignments out of open sets and prices, and keeps the best in the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        p = run.problem
        self.cost = finite(p.unit_cost)
        self.capacity = p.capacity * (1 + 1e-12) + 1e-9

    def offer(self, is_open: np.ndarray, price: np.ndarray, passes: int = 20) -> float:
        """Return the objective of the assignment built (inf if none), offering it to the run."""
        p = self.run.problem
        opened = np.flatnonzero(is_open)
        if not len(opened) or self.capacity[opened].sum() < p.demand.sum():
            return math.inf
        cost = np.ascontiguousarray(self.cost[opened])
        source, left = np.empty(p.n, np.int64), np.empty(len(opened))
        every = np.ones(len(opened), np.bool_)
        fits = knapsack.assign_all(
            cost, p.demand, self.capacity[opened], every, price[opened], source, left
        )
        if not fits:
            return math.inf
        knapsack.polish(cost, p.demand, source, left, every, passes)
        value = cost[source, np.arange(p.n)].sum() + p.fixed_cost[np.unique(opened[source])].sum()
        if value < self.run.objective:
            self.run.offer_sources(opened[source])
        return float(value)

    def search(self, gain: np.ndarray, y: np.ndarray, price: np.ndarray, seed: int) -> None:
        """Search open sets near the best plan, in rounds, while time allows."""
        run, p = self.run, self.run.problem
        order = np.argsort(np.where(y > 1e-6, -1.0 - y, np.maximum(gain, 0.0)), kind="stable")
        allowed = order[: 3 * int((y > 1e-6).sum()) + 10]
        if run.open is None:
            is_open = np.zeros(p.m, np.bool_)
            room = np.cumsum(self.capacity[order])
            count = int(np.searchsorted(room, 1.1 * p.demand.sum())) + 1
            is_open[order[:count]] = True
        else:
            is_open = run.open.copy()
        source = np.empty(p.n, np.int64)
        until = min(run.deadline, time.perf_counter() + 0.5 + 0.5 * run.seconds)
        rounds = int(max(20, min(2000, 2e7 / (p.n * p.n))))
        for k in range(50):
            best = knapsack.search_open_sets(
                self.cost, p.demand, p.fixed_cost, self.capacity, price, allowed, is_open, rounds,
                seed + k, source, run.objective,
            )  # fmt: skip
            if best < run.objective:
                run.offer_sources(source.copy())
            if run.open is not None:
                is_open = run.open.copy()
            if run.stop() or time.perf_counter() > until:
                break


def whole_demands(problem: FacilityProblem) -> bool:
    """Return True when the binary knapsack can be solved over whole units of capacity."""
    return bool((problem.demand == np.floor(problem.demand)).all() and problem.demand.max() <= 5e3)


def climb_binary(run: Run, dual: Dual, least: int, y_mean: np.ndarray, factor: float = 0.5) -> Dual:
    """Return the dual with binary knapsacks after a subgradient climb from ``dual``."""
    p = run.problem
    weight, room = whole_units(p)
    prices = dual.prices.copy()
    found = np.zeros(2)
    best = Dual(prices, is_binary=True)
    gain = np.empty(p.m)
    target = run.objective if math.isfinite(run.objective) else 1.02 * dual.bound
    work = p.m * p.n * float(room.mean())
    steps = int(min(2000, max(60, 3e9 / max(work, 1.0))))
    source = np.empty(p.n, np.int64)
    best.bound, value = knapsack.climb_binary(
        finite(p.unit_cost), weight, p.demand, p.fixed_cost, room.astype(np.float64), room,
        np.zeros(p.m, np.int8), least, prices, target, steps, factor, found, gain, y_mean,
        source, run.objective,
    )  # fmt: skip
    if value < run.objective:
        run.offer_sources(source)
    best.sigma, best.rho, best.gain = float(found[0]), float(found[1]), gain
    run.raise_bound(safe(best.bound))
    return best


def whole_units(p: FacilityProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return demands and capacities in whole units, capacities rounded down."""
    weight = np.floor(p.demand + 0.5).astype(np.int64)
    room = np.floor(np.minimum(p.capacity, p.demand.sum()) + 1e-9).astype(np.int64)
    return weight, room


def solve_single_source(run: Run) -> FacilityResult:
    """Solve the single-source problem."""
    p = run.problem
    capacity = np.minimum(p.capacity, p.demand.sum())
    free = np.zeros(p.m, np.int8)
    run.enter("dual")
    least = int(lagrangian.least_open(p.demand.sum(), capacity, free))
    dual, y_mean = climb(run, capacity, least, 400)
    priced = price_all(p, capacity, free, least, dual.prices)
    dual.take(dual.prices, priced)
    run.raise_bound(safe(dual.bound))
    assigner = Assigner(run)
    if run.options.start is not None:
        assigner.offer(np.asarray(run.options.start, bool), priced.alpha)
    run.enter("core_lp")
    keep = core_arcs(p, dual.prices, priced.alpha)
    y, state = y_mean, None
    if keep.sum() <= MOST_ARCS:
        core = Core(p, dual.prices, priced.alpha, keep=keep, least=least, seed=run.options.seed)
        if core.rows <= MOST_ROWS:
            state = solve_core(run, core, dual)
    if state is not None:
        y = state.y
    else:
        refine(run, capacity, least, dual, y_mean)
    priced = price_all(p, capacity, free, least, dual.prices)
    run.enter("search")
    order = np.argsort(-y, kind="stable")
    room = np.cumsum(p.capacity[order])
    for slack in (1.0, 1.02, 1.05, 1.1, 1.2):
        is_open = np.zeros(p.m, bool)
        is_open[order[: int(np.searchsorted(room, slack * p.demand.sum())) + 1]] = True
        assigner.offer(is_open | (y > 0.5), priced.alpha)
    binary = None
    if whole_demands(p) and not run.stop():
        run.enter("binary_dual")
        binary = climb_binary(run, dual, least, y_mean)
        if state is None:
            y = y_mean
    run.enter("search")
    chosen = binary or dual
    assigner.search(chosen.gain, y, priced.alpha, run.options.seed)
    if binary is not None and not run.stop():
        run.enter("binary_dual")
        again = climb_binary(run, binary, least, y_mean, 0.2)
        binary = max(binary, again, key=lambda d: d.bound)
    duals = [d for d in (dual, binary) if d is not None and d.gain is not None]
    _reduced_mips(run, duals, y)
    if binary is not None and binary.bound > dual.bound:
        dual = binary
    _certify(run, dual)
    if dual is binary:
        from dataclasses import replace

        run.certificate = replace(run.certificate, knapsack="binary")
    return run.result()


def arcs_left(run: Run, duals: list[Dual], cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (arcs that a plan below ``cutoff`` may use [m, n], facilities it must open).

    Using arc (i, j) wholly costs the relaxation at least max(0, c + alpha d - lambda), and opening
    i its gain, on top of the bound; alpha any price of the capacity of i.
    """
    p = run.problem
    capacity = np.minimum(p.capacity, p.demand.sum())
    may = np.isfinite(p.unit_cost) & (p.demand <= p.capacity[:, None] * (1 + 1e-9))
    must = np.zeros(p.m, bool)
    for dual in duals:
        free = np.zeros(p.m, np.int8)
        least = int(lagrangian.least_open(p.demand.sum(), capacity, free))
        priced = price_all(p, capacity, free, least, dual.prices)
        reduced = p.unit_cost + priced.alpha[:, None] * p.demand - dual.prices
        # continuous knapsacks: the price alpha is exact, so forcing an arc costs its reduced cost
        added = np.maximum(reduced, 0.0) + np.maximum(priced.gain, 0.0)[:, None]
        may &= safe(priced.bound) + added <= cutoff
        may &= (safe(dual.bound) + np.maximum(dual.gain, 0.0) <= cutoff)[:, None]
        if dual.is_binary and may.sum() * p.n * float(capacity.mean()) <= FORCED_WORK:
            weight, room = whole_units(p)
            taken = dual.sigma * room + dual.rho
            knapsack.forced(
                p.unit_cost, weight, p.fixed_cost, room, dual.prices, may, taken,
                cutoff - safe(dual.bound),
            )  # fmt: skip
        must |= (safe(dual.bound) - dual.gain > cutoff) & (dual.gain < 0)
    return may, must


def _reduced_mips(run: Run, duals: list[Dual], y: np.ndarray) -> None:
    """Solve growing restricted problems for plans, then the one that provably holds an optimum."""
    p = run.problem
    best = max(duals, key=lambda d: d.bound)
    priced = price_all(
        p, np.minimum(p.capacity, p.demand.sum()), np.zeros(p.m, np.int8), 0, duals[0].prices
    )
    reduced = p.unit_cost + priced.alpha[:, None] * p.demand - duals[0].prices
    rank = np.argsort(np.where(y > 1e-6, -1.0 - y, np.maximum(best.gain, 0.0)), kind="stable")
    for rounds, (share, nearest) in enumerate(((1.3, 6), (2.0, 10), (3.0, 16))):
        if run.stop():
            return
        cutoff = run.cutoff()
        may, _ = arcs_left(run, duals, cutoff) if math.isfinite(cutoff) else (None, None)
        if may is not None and may.sum() <= 3000 * (1 + rounds):
            break
        chosen = np.zeros(p.m, bool)
        chosen[rank[: int(share * (y > 1e-6).sum()) + 5]] = True
        if run.open is not None:
            chosen |= run.open
        masked = np.where(chosen[:, None], reduced, np.inf)
        arcs = np.zeros((p.m, p.n), bool)
        order = np.argsort(masked, axis=0)[:nearest]
        arcs[order, np.arange(p.n)] = True
        arcs &= chosen[:, None]
        if run.flow is not None:
            arcs[run.flow[0], run.flow[1]] = True
        deadline = min(run.deadline, time.perf_counter() + 1.0 + min(20.0, 0.15 * run.left))
        solve_direct(run, arcs, gap=0.3 * run.options.gap, deadline=deadline, phase="kernel")
    while not run.stop():
        cutoff = run.cutoff()
        if not math.isfinite(cutoff):
            status = solve_direct(run)
            return
        may, must = arcs_left(run, duals, cutoff)
        before = run.objective
        status = solve_direct(
            run, may, gap=0.5 * run.options.gap, cutoff=cutoff, must=must, phase="tree",
            restart=lambda before=before: run.objective < before * (1 - 2e-4),
        )  # fmt: skip
        if status != "restart":
            return
