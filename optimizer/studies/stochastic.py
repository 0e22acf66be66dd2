"""`stochastic`: a siting that is decided before it is known which scenario comes.

The siting (zones, hosts, modules, projects) is the first stage; moves, routes, services and what
is bought are decided in each scenario. Bounds come from the scenarios in bunches
(`optimizer.studies.bunches`) or, where scenarios are small, from every scenario alone (as if it
were known) and a master problem with the cuts of looks at sitings; values only from the scenarios
solved whole with the siting kept, each plan verified.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from optimizer.engine.blocks import Slope
from optimizer.engine.joint import deal
from optimizer.engine.risk import Risk, risk_of, together
from optimizer.engine.two_stage import Master, MasterAnswer
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question, Status
from optimizer.studies.bunches import SIZE, ask_bunches
from optimizer.studies.case import Case, Solved
from optimizer.studies.joint import ask_joint
from optimizer.studies.scenarios import Scenario, mean_overrides
from optimizer.studies.session import Session
from optimizer.studies.stages import (
    RELAXED,
    Decision,
    Siting,
    from_json,
    keep_siting,
    siting_of,
    to_json,
)

if TYPE_CHECKING:
    from optimizer.model.base import SitingModel

ROUNDS = 60  # looks at sitings for one measure
EXTENSIVE_MOST = 3_000  # integers of all scenarios together up to which they are one model
NONE_HOLDS = (
    "no siting has a plan in every scenario: what one scenario needs, another rules out. Leave "
    "scenarios out, or widen what they share (budget, zones)."
)
KEEPS, KEEPS_SMALL = 3, 40  # sitings that are solved whole, where that is long and where not
NAMES = {
    "expected": "least expected cost",
    "cvar": "least CVaR",
    "regret": "least largest regret",
    "worst": "budgeted robust",
}
HARDEST = 10  # scenarios that a siting is solved in first, where that is long
TRIES = 6  # rounds of bunches
TIGHTEST = 1e-6  # gap of a solve with a siting kept


class TwoStageError(OptimizerError):
    """The study cannot be carried out; the message says why and what to do."""


class NoSitingError(TwoStageError):
    """No siting was found that has a plan in every scenario."""


@dataclass(frozen=True)
class Interval:
    """A value that is known, and between what the true one is proven to lie."""

    value: float
    low: float
    high: float

    @property
    def gap(self) -> float:
        """Distance of value and low side as a share of the value."""
        if not (math.isfinite(self.value) and math.isfinite(self.low)):
            return math.nan if math.isnan(self.value) else math.inf
        gap = max(0.0, self.value - self.low) / max(abs(self.value), 1e-12)
        return gap if gap > 1e-12 else 0.0


@dataclass(frozen=True)
class Choice:
    """The siting found for a measure: its value, the proven bound, and the scenarios' solves."""

    risk: Risk
    siting: dict[Decision, float]
    solved: tuple[Solved, ...]
    measure: Interval
    method: str
    stopped: str  # why no better siting was looked for


