"""Planted faults: each is reported with file, row, column and value, and nothing else is."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from instances import Fault, InstanceError, find_faults, read_instance, write_instance
from instances.bundle import bundled_path
from instances.read_csv import decode

Rows = list[list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a bundled instance."""

    def copy(name: str) -> Path:
        source = bundled_path(name)
        assert source is not None
        return Path(shutil.copytree(source, tmp_path / name))

    return copy


def load(path: Path) -> Rows:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def save(path: Path, rows: Rows) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")


def set_cell(folder: Path, file: str, row: int, column: str, value: str) -> None:
    """Row as a person counts; a column that is not there is added."""
    rows = load(folder / file)
    if column not in rows[0]:
        for index, line in enumerate(rows):
            line.append(column if index == 0 else "")
    rows[row - 1][rows[0].index(column)] = value
    save(folder / file, rows)


def rename(folder: Path, file: str, old: str, new: str) -> None:
    rows = load(folder / file)
    rows[0] = [new if name == old else name for name in rows[0]]
    save(folder / file, rows)


def add_row(folder: Path, file: str, **values: str) -> int:
    """A copy of the last row with other values; the number of the new row comes back."""
    rows = load(folder / file)
    line = list(rows[-1])
    for column, value in values.items():
        line[rows[0].index(column)] = value
    rows.append(line)
    save(folder / file, rows)
    return len(rows)


def new_table(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text, encoding="utf-8")


def where(faults: list[Fault]) -> list[tuple[str, int | None, str]]:
    return [(f.file, f.row, f.column) for f in faults]


