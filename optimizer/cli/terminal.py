"""What long work shows on standard error, and how Ctrl-C ends it with the best plan."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from optimizer.engine.progress import ProgressEvent

EVERY_S = 2.0  # nothing is silent for longer than this


def print_json(data: Any) -> None:
    """Print data as JSON, which knows no NaN and no infinity: these become null."""
    click.echo(json.dumps(_finite(data), ensure_ascii=False, indent=1, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


class ProgressLine:
    """Incumbent, bound and gap as they change: one live line on a terminal, lines in a log."""

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.live = sys.stderr.isatty()
        self._last = ""
        self._written_at = -EVERY_S

    def __call__(self, event: ProgressEvent) -> None:
        """Show the event, in a log at most every two seconds unless the phase is new."""
        if not self.enabled:
            return
        text = f"{event.seconds:7.1f} s  {event.phase:<11}"
        if event.incumbent is not None:
            text += f" incumbent {event.incumbent:,.1f}"
        if event.bound is not None:
            text += f" bound {event.bound:,.1f}"
        if event.gap is not None:
            text += f" gap {event.gap:.3%}"
        if event.detail:
            text += f"  {event.detail}"
        now = time.monotonic()
        if self.live:
            click.echo("\r\x1b[2K" + text[: _width()], err=True, nl=False)
        elif now - self._written_at >= EVERY_S or event.phase != self._last:
            click.echo(text, err=True)
            self._written_at = now
        self._last = event.phase

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the live line."""
        if self.enabled and self.live:
            click.echo("\r\x1b[2K", err=True, nl=False)


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns - 1


class CancelOnInterrupt:
    """While active, Ctrl-C (or SIGTERM) asks the solve to stop with its best plan; twice quits."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __enter__(self) -> threading.Event:
        self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self.event

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        click.echo("\nstopping with the best plan so far; once more to quit at once", err=True)
        self.event.set()
