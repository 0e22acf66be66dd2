"""Charts of chapters as plotly figures: lines, points, bars, ranges, waterfalls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optimizer.report.chapter import Chapter, Chart
from optimizer.report.labels import plot_text
from optimizer.report.numbers import shown
from optimizer.report.palette import FONTS, INK, QUIET

COLOURS = ("#0b5394", "#d55e00", "#009e73", "#7b3294", "#e69f00", "#56b4e9", "#6b6b6b", "#cc79a7")
UP, DOWN, TOTAL = "#d55e00", "#009e73", "#0b5394"
ROW_PX = 26


def chart_figure(chapter: Chapter, chart: Chart) -> dict[str, Any] | None:
    """Return the figure of a chart; None where no row has numbers to draw."""
    rows = [r for r in chapter.table(chart.table).rows if _drawable(r, chart)]
    if not rows:
        return None
    make = {
        "line": _lines, "steps": _lines, "points": _lines,
        "bars": _bars, "ranges": _ranges, "waterfall": _waterfall,
    }[chart.kind]  # fmt: skip
    traces, layout = make(rows, chart)
    return {
        "data": traces,
        "layout": _layout(chart) | layout,
        "narrow": {"layout": {"font.size": 11}},
    }


def _drawable(row: Mapping[str, Any], chart: Chart) -> bool:
    names = [n for n in (chart.y, chart.low, chart.high, *chart.errors) if n]
    if chart.kind in ("line", "steps", "points"):
        names.append(chart.x)
    return all(isinstance(row[n], int | float) and math.isfinite(row[n]) for n in names)


def _layout(chart: Chart) -> dict[str, Any]:
    axis = {
        "gridcolor": "#e3e6ea",
        "zerolinecolor": "#9aa2ad",
        "fixedrange": True,
        "automargin": True,
    }
    return {
        "height": 400, "margin": {"l": 60, "r": 20, "t": 40, "b": 50},
        "paper_bgcolor": "white", "plot_bgcolor": "white",
        "font": {"family": FONTS, "size": 13, "color": INK}, "dragmode": False,
        "xaxis": axis | {"title": {"text": plot_text(chart.x_title)}},
        "yaxis": axis | {"title": {"text": plot_text(chart.y_title)}},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
    }  # fmt: skip


def _lines(rows: Sequence[Mapping[str, Any]], chart: Chart) -> tuple[list[Any], dict[str, Any]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row[chart.series]) if chart.series else "", []).append(row)
    traces = []
    mode = "markers" if chart.kind == "points" else "lines+markers"
    for number, (name, members) in enumerate(groups.items()):
        texts = [plot_text(str(r[chart.label])) if chart.label else "" for r in members]
        hovers = [
            "<br>".join(
                p for p in (plot_text(name), text, f"{shown(r[chart.x])}: {shown(r[chart.y])}") if p
            )
            for r, text in zip(members, texts, strict=True)
        ]
        trace: dict[str, Any] = {
            "type": "scatter", "mode": mode, "name": plot_text(name), "showlegend": bool(name),
            "x": [float(r[chart.x]) for r in members], "y": [float(r[chart.y]) for r in members],
            "marker": {"size": 7, "color": COLOURS[number % len(COLOURS)]},
            "line": {"width": 2, "color": COLOURS[number % len(COLOURS)],
                     "shape": "hv" if chart.kind == "steps" else "linear"},
            "customdata": hovers, "hovertemplate": "%{customdata}<extra></extra>",
        }  # fmt: skip
        if chart.label and len(members) <= 25:
            trace |= {"mode": mode + "+text", "text": texts, "textposition": "top center",
                      "textfont": {"size": 11}, "cliponaxis": False}  # fmt: skip
        traces.append(trace)
    marks: dict[str, Any] = {
        "shapes": [
            {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
             "line": {"color": QUIET, "dash": "dot", "width": 1.5}}
            for x, _ in chart.marks
        ],
        "annotations": [
            {"x": x, "yref": "paper", "y": 1, "yanchor": "bottom", "text": plot_text(word),
             "showarrow": False, "font": {"size": 12, "color": QUIET}}
            for x, word in chart.marks
        ],
    }  # fmt: skip
    return traces, marks


def _names(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    """Return texts of rows for an axis; equal ones are told apart by unseen spaces."""
    seen: dict[str, int] = {}
    names = []
    for row in rows:
        text = plot_text(str(row[column]))
        text = text if len(text) <= 46 else text[:45] + "…"
        seen[text] = seen.get(text, -1) + 1
        names.append(text + "\u200b" * seen[text])
    return names


def _flat(names: Sequence[str]) -> dict[str, Any]:
    """Return the layout of horizontal bars, the first row on top."""
    unique = list(dict.fromkeys(names))
    return {
        "height": 90 + ROW_PX * len(names),
        "yaxis": {"autorange": "reversed", "automargin": True, "fixedrange": True,
                  "ticksuffix": " ", "categoryorder": "array", "categoryarray": unique,
                  "tickmode": "array", "tickvals": unique},
        "bargap": 0.28,
    }  # fmt: skip


def _bars(rows: Sequence[Mapping[str, Any]], chart: Chart) -> tuple[list[Any], dict[str, Any]]:
    if not chart.series:
        rows = rows[: chart.most]
        names = _names(rows, chart.x)
        values = [float(r[chart.y]) for r in rows]
        return [_bar(names, values, "", COLOURS[0])], _flat(names)
    groups: dict[str, dict[str, float]] = {}
    order: dict[str, None] = {}
    for row in rows:
        name = _names([row], chart.x)[0]
        order[name] = None
        groups.setdefault(str(row[chart.series]), {})[name] = float(row[chart.y])
    names = list(order)[: chart.most]
    traces = [
        _bar(names, [values.get(n, 0.0) for n in names], group, COLOURS[k % len(COLOURS)])
        for k, (group, values) in enumerate(groups.items())
    ]
    return traces, _flat(names) | {"barmode": "relative"}


def _bar(names: Sequence[str], values: Sequence[float], group: str, colour: str) -> dict[str, Any]:
    hovers = [f"{n}<br>{plot_text(group)} {shown(v)}" for n, v in zip(names, values, strict=True)]
    return {
        "type": "bar", "orientation": "h", "y": list(names), "x": list(values),
        "name": plot_text(group), "showlegend": bool(group), "marker": {"color": colour},
        "text": [shown(v) if not group else "" for v in values], "textposition": "auto",
        "cliponaxis": False,
        "customdata": hovers,
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip


def _ranges(rows: Sequence[Mapping[str, Any]], chart: Chart) -> tuple[list[Any], dict[str, Any]]:
    """Return bars from the base to the near end of a range, and on to its far end.

    Where the base lies inside the range, one bar goes to each side.
    """
    if chart.errors:
        return _tornado(rows, chart)
    rows = rows[: chart.most]
    names = _names(rows, chart.x)
    base = 0.0 if math.isnan(chart.base) else chart.base
    lows, highs = ([float(r[n]) for r in rows] for n in (chart.low, chart.high))
    pairs = list(zip(lows, highs, strict=True))
    starts = {
        chart.low: [high if high < base else base for _, high in pairs],
        chart.high: [low if low > base else base for low, _ in pairs],
    }
    traces = []
    for column, word, values, colour in (
        (chart.low, "proven at least", lows, DOWN), (chart.high, "proven at most", highs, UP),
    ):  # fmt: skip
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": names, "base": starts[column],
                "x": [v - s for v, s in zip(values, starts[column], strict=True)],
                "name": word, "marker": {"color": colour},
                "customdata": [f"{n}<br>{shown(v)}" for n, v in zip(names, values, strict=True)],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )  # fmt: skip
    return traces, _flat(names) | {"barmode": "overlay"}


def _tornado(rows: Sequence[Mapping[str, Any]], chart: Chart) -> tuple[list[Any], dict[str, Any]]:
    """Return a bar from the base to each of two values, with error bars to what is proven."""
    rows = rows[: chart.most]
    names = _names(rows, chart.x)
    base = 0.0 if math.isnan(chart.base) else chart.base
    traces = []
    for column, least, most, colour in (
        (chart.low, *chart.errors[:2], "#56b4e9"), (chart.high, *chart.errors[2:], UP),
    ):  # fmt: skip
        values, lows, highs = ([float(r[n]) for r in rows] for n in (column, least, most))
        word = column.removesuffix("_mcny").replace("_", " ")
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": names, "base": base,
                "x": [v - base for v in values], "name": plot_text(word),
                "marker": {"color": colour},
                "error_x": {
                    "type": "data", "symmetric": False, "thickness": 1.2, "width": 3,
                    "array": [max(0.0, h - v) for v, h in zip(values, highs, strict=True)],
                    "arrayminus": [max(0.0, v - low) for v, low in zip(values, lows, strict=True)],
                    "color": INK,
                },
                "customdata": [
                    f"{n}<br>{shown(v)} (proven {shown(low)} to {shown(high)})"
                    for n, v, low, high in zip(names, values, lows, highs, strict=True)
                ],
                "hovertemplate": "%{customdata}<extra>" + plot_text(word) + "</extra>",
            }
        )  # fmt: skip
    return traces, _flat(names) | {"barmode": "overlay"}


def _waterfall(rows: Sequence[Mapping[str, Any]], chart: Chart) -> tuple[list[Any], dict[str, Any]]:
    """Return steps from the first row (a total) to the last (a total)."""
    names = _names(rows, chart.x)
    values = [float(r[chart.y]) for r in rows]
    measures = ["absolute"] + ["relative"] * (len(rows) - 2) + ["total"] * (len(rows) > 1)
    trace = {
        "type": "waterfall", "orientation": "h", "y": names, "x": values, "measure": measures,
        "increasing": {"marker": {"color": UP}}, "decreasing": {"marker": {"color": DOWN}},
        "totals": {"marker": {"color": TOTAL}}, "text": [shown(v) for v in values],
        "textposition": "outside", "cliponaxis": False, "hoverinfo": "y+text",
    }  # fmt: skip
    layout = _flat(names)
    running, seen = 0.0, []
    for value, measure in zip(values, measures, strict=True):
        running = (
            value if measure == "absolute" else running if measure == "total" else running + value
        )
        seen.append(running)
    room = max(seen) - min(seen)
    if room > 0:
        layout["xaxis"] = {
            "range": [min(seen) - 0.35 * room, max(seen) + 0.35 * room], "fixedrange": True,
            "gridcolor": "#e3e6ea", "title": {"text": plot_text(chart.x_title)},
        }  # fmt: skip
    return [trace], layout
