"""Split delivery with capacities: dual ascent, core LP, open-set search, fixing, reduced tree."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.engine.facility import lagrangian
from optimizer.engine.facility.core import Core, CoreState, Priced, price_all
from optimizer.engine.facility.mip import run_mip
from optimizer.engine.facility.problem import Certificate, FacilityProblem, FacilityResult
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.search import OpenSetSearch
from optimizer.engine.facility.transport import build_network, empty_basis, optimise
from optimizer.engine.facility.tree import LagrangianTree


@dataclass
class Dual:
    """The best customer prices so far and what they say about every facility."""

    prices: np.ndarray
    bound: float = -math.inf
    sigma: float = 0.0
    rho: float = 0.0
    gain: np.ndarray | None = None  # what forcing i open adds, closing it takes away

    def take(self, prices: np.ndarray, priced: Priced) -> None:
        """Keep these prices if their bound is better."""
        if priced.bound > self.bound or self.gain is None:
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
        np.inf, y_mean, np.zeros(2),
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
    run.enter("search")
    network = build_network(p.unit_cost, p.demand, p.capacity, alpha, min(p.m, 40))
    search = OpenSetSearch(network, p.unit_cost, p.fixed_cost, run.options.seed)
    if p.m * p.n > 600_000:
        improve_from(run, search, y_mean, most_moves=400)
    run.enter("core_lp")
    core = Core(
        p, dual.prices, alpha, keep=core_arcs(p, dual.prices, alpha), least=least,
        seed=run.options.seed,
    )  # fmt: skip
    state = solve_core(run, core, dual)
    run.enter("search")
    y = y_mean if state is None else state.y
    improve_from(run, search, y, most_moves=600)
    if not run.stop():
        search.iterate(
            until=min(run.deadline, time.perf_counter() + 0.3 + 0.3 * run.seconds),
            most_rounds=2000, stop=run.stop,
        )  # fmt: skip
        offer_open(run, search.best_open)
    if state is not None and not run.stop():
        kernel(run, core, state, dual)
    if not run.stop():
        search_trees(run, core, state, dual, search, y)
    _certify(run, dual)
    return run.result()


def search_trees(
    run: Run, core: Core, state: CoreState | None, dual: Dual, search: OpenSetSearch, y: np.ndarray
) -> None:
    """Search the Lagrangian tree and HiGHS's tree side by side; the better bound counts."""
    run.enter("tree")
    closed, opened, _ = fixings(run, dual)
    fixed_state = np.where(closed, -1, np.where(opened, 1, 0)).astype(np.int8)
    free = fixed_state == 0
    if not free.any():
        is_open = fixed_state > 0
        offer_open(run, is_open)
        run.raise_bound(fixings(run, dual)[2])
        return
    fraction = np.where(free, np.minimum(y, 1 - y), -1.0)
    tree = LagrangianTree(
        run.problem.unit_cost, run.problem.demand, run.problem.fixed_cost, core.capacity,
        fixed_state, dual.prices, safe(dual.bound), int(np.argmax(fraction)),
    )  # fmt: skip
    done = threading.Event()
    failure: list[BaseException] = []

    def lagrangian_tree() -> None:
        try:
            grow_tree(run, tree, search, done)
        except BaseException as error:  # handed to the caller's thread below
            failure.append(error)
            done.set()

    if state is None:
        grow_tree(run, tree, search, done)
    elif run.options.threads < 2:
        reduced_tree(run, core, dual, done)
        if not run.stop():
            grow_tree(run, tree, search, done)
    else:
        worker = threading.Thread(target=lagrangian_tree)
        worker.start()
        try:
            reduced_tree(run, core, dual, done)
        finally:
            if run.stop():
                done.set()
            worker.join()
        if failure:
            raise failure[0]
    run.nodes += tree.nodes


def grow_tree(
    run: Run, tree: LagrangianTree, search: OpenSetSearch, done: threading.Event
) -> None:
    """Advance the Lagrangian tree until it is finished, full, or the run stops."""
    batch = 4
    steps = 40
    while not run.stop() and not done.is_set():
        started = time.perf_counter()
        cutoff = run.objective * (1.0 - 0.5 * run.options.gap)
        leaf = tree.advance(cutoff, batch, steps)
        if leaf is not None:
            is_open = np.zeros(run.problem.m, bool)
            is_open[leaf] = True
            offer_open(run, is_open)
        bound = tree.bound
        cutoff = min(cutoff, run.objective * (1.0 - 0.5 * run.options.gap))
        run.raise_bound(min(safe(bound), cutoff))
        if not np.isfinite(bound) or tree.is_full:
            break
        spent = time.perf_counter() - started
        batch = max(2, min(500, int(batch * 0.3 / max(spent, 1e-3))))
        if search.best < run.objective * (1 + 1e-9) or np.isfinite(search.best):
            search.iterate(
                until=time.perf_counter() + 0.25 * spent, most_rounds=50,
                stop=lambda: done.is_set() or run.stop(),
            )  # fmt: skip
            if search.best < run.objective - 1e-9 * abs(run.objective):
                offer_open(run, search.best_open)
            elif run.open is not None and run.objective < search.best - 1e-9 * abs(search.best):
                search.evaluate(run.open)
    if run.is_closed():
        done.set()


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
        search.improve(is_open, most_moves=most_moves)
        if run.stop():
            break
    if np.isfinite(search.best):
        offer_open(run, search.best_open)


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
    cutoff = run.objective * (1.0 - 0.5 * run.options.gap)
    closed = safe(dual.bound) + dual.gain > cutoff
    opened = safe(dual.bound) - dual.gain > cutoff
    return closed & (dual.gain > 0), opened & (dual.gain < 0), cutoff


