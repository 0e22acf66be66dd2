"""A table as it stands in a file, before anything is understood: headers, cells, row numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from instances.errors import Fault


@dataclass
class Sheet:
    """One table of a file. ``cells`` holds one list per header; ``rows`` counts as people do."""

    file: str  # as shown in faults: "links.csv", "shanxi.xlsx sheet links"
    header: list[str]
    cells: list[list[Any]]
    rows: list[int]


@dataclass
class RawInstance:
    """All that a source holds: settings by dotted key, sheets by table, and what went wrong."""

    settings: dict[str, Any]
    settings_file: str
    sheets: dict[str, Sheet] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    file_of: str = "{}.csv"  # the file a table would be in, for tables that are missing
    unread: set[str] = field(default_factory=set)  # tables that are there but could not be read


def nearest(word: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The choice that looks most like ``word``; case does not matter."""
    by_lower: dict[str, str] = {}
    for choice in choices:
        by_lower.setdefault(choice.lower(), choice)
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """' Did you mean X?' with the nearest of ``choices``, or nothing."""
    near = nearest(word, choices)
    return f" Did you mean {near!r}?" if near is not None else ""


def is_blank(cell: Any) -> bool:
    """Whether the cell is empty: text of spaces only is, and a missing value of a data frame."""
    if cell is None:
        return True
    if isinstance(cell, str):
        return not cell or cell.isspace()
    return isinstance(cell, float) and cell != cell


def sheet_from_rows(
    file: str, rows: Iterable[tuple[int, list[Any]]], faults: list[Fault]
) -> Sheet | None:
    """The sheet that numbered rows of cells hold; the first row is the header.

    Empty rows are left out, and so are columns without any content. None when there is no header.
    """
    records = [(number, row) for number, row in rows if not all(map(is_blank, row))]
    if not records or records[0][0] != 1:
        faults.append(Fault(file, 1, "", "", "the header row is missing; row 1 must name columns"))
        return None
    header = ["" if is_blank(cell) else str(cell).strip() for cell in records[0][1]]
    while header and not header[-1]:
        header.pop()
    width = len(header)
    kept: list[list[Any]] = []
    numbers: list[int] = []
    for number, row in records[1:]:
        if len(row) > width and not all(map(is_blank, row[width:])):
            message = (
                f"the row has {len(row)} cells, the header {width}; put text that holds the "
                "separator in quotes, or name the extra column (an empty header cell is often a "
                "merged one)"
            )
            faults.append(Fault(file, number, "", str(row[width]), message))
            continue
        if len(row) < width:
            message = f"the row has {len(row)} cells, the header {width}; is a separator missing?"
            faults.append(Fault(file, number, "", "", message))
            continue
        kept.append(row[:width])
        numbers.append(number)
    cells = [list(column) for column in zip(*kept, strict=True)] or [[] for _ in header]
    for index in [i for i, name in enumerate(header) if not name][::-1]:
        full = [k for k, cell in enumerate(cells[index]) if not is_blank(cell)]
        if full:
            message = (
                f"the header cell of column {index + 1} is empty but the column is not; name it "
                "(unmerge merged header cells)"
            )
            faults.append(Fault(file, 1, f"column {index + 1}", "", message))
        del header[index], cells[index]
    for name in sorted({n for n in header if header.count(n) > 1}):
        faults.append(Fault(file, 1, name, name, "the column is there twice; delete one"))
        while header.count(name) > 1:
            index = len(header) - 1 - header[::-1].index(name)
            del header[index], cells[index]
    return Sheet(file, header, cells, numbers)
