"""Route search against brute force on random networks, and laws that any network keeps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Any

import networkx as nx
import numpy as np
import pytest
from networks_tables import Rows, link, make_network, place, tariff

from networks.k_best import k_best_routes
from networks.network import Goods, Network
from networks.pareto import pareto_paths
from networks.paths import PathFinder

MODES = ("road", "rail")
# Of the seeds from 0 on, the first hundred with at least three paths that are quickly listed.
SEEDS = (
    0, 1, 4, 8, 10, 13, 15, 16, 18, 21, 31, 34, 35, 37, 40, 45, 46, 49, 53, 58, 61, 62,
    63, 65, 66, 71, 76, 78, 79, 81, 82, 86, 88, 89, 92, 94, 95, 97, 98, 99, 100, 102, 103,
    106, 109, 110, 112, 114, 115, 119, 121, 126, 128, 133, 137, 138, 139, 145, 149, 150,
    151, 152, 153, 154, 157, 158, 162, 163, 166, 168, 169, 174, 175, 181, 185, 187, 188,
    191, 197, 202, 205, 207, 208, 209, 210, 211, 216, 221, 222, 223, 225, 228, 229, 231,
    232, 238, 242, 244, 245, 246,
)  # fmt: skip
CHANGES = (
    ("foreign", "bonded"), ("foreign", "domestic"), ("bonded", "domestic"),
    ("domestic", "export_cleared"), ("export_cleared", "foreign"), ("bonded", "foreign"),
)  # fmt: skip


def random_rows(seed: int) -> Rows:
    """Four to six places on both sides of the border, links and handling at whim."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 6))
    ids = [f"p{i}" for i in range(n)]
    links, transfers, customs = [], [], []
    for i in range(int(rng.integers(n + 3, 2 * n + 3))):
        a, b = rng.choice(n, 2, replace=False)
        links.append(
            link(f"l{i}", ids[a], ids[b], MODES[int(rng.integers(2))], int(rng.integers(0, 9)),
                 both_ways=int(rng.random() < 0.7))
        )  # fmt: skip
    for p in ids:
        for mode in MODES:
            if rng.random() < 0.9:
                transfers.append({"transfer_id": f"{p}{mode}", "place_id": p, "from_mode": mode,
                                  "to_mode": "gate"})  # fmt: skip
        if rng.random() < 0.3:
            transfers.append({"transfer_id": f"{p}x", "place_id": p, "from_mode": "road",
                              "to_mode": "rail", "both_ways": int(rng.random() < 0.7)})  # fmt: skip
    china = [int(i < 2) for i in range(n)]
    for p in ids[:2]:
        for k in rng.choice(len(CHANGES), int(rng.integers(2, 5)), replace=False):
            before, after = CHANGES[k]
            customs.append({"customs_id": f"{p}{k}", "place_id": p, "from_regime": before,
                            "to_regime": after})  # fmt: skip
    return {
        "places": [place(p, in_china=c) for p, c in zip(ids, china, strict=True)],
        "tariffs": [tariff(m) for m in MODES],
        "links": links,
        "transfers": transfers,
        "customs": customs,
    }


def random_case(seed: int) -> tuple[Network, np.ndarray, np.ndarray, int, int]:
    """A network, a mask, three rows of integer weights (zeros among them), source and target."""
    rng = np.random.default_rng(10_000 + seed)
    network = make_network(random_rows(seed))
    weights = rng.integers(0, 12, (3, network.n_arcs)).astype(float)
    mask = rng.random(network.n_arcs) < 0.95
    regimes = ["domestic", "foreign", "bonded"]
    source = network.node["p0", "gate", regimes[seed % 3]]
    target = network.node[network.place_ids[-1], "gate", "foreign"]
    return network, mask, weights, *((source, target) if seed % 2 else (target, source))


