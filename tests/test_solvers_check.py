"""`checked` and `examine` find out what does not hold; rounding is repaired or refused."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from solver_models import fixed_charge, infeasible, knapsack

from optimizer.linear import CompiledModel, LinearModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, SolverResult, checked, solve_model
from optimizer.solvers import solve as solve_module
from optimizer.solvers.check import examine
from optimizer.solvers.raw import End, RawAnswer


@pytest.fixture
def good() -> SolverResult:
    return solve_model(fixed_charge(), options=SolverOptions(gap=0.0))


def test_a_good_answer_stays_as_it_is(good: SolverResult) -> None:
    again = checked(fixed_charge(), good)
    assert again.status is Status.OPTIMAL
    assert again.objective == good.objective
    assert again.bound == good.bound


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({0: 0.0}, r"row \('capacity', 'a'\) = 25 is above its high side"),
        ({3: 4.0}, r"row 'demand' = 29 is below its low side"),
        ({2: 0.4}, r"column \('open', 'b'\) must be an integer"),
        ({1: -1.0}, r"column \('x', 'a'\) .* is below its lower bound"),
        ({2: 2.0}, r"column \('open', 'b'\) .* is above its bound"),
        ({1: np.nan}, r"column \('x', 'a'\) is nan"),
    ],
)
def test_tampered_values_are_found(good: SolverResult, change: dict[int, float], why: str) -> None:
    assert good.x is not None
    x = good.x.copy()
    for column, value in change.items():
        x[column] = value
    result = checked(fixed_charge(), replace(good, x=x))
    assert result.status is Status.SOLVER_ERROR
    assert result.x is None
    assert re.search(why, result.said)


def test_tampered_objective_and_bound_are_found(good: SolverResult) -> None:
    lie = checked(fixed_charge(), replace(good, objective=189.0))
    assert lie.status is Status.SOLVER_ERROR
    assert "the stated objective 189 is 190" in lie.said
    crossed = checked(fixed_charge(), replace(good, bound=191.0))
    assert crossed.status is Status.SOLVER_ERROR
    assert "bound 191 is above objective" in crossed.said
    assert checked(fixed_charge(), replace(good, x=None)).status is Status.SOLVER_ERROR
    assert checked(fixed_charge(), replace(good, x=np.zeros(3))).status is Status.SOLVER_ERROR


def test_tolerances_are_relative_to_the_numbers_of_the_row() -> None:
    model = LinearModel()
    model.add_col("x", 1.0, ub=1e7)
    model.add_col("y", 1.0, ub=1e7)
    model.add_row("balance", {"x": 1.0, "y": -1.0}, low=0, high=0)
    compiled = model.compile()
    assert not examine(compiled, np.array([1e6, 1e6 + 0.5])).faults
    assert examine(compiled, np.array([1e6, 1e6 + 2.0])).faults
    assert not examine(compiled, np.array([1.0, 1.0 + 5e-7])).faults
    assert examine(compiled, np.array([1.0, 1.0 + 5e-6])).faults


def test_a_flow_on_a_sliver_of_a_binary_is_found_out() -> None:
    """1e-7 of a binary under a coefficient of 1e6 would carry 0.1 for nothing."""
    model = LinearModel()
    model.add_col("open", 50.0, ub=1, integer=True)
    model.add_col("x", 1.0, ub=10)
    model.add_row("link", {"x": 1.0, "open": -1e6}, high=0)
    model.add_row("need", {"x": 1.0}, low=0.1)
    assert examine(model.compile(), np.array([1e-7, 0.1])).faults
    assert not examine(model.compile(), np.array([1.0, 0.1])).faults


def _fake(monkeypatch: pytest.MonkeyPatch, raw: RawAnswer) -> None:
    real = solve_module._adapter

    def adapter(solver: str) -> object:
        return (lambda *_arguments: raw) if solver == "scip" else real(solver)

    monkeypatch.setattr(solve_module, "_adapter", adapter)


def _raw(x: list[float] | None, bound: float, end: End = End.FINISHED) -> RawAnswer:
    return RawAnswer(end, "fine", "fake", None if x is None else np.array(x), bound)


@pytest.mark.parametrize(
    ("model", "raw", "status"),
    [
        (knapsack(), _raw([0, 1, 0, 1], -13.0), Status.OPTIMAL),
        (knapsack(), _raw([1, 0, 0, 1], -13.0), Status.FEASIBLE),  # not proven
        (knapsack(), _raw([1, 0, 0, 1], -13.0, End.STOPPED), Status.FEASIBLE),
        (knapsack(), _raw([0, 1, 0, 1], -13.0, End.STOPPED), Status.OPTIMAL),  # proven
        (knapsack(), _raw([0, 1, 0, 1], -12.0), Status.SOLVER_ERROR),  # bound above objective
        (knapsack(), _raw([1, 1, 1, 1], -25.0), Status.SOLVER_ERROR),
        (knapsack(), _raw([0, 1, 0.5, 1], -16.5), Status.SOLVER_ERROR),
        (knapsack(), _raw(None, -20.0, End.STOPPED), Status.NO_PLAN_IN_TIME),
        (knapsack(), _raw(None, -20.0, End.FAILED), Status.SOLVER_ERROR),
        (infeasible(integer=True), _raw(None, 0.0, End.INFEASIBLE), Status.INFEASIBLE),
    ],
)
def test_what_a_solver_says_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, model: CompiledModel, raw: RawAnswer, status: Status
) -> None:
    _fake(monkeypatch, raw)
    result = solve_model(model, "scip", SolverOptions(gap=1e-4))
    assert result.status is status
    assert (result.x is not None) == status.has_plan


def test_infeasible_is_not_believed_against_a_start_that_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _fake(monkeypatch, _raw(None, 0.0, End.INFEASIBLE))
    options = SolverOptions(start=np.array([0.0, 1.0, 0.0, 1.0]))
    result = solve_model(knapsack(), "scip", options)
    assert result.status is Status.SOLVER_ERROR
    assert "the given start holds" in result.said


def test_slivers_of_integers_are_rounded_and_the_rest_solved_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """4e-7 of the binary carries 0.4; rounded to 0, all of the need has to be bought."""
    model = LinearModel()
    model.add_col("open", 50.0, ub=1, integer=True)
    model.add_col("x", 1.0, ub=1000)
    model.add_col("buy", 3.0, ub=1000)
    model.add_row("link", {"x": 1.0, "open": -1e6}, high=0)
    model.add_row("need", {"x": 1.0, "buy": 1.0}, low=0.5)
    _fake(monkeypatch, _raw([4e-7, 0.4, 0.1], 0.7))
    result = solve_model(model.compile(), "scip", SolverOptions(gap=0.0))
    assert result.status is Status.FEASIBLE  # 0.7 is no longer what the plan costs
    assert result.x == pytest.approx([0, 0, 0.5])
    assert result.objective == pytest.approx(1.5)
    assert "integers rounded, the rest solved again" in result.notes
