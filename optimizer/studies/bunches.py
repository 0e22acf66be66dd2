"""Scenarios in bunches: a bound on every siting, and sitings that are worth a try.

Within a bunch one siting has to serve, from bunch to bunch it may differ. So what the bunches cost
together, each with the best siting of its own, is a bound on what one siting for all can cost: at
least what every scenario costs alone, at most the truth (scenario grouping, as in Escudero, Garin,
Perez and Unzueta 2013 and Ryan, Ahmed and others 2020). The siting of a bunch whose members stand
for all is a good one for all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from optimizer.engine.joint import JointAnswer
from optimizer.engine.risk import Risk
from optimizer.studies.case import Case
from optimizer.studies.joint import joint_answer, joint_case
from optimizer.studies.scenarios import Scenario
from optimizer.studies.session import Session
from optimizer.studies.stages import Siting

SIZE = 60  # scenarios of a bunch: what one process holds


def ask_bunches(
    session: Session,
    scenarios: Sequence[Scenario],
    bunches: Sequence[tuple[int, ...]],
    risk: Risk,
    *,
    gap: float,
    guests: Collection[int] = (),
    starts: Sequence[Siting] = (),
    beside: Sequence[Case] = (),
) -> list[JointAnswer]:
    """Return bound, floors (of the bunch's own members) and siting of every bunch.

    Parameters
    ----------
    guests
        Scenarios that the siting of every bunch must serve too; where they are no members, they
        count nothing in expected costs (every siting for all must serve them, so that the bound
        stays one).
    beside
        Cases that are solved at the same time; the session keeps them.
    """
    cases = []
    for number, bunch in enumerate(bunches):
        total = math.fsum(scenarios[k].probability for k in bunch)
        more = tuple(k for k in sorted(guests) if k not in bunch)
        parts = [replace(scenarios[k], probability=scenarios[k].probability / total) for k in bunch]
        parts += [replace(scenarios[k], probability=0.0) for k in more]
        mine = replace(risk, against=tuple(risk.against[k] for k in bunch + more if risk.against))
        cases.append(
            joint_case(
                session,
                f"bunch {number + 1} of {len(bunches)}: {risk.kind}",
                parts,
                gap=gap,
                time_limit_s=session.time_limit_s * len(parts),
                risk=mine,
                starts=starts,
                siting_only=True,
            )
        )
    found = session.solve([*cases, *beside])[: len(cases)]
    answers = [joint_answer(f) for f in found]
    return [replace(a, floors=a.floors[: len(b)]) for a, b in zip(answers, bunches, strict=True)]
