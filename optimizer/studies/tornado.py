"""`tornado`: which assumption decides the answer.

1. *Screening*. The base plan is priced again at both ends of every range, decisions and routes
   kept. That is no solve; it bounds the optimum there from above, and to first order it is how much
   the optimum moves.
2. *Solving*. The parameters that move it most are solved at both ends, warm from the base.
3. *Siting kept*. Where the optimum has another siting, and keeping that of the base could cost more
   than the gap, it is solved with the siting kept: the difference is the regret.

Ranges, ranks and regret come from the bounds of the solves; docs/studies.md says how.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from instances import Instance
from instances.errors import InstanceError
from optimizer.plan.plan import Status
from optimizer.report.chapter import Chapter
from optimizer.studies.case import Solved
from optimizer.studies.keep import keep_siting
from optimizer.studies.parameters import Cell, Parameter
from optimizer.studies.ranks import proven_ranks
from optimizer.studies.session import Inquiry, Session
from optimizer.studies.tornado_tasks import REPRICED

Range = tuple[float, float, float]  # value, proven least, proven most
SAME = ("open_zones", "hosts", "modules", "projects")
ROUNDING = 1e-9  # relative; what sums of accounts can differ by


@dataclass(frozen=True)
class End:
    """One end of a range. ``repriced``: cost of the base plan there, inf where it is none.

    ``free`` is None where the end was not solved; ``kept`` where that was not needed.
    """

    side: str
    at: float
    repriced: float
    free: Solved | None = None
    kept: Solved | None = None

    @property
    def low(self) -> float:
        """Least that the optimum can be."""
        return self.free.low if self.free is not None else -math.inf

    @property
    def high(self) -> float:
        """Most that the optimum can be: of all plans in hand the cheapest."""
        plans = [self.repriced, *(s.high for s in (self.free, self.kept) if s is not None)]
        return min(plans)

    @property
    def kept_high(self) -> float:
        """Most that the optimum with the base's siting can be."""
        return min(self.repriced, self.kept.high if self.kept is not None else math.inf)

    @property
    def kept_low(self) -> float:
        """Least that it can be: keeping the siting never makes it cheaper."""
        return max(self.low, self.kept.low if self.kept is not None else -math.inf)

    @property
    def regret(self) -> Range:
        """What keeping the base's siting costs more than the optimum: value, least, most."""
        if self.free is not None and self.free.status is Status.INFEASIBLE:
            return math.nan, 0.0, math.inf  # no siting has a plan here
        value = self.kept_high - self.high if math.isfinite(self.high) else math.nan
        low = max(0.0, self.kept_low - self.high) if math.isfinite(self.high) else 0.0
        return value, low, max(low, self.kept_high - self.low)


@dataclass(frozen=True)
class Swing:
    """A parameter and how the optimum moves between the ends of its range."""

    parameter: Parameter
    base: Solved
    ends: tuple[End, ...]

    @property
    def estimate(self) -> float:
        """Spread of the base plan's cost over the range; inf where it is no plan at an end."""
        costs = [self.base.high, *(e.repriced for e in self.ends)]
        return max(costs) - min(costs)

    @cached_property
    def is_solved(self) -> bool:
        """True if the ends were solved."""
        return all(e.free is not None for e in self.ends)

    def end(self, side: str) -> End | None:
        """One end; None where it is the value as it is."""
        return next((e for e in self.ends if e.side == side), None)

    def change(self, side: str) -> Range:
        """Change of the optimum at an end against the base: value, least, most."""
        end = self.end(side)
        if end is None:
            return 0.0, 0.0, 0.0
        return end.high - self.base.high, end.low - self.base.high, end.high - self.base.low

    @cached_property
    def swing(self) -> Range:
        """Spread of the optimum over low, value and high: value, least, most."""
        points = [(self.base.low, self.base.high), *((e.low, e.high) for e in self.ends)]
        highs, lows = [h for _, h in points], [low for low, _ in points]
        value = max(highs) - min(highs)
        least = max(
            low - high for j, (low, _) in enumerate(points) for k, (_, high) in enumerate(points)
            if j != k
        )  # fmt: skip
        return value, max(0.0, least), max(highs) - min(lows)

    @cached_property
    def regret(self) -> Range:
        """The larger regret of the two ends."""
        regrets = [e.regret for e in self.ends if e.free is not None]
        if not regrets:
            return math.nan, 0.0, math.inf
        known = [r[0] for r in regrets if not math.isnan(r[0])]
        return max(known, default=math.nan), max(r[1] for r in regrets), max(r[2] for r in regrets)

    @property
    def gap(self) -> float:
        """Largest gap of the solves behind it."""
        solved = [self.base, *(s for e in self.ends for s in (e.free, e.kept) if s is not None)]
        return max((s.gap for s in solved if s.plan is not None), default=math.nan)


