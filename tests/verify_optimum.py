# ruff: noqa: E501 (rows of a model read better on one line)
"""The siting problem of a tiny instance as a small integer program of its own, for scipy.

Goods flow on arcs, not on routes, so nothing has to be enumerated. Only the tests use it: it is
the other side against which certificates are held. Arcs, goods and unit costs are the verifier's,
which are tested by hand elsewhere; columns and rows are built here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix
from verify_tables import BareInstance

from optimizer.plan.plan import AccountLine, Flow, Move, Plan, Question, Status
from optimizer.plan.verify.arcs import Network
from optimizer.plan.verify.facts import Facts, many
from optimizer.plan.verify.goods import LOGISTICS, Goods, GoodsBook
from optimizer.plan.verify.production import Production
from optimizer.plan.verify.routes import Routes, usable_today


@dataclass
class Program:
    """Minimise cost over keyed columns; rows are ``low <= sum <= high``."""

    cost: dict[Hashable, float] = field(default_factory=dict)
    high: dict[Hashable, float] = field(default_factory=dict)
    low: dict[Hashable, float] = field(default_factory=dict)
    whole: set[Hashable] = field(default_factory=set)
    rows: dict[Hashable, tuple[dict[Hashable, float], float, float]] = field(default_factory=dict)

    def col(
        self,
        key: Hashable,
        cost: float,
        high: float = math.inf,
        low: float = 0.0,
        *,
        whole: bool = False,
    ) -> None:
        self.cost[key], self.high[key], self.low[key] = cost, high, low
        if whole:
            self.whole.add(key)

    def row(
        self,
        key: Hashable,
        terms: Mapping[Hashable, float],
        low: float = -math.inf,
        high: float = math.inf,
    ) -> None:
        self.rows[key] = (dict(terms), low, high)

    def _matrix(self) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
        at = {key: n for n, key in enumerate(self.cost)}
        entries = [
            (r, at[c], v)
            for r, (terms, _, _) in enumerate(self.rows.values())
            for c, v in terms.items()
        ]
        i, j, v = zip(*entries, strict=True)
        matrix = csr_matrix((v, (i, j)), shape=(len(self.rows), len(at)))
        return (
            matrix,
            np.array([r[1] for r in self.rows.values()]),
            np.array([r[2] for r in self.rows.values()]),
        )

    def solve(self) -> tuple[float, dict[Hashable, float]] | None:
        """The optimum and its columns; None where there is no solution."""
        matrix, low, high = self._matrix()
        integer = np.array([key in self.whole for key in self.cost], dtype=int)
        bounds = Bounds(list(self.low.values()), list(self.high.values()))
        found = milp(list(self.cost.values()), constraints=LinearConstraint(matrix, low, high), integrality=integer,
                     bounds=bounds, options={"mip_rel_gap": 0.0})  # fmt: skip
        if found.status != 0:
            return None
        return float(found.fun), dict(zip(self.cost, found.x.tolist(), strict=True))

    def prices(self) -> tuple[float, dict[Hashable, float]] | None:
        """The optimum of the relaxation and the price of each row (>= 0 where it is one-sided)."""
        matrix, low, high = self._matrix()
        equal = low == high
        top, bottom = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
        from scipy.sparse import vstack

        found = linprog(
            list(self.cost.values()), A_eq=matrix[equal], b_eq=low[equal],
            A_ub=vstack([matrix[top], -matrix[bottom]]), b_ub=np.concatenate([high[top], -low[bottom]]),
            bounds=list(zip(self.low.values(), self.high.values(), strict=True)), method="highs",
        )  # fmt: skip
        if found.status != 0:
            return None
        keys = np.array(list(self.rows), dtype=object)
        names = list(self.rows)
        price = {names[n]: 0.0 for n in range(len(keys))}
        for n, value in zip(np.flatnonzero(equal), found.eqlin.marginals, strict=True):
            price[names[n]] = float(value)
        for n, value in zip(
            [*np.flatnonzero(top), *np.flatnonzero(bottom)], found.ineqlin.marginals, strict=True
        ):
            price[names[n]] += -float(value)
        return float(found.fun), price


class TinyProblem:
    """The integer program of an instance and a question, objective cost."""

    def __init__(self, instance: BareInstance, question: Question) -> None:
        self.facts = facts = Facts(instance)
        self.question = question
        self.network, self.goods, self.production = (
            Network(facts),
            GoodsBook(facts),
            Production(facts),
        )
        self.stay_routes = Routes(
            self.network, self.goods, usable_today(self.network, question.closed)
        )
        self.p = Program()
        self.has_circles = False  # a flow on arcs may go round to fill a train; a route may not
        self.volume = {k: r["volume_mcny_per_year"] for k, r in facts.block.items()}
        self.out: dict[Hashable, list[Hashable]] = defaultdict(list)  # ways to name groups of x
        self._blocks()
        self._zones()
        self._lumps()
        self._flows()
        self._pools()
        self._rules()
        self._curves()

    def unit(self, parts: dict[str, float]) -> float:
        return math.fsum(parts.values()) / 1e6

    def _blocks(self) -> None:
        facts, p = self.facts, self.p
        for (o, i), row in facts.block.items():
            volume, terms = self.volume[o, i], {}
            at = facts.origin[o]
            way = self.stay_routes.cost_per_mcny(at["place_id"], at["form_id"], i) / 1e6
            if row["may_stay"] == 1 and math.isfinite(way):
                p.col(("stay", o, i), self.unit(self.production.at_origin(o, i)) + way, volume)
                terms["stay", o, i] = 1.0
            for r, rival in facts.rival.items():
                takes = many(rival["industry_id"])
                way = self.stay_routes.cost_per_mcny(r, rival["form_id"], i) / 1e6
                if (not takes or i in takes) and math.isfinite(way):
                    cost = self.unit(self.production.at_rival(r, i)) + way
                    p.col(("rival", o, i, r), cost, rival["max_share_of_block"] * volume)
                    terms["rival", o, i, r] = 1.0
            for (z, j), today in facts.eligible.items():
                status = facts.zone_status(z, self.question)
                if j != i or status == "forbidden" or facts.blocked_by_rule(z, i):
                    continue
                own = float(facts.move_cost[facts.block_number[o, i], facts.zone_number[z]]) / 1e6
                for f in facts.form:
                    openers = facts.form_openers(z, f)
                    if f in today or openers:
                        x = ("x", o, i, z, f)
                        p.col(x, self.unit(self.production.at_zone(z, i, f)) + own, volume)
                        terms[x] = 1.0
                        self.out["cell", z, i, f].append(x)
                        self.out["block", o, i, z].append(x)
                        if f not in today:
                            p.row(
                                ("form", *x),
                                {x: 1.0} | {("project", q): -volume for q in openers},
                                high=0.0,
                            )
            p.row(("block", o, i), terms, volume, volume)
            if row["whole"] == 1:
                takers = defaultdict(list)
                for key in terms:
                    takers[key[3] if len(key) > 3 else "stay"].append(key)
                for taker, keys in takers.items():
                    p.col(("takes", o, i, taker), 0.0, 1.0, whole=True)
                    p.row(
                        ("whole", o, i, taker),
                        dict.fromkeys(keys, 1.0) | {("takes", o, i, taker): -volume},
                        0.0,
                        0.0,
                    )
        for r, rival in facts.rival.items():
            mine = [k for k in p.cost if k[0] == "rival" and k[3] == r]
            p.row(("rival", r), dict.fromkeys(mine, 1.0), high=rival["capacity_mcny_per_year"])
            for (s, factor), limit in facts.rival_limit.items():
                if s == r:
                    use = {k: facts.use_per_mcny.get((k[2], factor), 0.0) for k in mine}
                    p.row(("rival_limit", r, factor), use, high=limit)

    def _zones(self) -> None:
        facts, p = self.facts, self.p
        for z in facts.zone:
            status = facts.zone_status(z, self.question)
            p.col(("open", z), facts.opening_mcny_per_year(z), 0.0 if status == "forbidden" else 1.0,
                  1.0 if status in ("required", "existing") else 0.0, whole=True)  # fmt: skip
        for z, i in facts.eligible:
            industry = facts.industry[i]
            barred = (
                facts.blocked_by_rule(z, i) or facts.zone_status(z, self.question) == "forbidden"
            )
            p.col(
                ("host", z, i),
                industry["host_setup_mcny_per_year"],
                0.0 if barred else 1.0,
                whole=True,
            )
            p.row(("host_open", z, i), {("host", z, i): 1.0, ("open", z): -1.0}, high=0.0)
            xs = [x for x in p.cost if x[0] == "x" and x[2:4] == (i, z)]
            scale = {("host", z, i): -industry["min_scale_mcny_per_year"]}
            p.row(("scale", z, i), dict.fromkeys(xs, 1.0) | scale, low=0.0)
        for (_, o, i, z), xs in self.out.items():
            if _ == "block":
                p.row(
                    ("strong", o, i, z),
                    dict.fromkeys(xs, 1.0) | {("host", z, i): -self.volume[o, i]},
                    high=0.0,
                )
        for chain in facts.chains:
            for z, i in facts.eligible:
                if i == chain["follower_industry_id"]:
                    near = [w for w, j in facts.eligible if j == chain["leader_industry_id"]
                            and facts.hours_between(z, w) <= chain["max_hours"]]  # fmt: skip
                    leaders = {("host", w, chain["leader_industry_id"]): -1.0 for w in near}
                    p.row(
                        ("chain", chain["chain_id"], z, i),
                        {("host", z, i): 1.0} | leaders,
                        high=0.0,
                    )

    def _lumps(self) -> None:
        facts, p = self.facts, self.p
        for m, row in facts.module.items():
            p.col(("module", m), facts.yearly_mcny(row), row["max_count"], whole=True)
        for k, row in facts.pool.items():
            p.col(("increment", k), row["increment_cny_per_unit_year"] / 1e6, row["increment_max"])
        for q, row in facts.project.items():
            bounds = {"candidate": (0.0, 1.0), "required": (1.0, 1.0), "forbidden": (0.0, 0.0)}[
                row["status"]
            ]
            p.col(("project", q), facts.yearly_mcny(row), bounds[1], bounds[0], whole=True)
        for q, row in facts.project.items():
            for other in many(row["needs_project_id"]):
                p.row(
                    ("needs", q, other), {("project", q): 1.0, ("project", other): -1.0}, high=0.0
                )
            for other in many(row["excludes_project_id"]):
                p.row(
                    ("excludes", q, other), {("project", q): 1.0, ("project", other): 1.0}, high=1.0
                )
        for s, row in facts.service.items():
            if row["runs_today"] == 0:
                p.col(
                    ("runs", s),
                    row["fixed_mcny_per_year"],
                    0.0 if s in self.question.closed else 1.0,
                    whole=True,
                )
                openers = facts.openers.get(("opens_service", s), [])
                if openers:
                    p.row(
                        ("opened", s),
                        {("runs", s): 1.0} | {("project", q): -1.0 for q in openers},
                        high=0.0,
                    )

    def _flows(self) -> None:
        facts, p = self.facts, self.p
        use: dict[Hashable, dict[Hashable, float]] = defaultdict(dict)
        ever = set(facts.service)
        for kind, *cell in list(self.out):
            if kind != "cell":
                continue
            z, i, f = cell
            xs = self.out["cell", z, i, f]
            most = math.fsum(self.volume[x[1], i] for x in xs)
            for g in self.goods.of(z, f, i).values():
                if not g.needs_route:
                    continue
                weights = self.goods.generalised(g.profile) / 1e6
                balance: dict[Hashable, dict[Hashable, float]] = defaultdict(dict)
                for x in xs:
                    balance[g.tail][x] = g.teu_per_mcny
                    balance[g.head][x] = -g.teu_per_mcny
                for arc in self.network.arc.values():
                    if self.network.why_unusable(arc, facts.project, ever, self.question.closed):
                        continue
                    key = ("flow", z, i, f, g.key, arc.key)
                    p.col(key, float(weights @ np.array(arc.features)), g.teu_per_mcny * most)
                    balance[arc.tail][key] = -1.0
                    balance[arc.head][key] = 1.0
                    for b in arc.bottlenecks:
                        use["bottleneck", b][key] = 1.0
                    if arc.service_id:
                        use["service", arc.service_id][key] = 1.0
                    if arc.needs_project:
                        openers = facts.openers[f"opens_{arc.kind}", arc.row_id]
                        gate = {("project", q): -g.teu_per_mcny * most for q in openers}
                        p.row(("gate", *key), {key: 1.0} | gate, high=0.0)
                for node, terms in balance.items():
                    p.row(("node", z, i, f, g.key, node), terms, 0.0, 0.0)
        for b, row in facts.bottleneck.items():
            added = facts.additions.get(("adds_bottleneck_teu", b), {})
            terms = use["bottleneck", b] | {("project", q): -a for q, a in added.items()}
            p.row(("bottleneck", b), terms, high=row["capacity_teu_per_year"])
        for s, row in facts.service.items():
            most, least = row["capacity_teu_per_year"], row["min_load_teu_per_year"]
            if row["runs_today"] == 1:
                p.row(("service", s), use["service", s], high=most)
            else:
                top = min(most, sum(p.high[k] for k in use["service", s]) + 1.0)
                p.row(("service", s), use["service", s] | {("runs", s): -top}, high=0.0)
                p.row(("least", s), use["service", s] | {("runs", s): -least}, low=0.0)

    def _pools(self) -> None:
        facts, p = self.facts, self.p
        for k, pool in facts.pool.items():
            terms: dict[Hashable, float] = {("increment", k): -1.0}
            counted = many(pool["form_id"])
            for x in p.cost:
                if x[0] == "x" and x[3] in facts.members[k] and (not counted or x[4] in counted):
                    terms[x] = facts.use_per_mcny.get((x[2], pool["factor_id"]), 0.0)
            for m, row in facts.module.items():
                net = row["uses_per_module"] * (row["uses_pool_id"] == k) - row[
                    "adds_per_module"
                ] * (row["pool_id"] == k)
                terms["module", m] = net
            for q, amount in facts.additions.get(("adds_pool", k), {}).items():
                terms["project", q] = -amount
            p.row(("pool", k), terms, high=pool["endowment"])

    def capital(self) -> dict[Hashable, float]:
        facts = self.facts
        terms: dict[Hashable, float] = {
            ("open", z): facts.opening_capital_mcny(z) for z in facts.zone
        }
        terms |= {("module", m): row["capital_mcny"] for m, row in facts.module.items()}
        return terms | {("project", q): row["capital_mcny"] for q, row in facts.project.items()}

    def _rules(self) -> None:
        facts, p, question = self.facts, self.p, self.question
        xs = [x for x in p.cost if x[0] == "x"]
        total = math.fsum(self.volume.values())
        if question.target_share is not None:
            p.row(("target",), dict.fromkeys(xs, 1.0), low=question.target_share * total)
        for i, target in question.industry_targets:
            p.row(("industry_target", i), {x: 1.0 for x in xs if x[2] == i}, low=target)
        if question.budget_mcny is not None:
            p.row(("budget",), self.capital(), high=question.budget_mcny)
        new = {("open", z): 1.0 for z, row in facts.zone.items() if row["status"] != "existing"}
        for rule in facts.rules:
            key, value, kind = ("rule", rule["rule_id"]), rule["value"], rule["kind"]
            inside = [x for x in xs if facts.zone[x[3]]["prefecture_id"] == rule["prefecture_id"]]
            share = dict.fromkeys(xs, -value) | dict.fromkeys(inside, 1.0 - value)
            named = many(rule["industry_id"]) or tuple(facts.industry)
            if kind == "max_zones":
                p.row(key, new, high=value)
            elif kind == "min_zones":
                p.row(key, new, low=value)
            elif kind == "budget_mcny":
                p.row(key, self.capital(), high=value)
            elif kind == "max_new_projects":
                p.row(key, {("project", q): 1.0 for q in facts.project}, high=value)
            elif kind == "min_share_of_prefecture":
                p.row(key, share, low=0.0)
            elif kind == "max_share_of_prefecture":
                p.row(key, share, high=0.0)
            elif kind == "min_absorbed_share":
                volume = math.fsum(v for (_, i), v in self.volume.items() if i in named)
                p.row(key, {x: 1.0 for x in xs if x[2] in named}, low=value * volume)
            elif kind == "max_industries_per_zone":
                for z in facts.zone:
                    p.row(
                        (*key, z),
                        {h: 1.0 for h in p.cost if h[0] == "host" and h[1] == z},
                        high=value,
                    )

    def _curves(self) -> None:
        facts, p = self.facts, self.p
        for cluster, (volumes, changes) in facts.curve.items():
            inside = [i for i, row in facts.industry.items() if row["cluster_id"] == cluster]
            for z in facts.zone:
                tag, last = (z, cluster), len(volumes) - 1
                for k in range(last + 1):
                    p.col(("point", *tag, k), float(changes[k]), 1.0)
                for k in range(last):
                    p.col(("segment", *tag, k), 0.0, 1.0, whole=True)
                p.row(
                    ("segments", *tag), {("segment", *tag, k): 1.0 for k in range(last)}, 1.0, 1.0
                )
                points = {("point", *tag, k): 1.0 for k in range(last + 1)}
                p.row(("points", *tag), points, 1.0, 1.0)
                for k in range(last + 1):
                    beside = {("segment", *tag, s): -1.0 for s in (k - 1, k) if 0 <= s < last}
                    p.row(("beside", *tag, k), {("point", *tag, k): 1.0} | beside, high=0.0)
                volume = {("point", *tag, k): -float(v) for k, v in enumerate(volumes)}
                xs = {x: 1.0 for x in p.cost if x[0] == "x" and x[3] == z and x[2] in inside}
                p.row(("curve", *tag), xs | volume, 0.0, 0.0)

    # -- prices and plans ------------------------------------------------------------------------

    def certificate(self, price: Mapping[Hashable, float]) -> dict[str, Any]:
        """The certificate of docs/plan.md with the prices of rows; what is not there costs 0."""
        facts = self.facts

        def of(*key: Any) -> float:
            return max(0.0, price.get(key, 0.0))

        finite = {
            b for b, row in facts.bottleneck.items() if math.isfinite(row["capacity_teu_per_year"])
        }
        return {
            "kind": "lagrangian",
            "block": [[*b, price.get(("block", *b), 0.0)] for b in facts.block],
            "pool": [[k, of("pool", k)] for k, row in facts.pool.items() if math.isfinite(row["endowment"])],
            "rival": [[r, of("rival", r)] for r, row in facts.rival.items() if math.isfinite(row["capacity_mcny_per_year"])],
            "rival_limit": [[*k, of("rival_limit", *k)] for k, limit in facts.rival_limit.items() if math.isfinite(limit)],
            "bottleneck": [[b, of("bottleneck", b)] for b in finite],
            "service": [[s, of("service", s)] for s, row in facts.service.items() if math.isfinite(row["capacity_teu_per_year"])],
            "chain": [[*k[1:], of(*k)] for k in self.p.rows if k[0] == "chain"],
            "opened": [[k[1], of(*k)] for k in self.p.rows if k[0] == "opened"],
            "needs": [[*k[1:], of(*k)] for k in self.p.rows if k[0] == "needs"],
            "excludes": [[*k[1:], of(*k)] for k in self.p.rows if k[0] == "excludes"],
            "target": of("target") if self.question.target_share is not None else 0.0,
            "industry_target": [[i, of("industry_target", i)] for i, _ in self.question.industry_targets],
            "budget": of("budget") if self.question.budget_mcny is not None else 0.0,
            "rule": [[r["rule_id"], of("rule", r["rule_id"])] for r in facts.rules if not r["kind"].startswith(("industry", "max_industries"))],
        }  # fmt: skip

    def plan(
        self,
        value: float,
        x: Mapping[Hashable, float],
        stay_cost: float,
        certificate: Mapping[str, Any],
    ) -> Plan:
        """The plan that the columns describe, with routes taken out of the flows on arcs."""
        facts = self.facts
        on = {key for key, amount in x.items() if amount > 1e-7}
        moves = [Move(k[1], k[2], k[3], k[4], x[k]) for k in on if k[0] == "x"]
        rivals = [(*k[1:], x[k]) for k in on if k[0] == "rival"]
        stays = [(*k[1:], x[k]) for k in on if k[0] == "stay"]
        flows = self._routes(x, moves, rivals, stays)
        number = [(k[1], round(x[k])) for k in on if k[0] == "module"]
        draft = Plan(
            instance_id="hand", instance_hash="hash-of-hand", question=self.question, status=Status.OPTIMAL,
            stop_reason="solved", objective=value, bound=value, cost_mcny=value, stay_cost_mcny=stay_cost,
            open_zones=tuple(k[1] for k in on if k[0] == "open"),
            hosts=tuple(k[1:] for k in on if k[0] == "host"),
            moves=tuple(moves), stays=tuple(stays), rivals=tuple(rivals), modules=tuple(number),
            increments=tuple((k[1], x[k]) for k in on if k[0] == "increment"),
            projects=tuple(k[1] for k in on if k[0] == "project"),
            services=tuple(k[1] for k in on if k[0] == "runs"),
            flows=tuple(flows), accounts=(AccountLine("total", "", "", "", "", value),), certificate=certificate,
        )  # fmt: skip
        assert facts.instance_id == draft.instance_id
        return draft

    def _routes(
        self, x: Mapping[Hashable, float], moves: list[Move], rivals: list[Any], stays: list[Any]
    ) -> list[Flow]:
        flows = []
        cells: dict[tuple[str, str, str], float] = defaultdict(float)
        for m in moves:
            cells[m.zone_id, m.industry_id, m.form_id] += m.output_mcny
        for (z, i, f), output in cells.items():
            for g in self.goods.of(z, f, i).values():
                if g.needs_route:
                    left = {
                        a: x[k]
                        for a in self.network.arc
                        if (k := ("flow", z, i, f, g.key, a)) in x and x[k] > 1e-9
                    }
                    for arcs, teu in self._paths(g, left, output * g.teu_per_mcny):
                        flows.append(Flow("zone", z, f, i, g.key, teu, arcs))
        hosts: dict[tuple[str, str, str, str], float] = defaultdict(float)
        for _, i, r, y in rivals:
            hosts["rival", r, self.facts.rival[r]["form_id"], i] += y
        for o, i, s in stays:
            hosts["stay", o, self.facts.origin[o]["form_id"], i] += s
        usable = usable_today(self.network, self.question.closed)
        arcs_today = [a for a, good in zip(self.network.arc.values(), usable, strict=True) if good]
        for (kind, host, f, i), output in hosts.items():
            for g in self.goods.of(self.facts.host_place(kind, host), f, i).values():
                if g.needs_route:
                    flows.append(
                        Flow(
                            kind,
                            host,
                            f,
                            i,
                            g.key,
                            output * g.teu_per_mcny,
                            self._cheapest(g, arcs_today),
                        )
                    )
        return flows

    def _paths(
        self, g: Goods, left: dict[str, float], teu: float
    ) -> list[tuple[tuple[str, ...], float]]:
        """Split a flow on arcs into routes, cheapest of what is left first."""
        paths = []
        while teu > 1e-7:
            route = self._cheapest(
                g, [self.network.arc[a] for a, amount in left.items() if amount > 1e-9]
            )
            amount = min([teu, *(left[a] for a in route)])
            if teu - amount < 1e-6 * max(1.0, teu):
                amount = teu
            for a in route:
                left[a] -= amount
            teu -= amount
            paths.append((route, amount))
        self.has_circles |= max(left.values(), default=0.0) > 1e-6
        return paths

    def _cheapest(self, g: Goods, arcs: list[Any]) -> tuple[str, ...]:
        """Bellman-Ford by hand: few arcs, and nothing shared with the verifier's search."""
        weights = self.goods.generalised(g.profile)
        cost = {g.tail: 0.0}
        via: dict[Any, Any] = {}
        for _ in range(len(arcs)):
            changed = False
            for arc in arcs:
                if arc.tail in cost:
                    new = cost[arc.tail] + float(weights @ np.array(arc.features))
                    if new < cost.get(arc.head, math.inf) - 1e-9:
                        cost[arc.head], via[arc.head], changed = new, arc, True
            if not changed:
                break
        route, node = [], g.head
        while node != g.tail:
            route.append(via[node].key)
            node = via[node].tail
        return tuple(reversed(route))


__all__ = ["LOGISTICS", "Program", "TinyProblem"]
