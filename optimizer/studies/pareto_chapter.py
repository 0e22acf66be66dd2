"""What `pareto` found, as a chapter: the points, the boxes between them, the proven envelope."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from instances import Instance
from optimizer.plan.plan import MAXIMISED, Plan
from optimizer.report.chapter import Chapter, Chart, Column, Kind, Table, rows_of
from optimizer.report.names import Names
from optimizer.report.numbers import percent, shown
from optimizer.studies.assumed import assumed_tables
from optimizer.studies.front import Front, Point
from optimizer.studies.grid import Corner, Grid

CNY = 1e6
UNIT = {
    "hours": "TEU-hours", "co2e": "t CO2e", "outlay": "million CNY of outlay",
    "jobs": "jobs", "absorbed": "million CNY of output",
}  # fmt: skip
ONE = {"hours": "TEU-hour", "co2e": "t CO2e", "jobs": "job", "outlay": "million CNY of outlay",
       "absorbed": "million CNY of output"}  # fmt: skip
COLUMN = {
    "hours": "hours_teu_hours", "co2e": "co2e_tonnes", "outlay": "outlay_mcny",
    "jobs": "jobs_count", "absorbed": "absorbed_mcny",
}  # fmt: skip
TITLE = {
    "hours": "Transport time", "co2e": "Emissions", "outlay": "Public outlay",
    "jobs": "Jobs in the zones", "absorbed": "Output that comes to the zones",
}  # fmt: skip
BETTER = {
    "hours": "less transport time",
    "co2e": "fewer emissions",
    "outlay": "less public outlay",
    "jobs": "more jobs",
    "absorbed": "more output in the zones",
}
WHY = {
    "hours": {"tariffs": "speeds and terminal hours", "links": "hours and kilometres of links"},
    "co2e": {"tariffs": "emissions per TEU- and tonne-kilometre", "links": "kilometres"},
    "outlay": {"modules": "capital of halls", "projects": "capital of projects",
               "factor_prices": "subsidies of the host regions"},
    "jobs": {"industries": "workers per million CNY of output"},
    "absorbed": {"blocks": "how much could move", "pools": "floor, land and staff"},
}  # fmt: skip


def _points_columns(name: str) -> tuple[Column, ...]:
    return (
        Column("point", "Point", "count"),
        Column(COLUMN[name], f"{TITLE[name]}, {UNIT[name]} a year", _kind(name)),
        Column("cost_mcny", "Cost, million CNY a year", "number"),
        Column("extra_mcny", "More than the least cost, million CNY a year", "mcny"),
        Column("bound_mcny", f"No plan with as {_good(name)} costs less than", "number"),
        Column("rate_cny", f"Cost of the step from the row before, CNY per {ONE[name]}", "number"),
        Column("rate_low_cny", "proven: at least", "number"),
        Column("rate_high_cny", "at most", "number"),
        Column("decided", "That the step costs anything is proven"),
        Column("zones_count", "Zones open", "count"),
        Column("zones_in", "Zones in, against the row before"),
        Column("zones_out", "Zones out"),
        Column("other_changes", "Industries, halls, projects, trains that change"),
        Column("absorbed_by_zones_mcny", "Comes to the zones, million CNY a year", "mcny"),
        Column("gap_share", "Gap", "share"),
    )


def _kind(name: str) -> Kind:
    return "mcny" if name in ("outlay", "absorbed") else "count"


def _good(name: str) -> str:
    return "much" if name in MAXIMISED else "little"


BOXES = (
    Column("from_point", "From point", "count"),
    Column("to_point", "To point", "count"),
    Column("between", "Between them"),
    Column("status", "Box"),
    Column("hole_share", "How much cheaper a plan between could be", "share"),
    Column("width_share", "Width, of the range", "share"),
    Column("gap_share", "Gap", "share"),
)


def front_chapter(front: Front) -> Chapter:
    """Return the chapter of a front of two objectives."""
    session, name = front.session, front.name
    names = Names(session.instance)
    points = list(reversed(front.points))  # the least cost first
    columns = _points_columns(name)
    curve = (
        Column(COLUMN[name], f"{TITLE[name]}, {UNIT[name]} a year", "number"),
        Column("extra_mcny", "More than the least cost, million CNY a year", "number"),
        Column("series", "What"),
        Column("gap_share", "Gap", "share"),
    )
    word = UNIT[name]
    return Chapter(
        "pareto",
        f"The price of {BETTER[name]}",
        "帕累托前沿",
        asked=(
            f"Which plans for {session.instance.name} are such that no other costs less with "
            f"{_as_good(name)} {word}.",
        ),
        findings=tuple(_findings(front, points, names)),
        tables=(
            Table("points", "The points of the front, from the least cost on", columns,
                  rows_of(columns, _point_rows(front, points, names)),
                  note="Proven for each row: no plan with that amount or a better one costs less "
                  "than the bound."),
            Table("boxes", "Between the points", BOXES, rows_of(BOXES, _box_rows(front, points)),
                  note="mixes: both points build the same, so that every mix of the two is a "
                  "plan. nothing: no plan lies below the dearer of the two by more than the gap. "
                  "open: time did not decide; a plan may lie there."),
            Table("curve", "The front and the proven envelope below it", curve,
                  rows_of(curve, _curve_rows(front, points)), most=30),
        ),
        charts=(
            Chart("front", f"The price of {BETTER[name]}", "line", "curve",
                  x=COLUMN[name], y="extra_mcny", series="series",
                  x_title=f"{TITLE[name].lower()}, {word} a year",
                  y_title="million CNY a year above the least cost"),
        ),
        cautions=tuple(_cautions(front, points)),
        assumed=_assumed(session.instance, [name]),
        facts=session.facts(),
    )  # fmt: skip


def _as_good(name: str) -> str:
    return "as much or more" if name in MAXIMISED else "as little or less"


def _changes(before: Plan, after: Plan, names: Names) -> tuple[str, str, str]:
    """What comes in, what goes, and what else is built otherwise."""
    old, new = set(before.open_zones), set(after.open_zones)
    words = []
    kept = old & new
    for mark, one, other in (("+", after, before), ("−", before, after)):
        hosts = {h for h in one.hosts if h[0] in kept} - set(other.hosts)
        words += [f"{mark}{z}/{i}" for z, i in sorted(hosts)]
        for part in ("projects", "services"):
            words += [
                f"{mark}{p}" for p in sorted(set(getattr(one, part)) - set(getattr(other, part)))
            ]
    counts, earlier = dict(after.modules), dict(before.modules)
    for module in sorted({*counts, *earlier}):
        change = counts.get(module, 0) - earlier.get(module, 0)
        if change:
            words.append(f"{module} {change:+d}")
    return (
        ", ".join(names.en("place", z) for z in sorted(new - old)),
        ", ".join(names.en("place", z) for z in sorted(old - new)),
        ", ".join(words),
    )


def _rate(front: Front, before: Point, after: Point) -> tuple[float, float, float]:
    """CNY per unit from one point to the next, better and dearer one, and its proven range.

    The range is that of the least costs at both amounts.
    """
    width = before.measure - after.measure
    if width <= 0:
        return math.nan, math.nan, math.nan
    value = (after.cost - before.cost) / width
    low = (front.low(after.measure) - before.cost) / width
    high = (after.cost - front.low(before.measure)) / width
    return CNY * value, max(0.0, CNY * low), CNY * high


def _point_rows(
    front: Front, points: Sequence[Point], names: Names
) -> Iterator[tuple[object, ...]]:
    for k, p in enumerate(points):
        rates: tuple[float, ...] = (math.nan,) * 3
        changes, decided = ("", "", ""), ""
        if k:
            rates = _rate(front, points[k - 1], p)
            changes = _changes(points[k - 1].plan, p.plan, names)
            decided = "yes" if front.low(p.measure) > points[k - 1].cost else "no"
        yield (
            k + 1, front.sign * p.measure, p.cost, p.cost - points[0].cost, front.low(p.measure),
            *rates, decided, len(p.plan.open_zones), *changes, p.plan.absorbed_mcny, front.gap(p),
        )  # fmt: skip


def _box_rows(front: Front, points: Sequence[Point]) -> Iterator[tuple[object, ...]]:
    for k, (right, left) in enumerate(pairwise(points)):
        apart, *_ = front.hole(left, right)
        is_open = front.is_open(left, right)
        between = "mixes" if front.is_mix(left, right) else "open" if is_open else "nothing"
        width = (right.measure - left.measure) / front.range if front.range else 0.0
        narrow = not is_open and apart > front.session.gap
        yield (
            k + 1, k + 2, between, "open" if is_open else "closed",
            0.0 if narrow else apart, width, max(front.gap(left), front.gap(right)),
        )  # fmt: skip


def _curve_rows(front: Front, points: Sequence[Point]) -> Iterator[tuple[object, ...]]:
    if not points:
        return
    least = points[0].cost
    proven = "proven: no plan below"
    for x, low in reversed(front.envelope()):
        if math.isfinite(low):
            yield front.sign * x, low - least, proven, front.session.gap
    for k, p in enumerate(points):
        if k and not front.is_mix(p, points[k - 1]):  # a stair: nothing between is known cheaper
            yield front.sign * points[k - 1].measure, p.cost - least, "plans found", front.gap(p)
        yield front.sign * p.measure, p.cost - least, "plans found", front.gap(p)


def _findings(front: Front, points: Sequence[Point], names: Names) -> Iterator[str]:
    name, word = front.name, UNIT[front.name]
    if not points:
        yield "No plan was found."
        return
    first, last = points[0], points[-1]
    if len(points) == 1:
        yield (
            f"The least-cost plan, {first.cost:,.1f} million CNY a year, is also within the gap of "
            f"the best for {TITLE[name].lower()}: {front.sign * first.measure:,.0f} {word} a year."
        )
        return
    share = abs(last.measure - first.measure) / max(abs(first.measure), 1e-12)
    turn = "more" if name in MAXIMISED else "less"
    yield (
        f"From the least-cost plan ({first.cost:,.1f} million CNY and "
        f"{front.sign * first.measure:,.0f} {word} a year) to {front.sign * last.measure:,.0f} "
        f"({percent(share)} {turn}) cost rises by {last.cost - first.cost:,.1f} million CNY a year "
        f"({percent((last.cost - first.cost) / abs(first.cost))})."
    )
    for part in (0.001, 0.01):
        within = [p for p in points if p.cost <= first.cost * (1 + part)]
        if len(within) > 1 and within[-1] is not last:
            p = within[-1]
            done = abs(p.measure - first.measure) / max(abs(first.measure), 1e-12)
            yield (
                f"{percent(done)} {turn} ({front.sign * p.measure:,.0f} {word}) costs "
                f"{p.cost - first.cost:,.1f} million CNY a year more: "
                f"{percent((p.cost - first.cost) / abs(first.cost))} of the cost."
            )
    steps = [(_rate(front, a, b)[0], b) for a, b in pairwise(points)]
    yield (
        f"One {ONE[name]} {turn} costs {shown(steps[0][0])} CNY on the first step and "
        f"{shown(steps[-1][0])} on the last of {len(steps)}."
    )
    if math.isfinite(front.least):
        yield (
            f"No plan has {'more' if name in MAXIMISED else 'less'} than "
            f"{front.sign * front.least:,.0f} {word}, whatever it costs: proven."
        )
    shared = set.intersection(*(set(p.plan.open_zones) for p in points))
    some = set.union(*(set(p.plan.open_zones) for p in points)) - shared
    if shared:
        yield f"Zones all along the front: {_listed(names, shared)}."
    if some:
        yield f"Zones on a part of it only: {_listed(names, some)}."
    else:
        yield "The open zones are the same all along: it is routes, volumes and what is built."


def _listed(names: Names, zones: set[str]) -> str:
    shown = sorted(names.en("place", z) for z in zones)
    rest = f" and {len(shown) - 12} more" if len(shown) > 12 else ""
    return ", ".join(shown[:12]) + rest


def _cautions(front: Front, points: Sequence[Point]) -> Iterator[str]:
    wide = [k + 1 for k, p in enumerate(points) if front.gap(p) > front.session.gap]
    if wide:
        yield (
            f"Not proven to the gap of {percent(front.session.gap)}: points "
            f"{', '.join(map(str, wide))} (column Gap says to what)."
        )
    opened = [k + 1 for k, (b, a) in enumerate(pairwise(points))
              if front.is_open(a, b)]  # fmt: skip
    if opened:
        yield (
            f"Open boxes: between the points {', '.join(f'{k} and {k + 1}' for k in opened)} a "
            "cheaper plan may lie; more --solves decide it."
        )
    undecided = [
        k + 2 for k, (a, b) in enumerate(pairwise(points)) if front.low(b.measure) <= a.cost
    ]
    if undecided:
        yield (
            f"For the steps to the points {', '.join(map(str, undecided))} the gaps do not tell "
            "whether the better measure costs anything at all against the row before: rates "
            "there are those of the plans found."
        )
    if points and math.isfinite(front.least):
        left = points[-1].measure - front.least
        if left > 2 * front.session.gap * max(abs(points[-1].measure), 1e-9):
            yield (
                f"Beyond the last point a plan with up to {abs(left):,.0f} {UNIT[front.name]} "
                "less may exist, at a higher cost: not looked for."
            )
    yield from front.failed


def _assumed(instance: Instance, measures: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Tables that the measures are made of, where they are assumed."""
    found = [pair for name in measures for pair in assumed_tables(instance, WHY[name])]
    return tuple(dict.fromkeys(found))


