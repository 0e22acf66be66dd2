"""Large problems: first as if every block could be split, then with the whole blocks in few zones.

Each whole block needs a column and a choice in every zone that could take it, and most of a large
model is these. Splitting them is a relaxation: its bound holds for the true problem. Whole blocks
are small as a rule, so that its siting is nearly the best one: the true problem is then solved over
the zones and industries of that siting (and of a start), with the routes found so far.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np

from optimizer.engine.collector import held_back
from optimizer.engine.progress import ProgressEvent, Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.start import (
    padded,
    plan_values,
    solve_to_gap,
    start_vector,
    without_overflow,
)
from optimizer.linear import CompiledModel
from optimizer.memory import Memory
from optimizer.model.base import SitingModel
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Plan
from optimizer.problem import Problem, varied
from optimizer.solvers import SolverOptions

LARGE = 20_000  # choices of a cell for a whole block, from which they are left for later
ROUNDS = 6  # capacities that come in one after the other
FIRST = ("open", "host", "project", "service")  # decisions of the siting that are tried as they are
WHOLE_S = 120.0  # most seconds for one small model
SHARE = 0.5  # of the time left

Start = Plan | Mapping[Hashable, float] | None


def is_large(problem: Problem) -> bool:
    """Whether whole blocks have so many choices that they are better left for later."""
    if problem.instance.dense_moves is not None:
        return False  # every block has columns of its own in any case
    cells = np.bincount(problem.cell_industry, minlength=len(problem.industries))
    return int(cells[problem.block_industry[problem.whole]].sum()) > LARGE


def without_whole(problem: Problem) -> Problem:
    """Return the problem in which every block may be split: a relaxation of the true one."""
    return varied(problem, whole=np.zeros_like(problem.whole))


def silent(watch: Watch) -> Watch:
    """Return the same clock; what it is told of plans is kept back: they are none, as yet."""

    def heard(event: ProgressEvent) -> None:
        watch.report(event.phase, detail=event.detail)

    return replace(watch, on_progress=heard, checkpoint=None, incumbent=None, decisions=None)


def with_whole(
    problem: Problem,
    m: SitingModel,
    x: np.ndarray | None,
    watch: Watch,
    start: Start,
    *,
    gap: float,
    threads: int,
    seed: int,
) -> tuple[SitingModel, np.ndarray] | None:
    """Return a plan of ``problem`` near ``x``, and its model; None if there is none near it.

    Parameters
    ----------
    m
        The model of ``without_whole(problem)``, with the routes found so far.
    x
        Values of its columns in its best plan; None: nothing is known but the start.
    start
        A plan of ``problem``: what comes out is as good, if it still fits.
    """
    options = SolverOptions(gap=gap / 4, threads=threads, seed=seed, cancel=watch.cancel)
    best: tuple[float, SitingModel, np.ndarray] | None = None
    for with_start in (False, True):
        if watch.stopped or (with_start and start is None and best is not None):
            break
        if x is None and not with_start:
            continue
        own, small = _small_model(problem, m, x, start if with_start else None)
        fixed = None if with_start or x is None else _siting(m, x)
        found = _solved(own, small, watch, options, fixed, start if with_start else None)
        if found is not None:
            value = float(np.dot(own.lp.cost, found)) + own.lp.offset
            if best is None or value < best[0]:
                best = value, own, found
    return None if best is None else best[1:]


def _small_model(
    problem: Problem, m: SitingModel, x: np.ndarray | None, start: Start
) -> tuple[SitingModel, Relaxation]:
    """The true problem over what is open and hosted in ``x`` and in the start."""
    values: dict[Hashable, float] = {}
    if x is not None:
        values |= {key: 1.0 for key, c in m.lp.col.items() if c < len(x) and x[c] > 0.5}
    if start is not None:
        values |= plan_values(m, start) if isinstance(start, Plan) else dict(start)
    hosts = {
        k[1:] for k, v in values.items() if isinstance(k, tuple) and k[0] == "host" and v > 0.5
    }
    status = list(problem.table("zones")["status"])
    opened = {
        k[1] for k, v in values.items() if isinstance(k, tuple) and k[0] == "open" and v > 0.5
    }
    bare = {z for z in opened - {z for z, _ in hosts} if status[z] != "existing"}
    sides = zip(problem.cell_zone.tolist(), problem.cell_industry.tolist(), strict=True)
    kept = np.array([(z, i) in hosts or z in bare for z, i in sides], dtype=bool)
    with held_back():
        few = varied(problem, kept_cells=kept, notes=[])
        own = build_siting_model(few, None, Memory(m.problem, model=m))
        small = Relaxation(own)
        small.take_routes(m, (), ())
    return own, small


def _siting(m: SitingModel, x: np.ndarray) -> dict[Hashable, float]:
    return {k: float(round(x[c])) for k, c in m.lp.col.items() if k[0] in FIRST and c < len(x)}


def _solved(
    own: SitingModel,
    small: Relaxation,
    watch: Watch,
    options: SolverOptions,
    siting: Mapping[Hashable, float] | None,
    start: Start,
) -> np.ndarray | None:
    """Column values of the best plan of a small model that overloads nothing; None: none found.

    With ``siting`` these decisions are as given. Capacities come in when they are exceeded.
    """
    first = None
    for _ in range(ROUNDS if start is not None else 0):
        assert start is not None, "else there is no round"
        first = start_vector(own, start, np.zeros(own.lp.n_cols), watch, repair=False)
        if first is None or not _takes_more(small, first):
            break
        first = None
    best = first
    for _ in range(ROUNDS):
        if watch.stopped:
            break
        watch.report("whole blocks", detail=f"{own.lp.n_cols} columns, {own.lp.n_rows} rows")
        model = _fixed(own, without_overflow(own, own.lp.compile()), siting)
        limit = min(WHOLE_S, SHARE * watch.left_s)
        begin = None if first is None else padded(own, first)
        result = solve_to_gap(
            model, "highs", replace(options, time_limit_s=limit, start=begin), watch
        )
        if not result.status.has_plan or result.x is None:
            break
        if not _takes_more(small, result.x):
            best = result.x
            break
    return None if best is None else padded(own, best)


def _takes_more(small: Relaxation, x: np.ndarray) -> bool:
    """Say whether ``x`` exceeds capacities without a row; they get theirs."""
    over = small.overloaded(x)
    with held_back():
        for resource in over:
            small.add_resource(resource)
    return bool(over)


def _fixed(
    own: SitingModel, model: CompiledModel, siting: Mapping[Hashable, float] | None
) -> CompiledModel:
    if siting is None:
        return model
    lb, ub = model.lb.copy(), model.ub.copy()
    for key, column in own.lp.col.items():
        if key in siting:
            lb[column] = ub[column] = siting[key]
    return replace(model, lb=lb, ub=ub)
