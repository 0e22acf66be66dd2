"""What plans could ever do, whatever the prices: hosts, most output, cost of not moving."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property

import numpy as np

from optimizer.plan.plan import Question
from optimizer.plan.verify.books import Books
from optimizer.plan.verify.facts import many
from optimizer.plan.verify.goods import MCNY


class Reach:
    """Limits that hold for every plan of an instance and a question."""

    def __init__(self, books: Books, question: Question) -> None:
        self.facts, self.network, self.goods = books.facts, books.network, books.goods
        self.books, self.production, self.question = books, books.production, question
        self.routes_today = books.routes_today(question.closed)
        facts = self.facts
        self.blocks_of: dict[str, list[tuple[str, str]]] = {i: [] for i in facts.industry}
        for key in facts.block:
            self.blocks_of[key[1]].append(key)
        volume = {key: row["volume_mcny_per_year"] for key, row in facts.block.items()}
        self.volume = {i: np.array([volume[b] for b in keys]) for i, keys in self.blocks_of.items()}
        self.total = {i: float(sizes.sum()) for i, sizes in self.volume.items()}
        self.whole = {
            i: all(int(facts.block[b]["whole"]) == 1 and volume[b] % 1 == 0 for b in keys)
            for i, keys in self.blocks_of.items()
        }
        self.number = {
            i: np.array([facts.block_number[b] for b in keys], dtype=np.int64)
            for i, keys in self.blocks_of.items()
        }
        self.total_teu = math.fsum(self.total[i] * self._most_teu(i) for i in facts.industry)
        self._most: dict[tuple[str, str], float] = {}
        self._stay: dict[tuple[str, str], float] = {}
        self._rival: dict[tuple[str, str], float] = {}

    def _most_teu(self, industry_id: str) -> float:
        """Return TEU on the way for one million CNY of output; the same in every zone and form."""
        form_id = next(iter(self.facts.form), None)
        if form_id is None or not self.facts.zone:
            return 0.0
        kinds = self.goods.kinds(form_id, industry_id, True)
        return math.fsum(kind.teu_per_mcny for kind in kinds if kind.far is not None)

    # -- hosting ---------------------------------------------------------------------------------

    def may_host(self, zone_id: str, industry_id: str) -> bool:
        """Return whether the tables and the question let the zone host the industry at all."""
        return (zone_id, industry_id) in self._hosts

    @cached_property
    def _hosts(self) -> set[tuple[str, str]]:
        facts = self.facts
        shut = {z for z in facts.zone if facts.zone_status(z, self.question) == "forbidden"}
        return {
            (z, i) for z, i in facts.eligible if z not in shut and not facts.blocked_by_rule(z, i)
        }

    def has_leaders(self, zone_id: str, industry_id: str) -> bool:
        """Return whether each chain that the industry follows could have its leader near enough."""
        return all(
            any(self.may_host(z, row["leader_industry_id"]) for z in self.near[n, zone_id])
            for n, row in enumerate(self.facts.chains)
            if row["follower_industry_id"] == industry_id
        )

    @cached_property
    def near(self) -> dict[tuple[int, str], list[str]]:
        """The zones within reach of a follower, by (number of the chain row, zone)."""
        if not self.facts.chains:
            return {}
        zones, hours = list(self.facts.zone), self.facts.hours_matrix()
        found = {}
        for n, row in enumerate(self.facts.chains):
            within = hours <= row["max_hours"] * (1 + 1e-6) + 1e-6
            for k, zone_id in enumerate(zones):
                found[n, zone_id] = [zones[other] for other in np.flatnonzero(within[k]).tolist()]
        return found

    def forms(self, zone_id: str, industry_id: str) -> set[str]:
        """Return the forms allowed there today or after some project that may be built."""
        forms = set(self.facts.eligible[zone_id, industry_id])
        for form_id in self.facts.form:
            openers = self.facts.form_openers(zone_id, form_id)
            if any(self.facts.project[p]["status"] != "forbidden" for p in openers):
                forms.add(form_id)
        return forms

    def most_output(self, zone_id: str, industry_id: str) -> float:
        """Return the most output of the industry that the zone's pools and curve can ever carry."""
        key = (zone_id, industry_id)
        if key not in self._most:
            self._most[key] = self._most_output(zone_id, industry_id)
        return self._most[key]

    def _most_output(self, zone_id: str, industry_id: str) -> float:
        facts = self.facts
        most = math.inf
        for pool_id in facts.pools_of_zone.get(zone_id, []):
            pool = facts.pool[pool_id]
            use = facts.use_per_mcny.get((industry_id, pool["factor_id"]), 0.0)
            if use > 0 and not pool["form_id"]:
                most = min(most, self.ceiling[pool_id] / use)
        cluster_id = facts.industry[industry_id]["cluster_id"]
        if cluster_id in facts.curve:
            most = min(most, float(facts.curve[cluster_id][0][-1]))
        return most

    def most_of_cluster(self, zone_id: str, industries: Collection[str]) -> float:
        """Return the most output of some industries together that the zone can ever carry.

        Each pool by itself: what uses least of it comes first, each industry up to its own most.
        """
        facts = self.facts
        alone = {i: min(self.most_output(zone_id, i), self.total[i]) for i in industries}
        most = math.fsum(alone.values())
        for pool_id in facts.pools_of_zone.get(zone_id, []):
            pool = facts.pool[pool_id]
            if pool["form_id"]:
                continue
            use = {i: facts.use_per_mcny.get((i, pool["factor_id"]), 0.0) for i in industries}
            left = self.ceiling[pool_id] * (1 + 1e-6) + 1e-6  # what the checks forgive
            total = 0.0
            for i in sorted(industries, key=use.__getitem__):
                comes = alone[i] if use[i] * alone[i] <= left else left / use[i]
                total, left = total + comes, left - use[i] * comes
            most = min(most, total)
        return most * (1 + 1e-6)

    @cached_property
    def ceiling(self) -> dict[str, float]:
        """The most that each pool can ever offer: all increments, modules and projects."""
        facts = self.facts
        ceiling = {p: row["endowment"] + row["increment_max"] for p, row in facts.pool.items()}
        for row in facts.module.values():
            ceiling[row["pool_id"]] += math.floor(row["max_count"]) * row["adds_per_module"]
        for (effect, element_id), amounts in facts.additions.items():
            if effect == "adds_pool":
                for project_id, amount in amounts.items():
                    if facts.project[project_id]["status"] != "forbidden":
                        ceiling[element_id] += amount
        return ceiling

    @cached_property
    def owner(self) -> dict[str, str]:
        """The one zone without which a pool is of no use, by pool; '' where there is none.

        Buying for such a pool is worth nothing while the zone is shut, so it counts only with it.
        """
        drawn = {row["uses_pool_id"] for row in self.facts.module.values()} - {""}
        return {pool_id: self._owner(pool_id, drawn) for pool_id in self.facts.pool}

    def _owner(self, pool_id: str, drawn: set[str]) -> str:
        facts = self.facts
        members = set(facts.members.get(pool_id, []))
        for row in facts.module.values() if pool_id in drawn else ():
            if row["uses_pool_id"] == pool_id:
                if row["pool_id"] in drawn:
                    return ""  # a chain of pools: leave it
                members |= set(facts.members.get(row["pool_id"], [])) or {""}
        return members.pop() if len(members) == 1 else ""

    def most_industries(self) -> int:
        """Return how many industries one zone may host."""
        limits = [
            r["value"] for r in self.facts.rules
            if r["kind"] == "max_industries_per_zone" and not math.isnan(r["value"])
        ]  # fmt: skip
        return int(max(0, min(limits, default=len(self.facts.industry)) + 1e-9))

    # -- zones -----------------------------------------------------------------------------------

    def least_zones(self, opened: Collection[str] = (), shut: Collection[str] = ()) -> float:
        """Return how many zones must open at least to take what must move; existing ones are.

        Zones in ``opened`` count in any case, those in ``shut`` cannot; inf where the rest cannot
        take it. Each zone has the most that its pools and curves can ever carry.
        """
        need, room = self._room
        left, count = need, 0
        free = []
        for zone_id, takes in room.items():
            if zone_id in opened:
                left, count = left - takes, count + 1
            elif zone_id not in shut:
                free.append(takes)
        if left <= 0:
            return count
        held = np.cumsum(sorted(free, reverse=True))
        if not len(held) or held[-1] < left:
            return math.inf
        return count + int(np.searchsorted(held, left)) + 1

    @cached_property
    def _room(self) -> tuple[float, dict[str, float]]:
        """What must come to zones that do not exist yet (mcny), and the most of each of these."""
        facts = self.facts
        need = math.fsum(row["volume_mcny_per_year"] * self._share_to_zones(key)
                         for key, row in facts.block.items())  # fmt: skip
        need *= 1 - 2e-6  # what the tolerance of volumes and capacities forgives
        room = {}
        for zone_id, row in facts.zone.items():
            takes = math.fsum(
                min(self.most_output(zone_id, i), self.total[i])
                for i in facts.industry
                if self.may_host(zone_id, i)
            )
            if row["status"] == "existing":
                need -= takes
            else:
                room[zone_id] = takes
        return need, room

    def _share_to_zones(self, block: tuple[str, str]) -> float:
        """Return the share of a block that must come to zones: it can neither stay nor go away."""
        row = self.facts.block[block]
        if int(row["may_stay"]) == 1:
            return 0.0
        taken = math.fsum(
            rival["max_share_of_block"]
            for rival in self.facts.rival.values()
            if not rival["industry_id"] or block[1] in many(rival["industry_id"])
        )
        return max(0.0, 1.0 - taken)

    # -- what does not go to a zone --------------------------------------------------------------

    def stay_unit_mcny(self, origin_id: str, industry_id: str) -> float:
        """Return the cost of one million CNY of output that stays, million CNY; inf: no route."""
        key = (origin_id, industry_id)
        if key not in self._stay:
            origin = self.facts.origin[origin_id]
            parts = self.production.at_origin(origin_id, industry_id)
            way = self.routes_today.cost_per_mcny(
                origin["place_id"], origin["form_id"], industry_id
            )
            self._stay[key] = (math.fsum(parts.values()) + way) / MCNY
        return self._stay[key]

    def rival_unit_mcny(self, rival_id: str, industry_id: str) -> float:
        """Return the cost of one million CNY of output at a rival, million CNY; inf: no route."""
        key = (rival_id, industry_id)
        if key not in self._rival:
            form_id = self.facts.rival[rival_id]["form_id"]
            parts = self.production.at_rival(rival_id, industry_id)
            way = self.routes_today.cost_per_mcny(rival_id, form_id, industry_id)
            self._rival[key] = (math.fsum(parts.values()) + way) / MCNY
        return self._rival[key]

    # -- the network -----------------------------------------------------------------------------

    def most_load(self, service_id: str) -> float:
        """Return more TEU than the zones' goods can ever put on a service.

        A route visits no node twice, so it uses a link at most once in each regime.
        """
        arcs = (arc for arc in self.network.arcs if arc.service_id == service_id)
        uses = len({(arc.row_id, arc.tail[2]) for arc in arcs})
        return uses * self.total_teu
