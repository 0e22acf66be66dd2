"""CBC: the program that PuLP brings along, driven by files.

The model goes over as MPS with every digit and comes back as CBC's binary solution file, with every
digit too (PuLP's own route keeps 8 to 12 of them). PuLP's ``status`` says "Optimal" for a run that
a limit stopped; here the first line of the solution file decides. CBC keeps its time limit loosely,
so it is interrupted at the limit (it then writes what it has) and killed soon after.
"""

from __future__ import annotations

import contextlib
import math
import re
import signal
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from optimizer.errors import SolverUnsuitableError
from optimizer.linear import CompiledModel
from optimizer.solvers.base import SolverOptions
from optimizer.solvers.check import is_bounded
from optimizer.solvers.export import mps_lines
from optimizer.solvers.raw import End, RawAnswer
from optimizer.solvers.watch import Clock, Progress, run_watched

_MODEL, _START, _WORDS, _BINARY = "model.mps", "start.txt", "answer.txt", "answer.bin"
_PATIENCE_S = 5.0  # for CBC to write the plan that it has, after a cancel
_NOTHING_TO_LOSE_S = 1.0  # the same when it has none
_PRINTED = 1e-7  # CBC prints its bounds with 8 digits

_NODE = re.compile(r"(\S+) best solution, best possible (\S+)")
_FOUND = re.compile(r"Integer solution of (\S+) found")
_PARTIAL = re.compile(r"Partial search - best objective \S+ \(best possible (\S+?)\)")
_GAP = re.compile(r"Exiting as integer gap of (\S+) less than")
_LOWER = re.compile(r"^Lower bound:\s+(\S+)")
_NODES = re.compile(r"^Enumerated nodes:\s+(\d+)")
_VERSION = re.compile(r"^Version:\s+(\S+)")


def solve(
    model: CompiledModel, options: SolverOptions, clock: Clock, start: np.ndarray | None
) -> RawAnswer:
    """Return CBC's answer to ``model``; ``start`` is a plan that is known to hold, or None."""
    program = cbc_program()
    with tempfile.TemporaryDirectory(prefix="zoneopt-cbc-") as place:
        folder = Path(place)
        with (folder / _MODEL).open("w", encoding="ascii", newline="\n") as out:
            out.writelines(f"{line}\n" for line in mps_lines(model))
        is_mip = bool(model.integer.any())
        if start is not None and is_mip:
            _write_start(folder / _START, model, start)
        has_start = start is not None and is_mip
        run = _run(program, _arguments(model, options, clock, has_start), folder, options, clock)
        if is_mip and run.has_failed and clock.left_s > 0:
            # CBC's preprocessing crashes on some infeasible models and spoils some feasible ones.
            for name in (_WORDS, _BINARY):
                (folder / name).unlink(missing_ok=True)
            arguments = _arguments(model, options, clock, has_start)
            arguments = [arguments[0], "-preprocess", "off", *arguments[1:]]
            run = _run(program, arguments, folder, options, clock)
        return _answer(model, folder, run, clock)


def _run(
    program: Path, arguments: list[str], folder: Path, options: SolverOptions, clock: Clock
) -> _Run:
    """Return the run when it has ended; no process is left behind, whatever happens."""
    run = _Run([str(program), *arguments], folder, clock)
    try:
        run_watched(
            run.work,
            run.stop,
            options=options,
            clock=clock,
            progress=run.progress,
            grace_s=0.05,
            may_leave=False,
        )
    finally:
        run.end()
    return run


def cbc_program() -> Path:
    """Return the path of the CBC program inside PuLP."""
    from pulp.apis.coin_api import PULP_CBC_CMD

    path = Path(PULP_CBC_CMD.pulp_cbc_path)
    if not path.is_file():
        raise SolverUnsuitableError(
            "the installed PuLP has no CBC program for this machine; choose another solver"
        )
    return path


