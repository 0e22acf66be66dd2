"""How the costs of scenarios become one number: mean, CVaR, largest regret, worst.

`add_risk` says it in a linear model, `risk_of` computes it; both follow docs/studies.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.linear import LinearModel

Kind = Literal["expected", "cvar", "regret", "worst"]


@dataclass(frozen=True)
class Risk:
    """What is minimised over the scenarios' costs.

    ``expected``: the mean. ``cvar``: (1 - weight) mean + weight times the mean of the costliest
    ``1 - alpha`` of probability (Rockafellar and Uryasev 2000). ``regret``: the largest excess
    over ``against`` (what each scenario would cost if it were known). ``worst``: the largest cost.
    """

    kind: Kind = "expected"
    alpha: float = 0.9
    weight: float = 1.0
    against: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha {self.alpha} must be at least 0 and below 1")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight {self.weight} must be between 0 and 1")


def risk_of(costs: Sequence[float], probability: Sequence[float], risk: Risk) -> float:
    """Return the measure of costs (mcny a year) that come with these probabilities."""
    mean = math.fsum(p * c for p, c in zip(probability, costs, strict=True))
    if risk.kind == "expected":
        return mean
    if risk.kind == "worst":
        return max(costs)
    if risk.kind == "regret":
        return max(c - a for c, a in zip(costs, risk.against, strict=True))
    if not math.isfinite(mean):
        return mean
    return (1 - risk.weight) * mean + risk.weight * tail_mean(costs, probability, risk.alpha)


def tail_mean(costs: Sequence[float], probability: Sequence[float], alpha: float) -> float:
    """Return the mean of the costliest ``1 - alpha`` of probability (CVaR)."""
    left, total = 1.0 - alpha, 0.0
    for k in np.argsort(-np.asarray(costs, dtype=float), kind="stable"):
        part = min(left, probability[k])
        total += part * costs[k]
        left -= part
        if left <= 1e-15:
            break
    return total / (1.0 - alpha - max(left, 0.0))


def together(risk: Risk, weights: Sequence[float], bounds: Sequence[float]) -> float:
    """Return what bounds on a measure in bunches say of the measure over all scenarios.

    The mean is linear in the distribution of costs and CVaR concave, so that the weighted sum is a
    bound for both; the largest regret or cost of all is at least that of any bunch.
    """
    if risk.kind in ("regret", "worst"):
        return max(bounds)
    return math.fsum(w * b for w, b in zip(weights, bounds, strict=True) if w)


def add_risk(
    lp: LinearModel, costs: Sequence[int], probability: Sequence[float], risk: Risk
) -> None:
    """Make the measure of the columns ``costs`` (one per scenario) the objective of ``lp``."""
    mean_weight = {"expected": 1.0, "cvar": 1.0 - risk.weight}.get(risk.kind, 0.0)
    for column, p in zip(costs, probability, strict=True):
        lp.cost[column] += mean_weight * p
    if risk.kind == "cvar" and risk.weight > 0:
        if risk.alpha == 0:
            for column, p in zip(costs, probability, strict=True):
                lp.cost[column] += risk.weight * p
            return
        mark = lp.add_col(("value at risk",), risk.weight, lb=-np.inf)
        for s, (column, p) in enumerate(zip(costs, probability, strict=True)):
            beyond = lp.add_col(("beyond", s), risk.weight * p / (1 - risk.alpha))
            terms = [(beyond, 1.0), (column, -1.0), (mark, 1.0)]
            lp.add_row(("beyond", s), terms, low=0.0)
    elif risk.kind in ("regret", "worst"):
        top = lp.add_col(("top",), 1.0, lb=-np.inf)
        against = risk.against if risk.kind == "regret" else (0.0,) * len(costs)
        for s, (column, known) in enumerate(zip(costs, against, strict=True)):
            lp.add_row(("top", s), [(top, 1.0), (column, -1.0)], low=-known)
