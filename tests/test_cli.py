"""The command `zoneopt` as a planner types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from instances import read_instance
from optimizer.cli import group
from optimizer.plan.plan import Plan

COMMAND = [sys.executable, "-m", "optimizer"]
HEAVY = ("pandas", "numpy", "scipy", "numba", "ortools", "highspy", "pulp", "plotly", "pyarrow")
OPTIMUM = {"two_zones": 17.70, "dry_port": 9.502}  # worked by hand in their README.md


def zoneopt(*words: object) -> Result:
    """Run the command in this process; standard output and standard error apart."""
    result = CliRunner().invoke(group, [str(w) for w in words], prog_name="zoneopt")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*words: object) -> str:
    """The message of a command that must end with exit code 2 and no output."""
    result = zoneopt(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


# -- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["solve", "--help"], ["route", "-h"], ["--version"]])
def test_help_waits_for_no_heavy_import(words: list[str]) -> None:
    code = (
        "import sys\nfrom optimizer.cli import group\n"
        "try:\n    group.main(sys.argv[1:], prog_name='zoneopt')\n"
        f"finally:\n    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert "zoneopt" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_names_every_command_and_examples_keep_their_lines() -> None:
    text = zoneopt("--help").stdout
    for name in group.list_commands(None):  # type: ignore[arg-type]
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
        assert zoneopt(name, "--help").exit_code == 0
    assert "\n  zoneopt solve shanxi --out runs/shanxi\n" in zoneopt("solve", "--help").stdout


def test_an_unknown_command_gets_the_nearest_one() -> None:
    assert "No such command 'solv'. Did you mean 'solve'?" in refused("solv", "two_zones")
    assert "No such command 'xyzzy'." in refused("xyzzy")


# -- solve ------------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", OPTIMUM)
def test_solve_finds_the_optimum_worked_by_hand(instance: str) -> None:
    result = zoneopt("solve", instance, "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer["objective"] == pytest.approx(OPTIMUM[instance], abs=1e-6)
    assert answer["bound"] == pytest.approx(OPTIMUM[instance], rel=1e-3)
    assert answer["gap"] <= 1e-3
    assert answer["status"] == "optimal"
    assert answer["stop_reason"] == "gap reached"
    assert answer["absorbed_mcny"] == pytest.approx(100.0)
    assert len(answer["open_zones"]) == 2
    assert {"read", "network", "build", "solve"} <= answer["seconds"].keys()
    assert all(seconds >= 0 for seconds in answer["seconds"].values())
    assert answer["instance"]["hash"] == read_instance(instance).hash
    assert "bound" in result.stderr  # progress does not mix with the answer


def test_solve_tells_a_person_the_answer() -> None:
    result = zoneopt("solve", "two_zones", "--quiet")
    assert result.stderr == ""
    assert "2 zones absorb 100 of 100 million CNY" in result.stdout
    assert "objective 17.70, bound 17.70, gap 0.0000%" in result.stdout


@pytest.mark.parametrize(
    ("option", "objective"),
    [
        (["--set", "zones.taiyuan.open_mcny*=2"], 18.70),  # taiyuan opens at 40/20 instead of 20/20
        (["--set", "modules.taiyuan_block.max_count=1"], 17.945),  # both, one module: 21.25 - 3.305
        (["--forbid", "taiyuan"], 19.915),  # datong alone: 21.25 - 1.335
        (["--forbid", "datong"], 18.29),  # taiyuan alone: 21.25 - 2.96
        (["--forbid", "大同", "--open", "Taiyuan Zone"], 18.29),
        (["--close", "tianjin"], 21.25),  # nothing can leave Shanxi: all stays
        (["--close", "Tianjin port"], 21.25),
        (["--target", "100%"], 17.70),
    ],
)
def test_each_option_changes_the_optimum_as_worked_by_hand(
    option: list[str], objective: float
) -> None:
    answer = json.loads(zoneopt("solve", "two_zones", "--json", "--quiet", *option).stdout)
    assert answer["objective"] == pytest.approx(objective, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "share", "mcny"),
    [("0.2", 0.2, None), ("20%", 0.2, None), ("1", 1.0, None), ("55", None, 55.0)],
)
def test_target_is_a_share_or_a_volume(text: str, share: float | None, mcny: float | None) -> None:
    answer = json.loads(zoneopt("solve", "two_zones", "--json", "--target", text).stdout)
    assert answer["question"]["target_share"] == share
    assert answer["question"]["target_mcny"] == mcny


def test_the_target_of_an_industry_is_asked() -> None:
    question = ("solve", "dry_port", "--json", "--industry-target", "electronics=70")
    answer = json.loads(zoneopt(*question).stdout)
    assert answer["question"]["industry_targets"] == [["electronics", 70.0]]
    assert answer["absorbed_mcny"] >= 70.0


def test_without_a_plan_the_exit_code_is_1_and_says_why(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = zoneopt("solve", "two_zones", "--target", "5000", "--out", out, "--quiet")
    assert result.exit_code == 1
    assert "infeasible" in result.stdout
    assert "at least 5,000 million CNY of output must come to the zones" in result.stdout
    assert not out.exists()
    result = zoneopt("solve", "two_zones", "--target", "5000", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["status"] == "infeasible"
    assert answer["objective"] is None
    assert answer["open_zones"] == []
    assert answer["explanation"]["conflict"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "no bundled instance of that name"),
        (["two_zones", "--target", "much"], "'much' is neither a share"),
        (["two_zones", "--target", "nan"], "'nan' is neither a share"),
        (["two_zones", "--target", "-1"], "'-1' is neither a share"),
        (["two_zones", "--target", "150%"], "more than all volume"),
        (["two_zones", "--industry-target", "electronics"], "write NAME=NUMBER"),
        (["two_zones", "--industry-target", "electronics=inf"], "write NAME=NUMBER"),
        (["two_zones", "--industry-target", "steel=3"], "'steel': is not in the instance"),
        (["two_zones", "--gap", "nan"], "'nan' is not a finite number"),
        (["two_zones", "--gap", "-1"], "not in the range x>=0"),
        (["two_zones", "--time-limit", "0"], "not in the range x>0"),
        (["two_zones", "--time-limit", "nan"], "'nan' is not a finite number"),
        (["two_zones", "--budget", "-3"], "not in the range x>=0"),
        (["two_zones", "--solver", "gurobi"], "'gurobi' is not one of"),
        (["two_zones", "--objective", "joy"], "'joy' is not one of"),
        (["two_zones", "--open", "taiyun"], "zone 'taiyun' is unknown. Nearest: taiyuan"),
        (["two_zones", "--forbid", "nowhere"], "zone 'nowhere' is unknown"),
        (["two_zones", "--open", "datong", "--forbid", "datong"], "required and forbidden"),
        (["two_zones", "--close", "tianji"], "'tianji' is ambiguous. Give an id: tianjin"),
        (["two_zones", "--set", "nonsense"], "use table.id.column=value"),
        (["two_zones", "--set", "zones.tayuan.open_mcny=3"], "Did you mean 'taiyuan'?"),
        (["two_zones", "--set", "zones.taiyuan.opne_mcny=3"], "'opne_mcny' is not in zones"),
        (["two_zones", "--set", "zones.taiyuan.open_mcny=abc"], "'abc' is not a number"),
        (["two_zones", "--set", "zones.taiyuan.open_mcny=nan"], "NaN"),
        (["two_zones", "--set", "settings.discount_rate=-3"], "must be at least 0"),
        (["dry_port", "--solver", "cp-sat"], "CP-SAT cannot express this model"),
        (["two_zones", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_gets_one_clear_message(words: list[str], message: str) -> None:
    text = refused("solve", "--quiet", *words)
    assert message in text
    told = [line for line in text.splitlines() if line and not line.startswith(("Usage:", "Try "))]
    assert len(told) == 1, text


def test_a_folder_with_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("two years of work")
    assert "not a run folder" in refused("solve", "two_zones", "--out", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_the_best_plan(tmp_path: Path, stop: signal.Signals) -> None:
    # A gap that takes long to reach, so that there is a plan but no end when the signal comes.
    words = ["solve", "shanxi", "--gap", "0", "--out", str(tmp_path / "run"), "--json"]
    started = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    has_plan = any("incumbent" in line for line in started.stderr)  # reads as far as that line
    assert has_plan
    assert started.poll() is None, "ended before it could be stopped"
    asked = time.monotonic()
    started.send_signal(stop)
    output, errors = started.communicate(timeout=120)
    assert "stopping with the best plan so far" in errors
    answer = json.loads(output)
    assert started.returncode == 0, errors
    assert answer["status"] == "feasible"
    assert answer["stop_reason"] == "cancelled"
    assert answer["bound"] < answer["objective"]
    assert time.monotonic() - asked < 60
    assert zoneopt("verify", "shanxi", tmp_path / "run").exit_code == 0


# -- verify and report --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two_zones."""
    folder = tmp_path_factory.mktemp("runs") / "two_zones"
    result = zoneopt("solve", "two_zones", "--quiet", "--out", folder)
    assert result.exit_code == 0
    assert f"report: {folder / 'report.html'}" in result.stdout
    return folder


