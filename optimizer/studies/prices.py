"""`prices`: what one more unit of everything scarce is worth, and how far that price holds.

With the integers of the base plan fixed, cost is a linear program: its value as one limit moves is
convex and piecewise linear. The price upwards and the price downwards are the slopes of the first
piece on either side (they differ where the limit is at a bend), its end is where the price changes.
Each price is checked by a second linear program, built anew from the changed tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from instances import Instance
from optimizer.engine.fixed import FixedPlan, Piece
from optimizer.plan.plan import Plan, Question
from optimizer.problem import build_problem
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies.case import Case, Solved, difference
from optimizer.studies.session import Session
from optimizer.studies.worker import Context

CNY = 1e6  # in a million CNY
PRICED = "optimizer.studies.prices:priced"
VALUE = "optimizer.studies.prices:fixed_value"
WIDEST = 10.0  # times what is available: the widest step that is looked at
MEASURABLE_MCNY = 0.1  # a check moves a limit so far that cost changes by about this much
AGREES = 1e-3  # relative
TINY = 1e-10  # mcny per unit: no price


@dataclass(frozen=True)
class Limit:
    """Something that there is only so much of: its row in the model, and the cell that says so.

    ``override`` has a place for the new number; "" where a question or plan says it instead.
    ``widest`` is the largest step up that is looked at.
    """

    kind: str
    element_id: str
    name: str
    unit: str
    available: float
    key: tuple
    widest: float
    override: str = ""


def prices(session: Session, *, free: int = 0) -> Chapter:
    """Return the chapter of shadow prices.

    Parameters
    ----------
    free
        So many of the limits that are worth most are solved again with the integers free, moved as
        far as their price holds.
    """
    base = session.base()
    if base.plan is None:
        return Chapter(
            "prices", "Shadow prices", "影子价格",
            findings=(f"There is no base plan to price: the solve ended as '{base.status}'.",),
            facts=session.facts(),
        )  # fmt: skip
    asked = session.case("prices", start=base.key, task=PRICED)
    (found,) = session.solve([asked])
    rows = [_row(raw) for raw in found.document["rows"]]
    rows.sort(key=lambda r: (-r.worth_mcny, r.limit.kind, r.limit.element_id))
    checks = [_check(session, base, r) for r in rows]
    values = session.solve([c for c in checks if c is not None])
    by_key = {v.key: v for v in values}
    checked = [by_key[c.key].objective if c is not None else math.nan for c in checks]
    value = float(found.document["value"])
    freed = [r for r in rows if r.up.reach > 0 and r.limit.kind != "module"][:free]
    cases = []
    for row in freed:
        question, overrides = _moved(session, row, row.up.reach)
        name = f"{row.limit.element_id} +{row.up.reach:.6g}, siting free"
        cases.append(session.case(name, question, overrides=overrides))
    solved = session.solve(cases)
    return _chapter(session, base, value, rows, checked, found.document, freed, solved)


@dataclass(frozen=True)
class Priced:
    """A limit with its two pieces; ``used`` is what the plan takes of it."""

    limit: Limit
    used: float
    up: Piece
    down: Piece

    @property
    def worth_mcny(self) -> float:
        """What the whole upward range is worth, million CNY a year."""
        return abs(self.up.slope * self.up.reach)

    @property
    def step(self) -> float:
        """How far a check moves the limit: far enough to measure, within the piece."""
        if self.limit.kind == "module":
            return 1.0
        slope = abs(self.up.slope)
        if slope < TINY or self.up.reach <= 0:
            return 0.0
        step = 10.0 ** max(0, math.ceil(math.log10(MEASURABLE_MCNY / slope)))
        return min(step, self.up.reach)


def _row(raw: dict[str, Any]) -> Priced:
    limit = Limit(**(raw["limit"] | {"key": tuple(raw["limit"]["key"])}))
    return Priced(limit, raw["used"], Piece(**raw["up"]), Piece(**raw["down"]))


def _check(session: Session, base: Solved, row: Priced) -> Case | None:
    """The case that builds the problem anew with the limit moved by one step."""
    step = row.step
    if step <= 0 or (row.limit.kind == "module" and row.up.reach < 1):
        return None
    question, overrides = _moved(session, row, step)
    data = row.limit.element_id if row.limit.kind == "module" else ""
    name = f"{row.limit.element_id} +{step:g}"
    return session.case(name, question, overrides=overrides, start=base.key, task=VALUE, data=data)


def _moved(session: Session, row: Priced, step: float) -> tuple[Question, tuple[str, ...]]:
    """Question and overrides with more of a limit."""
    limit, asked = row.limit, session.question
    new = float(limit.available + step)
    if limit.override:
        return asked, (limit.override.format(f"{new!r}"),)
    if limit.kind == "target":
        if limit.key == ("target",):
            return replace(asked, target_mcny=new, target_share=None), ()
        targets = tuple((i, new if i == limit.key[1] else v) for i, v in asked.industry_targets)
        return replace(asked, industry_targets=targets), ()
    return asked, ()


# -- on a worker ---------------------------------------------------------------------------------


def _fixed(context: Context, case: Case, plan: Plan) -> FixedPlan:
    """The linear program of a case with the integers of a plan."""
    from networks.network import build_network

    instance = context.instance_of(case)
    zones = instance.tables["zones"]["zone_id"]
    shut = tuple(z for z in zones if z not in plan.open_zones)  # fewer columns, the same program
    question = replace(case.question, forbid_zones=shut)
    network = context.network if instance is context.instance else build_network(instance)
    memory = context.base._memory
    problem = build_problem(instance, network, question, memory)
    same_routes = memory is not None and problem.book is memory.problem.book
    return FixedPlan(problem, plan, memory if same_routes else None, time_limit_s=case.time_limit_s)


def fixed_value(context: Context, case: Case) -> dict[str, Any]:
    """Least cost (mcny a year) of a changed problem with the base plan's integers.

    ``case.data`` names a module of which there is one more.
    """
    plan = context.plans[case.start]
    if case.data:
        counts = dict(plan.modules)
        counts[case.data] = counts.get(case.data, 0) + 1
        plan = replace(plan, modules=tuple(sorted(counts.items())))
    value = _fixed(context, case, plan).value
    return {"status": "optimal" if math.isfinite(value) else "infeasible", "objective": value}


def priced(context: Context, case: Case) -> dict[str, Any]:
    """Both pieces of every limit that has a price, and how many limits there are by kind."""
    plan = context.plans[case.start]
    fixed = _fixed(context, case, plan)
    rows, counts = [], dict.fromkeys(KINDS, 0)
    for limit in _limits(context.instance_of(case), case.question, fixed, plan):
        counts[limit.kind] = counts.get(limit.kind, 0) + 1
        price = fixed.prices.get(limit.key, 0.0)
        if abs(price) < TINY:
            continue
        up, down = _pieces(fixed, limit)
        if max(abs(up.slope), abs(down.slope)) < TINY:
            continue
        used = fixed.activity.get(limit.key, limit.available)
        if limit.key[0] == "pool":  # its row counts what is bought and built against the use
            used = fixed.taken(limit.key)
        rows.append(
            {
                "limit": asdict(limit) | {"key": list(limit.key)},
                "used": used,
                "up": asdict(up),
                "down": asdict(down),
            }
        )
    return {"status": "optimal", "value": fixed.value, "rows": rows, "counts": counts}


def _pieces(fixed: FixedPlan, limit: Limit) -> tuple[Piece, Piece]:
    """The pieces upwards and downwards; modules are whole: one more, and one less."""
    none = Piece(0.0, 0.0, True)
    if limit.kind == "module":
        pieces = []
        for step, possible in ((1.0, limit.widest >= 1), (-1.0, limit.available >= 1)):
            cost = fixed.moved(limit.key, step)[0] if possible else math.inf
            slope = (cost - fixed.value) * step
            pieces.append(Piece(slope, step, True) if math.isfinite(slope) else none)
        return pieces[0], pieces[1]
    widest = limit.widest
    if limit.key[0] == "pool":
        widest = max(widest, WIDEST * fixed.taken(limit.key))
    up = fixed.piece(limit.key, widest)
    down = fixed.piece(limit.key, -limit.available) if limit.available > 0 else none
    return up, down


KINDS = {
    "factor": "factors",
    "module": "modules",
    "terminal": "terminals",
    "customs_post": "customs posts",
    "crossing": "border crossings",
    "line": "lines",
    "port": "ports",
    "other": "other capacities",
    "service": "trains",
    "rival": "what rivals can take",
    "target": "targets",
}


def _limits(
    instance: Instance, question: Question, fixed: FixedPlan, plan: Plan
) -> Iterator[Limit]:
    """Every limit that a planner can move, whether it binds or not."""
    tables = instance.tables
    unit = dict(zip(tables["factors"]["factor_id"], tables["factors"]["unit_name"], strict=True))
    for r in tables["pools"].itertuples():
        if math.isfinite(r.endowment):
            cell = f"pools.{r.pool_id}.endowment={{}}"
            yield _limit(
                "factor",
                r.pool_id,
                r.name,
                unit[r.factor_id],
                r.endowment,
                ("pool", r.pool_id),
                cell,
            )
    built = dict(plan.modules)
    for r in tables["modules"].itertuples():
        if r.zone_id in plan.open_zones:
            count = float(built.get(r.module_id, 0))
            room = math.floor(r.max_count + 1e-9) - count
            key = ("module", r.module_id)
            yield Limit("module", r.module_id, r.name, "module", count, key, room)
    resource = {key: k for k, key in enumerate(fixed.m.resources.keys)}
    for r in tables["bottlenecks"].itertuples():
        if math.isfinite(r.capacity_teu_per_year):
            key = ("capacity", resource.get(("bottleneck", r.bottleneck_id), -1))
            cell = f"bottlenecks.{r.bottleneck_id}.capacity_teu_per_year={{}}"
            amount = r.capacity_teu_per_year
            yield _limit(r.kind, r.bottleneck_id, r.name, "TEU a year", amount, key, cell)
    for r in tables["services"].itertuples():
        runs = r.runs_today == 1 or r.service_id in plan.services
        if runs and math.isfinite(r.capacity_teu_per_year):
            key = ("capacity", resource.get(("service", r.service_id), -1))
            cell = f"services.{r.service_id}.capacity_teu_per_year={{}}"
            amount = r.capacity_teu_per_year
            yield _limit("service", r.service_id, r.name, "TEU a year", amount, key, cell)
    yield from _rival_limits(instance, fixed, unit)
    from optimizer.model.demands import target_volume

    volume = target_volume(fixed.m.problem)
    if volume > 0:
        yield _limit("target", "target", "Target of all output", OUTPUT, volume, ("target",))
    for industry, amount in question.industry_targets:
        key = ("industry_target", industry)
        yield _limit("target", industry, f"Target of {industry}", OUTPUT, amount, key)


OUTPUT = "million CNY of output a year"


def _rival_limits(instance: Instance, fixed: FixedPlan, unit: dict[str, str]) -> Iterator[Limit]:
    tables, rivals = instance.tables, fixed.m.problem.rivals
    places = tables["places"]
    called = dict(zip(places["place_id"], places["name"], strict=True))
    for r in tables["rival_limits"].itertuples():
        if math.isfinite(r.endowment):
            key = ("rival_limit", rivals.index(r.rival_id), r.factor_id)
            cell = f"rival_limits.{r.rival_id}/{r.factor_id}.endowment={{}}"
            name, of = f"{called[r.rival_id]}: {r.factor_id}", f"{r.rival_id}/{r.factor_id}"
            yield _limit("rival", of, name, unit[r.factor_id], r.endowment, key, cell)
    for r in tables["rivals"].itertuples():
        if math.isfinite(r.capacity_mcny_per_year):
            whole = ("rival_capacity", rivals.index(r.rival_id))
            cell = f"rivals.{r.rival_id}.capacity_mcny_per_year={{}}"
            amount = r.capacity_mcny_per_year
            yield _limit("rival", r.rival_id, called[r.rival_id], OUTPUT, amount, whole, cell)


def _limit(
    kind: str, of: str, name: str, unit: str, available: float, key: tuple, cell: str = ""
) -> Limit:
    widest = WIDEST * max(float(available), 1.0)
    return Limit(kind, of, name, unit, float(available), key, widest, cell)


# -- the chapter ---------------------------------------------------------------------------------

COLUMNS = (
    Column("kind", "Kind"),
    Column("name", "What there is only so much of"),
    Column("element_id", "Id"),
    Column("unit", "Unit"),
    Column("available", "There is", "number"),
    Column("used", "Used", "number"),
    Column("worth_cny_per_unit", "One more unit saves, CNY a year", "number"),
    Column("holds_to", "as long as there is at most", "number"),
    Column("loss_cny_per_unit", "One less costs, CNY a year", "number"),
    Column("holds_from", "as long as there is at least", "number"),
    Column("worth_mcny", "The upward range is worth, million CNY a year", "mcny"),
    Column("step", "Solved again with so much more", "number"),
    Column("resolved_cny_per_unit", "then a unit saves, CNY a year", "number"),
    Column("decided", "Check agrees"),
    Column("gap_share", "Gap of the base", "share"),
)
BY_KIND = (
    Column("kind", "Kind"),
    Column("limits_count", "Limits", "count"),
    Column("scarce_count", "Scarce: one more or one less changes the cost", "count"),
    Column("top", "Worth most"),
    Column("worth_mcny", "Its upward range is worth, million CNY a year", "mcny"),
    Column("gap_share", "Gap of the base", "share"),
)
FREED = (
    Column("name", "More of"),
    Column("element_id", "Id"),
    Column("step", "so much more", "number"),
    Column("unit", "Unit"),
    Column("predicted_mcny", "Saves by the price, million CNY a year", "mcny"),
    Column("saves_mcny", "Saves with the siting free", "mcny"),
    Column("saves_low_mcny", "at least", "mcny"),
    Column("saves_high_mcny", "at most", "mcny"),
    Column("decided", "Sign decided"),
    Column("gap_share", "Gap", "share"),
)


def _chapter(
    session: Session,
    base: Solved,
    value: float,
    rows: Sequence[Priced],
    checked: Sequence[float],
    document: Any,
    freed: Sequence[Priced],
    solved: Sequence[Solved],
) -> Chapter:
    lines, wrong = [], []
    for row, again in zip(rows, checked, strict=True):
        limit, step = row.limit, row.step
        worth, loss = _shown(row.up.slope), _shown(row.down.slope)
        resolved = (value - again) / step * CNY if step > 0 and not math.isnan(again) else math.nan
        agrees = abs(resolved - worth) <= AGREES * max(abs(worth), abs(resolved)) + 1e-9
        if not math.isnan(resolved) and not agrees:
            wrong.append(limit.name)
        verdict = "not checked" if math.isnan(resolved) else "yes" if agrees else "no"
        if row.up.reach <= 0:
            worth = 0.0 if limit.kind != "module" else worth
        lines.append(
            (
                limit.kind, limit.name, limit.element_id, limit.unit, limit.available, row.used,
                worth, limit.available + row.up.reach if row.up.ends else math.inf,
                loss, limit.available + row.down.reach, row.worth_mcny, step, resolved, verdict,
                base.gap,
            )
        )  # fmt: skip
    tables = [
        Table(
            "kinds", "Where it is tight", BY_KIND, rows_of(BY_KIND, _kinds(rows, document, base))
        ),
        Table(
            "prices",
            "Prices with the siting fixed, what is worth most first",
            COLUMNS,
            rows_of(COLUMNS, lines),
            note="A negative saving is a cost. Modules are whole, one more and one less; their own "
            "yearly cost is taken off. "
            "Used: with what is built and bought on top. No limit: the price had not changed at "
            "eleven times what there is, or is used.",
        ),
    ]
    if freed:
        tables.append(
            Table(
                "free",
                "The same steps with zones, industries, modules and projects free",
                FREED,
                rows_of(FREED, _freed(base, freed, solved)),
            )
        )
    cautions = [
        "Prices belong to the siting of the base plan: another plan within the gap of "
        f"{base.gap:.2%} can have others.",
        "Capital of zones, modules and projects is whole, so that a budget has no price while the "
        "siting is fixed.",
    ]
    if wrong:
        cautions.append(
            "The second linear program does not confirm the price of: " + ", ".join(wrong[:8]) + "."
        )
    return Chapter(
        "prices",
        "Shadow prices",
        "影子价格",
        asked=(
            f"{session.instance.name}: one more and one less unit of every factor, module, "
            "terminal, customs post, crossing, line, train, rival's limit and target, with the "
            "integers of the base plan fixed.",
        ),
        findings=tuple(_findings(base, rows, document, wrong, checked)),
        tables=tuple(tables),
        charts=(
            Chart(
                "worth", "What more of it is worth, million CNY a year", "bars", "prices",
                x="name", y="worth_mcny", most=20,
            ),
        ),
        cautions=tuple(cautions),
        assumed=tuple(_assumed(session.instance, rows[:10])),
        facts=session.facts(),
    )  # fmt: skip


def _shown(slope: float) -> float:
    """A price in CNY per unit, a saving positive."""
    return -slope * CNY if abs(slope) >= TINY else 0.0


def _kinds(rows: Sequence[Priced], document: Any, base: Solved) -> Iterator[tuple[Any, ...]]:
    for kind, count in document["counts"].items():
        if not count:
            continue
        scarce = [r for r in rows if r.limit.kind == kind]
        top = scarce[0] if scarce else None
        yield (
            KINDS.get(kind, kind),
            count,
            len(scarce),
            top.limit.name if top else "all have room",
            top.worth_mcny if top else 0.0,
            base.gap,
        )


def _freed(
    base: Solved, freed: Sequence[Priced], solved: Sequence[Solved]
) -> Iterator[tuple[Any, ...]]:
    for row, found in zip(freed, solved, strict=True):
        value, low, high = difference(base, found)
        yield (
            row.limit.name, row.limit.element_id, row.up.reach, row.limit.unit,
            -row.up.slope * row.up.reach, value, low, high,
            "yes" if low > 0 or high < 0 else "no", max(base.gap, found.gap),
        )  # fmt: skip


def _findings(
    base: Solved, rows: Sequence[Priced], document: Any, wrong: list[str], checked: Sequence[float]
) -> Iterator[str]:
    limits = [r for r in rows if r.limit.kind != "module" and r.up.reach > 0]
    if limits:
        top = limits[0]
        yield (
            f"Scarcest is {top.limit.name}: one more unit ({top.limit.unit}) saves "
            f"{_shown(top.up.slope):,.6g} CNY a year, up to "
            f"{top.limit.available + top.up.reach:,.0f} in all; that is {top.worth_mcny:,.1f} "
            f"million CNY a year of the {base.cost_mcny:,.1f} of the plan."
        )
    else:
        yield "Nothing that is priced is scarce: one more unit of any limit saves nothing."
    free = [
        KINDS.get(kind, kind)
        for kind, count in document["counts"].items()
        if count and not any(r.limit.kind == kind for r in rows)
    ]
    if free:
        yield f"All of these have room, their price is 0: {', '.join(free)}."
    done = sum(not math.isnan(v) for v in checked)
    yield (
        f"{len(rows)} of {sum(document['counts'].values())} limits have a price; {done} of them "
        f"were checked by a second solve with more, {len(wrong)} are not confirmed."
    )


def _assumed(instance: Instance, rows: Sequence[Priced]) -> Iterator[tuple[str, str]]:
    for row in rows:
        if not row.limit.override:
            continue
        table, _, rest = row.limit.override.partition(".")
        key = rest.rpartition(".")[0]
        found = instance.row(table, key)
        if found.get("grade") == "assumed":
            yield (
                f"{table}.{key}",
                f"{row.limit.available:,.6g} {row.limit.unit}: {found['source']}",
            )
