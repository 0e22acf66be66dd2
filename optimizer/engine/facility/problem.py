"""What a facility location problem is, what comes back, and how both are checked.

Minimise sum f_i y_i + sum c_ij x_ij with sum_i x_ij = 1, sum_j d_j x_ij <= s_i y_i, x_ij <= y_i,
y binary, x >= 0 (binary if single source). Nothing here uses a solver or a compiled kernel.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from instances.errors import InstanceError
from optimizer.plan.plan import Status

FEASIBILITY = 1e-6  # relative to the right-hand side, at least 1


@dataclass(frozen=True)
class FacilityProblem:
    """One facility location problem as arrays. ``unit_cost`` is for *all* demand of a customer."""

    fixed_cost: np.ndarray  # [m]
    capacity: np.ndarray  # [m], inf = uncapacitated
    demand: np.ndarray  # [n]
    unit_cost: np.ndarray  # [m, n], inf = forbidden
    single_source: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        for table in ("fixed_cost", "capacity", "demand", "unit_cost"):
            values = np.ascontiguousarray(getattr(self, table), dtype=np.float64)
            if np.isnan(values).any():
                at = np.argwhere(np.isnan(values))[0].tolist()
                raise InstanceError(f"{self.name}: {table}{at} is not a number: give its value")
            object.__setattr__(self, table, values)
        m, n = self.unit_cost.shape
        shapes = (self.fixed_cost.shape, self.capacity.shape, self.demand.shape)
        if shapes != ((m,), (m,), (n,)):
            raise InstanceError(f"{self.name}: shapes {shapes} do not fit costs [{m}, {n}]")
        if (self.capacity < 0).any() or (self.demand < 0).any():
            raise InstanceError(f"{self.name}: capacities and demands must be >= 0")
        if (self.fixed_cost < 0).any() or np.isinf(self.fixed_cost).any():
            raise InstanceError(f"{self.name}: fixed costs must be >= 0 and finite")
        if (self.unit_cost < 0).any() or np.isinf(self.demand).any():
            raise InstanceError(f"{self.name}: costs must be >= 0, demands finite")

    @property
    def m(self) -> int:
        """How many facilities there are."""
        return len(self.fixed_cost)

    @property
    def n(self) -> int:
        """How many customers there are."""
        return len(self.demand)

    @property
    def is_uncapacitated(self) -> bool:
        """True when no facility can ever be full."""
        return bool((self.capacity >= self.demand.sum()).all())

    @property
    def has_integer_costs(self) -> bool:
        """True when every plan with whole shares has a whole objective."""
        finite = self.unit_cost[np.isfinite(self.unit_cost)]
        whole = np.all(finite == np.floor(finite))
        return bool(whole and np.all(self.fixed_cost == np.floor(self.fixed_cost)))

    @property
    def has_integer_objective(self) -> bool:
        """True when some optimal plan has a whole objective, so bounds may be rounded up."""
        return self.has_integer_costs and (self.single_source or self.is_uncapacitated)


@dataclass(frozen=True)
class FacilityEvent:
    """Progress: the phase, the best plan and the proven bound so far."""

    phase: str
    incumbent: float
    bound: float
    seconds: float


@dataclass(frozen=True)
class Certificate:
    """Why the bound holds.

    ``evaluate_certificate`` recomputes the dual bound from ``customer_dual`` and ``surrogate_dual``
    (the price of total capacity) and the problem alone. What the solver proved beyond it is
    ``tree_bound``; it rests on ``tree_said``. ``closed`` and ``opened`` are the facilities fixed
    before the tree, each because the dual bound with it decided otherwise exceeds ``cutoff``.
    """

    customer_dual: np.ndarray  # [n], money for the whole demand of a customer
    surrogate_dual: float  # money per unit of total capacity, >= 0
    dual_bound: float
    tree_bound: float
    tree_said: str
    count_dual: float = 0.0  # money per facility of the least number that must open, >= 0
    cutoff: float = math.inf
    closed: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    opened: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    knapsack: str = "continuous"  # "binary" for single-source dual bounds


@dataclass(frozen=True)
class FacilityResult:
    """What came back. ``open`` and the assignment are empty when there is no plan."""

    status: Status
    objective: float  # inf without a plan
    bound: float  # -inf without a bound
    open: np.ndarray  # bool [m]
    facility: np.ndarray  # the assignment, sparse: facility, customer, share of the demand
    customer: np.ndarray
    share: np.ndarray
    certificate: Certificate | None
    method: str
    seconds: float
    phases: dict[str, float] = field(default_factory=dict)  # seconds per phase
    nodes: int = 0
    peak_memory_mb: float = 0.0
    trace: tuple[tuple[float, float, float], ...] = ()  # (seconds, incumbent, bound)

    @property
    def gap(self) -> float:
        """(objective - bound) / objective, inf without a plan."""
        if not math.isfinite(self.objective):
            return math.inf
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-10)


@dataclass(frozen=True)
class FacilityOptions:
    """How to solve; the options of `solve_facility`."""

    gap: float = 1e-4
    time_limit_s: float = math.inf
    threads: int = 2
    seed: int = 0
    start: np.ndarray | None = None  # bool [m]: facilities to try first
    on_progress: Callable[[FacilityEvent], None] | None = None
    cancel: threading.Event | None = None


def check_solution(problem: FacilityProblem, result: FacilityResult) -> list[str]:
    """Return every way the plan breaks the problem; an empty list means it holds."""
    if not result.status.has_plan:
        return [f"there is no plan to check: the solve ended as '{result.status}'"]
    found: list[str] = []
    share, facility, customer = result.share, result.facility, result.customer
    if (share < -FEASIBILITY).any() or np.isnan(share).any():
        found.append("a share is negative or not a number")
    served = np.bincount(customer, weights=share, minlength=problem.n)
    for j in np.flatnonzero(np.abs(served - 1.0) > FEASIBILITY):
        found.append(f"customer {j}: {served[j]:.9f} of its demand is served")
    load = np.bincount(facility, weights=share * problem.demand[customer], minlength=problem.m)
    limit = np.where(result.open, problem.capacity, 0.0)
    slack = FEASIBILITY * np.maximum(1.0, np.where(np.isinf(limit), 1.0, limit))
    for i in np.flatnonzero(load > limit + slack):
        found.append(f"facility {i}: load {load[i]:.6f} exceeds {limit[i]:.6f}")
    for i in np.unique(facility[share > FEASIBILITY]):
        if not result.open[i]:
            found.append(f"facility {i}: serves customers but is closed")
    if problem.single_source and (np.minimum(share, 1.0 - share) > FEASIBILITY).any():
        found.append("a customer is split, single source was asked")
    used = share > 0
    cost = problem.fixed_cost[result.open].sum()
    cost += (problem.unit_cost[facility[used], customer[used]] * share[used]).sum()
    if not abs(cost - result.objective) <= 1e-6 * max(1.0, abs(cost)):
        found.append(f"the objective is {cost:.9g}, the result says {result.objective:.9g}")
    if result.bound > result.objective + 1e-6 * max(1.0, abs(result.objective)):
        found.append(f"the bound {result.bound:.9g} exceeds the objective {result.objective:.9g}")
    return found


def knapsack_values(problem: FacilityProblem, customer_dual: np.ndarray) -> np.ndarray:
    """Return per facility the least of sum (c_ij - lambda_j) x_ij within its capacity.

    x is relaxed to [0, 1]. Plain and slow: the reference for every kernel.
    """
    values = np.zeros(problem.m)
    for i in range(problem.m):
        reduced = problem.unit_cost[i] - customer_dual
        wanted = np.flatnonzero(reduced < 0)
        free = wanted[problem.demand[wanted] <= 0]
        values[i] = reduced[free].sum()
        wanted = wanted[problem.demand[wanted] > 0]
        order = wanted[np.argsort(reduced[wanted] / problem.demand[wanted], kind="stable")]
        room = problem.capacity[i]
        for j in order:
            if room <= 0:
                break
            part = min(1.0, room / problem.demand[j])
            values[i] += part * reduced[j]
            room -= part * problem.demand[j]
    return values


def binary_knapsack_values(problem: FacilityProblem, customer_dual: np.ndarray) -> np.ndarray:
    """Return the same minima with x binary (needs whole demands), by plain dynamic programming."""
    values = np.zeros(problem.m)
    for i in range(problem.m):
        reduced = problem.unit_cost[i] - customer_dual
        wanted = [int(j) for j in np.flatnonzero(reduced < 0)]
        room = int(min(math.floor(problem.capacity[i] + 1e-9), problem.demand[wanted].sum()))
        best = np.zeros(room + 1)
        for j in wanted:
            weight = round(float(problem.demand[j]))
            if weight > room:
                continue
            shifted = best[: room + 1 - weight] + reduced[j]
            best[weight:] = np.minimum(best[weight:], shifted)
        values[i] = best[room] if room >= 0 else 0.0
    return values


def evaluate_certificate(problem: FacilityProblem, certificate: Certificate) -> float:
    """Return the bound the dual prices prove, from the problem alone.

    For any lambda and sigma, rho >= 0, with k the least number of facilities that hold all demand:
    sum lambda_j + sigma D + rho k + sum_i min(0, f_i + v_i - sigma s_i - rho).
    """
    dual = certificate.customer_dual
    sigma, rho = certificate.surrogate_dual, certificate.count_dual
    if not (sigma >= 0 and rho >= 0) or not np.isfinite(dual).all():
        return -math.inf
    if certificate.knapsack == "binary":
        if not problem.single_source or (problem.demand != np.floor(problem.demand)).any():
            return -math.inf
        values = binary_knapsack_values(problem, dual)
    else:
        values = knapsack_values(problem, dual)
    total = problem.demand.sum()
    capacity = np.minimum(problem.capacity, total)
    largest_first = np.cumsum(np.sort(capacity)[::-1])
    count = int(np.searchsorted(largest_first, total * (1.0 - 1e-9))) + 1 if total > 0 else 0
    each = problem.fixed_cost + values - sigma * capacity - rho
    return float(dual.sum() + sigma * total + rho * count + np.minimum(each, 0.0).sum())


def transport_cost(problem: FacilityProblem, is_open: np.ndarray) -> float:
    """Return the cost of serving everyone from the open facilities (split), by scipy's LP."""
    from scipy.optimize import linprog

    opened = np.flatnonzero(is_open)
    n = problem.n
    cost = problem.unit_cost[opened]
    if not len(opened):
        return math.inf if n else 0.0
    usable = np.isfinite(cost)
    rows = np.arange(len(opened)).repeat(n)
    columns = np.tile(np.arange(n), len(opened))
    size = len(rows)
    from scipy.sparse import coo_array

    load = coo_array(
        (np.tile(problem.demand, len(opened)), (rows, np.arange(size))), (len(opened), size)
    )
    serve = coo_array((np.ones(size), (columns, np.arange(size))), (n, size))
    limit = np.minimum(problem.capacity[opened], problem.demand.sum())
    upper = np.where(usable.ravel(), 1.0, 0.0)
    answer = linprog(
        np.where(usable, cost, 0.0).ravel(),
        A_ub=load.tocsr(),
        b_ub=limit,
        A_eq=serve.tocsr(),
        b_eq=np.ones(n),
        bounds=np.column_stack([np.zeros(size), upper]),
    )
    return float(answer.fun) if answer.status == 0 else math.inf


def brute_force(problem: FacilityProblem) -> float:
    """Return the optimum by trying every open set (and every assignment): tests only."""
    best = math.inf
    for choice in itertools.product((False, True), repeat=problem.m):
        is_open = np.array(choice)
        fixed = float(problem.fixed_cost[is_open].sum())
        if fixed >= best:
            continue
        if not problem.single_source:
            best = min(best, fixed + transport_cost(problem, is_open))
            continue
        opened = np.flatnonzero(is_open)
        for sources in itertools.product(opened, repeat=problem.n):
            load = np.bincount(sources, weights=problem.demand, minlength=problem.m)
            if (load <= problem.capacity + 1e-9).all():
                cost = problem.unit_cost[list(sources), range(problem.n)].sum()
                best = min(best, fixed + float(cost))
    return best
