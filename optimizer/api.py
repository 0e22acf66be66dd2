"""The library's front door: `solve` answers one question on one instance."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from instances import Instance, read_instance
from networks.network import Network, build_network
from optimizer.checkpoint import Checkpoint, State
from optimizer.engine.memory_limit import MemoryGuard, peak_memory_mb
from optimizer.engine.progress import LinkedEvent, ProgressEvent, Watch, gap_reached
from optimizer.plan.plan import MAXIMISED, Plan, Question, Status
from optimizer.result import Result

if TYPE_CHECKING:
    from optimizer.engine.recognise import Method
    from optimizer.engine.siting import Outcome
    from optimizer.problem import Problem

__all__ = ["read_instance", "solve"]


def solve(
    instance: Instance | str,
    question: Question | None = None,
    *,
    solver: str = "auto",
    time_limit_s: float = 300.0,
    gap: float = 1e-3,
    threads: int = 2,
    seed: int = 0,
    on_progress: Callable[[ProgressEvent], None] | None = None,
    cancel: threading.Event | None = None,
    network: Network | None = None,
    explain: bool = True,
    verify: bool = True,
    overrides: Sequence[str] = (),
    start: Plan | Result | None = None,
    checkpoint: Checkpoint | None = None,
    memory_limit_mb: float = math.inf,
    _method: Method | None = None,
    **asked: Any,
) -> Result:
    """Return the least-cost plan (or the best by another objective) with a proven bound.

    Parameters
    ----------
    instance
        An instance, or what `read_instance` takes.
    question
        What is asked; keywords of `Question` may be given instead (``target_share=0.2``).
    solver
        ``auto``, ``highs``, ``scip``, ``cbc`` or ``cp-sat``: who solves the integer model. The
        answer is the same. ``auto`` also lets special structure (facility location, network
        design) be solved by its own method; `Result.structure` says which and why.
    time_limit_s
        Wall-clock limit of the solve, seconds.
    gap
        Relative gap, (objective - bound) / objective, at which the plan counts as optimal.
    threads, seed
        Threads and random seed of the solver.
    on_progress, cancel
        Called with each `ProgressEvent`; set ``cancel`` and the best plan so far comes back.
    network
        The built network of this instance, to save building it again.
    explain
        When there is no plan, say which requirements conflict (costs a few more solves).
    verify
        Recompute the plan from the tables with the independent verifier before it is returned; a
        plan that does not hold is a `SOLVER_ERROR`, never an answer.
    overrides
        ``table.id.column=value`` texts, applied to a copy of the instance.
    start
        A plan, also of another instance or a partial one, or an earlier result: the solve begins
        from it and never ends with a worse plan than the start, if that fits. A result also hands
        over its routes where they are still right, which saves most of the building.
    checkpoint
        Where decisions and bound are kept as they improve (`optimizer.checkpoint`); what it holds
        already, of a run that was killed, is gone on from.
    memory_limit_mb
        Resident memory of this process, by the operating system's accounting, at which the solve
        stops with the best plan so far (``stop_reason`` "memory limit"). SCIP keeps it also by its
        own account.

    Raises
    ------
    InstanceError
        Bad data, or a question about things that the instance does not have.
    SolverUnsuitableError
        The chosen solver cannot express the problem.

    Examples
    --------
    >>> result = solve("two_zones", solver="highs")
    >>> round(result.gap, 6)
    0.0
    """
    from optimizer.engine.recognise import Structure, recognise
    from optimizer.problem import build_problem, check_question

    if not gap >= 0 or not time_limit_s > 0:
        raise ValueError(f"gap {gap} must be >= 0, time_limit_s {time_limit_s} must be > 0")
    seconds: dict[str, float] = {}
    clock = time.perf_counter()
    if not isinstance(instance, Instance):
        instance = read_instance(instance)
    for override in overrides:
        instance = instance.override(override)
        network = None
    seconds["read"] = time.perf_counter() - clock
    if question is None:
        question = Question(**asked)
    elif asked:
        raise TypeError(f"give a question or its keywords, not both: {', '.join(sorted(asked))}")
    check_question(instance, question)
    clock = time.perf_counter()
    memory = start._memory if isinstance(start, Result) else None
    if network is None and memory is not None and memory.has_same_network(instance):
        network = memory.problem.network
    elif network is None:
        network = build_network(instance)
    seconds["network"] = time.perf_counter() - clock
    stop = LinkedEvent(cancel)
    watch = Watch(time_limit_s, on_progress, stop, gap=gap, memory_limit_mb=memory_limit_mb)
    watch.checkpoint = checkpoint
    kept = checkpoint.state if checkpoint is not None else State()
    if math.isfinite(kept.bound):
        watch.report("resume", bound=kept.bound)
    problem = build_problem(instance, network, question, memory)
    routes = watch.seconds
    watch.report("routes", detail=f"{len(problem.lines)} kinds of goods, {problem.n_cells} cells")
    if _method is not None:
        structure = Structure(_method, ("the method was asked for",))
    elif solver != "auto":
        structure = Structure("siting", (f"the solver {solver} was asked for",))
    else:
        structure = recognise(instance, question)
    options: dict[str, Any] = {"gap": gap, "threads": threads, "seed": seed}
    begin = kept.values or start
    with MemoryGuard(memory_limit_mb, stop.set) as guard:
        outcome = _solve_by(structure.method, problem, watch, solver, begin, options)
    if guard.exceeded and outcome.stop_reason in ("cancelled", "solver"):
        outcome.stop_reason = "memory limit"
        outcome.notes.append(f"more than {memory_limit_mb:,.0f} MB of resident memory")
    _take_over(outcome, kept.bound, gap, -1.0 if question.objective in MAXIMISED else 1.0)
    seconds["build"] = routes + outcome.seconds.get("build", 0.0)
    seconds["solve"] = watch.seconds - seconds["build"]
    plan = None
    if outcome.status.has_plan and outcome.answer is not None:
        plan = _plan(instance, question, outcome, problem)
    if plan is not None and verify:
        clock = time.perf_counter()
        plan = _verified(instance, plan, outcome, gap)
        seconds["verify"] = time.perf_counter() - clock
    explanation = None
    if explain and outcome.status is Status.INFEASIBLE and structure.method == "siting":
        from optimizer.engine.explain import explain_infeasible

        explanation = explain_infeasible(
            problem,
            time_limit_s=max(20.0, watch.left_s / 2 if math.isfinite(watch.left_s) else 60.0),
        )
    return Result(
        instance=instance,
        question=question,
        status=outcome.status,
        stop_reason=outcome.stop_reason,
        objective=plan.objective if plan else outcome.objective,
        bound=plan.bound if plan else outcome.bound,
        gap=plan.gap if plan else math.nan,
        seconds=seconds,
        solver=outcome.solver,
        options={
            "solver": solver,
            "time_limit_s": time_limit_s,
            "gap": gap,
            "threads": threads,
            "seed": seed,
            "memory_limit_mb": memory_limit_mb if math.isfinite(memory_limit_mb) else None,
            "overrides": list(overrides),
        },
        root_bound=outcome.root_bound,
        nodes=outcome.nodes,
        notes=tuple(outcome.notes),
        explanation=explanation,
        structure=structure,
        peak_memory_mb=peak_memory_mb(),
        _plan=plan,
        _memory=outcome.memory,
    )


def _solve_by(
    method: Method,
    problem: Problem,
    watch: Watch,
    solver: str,
    start: Plan | Result | Mapping[Hashable, float] | None,
    options: dict[str, Any],
) -> Outcome:
    """The outcome of the method that fits the structure."""
    memory, values = None, None
    if isinstance(start, Mapping):
        values, start = start, None
    if isinstance(start, Result):
        memory = start._memory
        values = memory.values if memory is not None else None
        start = start._plan
    if method == "facility":
        from optimizer.engine.location import solve_location

        return solve_location(problem, watch, start=start, kept=values, **options)
    if method == "design":
        from optimizer.engine.network_design import solve_network_design

        return solve_network_design(problem, watch, start=start, kept=values, **options)
    from optimizer.engine.siting import solve_siting

    return solve_siting(
        problem, watch, solver=solver, start=values or start, memory=memory, **options
    )


def _take_over(outcome: Outcome, bound: float, gap: float, sign: float) -> None:
    """Let a bound that an earlier part of the run proved count, if it is the better one."""
    if outcome.answer is None or not math.isfinite(bound):
        return
    if bound > sign * outcome.objective + 1e-6 * max(1.0, abs(outcome.objective)):
        outcome.status, outcome.answer = Status.SOLVER_ERROR, None
        outcome.stop_reason = "the bound kept on disk and the plan contradict each other"
        return
    outcome.bound = sign * min(max(sign * outcome.bound, bound), sign * outcome.objective)
    if "tree_bound" in outcome.certificate:
        outcome.certificate["tree_bound"] = outcome.bound
    if abs(outcome.objective - outcome.bound) <= gap * abs(outcome.objective):
        outcome.status, outcome.stop_reason = Status.OPTIMAL, gap_reached(gap)


def _verified(instance: Instance, plan: Plan, outcome: Any, gap: float) -> Plan | None:
    """The plan with what the verifier certifies; None if it does not hold (a solver error then)."""
    from dataclasses import replace

    from optimizer.plan.verify import verify_plan

    verdict = verify_plan(instance, plan)
    if not verdict.ok:
        outcome.status = Status.SOLVER_ERROR
        outcome.stop_reason = "the plan failed the independent check"
        outcome.notes += [f"check failed: {v}" for v in verdict.violations[:20]]
        return None
    certified = verdict.bound_certified
    if certified is None or plan.question.objective != "cost":
        return plan
    bound = min(max(plan.bound, certified), plan.objective)
    if plan.objective - bound <= gap * abs(plan.objective):
        outcome.status, outcome.stop_reason = Status.OPTIMAL, gap_reached(gap)
    certificate = dict(plan.certificate) | {"claimed_bound": certified, "tree_bound": bound}
    return replace(
        plan,
        bound=bound,
        certificate=certificate,
        status=outcome.status,
        stop_reason=outcome.stop_reason,
    )


def _plan(instance: Instance, question: Question, outcome: Any, problem: Any) -> Plan:
    from dataclasses import fields

    from optimizer.engine.siting import stay_cost

    answer = outcome.answer
    parts = {f.name: getattr(answer, f.name) for f in fields(answer)}
    return Plan(
        instance_id=instance.instance_id,
        instance_hash=instance.hash,
        question=question,
        status=outcome.status,
        stop_reason=outcome.stop_reason,
        objective=outcome.objective,
        bound=outcome.bound,
        stay_cost_mcny=stay_cost(outcome.model, problem) if outcome.model else math.nan,
        certificate=outcome.certificate,
        **parts,
    )
