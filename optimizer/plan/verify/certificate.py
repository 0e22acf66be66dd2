"""The bound that the prices of a certificate prove: Lagrangian relaxation, zone by zone.

docs/verify.md states the formula and why it holds for every vector of prices.
"""

from __future__ import annotations

import math

import numpy as np

from optimizer.plan.verify.decisions import volume_of
from optimizer.plan.verify.facts import Row, many
from optimizer.plan.verify.gates import Gates
from optimizer.plan.verify.goods import MCNY
from optimizer.plan.verify.hosting import Hosting, best_slope
from optimizer.plan.verify.passages import Passages
from optimizer.plan.verify.prices import Prices, target_of
from optimizer.plan.verify.reach import Reach
from optimizer.plan.verify.routes import possible_services


class Bound:
    """Evaluates the bound of one price vector (objective cost)."""

    def __init__(self, reach: Reach, prices: Prices) -> None:
        self.reach, self.prices = reach, prices
        self.facts, self.question = reach.facts, reach.question
        facts, network = self.facts, reach.network
        usable = reach.books.usable_ever(self.question.closed)
        self.gates = Gates(facts, network, reach.goods, prices, usable)
        self.passages = Passages(reach, self.gates, usable, prices)
        self.priced_rules = [r for r in facts.rules if prices.rule.get(r["rule_id"], 0.0) != 0.0]
        self.chain_price = self._chain_prices()
        self.bought: dict[str, list[float]] = {}  # by owning zone: values of what it may buy
        for row in facts.module.values():
            self.bought.setdefault(reach.owner[row["pool_id"]], []).append(self._modules(row))
        for pool_id, row in facts.pool.items():
            owner = reach.owner[pool_id]
            self.bought.setdefault(owner, []).append(self._increments(pool_id, row))
            if pool_id in prices.pool and self._comes_with(pool_id):
                self.bought[owner].append(-prices.pool[pool_id] * row["endowment"])
        self.block_price = {
            i: np.array([prices.block.get(b, 0.0) for b in keys])
            for i, keys in reach.blocks_of.items()
        }

    def value(self) -> float:
        """Return the bound, million CNY a year."""
        zones = [self._zone(zone_id) for zone_id in self.facts.zone]
        count = self.prices.count
        if count:
            least = self.reach.least_zones()
            zones.append(count * min(least, len(self.facts.zone)))
        return math.fsum([self.without_zones(), *zones])

    def without_zones(self) -> float:
        """Return the part of the bound that has nothing to do with which zones open."""
        facts = self.facts
        return math.fsum([
            *self._right_hand_sides(),
            *(self._stay_or_rival(*key) for key in facts.block),
            *self.bought.get("", ()),
            *(self._project(project_id, row) for project_id, row in facts.project.items()),
            *self._services(),
        ])  # fmt: skip

    # -- what the priced rows allow --------------------------------------------------------------

    def _right_hand_sides(self) -> list[float]:
        facts, prices, question = self.facts, self.prices, self.question
        terms = [p * facts.block[b]["volume_mcny_per_year"] for b, p in prices.block.items()]
        terms += [
            -p * facts.pool[k]["endowment"]
            for k, p in prices.pool.items()
            if not self._comes_with(k)
        ]
        terms += [-p * facts.rival[r]["capacity_mcny_per_year"] for r, p in prices.rival.items()]
        terms += [-p * facts.rival_limit[k] for k, p in prices.rival_limit.items() if p]
        for bottleneck_id, price in prices.bottleneck.items():
            terms.append(-price * facts.bottleneck[bottleneck_id]["capacity_teu_per_year"])
        terms += [
            -prices.service.get(s, 0.0) * facts.service[s]["capacity_teu_per_year"]
            for s in self.reach.network.running_today()
            if s in prices.service
        ]
        terms += [-price for price in prices.excludes.values()]
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

    def _comes_with(self, pool_id: str) -> str:
        """Return the zone that the endowment of a pool comes with; '' if it is there in any case.

        A shut zone uses nothing of a pool that is of use to it alone, and buys nothing for it.
        """
        owner = self.reach.owner[pool_id]
        if owner and self.facts.zone[owner]["status"] == "existing":
            return ""
        return owner

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
        value = self.open_zone(zone_id)
        return value if status == "required" else min(0.0, value)

    def zone_bounds(self) -> dict[str, tuple[float, float]]:
        """Return, for every zone, the bound if it is shut and the bound if it is open.

        The relaxation falls apart by zone, so that what one zone does changes its own term alone.
        Infinite where the question or the tables do not allow it.
        """
        total = self.value()
        bounds = {}
        for zone_id in self.facts.zone:
            status = self.facts.zone_status(zone_id, self.question)
            if status == "forbidden":
                bounds[zone_id] = (total, math.inf)
            elif status == "required":
                bounds[zone_id] = (math.inf, total)
            else:
                value = self.open_zone(zone_id)
                shut = total - min(0.0, value)
                bounds[zone_id] = (shut, shut + value)
        return bounds

    def open_zone(self, zone_id: str) -> float:
        """Return the value of a zone that opens, whether or not that is worth it."""
        opening = self.facts.opening_mcny_per_year(zone_id)
        opening += self._capital_price() * self.facts.opening_capital_mcny(zone_id)
        if self.facts.zone[zone_id]["status"] != "existing":
            for rule in self.priced_rules:
                if rule["kind"] in ("max_zones", "min_zones"):
                    sign = 1.0 if rule["kind"] == "max_zones" else -1.0
                    opening += sign * self.prices.rule[rule["rule_id"]]
            opening -= self.prices.count
        return opening + self._inside(zone_id) + math.fsum(self.bought.get(zone_id, ()))

    def _inside(self, zone_id: str) -> float:
        """Return the least value of what an open zone hosts; a curve counts by its best slope."""
        clusters: dict[str, list[Hosting]] = {}
        industries: dict[str, list[str]] = {}
        for industry_id in self.facts.industry:
            hosting = self._hosting(zone_id, industry_id)
            if hosting is not None:
                cluster_id = self.facts.industry[industry_id]["cluster_id"]
                curve = cluster_id if cluster_id in self.facts.curve else ""
                clusters.setdefault(curve, []).append(hosting)
                industries.setdefault(curve, []).append(industry_id)
        values: list[float] = []  # of each industry at its cluster's slope
        constants: list[float] = []
        for cluster_id, hostings in clusters.items():
            slope, constant = 0.0, 0.0
            if cluster_id:
                slope, constant = best_slope(
                    hostings,
                    *self.facts.curve[cluster_id],
                    self.reach.most_of_cluster(zone_id, industries[cluster_id]),
                )
            values += [hosting.least(slope) for hosting in hostings]
            constants.append(constant)
        most = self.reach.most_industries()
        if most < len(values):
            values = sorted(values)[:most]
        return math.fsum(constants + values)

    def _hosting(self, zone_id: str, industry_id: str) -> Hosting | None:
        """Return the numbers of an industry in a zone, or None where it cannot be there."""
        facts, reach = self.facts, self.reach
        if not reach.may_host(zone_id, industry_id) or not reach.has_leaders(zone_id, industry_id):
            return None
        unit = min(
            (
                self._unit_cost(zone_id, industry_id, form_id)
                for form_id in reach.forms(zone_id, industry_id)
            ),
            default=math.inf,
        )
        industry = facts.industry[industry_id]
        setup = industry["host_setup_mcny_per_year"]
        setup += self.chain_price.get((zone_id, industry_id), 0.0)
        scale = industry["min_scale_mcny_per_year"]
        if unit == math.inf:  # it may be hosted, and nothing can come
            return Hosting(setup, scale, 0.0, np.zeros(0), np.zeros(0))
        own = facts.move_cost[reach.number[industry_id], facts.zone_number[zone_id]] / MCNY
        cost = unit + own - self.block_price[industry_id]
        most = reach.most_output(zone_id, industry_id)
        whole = reach.whole[industry_id] and industry["cluster_id"] not in facts.curve
        return Hosting(setup, scale, most, cost, reach.volume[industry_id], whole=whole)

    def _chain_prices(self) -> dict[tuple[str, str], float]:
        """Return what the prices of chains add to hosting, by (zone, industry), mcny a year."""
        change: dict[tuple[str, str], float] = {}
        for n, row in enumerate(self.facts.chains):
            follower, leader = row["follower_industry_id"], row["leader_industry_id"]
            for zone_id in self.facts.zone:
                price = self.prices.chain.get((row["chain_id"], zone_id, follower), 0.0)
                if price:
                    change[zone_id, follower] = change.get((zone_id, follower), 0.0) + price
                    for other_id in self.reach.near[n, zone_id]:
                        change[other_id, leader] = change.get((other_id, leader), 0.0) - price
        return change

    def _unit_cost(self, zone_id: str, industry_id: str, form_id: str) -> float:
        """Return the reduced cost of output there, mcny per mcny, what all blocks share."""
        facts, prices = self.facts, self.prices
        cny = math.fsum(self.reach.production.at_zone(zone_id, industry_id, form_id).values())
        cny += self.passages.cost_per_mcny(zone_id, form_id, industry_id)
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
            options.append((self.reach.stay_unit_mcny(origin_id, industry_id) - price, volume))
        for rival_id, rival in facts.rival.items():
            takes, share = many(rival["industry_id"]), rival["max_share_of_block"]
            if (takes and industry_id not in takes) or (int(block["whole"]) == 1 and share < 1):
                continue
            unit = self.reach.rival_unit_mcny(rival_id, industry_id) + prices.rival.get(
                rival_id, 0.0
            )
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
                volume = self.reach.total[industry_id]
                value -= price * min(volume, self.reach.most_output(zone_id, industry_id))
        value -= self.gates.worth.get(project_id, 0.0)
        value -= self.passages.worth.get(project_id, 0.0)
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
        for service_id in possible_services(self.reach.network, self.question.closed):
            row = self.facts.service[service_id]
            value = row["fixed_mcny_per_year"] + self.prices.opened.get((service_id,), 0.0)
            if service_id in self.prices.service:
                most = min(row["capacity_teu_per_year"], self.reach.most_load(service_id))
                value -= self.prices.service[service_id] * most
            values.append(min(0.0, value))
        return values
