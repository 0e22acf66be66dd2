"""The chapter of `tornado`: swings, siting and regret, screening, indices, presence of zones."""

from __future__ import annotations

import math
from collections.abc import Iterator

from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent
from optimizer.studies.ranks import proven_ranks
from optimizer.studies.session import Session
from optimizer.studies.tornado import (
    Found,
    Swing,
    changed_zones,
    is_infeasible,
    siting_words,
    unproven,
)
from optimizer.studies.tornado_draws import Presence, Stability
from optimizer.studies.tornado_global import Whole

NAMED = 8  # parameters that one sentence names

SWINGS = (
    Column("rank", "Rank"),
    Column("decided", "Rank decided"),
    Column("parameter", "Assumption"),
    Column("swing_mcny", "Swing of the least cost, million CNY a year", "mcny"),
    Column("swing_low_mcny", "proven: at least", "mcny"),
    Column("swing_high_mcny", "at most", "mcny"),
    Column("range", "Low … value … high"),
    Column("low_mcny", "At the low end: change of the least cost", "mcny"),
    Column("low_least_mcny", "at least", "mcny"),
    Column("low_most_mcny", "at most", "mcny"),
    Column("high_mcny", "At the high end: change", "mcny"),
    Column("high_least_mcny", "at least", "mcny"),
    Column("high_most_mcny", "at most", "mcny"),
    Column("basis", "Range"),
    Column("grade", "Grade"),
    Column("group", "Group"),
    Column("status", "Status"),
    Column("gap_share", "Gap", "share"),
    Column("parameter_id", "Id"),
)
SITING = (
    Column("rank", "Rank by regret"),
    Column("decided", "Rank decided"),
    Column("parameter", "Assumption"),
    Column("siting", "Does the siting change?"),
    Column("regret_mcny", "Keeping the base's siting costs more, million CNY a year", "mcny"),
    Column("regret_low_mcny", "proven: at least", "mcny"),
    Column("regret_high_mcny", "at most", "mcny"),
    Column("low_in", "Low end: zones in"),
    Column("low_out", "out"),
    Column("high_in", "High end: zones in"),
    Column("high_out", "out"),
    Column("absorbed_low_mcny", "Low end: volume that comes, million CNY", "mcny"),
    Column("absorbed_high_mcny", "High end", "mcny"),
    Column("gap_share", "Gap", "share"),
    Column("parameter_id", "Id"),
)
SCREENED = (
    Column("parameter", "Assumption"),
    Column("range", "Low … value … high"),
    Column("low_mcny", "Base plan at the low end: costs more by", "mcny"),
    Column("high_mcny", "at the high end", "mcny"),
    Column("basis", "Range"),
    Column("grade", "Grade"),
    Column("status", "Status"),
    Column("gap_share", "Gap of the base", "share"),
    Column("parameter_id", "Id"),
)
ZONES = (
    Column("zone", "Zone"),
    Column("zone_id", "Id"),
    Column("in_base", "In the base plan"),
    Column("found_share", "In the plan found, share of draws", "share"),
    Column("least_share", "proven: in at least", "share"),
    Column("most_share", "in at most", "share"),
    Column("surely_in_count", "Draws: proven in", "count"),
    Column("found_in_count", "in, not decided", "count"),
    Column("found_out_count", "out, not decided", "count"),
    Column("surely_out_count", "proven out", "count"),
    Column("gap_share", "Gap", "share"),
)
MORRIS = (
    Column("parameter", "Assumption"),
    Column("mu_star_mcny", "Mean effect over the whole range (mu*), million CNY", "mcny"),
    Column("mu_star_confidence_mcny", "± (95 %)", "mcny"),
    Column("gap_error_mcny", "± by the gaps, at most", "mcny"),
    Column("sigma_mcny", "Spread of the effect (sigma)", "mcny"),
    Column("gap_share", "Gap", "share"),
    Column("parameter_id", "Id"),
)
SOBOL = (
    Column("parameter", "Assumption"),
    Column("total_share", "Share of the variance, with interactions (ST)", "number"),
    Column("total_confidence", "± (95 %)", "number"),
    Column("first_share", "alone (S1)", "number"),
    Column("first_confidence", "± (95 %)", "number"),
    Column("gap_share", "Gap", "share"),
    Column("parameter_id", "Id"),
)


