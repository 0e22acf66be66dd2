"""Reading, writing and the hash: three forms, one instance; what is written is read back."""

from __future__ import annotations

import math
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instances import (
    Instance,
    InstanceError,
    Settings,
    find_faults,
    list_bundled,
    make_instance,
    read_instance,
    write_instance,
)
from instances.bundle import bundled_path
from instances.describe import schema_page
from instances.schema import SETTINGS, TABLES
from instances.writing import Form

FORMS: tuple[Form, ...] = ("csv", "xlsx", "parquet")
TINY = ("two_zones", "dry_port")


def place(folder: Path, form: Form) -> Path:
    return folder / ("case.xlsx" if form == "xlsx" else f"case_{form}")


def assert_same(one: Instance, other: Instance) -> None:
    """Equal to the last bit, row by row."""
    assert one.hash == other.hash
    assert (one.instance_id, one.name, one.name_zh) == (
        other.instance_id, other.name, other.name_zh,
    )  # fmt: skip
    assert one.description == other.description
    assert one.settings == other.settings
    assert dict(one.currency) == dict(other.currency)
    assert dict(one.sources) == dict(other.sources)
    assert dict(one.known) == dict(other.known)
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], other.tables[name], check_exact=True)


@pytest.mark.parametrize("name", TINY)
def test_all_tables_with_their_columns_and_types(name: str) -> None:
    instance = read_instance(name)
    assert list(instance.tables) == [t.name for t in TABLES]
    for table in TABLES:
        frame = instance.table(table.name)
        assert tuple(frame.columns) == table.names
        for column in table.columns:
            kind = {"number": "float64", "integer": "int64", "flag": "int64"}
            assert str(frame[column.name].dtype) == kind.get(column.kind, "str")
            if column.kind in ("id", "text"):
                assert frame[column.name].notna().all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TINY)
def test_three_forms_give_the_same_instance(tmp_path: Path, name: str, form: Form) -> None:
    instance = read_instance(name)
    assert_same(instance, read_instance(write_instance(instance, place(tmp_path, form), form)))


AWKWARD = ['a, "b"', "line\nbreak", "山西 太原，“中鼎”", "=1+1", "#N/A", "007", "1e5", "'x", "nan",
           "TRUE", "2024-01-02", "𠮷", "_x000D_", "-", "a;b", "\ttab\tinside\t",
           "x" * 3000]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_awkward_text_survives(tmp_path: Path, form: Form) -> None:
    places = read_instance("two_zones").table("places")
    rows = [places] + [
        places.tail(1).assign(place_id=f"00{i}", name=f"{text}.", source=text)
        for i, text in enumerate(AWKWARD)
    ]
    instance = read_instance("two_zones").replace(
        places=pd.concat(rows), description='He said "no",\nthen\\left', sources={"links": "a\n#b"},
    )  # fmt: skip
    again = read_instance(write_instance(instance, place(tmp_path, form), form))
    assert_same(instance, again)
    assert again.row("places", "000")["source"] == 'a, "b"'


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
numbers = st.floats(min_value=0, max_value=1e300, allow_subnormal=True)


@st.composite
def generated(draw: st.DrawFn) -> Instance:
    """two_zones with other links, pools and names."""
    base = read_instance("two_zones")
    count = draw(st.integers(0, 4))
    extra = [
        {
            "link_id": f"extra-{i}", "tail_place_id": "tianjin", "head_place_id": "overseas",
            "mode": "sea", "tariff_id": "sea", "km": draw(numbers), "hours": draw(numbers),
            "cost_factor": draw(numbers), "sd_hours": draw(st.one_of(st.just(math.nan), numbers)),
            "closed": draw(st.integers(0, 1)), "name": draw(names),
            "corridor_id": draw(st.sampled_from(["", "west", "west;east"])),
            "source": draw(names) + ".", "grade": draw(st.sampled_from(["reported", "assumed"])),
        }
        for i in range(count)
    ]  # fmt: skip
    links = base.table("links")
    if extra:
        links = pd.concat([links, pd.DataFrame(extra)], ignore_index=True)
        links = links.fillna({"both_ways": 1, "needs_project": 0, "subsidy_cny_per_teu": 0.0})
    pools = base.table("pools")
    pools["endowment"] = [draw(st.one_of(st.just(math.inf), numbers)) for _ in range(len(pools))]
    rate = draw(st.floats(0, 1))
    return base.replace(links=links, pools=pools, discount_rate=rate, name=draw(names) + ".")


@given(generated(), st.sampled_from(FORMS))
@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_writing_and_reading_back_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, instance: Instance, form: Form
) -> None:
    path = place(tmp_path_factory.mktemp("round"), form)
    assert_same(instance, read_instance(write_instance(instance, path, form)))


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_row_order_does_not_change_the_hash(random: object) -> None:
    instance = read_instance("dry_port")
    shuffled = {}
    for table in TABLES:
        frame = instance.table(table.name)
        order = list(range(len(frame)))
        random.shuffle(order)  # type: ignore[attr-defined]
        shuffled[table.name] = frame.iloc[order]
    assert instance.replace(**shuffled) == instance


