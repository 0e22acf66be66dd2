"""Bounds of the design engine: never above the optimum, equal to the strong LP where solved."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, milp

from instances.published_design import generate_design
from optimizer.engine.design.certificate import (
    Certificate,
    Prices,
    evaluate_certificate,
    infeasibility_certificate,
    root_certificate,
)
from optimizer.engine.design.direct import strong_lp_prices
from optimizer.engine.design.lagrangian import dual_start, prices_of_potential
from optimizer.engine.design.master import PathMaster, flow_to_paths
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.design.routing import cheapest_flow, lengths_of_infeasibility


def random_problem(seed: int, n_nodes: int = 5, n_arcs: int = 11, n_commodities: int = 4):
    random = np.random.default_rng(seed)
    design = generate_design(
        n_nodes,
        n_arcs,
        n_commodities,
        fixed_ratio=float(random.choice([0.5, 2.0, 10.0])),
        capacity_ratio=float(random.choice([0.5, 1.0, 2.0])),
        seed=seed,
    )
    return DesignProblem.from_published(design)


def matrices(problem: DesignProblem):
    """Return the strong model for scipy, written down independently: columns x[k, a], then y."""
    n, m, k = problem.n_nodes, problem.n_arcs, problem.n_commodities
    balance = np.zeros((k * n, k * m + m))
    net = np.zeros(k * n)
    upper = np.zeros((m + k * m, k * m + m))
    for c in range(k):
        net[c * n + problem.origin[c]] += problem.demand[c]
        net[c * n + problem.destination[c]] -= problem.demand[c]
        for a in range(m):
            balance[c * n + problem.tail[a], c * m + a] += 1
            balance[c * n + problem.head[a], c * m + a] -= 1
            upper[a, c * m + a] = 1
            upper[m + c * m + a, c * m + a] = 1
            upper[m + c * m + a, k * m + a] = -min(problem.demand[c], problem.capacity[a])
    for a in range(m):
        upper[a, k * m + a] = -problem.capacity[a]
    cost = np.concatenate([np.tile(problem.unit_cost, k), problem.fixed_cost])
    top = np.concatenate([np.full(k * m, np.inf), np.ones(m)])
    return cost, balance, net, upper, top


def strong_lp(problem: DesignProblem) -> float | None:
    cost, balance, net, upper, top = matrices(problem)
    bounds = [(0, None if np.isinf(t) else t) for t in top]
    answer = linprog(cost, upper, np.zeros(len(upper)), balance, net, bounds=bounds)
    return float(answer.fun) if answer.status == 0 else None


def optimum(problem: DesignProblem) -> float | None:
    cost, balance, net, upper, top = matrices(problem)
    answer = milp(
        cost,
        integrality=np.isfinite(top).astype(int),
        bounds=(np.zeros(len(top)), top),
        constraints=[
            LinearConstraint(sparse.csr_matrix(balance), net, net),
            LinearConstraint(sparse.csr_matrix(upper), -np.inf, np.zeros(len(upper))),
        ],
        options={"mip_rel_gap": 0.0},
    )
    return float(answer.fun) if answer.status == 0 else None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 1.0, 30.0, 1000.0]))
def test_no_prices_whatever_prove_more_than_the_strong_lp(seed: int, scale: float) -> None:
    problem = random_problem(seed)
    lp = strong_lp(problem)
    if lp is None:
        return
    random = np.random.default_rng(seed + 1)
    pairs = random.permutation(problem.n_arcs * problem.n_commodities)[:12]
    prices = Prices(
        (scale * random.random(problem.n_arcs)).astype(np.float32),
        (pairs // problem.n_commodities).astype(np.int32),
        (pairs % problem.n_commodities).astype(np.int32),
        (scale * random.random(12)).astype(np.float32),
    )
    assert evaluate_certificate(problem, root_certificate(prices)) <= lp * (1 + 1e-9) + 1e-6


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_path_master_reaches_the_strong_lp(seed: int) -> None:
    problem = random_problem(seed, 6, 14, 6)
    lp = strong_lp(problem)
    if lp is None:
        return
    master = PathMaster(problem)
    done = master.converge()
    assert done.solved
    assert done.prices is not None
    assert done.bound == pytest.approx(lp, rel=2e-6)
    assert evaluate_certificate(problem, root_certificate(done.prices)) == pytest.approx(
        lp, rel=2e-6
    )


def test_unserved_demand_is_never_cheaper_than_pushing_others_aside() -> None:
    """Here one unit of demand costs more to serve than any path of its own, for lack of room."""
    problem = random_problem(791, 6, 14, 6)
    master = PathMaster(problem)
    done = master.converge()
    assert master.artificial <= 1e-7
    assert done.bound == pytest.approx(strong_lp(problem), rel=2e-6)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
@example(815)  # 15 % below with a fixed weight of what is averaged
@example(265)
def test_the_volume_bound_is_below_the_strong_lp_and_near(seed: int) -> None:
    problem = random_problem(seed, 6, 14, 6)
    lp = strong_lp(problem)
    if lp is None:
        return
    dual = dual_start(problem)
    assert dual.bound <= lp * (1 + 1e-9)
    assert dual.bound >= 0.9 * lp
    prices = prices_of_potential(problem, dual.potential)
    proved = evaluate_certificate(problem, root_certificate(prices))
    assert dual.bound * (1 - 1e-6) <= proved <= lp * (1 + 1e-9)


def test_duals_of_the_whole_lp_prove_its_value() -> None:
    problem = random_problem(7, 6, 16, 6)
    prices = strong_lp_prices(problem, 0)
    assert prices is not None
    assert evaluate_certificate(problem, root_certificate(prices)) == pytest.approx(
        strong_lp(problem), rel=1e-6
    )


def one_arc() -> DesignProblem:
    return DesignProblem(2, [0], [1], [3.0], [5.0], [10.0], [0], [1], [2.0])


def test_one_arc_by_hand() -> None:
    """2 units at 3 each and 10 to open: 16. Half the price on the pair proves 2 * 3 + 5 = 11."""
    for price, proved in ((10.0, 16.0), (5.0, 11.0), (20.0, 16.0), (0.0, 6.0)):
        prices = Prices(np.zeros(1), np.array([0]), np.array([0]), np.array([price]))
        assert evaluate_certificate(one_arc(), root_certificate(prices)) == pytest.approx(proved)


def test_a_tree_proves_the_least_of_its_leaves_and_fixings_their_cutoff() -> None:
    """With the arc closed nothing flows (inf); with it open, no price gives 6 + 10."""
    free = Prices(np.zeros(1), np.array([], int), np.array([], int), np.array([]))
    tree = Certificate(
        np.array([0, -1, -1]), np.array([[1, 2], [-1, -1], [-1, -1]]), np.array([-1, 0, 0]), (free,)
    )
    assert evaluate_certificate(one_arc(), tree) == pytest.approx(16.0)
    unproved = dataclasses.replace(tree, leaf_prices=np.array([-1, 0, -1]))
    assert evaluate_certificate(one_arc(), unproved) == -np.inf
    # closed costs 6, open costs 16: with cutoff 15 the arc is fixed closed, the bound is 15
    fixed = dataclasses.replace(tree, fixing=((free, 15.0),))
    assert evaluate_certificate(one_arc(), fixed) == pytest.approx(15.0)


def test_negative_prices_are_refused() -> None:
    prices = Prices(np.array([-1.0]), np.array([], int), np.array([], int), np.array([]))
    with pytest.raises(ValueError, match="at least 0"):
        evaluate_certificate(one_arc(), root_certificate(prices))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tight=st.floats(1.0, 12.0))
def test_infeasibility_is_proved_exactly_when_the_lp_is_infeasible(seed: int, tight: float) -> None:
    design = generate_design(5, 9, 6, capacity_ratio=tight, seed=seed)
    problem = DesignProblem.from_published(design)
    lengths = lengths_of_infeasibility(problem)
    assert (lengths is not None) == (strong_lp(problem) is None)
    if lengths is not None:
        assert np.isinf(evaluate_certificate(problem, infeasibility_certificate(lengths)))
    none = infeasibility_certificate(np.zeros(problem.n_arcs))
    assert evaluate_certificate(problem, none) == -np.inf


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_flow_by_origin_is_the_cheapest_flow_and_splits_into_paths(seed: int) -> None:
    problem = random_problem(seed, 6, 16, 8)
    free = dataclasses.replace(problem, fixed_cost=np.zeros(problem.n_arcs))
    flow = cheapest_flow(problem, np.ones(problem.n_arcs, dtype=bool))
    lp = strong_lp(free)
    assert (flow is None) == (lp is None)
    if flow is None:
        return
    assert float(problem.unit_cost @ flow.sum(axis=1)) == pytest.approx(lp, rel=1e-7)
    again = np.zeros_like(flow)
    for k, path, share in flow_to_paths(problem, flow):
        again[list(path), k] += share * problem.demand[k]
    assert np.allclose(again, flow, atol=1e-5)
