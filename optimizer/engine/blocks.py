"""Blocks: siting models side by side (scenarios or periods) that share or link their siting.

A *siting* names what is decided once and for all: zones, hosts, modules and projects, by the kinds
and ids of a question. What a block decides for itself (volumes, rates, routes, services, what is
bought) is its second stage. `Block` is one siting model with its relaxation solved to the end;
`relaxed` gives the least cost of a block for a given siting and its slope (a Benders cut);
`optimizer.engine.joint` puts blocks into one model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimizer.engine.progress import Watch
from optimizer.engine.root import Relaxation
from optimizer.linear import CompiledModel
from optimizer.memory import Memory
from optimizer.model.base import SitingModel
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Status
from optimizer.problem import Problem
from optimizer.solvers import SolverOptions, solve_model

Decision = tuple[str, str]  # kind and id, as in `Question.least`
Siting = Mapping[Decision, float]  # decision -> count; what is not named is 0

SITING = ("zone", "host", "module", "project")
BUILT = ("zone", "module", "project")  # what stands once it is built; hosts may come and go
_KIND = {"open": "zone", "host": "host", "module": "module", "project": "project"}


@dataclass
class Block:
    """One siting model whose siting another block may share: no project is screened out."""

    m: SitingModel
    relaxation: Relaxation
    status: Status = Status.SOLVER_ERROR

    @cached_property
    def columns(self) -> dict[Decision, int]:
        """Column of each decision of the siting; existing zones are no decision."""
        return siting_columns(self.m)

    def siting_of(self, x: np.ndarray) -> dict[Decision, float]:
        """The siting that column values stand for, without what is 0."""
        counts = {d: float(round(x[c])) for d, c in self.columns.items()}
        return {d: n for d, n in counts.items() if n}

    @property
    def capital(self) -> dict[Decision, float]:
        """Capital in mcny of each decision: what a budget counts."""
        from optimizer.model.rules import capital_terms

        names = {c: d for d, c in self.columns.items()}
        return {names[c]: v for c, v in capital_terms(self.m) if c in names}


def make_block(problem: Problem, memory: Memory | None = None) -> Block:
    """Return the block of a problem; its relaxation is not solved yet."""
    m = build_siting_model(problem, memory=memory)
    m.shares_projects = True
    return Block(m, Relaxation(m, memory))


def siting_columns(m: SitingModel) -> dict[Decision, int]:
    """Column of each decision of the siting; existing zones are open anyway and no decision."""
    problem = m.problem
    status = list(problem.table("zones")["status"])
    columns: dict[Decision, int] = {}
    for key, column in m.lp.col.items():
        kind = _KIND.get(key[0])
        if kind == "host":
            columns[kind, f"{problem.zones[key[1]]}/{problem.industries[key[2]]}"] = column
        elif kind == "zone":
            if status[key[1]] != "existing":
                columns[kind, problem.zones[key[1]]] = column
        elif kind is not None:
            columns[kind, key[1]] = column
    return columns


@dataclass(frozen=True)
class Slope:
    """What a block says of sitings from where it looked at one.

    OPTIMAL: its cost is at least ``value + sum(slope[d] * (x[d] - at[d]))`` for every siting x.
    INFEASIBLE: it has no second stage at ``at``, and none where that sum is above 0 (a siting that
    is ``value`` away, in counts, is the nearest that it could live with); without a slope, none at
    ``at`` is all that is known. Else nothing is known, and the value is -inf.
    """

    status: Status
    value: float
    slope: Mapping[Decision, float]


def relaxed(block: Block, siting: Siting | None, watch: Watch) -> Slope:
    """Return the relaxed cost of a block and its slope at a siting (None: the siting is free).

    With the siting fixed in the linear relaxation, the reduced costs of its columns are how the
    cost of the block would change with them: a Benders cut, valid for every siting because the
    relaxation lies below the block's true cost.
    """
    m, columns = block.m, block.columns
    if siting is not None:
        missing = {d: n for d, n in siting.items() if n and d not in columns}
        if missing:  # such as an industry that no goods of could reach the zone
            return Slope(Status.INFEASIBLE, sum(missing.values()), dict.fromkeys(missing, 1.0))
        free = [(m.lp.lb[c], m.lp.ub[c]) for c in columns.values()]
        beyond = any(siting.get(d, 0.0) > m.lp.ub[c] + 1e-9 for d, c in columns.items())
        if not beyond:
            for decision, column in columns.items():
                m.lp.lb[column] = m.lp.ub[column] = siting.get(decision, 0.0)
        block.status = Status.INFEASIBLE if beyond else block.relaxation.solve(watch)
        if block.status is Status.INFEASIBLE:
            for column, (low, high) in zip(columns.values(), free, strict=True):
                m.lp.lb[column], m.lp.ub[column] = low, high
            return _distance(block, siting, watch)
    else:
        block.status = block.relaxation.solve(watch)
        if block.status is Status.INFEASIBLE:
            return Slope(Status.INFEASIBLE, np.inf, {})
    if block.status is not Status.OPTIMAL or not block.relaxation.is_bound:
        return Slope(Status.NO_PLAN_IN_TIME, -np.inf, {})
    if block.relaxation.overflow(block.relaxation.x) > 1e-6:
        return Slope(Status.INFEASIBLE, np.inf, {})
    if siting is None:
        return Slope(Status.OPTIMAL, block.relaxation.bound, {})
    r = reduced_costs(block)
    slope = {d: float(r[c]) for d, c in columns.items() if abs(r[c]) > 1e-9}
    return Slope(Status.OPTIMAL, block.relaxation.bound, slope)


def _distance(block: Block, siting: Siting, watch: Watch) -> Slope:
    """Return how far the nearest siting is that the block's relaxation can live with (1-norm).

    The distance is a convex function of the siting that is 0 wherever there is a second stage: its
    slope at a siting without one cuts that siting off, and none that has one.
    """
    import scipy.sparse as sp

    model = block.m.lp.compile()
    names = list(block.columns)
    at = np.array([siting.get(d, 0.0) for d in names])
    size, n = len(names), len(model.cost)
    where = np.array([block.columns[d] for d in names])
    low, high = model.lb[where], model.ub[where]
    weight = 1.0 / np.maximum(1.0, np.where(np.isfinite(high), high, 1.0))
    pick = sp.csr_matrix((np.ones(size), (np.arange(size), where)), (size, n))
    matrix = sp.block_array(
        [[model.matrix, None, None], [pick, sp.identity(size), -sp.identity(size)]], format="csr"
    )
    distance = CompiledModel(
        cost=np.concatenate([np.zeros(n), weight, weight]),
        lb=np.concatenate([model.lb, np.zeros(2 * size)]),
        ub=np.concatenate([model.ub, np.full(2 * size, np.inf)]),
        integer=np.zeros(n + 2 * size, dtype=bool),
        row_low=np.concatenate([model.row_low, at]),
        row_high=np.concatenate([model.row_high, at]),
        matrix=matrix,
        offset=0.0,
        col_keys=range(n + 2 * size),
        row_keys=range(len(model.row_low) + size),
    )
    options = SolverOptions(time_limit_s=watch.left_s, cancel=watch.cancel)
    result = solve_model(distance, "highs", options)
    if result.status is not Status.OPTIMAL or result.duals is None or result.objective < 1e-6:
        return Slope(Status.INFEASIBLE, np.inf, {})
    # What the nearest siting has at the same bound fits many slopes: the strongest is taken.
    assert result.x is not None, "optimal"
    rest = -(model.matrix.T @ result.duals[:-size])[where]
    same = np.abs(result.x[where] - at) <= 1e-9
    slope = result.duals[-size:]
    slope = np.where(same & (at <= low), np.clip(rest, slope, weight), slope)
    slope = np.where(same & (at >= high), np.clip(rest, -weight, slope), slope)
    named = {d: float(v) for d, v in zip(names, slope, strict=True) if abs(v) > 1e-9}
    return Slope(Status.INFEASIBLE, result.objective, named)


def reduced_costs(block: Block) -> np.ndarray:
    """Cost less what the rows' prices pay, by column, of the last relaxation."""
    model = block.m.lp.compile()
    duals = np.zeros(len(model.row_low))
    duals[: len(block.relaxation.duals)] = block.relaxation.duals
    return model.cost - model.matrix.T @ duals


def siting_rows(
    m: SitingModel, decisions: Collection[Decision] | None = None
) -> list[tuple[tuple, dict[Decision, float], float, float]]:
    """Rows that speak of the siting alone: (key, coefficients, low, high)."""
    columns = siting_columns(m)
    name = {c: d for d, c in columns.items() if decisions is None or d in decisions}
    zones = m.problem.table("zones")
    fixed = {
        m.lp.col["open", k]
        for k, status in enumerate(zones["status"])
        if status == "existing" and ("open", k) in m.lp.col
    }
    terms: dict[int, dict[int, float]] = {}
    for row, column, value in zip(
        m.lp.entries_row, m.lp.entries_col, m.lp.entries_val, strict=True
    ):
        cells = terms.setdefault(row, {})
        cells[column] = cells.get(column, 0.0) + value
    rows = []
    for row, cells in sorted(terms.items()):
        if all(c in name for c in cells) and not cells.keys() & fixed:
            coefficients = {name[c]: v for c, v in cells.items()}
            rows.append((m.lp.row_keys[row], coefficients, m.lp.row_low[row], m.lp.row_high[row]))
    return rows
