"""zoneopt: which zones can absorb the gradient transfer of processing trade, with a proof.

Examples
--------
>>> from optimizer import read_instance, solve
>>> result = solve(read_instance("two_zones"))
>>> result.status.value, result.open_zones
('optimal', ('taiyuan',))
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "read_instance": "instances",
    "write_instance": "instances",
    "find_faults": "instances",
    "list_bundled": "instances",
    "Instance": "instances",
    "build_network": "networks.network",
    "find_routes": "networks.routes",
    "calibrate": "networks.calibration",
    "solve": "optimizer.api",
    "solve_events": "optimizer.events",
    "curve": "optimizer.studies.curve",
    "parks": "optimizer.studies.parks",
    "Session": "optimizer.studies.session",
    "status": "optimizer.studies.status",
    "share": "optimizer.studies.share",
    "players_by_word": "optimizer.studies.players",
    "compare": "optimizer.studies.compare",
    "read_side": "optimizer.studies.compare",
    "tornado": "optimizer.studies.tornado",
    "parameters_of": "optimizer.studies.parameters",
    "alternatives": "optimizer.studies.alternatives",
    "pareto": "optimizer.studies.pareto",
    "stochastic": "optimizer.studies.stochastic_chapter",
    "drawn_scenarios": "optimizer.studies.scenarios",
    "phase": "optimizer.studies.phase_chapter",
    "path_periods": "optimizer.studies.phase",
    "Result": "optimizer.result",
    "Question": "optimizer.plan.plan",
    "Plan": "optimizer.plan.plan",
    "Status": "optimizer.plan.plan",
    "verify_plan": "optimizer.plan.verify",
    "ProgressEvent": "optimizer.engine.progress",
    "InstanceError": "optimizer.errors",
    "NoPlanError": "optimizer.errors",
    "OptimizerError": "optimizer.errors",
    "SolverUnsuitableError": "optimizer.errors",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command answers quickly."""
    if name not in _HOME:
        raise AttributeError(f"module 'optimizer' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
