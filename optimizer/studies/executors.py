"""Who solves the cases: this process, processes of this machine, or a Dask cluster."""

from __future__ import annotations

import pickle
import queue
from collections import deque
from typing import Any, Protocol

from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan
from optimizer.studies import worker
from optimizer.studies.case import Case, Solved
from optimizer.studies.worker import Context

TRIES = 4  # of a case whose worker died


class WorkersLostError(OptimizerError):
    """Workers died again and again under the same case."""


class Executor(Protocol):
    """Takes cases and gives back what is solved, in any order."""

    @property
    def width(self) -> int:
        """How many cases can be solved at the same time."""

    def submit(self, case: Case, plan: Plan | None) -> None:
        """Take a case, with the plan that it starts from where it names one."""

    def wait(self, seconds: float) -> Solved | None:
        """A finished case, or None if none is finished within ``seconds``."""

    def drop(self) -> None:
        """Forget what is not begun."""

    def close(self) -> None:
        """End the workers."""


def executor_of(context: Context, workers: int, scheduler: str | None) -> Executor:
    """The executor for a number of processes or the address of a Dask scheduler."""
    if scheduler is not None:
        from optimizer.studies.cluster import DaskExecutor

        return DaskExecutor(context, scheduler)
    return OneProcess(context) if workers <= 1 else Processes(context, workers)


class OneProcess:
    """Solves in this process when asked for the next result."""

    width = 1

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cases: deque[tuple[Case, Plan | None]] = deque()

    def submit(self, case: Case, plan: Plan | None) -> None:
        """Take a case."""
        self._cases.append((case, plan))

    def wait(self, seconds: float) -> Solved | None:
        """Return a finished case, or None."""
        case, plan = self._cases.popleft()
        if plan is not None:
            self._context.plans = {case.start: plan}
        return worker.run_case(self._context, case)

    def drop(self) -> None:
        """Forget what is not begun."""
        self._cases.clear()

    def close(self) -> None:
        """End the workers."""
        self.drop()


class Processes:
    """Fresh processes of this machine (not forks: solvers hold threads), replaced if they die.

    The base is solved once, here, and handed to every worker.
    """

    def __init__(self, context: Context, workers: int) -> None:
        self.width = workers
        self._context = context
        self._pool: Any = None
        self._running: dict[Any, tuple[Case, Plan | None, int]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, case: Case, plan: Plan | None) -> None:
        """Take a case."""
        self._send(case, plan, 1)

    def wait(self, seconds: float) -> Solved | None:
        """Return a finished case, or None."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            future = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        entry = self._running.pop(future, None)
        if entry is None:
            return None
        try:
            return future.result()
        except BrokenProcessPool:
            self._again([entry, *self._running.values()])
            return None

    def drop(self) -> None:
        """Forget what is not begun."""
        self._stop()

    def close(self) -> None:
        """End the workers."""
        self._stop()

    def _send(self, case: Case, plan: Plan | None, tries: int) -> None:
        if tries > TRIES:
            raise WorkersLostError(
                f"{case.name}: its worker died {TRIES} times. Is there enough memory? Fewer "
                "--workers need less."
            )
        if self._pool is None:
            self._pool = _pool(self._context, self.width)
        future = self._pool.submit(worker.run_here, case, plan)
        self._running[future] = (case, plan, tries)
        future.add_done_callback(self._done.put)

    def _again(self, entries: list[tuple[Case, Plan | None, int]]) -> None:
        """A worker died and took the pool with it: a new pool, and all unfinished cases to it."""
        self._stop()
        self._done = queue.SimpleQueue()
        for case, plan, tries in entries:
            self._send(case, plan, tries + 1)

    def _stop(self) -> None:
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            for process in processes:
                process.join()
            self._pool = None
        self._running.clear()


def _pool(context: Context, workers: int) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    _ = context.base
    return ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin_from,
        initargs=(pickle.dumps(context, protocol=pickle.HIGHEST_PROTOCOL),),
    )


def _begin_from(pickled: bytes) -> None:
    """Set the context of a new process. Ctrl-C is for the process that asks, not for workers."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker.begin(pickle.loads(pickled))
