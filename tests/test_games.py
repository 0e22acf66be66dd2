"""Games against textbook values, laws, and an independent test of the nucleolus."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from optimizer.studies import games


def game(count: int, worth) -> np.ndarray:
    """Worths by coalition from a function of the set of players."""
    return np.array(
        [float(worth(frozenset(games.members(s, count)))) for s in range(1 << count)], dtype=float
    )


def airport(costs: list[float]) -> np.ndarray:
    """Runway game as savings: each alone pays its own runway, together the longest is enough."""
    return game(
        len(costs), lambda s: sum(costs[k] for k in s) - max((costs[k] for k in s), default=0.0)
    )


def bankruptcy(estate: float, debts: list[float]) -> np.ndarray:
    """O'Neill's game: a coalition has what is left when all others are paid in full."""
    others = lambda s: sum(d for k, d in enumerate(debts) if k not in s)  # noqa: E731
    return game(len(debts), lambda s: max(0.0, estate - others(s)))


def shapley_by_orders(worth: np.ndarray) -> np.ndarray:
    """The definition: the mean over all orders."""
    count = games.players_of(worth)
    total = np.zeros(count)
    for order in itertools.permutations(range(count)):
        steps = games.coalitions_of(order)
        for k, a, b in zip(order, steps[:-1], steps[1:], strict=True):
            total[k] += worth[b] - worth[a]
    return total / math.factorial(count)


def is_prenucleolus(worth: np.ndarray, payoffs: np.ndarray, *, rational: bool) -> bool:
    """Kohlberg (1971): the coalitions above any level of excess are balanced on their span.

    A linear program of SciPy for each level: no side payment may help one without hurting any.
    """
    count = games.players_of(worth)
    excess = games.excesses(worth, payoffs)
    proper = range(1, (1 << count) - 1)
    bits = np.array([[s >> k & 1 for k in range(count)] for s in range(1 << count)], dtype=float)
    alone = [1 << k for k in range(count)]
    at_floor = [s for s in alone if rational and abs(payoffs[alone.index(s)] - worth[s]) < 1e-7]
    for level in sorted({round(excess[s], 6) for s in proper}):
        above = [s for s in proper if excess[s] >= level - 1e-6]
        kept = bits[above + at_floor]
        answer = linprog(
            -bits[above].sum(axis=0), A_ub=-kept, b_ub=np.zeros(len(kept)),
            A_eq=np.ones((1, count)), b_eq=[0.0], bounds=[(-1, 1)] * count,
        )  # fmt: skip
        if answer.fun < -1e-6:
            return False
    return True


# -- Shapley -------------------------------------------------------------------------------------


def test_shapley_value_of_the_airport_game() -> None:
    """Littlechild and Owen: each segment is paid in equal parts by those who need it."""
    costs = [12.0, 20.0, 33.0]
    pays = [12 / 3, 12 / 3 + 8 / 2, 12 / 3 + 8 / 2 + 13]
    assert games.shapley(airport(costs)) == pytest.approx(np.array(costs) - pays)


def test_shapley_value_of_the_glove_game() -> None:
    """One left glove, two right ones: 2/3, 1/6, 1/6."""
    worth = game(3, lambda s: min(len(s & {0}), len(s & {1, 2})))
    assert games.shapley(worth) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_shapley_value_of_a_weighted_vote() -> None:
    """Weights 4, 3, 2, 1 of 10 with a quota of 6: the table of pivots by hand."""
    weights = [4, 3, 2, 1]
    worth = game(4, lambda s: sum(weights[k] for k in s) >= 6)
    assert games.shapley(worth) == pytest.approx([5 / 12, 1 / 4, 1 / 4, 1 / 12])


worths = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.integers(-20, 50), min_size=1 << n, max_size=1 << n)
)


@given(worths)
@settings(max_examples=20, deadline=None)
def test_shapley_is_the_mean_over_orders_and_adds_up(values: list[int]) -> None:
    worth = np.array([0.0, *values[1:]])
    found = games.shapley(worth)
    assert found == pytest.approx(shapley_by_orders(worth), abs=1e-9)
    assert found.sum() == pytest.approx(worth[-1], abs=1e-9)


@given(worths, st.integers(-5, 5))
@settings(max_examples=20, deadline=None)
def test_shapley_is_additive_symmetric_and_pays_a_dummy_what_it_brings(
    values: list[int], brings: int
) -> None:
    worth = np.array([0.0, *values[1:]])
    count = games.players_of(worth)
    with_dummy = np.concatenate([worth, worth + brings])
    found = games.shapley(with_dummy)
    assert found[-1] == pytest.approx(brings, abs=1e-9)
    other = with_dummy[::-1] - with_dummy[-1]
    assert games.shapley(with_dummy + other) == pytest.approx(found + games.shapley(other))
    symmetric = game(count, lambda s: len(s) ** 2)
    assert games.shapley(symmetric) == pytest.approx(np.full(count, count))


def test_shapley_range_holds_every_game_between_and_is_reached() -> None:
    generator = np.random.default_rng(1)
    low, _ = games.monotone_hull(np.append(0, generator.random(15)), np.full(16, 9.0))
    high = low + 0.1
    least, most = games.shapley_range(low, high)
    for _ in range(50):
        found = games.shapley(low + generator.random(16) * 0.1)
        assert (least - 1e-9 <= found).all()
        assert (found <= most + 1e-9).all()
    factors = games.shapley_coefficients(4)[0]
    assert games.shapley(np.where(factors > 0, low, high))[0] == pytest.approx(least[0])


def test_shapley_range_of_monotone_games_is_narrower_and_still_holds_them() -> None:
    low, high = np.array([0.0, 1, 1, 2]), np.array([0.0, 3, 3, 4])
    least, most = games.shapley_range(low, high)
    tight_least, tight_most = games.shapley_range(low, high, monotone=True)
    assert least == pytest.approx([0.0, 0.0])  # 1/2 * 1 + 1/2 * (2 - 3)
    assert tight_least == pytest.approx([0.5, 0.5], abs=1e-5)  # v(12) >= v(2) = 3
    assert tight_most == pytest.approx([3.0, 3.0], abs=1e-5)
    assert most == pytest.approx([3.0, 3.0])


def test_monotone_hull_carries_bounds_to_smaller_and_larger_coalitions() -> None:
    low, high = games.monotone_hull(np.array([0.0, 5, 0, 1]), np.array([0.0, 9, 9, 7]))
    assert low.tolist() == [0, 5, 0, 5]
    assert high.tolist() == [0, 7, 7, 7]


def test_sampled_shapley_comes_near_and_its_interval_holds_the_value() -> None:
    generator = np.random.default_rng(7)
    worth, _ = games.monotone_hull(np.append(0, generator.random(255)), np.full(256, 9.0))
    exact = games.shapley(worth)
    orders = games.antithetic_orders(8, 60, seed=3)
    assert orders[1] == orders[0][::-1]
    table = dict(enumerate(worth.tolist()))
    value, least, most = games.sampled_shapley(orders, table, table)
    assert value.sum() == pytest.approx(worth[-1])
    assert ((least <= exact) & (exact <= most)).sum() >= 7  # 95 % each
    wide = games.sampled_shapley(orders, table, {s: w + 0.1 for s, w in table.items()})
    assert (wide[1] <= least - 0.1 + 1e-9).all()
    assert (wide[2] >= most + 0.1 - 1e-9).all()


def test_one_pair_of_orders_gives_no_interval() -> None:
    with pytest.raises(games.GameError, match="at least two pairs"):
        games.sampled_shapley(games.antithetic_orders(3, 1, 0), {}, {})


# -- core ----------------------------------------------------------------------------------------


def test_majority_has_an_empty_core_and_a_balanced_collection_proves_it() -> None:
    worth = game(3, lambda s: len(s) >= 2)
    found = games.least_core(worth)
    assert found.value == pytest.approx(1 / 3)
    weights = found.weights
    for k in range(3):
        assert sum(w for s, w in weights.items() if s >> k & 1) == pytest.approx(1)
    total = sum(w * worth[s] for s, w in weights.items())
    assert total - worth[-1] == pytest.approx(found.value * sum(weights.values()))


def test_core_of_the_glove_game_is_one_point() -> None:
    worth = game(3, lambda s: min(len(s & {0}), len(s & {1, 2})))
    found = games.least_core(worth)
    assert found.value == pytest.approx(0, abs=1e-9)
    assert found.payoffs == pytest.approx([1, 0, 0], abs=1e-7)


def test_least_core_range_is_that_of_all_games_between() -> None:
    generator = np.random.default_rng(5)
    low = np.append(0, np.sort(generator.random(15)))
    high = low + 0.2
    high[0] = 0
    least, most = games.least_core_range(low, high)
    for _ in range(20):
        between = low + generator.random(16) * (high - low)
        assert least - 1e-7 <= games.least_core(between).value <= most + 1e-7


# -- nucleolus -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estate", "expected"),
    [
        (100, [100 / 3, 100 / 3, 100 / 3]),
        (200, [50, 75, 75]),
        (300, [50, 100, 150]),
        (400, [50, 125, 225]),
    ],
)
def test_nucleolus_of_bankruptcy_is_the_talmuds_division(
    estate: float, expected: list[float]
) -> None:
    """Aumann and Maschler 1985: debts of 100, 200, 300 as in the Mishna."""
    found = games.nucleolus(bankruptcy(estate, [100, 200, 300]))
    assert found.payoffs == pytest.approx(expected, abs=1e-6)


def test_nucleolus_of_the_airport_game() -> None:
    """Littlechild 1974, fees by hand for costs 1, 2, 4: 1/2, 3/4, 11/4."""
    costs = np.array([1.0, 2.0, 4.0])
    fees = costs - games.nucleolus(airport(costs.tolist())).payoffs
    assert fees == pytest.approx([0.5, 0.75, 2.75], abs=1e-7)


def test_nucleolus_of_a_game_with_degenerate_steps() -> None:
    """Two pairs of gloves, one left glove without a partner: three tight levels do not settle it.

    The optimum that the solver finds may leave coalitions tight that another optimum loosens;
    taking them for settled would fix the wrong payoffs.
    """
    worth = game(5, lambda s: min(len(s & {0, 1}), len(s & {2, 3, 4})))
    found = games.nucleolus(worth)
    assert found.payoffs == pytest.approx([1, 1, 0, 0, 0], abs=1e-6)
    assert is_prenucleolus(worth, found.payoffs, rational=True)


def test_prenucleolus_where_nobody_can_be_given_what_they_reach_alone() -> None:
    """Two who compete: 3 and 1 alone, 3.5 together; each is left the same below."""
    found = games.nucleolus(np.array([0.0, 3, 1, 3.5]))
    assert not found.rational
    assert found.payoffs == pytest.approx([2.75, 0.75])


@given(worths)
@settings(max_examples=25, deadline=None)
def test_nucleolus_passes_kohlbergs_test(values: list[int]) -> None:
    worth = np.array([0.0, *values[1:]])
    found = games.nucleolus(worth)
    assert found.payoffs.sum() == pytest.approx(worth[-1], abs=1e-6)
    assert is_prenucleolus(worth, found.payoffs, rational=found.rational)
    if found.rational:
        alone = [worth[1 << k] for k in range(games.players_of(worth))]
        assert (found.payoffs >= np.array(alone) - 1e-5).all()


@given(worths)
@settings(max_examples=20, deadline=None)
def test_first_level_of_the_nucleolus_is_the_least_core_and_it_lies_in_it(
    values: list[int],
) -> None:
    worth = np.array([0.0, *values[1:]])
    found, core = games.nucleolus(worth), games.least_core(worth)
    excess = games.excesses(worth, found.payoffs)[1:-1].max()
    if not found.rational or core.value <= 0:
        assert excess == pytest.approx(core.value, abs=1e-5)
    assert excess >= core.value - 1e-5


def test_equal_players_get_the_same_and_a_wrong_division_fails_the_test() -> None:
    worth = game(4, lambda s: len(s) ** 2 + 3 * (0 in s))
    found = games.nucleolus(worth).payoffs
    assert found[1:] == pytest.approx([found[1]] * 3)
    assert is_prenucleolus(worth, found, rational=True)
    assert not is_prenucleolus(worth, found + np.array([0.5, -0.5, 0, 0]), rational=True)


@pytest.mark.parametrize("worth", [np.zeros(3), np.array([0.0, math.nan]), np.zeros(1)])
def test_what_is_no_game_is_refused(worth: np.ndarray) -> None:
    with pytest.raises(games.GameError):
        games.nucleolus(worth)
