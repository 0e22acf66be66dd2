"""Every method of the facility engine against brute force; no bound ever above the optimum."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from instances.errors import InstanceError
from optimizer.engine.facility import (
    FacilityProblem,
    brute_force,
    check_solution,
    evaluate_certificate,
    solve_facility,
)
from optimizer.plan.plan import Status


def draw(kind: str, seed: int, m: int = 5, n: int = 6) -> FacilityProblem:
    """Return a small random problem; every third one has fractions, every fourth forbidden arcs."""
    random = np.random.default_rng(seed)
    if kind == "single_source":
        m, n = 4, 5
    demand = random.integers(1, 10, n).astype(float)
    capacity = random.integers(5, 25, m).astype(float)
    cost = random.integers(0, 30, (m, n)).astype(float)
    fixed = random.integers(0, 60, m).astype(float)
    if seed % 3 == 0:
        fixed, cost = fixed * 1.37, cost * 1.1
        if kind == "capacitated":
            demand, capacity = demand * 0.77, capacity * 1.03
    if seed % 4 == 0:
        cost[random.random((m, n)) < 0.2] = np.inf
    if seed % 5 == 0:
        demand[0] = 0.0
    if kind == "uncapacitated":
        capacity = np.full(m, np.inf)
    return FacilityProblem(fixed, capacity, demand, cost, kind == "single_source", f"{kind}{seed}")


def check_against(problem: FacilityProblem, method: str) -> None:
    optimum = brute_force(problem)
    # The limit has room for a first compilation on a slow machine.
    result = solve_facility(problem, gap=1e-7, time_limit_s=300, method=method)
    if math.isinf(optimum):
        assert not result.status.has_plan
        return
    assert result.status is Status.OPTIMAL, (problem.name, result)
    assert check_solution(problem, result) == []
    assert result.objective == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    assert result.bound <= optimum * (1 + 1e-9) + 1e-6
    assert result.certificate is not None
    proven = evaluate_certificate(problem, result.certificate)
    assert proven <= optimum * (1 + 1e-9) + 1e-6
    assert proven == pytest.approx(result.certificate.dual_bound, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("method", ["capacitated", "direct"])
def test_split_delivery_finds_the_optimum(seed: int, method: str) -> None:
    check_against(draw("capacitated", seed), method)


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("method", ["uncapacitated", "capacitated"])
def test_uncapacitated_finds_the_optimum(seed: int, method: str) -> None:
    check_against(draw("uncapacitated", seed), method)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["single_source", "direct"])
def test_single_source_finds_the_optimum(seed: int, method: str) -> None:
    check_against(draw("single_source", seed), method)


def test_a_case_worked_by_hand() -> None:
    """Facility 0 (fixed 10) holds 5 of 8 units; 1 (fixed 12) the rest: 10 + 12 + 5 x 1 + 3 x 2."""
    problem = FacilityProblem(
        np.array([10.0, 12.0]), np.array([5.0, 9.0]), np.array([4.0, 4.0]),
        np.array([[4.0, 4.0], [30.0, 8.0]]),
    )  # fmt: skip
    result = solve_facility(problem, gap=1e-9)
    # all from 1: 12 + 38 = 50; both open: 22 + 4 + (1 x 1 + 3 x 2) = 33
    assert result.objective == pytest.approx(33.0)
    whole = solve_facility(
        FacilityProblem(problem.fixed_cost, problem.capacity, problem.demand, problem.unit_cost,
                        single_source=True), gap=1e-9,
    )  # fmt: skip
    assert whole.objective == pytest.approx(22 + 4 + 8)


@pytest.mark.parametrize("method", ["capacitated", "uncapacitated", "single_source"])
def test_medium_instance_agrees_with_the_direct_model(method: str) -> None:
    from dataclasses import replace

    from instances.generators.facility import cornuejols

    drawn = cornuejols(25, 30, ratio=4, seed=3)
    problem = FacilityProblem(
        drawn.fixed_cost, drawn.capacity, drawn.demand, drawn.unit_cost, method == "single_source"
    )
    if method == "uncapacitated":
        problem = replace(problem, capacity=np.full(25, np.inf))
    ours = solve_facility(problem, gap=1e-6, time_limit_s=60, method=method)
    direct = solve_facility(problem, gap=1e-6, time_limit_s=60, method="direct")
    assert ours.objective == pytest.approx(direct.objective, rel=2e-6)
    assert ours.bound <= direct.objective * (1 + 1e-6)
    assert check_solution(problem, ours) == []


def test_same_seed_same_answer_and_start_is_never_worsened() -> None:
    from instances.generators.facility import cornuejols

    drawn = cornuejols(60, 60, ratio=4, seed=5)
    problem = FacilityProblem(drawn.fixed_cost, drawn.capacity, drawn.demand, drawn.unit_cost)
    first = solve_facility(problem, gap=1e-3, time_limit_s=30)
    again = solve_facility(problem, gap=1e-3, time_limit_s=30, start=first.open)
    assert again.objective <= first.objective * (1 + 1e-12)


def test_cancel_keeps_the_best_and_stops() -> None:
    from instances.generators.facility import cornuejols

    drawn = cornuejols(60, 60, ratio=3, seed=6)
    problem = FacilityProblem(drawn.fixed_cost, drawn.capacity, drawn.demand, drawn.unit_cost)
    cancel = threading.Event()
    events = []

    def watch(event: object) -> None:
        events.append(event)
        if math.isfinite(event.incumbent):
            cancel.set()

    result = solve_facility(problem, gap=0, time_limit_s=60, on_progress=watch, cancel=cancel)
    assert result.status is Status.FEASIBLE
    assert check_solution(problem, result) == []
    assert result.seconds < 50
    bounds = [event.bound for event in events]
    assert bounds == sorted(bounds)


def test_what_cannot_be_served_is_infeasible() -> None:
    problem = FacilityProblem(
        np.ones(2), np.array([3.0, 3.0]), np.array([4.0, 4.0]), np.ones((2, 2))
    )
    assert solve_facility(problem).status is Status.INFEASIBLE


def test_not_a_number_is_refused_with_its_place() -> None:
    with pytest.raises(InstanceError, match=r"unit_cost\[1, 0\]"):
        FacilityProblem(np.ones(2), np.ones(2), np.ones(1), np.array([[1.0], [np.nan]]))


def test_check_solution_sees_a_tampered_plan() -> None:
    from dataclasses import replace

    problem = draw("capacitated", 1)
    result = solve_facility(problem, gap=1e-7)
    assert check_solution(problem, result) == []
    assert check_solution(problem, replace(result, objective=result.objective - 1.0))
    assert check_solution(problem, replace(result, share=result.share * 0.9))
    assert check_solution(problem, replace(result, open=~result.open))
    assert check_solution(problem, replace(result, bound=result.objective + 1.0))


def test_a_certificate_with_any_prices_is_a_bound() -> None:
    from optimizer.engine.facility import Certificate

    random = np.random.default_rng(7)
    for seed in range(6):
        problem = draw("capacitated", seed)
        optimum = brute_force(problem)
        for _ in range(5):
            prices = random.uniform(0, 40, problem.n)
            certificate = Certificate(
                prices, random.uniform(0, 3), 0.0, 0.0, "", count_dual=random.uniform(0, 30)
            )
            assert evaluate_certificate(problem, certificate) <= optimum + 1e-9
