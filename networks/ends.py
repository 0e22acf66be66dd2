"""Which place and which nodes a person means by FROM and TO."""

from __future__ import annotations

from dataclasses import dataclass

from instances.errors import InstanceError
from instances.schema import GATE, REGIMES
from networks.names import find_ids
from networks.network import Network


@dataclass(frozen=True, slots=True)
class End:
    """One end of a route: the place, the regime, and the nodes of which any will do."""

    place_id: str
    name: str
    regime: str
    nodes: tuple[int, ...]
    at_gate: bool  # False: the place has no gate, goods start or end at any of its yards
    note: str  # why this place and not another of that name; empty where it is plain


def find_end(network: Network, word: str, regime: str | None = None) -> End:
    """Return the end that an id or name means, by default ``domestic`` in China, else ``foreign``.

    A place with a gate (a transfer to or from its gate) is entered there, others at any yard.
    """
    place_id, note = find_place(network, word)
    at = network.place_ids.index(place_id)
    name = network.tables["places"]["name"].iloc[at]
    regime = regime or ("domestic" if network.in_china[at] else "foreign")
    if regime not in REGIMES:
        raise InstanceError(f"regime {regime!r} is none of {', '.join(REGIMES)}")
    if regime != "foreign" and not network.in_china[at]:
        raise InstanceError(f"{name} lies outside China: the regime there is foreign, not {regime}")
    at_gate = has_gate(network, place_id)
    nodes = tuple(
        i
        for i, (place, yard, r) in enumerate(network.node_keys)
        if place == place_id and r == regime and (yard == GATE or not at_gate)
    )
    return End(place_id, name, regime, nodes, at_gate, note)


def find_place(network: Network, word: str) -> tuple[str, str]:
    """Return the id of the place that an id or name means, and a note on the choice.

    Id first, then English or Chinese name, then the beginning or a part of one; case does not
    count. Where a name means several places and only one of them is no junction, that one is meant
    (nothing starts or ends at a junction) and the note says so. Else `InstanceError` lists them.
    """
    places = network.tables["places"].set_index("place_id")
    english, chinese = places["name"].to_dict(), places["name_zh"].to_dict()
    kinds = places["kind"].to_dict()
    names = {i: tuple(n for n in (english[i], chinese[i]) if n) for i in places.index}
    found = find_ids(word, names, what="place")
    real = [i for i in found if kinds[i] != "junction"]
    if len(found) > 1 and len(real) == 1:
        left_out = ", ".join(i for i in found if i not in real)
        note = f"{word!r} is read as {real[0]} ({english[real[0]]}), not as junction {left_out}"
        return real[0], note
    if len(found) > 1:
        shown = "; ".join(f"{i} ({english[i]}, {kinds[i]})" for i in found[:12])
        more = f"; and {len(found) - 12} more" if len(found) > 12 else ""
        raise InstanceError(f"place {word!r} is ambiguous. Give an id: {shown}{more}.")
    if kinds[found[0]] == "junction" and word != found[0]:
        folded = word.casefold()
        others = [
            i
            for i in real_places(kinds)
            if any(folded in name.casefold() for name in (i, *names[i]))
        ]
        if others:
            return found[0], f"{word!r} is read as junction {found[0]}, not as {', '.join(others)}"
    return found[0], ""


def real_places(kinds: dict[str, str]) -> list[str]:
    """Return the places where goods can start or end: all but junctions."""
    return [place_id for place_id, kind in kinds.items() if kind != "junction"]


def has_gate(network: Network, place_id: str) -> bool:
    """Tell whether a transfer joins the place's gate to one of its yards."""
    transfers = network.tables["transfers"]
    here = transfers[transfers["place_id"] == place_id]
    return bool(((here["from_mode"] == GATE) | (here["to_mode"] == GATE)).any())
