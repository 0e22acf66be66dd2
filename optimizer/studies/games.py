"""Cooperative games with transferable worth: Shapley value, core, least core, nucleolus.

A coalition of n players is a number: bit k is set if player k takes part. The worth of all
coalitions is an array of 2**n numbers, the first of which belongs to nobody. Worths that come from
solves with a gap are two such arrays, what each is at least and at most; everything that is said
about such a game then holds for every game between the two, or is left open.

Shapley (1953); least core: Maschler, Peleg and Shapley (1979); nucleolus: Schmeidler (1969), by a
sequence of linear programs (Kopelowitz 1967) in which a coalition counts as settled only where no
optimum of the step leaves it better off, not wherever one optimum happens to be tight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from optimizer.errors import OptimizerError
from optimizer.linear import CompiledModel
from optimizer.plan.plan import Status
from optimizer.solvers import SolverOptions, solve_model

Array = np.ndarray
TIGHT = 1e-7  # of the largest worth: what counts as zero in a linear program


class GameError(OptimizerError):
    """A game cannot be solved: its worths are no numbers, or the solver failed."""


@dataclass(frozen=True)
class LeastCore:
    """The least amount by which some coalition must stay below its worth, and who that is.

    ``value`` <= 0: the core is not empty. ``weights`` are a balanced collection of coalitions that
    proves the value: every player belongs to coalitions whose weights add up to one, and the
    weighted worths exceed what all can reach by ``value`` times the sum of the weights.
    """

    value: float
    payoffs: Array
    weights: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One linear program of the nucleolus: its level, tight and settled coalitions."""

    level: float
    tight: int  # coalitions that the solver's optimum leaves tight
    settled: tuple[int, ...]  # of them those that are tight in every optimum


@dataclass(frozen=True)
class Nucleolus:
    """The payoffs; ``rational`` is False where nobody can be given what they reach alone."""

    payoffs: Array
    steps: tuple[Step, ...]
    rational: bool

    @property
    def degenerate_steps(self) -> int:
        """Steps at which a tight coalition was not settled."""
        return sum(step.tight > len(step.settled) for step in self.steps)


def players_of(worth: Array) -> int:
    """Number of players of a game; GameError if it is not one."""
    count = len(worth).bit_length() - 1
    if len(worth) != 1 << count or count < 1:
        raise GameError(f"{len(worth)} worths are no game: there must be 2, 4, 8, 16 ...")
    return count


def members(coalition: int, count: int) -> list[int]:
    """Players of a coalition."""
    return [k for k in range(count) if coalition >> k & 1]


@lru_cache(maxsize=16)
def _matrix(count: int) -> sp.csr_matrix:
    """Who belongs to whom: coalitions by players."""
    bits = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    return sp.csr_matrix(bits.astype(float))


def _weights(count: int) -> tuple[Array, Array]:
    """Weight of a coalition by its size: where the player is in it, where the player is not."""
    inside, outside = np.zeros(count + 1), np.zeros(count + 1)
    for size in range(count):
        weight = 1.0 / (count * math.comb(count - 1, size))
        outside[size], inside[size + 1] = weight, weight
    return inside, outside


def shapley_coefficients(count: int) -> Array:
    """What each worth counts in the Shapley value of each player, (players, coalitions)."""
    sizes = np.asarray(_matrix(count).sum(axis=1)).ravel().astype(int)
    inside, outside = _weights(count)
    belongs = _matrix(count).toarray().T > 0
    return np.where(belongs, inside[sizes], -outside[sizes])


def shapley(worth: Array) -> Array:
    """Shapley value of each player: the mean of what they add over all orders of joining."""
    return shapley_coefficients(players_of(worth)) @ np.asarray(worth, dtype=float)


def shapley_range(low: Array, high: Array, *, monotone: bool = False) -> tuple[Array, Array]:
    """What the Shapley value of each player is at least and at most, over all games between.

    ``monotone``: joining never makes a coalition worse. That is used too where it is (up to ten
    players, by linear programs), and shows at least as a value that is not negative.
    """
    count = players_of(low)
    factors = shapley_coefficients(count)
    least = np.where(factors > 0, factors * low, factors * high).sum(axis=1)
    most = np.where(factors > 0, factors * high, factors * low).sum(axis=1)
    if monotone and count <= 10 and not np.array_equal(low, high):
        for k in range(count):
            least[k] = max(least[k], _extreme(factors[k], low, high))
            most[k] = min(most[k], -_extreme(-factors[k], low, high))
    return (np.maximum(least, 0.0) if monotone else least), most


