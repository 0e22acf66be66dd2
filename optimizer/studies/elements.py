"""What can be closed, and which of it a plan uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from instances import Instance
from instances.errors import InstanceError
from instances.schema import MODES
from networks.closures import closable, closed_by
from networks.names import nearest
from networks.network import ID_COLUMN, Network
from optimizer.plan.plan import Plan

KINDS = ("ports", "crossings", "corridors", "terminals", "links")
PLACES = {
    "ports": ("sea_port",),
    "crossings": ("border_crossing",),
    "terminals": ("dry_port", "bonded_facility", "airport"),
}


@dataclass(frozen=True)
class Element:
    """Something that fails: ids that close, and cells that change where it only gets worse.

    ``restricts``: it only takes ways away, so that the best plan cannot become cheaper.
    """

    kind: str
    element_id: str
    name: str
    closed: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    grade: str = ""
    text: str = ""

    @property
    def restricts(self) -> bool:
        """True if it closes and changes nothing else."""
        return not self.overrides

    def joined(self, other: Element) -> Element:
        """Both at the same time."""
        return Element(
            "pair",
            f"{self.element_id}+{other.element_id}",
            f"{self.name} + {other.name}",
            tuple(dict.fromkeys(self.closed + other.closed)),
            self.overrides + other.overrides,
        )


def elements_of(instance: Instance, kinds: Iterable[str]) -> list[Element]:
    """Return every element of some kinds (see `KINDS`), in the order of the tables."""
    places = instance.tables["places"]
    name = dict(zip(places["place_id"], places["name"], strict=True))
    found: list[Element] = []
    for kind in kinds:
        if kind not in KINDS:
            raise InstanceError(f"{kind!r} cannot be closed in turn; known: {', '.join(KINDS)}")
        if kind == "corridors":
            named = instance.tables["links"]["corridor_id"]
            ids = sorted({c for row in named.unique() for c in row.split(";") if c})
            found += [Element("corridor", c, c.replace("_", " "), (c,)) for c in ids]
        elif kind == "links":
            links = instance.tables["links"]
            for r in links[links["closed"] == 0].itertuples():
                called = f"{name[r.tail_place_id]} – {name[r.head_place_id]} ({r.mode})"
                found.append(Element("link", r.link_id, called, (r.link_id,)))
        else:
            chosen = places[places["kind"].isin(PLACES[kind])]
            one = kind.removesuffix("s")
            found += [Element(one, r.place_id, r.name, (r.place_id,)) for r in chosen.itertuples()]
            if kind == "crossings":
                found += _crossings_elsewhere(instance, set(chosen["place_id"]))
    return found


def _crossings_elsewhere(instance: Instance, places: set[str]) -> list[Element]:
    """Crossings that are capacities at a market or junction, such as a change of gauge."""
    table = instance.tables["bottlenecks"]
    rows = table[(table["kind"] == "crossing") & ~table["place_id"].isin(list(places))]
    return [
        Element("crossing", r.bottleneck_id, r.name, _closing(instance, r.bottleneck_id))
        for r in rows.itertuples()
    ]


def _closing(instance: Instance, word: str) -> tuple[str, ...]:
    """Ids that a question can close: what uses a capacity, links of a mode, or the id itself."""
    tables = instance.tables
    if word in MODES:
        links = tables["links"]
        return tuple(links.loc[links["mode"] == word, "link_id"])
    others = {"places": "place_id", "services": "service_id"} | ID_COLUMN
    if any((tables[table][column] == word).any() for table, column in others.items()):
        return (word,)
    users = [
        element_id
        for table, column in ID_COLUMN.items()
        for element_id, named in zip(
            tables[table][column], tables[table]["bottleneck_id"], strict=True
        )
        if word in named.split(";")
    ]
    return tuple(dict.fromkeys(users)) or (word,)


def element_of(instance: Instance, network: Network, word: str) -> Element:
    """Return the element of an id: one of the kinds, or anything else that can be closed."""
    for element in elements_of(instance, KINDS):
        if element.element_id == word:
            return element
    known = closable(network)
    if word not in known:
        raise InstanceError(
            f"element {word!r} is no place, link, transfer, customs, corridor, service, "
            f"bottleneck or mode.{nearest(word, known)}"
        )
    return Element("other", word, (*known[word], word)[0], _closing(instance, word))


def events_of(instance: Instance, wanted: Sequence[str] | None = None) -> list[Element]:
    """Return the named events of an instance, all or those of these ids."""
    table = instance.tables["events"]
    known = list(table["event_id"])
    for word in wanted or ():
        if word not in known:
            raise InstanceError(f"event {word!r} is unknown.{nearest(word, known)}")
    return [
        Element(
            "event",
            r.event_id,
            r.name,
            tuple(i for word in _parts(r.closed) for i in _closing(instance, word)),
            _parts(r.overrides),
            r.grade,
            r.text,
        )
        for r in table.itertuples()
        if wanted is None or r.event_id in wanted
    ]


def _parts(text: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in text.split(";") if p.strip())


class Usage:
    """Whether a plan uses what is closed: no goods on it, no train by decision."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self.network = network
        self.services = set(plan.services)
        self.arcs = np.zeros(network.n_arcs, dtype=bool)
        keys = {arc for flow in plan.flows for arc in flow.arcs}
        self.arcs[[network.arc[key] for key in keys]] = True

    def touches(self, closed: Iterable[str]) -> bool:
        """Return True if the plan cannot go on as it is when these ids are closed."""
        return any(
            i in self.services or bool((closed_by(self.network, i) & self.arcs).any())
            for i in closed
        )
