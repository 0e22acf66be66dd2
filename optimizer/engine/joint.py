"""Several blocks solved in one model: siting shared by scenarios, or built up over periods.

The relaxations of the blocks are solved to the end first; the joint model
(`optimizer.engine.joint_model`) then has all their columns and rows. Its linear relaxation bounds
every joint plan; the integers are solved over what that relaxation and the blocks' own plans use
(a kernel, see `optimizer.engine.start`), and, where the model is small, over all.

`solve_siting` looks for a siting alone: second stages stay relaxed, the kernel is what the blocks'
own relaxations use, and the bound comes from groups of blocks that are solved over everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.engine.blocks import Block, Decision, Siting
from optimizer.engine.joint_model import JointModel, Steps, join
from optimizer.engine.progress import Watch
from optimizer.engine.risk import Risk, together
from optimizer.engine.start import solve_to_gap
from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, SolverResult, solve_model

ROUNDS = 20
WHOLE_MOST = 20_000  # integers up to which all of them are solved, not the kernel alone
KERNEL_SHARE = 0.7  # of the time
GROUP = 13  # blocks whose relaxation is solved over everything at once: more bring little
STOPPED = "stopped before all capacities were looked at"


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


def deal(count: int, size: int) -> list[tuple[int, ...]]:
    """Return numbers in as few bunches of at most ``size`` as hold all, dealt out."""
    bunches = math.ceil(count / size)
    return [tuple(range(first, count, bunches)) for first in range(bunches)]


def solve_joint(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    *,
    risk: Risk | None = None,
    steps: Steps | None = None,
    starts: Sequence[Siting] = (),
    gap: float = 1e-3,
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
    """
    failed, floors = _relax(blocks, watch)
    if failed is not None:
        return failed
    found = _solve(blocks, weights, watch, risk, steps, starts, gap)
    return replace(found, floors=floors)


def solve_siting(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    *,
    risk: Risk | None = None,
    starts: Sequence[Siting] = (),
    gap: float = 1e-3,
    group: int = GROUP,
) -> JointAnswer:
    """Return a promising siting for all blocks, and a bound on every other.

    Whole numbers are those of the siting; the second stages stay relaxed, so that the objective is
    no plan's cost. Arguments as of `solve_joint`; ``group`` blocks at a time are relaxed over all
    decisions for the bound: from group to group the siting may differ, so that together they bound
    one siting for all (`optimizer.engine.risk.together`).
    """
    risk = risk or Risk()
    failed, floors = _relax(blocks, watch, frees=True)
    if failed is not None:
        return failed
    bounds, shares = [], []
    used: dict[Decision, float] = {}
    for members in deal(len(blocks), group):
        own = [weights[k] for k in members]
        total = math.fsum(own)
        parts = [w / total for w in own] if total else [1 / len(own)] * len(own)
        mine = replace(risk, against=tuple(risk.against[k] for k in members if risk.against))
        status, bound, taken = _relaxed([blocks[k] for k in members], parts, watch, mine)
        if status is Status.INFEASIBLE:
            said = "the linear relaxation has no solution"
            return JointAnswer(status, said, floors=floors)
        used |= taken
        bounds.append(bound)
        shares.append(total)
    bound = together(risk, shares, bounds)
    found = _siting(blocks, weights, watch, risk, [*starts, used], gap)
    if found.status is Status.INFEASIBLE:
        return replace(found, floors=floors)
    if not found.sitings:
        return replace(found, bound=bound, floors=floors)
    proven = found.objective - bound <= gap * abs(found.objective) + 1e-9
    return replace(
        found,
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        said="gap reached" if proven else found.said,
        bound=min(bound, found.objective),
        floors=floors,
    )


def _relax(
    blocks: Sequence[Block], watch: Watch, *, frees: bool = False
) -> tuple[JointAnswer | None, tuple[float, ...]]:
    """Solve the blocks' relaxations; return how it failed, if it did, and what each costs at least.

    With ``frees``, what could be made again is given up once a relaxation is solved: with many
    blocks it fills the memory.
    """
    floors: list[float] = []
    for number, block in enumerate(blocks):
        block.status = block.relaxation.solve(watch)
        if block.status is Status.INFEASIBLE:
            said = "the relaxation of a block has no solution"
            return JointAnswer(block.status, said, without_plan=number), ()
        if block.status is not Status.OPTIMAL:
            return JointAnswer(Status.NO_PLAN_IN_TIME, "a block was not relaxed in time"), ()
        floors.append(block.relaxation.bound if block.relaxation.is_bound else -math.inf)
        if frees:
            block.relaxation.lp = None
            block.relaxation.finder.trees.clear()
    return None, tuple(floors)


def _relaxed(
    blocks: Sequence[Block], weights: Sequence[float], watch: Watch, risk: Risk
) -> tuple[Status, float, dict[Decision, float]]:
    """Return how the linear relaxation of blocks ended, its bound (-inf: none), what it builds."""
    joint = join(blocks, weights, risk)
    options = SolverOptions(time_limit_s=watch.left_s, cancel=watch.cancel)
    root = solve_model(_plain(joint.model), "highs", options)
    complete = all(b.relaxation.all_listed for b in blocks)
    if root.status is not Status.OPTIMAL or root.x is None:
        infeasible = root.status is Status.INFEASIBLE and complete
        return Status.INFEASIBLE if infeasible else Status.NO_PLAN_IN_TIME, -math.inf, {}
    part = joint.parts(root.x)[0]
    used = {d: float(part[c]) for d, c in blocks[0].columns.items() if part[c] > 1e-6}
    return root.status, root.objective if complete else -math.inf, used


