"""CP-SAT through OR-Tools, for models it can express without loss: everything integer and bounded.

Rows are scaled to integers exactly or refused. A continuous column is allowed when it is certain
that some optimum has it at a multiple of 1/factor (`_grid`), because the continuous part of the
matrix is a network. The objective is scaled exactly if it can be; otherwise it is rounded to a fine
grid and the bound is lowered by what the rounding may hide, so that the bound stays a bound.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import scipy.sparse as sp
from ortools.sat.python import cp_model

from optimizer.errors import SolverUnsuitableError
from optimizer.linear import CompiledModel
from optimizer.solvers.base import SolverOptions
from optimizer.solvers.check import objective_of
from optimizer.solvers.raw import End, RawAnswer
from optimizer.solvers.watch import Clock, LeftToItselfError, Progress, run_watched

_MAX_FACTOR = 10**6
_MAX_SUM = 2**61  # CP-SAT adds in 64 bits
_MAX_OBJECTIVE = 2**52  # and reports the objective as a double
_ENDS = {
    cp_model.OPTIMAL: End.FINISHED,
    cp_model.FEASIBLE: End.STOPPED,
    cp_model.UNKNOWN: End.STOPPED,
    cp_model.INFEASIBLE: End.INFEASIBLE,
    cp_model.MODEL_INVALID: End.FAILED,
}


def solve(
    model: CompiledModel, options: SolverOptions, clock: Clock, start: np.ndarray | None
) -> RawAnswer:
    """Return CP-SAT's answer to ``model``; ``start`` is a plan that is known to hold, or None."""
    whole = _Whole(model)
    problem = whole.problem
    name = f"CP-SAT (OR-Tools {importlib.metadata.version('ortools')})"
    if start is not None:
        hint = np.rint(start * whole.grid).astype(np.int64)
        proto = problem.Proto()
        proto.solution_hint.vars.extend(range(len(start)))
        proto.solution_hint.values.extend(hint.tolist())
    solver, progress = cp_model.CpSolver(), Progress()
    parameters = solver.parameters
    if math.isfinite(clock.limit_s):
        parameters.max_time_in_seconds = clock.left_s
    parameters.num_workers = max(1, options.threads)
    parameters.random_seed = abs(options.seed) % 2**31
    parameters.relative_gap_limit = max(0.0, options.gap)
    parameters.absolute_gap_limit = 0.0

    def bound_moved(bound: float) -> None:
        progress.bound = whole.true_bound(bound)

    solver.best_bound_callback = bound_moved
    watcher = _Watcher(model, whole, progress)
    try:
        ended = run_watched(
            lambda: solver.solve(problem, watcher),
            solver.stop_search,
            options=options,
            clock=clock,
            progress=progress,
        )
    except LeftToItselfError as error:
        bound = -math.inf if progress.bound is None else progress.bound
        return RawAnswer(End.STOPPED, error.said, name, watcher.x, bound, notes=whole.notes)
    said, end = solver.status_name(ended), _ENDS.get(ended, End.FAILED)
    x, bound = None, -math.inf
    if ended in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        x = np.array(solver.response_proto.solution, dtype=float) / whole.grid
    if end in (End.FINISHED, End.STOPPED):
        # Without any answer CP-SAT may report 0 as its bound, which would be a claim.
        known = x is not None or progress.bound is not None
        bound = whole.true_bound(solver.best_objective_bound) if known else -math.inf
    return RawAnswer(end, said, name, x, bound, nodes=int(solver.num_branches), notes=whole.notes)


class _Watcher(cp_model.CpSolverSolutionCallback):
    """Notes the incumbent."""

    def __init__(self, model: CompiledModel, whole: _Whole, progress: Progress) -> None:
        super().__init__()
        self._model, self._whole, self._progress = model, whole, progress
        self.x: np.ndarray | None = None

    def on_solution_callback(self) -> None:
        """Called by CP-SAT with each better solution."""
        x = np.array(self.response_proto.solution, dtype=float) / self._whole.grid
        self.x = x
        self._progress.incumbent = objective_of(self._model, x)
        self._progress.bound = self._whole.true_bound(self.best_objective_bound)


