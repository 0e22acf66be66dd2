"""Annealing of single-source assignments: what it says it found is a plan of that cost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.engine.facility import FacilityProblem, brute_force, single_source, solve_facility
from optimizer.engine.facility.anneal import anneal
from optimizer.engine.facility.single_tree import near_lists
from optimizer.engine.facility.whole import solve_knapsack


def draw(seed: int, m: int, n: int) -> FacilityProblem:
    """Whole demands, capacities for about three times the demand, as in the published sets."""
    random = np.random.default_rng(seed)
    demand = random.integers(5, 36, n).astype(float)
    capacity = np.floor(random.uniform(0.5, 1.5, m) * 3.0 * demand.sum() / m)
    capacity = np.maximum(capacity, demand.max())
    at, to = random.random((m, 2)), random.random((n, 2))
    cost = np.hypot(*(at[:, None] - to[None]).transpose(2, 0, 1)) * 10.0 * demand
    fixed = random.uniform(0, 90, m) + random.uniform(100, 110, m) * np.sqrt(capacity) / 4
    return FacilityProblem(fixed, capacity, demand, cost, True, f"draw{seed}")


def search(p: FacilityProblem, kicks: int, seed: int) -> tuple[float, np.ndarray]:
    """Anneal from everything at the cheapest facility, overloaded or not."""
    cost_t = np.ascontiguousarray(p.unit_cost.T)
    every = np.ones((p.n, p.m), bool)
    near = near_lists(cost_t, every, p.m)
    pull = near_lists(np.ascontiguousarray(p.unit_cost), every.T, p.n)
    found = np.full(p.n, -1)
    best, _ = anneal(
        cost_t, p.demand, p.fixed_cost, p.capacity, near, pull, cost_t.argmin(axis=1), found,
        np.inf, kicks, 10.0, 0.5, 6, seed, 10.0, np.zeros(1, np.int64),
    )  # fmt: skip
    return best, found


def check(p: FacilityProblem, best: float, source: np.ndarray) -> None:
    """The cost is that of the sources, and no facility is overloaded."""
    load = np.bincount(source, weights=p.demand, minlength=p.m)
    assert (load <= p.capacity).all()
    cost = p.fixed_cost[np.unique(source)].sum() + p.unit_cost[source, np.arange(p.n)].sum()
    assert best == pytest.approx(cost)


def test_small_ones_mostly_reach_the_optimum_and_never_fall_below_it() -> None:
    reached = 0
    for seed in range(12):
        p = draw(seed, 5, 6)
        optimum = brute_force(p)
        best, source = search(p, 300, seed)
        check(p, best, source)
        assert best >= optimum * (1 - 1e-9), seed
        reached += best <= optimum * (1 + 1e-9)
    assert reached >= 8


def test_larger_plans_are_plans_and_repeat() -> None:
    p = draw(3, 40, 80)
    short, source = search(p, 50, 1)
    check(p, short, source)
    long, source = search(p, 3_000, 1)
    check(p, long, source)
    assert long < short
    again, same = search(p, 3_000, 1)
    assert again == long
    assert (same == source).all()


def test_a_halted_search_ends_at_once_and_keeps_what_it_had() -> None:
    p = draw(4, 40, 80)
    cost_t = np.ascontiguousarray(p.unit_cost.T)
    every = np.ones((p.n, p.m), bool)
    _, start = search(p, 50, 1)
    before = p.fixed_cost[np.unique(start)].sum() + p.unit_cost[start, np.arange(p.n)].sum()
    found = np.full(p.n, -1)
    best, _ = anneal(
        cost_t, p.demand, p.fixed_cost, p.capacity, near_lists(cost_t, every, p.m),
        near_lists(np.ascontiguousarray(p.unit_cost), every.T, p.n), start.copy(), found, before,
        10**12, 10.0, 0.5, 6, 1, 10.0, np.ones(1, np.int64),
    )  # fmt: skip
    assert best <= before


def test_a_knapsack_lists_each_customer_once() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        n = int(random.integers(1, 9))
        cost, dual = random.integers(0, 20, n) * 1.0, random.integers(0, 40, n) * 1.0
        weight, room = random.integers(1, 9, n), int(random.integers(1, 25))
        items, table = np.zeros(n + 1, np.int64), np.empty((n + 1, 30))
        free = np.zeros(n, np.int8)
        value, count = solve_knapsack(cost, dual, weight, free, room, items, table)
        chosen = items[:count].tolist()
        assert len(set(chosen)) == count
        assert weight[chosen].sum() <= room
        assert (cost - dual)[chosen].sum() == pytest.approx(value)
        subsets = itertools.product([0, 1], repeat=n)
        least = min(np.dot(s, cost - dual) for s in subsets if np.dot(s, weight) <= room)
        assert value == pytest.approx(least)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_way_of_large_problems_is_exact_on_small_ones(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(single_source, "EASY", 0)
    monkeypatch.setattr(single_source, "PATIENCE", 1)  # the tree gives up: what follows is tried
    for seed in range(6):
        p = draw(seed, 5, 6)
        optimum = brute_force(p)
        result = solve_facility(p, gap=1e-7, method="single_source", threads=threads)
        assert result.objective == pytest.approx(optimum), seed
        assert result.bound <= optimum * (1 + 1e-6), seed
