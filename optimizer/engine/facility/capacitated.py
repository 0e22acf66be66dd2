"""Split delivery with capacities: dual ascent, core LP, open-set search, Lagrangian tree."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from optimizer.engine.facility import lagrangian
from optimizer.engine.facility.core import Core, CoreState, Priced, price_all
from optimizer.engine.facility.problem import Certificate, FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.search import OpenSetSearch
from optimizer.engine.facility.transport import build_network, empty_basis, optimise
from optimizer.engine.facility.tree import LagrangianTree, balance

MOST_ARCS = 70_000  # of the core LP; beyond, the Lagrangian dual is climbed further instead
MOST_ROWS = 9_000
PATIENCE = 60  # rounds of the tree before HiGHS takes one of the threads
STEPS = 40  # dual steps per node of the tree
KERNEL_GAP = 0.003  # distance of plan and bound after the search from which the kernel is solved
KERNEL_CUSTOMERS = 600  # beyond, HiGHS has not left the root of the kernel in a minute
KERNEL_ARCS = 25  # of the kernel, per customer
KERNEL_LEAST = 40  # facilities of the kernel, if there are as many


@dataclass
class Dual:
    """The best customer prices so far and what they say about every facility."""

    prices: np.ndarray
    bound: float = -math.inf
    sigma: float = 0.0
    rho: float = 0.0
    # what forcing i open adds, closing it takes away; empty before the first prices
    gain: np.ndarray = field(default_factory=lambda: np.empty(0))

    def take(self, prices: np.ndarray, priced: Priced) -> None:
        """Keep these prices if their bound is better."""
        if priced.bound > self.bound or not len(self.gain):
            self.prices, self.bound = prices.copy(), priced.bound
            self.sigma, self.rho, self.gain = priced.sigma, priced.rho, priced.gain


def first_prices(problem: FacilityProblem, capacity: np.ndarray) -> np.ndarray:
    """Return starting prices: the cheapest way to be served if fixed costs were spread evenly."""
    share = np.where(capacity > 0, problem.fixed_cost / np.maximum(capacity, 1e-12), np.inf)
    return (problem.unit_cost + share[:, None] * problem.demand).min(axis=0)


def serve_from(
    problem: FacilityProblem, is_open: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the cheapest split assignment from an open set, over all its arcs, or None."""
    opened = np.flatnonzero(is_open)
    if not len(opened):
        return None
    network = build_network(
        problem.unit_cost[opened], problem.demand, problem.capacity[opened],
        np.zeros(len(opened)), len(opened),
    )  # fmt: skip
    basis = empty_basis(network)
    basis.root_cost[:] = 0.0
    value, _ = optimise(network, basis, 50_000_000)
    if not np.isfinite(value):
        return None
    m, n = network.m, network.n
    node = np.flatnonzero((basis.arc >= m + n) & (basis.flow > 0))
    node = node[node < m + n]
    arc = basis.arc[node] - m - n
    customer = np.where(basis.up[node], basis.parent[node], node) - m
    facility = opened[network.facility[arc]]
    share = basis.flow[node] / problem.demand[customer]
    idle = np.flatnonzero(problem.demand <= 0)
    if len(idle):
        cheapest = opened[problem.unit_cost[np.ix_(opened, idle)].argmin(axis=0)]
        facility = np.concatenate([facility, cheapest])
        customer = np.concatenate([customer, idle])
        share = np.concatenate([share, np.ones(len(idle))])
    served = np.bincount(customer, weights=share, minlength=n)
    return facility, customer, share / served[customer]


def offer_open(run: Run, is_open: np.ndarray) -> bool:
    """Offer the exact plan of an open set."""
    plan = serve_from(run.problem, is_open)
    return plan is not None and run.offer(is_open, *plan)


def climb(run: Run, capacity: np.ndarray, least: int, steps: int) -> tuple[Dual, np.ndarray]:
    """Return the dual after the volume algorithm, and the averaged y."""
    p = run.problem
    prices = first_prices(p, capacity)
    y_mean = np.zeros(p.m)
    state = np.zeros(p.m, np.int8)
    lagrangian.volume(
        p.unit_cost, p.demand, p.fixed_cost, capacity, state, least, prices, 0.0, steps, 0.1,
        np.inf, y_mean, np.zeros(2), run.halt,
    )  # fmt: skip
    return Dual(prices), y_mean


