"""The store: one line of JSON per finished run. What is there is not run again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

Key = tuple[str, str, str, int, float, float, int]
FILE = "rows.jsonl"


@dataclass(frozen=True)
class Row:
    """One run. Seconds are wall clock; the trace counts from the end of reading.

    ``status`` is a `Status` of the library, or ``unsuitable`` (the solver has no such model),
    ``out_of_memory``, ``killed`` (1.5 times the limit and some) or ``crashed``.
    """

    suite: str
    case: str
    family: str
    solver: str
    seed: int
    limit_s: float
    gap_asked: float
    threads: int
    status: str
    objective: float | None = None
    bound: float | None = None
    read_s: float | None = None
    build_s: float | None = None
    solve_s: float | None = None
    check_s: float | None = None
    cpu_s: float | None = None  # of the whole process, starting and reading included
    wall_s: float | None = None
    peak_mb: float | None = None  # the operating system's ru_maxrss
    nodes: int | None = None
    size: str = ""
    model: str = ""  # what the solver was given
    method: str = ""  # solver and version, method
    said: str = ""
    faults: tuple[str, ...] = ()  # of the plan, recomputed from the data
    certified: float | None = None  # the bound that the certificate proves without the solver
    facilities: int | None = None  # open in the plan
    known: tuple[str, str] | None = None  # row of the table of known values
    trace: tuple[tuple[float, float | None, float | None], ...] = ()  # (s, incumbent, bound)
    load_at_start: float | None = None
    date: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What makes a run another run."""
        return (
            self.suite, self.case, self.solver, self.seed, self.limit_s, self.gap_asked,
            self.threads,
        )  # fmt: skip

    @property
    def has_plan(self) -> bool:
        """True if there is a plan, and it holds."""
        return self.objective is not None and not self.faults

    @property
    def seconds(self) -> float | None:
        """Building plus solving; None when the run did not come so far."""
        if self.build_s is None or self.solve_s is None:
            return None
        return self.build_s + self.solve_s

    @property
    def gap(self) -> float | None:
        """The proven gap, (objective - bound) / |objective|; None without plan or bound."""
        if self.objective is None or self.bound is None:
            return None
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-12)


class Store:
    """The rows of an output folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.rows: dict[Key, Row] = {}
        if self.path.exists():
            _drop_cut_line(self.path)
            for row in read_rows(self.path):
                self.rows[row.key] = row

    def add(self, row: Row) -> None:
        """Keep a row: in full on disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(_plain(asdict(row)), ensure_ascii=False, allow_nan=False)
        with self.path.open("a", encoding="utf-8", newline="\n") as out:
            out.write(line + "\n")
            out.flush()
            os.fsync(out.fileno())
        self.rows[row.key] = row

    def __contains__(self, key: Key) -> bool:
        return key in self.rows


def read_rows(path: Path) -> Iterable[Row]:
    """Yield the rows of a file.

    Raises
    ------
    InstanceError
        If a line is no row: the file is not one of ours.
    """
    from instances.errors import Fault, InstanceError

    names = {f.name for f in fields(Row)}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            values = {name: value for name, value in values.items() if name in names}
            for name in ("faults", "known", "trace"):
                if values.get(name) is not None:
                    values[name] = tuple(
                        tuple(v) if isinstance(v, list) else v for v in values[name]
                    )
            yield Row(**values)
        except (ValueError, TypeError, AttributeError) as error:
            message = f"is not a row of a benchmark ({error}); remove the line"
            raise InstanceError([Fault(path.name, number, "", line[:40], message)]) from error


def _drop_cut_line(path: Path) -> None:
    """Cut off a last line without an end: the process died while it wrote."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity: such a number is unknown, null."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
