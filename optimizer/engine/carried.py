"""What the linear program of an earlier solve tells a new one: where its simplex may begin.

Columns and rows are matched by their keys; cells (numbered anew where a zone is left out) by zone,
industry and form. A wrong match would cost time and nothing else: a basis is only a start.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from optimizer.memory import Memory
from optimizer.model.base import SitingModel
from optimizer.problem import Problem
from optimizer.solvers.highs import AT_LOW, BASIC

# Where the number of a cell stands in the keys of columns and rows.
CELL_AT = {"out": 1, "x": 2, "bundle": 1, "bundle_output": 1, "bundle_built": 1, "form_allowed": 1}


def carried_basis(before: Memory, m: SitingModel) -> tuple[np.ndarray, np.ndarray]:
    """Return where the columns and rows of ``m`` begin: where those of ``before`` stood.

    New columns begin at their lower bound, new rows loose.
    """
    columns, rows = before.basis
    old, cells = before.model.lp, _old_cells(before.problem, m.problem)
    return (
        _stands(m.lp.col_keys, old.col, cells, columns, AT_LOW),
        _stands(m.lp.row_keys, old.row, cells, rows, BASIC),
    )


def _old_cells(before: Problem, problem: Problem) -> list[int]:
    """The number that each cell of ``problem`` has in ``before``; -1 where it has none."""
    old = {cell: k for k, cell in enumerate(_cells(before))}
    return [old.get(cell, -1) for cell in _cells(problem)]


def _cells(problem: Problem) -> list[tuple[int, int, int]]:
    sides = (problem.cell_zone, problem.cell_industry, problem.cell_form)
    return list(zip(*(side.tolist() for side in sides), strict=True))


def _stands(
    keys: Sequence[tuple],
    old: Mapping[Hashable, int],
    cells: list[int],
    stood: np.ndarray,
    otherwise: int,
) -> np.ndarray:
    found = np.full(len(keys), otherwise, dtype=np.int8)
    for number, key in enumerate(keys):
        at = CELL_AT.get(key[0])
        if at is not None:
            key = (*key[:at], cells[key[at]], *key[at + 1 :])
        before = old.get(key, -1)
        if 0 <= before < len(stood):
            found[number] = stood[before]
    return found
