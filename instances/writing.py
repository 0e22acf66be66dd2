"""Writing an instance as CSV, Excel or Parquet: whole or not at all, exact to the last bit."""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from instances.canonical import DENSE_GRADE, DENSE_SOURCE
from instances.errors import Fault, InstanceError
from instances.instance import Instance
from instances.read_workbook import SETTINGS_SHEET
from instances.schema import TABLE, TABLES
from instances.settings import Header, header_items, to_toml

Form = Literal["csv", "xlsx", "parquet"]
_EXCEL_ROWS = 1_048_576
_EXCEL_CHARACTERS = 32_767
_TOO_LONG = f"is longer than the {_EXCEL_CHARACTERS} characters that Excel holds; write CSV"


def write_instance(
    instance: Instance, path: str | PathLike[str], form: Form = "csv", *, overwrite: bool = False
) -> Path:
    """Write the instance to ``path`` (a folder; a file for ``xlsx``) and return the path.

    Raises `InstanceError` when ``path`` exists, unless ``overwrite`` is set and it is an instance.
    """
    target = Path(path)
    if form not in ("csv", "xlsx", "parquet"):
        raise InstanceError(f"the form {form!r} is not known; use csv, xlsx or parquet")
    if target.exists() and not (overwrite and _is_instance(target, form)):
        message = "exists already; choose another path" + (
            " (it is not an instance, so it is not overwritten)" if overwrite else ""
        )
        raise InstanceError([Fault(str(target), None, "", "", message)])
    target.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        made = room / "new"
        if form == "xlsx":
            _write_workbook(instance, made)
        else:
            made.mkdir()
            _write_folder(instance, made, form)
        if target.exists():
            os.replace(target, room / "old")  # a folder cannot be replaced while it is full
        try:
            os.replace(made, target)
        except OSError:
            if (room / "old").exists():
                os.replace(room / "old", target)
            raise
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return target


def _is_instance(path: Path, form: Form) -> bool:
    if form == "xlsx":
        return path.is_file() and path.suffix.lower() == ".xlsx"
    return (path / "instance.toml").is_file()


def header_of(instance: Instance) -> Header:
    """The settings of an instance as they are written."""
    return Header(
        instance.instance_id, instance.name, instance.name_zh, instance.description,
        instance.settings, dict(instance.currency), dict(instance.sources), dict(instance.known),
    )  # fmt: skip


def written_tables(instance: Instance) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables that have rows, in the order of the schema; a matrix of moves becomes rows."""
    for table in TABLES:
        frame = instance.table(table.name)
        if table.name == "moves" and instance.dense_moves is not None:
            frame = moves_of_matrix(instance)
        if len(frame) or table.required:
            yield table.name, frame


def moves_of_matrix(instance: Instance) -> pd.DataFrame:
    """The rows of ``moves`` that a matrix stands for; costs of zero need no row."""
    assert instance.dense_moves is not None
    rows, columns = np.nonzero(instance.dense_moves)
    blocks, zones = instance.table("blocks"), instance.table("zones")
    return pd.DataFrame(
        {
            "origin_id": blocks["origin_id"].array.take(rows),
            "industry_id": blocks["industry_id"].array.take(rows),
            "zone_id": zones["zone_id"].array.take(columns),
            "cost_cny_per_mcny_year": instance.dense_moves[rows, columns],
            "source": pd.array([DENSE_SOURCE] * len(rows), dtype="str"),
            "grade": pd.array([DENSE_GRADE] * len(rows), dtype="str"),
        }
    )


def _write_folder(instance: Instance, folder: Path, form: Form) -> None:
    text = to_toml(header_items(header_of(instance)))
    (folder / "instance.toml").write_text(text, encoding="utf-8", newline="")
    for name, frame in written_tables(instance):
        if form == "csv":
            (folder / f"{name}.csv").write_bytes(csv_bytes(name, frame))
        else:
            frame.to_parquet(folder / f"{name}.parquet", index=False)


def csv_bytes(name: str, frame: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8: numbers as Python writes them, which reads back to the same bits."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    columns = [_cells(frame[c.name], c.kind) for c in TABLE[name].columns]
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue().encode("utf-8")


def _cells(series: pd.Series, kind: str) -> list[str]:
    values = series.tolist()
    return [number_text(v) for v in values] if kind == "number" else [str(v) for v in values]


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: ``12``, ``0.1``, ``inf``, empty."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _write_workbook(instance: Instance, path: Path) -> None:
    import openpyxl

    tables = dict(written_tables(instance))
    items = header_items(header_of(instance))
    _check_fits_excel(tables, items)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(SETTINGS_SHEET)
    sheet.append([_cell(sheet, "key"), _cell(sheet, "value")])
    for key, value in items.items():
        sheet.append([_cell(sheet, key), _cell(sheet, value)])
    for name, frame in tables.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        sheet.append([_cell(sheet, c) for c in frame.columns])
        for row in zip(*(frame[c].tolist() for c in frame.columns), strict=True):
            sheet.append([_cell(sheet, value) for value in row])
    book.save(path)


def _check_fits_excel(tables: dict[str, pd.DataFrame], items: dict[str, Any]) -> None:
    """Excel would cut off what is too long; nothing is written then."""
    faults = [
        Fault(SETTINGS_SHEET, None, key, value[:40], _TOO_LONG)
        for key, value in items.items()
        if isinstance(value, str) and len(value) > _EXCEL_CHARACTERS
    ]
    for name, frame in tables.items():
        if len(frame) >= _EXCEL_ROWS:
            message = f"has {len(frame)} rows, more than Excel holds; write CSV or Parquet"
            faults.append(Fault(name, None, "", "", message))
        for column in frame.select_dtypes("str"):
            for row in (frame[column].str.len() > _EXCEL_CHARACTERS).to_numpy().nonzero()[0]:
                value = frame[column].iloc[row][:40]
                faults.append(Fault(name, int(row) + 2, str(column), value, _TOO_LONG))
    if faults:
        raise InstanceError(faults)


def _cell(sheet: Any, value: Any) -> Any:
    """A cell that keeps text as text and a number to its last bit."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet)
    if isinstance(value, str):
        if value:
            cell.value = value
            cell.data_type = "s"  # also for "=..." and "#N/A", which Excel would calculate
    elif isinstance(value, float) and not math.isfinite(value):
        if math.isinf(value):
            cell.value = number_text(value)
    else:
        # openpyxl writes 16 digits, a double needs up to 17: hand it the text of the number
        cell._value = number_text(value) if isinstance(value, float) else str(value)
        cell.data_type = "n"
    return cell
