"""One run in a process of its own: a task as JSON on standard input, events as JSON lines out.

Events: ``read``, ``built``, ``progress`` (incumbent or bound got better), ``solved``, and ``row``
at the end. Whatever libraries print goes to standard error, so that the events stay clean.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

# What every run needs, imported before any clock starts. Compiled kernels are not among it: that
# they are loaded or compiled is part of solving.
NEEDED = (
    "networks.network", "optimizer.api", "optimizer.engine.answer",
    "optimizer.engine.design.problem", "optimizer.engine.facility.problem",
    "optimizer.engine.recognise", "optimizer.engine.siting", "optimizer.plan.verify",
    "optimizer.solvers.highs", "scipy.sparse",
)  # fmt: skip
SMALLEST_STEP = 1e-5  # relative: bounds that rise by less are told once a second at most
OWN = "zoneopt"


class Teller:
    """Writes events; keeps the best incumbent and bound, and tells only what is better."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._began = math.nan
        self._told_at = -math.inf
        self.incumbent: float = math.inf
        self.bound: float = -math.inf

    def event(self, kind: str, **values: Any) -> None:
        """Write one event."""
        line = json.dumps({"event": kind, **_known(values)}, ensure_ascii=False, allow_nan=False)
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()

    def begin(self) -> None:
        """Start the clock of the trace: reading is over."""
        self._began = time.perf_counter()

    def progress(self, incumbent: float | None, bound: float | None) -> None:
        """Tell an incumbent and a bound; may be called from any thread."""
        seconds = time.perf_counter() - self._began
        with self._lock:
            better = incumbent is not None and incumbent < self.incumbent
            if better:
                self.incumbent = float(incumbent or 0.0)
            step = -1.0 if bound is None else float(bound) - self.bound
            if step > 0:
                self.bound = float(bound or 0.0)
            large = step > SMALLEST_STEP * abs(self.bound)
            late = step > 0 and seconds - self._told_at >= 1.0
            if not (better or large or late):
                return
            self._told_at = seconds
        self.event("progress", at=[seconds, self.incumbent, self.bound])


def main() -> None:
    """Read the task, run it, tell how it went."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    _limit_memory(task.get("memory_gb"))
    teller = Teller(out)
    try:
        teller.event("row", **run(task, teller))
    except MemoryError:
        teller.event("row", status="out_of_memory", said="the memory limit was reached")


def run(task: dict[str, Any], teller: Teller) -> dict[str, Any]:
    """Return the fields of the row that this process knows."""
    from optimizer.bench.contestants import Asked, run_peer, run_spopt, run_zoneopt
    from optimizer.bench.sources import read_case
    from optimizer.errors import SolverUnsuitableError

    for name in NEEDED:
        importlib.import_module(name)
    data = Path(task["data"]) if task["data"] else None
    began = time.perf_counter()
    given = read_case(task["source"], task["options"], data)
    read_s = time.perf_counter() - began
    teller.event("read", read_s=read_s, size=given.size)
    asked = Asked(task["limit_s"], task["gap"], task["threads"], task["seed"], task["facilities"])
    solver = task["solver"]
    contestant: Callable[..., Any] = {OWN: run_zoneopt, "spopt": run_spopt}.get(
        solver, partial(run_peer, solver)
    )
    teller.begin()
    try:
        ended = contestant(given, asked, lambda: teller.event("built"), teller.progress)
    except SolverUnsuitableError as error:
        return {"status": "unsuitable", "said": str(error), "read_s": read_s, "size": given.size}
    teller.event("solved")
    teller.progress(ended.objective if math.isfinite(ended.objective) else None, ended.bound)
    began = time.perf_counter()
    faults, certified = ended.check()
    if certified is not None and certified > ended.objective * (1 + 1e-9) + 1e-9:
        faults.append(f"the certified bound {certified:.9g} is above the objective")
    return {
        "status": ended.status, "objective": ended.objective, "bound": ended.bound,
        "read_s": read_s, "build_s": ended.build_s, "solve_s": ended.solve_s,
        "check_s": time.perf_counter() - began, "nodes": ended.nodes, "size": given.size,
        "model": ended.model, "method": ended.method, "said": ended.said, "faults": faults[:5],
        "certified": certified, "facilities": ended.facilities,
    }  # fmt: skip


def _limit_memory(gigabytes: float | None) -> None:
    """Let the operating system refuse more memory than that, here and in programs we start."""
    if not gigabytes:
        return
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)


def _known(value: Any) -> Any:
    """JSON knows no NaN and no infinity: such a number is unknown, null."""
    if isinstance(value, dict):
        return {key: _known(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_known(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


if __name__ == "__main__":
    main()
