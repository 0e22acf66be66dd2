"""First bound and first guess: the knapsack relaxation, driven by the volume algorithm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.engine.design.certificate import distances
from optimizer.engine.design.kernels import knapsack_bound, volume_ascent
from optimizer.engine.design.problem import DesignProblem

_ROUND = 100  # steps between looks at the clock


@dataclass(frozen=True)
class DualStart:
    """What the volume algorithm knows at its end. ``potential`` is ``[node, commodity]``."""

    bound: float
    potential: np.ndarray
    mean_flow: np.ndarray  # [arc, commodity], nearly the optimum of the strong LP
    mean_open: np.ndarray  # [arc]
    worth: np.ndarray  # [arc], cost of opening it in the Lagrangian; negative: it pays


def dual_start(
    problem: DesignProblem,
    *,
    n_rounds: int = 20,
    deadline: float = float("inf"),
    cancel: threading.Event | None = None,
    on_bound: Callable[[float], None] | None = None,
) -> DualStart:
    """Return a valid bound near that of the strong LP, with its primal average."""
    every = np.arange(problem.n_commodities)
    weight = problem.unit_cost + problem.fixed_cost / np.maximum(problem.capacity, 1e-9)
    wide = np.broadcast_to(weight[:, None], (problem.n_arcs, problem.n_commodities))
    distance = distances(problem, wide)
    potential = np.minimum(distance, distance[problem.destination, every])
    data = (
        problem.tail,
        problem.head,
        problem.unit_cost,
        problem.capacity,
        problem.fixed_cost,
        problem.origin,
        problem.destination,
        problem.demand,
        np.zeros(problem.n_arcs),
        np.ones(problem.n_arcs),
    )
    flow = np.zeros((problem.n_arcs, problem.n_commodities))
    opened, worth = np.zeros(problem.n_arcs), np.zeros(problem.n_arcs)
    best = knapsack_bound(*data, potential, flow, opened, worth)
    best_potential = potential.copy()
    mean_flow, mean_open = flow * opened[:, None], opened.copy()
    step, fraction, target = 1.0, 0.1, 1.2 * best
    for turn in range(n_rounds):
        before = best
        best, step, violation = volume_ascent(
            *data,
            potential,
            best_potential,
            mean_flow,
            mean_open,
            target,
            best,
            _ROUND,
            step,
            fraction,
        )
        if on_bound is not None:
            on_bound(best)
        target = best * (1.05 if turn < 3 else 1.01)
        fraction = max(0.01, 0.8 * fraction)
        stalled = turn > 8 and best - before < 2e-5 * abs(best)
        stopped = time.monotonic() > deadline or (cancel is not None and cancel.is_set())
        if stalled or stopped or violation < 1e-9:
            break
    best = knapsack_bound(*data, best_potential, flow, opened, worth)
    return DualStart(best, best_potential, mean_flow, mean_open, worth)
