"""What is on disk while a solve runs, so that a killed run can go on: `Checkpoint`.

A folder beside the run folder holds the instance, the question and options, and the best decisions
and bound so far. Each file is replaced whole, so that whatever moment the process dies at, the
folder holds a state that was true.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from instances import Instance, read_instance, write_instance
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question

EVERY_S = 0.2  # the least time between two writes
FORMAT = "zoneopt-checkpoint-1"


@dataclass(frozen=True)
class State:
    """The best decisions and bound of a solve, in minimisation.

    ``values`` are those of the method: integer columns by key, ("serve", origin, industry, zone)
    with a share for facility location, ("project", id) for network design.
    """

    values: Mapping[Hashable, float] = field(default_factory=dict)
    objective: float = math.inf
    bound: float = -math.inf


class Checkpoint:
    """The checkpoint folder of one run; safe to save to from the solver's threads.

    What is saved is on disk after ``EVERY_S`` at the latest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self._lock = threading.RLock()
        self._written = self.state  # what is on disk
        self._written_at = -math.inf
        self._timer: threading.Timer | None = None

    @classmethod
    def beside(cls, run: Path) -> Checkpoint:
        """Return the checkpoint of a run folder: a hidden folder next to it."""
        run = Path(os.path.abspath(run))
        return cls(run.with_name(f".{run.name}.checkpoint"))

    def begin(self, instance: Instance, question: Question, options: Mapping[str, Any]) -> None:
        """Write what is asked; an older checkpoint of the same run folder is dropped."""
        self.remove()
        self.state = self._written = State()
        self.folder.mkdir(parents=True)
        write_instance(instance, self.folder / "instance", "csv")
        about = {
            "format": FORMAT,
            "instance_hash": instance.hash,
            "question": asdict(question),
            "options": dict(options),
        }
        self._write("solve.json", about)

    def save(
        self, values: Mapping[Hashable, float] | None, objective: float, bound: float | None
    ) -> None:
        """Keep decisions if they are better than those on disk, and the bound if it is."""
        with self._lock:
            state = self.state
            if values is not None and objective < state.objective:
                state = State(dict(values), objective, state.bound)
            if bound is not None and bound > state.bound:
                state = State(state.values, state.objective, bound)
            if state is not self.state:
                self.state = state
                self._write_soon()

    def drop_plan(self) -> None:
        """Forget the decisions: they turned out to be no plan."""
        with self._lock:
            self.state = State(bound=self.state.bound)
            self._write_soon()

    def _write_soon(self) -> None:
        """Write now, or a little later if the last time was just now."""
        wait = self._written_at + EVERY_S - time.monotonic()
        if wait <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = threading.Timer(wait, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def flush(self) -> None:
        """Write what is not on disk yet."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self.state is not self._written and self.folder.is_dir():
                self._write("state.json", _state_document(self.state))
                self._written, self._written_at = self.state, time.monotonic()

    def load(self) -> tuple[Instance, Question, dict[str, Any]]:
        """Return instance, question and options, and take over the state on disk.

        Raises
        ------
        OptimizerError
            There is no checkpoint, or it is damaged.
        """
        try:
            about = json.loads((self.folder / "solve.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise OptimizerError(
                f"{self.folder} does not exist: there is nothing to resume. A run that ended has "
                "no checkpoint; one that was killed has it beside its run folder."
            ) from None
        except (OSError, ValueError) as error:
            raise OptimizerError(f"{self.folder}: the checkpoint is damaged: {error}") from error
        if about.get("format") != FORMAT:
            raise OptimizerError(f"{self.folder} is no checkpoint of format {FORMAT}")
        instance = read_instance(self.folder / "instance")
        if instance.hash != about["instance_hash"]:
            raise OptimizerError(f"{self.folder}: the instance was changed; solve it afresh")
        asked = {k: _tuples(v) for k, v in about["question"].items()}
        path = self.folder / "state.json"
        if path.exists():
            try:
                self.state = _read_state(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, LookupError) as error:
                raise OptimizerError(f"{path}: the checkpoint is damaged: {error}") from error
            self._written = self.state
        return instance, Question(**asked), about["options"]

    def remove(self) -> None:
        """Delete the folder; the run has ended."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._written = self.state  # nothing is left to write
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        fresh = self.folder / f".{name}.new"
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, self.folder / name)


def _state_document(state: State) -> dict[str, Any]:
    return {
        "values": [[list(key), value] for key, value in state.values.items()],  # type: ignore[call-overload]
        "objective": state.objective if math.isfinite(state.objective) else None,
        "bound": state.bound if math.isfinite(state.bound) else None,
    }


def _read_state(document: Mapping[str, Any]) -> State:
    objective, bound = document["objective"], document["bound"]
    return State(
        {tuple(key): float(value) for key, value in document["values"]},
        math.inf if objective is None else objective,
        -math.inf if bound is None else bound,
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
