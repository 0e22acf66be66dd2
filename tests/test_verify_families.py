"""No certified bound of any family exceeds the optimum of an independent model."""

from __future__ import annotations

import pytest
from published_files import design_optimum, location_optimum, random_design, random_location

from instances.as_instance import design_instance, facility_instance
from optimizer import solve
from optimizer.plan.verify import certified_bound, verify_plan


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_facility_location(seed: int, single: bool) -> None:
    published = random_location(seed, single_source=single)
    optimum = location_optimum(published)
    result = solve(facility_instance(published), gap=0.0)
    if not result.has_plan:
        assert optimum == float("inf")
        return
    verdict = verify_plan(result.instance, result.plan)
    assert verdict.ok
    assert verdict.bound_certified is not None
    assert verdict.bound_certified <= optimum + 1e-6 * max(1.0, abs(optimum))
    assert result.bound <= optimum + 1e-6 * max(1.0, abs(optimum))


@pytest.mark.parametrize("seed", range(8))
def test_network_design(seed: int) -> None:
    """Strong prices, and the same prices spoilt: all below the optimum."""
    published = random_design(seed)
    optimum = design_optimum(published)
    result = solve(design_instance(published), gap=0.0)
    if not result.has_plan:
        assert optimum == float("inf")
        return
    verdict = verify_plan(result.instance, result.plan)
    assert verdict.ok
    assert verdict.bound_certified is not None
    most = optimum + 1e-6 * max(1.0, abs(optimum))
    assert verdict.bound_certified <= most
    for factor in (0.0, 0.5, 0.9, 1.1, 2.0):
        spoilt = dict(result.plan.certificate)
        for name in ("bottleneck", "gate", "gate_goods"):
            spoilt[name] = [[*row[:-1], row[-1] * factor] for row in spoilt.get(name, [])]
        bound = certified_bound(result.instance, result.plan.question, spoilt)
        assert bound is not None
        assert bound <= most


@pytest.mark.parametrize("seed", range(10))
def test_siting_with_everything_in_it(seed: int) -> None:
    """The proved optimum is the solver's; the certificate alone stays below it."""
    from siting_instances import random_instance

    result = solve(random_instance(seed), gap=1e-7)
    if not result.has_plan:
        return
    verdict = verify_plan(result.instance, result.plan)
    assert verdict.ok
    assert verdict.bound_certified is not None
    assert verdict.bound_certified <= result.objective + 1e-6 * abs(result.objective)
