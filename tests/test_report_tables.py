"""The tables of a plan: their numbers are the plan's, and each can be traced and re-added."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_case import MOVED, RUN_INFO, report_instance, report_network, report_plan

from instances.schema import TABLE
from optimizer.plan.plan import Plan
from optimizer.report.facts import Facts
from optimizer.report.goods_flows import courses
from optimizer.report.legs import COMPONENTS, parse_goods
from optimizer.report.names import shortened
from optimizer.report.numbers import million, percent, shown
from optimizer.report.tables import plan_tables


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return tables_of(report_plan())


def tables_of(plan: Plan) -> dict[str, pd.DataFrame]:
    return plan_tables(report_instance(), plan, run_info=RUN_INFO, network=report_network())


def figure(tables: dict[str, pd.DataFrame], key: str) -> float:
    return float(tables["summary"].set_index("key")["value"][key])


def test_accounts_and_components_sum_to_the_cost(tables) -> None:
    cost = report_plan().cost_mcny
    assert tables["accounts"]["mcny"].sum() == pytest.approx(cost, rel=1e-12)
    parts = tables["components"]
    assert parts["total_mcny"].sum() == pytest.approx(cost, rel=1e-12)
    assert parts["cost_share"].sum() == pytest.approx(1)
    by_host = parts[["moved_mcny", "rival_mcny", "stayed_mcny", "common_mcny"]].sum()
    assert by_host.sum() == pytest.approx(cost, rel=1e-12)
    assert by_host["common_mcny"] == pytest.approx(12.4 + 6.0)  # a project and a service


def test_the_zones_take_what_was_moved(tables) -> None:
    siting = tables["siting"].set_index("zone_id")
    assert siting.loc["tanghuai", "absorbed_mcny"] == pytest.approx(MOVED["tanghuai"] + 1200)
    assert siting.loc["wusu", "bonded_zone_mcny"] == pytest.approx(MOVED["wusu"])
    assert siting.loc["linfen", "absorbed_mcny"] == 0  # open, but takes nothing
    assert math.isnan(siting.loc["linfen", "cost_per_output_share"])
    assert siting["absorbed_mcny"].sum() == pytest.approx(sum(MOVED.values()) + 1200)
    assert siting["absorbed_mcny"].is_monotonic_decreasing
    forms = siting[
        [c for c in siting if c in ("bonded_zone_mcny", "handbook_mcny", "general_mcny")]
    ]
    assert np.allclose(forms.sum(axis=1), siting["absorbed_mcny"])
    assert siting.loc["xiaohe", "modules"] == "5 × Standard factory block"
    assert siting.loc["tanghuai", "zone_zh"] == "唐槐产业园区"
    # electronics needs 0.9, equipment 1.2 workers per million CNY
    assert siting.loc["tanghuai", "jobs_persons"] == pytest.approx(9000 * 0.9 + 1200 * 1.2)
    cost = report_plan().accounts
    tanghuai = sum(a.mcny for a in cost if a.host_kind == "zone" and a.host_id == "tanghuai")
    assert siting.loc["tanghuai", "cost_mcny"] == pytest.approx(tanghuai)


def test_every_million_is_moved_or_won_or_stays(tables) -> None:
    frame = tables["industries"]
    placed = frame["moved_mcny"] + frame["rival_mcny"] + frame["stayed_mcny"]
    assert np.allclose(placed, frame["relocatable_mcny"])
    shares = [figure(tables, f"{k}_share") for k in ("absorbed", "rival", "stayed")]
    assert sum(shares) == pytest.approx(1)
    assert tables["moves"]["output_mcny"].sum() == pytest.approx(figure(tables, "absorbed"))
    assert tables["rivals"]["output_mcny"].sum() == pytest.approx(3500)
    assert tables["stays"]["output_mcny"].sum() == pytest.approx(figure(tables, "stayed"))
    first = tables["moves"].iloc[0]
    assert (first["zone"], first["form_zh"]) == ("Tanghuai Park", "加工贸易手册")
    assert first["block_share"] == pytest.approx(9000 / 22000)


def test_legs_add_up_to_flows_routes_arcs_and_accounts(tables) -> None:
    legs, flows, arcs = tables["legs"], tables["flows"], tables["arcs"]
    per_teu = legs[[f"{c}_cny_per_teu" for c in COMPONENTS]].sum(axis=1)
    assert np.allclose(per_teu, legs["generalised_cny_per_teu"])
    by_flow = legs.groupby("flow")["generalised_mcny"].sum().reindex(flows["flow"], fill_value=0)
    assert np.allclose(by_flow.to_numpy(), flows["generalised_mcny"])
    assert arcs["generalised_mcny"].sum() == pytest.approx(legs["generalised_mcny"].sum())
    zones = flows[(flows["host_kind"] == "zone") & (flows["legs_count"] > 0)]
    routes = tables["routes"]
    assert routes["teu"].sum() == pytest.approx(zones["teu"].sum())
    assert routes["generalised_mcny"].sum() == pytest.approx(zones["generalised_mcny"].sum())
    assert routes["teu_share"].sum() == pytest.approx(1)
    components = tables["components"].set_index("component")["total_mcny"]
    for name in ("freight", "handling", "declaration", "inventory", "reliability", "emission"):
        legs_of = (legs[f"{name}_cny_per_teu"] * legs["teu"]).sum() / 1e6
        assert legs_of == pytest.approx(components[name], rel=1e-9), name


def test_each_leg_names_its_row_source_and_grade(tables) -> None:
    legs = tables["legs"]
    keys = {
        t: set(report_instance().tables[t][TABLE[t].key[0]])
        for t in ("links", "transfers", "customs")
    }
    assert all(row in keys[t] for t, row in zip(legs["table"], legs["row_id"], strict=True))
    assert set(legs["grade"]) <= {"reported", "derived", "assumed"}
    assert (legs["source"] != "").all()
    chain = legs[legs["flow"] == 0]
    assert list(chain["leg"]) == list(range(1, len(chain) + 1))
    assert (chain["to_id"].iloc[:-1].to_numpy() == chain["from_id"].iloc[1:].to_numpy()).all()
    assert (chain["from_id"].iloc[0], chain["to_id"].iloc[-1]) == ("busan", "tanghuai")
    # A quoted link has no tariff behind it, another one has.
    links = legs[legs["table"] == "links"].drop_duplicates("row_id").set_index("row_id")
    assert links.loc["tianjin-rotterdam-sea", "tariff_id"] == ""
    assert links.loc["zhongding-tianjin-rail", ["tariff_id", "tariff_grade"]].tolist() == [
        "rail",
        "assumed",
    ]


def test_the_gateway_is_the_place_in_china_at_the_border() -> None:
    facts = Facts(report_instance(), report_plan(), report_network())
    inside = facts.places
    found = set()
    for flow, course in zip(report_plan().flows, courses(facts), strict=True):
        far = parse_goods(flow.goods).place_id
        host = flow.host_id.removeprefix("o-")
        if flow.arcs and (inside[far]["in_china"] == 1) == (inside[host]["in_china"] == 1):
            assert course.gateway_id == "" or inside[host]["in_china"] == 0
        elif flow.arcs:
            assert inside[course.gateway_id]["in_china"] == 1
            found.add(course.gateway_id)
    assert {"tianjin", "khorgos", "yantian"} <= found


def test_pools_by_hand(tables) -> None:
    """Taiyuan's zones take 18,500: 60 m2 and 0.8 persons per million CNY."""
    pools = tables["pools"].set_index("pool_id")
    floor, staff = pools.loc["floor_taiyuan"], pools.loc["staff_taiyuan"]
    taken = 10_200 + 5_200 + 3_100
    assert floor["use"] == pytest.approx(taken * 60)
    assert floor["supply"] == pytest.approx(900_000 + 5 * 50_000)
    assert floor["use_share"] == pytest.approx(taken * 60 / 1_150_000)
    assert floor["price_cny_per_unit"] == pytest.approx(300)
    assert not floor["binding"]
    assert staff["use"] == pytest.approx(taken * 0.8)
    assert (staff["bought"], staff["supply"]) == (1200, 21_200)
    assert math.isnan(staff["price_cny_per_unit"])


