"""Studies: the same tables for any number of workers, nothing solved twice, nothing lost."""

from __future__ import annotations

import gzip
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question
from optimizer.report.chapter import Chapter
from optimizer.studies import executors, worker
from optimizer.studies.case import Case, difference
from optimizer.studies.listed import listed, read_cases
from optimizer.studies.query import QueryError, query_study
from optimizer.studies.session import Session, StudyStopped
from optimizer.studies.store import MemoryStore, Store, StudyFolderError

CASES = """name,overrides,closed,target
dear goods,industries.electronics.output_value_cny_per_teu*=1.5,,
all must come,,,100%
wide floor,pools.taiyuan_floor.endowment*=2,,
none can come,zones.taiyuan.open_mcny_per_year*=50;zones.datong.open_mcny_per_year*=50,,
"""


def chapter_of(tmp_path: Path, store: Store | None = None, **options: object) -> Chapter:
    """The chapter of the cases above."""
    cases = tmp_path / "cases.csv"
    cases.write_text(CASES, encoding="utf-8")
    more = {} if store is None else {"store": store}
    with Session("two_zones", **more, **options) as session:
        return listed(session, read_cases(session, cases))


def document(chapter: Chapter) -> str:
    return json.dumps(chapter.to_dict(), sort_keys=True)


def test_a_study_says_what_separate_solves_say(tmp_path: Path) -> None:
    from optimizer import read_instance, solve

    table = chapter_of(tmp_path).table("cases").frame.set_index("case")
    instance = read_instance("two_zones")
    assert solve(instance).objective == pytest.approx(17.7)
    dear = solve(instance, overrides=("industries.electronics.output_value_cny_per_teu*=1.5",))
    assert table.loc["dear goods", "cost_mcny"] == pytest.approx(dear.objective)
    assert table.loc["dear goods", "change_mcny"] == pytest.approx(dear.objective - 17.7)
    assert abs(table.loc["dear goods", "change_mcny"]) > 0.01
    assert table.loc["dear goods", "decided"] == "yes"
    assert table.loc["none can come", "absorbed_mcny"] == 0.0


def test_processes_give_the_tables_of_one_process(tmp_path: Path) -> None:
    assert document(chapter_of(tmp_path, workers=2)) == document(chapter_of(tmp_path))


def test_a_dask_cluster_gives_them_too_when_a_worker_is_killed(tmp_path: Path) -> None:
    from distributed import LocalCluster

    expected = document(chapter_of(tmp_path))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", scheduler_port=0,
        dashboard_address=None,
    ) as cluster:  # fmt: skip
        killed: list[int] = []

        def kill_one(event: object) -> None:
            if not killed and getattr(event, "done", 0) >= 1:
                pid = next(iter(cluster.workers.values())).pid
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

        found = chapter_of(tmp_path, scheduler=cluster.scheduler_address, on_progress=kill_one)
    assert killed
    assert document(found) == expected


def test_what_is_finished_is_not_solved_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    first = chapter_of(tmp_path, store)
    with Session("two_zones", store=Store(tmp_path / "study")) as session:
        again = listed(session, read_cases(session, tmp_path / "cases.csv"))
        assert (session.solves, session.reused) == (0, 5)
    assert document(again) == document(first)


def test_a_killed_study_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text(CASES, encoding="utf-8")
    command = [
        sys.executable, "-c", "from optimizer.cli import main; main()", "study", "two_zones",
        str(tmp_path / "cases.csv"), "--workers", "1", "--quiet", "--out", str(tmp_path / "study"),
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    solves = tmp_path / "study" / "solves"
    for _ in range(600):
        if solves.is_dir() and any(solves.glob("*.gz")):
            break
        time.sleep(0.05)
    running.kill()
    running.wait()
    finished = len(list(solves.glob("*.json.gz")))
    assert finished >= 1
    with Session("two_zones", store=Store(tmp_path / "study")) as session:
        found = listed(session, read_cases(session, tmp_path / "cases.csv"))
        assert session.reused == finished
        assert session.solves == 5 - finished
    assert document(found) == document(chapter_of(tmp_path))


def test_a_cancelled_study_keeps_what_is_finished(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    session = Session("two_zones", store=store)
    session.on_progress = lambda event: session.cancel.set() if event.done >= 2 else None
    (tmp_path / "cases.csv").write_text(CASES, encoding="utf-8")
    with session, pytest.raises(StudyStopped, match="same command goes on"):
        listed(session, read_cases(session, tmp_path / "cases.csv"))
    assert len(store.keys()) == 2


def dies(context: worker.Context, case: Case) -> dict[str, object]:
    """A task whose first worker dies."""
    mark = Path(case.data)
    if mark.name == "always":
        os.kill(os.getpid(), signal.SIGKILL)
    if not mark.exists():
        mark.write_text("died", encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"status": "optimal", "objective": 7.0, "bound": 7.0}


def test_a_worker_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    with Session("two_zones", workers=2) as session:
        task = {"task": "test_studies:dies", "data": str(tmp_path / "mark")}
        cases = [session.case("mortal", **task), session.case("base")]
        mortal, base = session.solve(cases)
    assert (tmp_path / "mark").exists()
    assert mortal.objective == 7.0
    assert base.cost_mcny == pytest.approx(17.7)


def test_one_that_always_dies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "TRIES", 1)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    with (
        Session("two_zones", workers=2) as session,
        pytest.raises(executors.WorkersLostError, match="doomed: its worker died"),
    ):
        session.solve([session.case("doomed", task="test_studies:dies", data="always")])


def test_a_folder_of_other_tables_is_refused(tmp_path: Path) -> None:
    chapter_of(tmp_path, Store(tmp_path / "study"))
    with pytest.raises(StudyFolderError, match="study of other tables"):
        Session("dry_port", store=Store(tmp_path / "study"))
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyFolderError, match="not empty"):
        Session("dry_port", store=Store(tmp_path / "else"))
    assert (tmp_path / "else" / "letter.txt").read_text(encoding="utf-8") == "mine"


