"""`disrupt`: what fails, one by one, in pairs and by name, and what it costs.

Every element that fails is asked about twice: with the siting of the base plan kept (goods find
other ways, volumes change, nothing is built) and with the siting free. Four laws make the ranges
narrow and save solves (docs/studies.md):

- closing never helps, so that the base bounds every case from below;
- the plan found with the siting kept is also a plan with the siting free, and every plan of a
  closed network is a plan of the open one;
- where the plan with the siting free has the base's siting, it is the plan with the siting kept;
- a plan that does not use what is closed stays as it is, at the same cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from optimizer.plan.plan import Plan, Status
from optimizer.problem import Problem, build_problem
from optimizer.question import check_question
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies.case import Case, Solved
from optimizer.studies.elements import Element, Usage, element_of, elements_of, events_of
from optimizer.studies.keep import keep_siting, solve_command
from optimizer.studies.ranks import proven_ranks
from optimizer.studies.session import Inquiry, Session
from optimizer.studies.worker import Context

DEFAULT_KINDS = ("ports", "crossings", "corridors")
STRANDED = "optimizer.studies.disrupt:stranded"


@dataclass(frozen=True)
class Failure:
    """How the cases of one element ended. ``free`` is None where the base plan stays as it is.

    ``idle`` is solved only where the siting cannot be kept: industries may stop, targets are
    dropped. ``stranded_mcny`` is output that no host can supply or deliver, where it is known.
    """

    element: Element
    free: Solved | None = None
    kept: Solved | None = None
    idle: Solved | None = None
    stranded_mcny: float = 0.0
    same_as: str = ""  # the plan that does not use it: "base", or the element of a pair


@dataclass(frozen=True)
class Measured:
    """Numbers of one failure, million CNY a year: (value, proven least, proven most)."""

    failure: Failure
    free: tuple[float, float, float]
    kept: tuple[float, float, float]
    lost_free: float
    lost_kept: float
    zones_in: tuple[str, ...]
    zones_out: tuple[str, ...]
    gap: float
    status: str


def disrupt(
    session: Session,
    *,
    over: Sequence[str] = DEFAULT_KINDS,
    elements: Sequence[str] = (),
    pairs: Sequence[str] = (),
    events: Sequence[str] | None = None,
    called: str = "",
) -> Chapter:
    """Return the chapter of failures: N-1 over kinds or ids, pairs, and named events.

    Parameters
    ----------
    over
        Kinds of elements that fail in turn (`optimizer.studies.elements.KINDS`).
    elements
        Ids of further elements; with ``over=()`` only these.
    pairs
        ``A+B``, or ``worst:K`` for all pairs of the K elements that cost most.
    events
        Ids of events of the instance; None: all, (): none.
    called
        What the instance is called on the command line, for the commands of the rows.
    """
    study = _Study(session, called or session.instance.instance_id)
    single = elements_of(session.instance, over)
    known = {e.element_id for e in single}
    single += [study.element(w) for w in dict.fromkeys(elements) if w not in known]
    named = events_of(session.instance, events)
    study.check([*single, *named])
    chosen, worst = _pairs_asked(study, pairs)
    base = session.base()
    if base.plan is None:
        return _no_base(session, base)
    study.begin(base)
    failures = study.fail([*single, *named])
    if worst:
        ranked = sorted(
            (f for f in failures if f.element.kind != "event" and f.free is not None),
            key=lambda f: -_cost(f),
        )
        chosen += list(combinations([f.element for f in ranked[:worst]], 2))
    both = study.fail_pairs(chosen, {f.element.element_id: f for f in failures})
    return study.chapter(failures, both)


class _Study:
    """The session, the base plan and what it uses."""

    def __init__(self, session: Session, called: str) -> None:
        from networks.network import build_network

        self.session, self.called = session, called
        self.network = build_network(session.instance)

    def element(self, word: str) -> Element:
        return element_of(self.session.instance, self.network, word)

    def check(self, elements: Iterable[Element]) -> None:
        """Raise with the faults of events before anything is solved."""
        for element in elements:
            if element.kind == "event":
                for word in element.closed:
                    self.element(word)
                instance = self.session.instance
                if element.overrides:
                    instance = instance.override(*element.overrides)
                check_question(instance, self.session.question)

    def begin(self, base: Solved) -> None:
        assert base.plan is not None, "the caller looked"
        self.base, self.plan = base, base.plan
        self.usage = Usage(self.network, base.plan)

    def fail(self, elements: Sequence[Element]) -> list[Failure]:
        return self.session.run([self._one(e) for e in elements])

    def _one(self, element: Element) -> Inquiry[Failure]:
        if element.restricts and not self.usage.touches(element.closed):
            return Failure(element, same_as="base")
        (free,) = yield [self.case(element)]
        idle, stranded = None, 0.0
        if free.status is Status.INFEASIBLE or self.keeps_siting(free.plan):
            kept = free  # no plan at all; or one that is a plan with the siting kept as well
        else:
            (kept,) = yield [self.case(element, self.plan)]
        if free is not kept and kept.status is Status.INFEASIBLE:
            (idle,) = yield [self.case(element, self.plan, hosts_may_stop=True)]
        if free.status is Status.INFEASIBLE:
            (answer,) = yield [replace(self.case(element), task=STRANDED)]
            stranded = answer.objective
        return Failure(element, free, kept, idle, stranded)

    def keeps_siting(self, plan: Plan | None) -> bool:
        """True if a plan has the zones, hosts, modules and projects of the base plan."""
        return plan is not None and all(
            set(getattr(plan, name)) == set(getattr(self.plan, name))
            for name in ("open_zones", "hosts", "modules", "projects")
        )

    def case(
        self, element: Element, plan: Plan | None = None, *, hosts_may_stop: bool = False
    ) -> Case:
        """The case of an element; with a plan its siting is kept."""
        asked, name = self.session.question, f"{element.element_id} fails"
        if plan is not None:
            asked = keep_siting(self.session.instance, asked, plan, hosts_may_stop=hosts_may_stop)
            name += ", industries may stop" if hosts_may_stop else ", siting kept"
        asked = replace(asked, closed=tuple(dict.fromkeys(asked.closed + element.closed)))
        return self.session.case(name, asked, overrides=element.overrides)

    def fail_pairs(
        self, chosen: Sequence[tuple[Element, Element]], known: dict[str, Failure]
    ) -> list[Failure]:
        """Both at once; where the plan of one does not use the other, it is the plan of both."""
        missing = {e.element_id: e for pair in chosen for e in pair if e.element_id not in known}
        known = known | {f.element.element_id: f for f in self.fail(list(missing.values()))}
        self.alone = known
        return self.session.run([self._pair(a, b, known) for a, b in chosen])

    def _pair(self, a: Element, b: Element, known: dict[str, Failure]) -> Inquiry[Failure]:
        joined = a.joined(b)
        if joined.restricts:
            if not self.usage.touches(joined.closed):
                return Failure(joined, same_as="base")
            for one, other in ((a, b), (b, a)):
                failure = known[one.element_id]
                plans = [s.plan for s in (failure.free, failure.kept) if s is not None]
                if failure.free is None or len(plans) < 2 or None in plans:
                    continue
                if not any(p and Usage(self.network, p).touches(other.closed) for p in plans):
                    return replace(failure, element=joined, same_as=one.element_id)
        return (yield from self._one(joined))

    # -- numbers -----------------------------------------------------------------------------

    def measure(self, failures: Sequence[Failure]) -> list[Measured]:
        """Ranges of all failures, each narrowed by what the others prove."""
        restricting = [f for f in failures if f.element.restricts]
        highs = [s.high for f in restricting for s in (f.free, f.kept) if s is not None]
        self.base_high = min([self.base.high, *highs])
        return [self._measured(f) for f in failures]

    def _measured(self, f: Failure) -> Measured:
        base = self.base
        if f.free is None:  # the base plan stays: its cost is an upper bound, the base's a lower
            room = base.high - base.low
            zero = (0.0, 0.0, room)
            return Measured(f, zero, zero, 0.0, 0.0, (), (), base.gap, "not used: unchanged")
        assert f.kept is not None, "both are solved together"
        floor = base.low if f.element.restricts else -math.inf
        for name in (a for a in f.element.element_id.split("+") if f.element.kind == "pair"):
            one = self.alone[name].free
            if one is not None and f.element.restricts:
                floor = max(floor, one.low)
        free_low = max(f.free.low, floor)
        kept_low = max(f.kept.low, free_low)
        high = min(f.free.high, f.kept.high)
        better = f.kept if f.kept.high < f.free.high else f.free
        reference = self.base_high if f.element.restricts else base.high
        free = (_known(better) - reference, free_low - reference, high - base.low)
        kept = (_known(f.kept) - reference, kept_low - reference, f.kept.high - base.low)
        lost = [self._lost(better), self._lost(f.kept)]
        if f.kept.status is Status.INFEASIBLE and f.idle is not None:
            lost[1] = self._lost(f.idle)
        if f.free.status is Status.INFEASIBLE:
            lost = [max(f.stranded_mcny, v) if not math.isnan(v) else f.stranded_mcny for v in lost]
        mine, before = set(better.open_zones), set(self.plan.open_zones)
        gaps = [s.gap for s in (f.free, f.kept, base) if s.plan is not None]
        return Measured(
            f,
            _clipped(free, f.element),
            _clipped(kept, f.element),
            lost[0],
            lost[1],
            tuple(sorted(mine - before)) if better.plan else (),
            tuple(sorted(before - mine)) if better.plan else (),
            max(gaps),
            _status(f),
        )

    def _lost(self, solved: Solved) -> float:
        if solved.plan is None:
            return math.nan
        return self.plan.absorbed_mcny - solved.plan.absorbed_mcny

    # -- the chapter -------------------------------------------------------------------------

    def chapter(self, failures: Sequence[Failure], both: Sequence[Failure]) -> Chapter:
        self.alone = getattr(self, "alone", {f.element.element_id: f for f in failures})
        measured = self.measure([*failures, *both])
        single = [m for m in measured if m.failure.element.kind not in ("event", "pair")]
        events = [m for m in measured if m.failure.element.kind == "event"]
        pairs = [m for m in measured if m.failure.element.kind == "pair"]
        tables, charts = [], []
        for name, title, rows in (
            ("single", "Elements that fail one at a time, the dearest first", single),
            ("events", "Named events", events),
            ("pairs", "Two elements that fail together", pairs),
        ):
            if rows:
                table = self._table(name, title, rows)
                tables.append(table)
                charts.append(
                    Chart(
                        name,
                        f"{title}: cost a year above the base, proven range, million CNY",
                        "ranges", name, x="name", low="free_low_mcny", high="free_high_mcny",
                        base=0.0, x_title="million CNY a year", most=20,
                    )
                )  # fmt: skip
        return Chapter(
            "disrupt",
            "Disruptions",
            "中断与韧性",
            asked=(
                f"{self.session.instance.name}: {len(single)} elements one at a time, "
                f"{len(events)} named events, {len(pairs)} pairs.",
                "Siting kept: zones, industries, modules and projects of the base plan stay, goods "
                "and volumes adapt. Siting free: everything may be decided anew.",
            ),
            findings=tuple(self._findings(single, events, pairs)),
            tables=tuple(tables),
            charts=tuple(charts),
            cautions=tuple(self._cautions(measured)),
            assumed=tuple(
                (f"events.{m.failure.element.element_id}", m.failure.element.text)
                for m in events
                if m.failure.element.grade == "assumed"
            ),
            facts=self.session.facts(),
        )

    def _table(self, name: str, title: str, rows: list[Measured]) -> Table:
        ranks = proven_ranks([m.free[1:] for m in rows])
        order = sorted(range(len(rows)), key=lambda k: (-_sortable(rows[k].free[0]), ranks[k][0]))
        lines = []
        for k in order:
            m, e = rows[k], rows[k].failure.element
            best, worst = ranks[k]
            rank = str(best) if best == worst else f"{best} to {worst}"
            case = self.case(e)
            lines.append(
                (
                    rank, "yes" if best == worst else "no", e.kind, e.name, e.element_id, m.status,
                    *m.kept, *m.free, m.lost_kept, m.lost_free,
                    ", ".join(m.zones_in), ", ".join(m.zones_out), m.gap,
                    solve_command(self.called, case.question, case.overrides, case.gap),
                )
            )  # fmt: skip
        return Table(
            name,
            title,
            COLUMNS,
            rows_of(COLUMNS, lines),
            note="No limit: there is no plan. The command solves the row with the siting free; "
            "`zoneopt disrupt --only ID` solves one row both ways.",
        )

    def _findings(
        self, single: list[Measured], events: list[Measured], pairs: list[Measured]
    ) -> Iterable[str]:
        total = self.base.cost_mcny
        for rows, what in (
            (single, "Of {} elements that can fail one at a time, "),
            (events, "Of {} named events, "),
            (pairs, "Of {} pairs, "),
        ):
            if not rows:
                continue
            lost = [m.failure.element.name for m in rows if math.isinf(m.free[0])]
            if lost:
                yield f"Without any one of these there is no plan at all: {', '.join(lost[:8])}."
            rows = [m for m in rows if not math.isinf(m.free[0])]
            if not rows:
                continue
            top = max(rows, key=lambda m: _sortable(m.free[0]))
            decided = proven_ranks([m.free[1:] for m in rows])[rows.index(top)][1] == 1
            surely = "" if decided else " (others may cost as much: see the ranks)"
            yield what.format(len(rows) + len(lost)) + (
                f"{top.failure.element.name} costs most: {_amount(top.free)} a year above the base "
                f"of {total:,.1f} with the siting free, {_amount(top.kept)} with the siting "
                f"kept{surely}."
            )
        unused = sum(m.failure.free is None for m in single)
        if unused:
            yield (
                f"{unused} of the {len(single)} elements are not used by the base plan: closing "
                "any one of them changes nothing."
            )
        tied = [m for m in (*single, *events, *pairs) if math.isinf(m.kept[0])]
        if tied:
            names = ", ".join(m.failure.element.name for m in tied[:8])
            yield f"With the siting kept there is no plan at all for: {names}."
        gain = [(m.kept[1] - m.free[2], m) for m in (*single, *events) if math.isfinite(m.kept[1])]
        proven = [(g, m) for g, m in gain if g > 0]
        if proven:
            worth, m = max(proven, key=lambda pair: pair[0])
            yield (
                f"Deciding the siting anew is proven to pay in {len(proven)} cases, most against "
                f"{m.failure.element.name}: at least {worth:,.1f} million CNY a year."
            )
        elif gain:
            yield (
                "In no case is it proven that another siting would be cheaper: the gaps are "
                "larger than what it could save."
            )

    def _cautions(self, measured: list[Measured]) -> Iterable[str]:
        room = self.base.high - self.base.low
        small = sum(
            m.free[1] <= 0 for m in measured if m.failure.free is not None and m.free[0] >= 0
        )
        if small:
            yield (
                f"{small} failures cost less than the gaps can tell from nothing (up to "
                f"{room:,.1f} million CNY a year); a smaller --gap decides more."
            )
        yield (
            "Volume lost compares two plans, each within its gap of the best; equally cheap plans "
            "may absorb more or less."
        )
        unproven = [m for m in measured if m.failure.free and not m.failure.free.proven]
        if unproven:
            names = ", ".join(m.failure.element.element_id for m in unproven[:8])
            yield f"Not solved to the gap in the time given: {names}."


COLUMNS = (
    Column("rank", "Rank"),
    Column("decided", "Rank decided"),
    Column("kind", "Kind"),
    Column("name", "What fails"),
    Column("element_id", "Id"),
    Column("status", "Outcome"),
    Column("kept_mcny", "Siting kept: cost above the base, million CNY a year", "mcny"),
    Column("kept_low_mcny", "at least", "mcny"),
    Column("kept_high_mcny", "at most", "mcny"),
    Column("free_mcny", "Siting free: cost above the base, million CNY a year", "mcny"),
    Column("free_low_mcny", "at least", "mcny"),
    Column("free_high_mcny", "at most", "mcny"),
    Column("lost_kept_mcny", "Volume lost, siting kept, million CNY a year", "mcny"),
    Column("lost_free_mcny", "Volume lost, siting free", "mcny"),
    Column("zones_in", "Zones that come in"),
    Column("zones_out", "Zones that drop out"),
    Column("gap_share", "Gap", "share"),
    Column("command", "Alone again"),
)


def _known(solved: Solved) -> float:
    return solved.high if solved.plan is not None else solved.cost_mcny


def _cost(failure: Failure) -> float:
    solved = [s.high for s in (failure.free, failure.kept) if s is not None]
    return min(solved, default=-math.inf)


def _clipped(change: tuple[float, float, float], element: Element) -> tuple[float, float, float]:
    """A change that cannot be a saving is at least nothing."""
    value, low, high = change
    if not element.restricts:
        return change
    return (value if math.isnan(value) else max(0.0, value)), max(0.0, low), max(0.0, high)


def _sortable(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _amount(change: tuple[float, float, float]) -> str:
    value, low, high = change
    if math.isinf(value):
        return "no plan at all"
    return f"{value:,.1f} million CNY (proven {low:,.1f} to {high:,.1f})"


def _status(f: Failure) -> str:
    assert f.free is not None, "measured as unchanged"
    assert f.kept is not None, "both are asked together"
    if f.same_as:
        return f"the plan without {f.same_as} serves"
    if f.free.status is Status.INFEASIBLE:
        return f"no plan: {f.stranded_mcny:,.0f} million CNY of output has no way out"
    if f.kept.status is Status.INFEASIBLE:
        if f.idle is None or f.idle.plan is None:
            return "siting cannot be kept"
        return f"industries have to stop: cost {f.idle.cost_mcny:,.1f} million CNY a year"
    return (
        str(f.free.status)
        if f.free.status is f.kept.status
        else f"{f.free.status}, siting " + (f"kept {f.kept.status}")
    )


def _pairs_asked(study: _Study, words: Sequence[str]) -> tuple[list[tuple[Element, Element]], int]:
    from optimizer.errors import InstanceError

    chosen, worst = [], 0
    for word in words:
        first, plus, second = word.partition("+")
        number = word.removeprefix("worst:")
        if word.startswith("worst:") and number.isdigit() and int(number) >= 2:
            worst = max(worst, int(number))
        elif plus and first and second and first != second:
            chosen.append((study.element(first), study.element(second)))
        else:
            raise InstanceError(f"pair {word!r}: write A+B with two ids, or worst:K with K >= 2")
    return chosen, worst


def _no_base(session: Session, base: Solved) -> Chapter:
    return Chapter(
        "disrupt",
        "Disruptions",
        "中断与韧性",
        findings=(f"There is no base plan to disturb: the solve ended as '{base.status}'.",),
        facts=session.facts(),
    )


def stranded(context: Context, case: Case) -> dict[str, float | str]:
    """Output (million CNY a year) of blocks that no zone, no rival and not the origin can serve."""
    instance = context.instance_of(case)
    network = context.network if instance is context.instance else None
    if network is None:
        from networks.network import build_network

        network = build_network(instance)
    problem = build_problem(instance, network, case.question, None)
    served = _industries_in_zones(problem)
    lost = 0.0
    for block, volume in enumerate(problem.volume.tolist()):
        if int(problem.block_industry[block]) not in served and not _elsewhere(problem, block):
            lost += volume
    return {"status": "optimal", "objective": lost, "bound": lost}


def _industries_in_zones(problem: Problem) -> set[int]:
    from optimizer.model.base import SitingModel
    from optimizer.model.output import group_cells

    m = SitingModel(problem)
    group_cells(m)
    return {industry for _, industry in m.cells_of}


def _elsewhere(problem: Problem, block: int) -> bool:
    from optimizer.model.output import host_logistics

    industry = int(problem.block_industry[block])
    origins = problem.table("origins").set_index("origin_id")
    origin = origins.loc[problem.block_origin[block]]
    hosts = [(origin.place_id, origin.form_id)] if problem.may_stay[block] else []
    for r, rival in enumerate(problem.table("rivals").itertuples()):
        takes = not math.isnan(problem.rival_parts["margin"][r, industry])
        if takes and rival.max_share_of_block > 0:
            hosts.append((rival.rival_id, rival.form_id))
    return any(math.isfinite(host_logistics(problem, industry, *h)[0]) for h in hosts)
