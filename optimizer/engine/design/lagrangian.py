"""First bound and first guess: the knapsack relaxation, driven by the volume algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.engine.design.certificate import Prices, distances
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
    stop: Callable[[], bool] = lambda: False,
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
        if stop():
            break
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
        if stalled or violation < 1e-9:
            break
    best = knapsack_bound(*data, best_potential, flow, opened, worth)
    return DualStart(best, best_potential, mean_flow, mean_open, worth)


def prices_of_potential(problem: DesignProblem, potential: np.ndarray) -> Prices:
    """Return arc and pair prices that prove at least the knapsack bound at ``potential``.

    The continuous knapsack of an arc is solved by its own dual: the price of capacity is what the
    last commodity loaded would gain, the price of a pair what it gains beyond that.
    """
    arc_price = np.zeros(problem.n_arcs, dtype=np.float32)
    arcs, commodities, values = [], [], []
    for arc in range(problem.n_arcs):
        gain = potential[problem.head[arc]] - potential[problem.tail[arc]] - problem.unit_cost[arc]
        wanted = np.flatnonzero(gain > 0)
        order = wanted[np.argsort(-gain[wanted], kind="stable")]
        full = np.cumsum(problem.demand[order]) > problem.capacity[arc]
        if full.any():
            arc_price[arc] = gain[order[int(np.argmax(full))]]
        beyond = (gain[order] - arc_price[arc]) * problem.demand[order]
        # an arc that does not pay needs no price beyond its reward: what is over is harmless
        keep = beyond > 1e-12
        arcs.append(np.full(int(keep.sum()), arc))
        commodities.append(order[keep])
        values.append(beyond[keep])
    return Prices(
        arc_price,
        np.concatenate(arcs).astype(np.int32),
        np.concatenate(commodities).astype(np.int32),
        np.concatenate(values).astype(np.float32),
    )
