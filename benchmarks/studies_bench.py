"""How long each study command takes on `shanxi`, and what a sweep saves against cold solves.

    python benchmarks/studies_bench.py                  all that is not measured yet
    python benchmarks/studies_bench.py curve sweep      only these
    python benchmarks/studies_bench.py --table          the table for docs/, from the results

Each command runs in a process of its own with two workers and an empty study folder, as a planner
types it; time is wall-clock from start to exit, with report and workbook written. The folders stay
(--folders), so that the reports can be read. What is measured goes to
results/studies.json, an entry per command; entries of another version of the code are shown with
the version they were measured with. Run it on a machine that does nothing else.

The sweep: 50 random single changes of the base (those of warm_start.py), as cases of one session
with two workers; once each from the base plan, and once each from nothing. The base itself is
solved before both and not counted, but for the second worker's own solve of it, which the warm
sweep pays for.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results" / "studies.json"
CLI = "from optimizer.cli import main; main()"
WORKERS = ("--workers", "2")

# name -> (arguments, goal in seconds or None)
COMMANDS: dict[str, tuple[tuple[str, ...], float | None]] = {
    "curve": (("curve", "shanxi"), 300),
    "parks": (("parks", "shanxi"), 900),
    "prices": (("prices", "shanxi"), None),
    "tornado": (("tornado", "shanxi"), None),
    "draws": (("tornado", "shanxi", "--draws", "50"), None),
    "pareto": (("pareto", "shanxi"), 600),
    "disrupt": (("disrupt", "shanxi"), 300),
    "stochastic": (("stochastic", "shanxi", "--keep", "50"), 600),
    "phase": (("phase", "shanxi", "--periods", "5"), 300),
    "status": (("status", "shanxi"), None),
    "share": (("share", "shanxi", "--players", "prefectures", "--at-most", "8"), 600),
    "alternatives": (("alternatives", "shanxi"), None),
}
SWEEP = "sweep"
CHANGES, SWEEP_GAP = 50, 0.002


def measure(name: str, folders: Path) -> dict[str, Any]:
    """Return wall-clock seconds, exit code, and what the chapter says of its solves."""
    arguments, goal = COMMANDS[name]
    folder = folders / name
    if folder.exists():
        raise SystemExit(f"{folder} is there already: remove it, or name other --folders")
    command = [*arguments, *WORKERS, "--out", str(folder), "--quiet"]
    began = time.perf_counter()
    with (folders / f"{name}.txt").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", CLI, *command], stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    entry: dict[str, Any] = {
        "command": "zoneopt " + " ".join([*arguments, *WORKERS]),
        "seconds": round(seconds, 1),
        "goal_s": goal,
        "exit_code": os.waitstatus_to_exitcode(status),
        "largest_process_gb": round(usage.ru_maxrss / 2**20, 2),
    }
    for chapter in sorted((folder / "chapters").glob("*.json")):
        facts = json.loads(chapter.read_text(encoding="utf-8")).get("facts", {})
        entry |= {key: facts[key] for key in ("solves", "worst_gap") if key in facts}
    return entry


def sweep() -> dict[str, Any]:
    """Return the wall-clock seconds of 50 changed cases from the base plan, and from nothing."""
    from dataclasses import replace

    from warm_start import draw_changes

    from instances import read_instance
    from optimizer.studies.session import Session

    changes = draw_changes(CHANGES, 0)
    seconds: dict[str, float] = {}
    answers: dict[str, list[Any]] = {}
    each: dict[str, list[float]] = {}
    for way in ("warm", "cold"):
        with Session(read_instance("shanxi"), gap=SWEEP_GAP, workers=2) as session:
            session.base()
            cases = [
                session.case(
                    f"change {k}",
                    replace(session.question, **{n: tuple(v) for n, v in c["asked"].items()}),
                    overrides=tuple(c["overrides"]),
                    cold=way == "cold",
                )
                for k, c in enumerate(changes)
            ]
            began = time.perf_counter()
            answers[way] = session.solve(cases)
            seconds[way] = time.perf_counter() - began
            each[way] = [s.seconds for s in answers[way]]
    wrong = [
        cases[k].name
        for k, (a, b) in enumerate(zip(answers["warm"], answers["cold"], strict=True))
        if (a.status is not b.status and not (a.plan and b.plan))
        or (a.plan and b.plan and (a.low > b.high * (1 + 1e-9) or b.low > a.high * (1 + 1e-9)))
    ]
    return {
        "command": f"{CHANGES} random changes of shanxi, gap {SWEEP_GAP:.1%}, two workers",
        "warm_s": round(seconds["warm"], 1),
        "cold_s": round(seconds["cold"], 1),
        "ratio": round(seconds["cold"] / seconds["warm"], 2),
        "median_ratio": round(
            statistics.median(c / w for w, c in zip(each["warm"], each["cold"], strict=True)), 2
        ),
        "disagree": wrong,
        "worst_gap": round(max(s.gap for s in answers["warm"] if s.plan), 6),
    }


def table(results: dict[str, Any]) -> str:
    """Return the measured times as a table in Markdown."""
    lines = [
        "| command | wall-clock | goal | solves | worst gap |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in COMMANDS:
        if name not in results:
            continue
        e = results[name]
        goal = f"{e['goal_s'] / 60:.0f} min" if e["goal_s"] else ""
        ended = "" if e["exit_code"] == 0 else f" (exit code {e['exit_code']})"
        gap = f"{e['worst_gap']:.2%}" if "worst_gap" in e else ""
        lines.append(
            f"| `{e['command']}` | {_clock(e['seconds'])}{ended} | {goal} | {e.get('solves', '')} "
            f"| {gap} |"
        )
    if SWEEP in results:
        e = results[SWEEP]
        lines += [
            "",
            f"Sweep: {e['command']}: {_clock(e['warm_s'])} from the base plan, "
            f"{_clock(e['cold_s'])} from nothing, {e['ratio']} times as long "
            f"(median of single cases {e['median_ratio']}).",
        ]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def main() -> None:
    """Measure what is asked for, one command after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", help="commands to measure; default: all not measured yet"
    )
    parser.add_argument("--folders", type=Path, default=Path("study-runs"))
    parser.add_argument("--results", type=Path, default=FILE)
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    known = [*COMMANDS, SWEEP]
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"no such command: {', '.join(unknown)}; there are {', '.join(known)}")
    if not options.table:
        options.folders.mkdir(parents=True, exist_ok=True)
        for name in options.names or [n for n in known if n not in results]:
            entry = sweep() if name == SWEEP else measure(name, options.folders)
            entry |= {
                "version": _version(),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
            }
            results[name] = entry
            temporary = options.results.with_suffix(".tmp")
            temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            temporary.replace(options.results)
            print(name, json.dumps(entry), flush=True)
    print(table(results))


def _version() -> str:
    """Return the commit that is measured, with a mark where files differ from it."""
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return commit.stdout.strip()


if __name__ == "__main__":
    main()
