"""Minimal conflicts and cheapest relaxations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_models import brute_force, odd, random_integer_model

from optimizer.errors import NoPlanError
from optimizer.linear import CompiledModel, LinearModel
from optimizer.solvers.conflict import (
    cheapest_relaxation,
    find_conflict,
    infeasible_subset,
    minimal_conflict,
)


def plant() -> CompiledModel:
    """Output x + y >= 8; 3x + 4y <= 20; z >= 3; x = z; x <= 9; z <= 5 by its bound.

    With x = 5 the output needs y = 3 and a budget of 27, 7 more; the budget allows y = 1, 2 short.
    """
    model = LinearModel()
    model.add_col("x", 1.0, ub=10, integer=True)
    model.add_col("y", 1.0, ub=10, integer=True)
    model.add_col("z", 1.0, ub=5)
    model.add_row("output", {"x": 1, "y": 1}, low=8)
    model.add_row("budget", {"x": 3, "y": 4}, high=20)
    model.add_row("least z", {"z": 1}, low=3)
    model.add_row("x is z", {"x": 1, "z": -1}, low=0, high=0)
    model.add_row("most x", {"x": 1}, high=9)
    return model.compile()


GROUPS = {"target": ["output"], "money": ["budget"], "rule": ["least z", "most x"]}


def test_the_rows_in_conflict_are_named() -> None:
    assert minimal_conflict(plant(), GROUPS) == ["target", "money"]
    found = find_conflict(plant(), GROUPS)
    assert found.is_minimal
    assert infeasible_subset(plant()) == ["output", "budget"]  # x <= 10 is not enough either


def test_conflict_that_only_integers_see() -> None:
    assert minimal_conflict(odd(), {"odd": ["odd"]}) == ["odd"]
    assert infeasible_subset(odd()) == ["odd"]


def test_conflict_without_any_group() -> None:
    """What is always in force contradicts itself: no group is to blame."""
    found = find_conflict(plant(), {"rule": ["least z", "most x"]})
    assert found.groups == ()
    assert found.is_minimal
    assert find_conflict(odd(), {}).groups == ()


def test_feasible_models_and_unknown_rows_are_refused() -> None:
    model = LinearModel()
    model.add_col("x", ub=1)
    model.add_row("r", {"x": 1}, high=1)
    with pytest.raises(ValueError, match="feasible"):
        minimal_conflict(model.compile(), {"r": ["r"]})
    with pytest.raises(ValueError, match="no row 'q'"):
        minimal_conflict(model.compile(), {"r": ["q"]})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_random_conflicts_are_infeasible_and_minimal(seed: int) -> None:
    model = random_integer_model(seed)
    if brute_force(model) is not None:
        return
    found = infeasible_subset(model)

    def has_plan(keys: list[object]) -> bool:
        kept = np.array([key in keys for key in model.row_keys])
        loose = LinearModel()
        for key, cost, low, high in zip(
            model.col_keys, model.cost, model.lb, model.ub, strict=True
        ):
            loose.add_col(key, cost, low, high, integer=True)
        for i in np.flatnonzero(kept):
            row = model.matrix.getrow(i)
            pairs = zip(row.indices.tolist(), row.data.tolist(), strict=True)
            loose.add_row(model.row_keys[i], pairs, model.row_low[i], model.row_high[i])
        return brute_force(loose.compile()) is not None

    assert not has_plan(found)
    for smaller in itertools.combinations(found, len(found) - 1):
        assert has_plan(list(smaller))


def test_the_cheapest_violation() -> None:
    cheap_money = cheapest_relaxation(plant(), GROUPS, {"target": 5.0, "money": 1.0})
    assert cheap_money.by_row == pytest.approx({"budget": 7.0})
    assert cheap_money.penalty == pytest.approx(7.0)
    assert cheap_money.bound == pytest.approx(7.0)
    cheap_target = cheapest_relaxation(plant(), GROUPS, {"target": 3.0, "money": 1.0})
    assert cheap_target.by_row == pytest.approx({"output": -2.0})
    assert cheap_target.penalty == pytest.approx(6.0)


def test_an_equality_can_move_either_way() -> None:
    found = cheapest_relaxation(odd(), {"odd": ["odd"]})
    assert abs(found.by_row["odd"]) == pytest.approx(1.0)


def test_relaxation_that_cannot_help_is_said() -> None:
    with pytest.raises(NoPlanError, match="no violation of these rows is enough"):
        cheapest_relaxation(plant(), {"rule": ["least z", "most x"]})
    with pytest.raises(ValueError, match="penalty of 'rule' is 0"):
        cheapest_relaxation(plant(), {"rule": ["least z"]}, {"rule": 0.0})
