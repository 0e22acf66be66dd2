"""The master problem of two-stage siting: sitings on one side, bounds on scenarios' costs.

Scenarios are known through cuts: what each costs at least for any siting (Benders' optimality and
feasibility cuts from `optimizer.engine.blocks.relaxed`, and the bound of the scenario alone, which
is one with slope 0). `Master.bound` gives a proven bound on the measure; `Master.next_siting` the
siting to look at next, near the best one known (a level method: the nearest siting of which the
cuts still promise enough, Lemarechal, Nemirovskii and Nesterov 1995).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizer.engine.blocks import Decision, Siting, Slope, siting_columns, siting_rows
from optimizer.engine.risk import Risk, add_risk
from optimizer.linear import LinearModel
from optimizer.model.base import SitingModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, solve_model

GAP = 1e-5  # relative, of the master itself
SLACK = 1e-7  # relative; cuts are loosened by what a linear program leaves of its feasibility
LEVEL = 0.3  # how far between bound and best value the next siting must promise to be


@dataclass(frozen=True)
class MasterAnswer:
    """A bound on the measure and the siting that the master chose; no siting: none satisfies."""

    status: Status
    bound: float
    siting: dict[Decision, float] = field(default_factory=dict)


class Master:
    """Sitings that the rules allow, and what is known of every scenario's cost."""

    def __init__(self, m: SitingModel, floors: Sequence[float], probability: Sequence[float]):
        self.probability = list(probability)
        self.floors = list(floors)
        self.columns: dict[Decision, tuple[float, float]] = {}  # decision -> least and most
        for decision, column in siting_columns(m).items():
            most = 1.0 if decision[0] == "host" else m.lp.ub[column]
            self.columns[decision] = (m.lp.lb[column], most)
        self.rows = siting_rows(m)
        self.cuts: list[tuple[int, float, dict[Decision, float]]] = []  # cost >= constant + slope
        self.points: list[tuple[dict[Decision, float], list[float] | None]] = []
        self.bars: list[tuple[float, dict[Decision, float]]] = []  # constant + slope <= 0

    def add(self, scenario: int, at: Siting, slope: Slope) -> None:
        """Take in what a scenario said of sitings from where it looked at one."""
        if not math.isfinite(slope.value) or slope.status not in (
            Status.OPTIMAL,
            Status.INFEASIBLE,
        ):
            return
        constant = slope.value - math.fsum(v * at.get(d, 0.0) for d, v in slope.slope.items())
        loosened = constant - SLACK * max(1.0, abs(slope.value))
        if slope.status is Status.OPTIMAL:
            self.cuts.append((scenario, loosened, dict(slope.slope)))
        elif slope.slope:
            self.bars.append((loosened, dict(slope.slope)))

    def add_point(self, at: Siting, costs: Sequence[float] | None) -> None:
        """Take in what every scenario costs at least, whole, with just this siting (None: no plan).

        For other sitings it says nothing (integer L-shaped cuts, Laporte and Louveaux 1993).
        """
        self.points.append((dict(at), list(costs) if costs is not None else None))

    def bound(self, risk: Risk, time_limit_s: float = math.inf) -> MasterAnswer:
        """Return a proven bound on the measure over all sitings, and the siting that attains it."""
        lp, costs = self._model()
        add_risk(lp, costs, self.probability, risk)
        return self._solve(lp, time_limit_s)

    def next_siting(
        self, risk: Risk, bound: float, value: float, centre: Siting, time_limit_s: float = math.inf
    ) -> MasterAnswer:
        """Return the siting nearest to ``centre`` that the cuts promise to be good.

        Good: the measure may be ``LEVEL`` of the way from ``bound`` to ``value`` (inf: none with a
        second stage in all scenarios is known yet; then any siting that the cuts allow).
        """
        lp, costs = self._model()
        add_risk(lp, costs, self.probability, risk)
        if math.isfinite(value):
            terms = [(c, v) for c, v in enumerate(lp.cost) if v]
            scale = 1.0 / max(1.0, abs(value))
            high = scale * (bound + LEVEL * (value - bound))
            lp.add_row(("level",), [(c, scale * v) for c, v in terms], high=high)
        lp.cost = [0.0] * lp.n_cols
        for decision, (_, most) in self.columns.items():
            column, at = lp.col[decision], centre.get(decision, 0.0)
            away = lp.add_col(("away", *decision), 1.0 / max(1.0, most))
            lp.add_row(("over", *decision), [(away, 1.0), (column, -1.0)], low=-at)
            lp.add_row(("under", *decision), [(away, 1.0), (column, 1.0)], low=at)
        return self._solve(lp, time_limit_s, gap=0.05)

    def _model(self) -> tuple[LinearModel, list[int]]:
        lp = LinearModel()
        for decision, (least, most) in self.columns.items():
            lp.add_col(decision, 0.0, least, most, integer=True)
        costs = [lp.add_col(("cost", s), 0.0, lb=low) for s, low in enumerate(self.floors)]
        for key, terms, low, high in self.rows:
            lp.add_row(key, terms, low, high)
        for number, (scenario, constant, slope) in enumerate(self.cuts):
            falls = [*self._falls(lp, slope), (costs[scenario], 1.0)]
            lp.add_row(("cut", number), falls, low=constant)
        for number, (constant, slope) in enumerate(self.bars):
            lp.add_row(("bar", number), self._falls(lp, slope), low=constant)
        for number, (at, lows) in enumerate(self.points):
            away = self._differs(lp, number, at)
            if lows is None:
                lp.add_row(("not", number), away, low=1.0)
                continue
            for s, (low, floor) in enumerate(zip(lows, self.floors, strict=True)):
                rise = low - floor - SLACK * max(1.0, abs(low))
                if rise > 0:
                    lifted = [(costs[s], 1.0), *((c, rise * v) for c, v in away)]
                    lp.add_row(("point", number, s), lifted, low=floor + rise)
        return lp, costs

    def _differs(self, lp: LinearModel, number: int, at: Siting) -> list[tuple[int, float]]:
        """Terms whose sum (>= 0) is 0 at a siting, and can be 1 or more at any other."""
        terms = []
        for decision, (least, most) in self.columns.items():
            column, count = lp.col[decision], at.get(decision, 0.0)
            up = lp.add_col(("up", number, *decision), 0.0, ub=1.0, integer=True)
            down = lp.add_col(("down", number, *decision), 0.0, ub=1.0, integer=True)
            lp.add_row(
                ("is up", number, *decision),
                [(column, 1.0), (up, -(count + 1 - least))],
                low=least,
            )
            lp.add_row(
                ("is down", number, *decision),
                [(column, 1.0), (down, most - count + 1)],
                high=most,
            )
            terms += [(up, 1.0), (down, 1.0)]
        return terms

    def _falls(self, lp: LinearModel, slope: Mapping[Decision, float]) -> list[tuple[int, float]]:
        """Columns and minus their slopes; a decision unknown so far gets a column."""
        for decision in slope:
            if decision not in lp.col:
                lp.add_col(decision, 0.0, 0.0, np.inf, integer=True)
        return [(lp.col[d], -v) for d, v in slope.items()]

    def _solve(self, lp: LinearModel, time_limit_s: float, gap: float = GAP) -> MasterAnswer:
        options = SolverOptions(time_limit_s=time_limit_s, gap=gap)
        result = solve_model(lp.compile(), "highs", options)
        if result.x is None:
            return MasterAnswer(result.status, result.bound)
        siting = {d: float(round(result.x[lp.col[d]])) for d in self.columns}
        return MasterAnswer(result.status, result.bound, {d: n for d, n in siting.items() if n})
