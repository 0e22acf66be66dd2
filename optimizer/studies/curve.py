"""`curve`: least total and marginal cost as the volume that comes to the zones grows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from instances.errors import Fault, InstanceError
from optimizer.plan.plan import EVERY_INDUSTRY
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent
from optimizer.studies.assumed import assumed_tables
from optimizer.studies.curve_points import (
    Curve,
    Reading,
    Sampling,
    sample,
    steps_of,
)
from optimizer.studies.session import Inquiry, Session

CNY = 1e6  # in a million CNY
LISTED = 9  # zones of the chart; the table of outputs has all
CHANGED = 3  # zones that are named as taking more or less over a step
INDUSTRY_SAMPLING = Sampling(most_solves=6, width_share=0.1, tolerance=0.01)

POINTS = (
    Column("volume_mcny", "Volume, million CNY of output a year", "mcny"),
    Column("asked", "Asked"),
    Column("cost_mcny", "Least cost, million CNY a year", "mcny"),
    Column("low_mcny", "proven: at least", "mcny"),
    Column("extra_mcny", "More than the least", "mcny"),
    Column("share", "Of all that could move", "share"),
    Column("absorbed_mcny", "Comes in that plan", "mcny"),
    Column("zones_count", "Zones", "count"),
    Column("zones", "Zones by output"),
    Column("status", "Status"),
    Column("gap_share", "Gap", "share"),
)
STEPS = (
    Column("from_mcny", "From, million CNY", "mcny"),
    Column("to_mcny", "to", "mcny"),
    Column("marginal_cny_per_mcny", "Marginal cost, CNY per million CNY of output", "number"),
    Column("marginal_low_cny_per_mcny", "proven: at least", "number"),
    Column("marginal_high_cny_per_mcny", "at most", "number"),
    Column("zones_in", "Zones that come in"),
    Column("zones_out", "Zones that drop out"),
    Column("takes", "Output grows or shrinks most in"),
    Column("decided", "Cost decided"),
    Column("gap_share", "Gap", "share"),
)
OUTPUT = (
    Column("volume_mcny", "Volume, million CNY", "mcny"),
    Column("zone_id", "Zone id"),
    Column("zone", "Zone"),
    Column("industry_id", "Industry"),
    Column("output_mcny", "Output, million CNY a year", "mcny"),
    Column("gap_share", "Gap", "share"),
)
ZONES = (
    Column("volume_mcny", "Volume, million CNY", "mcny"),
    Column("zone_id", "Zone id"),
    Column("zone", "Zone"),
    Column("output_mcny", "Output, million CNY a year", "mcny"),
    Column("gap_share", "Gap", "share"),
)
INDUSTRIES = (
    Column("industry_id", "Industry id"),
    Column("industry", "Industry"),
    Column("could_move_mcny", "Could move, million CNY", "mcny"),
    Column("largest_mcny", "Most found to fit in the zones", "mcny"),
    Column("largest_bound_mcny", "proven: no more than", "mcny"),
    Column("least_cost_mcny", "Comes at least cost", "mcny"),
    Column("worth_mcny", "What its coming is worth, million CNY a year", "mcny"),
    Column("worth_low_mcny", "at least", "mcny"),
    Column("worth_high_mcny", "at most", "mcny"),
    Column("extra_at_largest_mcny", "Cost of the most more than the least", "mcny"),
    Column("decided", "Pays: decided"),
    Column("gap_share", "Gap", "share"),
)
INDUSTRY_POINTS = (
    Column("industry_id", "Industry id"),
    Column("industry", "Industry"),
    Column("volume_mcny", "Volume, million CNY", "mcny"),
    Column("asked", "Asked"),
    Column("cost_mcny", "Least total cost", "mcny"),
    Column("low_mcny", "proven: at least", "mcny"),
    Column("extra_mcny", "More than the least", "mcny"),
    Column("marginal_cny_per_mcny", "Marginal cost to the next", "number"),
    Column("marginal_low_cny_per_mcny", "proven: at least", "number"),
    Column("marginal_high_cny_per_mcny", "at most", "number"),
    Column("zones", "Zones of the industry"),
    Column("status", "Status"),
    Column("gap_share", "Gap", "share"),
)
ASKED = {"most": "at most", "free": "least cost", "least": "at least", "largest": "the most"}


def curve(
    session: Session,
    *,
    industries: Sequence[str] | None = None,
    sampling: Sampling | None = None,
    industry_sampling: Sampling = INDUSTRY_SAMPLING,
) -> Chapter:
    """Return the chapter of the absorption curve, in total and by industry.

    Parameters
    ----------
    industries
        Industries with a curve of their own; None: all, (): none.
    sampling, industry_sampling
        How finely the curve of all and those of single industries are looked at.

    Raises
    ------
    InstanceError
        An industry that the instance does not have.
    """
    instance = session.instance
    known = list(instance.tables["industries"]["industry_id"])
    chosen = known if industries is None else list(dict.fromkeys(industries))
    faults = [
        Fault("question", None, "industry", i, f"is not in the instance: {', '.join(known)}")
        for i in chosen
        if i not in known
    ]
    if faults:
        raise InstanceError(faults)
    blocks = instance.tables["blocks"]
    movable = blocks.groupby("industry_id")["volume_mcny_per_year"].sum().to_dict()
    chosen = [i for i in chosen if movable.get(i, 0.0) > 0]
    targets = policy_targets(session)
    inquiries: list[Inquiry[Curve]] = [
        sample(session, EVERY_INDUSTRY, [v for v, _ in targets], sampling or Sampling())
    ]
    inquiries += [sample(session, i, (), industry_sampling) for i in chosen]
    whole, *each = session.run(inquiries)
    return _chapter(session, whole, each, targets, movable)


def policy_targets(session: Session) -> list[tuple[float, str]]:
    """Return volumes that policy asks for, million CNY a year, and what asks for them."""
    total = float(session.instance.tables["blocks"]["volume_mcny_per_year"].sum())
    question, found = session.question, []
    if question.target_share:
        found.append((question.target_share * total, f"target of {percent(question.target_share)}"))
    if question.target_mcny:
        found.append((question.target_mcny, "target"))
    for rule in session.instance.tables["rules"].itertuples():
        if rule.kind == "min_absorbed_share" and not rule.industry_id:
            state = "" if rule.active == 1 else ", switched off"
            found.append((float(rule.value) * total, f"rule of {percent(rule.value)}{state}"))
    return sorted(found)


# -- what the solves say ------------------------------------------------------------------------


def _chapter(
    session: Session,
    whole: Curve,
    each: Sequence[Curve],
    targets: Sequence[tuple[float, str]],
    movable: dict[str, float],
) -> Chapter:
    instance, names = session.instance, Names(session.instance)
    total = math.fsum(movable.values())
    readings = whole.readings()
    tables = [
        Table(
            "points", "Least cost at each volume", POINTS,
            rows_of(POINTS, _point_rows(readings, total)),
            note="Left of the least cost at most so much may come, right of it at least so much "
            "must. Plans and bounds of all solves serve wherever they hold.",
        ),
        Table(
            "steps", "Marginal cost, and which zone takes over where", STEPS,
            rows_of(STEPS, _step_rows(readings)),
            note="Marginal cost is the average over a step: times its width it adds up to the "
            "difference of the least costs. The range holds for the true curve.",
        ),
        Table("zones", "Output of each zone along the curve", ZONES,
              rows_of(ZONES, _zone_rows(readings, names))),
        Table("output", "Output of each zone and industry along the curve", OUTPUT,
              rows_of(OUTPUT, _output_rows(readings, names)), most=40),
    ]  # fmt: skip
    charts = [
        Chart(
            "cost", "Least cost, million CNY a year", "line", "points", x="volume_mcny",
            y="extra_mcny", label="", marks=tuple(_marks(whole, targets)),
            x_title="output that comes to the zones, million CNY a year",
            y_title="more than the least cost",
        ),
        Chart(
            "marginal", "Marginal cost, CNY per million CNY of output", "steps", "steps",
            x="from_mcny", y="marginal_cny_per_mcny",
            x_title="output that comes to the zones, million CNY a year",
        ),
        Chart(
            "zones", "Which zone takes it", "line", "zones", x="volume_mcny", y="output_mcny",
            series="zone_id", x_title="output that comes to the zones, million CNY a year",
        ),
    ]  # fmt: skip
    if each:
        tables += [
            Table("industries", "Industries: what can come, and what it is worth", INDUSTRIES,
                  rows_of(INDUSTRIES, _industry_rows(each, names, movable))),
            Table("industry_points", "The curve of each industry", INDUSTRY_POINTS,
                  rows_of(INDUSTRY_POINTS, _industry_point_rows(each, names)), most=40),
        ]  # fmt: skip
        charts.append(
            Chart(
                "industries", "More than the least cost, by industry, million CNY a year", "line",
                "industry_points", x="volume_mcny", y="extra_mcny", series="industry",
                x_title="output of the industry that comes, million CNY a year",
            )
        )  # fmt: skip
    return Chapter(
        "curve",
        "Absorption curve",
        "承接成本曲线",
        asked=(
            f"What it costs if at least, or at most, so much of the {total:,.0f} million CNY of "
            f"output that could move comes to the zones of {instance.name}.",
        ),
        findings=tuple(_findings(session, whole, targets, total, names)),
        tables=tuple(tables),
        charts=tuple(charts),
        cautions=tuple(_cautions(whole, each)),
        assumed=assumed_tables(instance, WHY_ASSUMED),
        facts=session.facts(),
    )


def _by_zone(reading: Reading) -> dict[str, float]:
    output: dict[str, float] = {}
    if reading.plan is not None:
        for move in reading.plan.moves:
            output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
    return dict(sorted(output.items(), key=lambda item: (-item[1], item[0])))


def _finite(value: float) -> float:
    """Return nan for what is infinite: a cell that nothing is known for."""
    return value if math.isfinite(value) else math.nan


def _point_rows(readings: Sequence[Reading], total: float) -> Iterator[tuple[Any, ...]]:
    least = min((r.cost for r in readings), default=math.nan)
    for r in readings:
        yield (
            r.volume, ASKED[r.side], _finite(r.cost), _finite(r.low), _finite(r.cost - least),
            r.volume / total if total else math.nan,
            r.plan.absorbed_mcny if r.plan else math.nan,
            len(r.plan.open_zones) if r.plan else math.nan,
            ", ".join(_by_zone(r)), r.status, r.gap,
        )  # fmt: skip


def _step_rows(readings: Sequence[Reading]) -> Iterator[tuple[Any, ...]]:
    for step in steps_of(readings):
        before, after = _by_zone(step.start), _by_zone(step.end)
        opened, shut = (
            step.end.sites[0] - step.start.sites[0],
            (step.start.sites[0] - step.end.sites[0]),
        )
        if not step.is_known:
            opened = shut = frozenset()
        change = {z: after.get(z, 0.0) - before.get(z, 0.0) for z in {*before, *after}}
        largest = sorted(change.items(), key=lambda item: (-abs(item[1]), item[0]))[:CHANGED]
        words = [f"{z} {v:+,.0f}" for z, v in largest if abs(v) > 0.5] if step.is_known else []
        yield (
            step.start.volume, step.end.volume,
            step.slope * CNY, _finite(step.slope_low * CNY), _finite(step.slope_high * CNY),
            ", ".join(sorted(opened)), ", ".join(sorted(shut)), ", ".join(words),
            "yes" if step.is_decided or step.is_flat else "no",
            max(step.start.gap, step.end.gap) if step.is_known else math.nan,
        )  # fmt: skip


def _zone_rows(readings: Sequence[Reading], names: Names) -> Iterator[tuple[Any, ...]]:
    """The zones that take most anywhere, and all others together, at every point."""
    outputs = [(_by_zone(r), r) for r in readings if r.plan is not None]
    most: dict[str, float] = {}
    for output, _ in outputs:
        for zone, value in output.items():
            most[zone] = max(most.get(zone, 0.0), value)
    listed = sorted(most, key=lambda z: (-most[z], z))
    for zone in listed[:LISTED]:
        for output, r in outputs:
            yield r.volume, zone, names.en("place", zone), output.get(zone, 0.0), r.gap
    if listed[LISTED:]:
        for output, r in outputs:
            rest = math.fsum(output.get(zone, 0.0) for zone in listed[LISTED:])
            yield r.volume, "others", f"{len(listed) - LISTED} others", rest, r.gap


def _output_rows(readings: Sequence[Reading], names: Names) -> Iterator[tuple[Any, ...]]:
    for r in readings:
        output: dict[tuple[str, str], float] = {}
        for move in r.plan.moves if r.plan else ():
            key = move.zone_id, move.industry_id
            output[key] = output.get(key, 0.0) + move.output_mcny
        for (zone, industry), value in sorted(output.items()):
            yield r.volume, zone, names.en("place", zone), industry, value, r.gap


def _industry_rows(
    curves: Sequence[Curve], names: Names, movable: dict[str, float]
) -> Iterator[tuple[Any, ...]]:
    for curve_ in curves:
        best, readings = curve_.best, curve_.readings()
        zero, free = curve_.reading(0.0), min(readings, key=lambda r: r.cost)
        top = curve_.reading(curve_.largest) if math.isfinite(curve_.largest) else None
        worth = zero.cost - free.cost
        low, high = zero.low - free.cost, zero.cost - free.low
        yield (
            curve_.industry, names.en("industry", curve_.industry), movable[curve_.industry],
            curve_.largest, _finite(curve_.largest_bound), best[0] if best else math.nan,
            _finite(worth), _finite(max(low, 0.0)), _finite(high),
            _finite(top.cost - free.cost) if top else math.nan,
            "yes" if low > 0 else "no",
            max(zero.gap, free.gap),
        )  # fmt: skip


def _industry_point_rows(curves: Sequence[Curve], names: Names) -> Iterator[tuple[Any, ...]]:
    for curve_ in curves:
        readings = curve_.readings()
        least = min((r.cost for r in readings), default=math.nan)
        steps = [*steps_of(readings), None]
        for r, step in zip(readings, steps, strict=True):
            hosts = sorted(z for z, i in r.sites[1] if i == curve_.industry)
            slopes = (math.nan,) * 3
            if step is not None and step.is_known:
                slopes = (step.slope * CNY, step.slope_low * CNY, step.slope_high * CNY)
            yield (
                curve_.industry, names.en("industry", curve_.industry), r.volume, ASKED[r.side],
                _finite(r.cost), _finite(r.low), _finite(r.cost - least), *map(_finite, slopes),
                ", ".join(hosts), r.status, r.gap,
            )  # fmt: skip


def flat_range(whole: Curve, share: float) -> tuple[float, float, float, float]:
    """Return the volumes whose cost is within a share of the least.

    The first two are the least and the largest volume of a plan that is so near; below the third
    and from the fourth on it is proven that none is (0 and infinity where nothing is).
    """
    best = whole.best
    if best is None:
        return math.nan, math.nan, 0.0, math.inf
    limit = best[1].cost_mcny + share * abs(best[1].cost_mcny)
    near = [v for v, plan, _ in whole.plans if plan.cost_mcny <= limit]
    dear = [r for r in whole.readings() if r.low > limit]
    below = max((r.volume for r in dear if r.side == "most"), default=0.0)
    above = min((r.volume for r in dear if r.side == "least"), default=whole.largest_bound)
    return min(near), max(near), below, above


def _findings(
    session: Session,
    whole: Curve,
    targets: Sequence[tuple[float, str]],
    total: float,
    names: Names,
) -> Iterator[str]:
    best = whole.best
    if best is None:
        yield "No plan was found at any volume."
        return
    readings = whole.readings()
    at, plan, _ = best
    low, high, below, above = flat_range(whole, session.gap)
    zero = whole.reading(0.0)
    yield (
        f"Moving stops paying by itself at about {at:,.0f} million CNY of output a year "
        f"({at / total:.1%} of what could move): there the cost is least, "
        f"{plan.cost_mcny:,.1f} million CNY a year."
    )
    if high > low * (1 + SHOWN):
        proofs = [f"below {below:,.0f}"] if below > 0 else []
        proofs += [f"from {above:,.0f} on"] if above < whole.largest_bound else []
        proof = f" That none does {' and '.join(proofs)} is proven." if proofs else ""
        yield (
            f"The optimum is flat: plans with {low:,.0f} to {high:,.0f} million CNY cost at most "
            f"{percent(session.gap)} more than the least.{proof}"
        )
    if zero.plan is not None:
        yield (
            f"If nothing comes the cost is {zero.cost:,.1f}: the zones save "
            f"{zero.cost - plan.cost_mcny:,.1f} million CNY a year (proven: "
            f"{max(0.0, zero.low - plan.cost_mcny):,.1f} to "
            f"{zero.cost - whole.low(at, 'free'):,.1f})."
        )
    elif zero.low == math.inf:
        yield "Some volume has to come: without any there is no plan."
    if math.isfinite(whole.largest):
        top = whole.reading(whole.largest)
        more = (
            ""
            if whole.largest_bound <= whole.largest * (1 + SHOWN)
            else (f" (proven: never more than {whole.largest_bound:,.0f})")
        )
        yield (
            f"The most that fits is {whole.largest:,.0f} million CNY a year "
            f"({whole.largest / total:.1%}){more}. It costs "
            f"{top.cost - plan.cost_mcny:,.1f} a year more than the least."
        )
    for volume, word in targets:
        if volume > whole.largest_bound:
            yield f"The {word}, {volume:,.0f} million CNY a year, cannot be reached."
            continue
        r = whole.reading(volume)
        if r.plan is None:
            yield f"The {word}, {volume:,.0f} million CNY a year: no plan was found."
        elif r.side == "least":
            yield (
                f"The {word}, {volume:,.0f} million CNY a year, costs "
                f"{r.cost - plan.cost_mcny:,.1f} a year more than the least (proven: "
                f"{max(0.0, r.low - plan.cost_mcny):,.1f} to "
                f"{r.cost - whole.low(at, 'free'):,.1f})."
            )
        else:
            yield (
                f"The {word}, {volume:,.0f} million CNY a year, is met by the least-cost plan: "
                "it costs nothing more."
            )
    yield from _taking_over(readings, names)
    yield from _dear(readings)


SHOWN = 1e-4  # relative; differences below are not worth a word


def _taking_over(readings: Sequence[Reading], names: Names) -> Iterator[str]:
    """One sentence: the order in which zones come in to stay."""
    seen: dict[str, float] = {}
    for r in readings:
        if r.plan is None:
            continue
        for zone in _by_zone(r):
            seen.setdefault(zone, r.volume)
    parts = [f"{names.en('place', z)} (by {v:,.0f})" for z, v in seen.items()]
    if parts:
        shown = parts[:12]
        rest = f", and {len(parts) - len(shown)} more" if len(parts) > len(shown) else ""
        yield (
            "Zones in the order in which the curve first uses them: "
            + ", ".join(shown)
            + rest
            + (". Where two plans cost the same within the gap, their zones may change places.")
        )


def _dear(readings: Sequence[Reading]) -> Iterator[str]:
    """One sentence: where another million CNY gets dear."""
    steps = [s for s in steps_of(readings) if s.is_known and s.start.side in ("free", "least")]
    if not steps:
        return
    steepest = max(steps, key=lambda s: s.slope)
    last = steps[-1]
    half = next((s for s in steps if s.slope >= steepest.slope / 2), steepest)
    yield (
        f"One million CNY of output more costs {steps[0].slope * CNY:,.0f} CNY a year just beyond "
        f"the least and {last.slope * CNY:,.0f} at the end. It gets dear from "
        f"{half.start.volume:,.0f} million CNY a year on: more than half of the steepest, "
        f"{steepest.slope * CNY:,.0f}."
    )


def _marks(whole: Curve, targets: Sequence[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    if whole.best is not None:
        yield whole.best[0], "least cost"
    if math.isfinite(whole.largest):
        yield whole.largest, "most"
    yield from targets


def _cautions(whole: Curve, each: Sequence[Curve]) -> Iterator[str]:
    steps = steps_of(whole.readings())
    flat = [s for s in steps if not (s.is_decided or s.is_flat)]
    if flat:
        yield (
            f"Over {len(flat)} of {len(steps)} steps cost changes by less than the gaps: which "
            "zones come in or drop out there is a matter of chance, and nothing is split further."
        )
    open_points = [r for r in whole.readings() if r.status not in ("optimal", "infeasible")]
    if open_points:
        listed = ", ".join(f"{r.volume:,.0f}" for r in open_points[:8])
        yield f"Not proven to the gap within the time limit at: {listed}."
    weak = [c.industry for c in each if c.reading(0.0).low - _least(c) <= 0]
    if weak:
        yield (
            f"Whether it pays at all that they come is not decided for {len(weak)} of {len(each)} "
            f"industries: {', '.join(weak)}."
        )
    short = [c.industry for c in each if c.largest_bound > c.largest * (1 + SHOWN) + SHOWN]
    if short:
        yield (
            "The most that fits is known only as a range for "
            f"{', '.join(short)} (see the table of industries)."
        )


def _least(curve_: Curve) -> float:
    return curve_.best[1].cost_mcny if curve_.best is not None else math.nan


# tables that say how much could come and what staying costs
WHY_ASSUMED = {
    "blocks": "how much could move, and what staying costs",
    "pools": "floor, land and staff: how much fits before it gets dear",
    "industries": "workers, floor and relocation capital of output",
}