def test_verify_accepts_the_plan_as_file_and_as_folder(run: Path) -> None:
    for plan in (run, run / "plan.json"):
        result = zoneopt("verify", "two_zones", plan)
        assert result.exit_code == 0
        assert result.stdout.startswith("the plan holds\nrecomputed cost: 17.700000 mcny")
    verdict = json.loads(zoneopt("verify", "two_zones", run, "--json").stdout)
    assert verdict["ok"] is True
    assert verdict["violations"] == []
    assert verdict["cost_mcny"] == pytest.approx(17.70)
    assert sum(verdict["components"].values()) == pytest.approx(17.70)


def test_verify_takes_a_run_folder_alone(run: Path, tmp_path: Path) -> None:
    result = zoneopt("verify", run)
    assert result.exit_code == 0, result.output
    assert "% of the stated bound, without a solver" in result.stdout
    assert "no run folder" in refused("verify", tmp_path)
    assert "no run folder" in refused("verify", "two_zones")


def test_verify_prints_the_violated_row_of_a_tampered_plan(run: Path, tmp_path: Path) -> None:
    raw = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    move = next(m for m in raw["moves"] if m["zone_id"] == "taiyuan")
    move["output_mcny"] += 1.0
    tampered = tmp_path / "plan.json"
    tampered.write_text(json.dumps(raw), encoding="utf-8")
    result = zoneopt("verify", "two_zones", tampered)
    assert result.exit_code == 1
    assert "REJECTED" in result.stdout
    assert "[1 volume] block dongguan electronics" in result.stdout
    assert "(found 101, allowed 100)" in result.stdout
    verdict = json.loads(zoneopt("verify", "two_zones", tampered, "--json").stdout)
    assert verdict["ok"] is False
    assert any(v["where"] == "block dongguan electronics" for v in verdict["violations"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": "zoneopt-plan-1", "mov', "is damaged JSON"),
        (b"[]", "not a plan of format zoneopt-plan-1"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
    ],
)
def test_a_damaged_plan_is_bad_input(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    for words in (("verify", "two_zones", path), ("verify", "two_zones", tmp_path)):
        text = refused(*words)
        assert message in text
        assert str(path) in text


def test_a_missing_plan_is_bad_input(tmp_path: Path) -> None:
    assert "does not exist" in refused("verify", "two_zones", tmp_path / "none.json")
    assert "plan.json cannot be read: No such file" in refused("verify", "two_zones", tmp_path)
    assert "not a finite number" in refused("verify", "two_zones", tmp_path, "--tolerance", "nan")


def test_a_plan_of_another_instance_is_rejected(run: Path) -> None:
    result = zoneopt("verify", "dry_port", run)
    assert result.exit_code == 1
    assert "[instance] instance hash" in result.stdout


def test_report_is_written_again(run: Path) -> None:
    before = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    (run / "report.html").unlink()
    result = zoneopt("report", run)
    assert result.exit_code == 0
    assert "17.7" in (run / "report.html").read_text(encoding="utf-8")
    assert json.loads((run / "plan.json").read_text(encoding="utf-8")) == before


def test_report_of_something_else_is_refused(tmp_path: Path) -> None:
    assert "is not a run folder" in refused("report", tmp_path)


# -- route and calibrate ------------------------------------------------------------------------

LEG = {"from", "to", "kind", "mode", "regime", "km", "cost_cny_per_teu", "hours", "co2e_kg_per_teu"}
TOTALS = {
    "cost_cny_per_teu", "generalised_cost_cny_per_teu", "hours", "sd_hours", "co2e_kg_per_teu",
}  # fmt: skip
TO_SEA = ("route", "two_zones", "taiyuan", "overseas", "--from-regime", "export_cleared")


def routes(*words: object) -> list[dict[str, Any]]:
    result = zoneopt(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["routes"]


def test_a_route_has_the_documented_shape_and_the_cost_worked_by_hand() -> None:
    (route,) = routes(*TO_SEA)
    assert route.keys() >= TOTALS | {"legs"}
    assert all(leg.keys() >= LEG for leg in route["legs"])
    assert route["cost_cny_per_teu"] == pytest.approx(200 + 4000 + 500 + 300 + 2000)
    for total in ("cost_cny_per_teu", "hours", "co2e_kg_per_teu"):
        assert route[total] == pytest.approx(sum(leg[total] for leg in route["legs"]))
    assert route["legs"][0]["from"] == "taiyuan"
    assert route["legs"][-1]["to"] == "overseas"


def test_a_route_to_itself_is_one_without_legs() -> None:
    (route,) = routes("route", "shanxi", "太原", "太原")
    assert route["legs"] == []
    assert route["cost_cny_per_teu"] == 0


def test_a_route_is_told_leg_by_leg() -> None:
    text = zoneopt(*TO_SEA).stdout
    assert "1. CNY 7,000 a TEU" in text
    assert re.search(r"customs export_cleared > foreign +Tianjin port .* 300 CNY", text)
    assert re.search(r"line_haul sea +Tianjin port > Overseas market +10,000 km +2,000 CNY", text)


def test_names_are_understood_in_english_and_chinese() -> None:
    by_id = routes(*TO_SEA)
    for start, end in (("太原", "overseas"), ("Taiyuan zone", "Overseas market")):
        words = ("route", "two_zones", start, end, "--from-regime", "export_cleared")
        assert routes(*words) == by_id
    found = routes("route", "shanxi", "中鼎物流园", "杜伊斯堡", "--k", "2")
    assert len(found) == 2
    assert found[0]["legs"][0]["from"] == "zhongding"
    assert found[0]["legs"][-1]["to"] == "mk-duisburg"
    assert found[0]["cost_cny_per_teu"] <= found[1]["cost_cny_per_teu"]


def test_the_front_holds_the_best_of_each_criterion() -> None:
    ends = ("route", "shanxi", "zhongding", "duisburg")
    front = routes(*ends, "--pareto")
    for by, total in (("cost", "cost_cny_per_teu"), ("hours", "hours"), ("co2", "co2e_kg_per_teu")):
        (best,) = routes(*ends, "--by", by, "--k", "1")
        assert min(r[total] for r in front) == pytest.approx(best[total])
    criteria = ("cost_cny_per_teu", "hours", "co2e_kg_per_teu")
    points = [tuple(r[c] for c in criteria) for r in front]
    for point in points:
        assert not any(
            other != point and all(o <= p for o, p in zip(other, point, strict=True))
            for other in points
        )


def test_a_blocked_route_names_the_closures_that_block_it() -> None:
    result = zoneopt(*TO_SEA, "--close", "datong", "--close", "tianjin")
    assert result.exit_code == 1
    assert "No route from Taiyuan zone" in result.stdout
    assert "A smallest set of closures that blocks it: tianjin." in result.stdout
    result = zoneopt(*TO_SEA, "--close", "datong", "--close", "tianjin", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["routes"] == []
    assert answer["blocked_by"] == ["tianjin"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["two_zones", "taiyuam", "overseas"], "'taiyuam' is unknown"),
        (["two_zones", "taiyuan", "overseas", "--goods", "steel"], "industry 'steel' is unknown"),
        (["two_zones", "taiyuan", "overseas", "--close", "tianji"], "tianjin"),
        (["two_zones", "taiyuan", "overseas", "--build", "bridge"], "project 'bridge' is unknown"),
        (["two_zones", "taiyuan", "overseas", "--value-cny-per-teu", "nan"], "not a finite number"),
        (["two_zones", "taiyuan", "overseas", "--k", "0"], "not in the range x>=1"),
        (["two_zones", "taiyuan"], "Missing argument 'TO'"),
    ],
)
def test_a_bad_route_query_gets_one_clear_message(words: list[str], message: str) -> None:
    assert message in refused("route", *words)


def test_calibrate_compares_rows_and_modes(tmp_path: Path) -> None:
    import pandas as pd

    result = zoneopt("calibrate", "shanxi", "--json", "--csv", tmp_path / "calibration.csv")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    independent = [r for r in answer["rows"] if r["used_as_input"] == 0]
    assert len(independent) >= 20
    assert {s["mode_group"] for s in answer["summary"]} >= {"all", "rail", "sea"}
    table = pd.read_csv(tmp_path / "calibration.csv")
    assert len(table) == len(answer["rows"])
    text = zoneopt("calibrate", "shanxi").stdout
    assert all(r["row_id"] in text for r in answer["rows"])


def test_calibrate_says_when_there_is_nothing_to_compare() -> None:
    result = zoneopt("calibrate", "two_zones")
    assert result.exit_code == 0
    assert "no published figures" in result.stdout


# -- instances, validate, completion ------------------------------------------------------------


def test_instances_lists_what_is_bundled() -> None:
    text = zoneopt("instances").stdout
    listed = json.loads(zoneopt("instances", "--json").stdout)
    assert {b["name"] for b in listed} >= {"shanxi", "two_zones", "dry_port"}
    for bundled in listed:
        assert bundled["name"] in text
        assert bundled["title"] in text


def test_validate_accepts_what_is_bundled() -> None:
    result = zoneopt("validate", "two_zones")
    assert result.exit_code == 0
    assert result.stdout == "two_zones: no faults\n"
    assert json.loads(zoneopt("validate", "dry_port", "--json").stdout) == []


def test_validate_lists_all_faults_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    assert zoneopt("export", "two_zones", "--to", "csv", "--out", folder).exit_code == 0
    zones = folder / "zones.csv"
    zones.write_text(zones.read_text(encoding="utf-8").replace("taiyuan", "tayuan"), "utf-8")
    places = folder / "places.csv"
    places.write_text(places.read_text(encoding="utf-8").replace("112.55", "912.55"), "utf-8")
    result = zoneopt("validate", folder)
    assert result.exit_code == 2
    assert "zones.csv, row 2" in result.stdout
    assert "places.csv, row 3, column longitude_deg is '912.55'" in result.stdout
    faults = json.loads(zoneopt("validate", folder, "--json").stdout)
    assert {"zones.csv", "places.csv"} <= {f["file"] for f in faults}
    assert all(f.keys() == {"file", "row", "column", "value", "message"} for f in faults)
    assert f"{folder}: {len(faults)} faults" in result.stdout
    text = refused("solve", folder)  # the same faults, before anything is solved
    assert f"{len(faults)} faults:" in text
    assert "places.csv, row 3" in text


def test_validate_of_nothing_is_a_fault() -> None:
    result = zoneopt("validate", "nowhere")
    assert result.exit_code == 2
    assert "no bundled instance of that name" in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(shell: str) -> None:
    assert "_ZONEOPT_COMPLETE" in zoneopt("completion", shell).stdout


def test_completion_knows_the_commands() -> None:
    environment = os.environ | {
        "_ZONEOPT_COMPLETE": "bash_complete", "COMP_WORDS": "zoneopt so", "COMP_CWORD": "1",
    }  # fmt: skip
    code = "from optimizer.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "plain,solve"


# -- export -------------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", OPTIMUM)
@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_exported_tables_read_back_as_the_same_instance(
    tmp_path: Path, instance: str, form: str
) -> None:
    out = tmp_path / ("book.xlsx" if form == "xlsx" else "folder")
    assert zoneopt("export", instance, "--to", form, "--out", out).exit_code == 0
    before, after = read_instance(instance), read_instance(str(out))
    assert after.hash == before.hash
    for name, table in before.tables.items():
        assert after.tables[name].equals(table), name
    assert "exists already" in refused("export", instance, "--to", form, "--out", out)


def by_highs(path: Path) -> float:
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 0.0)
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return solver.getInfo().objective_function_value


def by_cbc(path: Path) -> float:
    from optimizer.solvers.cbc import cbc_program

    answer = path.with_suffix(".answer")
    command = [str(cbc_program()), str(path), "-branch", "-solution", str(answer)]
    subprocess.run(command, capture_output=True, check=True)
    first = answer.read_text().splitlines()[0]
    assert first.startswith("Optimal"), first
    return float(first.split()[-1])


@pytest.mark.parametrize("instance", OPTIMUM)
@pytest.mark.parametrize("form", ["mps", "lp"])
@pytest.mark.parametrize("solver", [by_highs, by_cbc])
def test_another_solver_gets_the_same_optimum_from_the_file(
    tmp_path: Path, instance: str, form: str, solver: Any
) -> None:
    path = tmp_path / "deep" / f"model.{form}"
    assert zoneopt("export", instance, "--to", form, "--out", path).exit_code == 0
    assert solver(path) == pytest.approx(OPTIMUM[instance], rel=1e-6)
    names = path.with_suffix(f".{form}.names.csv").read_text(encoding="utf-8")
    assert {p.name for p in path.parent.glob("*.csv")} == {f"model.{form}.names.csv"}
    assert "taiyuan" in names or "jinzhong" in names or "open" in names


def test_maps_and_graphs_are_written_whole(run: Path, tmp_path: Path) -> None:
    import networkx as nx

    path = tmp_path / "map.geojson"
    words = ("export", "two_zones", "--to", "geojson", "--plan", run, "--out", path)
    assert zoneopt(*words).exit_code == 0
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    taken = {
        f["properties"]["place_id"]: f["properties"]["absorbed_mcny"]
        for f in features
        if "absorbed_mcny" in f["properties"]
    }
    assert taken == pytest.approx({"taiyuan": 70.0, "datong": 30.0})
    graph = tmp_path / "network.graphml"
    assert zoneopt("export", "two_zones", "--to", "graphml", "--out", graph).exit_code == 0
    assert nx.read_graphml(graph).number_of_nodes() > 5
    assert {p.name for p in tmp_path.iterdir()} == {"map.geojson", "network.graphml"}


def test_an_export_that_makes_no_sense_is_refused(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "out"
    words = ("export", "two_zones", "--out", path)
    assert "--plan is drawn into geojson only" in refused(*words, "--to", "mps", "--plan", run)
    assert "'shp' is not one of" in refused(*words, "--to", "shp")
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "model.mps"
    assert str(tmp_path / "file") in refused("export", "two_zones", "--to", "mps", "--out", below)
    assert not path.exists()


# -- the library ----------------------------------------------------------------------------------


def test_four_lines_of_library_give_tables_and_print_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    from optimizer import Question, solve

    instance = read_instance("two_zones")
    result = solve(instance, Question(target_share=0.5))
    frame = result.siting
    assert dict(zip(frame["zone_id"], frame["output_mcny"], strict=True)) == pytest.approx(
        {"taiyuan": 70.0, "datong": 30.0}
    )
    assert result.moves["output_mcny"].sum() == pytest.approx(100.0)
    assert result.accounts["mcny"].sum() == pytest.approx(17.70)
    assert result.flows["teu"].sum() == pytest.approx(200.0)  # 100 out, 100 in from @local
    assert Plan.from_json(result.plan.to_json()) == result.plan
    assert capfd.readouterr() == ("", "")


def test_the_public_names_are_there() -> None:
    import optimizer

    for name in optimizer.__all__:
        assert getattr(optimizer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = optimizer.nonsense
