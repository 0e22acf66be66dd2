"""Python's collector of cyclic garbage, held back where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """Do without collections inside: models are hundreds of thousands of tuples, and none a cycle.

    Otherwise all that an earlier solve has kept is looked through again and again meanwhile.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
