"""The kernel that HiGHS solves before the tree: its bound never exceeds the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.engine.facility import FacilityProblem, brute_force, capacitated
from optimizer.engine.facility.capacitated import climb, solve_kernel
from optimizer.engine.facility.lagrangian import least_open
from optimizer.engine.facility.problem import FacilityOptions
from optimizer.engine.facility.run import Run


def draw(seed: int) -> FacilityProblem:
    """Six facilities, seven customers, split delivery."""
    random = np.random.default_rng(seed)
    demand = random.integers(1, 10, 7).astype(float)
    capacity = random.integers(8, 25, 6).astype(float)
    cost = random.integers(1, 30, (6, 7)).astype(float)
    return FacilityProblem(
        random.integers(5, 60, 6).astype(float), capacity, demand, cost, False, f"k{seed}"
    )


@pytest.mark.parametrize("few", [2, 40])
@pytest.mark.parametrize("seed", range(12))
def test_bound_and_plan_enclose_the_optimum(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = draw(seed)
    optimum = brute_force(problem)
    run = Run(problem, FacilityOptions(1e-7))
    capacity = np.minimum(problem.capacity, problem.demand.sum())
    least = int(least_open(problem.demand.sum(), capacity, np.zeros(problem.m, np.int8)))
    dual, y = climb(run, capacity, least, 60)
    dual.take(
        dual.prices,
        capacitated.price_all(problem, capacity, np.zeros(problem.m, np.int8), least, dual.prices),
    )
    monkeypatch.setattr(capacitated, "KERNEL_LEAST", few)
    solve_kernel(run, capacity, dual, y)
    assert run.bound <= optimum + 1e-6 * abs(optimum)
    assert run.objective >= optimum - 1e-6 * abs(optimum)
    if few == 40:  # all facilities are in the kernel: it settles the problem
        assert run.objective == pytest.approx(optimum)
