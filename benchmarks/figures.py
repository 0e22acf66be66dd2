"""The figures the project promises for `shanxi`, measured: times, gap, memory.

Run from anywhere, with the machine otherwise idle: ``python benchmarks/figures.py``. Each figure
comes from a process of its own; wall time and peak memory are those the operating system gives
for that process. ``--mps`` also has the exported model solved by another solver (minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "figures.json"
COMMAND = [sys.executable, "-m", "optimizer"]
LIMITS = {  # figure -> what was promised, in the figure's unit
    "help_s": 0.5,
    "read_network_build_s": 5.0,
    "route_query_median_s": 0.2,
    "solve_wall_s": 60.0,
    "solve_gap": 1e-3,
    "solve_peak_mb": 2048.0,
}

STAGES = """
import json, time
clock = time.perf_counter()
def lap():
    global clock
    before, clock = clock, time.perf_counter()
    return clock - before
from instances import read_instance
from networks.network import build_network
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Question
from optimizer.problem import build_problem
seconds = {"import_s": lap()}
instance = read_instance("shanxi"); seconds["read_s"] = lap()
network = build_network(instance); seconds["network_s"] = lap()
problem = build_problem(instance, network, Question())
model = build_siting_model(problem); seconds["build_s"] = lap()
size = {"columns": model.lp.n_cols, "rows": model.lp.n_rows, "arcs": network.n_arcs}
print(json.dumps(seconds | size))
"""

ROUTES = """
import json, random, statistics, time
from instances import read_instance
from networks.network import build_network
from networks.routes import find_routes
instance = read_instance("shanxi")
network = build_network(instance)
places = instance.tables["places"]
starts = places.loc[places["kind"].isin(["zone", "dry_port"]), "place_id"].tolist()
ends = places.loc[places["kind"].isin(["market", "port"]), "place_id"].tolist()
pick = random.Random(0)
pairs = [(pick.choice(starts), pick.choice(ends)) for _ in range(21)]
seconds, found = [], 0
for start, end in pairs:
    clock = time.perf_counter()
    answer = find_routes(network, start, end, k=5, by="cost")
    seconds.append(time.perf_counter() - clock)
    found += bool(answer.routes)
first, *seconds = seconds  # the first query compiles
print(json.dumps({"first_s": first, "median_s": statistics.median(seconds),
                  "most_s": max(seconds), "pairs": len(seconds), "with_route": found}))
"""

BY_ANOTHER_SOLVER = """
import json, sys, time
from ortools.linear_solver.python import model_builder
path, name, limit_s, gap = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
model = model_builder.Model()
assert model.import_from_mps_file(path)
solver = model_builder.Solver(name)
assert solver.solver_is_supported(), name
solver.set_time_limit_in_seconds(limit_s)
if name == "scip":
    solver.set_solver_specific_parameters(f"limits/gap = {gap}")
clock = time.perf_counter()
status = solver.solve(model)
print(json.dumps({"status": status.name, "objective": solver.objective_value,
                  "bound": solver.best_objective_bound,
                  "seconds": time.perf_counter() - clock}))
