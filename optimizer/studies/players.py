"""Players of a sharing game: who they are, and which rows of the instance each brings in."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from instances import Instance
from instances.errors import Fault, InstanceError
from optimizer.plan.plan import Plan

KINDS = ("origin", "zone", "port", "corridor")
WORDS = {  # what --players takes -> kind
    "origins": "origin",
    "provinces": "origin",
    "prefectures": "zone",
    "ports": "port",
    "corridors": "corridor",
}
UNITS = {  # what a player's part in a plan is counted in
    "origin": "output that leaves, million CNY a year",
    "zone": "output absorbed, million CNY a year",
    "port": "TEU a year of the zones' goods",
    "corridor": "TEU a year of the zones' goods",
}
FIELDS = ("player", "kind", "elements", "name")


@dataclass(frozen=True, slots=True)
class Player:
    """Who takes part or not. ``elements``: origin ids, zone ids, place ids or corridor names."""

    player_id: str
    name: str
    kind: str
    elements: tuple[str, ...]


def players_by_word(instance: Instance, word: str) -> list[Player]:
    """All players of a kind: ``origins``, ``provinces``, ``prefectures``, ``ports``, ``corridors``.

    Raises
    ------
    InstanceError
        No such word, or the instance has no such players.
    """
    makers = {
        "origins": _origins,
        "provinces": _provinces,
        "prefectures": _prefectures,
        "ports": _ports,
        "corridors": _corridors,
    }
    if word not in makers:
        raise InstanceError(
            f"players {word!r} is neither a file nor one of {', '.join(makers)} (several are "
            "joined by commas)"
        )
    found = makers[word](instance)
    if not found:
        raise InstanceError(f"{instance.name} has no {word} that could be players")
    return found


def _origins(instance: Instance) -> list[Player]:
    origins, blocks = instance.tables["origins"], instance.tables["blocks"]
    active = set(blocks.loc[blocks["volume_mcny_per_year"] > 0, "origin_id"])
    return [
        Player(r.origin_id, r.name, "origin", (r.origin_id,))
        for r in origins.itertuples()
        if r.origin_id in active
    ]


def _provinces(instance: Instance) -> list[Player]:
    places = instance.tables["places"]
    country = dict(zip(places["place_id"], places["country"], strict=True))
    place = dict(
        zip(instance.tables["origins"]["origin_id"], instance.tables["origins"]["place_id"],
            strict=True)
    )  # fmt: skip
    groups: dict[str, list[str]] = defaultdict(list)
    for player in _origins(instance):
        origin = player.elements[0]
        groups[country[place[origin]] or player.name].append(origin)
    return [Player(_id(name), name, "origin", tuple(ids)) for name, ids in groups.items()]


def _prefectures(instance: Instance) -> list[Player]:
    zones = instance.tables["zones"]
    may_host = set(instance.tables["eligibility"]["zone_id"])
    groups: dict[str, list[str]] = defaultdict(list)
    for r in zones.itertuples():
        if r.zone_id in may_host and r.status != "forbidden":
            groups[r.prefecture_id or r.zone_id].append(r.zone_id)
    return [
        Player(name, name.replace("-", " ").title(), "zone", tuple(ids))
        for name, ids in groups.items()
    ]


def _ports(instance: Instance) -> list[Player]:
    places = instance.tables["places"]
    chosen = places[(places["kind"] == "sea_port") & (places["in_china"] == 1)]
    return [Player(r.place_id, r.name, "port", (r.place_id,)) for r in chosen.itertuples()]


def _corridors(instance: Instance) -> list[Player]:
    names = {c: None for text in instance.tables["links"]["corridor_id"] for c in _many(text)}
    return [Player(c, c.replace("_", " "), "corridor", (c,)) for c in sorted(names)]


def read_players(instance: Instance, path: Path) -> list[Player]:
    """Players of a CSV file: player, kind, elements (separated by ``;``), name.

    Raises
    ------
    InstanceError
        All faults of the file at once.
    """
    faults: list[Fault] = []
    players: list[Player] = []
    known = _known(instance)
    owner: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = reader.fieldnames or []
        if not {"player", "kind", "elements"} <= set(names) <= set(FIELDS):
            raise InstanceError(
                f"{path}: columns are {', '.join(names) or 'missing'}; they must be player, kind, "
                "elements and, if wanted, name"
            )
        for number, raw in enumerate(reader, start=2):
            row = {k: (v or "").strip() for k, v in raw.items() if k}
            name, kind = row["player"], row["kind"].removesuffix("s")
            kind = {"prefecture": "zone", "province": "origin"}.get(kind, kind)

            def fault(column: str, value: str, text: str, line: int = number) -> None:
                faults.append(Fault(str(path), line, column, value, text))

            if not name or any(p.player_id == name for p in players):
                fault("player", name, "is given twice" if name else "is empty; give an id")
            if kind not in KINDS:
                fault("kind", row["kind"], f"is not one of {', '.join(KINDS)} or prefecture")
                continue
            elements = []
            for element in _many(row["elements"]):
                found = known[kind].get(element, ())
                if not found:
                    fault("elements", element, f"is no {kind} of {instance.name}")
                for each in found:
                    if (kind, each) in owner:
                        fault("elements", each, f"belongs to player {owner[kind, each]} already")
                    owner[kind, each] = name
                    elements.append(each)
            if not row["elements"]:
                fault("elements", "", "is empty; a player without elements brings nothing")
            players.append(Player(name, row.get("name") or name, kind, tuple(elements)))
    if not players and not faults:
        raise InstanceError(f"{path}: no rows")
    if faults:
        raise InstanceError(faults)
    return players


def _known(instance: Instance) -> dict[str, dict[str, tuple[str, ...]]]:
    """By kind: what an element may be called, and the elements that it stands for."""
    tables = instance.tables
    zones = {z: (z,) for z in tables["zones"]["zone_id"]}
    groups: dict[str, list[str]] = defaultdict(list)
    for r in tables["zones"].itertuples():
        groups[r.prefecture_id].append(r.zone_id)
    prefectures = {name: tuple(ids) for name, ids in groups.items() if name}
    return {
        "origin": {o: (o,) for o in tables["origins"]["origin_id"]},
        "zone": prefectures | zones,
        "port": {p: (p,) for p in tables["places"]["place_id"]},
        "corridor": {
            c: (c,) for text in tables["links"]["corridor_id"] for c in _many(text)
        },
    }  # fmt: skip


def merged(players: Sequence[Player], sizes: Sequence[float], at_most: int) -> list[Player]:
    """At most so many players of each kind in turn: the smallest act together as the others."""
    kinds = list(dict.fromkeys(p.kind for p in players))
    if len(players) <= at_most:
        return list(players)
    room = {k: at_most // len(kinds) + (n < at_most % len(kinds)) for n, k in enumerate(kinds)}
    spare = 0
    for kind in sorted(kinds, key=lambda k: sum(p.kind == k for p in players)):
        count = sum(p.kind == kind for p in players)
        room[kind] += spare
        spare = max(0, room[kind] - count)
    kept: list[Player] = []
    for kind in kinds:
        here = [k for k, p in enumerate(players) if p.kind == kind]
        if len(here) <= room[kind]:
            kept += [players[k] for k in here]
            continue
        order = sorted(here, key=lambda k: (-sizes[k], players[k].player_id))
        alone, rest = order[: max(0, room[kind] - 1)], order[max(0, room[kind] - 1) :]
        kept += [players[k] for k in sorted(alone)]
        elements = tuple(e for k in sorted(rest) for e in players[k].elements)
        word = {"origin": "origins", "zone": "prefectures"}.get(kind, kind + "s")
        kept.append(Player(f"other-{word}", f"{len(rest)} other {word}", kind, elements))
    return kept


@dataclass(frozen=True)
class Used:
    """How much of what players bring a plan uses: by (kind, element), in the kind's own unit."""

    amounts: Mapping[tuple[str, str], float]

    def amount(self, player: Player) -> float:
        """What the plan uses of a player; the largest of its places or corridors, else the sum."""
        found = [self.amounts.get((player.kind, e), 0.0) for e in player.elements]
        return max(found, default=0.0) if player.kind in ("port", "corridor") else sum(found)

    def mask(self, players: Sequence[Player]) -> int:
        """The coalition of those that the plan needs."""
        needed = (any((p.kind, e) in self.amounts for e in p.elements) for p in players)
        return sum(1 << k for k, is_needed in enumerate(needed) if is_needed)


