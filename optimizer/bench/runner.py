"""Run what is asked and not there yet, each run in a process of its own, and keep every row."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from optimizer.bench.cases import Case
from optimizer.bench.machine import load, machine, versions
from optimizer.bench.rows import Key, Row, Store

OWN = "zoneopt"
PEERS = ("highs", "scip", "cbc", "cp-sat", "spopt")
PATIENCE = 1.5  # times the limit
GRACE_S = 5.0  # on top, for short limits on a loaded machine
SETUP_S, CHECK_S = 900.0, 900.0  # for reading and building, for checking


@dataclass(frozen=True)
class Terms:
    """The same for every run of a benchmark."""

    solvers: tuple[str, ...] = (OWN, "highs")
    limit_s: float | None = None  # None: the case's own
    threads: int = 2
    seeds: tuple[int, ...] = (0,)
    memory_gb: float | None = 12.0


@dataclass(frozen=True)
class Run:
    """One run that is to be made."""

    suite: str
    case: Case
    solver: str
    seed: int
    limit_s: float
    threads: int

    @property
    def key(self) -> Key:
        """The key of its row."""
        return (
            self.suite, self.case.name, self.solver, self.seed, self.limit_s, self.case.gap,
            self.threads,
        )  # fmt: skip


def runs_of(suite: str, cases: Sequence[Case], terms: Terms) -> Iterator[Run]:
    """Yield every run, ours first in each case: the p-median peer is told our number open."""
    for case in cases:
        for seed in terms.seeds:
            for solver in sorted(terms.solvers, key=lambda name: name != OWN):
                limit = terms.limit_s if terms.limit_s is not None else case.limit_s
                yield Run(suite, case, solver, seed, float(limit), terms.threads)


def run_all(
    runs: Sequence[Run],
    terms: Terms,
    store: Store,
    data: Path | None,
    *,
    on_row: Callable[[int, Row, bool], None] = lambda number, row, is_new: None,
    on_progress: Callable[[int, Run, str], None] = lambda number, run, text: None,
) -> None:
    """Make the runs that the store does not hold; each is on disk before the next begins.

    ``on_row`` gets the number of the run, its row, and whether it was run now. A KeyboardInterrupt
    ends the process at work and leaves the store as it is.
    """
    here = {"machine": machine(), "versions": versions()}
    for number, run in enumerate(runs, start=1):
        is_new = run.key not in store
        if is_new:
            tell = partial(on_progress, number, run)
            store.add(run_one(run, terms, data, _facilities(store, run), here, tell))
        on_row(number, store.rows[run.key], is_new)


def _facilities(store: Store, run: Run) -> int | None:
    """Return how many facilities the best stored plan of the case opens."""
    plans = [
        row
        for row in store.rows.values()
        if (row.suite, row.case) == (run.suite, run.case.name) and row.has_plan and row.facilities
    ]
    best = min(plans, key=lambda row: row.objective or 0.0, default=None)
    return best.facilities if best else None


def run_one(
    run: Run,
    terms: Terms,
    data: Path | None,
    facilities: int | None,
    here: dict[str, Any],
    tell: Callable[[str], None],
) -> Row:
    """Run in a process of its own and return the row, however it ends."""
    task = {
        "source": run.case.source, "options": run.case.options, "solver": run.solver,
        "limit_s": run.limit_s, "gap": run.case.gap, "threads": run.threads, "seed": run.seed,
        "facilities": facilities, "memory_gb": terms.memory_gb,
        "data": str(data.resolve()) if data is not None else None,
    }  # fmt: skip
    start: dict[str, Any] = {
        "load_at_start": load(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    with tempfile.TemporaryFile() as noise:
        watched = _Watched(task, run.limit_s, noise, tell)
        watched.wait()
        fields = watched.fields()
    return Row(
        suite=run.suite, case=run.case.name, family=run.case.family, solver=run.solver,
        seed=run.seed, limit_s=run.limit_s, gap_asked=run.case.gap, threads=run.threads,
        known=run.case.known, **start, **here, **fields,
    )  # fmt: skip


class _Watched:
    """A process that works on one task: its events, its end, what it used."""

    def __init__(
        self, task: dict[str, Any], limit_s: float, noise: Any, tell: Callable[[str], None]
    ) -> None:
        self.limit_s, self.noise, self.tell = limit_s, noise, tell
        self.began = time.perf_counter()
        self.trace: list[tuple[Any, ...]] = []
        self.row: dict[str, Any] = {}
        self.was_killed = False
        self.usage: Any = None
        self.code: int | None = None
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = str(task["threads"])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "optimizer.bench.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, env=environment,
            start_new_session=True,
        )  # fmt: skip
        assert self.process.stdin is not None, "a pipe was asked for"
        self.process.stdin.write(json.dumps(task).encode())
        self.process.stdin.close()
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        assert self.process.stdout is not None, "a pipe was asked for"
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait(self) -> None:
        """Follow the process to its end; kill it and all it started when it takes too long."""
        deadline = self.began + SETUP_S
        try:
            while True:
                try:
                    line = self.lines.get(timeout=max(0.0, deadline - time.perf_counter()))
                except queue.Empty:
                    self.was_killed = True
                    break
                if line is None:
                    break
                now = time.perf_counter()
                event = json.loads(line)
                kind = event.pop("event")
                if kind == "progress":
                    self.trace.append(tuple(event["at"]))
                    self.tell(_words(event["at"]))
                elif kind == "row":
                    self.row |= event
                else:
                    self.row |= event
                    self.tell(kind)
                    if kind == "built":
                        deadline = now + PATIENCE * self.limit_s + GRACE_S
                    elif kind == "solved":
                        deadline = now + CHECK_S
            self._end(kill=self.was_killed)
        except BaseException:
            self._end(kill=True)
            raise

    def _end(self, kill: bool) -> None:
        if kill:
            _kill(self.process)
        if hasattr(os, "wait4") and self.process.returncode is None:
            _, status, self.usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
        self.code = self.process.wait()
        _kill(self.process)  # what it started and left behind
        if self.process.stdout is not None:
            self.process.stdout.close()

    def fields(self) -> dict[str, Any]:
        """Return what the process told and used, as fields of a row."""
        found: dict[str, Any] = dict(self.row)
        if "status" not in found:
            said = self._last_words()
            found["status"] = "killed" if self.was_killed else "crashed"
            if any(word in said for word in ("MemoryError", "bad_alloc", "Cannot allocate")):
                found["status"] = "out_of_memory"
            found["said"] = f"exit code {self.code}; {said}" if said else f"exit code {self.code}"
            if self.trace:
                _, incumbent, bound = self.trace[-1]
                found["bound"] = bound
                found["said"] += "" if incumbent is None else f"; told an incumbent {incumbent:.9g}"
        found["faults"] = tuple(found.get("faults", ()))
        found["trace"] = tuple(self.trace)
        found["wall_s"] = time.perf_counter() - self.began
        if self.usage is not None:
            # Linux counts in kilobytes, macOS in bytes
            scale = 2**20 if sys.platform == "darwin" else 2**10
            found["peak_mb"] = round(self.usage.ru_maxrss / scale, 1)
            found["cpu_s"] = round(self.usage.ru_utime + self.usage.ru_stime, 3)
        return found

    def _last_words(self) -> str:
        """Return the last line of what was printed, without the folders of this machine."""
        self.noise.seek(0, os.SEEK_END)
        self.noise.seek(max(0, self.noise.tell() - 4000))
        text = self.noise.read().decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return re.sub(r"(?:/[^/\s'\"]+)+/", "", lines[-1])[:200] if lines else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process's group, which is its own."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _words(at: Sequence[float | None]) -> str:
    """Return a step of the trace in words."""
    seconds, incumbent, bound = at
    text = f"{seconds:6.1f} s"
    if incumbent is not None:
        text += f"  incumbent {incumbent:,.6g}"
    if bound is not None:
        text += f"  bound {bound:,.6g}"
    return text
