"""The design engine against an exact MIP on small instances, and its promises."""

from __future__ import annotations

import dataclasses
import itertools
import threading

import numpy as np
import pytest
from test_design_bound import optimum, random_problem

from optimizer.engine.design.annealing import Annealer
from optimizer.engine.design.board import Board, plan_of
from optimizer.engine.design.certificate import evaluate_certificate
from optimizer.engine.design.master import PathMaster
from optimizer.engine.design.neighbourhood import search_neighbourhood
from optimizer.engine.design.problem import DesignProblem, check_solution
from optimizer.engine.design.routing import cheapest_flow
from optimizer.engine.design.solve import choose_method, solve_design
from optimizer.engine.design.tree import BoundTree
from optimizer.plan.plan import Status


def triangle() -> DesignProblem:
    """Direct 0-2: 5 * 10 + 100 = 150. By 1: 5 * (1 + 1) + 30 + 40 = 80, capacity 5."""
    return DesignProblem(
        3, [0, 0, 1], [2, 1, 2], [10, 1, 1], [9, 5, 5], [100, 30, 40], [0], [2], [5]
    )


@pytest.mark.parametrize("method", ["direct", "fed", "price"])
def test_the_triangle_by_hand(method: str) -> None:
    result = solve_design(triangle(), method=method, time_limit_s=20)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(80)
    assert result.open.tolist() == [False, True, True]
    assert check_solution(triangle(), result) == []


def brute_force(problem: DesignProblem) -> float:
    """Return the least cost over all 2^arcs designs, each routed at least cost."""
    best = np.inf
    for states in itertools.product((False, True), repeat=problem.n_arcs):
        is_open = np.array(states)
        fixed = float(problem.fixed_cost[is_open].sum())
        if fixed >= best or not is_open.any():
            continue
        flow = cheapest_flow(problem, is_open)
        if flow is not None:
            best = min(best, fixed + float(problem.unit_cost @ flow.sum(axis=1)))
    return best


def test_all_designs_tried_out() -> None:
    problem = random_problem(5, 4, 7, 3)
    best = brute_force(problem)
    assert best == pytest.approx(optimum(problem), rel=1e-7)
    assert solve_design(problem, gap=1e-7, time_limit_s=20).objective == pytest.approx(best)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("method", ["direct", "price"])
def test_optimum_of_an_independent_mip(seed: int, method: str) -> None:
    problem = random_problem(100 + seed, 6, 14, 6)
    exact = optimum(problem)
    result = solve_design(problem, method=method, gap=1e-6, time_limit_s=120, seed=seed)
    if exact is None:
        assert result.status is Status.INFEASIBLE
        assert np.isinf(evaluate_certificate(problem, result.certificate))
        return
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(exact, rel=2e-6)
    assert result.certificate_bound * (1 - 1e-9) <= result.bound <= exact * (1 + 1e-9)
    proved = evaluate_certificate(problem, result.certificate)
    assert proved <= exact * (1 + 1e-9)
    assert result.certificate_bound <= min(proved, result.objective) * (1 + 1e-9)
    if method == "price":
        assert result.certificate_bound >= exact * (1 - 2e-6)
    assert check_solution(problem, result) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_stopped_early_proves_what_it_says(seed: int) -> None:
    problem = random_problem(200 + seed, 7, 20, 10)
    exact = optimum(problem)
    if exact is None:
        return
    board = Board(problem, gap=1e-6, time_limit_s=20, on_progress=None, cancel=None)
    board.offer(cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool)))
    master = PathMaster(problem)
    root = master.converge()
    board.raise_bound(root.bound)
    tree = BoundTree(master, board, root)
    for most in (1, 3, 6, 10):
        tree.run(lambda most=most: tree.nodes >= most)
        proved = evaluate_certificate(problem, tree.certificate())
        assert root.bound - 1e-6 * exact <= proved <= exact * (1 + 1e-9)
        assert board.bound <= exact * (1 + 1e-9)
        assert proved >= board.bound - 1e-6 * exact


def test_annealing_keeps_every_flow_whole() -> None:
    problem = random_problem(301, 8, 30, 14)
    annealer = Annealer(problem, np.arange(problem.n_arcs), seed=1)
    state = annealer.construct()
    assert state is not None
    flow = annealer.run(state, n_moves=8000, hot=0.01, cold=1e-4, stop=lambda: False)
    plan = plan_of(problem, flow)
    net = np.zeros((problem.n_nodes, problem.n_commodities))
    np.add.at(net, problem.tail, flow)
    np.add.at(net, problem.head, -flow)
    every = np.arange(problem.n_commodities)
    net[problem.origin, every] -= problem.demand
    net[problem.destination, every] += problem.demand
    assert np.abs(net).max() < 1e-6
    assert np.all(flow.sum(axis=1) <= problem.capacity + 1e-6)
    assert optimum(problem) <= plan.cost * (1 + 1e-9)
    assert plan.cost <= 1.1 * optimum(problem)


