"""`alternatives`: other plans that cost nearly the same, each unlike all before it in some zones.

One question after the other: the least cost of a plan that differs in at least d zones from the
best and from every alternative so far (constraint 13 of docs/formulas.md). Each question is
narrower than the one before, so that its bound is at least that of the one before. "No further
plan exists" is said only where a bound is above the limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from networks.network import build_network
from optimizer.errors import InstanceError
from optimizer.plan.plan import Plan, Question, Status
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.facts import Facts
from optimizer.report.names import Names
from optimizer.report.numbers import percent
from optimizer.report.siting import jobs
from optimizer.studies.case import Solved
from optimizer.studies.session import Inquiry, Session

NARROWER = 0.1  # of the gap, where the gap asked for does not tell whether a plan is within
ROUNDING = 1e-9  # relative; costs that differ by less are the same

PLANS = (
    Column("plan", "Plan"),
    Column("status", "Status"),
    Column("cost_mcny", "Cost, million CNY a year", "number"),
    Column("above_mcny", "More than the best plan found, million CNY a year", "mcny"),
    Column("above_low_mcny", "any plan so unlike the others: proven at least", "mcny"),
    Column("above_high_mcny", "this plan, above the true least cost: at most", "mcny"),
    Column("decided", "Proven dearer than the best"),
    Column("zones_in", "Zones in, against the best"),
    Column("zones_out", "Zones out"),
    Column("zones_differ_count", "Zones that differ from the best", "count"),
    Column("nearest_count", "from the nearest plan", "count"),
    Column("zones_count", "Zones open", "count"),
    Column("absorbed_mcny", "Comes to the zones, million CNY a year", "mcny"),
    Column("jobs_count", "Jobs", "count"),
    Column("co2e_tonnes", "CO2e, tonnes a year", "number"),
    Column("gap_share", "Gap", "share"),
)


@dataclass
class Found:
    """The best plan, the alternatives in the order found, and how the search ended.

    ``least`` is, for each plan, what any plan that meets its question costs at least. ``end`` is
    ``count`` (as many as asked for), ``none`` (proven that there is no further one), ``open``.
    """

    limit: float
    plans: list[Plan] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    end: str = "count"
    last: Solved | None = None

    @cached_property
    def best_cost(self) -> float:
        """Cost of the cheapest plan found, million CNY a year."""
        return min(p.cost_mcny for p in self.plans)

    @cached_property
    def best(self) -> int:
        """Number of the cheapest plan, the first of equal ones."""
        return min(range(len(self.plans)), key=lambda k: (self.plans[k].cost_mcny, k))


def alternatives(
    session: Session, *, within: float = 0.01, count: int = 5, zones: int = 1
) -> Chapter:
    """Return the chapter of plans that cost little more and differ in at least ``zones`` zones.

    Parameters
    ----------
    within
        Most that an alternative may cost above the base plan, as a share.
    count
        Most alternatives, besides the base plan.
    zones
        Zones (existing ones left out) in which every two of the plans differ.
    """
    if session.question.objective != "cost":
        raise InstanceError("alternatives compares costs: the objective must be cost")
    if not 0 <= within < math.inf or count < 1 or zones < 1:
        raise ValueError(f"within {within} >= 0, count {count} >= 1, zones {zones} >= 1 are needed")
    candidates = _free(session)
    if zones > len(candidates):
        raise InstanceError(
            f"plans cannot differ in {zones} zones: {len(candidates)} zones are open or shut by "
            "decision"
        )
    base = session.base()
    if base.plan is None:
        return Chapter(
            "alternatives", "Alternatives", "备选方案",
            findings=(f"There is no best plan to compare with: it ended as '{base.status}'.",),
            facts=session.facts(),
        )  # fmt: skip
    found = session.run([_search(session, base, within, count, zones)])[0]
    return _chapter(session, found, within, count, zones)


def _free(session: Session) -> list[str]:
    table = session.instance.tables["zones"]
    return list(table.loc[table["status"] != "existing", "zone_id"])


def unlike(question: Question, plans: list[Plan], zones: int) -> Question:
    """Return the question for a plan that differs from each of some plans in enough zones."""
    more = tuple((plan.open_zones, zones) for plan in plans)
    return replace(question, differ=question.differ + more)


def _search(
    session: Session, base: Solved, within: float, count: int, zones: int
) -> Inquiry[Found]:
    assert base.plan is not None, "the caller looked"
    found = Found((1 + within) * base.plan.cost_mcny)
    found.plans, found.least = [base.plan], [base.low]
    found.statuses = [base.status]
    limit = found.limit * (1 + ROUNDING)
    last = base
    while len(found.plans) <= count:
        question = unlike(session.question, found.plans, zones)
        name = f"alternative {len(found.plans)}"
        (solved,) = yield [session.case(name, question, start=last.key)]
        low = max(found.least[-1], solved.low)
        if low <= limit and not (solved.plan is not None and solved.plan.cost_mcny <= limit):
            start = solved.key if solved.plan is not None else last.key
            closer = session.case(
                f"{name}, closer", question, start=start, gap=NARROWER * session.gap
            )
            (solved,) = yield [closer]
            low = max(low, solved.low)
        found.last = solved
        if low > limit:
            found.end = "none"
            return found
        if solved.plan is None or solved.plan.cost_mcny > limit:
            found.end = "open"
            return found
        found.plans.append(solved.plan)
        found.least.append(low)
        found.statuses.append(solved.status)
        last = solved
    return found


# -- the chapter ----------------------------------------------------------------------------------


def _chapter(session: Session, found: Found, within: float, count: int, zones: int) -> Chapter:
    names = Names(session.instance)
    free = set(_free(session))
    return Chapter(
        "alternatives",
        "Alternatives",
        "备选方案",
        asked=(
            f"{session.instance.name}: up to {count} plans that cost at most {percent(within)} "
            f"more than the base plan ({found.limit:,.1f} million CNY a year) and differ in at "
            f"least {zones} {'zones' if zones > 1 else 'zone'} from it and from each other.",
        ),
        findings=tuple(_findings(found, names, within, zones)),
        tables=(_plans(session, found, names, free), _matrix(session, found, names)),
        charts=(
            Chart(
                "plans",
                "Cost above the best plan: proven least and most, million CNY a year",
                "ranges", "plans", x="plan", low="above_low_mcny", high="above_high_mcny", base=0.0,
                x_title="million CNY a year",
            ),
        ),
        cautions=tuple(_cautions(session, found)),
        facts=session.facts(),
    )  # fmt: skip


def _label(number: int) -> str:
    return "base" if number == 0 else f"alternative {number}"


def _plans(session: Session, found: Found, names: Names, free: set[str]) -> Table:
    network = build_network(session.instance)
    best = set(found.plans[found.best].open_zones)
    lines = []
    for k in sorted(range(len(found.plans)), key=lambda k: (found.plans[k].cost_mcny, k)):
        plan = found.plans[k]
        facts = Facts(session.instance, plan, network)
        mine = set(plan.open_zones)
        others = [set(p.open_zones) for j, p in enumerate(found.plans) if j != k]
        co2e = float((facts.legs["co2e_kg_per_teu"] * facts.legs["teu"]).sum()) / 1000
        lines.append(
            (
                _label(k), str(found.statuses[k]), plan.cost_mcny,
                plan.cost_mcny - found.best_cost, max(0.0, found.least[k] - found.best_cost),
                plan.cost_mcny - found.least[0],
                "yes" if _is_dearer(found, k) else "no",
                _listed(names, mine - best), _listed(names, best - mine),
                len((mine ^ best) & free),
                min((len((mine ^ other) & free) for other in others), default=math.nan),
                len(plan.open_zones), plan.absorbed_mcny, jobs(facts), co2e,
                (plan.cost_mcny - found.least[k]) / max(abs(plan.cost_mcny), 1e-12),
            )
        )  # fmt: skip
    return Table(
        "plans",
        "The plans, the cheapest first",
        PLANS,
        rows_of(PLANS, lines),
        note="Any plan so unlike the others: one that differs enough from the base and from the "
        "alternatives of lower number. Jobs and CO2e as in docs/formulas.md: jobs in the zones; "
        "CO2e of all transport, also of what stays or goes elsewhere.",
    )


def _is_dearer(found: Found, number: int) -> bool:
    """True if every plan that meets the question of this one is proven dearer than the best."""
    return found.least[number] > found.best_cost * (1 + ROUNDING)


def _matrix(session: Session, found: Found, names: Names) -> Table:
    outputs: list[dict[str, float]] = []
    for plan in found.plans:
        zone_output = dict.fromkeys(plan.open_zones, 0.0)
        for move in plan.moves:
            zone_output[move.zone_id] = zone_output.get(move.zone_id, 0.0) + move.output_mcny
        outputs.append(zone_output)
    zones = sorted(
        {z for o in outputs for z in o},
        key=lambda z: (-sum(z in o for o in outputs), -max(o.get(z, 0.0) for o in outputs), z),
    )
    home = Facts(session.instance, found.plans[0]).prefectures
    columns = (
        Column("zone_id", "Id"),
        Column("zone", "Zone"),
        Column("prefecture", "Prefecture"),
        Column("plans_count", "In how many plans", "count"),
        *(
            Column(f"plan_{k}_mcny", f"{_label(k).capitalize()}: output, million CNY", "mcny")
            for k in range(len(found.plans))
        ),
        Column("gap_share", "Gap", "share"),
    )  # fmt: skip
    gap = max(
        (p.cost_mcny - low) / max(abs(p.cost_mcny), 1e-12)
        for p, low in zip(found.plans, found.least, strict=True)
    )
    lines = [
        (z, names.both("place", z), home[z], sum(z in o for o in outputs),
         *(o.get(z, math.nan) for o in outputs), gap)
        for z in zones
    ]  # fmt: skip
    return Table(
        "zones", "Which zone is in which plan, and with how much output", columns,
        rows_of(columns, lines), note="Empty: the zone is not in that plan.",
    )  # fmt: skip


def _findings(found: Found, names: Names, within: float, zones: int) -> Iterator[str]:
    others = [p for k, p in enumerate(found.plans) if k != found.best]
    best = found.plans[found.best]
    if others:
        extra = [p.cost_mcny - best.cost_mcny for p in others]
        plural = len(others) > 1
        span = f"{min(extra):,.2f} to {max(extra):,.2f}" if plural else f"{extra[0]:,.2f}"
        yield (
            f"{len(others)} other {'plans' if plural else 'plan'} within {percent(within)} of the "
            f"base: {'they cost' if plural else 'it costs'} {span} million CNY a year more than "
            f"the best one found, {best.cost_mcny:,.1f} (no plan costs less than "
            f"{found.least[0]:,.1f})."
        )
    else:
        yield f"No other plan within {percent(within)} of the base was found."
    yield _ending(found, within, zones)
    if found.best:
        yield (
            f"{_label(found.best).capitalize()} is cheaper than the base plan by "
            f"{found.plans[0].cost_mcny - best.cost_mcny:,.2f} million CNY a year: the base was "
            "solved to its gap and not further."
        )
    shared = set.intersection(*(set(p.open_zones) for p in found.plans))
    some = set.union(*(set(p.open_zones) for p in found.plans)) - shared
    if others:
        if shared:
            yield f"Zones in every plan: {_listed(names, shared)}."
        else:
            yield "No zone is in every plan."
        yield f"Zones in some of them only: {_listed(names, some)}."


def _ending(found: Found, within: float, zones: int) -> str:
    unlike_all = f"differs from all of these in at least {zones} {'zones' if zones > 1 else 'zone'}"
    if found.end == "count":
        return "There may be more: the search ended with the number asked for (--count)."
    if found.end == "none":
        assert found.last is not None, "the search ended with a solve"
        if found.last.status is Status.INFEASIBLE:
            return f"No further plan exists at any cost that {unlike_all}: proven."
        return (
            f"No further plan within {percent(within)} exists that {unlike_all}: proven, any such "
            f"plan costs at least {found.last.low:,.1f} million CNY a year."
        )
    assert found.last is not None, "the search ended with a solve"
    low = found.last.low
    known = f"it costs at least {low:,.1f}" if math.isfinite(low) else "nothing is proven of it"
    return (
        f"Whether a further plan within {percent(within)} exists is not decided: {known}, the "
        f"limit is {found.limit:,.1f} million CNY a year."
    )


def _cautions(session: Session, found: Found) -> Iterator[str]:
    same = [k for k in range(1, len(found.plans)) if not _is_dearer(found, k)]
    if same:
        listed = ", ".join(_label(k) for k in same)
        yield (
            f"The gaps do not tell whether these are dearer than the best at all: {listed}. "
            "Nor do they tell the order in which they stand; a smaller --gap decides more."
        )
    slow = [_label(k) for k, s in enumerate(found.statuses) if s is not Status.OPTIMAL]
    if slow:
        yield f"Not solved to the gap of {percent(session.gap)} in time: {', '.join(slow)}."
    if len(found.plans) > 1:
        yield (
            "Plans are told apart by their open zones alone: two plans with the same zones but "
            "other industries, volumes or ports count as one."
        )


def _listed(names: Names, zones: set[str]) -> str:
    return ", ".join(names.en("place", z) for z in sorted(zones))
