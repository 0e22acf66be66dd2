"""A run that is killed and goes on: `zoneopt solve`, kill -9, `zoneopt resume`, again and again.

    python benchmarks/kill_resume.py                       a draw of the 500 x 500 recipe, 3 kills
    python benchmarks/kill_resume.py --size 300 --kills 5
    python benchmarks/kill_resume.py --file i500_1 --format tbed1 --single-source

The command runs as a user runs it, in a process of its own, and is killed by the operating system
``--after`` seconds after its first plan is on disk (SIGKILL: nothing is cleaned up). What stands
on disk then is written down, and `zoneopt resume` goes on. At the end the last plan is verified
and everything is compared: no plan worse and no bound lower than what was on disk before. Exit
code 1 if one is. The result is stored as JSON (``--out``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results" / "kill_resume.json"
ZONEOPT = [sys.executable, "-c", "from optimizer.cli import main; main()"]


def state_of(run: Path) -> dict[str, Any] | None:
    """Return objective and bound on disk, mcny a year; None while there is no plan."""
    path = run.with_name(f".{run.name}.checkpoint") / "state.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not document["values"]:
        return None
    return {"objective": document["objective"], "bound": document["bound"]}


def killed(arguments: list[str], run: Path, before: dict[str, Any] | None, after_s: float) -> Any:
    """Run a command, kill it some time after it has written something new; return the state.

    None if it ended by itself first.
    """
    process = subprocess.Popen([*ZONEOPT, *arguments], stderr=subprocess.DEVNULL)
    while process.poll() is None:
        state = state_of(run)
        if state is not None and state != before:
            break
        time.sleep(0.05)
    if process.poll() is None:
        time.sleep(after_s)
    if process.poll() is not None:
        return None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return state_of(run)


def main() -> int:
    """Kill and resume; return the exit code."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--size", type=int, default=500)
    words.add_argument("--ratio", type=float, default=5.0)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--file", help="a published file instead of a draw")
    words.add_argument("--format", default=None)
    words.add_argument("--single-source", action="store_true")
    words.add_argument("--kills", type=int, default=3)
    words.add_argument("--after", type=float, default=2.0, help="seconds")
    words.add_argument("--limit", type=float, default=120.0, help="seconds of the last part")
    words.add_argument("--gap", type=float, default=1e-3)
    words.add_argument("--out", type=Path, default=FILE)
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(chosen, Path(folder))
    chosen.out.parent.mkdir(exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0 if result["nothing_lost"] and result["verified"] else 1


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what was on disk at each kill and how the run ended."""
    run = folder / "run"
    source, reading = chosen.file, []
    if source is None:
        source = str(folder / "instance")
        size = f"{chosen.size}x{chosen.size}"
        command = ["generate", "cornuejols", "--size", size, "--ratio", str(chosen.ratio)]
        subprocess.run(
            [*ZONEOPT, *command, "--seed", str(chosen.seed), "--out", source], check=True
        )
    elif chosen.format:
        reading += ["--format", chosen.format]
    if chosen.single_source:
        reading.append("--single-source")
    options = ["--gap", str(chosen.gap), "--time-limit", "600", "--out", str(run), "--quiet"]
    states = [killed(["solve", source, *reading, *options], run, None, chosen.after)]
    while states[-1] is not None and len(states) < chosen.kills:
        again = ["resume", str(run), "--quiet"]
        states.append(killed(again, run, states[-1], chosen.after))
    on_disk = [state for state in states if state is not None]
    if len(on_disk) == len(states):
        arguments = ["resume", str(run), "--time-limit", str(chosen.limit), "--quiet", "--json"]
        ended = subprocess.run([*ZONEOPT, *arguments], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise SystemExit(f"resume ended with {ended.returncode}: {ended.stderr}")
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    final = {"objective": about["objective"], "bound": about["bound"]}
    steps = [*on_disk, final]
    slack = 1e-9 * abs(final["objective"])
    kept = all(
        later["objective"] <= earlier["objective"] + slack
        and (earlier["bound"] is None or later["bound"] >= earlier["bound"] - slack)
        for earlier, later in itertools.pairwise(steps)
    )
    check = subprocess.run([*ZONEOPT, "verify", str(run)], capture_output=True, check=False)
    return {
        "instance": about["instance"]["name"],
        "gap_asked": chosen.gap,
        "on_disk_at_each_kill": on_disk,
        "ended": final | {"status": about["status"], "gap": about["gap"]},
        "nothing_lost": kept,
        "verified": check.returncode == 0,
        "peak_memory_mb": about.get("peak_memory_mb"),
    }


if __name__ == "__main__":
    sys.exit(main())
