"""Projects: what they act on exists, what waits for one has one, no project waits for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault
from instances.sheets import did_you_mean

Drafts = Mapping[str, DraftTable]
_ACTS_ON = {
    "opens_link": ("links", "link_id"),
    "opens_transfer": ("transfers", "transfer_id"),
    "opens_customs": ("customs", "customs_id"),
    "opens_service": ("services", "service_id"),
    "adds_bottleneck_teu": ("bottlenecks", "bottleneck_id"),
    "adds_pool": ("pools", "pool_id"),
}
_WAITING = {
    "opens_link": "links", "opens_transfer": "transfers", "opens_customs": "customs",
}  # fmt: skip


def check_effects(drafts: Drafts) -> Iterator[Fault]:
    """The element of an effect exists in the table that the effect speaks of."""
    effects = drafts["project_effects"]
    amounts = effects.numbers("amount")
    for index, (effect, element) in enumerate(
        zip(effects.texts("effect"), effects.texts("element_id"), strict=True)
    ):
        if effects.is_bad(index, "effect", "element_id"):
            continue
        if effect == "allows_form":
            yield from _check_form(drafts, index, element)
            continue
        name, column = _ACTS_ON[effect]
        target = drafts[name]
        if target.readable and column not in target.absent:
            known = target.texts(column)
            if element not in known:
                hint = did_you_mean(element, known)
                message = f"{element!r} is not a {column} of {target.file}.{hint}"
                yield effects.fault(index, "element_id", message)
        if effect.startswith("adds_") and amounts[index] <= 0:  # false for a cell with a fault
            yield effects.fault(index, "amount", f"must be above 0 for the effect {effect!r}")


def _check_form(drafts: Drafts, index: int, element: str) -> Iterator[Fault]:
    effects = drafts["project_effects"]
    zone, colon, form = element.partition(":")
    if not colon:
        message = "must be zone_id:form_id for the effect 'allows_form'"
        yield effects.fault(index, "element_id", message)
        return
    for part, name, column in ((zone, "zones", "zone_id"), (form, "forms", "form_id")):
        target = drafts[name]
        if target.readable and column not in target.absent and part not in target.texts(column):
            hint = did_you_mean(part, target.texts(column))
            message = f"{part!r} is not a {column} of {target.file}.{hint}"
            yield effects.fault(index, "element_id", message)


def check_waiting(drafts: Drafts) -> Iterator[Fault]:
    """What needs a project has one that opens it; what a project opens needs one."""
    effects = drafts["project_effects"]
    if not effects.readable or effects.absent:
        return
    opened: dict[str, dict[str, int]] = {name: {} for name in _WAITING.values()}
    for index, (effect, element) in enumerate(
        zip(effects.texts("effect"), effects.texts("element_id"), strict=True)
    ):
        if effect in _WAITING:
            opened[_WAITING[effect]].setdefault(element, index)
    for name, elements in opened.items():
        draft = drafts[name]
        ids = draft.texts(draft.table.key[0])
        flags = draft.numbers("needs_project")
        for index, (element, flag) in enumerate(zip(ids, flags, strict=True)):
            if draft.is_bad(index, "needs_project", draft.table.key[0]):
                continue
            if flag == 1 and element not in elements:
                message = f"is 1, but no row of {effects.file} opens {element!r}; add one, or 0"
                yield draft.fault(index, "needs_project", message)
            elif flag == 0 and element in elements:
                message = f"is open without a project: set needs_project to 1 in {draft.file}"
                yield effects.fault(elements[element], "element_id", message)


def check_prerequisites(drafts: Drafts) -> Iterator[Fault]:
    """No project needs itself, directly or in a circle, or excludes what it needs."""
    projects = drafts["projects"]
    ids = projects.texts("project_id")
    needs = dict(zip(ids, projects.many("needs_project_id"), strict=True))
    excludes = dict(zip(ids, projects.many("excludes_project_id"), strict=True))
    told: set[str] = set()
    for index, project in enumerate(ids):
        if project in excludes[project]:
            yield projects.fault(index, "excludes_project_id", "a project cannot exclude itself")
        for other in needs[project]:
            if other != project and project not in excludes[project]:
                pair = other in excludes[project] or project in excludes.get(other, ())
                if pair:
                    message = f"{other!r} is needed and excluded; the project could never be built"
                    yield projects.fault(index, "needs_project_id", message)
        circle = _circle(project, needs)
        if circle and not told & set(circle):
            told |= set(circle)
            message = f"the projects need each other in a circle: {' -> '.join(circle)}"
            yield projects.fault(index, "needs_project_id", message)


def _circle(start: str, needs: Mapping[str, list[str]]) -> list[str]:
    """A way from the project back to itself, or nothing."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        for other in needs.get(path[-1], ()):
            if other == start:
                return [*path, start]
            if other not in seen:
                seen.add(other)
                paths.append([*path, other])
    return []
