"""Links, transfers, customs and services that make sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault

Drafts = Mapping[str, DraftTable]
_ENDS = (
    ("links", "tail_place_id", "head_place_id"),
    ("transfers", "from_mode", "to_mode"),
    ("customs", "from_regime", "to_regime"),
    ("calibration", "tail_place_id", "head_place_id"),
)


def check_ends(drafts: Drafts) -> Iterator[Fault]:
    """The two ends of a link, transfer or customs arc differ."""
    for name, one, other in _ENDS:
        draft = drafts[name]
        for index, (a, b) in enumerate(zip(draft.texts(one), draft.texts(other), strict=True)):
            if a and a == b and not draft.is_bad(index, one, other):
                message = f"is the same as {one} ({a!r}); it must lead somewhere else"
                yield draft.fault(index, other, message)


def check_tariff_modes(drafts: Drafts) -> Iterator[Fault]:
    """A link is priced by a tariff of its own mode."""
    links, tariffs = drafts["links"], drafts["tariffs"]
    modes = {
        tariff: mode
        for i, (tariff, mode) in enumerate(
            zip(tariffs.texts("tariff_id"), tariffs.texts("mode"), strict=True)
        )
        if not tariffs.is_bad(i, "mode")
    }
    for index, (tariff, mode) in enumerate(
        zip(links.texts("tariff_id"), links.texts("mode"), strict=True)
    ):
        wanted = modes.get(tariff)
        if wanted and mode != wanted and not links.is_bad(index, "tariff_id", "mode"):
            message = f"is a tariff of mode {wanted!r}, the link is {mode!r}; use one of its mode"
            yield links.fault(index, "tariff_id", message)


def check_customs_places(drafts: Drafts) -> Iterator[Fault]:
    """Customs arcs stand in China: abroad there is one regime only."""
    customs, places = drafts["customs"], drafts["places"]
    home = dict(zip(places.texts("place_id"), places.numbers("in_china"), strict=True))
    for index, place in enumerate(customs.texts("place_id")):
        if home.get(place) == 0 and not customs.is_bad(index, "place_id"):
            message = "lies outside China, where goods are in the regime 'foreign' only; delete it"
            yield customs.fault(index, "place_id", message)


def check_services(drafts: Drafts) -> Iterator[Fault]:
    """The least load of a service is not above its capacity, and it has links to run on."""
    services, links = drafts["services"], drafts["links"]
    low = services.numbers("min_load_teu_per_year")
    high = services.numbers("capacity_teu_per_year")
    for index in (low > high).nonzero()[0].tolist():
        message = f"is above the capacity of {high[index]:g}; the service could never run"
        yield services.fault(index, "min_load_teu_per_year", message)
    if not links.readable or "service_id" in links.absent:
        return
    used = set(links.texts("service_id"))
    for index, service in enumerate(services.texts("service_id")):
        if service and service not in used and not services.is_bad(index, "service_id"):
            message = f"no link of {links.file} names it as service_id, so nothing can use it"
            yield services.fault(index, "service_id", message)
