"""What the bundled instance must hold: counts, sums, provenance, agreement with the evidence."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pandas as pd
import pytest

from instances import find_faults, read_instance
from instances.schema import GRADES, TABLE
from instances.shanxi_build import EVIDENCE
from instances.shanxi_build.evidence import PREFECTURES

FX = 7.12
Table = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="module")
def table() -> Table:
    instance = read_instance("shanxi")
    return lambda name: instance.tables[name]


def evidence(name: str) -> list[dict[str, str]]:
    with (EVIDENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_instance_has_no_fault() -> None:
    assert find_faults("shanxi") == []


def test_it_holds_what_was_asked_for(table: Table) -> None:
    zones = table("zones")
    assert set(zones["prefecture_id"]) == set(PREFECTURES)
    assert len(PREFECTURES) == 11
    assert len(zones) >= 60
    assert {
        "development_zone", "hightech_zone", "chemical_park", "processing_trade_park",
        "comprehensive_bonded_zone", "bonded_logistics_centre",
    } == set(zones["zone_kind"])  # fmt: skip
    assert "wusu-cbz" in set(zones["zone_id"])
    assert len(table("industries")) == 15
    assert set(table("inputs")["industry_id"]) == set(table("industries")["industry_id"])
    assert set(table("outputs")["industry_id"]) == set(table("industries")["industry_id"])
    assert len(table("origins")) == 18
    assert {"japan", "korea", "vietnam", "thailand", "malaysia"} < set(
        table("origins")["origin_id"]
    )
    assert set(table("forms")["form_id"]) == {"bonded_zone", "handbook", "general", "foreign"}
    assert set(table("projects")["kind"]) >= {
        "bonded_zone", "logistics_centre", "dry_port", "block_train", "free_trade_zone",
    }  # fmt: skip


def test_every_place_of_the_evidence_is_there_and_linked(table: Table) -> None:
    places = table("places").set_index("place_id")
    assert {r["id"] for r in evidence("places")} <= set(places.index)
    linked = set(table("links")["tail_place_id"]) | set(table("links")["head_place_id"])
    wanted = places[places["kind"].isin(["dry_port", "sea_port", "border_crossing", "airport"])]
    assert len(wanted) >= 16 + 17 + 7 + 5
    assert set(wanted.index) <= linked
    assert set(table("zones")["zone_id"]) <= linked


def test_no_junction_is_left_alone(table: Table) -> None:
    places, links = table("places"), table("links")
    linked = set(links["tail_place_id"]) | set(links["head_place_id"])
    assert set(places.loc[places["kind"] == "junction", "place_id"]) <= linked


def test_the_corridors_are_there(table: Table) -> None:
    named = set(";".join(table("links")["corridor_id"].fillna("")).split(";"))
    assert named >= {
        "west", "centre", "east", "middle", "southeast_asia", "suez", "cape", "malacca", "panama",
        "malaszewicze", "rail_sea",
    }  # fmt: skip


def test_closing_suez_leaves_the_cape(table: Table) -> None:
    links = table("links")
    to_europe = links[links["head_place_id"] == "mk-rotterdam"]
    by_suez = to_europe["corridor_id"].fillna("").str.contains("suez")
    suez, cape = to_europe[by_suez], to_europe[~by_suez & (to_europe["mode"] == "sea")]
    assert len(suez) == len(cape) == 12
    both = suez.merge(cape, on="tail_place_id", suffixes=("_suez", "_cape"), validate="one_to_one")
    assert (both["km_cape"] > both["km_suez"]).all()
    assert (both["hours_cape"] > both["hours_suez"]).all()
    assert (both["cost_factor_cape"] > both["cost_factor_suez"]).all()


def test_coal_lines_are_closed_or_dear(table: Table) -> None:
    links = table("links").set_index("name")
    assert (links.loc["Datong-Qinhuangdao railway", "closed"] == 1).all()
    assert (links.loc["Shuozhou-Huanghua railway", "cost_factor"] == 2).all()
    assert (links.loc["Watang-Rizhao railway", "cost_factor"] > 1).all()


def test_every_row_has_a_source_and_a_grade(table: Table) -> None:
    for name, schema in TABLE.items():
        if "source" not in schema.names or not len(table(name)):
            continue
        rows = table(name)
        assert rows["source"].fillna("").str.strip().ne("").all(), name
        assert set(rows["grade"]) <= set(GRADES), name


def test_the_volume_is_that_of_the_evidence(table: Table) -> None:
    blocks = table("blocks")
    for column, shares in (("volume_mcny_per_year", (0.5, 0.5)),
                           ("volume_low_mcny_per_year", (1, 0)),
                           ("volume_high_mcny_per_year", (0, 1))):  # fmt: skip
        expected = sum(
            float(r["processing_trade_export_musd_per_year"])
            * (shares[0] * float(r["relocatable_share_low"])
               + shares[1] * float(r["relocatable_share_high"]))
            for r in evidence("origin_volumes")
        ) * FX  # fmt: skip
        assert blocks[column].sum() == pytest.approx(expected, rel=1e-6)
    assert blocks["volume_mcny_per_year"].sum() == pytest.approx(25772 * FX, rel=1e-3)
    assert 15 <= blocks["whole"].sum() <= 40


def test_regions_and_outputs_sum_to_one(table: Table) -> None:
    sums = table("regions").groupby(["region_id", "role"])["share"].sum()
    assert sums.tolist() == pytest.approx([1.0] * len(sums))
    sums = table("outputs").groupby("industry_id")["share"].sum()
    assert sums.tolist() == pytest.approx([1.0] * 15)


def test_inputs_are_the_shares_of_the_industry_table(table: Table) -> None:
    sums = table("inputs").groupby("industry_id")["share_of_output_value"].sum()
    for row in evidence("industries"):
        whole = sum(float(row[f"{k}_input_share_of_value"]) for k in ("imported", "domestic"))
        assert sums[row["id"]] == pytest.approx(whole, abs=1e-6)


def test_vacant_floor_by_zone_adds_up_to_the_prefecture(table: Table) -> None:
    prefecture = table("zones").set_index("zone_id")["prefecture_id"]
    pools = table("pools")
    floor = pools[pools["pool_id"].str.startswith("floor-")]
    by_prefecture = floor.groupby(
        floor["pool_id"].str.removeprefix("floor-").map(prefecture)
    )["increment_max"].sum()  # fmt: skip
    found = {
        r["place_id"]: float(r["value"]) for r in evidence("factory_space")
        if r["item"] == "standard_factory_vacant_m2"
    }  # fmt: skip
    for name in PREFECTURES:
        assert by_prefecture[name] == pytest.approx(found[name], abs=20)
    assert by_prefecture.sum() == pytest.approx(found["shanxi"], abs=100)


def test_labour_is_capped_by_prefecture_as_the_evidence_says(table: Table) -> None:
    pools = table("pools").set_index("pool_id")
    members = table("pool_members").groupby("pool_id")["zone_id"].apply(set)
    prefecture = table("zones").set_index("zone_id")["prefecture_id"]
    population = {
        prefecture[r["zone_id"]]: float(r["prefecture_population_2020"])
        for r in evidence("zone_capacity")
    }
    assert sum(population.values()) == 34915616  # the census total of the province
    for name in PREFECTURES:
        pool = f"labour-{name}"
        assert pools.loc[pool, "endowment"] == pytest.approx(
            population[name] * 0.6472 * 0.05, abs=0.01
        )
        assert set(prefecture[list(members[pool])]) == {name}
    skilled = {
        r["prefecture"]: float(r["value"]) for r in evidence("labour")
        if r["item"] == "skilled_electronics_workers"
    }  # fmt: skip
    for name in PREFECTURES:
        assert pools.loc[f"electronics-{name}", "endowment"] == pytest.approx(0.3 * skilled[name])


def test_floor_that_can_be_built_is_three_years_of_building(table: Table) -> None:
    pools = table("pools")
    built = pools.loc[pools["factor_id"] == "floor_building_m2", "endowment"]
    assert built.sum() == pytest.approx(3 * 1_200_000)


def test_shanxi_pays_floor_in_pools_not_as_rent(table: Table) -> None:
    prices = table("factor_prices").set_index("factor_region_id")
    assert (prices.loc[list(PREFECTURES), "rent_cny_per_m2_year"] == 0).all()
    pools = table("pools").set_index("pool_id")
    hosts = table("eligibility")["zone_id"].unique()
    assert (pools.loc[[f"floor-{z}" for z in hosts], "increment_cny_per_unit_year"] > 0).all()


def test_logistics_centres_never_manufacture(table: Table) -> None:
    zones = table("zones")
    centres = set(zones.loc[zones["zone_kind"] == "bonded_logistics_centre", "zone_id"])
    assert len(centres) == 5
    assert centres.isdisjoint(table("eligibility")["zone_id"])
    rules = table("rules").set_index("rule_id")
    rule = rules.loc["r-blc-no-manufacturing"]
    assert rule["active"] == 1
    assert set(rule["industry_id"].split(";")) == set(table("industries")["industry_id"])


def test_fine_chemicals_outside_chemical_parks_are_left_to_the_rule(table: Table) -> None:
    kinds = table("zones").set_index("zone_id")["zone_kind"]
    eligible = table("eligibility")
    fine = eligible[eligible["industry_id"] == "fine_chemicals"]
    inside = kinds[fine["zone_id"]] == "chemical_park"
    assert inside.any()
    assert not inside.all()
    rule = table("rules").set_index("rule_id").loc["r-chemical-parks"]
    assert (rule["kind"], rule["zone_kind"]) == ("industry_only_in_zone_kind", "chemical_park")


def test_the_bonded_zone_is_a_choice_and_never_a_must(table: Table) -> None:
    eligible = table("eligibility")
    outside = eligible[eligible["zone_id"] != "wusu-cbz"]
    assert set(outside["form_id"]) == {"handbook;general"}
    assert "electronics_assembly" in set(outside["industry_id"])


def test_block_trains_have_the_least_load_of_the_rule(table: Table) -> None:
    services = table("services").set_index("service_id")
    weekly = services.loc["bt-zhongding-alashankou"]
    assert weekly["min_load_teu_per_year"] == 52 * 82
    assert weekly["runs_today"] == 0
    today = services[services["runs_today"] == 1]
    assert (today["min_load_teu_per_year"] == 0).all()


def test_a_box_is_counted_once_on_a_line(table: Table) -> None:
    links = table("links")
    rail = links[links["mode"] == "rail"]
    lines = rail.loc[rail["bottleneck_id"].fillna("").str.startswith("line-"), "bottleneck_id"]
    assert lines.is_unique
    trains = links.loc[links["mode"] == "block_train", "bottleneck_id"].fillna("")
    for cell in trains:
        named = [x for x in cell.split(";") if x]
        assert len(named) == len(set(named))


def test_stopping_at_a_gate_dodges_no_handling(table: Table) -> None:
    """Through the gate costs and takes no less than the direct transfer, and passes its queue."""
    checked = 0
    for place, rows in table("transfers").groupby("place_id"):
        by_pair = {frozenset((r.from_mode, r.to_mode)): r for r in rows.itertuples()}
        for pair, direct in by_pair.items():
            legs = [by_pair.get(frozenset((mode, "gate"))) for mode in pair]
            if "gate" in pair or None in legs:
                continue
            checked += 1
            for column in ("cost_cny_per_teu", "hours"):
                by_gate = sum(getattr(leg, column) for leg in legs)
                assert by_gate >= getattr(direct, column) - 1e-6, (place, pair, column)
            queues = {q for leg in legs for q in str(leg.bottleneck_id).split(";")}
            needed = set(str(direct.bottleneck_id).split(";"))
            assert needed - {"", "nan"} <= queues, (place, pair)
    assert checked > 50


def test_calibration_has_at_least_twenty_independent_rows(table: Table) -> None:
    rows = table("calibration")
    independent = rows[rows["used_as_input"] == 0]
    assert len(independent) >= 20
    assert {"km", "hours", "cost_cny_per_teu", "co2e_kg_per_teu"} == set(independent["quantity"])
    assert (rows["value_low"] <= rows["value_high"]).all()


def test_density_is_priced_with_one_formula(table: Table) -> None:
    """Shenzhen electronics: 0.983 workers x 101 503 CNY x 1.5 x 0.4 x (1 - (1 + V/500)^-0.08)."""
    blocks = table("blocks").set_index(["origin_id", "industry_id"])
    row = blocks.loc[("shenzhen", "electronics_assembly")]
    volume = FX * (31000 + 4960 + 15500)
    labour = 7 / FX * row["wage_cny_per_year"] / 1e6 * 1.5
    expected = 0.4 * labour * (1 - (1 + volume / 500) ** -0.08)
    assert row["stay_premium_share_of_output"] == pytest.approx(-expected, abs=1e-6)
    assert (table("rivals")["margin_share_of_output"] < 0).all()
    points = table("agglomeration").set_index(["cluster_id", "point"])["cost_change_mcny_per_year"]
    assert (points.loc[(slice(None), 0)] == 0).all()
    assert (points.loc[(slice(None), 3)] < 0).all()