def simple_paths(network: Network, mask: np.ndarray, source: int, target: int) -> list[list[int]]:
    """Every path that visits no node twice, by networkx."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.n_nodes))
    for a in np.flatnonzero(mask & (network.tail != network.head)).tolist():
        graph.add_edge(int(network.tail[a]), int(network.head[a]), key=a)
    onward = nx.descendants(graph.reverse(copy=False), target) | {target}
    graph = graph.subgraph(onward | {source})  # dead ends cost time and hold no path
    paths = nx.all_simple_edge_paths(graph, source, target)
    return [[key for _, _, key in path] for path in paths]


@dataclass(frozen=True)
class Case:
    network: Network
    mask: np.ndarray
    weights: np.ndarray
    source: int
    target: int
    paths: list[list[int]]


@cache
def make_case(seed: int) -> Case:
    case = random_case(seed)
    return Case(*case, simple_paths(case[0], case[1], *case[3:]))


def cases() -> list[Case]:
    return [make_case(seed) for seed in SEEDS]


def brute_k_best(case: Case) -> dict[tuple[int, ...], float]:
    """Cost of every route by its links, routes left out that are as cheap without some links."""
    network, weights, source, target = case.network, case.weights[0], case.source, case.target
    inside = nx.DiGraph()
    inside.add_nodes_from(range(network.n_nodes))
    for a in np.flatnonzero(case.mask):
        u, v = int(network.tail[a]), int(network.head[a])
        if network.node_place[u] == network.node_place[v]:
            old = inside.get_edge_data(u, v, {"weight": np.inf})["weight"]
            inside.add_edge(u, v, weight=min(old, float(weights[a])))

    @cache
    def within(u: int, v: int) -> float:
        try:
            return nx.dijkstra_path_length(inside, u, v)
        except nx.NetworkXNoPath:
            return np.inf

    def cost(links: tuple[int, ...]) -> float:
        at, total = source, 0.0
        for a in links:
            total += within(at, int(network.tail[a])) + float(weights[a])
            at = int(network.head[a])
        return total + within(at, target)

    is_link = network.element_table == "links"
    routes = {tuple(a for a in path if is_link[a]) for path in case.paths}
    kept = {}
    for links in routes:
        mine = cost(links)
        shorter = (
            links[:i] + links[j:] for i in range(len(links)) for j in range(i + 1, len(links) + 1)
        )
        if all(cost(other) > mine for other in shorter):
            kept[links] = mine
    return kept


@pytest.mark.parametrize("seed", SEEDS)
def test_k_best_routes_equal_brute_force(seed: int) -> None:
    case = make_case(seed)
    network, weights = case.network, case.weights[0]
    expected = brute_k_best(case)
    for k in (1, 4, 25):
        routes = k_best_routes(network, case.mask, weights, case.source, case.target, k)
        costs = [weights[arcs].sum() for arcs in routes]
        assert costs == sorted(expected.values())[:k]
        by_links = [
            tuple(a for a in arcs if network.element_table[a] == "links") for arcs in routes
        ]
        assert len(set(by_links)) == len(routes)
        assert [expected[links] for links in by_links] == costs
        for arcs in routes:
            check_walk(case, arcs)


def check_walk(case: Case, arcs: list[int]) -> None:
    nodes = [case.source, *(int(case.network.head[a]) for a in arcs)]
    assert [int(case.network.tail[a]) for a in arcs] == nodes[:-1]
    assert nodes[-1] == case.target
    assert case.mask[arcs].all()
    assert len(set(nodes)) == len(nodes)


def front_of(vectors: set[tuple[float, ...]]) -> set[tuple[float, ...]]:
    def beaten(v: tuple[float, ...]) -> bool:
        return any(w != v and all(x <= y for x, y in zip(w, v, strict=True)) for w in vectors)

    return {v for v in vectors if not beaten(v)}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pareto_front_equals_brute_force(seed: int) -> None:
    case = make_case(seed)
    expected = front_of({tuple(case.weights[:, path].sum(axis=1)) for path in case.paths})
    routes = pareto_paths(case.network, case.mask, case.weights, [case.source], [case.target])
    found = [tuple(case.weights[:, arcs].sum(axis=1)) for arcs in routes]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert found == sorted(found)
    for arcs in routes:
        check_walk(case, arcs)


def test_the_random_cases_are_worth_testing() -> None:
    """Else brute force would agree on nothing: several routes, loops left out, real fronts."""
    several = loops = fronts = 0
    for case in cases():
        kept = brute_k_best(case)
        is_link = case.network.element_table == "links"
        several += len(kept) >= 4
        loops += len({tuple(a for a in path if is_link[a]) for path in case.paths}) > len(kept)
        vectors = {tuple(case.weights[:, path].sum(axis=1)) for path in case.paths}
        fronts += len(front_of(vectors)) >= 3
    assert several >= 40
    assert loops >= 15
    assert fronts >= 40


@pytest.mark.parametrize("seed", SEEDS[::5])
def test_distinct_lists_of_like_routes_the_best(seed: int) -> None:
    case = make_case(seed)
    network, weights = case.network, case.weights[0]

    def ways(distinct: str, k: int) -> list[list[int]]:
        return k_best_routes(
            network, case.mask, weights, case.source, case.target, k, distinct=distinct
        )

    every = ways("regimes", 1000)
    for distinct, like in (("links", links_of), ("hauls", hauls_of)):
        best: dict[tuple, float] = {}
        for arcs in every:
            best.setdefault(like(network, arcs), weights[arcs].sum())
        expected = {}
        for arcs in every:
            links = [a for a in arcs if network.element_table[a] == "links"]
            loops = (
                links[:i] + links[j + 1 :]
                for i in range(len(links))
                for j in range(i, len(links))
                if network.node_place[network.tail[links[i]]]
                == network.node_place[network.head[links[j]]]
            )
            mine = like(network, arcs)
            if all(best.get(like(network, other), np.inf) >= best[mine] for other in loops):
                expected.setdefault(mine, best[mine])
            elif weights[arcs].sum() == best[mine]:
                expected.setdefault(mine, np.inf)  # the best of this kind has a needless loop
        expected = {way: cost for way, cost in expected.items() if cost < np.inf}
        found = [(like(network, arcs), weights[arcs].sum()) for arcs in ways(distinct, 1000)]
        assert len(found) == len(expected)
        assert dict(found) == expected
        assert ways(distinct, 2) == ways(distinct, 1000)[:2]


def links_of(network: Network, arcs: list[int]) -> tuple:
    return tuple(
        (str(network.element_id[a]), network.arc_keys[a].split(":")[2])
        for a in arcs
        if network.element_table[a] == "links"
    )


def hauls_of(network: Network, arcs: list[int]) -> tuple:
    links = [a for a in arcs if network.element_table[a] == "links"]
    return tuple(
        (str(mode), network.node_place[network.tail[next(iter(group))]])
        for mode, group in itertools.groupby(links, key=lambda a: network.mode[a])
    )


def loop_rows() -> Rows:
    """The zone's only road leads over the junction; customs at a depot on a spur of 10 km."""
    return {
        "places": [place("zone", "zone"), place("junction"), place("depot", "dry_port"),
                   place("port", "sea_port"), place("abroad", "market", in_china=0)],
        "tariffs": [tariff("road"), tariff("sea")],
        "links": [link("a", "zone", "junction", km=50), link("spur", "junction", "depot", km=10),
                  link("b", "junction", "port", km=100), link("c", "port", "abroad", "sea", 500)],
        "transfers": [
            {"transfer_id": "g", "place_id": "zone", "from_mode": "gate", "to_mode": "road"},
            {"transfer_id": "h", "place_id": "port", "from_mode": "road", "to_mode": "sea"},
            {"transfer_id": "i", "place_id": "abroad", "from_mode": "sea", "to_mode": "gate"},
        ],
        "customs": [
            {"customs_id": "declare", "place_id": "depot", "from_regime": "domestic",
             "to_regime": "export_cleared", "cost_cny_per_teu": 30},
            {"customs_id": "exit", "place_id": "port", "from_regime": "export_cleared",
             "to_regime": "foreign"},
        ],
    }  # fmt: skip