def _arguments(
    model: CompiledModel, options: SolverOptions, clock: Clock, has_start: bool
) -> list[str]:
    arguments = [_MODEL]
    if math.isfinite(clock.limit_s):
        # A little less than the limit, so that there is time to write the answer.
        seconds = max(0.01, clock.left_s - max(0.05, 0.01 * clock.limit_s))
        arguments += ["-sec", f"{seconds:.3f}", "-timeMode", "elapsed"]
    if model.integer.any():
        # CBC's ratio is of the larger of objective and bound; this one keeps ours in every case.
        arguments += ["-ratioGap", repr(options.gap / (1.0 + options.gap))]
        arguments += ["-randomCbcSeed", str(abs(options.seed) % 2**31)]
        if options.threads > 1:
            arguments += ["-threads", str(options.threads)]
        if has_start:
            arguments += ["-mips", _START]
    # CBC takes the seed 0 as "from the clock", hence one more.
    arguments += ["-randomSeed", str(abs(options.seed) % (2**31 - 1) + 1)]
    return [*arguments, "-branch", "-saveSolution", _BINARY, "-solution", _WORDS]


def _write_start(path: Path, model: CompiledModel, start: np.ndarray) -> None:
    lines = ["Stopped on time - objective value 0"]
    lines += [f"{j} x{j} {float(value)!r} 0" for j, value in enumerate(start)]
    if model.offset:
        lines.append(f"{len(start)} offset 1 0")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