def test_bottlenecks_count_the_zones_goods_once_per_arc(tables) -> None:
    named: dict[str, float] = {}
    of = {}
    for kind in ("link", "transfer"):
        rows = report_instance().tables[f"{kind}s"]
        ids = zip(rows[f"{kind}_id"], rows["bottleneck_id"], strict=True)
        of |= {(kind, row): bottleneck for row, bottleneck in ids}
    for flow in report_plan().flows:
        for arc in flow.arcs if flow.host_kind == "zone" else ():
            kind, rest = arc.split(":", 1)
            bottleneck = of.get((kind, rest.rsplit(":", 2)[0]), "")
            if bottleneck:
                named[bottleneck] = named.get(bottleneck, 0.0) + flow.teu
    table = tables["bottlenecks"].set_index("bottleneck_id")
    assert named
    for bottleneck, teu in named.items():
        assert table.loc[bottleneck, "use_teu"] == pytest.approx(teu)
    assert table.loc["zhongding_lifts", "added_teu"] == 50_000  # by the project that is built
    share = named["zhongding_lifts"] / 300_000
    assert table.loc["zhongding_lifts", "use_share"] == pytest.approx(share)
    assert table.loc["shitai", "price_cny_per_teu"] == pytest.approx(400)
    assert table.loc["khorgos_cranes", "use_share"] == 0  # no limit
    assert table["use_share"].is_monotonic_decreasing


