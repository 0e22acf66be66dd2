"""Tables of the park comparison: their columns, and their rows from what was solved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from instances import Instance
from optimizer.plan.plan import Plan
from optimizer.report.chapter import Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent, shown
from optimizer.studies.parks_counter import Change, Standing
from optimizer.studies.parks_levers import in_words, opening_mcny
from optimizer.studies.parks_units import COMPONENTS, MCNY, UnitCost, Units, zone_grade

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
    Column("words", "In plain words"),
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


def output_of(plan: Plan | None) -> dict[str, float]:
    """Return the output of every zone that has some, mcny a year."""
    output: dict[str, float] = {}
    for move in plan.moves if plan else ():
        output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
    return output


def ranks_of(hosts: Sequence[UnitCost]) -> dict[tuple[str, str, str], tuple[float, float]]:
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


def park_rows(
    instance: Instance,
    hosts: Sequence[UnitCost],
    ranks: Mapping[tuple[str, str, str], tuple[float, float]],
    found: Sequence[Standing],
    output: Mapping[str, float],
    names: Names,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the table of parks."""
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
            known(max(0.0, value)), known(max(0.0, low)), known(max(0.0, high)),
            known(max(0.0, -value)), known(max(0.0, -high)), known(max(0.0, -low)),
            opening_mcny(instance, s.zone_id),
            best.industry_id, ranks["zone", s.zone_id, best.industry_id][0],
            _listed(best.gateways, names), _listed(best.corridors, None),
            grade["reported"], grade["derived"], grade["assumed"],
            s.forced.status if not s.in_plan else s.shut.status,
            "yes" if s.verdict != "open" else "no", max(s.forced.gap, s.shut.gap),
        )  # fmt: skip


def known(value: float) -> float:
    """Return nan for what is infinite: nothing is known."""
    return value if math.isfinite(value) else math.nan


def unit_rows(
    hosts: Sequence[UnitCost],
    ranks: Mapping[tuple[str, str, str], tuple[float, float]],
    names: Names,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of unit costs, the cheapest host of each industry first."""
    for h in sorted(hosts, key=lambda h: (h.industry_id, h.total, h.host_id)):
        yield (
            h.industry_id, h.host_kind, h.host_id, names.en("place", h.host_id), h.form_id,
            *(h.parts[name] for name in COMPONENTS), h.total,
            *ranks[h.host_kind, h.host_id, h.industry_id], h.volume_mcny,
            "yes" if h.fits else "no", _listed(h.gateways, names), h.assumed_share,
        )  # fmt: skip


def headroom_rows(
    instance: Instance, units: Units, plan: Plan | None, chosen: Sequence[str], names: Names
) -> Iterator[tuple[Any, ...]]:
    """Yield what every pool of the zones holds, can get and has left."""
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


def change_in_words(change: Change) -> str:
    """Return what a change does, as a sentence for people."""
    lever, size = change.lever, change.size
    if change.outcome == "cannot":
        return "Stays out " + {
            "status": "with every trade form allowed.",
            "trains": f"with {shown(lever.most)} departures a week at its dry ports.",
            "access": "even if its access roads cost nothing and take no time.",
        }.get(lever.kind, f"with {shown(lever.most)} {lever.unit} more: more is of no use.")
    if not math.isfinite(size):
        return "Not decided: the gaps are wider than what the change does."
    amount = {
        "subsidy": f"a subsidy (or production cost lower by) {shown(size)} {lever.unit}, "
        f"{shown(size * change.output_mcny / MCNY)} million CNY a year in all",
        "opening": f"{shown(size)} million CNY a year paid towards its opening",
        "pool": f"{shown(size)} {lever.unit} more of {lever.element}",
        "access": f"access roads {percent(size)} cheaper and quicker",
        "trains": f"{shown(size)} departures a week at its dry ports, {shown(lever.start)} today",
        "status": "every trade form allowed",
    }[lever.kind]
    if change.decided:
        less = "" if lever.kind == "status" else f"; proven out with {_less(change)}"
        return f"Comes in with {amount}{less}."
    proven_in = f"proven in from {shown(change.size_in)}" if math.isfinite(change.size_in) else (
        "not proven in at any size looked at")  # fmt: skip
    return f"Not decided near {amount}: proven out up to {_less(change)}, {proven_in}."


def _less(change: Change) -> str:
    """Return the size up to which a zone is proven out, in words."""
    if change.lever.kind == "access":
        return percent(change.out)
    return shown(change.out)


def change_rows(
    instance: Instance, changes: Sequence[Change], names: Names
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the changes that bring zones in."""
    for c in changes:
        zone = c.lever.zone_id
        is_size = math.isfinite(c.size)
        yield (
            zone, names.en("place", zone), c.lever.name, change_in_words(c), c.outcome,
            known(c.size), c.out, known(c.size_in), c.lever.unit, c.output_mcny,
            known(c.forced.value), known(c.shut.value),
            in_words(instance, c.lever, c.size) if is_size else "",
            "yes" if c.decided else "no", max(c.forced.gap, c.shut.gap),
        )  # fmt: skip


def against_rows(hosts: Sequence[UnitCost], names: Names) -> Iterator[tuple[Any, ...]]:
    """Yield the cheapest zone of every industry against each rival."""
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


def mix(industry: str, hosts: Sequence[UnitCost], names: Names) -> Table:
    """Return the unit cost of an industry by component, cheapest hosts."""
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
