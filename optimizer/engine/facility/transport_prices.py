"""Prices of the customers when the open facilities are given: a linear program."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array


def transport_prices(
    cost: np.ndarray, demand: np.ndarray, capacity: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (price of each customer's whole demand, price of each facility's capacity).

    Exactly the facilities of the rows of ``cost`` are open. Prices of capacity are >= 0, per unit.
    None when no flow serves all or that takes longer than ``seconds``.
    """
    m, n = cost.shape
    i, j = np.nonzero(np.isfinite(cost))
    serve = coo_array((np.ones(len(i)), (j, np.arange(len(i)))), (n, len(i)))
    load = coo_array((demand[j], (i, np.arange(len(i)))), (m, len(i)))
    answer = linprog(
        cost[i, j],
        A_ub=load.tocsr(),
        b_ub=capacity,
        A_eq=serve.tocsr(),
        b_eq=np.ones(n),
        bounds=(0, None),
        method="highs-ds",
        options={"time_limit": max(seconds, 0.01)},
    )
    if answer.status != 0:
        return None
    return answer.eqlin.marginals, -answer.ineqlin.marginals
