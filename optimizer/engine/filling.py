"""Trains that goods could take only to fill them: what the list of routes leaves open.

Routes are listed for what they save. Goods that lose by a service can still be worth sending with
it, where they help it to its least load and others gain more than they lose. Such routes are not
in the model, so that its bound does not speak of these plans; `may_be_filled` says where they
cannot be ruled out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from optimizer.engine.screen import hopeless
from optimizer.model.base import Commodity, SitingModel, base_usage
from optimizer.model.routes import route_usage, route_weight

if TYPE_CHECKING:
    from optimizer.engine.root import Relaxation

SLACK = 1e-9


def may_be_filled(relaxation: Relaxation) -> list[str]:
    """Return ids of services that a better plan than the model's could fill; none if ruled out.

    While no capacity binds, a plan can shut a service and send its goods their base ways. If with
    fewer TEU than its least load the goods that gain save less than it costs, then no best plan
    fills it with others. That is not said of a service that must run, nor of one whose routes
    use a second service with a least load.
    """
    m = relaxation.m
    if not relaxation.all_listed:
        return []  # no price of a least load is in that bound (`Relaxation.bound`)
    index, today = m.resources.index, m.resources.today
    least = {
        index["service", s.service_id]: s
        for s in m.problem.table("services").itertuples()
        if s.min_load_teu_per_year > 0 and ("service", s.service_id) in index
    }
    least = {r: s for r, s in least.items() if not today[r]}
    asked = {n for kind, n, count in m.problem.question.least if kind == "service" and count > 0}
    is_bound_by_cost = m.by_cost and relaxation.mixed is None
    is_bound_by_cost &= not any(today[r] > 0 for r in relaxation.resources)
    routes = [*relaxation.routes, *relaxation.held_back]
    saved = _savings(m, least.keys(), routes)
    if is_bound_by_cost and saved:
        never = hopeless(m, routes, least_loads=False)  # whoever fills them
        saved = {r: most for r, most in saved.items() if r not in never}
    found = []
    for r, most in saved.items():
        service = least[r]
        cost = float(service.fixed_mcny_per_year)
        if (
            service.service_id in asked
            or not is_bound_by_cost
            or most * float(service.min_load_teu_per_year) >= cost * (1 - SLACK)
        ):
            found.append(service.service_id)
    return sorted(found)


def _savings(
    m: SitingModel,
    services: Iterable[int],
    routes: Iterable[tuple[Commodity, tuple[int, ...]]],
) -> dict[int, float]:
    """Return the most that one TEU saves on each service, mcny; inf where that is not known."""
    services = set(services)
    most: dict[int, float] = {}
    for commodity, arcs in routes:
        used = [r for r, count in route_usage(m, commodity, arcs).items() if count > 0]
        mine = services.intersection(used)
        if not mine:
            continue
        needs = any(m.resources.today[r] == 0 for r in base_usage(m, commodity))
        for r in mine:
            count = route_usage(m, commodity, arcs)[r]
            saving = -route_weight(m, commodity, arcs) / 1e6 / count
            if needs or len(mine) > 1:
                saving = float("inf")
            most[r] = max(most.get(r, 0.0), saving)
    return most
