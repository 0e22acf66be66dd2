"""The best assignment of a facility location run, kept on disk and taken up again."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.engine.progress import Watch
from optimizer.plan.plan import Status
from optimizer.problem import Problem

if TYPE_CHECKING:
    from optimizer.engine.facility import FacilityResult
    from optimizer.engine.facility.solve import Assignment
    from optimizer.engine.location import Location

KEY = "serve"  # of a share: (KEY, origin, industry, zone)
_SLACK = 1e-6  # relative, of capacities and shares: what the engine allows itself


def _is_share(key: Hashable) -> bool:
    return isinstance(key, tuple) and len(key) == 4 and key[0] == KEY


class KeptAssignment:
    """Writes each better assignment to the checkpoint of a watch, and reads it again."""

    def __init__(self, problem: Problem, location: Location, watch: Watch) -> None:
        self.problem, self.location, self.watch = problem, location, watch
        self.best: Assignment | None = None
        names = [
            (problem.block_origin[b], problem.industries[problem.block_industry[b]])
            for b in location.block.tolist()
        ]
        self._customer = {name: j for j, name in enumerate(names)}
        self._names = names

    def save(self, objective: float, assignment: Assignment) -> None:
        """Keep an assignment with its objective, mcny a year without the constant."""
        self.best = assignment
        if self.watch.checkpoint is None:
            return
        zones = self.problem.zones
        values: dict[Hashable, float] = {
            (KEY, *self._names[j], zones[i]): share
            for i, j, share in zip(*(part.tolist() for part in assignment), strict=True)
        }
        self.watch.checkpoint.save(values, objective + self.location.constant, None)

    def read(self, values: Mapping[Hashable, float]) -> Assignment | None:
        """Return the assignment that was kept; None if there is none that holds."""
        rows = [(key, share) for key, share in values.items() if _is_share(key)]
        if not rows:
            return None
        assignment = self._assignment(rows)
        if assignment is None or not math.isfinite(self.objective(assignment)):
            if self.watch.checkpoint is not None:
                self.watch.checkpoint.drop_plan()
            return None
        self.best = assignment
        value = self.objective(assignment) + self.location.constant
        self.watch.report("resume", incumbent=value, decisions=self.decisions)
        return assignment

    def _assignment(self, rows: list[tuple[Any, float]]) -> Assignment | None:
        zone = {name: i for i, name in enumerate(self.problem.zones)}
        if not all(key[1:3] in self._customer and key[3] in zone for key, _ in rows):
            return None
        facility = np.array([zone[key[3]] for key, _ in rows], dtype=np.int64)
        customer = np.array([self._customer[key[1:3]] for key, _ in rows], dtype=np.int64)
        return facility, customer, np.array([share for _, share in rows], dtype=float)

    def objective(self, assignment: Assignment) -> float:
        """Return what an assignment costs, without the constant; inf where it does not hold."""
        facility, customer, share = assignment
        p = self.location.facility
        served = np.bincount(customer, weights=share, minlength=p.n)
        load = np.bincount(facility, weights=share * p.demand[customer], minlength=p.m)
        slack = _SLACK * np.maximum(1.0, np.minimum(p.capacity, 1e30))
        splits = p.single_source and bool((share < 1 - 1e-9).any())
        if splits or (np.abs(served - 1) > 1e-7).any() or (load > p.capacity + slack).any():
            return math.inf
        used = np.bincount(facility, minlength=p.m) > 0
        return float(p.fixed_cost[used].sum() + (p.unit_cost[facility, customer] * share).sum())

    def zones_of(self, assignment: Assignment) -> np.ndarray:
        """Return which zones serve."""
        return np.bincount(assignment[0], minlength=self.location.facility.m) > 0

    def decisions(self) -> dict[str, Any]:
        """Return what the best assignment decides, by the names of a plan's fields."""
        if self.best is None:
            return {"open_zones": ()}
        used = self.zones_of(self.best) | self.location.required
        return {
            "open_zones": tuple(z for z, on in zip(self.problem.zones, used, strict=True) if on)
        }

    def better_of(
        self, result: FacilityResult, before: Assignment | None, gap: float
    ) -> FacilityResult:
        """Return the result, with the assignment of before where that is the better plan."""
        if before is None or result.status is Status.INFEASIBLE:
            return result
        objective = self.objective(before)
        if result.status.has_plan and result.objective <= objective:
            return result
        facility, customer, share = before
        bound = min(result.bound, objective)
        closed = objective - bound <= gap * abs(objective) + 1e-9
        return replace(
            result,
            status=Status.OPTIMAL if closed else Status.FEASIBLE,
            objective=objective,
            bound=bound,
            open=self.zones_of(before),
            facility=facility,
            customer=customer,
            share=share,
        )
