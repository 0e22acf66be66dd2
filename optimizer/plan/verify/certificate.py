"""The bound that the prices of a certificate prove: Lagrangian relaxation, zone by zone.

docs/verify.md states the formula and why it holds for every vector of prices.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar

from optimizer.plan.plan import Question
from optimizer.plan.verify.arcs import Network
from optimizer.plan.verify.decisions import volume_of
from optimizer.plan.verify.facts import Facts, Row, many
from optimizer.plan.verify.gates import Gates
from optimizer.plan.verify.goods import MCNY, GoodsBook
from optimizer.plan.verify.prices import Prices, target_of
from optimizer.plan.verify.production import Production
from optimizer.plan.verify.routes import Routes, possible_services, usable_ever

MOST_STEPS = 20_000  # capacities up to which whole blocks are packed exactly


class Hosting:
    """One industry in one zone: what hosting it is worth at least, by the reduced costs.

    ``cost`` (mcny per mcny) and ``volume`` (mcny a year) are by block; ``most`` caps the output.
    ``whole``: every block comes whole or not at all, and volumes are whole numbers.
    """

    def __init__(
        self,
        setup: float,
        min_scale: float,
        most: float,
        cost: np.ndarray,
        volume: np.ndarray,
        *,
        whole: bool = False,
    ) -> None:
        order = np.argsort(cost, kind="stable")
        self.setup, self.min_scale = setup, min_scale
        self.cost, volume = cost[order], volume[order]
        before = np.cumsum(volume) - volume
        self.room = np.clip(most - before, 0.0, volume)  # cheapest blocks first, up to the cap
        self.before = np.cumsum(self.room) - self.room
        self.most = float(self.room.sum())
        self.volume = volume if whole and most < MOST_STEPS else None
        self.limit = most

    def least(self, slope: float) -> float:
        """Return the least value of hosting or not, each million CNY of output ``slope`` dearer."""
        if self.most < self.min_scale * (1 - 1e-9):
            return 0.0  # all that can come is too little: it cannot be hosted
        cost = self.cost + slope
        taken = np.where(cost < 0, self.room, np.clip(self.min_scale - self.before, 0.0, self.room))
        inside = float(cost @ taken)
        if self.volume is not None and self.setup + inside < 0:
            inside = max(inside, _least_of_whole(cost * self.volume, self.volume, self.limit))
        return min(0.0, self.setup + inside)


def _least_of_whole(value: np.ndarray, volume: np.ndarray, most: float) -> float:
    """Return the least sum of values of blocks that fit whole into ``most`` (a 0-1 knapsack).

    The tolerance of the checks is granted here too, or a plan could be better than the bound.
    """
    room = math.floor(min(most * (1 + 1e-6), float(volume.sum())) + 1e-6)
    best = np.zeros(room + 1)
    for worth, size in zip(value.tolist(), volume.astype(np.int64).tolist(), strict=True):
        if worth < 0 and size <= room:
            np.minimum(best[size:], best[: room + 1 - size] + worth, out=best[size:])
    return float(best[room])


class Bound:
    """Evaluates the bound of one price vector (objective cost)."""

    def __init__(
        self,
        facts: Facts,
        network: Network,
        goods: GoodsBook,
        production: Production,
        question: Question,
        prices: Prices,
        stay_routes: Routes,
    ) -> None:
        self.facts, self.network, self.goods, self.production = facts, network, goods, production
        self.question, self.prices, self.stay_routes = question, prices, stay_routes
        surcharge = np.array([
            MCNY * (math.fsum(prices.bottleneck.get(b, 0.0) for b in arc.bottlenecks)
                    + prices.service.get(arc.service_id, 0.0))
            for arc in network.arc.values()
        ], dtype=float)  # fmt: skip
        usable = usable_ever(network, question.closed)
        self.gates = Gates(facts, network, goods, prices, usable)
        surcharge += self.gates.surcharge
        self.routes = Routes(network, goods, usable, surcharge, self.gates.own)
        self.priced_rules = [r for r in facts.rules if prices.rule.get(r["rule_id"], 0.0) != 0.0]
        self.near = self._zones_near()
        self.chain_price = self._chain_prices()
        self.drawn = {row["uses_pool_id"] for row in facts.module.values()} - {""}
        self.ceiling = self._ceilings()
        self.owner = {pool_id: self._owner(pool_id) for pool_id in facts.pool}
        self.bought: dict[str, list[float]] = {}  # by owning zone: values of what it may buy
        for row in facts.module.values():
            owner = self.owner[row["pool_id"]]
            self.bought.setdefault(owner, []).append(self._modules(row))
        for pool_id, row in facts.pool.items():
            self.bought.setdefault(self.owner[pool_id], []).append(self._increments(pool_id, row))
        self.blocks_of: dict[str, list[tuple[str, str]]] = {i: [] for i in facts.industry}
        for key in facts.block:
            self.blocks_of[key[1]].append(key)
        volume = {key: row["volume_mcny_per_year"] for key, row in facts.block.items()}
        self.volume = {i: np.array([volume[b] for b in keys]) for i, keys in self.blocks_of.items()}
        self.whole = {
            i: all(int(facts.block[b]["whole"]) == 1 and volume[b] % 1 == 0 for b in keys)
            for i, keys in self.blocks_of.items()
        }
        self.number = {
            i: np.array([facts.block_number[b] for b in keys], dtype=np.int64)
            for i, keys in self.blocks_of.items()
        }
        self.total_teu = math.fsum(
            float(self.volume[i].sum()) * self._most_teu(i) for i in facts.industry
        )
        self.block_price = {
            i: np.array([prices.block.get(b, 0.0) for b in keys])
            for i, keys in self.blocks_of.items()
        }

    def value(self) -> float:
        """Return the bound, million CNY a year."""
        facts = self.facts
        return math.fsum([
            *self._right_hand_sides(),
            *(self._zone(zone_id) for zone_id in facts.zone),
            *(self._stay_or_rival(*key) for key in facts.block),
            *self.bought.get("", ()),
            *(self._project(project_id, row) for project_id, row in facts.project.items()),
            *self._services(),
        ])  # fmt: skip

    def _most_teu(self, industry_id: str) -> float:
        """Return TEU on the way for one million CNY of output; the same in every zone and form."""
        zone_id = next(iter(self.facts.zone), None)
        if zone_id is None:
            return 0.0
        goods = self.goods.of(zone_id, next(iter(self.facts.form)), industry_id)
        return math.fsum(g.teu_per_mcny for g in goods.values() if g.tail is not None)

    # -- what the priced rows allow --------------------------------------------------------------

    def _right_hand_sides(self) -> list[float]:
        facts, prices, question = self.facts, self.prices, self.question
        terms = [p * facts.block[b]["volume_mcny_per_year"] for b, p in prices.block.items()]
        terms += [-p * facts.pool[k]["endowment"] for k, p in prices.pool.items()]
        terms += [-p * facts.rival[r]["capacity_mcny_per_year"] for r, p in prices.rival.items()]
        terms += [-p * facts.rival_limit[k] for k, p in prices.rival_limit.items() if p]
        for bottleneck_id, price in prices.bottleneck.items():
            terms.append(-price * facts.bottleneck[bottleneck_id]["capacity_teu_per_year"])
        terms += [
            -prices.service.get(s, 0.0) * facts.service[s]["capacity_teu_per_year"]
            for s in self.network.running_today()
            if s in prices.service
        ]
        terms += [-price for price in prices.excludes.values()]
        if prices.count:
            terms.append(prices.count * self._least_zones())
        target = target_of(facts, question)
        if target is not None:
            terms.append(prices.target * target)
        for industry_id, target in question.industry_targets:
            terms.append(prices.industry_target.get(industry_id, 0.0) * target)
        if question.budget_mcny is not None:
            terms.append(-prices.budget * question.budget_mcny)
        for rule in self.priced_rules:
            price, value = prices.rule[rule["rule_id"]], rule["value"]
            if rule["kind"] == "min_zones":
                terms.append(price * value)
            elif rule["kind"] == "min_absorbed_share":
                industries = many(rule["industry_id"]) or tuple(facts.industry)
                terms.append(price * value * volume_of(facts, industries))
            elif rule["kind"] in ("max_zones", "budget_mcny", "max_new_projects"):
                terms.append(-price * value)
        return terms

    def _capital_price(self) -> float:
        """Return the price of one million CNY of public outlay."""
        rules = (
            self.prices.rule[r["rule_id"]] for r in self.priced_rules if r["kind"] == "budget_mcny"
        )
        return self.prices.budget + math.fsum(rules)

    # -- one zone --------------------------------------------------------------------------------

    def _zone(self, zone_id: str) -> float:
        status = self.facts.zone_status(zone_id, self.question)
        if status == "forbidden":
            return 0.0
        opening = self.facts.opening_mcny_per_year(zone_id)
        opening += self._capital_price() * self.facts.opening_capital_mcny(zone_id)
        if self.facts.zone[zone_id]["status"] != "existing":
            for rule in self.priced_rules:
                if rule["kind"] in ("max_zones", "min_zones"):
                    sign = 1.0 if rule["kind"] == "max_zones" else -1.0
                    opening += sign * self.prices.rule[rule["rule_id"]]
            opening -= self.prices.count
        value = opening + self._inside(zone_id) + math.fsum(self.bought.get(zone_id, ()))
        return value if status == "required" else min(0.0, value)

    def _least_zones(self) -> int:
        """Return how many zones must open at least to take what must move; existing ones are."""
        facts = self.facts
        need = math.fsum(row["volume_mcny_per_year"] * self._share_to_zones(key)
                         for key, row in facts.block.items())  # fmt: skip
        need *= 1 - 2e-6  # what the tolerance of volumes and capacities forgives
        room = []
        for zone_id, row in facts.zone.items():
            takes = math.fsum(
                min(self._most_output(zone_id, i), float(self.volume[i].sum()))
                for i in facts.industry
                if self._may_host(zone_id, i)
            )
            if row["status"] == "existing":
                need -= takes
            else:
                room.append(takes)
        held = np.cumsum(sorted(room, reverse=True))
        return 0 if need <= 0 else min(len(room), int(np.searchsorted(held, need)) + 1)

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

    def _inside(self, zone_id: str) -> float:
        """Return the least value of what an open zone hosts; a curve counts by its best slope."""
        clusters: dict[str, list[Hosting]] = {}
        for industry_id in self.facts.industry:
            hosting = self._hosting(zone_id, industry_id)
            if hosting is not None:
                cluster_id = self.facts.industry[industry_id]["cluster_id"]
                curve = cluster_id if cluster_id in self.facts.curve else ""
                clusters.setdefault(curve, []).append(hosting)
        values: list[float] = []  # of each industry at its cluster's slope
        constants: list[float] = []
        for cluster_id, hostings in clusters.items():
            slope, constant = 0.0, 0.0
            if cluster_id:
                slope, constant = _best_slope(hostings, *self.facts.curve[cluster_id])
            values += [hosting.least(slope) for hosting in hostings]
            constants.append(constant)
        most = self._most_industries()
        if most < len(values):
            values = sorted(values)[:most]
        return math.fsum(constants + values)

    def _most_industries(self) -> int:
        limits = [
            r["value"] for r in self.facts.rules
            if r["kind"] == "max_industries_per_zone" and not math.isnan(r["value"])
        ]  # fmt: skip
        return int(max(0, min(limits, default=len(self.facts.industry)) + 1e-9))

    def _hosting(self, zone_id: str, industry_id: str) -> Hosting | None:
        """Return the numbers of an industry in a zone, or None where it cannot be there."""
        facts = self.facts
        if not self._may_host(zone_id, industry_id) or not self._has_leaders(zone_id, industry_id):
            return None
        unit = min(
            (
                self._unit_cost(zone_id, industry_id, form_id)
                for form_id in self._forms(zone_id, industry_id)
            ),
            default=math.inf,
        )
        industry = facts.industry[industry_id]
        setup = industry["host_setup_mcny_per_year"]
        setup += self.chain_price.get((zone_id, industry_id), 0.0)
        scale = industry["min_scale_mcny_per_year"]
        if unit == math.inf:  # it may be hosted, and nothing can come
            return Hosting(setup, scale, 0.0, np.zeros(0), np.zeros(0))
        own = facts.move_cost[self.number[industry_id], facts.zone_number[zone_id]] / MCNY
        cost = unit + own - self.block_price[industry_id]
        most = self._most_output(zone_id, industry_id)
        whole = self.whole[industry_id] and industry["cluster_id"] not in facts.curve
        return Hosting(setup, scale, most, cost, self.volume[industry_id], whole=whole)

    def _may_host(self, zone_id: str, industry_id: str) -> bool:
        """Return whether the tables and the question let the zone host the industry at all."""
        facts = self.facts
        return (
            (zone_id, industry_id) in facts.eligible
            and facts.zone_status(zone_id, self.question) != "forbidden"
            and not facts.blocked_by_rule(zone_id, industry_id)
        )

    def _has_leaders(self, zone_id: str, industry_id: str) -> bool:
        """Return whether each chain that the industry follows could have its leader near enough."""
        return all(
            any(self._may_host(z, row["leader_industry_id"]) for z in self.near[n, zone_id])
            for n, row in enumerate(self.facts.chains)
            if row["follower_industry_id"] == industry_id
        )

    def _chain_prices(self) -> dict[tuple[str, str], float]:
        """Return what the prices of chains add to hosting, by (zone, industry), mcny a year."""
        change: dict[tuple[str, str], float] = {}
        for n, row in enumerate(self.facts.chains):
            follower, leader = row["follower_industry_id"], row["leader_industry_id"]
            for zone_id in self.facts.zone:
                price = self.prices.chain.get((row["chain_id"], zone_id, follower), 0.0)
                if price:
                    change[zone_id, follower] = change.get((zone_id, follower), 0.0) + price
                    for other_id in self.near[n, zone_id]:
                        change[other_id, leader] = change.get((other_id, leader), 0.0) - price
        return change

    def _zones_near(self) -> dict[tuple[int, str], list[str]]:
        """Return the zones within reach of a follower, by (number of the chain row, zone)."""
        if not self.facts.chains:
            return {}
        zones = list(self.facts.zone)
        hours = {(a, b): self.facts.hours_between(a, b) for a in zones for b in zones}
        return {
            (n, a): [b for b in zones if hours[a, b] <= row["max_hours"] * (1 + 1e-6) + 1e-6]
            for n, row in enumerate(self.facts.chains)
            for a in zones
        }

    def _most_output(self, zone_id: str, industry_id: str) -> float:
        """Return the most output of the industry that the zone's pools and curve can ever carry."""
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

    def _ceilings(self) -> dict[str, float]:
        """Return the most that each pool can ever offer: all increments, modules and projects."""
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

    def _owner(self, pool_id: str) -> str:
        """Return the one zone without which the pool is of no use, or '' where there is none.

        Buying for such a pool is worth nothing while the zone is shut, so it counts only with it.
        """
        facts = self.facts
        members = set(facts.members.get(pool_id, []))
        for row in facts.module.values():
            if row["uses_pool_id"] == pool_id:
                members |= set(facts.members.get(row["pool_id"], [])) or {""}
        for row in facts.module.values():
            feeds_elsewhere = row["pool_id"] in self.drawn and row["uses_pool_id"] == pool_id
            if feeds_elsewhere:
                return ""  # a chain of pools: leave it
        return members.pop() if len(members) == 1 else ""

    def _forms(self, zone_id: str, industry_id: str) -> set[str]:
        """Return the forms allowed there today or after some project that may be built."""
        forms = set(self.facts.eligible[zone_id, industry_id])
        for form_id in self.facts.form:
            openers = self.facts.form_openers(zone_id, form_id)
            if any(self.facts.project[p]["status"] != "forbidden" for p in openers):
                forms.add(form_id)
        return forms

    def _unit_cost(self, zone_id: str, industry_id: str, form_id: str) -> float:
        """Return the reduced cost of output there, mcny per mcny, what all blocks share."""
        facts, prices = self.facts, self.prices
        cny = math.fsum(self.production.at_zone(zone_id, industry_id, form_id).values())
        cny += self.routes.cost_per_mcny(self.goods.of(zone_id, form_id, industry_id))
        terms = [cny / MCNY, -prices.target, -prices.industry_target.get(industry_id, 0.0)]
        for pool_id in facts.pools_of_zone.get(zone_id, []):
            price, pool = prices.pool.get(pool_id, 0.0), facts.pool[pool_id]
            counted = many(pool["form_id"])
            if price and (not counted or form_id in counted):
                terms.append(price * facts.use_per_mcny.get((industry_id, pool["factor_id"]), 0.0))
        terms.append(prices.form.get((zone_id, industry_id, form_id), 0.0))
        prefecture = facts.zone[zone_id]["prefecture_id"]
        for rule in self.priced_rules:
            price, kind = prices.rule[rule["rule_id"]], rule["kind"]
            inside = 1.0 if rule["prefecture_id"] == prefecture else 0.0
            if kind == "min_share_of_prefecture":
                terms.append(price * (rule["value"] - inside))
            elif kind == "max_share_of_prefecture":
                terms.append(price * (inside - rule["value"]))
            elif kind == "min_absorbed_share":
                industries = many(rule["industry_id"])
                if not industries or industry_id in industries:
                    terms.append(-price)
        return math.fsum(terms)

    # -- what does not go to a zone --------------------------------------------------------------

    def _stay_or_rival(self, origin_id: str, industry_id: str) -> float:
        """Return the least value of the block's share that stays or goes to rivals."""
        facts, prices = self.facts, self.prices
        block = facts.block[origin_id, industry_id]
        volume = block["volume_mcny_per_year"]
        price = prices.block.get((origin_id, industry_id), 0.0)
        options: list[tuple[float, float]] = []  # reduced cost, most output
        if int(block["may_stay"]) == 1:
            options.append((self.stay_unit_mcny(origin_id, industry_id) - price, volume))
        for rival_id, rival in facts.rival.items():
            takes, share = many(rival["industry_id"]), rival["max_share_of_block"]
            if (takes and industry_id not in takes) or (int(block["whole"]) == 1 and share < 1):
                continue
            unit = self._rival_unit(rival_id, industry_id) + prices.rival.get(rival_id, 0.0)
            for (limited, factor_id), limit_price in prices.rival_limit.items():
                if limited == rival_id:
                    unit += limit_price * facts.use_per_mcny.get((industry_id, factor_id), 0.0)
            options.append((unit - price, min(share * volume, rival["capacity_mcny_per_year"])))
        left, value = volume, 0.0
        for cost, most in sorted(options):
            if cost >= 0 or left <= 0:
                break
            taken = min(most, left)
            value += cost * taken
            left -= taken
        return value

    def stay_unit_mcny(self, origin_id: str, industry_id: str) -> float:
        """Return the cost of one million CNY of output that stays, million CNY; inf: no route."""
        origin = self.facts.origin[origin_id]
        goods = self.goods.of(origin["place_id"], origin["form_id"], industry_id)
        parts = self.production.at_origin(origin_id, industry_id)
        return (math.fsum(parts.values()) + self.stay_routes.cost_per_mcny(goods)) / MCNY

    def _rival_unit(self, rival_id: str, industry_id: str) -> float:
        goods = self.goods.of(rival_id, self.facts.rival[rival_id]["form_id"], industry_id)
        parts = self.production.at_rival(rival_id, industry_id)
        return (math.fsum(parts.values()) + self.stay_routes.cost_per_mcny(goods)) / MCNY

    # -- what is bought --------------------------------------------------------------------------

    def _modules(self, row: Row) -> float:
        price = self.prices.pool
        unit = self.facts.yearly_mcny(row) + self._capital_price() * row["capital_mcny"]
        unit -= price.get(row["pool_id"], 0.0) * row["adds_per_module"]
        if row["uses_pool_id"]:
            unit += price.get(row["uses_pool_id"], 0.0) * row["uses_per_module"]
        return math.floor(row["max_count"]) * min(0.0, unit)

    def _increments(self, pool_id: str, row: Row) -> float:
        unit = row["increment_cny_per_unit_year"] / MCNY - self.prices.pool.get(pool_id, 0.0)
        return row["increment_max"] * unit if unit < 0 else 0.0

    def _project(self, project_id: str, row: Row) -> float:
        if row["status"] == "forbidden":
            return 0.0
        value = self.facts.yearly_mcny(row) + self._capital_price() * row["capital_mcny"]
        for (effect, element_id), amounts in self.facts.additions.items():
            table = self.prices.pool if effect == "adds_pool" else self.prices.bottleneck
            value -= table.get(element_id, 0.0) * amounts.get(project_id, 0.0)
        for (zone_id, industry_id, form_id), price in self.prices.form.items():
            if project_id in self.facts.form_openers(zone_id, form_id):
                volume = float(self.volume[industry_id].sum())
                value -= price * min(volume, self._most_output(zone_id, industry_id))
        value -= self.gates.worth.get(project_id, 0.0)
        for (service_id,), price in self.prices.opened.items():
            value -= price * (project_id in self.facts.openers["opens_service", service_id])
        for (first, second), price in self.prices.needs.items():
            value += price * ((first == project_id) - (second == project_id))
        for pair, price in self.prices.excludes.items():
            value += price * pair.count(project_id)
        for rule in self.priced_rules:
            if rule["kind"] == "max_new_projects":
                value += self.prices.rule[rule["rule_id"]]
        return value if row["status"] == "required" else min(0.0, value)

    def _services(self) -> list[float]:
        values = []
        for service_id in possible_services(self.network, self.question.closed):
            row = self.facts.service[service_id]
            value = row["fixed_mcny_per_year"] + self.prices.opened.get((service_id,), 0.0)
            if service_id in self.prices.service:
                most = min(row["capacity_teu_per_year"], self._most_load(service_id))
                value -= self.prices.service[service_id] * most
            values.append(min(0.0, value))
        return values

    def _most_load(self, service_id: str) -> float:
        """Return more TEU than the zones' goods can ever put on a service.

        A route visits no node twice, so it uses a link at most once in each regime.
        """
        arcs = (arc for arc in self.network.arc.values() if arc.service_id == service_id)
        uses = len({(arc.row_id, arc.tail[2]) for arc in arcs})
        return uses * self.total_teu


