"""`status`: what each status or project is worth, alone, in pairs, and the best set of a budget.

The value of a grant is the difference of two proven optima: none of the candidates granted, less
this one granted. It is shown without the grant's own cost (a free grant: capital and upkeep 0) and
with it. A free grant never does harm, and all candidates free together are worth at least as much
as any of them; both narrow the ranges that the gaps leave.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from instances.errors import InstanceError
from optimizer.plan.plan import Plan, Question
from optimizer.report.chapter import Chapter
from optimizer.studies.case import Case, Solved
from optimizer.studies.projects import (
    Project,
    candidates,
    capital_of,
    projects_only,
    yearly_cost,
)
from optimizer.studies.session import Inquiry, Session
from optimizer.studies.status_chapter import DUST, BestSet, Findings, Value


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
        both = [
            (a, b, found, self._value(found, floor=max(values[a].low, values[b].low)))
            for (a, b), found in zip(chosen, pair_solved, strict=True)
        ]
        return Findings(
            self.session, self.projects, self.rows, self.harmless, none, best, values, nets, last,
            plans, both, self.all_pairs, sets,
        ).chapter()  # fmt: skip

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

    def _sets(self, budgets: list[float]) -> Inquiry[list[BestSet]]:
        assert self.best.plan is not None
        mine = [p for p in self.best.plan.projects if p in self.projects]
        capital = math.fsum(self.projects[p].capital_mcny for p in mine)
        if not budgets and len(mine) > 1:
            budgets = [round(capital / 4, 1), round(capital / 2, 1)]
        only = [b for b in sorted(set(budgets)) if b < capital]
        found = [BestSet(math.inf, self.best, tuple(mine), True)]
        found += [BestSet(b, self.best, tuple(mine), True) for b in budgets if b >= capital]
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
            found.append(BestSet(budget, solved, built, keeps))
        return sorted(found, key=lambda s: s.budget)


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