def cheapest(network: Network, source: tuple[str, ...], target: tuple[str, ...]) -> list[str]:
    goods = Goods("g", 10, 1000)
    arcs = k_best_routes(
        network, network.available(), network.money(goods), network.node[source],  # type: ignore[index]
        network.node[target], 1,  # type: ignore[index]
    )  # fmt: skip
    return [network.arc_keys[a] for a in arcs[0]] if arcs else []


def test_a_route_may_come_back_to_a_place_in_another_regime() -> None:
    """Clearance is only at the depot: over the junction, to the depot, and back over it."""
    network = make_network(loop_rows())
    keys = cheapest(network, ("zone", "gate", "domestic"), ("abroad", "gate", "foreign"))
    handling = {"transfer", "customs:exit"}  # at the port, in either order
    assert [k for k in keys if not any(k.startswith(h) for h in handling)] == [
        "link:a:fwd:domestic",
        "link:spur:fwd:domestic",
        "customs:declare:road",
        "link:spur:rev:export_cleared",
        "link:b:fwd:export_cleared",
        "link:c:fwd:foreign",
    ]


@pytest.mark.parametrize(
    ("at_port", "by_regimes", "by_links"),
    [
        (45, [695, 700], [695]),  # the loop costs 5 more and saves nothing
        (60, [700, 710], [700, 710]),  # the loop saves 10: now the other way is the dearer one
    ],
)
def test_but_not_where_staying_would_do(
    at_port: float, by_regimes: list[float], by_links: list[float]
) -> None:
    """Zone to port by road 150 and on by sea 500. Clearance at the depot: 10 + 30 + 10."""
    data = loop_rows()
    data["customs"].append(
        {"customs_id": "at_port", "place_id": "port", "from_regime": "domestic",
         "to_regime": "export_cleared", "cost_cny_per_teu": at_port}
    )  # fmt: skip
    network = make_network(data)
    source = network.node["zone", "gate", "domestic"]
    target = network.node["abroad", "gate", "foreign"]
    money = network.money(Goods("g", 10, 1000))
    for distinct, costs in (("regimes", by_regimes), ("links", by_links)):
        routes = k_best_routes(
            network, network.available(), money, source, target, 10, distinct=distinct
        )
        assert [money[arcs].sum() for arcs in routes] == costs


