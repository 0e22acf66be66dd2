"""The cheapest flow through a given design, exactly: one LP, commodities aggregated by origin.

With unit costs alike for all commodities, flows of one origin need no distinction: the LP has
origins x open arcs columns. The same LP with priced shortages says whether any design can work.
"""

from __future__ import annotations

import highspy
import numpy as np

from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.silent import SilentHighs


def _origin_lp(
    problem: DesignProblem, arcs: np.ndarray, unit_cost: np.ndarray, shortage_cost: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float] | None:
    """Return (flow[origin, arc], shortage[commodity], capacity price per arc, cost) or None."""
    origins, of = np.unique(problem.origin, return_inverse=True)
    n, m, k = problem.n_nodes, arcs.size, problem.n_commodities
    n_origins = origins.size
    tail, head = problem.tail[arcs], problem.head[arcs]
    flow_origin = np.repeat(np.arange(n_origins), m)
    # rows: balance per origin and node, then capacity per arc; three entries a flow column
    index = np.stack(
        [
            flow_origin * n + np.tile(tail, n_origins),
            flow_origin * n + np.tile(head, n_origins),
            n_origins * n + np.tile(np.arange(m), n_origins),
        ],
        axis=1,
    ).ravel()
    value = np.tile([1.0, -1.0, 1.0], n_origins * m)
    shortage_index = np.stack([of * n + problem.origin, of * n + problem.destination], axis=1)
    net = np.zeros((n_origins, n))
    np.add.at(net, (of, problem.origin), problem.demand)
    np.add.at(net, (of, problem.destination), -problem.demand)
    n_flow = n_origins * m
    lp = highspy.HighsLp()
    lp.num_col_ = n_flow + k
    lp.num_row_ = n_origins * n + m
    lp.col_cost_ = np.concatenate([np.tile(unit_cost, n_origins), np.full(k, shortage_cost)])
    lp.col_lower_ = np.zeros(n_flow + k)
    lp.col_upper_ = np.concatenate([np.full(n_flow, np.inf), problem.demand])
    lp.row_lower_ = np.concatenate([net.ravel(), np.full(m, -np.inf)])
    lp.row_upper_ = np.concatenate([net.ravel(), problem.capacity[arcs]])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate(
        [3 * np.arange(n_flow), 3 * n_flow + 2 * np.arange(k + 1)]
    ).astype(np.int32)
    lp.a_matrix_.index_ = np.concatenate([index, shortage_index.ravel()]).astype(np.int32)
    lp.a_matrix_.value_ = np.concatenate([value, np.tile([1.0, -1.0], k)])
    highs = SilentHighs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = highs.getSolution()
    x = np.maximum(0.0, np.asarray(solution.col_value))
    price = np.maximum(0.0, -np.asarray(solution.row_dual)[n_origins * n :])
    flow = x[:n_flow].reshape(n_origins, m)
    return flow, x[n_flow:], price, float(highs.getInfo().objective_function_value)


def cheapest_flow(problem: DesignProblem, is_open: np.ndarray) -> np.ndarray | None:
    """Return the cheapest flow ``[arc, commodity]`` through the open arcs; None if none fits."""
    arcs = np.flatnonzero(is_open)
    dear = 10.0 * (1.0 + problem.unit_cost.max(initial=0.0)) * problem.n_nodes
    answer = _origin_lp(problem, arcs, problem.unit_cost[arcs], dear) if arcs.size else None
    if answer is None:
        return None
    by_origin, shortage, _, _ = answer
    if np.any(shortage > 1e-7 * np.maximum(1.0, problem.demand)):
        return None
    return split_by_commodity(problem, arcs, by_origin)


def lengths_of_infeasibility(problem: DesignProblem) -> np.ndarray | None:
    """Return arc lengths proving that no design carries the demand; None if one does.

    They are the capacity prices of the least shortage with all arcs open and free of charge.
    """
    arcs = np.arange(problem.n_arcs)
    answer = _origin_lp(problem, arcs, np.zeros(arcs.size), 1.0) if arcs.size else None
    if answer is None:
        return np.zeros(problem.n_arcs) if not arcs.size else None
    _, shortage, price, _ = answer
    if shortage.sum() <= 1e-7 * max(1.0, float(problem.demand.sum())):
        return None
    return price


def split_by_commodity(
    problem: DesignProblem, arcs: np.ndarray, by_origin: np.ndarray
) -> np.ndarray | None:
    """Return ``[arc, commodity]`` flow out of ``[origin, arc]`` flow; cycles are dropped."""
    origins = np.unique(problem.origin)
    flow = np.zeros((problem.n_arcs, problem.n_commodities))
    for number, origin in enumerate(origins.tolist()):
        used = np.flatnonzero(by_origin[number] > 1e-9)
        left = {int(arcs[a]): float(by_origin[number, a]) for a in used}
        into: dict[int, list[int]] = {}
        for arc in left:
            into.setdefault(int(problem.head[arc]), []).append(arc)
        for k in np.flatnonzero(problem.origin == origin).tolist():
            rest = float(problem.demand[k])
            least = 1e-9 * max(1.0, rest)
            while rest > least:
                path = _path_back(problem, into, left, origin, int(problem.destination[k]))
                if path is None:
                    if rest > 1e-7 * max(1.0, float(problem.demand[k])):
                        return None
                    break
                amount = min(rest, *(left[arc] for arc in path))
                for arc in path:
                    flow[arc, k] += amount
                    left[arc] -= amount
                rest -= amount
    return flow


def _path_back(
    problem: DesignProblem,
    into: dict[int, list[int]],
    left: dict[int, float],
    origin: int,
    destination: int,
) -> list[int] | None:
    """Return arcs with flow left on a path from origin to destination (breadth first)."""
    towards: dict[int, int] = {}
    queue = [destination]
    for node in queue:
        if node == origin:
            path = []
            while node != destination:
                arc = towards[node]
                path.append(arc)
                node = int(problem.head[arc])
            return path
        for arc in into.get(node, ()):
            before = int(problem.tail[arc])
            if left[arc] > 1e-9 and before not in towards and before != destination:
                towards[before] = arc
                queue.append(before)
    return None