@dataclass
class Found:
    """The swings, solved ones ranked, and what could not be varied."""

    base: Solved
    solved: list[Swing]
    screened: list[Swing]
    left_out: list[str] = field(default_factory=list)

    @cached_property
    def ranks(self) -> list[tuple[int, int]]:
        """Best and worst rank of each solved swing."""
        return proven_ranks([s.swing[1:] for s in self.solved])


def tornado(
    session: Session,
    parameters: Sequence[Parameter],
    *,
    most: int = 40,
    left_out: Sequence[str] = (),
    method: str = "",
    samples: int = 8,
    factors: int = 6,
    draws: int = 0,
    correlation: float = 0.5,
    draws_gap: float = 1e-5,
    seed: int = 0,
) -> Chapter:
    """Return the chapter of one-at-a-time sensitivity, and of more where it is asked for.

    Parameters
    ----------
    parameters
        What is varied (`optimizer.studies.parameters.parameters_of`).
    most
        How many of them are solved: those that move the cost of the base plan most. Those that
        make it no plan at an end are solved in any case.
    left_out
        What cannot be varied, in words.
    method, samples, factors
        ``morris`` or ``sobol``: global sensitivity over the ``factors`` largest of them.
    draws, correlation, draws_gap, seed
        How often each zone is in the plan over draws of all parameters; 0: not asked. Each draw is
        solved to ``draws_gap`` to decide its zones; the session's gap or more: that is left out.

    Raises
    ------
    InstanceError
        Nothing to vary.
    """
    from optimizer.studies.tornado_chapter import chapter_of
    from optimizer.studies.tornado_draws import rank_stability
    from optimizer.studies.tornado_global import check_samples, global_sensitivity

    check_samples(method, samples)
    if session.question.objective != "cost":
        raise InstanceError("tornado compares costs: the objective must be cost")
    if not parameters:
        raise InstanceError(
            "no parameter has a range: give --spread, or a file of parameters (--parameters)"
        )
    base = session.base()
    if base.plan is None:
        return Chapter(
            "tornado", "Sensitivity", "敏感性",
            findings=(f"There is no base plan to vary around: it ended as '{base.status}'.",),
            facts=session.facts(),
        )  # fmt: skip
    found = Found(base, *swings_of(session, base, parameters, most), list(left_out))
    chosen = [s.parameter for s in found.solved[:factors]]
    whole = global_sensitivity(session, chosen, method, samples, seed) if method else None
    stable = None
    if draws:
        stable = rank_stability(session, base, parameters, draws, correlation, seed, draws_gap)
    return chapter_of(session, found, whole, stable)


def swings_of(
    session: Session, base: Solved, parameters: Sequence[Parameter], most: int
) -> tuple[list[Swing], list[Swing]]:
    """Return the swings that were solved and those that were only screened, the largest first."""
    untouched = Untouched(session.instance, base)
    screened = session.run([_screen(session, base, p, untouched) for p in parameters])
    screened.sort(key=lambda s: (-s.estimate, s.parameter.parameter_id))
    most += sum(math.isinf(s.estimate) for s in screened)  # of these nothing is known: all solved
    solved = session.run([_solve(session, s) for s in screened[:most]])
    solved.sort(key=lambda s: (-s.swing[0], s.parameter.parameter_id))
    return solved, screened[most:]


ARCS = {"links": "link", "transfers": "transfer", "customs": "customs"}
# More of these forbids nothing and costs nothing as long as it is not used.
ROOM = (
    "bottlenecks.capacity_teu_per_year", "services.capacity_teu_per_year", "pools.endowment",
    "pools.increment_max", "rival_limits.endowment", "modules.max_count",
    "rivals.max_share_of_block", "rivals.capacity_mcny_per_year",
)  # fmt: skip


