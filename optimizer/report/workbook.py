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


def write_workbook(
    path: str | Path,
    tables: Mapping[str, pd.DataFrame],
    *,
    answer: Sequence[str] = (),
    title: str = "",
    language: str = "en",
) -> None:
    """Write the tables as one sheet each, with the answer and the provenance in front.

    Numbers are exact, their formats are for reading. Infinite numbers become the words "no limit",
    unknown ones empty cells. The longest table (legs) is left to the run folder.
    """
    from openpyxl import Workbook

    words = Words(language)
    book = Workbook(write_only=True)
    listed = [name for name in tables if name not in LONG_TABLES]
    _answer_sheet(book.create_sheet(words("book.answer")), tables, listed, answer, title, words)
    for name in listed:
        _table_sheet(book.create_sheet(words(f"table.{name}")), tables[name])
    book.save(path)


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
    sheet.append([_cell(sheet, title or words("title"), font=Font(bold=True, size=16))])
    for sentence in answer:
        sheet.append([_cell(sheet, sentence)])
    sheet.append([])
    for row in tables["summary"].itertuples(index=False):
        unit = _cell(sheet, row.unit.replace("_", " "))
        label = words.of("key", row.key)
        sheet.append([_cell(sheet, label), _number(sheet, row.value, row.unit), unit])
    sheet.append([])
    sheet.append([_cell(sheet, words("book.contents"), font=bold)])
    for name in listed:
        sheet_name = words(f"table.{name}")
        link = _cell(sheet, sheet_name, font=Font(color="0B5394", underline="single"))
        link.hyperlink = f"#'{sheet_name}'!A1"
        sheet.append([link, len(tables[name])])
    sheet.append([_cell(sheet, words("book.legs"))])
    sheet.append([_cell(sheet, words("book.assumed"))])
    sheet.append([])
    sheet.append([_cell(sheet, words("provenance.heading"), font=bold)])
    for row in tables["provenance"].itertuples(index=False):
        value = _cell(sheet, row.value, alignment=wrapped)
        sheet.append([_cell(sheet, row.group), _cell(sheet, row.key), value])


def _table_sheet(sheet: WriteOnlyWorksheet, frame: pd.DataFrame) -> None:
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
    sheet.append(
        [_cell(sheet, c, font=Font(bold=True), fill=head, alignment=wrap) for c in columns]
    )
    formats = [_format(name) for name in columns]
    graded = [columns.index(g) for g in _GRADES if g in columns]
    for row in zip(*values, strict=True):
        assumed = any(row[g] == "assumed" for g in graded)
        cells = [_value(sheet, v, f) for v, f in zip(row, formats, strict=True)]
        if assumed:
            for g in graded:
                cells[g] = _cell(sheet, row[g], fill=mark)
            cells[0] = _cell(sheet, row[0], fill=mark)
        sheet.append(cells)


def _value(sheet: WriteOnlyWorksheet, value: Any, number_format: str) -> Any:
    """Return what a cell holds: plain where nothing has to be said about it, which is fast."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _number(sheet, value, "", number_format)
    text = str(value)
    # A text that begins like a formula must stay a text.
    return _cell(sheet, text) if text[:1] == "=" or len(text) > 200 else _clean(text)


def _number(
    sheet: WriteOnlyWorksheet, value: float, unit: str = "", number_format: str = ""
) -> Any:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "no limit" if value > 0 else "-inf"
    if not number_format:
        number_format = "0.00%" if unit == "share" else "#,##0.00"
    return _cell(sheet, value, number_format=number_format)


def _cell(sheet: WriteOnlyWorksheet, value: Any, **style: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, str):
        value = _clean(value)
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
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
