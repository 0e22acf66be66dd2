"""Whether each zone is in the best plan of a draw, on a worker: one model, a question per zone.

The plan of the draw is solved closer first: a zone is worth a few ten-thousandths of the whole
cost, so that a gap of a thousandth decides nothing. Then each of its zones is shut and each other
one that is asked for is forced in, until the bound is above the cost of the plan (the zone is in,
or out, for sure) or a plan is not above its bound (then it does not matter).
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optimizer.plan.plan import Plan, Status
from optimizer.studies.case import Case
from optimizer.studies.parks_counter import presence
from optimizer.studies.parks_solves import Against, read_plan, zone_model

if TYPE_CHECKING:
    from optimizer.engine.forced import ZoneModel
    from optimizer.studies.worker import Context

DECIDE = "optimizer.studies.tornado_zones:decide"


def decide(context: Context, case: Case) -> dict[str, Any]:
    """Return the plan of a draw, closer, and bounds on its cost with zones shut or forced in.

    ``case.start`` is the plan at hand, ``case.data`` the zones that are asked for besides those of
    the plan. Where the model of all zones cannot be used, no zone has a bound.
    """
    plan = context.plans[case.start]
    model = zone_model(context, case.overrides)
    shut: dict[str, float] = {}
    forced: dict[str, float] = {}
    if model.is_complete:
        plan = _closer(context, case, model, plan)
        against = Against(plan.bound, plan.objective, exact=False)
        mine = set(plan.open_zones)
        for zone in sorted(mine | set(json.loads(case.data))):
            if not model.knows(zone):
                continue
            least = None if zone in mine else presence(context.instance_of(case), zone)
            found = model.solve(
                model.question(zone, least),
                zone,
                [plan],
                gap=case.gap,
                enough=against.decided,
                time_limit_s=case.time_limit_s,
                cancel=context.cancel,
            )
            bound = math.inf if found.status is Status.INFEASIBLE else found.bound
            (shut if zone in mine else forced)[zone] = bound
    return {
        "status": str(plan.status), "stop_reason": plan.stop_reason, "objective": plan.objective,
        "bound": plan.bound, "plan": plan, "shut": shut, "open": forced,
    }  # fmt: skip


def _closer(context: Context, case: Case, model: ZoneModel, first: Plan) -> Plan:
    """Return the best plan of the draw that is known and holds, with the best bound."""
    from optimizer.plan.verify import verify_plan

    whole = model.question(None, None)
    found = model.solve(
        whole, None, [first], gap=case.gap, time_limit_s=case.time_limit_s, cancel=context.cancel
    )
    best = first
    if found.x is not None and model.fits(found.x):
        plan = read_plan(model, found.x, whole, case.question, found.bound)
        if plan.objective < first.objective and verify_plan(context.instance_of(case), plan).ok:
            best = plan
    proven = max((b for b in (first.bound, found.bound) if math.isfinite(b)), default=-math.inf)
    best = replace(best, bound=min(proven, best.objective))
    near = best.objective - best.bound <= case.gap * abs(best.objective)
    status = Status.OPTIMAL if near else Status.FEASIBLE
    said = "gap reached" if near else "time limit"
    return replace(best, status=status, stop_reason=said)
