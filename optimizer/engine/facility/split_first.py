"""Single source by way of split delivery: which facilities open, then who serves whom.

Letting customers be split is a relaxation whose Lagrangian tree is fast. Where customers are many
per facility it is nearly tight: its best sets of facilities are those of the best plans, and with
a set given, the assignment is a small integer program. A tree over the sets that reach below the
best plan, every leaf of it solved so, proves the plan.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import numpy as np

from optimizer.engine.facility.capacitated import Dual, safe, search_tree
from optimizer.engine.facility.core import price_all
from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import FacilityEvent, FacilityResult
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.transport_prices import transport_prices

SPLIT_SHARE = 0.4  # of the time left, for split delivery alone
SPLIT_AFTER = 0.2  # the same where annealing has found the plans
TREE_SHARE = 0.7  # of the time left then, for the tree with assignments at its leaves
LEAF_SHARE = 0.2  # of the time left, for the assignment of one leaf
SET_SHARE = 0.25  # of the time left, for that of one set before the tree
NARROW = 8  # facilities of a set that a customer may go to there: plans, not proofs, are wanted
HOPELESS = 0.1  # of the gap: where split delivery cannot close as much, it is left at once ...
QUICK = 10_000  # ... if facilities x customers are no more: HiGHS finds the plans of these
WORTH = 0.5  # of the gap that split delivery must have closed for the tree to be worth it
SETS = 3  # best sets of split delivery that are assigned before the tree
_REDUCED = 1e-9  # relative, of rounding in reduced costs


def solve_split_first(run: Run, dual: Dual, y: np.ndarray, *, annealed: bool = False) -> None:
    """Raise the bound by split delivery, find plans on its sets, and prove them if time allows.

    ``dual`` and ``y`` are prices and the relaxed choice of facilities to begin with.
    Where plans were ``annealed``, they are better than those of the best sets: it is then only for
    the proof, and has less time.
    """
    p = run.problem
    run.enter("split")
    before = run.bound
    sets: list[tuple[float, np.ndarray]] = []
    found = _split_delivery(run, sets, SPLIT_AFTER if annealed else SPLIT_SHARE)
    leaves = _Leaves(run, SET_SHARE)
    run.enter("assign")
    for _, is_open in [] if annealed else sets[: -SETS - 1 : -1]:
        if run.stop():
            return
        leaves.settle(is_open, narrow=True)
    if run.stop() or not math.isfinite(run.objective):
        return
    if found.bound < before + WORTH * (run.cutoff() - before):
        return  # whole customers make the difference: not a matter of which facilities open
    capacity = np.minimum(p.capacity, p.demand.sum())
    if found.certificate is not None and len(found.certificate.customer_dual):
        prices = found.certificate.customer_dual
        prices = prices + found.certificate.surrogate_dual * p.demand
        least = _least_open(p.demand, capacity)
        dual.take(prices, price_all(p, capacity, np.zeros(p.m, np.int8), least, prices))
    leaves = _Leaves(run, LEAF_SHARE)  # what was tried is met again as a leaf, or excluded
    search_tree(
        run, capacity, dual, y, offer=leaves.settle, between=lambda: None, may_hand_over=False,
        held=lambda: leaves.held, until=time.perf_counter() + TREE_SHARE * run.left,
    )  # fmt: skip


def _least_open(demand: np.ndarray, capacity: np.ndarray) -> int:
    from optimizer.engine.facility.lagrangian import least_open

    return int(least_open(demand.sum(), capacity, np.zeros(len(capacity), np.int8)))


def _split_delivery(run: Run, sets: list[tuple[float, np.ndarray]], share: float) -> FacilityResult:
    """Return what split delivery came to; its better and better sets go to ``sets``."""
    from optimizer.engine.facility.solve import solve_facility

    enough = threading.Event()
    before, cutoff = run.bound, run.cutoff()
    hopeless = -math.inf
    if math.isfinite(cutoff) and run.problem.m * run.problem.n <= QUICK:
        hopeless = before + HOPELESS * (cutoff - before)

    def tell(event: FacilityEvent) -> None:
        run.raise_bound(safe(event.bound))
        if run.stop() or event.incumbent <= hopeless:
            enough.set()

    def keep(value: float, assignment: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        is_open = np.zeros(run.problem.m, bool)
        is_open[assignment[0]] = True
        sets.append((value, is_open))

    found = solve_facility(
        replace(run.problem, single_source=False),
        gap=run.options.gap,
        time_limit_s=share * run.left,
        threads=run.options.threads,
        seed=run.options.seed,
        start=run.open,
        on_progress=tell,
        cancel=_either(run, enough),
        on_incumbent=keep,
    )
    run.nodes += found.nodes
    run.raise_bound(safe(found.bound))
    return found


def _either(run: Run, enough: threading.Event) -> threading.Event:
    """Return an event that is set when the caller cancels too."""

    class Either(threading.Event):
        def is_set(self) -> bool:
            return enough.is_set() or run.cancelled

    return Either()


class _Leaves:
    """Solves assignments to given sets of facilities; ``held`` bounds those that took too long."""

    def __init__(self, run: Run, share: float) -> None:
        self.run, self.share = run, share
        self.held = math.inf

    def settle(self, is_open: np.ndarray, *, narrow: bool = False) -> None:
        """Find the best plan in which exactly these facilities are open, if it is below the best.

        Plans with fewer of them cost less to open: they are another set. ``narrow`` looks for a
        good plan only: customers go to one of the few best facilities.
        """
        run, p = self.run, self.run.problem
        at = np.flatnonzero(is_open)
        cutoff = run.cutoff()
        fits = p.demand <= p.capacity[at, None] * (1 + 1e-9)
        cost = np.where(fits, p.unit_cost[at], np.inf)
        opening = float(p.fixed_cost[at].sum())
        arcs = np.zeros((p.m, p.n), bool)
        arcs[at] = np.isfinite(cost)
        bound = opening + float(np.where(np.isfinite(cost), cost, np.inf).min(axis=0).sum())
        capacity = np.minimum(p.capacity, p.demand.sum())[at]
        found = transport_prices(cost, p.demand, capacity, run.left) if len(at) else None
        if found is not None:
            price, room = found[0], np.maximum(found[1], 0.0)
            reduced = cost + room[:, None] * p.demand - price
            below = np.minimum(reduced.min(axis=0), 0.0)
            proved = opening + float(price.sum() - room @ capacity + below.sum())
            bound = max(bound, safe(proved))
            slack = _REDUCED * abs(bound)
            arcs[at] &= safe(proved) + np.maximum(reduced - below, 0.0) <= cutoff + slack
            if narrow and len(at) > NARROW:
                arcs[at] &= reduced <= np.partition(reduced, NARROW - 1, axis=0)[NARROW - 1]
        if not bound < cutoff:
            return
        if not arcs.any(axis=0).all():
            return  # a customer has no arc left: no plan of this set is below the cutoff
        until = time.perf_counter() + self.share * max(run.left, 0.0)
        status = solve_direct(
            run, arcs, gap=0.5 * run.options.gap, deadline=until, must=np.asarray(is_open, bool),
            phase=run.phase,
        )  # fmt: skip
        if narrow or status not in ("optimal", "infeasible"):
            self.held = min(self.held, bound)
