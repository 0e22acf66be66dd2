"""Single values changed by an expression: ``table.id.column=value``, ``*=factor``, settings.

The table is what stands before the first dot, the column what stands after the last dot before
the first ``=``, and the id is all between, so an id may hold dots (it never holds ``=``, ``/`` or
``:``). Parts of a composite key are joined by ``/``. The column may carry another unit of the same
kind (``volume_bcny_per_year=2``). Ids that name a row cannot be changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from instances.cells import CellError, convert, to_number
from instances.errors import InstanceError
from instances.schema import SETTINGS, TABLE, Column
from instances.sheets import did_you_mean
from instances.units import match_header

if TYPE_CHECKING:
    import pandas as pd

    from instances.instance import Instance

_HEAD = re.compile(r"\s*(?P<table>[^.\s]+)\.(?:(?P<id>.*)\.)?(?P<column>[^.=*]+?)\s*(?P<times>\*?)")


@dataclass(frozen=True, slots=True)
class Override:
    """One parsed expression. ``key`` is empty for settings."""

    text: str
    table: str
    key: str
    column: str
    times: bool
    value: str


def parse_override(text: str) -> Override:
    """The parts of an expression. Raises `InstanceError` when it has not the right form."""
    head, equals, value = text.partition("=")
    found = _HEAD.fullmatch(head)
    form = "use table.id.column=value, table.id.column*=factor or settings.key=value"
    if not equals or not found:
        raise InstanceError(f"{text!r} cannot be read: {form}")
    table, key = found["table"], found["id"]
    if table == "settings" and key is not None:
        raise InstanceError(f"{text!r} cannot be read: settings have no id; use settings.key=value")
    if table != "settings" and key is None:
        raise InstanceError(f"{text!r} cannot be read: {form}")
    key = (key or "").strip()
    return Override(text, table, key, found["column"].strip(), bool(found["times"]), value.strip())


def apply_overrides(instance: Instance, expressions: Iterable[str]) -> Instance:
    """The instance with all expressions applied in order, checked once at the end."""
    frames: dict[str, pd.DataFrame] = {}
    rows: dict[str, dict[str, int]] = {}  # of tables that change: key -> row number
    settings: dict[str, Any] = {}
    dense: np.ndarray | None = None
    for text in expressions:
        change = parse_override(text)
        if change.table == "settings":
            settings[change.column] = _new_setting(instance, change, settings)
        elif change.table == "moves" and instance.dense_moves is not None:
            dense = instance.dense_moves.copy() if dense is None else dense
            _change_matrix(instance, change, dense)
        else:
            _change_cell(instance, change, frames, rows)
    changes: dict[str, Any] = frames | settings
    if dense is not None:
        changes["dense_moves"] = dense
    return instance.replace(**changes)


def _new_setting(instance: Instance, change: Override, settings: dict[str, Any]) -> Any:
    if change.column not in SETTINGS:
        hint = did_you_mean(change.column, SETTINGS)
        raise InstanceError(f"{change.text!r}: there is no setting {change.column!r}.{hint}")
    old = settings.get(change.column, getattr(instance.settings, change.column))
    number = _number(change)
    return float(old) * number if change.times else number


def _number(change: Override) -> float:
    try:
        if not change.value:
            raise CellError("is missing")
        return to_number(change.value)
    except CellError as error:
        raise InstanceError(f"{change.text!r}: the value {change.value!r} {error}") from None


def _column(instance: Instance, change: Override) -> tuple[Column, Any]:
    """The schema column that is meant, and the factor of its unit (None: the schema's unit)."""
    table = TABLE[change.table]
    match = match_header(change.column, table, instance.currency)
    if match is None or match.problem:
        problem = match.problem if match else f"is not in {table.name}"
        hint = did_you_mean(change.column, table.names)
        raise InstanceError(f"{change.text!r}: the column {change.column!r} {problem}.{hint}")
    if match.column in table.key:
        message = "names the row and cannot be changed; replace the table instead"
        raise InstanceError(f"{change.text!r}: the column {change.column!r} {message}")
    return table.column(match.column), match.factor


def _change_cell(
    instance: Instance,
    change: Override,
    frames: dict[str, Any],
    rows: dict[str, dict[str, int]],
) -> None:
    from instances.instance import find_row, row_numbers

    if change.table not in TABLE:
        hint = did_you_mean(change.table, [*TABLE, "settings"])
        raise InstanceError(f"{change.text!r}: there is no table {change.table!r}.{hint}")
    column, factor = _column(instance, change)
    if change.table not in rows:
        rows[change.table] = row_numbers(instance, change.table)
    index = rows[change.table].get(change.key, -1)
    if index < 0:
        try:
            index = find_row(instance, change.table, change.key)
        except InstanceError as error:
            raise InstanceError(f"{change.text!r}: {error}") from None
    frame = frames.get(change.table)
    if frame is None:
        frame = frames[change.table] = instance.table(change.table)
    position = frame.columns.get_loc(column.name)
    value = _new_value(change, column, factor, frame.iat[index, position])
    if column.kind in ("integer", "flag"):
        if value != int(value):
            raise InstanceError(f"{change.text!r}: {value!r} is not a whole number")
        value = int(value)
    frame.iat[index, position] = value


def _new_value(change: Override, column: Column, factor: Any, old: Any) -> Any:
    if column.kind in ("id", "text"):
        if change.times:
            raise InstanceError(f"{change.text!r}: {column.name!r} is text; only = can be used")
        return change.value
    if not change.value and not change.times and not column.required:
        return column.default
    number = _number(change)
    if change.times:
        if old != old:
            raise InstanceError(f"{change.text!r}: the cell is empty, there is nothing to multiply")
        return float(old) * number
    try:
        return number if factor is None else convert(number, factor)
    except CellError as error:
        raise InstanceError(f"{change.text!r}: the value {error}") from None


def _change_matrix(instance: Instance, change: Override, dense: np.ndarray) -> None:
    from instances.instance import find_row

    column, factor = _column(instance, change)
    if column.name != "cost_cny_per_mcny_year":
        raise InstanceError(f"{change.text!r}: moves are a matrix here and have no {column.name}")
    block, _, zone = change.key.rpartition("/")
    try:
        place = find_row(instance, "blocks", block), find_row(instance, "zones", zone)
    except InstanceError as error:
        raise InstanceError(f"{change.text!r}: {error}") from None
    dense[place] = _new_value(change, column, factor, float(dense[place]))
