"""What the verifier keeps between plans: the same verdict as from nothing, and less work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_hand import SETTINGS, hand_plan, hand_rows
from verify_tables import bare_instance

from instances import Instance, read_instance
from optimizer import solve
from optimizer.plan.plan import Plan
from optimizer.plan.verify import verify_plan
from optimizer.plan.verify.books import books_of, forget
from optimizer.plan.verify.routes import Routes, _on_way, usable_ever


@pytest.fixture(scope="module")
def solved() -> tuple[Instance, Plan]:
    result = solve("two_zones", solver="highs", verify=False)
    return result.instance, result.plan


CHANGES = (
    "links.datong_tianjin.cost_cny_per_teu*=1.3",
    "settings.carrying_rate=0.1",
    "blocks.dongguan/electronics.volume_mcny_per_year*=0.9",
    "zones.taiyuan.open_mcny_per_year*=2",
    "industries.electronics.workers_per_mcny*=1.1",
    "pools.taiyuan_floor.endowment*=0.5",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_verdict_does_not_depend_on_what_was_verified_before(
    solved: tuple[Instance, Plan], change: str
) -> None:
    """The plan of the first instance is wrong on a changed one, in the very same words."""
    instance, plan = solved
    assert verify_plan(instance, plan).ok
    changed = instance.override(change)
    after = verify_plan(changed, plan)
    forget()
    fresh = verify_plan(instance.override(change), plan)
    assert after == fresh
    assert not after.ok
    assert verify_plan(instance, plan).ok


def test_tables_that_stay_are_read_once(solved: tuple[Instance, Plan]) -> None:
    """A price of a zone changes no arc and no goods; a tariff changes arcs and no goods."""
    instance, plan = solved
    verify_plan(instance, plan)
    books = books_of(instance)
    zone = books_of(instance.override("zones.taiyuan.open_mcny_per_year*=2"))
    assert zone.network.arc is books.network.arc
    assert zone.goods is books.goods
    assert zone.facts is not books.facts
    assert zone.network.facts is zone.facts
    road = books_of(instance.override("tariffs.road.rate_cny_per_teu_km=2"))
    assert road.network.arc is not books.network.arc
    assert road.goods is books.goods


def test_routes_are_found_once(
    solved: tuple[Instance, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second plan of an instance costs no shortest path, if its certificate has no prices."""
    instance, plan = solved
    plan = replace(plan, certificate={})
    forget()
    searches: list[int] = []
    search = Routes._least_from

    def counted(self: Routes, graph: object, starts: list[int]) -> np.ndarray:
        searches.append(len(starts))
        return search(self, graph, starts)  # type: ignore[arg-type]

    monkeypatch.setattr(Routes, "_least_from", counted)
    verify_plan(instance, plan)
    assert sum(searches) > 0
    searches.clear()
    verify_plan(instance, plan)
    verify_plan(instance.override("zones.taiyuan.open_mcny_per_year*=2"), plan)
    assert searches == []


def test_damage_is_found_however_often_the_sound_plan_was_seen(
    solved: tuple[Instance, Plan],
) -> None:
    """A route that was looked at and found sound is not taken for another flow's route."""
    instance, plan = solved
    assert verify_plan(instance, plan).ok
    flows = list(plan.flows)
    long = max(range(len(flows)), key=lambda n: len(flows[n].arcs))
    flows[long] = replace(flows[long], arcs=flows[long].arcs[:-1])
    verdict = verify_plan(instance, replace(plan, flows=tuple(flows)))
    assert "8 flows" in {v.rule for v in verdict.violations}
    closed = replace(
        plan, question=replace(plan.question, closed=(plan.flows[long].arcs[0].split(":")[1],))
    )
    verdict = verify_plan(instance, closed)
    assert any("closed by the question" in v.message for v in verdict.violations)


def test_instances_that_may_be_bent_are_read_afresh() -> None:
    """Only tables of a checked instance are trusted to stay as they are."""
    instance = bare_instance(hand_rows(), **SETTINGS)
    assert verify_plan(instance, hand_plan()).ok
    instance.tables["zones"]["open_mcny_per_year"] += 1.0
    assert not verify_plan(instance, hand_plan()).ok


def test_a_part_reads_no_table_but_its_own() -> None:
    """Arcs, goods and unit costs from views of shanxi are those from the whole of it."""
    instance = read_instance("shanxi")
    forget()
    books = books_of(instance)
    from optimizer.plan.verify.arcs import Network
    from optimizer.plan.verify.facts import Facts
    from optimizer.plan.verify.goods import GoodsBook
    from optimizer.plan.verify.production import Production

    facts = Facts(instance)
    network = Network(facts)
    assert list(network.arc) == list(books.network.arc)
    assert np.array_equal(network.features, books.network.features)
    assert network.closable == books.network.closable
    goods, production = GoodsBook(facts), Production(facts)
    zone_id, industry_id = next(iter(facts.eligible))
    for form_id in facts.form:
        mine, theirs = (b.of(zone_id, form_id, industry_id) for b in (goods, books.goods))
        assert [(g.key, g.teu_per_mcny, g.tail, g.head) for g in mine.values()] == [
            (g.key, g.teu_per_mcny, g.tail, g.head) for g in theirs.values()
        ]
        assert production.at_zone(zone_id, industry_id, form_id) == books.production.at_zone(
            zone_id, industry_id, form_id
        )


def test_routes_that_a_closing_leaves_are_kept() -> None:
    """Closing any link or place of an instance: costs and marks are those of a fresh search."""
    instance = read_instance("dry_port")
    forget()
    books = books_of(instance)
    facts, network = books.facts, books.network
    whole = books.usable_ever(())
    marks = 1 << (np.arange(len(network.arcs)) % 60)
    closing = 0
    for name in (*facts.place, *network.links):
        usable = books.usable_ever((name,))
        assert np.array_equal(usable, usable_ever(network, (name,)))
        after = books.routes(usable, whole, marks)
        fresh = Routes(
            network, books.goods, usable, hosts=tuple(facts.host_places), marks=marks
        )  # fmt: skip
        for zone_id, industry_id in facts.eligible:
            for form_id in facts.form:
                host = (zone_id, form_id, industry_id)
                assert after.costs(*host).tolist() == fresh.costs(*host).tolist(), name
                assert after.cost_per_mcny(*host) == fresh.cost_per_mcny(*host)
                assert after.passed(*host).tolist() == fresh.passed(*host).tolist(), name
        closes_something = not np.array_equal(whole, usable)
        assert (after._whole is not None) == closes_something
        closing += closes_something
    assert closing > 10


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_nodes_on_the_way_are_those_met_when_walking_back(seed: int) -> None:
    """`_on_way` against one walk after another, on random trees."""
    dice = np.random.default_rng(seed)
    n_trees, n_nodes = int(dice.integers(1, 4)), int(dice.integers(1, 12))
    before = np.array([
        [int(dice.integers(-1, node)) if node else -1 for node in range(n_nodes)]
        for _ in range(n_trees)
    ])  # fmt: skip
    ends = dice.integers(-1, n_nodes, size=4)
    expected = np.zeros((n_trees, n_nodes), dtype=bool)
    for tree in range(n_trees):
        for end in ends.tolist():
            while end >= 0:
                expected[tree, end] = True
                end = int(before[tree, end])
    assert np.array_equal(_on_way(before, ends), expected)
