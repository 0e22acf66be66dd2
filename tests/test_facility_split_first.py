"""Whole customers by way of split delivery: never above the optimum, and its proof is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer.engine.facility import FacilityProblem, brute_force, split_first
from optimizer.engine.facility.capacitated import climb
from optimizer.engine.facility.lagrangian import least_open
from optimizer.engine.facility.problem import FacilityOptions
from optimizer.engine.facility.run import Run
from optimizer.engine.facility.transport_prices import transport_prices


def draw(seed: int) -> FacilityProblem:
    """Four facilities, five customers; some with fractions, forbidden pairs, nothing to carry."""
    random = np.random.default_rng(seed)
    m, n = 4, 5
    demand = random.integers(1, 10, n).astype(float)
    capacity = random.integers(8, 25, m).astype(float)
    cost = random.integers(1, 30, (m, n)).astype(float)
    fixed = random.integers(0, 60, m).astype(float)
    if seed % 3 == 0:
        fixed, cost = fixed * 1.37, cost * 1.1
    if seed % 4 == 0:
        cost[random.random((m, n)) < 0.2] = np.inf
    if seed % 5 == 0:
        demand[0] = 0.0
    return FacilityProblem(fixed, capacity, demand, cost, True, f"whole{seed}")


def run_on(problem: FacilityProblem) -> Run:
    """The phase by itself, from the prices of split delivery and no plan at all."""
    run = Run(problem, FacilityOptions(1e-7))
    capacity = np.minimum(problem.capacity, problem.demand.sum())
    least = int(least_open(problem.demand.sum(), capacity, np.zeros(problem.m, np.int8)))
    dual, y = climb(run, capacity, least, 100)
    split_first.solve_split_first(run, dual, y)
    run.close()
    return run


@pytest.mark.parametrize("worth", [0.5, -math.inf])  # with the tree where it helps, and always
def test_bounds_and_plans_against_brute_force(
    monkeypatch: pytest.MonkeyPatch, worth: float
) -> None:
    monkeypatch.setattr(split_first, "WORTH", worth)
    if worth < 0:
        monkeypatch.setattr(split_first, "HOPELESS", -math.inf)
    closed = 0
    for seed in range(24):
        problem = draw(seed)
        optimum = brute_force(problem)
        run = run_on(problem)
        slack = 1e-6 * max(1.0, abs(optimum)) if math.isfinite(optimum) else 0.0
        assert run.objective >= optimum - slack, seed
        if math.isfinite(optimum):
            assert run.bound <= optimum + slack, seed
            closed += run.is_closed()
        if worth < 0 and math.isfinite(run.objective):
            assert run.objective == pytest.approx(optimum), seed  # the tree is exact
            assert run.bound == pytest.approx(optimum, rel=1e-6), seed
    assert closed >= 10


def test_leaves_that_take_too_long_hold_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no assignment ever solved the bound stays below the optimum, that is not found."""
    monkeypatch.setattr(split_first, "WORTH", -math.inf)
    monkeypatch.setattr(split_first, "HOPELESS", -math.inf)
    held = 0
    for seed in range(24):
        problem = draw(seed)
        optimum = brute_force(problem)
        if not math.isfinite(optimum):
            continue
        run = Run(problem, FacilityOptions(1e-7))
        # a poor plan to begin with: all facilities, each customer where it fits first
        source, left = np.full(problem.n, -1), problem.capacity.copy()
        for j in np.argsort(-problem.demand):
            at = np.flatnonzero((left >= problem.demand[j]) & np.isfinite(problem.unit_cost[:, j]))
            if len(at):
                source[j] = at[-1]
                left[at[-1]] -= problem.demand[j]
        if (source < 0).any() or not run.offer_sources(source):
            continue
        capacity = np.minimum(problem.capacity, problem.demand.sum())
        least = int(least_open(problem.demand.sum(), capacity, np.zeros(problem.m, np.int8)))
        dual, y = climb(run, capacity, least, 100)
        with monkeypatch.context() as patch:
            patch.setattr(split_first, "solve_direct", lambda *_a, **_k: "stopped")
            split_first.solve_split_first(run, dual, y)
        assert run.bound <= optimum * (1 + 1e-9) + 1e-9, seed
        held += run.bound < run.objective * (1 - 1e-6)
        run.close()
    assert held >= 5


def test_prices_of_a_transport_problem_worked_by_hand() -> None:
    """Customers of 4 and 3; room for 5 at the first, whole costs 4 and 6, second 12 and 9.

    A unit costs 1 and 2 at the first, 3 and 3 at the second. Two of the seven units must go to
    the second: a unit of customer 2 is 1 dearer there, of customer 1 it is 2, so customer 2 splits.
    The cost is 4 + 2 + 6 = 12; a unit of room at the first saves 1. Customer 2 pays 3 x 3 = 9,
    customer 1 4 x (1 + 1) = 8: 17 - 5 x 1 = 12.
    """
    found = transport_prices(
        np.array([[4.0, 6.0], [12.0, 9.0]]), np.array([4.0, 3.0]), np.array([5.0, 9.0]), 10.0
    )
    assert found is not None
    assert found[0] == pytest.approx([8.0, 9.0])
    assert found[1] == pytest.approx([1.0, 0.0])
    assert transport_prices(np.ones((1, 2)), np.array([4.0, 3.0]), np.array([5.0]), 10.0) is None
