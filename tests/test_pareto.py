"""Fronts by hand and against enumerations by the direct formulation; proofs never too much."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from click.testing import CliRunner
from siting_instances import direct_optimum, random_instance

from instances import Instance, read_instance
from instances.errors import InstanceError
from networks.network import build_network
from optimizer import solve
from optimizer.cli import group
from optimizer.plan.plan import MAXIMISED, Question, Status
from optimizer.report.chapter import Chapter
from optimizer.studies.front import NARROWEST, Front, Measures
from optimizer.studies.grid import Grid
from optimizer.studies.pareto import pareto
from optimizer.studies.pareto_chapter import COLUMN
from optimizer.studies.session import Session

EXACT = {"gap": 1e-7, "time_limit_s": 60.0}


def front_of(instance: Instance, name: str, *, points: int = 6, solves: int = 40) -> Front:
    with Session(instance, Question(), **EXACT) as session:
        measures = Measures(instance, build_network(instance), session.question)
        front = Front(session, measures, name, 1 / points, solves)
        session.run([front.search()])
    return front


def calm(seed: int) -> Instance:
    """A random instance whose trains have no least load (see test_weights)."""
    instance = random_instance(seed)
    services = instance.tables["services"].copy()
    services["min_load_teu_per_year"] = 0.0
    return instance.replace(services=services)


def upper(front: Front, at: float) -> float:
    """The cheapest plan, or mix of two neighbours, with a measure of at most ``at``."""
    costs = [p.cost for p in front.points if p.measure <= at * (1 + math.copysign(1e-9, at))]
    for a, b in front.boxes():
        if a.measure < at < b.measure and front.is_mix(a, b):
            share = (at - a.measure) / (b.measure - a.measure)
            costs.append(a.cost + share * (b.cost - a.cost))
    return min(costs, default=math.inf)


def no_point_is_dominated(front: Front) -> None:
    for a, b in front.boxes():
        assert a.measure < b.measure
        assert a.cost > b.cost


def test_every_point_of_two_zones() -> None:
    # Outlay: zones 1.5 (taiyuan) and 1.0 (datong), modules 0.5; costs by hand in test_question
    # and test_curve: both zones with two modules, one module; taiyuan alone; datong alone; none.
    front = front_of(read_instance("two_zones"), "outlay")
    found = [(p.measure, p.cost) for p in front.points]
    hand = [(0.0, 21.25), (1.0, 19.915), (2.0, 19.28), (2.5, 18.29), (3.0, 17.945), (3.5, 17.7)]
    assert len(found) == len(hand)
    for mine, known in zip(found, hand, strict=True):
        assert mine == pytest.approx(known, abs=1e-6)
    assert not any(front.is_open(a, b) for a, b in front.boxes())
    no_point_is_dominated(front)


@pytest.mark.parametrize(("seed", "name"), [(2, "hours"), (3, "jobs"), (3, "co2e")])
def test_envelopes_hold_the_direct_optimum(seed: int, name: str) -> None:
    instance = calm(seed)
    front = front_of(instance, name, solves=30)
    no_point_is_dominated(front)
    start, end = front.points[0].measure, front.points[-1].measure
    for share in (0.03, 0.4, 0.8):
        at = start + share * (end - start)
        limit = max(0.0, front.sign * at)
        direct = direct_optimum(instance, question=Question(limits=((name, limit),)))
        assert direct is not None
        slack = 3e-6 * max(1.0, abs(direct))
        assert front.low(at) <= direct + slack
        assert upper(front, at) >= direct - slack
        box = next((b for b in front.boxes() if b[0].measure < at < b[1].measure), None)
        if box is not None and not front.is_open(*box):
            assert upper(front, at) <= direct + slack
    best = direct_optimum(instance, question=Question(objective=name))
    assert best is not None
    assert front.least <= front.sign * best + 1e-5 * max(1.0, abs(best))


@pytest.mark.parametrize(("seed", "name", "count"), [(5, "outlay", 3), (3, "jobs", 2)])
def test_all_points_of_a_finite_front(seed: int, name: str, count: int) -> None:
    """Whole blocks only: measures jump, and another program finds the points one by one."""
    instance = calm(seed)
    blocks = instance.tables["blocks"].copy()
    blocks["whole"] = 1
    ways = instance.tables["bottlenecks"].copy()
    ways["capacity_teu_per_year"] = 1e9
    instance = instance.replace(blocks=blocks, bottlenecks=ways)
    sign = -1.0 if name in MAXIMISED else 1.0
    known: list[tuple[float, float]] = []
    limits: tuple[tuple[str, float], ...] = ()
    while len(known) <= count:
        cost = direct_optimum(instance, question=Question(limits=limits))
        if cost is None:
            break
        at_cost = (("cost", cost + 1e-7 * abs(cost)),)
        best = direct_optimum(instance, question=Question(name, limits=(*limits, *at_cost)))
        assert best is not None
        known.append((sign * best, cost))
        following = best - sign * 1e-4
        if following < 0:
            break
        limits = ((name, following),)
    front = front_of(instance, name, points=2, solves=80)
    assert len(known) == count
    assert min(b[0] - a[0] for a, b in pairwise(known[::-1])) > 2 * NARROWEST * front.range
    assert [(p.measure, p.cost) for p in reversed(front.points)] == [
        pytest.approx(point, rel=1e-5, abs=1e-5) for point in known
    ]


def test_mixes_of_plans_that_build_the_same_are_plans() -> None:
    """On a chord between two such plans the least cost under the limit is no higher."""
    instance = read_instance("dry_port")
    front = front_of(instance, "co2e", points=4, solves=20)
    no_point_is_dominated(front)
    for left, right in front.boxes():
        if front.is_mix(left, right):
            at = (left.measure + right.measure) / 2
            limited = solve(instance, Question(limits=(("co2e", at),)), gap=1e-9)
            assert limited.objective <= (left.cost + right.cost) / 2 + 1e-6
            assert front.low(at) <= limited.objective + 1e-6


def test_three_objectives_hold_the_direct_optimum_at_every_corner() -> None:
    instance = calm(3)
    with Session(instance, Question(), **EXACT) as session:
        measures = Measures(instance, build_network(instance), session.question)
        grid = Grid(session, measures, ("co2e", "jobs"), 3)
        session.run([grid.search()])
    assert len(grid.corners) == 9
    for corner in grid.corners.values():
        limits = tuple(
            (n, max(0.0, -v if n in MAXIMISED else v))
            for n, v in zip(grid.names, corner.at, strict=True)
            if math.isfinite(v)
        )
        direct = direct_optimum(instance, question=Question(limits=limits))
        if direct is None:
            assert corner.plan is None
            assert corner.status == Status.INFEASIBLE.value
            continue
        slack = 3e-6 * max(1.0, abs(direct))
        assert corner.low <= direct + slack
        assert corner.cost == pytest.approx(direct, abs=slack)
    points = grid.points()
    for p in points:
        for q in points:
            values = zip((q.cost, *q.measures), (p.cost, *p.measures), strict=True)
            assert p is q or not all(a <= b for a, b in values)


def _chapter(workers: int, objectives: tuple[str, ...]) -> Chapter:
    with Session(read_instance("two_zones"), Question(), workers=workers, **EXACT) as session:
        return pareto(session, objectives, points=4, solves=20, steps=3)


@pytest.mark.parametrize("objectives", [("cost", "outlay"), ("cost", "jobs", "outlay")])
def test_one_process_and_two_give_the_same_tables(objectives: tuple[str, ...]) -> None:
    one, two = _chapter(1, objectives).to_dict(), _chapter(2, objectives).to_dict()
    for part in ("tables", "findings", "cautions"):
        assert one[part] == two[part]
    assert Chapter.from_dict(json.loads(json.dumps(one))).to_dict() == one


def test_the_command_and_what_it_refuses() -> None:
    words = ["pareto", "two_zones", "--workers", "1", "--quiet"]
    done = CliRunner().invoke(group, [*words, "--objectives", "cost,jobs", "--json"])
    assert done.exit_code == 0, done.output
    table = next(t for t in json.loads(done.output)["tables"] if t["name"] == "points")
    assert table["rows"][0]["cost_mcny"] == pytest.approx(17.7, rel=1e-3)
    assert COLUMN["jobs"] in table["rows"][0]
    for asked, part in (("co2e,jobs", "must hold cost"), ("cost,speed", "is none of")):
        bad = CliRunner().invoke(group, [*words, "--objectives", asked])
        assert bad.exit_code == 2
        assert part in bad.output
    with pytest.raises(InstanceError, match="one or two"), Session("two_zones") as session:
        pareto(session, ("cost", "cost"))
