"""`parks`: parks side by side, what each is worth, and what would bring in one that is left out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instances import Instance
from instances.errors import Fault, InstanceError
from networks.network import build_network
from optimizer.plan.plan import Plan
from optimizer.problem import build_problem
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent, shown
from optimizer.studies.parks_counter import (
    SHARE,
    Change,
    Standing,
    guess_of,
    lever_change,
    opening_change,
    standings,
    subsidy_change,
)
from optimizer.studies.parks_levers import LEVERS, in_words, levers_of, opening_mcny
from optimizer.studies.parks_units import COMPONENTS, MCNY, UnitCost, Units, zone_grade
from optimizer.studies.session import Inquiry, Session

FINEST = 2e-5  # gap of the solves of parks: a zone is worth a few thousandths of the whole cost
NEAR = 4  # zones left out that get every lever; all others get what costs few solves
CHEAP = ("subsidy", "opening")
SHOWN_INDUSTRIES = 3

PARKS = (
    Column("zone_id", "Zone id"),
    Column("zone", "Zone"),
    Column("zone_zh", "中文"),
    Column("prefecture", "Prefecture"),
    Column("belongs", "Belongs in"),
    Column("output_mcny", "Output in the plan, million CNY a year", "mcny"),
    Column("force_mcny", "Cost of forcing it in, million CNY a year", "mcny"),
    Column("force_low_mcny", "at least", "mcny"),
    Column("force_high_mcny", "at most", "mcny"),
    Column("forbid_mcny", "Cost of forbidding it", "mcny"),
    Column("forbid_low_mcny", "at least", "mcny"),
    Column("forbid_high_mcny", "at most", "mcny"),
    Column("opening_mcny", "of it: opening", "mcny"),
    Column("cheapest_industry", "Industry with its best rank"),
    Column("best_rank", "Rank there", "count"),
    Column("gateways", "Ports and crossings by TEU"),
    Column("corridors", "Corridors by TEU"),
    Column("reported_count", "Rows reported", "count"),
    Column("derived_count", "derived", "count"),
    Column("assumed_count", "assumed", "count"),
    Column("status", "Status"),
    Column("decided", "Decided"),
    Column("gap_share", "Gap", "share"),
)
UNIT = (
    Column("industry_id", "Industry"),
    Column("host_kind", "Host is a"),
    Column("host_id", "Host id"),
    Column("host", "Host"),
    Column("form_id", "Trade form"),
    *(
        Column(f"{name}_cny_per_mcny", name.replace("_", " ").capitalize(), "number")
        for name in COMPONENTS
    ),
    Column("total_cny_per_mcny", "All, CNY per million CNY of output", "number"),
    Column("rank_zones", "Rank of zones", "count"),
    Column("rank_all", "Rank with rivals", "count"),
    Column("volume_mcny", "At a volume of, million CNY", "mcny"),
    Column("fits", "Fits"),
    Column("gateways", "Ports and crossings by TEU"),
    Column("assumed_share", "Of the host's own data assumed, by cost", "share"),
)
HEADROOM = (
    Column("zone_id", "Zone id"),
    Column("zone", "Zone"),
    Column("pool_id", "Pool"),
    Column("factor_id", "Factor"),
    Column("unit", "Unit"),
    Column("shared_by", "Zones that share it", "count"),
    Column("there_number", "There now", "number"),
    Column("low_number", "documented low", "number"),
    Column("high_number", "documented high", "number"),
    Column("can_add_number", "Can be bought or built", "number"),
    Column("used_number", "Used in the plan", "number"),
    Column("left_number", "Left with all that can be added", "number"),
    Column("next_cny_per_unit_year", "Next unit costs, CNY a year", "number"),
    Column("grade", "Data grade"),
)
CHANGES = (
    Column("zone_id", "Zone id"),
    Column("zone", "Zone"),
    Column("lever", "Lever"),
    Column("what", "What it is"),
    Column("outcome", "Outcome"),
    Column("size_number", "Least size that brings it in", "number"),
    Column("out_number", "Proven out up to", "number"),
    Column("in_number", "Proven in from", "number"),
    Column("unit", "Unit"),
    Column("output_mcny", "Output that then comes, million CNY", "mcny"),
    Column("forced_mcny", "Cost with the zone then", "mcny"),
    Column("shut_mcny", "Cost without it", "mcny"),
    Column("how", "As an option"),
    Column("decided", "Decided"),
    Column("gap_share", "Gap", "share"),
)
AGAINST = (
    Column("industry_id", "Industry"),
    Column("rival_id", "Rival id"),
    Column("rival", "Rival"),
    Column("rival_cny_per_mcny", "Rival, CNY per million CNY of output", "number"),
    Column("zone_id", "Cheapest zone id"),
    Column("zone", "Cheapest zone"),
    Column("zone_cny_per_mcny", "Zone", "number"),
    Column("difference_cny_per_mcny", "Zone less rival", "number"),
    Column("ahead", "Where the zone is ahead"),
    Column("behind", "Where it is behind"),
)


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
    problem = build_problem(instance, build_network(instance), session.question)
    units = Units(problem, volume_share)
    hosts = [*units.zones(), *units.rivals()]
    if against:
        hosts = [h for h in hosts if h.host_kind == "zone" or h.host_id in set(against)]
    eligible = list(dict.fromkeys(h.host_id for h in hosts if h.host_kind == "zone"))
    order = {z: k for k, z in enumerate(instance.tables["zones"]["zone_id"])}
    chosen = sorted(set(zones) & set(eligible) if zones else set(eligible), key=order.__getitem__)
    gap = min(session.gap, FINEST)
    base, found = standings(session, chosen, gap)
    changes: list[Change] = []
    if counterfactuals and base.plan is not None:
        inquiries = list(_inquiries(session, units, found, gap, bool(zones), levers, near))
        changes = session.run(inquiries)
    return _chapter(session, units, hosts, base.plan, found, changes, chosen)


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
    ranked = sorted(left_out, key=lambda s: (s.difference[0], s.zone_id))
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


# -- the chapter --------------------------------------------------------------------------------


def _chapter(
    session: Session,
    units: Units,
    hosts: Sequence[UnitCost],
    plan: Plan | None,
    found: Sequence[Standing],
    changes: Sequence[Change],
    chosen: Sequence[str],
) -> Chapter:
    instance, names = session.instance, Names(session.instance)
    ranks = _ranks(hosts)
    output = _output(plan)
    tables = [
        Table(
            "parks", "Every park: what it is worth, ports, data", PARKS,
            rows_of(PARKS, _park_rows(instance, hosts, ranks, found, output, names)), most=100,
            note="Forcing in: the zone opens and hosts some industry at its minimum scale. "
            "Both costs are differences of proven optima, with the range that is proven.",
        ),
        Table(
            "changes", "What would bring in a zone that is left out", CHANGES,
            rows_of(CHANGES, _change_rows(instance, changes, names)), most=100,
            note=f"Decided: the size brings the zone in, {percent(SHARE)} of it does not, both "
            "proven. Otherwise the least size lies between the two that are proven.",
        ),
        Table(
            "units", "Unit cost of every host and industry, CNY per million CNY of output", UNIT,
            rows_of(UNIT, _unit_rows(hosts, ranks, names)), most=60,
            note="All hosts of an industry are priced at the same volume, over their best trade "
            "form and today's least-cost routes; pools sell at their cheapest. Density is what "
            "firms save by being near others, rivals' margin included.",
        ),
        Table("headroom", "Headroom by factor", HEADROOM,
              rows_of(HEADROOM, _headroom_rows(instance, units, plan, chosen, names)), most=40),
    ]  # fmt: skip
    against = list(_against_rows(hosts, names))
    if against:
        tables.append(
            Table("against", "The cheapest zone against each rival", AGAINST,
                  rows_of(AGAINST, against), most=60)
        )  # fmt: skip
    charts = [
        Chart("standing", "Cost of forcing in (right) or what the zone is worth (left), "
              "million CNY a year: proven range", "ranges", "standing", x="zone",
              low="low_mcny", high="high_mcny", base=0.0),
    ]  # fmt: skip
    standing_columns = (
        Column("zone", "Zone"),
        Column("low_mcny", "Forced less forbidden: at least", "mcny"),
        Column("high_mcny", "at most", "mcny"),
        Column("gap_share", "Gap", "share"),
    )
    rows = [
        (names.en("place", s.zone_id), *s.difference[1:], max(s.forced.gap, s.shut.gap))
        for s in sorted(found, key=lambda s: (s.difference[0], s.zone_id))
    ]
    tables.append(
        Table("standing", "Forced in less forbidden, sorted", standing_columns,
              rows_of(standing_columns, rows), most=100)
    )  # fmt: skip
    for industry in _shown_industries(units, plan):
        table = _mix(industry, hosts, names)
        tables.append(table)
        charts.append(
            Chart(table.name, f"{names.en('industry', industry)}: what one million CNY of output "
                  "costs, CNY", "bars", table.name, x="host", y="cny_per_mcny",
                  series="component")
        )  # fmt: skip
    return Chapter(
        "parks",
        "Park comparison",
        "园区比较",
        asked=(
            f"{len(chosen)} zones of {instance.name} and "
            f"{len({h.host_id for h in hosts if h.host_kind == 'rival'})} rival hosts.",
            "Each zone forced in and forbidden; for those left out, the least change that "
            "brings them in.",
        ),
        findings=tuple(_findings(hosts, found, changes, names, plan)),
        tables=tuple(tables),
        charts=tuple(charts),
        cautions=tuple(_cautions(found, changes, hosts)),
        assumed=_assumed(instance, hosts),
        facts=session.facts(),
    )


def _output(plan: Plan | None) -> dict[str, float]:
    output: dict[str, float] = {}
    for move in plan.moves if plan else ():
        output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
    return output


def _ranks(hosts: Sequence[UnitCost]) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Ranks of every host of an industry: among zones (nan for rivals) and among all."""
    ranks: dict[tuple[str, str, str], tuple[float, float]] = {}
    for industry in dict.fromkeys(h.industry_id for h in hosts):
        ordered = sorted(
            (h for h in hosts if h.industry_id == industry), key=lambda h: (h.total, h.host_id)
        )
        zones = [h for h in ordered if h.host_kind == "zone"]
        place = {h.host_id: k for k, h in enumerate(zones, start=1)}
        for number, host in enumerate(ordered, start=1):
            mine = place[host.host_id] if host.host_kind == "zone" else math.nan
            ranks[host.host_kind, host.host_id, industry] = (mine, number)
    return ranks