def _best_slope(
    hostings: list[Hosting], volumes: np.ndarray, changes: np.ndarray
) -> tuple[float, float]:
    """Return the slope m, and the constant -max(m q - curve(q)), that bound a curve best.

    The line ``constant + m q`` lies under the curve up to its last point for every m, so every m
    gives a valid bound; the bound is concave in m, and the search looks for its top.
    """
    reach = min(float(volumes[-1]), math.fsum(h.most for h in hostings))
    changes = np.append(changes[volumes < reach], np.interp(reach, volumes, changes))
    volumes = np.append(volumes[volumes < reach], reach)
    steps = np.diff(volumes)
    slopes = np.diff(changes)[steps > 0] / steps[steps > 0]
    cheapest = min((float(h.cost.min(initial=0.0)) for h in hostings), default=0.0)
    low, high = float(slopes.min(initial=0.0)), float(max(slopes.max(initial=0.0), -cheapest))

    def constant(slope: float) -> float:
        return -float(np.max(slope * volumes - changes))

    def value(slope: float) -> float:
        return constant(slope) + math.fsum(h.least(slope) for h in hostings)

    candidates = [low, high, *slopes.tolist()]
    if high > low:
        options = {"xatol": 1e-11 * (high - low), "maxiter": 100}
        found = minimize_scalar(
            lambda m: -value(m), bounds=(low, high), method="bounded", options=options
        )
        candidates.append(float(found.x))
    best = max(candidates, key=value)
    return best, constant(best)
