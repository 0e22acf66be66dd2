"""The two maps of a plan: the zones close up, and the whole network, as plotly figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.report.labels import Label, place_labels, plot_text
from optimizer.report.names import shortened
from optimizer.report.numbers import percent, shown
from optimizer.report.outlines import (
    Area,
    Paper,
    Ring,
    at,
    bounds,
    clipped,
    great_circle,
    land,
    prefectures,
)  # fmt: skip
from optimizer.report.palette import (
    BORDER,
    COAST,
    FONTS,
    INK,
    LAND,
    MODE_COLOURS,
    QUIET,
    SEA,
    ZONE,
    faint,
)  # fmt: skip
from optimizer.report.sea_lanes import kilometres, sea_line
from optimizer.report.siting import siting_table

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.report.facts import Facts
    from optimizer.report.words import Words

# Pixels and opacity by class of TEU: the many thin lines must not hide the few thick ones.
WIDTHS = (0.9, 1.8, 3.6, 6.2, 9.5)
OPACITY = (0.5, 0.7, 0.85, 0.85, 0.85)
_PLACE_MARKS = {
    # kind of place: (group in the legend, plotly symbol, colour)
    "dry_port": ("dry_port", "square", "#1c2430"),
    "bonded_facility": ("dry_port", "square", "#1c2430"),
    "sea_port": ("sea_port", "diamond", "#00664b"),
    "airport": ("sea_port", "diamond", "#00664b"),
    "border_crossing": ("border_crossing", "triangle-up", "#a34700"),
}
FAR_KINDS = ("market", "supplier", "origin", "rival")
Frame = tuple[float, float, float, float]  # west, south, east, north on paper
# The views of the network: pixels of a wide page and of a phone, which labels are measured for.
FAR_PIXELS = {"wide": 760.0, "narrow": 350.0}
NEAR_PIXELS_PER_UNIT = 80.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the zones' goods use between two places by one mode, both directions together."""

    start: str
    end: str
    mode: str
    teu: float
    km: float


def stretches(facts: Facts) -> list[Stretch]:
    """Return the stretches that the zones' goods use, the thinnest first."""
    teu: dict[tuple[str, str, str], float] = {}
    km: dict[tuple[str, str, str], float] = {}
    arcs, legs = facts.arcs, facts.zone_legs
    load = np.bincount(
        legs["arc_number"].to_numpy(), weights=legs["teu"].to_numpy(), minlength=len(arcs)
    )
    columns = ("table", "from_id", "to_id", "mode", "km")
    for amount, table, start, end, mode, length in zip(
        load, *(arcs[c] for c in columns), strict=True
    ):
        if table == "links":
            key = (*sorted((start, end)), mode)
            teu[key] = teu.get(key, 0.0) + float(amount)
            km[key] = float(length)
    found = [Stretch(*key, amount, km[key]) for key, amount in teu.items() if amount > 0]
    return sorted(found, key=lambda s: (s.teu, s.start, s.end, s.mode))


def map_figures(facts: Facts, words: Words) -> dict[str, dict[str, Any]]:
    """Return the figures ``map_near`` and ``map_far``, and in ``notes`` what their captions say."""
    siting = siting_table(facts)
    used = stretches(facts)
    zones = [at(facts.places[z]) for z in facts.zones]
    areas = prefectures(zones)
    return {
        "map_near": _near(facts, words, siting, used, areas),
        "map_far": _far(facts, words, siting, used, areas),
    }


def widest_teu(facts: Facts) -> float:
    """Return the TEU a year of the widest line; 0 where no goods move."""
    return max((s.teu for s in stretches(facts)), default=0.0)


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the maps' legend."""

    shape: str  # line, circle, ring, square, diamond or triangle
    colour: str
    text: str


