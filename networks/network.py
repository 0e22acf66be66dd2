"""The expanded network: nodes (place, yard, regime), arcs with money, hours and emissions.

`build_network` reads an instance's tables once; everything after works on arrays indexed by arc.
Nothing here changes a network: closures, projects and services are masks (`Network.available`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from instances.errors import InstanceError
from networks import expand
from networks.goods import ArcKind, Goods

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array

By = Literal["generalised", "cost", "hours", "co2", "km"]
MONEY = ("freight", "handling", "declaration", "duty", "vat_financing", "subsidy")
COMPONENTS = (*MONEY, "inventory", "reliability", "emission")
ID_COLUMN = {"links": "link_id", "transfers": "transfer_id", "customs": "customs_id"}

__all__ = ["COMPONENTS", "MONEY", "ArcKind", "By", "Goods", "Network", "build_network"]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """Nodes and arcs as arrays; the number of a node or arc is its position.

    ``node_keys[i]`` is (place_id, yard, regime), ``arc_keys[a]`` the key of docs/plan.md that names
    the table row. Money is CNY, per TEU and per tonne of net load. A bottleneck counts once per arc
    that names it: those of arc ``a`` are ``arc_bottleneck[arc_bottleneck_start[a]:...[a + 1]]``.
    """

    tables: Mapping[str, pd.DataFrame]
    place_ids: tuple[str, ...]
    in_china: np.ndarray  # bool by place
    node_keys: tuple[tuple[str, str, str], ...]
    node_place: np.ndarray  # int32 by node: position in place_ids
    arc_keys: tuple[str, ...]
    tail: np.ndarray  # int32
    head: np.ndarray  # int32
    kind: np.ndarray  # ArcKind values, as text
    mode: np.ndarray  # link: mode; transfer: from>to; customs: the yard
    km: np.ndarray
    cost_cny_per_teu: np.ndarray
    cost_cny_per_tonne: np.ndarray
    subsidy_cny_per_teu: np.ndarray
    duty_share: np.ndarray
    vat_days: np.ndarray
    hours: np.ndarray  # waiting for departure included
    sd_hours: np.ndarray
    co2e_kg_per_teu: np.ndarray
    co2e_kg_per_tonne: np.ndarray
    element_table: np.ndarray  # links, transfers or customs
    element_row: np.ndarray  # position of the row in that table
    element_id: np.ndarray
    bottleneck_ids: tuple[str, ...]
    arc_bottleneck_start: np.ndarray
    arc_bottleneck: np.ndarray
    service_ids: tuple[str, ...]
    arc_service: np.ndarray  # int32, -1: none
    needs_project: np.ndarray  # bool
    carrying_rate: float
    service_factor: float
    emission_cny_per_tonne: float

    def __repr__(self) -> str:
        return f"Network({self.n_nodes} nodes, {self.n_arcs} arcs)"

    @property
    def n_nodes(self) -> int:
        """The number of nodes."""
        return len(self.node_keys)

    @property
    def n_arcs(self) -> int:
        """The number of arcs."""
        return len(self.arc_keys)

    @cached_property
    def node(self) -> Mapping[tuple[str, str, str], int]:
        """The number of a node, by (place_id, yard, regime)."""
        return {key: i for i, key in enumerate(self.node_keys)}

    @cached_property
    def arc(self) -> Mapping[str, int]:
        """The number of an arc, by arc key."""
        return {key: i for i, key in enumerate(self.arc_keys)}

    @cached_property
    def bottlenecks(self) -> csr_array:
        """The matrix [arc, bottleneck] of 0 and 1: which arc uses which capacity."""
        from scipy.sparse import csr_array

        ones = np.ones(len(self.arc_bottleneck))
        shape = (self.n_arcs, len(self.bottleneck_ids))
        return csr_array((ones, self.arc_bottleneck, self.arc_bottleneck_start), shape=shape)

    @property
    def instance(self) -> SimpleNamespace:
        """Tables and settings from which `build_network` builds the same network."""
        names = ("carrying_rate", "service_factor", "emission_cny_per_tonne")
        settings = SimpleNamespace(**{name: getattr(self, name) for name in names})
        return SimpleNamespace(tables=self.tables, settings=settings)

    def components(
        self, goods: Goods, arcs: np.ndarray | slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Return what one TEU of the goods costs over each arc (of ``arcs``), CNY, by component."""
        value, years = goods.value_cny_per_teu, 1 / 8760
        direct = self.cost_cny_per_teu[arcs] + self.cost_cny_per_tonne[arcs] * goods.tonnes_per_teu
        financed = self.carrying_rate * goods.vat_rate * (1 + goods.duty_rate) * value
        tied_up = self.carrying_rate * value * years
        table = self.element_table[arcs]
        emitted = self.co2e_kg_per_teu[arcs] + self.co2e_kg_per_tonne[arcs] * goods.tonnes_per_teu
        return {
            "freight": np.where(table == "links", direct, 0.0),
            "handling": np.where(table == "transfers", direct, 0.0),
            "declaration": np.where(table == "customs", direct, 0.0),
            "duty": self.duty_share[arcs] * (goods.duty_rate * value),
            "vat_financing": self.vat_days[arcs] / 365 * financed,
            "subsidy": -self.subsidy_cny_per_teu[arcs],
            "inventory": tied_up * self.hours[arcs],
            "reliability": self.service_factor * tied_up * self.sd_hours[arcs],
            "emission": self.emission_cny_per_tonne * emitted / 1000,
        }

    def co2e_kg(self, goods: Goods) -> np.ndarray:
        """Return the emissions of one TEU of the goods over each arc, kg CO2e."""
        return self.co2e_kg_per_teu + self.co2e_kg_per_tonne * goods.tonnes_per_teu

    def money(self, goods: Goods) -> np.ndarray:
        """Return the money one TEU of the goods costs over each arc, CNY."""
        value = goods.value_cny_per_teu
        financed = self.carrying_rate * goods.vat_rate * (1 + goods.duty_rate) * value
        return (
            self.cost_cny_per_teu
            + self.cost_cny_per_tonne * goods.tonnes_per_teu
            + self.duty_share * (goods.duty_rate * value)
            + self.vat_days / 365 * financed
            - self.subsidy_cny_per_teu
        )

    def generalised_cost(self, goods: Goods) -> np.ndarray:
        """Return money plus inventory, reliability and emission of one TEU over each arc, CNY."""
        tied_up = self.carrying_rate * goods.value_cny_per_teu / 8760
        return (
            self.money(goods)
            + tied_up * (self.hours + self.service_factor * self.sd_hours)
            + self.emission_cny_per_tonne / 1000 * self.co2e_kg(goods)
        )

    def weights(self, goods: Goods, by: By = "generalised") -> np.ndarray:
        """Return what a route of the goods minimises, per arc: CNY, hours, kg or km."""
        if by == "generalised":
            return self.generalised_cost(goods)
        if by == "cost":
            return self.money(goods)
        if by == "co2":
            return self.co2e_kg(goods)
        if by in ("hours", "km"):
            return getattr(self, by)
        raise InstanceError(f"by = {by!r}: choose generalised, cost, hours, co2 or km")

    def available(
        self,
        *,
        closed: Iterable[str] = (),
        projects: Iterable[str] | str = (),
        services: str | Iterable[str] = "today",
    ) -> np.ndarray:
        """Return which arcs can be used, as bool per arc.

        Parameters
        ----------
        closed
            Ids of places, links, transfers, customs, corridors, services, bottlenecks or modes. A
            closed place closes every arc at or through it. An unknown id raises `InstanceError`.
        projects
            Projects that are built, or ``"all"``: they open what their effects name.
        services
            ``"today"``: those that run today and those a built project opens; ``"all"``; or ids.
            A service that a project opens runs only if such a project is built.
        """
        from networks.closures import available_arcs

        return available_arcs(self, closed=closed, projects=projects, services=services)

    def to_multidigraph(self) -> nx.MultiDiGraph:
        """Return the network as a MultiDiGraph, keyed by arc key, with every attribute."""
        import networkx as nx

        places = self.tables["places"].set_index("place_id")
        columns = ["name", "name_zh", "kind", "in_china", "latitude_deg", "longitude_deg"]
        about = places[columns].to_dict("index")
        graph = nx.MultiDiGraph()
        for place, yard, regime in self.node_keys:
            graph.add_node(
                (place, yard, regime), place_id=place, yard=yard, regime=regime, **about[place]
            )
        for a, attributes in enumerate(self._attributes()):
            tail, head = self.node_keys[self.tail[a]], self.node_keys[self.head[a]]
            graph.add_edge(tail, head, key=self.arc_keys[a], **attributes)
        return graph

    def _attributes(self) -> Iterable[dict[str, Any]]:
        texts = ("kind", "mode", "element_table", "element_id", "needs_project")
        columns = {name: getattr(self, name).tolist() for name in (*texts, *expand.NUMBERS)}
        columns["service_id"] = [self.service_ids[s] if s >= 0 else "" for s in self.arc_service]
        start, ids = self.arc_bottleneck_start, self.bottleneck_ids
        columns["bottleneck_id"] = [
            ";".join(ids[b] for b in self.arc_bottleneck[start[a] : start[a + 1]])
            for a in range(self.n_arcs)
        ]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))


