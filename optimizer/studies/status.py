"""`status`: what each status or project is worth, alone, in pairs, and the best set of a budget.

The value of a grant is the difference of two proven optima: none of the candidates granted, less
this one granted. It is shown without the grant's own cost (a free grant: capital and upkeep 0) and
with it. A free grant never does harm, and all candidates free together are worth at least as much
as any of them; both narrow the ranges that the gaps leave.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from instances import Instance
from instances.errors import InstanceError
from optimizer.plan.plan import Plan, Question
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies.case import Case, Solved
from optimizer.studies.session import Inquiry, Session

DUST = 1e-6  # mcny a year


@dataclass(frozen=True)
class Project:
    """A candidate with what must be granted before it; money in mcny, own cost a year."""

    project_id: str
    name: str
    kind: str
    capital_mcny: float
    yearly_mcny: float
    needs: frozenset[str]  # itself and all that it needs, directly or not
    excludes: frozenset[str]
    touches: frozenset[str]  # elements, zones and places that its effects act on


@dataclass(frozen=True)
class Value:
    """What a grant saves, mcny a year: of the plans in hand, and the range that is proven."""

    value: float
    low: float
    high: float

    def less(self, cost: float) -> Value:
        """The value with a cost taken off."""
        return Value(self.value - cost, self.low - cost, self.high - cost)

    @property
    def sign(self) -> str:
        """``yes`` if the range does not hold zero on both sides."""
        return "yes" if self.low > DUST or self.high < -DUST or self.high <= DUST else "no"


def status(
    session: Session,
    *,
    projects: Sequence[str] = (),
    pairs: int = 12,
    project_budgets: Sequence[float] = (),
) -> Chapter:
    """Return the chapter of the candidates' values.

    Parameters
    ----------
    projects
        Ids of the candidates to be looked at; default all. The others stay open to decision as
        they are in the question.
    pairs
        Most pairs that are solved: those that act on the same element, zone or place first.
    project_budgets
        Most capital of projects, mcny, for the best sets; default a quarter and half of what the
        best set costs.
    """
    found = candidates(session.instance, projects)
    return session.run([_Study(session, found).inquiry(pairs, list(project_budgets))])[0]


def candidates(instance: Instance, chosen: Sequence[str] = ()) -> dict[str, Project]:
    """Projects that may be granted or not, by id.

    Raises
    ------
    InstanceError
        None, or one of those asked for is no candidate.
    """
    table = instance.tables["projects"]
    rows = {r["project_id"]: r for r in table.to_dict("records")}
    open_ = [p for p, r in rows.items() if r["status"] == "candidate"]
    wrong = [p for p in chosen if p not in open_]
    if wrong:
        raise InstanceError(
            f"project {wrong[0]!r} is no candidate of {instance.name}; candidates are "
            f"{', '.join(open_) or 'none'}"
        )
    if not open_:
        raise InstanceError(f"{instance.name} has no candidate projects: nothing can be granted")
    rate = instance.settings.discount_rate
    touches = _touches(instance)
    result = {}
    for project_id in chosen or open_:
        row = rows[project_id]
        result[project_id] = Project(
            project_id,
            row["name"],
            row["kind"].replace("_", " "),
            row["capital_mcny"],
            yearly_cost(row, rate),
            frozenset(_needs(rows, project_id)),
            frozenset(_many(row["excludes_project_id"])),
            frozenset(touches.get(project_id, ())),
        )
    return result


def yearly_cost(row: Mapping[str, Any], rate: float) -> float:
    """Capital by the capital recovery factor, and upkeep, mcny a year."""
    years = row["life_years"]
    factor = 1.0 / years if rate == 0 else rate / (1.0 - (1.0 + rate) ** -years)
    return row["capital_mcny"] * factor + row["upkeep_mcny_per_year"]


def _needs(rows: Mapping[str, Any], project_id: str) -> set[str]:
    found, todo = set(), [project_id]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += _many(rows[current]["needs_project_id"])
    return found


def _touches(instance: Instance) -> dict[str, set[str]]:
    """What each project acts on: element ids, their places, zones of their pools."""
    tables = instance.tables
    near: dict[str, set[str]] = {}
    for r in tables["links"].itertuples():
        near[r.link_id] = {r.tail_place_id, r.head_place_id, *_many(r.bottleneck_id)}
    for name, key in (("transfers", "transfer_id"), ("customs", "customs_id")):
        for r in tables[name].itertuples():
            near[getattr(r, key)] = {r.place_id, *_many(r.bottleneck_id)}
    for r in tables["bottlenecks"].itertuples():
        near[r.bottleneck_id] = set(_many(r.place_id))
    for r in tables["pool_members"].itertuples():
        near.setdefault(r.pool_id, set()).add(r.zone_id)
    found: dict[str, set[str]] = {}
    for r in tables["project_effects"].itertuples():
        element = r.element_id.rpartition(":")[0] if r.effect == "allows_form" else r.element_id
        found.setdefault(r.project_id, set()).update({element}, near.get(element, set()))
    return found


def _many(text: object) -> list[str]:
    return [t for t in str(text).split(";") if t] if text == text and text else []


class _Study:
    def __init__(self, session: Session, found: Mapping[str, Project]) -> None:
        self.session, self.projects = session, found
        self.instance = session.instance
        rows = self.instance.tables["projects"].to_dict("records")
        self.rows = {r["project_id"]: r for r in rows}
        self.rate = self.instance.settings.discount_rate
        rules = self.instance.tables["rules"]
        # A free grant does no harm, unless it takes the place of another under such a rule.
        self.harmless = not ((rules["active"] == 1) & (rules["kind"] == "max_new_projects")).any()

    # -- cases -----------------------------------------------------------------------------------

    def granted(self, grant: Iterable[str], *, free: bool) -> Case:
        """These projects granted, the other candidates not."""
        grant = sorted(grant)
        question = self.session.question
        least = tuple(("project", p, 1.0) for p in grant)
        most = tuple(("project", p, 0.0) for p in self.projects if p not in grant)
        question = _bounded(question, least, most)
        overrides = self._free(grant) if free else ()
        words = "free: " if free and grant else ""
        name = f"{words}{', '.join(grant)}" if grant else "nothing granted"
        return self.session.case(name, question, overrides=overrides)

    def _free(self, grant: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            f"projects.{p}.{column}=0"
            for p in grant
            for column in ("capital_mcny", "upkeep_mcny_per_year")
            if self.rows[p][column]
        )

    def inquiry(self, pairs: int, budgets: list[float]) -> Inquiry[Chapter]:
        """Ask for everything, and say what it means."""
        everything = self.session.case("all may be granted")
        all_free = self.session.case(
            "all may be granted, free", overrides=self._free(self.projects)
        )
        alone = [self.granted(p.needs, free=True) for p in self.projects.values()]
        none, best, free, *solved = yield [
            self.granted((), free=True),
            everything,
            all_free,
            *alone,
        ]
        for what in (none, best):
            if what.plan is None:
                raise InstanceError(
                    f"{what.key}: a solve that all values rest on ended as {what.status} "
                    f"({what.stop_reason}); a longer --time-limit may help"
                )
        self.none, self.best = none, best
        self.most = none.high - free.low  # all candidates together, free, are worth at most this
        values = {p: self._value(s) for p, s in zip(self.projects, solved, strict=True)}
        plans = dict(zip(self.projects, solved, strict=True))
        net = yield from self._net([(p.needs, plans[k]) for k, p in self.projects.items()])
        nets = dict(zip(self.projects, net, strict=True))
        last = yield from self._last()
        chosen = self._pairs(values, pairs)
        pair_solved = yield [
            self.granted(self.projects[a].needs | self.projects[b].needs, free=True)
            for a, b in chosen
        ]
        sets = yield from self._sets(budgets)
        return self._chapter(values, nets, last, plans, list(zip(chosen, pair_solved, strict=True)),
                             sets)  # fmt: skip

    def _value(self, solved: Solved, floor: float = 0.0) -> Value:
        """Value of a free grant: at least nothing, at most what all are worth together."""
        if solved.plan is None:
            return Value(math.nan, -math.inf, self.most)
        value, low = self.none.high - solved.high, self.none.low - solved.high
        high = min(self.none.high - solved.low, self.most)
        if not self.harmless:
            return Value(value, low, max(low, high))
        low = max(low, floor)
        return Value(max(value, floor), low, max(low, high))

    def _net(self, asked: Sequence[tuple[frozenset[str], Solved]]) -> Inquiry[list[Value]]:
        """Values with the grants' own cost: free ones less the cost, where no budget is in the way.

        The optimum with the cost is at least that of the free grant and the cost; the plan of the
        free grant reaches it unless a budget is broken.
        """
        found: dict[int, Value] = {}
        again = []
        for number, (grant, solved) in enumerate(asked):
            cost = math.fsum(yearly_cost(self.rows[p], self.rate) for p in grant)
            capital = math.fsum(self.rows[p]["capital_mcny"] for p in grant)
            if solved.plan is not None and self._fits(solved.plan, capital, grant):
                found[number] = self._value(solved).less(cost)
            else:
                again.append(number)
        priced = yield [self.granted(asked[n][0], free=False) for n in again]
        for number, solved in zip(again, priced, strict=True):
            found[number] = Value(
                self.none.high - solved.high, self.none.low - solved.high,
                self.none.high - solved.low,
            )  # fmt: skip
        return [found[n] for n in range(len(asked))]

    def _fits(self, plan: Plan, extra: float, free: Iterable[str] = ()) -> bool:
        """True if a plan whose projects ``free`` cost nothing keeps every budget with them paid."""
        limit = self._budget()
        return capital_of(self.instance, plan, without=frozenset(free)) + extra <= limit + DUST

    def _budget(self) -> float:
        rules = self.instance.tables["rules"]
        active = rules[(rules["active"] == 1) & (rules["kind"] == "budget_mcny")]
        asked = self.session.question.budget_mcny
        return min([math.inf if asked is None else asked, *active["value"].tolist()])

    def _last(self) -> Inquiry[dict[str, Value]]:
        """What is lost if a project of the best set may not be granted; the others lose nothing."""
        assert self.best.plan is not None
        built = [p for p in self.projects if p in self.best.plan.projects]
        cases = [
            self.session.case(
                f"all but {p}", _bounded(self.session.question, (), (("project", p, 0.0),))
            )
            for p in built
        ]
        lost: dict[str, Value] = {}
        for p, solved in zip(built, (yield cases), strict=True):
            low = max(0.0, solved.low - self.best.high)
            high = solved.high - self.best.low
            lost[p] = Value(max(0.0, solved.high - self.best.high), low, max(low, high))
        width = self.best.high - self.best.low
        return {p: lost.get(p, Value(0.0, 0.0, width)) for p in self.projects}

    def _pairs(self, values: Mapping[str, Value], most: int) -> list[tuple[str, str]]:
        """Pairs worth a solve: on the same element first, then those that could interact most."""
        ranked = []
        for a, b in combinations(self.projects, 2):
            one, other = self.projects[a], self.projects[b]
            if one.needs <= other.needs or other.needs <= one.needs:
                continue  # granting the one is granting both
            if one.excludes & other.needs or other.excludes & one.needs:
                continue
            apart = not one.touches & other.touches
            size = min(values[a].high, values[b].high)
            ranked.append((apart, -size, a, b))
        self.all_pairs = len(ranked)
        return [(a, b) for _, _, a, b in sorted(ranked)[:most]]

    # -- best sets -------------------------------------------------------------------------------

    def _sets(self, budgets: list[float]) -> Inquiry[list[_Set]]:
        assert self.best.plan is not None
        mine = [p for p in self.best.plan.projects if p in self.projects]
        capital = math.fsum(self.projects[p].capital_mcny for p in mine)
        if not budgets and len(mine) > 1:
            budgets = [round(capital / 4, 1), round(capital / 2, 1)]
        only = [b for b in sorted(set(budgets)) if b < capital]
        found = [_Set(math.inf, self.best, tuple(mine), True)]
        found += [_Set(b, self.best, tuple(mine), True) for b in budgets if b >= capital]
        overrides = projects_only(self.instance)
        cases = [
            self.session.case(
                f"projects of at most {b:g} million CNY",
                replace(self.session.question, budget_mcny=b), overrides=overrides,
            )
            for b in only
        ]  # fmt: skip
        for budget, solved in zip(only, (yield cases), strict=True):
            plan = solved.plan
            built = tuple(p for p in plan.projects if p in self.projects) if plan else ()
            keeps = plan is not None and self._fits(plan, 0.0)
            found.append(_Set(budget, solved, built, keeps))
        return sorted(found, key=lambda s: s.budget)

    # -- answer ----------------------------------------------------------------------------------

    def _chapter(
        self,
        values: Mapping[str, Value],
        nets: Mapping[str, Value],
        last: Mapping[str, Value],
        plans: Mapping[str, Solved],
        pairs: Sequence[tuple[tuple[str, str], Solved]],
        sets: Sequence[_Set],
    ) -> Chapter:
        tables = [
            self._alone_table(values, nets, last, plans),
            self._pairs_table(values, pairs),
            self._sets_table(sets),
        ]
        total = Value(
            max(0.0, self.none.high - self.best.high), max(0.0, self.none.low - self.best.high),
            max(0.0, self.none.high - self.best.low),
        )  # fmt: skip
        return Chapter(
            "status",
            "Status and projects",
            "资格与项目",
            asked=(
                f"{len(self.projects)} candidates of {self.instance.name}: each granted alone, "
                "against none granted; pairs; the best set.",
            ),
            findings=tuple(self._words(total, values, nets, sets)),
            tables=tuple(tables),
            charts=(
                Chart(
                    "values", "Value of a free grant, million CNY a year", "bars", "alone",
                    x="project", y="value_mcny", x_title="million CNY a year",
                ),
            ),
            cautions=tuple(self._cautions(values, nets, pairs, sets)),
            assumed=(
                ("projects.*.capital_mcny", "capital and upkeep of the candidates"),
                ("project_effects.*.amount", "how much a grant adds"),
            ),
            facts=self.session.facts(),
        )  # fmt: skip

    def _words(
        self,
        total: Value,
        values: Mapping[str, Value],
        nets: Mapping[str, Value],
        sets: Sequence[_Set],
    ) -> list[str]:
        assert self.best.plan is not None
        best = next(s for s in sets if s.budget == math.inf)
        names = ", ".join(self.projects[p].name for p in best.projects) or "none of them"
        first = (
            f"The best set of candidates is {names}: it lowers the cost by {total.value:,.1f} "
            f"million CNY a year after its own cost (proven: {total.low:,.1f} to "
            f"{total.high:,.1f})."
        )
        pays = [p for p in self.projects if nets[p].low > DUST]
        useless = [p for p in self.projects if nets[p].high < -DUST]
        told = ", ".join(f"{self.projects[p].name} (+{nets[p].value:,.1f})" for p in pays)
        second = (
            f"Granted alone, {len(pays)} of {len(self.projects)} are proven to pay for themselves"
            + (f": {told}" if told else "")
            + f"; {len(useless)} are proven not to; {len(self.projects) - len(pays) - len(useless)}"
            " are smaller than the gaps."
        )
        known = [p for p in self.projects if values[p].value == values[p].value]
        order = sorted(known, key=lambda p: -values[p].value)[:3]
        third = (
            "Most is gained, own cost aside, by "
            + ", ".join(
                f"{self.projects[p].name} ({values[p].low:,.1f} to {values[p].high:,.1f})"
                for p in order
            )
            + "."
        )
        return [first, second, third]

    def _cautions(
        self,
        values: Mapping[str, Value],
        nets: Mapping[str, Value],
        pairs: Sequence[tuple[tuple[str, str], Solved]],
        sets: Sequence[_Set],
    ) -> list[str]:
        found = []
        undecided = sum(nets[p].sign == "no" for p in self.projects)
        if undecided:
            found.append(
                f"Whether {undecided} candidates pay for themselves alone is not decided: their "
                "value is smaller than the gaps. A smaller --gap narrows the ranges."
            )
        if self.all_pairs > len(pairs):
            found.append(
                f"{len(pairs)} of {self.all_pairs} pairs were solved, those that act on the same "
                "element, zone or place first; how the others interact is not known (--pairs)."
            )
        broken = [s for s in sets if not s.keeps_budget]
        if broken:
            found.append(
                f"{len(broken)} best sets have no plan, or one that breaks the budget of zones, "
                "modules and projects together: their value is only an upper bound."
            )
        return found

    def _alone_table(
        self,
        values: Mapping[str, Value],
        nets: Mapping[str, Value],
        last: Mapping[str, Value],
        plans: Mapping[str, Solved],
    ) -> Table:
        rows = []
        before = set(self.none.open_zones)
        assert self.best.plan is not None
        for p, project in self.projects.items():
            solved, value, net = plans[p], values[p], nets[p]
            now = set(solved.open_zones)
            needs = sorted(project.needs - {p})
            rows.append(
                (
                    project.name, p, project.kind, ", ".join(needs), project.capital_mcny,
                    math.fsum(yearly_cost(self.rows[q], self.rate) for q in project.needs),
                    value.value, value.low, value.high, net.value, net.low, net.high, net.sign,
                    last[p].value, last[p].high, "yes" if p in self.best.plan.projects else "no",
                    ", ".join(sorted(now - before)) if solved.plan else "",
                    ", ".join(sorted(before - now)) if solved.plan else "",
                    max(solved.gap, self.none.gap) if solved.plan else math.nan,
                    str(solved.status),
                )
            )  # fmt: skip
        rows.sort(key=lambda r: -(r[6] if r[6] == r[6] else -math.inf))
        return Table(
            "alone", "Each candidate granted alone", ALONE, rows_of(ALONE, rows),
            "Against none granted. What a candidate needs is granted with it and its cost counted. "
            "Lost without it: what the best plan loses if this one may not be granted.",
        )  # fmt: skip

    def _pairs_table(
        self,
        values: Mapping[str, Value],
        pairs: Sequence[tuple[tuple[str, str], Solved]],
    ) -> Table:
        rows = []
        for (a, b), solved in pairs:
            one, other = values[a], values[b]
            both = self._value(solved, floor=max(one.low, other.low))
            value = both.value - one.value - other.value
            value = 0.0 if abs(value) < DUST else value
            # By monotony the pair is worth at least either, so what is lost is at most the smaller.
            low = both.low - one.high - other.high
            if self.harmless:
                low = max(low, -min(one.high, other.high))
            high = both.high - one.low - other.low
            word = "complements" if low > DUST else "substitutes" if high < -DUST else "not decided"
            if abs(low) <= DUST and abs(high) <= DUST:
                word = "independent"
            rows.append(
                (
                    self.projects[a].name, self.projects[b].name, both.value, both.low, both.high,
                    value, low, high, word, "no" if word == "not decided" else "yes",
                    ", ".join(sorted(self.projects[a].touches & self.projects[b].touches)),
                    max(solved.gap, self.none.gap) if solved.plan else math.nan,
                    str(solved.status),
                )
            )  # fmt: skip
        rows.sort(key=lambda r: -abs(r[5]) if r[5] == r[5] else math.inf)
        return Table(
            "pairs", "Pairs granted together, free", PAIRS, rows_of(PAIRS, rows),
            "Interaction: the value of both less the sum of the two alone; above zero they help "
            "each other, below zero the one does part of the other's work.",
        )  # fmt: skip

    def _sets_table(self, sets: Sequence[_Set]) -> Table:
        rows = []
        for s in sets:
            value = self.none.high - s.solved.high if s.solved.plan else math.nan
            low = max(0.0, self.none.low - s.solved.high) if s.keeps_budget else 0.0
            high = max(low, self.none.high - s.solved.low)
            rows.append(
                (
                    s.budget, math.fsum(self.projects[p].capital_mcny for p in s.projects),
                    ", ".join(self.projects[p].name for p in s.projects) or "none",
                    max(0.0, value) if value == value else value, low, high,
                    "yes" if low > DUST else "no",
                    max(s.solved.gap, self.none.gap) if s.solved.plan else math.nan,
                    str(s.solved.status),
                )
            )  # fmt: skip
        return Table(
            "sets", "The best set of candidates under a budget for them", SETS,
            rows_of(SETS, rows),
            "The budget counts the capital of projects alone. Value: after the set's own cost, "
            "against none granted; another set may do as well within the gap.",
        )  # fmt: skip


@dataclass(frozen=True)
class _Set:
    """The best plan under a budget of projects, and the candidates in it."""

    budget: float
    solved: Solved
    projects: tuple[str, ...]
    keeps_budget: bool


def _bounded(
    question: Question,
    least: tuple[tuple[str, str, float], ...],
    most: tuple[tuple[str, str, float], ...],
) -> Question:
    """The question with bounds on projects, in place of those that it has on them."""
    mine = {(kind, name) for kind, name, _ in least + most}

    def others(bounds: tuple[tuple[str, str, float], ...]) -> tuple[tuple[str, str, float], ...]:
        return tuple(b for b in bounds if (b[0], b[1]) not in mine)

    return replace(
        question, least=others(question.least) + least, most=others(question.most) + most
    )


def capital_of(instance: Instance, plan: Plan, *, without: frozenset[str] = frozenset()) -> float:
    """Capital that a budget counts, mcny: zones that open, modules, projects but ``without``."""
    tables = instance.tables
    zones = {r.zone_id: r for r in tables["zones"].itertuples()}
    modules = dict(
        zip(tables["modules"]["module_id"], tables["modules"]["capital_mcny"], strict=True)
    )
    projects = dict(
        zip(tables["projects"]["project_id"], tables["projects"]["capital_mcny"], strict=True)
    )
    opened = (zones[z].open_mcny for z in plan.open_zones if zones[z].status != "existing")
    return math.fsum(
        [*opened, *(modules[m] * n for m, n in plan.modules),
         *(projects[p] for p in plan.projects if p not in without)]
    )  # fmt: skip


def projects_only(instance: Instance) -> tuple[str, ...]:
    """Overrides that let a budget count projects alone and leave every yearly cost as it is.

    Capital of zones and modules becomes the yearly money that it costs; budget rules are off.
    """
    rate = instance.settings.discount_rate
    tables = instance.tables
    found = []
    for r in tables["zones"].to_dict("records"):
        if r["open_mcny"] > 0:
            capital = {"capital_mcny": r["open_mcny"], "life_years": r["open_life_years"]}
            yearly = yearly_cost(capital | {"upkeep_mcny_per_year": r["open_mcny_per_year"]}, rate)
            found += [
                f"zones.{r['zone_id']}.open_mcny=0",
                f"zones.{r['zone_id']}.open_mcny_per_year={yearly!r}",
            ]
    for r in tables["modules"].to_dict("records"):
        if r["capital_mcny"] > 0:
            found += [
                f"modules.{r['module_id']}.capital_mcny=0",
                f"modules.{r['module_id']}.upkeep_mcny_per_year={yearly_cost(r, rate)!r}",
            ]
    rules = tables["rules"]
    budgets = rules.loc[(rules["active"] == 1) & (rules["kind"] == "budget_mcny"), "rule_id"]
    return (*found, *(f"rules.{r}.active=0" for r in budgets))


ALONE = (
    Column("project", "Candidate"),
    Column("project_id", "Id"),
    Column("kind", "Kind"),
    Column("needs", "Granted with it"),
    Column("capital_mcny", "Capital, million CNY", "mcny"),
    Column("own_cost_mcny", "Own cost a year", "mcny"),
    Column("value_mcny", "Value, free", "mcny"),
    Column("value_low_mcny", "at least", "mcny"),
    Column("value_high_mcny", "at most", "mcny"),
    Column("net_mcny", "Value after its cost", "mcny"),
    Column("net_low_mcny", "at least", "mcny"),
    Column("net_high_mcny", "at most", "mcny"),
    Column("decided", "Sign decided"),
    Column("lost_mcny", "Lost without it", "mcny"),
    Column("lost_high_mcny", "at most", "mcny"),
    Column("in_best", "In the best set"),
    Column("zones_in", "Zones that come in"),
    Column("zones_out", "Zones that drop out"),
    Column("gap_share", "Gap", "share"),
    Column("status", "Status"),
)
PAIRS = (
    Column("one", "One"),
    Column("other", "Other"),
    Column("value_mcny", "Value of both, free", "mcny"),
    Column("value_low_mcny", "at least", "mcny"),
    Column("value_high_mcny", "at most", "mcny"),
    Column("interaction_mcny", "Interaction", "mcny"),
    Column("interaction_low_mcny", "at least", "mcny"),
    Column("interaction_high_mcny", "at most", "mcny"),
    Column("verdict", "They are"),
    Column("decided", "Decided"),
    Column("shared", "Both act on"),
    Column("gap_share", "Gap", "share"),
    Column("status", "Status"),
)
SETS = (
    Column("budget_mcny", "Budget for projects, million CNY", "mcny"),
    Column("capital_mcny", "Capital of the set", "mcny"),
    Column("projects", "Best set"),
    Column("value_mcny", "Value after its cost", "mcny"),
    Column("value_low_mcny", "at least", "mcny"),
    Column("value_high_mcny", "at most", "mcny"),
    Column("decided", "Worth more than nothing"),
    Column("gap_share", "Gap", "share"),
    Column("status", "Status"),
)