class _Whole:
    """The model in whole numbers: column j stands for ``grid[j] * x[j]``."""

    def __init__(self, model: CompiledModel) -> None:
        self.notes: tuple[str, ...] = ()
        self._keys = model.col_keys
        self.grid = _grid(model)
        self.low, self.high = self._domains(model)
        self.problem = cp_model.CpModel()
        proto = self.problem.Proto()
        for low, high in zip(self.low, self.high, strict=True):
            proto.variables.add().domain.extend([low, high])
        self._rows(model)
        self._objective(model)

    def true_bound(self, bound: float) -> float:
        """Return the bound on the model's objective that follows from CP-SAT's."""
        return bound / self._scale - self._hidden

    def _domains(self, model: CompiledModel) -> tuple[list[int], list[int]]:
        """Return whole bounds; infinite ones are refused."""
        for bounds in (model.lb, model.ub):
            if not np.isfinite(bounds).all():
                at = int(np.argmax(~np.isfinite(bounds)))
                raise _unsuitable(
                    f"column {self._keys[at]!r} has the bound {bounds[at]}; it needs a finite one"
                )
        low = np.ceil(model.lb * self.grid - 1e-9)
        high = np.floor(model.ub * self.grid + 1e-9)
        if max(np.abs(low).max(initial=0), np.abs(high).max(initial=0)) > 2**52:
            raise _unsuitable("a column's range is too large for 64-bit integers")
        crossed = low > high  # no integer between the bounds: an empty domain, said as a clause
        if crossed.any():
            low, high = np.where(crossed, 0, low), np.where(crossed, 0, high)
        self._is_empty = bool(crossed.any())
        return [int(v) for v in low], [int(v) for v in high]

    def _rows(self, model: CompiledModel) -> None:
        proto = self.problem.Proto()
        if self._is_empty:
            proto.constraints.add().linear.domain.extend([1, 1])  # 0 = 1
        matrix = sp.csr_matrix(model.matrix)
        for i, key in enumerate(model.row_keys):
            entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
            at, values = matrix.indices[entries], matrix.data[entries]
            if np.isinf(model.row_low[i]) and np.isinf(model.row_high[i]):
                continue
            shares = [_exact(v) / int(self.grid[j]) for j, v in zip(at, values, strict=True)]
            factor = math.lcm(*(share.denominator for share in shares))
            if factor > _MAX_FACTOR * int(self.grid.max(initial=1)):
                raise _unsuitable(
                    f"row {key!r} has coefficients with too many decimals to be whole numbers"
                )
            whole = [int(share * factor) for share in shares]
            reach = sum(
                abs(c) * max(abs(self.low[j]), abs(self.high[j]))
                for c, j in zip(whole, at, strict=True)
            )
            if reach > _MAX_SUM:
                raise _unsuitable(f"row {key!r} is too large for 64-bit integers")
            # All activities are whole, so sides may be rounded inwards; 1e-9 is their float noise.
            low = _side(model.row_low[i], factor, math.ceil, -reach - 1)
            high = _side(model.row_high[i], factor, math.floor, reach + 1)
            linear = proto.constraints.add().linear
            linear.vars.extend(at.tolist())
            linear.coeffs.extend(whole)
            if low <= high:
                linear.domain.extend([max(low, -_MAX_SUM), min(high, _MAX_SUM)])
            else:
                linear.domain.extend([reach + 1, reach + 1])  # out of reach: infeasible

    def _objective(self, model: CompiledModel) -> None:
        """Scale the costs to whole numbers; remember what rounding them can hide at most."""
        shares = [_exact(c) / int(g) for c, g in zip(model.cost, self.grid, strict=True)]
        span = [max(abs(a), abs(b)) for a, b in zip(self.low, self.high, strict=True)]
        scale = math.lcm(*(share.denominator for share in shares))
        reach = sum((abs(s) * r for s, r in zip(shares, span, strict=True)), Fraction(0))
        reach += abs(_exact(model.offset))
        if scale > _MAX_FACTOR * int(self.grid.max(initial=1)) or scale * reach > _MAX_OBJECTIVE:
            # The largest power of two that keeps the objective exact as a double.
            room = int(Fraction(_MAX_OBJECTIVE) / max(reach, Fraction(1, 2**40)))
            scale = 2 ** max(0, room.bit_length() - 1)
        whole = [round(share * scale) for share in shares]
        lost = sum(
            (abs(s * scale - w) * r for s, w, r in zip(shares, whole, span, strict=True)),
            Fraction(0),
        )
        self._scale = float(scale)
        self._hidden = float(lost / scale)
        if lost:
            self.notes += (f"costs rounded for CP-SAT; the bound allows {self._hidden:.3g} for it",)
        objective = self.problem.Proto().objective
        priced = [j for j, w in enumerate(whole) if w]
        objective.vars.extend(priced)
        objective.coeffs.extend([whole[j] for j in priced])
        objective.offset = model.offset * scale