def used_by(instance: Instance, plan: Plan, players: Iterable[Player]) -> Used:
    """Return what a plan uses of the elements of players."""
    wanted = {(p.kind, e) for p in players for e in p.elements}
    amounts: dict[tuple[str, str], float] = defaultdict(float)
    for move in plan.moves:
        amounts["origin", move.origin_id] += move.output_mcny
        amounts["zone", move.zone_id] += move.output_mcny
    for origin, _, _, output in plan.rivals:
        amounts["origin", origin] += output
    existing = instance.tables["zones"]
    existing = set(existing.loc[existing["status"] == "existing", "zone_id"])
    module_zone = dict(
        zip(instance.tables["modules"]["module_id"], instance.tables["modules"]["zone_id"],
            strict=True)
    )  # fmt: skip
    for zone in {z for z, _ in plan.hosts} | (set(plan.open_zones) - existing):
        amounts["zone", zone] += 0.0
    for module, count in plan.modules:
        if count:
            amounts["zone", module_zone[module]] += 0.0
    if any(kind in ("port", "corridor") for kind, _ in wanted):
        amounts.update(loads_of(instance, plan))
    return Used({key: value for key, value in amounts.items() if key in wanted})


def loads_of(instance: Instance, plan: Plan) -> dict[tuple[str, str], float]:
    """TEU a year of the zones' goods that pass each place and corridor, by (kind, id)."""
    tables = instance.tables
    link = {r.link_id: r for r in tables["links"].itertuples()}
    place = dict(zip(tables["transfers"]["transfer_id"], tables["transfers"]["place_id"],
                     strict=True))  # fmt: skip
    place |= dict(zip(tables["customs"]["customs_id"], tables["customs"]["place_id"], strict=True))
    loads: dict[tuple[str, str], float] = defaultdict(float)
    for flow in plan.flows:
        if flow.host_kind != "zone" or not flow.teu:
            continue
        passed: dict[tuple[str, str], None] = {}
        for key in flow.arcs:
            table, element = key.split(":")[:2]
            if table != "link":
                passed["port", place[element]] = None
                continue
            row = link[element]
            passed |= {("port", row.tail_place_id): None, ("port", row.head_place_id): None}
            passed |= {("corridor", c): None for c in _many(row.corridor_id)}
        for stop in passed:
            loads[stop] += flow.teu
    return dict(loads)


def _many(text: object) -> tuple[str, ...]:
    return tuple(t.strip() for t in str(text).split(";") if t.strip()) if text == text else ()


def _id(name: str) -> str:
    return name.lower().replace(" ", "-")
