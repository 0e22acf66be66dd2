"""The chapter of `status`: candidates alone, in pairs, and the best sets, each with its range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies.case import Solved
from optimizer.studies.projects import Project, yearly_cost
from optimizer.studies.session import Session

DUST = 1e-6  # mcny a year


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


@dataclass(frozen=True)
class BestSet:
    """The best plan under a budget of projects, and the candidates in it."""

    budget: float
    solved: Solved
    projects: tuple[str, ...]
    keeps_budget: bool


@dataclass(frozen=True)
class Findings:
    """All that was solved for the candidates, by id of the candidate."""

    session: Session
    projects: Mapping[str, Project]
    rows: Mapping[str, Mapping[str, Any]]  # of the table projects
    harmless: bool  # a free grant cannot do harm
    none: Solved
    best: Solved
    values: Mapping[str, Value]  # of free grants
    nets: Mapping[str, Value]  # after their own cost
    last: Mapping[str, Value]  # what the best plan loses without it
    plans: Mapping[str, Solved]
    pairs: Sequence[tuple[str, str, Solved, Value]]  # with the value of both, free
    all_pairs: int
    sets: Sequence[BestSet]

    def chapter(self) -> Chapter:
        """Return the chapter."""
        tables = [self._alone_table(), self._pairs_table(), self._sets_table()]
        total = Value(
            max(0.0, self.none.high - self.best.high), max(0.0, self.none.low - self.best.high),
            max(0.0, self.none.high - self.best.low),
        )  # fmt: skip
        return Chapter(
            "status",
            "Status and projects",
            "资格与项目",
            asked=(
                f"{len(self.projects)} candidates of {self.session.instance.name}: each granted "
                "alone, against none granted; pairs; the best set.",
            ),
            findings=tuple(self._words(total)),
            tables=tuple(tables),
            charts=(
                Chart(
                    "values", "Value of a free grant, million CNY a year", "bars", "alone",
                    x="project", y="value_mcny", x_title="million CNY a year",
                ),
            ),
            cautions=tuple(self._cautions()),
            assumed=(
                ("projects.*.capital_mcny", "capital and upkeep of the candidates"),
                ("project_effects.*.amount", "how much a grant adds"),
            ),
            facts=self.session.facts(),
        )  # fmt: skip

    def _words(self, total: Value) -> list[str]:
        values, nets, sets = self.values, self.nets, self.sets
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

    def _cautions(self) -> list[str]:
        nets, pairs, sets = self.nets, self.pairs, self.sets
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

    def _alone_table(self) -> Table:
        values, nets, last, plans = self.values, self.nets, self.last, self.plans
        rate = self.session.instance.settings.discount_rate
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
                    math.fsum(yearly_cost(self.rows[q], rate) for q in project.needs),
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

    def _pairs_table(self) -> Table:
        values = self.values
        rows = []
        for a, b, solved, both in self.pairs:
            one, other = values[a], values[b]
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

    def _sets_table(self) -> Table:
        rows = []
        for s in self.sets:
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
