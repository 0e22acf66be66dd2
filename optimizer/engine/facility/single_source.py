"""Every customer from one facility: knapsack dual, assignment search, tree, reduced models.

What counts in whole units (`WholeBound`) goes the strong way: binary knapsacks under a binary
choice of facilities, decisions by reduced cost, a tree of its own. What that leaves goes by way of
split delivery (`split_first`), and the rest to HiGHS on what the bound could not exclude.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from optimizer.engine.facility import assignment, knapsack, lagrangian, whole
from optimizer.engine.facility.annealed import Annealing, anneal_rounds, sources
from optimizer.engine.facility.capacitated import (
    MOST_ARCS,
    MOST_ROWS,
    Dual,
    certify,
    climb,
    core_arcs,
    safe,
    solve_core,
)
from optimizer.engine.facility.core import Core, price_all
from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import FacilityProblem, FacilityResult
from optimizer.engine.facility.regions import Regions
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.single_tree import SingleTree, near_lists
from optimizer.engine.facility.split_first import solve_split_first
from optimizer.engine.facility.tree import balance

MOST_UNITS = 60_000  # of total demand, up to which facilities are chosen in whole units
MOST_ROOM = 5_000  # units of one facility, up to which its knapsack is
WIDTH = 40  # facilities a customer knows in the search
PATIENCE = 8  # rounds of the tree after which it must have risen, or HiGHS takes over
EASY = 60_000  # facilities x customers up to which the tree comes first; all of Yang is below
ANNEAL_SHARE = 0.2  # of the time left, for annealing where the tree comes later
REGION_SHARE = 0.4  # of the time left then, for regions of the plan, one by one
FIRST_ROUNDS, LAST_ROUNDS = 3, 1_000  # of annealing before the tree, and at the end
STEPS = 40  # dual steps per node of the tree
MOST_LEFT = (
    40_000  # arcs of a reduced model: HiGHS asks no clock before it has presolved larger ones
)


def finite(cost: np.ndarray) -> np.ndarray:
    """Return costs with forbidden arcs at a price no plan would pay (offers check feasibility)."""
    return np.where(np.isfinite(cost), cost, 1e15)


def whole_demands(problem: FacilityProblem) -> bool:
    """Return True when knapsacks can be solved over whole units of capacity."""
    weight, room = whole_units(problem)
    whole_ones = bool((problem.demand == weight).all())
    return whole_ones and weight.sum() <= MOST_UNITS and room.max() <= MOST_ROOM


def whole_units(p: FacilityProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return demands and capacities in whole units, capacities rounded down."""
    weight = np.floor(p.demand + 0.5).astype(np.int64)
    room = np.floor(np.minimum(p.capacity, p.demand.sum()) + 1e-9).astype(np.int64)
    return weight, room


class WholeBound:
    """The bound in whole units, its prices, and all it has decided so far."""

    def __init__(self, run: Run, prices: np.ndarray) -> None:
        p = run.problem
        self.run = run
        self.cost = finite(p.unit_cost)
        self.weight, self.room = whole_units(p)
        self.prices = prices.copy()
        self.bound = -math.inf
        self.state = np.zeros(p.m, np.int8)
        self.arc = np.where(np.isfinite(p.unit_cost), 0, -1).astype(np.int8)
        self.y = np.zeros(p.m)
        self.share = np.zeros((p.m, p.n))
        self.assigned = np.zeros(p.n, np.int64)
        self.chosen = np.zeros(p.m)
        self.cutoff = math.inf
        self.settled = False  # nothing below ``cutoff`` is left
        largest, need = int(self.room.max()), int(self.weight.sum())
        self._items = np.zeros((p.m, p.n + 1), np.int64)
        self._table = np.empty((p.n + 1, largest + 1))
        self._back = np.empty((p.n + 1, largest + 1))
        self._cover = np.empty((p.m + 1, need + 1))
        self._cover_back = np.empty((p.m + 1, need + 1))

    def climb(self, target: float, steps: int, factor: float) -> float:
        """Return the bound after more steps; better prices are kept."""
        p, trial = self.run.problem, self.prices.copy()
        scratch = np.empty((2, p.m))
        whole.level(
            self.cost, self.weight, p.fixed_cost, self.room, self.state, self.arc, trial, 16,
            scratch[0], scratch[1], np.empty(p.n), self.assigned, self.share, self._items,
            self._table, self._cover,
        )  # fmt: skip
        bound = whole.climb(
            self.cost, self.weight, p.fixed_cost, self.room, self.state, self.arc, trial, target,
            math.inf, steps, factor, self.y, self.share, self.assigned, self.chosen, self._items,
            self._table, self._cover, self.run.halt,
        )  # fmt: skip
        if bound >= whole.HUGE:
            self.settled = True
        elif bound > self.bound:
            self.bound, self.prices = bound, trial
        return bound

    def tighten(self, cutoff: float) -> None:
        """Decide all that alone would reach ``cutoff``, which may only fall."""
        p = self.run.problem
        self.cutoff = min(self.cutoff, cutoff)
        scratch = np.empty((4, p.m))
        made = whole.tighten(
            self.cost, self.weight, p.fixed_cost, self.room, self.state, self.arc, self.prices,
            self.cutoff + 1e-9 * abs(self.cutoff), scratch[0], scratch[1], self._items, self._table,
            self._back, self._cover, self._cover_back, scratch[2], scratch[3],
        )  # fmt: skip
        follows = made >= 0 and whole.propagate(self.weight, self.room, self.state, self.arc)
        self.settled = self.settled or not follows

    def plausible(self, slack: float) -> np.ndarray:
        """Return the facilities [m] that a plan up to ``slack`` above the bound may open."""
        p, state, arc = self.run.problem, self.state.copy(), self.arc.copy()
        scratch = np.empty((4, p.m))
        made = whole.tighten(
            self.cost, self.weight, p.fixed_cost, self.room, state, arc, self.prices,
            self.bound + slack * abs(self.bound), scratch[0], scratch[1], self._items, self._table,
            self._back, self._cover, self._cover_back, scratch[2], scratch[3],
        )  # fmt: skip
        return state >= 0 if made >= 0 else self.state >= 0


