"""What is computed from rows: references, gaps, time to a gap, primal integral, profiles."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimizer.bench.rows import Row

TABLE = Path(__file__).with_name("best_known.csv")
INFEASIBLE = math.inf  # the known value of an instance that has no plan
TIE = 1e-6  # relative: values so near are the same
Known = Mapping[tuple[str, str], "KnownValue"]


@dataclass(frozen=True)
class KnownValue:
    """A value from outside: ``is_fact`` unless its source says that it was only recalled."""

    value: float
    is_proven: bool
    source: str

    @property
    def is_fact(self) -> bool:
        """False if nobody read or computed the value."""
        return not self.source.startswith("memory")


def known_values(*tables: Path) -> dict[tuple[str, str], KnownValue]:
    """Return known values by (family, instance); of several tables the first that has one counts.

    Columns: family, instance, best_known (a number, ``infeasible`` or empty), proven_optimal,
    source.
    """
    from instances.errors import Fault, InstanceError

    found: dict[tuple[str, str], KnownValue] = {}
    for table in tables:
        with table.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    text = row["best_known"]
                    if not text:
                        continue
                    value = INFEASIBLE if text == "infeasible" else float(text)
                    key = row["family"], row["instance"].split(" ")[0]
                    entry = KnownValue(value, row["proven_optimal"] == "1", row["source"])
                except (KeyError, ValueError, AttributeError) as error:
                    message = f"is no row of a table of known values: {error}"
                    raise InstanceError([Fault(table.name, number, "", "", message)]) from error
                found.setdefault(key, entry)
    return found


@dataclass(frozen=True)
class Group:
    """All rows of one case, and what they are measured by."""

    suite: str
    case: str
    family: str
    rows: tuple[Row, ...]
    known: KnownValue | None

    @property
    def best_found(self) -> float:
        """The best plan of the rows that holds; inf if none."""
        found = (r.objective for r in self.rows if r.has_plan and r.objective is not None)
        return min(found, default=math.inf)

    @property
    def best_bound(self) -> float:
        """The best bound of the rows that no plan contradicts; -inf if none."""
        ceiling = self.best_found + TIE * abs(self.best_found)
        found = (r.bound for r in self.rows if r.bound is not None and not r.bound > ceiling)
        return max(found, default=-math.inf)

    @property
    def is_infeasible(self) -> bool:
        """True if it is known, or a run proved, that there is no plan."""
        known = self.known is not None and self.known.value == INFEASIBLE
        return known or (
            math.isinf(self.best_found) and any(r.status == "infeasible" for r in self.rows)
        )

    @property
    def reference(self) -> float | None:
        """The best value there is, found or known; None if there is none."""
        values = [self.best_found]
        if self.known is not None and self.known.is_fact:
            values.append(self.known.value)
        best = min(values)
        return best if math.isfinite(best) else None

    @property
    def floor(self) -> float | None:
        """What times to a gap are measured by: the best known value, else the best bound."""
        if self.known is not None and self.known.is_fact and math.isfinite(self.known.value):
            return min(self.known.value, self.best_found)
        return self.best_bound if math.isfinite(self.best_bound) else None

    def contradictions(self) -> list[str]:
        """Return every bound that is above a plan that holds, and every false infeasible."""
        said = []
        reference = self.reference
        for row in self.rows:
            if reference is None:
                break
            if row.bound is not None and row.bound > reference + TIE * abs(reference):
                said.append(
                    f"{row.solver}: bound {row.bound:.9g} is above the plan {reference:.9g}"
                )
            if row.status == "infeasible":
                said.append(f"{row.solver}: infeasible, but there is a plan at {reference:.9g}")
        return said


def groups_of(rows: Iterable[Row], known: Known) -> list[Group]:
    """Return the rows by suite and case, in the order in which the cases came first."""
    by_case: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_case[row.suite, row.case].append(row)
    groups = []
    for (suite, case), members in by_case.items():
        value = known.get(members[0].known) if members[0].known else None
        groups.append(Group(suite, case, members[0].family, tuple(members), value))
    return groups


def above(row: Row, value: float | None) -> float | None:
    """Return by how much the plan is above a value, relative; None without plan or value."""
    if not row.has_plan or row.objective is None or value is None or not math.isfinite(value):
        return None
    return (row.objective - value) / max(abs(value), 1e-12)


def time_above(row: Row, value: float | None, share: float) -> float | None:
    """Return the second at which the plan was first at most ``share`` above ``value``."""
    if not row.has_plan or value is None or not math.isfinite(value):
        return None
    limit = value + share * abs(value) + 1e-9 * abs(value)
    times = [t for t, incumbent, _ in row.trace if incumbent is not None and incumbent <= limit]
    return min(times, default=None)


def time_proven(row: Row, gap: float) -> float | None:
    """Return the second at which the run itself had proven ``gap`` (of its plan); None if never."""
    if not row.has_plan:
        return None
    for seconds, incumbent, bound in row.trace:
        if incumbent is None or bound is None:
            continue
        if incumbent - bound <= gap * abs(incumbent) + 1e-9:
            return seconds
    return None


def proven_at(row: Row, seconds: float) -> float | None:
    """Return the gap that the run itself had proven by that second; None without plan or bound."""
    incumbent = bound = None
    for at, plan, limit in row.trace:
        if at > seconds:
            break
        incumbent = plan if plan is not None else incumbent
        bound = limit if limit is not None else bound
    if incumbent is None or bound is None or not row.has_plan:
        return None
    return max(0.0, incumbent - bound) / max(abs(incumbent), 1e-12)


def time_solved(row: Row) -> float | None:
    """Return the seconds of building and solving of a run that proved what was asked."""
    if row.status == "infeasible":
        return row.seconds
    return row.seconds if row.status == "optimal" and row.has_plan else None


def primal_integral(row: Row, reference: float | None) -> float | None:
    """Return the integral over the limit of the primal gap (1 without a plan), seconds.

    The gap is ``|plan - reference| / max(|plan|, |reference|)`` (Berthold 2013).
    """
    if reference is None:
        return None
    total, since, gap = 0.0, 0.0, 1.0
    for seconds, incumbent, _ in row.trace if row.has_plan else ():
        if incumbent is None:
            continue
        until = min(seconds, row.limit_s)
        total += gap * max(0.0, until - since)
        since = max(since, until)
        largest = max(abs(incumbent), abs(reference))
        gap = 0.0 if largest == 0 else min(1.0, abs(incumbent - reference) / largest)
    return total + gap * max(0.0, row.limit_s - since)


def profile(
    groups: Sequence[Group], solvers: Sequence[str]
) -> dict[str, list[tuple[float, float]]]:
    """Return the performance profile (Dolan and More 2002) of the times to proof.

    By solver: (factor, share of the cases solved within that factor of the best solver). Cases
    that nobody solved count as unsolved by all.
    """
    ratios: dict[str, list[float]] = {solver: [] for solver in solvers}
    count = len(groups)
    for group in groups:
        times = {}
        for solver in solvers:
            found = [time_solved(row) for row in group.rows if row.solver == solver]
            solved = [t for t in found if t is not None]
            if solved and len(solved) == len(found):
                times[solver] = max(sum(solved) / len(solved), 1e-2)
        best = min(times.values(), default=math.inf)
        for solver, seconds in times.items():
            ratios[solver].append(seconds / best)
    return {
        solver: [(ratio, (k + 1) / count) for k, ratio in enumerate(sorted(found))]
        for solver, found in ratios.items()
    }
