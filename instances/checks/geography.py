"""Where places are, and whether goods can get from and to those that produce."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault
from instances.schema import GATE, LOCAL
from instances.sheets import did_you_mean

Drafts = Mapping[str, DraftTable]
_CHINA_LATITUDE = (3.0, 54.0)
_CHINA_LONGITUDE = (73.0, 136.0)
ZONE_PLACES = ("zone", "bonded_facility", "dry_port")
Node = tuple[str, str]  # place, yard
_ANYWHERE = "?"  # where a cell with a fault may lead: it is told already and proves nothing
_USED = {
    "places": ("place_id",),
    "links": ("tail_place_id", "head_place_id", "mode", "closed"),
    "transfers": ("place_id", "from_mode", "to_mode"),
    "regions": ("region_id", "role", "place_id"),
    "inputs": ("industry_id", "region_id"),
    "outputs": ("industry_id", "region_id"),
}


def check_coordinates(drafts: Drafts) -> Iterator[Fault]:
    """Places of China's customs territory lie in China; exchanged coordinates are told apart."""
    places = drafts["places"]
    latitude, longitude = places.numbers("latitude_deg"), places.numbers("longitude_deg")
    home = places.numbers("in_china")
    for index in range(len(places)):
        if home[index] != 1 or places.is_bad(index, "latitude_deg", "longitude_deg", "in_china"):
            continue
        lat, lon = float(latitude[index]), float(longitude[index])
        if not _within(lon, _CHINA_LONGITUDE):
            wrong, area = "longitude_deg", _CHINA_LONGITUDE
        elif not _within(lat, _CHINA_LATITUDE):
            wrong, area = "latitude_deg", _CHINA_LATITUDE
        else:
            continue
        if _within(lat, _CHINA_LONGITUDE) and _within(lon, _CHINA_LATITUDE):
            message = "latitude and longitude are exchanged; exchange them back"
        else:
            message = f"is not in China ({area[0]:g} to {area[1]:g}), but in_china is 1"
        yield places.fault(index, wrong, message)


def _within(value: float, area: tuple[float, float]) -> bool:
    return area[0] <= value <= area[1]


def check_region_places(drafts: Drafts) -> Iterator[Fault]:
    """Places of regions exist, or are ``@local``."""
    regions, places = drafts["regions"], drafts["places"]
    if not places.readable or "place_id" in places.absent:
        return
    known = set(places.texts("place_id"))
    for index, place in enumerate(regions.texts("place_id")):
        if place and place != LOCAL and place not in known:
            hint = did_you_mean(place, [*known, LOCAL])
            message = f"{place!r} is not a place_id of {places.file}.{hint} Or write {LOCAL}."
            yield regions.fault(index, "place_id", message)


def check_zone_places(drafts: Drafts) -> Iterator[Fault]:
    """The place of a zone is one where a zone can be."""
    zones, places = drafts["zones"], drafts["places"]
    kinds = dict(zip(places.texts("place_id"), places.texts("kind"), strict=True))
    for index, zone in enumerate(zones.texts("zone_id")):
        kind = kinds.get(zone, "")
        if kind and kind not in ZONE_PLACES and not zones.is_bad(index, "zone_id"):
            kinds_text = ", ".join(ZONE_PLACES)
            message = f"its place is of kind {kind!r} in {places.file}; a zone is at: {kinds_text}"
            yield zones.fault(index, "zone_id", message)


