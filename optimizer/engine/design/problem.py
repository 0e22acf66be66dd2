"""The design problem, its answer, and the check of an answer.

Minimise ``sum(unit_cost * flow) + sum(fixed_cost * open)`` such that every commodity's demand
goes from its origin to its destination, the flow on an arc stays within ``capacity * open``, and
``open`` is 0 or 1. One rate for all commodities; flows may split.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from instances.published_design import PublishedDesign
from optimizer.plan.plan import Status

if TYPE_CHECKING:
    from optimizer.engine.design.certificate import Certificate

FLOW_TOLERANCE = 1e-6  # relative to the larger of 1 and the number compared with


@dataclass(frozen=True)
class DesignProblem:
    """Arcs with unit cost, capacity and fixed cost; commodities with origin and demand."""

    n_nodes: int
    tail: np.ndarray
    head: np.ndarray
    unit_cost: np.ndarray
    capacity: np.ndarray
    fixed_cost: np.ndarray
    origin: np.ndarray
    destination: np.ndarray
    demand: np.ndarray
    name: str = "design"

    def __post_init__(self) -> None:
        for names, dtype in (
            (("tail", "head", "origin", "destination"), np.int32),
            (("unit_cost", "capacity", "fixed_cost", "demand"), np.float64),
        ):
            for name in names:
                value = np.ascontiguousarray(getattr(self, name), dtype=dtype)
                value.setflags(write=False)
                object.__setattr__(self, name, value)
        for name in ("head", "unit_cost", "capacity", "fixed_cost"):
            if getattr(self, name).shape != (self.n_arcs,):
                raise ValueError(f"{name} must have one value per arc ({self.n_arcs})")
        for name in ("destination", "demand"):
            if getattr(self, name).shape != (self.n_commodities,):
                raise ValueError(f"{name} must have one value per commodity")
        for name in ("tail", "head", "origin", "destination"):
            nodes = getattr(self, name)
            if nodes.size and not (nodes.min() >= 0 and nodes.max() < self.n_nodes):
                raise ValueError(f"{name} must hold node numbers from 0 to {self.n_nodes - 1}")
        for name in ("unit_cost", "capacity", "fixed_cost", "demand"):
            values = getattr(self, name)
            if not np.all((values >= 0) & np.isfinite(values)):
                raise ValueError(f"{name} must be finite and at least 0 everywhere")

    @property
    def n_arcs(self) -> int:
        """Return the number of arcs."""
        return int(self.tail.size)

    @property
    def n_commodities(self) -> int:
        """Return the number of commodities."""
        return int(self.origin.size)

    @classmethod
    def from_published(cls, design: PublishedDesign) -> DesignProblem:
        """Return the problem of a published instance."""
        return cls(
            n_nodes=design.n_nodes,
            tail=design.tail,
            head=design.head,
            unit_cost=design.unit_cost,
            capacity=design.capacity,
            fixed_cost=design.fixed_cost,
            origin=design.origin,
            destination=design.destination,
            demand=design.demand,
            name=design.name,
        )


@dataclass(frozen=True)
class SparseFlow:
    """Flow by commodity and arc, the positive entries only."""

    commodity: np.ndarray  # int32
    arc: np.ndarray  # int32
    value: np.ndarray  # float64, flow units

    def on_arcs(self, n_arcs: int) -> np.ndarray:
        """Return the total flow on every arc, flow units."""
        return np.bincount(self.arc, weights=self.value, minlength=n_arcs)


@dataclass(frozen=True)
class Phase:
    """One stretch of the method's work, with what was known at its end."""

    name: str
    seconds: float
    objective: float  # inf before the first plan
    bound: float
    note: str = ""


@dataclass(frozen=True)
class DesignResult:
    """What came back. ``open`` and ``flow`` are None unless ``status.has_plan``.

    ``bound`` is valid; ``certificate_bound`` is what the certificate proves, and what
    `evaluate_certificate` recomputes up to rounding. They differ where the last part of the
    proof is a MIP solver's word (``proof`` says so).
    """

    status: Status
    objective: float  # inf without a plan
    bound: float
    open: np.ndarray | None  # bool[arcs]
    flow: SparseFlow | None
    certificate: Certificate | None
    certificate_bound: float
    proof: str
    method: str  # which method was chosen and why
    nodes: int
    seconds: float
    phases: tuple[Phase, ...] = field(default_factory=tuple)

    @property
    def gap(self) -> float:
        """Return (objective - bound) / objective, 0 for a closed gap, inf without a plan."""
        if not np.isfinite(self.objective):
            return float("inf")
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-9)


def design_cost(problem: DesignProblem, is_open: np.ndarray, flow: SparseFlow) -> float:
    """Return fixed plus variable cost of a design with its flow."""
    variable = float(np.dot(problem.unit_cost[flow.arc], flow.value))
    return float(problem.fixed_cost[is_open].sum()) + variable


def check_solution(problem: DesignProblem, result: DesignResult) -> list[str]:
    """Return what is wrong with a result's plan, in words; empty if it holds.

    Recomputed from the problem's arrays alone: balance per commodity and node, capacity and
    closure per arc, cost, and that the bound does not exceed the cost.
    """
    if not result.status.has_plan:
        return [] if result.open is None and result.flow is None else ["a plan without a status"]
    if result.open is None or result.flow is None:
        return [f"status {result.status} promises a plan, there is none"]
    flow, faults = result.flow, []
    if not np.all(np.isfinite(flow.value)) or np.any(flow.value < 0):
        return ["a flow is negative or not finite"]
    net = np.zeros((problem.n_commodities, problem.n_nodes))
    np.add.at(net, (flow.commodity, problem.tail[flow.arc]), flow.value)
    np.add.at(net, (flow.commodity, problem.head[flow.arc]), -flow.value)
    every = np.arange(problem.n_commodities)
    np.add.at(net, (every, problem.origin), -problem.demand)
    np.add.at(net, (every, problem.destination), problem.demand)
    scale = np.maximum(1.0, problem.demand)[:, None]
    for k, node in np.argwhere(np.abs(net) > FLOW_TOLERANCE * scale):
        faults.append(f"commodity {k}, node {node}: balance off by {net[k, node]:g}")
    load = flow.on_arcs(problem.n_arcs)
    room = np.where(result.open, problem.capacity, 0.0)
    for arc in np.flatnonzero(load > room + FLOW_TOLERANCE * np.maximum(1.0, room)):
        faults.append(f"arc {arc}: flow {load[arc]:g} exceeds {room[arc]:g}")
    cost = design_cost(problem, result.open, flow)
    if abs(cost - result.objective) > 1e-6 * max(1.0, abs(cost)):
        faults.append(f"cost is {cost:.9g}, the result says {result.objective:.9g}")
    if result.bound > result.objective + 1e-6 * max(1.0, abs(cost)):
        faults.append(f"bound {result.bound:.9g} exceeds the objective {result.objective:.9g}")
    return faults