def test_rules_by_hand(tables) -> None:
    rules = tables["rules"].set_index("rule_id")
    assert rules.loc["at_most", ["use", "limit", "slack"]].tolist() == [7, 7, 0]
    assert rules.loc["at_most", "binding"]
    assert rules.loc["south", "use"] == pytest.approx(1800 / 26_000)
    assert rules.loc["south", "slack"] == pytest.approx(1800 / 26_000 - 0.05)
    assert rules.loc["chem_parks", "use"] == 0
    # 7 new zones at 40, 5 modules at 150, one project at 120
    assert rules.loc["money", "use"] == pytest.approx(7 * 40 + 5 * 150 + 120)
    assert math.isnan(rules.loc["money", "slack"])  # switched off
    assert figure(tables, "capital") == pytest.approx(1150)


def test_services_and_projects(tables) -> None:
    services = tables["services"].set_index("service_id")
    assert services.loc["west_train", ["runs", "runs_today"]].tolist() == [True, False]
    assert services.loc["west_train", "cost_mcny"] == 6.0
    assert services.loc["north_train", ["runs", "cost_mcny"]].tolist() == [True, 0.0]
    projects = tables["projects"].set_index("project_id")
    assert projects["built"].to_dict() == {"lifts": True, "second_cbz": False}
    assert projects.loc["lifts", "cost_mcny"] == 12.4


def test_what_rests_on_assumed_rows(tables) -> None:
    assumed = tables["assumed"].set_index("table")
    assert assumed.index[0] == "all"
    assert figure(tables, "on_assumed_share") == assumed.loc["all", "on_assumed_share"]
    # All industries are assumed, so all labour of the plan rests on assumed industry rows.
    labour = tables["accounts"].query("component == 'labour'")["mcny"].sum()
    assert assumed.loc["industries", "on_assumed_mcny"] > labour
    assert assumed.loc["industries", ["rows_used", "assumed_rows"]].tolist() == [4, 4]
    assert (assumed["on_assumed_share"] <= assumed.loc["all", "on_assumed_share"] + 1e-12).all()
    evidence = tables["evidence"]
    modules = evidence[evidence["table"] == "modules"]
    assert modules["row_id"].tolist() == ["block_xiaohe"]
    assert modules["resting_mcny"].tolist() == pytest.approx([39.2])


def test_an_instance_without_assumed_rows_rests_on_none() -> None:
    instance = report_instance()
    frames = {n: f.assign(grade="reported") for n, f in instance.tables.items() if "grade" in f}
    better = instance.replace(**{n: f for n, f in frames.items() if len(f)})
    plan = replace(report_plan(), instance_hash=better.hash)
    tables = plan_tables(better, plan)
    assert figure(tables, "on_assumed_share") == 0
    assert len(tables["assumed"]) > 5


def test_all_checks_hold(tables) -> None:
    assert tables["checks"]["ok"].all(), tables["checks"]


def _more_moved(plan: Plan) -> Plan:
    first = replace(plan.moves[0], output_mcny=plan.moves[0].output_mcny + 100)
    return replace(plan, moves=(first, *plan.moves[1:]))


def _dearer(plan: Plan) -> Plan:
    first = replace(plan.accounts[0], mcny=plan.accounts[0].mcny + 1)
    return replace(plan, accounts=(first, *plan.accounts[1:]))


def _fewer_goods(plan: Plan) -> Plan:
    at = next(n for n, f in enumerate(plan.flows) if f.arcs)
    flows = list(plan.flows)
    flows[at] = replace(flows[at], teu=flows[at].teu * 0.9)
    return replace(plan, flows=tuple(flows))


TAMPERED = {
    "output_is_placed": _more_moved,
    "accounts_sum_to_cost": _dearer,
    "legs_sum_to_accounts:freight": _fewer_goods,
    "objective_is_cost": lambda plan: replace(plan, objective=plan.objective - 5),
    "within:pools": lambda plan: replace(plan, modules=()),
    "within:rules": lambda plan: replace(plan, open_zones=(*plan.open_zones, "chem")),
}


