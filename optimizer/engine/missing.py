"""A bound from a relaxation that may lack routes: its prices, evaluated over all of them.

A missing route that would be worth taking lowers what its goods cost, by at most what
`routes.shortfalls` says; so much less each output may cost. What that takes from the bound is
the least of two things: the room of every output that becomes a gain, or, by a lower price of
volume, the volume of every block times the most that one of its outputs gains (Farley 1990).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.fixing import priced
from optimizer.engine.routes import shortfalls

if TYPE_CHECKING:
    from optimizer.engine.root import Relaxation


def bound_without(relaxation: Relaxation) -> float:
    """Return a bound over all routes of the network at the last prices; -inf: they prove none."""
    m = relaxation.m
    prices, worth = relaxation.route_prices()
    short = shortfalls(relaxation.finder, prices, worth, relaxation.candidates(prices))
    model = m.lp.compile()
    duals = np.zeros(len(model.row_low))
    duals[: len(relaxation.duals)] = relaxation.duals
    # Shortest paths know no bonus for the least load of a service: without it, too, it is a bound.
    duals[[row for key, row in m.lp.row.items() if key[0] == "least_load"]] = 0.0
    before = priced(model, duals).reduced
    falls = np.zeros(len(model.cost))
    for commodity, amount in short.items():
        if ("commodity", commodity) in m.lp.row:  # its price rises until no route is a gain
            duals[m.lp.row["commodity", commodity]] -= amount
            continue
        teu = m.problem.lines[commodity[0]].teu
        for column, factor in m.out_terms(m.commodity_cells[commodity], teu * amount):
            falls[column] += factor
    as_it_is = priced(model, duals, falls)
    gains = np.minimum(before, 0.0) - np.minimum(as_it_is.reduced, 0.0)
    shared = np.zeros(len(m.problem.industries))  # most gain of an output that blocks share
    own = np.zeros(len(m.problem.block_origin))
    for column in np.flatnonzero(gains > 0).tolist():
        key = m.lp.col_keys[column]
        if key[0] == "out":
            industry = int(m.problem.cell_industry[key[1]])
            shared[industry] = max(shared[industry], gains[column])
        elif key[0] == "x":
            own[key[1]] = max(own[key[1]], gains[column])
    for block, industry in enumerate(m.problem.block_industry.tolist()):
        most = own[block]
        if not m.problem.explicit_blocks[block]:
            most = max(most, shared[industry])
        duals[m.lp.row["volume", block]] -= most
    for industry, most in enumerate(shared.tolist()):
        if most:
            duals[m.lp.row["balance", industry]] -= most
    return max(as_it_is.value, priced(model, duals, falls).value)
