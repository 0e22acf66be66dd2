"""The run folder: whole or not at all, read back as it was, nothing private in it."""

from __future__ import annotations

import getpass
import json
import math
import os
import socket
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from report_case import RUN_INFO, report_instance, report_network, report_plan

from instances import read_instance
from optimizer.errors import NoPlanError, OptimizerError
from optimizer.export import export_geojson, export_graphml
from optimizer.plan.plan import Status
from optimizer.report.tables import plan_tables
from optimizer.run import PARTS, RunFolderError, check_out, read_run, write_run


def write(folder: Path, *, with_report: bool = False, **changes: object) -> Path:
    plan = replace(report_plan(), **changes)
    return write_run(
        folder, report_instance(), plan, RUN_INFO, with_report=with_report, network=report_network()
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("runs") / "deep" / "first", with_report=True)


def test_a_run_is_read_back_as_it_was_written(run: Path) -> None:
    plan, info = read_run(run)
    assert plan == report_plan()
    assert info["solver"] == RUN_INFO["solver"]
    assert info["options"] == RUN_INFO["options"]
    assert info["seconds"] == RUN_INFO["seconds"]
    assert info["instance"] == {
        "id": "small_shanxi", "name": "Small Shanxi", "hash": report_instance().hash,
    }  # fmt: skip
    assert {"numpy", "pandas", "highspy"} <= set(info["packages"])
    assert info["machine"]["cores"] == os.cpu_count()


def test_the_folder_holds_everything_and_nothing_else(run: Path) -> None:
    assert {p.name for p in run.iterdir()} == set(PARTS)
    assert [p.name for p in run.parent.iterdir()] == ["first"]  # nothing left beside it
    assert read_instance(run / "instance").hash == report_instance().hash
    assert (run.stat().st_mode & 0o055) == (run.parent.stat().st_mode & 0o055)


def test_tables_are_the_same_as_csv_and_parquet(run: Path) -> None:
    tables = plan_tables(report_instance(), report_plan(), network=report_network())
    names = {p.stem for p in (run / "tables").iterdir()}
    assert names == set(tables)
    for name, frame in tables.items():
        if name == "provenance":  # holds what run.json adds
            continue
        stored = pd.read_parquet(run / "tables" / f"{name}.parquet")
        pd.testing.assert_frame_equal(stored, frame, check_dtype=False)
        texts = {c: "str" for c in frame.select_dtypes("str")}
        text = pd.read_csv(run / "tables" / f"{name}.csv", dtype=texts)
        assert list(text.columns) == list(frame.columns)
        for column in frame.select_dtypes("number"):
            found = pytest.approx(frame[column].tolist(), nan_ok=True)
            assert text[column].tolist() == found, column
        for column in texts:
            assert text[column].fillna("").tolist() == frame[column].tolist(), column


def test_run_json_names_no_host_user_or_path(run: Path) -> None:
    text = (run / "run.json").read_text(encoding="utf-8")
    for private in (socket.gethostname(), str(Path.home()), str(run.parent), os.getcwd()):
        assert len(private) < 4 or private not in text
    assert "/" not in text.replace("a/b", "")
    assert getpass.getuser() not in json.loads(text).get("machine", {}).values()


def test_unknown_and_infinite_numbers_are_written_as_words(tmp_path: Path) -> None:
    write(tmp_path / "run", bound=-math.inf, stay_cost_mcny=math.nan)
    plan, info = read_run(tmp_path / "run")
    assert info["bound"] == "-inf"
    assert info["gap"] == "inf"
    assert math.isnan(plan.stay_cost_mcny)


def test_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "run"
    write(target, with_report=True)
    write(target, stop_reason="second")
    assert read_run(target)[0].stop_reason == "second"
    assert not (target / "report.html").exists()  # nothing of the first is left
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write(tmp_path / "run")
    assert read_run(tmp_path / "run")[0] == report_plan()


@pytest.mark.parametrize("content", ["thesis.docx", "run.json"])
def test_a_folder_with_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / content).write_text('{"format": "of someone else"}', encoding="utf-8")
    with pytest.raises(RunFolderError, match=rf"not a run folder \(it holds {content}"):
        write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [content]


def test_notes_beside_an_earlier_run_are_not_deleted(tmp_path: Path) -> None:
    target = write(tmp_path / "run")
    (target / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"holds notes\.txt, which no run wrote"):
        write(target, stop_reason="second")
    assert read_run(target)[0].stop_reason == report_plan().stop_reason


def test_a_file_or_link_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(RunFolderError, match="is a file or a link"):
            write(tmp_path / name)


