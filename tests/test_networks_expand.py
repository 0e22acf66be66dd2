"""The expanded network worked out by hand: nodes, arcs, what each costs, what can be used."""

from __future__ import annotations

import math

import numpy as np
import pytest
from networks_tables import Rows, link, make_instance, make_network, place, tariff

from instances.errors import InstanceError
from networks.network import COMPONENTS, MONEY, ArcKind, Goods, Network, build_network

GOODS = Goods("phones", 8.0, 730_000.0, duty_rate=0.1, vat_rate=0.13)


def rows() -> Rows:
    """Zone --road-- port (customs), port --sea-- Busan; a block train and a closed line besides."""
    return {
        "places": [
            place("zone", "zone"),
            place("port", "sea_port", name_zh="港"),
            place("busan", "market", in_china=0),
            place("depot", "dry_port"),
        ],
        "tariffs": [
            tariff(
                "road", 6.0, 50.0, fixed_cny_per_teu=100.0, empty_return_share=0.5,
                fixed_hours=1.0, fixed_sd_hours=2.0, sd_hours_per_1000_km=10.0,
                rate_cny_per_tonne=3.0, rate_cny_per_tonne_km=0.1,
                co2e_kg_per_tonne_km=0.06, co2e_kg_per_teu_km=0.4,
            ),
            tariff("sea", 0.5, 25.0),
            tariff("rail", 2.0, 40.0),
        ],
        "services": [
            {"service_id": "train", "name": "train", "departures_per_week": 2.0,
             "capacity_teu_per_year": 500.0},
        ],
        "bottlenecks": [
            {"bottleneck_id": "berth", "name": "berth", "kind": "port",
             "capacity_teu_per_year": 100.0},
            {"bottleneck_id": "strait", "name": "strait", "kind": "line",
             "capacity_teu_per_year": 100.0},
        ],
        "links": [
            link("road1", "zone", "port", "road", 200.0, cost_factor=1.1),
            link("sea1", "port", "busan", "sea", 1000.0, cost_cny_per_teu=900.0, hours=36.0,
                 sd_hours=5.0, departures_per_week=3.5, subsidy_cny_per_teu=50.0,
                 bottleneck_id="berth; strait", corridor_id="east;yellow_sea"),
            link("train1", "depot", "port", "rail", 400.0, service_id="train", both_ways=0,
                 departures_per_week=99.0),
            link("coal", "depot", "zone", "rail", 100.0, closed=1),
            link("spur", "depot", "zone", "rail", 80.0, needs_project=1),
        ],
        "transfers": [
            {"transfer_id": "zone_gate", "place_id": "zone", "from_mode": "road",
             "to_mode": "gate", "hours": 2.0},
            {"transfer_id": "lift", "place_id": "port", "from_mode": "road", "to_mode": "sea",
             "cost_cny_per_teu": 400.0, "hours": 24.0, "sd_hours": 6.0, "co2e_kg_per_teu": 7.0,
             "bottleneck_id": "berth"},
            {"transfer_id": "one_way", "place_id": "busan", "from_mode": "sea",
             "to_mode": "gate", "both_ways": 0},
        ],
        "customs": [
            {"customs_id": "declare", "place_id": "port", "from_regime": "foreign",
             "to_regime": "domestic", "cost_cny_per_teu": 350.0, "hours": 12.0, "sd_hours": 3.0,
             "duty_share": 0.5, "vat_days": 73.0},
        ],
        "projects": [{"project_id": "spur_project", "name": "spur", "kind": "link"}],
        "project_effects": [
            {"project_id": "spur_project", "effect": "opens_link", "element_id": "spur"},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Network:
    return make_network(rows(), carrying_rate=0.1, service_factor=1.5, emission_cny_per_tonne=80.0)


def arc(network: Network, key: str) -> dict[str, float]:
    a = network.arc[key]
    costs = {name: float(v[a]) for name, v in network.components(GOODS).items()}
    return {"hours": float(network.hours[a]), "sd_hours": float(network.sd_hours[a])} | costs


def test_nodes_are_yards_in_use_and_the_gate_in_every_regime_of_the_place(
    network: Network,
) -> None:
    yards: dict[str, set[str]] = {}
    for place_id, yard, _ in network.node_keys:
        yards.setdefault(place_id, set()).add(yard)
    assert yards == {
        "zone": {"road", "rail", "gate"},
        "port": {"road", "sea", "rail", "gate"},
        "busan": {"sea", "gate"},
        "depot": {"rail", "gate"},
    }
    # 9 yards in China x 4 regimes + 2 abroad, foreign only
    assert network.n_nodes == 9 * 4 + 2
    assert {r for p, _, r in network.node_keys if p == "busan"} == {"foreign"}


def test_arc_keys_are_those_of_the_plan(network: Network) -> None:
    # road1: 2 ways x 3 regimes; sea1: 2 x foreign; train1: 1 x 3; coal: closed; spur: 2 x 3
    # zone_gate, lift: 2 ways x 4 regimes; one_way: 1 x 1; declare: 4 yards of the port
    assert network.n_arcs == 6 + 2 + 3 + 0 + 6 + 8 + 8 + 1 + 4
    assert len(network.arc) == network.n_arcs
    foreign_in_china = [
        k for k in network.arc_keys if k.startswith("link:road1") and "foreign" in k
    ]
    assert foreign_in_china == []  # nothing undeclared runs on a link inside China
    a = network.arc["link:road1:rev:bonded"]
    assert network.node_keys[network.tail[a]] == ("port", "road", "bonded")
    assert network.node_keys[network.head[a]] == ("zone", "road", "bonded")
    a = network.arc["customs:declare:gate"]
    assert network.node_keys[network.tail[a]] == ("port", "gate", "foreign")
    assert network.node_keys[network.head[a]] == ("port", "gate", "domestic")
    a = network.arc["transfer:lift:rev:export_cleared"]
    assert network.node_keys[network.tail[a]] == ("port", "sea", "export_cleared")
    assert "transfer:one_way:rev:foreign" not in network.arc


def test_kinds_and_modes(network: Network) -> None:
    def kind(key: str) -> tuple[str, str]:
        return str(network.kind[network.arc[key]]), str(network.mode[network.arc[key]])

    assert kind("link:road1:fwd:domestic") == (ArcKind.ACCESS, "road")  # a road to a zone
    assert kind("link:sea1:fwd:foreign") == (ArcKind.LINE_HAUL, "sea")
    assert kind("link:spur:fwd:bonded") == (ArcKind.LINE_HAUL, "rail")  # rail is never access
    assert kind("transfer:zone_gate:rev:bonded") == (ArcKind.ACCESS, "gate>road")
    assert kind("transfer:lift:fwd:foreign") == (ArcKind.TRANSFER, "road>sea")
    assert kind("customs:declare:sea") == (ArcKind.CUSTOMS, "sea")


def test_a_tariff_link_by_hand(network: Network) -> None:
    """200 km: money 1.1 x (100 + 6 x 200) x 1.5 per TEU and 1.1 x (3 + 0.1 x 200) per tonne."""
    got = arc(network, "link:road1:fwd:domestic")
    freight = 1.1 * 1300 * 1.5 + 1.1 * 23 * 8
    kg = 0.4 * 200 + 0.06 * 200 * 8
    assert got["freight"] == pytest.approx(freight)
    assert got["hours"] == pytest.approx(1 + 200 / 50)
    assert got["sd_hours"] == pytest.approx(2 + 10 * 0.2)
    assert got["inventory"] == pytest.approx(0.1 * 730_000 * 5 / 8760)
    assert got["reliability"] == pytest.approx(1.5 * 0.1 * 730_000 * 4 / 8760)
    assert got["emission"] == pytest.approx(80 * kg / 1000)
    assert got["handling"] == got["declaration"] == got["duty"] == got["vat_financing"] == 0


def test_a_quoted_link_waits_for_its_departure(network: Network) -> None:
    """3.5 a week: headway 48 h, wait 24 h; its spread 48 / sqrt(12) adds in squares."""
    got = arc(network, "link:sea1:fwd:foreign")
    assert got["freight"] == 900.0  # the quote; money per tonne is 0 then
    assert got["hours"] == pytest.approx(36 + 24)
    assert got["sd_hours"] == pytest.approx(math.hypot(5, 48 / math.sqrt(12)))
    assert got["subsidy"] == -50.0
    # a service's departures go before the link's own: 2 a week, wait 42 h
    train = arc(network, "link:train1:fwd:bonded")
    assert train["hours"] == pytest.approx(400 / 40 + 42)


def test_handling_and_customs_by_hand(network: Network) -> None:
    got = arc(network, "transfer:lift:fwd:foreign")
    assert (got["handling"], got["freight"]) == (400.0, 0.0)
    assert got["emission"] == pytest.approx(80 * 7 / 1000)
    got = arc(network, "customs:declare:sea")
    assert got["declaration"] == 350.0
    assert got["duty"] == pytest.approx(0.5 * 0.1 * 730_000)
    assert got["vat_financing"] == pytest.approx(73 / 365 * 0.1 * 0.13 * 1.1 * 730_000)


def test_money_and_generalised_cost_are_sums_of_their_components(network: Network) -> None:
    parts = network.components(GOODS)
    assert tuple(parts) == COMPONENTS
    np.testing.assert_allclose(network.money(GOODS), sum(parts[c] for c in MONEY))
    np.testing.assert_allclose(network.generalised_cost(GOODS), sum(parts.values()))


def test_bottlenecks_count_once_per_arc_that_names_them(network: Network) -> None:
    uses = network.bottlenecks.toarray()
    assert uses[network.arc["link:sea1:fwd:foreign"]].tolist() == [1, 1]
    assert uses[network.arc["transfer:lift:fwd:foreign"]].tolist() == [1, 0]
    assert uses[network.arc["customs:declare:sea"]].tolist() == [0, 0]
    assert uses.sum() == 2 * 2 + 8


def usable(network: Network, key: str, **choices: object) -> bool:
    return bool(network.available(**choices)[network.arc[key]])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("closed", "lost"),
    [
        ("busan", {"sea1", "one_way"}),  # a place: its links and all inside it
        ("road1", {"road1"}),
        ("lift", {"lift"}),
        ("declare", {"declare"}),
        ("yellow_sea", {"sea1"}),
        ("strait", {"sea1"}),
        ("berth", {"sea1", "lift"}),
        ("train", {"train1"}),
        ("road", {"road1"}),  # a mode closes its links, not the handling
        ("coal", set()),
    ],
)
def test_what_a_closure_closes(network: Network, closed: str, lost: set[str]) -> None:
    before = network.available(projects="all", services="all")
    after = network.available(projects="all", services="all", closed=[closed])
    assert set(network.element_id[before & ~after]) == lost
    assert not (after & ~before).any()
    whole = np.isin(network.element_id, list(lost))
    assert not (after & whole).any()


def test_an_unknown_closure_names_the_nearest(network: Network) -> None:
    with pytest.raises(InstanceError, match=r"'yelow_sea'.*Nearest: yellow_sea"):
        network.available(closed=["yelow_sea"])


def test_projects_and_services_open_arcs(network: Network) -> None:
    assert not usable(network, "link:spur:fwd:bonded")
    assert usable(network, "link:spur:fwd:bonded", projects=["spur_project"])
    assert not usable(network, "link:train1:fwd:bonded")
    assert usable(network, "link:train1:fwd:bonded", services="all")
    assert usable(network, "link:train1:fwd:bonded", services=["train"])
    with pytest.raises(InstanceError, match="project 'spur' is unknown"):
        network.available(projects=["spur"])
    with pytest.raises(InstanceError, match="service 'tram' is unknown"):
        network.available(services=["tram"])


def test_a_service_that_a_project_opens_waits_for_the_project() -> None:
    data = rows()
    data["project_effects"].append(
        {"project_id": "spur_project", "effect": "opens_service", "element_id": "train"}
    )
    network = make_network(data)
    key = "link:train1:fwd:bonded"
    assert not usable(network, key, services="all")
    assert not usable(network, key, services=["train"])
    assert usable(network, key, projects=["spur_project"])


def test_the_multidigraph_has_an_edge_per_arc_with_its_numbers(network: Network) -> None:
    graph = network.to_multidigraph()
    assert graph.number_of_edges() == network.n_arcs
    assert graph.number_of_nodes() == network.n_nodes
    tail, head = ("port", "sea", "foreign"), ("busan", "sea", "foreign")
    edge = graph.edges[tail, head, "link:sea1:fwd:foreign"]
    assert (edge["km"], edge["mode"], edge["bottleneck_id"]) == (1000.0, "sea", "berth;strait")
    assert graph.nodes[tail]["name_zh"] == "港"


def test_bad_numbers_and_rows_stop_the_build() -> None:
    data = rows()
    data["links"][0]["km"] = math.nan
    with pytest.raises(InstanceError, match="links 'road1': km is nan"):
        make_network(data)
    data = rows()
    data["links"][0]["head_place_id"] = "nowhere"
    with pytest.raises(InstanceError, match="head_place_id 'nowhere'"):
        make_network(data)
    data = rows()
    data["customs"][0]["place_id"] = "busan"
    with pytest.raises(InstanceError, match=r"'declare'.*outside China"):
        make_network(data)
    data = rows()
    data["links"].append(data["links"][0])
    with pytest.raises(InstanceError, match="link:road1:fwd:bonded"):
        make_network(data)
    with pytest.raises(InstanceError, match="value_cny_per_teu"):
        Goods("bad", 1.0, math.nan)


def test_equal_tables_give_equal_networks() -> None:
    one, two = build_network(make_instance(rows())), build_network(make_instance(rows()))
    assert one.arc_keys == two.arc_keys
    assert one.node_keys == two.node_keys
    np.testing.assert_array_equal(one.hours, two.hours)