def _extreme(factors: Array, low: Array, high: Array) -> float:
    """Least value of a weighted sum of worths, over the monotone games between two."""
    count = players_of(low)
    smaller = [s for s in range(1 << count) for k in range(count) if not s >> k & 1]
    larger = [s | 1 << k for s in range(1 << count) for k in range(count) if not s >> k & 1]
    rows = np.arange(len(smaller))
    matrix = sp.csr_matrix(
        (
            np.concatenate([np.ones(len(rows)), -np.ones(len(rows))]),
            (np.concatenate([rows, rows]), np.concatenate([larger, smaller])),
        ),
        shape=(len(rows), 1 << count),
    )
    scale = _scale(high)
    answer = _solve(
        factors, matrix, np.zeros(len(rows)), np.full(len(rows), np.inf), low / scale, high / scale
    )
    return (float(factors @ answer.x) - 1e-6) * scale


def monotone_hull(low: Array, high: Array) -> tuple[Array, Array]:
    """Both bounds, tightened by what holds for smaller and larger coalitions."""
    count = players_of(low)
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    numbers = np.arange(1 << count)
    for k in range(count):
        without = numbers[numbers >> k & 1 == 0]
        low[without | 1 << k] = np.maximum(low[without | 1 << k], low[without])
        high[without] = np.minimum(high[without], high[without | 1 << k])
    return low, high


# -- sampling ------------------------------------------------------------------------------------


def antithetic_orders(count: int, pairs: int, seed: int) -> list[tuple[int, ...]]:
    """``pairs`` random orders of the players, each followed by the same order backwards.

    Who joins early in one joins late in the other, so that the mean of a pair varies less
    (Mitchell, Cooper, Frank and Holmes 2022).
    """
    generator = np.random.default_rng(seed)
    orders = []
    for _ in range(pairs):
        order = tuple(int(k) for k in generator.permutation(count))
        orders += [order, order[::-1]]
    return orders


def coalitions_of(order: Sequence[int]) -> list[int]:
    """Coalitions that grow as players join in an order, nobody first."""
    found = [0]
    for k in order:
        found.append(found[-1] | 1 << k)
    return found