class Untouched:
    """Which cells the base plan does not depend on: there its cost stays, and it stays a plan."""

    def __init__(self, instance: Instance, base: Solved) -> None:
        assert base.plan is not None, "the caller looked"
        used = {tuple(arc.split(":")[:2]) for flow in base.plan.flows for arc in flow.arcs}
        links = instance.tables["links"]
        tariff = dict(zip(links["link_id"], links["tariff_id"], strict=True))
        self.used = used | {("tariff", tariff[name]) for kind, name in used if kind == "link"}

    def by(self, cell: Cell, more: bool) -> bool:
        """Return True if the plan and its cost stay when a cell changes (``more``: grows)."""
        table, _, rest = cell.where.partition(".")
        key, _, column = rest.rpartition(".")
        if table in ARCS:
            return (ARCS[table], key) not in self.used
        if table == "tariffs":
            return ("tariff", key) not in self.used
        return more and f"{table}.{column}" in ROOM


def _screen(
    session: Session, base: Solved, parameter: Parameter, untouched: Untouched
) -> Inquiry[Swing]:
    ends = []
    for side, at in parameter.ends:
        moved = [(c, getattr(c, side)) for c in parameter.cells if getattr(c, side) != c.base]
        if all(untouched.by(c, number > c.base) for c, number in moved):
            ends.append(End(side, at, base.high))
            continue
        (priced,) = yield [
            session.case(
                f"base plan at {side} {parameter.parameter_id}",
                overrides=parameter.at(at),
                task=REPRICED,
            )
        ]
        ends.append(End(side, at, priced.objective))
    return Swing(parameter, base, tuple(ends))


def _solve(session: Session, swing: Swing) -> Inquiry[Swing]:
    parameter, base = swing.parameter, swing.base
    assert base.plan is not None, "the caller looked"
    cases = [
        session.case(f"{e.side} {parameter.parameter_id}", overrides=parameter.at(e.at))
        for e in swing.ends
    ]
    solved = yield cases
    ends = []
    for end, case, free in zip(swing.ends, cases, solved, strict=True):
        kept: Solved | None = None
        if free.plan is not None and _same_siting(free, base):
            kept = free  # a plan with the siting kept; its bound holds all the more
        elif free.plan is not None and end.repriced - free.high > session.gap * base.high:
            question = keep_siting(session.instance, session.question, base.plan)
            name = f"{case.name}, siting kept"
            (kept,) = yield [session.case(name, question, overrides=case.overrides)]
        ends.append(End(end.side, end.at, end.repriced, free, kept))
    return Swing(parameter, base, tuple(ends))


def _same_siting(one: Solved, other: Solved) -> bool:
    return all(set(getattr(one.plan, n)) == set(getattr(other.plan, n)) for n in SAME)


def changed_zones(end: End | None, base: Solved) -> tuple[list[str], list[str]]:
    """Zones that come in and that drop out at an end."""
    if end is None or end.free is None or end.free.plan is None:
        return [], []
    mine, before = set(end.free.open_zones), set(base.open_zones)
    return sorted(mine - before), sorted(before - mine)


def siting_words(swing: Swing, gap: float) -> str:
    """Say whether the siting changes, and whether that is more than the gaps."""
    ends = [e for e in swing.ends if e.free is not None and e.free.plan is not None]
    if all(_same_siting(e.free, swing.base) for e in ends if e.free is not None):
        return "same siting"
    if swing.regret[1] > 0:
        return "another siting is proven better"
    most = swing.regret[2]
    if most <= 2 * gap * swing.base.high:
        return "changes within the gap"
    return "not decided"


def is_infeasible(swing: Swing) -> bool:
    """True if it is proven that there is no plan at an end."""
    return any(e.free is not None and e.free.status is Status.INFEASIBLE for e in swing.ends)


def unproven(swings: Iterable[Swing]) -> list[str]:
    """Ids of parameters with a solve that ended without proof."""
    return [
        s.parameter.parameter_id
        for s in swings
        if any(x is not None and not x.proven for e in s.ends for x in (e.free, e.kept))
    ]
