"""What was made from tables, kept while the tables stay the same objects.

Sweeps verify hundreds of plans of instances that differ in one table. Tables of an `Instance` are
never changed in place, and instances that share a table share its frame (`Tables.stored`), so "the
same frame" means "the same content", and no content is compared. What is made for a part of the
tables is made from these alone (`optimizer.plan.verify.books`), so nothing else can go stale.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

Made = TypeVar("Made")


class Kept:
    """The latest few values, by the identity of the objects they were made from."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: OrderedDict[Hashable, tuple[Sequence[Any], Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, parts: Sequence[Any], more: Hashable, make: Callable[[], Made]) -> Made:
        """Return the value made from these very objects (and ``more``); made now if need be."""
        key = (tuple(id(part) for part in parts), more)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][1]  # type: ignore[no-any-return]
        value = make()
        with self._lock:
            self._held[key] = (tuple(parts), value)  # held, so that no other takes its id
            while len(self._held) > self.most:
                self._held.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()
