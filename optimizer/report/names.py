"""Names of what ids stand for, English and Chinese, looked up in the instance's tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from instances import Instance

_TABLES = {
    # what is named: (table, id column)
    "place": ("places", "place_id"),
    "industry": ("industries", "industry_id"),
    "form": ("forms", "form_id"),
    "origin": ("origins", "origin_id"),
    "factor": ("factors", "factor_id"),
    "pool": ("pools", "pool_id"),
    "module": ("modules", "module_id"),
    "project": ("projects", "project_id"),
    "service": ("services", "service_id"),
    "bottleneck": ("bottlenecks", "bottleneck_id"),
}


def filled(value: object) -> str:
    """Return the text of a cell, "" where it is empty."""
    return "" if value is None or value != value else str(value)


def ids(value: object) -> tuple[str, ...]:
    """Return the ids of a cell that may hold several, separated by semicolons."""
    return tuple(part.strip() for part in filled(value).split(";") if part.strip())


def plain(identifier: str) -> str:
    """Return an id as words, for things that have no name in the tables."""
    return identifier.replace("_", " ").replace("-", " ").strip()


def shortened(name: str) -> str:
    """Return a name without what stands in brackets or after a stroke, for labels.

    Examples
    --------
    >>> shortened("Tianjin Port (Xingang)"), shortened("New York / New Jersey"), shortened("(x)")
    ('Tianjin Port', 'New York', '(x)')
    """
    for mark in ("(", "（", "/"):
        name = name.split(mark)[0].strip() or name
    return name


class Names:
    """English and Chinese names by kind of thing and id. An id without a name is shown itself."""

    def __init__(self, instance: Instance) -> None:
        self._english: dict[str, dict[str, str]] = {}
        self._chinese: dict[str, dict[str, str]] = {}
        for what, (table, key) in _TABLES.items():
            frame = instance.tables[table]
            keys = [str(k) for k in frame[key]]
            self._english[what] = dict(zip(keys, map(filled, frame["name"]), strict=True))
            self._chinese[what] = dict(zip(keys, map(filled, frame["name_zh"]), strict=True))

    def en(self, what: str, identifier: str) -> str:
        """Return the English name, or the id where there is none."""
        return self._english[what].get(identifier) or identifier

    def zh(self, what: str, identifier: str) -> str:
        """Return the Chinese name, "" where there is none."""
        return self._chinese[what].get(identifier, "")

    def both(self, what: str, identifier: str) -> str:
        """Return "English 中文", or the English name alone where there is no Chinese one."""
        return f"{self.en(what, identifier)} {self.zh(what, identifier)}".strip()

    def host(self, kind: str, identifier: str) -> tuple[str, str]:
        """Return the names of a host: a zone's or rival's place, or the origin that stays."""
        what = "origin" if kind == "stay" else "place"
        return self.en(what, identifier), self.zh(what, identifier)

    def columns(self, what: str, keys: Iterable[str], column: str) -> dict[str, list[str]]:
        """Return two columns, ``column`` and ``column_zh``, with the names of ``keys``."""
        listed = [str(k) for k in keys]
        return {
            column: [self.en(what, k) for k in listed],
            f"{column}_zh": [self.zh(what, k) for k in listed],
        }


def indexed(frame: pd.DataFrame, *keys: str) -> dict[object, dict[str, object]]:
    """Return the rows of a table by their key (a tuple where there are several key columns)."""
    records = frame.to_dict("records")
    if len(keys) == 1:
        return {str(r[keys[0]]): r for r in records}
    return {tuple(str(r[k]) for k in keys): r for r in records}
