"""The chapter of `stochastic`: the siting, its cost in every scenario, what waiting is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from optimizer.engine.risk import Risk, risk_of
from optimizer.plan.plan import Status
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.report.names import Names
from optimizer.studies.bunches import SIZE
from optimizer.studies.scenarios import Scenario, budget_scenarios
from optimizer.studies.session import Session, StudyStopped
from optimizer.studies.stages import Decision, decision_name, siting_of, to_json
from optimizer.studies.stochastic import NAMES, Choice, TwoStage, Worth, worth

MCNY = "million CNY a year"
NOTHING = 1e-6  # of the cost: less is rounding
ROBUST, LATER = 0.9, 0.5  # share of probability
MEASURES = (
    Column("measure", "What the siting is best for"),
    Column("value_mcny", "Value, million CNY a year", "mcny"),
    Column("bound_mcny", "Proven bound", "mcny"),
    Column("gap_share", "Gap", "share"),
    Column("decided", "Gap reached"),
    Column("expected_mcny", "Expected cost of the siting", "mcny"),
    Column("cvar_mcny", "Its CVaR", "mcny"),
    Column("regret_mcny", "Its largest regret", "mcny"),
    Column("worst_mcny", "Its worst scenario", "mcny"),
    Column("zones_count", "Zones", "count"),
    Column("method", "Method"),
    Column("stopped", "Why it stopped"),
)
VALUES = (
    Column("quantity", "Quantity"),
    Column("value_mcny", "Value, million CNY a year", "mcny"),
    Column("low_mcny", "at least", "mcny"),
    Column("high_mcny", "at most", "mcny"),
    Column("decided", "Above 0 for sure"),
    Column("gap_share", "Gap of the solves behind it", "share"),
)
SCENARIOS = (
    Column("scenario", "Scenario"),
    Column("probability_share", "Probability", "share"),
    Column("about", "Sums against the tables"),
    Column("status", "Status"),
    Column("cost_mcny", "Cost with the siting", "mcny"),
    Column("known_mcny", "If it were known", "mcny"),
    Column("regret_mcny", "Regret", "mcny"),
    Column("regret_high_mcny", "at most", "mcny"),
    Column("absorbed_mcny", "Absorbed, million CNY a year", "mcny"),
    Column("zones_known_count", "Zones if known", "count"),
    Column("gap_share", "Gap", "share"),
)
SITING = (
    Column("kind", "Decision"),
    Column("name", "Name"),
    Column("id", "Id"),
    Column("count", "Decided now", "count"),
    Column("mean_count", "In the mean scenario's plan", "count"),
    Column("known_share", "Built if the scenario were known (probability)", "share"),
)


def stochastic(
    session: Session,
    scenarios: Sequence[Scenario],
    *,
    total_gap: float = 2e-3,
    method: str = "auto",
    alpha: float = 0.9,
    cvar_weight: float | None = None,
    regret: bool = False,
    robust: int | None = None,
    size: int = SIZE,
    drawn: str = "",
) -> Chapter:
    """Return the chapter of a siting that is decided before it is known which scenario comes.

    Parameters
    ----------
    scenarios
        With probabilities that add up to 1 (`optimizer.studies.scenarios`).
    total_gap
        Gap of the expected cost (and of the other measures) at which no better siting is sought.
    method
        ``extensive`` (one model), ``bunches``, ``decomposition`` (cuts where scenarios are small,
        else bunches), or ``auto``: one model where it is small, else bunches.
    alpha, cvar_weight
        CVaR is the mean of the costliest ``1 - alpha`` of probability. With a weight, the siting
        that is best for (1 - weight) mean + weight CVaR is sought too.
    regret
        Seek the siting of least largest regret too.
    robust
        Seek the siting whose worst cost is least when at most so many groups of numbers are at
        their documented worst (`budget_scenarios`).
    size
        Most scenarios of a bunch, to begin with.
    drawn
        How the scenarios came about, for the page.
    """
    two = TwoStage(session, scenarios, total_gap, method, size)
    left_out: list[str] = []  # what a stop left undone
    try:
        choice = two.choose(Risk())
    except StudyStopped:
        choice = two.so_far(Risk())
    try:
        choice, value = worth(two, choice)
    except StudyStopped:
        two.stopped = True
        choice, value = worth(two, choice)
    choices = [choice]
    more = [Risk("cvar", alpha, cvar_weight)] if cvar_weight is not None else []
    more += [Risk("regret")] if regret else []
    for risk in more:
        try:
            choices.append(two.choose(risk))
        except StudyStopped:
            left_out.append(NAMES[risk.kind])
    rows = [_measure_row(two, c, alpha) for c in choices]
    if robust is not None:
        cases = budget_scenarios(session.instance, robust)
        worst = TwoStage(session, cases, total_gap, method, size)
        try:
            rows.append(_robust_row(worst, worst.choose(Risk("worst")), robust))
        except StudyStopped:
            left_out.append(NAMES["worst"])
    two.stopped = two.stopped or session.cancel.is_set()
    cautions = _cautions(two, choice, value)
    if left_out:
        cautions = (f"Stopped before these were looked for: {', '.join(left_out)}.", *cautions)
    tables = (
        Table("measures", "Sitings, and what they are best for", MEASURES, rows_of(MEASURES, rows)),
        Table("worth", "What the future is worth", VALUES, rows_of(VALUES, _worth_rows(two, value)),
              note="Expected costs, and their differences with what the gaps leave open."),
        Table("scenarios", "Scenarios with the siting of least expected cost", SCENARIOS,
              rows_of(SCENARIOS, _scenario_rows(two, choice))),
        Table("siting", "What is decided now", SITING,
              rows_of(SITING, _siting_rows(two, choice)), most=80),
    )  # fmt: skip
    return Chapter(
        "stochastic",
        "Siting under uncertainty",
        "不确定条件下的选址",
        asked=(
            f"{len(scenarios)} scenarios of {session.instance.name}"
            + (f": {drawn}" if drawn else ""),
            "decided now: zones, hosts, modules, projects; decided in each scenario: moves, "
            "rivals, stays, routes, services, what is bought",
        ),
        findings=_findings(two, choice, value, alpha),
        tables=tables,
        charts=(
            Chart("cost", f"Cost of the siting in each scenario, {MCNY}", "bars", "scenarios",
                  x="scenario", y="cost_mcny", most=60),
            Chart("regret", f"Regret: what knowing the scenario would have saved, {MCNY}", "bars",
                  "scenarios", x="scenario", y="regret_mcny", most=60),
        ),
        cautions=cautions,
        assumed=(
            ("probabilities of the scenarios", drawn or "given in the file"),
            ("blocks.*.volume_mcny_per_year", "volumes, where a scenario changes them"),
        ),
        facts=session.facts(),
    )  # fmt: skip


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _measure_row(two: TwoStage, choice: Choice, alpha: float) -> tuple[object, ...]:
    p, high = two.probability, [s.high for s in choice.solved]
    regret = two.risk_for(Risk("regret"), bound=False)
    name = NAMES[choice.risk.kind]
    if choice.risk.kind == "cvar":
        name += f" (alpha {choice.risk.alpha:g}, weight {choice.risk.weight:g})"
    return (
        name, choice.measure.value, choice.measure.low, choice.measure.gap,
        _yes(choice.measure.gap <= two.total_gap),
        risk_of(high, p, Risk()), risk_of(high, p, Risk("cvar", alpha)),
        risk_of(high, p, regret), max(high),
        sum(d[0] == "zone" for d in choice.siting), choice.method, choice.stopped,
    )  # fmt: skip


def _robust_row(two: TwoStage, choice: Choice, gamma: int) -> tuple[object, ...]:
    high = [s.high for s in choice.solved]
    return (
        f"{NAMES['worst']}: at most {gamma} groups at their worst ({len(two.scenarios)} cases)",
        choice.measure.value, choice.measure.low, choice.measure.gap,
        _yes(choice.measure.gap <= two.total_gap), math.nan, math.nan, math.nan, max(high),
        sum(d[0] == "zone" for d in choice.siting), choice.method, choice.stopped,
    )  # fmt: skip


def _worth_rows(two: TwoStage, value: Worth) -> list[tuple[object, ...]]:
    gap = two.session.worst_gap
    named = (
        ("expected cost of the siting (RP)", value.recourse),
        ("expected cost if every scenario were known (WS)", value.wait_and_see),
        ("expected cost of the mean scenario's siting (EEV)", value.mean_siting),
        ("value of the stochastic solution (VSS = EEV - RP)", value.value_of_solution),
        ("value of perfect information (EVPI = RP - WS)", value.perfect_information),
    )
    return [
        (name, v.value, v.low, v.high, _yes(v.low > 0), max(gap, value.recourse.gap))
        for name, v in named
    ]


def _scenario_rows(two: TwoStage, choice: Choice) -> list[tuple[object, ...]]:
    every, (low, high) = two.alone, two.known()
    rows: list[tuple[object, ...]] = []
    for k, (scenario, solved) in enumerate(zip(two.scenarios, choice.solved, strict=True)):
        alone = every[k]
        rows.append((
            scenario.name, scenario.probability, scenario.about, str(solved.status),
            solved.high if solved.plan else math.inf,
            high[k] if alone else math.nan,  # else no more is known than the plan with the siting
            max(0.0, solved.high - high[k]) if alone else math.nan,
            max(0.0, solved.high - low[k]),
            solved.plan.absorbed_mcny if solved.plan else math.nan,
            len(alone.open_zones) if alone and alone.plan else math.nan,
            max(solved.gap, alone.gap if alone else 0.0) if solved.plan else math.nan,
        ))  # fmt: skip
    return rows


def _siting_rows(two: TwoStage, choice: Choice) -> list[tuple[object, ...]]:
    instance = two.session.instance
    mean = siting_of(instance, two.mean.plan) if two.mean and two.mean.plan else None
    known = known_shares(two)
    order = {"zone": 0, "project": 1, "module": 2, "host": 3}
    names = Names(instance)
    every = sorted(set(choice.siting) | set(mean or {}) | set(known),
                   key=lambda d: (order[d[0]], -known.get(d, 0.0), d))  # fmt: skip
    return [
        (
            d[0], decision_name(names, d), d[1], choice.siting.get(d, 0.0),
            math.nan if mean is None else mean.get(d, 0.0),
            known.get(d, 0.0) if any(two.alone) else math.nan,
        )
        for d in every
    ]  # fmt: skip


def known_shares(two: TwoStage) -> dict[Decision, float]:
    """Return in what share of probability each decision is taken if the scenario is known.

    Of the scenarios that were solved alone.
    """
    shares: dict[Decision, float] = {}
    pairs = [(s.probability, a.plan) for s, a in zip(two.scenarios, two.alone, strict=True)
             if a is not None and a.plan is not None]  # fmt: skip
    total = math.fsum(p for p, _ in pairs)
    for p, plan in pairs:
        for decision in siting_of(two.session.instance, plan):
            shares[decision] = shares.get(decision, 0.0) + p / total
    return {d: min(1.0, share) for d, share in shares.items()}


def _standing(two: TwoStage, choice: Choice) -> list[str]:
    """Say which zones of the siting nearly every scenario wants, and which it only hedges with."""
    known, names = known_shares(two), Names(two.session.instance)
    if not known:
        return []

    def listed(decisions: Iterable[Decision]) -> str:
        order = sorted(decisions, key=lambda d: (-known.get(d, 0.0), d))
        return ", ".join(f"{decision_name(names, d)} ({known.get(d, 0.0):.0%})" for d in order)

    now = {d for d in choice.siting if d[0] == "zone"}
    sure = {d for d in now if known.get(d, 0.0) >= ROBUST}
    later = {d for d, share in known.items() if d[0] == "zone" and share >= LATER} - now
    words = []
    if sure:
        words.append(
            f"Robust: with every scenario known beforehand, these zones would open in at least "
            f"{ROBUST:.0%} of them all the same: {listed(sure)}."
        )
    if now - sure:
        words.append(
            "Chosen because they serve all scenarios together, though not each would open them "
            f"(share that would): {listed(now - sure)}."
        )
    if later:
        words.append(
            f"Not opened now, but in at least {LATER:.0%} of the scenarios if they were known: "
            f"{listed(later)}. Plans within the gap of a solve can differ in such zones."
        )
    return words


def _findings(two: TwoStage, choice: Choice, value: Worth, alpha: float) -> tuple[str, ...]:
    names = Names(two.session.instance)
    zones = [decision_name(names, d) for d in choice.siting if d[0] == "zone"]
    m = choice.measure
    if not math.isfinite(m.value):
        return (
            f"No siting with a plan in all {len(two.scenarios)} scenarios was found; the expected "
            f"cost is at least {m.low:,.1f} {MCNY} ({choice.stopped}).",
        )
    spread = [s.high for s in choice.solved]
    words = [
        f"Open now: {', '.join(sorted(zones)) or 'no zone'}. Decided now, these {len(zones)} zones "
        f"cost {m.value:,.1f} {MCNY} in the mean over {len(two.scenarios)} scenarios; no siting "
        f"can cost less than {m.low:,.1f} (gap {m.gap:.2%}).{_besides(names, choice)}",
        f"The scenarios cost between {min(spread):,.1f} and {max(spread):,.1f}; the costliest "
        f"{1 - alpha:.0%} cost {risk_of(spread, two.probability, Risk('cvar', alpha)):,.1f} in the "
        "mean (CVaR).",
    ]
    words += _standing(two, choice)
    v = value.value_of_solution
    if math.isinf(v.low):
        mean = two.mean
        planned = siting_of(two.session.instance, mean.plan) if mean and mean.plan else {}
        failing, tried = two.fails(planned), len(two.tried[to_json(planned)])
        words.append(
            f"The plan for the mean scenario cannot be kept: {len(failing)} of the {tried} "
            f"scenarios that it was tried in ({', '.join(s.name for s in failing[:5])}"
            f"{', ...' if len(failing) > 5 else ''}) have no plan with it, because something it "
            "hosts or builds misses its least scale or its supplies there. Planning for the mean "
            "alone is not possible; the value of the stochastic solution has no limit."
        )
    elif v.high <= NOTHING * abs(m.value):
        words.append("Planning for the mean scenario alone gives a siting that is as good (VSS 0).")
    elif math.isfinite(v.value):
        words.append(
            f"Planning for the scenarios instead of their mean saves {v.value:,.1f} {MCNY}"
            f" (VSS; proven: between {v.low:,.1f} and {v.high:,.1f})."
        )
    e = value.perfect_information
    found = "" if math.isnan(e.value) else f"found {e.value:,.1f}, "
    words.append(
        f"Knowing beforehand which scenario comes would save at most {e.high:,.1f} {MCNY} "
        f"({e.high / m.value:.2%} of the cost; {found}at least {e.low:,.1f}): "
        "more is not worth paying for forecasts or for waiting."
    )
    return tuple(words)


def _besides(names: Names, choice: Choice) -> str:
    """Say what is built besides zones."""
    built = sorted(decision_name(names, d) for d in choice.siting if d[0] == "project")
    built += [
        f"{count:g} x {decision_name(names, d)}"
        for d, count in sorted(choice.siting.items())
        if d[0] == "module"
    ]
    return f" Built with them: {'; '.join(built)}." if built else ""


def _cautions(two: TwoStage, choice: Choice, value: Worth) -> tuple[str, ...]:
    words = []
    if two.stopped:
        alone = sum(a is not None for a in two.alone)
        words.append(
            f"The study was stopped: {alone} of {len(two.scenarios)} scenarios were solved alone. "
            "What is shown is proven all the same; the same command with the same --out goes on."
        )
    if not choice.measure.gap <= two.total_gap:
        words.append(
            f"The siting is not proven best: a gap of {choice.measure.gap:.2%} is left, "
            f"{two.total_gap:.2%} was asked for ({choice.stopped})."
        )
    for name, interval in (
        ("value of the stochastic solution", value.value_of_solution),
        ("value of perfect information", value.perfect_information),
    ):
        if not interval.low > 0 and interval.high > NOTHING * abs(choice.measure.value):
            words.append(
                f"Whether the {name} is above 0 is not decided: the gaps leave "
                f"{interval.low:,.1f} to {interval.high:,.1f}. A smaller --gap decides it."
            )
    weak = [s.name for s, a in zip(two.scenarios, two.alone, strict=True)
            if a is not None and a.status is not Status.OPTIMAL]  # fmt: skip
    if weak:
        words.append(f"Not solved to the gap alone: {', '.join(weak[:10])}.")
    words.append(
        "Services, whole blocks and curves are decided by whole numbers in each scenario: values "
        "come from integer solves, bounds from each scenario's own solve and from linear "
        "relaxations."
    )
    return tuple(words)
