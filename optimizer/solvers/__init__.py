"""Whose solver? One call for all of them; each adapter is imported when it is asked for."""

from optimizer.solvers.base import SOLVERS, SolverOptions, SolverResult
from optimizer.solvers.check import checked
from optimizer.solvers.solve import solve_model

__all__ = ["SOLVERS", "SolverOptions", "SolverResult", "checked", "solve_model"]