def _listed(shares: Sequence[tuple[str, float]], names: Names | None, most: int = 3) -> str:
    return ", ".join(
        f"{names.en('place', name) if names else name} {value:.0%}"
        for name, value in shares[:most]
        if value >= 0.005
    )


WORDS = {"in": "yes", "out": "no", "open": "not decided"}


def _park_rows(
    instance: Instance,
    hosts: Sequence[UnitCost],
    ranks: Mapping[tuple[str, str, str], tuple[float, float]],
    found: Sequence[Standing],
    output: Mapping[str, float],
    names: Names,
) -> Iterator[tuple[Any, ...]]:
    prefecture = instance.tables["zones"].set_index("zone_id")["prefecture_id"]
    for s in found:
        mine = [h for h in hosts if h.host_kind == "zone" and h.host_id == s.zone_id]
        best = min(mine, key=lambda h: (ranks["zone", h.host_id, h.industry_id][0], h.total))
        value, low, high = s.difference
        grade = zone_grade(instance, s.zone_id)
        region = prefecture[s.zone_id]
        yield (
            s.zone_id, names.en("place", s.zone_id), names.zh("place", s.zone_id),
            region if isinstance(region, str) else "", WORDS[s.verdict],
            output.get(s.zone_id, 0.0),
            _known(max(0.0, value)), _known(max(0.0, low)), _known(max(0.0, high)),
            _known(max(0.0, -value)), _known(max(0.0, -high)), _known(max(0.0, -low)),
            opening_mcny(instance, s.zone_id),
            best.industry_id, ranks["zone", s.zone_id, best.industry_id][0],
            _listed(best.gateways, names), _listed(best.corridors, None),
            grade["reported"], grade["derived"], grade["assumed"],
            s.forced.status if not s.in_plan else s.shut.status,
            "yes" if s.verdict != "open" else "no", max(s.forced.gap, s.shut.gap),
        )  # fmt: skip


