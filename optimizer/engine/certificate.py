"""The prices behind a bound, for `optimizer.plan.verify` to evaluate (docs/plan.md)."""

from __future__ import annotations

from optimizer.engine.root import Relaxation
from optimizer.model.base import SitingModel


def make_certificate(m: SitingModel, relaxation: Relaxation) -> dict:
    """Return the Lagrangian certificate of a solved relaxation of a cost question."""
    problem = m.problem
    if problem.question.objective != "cost":
        return {}
    duals = dict(zip(m.lp.row_keys, relaxation.duals.tolist(), strict=False))

    def most(key: tuple) -> float:
        return max(0.0, -duals.get(key, 0.0))

    def least(key: tuple) -> float:
        return max(0.0, duals.get(key, 0.0))

    blocks = [
        [origin, problem.industries[problem.block_industry[b]], duals["volume", b]]
        for b, origin in enumerate(problem.block_origin)
    ]
    pools = [[p, most(("pool", p))] for p in problem.table("pools")["pool_id"]]
    rules = []
    for rule in problem.table("rules").itertuples():
        price = abs(duals.get(("rule", rule.rule_id), 0.0))
        if price > 0:
            rules.append([rule.rule_id, price])
    resources = [(m.resources.keys[r], most(("capacity", r))) for r in sorted(relaxation.resources)]
    return {
        "kind": "lagrangian",
        "block": blocks,
        "pool": [row for row in pools if row[1] > 0],
        "rival": [
            [name, most(("rival_capacity", r))]
            for r, name in enumerate(problem.rivals)
            if most(("rival_capacity", r))
        ],
        "rival_limit": [
            [problem.rivals[key[1]], key[2], most(key)]
            for key in m.lp.row_keys
            if key[0] == "rival_limit" and most(key) > 0
        ],
        "bottleneck": [[key[1], p] for key, p in resources if key[0] == "bottleneck" and p > 0],
        "service": [[key[1], p] for key, p in resources if key[0] == "service" and p > 0],
        "target": least(("target",)),
        "industry_target": [
            [i, least(("industry_target", i))] for i, _ in problem.question.industry_targets
        ],
        "budget": most(("budget",)),
        "rule": rules,
    }