def _siting(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    risk: Risk,
    starts: Sequence[Siting],
    gap: float,
) -> JointAnswer:
    """Return the best siting of what the blocks' relaxations and the starts use, without a bound.

    Where these together serve no siting for all, over all decisions.
    """
    widened = False
    start: np.ndarray | None = None
    for _ in range(ROUNDS):
        joint = join(blocks, weights, risk)
        most = np.where(joint.no_plan(), 0.0, joint.model.ub)
        model = replace(joint.model, integer=joint.siting(), ub=most)
        if not widened:
            kept = (
                ~model.integer
                | joint.named(starts)
                | joint.at([b.relaxation.x > 1e-6 for b in blocks])
            )
            model = replace(model, ub=np.where(kept, model.ub, np.maximum(model.lb, 0.0)))
        if start is not None and len(start) != len(model.cost):
            start = None  # rows came with columns
        options = SolverOptions(
            time_limit_s=watch.left_s, gap=gap / 2, start=start, cancel=watch.cancel
        )
        found = solve_to_gap(model, "highs", options, watch)
        if found.x is None:
            if found.status is Status.INFEASIBLE and not widened:
                widened = True
                continue
            complete = all(b.relaxation.all_listed for b in blocks)
            impossible = found.status is Status.INFEASIBLE and complete
            status = Status.INFEASIBLE if impossible else Status.NO_PLAN_IN_TIME
            return JointAnswer(status, found.said)
        if joint.add_rows(found.x):
            if watch.stopped:  # what was found exceeds capacities
                return JointAnswer(Status.NO_PLAN_IN_TIME, STOPPED)
            start = found.x
            continue
        objective = float(model.cost @ found.x)
        return JointAnswer(
            Status.FEASIBLE,
            found.said,
            objective,
            costs=joint.costs(found.x),
            sitings=joint.sitings(found.x),
        )
    return JointAnswer(Status.NO_PLAN_IN_TIME, "too many rounds of rows")


def _solve(
    blocks: Sequence[Block],
    weights: Sequence[float],
    watch: Watch,
    risk: Risk | None,
    steps: Steps | None,
    starts: Sequence[Siting],
    gap: float,
) -> JointAnswer:
    """Return the joint answer of blocks whose relaxations are solved."""
    said, bound = "", -math.inf
    start: np.ndarray | None = None
    for _ in range(ROUNDS):
        joint = join(blocks, weights, risk, steps)
        model = joint.model
        complete = all(b.relaxation.all_listed for b in blocks)
        options = SolverOptions(time_limit_s=watch.left_s, cancel=watch.cancel)
        root = solve_model(_plain(model), "highs", options)
        if root.status is Status.INFEASIBLE and complete:
            return JointAnswer(Status.INFEASIBLE, "the linear relaxation has no solution")
        if root.x is None or root.status is not Status.OPTIMAL:
            return JointAnswer(Status.NO_PLAN_IN_TIME, f"relaxation: {root.said}", bound=bound)
        if complete:
            bound = max(bound, root.objective)
        if joint.add_rows(root.x):
            if watch.stopped:  # the model is not that of the blocks any more
                return JointAnswer(Status.NO_PLAN_IN_TIME, STOPPED, bound=bound)
            continue
        result = _integers(joint, root, starts, watch, gap, start)
        said = result.said
        if complete and result.is_bound:
            bound = max(bound, result.bound)
        if result.x is None:
            infeasible = result.status is Status.INFEASIBLE and result.is_bound and complete
            status = Status.INFEASIBLE if infeasible else Status.NO_PLAN_IN_TIME
            return JointAnswer(status, said, bound=bound)
        if not watch.stopped and joint.list_filling(result.x):
            start = None
            continue
        if joint.add_rows(result.x):
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
            joint.costs(result.x),
            joint.sitings(result.x),
        )
    return JointAnswer(Status.NO_PLAN_IN_TIME, "too many rounds of rows", bound=bound)


@dataclass
class _Found:
    status: Status
    said: str
    x: np.ndarray | None
    bound: float
    is_bound: bool  # all integers were in the model


def _plain(model: CompiledModel) -> CompiledModel:
    """Return the linear relaxation of a model."""
    return replace(model, integer=np.zeros_like(model.integer))


def _integers(
    joint: JointModel,
    root: SolverResult,
    starts: Sequence[Siting],
    watch: Watch,
    gap: float,
    start: np.ndarray | None,
) -> _Found:
    """Return the best integers over the kernel, and over all where they are few."""
    assert root.x is not None, "the relaxation is solved"
    relaxed, model = root.x, joint.model
    small = int(model.integer.sum()) <= WHOLE_MOST
    kept = ~model.integer | (relaxed > 1e-6) | joint.always() | joint.named(starts)
    outside = joint.no_plan()
    kept &= ~outside
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
    if whole.x is not None and (whole.x[outside] > 1e-6).any() and not any(joint.fills(whole.x)):
        # A bound, but a service runs that no goods fill: the plan comes without that.
        options = replace(options, time_limit_s=max(watch.left_s, 1.0))
        plans = replace(model, ub=np.where(outside, 0.0, model.ub))
        plan = first if first.x is not None else solve_to_gap(plans, "highs", options, watch)
        return _Found(plan.status, plan.said, plan.x, whole.bound, True)
    return _Found(whole.status, whole.said, x, whole.bound, True)