def build_network(instance: Any, *, closed_too: bool = False) -> Network:
    """Return the expanded network of an instance.

    Parameters
    ----------
    instance
        Anything with ``tables`` (DataFrames as `instances.schema` says) and ``settings``.
    closed_too
        Give closed links arcs as well, to find out what opening them would do. Not for planning.
    """
    tables = instance.tables
    nodes = expand.expand_nodes(tables)
    parts = (
        expand.expand_links(tables, nodes, closed_too=closed_too),
        expand.expand_transfers(tables, nodes),
        expand.expand_customs(tables, nodes),
    )
    keys = tuple(key for part in parts for key in part.keys)
    _refuse_twins(keys)
    bottleneck_ids = tuple(tables["bottlenecks"]["bottleneck_id"])
    start, bottleneck = _bottlenecks(tables, parts, bottleneck_ids)
    service_ids = tuple(tables["services"]["service_id"])
    network = Network(
        tables=tables,
        place_ids=nodes.place_ids,
        in_china=nodes.in_china,
        node_keys=nodes.keys,
        node_place=nodes.place,
        arc_keys=keys,
        tail=np.concatenate([p.tail for p in parts]).astype(np.int32),
        head=np.concatenate([p.head for p in parts]).astype(np.int32),
        kind=np.concatenate([p.kind for p in parts]),
        mode=np.concatenate([p.mode for p in parts]),
        **{name: _numbers(parts, name) for name in expand.NUMBERS},
        element_table=np.repeat([p.table for p in parts], [len(p.row) for p in parts]),
        element_row=np.concatenate([p.row for p in parts]).astype(np.int32),
        element_id=np.array(
            [i for p in parts for i in _cells(tables, p, ID_COLUMN[p.table])], dtype=str
        ),
        bottleneck_ids=bottleneck_ids,
        arc_bottleneck_start=start,
        arc_bottleneck=bottleneck,
        service_ids=service_ids,
        arc_service=_services(tables, parts, service_ids),
        needs_project=np.array([i for p in parts for i in _cells(tables, p, "needs_project")]) == 1,
        carrying_rate=float(instance.settings.carrying_rate),
        service_factor=float(instance.settings.service_factor),
        emission_cny_per_tonne=float(instance.settings.emission_cny_per_tonne),
    )
    _refuse_infinite(network)
    return network


