"""Independent checks: are the numbers of a model usable, and does a plan hold? numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers.base import SolverResult

FEASIBILITY = 1e-6  # share of the largest number in a row; the usual tolerance of MIP solvers
INTEGRALITY = 1e-6
SOLVER_INFINITY = 1e20  # from here on solvers read a number as infinite


@dataclass(frozen=True)
class Candidate:
    """A vector with integers rounded, its objective, and every reason why it is not a plan."""

    x: np.ndarray
    objective: float
    faults: tuple[str, ...] = field(default_factory=tuple)


def check_numbers(model: CompiledModel) -> None:
    """Raise ValueError naming the first column or row whose number no solver can be given."""
    entries = model.matrix.tocoo()  # type: ignore[attr-defined]
    for name, values, keys in (
        ("cost", model.cost, model.col_keys),
        ("lower bound", model.lb, model.col_keys),
        ("upper bound", model.ub, model.col_keys),
        ("low side", model.row_low, model.row_keys),
        ("high side", model.row_high, model.row_keys),
    ):
        bad = np.isnan(values)
        if name == "cost":
            bad |= np.isinf(values)
        if name in ("lower bound", "low side"):
            bad |= values == np.inf
        if name in ("upper bound", "high side"):
            bad |= values == -np.inf
        bad |= np.isfinite(values) & (np.abs(values) >= SOLVER_INFINITY)
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"{name} of {keys[at]!r} is {values[at]}: a finite number is needed")
    bad = ~np.isfinite(entries.data) | (np.abs(entries.data) >= SOLVER_INFINITY)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"coefficient of column {model.col_keys[entries.col[at]]!r} in row "
            f"{model.row_keys[entries.row[at]]!r} is {entries.data[at]}: a finite number is needed"
        )
    if not math.isfinite(model.offset):
        raise ValueError(f"offset of the objective is {model.offset}: a finite number is needed")


def objective_of(model: CompiledModel, x: np.ndarray) -> float:
    """Objective of ``x``, summed without loss."""
    return math.fsum(model.cost * x) + model.offset


def objective_scale(model: CompiledModel, x: np.ndarray) -> float:
    """Largest term of the objective at ``x``: what relative errors of the objective refer to."""
    terms = np.abs(model.cost * x)
    return max(abs(model.offset), float(terms.max(initial=0.0)), abs(objective_of(model, x)))


def is_bounded(model: CompiledModel) -> bool:
    """Return whether the bounds of the columns alone keep the objective from falling for ever."""
    best = np.where(model.cost > 0, model.lb, np.where(model.cost < 0, model.ub, 0.0))
    return bool(np.isfinite(best).all())


def examine(model: CompiledModel, x: np.ndarray) -> Candidate:
    """Return ``x`` with integers rounded and bounds snapped, its objective, what it violates.

    A row may be missed by ``FEASIBILITY`` times the largest of 1, its side, and its largest term;
    a bound by the same share of the bound. Integers are rounded first, so that a plan that lives on
    a tiny fraction of a binary is found out.
    """
    x = np.asarray(x, dtype=float)
    if x.shape != model.cost.shape:
        return Candidate(x, math.nan, (f"{x.size} values for {model.cost.size} columns",))
    if not np.isfinite(x).all():
        at = int(np.argmax(~np.isfinite(x)))
        return Candidate(x, math.nan, (f"column {model.col_keys[at]!r} is {x[at]}",))
    faults = []
    off = np.where(model.integer, np.abs(x - np.round(x)), 0.0)
    if off.max(initial=0.0) > INTEGRALITY:
        at = int(np.argmax(off))
        faults.append(f"column {model.col_keys[at]!r} must be an integer, is {x[at]:.12g}")
    x = np.where(model.integer, np.round(x), x)
    below, above = model.lb - x, x - model.ub
    for miss, bound, word in ((below, model.lb, "below its lower"), (above, model.ub, "above its")):
        over = miss - FEASIBILITY * np.maximum(1.0, _size(bound))
        if over.max(initial=-1.0) > 0.0:
            at = int(np.argmax(over))
            faults.append(
                f"column {model.col_keys[at]!r} = {x[at]:.12g} is {word} bound {bound[at]:.12g}"
            )
    if not faults:
        # Solvers leave columns a hair outside their bounds; the plan should not. An integer
        # whose bound is fractional is left alone: the bound is then not its true limit.
        x = np.where(model.integer, x, np.clip(x, model.lb, model.ub))
    faults += _row_faults(model, x)
    return Candidate(x + 0.0, objective_of(model, x), tuple(faults))  # + 0.0: no negative zeros


def _size(bounds: np.ndarray) -> np.ndarray:
    """Return magnitudes; 0 for infinite ones."""
    return np.where(np.isfinite(bounds), np.abs(bounds), 0.0)


def _row_faults(model: CompiledModel, x: np.ndarray) -> list[str]:
    """Return the worst row below its low side and the worst above its high side."""
    if not len(model.row_keys):
        return []
    matrix = model.matrix.tocsr()  # type: ignore[attr-defined]
    activity = matrix @ x
    terms = abs(matrix)
    terms.data = terms.data * np.abs(x)[terms.indices]
    largest = (
        np.asarray(terms.max(axis=1).todense()).ravel() if terms.nnz else np.zeros(len(activity))
    )
    faults = []
    for miss, side, word in (
        (model.row_low - activity, model.row_low, "below its low"),
        (activity - model.row_high, model.row_high, "above its high"),
    ):
        over = miss - FEASIBILITY * np.maximum(1.0, np.maximum(largest, _size(side)))
        if over.max(initial=-1.0) > 0.0:
            at = int(np.argmax(over))
            faults.append(
                f"row {model.row_keys[at]!r} = {activity[at]:.12g} is {word} side {side[at]:.12g}"
            )
    return faults


def checked(model: CompiledModel, result: SolverResult) -> SolverResult:
    """Return ``result`` with values and objective recomputed, or SOLVER_ERROR with the reason.

    Refused: a plan that does not hold, an objective that is not that of the plan, a bound above the
    objective (both by more than 1e-6 of the objective's largest term), a plan without values.
    """
    if not result.status.has_plan:
        return result if result.x is None else replace(result, x=None)
    if result.x is None:
        return _refused(result, "there are no values")
    seen = examine(model, result.x)
    if seen.faults:
        return _refused(result, "; ".join(seen.faults))
    slack = FEASIBILITY * max(objective_scale(model, seen.x), 1e-6)
    if not abs(seen.objective - result.objective) <= slack:
        return _refused(
            result,
            f"the stated objective {result.objective:.12g} is {seen.objective:.12g} by the plan",
        )
    if not result.bound <= seen.objective + slack:
        crossed = f"bound {result.bound:.12g} is above objective {seen.objective:.12g}"
        return _refused(result, crossed)
    bound = min(result.bound, seen.objective)
    return replace(result, x=seen.x, objective=seen.objective, bound=bound)


def _refused(result: SolverResult, why: str) -> SolverResult:
    return replace(
        result,
        status=Status.SOLVER_ERROR,
        x=None,
        objective=math.nan,
        bound=-math.inf,
        duals=None,
        reduced_costs=None,
        said=f"{result.said}; but the answer does not hold: {why}",
    )
