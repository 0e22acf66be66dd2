"""`pareto`: what a better measure costs, from the least cost to the best that can be had.

Two objectives: the whole front (`optimizer.studies.front`). Three: the least cost on a grid of
limits on the two others (augmented epsilon-constraint, Mavrotas 2009), where a solve that answers
for its neighbours too is not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from instances.errors import Fault
from networks.network import build_network
from optimizer.errors import InstanceError
from optimizer.plan.plan import OBJECTIVES
from optimizer.report.chapter import Chapter
from optimizer.studies.front import Front, Measures
from optimizer.studies.grid import Grid
from optimizer.studies.pareto_chapter import front_chapter, grid_chapter
from optimizer.studies.session import Session


def pareto(
    session: Session,
    objectives: Sequence[str] = ("cost", "co2e"),
    *,
    points: int = 12,
    solves: int = 40,
    steps: int = 5,
) -> Chapter:
    """Return the chapter of the front of cost and one or two more measures.

    Parameters
    ----------
    objectives
        ``cost`` and one or two of hours, co2e, outlay (less is better), jobs, absorbed (more is).
    points
        Two objectives: neighbours are at most this part of the range apart, if solves suffice.
    solves
        Two objectives: most solves.
    steps
        Three objectives: limits per measure from the best to that of the least cost.

    Raises
    ------
    InstanceError
        Objectives that are unknown, or not cost and one or two others.
    """
    _check(objectives, session)
    others = [name for name in objectives if name != "cost"]
    network = build_network(session.instance)
    measures = Measures(session.instance, network, session.question)
    if len(others) == 1:
        front = Front(session, measures, others[0], 1.0 / points, solves)
        session.run([front.search()])
        return front_chapter(front)
    grid = Grid(session, measures, (others[0], others[1]), steps)
    session.run([grid.search()])
    return grid_chapter(grid)


def _check(objectives: Sequence[str], session: Session) -> None:
    faults = [
        Fault("question", None, "objectives", name, f"is none of {', '.join(OBJECTIVES)}")
        for name in objectives
        if name not in OBJECTIVES
    ]
    asked = ",".join(objectives)
    if "cost" not in objectives:
        message = "must hold cost: a front says what the others cost"
        faults.append(Fault("question", None, "objectives", asked, message))
    elif len(set(objectives)) != len(objectives) or len(objectives) not in (2, 3):
        message = "must be cost and one or two other measures"
        faults.append(Fault("question", None, "objectives", asked, message))
    if session.question.objective != "cost" or session.question.weights:
        message = "must be cost without weights: the front looks for the others itself"
        faults.append(Fault("question", None, "objective", session.question.objective, message))
    if faults:
        raise InstanceError(faults)
