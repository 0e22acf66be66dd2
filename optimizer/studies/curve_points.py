"""Solved points of an absorption curve: what they prove between them, and where to solve next.

Right of the least cost the question is "at least so much must come", left of it "at most so much
may come"; the curve falls to the least cost and rises from there. A plan at one volume is a plan
for every easier one and a bound serves at every harder one, so each point gets the best of both
that any solve of the curve has given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from optimizer.plan.plan import EVERY_INDUSTRY, Plan, Question, Status
from optimizer.studies.case import Case, Solved
from optimizer.studies.session import Inquiry, Session

BATCH = 4  # points that are solved at the same time, whatever the workers: tables stay the same
SLACK = 1e-6  # relative; what a plan may miss of a volume (as the verifier allows)
Side = Literal["free", "least", "most", "largest"]


def without_targets(question: Question) -> Question:
    """Return the question without a target for all industries: the curve puts its own."""
    return replace(question, target_mcny=None, target_share=None)


def volume_of(plan: Plan, industry: str) -> float:
    """Return the output that comes to the zones, of one industry or all, million CNY a year."""
    return math.fsum(
        m.output_mcny for m in plan.moves if industry in (EVERY_INDUSTRY, m.industry_id)
    )


@dataclass(frozen=True)
class Reading:
    """What is known of the least cost at a volume: the best plan's, and the range proven."""

    volume: float
    side: Side
    cost: float
    low: float
    status: str
    plan: Plan | None

    @property
    def gap(self) -> float:
        """Distance of cost and bound as a share of the cost; nan without a plan."""
        if self.plan is None:
            return math.nan
        return max(0.0, self.cost - self.low) / max(abs(self.cost), 1e-12)

    @property
    def sites(self) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        """Open zones and (zone, industry) hosts."""
        if self.plan is None:
            return frozenset(), frozenset()
        return frozenset(self.plan.open_zones), frozenset(self.plan.hosts)


@dataclass
class Curve:
    """All solves of one curve: of one industry, or of all together."""

    industry: str = EVERY_INDUSTRY
    solves: list[tuple[float, Side, Solved]] = field(default_factory=list)
    largest: float = math.nan  # largest volume that a plan reaches
    largest_bound: float = math.inf  # proven: no more can come

    @property
    def plans(self) -> list[tuple[float, Plan, Solved]]:
        """Volume, plan and solve of everything that ended with a plan."""
        found = [s for _, _, s in self.solves if s.plan is not None]
        return [(volume_of(s.plan, self.industry), s.plan, s) for s in found if s.plan is not None]

    @property
    def best(self) -> tuple[float, Plan, Solved] | None:
        """The cheapest plan of all."""
        return min(self.plans, key=lambda p: (p[1].cost_mcny, p[0]), default=None)

    @property
    def volumes(self) -> list[float]:
        """Volumes of the points, ascending: those asked for and that of the cheapest plan."""
        asked = {v for v, side, _ in self.solves if side in ("least", "most")}
        if self.best is not None:
            asked.add(self.best[0])
        if math.isfinite(self.largest):
            asked.add(self.largest)
        kept: list[float] = []
        for volume in sorted(asked):
            if not kept or volume - kept[-1] > SLACK * max(1.0, volume):
                kept.append(volume)
        return kept

    def side(self, volume: float) -> Side:
        """Return which question a point answers: it is the harder one."""
        at = self.best[0] if self.best is not None else 0.0
        if abs(volume - at) <= SLACK * max(1.0, at):
            return "free"
        return "least" if volume > at else "most"

    def feasible(self, volume: float, side: Side) -> list[tuple[float, Plan, Solved]]:
        """Return the plans that answer the question of a point."""
        slack = SLACK * max(1.0, volume)
        if side == "least":
            return [p for p in self.plans if p[0] >= volume - slack]
        if side == "most":
            return [p for p in self.plans if p[0] <= volume + slack]
        return self.plans

    def reading(self, volume: float) -> Reading:
        """Return what is known at a volume."""
        side = self.side(volume)
        plans = self.feasible(volume, side)
        found = min(plans, key=lambda p: (p[1].cost_mcny, abs(p[0] - volume)), default=None)
        low = self.low(volume, side)
        if found is None:
            is_none = low == math.inf
            status = Status.INFEASIBLE if is_none else Status.NO_PLAN_IN_TIME
            return Reading(volume, side, math.inf if is_none else math.nan, low, str(status), None)
        cost = found[1].cost_mcny
        asked = [s for v, k, s in self.solves if k == side and v == volume]
        # A neighbour's plan can be the better one, but never turns an unproven point into a proof.
        is_open = any(not s.proven for s in asked)
        status = Status.FEASIBLE if is_open else Status.OPTIMAL
        return Reading(volume, side, cost, min(low, cost), str(status), found[1])

    def low(self, volume: float, side: Side) -> float:
        """Return the best bound that serves at a volume."""
        slack = SLACK * max(1.0, volume)
        bounds = [-math.inf]
        for other, kind, solved in self.solves:
            easier = other <= volume + slack if side == "least" else other >= volume - slack
            if kind == "free" or (kind == side and easier):
                bounds.append(solved.low)
        if side == "least" and volume > self.largest_bound * (1 + SLACK) + SLACK:
            return math.inf
        return max(bounds)

    def readings(self) -> list[Reading]:
        """Return all points, by volume."""
        return [self.reading(v) for v in self.volumes]