def _known(value: float) -> float:
    """Return nan for what is infinite: nothing is known."""
    return value if math.isfinite(value) else math.nan


def _unit_rows(
    hosts: Sequence[UnitCost],
    ranks: Mapping[tuple[str, str, str], tuple[float, float]],
    names: Names,
) -> Iterator[tuple[Any, ...]]:
    for h in sorted(hosts, key=lambda h: (h.industry_id, h.total, h.host_id)):
        yield (
            h.industry_id, h.host_kind, h.host_id, names.en("place", h.host_id), h.form_id,
            *(h.parts[name] for name in COMPONENTS), h.total,
            *ranks[h.host_kind, h.host_id, h.industry_id], h.volume_mcny,
            "yes" if h.fits else "no", _listed(h.gateways, names), h.assumed_share,
        )  # fmt: skip


def _headroom_rows(
    instance: Instance, units: Units, plan: Plan | None, chosen: Sequence[str], names: Names
) -> Iterator[tuple[Any, ...]]:
    factors = instance.tables["factors"].set_index("factor_id")["unit_name"]
    members: dict[str, list[str]] = {}
    for zone, pools in units.pools_of.items():
        for pool in pools:
            members.setdefault(pool, []).append(zone)
    used: dict[str, float] = {}
    for move in plan.moves if plan else ():
        for pool_id in units.pools_of[move.zone_id]:
            row = units.pool_row[pool_id]
            if not row.form_id or move.form_id in row.form_id.split(";"):
                need = units.use.get((move.industry_id, row.factor_id), 0.0)
                used[pool_id] = used.get(pool_id, 0.0) + need * move.output_mcny
    for zone in chosen:
        for pool_id in units.pools_of[zone]:
            row = units.pool_row[pool_id]
            offers = units.offers(pool_id)
            total = math.fsum(o.amount for o in offers)
            taken, at = 0.0, math.nan
            for offer in offers:
                taken += offer.amount
                if taken > used.get(pool_id, 0.0) * (1 + 1e-9):
                    at = offer.price_mcny * MCNY
                    break
            yield (
                zone, names.en("place", zone), pool_id, row.factor_id,
                str(factors[row.factor_id]), len(members[pool_id]), row.endowment,
                row.endowment_low, row.endowment_high, total - row.endowment,
                used.get(pool_id, 0.0), total - used.get(pool_id, 0.0), at, row.grade,
            )  # fmt: skip


