"""`phase`: from today's situation to the final plan, period by period.

Volumes rise along a path; what is built stays. All periods are solved in one model
(`optimizer.engine.joint`), then each period again with what stands in it, so that its plan is
verified by itself. The bound is the better one of the joint model's and of the periods alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from instances import Instance
from instances.errors import InstanceError
from optimizer.engine.joint import JointAnswer, Steps
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Plan, Question, Status
from optimizer.studies.case import Case, Solved
from optimizer.studies.joint import ask_joint
from optimizer.studies.scenarios import Scenario
from optimizer.studies.session import Session
from optimizer.studies.stages import BUILT, Decision, Siting, keep_siting, siting_of

PATHS = ("linear", "s-curve")
ROUNDING = 1e-6  # relative


class PhaseError(OptimizerError):
    """The periods cannot be planned; the message says why and what to do."""


@dataclass(frozen=True)
class Period:
    """A period: its years, the share of each industry's volume that can move by then."""

    number: int  # from 1
    years: float
    factors: Mapping[str, float]  # industry -> share of the tables' volume
    weight: float  # present value of one mcny a year in all years of the period

    def overrides(self, instance: Instance) -> tuple[str, ...]:
        """Return the overrides that give the blocks their volumes of this period."""
        blocks = instance.tables["blocks"]
        return tuple(
            f"blocks.{origin}/{industry}.volume_mcny_per_year*={self.factors[industry]!r}"
            for origin, industry in zip(blocks["origin_id"], blocks["industry_id"], strict=True)
            if self.factors[industry] != 1
        )


def path_periods(
    instance: Instance, count: int, path: str = "linear", years: float = 3.0
) -> list[Period]:
    """Return periods along a path from nothing to the volumes of the tables.

    ``linear``: t/T. ``s-curve``: slow, fast, slow: 3 u^2 - 2 u^3 at u = t/T.
    """
    if path not in PATHS:
        raise ValueError(f"path {path!r}: choose one of {', '.join(PATHS)}")
    industries = list(instance.tables["industries"]["industry_id"])
    shares = [t / count for t in range(1, count + 1)]
    if path == "s-curve":
        shares = [3 * u**2 - 2 * u**3 for u in shares]
    return [
        _period(instance, t, years, dict.fromkeys(industries, round(share, 9)))
        for t, share in enumerate(shares, start=1)
    ]


def read_periods(instance: Instance, path: Path, years: float = 3.0) -> list[Period]:
    """Return the periods of a CSV file: period, industry (empty: all), factor.

    Raises
    ------
    InstanceError
        All faults of the file at once, each with its row and column.
    """
    industries = list(instance.tables["industries"]["industry_id"])
    faults: list[str] = []
    given: dict[int, dict[str, float]] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = set(reader.fieldnames or [])
        if not {"period", "factor"} <= names <= {"period", "industry", "factor"}:
            raise InstanceError(f"{path}: the columns are period, industry, factor")
        for number, row in enumerate(reader, start=2):
            cells = {k: (v or "").strip() for k, v in row.items() if k}
            where = f"{path}, row {number}"
            industry = cells.get("industry", "")
            if industry and industry not in industries:
                faults.append(f"{where}, column industry: {industry!r} is not in the instance")
            if not cells["period"].isdecimal() or int(cells["period"]) < 1:
                faults.append(f"{where}, column period: {cells['period']!r} is no number from 1")
                continue
            factor = _float(cells["factor"])
            if not 0 <= factor < math.inf:
                faults.append(f"{where}, column factor: {cells['factor']!r} is no number >= 0")
            period = given.setdefault(int(cells["period"]), {})
            if industry in period:
                faults.append(f"{where}: period {cells['period']} and industry are given twice")
            period[industry] = factor
    missing = sorted(set(range(1, max(given, default=0) + 1)) - set(given))
    if not given:
        faults.append(f"{path}: no rows")
    faults += [f"{path}: period {t} is missing" for t in missing]
    for t, factors in sorted(given.items()):
        if "" not in factors:
            left = [i for i in industries if i not in factors]
            if left:
                faults.append(f"{path}: period {t} has no factor for {', '.join(left)}")
    if faults:
        raise InstanceError("\n".join(faults))
    return [
        _period(instance, t, years, {i: given[t].get(i, given[t].get("", 0.0)) for i in industries})
        for t in sorted(given)
    ]


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _period(instance: Instance, number: int, years: float, factors: dict[str, float]) -> Period:
    return Period(
        number, years, factors, present_value(instance.settings.discount_rate, number, years)
    )


def present_value(rate: float, number: int, years: float) -> float:
    """Return what one mcny a year over period ``number`` is worth at the beginning of the first.

    Paid at the end of each year; a last part of a year counts for its part.
    """
    first = (number - 1) * years
    whole = int(years)
    parts = [(first + y, 1.0) for y in range(1, whole + 1)]
    if years > whole:
        parts.append((first + years, years - whole))
    return math.fsum(share * (1 + rate) ** -end for end, share in parts)


# -- the plan of all periods --------------------------------------------------------------------


@dataclass(frozen=True)
class Staged:
    """The plans of all periods, and between what the least present value is proven to lie."""

    periods: tuple[Period, ...]
    solved: tuple[Solved, ...]  # each period with what stands in it
    alone: tuple[Solved, ...]  # each period as if it were the only one
    sitings: tuple[dict[Decision, float], ...]  # what stands in each period
    value_mcny: float  # present value of the cost of all periods
    bound_mcny: float
    joint: JointAnswer | None
    limits: Steps = field(default_factory=Steps)

    @property
    def gap(self) -> float:
        """Distance of value and bound as a share of the value."""
        return max(0.0, self.value_mcny - self.bound_mcny) / max(abs(self.value_mcny), 1e-12)


