"""What one million CNY of output costs besides logistics, by component."""

from __future__ import annotations

from functools import lru_cache

from optimizer.plan.verify.facts import Facts
from optimizer.plan.verify.goods import DAYS_PER_YEAR, MCNY

Parts = dict[str, float]  # component -> CNY per million CNY of output


class Production:
    """Unit costs of zones, rivals and blocks that stay."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.at_zone = lru_cache(maxsize=None)(self._at_zone)
        self.at_rival = lru_cache(maxsize=None)(self._at_rival)
        self.at_origin = lru_cache(maxsize=None)(self._at_origin)
        self._trade = lru_cache(maxsize=None)(self._trade_parts)

    def _at_zone(self, zone_id: str, industry_id: str, form_id: str) -> Parts:
        """Return the cost in a zone, the block's own cost of moving (`moves`) left out."""
        in_china = self.facts.in_china(zone_id)
        region = self.facts.zone[zone_id]["factor_region_id"]
        parts = self._factors(region, industry_id)
        return _sum(parts, self._trade(industry_id, form_id, in_china))

    def _at_rival(self, rival_id: str, industry_id: str) -> Parts:
        rival = self.facts.rival[rival_id]
        parts = self._factors(rival["factor_region_id"], industry_id)
        trade = self._trade(industry_id, rival["form_id"], self.facts.in_china(rival_id))
        return _sum(parts, trade, {"margin": rival["margin_share_of_output"] * MCNY})

    def _at_origin(self, origin_id: str, industry_id: str) -> Parts:
        block, industry = self.facts.block[origin_id, industry_id], self.facts.industry[industry_id]
        origin = self.facts.origin[origin_id]
        parts = {
            "labour": industry["workers_per_mcny"] * block["wage_cny_per_year"],
            "electricity": industry["electricity_kwh_per_mcny"] * block["electricity_cny_per_kwh"],
            "water": industry["water_m3_per_mcny"] * block["water_cny_per_m3"],
            "rent": industry["floor_m2_per_mcny"] * block["rent_cny_per_m2_year"],
            "margin": block["stay_premium_share_of_output"] * MCNY,
        }
        in_china = self.facts.in_china(origin["place_id"])
        return _sum(parts, self._trade(industry_id, origin["form_id"], in_china))

    def _factors(self, region_id: str, industry_id: str) -> Parts:
        region, industry = self.facts.factor_region[region_id], self.facts.industry[industry_id]
        wage = (
            region["wage_cny_per_year"]
            * industry["wage_factor"]
            * (1 + region["wage_on_cost_share"])
        )
        recovery = self.facts.capital_recovery(industry["relocation_life_years"])
        relocation = industry["relocation_cny_per_mcny"] * recovery
        grant = region["relocation_subsidy_share"] * relocation
        return {
            "labour": industry["workers_per_mcny"] * wage / region["productivity"],
            "electricity": industry["electricity_kwh_per_mcny"] * region["electricity_cny_per_kwh"],
            "water": industry["water_m3_per_mcny"] * region["water_cny_per_m3"],
            "rent": industry["floor_m2_per_mcny"] * region["rent_cny_per_m2_year"],
            "relocation": relocation,
            "subsidy": -(grant + region["output_subsidy_cny_per_mcny"]),
        }

    def _trade_parts(self, industry_id: str, form_id: str, host_in_china: bool) -> Parts:
        """Return what the trade form costs: the value shares of docs/formulas.md come in here."""
        industry, form, settings = (
            self.facts.industry[industry_id],
            self.facts.form[form_id],
            self.facts.settings,
        )
        home = imports = duty_base = sold = 0.0
        for row in self.facts.inputs[industry_id]:
            for in_china, share in self.facts.shares(row["region_id"], "source", host_in_china):
                value = share * row["share_of_output_value"]
                if in_china == host_in_china:
                    home += value
                else:
                    imports += value
                    duty_base += MCNY * value * row["duty_rate"]
        for row in self.facts.outputs[industry_id]:
            for in_china, share in self.facts.shares(row["region_id"], "market", host_in_china):
                sold += share * row["share"] * in_china
        exported = 1.0 - sold
        duty = form["sale_duty_share"] * sold * duty_base
        if int(form["sale_by_finished_goods"]) == 1:
            duty = min(duty, sold * industry["output_duty_rate"] * MCNY)
        vat = industry["vat_rate"]
        refund_share = form["vat_refund_days"] / DAYS_PER_YEAR * settings.carrying_rate
        deferred_share = (
            form["sale_interest_days"] / DAYS_PER_YEAR * settings.deferred_interest_rate
        )
        lost_rate = form["vat_loss_share"] * max(0.0, vat - industry["refund_rate"])
        return {
            "admin": form["admin_share_of_output"] * MCNY,
            "deposit": form["deposit_share_of_imports"] * imports * MCNY,
            "duty": duty,
            "vat_financing": refund_share * vat * home * exported * MCNY
            + deferred_share * (duty_base + vat * imports * MCNY) * sold,
            "vat_loss": lost_rate * home * exported * MCNY,
        }


def _sum(*parts: Parts) -> Parts:
    total: Parts = {}
    for part in parts:
        for component, money in part.items():
            total[component] = total.get(component, 0.0) + money
    return total
