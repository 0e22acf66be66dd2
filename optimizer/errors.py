"""The errors of the library; `OptimizerError` is the base of all of them."""

from instances.errors import InstanceError, OptimizerError


class NoPlanError(OptimizerError):
    """A plan was read from a solve that has none."""


class SolverUnsuitableError(OptimizerError):
    """The chosen solver cannot express the problem."""


__all__ = ["InstanceError", "NoPlanError", "OptimizerError", "SolverUnsuitableError"]
