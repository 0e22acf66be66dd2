"""Regions of single-source plans: what changes is a better plan, and only inside its region."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer.engine.facility import FacilityProblem, brute_force
from optimizer.engine.facility.annealed import Annealing
from optimizer.engine.facility.capacitated import first_prices
from optimizer.engine.facility.problem import FacilityOptions
from optimizer.engine.facility.regions import Regions
from optimizer.engine.facility.run import Run


def draw(seed: int, m: int, n: int) -> FacilityProblem:
    """Whole demands, capacities for about three times the demand."""
    random = np.random.default_rng(seed)
    demand = random.integers(5, 36, n).astype(float)
    capacity = np.floor(random.uniform(0.5, 1.5, m) * 3.0 * demand.sum() / m)
    capacity = np.maximum(capacity, demand.max())
    at, to = random.random((m, 2)), random.random((n, 2))
    cost = np.hypot(*(at[:, None] - to[None]).transpose(2, 0, 1)) * 10.0 * demand
    fixed = random.uniform(0, 90, m) + random.uniform(100, 110, m) * np.sqrt(capacity) / 4
    return FacilityProblem(fixed, capacity, demand, cost, True, f"draw{seed}")


def first_plan(p: FacilityProblem, seed: int) -> np.ndarray | None:
    """Customers in any order to the cheapest facility with room; None where that fails."""
    left = p.capacity.copy()
    source = np.empty(p.n, np.int64)
    for j in np.random.default_rng(seed).permutation(p.n):
        fits = np.where(left >= p.demand[j], p.unit_cost[:, j], np.inf)
        source[j] = fits.argmin()
        if not math.isfinite(fits[source[j]]):
            return None
        left[source[j]] -= p.demand[j]
    return source


def cost_of(p: FacilityProblem, source: np.ndarray) -> float:
    """The cost of a plan, inf where it overloads a facility."""
    load = np.bincount(source, weights=p.demand, minlength=p.m)
    if (load > p.capacity).any():
        return math.inf
    return float(p.fixed_cost[np.unique(source)].sum() + p.unit_cost[source, range(p.n)].sum())


def regions_of(p: FacilityProblem, threads: int = 1) -> tuple[Run, Regions]:
    """A run without a limit and the regions of its problem."""
    run = Run(p, FacilityOptions(gap=1e-9, threads=threads))
    return run, Regions(run, first_prices(p, p.capacity))


def test_a_region_that_is_everything_holds_the_optimum() -> None:
    reached = 0
    for seed in range(8):
        p = draw(seed, 5, 7)
        source = first_plan(p, seed)
        if source is None:
            continue
        run, regions = regions_of(p)
        regions.plausible[:] = True
        regions.gain[:] = 0.0
        before = cost_of(p, source)
        opened = np.unique(source)
        closed = np.setdiff1d(np.arange(p.m), opened)
        saving, found = regions.settle(source, opened, closed, np.arange(p.n))
        optimum = brute_force(p)
        assert before - saving == pytest.approx(cost_of(p, found))
        assert cost_of(p, found) >= optimum * (1 - 1e-9)
        assert cost_of(p, found) <= optimum * (1 + 6e-4), seed
        run.close()
        reached += 1
    assert reached >= 4


def test_what_is_outside_a_region_stays() -> None:
    p = draw(3, 30, 60)
    source = first_plan(p, 3)
    assert source is not None
    _, regions = regions_of(p)
    opened, closed, customers = regions.around(source, int(source[0]), 3)
    assert int(source[0]) in opened
    assert len(opened) == 3
    assert (np.bincount(source, minlength=p.m)[closed] == 0).all()
    assert np.isin(source[customers], opened).all()
    assert np.isin(source, opened).sum() == len(customers)
    saving, found = regions.settle(source, opened, closed, customers)
    after = source.copy()
    after[customers] = found
    assert cost_of(p, after) == pytest.approx(cost_of(p, source) - saving)
    assert np.isin(found, np.concatenate([opened, closed])).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_passes_over_regions_better_a_plan_and_repeat(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.engine.facility.regions.SIZES", (2, 3))
    p = draw(5, 24, 40)
    source = first_plan(p, 5)
    assert source is not None
    before = cost_of(p, source)
    plans = []
    for _ in range(2):
        run, regions = regions_of(p, threads)
        run.offer_sources(source)
        plans.append(regions.improve(source, math.inf, lambda: 0.0))
        assert run.objective == pytest.approx(cost_of(p, plans[-1]))
    assert cost_of(p, plans[0]) < 0.97 * before
    assert (plans[0] == plans[1]).all()
    assert cost_of(p, source) == before  # the plan that was given is left alone


def test_regions_in_one_batch_have_nothing_in_common() -> None:
    p = draw(6, 60, 90)
    source = first_plan(p, 6)
    assert source is not None
    _, regions = regions_of(p, 2)
    batch = regions._apart(source, np.unique(source).tolist(), 3)
    assert len(batch) == 2
    (a, b, c), (d, e, f) = batch
    assert not np.intersect1d(np.concatenate([a, b]), np.concatenate([d, e])).size
    assert not np.intersect1d(c, f).size


def test_no_region_is_begun_after_the_time() -> None:
    p = draw(5, 40, 80)
    source = first_plan(p, 5)
    assert source is not None
    run, regions = regions_of(p)
    run.offer_sources(source)
    asked = []

    def clock() -> float:
        asked.append(len(asked))
        return float(len(asked))

    solved = []
    settle = regions.settle
    regions.settle = lambda *a: solved.append(1) or settle(*a)  # type: ignore[method-assign]
    regions.improve(source, 4.0, clock)
    assert len(solved) == 3  # at 1, 2 and 3; at 4 the time is up


def test_annealing_hands_on_the_plan_it_ended_at_when_none_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("optimizer.engine.facility.regions.SIZES", (3,))
    monkeypatch.setattr("optimizer.engine.facility.annealed.COLD", 1.0)  # it ends where it is hot
    p = draw(7, 20, 40)
    source = first_plan(p, 7)
    assert source is not None
    run, regions = regions_of(p)
    run.offer_sources(source)
    run.offer_sources(regions.improve(source, math.inf, lambda: 0.0))
    best = run.objective
    search = Annealing(run, p.unit_cost, p.capacity)
    assert search.focus(np.ones(p.m, bool))
    moved = 0
    for _ in range(5):
        plan = search.round(400, (2.0,))
        assert math.isfinite(search.value(plan))
        assert search.value(plan) == pytest.approx(cost_of(p, plan))
        assert run.objective <= min(best, cost_of(p, plan) + 1e-9)
        moved += cost_of(p, plan) > run.objective
    assert moved >= 1