def safe(bound: float) -> float:
    """Return the bound less what rounding of a million additions can have added."""
    return bound - 1e-10 * abs(bound) if math.isfinite(bound) else bound


def solve_capacitated(run: Run) -> FacilityResult:
    """Solve the split-delivery problem."""
    p = run.problem
    capacity = np.minimum(p.capacity, p.demand.sum())
    free = np.zeros(p.m, np.int8)
    run.enter("dual")
    least = int(lagrangian.least_open(p.demand.sum(), capacity, free))
    dual, y_mean = climb(run, capacity, least, 400 if p.m * p.n <= 1_000_000 else 200)
    priced = price_all(p, capacity, free, least, dual.prices)
    dual.take(dual.prices, priced)
    run.raise_bound(safe(dual.bound))
    if run.options.start is not None:
        offer_open(run, run.options.start)
    alpha = priced.alpha
    state = None
    keep = core_arcs(p, dual.prices, alpha)
    if keep.sum() <= MOST_ARCS:
        run.enter("core_lp")
        core = Core(p, dual.prices, alpha, keep=keep, least=least, seed=run.options.seed)
        if core.rows <= MOST_ROWS:
            state = solve_core(run, core, dual)
    y = y_mean if state is None else state.y
    run.enter("search")
    search = start_search(run, dual, y, alpha)
    improve_from(run, search, y, most_moves=600)
    if state is None:
        run.enter("dual")
        refine(run, capacity, least, dual, y_mean)
        run.enter("search")
    if not run.stop():
        search.iterate(most_rounds=int(max(8, min(40, 12_000 / p.n))), stop=run.stop)
        offer_open(run, search.best_open)
    is_far = run.bound < (1 - KERNEL_GAP) * run.objective
    is_far &= state is not None and p.n <= KERNEL_CUSTOMERS
    if is_far and not run.stop():
        run.enter("kernel")
        solve_kernel(run, capacity, dual, y)
    if not run.stop():
        search_tree(
            run, capacity, dual, y, offer=lambda is_open: offer_open(run, is_open),
            between=lambda: follow(run, search), patience=0 if is_far else PATIENCE,
        )  # fmt: skip
    certify(run, dual)
    return run.result()


def solve_kernel(run: Run, capacity: np.ndarray, dual: Dual, y: np.ndarray) -> None:
    """Let HiGHS decide on twice the facilities the LP uses, those that cost the bound least.

    A plan that opens one of the others, or closes one taken as open, costs at least ``cutoff``:
    up to there the kernel's bound is the problem's.
    """
    from optimizer.engine.facility.handover import solve_rest

    swing = np.sort(np.abs(dual.gain))
    count = min(len(swing), max(KERNEL_LEAST, 2 * int((y > 1e-6).sum())))
    base = safe(dual.bound)
    cutoff = min(run.cutoff(), base + float(swing[count - 1]))
    if not cutoff > run.bound:
        return
    closed = (base + dual.gain > cutoff) & (dual.gain > 0)
    opened = (base - dual.gain > cutoff) & (dual.gain < 0)
    solve_rest(
        run, capacity, dual.prices, closed, opened, cutoff, threading.Event(),
        most_arcs=KERNEL_ARCS * run.problem.n,
    )  # fmt: skip


def start_search(run: Run, dual: Dual, y: np.ndarray, alpha: np.ndarray) -> OpenSetSearch:
    """Return an open-set search over the facilities the dual finds plausible.

    Customers know their 40 best among the plausible ones, so that any few of them can serve all.
    """
    p = run.problem
    rank = np.argsort(np.where(y > 1e-6, -y, np.maximum(dual.gain, 0.0)), kind="stable")
    plausible = np.zeros(p.m, bool)
    plausible[rank[: max(60, 4 * int((y > 1e-6).sum()))]] = True
    if run.open is not None:
        plausible |= run.open
    cost = np.where(plausible[:, None], p.unit_cost, np.inf)
    network = build_network(cost, p.demand, p.capacity, alpha, min(p.m, 40))
    search = OpenSetSearch(network, cost, p.fixed_cost, run.options.seed, run.halt)
    search.allowed = plausible
    return search


