"""Which assumed inputs an answer rests on."""

from __future__ import annotations

from collections.abc import Mapping

from instances import Instance


def assumed_tables(instance: Instance, why: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return (table, sentence) of the tables that have assumed rows, in the order of ``why``.

    ``why`` says for each table what it decides in the answer.
    """
    found = []
    for table, reason in why.items():
        grades = instance.tables[table]["grade"]
        count = int((grades == "assumed").sum())
        if count:
            found.append((table, f"{reason}: {count} of {len(grades)} rows are assumed"))
    return tuple(found)