def test_sql_over_all_solves(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    chapter = chapter_of(tmp_path, store)
    store.add_chapter(chapter, store.instance())
    frame = query_study(
        store.folder,
        "select s.name, s.cost_mcny, sum(a.mcny) as total from solves s join accounts a using (key)"
        " group by all order by s.name",
    )
    assert len(frame) == 5
    assert frame["total"].tolist() == pytest.approx(frame["cost_mcny"].tolist())
    assert len(query_study(store.folder, "select * from study_cases")) == 4
    with pytest.raises(QueryError, match="the query failed"):
        query_study(store.folder, "select nothing from nowhere")
    with pytest.raises(QueryError):
        query_study(store.folder, f"select * from read_csv('{tmp_path}/cases.csv')")
    with pytest.raises(StudyFolderError, match="no study folder"):
        query_study(tmp_path, "select 1")


def test_a_chapter_survives_its_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    chapter = chapter_of(tmp_path, store)
    store.add_chapter(chapter, store.instance())
    (kept,) = store.chapters()
    assert document(kept) == document(chapter)
    page = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert "dear goods" in page
    assert "http://" not in page.split("<script>")[0]
    assert (tmp_path / "study" / "study.xlsx").stat().st_size > 4000


def test_faults_of_a_list_come_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("name,overrides,target\na,zones.nowhere.x=1,\nb,,many\n", encoding="utf-8")
    with Session("two_zones") as session, pytest.raises(OptimizerError) as caught:
        read_cases(session, path)
    assert "row 2 (a)" in str(caught.value)
    assert "row 3 (b): column target: 'many'" in str(caught.value)


def test_a_damaged_solve_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    chapter_of(tmp_path, store)
    key = store.keys()[0]
    (store.folder / "solves" / f"{key}.json.gz").write_bytes(gzip.compress(b"{"))
    with pytest.raises(StudyFolderError, match=f"{key}.*damaged"):
        store.find(key)


def test_a_difference_knows_what_is_proven() -> None:
    with Session("two_zones") as session:
        base = session.base()
        all_in = session.solve([session.case("all", Question(target_share=1.0))])[0]
    value, low, high = difference(all_in, base)
    assert low <= value <= high
    assert value >= -1e-9


def test_what_is_not_proven_is_not_a_range() -> None:
    from dataclasses import replace

    from optimizer.plan.plan import Status

    with Session("two_zones") as session:
        most = session.solve([session.case("most", Question(objective="absorbed"))])[0]
        least = session.base()
    assert most.maximised
    assert not least.maximised
    assert most.low == most.objective <= most.high
    assert least.high == least.objective >= least.low
    open_ended = replace(most, plan=None, status=Status.NO_PLAN_IN_TIME, bound=90.0)
    assert (open_ended.low, open_ended.high) == (-math.inf, 90.0)
    blind = replace(least, plan=replace(least.plan, bound=math.nan))
    assert (blind.low, blind.high) == (-math.inf, least.objective)


def test_a_store_in_memory_is_of_one_instance() -> None:
    store = MemoryStore()
    with Session("two_zones", store=store) as session:
        session.base()
    with pytest.raises(StudyFolderError, match="other tables"):
        Session("dry_port", store=store)


def test_the_first_solve_is_not_silent() -> None:
    said: list[str] = []
    with Session("two_zones", on_progress=lambda event: said.append(event.detail)) as session:
        session.base()
    assert any(text.startswith("base: ") for text in said)


def test_ranges_are_drawn_from_their_near_end_to_their_far_end() -> None:
    from optimizer.report.chapter import Chart, Column, Table
    from optimizer.report.study_charts import chart_figure

    columns = (Column("what", "What"), Column("low", "Low", "mcny"), Column("high", "High", "mcny"))
    ranges = ((-2.0, 3.0), (4.0, 6.0), (-5.0, -1.0))
    rows = tuple({"what": str(k), "low": a, "high": b} for k, (a, b) in enumerate(ranges))
    chart = Chart("c", "C", "ranges", "t", x="what", low="low", high="high")
    figure = chart_figure(
        Chapter("n", "N", tables=(Table("t", "T", columns, rows),), charts=(chart,)), chart
    )
    assert figure is not None
    low, high = figure["data"]
    ends = [
        [(b, b + x) for b, x in zip(trace["base"], trace["x"], strict=True)]
        for trace in (low, high)
    ]
    assert ends[0] == [(0.0, -2.0), (0.0, 4.0), (-1.0, -5.0)]
    assert ends[1] == [(0.0, 3.0), (4.0, 6.0), (0.0, -1.0)]
