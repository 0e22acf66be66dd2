"""The route query: from, to, goods and closures in people's words; routes or a reason out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from instances.errors import OptimizerError
from networks.blocked import Opening, Reach, smallest_blocking_set, smallest_opening_set
from networks.cargo import find_goods
from networks.closures import closing_ids
from networks.ends import End, find_end
from networks.k_best import k_best_routes
from networks.legs import Leg, Route, RouteReader
from networks.network import By, Goods, Network, build_network
from networks.pareto import pareto_routes

__all__ = [
    "Leg",
    "NoRouteError",
    "Route",
    "RouteAnswer",
    "find_routes",
    "k_best_routes",
    "pareto_routes",
]


class NoRouteError(OptimizerError):
    """A route was asked of an answer that has none."""


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """Routes, the best first, or why there is none."""

    start: End
    end: End
    goods: Goods
    by: str  # what is minimised; for a Pareto front the criteria
    pareto: bool
    closed: tuple[str, ...]
    routes: tuple[Route, ...]
    blocked_by: tuple[str, ...] = ()  # a smallest part of the closures that leaves no route
    opened_by: tuple[Opening, ...] | None = ()  # what would open one; None: nothing would
    reason: str = ""  # the two above in a sentence; empty where there are routes

    @property
    def notes(self) -> tuple[str, ...]:
        """How the names were read, where that was a choice."""
        return tuple(end.note for end in (self.start, self.end) if end.note)

    @property
    def best(self) -> Route:
        """The first route. Raises `NoRouteError` with the reason when there is none."""
        if not self.routes:
            raise NoRouteError(self.reason)
        return self.routes[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data for JSON."""
        goods = self.goods
        return {
            "from": _end_dict(self.start),
            "to": _end_dict(self.end),
            "goods": {name: getattr(goods, name) for name in goods.__slots__},
            "by": self.by,
            "pareto": self.pareto,
            "closed": list(self.closed),
            "routes": [route.to_dict() for route in self.routes],
            "blocked_by": list(self.blocked_by),
            "opened_by": None if self.opened_by is None else [str(o) for o in self.opened_by],
            "reason": self.reason,
            "notes": list(self.notes),
        }


def find_routes(
    network: Network | Any,
    from_: str,
    to_: str,
    *,
    goods: Goods | str | None = None,
    value_cny_per_teu: float | None = None,
    tonnes_per_teu: float | None = None,
    k: int = 1,
    by: By = "generalised",
    closed: Iterable[str] = (),
    pareto: bool | Sequence[By] = False,
    projects: Iterable[str] | str = (),
    services: str | Iterable[str] = "today",
    from_regime: str | None = None,
    to_regime: str | None = None,
    distinct: str = "links",
) -> RouteAnswer:
    """Return the k best routes between two places, or the whole Pareto front.

    Parameters
    ----------
    network
        A `Network`, or an instance to build it from.
    from_, to_
        Ids or names, English or Chinese.
    goods
        `Goods`, or words for `networks.cargo.find_goods`; by default a general container.
    value_cny_per_teu, tonnes_per_teu
        Replace those of the goods.
    pareto
        True: the front of money, hours and CO2e; or the criteria themselves.
    closed
        Ids or names of places, links, transfers, customs, corridors, services, bottlenecks, modes.
    from_regime, to_regime
        By default domestic in China and foreign abroad.
    distinct
        What makes two routes different: ``regimes``, ``links`` or ``hauls``; see `k_best_routes`.
    """
    if isinstance(projects, str) and projects != "all":
        projects = (projects,)
    projects = projects if isinstance(projects, str) else tuple(projects)
    services = services if isinstance(services, str) else tuple(services)
    closed = (closed,) if isinstance(closed, str) else tuple(closed)
    instance = network
    if not isinstance(network, Network):
        network = build_network(instance)
    cargo = find_goods(network.tables, goods, value_cny_per_teu, tonnes_per_teu)
    start = find_end(network, from_, from_regime)
    end = find_end(network, to_, to_regime)
    ids = tuple(closing_ids(network, closed))
    criteria: tuple[By, ...] = ("cost", "hours", "co2")
    if not isinstance(pareto, bool):
        criteria, pareto = tuple(pareto), True
    mask = network.available(closed=ids, projects=projects, services=services)
    if set(start.nodes) & set(end.nodes):
        found: list[list[int]] = [[]]  # there already; every other route would be a detour back
    elif pareto:
        found = pareto_routes(network, mask, cargo, start.nodes, end.nodes, criteria)
    else:
        weights = network.weights(cargo, by)
        found = k_best_routes(network, mask, weights, start.nodes, end.nodes, k, distinct=distinct)
    reader = RouteReader(network, cargo)
    why = {} if found else _why_none(network, start, end, ids, projects, services)
    return RouteAnswer(
        start=start,
        end=end,
        goods=cargo,
        by=", ".join(criteria) if pareto else by,
        pareto=pareto,
        closed=ids,
        routes=tuple(reader.route(arcs) for arcs in found),
        **why,
    )


def _end_dict(end: End) -> dict[str, Any]:
    return {
        "place_id": end.place_id,
        "name": end.name,
        "regime": end.regime,
        "at_gate": end.at_gate,
    }


def _why_none(
    network: Network,
    start: End,
    end: End,
    closed: tuple[str, ...],
    projects: tuple[str, ...] | str,
    services: tuple[str, ...] | str,
) -> dict[str, Any]:
    """Return blocked_by, opened_by and reason of an answer without routes."""
    head = f"No route from {start.name} ({start.regime}) to {end.name} ({end.regime})."
    reach = Reach(network, start.nodes, end.nodes)
    open_mask = network.available(projects=projects, services=services)
    blocked_by = smallest_blocking_set(network, open_mask, closed, reach) if closed else None
    if blocked_by:
        which = ", ".join(blocked_by)
        reason = f"{head} A smallest set of closures that blocks it: {which}."
        return {"blocked_by": blocked_by, "reason": reason}
    whole = build_network(network.instance, closed_too=True)
    opened_by = smallest_opening_set(whole, closed, projects, services, start.nodes, end.nodes)
    if opened_by:
        which = ", ".join(map(str, opened_by))
        kept = " while the closures asked for stay" if closed else ""
        reason = f"{head} A smallest set of missing elements that would open one{kept}: {which}."
    else:
        seen = reach.nodes(open_mask)
        places = {network.place_ids[p] for p in network.node_place[seen]}
        found = (
            f"{end.name} can be reached, but not in the regime {end.regime}"
            if end.place_id in places
            else f"{len(places)} of {len(network.place_ids)} places can be reached, not this one"
        )
        reason = f"{head} No closed link, project or service would open one: {found}."
    return {"opened_by": opened_by or None, "reason": reason}
