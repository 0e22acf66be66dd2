"""Bar charts of a plan: cost by component, output by industry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimizer.report.labels import plot_text
from optimizer.report.numbers import shown
from optimizer.report.palette import FATE_COLOURS, FONTS, INK

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.report.words import Words

FATES = ("moved", "rival", "stayed")


def components_bars(components: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return cost by component as bars, the largest on top, negative ones to the left."""
    frame = components[components["total_mcny"] != 0]
    frame = frame.sort_values("total_mcny", ascending=False, kind="stable")
    if not len(frame):
        return None
    labels = [words.of("component", c) for c in frame["component"]]
    series = {f: [float(v) for v in frame[f"{f}_mcny"]] for f in (*FATES, "common")}
    return _bars(labels, series, words, row_px=26)


def industries_bars(industries: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return relocatable output by industry as bars: moved, won by rivals, stayed."""
    frame = industries[industries["relocatable_mcny"] > 0]
    if not len(frame):
        return None
    labels = [
        "<br>".join(f"{plot_text(part)}\u2002" for part in (cut(en, 34), zh) if part)
        for en, zh in zip(frame["industry"], frame["industry_zh"], strict=True)
    ]
    series = {f: [float(v) for v in frame[f"{f}_mcny"]] for f in FATES}
    return _bars(labels, series, words, row_px=38)


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters, with an ellipsis where something is cut off."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _bars(
    labels: list[str], series: Mapping[str, list[float]], words: Words, *, row_px: int
) -> dict[str, Any]:
    """Return horizontal stacked bars, the first label on top, with the total at their end."""
    unit = words("unit.mcny_year")
    traces = [
        _bar(labels, values, words(f"host.{name}"), FATE_COLOURS[name], unit)
        for name, values in series.items()
        if any(values)
    ]
    columns = list(zip(*series.values(), strict=True))
    ends = [sum(v for v in column if v > 0) for column in columns]
    traces.append(
        {
            "type": "scatter", "mode": "text", "x": ends, "y": labels, "hoverinfo": "skip",
            "text": [f"  {shown(sum(column), 3)}" for column in columns],
            "textposition": "middle right", "showlegend": False, "cliponaxis": False,
            "textfont": {"size": 12, "color": INK},
        }
    )  # fmt: skip
    low = min((sum(v for v in column if v < 0) for column in columns), default=0.0)
    high = max(ends, default=0.0)
    height = 66 + row_px * len(labels)
    layout = {
        "barmode": "relative", "height": height, "bargap": 0.28,
        "margin": {"l": 8, "r": 16, "t": 30, "b": 34},
        "paper_bgcolor": "white", "plot_bgcolor": "white",
        "font": {"family": FONTS, "size": 13, "color": INK},
        "dragmode": False,
        "xaxis": {
            "gridcolor": "#e3e6ea", "zerolinecolor": INK, "zerolinewidth": 1, "fixedrange": True,
            "tickformat": ",~r", "nticks": 8, "range": [1.08 * low, 1.12 * high or 1.0],
        },
        "yaxis": {
            "autorange": "reversed", "automargin": True, "fixedrange": True, "ticksuffix": " ",
        },
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
    }  # fmt: skip
    narrow = {
        "font.size": 11, "xaxis.nticks": 4, "margin.r": 8, "height": height + 60, "margin.t": 90,
        "xaxis.range": [1.08 * low, 1.5 * high or 1.0],
    }  # fmt: skip
    return {"data": traces, "layout": layout, "narrow": {"layout": narrow}}


def _bar(
    labels: list[str], values: list[float], name: str, colour: str, unit: str
) -> dict[str, Any]:
    texts = [
        f"{label}<br>{name}: {shown(value)} {unit}"
        for label, value in zip(labels, values, strict=True)
    ]
    return {
        "type": "bar", "orientation": "h", "name": name, "y": labels, "x": values,
        "marker": {"color": colour}, "text": texts, "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
