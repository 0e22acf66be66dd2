"""Single source: the bound in whole units, what it decides, and the search, against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.engine.facility import FacilityProblem, assignment, knapsack, whole
from optimizer.engine.facility.problem import FacilityOptions
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.single_source import WholeBound, whole_units
from optimizer.engine.facility.single_tree import near_lists


def draw(seed: int, m: int = 4, n: int = 5) -> FacilityProblem:
    random = np.random.default_rng(seed)
    cost = random.integers(0, 30, (m, n)).astype(float)
    if seed % 4 == 0:
        cost[random.random((m, n)) < 0.2] = np.inf
    return FacilityProblem(
        random.integers(0, 60, m).astype(float),
        random.integers(5, 25, m).astype(float),
        random.integers(0 if seed % 3 == 0 else 1, 10, n).astype(float),
        cost,
        True,
    )


def plans(problem: FacilityProblem) -> list[tuple[float, tuple[int, ...]]]:
    """Return (objective, sources) of every assignment that fits, best first."""
    found = []
    for sources in itertools.product(range(problem.m), repeat=problem.n):
        load = np.bincount(sources, weights=problem.demand, minlength=problem.m)
        cost = problem.unit_cost[list(sources), range(problem.n)].sum()
        if (load <= problem.capacity).all() and np.isfinite(cost):
            found.append((cost + problem.fixed_cost[list(set(sources))].sum(), sources))
    return sorted(found)


@pytest.mark.parametrize("seed", range(20))
def test_bound_is_valid_for_any_prices_and_at_least_the_certificate(seed: int) -> None:
    problem = draw(seed)
    every = plans(problem)
    optimum = every[0][0] if every else np.inf
    random = np.random.default_rng(seed)
    for _ in range(4):
        prices = random.uniform(0, 60, problem.n)
        strong = WholeBound(Run(problem, FacilityOptions()), prices)
        bound = strong.climb(1e4, 1, 0.0)
        assert bound <= optimum + 1e-9
        weight, room = whole_units(problem)
        cost = np.where(np.isfinite(problem.unit_cost), problem.unit_cost, 1e15)
        certified = knapsack.bound_at(
            cost, weight, problem.demand, problem.fixed_cost, room, strong.prices,
            np.empty(problem.m), np.zeros(2),
        )  # fmt: skip
        if problem.capacity.sum() >= problem.demand.sum():
            assert bound >= certified - 1e-9


@pytest.mark.parametrize("seed", range(30))
def test_what_is_decided_leaves_every_plan_below_the_cutoff(seed: int) -> None:
    problem = draw(seed)
    every = plans(problem)
    if not every:
        return
    random = np.random.default_rng(seed + 100)
    for steps in (1, 40):
        cutoff = every[0][0] * random.uniform(1.0, 1.3) + 0.5
        strong = WholeBound(Run(problem, FacilityOptions()), random.uniform(0, 40, problem.n))
        strong.climb(cutoff, steps, 0.3)
        strong.tighten(cutoff)
        assert not strong.settled
        for value, sources in every:
            if value >= cutoff - 1e-6:
                break
            is_open = np.bincount(sources, minlength=problem.m) > 0
            assert (strong.state[is_open] >= 0).all()
            assert (strong.arc[list(sources), range(problem.n)] >= 0).all()
            must = np.flatnonzero((strong.arc == 1).any(axis=1))
            assert is_open[must].all()


def test_a_cutoff_at_the_optimum_settles_or_keeps_nothing_wrong() -> None:
    """One facility, one customer: 5 + 3 = 8 is all there is, so nothing is below 8."""
    problem = FacilityProblem(
        np.array([5.0]), np.array([2.0]), np.array([1.0]), np.array([[3.0]]), True
    )
    strong = WholeBound(Run(problem, FacilityOptions()), np.array([8.0]))
    assert strong.climb(8.0, 5, 0.5) == pytest.approx(8.0)
    strong.tighten(7.5)
    assert strong.settled


def test_knapsack_with_decided_customers_matches_enumeration() -> None:
    random = np.random.default_rng(3)
    for _ in range(200):
        n = int(random.integers(1, 8))
        weight = random.integers(0, 6, n)
        cost, dual = random.uniform(0, 9, n), random.uniform(0, 20, n)
        arc = random.integers(-1, 2, n).astype(np.int8)
        room = int(random.integers(0, 15))
        best = np.inf
        for chosen in itertools.product((0, 1), repeat=n):
            x = np.array(chosen)
            if (x[arc == 1] == 1).all() and (x[arc == -1] == 0).all() and x @ weight <= room:
                best = min(best, float(x @ (cost - dual)))
        items, table = np.empty(n + 1, np.int64), np.empty((n + 1, room + 1))
        value, count = whole.solve_knapsack(cost, dual, weight, arc, room, items, table)
        if np.isinf(best):
            assert value >= whole.HUGE
            continue
        assert value == pytest.approx(best, abs=1e-9)
        x = (arc == 1).astype(int)
        x[items[:count]] = 1
        assert x @ (cost - dual) == pytest.approx(best, abs=1e-9)
        assert x @ weight <= room


def test_choice_of_facilities_matches_enumeration_also_with_one_decided() -> None:
    random = np.random.default_rng(4)
    for _ in range(200):
        m = int(random.integers(1, 7))
        gain = random.uniform(-5, 20, m)
        room = random.integers(0, 9, m)
        state = random.integers(-1, 2, m).astype(np.int8)
        need = int(random.integers(0, 25))

        def least(state: np.ndarray, gain=gain, room=room, need=need, m=m) -> float:
            values = [
                float(np.array(y) @ gain)
                for y in itertools.product((0, 1), repeat=m)
                if np.array(y) @ room >= need
                and not ((np.array(y) == 0) & (state > 0)).any()
                and not ((np.array(y) == 1) & (state < 0)).any()
            ]
            return min(values, default=whole.HUGE)

        cover, back = np.empty((m + 1, need + 1)), np.empty((m + 1, need + 1))
        y = np.empty(m)
        value = whole.choose_open(gain, room, need, state, y, cover)
        assert value == pytest.approx(least(state), rel=1e-9, abs=1e-9)
        if value >= whole.HUGE:
            continue
        assert y @ room >= need
        assert y @ gain == pytest.approx(value, abs=1e-9)
        inside, outside = np.empty(m), np.empty(m)
        whole.forced_open(gain, room, need, state, value, cover, back, inside, outside)
        for i in np.flatnonzero(state == 0):
            decided = state.copy()
            for sums, side in ((inside, 1), (outside, -1)):
                decided[i] = side
                assert min(sums[i], whole.HUGE) == pytest.approx(least(decided), abs=1e-9)


@pytest.mark.parametrize("seed", range(1, 12, 2))
def test_search_ends_at_plans_that_fit_and_are_what_it_says(seed: int) -> None:
    problem = draw(seed, 4, 6)
    every = plans(problem)
    if not every:
        return
    cost_t = np.ascontiguousarray(problem.unit_cost.T)
    near = near_lists(cost_t, np.isfinite(cost_t), problem.m)
    source = np.full(problem.n, -1)
    best, _ = assignment.iterate(
        cost_t, problem.demand, problem.fixed_cost, problem.capacity, near, np.arange(problem.m),
        near[:, 0].copy(), source, np.inf, 400, seed, 5.0, np.zeros(1, np.int64),
    )  # fmt: skip
    assert (best, tuple(source.tolist())) in every
    assert best == every[0][0]  # so small that it must find the optimum
