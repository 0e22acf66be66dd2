"""The solves of the park comparison, on a worker: one model for all zones, stopped when decided.

A task is given what its answer is compared with and how exactly it has to be known, so that it ends
with the first bound and plan that decide. Where the model of all zones cannot be used (routes that
are priced out instead of being listed, a capacity that has no row yet), the usual solve takes over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.plan.plan import Plan, Question, Status
from optimizer.studies.case import Case
from optimizer.studies.parks_levers import subsidised

if TYPE_CHECKING:
    from optimizer.engine.forced import ZoneModel
    from optimizer.studies.worker import Context

STANDING = "optimizer.studies.parks_solves:solve_standing"
SUBSIDY = "optimizer.studies.parks_solves:solve_subsidy"
SHARE = 0.95  # of the printed change: so much must not bring the zone in
TRIED = 0.96  # of the size found, for that proof: rounding and polishing print a little more
MODELS = 2  # that a worker keeps: of the instance as it is, and of the lever at hand
USUAL = 2e-5  # gap where the usual solve has to do
ROUNDS = 10  # of Dinkelbach's method
NEAR_BEST = 0.8  # of what a subsidy could save by any plan looked through: enough for a round
ROUGH = 0.01  # of a subsidy that is not looked for any more
Enough = Callable[[float, float], bool]


@dataclass(frozen=True)
class Against:
    """What an optimum is compared with, as a proven range, and what has to be told.

    ``exact``: its distance to it to `SHARE`. Else only on which side of it the optimum lies.
    ``gap``: the relative gap that every solve of the study reaches in any case.
    """

    low: float
    high: float
    exact: bool = True
    gap: float = math.inf

    def decided(self, plan: float, bound: float) -> bool:
        """Say whether plan and bound tell what has to be told."""
        if math.isfinite(self.gap) and not plan - bound <= self.gap * abs(plan):
            return False
        if plan <= self.low:
            return True
        if not bound > self.high:
            return False
        return not self.exact or bound - self.high >= SHARE * (plan - self.low)


def zone_model(context: Context, overrides: tuple[str, ...]) -> ZoneModel:
    """Return the model of the study's question on an instance; a worker keeps the last ones."""
    from networks.network import build_network
    from optimizer.engine.forced import ZoneModel
    from optimizer.problem import build_problem

    key = ("zones", overrides)
    if key not in context.models:
        instance = context.instance.override(*overrides) if overrides else context.instance
        network = context.network if not overrides else build_network(instance)
        memory = context.base._memory
        problem = build_problem(instance, network, context.question, memory)
        model = ZoneModel(
            problem, memory, time_limit_s=context.time_limit_s, cancel=context.cancel
        )  # fmt: skip
        others = [k for k in context.models if k[0] == "zones" and k[1]]
        while overrides and len(others) >= MODELS - 1:
            del context.models[others.pop(0)]
        context.models[key] = model
    return context.models[key]


def plans_of(context: Context, case: Case) -> list[Plan]:
    """Return the plans that a case begins from: the one that it names, else the base."""
    if case.start:
        return [context.plans[case.start]]
    return [context.base.plan] if context.base.has_plan else []


def solve_standing(context: Context, case: Case) -> dict[str, Any]:
    """Solve the question of a case: the study's own, with at most one zone forced in or shut.

    ``case.data``: the zone (none: the question as it is), whether it is forced in, its least
    output, and what the optimum is compared with (`Against`).
    """
    asked = json.loads(case.data)
    zone, against = asked["zone"], _against(asked["against"])
    model = zone_model(context, case.overrides)
    enough = against.decided if against is not None else None
    if not (model.is_complete if zone is None else model.knows(zone)):
        return _usual(context, case)
    least = float(asked["least_mcny"]) if asked["force"] else None
    question = model.question(zone, least)
    found = model.solve(
        question,
        zone,
        plans_of(context, case),
        gap=case.gap,
        enough=enough,
        time_limit_s=case.time_limit_s,
        cancel=context.cancel,
    )
    if found.x is None:
        if found.status is Status.INFEASIBLE:
            return {"status": str(found.status), "stop_reason": "no values satisfy all constraints"}
        return _usual(context, case)
    if not model.fits(found.x):
        return _usual(context, case)
    plan = read_plan(model, found.x, question, case.question, found.bound)
    said = "what is asked is decided" if found.decided else "gap reached"
    said = said if found.status is Status.OPTIMAL else "time limit"
    plan = replace(plan, status=found.status, stop_reason=said)
    return _checked(context, case, plan)


