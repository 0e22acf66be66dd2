"""`write_workbook`: the tables of a plan as one Excel workbook, assumed rows marked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.report.tables import LONG_TABLES
from optimizer.report.words import Words

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

_MOST_CHARACTERS = 32_000  # a cell holds 32,767
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FORMATS = (
    # tail of the column's name: number format
    ("_share", "0.0%"),
    ("_count", "#,##0"),
    ("_rows", "#,##0"),
    ("_mcny", "#,##0.000"),
    ("_cny_per_teu", "#,##0.0"),
    ("_teu", "#,##0.0"),
    ("_hours", "#,##0.0"),
    ("km", "#,##0.0"),
)
_GRADES = ("grade", "tariff_grade")
ASSUMED = "assumed"


def write_workbook(
    path: str | Path,
    tables: Mapping[str, pd.DataFrame],
    *,
    answer: Sequence[str] = (),
    title: str = "",
    language: str = "en",
) -> None:
    """Write the tables as one sheet each, with the answer and the provenance in front.

    Numbers have 16 digits, their formats are for reading. Infinite numbers become the words
    "no limit", unknown ones empty cells. The longest table (legs) is left to the run folder.
    """
    from openpyxl import Workbook

    words = Words(language)
    book = Workbook(write_only=True)
    shown = {n: sheet_rows(n, frame) for n, frame in tables.items() if n not in LONG_TABLES}
    listed = list(shown)
    _answer_sheet(book.create_sheet(words("book.answer")), shown, listed, answer, title, words)
    for name in listed:
        table_sheet(book.create_sheet(words(f"table.{name}")), shown[name])
    book.save(path)


def sheet_rows(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that go into the workbook: of flows and arcs, the zones' own.

    Goods of rivals and of what stays are many times as many; all are in the run folder's tables.
    """
    if name == "flows":
        return frame[frame["host_kind"] == "zone"]
    if name == "arcs":
        return frame[frame["zone_teu"] > 0]
    return frame


def _answer_sheet(
    sheet: WriteOnlyWorksheet,
    tables: Mapping[str, pd.DataFrame],
    listed: Sequence[str],
    answer: Sequence[str],
    title: str,
    words: Words,
) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.column_dimensions["A"].width = 34
    sheet.column_dimensions["B"].width = 30
    sheet.column_dimensions["C"].width = 90
    bold, wrapped = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    sheet.append([cell(sheet, title or words("title"), font=Font(bold=True, size=16))])
    for sentence in answer:
        sheet.append([cell(sheet, sentence)])
    sheet.append([])
    for row in tables["summary"].itertuples(index=False):
        number_format = "0.00%" if row.unit == "share" else "#,##0.00"
        value = cell(sheet, row.value, number_format=number_format)
        label, unit = words.of("key", row.key), row.unit.replace("_", " ")
        sheet.append([cell(sheet, label), value, cell(sheet, unit)])
    sheet.append([])
    sheet.append([cell(sheet, words("book.contents"), font=bold)])
    for name in listed:
        sheet_name = words(f"table.{name}")
        link = cell(sheet, sheet_name, font=Font(color="0B5394", underline="single"))
        link.hyperlink = f"#'{sheet_name}'!A1"
        sheet.append([link, len(tables[name])])
    sheet.append([cell(sheet, words("book.legs"))])
    sheet.append([cell(sheet, words("book.assumed"))])
    sheet.append([])
    sheet.append([cell(sheet, words("provenance.heading"), font=bold)])
    for row in tables["provenance"].itertuples(index=False):
        value = cell(sheet, row.value, alignment=wrapped)
        sheet.append([cell(sheet, row.group), cell(sheet, row.key), value])


def table_sheet(sheet: WriteOnlyWorksheet, frame: pd.DataFrame) -> None:
    """Fill a sheet with a table: heads that stay in sight, filters, assumed rows marked."""
    from openpyxl.styles import Alignment, Font, PatternFill

    head = PatternFill("solid", fgColor="E9EDF2")
    mark = PatternFill("solid", fgColor="FBD9B5")
    columns = [str(c) for c in frame.columns]
    values = [frame[c].tolist() for c in columns]
    letters = _letters(len(columns))
    for letter, name, column in zip(letters, columns, values, strict=True):
        sheet.column_dimensions[letter].width = _width(name, column)
    # Headers, and the first column that names something, stay in sight.
    sheet.freeze_panes = "B2"
    if values and values[0]:
        sheet.auto_filter.ref = f"A1:{letters[-1]}{len(values[0]) + 1}"
    wrap = Alignment(wrap_text=True, vertical="top")
    sheet.append([cell(sheet, c, font=Font(bold=True), fill=head, alignment=wrap) for c in columns])
    graded = [columns.index(g) for g in _GRADES if g in columns]
    # One cell per column, filled again for each row: a row is on disk when it has been appended.
    cells = [cell(sheet, None, number_format=_format(name)) for name in columns]
    marked = [cell(sheet, None, fill=mark) for _ in columns]
    for row in zip(*values, strict=True):
        line: list[Any] = [
            _filled(cell, value) if isinstance(value, float) else _text(sheet, value)
            for cell, value in zip(cells, row, strict=True)
        ]
        if any(row[g] == ASSUMED for g in graded):
            for at in (0, *graded):
                if not isinstance(row[at], float):
                    line[at] = _filled(marked[at], row[at])
        sheet.append(line)


def _filled(cell: Any, value: Any) -> Any:
    """Return a cell with a value: empty where it is not known, words where there is no limit."""
    if isinstance(value, float) and not math.isfinite(value):
        value = None if math.isnan(value) else "no limit" if value > 0 else "-inf"
    cell.value = _clean(value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def _text(sheet: WriteOnlyWorksheet, value: Any) -> Any:
    """Return what a cell without a format holds. A text like a formula must stay a text."""
    if isinstance(value, bool | int):
        return value
    text = _clean(str(value))
    return cell(sheet, text) if text.startswith("=") else text


def cell(sheet: WriteOnlyWorksheet, value: Any, **style: Any) -> Any:
    """Return a cell with a value and a style."""
    from openpyxl.cell import WriteOnlyCell

    cell = _filled(WriteOnlyCell(sheet), value)
    for name, what in style.items():
        setattr(cell, name, what)
    return cell


def _clean(text: str) -> str:
    """Return a text without the control characters that a workbook cannot hold."""
    text = _FORBIDDEN.sub(" ", text)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


def _format(column: str) -> str:
    for tail, number_format in _FORMATS:
        if column.endswith(tail):
            return number_format
    return "#,##0.####"


def _width(name: str, values: Sequence[Any]) -> float:
    """Return a column's width in characters; Chinese ones are two wide."""
    widest = max((_length(v) for v in values[:200]), default=0)
    return min(max(widest + 2, min(len(name), 18) + 2, 8), 60)


def _length(value: Any) -> int:
    if isinstance(value, float):
        return 12
    return sum(2 if ord(c) > 0x2E7F else 1 for c in str(value)[:80])


def _letters(count: int) -> list[str]:
    from openpyxl.utils import get_column_letter

    return [get_column_letter(n) for n in range(1, count + 1)]
