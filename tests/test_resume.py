"""Runs that were killed go on: facility location, network design, and a real kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from published_files import random_design

from instances import Instance
from instances.as_instance import design_instance, facility_instance
from instances.generators.facility import cornuejols
from optimizer import solve
from optimizer.checkpoint import Checkpoint
from optimizer.engine.progress import ProgressEvent
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question, Status
from optimizer.plan.verify import verify_plan


def drawn(size: int, *, single: bool = False, seed: int = 1) -> Instance:
    from dataclasses import replace

    published = cornuejols(size, size, ratio=5.0, seed=seed)
    return facility_instance(replace(published, single_source=single))


def interrupted(instance: Instance, folder: Path, **options: object) -> Checkpoint:
    """Leave on disk what a run had found shortly after its first plan."""
    checkpoint = Checkpoint.beside(folder)
    checkpoint.begin(instance, Question(), {})
    cancel = threading.Event()

    def stop(event: ProgressEvent) -> None:
        if event.incumbent is not None and event.bound is not None:
            cancel.set()

    solve(instance, cancel=cancel, on_progress=stop, checkpoint=checkpoint, verify=False, **options)  # type: ignore[arg-type]
    checkpoint.flush()
    return checkpoint


@pytest.mark.parametrize("single", [False, True])
def test_an_assignment_on_disk_is_gone_on_from(tmp_path: Path, single: bool) -> None:
    """Even with no time left, the plan on disk and the bound on disk come back."""
    instance = drawn(70, single=single)
    on_disk = interrupted(instance, tmp_path / "run", gap=0.0, time_limit_s=20).state
    assert on_disk.values
    again = Checkpoint.beside(tmp_path / "run")
    table, question, _ = again.load()
    assert again.state == on_disk
    cancel = threading.Event()
    cancel.set()
    result = solve(table, question, checkpoint=again, gap=0.0, cancel=cancel)
    assert result.has_plan
    assert result.stop_reason == "cancelled"
    assert result.objective <= on_disk.objective * (1 + 1e-9)
    assert result.bound >= on_disk.bound * (1 - 1e-9)
    assert verify_plan(instance, result.plan).ok


def test_what_is_on_disk_ends_a_run_that_it_proves(tmp_path: Path) -> None:
    """Plan and bound of a finished run: the run that goes on has nothing left to do."""
    instance = drawn(70)
    checkpoint = Checkpoint.beside(tmp_path / "run")
    checkpoint.begin(instance, Question(), {})
    first = solve(instance, checkpoint=checkpoint, gap=1e-4)
    assert first.status is Status.OPTIMAL
    checkpoint.flush()
    again = Checkpoint.beside(tmp_path / "run")
    again.load()
    second = solve(instance, checkpoint=again, gap=1e-4)
    assert second.status is Status.OPTIMAL
    assert second.objective <= first.objective * (1 + 1e-9)


def test_an_assignment_that_does_not_hold_is_left_alone(tmp_path: Path) -> None:
    """Shares that do not add up, or a zone that is not there, are no plan."""
    instance = drawn(12)
    checkpoint = Checkpoint.beside(tmp_path / "run")
    checkpoint.begin(instance, Question(), {})
    blocks = instance.tables["blocks"]
    zone = instance.tables["zones"]["zone_id"].iloc[0]
    values = {
        ("serve", o, i, zone): 0.5
        for o, i in zip(blocks["origin_id"], blocks["industry_id"], strict=True)
    }
    checkpoint.save(values, 1.0, None)
    assert solve(instance, checkpoint=checkpoint).status is Status.OPTIMAL
    checkpoint.begin(instance, Question(), {})
    checkpoint.save({("serve", "nobody", "nothing", zone): 1.0}, 1.0, None)
    assert solve(instance, checkpoint=checkpoint).status is Status.OPTIMAL


def test_a_design_on_disk_is_gone_on_from(tmp_path: Path) -> None:
    instance = design_instance(random_design(3))
    best = solve(instance, gap=0.0)
    assert best.structure is not None
    assert best.structure.method == "design"
    checkpoint = Checkpoint.beside(tmp_path / "run")
    checkpoint.begin(instance, Question(), {})
    solve(instance, checkpoint=checkpoint, gap=0.0, verify=False)
    checkpoint.flush()
    assert {key[0] for key in checkpoint.state.values} == {"project"}
    assert checkpoint.state.objective == pytest.approx(best.objective, rel=1e-9)
    again = Checkpoint.beside(tmp_path / "run")
    again.load()
    result = solve(instance, checkpoint=again, gap=0.0)
    assert result.objective <= checkpoint.state.objective * (1 + 1e-9)
    assert set(result.plan.projects) <= {str(key[1]) for key in checkpoint.state.values}


_CHILD = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_resume import drawn
from optimizer import Question, solve
from optimizer.checkpoint import Checkpoint
checkpoint = Checkpoint.beside(Path({folder!r}))
instance = drawn(100)
checkpoint.begin(instance, Question(), {{}})
solve(instance, checkpoint=checkpoint, gap=0.0, time_limit_s=60, verify=False)
"""


def test_kill_9_loses_nothing_that_was_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = _CHILD.format(tests=str(Path(__file__).parent), folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", code])
    state = Checkpoint.beside(folder).folder / "state.json"
    document: dict[str, object] = {}
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None:
        if state.exists():
            document = json.loads(state.read_text(encoding="utf-8"))
            if document["values"] and document["bound"] is not None:
                break
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it ended before it could be killed"
    again = Checkpoint.beside(folder)
    table, question, _ = again.load()
    assert again.state.values
    result = solve(table, question, checkpoint=again, gap=0.05, time_limit_s=20)
    assert result.objective <= again.state.objective * (1 + 1e-9)
    assert result.objective <= document["objective"] * (1 + 1e-9)  # type: ignore[operator]
    assert result.bound >= document["bound"] * (1 - 1e-9)  # type: ignore[operator]


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    checkpoint = Checkpoint.beside(tmp_path / "run")
    checkpoint.begin(drawn(4), Question(), {})
    (checkpoint.folder / "state.json").write_text('{"values": 3}', encoding="utf-8")
    with pytest.raises(OptimizerError, match="damaged"):
        Checkpoint.beside(tmp_path / "run").load()


def test_many_small_steps_are_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds rise hundreds of times a second; the last one is on disk soon after."""
    checkpoint = Checkpoint.beside(tmp_path / "run")
    checkpoint.begin(drawn(4), Question(), {})
    writes: list[str] = []
    write = checkpoint._write
    monkeypatch.setattr(
        checkpoint, "_write", lambda name, document: (writes.append(name), write(name, document))
    )
    for step in range(500):
        checkpoint.save(None, float("inf"), float(step))
    assert len(writes) < 50
    until = time.monotonic() + 5
    again = Checkpoint.beside(tmp_path / "run")
    while again.state.bound < 499 and time.monotonic() < until:
        time.sleep(0.05)
        again.load()
    assert again.state.bound == 499
    checkpoint.save(None, float("inf"), 1000.0)
    checkpoint.remove()
    time.sleep(0.3)
    assert not checkpoint.folder.exists(), "a late write brought the folder back"
