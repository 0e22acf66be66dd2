"""Facility location (split delivery, single source, uncapacitated) solved by its structure."""

from optimizer.engine.facility.problem import (
    Certificate,
    FacilityEvent,
    FacilityOptions,
    FacilityProblem,
    FacilityResult,
    brute_force,
    check_solution,
    evaluate_certificate,
)
from optimizer.engine.facility.solve import solve_facility

__all__ = [
    "Certificate",
    "FacilityEvent",
    "FacilityOptions",
    "FacilityProblem",
    "FacilityResult",
    "brute_force",
    "check_solution",
    "evaluate_certificate",
    "solve_facility",
]
