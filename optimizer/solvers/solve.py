"""One solve, whoever solves: numbers checked, answer checked, one status."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers.base import SOLVERS, SolverOptions, SolverResult
from optimizer.solvers.check import (
    FEASIBILITY,
    INTEGRALITY,
    Candidate,
    check_numbers,
    checked,
    examine,
    objective_scale,
)
from optimizer.solvers.raw import End, RawAnswer
from optimizer.solvers.watch import Clock

_MODULES = {"auto": "highs", "highs": "highs", "scip": "scip", "cbc": "cbc", "cp-sat": "cpsat"}
_DEFAULTS = SolverOptions()
_POLISH_S = 10.0

Notes = tuple[str, ...]
Adapter = Callable[[CompiledModel, SolverOptions, Clock, np.ndarray | None], RawAnswer]


def solve_model(
    model: CompiledModel, solver: str = "auto", options: SolverOptions = _DEFAULTS
) -> SolverResult:
    """Return the checked answer of ``solver`` (see `SOLVERS`; ``auto`` is HiGHS) to ``model``.

    Numbers that are NaN or infinite where they must not be raise ValueError; a model that the
    solver cannot express raises `SolverUnsuitableError`. Everything else is a status. A start that
    holds is never made worse: if the solver finds nothing better, the start comes back.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver {solver!r} is unknown; choose one of {', '.join(SOLVERS)}")
    check_numbers(model)
    if np.isnan(options.gap) or options.gap < 0 or np.isnan(options.time_limit_s):
        raise ValueError(f"gap {options.gap}, time limit {options.time_limit_s}: must be >= 0")
    clock = Clock(options.time_limit_s)
    crossed = _crossed(model)
    if crossed:
        return _nothing(Status.INFEASIBLE, RawAnswer(End.INFEASIBLE, crossed, "none"), clock)
    start, notes = _start(model, options)
    if not len(model.col_keys):
        raw = RawAnswer(End.FINISHED, "no columns", "none", np.zeros(0), model.offset)
        if examine(model, np.zeros(0)).faults:
            raw = RawAnswer(End.INFEASIBLE, "no columns", "none")
    else:
        run = _adapter(solver)
        raw = run(model, options, clock, start.x if start else None)
        if raw.end is End.NO_OPTIMUM and start is not None:
            said = f"{raw.said}; the given start holds, so it is unbounded"
            return _nothing(Status.UNBOUNDED, replace(raw, said=said), clock)
        if raw.end is End.NO_OPTIMUM:
            return _second_look(model, run, options, clock, raw)
    raw = replace(raw, notes=notes + raw.notes)
    return checked(model, _settled(model, raw, options, clock, start))


def _adapter(solver: str) -> Adapter:
    return importlib.import_module(f"optimizer.solvers.{_MODULES[solver]}").solve


def _crossed(model: CompiledModel) -> str:
    """Return why no values can exist at all: bounds or sides that cross; empty if they do not."""
    for what, low, high, keys in (
        ("column", model.lb, model.ub, model.col_keys),
        ("row", model.row_low, model.row_high, model.row_keys),
    ):
        if (low > high).any():
            at = int(np.argmax(low > high))
            return f"bounds of {what} {keys[at]!r} cross: [{low[at]}, {high[at]}]"
    low, high = np.ceil(model.lb - INTEGRALITY), np.floor(model.ub + INTEGRALITY)
    if (model.integer & (low > high)).any():
        at = int(np.argmax(model.integer & (low > high)))
        where = f"[{model.lb[at]}, {model.ub[at]}]"
        return f"column {model.col_keys[at]!r} must be an integer in {where}: there is none"
    return ""


def _start(model: CompiledModel, options: SolverOptions) -> tuple[Candidate | None, Notes]:
    """Return the given start if it holds; else None and a note why it was not used."""
    if options.start is None:
        return None, ()
    seen = examine(model, np.asarray(options.start, dtype=float))
    if seen.faults:
        return None, (f"start not used: {seen.faults[0]}",)
    return seen, ()


def _second_look(
    model: CompiledModel, run: Adapter, options: SolverOptions, clock: Clock, raw: RawAnswer
) -> SolverResult:
    """Tell infeasible from unbounded: without costs, only infeasibility is left to be found."""
    bare = replace(model, cost=np.zeros_like(model.cost), offset=0.0)
    plain = replace(options, start=None, on_progress=None, gap=0.0)
    again = run(bare, plain, clock, None)
    said = f"{raw.said}; without costs: {again.said}"
    raw = replace(raw, said=said, x=None)
    if again.end in (End.INFEASIBLE, End.NO_OPTIMUM):  # without costs it cannot be unbounded
        return _nothing(Status.INFEASIBLE, raw, clock)
    found, _notes = _cleaned(bare, again)
    if found is not None and not found.faults:
        return _nothing(Status.UNBOUNDED, raw, clock)
    stopped = again.end is End.STOPPED
    return _nothing(Status.NO_PLAN_IN_TIME if stopped else Status.SOLVER_ERROR, raw, clock)


