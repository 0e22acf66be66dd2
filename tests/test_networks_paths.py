"""Shortest path trees against networkx, which knows parallel arcs of its own."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from networks_tables import link, make_network, place, tariff

from instances.errors import InstanceError
from networks.network import Network
from networks.paths import PathFinder, shortest_tree


def random_network(seed: int, n: int = 12, links: int = 30) -> tuple[Network, np.ndarray]:
    """A network abroad (one regime), parallel links likely, and integer weights with zeros."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(n, size=(links, 2))
    network = make_network(
        {
            "places": [place(f"p{i}", in_china=0) for i in range(n)],
            "tariffs": [tariff("road")],
            "links": [
                link(f"l{i}", f"p{a}", f"p{b}", both_ways=int(rng.integers(2)))
                for i, (a, b) in enumerate(pairs)
            ],
        }
    )
    return network, rng.integers(0, 6, network.n_arcs).astype(float)


def as_graph(network: Network, weights: np.ndarray, mask: np.ndarray) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.n_nodes))
    for a in np.flatnonzero(mask):
        graph.add_edge(int(network.tail[a]), int(network.head[a]), weight=float(weights[a]))
    return graph


@pytest.mark.parametrize("seed", range(25))
def test_trees_equal_networkx_both_ways(seed: int) -> None:
    network, weights = random_network(seed)
    mask = np.random.default_rng(seed).random(network.n_arcs) < 0.9
    finder = PathFinder(network, mask)
    graph = as_graph(network, weights, mask)
    source = network.node.get(("p0", "road", "foreign"), 0)
    for reverse in (False, True):
        tree = finder.tree(weights, source, reverse)
        expected = nx.single_source_dijkstra_path_length(
            graph.reverse() if reverse else graph, source
        )
        for node in range(network.n_nodes):
            assert tree.dist[node] == expected.get(node, np.inf)
            if node not in expected:
                assert tree.via_arc[node] == -1
                continue
            arcs = finder.path(tree, node)
            ends = [source, node][:: -1 if reverse else 1]
            visited = [ends[0], *(int(network.head[a]) for a in arcs)]
            assert visited[-1] == ends[1]
            assert [int(network.tail[a]) for a in arcs] == visited[:-1]
            assert mask[arcs].all()
            assert weights[arcs].sum() == tree.dist[node]


def test_several_sources_with_offsets() -> None:
    network, weights = random_network(3)
    mask = np.ones(network.n_arcs, dtype=bool)
    starts = {0: 4.0, 5: 0.0, 7: 1.0}
    graph = as_graph(network, weights, mask)
    for node, offset in starts.items():
        graph.add_edge("super", node, weight=offset)
    expected = nx.single_source_dijkstra_path_length(graph, "super")
    finder = PathFinder(network)
    tree = finder.tree(weights, starts)
    assert [tree.dist[v] for v in range(network.n_nodes)] == [
        expected.get(v, np.inf) for v in range(network.n_nodes)
    ]
    assert finder.path(tree, 5) == []
    assert tree.via_arc[5] == -1


def test_the_cheapest_of_parallel_arcs_is_named() -> None:
    network = make_network(
        {
            "places": [place("a", in_china=0), place("b", in_china=0)],
            "tariffs": [tariff("road")],
            "links": [link("dear", "a", "b", km=9), link("cheap", "a", "b", km=3),
                      link("twin", "a", "b", km=3)],
        }
    )  # fmt: skip
    source = network.node["a", "road", "foreign"]
    tree = shortest_tree(network, network.km, None, source)
    target = network.node["b", "road", "foreign"]
    assert network.arc_keys[tree.via_arc[target]] == "link:cheap:fwd:foreign"
    mask = network.available(closed=["cheap", "twin"])
    tree = shortest_tree(network, network.km, mask, source)
    assert network.arc_keys[tree.via_arc[target]] == "link:dear:fwd:foreign"
    assert tree.dist[target] == 9


def test_a_negative_or_missing_weight_names_the_arc() -> None:
    network, weights = random_network(1)
    arc = int(np.argmax(network.tail != network.head))
    for bad in (-1.0, np.nan, np.inf):
        weights[arc] = bad
        with pytest.raises(InstanceError, match=network.arc_keys[arc]):
            PathFinder(network).tree(weights, 0)
    mask = np.ones(network.n_arcs, dtype=bool)
    mask[arc] = False
    PathFinder(network, mask).tree(weights, 0)  # arcs outside the mask do not matter
    with pytest.raises(ValueError, match="source"):
        PathFinder(network, mask).tree(weights, [])
    unreached = PathFinder(network, np.zeros(network.n_arcs, dtype=bool))
    with pytest.raises(ValueError, match="no path"):
        unreached.path(unreached.tree(weights, 0), 1)
