"""The benchmark: direct models against brute force, runs that resume, measures, targets, report."""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from instances.errors import InstanceError
from instances.generators.facility import cornuejols
from instances.published.facility import FacilityInstance
from instances.published_design import generate_design
from optimizer.bench import runner
from optimizer.bench.cases import Case, Suite
from optimizer.bench.measures import (
    TABLE,
    groups_of,
    known_values,
    primal_integral,
    profile,
    proven_at,
    time_above,
    time_proven,
)
from optimizer.bench.models import design_model, facility_model
from optimizer.bench.report import HEADS, markdown, write_report
from optimizer.bench.rows import Row, Store
from optimizer.bench.runner import Run, Terms, run_all, run_one, runs_of
from optimizer.bench.suites import SUITES
from optimizer.bench.targets import TARGETS, Target, judge
from optimizer.engine.design.problem import DesignProblem
from optimizer.engine.facility.problem import FacilityProblem, brute_force
from optimizer.solvers import SolverOptions, solve_model

EXACT = SolverOptions(gap=1e-9, time_limit_s=20.0)


def problem_of(drawn: FacilityInstance, *, single_source: bool) -> FacilityProblem:
    return FacilityProblem(
        drawn.fixed_cost, drawn.capacity, drawn.demand, drawn.unit_cost, single_source
    )


# -- the direct models ------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    m=st.integers(2, 4),
    n=st.integers(2, 4),
    seed=st.integers(0, 10_000),
    single_source=st.booleans(),
    in_units=st.booleans(),
    capacitated=st.booleans(),
)
def test_the_facility_model_has_the_optimum_of_brute_force(
    m: int, n: int, seed: int, single_source: bool, in_units: bool, capacitated: bool
) -> None:
    problem = problem_of(cornuejols(m, n, ratio=1.6, seed=seed), single_source=single_source)
    if not capacitated:
        problem = replace(problem, capacity=np.full(m, np.inf))
    in_units = in_units and not single_source
    built = facility_model(problem, in_units=in_units)
    result = solve_model(built.model, "highs", EXACT)
    best = brute_force(problem)
    if math.isinf(best):
        assert result.status == "infeasible"
    else:
        assert result.objective == pytest.approx(best, rel=1e-7)
        assert result.x is not None
        share = result.x[m:] / built.unit
        served = np.bincount(built.customer, weights=share, minlength=n)
        assert served == pytest.approx(np.ones(n), abs=1e-6)


def test_forbidden_pairs_have_no_column_and_rows_are_the_strong_ones() -> None:
    drawn = cornuejols(3, 4, ratio=3.0, seed=1)
    cost = drawn.unit_cost.copy()
    cost[0, 1] = np.inf
    built = facility_model(problem_of(replace(drawn, unit_cost=cost), single_source=False))
    assert (0, 1) not in set(zip(built.facility.tolist(), built.customer.tolist(), strict=True))
    assert built.model.matrix.shape == (4 + 11 + 3 + 1, 3 + 11)


def test_whole_demands_go_to_cp_sat_without_loss() -> None:
    problem = problem_of(cornuejols(3, 4, ratio=2.0, seed=5), single_source=False)
    result = solve_model(facility_model(problem, in_units=True).model, "cp-sat", EXACT)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(brute_force(problem), rel=1e-6)


