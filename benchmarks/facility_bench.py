"""Measure the facility engine on a folder of published instances, one CSV row per instance.

Run again to resume: instances already in the CSV are skipped. Each instance runs in a process of
its own, so peak memory is that instance's. Times are wall clock: reading is not counted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

COLUMNS = (
    "family", "name", "m", "n", "best_known", "objective", "bound", "gap_pct", "above_best_pct",
    "t_first", "t_0.5", "t_0.1", "t_total", "cpu_s", "status", "method",
    "nodes", "peak_rss_mb", "load",
)  # fmt: skip


def time_to(trace: list[list[float]], gap: float) -> float | None:
    """Return the seconds until the proven gap was first at most ``gap``, or None."""
    for seconds, incumbent, bound in trace:
        if incumbent < float("inf") and (incumbent - bound) <= gap * abs(incumbent):
            return seconds
    return None


def run_one(arguments: argparse.Namespace) -> None:
    """Solve one instance and print its row as JSON."""
    from dataclasses import replace

    from instances.generators import facility as generators
    from instances.published.facility import read_facility
    from optimizer.engine.facility import (
        FacilityProblem,
        check_solution,
        evaluate_certificate,
        solve_facility,
    )

    file = arguments.one
    if file.startswith("generate:"):
        kind, *parts = file.split(":")[1].split(",")
        numbers = dict(part.split("=") for part in parts)
        if kind == "cornuejols":
            size = int(numbers["m"])
            instance = generators.cornuejols(
                size, int(numbers.get("n", size)), ratio=float(numbers["r"]),
                seed=int(numbers["seed"]),
            )  # fmt: skip
        else:
            size = int(numbers["n"])
            instance = generators.euclidean(
                size, size, level=float(numbers["level"]), seed=int(numbers["seed"])
            )
    else:
        instance = read_facility(
            file,
            capacity=arguments.capacity,
            single_source=True if arguments.single_source else None,
            uncapacitated=True if arguments.uncapacitated else None,
        )
    if arguments.split:
        instance = replace(instance, single_source=False)
    problem = FacilityProblem(
        instance.fixed_cost, instance.capacity, instance.demand, instance.unit_cost,
        instance.single_source, instance.name,
    )  # fmt: skip
    load = os.getloadavg()[0]
    cpu = time.process_time()
    result = solve_facility(
        problem, gap=arguments.gap, time_limit_s=arguments.limit, seed=arguments.seed,
        method=arguments.method,
    )  # fmt: skip
    cpu = time.process_time() - cpu
    faults = check_solution(problem, result) if result.status.has_plan else []
    certified = evaluate_certificate(problem, result.certificate) if result.certificate else None
    if certified is not None and certified > result.objective * (1 + 1e-9):
        faults.append(f"certificate {certified} above the objective")
    trace = [list(row) for row in result.trace]
    first = [seconds for seconds, incumbent, _ in trace if incumbent < float("inf")]
    row = {
        "name": instance.name, "m": problem.m, "n": problem.n,
        "objective": result.objective, "bound": result.bound, "gap_pct": 100 * result.gap,
        "t_first": first[0] if first else None, "t_0.5": time_to(trace, 5e-3),
        "t_0.1": time_to(trace, 1e-3), "t_total": result.seconds, "cpu_s": cpu,
        "status": result.status.value if not faults else "WRONG: " + "; ".join(faults),
        "method": result.method, "nodes": result.nodes, "peak_rss_mb": result.peak_memory_mb,
        "load": load, "phases": result.phases, "trace": trace if arguments.trace else None,
        "dual_bound": certified,
    }  # fmt: skip
    print("ROW " + json.dumps(row))


def best_known(table: Path | None, family: str) -> dict[str, float]:
    """Return the known values of a family by instance name."""
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {
            row["instance"]: float(row["best_known"])
            for row in csv.DictReader(file)
            if row["family"] == family and row["best_known"]
        }


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="instance files, or generate:cornuejols,m=..")
    parser.add_argument("--family", default="", help="family name in the table of known values")
    parser.add_argument("--known", type=Path, help="CSV of known values")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--gap", type=float, default=1e-4)
    parser.add_argument("--capacity", type=float)
    parser.add_argument("--single-source", action="store_true")
    parser.add_argument("--split", action="store_true", help="allow split delivery")
    parser.add_argument("--uncapacitated", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments)
        return
    known = best_known(arguments.known, arguments.family)
    done: set[str] = set()
    if arguments.out and arguments.out.exists():
        with arguments.out.open(newline="", encoding="utf-8") as file:
            done = {row["name"] for row in csv.DictReader(file)}
    own = [
        word for word in sys.argv[1:]
        if word not in arguments.files and not word.startswith(("--out", "--known"))
    ]  # fmt: skip
    own = [word for word in own if word not in (str(arguments.out), str(arguments.known))]
    for file in arguments.files:
        stem = Path(file).name.removesuffix(".txt").removesuffix(".cfl")
        stem += f"_{arguments.capacity:g}" if arguments.capacity else ""
        if stem in done:
            continue
        command = [sys.executable, __file__, "--one", file, *own]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        started = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, env=environment)
        lines = [x for x in ended.stdout.splitlines() if x.startswith("ROW ")]
        if not lines:
            print(stem, "FAILED", ended.stderr[-2000:])
            continue
        row = json.loads(lines[0][4:])
        value = known.get(row["name"])
        row["family"] = arguments.family
        row["best_known"] = value
        row["above_best_pct"] = 100 * (row["objective"] / value - 1) if value else None
        print(
            f"{row['name']:24s} obj {row['objective']:.6g} bound {row['bound']:.6g} gap% "
            f"{row['gap_pct']:.4f} best {value} t.5 {row['t_0.5']} t.1 {row['t_0.1']} "
            f"t {row['t_total']:.2f} cpu {row['cpu_s']:.2f} n {row['nodes']} {row['status']} "
            f"{row['phases']} "
            f"all {time.perf_counter() - started:.1f}",
            flush=True,
        )
        if row.get("trace"):
            print(row["trace"])
        if arguments.out:
            new = not arguments.out.exists()
            with arguments.out.open("a", newline="", encoding="utf-8") as out:
                writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore")
                if new:
                    writer.writeheader()
                writer.writerow({
                    key: f"{value:.10g}" if isinstance(value, float) else value
                    for key, value in row.items() if key in COLUMNS
                })  # fmt: skip


if __name__ == "__main__":
    main()
