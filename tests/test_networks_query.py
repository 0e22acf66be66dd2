"""The route query: names, goods, totals, closures, and why no route is left."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from networks_tables import Rows, link, make_instance, make_network, place, tariff

from instances.errors import InstanceError
from networks.blocked import smallest_set
from networks.cargo import find_goods
from networks.network import Goods, Network
from networks.routes import NoRouteError, find_routes


def rows() -> Rows:
    """Taiyuan to Duisburg by rail over two crossings, or by sea; a coal line and two projects."""
    customs = [
        {"customs_id": f"{p}_exit", "place_id": p, "from_regime": "export_cleared",
         "to_regime": "foreign", "cost_cny_per_teu": 100, "hours": 4, "source": "tariff book",
         "grade": "reported"}
        for p in ("khorgos", "erenhot", "tianjin")
    ]  # fmt: skip
    return {
        "places": [
            place("taiyuan_dp", "dry_port", name="Taiyuan dry port", name_zh="太原中鼎"),
            place("taiyuan", "junction", name="Taiyuan", name_zh="太原"),
            place("datong", "zone", name="Datong zone", name_zh="大同"),
            place("khorgos", "border_crossing", name="Khorgos", name_zh="霍尔果斯"),
            place("erenhot", "border_crossing", name="Erenhot", name_zh="二连浩特"),
            place("tianjin", "sea_port", name="Tianjin", name_zh="天津"),
            place("duisburg", "market", 0, name="Duisburg", name_zh="杜伊斯堡"),
            place("island", "market", 0, name="Island", name_zh=""),
        ],
        "tariffs": [tariff("road", 6, 50), tariff("rail", 2, 40), tariff("sea", 0.4, 20)],
        "services": [{"service_id": "express", "name": "Express", "departures_per_week": 7,
                      "runs_today": 0}],
        "links": [
            link("w", "taiyuan_dp", "khorgos", "rail", 3800, corridor_id="west"),
            link("w2", "khorgos", "duisburg", "rail", 6500, corridor_id="west"),
            link("c", "taiyuan_dp", "erenhot", "rail", 800, corridor_id="centre"),
            link("c2", "erenhot", "duisburg", "rail", 8500, corridor_id="centre"),
            link("t", "taiyuan_dp", "tianjin", "rail", 600),
            link("s", "tianjin", "duisburg", "sea", 20000),
            link("coal", "datong", "tianjin", "rail", 500, closed=1),
            link("siding", "datong", "taiyuan_dp", "rail", 300, needs_project=1),
            link("ferry", "tianjin", "island", "sea", 900, service_id="express"),
        ],
        "transfers": [
            {"transfer_id": "dp", "place_id": "taiyuan_dp", "from_mode": "gate",
             "to_mode": "rail", "cost_cny_per_teu": 300, "hours": 10, "sd_hours": 2},
            {"transfer_id": "dt", "place_id": "datong", "from_mode": "gate", "to_mode": "rail"},
            {"transfer_id": "tj", "place_id": "tianjin", "from_mode": "rail", "to_mode": "sea",
             "cost_cny_per_teu": 500, "hours": 30},
        ],
        "customs": [
            *customs,
            {"customs_id": "ty_declare", "place_id": "taiyuan_dp", "from_regime": "domestic",
             "to_regime": "export_cleared", "cost_cny_per_teu": 400, "hours": 8},
        ],
        "industries": [
            {"industry_id": "phones", "name": "Phones", "name_zh": "手机",
             "output_value_cny_per_teu": 3e6, "output_tonnes_per_teu": 6, "vat_rate": 0.13,
             "output_duty_rate": 0.02},
        ],
        "inputs": [
            {"industry_id": "phones", "input_id": "chips", "region_id": r,
             "value_cny_per_teu": v, "tonnes_per_teu": 2, "duty_rate": d}
            for r, v, d in (("korea", 9e6, 0.0), ("japan", 8e6, 0.01))
        ],
        "projects": [{"project_id": "rail_siding", "name": "Siding"}],
        "project_effects": [{"project_id": "rail_siding", "effect": "opens_link",
                             "element_id": "siding"}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Network:
    return make_network(rows(), carrying_rate=0.08, service_factor=1.0, emission_cny_per_tonne=50)


def test_the_best_route_by_hand(network: Network) -> None:
    """Erenhot: 300 + 400 + 2 x 9300 + 100 = 19 400; Tianjin: 300 + 400 + 1200 + 600 + 8000."""
    answer = find_routes(network, "太原中鼎", "Duisburg", goods=Goods("g", 10, 0), k=3, by="cost")
    assert [r.cost_cny_per_teu for r in answer.routes] == pytest.approx([10_500, 19_400, 21_400])
    assert answer.best.hours == pytest.approx(10 + 8 + 15 + 30 + 4 + 1000)
    assert answer.best.km == 20_600
    modes = [leg.mode for leg in answer.best.legs if leg.arc_key.startswith("link")]
    assert modes == ["rail", "sea"]
    assert answer.start.regime == "domestic"
    assert answer.end.regime == "foreign"
    assert (answer.start.at_gate, answer.end.at_gate) == (True, False)
    exit_leg = next(leg for leg in answer.best.legs if leg.arc_key.startswith("customs:tianjin"))
    assert (exit_leg.source, exit_leg.grade) == ("tariff book", "reported")
    assert (exit_leg.from_regime, exit_leg.regime) == ("export_cleared", "foreign")
    fastest = find_routes(network, "taiyuan_dp", "duisburg", by="hours").best
    assert "erenhot" in {leg.to_id for leg in fastest.legs}


@pytest.mark.parametrize("options", [{"k": 5}, {"pareto": True}, {"k": 2, "by": "hours"}])
def test_totals_are_sums_of_legs_and_legs_join(network: Network, options: dict) -> None:
    answer = find_routes(network, "taiyuan_dp", "duisburg", goods="phones", **options)
    raw = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert len(raw["routes"]) >= 2
    for route in raw["routes"]:
        for name in ("cost_cny_per_teu", "generalised_cost_cny_per_teu", "hours", "sd_hours",
                     "co2e_kg_per_teu", "km"):  # fmt: skip
            assert route[name] == pytest.approx(sum(leg[name] for leg in route["legs"]))
        assert route["legs"][0]["from"] == "taiyuan_dp"
        assert route["legs"][-1]["to"] == "duisburg"
        for one, two in itertools.pairwise(route["legs"]):
            assert (one["to"], one["regime"]) == (two["from"], two["from_regime"])


def test_the_front_holds_the_best_by_each_criterion(network: Network) -> None:
    answer = find_routes(network, "taiyuan_dp", "duisburg", goods="phones", pareto=True)
    for by, name in (("cost", "cost_cny_per_teu"), ("hours", "hours"), ("co2", "co2e_kg_per_teu")):
        best = find_routes(network, "taiyuan_dp", "duisburg", goods="phones", by=by).best
        least = min(getattr(r, name) for r in answer.routes)
        assert least == pytest.approx(getattr(best, name))


def test_names_are_found_and_misspelt_ones_suggested(network: Network) -> None:
    for word in ("khorgos", "KHORGOS", "霍尔果斯", "Khor", "霍尔"):
        assert find_routes(network, word, "Duisburg", from_regime="foreign").start.place_id == (
            "khorgos"
        )
    with pytest.raises(InstanceError, match=r"place 'Khorgas' is unknown\. Nearest: .*Khorgos"):
        find_routes(network, "Khorgas", "Duisburg")
    with pytest.raises(InstanceError, match=r"ambiguous.*datong.*duisburg"):
        find_routes(network, "D", "Tianjin")
    answer = find_routes(network, "太", "Duisburg")  # a junction and a dry port begin with it
    assert answer.start.place_id == "taiyuan_dp"
    assert "junction taiyuan" in answer.notes[0]
    with pytest.raises(InstanceError, match="outside China"):
        find_routes(network, "taiyuan_dp", "duisburg", to_regime="bonded")


def test_goods_in_words(network: Network) -> None:
    tables = network.tables
    assert find_goods(tables, "手机") == Goods("phones", 6, 3e6, 0.02, 0.13)
    assert find_goods(tables, "out:phones:europe:duisburg").value_cny_per_teu == 3e6
    assert find_goods(tables, "phones:chips:japan") == Goods(
        "phones:chips:japan", 2, 8e6, 0.01, 0.13
    )
    assert find_goods(tables, "in:phones:chips:korea:busan").value_cny_per_teu == 9e6
    assert find_goods(tables, None, 1234.0, 7.0).value_cny_per_teu == 1234.0
    for words, fault in (
        ("phones:chips", "differs by region"),
        ("phones:chips:china", "buys no chips"),
        ("phones:chip", "Nearest: chips"),
        ("phonse", "Nearest: Phones"),
    ):
        with pytest.raises(InstanceError, match=fault):
            find_goods(tables, words)


def test_closures_are_kept_and_a_smallest_set_is_named(network: Network) -> None:
    answer = find_routes(network, "taiyuan_dp", "duisburg", closed=["天津"], by="cost")
    assert answer.closed == ("tianjin",)
    assert "erenhot" in {leg.to_id for leg in answer.best.legs}
    closed = ["tianjin", "west", "erenhot", "datong", "road"]
    answer = find_routes(network, "taiyuan_dp", "duisburg", closed=closed)
    assert answer.routes == ()
    assert set(answer.blocked_by) == {"tianjin", "west", "erenhot"}
    with pytest.raises(NoRouteError, match="tianjin, west, erenhot"):
        _ = answer.best
    closed = ["w", "c", "t", "dp", "s"]  # handling at the start alone suffices
    answer = find_routes(network, "taiyuan_dp", "duisburg", closed=closed)
    assert answer.blocked_by == ("dp",)
    with pytest.raises(InstanceError, match=r"'Tai' is ambiguous.*taiyuan_dp"):
        find_routes(network, "taiyuan_dp", "duisburg", closed=["Tai"])
    with pytest.raises(InstanceError, match="'Erenhott' is unknown"):
        find_routes(network, "taiyuan_dp", "duisburg", closed=["Erenhott"])


def test_what_would_open_a_route_is_named(network: Network) -> None:
    """Datong is joined by nothing: the coal line to Tianjin would do (clearance in Taiyuan and
    back), or the siding; with the line to Tianjin closed only the siding."""
    answer = find_routes(network, "datong", "duisburg")
    assert [str(o) for o in answer.opened_by or ()] in (["link coal"], ["project rail_siding"])
    answer = find_routes(network, "datong", "duisburg", closed=["t"])
    assert [str(o) for o in answer.opened_by or ()] == ["project rail_siding"]
    assert answer.blocked_by == ()
    assert find_routes(network, "datong", "duisburg", projects=["rail_siding"]).routes
    answer = find_routes(network, "datong", "tianjin", closed=["taiyuan_dp"])
    assert [str(o) for o in answer.opened_by or ()] == ["link coal"]
    assert "while the closures asked for stay" in answer.reason
    answer = find_routes(network, "datong", "island", closed=["coal"])
    assert {str(o) for o in answer.opened_by or ()} == {"project rail_siding", "service express"}
    answer = find_routes(network, "taiyuan", "duisburg")
    assert answer.opened_by is None
    assert "No closed link, project or service would open one" in answer.reason
    assert answer.to_dict()["opened_by"] is None


def test_smallest_sets_equal_enumeration() -> None:
    rng = np.random.default_rng(0)
    elements = list("abcdef")
    for _ in range(60):
        sure = [set(rng.choice(elements, int(rng.integers(1, 5)))) for _ in range(4)]

        def passes(chosen: frozenset[str], sure: list[set[str]] = sure) -> bool:
            return any(s <= chosen for s in sure)

        sizes = [
            len(c) for n in range(7) for c in itertools.combinations(elements, n)
            if passes(frozenset(c))
        ]  # fmt: skip
        found = smallest_set(elements, passes)
        assert found is not None
        assert passes(frozenset(found))
        assert len(found) == min(sizes)
    assert smallest_set(elements, lambda chosen: False) is None
    assert smallest_set(elements, lambda chosen: True) == ()


def test_an_instance_is_as_good_as_its_network(network: Network) -> None:
    instance = make_instance(
        rows(), carrying_rate=0.08, service_factor=1.0, emission_cny_per_tonne=50
    )
    one = find_routes(instance, "taiyuan_dp", "duisburg", k=3)
    assert one.to_dict() == find_routes(network, "taiyuan_dp", "duisburg", k=3).to_dict()


def test_a_route_to_itself_has_no_legs(network: Network) -> None:
    for options in ({}, {"pareto": True}):
        answer = find_routes(network, "taiyuan_dp", "taiyuan_dp", **options)
        assert [r.legs for r in answer.routes] == [()]
        assert answer.best.cost_cny_per_teu == 0


def test_a_subsidy_above_the_cost_is_refused() -> None:
    data = rows()
    data["links"][4]["subsidy_cny_per_teu"] = 5000
    with pytest.raises(InstanceError, match=r"link:t:.*subsidy exceeds"):
        find_routes(make_network(data), "taiyuan_dp", "duisburg", by="cost")


def test_a_part_of_a_name_will_do_and_a_junction_is_pointed_out(network: Network) -> None:
    assert find_routes(network, "中鼎", "Duisburg").start.place_id == "taiyuan_dp"
    answer = find_routes(network, "Taiyuan", "Tianjin")  # the exact name of the junction
    assert answer.start.place_id == "taiyuan"
    assert answer.notes == ("'Taiyuan' is read as junction taiyuan, not as taiyuan_dp",)
    assert find_routes(network, "taiyuan", "Tianjin").notes == ()  # an id needs no note
