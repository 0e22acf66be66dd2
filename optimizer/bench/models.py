"""The direct models that peers are given: strong formulations, built as arrays at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.facility.problem import FacilityProblem
from optimizer.linear import CompiledModel


@dataclass(frozen=True)
class FacilityModel:
    """Columns: y by facility, then x by arc (facility[a], customer[a]) in units of ``unit[a]``."""

    model: CompiledModel
    facility: np.ndarray
    customer: np.ndarray
    unit: np.ndarray  # a column at this value serves all of the customer


def facility_model(problem: FacilityProblem, *, in_units: bool = False) -> FacilityModel:
    """Return the disaggregated model: demand, ``x <= y`` for every arc, capacity, total capacity.

    ``in_units`` counts x in units of demand instead of shares: then whole demands and capacities
    make a network, which solvers for integers can take without loss.
    """
    m, n = problem.m, problem.n
    usable = np.isfinite(problem.unit_cost)
    if problem.single_source:
        usable &= problem.demand <= problem.capacity[:, None] * (1 + 1e-9)
    i, j = np.nonzero(usable)
    count = len(i)
    a = np.arange(count)
    demand = problem.demand
    by_customer = np.where(demand > 0, demand, 1.0) if in_units else np.ones(n)
    unit = by_customer[j]
    load = np.where(demand[j] > 0, demand[j] / unit, 0.0)
    total = float(demand.sum())
    capacity = np.minimum(problem.capacity, total)
    rows = [j, n + a, n + a]
    columns = [m + a, m + a, i]
    values = [np.ones(count), np.ones(count), -unit]
    low = [by_customer, np.full(count, -np.inf)]
    high = [by_customer, np.zeros(count)]
    if not problem.is_uncapacitated:
        first = n + count
        rows += [first + i, first + np.arange(m), np.full(m, first + m)]
        columns += [m + a, np.arange(m), np.arange(m)]
        values += [load, -capacity, capacity]
        low += [np.full(m, -np.inf), np.array([total])]
        high += [np.zeros(m), np.array([np.inf])]
    row_low, row_high = np.concatenate(low), np.concatenate(high)
    matrix = sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(row_low), m + count),
    )
    model = _compiled(
        np.concatenate([problem.fixed_cost, problem.unit_cost[i, j] / unit]),
        np.concatenate([np.ones(m), unit]),
        np.concatenate([np.ones(m, bool), np.full(count, problem.single_source)]),
        row_low, row_high, matrix,
    )  # fmt: skip
    return FacilityModel(model, i, j, unit)


def design_model(problem: DesignProblem) -> CompiledModel:
    """Return the strong arc model: balances, capacities, ``x_ka <= min(d_k, u_a) y_a`` for all.

    Columns: x by commodity and arc (``k * arcs + a``), then y by arc.
    """
    n, m, k = problem.n_nodes, problem.n_arcs, problem.n_commodities
    count = m * k
    column = np.arange(count)
    commodity, arc = column // m, column % m
    room = np.minimum(problem.capacity[arc], problem.demand[commodity])
    net = np.zeros((k, n))
    every = np.arange(k)
    np.add.at(net, (every, problem.origin), problem.demand)
    np.add.at(net, (every, problem.destination), -problem.demand)
    capacity_row, strong_row = k * n + arc, k * n + m + column
    rows = [
        commodity * n + problem.tail[arc], commodity * n + problem.head[arc],
        capacity_row, k * n + np.arange(m), strong_row, strong_row,
    ]  # fmt: skip
    columns = [column, column, column, count + np.arange(m), column, count + arc]
    ones = np.ones(count)
    values = [ones, -ones, ones, -problem.capacity, ones, -room]
    matrix = sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(k * n + m + count, count + m),
    )
    return _compiled(
        np.concatenate([np.tile(problem.unit_cost, k), problem.fixed_cost]),
        np.concatenate([room, np.ones(m)]),
        np.concatenate([np.zeros(count, bool), np.ones(m, bool)]),
        np.concatenate([net.ravel(), np.full(m + count, -np.inf)]),
        np.concatenate([net.ravel(), np.zeros(m + count)]),
        matrix,
    )


def _compiled(
    cost: np.ndarray,
    upper: np.ndarray,
    integer: np.ndarray,
    row_low: np.ndarray,
    row_high: np.ndarray,
    matrix: sp.csr_matrix,
) -> CompiledModel:
    return CompiledModel(
        cost=cost, lb=np.zeros(len(cost)), ub=upper, integer=integer, row_low=row_low,
        row_high=row_high, matrix=matrix, offset=0.0, col_keys=range(len(cost)),
        row_keys=range(len(row_low)),
    )  # fmt: skip
