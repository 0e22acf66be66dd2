"""The family `transfer`: same seed, same instance; sizes; no faults; provenance; feasible."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from functools import lru_cache

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from instances import Instance, InstanceError, find_faults
from instances.generators import transfer_ranges as ranges
from instances.generators.transfer import (
    SIZES,
    TransferSize,
    generate_transfer,
    is_transfer_name,
    transfer_named,
)
from instances.generators.transfer_backbone import cities, template
from instances.generators.transfer_draw import TOPICS, Draw, distance_km, nearest, significant
from instances.schema import TABLE

# The instance of a seed is a fact that benchmarks stand on. It may change with the bundled
# shanxi (its backbone) or with a deliberate change of the generator, never by itself.
SHANXI = "404f39aa417780cba1de55cdfd7f72a91bef11447a3028f9b896774f49c00685"
HASHES = {
    0: "0f838c7e1c6d7d84953cb999183444e8cd0b46a71bdb0f1d9fb3d6fa04c35e73",
    1: "7bbc6be8259981236cf3bfc062c7feafd4e3f3b9af0fd913a859bcbce0090f93",
}


@lru_cache(maxsize=4)
def drawn(size: str, seed: int) -> Instance:
    return generate_transfer(size, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_is_an_instance_for_good(seed: int) -> None:
    if template().hash != SHANXI:
        pytest.fail(
            "the bundled shanxi has changed, so every transfer instance has: store the new "
            f"hashes, shanxi {template().hash}, seed {seed} {drawn('S', seed).hash}"
        )
    assert drawn("S", seed).hash == HASHES[seed]


def test_another_process_with_another_hash_seed_draws_the_same() -> None:
    code = (
        "from instances.generators.transfer import *;"
        "print(generate_transfer(TransferSize(20, 30, 17), 5).hash)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": number, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for number in ("1", "2")
    }  # fmt: skip
    assert seen == {generate_transfer(TransferSize(20, 30, 17), 5).hash}


def test_seeds_differ() -> None:
    assert drawn("S", 0).hash != drawn("S", 1).hash
    one, other = (drawn("S", seed).tables["blocks"] for seed in (0, 1))
    assert set(one["volume_mcny_per_year"]) != set(other["volume_mcny_per_year"])


@pytest.mark.parametrize(("size", "least"), [("S", (90, 18, 15)), ("M", (340, 60, 20))])
def test_sizes_are_reached_without_faults(size: str, least: tuple[int, int, int]) -> None:
    instance = drawn(size, 0)
    counts = tuple(len(instance.tables[n]) for n in ("zones", "origins", "industries"))
    assert counts == least
    assert find_faults(instance) == []
    assert set(instance.tables["blocks"]["origin_id"]) == set(
        instance.tables["origins"]["origin_id"]
    )
    assert set(instance.tables["blocks"]["industry_id"]) == set(
        instance.tables["industries"]["industry_id"]
    )


@pytest.mark.slow
def test_large_is_large() -> None:
    instance = generate_transfer("L", 0)
    counts = tuple(len(instance.tables[n]) for n in ("zones", "origins", "industries"))
    assert counts == (1000, 500, 30)
    assert len(instance.tables["blocks"]) > 3000
    assert find_faults(instance) == []


@pytest.mark.slow
def test_small_is_worth_solving() -> None:
    """Some of it moves, not all, and a shared capacity is full."""
    from optimizer import solve

    full = set()
    for seed in (0, 1):
        instance = drawn("S", seed)
        result = solve(instance, time_limit_s=150, gap=2e-3)
        plan = result.plan
        volume = instance.tables["blocks"]["volume_mcny_per_year"].sum()
        assert 0.1 <= plan.absorbed_mcny / volume <= 0.6
        full |= {(seed, name) for name in _full(instance, plan.flows)}
    assert full


def _full(instance: Instance, flows: tuple) -> set[str]:
    """Bottlenecks whose capacity the zones' goods use up."""
    named: dict[str, list[str]] = {}
    for table, key in (
        ("links", "link_id"), ("transfers", "transfer_id"), ("customs", "customs_id")
    ):  # fmt: skip
        frame = instance.tables[table]
        for row, names in zip(frame[key], frame["bottleneck_id"], strict=True):
            named[row] = [n for n in names.split(";") if n]
    load: Counter[str] = Counter()
    for flow in flows:
        if flow.host_kind == "zone":
            for arc in flow.arcs:
                for name in named[arc.split(":")[1]]:
                    load[name] += flow.teu
    capacity = instance.tables["bottlenecks"].set_index("bottleneck_id")["capacity_teu_per_year"]
    return {name for name, teu in load.items() if teu >= capacity[name] * 0.999}


