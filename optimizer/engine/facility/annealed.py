"""Good assignments for problems too large for the tree: annealing on all threads, in rounds.

The facilities that the strong bound cannot exclude below the best plan are searched; each round
begins where the last one ended well, and with fewer facilities as the best plan comes down.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.facility import anneal
from optimizer.engine.facility.regions import Regions
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.single_tree import near_lists

if TYPE_CHECKING:
    from optimizer.engine.facility.single_source import WholeBound

Clock = Callable[[], float]
WIDTH = 40  # facilities a customer knows, and customers a facility knows
REACH = 8  # open ones of these that a customer compares
HOT = (0.2, 0.1)  # first temperatures, in turn, as a share of the cost of a customer
COLD = 0.02  # colder, only the regions gain
KICKS = 100  # kicks per customer in a round
AGAIN, WARM = 20, (0.1, 0.05)  # the same, and the temperatures, between passes over regions
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

    def go_on(self, regions: Regions, most_rounds: int, until: float, clock: Clock) -> None:
        """Shake the best plan and improve what changed, region by region, again and again.

        Ends at ``until``, when the run stops or when ``ended`` is set.
        """
        run = self.run
        for _ in range(most_rounds):
            if self.ended or run.stop() or clock() >= until:
                return
            kicks = AGAIN * run.problem.n
            if math.isfinite(until):
                kicks = int(min(kicks, self.rate * (until - clock())))
            before = sources(run)
            shaken = self.round(max(1, kicks), WARM)
            here, there = before[before != shaken], shaken[before != shaken]
            if len(here):
                around = np.concatenate([here, there])
                regions.improve(shaken, until, clock, around=around)

    def once(
        self, thread: int, kicks: int, hot: float, seed: int, ceiling: float
    ) -> tuple[float, np.ndarray]:
        """Return (objective, sources) of the best plan of one annealing below ``ceiling``."""
        p = self.run.problem
        unit = abs(self.run.objective) / p.n
        source = np.empty(p.n, np.int64)
        best, self.prices[thread] = anneal.anneal(
            self.cost_t, p.demand, p.fixed_cost, self.capacity, self.near, self.pull,
            self.current[thread], source, ceiling, kicks, hot * unit, COLD * unit, REACH,
            seed, self.prices[thread], self.run.halt,
        )  # fmt: skip
        return best, source

    def round(self, kicks: int, hots: tuple[float, ...] = HOT) -> np.ndarray:
        """Anneal the best plan on every thread and offer what is better.

        Returns the best plan that a thread improved or, if none did, the best one they ended at.
        """
        run = self.run
        count = len(self.current)
        best = ceiling = run.objective
        best_source = start = sources(run)
        self.current = [start.copy() for _ in range(count)]
        seeds = [run.options.seed * 7919 + self.number + k + 1 for k in range(count)]
        heats = [hots[(self.number + k) % len(hots)] for k in range(count)]
        self.number += count
        with ThreadPoolExecutor(count) as pool:
            jobs = [
                pool.submit(self.once, k, kicks, heats[k], seeds[k] % 2**31, ceiling)
                for k in range(count)
            ]
            for value, source in [job.result() for job in jobs]:
                if value < best:
                    best, best_source = value, source
        self.prices = [self.price] * count
        if best < ceiling:
            run.offer_sources(best_source)
            return best_source
        ends = [source for source in self.current if (source != start).any()]
        values = [self.value(source) for source in ends]
        least = int(np.argmin(values)) if ends else 0
        return ends[least] if ends and math.isfinite(values[least]) else start

    def value(self, source: np.ndarray) -> float:
        """Return what a plan costs, inf where it overloads a facility."""
        p = self.run.problem
        load = np.bincount(source, weights=p.demand, minlength=p.m)
        if (load > self.capacity).any():
            return math.inf
        return float(p.fixed_cost[np.unique(source)].sum() + self.cost_t[_all(source)].sum())


def _all(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(source)), source


def sources(run: Run) -> np.ndarray:
    """Return the facility of each customer in the best plan."""
    assert run.flow is not None
    source = np.empty(run.problem.n, np.int64)
    source[run.flow[1]] = run.flow[0]
    return source


def anneal_rounds(
    search: Annealing,
    strong: WholeBound,
    rounds: int,
    until: float,
    clock: Clock = time.perf_counter,
) -> None:
    """Anneal in rounds, the last ones shorter where they would not end by ``until``.

    ``until`` is of ``clock``. What the bound excludes below the best plan of a round is
    decided before the next.
    """
    run = search.run
    n = run.problem.n
    for _ in range(rounds):
        strong.tighten(run.cutoff())
        if strong.settled:
            run.raise_bound(run.cutoff())
            return
        if run.stop() or not search.focus(strong.plausible(SLACK)):
            return
        if not math.isfinite(search.rate):
            search.round(1)  # settles, and compiles where that was not done before
            began = clock()
            search.round(TRIAL)
            search.rate = TRIAL / max(clock() - began, 1e-9)
        kicks = int(min(KICKS * n, search.rate * max(0.0, until - clock())))
        if kicks < TRIAL or run.stop():
            return
        began = clock()
        search.round(kicks)
        search.rate = kicks / max(clock() - began, 1e-9)
    if not run.stop():
        strong.tighten(run.cutoff())