@dataclass(frozen=True)
class Step:
    """From one point to the next: marginal cost in million CNY per million CNY of output."""

    start: Reading
    end: Reading

    @property
    def width(self) -> float:
        """Volume of the step, million CNY a year."""
        return self.end.volume - self.start.volume

    @property
    def slope(self) -> float:
        """Cost of one million CNY of output more, on average over the step, by the plans."""
        return (self.end.cost - self.start.cost) / self.width if self.is_known else math.nan

    @property
    def slope_low(self) -> float:
        """The least that the slope of the true curve can be on average."""
        rise = self.end.low - self.start.cost
        bound = rise / self.width if self.is_known else -math.inf
        return max(bound, 0.0) if self.start.side in ("least", "free") else bound

    @property
    def slope_high(self) -> float:
        """The most that it can be."""
        rise = self.end.cost - self.start.low
        bound = rise / self.width if self.is_known else math.inf
        return min(bound, 0.0) if self.end.side in ("most", "free") else bound

    @property
    def is_known(self) -> bool:
        """True if there are plans at both ends."""
        return self.start.plan is not None and self.end.plan is not None

    @property
    def is_decided(self) -> bool:
        """True if the gaps leave no doubt that cost changes over the step."""
        if not self.is_known:
            return self.start.low < math.inf or self.end.low < math.inf
        return self.end.low > self.start.cost or self.start.low > self.end.cost

    @property
    def is_flat(self) -> bool:
        """True if it is proven that cost does not change over the step."""
        if not self.is_known:
            return False
        most = max(abs(self.slope_low), abs(self.slope_high)) * self.width
        return most <= SLACK * max(1.0, abs(self.start.cost))


def steps_of(readings: Sequence[Reading]) -> list[Step]:
    """Return the steps between neighbouring points."""
    return [Step(a, b) for a, b in pairwise(readings)]


@dataclass(frozen=True)
class Sampling:
    """How finely a curve is looked at: solves, narrowest step, change of marginal cost that counts.

    ``width_share`` is a share of the largest volume, ``tolerance`` million CNY per million CNY.
    """

    most_solves: int = 28
    width_share: float = 0.01
    tolerance: float = 0.002


def to_split(curve: Curve, sampling: Sampling) -> list[Step]:
    """Return the steps that bisection goes into, the most telling first.

    A step is split while its ends are sited differently or marginal cost changes there by more than
    the tolerance, if it is wide enough and the gaps decide that cost changes over it at all.
    """
    steps = steps_of(curve.readings())
    if not steps:
        return []
    width = sampling.width_share * steps[-1].end.volume
    slopes = [s.slope for s in steps]
    chosen: list[tuple[float, Step]] = []
    for number, step in enumerate(steps):
        if step.width <= width * (1 + 1e-9) or not step.is_decided:
            continue
        if not step.is_known:
            chosen.append((math.inf, step))
            continue
        around = [s for s in slopes[max(0, number - 1) : number + 2] if math.isfinite(s)]
        bend = max(abs(s - step.slope) for s in around)
        if len(steps) == 1:
            bend = abs(step.slope)
        if step.start.sites != step.end.sites or bend > sampling.tolerance:
            # What a bend of the true curve inside the step could be worth: an area.
            chosen.append((max(bend, sampling.tolerance) * step.width**2, step))
    return [step for _, step in sorted(chosen, key=lambda c: (-c[0], c[1].start.volume))]


