"""HiGHS through highspy: one solve of a model, and a linear program that grows (`IncrementalLP`).

Every call that may start the solver runs in a fresh thread: HiGHS ties its number of threads to the
thread that first ran it, and a later run there with another number silently does nothing.

Signs: for a minimisation ``reduced_costs = cost - matrix.T @ duals``; the dual of a row that is
tight at its low side is >= 0, at its high side <= 0.
"""

from __future__ import annotations

import importlib.metadata
import math
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import highspy
import numpy as np
import scipy.sparse as sp

from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers.base import SolverOptions
from optimizer.solvers.raw import End, RawAnswer
from optimizer.solvers.watch import Clock, LeftToItselfError, Progress, run_watched

Answer = TypeVar("Answer")

_MS = highspy.HighsModelStatus
_CB = highspy.cb.HighsCallbackType
_FEASIBLE = 2  # HiGHS: primal_solution_status of a feasible point
_STOPPED = (
    _MS.kTimeLimit,
    _MS.kInterrupt,
    _MS.kIterationLimit,
    _MS.kSolutionLimit,
    _MS.kObjectiveBound,
    _MS.kObjectiveTarget,
)
_STANDS = {int(s): s for s in highspy.HighsBasisStatus.__members__.values()}
AT_LOW, BASIC = int(highspy.HighsBasisStatus.kLower), int(highspy.HighsBasisStatus.kBasic)
_WITHOUT_HEURISTICS: dict[str, Any] = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_root_reduced_cost": False,
}
_NO_ENTRIES = np.zeros(0, dtype=np.int32)
_IIS_FROM_LP_IRREDUCIBLE = 2 + 4


def solve(
    model: CompiledModel, options: SolverOptions, clock: Clock, start: np.ndarray | None
) -> RawAnswer:
    """Return HiGHS's answer to ``model``; ``start`` is a plan that is known to hold, or None."""
    is_mip = bool(model.integer.any())
    solver = _quiet()
    _set(solver, threads=max(1, options.threads), random_seed=abs(options.seed) % 2**31)
    if is_mip:
        _set(solver, mip_rel_gap=max(0.0, options.gap), mip_abs_gap=0.0)
        if not options.heuristics:
            _set(solver, **_WITHOUT_HEURISTICS)
    _must(solver.passModel(_as_lp(model)), "passModel")
    if start is not None and is_mip:
        columns = np.arange(len(start), dtype=np.int32)
        _must(solver.setSolution(len(start), columns, start), "setSolution")
    stopping, progress = threading.Event(), Progress()
    best: list[np.ndarray] = []
    _listen(solver, stopping, progress, best if is_mip else None, options.on_solution)
    _set_time_limit(solver, clock.left_s)
    try:
        run_watched(solver.run, stopping.set, options=options, clock=clock, progress=progress)
    except LeftToItselfError as error:
        x, bound = best[0] if best else None, progress.bound
        bound = -math.inf if bound is None else bound
        return RawAnswer(End.STOPPED, error.said, version(), x, bound)
    return _answer(solver, model, is_mip, best)


def version() -> str:
    """Return name and version of the solver."""
    return f"HiGHS {importlib.metadata.version('highspy')}"


def _answer(solver: Any, model: CompiledModel, is_mip: bool, best: list[np.ndarray]) -> RawAnswer:
    status, info, solution = solver.getModelStatus(), solver.getInfo(), solver.getSolution()
    said = solver.modelStatusToString(status)
    if status == _MS.kOptimal:
        end = End.FINISHED
    elif status in _STOPPED:
        end = End.STOPPED
    elif status == _MS.kInfeasible:
        return RawAnswer(End.INFEASIBLE, said, version())
    elif status in (_MS.kUnbounded, _MS.kUnboundedOrInfeasible):
        return RawAnswer(End.NO_OPTIMUM, said, version())
    else:
        return RawAnswer(End.FAILED, said, version())
    x = None
    if solution.value_valid and info.primal_solution_status == _FEASIBLE:
        x = np.array(solution.col_value, dtype=float)
    elif best:
        x = best[0]
    if is_mip:
        bound = float(info.mip_dual_bound)
        return RawAnswer(
            end, said, version(), x, bound if bound < np.inf else -np.inf, nodes=info.mip_node_count
        )
    finished = end is End.FINISHED
    duals = np.array(solution.row_dual, dtype=float) if finished and solution.dual_valid else None
    reduced = np.array(solution.col_dual, dtype=float) if duals is not None else None
    bound = float(info.objective_function_value) if finished else -math.inf
    return RawAnswer(end, said, version(), x, bound, duals, reduced)


