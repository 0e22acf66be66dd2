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
from typing import Literal

from instances import Instance
from optimizer.plan.plan import Question, Status
from optimizer.studies.case import Case, Solved
from optimizer.studies.parks_levers import SUBSIDISED, Lever, overrides_of
from optimizer.studies.parks_units import MCNY, Units
from optimizer.studies.session import Inquiry, Session

SHARE = 0.95  # of the printed change: so much must not bring the zone in
TRIES = 4  # sizes of a lever that are solved
LEAST_OUTPUT = 1.0  # mcny a year that count as hosting where no minimum scale is given
Verdict = Literal["in", "out", "open"]


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


def optimum_of(solved: Solved) -> Optimum:
    """Return what a solved case, or a subsidised one (a task), says of its optimum."""
    if solved.plan is not None:
        output: dict[str, float] = {}
        for move in solved.plan.moves:
            output[move.zone_id] = output.get(move.zone_id, 0.0) + move.output_mcny
        return Optimum(solved.plan.objective, solved.low, solved.high, output, solved.key,
                       str(solved.status))  # fmt: skip
    if solved.document.get("has_plan"):
        low = min(solved.objective, solved.bound)
        return Optimum(solved.objective, low, solved.objective, solved.document["output"], "",
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
    least = (("zone", zone_id, 1.0), ("zone_output", zone_id, presence(instance, zone_id)))
    kept = [b for b in question.least if b[:2] not in {bound[:2] for bound in least}]
    return replace(question, least=(*kept, *least))


def forbidden(question: Question, zone_id: str) -> Question:
    """Return the question in which a zone must stay shut."""
    return replace(
        question,
        open_zones=tuple(z for z in question.open_zones if z != zone_id),
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
    def verdict(self) -> Verdict:
        """Whether the zone belongs into the plan."""
        return verdict(self.forced, self.shut)


def verdict(forced: Optimum, shut: Optimum) -> Verdict:
    """Return what is proven of an optimum with a zone and one without it."""
    if forced.high <= shut.low + 1e-9 * max(1.0, abs(shut.value if shut.low < math.inf else 1.0)):
        return "in"
    return "out" if forced.low > shut.high else "open"


def standings(session: Session, zones: Sequence[str], gap: float) -> tuple[Solved, list[Standing]]:
    """Return the base plan solved to a finer gap, and how every zone stands against it.

    All plans serve all: each is a plan without the zones that it leaves shut, and with those that
    it uses. The base bound serves everywhere, because forcing and forbidding never helps.
    """
    base = session.solve([session.case("base", gap=gap)])[0]
    if base.plan is None:
        return base, []
    used = {m.zone_id for m in base.plan.moves}
    cases = [standing_case(session, zone, zone not in used, gap, base) for zone in zones]
    solved = session.solve(cases)
    known = [optimum_of(base), *(optimum_of(s) for s in solved)]
    found = []
    for zone, outcome in zip(zones, solved, strict=True):
        mine = optimum_of(outcome)
        least = presence(session.instance, zone)
        holders = [o for o in known if o.output.get(zone, 0.0) >= least * (1 - 1e-6)]
        others = [o for o in known if math.isfinite(o.value) and zone not in o.output]
        if zone in used:
            forced = _best(replace(known[0], low=base.low), holders)
            shut = _best(replace(mine, low=max(mine.low, base.low)), others)
        else:
            forced = _best(replace(mine, low=max(mine.low, base.low)), holders)
            shut = _best(replace(known[0], low=base.low), others)
        found.append(Standing(zone, forced, shut, zone in used))
    return base, found


def _best(own: Optimum, others: Iterable[Optimum]) -> Optimum:
    """Return an optimum with the best plan of any, under its own bound."""
    if own.value == math.inf:  # proven: there is none
        return own
    best = min([own, *others], key=lambda o: o.high)
    if not best.high < own.high:
        return own
    return replace(best, low=min(own.low, best.value))


def standing_case(session: Session, zone: str, force: bool, gap: float, base: Solved) -> Case:
    """Return the case that forces a zone in, or that forbids it."""
    if force:
        question = forced_in(session.instance, session.question, zone)
        return session.case(f"force {zone}", question, gap=gap, start=base.key)
    question = forbidden(session.question, zone)
    return session.case(f"forbid {zone}", question, gap=gap, start=base.key)


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
    forced, output = standing.forced, plans[0][1]
    question = forced_in(session.instance, session.question, zone)
    size, tried = _enough(plans, shut.low), math.inf
    for _ in range(TRIES):
        out = _still_out(bounds, shut.high)
        if not size < tried * (1 - 1e-3) or out >= SHARE * size or size >= lever.most:
            break
        tried = size
        data = json.dumps({"zone": zone, "amount": size})
        case = session.case(
            f"subsidise {zone} by {size:,.6g}", question, gap=gap, task=SUBSIDISED, data=data,
            start=standing.forced.key,
        )  # fmt: skip
        (solved,) = yield [case]
        forced = optimum_of(solved)
        if not forced.output:
            break
        output = forced.output.get(zone, 0.0)
        plans.append((forced.value + size * output / MCNY, output))
        bounds.append((size, forced.low))
        size = _enough(plans, shut.low)
    out = min(_still_out(bounds, shut.high), size)
    cost, output = min(plans, key=lambda p: (p[0] - shut.low) / p[1])
    at_size = replace(forced, value=cost - size * output / MCNY, high=cost - size * output / MCNY,
                      low=min(_chord(bounds, size), cost - size * output / MCNY))  # fmt: skip
    decided = out >= SHARE * size
    return Change(
        lever, "brings it in" if decided else "undecided", size, out, size, decided, output,
        at_size, shut,
    )  # fmt: skip


def _enough(plans: Sequence[tuple[float, float]], bound: float) -> float:
    """Return the least subsidy at which some plan costs no more than the bound, rounded up."""
    least = min((cost - bound) / output * MCNY for cost, output in plans if output > 0)
    if least <= 0:
        return 0.0
    digits = 3 - math.floor(math.log10(least))
    return math.ceil(least * 10**digits) / 10**digits


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
    out = max(0.0, low)
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
    first where the lever may not be enough.
    """
    zone = standing.zone_id
    question = session.question
    margins = {0.0: standing.difference[0]}
    out, size_in, nominal = (0.0 if standing.verdict == "out" else -1.0), math.inf, math.inf
    at: dict[float, tuple[Optimum, Optimum]] = {}
    way, share = lever.most - lever.start, min(1.0, max(guess, 1e-9))
    for _ in range(TRIES + 1):
        amount = lever.start + share * way
        changes = overrides_of(session.instance, lever, amount)
        text = f"{lever.name} {amount:,.6g}"
        cases = [
            session.case(f"force {zone}, {text}", forced_in(session.instance, question, zone),
                         overrides=changes, gap=gap, start=standing.forced.key)
        ]  # fmt: skip
        if not lever.only_here:
            cases.append(
                session.case(f"forbid {zone}, {text}", forbidden(question, zone),
                             overrides=changes, gap=gap, start=standing.shut.key)
            )  # fmt: skip
        solved = yield cases
        forced = optimum_of(solved[0])
        shut = standing.shut if lever.only_here else optimum_of(solved[1])
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
        following = _next_share(margins, out, size_in, nominal)
        if following is None or following in margins:
            break
        share = following
    best = size_in if size_in < math.inf else nominal
    out = max(out, 0.0)
    if out >= 1.0:
        outcome, decided, best = "cannot", True, math.nan
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
