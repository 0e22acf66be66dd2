"""Prices on passing what projects open, worked by hand and by law; the certificate of shanxi."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_verify_certificate import factors, questions, tiny_instances
from verify_hand import A_OUT, E_OUT, hand_instance, hand_rows
from verify_optimum import TinyProblem
from verify_tables import BareInstance

from optimizer.plan.plan import Question
from optimizer.plan.verify import certified_bound, verify_plan
from optimizer.plan.verify.passages import passages
from optimizer.plan.verify.routes import LOCAL_GOODS, Routes

EXAMPLES = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
NOTHING = {"kind": "lagrangian"}
# E: 100 mcny, 1 TEU out and 0.5 TEU in per mcny; A: 40 mcny, 1 TEU out
ALL_TEU = 100 * 1.5 + 40
EXPRESSWAY = 50 / 25  # mcny a year


def test_a_passage_by_itself_is_worth_its_price_times_all_teu() -> None:
    """2 mcny a year - 0.02 x 190 TEU; one cell: 2 - 0.04 x 1 TEU x 90 mcny that fit into Z1."""
    prices = NOTHING | {"passage": [["expressway", 0.02]]}
    bound = certified_bound(hand_instance(), Question(), prices)
    assert bound == pytest.approx(EXPRESSWAY - 0.02 * ALL_TEU)
    prices = NOTHING | {"passage_goods": [["expressway", "Z1", "E", "handbook", E_OUT, 0.04]]}
    bound = certified_bound(hand_instance(), Question(), prices)
    assert bound == pytest.approx(EXPRESSWAY - 0.04 * 90)
    prices = NOTHING | {"passage_goods": [["expressway", "Z1", "E", "handbook", "no such", 0.04]]}
    assert certified_bound(hand_instance(), Question(), prices) == 0.0


BLOCKS = {"block": [["O", "E", 0.17], ["O", "A", 0.2]]}


def with_cheap_bypass(status: str) -> BareInstance:
    rows = hand_rows()
    for link in rows["links"]:
        if link["link_id"] == "bypass":
            link |= {"cost_cny_per_teu": 100.0, "hours": 1.0}
    rows["projects"][0]["status"] = status
    return hand_instance(links=rows["links"], projects=rows["projects"])


def test_beyond_all_gain_a_price_shuts_the_passage() -> None:
    """What is left is the bound without the project, and what the project loses by the price."""
    price = 1.0  # mcny per TEU
    free = certified_bound(with_cheap_bypass("candidate"), Question(), NOTHING | BLOCKS)
    shut = certified_bound(with_cheap_bypass("forbidden"), Question(), NOTHING | BLOCKS)
    assert free is not None
    assert shut is not None
    assert free < shut - 1e-3
    certificate = NOTHING | BLOCKS | {"passage": [["expressway", price]]}
    bound = certified_bound(with_cheap_bypass("candidate"), Question(), certificate)
    assert bound == pytest.approx(shut + EXPRESSWAY - price * ALL_TEU)


def test_a_price_of_some_goods_lets_all_others_pass_for_nothing() -> None:
    instance = with_cheap_bypass("candidate")
    free = certified_bound(instance, Question(), NOTHING | BLOCKS)
    other = {"passage_goods": [["expressway", "Z1", "A", "handbook", A_OUT, 1e-9]]}
    assert certified_bound(instance, Question(), NOTHING | BLOCKS | other) == pytest.approx(free)
    own = {"passage_goods": [["expressway", "Z1", "E", "handbook", E_OUT, 0.02]]}
    bound = certified_bound(instance, Question(), NOTHING | BLOCKS | own)
    assert bound is not None
    assert free is not None
    assert bound > free  # 0.02 x 90 = 1.8 is less than the project costs


@pytest.mark.parametrize(
    "prices",
    [
        {"passage": [["study", 0.1]]},  # opens nothing
        {"passage": [["expressway", -0.1]]},
        {"passage": [["expressway", 0.1], ["expressway", 0.1]]},
        {"passage_goods": [["expressway", "Z9", "E", "handbook", E_OUT, 0.1]]},
        {"passage_goods": [["expressway", "Z1", "E", "no form", E_OUT, 0.1]]},
        {"passage_goods": [["expressway", E_OUT, 0.1]]},
    ],
)
def test_prices_of_no_row_prove_nothing(prices: dict[str, Any]) -> None:
    assert certified_bound(hand_instance(), Question(), NOTHING | prices) is None


@EXAMPLES
@given(tiny_instances(), questions, factors, st.booleans(), st.data())
def test_no_price_of_passages_certifies_more_than_the_optimum(
    instance: BareInstance,
    question: Question,
    factor: list[float],
    near_dual: bool,
    data: st.DataObject,
) -> None:
    problem = TinyProblem(instance, question)
    solved = problem.p.solve()
    assume(solved is not None)
    assert solved is not None
    relaxed = problem.p.prices() if near_dual else None
    price = {} if relaxed is None else relaxed[1]
    price = {k: v * factor[n % len(factor)] for n, (k, v) in enumerate(price.items())}
    certificate = problem.certificate(price)
    names = sorted(passages(problem.facts))
    certificate["passage"] = [[n, data.draw(st.floats(0, 0.01))] for n in names]
    certificate["passage_goods"] = [
        [n, z, i, f, key, data.draw(st.floats(0, 0.05))]
        for n in names
        for z, i in problem.facts.eligible
        for f in problem.facts.form
        for key in problem.goods.of(z, f, i)
    ]
    bound = certified_bound(instance, question, certificate)
    assert bound is not None
    assert bound <= solved[0] + 1e-6 * max(1.0, abs(solved[0]))


def test_the_certificate_of_a_siting_problem_proves_its_relaxation() -> None:
    """On shanxi, gates, services, chains and pools included: without a solver, to 0.005 %."""
    from optimizer import solve

    result = solve("shanxi", gap=0.002, time_limit_s=120)
    assert result.plan is not None
    verdict = verify_plan(result.instance, result.plan)
    assert verdict.ok
    assert verdict.bound_certified is not None
    assert verdict.bound_certified >= result.root_bound - 5e-5 * result.root_bound
    # on these prices alone
    for name in ("form", "pool", "block"):
        less = dict(result.plan.certificate) | {name: []}
        bound = certified_bound(result.instance, result.plan.question, less)
        assert bound is not None
        assert bound < verdict.bound_certified - 1.0, name


def test_goods_that_stay_at_the_gate_need_no_tree() -> None:
    """Where all goods are local no tree is ever grown, and their cost is nothing."""
    rows, gates = np.array([LOCAL_GOODS, LOCAL_GOODS]), np.array([2, 2])
    assert Routes._look_up(np.zeros((0, 4)), rows, gates).tolist() == [0.0, 0.0]
    table = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert Routes._look_up(table, np.array([0, LOCAL_GOODS]), gates).tolist() == [3.0, 0.0]
