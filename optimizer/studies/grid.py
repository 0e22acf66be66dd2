"""Three objectives: the least cost on a grid of limits on two measures.

Augmented epsilon-constraint method: of plans that cost the same, one that is better in the two
measures is meant. A plan found under loose limits that keeps tighter ones is the best under these
too, and what has no plan under loose limits has none under tight ones (AUGMECON2, Mavrotas and
Florios 2013): such corners of the grid are not solved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from optimizer.plan.plan import MAXIMISED, Plan, Status
from optimizer.studies.case import Case, Solved
from optimizer.studies.front import LIMIT_SHARE, SLACK, TINY, Measures
from optimizer.studies.session import Inquiry, Session


@dataclass(frozen=True)
class Corner:
    """The least cost under two limits: what a plan costs, and what every plan costs at least."""

    at: tuple[float, float]  # limits, turned so that less is better
    cost: float
    low: float
    status: str
    plan: Plan | None = field(repr=False, default=None)
    measures: tuple[float, float] = (math.nan, math.nan)
    key: str = ""
    solved: bool = True  # False: answered for by another corner

    @property
    def gap(self) -> float:
        """Relative distance of the cost and what is proven; nan without a plan."""
        if self.plan is None:
            return math.nan
        return max(0.0, self.cost - self.low) / max(abs(self.cost), 1e-12)


@dataclass
class Grid:
    """What is known of the front of cost and two measures."""

    session: Session
    measures: Measures
    names: tuple[str, str]
    steps: int
    corners: dict[tuple[int, int], Corner] = field(default_factory=dict)
    limits: tuple[list[float], list[float]] = ((), ())  # type: ignore[assignment]
    best: list[float] = field(default_factory=list)  # proven best of each measure
    failed: list[str] = field(default_factory=list)

    def sign(self, k: int) -> float:
        """-1 where more of the measure is better."""
        return -1.0 if self.names[k] in MAXIMISED else 1.0

    def amounts(self, plan: Plan) -> tuple[float, float]:
        """Both measures of a plan, turned so that less is better."""
        first, second = (self.sign(k) * self.measures.of(plan, self.names[k]) for k in (0, 1))
        return first, second

    def search(self) -> Inquiry[None]:
        """Solve the ends, then the grid from loose limits to tight ones, a diagonal at a time."""
        session = self.session
        plain = session.question
        base = session.case("base")
        ends = [session.case(f"best {n}", replace(plain, objective=n)) for n in self.names]
        first, *extremes = yield [base, *ends]
        if first.plan is None:
            self.failed.append(f"base: {first.stop_reason}")
            return
        start = self.amounts(first.plan)
        self.best = [
            self.sign(k) * (e.high if self.sign(k) < 0 else e.low) for k, e in enumerate(extremes)
        ]
        tight = []
        for k, extreme in enumerate(extremes):
            reached = start[k] if extreme.plan is None else self.amounts(extreme.plan)[k]
            tight.append(min(reached + SLACK * abs(reached), start[k]))
        self.limits = (
            [start[0] + (tight[0] - start[0]) * i / (self.steps - 1) for i in range(self.steps)],
            [start[1] + (tight[1] - start[1]) * j / (self.steps - 1) for j in range(self.steps)],
        )
        loose = Corner(
            (math.inf, math.inf), first.plan.cost_mcny, first.low, first.status.value,
            first.plan, start, base.key,
        )  # fmt: skip
        self.corners[0, 0] = loose
        for wave in range(1, 2 * self.steps - 1):
            wanted: list[tuple[tuple[int, int], Case]] = []
            for i in range(max(0, wave - self.steps + 1), min(wave, self.steps - 1) + 1):
                place = (i, wave - i)
                if not self._answered(place):
                    wanted.append((place, self._case(place)))
            if wanted:
                solved = yield [case for _, case in wanted]
                for (place, case), result in zip(wanted, solved, strict=True):
                    self._take(place, case, result)

    def _before(self, place: tuple[int, int]) -> list[Corner]:
        """The corners next to a place whose limits are looser."""
        i, j = place
        return [self.corners[p] for p in ((i - 1, j), (i, j - 1)) if p in self.corners]

    def _at(self, place: tuple[int, int]) -> tuple[float, float]:
        """The limits of a corner; the loosest of each measure is none at all."""
        first, second = (self.limits[k][n] if n else math.inf for k, n in enumerate(place))
        return first, second

    def _answered(self, place: tuple[int, int]) -> bool:
        """Take over the answer of a looser corner, where it is the answer here too."""
        at = self._at(place)
        for corner in self._before(place):
            if corner.status == Status.INFEASIBLE.value:
                self.corners[place] = replace(corner, at=at, solved=False)
                return True
            keeps = all(m <= e + SLACK * abs(e) for m, e in zip(corner.measures, at, strict=True))
            if corner.plan is not None and keeps:
                self.corners[place] = replace(corner, at=at, solved=False)
                return True
        return False

    def _case(self, place: tuple[int, int]) -> Case:
        """The least cost under the limits, each measure with a price too small to show.

        Only a measure with a limit gets one: else nothing bounds by how much it shifts the cost.
        """
        session, at = self.session, self._at(place)
        question = session.question
        cost = abs(self.corners[0, 0].cost)
        limits, weights = [], []
        for k, name in enumerate(self.names):
            if place[k] == 0:
                continue
            limits.append((name, float(f"{self.sign(k) * at[k]:.12g}")))
            size = max(abs(self.limits[k][0]), abs(self.limits[k][-1]), 1e-9)
            weights.append((name, float(f"{TINY / 2 * session.gap * cost / size:.3g}")))
        near = next((c for c in self._before(place) if c.plan is not None), self.corners[0, 0])
        words = ", ".join(
            f"{n} {'at least' if n in MAXIMISED else 'at most'} {v:,.8g}" for n, v in limits
        )
        kept = tuple(e for e in question.limits if e[0] not in self.names)
        return session.case(
            words,
            replace(question, limits=(*kept, *limits), weights=tuple(weights)),
            gap=session.gap * LIMIT_SHARE,
            start=near.key,
        )

    def _take(self, place: tuple[int, int], case: Case, solved: Solved) -> None:
        at = self._at(place)
        weights = dict(case.question.weights)
        low = solved.low
        if math.isfinite(low):
            low -= sum(weights[n] * at[k] for k, n in enumerate(self.names) if n in weights)
        low = max([low, *(c.low for c in self._before(place))])
        if solved.plan is None:
            cost, amounts = math.nan, (math.nan, math.nan)
            if solved.status is not Status.INFEASIBLE:
                self.failed.append(f"{case.name}: {solved.stop_reason}")
        else:
            cost, amounts = solved.plan.cost_mcny, self.amounts(solved.plan)
        self.corners[place] = Corner(
            at, cost, low, solved.status.value, solved.plan, amounts, case.key
        )

    def points(self) -> list[Corner]:
        """The corners whose plan no other corner's plan beats, each plan once, cheapest first."""
        found: list[Corner] = []
        plans = [c for c in self.corners.values() if c.plan is not None and c.solved]
        gap = max(self.session.gap, SLACK)
        for corner in sorted(plans, key=lambda c: (c.cost, c.measures)):
            mine = (corner.cost, *corner.measures)
            beaten = any(
                all(
                    a <= b + SLACK * abs(b)
                    for a, b in zip((o.cost, *o.measures), mine, strict=True)
                )
                or all(
                    abs(a - b) <= gap * max(abs(b), 1e-9)
                    for a, b in zip((o.cost, *o.measures), mine, strict=True)
                )
                for o in found
            )
            if not beaten:
                found.append(corner)
        return found