def _against(given: list[Any] | None) -> Against | None:
    if given is None:
        return None
    low, high, exact, gap = given
    return Against(float(low), float(high), bool(exact), float(gap))


def read_plan(
    model: ZoneModel, x: np.ndarray, asked: Any, question: Question, bound: float
) -> Plan:
    """Return the plan of column values, its cost without any subsidy."""
    answer, _ = model.answer(x, asked)
    instance = model.m.problem.instance
    return Plan(
        instance_id=instance.instance_id,
        instance_hash=instance.hash,
        question=question,
        status=Status.FEASIBLE,
        stop_reason="",
        objective=answer.cost_mcny,
        bound=min(bound, answer.cost_mcny),
        stay_cost_mcny=model.stay_mcny,
        certificate={},
        **{f.name: getattr(answer, f.name) for f in fields(answer)},
    )


def _checked(context: Context, case: Case, plan: Plan) -> dict[str, Any]:
    """Return a plan that the independent verifier accepts; else the usual solve takes over."""
    from optimizer.plan.verify import verify_plan

    if not verify_plan(context.instance_of(case), plan).ok:
        return _usual(context, case)
    return {
        "status": str(plan.status), "stop_reason": plan.stop_reason, "objective": plan.objective,
        "bound": plan.bound, "plan": plan,
    }  # fmt: skip


def _usual(context: Context, case: Case) -> dict[str, Any]:
    """Solve the question of a case as any other."""
    result = context.solve(replace(case, gap=max(case.gap, USUAL)))
    return {
        "status": str(result.status), "stop_reason": result.stop_reason,
        "objective": result.objective, "bound": result.bound,
        "plan": result.plan if result.has_plan else None,
    }  # fmt: skip


# -- subsidies ----------------------------------------------------------------------------------


def enough_subsidy(plans: list[tuple[float, float]], bound: float) -> float:
    """Return the least subsidy at which some plan (cost, output) costs at most the bound.

    CNY per million CNY of output, rounded up to four digits; infinite where no plan has output.
    """
    ratios = [(cost - bound) / output * 1e6 for cost, output in plans if output > 0]
    least = min(ratios, default=math.inf)
    return rounded_up(least)


def rounded_up(size: float) -> float:
    """Return a size with four digits, never less: what people read is what was proven.

    Examples
    --------
    >>> rounded_up(14.73461), rounded_up(9.5), rounded_up(-1.0), rounded_up(math.inf)
    (14.74, 9.5, 0.0, inf)
    """
    if size <= 0 or not math.isfinite(size):
        return max(size, 0.0)
    digits = 3 - math.floor(math.log10(size))
    near = round(size, digits)
    up = near if near >= size else (round(size * 10**digits) + 1) / 10**digits
    return up if up >= size else math.nextafter(up, math.inf)


def solve_subsidy(context: Context, case: Case) -> dict[str, Any]:
    """Find the least subsidy of a zone's output that brings it in, and prove that less does not.

    The optimum F(s) with the zone is a minimum of lines cost - s x output, N the one without it.
    Every plan is enough from (cost - N) / output on; the plan where that is least is looked for
    (Dinkelbach 1967), then F is solved at `TRIED` of it until its bound is above N or a plan is
    below.
    """
    asked = json.loads(case.data)
    zone, (low, high, gap) = asked["zone"], asked["against"]
    against = Against(float(low), float(high), exact=False, gap=float(gap))
    model = zone_model(context, case.overrides)
    first = context.plans[case.start]
    plans = [(first.objective, _output(first, zone))]
    bounds: list[tuple[float, float]] = []
    best: Plan | None = first
    if model.knows(zone):
        found = _by_model(context, case, model, against, plans, bounds)
        best = _verified(context, case, model, zone, found, plans) if found is not None else first
        plans = plans[:1] if found is None else plans
    if best is None or not model.knows(zone):
        plans, bounds = plans[:1], []
        best = _by_usual(context, case, against, plans, bounds) or first
        plans = [min(plans, key=lambda p: (p[0] - against.low) / max(p[1], 1e-9))]
    return {
        "status": str(Status.OPTIMAL), "has_plan": True, "objective": plans[-1][0],
        "bound": -math.inf, "plans": plans, "bounds": bounds,
        "output": _outputs(best), "open_zones": list(best.open_zones),
    }  # fmt: skip


