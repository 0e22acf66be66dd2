"""What one solve can hand to the next: routes that stay right, and the values of its plan.

Sweeps change one thing at a time. As long as nothing that routes depend on has changed (links,
tariffs, goods, regimes, closures ...), least-cost routes and the lists of routes that could matter
are those of the solve before. Whether that is so is checked on the tables, never assumed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from instances import Instance
from optimizer.plan.plan import Question

# Tables (and columns, where not all count) that routes of goods depend on.
ROUTE_TABLES: dict[str, tuple[str, ...]] = {
    "places": ("place_id", "kind", "in_china"),
    "tariffs": (),
    "links": (),
    "transfers": (),
    "customs": (),
    "services": ("service_id", "departures_per_week", "runs_today"),
    "project_effects": (),
    "projects": ("project_id", "status"),
    "regions": (),
    "inputs": (),
    "outputs": (),
    "forms": ("form_id", "import_regime", "home_regime", "export_regime", "sale_regime"),
    "industries": (
        "industry_id",
        "output_value_cny_per_teu",
        "output_tonnes_per_teu",
        "output_duty_rate",
        "vat_rate",
    ),
}
ROUTE_SETTINGS = ("carrying_rate", "service_factor", "emission_cny_per_tonne")


@dataclass
class Memory:
    """State of a finished solve that a later one may use (see `may_reuse_routes`)."""

    problem: Any  # the `optimizer.problem.Problem` that was solved
    values: Mapping[Hashable, float] = field(default_factory=dict)  # of the plan, by column key
    model: Any = None  # its `optimizer.model.siting.SitingModel`
    free: dict[int, Any] = field(default_factory=dict)
    listed: dict[frozenset, dict[Any, list[tuple[int, ...]]]] = field(default_factory=dict)
    basis: Any = None  # of the relaxation: where columns and rows of `model` stood

    def may_reuse_routes(
        self,
        instance: Instance,
        question: Question,
        by: str,
        weights: Mapping[str, float] | None = None,
    ) -> bool:
        """Say whether the routes of this solve are those of ``question`` on ``instance``."""
        before = self.problem.instance
        if self.problem.by != by or self.problem.route_weights != (weights or {}):
            return False
        if set(self.problem.question.closed) != set(question.closed):
            return False
        for name in ROUTE_SETTINGS:
            if getattr(before.settings, name) != getattr(instance.settings, name):
                return False
        for name, columns in ROUTE_TABLES.items():
            old, new = before.tables[name], instance.tables[name]
            if old is new:
                continue
            picked = (
                list(columns)
                if columns
                else [c for c in old.columns if c not in ("source", "grade")]
            )
            if not old[picked].equals(new[picked]):
                return False
        return _unlimited(before) == _unlimited(instance)


def _unlimited(instance: Instance) -> list[tuple[str, bool]]:
    """Which bottlenecks have no limit; those are left out of the resources."""
    table = instance.tables["bottlenecks"]
    endless = table["capacity_teu_per_year"] == float("inf")
    return list(zip(table["bottleneck_id"], endless.tolist(), strict=True))
