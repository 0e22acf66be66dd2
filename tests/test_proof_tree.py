"""Trees in certificates of facility location: valid on every draw, and refused when damaged."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from published_files import location_optimum

from instances.as_instance import facility_instance
from instances.published.facility import FacilityInstance
from optimizer import Result, solve
from optimizer.plan.plan import Plan
from optimizer.plan.verify import certified_bound, verify_plan
from optimizer.plan.verify.tree import MOST_DEPTH


def draw(seed: int, kind: str, m: int = 6, n: int = 12) -> FacilityInstance:
    """A problem of the plane whose relaxation has a gap more often than not."""
    rng = np.random.default_rng(seed)
    demand = rng.integers(5, 36, n).astype(float)
    capacity = np.full(m, np.inf)
    if kind != "uncapacitated":
        capacity = rng.integers(30, 120, m).astype(float)
        capacity = np.ceil(capacity * 2.0 * demand.sum() / capacity.sum())
    site, customer = rng.uniform(0, 1, (m, 2)), rng.uniform(0, 1, (n, 2))
    away = np.linalg.norm(site[:, None] - customer[None], axis=2)
    return FacilityInstance(
        name=f"{kind}{seed}",
        format="generated",
        fixed_cost=rng.integers(40, 110, m).astype(float),
        capacity=capacity,
        demand=demand,
        unit_cost=np.round(away * 10 * demand, 2),
        single_source=kind == "single source",
    )


def optimum_of(published: FacilityInstance) -> float:
    """The optimum by a mixed-integer program that shares nothing with the engine."""
    finite = np.minimum(published.capacity, published.demand.sum())
    return location_optimum(replace(published, capacity=finite))


@pytest.fixture
def own_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small instances go through the methods of large ones instead of to HiGHS."""
    from optimizer.engine.facility import solve as methods

    monkeypatch.setattr(methods, "SMALL", 0)
    monkeypatch.setattr(methods, "TINY", 0)
    monkeypatch.setattr(methods, "TRIED", 0)


def proved(published: FacilityInstance) -> tuple[Result, float, float]:
    """The result, and what its certificate proves without the tree and with it."""
    result = solve(facility_instance(published), gap=0.0)
    assert result.plan is not None
    question, certificate = result.plan.question, dict(result.plan.certificate)
    whole = certified_bound(result.instance, question, certificate)
    certificate.pop("tree", None)
    prices = certified_bound(result.instance, question, certificate)
    assert prices is not None
    assert whole is not None
    return result, prices, whole


@pytest.mark.usefixtures("own_methods")
@pytest.mark.parametrize("kind", ["split", "uncapacitated", "single source"])
def test_no_tree_proves_more_than_the_optimum(kind: str) -> None:
    """For split delivery the trees prove all of it; one vector of prices leaves up to 2.5 %."""
    gaps, left = [], []
    for seed in range(10):
        published = draw(seed, kind)
        optimum = optimum_of(published)
        result, prices, whole = proved(published)
        assert result.objective == pytest.approx(optimum, rel=1e-9)
        assert prices <= whole <= optimum * (1 + 1e-8)
        assert verify_plan(result.instance, result.plan).ok
        gaps.append(1 - prices / optimum)
        left.append(1 - whole / optimum)
    if kind == "split":
        assert sum(gap > 1e-3 for gap in gaps) >= 4
        assert max(left) < 1e-7
    if kind == "uncapacitated":
        assert max(left) < 1e-7


@pytest.mark.usefixtures("own_methods")
def test_any_prices_in_any_tree_are_valid() -> None:
    """Random trees with random prices: never above the optimum, of the whole or of a branch."""
    published = draw(3, "split")
    optimum = optimum_of(published)
    result, _, _ = proved(published)
    zones = result.instance.table("zones")["zone_id"].tolist()
    base = result.plan.certificate["block"]
    own = np.array([price for _, _, price in base])
    best = -np.inf
    for seed in range(15):
        rng = np.random.default_rng(seed)
        vectors: list[list[float]] = []

        def node(
            left: list[str],
            vectors: list[list[float]] = vectors,
            rng: np.random.Generator = rng,
        ) -> dict[str, Any]:
            vectors.append(
                [float(rng.uniform(0, 20)), *(own * rng.uniform(0.8, 1.1, len(own))).tolist()]
            )
            number = len(vectors) - 1
            if len(left) < 3 or rng.uniform() < 0.2:
                return {"prices": number}
            if rng.uniform() < 0.4:
                return {
                    "prices": number, "open": left[:1], "shut": left[1:2], "then": node(left[2:]),
                }  # fmt: skip
            return {"split": left[0], "open": node(left[1:]), "shut": node(left[1:])}

        order = [zones[k] for k in rng.permutation(len(zones))]
        root = node(order)
        certificate = {
            "kind": "lagrangian",
            "block": base,
            "tree": {"prices": vectors, "root": root},
        }
        bound = certified_bound(result.instance, result.plan.question, certificate)
        assert bound is not None
        assert bound <= optimum + 1e-9
        best = max(best, bound)
    assert best > 0.9 * optimum  # else the test says nothing


