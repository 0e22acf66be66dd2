"""The prices of a certificate, read and checked: known rows, right signs, no price on infinity."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from optimizer.plan.plan import Question
from optimizer.plan.verify import verdict as rule
from optimizer.plan.verify.entries import is_number
from optimizer.plan.verify.facts import Facts, many
from optimizer.plan.verify.goods import MCNY
from optimizer.plan.verify.verdict import Findings

Gate = tuple[str, str]  # kind (link, transfer, customs) and id of a row that needs a project
ROUNDING = 1e-9  # a price this little below zero is taken as zero
MOST_PRICE = 1e30  # million CNY a unit
LINEAR_RULES = (
    "max_zones", "min_zones", "budget_mcny", "min_share_of_prefecture", "max_share_of_prefecture",
    "min_absorbed_share", "max_new_projects",
)  # fmt: skip


@dataclass
class Prices:
    """Million CNY a year per unit of each row. Rows without a price have the price 0."""

    block: dict[tuple[str, str], float] = field(default_factory=dict)
    pool: dict[str, float] = field(default_factory=dict)
    rival: dict[str, float] = field(default_factory=dict)
    rival_limit: dict[tuple[str, str], float] = field(default_factory=dict)
    bottleneck: dict[str, float] = field(default_factory=dict)
    service: dict[str, float] = field(default_factory=dict)
    industry_target: dict[str, float] = field(default_factory=dict)
    rule: dict[str, float] = field(default_factory=dict)
    chain: dict[tuple[str, ...], float] = field(default_factory=dict)  # chain, zone, follower
    form: dict[tuple[str, ...], float] = field(default_factory=dict)  # zone, industry, form
    opened: dict[tuple[str, ...], float] = field(default_factory=dict)  # service
    needs: dict[tuple[str, ...], float] = field(default_factory=dict)  # project, the one it needs
    excludes: dict[tuple[str, ...], float] = field(default_factory=dict)  # two projects
    gate: dict[tuple[str, str], float] = field(default_factory=dict)  # kind, row
    gate_goods: dict[tuple[str, ...], float] = field(default_factory=dict)  # kind, row, goods key
    passage: dict[str, float] = field(default_factory=dict)  # projects, ';' between them
    # projects, zone, industry, form, goods key
    passage_goods: dict[tuple[str, ...], float] = field(default_factory=dict)
    target: float = 0.0
    budget: float = 0.0
    count: float = 0.0  # of the least number of zones that can take what must move


def read_prices(
    facts: Facts, question: Question, certificate: Mapping[str, Any], findings: Findings
) -> Prices | None:
    """Return the prices of a Lagrangian certificate, or None (filed) where they prove nothing."""
    reader = _Reader(certificate, findings)
    prices = Prices(
        block=_pairs(reader.keyed("block", 2, set(facts.block), any_sign=True)),
        pool=reader.single("pool", {k: row["endowment"] for k, row in facts.pool.items()}),
        rival=reader.single(
            "rival", {k: row["capacity_mcny_per_year"] for k, row in facts.rival.items()}
        ),
        rival_limit=_pairs(reader.keyed("rival_limit", 2, set(facts.rival_limit))),
        bottleneck=reader.single(
            "bottleneck", {k: row["capacity_teu_per_year"] for k, row in facts.bottleneck.items()}
        ),
        service=reader.single(
            "service", {k: row["capacity_teu_per_year"] for k, row in facts.service.items()}
        ),
        industry_target=reader.single("industry_target", dict(question.industry_targets)),
        rule=reader.single(
            "rule", {r["rule_id"]: r["value"] for r in facts.rules if r["kind"] in LINEAR_RULES}
        ),
        chain=reader.keyed("chain", 3, _chain_rows(facts)),
        form=reader.keyed("form", 3, _form_rows(facts)),
        opened=reader.keyed("opened", 1, {(s,) for e, s in facts.openers if e == "opens_service"}),
        needs=reader.keyed("needs", 2, _pairs_of_projects(facts, "needs_project_id")),
        excludes=reader.keyed("excludes", 2, _pairs_of_projects(facts, "excludes_project_id")),
        gate=_pairs(reader.keyed("gate", 2, _gates(facts))),
        gate_goods=reader.keyed("gate_goods", 3, _GatesAndGoods(_gates(facts))),
        passage={k: p for (k,), p in reader.keyed("passage", 1, _passages(facts)).items()},
        passage_goods=reader.keyed("passage_goods", 5, _PassagesAndGoods(_passages(facts), facts)),
        target=reader.scalar("target", stated=target_of(facts, question) is not None),
        budget=reader.scalar("budget", stated=question.budget_mcny is not None),
        count=reader.scalar("count", stated=True),
    )  # fmt: skip
    for key, price in prices.rival_limit.items():
        reader.finite_row("rival_limit", " ".join(key), facts.rival_limit[key], price)
    for pool_id, row in facts.pool.items():
        # Unlimited purchases cap the price of a pool; any price is valid, so the cap is too.
        if row["increment_max"] == math.inf and pool_id in prices.pool:
            most = row["increment_cny_per_unit_year"] / MCNY
            prices.pool[pool_id] = min(prices.pool[pool_id], most)
    return None if reader.failed else prices


def target_of(facts: Facts, question: Question) -> float | None:
    """Return the least output that must come to the zones, mcny; None where none is asked."""
    targets = []
    if question.target_mcny is not None:
        targets.append(question.target_mcny)
    if question.target_share is not None:
        targets.append(question.target_share * facts.total_volume)
    return max(targets, default=None)


def _pairs(prices: Mapping[tuple[str, ...], float]) -> dict[tuple[str, str], float]:
    return {(a, b): price for (a, b), price in prices.items()}


def _chain_rows(facts: Facts) -> set[tuple[str, ...]]:
    followers = {(row["chain_id"], row["follower_industry_id"]) for row in facts.chains}
    return {(chain_id, z, i) for chain_id, i in followers for z in facts.zone}


def _form_rows(facts: Facts) -> set[tuple[str, ...]]:
    return {
        (zone_id, industry_id, form_id)
        for (zone_id, industry_id), today in facts.eligible.items()
        for form_id in facts.form
        if form_id not in today and facts.form_openers(zone_id, form_id)
    }


def _pairs_of_projects(facts: Facts, column: str) -> set[tuple[str, ...]]:
    return {(p, other) for p, row in facts.project.items() for other in many(row[column])}


def _gates(facts: Facts) -> set[tuple[str, ...]]:
    return {
        (kind, row[f"{kind}_id"])
        for kind, table in (("link", "links"), ("transfer", "transfers"), ("customs", "customs"))
        for row in facts.rows(table)
        if int(row["needs_project"]) == 1
    }


class _GatesAndGoods(frozenset[tuple[str, ...]]):
    """Gates with any goods key: a price for goods that there are not adds nothing."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and super().__contains__(key[:2])


