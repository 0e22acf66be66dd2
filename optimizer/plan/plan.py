"""A plan as data: decisions, flows, accounts, bound. Written to and read from ``plan.json``.

All money is million CNY a year, output million CNY a year, goods TEU a year. Nothing here computes:
the engine fills a plan, `optimizer.plan.verify` recomputes it from the tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import Any

FORMAT = "zoneopt-plan-1"


class Status(StrEnum):
    """How a solve ended. Only `OPTIMAL` and `FEASIBLE` have a plan."""

    OPTIMAL = "optimal"  # within the gap that was asked for
    FEASIBLE = "feasible"  # a plan, stopped before the gap was reached
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_PLAN_IN_TIME = "no_plan_in_time"
    SOLVER_ERROR = "solver_error"

    @property
    def has_plan(self) -> bool:
        """True if a plan comes with this status."""
        return self in (Status.OPTIMAL, Status.FEASIBLE)


OBJECTIVES = ("cost", "absorbed", "jobs", "hours", "co2e", "outlay")
MAXIMISED = ("absorbed", "jobs")
# What ``least`` and ``most`` of a question may bound, and what each is counted in.
DECISIONS = {
    "zone": "1 if the zone is open",
    "host": "1 if the zone hosts the industry; the id is ZONE/INDUSTRY",
    "module": "modules built",
    "project": "1 if the project is built",
    "service": "1 if the service runs by decision",
    "increment": "amount bought for the pool, in the pool's unit",
    "output": "million CNY a year that come to the zones; the id is an industry, or `all`",
    "zone_output": "million CNY a year that come to the zone",
}
EVERY_INDUSTRY = "all"  # the id of an ``output`` bound on what all industries bring together


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an instance. Hashable, so that equal questions are recognised."""

    objective: str = "cost"
    target_mcny: float | None = None  # least output that must come to the zones
    target_share: float | None = None  # the same as a share of all relocatable volume
    industry_targets: tuple[tuple[str, float], ...] = ()  # (industry_id, mcny)
    budget_mcny: float | None = None  # most capital of zones, modules, projects
    cost_limit_mcny: float | None = None  # most total cost, for objectives other than cost
    closed: tuple[str, ...] = ()  # ids of places, links, transfers, customs, corridors, services
    open_zones: tuple[str, ...] = ()
    forbid_zones: tuple[str, ...] = ()
    least: tuple[tuple[str, str, float], ...] = ()  # (kind of DECISIONS, id, at least so much)
    most: tuple[tuple[str, str, float], ...] = ()  # the same, at most
    # (objective, value): cost, hours, co2e, outlay at most; absorbed, jobs at least
    limits: tuple[tuple[str, float], ...] = ()
    # (open zones of another plan, d): at least d zones are to be opened or closed against it
    differ: tuple[tuple[tuple[str, ...], int], ...] = ()
    # With objective cost: (measure, mcny per unit, >= 0) that is minimised with the cost; a unit of
    # absorbed or jobs is taken off
    weights: tuple[tuple[str, float], ...] = ()

    def weighted(self, amounts: Mapping[str, float]) -> float:
        """What the weights add to the cost at these amounts of measures, mcny a year."""
        return math.fsum(
            (-value if name in MAXIMISED else value) * amounts[name] for name, value in self.weights
        )


ADDED_LATER = ("least", "most", "limits", "differ", "weights")  # plans written before lack them


