"""What `solve` returns: the plan, how it was made, and tidy tables of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from instances import Instance
from optimizer.errors import NoPlanError
from optimizer.memory import Memory
from optimizer.plan.plan import Plan, Question, Status

if TYPE_CHECKING:
    from optimizer.engine.explain import Explanation
    from optimizer.engine.recognise import Structure


@dataclass(frozen=True)
class Result:
    """One solve. Status, bound and times are always there; the plan only if there is one.

    ``objective``, ``bound`` and ``gap`` are those of the question's objective (mcny for cost).
    ``seconds`` has read (0 unless the caller measured it), network, build and solve.
    """

    instance: Instance
    question: Question
    status: Status
    stop_reason: str
    objective: float
    bound: float
    gap: float
    seconds: Mapping[str, float]
    solver: str
    options: Mapping[str, Any]
    root_bound: float = float("nan")
    nodes: int | None = None
    notes: tuple[str, ...] = ()
    explanation: Explanation | None = None
    structure: Structure | None = None  # which method was chosen, and why
    peak_memory_mb: float = float("nan")  # highest resident memory of the process so far
    _plan: Plan | None = field(default=None, repr=False)
    _memory: Memory | None = field(default=None, repr=False)  # for a solve that starts from this

    @property
    def plan(self) -> Plan:
        """The plan; `NoPlanError` when the solve has none."""
        if self._plan is None:
            raise NoPlanError(f"There is no plan to read: the solve ended as '{self.status}'.")
        return self._plan

    @property
    def has_plan(self) -> bool:
        """True if the solve has a plan."""
        return self._plan is not None

    @property
    def open_zones(self) -> tuple[str, ...]:
        """Ids of the zones that receive transfer."""
        return self.plan.open_zones

    @property
    def absorbed_mcny(self) -> float:
        """Output that moves to the zones, million CNY a year."""
        return self.plan.absorbed_mcny

    @cached_property
    def moves(self) -> pd.DataFrame:
        """One row per origin, industry, zone and trade form: output_mcny a year."""
        return _frame(self.plan.moves, "origin_id industry_id zone_id form_id output_mcny")

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Cost lines (mcny a year) by component, host, industry, origin; they sum to the cost."""
        return _frame(self.plan.accounts, "component host_kind host_id industry_id origin_id mcny")

    @cached_property
    def flows(self) -> pd.DataFrame:
        """One row per route in use: host, goods, TEU a year, arcs in travel order."""
        return _frame(self.plan.flows, "host_kind host_id form_id industry_id goods teu arcs")

    @cached_property
    def siting(self) -> pd.DataFrame:
        """One row per open zone: industries hosted and output (mcny a year)."""
        moves = self.moves
        rows = []
        for zone in self.plan.open_zones:
            here = moves[moves["zone_id"] == zone]
            rows.append(
                {
                    "zone_id": zone,
                    "industries": ";".join(sorted(i for z, i in self.plan.hosts if z == zone)),
                    "output_mcny": float(here["output_mcny"].sum()),
                }
            )
        return pd.DataFrame(rows, columns=["zone_id", "industries", "output_mcny"])

    def summary(self) -> str:
        """A few lines for a person: what was decided, at what cost, how far it is proven."""
        lines = [f"{self.instance.name}: {self.status.value} ({self.stop_reason})"]
        if self._plan is not None:
            plan = self._plan
            total = sum(self.instance.tables["blocks"]["volume_mcny_per_year"])
            share = plan.absorbed_mcny / total if total else 0.0
            count = len(plan.open_zones)
            zones = "1 zone absorbs" if count == 1 else f"{count} zones absorb"
            lines.append(
                f"{zones} {plan.absorbed_mcny:,.0f} of {total:,.0f} "
                f"million CNY of output a year ({share:.1%})"
            )
            lines.append(
                f"objective {self.objective:,.2f}, bound {self.bound:,.2f}, gap {self.gap:.4%}"
            )
            lines.append(f"cost {plan.cost_mcny:,.2f} million CNY a year")
        if self.explanation is not None:
            lines += self.explanation.lines()
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object of ``zoneopt solve --json``."""
        plan = self._plan
        return {
            "status": self.status.value,
            "stop_reason": self.stop_reason,
            "objective": _number(self.objective),
            "bound": _number(self.bound),
            "gap": _number(self.gap),
            "objective_name": self.question.objective,
            "cost_mcny": plan.cost_mcny if plan else None,
            "stay_cost_mcny": _number(plan.stay_cost_mcny) if plan else None,
            "absorbed_mcny": plan.absorbed_mcny if plan else None,
            "open_zones": list(plan.open_zones) if plan else [],
            "projects": list(plan.projects) if plan else [],
            "seconds": {k: round(v, 4) for k, v in self.seconds.items()},
            "solver": self.solver,
            "root_bound": _number(self.root_bound),
            "nodes": self.nodes,
            "peak_memory_mb": _number(round(self.peak_memory_mb, 1)),
            "instance": {"id": self.instance.instance_id, "hash": self.instance.hash},
            "question": asdict(self.question),
            "notes": list(self.notes),
            "method": self.structure.method if self.structure else None,
            "method_reasons": list(self.structure.reasons) if self.structure else [],
            "explanation": self.explanation.to_dict() if self.explanation else None,
        }


def _frame(rows: tuple, columns: str) -> pd.DataFrame:
    names = columns.split()
    return pd.DataFrame([[getattr(r, n) for n in names] for r in rows], columns=names)


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity: an unknown number is null."""
    return value if value == value and abs(value) != float("inf") else None