@pytest.mark.usefixtures("own_methods")
def test_leaves_worked_out_by_hand() -> None:
    """One customer of 10; facility 1 (fixed 4, serving 10) and 2 (fixed 9, serving 2), room 10.

    One must open: 11 with facility 2, 14 with facility 1. At the price 12 (1.2 per unit) facility
    1 is worth 4 - 2 = 2, not opened; facility 2 is worth 9 - 10 = -1: 12 - 1 = 11. At the price 9
    facility 1 is worth 4, facility 2 9 - 7 = 2: 9 without either, and with the price 2 on the
    count 9 + 2 + 0 + 0 = 11 again. Facility 2 shut and the price 14: 14 + (4 - 4) = 14.
    """
    published = FacilityInstance(
        name="by hand",
        format="generated",
        fixed_cost=np.array([4.0, 9.0]),
        capacity=np.array([10.0, 10.0]),
        demand=np.array([10.0]),
        unit_cost=np.array([[10.0], [2.0]]),
        single_source=False,
    )
    instance = facility_instance(published)
    result = solve(instance)
    assert result.objective == pytest.approx(11.0)
    block = [[*row[:2], 0.0] for row in result.plan.certificate["block"]]

    def bound(vectors: list[list[float]], root: Any) -> float | None:
        certificate = {
            "kind": "lagrangian", "block": block, "tree": {"prices": vectors, "root": root},
        }  # fmt: skip
        return certified_bound(instance, result.plan.question, certificate)

    assert bound([[0.0, 1.2]], {"prices": 0}) == pytest.approx(11.0)
    assert bound([[0.0, 0.9]], {"prices": 0}) == pytest.approx(9.0)
    assert bound([[2.0, 0.9]], {"prices": 0}) == pytest.approx(11.0)
    shut = {"split": "f2", "open": {"prices": 0}, "shut": {"prices": 1}}
    # with facility 2 open 9 + 9 - 7 = 11; without it 14: the least is 11
    assert bound([[0.0, 0.9], [0.0, 1.4]], shut) == pytest.approx(11.0)
    both = {"split": "f1", "open": {"prices": 0}, "shut": {"prices": 0}}
    # facility 1 open at the price 12: 12 + 2 - 1 = 13; shut: 11
    assert bound([[0.0, 1.2]], both) == pytest.approx(11.0)
    # fixed: facility 1 shut as opening it costs 13; what is left has facility 2: 11
    fixed = {"prices": 0, "shut": ["f1"], "open": [], "then": {"prices": 0}}
    assert bound([[0.0, 1.2]], fixed) == pytest.approx(11.0)
    # a tree of the branch "facility 1 open" alone is no tree: its other child is missing
    assert bound([[0.0, 1.2]], {"split": "f1", "open": {"prices": 0}}) == pytest.approx(0.0)