def _cells(tables: expand.Tables, part: expand.Arcs, column: str) -> list[Any]:
    """Return the cell of each arc's row in a column of its table."""
    values = tables[part.table][column].tolist()
    return [values[row] for row in part.row.tolist()]


def _numbers(parts: tuple[expand.Arcs, ...], name: str) -> np.ndarray:
    """Return one number per arc; 0 where the arc's table has no such column."""
    return np.concatenate(
        [np.asarray(p.numbers.get(name, np.zeros(len(p.row))), dtype=np.float64) for p in parts]
    )


def _bottlenecks(
    tables: expand.Tables, parts: tuple[expand.Arcs, ...], ids: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return start and numbers of the bottlenecks of each arc, in compressed rows."""
    number = {b: i for i, b in enumerate(ids)}
    known: dict[str, list[int]] = {"": []}  # few distinct cells, many arcs
    lists = []
    for part in parts:
        for cell in _cells(tables, part, "bottleneck_id"):
            if cell not in known:
                known[cell] = [_number(number, b, "bottleneck") for b in split_ids(cell)]
            lists.append(known[cell])
    start = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int32)
    return start, np.array([b for x in lists for b in x], dtype=np.int32)


def _services(
    tables: expand.Tables, parts: tuple[expand.Arcs, ...], ids: tuple[str, ...]
) -> np.ndarray:
    number = {s: i for i, s in enumerate(ids)}
    service = [-1] * sum(len(p.row) for p in parts)
    for a, cell in enumerate(_cells(tables, parts[0], "service_id")):  # links come first
        service[a] = _number(number, cell, "service") if cell else -1
    return np.array(service, dtype=np.int32)


def _number(number: Mapping[str, int], element_id: str, word: str) -> int:
    if element_id not in number:
        raise InstanceError(f"{word} {element_id!r} is named but not in its table")
    return number[element_id]


def split_ids(cell: str) -> list[str]:
    """Return the ids of a cell that may hold several, separated by ';'."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def _refuse_twins(keys: tuple[str, ...]) -> None:
    if len(set(keys)) < len(keys):
        twin = next(key for key, count in Counter(keys).items() if count > 1)
        raise InstanceError(f"two arcs have the key {twin!r}: ids must be unique in their table")


def _refuse_infinite(network: Network) -> None:
    """Stop at the first number that is NaN or infinite: it would make a route free or vanish."""
    for name in expand.NUMBERS:
        bad = ~np.isfinite(getattr(network, name))
        if bad.any():
            at = int(np.argmax(bad))
            raise InstanceError(
                f"{network.element_table[at]} {str(network.element_id[at])!r}: {name} is "
                f"{getattr(network, name)[at]}. Every number of an arc must be finite."
            )
