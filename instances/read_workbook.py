"""Excel workbooks to sheets. What Excel shows as a formula's value is what is read."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from instances.errors import Fault
from instances.schema import TABLE
from instances.sheets import RawInstance, did_you_mean, is_blank, sheet_from_rows

SETTINGS_SHEET = "instance"


def read_workbook(path: Path) -> RawInstance:
    """The sheets and settings of a workbook, with the faults that were met."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    raw = RawInstance({}, f"{path.name} sheet {SETTINGS_SHEET}", file_of=f"{path.name} sheet {{}}")
    try:
        merged, has_formulas = _peculiarities(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError, ValueError) as error:
        message = f"the file cannot be read as an Excel workbook (.xlsx): {error}"
        raw.faults.append(Fault(path.name, None, "", "", message))
        raw.unread.update((*TABLE, SETTINGS_SHEET))
        return raw
    try:
        formulas = _formulas(path) if has_formulas else {}
        for sheet in book.worksheets:
            _read_sheet(sheet, path, raw, formulas, merged)
    finally:
        book.close()
    if SETTINGS_SHEET not in book.sheetnames:
        message = f"the sheet {SETTINGS_SHEET!r} with the settings (key, value) is missing"
        raw.faults.append(Fault(path.name, None, SETTINGS_SHEET, "", message))
        raw.unread.add(SETTINGS_SHEET)
    return raw


def _read_sheet(
    sheet: Any, path: Path, raw: RawInstance, formulas: dict[str, set[str]], merged: bool
) -> None:
    name, label = sheet.title, f"{path.name} sheet {sheet.title}"
    if name != SETTINGS_SHEET and name not in TABLE:
        rows = sheet.iter_rows(values_only=True)
        if any(not all(map(is_blank, row)) for row in rows):
            hint = did_you_mean(name, [*TABLE, SETTINGS_SHEET])
            message = f"the sheet is not a table of an instance; rename or delete it.{hint}"
            raw.faults.append(Fault(label, None, "", "", message))
        return
    if merged:
        _report_merged(path, name, label, raw.faults)
    rows = []
    header: list[str] = []
    for number, row in enumerate(sheet.iter_rows(), start=1):
        values = []
        for index, cell in enumerate(row):
            value = cell.value
            problem = ""
            if value is not None and cell.data_type == "e":
                problem = "the cell is an Excel error; correct its formula or type the value"
            elif value is not None and cell.data_type == "d":
                problem = "Excel made a date of it; format the cell as text and type it again"
            elif value is None and getattr(cell, "coordinate", "") in formulas.get(name, ()):
                problem = "the formula has no stored value; open and save the file in Excel"
            if problem:
                column = header[index] if index < len(header) else ""
                raw.faults.append(Fault(label, number, column, str(value or ""), problem))
                value = "" if number == 1 else Broken(str(value or ""))
            values.append(value)
        if number == 1:
            header = ["" if v is None else str(v).strip() for v in values]
        rows.append((number, values))
    width = max((len(v) for _, v in rows), default=0)
    padded = [(n, v + [None] * (width - len(v))) for n, v in rows]
    read = sheet_from_rows(label, padded, raw.faults)
    if read is None:
        raw.unread.add(name)
    elif name == SETTINGS_SHEET:
        _read_settings(read.header, read.cells, read.rows, raw)
    else:
        raw.sheets[name] = read


class Broken(str):
    """A cell that has its fault already; nothing more is said about it."""

    __slots__ = ()


def _read_settings(
    header: list[str], cells: list[list[Any]], rows: list[int], raw: RawInstance
) -> None:
    if header[:2] != ["key", "value"]:
        message = "the columns must be 'key' and 'value', for instance settings.year and 2024"
        raw.faults.append(Fault(raw.settings_file, 1, "", ", ".join(header), message))
        raw.unread.add(SETTINGS_SHEET)
        return
    for key, value, number in zip(cells[0], cells[1], rows, strict=True):
        key = str(key).strip()
        if key in raw.settings:
            raw.faults.append(
                Fault(raw.settings_file, number, "key", key, "the key is there twice")
            )
        elif not isinstance(value, Broken):
            raw.settings[key] = "" if value is None else value


def _peculiarities(path: Path) -> tuple[bool, bool]:
    """Whether there are merged cells and formulas, looked up in the XML, because it is fast."""
    merged = formulas = False
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                xml = archive.read(name)
                merged = merged or b"<mergeCell " in xml
                formulas = formulas or re.search(rb"<f[ >/]", xml) is not None
    return merged, formulas


def _formulas(path: Path) -> dict[str, set[str]]:
    """The coordinates of all formulas, by sheet."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    try:
        return {
            sheet.title: {
                cell.coordinate
                for row in sheet.iter_rows()
                for cell in row
                if cell.value is not None and cell.data_type == "f"
            }
            for sheet in book.worksheets
        }
    finally:
        book.close()


def _report_merged(path: Path, name: str, label: str, faults: list[Fault]) -> None:
    import openpyxl

    book = openpyxl.load_workbook(path)
    for area in book[name].merged_cells.ranges:
        message = f"the cells {area.coord} are merged; unmerge them and fill each one"
        faults.append(Fault(label, area.min_row, "", "", message))
