"""What it costs to force a zone in or to forbid it, and the least change that brings it in.

*In* means: with the zone forced in, the optimum F is not above the optimum N with it forbidden.
Both are known as proven ranges, so "in" is proven where the best plan with the zone costs no more
than the bound without it, "out" the other way round; in between the gaps decide nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from instances import Instance
from optimizer.plan.plan import Question, Status
from optimizer.studies.case import Case, Solved
from optimizer.studies.parks_levers import Lever, overrides_of
from optimizer.studies.parks_solves import SHARE, STANDING, SUBSIDY, enough_subsidy, rounded_up
from optimizer.studies.parks_units import MCNY, Units
from optimizer.studies.session import Inquiry, Session

TRIES = 4  # sizes of a lever that are solved
LEAST_OUTPUT = 1.0  # mcny a year that count as hosting where no minimum scale is given
Verdict = Literal["in", "out", "open"]
OF_BASE = 0.05  # of the gap: all zones are compared with the base, some are worth very little


@dataclass(frozen=True)
class Optimum:
    """An optimum as it is known: value of the best plan, proven range, output by zone."""

    value: float
    low: float
    high: float
    output: Mapping[str, float] = field(default_factory=dict)
    key: str = ""  # of the case whose plan is kept
    status: str = "optimal"

    @property
    def gap(self) -> float:
        """Width of the range as a share of the value; nan without a plan."""
        if not math.isfinite(self.value):
            return math.nan
        return max(0.0, self.high - self.low) / max(abs(self.value), 1e-12)


NONE = Optimum(math.inf, math.inf, math.inf, status=str(Status.INFEASIBLE))


def optimum_of(solved: Solved) -> Optimum:
    """Return what a solved case says of its optimum."""
    if solved.plan is not None:
        output: dict[str, float] = {}
        for move in solved.plan.moves:
            output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
        return Optimum(solved.plan.objective, solved.low, solved.high, output, solved.key,
                       str(solved.status))  # fmt: skip
    value = math.inf if solved.status is Status.INFEASIBLE else math.nan
    return Optimum(value, solved.low, math.inf, status=str(solved.status))


def presence(instance: Instance, zone_id: str) -> float:
    """Return the least output that counts as hosting: the smallest minimum scale, mcny a year."""
    scale = instance.tables["industries"].set_index("industry_id")["min_scale_mcny_per_year"]
    rows = instance.tables["eligibility"]
    industries = rows.loc[rows["zone_id"] == zone_id, "industry_id"]
    least = min((float(scale[i]) for i in industries), default=0.0)
    return least if least > 0 else LEAST_OUTPUT


def forced_in(instance: Instance, question: Question, zone_id: str) -> Question:
    """Return the question in which a zone must open and host something."""
    given = {bound[:2]: bound[2] for bound in question.least}
    output = max(given.get(("zone_output", zone_id), 0.0), presence(instance, zone_id))
    least = (("zone", zone_id, 1.0), ("zone_output", zone_id, output))
    kept = [b for b in question.least if b[:2] not in {bound[:2] for bound in least}]
    return replace(question, least=(*kept, *least))


def kept_shut(question: Question, zone_id: str) -> bool:
    """Say whether the question itself rules a zone out: it is not compared then."""
    most = {name: count for kind, name, count in question.most if kind == "zone"}
    return zone_id in question.forbid_zones or most.get(zone_id, 1.0) < 1


def kept_open(question: Question, zone_id: str) -> bool:
    """Say whether the question itself asks for a zone: it cannot be forbidden then."""
    bounds = {(kind, name): count for kind, name, count in question.least}
    asked = [bounds.get((kind, zone_id), 0.0) for kind in ("zone", "zone_output")]
    return zone_id in question.open_zones or max(asked) > 0


def forbidden(question: Question, zone_id: str) -> Question:
    """Return the question in which a zone must stay shut."""
    return replace(
        question,
        forbid_zones=tuple(dict.fromkeys((*question.forbid_zones, zone_id))),
    )


@dataclass(frozen=True)
class Standing:
    """A zone against all others: the optimum with it, and the one without it."""

    zone_id: str
    forced: Optimum
    shut: Optimum
    in_plan: bool

    @property
    def difference(self) -> tuple[float, float, float]:
        """Forced less forbidden: value, proven least and most, mcny a year."""
        return (
            self.forced.value - self.shut.value,
            self.forced.low - self.shut.high,
            self.forced.high - self.shut.low,
        )

    @property
    def rank_key(self) -> tuple[float, str]:
        """Key to sort by: the difference, zones of which nothing is known last."""
        value = self.difference[0]
        return (math.inf if math.isnan(value) else value), self.zone_id

    @property
    def verdict(self) -> Verdict:
        """Whether the zone belongs into the plan."""
        return verdict(self.forced, self.shut)


def verdict(forced: Optimum, shut: Optimum) -> Verdict:
    """Return what is proven of an optimum with a zone and one without it."""
    if forced.high <= shut.low + 1e-9 * max(1.0, abs(shut.value if shut.low < math.inf else 1.0)):
        return "in"
    return "out" if forced.low > shut.high else "open"


def standings(
    session: Session, zones: Sequence[str], gap: float, *, exact: bool = False
) -> tuple[Solved, list[Standing]]:
    """Return the base plan solved to a finer gap, and how every zone stands against it.

    All plans serve all: each is a plan without the zones that it leaves shut, and with those that
    it uses. The base bound serves everywhere, because forcing and forbidding never helps. A solve
    ends once the difference is known to `SHARE`; with ``exact``, at its gap.
    """
    base = session.solve([standing_case(session, None, False, gap, None, exact=exact)])[0]
    if base.plan is None:
        return base, []
    used = {m.zone_id for m in base.plan.moves}
    asked_for = {zone for zone in zones if kept_open(session.question, zone)}
    cases = {
        zone: standing_case(session, zone, zone not in used, gap, base, exact=exact)
        for zone in zones
        if not (zone in used and zone in asked_for)  # without it there is no plan, by decision
    }
    solved = dict(zip(cases, session.solve(cases.values()), strict=True))
    known = [optimum_of(base), *(optimum_of(s) for s in solved.values())]
    mine = replace(known[0], low=base.low)
    found = []
    for zone in zones:
        own = optimum_of(solved[zone]) if zone in solved else NONE
        own = replace(own, low=max(own.low, base.low))
        least = presence(session.instance, zone)
        holders = [o for o in known if o.output.get(zone, 0.0) >= least * (1 - 1e-6)]
        others = [o for o in known if math.isfinite(o.value) and zone not in o.output]
        forced, shut = (mine, own) if zone in used else (own, mine)
        shut = NONE if zone in asked_for else _best(shut, others)
        found.append(Standing(zone, _best(forced, holders), shut, zone in used))
    return base, found


def _best(own: Optimum, others: Iterable[Optimum]) -> Optimum:
    """Return an optimum with the best plan of any, under its own bound."""
    if own.value == math.inf:  # proven: there is none
        return own
    best = min([own, *others], key=lambda o: o.high)
    if not best.high < own.high:
        return own
    return replace(best, low=min(own.low, best.value))


def standing_case(
    session: Session,
    zone: str | None,
    force: bool,
    gap: float,
    base: Solved | None,
    *,
    exact: bool = False,
) -> Case:
    """Return the case of the base question (no zone), or with a zone forced in or forbidden."""
    if zone is None or base is None:
        return _case(session, "base", None, False, session.question, gap * OF_BASE, None)
    against = None if exact else (base.low, base.high, True)
    if force:
        question = forced_in(session.instance, session.question, zone)
        name = f"force {zone}"
    else:
        question, name = forbidden(session.question, zone), f"forbid {zone}"
    return _case(session, name, zone, force, question, gap, against, start=base.key)


def _case(
    session: Session,
    name: str,
    zone: str | None,
    force: bool,
    question: Question,
    gap: float,
    against: tuple[float, float, bool] | None,
    **more: Any,
) -> Case:
    """Return a case of `optimizer.studies.parks_solves.solve_standing`."""
    data = {
        "zone": zone, "force": force, "least_mcny": _least_of(question, zone) if force else None,
        "against": None
        if against is None
        else [*map(_number, against[:2]), against[2], session.gap],
    }  # fmt: skip
    return session.case(name, question, gap=gap, task=STANDING, data=json.dumps(data), **more)


def _number(value: float) -> float | str:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else str(value)


def _least_of(question: Question, zone: str | None) -> float:
    return next(n for kind, name, n in question.least if (kind, name) == ("zone_output", zone))


# -- counterfactuals ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """The change of a lever that brings a zone in.

    ``size`` is what is printed; up to ``out`` it is proven that the zone stays out, from
    ``size_in`` on that it is in (inf: at no size that was looked at).
    """

    lever: Lever
    outcome: Literal["brings it in", "cannot", "undecided", "not possible"]
    size: float
    out: float
    size_in: float
    decided: bool
    output_mcny: float
    forced: Optimum
    shut: Optimum
    note: str = ""


def subsidy_change(session: Session, standing: Standing, lever: Lever, gap: float) -> Inquiry[
    Change
]:  # fmt: skip
    """Return the least subsidy per million CNY of output in the zone (Dinkelbach's method).

    The optimum F with the zone is a minimum of lines cost - subsidy x output: falling and concave.
    So every plan tells a size from which on the zone is in, and the chord between two bounds is a
    bound. The optimum N without the zone does not change.
    """
    zone, shut = standing.zone_id, standing.shut
    plans = [(standing.forced.value, standing.forced.output.get(zone, 0.0))]
    bounds = [(0.0, standing.forced.low)]
    forced = standing.forced
    size = enough_subsidy(plans, shut.low)
    if _still_out(bounds, shut.high) < SHARE * size and 0 < size < lever.most:
        question = forced_in(session.instance, session.question, zone)
        data = {
            "zone": zone, "least_mcny": _least_of(question, zone),
            "against": [_number(shut.low), _number(shut.high), session.gap],
            "bound": _number(forced.low),
        }  # fmt: skip
        case = session.case(
            f"subsidise {zone}", question, gap=gap, task=SUBSIDY, data=json.dumps(data),
            start=standing.forced.key,
        )  # fmt: skip
        (solved,) = yield [case]
        found = solved.document
        plans += [(float(cost), float(output)) for cost, output in found.get("plans", ())]
        bounds += [(float(at), float(low)) for at, low in found.get("bounds", ())]
        forced = replace(forced, output=found.get("output", forced.output), key="")
        size = enough_subsidy(plans, shut.low)
    out = min(_still_out(bounds, shut.high), size)
    cost, output = min(plans, key=lambda p: (p[0] - shut.low) / max(p[1], 1e-9))
    at_size = replace(forced, value=cost - size * output / MCNY, high=cost - size * output / MCNY,
                      low=min(_chord(bounds, size), cost - size * output / MCNY))  # fmt: skip
    decided = out >= SHARE * size
    return Change(
        lever, "brings it in" if decided else "undecided", size, out, size, decided, output,
        at_size, shut,
    )  # fmt: skip


def _chord(bounds: Sequence[tuple[float, float]], size: float) -> float:
    """Return the bound at a size that falling and concave bounds give."""
    ordered = sorted(bounds)
    best = max((low for at, low in ordered if at >= size), default=-math.inf)
    for a, low_a in ordered:
        for b, low_b in ordered:
            if a < size < b and math.isfinite(low_a) and math.isfinite(low_b):
                best = max(best, low_a + (low_b - low_a) * (size - a) / (b - a))
    return best


def _still_out(bounds: Sequence[tuple[float, float]], cost: float) -> float:
    """Return the largest size up to which the bounds prove that the zone is out."""
    ordered = sorted(bounds)
    out = max((at for at, low in ordered if low > cost), default=0.0)
    for a, low_a in ordered:
        for b, low_b in ordered:
            if a < b and low_a > cost >= low_b:
                out = max(out, a + (low_a - cost) / (low_a - low_b) * (b - a))
    return out


def opening_change(standing: Standing, lever: Lever) -> Change:
    """Return the least yearly grant for opening: with the zone forced in it is a constant.

    Nothing has to be solved: the optimum with the zone falls by the grant, the other one stays.
    """
    _, low, high = standing.difference
    out, high = max(0.0, low), rounded_up(high)
    decided = math.isfinite(high) and out >= SHARE * high
    forced = standing.forced
    at_size = replace(forced, value=forced.value - high, low=forced.low - high,
                      high=forced.high - high)  # fmt: skip
    return Change(
        lever, "brings it in" if decided else "undecided", max(0.0, high), out, max(0.0, high),
        decided, forced.output.get(standing.zone_id, 0.0), at_size, standing.shut,
    )  # fmt: skip


def lever_change(
    session: Session, standing: Standing, lever: Lever, gap: float, guess: float
) -> Inquiry[Change]:
    """Return the least size of a lever, looked for between nothing and the most it can be.

    ``guess`` is a share of the most. Sizes are shares of the way there; the largest is solved
    first: mostly it is not enough, and that is soon proven.
    """
    zone = standing.zone_id
    question = session.question
    margins = {0.0: standing.difference[0]}
    out, size_in, nominal = (0.0 if standing.verdict == "out" else -1.0), math.inf, math.inf
    at: dict[float, tuple[Optimum, Optimum]] = {}
    way, share, guess = lever.most - lever.start, 1.0, min(1.0, max(guess, 1e-9))
    for _ in range(TRIES + 1):
        amount = min(lever.most, rounded_up(lever.start + share * way))
        share = (amount - lever.start) / way
        changes = overrides_of(session.instance, lever, amount)
        text = f"{lever.name} {amount:,.6g}"
        shut = standing.shut
        # What also helps others lowers the optimum without the zone, never raises it: a bound
        # above today's is enough to prove the zone out.
        least = shut.low if lever.only_here else -math.inf
        case = _case(
            session, f"force {zone}, {text}", zone, True,
            forced_in(session.instance, question, zone), gap, (least, shut.high, False),
            overrides=changes, start=standing.forced.key,
        )  # fmt: skip
        forced = optimum_of((yield [case])[0])
        if not lever.only_here and not forced.low > shut.high:
            case = _case(
                session, f"forbid {zone}, {text}", zone, False, forbidden(question, zone), gap,
                (forced.low, forced.high, False), overrides=changes, start=standing.shut.key,
            )  # fmt: skip
            shut = optimum_of((yield [case])[0])
        at[share] = (forced, shut)
        margins[share] = forced.value - shut.value
        found = verdict(forced, shut)
        if found == "in":
            size_in = min(size_in, share)
        if found == "out":
            out = max(out, share)
        if margins[share] <= 0:
            nominal = min(nominal, share)
        if (share >= 1.0 and found != "in") or lever.kind == "status":
            break
        if share == 1.0 and guess < 1.0:
            share = guess
            continue
        following = _next_share(margins, out, size_in, nominal)
        if following is None or following in margins:
            break
        share = following
    best = size_in if size_in < math.inf else nominal
    out = max(out, 0.0)
    if out >= 1.0:
        # What also helps others could bring the zone in at a smaller size and not at the largest:
        # that it never does is proven only against what the others cost today.
        decided = lever.only_here or at[1.0][0].low > standing.shut.high
        outcome, best = "cannot", math.nan
    elif best == math.inf:
        outcome, decided, best = "undecided", False, math.nan
    elif lever.kind == "status":
        decided = size_in <= 1.0
        outcome = "brings it in" if decided else "undecided"
    else:
        decided = size_in < math.inf and out >= SHARE * size_in - 1e-12
        outcome = "brings it in" if decided else "undecided"
    shown = at.get(best, at[max(at)])
    return Change(
        lever, outcome, lever.start + best * way, lever.start + out * way,  # type: ignore[arg-type]
        lever.start + size_in * way, decided, shown[0].output.get(zone, 0.0), *shown,
    )  # fmt: skip


def _next_share(
    margins: Mapping[float, float], out: float, size_in: float, nominal: float
) -> float | None:
    """Return the next size to solve: where the margin should cross 0, kept inside the bracket."""
    if size_in < math.inf and out >= SHARE * size_in - 1e-12:
        return None
    high = min(size_in, nominal)
    if high == math.inf:
        return 1.0
    low = max((s for s in margins if s < high and margins[s] > 0), default=0.0)
    drop = margins[low] - margins[high]
    root = low + (high - low) * margins[low] / drop if drop > 0 else (low + high) / 2
    if low < SHARE * high:
        tight = root * 1.02
        return tight if tight < 0.98 * high else SHARE * high
    return None  # the bracket is narrow enough; what is left is the gap


def guess_of(units: Units, standing: Standing, lever: Lever) -> float:
    """Return a first size of a lever, as a share of the most it can be."""
    if lever.kind != "pool":
        return 1.0
    prices = [o.price_mcny for o in units.offers(lever.element) if o.price_mcny > 0]
    margin = standing.difference[0]
    if not prices or not math.isfinite(margin) or margin <= 0:
        return 1.0
    return 1.1 * margin / max(prices) / lever.most
