"""Why is a model infeasible? A minimal set of rows in conflict, and the least to give up.

A group is a named list of row keys that stand or fall together (the rows of one policy rule, say);
rows in no group are always in force, and so are the bounds of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from optimizer.errors import NoPlanError
from optimizer.linear import CompiledModel, Key
from optimizer.plan.plan import Status
from optimizer.solvers.base import SolverOptions
from optimizer.solvers.solve import solve_model
from optimizer.solvers.watch import Clock

Groups = Mapping[str, Sequence[Key]]


@dataclass(frozen=True)
class Conflict:
    """Groups that contradict each other (with the rows always in force).

    ``groups`` is empty when the rest alone is infeasible. ``is_minimal``: without any one of them
    there is a plan; False when a time limit left that open.
    """

    groups: tuple[str, ...]
    is_minimal: bool


@dataclass(frozen=True)
class Relaxation:
    """The least violation, weighted, that makes a plan possible.

    ``by_row``: how far a row's side has to move, in the row's unit; > 0: the high side has to go
    up, < 0: the low side has to go down. Rows that hold are left out. ``x`` is a plan of the
    relaxed model, found without regard to costs.
    """

    by_row: dict[Key, float]
    penalty: float
    bound: float  # no relaxation has a smaller penalty
    status: Status
    x: np.ndarray


def minimal_conflict(
    model: CompiledModel, groups: Groups, *, time_limit_s: float = 60.0
) -> list[str]:
    """Return the names of a minimal set of groups in conflict; see `find_conflict`."""
    return list(find_conflict(model, groups, time_limit_s=time_limit_s).groups)


def infeasible_subset(model: CompiledModel, *, time_limit_s: float = 60.0) -> list[Key]:
    """Return the keys of a minimal set of rows that no values within the bounds can satisfy."""
    single = {str(i): [key] for i, key in enumerate(model.row_keys)}
    found = minimal_conflict(model, single, time_limit_s=time_limit_s)
    return [model.row_keys[int(name)] for name in found]


def find_conflict(
    model: CompiledModel, groups: Groups, *, time_limit_s: float = 60.0, test_limit_s: float = 10.0
) -> Conflict:
    """Return a minimal set of groups in conflict, in the order given.

    Raises ValueError if the model has a plan, NoPlanError if the time does not suffice to know. The
    relaxation is asked first: where it is infeasible already, it narrows the search cheaply.
    """
    clock = Clock(time_limit_s)
    rows = _row_numbers(model, groups)
    names = [name for name in rows if len(rows[name])]
    bare = replace(model, cost=np.zeros_like(model.cost), offset=0.0)
    relaxed = _RelaxationTest(bare, rows, clock)
    candidates = names
    if relaxed.is_infeasible(names):
        if relaxed.is_infeasible([]):
            return Conflict((), True)
        candidates = relaxed.narrowed(names)
        candidates = _quick_explain(relaxed, [], False, candidates)
        if not model.integer.any():
            return _ordered(names, candidates, relaxed.undecided == 0)
        test: _Test = _IntegerTest(bare, rows, clock, test_limit_s)
    else:
        test = _IntegerTest(bare, rows, clock, math.inf)
        ended = test.outcome(names)
        if ended.has_plan:
            raise ValueError("the model is feasible: there is no conflict to find")
        if ended is not Status.INFEASIBLE:
            raise NoPlanError(f"it could not be decided in time whether a plan exists ({ended})")
        test.limit_s = test_limit_s
    if test.is_infeasible([]):
        return Conflict((), True)
    candidates = _quick_explain(test, [], False, candidates)
    return _ordered(names, candidates, test.undecided == 0)


def cheapest_relaxation(
    model: CompiledModel,
    groups: Groups,
    penalties: Mapping[str, float] | None = None,
    *,
    time_limit_s: float = 60.0,
    gap: float = 1e-4,
) -> Relaxation:
    """Return the least violation of the groups' rows that makes a plan possible.

    ``penalties``: price of one unit of violation by group (default 1). Raises NoPlanError if no
    violation of these rows is enough, or if none was found in time.
    """
    prices = {name: float((penalties or {}).get(name, 1.0)) for name in groups}
    for name, price in prices.items():
        if not (math.isfinite(price) and price > 0):
            raise ValueError(f"penalty of {name!r} is {price}: a number above 0 is needed")
    price_of_row: dict[int, float] = {}
    for name, numbers in _row_numbers(model, groups).items():
        for i in numbers:
            price_of_row[int(i)] = min(prices[name], price_of_row.get(int(i), math.inf))
    moves = [
        (i, sign, price)
        for i, price in sorted(price_of_row.items())
        for sign, side in ((1.0, model.row_high[i]), (-1.0, model.row_low[i]))
        if math.isfinite(side)
    ]
    result = solve_model(
        _elastic(model, moves), options=SolverOptions(time_limit_s=time_limit_s, gap=gap)
    )
    if result.status is Status.INFEASIBLE:
        raise NoPlanError("no violation of these rows is enough: the others are in conflict")
    if result.x is None:
        raise NoPlanError(f"no relaxation was found ({result.status}: {result.said})")
    by_row: dict[Key, float] = {}
    for (i, sign, _price), amount in zip(moves, result.x[len(model.cost) :], strict=True):
        side = model.row_high[i] if sign > 0 else model.row_low[i]
        if amount > 1e-6 * max(1.0, abs(side)):
            by_row[model.row_keys[i]] = sign * float(amount)
    x = result.x[: len(model.cost)]
    return Relaxation(by_row, result.objective, result.bound, result.status, x)


def _elastic(model: CompiledModel, moves: list[tuple[int, float, float]]) -> CompiledModel:
    """Return the model without its costs, with one priced column for each side that may move."""
    k = len(moves)
    entries = (
        [-sign for _i, sign, _price in moves],
        ([i for i, _sign, _price in moves], np.arange(k)),
    )
    extra = sp.csr_matrix(entries, shape=(len(model.row_keys), k))
    prices = np.array([price for _i, _sign, price in moves])
    return replace(
        model,
        cost=np.concatenate([np.zeros_like(model.cost), prices]),
        lb=np.concatenate([model.lb, np.zeros(k)]),
        ub=np.concatenate([model.ub, np.full(k, np.inf)]),
        integer=np.concatenate([model.integer, np.zeros(k, dtype=bool)]),
        matrix=sp.csr_matrix(sp.hstack([model.matrix, extra])),
        offset=0.0,
        col_keys=[*model.col_keys, *(("move", model.row_keys[i], sign) for i, sign, _p in moves)],
    )


def _row_numbers(model: CompiledModel, groups: Groups) -> dict[str, np.ndarray]:
    number = {key: i for i, key in enumerate(model.row_keys)}
    try:
        return {
            name: np.array([number[key] for key in keys], dtype=int)
            for name, keys in groups.items()
        }
    except KeyError as error:
        raise ValueError(f"the model has no row {error.args[0]!r}") from error


class _Test:
    """The test whether the model is infeasible with given groups in force."""

    undecided = 0

    def __init__(self, model: CompiledModel, rows: dict[str, np.ndarray], clock: Clock) -> None:
        self._model, self._rows, self._clock = model, rows, clock

    def outcome(self, names: Sequence[str]) -> Status:
        raise NotImplementedError

    def is_infeasible(self, names: Sequence[str]) -> bool:
        """Return True only if it is proven."""
        ended = self.outcome(names)
        if not (ended.has_plan or ended is Status.INFEASIBLE):
            self.undecided += 1
        return ended is Status.INFEASIBLE

    def _sides(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the sides of the rows; a row of several groups is in force with any of them."""
        off = np.zeros(len(self._model.row_keys), dtype=bool)
        for numbers in self._rows.values():
            off[numbers] = True
        for name in names:
            off[self._rows[name]] = False
        return (
            np.where(off, -np.inf, self._model.row_low),
            np.where(off, np.inf, self._model.row_high),
        )