def test_every_value_counts_in_the_hash() -> None:
    """Changing any cell that may change alone gives another hash."""
    instance = read_instance("dry_port")
    hashes = {instance.hash}
    changes = [
        "links.rail.km=801", "links.rail.name=x", "links.rail.source=x", "links.rail.grade=derived",
        "links.rail.both_ways=0", "pools.linfen_floor.endowment=inf", "settings.year=2025",
        "settings.discount_rate=0.01", "places.world.name_zh=天下",
    ]  # fmt: skip
    for change in changes:
        hashes.add(instance.override(change).hash)
    assert len(hashes) == len(changes) + 1
    assert instance.replace(name="other", description="other", known={}) == instance


def test_the_hash_is_stable() -> None:
    """A change of these values means that stored plans no longer match their instance."""
    assert read_instance("two_zones").hash == read_instance(bundled_path("two_zones")).hash
    assert len(read_instance("two_zones").hash) == 64


def test_units_are_converted_once_on_reading(tmp_path: Path) -> None:
    """The same instance, written by someone who thinks in dollars, FEU, minutes and percent."""
    source = bundled_path("two_zones")
    assert source is not None
    path = Path(shutil.copytree(source, tmp_path / "units"))
    toml = (path / "instance.toml").read_text(encoding="utf-8")
    (path / "instance.toml").write_text(toml + "\n[currency]\nusd = 8\n", encoding="utf-8")
    links = pd.read_csv(path / "links.csv")
    links["cost_usd_per_feu"] = links.pop("cost_cny_per_teu") * 2 / 8
    links["minutes"] = links.pop("hours") * 60
    links["m"] = links.pop("km") * 1000
    links.to_csv(path / "links.csv", index=False)
    blocks = pd.read_csv(path / "blocks.csv")
    blocks["volume_bcny_per_year"] = blocks.pop("volume_mcny_per_year") / 1000
    blocks["stay_premium_percent_of_output"] = blocks.pop("stay_premium_share_of_output") * 100
    blocks["wage_cny_per_month"] = blocks.pop("wage_cny_per_year") / 12
    blocks.to_csv(path / "blocks.csv", index=False)
    instance = read_instance(path)
    assert instance.row("links", "taiyuan_tianjin")["cost_cny_per_teu"] == 4000
    assert instance.row("blocks", "dongguan/electronics")["stay_premium_share_of_output"] == 0.01
    expected = read_instance("two_zones").table("blocks")
    pd.testing.assert_frame_equal(instance.table("blocks"), expected, rtol=1e-15)
    pd.testing.assert_frame_equal(
        instance.table("links"), read_instance("two_zones").table("links"), check_exact=True
    )


