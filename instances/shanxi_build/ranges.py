"""Which cells of the tables each documented range of the evidence moves, and how far.

For every row of `assumptions.csv` and `cost_parameters.csv` with a low and a high, all tables are
built again with the low and with the high in place of the value. The cells that come out different
are the parameter's cells: ``ranges/parameters.csv`` names the parameters, ``ranges/cells.csv``
their cells. `optimizer.studies.parameters` reads both.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

from instances.schema import TABLE
from instances.shanxi_build.build import BUNDLED, EVIDENCE, tables
from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short
from instances.shanxi_build.settings import instance_toml
from instances.shanxi_build.writing import text_of

RANGED = ("assumptions", "cost_parameters")
PARAMETERS = (
    "parameter_id", "name", "evidence", "unit", "low", "value", "high", "left_out", "source",
    "grade",
)  # fmt: skip
CELLS = ("parameter_id", "cell", "value", "low", "high")
NOT_USED = (  # documented ranges themselves: no plan depends on them
    "source", "grade", "cost_factor_low", "cost_factor_high", "endowment_low", "endowment_high",
    "capacity_low_teu_per_year", "capacity_high_teu_per_year", "volume_low_mcny_per_year",
    "volume_high_mcny_per_year",
)  # fmt: skip
Cells = dict[str, str]  # table.id.column -> text of the value


class NoCellsError(EvidenceError):
    """No list of numbers says what a value does: rows come or go, texts change, nonsense."""


def ranges_of(folder: Path = EVIDENCE, only: tuple[str, ...] = ()) -> tuple[list[Row], list[Row]]:
    """Return rows of parameters.csv and of cells.csv; ``only`` these parameters, if given."""
    evidence = Evidence(folder)
    before = _cells(evidence)
    names = {row["parameter"]: row["name"] for row in evidence["parameter_names"]}
    parameters: list[Row] = []
    cells: list[Row] = []
    for table, number, name in _ranged(evidence):
        row = Evidence(folder)[table][number]
        if only and name not in only:
            continue
        ends: list[Cells] = []
        left_out = ""
        for end in ("low", "high"):
            changed = Evidence(folder)
            changed[table][number]["value"] = row[end]
            try:
                ends.append(_difference(before, _cells(changed)))
            except NoCellsError as error:
                left_out = f"{end}: {error}"
            except EvidenceError as error:
                left_out = f"{end}: {short(str(error), 80)}"
        if not left_out and not any(ends):
            continue  # it feeds nothing that a plan depends on
        if name not in names:
            raise EvidenceError(f"parameter_names.csv has no row {name!r}: say what people call it")
        parameters.append(
            {
                "parameter_id": name,
                "name": names[name],
                "evidence": f"{table}.csv",
                "unit": row["unit"],
                **{k: row[k] for k in ("low", "value", "high")},
                "left_out": left_out,
                "source": short(row["source"]),
                "grade": row["confidence"],
            }
        )
        if not left_out:
            low, high = ends
            cells += [
                {
                    "parameter_id": name, "cell": cell, "value": before[cell],
                    "low": low.get(cell, before[cell]), "high": high.get(cell, before[cell]),
                }
                for cell in sorted(low.keys() | high.keys())
            ]  # fmt: skip
    return parameters, cells


def write_ranges(folder: Path = EVIDENCE, out: Path = BUNDLED / "ranges") -> dict[str, int]:
    """Write parameters.csv and cells.csv; the number of rows by file name."""
    made = dict(zip(("parameters.csv", "cells.csv"), ranges_of(folder), strict=True))
    out.mkdir(parents=True, exist_ok=True)
    for (name, rows), columns in zip(made.items(), (PARAMETERS, CELLS), strict=True):
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (out / name).write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return {f"ranges/{name}": len(rows) for name, rows in made.items()}


def _ranged(evidence: Evidence) -> Iterator[tuple[str, int, str]]:
    """Table, row number and name of every row with a range; a repeated name gets its year."""
    for table in RANGED:
        names = [r["parameter"] for r in evidence[table]]
        for number, row in enumerate(evidence[table]):
            if not row["low"] or not row["high"] or float(row["low"]) == float(row["high"]):
                continue
            name = row["parameter"]
            yield table, number, f"{name}_{row['year']}" if names.count(name) > 1 else name


def _cells(evidence: Evidence) -> Cells:
    found: Cells = {}
    for name, rows in tables(evidence).items():
        if name in ("calibration", "events"):
            continue
        schema = TABLE[name]
        for row in rows:
            key = "/".join(text_of(row[k]) for k in schema.key)
            for column in schema.columns:
                if column.name in NOT_USED or column.name in schema.key:
                    continue
                value = row.get(column.name)
                text = (
                    text_of(column.default if value is None else value)
                    if not _is_nan(column.default if value is None else value)
                    else ""
                )
                found[f"{name}.{key}.{column.name}"] = text
    settings = tomllib.loads(instance_toml(evidence))["settings"]
    return found | {f"settings.{k}": text_of(v) for k, v in settings.items()}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def _difference(before: Cells, after: Cells) -> Cells:
    if before.keys() != after.keys():
        table = min(before.keys() ^ after.keys()).partition(".")[0]
        raise NoCellsError(f"{table}: rows come or go")
    changed = {k: v for k, v in after.items() if v != before[k]}
    for cell, text in changed.items():
        try:
            float(text), float(before[cell])
        except ValueError:
            raise NoCellsError(f"{cell}: {before[cell]!r} becomes {text!r}") from None
        table, column = cell.partition(".")[0], cell.rpartition(".")[2]
        least = None if table == "settings" else TABLE[table].column(column).low
        if least is not None and float(text) < least:
            raise NoCellsError(f"{cell} would be {text}, less than {least:g}")
    return changed
