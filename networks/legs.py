"""Routes as people read them: legs with places, regime, money, hours and emissions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from networks.network import Goods, Network


@dataclass(frozen=True, slots=True)
class Leg:
    """One arc of a route. ``regime`` is that at its end, ``from_regime`` that at its start.

    ``cost_cny_per_teu`` is money, ``generalised_cost_cny_per_teu`` adds inventory, reliability and
    emission. ``source`` and ``grade`` are those of the table row that the arc key names.
    """

    from_id: str
    to_id: str
    from_name: str
    to_name: str
    kind: str
    mode: str  # link: its mode; transfer: from>to; customs: the yard where it happens
    from_regime: str
    regime: str
    km: float
    cost_cny_per_teu: float
    generalised_cost_cny_per_teu: float
    hours: float
    sd_hours: float
    co2e_kg_per_teu: float
    name: str
    service_id: str
    source: str
    grade: str
    arc_key: str

    def to_dict(self) -> dict[str, Any]:
        """Return the leg as plain data, ``from`` and ``to`` being place ids."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {"from": values.pop("from_id"), "to": values.pop("to_id"), **values}


@dataclass(frozen=True, slots=True)
class Route:
    """Legs in travel order. Every total is the sum over the legs."""

    legs: tuple[Leg, ...]

    def _total(self, name: str) -> float:
        return math.fsum(getattr(leg, name) for leg in self.legs)

    @property
    def km(self) -> float:
        """Length of all links, km."""
        return self._total("km")

    @property
    def cost_cny_per_teu(self) -> float:
        """Money, CNY per TEU."""
        return self._total("cost_cny_per_teu")

    @property
    def generalised_cost_cny_per_teu(self) -> float:
        """Money, inventory, reliability and emission, CNY per TEU."""
        return self._total("generalised_cost_cny_per_teu")

    @property
    def hours(self) -> float:
        """Mean door-to-door hours, waiting included."""
        return self._total("hours")

    @property
    def sd_hours(self) -> float:
        """Standard deviation of hours, summed as if the legs were fully correlated."""
        return self._total("sd_hours")

    @property
    def co2e_kg_per_teu(self) -> float:
        """Emissions, kg CO2e per TEU."""
        return self._total("co2e_kg_per_teu")

    @property
    def arc_keys(self) -> tuple[str, ...]:
        """The arcs in travel order, as a plan's flow names them."""
        return tuple(leg.arc_key for leg in self.legs)

    def to_dict(self) -> dict[str, Any]:
        """Return totals and legs as plain data."""
        totals = (
            "cost_cny_per_teu",
            "generalised_cost_cny_per_teu",
            "hours",
            "sd_hours",
            "co2e_kg_per_teu",
            "km",
        )
        return {
            **{name: getattr(self, name) for name in totals},
            "legs": [leg.to_dict() for leg in self.legs],
        }


class RouteReader:
    """Turns lists of arcs into routes for one kind of goods; arrays are computed once."""

    def __init__(self, network: Network, goods: Goods) -> None:
        self.network = network
        self._numbers = {
            "km": network.km,
            "cost_cny_per_teu": network.money(goods),
            "generalised_cost_cny_per_teu": network.generalised_cost(goods),
            "hours": network.hours,
            "sd_hours": network.sd_hours,
            "co2e_kg_per_teu": network.co2e_kg(goods),
        }
        places = network.tables["places"]
        self._names = dict(zip(places["place_id"], places["name"], strict=True))
        self._texts: dict[tuple[str, str], list[str]] = {}

    def route(self, arcs: Iterable[int]) -> Route:
        """Return the route of arcs given in travel order."""
        return Route(tuple(self._leg(arc) for arc in arcs))

    def _text(self, arc: int, column: str) -> str:
        """Return a text cell of the arc's table row, empty where the table has no such column."""
        table = str(self.network.element_table[arc])
        if (table, column) not in self._texts:
            rows = self.network.tables[table]
            cells = rows[column].tolist() if column in rows else [""] * len(rows)
            self._texts[table, column] = cells
        return str(self._texts[table, column][int(self.network.element_row[arc])])

    def _leg(self, arc: int) -> Leg:
        network = self.network
        tail_id, _, from_regime = network.node_keys[network.tail[arc]]
        head_id, _, regime = network.node_keys[network.head[arc]]
        service = int(network.arc_service[arc])
        return Leg(
            from_id=tail_id,
            to_id=head_id,
            from_name=self._names[tail_id],
            to_name=self._names[head_id],
            kind=str(network.kind[arc]),
            mode=str(network.mode[arc]),
            from_regime=from_regime,
            regime=regime,
            **{name: float(values[arc]) for name, values in self._numbers.items()},
            name=self._text(arc, "name"),
            service_id=network.service_ids[service] if service >= 0 else "",
            source=self._text(arc, "source"),
            grade=self._text(arc, "grade"),
            arc_key=network.arc_keys[arc],
        )