def middle(step: Step) -> float:
    """Return the volume halfway, rounded to a number that people can read."""
    centre = (step.start.volume + step.end.volume) / 2
    digits = 1 - math.floor(math.log10(step.width))
    return round(centre, digits)


Ask = Callable[[float, Side], Question]


def asking(question: Question, industry: str) -> Ask:
    """Return how the points of a curve are asked for."""
    plain = without_targets(question)

    def ask(volume: float, side: Side) -> Question:
        if side == "free":
            return plain
        if side == "most":
            kept = [b for b in plain.most if b[:2] != ("output", industry)]
            return replace(plain, most=(*kept, ("output", industry, volume)))
        if industry == EVERY_INDUSTRY:
            return replace(plain, target_mcny=volume)
        others = [t for t in plain.industry_targets if t[0] != industry]
        return replace(plain, industry_targets=(*others, (industry, volume)))

    return ask


def sample(
    session: Session, industry: str, wanted: Iterable[float], sampling: Sampling
) -> Inquiry[Curve]:
    """Solve the points of a curve: its ends, what is wanted, then where bisection leads.

    The largest volume of all industries is a solve of its own. Of one industry it is looked for
    between what comes at least cost and all that could move.
    """
    curve = Curve(industry)
    ask = asking(session.question, industry)
    word = "" if industry == EVERY_INDUSTRY else f" of {industry}"

    def case(volume: float, side: Side) -> Case:
        plans = curve.feasible(volume, side) if side in ("least", "most") else []
        nearest = min(plans, key=lambda p: (abs(p[0] - volume), p[1].cost_mcny), default=None)
        names = {"free": "least cost", "least": f"at least {volume:,.6g}{word}",
                 "most": f"at most {volume:,.6g}{word}"}  # fmt: skip
        tags = (("curve", industry), ("side", side), ("volume_mcny", volume))
        start = nearest[2].key if nearest is not None else ""
        return session.case(names[side], ask(volume, side), start=start, tags=tags)

    first = [case(0.0, "free")]
    if industry == EVERY_INDUSTRY:
        top = replace(ask(0.0, "free"), objective="absorbed")
        first.append(session.case("most that can come", top, tags=(("curve", industry),)))
    solved = yield first
    curve.solves.append((0.0, "free", solved[0]))
    points = [0.0]
    if industry == EVERY_INDUSTRY:
        most = solved[1]
        if most.plan is not None:
            curve.solves.append((math.nan, "largest", most))
            curve.largest = volume_of(most.plan, industry)
            curve.largest_bound = max(most.bound, curve.largest)
            points += [v for v in [curve.largest, *wanted] if v <= curve.largest]
    else:
        blocks = session.instance.tables["blocks"]
        inside = blocks["industry_id"] == industry
        points.append(float(blocks.loc[inside, "volume_mcny_per_year"].sum()))
    used = len(first)
    while used < sampling.most_solves:
        fresh = []
        for volume in points:
            side = curve.side(volume)
            if math.isfinite(volume) and side != "free":
                fresh.append((volume, side))
        if fresh:
            cases = [case(v, side) for v, side in fresh]
            solved = yield cases
            used += len(cases)
            curve.solves += [(v, s, r) for (v, s), r in zip(fresh, solved, strict=True)]
        if industry != EVERY_INDUSTRY:
            _mark_largest(curve)
        steps = to_split(curve, sampling)[: min(BATCH, sampling.most_solves - used)]
        if not steps:
            break
        points = [middle(s) for s in steps]
    return curve


def _mark_largest(curve: Curve) -> None:
    """Take the largest volume of an industry from what had a plan and what proved to have none."""
    curve.largest = max((v for v, _, _ in curve.plans), default=math.nan)
    none = [v for v, k, s in curve.solves if k == "least" and s.status is Status.INFEASIBLE]
    curve.largest_bound = min(none, default=math.inf)
    if any(k == "least" and s.plan is None for _, k, s in curve.solves):
        return
    asked = [v for v, k, _ in curve.solves if k == "least"]
    curve.largest_bound = max([curve.largest, *asked])
