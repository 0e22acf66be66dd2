"""Shares that must sum to 1, or stay below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault

Drafts = Mapping[str, DraftTable]
TOLERANCE = 1e-6


def check_shares(drafts: Drafts) -> Iterator[Fault]:
    """Shares of regions and outputs sum to 1, of inputs to less than 1."""
    whole = "sums to {total:.9g} over {group}, must be 1: correct the shares"
    yield from _sums(drafts["regions"], ("region_id", "role"), "share", whole, exact=True)
    yield from _sums(drafts["outputs"], ("industry_id",), "share", whole, exact=True)
    less = "sums to {total:.9g} over {group}: inputs must be worth less than the output, below 1"
    inputs = drafts["inputs"]
    yield from _sums(inputs, ("industry_id",), "share_of_output_value", less, exact=False)
    yield from _industries_without_outputs(drafts)
    yield from _roles(drafts)


def _sums(
    draft: DraftTable, group: tuple[str, ...], column: str, message: str, *, exact: bool
) -> Iterator[Fault]:
    """One fault per group, at its first row."""
    groups: dict[tuple[str, ...], list[int]] = {}
    spoiled = set()
    for index, key in enumerate(zip(*(draft.texts(g) for g in group), strict=True)):
        groups.setdefault(key, []).append(index)
        if draft.is_bad(index, column, *group):
            spoiled.add(key)
    values = draft.numbers(column)
    for key, rows in groups.items():
        if key in spoiled:
            continue
        total = math.fsum(values[rows])
        good = abs(total - 1) <= TOLERANCE if exact else total < 1
        if not good:
            text = message.format(total=total, group="/".join(key))
            yield draft.fault(rows[0], column, text)


def _industries_without_outputs(drafts: Drafts) -> Iterator[Fault]:
    """Once markets are given, every industry needs one, or its goods would travel for nothing."""
    outputs, industries = drafts["outputs"], drafts["industries"]
    if not len(outputs) or outputs.absent or not outputs.readable:
        return
    sold = set(outputs.texts("industry_id"))
    for index, industry in enumerate(industries.texts("industry_id")):
        if industry not in sold and not industries.is_bad(index, "industry_id"):
            message = f"has no row in {outputs.file}, so its output goes nowhere; add its markets"
            yield industries.fault(index, "industry_id", message)


def _roles(drafts: Drafts) -> Iterator[Fault]:
    """Inputs come from regions that are sources, outputs go to regions that are markets."""
    regions = drafts["regions"]
    if not regions.readable or {"region_id", "role"} & regions.absent:
        return
    roles: dict[str, set[str]] = {}
    for index, (region, role) in enumerate(
        zip(regions.texts("region_id"), regions.texts("role"), strict=True)
    ):
        if regions.is_bad(index, "region_id", "role"):
            role = "any"  # cannot be known
        roles.setdefault(region, set()).add(role)
    for name, wanted in (("inputs", "source"), ("outputs", "market")):
        draft = drafts[name]
        for index, region in enumerate(draft.texts("region_id")):
            has = roles.get(region)
            if has and not has & {wanted, "any"} and not draft.is_bad(index, "region_id"):
                message = f"{region!r} has no row with the role {wanted!r} in {regions.file}"
                yield draft.fault(index, "region_id", message)
