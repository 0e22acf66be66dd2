"""Prices on passing what only certain projects open, cell by cell: the strongest of the gate rows.

A *passage* is a set of projects with all rows of links, transfers and customs that these projects
open and no others. docs/verify.md proves that the rows priced here hold for every plan, and that
the cost found for goods is not above that of any route.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from optimizer.plan.verify.facts import OPENING_EFFECTS, Facts
from optimizer.plan.verify.gates import Gates
from optimizer.plan.verify.goods import MCNY
from optimizer.plan.verify.prices import Prices
from optimizer.plan.verify.reach import Reach
from optimizer.plan.verify.routes import Routes

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
    """What goods pay at least when passages have prices, and what their projects earn."""

    def __init__(self, reach: Reach, gates: Gates, usable: np.ndarray, prices: Prices) -> None:
        self.reach, self.usable = reach, usable
        self.surcharge = gates.surcharge  # CNY per TEU by arc: all that is priced besides passages
        self.own = gates.own
        self.all_goods = {name: MCNY * price for name, price in prices.passage.items() if price}
        self.of_cell: dict[Cell, dict[str, dict[str, float]]] = {}  # goods -> passage -> CNY/TEU
        self.worth: dict[str, float] = defaultdict(float)  # by project, mcny a year
        for name, price in prices.passage.items():
            self._credit(name, price * reach.total_teu)
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
                goods[name] = MCNY * price
        self._without: dict[frozenset[str], Routes] = {}
        arcs = reach.network.arcs
        self._name = [
            passage_of(reach.facts, arc.kind, arc.row_id) if arc.needs_project else ""
            for arc in arcs
        ]

    def _credit(self, name: str, mcny: float) -> None:
        """Each project of a passage lets that much through."""
        for project_id in name.split(";"):
            self.worth[project_id] += mcny

    def routes(self, shut: frozenset[str] = frozenset()) -> Routes:
        """Return the routes that avoid some passages; prices on passages are left out."""
        if shut not in self._without:
            usable = self.usable
            if shut:
                usable = usable & np.array([name not in shut for name in self._name], dtype=bool)
            if self.own or self.surcharge.any():
                reach = self.reach
                self._without[shut] = Routes(
                    reach.network, reach.goods, usable, self.surcharge, self.own
                )
            else:
                self._without[shut] = self.reach.books.routes(usable)
        return self._without[shut]

    def cost_per_mcny(self, zone_id: str, form_id: str, industry_id: str) -> float:
        """Return at most what all goods of one mcny of output cost on any routes, CNY.

        A route that avoids the cheapest passages and passes the next pays that one's price at
        least; the least over all of these cases is below every route.
        """
        host = (zone_id, form_id, industry_id)
        of_cell = self.of_cell.get((zone_id, industry_id, form_id), {})
        if not of_cell and not self.all_goods:
            return self.routes().cost_per_mcny(*host)
        in_china = self.reach.facts.in_china(zone_id)
        kinds = self.reach.goods.kinds(form_id, industry_id, in_china)
        costs = self.routes().costs(*host)
        by_order: dict[tuple[str, ...], list[int]] = defaultdict(list)
        price = np.zeros((len(kinds), 0))
        names = sorted({*self.all_goods, *(name for goods in of_cell.values() for name in goods)})
        price = np.array([
            [self.all_goods.get(n, 0.0) + of_cell.get(kind.key, {}).get(n, 0.0) for n in names]
            for kind in kinds
        ]).reshape(len(kinds), len(names))  # fmt: skip
        for k in range(len(kinds)):
            paid = np.flatnonzero(price[k] > 0)
            if len(paid) and kinds[k].far is not None:
                order = paid[np.argsort(price[k, paid], kind="stable")]
                by_order[tuple(names[n] for n in order)].append(k)
        for order, goods in by_order.items():
            least = np.full(len(goods), math.inf)
            shut: frozenset[str] = frozenset()
            for name in order:
                some = self.routes(shut).costs(*host)[goods]
                least = np.minimum(least, some + price[goods, names.index(name)])
                shut |= {name}
            costs[goods] = np.minimum(least, self.routes(shut).costs(*host)[goods])
        return math.fsum(kind.teu_per_mcny * c for kind, c in zip(kinds, costs, strict=True))
