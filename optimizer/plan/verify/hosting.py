"""What hosting an industry in a zone is worth at least by reduced costs: knapsacks and curves."""

from __future__ import annotations

import math

import numpy as np

MOST_STEPS = 20_000  # capacities up to which whole blocks are packed exactly
GRID = np.linspace(0.0, 1.0, 33)
ROUNDS = 9  # of a search that looks 16 times closer each round


class Hosting:
    """One industry in one zone: what hosting it is worth at least, by the reduced costs.

    ``cost`` (mcny per mcny) and ``volume`` (mcny a year) are by block; ``most`` caps the output.
    ``whole``: every block comes whole or not at all, and volumes are whole numbers.
    """

    def __init__(
        self,
        setup: float,
        min_scale: float,
        most: float,
        cost: np.ndarray,
        volume: np.ndarray,
        *,
        whole: bool = False,
    ) -> None:
        order = np.argsort(cost, kind="stable")
        self.setup, self.min_scale = setup, min_scale
        self.cost, volume = cost[order], volume[order]
        before = np.cumsum(volume) - volume
        self.room = np.clip(most - before, 0.0, volume)  # cheapest blocks first, up to the cap
        held = np.cumsum(self.room)
        self.most = float(self.room.sum())
        self.volume = volume if whole and most < MOST_STEPS else None
        self.limit = most
        must = np.clip(min_scale - (held - self.room), 0.0, self.room)  # taken whatever they cost
        paid = self.cost * self.room
        # Sums over the first k blocks taken in full and the rest taken as far as they must.
        self._output = _first(self.room) + _last(must)
        self._money = _first(paid) + _last(self.cost * must)

    def least(self, slope: float) -> float:
        """Return the least value of hosting or not, each million CNY of output ``slope`` dearer."""
        least = float(self.least_at(np.array([slope]))[0])
        if self.volume is not None and least < 0:
            value = (self.cost + slope) * self.volume
            whole = self.setup + _least_of_whole(value, self.volume, self.limit)
            least = min(0.0, max(least, whole))
        return least

    def least_at(self, slopes: np.ndarray) -> np.ndarray:
        """Return `least` at each slope, blocks taken in parts."""
        if self.most < self.min_scale * (1 - 1e-9):
            return np.zeros(len(slopes))  # all that can come is too little: it cannot be hosted
        taken = np.searchsorted(self.cost, -slopes)
        value: np.ndarray = self.setup + self._money[taken] + slopes * self._output[taken]
        return np.minimum(0.0, value)


def _first(values: np.ndarray) -> np.ndarray:
    """Return the sums of the first k values, k from 0 to all."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _last(values: np.ndarray) -> np.ndarray:
    """Return the sums of all but the first k values, k from 0 to all."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])


def _least_of_whole(value: np.ndarray, volume: np.ndarray, most: float) -> float:
    """Return the least sum of values of blocks that fit whole into ``most`` (a 0-1 knapsack).

    The tolerance of the checks is granted here too, or a plan could be better than the bound.
    """
    room = math.floor(min(most * (1 + 1e-6), float(volume.sum())) + 1e-6)
    best = np.zeros(room + 1)
    for worth, size in zip(value.tolist(), volume.astype(np.int64).tolist(), strict=True):
        if worth < 0 and size <= room:
            np.minimum(best[size:], best[: room + 1 - size] + worth, out=best[size:])
    return float(best[room])


def best_slope(
    hostings: list[Hosting], volumes: np.ndarray, changes: np.ndarray, most: float
) -> tuple[float, float]:
    """Return the slope m, and the constant -max(m q - curve(q)), that bound a curve best.

    The line ``constant + m q`` lies under the curve up to ``most`` (mcny) for every m, so every m
    gives a valid bound; the bound is concave in m, and the search closes in on its top.
    """
    reach = min(float(volumes[-1]), math.fsum(h.most for h in hostings), most)
    changes = np.append(changes[volumes < reach], np.interp(reach, volumes, changes))
    volumes = np.append(volumes[volumes < reach], reach)
    steps = np.diff(volumes)
    slopes = np.diff(changes)[steps > 0] / steps[steps > 0]
    cheapest = min((float(h.cost.min(initial=0.0)) for h in hostings), default=0.0)
    low, high = float(slopes.min(initial=0.0)), float(max(slopes.max(initial=0.0), -cheapest))

    def values(at: np.ndarray) -> np.ndarray:
        constant: np.ndarray = -np.max(at[:, None] * volumes - changes, axis=1)
        return sum((h.least_at(at) for h in hostings), constant)

    candidates = np.array([low, high, *slopes.tolist()])
    if high > low:
        for _ in range(ROUNDS):
            grid = low + (high - low) * GRID
            top = int(np.argmax(values(grid)))
            low, high = float(grid[max(0, top - 1)]), float(grid[min(len(grid) - 1, top + 1)])
        candidates = np.append(candidates, [low, (low + high) / 2, high])
    best = float(candidates[int(np.argmax(values(candidates)))])
    return best, -float(np.max(best * volumes - changes))