# -- three objectives -----------------------------------------------------------------------------


def grid_chapter(grid: Grid) -> Chapter:
    """Return the chapter of a front of three objectives."""
    session, (a, b) = grid.session, grid.names
    names = Names(session.instance)
    points = grid.points()
    measures = tuple(
        Column(COLUMN[n], f"{TITLE[n]}, {UNIT[n]} a year", "number") for n in grid.names
    )
    columns = (
        Column("point", "Point", "count"), *measures,
        Column("cost_mcny", "Cost, million CNY a year", "number"),
        Column("extra_mcny", "More than the least cost, million CNY a year", "mcny"),
        Column("bound_mcny", "No plan within its limits costs less than", "number"),
        Column("zones_count", "Zones open", "count"),
        Column("zones", "Zones"),
        Column("gap_share", "Gap", "share"),
    )  # fmt: skip
    limits = tuple(
        Column(f"limit_{COLUMN[n]}", f"{TITLE[n]}: {'at least' if n in MAXIMISED else 'at most'}",
               "number") for n in grid.names
    )  # fmt: skip
    corners = (
        *limits, Column("status", "Status"),
        Column("cost_mcny", "Least cost found, million CNY a year", "number"),
        Column("bound_mcny", "proven: no plan costs less than", "number"),
        Column("answered", "Solved, or answered for by a neighbour"),
        Column("series", "Limit of the second"),
        Column("gap_share", "Gap", "share"),
    )  # fmt: skip
    least = points[0].cost if points else math.nan

    def point_rows() -> Iterator[tuple[object, ...]]:
        for k, c in enumerate(points):
            assert c.plan is not None, "points have plans"
            amounts = (grid.sign(n) * v for n, v in enumerate(c.measures))
            yield (
                k + 1, *amounts, c.cost, c.cost - least, c.low, len(c.plan.open_zones),
                _listed(names, set(c.plan.open_zones)), c.gap,
            )  # fmt: skip

    def corner_rows() -> Iterator[tuple[object, ...]]:
        for _, c in sorted(grid.corners.items()):
            at = [grid.sign(n) * v if math.isfinite(v) else math.inf for n, v in enumerate(c.at)]
            series = f"{b}: no limit" if math.isinf(at[1]) else f"{b} {at[1]:,.4g}"
            low = c.low if math.isfinite(c.low) else math.nan
            yield (*at, c.status, c.cost, low, "solved" if c.solved else "neighbour", series, c.gap)

    return Chapter(
        "pareto",
        f"Cost, {TITLE[a].lower()} and {TITLE[b].lower()}",
        "帕累托前沿",
        asked=(
            f"Which plans for {session.instance.name} no other plan beats in cost, {a} and {b} at "
            f"once, at {grid.steps} limits of each.",
        ),
        findings=tuple(_grid_findings(grid, points)),
        tables=(
            Table("points", "Plans that no other one found beats", columns,
                  rows_of(columns, point_rows())),
            Table("limits", "The least cost under every pair of limits", corners,
                  rows_of(corners, corner_rows())),
        ),
        charts=(
            Chart("front", f"Cost against {a}", "points", "points", x=COLUMN[a], y="extra_mcny",
                  label="point", x_title=f"{TITLE[a].lower()}, {UNIT[a]} a year",
                  y_title="million CNY a year above the least cost"),
            Chart("other", f"Cost against {b}", "points", "points", x=COLUMN[b], y="extra_mcny",
                  label="point", x_title=f"{TITLE[b].lower()}, {UNIT[b]} a year",
                  y_title="million CNY a year above the least cost"),
        ),
        cautions=tuple(_grid_cautions(grid, points)),
        assumed=_assumed(session.instance, grid.names),
        facts=session.facts(),
    )  # fmt: skip