@settings(max_examples=12, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(
    st.integers(1, 60), st.integers(1, 40), st.integers(1, 33), st.integers(0, 2**31), st.data()
)  # fmt: skip
def test_any_size_is_an_instance(
    zones: int, origins: int, industries: int, seed: int, data: st.DataObject
) -> None:
    size = TransferSize(
        zones, origins, industries,
        n_cities=data.draw(st.integers(1, zones)), n_dry_ports=data.draw(st.integers(1, 60)),
    )  # fmt: skip
    instance = generate_transfer(size, seed)  # raises on any fault
    assert len(instance.tables["zones"]) == zones
    assert instance.tables["zones"]["prefecture_id"].nunique() == size.n_cities


def test_every_row_says_where_it_comes_from() -> None:
    instance, own = drawn("S", 0), template()
    for name, frame in instance.tables.items():
        if "source" not in frame or not len(frame):
            continue
        assert (frame["source"].str.len() > 0).all(), name
        assert frame["grade"].isin(["reported", "derived", "assumed"]).all()
        key = list(TABLE[name].key)
        taken_over = set(own.tables[name][key].itertuples(index=False, name=None))
        new = [k not in taken_over for k in frame[key].itertuples(index=False, name=None)]
        assert (frame["grade"][new] == "assumed").all(), name


def test_what_is_drawn_is_not_called_reported() -> None:
    """A capacity or volume that is not that of shanxi has lost its evidence."""
    instance, own = drawn("S", 1), template()
    for name, column in (
        ("bottlenecks", "capacity_teu_per_year"), ("blocks", "volume_mcny_per_year"),
        ("rival_limits", "endowment"), ("agglomeration", "cost_change_mcny_per_year"),
        ("services", "capacity_teu_per_year"), ("chains", "max_hours"),
    ):  # fmt: skip
        key = list(TABLE[name].key)
        both = instance.tables[name].merge(own.tables[name], on=key, suffixes=("", "_shanxi"))
        changed = both[both[column] != both[f"{column}_shanxi"]]
        assert (changed["grade"] == "assumed").all(), name


def test_feasible_because_all_may_stay_and_no_rule_asks_for_transfer() -> None:
    for seed in (0, 1):
        tables = drawn("S", seed).tables
        assert (tables["blocks"]["may_stay"] == 1).all()
        asking = {"min_zones", "min_absorbed_share"}
        assert not asking & set(tables["rules"]["kind"])
        required = tables["zones"]["status"] == "required"
        active = tables["rules"][tables["rules"]["active"] == 1].set_index("kind")["value"]
        assert required.sum() <= active.get("max_zones", math.inf)
        needed = tables["zones"]["open_mcny"][required].sum()
        assert needed <= active["budget_mcny"]


def test_it_has_all_that_the_mission_has() -> None:
    tables = drawn("M", 0).tables
    for name in (
        "modules", "pools", "chains", "agglomeration", "rivals", "moves", "projects", "rules"
    ):  # fmt: skip
        assert len(tables[name]) > 0, name
    assert set(tables["projects"]["kind"]) >= {"bonded_zone", "dry_port", "block_train", "other"}
    assert (tables["services"]["min_load_teu_per_year"] > 0).any()
    forms = Counter(tables["eligibility"]["form_id"])
    assert set(forms) == {"handbook;general", "general", "bonded_zone"}
    whole = tables["blocks"]["whole"].mean()
    assert 0.01 < whole < 0.25
    shared = tables["pools"].merge(tables["pool_members"].groupby("pool_id").size().rename("zones"),
                                   on="pool_id")  # fmt: skip
    labour = shared[shared["factor_id"] == "labour_persons"]
    assert len(labour) == SIZES["M"].n_cities
    assert labour["zones"].sum() == 340
    assert (labour["zones"] > 1).mean() > 0.5
    copies = set(tables["industries"]["industry_id"]) - set(
        template().tables["industries"]["industry_id"]
    )
    assert len(copies) == 5
    assert all(name.rsplit("_", 1)[1] == "2" for name in copies)


def test_chemicals_are_barred_outside_parks_by_the_rule_and_not_by_the_table() -> None:
    tables = drawn("M", 0).tables
    rule = tables["rules"].set_index("rule_id").loc["r-chemical-parks"]
    chemicals = rule["industry_id"].split(";")
    rows = tables["eligibility"].merge(tables["zones"], on="zone_id")
    kinds = set(rows["zone_kind"][rows["industry_id"].isin(chemicals)])
    assert "chemical_park" in kinds
    assert len(kinds) > 1


def test_volumes_fit_the_zones_and_no_block_is_the_whole_problem() -> None:
    for size in ("S", "M"):
        tables = drawn(size, 0).tables
        volume = tables["blocks"]["volume_mcny_per_year"]
        low, high = ranges.VOLUME_PER_ZONE_MCNY
        assert low * 0.9 <= volume.sum() / len(tables["zones"]) <= high * 1.05
        assert volume.max() <= volume.sum() * ranges.LARGEST_BLOCK_SHARE * 1.15


def test_zones_stand_near_their_city_and_roads_are_as_long_as_the_map_says() -> None:
    tables = drawn("S", 0).tables
    place = tables["places"].set_index("place_id")
    at = {k: (r["latitude_deg"], r["longitude_deg"]) for k, r in place.iterrows()}
    city = {c.city_id: c for c in cities()}
    for zone, prefecture in zip(
        tables["zones"]["zone_id"], tables["zones"]["prefecture_id"], strict=True
    ):
        assert distance_km(at[zone], city[prefecture].point) <= 32  # 0.2 degrees both ways
    zones = set(tables["zones"]["zone_id"])
    roads = tables["links"][tables["links"]["tail_place_id"].isin(zones)]
    assert (roads["mode"] == "road").all()
    assert roads.groupby("tail_place_id").size().between(3, 5).all()
    for tail, head, km in zip(
        roads["tail_place_id"], roads["head_place_id"], roads["km"], strict=True
    ):
        assert km == max(3, round(distance_km(at[tail], at[head]) * 1.35))


def test_cities_are_where_they_are() -> None:
    by_id = {c.city_id: c for c in cities()}
    assert len(by_id) == len(cities()) > 300
    assert sum(c.role == "host" for c in cities()) >= 200
    # Beijing-Guangzhou great circle about 1,890 km; Lanzhou-Xi'an about 505; Harbin-Dalian 850
    assert distance_km(by_id["beijing"].point, by_id["panyu"].point) == pytest.approx(1895, abs=25)
    assert distance_km(by_id["lanzhou"].point, by_id["xian"].point) == pytest.approx(505, abs=15)
    assert distance_km(by_id["harbin"].point, by_id["dalian"].point) == pytest.approx(865, abs=25)
    places = set(template().tables["places"]["place_id"])
    assert all((c.gateway in places) == (c.role == "foreign") for c in cities())


def test_names_and_what_is_wrong_with_them() -> None:
    assert is_transfer_name("transfer:M:seed=3")
    assert not is_transfer_name("transfers/M")
    assert transfer_named("transfer:8x3x4:seed=7").instance_id == "transfer-8x3x4-7"
    assert transfer_named("transfer:8x3x4") == transfer_named("transfer:8x3x4:seed=0")
    for bad in ("transfer", "transfer:", "transfer:XL", "transfer:S:seed=-1", "transfer:S:3"):
        with pytest.raises(InstanceError, match="write transfer:SIZE"):
            transfer_named(bad)
    with pytest.raises(InstanceError, match="at least one"):
        TransferSize(0, 3, 4)
    with pytest.raises(InstanceError, match="n_cities"):
        TransferSize(5, 3, 4, n_cities=6)
    with pytest.raises(InstanceError, match="sizes are"):
        generate_transfer("XL", 0)  # type: ignore[arg-type]
    with pytest.raises(InstanceError, match="seed"):
        generate_transfer(TransferSize(5, 3, 4), -1)


def test_the_nearest_are_the_nearest() -> None:
    everything = [(c.city_id, c.point) for c in cities()]
    for here in (c.point for c in cities()[::40]):
        by_hand = sorted((distance_km(here, p), name) for name, p in everything)[:5]
        assert nearest(here, everything, 5) == [(name, km) for km, name in by_hand]


@given(st.floats(-1e9, 1e9), st.integers(1, 8))
def test_rounding_is_idempotent_and_close(value: float, digits: int) -> None:
    rounded = significant(value, digits)
    assert significant(rounded, digits) == rounded
    assert abs(rounded - value) <= abs(value) * 0.5 * 10 ** (1 - digits) * (1 + 1e-9)


def test_topics_do_not_share_their_draws() -> None:
    draws = [Draw(3, topic) for topic in ("zones", "pools", "zones")]
    streams = [tuple(draw.share() for _ in range(3)) for draw in draws]
    assert streams[0] != streams[1]
    assert streams[0] == streams[2]
    assert len(set(TOPICS.values())) == len(TOPICS)
    assert {Draw(s, "zones").whole((1, 3)) for s in range(40)} == {1, 2, 3}
