"""Draws and roundings that come out the same on every platform.

Only ``PCG64`` seeded by a `SeedSequence`, only ``random()`` one number at a time, and a stream of
its own for each topic, so that a further draw in one topic moves nothing in another. What is
computed from draws is rounded to a few significant digits by decimal printing, which IEEE 754
fixes; distances, which need the platform's sine and cosine, are rounded to whole kilometres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Point = tuple[float, float]  # latitude, longitude in degrees
EARTH_RADIUS_KM = 6371.0
# the number of a topic is part of the instance: never change one, only add
TOPICS = {
    "cities": 1, "dry_ports": 2, "zones": 3, "eligibility": 4, "pools": 5, "prices": 6,
    "industries": 7, "origins": 8, "blocks": 9, "moves": 10, "rivals": 11, "capacities": 12,
    "services": 13, "projects": 14, "rules": 15, "zone_status": 16, "bonded_posts": 17,
}  # fmt: skip


class Draw:
    """The stream of one topic of one seed."""

    def __init__(self, seed: int, topic: str) -> None:
        sequence = np.random.SeedSequence([seed, TOPICS[topic]])
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def share(self) -> float:
        """A number in [0, 1)."""
        return float(self._generator.random())

    def between(self, limits: tuple[float, float], digits: int = 3) -> float:
        """A number between the limits, rounded to significant digits."""
        low, high = limits
        return significant(low + (high - low) * self.share(), digits)

    def whole(self, limits: tuple[int, int]) -> int:
        """A whole number, both limits included."""
        low, high = limits
        return min(high, low + math.floor((high - low + 1) * self.share()))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.share() < share

    def order(self, items: Sequence[Item]) -> list[Item]:
        """The items in a random order."""
        keys = [self.share() for _ in items]
        return [items[i] for i in sorted(range(len(items)), key=lambda i: (keys[i], i))]

    def weighted(self, items: Sequence[Item], weights: Sequence[float]) -> Item:
        """One item, with probabilities in proportion to the weights."""
        left = self.share() * math.fsum(weights)
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        return items[-1]


def significant(value: float, digits: int = 3) -> float:
    """The value rounded to so many significant digits."""
    return float(f"{value:.{digits}g}")


def distance_km(one: Point, other: Point) -> int:
    """Great-circle distance in whole kilometres."""
    lat, lon, lat2, lon2 = (math.radians(d) for d in (*one, *other))
    half = math.sin((lat2 - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return round(2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half))))


def nearest(here: Point, places: Sequence[tuple[str, Point]], count: int) -> list[tuple[str, int]]:
    """The nearest places with their great-circle kilometres; ties go by id."""
    # a degree of latitude is 111 km: what is too far by that alone need not be computed
    ranked: list[tuple[int, str]] = []
    for name, point in sorted(places, key=lambda p: (abs(p[1][0] - here[0]), p[0])):
        if len(ranked) >= count and abs(point[0] - here[0]) * 111 > ranked[count - 1][0] + 1:
            break
        ranked.append((distance_km(here, point), name))
        ranked.sort()
    return [(name, km) for km, name in ranked[:count]]
