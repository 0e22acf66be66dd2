"""Loads of shared capacities at given column values: base routes and what leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.model.base import SitingModel, base_usage
from optimizer.model.routes import shifts

if TYPE_CHECKING:
    import scipy.sparse


class Loads:
    """Loads of all resources of a model, TEU a year, by two products with sparse matrices.

    The use of the base routes is a matrix over the columns of output, made once; the columns that
    shift goods to other routes come while the model grows, and their matrix is made again then.
    """

    def __init__(self, m: SitingModel) -> None:
        self.m = m
        self._of_output: scipy.sparse.csr_matrix | None = None
        self._of_shifts: scipy.sparse.csr_matrix | None = None
        self._n_cols = -1  # of the model when the matrix of shifts was made

    def at(self, x: np.ndarray) -> np.ndarray:
        """Load of each resource at column values ``x``, which may lack the latest columns."""
        import scipy.sparse as sp

        if self._of_output is None:
            self._of_output = self._base_matrix()
        if self._n_cols != self.m.lp.n_cols:
            changed = shifts(self.m)
            rows: list[int] = []
            cols: list[int] = []
            values: list[float] = []
            for r, columns in changed.items():
                rows += [r] * len(columns)
                cols += columns.keys()
                values += columns.values()
            self._n_cols = self.m.lp.n_cols
            shape = (len(self.m.resources.keys), self._n_cols)
            self._of_shifts = sp.csr_matrix((values, (rows, cols)), shape)
        assert self._of_shifts is not None, "made above"
        whole = np.zeros(self._n_cols)
        whole[: len(x)] = x
        return self._of_output @ whole[: self._of_output.shape[1]] + self._of_shifts @ whole

    def _base_matrix(self) -> scipy.sparse.csr_matrix:
        """Use of each resource per unit of each column of output, by base routes."""
        import scipy.sparse as sp

        m = self.m
        use: tuple[list[int], list[int], list[float]] = ([], [], [])  # resource, commodity, TEU
        makes: tuple[list[int], list[int]] = ([], [])  # commodity, cell
        for number, (commodity, cells) in enumerate(m.commodity_cells.items()):
            counts = base_usage(m, commodity)
            teu = m.problem.lines[commodity[0]].teu
            use[0].extend(counts)
            use[1].extend([number] * len(counts))
            use[2].extend(teu * count for count in counts.values())
            makes[0].extend([number] * len(cells))
            makes[1].extend(cells)
        output: tuple[list[int], list[int]] = ([], [])  # cell, column
        for cells in m.cells_of.values():
            for cell in cells:
                columns = [c for c, _ in m.out_terms([cell])]
                output[0].extend([cell] * len(columns))
                output[1].extend(columns)
        n_goods, n_cells = len(m.commodity_cells), m.problem.n_cells
        of_goods = sp.csr_matrix((use[2], use[:2]), (len(m.resources.keys), n_goods))
        of_cells = sp.csr_matrix((np.ones(len(makes[0])), makes), (n_goods, n_cells))
        n_cols = 1 + max(output[1], default=-1)
        in_cells = sp.csr_matrix((np.ones(len(output[0])), output), (n_cells, n_cols))
        return ((of_goods @ of_cells) @ in_cells).tocsr()
