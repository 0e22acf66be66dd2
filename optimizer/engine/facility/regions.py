"""Better single-source plans by exact choices in one region after another.

A region is a few open facilities that are neighbours, the customers they serve, and the closed
facilities that could serve these best. Which of them open and who serves whom is a small
mixed-integer program that HiGHS settles in a fraction of a second; all else stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from optimizer.engine.facility.core import price_all
from optimizer.engine.facility.direct import solve_direct
from optimizer.engine.facility.problem import FacilityOptions, FacilityProblem
from optimizer.engine.facility.run import Run

SIZES = (6, 8, 10)  # open facilities of a region: the small ones first, they take least time
CLOSED = 1.4  # closed facilities of a region, per open one
ARCS = 9  # facilities that a customer may go to in a region
SHARED = 3  # customers by which it is judged how near two facilities are
WORTH = 6  # customers by which it is judged what a closed facility could save
PLAUSIBLE = 0.01  # relative to the bound: what opening a facility may cost it
GAP = 5e-4  # relative to the cost of a region, to which it is settled
CHECKS = 40  # of the limits of HiGHS, after which a region is left
ENOUGH = 2e-4  # relative: a pass that saves less is followed by larger regions


class Regions:
    """Regions of plans of one problem; the order in which they are tried repeats with the seed."""

    def __init__(self, run: Run, prices: np.ndarray) -> None:
        p = run.problem
        self.run = run
        self.threads = max(1, run.options.threads)
        self.ended = False
        self.random = np.random.Generator(np.random.PCG64(run.options.seed + 1))
        priced = price_all(
            p, np.minimum(p.capacity, p.demand.sum()), np.zeros(p.m, np.int8), 0, prices
        )
        fits = np.isfinite(p.unit_cost) & (p.demand <= p.capacity[:, None])
        reduced = p.unit_cost + priced.alpha[:, None] * p.demand - prices
        self.reduced = np.where(fits, reduced, np.inf)
        self.gain = priced.gain
        self.plausible = priced.gain <= PLAUSIBLE * abs(priced.bound)

    def around(
        self, source: np.ndarray, centre: int, size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (open facilities, closed ones, customers) of the region around a facility."""
        opened = np.unique(source)
        apart = _least(self.reduced[opened][:, source == centre], SHARED)
        for k, i in enumerate(opened):
            apart[k] += _least(self.reduced[centre, source == i][None], SHARED)[0]
        apart[opened == centre] = -np.inf
        near = opened[np.argsort(apart, kind="stable")[:size]]
        customers = np.flatnonzero(np.isin(source, near))
        closed = np.setdiff1d(np.flatnonzero(self.plausible), opened)
        worth = self.gain[closed] + _least(self.reduced[np.ix_(closed, customers)], WORTH)
        best = np.argsort(worth, kind="stable")[: round(CLOSED * size)]
        return near, closed[best[np.isfinite(worth[best])]], customers

    def settle(
        self, source: np.ndarray, opened: np.ndarray, closed: np.ndarray, customers: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Return (saving, facility of each of the ``customers``) of the best plan found inside."""
        p = self.run.problem
        facilities = np.concatenate([opened, closed])
        part = FacilityProblem(
            p.fixed_cost[facilities], p.capacity[facilities], p.demand[customers],
            p.unit_cost[np.ix_(facilities, customers)], True, "region",
        )  # fmt: skip
        at = np.full(p.m, -1)
        at[facilities] = np.arange(len(facilities))
        inside = Run(part, FacilityOptions(GAP, math.inf, 1, self.run.options.seed))
        here = at[source[customers]]
        if not inside.offer_sources(here):
            return 0.0, source[customers]
        before = inside.objective
        reduced = self.reduced[np.ix_(facilities, customers)]
        arcs = np.isfinite(reduced)
        if len(facilities) > ARCS:
            arcs &= reduced <= np.partition(reduced, ARCS - 1, axis=0)[ARCS - 1]
        arcs[here, np.arange(len(customers))] = True
        solve_direct(
            inside, arcs, gap=GAP, deadline=self.run.deadline, most_checks=CHECKS, phase="region",
            restart=lambda: self.ended or self.run.stop(),
        )  # fmt: skip
        assert inside.flow is not None
        found = np.empty(len(customers), np.int64)
        found[inside.flow[1]] = facilities[inside.flow[0]]
        return before - inside.objective, found

    def improve(
        self,
        source: np.ndarray,
        until: float,
        clock: Callable[[], float],
        *,
        around: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return a plan at least as good after passes over its regions, until ``until``.

        ``clock()`` says the time. ``around`` are facilities to begin with (all open ones).
        """
        source = source.copy()
        p, every = self.run.problem, np.arange(len(source))
        with ThreadPoolExecutor(self.threads) as pool:
            for size in SIZES:
                while True:
                    saved = 0.0
                    waiting = np.unique(source) if around is None else np.unique(around)
                    waiting = self.random.permutation(waiting).tolist()
                    while waiting:
                        if self.ended or self.run.stop() or clock() >= until:
                            return source
                        batch = self._apart(source, waiting, size)
                        jobs = [pool.submit(self.settle, source, *region) for region in batch]
                        for region, (saving, found) in zip(
                            batch, [job.result() for job in jobs], strict=True
                        ):
                            if saving > 1e-9:
                                source[region[2]] = found
                                saved += saving
                        if saved > 0:
                            self.run.offer_sources(source)
                    total = p.fixed_cost[np.unique(source)].sum() + p.unit_cost[source, every].sum()
                    if saved <= ENOUGH * abs(total):
                        break
        return source

    def _apart(
        self, source: np.ndarray, waiting: list[int], size: int
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return regions with nothing in common, one per thread, around facilities taken off."""
        batch: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        used = np.zeros(self.run.problem.m, bool)
        is_open = np.bincount(source, minlength=self.run.problem.m) > 0
        later: list[int] = []
        while waiting and len(batch) < self.threads:
            centre = waiting.pop()
            if not is_open[centre]:
                continue
            opened, closed, customers = self.around(source, centre, size)
            if used[opened].any():
                later.append(centre)
                if len(later) > 8:
                    break
                continue
            closed = closed[~used[closed]]
            used[opened] = used[closed] = True
            batch.append((opened, closed, customers))
        waiting.extend(reversed(later))
        return batch


def _least(values: np.ndarray, count: int) -> np.ndarray:
    """Return the sum of the ``count`` least values of each row."""
    count = min(count, values.shape[1])
    return np.sort(values, axis=1)[:, :count].sum(axis=1)
