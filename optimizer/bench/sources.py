"""From a case to its problem: arrays of a published family, or an instance of the planner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from instances import Instance, read_instance
from instances.published.facility import FacilityInstance, read_facility
from instances.published_design import PublishedDesign, generate_design, read_dow

DRAWN = ("cornuejols", "koerkel_ghosh", "euclidean", "design")


@dataclass(frozen=True)
class Given:
    """What was read: ``published`` is None for the planner's own instances."""

    instance: Instance
    published: FacilityInstance | PublishedDesign | None

    @property
    def size(self) -> str:
        """The size in words."""
        if isinstance(self.published, FacilityInstance):
            m, n = self.published.unit_cost.shape
            return f"{m} x {n}"
        if isinstance(self.published, PublishedDesign):
            p = self.published
            return f"{p.n_nodes} nodes, {p.tail.size} arcs, {p.origin.size} commodities"
        tables = self.instance.tables
        return f"{len(tables['zones'])} zones, {len(tables['blocks'])} blocks"


def read_case(source: str, options: dict[str, Any], data: Path | None) -> Given:
    """Return the problem of a case (`optimizer.bench.cases.Case`)."""
    kind, _, what = source.partition(":")
    if kind == "named":
        return Given(read_instance(what), None)
    if kind == "file" and data is None:
        raise ValueError(f"{source} needs the data folder")
    if kind == "file":
        published = _read(Path(data or "") / what, dict(options))
    elif kind == "draw" and what in DRAWN:
        published = _draw(what, dict(options))
    else:
        raise ValueError(f"{source!r} is no source of instances")
    from instances.as_instance import design_instance, facility_instance

    if isinstance(published, FacilityInstance):
        return Given(facility_instance(published), published)
    return Given(design_instance(published), published)


def _read(path: Path, options: dict[str, Any]) -> FacilityInstance | PublishedDesign:
    if options.get("format") == "dow":
        return read_dow(path)
    return read_facility(path, **options)


def _draw(recipe: str, options: dict[str, Any]) -> FacilityInstance | PublishedDesign:
    from instances.generators import facility

    if recipe == "design":
        return generate_design(**options)
    single_source = options.pop("single_source", False)
    drawn = getattr(facility, recipe)(**options)
    return replace(drawn, single_source=single_source)
