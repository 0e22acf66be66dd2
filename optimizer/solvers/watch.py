"""Run a solver in a thread of its own, so that clock, Ctrl-C and progress stay in the caller's."""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from optimizer.solvers.base import SolverOptions

Answer = TypeVar("Answer")

_TICK_S = 0.05
_LAST_WORD_S = 10.0  # how long a stopped solver may take before an exception goes up without it
_PATIENCE_S = 2.0  # how long it may take after a cancel before it is left to itself
_AT_EXIT_S = 60.0  # how long the interpreter waits for solvers that were left to themselves


class LeftToItselfError(Exception):
    """The solver did not stop when asked. It still runs: nothing of it may be touched any more."""

    said = "did not stop when asked and was left to itself"


class Clock:
    """Seconds since it was made, and what is left of a limit."""

    def __init__(self, limit_s: float = math.inf) -> None:
        self._start = time.monotonic()
        self.limit_s = limit_s

    @property
    def seconds(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self._start

    @property
    def left_s(self) -> float:
        """Seconds left of the limit, never below 0."""
        return max(0.0, self.limit_s - self.seconds)


class Progress:
    """The latest incumbent and bound; written by the solver's thread, reported in the caller's."""

    def __init__(self) -> None:
        self.incumbent: float | None = None
        self.bound: float | None = None
        self._reported: tuple[float | None, float | None] = (None, None)

    def report(self, to: Callable[[float | None, float | None], None] | None) -> None:
        """Call ``to`` if something changed since the last call."""
        now = (self.incumbent, self.bound)
        if to is not None and now != self._reported:
            self._reported = now
            to(*now)


def run_watched(
    work: Callable[[], Answer],
    stop: Callable[[], None],
    *,
    options: SolverOptions,
    clock: Clock,
    progress: Progress | None = None,
    grace_s: float = 0.1,
    may_leave: bool = True,
) -> Answer:
    """Return what ``work`` returns; it runs in a fresh thread, the caller's stays responsive.

    ``stop`` is called, again and again until the work ends, when the cancel event is set, when the
    time limit is over by ``grace_s`` (solvers differ in how well they keep it), or when an
    exception such as KeyboardInterrupt reaches the caller's thread; that one is raised again.
    Work that does not react (HiGHS looks at neither clock nor interrupt in some steps at the root)
    is left to itself in time for the caller's limit, with `LeftToItselfError`, if it ``may_leave``.
    """
    done = threading.Event()
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=body, name="solver", daemon=True)
    thread.start()
    try:
        asked: Clock | None = None
        while not done.wait(_TICK_S):
            late = clock.seconds > clock.limit_s + grace_s
            if late or (options.cancel is not None and options.cancel.is_set()):
                stop()
                asked = asked or Clock(_PATIENCE_S)
                if may_leave and (not asked.left_s or clock.seconds > 1.02 * clock.limit_s + 0.4):
                    _wait_at_exit(thread)
                    raise LeftToItselfError
            if progress is not None:
                progress.report(options.on_progress)
    except LeftToItselfError:
        raise
    except BaseException:
        waiting = Clock(_LAST_WORD_S)
        stop()
        while not done.wait(_TICK_S) and waiting.left_s:
            stop()
        _wait_at_exit(thread)
        raise
    thread.join()
    if errors:
        raise errors[0]
    if progress is not None:
        progress.report(options.on_progress)
    return answers[0]


def _wait_at_exit(thread: threading.Thread) -> None:
    """Keep the interpreter from being torn down under a running solver, which would crash."""
    if thread.is_alive():
        atexit.register(thread.join, _AT_EXIT_S)
