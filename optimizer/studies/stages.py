"""Siting now, all else later: sitings of plans, questions that keep a siting, tasks for workers."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from instances import Instance
from optimizer.plan.plan import Plan, Question

if TYPE_CHECKING:
    from optimizer.report.names import Names
    from optimizer.studies.case import Case
    from optimizer.studies.worker import Context

Decision = tuple[str, str]  # kind and id, as in `Question.least`
Siting = Mapping[Decision, float]
RELAXED = "optimizer.studies.stages:relaxed_stage"


def siting_of(instance: Instance, plan: Plan) -> dict[Decision, float]:
    """Return what a plan builds; existing zones are open anyway and no decision."""
    zones = instance.tables["zones"]
    existing = set(zones.loc[zones["status"] == "existing", "zone_id"])
    siting: dict[Decision, float] = {("zone", z): 1.0 for z in plan.open_zones if z not in existing}
    siting |= {("host", f"{z}/{i}"): 1.0 for z, i in plan.hosts}
    siting |= {("module", name): float(count) for name, count in plan.modules}
    siting |= {("project", name): 1.0 for name in plan.projects}
    return siting


KINDS = ("zone", "host", "module", "project")
BUILT = ("zone", "module", "project")  # what stands once it is built; hosts may come and go


def keep_siting(
    instance: Instance, question: Question, siting: Siting, kinds: Collection[str] = KINDS
) -> Question:
    """Return the question with the siting's decisions of some kinds as they are, no more, no less.

    Zones are closed to all hosts that the siting does not name only if hosts are kept. Zones that
    stay shut are forbidden besides: that leaves their routes out of the model.
    """
    zones = instance.tables["zones"]
    free = zones.loc[zones["status"] != "existing", "zone_id"]
    places = [z for z in zones["zone_id"] if z not in set(free) or ("zone", z) in siting]
    every: list[Decision] = [("zone", z) for z in free]
    industries = instance.tables["industries"]["industry_id"]
    every += [("host", f"{z}/{i}") for z in places for i in industries]
    every += [("module", name) for name in instance.tables["modules"]["module_id"]]
    every += [("project", name) for name in instance.tables["projects"]["project_id"]]
    every = [d for d in every if d[0] in kinds]
    least = tuple((*d, siting[d]) for d in every if siting.get(d, 0.0) > 0)
    most = tuple((*d, siting.get(d, 0.0)) for d in every)
    mine = {d[:2] for d in most}
    forbidden = set(question.forbid_zones)
    if "zone" in kinds:
        candidates = set(zones.loc[zones["status"] == "candidate", "zone_id"])
        shut = candidates - {name for kind, name in siting if kind == "zone"}
        forbidden |= shut - set(question.open_zones)
    return replace(
        question,
        forbid_zones=tuple(sorted(forbidden)),
        least=least + tuple(b for b in question.least if b[:2] not in mine),
        most=most + tuple(b for b in question.most if b[:2] not in mine),
    )


def decision_name(names: Names, decision: Decision) -> str:
    """Return the English name of what is decided."""
    kind, name = decision
    if kind == "host":
        zone, _, industry = name.rpartition("/")
        return f"{names.en('industry', industry)} in {names.en('place', zone)}"
    return names.en("place" if kind == "zone" else kind, name)


def to_json(siting: Siting) -> str:
    """Return a siting as JSON text, the same for the same siting."""
    return json.dumps(sorted([kind, name, count] for (kind, name), count in siting.items()))


def from_json(text: str) -> dict[Decision, float]:
    """Read what `to_json` wrote."""
    return {(kind, name): float(count) for kind, name, count in json.loads(text)}


def relaxed_stage(context: Context, case: Case) -> dict[str, Any]:
    """Return a scenario's relaxed cost at the siting in the case's data, and its slope there."""
    from optimizer.engine.blocks import make_block, relaxed
    from optimizer.engine.progress import Watch
    from optimizer.problem import build_problem

    kept = context.kept_of(case)
    watch = Watch(case.time_limit_s)
    if context.cancel is not None:
        watch.cancel = context.cancel
    problem = build_problem(kept.instance, kept.network, case.question, kept.memory)
    siting = from_json(case.data)
    found = relaxed(make_block(problem, kept.memory), siting, watch)
    return {
        "status": found.status.value,
        "bound": found.value if math.isfinite(found.value) else float("nan"),
        "value": found.value,
        "slope": sorted([k, name, v] for (k, name), v in found.slope.items()),
    }