class _Run:
    """One CBC process: read what it prints, interrupt it, in the end kill it."""

    def __init__(self, command: list[str], folder: Path, clock: Clock) -> None:
        self.progress = Progress()
        self.lines: list[str] = []
        self.was_killed = False
        self._clock = clock
        self._asked_at: float | None = None
        self._again_at = math.inf
        self._lock = threading.Lock()
        # A session of its own: a Ctrl-C of the terminal must reach CBC through us only.
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    @property
    def was_asked(self) -> bool:
        """Whether CBC was asked to stop (or killed)."""
        return self._asked_at is not None

    @property
    def has_failed(self) -> bool:
        """Whether the process ended by a signal that was not ours, or says that it is at fault."""
        has_crashed = (self._process.returncode or 0) < 0 and not self.was_asked
        return has_crashed or any("try without preprocessing" in line for line in self.lines)

    def work(self) -> int:
        """Return the exit code, when CBC has ended."""
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self.lines.append(line.rstrip())
                self._note(line)
            return self._process.wait()
        finally:
            self._process.stdout.close()

    def stop(self) -> None:
        """Ask CBC to stop and write what it has; ask again; then kill it."""
        with self._lock:
            now = time.monotonic()
            if self._process.poll() is not None:
                return
            if self._asked_at is None:
                self._asked_at = now
            if now >= self._again_at or self._again_at == math.inf:
                # Early in a run the request can be lost, so it is repeated.
                self._again_at = now + 0.5
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGINT)
            latest = self._clock.limit_s * 1.02 + 0.4
            has_plan = self.progress.incumbent is not None
            patience = _PATIENCE_S if has_plan else _NOTHING_TO_LOSE_S
            if now - self._asked_at > patience or self._clock.seconds > latest:
                self.was_killed = True
                self._process.kill()

    def end(self) -> None:
        """Make sure that no process is left behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _note(self, line: str) -> None:
        if found := _NODE.search(line):
            self._set(incumbent=found[1], bound=found[2])
        elif found := _FOUND.search(line):
            self._set(incumbent=found[1])
        elif line.startswith("Continuous objective value is"):
            self._set(bound=line.split()[4])

    def _set(self, incumbent: str | None = None, bound: str | None = None) -> None:
        with contextlib.suppress(ValueError):
            if incumbent is not None and abs(float(incumbent)) < 1e49:  # 1e50: none yet
                self.progress.incumbent = float(incumbent)
            if bound is not None and abs(float(bound)) < 1e49:
                self.progress.bound = float(bound)


def _answer(model: CompiledModel, folder: Path, run: _Run, clock: Clock) -> RawAnswer:
    version = _last(run.lines, _VERSION)
    name = f"CBC {version}" if version else "CBC"
    found = _last(run.lines, _NODES)
    nodes = int(found) if found else None
    words = folder / _WORDS
    if not words.is_file():
        if run.was_asked:
            said = "stopped before it could write an answer"
            return RawAnswer(End.STOPPED, said, name, bound=_below(run.progress.bound))
        if any(line.startswith("Problem is infeasible") for line in run.lines):
            # On this path CBC ends without writing anything.
            return RawAnswer(_end("infeasible", model, run, clock), "Problem is infeasible!", name)
        tail = " | ".join(line for line in run.lines[-3:] if line)
        return RawAnswer(End.FAILED, f"no answer: {tail}", name)
    said = words.read_text(encoding="utf-8").splitlines()[0].partition(" - objective value")[0]
    end = _end(said, model, run, clock)
    if end in (End.INFEASIBLE, End.NO_OPTIMUM, End.FAILED):
        return RawAnswer(end, said, name, nodes=nodes)
    if not (folder / _BINARY).is_file():
        return RawAnswer(End.STOPPED, said, name, bound=_below(run.progress.bound), nodes=nodes)
    values, duals, reduced, value = _read_binary(folder / _BINARY, model)
    is_mip = bool(model.integer.any())
    # Without an integer solution CBC writes the relaxation instead.
    x = None if "no integer solution" in said else values
    bound = _bound(run, end, said, value, is_mip)
    if is_mip or end is not End.FINISHED:
        return RawAnswer(end, said, name, x, bound, nodes=nodes)
    return RawAnswer(end, said, name, x, bound, duals, reduced)


def _end(said: str, model: CompiledModel, run: _Run, clock: Clock) -> End:
    low = said.lower()
    if low.startswith("optimal"):
        return End.FINISHED
    if low.startswith("stopped"):
        return End.STOPPED
    if low.startswith(("infeasible", "integer infeasible")):
        if run.was_killed or clock.seconds > 0.9 * clock.limit_s:
            return End.STOPPED  # out of time CBC has been seen to say "infeasible"
        # CBC says "infeasible" of unbounded models too; without costs it does not.
        return End.INFEASIBLE if is_bounded(model) else End.NO_OPTIMUM
    return End.NO_OPTIMUM if low.startswith("unbounded") else End.FAILED


def _bound(run: _Run, end: End, said: str, value: float, is_mip: bool) -> float:
    """Return the proven bound, a digit below what CBC printed."""
    if not is_mip:
        return value if end is End.FINISHED else -math.inf
    if end is End.FINISHED:
        gap = _last(run.lines, _GAP)
        if gap is not None:
            return _below(value - float(gap))
        if "within gap" not in said:
            return value
    partial = _last(run.lines, _PARTIAL)
    if partial is not None:
        return _below(float(partial))
    lower = _last(run.lines, _LOWER)
    if lower is not None:
        return float(lower) - 5e-4  # printed with 3 decimals
    return _below(run.progress.bound)


def _below(bound: float | None) -> float:
    if bound is None or not abs(bound) < 1e49:
        return -math.inf
    return bound - _PRINTED * abs(bound)


def _last(lines: list[str], pattern: re.Pattern[str]) -> str | None:
    for line in reversed(lines):
        if found := pattern.search(line):
            return found[1]
    return None


def _read_binary(
    path: Path, model: CompiledModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return column values, row duals, reduced costs and objective of a CBC solution file."""
    content = path.read_bytes()
    n_rows, n_cols, value = struct.unpack_from("=iid", content)
    numbers = np.frombuffer(content, dtype=float, offset=16)
    row_activity, row_dual, x, reduced = np.split(numbers, np.cumsum([n_rows, n_rows, n_cols]))
    n = len(model.col_keys)
    # Rows without sides are not written, so CBC has not seen them; their dual is 0.
    written = np.isfinite(model.row_low) | np.isfinite(model.row_high)
    if len(row_activity) != written.sum() or len(x) != n + (model.offset != 0):
        raise ValueError(f"CBC answered for {n_rows} rows and {n_cols} columns")
    duals = np.zeros(len(model.row_keys))
    duals[written] = row_dual
    return x[:n].copy(), duals, reduced[:n].copy(), float(value)