def _listen(
    solver: Any,
    stopping: threading.Event,
    progress: Progress,
    best: list[np.ndarray] | None,
    on_solution: Callable[[np.ndarray], None] | None = None,
) -> None:
    """Have HiGHS look at ``stopping`` and keep ``progress`` and ``best`` up to date."""

    def heard(kind: int, _message: str, out: Any, into: Any, _data: Any) -> None:
        if best is not None:
            if kind == int(_CB.kCallbackMipImprovingSolution):
                best[:] = [np.array(out.mip_solution, dtype=float)]
                progress.incumbent = float(out.objective_function_value)
                if on_solution is not None:
                    on_solution(best[0])
            elif kind == int(_CB.kCallbackMipInterrupt):
                if math.isfinite(out.mip_primal_bound):
                    progress.incumbent = float(out.mip_primal_bound)
                if math.isfinite(out.mip_dual_bound):
                    progress.bound = float(out.mip_dual_bound)
        if into is not None:
            into.user_interrupt = stopping.is_set()  # HiGHS keeps the flag from run to run

    _must(solver.setCallback(heard, None), "setCallback")
    for kind in (_CB.kCallbackSimplexInterrupt, _CB.kCallbackIpmInterrupt):
        _must(solver.startCallback(kind), "startCallback")
    if best is not None:
        for kind in (_CB.kCallbackMipInterrupt, _CB.kCallbackMipImprovingSolution):
            _must(solver.startCallback(kind), "startCallback")


def _as_lp(model: CompiledModel) -> highspy.HighsLp:
    matrix = sp.csr_matrix(model.matrix)
    n_rows, n_cols = matrix.shape
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n_cols, n_rows
    lp.col_cost_, lp.offset_ = model.cost, model.offset
    lp.col_lower_, lp.col_upper_ = model.lb, model.ub
    lp.row_lower_, lp.row_upper_ = model.row_low, model.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = n_cols, n_rows
    lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = matrix.data
    if model.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(i)] for i in model.integer]
    return lp


class _Silent(highspy.Highs):
    """HiGHS without output; its constructor would print a banner on installing callbacks."""

    def enableCallbacks(self) -> None:
        """Silence the solver instead: `_listen` installs the callbacks that are needed."""
        self.setOptionValue("output_flag", False)


def _quiet() -> Any:  # the stubs of highspy lack some of its methods
    solver = _Silent()
    # HiGHS drops smaller coefficients without a word; the default would be 1e-9.
    _set(solver, small_matrix_value=1e-12)
    return solver


def _set(solver: highspy.Highs, **values: Any) -> None:
    for name, value in values.items():
        _must(solver.setOptionValue(name, value), f"option {name} = {value}")


def _set_time_limit(solver: highspy.Highs, seconds: float) -> None:
    """Limit the next run; HiGHS's clock runs on from run to run."""
    limit = solver.getRunTime() + seconds if math.isfinite(seconds) else highspy.kHighsInf
    _set(solver, time_limit=limit)


def _must(status: highspy.HighsStatus, what: str) -> None:
    if status == highspy.HighsStatus.kError:
        raise ValueError(f"HiGHS refused {what}")


def _indices(numbers: Any) -> np.ndarray:
    return np.ascontiguousarray(numbers, dtype=np.int32)


def _numbers(values: Any, size: int, name: str) -> np.ndarray:
    """Return ``values`` as ``size`` floats without NaN; one number stands for all."""
    array = np.array(np.broadcast_to(np.asarray(values, dtype=float), (size,)))
    if np.isnan(array).any():
        at = int(np.argmax(np.isnan(array)))
        raise ValueError(f"{name}: value {at} of {size} is not a number")
    return array


