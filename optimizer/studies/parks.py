"""`parks`: parks side by side, what each is worth, and what would bring in one that is left out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from instances import Instance
from instances.errors import Fault, InstanceError
from networks.network import build_network
from optimizer.problem import build_problem
from optimizer.report.chapter import Chapter
from optimizer.studies.parks_chapter import parks_chapter
from optimizer.studies.parks_counter import (
    Change,
    Standing,
    guess_of,
    kept_shut,
    lever_change,
    opening_change,
    standings,
    subsidy_change,
)
from optimizer.studies.parks_levers import CHEAP, LEVERS, levers_of
from optimizer.studies.parks_units import Units
from optimizer.studies.session import Inquiry, Session

FINEST = 1e-6  # gap of the solves of parks: a zone is worth a few ten-thousandths of the whole cost
NEAR = 4  # zones left out that get every lever; all others get what costs few solves


def parks(
    session: Session,
    *,
    zones: Sequence[str] = (),
    levers: Sequence[str] = (),
    against: Sequence[str] = (),
    counterfactuals: bool = True,
    near: int = NEAR,
    volume_share: float = 0.02,
) -> Chapter:
    """Return the chapter of the park comparison.

    Parameters
    ----------
    zones
        Zones to force, forbid and change; none: all. Named zones get every lever.
    levers
        Names of `LEVERS`, for every zone that is looked at; none: subsidy and opening for all zones
        left out, every lever for the ``near`` ones that cost least to force in.
    against
        Rivals to compare with; none: all of the instance.
    counterfactuals
        False: none are looked for.
    volume_share
        Reference volume of unit costs, as a share of what could move of the industry.

    Raises
    ------
    InstanceError
        Zones, levers or rivals that do not exist.
    """
    instance = session.instance
    _check(instance, zones, levers, against)
    shut = [z for z in instance.tables["zones"]["zone_id"] if kept_shut(session.question, z)]
    faults = [
        Fault("question", None, "zone", z, "is kept shut by the question, so it is not compared")
        for z in zones
        if z in shut
    ]
    if faults:
        raise InstanceError(faults)
    problem = build_problem(instance, build_network(instance), session.question)
    units = Units(problem, volume_share)
    hosts = [*units.zones(), *units.rivals()]
    if against:
        hosts = [h for h in hosts if h.host_kind == "zone" or h.host_id in set(against)]
    eligible = list(dict.fromkeys(h.host_id for h in hosts if h.host_kind == "zone"))
    order = {z: k for k, z in enumerate(instance.tables["zones"]["zone_id"])}
    wanted = set(zones) & set(eligible) if zones else set(eligible) - set(shut)
    chosen = sorted(wanted, key=order.__getitem__)
    gap = min(session.gap, FINEST)
    base, found = standings(session, chosen, gap, exact=session.gap < FINEST)
    changes: list[Change] = []
    if counterfactuals and base.plan is not None:
        inquiries = list(_inquiries(session, units, found, gap, bool(zones), levers, near))
        changes = session.run(inquiries)
    without = [z for z in zones or order if z not in eligible and z not in shut]
    left = tuple(
        f"{why}: {', '.join(names)}."
        for why, names in (
            ("Kept shut by the question and not compared", [] if zones else shut),
            ("Can host no industry over any route and is not compared", without),
        )
        if names
    )
    return parks_chapter(session, units, hosts, base.plan, found, changes, chosen, left)


def rival_ids(instance: Instance, words: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of rivals by id, name or part of a name (``Zhengzhou``).

    Raises
    ------
    InstanceError
        A word that no rival has, or several.
    """
    places, rivals = instance.tables["places"], set(instance.tables["rivals"]["rival_id"])
    called = {
        row.place_id: [n.casefold() for n in (row.name, row.name_zh) if isinstance(n, str)]
        for row in places[places["place_id"].isin(list(rivals))].itertuples()
    }
    ids, faults = [], []
    for word in words:
        found = (
            [word]
            if word in rivals
            else [
                rival for rival, names in called.items() if any(word.casefold() in n for n in names)
            ]
        )
        if len(found) == 1:
            ids += found
            continue
        known = ", ".join(sorted(found or rivals))
        message = f"is the name of several: {known}" if found else f"is no rival: {known}"
        faults.append(Fault("question", None, "against", word, message))
    if faults:
        raise InstanceError(faults)
    return tuple(dict.fromkeys(ids))


def _check(
    instance: Instance, zones: Sequence[str], levers: Sequence[str], against: Sequence[str]
) -> None:
    known = {
        "zone": list(instance.tables["zones"]["zone_id"]),
        "lever": list(LEVERS),
        "rival": list(instance.tables["rivals"]["rival_id"]),
    }
    faults = [
        Fault("question", None, kind, name, f"is none of {', '.join(known[kind][:12])} ...")
        for kind, names in (("zone", zones), ("lever", levers), ("rival", against))
        for name in names
        if name not in known[kind]
    ]
    if faults:
        raise InstanceError(faults)


def _inquiries(
    session: Session,
    units: Units,
    found: Sequence[Standing],
    gap: float,
    named: bool,
    levers: Sequence[str],
    near: int,
) -> Iterator[Inquiry[Change]]:
    """One inquiry per left-out zone and lever."""
    left_out = [s for s in found if s.difference[0] > 0 and math.isfinite(s.difference[0])]
    ranked = sorted(left_out, key=lambda s: s.rank_key)
    nearest = {s.zone_id for s in ranked[:near]}
    for standing in left_out:
        offered = levers_of(session.instance, standing.zone_id)
        for lever in offered:
            if levers:
                wanted = lever.kind in levers
            else:
                wanted = named or lever.kind in CHEAP or standing.zone_id in nearest
            if not wanted:
                continue
            if lever.kind == "subsidy":
                yield subsidy_change(session, standing, lever, gap)
            elif lever.kind == "opening":
                yield _at_once(opening_change(standing, lever))
            else:
                guess = guess_of(units, standing, lever)
                yield lever_change(session, standing, lever, gap, guess)


def _at_once(change: Change) -> Inquiry[Change]:
    """An inquiry that needs no solve."""
    yield []
    return change


def write_benchmark(folder: Path, instance: Instance, chapter: Chapter) -> tuple[Path, Path]:
    """Write the park comparison alone, to be published: parks.html and parks.xlsx."""
    from optimizer.report.study_book import write_study_book
    from optimizer.report.study_page import study_page
    from optimizer.studies.store import version, write_bytes

    page, book = folder / "parks.html", folder / "parks.xlsx"
    write_bytes(page, study_page(instance, [chapter], version()).encode())
    fresh = folder / ".parks.xlsx.new"
    write_study_book(fresh, [chapter], f"{instance.name} {instance.name_zh}".strip())
    os.replace(fresh, book)
    return page, book