def test_a_neighbourhood_with_all_arcs_free_finds_the_optimum_over_its_columns() -> None:
    problem = random_problem(302, 7, 20, 8)
    start = cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool))
    everything = np.ones(problem.n_arcs, dtype=bool)
    found = search_neighbourhood(
        problem,
        allowed=everything,
        forced=np.zeros(problem.n_arcs, dtype=bool),
        start=start,
        pool=[],
        time_limit_s=10,
        seed=0,
        stop=lambda: False,
    )
    exact = optimum(problem)
    assert found.closed
    cost = plan_of(problem, found.flow).cost
    assert exact * (1 - 1e-9) <= cost <= 1.05 * exact
    assert cost <= plan_of(problem, start).cost + 1e-6


def test_a_start_is_never_made_worse() -> None:
    problem = random_problem(303, 7, 20, 8)
    best = solve_design(problem, gap=1e-6, time_limit_s=20)
    again = solve_design(problem, start=best.open, time_limit_s=0.05, method="direct")
    assert again.objective <= best.objective * (1 + 1e-9)
    assert check_solution(problem, again) == []


def test_cancelled_at_once_there_is_still_a_plan() -> None:
    problem = random_problem(304, 8, 30, 14)
    cancel = threading.Event()
    cancel.set()
    for method in ("direct", "fed", "price"):
        result = solve_design(problem, method=method, cancel=cancel, time_limit_s=20)
        assert result.status.has_plan
        assert check_solution(problem, result) == []
        assert result.seconds < 10


def test_the_time_limit_holds_and_a_certificate_is_there_all_the_same() -> None:
    problem = random_problem(307, 12, 60, 60)
    result = solve_design(problem, method="price", time_limit_s=0.01)
    assert result.status is Status.FEASIBLE
    assert check_solution(problem, result) == []
    assert result.seconds < 5
    proved = evaluate_certificate(problem, result.certificate)
    assert 0 < proved <= result.objective
    assert proved == pytest.approx(result.certificate_bound)


@pytest.mark.parametrize("method", ["direct", "price"])
def test_progress_never_goes_back(method: str) -> None:
    problem = random_problem(305, 8, 30, 14)
    seen: list[tuple[float | None, float | None]] = []
    result = solve_design(
        problem,
        method=method,
        time_limit_s=20,
        on_progress=lambda cost, bound: seen.append((cost, bound)),
    )
    costs = [cost for cost, _ in seen if cost is not None]
    bounds = [bound for _, bound in seen if bound is not None]
    assert costs == sorted(costs, reverse=True)
    assert bounds == sorted(bounds)
    assert costs[-1] == pytest.approx(result.objective)


def test_idle_commodities_need_nothing() -> None:
    problem = triangle()
    idle = dataclasses.replace(
        problem,
        origin=np.array([1, 0, 2]),
        destination=np.array([1, 2, 0]),
        demand=np.array([3.0, 5.0, 0.0]),
    )
    result = solve_design(idle, time_limit_s=20)
    assert result.objective == pytest.approx(80)
    assert set(result.flow.commodity.tolist()) == {1}
    assert check_solution(idle, result) == []
    none = dataclasses.replace(idle, demand=np.zeros(3))
    assert solve_design(none).objective == 0.0


def test_an_arc_without_capacity_carries_nothing() -> None:
    problem = dataclasses.replace(triangle(), capacity=np.array([9.0, 5.0, 0.0]))
    for method in ("direct", "price"):
        result = solve_design(problem, method=method, time_limit_s=20)
        assert result.objective == pytest.approx(150)


def test_a_changed_plan_is_caught() -> None:
    problem = triangle()
    result = solve_design(problem, time_limit_s=20)
    assert result.open is not None
    shut = dataclasses.replace(result, open=np.zeros(3, dtype=bool))
    assert any("exceeds" in fault for fault in check_solution(problem, shut))
    cheap = dataclasses.replace(result, objective=79.0)
    assert any("cost is 80" in fault for fault in check_solution(problem, cheap))
    half = dataclasses.replace(
        result, flow=dataclasses.replace(result.flow, value=result.flow.value / 2)
    )
    assert any("balance" in fault for fault in check_solution(problem, half))
    high = dataclasses.replace(result, bound=90.0)
    assert any("bound" in fault for fault in check_solution(problem, high))


def test_the_same_seed_gives_the_same_plan() -> None:
    problem = random_problem(306, 8, 30, 14)
    first, again = (
        solve_design(problem, method="price", threads=1, seed=4, gap=1e-6, time_limit_s=20)
        for _ in range(2)
    )
    assert first.objective == again.objective
    assert np.array_equal(first.open, again.open)


def test_size_decides_the_method() -> None:
    small = triangle()
    assert choose_method(small, 2)[0] == "direct"
    large = random_problem(1, 20, 200, 100)
    assert choose_method(large, 2)[0] == "price"
    middle = random_problem(1, 10, 60, 50)
    assert choose_method(middle, 2)[0] == "fed"
    assert choose_method(middle, 1)[0] == "direct"


def test_impossible_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="unit_cost"):
        DesignProblem(2, [0], [1], [float("nan")], [1], [1], [0], [1], [1])
    with pytest.raises(ValueError, match="head"):
        DesignProblem(2, [0], [2], [1], [1], [1], [0], [1], [1])
    with pytest.raises(ValueError, match="capacity"):
        DesignProblem(2, [0], [1], [1], [1, 2], [1], [0], [1], [1])