# (instance, file, row, column, new value, words of the message)
CELLS = [
    ("two_zones", "links.csv", 2, "km", "12 km", "number only"),
    ("two_zones", "links.csv", 2, "km", "1,234", "thousands separators"),
    ("two_zones", "links.csv", 2, "km", "nan", "NaN"),
    ("two_zones", "links.csv", 2, "km", "inf", "finite"),
    ("two_zones", "links.csv", 2, "km", "", "is empty"),
    ("two_zones", "links.csv", 2, "km", "-5", "at least 0"),
    ("two_zones", "links.csv", 3, "mode", "rode", "Did you mean 'road'"),
    ("two_zones", "links.csv", 4, "tail_place_id", "tianjing", "Did you mean 'tianjin'"),
    ("two_zones", "links.csv", 4, "tariff_id", "see", "Did you mean 'sea'"),
    ("two_zones", "links.csv", 4, "tariff_id", "road", "tariff of mode 'road'"),
    ("two_zones", "links.csv", 2, "grade", "guess", "not one of"),
    ("two_zones", "links.csv", 2, "source", "", "is empty"),
    ("two_zones", "links.csv", 2, "both_ways", "2", "at most 1"),
    ("two_zones", "links.csv", 2, "closed", "yes", "not a number"),
    ("two_zones", "links.csv", 3, "link_id", "taiyuan_tianjin", "row 2 has it already"),
    ("two_zones", "links.csv", 2, "link_id", "a;b", "must not hold ';'"),
    ("two_zones", "links.csv", 2, "head_place_id", "taiyuan", "somewhere else"),
    ("two_zones", "tariffs.csv", 2, "speed_km_per_hour", "0", "above 0"),
    ("two_zones", "tariffs.csv", 2, "cost_factor_low", "1.5", "is above cost_factor_high"),
    ("two_zones", "places.csv", 3, "latitude_deg", "95", "at most 90"),
    ("two_zones", "places.csv", 3, "latitude_deg", "61", "not in China"),
    ("two_zones", "places.csv", 3, "kind", "market", "a zone is at"),
    ("two_zones", "transfers.csv", 2, "to_mode", "gate", "somewhere else"),
    ("two_zones", "customs.csv", 2, "to_regime", "export_cleared", "somewhere else"),
    ("two_zones", "customs.csv", 2, "place_id", "overseas", "outside China"),
    ("two_zones", "customs.csv", 2, "duty_share", "1.2", "at most 1"),
    ("two_zones", "industries.csv", 2, "vat_rate", "13", "at most 1"),
    ("two_zones", "industries.csv", 2, "workers_per_mcny", "2.0.0", "not a number"),
    ("two_zones", "regions.csv", 3, "share", "0.9", "sums to 0.9"),
    ("two_zones", "regions.csv", 3, "place_id", "@locla", "'@local'"),
    ("two_zones", "outputs.csv", 2, "share", "0.5", "sums to 0.5"),
    ("two_zones", "outputs.csv", 2, "region_id", "nearby", "role 'market'"),
    ("two_zones", "inputs.csv", 2, "share_of_output_value", "1", "below 1"),
    ("two_zones", "zones.csv", 2, "status", "maybe", "not one of"),
    ("two_zones", "eligibility.csv", 2, "form_id", "general;bonded", "'bonded' is not a form_id"),
    ("two_zones", "pool_members.csv", 2, "zone_id", "taiyun", "Did you mean 'taiyuan'"),
    ("two_zones", "pools.csv", 2, "endowment_low", "-1", "at least 0"),
    ("two_zones", "modules.csv", 2, "max_count", "1.5", "whole number"),
    ("two_zones", "modules.csv", 2, "uses_pool_id", "taiyuan_floor", "the module adds to"),
    ("two_zones", "rules.csv", 2, "value", "", "needs it"),
    ("two_zones", "rules.csv", 2, "value", "1.5", "whole number"),
    ("two_zones", "rules.csv", 2, "zone_id", "datong", "no meaning"),
    ("two_zones", "blocks.csv", 2, "volume_mcny_per_year", "-1", "at least 0"),
    ("two_zones", "blocks.csv", 2, "may_stay", "0.5", "whole number"),
    ("dry_port", "services.csv", 2, "min_load_teu_per_year", "2000", "above the capacity"),
    ("dry_port", "links.csv", 8, "needs_project", "0", ""),
    ("dry_port", "bottlenecks.csv", 2, "capacity_teu_per_year", "-90", "at least 0"),
    ("dry_port", "project_effects.csv", 3, "amount", "0", "above 0"),
    ("dry_port", "project_effects.csv", 3, "element_id", "terminals", "'terminal'"),
    ("dry_port", "projects.csv", 2, "needs_project_id", "expressway", "circle"),
    ("dry_port", "projects.csv", 3, "excludes_project_id", "terminal_extension", "itself"),
    ("dry_port", "transfers.csv", 4, "bottleneck_id", "terminal;quay", "'quay' is not"),
    ("dry_port", "links.csv", 3, "service_id", "shutle", "'shuttle'"),
]
# the fault of these shows at another cell than the one that was changed
ELSEWHERE = {
    ("places.csv", "kind"): ("zones.csv", 2, "zone_id"),
    ("links.csv", "needs_project"): ("project_effects.csv", 2, "element_id"),
}
ALSO = {("links.csv", "service_id", "shutle"): [("services.csv", 2, "service_id")]}


@pytest.mark.parametrize(("name", "file", "row", "column", "value", "words"), CELLS)
def test_a_planted_cell_is_reported_where_it_is(
    folder: Callable[[str], Path],
    name: str, file: str, row: int, column: str, value: str, words: str,
) -> None:  # fmt: skip
    path = folder(name)
    set_cell(path, file, row, column, value)
    faults = find_faults(path)
    expected = ELSEWHERE.get((file, column), (file, row, column))
    assert where(faults) == [expected, *ALSO.get((file, column, value), [])]
    assert words in faults[0].message
    if expected == (file, row, column) and "sums" not in words:
        assert faults[0].value == value or value in faults[0].value


def test_the_bundled_instances_have_no_fault() -> None:
    assert find_faults("two_zones") == []
    assert find_faults("dry_port") == []