# --- writing is whole or not at all ---------------------------------------------------------


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    path = write_instance(instance, tmp_path / "a")
    with pytest.raises(InstanceError, match="exists already"):
        write_instance(instance, path)
    other = instance.override("settings.year=2030")
    write_instance(other, path, overwrite=True)
    assert read_instance(path) == other
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InstanceError, match="not an instance"):
        write_instance(instance, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("form", FORMS)
def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    instance = read_instance("two_zones")
    path = write_instance(instance, place(tmp_path, form), form)
    before = sorted(os.listdir(tmp_path))

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("instances.writing.os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_instance(instance, tmp_path / "other", form)
    assert sorted(os.listdir(tmp_path)) == before
    monkeypatch.undo()
    calls = []
    real = os.replace

    def fail_second(old: object, new: object) -> None:
        calls.append(new)
        if len(calls) == 2:
            raise OSError("no space left on device")
        real(old, new)  # type: ignore[arg-type]

    monkeypatch.setattr("instances.writing.os.replace", fail_second)
    with pytest.raises(OSError, match="no space"):
        write_instance(instance.override("settings.year=2030"), path, form, overwrite=True)
    assert read_instance(path) == instance
    assert sorted(os.listdir(tmp_path)) == before


def test_text_too_long_for_excel_is_said(tmp_path: Path) -> None:
    instance = read_instance("two_zones").override("links.taiyuan_tianjin.source=" + "x" * 40_000)
    with pytest.raises(InstanceError, match="32767 characters"):
        write_instance(instance, tmp_path / "a.xlsx", "xlsx")
    assert not list(tmp_path.iterdir())


def test_numbers_are_numbers_in_excel(tmp_path: Path) -> None:
    """A planner can sum a column; 17 digits stay."""
    import openpyxl

    instance = read_instance("two_zones").override("links.taiyuan_tianjin.km=0.30000000000000004")
    write_instance(instance, tmp_path / "a.xlsx", "xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    header = [c.value for c in book["links"][1]]
    assert book["links"].cell(2, header.index("km") + 1).value == 0.30000000000000004
    assert isinstance(book["links"].cell(3, header.index("km") + 1).value, int | float)


# --- matrices of moves ----------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_matrix_of_moves_equals_its_rows(tmp_path: Path, form: Form) -> None:
    base = read_instance("two_zones").replace(moves=[])
    dense = base.replace(dense_moves=np.array([[1000.0, 0.0]]))
    assert dense != base
    assert len(dense.table("moves")) == 0
    again = read_instance(write_instance(dense, place(tmp_path, form), form))
    assert again.dense_moves is None
    assert again == dense
    np.testing.assert_array_equal(again.move_costs(), dense.move_costs())
    assert dense.replace(dense_moves=np.zeros((1, 2))) == base


def test_the_matrix_follows_blocks_and_zones() -> None:
    """Rows of the matrix are those of blocks, columns those of zones, whatever their order."""
    instance = read_instance("two_zones")
    np.testing.assert_array_equal(instance.move_costs(), [[1000.0, 0.0]])
    turned = instance.replace(zones=instance.table("zones").iloc[::-1])
    np.testing.assert_array_equal(turned.move_costs(), [[0.0, 1000.0]])
    assert turned == instance
    dense = instance.replace(moves=[], dense_moves=[[1000.0, 5.0]])
    flipped = instance.replace(
        moves=[], zones=instance.table("zones").iloc[::-1], dense_moves=[[5.0, 1000.0]]
    )
    assert dense == flipped


@pytest.mark.parametrize(
    ("matrix", "words"),
    [([[1.0]], "blocks and zones are"), ([[1.0, math.nan]], "finite"), ([[1.0, math.inf]], "inf")],
)
def test_matrices_that_cannot_be_used(matrix: list[list[float]], words: str) -> None:
    with pytest.raises(InstanceError, match=words):
        read_instance("two_zones").replace(moves=[], dense_moves=matrix)


# --- the object -----------------------------------------------------------------------------


def test_an_instance_cannot_be_changed_through_its_tables() -> None:
    instance = read_instance("two_zones")
    before = instance.table("links")["km"].tolist()
    frame = instance.table("links")
    frame.loc[0, "km"] = -1.0
    frame["new"] = 1
    assert instance.table("links")["km"].tolist() == before
    assert "new" not in instance.tables["links"]


def test_rows_by_key() -> None:
    instance = read_instance("two_zones")
    assert instance.row("links", "taiyuan_tianjin")["cost_cny_per_teu"] == 4000
    assert instance.row("blocks", ("dongguan", "electronics"))["volume_mcny_per_year"] == 100
    assert instance.row("blocks", "dongguan/electronics")["may_stay"] == 1
    with pytest.raises(InstanceError, match="Did you mean 'taiyuan_tianjin'"):
        instance.row("links", "taiyuan_tianjn")
    with pytest.raises(InstanceError, match="Did you mean 'links'"):
        instance.table("link")


def test_rows_know_where_they_come_from() -> None:
    instance = read_instance("two_zones")
    assert instance.origin_of("links", 1) == ("links.csv", 3)
    changed = instance.override("links.datong_tianjin.km=5")
    assert changed.origin_of("links", 1) == ("links.csv", 3)


def test_instances_can_be_sent_to_other_processes() -> None:
    instance = read_instance("dry_port")
    assert_same(instance, pickle.loads(pickle.dumps(instance)))


def test_instances_made_in_memory() -> None:
    base = read_instance("two_zones")
    tables = {n: f.to_dict("records") for n, f in base.tables.items() if len(f)}
    made = make_instance(
        instance_id="copy", name="Copy", tables=tables,
        settings={"year": 2024, "discount_rate": 0.0, "carrying_rate": 0.0},
    )  # fmt: skip
    assert made == base
    assert find_faults(made) == []
    with pytest.raises(InstanceError) as caught:
        make_instance(
            instance_id="bad", name="Bad", settings=base.settings,
            tables=tables | {"link": [], "regions": [], "zones": [{"zone_id": "x"}]},
        )  # fmt: skip
    assert "Did you mean 'links'" in str(caught.value)
    assert any(f.column == "zone_kind" for f in caught.value.faults)


def test_settings_are_those_of_the_schema() -> None:
    assert tuple(Settings.__dataclass_fields__) == tuple(SETTINGS)
    made = Settings(2024, 0.0, 0.0)
    for key, (_, default, _) in SETTINGS.items():
        if default is not None:
            assert getattr(made, key) == default


def test_the_bundled_instances_are_listed() -> None:
    found = {info.name: info for info in list_bundled()}
    assert set(TINY) <= set(found)
    for name in TINY:
        assert found[name].title
        assert found[name].description
        assert read_instance(name).instance_id == name
        assert read_instance(name).known["optimum_mcny"] > 0


def test_the_schema_page_is_up_to_date() -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "instance.md"
    assert page.read_text(encoding="utf-8") == schema_page(), "run python -m instances.describe"