def integer_model(
    core: Core, closed: np.ndarray, opened: np.ndarray
) -> highspy.HighsLp:
    """Return the core LP with y integer and the given y fixed."""
    lp = core.solver.getLp()
    m = core.problem.m
    upper = np.array(lp.col_upper_)
    lower = np.array(lp.col_lower_)
    upper[:m][closed] = 0.0
    lower[:m][opened] = 1.0
    shut = closed[core.arc_i]
    upper[core.first_arc :][shut] = 0.0
    upper[m + core.problem.n : core.first_arc][closed] = 0.0
    lp.col_upper_, lp.col_lower_ = upper, lower
    kinds = [highspy.HighsVarType.kContinuous] * lp.num_col_
    kinds[:m] = [highspy.HighsVarType.kInteger] * m
    lp.integrality_ = kinds
    return lp


def start_vector(run: Run, core: Core) -> np.ndarray | None:
    """Return the incumbent in the columns of the core model."""
    if run.open is None or run.flow is None:
        return None
    p = run.problem
    x = np.zeros(core.first_arc + len(core.arc_i))
    x[: p.m] = run.open
    where = np.full((p.m, p.n), -1, np.int64)
    where[core.arc_i, core.arc_j] = np.arange(len(core.arc_i))
    facility, customer, share = run.flow
    at = where[facility, customer]
    inside = at >= 0
    x[core.first_arc + at[inside]] = share[inside]
    np.add.at(x, p.m + customer[~inside], share[~inside])
    np.add.at(x, p.m + p.n + facility[~inside], (share * p.demand[customer])[~inside])
    return x


def kernel(run: Run, core: Core, state: CoreState, dual: Dual) -> None:
    """Search the facilities the LP likes: a MIP over few y, for a plan, not for a bound."""
    run.enter("kernel")
    p = run.problem
    closed, opened, _ = fixings(run, dual)
    free = ~closed & ~opened
    likes = np.argsort(np.where(state.y > 1e-6, -1.0 - state.y, np.maximum(dual.gain, 0.0)))
    count = int(1.6 * (state.y > 1e-6).sum()) + 10
    if free.sum() <= 1.3 * count:
        return
    allowed = np.zeros(p.m, bool)
    allowed[likes[:count]] = True
    if run.open is not None:
        allowed |= run.open
    limit = min(run.left * 0.2, 0.5 + 4.0 * run.seconds)
    answer = run_mip(
        integer_model(core, ~allowed | closed, opened & allowed),
        gap=max(1e-5, 0.2 * run.options.gap),
        deadline=time.perf_counter() + limit,
        seed=run.options.seed,
        start=start_vector(run, core),
        stop=run.stop,
        on_solution=lambda x, _: offer_open(run, x[: p.m] > 0.5),
    )
    run.nodes += answer.nodes
    if answer.x is not None:
        offer_open(run, answer.x[: p.m] > 0.5)


def reduced_tree(run: Run, core: Core, dual: Dual, done: threading.Event) -> None:
    """Fix what the bound decides and let HiGHS search the rest; the bound stays valid."""
    p = run.problem
    for _ in range(6):
        if done.is_set():
            return
        closed, opened, cutoff = fixings(run, dual)

        def take_bound(bound: float, cutoff: float = cutoff) -> None:
            run.raise_bound(min(bound, cutoff))

        answer = run_mip(
            integer_model(core, closed, opened),
            gap=0.5 * run.options.gap,
            deadline=run.deadline,
            seed=run.options.seed,
            start=start_vector(run, core),
            stop=lambda: run.stop() or done.is_set(),
            on_bound=take_bound,
            on_solution=lambda x, _: offer_open(run, x[: p.m] > 0.5),
        )
        run.nodes += answer.nodes
        if answer.x is not None:
            offer_open(run, answer.x[: p.m] > 0.5)
        if answer.status == "infeasible":
            run.raise_bound(cutoff)
        elif math.isfinite(answer.bound):
            run.raise_bound(min(answer.bound, cutoff))
        if run.stop() or answer.x is None or answer.status != "optimal":
            break
        excess = np.flatnonzero(answer.x[p.m : p.m + p.n] > 1e-9)
        if not len(excess):
            break
        grow = np.zeros((p.m, p.n), bool)
        reduced = p.unit_cost + core.alpha[:, None] * p.demand - dual.prices
        reduced[core.in_core] = np.inf
        order = np.argsort(reduced[:, excess], axis=0)[:20]
        grow[order, excess] = np.isfinite(np.take_along_axis(reduced[:, excess], order, axis=0))
        if not core.add_arcs(grow):
            break


def _certify(run: Run, dual: Dual) -> None:
    closed, opened = np.empty(0, np.int64), np.empty(0, np.int64)
    cutoff = math.inf
    if math.isfinite(run.objective) and dual.gain is not None:
        shut, must, cutoff = fixings(run, dual)
        closed, opened = np.flatnonzero(shut), np.flatnonzero(must)
    run.certificate = Certificate(
        customer_dual=dual.prices.copy(),
        surrogate_dual=float(dual.sigma),
        count_dual=float(dual.rho),
        dual_bound=safe(dual.bound),
        tree_bound=run.bound,
        tree_said="Lagrangian tree and HiGHS on the core model" if run.nodes else "no tree",
        cutoff=cutoff,
        closed=closed,
        opened=opened,
    )
