"""How each contestant solves what was read: ours by the front door, peers on the direct model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from instances.published.facility import FacilityInstance
from instances.published_design import PublishedDesign
from optimizer.bench.models import design_model, facility_model
from optimizer.bench.sources import Given
from optimizer.errors import SolverUnsuitableError
from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, SolverResult, solve_model

Progress = Callable[[float | None, float | None], None]


@dataclass(frozen=True)
class Asked:
    """The terms of a run, the same for every contestant."""

    limit_s: float
    gap: float
    threads: int
    seed: int
    facilities: int | None = None  # for p-median models: how many to open


@dataclass
class Ended:
    """How a run ended; fields as in `optimizer.bench.rows.Row`. Not-finite numbers are unknown."""

    status: str
    objective: float = math.nan
    bound: float = -math.inf
    build_s: float = 0.0
    solve_s: float = 0.0
    nodes: int | None = None
    model: str = ""
    method: str = ""
    said: str = ""
    facilities: int | None = None
    check: Callable[[], tuple[list[str], float | None]] = field(default=lambda: ([], None))


def run_zoneopt(given: Given, asked: Asked, built: Callable[[], None], tell: Progress) -> Ended:
    """Solve by `optimizer.api.solve`, as a user does; the check is the independent verifier.

    The verification that is part of `solve` counts as checking, all else as building or solving.
    """
    from optimizer.api import solve
    from optimizer.plan.verify import verify_plan

    built()
    began = time.perf_counter()
    result = solve(
        given.instance, time_limit_s=asked.limit_s, gap=asked.gap, threads=asked.threads,
        seed=asked.seed, explain=False, on_progress=lambda e: tell(e.incumbent, e.bound),
    )  # fmt: skip
    seconds = time.perf_counter() - began - result.seconds.get("verify", 0.0)
    build_s = result.seconds["network"] + result.seconds["build"]
    ended = Ended(
        result.status.value, result.objective, result.bound, build_s, seconds - build_s,
        nodes=result.nodes, model="the instance", method=result.solver,
        said="; ".join((result.stop_reason, *result.notes)),
    )  # fmt: skip
    if result.has_plan:
        ended.facilities = len(result.open_zones)

        def check() -> tuple[list[str], float | None]:
            verdict = verify_plan(given.instance, result.plan)
            return [str(v) for v in verdict.violations], verdict.bound_certified

        ended.check = check
    return ended


def run_peer(
    solver: str, given: Given, asked: Asked, built: Callable[[], None], tell: Progress
) -> Ended:
    """Solve the direct model (`optimizer.bench.models`) by a general solver."""
    began = time.perf_counter()
    prepare = {FacilityInstance: _facility, PublishedDesign: _design}.get(
        type(given.published), _siting
    )
    model, what, read = prepare(solver, given)
    build_s = time.perf_counter() - began
    built()
    began = time.perf_counter()
    result = solve_model(
        model, solver,
        SolverOptions(asked.limit_s, asked.gap, asked.threads, asked.seed, on_progress=tell),
    )  # fmt: skip
    ended = Ended(
        result.status.value, result.objective, result.bound, build_s,
        time.perf_counter() - began, result.nodes,
        f"{what}: {len(model.cost)} columns, {len(model.row_low)} rows", result.solver,
        "; ".join((result.said, *result.notes)),
    )  # fmt: skip
    if result.status.has_plan:
        ended.facilities, ended.check = read(result)
    return ended


_Read = Callable[[SolverResult], tuple[int | None, Callable[[], tuple[list[str], float | None]]]]
_Prepared = tuple[CompiledModel, str, _Read]


def _facility(solver: str, given: Given) -> _Prepared:
    from optimizer.engine.facility.problem import FacilityProblem, FacilityResult, check_solution

    f = given.published
    assert isinstance(f, FacilityInstance), "the caller looked"
    problem = FacilityProblem(
        f.fixed_cost, f.capacity, f.demand, f.unit_cost, f.single_source, f.name
    )
    in_units = solver == "cp-sat" and not f.single_source and not problem.is_uncapacitated
    built = facility_model(problem, in_units=in_units)

    def read(result: SolverResult) -> Any:
        assert result.x is not None, "there is a plan"
        is_open, share = result.x[: problem.m] > 0.5, result.x[problem.m :] / built.unit
        used = share > 0
        answer = FacilityResult(
            result.status, result.objective, result.bound, is_open, built.facility[used],
            built.customer[used], share[used], None, solver, 0.0,
        )  # fmt: skip
        serving = np.zeros(problem.m, bool)
        serving[answer.facility[answer.share > 1e-6]] = True
        return int(serving.sum()), lambda: (check_solution(problem, answer), None)

    return built.model, "disaggregated model, x <= y on every arc", read


def _design(solver: str, given: Given) -> _Prepared:
    from optimizer.engine.design.problem import (
        DesignProblem,
        DesignResult,
        SparseFlow,
        check_solution,
    )

    assert isinstance(given.published, PublishedDesign), "the caller looked"
    problem = DesignProblem.from_published(given.published)
    m, k = problem.n_arcs, problem.n_commodities

    def read(result: SolverResult) -> Any:
        assert result.x is not None, "there is a plan"
        flow = np.maximum(0.0, result.x[: m * k]).reshape(k, m)
        commodity, arc = np.nonzero(flow > 0)
        answer = DesignResult(
            result.status, result.objective, result.bound, result.x[m * k :] > 0.5,
            SparseFlow(commodity.astype(np.int32), arc.astype(np.int32), flow[commodity, arc]),
            None, -math.inf, "", solver, 0, 0.0,
        )  # fmt: skip
        return None, lambda: (check_solution(problem, answer), None)

    return design_model(problem), "strong arc model, x_k <= min(d_k, u) y on every arc", read


def _siting(solver: str, given: Given) -> _Prepared:
    """Return our siting model with every route that could matter and every capacity row."""
    from networks.network import build_network
    from optimizer.engine.answer import read_answer
    from optimizer.engine.progress import Watch
    from optimizer.engine.root import Relaxation
    from optimizer.engine.siting import stay_cost
    from optimizer.model.siting import build_siting_model
    from optimizer.plan.plan import Plan, Question
    from optimizer.plan.verify import verify_plan
    from optimizer.problem import build_problem

    instance = given.instance
    problem = build_problem(instance, build_network(instance), Question())
    m = build_siting_model(problem)
    relaxation = Relaxation(m)
    relaxation.solve(Watch())
    if not relaxation.all_listed:
        raise SolverUnsuitableError("too many routes could matter to write them all in one model")
    for resource, key in enumerate(m.resources.keys):
        if key[0] != "gate" and np.isfinite(m.resources.today[resource]):
            relaxation.add_resource(resource)

    def read(result: SolverResult) -> Any:
        assert result.x is not None, "there is a plan"
        answer = read_answer(m, result.x)
        parts = {name: getattr(answer, name) for name in answer.__dataclass_fields__}
        plan = Plan(
            instance_id=instance.instance_id, instance_hash=instance.hash, question=Question(),
            status=result.status, stop_reason="gap reached", objective=answer.cost_mcny,
            bound=min(result.bound, answer.cost_mcny), stay_cost_mcny=stay_cost(m, problem),
            certificate={}, **parts,
        )  # fmt: skip

        def check() -> tuple[list[str], float | None]:
            faults = [str(v) for v in verify_plan(instance, plan).violations]
            if abs(plan.objective - result.objective) > 1e-5 * abs(result.objective):
                faults.append(f"the model says {result.objective:.9g}, it is {plan.objective:.9g}")
            return faults, None

        return len(answer.open_zones), check

    return m.lp.compile(), "siting model, all routes that could matter, all capacity rows", read


def run_spopt(given: Given, asked: Asked, built: Callable[[], None], tell: Progress) -> Ended:
    """Solve by PySAL's p-median, with CBC; it must be told how many facilities to open.

    It has no fixed costs, so it takes instances without capacities whose fixed costs are all
    equal. Its bound holds for this number of facilities only, so none is kept.
    """
    f = given.published
    if not isinstance(f, FacilityInstance) or f.single_source or np.isfinite(f.capacity).any():
        raise SolverUnsuitableError("spopt has no model with fixed costs, capacities or networks")
    if len(np.unique(f.fixed_cost)) > 1 or not np.isfinite(f.unit_cost).all():
        raise SolverUnsuitableError("spopt's p-median knows no fixed costs: these differ")
    if asked.facilities is None:
        raise SolverUnsuitableError("spopt's p-median has to be told how many facilities to open")
    try:
        from spopt.locate import PMedian
    except ImportError:
        raise SolverUnsuitableError("PySAL's spopt is not installed") from None
    import pulp

    m, n = f.unit_cost.shape
    fixed = float(f.fixed_cost[0]) * asked.facilities
    began = time.perf_counter()
    model = PMedian.from_cost_matrix(f.unit_cost.T, np.ones(n), p_facilities=asked.facilities)
    build_s = time.perf_counter() - began
    built()
    began = time.perf_counter()
    solver = pulp.PULP_CBC_CMD(
        msg=False, timeLimit=asked.limit_s, gapRel=asked.gap, threads=asked.threads
    )
    model.problem.solve(solver)
    solve_s = time.perf_counter() - began
    code = model.problem.sol_status
    ended = Ended(
        {pulp.LpSolutionOptimal: Status.FEASIBLE, pulp.LpSolutionIntegerFeasible: Status.FEASIBLE}
        .get(code, Status.NO_PLAN_IN_TIME).value,
        build_s=build_s, solve_s=solve_s, facilities=asked.facilities,
        model=f"p-median, {asked.facilities} facilities given: {m * n + m} columns",
        method="spopt with CBC", said=f"{pulp.LpSolution[code]}; fixed costs added",
    )  # fmt: skip
    if ended.status == Status.FEASIBLE:
        is_open = np.array([bool(round(v.varValue or 0.0)) for v in model.fac_vars])
        ended.objective = fixed + float(f.unit_cost[is_open].min(axis=0).sum())
        stated = fixed + float(model.problem.objective.value())

        def check() -> tuple[list[str], float | None]:
            faults = []
            if int(is_open.sum()) != asked.facilities:
                faults.append(f"{int(is_open.sum())} facilities are open")
            if abs(stated - ended.objective) > 1e-6 * abs(stated):
                faults.append(f"cost {ended.objective:.9g}, the model says {stated:.9g}")
            return faults, None

        ended.check = check
        tell(ended.objective, None)
    return ended