def _grid(model: CompiledModel) -> np.ndarray:
    """Return for each column by what it is multiplied to be whole: 1, or the common factor.

    A continuous column takes part only if the continuous columns form a network: rows with one
    continuous column are like bounds; in the others each such column has at most two entries, of
    one size by row, and the rows can be split in two so that equal signs lie apart. That matrix is
    totally unimodular, so with whole sides there is a whole optimum for every choice of integers.
    """
    factors = np.ones(len(model.cost), dtype=np.int64)
    loose = np.flatnonzero(~model.integer)
    if not loose.size:
        return factors
    matrix = sp.csr_matrix(model.matrix)
    place = np.full(len(model.cost), -1)
    place[loose] = np.arange(loose.size)
    links: list[list[tuple[int, float]]] = [[] for _ in loose]
    common = 1
    for i, key in enumerate(model.row_keys):
        if np.isinf(model.row_low[i]) and np.isinf(model.row_high[i]):
            continue
        entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
        at, values = matrix.indices[entries], matrix.data[entries]
        is_loose = place[at] >= 0
        if not is_loose.any():
            continue
        sizes = np.unique(np.abs(values[is_loose]))
        if sizes.size > 1:
            raise _not_network(f"row {key!r} weighs its continuous columns differently")
        size = _exact(float(sizes[0]))
        others = [_exact(v) / size for v in values[~is_loose]]
        sides = [_exact(s) / size for s in (model.row_low[i], model.row_high[i]) if np.isfinite(s)]
        common = math.lcm(common, *(f.denominator for f in (*others, *sides)))
        if is_loose.sum() > 1:
            for j, v in zip(at[is_loose], values[is_loose], strict=True):
                links[place[j]].append((i, float(np.sign(v))))
    for bounds in (model.lb, model.ub):
        finite = [_exact(v) for v in bounds[loose] if np.isfinite(v)]
        common = math.lcm(common, *(f.denominator for f in finite))
    if common > _MAX_FACTOR:
        raise _unsuitable(
            f"its continuous columns would have to be multiplied by {common} to be whole"
        )
    _check_network(model, loose, links)
    factors[loose] = common
    return factors


def _check_network(
    model: CompiledModel, loose: np.ndarray, links: list[list[tuple[int, float]]]
) -> None:
    """Raise unless the rows split in two: equal signs of a column apart, opposite together."""
    import networkx as nx

    graph = nx.Graph()
    for column, ends in zip(loose, links, strict=True):
        if len(ends) > 2:
            raise _not_network(f"column {model.col_keys[column]!r} is in {len(ends)} rows")
        if len(ends) == 2:
            (first, one), (second, other) = ends
            if one == other:
                graph.add_edge(first, second)
            else:  # together: an extra node between them
                graph.add_edge(first, ("between", first, second))
                graph.add_edge(("between", first, second), second)
    if not nx.is_bipartite(graph):
        raise _not_network("its continuous columns form an odd cycle")


def _exact(value: float) -> Fraction:
    """Return the decimal number that is written for ``value``: 0.35 is 35/100."""
    return Fraction(repr(float(value)))


def _side(side: float, factor: int, rounding: Callable[[Fraction], int], infinite: int) -> int:
    if np.isinf(side):
        return infinite
    exact = _exact(side) * factor
    near = round(exact)
    noise = Fraction(1, 10**9) * max(1, abs(near))
    return near if abs(exact - near) <= noise else rounding(exact)


def _unsuitable(why: str) -> SolverUnsuitableError:
    return SolverUnsuitableError(f"CP-SAT cannot express this model: {why}. Choose another solver.")


def _not_network(why: str) -> SolverUnsuitableError:
    return _unsuitable(f"continuous columns are possible only in networks, and {why}")
