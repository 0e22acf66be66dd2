"""What the prices of a solved relaxation rule out: integers that no plan worth having takes.

With any prices of the rows, ``cost - matrix.T @ prices`` gives a bound on all plans (the value of
the Lagrangian), and how much it rises when an integer leaves its better bound. If it rises to what
a plan has to beat, the integer stays where it is. Nothing is assumed of the prices: bound and
reduced costs are computed from the model that they are used for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.linear import CompiledModel

DUAL_TOLERANCE = 1e-7  # what a solver leaves of reduced costs that should be 0 or of the other sign


@dataclass(frozen=True)
class Priced:
    """A bound from prices of rows: ``value`` and the reduced cost of each column."""

    value: float  # -inf where the prices prove nothing
    reduced: np.ndarray


def priced(model: CompiledModel, duals: np.ndarray, falls: np.ndarray | float = 0.0) -> Priced:
    """Return the bound that prices of the rows give; rows that came later cost nothing.

    ``falls`` is by how much columns cost less by what is not in the model.

    Examples
    --------
    A cost of 3 against a price of 2 for a unit that must come: the bound is 2, and a unit of the
    column costs 1 more.

    >>> import numpy as np, scipy.sparse as sp
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> model = CompiledModel(3 * one, zero, one, one > 0, one, np.inf * one,
    ...                       sp.csr_matrix([[1.0]]), 0.0, ["x"], ["r"])
    >>> found = priced(model, np.array([2.0]))
    >>> found.value, found.reduced.tolist()
    (2.0, [1.0])
    """
    price = np.zeros(len(model.row_low))
    price[: len(duals)] = duals
    side = np.where(price > 0, model.row_low, model.row_high)
    price[~np.isfinite(side)] = 0.0  # a price of the wrong sign is rounding
    side = np.where(price != 0, side, 0.0)
    reduced = model.cost - model.matrix.T @ price - falls
    end = np.where(reduced > 0, model.lb, model.ub)
    endless = ~np.isfinite(end)
    if (np.abs(reduced[endless]) > DUAL_TOLERANCE).any():
        return Priced(-np.inf, reduced)
    value = float(price @ side + reduced[~endless] @ end[~endless]) + model.offset
    return Priced(value, reduced)


@dataclass(frozen=True)
class Narrowed:
    """A model with integers kept where prices say; every plan left out costs ``lost`` or more."""

    model: CompiledModel
    lost: float
    n_free: int  # integers that can still take more than one value


def narrowed(model: CompiledModel, found: Priced, cutoff: float, kept: np.ndarray) -> Narrowed:
    """Return ``model`` without integer values that take every plan to ``cutoff`` or above.

    Parameters
    ----------
    found
        The bound of prices on ``model``, and its reduced costs.
    cutoff
        What a plan that is looked for costs less than.
    kept
        Column values of a plan that stays in the model whatever it costs.
    """
    room = cutoff - found.value
    up = model.integer & (found.reduced > 0) & np.isfinite(model.lb)
    down = model.integer & (found.reduced < 0) & np.isfinite(model.ub)
    lb, ub, lost = model.lb.copy(), model.ub.copy(), np.inf
    if not np.isfinite(room) or room <= 0:
        up[:] = down[:] = False
    for rises, sign in ((up, 1.0), (down, -1.0)):
        at = np.flatnonzero(rises)
        rate = np.abs(found.reduced[at])
        steps = np.maximum(0.0, np.ceil(room / rate) - 1.0)  # that cost less than the room
        start = np.round(kept[at])
        if sign > 0:
            steps = np.maximum(steps, start - lb[at])
            shut = lb[at] + steps < ub[at]
            ub[at[shut]] = (lb[at] + steps)[shut]
        else:
            steps = np.maximum(steps, ub[at] - start)
            shut = ub[at] - steps > lb[at]
            lb[at[shut]] = (ub[at] - steps)[shut]
        if shut.any():
            lost = min(lost, float((found.value + rate * (steps + 1.0))[shut].min()))
    n_free = int((model.integer & (ub > lb)).sum())
    return Narrowed(replace(model, lb=lb, ub=ub), lost, n_free)
