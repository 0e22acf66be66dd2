"""What the verifier derives from the tables of an instance, made once and kept (`kept.py`).

Each part is made from a view of the instance that holds the tables it may read and no others, so
what is kept for these tables depends on nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from instances.schema import TABLES
from optimizer.plan.verify.arcs import Network
from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.goods import GoodsBook
from optimizer.plan.verify.kept import Kept
from optimizer.plan.verify.production import Production
from optimizer.plan.verify.routes import Routes, usable_ever, usable_today

if TYPE_CHECKING:
    from instances import Instance

NETWORK_TABLES = ("places", "links", "transfers", "customs", "tariffs", "services")
GOODS_TABLES = ("places", "industries", "forms", "inputs", "outputs", "regions")
PRODUCTION_TABLES = (
    *GOODS_TABLES, "factor_prices", "zones", "rivals", "origins", "blocks",
)  # fmt: skip
ALL_TABLES = tuple(table.name for table in TABLES)

_FACTS, _NETWORKS, _GOODS, _PRODUCTION = Kept(2), Kept(2), Kept(2), Kept(2)
_USABLE = Kept(4)


@dataclass(frozen=True)
class Books:
    """Look-ups of one instance: its tables, arcs, goods and unit costs."""

    facts: Facts
    network: Network
    goods: GoodsBook
    production: Production

    def routes_today(self, closed: Sequence[str]) -> Routes:
        """Return the routes of rivals and of what stays: the network of today."""
        whole = self._without_closures(usable_today)
        return self.routes(self._open(whole, closed), whole)

    def usable_ever(self, closed: Sequence[str]) -> np.ndarray:
        """Return which arcs some plan could use."""
        return self._open(self._without_closures(usable_ever), closed)

    def _without_closures(self, usable: Callable[..., np.ndarray]) -> np.ndarray:
        made_of = (self.facts, self.network.arc)
        return _USABLE.get(made_of, usable.__name__, lambda: usable(self.network, ()))

    def _open(self, usable: np.ndarray, closed: Sequence[str]) -> np.ndarray:
        """Return which of these arcs a question leaves open."""
        if not closed:
            return usable
        shut = [not arc.names.isdisjoint(closed) for arc in self.network.arcs]
        return usable & ~np.array(shut, dtype=bool)

    def routes(
        self, usable: np.ndarray, whole: np.ndarray, marks: np.ndarray | None = None
    ) -> Routes:
        """Return routes without surcharges over some arcs; kept with the network.

        ``whole`` are the arcs without what the question closes.
        """
        hosts = tuple(self.facts.host_places)

        def made() -> Routes:
            is_whole = np.array_equal(usable, whole)
            more = None if is_whole else self.routes(whole, whole, marks)
            return Routes(
                self.network, self.goods, usable, hosts=hosts, marks=marks, whole=more
            )  # fmt: skip

        return self.network.kept_routes.get(
            (self.goods,), (hosts, usable.tobytes(), None if marks is None else marks.tobytes()),
            made,
        )  # fmt: skip


class _View(dict[str, Any]):
    """Some tables of an instance, and no others."""

    def stored(self, name: str) -> Any:
        return self.get(name)


def books_of(instance: Instance) -> Books:
    """Return the books of an instance; parts whose tables are those of an earlier one are shared.

    Only tables of an `Instance` are trusted not to change; for others all is made afresh.
    """
    stored = getattr(instance.tables, "stored", None)
    if stored is None or not is_dataclass(instance.settings):
        facts = Facts(instance)
        return Books(facts, Network(facts), GoodsBook(facts), Production(facts))
    settings = tuple(asdict(instance.settings).items())

    def part(kept: Kept, names: Sequence[str], make: Any, *more: Any) -> Any:
        frames = [stored(name) for name in names]

        def made() -> Any:
            view = SimpleNamespace(
                instance_id="", hash="", settings=instance.settings, dense_moves=None,
                tables=_View({name: stored(name) for name in names}),
            )  # fmt: skip
            return make(Facts(view))  # type: ignore[arg-type]

        return kept.get(frames, more, made)

    identity = (settings, instance.hash, instance.instance_id)
    facts = _FACTS.get([stored(n) for n in ALL_TABLES], identity, lambda: Facts(instance))
    network = copy.copy(part(_NETWORKS, NETWORK_TABLES, Network))
    network.facts = facts  # what opens an arc and which services run are questions of every table
    goods = part(_GOODS, GOODS_TABLES, GoodsBook, settings)
    production = part(_PRODUCTION, PRODUCTION_TABLES, Production, settings)
    return Books(facts, network, goods, production)


def forget() -> None:
    """Drop everything that is kept."""
    for kept in (_FACTS, _NETWORKS, _GOODS, _PRODUCTION, _USABLE):
        kept.clear()
