"""The report of stored rows: ``report.md`` with every row and target, ``report.html`` with curves.

Bad rows are rows: what crashed, was killed or found nothing is listed like the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from optimizer.bench.measures import (
    TABLE,
    Group,
    above,
    groups_of,
    known_values,
    primal_integral,
    time_above,
    time_solved,
)
from optimizer.bench.rows import Row
from optimizer.bench.targets import OWN, Finding, judge

MARKDOWN, PAGE = "report.md", "report.html"
MOST_MISSES = 12
HEADS = (
    "case", "size", "solver", "status", "objective", "bound", "gap %", "best known",
    "above best %", "read s", "build s", "solve s", "to 1 % s", "to 0.1 % s", "to proof s",
    "primal integral s", "memory MB", "CPU s", "nodes", "certified", "check", "load",
)  # fmt: skip


def write_report(rows: Iterable[Row], folder: Path, known: Path | None = None) -> list[Path]:
    """Write both files and return their paths. ``known`` is a further table of known values."""
    from optimizer.bench.charts import page

    tables = [TABLE] + ([known] if known is not None else [])
    groups = groups_of(rows, known_values(*tables))
    findings = judge(groups)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / MARKDOWN, folder / PAGE]
    paths[0].write_text(markdown(groups, findings), encoding="utf-8", newline="\n")
    paths[1].write_text(page(groups, findings), encoding="utf-8", newline="\n")
    return paths


def markdown(groups: Sequence[Group], findings: Sequence[Finding]) -> str:
    """Return the report as Markdown."""
    lines = ["# Benchmark", "", *machine_lines(groups), "", "## Targets", ""]
    lines += target_lines(findings)
    lines += ["", "## Sums by family", "", *family_lines(groups), ""]
    contradictions = [f"- {g.case}: {text}" for g in groups for text in g.contradictions()]
    if contradictions:
        lines += ["## Contradictions", "", *contradictions, ""]
    for suite in dict.fromkeys(g.suite for g in groups):
        lines += [f"## Runs: {suite}", "", *_table([g for g in groups if g.suite == suite]), ""]
    lines += ["## What the columns mean", "", *(f"- {line}" for line in LEGEND), ""]
    said = _remarks(groups)
    if said:
        lines += ["## What the solvers said", "", *said, ""]
    return "\n".join(lines)


LEGEND = (
    "Every run is a process of its own; memory is the operating system's ru_maxrss of it.",
    "gap: proven by the run itself, (objective - bound) / objective.",
    "best known: from the table of known values (`optimizer/bench/best_known.csv`), `=` where it "
    "is proven to be optimal, `~` where it was only recalled and is not used for any target.",
    "above best: objective over the best value there is, known or found by any plan that holds.",
    "to 1 %, to 0.1 %: seconds after reading until the plan was so near to the best known value, "
    "or, where there is none, to the best bound of all solvers.",
    "to proof: building and solving, where the gap that was asked for was proven.",
    "primal integral: of the distance to the best value over the limit (Berthold 2013).",
    "certified: the bound that `verify` evaluates from the certificate without a solver.",
    "check: the plan recomputed from the data: ours by the independent verifier, those of peers "
    "by the check of the problem's arrays or, for siting, by the same verifier.",
    "load: mean number of running processes at the start; above the number of cores all times "
    "are pessimistic.",
    "SCIP runs inside OR-Tools, which tells nothing before the end: its times to a gap are those "
    "of its last plan.",
)


def machine_lines(groups: Sequence[Group]) -> list[str]:
    """Return on what and with what the rows were made."""
    rows = [row for g in groups for row in g.rows]
    if not rows:
        return ["No runs are stored."]
    lines = []
    machines = {tuple(row.machine.items()): row.machine for row in rows if row.machine}
    for m in machines.values():
        lines.append(
            f"{m.get('processor')}, {m.get('cores')} cores, {m.get('memory_gb')} GB, "
            f"{m.get('system')}."
        )
    versions = {tuple(sorted(row.versions.items())) for row in rows}
    lines += [", ".join(f"{name} {number}" for name, number in found) + "." for found in versions]
    threads = sorted({row.threads for row in rows})
    dates = sorted({row.date for row in rows if row.date})
    loads = [row.load_at_start for row in rows if row.load_at_start is not None]
    lines.append(
        f"{len(rows)} runs, {' and '.join(map(str, threads))} threads each, "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1]))) if dates else 'no date'}"
        + (f", load at the start {min(loads):.1f} to {max(loads):.1f}." if loads else ".")
    )
    return lines


def target_lines(findings: Sequence[Finding]) -> list[str]:
    """Return the targets as a table, what was missed below each."""
    lines = ["| target | | found |", "| --- | --- | --- |"]
    for f in findings:
        if f.met is None:
            continue
        lines.append(f"| {_cell(f.target.text)} | {'met' if f.met else 'MISSED'} | {f.found} |")
    lines += ["", "Judged on the runs that are stored here, which may be a part of a family."]
    rest = sum(f.met is None for f in findings)
    if rest:
        lines += ["", f"{rest} more targets are for families that were not run here."]
    for f in findings:
        if f.misses:
            shown = "; ".join(f.misses[:MOST_MISSES])
            more = len(f.misses) - MOST_MISSES
            lines += [
                "",
                f"{f.target.text}: {shown}" + (f"; and {more} more." if more > 0 else "."),
            ]
    return lines


def family_lines(groups: Sequence[Group]) -> list[str]:
    """Return one line per family and solver: how many proven, how near, how fast."""
    heads = (
        "family", "solver", "runs", "plans", "proven", "mean gap %", "mean above best %",
        "worst above best %", "seconds", "primal integral s", "most memory MB",
    )  # fmt: skip
    lines = [_line(heads), _line(["---"] * len(heads))]
    for family in dict.fromkeys(g.family for g in groups):
        here = [g for g in groups if g.family == family]
        for solver in solvers_of(here):
            pairs = [(g, r) for g in here for r in g.rows if r.solver == solver]
            rows = [r for _, r in pairs]
            gaps = [r.gap for r in rows if r.has_plan and r.gap is not None]
            offs = [v for g, r in pairs if (v := above(r, g.reference)) is not None]
            integrals = [v for g, r in pairs if (v := primal_integral(r, g.reference)) is not None]
            seconds = [r.seconds for r in rows if r.seconds is not None]
            memory = [r.peak_mb for r in rows if r.peak_mb is not None]
            lines.append(
                _line([
                    family, solver, str(len(rows)), str(sum(r.has_plan for r in rows)),
                    str(sum(time_solved(r) is not None for r in rows)), _mean(gaps, 100),
                    _mean(offs, 100), _number(100 * max(offs), 4) if offs else "",
                    _number(sum(seconds), 1) if seconds else "", _mean(integrals, 1),
                    _number(max(memory), 0) if memory else "",
                ])
            )  # fmt: skip
    return lines


def solvers_of(groups: Sequence[Group]) -> list[str]:
    """Return the solvers of some cases, ours first."""
    names = {row.solver for g in groups for row in g.rows}
    return sorted(names, key=lambda name: (name != OWN, name))


def _table(groups: Sequence[Group]) -> list[str]:
    lines = [_line(HEADS), _line(["---"] * len(HEADS))]
    for g in groups:
        for row in sorted(g.rows, key=lambda r: (r.solver != OWN, r.solver, r.seed)):
            lines.append(_line(cells(g, row)))
    return lines


def cells(g: Group, row: Row) -> list[str]:
    """Return the cells of a run in the order of `HEADS`."""
    known = ""
    if g.known is not None:
        mark = "~" if not g.known.is_fact else "=" if g.known.is_proven else ""
        infeasible = math.isinf(g.known.value)
        known = mark + ("infeasible" if infeasible else f"{g.known.value:.10g}")
    off = above(row, g.reference)
    integral = primal_integral(row, g.reference)
    several = len({r.seed for r in g.rows}) > 1
    status = row.status if not row.faults else f"{row.status}, PLAN DOES NOT HOLD"
    check = "FAULTS" if row.faults else "holds" if row.has_plan else ""
    return [
        g.case + (f" seed {row.seed}" if several else ""), row.size, row.solver, status,
        "" if row.objective is None else f"{row.objective:.10g}",
        "" if row.bound is None else f"{row.bound:.10g}",
        "" if row.gap is None else _number(100 * row.gap, 4), known,
        "" if off is None else _number(100 * off, 4),
        _number(row.read_s, 2), _number(row.build_s, 2), _number(row.solve_s, 2),
        _number(time_above(row, g.floor, 1e-2), 2), _number(time_above(row, g.floor, 1e-3), 2),
        _number(time_solved(row), 2), _number(integral, 2), _number(row.peak_mb, 0),
        _number(row.cpu_s, 1), "" if row.nodes is None else f"{row.nodes:,}",
        "" if row.certified is None else f"{row.certified:.10g}", check,
        _number(row.load_at_start, 1),
    ]  # fmt: skip


def _remarks(groups: Sequence[Group]) -> list[str]:
    """Return what explains rows without a plan, and every fault."""
    lines = []
    for g in groups:
        for row in g.rows:
            if row.faults:
                lines.append(f"- {g.case}, {row.solver}: {_cell('; '.join(row.faults))}")
            elif row.objective is None:
                lines.append(f"- {g.case}, {row.solver}: {row.status}; {_cell(row.said)}")
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def _mean(values: Sequence[float], factor: float) -> str:
    return _number(factor * sum(values) / len(values), 4) if values else ""