def legend(facts: Facts, words: Words) -> list[Key]:
    """Return the legend of both maps: the modes in use, then the kinds of places."""
    used = stretches(facts)
    modes = {s.mode for s in used}
    kinds = {str(facts.places[p]["kind"]) for s in used for p in (s.start, s.end)}
    keys = [
        Key("line", colour, words.of("mode", mode))
        for mode, colour in MODE_COLOURS.items()
        if mode in modes
    ]
    chosen = {m.zone_id for m in facts.plan.moves}
    if chosen:
        keys.append(Key("circle", ZONE, words("map.zone")))
    if set(facts.plan.open_zones) - chosen:
        keys.append(Key("ring", ZONE, words("map.open_empty")))
    if set(facts.zones) - chosen - set(facts.plan.open_zones):
        keys.append(Key("ring", QUIET, words("map.candidate")))
    shapes = {"square": "square", "diamond": "diamond", "triangle-up": "triangle"}
    seen: set[str] = set()
    for kind, (group, symbol, colour) in _PLACE_MARKS.items():
        if kind in kinds and group not in seen:
            seen.add(group)
            keys.append(Key(shapes[symbol], colour, words(f"map.{group}")))
    if kinds & set(FAR_KINDS):
        keys.append(Key("ring", INK, words("map.far_place")))
    return keys


def _near(
    facts: Facts,
    words: Words,
    siting: pd.DataFrame,
    used: Sequence[Stretch],
    areas: tuple[Area, ...],
) -> dict[str, Any]:
    zones = [at(facts.places[z]) for z in facts.zones]
    outline = [p for a in areas for r in a.rings for p in r] or zones
    west, south, east, north = bounds(outline)
    margin = 0.25 if areas else 0.6
    paper = Paper((south + north) / 2)
    frame = (
        paper.x(west - margin), south - margin, paper.x(east + margin), north + margin,
    )  # fmt: skip
    coast = clipped(land(), (west - 15, south - 12, east + 15, north + 12))
    traces = [*_ground(paper, coast, areas), *_lines(facts, words, paper, used)]
    traces += _places(facts, words, paper, used)
    traces += _zones(facts, words, paper, siting, largest_px=46)
    traces.append(_near_labels(facts, paper, siting, areas, used, frame))
    return _figure(traces, frame, height=620, narrow_height=560)


def _far(
    facts: Facts,
    words: Words,
    siting: pd.DataFrame,
    used: Sequence[Stretch],
    areas: tuple[Area, ...],
) -> dict[str, Any]:
    ends = {p for s in used for p in (s.start, s.end)} | set(facts.zones)
    points = [at(facts.places[p]) for p in ends]
    shown_points = [p for p in points if -15 <= p[0] <= 152 and p[1] >= -15] or points
    west, south, east, north = bounds(shown_points)
    paper = Paper(35.0)
    frame = (
        paper.x(max(west - 6, -16)), max(south - 5, -18), paper.x(min(east + 8, 156)),
        min(north + 7, 70),
    )  # fmt: skip
    traces = [*_ground(paper, land(), areas, thin=True), *_lines(facts, words, paper, used)]
    traces += _places(facts, words, paper, used, far_ends=True)
    traces += _zones(facts, words, paper, siting, largest_px=16)
    for view in ("wide", "narrow"):
        traces.append(_far_labels(facts, paper, used, frame, view))
    figure = _figure(traces, frame, height=620, narrow_height=400)
    figure["narrow"]["hide"] = [len(traces) - 2]
    figure["wide"] = {"hide": [len(traces) - 1]}
    return figure


def _figure(
    traces: list[dict[str, Any]], frame: Frame, *, height: int, narrow_height: int
) -> dict[str, Any]:
    west, south, east, north = frame
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    layout = {
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "white",
        "plot_bgcolor": SEA,
        "font": {"family": FONTS, "size": 12, "color": INK},
        "dragmode": "pan",
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"size": 12, "color": INK}},
        "xaxis": {**axis, "range": [west, east], "constrain": "range"},
        "yaxis": {**axis, "range": [south, north], "scaleanchor": "x", "constrain": "range"},
        "showlegend": False,
    }  # fmt: skip
    return {"data": traces, "layout": layout, "narrow": {"layout": {"height": narrow_height}}}


def _joined(
    paper: Paper, lines: Sequence[Sequence[tuple[float, float]]]
) -> tuple[list[Any], list[Any]]:
    """Return x and y of several lines in one trace, parted by gaps."""
    x: list[Any] = []
    y: list[Any] = []
    for line in lines:
        one_x, one_y = paper.line(line)
        x += [*one_x, None]
        y += [*one_y, None]
    return x[:-1], y[:-1]