def chapter_of(
    session: Session, found: Found, whole: Whole | None, stable: Stability | None
) -> Chapter:
    """Return the chapter."""
    names = Names(session.instance)
    tables = [_swings(found), _siting(found, names, session.gap)]
    charts = [
        Chart(
            "swings",
            "Change of the least cost between the ends of each range, million CNY a year; lines: "
            "what is proven",
            "ranges", "swings", x="parameter", low="low_mcny", high="high_mcny", base=0.0,
            x_title="million CNY a year against the base", most=25,
            errors=("low_least_mcny", "low_most_mcny", "high_least_mcny", "high_most_mcny"),
        ),
        Chart(
            "regret",
            "What keeping the base's siting costs where the assumption is wrong: proven least and "
            "most, million CNY a year",
            "ranges", "siting", x="parameter", low="regret_low_mcny", high="regret_high_mcny",
            base=0.0, x_title="million CNY a year", most=15,
        ),
    ]  # fmt: skip
    if found.screened:
        tables.append(_screened(found))
    if whole is not None:
        tables.append(_indices(whole))
        y = "mu_star_mcny" if whole.method == "morris" else "total_share"
        title = "Mean effect (mu*), million CNY" if whole.method == "morris" else "Total index (ST)"
        charts.append(Chart("global", title, "bars", "global", x="parameter", y=y))
    if stable is not None:
        tables.append(_presence(stable, found, names))
        charts.append(
            Chart("zones", "Share of draws in which a zone is in the plan found", "bars", "zones",
                  x="zone", y="found_share", most=25)
        )  # fmt: skip
    return Chapter(
        "tornado",
        "Sensitivity",
        "敏感性",
        asked=(
            f"{session.instance.name}: {len(found.solved) + len(found.screened)} assumptions with "
            f"a range, one at a time at its low and its high end; {len(found.solved)} of them "
            "solved.",
        ),
        findings=tuple(_findings(found, session.gap, whole, stable, names)),
        tables=tuple(tables),
        charts=tuple(charts),
        cautions=tuple(_cautions(found, session.gap, whole, stable)),
        assumed=tuple(
            (s.parameter.parameter_id, f"{s.parameter.shown}: {s.parameter.source}")
            for s in found.solved[:NAMED]
            if s.parameter.grade == "assumed"
        ),
        facts=session.facts(),
    )


def _rank(ranks: tuple[int, int]) -> tuple[str, str]:
    best, worst = ranks
    return (str(best), "yes") if best == worst else (f"{best} to {worst}", "no")


def _basis(swing: Swing) -> str:
    return "documented" if swing.parameter.documented else swing.parameter.source


def _status(swing: Swing) -> str:
    words = [
        f"{e.side}: {s.status}"
        for e in swing.ends
        if (s := e.free) is not None and s.status != "optimal"
    ]
    return "; ".join(words) or "optimal"


def _swings(found: Found) -> Table:
    lines = [
        (
            *_rank(found.ranks[k]), s.parameter.name, *s.swing, s.parameter.shown,
            *s.change("low"), *s.change("high"), _basis(s), s.parameter.grade, s.parameter.group,
            _status(s), s.gap, s.parameter.parameter_id,
        )
        for k, s in enumerate(found.solved)
    ]  # fmt: skip
    return Table(
        "swings", "How far each assumption moves the least cost, the largest swing first", SWINGS,
        rows_of(SWINGS, lines),
        note="Swing: the largest less the smallest least cost of the low end, the value and the "
        "high end. A rank of several numbers: the gaps do not tell which of them it is.",
    )  # fmt: skip


def _siting(found: Found, names: Names, gap: float) -> Table:
    ranks = proven_ranks([s.regret[1:] for s in found.solved])
    order = sorted(
        range(len(found.solved)),
        key=lambda k: (
            -found.solved[k].regret[1],
            -(0.0 if math.isnan(v := found.solved[k].regret[0]) else v),
            k,
        ),
    )
    lines = []
    for k in order:
        s = found.solved[k]
        zones = []
        volumes = []
        for side in ("low", "high"):
            end = s.end(side)
            for ids in changed_zones(end, s.base):
                zones.append(", ".join(names.en("place", z) for z in ids))
            plan = end.free.plan if end is not None and end.free is not None else s.base.plan
            volumes.append(plan.absorbed_mcny if plan is not None else math.nan)
        lines.append(
            (*_rank(ranks[k]), s.parameter.name, siting_words(s, gap), *s.regret, *zones, *volumes,
             s.gap, s.parameter.parameter_id)
        )  # fmt: skip
    return Table(
        "siting", "Does the siting hold where the assumption is wrong?", SITING,
        rows_of(SITING, lines),
        note="The siting: open zones, their industries, modules and projects. Keeping it: volumes, "
        "routes and trains adapt. Of the two ends the one where it costs more.",
    )  # fmt: skip


