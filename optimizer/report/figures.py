"""All pictures of a report by name, as plotly figures in plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimizer.report.bars import components_bars, industries_bars
from optimizer.report.maps import map_figures
from optimizer.report.sankeys import goods_sankey, who_sankey

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.report.facts import Facts
    from optimizer.report.words import Words


def report_figures(
    facts: Facts, tables: Mapping[str, pd.DataFrame], words: Words
) -> dict[str, dict[str, Any]]:
    """Return the figures of a report; a chart with nothing to draw is missing.

    Besides ``data`` and ``layout`` a figure may hold ``narrow`` and ``wide``: changes of the layout
    (by dotted path) and numbers of traces to hide on a page of that kind, and ``least_width``.
    """
    charts = {
        "components": components_bars(tables["components"], words),
        "industries": industries_bars(tables["industries"], words),
        "who": who_sankey(facts, words),
        "goods": goods_sankey(facts, tables["flows"], words),
    }
    drawn = {name: figure for name, figure in charts.items() if figure is not None}
    return {**map_figures(facts, words), **drawn}
