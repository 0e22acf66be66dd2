"""Two Sankey charts of a plan: who goes where, and what the zones' goods pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optimizer.report.bars import FATES, cut
from optimizer.report.labels import plot_text
from optimizer.report.names import ids, shortened
from optimizer.report.numbers import shown
from optimizer.report.palette import FATE_COLOURS, FONTS, INK, MODE_COLOURS, QUIET, ZONE, faint

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.report.facts import Facts
    from optimizer.report.words import Words

Node = tuple[int, str]  # column from the left, key
MOST_ZONES, MOST_RIVALS, MOST_ORIGINS, MOST_ENDS = 10, 6, 12, 9
ORIGIN, INDUSTRY = "#44546a", "#2f6f6f"
LINK_OPACITY = 0.42
PAD = 14  # pixels between nodes, at least


@dataclass
class Picked:
    """The nodes of one column: the largest keys have their own, the others share one."""

    column: int
    keys: list[str]
    label: Callable[[str], str]
    other: str
    colour: str
    prefix: str = ""


@dataclass
class Chart:
    """Nodes and links, added up as they come."""

    columns: int
    label: dict[Node, str] = field(default_factory=dict)
    colour: dict[Node, str] = field(default_factory=dict)
    links: dict[tuple[Node, Node, str], float] = field(default_factory=dict)

    def node(self, column: int, key: str, label: str, colour: str) -> Node:
        """Return a node, made where it is new."""
        self.label.setdefault((column, key), label)
        self.colour.setdefault((column, key), colour)
        return column, key

    def pick(self, among: Picked, key: str) -> Node:
        """Return the node of a key, or the node of all that have none of their own."""
        if key in among.keys:
            name = among.prefix + key
            return self.node(among.column, name, among.label(key), among.colour)
        return self.node(among.column, f"{among.prefix}@other", among.other, among.colour)

    def prepare(self, among: Picked) -> None:
        """Make the nodes of a column in their order, so that the largest is on top."""
        for key in among.keys:
            self.pick(among, key)

    def link(self, start: Node, end: Node, value: float, colour: str) -> None:
        """Add an amount to a link."""
        key = (start, end, faint(colour, LINK_OPACITY))
        self.links[key] = self.links.get(key, 0.0) + value

    def sizes(self) -> dict[Node, float]:
        """Return the larger of what enters and what leaves each node."""
        out = dict.fromkeys(self.label, 0.0)
        back = dict.fromkeys(self.label, 0.0)
        for (start, end, _), value in self.links.items():
            out[start] += value
            back[end] += value
        return {node: max(out[node], back[node]) for node in self.label}

    def figure(self, unit: str, *, least_width: int, least_height: int) -> dict[str, Any]:
        """Return the chart as a plotly figure; on a narrow page it scrolls in its box."""
        size = self.sizes()
        nodes = [node for node in self.label if size[node] > 0]
        number = {node: n for n, node in enumerate(nodes)}
        fullest = max(sum(1 for c, _ in nodes if c == k) for k in range(self.columns))
        height = max(least_height, 36 * fullest + 40)
        sankey = {
            "type": "sankey", "arrangement": "snap",
            "node": {
                "label": [f"{self.label[n]}  {shown(size[n], 3)}" for n in nodes],
                "color": [self.colour[n] for n in nodes],
                "customdata": [f"<b>{self.label[n]}</b><br>{shown(size[n])} {unit}" for n in nodes],
                "hovertemplate": "%{customdata}<extra></extra>",
                "pad": PAD, "thickness": 14, "line": {"width": 0},
                "x": [_clipped(c / (self.columns - 1)) for c, _ in nodes],
                "y": self._heights(nodes, size, height - 20),
            },
            "link": {
                "source": [number[start] for start, _, _ in self.links],
                "target": [number[end] for _, end, _ in self.links],
                "value": list(self.links.values()),
                "color": [colour for _, _, colour in self.links],
                "customdata": [
                    f"{self.label[start]} → {self.label[end]}<br>{shown(value)} {unit}"
                    for (start, end, _), value in self.links.items()
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        }  # fmt: skip
        layout = {
            "height": height, "margin": {"l": 4, "r": 4, "t": 10, "b": 10},
            "paper_bgcolor": "white", "font": {"family": FONTS, "size": 12, "color": INK},
            "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
        }  # fmt: skip
        return {"data": [sankey], "layout": layout, "narrow": {}, "least_width": least_width}

    def _heights(self, nodes: list[Node], size: dict[Node, float], height: float) -> list[float]:
        """Return the centre of each node, 0 = top, in the order in which nodes were made.

        ``height`` is the room in pixels. Amounts are drawn as large as the fullest column allows,
        as plotly does; columns with room to spare are set wider apart.
        """
        totals, counts = [0.0] * self.columns, [0] * self.columns
        for column, key in nodes:
            totals[column] += size[column, key]
            counts[column] += 1
        both = list(zip(totals, counts, strict=True))
        unit = min((height - PAD * (n - 1)) / total for total, n in both if total) / height
        spare = [(1 - total * unit) / (n - 1) if n > 1 else 0.0 for total, n in both]
        gaps = [min(room, 3 * PAD / height) for room in spare]
        done = [
            (1 - total * unit - gap * (n - 1)) / 2
            for (total, n), gap in zip(both, gaps, strict=True)
        ]
        centres = []
        for column, key in nodes:
            share = size[column, key] * unit
            centres.append(_clipped(done[column] + share / 2))
            done[column] += share + gaps[column]
        return centres


def _clipped(share: float) -> float:
    """Return a position that plotly takes as given: 0 and 1 count as not given."""
    return round(min(max(share, 0.001), 0.999), 4)


def largest(pairs: Iterable[tuple[str, float]], most: int) -> list[str]:
    """Return the keys with the largest sums, the largest first."""
    sums: dict[str, float] = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0.0) + value
    return sorted(sums, key=lambda k: (-sums[k], k))[:most]


def _two(facts: Facts, what: str, most: int = 22) -> Callable[[str], str]:
    """Return a function from id to a short label: English cut, Chinese whole."""

    def label(key: str) -> str:
        english = cut(shortened(facts.names.en(what, key)), most)
        return plot_text(f"{english} {shortened(facts.names.zh(what, key))}".strip())

    return label


def who_sankey(facts: Facts, words: Words) -> dict[str, Any] | None:
    """Return origins → industries → zones, rivals, staying; million CNY of output a year."""
    plan = facts.plan
    rows = [(m.origin_id, m.industry_id, "moved", m.zone_id, m.output_mcny) for m in plan.moves]
    rows += [(o, i, "rival", r, v) for o, i, r, v in plan.rivals]
    rows += [(o, i, "stayed", "", v) for o, i, v in plan.stays]
    rows = [r for r in rows if r[4] > 0]
    if not rows:
        return None

    def keys(position: int, most: int, fate: str = "") -> list[str]:
        return largest(((str(r[position]), r[4]) for r in rows if fate in ("", r[2])), most)

    other, zone_words = words("goods.other"), words("goods.other_zones")
    rival_words = words("goods.other_rivals")
    colours = FATE_COLOURS
    origins = Picked(0, keys(0, MOST_ORIGINS), _two(facts, "origin"), other, ORIGIN)
    middle = Picked(1, keys(1, 99), _two(facts, "industry", 18), other, INDUSTRY)
    named = keys(3, MOST_ZONES, "moved")
    zones = Picked(2, named, _two(facts, "place"), zone_words, colours["moved"])
    named = keys(3, MOST_RIVALS, "rival")
    rivals = Picked(2, named, _two(facts, "place"), rival_words, colours["rival"], prefix="r:")
    chart = Chart(3)
    for among in (origins, middle, zones, rivals):
        chart.prepare(among)
    for origin, industry, fate, host, value in sorted(rows, key=lambda r: FATES.index(r[2])):
        if fate == "stayed":
            end = chart.node(2, "@stay", words("goods.stays"), colours["stayed"])
        else:
            end = chart.pick(zones if fate == "moved" else rivals, host)
        start, between = chart.pick(origins, origin), chart.pick(middle, industry)
        chart.link(start, between, value, colours[fate])
        chart.link(between, end, value, colours[fate])
    return chart.figure(words("unit.mcny_year"), least_width=1000, least_height=520)


def goods_sankey(facts: Facts, flows: pd.DataFrame, words: Words) -> dict[str, Any] | None:
    """Return sources → gateways → zones → gateways → markets, TEU a year of the zones' goods."""
    chosen = flows[(flows["host_kind"] == "zone") & (flows["legs_count"] > 0) & (flows["teu"] > 0)]
    if not len(chosen):
        return None

    def keys(frame: pd.DataFrame, column: str, most: int) -> list[str]:
        return largest(zip(frame[column], frame["teu"], strict=True), most)

    zones = Picked(
        2, keys(chosen, "host_id", MOST_ZONES), _two(facts, "place", 15),
        words("goods.other_zones"), ZONE,
    )  # fmt: skip
    columns = {"in": (0, 1), "out": (4, 3)}
    ends = {}
    for way, (far, _) in columns.items():
        some = keys(chosen[chosen["direction"] == way], "place_id", MOST_ENDS)
        ends[way] = Picked(far, some, _two(facts, "place", 16), words("goods.other"), QUIET)
    chart = Chart(5)
    for among in (zones, *ends.values()):
        chart.prepare(among)
    grouped = chosen.groupby(["direction", "place_id", "gateway_id", "modes", "host_id"])
    sums = grouped["teu"].sum().sort_values(ascending=False, kind="stable")
    for (way, place, gateway, modes, zone), teu in sums.items():  # type: ignore[misc]
        outer, inner = course_modes(modes, way, crosses=bool(gateway))
        gate = chart.node(
            columns[way][1],
            gateway or f"@{outer}",
            _two(facts, "place", 18)(gateway) if gateway else _inland(outer, words),
            INK,
        )
        end, host = chart.pick(ends[way], place), chart.pick(zones, zone)
        pairs = ((end, gate, outer), (gate, host, inner))
        if way == "out":
            pairs = ((gate, end, outer), (host, gate, inner))
        for start, stop, mode in pairs:
            chart.link(start, stop, float(teu), MODE_COLOURS.get(mode, QUIET))
    return chart.figure("TEU/a", least_width=1180, least_height=560)


def _inland(mode: str, words: Words) -> str:
    return words("goods.inland", modes=words.of("mode", mode))


def course_modes(modes: str, way: str, *, crosses: bool) -> tuple[str, str]:
    """Return the mode beyond the gateway and the mode between gateway and zone.

    ``modes`` are those of line haul in travel order; roads to the door are not among them, so that
    a route by sea alone reaches its port by road.
    """
    order = ids(modes)
    if way == "in":
        order = order[::-1]  # from the zone outwards
    if not order:
        return "road", "road"
    if not crosses:
        return order[0], order[0]
    inner = "road" if order[0] in ("sea", "air") else order[0]
    if "block_train" in order:
        return "block_train", inner
    beyond = [m for m in order if m in ("sea", "air")]
    return (beyond[0] if beyond else order[-1]), inner
