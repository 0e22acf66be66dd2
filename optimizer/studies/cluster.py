"""Cases on a Dask cluster: workers may join and die, no result is lost."""

from __future__ import annotations

import queue
from typing import Any

from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan
from optimizer.studies import worker
from optimizer.studies.case import Case, Solved
from optimizer.studies.worker import Context

RETRIES = 10  # of a case whose worker died


class SchedulerError(OptimizerError):
    """The scheduler cannot be reached, or gave a case up."""


class DaskExecutor:
    """Hands cases to a Dask scheduler.

    The context is a task of its own that any worker can compute again (it solves the base), so
    that nothing that only one worker holds can be lost with it.
    """

    def __init__(self, context: Context, address: str) -> None:
        from distributed import Client

        try:
            self._client = Client(address, timeout="10s")
        except (OSError, TimeoutError, ValueError) as error:
            raise SchedulerError(
                f"no Dask scheduler answers at {address}: {error}. Start one with "
                "`zoneopt cluster`, and give the address that it prints."
            ) from error
        self._context = self._client.submit(
            _with_base,
            context.instance,
            context.question,
            context.gap,
            context.time_limit_s,
            pure=True,
            retries=RETRIES,
        )
        self._running: dict[str, tuple[Case, Any]] = {}
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()

    @property
    def width(self) -> int:
        """Workers that are there now."""
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    def submit(self, case: Case, plan: Plan | None) -> None:
        """Take a case."""
        future = self._client.submit(_run, self._context, case, plan, pure=False, retries=RETRIES)
        self._running[case.key] = (case, future)
        future.add_done_callback(lambda _, key=case.key: self._done.put(key))

    def wait(self, seconds: float) -> Solved | None:
        """Return a finished case, or None."""
        from distributed import KilledWorker

        try:
            key = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        if key not in self._running:
            return None
        case, future = self._running.pop(key)
        try:
            return future.result()
        except KilledWorker as error:
            raise SchedulerError(
                f"{case.name}: its workers died again and again: {error}"
            ) from error

    def drop(self) -> None:
        """Forget what is not begun."""
        for _, future in self._running.values():
            future.cancel()
        self._running.clear()

    def close(self) -> None:
        """End the workers."""
        self.drop()
        self._client.close()


def _with_base(instance: Any, question: Any, gap: float, time_limit_s: float) -> Context:
    """The context with its base solved, ready on a worker."""
    context = Context(instance, question, gap, time_limit_s)
    _ = context.base
    return context


def _run(context: Context, case: Case, plan: Plan | None) -> Solved:
    if plan is not None:
        context.plans = {case.start: plan}
    return worker.run_case(context, case)
