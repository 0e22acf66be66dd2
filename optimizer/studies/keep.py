"""A question that keeps a plan's siting, and the command that asks a question again."""

from __future__ import annotations

import shlex
from dataclasses import replace

from instances import Instance
from optimizer.plan.plan import Plan, Question

KEPT = ("zone", "host", "module", "project")


def keep_siting(
    instance: Instance, question: Question, plan: Plan, *, hosts_may_stop: bool = False
) -> Question:
    """Return the question with zones, hosts, modules and projects as in ``plan``.

    Volumes, routes, trains, and what is bought for pools stay free. With ``hosts_may_stop`` an
    industry may end in a zone and what the question asks to come need not come; zones, modules and
    projects are paid for all the same.
    """
    tables = instance.tables
    built, projects = dict(plan.modules), set(plan.projects)
    hosts, zones = set(plan.hosts), set(plan.open_zones)
    least = [b for b in question.least if b[0] not in KEPT]
    most = [b for b in question.most if b[0] not in KEPT]
    least += [("zone", z, 1.0) for z in plan.open_zones if z not in question.open_zones]
    if not hosts_may_stop:
        least += [("host", f"{z}/{i}", 1.0) for z, i in plan.hosts]
    pairs = zip(tables["eligibility"]["zone_id"], tables["eligibility"]["industry_id"], strict=True)
    most += [("host", f"{z}/{i}", 0.0) for z, i in pairs if z in zones and (z, i) not in hosts]
    for module in tables["modules"]["module_id"]:
        count = float(built.get(module, 0))
        most.append(("module", module, count))
        if count:
            least.append(("module", module, count))
    for project in tables["projects"]["project_id"]:
        most.append(("project", project, float(project in projects)))
        if project in projects:
            least.append(("project", project, 1.0))
    shut = [z for z in tables["zones"]["zone_id"] if z not in zones]
    kept = replace(question, least=tuple(least), most=tuple(most), forbid_zones=tuple(shut))
    if hosts_may_stop:
        asked = tuple(b for b in kept.least if b[0] != "output")
        kept = replace(kept, least=asked, target_mcny=None, target_share=None, industry_targets=())
    return kept


def solve_command(
    instance: str, question: Question, overrides: tuple[str, ...] = (), gap: float = 1e-3
) -> str:
    """Return the ``zoneopt solve`` command that asks the same of the same instance."""
    words = ["zoneopt", "solve", instance]
    numbers = {
        "--budget": question.budget_mcny,
        "--cost-limit": question.cost_limit_mcny,
        "--target": question.target_mcny,
    }
    if question.objective != "cost":
        words += ["--objective", question.objective]
    for option, number in numbers.items():
        if number is not None:
            words += [option, f"{number:.12g}"]
    if question.target_share is not None:
        words += ["--target", f"{100 * question.target_share:.12g}%"]
    for industry, number in question.industry_targets:
        words += ["--industry-target", f"{industry}={number:.12g}"]
    for option, ids in (
        ("--close", question.closed),
        ("--open", question.open_zones),
        ("--forbid", question.forbid_zones),
        ("--set", overrides),
    ):
        for word in ids:
            words += [option, word]
    for option, bounds in (("--least", question.least), ("--most", question.most)):
        for kind, name, number in bounds:
            words += [option, f"{kind}:{name}={number:.12g}"]
    for measure, number in question.limits:
        words += ["--limit", f"{measure}={number:.12g}"]
    for measure, number in question.weights:
        words += ["--weight", f"{measure}={number:.12g}"]
    return shlex.join([*words, "--gap", f"{gap:g}", "--threads", "1"])
