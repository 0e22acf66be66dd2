"""The problem with its integers fixed as in a plan: a linear program with prices and their ranges.

The value of a limit as it moves is convex and piecewise linear. `FixedPlan.piece` finds the first
piece on one side: its slope is the price there, its end where the price changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.start import plan_values
from optimizer.memory import Memory
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Plan, Status
from optimizer.problem import Problem

SAME = 1e-8  # relative; two values of the linear program that differ by less are the same
SMALLEST = 1e-7  # of the widest step
NARROW = 0.01  # an end before which there is no plan is found to this share
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Piece:
    """The first linear piece on one side of a limit.

    ``slope`` is mcny per unit of the limit, ``reach`` the step at which the price changes,
    ``ends`` False where it had not changed by the widest step that was looked at.
    """

    slope: float
    reach: float
    ends: bool


class FixedPlan:
    """The linear program of a problem with zones, hosts, modules, projects, trains as in a plan."""

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        memory: Memory | None = None,
        *,
        time_limit_s: float = 300.0,
    ) -> None:
        # Rows tightened by what pools can offer would share the price of those pools.
        self.m = m = build_siting_model(replace(problem, loose_pools=True), None, memory)
        self.time_limit_s = time_limit_s
        values = plan_values(m, plan)
        self._decided: set[int] = set()
        for key, column in m.lp.col.items():
            if m.lp.integer[column]:
                # bounds of the question stand as rows; a value outside them shows as infeasible
                m.lp.lb[column] = m.lp.ub[column] = float(round(values.get(key, 0.0)))
                m.lp.integer[column] = False
                self._decided.add(column)
        self.relaxation = Relaxation(m, memory)
        self.relaxation.remembered = []
        self.relaxation.may_fill = False  # its cost is that of a plan
        services = problem.table("services")["service_id"]
        self.relaxation.runs = {s for s in services if values.get(("service", s))}
        self.value = self.solve()
        self._x = np.array(self.relaxation.x)
        self.prices = self._dual() if math.isfinite(self.value) else {}
        lp = self.relaxation.lp
        self.activity = (
            dict(zip(m.lp.row_keys, lp.activity.tolist(), strict=True))
            if lp is not None and math.isfinite(self.value)
            else {}
        )

    def solve(self) -> float:
        """Return the least cost with what is fixed, mcny a year; infinite if there is none."""
        watch = Watch(self.time_limit_s)
        status = self.relaxation.solve(watch)
        if status is Status.INFEASIBLE:
            return math.inf
        if status is not Status.OPTIMAL or not self.relaxation.converged:
            raise RuntimeError(f"the linear program of the fixed plan ended as '{status}'")
        if self.relaxation.overflow(self.relaxation.x) > 1e-6:
            return math.inf
        return float(self.relaxation.objective)

    def _dual(self) -> dict[tuple, float]:
        """Price of every row (mcny a year per unit of its side) and fixed column, by key."""
        lp = self.relaxation.lp
        assert lp is not None, "solved on the way in"
        prices = dict(zip(self.m.lp.row_keys, lp.duals.tolist(), strict=True))
        reduced = lp.reduced_costs
        prices |= {self.m.lp.col_keys[c]: float(reduced[c]) for c in self._decided}
        return prices

    def taken(self, row_key: tuple) -> float:
        """Use of a pool before what is built and bought is counted against it."""
        model = self.m.lp
        row, total = model.row[row_key], 0.0
        for r, c, v in zip(model.entries_row, model.entries_col, model.entries_val, strict=True):
            if r == row and v > 0:
                total += v * self._x[c]
        return total

    def moved(self, key: tuple, step: float) -> tuple[float, float]:
        """Return cost and price when the side of a row, or a fixed column, moves by ``step``."""
        undo = self._move(key, step)
        try:
            value = self.solve()
            return value, self._dual()[key] if math.isfinite(value) else math.nan
        finally:
            undo()

    def _move(self, key: tuple, step: float) -> Callable[[], None]:
        lp, model = self.relaxation.lp, self.m.lp
        assert lp is not None, "solved on the way in"
        if key in model.row:
            row = model.row[key]
            low, high = model.row_low[row], model.row_high[row]

            def put(by: float) -> None:
                model.row_low[row], model.row_high[row] = low + by, high + by
                lp.change_row_bounds([row], low + by, high + by)
        else:
            column = model.col[key]
            at = model.lb[column]

            def put(by: float) -> None:
                model.lb[column] = model.ub[column] = at + by
                lp.change_bounds([column], at + by, at + by)

        put(step)
        return lambda: put(0.0)

    def piece(self, key: tuple, widest: float) -> Piece:
        """Return the first linear piece when a limit moves up to ``widest`` (negative: down).

        The price at a point is the slope of a line that lies under the whole function. Where that
        line meets the function at 0, all between is one piece. If it does not, the point where it
        cuts the first line is the next to look at: an end of a piece, after as many points as there
        are pieces.
        """
        here, slack = self.prices[key], SAME * max(1.0, abs(self.value))
        beyond: tuple[float, float, float] | None = None  # a point behind the end of the piece
        step = widest
        for _ in range(ROUNDS):
            cost, slope = self.moved(key, step)
            if math.isfinite(cost) and cost - slope * step >= self.value - slack:
                break
            beyond = (step, cost, slope)
            cut = _crossing(here, self.value, slope, cost - slope * step)
            is_inside = math.isfinite(cost) and 0 < cut / step < 0.999
            step = cut if is_inside else step / (8 if math.isfinite(cost) else 2)
            if abs(step) < SMALLEST * abs(widest):
                return Piece(here, 0.0, True)
        else:
            return Piece(here, 0.0, True)
        first, reach = slope, step
        for _ in range(ROUNDS):
            if beyond is None:
                break
            further, height, steep = beyond
            if math.isfinite(height):
                step = _crossing(first, self.value, steep, height - steep * further)
                if not abs(reach) * (1 + 1e-6) < abs(step) <= abs(further) * (1 + 1e-9):
                    break
                step = min(step, further, key=abs)  # the point behind may be the end itself
            elif abs(further - reach) <= NARROW * abs(further):
                break
            else:
                step = (reach + further) / 2
            cost, slope = self.moved(key, step)
            if math.isfinite(cost) and cost <= self.value + first * step + slack:
                reach = step
                if math.isfinite(height):
                    break
            else:
                beyond = (step, cost, slope)
        return Piece(first, reach, beyond is not None)


def _crossing(slope: float, height: float, other: float, other_height: float) -> float:
    """Where two lines meet, each given by slope and height at 0."""
    return (other_height - height) / (slope - other) if slope != other else math.inf
