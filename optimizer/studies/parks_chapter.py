"""The chapter of the park comparison: findings in sentences, charts, what is not decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from instances import Instance
from optimizer.plan.plan import Plan
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent, shown
from optimizer.studies.assumed import assumed_tables
from optimizer.studies.parks_counter import Change, Standing
from optimizer.studies.parks_levers import CHEAP
from optimizer.studies.parks_solves import SHARE
from optimizer.studies.parks_tables import (
    AGAINST,
    CHANGES,
    HEADROOM,
    PARKS,
    UNIT,
    against_rows,
    change_in_words,
    change_rows,
    headroom_rows,
    known,
    mix,
    output_of,
    park_rows,
    ranks_of,
    unit_rows,
)
from optimizer.studies.parks_units import UnitCost, Units
from optimizer.studies.ranks import proven_ranks
from optimizer.studies.session import Session

SHOWN_INDUSTRIES = 3
RIVALS = (
    "The tables hold no opening or setup cost of rivals: their fixed cost is 0, that of a zone is "
    "spread over the reference volume and falls as more comes."
)
WORDED = 4  # zones left out whose changes are findings; the table has all


def parks_chapter(
    session: Session,
    units: Units,
    hosts: Sequence[UnitCost],
    plan: Plan | None,
    found: Sequence[Standing],
    changes: Sequence[Change],
    chosen: Sequence[str],
    left_out: Sequence[str] = (),
) -> Chapter:
    """Return the chapter of the park comparison; ``left_out`` says which zones are not in it."""
    instance, names = session.instance, Names(session.instance)
    ranks = ranks_of(hosts)
    output = output_of(plan)
    tables = [
        Table(
            "parks", "Every park: what it is worth, ports, data", PARKS,
            rows_of(PARKS, park_rows(instance, hosts, ranks, found, output, names)), most=100,
            note="Forcing in: the zone opens and hosts some industry at its minimum scale. "
            "Both costs are differences of proven optima, with the range that is proven.",
        ),
        Table(
            "changes", "What would bring in a zone that is left out", CHANGES,
            rows_of(CHANGES, change_rows(instance, changes, names)), most=100,
            note=f"Decided: the size brings the zone in, {percent(SHARE)} of it does not, both "
            "proven. Otherwise the least size lies between the two that are proven.",
        ),
        Table(
            "units", "Unit cost of every host and industry, CNY per million CNY of output", UNIT,
            rows_of(UNIT, unit_rows(hosts, ranks, names)), most=60,
            note="All hosts of an industry are priced at the same volume, over their best trade "
            "form and today's least-cost routes; pools sell at their cheapest. Density is what "
            "firms save by being near others, rivals' margin included.",
        ),
        Table("headroom", "Headroom by factor", HEADROOM,
              rows_of(HEADROOM, headroom_rows(instance, units, plan, chosen, names)), most=40),
    ]  # fmt: skip
    against = list(against_rows(hosts, names))
    if against:
        tables.append(
            Table("against", "The cheapest zone against each rival", AGAINST,
                  rows_of(AGAINST, against), most=60, note=RIVALS)
        )  # fmt: skip
    charts = [
        Chart("standing", "Cost of forcing in (right) or what the zone is worth (left), "
              "million CNY a year: proven range", "ranges", "standing", x="zone",
              low="low_mcny", high="high_mcny", base=0.0),
    ]  # fmt: skip
    standing_columns = (
        Column("rank_best", "Rank: best", "count"),
        Column("rank_worst", "worst", "count"),
        Column("zone", "Zone"),
        Column("low_mcny", "Forced less forbidden: at least", "mcny"),
        Column("high_mcny", "at most", "mcny"),
        Column("decided", "Rank decided"),
        Column("gap_share", "Gap", "share"),
    )
    ordered = sorted(found, key=lambda s: s.rank_key)
    places = proven_ranks([(-s.difference[2], -s.difference[1]) for s in ordered])
    rows = [
        (
            *place, names.en("place", s.zone_id), *map(known, s.difference[1:]),
            "yes" if place[0] == place[1] else "no", max(s.forced.gap, s.shut.gap),
        )
        for s, place in zip(ordered, places, strict=True)
    ]  # fmt: skip
    tables.append(
        Table("standing", "Forced in less forbidden, sorted", standing_columns,
              rows_of(standing_columns, rows), most=100)
    )  # fmt: skip
    for industry in _shown_industries(units, plan):
        table = mix(industry, hosts, names)
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
        cautions=(*_cautions(found, changes, hosts), *left_out),
        assumed=_assumed(instance, hosts),
        facts=session.facts(),
    )


def _shown_industries(units: Units, plan: Plan | None) -> list[str]:
    """Return the industries that bring most, or could where none comes."""
    output: dict[str, float] = {}
    for move in plan.moves if plan else ():
        output[move.industry_id] = output.get(move.industry_id, 0.0) + move.output_mcny
    amounts = output or units.movable
    return sorted(amounts, key=lambda i: (-amounts[i], i))[:SHOWN_INDUSTRIES]


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
    open_question = (
        f"; for {len(undecided)} it makes less difference than the gaps show" if undecided else ""
    )
    yield (
        f"Of {len(found)} zones {len(inside)} belong into the least-cost plan and {len(out)} do "
        f"not{open_question}."
    )
    if inside:
        worth = sorted(
            (s for s in inside if math.isfinite(s.difference[0])), key=lambda s: s.rank_key
        )
        parts = [f"{called(s.zone_id)} {shown(-s.difference[0])}" for s in worth[:8]]
        yield (
            "What the plan would cost more without them, million CNY a year: "
            + ", ".join(parts)
            + "."
        )
    left_out = sorted(
        (s for s in found if s.difference[0] > 0 and math.isfinite(s.difference[0])),
        key=lambda s: s.rank_key,
    )
    impossible = [called(s.zone_id) for s in found if s.forced.value == math.inf]
    if impossible:
        yield (
            "Cannot host any industry at its minimum scale, whatever it costs: "
            f"{', '.join(impossible)}."
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
    wide = {c.lever.zone_id for c in changes if c.lever.kind not in CHEAP}
    nearest = [s.zone_id for s in left_out if s.zone_id in wide][:WORDED]
    for zone in nearest:
        words = [change_in_words(c) for c in changes if c.lever.zone_id == zone]
        yield f"{called(zone)}: " + " ".join(words)
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
    if any(h.host_kind == "rival" for h in hosts):
        yield RIVALS
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
    found = list(assumed_tables(instance, why))
    if hosts:
        worst = max(h.assumed_share for h in hosts)
        found.append(("units", f"up to {percent(worst)} of a host's own cost is assumed"))
    return tuple(found)
