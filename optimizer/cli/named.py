"""Names of zones and closures as planners say them, English or Chinese, made ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instances import Instance


def closed_ids(instance: Instance, words: Iterable[str]) -> tuple[str, ...]:
    """Return the ids to close; a name that nothing or too much has is an `InstanceError`."""
    words = tuple(words)
    if not words:
        return ()
    from networks.closures import closing_ids
    from networks.network import build_network

    return tuple(closing_ids(build_network(instance), words))


def zone_ids(instance: Instance, words: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of zones; what is no zone's id or whole name is an `InstanceError`."""
    from instances.errors import InstanceError
    from networks.names import nearest

    zones = set(instance.tables["zones"]["zone_id"])
    places = instance.tables["places"]
    called: dict[str, tuple[str, ...]] = {
        row.place_id: tuple(n.casefold() for n in (row.name, row.name_zh) if isinstance(n, str))
        for row in places[places["place_id"].isin(list(zones))].itertuples(index=False)
    }
    ids = []
    for word in words:
        found = [word] if word in zones else [z for z, n in called.items() if word.casefold() in n]
        if not found:
            known = [*zones, *(name for names in called.values() for name in names if name)]
            raise InstanceError(f"zone {word!r} is unknown.{nearest(word, known)}")
        if len(found) > 1:
            raise InstanceError(f"zone {word!r} is ambiguous. Give an id: {', '.join(found)}.")
        ids += found
    return tuple(dict.fromkeys(ids))