def _change_rows(
    instance: Instance, changes: Sequence[Change], names: Names
) -> Iterator[tuple[Any, ...]]:
    for c in changes:
        zone = c.lever.zone_id
        is_size = math.isfinite(c.size)
        yield (
            zone, names.en("place", zone), c.lever.name, LEVERS[c.lever.kind], c.outcome,
            _known(c.size), c.out, _known(c.size_in), c.lever.unit, c.output_mcny,
            _known(c.forced.value), _known(c.shut.value),
            in_words(instance, c.lever, c.size) if is_size else "",
            "yes" if c.decided else "no", max(c.forced.gap, c.shut.gap),
        )  # fmt: skip


def _against_rows(hosts: Sequence[UnitCost], names: Names) -> Iterator[tuple[Any, ...]]:
    for industry in sorted({h.industry_id for h in hosts}):
        zones = [h for h in hosts if h.industry_id == industry and h.host_kind == "zone"]
        if not zones:
            continue
        best = min(zones, key=lambda h: (not h.fits, h.total, h.host_id))
        rivals = [h for h in hosts if h.industry_id == industry and h.host_kind == "rival"]
        for rival in sorted(rivals, key=lambda h: (h.total, h.host_id)):
            change = {name: best.parts[name] - rival.parts[name] for name in COMPONENTS}
            yield (
                industry, rival.host_id, names.en("place", rival.host_id), rival.total,
                best.host_id, names.en("place", best.host_id), best.total,
                best.total - rival.total, _largest(change, -1.0), _largest(change, 1.0),
            )  # fmt: skip


