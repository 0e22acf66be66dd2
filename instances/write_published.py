"""Location problems written as published files, for programs that read those."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instances.published.facility import FacilityInstance


def write_facility(published: FacilityInstance, path: Path) -> str:
    """Write the problem and return the name of the format; every number keeps its digits.

    ``ufllib`` where no facility has a capacity, else ``holmberg`` (costs are those of serving the
    whole demand in both).
    """
    uncapacitated = bool(np.isinf(published.capacity).all())
    lines = list(_ufllib(published) if uncapacitated else _holmberg(published))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return "ufllib" if uncapacitated else "holmberg"


def _ufllib(published: FacilityInstance) -> list[str]:
    m, n = published.unit_cost.shape
    rows = zip(published.fixed_cost.tolist(), published.unit_cost.tolist(), strict=True)
    return [
        f"FILE: {published.name}",
        f"{m} {n} 0",
        *(f"{i} {_text([fixed, *costs])}" for i, (fixed, costs) in enumerate(rows, start=1)),
    ]


def _holmberg(published: FacilityInstance) -> list[str]:
    m, n = published.unit_cost.shape
    capacity = np.minimum(published.capacity, published.demand.sum()).tolist()
    return [
        f"{m} {n}",
        *(_text(pair) for pair in zip(capacity, published.fixed_cost.tolist(), strict=True)),
        _text(published.demand.tolist()),
        *(_text(row) for row in published.unit_cost.tolist()),
    ]


def _text(numbers: list[float] | tuple[float, ...]) -> str:
    return " ".join(str(int(x)) if x == int(x) else repr(x) for x in numbers)
