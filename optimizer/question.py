"""Is a question one that can be asked of an instance? Every fault of it at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from instances import Instance
from instances.errors import Fault, InstanceError
from optimizer.plan.plan import DECISIONS, EVERY_INDUSTRY, OBJECTIVES, Question

AMOUNTS = ("increment", "output", "zone_output")  # kinds that are not counted in whole numbers
Bound = tuple[str, str, float]  # kind of decision, id, count


def check_question(instance: Instance, question: Question) -> None:
    """Raise `InstanceError` with every fault of the question (unknown ids, bad numbers)."""
    faults = [
        *_zones(instance, question),
        *_targets(instance, question),
        *_decisions(instance, question),
        *_limits(question),
        *_weights(question),
        *_differences(instance, question),
    ]
    if faults:
        raise InstanceError(faults)


def _fault(label: str, value: Any, message: str) -> Fault:
    return Fault("question", None, label, str(value), message)


def _unknown(label: str, value: Any, options: Collection[str]) -> Iterator[Fault]:
    """Yield a fault with the nearest name, if the value is not one of the options."""
    import difflib

    if value not in options:
        near = difflib.get_close_matches(str(value), list(options), n=1)
        hint = f" Nearest name: {near[0]!r}." if near else ""
        yield _fault(label, value, f"is not in the instance.{hint}")


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and math.isfinite(value) and value >= 0


def _zones(instance: Instance, question: Question) -> Iterator[Fault]:
    zones = list(instance.tables["zones"]["zone_id"])
    for zone in question.open_zones:
        yield from _unknown("open", zone, zones)
    for zone in question.forbid_zones:
        yield from _unknown("forbid", zone, zones)
    for zone in sorted(set(question.open_zones) & set(question.forbid_zones)):
        yield _fault("open", zone, "is required and forbidden at once")


def _targets(instance: Instance, question: Question) -> Iterator[Fault]:
    industries = list(instance.tables["industries"]["industry_id"])
    for industry, _ in question.industry_targets:
        yield from _unknown("target", industry, industries)
    yield from _unknown("objective", question.objective, OBJECTIVES)
    numbers = {
        "target_mcny": question.target_mcny,
        "target_share": question.target_share,
        "budget_mcny": question.budget_mcny,
        "cost_limit_mcny": question.cost_limit_mcny,
        **{f"target of {i}": number for i, number in question.industry_targets},
    }
    for label, number in numbers.items():
        if number is not None and not (math.isfinite(number) and number >= 0):
            yield _fault(label, number, "must be a number >= 0")
    if question.target_share is not None and question.target_share > 1:
        yield _fault("target_share", question.target_share, "must be at most 1 (100 %)")


def _ids(instance: Instance, kind: str) -> Collection[str]:
    """Return the ids that decisions of a kind are known by."""
    tables = instance.tables
    if kind == "host":
        industries = list(tables["industries"]["industry_id"])
        return [f"{z}/{i}" for z in tables["zones"]["zone_id"] for i in industries]
    if kind == "service":
        services = tables["services"]
        return list(services.loc[services["runs_today"] == 0, "service_id"])
    if kind == "output":
        return [*tables["industries"]["industry_id"], EVERY_INDUSTRY]
    if kind == "zone_output":
        return list(tables["zones"]["zone_id"])
    table = {"zone": "zones", "module": "modules", "project": "projects", "increment": "pools"}
    column = {"increment": "pool_id"}.get(kind, f"{kind}_id")
    return list(tables[table[kind]][column])


def _decisions(instance: Instance, question: Question) -> Iterator[Fault]:
    sides: dict[str, dict[tuple[str, str], float]] = {"least": {}, "most": {}}
    ids: dict[str, Collection[str]] = {}
    for side, bounds in sides.items():
        for kind, name, count in getattr(question, side):
            label = f"{side} {kind}"
            if kind not in DECISIONS:
                yield from _unknown(f"{side} (kind of decision)", kind, list(DECISIONS))
                continue
            if kind not in ids:
                ids[kind] = _ids(instance, kind)
            if kind == "service" and name not in ids[kind] and _runs_today(instance, name):
                yield _fault(label, name, "runs today in any case and is no decision")
                continue
            yield from _unknown(label, name, ids[kind])
            if not _is_number(count):
                yield _fault(f"{label} {name}", count, "must be a number >= 0")
                continue
            if kind not in AMOUNTS and count != math.floor(count):
                yield _fault(f"{label} {name}", count, "must be a whole number")
            if kind in ("zone", "host", "project", "service") and count > 1:
                yield _fault(f"{label} {name}", count, "is decided yes or no: write 1 or 0")
            if (kind, name) in bounds:
                yield _fault(label, name, "is given twice")
            bounds[kind, name] = count
    for key in sides["least"].keys() & sides["most"].keys():
        least, most = sides["least"][key], sides["most"][key]
        if least > most:
            message = f"must be at least {least:.10g} and at most {most:.10g} at once"
            yield _fault(f"least {key[0]}", key[1], message)
    for zone in question.open_zones:
        if sides["most"].get(("zone", zone), 1.0) < 1:
            yield _fault("open", zone, "is required and forbidden at once (most zone)")
    for zone in question.forbid_zones:
        if sides["least"].get(("zone", zone), 0.0) > 0:
            yield _fault("forbid", zone, "is required and forbidden at once (least zone)")


def _runs_today(instance: Instance, name: str) -> bool:
    services = instance.tables["services"]
    return bool(((services["service_id"] == name) & (services["runs_today"] == 1)).any())


def _limits(question: Question) -> Iterator[Fault]:
    seen = set()
    for measure, value in question.limits:
        yield from _unknown("limit", measure, OBJECTIVES)
        if not _is_number(value):
            yield _fault(f"limit {measure}", value, "must be a number >= 0")
        if measure in seen:
            yield _fault("limit", measure, "is given twice")
        seen.add(measure)


def _weights(question: Question) -> Iterator[Fault]:
    seen = set()
    for measure, value in question.weights:
        yield from _unknown("weight", measure, [name for name in OBJECTIVES if name != "cost"])
        if not _is_number(value):
            yield _fault(f"weight {measure}", value, "must be a number >= 0")
        if measure in seen:
            yield _fault("weight", measure, "is given twice")
        seen.add(measure)
    if question.weights and question.objective != "cost":
        yield _fault("weight", question.objective, "must be cost: weights are added to the cost")


def _differences(instance: Instance, question: Question) -> Iterator[Fault]:
    table = instance.tables["zones"]
    zones = list(table["zone_id"])
    free = int((table["status"] != "existing").sum())
    for others, least in question.differ:
        for zone in others:
            yield from _unknown("differ", zone, zones)
        if not (isinstance(least, int) and not isinstance(least, bool) and least >= 1):
            yield _fault("differ", least, "must be a whole number of zones, at least 1")
        elif least > free:
            message = f"zones cannot differ: {free} zones are open or shut by decision"
            yield _fault("differ", least, message)