def test_the_design_model_has_the_optimum_of_brute_force() -> None:
    problem = DesignProblem.from_published(generate_design(4, 7, 3, capacity_ratio=1.2, seed=3))
    model = design_model(problem)
    best = math.inf
    flow = model.integer == 0
    for choice in range(2**problem.n_arcs):
        opened = np.array([(choice >> a) & 1 for a in range(problem.n_arcs)], float)
        fixed = replace(
            model,
            lb=np.where(flow, model.lb, np.concatenate([np.zeros(flow.sum()), opened])),
            ub=np.where(flow, model.ub, np.concatenate([np.zeros(flow.sum()), opened])),
            integer=np.zeros_like(model.integer),
        )
        result = solve_model(fixed, "highs", EXACT)
        if result.status.has_plan:
            best = min(best, result.objective)
    assert solve_model(model, "highs", EXACT).objective == pytest.approx(best, rel=1e-7)
    # strong: without the rows x_k <= min(d_k, u) y the relaxation is weaker
    relaxed = replace(model, integer=np.zeros_like(model.integer))
    rows = problem.n_commodities * problem.n_nodes + problem.n_arcs
    weak = replace(
        relaxed,
        matrix=relaxed.matrix[:rows],
        row_low=relaxed.row_low[:rows],
        row_high=relaxed.row_high[:rows],
        row_keys=range(rows),
    )
    strong_bound = solve_model(relaxed, "highs", EXACT).objective
    assert solve_model(weak, "highs", EXACT).objective < strong_bound <= best + 1e-6


# -- runs -------------------------------------------------------------------------------------

