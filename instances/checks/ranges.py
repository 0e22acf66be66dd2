"""Documented ranges: the low end is not above the high end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault


def check_ranges(drafts: Mapping[str, DraftTable]) -> Iterator[Fault]:
    """Every pair of columns called ``..._low...`` and ``..._high...``."""
    for draft in drafts.values():
        names = set(draft.table.names)
        for low in draft.table.names:
            high = low.replace("_low", "_high")
            if low == high or high not in names:
                continue
            for index in (draft.numbers(low) > draft.numbers(high)).nonzero()[0].tolist():
                message = f"is above {draft.header.get(high, high)}; exchange or correct the two"
                yield draft.fault(index, low, message)
