"""Memory of this process by the operating system's own accounting, and a limit that is kept.

Solvers account for their memory each in its own way, or not at all; what counts for the machine is
the resident memory of the process.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

EVERY_S = 0.05
_STATM = Path("/proc/self/statm")


def resident_mb() -> float:
    """Return the resident memory of this process, MB; its peak where the system tells no more."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_memory_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_memory_mb() -> float:
    """Return the highest resident memory of this process so far, MB; nan where it is not told."""
    try:
        import resource
    except ImportError:  # not on Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class MemoryGuard:
    """Calls ``stop`` once when the process holds more than ``limit_mb``; used with ``with``."""

    def __init__(self, limit_mb: float, stop: Callable[[], None]) -> None:
        if not limit_mb > 0:
            raise ValueError(f"memory_limit_mb {limit_mb} must be > 0")
        if math.isfinite(limit_mb) and math.isnan(resident_mb()):
            raise ValueError("this system does not tell how much memory a process holds")
        self.limit_mb = limit_mb
        self.exceeded = False
        self._stop = stop
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """Begin to watch."""
        if math.isfinite(self.limit_mb):
            self._look()
            threading.Thread(target=self._watch, name="memory", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the watch."""
        self._over.set()

    def _look(self) -> None:
        if resident_mb() > self.limit_mb:
            self.exceeded = True
            self._stop()

    def _watch(self) -> None:
        while not self.exceeded and not self._over.wait(EVERY_S):
            self._look()