def staged(
    session: Session,
    periods: Sequence[Period],
    *,
    limits: Steps | None = None,
    total_gap: float = 2e-3,
    time_limit_s: float = 300.0,
) -> Staged:
    """Return the plans of all periods with the least present value of cost that was found.

    Raises
    ------
    PhaseError
        A period has no plan, or no common building order was found.
    """
    limits = limits or Steps()
    instance, question = session.instance, session.question
    cases = [
        _case(session, "alone", p, _alone_question(question, limits, p.number)) for p in periods
    ]
    alone = session.solve(cases)
    for period, solved in zip(periods, alone, strict=True):
        if solved.plan is None:
            how = (
                "no plan is possible within the limits"
                if solved.status is Status.INFEASIBLE
                else f"no plan was found ({solved.stop_reason}); give it more --time-limit"
            )
            raise PhaseError(f"period {period.number}: {how}.")
    lowest = math.fsum(p.weight * s.low for p, s in zip(periods, alone, strict=True))
    sitings = [built_of(instance, s.plan) for s in alone if s.plan is not None]
    joint = None
    if linking_faults(instance, [s.plan for s in alone if s.plan], limits):
        parts = [Scenario(f"period {p.number}", p.weight, p.overrides(instance)) for p in periods]
        joint = ask_joint(
            session,
            "all periods in one model",
            parts,
            gap=total_gap / 2,
            time_limit_s=time_limit_s,
            steps=limits,
            starts=sitings,
        )
        if not joint.sitings:
            raise PhaseError(
                f"no order of building was found: {joint.said}. Widen the limits per period, or "
                "give it more --time-limit."
            )
        sitings = [{d: n for d, n in s.items() if d[0] in BUILT} for s in joint.sitings]
        lowest = max(lowest, joint.bound)
        found = session.solve(
            [
                _case(session, "kept", p, keep_siting(instance, question, s, BUILT))
                for p, s in zip(periods, sitings, strict=True)
            ]
        )
    else:
        found = alone  # the periods' own plans already follow from each other
    for period, solved in zip(periods, found, strict=True):
        if solved.plan is None:
            raise PhaseError(
                f"period {period.number}: what is built for it has no plan when it is solved by "
                f"itself ({solved.stop_reason})"
            )
    value = math.fsum(p.weight * s.cost_mcny for p, s in zip(periods, found, strict=True))
    if lowest > value * (1 + ROUNDING):
        raise PhaseError(f"the bound {lowest!r} is above the plan {value!r}: one of them is wrong")
    plans = [s.plan for s in found if s.plan is not None]
    faults = linking_faults(instance, plans, limits)
    if faults:
        raise PhaseError("the periods do not follow from each other: " + "; ".join(faults))
    return Staged(
        tuple(periods),
        tuple(found),
        tuple(alone),
        tuple(built_of(instance, p) for p in plans),
        value,
        min(lowest, value),
        joint,
        limits,
    )


def _case(session: Session, name: str, period: Period, question: Question) -> Case:
    overrides = period.overrides(session.instance)
    if not overrides and name == "alone":
        return session.case("base", question)
    return session.case(
        f"{name}: period {period.number}",
        question,
        overrides=overrides,
        keep=bool(overrides),
        tags=(("period", period.number), ("stage", name)),
    )


def _alone_question(question: Question, limits: Steps, number: int) -> Question:
    """Return the question of a period alone: capital up to what all periods so far may spend."""
    if limits.new_capital_mcny is None:
        return question
    most = number * limits.new_capital_mcny
    if question.budget_mcny is not None:
        most = min(most, question.budget_mcny)
    return replace(question, budget_mcny=most)


def built_of(instance: Instance, plan: Plan) -> dict[Decision, float]:
    """Return what stands in a plan: zones, modules, projects."""
    return {d: n for d, n in siting_of(instance, plan).items() if d[0] in BUILT}


# -- an independent check of the links ----------------------------------------------------------


def linking_faults(
    instance: Instance, plans: Sequence[Plan], limits: Steps | None = None
) -> list[str]:
    """Return where plans of consecutive periods do not follow from each other; empty: they do.

    Computed from plans and tables alone: nothing that stands is lost, and what is added keeps to
    the limits per period.
    """
    limits = limits or Steps()
    faults = []
    before: Siting = {d: n for d, n in limits.today.items() if d[0] in BUILT}
    for number, plan in enumerate(plans, start=1):
        now = built_of(instance, plan)
        for (kind, name), count in sorted(before.items()):
            if now.get((kind, name), 0.0) < count:
                faults.append(f"period {number}: {kind} {name} is lost")
        added = {d: n - before.get(d, 0.0) for d, n in now.items() if n > before.get(d, 0.0)}
        zones = sum(d[0] == "zone" for d in added)
        if limits.new_zones is not None and zones > limits.new_zones:
            faults.append(f"period {number}: {zones} new zones, at most {limits.new_zones}")
        spent = capital_of(instance, added)
        most = limits.new_capital_mcny
        if most is not None and spent > most * (1 + ROUNDING):
            faults.append(f"period {number}: capital of {spent:,.1f} mcny, at most {most:,.1f}")
        before = now
    return faults


def capital_of(instance: Instance, built: Siting) -> float:
    """Return the capital (mcny) of what is built, as a budget counts it."""
    price: dict[Decision, float] = {}
    for kind, table, column, ident in (
        ("zone", "zones", "open_mcny", "zone_id"),
        ("module", "modules", "capital_mcny", "module_id"),
        ("project", "projects", "capital_mcny", "project_id"),
    ):
        frame = instance.tables[table]
        for name, value in zip(frame[ident], frame[column], strict=True):
            price[kind, name] = float(value)
    return math.fsum(n * price[d] for d, n in built.items())
