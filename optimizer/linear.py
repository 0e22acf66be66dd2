"""A mixed-integer linear model as plain arrays, with no solver in sight.

Columns and rows are added in batches and keep a key each (any hashable), so that results are read
without parsing names. Solvers see numbers only; names are made when a file is exported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import scipy.sparse

Array = np.ndarray
Key = Any  # any hashable; by habit a tuple of the family and what it is about


@dataclass
class LinearModel:
    """Minimise ``cost @ x + offset`` under ``low <= A x <= high``, ``lb <= x <= ub``.

    Integer columns carry ``True`` in ``integer``. ``family`` of a row or column is the name of its
    equation family, for statistics, exports and explanations of infeasibility.
    """

    col_keys: list[Key] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    lb: list[float] = field(default_factory=list)
    ub: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    row_keys: list[Key] = field(default_factory=list)
    row_low: list[float] = field(default_factory=list)
    row_high: list[float] = field(default_factory=list)
    entries_row: list[int] = field(default_factory=list)
    entries_col: list[int] = field(default_factory=list)
    entries_val: list[float] = field(default_factory=list)
    offset: float = 0.0
    col: dict[Key, int] = field(default_factory=dict)
    row: dict[Key, int] = field(default_factory=dict)

    def add_col(
        self,
        key: Key,
        cost: float = 0.0,
        lb: float = 0.0,
        ub: float = np.inf,
        *,
        integer: bool = False,
    ) -> int:
        """Add one column and return its number. A key that exists already is an error."""
        if key in self.col:
            raise KeyError(f"column {key!r} exists already")
        if not (math.isfinite(cost) and lb <= ub):
            raise ValueError(f"column {key!r}: cost {cost}, bounds [{lb}, {ub}]")
        index = len(self.col_keys)
        self.col[key] = index
        self.col_keys.append(key)
        self.cost.append(cost)
        self.lb.append(lb)
        self.ub.append(ub)
        self.integer.append(integer)
        return index

    def add_row(
        self,
        key: Key,
        terms: Mapping[Key, float] | Iterable[tuple[int, float]],
        low: float = -np.inf,
        high: float = np.inf,
    ) -> int:
        """Add one row over column keys (mapping) or column numbers (pairs); return its number."""
        if key in self.row:
            raise KeyError(f"row {key!r} exists already")
        if not low <= high:  # also where one of them is nan
            raise ValueError(f"row {key!r}: bounds [{low}, {high}]")
        index = len(self.row_keys)
        self.row[key] = index
        self.row_keys.append(key)
        self.row_low.append(low)
        self.row_high.append(high)
        pairs = (
            ((self.col[k], v) for k, v in terms.items()) if isinstance(terms, Mapping) else terms
        )
        for c, v in pairs:
            if not math.isfinite(v):
                raise ValueError(f"row {key!r}: coefficient {v}")
            if v != 0.0:
                self.entries_row.append(index)
                self.entries_col.append(c)
                self.entries_val.append(v)
        return index

    def add_entry(self, row: int, col: int, value: float) -> None:
        """Add ``value`` to the coefficient of a column in a row."""
        if not math.isfinite(value):
            raise ValueError(f"row {self.row_keys[row]!r}: coefficient {value}")
        if value != 0.0:
            self.entries_row.append(row)
            self.entries_col.append(col)
            self.entries_val.append(value)

    @property
    def n_cols(self) -> int:
        """Number of columns."""
        return len(self.col_keys)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.row_keys)

    def compile(self) -> CompiledModel:
        """The model as arrays; entries of one cell are summed."""
        import scipy.sparse as sp

        matrix = sp.csr_matrix(
            (self.entries_val, (self.entries_row, self.entries_col)),
            shape=(self.n_rows, self.n_cols),
        )
        matrix.sum_duplicates()
        return CompiledModel(
            cost=np.array(self.cost, dtype=float),
            lb=np.array(self.lb, dtype=float),
            ub=np.array(self.ub, dtype=float),
            integer=np.array(self.integer, dtype=bool),
            row_low=np.array(self.row_low, dtype=float),
            row_high=np.array(self.row_high, dtype=float),
            matrix=matrix,
            offset=self.offset,
            col_keys=self.col_keys,
            row_keys=self.row_keys,
        )


@dataclass(frozen=True)
class CompiledModel:
    """What a solver adapter gets. ``matrix`` is CSR of shape (rows, columns)."""

    cost: Array
    lb: Array
    ub: Array
    integer: Array
    row_low: Array
    row_high: Array
    matrix: scipy.sparse.csr_matrix
    offset: float
    col_keys: Sequence[Key]
    row_keys: Sequence[Key]
