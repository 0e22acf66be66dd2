"""The restricted LP: few columns, rows x <= y only where violated, a bound valid for all columns.

Columns are y, the core arcs, and for the arcs left out one super-arc e_j per customer, priced
below every arc it stands for, whose flow still uses real capacity E_i of the facilities. So the
optimum of the restricted model never exceeds that of the full one (ALGORITHMS 2.2). The same
rows and columns, with y integer, are the model of the tree search.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csr_array

from optimizer.engine.facility import lagrangian
from optimizer.engine.facility.mip import columnwise_lp, quiet_highs
from optimizer.engine.facility.problem import FacilityProblem

VIOLATION = 1e-5
BIG = 1e30


@dataclass
class CoreState:
    """What the last LP said."""

    objective: float
    y: np.ndarray  # [m]
    x: np.ndarray  # per core arc
    super_share: np.ndarray  # e_j
    customer_dual: np.ndarray
    capacity_dual: np.ndarray  # per unit, >= 0
    y_reduced: np.ndarray  # reduced cost of y in the LP


@dataclass
class Priced:
    """The Lagrangian bound at some customer prices, over all arcs."""

    bound: float
    sigma: float  # price of total capacity
    rho: float  # price of the least number of open facilities
    used: np.ndarray  # bool [m, n]: arcs of the relaxed solution
    gain: np.ndarray  # [m]: what forcing it open adds, what closing it takes away
    alpha: np.ndarray  # [m]: price of its capacity


class Core:
    """The restricted model and its LP, grown in place."""

    def __init__(
        self,
        problem: FacilityProblem,
        dual: np.ndarray,
        alpha: np.ndarray,
        *,
        keep: np.ndarray,
        least: int = 0,
        seed: int = 0,
    ) -> None:
        self.problem = problem
        self.total = float(problem.demand.sum())
        self.capacity = np.minimum(problem.capacity, self.total)
        self.in_core = keep.copy()
        self.arc_i, self.arc_j = (a.astype(np.int64) for a in np.nonzero(keep))
        self.arc_row = np.full(len(self.arc_i), -1, np.int64)  # its x <= y row, or -1
        self.cuts: list[tuple[np.ndarray, np.ndarray, float]] = []
        self.solver = quiet_highs(seed)
        self.alpha = alpha.copy()
        self.iterations = 0
        self.least = least
        self._build(dual)

    # ---- columns: y (m), e (n), E (m), then arcs in the order they came
    @property
    def first_arc(self) -> int:
        """Where the columns of the arcs begin."""
        return 2 * self.problem.m + self.problem.n

    def super_cost(self) -> np.ndarray:
        """Return per customer the least cost of an excluded arc, capacity priced in."""
        p = self.problem
        priced = p.unit_cost + self.alpha[:, None] * p.demand
        cost = np.where(self.in_core, np.inf, priced).min(axis=0)
        ceiling = 10.0 * (p.fixed_cost.sum() + np.where(np.isfinite(priced), priced, 0.0).max())
        return np.where(np.isfinite(cost), cost, ceiling)

    def _build(self, dual: np.ndarray) -> None:
        p = self.problem
        m, n = p.m, p.n
        arcs = len(self.arc_i)
        columns = 2 * m + n + arcs
        cost = np.concatenate(
            [p.fixed_cost, self.super_cost(), -self.alpha, p.unit_cost[self.arc_i, self.arc_j]]
        )
        upper = np.concatenate([np.ones(m), np.ones(n), self.capacity, np.ones(arcs)])
        # rows: demand (n), capacity (m), super-arc balance, total capacity, least number open
        at = np.arange
        row = np.concatenate(
            [
                self.arc_j,
                at(n),
                n + self.arc_i,
                n + at(m),
                n + at(m),
                np.full(m, n + m),
                np.full(n, n + m),
                np.full(m, n + m + 1),
                np.full(m, n + m + 2),
            ]
        )
        first = self.first_arc
        column = np.concatenate(
            [
                first + at(arcs),
                m + at(n),
                first + at(arcs),
                m + n + at(m),
                at(m),
                m + n + at(m),
                m + at(n),
                at(m),
                at(m),
            ]
        )
        value = np.concatenate(
            [
                np.ones(arcs),
                np.ones(n),
                p.demand[self.arc_j],
                np.ones(m),
                -self.capacity,
                np.ones(m),
                -p.demand,
                self.capacity,
                np.ones(m),
            ]
        )
        matrix = csr_array((value, (row, column)), shape=(n + m + 3, columns))
        row_lower = np.concatenate(
            [np.ones(n), np.full(m, -BIG), [0.0, self.total, float(self.least)]]
        )
        row_upper = np.concatenate([np.ones(n), np.zeros(m), [0.0, BIG, BIG]])
        lp = columnwise_lp(cost, upper, matrix, row_lower, row_upper)
        self.solver.passModel(lp)
        self.rows = n + m + 3
        reduced = (p.unit_cost + self.alpha[:, None] * p.demand - dual)[self.arc_i, self.arc_j]
        self._add_strong(np.flatnonzero(reduced <= 0.0))

    def _add_strong(self, arcs: np.ndarray) -> None:
        arcs = arcs[self.arc_row[arcs] < 0]
        count = len(arcs)
        if not count:
            return
        index = np.empty(2 * count, np.int32)
        index[0::2] = self.first_arc + arcs
        index[1::2] = self.arc_i[arcs]
        value = np.tile([1.0, -1.0], count)
        start = np.arange(0, 2 * count, 2, dtype=np.int32)
        self.solver.addRows(
            count, np.full(count, -BIG), np.zeros(count), 2 * count, start, index, value
        )
        self.arc_row[arcs] = self.rows + np.arange(count)
        self.rows += count

    def add_arcs(self, mask: np.ndarray) -> int:
        """Put more arcs into the core; returns how many."""
        mask = mask & ~self.in_core
        i, j = (a.astype(np.int64) for a in np.nonzero(mask))
        count = len(i)
        if not count:
            return 0
        p = self.problem
        self.in_core |= mask
        index = np.empty(2 * count, np.int32)
        index[0::2] = j
        index[1::2] = p.n + i
        value = np.empty(2 * count)
        value[0::2] = 1.0
        value[1::2] = p.demand[j]
        first_new = len(self.arc_i)
        self.solver.addCols(
            count,
            p.unit_cost[i, j],
            np.zeros(count),
            np.ones(count),
            2 * count,
            np.arange(0, 2 * count, 2, dtype=np.int32),
            index,
            value,
        )
        self.arc_i = np.concatenate([self.arc_i, i])
        self.arc_j = np.concatenate([self.arc_j, j])
        self.arc_row = np.concatenate([self.arc_row, np.full(count, -1, np.int64)])
        self._add_strong(np.arange(first_new, first_new + count))
        self.reprice(self.alpha)
        return count

    def reprice(self, alpha: np.ndarray) -> None:
        """Price the super-arcs anew: any alpha >= 0 is valid."""
        p = self.problem
        self.alpha = np.maximum(alpha, 0.0)
        columns = np.arange(p.m, 2 * p.m + p.n, dtype=np.int32)
        cost = np.concatenate([self.super_cost(), -self.alpha])
        self.solver.changeColsCost(len(columns), columns, cost)

    def solve(self, deadline: float = math.inf) -> CoreState | None:
        """Solve the LP, adding violated x <= y rows; None when time ran out before an optimum."""
        while True:
            state = self.solve_once(deadline)
            if state is None:
                return None
            missing = state.x - state.y[self.arc_i]
            violated = np.flatnonzero((missing > VIOLATION) & (self.arc_row < 0))
            if not len(violated) or time.perf_counter() > deadline:
                return state
            self._add_strong(violated)

    def solve_once(self, deadline: float = math.inf) -> CoreState | None:
        """Solve the LP as it stands; None when it did not reach an optimum."""
        p = self.problem
        m, n = p.m, p.n
        remaining = deadline - time.perf_counter()
        if remaining <= 0:
            return None
        if math.isfinite(remaining):
            self.solver.setOptionValue("time_limit", self.solver.getRunTime() + remaining)
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        info = self.solver.getInfo()
        self.iterations += max(0, info.simplex_iteration_count)
        solution = self.solver.getSolution()
        values = np.array(solution.col_value)
        duals = np.array(solution.row_dual)
        reduced = np.array(solution.col_dual)
        return CoreState(
            objective=info.objective_function_value,
            y=values[:m],
            x=values[self.first_arc :],
            super_share=values[m : m + n],
            customer_dual=duals[:n],
            capacity_dual=np.maximum(-duals[n : n + m], 0.0),
            y_reduced=reduced[:m],
        )

    def price(self, state: CoreState, fixed_state: np.ndarray, least: int) -> Priced:
        """Return the Lagrangian bound over all arcs at the LP's customer prices.

        The arcs of its solution that are outside the core are the columns the LP lacks.
        """
        return price_all(self.problem, self.capacity, fixed_state, least, state.customer_dual)


def price_all(
    problem: FacilityProblem,
    capacity: np.ndarray,
    fixed_state: np.ndarray,
    least: int,
    dual: np.ndarray,
) -> Priced:
    """Return what the prices prove and which arcs they ask for."""
    p = problem
    used = np.zeros((p.m, p.n), np.bool_)
    gain, alpha = np.empty(p.m), np.zeros(p.m)
    bound, sigma, rho = lagrangian.used_arcs(
        p.unit_cost, p.demand, p.fixed_cost, capacity, fixed_state, least, dual, used, gain, alpha
    )
    return Priced(bound, sigma, rho, used, gain, alpha)
