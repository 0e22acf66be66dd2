"""Volume that must move against all there is to take it: a necessary condition, on the safe side.

What is reported here is impossible whatever the plan; what is not reported may still be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from instances.draft import DraftTable
from instances.errors import Fault

Drafts = Mapping[str, DraftTable]
_USED = {
    "blocks": ("industry_id", "volume_mcny_per_year", "may_stay"),
    "zones": ("zone_id", "status"),
    "eligibility": ("zone_id", "industry_id"),
    "rivals": ("capacity_mcny_per_year", "max_share_of_block", "industry_id"),
    "pools": ("pool_id", "factor_id", "endowment", "increment_max", "form_id"),
    "pool_members": ("pool_id", "zone_id"),
    "modules": ("pool_id", "max_count", "adds_per_module"),
    "project_effects": ("effect", "element_id", "amount"),
    "industry_factors": ("industry_id", "factor_id", "use_per_mcny"),
    "industries": ("industry_id",),
}


@dataclass(frozen=True)
class _Block:
    index: int
    industry: str
    volume: float
    rival_share: float  # most of it that rivals can take


def check_capacity(drafts: Drafts) -> Iterator[Fault]:
    """Blocks that must move have a host, and all of them together fit into what there is."""
    if any(_spoiled(drafts[name], columns) for name, columns in _USED.items()):
        return
    blocks = _must_move(drafts)
    if not blocks:
        return
    yield from _homeless(drafts, blocks)
    yield from _too_much(drafts, blocks)


def _spoiled(draft: DraftTable, columns: tuple[str, ...]) -> bool:
    return not draft.readable or any(c in draft.absent or draft.bad.get(c) for c in columns)


def _must_move(drafts: Drafts) -> list[_Block]:
    draft, rivals = drafts["blocks"], drafts["rivals"]
    takes = list(zip(rivals.many("industry_id"), rivals.numbers("max_share_of_block"), strict=True))
    found = []
    rows = zip(
        draft.texts("industry_id"), draft.numbers("volume_mcny_per_year"),
        draft.numbers("may_stay"), strict=True,
    )  # fmt: skip
    for index, (industry, volume, may_stay) in enumerate(rows):
        if may_stay == 0 and volume > 0:
            share = math.fsum(s for i, s in takes if not i or industry in i)
            found.append(_Block(index, industry, float(volume), min(1.0, share)))
    return found


def _homeless(drafts: Drafts, blocks: list[_Block]) -> Iterator[Fault]:
    eligibility, draft = drafts["eligibility"], drafts["blocks"]
    forbidden = {
        zone
        for zone, status in zip(
            drafts["zones"].texts("zone_id"), drafts["zones"].texts("status"), strict=True
        )
        if status == "forbidden"
    }
    hosted = {
        industry
        for zone, industry in zip(
            eligibility.texts("zone_id"), eligibility.texts("industry_id"), strict=True
        )
        if zone not in forbidden
    }
    if not hosted <= set(drafts["industries"].texts("industry_id")):
        return  # a slip of the pen in eligibility, told already, may be the reason
    for block in blocks:
        if block.industry not in hosted and block.rival_share < 1:
            message = (
                f"must move, but no zone may host {block.industry!r} and rivals can take "
                f"{block.rival_share:.0%} of it at most; add eligibility or set may_stay to 1"
            )
            yield draft.fault(block.index, "may_stay", message)


def _too_much(drafts: Drafts, blocks: list[_Block]) -> Iterator[Fault]:
    """At least ``use x volume`` less what rivals can take of it goes into the factor's pools."""
    factors, draft = drafts["industry_factors"], drafts["blocks"]
    use = {
        (factor, industry): float(amount)
        for factor, industry, amount in zip(
            factors.texts("factor_id"), factors.texts("industry_id"),
            factors.numbers("use_per_mcny"), strict=True,
        )
    }  # fmt: skip
    rival_room = math.fsum(drafts["rivals"].numbers("capacity_mcny_per_year"))
    for factor, room in _factor_room(drafts).items():
        needs = sorted(
            ((use.get((factor, b.industry), 0.0), b) for b in blocks),
            key=lambda item: -item[0],
        )
        left, least = rival_room, 0.0
        for amount, block in needs:  # rivals take what needs the factor most
            taken = min(left, block.volume * block.rival_share)
            left -= taken
            least += amount * (block.volume - taken)
        if least > room * (1 + 1e-9):
            total = math.fsum(b.volume for b in blocks)
            message = (
                f"the blocks that must move ({total:g} mcny a year) need {least:g} of {factor!r} "
                f"in the zones even if rivals take all they can, but all pools, increments, "
                f"modules and projects give {room:g}; set may_stay to 1 or add capacity"
            )
            yield draft.fault(blocks[0].index, "volume_mcny_per_year", message)


def _factor_room(drafts: Drafts) -> dict[str, float]:
    """All that the pools of a factor can ever hold; only factors that bind every zone."""
    pools, members = drafts["pools"], drafts["pool_members"]
    ids = pools.texts("pool_id")
    factor_of = dict(zip(ids, pools.texts("factor_id"), strict=True))
    all_forms = {p for p, forms in zip(ids, pools.many("form_id"), strict=True) if not forms}
    room = {
        pool: float(now + more)
        for pool, now, more in zip(
            ids, pools.numbers("endowment"), pools.numbers("increment_max"), strict=True
        )
    }
    modules, effects = drafts["modules"], drafts["project_effects"]
    for pool, count, adds in zip(
        modules.texts("pool_id"), modules.numbers("max_count"),
        modules.numbers("adds_per_module"), strict=True,
    ):  # fmt: skip
        if pool in room:
            room[pool] += float(count * adds)
    for effect, element, amount in zip(
        effects.texts("effect"), effects.texts("element_id"), effects.numbers("amount"), strict=True
    ):
        if effect == "adds_pool" and element in room:
            room[element] += float(amount)
    zones = set(drafts["zones"].texts("zone_id"))
    covered: dict[str, set[str]] = {}
    for pool, zone in zip(members.texts("pool_id"), members.texts("zone_id"), strict=True):
        if pool in all_forms:  # a pool that is not known is told elsewhere
            covered.setdefault(factor_of[pool], set()).add(zone)
    return {
        factor: math.fsum(room[p] for p in ids if factor_of[p] == factor and p in all_forms)
        for factor, has in covered.items()
        if zones <= has
    }
