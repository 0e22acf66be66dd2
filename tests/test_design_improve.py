"""The searching side of the design engine: what neighbourhoods free, and who searches when."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from test_design_bound import random_problem

from instances.published_design import generate_design
from optimizer.engine.design import improve, solve
from optimizer.engine.design.annealing import Annealer
from optimizer.engine.design.board import Board, plan_of
from optimizer.engine.design.improve import Improver
from optimizer.engine.design.lagrangian import DualStart, dual_start
from optimizer.engine.design.neighbourhood import Found
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.routing import cheapest_flow


def drawn(seed: int) -> DesignProblem:
    """Return 12 nodes, 70 arcs, 25 commodities, fixed costs that matter."""
    design = generate_design(12, 70, 25, fixed_ratio=8.0, capacity_ratio=1.5, seed=seed)
    return DesignProblem.from_published(design)


def board_of(problem: DesignProblem, limit: float = 60.0) -> Board:
    return Board(problem, gap=1e-6, time_limit_s=limit, on_progress=None, cancel=None)


def searched(problem: DesignProblem) -> tuple[Improver, Board, DualStart]:
    """Return an improver whose board has several plans that differ in many arcs."""
    board, dual = board_of(problem), dual_start(problem)
    every = np.ones(problem.n_arcs, dtype=bool)
    board.offer(cheapest_flow(problem, every), polish=False)
    improver = Improver(problem, board, dual, seed=1)
    improver.anneal_starts(0.0)
    return improver, board, dual


@pytest.mark.parametrize("kind", ["relax", "region", "merge"])
def test_a_neighbourhood_frees_no_more_arcs_than_asked(kind: str) -> None:
    improver, board, _ = searched(drawn(3))
    differs = np.any([p.is_open for p in board.elite], axis=0)
    differs &= ~np.all([p.is_open for p in board.elite], axis=0)
    assert differs.sum() > 10
    best = board.best.is_open
    for turn in range(12):
        improver.turn = turn
        allowed, forced = improver._choose(kind, best, 5)
        free = allowed & ~forced
        assert 1 <= free.sum() <= 5
        assert np.all(allowed[best])
        assert np.all(best[forced])
        if kind == "merge":
            assert np.all(differs[free])


def test_later_relax_neighbourhoods_are_not_all_alike() -> None:
    improver, board, _ = searched(drawn(3))
    seen = set()
    for turn in range(2, 12):
        improver.turn = turn
        allowed, forced = improver._choose("relax", board.best.is_open, 8)
        seen.add(tuple(np.flatnonzero(allowed & ~forced).tolist()))
    assert len(seen) >= 8


def test_a_plan_that_is_not_the_best_is_improved_and_the_best_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    improver, board, _ = searched(drawn(4))
    problem, cost = board.problem, board.cost
    poor = plan_of(problem, cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool)))
    assert poor.cost > 1.05 * cost
    search, path = improver._search, [poor.cost]

    def watched(kind, plan, size):
        assert plan.cost == path[-1]
        better = search(kind, plan, size)
        path.append(better.cost)
        return better

    monkeypatch.setattr(improver, "_search", watched)
    improver._climb(poor)
    assert path == sorted(path, reverse=True)
    assert path[-1] < 0.99 * poor.cost
    assert board.cost <= min(cost, path[-1])


def test_annealing_led_by_the_relaxation_ends_lower() -> None:
    """Same moves, arcs and seeds; the guided starts are those of the engine."""
    led, plain = [], []
    for seed in range(4):
        problem = drawn(10 + seed)
        dual = dual_start(problem)
        improver = Improver(problem, board_of(problem), dual, seed=0)
        arcs = np.flatnonzero(improver.candidate)
        for bias, costs in ((improver.bias[0], led), (None, plain)):
            annealer = Annealer(problem, arcs, seed)
            flow = annealer.run(
                annealer.construct(),
                n_moves=4000,
                hot=0.006,
                cold=3e-5,
                stop=lambda: False,
                bias=bias,
            )
            costs.append(plan_of(problem, flow).cost / dual.bound)
    assert np.mean(led) < np.mean(plain)
    assert np.mean(led) < 1.12


def test_columns_of_one_thread_are_there_for_the_others() -> None:
    problem = random_problem(305, 8, 30, 14)
    board, dual = board_of(problem), dual_start(problem)
    first, second = (Improver(problem, board, dual, seed) for seed in (1, 2))
    plan = first._take(cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool)))
    open_arcs = set(np.flatnonzero(plan.is_open).tolist())
    paths = second.board.known_paths()
    assert {k for k, _ in paths} == set(range(problem.n_commodities))
    assert set(itertools.chain.from_iterable(path for _, path in paths)) == open_arcs
    board.keep_paths(paths)
    assert len(board.known_paths()) == len(paths)


def test_plans_that_were_merged_are_not_merged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    improver, board, _ = searched(drawn(3))
    seen = []

    def found(problem, *, allowed, forced, start, **_):
        seen.append((allowed.tobytes(), forced.tobytes()))
        return Found(None, closed=True, free=int((allowed & ~forced).sum()))

    monkeypatch.setattr(improve, "search_neighbourhood", found)
    for turn in range(2, 14):
        improver.turn = turn
        improver._search("merge", board.best, 500)
    assert len(seen) == 12
    assert seen.count(seen[0]) == 1


@pytest.mark.parametrize("rise", [0.0, 5.0])
def test_a_tree_whose_bound_stands_still_leaves_its_thread_to_the_search(
    rise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = drawn(5)
    board = board_of(problem)
    board.offer(cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool)))
    state = {"bound": board.cost / 2, "turns": 0}
    searches = []

    def run(stop) -> None:
        assert not stop()
        state["bound"] += rise * board.cost / 100
        state["turns"] += 1
        if state["turns"] == 4:
            tree.open_leaves.clear()

    tree = SimpleNamespace(open_leaves=[0], nodes=1, global_bound=lambda: state["bound"], run=run)
    improver = SimpleNamespace(neighbourhoods=lambda stop: searches.append(state["turns"]))
    monkeypatch.setattr(solve, "_TURN_S", 5.0)
    solve._prove_or_search(board, tree, improver)
    assert state["turns"] == 4
    assert searches == ([2, 3] if rise == 0.0 else [])
    assert board.stop()