def _largest(change: Mapping[str, float], sign: float) -> str:
    """Return the two components that differ most to one side, in words."""
    listed = sorted(
        ((name, sign * value) for name, value in change.items() if sign * value > 50.0),
        key=lambda item: -item[1],
    )
    return ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in listed[:2])


def _shown_industries(units: Units, plan: Plan | None) -> list[str]:
    """Return the industries that bring most, or could where none comes."""
    output: dict[str, float] = {}
    for move in plan.moves if plan else ():
        output[move.industry_id] = output.get(move.industry_id, 0.0) + move.output_mcny
    amounts = output or units.movable
    return sorted(amounts, key=lambda i: (-amounts[i], i))[:SHOWN_INDUSTRIES]


def _mix(industry: str, hosts: Sequence[UnitCost], names: Names) -> Table:
    columns = (
        Column("host", "Host"),
        Column("component", "Component"),
        Column("cny_per_mcny", "CNY per million CNY of output", "number"),
    )
    mine = [h for h in hosts if h.industry_id == industry]
    ordered = sorted(mine, key=lambda h: (h.total, h.host_id))
    zones = [h for h in ordered if h.host_kind == "zone"][:10]
    rivals = [h for h in ordered if h.host_kind == "rival"][:8]
    rows = [
        (names.en("place", h.host_id) + (" (rival)" if h.host_kind == "rival" else ""),
         name.replace("_", " "), h.parts[name])
        for h in sorted([*zones, *rivals], key=lambda h: (h.total, h.host_id))
        for name in COMPONENTS
        if abs(h.parts[name]) > 0.5
    ]  # fmt: skip
    title = f"{names.en('industry', industry)}: unit cost by component, cheapest zones and rivals"
    return Table(f"mix_{industry}", title, columns, rows_of(columns, rows), most=30)


def _findings(
    hosts: Sequence[UnitCost],
    found: Sequence[Standing],
    changes: Sequence[Change],
    names: Names,
    plan: Plan | None,
) -> Iterator[str]:
    if plan is None:
        yield "There is no plan for the base question, so no zone can be compared by solves."
        return

    def called(zone: str) -> str:
        return names.en("place", zone)

    inside = [s for s in found if s.verdict == "in"]
    out = [s for s in found if s.verdict == "out"]
    undecided = [s for s in found if s.verdict == "open"]
    yield (
        f"Of {len(found)} zones {len(inside)} belong into the least-cost plan, {len(out)} do not, "
        f"and for {len(undecided)} it makes less difference than the gaps show."
    )
    if inside:
        worth = sorted(inside, key=lambda s: s.difference[0])
        parts = [f"{called(s.zone_id)} {shown(-s.difference[0])}" for s in worth[:8]]
        yield (
            "What the plan would cost more without them, million CNY a year: "
            + ", ".join(parts)
            + "."
        )
    left_out = sorted(
        (s for s in found if s.difference[0] > 0 and math.isfinite(s.difference[0])),
        key=lambda s: s.difference[0],
    )
    if left_out:
        near = [f"{called(s.zone_id)} {shown(s.difference[0])}" for s in left_out[:6]]
        yield (
            "Nearest of those left out (cost of forcing in, million CNY a year): "
            + ", ".join(near)
            + f"; the farthest is {called(left_out[-1].zone_id)} with "
            f"{shown(left_out[-1].difference[0])}."
        )
    subsidies = sorted(
        (c for c in changes if c.lever.kind == "subsidy" and math.isfinite(c.size)),
        key=lambda c: c.size,
    )
    if subsidies:
        parts = [f"{called(c.lever.zone_id)} {shown(c.size)}" for c in subsidies[:5]]
        yield (
            "Least subsidy, or cut of production cost, that brings a zone in, CNY per million CNY "
            f"of output: {', '.join(parts)}; the most is {called(subsidies[-1].lever.zone_id)} "
            f"with {shown(subsidies[-1].size)}."
        )
    others = [c for c in changes if c.lever.kind not in CHEAP]
    for zone in dict.fromkeys(c.lever.zone_id for c in others):
        parts = []
        for c in others:
            if c.lever.zone_id != zone:
                continue
            if c.outcome == "cannot":
                parts.append(f"{c.lever.name} at no size")
            elif math.isfinite(c.size):
                mark = "" if c.decided else " (not decided)"
                parts.append(f"{c.lever.name} {shown(c.size)} {c.lever.unit}{mark}")
            else:
                parts.append(f"{c.lever.name} not decided")
        yield f"What else would bring in {called(zone)}: " + "; ".join(parts) + "."
    yield from _rivals_found(hosts, names)


