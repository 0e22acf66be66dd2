"""Measure the network design engine on a folder of .dow files; one CSV row per run, resumable.

    python benchmarks/design_bench.py FOLDER --best BEST.csv --limit 300 --out design.csv c48 c50

Rows already in the output (same instance, solver and limit) are skipped. ``load`` is the mean
number of running processes at the end of the run: above the number of cores, the times are
pessimistic, and ``cpu_seconds`` says how much of the machine the run had.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

from instances.published_design import read_dow
from optimizer.engine.design.problem import DesignProblem, check_solution
from optimizer.engine.design.solve import solve_design

COLUMNS = [
    *("instance", "nodes", "arcs", "commodities", "solver", "method", "limit_s", "status"),
    *("objective", "bound", "gap_pct", "best_known", "best_known_proved", "above_best_pct"),
    *("certificate_bound", "tree_nodes", "seconds", "cpu_seconds", "to_1_pct_s"),
    *("to_0.1_pct_s", "load", "faults"),
]


def best_values(path: Path | None) -> dict[str, tuple[str, str]]:
    """Return {instance: (best known value or 'infeasible' or '', proved 0/1)}."""
    if path is None:
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["instance"]: (row["best_known"], row["proven_optimal"])
            for row in csv.DictReader(file)
            if row["family"].startswith("mcnd_canad")
        }


def measure(path: Path, solver: str, limit: float, best: tuple[str, str]) -> dict[str, object]:
    """Return one row: the engine (``zoneopt``) or HiGHS on the strong model (``highs``)."""
    problem = DesignProblem.from_published(read_dow(path))
    events: list[tuple[float, float]] = []
    began, cpu = time.perf_counter(), time.process_time()
    result = solve_design(
        problem,
        time_limit_s=limit,
        method="auto" if solver == "zoneopt" else "direct",
        on_progress=lambda cost, _bound: events.append(
            (time.perf_counter() - began, cost if cost is not None else float("inf"))
        ),
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    known = float(best[0]) if best[0] not in ("", "infeasible") else result.objective
    target = min(known, result.objective)

    def reached(share: float) -> object:
        times = [t for t, cost in events if cost <= target * (1 + share)]
        return round(min(times), 2) if times else ""

    return {
        "instance": path.stem,
        "nodes": problem.n_nodes,
        "arcs": problem.n_arcs,
        "commodities": problem.n_commodities,
        "solver": solver,
        "method": result.method.split(":")[0],
        "limit_s": limit,
        "status": str(result.status),
        "objective": round(result.objective, 4),
        "bound": round(result.bound, 4),
        "gap_pct": round(100 * result.gap, 4) if result.status.has_plan else "",
        "best_known": best[0],
        "best_known_proved": best[1],
        "above_best_pct": round(100 * (result.objective / known - 1), 4)
        if best[0] not in ("", "infeasible") and result.status.has_plan
        else "",
        "certificate_bound": round(result.certificate_bound, 4),
        "tree_nodes": result.nodes,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 1),
        "to_1_pct_s": reached(0.01),
        "to_0.1_pct_s": reached(0.001),
        "load": round(os.getloadavg()[0], 1),
        "faults": "; ".join(check_solution(problem, result)),
    }


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="instances without .dow; all if none")
    parser.add_argument("--best", type=Path, help="CSV with family, instance, best_known, ...")
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--solver", choices=("zoneopt", "highs"), default="zoneopt")
    parser.add_argument("--out", type=Path, default=Path("design.csv"))
    asked = parser.parse_args()
    best = best_values(asked.best)
    done = set()
    if asked.out.exists():
        with asked.out.open(newline="", encoding="utf-8") as file:
            done = {
                (row["instance"], row["solver"], float(row["limit_s"]))
                for row in csv.DictReader(file)
            }
    names = asked.names or sorted(path.stem for path in asked.folder.glob("*.dow"))
    for name in names:
        if (name, asked.solver, asked.limit) in done:
            continue
        row = measure(
            asked.folder / f"{name}.dow", asked.solver, asked.limit, best.get(name, ("", ""))
        )
        fresh = not asked.out.exists()
        with asked.out.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(*(f"{key}={row[key]}" for key in COLUMNS if row[key] != ""), flush=True)


if __name__ == "__main__":
    main()
