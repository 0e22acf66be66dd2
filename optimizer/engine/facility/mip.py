"""One run of HiGHS as a mixed-integer solver: start in, progress out, cancel at any time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import highspy
import numpy as np

_STOPPED = (
    highspy.HighsModelStatus.kTimeLimit,
    highspy.HighsModelStatus.kInterrupt,
    highspy.HighsModelStatus.kSolutionLimit,
    highspy.HighsModelStatus.kIterationLimit,
)


class _Silent(highspy.Highs):
    """HiGHS that is silent from the start: its constructor would print a banner."""

    def enableCallbacks(self) -> None:
        """Silence the solver before anything can be logged."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


def quiet_highs(seed: int = 0) -> highspy.Highs:
    """Return a silent HiGHS with our defaults."""
    solver = _Silent()
    solver.setOptionValue("random_seed", seed)
    return solver


@dataclass
class MipRun:
    """What a run left: a valid bound of the model it was given, and its solutions."""

    status: str  # "optimal", "stopped", "infeasible" or "error"
    bound: float
    objective: float = math.inf
    x: np.ndarray | None = None
    nodes: int = 0
    said: str = ""
    improving: list[np.ndarray] = field(default_factory=list)


def run_mip(
    lp: highspy.HighsLp,
    *,
    gap: float,
    deadline: float,
    seed: int = 0,
    start: np.ndarray | None = None,
    stop: Callable[[], bool] | None = None,
    on_bound: Callable[[float], None] | None = None,
    on_solution: Callable[[np.ndarray, float], None] | None = None,
    heuristic_effort: float | None = None,
    options: dict[str, bool | float | str] | None = None,
    most_checks: int | None = None,
) -> MipRun:
    """Return what HiGHS finds until ``deadline`` (a `time.perf_counter` value).

    HiGHS checks its limits after every stage and node; ``most_checks`` of them stop it too, which
    repeats where time does not.
    """
    remaining = deadline - time.perf_counter()
    if remaining <= 0.05:
        return MipRun("stopped", -math.inf, said="no time left")
    solver = quiet_highs(seed)
    solver.setOptionValue("mip_rel_gap", gap)
    solver.setOptionValue("mip_abs_gap", 1e-9)
    if math.isfinite(remaining):
        solver.setOptionValue("time_limit", remaining)
    if heuristic_effort is not None:
        solver.setOptionValue("mip_heuristic_effort", heuristic_effort)
    for key, value in (options or {}).items():
        solver.setOptionValue(key, value)
    solver.passModel(lp)
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = start.tolist()
        solution.value_valid = True
        solver.setSolution(solution)
    kinds = highspy.cb.HighsCallbackType
    checks = [0]

    def callback(kind, message, out, inward, user):
        if kind == kinds.kCallbackMipInterrupt:
            if on_bound is not None:
                on_bound(out.mip_dual_bound)
            late = time.perf_counter() > deadline
            checks[0] += 1
            late |= most_checks is not None and checks[0] > most_checks
            if late or (stop is not None and stop()):
                inward.user_interrupt = True
        elif kind == kinds.kCallbackMipImprovingSolution and on_solution is not None:
            on_solution(np.array(out.mip_solution), out.objective_function_value)

    solver.setCallback(callback, None)
    solver.startCallback(kinds.kCallbackMipInterrupt)
    solver.startCallback(kinds.kCallbackMipImprovingSolution)
    solver.run()
    status = solver.getModelStatus()
    info = solver.getInfo()
    said = solver.modelStatusToString(status)
    nodes = max(0, int(info.mip_node_count))
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return MipRun("infeasible", math.inf, nodes=nodes, said=said)
    if status != highspy.HighsModelStatus.kOptimal and status not in _STOPPED:
        return MipRun("error", -math.inf, nodes=nodes, said=said)
    x, objective = None, math.inf
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        x = np.array(solver.getSolution().col_value)
        objective = info.objective_function_value
    bound = info.mip_dual_bound
    if math.isnan(bound) or abs(bound) >= 1e30:
        bound = -math.inf
    done = status == highspy.HighsModelStatus.kOptimal
    return MipRun("optimal" if done else "stopped", bound, objective, x, nodes, said)


def columnwise_lp(
    cost: np.ndarray,
    upper: np.ndarray,
    matrix,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    integer: np.ndarray | None = None,
) -> highspy.HighsLp:
    """Return the model min cost x, row_lower <= matrix x <= row_upper, 0 <= x <= upper."""
    matrix = matrix.tocsc()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(cost)), upper
    lp.row_lower_, lp.row_upper_ = row_lower, row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = matrix.indptr
    lp.a_matrix_.index_ = matrix.indices
    lp.a_matrix_.value_ = matrix.data
    if integer is not None:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(k)] for k in integer]
    return lp