@dataclass
class TwoStage:
    """Scenarios of a session, and all that was found out about sitings so far."""

    session: Session
    scenarios: Sequence[Scenario]
    total_gap: float = 2e-3
    method: str = "auto"
    size: int = SIZE  # most scenarios of a bunch, to begin with
    looks: dict[str, tuple[Slope, ...]] = field(default_factory=dict)  # by siting
    exact: dict[str, tuple[Solved, ...]] = field(default_factory=dict)  # solved in all scenarios
    tried: dict[str, dict[int, Solved]] = field(default_factory=dict)  # in some, by number
    sitings: list[dict[Decision, float]] = field(default_factory=list)  # looked at
    bounds: dict[Risk, float] = field(default_factory=dict)  # from bunches
    stopped: bool = False  # cancelled: nothing is solved any more
    _first: tuple[Solved | None, ...] = ()
    _mean: Solved | None = None

    def __post_init__(self) -> None:
        self.floors = [-math.inf] * len(self.scenarios)

    # -- solves ---------------------------------------------------------------------------------

    @property
    def probability(self) -> list[float]:
        """Probabilities of the scenarios."""
        return [s.probability for s in self.scenarios]

    def case(self, name: str, scenario: Scenario, question: Question, **more: object) -> Case:
        """Return a case on a scenario."""
        question = replace(question, closed=question.closed + scenario.closed)
        return self.session.case(
            f"{name}: {scenario.name}",
            question,
            overrides=scenario.overrides,
            keep=bool(scenario.overrides),
            near=f"scenario {scenario.name}",  # whoever solved it before knows its routes
            tags=(("scenario", scenario.name), ("stage", name)),
            **more,
        )

    @cached_property
    def mean_case(self) -> Case:
        """Return the case of the mean scenario."""
        overrides = mean_overrides(self.session.instance, self.scenarios)
        return self.session.case("mean scenario", overrides=overrides)

    def _solve(self, cases: Sequence[Case]) -> list[Solved | None]:
        """Return cases solved; once the study is stopped, None for what is not known."""
        if self.stopped:
            return [self.session.store.find(case.key) for case in cases]
        return list(self.session.solve(cases))

    @property
    def mean(self) -> Solved | None:
        """The mean scenario, solved; None if it was not before the study was stopped."""
        if self._mean is None:
            self._mean = self._solve([self.mean_case])[0]
        return self._mean

    @property
    def alone(self) -> list[Solved | None]:
        """Every scenario solved as if it were known; None for what was not before a stop."""
        if not self._first or (self.stopped and None in self._first):
            self._first = tuple(self._solve(self._alone_cases()))
            for k, solved in enumerate(self._first):
                if solved is not None:
                    self.floors[k] = max(self.floors[k], solved.low)
        return list(self._first)

    def _alone_cases(self) -> list[Case]:
        return [self.case("alone", s, self.session.question) for s in self.scenarios]

    def look(self, siting: Siting) -> tuple[Slope, ...]:
        """Return what every scenario costs at least with a siting, and the slopes there."""
        key = to_json(siting)
        if key not in self.looks:
            cases = [
                self.case("look", s, self.session.question, task=RELAXED, data=key)
                for s in self.scenarios
            ]
            self.looks[key] = tuple(_slope(found) for found in self.session.solve(cases))
            self.sitings.append(from_json(key))
            for s, slope in enumerate(self.looks[key]):
                self.master.add(s, siting, slope)
        return self.looks[key]

    def keep(self, siting: Siting) -> tuple[Solved, ...]:
        """Return every scenario solved whole with a siting kept."""
        self.attempt(siting, gives_up=False)
        return self.exact[to_json(siting)]

    def attempt(
        self, siting: Siting, risk: Risk | None = None, ceiling: float = math.inf, *,
        gives_up: bool = True,
    ) -> bool:  # fmt: skip
        """Solve the scenarios whole with a siting kept; say whether all have a plan with it.

        The hardest go first. With ``gives_up``, the rest is left out once one has no plan or the
        measure ``risk`` cannot be below ``ceiling`` any more.
        """
        key = to_json(siting)
        found = self.tried.setdefault(key, {})
        for part in self._hardest_first() if gives_up else [range(len(self.scenarios))]:
            missing = [k for k in part if k not in found]
            cases = [self._kept_case(siting, k) for k in missing]
            solves = self._solve(cases)
            found |= {k: s for k, s in zip(missing, solves, strict=True) if s is not None}
            if gives_up and any(s.plan is None for s in found.values()):
                return False
            if risk is not None and self._at_least(found, risk) >= ceiling:
                return False
        if len(found) < len(self.scenarios):
            return False
        self.exact[key] = tuple(found[k] for k in range(len(self.scenarios)))
        return all(s.plan is not None for s in self.exact[key])

    def _kept_case(self, siting: Siting, scenario: int) -> Case:
        """Return the case of a scenario with a siting kept: its own, if it has this very siting."""
        alone = self._first[scenario] if self._first else None
        own = alone.plan if alone is not None else None
        if own is not None and to_json(siting_of(self.session.instance, own)) == to_json(siting):
            return self.case("alone", self.scenarios[scenario], self.session.question)
        question = keep_siting(self.session.instance, self.session.question, siting)
        gap = min(self.session.gap, max(self.total_gap / 4, TIGHTEST))
        return self.case("kept", self.scenarios[scenario], question, gap=gap)

    def _hardest_first(self) -> list[list[int]]:
        """Scenario numbers in parts: where sitings failed, cheapest and dearest, the rest."""
        order = sorted(range(len(self.scenarios)), key=lambda k: (self.floors[k], k))
        failed = {k for found in self.tried.values() for k, s in found.items() if s.plan is None}
        ends = order[: HARDEST // 2] + order[HARDEST // 2 :][-(HARDEST - HARDEST // 2) :]
        first = list(dict.fromkeys([*sorted(failed), *ends]))
        rest = [k for k in range(len(self.scenarios)) if k not in first]
        return [first, *(rest[n : n + HARDEST] for n in range(0, len(rest), HARDEST))]

    def _at_least(self, found: Mapping[int, Solved], risk: Risk) -> float:
        """Return what a measure is at least, of a siting that was solved in some scenarios."""
        lows = [
            max(floor, found[k].low) if k in found else floor for k, floor in enumerate(self.floors)
        ]
        return risk_of(lows, self.probability, self.risk_for(risk, bound=True))

    @cached_property
    def _model(self) -> SitingModel:
        from networks.network import build_network
        from optimizer.model.siting import build_siting_model
        from optimizer.problem import build_problem

        instance = self.session.instance
        return build_siting_model(
            build_problem(instance, build_network(instance), self.session.question)
        )

    @property
    def integers(self) -> int:
        """Whole-number decisions of all scenarios together."""
        return sum(self._model.lp.integer) * len(self.scenarios)

    @cached_property
    def master(self) -> Master:
        """What is known of sitings: the rules, and the bound of every scenario alone."""
        _ = self.alone
        return Master(self._model, self.floors, self.probability)

    # -- what scenarios cost when they are known ------------------------------------------------

    def known(self) -> tuple[list[float], list[float]]:
        """Return the least and the most that each scenario's own optimum can be, mcny a year.

        Any plan of a scenario counts, also one with a siting that was kept.
        """
        high = [math.inf if s is None else s.high for s in self._first]
        high = high or [math.inf] * len(self.scenarios)
        for found in self.tried.values():
            for k, solved in found.items():
                high[k] = min(high[k], solved.high)
        return list(self.floors), high

    def risk_for(self, risk: Risk, *, bound: bool) -> Risk:
        """Return the measure as a bound or a value is taken of: regret against most or least."""
        if risk.kind != "regret":
            return risk
        low, high = self.known()
        return replace(risk, against=tuple(high if bound else low))

    def measure(self, siting: Siting, risk: Risk) -> tuple[float, float]:
        """Return between what the measure of a siting that was kept lies."""
        solved = self.keep(siting)
        low = risk_of([s.low for s in solved], self.probability, self.risk_for(risk, bound=True))
        high = risk_of([s.high for s in solved], self.probability, self.risk_for(risk, bound=False))
        return low, high

    def fails(self, siting: Siting) -> list[Scenario]:
        """Return scenarios in which a siting that was tried is proven to have no plan."""
        found = self.tried.get(to_json(siting), {})
        return [self.scenarios[k] for k, s in sorted(found.items()) if s.low == math.inf]

    # -- the best siting ------------------------------------------------------------------------

    def choose(self, risk: Risk) -> Choice:
        """Return the best siting that was found for a measure, and how good it is proven to be.

        Raises
        ------
        TwoStageError
            A scenario alone has no plan: then no siting has one.
        """
        small = self.integers <= EXTENSIVE_MOST
        if self.method == "extensive" or (self.method == "auto" and small):
            self._check_alone()
            return self._choose_joint(risk)
        if small and self.method != "bunches":
            self._check_alone()
            return self._choose_apart(risk)
        return self._choose_by_bunches(risk)

    def _check_alone(self) -> None:
        for scenario, solved in zip(self.scenarios, self.alone, strict=True):
            if solved is not None and solved.plan is None:
                self._raise_for(scenario, solved.status, solved.stop_reason)

    def _raise_for(self, scenario: Scenario, status: Status, reason: str) -> None:
        how = (
            "no plan is possible, whatever is built"
            if status is Status.INFEASIBLE
            else f"no plan was found ({reason}); give it more --time-limit"
        )
        raise TwoStageError(
            f"scenario {scenario.name}: {how}. A siting for all scenarios needs a plan in each of "
            "them."
        )

    def _choose_joint(self, risk: Risk) -> Choice:
        """All scenarios in one model (the extensive form)."""
        found = ask_joint(
            self.session,
            f"all scenarios in one model: {risk.kind}",
            self.scenarios,
            risk=self.risk_for(risk, bound=True),
            gap=min(self.total_gap, self.session.gap),
            time_limit_s=self.session.time_limit_s,
            starts=[
                siting_of(self.session.instance, s.plan)
                for s in (self.mean, *self.alone)
                if s is not None and s.plan is not None
            ],
        )
        if not found.sitings:
            if found.status is Status.INFEASIBLE:
                raise TwoStageError(NONE_HOLDS)
            raise TwoStageError(
                f"the model of all scenarios ended without a siting ({found.said}); give it more "
                "--time-limit, or use --method decomposition"
            )
        best, bound = found.sitings[0], max(found.bound, self._bound(risk))
        self._keep_and_learn(best)
        return self._settle(risk, bound, "extensive form", found.said)

    def _choose_apart(self, risk: Risk) -> Choice:
        """Scenarios apart, held together by the master."""
        starts = [self.mean, self.alone[_middle(self.alone, self.session)]]
        for solved in starts:
            if solved is not None and solved.plan is not None:
                siting = siting_of(self.session.instance, solved.plan)
                self.look(siting)
                if math.isfinite(self._relaxed(siting, risk)):
                    break
        # What is left is for the integers of the second stage.
        wanted = max(self.total_gap - self.session.gap / 2, self.total_gap / 2)
        stopped, kept = f"{ROUNDS} looks at sitings", 0
        for _ in range(ROUNDS):
            answer = self.master.bound(self.risk_for(risk, bound=True))
            if answer.status is Status.INFEASIBLE:
                raise TwoStageError(NONE_HOLDS)
            bound, value = answer.bound, self._best_kept(risk)[1]
            if math.isfinite(value) and value - bound <= self.total_gap * abs(value):
                stopped = "gap reached"
                break
            best, promise = self._best_look(risk)
            good = promise < value - 1e-9 * abs(promise)
            if not (good and promise - bound <= wanted * abs(promise)):
                fresh = self._fresh(risk, bound, min(promise, value), best, answer)
                if fresh is not None:
                    self.look(fresh)
                    continue
            if not good:
                stopped = "no other siting promises more"
                break
            if kept == KEEPS_SMALL:
                stopped = f"{KEEPS_SMALL} sitings solved whole"
                break
            kept += 1
            self._keep_and_learn(best)
        if not self.exact:
            self._keep_and_learn(self._best_look(risk)[0])
        return self._settle(risk, self._bound(risk), "scenarios apart", stopped)

    def _choose_by_bunches(self, risk: Risk) -> Choice:
        """Scenarios in bunches: a bound from all bunches, sitings of single ones tried in all.

        Sitings that fail somewhere are sought again with that scenario as a guest of the bunch;
        where the gap stays open, the bunches grow.
        """
        if risk.kind == "regret":
            self._check_alone()
        size, hard, kept, finer = self.size, set[int](), 0, False
        bunches = deal(len(self.scenarios), size)
        stopped = f"{TRIES} rounds of bunches"
        for _ in range(TRIES):
            sitings = self._ask(risk, bunches, hard, finer=finer)
            for siting in sitings:
                if to_json(siting) in self.tried:
                    continue
                value = self._best_kept(risk)[1]
                kept += self.attempt(siting, risk, value)
                found = self.tried[to_json(siting)]
                hard |= {k for k, s in found.items() if s.plan is None}
                if kept == KEEPS or self._reached(risk):
                    break
            if self._reached(risk):
                stopped = "gap reached"
                break
            if kept == KEEPS:
                stopped = f"{KEEPS} sitings solved whole"
                break
            if len(bunches[0]) == len(self.scenarios):
                if finer:
                    stopped = "no other siting promises more"
                    break
                finer = True
            elif kept:
                size *= 2
                bunches = deal(len(self.scenarios), size)
            else:
                bunches = bunches[:1]
        return self._settle_bunches(risk, stopped)

    def _ask(
        self, risk: Risk, bunches: Sequence[tuple[int, ...]], hard: Collection[int], *, finer: bool
    ) -> list[dict[Decision, float]]:
        """Ask bunches: floors and the bound are kept, their sitings returned, the usual first.

        With ``finer``, over all that some scenario's own plan builds, and to half the gap.
        """
        measured = self.risk_for(risk, bound=True)
        # Workers that no bunch keeps busy solve the scenarios alone: that is wanted later anyway.
        beside: list[Case] = []
        if len(bunches) < self.session.workers and not self._first:
            beside = [*self._alone_cases(), self.mean_case]
        starts = [from_json(key) for key in self.tried]
        if finer:
            instance = self.session.instance
            starts += [siting_of(instance, s.plan) for s in self.alone if s and s.plan]
        answers = ask_bunches(
            self.session, self.scenarios, bunches, measured,
            gap=self.total_gap / (8 if finer else 4), guests=hard, starts=starts, beside=beside,
        )  # fmt: skip
        if beside:
            _ = self.alone, self.mean
        bounds = []
        for bunch, answer in zip(bunches, answers, strict=True):
            if answer.without_plan is not None:
                members = (*bunch, *(k for k in sorted(hard) if k not in bunch))
                scenario = self.scenarios[members[answer.without_plan]]
                self._raise_for(scenario, Status.INFEASIBLE, "")
            if answer.status is Status.INFEASIBLE:
                raise TwoStageError(NONE_HOLDS)
            for k, floor in zip(bunch, answer.floors, strict=False):
                self.floors[k] = max(self.floors[k], floor)
            bounds.append(answer.bound)
        if len({k for bunch in bunches for k in bunch}) == len(self.scenarios):
            weights = [math.fsum(self.probability[k] for k in bunch) for bunch in bunches]
            bound = together(measured, weights, bounds)
            self.bounds[risk] = max(self.bounds.get(risk, -math.inf), bound)
        sitings = [a.sitings[0] for a in answers if a.sitings]
        total = [math.fsum(_apart(a, b) for b in sitings) for a in sitings]
        return [sitings[k] for k in sorted(range(len(sitings)), key=lambda k: (total[k], k))]

    def _low(self, risk: Risk) -> float:
        """Return the best bound on a measure that bunches and scenarios alone give."""
        alone = risk_of(self.floors, self.probability, self.risk_for(risk, bound=True))
        return max(alone, self.bounds.get(risk, -math.inf))

    def _reached(self, risk: Risk) -> bool:
        value = self._best_kept(risk)[1]
        return math.isfinite(value) and value - self._low(risk) <= self.total_gap * abs(value)

    def _settle_bunches(self, risk: Risk, stopped: str) -> Choice:
        """Return the best siting with a plan in every scenario."""
        best, value = self._best_kept(risk)
        low = self._low(risk)
        if not math.isfinite(value):
            raise NoSitingError(self._nothing_yet(risk, stopped, low))
        if low > value + 1e-6 * max(1.0, abs(value)):
            raise TwoStageError(f"the bound {low!r} is above the siting's value {value!r}")
        low = min(low, value)
        return Choice(
            risk, best, self.exact[to_json(best)], Interval(value, low, value),
            "scenarios in bunches", stopped,
        )  # fmt: skip

    def _nothing_yet(self, risk: Risk, stopped: str, low: float) -> str:
        """Say how far the search for a siting came."""
        words = (
            f"no siting with a plan in all {len(self.scenarios)} scenarios was found ({stopped})"
        )
        if self.tried:
            key = max(self.tried, key=lambda key: len(self.tried[key]))
            zones = sorted(name for kind, name in from_json(key) if kind == "zone")
            words += (
                f"; solved in {len(self.tried[key])} of them so far is the siting with the zones "
                f"{', '.join(zones) or 'none'}"
            )
        if math.isfinite(low):
            words += (
                f". For any siting, the measure ({NAMES[risk.kind]}) is at least {low:,.1f} "
                "million CNY a year"
            )
        return words + ". Give it more time (what is solved is kept), or leave scenarios out."

    def so_far(self, risk: Risk) -> Choice:
        """Return the best siting of a study that was stopped, from what is solved.

        Raises
        ------
        NoSitingError
            No siting was solved in every scenario yet; the message says what is known.
        """
        self.stopped = True
        _ = self.alone
        for key in list(self.tried):
            self.attempt(from_json(key), gives_up=False)
        return self._settle_bunches(risk, "stopped")

    def _fresh(
        self, risk: Risk, bound: float, value: float, centre: Siting, lowest: MasterAnswer
    ) -> dict[Decision, float] | None:
        """Return a siting that was not looked at yet: near the best, else where the bound is."""
        near = self.master.next_siting(self.risk_for(risk, bound=True), bound, value, centre)
        for siting in (near.siting, lowest.siting):
            if siting and to_json(siting) not in self.looks:
                return siting
        return None

    def _keep_and_learn(self, siting: Siting) -> None:
        """Solve the scenarios whole with a siting, and tell the master what they cost then."""
        solved = self.keep(siting)
        lows = [s.low for s in solved]
        if all(math.isfinite(low) for low in lows):
            self.master.add_point(siting, lows)
        elif any(s.status is Status.INFEASIBLE for s in solved):
            self.master.add_point(siting, None)

    def _best_kept(self, risk: Risk) -> tuple[dict[Decision, float], float]:
        """Return the best siting that was solved whole, with the value that is sure."""
        found: tuple[dict[Decision, float], float] = ({}, math.inf)
        for key in self.exact:
            siting = from_json(key)
            value = self.measure(siting, risk)[1]
            if value < found[1]:
                found = siting, value
        return found

    def _settle(self, risk: Risk, bound: float, method: str, stopped: str) -> Choice:
        """Return the best siting of those that were solved whole."""
        best, value = self._best_kept(risk)
        if not best and not math.isfinite(value):
            best = from_json(next(iter(self.exact)))
        low = min(bound, value)
        return Choice(risk, best, self.keep(best), Interval(value, low, value), method, stopped)

    def _bound(self, risk: Risk) -> float:
        """Return the best proven bound on a measure, from the master."""
        answer = self.master.bound(self.risk_for(risk, bound=True))
        if answer.status is Status.INFEASIBLE:
            raise TwoStageError(NONE_HOLDS)
        return answer.bound

    def _relaxed(self, siting: Siting, risk: Risk) -> float:
        costs = [
            s.value if s.status is Status.OPTIMAL else math.inf
            for s in self.looks.get(to_json(siting), ())
        ]
        if not costs:
            return math.inf
        return risk_of(costs, self.probability, self.risk_for(risk, bound=True))

    def _best_look(self, risk: Risk) -> tuple[dict[Decision, float], float]:
        """Return the siting that promises most of those not solved whole, and what it promises."""
        open_ones = [s for s in self.sitings if to_json(s) not in self.exact]
        best = min(open_ones, key=lambda s: self._relaxed(s, risk), default=None)
        if best is None or not math.isfinite(self._relaxed(best, risk)):
            kept, _ = self._best_kept(risk)
            return kept or self.sitings[-1], math.inf  # none holds yet: go on from the last
        return best, self._relaxed(best, risk)


def _slope(found: Solved) -> Slope:
    document = found.document
    slope = {(kind, name): float(v) for kind, name, v in document["slope"]}
    return Slope(Status(document["status"]), float(document["value"]), slope)


def _middle(alone: Sequence[Solved | None], session: Session) -> int:
    """Return the scenario whose own siting differs least from those of all."""
    sitings = [siting_of(session.instance, s.plan) if s and s.plan else {} for s in alone]
    total = [sum(_apart(a, b) for b in sitings) for a in sitings]
    return min(range(len(alone)), key=total.__getitem__)


def _apart(a: Mapping[Decision, float], b: Mapping[Decision, float]) -> float:
    return math.fsum(
        abs(a.get(d, 0.0) - b.get(d, 0.0)) / max(1.0, a.get(d, 0.0), b.get(d, 0.0))
        for d in sorted(a.keys() | b.keys())
    )


# -- what the future is worth -------------------------------------------------------------------


@dataclass(frozen=True)
class Worth:
    """What scenarios are worth: RP, WS, EEV and what follows from them, mcny a year."""

    recourse: Interval  # expected cost of the best siting (RP)
    wait_and_see: Interval  # expected cost if every scenario were known (WS)
    mean_siting: Interval  # expected cost of the mean scenario's siting (EEV)
    value_of_solution: Interval  # EEV - RP
    perfect_information: Interval  # RP - WS


def worth(two: TwoStage, choice: Choice) -> tuple[Choice, Worth]:
    """Return the value of the stochastic solution and of perfect information, with bounds.

    The choice comes back with the bound that the scenarios alone give, where that is better. Every
    interval follows from the bounds of the solves; the differences cannot be negative.
    """
    p = two.probability
    expected = Risk()
    mean_low = mean_high = math.nan
    mean = two.mean
    siting = siting_of(two.session.instance, mean.plan) if mean and mean.plan else None
    holds = siting is not None and two.attempt(siting)
    _ = two.alone
    alone_low = risk_of(two.floors, p, expected)
    m = choice.measure
    recourse = replace(m, low=min(max(m.low, alone_low), m.value))
    if siting is not None:
        if holds:
            mean_low, mean_high = two.measure(siting, expected)
            mean_low = max(mean_low, recourse.low)
        elif two.fails(siting):
            mean_low = mean_high = math.inf
    low, high = two.known()  # after every siting was kept
    most = risk_of(high, p, expected)
    found = most if None not in two.alone else math.nan  # else a bound, and no scenario's optimum
    known = Interval(found, risk_of(low, p, expected), most)
    mean_siting = Interval(mean_high, mean_low, mean_high)
    return replace(choice, measure=recourse), Worth(
        recourse, known, mean_siting, _over(mean_siting, recourse), _over(recourse, known)
    )


def _over(a: Interval, b: Interval) -> Interval:
    """Return a - b where it is known that a is not below b."""
    if math.isinf(a.value):
        return Interval(math.inf, max(0.0, a.low - b.high), math.inf)
    value = math.nan if math.isnan(a.value - b.value) else max(0.0, a.value - b.value)
    if math.isnan(value):
        return Interval(value, max(0.0, a.low - b.high), a.high - b.low)
    return Interval(value, max(0.0, a.low - b.high), max(value, a.high - b.low))
