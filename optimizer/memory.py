"""What one solve can hand to the next: routes that stay right, and the values of its plan.

Sweeps change one thing at a time. As long as nothing that routes depend on has changed (links,
tariffs, goods, regimes, closures ...), least-cost routes and the lists of routes that could matter
are those of the solve before. Whether that is so is checked on the tables, never assumed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from instances import Instance
from networks.network import Network
from networks.paths import Tree, unsure_nodes
from optimizer.plan.plan import Question

# Tables (and columns, where not all count) that routes of goods depend on.
ROUTE_TABLES: dict[str, tuple[str, ...]] = {
    "places": ("place_id", "kind", "in_china"),
    "zones": ("zone_id",),  # where goods have a door
    "origins": ("origin_id", "place_id"),
    "rivals": ("rival_id",),
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
        closed = set(self.problem.question.closed) == set(question.closed)
        return closed and self.has_same_weights(instance, by, weights)

    def has_same_weights(
        self, instance: Instance, by: str, weights: Mapping[str, float] | None = None
    ) -> bool:
        """Say whether each route weighs what it did; closures may make some of them impossible."""
        if self.problem.by != by or self.problem.route_weights != (weights or {}):
            return False
        return self.has_same_network(instance)

    def has_same_network(self, instance: Instance) -> bool:
        """Say whether the tables have the network, the goods and the prices of routes of before."""
        before = self.problem.instance
        for name in ROUTE_SETTINGS:
            if getattr(before.settings, name) != getattr(instance.settings, name):
                return False
        for name, columns in ROUTE_TABLES.items():
            if _is_shared(name, before, instance):
                continue
            old, new = before.tables[name], instance.tables[name]
            picked = (
                list(columns)
                if columns
                else [c for c in old.columns if c not in ("source", "grade")]
            )
            if not old[picked].equals(new[picked]):
                return False
        return _unlimited(before) == _unlimited(instance)


def _is_shared(name: str, one: Instance, other: Instance) -> bool:
    """Say whether two instances have the very same table, as after an override of another one."""
    stored = [getattr(i.tables, "stored", None) for i in (one, other)]
    return None not in stored and stored[0](name) is stored[1](name)  # type: ignore[misc]


def _unlimited(instance: Instance) -> list[tuple[str, bool]]:
    """Which bottlenecks have no limit; those are left out of the resources."""
    table = instance.tables["bottlenecks"]
    endless = table["capacity_teu_per_year"] == float("inf")
    return list(zip(table["bottleneck_id"], endless.tolist(), strict=True))


@dataclass
class Closing:
    """What the routes of an earlier solve are worth where other arcs are closed, and nothing else.

    Shortest routes that use no closed arc stay the shortest. Where arcs are opened, a tree stays as
    it is if none of them shortens a way in it.
    """

    before: Any  # the `optimizer.problem.Problem` whose routes they are
    network: Network
    arcs: set[int]  # that are closed now and were not, or the other way round
    opens: bool  # some arc is open now that was not

    @classmethod
    def between(cls, before: Any, masks: Iterable[tuple[np.ndarray, np.ndarray]]) -> Closing:
        """What changes by ``masks``, each before and now."""
        changed = [(old, new, np.flatnonzero(old != new)) for old, new in masks]
        arcs = {int(a) for _, _, at in changed for a in at}
        opens = any(bool(new[at].any()) for _, new, at in changed)
        return cls(before, before.network, arcs, opens)

    @cached_property
    def numbers(self) -> np.ndarray:
        """The arcs that change."""
        return np.array(sorted(self.arcs), dtype=np.int64)

    @cached_property
    def gates(self) -> np.ndarray:
        """Which nodes routes are asked for: the gates of zones, of rivals and of origins."""
        tables = self.before.instance.tables
        asked = {*tables["zones"]["zone_id"], *tables["rivals"]["rival_id"]}
        asked |= set(tables["origins"]["place_id"])
        keys = self.network.node_keys
        return np.array([yard == "gate" and place in asked for place, yard, _ in keys])

    def is_open(self, arcs: Iterable[int]) -> bool:
        """Say whether a route is as it was."""
        return self.arcs.isdisjoint(arcs)

    def keeps_base(self, commodity: tuple[int, int], arcs: Iterable[int]) -> bool:
        """Say whether the base route of a commodity is the same as before."""
        return not self.opens and self.is_open(arcs)

    def kept_tree(self, tree: Tree, weights: np.ndarray, mask: np.ndarray) -> Tree | None:
        """Return the tree as far as it stands, if it does for every gate; nan elsewhere."""
        unsure = unsure_nodes(tree, self.network, self.numbers, weights, mask)
        if unsure is None or (unsure & self.gates).any():
            return None
        return replace(tree, dist=np.where(unsure, np.nan, tree.dist)) if unsure.any() else tree
