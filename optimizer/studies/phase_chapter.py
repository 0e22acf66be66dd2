"""The chapter of `phase`: plans of the periods, the order of building, what each step brings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optimizer.engine.joint import Steps
from optimizer.plan.plan import Status
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.studies.case import Solved, difference
from optimizer.studies.phase import Period, Staged, capital_of, staged
from optimizer.studies.session import Session
from optimizer.studies.stages import BUILT, Decision, Siting, decision_name, keep_siting

MCNY = "million CNY a year"

PERIODS = (
    Column("period", "Period", "count"),
    Column("years", "Years", "text"),
    Column("volume_mcny", "Volume that can move, million CNY a year", "mcny"),
    Column("absorbed_mcny", "Absorbed, million CNY a year", "mcny"),
    Column("zones_count", "Zones that stand", "count"),
    Column("new_zones", "New zones"),
    Column("new_projects", "New projects"),
    Column("new_modules_count", "New modules", "count"),
    Column("capital_mcny", "New capital, million CNY", "mcny"),
    Column("cost_mcny", "Cost, million CNY a year", "mcny"),
    Column("alone_mcny", "Bound of the period alone", "mcny"),
    Column("brings_mcny", "The step saves, million CNY a year", "mcny"),
    Column("brings_low_mcny", "at least", "mcny"),
    Column("brings_high_mcny", "at most", "mcny"),
    Column("decided", "Saving decided"),
    Column("status", "Status"),
    Column("gap_share", "Gap", "share"),
)
ORDER = (
    Column("period", "Period", "count"),
    Column("kind", "What"),
    Column("name", "Name"),
    Column("id", "Id"),
    Column("count", "Added", "count"),
    Column("stands", "Stands then", "count"),
    Column("capital_mcny", "Capital, million CNY", "mcny"),
    Column("brings_mcny", "Saves that period, million CNY a year", "mcny"),
    Column("brings_low_mcny", "at least", "mcny"),
    Column("brings_high_mcny", "at most", "mcny"),
    Column("decided", "Sign decided"),
    Column("gap_share", "Gap", "share"),
)
TOTAL = (
    Column("quantity", "Quantity"),
    Column("value_mcny", "Million CNY", "mcny"),
    Column("gap_share", "Gap", "share"),
)


def phase(
    session: Session,
    periods: Sequence[Period],
    *,
    limits: Steps | None = None,
    total_gap: float = 2e-3,
    time_limit_s: float = 300.0,
    path: str = "",
    items: bool = True,
) -> Chapter:
    """Return the chapter of a plan over periods.

    Parameters
    ----------
    periods
        `optimizer.studies.phase.path_periods` or `read_periods`.
    limits
        Most new zones and new capital per period, what stands today.
    total_gap
        Gap of the present value that is asked for.
    time_limit_s
        Of the model of all periods.
    path
        How volumes rise, for the page.
    items
        Say of each new zone and project what it saves (a solve each).
    """
    plan = staged(session, periods, limits=limits, total_gap=total_gap, time_limit_s=time_limit_s)
    before = [plan.limits.today, *plan.sitings[:-1]]
    without = _without_steps(session, plan, before)
    order = _order_rows(session, plan, before, items)
    rows = [_period_row(session, plan, t, before[t], without[t]) for t in range(len(periods))]
    years = math.fsum(p.years for p in periods)
    total_rows = [
        ("present value of the cost of all periods", plan.value_mcny, plan.gap),
        ("proven bound on it", plan.bound_mcny, plan.gap),
        ("capital of all that is built", capital_of(session.instance, plan.sitings[-1]), math.nan),
    ]
    return Chapter(
        "phase",
        "Building in phases",
        "分期承接",
        asked=(
            f"{_count(len(periods), 'period')}, {years:g} years"
            + (f"; volumes rise along {path}" if path else ""),
            *_limit_words(plan.limits),
        ),
        findings=_findings(plan, rows, order),
        tables=(
            Table("total", "All periods together", TOTAL, rows_of(TOTAL, total_rows)),
            Table("periods", "Period by period", PERIODS, rows_of(PERIODS, rows),
                  note="What a step saves: the cost of the period without what is added in it, "
                  "less its cost with it."),
            Table("order", "What is built when", ORDER, rows_of(ORDER, order), most=120,
                  note="A zone is taken away with its modules, all else is kept. No limit: without "
                  "it the rest has no plan that period."),
        ),
        charts=(
            Chart("absorbed", f"Absorbed output, {MCNY}", "steps", "periods", x="period",
                  y="absorbed_mcny", x_title="Period", y_title=MCNY),
            Chart("capital", "New capital per period, million CNY", "bars", "periods",
                  x="years", y="capital_mcny"),
        ),
        cautions=_cautions(plan, rows, total_gap),
        assumed=(
            ("blocks.*.volume_mcny_per_year", "the volumes that can move in the last period"),
            ("settings.discount_rate",
             f"{session.instance.settings.discount_rate:g} a year; weighs early against late "
             "periods"),
        ),
        facts=session.facts(),
    )  # fmt: skip


def _without_steps(session: Session, plan: Staged, before: Sequence[Siting]) -> list[Solved | None]:
    """Return each period solved with what stood before it; None where nothing is added."""
    cases, places = [], []
    for t, period in enumerate(plan.periods):
        if added(before[t], plan.sitings[t]):
            question = keep_siting(session.instance, session.question, before[t], BUILT)
            overrides = period.overrides(session.instance)
            cases.append(
                session.case(
                    f"without step {period.number}",
                    question,
                    overrides=overrides,
                    keep=bool(overrides),
                    tags=(("period", period.number), ("stage", "without step")),
                )
            )
            places.append(t)
    found: list[Solved | None] = [None] * len(plan.periods)
    for t, solved in zip(places, session.solve(cases), strict=True):
        found[t] = solved
    return found


def added(before: Siting, now: Siting) -> dict[Decision, float]:
    """Return what is added from one siting to the next."""
    return {d: n - before.get(d, 0.0) for d, n in now.items() if n > before.get(d, 0.0)}


def _saves(without: Solved | None, with_it: Solved) -> tuple[float, float, float, str, float]:
    """Value, range, whether the sign is decided, and the gap of a saving."""
    if without is None:
        return 0.0, 0.0, 0.0, "yes", with_it.gap
    value, low, high = difference(without, with_it)
    gap = max(without.gap, with_it.gap) if without.plan is not None else with_it.gap
    return value, low, high, "yes" if low > 0 or high < 0 else "no", gap


def _period_row(
    session: Session, plan: Staged, t: int, before: Siting, without: Solved | None
) -> tuple[object, ...]:
    period, solved, siting = plan.periods[t], plan.solved[t], plan.sitings[t]
    new, names = added(before, siting), Names(session.instance)
    blocks = session.instance.tables["blocks"]
    volume = math.fsum(
        v * period.factors[i]
        for v, i in zip(blocks["volume_mcny_per_year"], blocks["industry_id"], strict=True)
    )
    value, low, high, decided, gap = _saves(without, solved)
    first = sum(p.years for p in plan.periods[:t])
    return (
        period.number,
        f"{first:g} to {first + period.years:g}",
        volume,
        solved.plan.absorbed_mcny if solved.plan else math.nan,
        len(solved.open_zones),
        ", ".join(sorted(decision_name(names, d) for d in new if d[0] == "zone")),
        ", ".join(sorted(decision_name(names, d) for d in new if d[0] == "project")),
        sum(n for d, n in new.items() if d[0] == "module"),
        capital_of(session.instance, new),
        solved.cost_mcny,
        plan.alone[t].low,
        value,
        low,
        high,
        decided,
        str(solved.status),
        gap,
    )


def _order_rows(
    session: Session, plan: Staged, before: Sequence[Siting], items: bool
) -> list[tuple[object, ...]]:
    instance, names = session.instance, Names(session.instance)
    home = dict(
        zip(instance.tables["modules"]["module_id"], instance.tables["modules"]["zone_id"],
            strict=True)
    )  # fmt: skip
    news = [added(before[t], plan.sitings[t]) for t in range(len(plan.periods))]
    cases, asked = [], []
    for t, new in enumerate(news):
        for decision in new if items else ():
            if decision[0] == "module":
                continue
            rest = {
                d: n
                for d, n in plan.sitings[t].items()
                if d != decision
                and not (d[0] == "module" and decision == ("zone", home.get(d[1], "")))
            }
            overrides = plan.periods[t].overrides(instance)
            cases.append(
                session.case(
                    f"period {t + 1} without {decision[0]} {decision[1]}",
                    keep_siting(instance, session.question, rest, BUILT),
                    overrides=overrides,
                    keep=bool(overrides),
                    tags=(("period", t + 1), ("stage", "without one")),
                )
            )
            asked.append((t, decision))
    saved = dict(zip(asked, session.solve(cases), strict=True))
    rows: list[tuple[object, ...]] = []
    rank = {"zone": 0, "project": 1, "module": 2}
    for t, new in enumerate(news):
        for decision in sorted(new, key=lambda d: (rank[d[0]], d)):
            value = low = high = gap = math.nan
            decided = ""
            if (t, decision) in saved:
                value, low, high, decided, gap = _saves(saved[t, decision], plan.solved[t])
            rows.append((
                t + 1, decision[0], decision_name(names, decision), decision[1], new[decision],
                plan.sitings[t][decision],
                capital_of(instance, {decision: new[decision]}), value, low, high, decided, gap,
            ))  # fmt: skip
    return rows


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _limit_words(limits: Steps) -> tuple[str, ...]:
    words = []
    if limits.new_zones is not None:
        words.append(f"at most {limits.new_zones} new zones a period")
    if limits.new_capital_mcny is not None:
        words.append(f"at most {limits.new_capital_mcny:,.0f} million CNY of new capital a period")
    return tuple(words)


def _findings(
    plan: Staged, rows: Sequence[tuple[object, ...]], order: Sequence[tuple[object, ...]]
) -> tuple[str, ...]:
    words = [
        f"Over {_count(len(plan.periods), 'period')} the present value of the cost is "
        f"{plan.value_mcny:,.1f} million CNY; no building order can cost less than "
        f"{plan.bound_mcny:,.1f} (gap {plan.gap:.2%})."
    ]
    for row in rows:
        new = [str(w) for w in (row[5], row[6]) if w]
        modules = int(float(str(row[7])))
        if modules:
            new.append(f"{modules} modules")
        step = (
            f"adds {'; '.join(new)} for {float(str(row[8])):,.0f} million CNY and {_saved(row)}"
            if new
            else "adds nothing"
        )
        words.append(
            f"Period {row[0]} (years {row[1]}): {float(str(row[3])):,.0f} of "
            f"{float(str(row[2])):,.0f} {MCNY} absorbed in {_count(int(str(row[4])), 'zone')}; "
            f"it {step}."
        )
    return tuple(words)


def _saved(row: tuple[object, ...]) -> str:
    value, low, high = (float(str(row[k])) for k in (11, 12, 13))
    if math.isinf(low):
        return "the period has no plan without it"
    if low > 0:
        return f"saves {value:,.1f} {MCNY} against not adding it ({low:,.1f} to {high:,.1f})"
    return (
        f"changes the period's cost by {-value:+,.1f} {MCNY} against not adding it (undecided: "
        f"{-high:+,.1f} to {-low:+,.1f})"
    )


def _cautions(
    plan: Staged, rows: Sequence[tuple[object, ...]], total_gap: float
) -> tuple[str, ...]:
    words = []
    if not plan.gap <= total_gap:
        said = f" ({plan.joint.said})" if plan.joint is not None else ""
        words.append(
            f"The order is not proven best: a gap of {plan.gap:.2%} is left, {total_gap:.2%} was "
            f"asked for{said}."
        )
    open_ones = [str(row[0]) for row in rows if row[14] == "no"]
    if open_ones:
        words.append(
            f"Whether the step of period {', '.join(open_ones)} saves anything in its own period "
            "is not decided by the gaps."
        )
    weak = [str(p.number) for p, s in zip(plan.periods, plan.solved, strict=True)
            if s.status is not Status.OPTIMAL]  # fmt: skip
    if weak:
        words.append(f"Period {', '.join(weak)} is not solved to the gap.")
    words.append(
        "Volumes of a period are what can move by then; what cannot move yet is not counted. "
        "Plans of other orders within the gap exist."
    )
    return tuple(words)
