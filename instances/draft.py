"""Sheets to typed tables: columns are matched, units converted, every cell is checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from instances.canonical import table_digest
from instances.cells import FORBIDDEN, CellError, check_id, convert, to_integer, to_number, to_text
from instances.errors import Fault
from instances.read_workbook import Broken
from instances.schema import LOCAL, TABLE, TABLES, Column, Table
from instances.sheets import Sheet, did_you_mean, is_blank, nearest
from instances.units import match_header

_HOLDER = {"id": "", "text": "", "number": math.nan, "integer": 0, "flag": 0}


@dataclass
class DraftTable:
    """A typed table on its way to an instance, with what is needed to name a fault."""

    table: Table
    frame: pd.DataFrame
    file: str
    rows: np.ndarray  # the row of the file, for each row of the frame
    header: dict[str, str] = field(default_factory=dict)  # schema column -> name in the file
    raw: dict[str, list[Any]] = field(default_factory=dict)  # schema column -> cells as read
    bad: dict[str, set[int]] = field(default_factory=dict)  # schema column -> rows with a fault
    absent: set[str] = field(default_factory=set)  # required columns that are missing
    readable: bool = True  # False: the file is there but could not be read
    _made: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.frame)

    def texts(self, column: str) -> list[str]:
        """The column as a list of text (or of whole numbers, where it holds those)."""
        return self._once(("texts", column), lambda: self.frame[column].tolist())

    def numbers(self, column: str) -> np.ndarray:
        """The column as floats; cells with a fault are NaN."""
        return self._once(("numbers", column), lambda: self._numbers(column))

    def many(self, column: str) -> list[list[str]]:
        """The ids of a column that holds several, separated by ';'."""
        return self._once(("many", column), lambda: [split_many(t) for t in self.texts(column)])

    def digest(self) -> bytes:
        """The hash of the rows, whatever their order."""
        return self._once(("digest", ""), lambda: table_digest(self.table, self.texts))

    def _once(self, key: tuple[str, str], make: Callable[[], Any]) -> Any:
        """Made at the first call: instances share the tables that they do not change."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _numbers(self, column: str) -> np.ndarray:
        values = self.frame[column].to_numpy(dtype=float, copy=True)
        if column in self.absent:
            values[:] = math.nan
        elif self.bad.get(column):
            values[list(self.bad[column])] = math.nan
        values.flags.writeable = False
        return values

    def is_bad(self, index: int, *columns: str) -> bool:
        """Whether one of these cells has a fault already, so that nothing more can be said."""
        return any(c in self.absent or index in self.bad.get(c, ()) for c in columns)

    def shown(self, index: int, column: str) -> str:
        """The cell as it stands in the file."""
        if column in self.raw:
            return _shown(self.raw[column][index])
        return _shown(self.frame[column].iloc[index]) if column in self.frame else ""

    def fault(
        self, index: int | None, column: str, message: str, value: str | None = None
    ) -> Fault:
        """A fault of one cell (or of a row when ``column`` is empty), as the file shows it."""
        if value is None:
            value = self.shown(index, column) if index is not None and column else ""
        row = None if index is None else int(self.rows[index])
        return Fault(self.file, row, self.header.get(column, column), value, message)


def split_many(text: str) -> list[str]:
    """The ids of a cell: ``a; b`` gives ``["a", "b"]``."""
    return [part.strip() for part in text.split(";") if part.strip()] if text else []


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else repr(cell)
    return "" if cell is None else str(cell)


def empty_draft(table: Table, file: str, *, readable: bool = True) -> DraftTable:
    """A table without rows."""
    frame = pd.DataFrame({c.name: _array(c, []) for c in table.columns})
    return DraftTable(table, frame, file, np.zeros(0, dtype=np.int64), readable=readable)


def draft_table(
    table: Table, sheet: Sheet, rates: Mapping[str, float], faults: list[Fault]
) -> DraftTable:
    """The typed table that a sheet holds. Faults of headers and cells go to ``faults``."""
    draft = DraftTable(table, pd.DataFrame(), sheet.file, np.asarray(sheet.rows, dtype=np.int64))
    found = _match_columns(table, sheet, rates, draft, faults)
    count = len(sheet.rows)
    values: dict[str, Any] = {}
    for column in table.columns:
        bad: dict[int, str] = {}
        if column.name not in found:
            fill = _HOLDER[column.kind] if column.required else column.default
            values[column.name] = _array(column, [fill] * count)
            continue
        position, factor = found[column.name]
        cells = sheet.cells[position]
        draft.raw[column.name] = cells
        values[column.name] = _array(column, _read_cells(column, cells, factor, bad))
        draft.bad[column.name] = set(bad)
        draft.header[column.name] = sheet.header[position]
        for index, message in sorted(bad.items()):
            if message:
                faults.append(draft.fault(index, column.name, message))
    draft.frame = pd.DataFrame(values, columns=list(table.names))
    return draft