def _first(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The first node, from the root, that has a key."""
    nodes = [node]
    for at in nodes:
        if key in at:
            return at
        nodes += [at[k] for k in ("then", "open", "shut") if isinstance(at.get(k), dict)]
    raise AssertionError(key)


def _zone_of(tree: dict[str, Any]) -> str:
    return str(_first(tree["root"], "split")["split"])


def _deep(tree: dict[str, Any]) -> None:
    for _ in range(MOST_DEPTH + 1):
        tree["root"] = {"prices": 0, "then": tree["root"]}


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no prices": (lambda t: t.pop("prices"), "no list of prices"),
    "no root": (lambda t: t.pop("root"), "no object"),
    "branch lost": (lambda t: _first(t["root"], "split").pop("shut"), "no object"),
    "branch of text": (lambda t: _first(t["root"], "split").update(open="f1"), "no object"),
    "leaf without prices": (
        lambda t: _first(t["root"], "split").update(open={}), "names prices that are not there",
    ),
    "prices not there": (
        lambda t: _first(t["root"], "split").update(open={"prices": 99}), "are not there",
    ),
    "prices by truth": (
        lambda t: _first(t["root"], "split").update(open={"prices": True}), "are not there",
    ),
    "short vector": (lambda t: t["prices"][0].pop(), "not one for the count and each block"),
    "not a number": (lambda t: t["prices"][0].__setitem__(1, float("nan")), "no price"),
    "text": (lambda t: t["prices"][0].__setitem__(1, "1"), "no price"),
    "negative count": (lambda t: t["prices"][0].__setitem__(0, -1.0), "wrong sign"),
    "zone unknown": (lambda t: _first(t["root"], "split").update(split="moon"), "is no zone"),
    "zone twice": (
        lambda t: _first(t["root"], "split").update(
            open={"split": _zone_of(t), "open": {"prices": 0}, "shut": {"prices": 0}}
        ),
        "decided twice",
    ),
    "fixed both ways": (
        lambda t: t.update(
            root={"prices": 0, "open": ["f1"], "shut": ["f1"], "then": {"prices": 0}}
        ),
        "fixed both ways",
    ),
    "fixed by a text": (
        lambda t: t.update(root={"prices": 0, "open": "f1", "then": {"prices": 0}}), "no list",
    ),
    "no end": (_deep, "deeper than"),
}  # fmt: skip


@pytest.fixture(scope="module")
def a_proof() -> tuple[Any, Plan]:
    from optimizer.engine.facility import solve as methods

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "SMALL", 0)
        result = solve(facility_instance(draw(3, "split")), gap=0.0)
    assert result.plan is not None
    assert "tree" in result.plan.certificate
    assert json.loads(json.dumps(result.plan.certificate["tree"]))
    return result.instance, result.plan


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_tree_is_a_finding(a_proof: tuple[Any, Plan], name: str) -> None:
    instance, plan = a_proof
    certificate = copy.deepcopy(dict(plan.certificate))
    damage, said = DAMAGE[name]
    damage(certificate["tree"])
    verdict = verify_plan(instance, replace(plan, certificate=certificate))
    found = [v for v in verdict.violations if v.rule == "certificate"]
    assert any(v.where == "tree" and said in v.message for v in found), verdict.lines()
    assert verdict.bound_certified < plan.objective * (1 - 1e-3)  # what the prices alone prove


def test_a_tree_that_proves_less_does_not_support_the_claim(a_proof: tuple[Any, Plan]) -> None:
    """A price changed in any leaf that matters is found, for the claim rests on each."""
    instance, plan = a_proof
    found = 0
    for vector in range(len(plan.certificate["tree"]["prices"])):
        certificate = copy.deepcopy(dict(plan.certificate))
        prices = certificate["tree"]["prices"][vector]
        prices[1:] = [0.9 * price for price in prices[1:]]
        verdict = verify_plan(instance, replace(plan, certificate=certificate))
        found += any(v.message == "claimed bound not supported" for v in verdict.violations)
    assert found >= 2


def test_the_verdict_says_what_needs_no_solver(a_proof: tuple[Any, Plan]) -> None:
    instance, plan = a_proof
    text = "\n".join(verify_plan(instance, plan).lines())
    assert "100.0000 % of the stated bound, without a solver" in text
    assert "the tree of the certificate, of" in text
    assert "rest on the solver" not in text
    bare = dict(plan.certificate)
    del bare["tree"]
    claim = certified_bound(instance, plan.question, bare)
    text = "\n".join(
        verify_plan(instance, replace(plan, certificate=bare | {"claimed_bound": claim})).lines()
    )
    assert claim is not None
    assert claim < 0.99 * plan.bound
    assert f"{100 * claim / plan.bound:.4f} % of the stated bound, without a solver" in text
    assert "rest on the solver" in text


def test_what_is_fixed_by_the_question_is_no_decision() -> None:
    """Zones that must open or stay shut, and the tree still proves the optimum of that question."""
    from optimizer.engine.facility import solve as methods

    published = draw(7, "split", m=7)
    instance = facility_instance(published)
    ids = instance.table("zones")["zone_id"].tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "SMALL", 0)
        for zone in ids[:3]:
            result = solve(instance, open_zones=(zone,), gap=0.0)
            assert result.plan is not None
            bound = certified_bound(instance, result.plan.question, result.plan.certificate)
            cheapest = min(
                _cost(published, chosen)
                for size in range(1, len(ids) + 1)
                for chosen in itertools.combinations(range(len(ids)), size)
                if ids.index(zone) in chosen
            )
            assert result.objective == pytest.approx(cheapest, rel=1e-7)
            assert bound is not None
            assert cheapest * (1 - 1e-6) <= bound <= cheapest * (1 + 1e-7)


def _cost(p: FacilityInstance, chosen: tuple[int, ...]) -> float:
    """The cost of exactly these facilities, by a linear program; inf where they do not suffice."""
    from scipy.optimize import linprog

    at = list(chosen)
    if p.capacity[at].sum() < p.demand.sum():
        return float("inf")
    m, n = len(at), len(p.demand)
    answer = linprog(
        p.unit_cost[at].ravel(),
        A_ub=np.kron(np.eye(m), p.demand),
        b_ub=p.capacity[at],
        A_eq=np.tile(np.eye(n), m),
        b_eq=np.ones(n),
    )
    return float(answer.fun + p.fixed_cost[at].sum())
