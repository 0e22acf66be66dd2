"""The caller's thread stays in command of a solver that runs in another."""

from __future__ import annotations

import threading
import time

import pytest

from optimizer.solvers.base import SolverOptions
from optimizer.solvers.watch import Clock, LeftToItselfError, Progress, run_watched


def nap(seconds: float) -> str:
    time.sleep(seconds)
    return "rested"


def test_answers_and_errors_come_back() -> None:
    options = SolverOptions()
    assert run_watched(lambda: 42, lambda: None, options=options, clock=Clock()) == 42
    with pytest.raises(ZeroDivisionError):
        run_watched(lambda: 1 // 0, lambda: None, options=options, clock=Clock())


def test_work_is_asked_to_stop_at_the_limit() -> None:
    asked = threading.Event()
    clock = Clock(0.2)
    assert run_watched(lambda: asked.wait(5), asked.set, options=SolverOptions(), clock=clock)
    assert 0.2 < clock.seconds < 0.2 * 1.02 + 0.5


def test_work_that_does_not_listen_is_left_to_itself() -> None:
    clock = Clock(0.2)
    with pytest.raises(LeftToItselfError):
        run_watched(lambda: nap(1.5), lambda: None, options=SolverOptions(), clock=clock)
    assert clock.seconds < 0.2 * 1.02 + 0.5
    cancel, clock = threading.Event(), Clock()
    cancel.set()
    with pytest.raises(LeftToItselfError):
        run_watched(lambda: nap(4), lambda: None, options=SolverOptions(cancel=cancel), clock=clock)
    assert clock.seconds < 3.0


def test_an_exception_in_the_callers_thread_stops_the_work() -> None:
    progress, asked = Progress(), threading.Event()
    progress.incumbent = 3.0

    def refuse(incumbent: float | None, bound: float | None) -> None:
        raise RuntimeError(f"no more after {incumbent}, {bound}")

    options = SolverOptions(on_progress=refuse)
    with pytest.raises(RuntimeError, match=r"no more after 3\.0, None"):
        run_watched(
            lambda: asked.wait(5), asked.set, options=options, clock=Clock(), progress=progress
        )
    assert asked.is_set()


def test_progress_is_reported_once_for_each_change() -> None:
    told: list[tuple[float | None, float | None]] = []
    progress = Progress()
    progress.report(lambda *pair: told.append(pair))
    progress.bound = 1.0
    for _ in range(3):
        progress.report(lambda *pair: told.append(pair))
    assert told == [(None, 1.0)]