def refine(run: Run, capacity: np.ndarray, least: int, dual: Dual, y_mean: np.ndarray) -> None:
    """Climb on from the best prices, where no LP will follow."""
    p = run.problem
    free = np.zeros(p.m, np.int8)
    target = dual.bound * 1.02 if not math.isfinite(run.objective) else run.objective
    prices = dual.prices.copy()
    factor = 0.05
    for _ in range(8):
        before = dual.bound
        lagrangian.volume(
            p.unit_cost, p.demand, p.fixed_cost, capacity, free, least, prices, target, 100,
            factor, np.inf, y_mean, np.zeros(2), run.halt,
        )  # fmt: skip
        dual.take(prices, price_all(p, capacity, free, least, prices))
        run.raise_bound(safe(dual.bound))
        factor *= 0.5
        if run.stop() or dual.bound - before < 1e-5 * abs(before):
            break


def search_tree(
    run: Run,
    capacity: np.ndarray,
    dual: Dual,
    y: np.ndarray,
    *,
    offer: Callable[[np.ndarray], object],
    between: Callable[[], None],
    may_hand_over: bool = True,
    held: Callable[[], float] = lambda: math.inf,
    until: float = math.inf,
    patience: int = PATIENCE,
) -> None:
    """Search the Lagrangian tree, on two threads if allowed.

    ``offer`` evaluates an open set exactly; ``between`` runs after each round, for heuristics.
    ``held`` is the least bound of the open sets that ``offer`` could not settle; the search ends
    at ``until`` (of `time.perf_counter`) if not before. After ``patience`` rounds HiGHS takes one
    of the threads.
    """
    run.enter("tree")
    closed, opened, cutoff = fixings(run, dual)
    fixed_state = np.where(closed, -1, np.where(opened, 1, 0)).astype(np.int8)
    free = fixed_state == 0
    if not free.any():
        offer(fixed_state > 0)
        run.raise_bound(min(cutoff, run.cutoff(), held()))
        return
    fraction = np.where(free, np.minimum(y, 1 - y), -1.0)
    first = LagrangianTree(
        run.problem.unit_cost, run.problem.demand, run.problem.fixed_cost, capacity, fixed_state,
        dual.prices, safe(dual.bound), int(np.argmax(fraction)), run.halt,
    )  # fmt: skip
    trees = [first]
    if run.options.threads > 1:
        trees.append(first.empty_copy())
    work = 5e7 / (first.cost.size * 2 * STEPS)
    batch = int(max(1, min(400, work)))
    helper: threading.Thread | None = None
    done = threading.Event()
    failure: list[BaseException] = []
    with ThreadPoolExecutor(len(trees)) as pool:
        while not run.stop() and not done.is_set() and time.perf_counter() < until:
            cutoff = run.cutoff()
            jobs = [pool.submit(tree.advance, cutoff, batch, STEPS) for tree in trees]
            for leaf in [job.result() for job in jobs]:
                if leaf is not None:
                    is_open = np.zeros(run.problem.m, bool)
                    is_open[leaf] = True
                    offer(is_open)
            bound = min(tree.bound for tree in trees)
            cutoff = min(cutoff, run.cutoff())
            run.raise_bound(min(safe(bound), cutoff, held()))
            if not math.isfinite(bound):
                break
            if any(tree.is_full for tree in trees):
                break
            between()
            patience -= 1
            if len(trees) < 2:
                continue
            balance(trees[0], trees[1], cutoff)
            if may_hand_over and helper is None and patience <= 0:
                trees[1].move_to(trees[0], trees[1].open_nodes())
                if not trees[1].alive.any():
                    run.nodes += trees.pop().nodes
                helper = hand_over(run, capacity, dual, done, failure)
        if helper is not None:
            if not math.isfinite(min(tree.bound for tree in trees)) or run.stop():
                done.set()
            helper.join()
    run.nodes += sum(tree.nodes for tree in trees)
    if failure:
        raise failure[0]


