"""`listed`: a list of cases that a planner wrote down, each compared with the base."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from instances.errors import InstanceError
from optimizer.plan.plan import Question
from optimizer.problem import check_question
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies.case import Case, difference
from optimizer.studies.session import Session

FIELDS = ("name", "overrides", "closed", "open", "forbid", "target", "budget")


def read_cases(session: Session, path: Path) -> list[Case]:
    """Return the cases of a CSV file, on top of the session's question.

    Raises
    ------
    InstanceError
        All faults of the file at once, each with its row and column.
    """
    faults: list[str] = []
    cases: list[Case] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = reader.fieldnames or []
        unknown = [n for n in names if n not in FIELDS]
        if "name" not in names or unknown:
            what = f"unknown columns {', '.join(unknown)}" if unknown else "no column name"
            raise InstanceError(f"{path}: {what}; the columns are {', '.join(FIELDS)}")
        for number, row in enumerate(reader, start=2):
            try:
                cases.append(_case(session, {k: (v or "").strip() for k, v in row.items() if k}))
            except (InstanceError, ValueError) as error:
                faults.append(f"{path}, row {number} ({row.get('name') or 'no name'}): {error}")
    if not cases and not faults:
        faults.append(f"{path}: no rows")
    if faults:
        raise InstanceError("\n".join(faults))
    return cases


def _case(session: Session, row: dict[str, str]) -> Case:
    if not row["name"]:
        raise ValueError("column name is empty")
    overrides = _parts(row.get("overrides", ""))
    instance = session.instance.override(*overrides) if overrides else session.instance
    question = session.question
    question = replace(
        question,
        closed=question.closed + _parts(row.get("closed", "")),
        open_zones=question.open_zones + _parts(row.get("open", "")),
        forbid_zones=question.forbid_zones + _parts(row.get("forbid", "")),
    )
    question = _amounts(question, row)
    check_question(instance, question)
    return session.case(row["name"], question, overrides=overrides)


def _amounts(question: Question, row: dict[str, str]) -> Question:
    if row.get("target"):
        target = _number(row["target"].removesuffix("%"), "target")
        if row["target"].endswith("%"):
            question = replace(question, target_share=target / 100, target_mcny=None)
        elif target <= 1:
            question = replace(question, target_share=target, target_mcny=None)
        else:
            question = replace(question, target_mcny=target, target_share=None)
    if row.get("budget"):
        question = replace(question, budget_mcny=_number(row["budget"], "budget"))
    return question


def _number(text: str, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"column {column}: {text!r} is no number >= 0")
    return number


def _parts(text: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in text.split(";") if p.strip())


COLUMNS = (
    Column("case", "Case"),
    Column("status", "Status"),
    Column("cost_mcny", "Cost, million CNY a year", "mcny"),
    Column("change_mcny", "Against the base", "mcny"),
    Column("change_low_mcny", "at least", "mcny"),
    Column("change_high_mcny", "at most", "mcny"),
    Column("decided", "Sign decided"),
    Column("absorbed_mcny", "Absorbed, million CNY a year", "mcny"),
    Column("zones_count", "Zones", "count"),
    Column("zones_in", "Zones that come in"),
    Column("zones_out", "Zones that drop out"),
    Column("gap_share", "Gap", "share"),
)


def listed(session: Session, cases: Sequence[Case]) -> Chapter:
    """Return the chapter of a list of cases: cost, volume and zones of each against the base."""
    base, *solved = session.solve([session.case("base"), *cases])
    rows = []
    for case, found in zip(cases, solved, strict=True):
        value, low, high = difference(found, base)
        mine, before = set(found.open_zones), set(base.open_zones)
        rows.append(
            (
                case.name,
                str(found.status),
                found.cost_mcny,
                value,
                low,
                high,
                "yes" if low > 0 or high < 0 else "no",
                found.plan.absorbed_mcny if found.plan else math.nan,
                len(mine) if found.plan else math.nan,
                ", ".join(sorted(mine - before)) if found.plan else "",
                ", ".join(sorted(before - mine)) if found.plan else "",
                max(found.gap, base.gap) if found.plan else math.nan,
            )
        )
    undecided = sum(row[6] == "no" for row in rows)
    cautions = (
        (f"{undecided} of {len(rows)} changes are smaller than the gaps: their sign is open.",)
        if undecided
        else ()
    )
    table = Table("cases", "Cases against the base", COLUMNS, rows_of(COLUMNS, rows))
    return Chapter(
        "study",
        "Listed cases",
        "情景清单",
        asked=(f"{len(cases)} cases against the base of {session.instance.name}.",),
        findings=(
            f"The base costs {base.cost_mcny:,.1f} million CNY a year; the cases lie between "
            f"{min(r[2] for r in rows):,.1f} and {max(r[2] for r in rows):,.1f}.",
        ),
        tables=(table,),
        charts=(
            Chart(
                "change",
                "Change of cost against the base, million CNY a year",
                "bars",
                "cases",
                x="case",
                y="change_mcny",
            ),
        ),
        cautions=cautions,
        facts=session.facts(),
    )
