"""What a study command found, as data: `Chapter` with tables and charts, ready to be shown.

A chapter knows nothing of how it is drawn; `optimizer.report.study_page` makes pages of chapters,
`optimizer.report.study_book` workbooks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

# text: words and ids; mcny: million CNY (a year); share: 0..1; number: other numbers, unit in title
Kind = Literal["text", "mcny", "share", "number", "count"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name in files, its heading for people, how its values are shown."""

    name: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows under columns. ``most`` rows are shown on the page; files hold all of them.

    A row is a mapping from column name to value: text, number, nan for unknown, inf for no limit.
    Every table whose numbers come from solves has a column with their gap (`gap_column`).
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    note: str = ""
    most: int = 60

    def __post_init__(self) -> None:
        """Every row has every column and no other."""
        names = {c.name for c in self.columns}
        for row in self.rows:
            if set(row) != names:
                wrong = sorted(set(row) ^ names)
                raise ValueError(f"table {self.name}: a row has {wrong} too much or too little")

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=[c.name for c in self.columns])


@dataclass(frozen=True)
class Chart:
    """A picture of columns of one table.

    ``kind`` is ``line`` (x, y; one line per value of ``series``), ``steps`` (a line that jumps),
    ``points`` (a scatter plot), ``bars`` (y over the names in x), ``ranges`` (horizontal bars from
    ``low`` to ``high`` around ``base``: a tornado), ``waterfall`` (steps that add up).
    ``label`` is a column whose text stands beside points.
    """

    name: str
    title: str
    kind: Literal["line", "steps", "points", "bars", "ranges", "waterfall"]
    table: str
    x: str
    y: str = ""
    series: str = ""
    label: str = ""
    low: str = ""
    high: str = ""
    base: float = math.nan
    x_title: str = ""
    y_title: str = ""
    marks: tuple[tuple[float, str], ...] = ()  # vertical lines at x with a word
    most: int = 40
    # of ``ranges``: columns with the least and most of ``low``, then of ``high`` (error bars)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """The answer of one command.

    Attributes
    ----------
    name, title, title_zh
        The command; what people call it.
    asked
        What was asked, one line each: instance, question, options.
    findings
        What it means, in sentences with numbers; the first is the answer.
    cautions
        What is not proven or not decided, and why.
    assumed
        Assumed inputs that drive the result: (table.row.column, value and why it matters).
    facts
        Solves, how many were reused, worst gap, seconds.
    """

    name: str
    title: str
    title_zh: str = ""
    asked: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    cautions: tuple[str, ...] = ()
    assumed: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """A table by name; KeyError if there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """The chapter as JSON can hold it: what ``--json`` prints and the study folder keeps."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Chapter:
        """Read what `to_dict` wrote."""
        tables = tuple(
            Table(
                t["name"],
                t["title"],
                tuple(Column(**c) for c in t["columns"]),
                tuple(_numbers(row, t["columns"]) for row in t["rows"]),
                t["note"],
                t["most"],
            )
            for t in raw["tables"]
        )
        charts = tuple(
            Chart(
                **(
                    c
                    | {
                        "base": _number(c["base"]),
                        "marks": tuple(tuple(m) for m in c["marks"]),
                        "errors": tuple(c.get("errors", ())),
                    }
                )
            )
            for c in raw["charts"]
        )
        words = {k: tuple(raw[k]) for k in ("asked", "findings", "cautions")}
        return cls(
            raw["name"],
            raw["title"],
            raw["title_zh"],
            tables=tables,
            charts=charts,
            assumed=tuple((a, b) for a, b in raw["assumed"]),
            facts=raw["facts"],
            **words,
        )


def rows_of(
    columns: Sequence[Column], values: Iterable[Sequence[Any]]
) -> tuple[dict[str, Any], ...]:
    """Rows from sequences in the order of the columns."""
    names = [c.name for c in columns]
    return tuple(dict(zip(names, row, strict=True)) for row in values)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value.item() if hasattr(value, "item") else value


def _numbers(row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = {c["name"]: c["kind"] for c in columns}
    return {k: v if kinds[k] == "text" else _number(v) for k, v in row.items()}


def _number(value: Any) -> Any:
    if value is None:
        return math.nan
    return float(value) if isinstance(value, str) else value
