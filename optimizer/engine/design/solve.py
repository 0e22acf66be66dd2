"""Solve a design problem: the method is chosen by size, the answer carries its proof.

Small instances go to HiGHS on the strong formulation. Larger ones get the volume bound, then two
threads: one searches for plans (annealing, exact neighbourhoods), one proves (strong LP by paths,
branch and price). In between, HiGHS proves while the search feeds it plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.design.board import Board, plan_of
from optimizer.engine.design.certificate import (
    Certificate,
    evaluate_certificate,
    infeasibility_certificate,
    root_certificate,
    without_idle,
)
from optimizer.engine.design.direct import solve_direct, strong_lp_prices
from optimizer.engine.design.problem import DesignProblem, DesignResult, Phase, SparseFlow
from optimizer.engine.design.routing import cheapest_flow, lengths_of_infeasibility
from optimizer.plan.plan import Status

if TYPE_CHECKING:
    from optimizer.engine.design.improve import Improver
    from optimizer.engine.design.tree import BoundTree

SMALL = 500  # arcs x commodities up to which HiGHS alone is used
MIDDLE = 13000  # up to which HiGHS has one thread and our method the other
_TURN_S = 10.0  # our method beside HiGHS takes turns between tree and neighbourhoods
_HARDLY = 0.01  # of the gap: a turn in which the tree closes less leaves the thread to the search
_HEAD_START_S = 1.0  # what HiGHS solves in this time needs no help (and no compiled code)


def choose_method(problem: DesignProblem, threads: int) -> tuple[str, str]:
    """Return (method, why): ``direct``, ``fed`` or ``price``."""
    size = problem.n_arcs * problem.n_commodities
    said = f"{problem.n_arcs} arcs x {problem.n_commodities} commodities = {size}"
    if size <= SMALL:
        return "direct", f"{said} <= {SMALL}: HiGHS on the strong formulation"
    if size <= MIDDLE:
        if threads < 2:
            return "direct", f"{said} <= {MIDDLE}, one thread: HiGHS on the strong formulation"
        return "fed", f"{said} <= {MIDDLE}: HiGHS on the strong formulation beside our own tree"
    return "price", f"{said} > {MIDDLE}: annealing and neighbourhoods; branch and price"


def solve_design(
    problem: DesignProblem,
    *,
    gap: float = 1e-4,
    time_limit_s: float = 300.0,
    threads: int = 2,
    seed: int = 0,
    start: np.ndarray | None = None,
    on_progress: Callable[[float | None, float | None], None] | None = None,
    cancel: threading.Event | None = None,
    method: str = "auto",
    on_incumbent: Callable[[float, np.ndarray], None] | None = None,
) -> DesignResult:
    """Return the best design found, a valid bound and its certificate.

    ``start`` is a boolean per arc; the answer is never worse than the cheapest flow through it.
    ``on_progress`` is called with (cost or None, bound or None) and may come from any thread.
    ``on_incumbent`` is called with the cost of each better plan and which arcs it opens.
    ``method`` overrides the choice by size. Infeasible is an answer (status and certificate).
    """
    whole = problem
    problem = without_idle(whole)
    seen = np.inf

    def tell(cost: float | None, bound: float | None) -> None:
        nonlocal seen
        best = board.best
        if on_incumbent is not None and best is not None and best.cost < seen:
            seen = best.cost
            on_incumbent(best.cost, best.is_open)
        if on_progress is not None:
            on_progress(cost, bound)

    board = Board(problem, gap=gap, time_limit_s=time_limit_s, on_progress=tell, cancel=cancel)
    chosen, why = choose_method(problem, threads)
    if method != "auto":
        chosen, why = method, f"method {method!r} was asked for"
    if problem.n_commodities == 0:
        return _nothing_to_do(whole, board)
    first = _all_open(problem)
    if first is None:
        lengths = lengths_of_infeasibility(problem)
        if lengths is None:
            raise RuntimeError("no flow was found for the demand, nor a proof that there is none")
        return _infeasible(whole, board, lengths, why)
    board.offer(first, polish=False)
    board.note_phase("first plan")
    if start is not None:
        flow = cheapest_flow(problem, np.asarray(start, dtype=bool))
        if flow is not None:
            board.offer(flow, polish=False)
    if chosen == "direct":
        proof = _direct(problem, board, seed)
    elif chosen == "fed":
        proof = _fed(problem, board, seed)
    elif chosen == "price":
        proof = _price(problem, board, threads, seed)
    else:
        raise ValueError(f"method must be auto, direct, fed or price, is {method!r}")
    board.note_phase("end")
    return _result(whole, board, proof, f"{chosen}: {why}")


def _all_open(problem: DesignProblem) -> np.ndarray | None:
    """Return the cheapest flow when fixed costs are spread over the capacity; None: no room."""
    weight = problem.unit_cost + problem.fixed_cost / np.maximum(problem.capacity, 1e-9)
    spread = replace(problem, unit_cost=weight)
    return cheapest_flow(spread, np.ones(problem.n_arcs, dtype=bool))


@dataclass(frozen=True)
class _Proof:
    """The certificate, the bound it proves, and who vouches for the rest."""

    certificate: Certificate | None
    bound: float
    words: str


_TREE_WORDS = "branch and price; the certificate holds the whole tree"


def _root_proof(problem: DesignProblem, seed: int, said: str) -> _Proof:
    """Return the strong LP's certificate for a bound that HiGHS vouches for."""
    prices = strong_lp_prices(problem, seed)
    words = f"HiGHS's word ({said}); the certificate holds the strong LP"
    if prices is None:
        return _Proof(None, -np.inf, f"HiGHS's word ({said}); no certificate, its LP failed")
    certificate = root_certificate(prices)
    return _Proof(certificate, evaluate_certificate(problem, certificate), words)