def _screened(found: Found) -> Table:
    lines = []
    for s in found.screened:
        changes = [
            math.nan if (e := s.end(side)) is None else e.repriced - s.base.high
            for side in ("low", "high")
        ]
        lines.append(
            (s.parameter.name, s.parameter.shown, *changes, _basis(s), s.parameter.grade,
             "not solved", s.base.gap, s.parameter.parameter_id)
        )  # fmt: skip
    return Table(
        "screened", "Assumptions that were not solved: the base plan priced again", SCREENED,
        rows_of(SCREENED, lines),
        note="The cost of the base plan, kept as it is, at the ends of the range. The least cost "
        "there is at most that; how much lower it could be was not solved (--most solves more).",
    )  # fmt: skip


def _indices(whole: Whole) -> Table:
    if whole.method == "morris":
        columns, title = MORRIS, "Global sensitivity (Morris): effects over whole ranges"
        lines = [
            (i.parameter.name, i.first, i.first_confidence, i.error, i.total, whole.worst_gap,
             i.parameter.parameter_id)
            for i in whole.indices
        ]  # fmt: skip
    else:
        columns, title = SOBOL, "Global sensitivity (Sobol): shares of the variance of the cost"
        lines = [
            (i.parameter.name, i.total, i.total_confidence, i.first, i.first_confidence,
             whole.worst_gap, i.parameter.parameter_id)
            for i in whole.indices
        ]  # fmt: skip
    return Table(
        "global", title, columns, rows_of(columns, lines),
        note=f"{whole.solves} solves, {whole.samples} samples, seed {whole.seed}; each assumption "
        "uniform over its range, all independent.",
    )  # fmt: skip


def _presence(stable: Stability, found: Found, names: Names) -> Table:
    count = max(1, stable.counted)
    base = set(found.base.open_zones)
    shown = [
        z for z in stable.zones if z.found or z.zone_id in base or z.surely_out < stable.counted
    ]
    shown.sort(key=lambda z: (-z.found, -z.surely_in, z.zone_id))
    lines = [
        (
            names.both("place", z.zone_id), z.zone_id, "yes" if z.zone_id in base else "no",
            z.found / count, z.surely_in / count, 1 - z.surely_out / count,
            z.surely_in, z.found - z.surely_in, stable.counted - z.found - z.surely_out,
            z.surely_out, stable.worst_gap,
        )
        for z in shown
    ]  # fmt: skip
    return Table(
        "zones", "How often a zone is in the plan when all assumptions are drawn at once", ZONES,
        rows_of(ZONES, lines),
        note=f"{stable.counted} draws, correlation {stable.correlation:g} within a group, seed "
        f"{stable.seed}, each draw solved to {percent(stable.gap)}. Proven in: the bound without "
        "the zone is above the plan's cost; proven out: the bound with it is. Zones that are "
        "proven out in every draw are left out.",
    )  # fmt: skip


def _listed(swings: list[Swing]) -> str:
    shown = [s.parameter.name for s in swings[:NAMED]]
    rest = f" and {len(swings) - NAMED} more" if len(swings) > NAMED else ""
    return ", ".join(shown) + rest


