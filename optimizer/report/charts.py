"""The charts of a plan besides the maps: bars by component and industry, two Sankeys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from optimizer.report.names import ids
from optimizer.report.numbers import shown
from optimizer.report.palette import FATE_COLOURS, FONTS, INK, MODE_COLOURS, QUIET, ZONE, faint

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.report.facts import Facts
    from optimizer.report.words import Words

_FATES = ("moved", "rival", "stayed")
MOST_ZONES = 10  # named in a Sankey; the rest is one node
MOST_ENDS = 9


def chart_figures(
    facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words
) -> dict[str, dict[str, Any]]:
    """Return the figures components, industries, who, goods; those with nothing to draw are missing."""
    figures = {
        "components": components_bars(tables["components"], words),
        "industries": industries_bars(tables["industries"], words),
        "who": who_sankey(facts, words),
        "goods": goods_sankey(facts, tables["flows"], words),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


def _bars(
    labels: list[str],
    series: Mapping[str, list[float]],
    words: Words,
    *,
    unit: str,
) -> dict[str, Any]:
    """Return horizontal stacked bars, the first label on top."""
    traces = []
    for name, values in series.items():
        if not any(values):
            continue
        word = words(f"host.{name}")
        traces.append(
            {
                "type": "bar", "orientation": "h", "name": word, "y": labels, "x": values,
                "marker": {"color": FATE_COLOURS[name]},
                "text": [f"{label}<br>{word}: {shown(v)} {unit}" for label, v in zip(labels, values, strict=True)],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
            }
        )  # fmt: skip
    height = 60 + 26 * len(labels)
    layout = {
        "barmode": "relative", "height": height, "bargap": 0.28,
        "margin": {"l": 8, "r": 16, "t": 30, "b": 34},
        "paper_bgcolor": "white", "plot_bgcolor": "white",
        "font": {"family": FONTS, "size": 13, "color": INK},
        "dragmode": False,
        "xaxis": {
            "gridcolor": "#e3e6ea", "zerolinecolor": INK, "zerolinewidth": 1, "fixedrange": True,
            "tickformat": ",~r", "ticksuffix": "", "nticks": 8,
        },
        "yaxis": {"autorange": "reversed", "automargin": True, "fixedrange": True, "ticksuffix": "  "},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
    }  # fmt: skip
    narrow = {
        "layout": {"font.size": 11, "xaxis.nticks": 4, "margin.r": 8, "height": 80 + 25 * len(labels)}
    }  # fmt: skip
    return {"data": traces, "layout": layout, "narrow": narrow}


def components_bars(components: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return cost by component as bars, the largest on top, negative ones to the left."""
    frame = components[components["total_mcny"] != 0]
    frame = frame.sort_values("total_mcny", ascending=False, kind="stable")
    if not len(frame):
        return None
    labels = [words.of("component", c) for c in frame["component"]]
    series = {f: [float(v) for v in frame[f"{f}_mcny"]] for f in (*_FATES, "common")}
    return _bars(labels, series, words, unit=words("unit.mcny_year"))