def _direct(problem: DesignProblem, board: Board, seed: int) -> _Proof:
    said = solve_direct(problem, board, seed=seed)
    board.note_phase("direct", said)
    return _root_proof(problem, seed, said)


def _fed(problem: DesignProblem, board: Board, seed: int) -> _Proof:
    """Run HiGHS on the strong model beside our own search and tree, whichever proves first."""
    tree_of: list[BoundTree] = []
    helper = _Worker(lambda: _help(problem, board, seed, tree_of))
    helper.start()
    said = solve_direct(problem, board, seed=seed)
    board.note_phase("direct", said)
    board.finish()
    helper.finish()
    if tree_of and tree_of[0].root_solved:
        tree, proved = tree_of[0], tree_of[0].global_bound()
        board.raise_bound(proved)
        if proved >= board.bound - 1e-7 * abs(board.bound):
            return _Proof(tree.certificate(), proved, _TREE_WORDS)
        words = f"HiGHS's word ({said}); the certificate holds a weaker tree"
        return _Proof(tree.certificate(), proved, words)
    return _root_proof(problem, seed, said)


def _help(problem: DesignProblem, board: Board, seed: int, tree_of: list[BoundTree]) -> None:
    """Anneal briefly, then work on our own tree and on neighbourhoods in turn."""
    waited = time.monotonic() + _HEAD_START_S
    while time.monotonic() < waited:
        if board.stop():
            return
        time.sleep(0.02)
    from optimizer.engine.design.improve import Improver
    from optimizer.engine.design.lagrangian import dual_start

    dual = dual_start(problem, stop=board.stop, on_bound=board.raise_bound)
    board.note_phase("volume")
    improver = Improver(problem, board, dual, seed)
    improver.anneal_starts(min(2.0, 0.02 * (board.deadline - board.began)))
    board.note_phase("annealing")
    _prove(problem, board, dual, tree_of, _for_a_turn(board))
    if not tree_of:
        return
    tree = tree_of[0]
    while not board.stop():
        if not tree.open_leaves:
            board.finish()
            return
        improver.neighbourhoods(_for_a_turn(board))
        # a tree that is far behind HiGHS's will not be the one that proves
        if board.bound - tree.global_bound() < 0.2 * (board.cost - board.bound):
            tree.run(_for_a_turn(board))


def _for_a_turn(board: Board) -> Callable[[], bool]:
    """Return a stop that comes after one turn, or when the board says so."""
    until = board.seconds + _TURN_S
    return lambda: board.stop() or board.seconds > until


def _price(problem: DesignProblem, board: Board, threads: int, seed: int) -> _Proof:
    """Run the search and branch and price, side by side or, on one thread, in turn."""
    from optimizer.engine.design.improve import Improver
    from optimizer.engine.design.lagrangian import dual_start, prices_of_potential

    dual = dual_start(problem, stop=board.stop, on_bound=board.raise_bound)
    board.note_phase("volume")
    improver = Improver(problem, board, dual, seed)
    tree_of: list[BoundTree] = []
    annealing = min(0.05 * (board.deadline - board.began), 15.0)
    if threads >= 2:
        search = _Worker(lambda: improver.run(annealing))
        search.start()
        _prove(problem, board, dual, tree_of, lambda: True)
        if tree_of:
            _prove_or_search(board, tree_of[0], Improver(problem, board, dual, seed + 7919))
        search.finish()
    else:
        turn = board.began + 0.5 * (board.deadline - board.began)
        _prove(problem, board, dual, tree_of, lambda: True)
        halted = board.deadline
        board.deadline = turn
        improver.run(annealing)
        board.deadline = halted
        if tree_of:
            tree_of[0].run(board.stop)
    if not tree_of:
        certificate = root_certificate(prices_of_potential(problem, dual.potential))
        proved = evaluate_certificate(problem, certificate)
        board.raise_bound(proved)
        words = "the volume algorithm's prices; there was no time for the strong LP"
        return _Proof(certificate, proved, words)
    tree = tree_of[0]
    board.nodes += tree.nodes
    board.raise_bound(tree.global_bound())
    return _Proof(tree.certificate(), tree.global_bound(), _TREE_WORDS)