def free_customs(rows: Rows, regimes: tuple[str, ...]) -> Rows:
    customs = [
        {"customs_id": f"{p['place_id']}:{a}:{b}", "place_id": p["place_id"], "from_regime": a,
         "to_regime": b}
        for p in rows["places"] if p["in_china"]
        for a, b in itertools.permutations(regimes, 2)
    ]  # fmt: skip
    return rows | {"customs": customs}


@pytest.mark.parametrize("seed", range(20))
def test_with_free_regimes_the_answer_is_that_of_the_plain_network(seed: int) -> None:
    rows = free_customs(random_rows(seed), ("foreign", "bonded", "domestic", "export_cleared"))
    network = make_network(rows)
    plain = nx.DiGraph()

    def join(u: Any, v: Any, km: float) -> None:
        old = plain.get_edge_data(u, v, {"weight": np.inf})["weight"]
        plain.add_edge(u, v, weight=min(old, km))

    for row in rows["links"]:
        ends = [(row["tail_place_id"], row["mode"]), (row["head_place_id"], row["mode"])]
        join(*ends, row["km"])
        if row["both_ways"]:
            join(*ends[::-1], row["km"])
    for row in rows["transfers"]:
        ends = [(row["place_id"], row["from_mode"]), (row["place_id"], row["to_mode"])]
        join(*ends, 0)
        if row.get("both_ways", 1):
            join(*ends[::-1], 0)
    plain.add_node(("p0", "gate"))
    distances = nx.single_source_dijkstra_path_length(plain, ("p0", "gate"))
    tree = PathFinder(network).tree(network.km, network.node["p0", "gate", "domestic"])
    for (place_id, yard, _), km in zip(network.node_keys, tree.dist, strict=True):
        assert km == distances.get((place_id, yard), np.inf)


