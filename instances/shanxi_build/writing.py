"""Rows to CSV: schema order, only columns that say something, the same bytes every time."""

from __future__ import annotations

import csv
import io
import math

from instances.schema import TABLE, Column
from instances.shanxi_build.evidence import EvidenceError, Row


def text_of(value: object) -> str:
    """The text of a cell: whole numbers without a point, others with up to 9 digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        if math.isnan(value):
            raise ValueError("not a number")
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return str(int(value)) if value == int(value) else f"{value:.9g}"
    return str(value)


def to_csv(table: str, rows: list[Row]) -> str:
    """The CSV text of a table; a column is left out where every row has its default."""
    schema = TABLE[table]
    allowed = set(schema.names)
    lines: list[dict[str, str]] = []
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        if unknown := set(row) - allowed:
            raise EvidenceError(f"{table}: unknown columns {sorted(unknown)}")
        line = {}
        for column in schema.columns:
            value = row.get(column.name)
            if value is None and column.required:
                raise EvidenceError(f"{table}: no {column.name} in {row}")
            try:
                line[column.name] = text_of(value)
            except ValueError:
                raise EvidenceError(f"{table}: {column.name} is not a number in {row}") from None
        key = tuple(line[k] for k in schema.key)
        if key in seen:
            raise EvidenceError(f"{table}: {key} is built twice")
        seen.add(key)
        lines.append(line)
    columns = [
        c.name
        for c in schema.columns
        if c.required or any(_says(line[c.name], c) for line in lines)
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _says(text: str, column: Column) -> bool:
    default = column.default
    if isinstance(default, float) and math.isnan(default):
        default = None
    return text not in ("", text_of(default))