"""


@dataclass(frozen=True)
class Measured:
    """What the operating system says of one process, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def measure(command: list[str], folder: Path, expected: int = 0) -> Measured:
    """Run a command to its end and return its times (s), peak memory (MiB) and output."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        clock = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=folder)
        _, status, used = os.wait4(process.pid, 0)  # the usage of this child alone
        wall_s = time.perf_counter() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != expected:
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()}"
            )
        unit = 1024**2 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        cpu_s = used.ru_utime + used.ru_stime
        return Measured(wall_s, cpu_s, used.ru_maxrss / unit, output.read())


def code(text: str, *arguments: object) -> list[str]:
    """Return the command that runs a piece of Python."""
    return [sys.executable, "-c", text, *map(str, arguments)]


def figures(folder: Path) -> dict[str, Any]:
    """Measure everything but the exported model; times in seconds, memory in MiB."""
    found: dict[str, Any] = {}
    times = [measure([*COMMAND, "--help"], folder).wall_s for _ in range(5)]
    found["help_s"] = statistics.median(times)
    library = code("import optimizer\nfor n in optimizer.__all__: getattr(optimizer, n)")
    times = [measure(library, folder).wall_s for _ in range(3)]
    found["import_all_of_optimizer_s"] = statistics.median(times)

    stages = json.loads(measure(code(STAGES), folder).output)
    found |= stages
    found["read_network_build_s"] = sum(stages[k] for k in ("read_s", "network_s", "build_s"))

    routes = json.loads(measure(code(ROUTES), folder).output)
    found |= {f"route_query_{key}": value for key, value in routes.items()}

    out = folder / "run"
    solve = measure([*COMMAND, "solve", "shanxi", "--out", str(out), "--json", "--quiet"], folder)
    answer = json.loads(solve.output)
    found["solve_wall_s"] = solve.wall_s
    found["solve_cpu_s"] = solve.cpu_s
    found["solve_peak_mb"] = solve.peak_mb
    found |= {f"solve_stage_{key}_s": value for key, value in answer["seconds"].items()}
    for key in ("status", "objective", "bound", "gap", "solver", "nodes"):
        found[f"solve_{key}"] = answer[key]
    found["instance_hash"] = answer["instance"]["hash"]

    verify = measure([*COMMAND, "verify", "shanxi", str(out)], folder)
    report = measure([*COMMAND, "report", str(out)], folder)
    found |= {"verify_wall_s": verify.wall_s, "verify_peak_mb": verify.peak_mb}
    found |= {"report_wall_s": report.wall_s, "report_peak_mb": report.peak_mb}
    return found


def by_another_solver(folder: Path, solver: str, limit_s: float, best: dict) -> dict[str, Any]:
    """Export the model and solve it elsewhere, and say whether it finds the same optimum."""
    gap = LIMITS["solve_gap"]
    path = folder / "shanxi.mps"
    export = measure([*COMMAND, "export", "shanxi", "--to", "mps", "--out", str(path)], folder)
    run = measure(code(BY_ANOTHER_SOLVER, path, solver, limit_s, gap), folder)
    other = json.loads(run.output)
    # Each objective must lie above the other's bound, and within the two gaps of it.
    dust = 1e-6 * abs(best["solve_objective"])
    agrees = (
        other["objective"] >= best["solve_bound"] - dust
        and best["solve_objective"] >= other["bound"] - dust
    )
    apart = abs(other["objective"] - best["solve_objective"]) / abs(best["solve_objective"])
    return {
        "mps_export_wall_s": export.wall_s,
        "mps_mb": path.stat().st_size / 1024**2,
        "mps_solver": solver,
        **{f"mps_{key}": value for key, value in other.items()},
        "mps_objectives_apart": apart,
        # Shown only if the other solver came to its end: consistent bounds alone prove less.
        "mps_same_optimum": other["status"] == "OPTIMAL" and agrees and apart <= gap,
        "mps_consistent": agrees,
    }


def main() -> None:
    """Measure, print and write results/figures.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mps", action="store_true", help="solve the exported model elsewhere")
    parser.add_argument("--mps-solver", default="scip", choices=["scip", "cbc"])
    parser.add_argument("--mps-limit-s", type=float, default=1800.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = figures(folder)
        if asked.mps:
            found |= by_another_solver(folder, asked.mps_solver, asked.mps_limit_s, found)
    for key, value in found.items():
        shown = f"{value:,.4g}" if isinstance(value, float) else value
        limit = ""
        if key in LIMITS:
            kept = "kept" if value <= LIMITS[key] else "MISSED"
            limit = f"   (at most {LIMITS[key]:g}: {kept})"
        print(f"{key:<28} {shown}{limit}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine | {"load_at_start": load}, "limits": LIMITS, "figures": found}
    asked.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
