"""How one planning problem is solved: relaxation with routes, the integers, the exact plan.

1. The relaxation is solved to the end (`optimizer.engine.root`): its value is a bound, its prices
   the certificate.
2. All routes that could matter for the binding capacities are added, and the mixed-integer model
   goes to the chosen solver. Its plan may overload a capacity whose row was not there yet: the row
   and its routes are added and the integers solved again, from the plan at hand.
3. With the integers fixed, one more linear program gives the flows.

A plan and a bound come out of every way to stop, once there is a plan.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from optimizer.engine.answer import Answer, read_answer
from optimizer.engine.certificate import make_certificate
from optimizer.engine.collector import held_back
from optimizer.engine.decided import decided
from optimizer.engine.large import is_large, silent, with_whole, without_whole
from optimizer.engine.progress import Watch, gap_reached
from optimizer.engine.root import Relaxation
from optimizer.engine.start import (
    first_plan,
    padded,
    plans_only,
    solve_to_gap,
    start_vector,
    without_overflow,
    worth_trying,
)
from optimizer.memory import Memory
from optimizer.model.base import SitingModel
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import MAXIMISED, Plan, Status
from optimizer.problem import Problem
from optimizer.solvers import SolverOptions, SolverResult, solve_model
from optimizer.solvers.highs import version

NOT_ALL = "no plan with the routes found so far, which are not all"
INTEGER_ROUNDS = 30
TIED = (*MAXIMISED, "outlay")  # objectives that many plans of very different cost can share
OWN_SOLVERS = ("auto", "highs")  # with another solver, all integers are its own work
ROUNDING = 1e-7  # relative; what feasibility tolerances can leave of a gap that was closed
# With a plan so near to the relaxation, and so few columns, all work goes into the bound
NEAR, FEW_COLUMNS = 5e-3, 20_000
CROSSING = 1e-6  # relative; what the feasibility tolerance of a solver can make of a bound


@dataclass
class Outcome:
    """How a solve of one problem ended; numbers in the true sense of the objective."""

    status: Status
    stop_reason: str
    answer: Answer | None = None
    objective: float = math.nan
    measured: float = math.nan  # the question's own objective, also where cost was minimised
    bound: float = -math.inf
    root_bound: float = -math.inf
    certificate: dict = field(default_factory=dict)
    solver: str = ""
    nodes: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    model: SitingModel | None = None
    values: Mapping[Hashable, float] = field(default_factory=dict)  # of the plan, by column key
    memory: Memory | None = None

    def settle_bound(self) -> bool:
        """Take a bound above the objective by rounding down to it; by more, it is an error.

        Both in minimisation. A bound that crosses its plan means that one of them is wrong: there
        is no answer then, and the notes say so.
        """
        if self.bound <= self.objective + CROSSING * max(1.0, abs(self.objective)):
            self.bound = min(self.bound, self.objective)
            return True
        self.notes.append(f"the bound {self.bound!r} is above the plan {self.objective!r}")
        self.status, self.answer = Status.SOLVER_ERROR, None
        self.stop_reason = "bound and plan contradict each other"
        return False


def solve_siting(
    problem: Problem,
    watch: Watch,
    *,
    solver: str = "auto",
    gap: float = 1e-4,
    threads: int = 1,
    seed: int = 0,
    start: Plan | Mapping[Hashable, float] | None = None,
    memory: Memory | None = None,
) -> Outcome:
    """Solve ``problem`` and return the outcome; the arguments mean what `optimizer.api.solve` says.

    Most absorbed, most jobs and least outlay do not say which of many equal plans is meant: among
    them the cheapest is looked for in a second solve.
    """
    options: dict[str, Any] = {"solver": solver, "gap": gap, "threads": threads, "seed": seed}
    options |= {"start": start, "memory": memory}
    from optimizer.engine.limits import is_priced, solve_by_prices

    if is_priced(problem):
        return solve_by_prices(problem, watch, **options)
    outcome = solve_question(problem, watch, None, by_parts=True, **options)
    if outcome.answer is None or problem.question.objective not in TIED:
        return outcome
    sign = -1.0 if problem.question.objective in MAXIMISED else 1.0
    watch.report("cheapest", detail="of the plans with the best objective")
    watch.incumbent = watch.bound = None
    watch.checkpoint = None  # what follows is about cost
    options["start"] = outcome.values
    second = solve_question(problem, watch, outcome.objective * (1 + sign * 1e-7), **options)
    for phase, seconds in second.seconds.items():
        outcome.seconds[phase] += seconds
    slack = 1e-6 * max(1.0, abs(outcome.objective))
    if second.answer is not None and sign * (second.measured - outcome.objective) <= slack:
        outcome.answer, outcome.objective = second.answer, second.measured
        outcome.bound = sign * min(sign * outcome.bound, sign * outcome.objective)
        outcome.notes.append(
            f"cost is within {_relative(second, second.answer):.3%} of the least for this objective"
        )
    else:
        outcome.notes.append(
            "cost was not minimised for want of time: only the objective is proven"
        )
    return outcome


def _relative(outcome: Outcome, answer: Answer) -> float:
    return (answer.cost_mcny - outcome.bound) / max(abs(answer.cost_mcny), 1e-12)


def solve_question(
    problem: Problem,
    watch: Watch,
    floor: float | None = None,
    *,
    solver: str,
    gap: float,
    threads: int,
    seed: int,
    start: Plan | Mapping[Hashable, float] | None,
    memory: Memory | None,
    by_parts: bool = False,
) -> Outcome:
    """Solve with the objective, or with cost where the objective has to reach ``floor``.

    ``by_parts``: a large problem may be solved as `optimizer.engine.large` says.
    """
    started = watch.seconds
    by_parts = by_parts and floor is None and solver in OWN_SOLVERS and is_large(problem)
    with held_back():
        m = build_siting_model(without_whole(problem) if by_parts else problem, floor, memory)
    sign = 1.0 if m.by_cost else m.sign
    watch.sign = sign
    built = watch.seconds
    watch.report("model", detail=f"{m.lp.n_cols} columns, {m.lp.n_rows} rows")
    relaxation = Relaxation(m, memory)
    status = relaxation.solve(watch)
    outcome = Outcome(status=status, stop_reason="", notes=problem.notes, model=m)
    outcome.seconds = {"build": built - started, "root": watch.seconds - built}
    if status is Status.INFEASIBLE:
        return replace(outcome, status=status, stop_reason="the relaxation has no solution")
    if status is not Status.OPTIMAL:
        reason = why_stopped(watch)
        left = (
            Status.NO_PLAN_IN_TIME
            if status in (Status.FEASIBLE, Status.NO_PLAN_IN_TIME)
            else status
        )
        return replace(outcome, status=left, stop_reason=reason)
    if relaxation.is_bound:
        outcome.root_bound = outcome.bound = relaxation.bound
        outcome.certificate = make_certificate(m, relaxation)
        watch.report("relaxation", bound=relaxation.bound, detail="complete")
    options: dict[str, Any] = {"solver": solver, "gap": gap, "threads": threads, "seed": seed}
    if start is not None:
        watch.report("start", detail="an earlier plan is completed")
    if by_parts:
        first = first_plan(m, relaxation, silent(watch), start, gap, True)
        _whole_blocks(problem, relaxation, first, watch, outcome, start, **options)
    else:
        first = first_plan(m, relaxation, watch, start, gap, solver in OWN_SOLVERS)
        if start is not None and first is None:
            outcome.notes.append("the start does not fit this problem: solved without it")
        if first is not None and relaxation.is_bound and _is_near(m, first, relaxation.bound, gap):
            outcome.solver, outcome.nodes = version(), 0
            _keep(m, watch, first)
            accept(m, first, watch, outcome, gap)
        else:
            _integers(m, relaxation, watch, outcome, first, **options)
    _finish(problem, relaxation, watch, outcome, sign)
    outcome.seconds["integers"] = watch.seconds - sum(outcome.seconds.values()) - started
    is_far = first is None or outcome.answer is None or relaxation.all_listed
    if by_parts and outcome.status is not Status.OPTIMAL and is_far and not watch.stopped:
        options |= {"start": outcome.values or start, "memory": memory}
        return _better_of(outcome, solve_question(problem, watch, floor, **options), gap, sign)
    return outcome


def _finish(
    problem: Problem, relaxation: Relaxation, watch: Watch, outcome: Outcome, sign: float
) -> None:
    """Add what may be reused; numbers in the true sense."""
    finder = relaxation.finder
    outcome.memory = Memory(
        problem, outcome.values, relaxation.m, finder.trees, finder.listed, relaxation.basis
    )
    if outcome.certificate:
        outcome.certificate["tree_bound"] = sign * outcome.bound
    outcome.objective *= sign
    outcome.bound *= sign
    outcome.root_bound *= sign


def _whole_blocks(
    problem: Problem,
    relaxation: Relaxation,
    first: np.ndarray | None,
    watch: Watch,
    outcome: Outcome,
    start: Plan | Mapping[Hashable, float] | None,
    *,
    solver: str,
    gap: float,
    threads: int,
    seed: int,
) -> None:
    """Fill the outcome with a plan near ``first``, in which blocks were split that must not be."""
    outcome.solver, outcome.nodes = version(), 0
    outcome.notes.append(
        "the bound is of the problem in which every block may be split; the plan splits none that "
        "is whole"
    )
    options: dict[str, Any] = {"gap": gap, "threads": threads, "seed": seed}
    found = with_whole(problem, relaxation.m, first, watch, start, **options)
    if found is None:
        outcome.status, outcome.stop_reason = Status.NO_PLAN_IN_TIME, why_stopped(watch)
        return
    own, x = found
    outcome.model = own
    _keep(own, watch, x)
    accept(own, x, watch, outcome, gap)


def _better_of(rough: Outcome, full: Outcome, gap: float, sign: float) -> Outcome:
    """Return the full outcome with the bound of the rough one, where that is the better bound."""
    for phase, seconds in rough.seconds.items():
        full.seconds[phase] = full.seconds.get(phase, 0.0) + seconds
    if full.answer is None and rough.answer is not None:
        return rough
    if full.answer is None or sign * rough.bound <= sign * full.bound:
        return full
    full.bound = sign * min(sign * rough.bound, sign * full.objective)
    full.certificate = rough.certificate
    if full.certificate:
        full.certificate["tree_bound"] = full.bound
    full.root_bound = sign * max(sign * full.root_bound, sign * rough.root_bound)
    if sign * (full.objective - full.bound) <= gap * abs(full.objective):
        full.status, full.stop_reason = Status.OPTIMAL, gap_reached(gap)
    return full


def _is_near(m: SitingModel, x: np.ndarray, bound: float, gap: float) -> bool:
    """Say whether the bound of the relaxation already proves the plan ``x`` good enough."""
    value = float(np.dot(m.lp.cost, x)) + m.lp.offset
    return value - bound <= gap * abs(value)


def _is_left_to_prove(m: SitingModel, relaxation: Relaxation, best: np.ndarray | None) -> bool:
    """Say whether the plan at hand is so good that looking for a better one is not worth it."""
    if best is None or not relaxation.is_bound or m.lp.n_cols > FEW_COLUMNS:
        return False
    return _is_near(m, padded(m, best), relaxation.bound, NEAR)


def _report(watch: Watch, most: float, incumbent: float | None, bound: float | None) -> None:
    """Tell what the solver says; its bound counts up to ``most`` (-inf: not at all)."""
    if bound is not None:
        bound = min(bound, most) if most > -math.inf else None
    watch.report("integers", bound=bound)


def _keep(m: SitingModel, watch: Watch, x: np.ndarray) -> None:
    """Save the decisions of a candidate, for a run that is killed."""
    if watch.checkpoint is None:
        return
    integers = np.flatnonzero(np.array(m.lp.integer[: len(x)], dtype=bool) & (np.abs(x) > 0.5))
    values = {m.lp.col_keys[c]: float(round(x[c])) for c in integers.tolist()}
    watch.checkpoint.save(values, float(np.dot(m.lp.cost[: len(x)], x)), None)


def _found(m: SitingModel, relaxation: Relaxation, watch: Watch, x: np.ndarray) -> None:
    """Tell of a better plan that the solver found, if it overloads nothing that has no row yet."""
    if relaxation.overflow(x) <= 1e-6 and not relaxation.overloaded(x):
        watch.report(
            "integers",
            incumbent=float(np.dot(m.lp.cost, x)) + m.lp.offset,
            decisions=partial(decided, m, x),
        )
        _keep(m, watch, x)


def _integers(
    m: SitingModel,
    relaxation: Relaxation,
    watch: Watch,
    outcome: Outcome,
    start: np.ndarray | None,
    *,
    solver: str,
    gap: float,
    threads: int,
    seed: int,
) -> None:
    """Fill the outcome with the best plan and bound of the integer problem (minimisation)."""
    best = start  # a plan; what later rounds find can exceed capacities
    for _ in range(INTEGER_ROUNDS):
        complete = relaxation.all_listed
        if not complete:
            outcome.notes.append(
                "too many routes to list them all: the bound is that of the relaxation"
            )
        small = without_overflow(m, m.lp.compile())
        lost = math.inf
        if best is not None and solver in OWN_SOLVERS:
            near = worth_trying(m, relaxation, small, best, gap)
            small, lost = near.model, near.lost
        options = SolverOptions(
            time_limit_s=watch.left_s,
            gap=gap,
            threads=threads,
            seed=seed,
            start=None if best is None else padded(m, best),
            on_progress=partial(_report, watch, lost if complete else -math.inf),
            on_solution=partial(_found, m, relaxation, watch),
            cancel=watch.cancel,
            memory_limit_mb=watch.memory_limit_mb,
            heuristics=not (solver in OWN_SOLVERS and _is_left_to_prove(m, relaxation, best)),
        )
        result = solve_to_gap(small, solver, options, watch)
        outcome.solver, outcome.nodes = result.solver, result.nodes
        outcome.notes += [n for n in result.notes if n not in outcome.notes]
        if complete and math.isfinite(result.bound):
            outcome.bound = max(outcome.bound, min(result.bound, lost))
            watch.report("integers", bound=outcome.bound)
        if not result.status.has_plan:
            _without_plan(outcome, result, watch, complete)
            return
        assert result.x is not None, "has_plan says so"
        out_of_nothing = relaxation.filling(result.x)
        if out_of_nothing and not watch.stopped:
            relaxation.list_filling(out_of_nothing)
            continue
        found = result.x
        if relaxation.overflow(found) > 1e-6:
            # A bound, but a service runs that no goods fill: the plan comes without that.
            options = replace(options, time_limit_s=max(watch.left_s, 1.0), on_progress=None)
            plan = solve_to_gap(plans_only(m, small), solver, options, watch)
            if plan.x is not None:
                found = plan.x
            elif best is not None:
                found = padded(m, best)
            else:
                outcome.status = Status.NO_PLAN_IN_TIME
                outcome.stop_reason = why_stopped(watch) if watch.stopped else NOT_ALL
                return
        start = found
        if not relaxation.overloaded(found):
            _keep(m, watch, found)
        relaxation.rounds += 1
        if relaxation.add_violated(found):
            if not watch.stopped:
                continue
            # No time to solve again: keep the sitings and find other ways for the goods.
            values = dict(zip(m.lp.col_keys, found.tolist(), strict=False))
            repaired = start_vector(m, values, padded(m, found), watch)
            if repaired is None:
                break
            start = repaired
        accept(m, start, watch, outcome, gap)
        return
    outcome.status = Status.NO_PLAN_IN_TIME
    outcome.stop_reason = why_stopped(watch)


def why_stopped(watch: Watch) -> str:
    """Return why a solve ended before its proof."""
    if watch.cancel.is_set():
        return "cancelled"
    return "time limit" if watch.left_s <= 0 else "solver"


def _without_plan(outcome: Outcome, result: SolverResult, watch: Watch, complete: bool) -> None:
    """Say how a solve without a plan ended; infeasible only if every route was in the model."""
    outcome.status = result.status
    if result.status is Status.INFEASIBLE and not complete:
        outcome.status = Status.NO_PLAN_IN_TIME
        outcome.stop_reason = NOT_ALL
    elif result.status is Status.INFEASIBLE:
        outcome.stop_reason = "no values satisfy all constraints"
    elif result.status is Status.NO_PLAN_IN_TIME:
        outcome.stop_reason = why_stopped(watch)
    else:
        outcome.stop_reason = result.said


def accept(m: SitingModel, found: np.ndarray, watch: Watch, outcome: Outcome, gap: float) -> None:
    """Fix the integers, solve the flows to the end, and read the plan."""
    model = plans_only(m, m.lp.compile())
    whole = np.round(found)
    fixed = replace(
        model,
        lb=np.where(model.integer, whole, model.lb),
        ub=np.where(model.integer, whole, model.ub),
        integer=np.zeros_like(model.integer),
    )
    polished = solve_model(fixed, "highs", SolverOptions(time_limit_s=max(watch.left_s, 10.0)))
    x = found
    if polished.x is not None and polished.status is Status.OPTIMAL:
        better = polished.objective <= float(np.dot(m.lp.cost, found)) + m.lp.offset
        x = polished.x if better else x
    with held_back():
        outcome.answer = read_answer(m, x)
    outcome.values = {key: float(v) for key, v in zip(m.lp.col_keys, x, strict=True) if v}
    outcome.measured = float(np.dot(m.measure, x))
    if m.by_cost:
        weights = m.problem.weights
        outcome.objective = outcome.answer.cost_mcny + math.fsum(
            w * float(np.dot(m.amounts[name], x)) for name, w in weights.items()
        )
    else:
        outcome.objective = m.sign * outcome.measured
    if not outcome.settle_bound():
        return
    left = outcome.objective - outcome.bound
    proven = left <= max(gap, ROUNDING) * abs(outcome.objective) + 1e-9
    outcome.status = Status.OPTIMAL if proven else Status.FEASIBLE
    outcome.stop_reason = gap_reached(gap) if proven else why_stopped(watch)
    decisions = partial(decided, m, x)
    watch.report("plan", incumbent=outcome.objective, bound=outcome.bound, decisions=decisions)


def stay_cost(m: SitingModel, problem: Problem) -> float:
    """Cost of all volume when nothing moves, mcny a year; nan where some of it cannot stay."""
    if m.problem is not problem and m.problem.route_weights != problem.route_weights:
        # Its routes are those at the prices of limits; staying is told on the cheapest ones.
        m = build_siting_model(problem)
    total = 0.0
    for block, volume in enumerate(problem.volume):
        column = m.lp.col.get(("stay", block))
        if column is None:
            return math.nan
        total += m.cost[column] * float(volume)
    return total
