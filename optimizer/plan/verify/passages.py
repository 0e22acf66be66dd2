"""Prices on passing what only certain projects open, cell by cell: the strongest of the gate rows.

A *passage* is a set of projects with all rows of links, transfers and customs that these projects
open and no others. docs/verify.md proves that the rows priced here hold for every plan, and that
the cost found for goods is not above that of any route.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import product

import numpy as np

from optimizer.plan.verify.facts import OPENING_EFFECTS, Facts
from optimizer.plan.verify.gates import Gates
from optimizer.plan.verify.goods import MCNY
from optimizer.plan.verify.prices import Prices
from optimizer.plan.verify.reach import Reach
from optimizer.plan.verify.routes import Routes

SERVICE = "="  # stands before the id of a service among passages; no id begins so
MOST_BITS = 62  # what comes later shares the last bit
MOST_TOGETHER = 3  # passages whose choices are tried one by one; the cheaper ones count as free
Cell = tuple[str, str, str]  # zone, industry, form


def passage_of(facts: Facts, kind: str, row_id: str) -> str:
    """Return the name of the passage of a row: its projects in table order, ';' between them."""
    openers = set(facts.openers.get((OPENING_EFFECTS[kind], row_id), ()))
    return ";".join(project_id for project_id in facts.project if project_id in openers)


def passages(facts: Facts) -> set[str]:
    """Return the names of all passages of an instance."""
    found = {
        passage_of(facts, kind, element)
        for effect, element in facts.openers
        for kind, opening in OPENING_EFFECTS.items()
        if effect == opening
    }
    return found - {""}


class Passages:
    """What goods pay at least when passages and services have prices, and what projects earn.

    A service that is one link is treated like a passage: without it, routes are those of the
    network alone, whatever its price, and need not be sought again for every plan.
    """

    def __init__(self, reach: Reach, gates: Gates, usable: np.ndarray, prices: Prices) -> None:
        self.reach, self.usable = reach, usable
        arcs = reach.network.arcs
        self.name = np.array([
            passage_of(reach.facts, arc.kind, arc.row_id) if arc.needs_project else ""
            for arc in arcs
        ], dtype=object)  # fmt: skip
        self.all_goods = {name: MCNY * price for name, price in prices.passage.items() if price}
        surcharge = gates.surcharge + np.array([
            MCNY * math.fsum(prices.bottleneck.get(b, 0.0) for b in arc.bottlenecks)
            for arc in arcs
        ])  # fmt: skip
        self.service = np.array([arc.service_id for arc in arcs], dtype=object)
        for service_id, price in prices.service.items():
            numbers = np.flatnonzero(self.service == service_id)
            if price and len(self.all_goods) < MOST_TOGETHER - 1 and self._is_one_link(numbers):
                self.all_goods[SERVICE + service_id] = MCNY * price
            elif price:
                surcharge[numbers] += MCNY * price
        self.surcharge = surcharge  # CNY per TEU by arc: all that is priced besides
        self.own = gates.own
        self.of_cell: dict[Cell, dict[str, dict[str, float]]] = {}  # goods -> passage -> CNY/TEU
        self.worth: dict[str, float] = defaultdict(float)  # by project, mcny a year
        for name, price in prices.passage.items():
            self._credit(name, price * reach.total_teu)
        self._price_cells(prices)
        self._routes: dict[frozenset[str], Routes] = {}
        self.bit, self.marks = self._bits()

    def _bits(self) -> tuple[dict[str, int], np.ndarray]:
        """Return a bit for each passage and each service, and those of every arc."""
        names = sorted({*self.name, *(SERVICE + s for s in self.service if s)} - {""})
        bit = {name: 1 << min(n, MOST_BITS) for n, name in enumerate(names)} | {"": 0}
        marks = [
            bit[name] | bit[SERVICE + service if service else ""]
            for name, service in zip(self.name, self.service, strict=True)
        ]
        return bit, np.array(marks, dtype=np.int64)

    def _is_one_link(self, numbers: np.ndarray) -> bool:
        """Return whether no route passes these arcs twice, so that a passage pays once."""
        arcs = [self.reach.network.arcs[n] for n in numbers.tolist()]
        return len({arc.row_id for arc in arcs}) == 1 and not any(a.needs_project for a in arcs)

    def _price_cells(self, prices: Prices) -> None:
        reach = self.reach
        teu: dict[tuple[str, str], dict[str, float]] = {}
        for (name, *ids, key), price in prices.passage_goods.items():
            zone_id, industry_id, form_id = cell = (ids[0], ids[1], ids[2])
            if (industry_id, form_id) not in teu:
                kinds = reach.goods.kinds(form_id, industry_id, True)
                teu[industry_id, form_id] = {kind.key: kind.teu_per_mcny for kind in kinds}
            most = min(reach.most_output(zone_id, industry_id), reach.total[industry_id])
            self._credit(name, price * most * teu[industry_id, form_id].get(key, 0.0))
            if price:
                goods = self.of_cell.setdefault(cell, {}).setdefault(key, {})
                goods[name] = goods.get(name, 0.0) + MCNY * price

    def _credit(self, name: str, mcny: float) -> None:
        """Each project of a passage lets that much through."""
        for project_id in name.split(";"):
            self.worth[project_id] += mcny

    def routes(self, shut: frozenset[str] = frozenset()) -> Routes:
        """Return the routes that avoid some passages; what these cost is left out."""
        if shut not in self._routes:
            reach = self.reach
            usable, whole = self.usable.copy(), reach.books.usable_ever(()).copy()
            for name in shut:
                other = self.service != name[1:] if name[0] == SERVICE else self.name != name
                usable &= other
                whole &= other
            marks = None if shut else self.marks
            if self.own or self.surcharge.any():
                routes = Routes(
                    reach.network, reach.goods, usable, self.surcharge, self.own, marks=marks
                )
            else:
                routes = reach.books.routes(usable, whole, marks)
            self._routes[shut] = routes
        return self._routes[shut]

    def _avoiding(
        self, shut: frozenset[str], host: tuple[str, str, str], which: list[int]
    ) -> np.ndarray:
        """Return the least costs without some passages; kept with the routes for later plans."""
        known, key = self.routes().avoiding, (shut, host, tuple(which))
        if key not in known:
            known[key] = self._without(shut, host, which)
        return known[key]

    def _without(
        self, shut: frozenset[str], host: tuple[str, str, str], which: list[int]
    ) -> np.ndarray:
        """Return the least costs without some passages; most ways do not use them anyway."""
        costs = self.routes().costs(*host, which)
        bits = 0
        for name in shut:
            bits |= self.bit.get(name, 0)
        used = np.flatnonzero(self.routes().passed(*host, which) & bits)
        if len(used):
            costs[used] = self.routes(shut).costs(*host, [which[k] for k in used.tolist()])
        return costs

    def cost_per_mcny(self, zone_id: str, form_id: str, industry_id: str) -> float:
        """Return what all goods of one million CNY of output cost at least, CNY.

        A route passes some of the passages and avoids the others. For every choice of those that
        are avoided: the least cost without them, and the prices of all others. The least of these
        is at most what any route costs.
        """
        host = (zone_id, form_id, industry_id)
        of_cell = self.of_cell.get((zone_id, industry_id, form_id), {})
        if not of_cell and not self.all_goods:
            return self.routes().cost_per_mcny(*host)
        kinds = self.reach.goods.kinds(form_id, industry_id, self.reach.facts.in_china(zone_id))
        by_names: dict[tuple[str, ...], list[int]] = defaultdict(list)
        paid: list[dict[str, float]] = []
        most_of_all = self._dearest(self.all_goods)
        for k, kind in enumerate(kinds):
            own = of_cell.get(kind.key)
            if not own:
                paid.append(self.all_goods)
                by_names[most_of_all].append(k)
                continue
            price = dict(self.all_goods)
            for name, cny in own.items():
                price[name] = price.get(name, 0.0) + cny
            paid.append(price)
            by_names[self._dearest(price)].append(k)
        costs = np.zeros(len(kinds))
        for names, which in by_names.items():
            price_of = np.array([[paid[k][name] for name in names] for k in which])
            least = np.full(len(which), math.inf)
            for avoided in product((False, True), repeat=len(names)):
                shut = frozenset(name for name, no in zip(names, avoided, strict=True) if no)
                found = self._avoiding(shut, host, which)
                least = np.minimum(least, found + price_of @ (1.0 - np.array(avoided)))
            costs[which] = least
        return math.fsum(k.teu_per_mcny * c for k, c in zip(kinds, costs.tolist(), strict=True))

    @staticmethod
    def _dearest(price: Mapping[str, float]) -> tuple[str, ...]:
        """Return the names with the highest prices, `MOST_TOGETHER` of them, sorted."""
        return tuple(sorted(sorted(price, key=price.__getitem__)[-MOST_TOGETHER:]))
