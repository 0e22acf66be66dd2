"""The bundled instance comes out of its evidence, byte for byte, and a correction goes through."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instances.schema import TABLES
from instances.shanxi_build import BUNDLED, EVIDENCE, build, tables
from instances.shanxi_build.evidence import Evidence, EvidenceError, grade_of, short
from instances.shanxi_build.tariffs import rail_rate_cny_per_teu_km, teu_of_boxes
from instances.shanxi_build.writing import text_of, to_csv


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _edit(folder: Path, table: str, match: dict[str, str], column: str, value: str) -> None:
    path = folder / f"{table}.csv"
    rows = _rows(path)
    hits = [r for r in rows if all(r[k] == v for k, v in match.items())]
    assert len(hits) == 1
    hits[0][column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shanxi")
    build(EVIDENCE, out)
    return out


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EVIDENCE, tmp_path / "evidence"))


def test_rebuilding_gives_the_committed_bytes(rebuilt: Path) -> None:
    made = {p.name: p.read_bytes() for p in rebuilt.iterdir()}
    shipped = {p.name: p.read_bytes() for p in BUNDLED.iterdir() if p.suffix in (".csv", ".toml")}
    assert sorted(made) == sorted(shipped)
    assert [name for name in made if made[name] != shipped[name]] == []


def test_every_table_of_the_schema_is_built(rebuilt: Path) -> None:
    assert {t.name for t in TABLES} == {p.stem for p in rebuilt.glob("*.csv")}


def test_a_corrected_figure_goes_through_to_the_tables_it_feeds(evidence: Path) -> None:
    key = {"place_id": "yuncheng", "item": "standard_factory_vacant_m2"}
    _edit(evidence, "factory_space", key, "value", "432000")  # twice the figure that is shipped
    before = {r["pool_id"]: r.get("increment_max") for r in tables()["pools"]}
    after = {r["pool_id"]: r["increment_max"] for r in tables(evidence)["pools"]
             if "increment_max" in r}  # fmt: skip
    changed = {k for k in after if after[k] != before[k]}
    zones = {f"floor-{r['zone_id']}" for r in tables()["zones"]
             if r["prefecture_id"] == "yuncheng"}  # fmt: skip
    assert changed
    assert changed <= zones
    assert sum(after[k] for k in changed) == pytest.approx(432000, abs=20)


def test_a_wage_doubles_the_blocks_wage(evidence: Path) -> None:
    key = {"origin_id": "tianjin", "industry_id": "auto_parts"}
    shipped = float(_rows(evidence / "origin_volumes.csv")[0]["wage_usd_month"])
    assert shipped > 0
    _edit(evidence, "origin_volumes", key, "wage_usd_month", "1638")  # 819 is shipped

    def wage(rows: list[dict[str, object]]) -> float:
        return next(
            float(str(r["wage_cny_per_year"]))
            for r in rows
            if (r["origin_id"], r["industry_id"]) == ("tianjin", "auto_parts")
        )

    assert wage(tables(evidence)["blocks"]) == pytest.approx(2 * wage(tables()["blocks"]), rel=1e-4)


def test_text_in_a_number_cell_names_file_row_and_column(evidence: Path) -> None:
    key = {"prefecture": "datong", "item": "skilled_electronics_workers"}
    _edit(evidence, "labour", key, "value", "about 2000")
    with pytest.raises(EvidenceError, match=r"labour\.csv, row \d+, column value is 'about 2000'"):
        tables(evidence)


def test_shares_that_do_not_sum_to_one_are_refused(evidence: Path) -> None:
    key = {"industry_id": "auto_parts", "market": "eu"}
    _edit(evidence, "destination_shares", key, "share", "0.28")
    with pytest.raises(EvidenceError, match=r"auto_parts sums to 1\.1"):
        tables(evidence)


def test_a_place_that_no_table_knows_is_named(evidence: Path) -> None:
    key = {"from_place": "Zhongwei", "to_place": "Gantang"}
    _edit(evidence, "rail_links", key, "to_place", "Gantangg")
    with pytest.raises(EvidenceError, match="'Gantangg' is in a link table"):
        tables(evidence)


def test_a_fault_leaves_the_instance_as_it_was(evidence: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _edit(evidence, "policy_rules", {"rule_id": "r-budget"}, "value", "much")
    with pytest.raises(EvidenceError):
        build(evidence, out)
    assert not out.exists()


def test_the_command_reports_a_fault_and_exits_with_2(evidence: Path, tmp_path: Path) -> None:
    (evidence / "labour.csv").unlink()
    command = [sys.executable, "-m", "instances.shanxi_build", "--evidence", str(evidence)]
    run = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True,
                         cwd=BUNDLED.parents[2], check=False)  # fmt: skip
    assert run.returncode == 2
    assert "labour.csv is missing" in run.stderr


def test_a_teu_is_the_mean_of_a_short_box_and_half_a_long_one() -> None:
    assert teu_of_boxes(7.0, 9.5) == 5.875


def test_the_rail_rate_is_the_discounted_tariff_with_surcharge() -> None:
    # 20 ft: 0.75 x 3.185 + 0.112 = 2.50075; 40 ft: 0.75 x 3.357 + 0.238 = 2.75575
    assert rail_rate_cny_per_teu_km(Evidence(EVIDENCE)) == pytest.approx(1.9393125)


def test_numbers_are_written_the_same_way_everywhere() -> None:
    assert [text_of(v) for v in (1.0, 0.1 + 0.2, 1 / 3, float("inf"), True, None, "x")] == [
        "1", "0.3", "0.333333333", "inf", "1", "", "x",
    ]  # fmt: skip


def test_not_a_number_is_never_written() -> None:
    row = {"pool_id": "p", "factor_id": "f", "name": "n", "endowment": float("nan"), "source": "s",
           "grade": "assumed"}  # fmt: skip
    with pytest.raises(EvidenceError, match="endowment is not a number"):
        to_csv("pools", [row])


def test_a_key_built_twice_is_refused() -> None:
    row = {"pool_id": "p", "zone_id": "z"}
    with pytest.raises(EvidenceError, match="built twice"):
        to_csv("pool_members", [row, row])


def test_the_weakest_grade_wins() -> None:
    assert grade_of("reported", "assumed", "derived") == "assumed"
    assert grade_of("reported", "derived") == "derived"


def test_a_long_source_is_cut_at_a_word() -> None:
    cut = short("one two three " * 40, 30)
    assert len(cut) <= 30
    assert cut.endswith("…")
    assert set(cut.rstrip("…").split()) <= {"one", "two", "three"}
