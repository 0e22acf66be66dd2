"""Facility location instances drawn by the published recipes.

Only `numpy.random.Generator(PCG64)` with ``integers`` and ``random``, in the order written here,
and operations IEEE 754 defines to the last bit: same seed, same instance, on every platform.
"""

from __future__ import annotations

import numpy as np

from instances.published.facility import FacilityInstance

KOERKEL_GHOSH_FIXED = {"a": (100, 200), "b": (1000, 2000), "c": (10000, 20000)}


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    dx = a[:, 0][:, None] - b[:, 0][None, :]
    dy = a[:, 1][:, None] - b[:, 1][None, :]
    return np.sqrt(dx * dx + dy * dy)


def cornuejols(m: int, n: int, *, ratio: float, seed: int) -> FacilityInstance:
    """Return a CFLP instance by Cornuejols, Sridharan and Thizy, as Avella and Boccia draw it.

    Points uniform in the unit square, cost per unit 10 x distance, demand U{5..35}, capacity
    U{10..160} scaled to ``ratio`` = total capacity / total demand (then rounded to whole units,
    at least 1), fixed cost U[0,90] + U[100,110] sqrt(capacity before scaling).

    Drawing order: facility points, customer points, demands, capacities, U[0,90], U[100,110].
    """
    draw = _generator(seed)
    facilities = draw.random((m, 2))
    customers = draw.random((n, 2))
    demand = draw.integers(5, 35, size=n, endpoint=True).astype(np.float64)
    raw = draw.integers(10, 160, size=m, endpoint=True).astype(np.float64)
    fixed = 90.0 * draw.random(m) + (100.0 + 10.0 * draw.random(m)) * np.sqrt(raw)
    capacity = np.maximum(1.0, np.floor(raw * (ratio * demand.sum() / raw.sum()) + 0.5))
    cost = 10.0 * _distances(facilities, customers) * demand
    name = f"cornuejols_{m}x{n}_r{ratio:g}_s{seed}"
    return FacilityInstance(name, "generated", fixed, capacity, demand, cost)


def koerkel_ghosh(n: int, *, kind: str, symmetric: bool, seed: int) -> FacilityInstance:
    """Return a UFLP instance by Koerkel and Ghosh: n x n costs U{1000..2000}.

    ``kind`` sets the fixed cost: a U{100..200}, b U{1000..2000}, c U{10000..20000}.
    The symmetric matrix is the upper triangle (with diagonal) mirrored. Drawing order: matrix,
    fixed costs.
    """
    low, high = KOERKEL_GHOSH_FIXED[kind]
    draw = _generator(seed)
    cost = draw.integers(1000, 2000, size=(n, n), endpoint=True).astype(np.float64)
    if symmetric:
        cost = np.triu(cost) + np.triu(cost, 1).T
    fixed = draw.integers(low, high, size=n, endpoint=True).astype(np.float64)
    name = f"koerkel_ghosh_{'s' if symmetric else 'a'}{n}{kind}_s{seed}"
    return FacilityInstance(name, "generated", fixed, np.full(n, np.inf), np.ones(n), cost)


def euclidean(m: int, n: int, *, level: float, seed: int) -> FacilityInstance:
    """Return a UFLP instance on points uniform in the unit square (``kmedian`` of UflLib).

    Cost = distance, fixed cost = sqrt(n) / ``level`` for all (10, 100 and 1000 are published;
    the larger, the more facilities open). With m = n every point is facility and customer, else
    the customers are drawn after the facilities.
    """
    draw = _generator(seed)
    facilities = draw.random((m, 2))
    customers = facilities if m == n else draw.random((n, 2))
    fixed = np.full(m, np.sqrt(float(n)) / level)
    cost = _distances(facilities, customers)
    name = f"euclidean_{m}x{n}_l{level:g}_s{seed}"
    return FacilityInstance(name, "generated", fixed, np.full(m, np.inf), np.ones(n), cost)
