"""Blocks in one model, solved on a worker: the extensive form of scenarios, linked periods."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from optimizer.engine.joint import JointAnswer, Steps
from optimizer.engine.risk import Risk
from optimizer.plan.plan import Status
from optimizer.studies.stages import Siting, from_json, to_json

if TYPE_CHECKING:
    from optimizer.studies.case import Case, Solved
    from optimizer.studies.scenarios import Scenario
    from optimizer.studies.session import Session
    from optimizer.studies.worker import Context

JOINT = "optimizer.studies.joint:joint_task"


def ask_joint(session: Session, name: str, parts: Sequence[Scenario], **more: Any) -> JointAnswer:
    """Return the joint plan of scenarios or periods; arguments as of `joint_case`."""
    return joint_answer(session.solve([joint_case(session, name, parts, **more)])[0])


def joint_case(
    session: Session,
    name: str,
    parts: Sequence[Scenario],
    *,
    gap: float,
    time_limit_s: float,
    risk: Risk | None = None,
    steps: Steps | None = None,
    starts: Sequence[Siting] = (),
    siting_only: bool = False,
    near: str = "",
) -> Case:
    """Return the case of a joint model; ``probability`` of a part is its weight.

    ``siting_only`` looks for a siting alone (`optimizer.engine.joint.solve_siting`). ``near`` as in
    `Case`; the other arguments as of `optimizer.engine.joint.solve_joint`.
    """
    data = {
        "parts": [[p.probability, list(p.overrides), list(p.closed)] for p in parts],
        "risk": asdict(risk) if risk is not None else None,
        "steps": None
        if steps is None
        else [steps.new_zones, steps.new_capital_mcny, to_json(steps.today)],
        "starts": [to_json(s) for s in starts],
        "siting_only": siting_only,
    }
    options: dict[str, Any] = {"gap": gap, "time_limit_s": time_limit_s, "near": near}
    return session.case(name, task=JOINT, data=json.dumps(data), **options)


def joint_answer(solved: Solved) -> JointAnswer:
    """Return what a worker found for a `joint_case`."""
    found = solved.document
    return JointAnswer(
        Status(found["status"]),
        found["stop_reason"],
        float(found["objective"]),
        float(found["bound"]),
        tuple(found["costs"]),
        tuple(from_json(text) for text in found["sitings"]),
        tuple(float(f) for f in found["floors"]),
        found["without_plan"],
    )


def joint_task(context: Context, case: Case) -> dict[str, Any]:
    """Solve the blocks of a case in one model."""
    from optimizer.engine.blocks import make_block
    from optimizer.engine.joint import solve_joint, solve_siting
    from optimizer.engine.progress import Watch
    from optimizer.problem import build_problem

    asked = json.loads(case.data)
    watch = Watch(case.time_limit_s)
    if context.cancel is not None:
        watch.cancel = context.cancel
    blocks, weights = [], []
    for weight, overrides, closed in asked["parts"]:
        question = replace(case.question, closed=case.question.closed + tuple(closed))
        kept = context.kept_of(replace(case, overrides=tuple(overrides), question=question))
        problem = build_problem(kept.instance, kept.network, question, kept.memory)
        blocks.append(make_block(problem, kept.memory))
        weights.append(weight)
    risk = asked["risk"]
    steps = asked["steps"]
    options: dict[str, Any] = {
        "risk": Risk(**(risk | {"against": tuple(risk["against"])})) if risk else None,
        "starts": [from_json(text) for text in asked["starts"]],
        "gap": case.gap,
    }
    if asked["siting_only"]:
        answer = solve_siting(blocks, weights, watch, **options)
    else:
        options["steps"] = Steps(steps[0], steps[1], from_json(steps[2])) if steps else None
        answer = solve_joint(blocks, weights, watch, **options)
    return {
        "status": answer.status.value,
        "stop_reason": answer.said,
        "objective": answer.objective,
        "bound": answer.bound if math.isfinite(answer.bound) else float("-inf"),
        "costs": list(answer.costs),
        "sitings": [to_json(s) for s in answer.sitings],
        "floors": list(answer.floors),
        "without_plan": answer.without_plan,
    }
