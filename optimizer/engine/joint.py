"""Several blocks in one model: siting shared by scenarios, or built up over periods.

The relaxations of the blocks are solved to the end first; the joint model then has all their
columns and rows, the rows that link their sitings, and one objective. Its linear relaxation bounds
every joint plan; the integers are solved over what that relaxation and the blocks' own plans use
(a kernel, see `optimizer.engine.start`), and, where the model is small, over all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from optimizer.engine.blocks import BUILT, Block, Decision, Siting
from optimizer.engine.progress import Watch
from optimizer.engine.risk import Risk, add_risk
from optimizer.engine.start import ALWAYS, solve_to_gap
from optimizer.linear import CompiledModel, LinearModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, SolverResult, solve_model

ROUNDS = 20
WHOLE_MOST = 20_000  # integers up to which all of them are solved, not the kernel alone
KERNEL_SHARE = 0.7  # of the time
STOPPED = "stopped before all capacities were looked at"


@dataclass(frozen=True)
class Steps:
    """What links periods: what stands stays, and how much may be added in each."""

    new_zones: int | None = None  # most zones that open in a period
    new_capital_mcny: float | None = None  # most capital of what is added in a period
    today: Siting = field(default_factory=dict)  # what stands before the first period


@dataclass(frozen=True)
class JointAnswer:
    """How a joint solve ended: objective, bound, the siting of every block."""

    status: Status
    said: str
    objective: float = math.nan
    bound: float = -math.inf
    costs: tuple[float, ...] = ()  # of the blocks, in this answer
    sitings: tuple[dict[Decision, float], ...] = ()
    floors: tuple[float, ...] = ()  # what each block costs at least with a siting of its own
    without_plan: int | None = None  # the first block that has no plan, whatever is built


def solve_joint(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    *,
    risk: Risk | None = None,
    steps: Steps | None = None,
    starts: Sequence[Siting] = (),
    gap: float = 1e-3,
    siting_only: bool = False,
) -> JointAnswer:
    """Return the best joint plan of blocks, with a bound.

    Parameters
    ----------
    blocks
        Scenarios or periods; their relaxations are solved here if they are not yet.
    weights
        Of the blocks' costs: probabilities or discount factors.
    risk
        What is minimised over scenarios; the weighted sum if not given.
    steps
        How periods are linked, in order; without, all blocks share one siting.
    starts
        Sitings whose decisions belong to the kernel besides what the relaxation uses.
    siting_only
        Integers are those of the siting; the second stages stay relaxed. The answer is a promising
        siting and a bound on all others, not a plan, and its objective no plan's cost.
    """
    floors: list[float] = []
    for number, block in enumerate(blocks):
        block.status = block.relaxation.solve(watch)
        if block.status is Status.INFEASIBLE:
            said = "the relaxation of a block has no solution"
            return JointAnswer(block.status, said, without_plan=number)
        if block.status is not Status.OPTIMAL:
            return JointAnswer(Status.NO_PLAN_IN_TIME, "a block was not relaxed in time")
        floors.append(block.relaxation.bound if block.relaxation.is_bound else -math.inf)
    found = _solve(blocks, weights, watch, risk, steps, starts, gap, siting_only)
    return replace(found, floors=tuple(floors))


def _solve(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    risk: Risk | None,
    steps: Steps | None,
    starts: Sequence[Siting],
    gap: float,
    siting_only: bool,
) -> JointAnswer:
    """Return the joint answer of blocks whose relaxations are solved."""
    said, bound = "", -math.inf
    start: np.ndarray | None = None
    for _ in range(ROUNDS):
        model = _join(blocks, weights, risk, steps)
        if siting_only:
            model = replace(model, integer=_of_siting(blocks, len(model.integer)))
        complete = all(b.relaxation.all_listed for b in blocks)
        plain = replace(model, integer=np.zeros_like(model.integer))
        options = SolverOptions(time_limit_s=watch.left_s, cancel=watch.cancel)
        root = solve_model(plain, "highs", options)
        if root.status is Status.INFEASIBLE and complete:
            return JointAnswer(Status.INFEASIBLE, "the linear relaxation has no solution")
        if root.x is None or root.status is not Status.OPTIMAL:
            return JointAnswer(Status.NO_PLAN_IN_TIME, f"relaxation: {root.said}", bound=bound)
        if complete:
            bound = max(bound, root.objective)
        if _add_rows(blocks, root.x):
            if watch.stopped:  # the model is not that of the blocks any more
                return JointAnswer(Status.NO_PLAN_IN_TIME, STOPPED, bound=bound)
            continue
        small = not siting_only and int(model.integer.sum()) <= WHOLE_MOST
        result = _integers(model, root, blocks, starts, watch, gap, start, small)
        said = result.said
        if complete and result.is_bound:
            bound = max(bound, result.bound)
        if result.x is None:
            infeasible = result.status is Status.INFEASIBLE and result.is_bound and complete
            status = Status.INFEASIBLE if infeasible else Status.NO_PLAN_IN_TIME
            return JointAnswer(status, said, bound=bound)
        if _add_rows(blocks, result.x):
            if watch.stopped:  # what was found exceeds capacities: it is no plan
                return JointAnswer(Status.NO_PLAN_IN_TIME, STOPPED, bound=bound)
            start = result.x
            continue
        objective = float(model.cost @ result.x)
        proven = objective - bound <= gap * abs(objective) + 1e-9
        return JointAnswer(
            Status.OPTIMAL if proven else Status.FEASIBLE,
            "gap reached" if proven else said,
            objective,
            min(bound, objective),
            tuple(
                float(np.dot(b.m.cost, part))
                for b, part in zip(blocks, _parts(blocks, result.x), strict=True)
            ),
            tuple(
                b.siting_of(part) for b, part in zip(blocks, _parts(blocks, result.x), strict=True)
            ),
        )
    return JointAnswer(Status.NO_PLAN_IN_TIME, "too many rounds of rows", bound=bound)


@dataclass
class _Found:
    status: Status
    said: str
    x: np.ndarray | None
    bound: float
    is_bound: bool  # all integers were in the model


def _integers(
    model: CompiledModel,
    root: SolverResult,
    blocks: Sequence[Block],
    starts: Sequence[Siting],
    watch: Watch,
    gap: float,
    start: np.ndarray | None,
    small: bool,
) -> _Found:
    """Return the best integers over the kernel, and over all where they are few."""
    assert root.x is not None, "the relaxation is solved"
    relaxed = root.x
    kept = ~model.integer | (relaxed > 1e-6) | _always(blocks, len(relaxed))
    kept |= _named(blocks, starts, len(relaxed))
    kernel = replace(model, ub=np.where(kept, model.ub, np.maximum(model.lb, 0.0)))
    if start is not None and len(start) != len(relaxed):
        start = None  # rows came with columns
    options = SolverOptions(
        time_limit_s=watch.left_s * (KERNEL_SHARE if small else 1.0),
        gap=gap / 2,
        start=start,
        cancel=watch.cancel,
    )
    first = solve_to_gap(kernel, "highs", options, watch)
    near = first.x is not None and first.objective - root.objective <= gap * abs(first.objective)
    if near or not small:
        return _Found(first.status, first.said, first.x, -math.inf, False)
    options = replace(options, time_limit_s=watch.left_s, gap=gap, start=first.x)
    whole = solve_to_gap(model, "highs", options, watch)
    x = whole.x if whole.x is not None else first.x
    return _Found(whole.status, whole.said, x, whole.bound, True)


def _join(
    blocks: Sequence[Block], weights: Sequence[float], risk: Risk | None, steps: Steps | None
) -> CompiledModel:
    """Return the joint model; columns of the blocks come first, one block after the other."""
    lp = LinearModel()
    offset: list[int] = []
    for s, block in enumerate(blocks):
        one = block.m.lp
        first_row, first = lp.n_rows, lp.n_cols
        offset.append(first)
        for key, lb, ub, integer in zip(one.col_keys, one.lb, one.ub, one.integer, strict=True):
            most = 0.0 if key[0] == "overflow" and block.relaxation.all_listed else ub
            lp.add_col((s, key), 0.0, lb, most, integer=integer)
        for key, low, high in zip(one.row_keys, one.row_low, one.row_high, strict=True):
            lp.add_row((s, key), (), low, high)
        lp.entries_row += [first_row + r for r in one.entries_row]
        lp.entries_col += [first + c for c in one.entries_col]
        lp.entries_val += one.entries_val
    if risk is None or risk.kind == "expected":
        for block, first, weight in zip(blocks, offset, weights, strict=True):
            for column, cost in enumerate(block.m.lp.cost):
                lp.cost[first + column] = weight * cost
    else:
        totals = []
        for s, (block, first) in enumerate(zip(blocks, offset, strict=True)):
            total = lp.add_col(("cost", s), lb=-np.inf)
            terms = [(first + c, v) for c, v in enumerate(block.m.lp.cost) if v]
            lp.add_row(("cost", s), [*terms, (total, -1.0)], low=0.0, high=0.0)
            totals.append(total)
        add_risk(lp, totals, weights, risk)
    if steps is None:
        _share(lp, blocks, offset)
    else:
        _build_up(lp, blocks, offset, steps)
    return lp.compile()


def _share(lp: LinearModel, blocks: Sequence[Block], offset: Sequence[int]) -> None:
    """One siting for all blocks; what one of them does not know cannot be built."""
    names = sorted({d for b in blocks for d in b.columns})
    for decision in names:
        columns = [
            first + b.columns[decision]
            for b, first in zip(blocks, offset, strict=True)
            if decision in b.columns
        ]
        if len(columns) < len(blocks):
            lp.add_row(("unknown", *decision), [(columns[0], 1.0)], high=0.0)
        for number, column in enumerate(columns[1:], start=1):
            terms = [(column, 1.0), (columns[0], -1.0)]
            lp.add_row(("share", number, *decision), terms, low=0.0, high=0.0)


def _build_up(
    lp: LinearModel, blocks: Sequence[Block], offset: Sequence[int], steps: Steps
) -> None:
    """What stands in a period stands in the next one, and what is added keeps to its limits."""
    for t, block in enumerate(blocks):
        added: dict[Decision, list[tuple[int, float]]] = {}
        stands: dict[Decision, float] = {}
        for decision, column in block.columns.items():
            if decision[0] not in BUILT:
                continue
            now = (offset[t] + column, 1.0)
            if t == 0:
                stands[decision] = steps.today.get(decision, 0.0)
                added[decision] = [now]
                if stands[decision]:
                    lp.add_row(("stays", t, *decision), [now], low=stands[decision])
                continue
            before = blocks[t - 1].columns.get(decision)
            added[decision] = [now] if before is None else [now, (offset[t - 1] + before, -1.0)]
            if before is not None:
                lp.add_row(("stays", t, *decision), added[decision], low=0.0)
        if t:
            for decision, before in blocks[t - 1].columns.items():
                if decision[0] in BUILT and decision not in block.columns:
                    column = offset[t - 1] + before
                    lp.add_row(("stays", t, *decision), [(column, 1.0)], high=0.0)
        if steps.new_zones is not None:
            terms = [x for d, xs in added.items() if d[0] == "zone" for x in xs]
            today = sum(n for d, n in stands.items() if d[0] == "zone")
            lp.add_row(("new zones", t), terms, high=steps.new_zones + today)
        if steps.new_capital_mcny is not None:
            price = block.capital
            terms = [(c, v * price[d]) for d, xs in added.items() if d in price for c, v in xs]
            today = sum(n * price.get(d, 0.0) for d, n in stands.items())
            lp.add_row(("new capital", t), terms, high=steps.new_capital_mcny + today)


def _add_rows(blocks: Sequence[Block], x: np.ndarray) -> int:
    """Add capacity rows that the blocks' parts of ``x`` exceed; return how many."""
    return sum(
        b.relaxation.add_violated(part) for b, part in zip(blocks, _parts(blocks, x), strict=True)
    )