def _passages(facts: Facts) -> set[tuple[str, ...]]:
    from optimizer.plan.verify.passages import passages  # it reads prices too

    return {(name,) for name in passages(facts)}


class _PassagesAndGoods(frozenset[tuple[str, ...]]):
    """Passages with the cells that may be hosted and any goods key."""

    def __new__(cls, names: Collection[tuple[str, ...]], facts: Facts) -> _PassagesAndGoods:
        """Return the rows of an instance."""
        made = super().__new__(cls, names)
        made.facts = facts  # type: ignore[attr-defined]
        return made

    def __contains__(self, key: object) -> bool:
        facts: Facts = self.facts  # type: ignore[attr-defined]
        return (
            isinstance(key, tuple)
            and super().__contains__(key[:1])
            and key[1:3] in facts.eligible
            and key[3] in facts.form
        )


class _Reader:
    def __init__(self, certificate: Mapping[str, Any], findings: Findings) -> None:
        self.certificate = certificate
        self.findings = findings
        self.failed = False

    def _fail(self, where: str, message: str, found: Any = "", allowed: str = "") -> None:
        self.failed = True
        shown = found if isinstance(found, float) else str(found)
        self.findings.add(rule.CERTIFICATE, where, message, shown, allowed)

    def _price(self, where: str, price: Any, *, any_sign: bool = False) -> float:
        if not is_number(price):
            self._fail(where, "the price is no finite number", price)
            return 0.0
        if abs(price) > MOST_PRICE:
            self._fail(where, "the price is beyond what can be computed with", float(price))
            return 0.0
        if not any_sign and price < 0:
            if price < -ROUNDING:
                self._fail(where, "the price has the wrong sign", float(price), ">= 0")
            return 0.0
        return float(price)

    def _entries(self, name: str, length: int) -> dict[tuple[str, ...], Any]:
        found: dict[tuple[str, ...], Any] = {}
        entries = self.certificate.get(name, ())
        if not isinstance(entries, list | tuple):
            self._fail(name, "is no list of prices", entries)
            return {}
        for entry in entries:
            if not isinstance(entry, list | tuple) or len(entry) != length + 1:
                self._fail(name, "this entry is no price of a row", entry)
                continue
            key = tuple(str(part) for part in entry[:-1])
            if key in found:
                self._fail(f"{name} {' '.join(key)}", "the row is priced twice")
            found[key] = entry[-1]
        return found

    def keyed(
        self, name: str, length: int, known: Collection[tuple[str, ...]], *, any_sign: bool = False
    ) -> dict[tuple[str, ...], float]:
        prices = {}
        for key, price in self._entries(name, length).items():
            where = f"{name} {' '.join(key)}"
            if key not in known:
                self._fail(where, "a price for a row that is not there")
            else:
                prices[key] = self._price(where, price, any_sign=any_sign)
        return prices

    def single(self, name: str, limits: Mapping[str, float]) -> dict[str, float]:
        prices = {}
        for (key,), price in self._entries(name, 1).items():
            where = f"{name} {key}"
            value = self._price(where, price)
            if key in limits:
                self.finite_row(name, key, limits[key], value)
                prices[key] = value
            elif value > ROUNDING:
                self._fail(where, "a price for a row that is not there")
        return {key: price for key, price in prices.items() if math.isfinite(limits[key])}

    def finite_row(self, name: str, key: str, limit: float, price: float) -> None:
        if not math.isfinite(limit) and price > ROUNDING:
            self._fail(f"{name} {key}", "a price on a capacity without limit", price, "0")

    def scalar(self, name: str, *, stated: bool) -> float:
        raw = self.certificate.get(name, 0.0)
        price = self._price(name, 0.0 if raw is None else raw)
        if not stated and price > ROUNDING:
            self._fail(name, "a price for a row that the question does not hold", price, "0")
        return price if stated else 0.0
