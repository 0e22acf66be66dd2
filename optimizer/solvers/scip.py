"""SCIP through OR-Tools' linear solver (pywraplp).

MathOpt, the newer interface of OR-Tools, is not used: SCIP's interrupt does not reach a root node
there and it writes errors on stderr with every solve; its HiGHS crashes when another copy is
loaded. This interface gives neither duals nor progress, and SCIP runs on one thread in it.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from ortools.linear_solver import linear_solver_pb2, pywraplp

from optimizer.errors import SolverUnsuitableError
from optimizer.linear import CompiledModel
from optimizer.solvers.base import SolverOptions
from optimizer.solvers.check import is_bounded
from optimizer.solvers.raw import End, RawAnswer
from optimizer.solvers.watch import Clock, LeftToItselfError, Progress, run_watched

_WORDS = {
    pywraplp.Solver.OPTIMAL: (End.FINISHED, "optimal"),
    pywraplp.Solver.FEASIBLE: (End.STOPPED, "feasible, stopped by a limit"),
    pywraplp.Solver.NOT_SOLVED: (End.STOPPED, "stopped by a limit without a plan"),
    pywraplp.Solver.INFEASIBLE: (End.INFEASIBLE, "infeasible"),
    pywraplp.Solver.UNBOUNDED: (End.NO_OPTIMUM, "unbounded"),
    pywraplp.Solver.ABNORMAL: (End.FAILED, "abnormal"),
    pywraplp.Solver.MODEL_INVALID: (End.FAILED, "model invalid"),
}
_INFINITE = 1e20


def solve(
    model: CompiledModel, options: SolverOptions, clock: Clock, start: np.ndarray | None
) -> RawAnswer:
    """Return SCIP's answer to ``model``; ``start`` is a plan that is known to hold, or None."""
    solver = pywraplp.Solver.CreateSolver("SCIP")
    if solver is None:
        raise SolverUnsuitableError("the installed OR-Tools has no SCIP; choose another solver")
    refusal = solver.LoadModelFromProto(_as_proto(model))
    if refusal:
        return RawAnswer(End.FAILED, f"OR-Tools refused the model: {refusal}", _name(solver))
    notes: tuple[str, ...] = ("SCIP runs on one thread here",) if options.threads > 1 else ()
    notes += () if model.integer.any() else ("SCIP gives no duals",)
    seed = abs(options.seed) % 2**31
    words = f"randomization/randomseedshift = {seed}\nlimits/absgap = 0\n"
    if math.isfinite(options.memory_limit_mb):
        words += f"limits/memory = {max(1.0, options.memory_limit_mb):.1f}\n"
    if not solver.SetSolverSpecificParametersAsString(words):
        notes += ("SCIP refused seed, absolute gap and memory limit",)
    parameters = pywraplp.MPSolverParameters()
    parameters.SetDoubleParam(parameters.RELATIVE_MIP_GAP, max(0.0, options.gap))
    if math.isfinite(clock.limit_s):
        solver.SetTimeLimit(max(1, int(clock.left_s * 1000)))
    if start is not None:
        solver.SetHint(solver.variables(), start.tolist())
    progress = Progress()
    was_stopped = threading.Event()

    def stop() -> None:
        was_stopped.set()
        solver.InterruptSolve()

    try:
        ended = run_watched(lambda: solver.Solve(parameters), stop, options=options, clock=clock)
    except LeftToItselfError as error:
        return RawAnswer(End.STOPPED, error.said, "SCIP (OR-Tools)", notes=notes)
    if ended == pywraplp.Solver.ABNORMAL and was_stopped.is_set():
        ended = pywraplp.Solver.NOT_SOLVED  # what OR-Tools calls an interrupt without a plan
    raw = _answer(model, solver, ended, notes)
    if raw.x is not None:
        progress.incumbent = float(solver.Objective().Value())
        progress.bound = raw.bound if math.isfinite(raw.bound) else None
        progress.report(options.on_progress)
    return raw


def _answer(
    model: CompiledModel, solver: pywraplp.Solver, ended: int, notes: tuple[str, ...]
) -> RawAnswer:
    end, said = _WORDS.get(ended, (End.FAILED, f"status {ended}"))
    if end is End.INFEASIBLE and not is_bounded(model):
        # OR-Tools says "infeasible" for SCIP's "infeasible or unbounded" too.
        end, said = End.NO_OPTIMUM, "infeasible or unbounded"
    x, bound = None, -math.inf
    if ended in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        x = np.array([variable.solution_value() for variable in solver.variables()])
    if end in (End.FINISHED, End.STOPPED):
        bound = float(solver.Objective().BestBound())
        bound = bound if abs(bound) < _INFINITE else -math.inf
    return RawAnswer(end, said, _name(solver), x, bound, nodes=int(solver.nodes()), notes=notes)


def _name(solver: pywraplp.Solver) -> str:
    return f"{solver.SolverVersion().partition(' [')[0]} (OR-Tools)"


def _as_proto(model: CompiledModel) -> linear_solver_pb2.MPModelProto:
    proto = linear_solver_pb2.MPModelProto()
    proto.objective_offset = model.offset
    columns = zip(model.cost, model.lb, model.ub, model.integer, strict=True)
    for j, (cost, low, high, is_integer) in enumerate(columns):
        proto.variable.add(
            name=f"x{j}",
            objective_coefficient=cost,
            lower_bound=low,
            upper_bound=high,
            is_integer=bool(is_integer),
        )
    matrix = model.matrix.tocsr()  # type: ignore[attr-defined]
    indices, values = matrix.indices.tolist(), matrix.data.tolist()
    for i, (low, high) in enumerate(zip(model.row_low, model.row_high, strict=True)):
        first, last = matrix.indptr[i], matrix.indptr[i + 1]
        proto.constraint.add(
            name=f"r{i}",
            lower_bound=low,
            upper_bound=high,
            var_index=indices[first:last],
            coefficient=values[first:last],
        )
    return proto