def _parts(blocks: Sequence[Block], x: np.ndarray) -> list[np.ndarray]:
    """Cut joint column values into those of the blocks (as they were when the model was made)."""
    parts, first = [], 0
    for block in blocks:
        size = block.m.lp.n_cols
        parts.append(x[first : first + size])
        first += size
    return parts


def _of_siting(blocks: Sequence[Block], size: int) -> np.ndarray:
    """Columns of the siting."""
    found = np.zeros(size, dtype=bool)
    first = 0
    for block in blocks:
        found[[first + c for c in block.columns.values()]] = True
        first += block.m.lp.n_cols
    return found


def _always(blocks: Sequence[Block], size: int) -> np.ndarray:
    found = np.zeros(size, dtype=bool)
    keys = [key for b in blocks for key in b.m.lp.col_keys]
    found[: len(keys)] = [key[0] in ALWAYS for key in keys]
    return found


def _named(blocks: Sequence[Block], starts: Sequence[Siting], size: int) -> np.ndarray:
    """Columns of decisions that some start takes, and of all services."""
    taken = {d for siting in starts for d, n in siting.items() if n}
    found = np.zeros(size, dtype=bool)
    first = 0
    for block in blocks:
        for decision, column in block.columns.items():
            found[first + column] |= decision in taken
        for key, column in block.m.lp.col.items():
            if key[0] == "service":
                found[first + column] = True
        first += block.m.lp.n_cols
    return found
