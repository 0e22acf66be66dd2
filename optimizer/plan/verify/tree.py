"""The bound of a tree whose leaves have prices of their own (docs/verify.md, "Trees").

A tree splits the plans by whether zones open. Every plan is in one leaf, and the prices of a leaf
bound the plans in it, so the least of these bounds holds for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.certificate import Bound
from optimizer.plan.verify.entries import is_number
from optimizer.plan.verify.prices import MOST_PRICE, Prices
from optimizer.plan.verify.reach import Reach
from optimizer.plan.verify.verdict import Findings

MOST_DEPTH = 400  # splits and fixings below each other


class DamagedTreeError(Exception):
    """The tree is none: what is wrong with it."""


class ProofTree:
    """The ``tree`` of a certificate with its vectors of prices."""

    def __init__(self, reach: Reach, prices: Prices, certificate: Mapping[str, Any]) -> None:
        self.reach, self.prices = reach, prices
        self.blocks = list(prices.block)  # in the order of the certificate's own "block"
        tree = certificate["tree"]
        if not isinstance(tree, Mapping) or not isinstance(tree.get("prices"), list | tuple):
            raise DamagedTreeError("the tree has no list of prices")
        self.vectors = [self._vector(vector) for vector in tree["prices"]]
        self.root = tree.get("root")
        self._parts: dict[int, tuple[float, float, dict[str, float]]] = {}
        question = reach.question
        statuses = {z: reach.facts.zone_status(z, question) for z in reach.facts.zone}
        self.must = {z for z, status in statuses.items() if status == "required"}
        self.never = {z for z, status in statuses.items() if status == "forbidden"}
        self.existing = {z for z, row in reach.facts.zone.items() if row["status"] == "existing"}

    def _vector(self, vector: Any) -> Prices:
        """Return prices with the blocks and the count of one vector: count first, then blocks."""
        if not isinstance(vector, list | tuple) or len(vector) != len(self.blocks) + 1:
            raise DamagedTreeError("a vector of prices is not one for the count and each block")
        if not all(is_number(price) and abs(price) <= MOST_PRICE for price in vector):
            raise DamagedTreeError("a vector holds what is no price")
        if vector[0] < 0:
            raise DamagedTreeError("the price of the count has the wrong sign")
        block = dict(zip(self.blocks, (float(price) for price in vector[1:]), strict=True))
        return replace(self.prices, block=block, count=float(vector[0]))

    def value(self) -> float:
        """Return the bound of the tree, million CNY a year; inf: no plan can be feasible."""
        return self._node(self.root, frozenset(), frozenset(), 0)

    def _node(self, node: Any, opened: frozenset[str], shut: frozenset[str], depth: int) -> float:
        """Return the least bound of the leaves below a node."""
        if depth > MOST_DEPTH:
            raise DamagedTreeError(f"the tree is deeper than {MOST_DEPTH}")
        if not isinstance(node, Mapping):
            raise DamagedTreeError("a node is no object")
        if "split" in node:
            zone = self._free(node["split"], opened, shut)
            return min(
                self._node(node.get("open"), opened | {zone}, shut, depth + 1),
                self._node(node.get("shut"), opened, shut | {zone}, depth + 1),
            )
        number = node.get("prices")
        if type(number) is not int or not 0 <= number < len(self.vectors):
            raise DamagedTreeError("a leaf names prices that are not there")
        if "then" not in node:
            return self.bound(number, opened, shut)
        # Fixings: each zone decided otherwise is a leaf of its own, bounded by the same prices.
        must = self._zones(node.get("open", ()), opened, shut)
        never = self._zones(node.get("shut", ()), opened, shut)
        if must & never:
            raise DamagedTreeError("a zone is fixed both ways")
        others = [self.bound(number, opened, shut | {zone}) for zone in sorted(must)]
        others += [self.bound(number, opened | {zone}, shut) for zone in sorted(never)]
        below = self._node(node["then"], opened | must, shut | never, depth + 1)
        return min([*others, below])

    def _zones(self, zones: Any, opened: frozenset[str], shut: frozenset[str]) -> frozenset[str]:
        if not isinstance(zones, list | tuple):
            raise DamagedTreeError("fixed zones are no list")
        return frozenset(self._free(zone, opened, shut) for zone in zones)

    def _free(self, zone: Any, opened: frozenset[str], shut: frozenset[str]) -> str:
        """Return the zone if the tree may decide on it here."""
        if not isinstance(zone, str) or zone not in self.reach.facts.zone:
            raise DamagedTreeError(f"{zone!r} is no zone")
        if zone in opened | shut:
            raise DamagedTreeError(f"zone {zone} is decided twice")
        if zone in self.existing:
            raise DamagedTreeError(f"zone {zone} exists: there is nothing to decide")
        return zone

    def bound(self, number: int, opened: frozenset[str], shut: frozenset[str]) -> float:
        """Return the bound of one vector for the plans in which these zones open or stay shut."""
        least = self.reach.least_zones(opened | self.must, shut)
        if least == math.inf:
            return math.inf  # what is left cannot take what must move
        rest, price, zones = self._pieces(number)
        terms = [rest, price * least]
        for zone, value in zones.items():
            if zone in self.never or zone in shut:
                continue
            terms.append(value if zone in opened or zone in self.must else min(0.0, value))
        return math.fsum(terms)

    def _pieces(self, number: int) -> tuple[float, float, dict[str, float]]:
        """Return the bound without zones and count, the price of the count, and zones if open."""
        if number not in self._parts:
            bound = Bound(self.reach, self.vectors[number])
            zones = {z: bound.open_zone(z) for z in self.reach.facts.zone if z not in self.never}
            self._parts[number] = (bound.without_zones(), self.vectors[number].count, zones)
        return self._parts[number]


def tree_bound(
    reach: Reach, prices: Prices, certificate: Mapping[str, Any], findings: Findings
) -> float | None:
    """Return what the tree of a certificate proves; None without one; a damaged one is filed."""
    if certificate.get("tree") is None:
        return None
    try:
        return ProofTree(reach, prices, certificate).value()
    except DamagedTreeError as error:
        findings.add(rule.CERTIFICATE, "tree", str(error))
    return None


def leaves(certificate: Mapping[str, Any]) -> int:
    """Return how many leaves the tree of a certificate has that was found sound.

    Each zone fixed at a node is a leaf.
    """
    count, nodes = 0, [certificate["tree"]["root"]]
    while nodes:
        node = nodes.pop()
        if "split" in node:
            nodes += [node["open"], node["shut"]]
        elif "then" in node:
            count += len(node.get("open", ())) + len(node.get("shut", ()))
            nodes.append(node["then"])
        else:
            count += 1
    return count
