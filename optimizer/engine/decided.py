"""What a candidate decides, by the names of a plan's fields: for progress events."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from optimizer.model.base import SitingModel
    from optimizer.problem import Problem


def decided(m: SitingModel, x: np.ndarray) -> dict[str, Any]:
    """Return the decisions in a solution vector of a siting model."""
    columns = [c for c, whole in enumerate(m.lp.integer[: len(x)]) if whole and abs(x[c]) > 0.5]
    return decisions_of(m.problem, {m.lp.col_keys[c]: float(round(x[c])) for c in columns})


def decisions_of(problem: Problem, values: Mapping[Hashable, float]) -> dict[str, Any]:
    """Return open zones, hosts, projects, services and modules among integer columns by key."""
    of: dict[str, list[Any]] = {"open": [], "host": [], "project": [], "service": [], "module": []}
    for key, value in values.items():
        assert isinstance(key, tuple), "columns have tuples as keys"
        kind, *rest = key
        if kind == "open":
            of[kind].append(problem.zones[rest[0]])
        elif kind == "host":
            of[kind].append((problem.zones[rest[0]], problem.industries[rest[1]]))
        elif kind == "module":
            of[kind].append((rest[0], value))
        elif kind in of:
            of[kind].append(rest[0])
    return {
        "open_zones": tuple(of["open"]),
        "hosts": tuple(of["host"]),
        "projects": tuple(of["project"]),
        "services": tuple(of["service"]),
        "modules": tuple(of["module"]),
    }