def _prove_or_search(board: Board, tree: BoundTree, improver: Improver) -> None:
    """Work on the tree; once its bound has hardly risen for two turns, search every other turn."""
    idle = 0
    while tree.open_leaves and not board.stop():
        before = tree.global_bound()
        tree.run(_for_a_turn(board))
        board.note_phase("tree", f"{tree.nodes} nodes")
        hardly = tree.global_bound() - before < _HARDLY * (board.cost - before)
        # best first, the bound rises in steps: one turn says little
        idle = idle + 1 if hardly else 0
        if tree.open_leaves and idle >= 2:
            improver.neighbourhoods(_for_a_turn(board))
    if not tree.open_leaves:
        board.finish()


def _prove(
    problem: DesignProblem,
    board: Board,
    dual: object,
    tree_of: list[BoundTree],
    stop: Callable[[], bool],
) -> None:
    """Solve the strong LP, then run the tree; the tree is left in ``tree_of``."""
    from optimizer.engine.design.lagrangian import DualStart
    from optimizer.engine.design.master import PathMaster, flow_to_paths
    from optimizer.engine.design.tree import BoundTree

    assert isinstance(dual, DualStart)
    if board.stop():
        return
    master = PathMaster(problem, board.left)
    paths = flow_to_paths(problem, dual.mean_flow, 0.02, 4)
    master.add_paths((k, path) for k, path, _ in paths)
    likely = dual.mean_flow / problem.demand >= 0.7 * dual.mean_open[:, None] * master.most
    master.add_strong_rows(np.argwhere(likely & (dual.mean_open[:, None] > 0.005)))
    root = master.converge(stop=board.stop)
    if root.prices is None or root.worth is None:
        return
    board.raise_bound(root.bound)
    board.root_open = master.opened.copy()
    board.keep_paths(zip(master.path_commodity, master.paths, strict=True))
    board.note_phase("strong LP", f"{len(master.paths)} paths, {len(master.row_arc)} strong rows")
    tree = BoundTree(master, board, root)
    tree_of.append(tree)
    tree.run(stop)
    board.note_phase("tree", f"{tree.nodes} nodes")


class _Worker(threading.Thread):
    """A thread whose exception is raised where it is joined."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the end; raise what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error


def _nothing_to_do(whole: DesignProblem, board: Board) -> DesignResult:
    empty = np.array([], dtype=np.int32)
    nothing = SparseFlow(empty, empty.copy(), np.array([]))
    closed = np.zeros(whole.n_arcs, dtype=bool)
    return DesignResult(
        Status.OPTIMAL,
        0.0,
        0.0,
        closed,
        nothing,
        None,
        0.0,
        "costs are not negative",
        "no commodity needs a flow",
        0,
        board.seconds,
        (Phase("end", board.seconds, 0.0, 0.0),),
    )


def _infeasible(whole: DesignProblem, board: Board, lengths: np.ndarray, why: str) -> DesignResult:
    certificate = infeasibility_certificate(lengths)
    proved = evaluate_certificate(whole, certificate)
    proof = "arc lengths under which the demand needs more than all capacity"
    if not np.isinf(proved) or proved < 0:
        raise RuntimeError("the LP found no flow for the demand, but its prices do not prove that")
    return DesignResult(
        Status.INFEASIBLE,
        float("inf"),
        float("inf"),
        None,
        None,
        certificate,
        proved,
        proof,
        why,
        0,
        board.seconds,
        tuple(board.phases),
    )


def _result(whole: DesignProblem, board: Board, proof: _Proof, method: str) -> DesignResult:
    """Return the answer on the whole problem, its plan computed afresh from the flow."""
    problem = board.problem
    plan = board.best
    assert plan is not None
    plan = plan_of(problem, plan.flow)
    busy = np.flatnonzero((whole.demand > 0) & (whole.origin != whole.destination))
    arc, commodity = np.nonzero(plan.flow > 0)
    flow = SparseFlow(
        busy[commodity].astype(np.int32), arc.astype(np.int32), plan.flow[arc, commodity]
    )
    bound = min(board.bound, plan.cost)
    reached = bound >= plan.cost - board.gap * abs(plan.cost) - 1e-9
    return DesignResult(
        Status.OPTIMAL if reached else Status.FEASIBLE,
        plan.cost,
        bound,
        plan.is_open,
        flow,
        proof.certificate,
        min(proof.bound, plan.cost),
        proof.words,
        method,
        board.nodes,
        time.monotonic() - board.began,
        tuple(board.phases),
    )