class Assigner:
    """Searches assignments; the best goes to the run, where the search stands is kept."""

    def __init__(self, run: Run, priced: np.ndarray, allowed: np.ndarray) -> None:
        p = run.problem
        self.run = run
        self.cost_t = np.ascontiguousarray(finite(p.unit_cost).T)
        self.capacity = p.capacity * (1 + 1e-12) + 1e-9
        self.random = np.random.Generator(np.random.PCG64(run.options.seed))
        self.price = float(np.median(self.cost_t.min(axis=1)) / max(np.median(p.demand), 1e-9))
        self.price += float(np.median(p.fixed_cost / np.maximum(p.capacity, 1e-9)))
        self.current: np.ndarray | None = None
        self.focus(priced, allowed)

    def focus(self, priced: np.ndarray, allowed: np.ndarray) -> None:
        """Search among the facilities ``allowed``; customers know the cheapest by ``priced``."""
        p = self.run.problem
        usable = np.isfinite(p.unit_cost) & allowed[:, None]
        usable &= p.demand <= self.capacity[:, None]
        self.near = near_lists(np.ascontiguousarray(priced.T), usable.T, min(p.m, WIDTH))
        self.allowed = np.flatnonzero(allowed)

    def repair(self, y: np.ndarray, assigned: np.ndarray) -> float:
        """Return the objective of the plan made of a relaxed one, offering it (inf: none)."""
        p = self.run.problem
        if (self.near[:, 0] < 0).any():
            return math.inf
        source = np.empty(p.n, np.int64)
        value = assignment.repair(
            self.cost_t, p.demand, p.fixed_cost, self.capacity, self.near, y, assigned, source,
            np.empty(p.m), np.empty(p.m, np.int64), self.price,
        )  # fmt: skip
        if self.current is None or value < self.run.objective:
            self.current = source.copy()
        if value < self.run.objective:
            self.run.offer_sources(source)
        return float(value)

    def rounds(self, count: int) -> None:
        """Search on for some rounds from where the search stands."""
        run, p = self.run, self.run.problem
        if self.current is None:
            return
        source = np.empty(p.n, np.int64)
        best, self.price = assignment.iterate(
            self.cost_t, p.demand, p.fixed_cost, self.capacity, self.near, self.allowed,
            self.current, source, run.objective, count, int(self.random.integers(1 << 30)),
            self.price, run.halt,
        )  # fmt: skip
        if best < run.objective:
            run.offer_sources(source)

    def restart(self) -> None:
        """Let the search stand at the best plan."""
        if self.run.flow is not None:
            source = np.empty(self.run.problem.n, np.int64)
            source[self.run.flow[1]] = self.run.flow[0]
            self.current = source

    def round_size(self, work: float) -> int:
        """Return how many rounds cost about ``work`` elementary steps."""
        n = self.run.problem.n
        return int(max(1, work / (4.0 * n * (self.near.shape[1] + 0.5 * n))))


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
    assigner = Assigner(run, p.unit_cost + priced.alpha[:, None] * p.demand, np.ones(p.m, np.bool_))
    if run.options.start is not None:
        assigner.repair(np.asarray(run.options.start, float), np.full(p.n, -1))
    y = y_mean
    strong: WholeBound | None = None
    search: Annealing | None = None
    regions: Regions | None = None
    if whole_demands(p):
        strong = WholeBound(run, dual.prices)
        root(run, strong, assigner, dual)
        y = strong.y
        if p.m * p.n > EASY and not run.stop() and not strong.settled:
            regions = Regions(run, dual.prices)
            search = first_annealing(run, strong, assigner, regions)
        if not run.stop() and not strong.settled:
            search_whole(run, strong, assigner)
    else:
        assigner.repair(y_mean, np.full(p.n, -1))
        run.enter("search")
        assigner.rounds(assigner.round_size(3e8))
    if not run.stop():
        solve_split_first(run, dual, y, annealed=search is not None)
    modelled = False
    if not run.stop() and search is not None and strong is not None and regions:
        modelled = last_annealing(run, dual, strong, search, regions, y)
    if not run.stop() and not modelled:
        keep = core_arcs(p, dual.prices, priced.alpha)
        if strong is None and keep.sum() <= MOST_ARCS:
            run.enter("core_lp")
            core = Core(p, dual.prices, priced.alpha, keep=keep, least=least, seed=run.options.seed)
            state = solve_core(run, core, dual) if core.rows <= MOST_ROWS else None
            y = y_mean if state is None else state.y
        reduced_models(run, dual, strong, y)
    certify(run, dual)
    if strong is not None and math.isfinite(strong.bound):
        _certify_whole(run, strong)
    return run.result()


