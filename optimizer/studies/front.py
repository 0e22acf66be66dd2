"""The front of cost and one more measure: weighted solves, limits where they leave a hole.

A *line* is what a weighted solve proves: cost + price x measure is at least its bound, for every
plan. A *step* is what a solve under a limit proves: no plan that keeps it costs less. Together they
are the lower envelope; plans, and mixes of two plans with the same integer decisions, are the upper
one. A box between two neighbours is closed where the two are within the gap (Hamacher, Pedersen and
Ruzika 2007); else its chord is tried as a price (Aneja and Nair 1979), then its middle as a limit.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from instances import Instance
from networks.network import Network
from optimizer.engine.limits import measured
from optimizer.plan.plan import MAXIMISED, Plan, Question, Status
from optimizer.problem import Problem, build_problem
from optimizer.studies.case import Case, Solved
from optimizer.studies.session import Inquiry, Session

SLACK = 1e-7  # relative; what solvers' tolerances can leave
WEIGHTED_SHARE = 0.5  # of the gap: so that the line of a point comes within the gap of it
LIMIT_SHARE = 0.8
END = 3.0  # times the cost: what the measure is made worth for the far end of the front
TINY = 0.05  # of the gap: the most that the second measure may shift a solve under a limit
NARROWEST = 1e-4  # of the range: boxes narrower are not looked into


@dataclass(frozen=True)
class Point:
    """A plan by its cost (mcny) and its measure, turned so that less is better."""

    cost: float
    measure: float
    plan: Plan = field(repr=False)
    key: str  # of the case that found it
    found: str  # how: least cost, best measure, weighted, limit

    def dominates(self, other: Point, slack: float = 0.0) -> bool:
        """Whether it is no worse in both and better in one (by more than the slack)."""
        if self.cost > other.cost or self.measure > other.measure:
            return False
        better = other.cost - self.cost > slack * abs(self.cost)
        return better or other.measure - self.measure > slack * abs(self.measure)


class Measures:
    """The measures of plans of one instance, as the tables give them."""

    def __init__(self, instance: Instance, network: Network, question: Question) -> None:
        plain = replace(question, objective="cost", limits=(), weights=())
        self.problem: Problem = build_problem(instance, network, plain)
        table = instance.tables["industries"]
        self.workers = dict(zip(table["industry_id"], table["workers_per_mcny"], strict=True))

    def of(self, plan: Plan, name: str) -> float:
        """Return a measure of a plan: mcny, jobs, TEU-hours or tonnes of CO2e a year."""
        if name == "cost":
            return plan.cost_mcny
        if name == "absorbed":
            return plan.absorbed_mcny
        if name == "jobs":
            return math.fsum(self.workers[m.industry_id] * m.output_mcny for m in plan.moves)
        return measured(self.problem, plan, name)


def decisions(instance: Instance, plan: Plan) -> tuple[object, ...]:
    """Return what of a plan is counted in whole numbers; between equals, every mix is a plan."""
    parts: list[object] = [
        tuple(sorted(plan.open_zones)), tuple(sorted(plan.hosts)), tuple(sorted(plan.modules)),
        tuple(sorted(plan.projects)), tuple(sorted(plan.services)),
    ]  # fmt: skip
    blocks = instance.tables["blocks"]
    whole = blocks.loc[blocks["whole"] == 1, ["origin_id", "industry_id"]]
    if len(whole):
        names = set(whole.itertuples(index=False, name=None))
        parts.append(tuple(sorted(
            (m.origin_id, m.industry_id, m.zone_id)
            for m in plan.moves if (m.origin_id, m.industry_id) in names
        )))  # fmt: skip
        parts.append(tuple(sorted(r[:3] for r in plan.rivals if r[:2] in names)))
    table = instance.tables["agglomeration"]
    if len(table):
        cluster = dict(zip(
            instance.tables["industries"]["industry_id"],
            instance.tables["industries"]["cluster_id"], strict=True,
        ))  # fmt: skip
        output: dict[tuple[str, str], float] = {}
        for m in plan.moves:
            key = m.zone_id, cluster[m.industry_id]
            output[key] = output.get(key, 0.0) + m.output_mcny
        ends = {c: sorted(g["volume_mcny_per_year"]) for c, g in table.groupby("cluster_id")}
        parts.append(tuple(sorted(
            (*key, bisect.bisect(ends[key[1]], amount))
            for key, amount in output.items() if key[1] in ends
        )))  # fmt: skip
    return tuple(parts)


@dataclass
class Front:
    """What is known of the front of cost and a measure."""

    session: Session
    measures: Measures
    name: str
    resolution: float  # widest step between points, as a share of the range
    most_solves: int
    points: list[Point] = field(default_factory=list)
    lines: list[tuple[float, float]] = field(default_factory=list)  # price, bound
    steps: list[tuple[float, float]] = field(default_factory=list)  # measure, bound of the cost
    least: float = -math.inf  # no plan has less of the measure: proven
    solves: int = 0
    failed: list[str] = field(default_factory=list)  # solves without a plan, and why
    _made: dict[str, tuple[object, ...]] = field(default_factory=dict)
    _tried: set[tuple[str, str]] = field(default_factory=set)

    @property
    def sign(self) -> float:
        """-1 where more of the measure is better."""
        return -1.0 if self.name in MAXIMISED else 1.0

    # -- what is proven -------------------------------------------------------------------------

    def low(self, measure: float) -> float:
        """Return what every plan with no more of the measure costs at least, mcny a year."""
        if measure < self.least - SLACK * max(1.0, abs(self.least)):
            return math.inf
        reach = SLACK * max(1.0, abs(measure))
        values = [bound - price * measure for price, bound in self.lines]
        values += [bound for at, bound in self.steps if at >= measure - reach]
        return max(values, default=-math.inf)

    def gap(self, point: Point) -> float:
        """Return how much cheaper a plan with no more of the measure could still be, relative."""
        return max(0.0, point.cost - self.low(point.measure)) / max(abs(point.cost), 1e-12)

    def is_mix(self, left: Point, right: Point) -> bool:
        """Whether every mix of two plans is a plan: they share all whole decisions."""
        for p in (left, right):
            if p.key not in self._made:
                self._made[p.key] = decisions(self.session.instance, p.plan)
        return self._made[left.key] == self._made[right.key]

    def hole(self, left: Point, right: Point) -> tuple[float, float, float]:
        """Return how far the envelopes of a box are apart (relative), and the part that is open.

        The left point is the dearer one. Where they mix, the chord is the upper envelope; else the
        cost of the left one, and the part of the box that steps have closed is left out.
        """
        scale = max(abs(right.cost), 1e-12)
        if self.is_mix(left, right):
            at = {left.measure, right.measure}
            for k, (p, b) in enumerate(self.lines):
                for q, c in self.lines[k + 1 :]:
                    if abs(p - q) > 1e-15 * max(abs(p), abs(q)):
                        at.add((b - c) / (p - q))
            inside = [x for x in at if left.measure <= x <= right.measure]
            slope = (right.cost - left.cost) / (right.measure - left.measure)
            apart = [left.cost + slope * (x - left.measure) - self.low(x) for x in inside]
            return max(0.0, *apart) / scale, left.measure, right.measure
        gap = self.session.gap
        closed = [
            at for at, bound in self.steps
            if left.measure < at < right.measure and left.cost - bound <= gap * scale
        ]  # fmt: skip
        start = max(closed, default=left.measure)
        return max(0.0, left.cost - self.low(right.measure)) / scale, start, right.measure

    # -- taking in what was solved --------------------------------------------------------------

    def take(self, case: Case, solved: Solved, price: float | None, at: float | None) -> None:
        """Take in a solve: weighted at a price, or under a limit at an amount of the measure."""
        self.solves += 1
        if price is not None:
            if math.isfinite(solved.low):
                self.lines.append((price, solved.low))
        elif at is not None and solved.low > -math.inf:
            shift = sum(w for n, w in case.question.weights if n == self.name)
            self.steps.append((at, solved.low - shift * at if solved.low < math.inf else math.inf))
        if solved.plan is None:
            if solved.status is not Status.INFEASIBLE:
                self.failed.append(f"{case.name}: {solved.stop_reason}")
            return
        kind = "weighted" if price else "least cost" if at is None else "limit"
        self.add(solved.plan, case.key, kind)

    def add(self, plan: Plan, key: str, kind: str) -> None:
        """Take in a plan; points that another one dominates go, also within the gap."""
        amount = self.sign * self.measures.of(plan, self.name)
        point = Point(plan.cost_mcny, amount, plan, key, kind)
        kept: list[Point] = []
        for other in sorted([*self.points, point], key=lambda p: (p.cost, p.measure)):
            if not any(q.dominates(other, SLACK) or self._as_good(q, other) for q in kept):
                kept.append(other)
        self.points = sorted(kept, key=lambda p: p.measure)

    def _as_good(self, cheaper: Point, other: Point) -> bool:
        """Whether the dearer of two points is no better than the gap shows."""
        return other.measure >= cheaper.measure - self.session.gap * abs(cheaper.measure)

    # -- cases ----------------------------------------------------------------------------------

    def weighted(self, price: float, near: Point) -> Case:
        """A weighted solve, begun from a plan near by; its gap is of the cost alone."""
        price = float(f"{price:.10g}")
        whole = near.cost + price * near.measure
        gap = self.session.gap * WEIGHTED_SHARE * abs(near.cost) / max(abs(whole), 1e-9)
        question = self.session.question
        return self.session.case(
            f"{price * 1e6:,.6g} CNY a unit of {self.name}",
            replace(question, weights=(*question.weights, (self.name, price))),
            gap=float(f"{min(gap, 0.05):.3g}"),
            start=near.key,
        )

    def limited(self, at: float, near: Point) -> Case:
        """The least cost under a limit; of plans that cost the same, one with less of the measure.

        The measure gets a price so small that it shifts the cost by less than the gap shows.
        """
        question = self.session.question
        value = float(f"{self.sign * at:.12g}")
        others = [abs(p.measure) for p in self.points]
        small = TINY * self.session.gap * abs(near.cost) / max(*others, abs(at), 1e-9)
        return self.session.case(
            f"{self.name} {'at least' if self.sign < 0 else 'at most'} {value:,.8g}",
            replace(
                question,
                limits=(*(e for e in question.limits if e[0] != self.name), (self.name, value)),
                weights=(*question.weights, (self.name, float(f"{small:.3g}"))),
            ),
            gap=self.session.gap * LIMIT_SHARE,
            start=near.key,
        )

    # -- the search -----------------------------------------------------------------------------

    def search(self) -> Inquiry[None]:
        """Solve until every box is closed or the solves are used up."""
        session = self.session
        base = session.case("base")
        best = session.case(
            f"best {self.name}", replace(session.question, objective=self.name, weights=())
        )
        solved = yield [base, best]
        self.take(base, solved[0], 0.0, None)
        self.solves += 1
        extreme = solved[1]
        reached = extreme.high if self.sign < 0 else extreme.low
        if math.isfinite(reached):
            self.least = self.sign * reached
        if not self.points:
            return
        if extreme.plan is None:
            self.failed.append(f"{best.name}: {extreme.stop_reason}")
        first = self.points[-1]
        whole = abs(first.measure) + abs(self.sign * extreme.objective) if extreme.plan else 0.0
        if whole > 0:
            end = self.weighted(END * abs(first.cost) / whole, first)
            self.take(end, (yield [end])[0], end.question.weights[-1][1], None)
        if extreme.plan is not None:
            self.add(extreme.plan, best.key, "best measure")
        while self.solves < self.most_solves:
            wanted = self._next()
            if not wanted:
                return
            wanted = wanted[: self.most_solves - self.solves]
            solved = yield [case for case, _, _ in wanted]
            for (case, price, at), result in zip(wanted, solved, strict=True):
                self.take(case, result, price, at)

    def boxes(self) -> Iterator[tuple[Point, Point]]:
        """Neighbours on the front, the dearer one first."""
        yield from zip(self.points, self.points[1:], strict=False)

    @property
    def range(self) -> float:
        """From the least cost's measure to the best one that a plan has."""
        return self.points[-1].measure - self.points[0].measure if self.points else 0.0

    def narrowest(self, at: float) -> float:
        """Return how wide a box must be to be looked into: the resolution of the front."""
        return max(NARROWEST * self.range, max(1.1 * self.session.gap, 10 * SLACK) * abs(at))

    def is_open(self, left: Point, right: Point) -> bool:
        """Whether a plan that matters can still be missing between two neighbours."""
        apart, start, end = self.hole(left, right)
        narrow = end - start <= 2.0 * self.narrowest(end)
        return apart > self.session.gap and not narrow

    def _next(self) -> list[tuple[Case, float | None, float | None]]:
        """Cases that narrow the boxes that are open or wide: the worst first, one for each."""
        found: list[tuple[float, float, Case, float | None, float | None]] = []
        for left, right in self.boxes():
            apart, start, end = self.hole(left, right)
            is_open = self.is_open(left, right)
            width = (right.measure - left.measure) / max(self.range, 1e-300)
            if not is_open and width <= self.resolution:
                continue
            price = (left.cost - right.cost) / (right.measure - left.measure)
            pair = (left.key, right.key)
            case: tuple[Case, float | None, float | None] | None = None
            if price > 0 and pair not in self._tried and not self._is_line(price):
                self._tried.add(pair)
                weighted = self.weighted(price, right)
                case = (weighted, weighted.question.weights[-1][1], None)
            elif is_open:
                middle = (start + end) / 2
                # Its near half is closed, or it is narrow: look at the far end
                if start > left.measure or middle > end - self.narrowest(end):
                    middle = end - self.narrowest(end)
                case = (self.limited(middle, left), None, middle)
            if case is not None:
                found.append((-apart if is_open else 0.0, -width, *case))
        found.sort(key=lambda entry: entry[:2])
        return [(case, price, at) for _, _, case, price, at in found]

    def _is_line(self, price: float) -> bool:
        return any(abs(price - known) <= 1e-6 * price for known, _ in self.lines)

    def envelope(self, count: int = 60) -> list[tuple[float, float]]:
        """Return points of the lower envelope over the range of the front."""
        if not self.points:
            return []
        start, end = self.points[0].measure, self.points[-1].measure
        at = sorted({
            *(p.measure for p in self.points),
            *(start + (end - start) * k / count for k in range(count + 1)),
        })  # fmt: skip
        return [(x, self.low(x)) for x in at]
