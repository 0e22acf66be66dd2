"""Rules, chains, agglomeration, modules and moves that say what can be understood."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

from instances.draft import DraftTable
from instances.errors import Fault
from instances.sheets import did_you_mean

Drafts = Mapping[str, DraftTable]
_FIELDS = ("industry_id", "zone_kind", "zone_id", "prefecture_id", "value")
# what each kind of rule needs, and what it may have besides
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "industry_only_in_zone_kind": (("industry_id", "zone_kind"), ()),
    "industry_not_in_zone_kind": (("industry_id", "zone_kind"), ()),
    "industry_not_in_zone": (("industry_id", "zone_id"), ()),
    "max_zones": (("value",), ()),
    "min_zones": (("value",), ()),
    "max_industries_per_zone": (("value",), ()),
    "budget_mcny": (("value",), ()),
    "min_share_of_prefecture": (("prefecture_id", "value"), ()),
    "max_share_of_prefecture": (("prefecture_id", "value"), ()),
    "min_absorbed_share": (("value",), ("industry_id",)),
    "max_new_projects": (("value",), ()),
}
_WHOLE = ("max_zones", "min_zones", "max_industries_per_zone", "max_new_projects")
_SHARES = ("min_share_of_prefecture", "max_share_of_prefecture", "min_absorbed_share")


def check_rules(drafts: Drafts) -> Iterator[Fault]:
    """A rule has the fields its kind needs and no others, and a value that its kind can have."""
    rules, zones = drafts["rules"], drafts["zones"]
    prefectures = set(zones.texts("prefecture_id")) - {""}
    frame = rules.frame
    for index, kind in enumerate(rules.texts("kind")):
        if rules.is_bad(index, "kind"):
            continue
        needed, allowed = _NEEDS[kind]
        for column in _FIELDS:
            if rules.is_bad(index, column):
                continue
            cell = frame[column].iloc[index]
            empty = cell == "" or cell != cell
            if column in needed and empty:
                yield rules.fault(index, column, f"is empty; a rule of kind {kind!r} needs it")
            elif not empty and column not in needed + allowed:
                message = f"has no meaning for a rule of kind {kind!r}; empty the cell"
                yield rules.fault(index, column, message)
            elif not empty and column == "value":
                problem = _value_problem(kind, float(cell))
                if problem:
                    yield rules.fault(index, column, problem)
            elif (
                not empty
                and column == "prefecture_id"
                and cell not in prefectures
                and zones.readable
            ):
                hint = did_you_mean(str(cell), prefectures)
                message = f"no zone of {zones.file} has the prefecture {cell!r}.{hint}"
                yield rules.fault(index, column, message)


def _value_problem(kind: str, value: float) -> str:
    if value < 0:
        return "must be at least 0"
    if kind in _WHOLE and value != int(value):
        return f"must be a whole number for a rule of kind {kind!r}"
    if kind in _SHARES and value > 1:
        return "must be a share of at most 1 (0.3 for 30 %)"
    return ""


def check_chains(drafts: Drafts) -> Iterator[Fault]:
    """A chain has one leader, which does not follow itself."""
    chains = drafts["chains"]
    leaders: dict[str, tuple[str, int]] = {}
    rows = zip(
        chains.texts("chain_id"), chains.texts("leader_industry_id"),
        chains.texts("follower_industry_id"), strict=True,
    )  # fmt: skip
    for index, (chain, leader, follower) in enumerate(rows):
        if chains.is_bad(index, "chain_id", "leader_industry_id", "follower_industry_id"):
            continue
        if leader == follower:
            message = "is the leader of the same row; an industry cannot follow itself"
            yield chains.fault(index, "follower_industry_id", message)
        first, row = leaders.setdefault(chain, (leader, int(chains.rows[index])))
        if first != leader:
            message = f"the chain has the leader {first!r} in row {row}; use another chain_id"
            yield chains.fault(index, "leader_industry_id", message)


def check_agglomeration(drafts: Drafts) -> Iterator[Fault]:
    """A curve starts at volume 0 and change 0, and its points go on with larger volumes."""
    curve, industries = drafts["agglomeration"], drafts["industries"]
    volumes = curve.numbers("volume_mcny_per_year")
    changes = curve.numbers("cost_change_mcny_per_year")
    points = curve.numbers("point")
    clusters: dict[str, list[int]] = {}
    for index, cluster in enumerate(curve.texts("cluster_id")):
        if not curve.is_bad(index, "cluster_id", "point"):
            clusters.setdefault(cluster, []).append(index)
    known = set(industries.texts("cluster_id")) - {""}
    for cluster, indices in clusters.items():
        rows = sorted(indices, key=lambda i: points[i])
        if industries.readable and cluster not in known:
            hint = did_you_mean(cluster, known)
            message = f"no industry of {industries.file} has the cluster {cluster!r}.{hint}"
            yield curve.fault(rows[0], "cluster_id", message)
        if len(rows) < 2:
            yield curve.fault(rows[0], "point", "the curve has one point only; it needs two")
        for position, index in enumerate(rows):
            if points[index] != position:
                previous = f"after point {position - 1}" if position else "first"
                message = f"point {position} is expected {previous}; number points 0, 1, 2, ..."
                yield curve.fault(index, "point", message)
                break
        start = rows[0]
        if points[start] == 0 and volumes[start] != 0 and not math.isnan(volumes[start]):
            yield curve.fault(start, "volume_mcny_per_year", "must be 0 at point 0")
        if points[start] == 0 and changes[start] != 0 and not math.isnan(changes[start]):
            yield curve.fault(start, "cost_change_mcny_per_year", "must be 0 at point 0")
        for before, index in pairwise(rows):
            if volumes[index] <= volumes[before] and points[index] != points[before]:
                message = f"must be above the {volumes[before]:g} of the point before"
                yield curve.fault(index, "volume_mcny_per_year", message)


def check_modules(drafts: Drafts) -> Iterator[Fault]:
    """Modules come in whole numbers and do not use the pool that they add to."""
    modules = drafts["modules"]
    counts = modules.numbers("max_count")
    for index in range(len(modules)):
        if not math.isnan(counts[index]) and counts[index] != math.floor(counts[index]):
            yield modules.fault(index, "max_count", "must be a whole number")
        pool, used = (modules.frame[c].iloc[index] for c in ("pool_id", "uses_pool_id"))
        if used and pool == used:
            message = "is the pool that the module adds to; name another one or none"
            yield modules.fault(index, "uses_pool_id", message)


def check_moves(drafts: Drafts) -> Iterator[Fault]:
    """Moves speak of blocks that there are."""
    moves, blocks = drafts["moves"], drafts["blocks"]
    if not blocks.readable or blocks.absent & {"origin_id", "industry_id"}:
        return
    known = set(zip(blocks.texts("origin_id"), blocks.texts("industry_id"), strict=True))
    origins = set(drafts["origins"].texts("origin_id"))
    industries = set(drafts["industries"].texts("industry_id"))
    pairs = list(zip(moves.texts("origin_id"), moves.texts("industry_id"), strict=True))
    if known.issuperset(pairs):
        return
    for index, (origin, industry) in enumerate(pairs):
        if moves.is_bad(index, "origin_id", "industry_id") or (origin, industry) in known:
            continue
        if origin in origins and industry in industries:  # else told as an unknown id
            message = f"{blocks.file} has no block {origin}/{industry}; delete the row or add it"
            yield moves.fault(index, "industry_id", message, f"{origin}/{industry}")