@pytest.mark.parametrize("check", TAMPERED)
def test_a_plan_whose_numbers_do_not_agree_is_shown_as_such(check: str) -> None:
    checks = tables_of(TAMPERED[check](report_plan()))["checks"].set_index("check")
    assert not checks.loc[check, "ok"]


def test_a_plan_of_another_instance_is_refused() -> None:
    plan = report_plan()
    flow = replace(plan.flows[0], arcs=("link:moon-mars-sea:fwd:foreign",))
    with pytest.raises(ValueError, match=r"moon-mars-sea.*another instance"):
        tables_of(replace(plan, flows=(flow,)))
    flow = replace(plan.flows[0], goods="chips")
    with pytest.raises(ValueError, match="not a goods key"):
        tables_of(replace(plan, flows=(flow,)))


def test_a_plan_in_which_nothing_moves_has_all_its_tables() -> None:
    plan = report_plan()
    blocks = report_instance().tables["blocks"]
    names = ("origin_id", "industry_id", "volume_mcny_per_year")
    columns = zip(*(blocks[name] for name in names), strict=True)
    still = replace(
        plan, moves=(), rivals=(), flows=(), accounts=(), hosts=(), open_zones=(), modules=(),
        increments=(), projects=(), services=(), stays=tuple(columns), cost_mcny=0.0, objective=0.0,
    )  # fmt: skip
    tables = tables_of(still)
    assert figure(tables, "absorbed") == 0
    assert figure(tables, "stayed_share") == 1
    assert math.isnan(figure(tables, "on_assumed_share"))  # of no cost there is no share
    assert [len(tables[n]) for n in ("siting", "moves", "routes", "legs")] == [0, 0, 0, 0]
    full = tables_of(plan)
    for name, frame in tables.items():
        missing = set(full[name].columns) - set(frame.columns)
        assert {m for m in missing if not m.endswith("_mcny")} == set(), name


def test_a_solved_plan_is_reported_as_it_was_worked_by_hand() -> None:
    """The hand-worked optimum of dry_port: 9.502, 90 TEU by rail and 60 by the bypass."""
    from optimizer import solve

    result = solve("dry_port")
    tables = plan_tables(result.instance, result.plan)
    assert tables["checks"]["ok"].all(), tables["checks"]
    assert figure(tables, "cost") == pytest.approx(9.502)
    assert figure(tables, "stay_cost") == pytest.approx(10.98)
    siting = tables["siting"].set_index("zone_id")["absorbed_mcny"]
    assert sorted(siting) == pytest.approx([40, 60])
    assert tables["bottlenecks"]["use_teu"].tolist() == pytest.approx([90])
    assert tables["bottlenecks"]["binding"].tolist() == [True]
    assert tables["services"]["use_teu"].tolist() == pytest.approx([90])
    assert tables["projects"].set_index("project_id")["built"].sum() == 1


def test_provenance_names_instance_question_solver_and_sources(tables) -> None:
    rows = {(g, k): v for g, k, v in tables["provenance"].itertuples(index=False)}
    assert rows["instance", "hash"] == report_instance().hash
    assert rows["run", "solver"] == RUN_INFO["solver"]
    assert rows["run seconds", "solve"] == "12.5"
    assert rows["question", "target_share"] == "0.6"
    assert rows["settings", "discount_rate"] == "0.06"
    assert rows["sources", "places"].startswith("OpenStreetMap")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1,235,000"), (0.0123456, "0.01235"), (12.0, "12"), (0.0, "0"),
     (-98.1234, "-98.12"), (999.96, "1,000"), (3.6e-12, "3.6e-12"),
     (math.inf, "no limit"), (math.nan, "not known")],
)  # fmt: skip
def test_numbers_are_shown_with_four_digits(value: float, text: str) -> None:
    assert shown(value) == text


def test_shares_money_and_names_are_short() -> None:
    assert [percent(v) for v in (0.12345, 1.0, 0.0, 0.0006)] == ["12.3 %", "100 %", "0 %", "0.06 %"]
    assert million(123.4) == "123.4 million CNY"
    assert million(43210.0) == "43.21 billion CNY"
    assert shortened("Tianjin Port (Xingang)") == "Tianjin Port"
    assert shortened("纽约/新泽西") == "纽约"
    assert shortened("(x)") == "(x)"