def industries_bars(industries: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return relocatable output by industry as bars: moved, won by rivals, stayed."""
    frame = industries[industries["relocatable_mcny"] > 0]
    if not len(frame):
        return None
    labels = [
        f"{_cut(en, 34)}<br>{zh}" if zh else _cut(en, 34)
        for en, zh in zip(frame["industry"], frame["industry_zh"], strict=True)
    ]
    series = {f: [float(v) for v in frame[f"{f}_mcny"]] for f in _FATES}
    figure = _bars(labels, series, words, unit=words("unit.mcny_year"))
    figure["layout"]["height"] = 60 + 38 * len(labels)
    figure["narrow"]["layout"]["height"] = 80 + 36 * len(labels)
    return figure


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


class _Sankey:
    """Nodes by (column, id) and links between them, added up."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.label: dict[tuple[int, str], str] = {}
        self.colour: dict[tuple[int, str], str] = {}
        self.links: dict[tuple[tuple[int, str], tuple[int, str], str], float] = {}

    def node(self, column: int, key: str, label: str, colour: str) -> tuple[int, str]:
        self.label.setdefault((column, key), label)
        self.colour.setdefault((column, key), colour)
        return column, key

    def link(self, start: tuple[int, str], end: tuple[int, str], value: float, colour: str) -> None:
        key = (start, end, colour)
        self.links[key] = self.links.get(key, 0.0) + value

    def figure(self, unit: str, *, width: int, least_height: int) -> dict[str, Any]:
        nodes = list(self.label)
        number = {node: n for n, node in enumerate(nodes)}
        size = {n: self._size(n) for n in nodes}
        per_column = [sum(1 for c, _ in nodes if c == k) for k in range(self.columns)]
        height = max(least_height, 34 * max(per_column, default=1) + 40)
        return {
            "data": [
                {
                    "type": "sankey", "arrangement": "snap", "valueformat": ",.4~r",
                    "valuesuffix": f" {unit}",
                    "node": {
                        "label": [f"{self.label[n]}  {shown(size[n], 3)}" for n in nodes],
                        "color": [self.colour[n] for n in nodes],
                        "customdata": [f"<b>{self.label[n]}</b><br>{shown(size[n])} {unit}" for n in nodes],
                        "hovertemplate": "%{customdata}<extra></extra>",
                        "pad": 14, "thickness": 14, "line": {"width": 0},
                        "x": [_spread(c, self.columns) for c, _ in nodes],
                        "y": self._heights(nodes, size),
                    },
                    "link": {
                        "source": [number[s] for s, _, _ in self.links],
                        "target": [number[t] for _, t, _ in self.links],
                        "value": list(self.links.values()),
                        "color": [colour for _, _, colour in self.links],
                        "customdata": [
                            f"{self.label[s]} → {self.label[t]}<br>{shown(v)} {unit}"
                            for (s, t, _), v in self.links.items()
                        ],
                        "hovertemplate": "%{customdata}<extra></extra>",
                    },
                }
            ],
            "layout": {
                "height": height, "margin": {"l": 4, "r": 4, "t": 10, "b": 10},
                "paper_bgcolor": "white", "font": {"family": FONTS, "size": 12, "color": INK},
                "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
            },
            "narrow": {"layout": {}},
            "least_width": width,
        }  # fmt: skip

    def _size(self, node: tuple[int, str]) -> float:
        out = sum(v for (s, _, _), v in self.links.items() if s == node)
        back = sum(v for (_, t, _), v in self.links.items() if t == node)
        return max(out, back)

    def _heights(
        self, nodes: Iterable[tuple[int, str]], size: Mapping[tuple[int, str], float]
    ) -> list[float]:
        """Return the centre of each node from the top, in the order in which nodes were added."""
        totals = [0.0] * self.columns
        counts = [0] * self.columns
        for column, key in nodes:
            totals[column] += size[column, key]
            counts[column] += 1
        largest = max(totals, default=1.0) or 1.0
        gap = 0.5 / max(max(counts, default=1), 1)
        done = [
            (1 - totals[c] / largest * 0.5 - gap * (counts[c] - 1)) / 2 for c in range(self.columns)
        ]
        centres = []
        for column, key in nodes:
            share = size[column, key] / largest * 0.5
            centres.append(round(min(max(done[column] + share / 2, 0.001), 0.999), 4))
            done[column] += share + gap
        return centres


def _spread(column: int, columns: int) -> float:
    return round(min(max(column / (columns - 1), 0.001), 0.999), 4)


def who_sankey(facts: Facts, words: Words) -> dict[str, Any] | None:
    """Return origins → industries → zones, rivals, staying; million CNY of output a year."""
    rows = [
        (m.origin_id, m.industry_id, "moved", m.zone_id, m.output_mcny) for m in facts.plan.moves
    ]
    rows += [(o, i, "rival", r, v) for o, i, r, v in facts.plan.rivals]
    rows += [(o, i, "stayed", "", v) for o, i, v in facts.plan.stays]
    rows = [r for r in rows if r[4] > 0]
    if not rows:
        return None
    named = _largest(((r[3], r[4]) for r in rows if r[2] == "moved"), MOST_ZONES)
    rivals = _largest(((r[3], r[4]) for r in rows if r[2] == "rival"), 8)
    origins = _largest(((r[0], r[4]) for r in rows), 14)
    chart = _Sankey(3)
    names = facts.names
    by_origin = sorted(rows, key=lambda r: (_rank(origins, r[0]), r[0]))
    for origin, *_ in by_origin:
        _end(
            chart, 0, origin, origins, names.both("origin", origin), words("goods.other"), "#44546a"
        )
    for industry in _largest(((r[1], r[4]) for r in rows), 99):
        chart.node(1, industry, _two(facts, "industry", industry), "#2f6f6f")
    for zone in named:
        chart.node(2, zone, _two(facts, "place", zone), FATE_COLOURS["moved"])
    for origin, industry, fate, host, value in sorted(rows, key=lambda r: _FATES.index(r[2])):
        start = _end(
            chart, 0, origin, origins, names.both("origin", origin), words("goods.other"), "#44546a"
        )
        middle = (1, industry)
        colour = FATE_COLOURS[fate]
        if fate == "moved":
            end = _end(
                chart,
                2,
                host,
                named,
                _two(facts, "place", host),
                words("goods.other_zones"),
                colour,
            )
        elif fate == "rival":
            end = _end(
                chart,
                2,
                host,
                rivals,
                _two(facts, "place", host),
                words("goods.other_rivals"),
                colour,
                "r:",
            )
        else:
            end = chart.node(2, "@stay", words("goods.stays"), colour)
        chart.link(start, middle, value, faint(colour, 0.35))
        chart.link(middle, end, value, faint(colour, 0.35))
    return chart.figure(words("unit.mcny_year"), width=720, least_height=520)  # fmt: skip


def _two(facts: Facts, what: str, key: str) -> str:
    """Return a short label: English cut, Chinese whole."""
    return f"{_cut(facts.names.en(what, key), 30)} {facts.names.zh(what, key)}".strip()


def _largest(pairs: Iterable[tuple[str, float]], most: int) -> list[str]:
    sums: dict[str, float] = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0.0) + value
    return sorted(sums, key=lambda k: (-sums[k], k))[:most]


