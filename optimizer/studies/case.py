"""One solve of a study as data: `Case`, and what came out of it: `Solved`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from optimizer.plan.plan import Plan, Question, Status

SOLVE = "solve"


@dataclass(frozen=True)
class Case:
    """An instance that differs from the study's by overrides, and what is asked of it.

    Everything but ``name``, ``near`` and ``tags`` makes up the `key`: a case that was solved
    before, under whatever name, is never solved again.

    Attributes
    ----------
    name
        What people read, such as ``close khorgos``.
    question, overrides
        As in `optimizer.api.solve`.
    start
        Key of a finished case of the same session whose plan the solve begins from; "" begins from
        the base plan. It changes the time, and within the gap the plan, so it is part of the key.
    cold
        Begin from nothing; for measuring what the warm start saves.
    gap, time_limit_s
        As in `optimizer.api.solve`. Every solve has one thread and seed 0, so that tables are the
        same for any number of workers.
    task, data
        ``solve``, or ``package.module:function`` with its JSON data: ``function(context, case)``
        returns a JSON document, kept as `Solved.document` (see `optimizer.studies.worker`).
    keep
        Many cases have these overrides: a worker keeps their network and routes for the next one.
    near
        Cases with the same word change much the same: where workers have memories of their own
        they are given to the same one, if it can be had. No part of the key.
    tags
        Columns for tables.
    """

    name: str
    question: Question = field(default_factory=Question)
    overrides: tuple[str, ...] = ()
    start: str = ""
    cold: bool = False
    gap: float = 1e-3
    time_limit_s: float = 300.0
    task: str = SOLVE
    data: str = ""
    keep: bool = False
    near: str = ""
    tags: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def key(self) -> str:
        """Twenty hex digits that name the solve, whatever it is called."""
        left_out = {"name", "tags", "near"} | (set() if self.keep else {"keep"})
        parts = {k: v for k, v in asdict(self).items() if k not in left_out}
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def to_dict(self) -> dict[str, Any]:
        """The case as JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class Solved:
    """How a case ended. ``plan`` only where there is one; it was verified before it came here."""

    key: str
    status: Status
    stop_reason: str
    objective: float
    bound: float
    seconds: float
    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    maximised: bool = False  # the question's objective: without a plan, the bound is an upper one
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gap(self) -> float:
        """Relative distance of objective and bound; nan without a plan."""
        return self.plan.gap if self.plan is not None else math.nan

    @property
    def proven(self) -> bool:
        """True if the gap asked for was reached, or if it is proven that there is no plan."""
        return self.status in (Status.OPTIMAL, Status.INFEASIBLE)

    @property
    def cost_mcny(self) -> float:
        """Cost of the plan; infinite where it is proven that there is none, else nan."""
        if self.plan is not None:
            return self.plan.cost_mcny
        return math.inf if self.status is Status.INFEASIBLE else math.nan

    @property
    def open_zones(self) -> tuple[str, ...]:
        """Ids of the zones that receive transfer; none without a plan."""
        return self.plan.open_zones if self.plan is not None else ()

    @property
    def low(self) -> float:
        """Least that the true optimum can be; -inf where nothing is proven, inf where no plan is.

        Of a maximised objective the plan is what is proven from below.
        """
        if self.plan is not None:
            proven = self.plan.objective if self.maximised else self.plan.bound
            return -math.inf if math.isnan(proven) else min(self.plan.objective, proven)
        if self.status is Status.INFEASIBLE:
            return math.inf
        return self.bound if math.isfinite(self.bound) and not self.maximised else -math.inf

    @property
    def high(self) -> float:
        """Most that the true optimum can be; inf where nothing is proven."""
        if self.plan is None:
            return self.bound if self.maximised and math.isfinite(self.bound) else math.inf
        proven = self.plan.bound if self.maximised else self.plan.objective
        return math.inf if math.isnan(proven) else max(self.plan.objective, proven)


def difference(a: Solved, b: Solved) -> tuple[float, float, float]:
    """Optimum of ``a`` less that of ``b``: the value of the plans, and the range that is proven.

    The sign is decided only if the range does not hold zero. Where a case has no plan the value is
    infinite (proven infeasible) or nan.
    """
    value = _value(a) - _value(b)
    low, high = a.low - b.high, a.high - b.low
    return value, -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high


def _value(solved: Solved) -> float:
    if solved.plan is not None:
        return solved.plan.objective
    return math.inf if solved.status is Status.INFEASIBLE else math.nan