def _settled(
    model: CompiledModel,
    raw: RawAnswer,
    options: SolverOptions,
    clock: Clock,
    start: Candidate | None,
) -> SolverResult:
    """Return the solver's answer, cleaned, compared with the start, and with our one status."""
    best, notes = _cleaned(model, raw)
    if best is not None and best.faults:
        said = f"{raw.said}; but the answer does not hold: {'; '.join(best.faults)}"
        return _nothing(Status.SOLVER_ERROR, replace(raw, said=said), clock)
    if raw.end is End.INFEASIBLE and start is not None:
        said = f"{raw.said}; but the given start holds"
        return _nothing(Status.SOLVER_ERROR, replace(raw, said=said), clock)
    duals, reduced = raw.duals, raw.reduced_costs
    is_finished_lp = raw.end is End.FINISHED and not model.integer.any()
    if (
        start is not None
        and not (is_finished_lp and best)
        and (best is None or start.objective < best.objective)
    ):
        best, duals, reduced = start, None, None
        notes += ("the given start is the best plan",)
    if best is None:
        status = {
            End.INFEASIBLE: Status.INFEASIBLE,
            End.STOPPED: Status.NO_PLAN_IN_TIME,
        }.get(raw.end, Status.SOLVER_ERROR)
        return _nothing(status, raw, clock)
    bound = raw.bound
    if raw.end is End.FINISHED and bound == -math.inf and not model.integer.any():
        bound = best.objective  # a finished LP is its own bound
    return SolverResult(
        status=_status(model, best, bound, raw, options),
        x=best.x,
        objective=best.objective,
        bound=bound,
        solver=raw.solver,
        said=raw.said,
        seconds=clock.seconds,
        duals=None if duals is None else duals + 0.0,  # + 0.0: no negative zeros
        reduced_costs=None if reduced is None else reduced + 0.0,
        nodes=raw.nodes,
        notes=raw.notes + notes,
    )


def _status(
    model: CompiledModel, best: Candidate, bound: float, raw: RawAnswer, options: SolverOptions
) -> Status:
    """OPTIMAL only if bound and objective prove the gap that was asked for.

    When the solver says that it finished, the tolerance of its feasibility is granted: with rounded
    integers the objective can differ from the solver's by that much.
    """
    scale = objective_scale(model, best.x)
    slack = (FEASIBILITY if raw.end is End.FINISHED else 1e-9) * scale
    proven = best.objective - bound <= options.gap * abs(best.objective) + slack
    return Status.OPTIMAL if proven else Status.FEASIBLE


def _cleaned(model: CompiledModel, raw: RawAnswer) -> tuple[Candidate | None, Notes]:
    """Return the solver's values with integers rounded, and where that breaks rows, re-solved.

    A binary of 1e-7 can carry a flow of 0.1 under a large coefficient. Rounded to zero the flow
    has to go elsewhere, and a linear program says where.
    """
    if raw.x is None:
        return None, ()
    seen = examine(model, raw.x)
    whole = np.round(raw.x)
    if not seen.faults or not model.integer.any() or not np.isfinite(raw.x).all():
        return seen, ()
    if np.abs(raw.x - whole)[model.integer].max() > 1e-4:
        return seen, ()  # these are not integers that went slightly wrong
    fixed = replace(
        model,
        lb=np.where(model.integer, whole, model.lb),
        ub=np.where(model.integer, whole, model.ub),
        integer=np.zeros_like(model.integer),
    )
    if _crossed(fixed):
        return seen, ()
    limit = Clock(_POLISH_S)
    again = _adapter("highs")(fixed, SolverOptions(time_limit_s=_POLISH_S), limit, None)
    if again.end is not End.FINISHED or again.x is None:
        return seen, ()
    return examine(model, again.x), ("integers rounded, the rest solved again",)


def _nothing(status: Status, raw: RawAnswer, clock: Clock) -> SolverResult:
    """Return a result without a plan."""
    keep_bound = status is Status.NO_PLAN_IN_TIME and math.isfinite(raw.bound)
    return SolverResult(
        status=status,
        x=None,
        objective=math.nan,
        bound=raw.bound if keep_bound else -math.inf,
        solver=raw.solver,
        said=raw.said,
        seconds=clock.seconds,
        nodes=raw.nodes,
        notes=raw.notes,
    )
