"""Who solves the cases: this process, processes of this machine, or a Dask cluster."""

from __future__ import annotations

import pickle
import queue
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan
from optimizer.studies import worker
from optimizer.studies.case import Case, Solved
from optimizer.studies.worker import Context

TRIES = 4  # of a case whose worker died
AHEAD = 2  # cases that a worker holds: the one it solves and the next


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


@dataclass
class _Job:
    case: Case
    plan: Plan | None
    tries: int = 1


class Processes:
    """Fresh processes of this machine (not forks: solvers hold threads), replaced if they die.

    The base is solved once, here, and handed to every worker. Cases that are `near` each other go
    to the same worker unless another one is idle; which worker solves a case changes its time,
    never its answer.
    """

    def __init__(self, context: Context, workers: int) -> None:
        self.width = workers
        self._context = context
        self._pools: list[Any] = [None] * workers  # of one process each
        self._waiting: deque[_Job] = deque()
        self._running: dict[Any, tuple[int, _Job]] = {}  # future -> process and job
        self._knows: dict[str, int] = {}  # nearness -> process that had such a case
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, case: Case, plan: Plan | None) -> None:
        """Take a case."""
        self._waiting.append(_Job(case, plan))
        self._hand_out()

    def wait(self, seconds: float) -> Solved | None:
        """Return a finished case, or None."""
        from concurrent.futures.process import BrokenProcessPool

        self._hand_out()
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
            self._again(*entry)
            return None
        finally:
            self._hand_out()

    def drop(self) -> None:
        """Forget what is not begun."""
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._waiting.clear()
        self._running.clear()
        self._stop(range(self.width))

    def _hand_out(self) -> None:
        """Give every process what it does now and, so that it need not wait, what comes next."""
        from concurrent.futures.process import BrokenProcessPool

        for ahead in range(AHEAD):
            for number in range(self.width):
                load = sum(n == number for n, _ in self._running.values())
                job = self._job_for(number, idle=not load) if load == ahead else None
                if job is None:
                    continue
                if job.case.near:
                    self._knows[job.case.near] = number
                if self._pools[number] is None:
                    self._pools[number] = _pool(self._context)
                try:
                    future = self._pools[number].submit(worker.run_here, job.case, job.plan)
                except BrokenProcessPool:  # it died, and nobody has waited for its case yet
                    self._again(number, job)
                    continue
                self._running[future] = (number, job)
                future.add_done_callback(self._done.put)

    def _job_for(self, number: int, *, idle: bool) -> _Job | None:
        """Take the next job for a process: of those near what it had, else any it may take."""
        knows = [self._knows.get(job.case.near) for job in self._waiting]
        for wanted in (number, None):
            if wanted in knows:
                return self._take(knows.index(wanted))
        return self._take(0) if idle and self._waiting else None

    def _take(self, place: int) -> _Job:
        job = self._waiting[place]
        del self._waiting[place]
        return job

    def _again(self, number: int, job: _Job) -> None:
        """A worker died: a new one, and all that was given to it once more."""
        mine = [f for f, (n, _) in self._running.items() if n == number]
        jobs = [job, *(self._running.pop(future)[1] for future in mine)]
        self._stop([number])
        for each in reversed(jobs):
            each.tries += 1
            if each.tries > TRIES:
                raise WorkersLostError(
                    f"{each.case.name}: its worker died {TRIES} times. Is there enough memory? "
                    "Fewer --workers need less."
                )
            self._waiting.appendleft(each)

    def _stop(self, numbers: Iterable[int]) -> None:
        ended = []
        for number in numbers:
            pool, self._pools[number] = self._pools[number], None
            if pool is None:
                continue
            ended += list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            self._knows = {near: n for near, n in self._knows.items() if n != number}
        for process in ended:
            process.terminate()
        for process in ended:
            process.join()


def _pool(context: Context) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    _ = context.base
    return ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        initializer=_begin_from,
        initargs=(pickle.dumps(context, protocol=pickle.HIGHEST_PROTOCOL),),
    )


def _begin_from(pickled: bytes) -> None:
    """Set the context of a new process. Ctrl-C is for the process that asks, not for workers."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker.begin(pickle.loads(pickled))