class _RelaxationTest(_Test):
    """The test on the linear relaxation, each from the last one's basis."""

    def __init__(self, model: CompiledModel, rows: dict[str, np.ndarray], clock: Clock) -> None:
        super().__init__(model, rows, clock)
        from optimizer.solvers.highs import IncrementalLP

        self._lp = IncrementalLP(model)

    def outcome(self, names: Sequence[str]) -> Status:
        low, high = self._sides(names)
        self._lp.change_row_bounds(np.arange(len(low)), low, high)
        return self._lp.solve(self._clock.left_s)

    def narrowed(self, names: list[str]) -> list[str]:
        """Return the groups that the proof of infeasibility uses, if they are enough."""
        if not self.is_infeasible(names):
            return names
        ray = self._lp.infeasibility_ray()
        if ray is None:
            return names
        used = np.abs(ray) > 1e-9 * np.abs(ray).max(initial=0.0)
        fewer = [name for name in names if used[self._rows[name]].any()]
        return fewer if self.is_infeasible(fewer) else names


class _IntegerTest(_Test):
    """The test on the model itself, each a solve with a limit."""

    def __init__(
        self, model: CompiledModel, rows: dict[str, np.ndarray], clock: Clock, limit_s: float
    ) -> None:
        super().__init__(model, rows, clock)
        self.limit_s = limit_s

    def outcome(self, names: Sequence[str]) -> Status:
        low, high = self._sides(names)
        limit = min(self.limit_s, self._clock.left_s)
        model = replace(self._model, row_low=low, row_high=high)
        return solve_model(model, options=SolverOptions(time_limit_s=limit)).status


def _quick_explain(test: _Test, given: list[str], has_grown: bool, names: list[str]) -> list[str]:
    """Return a minimal part of ``names`` that is infeasible with ``given`` (Junker 2004).

    ``given`` and ``names`` together are known to be infeasible, and so is the result with
    ``given``; a test that stays undecided can only make it larger than it need be.
    """
    if has_grown and test.is_infeasible(given):
        return []
    if len(names) <= 1:
        return names
    first, second = names[: len(names) // 2], names[len(names) // 2 :]
    from_second = _quick_explain(test, given + first, True, second)
    from_first = _quick_explain(test, given + from_second, bool(from_second), first)
    return from_first + from_second


def _ordered(names: list[str], found: list[str], is_minimal: bool) -> Conflict:
    return Conflict(tuple(name for name in names if name in set(found)), is_minimal)
