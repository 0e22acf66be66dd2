"""Instances for the verifier's tests, built from rows with the schema's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from instances.schema import SETTINGS, TABLES

DTYPE = {"number": "float64", "flag": "int64", "integer": "int64", "id": "str", "text": "str"}


@dataclass
class BareInstance:
    """What the verifier reads of an instance; unchecked, so that tests may bend it."""

    tables: dict[str, pd.DataFrame]
    settings: SimpleNamespace
    instance_id: str = "hand"
    hash: str = "hash-of-hand"
    dense_moves: np.ndarray | None = None
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def bare_instance(rows: Mapping[str, Sequence[Mapping[str, Any]]], **settings: Any) -> BareInstance:
    """An instance from rows by table; what a row leaves out gets the schema's default."""
    tables = {}
    for table in TABLES:
        columns: dict[str, Any] = {}
        for column in table.columns:
            default = column.default
            if default is None:  # required by the schema, of no matter to most tests
                default = 0.0 if column.kind in ("number", "flag", "integer") else ""
            values = [row.get(column.name, default) for row in rows.get(table.name, ())]
            columns[column.name] = pd.Series(values, dtype=DTYPE[column.kind])
        for row in rows.get(table.name, ()):
            assert set(row) <= set(table.names), (table.name, set(row) - set(table.names))
        tables[table.name] = pd.DataFrame(columns)
    values = {key: 0.0 if default is None else default for key, (_, default, _) in SETTINGS.items()}
    return BareInstance(
        tables,
        SimpleNamespace(**(values | settings)),
        rows={k: [dict(r) for r in v] for k, v in rows.items()},
    )
