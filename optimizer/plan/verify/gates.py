"""Prices on what projects open: goods pass a gate only if a project that opens it is built.

A *gate* is a row of links, transfers or customs that needs a project. docs/verify.md proves that
the two rows priced here hold for every plan.
"""

from __future__ import annotations

import math

import numpy as np

from optimizer.plan.verify.arcs import Arc, Network, Node
from optimizer.plan.verify.facts import OPENING_EFFECTS, Facts
from optimizer.plan.verify.goods import MCNY, GoodsBook
from optimizer.plan.verify.prices import Gate, Prices


class Gates:
    """What the prices of gates add to arcs, CNY per TEU, and take off projects, mcny a year.

    ``surcharge`` is by arc, for all goods; ``own`` by goods key and arc.
    """

    def __init__(
        self,
        facts: Facts,
        network: Network,
        goods: GoodsBook,
        prices: Prices,
        usable: np.ndarray,
    ) -> None:
        self.facts = facts
        self.arcs = list(network.arc.values())
        self.surcharge = np.zeros(len(network.arc))
        self.own: dict[str, np.ndarray] = {}
        self.worth: dict[str, float] = {}  # by project
        if not prices.gate and not prices.gate_goods:
            return
        arcs: dict[Gate, list[int]] = {}
        for number in _on_some_route(facts, goods, self.arcs, usable):
            arc = self.arcs[number]
            arcs.setdefault((arc.kind, arc.row_id), []).append(number)
        teu = _teu_by_goods(facts, goods)
        total = math.fsum(teu.values())
        for gate, price in prices.gate.items():
            numbers = arcs.get(gate, [])
            self.surcharge[numbers] += MCNY * price
            self._credit(gate, price * self._most(gate, numbers, total))
        for (kind, row_id, key), price in prices.gate_goods.items():
            numbers = arcs.get((kind, row_id), [])
            if key not in self.own:
                self.own[key] = np.zeros(len(network.arc))
            self.own[key][numbers] += MCNY * price
            most = self._most((kind, row_id), numbers, teu.get(key, 0.0))
            self._credit((kind, row_id), price * most)

    def _credit(self, gate: Gate, value: float) -> None:
        """Each project that opens the gate lets that much through."""
        for project_id in self.facts.openers[OPENING_EFFECTS[gate[0]], gate[1]]:
            self.worth[project_id] = self.worth.get(project_id, 0.0) + value

    def _most(self, gate: Gate, numbers: list[int], teu: float) -> float:
        """Return TEU that can pass the gate at most, of goods that are ``teu`` a year in all.

        A route visits no node twice, so it passes between two nodes once; and every passage counts
        at each bottleneck that the row names.
        """
        most = teu * len({frozenset((self.arcs[n].tail, self.arcs[n].head)) for n in numbers})
        if numbers:
            for bottleneck_id in self.arcs[numbers[0]].bottlenecks:
                added = self.facts.additions.get(("adds_bottleneck_teu", bottleneck_id), {})
                room = self.facts.bottleneck[bottleneck_id]["capacity_teu_per_year"]
                most = min(most, room + math.fsum(added.values()))
        return most


def _on_some_route(
    facts: Facts, goods: GoodsBook, arcs: list[Arc], usable: np.ndarray
) -> list[int]:
    """Return the arcs that lie between the ends of goods of zones, over arcs that may be used."""
    tails: set[Node] = set()
    heads: set[Node] = set()
    for zone_id, industry_id in facts.eligible:
        for form_id in facts.form:
            for g in goods.of(zone_id, form_id, industry_id).values():
                if g.tail is not None and g.head is not None:
                    tails.add(g.tail)
                    heads.add(g.head)
    numbers = np.flatnonzero(usable).tolist()
    ahead: dict[Node, list[Node]] = {}
    behind: dict[Node, list[Node]] = {}
    for n in numbers:
        ahead.setdefault(arcs[n].tail, []).append(arcs[n].head)
        behind.setdefault(arcs[n].head, []).append(arcs[n].tail)
    between = _reached(tails, ahead) & _reached(heads, behind)
    return [n for n in numbers if arcs[n].tail in between and arcs[n].head in between]


def _reached(start: set[Node], steps: dict[Node, list[Node]]) -> set[Node]:
    seen, stack = set(start), list(start)
    while stack:
        fresh = set(steps.get(stack.pop(), ())) - seen
        seen |= fresh
        stack.extend(fresh)
    return seen


def _teu_by_goods(facts: Facts, goods: GoodsBook) -> dict[str, float]:
    """Return TEU of each goods key if all blocks move; the same in every zone and form."""
    zone_id, form_id = next(iter(facts.zone), None), next(iter(facts.form))
    if zone_id is None:
        return {}
    volume: dict[str, float] = {}
    for (_, industry_id), row in facts.block.items():
        volume[industry_id] = volume.get(industry_id, 0.0) + row["volume_mcny_per_year"]
    return {
        g.key: g.teu_per_mcny * total
        for industry_id, total in volume.items()
        for g in goods.of(zone_id, form_id, industry_id).values()
        if g.tail is not None
    }
