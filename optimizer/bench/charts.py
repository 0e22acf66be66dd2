"""``report.html``: performance profiles and gaps over time, in one file that needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimizer.bench.measures import Group, above, profile
from optimizer.bench.report import HEADS, cells, machine_lines, solvers_of
from optimizer.bench.targets import Finding

if TYPE_CHECKING:
    import plotly.graph_objects as go

# After Okabe and Ito (2008): they stay apart for colour-blind eyes.
COLOURS = {
    "zoneopt": "#0072b2", "highs": "#d55e00", "scip": "#009e73", "cbc": "#cc79a7",
    "cp-sat": "#e69f00", "spopt": "#56b4e9",
}  # fmt: skip
OTHER = "#6b6b6b"
LEAST_PCT = 1e-4  # gaps below are drawn at this height: the axis is logarithmic
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; margin: 2rem auto; max-width: 80rem;
       padding: 0 1rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #d8dce2; padding: 0.2rem 0.6rem; text-align: right;
         white-space: nowrap; }
th:first-child, td:first-child, td.text { text-align: left; }
.wide { overflow-x: auto; } .missed { color: #b33a00; font-weight: 600; }
"""


def page(groups: Sequence[Group], findings: Sequence[Finding]) -> str:
    """Return the report as one HTML page."""
    figures = [
        ("Solved within a factor of the fastest", profile_figure(groups)),
        ("Distance to the best value at the end", distance_figure(groups)),
        ("Gap over time", gap_figure(groups)),
    ]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Benchmark</title><style>{STYLE}</style></head><body><h1>Benchmark</h1>",
        *(f"<p>{html.escape(line)}</p>" for line in machine_lines(groups)),
        "<h2>Targets</h2>", _targets(findings),
    ]  # fmt: skip
    script: bool = True
    for title, figure in figures:
        if figure is None:
            continue
        parts.append(f"<h2>{title}</h2>")
        parts.append(figure.to_html(full_html=False, include_plotlyjs=script))
        script = False
    parts += ["<h2>Runs</h2>", _runs(groups), "</body></html>"]
    return "\n".join(parts) + "\n"


def _targets(findings: Sequence[Finding]) -> str:
    rows = []
    for f in findings:
        if f.met is None:
            continue
        word = "met" if f.met else "missed"
        found = html.escape(f.found)
        if f.misses:
            items = "".join(f"<li>{html.escape(miss)}</li>" for miss in f.misses)
            found = f"<details><summary>{found}</summary><ul>{items}</ul></details>"
        rows.append(
            f"<tr><td>{html.escape(f.target.text)}</td>"
            f"<td class='text {word}'>{word}</td><td class='text'>{found}</td></tr>"
        )
    return f"<div class='wide'><table>{''.join(rows)}</table></div>"


def _runs(groups: Sequence[Group]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in HEADS)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells(g, row)) + "</tr>"
        for g in groups
        for row in g.rows
    )
    return f"<div class='wide'><table><tr>{head}</tr>{body}</table></div>"


def profile_figure(groups: Sequence[Group]) -> go.Figure | None:
    """Return the performance profile of times to proof; None if nothing was proven."""
    import plotly.graph_objects as go

    solvers = solvers_of(groups)
    shares = profile(groups, solvers)
    largest = max((p[-1][0] for p in shares.values() if p), default=None)
    if largest is None:
        return None
    figure = go.Figure()
    for solver in solvers:
        points = [(1.0, 0.0), *shares[solver]]
        points.append((max(largest * 1.2, 2.0), points[-1][1]))
        _step(figure, solver, [p[0] for p in points], [100 * p[1] for p in points])
    figure.update_xaxes(title="times the fastest solver of the case", type="log", tickformat="~g")
    figure.update_yaxes(title="% of the cases proven", range=[-2, 102])
    return _dressed(figure)


def distance_figure(groups: Sequence[Group]) -> go.Figure | None:
    """Return the share of cases by distance to the best value; None if there is no plan."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for solver in solvers_of(groups):
        offs = []
        count = 0
        for g in groups:
            for row in g.rows:
                if row.solver == solver:
                    count += 1
                    off = above(row, g.reference)
                    if off is not None:
                        offs.append(max(100 * off, LEAST_PCT))
        offs.sort()
        shares = [100 * (k + 1) / count for k in range(len(offs))]
        if offs:
            _step(figure, solver, [LEAST_PCT, *offs], [0.0, *shares])
    if not figure.data:
        return None
    figure.update_xaxes(
        title="% above the best value (at most)", type="log", dtick=1, tickformat="~g"
    )
    figure.update_yaxes(title="% of the runs", range=[-2, 102])
    return _dressed(figure)


def gap_figure(groups: Sequence[Group]) -> go.Figure | None:
    """Return distance of plan and bound to the best value over time, a case at a time."""
    import plotly.graph_objects as go

    figure = go.Figure()
    buttons: list[dict[str, object]] = []
    members: list[tuple[str, int, int]] = []
    for g in groups:
        reference = g.reference
        if reference is None:
            continue
        before = len(figure.data)
        for row in g.rows:
            _curves(figure, row.solver, row.trace, reference, is_shown=not members)
        members.append((g.case, before, len(figure.data)))
    if not figure.data:
        return None
    for case, first, last in members:
        shown = [first <= k < last for k in range(len(figure.data))]
        buttons.append({"label": case, "method": "update", "args": [{"visible": shown}]})
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.18, "yanchor": "top"}
    figure.update_layout(updatemenus=[menu])
    figure.update_xaxes(title="seconds after reading")
    figure.update_yaxes(
        title="% from the best value (bounds dotted)", type="log", dtick=1, tickformat="~g"
    )
    return _dressed(figure)


def _curves(
    figure: go.Figure,
    solver: str,
    trace: Sequence[tuple[float, float | None, float | None]],
    reference: float,
    is_shown: bool,
) -> None:
    for index, name, dash in ((1, "plan", "solid"), (2, "bound", "dot")):
        points = [(t[0], t[index]) for t in trace if t[index] is not None]
        if not points:
            continue
        scale = max(abs(reference), 1e-12)
        offs = [max(100 * abs((v or 0.0) - reference) / scale, LEAST_PCT) for _, v in points]
        figure.add_scatter(
            x=[t for t, _ in points], y=offs, name=f"{solver} {name}", mode="lines",
            line={"color": COLOURS.get(solver, OTHER), "dash": dash, "shape": "hv"},
            visible=is_shown,
        )  # fmt: skip


def _step(figure: go.Figure, solver: str, x: list[float], y: list[float]) -> None:
    figure.add_scatter(
        x=x, y=y, name=solver, mode="lines",
        line={"color": COLOURS.get(solver, OTHER), "shape": "hv"},
    )  # fmt: skip


def _dressed(figure: go.Figure) -> go.Figure:
    figure.update_layout(
        template="plotly_white", height=480, margin={"t": 60, "r": 20},
        legend={"orientation": "h", "y": -0.2},
    )  # fmt: skip
    return figure
