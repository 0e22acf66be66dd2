"""The compiled kernels against plain numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.engine.facility import knapsack, lagrangian
from optimizer.engine.facility.problem import (
    FacilityProblem,
    binary_knapsack_values,
    knapsack_values,
    transport_cost,
)
from optimizer.engine.facility.transport import build_network, empty_basis, optimise


def test_network_simplex_matches_linear_programming_through_changes() -> None:
    random = np.random.default_rng(0)
    for trial in range(40):
        m, n = random.integers(1, 9), random.integers(1, 12)
        demand = random.integers(trial % 3 != 0, 10, n).astype(float)
        capacity = random.integers(0, 25, m).astype(float)
        if trial % 2:
            demand, capacity = demand * random.random(n), capacity * random.random(m) * 1.7
        cost = random.integers(0, 20, (m, n)).astype(float)
        if trial % 5 == 0:
            cost[random.random((m, n)) < 0.2] = np.inf
        cost = np.where(demand > 0, cost, 0.0)
        problem = FacilityProblem(np.zeros(m), capacity, demand, cost)
        network = build_network(cost, demand, capacity, np.zeros(m), m)
        basis = empty_basis(network)
        for _ in range(5):
            is_open = random.random(m) < 0.7
            basis.root_cost[:] = np.where(is_open, 0, network.big)
            value, _ = optimise(network, basis, 10_000)
            assert value == pytest.approx(transport_cost(problem, is_open), rel=1e-7, abs=1e-7)


def test_knapsack_kernels_match_the_reference() -> None:
    random = np.random.default_rng(1)
    for trial in range(300):
        n = int(random.integers(1, 20))
        demand = random.integers(1, 9, n).astype(float)
        cost = random.integers(0, 9, n).astype(float)
        dual = random.integers(0, 20, n) * (1.0 if trial % 3 else random.random(n))
        room = float(random.integers(0, 60))
        problem = FacilityProblem(
            np.zeros(1), np.array([room]), demand, cost[None], single_source=True
        )
        keys, items = np.empty(n), np.empty(n, np.int64)
        for guess in (0.0, random.random() * 5):
            value, _, used, part = lagrangian._one_facility(
                cost, demand, dual, room, guess, keys, items
            )
            assert value == pytest.approx(knapsack_values(problem, dual)[0], abs=1e-9)
            share = np.ones(used)
            share[-1:] = part
            assert (share * (cost - dual)[items[:used]]).sum() == pytest.approx(value, abs=1e-9)
        value, count = knapsack._binary(
            cost, demand.astype(np.int64), dual, int(room), keys, items,
            np.empty(int(room) + 1), np.empty((n, int(room) + 1), np.bool_),
        )  # fmt: skip
        assert value == pytest.approx(binary_knapsack_values(problem, dual)[0], abs=1e-9)
        chosen = items[:count]
        assert (cost - dual)[chosen].sum() == pytest.approx(value, abs=1e-9)
        assert demand[chosen].sum() <= room


def test_dual_bound_never_exceeds_the_relaxation_and_nearly_reaches_it() -> None:
    from scipy.optimize import linprog

    from instances.generators.facility import cornuejols

    drawn = cornuejols(12, 15, ratio=3, seed=2)
    m, n = 12, 15
    capacity = np.minimum(drawn.capacity, drawn.demand.sum())
    # strong relaxation, columns y then x, by scipy
    rows, limits = [], []
    for i in range(m):
        row = np.zeros(m + m * n)
        row[i] = -capacity[i]
        row[m + i * n : m + (i + 1) * n] = drawn.demand
        rows.append(row)
        limits.append(0.0)
        for j in range(n):
            row = np.zeros(m + m * n)
            row[i], row[m + i * n + j] = -1.0, 1.0
            rows.append(row)
            limits.append(0.0)
    row = np.zeros(m + m * n)
    row[:m] = -capacity
    rows.append(row)
    limits.append(-drawn.demand.sum())
    serve = np.zeros((n, m + m * n))
    for j in range(n):
        serve[j, m + j :: n] = 1.0
    cost = np.concatenate([drawn.fixed_cost, drawn.unit_cost.ravel()])
    exact = linprog(
        cost, A_ub=np.array(rows), b_ub=limits, A_eq=serve, b_eq=np.ones(n), bounds=(0, 1)
    ).fun
    prices = drawn.unit_cost.min(axis=0)
    best, _ = lagrangian.volume(
        drawn.unit_cost, drawn.demand, drawn.fixed_cost, capacity, np.zeros(m, np.int8), 0, prices,
        0.0, 2000, 0.1, np.inf, np.zeros(m), np.zeros(2), np.zeros(1, np.int64),
    )  # fmt: skip
    assert best <= exact * (1 + 1e-9)
    assert best >= exact * (1 - 2e-3)


def test_least_open_counts_what_is_fixed() -> None:
    capacity = np.array([5.0, 4.0, 3.0, 2.0])
    free = np.zeros(4, np.int8)
    assert lagrangian.least_open(9.0, capacity, free) == 2
    assert lagrangian.least_open(9.0, capacity, np.array([-1, 0, 0, 0], np.int8)) == 3
    assert lagrangian.least_open(9.0, capacity, np.array([0, 0, 0, 1], np.int8)) == 3
    assert lagrangian.least_open(15.0, capacity, free) == 5  # cannot be held
