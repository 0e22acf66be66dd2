"""Which better routes are worth a column: those of outputs that they could make worth having.

At any prices most outputs cost so much more than they are worth that no route would change it.
Routes of their goods are left out until prices say otherwise: the relaxation stays small, and its
bound (`optimizer.engine.missing`) loses nothing by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.routes import Found, price
from optimizer.model.base import Commodity, base_usage

if TYPE_CHECKING:
    from optimizer.engine.root import Relaxation

SLACK = 1e-10  # of reduced costs, mcny per mcny of output
NEAR = 1e-3  # mcny per mcny: outputs so near to being worth it get their routes at once


def wanted_routes(
    relaxation: Relaxation, prices: Mapping[int, float], worth: Mapping[Commodity, float]
) -> list[Found]:
    """Return the routes that improve the relaxation at these prices; none if no output gains.

    Where some output gains, those of outputs that nearly do come too, to save rounds and to give
    integers a choice.
    """
    m, finder = relaxation.m, relaxation.finder
    left = np.maximum(cell_costs(relaxation), 0.0)
    most = {}  # what a TEU could gain at most, if all resources were free
    for line, node in relaxation.candidates(prices):
        used = base_usage(m, (line, node)).items()
        paid = sum(prices.get(r, 0.0) * count for r, count in used)
        limit = finder.base_distance((line, node)) / finder.unit + paid
        gain = limit - worth.get((line, node), 0.0) - finder.free(line).dist[node] / finder.unit
        if gain > 0:
            most[line, node] = gain
    near = _cells(relaxation, most, left - NEAR)
    asked = [c for c in most if not near.isdisjoint(m.commodity_cells[c])]
    gains: dict[Commodity, float] = {}
    found = price(finder, prices, worth, asked, gains)
    if not _cells(relaxation, gains, left + SLACK):
        return []
    near = _cells(relaxation, gains, left - NEAR)
    return [f for f in found if not near.isdisjoint(m.commodity_cells[f[0]])]


def cell_costs(relaxation: Relaxation) -> np.ndarray:
    """Reduced cost of each cell's output at the last prices, of its cheapest column; inf: none."""
    m = relaxation.m
    cost = np.full(m.problem.n_cells, np.inf)
    for cells in m.cells_of.values():
        for cell in cells:
            columns = [c for c, _ in m.out_terms([cell])]
            cost[cell] = relaxation.reduced[columns].min(initial=np.inf)
    return cost


def _cells(relaxation: Relaxation, gains: Mapping[Commodity, float], cost: np.ndarray) -> set[int]:
    """Return the cells whose goods gain more than what their output costs."""
    m = relaxation.m
    total = np.zeros(m.problem.n_cells)
    for commodity, gain in gains.items():
        total[m.commodity_cells[commodity]] += m.problem.lines[commodity[0]].teu * gain
    return set(np.flatnonzero((total > 0) & (total > cost)).tolist())
