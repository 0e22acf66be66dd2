"""A solve as an iterator, what its events carry, and the limit of memory."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_resume import drawn

from optimizer import InstanceError, ProgressEvent, solve, solve_events
from optimizer.cli import group
from optimizer.cli.values import Memory
from optimizer.engine.memory_limit import MemoryGuard, peak_memory_mb, resident_mb
from optimizer.plan.plan import Status


def test_the_last_event_carries_the_result() -> None:
    events = list(solve_events("two_zones", gap=0.0))
    assert [event.result is not None for event in events] == [False] * (len(events) - 1) + [True]
    result = events[-1].result
    assert result is not None
    assert result.status is Status.OPTIMAL
    assert events[-1].incumbent == result.objective == pytest.approx(17.7)
    seconds = [event.seconds for event in events]
    assert seconds == sorted(seconds)
    bounds = [event.bound for event in events if event.bound is not None]
    assert bounds == sorted(bounds)


def test_an_incumbent_says_what_it_decides() -> None:
    """The last decisions that were told are those of the plan that came back."""
    events = list(solve_events("two_zones", gap=0.0))
    told = [event for event in events if event.incumbent is not None]
    assert told
    assert all(event.decisions is not None for event in told)
    assert all(event.decisions is None for event in events if event.incumbent is None)
    result = events[-1].result
    assert result is not None
    assert told[-2].decisions is not None
    before_last = told[-2].decisions()
    assert set(before_last["open_zones"]) == set(result.open_zones)
    assert set(before_last["hosts"]) == set(result.plan.hosts)
    assert dict(before_last["modules"]) == dict(result.plan.modules)


def test_a_facility_solve_says_which_zones_are_open() -> None:
    last: list[ProgressEvent] = []
    result = solve(drawn(70), gap=1e-3, on_progress=last.append)
    told = [event for event in last if event.incumbent is not None]
    assert told[-1].decisions is not None
    assert set(told[-1].decisions()["open_zones"]) == set(result.open_zones)


def test_leaving_the_loop_cancels_the_solve() -> None:
    before = threading.active_count()
    started = time.perf_counter()
    events = solve_events(drawn(150), gap=0.0, time_limit_s=120, verify=False)
    for event in events:
        if event.bound is not None:
            break
    events.close()  # type: ignore[attr-defined]
    assert time.perf_counter() - started < 60
    time.sleep(0.2)
    assert threading.active_count() <= before + 1  # the watch of a time limit may be asleep


def test_errors_and_the_callers_own_event_come_through() -> None:
    with pytest.raises(InstanceError):
        list(solve_events("no such instance"))
    with pytest.raises(TypeError, match="on_progress"):
        list(solve_events("two_zones", on_progress=print))
    cancel = threading.Event()
    cancel.set()
    *_, last = solve_events(drawn(70), gap=0.0, cancel=cancel)
    assert last.result is not None
    assert last.result.stop_reason == "cancelled"
    quiet = threading.Event()
    list(solve_events("two_zones", cancel=quiet))
    assert not quiet.is_set(), "the caller's event is the caller's"


def test_memory_is_what_the_system_says() -> None:
    import numpy as np

    before = resident_mb()
    block = np.ones(40 * 2**17)  # 40 MB, touched
    assert 30 < resident_mb() - before < 60
    assert peak_memory_mb() >= resident_mb() - 5
    assert block.sum() > 0


def test_a_guard_stops_once_and_only_above_its_limit() -> None:
    calls: list[int] = []
    with MemoryGuard(resident_mb() / 2, lambda: calls.append(1)) as guard:
        time.sleep(0.2)
    assert guard.exceeded
    assert calls == [1]
    with MemoryGuard(resident_mb() * 10, lambda: calls.append(2)) as guard:
        time.sleep(0.12)
    assert not guard.exceeded
    assert calls == [1]
    with pytest.raises(ValueError, match="must be > 0"):
        MemoryGuard(0.0, lambda: None)


@pytest.mark.parametrize("single", [False, True])
def test_a_solve_stops_at_its_memory_limit_with_what_it_has(single: bool) -> None:
    result = solve(drawn(150, single=single), gap=0.0, time_limit_s=100, memory_limit_mb=50)
    assert result.stop_reason == "memory limit"
    assert result.status in (Status.FEASIBLE, Status.NO_PLAN_IN_TIME)
    assert any("50 MB" in note for note in result.notes)
    assert sum(result.seconds.values()) < 50
    assert result.options["memory_limit_mb"] == 50
    assert result.peak_memory_mb > 50


def test_a_siting_solve_stops_at_its_memory_limit() -> None:
    result = solve("shanxi", gap=0.0, time_limit_s=100, memory_limit_mb=50, explain=False)
    assert result.stop_reason == "memory limit"
    assert sum(result.seconds.values()) < 60


@pytest.mark.parametrize(
    ("text", "mb"), [("4GB", 4096), ("1.5 gb", 1536), ("800MB", 800), ("2GiB", 2048), ("512k", 0.5)]
)
def test_amounts_of_memory(text: str, mb: float) -> None:
    assert Memory().convert(text, None, None) == mb


@pytest.mark.parametrize("text", ["4", "GB", "-1GB", "nanGB", "0MB", "4 apples"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    found = CliRunner().invoke(group, ["solve", "two_zones", "--memory-limit", text])
    assert found.exit_code == 2
    assert "amount of memory" in found.output


def test_the_command_tells_the_peak(tmp_path: Path) -> None:
    arguments = ["two_zones", "--memory-limit", "8GB", "--quiet", "--json"]
    found = CliRunner().invoke(group, ["solve", *arguments, "--out", str(tmp_path / "run")])
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["peak_memory_mb"] > 20
    about = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert about["peak_memory_mb"] > 20
    assert about["options"]["memory_limit_mb"] == 8192
