"""Candidate projects: what they cost, what they need, what they act on, what a budget counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instances import Instance
from instances.errors import InstanceError
from optimizer.plan.plan import Plan


@dataclass(frozen=True)
class Project:
    """A candidate with what must be granted before it; money in mcny, own cost a year."""

    project_id: str
    name: str
    kind: str
    capital_mcny: float
    yearly_mcny: float
    needs: frozenset[str]  # itself and all that it needs, directly or not
    excludes: frozenset[str]
    touches: frozenset[str]  # elements, zones and places that its effects act on


def candidates(instance: Instance, chosen: Sequence[str] = ()) -> dict[str, Project]:
    """Projects that may be granted or not, by id.

    Raises
    ------
    InstanceError
        None, or one of those asked for is no candidate.
    """
    table = instance.tables["projects"]
    rows = {r["project_id"]: r for r in table.to_dict("records")}
    open_ = [p for p, r in rows.items() if r["status"] == "candidate"]
    wrong = [p for p in chosen if p not in open_]
    if wrong:
        raise InstanceError(
            f"project {wrong[0]!r} is no candidate of {instance.name}; candidates are "
            f"{', '.join(open_) or 'none'}"
        )
    if not open_:
        raise InstanceError(f"{instance.name} has no candidate projects: nothing can be granted")
    rate = instance.settings.discount_rate
    touches = _touches(instance)
    result = {}
    for project_id in chosen or open_:
        row = rows[project_id]
        result[project_id] = Project(
            project_id,
            row["name"],
            row["kind"].replace("_", " "),
            row["capital_mcny"],
            yearly_cost(row, rate),
            frozenset(_needs(rows, project_id)),
            frozenset(_many(row["excludes_project_id"])),
            frozenset(touches.get(project_id, ())),
        )
    return result


def yearly_cost(row: Mapping[str, Any], rate: float) -> float:
    """Capital by the capital recovery factor, and upkeep, mcny a year."""
    years = row["life_years"]
    factor = 1.0 / years if rate == 0 else rate / (1.0 - (1.0 + rate) ** -years)
    return row["capital_mcny"] * factor + row["upkeep_mcny_per_year"]


def _needs(rows: Mapping[str, Any], project_id: str) -> set[str]:
    found, todo = set(), [project_id]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += _many(rows[current]["needs_project_id"])
    return found


def _touches(instance: Instance) -> dict[str, set[str]]:
    """What each project acts on: element ids, their places, zones of their pools."""
    tables = instance.tables
    near: dict[str, set[str]] = {}
    for r in tables["links"].itertuples():
        near[r.link_id] = {r.tail_place_id, r.head_place_id, *_many(r.bottleneck_id)}
    for name, key in (("transfers", "transfer_id"), ("customs", "customs_id")):
        for r in tables[name].itertuples():
            near[getattr(r, key)] = {r.place_id, *_many(r.bottleneck_id)}
    for r in tables["bottlenecks"].itertuples():
        near[r.bottleneck_id] = set(_many(r.place_id))
    for r in tables["pool_members"].itertuples():
        near.setdefault(r.pool_id, set()).add(r.zone_id)
    found: dict[str, set[str]] = {}
    for r in tables["project_effects"].itertuples():
        element = r.element_id.rpartition(":")[0] if r.effect == "allows_form" else r.element_id
        found.setdefault(r.project_id, set()).update({element}, near.get(element, set()))
    return found


def _many(text: object) -> list[str]:
    return [t for t in str(text).split(";") if t] if text == text and text else []


def capital_of(instance: Instance, plan: Plan, *, without: frozenset[str] = frozenset()) -> float:
    """Capital that a budget counts, mcny: zones that open, modules, projects but ``without``."""
    tables = instance.tables
    zones = {r.zone_id: r for r in tables["zones"].itertuples()}
    modules = dict(
        zip(tables["modules"]["module_id"], tables["modules"]["capital_mcny"], strict=True)
    )
    projects = dict(
        zip(tables["projects"]["project_id"], tables["projects"]["capital_mcny"], strict=True)
    )
    opened = (zones[z].open_mcny for z in plan.open_zones if zones[z].status != "existing")
    return math.fsum(
        [*opened, *(modules[m] * n for m, n in plan.modules),
         *(projects[p] for p in plan.projects if p not in without)]
    )  # fmt: skip


def projects_only(instance: Instance) -> tuple[str, ...]:
    """Overrides that let a budget count projects alone and leave every yearly cost as it is.

    Capital of zones and modules becomes the yearly money that it costs; budget rules are off.
    """
    rate = instance.settings.discount_rate
    tables = instance.tables
    found = []
    for r in tables["zones"].to_dict("records"):
        if r["open_mcny"] > 0:
            capital = {"capital_mcny": r["open_mcny"], "life_years": r["open_life_years"]}
            yearly = yearly_cost(capital | {"upkeep_mcny_per_year": r["open_mcny_per_year"]}, rate)
            found += [
                f"zones.{r['zone_id']}.open_mcny=0",
                f"zones.{r['zone_id']}.open_mcny_per_year={yearly!r}",
            ]
    for r in tables["modules"].to_dict("records"):
        if r["capital_mcny"] > 0:
            found += [
                f"modules.{r['module_id']}.capital_mcny=0",
                f"modules.{r['module_id']}.upkeep_mcny_per_year={yearly_cost(r, rate)!r}",
            ]
    rules = tables["rules"]
    budgets = rules.loc[(rules["active"] == 1) & (rules["kind"] == "budget_mcny"), "rule_id"]
    return (*found, *(f"rules.{r}.active=0" for r in budgets))
