"""Driver of the compiled ruin-and-recreate search: starts, temperature, slices of time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.engine.design.master import arc_lists, flow_to_paths
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.search import anneal, construct

_SLICE = 4000  # moves between looks at the clock
_TURNS = 8  # constructions tried before a start is given up


def restrict_arcs(problem: DesignProblem, arcs: np.ndarray) -> DesignProblem:
    """Return the problem on the arcs numbered ``arcs`` only."""
    return DesignProblem(
        problem.n_nodes,
        problem.tail[arcs],
        problem.head[arcs],
        problem.unit_cost[arcs],
        problem.capacity[arcs],
        problem.fixed_cost[arcs],
        problem.origin,
        problem.destination,
        problem.demand,
        problem.name,
    )


class Annealer:
    """Simulated annealing on some arcs of a problem; flows go in and out on all its arcs."""

    def __init__(self, problem: DesignProblem, arcs: np.ndarray, seed: int) -> None:
        self.whole, self.arcs = problem, arcs
        self.problem = restrict_arcs(problem, arcs)
        self.first, self.arc_of = arc_lists(self.problem)
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.state = self.random.integers(1, 2**62, 1).astype(np.uint64)
        self.most_entries = 6 * problem.n_nodes

    def _graph(self, bias: np.ndarray) -> tuple:
        p = self.problem
        return (
            p.n_nodes,
            self.first,
            self.arc_of,
            p.head,
            p.tail,
            p.unit_cost,
            p.capacity,
            p.fixed_cost,
            bias,
            p.origin,
            p.destination,
            p.demand,
        )

    def _empty(self) -> tuple[np.ndarray, ...]:
        k, n_arcs = self.problem.n_commodities, self.problem.n_arcs
        return (
            np.zeros((k, self.most_entries), dtype=np.int32),
            np.zeros((k, self.most_entries)),
            np.zeros(k, dtype=np.int32),
            np.zeros(n_arcs),
            np.zeros(n_arcs, dtype=np.int32),
        )

    def construct(self) -> tuple[np.ndarray, ...] | None:
        """Return a state that serves everything, None if the greedy constructions all fail."""
        graph = self._graph(np.ones(self.problem.n_arcs))
        by_demand = np.argsort(-self.problem.demand, kind="stable")
        for turn in range(_TURNS):
            noise = self.random.random(by_demand.size) * turn
            order = by_demand[np.argsort(np.arange(by_demand.size) + 4 * noise, kind="stable")]
            discount = 0.15 + 0.45 * self.random.random()
            state = self._empty()
            placed = construct(*graph, discount, order, *state)  # type: ignore[call-arg]
            if placed == by_demand.size:
                return state
        return None

    def load(self, flow: np.ndarray) -> tuple[np.ndarray, ...] | None:
        """Return the state of a flow on all arcs; None if it uses others or too many paths."""
        part = flow[self.arcs]
        if abs(part.sum() - flow.sum()) > 1e-6 * max(1.0, float(flow.sum())):
            return None
        state = self._empty()
        arcs, amounts, count, load, users = state
        for k, path, share in flow_to_paths(self.problem, part):
            if count[k] + len(path) > self.most_entries:
                return None
            for arc in path:
                arcs[k, count[k]] = arc
                amounts[k, count[k]] = share * self.problem.demand[k]
                count[k] += 1
                load[arc] += share * self.problem.demand[k]
                users[arc] += 1
        return state

    def run(
        self,
        state: tuple[np.ndarray, ...],
        *,
        n_moves: int,
        hot: float,
        cold: float,
        stop: Callable[[], bool],
        bias: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the best flow ``[arc, commodity]`` met; ``hot``, ``cold`` are shares of cost."""
        graph = self._graph(np.ones(self.problem.n_arcs) if bias is None else bias[self.arcs])
        p = self.problem
        current = float(p.fixed_cost[state[4] > 0].sum() + p.unit_cost @ state[3])
        best_state = tuple(part.copy() for part in state[:3])
        best = current
        hot, cold = hot * current, cold * current
        n_slices = max(1, n_moves // _SLICE)
        for number in range(n_slices):
            upper = hot * (cold / hot) ** (number / n_slices)
            lower = hot * (cold / hot) ** ((number + 1) / n_slices)
            current, best = anneal(  # type: ignore[call-arg]
                *graph, *state, *best_state, current, best, upper, lower, _SLICE, self.state
            )
            if stop():
                break
        return self._flow(*best_state)

    def _flow(self, arcs: np.ndarray, amounts: np.ndarray, count: np.ndarray) -> np.ndarray:
        flow = np.zeros((self.whole.n_arcs, self.problem.n_commodities))
        for k in range(self.problem.n_commodities):
            entries = slice(0, count[k])
            np.add.at(flow[:, k], self.arcs[arcs[k, entries]], amounts[k, entries])
        return flow
