"""Keys are unique, and ids that are referred to exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instances.draft import DraftTable
from instances.errors import Fault
from instances.schema import Column
from instances.sheets import did_you_mean

Drafts = Mapping[str, DraftTable]


def check_keys(drafts: Drafts) -> Iterator[Fault]:
    """Duplicate keys, each with the row that was there first; tables that must not be empty."""
    for draft in drafts.values():
        table = draft.table
        if table.required and draft.readable and not len(draft):
            message = f"the table has no rows; it needs at least one: {table.row}"
            yield draft.fault(None, "", message)
        keys = list(zip(*(draft.texts(k) for k in table.key), strict=True))
        if len(set(keys)) == len(keys):
            continue  # the usual case, and quick
        first: dict[tuple[str, ...], int] = {}
        for index, key in enumerate(keys):
            if draft.is_bad(index, *table.key):
                continue
            if key in first:
                row = int(draft.rows[first[key]])
                value = "/".join(map(str, key))
                message = f"is there twice: row {row} has it already; delete or rename one"
                yield draft.fault(index, table.key[-1], message, value)
            else:
                first[key] = index


def check_references(drafts: Drafts) -> Iterator[Fault]:
    """Ids that no row has, each with the nearest one that exists."""
    for draft in drafts.values():
        for column in draft.table.columns:
            if column.refers and len(draft):
                yield from _check_column(draft, column, drafts)


def _check_column(draft: DraftTable, column: Column, drafts: Drafts) -> Iterator[Fault]:
    name, _, field = column.refers.partition(".")
    target = drafts[name]
    if not target.readable or field in target.absent:
        return  # its own fault is told already; every row would repeat it
    known = set(target.texts(field))
    if not column.many and known.issuperset({*draft.texts(column.name)} - {""}):
        return
    hints: dict[str, str] = {}  # looking for a near name takes long, and faults repeat
    rows = draft.many(column.name) if column.many else [[t] for t in draft.texts(column.name)]
    for index, ids in enumerate(rows):
        for given in ids:
            if not given or given in known or draft.is_bad(index, column.name):
                continue
            if given not in hints:
                hints[given] = did_you_mean(given, known)
            message = (
                f"{given!r} is not a {field} of {target.file}.{hints[given]} "
                "Correct it or add the row."
            )
            yield draft.fault(index, column.name, message)