def test_all_faults_are_reported_at_once(folder: Callable[[str], Path]) -> None:
    path = folder("dry_port")
    set_cell(path, "links.csv", 2, "km", "far")
    set_cell(path, "links.csv", 3, "tail_place_id", "zhonding")
    set_cell(path, "regions.csv", 2, "share", "0.4")
    set_cell(path, "places.csv", 4, "longitude_deg", "")
    set_cell(path, "eligibility.csv", 2, "industry_id", "electronic")
    rename(path, "blocks.csv", "volume_mcny_per_year", "volume_mcny_per_yr")
    (path / "forms.csv").unlink()
    text = (path / "instance.toml").read_text(encoding="utf-8")
    changed = text.replace("discount_rate = 0.0", "discount = 0.0")
    (path / "instance.toml").write_text(changed, encoding="utf-8")
    with pytest.raises(InstanceError) as caught:
        read_instance(path)
    assert set(where(list(caught.value.faults))) == {
        ("instance.toml", None, "settings.discount"),
        ("instance.toml", None, "settings.discount_rate"),
        ("forms.csv", None, ""),
        ("links.csv", 2, "km"),
        ("links.csv", 3, "tail_place_id"),
        ("regions.csv", 2, "share"),
        ("places.csv", 4, "longitude_deg"),
        ("eligibility.csv", 2, "industry_id"),
        ("blocks.csv", 1, "volume_mcny_per_yr"),
        ("blocks.csv", 1, "volume_mcny_per_year"),
    }