class IncrementalLP:
    """A linear program, minimised, that keeps its basis while columns and rows come and go.

    Everything goes in by arrays. Deleting rows or columns renumbers the later ones. What is read
    after `solve` (``x``, ``duals``, ...) belongs to that solve; reading it after a change or after
    a solve without a plan is an error, so that no stale number is used.

    Examples
    --------
    >>> lp = IncrementalLP()
    >>> cols = lp.add_cols(cost=[2.0, 3.0], lb=0.0, ub=np.inf)
    >>> rows = lp.add_rows(low=4.0, high=np.inf, matrix=np.array([[1.0, 2.0]]))
    >>> lp.solve().value, lp.objective, lp.duals.tolist()
    ('optimal', 6.0, [1.5])
    """

    def __init__(
        self, model: CompiledModel | None = None, *, threads: int = 1, seed: int = 0
    ) -> None:
        self._solver = _quiet()
        # Strategy 0 takes the primal simplex after columns came and the dual after rows came.
        _set(
            self._solver, threads=max(1, threads), random_seed=abs(seed) % 2**31, simplex_strategy=0
        )
        self._stopping = threading.Event()
        _listen(self._solver, self._stopping, Progress(), None)
        self.status: Status | None = None
        self.said = ""
        self.solves = 0
        self.seconds = 0.0
        if model is not None:
            self.add_cols(model.cost, model.lb, model.ub)
            self.add_rows(model.row_low, model.row_high, model.matrix)
            _must(self._solver.changeObjectiveOffset(model.offset), "offset")

    @property
    def n_cols(self) -> int:
        """Number of columns."""
        return self._solver.getNumCol()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self._solver.getNumRow()

    def add_cols(
        self, cost: Any, lb: Any = 0.0, ub: Any = np.inf, matrix: Any = None
    ) -> np.ndarray:
        """Return the new columns' numbers; ``matrix`` (rows x new columns): sparse or dense."""
        first = self.n_cols
        if matrix is None:
            k = np.size(cost)
            starts, rows, values = np.zeros(k, dtype=np.int32), _NO_ENTRIES, np.zeros(0)
        else:
            block = _block(matrix, sp.csc_matrix)
            k = block.shape[1]
            if block.shape[0] != self.n_rows:
                raise ValueError(f"columns over {block.shape[0]} rows; there are {self.n_rows}")
            starts, rows, values = _indices(block.indptr[:-1]), _indices(block.indices), block.data
        numbers = [_numbers(v, k, n) for v, n in ((cost, "cost"), (lb, "lb"), (ub, "ub"))]
        if k:
            self._change(
                self._solver.addCols(k, *numbers, len(values), starts, rows, values), "addCols"
            )
        return np.arange(first, first + k)

    def add_rows(self, low: Any, high: Any, matrix: Any) -> np.ndarray:
        """Return the new rows' numbers; ``matrix`` (new rows x columns): sparse or dense."""
        first = self.n_rows
        block = _block(matrix, sp.csr_matrix)
        k = block.shape[0]
        if block.shape[1] != self.n_cols:
            raise ValueError(f"rows over {block.shape[1]} columns; there are {self.n_cols}")
        sides = (_numbers(low, k, "low"), _numbers(high, k, "high"))
        entries = (_indices(block.indptr[:-1]), _indices(block.indices), block.data)
        if k:
            self._change(self._solver.addRows(k, *sides, block.nnz, *entries), "addRows")
        return np.arange(first, first + k)

    def change_bounds(self, cols: Any, lb: Any, ub: Any) -> None:
        """Give columns new bounds."""
        at = _indices(cols)
        bounds = (_numbers(lb, at.size, "lb"), _numbers(ub, at.size, "ub"))
        self._change(self._solver.changeColsBounds(at.size, at, *bounds), "changeColsBounds")

    def change_costs(self, cols: Any, cost: Any) -> None:
        """Give columns new costs."""
        at = _indices(cols)
        self._change(
            self._solver.changeColsCost(at.size, at, _numbers(cost, at.size, "cost")),
            "changeColsCost",
        )

    def change_row_bounds(self, rows: Any, low: Any, high: Any) -> None:
        """Give rows new sides."""
        at = _indices(rows)
        sides = (_numbers(low, at.size, "low"), _numbers(high, at.size, "high"))
        self._change(self._solver.changeRowsBounds(at.size, at, *sides), "changeRowsBounds")

    def delete_rows(self, rows: Any) -> None:
        """Delete rows; the later ones move up."""
        at = _indices(np.unique(rows))
        if at.size:
            self._change(self._solver.deleteRows(at.size, at), "deleteRows")

    def delete_cols(self, cols: Any) -> None:
        """Delete columns; the later ones move up."""
        at = _indices(np.unique(cols))
        if at.size:
            self._change(self._solver.deleteCols(at.size, at), "deleteCols")

    @property
    def basis(self) -> tuple[np.ndarray, np.ndarray]:
        """Where columns and rows stand after the last solve, as numbers for `start_from`."""
        basis = self._solver.getBasis()
        return tuple(  # type: ignore[return-value]
            np.array([int(s) for s in side], dtype=np.int8)
            for side in (basis.col_status, basis.row_status)
        )

    def start_from(self, columns: Any, rows: Any) -> None:
        """Begin the next solve where columns and rows stood in another program, as far as it fits.

        Numbers as in `basis`; what makes no basis of this program is put right by HiGHS.
        """
        basis = highspy.HighsBasis()
        basis.col_status = [_STANDS[int(s)] for s in columns]
        basis.row_status = [_STANDS[int(s)] for s in rows]
        basis.alien = True
        self._change(self._solver.setBasis(basis), "setBasis")

    def forget_basis(self) -> None:
        """Begin the next solve afresh, with presolve: quicker where much has been added."""
        self._change(self._solver.clearSolver(), "clearSolver")

    def solve(
        self, time_limit_s: float = math.inf, cancel: threading.Event | None = None
    ) -> Status:
        """Return how the solve ended, from the last basis on; FEASIBLE: stopped on the way."""
        clock = Clock(time_limit_s)
        self.status = self._once(clock, cancel)
        if self.status is Status.SOLVER_ERROR and clock.left_s > 0:
            self._solver.clearSolver()  # a warm start can lead into numerical trouble: once afresh
            self.status = self._once(clock, cancel)
        self.solves += 1
        self.seconds += clock.seconds
        return self.status

    def _once(self, clock: Clock, cancel: threading.Event | None) -> Status:
        self._stopping.clear()
        _set_time_limit(self._solver, clock.left_s)
        self._run(self._solver.run, clock, cancel)
        status = self._solver.getModelStatus()
        self.said = self._solver.modelStatusToString(status)
        if status == _MS.kModelEmpty:
            return Status.OPTIMAL
        if status == _MS.kUnboundedOrInfeasible:
            return self._tell_apart(clock, cancel)
        if status in _STOPPED:
            feasible = self._solver.getInfo().primal_solution_status == _FEASIBLE
            return Status.FEASIBLE if feasible else Status.NO_PLAN_IN_TIME
        return {
            _MS.kOptimal: Status.OPTIMAL,
            _MS.kInfeasible: Status.INFEASIBLE,
            _MS.kUnbounded: Status.UNBOUNDED,
        }.get(status, Status.SOLVER_ERROR)

    def _tell_apart(self, clock: Clock, cancel: threading.Event | None) -> Status:
        """Without presolve HiGHS says which of infeasible and unbounded it is."""
        _set(self._solver, presolve="off")
        try:
            _set_time_limit(self._solver, clock.left_s)
            self._run(self._solver.run, clock, cancel)
        finally:
            _set(self._solver, presolve="choose")
        status = self._solver.getModelStatus()
        self.said = self._solver.modelStatusToString(status)
        if status in _STOPPED:
            return Status.NO_PLAN_IN_TIME
        return {_MS.kInfeasible: Status.INFEASIBLE, _MS.kUnbounded: Status.UNBOUNDED}.get(
            status, Status.SOLVER_ERROR
        )

    @property
    def objective(self) -> float:
        """Objective of the last solve, offset included."""
        self._plan()
        return float(self._solver.getInfo().objective_function_value)

    @property
    def x(self) -> np.ndarray:
        """Column values of the last solve."""
        self._plan()
        return np.array(self._solver.getSolution().col_value, dtype=float)

    @property
    def activity(self) -> np.ndarray:
        """Row values of the last solve."""
        self._plan()
        return np.array(self._solver.getSolution().row_value, dtype=float)

    @property
    def duals(self) -> np.ndarray:
        """Row duals; >= 0 where the low side is tight, <= 0 where the high side is."""
        self._plan(Status.OPTIMAL)
        return np.array(self._solver.getSolution().row_dual, dtype=float)

    @property
    def reduced_costs(self) -> np.ndarray:
        """``cost - matrix.T @ duals``."""
        self._plan(Status.OPTIMAL)
        return np.array(self._solver.getSolution().col_dual, dtype=float)

    @property
    def iterations(self) -> int:
        """Simplex iterations of the last run."""
        return int(self._solver.getInfo().simplex_iteration_count)

    def infeasibility_ray(self) -> np.ndarray | None:
        """Return row multipliers that prove infeasibility (Farkas), or None when HiGHS has none.

        With ``y`` the ray, no ``x`` within its bounds gives ``(y @ matrix) @ x`` as much as
        ``sum(y * low where y > 0) + sum(y * high where y < 0)``.
        """
        self._plan(Status.INFEASIBLE)
        _status, exists, ray = self._run(self._solver.getDualRay, Clock())
        return self._oriented(np.array(ray, dtype=float)) if exists else None

    def unbounded_ray(self) -> np.ndarray | None:
        """Return a direction of columns along which the objective falls without end, or None."""
        self._plan(Status.UNBOUNDED)
        _status, exists, ray = self._run(self._solver.getPrimalRay, Clock())
        return np.array(ray, dtype=float) if exists else None

    def infeasible_subset(self) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns (for their bounds) of an irreducible infeasible subset."""
        self._plan(Status.INFEASIBLE)
        _set(self._solver, iis_strategy=_IIS_FROM_LP_IRREDUCIBLE)
        _set_time_limit(self._solver, math.inf)
        _status, iis = self._run(self._solver.getIis, Clock())
        status, self.status = self.status, None  # the search for it leaves other values behind
        self.said += "" if iis.valid_ else f" ({status}: no irreducible subset found)"
        return np.array(iis.row_index_, dtype=int), np.array(iis.col_index_, dtype=int)

    def _oriented(self, ray: np.ndarray) -> np.ndarray:
        """Return the ray, turned round if HiGHS gave it with the other sign."""
        return ray if self._farkas_gap(ray) >= self._farkas_gap(-ray) else -ray

    def _farkas_gap(self, ray: np.ndarray) -> float:
        """Return by how much the ray proves infeasibility; -inf when it does not."""
        lp = self._solver.getLp()
        tiny = 1e-9 * max(1.0, float(np.abs(ray).max(initial=0.0)))
        low, high = np.array(lp.row_lower_), np.array(lp.row_upper_)
        up, down = ray > tiny, ray < -tiny
        need = float(ray[up] @ low[up] + ray[down] @ high[down])
        form = np.array(lp.a_matrix_.format_ == highspy.MatrixFormat.kColwise)
        entries = (lp.a_matrix_.value_, lp.a_matrix_.index_, lp.a_matrix_.start_)
        shape = (len(low), len(lp.col_cost_))
        matrix = sp.csc_matrix(entries, shape) if form else sp.csr_matrix(entries, shape)
        slope = np.asarray(matrix.T @ ray).ravel()
        best = np.where(slope > 0, np.array(lp.col_upper_), np.array(lp.col_lower_))
        steep = np.abs(slope) > 1e-7 * max(1.0, float(np.abs(ray).max(initial=0.0)))
        return need - float(slope[steep] @ best[steep])

    def _run(
        self, work: Callable[[], Answer], clock: Clock, cancel: threading.Event | None = None
    ) -> Answer:
        options = SolverOptions(time_limit_s=clock.limit_s, cancel=cancel)
        return run_watched(work, self._stopping.set, options=options, clock=clock, may_leave=False)

    def _change(self, status: highspy.HighsStatus, what: str) -> None:
        _must(status, what)
        self.status = None

    def _plan(self, *wanted: Status) -> None:
        if self.status not in (wanted or (Status.OPTIMAL, Status.FEASIBLE)):
            raise RuntimeError(f"nothing to read: the last solve is {self.status or 'out of date'}")


def _block(matrix: Any, kind: Callable[[Any], Any]) -> Any:
    """Return ``matrix`` in the format ``kind`` without duplicates; NaN and inf are errors."""
    block = kind(matrix)
    if not block.has_canonical_format:
        block = block.copy()
        block.sum_duplicates()
    if not np.isfinite(block.data).all():
        raise ValueError("a coefficient is not a finite number")
    return block
