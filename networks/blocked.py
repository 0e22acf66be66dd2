"""Why no route is left: the smallest set of closures that blocks, or of openings that would help.

Both are the same question: the smallest set S of elements for which a test holds that larger sets
also pass. It is answered exactly by hitting sets: whatever set fails the test, the answer must hold
an element outside it; the smallest set that meets all these demands either passes, and is the
answer, or fails and yields the next demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from networks.closures import (
    OPENED_TABLE,
    built_projects,
    closed_by,
    running_services,
    service_projects,
)
from networks.network import Network

_WORD = {"links": "link", "transfers": "transfer", "customs": "customs"}
Test = Callable[[frozenset[str]], bool]


def smallest_set(elements: Sequence[str], passes: Test) -> tuple[str, ...] | None:
    """Return a smallest set of elements that passes a test, None if even all of them fail.

    ``passes`` must be monotone: a set that holds a passing set passes.
    """
    everything = frozenset(elements)
    if not passes(everything):
        return None
    demands: list[frozenset[str]] = []
    while not passes(chosen := _smallest_hitting_set(elements, demands)):
        failing = chosen
        for element in elements:  # the larger the failing set, the sharper the demand
            if element not in failing and not passes(larger := failing | {element}):
                failing = larger
        demands.append(everything - failing)
    return tuple(e for e in elements if e in chosen)


def _smallest_hitting_set(
    elements: Sequence[str], demands: Sequence[frozenset[str]]
) -> frozenset[str]:
    """Return a smallest set that shares an element with each demand."""
    if not demands:
        return frozenset()
    from scipy.optimize import Bounds, LinearConstraint, milp

    rows = np.array([[e in demand for e in elements] for demand in demands], dtype=float)
    order = 1 + np.arange(len(elements)) * (0.5 / len(elements) ** 2)  # equal sizes: first in order
    answer = milp(
        order,
        integrality=np.ones(len(elements)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows, lb=1),
        options={"mip_rel_gap": 0},
    )
    if answer.x is None:
        raise RuntimeError(f"the hitting set could not be found: {answer.message}")
    return frozenset(e for e, x in zip(elements, answer.x, strict=True) if x > 0.5)


class Reach:
    """Whether the targets can be reached from the sources, over the arcs of a mask."""

    def __init__(self, network: Network, sources: Sequence[int], targets: Sequence[int]) -> None:
        self.n, self.sources, self.targets = network.n_nodes, list(sources), list(targets)
        self.order = np.argsort(network.tail, kind="stable")
        self.tail = network.tail[self.order]
        self.head = network.head[self.order]

    def nodes(self, mask: np.ndarray) -> np.ndarray:
        """Return which nodes can be reached, as bool per node."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import breadth_first_order

        use = mask[self.order]
        heads = np.append(self.head[use], self.sources).astype(np.int32)
        start = np.searchsorted(self.tail[use], np.arange(self.n + 1))
        indptr = np.append(start, len(heads)).astype(np.int32)  # the last node leads to the sources
        graph = csr_array((np.ones(len(heads)), heads, indptr), shape=(self.n + 1, self.n + 1))
        found = breadth_first_order(graph, self.n, return_predecessors=False)
        seen = np.zeros(self.n + 1, dtype=bool)
        seen[found] = True
        return seen[:-1]

    def __call__(self, mask: np.ndarray) -> bool:
        """Tell whether a target can be reached."""
        return bool(self.nodes(mask)[self.targets].any())


def smallest_blocking_set(
    network: Network, open_mask: np.ndarray, closed: Iterable[str], reach: Reach
) -> tuple[str, ...] | None:
    """Return a smallest part of the closures that leaves no route, None if a route is left.

    ``open_mask`` says which arcs can be used before anything is closed.
    """
    gone = {element: closed_by(network, element) for element in dict.fromkeys(closed)}

    def blocks(chosen: frozenset[str]) -> bool:
        mask = open_mask.copy()
        for element in chosen:
            mask &= ~gone[element]
        return not reach(mask)

    return smallest_set(list(gone), blocks)


@dataclass(frozen=True, slots=True)
class Opening:
    """Something that is missing today: opening it makes arcs usable."""

    kind: str  # project, service, or the table of an element that is closed or has no project
    element_id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.element_id}"


def smallest_opening_set(
    network: Network,
    closed: Iterable[str],
    projects: Iterable[str] | str,
    services: str | Iterable[str],
    sources: Sequence[int],
    targets: Sequence[int],
) -> tuple[Opening, ...] | None:
    """Return a smallest set of missing things that would open a route, None if nothing would.

    ``network`` must have been built with ``closed_too``. What can be opened: a closed link, a
    project that is not built, a service that does not run, an element that needs a project but that
    no project opens. The closures of the caller stay.
    """
    built = built_projects(network, projects)
    running = running_services(network, services, built)
    usable = np.ones(network.n_arcs, dtype=bool)
    for element in closed:
        usable &= ~closed_by(network, element)
    locks = _locks(network, built, running)
    openings = {str(o): o for lock in locks for o in lock.keys}

    def passes(chosen: frozenset[str]) -> bool:
        mask = usable.copy()
        for lock in locks:
            if not any(str(key) in chosen for key in lock.keys):
                mask &= ~lock.arcs
        return reach(mask)

    reach = Reach(network, sources, targets)
    found = smallest_set(list(openings), passes)
    return None if found is None else tuple(openings[name] for name in found)


@dataclass(frozen=True, slots=True)
class _Lock:
    """Arcs that stay shut unless one of the keys is turned."""

    arcs: np.ndarray
    keys: tuple[Opening, ...]


def _locks(network: Network, built: set[str], running: np.ndarray) -> list[_Lock]:
    """Return what keeps arcs shut today."""
    tables, locks = network.tables, []
    links = tables["links"]
    for link_id in links["link_id"][links["closed"] == 1]:
        locks.append(_Lock(_arcs_of(network, "links", link_id), (Opening("link", link_id),)))
    needs = service_projects(network)
    for s, service_id in enumerate(network.service_ids):
        if not running[s]:
            by = needs.get(service_id, set())
            keys = [Opening("project", p) for p in sorted(by)] if built.isdisjoint(by) else []
            keys = keys or [Opening("service", service_id)]
            locks.append(_Lock(network.arc_service == s, tuple(keys)))
    effects = tables["project_effects"]
    opener: dict[tuple[str, str], list[str]] = {}
    for project, effect, element in zip(
        effects["project_id"], effects["effect"], effects["element_id"], strict=True
    ):
        if effect in OPENED_TABLE:
            opener.setdefault((OPENED_TABLE[effect], element), []).append(project)
    shut = network.needs_project
    pairs = zip(
        network.element_table[shut].tolist(), network.element_id[shut].tolist(), strict=True
    )
    for table, element in sorted(set(pairs)):
        openers = opener.get((table, element), [])
        if built.isdisjoint(openers):
            keys = [Opening("project", p) for p in openers] or [Opening(_WORD[table], element)]
            locks.append(_Lock(_arcs_of(network, table, element), tuple(keys)))
    return locks


def _arcs_of(network: Network, table: str, element_id: str) -> np.ndarray:
    """Return which arcs come from one row of a table."""
    return (network.element_table == table) & (network.element_id == element_id)
