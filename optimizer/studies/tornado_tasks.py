"""What workers do for `tornado` besides solving: price the base plan again, bound single zones."""

from __future__ import annotations

import math
from typing import Any

from optimizer.studies.case import Case
from optimizer.studies.worker import Context

REPRICED = "optimizer.studies.tornado_tasks:repriced"
PRESENCE = "optimizer.studies.tornado_tasks:presence"


def repriced(context: Context, case: Case) -> dict[str, Any]:
    """Cost of the base plan under the overrides of a case, decisions and routes kept.

    It is what the optimum is at most, also with the siting kept: goods can only find better ways.
    Infinite with the reasons where the plan is none there, which proves nothing.
    """
    from optimizer.studies.compare import reprice

    if not context.base.has_plan:
        return {"status": "feasible", "objective": math.inf, "reasons": ["there is no base plan"]}
    plan = context.base.plan
    lines, reasons = reprice(context.instance_of(case), plan, plan)
    cost = math.inf if lines is None else math.fsum(v for parts in lines.values() for v in parts)
    return {"status": "feasible", "objective": cost, "reasons": reasons[:3]}


def presence(context: Context, case: Case) -> dict[str, Any]:
    """Bounds on the cost with each zone shut and open, from the prices of the plan's certificate.

    They need no solve. A zone is decided where one of them is above the cost of the plan.
    """
    from optimizer.plan.verify.books import books_of
    from optimizer.plan.verify.certificate import Bound
    from optimizer.plan.verify.prices import read_prices
    from optimizer.plan.verify.reach import Reach
    from optimizer.plan.verify.routes import EndlessRouteError
    from optimizer.plan.verify.verdict import Findings

    plan = context.plans[case.start]
    books = books_of(context.instance_of(case))
    prices = None
    if plan.certificate.get("kind") == "lagrangian":
        prices = read_prices(books.facts, plan.question, plan.certificate, Findings())
    bounds: dict[str, tuple[float, float]] = {}
    if prices is not None:
        try:
            bounds = Bound(Reach(books, plan.question), prices).zone_bounds()
        except EndlessRouteError:
            bounds = {}
    return {
        "status": "feasible",
        "objective": plan.objective,
        "shut": {z: low for z, (low, _) in bounds.items()},
        "open": {z: low for z, (_, low) in bounds.items()},
    }
