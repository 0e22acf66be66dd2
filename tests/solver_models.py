"""Small models with answers worked by hand, and hard ones, for the tests of the solvers."""

from __future__ import annotations

import itertools

import numpy as np

from optimizer.linear import CompiledModel, LinearModel

ALL = ("highs", "scip", "cbc", "cp-sat")


def knapsack() -> CompiledModel:
    """Weights 3 4 5 6, room 10, values 5 6 7 9: take 4 and 6 for 15 (3+6: 14, 3+4: 11, 4+5: 13)."""
    model = LinearModel(offset=2.0)
    for name, value in zip("abcd", (5, 6, 7, 9), strict=True):
        model.add_col(("take", name), cost=-value, ub=1, integer=True)
    weights = dict(zip("abcd", (3, 4, 5, 6), strict=True))
    model.add_row("room", {("take", k): float(w) for k, w in weights.items()}, high=10)
    return model.compile()


def fixed_charge() -> CompiledModel:
    """Demand 30. Zone a: opens for 100, 2 a unit; b: opens for 20, 4 a unit; each holds 25.

    Both open (30 is more than 25): 120 + 25 x 2 + 5 x 4 = 190.
    """
    model = LinearModel()
    for zone, opening, unit in (("a", 100, 2), ("b", 20, 4)):
        model.add_col(("open", zone), opening, ub=1, integer=True)
        model.add_col(("x", zone), unit, ub=30)
    model.add_row("demand", {("x", "a"): 1.0, ("x", "b"): 1.0}, low=30, high=30)
    for zone in "ab":
        model.add_row(("capacity", zone), {("x", zone): 1.0, ("open", zone): -25.0}, high=0)
    return model.compile()


def diet() -> CompiledModel:
    """min 3x + 2y + 100: x + y >= 4, x <= 3, x + 3y >= 6. At (0, 4): 108; first dual 2."""
    model = LinearModel(offset=100.0)
    model.add_col("x", 3.0, ub=50)
    model.add_col("y", 2.0, ub=50)
    model.add_row("need", {"x": 1, "y": 1}, low=4)
    model.add_row("top", {"x": 1}, high=3)
    model.add_row("protein", {"x": 1, "y": 3}, low=6)
    return model.compile()


def infeasible(*, integer: bool) -> CompiledModel:
    """x + y >= 3 and x + y <= 2."""
    model = LinearModel()
    for name in "xy":
        model.add_col(name, 1.0, ub=10, integer=integer)
    model.add_row("least", {"x": 1, "y": 1}, low=3)
    model.add_row("most", {"x": 1, "y": 1}, high=2)
    return model.compile()


def odd() -> CompiledModel:
    """2x + 2y = 7 has values, but no integers."""
    model = LinearModel()
    for name in "xy":
        model.add_col(name, 1.0, ub=10, integer=True)
    model.add_row("odd", {"x": 2, "y": 2}, low=7, high=7)
    return model.compile()


def unbounded(*, integer: bool, feasible: bool = True) -> CompiledModel:
    """min -x - y with x - y <= 1; infeasible when y must be above 2 and below 1."""
    model = LinearModel()
    for name in "xy":
        model.add_col(name, -1.0, integer=integer)
    model.add_row("r", {"x": 1, "y": -1}, high=1)
    if not feasible:
        model.add_row("least", {"y": 1}, low=2)
        model.add_row("most", {"y": 1}, high=1)
    return model.compile()


def market_split(offset: float = 0.0) -> tuple[CompiledModel, np.ndarray]:
    """Four random equations over 40 binaries, misses priced: no solver closes the gap in seconds.

    Also returned: a feasible, bad plan (all zero, everything missed).
    """
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 100, (4, 40))
    half = matrix.sum(axis=1) // 2
    model = LinearModel(offset=offset)
    for j in range(40):
        model.add_col(j, ub=1, integer=True)
    for i, j in itertools.product(range(4), ("short", "over")):
        model.add_col((i, j), 1.0, ub=2000, integer=True)
    for i in range(4):
        terms = {j: float(matrix[i, j]) for j in range(40)}
        model.add_row(i, terms | {(i, "short"): 1.0, (i, "over"): -1.0}, half[i], half[i])
    start = np.zeros(48)
    for i in range(4):
        start[model.col[i, "short"]] = half[i]
    return model.compile(), start


def random_integer_model(seed: int) -> CompiledModel:
    """Five integer columns in [-1, 3], three rows of whole and decimal coefficients, any signs."""
    rng = np.random.default_rng(seed)
    model = LinearModel(offset=float(rng.integers(-5, 6)))
    for j in range(5):
        cost = float(rng.integers(-9, 10)) / rng.choice([1, 4, 10])
        model.add_col(("n", j), cost, lb=-1 * int(rng.integers(0, 2)), ub=3, integer=True)
    for i in range(3):
        terms = [(j, float(rng.integers(-4, 5)) / rng.choice([1, 1, 20])) for j in range(5)]
        low, high = sorted(rng.integers(-6, 9, 2).tolist())
        kind = rng.integers(0, 4)
        model.add_row(
            i,
            terms,
            low=-np.inf if kind == 0 else low,
            high=np.inf if kind == 1 else low if kind == 2 and rng.random() < 0.5 else high,
        )
    return model.compile()


def brute_force(model: CompiledModel) -> float | None:
    """The optimum over all integer points, or None if none is feasible."""
    ranges = [np.arange(low, high + 1) for low, high in zip(model.lb, model.ub, strict=True)]
    points = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, len(ranges))
    activity = points @ model.matrix.toarray().T
    holds = ((activity >= model.row_low - 1e-9) & (activity <= model.row_high + 1e-9)).all(axis=1)
    if not holds.any():
        return None
    return float((points[holds] @ model.cost).min() + model.offset)
