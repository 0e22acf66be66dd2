"""The uncapacitated way: dual ascent, sorted lists, local search over open sets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from instances.generators import facility as generators
from optimizer.engine.facility import (
    FacilityProblem,
    check_solution,
    evaluate_certificate,
    solve_facility,
    uncapacitated,
)
from optimizer.engine.facility.dual_ascent import ascend
from optimizer.engine.facility.uncapacitated import NearestSearch, sorted_lists


def problem_of(cost: np.ndarray, fixed: np.ndarray) -> FacilityProblem:
    m, n = cost.shape
    return FacilityProblem(fixed, np.full(m, np.inf), np.ones(n), cost)


def drawn(seed: int, m: int = 8, n: int = 11, missing: float = 0.0) -> FacilityProblem:
    random = np.random.default_rng(seed)
    cost = random.integers(0, 30, (m, n)).astype(float)
    cost[random.random((m, n)) < missing] = np.inf
    cost[0] = np.where(np.isfinite(cost[0]), cost[0], 40.0)
    return problem_of(cost, random.integers(1, 40, m).astype(float))


def cost_of(problem: FacilityProblem, is_open: np.ndarray) -> float:
    if not is_open.any():
        return math.inf
    nearest = problem.unit_cost[is_open].min(axis=0)
    return float(problem.fixed_cost[is_open].sum() + nearest.sum())


def optimum(problem: FacilityProblem) -> float:
    sets = range(1, 1 << problem.m)
    return min(cost_of(problem, (k >> np.arange(problem.m)) & 1 == 1) for k in sets)


def test_dual_ascent_by_hand() -> None:
    # Customers 0 and 1 pay for facility 0 (fixed cost 3) in turn: 0 rises 1 -> 2 (next facility),
    # 1 rises 1 -> 4 limited by the slack 2 left; facility 1 (fixed 5) keeps slack.
    cost = np.array([[1.0, 1.0], [2.0, 9.0]])
    near, near_cost = sorted_lists(cost, 2)
    dual, slack = np.empty(2), np.empty(2)
    assert ascend(near, near_cost, np.array([3.0, 5.0]), dual, slack) == 5.0
    assert dual.tolist() == [2.0, 3.0]
    assert slack.tolist() == [0.0, 5.0]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("width", [2, 5, 8])
def test_dual_ascent_never_pays_more_than_a_fixed_cost(seed: int, width: int) -> None:
    problem = drawn(seed, missing=0.2 * (seed % 2))
    near, near_cost = sorted_lists(problem.unit_cost, width)
    dual, slack = np.empty(problem.n), np.empty(problem.m)
    bound = ascend(near, near_cost, problem.fixed_cost, dual, slack)
    paid = np.maximum(dual - problem.unit_cost, 0.0).sum(axis=1)
    assert np.allclose(problem.fixed_cost - paid, slack)
    assert (slack >= -1e-9).all()
    assert (dual <= near_cost[:, -1]).all()
    assert 0 < bound <= optimum(problem) + 1e-9


@pytest.mark.parametrize("width", [3, 8])
def test_lists_hold_the_cheapest_in_order(width: int) -> None:
    problem = drawn(3)
    near, near_cost = sorted_lists(problem.unit_cost, width)
    assert (near_cost == np.sort(problem.unit_cost.T, axis=1)[:, :width]).all()
    assert (np.take_along_axis(problem.unit_cost.T, near, axis=1) == near_cost).all()


@pytest.mark.parametrize("seed", range(30))
def test_no_opening_closing_or_swap_improves_a_local_optimum(seed: int) -> None:
    problem = drawn(seed, m=10, n=14, missing=0.15 * (seed % 2))
    search = NearestSearch(problem.unit_cost, problem.fixed_cost, 0)
    is_open = np.zeros(problem.m, bool)
    is_open[seed % problem.m] = True
    value = search.from_open(is_open)
    best = search.best_open
    assert value == pytest.approx(cost_of(problem, best))
    for i in range(problem.m):
        for o in (i, *np.flatnonzero(best)):
            trial = best.copy()
            trial[o] = False
            trial[i] = not best[i]
            assert cost_of(problem, trial) >= value - 1e-6


@pytest.mark.parametrize("lists", [0, uncapacitated.FULL_LISTS])
def test_rounds_find_the_optimum_repeat_and_keep_their_books(
    lists: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uncapacitated, "FULL_LISTS", lists)
    monkeypatch.setattr(uncapacitated, "SHORT", 4)
    for seed in range(5):
        problem = drawn(seed, m=12, n=20)
        found = []
        for _ in range(2):
            search = NearestSearch(problem.unit_cost, problem.fixed_cost, seed)
            search.from_open(np.arange(problem.m) == 0)
            search.rounds(200_000)
            found.append((search.best, search.current, *search.best_open))
            assert cost_of(problem, search.best_open) <= search.best + 1e-6
            assert cost_of(problem, search.current_open) <= search.current + 1e-6
        assert found[0] == found[1]
        if lists:
            assert search.best == pytest.approx(optimum(problem))


@pytest.mark.parametrize("kind", ["a", "b", "c"])
def test_the_first_bound_is_good_whatever_the_scale_of_the_costs(kind: str) -> None:
    instance = generators.koerkel_ghosh(120, kind=kind, symmetric=False, seed=1)
    problem = problem_of(instance.unit_cost, instance.fixed_cost)
    bounds: list[float] = []
    result = solve_facility(
        problem, gap=0.06, threads=1, on_progress=lambda event: bounds.append(event.bound)
    )
    first = next(bound for bound in bounds if math.isfinite(bound))
    assert first >= 0.9 * result.objective
    assert check_solution(problem, result) == []


def test_euclidean_is_proven_to_a_thousandth_on_short_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uncapacitated, "FULL_LISTS", 0)
    monkeypatch.setattr(uncapacitated, "SHORT", 150)
    instance = generators.euclidean(700, 700, level=100.0, seed=3)
    problem = problem_of(instance.unit_cost, instance.fixed_cost)
    results = [solve_facility(problem, gap=1e-3, time_limit_s=20, threads=1) for _ in range(2)]
    first, second = results
    assert first.gap <= 1e-3
    assert first.nodes == 0
    assert check_solution(problem, first) == []
    assert evaluate_certificate(problem, first.certificate) == pytest.approx(first.bound, rel=1e-9)
    assert (first.objective, first.bound) == (second.objective, second.bound)
    assert (first.open == second.open).all()