def _rank(order: list[str], key: str) -> int:
    return order.index(key) if key in order else len(order)


def _end(
    chart: _Sankey,
    column: int,
    key: str,
    named: list[str],
    label: str,
    other: str,
    colour: str,
    prefix: str = "",
) -> tuple[int, str]:
    """Return the node of a key, or the node of all that are not named."""
    if key in named:
        return chart.node(column, prefix + key, label, colour)
    return chart.node(column, f"{prefix}@other", other, colour)


def goods_sankey(facts: Facts, flows: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return sources → gateways → zones → gateways → markets, TEU a year of the zones' goods."""
    chosen = flows[(flows["host_kind"] == "zone") & (flows["place_id"] != "@local")]
    chosen = chosen[chosen["teu"] > 0].sort_values("teu", ascending=False, kind="stable")
    if not len(chosen):
        return None
    zones = _largest(zip(chosen["host_id"], chosen["teu"], strict=True), MOST_ZONES)
    ends = {
        way: _largest(
            ((p, t) for p, t, d in zip(chosen["place_id"], chosen["teu"], chosen["direction"], strict=True) if d == way),
            MOST_ENDS,
        )
        for way in ("in", "out")
    }  # fmt: skip
    chart = _Sankey(5)
    for zone in zones:
        chart.node(2, zone, _two(facts, "place", zone), ZONE)
    columns = {"in": (0, 1, 2), "out": (4, 3, 2)}
    records = chosen.groupby(
        ["direction", "place_id", "gateway_id", "modes", "host_id"], sort=False
    )["teu"].sum()
    for (way, place, gateway, modes, zone), teu in records.items():
        far, between, here = columns[way]
        end = _end(
            chart, far, place, ends[way], _two(facts, "place", place), words("goods.other"), QUIET
        )
        colour = _colour(modes)
        if gateway:
            gate = chart.node(between, gateway, _two(facts, "place", gateway), "#1c2430")
        else:
            main = _main_mode(modes)
            label = (
                words("goods.inland", modes=words.of("mode", main))
                if main
                else words("goods.direct")
            )
            gate = chart.node(between, f"@{main}", label, "#1c2430")
        host = _end(
            chart, here, zone, zones, _two(facts, "place", zone), words("goods.other_zones"), ZONE
        )
        chain = (end, gate, host) if way == "in" else (host, gate, end)
        chart.link(chain[0], chain[1], float(teu), faint(colour, 0.4))
        chart.link(chain[1], chain[2], float(teu), faint(colour, 0.4))
    return chart.figure("TEU/a", width=980, least_height=560)  # fmt: skip


def _main_mode(modes: str) -> str:
    """Return the mode that a route is known by: the rarer one where there are several."""
    present = ids(modes)
    order = ("air", "block_train", "rail_broad", "barge", "rail", "sea", "road")
    return next((m for m in order if m in present), "")


def _colour(modes: str) -> str:
    return MODE_COLOURS.get(_main_mode(modes), MODE_COLOURS["road"])
