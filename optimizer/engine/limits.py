"""Least cost under limits on hours, CO2e or outlay, by the prices of the limits.

Where goods are too many to list every route that some mix of measures could want, a limit is
turned into a price: cost + price x measure orders routes like cost does, so that this *weighted*
problem is solved as fast as the plain one. For every price

    least weighted cost - price x limit  <=  least cost under the limit

(Lagrangian duality: a plan that keeps the limit pays at most price x limit). The best price is
found by how the routes of a plan answer to prices, then by cutting planes on what was solved. Plans
come from a small model that holds the limit itself: the siting of the weighted plan first, then
what the relaxation uses, over the routes of this price and of neighbouring ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from networks.paths import PathFinder
from optimizer.engine.progress import ProgressEvent, Watch
from optimizer.engine.root import Relaxation
from optimizer.engine.routes import Found
from optimizer.engine.siting import Outcome, accept, solve_question, why_stopped
from optimizer.engine.start import kernel_start, start_vector
from optimizer.memory import Memory
from optimizer.model.base import Commodity, SitingModel
from optimizer.model.siting import build_siting_model
from optimizer.plan.plan import Flow, Plan, Status
from optimizer.problem import MCNY, ROUTE_MEASURES, Problem, build_problem

PRICED_FROM = 3_000  # goods with a host; with fewer, all routes are listed and the answer is exact
ROUNDS = 6  # prices tried at most
FIRST_SHARE = 2e-3  # of the cost: what the first price makes of the whole measure
NEAR = 0.02  # relative; how near to the limit the routes have to come for a first price
SPREAD = (0.6, 1.6)  # prices whose routes the small model has too, as factors
ASKED = 0.85  # share of the gap for the weighted problem; the rest is for keeping the limit
MAIN = 0.9  # share of a measure whose goods say how all goods answer to prices
CLOSE = 0.5  # the same, where that was not enough
SETTLED = 0.1  # share of the gap: prices that could raise the bound by less are not sought
Prices = dict[str, float]


def is_priced(problem: Problem) -> bool:
    """Say whether a question is solved here: limits on routes, and too many goods to list them."""
    question = problem.question
    has_other = question.cost_limit_mcny is not None or "cost" in dict(question.limits)
    if question.objective != "cost" or has_other or len(problem.route_measures) < 2:
        return False
    return len({c for goods in problem.cell_commodities for c in goods}) >= PRICED_FROM


def solve_by_prices(
    problem: Problem,
    watch: Watch,
    *,
    solver: str,
    gap: float,
    threads: int,
    seed: int,
    start: Plan | Mapping[Hashable, float] | None,
    memory: Memory | None,
) -> Outcome:
    """Solve a question with limits on measures of routes and return the outcome (minimisation).

    The bound holds for the question as it is asked; where the best price leaves a distance to the
    best plan found, the gap says so.
    """
    options = {"solver": solver, "threads": threads, "seed": seed}
    search = _Search(problem, watch, gap, options)
    prices = dict.fromkeys(search.limits, 0.0)
    if isinstance(start, Plan):
        first = search.answering(start.flows, start.projects, start.services)
        prices = prices if first is None else first
    known = Memory(problem) if memory is None else memory
    weighted = search.solve_at(prices, ASKED * gap, start, known)
    for n in range(ROUNDS):
        if weighted is None or search.is_done:
            break
        if search.keeps_limits(weighted) and not any(prices.values()):
            break
        if any(prices.values()):
            search.plan_at(prices, weighted)
            if search.is_done or watch.stopped:
                break
            following = search.next_prices()
        else:
            answer = weighted.answer
            assert answer is not None, "solve_at says so"
            following = search.answering(answer.flows, answer.projects, answer.services)
            if following is None and search.is_impossible():
                break
            following = following or search.next_prices()
        if following is None:
            break
        prices = following
        share = ASKED if n == 0 or search.best is None else CLOSE
        weighted = search.solve_at(prices, share * gap, weighted.values, weighted.memory)
    return search.outcome()


@dataclass
class _Search:
    """What is known so far: the best bound, the best plan, and what the measures were at prices."""

    problem: Problem
    watch: Watch
    gap: float
    options: dict[str, Any]
    limits: Prices = field(init=False)
    bound: float = -math.inf
    best: tuple[SitingModel, np.ndarray, float] | None = None  # model, columns, objective
    found: Outcome | None = None  # a plan of the weighted problem that keeps the limits at price 0
    last: Outcome | None = None
    tried: list[tuple[float, Prices, Prices]] = field(default_factory=list)
    impossible: str = ""  # why there is no plan, where that is proven
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        question = self.problem.question
        self.limits = {n: v for n, v in question.limits if n in ROUTE_MEASURES}
        self.unlimited = replace(
            question, limits=tuple(e for e in question.limits if e[0] not in self.limits)
        )

    @property
    def is_done(self) -> bool:
        """Whether the best plan is proven to the gap."""
        if self.best is None:
            return self.found is not None
        return self.best[2] - self.bound <= self.gap * abs(self.best[2])

    # -- the weighted problem -------------------------------------------------------------------

    def solve_at(
        self,
        prices: Prices,
        gap: float,
        start: Plan | Mapping[Hashable, float] | None,
        memory: Memory | None,
    ) -> Outcome | None:
        """Solve the weighted problem at these prices and take over its bound; None: no plan."""
        own = dict(self.problem.question.weights)
        weights = {name: own.get(name, 0.0) + price for name, price in prices.items()}
        question = replace(self.unlimited, weights=tuple((own | weights).items()))
        problem = build_problem(self.problem.instance, self.problem.network, question, memory)
        if self.tried:  # the gap is of the cost, not of what the prices add to it
            cost, _, amounts = self.tried[-1]
            gap *= abs(cost) / max(abs(cost) + _worth(prices, amounts), 1e-9)
        words = ", ".join(f"{1e6 * p:,.6g} CNY a unit of {n}" for n, p in prices.items())
        watch = self._watch(f"at {words}" if any(prices.values()) else "without limits")
        outcome = solve_question(
            problem, watch, gap=gap, start=start, memory=memory, **self.options
        )
        self.last = outcome
        if outcome.status is Status.INFEASIBLE:
            self.impossible = outcome.stop_reason  # without the limits there is no plan either
            return None
        if math.isfinite(outcome.bound):
            limited = outcome.bound - _worth(prices, self.limits)
            if limited > self.bound:
                self.bound = limited
            self.watch.report("prices", bound=self.bound, detail=words)
        if outcome.answer is None or outcome.model is None:
            return None
        amounts = self._amounts(outcome)
        self.tried.append((outcome.objective - _worth(prices, amounts), dict(prices), amounts))
        if self.keeps_limits(outcome) and not any(prices.values()):
            self.found = outcome
        return outcome

    def _amounts(self, outcome: Outcome) -> Prices:
        m = outcome.model
        assert m is not None, "asked where there is a plan"
        return {
            name: math.fsum(m.amounts[name][m.lp.col[key]] * v for key, v in outcome.values.items())
            if name in m.amounts
            else self._of_routes(outcome, name)
            for name in self.limits
        }

    def _of_routes(self, outcome: Outcome, name: str) -> float:
        """The amount of a measure that the weighted problem has no columns of (price 0)."""
        assert outcome.answer is not None, "asked where there is a plan"
        return measured(self.problem, outcome.answer, name)

    def keeps_limits(self, outcome: Outcome) -> bool:
        """Whether a plan of the weighted problem is one of the question."""
        amounts = self._amounts(outcome)
        return all(amounts[n] <= v * (1 + 1e-9) + 1e-9 for n, v in self.limits.items())

    def _watch(self, words: str) -> Watch:
        """A clock for a solve within this one: its incumbents and bounds are of another problem."""

        def tell(event: ProgressEvent) -> None:
            self.watch.report("prices", detail=f"{words}: {event.phase} {event.detail}".strip())

        return Watch(self.watch.left_s, tell, self.watch.cancel)

    # -- prices ---------------------------------------------------------------------------------

    def answering(
        self, flows: Sequence[Flow], projects: Sequence[str], services: Sequence[str]
    ) -> Prices | None:
        """Return prices at which these goods, on the best routes, keep the limits about.

        None where no price makes them. Where the siting answers to prices too, it is a start.
        """
        response = _Response(self.problem, flows, projects, services)
        prices = dict.fromkeys(self.limits, 0.0)
        base = response.amounts({})
        cost = self.tried[-1][0] if self.tried else response.cost
        for name, limit in self.limits.items():
            limit -= response.fixed(name, self._amounts_now(name, base))
            if base.get(name, 0.0) <= limit:
                continue
            low, high = 0.0, FIRST_SHARE * abs(cost) / max(base[name], 1e-9)
            for _ in range(7):
                if self.watch.stopped or response.amounts(prices | {name: high})[name] <= limit:
                    break
                low, high = high, 4 * high
            else:
                return None
            for _ in range(6):
                middle = math.sqrt(low * high) if low > 0 else high / 2
                amount = response.amounts(prices | {name: middle})[name]
                if amount <= limit:
                    high = middle
                else:
                    low = middle
                if abs(amount - limit) <= NEAR * limit or self.watch.stopped:
                    high = middle
                    break
            prices[name] = high
        return prices if any(prices.values()) else None

    def _amounts_now(self, name: str, base: Mapping[str, float]) -> float:
        """The measure of the last plan, lumps included, or that of its routes."""
        return self.tried[-1][2][name] if self.tried else base.get(name, 0.0)

    def next_prices(self) -> Prices | None:
        """Return the prices that could raise the bound most by what is known; None: by too little.

        Every plan of a weighted problem bounds the dual function from above by a plane.
        """
        from scipy.optimize import linprog

        names = list(self.limits)
        most = {n: max(p[n] for _, p, _ in self.tried) for n in names}
        scale = {n: FIRST_SHARE * abs(self.tried[0][0]) / max(self.limits[n], 1e-9) for n in names}
        rows = [[1.0, *((v - a[n]) * scale[n] for n, v in self.limits.items())]
                for _, _, a in self.tried]  # fmt: skip
        high = [max(4 * most[n], scale[n]) / scale[n] for n in names]
        right = [cost for cost, _, _ in self.tried]
        bounds = [(None, None), *((0.0, h) for h in high)]
        result = linprog([-1.0, *(0.0 for _ in names)], rows, right, bounds=bounds)
        if not result.success:
            return None
        prices = {n: float(x) * scale[n] for n, x in zip(names, result.x[1:], strict=True)}
        value = abs(self.best[2] if self.best is not None else self.tried[-1][0])
        if -result.fun - self.bound <= SETTLED * self.gap * value:
            return None
        for _, tried, _ in self.tried:
            if all(abs(prices[n] - tried[n]) <= 1e-3 * max(most[n], scale[n]) for n in names):
                return None
        return prices

    def is_impossible(self) -> bool:
        """Whether some limit is below the least that its measure can be at any cost."""
        for name, limit in self.limits.items():
            question = replace(self.unlimited, objective=name, weights=(), cost_limit_mcny=None)
            problem = build_problem(self.problem.instance, self.problem.network, question)
            watch = self._watch(f"least {name}")
            outcome = solve_question(
                problem, watch, gap=1e-4, start=None, memory=None, **self.options
            )
            if outcome.bound > limit * (1 + 1e-6):
                self.impossible = (
                    f"the limit of {name} cannot be kept: it is at least {outcome.bound:,.6g}"
                )
        return bool(self.impossible)

    # -- plans ----------------------------------------------------------------------------------

    def plan_at(self, prices: Prices, weighted: Outcome) -> None:
        """Look for the cheapest plan that keeps the limits, near a weighted one."""
        assert weighted.model is not None, "asked where there is a plan"
        assert weighted.answer is not None, "asked where there is a plan"
        own = weighted.model.problem.route_weights
        problem = build_problem(
            self.problem.instance, self.problem.network, self.problem.question,
            weighted.memory, route_weights=own,
        )  # fmt: skip
        m = build_siting_model(problem, memory=weighted.memory)
        others = [{n: p * factor for n, p in prices.items()} for factor in SPREAD]
        found, away = neighbours(weighted, others)
        relaxation = Relaxation(m, weighted.memory)
        relaxation.take_routes(weighted.model, found, away)
        watch = self._watch("plan within the limits")
        x = self._checked(relaxation, lambda: start_vector(
            m, weighted.values, np.zeros(m.lp.n_cols), watch, repair=False
        ))  # fmt: skip
        self._take(m, x)
        if self.is_done or self.watch.stopped:
            return
        if relaxation.solve(watch) is not Status.OPTIMAL:
            return
        y = self._checked(relaxation, lambda: kernel_start(m, relaxation.x, watch, self.gap / 4, x))
        self._take(m, y)

    def _checked(self, relaxation: Relaxation, look: Any) -> np.ndarray | None:
        """What a search finds, again where it exceeds a capacity that had no row yet."""
        for _ in range(4):
            x = look()
            if x is None or not relaxation.add_violated(x):
                return x
        return None

    def _take(self, m: SitingModel, x: np.ndarray | None) -> None:
        if x is None:
            return
        x = np.concatenate([x, np.zeros(m.lp.n_cols - len(x))])
        objective = float(np.dot(m.lp.cost, x)) + m.lp.offset
        if self.best is None or objective < self.best[2]:
            self.best = (m, x, objective)
            self.watch.report("plan within the limits", incumbent=objective, bound=self.bound)

    # -- the end --------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """The best plan and bound found, with how the search ended."""
        base = self.last if self.last is not None else Outcome(Status.NO_PLAN_IN_TIME, "")
        outcome = replace(
            base, status=Status.NO_PLAN_IN_TIME, stop_reason=why_stopped(self.watch), answer=None,
            certificate={}, bound=self.bound, root_bound=self.bound, values={},
            notes=[*self.problem.notes, *self.notes],
        )  # fmt: skip
        if self.found is not None:  # the limits do not bind
            return replace(self.found, notes=[*self.found.notes, *self.notes])
        if self.impossible:
            outcome.status, outcome.stop_reason = Status.INFEASIBLE, self.impossible
            return outcome
        if self.best is None:
            if not self.watch.stopped:
                outcome.stop_reason = "no plan within the limits was found, nor a proof of none"
            return outcome
        m, x, _ = self.best
        outcome.model = m
        accept(m, x, self.watch, outcome, self.gap)
        if outcome.status is Status.FEASIBLE and not self.watch.stopped:
            outcome.stop_reason = "the prices of the limits prove no more"
        return outcome


def _worth(prices: Mapping[str, float], amounts: Mapping[str, float]) -> float:
    return math.fsum(price * amounts[name] for name, price in prices.items() if price)


# -- routes at other prices ---------------------------------------------------------------------


def _by_line(commodities: Iterable[Commodity]) -> dict[int, list[int]]:
    lines: dict[int, list[int]] = defaultdict(list)
    for line, node in sorted(set(commodities)):
        lines[line].append(node)
    return lines


def finder_of(problem: Problem, projects: Sequence[str], services: Sequence[str]) -> PathFinder:
    """Paths over what a plan has: the network of today, its projects and its services."""
    table = problem.table("services")
    running = [*table.loc[table["runs_today"] == 1, "service_id"], *services]
    mask = problem.network.available(
        closed=problem.question.closed, projects=tuple(projects), services=tuple(running)
    )
    return PathFinder(problem.network, mask)


def neighbours(weighted: Outcome, others: Sequence[Prices]) -> tuple[list[Found], list[Found]]:
    """Return routes that are best at other prices: of goods of the open zones, of other hosts."""
    m, answer = weighted.model, weighted.answer
    assert m is not None, "asked where there is a plan"
    assert answer is not None, "asked where there is a plan"
    problem = m.problem
    opened = {problem.zones.index(z) for z in answer.open_zones}
    inside = [
        c
        for c, cells in m.commodity_cells.items()
        if any(int(problem.cell_zone[cell]) in opened for cell in cells)
    ]
    paths = finder_of(problem, answer.projects, answer.services)
    found: dict[Found, None] = {}
    away: dict[Found, None] = {}
    hosts = other_hosts(problem)
    today = problem.others_book.finder
    for where, finder, goods in ((found, paths, inside), (away, today, hosts)):
        for line, nodes in _by_line(goods).items():
            for prices in others:
                if where is away:
                    prices = {n: p for n, p in prices.items() if n != "outlay"}
                weights = problem.arc_amounts(line, "cost") + sum(
                    p * problem.arc_amounts(line, n) for n, p in prices.items()
                )
                of_line = problem.lines[line]
                tree = finder.tree(MCNY * weights, of_line.node, reverse=not of_line.inbound)
                for node in nodes:
                    if np.isfinite(tree.dist[node]):
                        where[(line, node), tuple(finder.path(tree, node))] = None
    return list(found), list(away)


def other_hosts(problem: Problem) -> list[Commodity]:
    """Goods of rivals and of what stays, with their gates; those without any route left out."""
    found: dict[Commodity, None] = {}
    origins = {r.origin_id: r for r in problem.table("origins").itertuples()}
    hosts = {
        (int(i), origins[o].place_id, origins[o].form_id)
        for o, i in zip(problem.block_origin, problem.block_industry, strict=True)
    }
    for rival in problem.table("rivals").itertuples():
        takes = rival.industry_id.split(";") if rival.industry_id else problem.industries
        hosts |= {(problem.industries.index(i), rival.rival_id, rival.form_id) for i in takes}
    for industry, place, form in sorted(hosts):
        for k in problem.lines_of[industry]:
            node = problem.host_node(problem.lines[k], place, form)
            if problem.lines[k].node >= 0 and node >= 0:
                found[k, node] = None
    return list(found)


class _Response:
    """How the routes of a plan's goods answer to prices, the plan's decisions and volumes kept."""

    def __init__(
        self,
        problem: Problem,
        flows: Sequence[Flow],
        projects: Sequence[str],
        services: Sequence[str],
    ) -> None:
        self.problem = problem
        self.zones = finder_of(problem, projects, services)
        self.today = problem.others_book.finder
        number = {line.key: k for k, line in enumerate(problem.lines)}
        place_of = {r.origin_id: r for r in problem.table("origins").itertuples()}
        self.teu: dict[tuple[int, bool], dict[int, float]] = {}
        for flow in flows:
            k = number.get(flow.goods)
            if k is None or problem.lines[k].node < 0:
                continue
            place = flow.host_id
            form = flow.form_id
            if flow.host_kind == "stay":
                place, form = place_of[flow.host_id].place_id, place_of[flow.host_id].form_id
            node = problem.host_node(problem.lines[k], place, form)
            nodes = self.teu.setdefault((k, flow.host_kind == "zone"), {})
            nodes[node] = nodes.get(node, 0.0) + flow.teu
        self.names = [n for n, _ in problem.question.limits if n in ROUTE_MEASURES]
        self.factor = dict.fromkeys(self.names, 1.0)
        self.free = self._measure({})
        self.main()

    def main(self) -> None:
        """Keep the goods that make up most of the measures; the others answer as they do."""
        kept: set[tuple[int, bool]] = set()
        for name in self.names:
            sizes = sorted(((v[name], key) for key, v in self.each.items()), reverse=True)
            enough = MAIN * sum(size for size, _ in sizes)
            for size, key in sizes:
                if enough <= 0:
                    break
                kept.add(key)
                enough -= size
        for name in self.names:
            part = sum(self.each[key][name] for key in kept)
            self.factor[name] = self.free[name] / part if part > 0 else 1.0
        self.teu = {key: nodes for key, nodes in self.teu.items() if key in kept}

    def amounts(self, prices: Mapping[str, float]) -> Prices:
        """Return what the limited measures come to, about, on the best routes at these prices."""
        if not any(prices.values()):
            return dict(self.free)
        return {name: self.factor[name] * v for name, v in self._measure(prices).items()}

    def _measure(self, prices: Mapping[str, float]) -> Prices:
        problem, names = self.problem, self.names
        self.cost = 0.0
        self.each: dict[tuple[int, bool], Prices] = {}
        for (line, of_zone), nodes in sorted(self.teu.items()):
            total = self.each[line, of_zone] = dict.fromkeys(names, 0.0)
            finder = self.zones if of_zone else self.today
            cost = problem.arc_amounts(line, "cost")
            weights = cost + sum(p * problem.arc_amounts(line, n) for n, p in prices.items())
            goods = problem.lines[line]
            tree = finder.tree(MCNY * weights, goods.node, reverse=not goods.inbound)
            for node, teu in nodes.items():
                if node < 0 or not np.isfinite(tree.dist[node]):
                    continue
                arcs = np.array(finder.path(tree, node), dtype=np.int64)
                self.cost += teu * float(cost[arcs].sum())
                for name in names:
                    if of_zone or name != "outlay":
                        total[name] += teu * float(problem.arc_amounts(line, name)[arcs].sum())
        return {name: math.fsum(v[name] for v in self.each.values()) for name in names}

    def fixed(self, name: str, whole: float) -> float:
        """Return what of a measure is no matter of routes: lumps and grants of the outlay."""
        return whole - self.free[name] if name == "outlay" else 0.0


def measured(problem: Problem, answer: Any, name: str) -> float:
    """Return the amount of a measure of routes in a plan, from its flows and accounts."""
    if name == "outlay":
        lumps = {"opening", "modules", "increments", "projects", "services"}
        return math.fsum(
            line.mcny if line.component in lumps else -line.mcny
            for line in answer.accounts
            if line.component in lumps or (line.component == "subsidy" and line.host_kind == "zone")
        )
    number = {line.key: k for k, line in enumerate(problem.lines)}
    arc = {key: a for a, key in enumerate(problem.network.arc_keys)}
    return math.fsum(
        flow.teu
        * float(problem.arc_amounts(number[flow.goods], name)[[arc[k] for k in flow.arcs]].sum())
        for flow in sorted(answer.flows, key=lambda f: f.goods)
        if flow.arcs
    )