def _match_columns(
    table: Table,
    sheet: Sheet,
    rates: Mapping[str, float],
    draft: DraftTable,
    faults: list[Fault],
) -> dict[str, tuple[int, Fraction | None]]:
    """Where each schema column stands in the sheet, and its factor."""
    found: dict[str, tuple[int, Fraction | None]] = {}
    tried: set[str] = set()

    def fault(header: str, message: str) -> None:
        faults.append(Fault(sheet.file, 1, header, header, message))

    for position, header in enumerate(sheet.header):
        match = match_header(header, table, rates)
        missing = [n for n in table.names if n not in sheet.header]
        if match is not None and match.problem and nearest(header, missing, cutoff=0.9):
            match = None  # rather a slip of the pen than a unit
        if match is None:
            hint = did_you_mean(header, missing or table.names)
            fault(header, f"is not a column of {table.name}.{hint} Rename or delete it.")
        elif match.problem:
            fault(header, match.problem)
            tried.add(match.column)
        elif match.column in found:
            other = sheet.header[found[match.column][0]]
            fault(header, f"says the same as the column {other!r}; keep one of the two")
        else:
            found[match.column] = (position, match.factor)
    for column in table.columns:
        if column.required and column.name not in found:
            draft.absent.add(column.name)
            if column.name not in tried:
                message = f"the column is missing; it holds: {column.doc}"
                faults.append(Fault(sheet.file, 1, column.name, "", message))
        elif column.name in tried and column.name not in found:
            draft.absent.add(column.name)
    return found


def _read_cells(
    column: Column, cells: list[Any], factor: Fraction | None, bad: dict[int, str]
) -> list[Any]:
    """The values of a column; ``bad`` gets row and message of each fault."""
    check = _checker(column, factor)
    holder = _HOLDER[column.kind]
    values: list[Any] = []
    seen: dict[str, Any] = {}  # most cells of a column repeat others
    for index, cell in enumerate(cells):
        if type(cell) is str and (known := seen.get(cell)) is not None:
            values.append(known)
        elif isinstance(cell, Broken):
            bad[index] = ""
            values.append(holder)
        elif is_blank(cell):
            if column.required:
                bad[index] = f"is empty; it must hold: {column.doc}"
                values.append(holder)
            else:
                values.append(column.default)
        else:
            try:
                value = check(cell)
                values.append(value)
                if type(cell) is str:
                    seen[cell] = value
            except CellError as error:
                bad[index] = str(error)
                values.append(holder)
    return values


def _checker(column: Column, factor: Fraction | None) -> Callable[[Any], Any]:
    """The function that turns a cell of ``column`` into its value or raises `CellError`."""
    if column.kind in ("id", "text"):
        return _text_checker(column)
    low, high = column.low, column.high
    unit = f" {column.unit}" if column.unit else ""

    def check(cell: Any) -> float:
        if column.kind != "number":
            number: float = to_integer(cell)
        else:
            number = to_number(cell)
            if factor is not None:
                number = convert(number, factor)
            if math.isinf(number) and not (column.infinite and number > 0):
                raise CellError("must be finite; give the number")
        if low is not None and number < low:
            if 0 < low <= 1e-6:
                raise CellError("must be above 0")
            raise CellError(f"must be at least {low:g}{unit}")
        if high is not None and number > high:
            raise CellError(f"must be at most {high:g}{unit}")
        return number

    return check


def _text_checker(column: Column) -> Callable[[Any], str]:
    choices = set(column.choices)
    is_id = column.kind == "id" and column.name != "element_id"

    def check(cell: Any) -> str:
        text = to_text(cell)
        if FORBIDDEN.search(text):
            raise CellError("holds a control character; type the cell again")
        parts = [text]
        if column.many:
            parts = split_many(text)
            text = ";".join(parts)
            if len(set(parts)) < len(parts):
                raise CellError("names the same thing twice")
        if choices:
            for part in parts:
                if part not in choices:
                    known = ", ".join(column.choices)
                    hint = did_you_mean(part, column.choices)
                    raise CellError(f"{part!r} is not one of: {known}.{hint}")
        elif is_id:
            for part in parts:
                if part != LOCAL:
                    check_id(part)
        return text

    return check


def _array(column: Column, values: list[Any]) -> Any:
    if column.kind in ("id", "text"):
        return pd.array(values, dtype="str")
    if column.kind == "number":
        array = np.asarray(values, dtype=np.float64)
        return array + 0.0  # no -0.0: it equals 0.0 but has other bits
    return np.asarray(values, dtype=np.int64)


def sheet_of_frame(table: Table, content: Any) -> Sheet:
    """The sheet of a table given in memory: a data frame, a dict of columns or a list of rows."""
    frame = content if isinstance(content, pd.DataFrame) else pd.DataFrame(content)
    cells = [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    return Sheet(table.name, [str(c) for c in frame.columns], cells, list(range(2, len(frame) + 2)))


def drafts_of(
    sheets: Mapping[str, Sheet],
    rates: Mapping[str, float],
    faults: list[Fault],
    *,
    file_of: str = "{}.csv",
    unread: Iterable[str] = (),
) -> dict[str, DraftTable]:
    """All tables of the schema as drafts; tables without a sheet are empty."""
    drafts: dict[str, DraftTable] = {}
    unread = set(unread)
    for table in TABLES:
        if table.name in sheets:
            drafts[table.name] = draft_table(TABLE[table.name], sheets[table.name], rates, faults)
            continue
        file = file_of.format(table.name)
        drafts[table.name] = empty_draft(table, file, readable=table.name not in unread)
        if table.required and table.name not in unread:
            message = f"the table is missing; it holds {table.row}, one a row"
            faults.append(Fault(file, None, "", "", message))
            drafts[table.name].readable = False
    return drafts
