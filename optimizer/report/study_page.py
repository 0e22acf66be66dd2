"""`study_page`: the chapters of a study as one HTML file that needs no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimizer.report.chapter import Chapter, Column, Table
from optimizer.report.numbers import percent, shown
from optimizer.report.page import room_of, script_json, template
from optimizer.report.palette import FONTS
from optimizer.report.study_charts import chart_figure
from optimizer.report.views import Cell, View, exact

if TYPE_CHECKING:
    from instances import Instance

HEAD = "Study"


def study_page(instance: Instance, chapters: Sequence[Chapter], version: str = "") -> str:
    """Return the report of a study as HTML text."""
    import jinja2
    from plotly.offline import get_plotlyjs

    figures: dict[str, Any] = {}
    for chapter in chapters:
        for chart in chapter.charts:
            figure = chart_figure(chapter, chart)
            if figure is not None:
                figures[f"{chapter.name}-{chart.name}"] = figure
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("study.html.j2").render(
        instance=instance,
        version=version,
        chapters=chapters,
        views={f"{c.name}-{t.name}": table_view(t) for c in chapters for t in c.tables},
        plots={name: room_of(figure) for name, figure in figures.items()},
        figures_json=script_json(figures),
        fonts=FONTS,
        style=template("report.css"),
        script=template("report.js"),
        plotly=get_plotlyjs(),
    )


def table_view(table: Table) -> View:
    """Return a table as the page shows it."""
    heads = tuple((c.title, c.kind != "text") for c in table.columns)
    rows = tuple(
        tuple(_cell(row, column) for column in table.columns) for row in table.rows[: table.most]
    )
    return View(table.name, heads, rows, len(table.rows) - len(rows))


def _cell(row: Mapping[str, Any], column: Column) -> Cell:
    value = row[column.name]
    if column.kind == "text":
        text = "" if value is None or value != value else str(value)
        kind = "long" if len(text) > 60 else "text"
        return Cell(text or "–", kind=kind)
    number = float(value)
    if math.isnan(number):
        return Cell("–", kind="number")
    text = percent(number) if column.kind == "share" else shown(number)
    return Cell(text, value=exact(number), kind="number")