def _rivals_found(hosts: Sequence[UnitCost], names: Names) -> Iterator[str]:
    ahead: list[str] = []
    behind: list[str] = []
    for industry in sorted({h.industry_id for h in hosts}):
        zones = [h for h in hosts if h.industry_id == industry and h.host_kind == "zone"]
        rivals = [h for h in hosts if h.industry_id == industry and h.host_kind == "rival"]
        if zones and rivals:
            zone = min(zones, key=lambda h: (not h.fits, h.total))
            rival = min(rivals, key=lambda h: h.total)
            name = names.en("industry", industry)
            (ahead if zone.total < rival.total else behind).append(name)
    if ahead or behind:
        yield (
            f"At the reference volume the cheapest zone undercuts every rival in {len(ahead)} of "
            f"{len(ahead) + len(behind)} industries" + (f": {', '.join(ahead)}." if ahead else ".")
        )


def _cautions(
    found: Sequence[Standing], changes: Sequence[Change], hosts: Sequence[UnitCost]
) -> Iterator[str]:
    undecided = [s.zone_id for s in found if s.verdict == "open"]
    if undecided:
        yield (
            "Whether they belong into the plan is smaller than the gaps: "
            + ", ".join(undecided[:20])
            + ("." if len(undecided) <= 20 else f" and {len(undecided) - 20} more.")
        )
    loose = [c for c in changes if not c.decided]
    if loose:
        yield (
            f"{len(loose)} of {len(changes)} changes are known as a range only: the zone is proven "
            "out below it and proven in above it."
        )
    tight = sum(not h.fits for h in hosts)
    if tight:
        yield (
            f"{tight} combinations of zone and industry cannot hold the reference volume even with "
            "all that can be built; their unit cost leaves out the factor that is missing."
        )
    yield (
        "Unit costs price one industry alone at one volume over today's routes; the plan also sees "
        "shared halls, staff and trains. Ranks by unit cost are no plan."
    )


def _assumed(instance: Instance, hosts: Sequence[UnitCost]) -> tuple[tuple[str, str], ...]:
    """Tables that tell parks apart, where they are assumed."""
    why = {
        "factor_prices": "wages and energy sort the zones",
        "pools": "floor, land and staff decide how much fits and at what price",
        "eligibility": "which industries a zone may host",
        "zones": "cost of opening",
    }
    found = []
    for table, reason in why.items():
        grades = instance.tables[table]["grade"]
        count = int((grades == "assumed").sum())
        if count:
            found.append((table, f"{reason}: {count} of {len(grades)} rows are assumed"))
    if hosts:
        worst = max(h.assumed_share for h in hosts)
        found.append(("units", f"up to {percent(worst)} of a host's own cost is assumed"))
    return tuple(found)


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
