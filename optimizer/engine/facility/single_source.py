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
    fixings,
    refine,
    safe,
    solve_core,
)
from optimizer.engine.facility.core import Core, price_all
from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run


class Assigner:
    """Makes whole assignments out of open sets and prices, and keeps the best in the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        p = run.problem
        self.cost = np.where(np.isfinite(p.unit_cost), p.unit_cost, 1e15)
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


def whole_demands(problem: FacilityProblem) -> bool:
    """Return True when the binary knapsack can be solved over whole units of capacity."""
    return bool((problem.demand == np.floor(problem.demand)).all() and problem.demand.max() <= 5e3)


def climb_binary(run: Run, dual: Dual, assigner: Assigner, rounds: int) -> Dual:
    """Return the dual with binary knapsacks after a subgradient climb from ``dual``.

    Every so often the relaxed open set is turned into a plan.
    """
    p = run.problem
    weight = np.floor(p.demand + 0.5).astype(np.int64)
    room = np.floor(np.minimum(p.capacity, p.demand.sum()) + 1e-9).astype(np.int64)
    capacity = room.astype(np.float64)
    free = np.zeros(p.m, np.int8)
    prices = dual.prices.copy()
    best = Dual(prices.copy())
    best.bound = -math.inf
    gradient, y, gain = np.empty(p.n), np.empty(p.m), np.empty(p.m)
    split, alpha = np.empty(p.m), np.zeros(p.m)
    scratch, y2 = np.empty(p.n), np.empty(p.m)
    factor, stale = 0.3, 0
    mean = np.zeros(p.n)
    for step in range(rounds):
        if run.stop():
            break
        lagrangian.evaluate(
            p.unit_cost, p.demand, p.fixed_cost, capacity, free, 0, prices, scratch, y2, split,
            alpha,
        )  # fmt: skip
        bound = knapsack.evaluate_binary(
            p.unit_cost, weight, p.fixed_cost, room, prices, y2, gradient, y, gain, split, 0.0
        )
        if bound > best.bound:
            best.bound, best.prices, best.gain = bound, prices.copy(), gain.copy()
            run.raise_bound(safe(bound))
            stale = 0
        else:
            stale += 1
            if stale >= 8:
                factor *= 0.7
                stale = 0
                prices = best.prices.copy()
        if step % 10 == 0:
            is_open = y > 0.5
            order = np.argsort(gain)
            needed = np.cumsum(p.capacity[order])
            count = int(np.searchsorted(needed, 1.02 * p.demand.sum())) + 1
            is_open[order[:count]] = True
            assigner.offer(is_open, alpha, 3)
        mean = gradient if step == 0 else 0.3 * gradient + 0.7 * mean
        norm = float(mean @ mean)
        if norm < 1e-12 or factor < 1e-3:
            break
        target = run.objective if math.isfinite(run.objective) else 1.03 * best.bound
        prices = prices + factor * max(target - best.bound, 1e-4 * best.bound) / norm * mean
    return best


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
        binary = climb_binary(run, dual, assigner, 200)
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
    rounds = 0
    for share, nearest in ((1.3, 6), (2.0, 10), (3.0, 16)):
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
        rounds += 1
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
