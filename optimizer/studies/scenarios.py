"""Scenarios: what may come, with probabilities. Read from a file, or drawn and reduced.

Draws are triangular between the documented low, the value and the documented high of each number,
tied together within a group (volumes, tariffs, capacities, endowments) by a Gaussian copula.
`reduce_scenarios` keeps the few that stand best for all (fast forward selection, Heitsch and
Roemisch 2003).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from instances import Instance
from instances.errors import InstanceError
from instances.override import parse_override
from instances.schema import TABLE
from optimizer.plan.plan import Question
from optimizer.question import check_question

FIELDS = ("name", "probability", "overrides", "closed")
GROUPS = ("volumes", "tariffs", "capacities", "endowments")
# Tables (and settings) that say what may be built and by which rules: the same in every scenario,
# because the siting is decided before it is known which one comes.
OF_THE_SITING = (
    "zones", "modules", "projects", "project_effects", "rules", "chains", "eligibility", "places",
    "pool_members", "forms",
)  # fmt: skip
SETTINGS_OF_THE_SITING = (
    "year", "discount_rate", "road_detour_factor", "road_speed_km_per_hour",
)  # fmt: skip
MONEY_OF_TARIFFS = (
    "fixed_cny_per_teu", "rate_cny_per_teu_km", "rate_cny_per_tonne", "rate_cny_per_tonne_km",
)  # fmt: skip
# group -> (table, column drawn, low, high)
RANGES = {
    "volumes": (
        "blocks", "volume_mcny_per_year",
        "volume_low_mcny_per_year", "volume_high_mcny_per_year",
    ),
    "capacities": (
        "bottlenecks", "capacity_teu_per_year",
        "capacity_low_teu_per_year", "capacity_high_teu_per_year",
    ),
    "endowments": ("pools", "endowment", "endowment_low", "endowment_high"),
}  # fmt: skip
WORST_IS_HIGH = ("volumes", "tariffs")  # more to be made, dearer carriage; for the others: low


@dataclass(frozen=True)
class Scenario:
    """One way things may come: overrides of the instance and what is closed, with a probability."""

    name: str
    probability: float
    overrides: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Parameter:
    """One uncertain number: its documented range, and how a value of it is written as overrides."""

    group: str
    name: str
    low: float
    value: float
    high: float
    columns: tuple[str, ...] = field(default=())  # ``table.id.column`` that get value or factor

    def overrides(self, value: float) -> tuple[str, ...]:
        """Return the overrides that give the parameter this value."""
        times = "*" if self.group == "tariffs" else ""
        return tuple(f"{column}{times}={value!r}" for column in self.columns)


# -- from a file --------------------------------------------------------------------------------


def read_scenarios(instance: Instance, question: Question, path: Path) -> list[Scenario]:
    """Return the scenarios of a CSV file (name, probability, overrides, closed).

    Raises
    ------
    InstanceError
        All faults of the file at once, each with its row and column.
    """
    faults: list[str] = []
    found: list[Scenario] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = reader.fieldnames or []
        unknown = [n for n in names if n not in FIELDS]
        if "name" not in names or "probability" not in names or unknown:
            what = f"unknown columns {', '.join(unknown)}" if unknown else "name or probability"
            what = what if unknown else f"no column {what}"
            raise InstanceError(f"{path}: {what}; the columns are {', '.join(FIELDS)}")
        for number, row in enumerate(reader, start=2):
            try:
                cells = {k: (v or "").strip() for k, v in row.items() if k}
                found.append(_from_row(instance, question, cells))
            except (InstanceError, ValueError) as error:
                faults.append(f"{path}, row {number} ({row.get('name') or 'no name'}): {error}")
    twice = sorted({s.name for s in found if sum(o.name == s.name for o in found) > 1})
    faults += [f"{path}: the name {name!r} is given twice" for name in twice]
    total = math.fsum(s.probability for s in found)
    if not faults and not found:
        faults.append(f"{path}: no rows")
    if not faults and abs(total - 1) > 1e-6:
        faults.append(f"{path}: column probability adds up to {total:.10g}; it must add up to 1")
    if faults:
        raise InstanceError("\n".join(faults))
    return [replace(s, probability=s.probability / total) for s in found]


def _from_row(instance: Instance, question: Question, row: dict[str, str]) -> Scenario:
    if not row["name"]:
        raise ValueError("column name is empty")
    try:
        probability = float(row["probability"])
    except ValueError:
        probability = math.nan
    if not 0 < probability <= 1:
        raise ValueError(f"column probability: {row['probability']!r} must be above 0, at most 1")
    overrides, closed = _parts(row.get("overrides", "")), _parts(row.get("closed", ""))
    for text in overrides:
        check_second_stage(text)
    changed = instance.override(*overrides) if overrides else instance
    check_question(changed, replace(question, closed=question.closed + closed))
    return Scenario(row["name"], probability, overrides, closed)


def check_second_stage(text: str) -> None:
    """Raise `InstanceError` if an override changes what a siting is decided by."""
    change = parse_override(text)
    of_siting = change.table in OF_THE_SITING
    if change.table == "settings":
        of_siting = change.column in SETTINGS_OF_THE_SITING
    if of_siting:
        raise InstanceError(
            f"{text!r}: {change.table} cannot differ by scenario, because the siting is decided "
            "before it is known which scenario comes; use --set to change it in all of them"
        )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in text.split(";") if p.strip())


# -- drawn --------------------------------------------------------------------------------------


def parameters(instance: Instance, groups: Sequence[str] = GROUPS) -> list[Parameter]:
    """Return the uncertain numbers of an instance: those with a documented range."""
    found: list[Parameter] = []
    for group in groups:
        if group == "tariffs":
            found += _tariffs(instance)
            continue
        name, column, low, high = RANGES[group]
        key = TABLE[name].key
        for row in instance.tables[name].to_dict("records"):
            value, lower, upper = (float(row[c]) for c in (column, low, high))
            ends = [v for v in (lower, upper) if not math.isnan(v)]
            if not ends or not math.isfinite(value):
                continue
            lower, upper = min([value, *ends]), max([value, *ends])
            if lower < upper < math.inf:
                ident = "/".join(str(row[k]) for k in key)
                text = (f"{name}.{ident}.{column}",)
                found.append(Parameter(group, f"{name}.{ident}", lower, value, upper, text))
    return found


def _tariffs(instance: Instance) -> list[Parameter]:
    found = []
    for row in instance.tables["tariffs"].to_dict("records"):
        low, high = min(1.0, row["cost_factor_low"]), max(1.0, row["cost_factor_high"])
        paid = tuple(f"tariffs.{row['tariff_id']}.{c}" for c in MONEY_OF_TARIFFS if row[c])
        if low < high and paid:
            found.append(Parameter("tariffs", f"tariffs.{row['tariff_id']}", low, 1.0, high, paid))
    return found


def draw(drawn: Sequence[Parameter], count: int, correlation: float, seed: int) -> np.ndarray:
    """Return values of the parameters, one row per draw, all equally likely.

    Each is triangular between low, value and high. ``correlation`` (0 to 1) is that of the normal
    variables behind any two parameters of one group; parameters of different groups are
    independent (Gaussian copula).
    """
    from scipy.special import ndtr

    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation {correlation} must be between 0 and 1")
    rng = np.random.default_rng(seed)
    groups = sorted({p.group for p in drawn})
    common = rng.standard_normal((count, len(groups)))
    own = rng.standard_normal((count, len(drawn)))
    member = np.array([groups.index(p.group) for p in drawn], dtype=int)
    shares = ndtr(math.sqrt(correlation) * common[:, member] + math.sqrt(1 - correlation) * own)
    low, mode, high = (np.array([getattr(p, n) for p in drawn]) for n in ("low", "value", "high"))
    return triangular(shares, low, mode, high)


def triangular(share: np.ndarray, low: Any, mode: Any, high: Any) -> np.ndarray:
    """Return the quantiles of triangular distributions."""
    width = high - low
    turn = (mode - low) / width
    left = low + np.sqrt(share * width * (mode - low))
    right = high - np.sqrt((1 - share) * width * (high - mode))
    return np.where(share <= turn, left, right)


def drawn_scenarios(
    instance: Instance,
    *,
    draws: int,
    keep: int,
    groups: Sequence[str] = GROUPS,
    correlation: float = 0.5,
    seed: int = 0,
) -> list[Scenario]:
    """Return ``keep`` scenarios that stand for ``draws`` draws from the documented ranges.

    Raises
    ------
    InstanceError
        No number of these groups has a documented range.
    """
    uncertain = parameters(instance, groups)
    if not uncertain:
        raise InstanceError(
            f"no number of {', '.join(groups)} has a documented range (columns *_low_*, *_high_*): "
            "there is nothing to draw; give a file of scenarios instead"
        )
    values = draw(uncertain, draws, correlation, seed)
    kept, probability = reduce_scenarios(spread(uncertain, values), keep)
    width = len(str(draws))
    return [
        Scenario(
            f"draw {k + 1:0{width}d}",
            float(p),
            tuple(t for q, v in zip(uncertain, values[k], strict=True)
                  for t in q.overrides(round(float(v), 6))),
            about=_about(uncertain, values[k]),
        )
        for k, p in zip(kept, probability, strict=True)
    ]  # fmt: skip


def _about(uncertain: Sequence[Parameter], values: np.ndarray) -> str:
    """Say how the groups of a draw stand: sums against those of the tables, tariffs on average."""
    words = []
    for group in dict.fromkeys(p.group for p in uncertain):
        at = [k for k, p in enumerate(uncertain) if p.group == group]
        base = sum(uncertain[k].value for k in at)
        if base > 0:
            words.append(f"{group} {float(values[at].sum()) / base - 1:+.0%}")
    return ", ".join(words)


def spread(uncertain: Sequence[Parameter], values: np.ndarray) -> np.ndarray:
    """Return draws as points; their distance says how different they are, groups count alike."""
    points = np.zeros_like(values)
    for group in {p.group for p in uncertain}:
        at = [k for k, p in enumerate(uncertain) if p.group == group]
        part = values[:, at] - values[:, at].mean(axis=0)
        scale = math.sqrt(float((part**2).sum()) / max(1, len(part)))
        points[:, at] = part / scale if scale > 0 else 0.0
    return points


def reduce_scenarios(
    points: np.ndarray, keep: int, probability: np.ndarray | None = None
) -> tuple[list[int], np.ndarray]:
    """Return the rows that stand for all, and their probabilities (fast forward selection).

    One after the other, the row is kept that brings the probability-weighted distance of all rows
    to the nearest kept one down most (Heitsch and Roemisch 2003, algorithm 2.4); the probability of
    a row that is not kept goes to the nearest one that is.
    """
    count = len(points)
    weight = np.full(count, 1.0 / count) if probability is None else np.asarray(probability, float)
    if keep < 1:
        raise ValueError(f"keep {keep} must be at least 1")
    squares = (points**2).sum(axis=1)
    product = points @ points.T
    distance = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None, :] - 2 * product))
    np.fill_diagonal(distance, 0.0)
    nearest = np.full(count, np.inf)
    kept: list[int] = []
    while len(kept) < min(keep, count):
        left = np.minimum(distance, nearest[:, None])  # distance of each row if a column is kept
        total = weight @ left
        total[kept] = np.inf
        chosen = int(np.argmin(total))
        kept.append(chosen)
        nearest = left[:, chosen]
    kept.sort()
    goes_to = np.argmin(distance[:, kept], axis=1)
    given = np.zeros(len(kept))
    np.add.at(given, goes_to, weight)
    return kept, given / given.sum()


def budget_scenarios(
    instance: Instance, gamma: int, groups: Sequence[str] = GROUPS
) -> list[Scenario]:
    """Return one scenario for every set of at most ``gamma`` groups that are at their worst.

    Worst: volumes and tariffs at their documented high, capacities and endowments at their low, all
    numbers of the group at once; the other groups as in the tables.
    """
    uncertain = parameters(instance, groups)
    present = [g for g in groups if any(p.group == g for p in uncertain)]
    if not present:
        raise InstanceError(f"no number of {', '.join(groups)} has a documented range")
    if not 0 <= gamma <= len(present):
        raise InstanceError(f"robust {gamma}: there are {len(present)} groups with ranges")
    sets = [s for size in range(gamma + 1) for s in combinations(present, size)]
    return [
        Scenario(
            " and ".join(chosen) + " at worst" if chosen else "as in the tables",
            1.0 / len(sets),
            tuple(
                text
                for p in uncertain
                if p.group in chosen
                for text in p.overrides(p.high if p.group in WORST_IS_HIGH else p.low)
            ),
        )
        for chosen in sets
    ]


# -- the mean -----------------------------------------------------------------------------------


def mean_overrides(instance: Instance, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Return the overrides of the mean scenario: every changed number at its expected value.

    What is no number (text, flags) and what is closed cannot be averaged and stays as it is.
    """
    changed = [instance.override(*s.overrides) if s.overrides else instance for s in scenarios]
    texts = []
    names = {parse_override(t).table for s in scenarios for t in s.overrides}
    if "settings" in names:
        keys = {parse_override(t).column for s in scenarios for t in s.overrides
                if parse_override(t).table == "settings"}  # fmt: skip
        for key in sorted(keys):
            values = [float(getattr(c.settings, key)) for c in changed]
            texts.append(f"settings.{key}={_mean(values, scenarios)!r}")
    for name in sorted(names - {"settings"}):
        table, base = TABLE[name], instance.tables[name]
        for column in table.columns:
            if column.kind != "number":
                continue
            before = base[column.name].to_numpy(dtype=float)
            after = np.array([c.tables[name][column.name].to_numpy(dtype=float) for c in changed])
            differs = ~((after == before) | (np.isnan(after) & np.isnan(before)))
            for row in np.flatnonzero(differs.any(axis=0)).tolist():
                key = "/".join(str(base[k].iloc[row]) for k in table.key)
                value = _mean(after[:, row].tolist(), scenarios)
                texts.append(f"{name}.{key}.{column.name}={value!r}")
    return tuple(texts)


def _mean(values: Sequence[float], scenarios: Sequence[Scenario]) -> float:
    return math.fsum(s.probability * v for s, v in zip(scenarios, values, strict=True))