def _ground(
    paper: Paper, coast: Sequence[Ring], areas: tuple[Area, ...], *, thin: bool = False
) -> list[dict[str, Any]]:
    """Land with its coast, and the prefectures of the host province. No other borders."""
    x, y = _joined(paper, coast)
    quiet = {"mode": "lines", "hoverinfo": "skip", "type": "scatter"}
    traces = [
        {
            **quiet, "x": x, "y": y, "fill": "toself", "fillcolor": LAND,
            "line": {"color": COAST, "width": 0.8},
        }
    ]  # fmt: skip
    rings = [ring for area in areas for ring in area.rings]
    if rings:
        x, y = _joined(paper, rings)
        fill = "rgba(255,255,255,0.85)" if not thin else "rgba(123,50,148,0.10)"
        traces.append(
            {
                **quiet, "x": x, "y": y, "fill": "toself", "fillcolor": fill,
                "line": {"color": BORDER, "width": 0.4 if thin else 1.0},
            }
        )  # fmt: skip
    return traces


def _course(facts: Facts, stretch: Stretch) -> list[tuple[float, float]]:
    start, end = at(facts.places[stretch.start]), at(facts.places[stretch.end])
    if stretch.mode == "sea":
        return list(sea_line(start, end, stretch.km))
    if kilometres(start, end) < 400:
        return [start, end]
    return great_circle(start, end)


def width_class(teu: float, widest: float) -> int:
    """Return the class of a line's width, 0 to 4, by the square root of its share of the widest."""
    return min(len(WIDTHS) - 1, int(len(WIDTHS) * math.sqrt(teu / widest))) if widest > 0 else 0


