"""One integer model for many questions about single zones: forced in, shut, subsidised.

All these questions share columns and rows; they differ by one bound, one row and the price of one
zone's output. So the model is built and its relaxation solved once, and every question starts from
there: nothing that one question finds goes into the model of the next, and their order does not
matter. A plan is looked for over what the relaxation and known plans use (a kernel, Guastaroba and
Speranza 2012); with a good plan in hand the solver only has to prove, and stops as soon as what is
asked is decided.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.engine.answer import Answer, read_answer
from optimizer.engine.filling import FEW
from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.siting import stay_cost
from optimizer.engine.start import ALWAYS, plan_values, without_overflow
from optimizer.linear import CompiledModel
from optimizer.memory import Memory
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Plan, Status
from optimizer.problem import MCNY, Problem
from optimizer.solvers import SolverOptions, solve_model
from optimizer.solvers.highs import AT_LOW, BASIC, IncrementalLP

Enough = Callable[[float, float], bool]  # (best plan, bound): is what is asked decided?
ROUNDING = 1e-9  # relative; bounds are taken to be so much lower than a solver says


@dataclass(frozen=True)
class Found:
    """What is known of one question: the best plan (column values) and the bound, mcny a year.

    Both with the subsidy taken off. ``status`` is `OPTIMAL` where the gap was reached or what was
    asked is decided.
    """

    status: Status
    objective: float
    bound: float
    x: np.ndarray | None
    decided: bool = False


class ZoneModel:
    """The model of a problem, kept for questions about single zones."""

    def __init__(
        self,
        problem: Problem,
        memory: Memory | None = None,
        *,
        time_limit_s: float = 300.0,
        cancel: threading.Event | None = None,
    ) -> None:
        self.m = m = build_siting_model(problem, None, memory)
        self.relaxation = Relaxation(m, memory)
        watch = Watch(time_limit_s, cancel=cancel or threading.Event())
        status = self.relaxation.solve(watch)
        # A bound needs every route that could matter; without them the usual solve has to be used.
        self.is_complete = status is Status.OPTIMAL and self.relaxation.all_listed and m.by_cost
        # Where a least load may be met out of nothing, bound and plan do not come from one model:
        # where goods are few, what could fill it is listed instead.
        free = {k[1] for k in m.lp.col if k[0] == "filling"}
        if free and len(m.commodity_cells) <= FEW:
            self.relaxation.list_filling(free)
        left = (c for k, c in m.lp.col.items() if k[0] in ("filling", "walk"))
        self.is_complete &= not any(m.lp.ub[c] > 0 for c in left)
        model = without_overflow(m, m.lp.compile())
        self.model = model
        self._always = np.array([key[0] in (*ALWAYS, "module") for key in m.lp.col_keys])
        self._zone_at = {zone: k for k, zone in enumerate(problem.zones)}

    def knows(self, zone_id: str) -> bool:
        """Say whether the model is complete and has a decision about the zone."""
        return self.is_complete and ("open", self._zone_at.get(zone_id)) in self.m.lp.col

    def output_terms(self, zone_id: str) -> np.ndarray:
        """Return, by column, what one unit of it adds to the output of a zone, mcny."""
        zone, terms = self._zone_at[zone_id], np.zeros(len(self.model.cost))
        for (at, _), cells in self.m.cells_of.items():
            if at == zone:
                for column, factor in self.m.out_terms(cells):
                    terms[column] += factor
        return terms

    def output(self, zone_id: str, x: np.ndarray) -> float:
        """Return the output of a zone at column values, mcny a year."""
        return float(self.output_terms(zone_id) @ x)

    def question(
        self, zone_id: str | None, least_mcny: float | None, subsidy: float = 0.0
    ) -> CompiledModel:
        """Return the model with a zone forced in to ``least_mcny`` of output, or shut (None).

        ``subsidy`` is CNY per million CNY of output of the zone. Without a zone, the model as it
        is.
        """
        model = self.model
        if zone_id is None:
            return model
        gate = self.m.lp.col["open", self._zone_at[zone_id]]
        if least_mcny is None:
            ub = model.ub.copy()
            ub[gate] = 0.0
            return replace(model, ub=ub)
        import scipy.sparse as sp

        terms = self.output_terms(zone_id)
        lb = model.lb.copy()
        lb[gate] = 1.0
        return replace(
            model,
            lb=lb,
            cost=model.cost - subsidy / MCNY * terms,
            matrix=sp.vstack([model.matrix, sp.csr_matrix(terms)], format="csr"),
            row_low=np.append(model.row_low, least_mcny),
            row_high=np.append(model.row_high, np.inf),
            row_keys=[*model.row_keys, ("least", "zone_output", zone_id)],
        )

    def solve(
        self,
        asked: CompiledModel,
        zone_id: str | None,
        near: Sequence[Plan | np.ndarray],
        *,
        gap: float,
        enough: Enough | None = None,
        time_limit_s: float = 300.0,
        cancel: threading.Event | None = None,
        look: bool = True,
        look_until: Enough | None = None,
        prove: bool = True,
    ) -> Found:
        """Return plan and bound of ``asked``, a model of `question`.

        Parameters
        ----------
        near
            Plans whose decisions a good plan may share; column values that hold are also started
            from.
        enough
            Stops the solve as soon as it says so of (best plan, bound).
        look
            False: no plan is looked for before the proof, because ``near`` holds a good one.
        look_until
            Ends the look for a plan; its bound is that of the plans which are looked through.
        prove
            False: only a plan is looked for, over what the relaxation and ``near`` use; there is
            no bound but that of the relaxation.
        """
        watch = Watch(time_limit_s, cancel=cancel or threading.Event())
        lp = IncrementalLP(replace(asked, integer=np.zeros_like(asked.integer)))
        lp.start_from(*self._basis(asked))
        status = lp.solve(watch.left_s, watch.cancel)
        if status is not Status.OPTIMAL:
            is_open = status in (Status.FEASIBLE, Status.NO_PLAN_IN_TIME)
            return Found(Status.NO_PLAN_IN_TIME if is_open else status, math.nan, -math.inf, None)
        bound = _lower(lp.objective)
        start = self._best(asked, near)
        value = math.inf if start is None else _value(asked, start)
        if enough is not None and enough(value, bound):
            return Found(Status.OPTIMAL, value, bound, start, decided=True)
        if look or start is None:
            kernel = self._kernel(asked, zone_id, lp.x, near)
            found = self._run(kernel, start, gap, watch, look_until)
            if found.x is not None and found.objective <= value:
                start, value = found.x, found.objective
        if enough is not None and enough(value, bound):
            return Found(Status.OPTIMAL, value, bound, start, decided=True)
        if not prove:
            status = Status.FEASIBLE if start is not None else Status.NO_PLAN_IN_TIME
            return Found(status, value, bound, start)
        found = self._run(asked, start, gap, watch, enough, heuristics=start is None)
        return replace(found, bound=max(bound, found.bound))

    def _basis(self, asked: CompiledModel) -> tuple[np.ndarray, np.ndarray]:
        """Return where columns and rows of ``asked`` stand in the relaxation that is solved."""
        assert self.relaxation.basis is not None, "the relaxation was solved"
        columns, rows = self.relaxation.basis
        n_rows, n_cols = asked.matrix.shape
        later = np.full(n_cols - len(columns), AT_LOW), np.full(n_rows - len(rows), BASIC)
        return np.concatenate([columns, later[0]]), np.concatenate([rows, later[1]])

    def _best(self, asked: CompiledModel, near: Sequence[Plan | np.ndarray]) -> np.ndarray | None:
        """Return the column values of ``near`` that are best under ``asked``; None: none hold."""
        held = [x for x in near if isinstance(x, np.ndarray) and _holds(asked, x)]
        return min(held, key=lambda x: _value(asked, x), default=None)

    def _kernel(
        self,
        asked: CompiledModel,
        zone_id: str | None,
        relaxed: np.ndarray,
        near: Sequence[Plan | np.ndarray],
    ) -> CompiledModel:
        """Return ``asked`` without the decisions that neither relaxation nor known plans take."""
        kept = ~asked.integer | (relaxed > 1e-6) | self._always
        for plan in near:
            if isinstance(plan, np.ndarray):
                kept |= plan > 0.5
            else:
                values = plan_values(self.m, plan)
                kept |= np.array([values.get(key, 0.0) > 0.5 for key in self.m.lp.col_keys])
        if zone_id is not None:
            zone = self._zone_at[zone_id]
            kept |= np.array([key[0] == "host" and key[1] == zone for key in self.m.lp.col_keys])
        return replace(asked, ub=np.where(kept, asked.ub, np.maximum(asked.lb, 0.0)))

    def _run(
        self,
        model: CompiledModel,
        start: np.ndarray | None,
        gap: float,
        watch: Watch,
        enough: Enough | None,
        *,
        heuristics: bool = True,
    ) -> Found:
        """Return what the solver makes of a model; it is stopped once it is ``enough``."""
        stop = _Either(watch.cancel)

        def look(incumbent: float | None, bound: float | None) -> None:
            best = math.inf if incumbent is None else incumbent
            least = -math.inf if bound is None else _lower(bound)
            if enough is not None and enough(best, least):
                stop.set()

        options = SolverOptions(
            time_limit_s=watch.left_s, gap=gap, start=start, on_progress=look, cancel=stop,
            heuristics=heuristics,
        )  # fmt: skip
        result = solve_model(model, "highs", options)
        bound = _lower(result.bound)
        if result.x is None:
            return Found(result.status, math.nan, bound, None)
        settled = enough is not None and enough(result.objective, bound)
        status = Status.OPTIMAL if settled else result.status
        return Found(status, result.objective, bound, result.x, decided=settled)

    def fits(self, x: np.ndarray) -> bool:
        """Say whether column values overload no capacity, also none that has no row."""
        return not self.relaxation.overloaded(x)

    def answer(self, x: np.ndarray, asked: CompiledModel) -> tuple[Answer, np.ndarray]:
        """Return the decisions of column values, flows solved to the end, and these values."""
        whole = np.round(x)
        fixed = replace(
            asked,
            lb=np.where(asked.integer, whole, asked.lb),
            ub=np.where(asked.integer, whole, asked.ub),
            integer=np.zeros_like(asked.integer),
        )
        polished = solve_model(fixed, "highs", SolverOptions(time_limit_s=60.0))
        if polished.x is not None and polished.objective <= _value(asked, x):
            x = polished.x
        return read_answer(self.m, x), x

    @property
    def stay_mcny(self) -> float:
        """Cost when nothing moves, mcny a year."""
        return stay_cost(self.m, self.m.problem)


class _Either(threading.Event):
    """An event that counts as set when another one is: the solver looks at one only."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Say whether this event or the other one is set."""
        return super().is_set() or self._other.is_set()


def _lower(bound: float) -> float:
    """Return a bound less what rounding can have made of it."""
    return bound - ROUNDING * abs(bound) if math.isfinite(bound) else bound


def _value(model: CompiledModel, x: np.ndarray) -> float:
    return float(np.dot(model.cost, x)) + model.offset


def _holds(model: CompiledModel, x: np.ndarray) -> bool:
    """Say whether column values hold within the usual tolerance."""
    from optimizer.solvers.check import examine

    return not examine(model, x).faults
