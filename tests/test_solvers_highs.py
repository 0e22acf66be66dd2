"""`IncrementalLP`: a linear program that grows keeps telling the truth."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_models import diet

from optimizer.plan.plan import Status
from optimizer.solvers import solve_model
from optimizer.solvers.highs import IncrementalLP


def test_it_starts_from_a_model() -> None:
    lp = IncrementalLP(diet())
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(108)
    assert lp.x == pytest.approx([0, 4])
    assert lp.activity == pytest.approx([4, 0, 12])
    assert lp.duals == pytest.approx([2, 0, 0])
    assert lp.reduced_costs == pytest.approx([1, 0])


def test_columns_rows_bounds_and_costs_change() -> None:
    """min 2a + 3b, a + 2b >= 4; then c for 1 joins; then c <= 1; then a is free; then no row."""
    lp = IncrementalLP()
    assert lp.add_cols([2.0, 3.0]).tolist() == [0, 1]
    assert lp.add_rows(4.0, np.inf, np.array([[1.0, 2.0]])).tolist() == [0]
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(6)
    assert lp.duals == pytest.approx([1.5])
    added = lp.add_cols(1.0, 0.0, np.inf, sp.csc_matrix([[1.0]]))
    assert added.tolist() == [2]
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(4)
    lp.add_rows(-np.inf, 1.0, sp.csr_matrix([[0.0, 0.0, 1.0]]))
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(1 + 4.5)
    assert lp.duals == pytest.approx([1.5, -0.5])  # the high side: <= 0
    lp.change_costs([0], [0.5])
    lp.change_bounds([0], 0.0, 2.0)
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(2 * 0.5 + 1 + 0.5 * 3)
    lp.change_row_bounds([0], 0.0, np.inf)
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(0)
    lp.delete_rows([0])
    lp.delete_cols([1])
    assert (lp.n_rows, lp.n_cols) == (1, 2)
    lp.change_costs([0, 1], -1.0)
    assert lp.solve() is Status.OPTIMAL
    assert lp.objective == pytest.approx(-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_grown_step_by_step_it_equals_the_whole(seed: int) -> None:
    """Columns in batches, rows in batches, in any order: the objective of the model at once."""
    rng = np.random.default_rng(seed)
    rows, cols = 6, 12
    matrix = sp.random(rows, cols, 0.5, random_state=seed, format="csr")
    cost, need = rng.uniform(1, 9, cols), rng.uniform(0, 1, rows)
    grown = IncrementalLP()
    grown.add_cols(cost[:4], 0.0, 10.0)
    grown.add_rows(need[:3] * 0, np.inf, matrix[:3, :4])
    grown.solve()
    grown.change_row_bounds(np.arange(3), need[:3], np.inf)
    grown.solve()
    grown.add_cols(cost[4:], 0.0, 10.0, matrix[:3, 4:])
    grown.solve()
    grown.add_rows(need[3:], np.inf, matrix[3:])
    ended = grown.solve()
    whole = IncrementalLP()
    whole.add_cols(cost, 0.0, 10.0)
    whole.add_rows(need, np.inf, matrix)
    assert whole.solve() is ended
    if ended is Status.OPTIMAL:
        assert grown.objective == pytest.approx(whole.objective, rel=1e-7, abs=1e-9)
        gap = grown.reduced_costs - (cost - matrix.T @ grown.duals)
        assert np.abs(gap).max() < 1e-7
        bound = grown.duals @ need + np.minimum(grown.reduced_costs, 0) @ np.full(cols, 10.0)
        assert bound == pytest.approx(grown.objective, rel=1e-7, abs=1e-7)


def test_infeasible_has_a_proof() -> None:
    lp = IncrementalLP()
    lp.add_cols([1.0, 1.0, 1.0], 0.0, [9.0, 9.0, 3.0])
    low, high = np.array([-np.inf, 0, 2, 1.0]), np.array([1, 5, np.inf, 9.0])
    matrix = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1.0]])
    lp.add_rows(low, high, matrix)
    assert lp.solve() is Status.INFEASIBLE
    ray = lp.infeasibility_ray()
    assert ray is not None
    needed = sum(y * (low[i] if y > 0 else high[i]) for i, y in enumerate(ray) if y)
    slope = ray @ matrix
    reachable = np.maximum(slope, 0) @ np.array([9.0, 9.0, 3.0])
    assert needed > reachable + 1e-6
    rows, _cols = lp.infeasible_subset()
    assert sorted(rows.tolist()) == [0, 2]
    lp.delete_rows([0])
    assert lp.solve() is Status.OPTIMAL


def test_unbounded_has_a_direction() -> None:
    lp = IncrementalLP()
    lp.add_cols([-1.0, -1.0])
    lp.add_rows(-np.inf, 1.0, np.array([[1.0, -1.0]]))
    assert lp.solve() is Status.UNBOUNDED
    ray = lp.unbounded_ray()
    assert ray is not None
    assert ray @ [-1.0, -1.0] < 0
    assert ray[0] - ray[1] <= 1e-9


def test_stale_values_and_bad_numbers_are_refused() -> None:
    lp = IncrementalLP(diet())
    with pytest.raises(RuntimeError, match="out of date"):
        _ = lp.x
    lp.solve()
    lp.change_bounds([0], 0.0, 1.0)
    with pytest.raises(RuntimeError, match="out of date"):
        _ = lp.objective
    with pytest.raises(ValueError, match="cost: value 1 of 2"):
        lp.change_costs([0, 1], [1.0, np.nan])
    with pytest.raises(ValueError, match="not a finite number"):
        lp.add_rows(0.0, 1.0, np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="rows over 3 columns; there are 2"):
        lp.add_rows(0.0, 1.0, np.ones((1, 3)))
    lp.change_row_bounds([1], 5.0, np.inf)
    assert lp.solve() is Status.INFEASIBLE
    with pytest.raises(RuntimeError, match="infeasible"):
        _ = lp.duals


def test_limit_and_cancel() -> None:
    rng = np.random.default_rng(0)
    rows, cols = 1500, 3000
    matrix = sp.random(rows, cols, 0.02, random_state=0, format="csr")
    lp = IncrementalLP()
    lp.add_cols(rng.uniform(1, 2, cols))
    lp.add_rows(rng.uniform(1, 2, rows), np.inf, matrix)
    began = time.monotonic()
    ended = lp.solve(time_limit_s=0.1)
    assert time.monotonic() - began < 0.1 * 1.02 + 0.5
    assert ended in (Status.NO_PLAN_IN_TIME, Status.FEASIBLE)
    cancel = threading.Event()
    cancel.set()
    began = time.monotonic()
    assert lp.solve(cancel=cancel) in (Status.NO_PLAN_IN_TIME, Status.FEASIBLE)
    assert time.monotonic() - began < 1.0


def test_many_small_solves_are_quick() -> None:
    """500 columns added one by one: what a column generation does all day."""
    rng = np.random.default_rng(1)
    lp = IncrementalLP()
    lp.add_cols(np.full(50, 100.0))
    lp.add_rows(rng.uniform(1, 2, 50), np.inf, sp.eye(50))
    began = time.monotonic()
    last = np.inf
    for _ in range(300):
        column = sp.random(50, 1, 0.2, random_state=rng, format="csc")
        lp.add_cols(5.0, 0.0, np.inf, column)
        assert lp.solve() is Status.OPTIMAL
        assert lp.objective <= last + 1e-7
        last = lp.objective
    assert time.monotonic() - began < 5.0


def test_an_lp_and_its_model_agree() -> None:
    lp = IncrementalLP(diet())
    lp.solve()
    assert lp.objective == pytest.approx(solve_model(diet()).objective)
