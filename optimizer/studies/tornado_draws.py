"""Rank stability: how often each zone is in the best plan when all inputs are drawn at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from instances.errors import InstanceError
from optimizer.studies import scenarios
from optimizer.studies.case import Case, Solved
from optimizer.studies.parameters import Parameter
from optimizer.studies.session import Inquiry, Session
from optimizer.studies.tornado_tasks import PRESENCE
from optimizer.studies.tornado_zones import DECIDE

CLOSER = 1e-5  # relative gap of a draw's plan before its zones are decided
Bounds = dict[str, dict[str, float]]  # by "shut" or "open" and zone: no plan so costs less

ABOVE = 1e-9  # relative; a bound that exceeds a cost by less proves nothing


@dataclass(frozen=True)
class Presence:
    """In how many draws a zone is in the plan, and in how many that is proven."""

    zone_id: str
    found: int  # in the plan found
    surely_in: int  # the bound without the zone is above the plan's cost
    surely_out: int  # the bound with the zone in it is above the plan's cost


@dataclass(frozen=True)
class Stability:
    """Presence of every zone over the draws that have a plan."""

    draws: int
    correlation: float
    seed: int
    counted: int
    invalid: int  # draws that leave what the tables allow
    without: int  # draws without a plan
    zones: tuple[Presence, ...]
    worst_gap: float  # of the draws' plans, after they were solved closer
    gap: float  # asked for
    cheapest: float
    dearest: float


def drawn_overrides(
    parameters: Sequence[Parameter], draws: int, correlation: float, seed: int
) -> list[tuple[str, ...]]:
    """Return the overrides of each draw; values are triangular over the ranges as in `stochastic`.

    Parameters of one group are tied by a Gaussian copula, groups are independent.
    """
    drawn = [
        scenarios.Parameter(p.group, p.parameter_id, p.low, p.value, p.high) for p in parameters
    ]
    values = scenarios.draw(drawn, draws, correlation, seed)
    return [
        tuple(
            text for p, v in zip(parameters, row, strict=True) for text in p.at(round(float(v), 9))
        )
        for row in values
    ]


def rank_stability(
    session: Session,
    base: Solved,
    parameters: Sequence[Parameter],
    draws: int,
    correlation: float,
    seed: int,
    gap: float = CLOSER,
) -> Stability:
    """Return how often each zone is in the plan over draws from the ranges.

    Draws are solved to the gap of the session first. Zones in any of these plans, or in that of the
    base, are then decided draw by draw against the plan solved to ``gap``; of all others there are
    the bounds that the prices of the certificate give. ``gap`` of at least that of the session:
    nothing is solved closer, and these bounds are all there is.
    """
    cases, invalid = [], 0
    for number, overrides in enumerate(drawn_overrides(parameters, draws, correlation, seed)):
        try:
            session.instance.override(*overrides)
        except InstanceError:
            invalid += 1
            continue
        cases.append(session.case(f"draw {number + 1}", overrides=overrides))
    answers = session.run([_one(session, case) for case in cases])
    known = [(solved, bounds) for solved, bounds in answers if solved.plan is not None]
    if gap < session.gap:
        wanted = {z for solved, _ in known for z in solved.open_zones} | set(base.open_zones)
        plain = [
            case
            for case, (solved, _) in zip(cases, answers, strict=True)
            if solved.plan is not None
        ]
        known = session.run(
            [
                _decided(session, case, solved, bounds, sorted(wanted), gap)
                for case, (solved, bounds) in zip(plain, known, strict=True)
            ]
        )
    zones = list(session.instance.tables["zones"]["zone_id"])
    counts = {z: [0, 0, 0] for z in zones}
    for solved, bounds in known:
        cost = solved.high * (1 + ABOVE)
        for zone, count in counts.items():
            is_in = zone in solved.open_zones
            count[0] += is_in
            count[1] += is_in and bounds["shut"].get(zone, float("-inf")) > cost
            count[2] += not is_in and bounds["open"].get(zone, float("-inf")) > cost
    costs = [s.high for s, _ in known]
    return Stability(
        draws, correlation, seed, len(known), invalid, len(answers) - len(known),
        tuple(Presence(z, *counts[z]) for z in zones),
        max((s.gap for s, _ in known), default=float("nan")), min(gap, session.gap),
        min(costs, default=float("nan")), max(costs, default=float("nan")),
    )  # fmt: skip


def _one(session: Session, case: Case) -> Inquiry[tuple[Solved, Bounds]]:
    (solved,) = yield [case]
    if solved.plan is None:
        return solved, {}
    (bounds,) = yield [
        session.case(
            f"zones of {case.name}", overrides=case.overrides, start=solved.key, task=PRESENCE
        )
    ]
    return solved, {side: dict(bounds.document[side]) for side in ("shut", "open")}


def _decided(
    session: Session, case: Case, first: Solved, bounds: Bounds, zones: list[str], gap: float
) -> Inquiry[tuple[Solved, Bounds]]:
    """Return the draw's plan solved closer, and for each zone the better of both bounds."""
    (closer,) = yield [
        session.case(
            f"{case.name}, its zones", overrides=case.overrides, start=first.key, gap=gap,
            task=DECIDE, data=json.dumps(zones),
        )
    ]  # fmt: skip
    better = {}
    for side in ("shut", "open"):
        more = closer.document[side]
        better[side] = bounds[side] | {
            z: max(bound, bounds[side].get(z, bound)) for z, bound in more.items()
        }
    return closer, better