def _by_model(
    context: Context,
    case: Case,
    model: ZoneModel,
    against: Against,
    plans: list[tuple[float, float]],
    bounds: list[tuple[float, float]],
) -> np.ndarray | None:
    """Fill plans and bounds from the model of all zones; the column values of the best plan."""
    asked = json.loads(case.data)
    zone, least = asked["zone"], float(asked["least_mcny"])
    options: dict[str, Any] = {
        "gap": case.gap, "time_limit_s": case.time_limit_s, "cancel": context.cancel,
    }  # fmt: skip
    known: list[Plan | np.ndarray] = [context.plans[case.start], context.base.plan]
    best: np.ndarray | None = None
    look = True  # for better plans before the proof
    for _ in range(ROUNDS):
        size = enough_subsidy(plans, against.low)
        if not 0 < size < math.inf:
            break
        at = size if look else TRIED * size
        question = model.question(zone, least, at)
        enough = None if look else against.decided
        worth = min(cost - against.low for cost, output in plans if output > 0)
        until = partial(looked_enough, against.low, ROUGH * max(worth, 0.0))
        found = model.solve(question, zone, known, enough=enough, look=look, look_until=until,
                            prove=not look, **options)  # fmt: skip
        if not look and math.isfinite(found.bound):
            bounds.append((at, found.bound))
        if found.x is None:
            break
        output = model.output(zone, found.x)
        plans.append((found.objective + at * output / 1e6, output))
        reached = enough_subsidy(plans, against.low)
        better = reached < size * (1 - 1e-4)
        if better:
            best = found.x
            known = [*known[:2], found.x]
        elif look:
            known = [*known[:2], found.x]
        if not look and not better:
            break
        look = look and reached < size * (1 - ROUGH)
    return best


def looked_enough(low: float, little: float, plan: float, bound: float) -> bool:
    """Say whether a look for plans that cost less than ``low`` can end.

    Either none of those that are looked through saves more than ``little``, or the plan at hand
    saves most of what any of them can.
    """
    return bound >= low - little or low - plan >= NEAR_BEST * (low - bound)


def _verified(
    context: Context,
    case: Case,
    model: ZoneModel,
    zone: str,
    x: np.ndarray,
    plans: list[tuple[float, float]],
) -> Plan | None:
    """Return the plan of column values if it holds, and leave only it and the first in ``plans``.

    The others were steps on the way to it; nothing is said of them.
    """
    from optimizer.plan.verify import verify_plan

    if not model.fits(x):
        return None
    asked = model.question(zone, float(json.loads(case.data)["least_mcny"]))
    plan = read_plan(model, x, asked, case.question, -math.inf)
    plan = replace(plan, bound=min(float(json.loads(case.data)["bound"]), plan.objective))
    if not verify_plan(context.instance_of(case), plan).ok:
        return None
    plans[:] = [plans[0], (plan.objective, _output(plan, zone))]
    return plan


def _by_usual(
    context: Context,
    case: Case,
    against: Against,
    plans: list[tuple[float, float]],
    bounds: list[tuple[float, float]],
) -> Plan | None:
    """Fill plans and bounds by solving the subsidised instance as any other."""
    from optimizer.api import solve
    from optimizer.studies.worker import SEED, THREADS

    zone, tried, best = json.loads(case.data)["zone"], math.inf, None
    for _ in range(ROUNDS):
        size = enough_subsidy(plans, against.low)
        if not 0 < size < tried * (1 - 1e-4):
            break
        tried = size
        at = TRIED * size
        result = solve(
            subsidised(context.instance_of(case), zone, at), case.question,
            gap=max(case.gap, USUAL), time_limit_s=case.time_limit_s, threads=THREADS, seed=SEED,
            explain=False, start=context.start_of(case), cancel=context.cancel,
        )  # fmt: skip
        if not result.has_plan:
            break
        bounds.append((at, min(result.bound, result.objective)))
        output = _output(result.plan, zone)
        plans.append((result.objective + at * output / 1e6, output))
        if enough_subsidy(plans, against.low) < size:
            best = result.plan
    return best


def _output(plan: Plan, zone: str) -> float:
    return _outputs(plan).get(zone, 0.0)


def _outputs(plan: Plan) -> dict[str, float]:
    """Return the output of every zone that has some, mcny a year."""
    output: dict[str, float] = {}
    for move in plan.moves:
        output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
    return output