def test_missing_and_unknown_columns(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    rename(path, "links.csv", "mode", "modus")
    assert where(find_faults(path)) == [("links.csv", 1, "modus"), ("links.csv", 1, "mode")]
    assert "Did you mean 'mode'" in find_faults(path)[0].message


def test_a_missing_required_table_is_one_fault(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    (path / "places.csv").unlink()
    assert where(find_faults(path)) == [("places.csv", None, "")]


def test_a_table_without_rows(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    save(path / "forms.csv", load(path / "forms.csv")[:1])
    assert ("forms.csv", None, "") in where(find_faults(path))


def test_a_file_that_is_no_table(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    (path / "links.csv").rename(path / "link.csv")
    faults = find_faults(path)
    assert faults[0].file == "link.csv"
    assert "Did you mean 'links'" in faults[0].message


def test_exchanged_coordinates(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    set_cell(path, "places.csv", 3, "latitude_deg", "37")
    set_cell(path, "places.csv", 3, "longitude_deg", "48")
    assert "not in China" in find_faults(path)[0].message
    set_cell(path, "places.csv", 3, "latitude_deg", "80")
    set_cell(path, "places.csv", 3, "longitude_deg", "37")
    faults = find_faults(path)
    assert where(faults) == [("places.csv", 3, "longitude_deg")]
    assert "exchange" in faults[0].message


def test_what_needs_a_project_has_one(folder: Callable[[str], Path]) -> None:
    path = folder("dry_port")
    set_cell(path, "links.csv", 7, "needs_project", "1")
    faults = find_faults(path)
    assert where(faults) == [("links.csv", 7, "needs_project")]
    assert "'jinzhong_qingdao'" in faults[0].message


def test_an_effect_acts_on_the_table_it_speaks_of(folder: Callable[[str], Path]) -> None:
    path = folder("dry_port")
    row = add_row(path, "project_effects.csv", effect="allows_form", element_id="linfen:bonded")
    faults = find_faults(path)
    assert where(faults) == [("project_effects.csv", row, "element_id")]
    assert "'bonded' is not a form_id" in faults[0].message
    set_cell(path, "project_effects.csv", row, "element_id", "linfen")
    assert "zone_id:form_id" in find_faults(path)[0].message
    set_cell(path, "project_effects.csv", row, "element_id", "linfen:handbook")
    assert find_faults(path) == []


def test_projects_in_a_circle(folder: Callable[[str], Path]) -> None:
    path = folder("dry_port")
    set_cell(path, "projects.csv", 2, "needs_project_id", "terminal_extension")
    set_cell(path, "projects.csv", 3, "excludes_project_id", "")
    assert find_faults(path) == []
    set_cell(path, "projects.csv", 3, "needs_project_id", "expressway")
    faults = find_faults(path)
    assert where(faults) == [("projects.csv", 2, "needs_project_id")]
    assert "expressway -> terminal_extension -> expressway" in faults[0].message


CURVE = """cluster_id,point,volume_mcny_per_year,cost_change_mcny_per_year,source,grade
it,0,0,0,s,assumed
it,1,50,-2,s,assumed
it,2,100,-1,s,assumed
"""


@pytest.mark.parametrize(
    ("row", "column", "value", "found"),
    [
        (2, "volume_mcny_per_year", "1", (2, "volume_mcny_per_year")),
        (2, "cost_change_mcny_per_year", "-1", (2, "cost_change_mcny_per_year")),
        (4, "volume_mcny_per_year", "50", (4, "volume_mcny_per_year")),
        (4, "point", "5", (4, "point")),
        (3, "point", "0", (3, "point")),
    ],
)
def test_agglomeration_curves(
    folder: Callable[[str], Path], row: int, column: str, value: str, found: tuple[int, str]
) -> None:
    path = folder("two_zones")
    set_cell(path, "industries.csv", 2, "cluster_id", "it")
    new_table(path, "agglomeration.csv", CURVE)
    assert find_faults(path) == []
    set_cell(path, "agglomeration.csv", row, column, value)
    assert ("agglomeration.csv", *found) in where(find_faults(path))


def test_the_cluster_of_a_curve_exists(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    new_table(path, "agglomeration.csv", CURVE)
    assert where(find_faults(path)) == [("agglomeration.csv", 2, "cluster_id")]


def test_an_industry_does_not_follow_itself(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    text = "chain_id,leader_industry_id,follower_industry_id,max_hours,source,grade\n"
    new_table(path, "chains.csv", text + "c,electronics,electronics,2,s,assumed\n")
    assert where(find_faults(path)) == [("chains.csv", 2, "follower_industry_id")]


def test_rules_about_prefectures(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    set_cell(path, "rules.csv", 2, "kind", "min_share_of_prefecture")
    faults = find_faults(path)
    assert where(faults) == [("rules.csv", 2, "prefecture_id"), ("rules.csv", 2, "value")]
    set_cell(path, "rules.csv", 2, "prefecture_id", "datang")
    set_cell(path, "rules.csv", 2, "value", "0.2")
    faults = find_faults(path)
    assert where(faults) == [("rules.csv", 2, "prefecture_id")]
    assert "'datong'" in faults[0].message


@pytest.mark.parametrize(("room", "fits"), [("7001", True), ("6999", False)])
def test_volume_above_all_capacity(folder: Callable[[str], Path], room: str, fits: bool) -> None:
    """100 mcny need 10,000 m2: the pool of taiyuan, 3,000 in datong; no modules."""
    path = folder("two_zones")
    (path / "modules.csv").unlink()
    set_cell(path, "pools.csv", 2, "endowment", room)
    set_cell(path, "blocks.csv", 2, "may_stay", "0")
    expected = [] if fits else [("blocks.csv", 2, "volume_mcny_per_year")]
    assert where(find_faults(path)) == expected


def test_rivals_take_part_of_the_volume(folder: Callable[[str], Path]) -> None:
    """Floor for 70 mcny; a rival that takes 40 % makes room enough, one of 20 % does not."""
    path = folder("two_zones")
    (path / "modules.csv").unlink()
    set_cell(path, "blocks.csv", 2, "may_stay", "0")
    head = "rival_id,factor_region_id,form_id,capacity_mcny_per_year,max_share_of_block"
    for share, fits in (("0.4", True), ("0.2", False)):
        row = f"dongguan,taiyuan,general,inf,{share},s,assumed\n"
        new_table(path, "rivals.csv", f"{head},source,grade\n{row}")
        assert (find_faults(path) == []) is fits


def test_a_block_that_must_move_needs_a_host(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    set_cell(path, "blocks.csv", 2, "may_stay", "0")
    save(path / "eligibility.csv", load(path / "eligibility.csv")[:1])
    assert ("blocks.csv", 2, "may_stay") in where(find_faults(path))


def test_unreachable_zones(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    set_cell(path, "links.csv", 3, "closed", "1")
    faults = find_faults(path)
    assert where(faults) == [("zones.csv", 3, "zone_id")]
    assert "no open link" in faults[0].message


def test_a_zone_without_a_gate_is_unreachable(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    rows = load(path / "transfers.csv")
    save(path / "transfers.csv", [r for r in rows if r[0] != "datong_gate"])
    assert where(find_faults(path)) == [("zones.csv", 3, "zone_id")]


def test_two_columns_of_one_quantity(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    set_cell(path, "links.csv", 2, "cost_cny_per_feu", "8000")
    faults = find_faults(path)
    assert where(faults) == [("links.csv", 1, "cost_cny_per_feu")]
    assert "'cost_cny_per_teu'" in faults[0].message


def test_unit_faults_are_told_once(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    rename(path, "blocks.csv", "volume_mcny_per_year", "volume_meur_per_year")
    faults = find_faults(path)
    assert where(faults) == [("blocks.csv", 1, "volume_meur_per_year")]
    assert "no rate for 'eur'" in faults[0].message


def test_a_row_with_a_comma_too_many(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    text = (path / "forms.csv").read_text(encoding="utf-8")
    changed = text.replace("general trade", "general, trade")
    (path / "forms.csv").write_text(changed, encoding="utf-8")
    faults = find_faults(path)
    assert ("forms.csv", 2, "") in where(faults)
    assert "in quotes" in faults[0].message


def test_an_open_quote(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    text = (path / "forms.csv").read_text(encoding="utf-8")
    changed = text.replace("general trade", '"general trade')
    (path / "forms.csv").write_text(changed, encoding="utf-8")
    faults = find_faults(path)
    assert where(faults) == [("forms.csv", 2, "")]
    assert "quotes" in faults[0].message


def test_empty_header_cells(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    rename(path, "links.csv", "sd_hours", "")
    faults = find_faults(path)
    assert where(faults) == [("links.csv", 1, "column 9")]
    assert "merged" in faults[0].message


# --- encodings ------------------------------------------------------------------------------


def test_gbk_is_read(folder: Callable[[str], Path]) -> None:
    path = folder("dry_port")
    for file in path.glob("*.csv"):
        file.write_bytes(file.read_text(encoding="utf-8").encode("gbk"))
    assert read_instance(path) == read_instance("dry_port")
    assert read_instance(path).row("places", "zhongding")["name_zh"] == "中鼎陆港"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_other_encodings_are_read(folder: Callable[[str], Path], encoding: str) -> None:
    path = folder("dry_port")
    file = path / "places.csv"
    file.write_bytes(file.read_text(encoding="utf-8").encode(encoding))
    assert read_instance(path) == read_instance("dry_port")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read(folder: Callable[[str], Path], separator: str) -> None:
    path = folder("dry_port")
    rows = load(path / "eligibility.csv")
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    (path / "eligibility.csv").write_text(out.getvalue(), encoding="utf-8", newline="")
    assert read_instance(path) == read_instance("dry_port")


def test_mixed_encodings_are_refused(folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    lines = (path / "places.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    data = b"".join(line.encode("gbk" if "大同" in line else "utf-8") for line in lines)
    (path / "places.csv").write_bytes(data)
    faults = find_faults(path)
    assert where(faults) == [("places.csv", 4, "")]
    assert str(data.index("大同".encode("gbk"))) in faults[0].message
    assert "mixes encodings" in faults[0].message


def test_latin_text_is_not_taken_for_chinese() -> None:
    faults: list[Fault] = []
    assert decode("place_id,name\na,Orléans\n".encode("latin-1"), "places.csv", faults) is None
    assert where(faults) == [("places.csv", 2, "")]
    faults.clear()
    assert decode(b"place_id\x00", "places.csv", faults) is None
    assert "zero byte" in faults[0].message
    faults.clear()
    assert decode(b"name\n\xff\xff", "places.csv", faults) is None
    assert "neither" in faults[0].message


# --- workbooks ------------------------------------------------------------------------------


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    return write_instance(read_instance("two_zones"), tmp_path / "case.xlsx", "xlsx")


def edit(path: Path, sheet: str, cell: str, value: object) -> None:
    book = openpyxl.load_workbook(path)
    book[sheet][cell] = value
    book.save(path)


def column_of(path: Path, sheet: str, name: str) -> str:
    book = openpyxl.load_workbook(path)
    return next(c.column_letter for c in book[sheet][1] if c.value == name)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("#N/A", "Excel error"),
        ("#REF!", "Excel error"),
        ("=A1*2", "no stored value"),
        ("12 km", "number only"),
        ("date", "made a date"),
    ],
)
def test_cells_of_a_workbook(workbook: Path, value: object, words: str) -> None:
    import datetime

    letter = column_of(workbook, "links", "km")
    cell = datetime.datetime(2024, 1, 2) if value == "date" else value
    edit(workbook, "links", f"{letter}3", cell)
    faults = find_faults(workbook)
    assert where(faults) == [("case.xlsx sheet links", 3, "km")]
    assert words in faults[0].message


def test_an_optional_cell_with_a_formula_is_not_taken_as_empty(workbook: Path) -> None:
    """Without the check the quoted cost would silently become the tariff's."""
    letter = column_of(workbook, "links", "cost_cny_per_teu")
    edit(workbook, "links", f"{letter}2", "=2000*2")
    assert where(find_faults(workbook)) == [("case.xlsx sheet links", 2, "cost_cny_per_teu")]


def test_numbers_stored_as_text_are_numbers(workbook: Path) -> None:
    letter = column_of(workbook, "links", "km")
    edit(workbook, "links", f"{letter}2", "500")
    assert read_instance(workbook) == read_instance("two_zones")


def test_merged_cells(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    book["links"].merge_cells("A2:A3")
    book.save(workbook)
    faults = find_faults(workbook)
    assert "A2:A3 are merged" in faults[0].message
    assert faults[0].row == 2


def test_sheets_that_are_missing_or_unknown(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    book["links"].title = "Links"
    del book["instance"]
    book.save(workbook)
    faults = find_faults(workbook)
    assert ("case.xlsx", None, "instance") in where(faults)
    assert any("Did you mean 'links'" in f.message for f in faults)


def test_empty_rows_are_skipped_and_rows_keep_their_number(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    book["links"].insert_rows(3)
    book.save(workbook)
    assert read_instance(workbook) == read_instance("two_zones")
    letter = column_of(workbook, "links", "km")
    edit(workbook, "links", f"{letter}4", "x")
    assert where(find_faults(workbook)) == [("case.xlsx sheet links", 4, "km")]


# --- sources that are no instance -----------------------------------------------------------


def test_sources_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="Did you mean 'two_zones'"):
        read_instance("two_zone")
    with pytest.raises(InstanceError, match="holds no instance"):
        read_instance(tmp_path)
    (tmp_path / "a.xlsx").write_text("no workbook")
    assert "Excel workbook" in find_faults(tmp_path / "a.xlsx")[0].message
    assert len(find_faults(tmp_path / "a.xlsx")) == 1
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InstanceError, match="is neither an instance"):
        read_instance(tmp_path / "a.txt")


def test_a_broken_parquet_file_is_one_fault(tmp_path: Path) -> None:
    path = write_instance(read_instance("two_zones"), tmp_path / "p", "parquet")
    (path / "places.parquet").write_bytes(b"PAR1 or so")
    faults = find_faults(path)
    assert where(faults) == [("places.parquet", None, "")]


def test_tables_in_two_forms_are_refused(tmp_path: Path, folder: Callable[[str], Path]) -> None:
    path = folder("two_zones")
    made = write_instance(read_instance("two_zones"), tmp_path / "p", "parquet")
    shutil.copy(made / "links.parquet", path / "links.parquet")
    assert "keep one of the two" in find_faults(path)[0].message


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("year = 2024", 'year = "soon"', "settings.year"),
        ("year = 2024", "year = 2024.5", "settings.year"),
        ("discount_rate = 0.0", "discount_rate = -0.1", "settings.discount_rate"),
        ("discount_rate = 0.0", "discount_rate = nan", "settings.discount_rate"),
        ("discount_rate = 0.0", "discount_rate = true", "settings.discount_rate"),
        ("carrying_rate = 0.0", "", "settings.carrying_rate"),
        ("[known]", "[currency]\nusd = 0\n[known]", "currency.usd"),
        ("[known]", "[currency]\nxyz = 1\n[known]", "currency.xyz"),
        ("[known]", '[sources]\nlink = "x"\n[known]', "sources.link"),
        ('id = "two_zones"', "", "instance.id"),
        ("[known]", "[know]", "know.optimum_mcny"),
        ("[known]", "[known", ""),
    ],
)
def test_settings(folder: Callable[[str], Path], old: str, new: str, column: str) -> None:
    path = folder("two_zones")
    text = (path / "instance.toml").read_text(encoding="utf-8")
    assert old in text
    (path / "instance.toml").write_text(text.replace(old, new), encoding="utf-8")
    faults = find_faults(path)
    assert ("instance.toml", None, column) in where(faults)
