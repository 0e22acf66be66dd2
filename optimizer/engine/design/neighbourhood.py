"""Exact search of a part: a small MIP on some arcs, over path columns priced for those arcs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from optimizer.engine.design.annealing import restrict_arcs
from optimizer.engine.design.master import PathMaster, flow_to_paths
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.silent import SilentHighs

_VARIED = 1000  # path columns tried beyond those the LP asks for


@dataclass(frozen=True)
class Found:
    """The best flow ``[arc, commodity]`` of a neighbourhood (None: nothing better)."""

    flow: np.ndarray | None
    closed: bool  # searched to its end, not stopped by the clock
    free: int  # arcs left to decide


def search_neighbourhood(
    problem: DesignProblem,
    *,
    allowed: np.ndarray,
    forced: np.ndarray,
    start: np.ndarray,
    pool: list[tuple[int, tuple[int, ...]]],
    time_limit_s: float,
    seed: int,
    stop: Callable[[], bool],
    left: Callable[[], float] = lambda: math.inf,
) -> Found:
    """Return the best flow on ``allowed`` arcs with ``forced`` ones open, starting from ``start``.

    ``left`` says how many seconds there are at all; ``time_limit_s`` is for the integer part.
    """
    used = start.sum(axis=1) > 1e-9
    allowed = allowed | used
    forced = forced & allowed
    arcs = np.flatnonzero(allowed)
    part = restrict_arcs(problem, arcs)
    number = np.full(problem.n_arcs, -1)
    number[arcs] = np.arange(arcs.size)
    low = forced[arcs].astype(float)
    free = int((low < 1).sum())
    master = PathMaster(part, left)
    master.set_bounds(low, np.ones(arcs.size))
    own = flow_to_paths(part, start[arcs])
    master.add_paths((k, path) for k, path, _ in own)
    outside = set(np.flatnonzero(~allowed).tolist())
    inside = [(k, path) for k, path in pool if outside.isdisjoint(path)]
    master.add_paths((k, tuple(number[list(path)].tolist())) for k, path in inside)
    cost = float(problem.fixed_cost[used].sum() + problem.unit_cost @ start.sum(axis=1))
    idle_forced = float(problem.fixed_cost[forced & ~used].sum())
    done = master.converge(tolerance=1e-4, most_rounds=60, cutoff=cost + idle_forced, stop=stop)
    if stop() or done.bound >= cost - 1e-6 * cost:
        return Found(None, not stop(), free)
    random = np.random.Generator(np.random.PCG64(seed))
    if master.add_varied_paths(int(np.clip(_VARIED // part.n_commodities, 2, 12)), random):
        master.converge(tolerance=1e-4, most_rounds=5, stop=stop)
    highs = SilentHighs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("random_seed", seed % 2147483647)
    highs.setOptionValue("time_limit", max(0.0, min(time_limit_s, left())))
    highs.setOptionValue("mip_rel_gap", 1e-5)
    highs.setOptionValue("mip_heuristic_effort", 0.1)
    highs.setOptionValue("mip_allow_restart", False)  # half of the time of small ones otherwise
    highs.passModel(master.highs.getLp())
    whole = np.flatnonzero(low < 1).astype(np.int32)
    highs.changeColsIntegrality(
        whole.size, whole, np.full(whole.size, highspy.HighsVarType.kInteger)
    )
    # no artificials: what is not served is not a plan
    artificial = np.arange(part.n_arcs, master.first_path, dtype=np.int32)
    zero = np.zeros(artificial.size)
    highs.changeColsBounds(artificial.size, artificial, zero, zero)
    x = np.zeros(highs.getNumCol())
    x[: part.n_arcs] = np.maximum(low, used[arcs])
    column_of = {
        (k, tuple(sorted(path))): column
        for column, (k, path) in enumerate(zip(master.path_commodity, master.paths, strict=True))
    }
    for k, path, part_share in own:
        x[master.first_path + column_of[k, tuple(sorted(path))]] += part_share
    highs.setSolution(x.size, np.arange(x.size, dtype=np.int32), x)
    highs.cbMipInterrupt.subscribe(lambda event: event.interrupt(stop()))
    highs.run()
    closed = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    info = highs.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Found(None, closed, free)
    master.x = np.asarray(highs.getSolution().col_value)
    share = master.shares()
    served = np.zeros(part.n_commodities)
    np.add.at(served, master.path_commodity, np.maximum(0.0, master.x[master.first_path :]))
    flow = np.zeros_like(start)
    # a share a little above or below 1 is the solver's tolerance: the demand is met exactly
    flow[arcs] = share / served * problem.demand
    if np.any(flow.sum(axis=1) > problem.capacity * (1 + 1e-7) + 1e-9):
        return Found(None, closed, free)
    return Found(flow, closed, free)
