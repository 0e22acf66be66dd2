"""The goods that one million CNY of output sets in motion, and what they cost on a route."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from instances.schema import GATE, LOCAL
from optimizer.plan.verify.arcs import FEATURES, Node
from optimizer.plan.verify.facts import Facts

MCNY = 1e6  # CNY in a million CNY
HOURS_PER_YEAR = 8760.0
DAYS_PER_YEAR = 365.0
LOGISTICS = (
    "freight", "handling", "declaration", "duty", "vat_financing", "subsidy", "inventory",
    "reliability", "emission",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What the cost of goods on an arc depends on; a `GoodsBook` has one of each."""

    tonnes_per_teu: float
    value_cny_per_teu: float
    duty_rate: float
    vat_rate: float


@dataclass(slots=True, eq=False)
class Goods:
    """One goods key of a host, industry and form. ``tail`` and ``head`` are None for `@local`."""

    key: str
    teu_per_mcny: float
    profile: Profile
    inbound: bool  # True: to the host's gate
    tail: Node | None
    head: Node | None

    @property
    def needs_route(self) -> bool:
        """Return whether the goods leave their place or regime at all."""
        return self.tail != self.head


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One goods key of an industry and form, the host left open.

    ``far`` is the gate that is not the host's, None for `@local`; ``regime`` that at the host.
    """

    key: str
    teu_per_mcny: float
    profile: Profile
    inbound: bool
    far: Node | None
    regime: str


class GoodsBook:
    """Goods by (host place, form, industry), worked out once each."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.of = lru_cache(maxsize=None)(self._of)
        self.kinds = lru_cache(maxsize=None)(self._kinds)
        self.weights = lru_cache(maxsize=None)(self._weights)
        self.generalised = lru_cache(maxsize=None)(self._generalised)
        self._profile = lru_cache(maxsize=None)(Profile)

    def _of(self, host_place: str, form_id: str, industry_id: str) -> dict[str, Goods]:
        found = {}
        for kind in self.kinds(form_id, industry_id, self.facts.in_china(host_place)):
            near = None if kind.far is None else (host_place, GATE, kind.regime)
            ends = (kind.far, near) if kind.inbound else (near, kind.far)
            found[kind.key] = Goods(
                kind.key, kind.teu_per_mcny, kind.profile, kind.inbound, ends[0], ends[1]
            )
        return found

    def _kinds(self, form_id: str, industry_id: str, host_in_china: bool) -> tuple[Kind, ...]:
        kinds = self._inputs(form_id, industry_id, host_in_china)
        kinds += self._outputs(form_id, industry_id, host_in_china)
        return tuple({kind.key: kind for kind in kinds}.values())

    def _far_gate(self, place: str) -> Node:
        return (place, GATE, "domestic" if self.facts.in_china(place) else "foreign")

    def _regime(self, form_id: str, far: str, inbound: bool, host_in_china: bool) -> str:
        """Return the regime at the gate of a host for goods from or to ``far``."""
        home, abroad = (
            ("home_regime", "import_regime") if inbound else ("sale_regime", "export_regime")
        )
        if not host_in_china:
            return "foreign"
        regime: str = self.facts.form[form_id][home if self.facts.in_china(far) else abroad]
        return regime

    def _inputs(self, form_id: str, industry_id: str, host_in_china: bool) -> list[Kind]:
        result = []
        vat_rate = self.facts.industry[industry_id]["vat_rate"]
        for row in self.facts.inputs[industry_id]:
            region = row["region_id"]
            profile = self._profile(
                row["tonnes_per_teu"], row["value_cny_per_teu"], row["duty_rate"], vat_rate
            )
            for place, share in self.facts.region[region, "source"]:
                teu = share * row["share_of_output_value"] * MCNY / row["value_cny_per_teu"]
                if teu == 0:
                    continue
                far, regime = None, ""
                if place != LOCAL:
                    far = self._far_gate(place)
                    regime = self._regime(form_id, place, True, host_in_china)
                key = f"in:{industry_id}:{row['input_id']}:{region}:{place}"
                result.append(Kind(key, teu, profile, True, far, regime))
        return result

    def _outputs(self, form_id: str, industry_id: str, host_in_china: bool) -> list[Kind]:
        result = []
        industry = self.facts.industry[industry_id]
        profile = self._profile(
            industry["output_tonnes_per_teu"], industry["output_value_cny_per_teu"],
            industry["output_duty_rate"], industry["vat_rate"],
        )  # fmt: skip
        for row in self.facts.outputs[industry_id]:
            market = row["region_id"]
            for place, share in self.facts.region[market, "market"]:
                teu = share * row["share"] * MCNY / profile.value_cny_per_teu
                if teu == 0:
                    continue
                far, regime = None, ""
                if place != LOCAL:
                    far = self._far_gate(place)
                    regime = self._regime(form_id, place, False, host_in_china)
                key = f"out:{industry_id}:{market}:{place}"
                result.append(Kind(key, teu, profile, False, far, regime))
        return result

    def _weights(self, profile: Profile) -> np.ndarray:
        """CNY per unit of each arc feature, one row per component of LOGISTICS."""
        settings = self.facts.settings
        w, v = profile.tonnes_per_teu, profile.value_cny_per_teu
        q, u = profile.duty_rate, profile.vat_rate
        carrying = settings.carrying_rate
        emission = settings.emission_cny_per_tonne / 1000
        table: dict[str, dict[str, float]] = {
            "freight": {"freight_cny_per_teu": 1.0, "freight_cny_per_tonne": w},
            "handling": {"handling_cny_per_teu": 1.0},
            "declaration": {"declaration_cny_per_teu": 1.0},
            "duty": {"duty_share": q * v},
            "vat_financing": {"vat_days": carrying * u * (1 + q) * v / DAYS_PER_YEAR},
            "subsidy": {"subsidy_cny_per_teu": -1.0},
            "inventory": {"hours": carrying * v / HOURS_PER_YEAR},
            "reliability": {"sd_hours": settings.service_factor * carrying * v / HOURS_PER_YEAR},
            "emission": {"co2e_kg_per_teu": emission, "co2e_kg_per_tonne": emission * w},
        }
        return np.array([[table[c].get(f, 0.0) for f in FEATURES] for c in LOGISTICS])

    def _generalised(self, profile: Profile) -> np.ndarray:
        """Return CNY per unit of each arc feature, all components together."""
        total: np.ndarray = self.weights(profile).sum(axis=0)
        return total
