"""Good assignments for problems too large for the tree: annealing on all threads, in rounds.

The facilities that the strong bound cannot exclude below the best plan are searched; each round
begins where the last one ended well, and with fewer facilities as the best plan comes down.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.facility import anneal
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.single_tree import near_lists

if TYPE_CHECKING:
    from optimizer.engine.facility.single_source import WholeBound

WIDTH = 40  # facilities a customer knows, and customers a facility knows
REACH = 8  # open ones of these that a customer compares
HOT = (0.12, 0.06, 0.03)  # first temperatures, in turn, as a share of the cost of a customer
COLD = 0.006
FIRST, KICKS = 50, 100  # kicks per customer in the first round, and in the others
TRIAL = 500  # kicks of which the time is taken
SLACK = 0.02  # relative, above the bound: plans that may be hoped for while there is no good one


class Annealing:
    """Anneals assignments and offers the best of each round to the run."""

    def __init__(self, run: Run, cost: np.ndarray, capacity: np.ndarray) -> None:
        p = run.problem
        self.run = run
        self.cost = cost
        self.cost_t = np.ascontiguousarray(cost.T)
        self.capacity = capacity
        fits = p.demand <= capacity[:, None]
        self.usable = np.isfinite(p.unit_cost) & fits
        self.price = 2.0 * float(np.median(p.fixed_cost / np.maximum(p.capacity, 1e-9)))
        self.price += float(np.median(self.cost_t.min(axis=1) / np.maximum(p.demand, 1e-9)))
        count = max(1, run.options.threads)
        self.current = [sources(run) for _ in range(count)]
        self.prices = [self.price] * count
        self.number = 0  # of annealings done, for seeds
        self.ended = False
        self.rate = math.inf  # kicks a second, when known

    def focus(self, allowed: np.ndarray) -> bool:
        """Search among ``allowed`` facilities; False when a customer could go to none of them."""
        p = self.run.problem
        for source in self.current:
            allowed = allowed | (np.bincount(source, minlength=p.m) > 0)
        usable = self.usable & allowed[:, None]
        self.near = near_lists(self.cost_t, usable.T, min(p.m, WIDTH))
        self.pull = near_lists(self.cost, usable, min(p.n, WIDTH))
        return bool((self.near[:, 0] >= 0).all())

    def keep_threads(self, count: int) -> None:
        """Go on with fewer threads."""
        del self.current[count:], self.prices[count:]

    def go_on(self, rounds: int) -> None:
        """Anneal up to so many rounds more, until the run stops or ``ended`` is set."""
        for _ in range(rounds):
            if self.ended or self.run.stop():
                return
            self.round(KICKS * self.run.problem.n)

    def once(self, thread: int, kicks: int, hot: float, seed: int) -> tuple[float, np.ndarray]:
        """Return (objective, sources) of the best plan of one annealing below the incumbent."""
        p = self.run.problem
        unit = abs(self.run.objective) / p.n
        source = np.empty(p.n, np.int64)
        best, self.prices[thread] = anneal.anneal(
            self.cost_t, p.demand, p.fixed_cost, self.capacity, self.near, self.pull,
            self.current[thread], source, self.run.objective, kicks, hot * unit, COLD * unit, REACH,
            seed, self.prices[thread], self.run.halt,
        )  # fmt: skip
        return best, source

    def round(self, kicks: int) -> None:
        """Anneal on every thread; the best plan is offered, and kept where a thread lost it."""
        run = self.run
        count = len(self.current)
        for k in range(count):
            self.current[k] = sources(run)
        seeds = [run.options.seed * 7919 + self.number + k + 1 for k in range(count)]
        hots = [HOT[(self.number + k) % len(HOT)] for k in range(count)]
        self.number += count
        with ThreadPoolExecutor(count) as pool:
            jobs = [
                pool.submit(self.once, k, kicks, hots[k], seeds[k] % 2**31) for k in range(count)
            ]
            for value, source in [job.result() for job in jobs]:
                if value < run.objective:
                    run.offer_sources(source)
        self.prices = [self.price] * count


def sources(run: Run) -> np.ndarray:
    """Return the facility of each customer in the best plan."""
    assert run.flow is not None
    source = np.empty(run.problem.n, np.int64)
    source[run.flow[1]] = run.flow[0]
    return source


def anneal_rounds(search: Annealing, strong: WholeBound, rounds: int, until: float) -> None:
    """Anneal in rounds, the last ones shorter where they would not end by ``until``.

    ``until`` is of `time.perf_counter`. What the bound excludes below the best plan of a round is
    decided before the next.
    """
    run = search.run
    n = run.problem.n
    for turn in range(rounds):
        strong.tighten(run.cutoff())
        if strong.settled:
            run.raise_bound(run.cutoff())
            return
        if run.stop() or not search.focus(strong.plausible(SLACK)):
            return
        if not math.isfinite(search.rate):
            search.round(1)  # settles, and compiles where that was not done before
            began = time.perf_counter()
            search.round(TRIAL)
            search.rate = TRIAL / max(time.perf_counter() - began, 1e-9)
        wanted = (FIRST if turn == 0 else KICKS) * n
        kicks = int(min(wanted, search.rate * max(0.0, until - time.perf_counter())))
        if kicks < TRIAL or run.stop():
            return
        began = time.perf_counter()
        search.round(kicks)
        search.rate = kicks / max(time.perf_counter() - began, 1e-9)
    strong.tighten(run.cutoff())