@dataclass(frozen=True, slots=True)
class Move:
    """Output of a block moved to a zone under a trade form."""

    origin_id: str
    industry_id: str
    zone_id: str
    form_id: str
    output_mcny: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Goods of one host on one route. ``arcs`` are keys in travel order; empty means ``@local``.

    ``host_kind`` is ``zone``, ``rival`` or ``stay`` (host_id = origin_id).
    An arc key is ``link:LINK_ID:fwd|rev:REGIME``, ``transfer:TRANSFER_ID:fwd|rev:REGIME`` or
    ``customs:CUSTOMS_ID:YARD`` (YARD = a mode or ``gate``).
    """

    host_kind: str
    host_id: str
    form_id: str
    industry_id: str
    goods: str  # the goods key of docs/formulas.md
    teu: float
    arcs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One line of the accounts; the lines sum to the cost."""

    component: str
    host_kind: str  # zone, rival, stay, or "" for projects and services
    host_id: str  # or the project or service
    industry_id: str
    origin_id: str
    mcny: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer, complete and re-readable."""

    instance_id: str
    instance_hash: str
    question: Question
    status: Status
    stop_reason: str
    objective: float  # value of the question's objective; cost in mcny, weights included
    bound: float  # proven bound on it: lower for minimisation, upper for maximisation
    cost_mcny: float
    stay_cost_mcny: float  # cost of the same volume when nothing moves; nan where it must move
    open_zones: tuple[str, ...]
    hosts: tuple[tuple[str, str], ...]  # (zone_id, industry_id)
    moves: tuple[Move, ...]
    stays: tuple[tuple[str, str, float], ...]  # (origin_id, industry_id, mcny)
    rivals: tuple[tuple[str, str, str, float], ...]  # (origin_id, industry_id, rival_id, mcny)
    modules: tuple[tuple[str, int], ...]  # (module_id, count)
    increments: tuple[tuple[str, float], ...]  # (pool_id, amount)
    projects: tuple[str, ...]
    services: tuple[str, ...]  # services that run by decision (not runs_today)
    flows: tuple[Flow, ...]
    accounts: tuple[AccountLine, ...]
    certificate: Mapping[str, Any] = field(default_factory=dict)  # see docs/plan.md

    @property
    def gap(self) -> float:
        """Relative distance of objective and bound, as a share of the objective."""
        if self.objective == self.bound:
            return 0.0
        return abs(self.objective - self.bound) / max(abs(self.objective), 1e-12)

    @property
    def absorbed_mcny(self) -> float:
        """Output that moves to the zones, million CNY a year."""
        return math.fsum(m.output_mcny for m in self.moves)

    def to_json(self) -> str:
        """The plan as JSON text; `Plan.from_json` gives the same plan back."""
        return json.dumps(self.to_document(), ensure_ascii=False, indent=1, allow_nan=False)

    def to_document(self) -> dict[str, Any]:
        """The plan as JSON can hold it; `Plan.from_document` gives the same plan back."""
        raw: dict[str, Any] = {"format": FORMAT}
        for name in _names(Plan):
            value = getattr(self, name)
            if name in _ROWS:
                columns = _names(_ROWS[name])
                value = [dict(zip(columns, _cells(row, columns), strict=True)) for row in value]
            raw[name] = _finite(asdict(value)) if name == "question" else _finite(value)
        return raw

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote; ValueError with the reason when it is something else."""
        return cls.from_document(json.loads(text))

    @classmethod
    def from_document(cls, document: Any) -> Plan:
        """Read what `to_document` made; ValueError with the reason when it is something else."""
        raw = dict(document) if isinstance(document, dict) else {}
        if raw.pop("format", None) != FORMAT:
            raise ValueError(f"this is not a plan of format {FORMAT}")
        raw = {key: _infinite(value) for key, value in raw.items()}
        try:
            question = {k: _tuples(v) for k, v in raw.pop("question").items()}
            missing = {f.name for f in fields(Question)} - set(question) - set(ADDED_LATER)
            if missing:  # a default in its place would be another question
                raise KeyError(f"question lacks {', '.join(sorted(missing))}")
            return cls(
                question=Question(**question),
                status=Status(raw.pop("status")),
                moves=tuple(Move(**m) for m in raw.pop("moves")),
                flows=tuple(Flow(**(f | {"arcs": tuple(f["arcs"])})) for f in raw.pop("flows")),
                accounts=tuple(AccountLine(**a) for a in raw.pop("accounts")),
                certificate=raw.pop("certificate"),
                **{k: _tuples(v) for k, v in raw.items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this plan is damaged: {error}") from error


_ROWS = {"moves": Move, "flows": Flow, "accounts": AccountLine}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _cells(row: Any, columns: tuple[str, ...]) -> Iterator[Any]:
    return (getattr(row, name) for name in columns)


def _finite(value: Any) -> Any:
    """Replace inf and nan, which JSON does not have, by words."""
    if type(value) is str:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return list(value) if _are_words(value) else [_finite(v) for v in value]
    return value


def _are_words(values: list[Any] | tuple[Any, ...]) -> bool:
    """Say quickly whether there is nothing but text, as in the arcs of most flows."""
    return set(map(type, values)) == {str}


def _infinite(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, dict):
        if len(value) == 1 and "number" in value:
            return float(value["number"])
        return {k: _infinite(v) for k, v in value.items()}
    if isinstance(value, list):
        return value if _are_words(value) else [_infinite(v) for v in value]
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