def first_annealing(
    run: Run, strong: WholeBound, assigner: Assigner, regions: Regions
) -> Annealing | None:
    """Anneal, then go by regions, each for a share of the time.

    Returns the search, None where there is no plan to begin.
    """
    if not math.isfinite(run.objective):
        run.enter("search")
        assigner.rounds(assigner.round_size(3e8))
    if run.stop() or not math.isfinite(run.objective):
        return None
    run.enter("anneal")
    search = Annealing(run, strong.cost, assigner.capacity)
    anneal_rounds(search, strong, FIRST_ROUNDS, time.perf_counter() + ANNEAL_SHARE * run.left)
    if not run.stop() and not strong.settled:
        run.enter("regions")
        until = time.perf_counter() + REGION_SHARE * run.left
        regions.improve(sources(run), until, time.perf_counter)
        strong.tighten(run.cutoff())
        if strong.settled:
            run.raise_bound(run.cutoff())
    assigner.restart()
    return search


def last_annealing(
    run: Run, dual: Dual, strong: WholeBound, search: Annealing, regions: Regions, y: np.ndarray
) -> bool:
    """Anneal and go by regions on: beside HiGHS where it could prove what is left, else alone.

    Returns True when the reduced models are done with.
    """
    run.enter("anneal")
    may, _, _ = arcs_left(run, dual, strong, run.cutoff())
    if may.sum() > MOST_LEFT or run.options.threads < 2:
        search.go_on(regions, LAST_ROUNDS, run.deadline, time.perf_counter)
        return False
    search.keep_threads(run.options.threads - 1)
    regions.threads = run.options.threads - 1
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(search.go_on, regions, LAST_ROUNDS, run.deadline, time.perf_counter)
        try:
            reduced_models(run, dual, strong, y)
        finally:
            search.ended = regions.ended = True
            run.halt[0] = 1  # this was the last phase of the run
        job.result()
    return True


def root(run: Run, strong: WholeBound, assigner: Assigner, dual: Dual) -> None:
    """Climb and search in turns until neither helps."""
    target = 1.02 * dual.bound if not math.isfinite(run.objective) else run.objective
    for turn, (steps, factor) in enumerate(((150, 0.5), (300, 0.4), (300, 0.2), (200, 0.1))):
        run.enter("whole_dual")
        before = strong.bound
        strong.climb(max(target, safe(strong.bound)), steps, factor)
        run.raise_bound(safe(strong.bound))
        assigner.repair(strong.chosen, strong.assigned)
        if run.stop() or strong.settled:
            return
        run.enter("search")
        assigner.rounds(assigner.round_size(1e7 * (1 + 2 * turn)))
        target = min(run.objective, 1.01 * strong.bound)
        if math.isfinite(run.objective):
            strong.tighten(run.cutoff())
            if strong.settled:
                run.raise_bound(run.cutoff())
                return
        if run.stop() or (turn > 1 and strong.bound - before < 1e-5 * abs(before)):
            return


