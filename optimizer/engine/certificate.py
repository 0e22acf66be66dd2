"""The prices behind a bound, for `optimizer.plan.verify` to evaluate (docs/plan.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from optimizer.engine.root import Relaxation
from optimizer.model.base import Commodity, SitingModel, base_path
from optimizer.model.routes import route_usage, route_weight
from optimizer.problem import MCNY

LEAST_PRICE = 1e-12  # of a passage, mcny per TEU: below it is rounding


def make_certificate(m: SitingModel, relaxation: Relaxation) -> dict[str, Any]:
    """Return the Lagrangian certificate of a solved relaxation of a cost question."""
    problem = m.problem
    if problem.question.objective != "cost" or problem.weights:
        return {}
    prices = _Duals(m, relaxation)
    blocks = [
        [origin, problem.industries[problem.block_industry[b]], prices.of("volume", b)]
        for b, origin in enumerate(problem.block_origin)
    ]
    pools = [[p, prices.most("pool", p)] for p in problem.table("pools")["pool_id"]]
    rules = [[r, abs(prices.of("rule", r))] for r in problem.table("rules")["rule_id"]]
    rivals = [[r, prices.most("rival_capacity", k)] for k, r in enumerate(problem.rivals)]
    limits = [
        [problem.rivals[key[1]], key[2], prices.most(*key)] for key in prices.keys("rival_limit")
    ]
    chains = [
        [key[1], problem.zones[key[2]], problem.industries[key[3]], prices.most(*key)]
        for key in prices.keys("chain")
    ]
    forms = [[*_cell(m, key[1]), prices.most(*key)] for key in prices.keys("form_allowed")]
    resources = [
        (*m.resources.keys[r], prices.most("capacity", r)) for r in sorted(relaxation.resources)
    ]
    return {
        "kind": "lagrangian",
        "block": blocks,
        "pool": _paid(pools),
        "rival": _paid(rivals),
        "rival_limit": _paid(limits),
        "bottleneck": _paid([[name, p] for kind, name, p in resources if kind == "bottleneck"]),
        "service": _paid([[name, p] for kind, name, p in resources if kind == "service"]),
        "target": prices.least("target"),
        "industry_target": [
            [i, prices.least("industry_target", i)] for i, _ in problem.question.industry_targets
        ],
        "budget": prices.most("budget"),
        "rule": _paid(rules),
        "chain": _paid(chains),
        "form": _paid(forms),
        "opened": _paid([[k[1], prices.most(*k)] for k in prices.keys("service_opened")]),
        "needs": _paid([[*k[1:], prices.least(*k)] for k in prices.keys("needs")]),
        "excludes": _paid([[*k[1:], prices.most(*k)] for k in prices.keys("excludes")]),
        "passage": _paid([[_passage(m, n), p] for kind, n, p in resources if kind == "gate"]),
        "passage_goods": _passage_goods(m, prices),
    }


class _Duals:
    """Prices of the rows of a relaxation, by key; rows that it does not have cost nothing."""

    def __init__(self, m: SitingModel, relaxation: Relaxation) -> None:
        duals = relaxation.duals.tolist()
        self._of = dict(zip(m.lp.row_keys, duals, strict=False))  # later rows have none yet
        self._keys: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for key in m.lp.row_keys[: len(duals)]:
            self._keys[key[0]].append(key)

    def keys(self, kind: str) -> list[tuple[Any, ...]]:
        return self._keys[kind]

    def of(self, *key: Any) -> float:
        return float(self._of.get(key, 0.0))

    def most(self, *key: Any) -> float:
        """Price of a row <=."""
        return max(0.0, -self.of(*key))

    def least(self, *key: Any) -> float:
        """Price of a row >=."""
        return max(0.0, self.of(*key))


def _paid(rows: list[list[Any]]) -> list[list[Any]]:
    return [row for row in rows if row[-1] > 0]


def _passage(m: SitingModel, projects: Iterable[str]) -> str:
    """Return the name of a passage: the projects that open it, in the order of their table."""
    named = set(projects)
    return ";".join(p for p in m.problem.table("projects")["project_id"] if p in named)


def _cell(m: SitingModel, cell: int) -> tuple[str, str, str]:
    """Return zone, industry and form of a cell."""
    problem = m.problem
    return (
        problem.zones[problem.cell_zone[cell]],
        problem.industries[problem.cell_industry[cell]],
        problem.forms[problem.cell_form[cell]],
    )


def _passage_goods(m: SitingModel, prices: _Duals) -> list[list[Any]]:
    """Return the prices of bundles (docs/engine.md, 6), split over their goods.

    What a cell's bundle pays is split in proportion to what each kind of goods gains by the gate:
    then all of them gain by it, or none, as in the bundle, and nothing of its price is lost.
    """
    problem = m.problem
    rows = []
    for key in prices.keys("bundle_built"):
        _, cell, gate = key
        price = prices.most(*key)
        if price <= 0:
            continue
        gains = {}
        for commodity in problem.cell_commodities[cell]:
            if commodity in m.bundles[gate]:
                gain = _gain(m, prices, commodity, m.bundles[gate][commodity])
                if gain > 0:
                    gains[commodity[0]] = gain * problem.lines[commodity[0]].teu
        total = sum(gains.values())
        passage = _passage(m, m.resources.keys[gate][1])
        for line, gain in gains.items():
            goods = problem.lines[line]
            per_teu = price * gain / total / goods.teu
            if per_teu > LEAST_PRICE:
                rows.append([passage, *_cell(m, cell), goods.key, per_teu])
    return rows


def _gain(m: SitingModel, prices: _Duals, commodity: Commodity, arcs: tuple[int, ...]) -> float:
    """Return what a TEU saves on the way through the gate, at the prices of capacities, mcny."""
    cost = route_change(m, commodity, arcs)
    for resource, count in route_usage(m, commodity, arcs).items():
        if m.resources.keys[resource][0] != "gate":
            cost += count * prices.most("capacity", resource)
    return -cost


def route_change(m: SitingModel, commodity: Commodity, arcs: tuple[int, ...]) -> float:
    """Return the change of cost (mcny) per TEU that leaves the base route for ``arcs``."""
    if m.problem.is_plain:  # the weight that routes minimise is this cost
        return route_weight(m, commodity, arcs) / MCNY
    line = commodity[0]
    return m.problem.route_cost(line, arcs) - m.problem.route_cost(line, base_path(m, commodity))
