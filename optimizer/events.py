"""A solve as an iterator of its progress events: `solve_events`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from instances import Instance
from optimizer.api import solve
from optimizer.engine.progress import LinkedEvent, ProgressEvent
from optimizer.result import Result


def solve_events(instance: Instance | str, *args: Any, **options: Any) -> Iterator[ProgressEvent]:
    """Yield the progress events of `solve` as they come; the last one carries the ``result``.

    Takes what `solve` takes, but ``on_progress``. The solve runs in a thread of its own. Closing
    the iterator (or leaving its loop) cancels it and waits for its end; what `solve` raises is
    raised here.

    Examples
    --------
    >>> for event in solve_events("two_zones"):
    ...     pass
    >>> event.result.open_zones
    ('taiyuan',)
    """
    if "on_progress" in options:
        raise TypeError("solve_events gives the events to its caller: it takes no on_progress")
    cancel = options["cancel"] = LinkedEvent(options.get("cancel"))
    events: queue.SimpleQueue[ProgressEvent | None] = queue.SimpleQueue()
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(solve(instance, *args, on_progress=events.put, **options))
        except BaseException as error:
            errors.append(error)
        finally:
            events.put(None)

    thread = threading.Thread(target=work, name="solve", daemon=True)
    thread.start()
    last = ProgressEvent("end", 0.0)
    try:
        while (event := events.get()) is not None:
            last = event
            yield event
    finally:
        cancel.set()
        thread.join()
    if errors:
        raise errors[0]
    result = results[0]
    plan = result.plan if result.has_plan else None
    yield ProgressEvent(
        "end",
        max(last.seconds, sum(result.seconds.values())),
        plan.objective if plan else None,
        result.bound,
        result.stop_reason,
        (lambda: vars_of(result)) if plan else None,
        result,
    )


def vars_of(result: Result) -> dict[str, Any]:
    """Return what the plan of a result decides, by the names of its fields."""
    plan = result.plan
    names = ("open_zones", "hosts", "projects", "services", "modules", "increments", "moves")
    return {name: getattr(plan, name) for name in names}
