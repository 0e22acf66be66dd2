"""What the verifier says: one `Violation` per broken rule and place, all of them in a `Verdict`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# The names under which violations are filed. Numbers are those of docs/formulas.md.
INSTANCE = "instance"  # the plan is of another instance
QUESTION = "question"  # the question is not one, or its targets and limits are missed
NUMBERS = "numbers"  # an amount that is no number, negative, infinite
IDS = "ids"  # an id that the tables do not hold, or held twice by the plan
VOLUME = "1 volume"
HOSTING = "2 hosting"
POOLS = "3+4 pools"
RULES = "5 rules"
CHAINS = "6 chains"
WHOLE = "7 whole blocks"
FLOWS = "8 flows"
BOTTLENECKS = "9 bottlenecks"
SERVICES = "10 services"
PROJECTS = "11 projects"
AGGLOMERATION = "12 agglomeration"
ACCOUNTS = "accounts"
COST = "cost"
OBJECTIVE = "objective"
STAY_COST = "stay cost"
STATUS = "status"
BOUND = "bound"
CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: which, where (ids of the rows), what was found, what is allowed."""

    rule: str
    where: str
    found: float | str
    allowed: float | str
    message: str

    def __str__(self) -> str:
        numbers = f" (found {_shown(self.found)}, allowed {_shown(self.allowed)})"
        return f"[{self.rule}] {self.where}: {self.message}{numbers}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out of the verification. Money in million CNY a year."""

    ok: bool
    violations: tuple[Violation, ...]
    cost_mcny: float  # recomputed from the tables
    components: dict[str, float]  # recomputed, mcny by component
    objective: float  # recomputed, in the unit of the question's objective
    bound_certified: float | None  # what the certificate proves; None where it proves nothing
    bound_stated: float
    gap_certified: float | None  # (objective - bound_certified) / |objective|
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the verdict as lines of text, one violation or note a line."""
        head = (
            "the plan holds" if self.ok else f"the plan is REJECTED: {len(self.violations)} faults"
        )
        text = [head, *(f"  {violation}" for violation in self.violations)]
        text.append(f"recomputed cost: {self.cost_mcny:.6f} mcny a year")
        text += [f"  {name:<14} {mcny:>18.6f}" for name, mcny in sorted(self.components.items())]
        text.append(
            f"recomputed objective: {self.objective:.6f}; stated bound: {self.bound_stated}"
        )
        if self.bound_certified is None:
            text.append("certified bound: none")
        else:
            gap = "" if self.gap_certified is None else f" (gap {100 * self.gap_certified:.4f} %)"
            text.append(f"certified bound: {self.bound_certified:.6f}{gap}{self._share()}")
        return text + [f"note: {note}" for note in self.notes]

    def _share(self) -> str:
        """Say how much of the stated bound needs no solver."""
        stated, certified = self.bound_stated, self.bound_certified
        if certified is None or not isinstance(stated, int | float):  # a plan may hold anything
            return ""
        if not (math.isfinite(stated) and stated > 0 and certified > 0):
            return ""
        return f", {100 * min(1.0, certified / stated):.4f} % of the stated bound, without a solver"


@dataclass
class Findings:
    """Collects violations and notes. ``tolerance`` is relative, and absolute below one unit."""

    tolerance: float = 1e-6
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        rule: str,
        where: str,
        message: str,
        found: float | str = "",
        allowed: float | str = "",
    ) -> None:
        """File a violation."""
        self.violations.append(Violation(rule, where, found, allowed, message))

    def note(self, text: str) -> None:
        """Keep something the reader should know and that is no violation."""
        self.notes.append(text)

    def slack(self, limit: float) -> float:
        """Return by how much a limit may be missed."""
        return self.tolerance * max(1.0, abs(limit))

    def at_most(self, rule: str, where: str, found: float, limit: float, message: str) -> None:
        """File a violation unless ``found <= limit``; a NaN on either side is one."""
        if limit == math.inf and not math.isnan(found):
            return
        if not found <= limit + self.slack(limit):
            self.add(rule, where, message, found, limit)

    def at_least(self, rule: str, where: str, found: float, limit: float, message: str) -> None:
        """File a violation unless ``found >= limit``; a NaN on either side is one."""
        if not found >= limit - self.slack(limit):
            self.add(rule, where, message, found, limit)

    def equal(self, rule: str, where: str, found: float, limit: float, message: str) -> None:
        """File a violation unless both are the same; a NaN on either side is one."""
        if not abs(found - limit) <= self.slack(limit):
            self.add(rule, where, message, found, limit)


def _shown(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value) or "-"
