"""Goods that lose by a train can fill it to its least load."""

from __future__ import annotations

import pytest

from optimizer.api import solve
from optimizer.plan.plan import Question

GAP = 2e-3


@pytest.mark.parametrize(
    ("service", "known_mcny"),
    [
        # Costs of verified plans in which the train runs. Without routes that only fill a train the
        # first was called impossible, and the bound of the second came out at 23,565.6.
        ("bt-zhongding-khorgos", 23_578.2),
        ("rs-zhongding-tianjin", 23_554.3),
    ],
)
def test_a_train_that_must_run_is_filled(service: str, known_mcny: float) -> None:
    result = solve("shanxi", Question(least=(("service", service, 1.0),)), gap=GAP)
    assert result.has_plan, result.stop_reason
    assert service in result.plan.services
    assert result.bound <= known_mcny
    assert result.plan.cost_mcny <= known_mcny * (1 + GAP)


def test_a_result_says_where_filling_is_not_ruled_out() -> None:
    """In dry_port the terminal binds, so that nothing rules it out; two_zones has no train."""
    assert any("not ruled out for shuttle" in note for note in solve("dry_port").notes)
    assert not any("ruled out" in note for note in solve("two_zones").notes)
    assert not any("ruled out" in note for note in solve("shanxi", gap=GAP).notes)
