"""Which arcs can be used: what is closed, which projects are built, which services run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from instances.errors import InstanceError
from instances.schema import MODES
from networks.names import find_ids, nearest
from networks.network import ID_COLUMN, Network, split_ids

OPENED_TABLE = {"opens_link": "links", "opens_transfer": "transfers", "opens_customs": "customs"}
_NAMED_TABLES = {"places": "place_id", "services": "service_id", "bottlenecks": "bottleneck_id"}


def available_arcs(
    network: Network,
    *,
    closed: Iterable[str] = (),
    projects: Iterable[str] | str = (),
    services: str | Iterable[str] = "today",
) -> np.ndarray:
    """Return which arcs can be used, as bool per arc; see `Network.available`."""
    built = built_projects(network, projects)
    usable = ~network.needs_project | _opened(network, built)
    runs = np.append(running_services(network, services, built), True)  # position -1: no service
    usable &= runs[network.arc_service]
    if isinstance(closed, str):
        closed = (closed,)
    known = closable(network)
    for element_id in closed:
        if element_id not in known:
            raise InstanceError(
                f"closed element {element_id!r} is no place, link, transfer, customs, corridor, "
                f"service, bottleneck or mode.{nearest(element_id, known)}"
            )
        usable &= ~closed_by(network, element_id)
    return usable


def closable(network: Network) -> dict[str, tuple[str, ...]]:
    """Return the names of everything that can be closed, by id."""
    known: dict[str, tuple[str, ...]] = {mode: () for mode in MODES}
    for row in network.tables["links"]["corridor_id"].unique():
        known |= {corridor: () for corridor in split_ids(row)}
    for table, column in (_NAMED_TABLES | ID_COLUMN).items():
        rows = network.tables[table]
        blank = [""] * len(rows)
        called = [rows[c].tolist() if c in rows else blank for c in ("name", "name_zh")]
        for element_id, *names in zip(rows[column].tolist(), *called, strict=True):
            known[element_id] = (*known.get(element_id, ()), *(n for n in names if n))
    return known


def closing_ids(network: Network, words: Iterable[str]) -> list[str]:
    """Return the ids that a person's words mean.

    A name shared by several elements closes all of them; a part of several names is refused.
    """
    known = closable(network)
    ids: list[str] = []
    for word in words:
        found = find_ids(word, known, what="closed element")
        folded = word.strip().casefold()
        whole = all(folded in {name.casefold() for name in (i, *known[i])} for i in found)
        if len(found) > 1 and not whole:
            more = ", ..." if len(found) > 12 else ""
            raise InstanceError(
                f"closed element {word!r} is ambiguous. Give an id: {', '.join(found[:12])}{more}."
            )
        ids += found
    return list(dict.fromkeys(ids))


def closed_by(network: Network, element_id: str) -> np.ndarray:
    """Return which arcs vanish when an element is closed, as bool per arc.

    An id that several tables share (a port and its bottleneck) closes all it names.
    """
    tables = network.tables
    gone = np.zeros(network.n_arcs, dtype=bool)
    if element_id in network.place_ids:
        at = network.node_place == network.place_ids.index(element_id)
        gone |= at[network.tail] | at[network.head]
    is_link = network.element_table == "links"
    for table, column in ID_COLUMN.items():
        if (tables[table][column] == element_id).any():
            gone |= (network.element_table == table) & (network.element_id == element_id)
    corridors = [element_id in split_ids(c) for c in tables["links"]["corridor_id"]]
    if any(corridors):
        gone[is_link] |= np.array(corridors)[network.element_row[is_link]]
    if element_id in network.service_ids:
        gone |= network.arc_service == network.service_ids.index(element_id)
    if element_id in network.bottleneck_ids:
        uses = network.arc_bottleneck == network.bottleneck_ids.index(element_id)
        counts = np.diff(network.arc_bottleneck_start)
        gone[np.repeat(np.arange(network.n_arcs), counts)[uses]] = True
    if element_id in MODES:
        gone |= is_link & (network.mode == element_id)
    return gone


def built_projects(network: Network, projects: Iterable[str] | str) -> set[str]:
    """Return the ids of the projects that are built. An unknown id raises."""
    known = network.tables["projects"]["project_id"].tolist()
    if isinstance(projects, str):
        projects = known if projects == "all" else (projects,)
    return _checked(projects, known, "project")


def running_services(
    network: Network, services: str | Iterable[str], built: set[str]
) -> np.ndarray:
    """Return which services run, as bool per service: those chosen that need no missing project."""
    rows, ids = network.tables["services"], network.service_ids
    needs = service_projects(network)
    by_project = {s for s, those in needs.items() if those & built}
    if isinstance(services, str) and services == "today":
        today = rows["service_id"][rows["runs_today"] == 1]
        chosen = set(today) | by_project
    elif isinstance(services, str) and services == "all":
        chosen = set(ids)
    else:
        chosen = _checked([services] if isinstance(services, str) else services, ids, "service")
    return np.array([s in chosen and (s not in needs or s in by_project) for s in ids], dtype=bool)


def service_projects(network: Network) -> dict[str, set[str]]:
    """Return the projects that open a service, by service; services that need none are left out."""
    effects = network.tables["project_effects"]
    rows = effects[effects["effect"] == "opens_service"]
    needs: dict[str, set[str]] = {}
    for service, project in zip(rows["element_id"], rows["project_id"], strict=True):
        needs.setdefault(service, set()).add(project)
    return needs


def _opened(network: Network, built: set[str]) -> np.ndarray:
    """Return which arcs a built project opens."""
    opened = np.zeros(network.n_arcs, dtype=bool)
    effects = network.tables["project_effects"]
    for effect, table in OPENED_TABLE.items():
        rows = effects[(effects["effect"] == effect) & effects["project_id"].isin(list(built))]
        if len(rows):
            here = np.flatnonzero((network.element_table == table) & network.needs_project)
            opened[here] = np.isin(network.element_id[here], rows["element_id"].to_numpy(str))
    return opened


def _checked(ids: Iterable[str], known: Iterable[str], what: str) -> set[str]:
    chosen, known = set(ids), set(known)
    for element_id in sorted(chosen - known):
        raise InstanceError(f"{what} {element_id!r} is unknown.{nearest(element_id, known)}")
    return chosen