TINY = Suite(
    "tiny",
    "two drawn instances",
    (
        Case(
            "split", "cflp", "draw:cornuejols", {"m": 4, "n": 5, "ratio": 2.0, "seed": 1}, 10, 1e-9
        ),
        Case(
            "whole",
            "sscflp",
            "draw:cornuejols",
            {"m": 3, "n": 4, "ratio": 3.0, "seed": 2, "single_source": True},
            10,
            1e-9,
        ),
    ),
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four runs of the tiny suite."""
    folder = tmp_path_factory.mktemp("bench")
    cases, missing = TINY.cases(None)
    assert not missing
    run_all(list(runs_of("tiny", cases, Terms())), Terms(), Store(folder), None)
    return folder


def test_ours_and_the_peer_agree_with_brute_force(stored: Path) -> None:
    rows = {(row.case, row.solver): row for row in Store(stored).rows.values()}
    assert set(rows) == {(c, s) for c in ("split", "whole") for s in ("zoneopt", "highs")}
    for case, single_source in (("split", False), ("whole", True)):
        options = next(c for c in TINY.cases(None)[0] if c.name == case).options
        drawn = {name: v for name, v in options.items() if name != "single_source"}
        best = brute_force(problem_of(cornuejols(**drawn), single_source=single_source))
        for solver in ("zoneopt", "highs"):
            row = rows[case, solver]
            assert row.status == "optimal"
            assert row.faults == ()
            assert row.objective == pytest.approx(best, rel=1e-7)
            assert row.bound == pytest.approx(best, rel=1e-6)
    ours = rows["split", "zoneopt"]
    assert ours.certified is not None
    assert 0 < ours.certified <= ours.objective
    assert ours.peak_mb is not None
    assert 40 < ours.peak_mb < 1500
    assert ours.cpu_s is not None
    assert ours.cpu_s > 0.05
    assert ours.wall_s > ours.seconds > 0
    assert ours.trace[-1][1] == pytest.approx(ours.objective)
    times = [t for t, _, _ in ours.trace]
    assert times == sorted(times)
    assert ours.size == "4 x 5"
    assert set(ours.machine) == {"processor", "cores", "memory_gb", "system"}


def test_what_is_stored_is_not_run_again(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def fake(run: Run, *rest: object) -> Row:
        made.append(run.solver)
        return Row(run.suite, run.case.name, "f", run.solver, run.seed, run.limit_s,
                   run.case.gap, run.threads, "crashed")  # fmt: skip

    monkeypatch.setattr(runner, "run_one", fake)
    cases, _ = TINY.cases(None)
    store = Store(stored)
    seen = []
    runs = list(runs_of("tiny", cases, Terms()))
    run_all(runs, Terms(), store, None, on_row=lambda number, row, is_new: seen.append(is_new))
    assert (made, seen) == ([], [False] * 4)
    before = store.path.read_bytes()
    other = list(runs_of("tiny", cases, Terms(limit_s=3.0)))  # another limit is another run
    run_all(other[:1], Terms(), store, None)
    assert made == ["zoneopt"]
    store.path.write_bytes(before)


def test_a_row_cut_off_by_a_crash_is_run_again(tmp_path: Path) -> None:
    row = Row("s", "a", "f", "highs", 0, 1.0, 1e-4, 2, "optimal", objective=2.5, bound=math.inf)
    store = Store(tmp_path)
    store.add(row)
    store.add(replace(row, case="b", trace=((0.5, None, 1.0),)))
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-9])
    again = Store(tmp_path)
    assert [r.case for r in again.rows.values()] == ["a"]
    assert next(iter(again.rows.values())).bound is None  # infinite is unknown
    again.add(replace(row, case="b", trace=((0.5, None, 1.0),)))
    assert store.path.read_bytes() == whole
    assert list(Store(tmp_path).rows.values())[1].trace == ((0.5, None, 1.0),)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"suite": "x"}\n', encoding="utf-8")
    with pytest.raises(InstanceError, match="is not a row of a benchmark"):
        Store(tmp_path)


def test_a_run_that_does_not_end_is_killed_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SETUP_S", 0.2)
    case, _ = TINY.cases(None)[0]
    began = time.perf_counter()
    row = run_one(Run("tiny", case, "highs", 0, 1.0, 2), Terms(), None, None, {}, lambda text: None)
    assert row.status == "killed"
    assert row.objective is None
    assert not row.has_plan
    assert time.perf_counter() - began < 5.0


def test_a_crash_is_a_row(tmp_path: Path) -> None:
    case = Case("gone", "cflp", "file:nothing/there.txt", {"format": "orlib"}, 1)
    run = Run("tiny", case, "highs", 0, 1.0, 2)
    row = run_one(run, Terms(), tmp_path, None, {}, lambda text: None)
    assert row.status == "crashed"
    assert "exit code 1" in row.said
    assert str(tmp_path) not in row.said


def test_ctrl_c_ends_the_run_at_work_and_keeps_the_store(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; import sys\n"
        "from optimizer.bench.cases import Case\n"
        "from optimizer.bench.rows import Store\n"
        "from optimizer.bench.runner import *\n"
        "case = Case('big', 'cflp', 'draw:cornuejols',"
        " {'m': 90, 'n': 90, 'ratio': 5.0, 'seed': 1}, 60)\n"
        "tell = lambda number, run, text: print(text, flush=True)\n"
        "runs = list(runs_of('s', [case], Terms(('highs',))))\n"
        "try:\n"
        "    run_all(runs, Terms(), Store(Path(sys.argv[1])), None, on_progress=tell)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(7)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "built" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    child = int(children.read_text().split()[0]) if children.exists() else None
    process.send_signal(2)
    assert process.wait(timeout=10) == 7
    process.stdout.close()
    assert not (tmp_path / "rows.jsonl").exists()
    if child is not None:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


# -- measures ---------------------------------------------------------------------------------

ROW = Row(
    "s", "c", "f", "zoneopt", 0, 10.0, 1e-3, 2, "optimal", objective=100.0, bound=99.95,
    build_s=0.5, solve_s=5.5,
    trace=((1.0, 200.0, None), (2.0, 101.0, 90.0), (4.0, 100.0, 99.0), (6.0, 100.0, 99.95)),
)  # fmt: skip


def test_times_gaps_and_integral_worked_by_hand() -> None:
    assert time_above(ROW, 100.0, 0.01) == 2.0
    assert time_above(ROW, 100.0, 0.001) == 4.0
    assert time_above(ROW, 90.0, 0.01) is None
    assert time_proven(ROW, 0.01) == 4.0
    assert time_proven(ROW, 1e-5) is None
    assert proven_at(ROW, 3.0) == pytest.approx(11 / 101)
    assert proven_at(ROW, 0.5) is None
    # one second without a plan, one at 200 (0.5 away), two at 101, none after
    assert primal_integral(ROW, 100.0) == pytest.approx(1 + 0.5 + 2 * 1 / 101)
    assert primal_integral(replace(ROW, objective=None, trace=()), 100.0) == 10.0


def test_a_plan_that_does_not_hold_counts_for_nothing() -> None:
    bad = replace(ROW, solver="highs", objective=1.0, faults=("customer 0 is not served",))
    group = groups_of([ROW, bad], {})[0]
    assert group.best_found == 100.0
    assert time_above(bad, 100.0, 0.01) is None
    assert primal_integral(bad, 100.0) == 10.0
    assert "DOES NOT HOLD" in markdown([group], judge([group]))


def test_contradictions_are_named() -> None:
    wrong = replace(ROW, solver="cbc", bound=101.0)
    never = replace(ROW, solver="scip", status="infeasible", objective=None, bound=None)
    group = groups_of([ROW, wrong, never], {})[0]
    assert [text.split(":")[0] for text in group.contradictions()] == ["cbc", "scip"]
    assert group.best_bound == 99.95  # not the bound that a plan contradicts


def test_profile_counts_cases_within_a_factor() -> None:
    fast = replace(ROW, build_s=0.0, solve_s=1.0)
    slow = replace(ROW, solver="highs", build_s=0.0, solve_s=3.0)
    other = [replace(slow, case="d", solve_s=2.0), replace(fast, case="d", status="feasible")]
    groups = groups_of([fast, slow, *other], {})
    assert profile(groups, ["zoneopt", "highs"]) == {
        "zoneopt": [(1.0, 0.5)],
        "highs": [(1.0, 0.5), (3.0, 1.0)],
    }


def test_known_values_are_those_of_the_files_and_none_is_recalled() -> None:
    known = known_values(TABLE)
    assert known["cflp_orlib", "cap41"].value == 1040444.375
    assert known["mcnd_canad_R", "r01.7"].value == math.inf
    assert known["sscflp_yang", "p11"].is_proven
    assert all(value.is_fact for value in known.values())
    assert len(known) > 240


def test_recalled_values_are_shown_but_not_used(tmp_path: Path) -> None:
    table = tmp_path / "best_known.csv"
    table.write_text(
        "family,instance,best_known,proven_optimal,source\nuflp_KG,ga250a-1,90,0,memory\n",
        encoding="utf-8",
    )
    group = groups_of([replace(ROW, known=("uflp_KG", "ga250a-1"))], known_values(TABLE, table))[0]
    assert group.reference == 100.0
    assert "| ~90 |" in markdown([group], [])


# -- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "change", "met"),
    [
        ("proven", {"total_s": 10.0}, {}, True),
        ("proven", {"total_s": 5.0}, {}, False),
        ("proven", {}, {"status": "feasible"}, False),
        ("gap", {"gap": 0.01, "by_s": 4.0}, {}, True),
        ("gap", {"gap": 0.01, "by_s": 3.9}, {}, False),
        ("plan", {"above": 1e-6, "by_s": 4.0}, {}, True),
        ("plan", {"above": 1e-6, "by_s": 3.0}, {}, False),
        ("bound", {"below": 0.01, "by_s": 4.0}, {}, True),
        ("bound", {"below": 0.01, "by_s": 3.0}, {}, False),
        ("memory", {"most_mb": 100.0}, {"peak_mb": 99.0}, True),
        ("memory", {"most_mb": 100.0}, {"peak_mb": 101.0}, False),
        ("limit_kept", {}, {}, True),
        ("limit_kept", {}, {"solve_s": 10.3}, False),
        ("sound", {}, {}, True),
        ("sound", {}, {"faults": ("x",)}, False),
        ("sound", {}, {"status": "crashed"}, False),
        ("mean", {"mean": 0.1, "worst": 0.1, "by_s": 10.0}, {}, True),
        ("mean", {"mean": 0.1, "worst": 1e-5, "by_s": 10.0}, {}, False),
        ("not_slower", {}, {}, None),
    ],
)
def test_targets_are_met_or_missed(
    kind: str, values: dict[str, float], change: dict[str, object], met: bool | None
) -> None:
    target = Target("it", ("f",), kind, values)
    assert judge(groups_of([replace(ROW, **change)], {}), [target])[0].met is met  # type: ignore[arg-type]


def test_a_miss_under_a_shorter_limit_says_so() -> None:
    target = Target("it", ("f",), "gap", {"gap": 1e-6, "by_s": 60.0})
    finding = judge(groups_of([ROW], {}), [target])[0]
    assert (finding.met, finding.found) == (False, "0 of 1, but the limit was 10 s only")


@pytest.mark.parametrize(
    ("peer_s", "met"), [(5.1, True), (4.9, False)]
)  # 6 s against 1.1 x + 0.5 s
def test_not_slower_than_the_best_peer(peer_s: float, met: bool) -> None:
    peer = replace(ROW, solver="scip", build_s=0.0, solve_s=peer_s)
    groups = groups_of([ROW, peer], {})
    assert judge(groups, [Target("it", (), "not_slower")])[0].met is met


def test_every_target_and_suite_belong_together() -> None:
    families = {member.family for suite in SUITES.values() for member in suite.members}
    groups = [
        g for f in families for g in groups_of([replace(ROW, family=f, case=f"{f}-5000")], {})
    ]
    for finding in judge(groups):
        assert finding.found != "not run", finding.target.text
    assert len({t.text for t in TARGETS}) == len(TARGETS)


# -- report and command -----------------------------------------------------------------------


def test_report_has_every_run_and_stands_alone(stored: Path) -> None:
    rows = [*Store(stored).rows.values()]
    crashed = replace(rows[0], solver="cbc", status="crashed", objective=None, bound=None,
                      trace=(), said="exit code 1; a | b")  # fmt: skip
    paths = write_report([*rows, crashed], stored)
    text = paths[0].read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("| split |", "| whole |"))]
    assert len(lines) == 5
    assert all(line.count("|") == len(HEADS) + 1 for line in lines)
    assert "cbc: crashed; exit code 1; a \\| b" in text
    page = paths[1].read_text(encoding="utf-8")
    assert page.count("Plotly.newPlot(") == 3
    assert "cdn.plot.ly" not in page.replace("https://cdn.plot.ly/un/", "")


def test_command_reports_and_names_what_is_wrong(stored: Path, tmp_path: Path) -> None:
    from optimizer.cli.bench import bench

    command = CliRunner()
    done = command.invoke(bench, ["small", "--out", str(stored), "--report-only"])
    assert done.exit_code == 0, done.output
    assert "report.md" in done.output
    for words, said in (
        (["nothing"], "the suites are small, orlib"),
        (["small", "--peers", "gurobi"], "'gurobi' is no peer"),
        (["small", "--cases", "xyz", "--out", str(tmp_path)], "no case has 'xyz'"),
        (["small", "--limit", "nan"], "not a finite number"),
    ):
        done = command.invoke(bench, words)
        assert done.exit_code == 2
        assert said in done.output
    done = command.invoke(bench, ["orlib", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(done.exception, InstanceError)
    assert "cflp_orlib/cap[0-9]*.txt" in str(done.exception)


def test_files_are_found_below_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "cflp_orlib").mkdir()
    for name in ("cap41.txt", "cap101.txt", "capa.txt", "capinfo.txt"):
        (tmp_path / "cflp_orlib" / name).touch()
    cases, missing = SUITES["orlib"].cases(tmp_path)
    assert [case.name for case in cases] == [
        "orlib-small/cap41", "orlib-small/cap101", "orlib-large/capa_8000",
        "orlib-large/capa_10000", "orlib-large/capa_12000", "orlib-large/capa_14000",
    ]  # fmt: skip
    assert cases[2].options == {"format": "orlib", "capacity": 8000.0}
    assert cases[2].known == ("cflp_orlib", "capa_8000")
    assert len(missing) == 2
    assert json.dumps(cases[0].options)


def test_the_runner_needs_the_standard_library_only() -> None:
    """The memory of a run starts at that of the process that began it."""
    code = (
        "import sys, optimizer.bench.runner, optimizer.bench.suites\n"
        "print([m for m in ('numpy', 'pandas', 'plotly', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