def test_a_failure_leaves_the_earlier_run_as_it_was(tmp_path: Path, monkeypatch) -> None:
    target = write(tmp_path / "run")

    def broken(*args: object, **more: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("optimizer.report.page.page_of", broken)
    with pytest.raises(KeyboardInterrupt):
        write(target, with_report=True, stop_reason="second")
    assert read_run(target)[0] == report_plan()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def full(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("optimizer.run.write_table", full)
    with pytest.raises(RunFolderError, match=r"was not written: .*No space left"):
        write(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_earlier_run_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch
) -> None:
    target = write(tmp_path / "run")
    rename = Path.rename

    def only_away(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", only_away)
    with pytest.raises(RunFolderError, match="Input/output error"):
        write(target, stop_reason="second")
    assert read_run(target)[0] == report_plan()


def test_a_report_written_again_keeps_how_the_plan_was_made(tmp_path: Path) -> None:
    info = RUN_INFO | {"machine": {"cores": 96}, "packages": {"highspy": "1.0"}}
    write_run(
        tmp_path / "run", report_instance(), report_plan(), info, with_report=False,
        network=report_network(),
    )  # fmt: skip
    plan, first = read_run(tmp_path / "run")
    write_run(tmp_path / "run", read_instance(tmp_path / "run" / "instance"), plan, first)
    again = read_run(tmp_path / "run")
    assert again == (plan, first)
    assert again[1]["machine"] == {"cores": 96}
    assert "1.0" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_plan_of_another_instance_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="another state of the instance"):
        write(tmp_path / "run", instance_hash="0" * 64)


def test_a_folder_can_be_checked_before_a_long_solve(tmp_path: Path) -> None:
    assert check_out(tmp_path / "new") == tmp_path / "new"
    assert check_out(tmp_path) == tmp_path
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunFolderError, match="not empty and not a run folder"):
        check_out(tmp_path)


def test_without_a_plan_there_is_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(NoPlanError, match="infeasible"):
        write(tmp_path / "run", status=Status.INFEASIBLE)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_run_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        read_run(tmp_path)
    assert issubclass(RunFolderError, OptimizerError)
    target = write(tmp_path / "run")
    text = (target / "plan.json").read_text(encoding="utf-8")
    (target / "plan.json").write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"plan\.json cannot be read"):
        read_run(target)
    (target / "plan.json").write_text(text.replace(report_instance().hash, "0" * 64), "utf-8")
    with pytest.raises(RunFolderError, match="belong to different instances"):
        read_run(target)


# -- export ----------------------------------------------------------------------------------------


def test_geojson_has_every_place_and_link() -> None:
    instance = report_instance()
    document = json.loads(export_geojson(instance))
    shapes = [f["geometry"]["type"] for f in document["features"]]
    assert shapes.count("Point") == len(instance.tables["places"])
    assert shapes.count("LineString") == len(instance.tables["links"])
    taiyuan = next(f for f in document["features"] if f["id"] == "tanghuai")
    assert taiyuan["geometry"]["coordinates"] == [112.592, 37.709]
    assert taiyuan["properties"]["name_zh"] == "唐槐产业园区"
    rail = next(f for f in document["features"] if f["id"] == "zhongding-tianjin-rail")
    assert rail["properties"]["cost_cny_per_teu"] is None  # not quoted
    assert rail["geometry"]["coordinates"] == [[112.72, 37.63], [117.765, 38.98]]


def test_geojson_of_a_plan_says_what_zones_take_and_links_carry() -> None:
    text = export_geojson(report_instance(), report_plan(), network=report_network())
    about = {f["id"]: f["properties"] for f in json.loads(text)["features"]}
    assert about["tanghuai"]["absorbed_mcny"] == pytest.approx(10_200)
    assert about["tanghuai"]["industries"] == ["electronics", "equipment"]
    assert (about["linfen"]["open"], about["linfen"]["absorbed_mcny"]) == (True, 0.0)
    carried = sum(
        f.teu
        for f in report_plan().flows
        for arc in f.arcs
        if f.host_kind == "zone" and arc.startswith("link:zhongding-tianjin-rail:")
    )
    assert carried > 0
    assert about["zhongding-tianjin-rail"]["zone_teu"] == pytest.approx(carried)


def test_graphml_has_every_node_and_arc() -> None:
    network = report_network()
    root = ElementTree.fromstring(export_graphml(network))
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    nodes = {n.get("id") for n in root.findall(".//g:node", space)}
    assert len(nodes) == network.n_nodes
    assert "zhongding/rail/bonded" in nodes
    edges = root.findall(".//g:edge", space)
    assert {e.get("id") for e in edges} == set(network.arc_keys)