def search_whole(run: Run, strong: WholeBound, assigner: Assigner) -> None:
    """Search the tree on all threads, the assignments in between, until closed or full."""
    p = run.problem
    if not math.isfinite(run.objective):
        run.enter("search")
        assigner.rounds(assigner.round_size(3e8))
    run.enter("tree")
    first = SingleTree(
        strong.cost, p.demand, strong.weight, p.fixed_cost, assigner.capacity, strong.room,
        strong.state, strong.arc, strong.prices, safe(strong.bound), run.halt,
    )  # fmt: skip
    trees = [first]
    if run.options.threads > 1:
        trees.append(first.empty_copy())
        trees[1].best_source = first.best_source.copy()
    m, n = first.cost.shape
    each = m * (min(n, 40) * float(first.room.mean()) + 0.3 * strong.weight.sum()) / 3.0 + 4 * m * n
    batch = int(max(1, min(400, 1e8 / (2 * STEPS * each))))
    slack = 0.5 * run.options.gap
    lowest = run.bound
    left = PATIENCE
    unit = 0.5 if run.is_whole else 0.0
    with ThreadPoolExecutor(len(trees)) as pool:
        while not run.stop():
            left -= 1
            climbed = (run.bound - lowest) / max(run.cutoff() - lowest, 1e-9)
            if left <= 0 and climbed < 0.7 and not left % PATIENCE:
                if climbed < 0.35:
                    break  # this would take long: cuts are better
                lowest = run.bound
            jobs = [
                pool.submit(tree.advance, run.objective, run.cutoff(), slack, unit, batch, STEPS)
                for tree in trees
            ]
            for value, source in [job.result() for job in jobs]:
                if value < run.objective:
                    run.offer_sources(source)
            bound = min(tree.bound for tree in trees)
            run.raise_bound(min(safe(bound), run.cutoff()))
            if not math.isfinite(bound) or any(tree.is_full for tree in trees):
                break
            assigner.rounds(assigner.round_size(1e7))
            if len(trees) > 1:
                balance(trees[0], trees[1], run.cutoff())
    run.nodes += sum(tree.nodes for tree in trees)


def arcs_left(
    run: Run, dual: Dual, strong: WholeBound | None, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (arcs that a plan below ``cutoff`` may use, facilities it must open, reduced costs).

    Using arc (i, j) wholly costs the relaxation at least max(0, c + alpha d - lambda), and opening
    i its gain, on top of the bound; alpha any price of the capacity of i.
    """
    p = run.problem
    capacity = np.minimum(p.capacity, p.demand.sum())
    may = np.isfinite(p.unit_cost) & (p.demand <= p.capacity[:, None] * (1 + 1e-9))
    free = np.zeros(p.m, np.int8)
    least = int(lagrangian.least_open(p.demand.sum(), capacity, free))
    priced = price_all(p, capacity, free, least, dual.prices)
    reduced = p.unit_cost + priced.alpha[:, None] * p.demand - dual.prices
    # continuous knapsacks: the price alpha is exact, so forcing an arc costs its reduced cost
    added = np.maximum(reduced, 0.0) + np.maximum(priced.gain, 0.0)[:, None]
    may &= safe(priced.bound) + added <= cutoff
    must = (safe(priced.bound) - priced.gain > cutoff) & (priced.gain < 0)
    if strong is not None and not strong.settled:
        strong.tighten(cutoff)
        if not strong.settled:
            may &= strong.arc >= 0
            must |= strong.state > 0
    return may, must, reduced


def reduced_models(run: Run, dual: Dual, strong: WholeBound | None, y: np.ndarray) -> None:
    """Solve growing restricted problems for plans, then the one that provably holds an optimum."""
    while not run.stop():
        cutoff = run.cutoff()
        if not math.isfinite(cutoff):
            solve_direct(run)
            return
        may, must, reduced = arcs_left(run, dual, strong, cutoff)
        before = run.objective
        proof: float | None = cutoff
        if may.sum() > MOST_LEFT:  # too many to prove anything: the best ones, for plans
            reduced[~may] = np.inf
            may &= reduced <= np.partition(reduced, MOST_LEFT, axis=None)[MOST_LEFT]
            proof = None
        status = solve_direct(
            run, may, gap=0.5 * run.options.gap, cutoff=proof, must=must, phase="reduced",
            restart=partial(_is_better, run, before),
        )  # fmt: skip
        if status != "restart":
            return


def _is_better(run: Run, before: float) -> bool:
    """Return True when a plan so much better was found that much more can be left out."""
    return run.objective < before * (1 - 2e-4)


def _certify_whole(run: Run, strong: WholeBound) -> None:
    """Take the prices of the strong bound into the certificate where they prove more."""
    p = run.problem
    if run.certificate is None or (p.demand != np.floor(p.demand)).any():
        return
    gain = np.empty(p.m)
    found = np.zeros(2)
    bound = knapsack.bound_at(
        finite(p.unit_cost), strong.weight, p.demand, p.fixed_cost, strong.room, strong.prices,
        gain, found,
    )  # fmt: skip
    if bound > run.certificate.dual_bound:
        run.certificate = replace(
            run.certificate, customer_dual=strong.prices.copy(), surrogate_dual=float(found[0]),
            count_dual=float(found[1]), dual_bound=safe(bound), knapsack="binary",
        )  # fmt: skip