def _lines(
    facts: Facts, words: Words, paper: Paper, used: Sequence[Stretch]
) -> list[dict[str, Any]]:
    """One trace per mode and width, thin ones first, and a dot at each middle for the hover."""
    widest = max((s.teu for s in used), default=0.0)
    groups: dict[tuple[str, int], list[Stretch]] = {}
    for stretch in used:
        key = (stretch.mode, width_class(stretch.teu, widest))
        groups.setdefault(key, []).append(stretch)
    traces = []
    order = {mode: n for n, mode in enumerate(MODE_COLOURS)}
    for mode, size in sorted(groups, key=lambda k: (k[1], order.get(k[0], 99))):
        members = groups[mode, size]
        courses = [_course(facts, s) for s in members]
        x, y = _joined(paper, courses)
        colour = MODE_COLOURS.get(mode, QUIET)
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip",
                "line": {"color": colour, "width": WIDTHS[size]}, "opacity": OPACITY[size],
            }
        )  # fmt: skip
        middles = [_middle(course) for course in courses]
        traces.append(
            {
                "type": "scatter", "mode": "markers",
                "x": [paper.x(p[0]) for p in middles], "y": [round(p[1], 4) for p in middles],
                "marker": {"size": 12, "color": colour, "opacity": 0},
                "text": [_stretch_text(facts, words, s) for s in members],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def _middle(course: Sequence[tuple[float, float]]) -> tuple[float, float]:
    if len(course) % 2:
        return course[len(course) // 2]
    a, b = course[len(course) // 2 - 1], course[len(course) // 2]
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _stretch_text(facts: Facts, words: Words, stretch: Stretch) -> str:
    ends = (facts.names.both("place", p) for p in (stretch.start, stretch.end))
    title = plot_text(" – ".join(ends))
    amount = words("map.teu", teu=shown(stretch.teu))
    mode = words.of("mode", stretch.mode)
    return f"<b>{title}</b><br>{mode}, {shown(stretch.km)} km<br>{amount}"


def _load(used: Sequence[Stretch]) -> dict[str, float]:
    """Return TEU that starts, ends or passes at each place, passing counted once."""
    load: dict[str, float] = {}
    for stretch in used:
        for place in (stretch.start, stretch.end):
            load[place] = load.get(place, 0.0) + stretch.teu
    return load


def _places(
    facts: Facts, words: Words, paper: Paper, used: Sequence[Stretch], *, far_ends: bool = False
) -> list[dict[str, Any]]:
    """Dry ports, ports, crossings in use; with ``far_ends`` also markets, suppliers, origins."""
    groups: dict[str, list[str]] = {}
    for place in _load(used):
        kind = str(facts.places[place]["kind"])
        if kind in _PLACE_MARKS:
            groups.setdefault(_PLACE_MARKS[kind][0], []).append(place)
        elif far_ends and kind in FAR_KINDS:
            groups.setdefault("far_place", []).append(place)
    marks = {group: (symbol, colour) for group, symbol, colour in _PLACE_MARKS.values()}
    marks["far_place"] = ("circle", "#ffffff")
    traces = []
    for group, (symbol, colour) in marks.items():
        members = sorted(groups.get(group, []))
        if not members:
            continue
        points = [at(facts.places[p]) for p in members]
        edge = INK if group == "far_place" else "white"
        traces.append(
            {
                "type": "scatter", "mode": "markers",
                "x": [paper.x(p[0]) for p in points], "y": [round(p[1], 4) for p in points],
                "marker": {
                    "symbol": symbol, "size": 7 if group == "far_place" else 10, "color": colour,
                    "line": {"color": edge, "width": 1.2},
                },
                "text": [plot_text(facts.names.both("place", p)) for p in members],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def _zones(
    facts: Facts, words: Words, paper: Paper, siting: pd.DataFrame, *, largest_px: float
) -> list[dict[str, Any]]:
    """Circles by what zones take; rings for open zones and candidates that take nothing."""
    taking = siting[siting["absorbed_mcny"] > 0]
    largest = float(taking["absorbed_mcny"].max()) if len(taking) else 1.0
    chosen = set(taking["zone_id"])
    empty = [z for z in siting["zone_id"] if z not in chosen]
    rest = [z for z in facts.zones if z not in chosen and z not in set(empty)]
    base = {"type": "scatter", "mode": "markers", "hovertemplate": "%{text}<extra></extra>"}
    traces: list[dict[str, Any]] = []
    for members, colour in ((rest, QUIET), (empty, ZONE)):
        if members:
            points = [at(facts.places[z]) for z in members]
            size = 6 if largest_px > 20 else 3
            traces.append(
                {
                    **base,
                    "x": [paper.x(p[0]) for p in points], "y": [round(p[1], 4) for p in points],
                    "marker": {
                        "size": size, "color": "rgba(255,255,255,0.7)",
                        "line": {"color": colour, "width": 1.3},
                    },
                    "text": [plot_text(facts.names.both("place", z)) for z in members],
                }
            )  # fmt: skip
    if len(taking):
        points = [at(facts.places[z]) for z in taking["zone_id"]]
        traces.append(
            {
                **base,
                "x": [paper.x(p[0]) for p in points], "y": [round(p[1], 4) for p in points],
                "marker": {
                    "size": [circle_px(v, largest, largest_px) for v in taking["absorbed_mcny"]],
                    "color": faint(ZONE, 0.55), "line": {"color": "white", "width": 1},
                },
                "text": [_zone_text(words, row) for row in taking.to_dict("records")],
            }
        )  # fmt: skip
    return traces


def circle_px(value: float, largest: float, largest_px: float) -> float:
    """Return the diameter whose area is proportional to the value, never too small to see."""
    return round(max(largest_px * math.sqrt(value / largest), largest_px * 0.16), 1)


def _zone_text(words: Words, row: dict[Any, Any]) -> str:
    lines = [
        f"<b>{plot_text(row['zone'])} {plot_text(row['zone_zh'])}</b>",
        f"{words('column.absorbed_mcny')}: {shown(row['absorbed_mcny'])}"
        f" ({percent(row['absorbed_share'])})",
        *(plot_text(part) for part in str(row["industries"]).split("; ")),
        f"{words('column.jobs_persons')}: {shown(row['jobs_persons'])}",
        f"{words('column.cost_mcny')}: {shown(row['cost_mcny'])}",
    ]
    return "<br>".join(lines)


def _label_trace(placed: Sequence[Any], size: int, quiet: Sequence[bool]) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers+text", "hoverinfo": "skip",
        "x": [p.label.x for p in placed], "y": [p.label.y for p in placed],
        "text": [p.label.text for p in placed],
        "textposition": [p.side for p in placed],
        # Unseen marks as large as what is labelled: plotly sets texts off by the mark's size.
        "marker": {"size": [round(2.2 * p.label.radius_px, 1) for p in placed], "opacity": 0},
        "textfont": {
            "size": size, "color": [QUIET if q else INK for q in quiet],
            "shadow": "1px 0 2px #fff, -1px 0 2px #fff, 0 1px 2px #fff, 0 -1px 2px #fff",
        },
    }  # fmt: skip


def _near_labels(
    facts: Facts,
    paper: Paper,
    siting: pd.DataFrame,
    areas: tuple[Area, ...],
    used: Sequence[Stretch],
    frame: Frame,
) -> dict[str, Any]:
    """Names of the largest zones, then dry ports, then prefectures, as far as there is room."""
    scale = NEAR_PIXELS_PER_UNIT
    largest = float(siting["absorbed_mcny"].max()) if len(siting) else 1.0
    marks, wanted = [], []
    for row in siting.to_dict("records"):
        if row["absorbed_mcny"] <= 0:
            continue
        lon, lat = at(facts.places[row["zone_id"]])
        radius = circle_px(row["absorbed_mcny"], largest, 46) / 2
        marks.append((paper.x(lon), lat, radius * 0.6))
        names = _short(f"{row['rank']} {row['zone']}", row["zone_zh"])
        text = "<br>".join(plot_text(t) for t in names)
        wanted.append(Label(paper.x(lon), round(lat, 4), text, radius * 0.75, over_marks=True))
    load = _load(used)
    ports = [p for p in load if str(facts.places[p]["kind"]) in ("dry_port", "bonded_facility")]
    for place in sorted(ports, key=lambda p: -load[p]):
        lon, lat = at(facts.places[place])
        marks.append((paper.x(lon), lat, 4))
        names = _short(facts.names.en("place", place), facts.names.zh("place", place))
        wanted.append(
            Label(paper.x(lon), round(lat, 4), "<br>".join(plot_text(t) for t in names), 5)
        )
    quiet_from = len(wanted)
    for area in areas:
        text = f"<i>{plot_text(area.name)} {plot_text(area.name_zh)}</i>"
        where = (paper.x(area.centre[0]), area.centre[1])
        wanted.append(Label(*where, text, 0, ("top center", "bottom center")))
    placed = place_labels(wanted, scale, 11, frame, marks)
    late = {id(label) for label in wanted[quiet_from:]}
    return _label_trace(placed, 11, [id(p.label) in late for p in placed])


def _short(english: str, chinese: str) -> list[str]:
    """Return the lines of a map label: a long English name is broken once, in its middle."""
    english, chinese = shortened(english), shortened(chinese)
    lines = [english]
    if len(english) > 22 and " " in english:
        spaces = [i for i, c in enumerate(english) if c == " "]
        middle = min(spaces, key=lambda i: abs(i - len(english) / 2))
        lines = [english[:middle], english[middle + 1 :]]
    return [*lines, chinese] if chinese else lines


def _far_labels(
    facts: Facts, paper: Paper, used: Sequence[Stretch], frame: Frame, view: str
) -> dict[str, Any]:
    """Names of ports, crossings and far ends, the busiest first."""
    load = _load(used)
    kinds = ("sea_port", "border_crossing", "market", "supplier", "origin", "airport")
    members = [p for p in load if str(facts.places[p]["kind"]) in kinds]
    scale = FAR_PIXELS[view] / (frame[2] - frame[0])
    font = 12 if view == "wide" else 10
    labels = []
    gates = ("sea_port", "border_crossing")  # what the answer asks for comes first
    weight = {p: load[p] * (4 if facts.places[p]["kind"] in gates else 1) for p in members}
    for place in sorted(members, key=lambda p: (-weight[p], p)):
        lon, lat = at(facts.places[place])
        names = [shortened(facts.names.en("place", place))]
        if view == "wide" and facts.names.zh("place", place):
            names.append(shortened(facts.names.zh("place", place)))
        text = " ".join(plot_text(n) for n in names)
        labels.append(Label(paper.x(lon), round(lat, 4), text, 5))
    if view == "narrow":
        labels = labels[:8]
    marks = [(label.x, label.y, 4.0) for label in labels]
    placed = place_labels(labels, scale, font, frame, marks)
    return _label_trace(placed, font, [False] * len(placed))
