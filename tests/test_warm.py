"""What a warm solve stands on: bounds from prices, integers ruled out by them, a carried basis."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import Instance
from networks.network import build_network
from optimizer import solve
from optimizer.engine import root
from optimizer.engine.carried import carried_basis
from optimizer.engine.fixing import narrowed, priced
from optimizer.engine.loads import Loads
from optimizer.engine.routes import RouteFinder, list_all
from optimizer.linear import CompiledModel
from optimizer.memory import Memory
from optimizer.model.base import base_usage
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Question
from optimizer.problem import Problem, build_problem
from optimizer.solvers.highs import BASIC, IncrementalLP

EXACT = {"gap": 1e-9, "explain": False}


def _small_model(rng: np.random.Generator) -> tuple[CompiledModel, list[np.ndarray]]:
    """A random integer model with few values, and all its plans."""
    n_cols, n_rows = 4, 3
    lb = rng.integers(-1, 2, n_cols).astype(float)
    ub = lb + rng.integers(0, 4, n_cols)
    matrix = rng.integers(-3, 4, (n_rows, n_cols)).astype(float)
    inside = np.array([rng.integers(a, b + 1) for a, b in zip(lb, ub, strict=True)], dtype=float)
    low = np.where(rng.random(n_rows) < 0.5, matrix @ inside - rng.integers(0, 3, n_rows), -np.inf)
    high = np.where(rng.random(n_rows) < 0.5, matrix @ inside + rng.integers(0, 3, n_rows), np.inf)
    model = CompiledModel(
        cost=rng.integers(-5, 6, n_cols).astype(float),
        lb=lb,
        ub=ub,
        integer=np.ones(n_cols, dtype=bool),
        row_low=low,
        row_high=high,
        matrix=sp.csr_matrix(matrix),
        offset=1.5,
        col_keys=range(n_cols),
        row_keys=range(n_rows),
    )
    values = [np.arange(a, b + 1) for a, b in zip(lb, ub, strict=True)]
    every = [np.array(x, dtype=float) for x in itertools.product(*values)]
    fits = [x for x in every if (low <= matrix @ x).all() and (matrix @ x <= high).all()]
    return model, fits


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.0, 0.5))
def test_prices_never_bound_too_high_and_rule_out_nothing_worth_having(
    seed: int, gap: float
) -> None:
    """Against every plan of the model, for any prices whatever and for those of its relaxation."""
    rng = np.random.default_rng(seed)
    model, plans = _small_model(rng)
    values = [float(model.cost @ x) + model.offset for x in plans]
    lp = IncrementalLP(model)
    lp.solve()
    for duals in (lp.duals, rng.normal(size=3) * 2, np.zeros(1)):
        found = priced(model, duals)
        assert found.value <= min(values) + 1e-9
        kept = plans[int(rng.integers(len(plans)))]
        value = float(model.cost @ kept) + model.offset
        cutoff = value - gap * abs(value)
        small = narrowed(model, found, cutoff, kept)
        assert (small.model.lb <= kept).all()
        assert (kept <= small.model.ub).all()
        left_out = [
            v
            for x, v in zip(plans, values, strict=True)
            if (x < small.model.lb).any() or (x > small.model.ub).any()
        ]
        assert small.lost >= cutoff - 1e-9
        assert min(left_out, default=np.inf) >= small.lost - 1e-9
        assert small.n_free == int((small.model.ub > small.model.lb).sum())


def test_prices_of_a_relaxation_give_its_value_and_do_rule_out() -> None:
    """Two ways to serve one unit, 1 and 5: with 1 in hand, the one for 5 is out."""
    model = CompiledModel(
        cost=np.array([1.0, 5.0]),
        lb=np.zeros(2),
        ub=np.ones(2),
        integer=np.ones(2, dtype=bool),
        row_low=np.ones(1),
        row_high=np.full(1, np.inf),
        matrix=sp.csr_matrix([[1.0, 1.0]]),
        offset=0.0,
        col_keys=["a", "b"],
        row_keys=["served"],
    )
    found = priced(model, np.array([1.0]))
    assert (found.value, found.reduced.tolist()) == (1.0, [0.0, 4.0])
    small = narrowed(model, found, 2.0, np.array([1.0, 0.0]))
    assert small.model.ub.tolist() == [1.0, 0.0]
    assert small.lost == 5.0
    assert (small.n_free, narrowed(model, found, 5.5, np.array([1.0, 0.0])).n_free) == (1, 2)
    assert narrowed(model, found, 2.0, np.array([0.0, 1.0])).n_free == 2  # the plan at hand stays


def test_prices_that_leave_an_endless_column_a_gain_prove_nothing() -> None:
    one = np.ones(1)
    model = CompiledModel(
        one,
        0 * one,
        np.inf * one,
        one < 0,
        one,
        np.inf * one,
        sp.csr_matrix([[1.0]]),
        0.0,
        "x",
        "r",
    )
    assert priced(model, np.array([2.0])).value == -np.inf
    assert priced(model, np.array([1.0])).value == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_loads_are_those_of_route_by_route(seed: int) -> None:
    instance = random_instance(seed)
    result = solve(instance, **EXACT)
    assert result._memory is not None
    m = result._memory.model
    rng = np.random.default_rng(seed)
    x = rng.random(m.lp.n_cols)
    expected = np.zeros(len(m.resources.keys))
    for cell in range(m.problem.n_cells):
        output = sum(x[c] for c, _ in m.out_terms([cell]))
        for line, node in m.problem.cell_commodities[cell]:
            if (line, node) in m.commodity_cells and cell in m.commodity_cells[line, node]:
                for r, count in base_usage(m, (line, node)).items():
                    expected[r] += output * m.problem.lines[line].teu * count
    for key, column in m.lp.col.items():
        if key[0] == "route":
            for r, count in m.resources.usage(key[2]).items():
                expected[r] += x[column] * count
            for r, count in base_usage(m, key[1]).items():
                expected[r] -= x[column] * count
        if key[0] == "bundle":
            for line, node in m.problem.cell_commodities[key[1]]:
                arcs = m.bundles[key[2]].get((line, node), None)
                if arcs is None:
                    continue
                teu = m.problem.lines[line].teu * x[column]
                for r, count in m.resources.usage(arcs).items():
                    expected[r] += teu * count
                for r, count in base_usage(m, (line, node)).items():
                    expected[r] -= teu * count
    gates = np.array([kind == "gate" for kind, _ in m.resources.keys])
    loads = Loads(m)
    assert loads.at(x)[~gates] == pytest.approx(expected[~gates], rel=1e-9, abs=1e-9)
    fewer = x[: len(x) // 2]
    padded = np.concatenate([fewer, np.zeros(len(x) - len(fewer))])
    assert loads.at(fewer) == pytest.approx(loads.at(padded), rel=1e-12)


def test_a_carried_basis_is_found_again_where_a_zone_is_left_out() -> None:
    """Cells are numbered anew without the zone; what is basic stays basic under its own name."""
    instance = random_instance(0)
    first = solve(instance, **EXACT)
    before = first._memory
    assert before is not None
    network = build_network(instance)
    problem = build_problem(instance, network, Question(forbid_zones=("z0",)), before)
    m = build_siting_model(problem, memory=before)
    assert problem.n_cells < before.problem.n_cells
    columns, rows = carried_basis(before, m)
    assert len(columns) == m.lp.n_cols
    assert len(rows) == m.lp.n_rows
    old, new = before.problem, problem

    def name(p: Problem, cell: int) -> tuple[int, int, int]:
        return tuple(int(side[cell]) for side in (p.cell_zone, p.cell_industry, p.cell_form))

    stood = {
        name(old, key[1]): before.basis[0][column]
        for key, column in before.model.lp.col.items()
        if key[0] == "out"
    }
    shared = [(key, column) for key, column in m.lp.col.items() if key[0] == "out"]
    assert shared
    for key, column in shared:
        assert columns[column] == stood[name(new, key[1])]
    assert (rows == BASIC).any()


def test_a_linear_program_goes_on_from_the_basis_of_another() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((40, 60))
    model = CompiledModel(
        cost=rng.random(60) + 0.5,
        lb=np.zeros(60),
        ub=np.full(60, np.inf),
        integer=np.zeros(60, dtype=bool),
        row_low=np.ones(40),
        row_high=np.full(40, np.inf),
        matrix=sp.csr_matrix(matrix),
        offset=0.0,
        col_keys=range(60),
        row_keys=range(40),
    )
    first = IncrementalLP(model)
    first.solve()
    assert first.iterations > 0
    again = IncrementalLP(model)
    again.start_from(*first.basis)
    again.solve()
    assert again.iterations == 0
    assert again.objective == pytest.approx(first.objective, rel=1e-12)
    odd = IncrementalLP(model)
    odd.start_from(np.full(60, BASIC), np.full(40, BASIC))  # no basis: too many of them
    odd.solve()
    assert odd.objective == pytest.approx(first.objective, rel=1e-9)


def _elements(instance: Instance) -> list[str]:
    tables = instance.tables
    return [*tables["links"]["link_id"], *sorted(set(tables["links"]["mode"]))]


@pytest.mark.parametrize("seed", range(8))
def test_routes_after_closings_and_openings_are_those_found_afresh(seed: int) -> None:
    """A chain of questions, each closing something else: the same lengths and lists of routes."""
    instance = random_instance(seed)
    rng = np.random.default_rng(seed)
    names = _elements(instance)
    first = solve(instance, gap=1e-3, explain=False)
    memory, network = first._memory, build_network(instance)
    kept = 0
    for _ in range(4):
        assert memory is not None
        closed = tuple(sorted({str(n) for n in rng.choice(names, int(rng.integers(0, 3)))}))
        question = Question(closed=closed)
        warm = build_problem(instance, network, question, memory)
        cold = build_problem(instance, network, question)
        warm_model = build_siting_model(warm, memory=memory)
        cold_model = build_siting_model(cold)
        assert warm_model.commodity_cells == cold_model.commodity_cells
        warm_finder, cold_finder = RouteFinder(warm_model, memory), RouteFinder(cold_model)
        kept += bool(warm_finder.listed) and set(closed) != set(memory.problem.question.closed)
        for c in cold_model.commodity_cells:
            assert warm.base_distance(*c) == pytest.approx(cold.base_distance(*c), rel=1e-12)
        assert warm_finder.could_gain() == cold_finder.could_gain()
        relevant = set(range(len(cold_model.resources.keys)))
        lists = [
            list_all(finder, relevant, finder.m.commodity_cells, 10**6)
            for finder in (warm_finder, cold_finder)
        ]
        lengths = [
            sorted(
                (c, round(float(cold.book.line_weights(c[0])[list(a)].sum()), 6)) for c, a in found
            )
            for found in lists
            if found is not None
        ]
        assert lengths[0] == lengths[1]
        for (line, arcs), weight in warm_model.route_weight.items():
            base = cold_model.problem.base_path(*line)
            weights = cold.book.line_weights(line[0])
            assert weight == pytest.approx(weights[list(arcs)].sum() - weights[base].sum())
        memory = Memory(warm, {}, warm_model, warm_finder.trees, warm_finder.listed)
    assert kept or seed


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_a_warm_solve_after_closings_gives_what_a_cold_one_gives(seed: int) -> None:
    instance = random_instance(seed)
    rng = np.random.default_rng(seed)
    names = _elements(instance)
    result = solve(instance, **EXACT)
    for _ in range(2):
        closed = tuple(sorted({str(n) for n in rng.choice(names, int(rng.integers(1, 3)))}))
        cold = solve(instance, closed=closed, **EXACT)
        result = solve(instance, closed=closed, start=result, **EXACT)
        assert result.status is cold.status
        if cold.has_plan:
            assert result.objective == pytest.approx(cold.objective, rel=1e-6, abs=1e-6)
            assert result.bound == pytest.approx(cold.bound, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("rounds", [1, 2, 60])
@pytest.mark.parametrize("seed", range(5))
def test_where_routes_are_priced_out_the_bound_holds_whenever_pricing_stops(
    seed: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many routes to list, and pricing cut short: a bound all the same, never too high."""
    instance = random_instance(seed)
    listed = solve(instance, **EXACT)
    monkeypatch.setattr(root, "ROUTES_AT_ONCE", -1)
    monkeypatch.setattr(root, "CUT_ROUNDS", rounds)
    found = solve(instance, **EXACT)
    assert any("too many routes" in note for note in found.notes) or found.nodes == 0
    assert np.isfinite(found.root_bound)
    assert found.root_bound <= listed.objective * (1 + 1e-7)
    assert found.bound <= listed.objective * (1 + 1e-7)
    if rounds == 60:  # priced to the end it is worth about as much as the whole list
        assert found.root_bound >= 0.98 * listed.root_bound


def test_what_is_missing_counts_at_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one round without any route, prices alone must still see all routes: it is lower."""
    monkeypatch.setattr(root, "ROUTES_AT_ONCE", -1)
    lower = 0
    for seed in range(4):
        instance = random_instance(seed)
        monkeypatch.setattr(root, "CUT_ROUNDS", 60)
        last = solve(instance, **EXACT).root_bound
        monkeypatch.setattr(root, "CUT_ROUNDS", 1)
        lower += solve(instance, **EXACT).root_bound < last - 1e-9
    assert lower > 0