@pytest.mark.parametrize("seed", range(20))
def test_opening_never_lengthens_and_closing_never_shortens(seed: int) -> None:
    network, mask, weights, source, _ = random_case(seed)
    before = PathFinder(network, mask).tree(weights[0], source).dist
    every = PathFinder(network).tree(weights[0], source).dist
    assert (every <= before).all()
    for element in ("l0", "p1", "rail"):
        closed = mask & network.available(closed=[element])
        assert (PathFinder(network, closed).tree(weights[0], source).dist >= before).all()


def test_duty_falls_due_on_entry_and_bonded_transit_avoids_it() -> None:
    """Port -> zone 100 km. Cleared at the port: duty 10 % of 1000. In transit: a fee of 5."""
    data: Rows = {
        "places": [place("abroad", "supplier", 0), place("port", "sea_port"), place("z", "zone")],
        "tariffs": [tariff("road"), tariff("sea")],
        "links": [link("s", "abroad", "port", "sea", 10), link("r", "port", "z", "road", 100)],
        "transfers": [
            {"transfer_id": "a", "place_id": "abroad", "from_mode": "gate", "to_mode": "sea"},
            {"transfer_id": "p", "place_id": "port", "from_mode": "sea", "to_mode": "road"},
            {"transfer_id": "z", "place_id": "z", "from_mode": "road", "to_mode": "gate"},
        ],
        "customs": [
            {"customs_id": "clear", "place_id": "port", "from_regime": "foreign",
             "to_regime": "domestic", "duty_share": 1.0},
            {"customs_id": "transit", "place_id": "port", "from_regime": "foreign",
             "to_regime": "bonded", "cost_cny_per_teu": 5},
        ],
    }  # fmt: skip
    network = make_network(data)
    goods = Goods("g", 10, 1000, duty_rate=0.1)
    tree = PathFinder(network).tree(network.money(goods), network.node["abroad", "gate", "foreign"])
    assert tree.dist[network.node["z", "gate", "domestic"]] == pytest.approx(110 + 100)
    assert tree.dist[network.node["z", "gate", "bonded"]] == pytest.approx(110 + 5)
    assert np.isinf(tree.dist[network.node["z", "gate", "foreign"]])  # nothing undeclared inland


def test_a_gauge_change_is_handling_at_the_border() -> None:
    """Rail ends at the border; broad gauge goes on only over the transhipment of 36 h."""
    data: Rows = {
        "places": [place("ty", "dry_port"), place("khorgos", "border_crossing"),
                   place("almaty", "market", 0)],
        "tariffs": [tariff("rail", 2, 40), tariff("rail_broad", 3, 50)],
        "links": [link("cn", "ty", "khorgos", "rail", 4000),
                  link("kz", "khorgos", "almaty", "rail_broad", 350)],
        "transfers": [{"transfer_id": "gauge", "place_id": "khorgos", "from_mode": "rail",
                       "to_mode": "rail_broad", "hours": 36, "cost_cny_per_teu": 600}],
        "customs": [{"customs_id": "exit", "place_id": "khorgos", "from_regime": "export_cleared",
                     "to_regime": "foreign", "hours": 6}],
    }  # fmt: skip
    network = make_network(data)
    source = network.node["ty", "rail", "export_cleared"]
    target = network.node["almaty", "rail_broad", "foreign"]
    tree = PathFinder(network).tree(network.hours, source)
    assert tree.dist[target] == pytest.approx(100 + 6 + 36 + 7)
    without = PathFinder(network, network.available(closed=["gauge"]))
    assert np.isinf(without.tree(network.hours, source).dist[target])
