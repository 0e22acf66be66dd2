"""`stochastic`: a siting that is decided before it is known which scenario comes.

The siting (zones, hosts, modules, projects) is the first stage; moves, routes, services and what
is bought are decided in each scenario. Bounds come from every scenario solved alone (as if it were
known) and from a master problem with the cuts of looks at sitings; values from the scenarios
solved again, whole, with the siting kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from optimizer.engine.blocks import Slope
from optimizer.engine.risk import Risk, risk_of
from optimizer.engine.two_stage import Master, MasterAnswer
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question, Status
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

ROUNDS = 60  # looks at sitings for one measure
EXTENSIVE_MOST = 3_000  # integers of all scenarios together up to which they are one model
NONE_HOLDS = (
    "no siting has a plan in every scenario: what one scenario needs, another rules out. Leave "
    "scenarios out, or widen what they share (budget, zones)."
)
KEEPS, KEEPS_SMALL = 3, 40  # sitings that are solved whole, where that is long and where not


class TwoStageError(OptimizerError):
    """The study cannot be carried out; the message says why and what to do."""


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
    looks: dict[str, tuple[Slope, ...]] = field(default_factory=dict)  # by siting
    exact: dict[str, tuple[Solved, ...]] = field(default_factory=dict)
    sitings: list[dict[Decision, float]] = field(default_factory=list)
    integers: int = 0  # of one scenario

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
            tags=(("scenario", scenario.name), ("stage", name)),
            **more,
        )

    @cached_property
    def first_solves(self) -> tuple[Solved, ...]:
        """The mean scenario, then every scenario alone."""
        mean = self.session.case(
            "mean scenario", overrides=mean_overrides(self.session.instance, self.scenarios)
        )
        alone = [self.case("alone", s, self.session.question) for s in self.scenarios]
        return tuple(self.session.solve([mean, *alone]))

    @property
    def mean(self) -> Solved:
        """The mean scenario, solved."""
        return self.first_solves[0]

    @property
    def alone(self) -> tuple[Solved, ...]:
        """Every scenario solved as if it were known."""
        return self.first_solves[1:]

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
        """Return every scenario solved whole with a siting kept.

        The plan of a scenario alone that has this very siting is such a solve already.
        """
        key = to_json(siting)
        if key not in self.exact:
            question = keep_siting(self.session.instance, self.session.question, siting)
            own = [self._is_own(k, key) for k in range(len(self.scenarios))]
            cases = [
                self.case("kept", s, question)
                for s, mine in zip(self.scenarios, own, strict=True)
                if not mine
            ]
            found = iter(self.session.solve(cases))
            self.exact[key] = tuple(
                self.alone[k] if mine else next(found) for k, mine in enumerate(own)
            )
        return self.exact[key]

    def _is_own(self, scenario: int, key: str) -> bool:
        plan = self.alone[scenario].plan
        return plan is not None and to_json(siting_of(self.session.instance, plan)) == key

    @cached_property
    def master(self) -> Master:
        """What is known of sitings: the rules, and the bound of every scenario alone."""
        from networks.network import build_network
        from optimizer.model.siting import build_siting_model
        from optimizer.problem import build_problem

        instance = self.session.instance
        problem = build_problem(instance, build_network(instance), self.session.question)
        m = build_siting_model(problem)
        self.integers = sum(m.lp.integer)
        return Master(m, [s.low for s in self.alone], self.probability)

    # -- what scenarios cost when they are known ------------------------------------------------

    def known(self) -> tuple[list[float], list[float]]:
        """Return the least and the most that each scenario's own optimum can be, mcny a year.

        A siting that was kept can have found a better plan than the scenario alone.
        """
        low = [s.low for s in self.alone]
        high = [s.high for s in self.alone]
        for solves in self.exact.values():
            high = [min(h, s.high) for h, s in zip(high, solves, strict=True)]
        return low, high

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
        """Return the scenarios in which a siting that was looked at is proven to have no plan."""
        slopes = self.look(siting)
        return [
            s
            for s, slope in zip(self.scenarios, slopes, strict=True)
            if slope.status is Status.INFEASIBLE
        ]

    # -- the best siting ------------------------------------------------------------------------

    def choose(self, risk: Risk) -> Choice:
        """Return the best siting that was found for a measure, and how good it is proven to be.

        Raises
        ------
        TwoStageError
            A scenario alone has no plan: then no siting has one.
        """
        self._check_alone()
        _ = self.master
        total = self.integers * len(self.scenarios)
        extensive = self.method == "extensive" or (
            self.method == "auto" and total <= EXTENSIVE_MOST
        )
        if extensive:
            return self._choose_joint(risk)
        return self._choose_apart(risk)

    def _check_alone(self) -> None:
        for scenario, solved in zip(self.scenarios, self.alone, strict=True):
            if solved.plan is None:
                how = (
                    "no plan is possible, whatever is built"
                    if solved.status is Status.INFEASIBLE
                    else f"no plan was found ({solved.stop_reason}); give it more --time-limit"
                )
                raise TwoStageError(
                    f"scenario {scenario.name}: {how}. A siting for all scenarios needs a plan in "
                    "each of them."
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
            starts=[siting_of(self.session.instance, s.plan) for s in self.first_solves if s.plan],
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
            if solved.plan is not None:
                siting = siting_of(self.session.instance, solved.plan)
                self.look(siting)
                if math.isfinite(self._relaxed(siting, risk)):
                    break
        most = KEEPS if self.integers * len(self.scenarios) > EXTENSIVE_MOST else KEEPS_SMALL
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
            if kept == most:
                stopped = f"{most} sitings solved whole"
                break
            kept += 1
            self._keep_and_learn(best)
        if not self.exact:
            self._keep_and_learn(self._best_look(risk)[0])
        return self._settle(risk, self._bound(risk), "scenarios apart", stopped)

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


def _middle(alone: Sequence[Solved], session: Session) -> int:
    """Return the scenario whose own siting differs least from those of all."""
    sitings = [siting_of(session.instance, s.plan) if s.plan else {} for s in alone]
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


def worth(two: TwoStage, choice: Choice) -> Worth:
    """Return the value of the stochastic solution and of perfect information, with bounds.

    Every interval follows from the bounds of the solves; the differences cannot be negative.
    """
    p = two.probability
    expected = Risk()
    recourse = choice.measure
    mean_low = mean_high = math.nan
    if two.mean.plan is not None:
        siting = siting_of(two.session.instance, two.mean.plan)
        if two.fails(siting):
            mean_low = mean_high = math.inf
        else:
            mean_low, mean_high = two.measure(siting, expected)
            mean_low = max(mean_low, recourse.low)
    low, high = two.known()  # after every siting was kept
    known = Interval(risk_of(high, p, expected), risk_of(low, p, expected),
                     risk_of(high, p, expected))  # fmt: skip
    return Worth(
        recourse,
        known,
        Interval(mean_high, mean_low, mean_high),
        _over(Interval(mean_high, mean_low, mean_high), recourse),
        _over(recourse, known),
    )


def _over(a: Interval, b: Interval) -> Interval:
    """Return a - b where it is known that a is not below b."""
    if math.isinf(a.value):
        return Interval(math.inf, max(0.0, a.low - b.high), math.inf)
    value = max(0.0, a.value - b.value)
    return Interval(value, max(0.0, a.low - b.high), max(value, a.high - b.low))