def check_reachable(drafts: Drafts) -> Iterator[Fault]:
    """Zones, origins and rivals from whose gate no source or market can be reached at all.

    Links, transfers and customs are taken as free and two-way here, projects as built; what is
    cut off even so can never host. Hosts whose industries trade ``@local`` only need no network.
    """
    if any(not drafts[n].readable or drafts[n].absent & set(c) for n, c in _USED.items()):
        return
    ends = _trade_places(drafts)
    if not any(ends.values()):
        return
    group = _components(drafts)
    for name, column, industries, doing in _hosts(drafts):
        draft = drafts[name]
        for index, (host, place) in enumerate(
            zip(draft.texts(draft.table.key[0]), draft.texts(column), strict=True)
        ):
            wanted: set[str] = set().union(*(ends.get(i, set()) for i in industries.get(host, ())))
            wanted.discard(place)
            here = group.get((place, GATE))
            if not wanted or _ANYWHERE in wanted or draft.is_bad(index, column):
                continue
            parts = {group.get((p, GATE)) for p in wanted}
            anywhere = group.get((_ANYWHERE, GATE))
            if anywhere is not None and anywhere in {here, *parts}:
                continue  # a row with a fault may be the missing piece
            if here is None or here not in parts:
                message = (
                    f"no open link and transfer lead from the gate of {place!r} to any source or "
                    f"market of what it {doing}; add links, and transfers between gate and mode"
                )
                yield draft.fault(index, column, message)


def _hosts(drafts: Drafts) -> Iterator[tuple[str, str, dict[str, set[str]], str]]:
    """Tables of hosts: name, column of the place, industries of each host."""
    eligibility, rivals, blocks = drafts["eligibility"], drafts["rivals"], drafts["blocks"]
    every = set(drafts["industries"].texts("industry_id"))
    yield "zones", "zone_id", _pairs(eligibility, "zone_id"), "may host"
    yield "origins", "place_id", _pairs(blocks, "origin_id"), "makes"
    takes = dict(zip(rivals.texts("rival_id"), rivals.many("industry_id"), strict=True))
    yield "rivals", "rival_id", {r: set(i) or every for r, i in takes.items()}, "may take"


def _pairs(draft: DraftTable, host: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, industry in zip(draft.texts(host), draft.texts("industry_id"), strict=True):
        found.setdefault(key, set()).add(industry)
    return found


def _trade_places(drafts: Drafts) -> dict[str, set[str]]:
    """The places that each industry buys from or sells to, ``@local`` left out."""
    regions = drafts["regions"]
    known = {*drafts["places"].texts("place_id"), LOCAL}
    places: dict[tuple[str, str], set[str]] = {}
    for region, role, place in zip(
        regions.texts("region_id"), regions.texts("role"), regions.texts("place_id"), strict=True
    ):
        found = places.setdefault((region, role), set())
        if place != LOCAL:
            found.add(place if place in known else _ANYWHERE)
    trade: dict[str, set[str]] = {}
    for name, role in (("inputs", "source"), ("outputs", "market")):
        draft = drafts[name]
        for industry, region in zip(
            draft.texts("industry_id"), draft.texts("region_id"), strict=True
        ):
            trade.setdefault(industry, set()).update(places.get((region, role), {_ANYWHERE}))
    return trade


def _components(drafts: Drafts) -> dict[Node, Node]:
    """A name of the connected part for each (place, yard)."""
    known = set(drafts["places"].texts("place_id"))
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in (*_line_hauls(drafts), *_handling(drafts)):
        (a, mode), (b, other_mode) = one, other
        if a in known and b in known and mode and other_mode and one != other:
            parent[root(one)] = root(other)
        else:
            for place in {a, b} & known:
                parent[root((place, GATE))] = root((_ANYWHERE, GATE))
    return {node: root(node) for node in list(parent)}


def _line_hauls(drafts: Drafts) -> Iterator[tuple[Node, Node]]:
    links = drafts["links"]
    for tail, head, mode, closed in zip(
        links.texts("tail_place_id"), links.texts("head_place_id"), links.texts("mode"),
        links.frame["closed"].tolist(), strict=True,
    ):  # fmt: skip
        if not closed:
            yield (tail, mode), (head, mode)


def _handling(drafts: Drafts) -> Iterator[tuple[Node, Node]]:
    transfers = drafts["transfers"]
    for place, one, other in zip(
        transfers.texts("place_id"), transfers.texts("from_mode"), transfers.texts("to_mode"),
        strict=True,
    ):  # fmt: skip
        yield (place, one), (place, other)