def sampled_shapley(
    orders: Sequence[Sequence[int]],
    low: Mapping[int, float],
    high: Mapping[int, float],
    *,
    confidence: float = 0.95,
    monotone: bool = False,
) -> tuple[Array, Array, Array]:
    """Estimates of the Shapley values, and intervals that hold with the confidence.

    ``orders`` come in antithetic pairs. The intervals hold chance (Student's t over the pairs) and
    the error of the worths: the lower end is that of what each player adds at least.
    """
    from scipy.stats import t

    count, pairs = len(orders[0]), len(orders) // 2
    if pairs < 2 or len(orders) % 2:
        raise GameError(f"{len(orders)} orders: at least two pairs are needed for an interval")
    added = np.zeros((3, pairs, count))
    for number, order in enumerate(orders):
        steps = coalitions_of(order)
        for k, before, after in zip(order, steps[:-1], steps[1:], strict=True):
            least, most = low[after] - high[before], high[after] - low[before]
            least = max(least, 0.0) if monotone else least
            added[:, number // 2, k] += np.array([low[after] - low[before], least, most]) / 2
    quantile = float(t.ppf(0.5 + confidence / 2, pairs - 1))
    mean = added.mean(axis=1)
    error = quantile * added.std(axis=1, ddof=1) / math.sqrt(pairs)
    least = mean[1] - error[1]
    return mean[0], (np.maximum(least, 0.0) if monotone else least), mean[2] + error[2]


# -- core ----------------------------------------------------------------------------------------


def least_core(worth: Array) -> LeastCore:
    """Least core of a game: the least largest excess over all coalitions but nobody and all."""
    worth = _checked(worth)
    count = players_of(worth)
    if count == 1:
        return LeastCore(-math.inf, worth[1:].copy())
    scale = _scale(worth)
    proper = np.arange(1, (1 << count) - 1)
    matrix = sp.vstack(
        [
            sp.hstack([_matrix(count)[proper], np.ones((len(proper), 1))]),
            sp.hstack([_matrix(count)[-1:], np.zeros((1, 1))]),
        ]
    ).tocsr()
    right = np.append(worth[proper], worth[-1]) / scale
    most = np.full(len(right), np.inf)
    most[-1] = right[-1]
    cost = np.append(np.zeros(count), 1.0)
    free = np.full(count + 1, np.inf)
    answer = _solve(cost, matrix, right, most, -free, free)
    assert answer.duals is not None
    prices = {int(s): float(p) for s, p in zip(proper, answer.duals, strict=False) if p > TIGHT}
    # Weights of a balanced collection add up to one for each player: the price of the sum row.
    total = abs(float(answer.duals[-1]))
    weights = {s: p / total for s, p in prices.items()} if total > TIGHT else {}
    return LeastCore(float(answer.x[-1]) * scale, answer.x[:count] * scale, weights)


def least_core_range(low: Array, high: Array) -> tuple[float, float]:
    """What the value of the least core is at least and at most, over all games between.

    It grows with the worth of every coalition and falls with that of all.
    """
    fewest, most = np.array(low, dtype=float), np.array(high, dtype=float)
    fewest[-1], most[-1] = high[-1], low[-1]
    return least_core(fewest).value, least_core(most).value


def excesses(worth: Array, payoffs: Array) -> Array:
    """Worth of each coalition less what its members are given; 0 for nobody."""
    return np.asarray(worth, dtype=float) - _matrix(players_of(worth)) @ np.asarray(payoffs)


# -- nucleolus -----------------------------------------------------------------------------------


def nucleolus(worth: Array) -> Nucleolus:
    """Nucleolus of a game: excesses, the largest first, are as small as they can be.

    Where not even all together reach what each reaches alone, no division is individually rational
    and the prenucleolus comes back (``rational`` is False).
    """
    worth = _checked(worth)
    count = players_of(worth)
    if count == 1:
        return Nucleolus(worth[1:].copy(), (), True)
    scale = _scale(worth)
    scaled = worth / scale
    alone = scaled[[1 << k for k in range(count)]]
    rational = bool(alone.sum() <= scaled[-1] + TIGHT)
    if rational and alone.sum() > scaled[-1] - TIGHT:  # there is one such division
        return Nucleolus((alone + (scaled[-1] - alone.sum()) / count) * scale, (), True)
    floor = alone if rational else np.full(count, -np.inf)
    basis, steps = _Settled(count, scaled[-1]), []
    while not basis.is_full:
        steps.append(_step(scaled, floor, basis))
    payoffs = np.where(np.abs(payoffs := basis.payoffs(scaled)) < 1e-12, 0.0, payoffs) * scale
    steps = [Step(s.level * scale, s.tight, s.settled) for s in steps]
    return Nucleolus(payoffs, tuple(steps), rational)


class _Settled:
    """Coalitions whose excess is settled, as independent equations on the payoffs."""

    def __init__(self, count: int, total: float) -> None:
        self.count, self.total = count, total
        self.coalitions = [(1 << count) - 1]
        self.levels = [0.0]
        self._span = np.ones((1, count)) / math.sqrt(count)  # orthonormal

    @property
    def is_full(self) -> bool:
        """True if the equations leave one point."""
        return len(self._span) == self.count

    def is_new(self, coalitions: Array) -> Array:
        """Which coalitions the equations do not yet determine."""
        rows = _matrix(self.count)[coalitions].toarray()
        rest = rows - (rows @ self._span.T) @ self._span
        return (rest**2).sum(axis=1) > 1e-9

    def add(self, coalition: int, level: float) -> None:
        """Take an equation: the coalition's excess is the level. Nothing if it follows already."""
        if not self.is_new(np.array([coalition]))[0]:
            return
        row = _matrix(self.count)[coalition].toarray().ravel()
        rest = row - (self._span @ row) @ self._span
        self._span = np.vstack([self._span, rest / np.linalg.norm(rest)])
        self.coalitions.append(coalition)
        self.levels.append(level)

    def equations(self, scaled: Array) -> tuple[sp.csr_matrix, Array]:
        """Left and right of the equations."""
        right = scaled[self.coalitions] - np.array(self.levels)
        return _matrix(self.count)[self.coalitions], right

    def payoffs(self, scaled: Array) -> Array:
        """The point that is left."""
        matrix, right = self.equations(scaled)
        return np.linalg.solve(matrix.toarray(), right)


def _step(scaled: Array, floor: Array, basis: _Settled) -> Step:
    """Lower the largest excess that is not settled; settle the coalitions that cannot go lower."""
    count = basis.count
    proper = np.arange(1, (1 << count) - 1)
    open_ = proper[basis.is_new(proper)]
    fixed, right = basis.equations(scaled)
    matrix = sp.vstack(
        [
            sp.hstack([_matrix(count)[open_], np.ones((len(open_), 1))]),
            sp.hstack([fixed, sp.csr_matrix((fixed.shape[0], 1))]),
        ]
    ).tocsr()
    low = np.concatenate([scaled[open_], right])
    high = np.concatenate([np.full(len(open_), np.inf), right])
    answer = _solve(
        np.append(np.zeros(count), 1.0), matrix, low, high,
        np.append(floor, -np.inf), np.full(count + 1, np.inf),
    )  # fmt: skip
    level = float(answer.x[-1])
    excess = scaled[open_] - _matrix(count)[open_] @ answer.x[:count]
    tight = open_[excess >= level - TIGHT]
    settled = _always_tight(scaled, floor, basis, open_, tight, level)
    for coalition in settled:
        basis.add(int(coalition), level)
    return Step(level, len(tight), tuple(int(s) for s in settled))


def _always_tight(
    scaled: Array, floor: Array, basis: _Settled, open_: Array, tight: Array, level: float
) -> Array:
    """Of the tight coalitions those that every optimum of the step leaves tight.

    Optima are a convex set, so what one loosens and another loosens, their mean loosens both: as
    long as the sum of loosenings is above zero, drop who was loosened and ask again.
    """
    count = basis.count
    fixed, right = basis.equations(scaled)
    while len(tight):
        pick = sp.csr_matrix(
            (-np.ones(len(tight)), (np.searchsorted(open_, tight), np.arange(len(tight)))),
            shape=(len(open_), len(tight)),
        )
        matrix = sp.vstack(
            [
                sp.hstack([_matrix(count)[open_], pick]),
                sp.hstack([fixed, sp.csr_matrix((fixed.shape[0], len(tight)))]),
            ]
        ).tocsr()
        low = np.concatenate([scaled[open_] - level - TIGHT / 10, right])
        high = np.concatenate([np.full(len(open_), np.inf), right])
        answer = _solve(
            np.concatenate([np.zeros(count), -np.ones(len(tight))]), matrix, low, high,
            np.concatenate([floor, np.zeros(len(tight))]),
            np.concatenate([np.full(count, np.inf), np.ones(len(tight))]),
        )  # fmt: skip
        loosened = answer.x[count:] > 10 * TIGHT
        if not loosened.any():
            return tight
        tight = tight[~loosened]
    raise GameError("a step of the nucleolus settled no coalition; the worths differ too widely")


# -- linear programs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    x: Array
    duals: Array | None


def _solve(
    cost: Array, matrix: sp.csr_matrix, low: Array, high: Array, lb: Array, ub: Array
) -> _Answer:
    model = CompiledModel(
        cost=np.asarray(cost, dtype=float), lb=lb, ub=ub,
        integer=np.zeros(len(cost), dtype=bool), row_low=low, row_high=high,
        matrix=sp.csr_matrix(matrix), offset=1.0,  # tolerances are shares of the objective
        col_keys=range(len(cost)), row_keys=range(len(low)),
    )  # fmt: skip
    result = solve_model(model, "highs", SolverOptions(gap=0.0, threads=1))
    if result.status is not Status.OPTIMAL or result.x is None:
        raise GameError(f"a linear program of the game ended as {result.status}: {result.said}")
    return _Answer(result.x, result.duals)


def _checked(worth: Array) -> Array:
    worth = np.array(worth, dtype=float)
    players_of(worth)
    if not np.isfinite(worth).all():
        raise GameError("worths of coalitions must be finite numbers")
    return worth - worth[0] if worth[0] else worth


def _scale(worth: Array) -> float:
    finite = np.abs(worth[np.isfinite(worth)])
    return float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
