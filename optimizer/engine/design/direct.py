"""The strong model whole, handed to HiGHS: best for small instances, and the peer to beat."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.engine.design.board import Board
from optimizer.engine.design.certificate import Prices
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.silent import SilentHighs


@dataclass(frozen=True)
class DirectModel:
    """The model with the numbers of its blocks: flow columns are ``k * arcs + arc``, then y."""

    lp: highspy.HighsLp
    n_flow: int
    first_capacity: int  # row
    first_strong: int  # row


def strong_model(problem: DesignProblem) -> DirectModel:
    """Return the disaggregated formulation with all rows ``x_k <= min(d_k, u) y``."""
    n, m, k = problem.n_nodes, problem.n_arcs, problem.n_commodities
    n_flow = m * k
    column = np.arange(n_flow)
    commodity, arc = column // m, column % m
    room = np.minimum(problem.capacity[arc], problem.demand[commodity])
    net = np.zeros((k, n))
    net[np.arange(k), problem.origin] += problem.demand
    net[np.arange(k), problem.destination] -= problem.demand
    first_capacity, first_strong = k * n, k * n + m
    # a flow column meets two balances, its arc's capacity and its strong row
    index = np.stack(
        [
            commodity * n + problem.tail[arc],
            commodity * n + problem.head[arc],
            first_capacity + arc,
            first_strong + column,
        ],
        axis=1,
    )
    open_index = [
        np.concatenate([[first_capacity + a], first_strong + a + m * np.arange(k)])
        for a in range(m)
    ]
    open_value = [np.concatenate([[-problem.capacity[a]], -room[a::m]]) for a in range(m)]
    lp = highspy.HighsLp()
    lp.num_col_ = n_flow + m
    lp.num_row_ = first_strong + n_flow
    lp.col_cost_ = np.concatenate([np.tile(problem.unit_cost, k), problem.fixed_cost])
    lp.col_lower_ = np.zeros(n_flow + m)
    lp.col_upper_ = np.concatenate([room, np.ones(m)])
    lp.row_lower_ = np.concatenate([net.ravel(), np.full(m + n_flow, -np.inf)])
    lp.row_upper_ = np.concatenate([net.ravel(), np.zeros(m + n_flow)])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate(
        [4 * np.arange(n_flow), 4 * n_flow + (k + 1) * np.arange(m + 1)]
    ).astype(np.int32)
    lp.a_matrix_.index_ = np.concatenate([index.ravel(), *open_index]).astype(np.int32)
    lp.a_matrix_.value_ = np.concatenate([np.tile([1.0, -1.0, 1.0, 1.0], n_flow), *open_value])
    return DirectModel(lp, n_flow, first_capacity, first_strong)


def _quiet(seed: int) -> highspy.Highs:
    """Return a silent solver. Its thread count is left alone: HiGHS has one scheduler a process."""
    highs = SilentHighs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("random_seed", seed % 2147483647)
    return highs


def solve_direct(problem: DesignProblem, board: Board, *, seed: int) -> str:
    """Run HiGHS on the strong model against the board; return its own words for the status."""
    model = strong_model(problem)
    highs = _quiet(seed)
    highs.setOptionValue("time_limit", max(0.01, board.left()))
    highs.setOptionValue("mip_rel_gap", board.gap)
    highs.passModel(model.lp)
    m = problem.n_arcs
    whole = np.arange(model.n_flow, model.n_flow + m, dtype=np.int32)
    highs.changeColsIntegrality(m, whole, np.full(m, highspy.HighsVarType.kInteger))
    seen = {"version": 0}
    if board.best is not None:
        seen["version"] = board.version
        x = _vector(board)
        highs.setSolution(x.size, np.arange(x.size, dtype=np.int32), x)
    lock = threading.Lock()

    def on_interrupt(event: highspy.highs.HighsCallbackEvent) -> None:
        bound = event.data_out.mip_dual_bound
        if np.isfinite(bound) and bound < 1e30:
            board.raise_bound(min(bound, board.cost))
        event.interrupt(board.stop())

    def on_better(event: highspy.highs.HighsCallbackEvent) -> None:
        with lock:
            board.offer(_flow(problem, model, np.asarray(event.data_out.mip_solution)))
            seen["version"] = board.version

    def on_ask(event: highspy.highs.HighsCallbackEvent) -> None:
        news = board.version > seen["version"] and board.best is not None
        if news and event.data_in is not None:
            seen["version"] = board.version
            event.data_in.setSolution(_vector(board))

    highs.cbMipInterrupt.subscribe(on_interrupt)
    highs.cbMipImprovingSolution.subscribe(on_better)
    highs.cbMipUserSolution.subscribe(on_ask)
    highs.run()
    info = highs.getInfo()
    status = highs.getModelStatus()
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        board.offer(_flow(problem, model, np.asarray(highs.getSolution().col_value)))
    if status == highspy.HighsModelStatus.kOptimal or np.isfinite(info.mip_dual_bound):
        board.raise_bound(min(float(info.mip_dual_bound), board.cost))
    board.nodes += max(0, int(info.mip_node_count))
    return highs.modelStatusToString(status)


def _vector(board: Board) -> np.ndarray:
    plan = board.best
    assert plan is not None
    return np.concatenate([plan.flow.T.ravel(), plan.is_open.astype(float)])


def _flow(problem: DesignProblem, model: DirectModel, x: np.ndarray) -> np.ndarray:
    """Return ``[arc, commodity]`` flow of a MIP vector; closed arcs carry none."""
    flow = np.maximum(0.0, x[: model.n_flow].reshape(problem.n_commodities, problem.n_arcs).T)
    return np.where(x[model.n_flow :, None] > 0.5, flow, 0.0)


def strong_lp_prices(problem: DesignProblem, seed: int) -> Prices | None:
    """Return the dual prices of the strong LP, solved whole; None if the solver fails."""
    model = strong_model(problem)
    highs = _quiet(seed)
    highs.passModel(model.lp)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    dual = np.maximum(0.0, -np.asarray(highs.getSolution().row_dual))
    m, k = problem.n_arcs, problem.n_commodities
    arc = dual[model.first_capacity : model.first_strong].astype(np.float32)
    # per unit of flow in this model, per share of the demand in a certificate
    pair = dual[model.first_strong :].reshape(k, m) * problem.demand[:, None]
    commodity, of_arc = np.nonzero(pair > 1e-12)
    return Prices(
        arc,
        of_arc.astype(np.int32),
        commodity.astype(np.int32),
        pair[commodity, of_arc].astype(np.float32),
    )
