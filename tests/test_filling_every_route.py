"""Goods that lose by a train can fill it to its least load: against models with every route."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest
from siting_instances import random_instance

from instances import Instance
from optimizer.api import solve
from optimizer.engine import root
from optimizer.model.base import SitingModel
from optimizer.plan.plan import Question, Status

GAP = 1e-6
MOST_PATHS = 3000


class TooManyError(Exception):
    """An instance has more routes than a test should list."""


def every_route(finder: Any, m: SitingModel) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
    """Yield each way without a repeated node, over all projects and services."""
    network = finder.finder.network
    graph = nx.MultiDiGraph()
    for arc in map(int, finder.finder._sides[False].arcs):
        graph.add_edge(int(network.tail[arc]), int(network.head[arc]), key=arc)
    for line, node in m.commodity_cells:
        goods = m.problem.lines[line]
        ends = (goods.node, node) if goods.inbound else (node, goods.node)
        if ends[0] == ends[1] or not all(graph.has_node(e) for e in ends):
            continue
        for number, path in enumerate(nx.all_simple_edge_paths(graph, *ends)):
            if number > MOST_PATHS:
                raise TooManyError
            yield (line, node), tuple(arc for _, _, arc in path)


def with_every_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put all routes into the models, and take away all that would leave some out."""
    monkeypatch.setattr(root, "list_all", lambda f, *_: list(every_route(f, f.m)))
    monkeypatch.setattr(root, "hopeless", lambda m, found: set())
    monkeypatch.setattr(root, "fillable", lambda relaxation: set())
    monkeypatch.setattr(root.Relaxation, "_bundle", lambda self, found: found)


def heavy(seed: int) -> Instance:
    """A random instance whose trains need much, and cost little."""
    instance = random_instance(seed)
    services = instance.tables["services"].copy()
    services["min_load_teu_per_year"] = services["capacity_teu_per_year"] * 0.8
    services["fixed_mcny_per_year"] *= 0.1
    return instance.replace(services=services)


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_no_bound_above_the_optimum_over_every_route(
    seed: int, forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = heavy(seed)
    may_run = instance.tables["services"].query("runs_today == 0")["service_id"].tolist()
    asked = Question(least=tuple(("service", s, 1.0) for s in may_run[:1] if forced))
    found = solve(instance, asked, gap=GAP, threads=1)
    with monkeypatch.context() as patch:
        with_every_route(patch)
        try:
            exact = solve(instance, asked, gap=GAP, threads=1)
        except TooManyError:
            pytest.skip("too many routes to list")
    if exact.status is Status.INFEASIBLE:
        assert not found.has_plan
        return
    assert exact.status is Status.OPTIMAL
    assert found.status is not Status.INFEASIBLE
    tolerance = 3 * GAP * max(1.0, abs(exact.objective))
    assert found.bound <= exact.objective + tolerance
    if found.has_plan:
        assert found.objective >= exact.objective - tolerance
        assert math.isfinite(found.bound)
