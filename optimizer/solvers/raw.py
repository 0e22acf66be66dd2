"""What an adapter hands over: the solver's answer in its own terms, not yet believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np


class End(Enum):
    """How the solver says it ended."""

    FINISHED = "finished"  # optimal, or within the gap it was told
    STOPPED = "stopped"  # a limit or a cancel; there may be values
    INFEASIBLE = "infeasible"
    NO_OPTIMUM = "no optimum"  # "unbounded", or "infeasible or unbounded": needs a second look
    FAILED = "failed"


@dataclass(frozen=True)
class RawAnswer:
    """Values, bound and words of a solver. ``bound`` includes the model's offset."""

    end: End
    said: str
    solver: str
    x: np.ndarray | None = None
    bound: float = -math.inf
    duals: np.ndarray | None = None
    reduced_costs: np.ndarray | None = None
    nodes: int | None = None
    notes: tuple[str, ...] = ()