def hand_over(
    run: Run,
    capacity: np.ndarray,
    dual: Dual,
    done: threading.Event,
    failure: list[BaseException],
) -> threading.Thread:
    """Start HiGHS on what is not fixed, in its own thread; ``done`` stops it, or it sets it."""
    from optimizer.engine.facility.handover import solve_rest

    closed, opened, cutoff = fixings(run, dual)

    def work() -> None:
        try:
            if solve_rest(run, capacity, dual.prices, closed, opened, cutoff, done):
                done.set()
        except BaseException as error:  # raised again by the caller's thread
            failure.append(error)
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def follow(run: Run, search: OpenSetSearch) -> None:
    """Let the open-set search go on from the best plan for a round or two."""
    if run.open is not None and run.objective < search.best - 1e-9 * abs(search.best):
        search.improve(run.open, most_moves=200)
    search.iterate(most_rounds=2, stop=run.stop)
    if search.best < run.objective - 1e-9 * abs(run.objective):
        offer_open(run, search.best_open)


def core_arcs(p: FacilityProblem, prices: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the arcs [m, n] worth having: nearly paid for by the customer's price."""
    reduced = p.unit_cost + alpha[:, None] * p.demand - prices
    keep = reduced <= 0.1 * np.median(prices)
    most = 40 * (p.m + p.n)
    if keep.sum() > most:
        keep &= reduced <= np.partition(reduced[keep], most - 1)[most - 1]
    return keep & np.isfinite(p.unit_cost)


def improve_from(run: Run, search: OpenSetSearch, y: np.ndarray, *, most_moves: int) -> None:
    """Round a fractional y to an open set that can serve everyone, and descend from it."""
    p = run.problem
    order = np.argsort(-y, kind="stable")
    for slack, floor in ((1.02, 0.5), (1.05, 0.25), (1.2, 0.05)):
        room = np.cumsum(np.minimum(p.capacity, p.demand.sum())[order])
        count = max(int(np.searchsorted(room, slack * p.demand.sum())) + 1, int((y > floor).sum()))
        is_open = np.zeros(p.m, bool)
        is_open[order[:count]] = True
        value = search.improve(is_open, most_moves=100)
        for _ in range(most_moves // 100):
            if run.stop() or not np.isfinite(value):
                break
            value = search.go_on(100)
        if run.stop() or np.isfinite(value):
            break
    if np.isfinite(search.best):
        offer_open(run, search.best_open)
        return
    count = max(1, int((y > 0.05).sum()))
    while run.open is None and count < 2 * p.m:  # the short arc lists were too short: all arcs
        is_open = np.zeros(p.m, bool)
        is_open[order[:count]] = True
        offer_open(run, is_open)
        count *= 2


def solve_core(run: Run, core: Core, dual: Dual) -> CoreState | None:
    """Return the LP state once the restricted LP equals the full one (or nearly)."""
    state = None
    free = np.zeros(core.problem.m, np.int8)
    for _ in range(12):
        answer = core.solve(run.deadline)
        if answer is None:
            break
        state = answer
        priced = core.price(state, free, core.least)
        dual.take(state.customer_dual, priced)
        run.raise_bound(safe(priced.bound))
        missing = priced.used & ~core.in_core
        if priced.bound >= state.objective - 1e-7 * abs(state.objective) or not missing.any():
            break
        if run.stop():
            break
        core.add_arcs(missing)
        core.reprice(state.capacity_dual)
    return state


def fixings(run: Run, dual: Dual) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (closed, opened, cutoff): y decided by the dual bound in any plan below cutoff."""
    cutoff = run.cutoff()
    closed = safe(dual.bound) + dual.gain > cutoff
    opened = safe(dual.bound) - dual.gain > cutoff
    return closed & (dual.gain > 0), opened & (dual.gain < 0), cutoff


def certify(run: Run, dual: Dual) -> None:
    """Put the dual's prices and fixings into the run as its certificate."""
    closed, opened = np.empty(0, np.int64), np.empty(0, np.int64)
    cutoff = math.inf
    if math.isfinite(run.objective) and len(dual.gain):
        shut, must, cutoff = fixings(run, dual)
        closed, opened = np.flatnonzero(shut), np.flatnonzero(must)
    run.certificate = Certificate(
        customer_dual=dual.prices.copy(),
        surrogate_dual=float(dual.sigma),
        count_dual=float(dual.rho),
        dual_bound=safe(dual.bound),
        tree_bound=run.bound,
        tree_said="Lagrangian tree: every leaf priced or evaluated" if run.nodes else "no tree",
        cutoff=cutoff,
        closed=closed,
        opened=opened,
    )