def _grid_findings(grid: Grid, points: Sequence[Corner]) -> Iterator[str]:
    if not points:
        yield "No plan was found."
        return
    first = points[0]
    last = points[-1]
    solved = sum(c.solved for c in grid.corners.values())
    yield (
        f"{len(points)} plans that no other one found beats in all three; they cost "
        f"{first.cost:,.1f} to {last.cost:,.1f} million CNY a year."
    )
    for k, name in enumerate(grid.names):
        best = min(points, key=lambda c: (c.measures[k], c.cost))
        yield (
            f"{TITLE[name]}: from {grid.sign(k) * first.measures[k]:,.0f} {UNIT[name]} at the "
            f"least cost to {grid.sign(k) * best.measures[k]:,.0f} at {best.cost:,.1f} million CNY."
        )
    yield f"{solved} of {len(grid.corners)} pairs of limits had to be solved."


def _grid_cautions(grid: Grid, points: Sequence[Corner]) -> Iterator[str]:
    for k, name in enumerate(grid.names):
        if len(grid.limits[k]) > 1:
            step = abs(grid.limits[k][1] - grid.limits[k][0])
            yield (
                f"Resolution: between two limits of {name}, {step:,.0f} {UNIT[name]} apart, there "
                "can be plans that are not listed; what is proven holds at the limits."
            )
    wide = [k + 1 for k, c in enumerate(points) if c.gap > grid.session.gap]
    if wide:
        yield f"Not proven to {percent(grid.session.gap)}: points {', '.join(map(str, wide))}."
    yield from grid.failed