def _findings(
    found: Found, gap: float, whole: Whole | None, stable: Stability | None, names: Names
) -> Iterator[str]:
    top = found.solved[0]
    worst = found.ranks[0][1]
    value, low, high = top.swing
    tied = [s for k, s in enumerate(found.solved) if k and found.ranks[k][0] == 1]
    sure = "" if worst == 1 else f" (not told apart from: {_listed(tied)})"
    if is_infeasible(top):
        yield f"{top.parameter.name} decides most: at an end of its range there is no plan at all."
    else:
        yield (
            f"The assumption that moves the cost most is {top.parameter.name} "
            f"({top.parameter.shown}): the least cost swings by {value:,.1f} million CNY a year "
            f"(proven {low:,.1f} to {high:,.1f}), against {found.base.high:,.1f} at the base{sure}."
        )
    others = [s for s in found.solved[1:6] if not is_infeasible(s)]
    if others:
        listed = "; ".join(f"{s.parameter.name} {s.swing[0]:,.1f}" for s in others)
        yield f"Next come: {listed} million CNY a year."
    proven = sorted((s for s in found.solved if s.regret[1] > 0), key=lambda s: -s.regret[1])
    if proven:
        yield (
            f"The siting is at stake in {len(proven)} of the {len(found.solved)} solved: another "
            f"siting is proven better at an end of {_listed(proven)}."
        )
        if broken := [s for s in proven if math.isinf(s.regret[0])]:
            yield f"The base's siting has no plan at all at an end of {_listed(broken)}."
        if finite := [s for s in proven if math.isfinite(s.regret[0])]:
            value, low, high = finite[0].regret
            yield (
                f"Where it can be kept, keeping it costs most for {finite[0].parameter.name}: "
                f"{value:,.1f} million CNY a year (proven {low:,.1f} to {high:,.1f})."
            )
    else:
        yield (
            "For none of the solved assumptions is it proven that another siting would be better "
            "at an end of its range: the base's siting holds within the gaps or is not decided."
        )
    same = sum(siting_words(s, gap) == "same siting" for s in found.solved)
    within = sum(siting_words(s, gap) == "changes within the gap" for s in found.solved)
    yield (
        f"Of the {len(found.solved)} solved, {same} have the same siting at both ends, "
        f"{within} another one that saves no more than the gaps, {len(proven)} one that is proven "
        f"better; for {len(found.solved) - same - within - len(proven)} it is not decided."
    )
    if whole is not None:
        first = whole.indices[0]
        what = (
            f"mean effect {first.first:,.1f} million CNY a year"
            if whole.method == "morris"
            else f"{first.total:.2f} of the variance"
        )
        yield (
            f"Varied together ({whole.method}, {whole.solves} solves), {first.parameter.name} "
            f"weighs most: {what}."
        )
    if stable is not None:
        yield from _stable_words(stable, names)


def _stable_words(stable: Stability, names: Names) -> Iterator[str]:
    if not stable.counted:
        yield "No draw has a plan."
        return
    always = [z for z in stable.zones if z.found == stable.counted]
    often = [z for z in stable.zones if stable.counted / 2 <= z.found < stable.counted]
    yield (
        f"Over {stable.counted} draws of all assumptions at once the least cost goes from "
        f"{stable.cheapest:,.0f} to {stable.dearest:,.0f} million CNY a year. In every plan found: "
        f"{_zones(always, names) or 'no zone'}; in at least half of them: "
        f"{_zones(often, names) or 'no other'}."
    )
    named = [z for z in stable.zones if z.found]
    pairs = stable.counted * len(named)
    decided = sum(z.surely_in + z.surely_out for z in named)
    found_in = sum(z.found for z in stable.zones)
    surely_in = sum(z.surely_in for z in stable.zones)
    yield (
        f"Of {found_in} times that a zone is in a plan found, {surely_in} are proven. Of the "
        f"{len(named)} zones that are in some plan, {decided} of {pairs} times it is decided "
        "whether they are in the best one."
    )


def _zones(zones: list[Presence], names: Names) -> str:
    return ", ".join(names.en("place", z.zone_id) for z in zones)


def _cautions(
    found: Found, gap: float, whole: Whole | None, stable: Stability | None
) -> Iterator[str]:
    ties = sum(worst > best for best, worst in found.ranks)
    if ties:
        yield (
            f"The rank of {ties} of {len(found.solved)} swings is not decided by the gaps "
            f"({percent(gap)} is {gap * found.base.high:,.1f} million CNY a year)."
        )
    if found.screened:
        top = found.screened[0].estimate
        yield (
            f"{len(found.screened)} assumptions were not solved: the base plan, priced again, "
            f"moves by at most {top:,.1f} million CNY a year with each. That is an estimate of "
            "their swing, not a proof; where things get cheaper another plan could gain more."
        )
    made_up = [s for s in found.solved if not s.parameter.documented]
    if made_up:
        yield (
            f"No range is documented for {_listed(made_up)}: what is stated as their range is a "
            "spread around the value, so their rank says how much depends on them, not how unsure "
            "they are."
        )
    if found.left_out:
        listed = "; ".join(found.left_out)
        yield f"Not varied, because no list of numbers says what they do: {listed}."
    if slow := unproven(found.solved):
        yield f"Not solved to the gap in time: {', '.join(slow[:NAMED])}."
    if whole is not None and whole.noise > 0.1 * whole.spread:
        yield (
            f"Indices: a proven range is up to {whole.noise:,.1f} million CNY wide, the cost "
            f"varies by {whole.spread:,.1f} (standard deviation): small indices are noise."
        )
    if stable is not None and (stable.invalid or stable.without):
        yield (
            f"{stable.invalid} draws left what the tables allow (such as a share above 1) and "
            f"{stable.without} had no plan in time or at all: they are not counted."
        )
    if stable is not None:
        yield (
            "A zone in a plan found need not be in the best plan: many sitings cost the same "
            "within the gap. Only the proven counts tell."
        )
