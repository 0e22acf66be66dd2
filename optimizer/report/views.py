"""Tables as the page shows them: chosen columns, words for heads, numbers for reading."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from optimizer.report.names import ids
from optimizer.report.numbers import percent, shown
from optimizer.report.words import Words

Style = Literal["text", "long", "number", "share", "bar", "flag", "grade", "word", "ids"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the page: where it comes from, how it is shown, what its head says."""

    name: str
    style: Style = "text"
    zh: bool = False  # the Chinese name stands in the column NAME_zh
    group: str = ""  # group of words for style "word"
    head: str = ""  # id of the head's words, if not column.NAME
    title: str = ""  # the head itself, where it is not a fixed word


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what is read, and the exact value where it is a number."""

    text: str
    zh: str = ""
    value: str = ""
    kind: str = "text"
    bar: float | None = None  # 0..1 of the cell's width
    full: bool = False  # the bar is at its limit
    sign: str = ""  # "assumed" for rows to mark


@dataclass(frozen=True, slots=True)
class View:
    """A table for the page."""

    name: str
    heads: tuple[tuple[str, bool], ...]  # (text, is a number)
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0  # rows that are left out


def view(
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    words: Words,
    most: int | None = None,
) -> View:
    """Return a table of the page with at most `most` rows."""
    shown_rows = frame if most is None else frame.head(most)
    heads = tuple(
        (c.title or words(c.head or f"column.{c.name}"), c.style in ("number", "share"))
        for c in columns
    )
    rows = tuple(
        tuple(_cell(record, c, words) for c in columns) for record in shown_rows.to_dict("records")
    )
    return View(name, heads, rows, len(frame) - len(shown_rows))


_NUMERIC = ("number", "share", "bar")


def exact(value: Any) -> str:
    """Return a number so that reading it back gives the same number; "" for nan."""
    if isinstance(value, bool):
        return "1" if value else "0"
    number = float(value)
    if math.isnan(number):
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _cell(record: Mapping[Any, Any], column: Column, words: Words) -> Cell:
    value = record[column.name]
    if column.style in _NUMERIC:
        number = float(value)
        if math.isnan(number):
            return Cell("–", kind="number")
        text = percent(number) if column.style in ("share", "bar") else shown(number)
        if column.style == "bar":
            full = bool(record.get("binding", False))
            return Cell(text, value=exact(value), kind="bar", bar=min(max(number, 0), 1), full=full)
        return Cell(text, value=exact(value), kind="number")
    if column.style == "flag":
        return Cell(words("yes") if value else words("no"), kind="flag" if value else "text")
    if column.style == "grade":
        return Cell(words.of("grade", str(value)), kind="grade", sign=str(value))
    if column.style == "word":
        return Cell(words.of(column.group, str(value)))
    if column.style == "ids":
        group = column.group
        parts = (words.of(group, p) if group else p.replace("_", " ") for p in ids(value))
        return Cell(" · ".join(parts) or "–")
    zh = str(record[f"{column.name}_zh"]) if column.zh else ""
    kind = "long" if column.style == "long" else "text"
    return Cell(str(value) or "–", zh=zh, kind=kind)


def as_data(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table for embedding as JSON: numbers exact, inf as text, nan as null."""
    return {
        "columns": list(frame.columns),
        "rows": [[_plain(v) for v in row] for row in zip(*_lists(frame), strict=True)],
    }


def _lists(frame: pd.DataFrame) -> Iterable[list[Any]]:
    return [frame[c].tolist() for c in frame.columns]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
    return value


SITING = (
    Column("rank", "number"), Column("zone", zh=True), Column("prefecture"),
    Column("absorbed_mcny", "number"), Column("absorbed_share", "share"),
    Column("industries", zh=True),
)  # fmt: skip
SITING_END = (
    Column("modules", "long"), Column("cost_mcny", "number"),
    Column("cost_per_output_share", "share"),
    Column("jobs_persons", "number"), Column("teu_in", "number"), Column("teu_out", "number"),
)  # fmt: skip
INDUSTRIES = (
    Column("industry", zh=True), Column("relocatable_mcny", "number"),
    Column("moved_mcny", "number"), Column("rival_mcny", "number"), Column("stayed_mcny", "number"),
    Column("moved_share", "share"), Column("zones_count", "number"),
)  # fmt: skip
COMPONENTS = (
    Column("component", "word", group="component"), Column("moved_mcny", "number"),
    Column("rival_mcny", "number"), Column("stayed_mcny", "number"),
    Column("common_mcny", "number"), Column("total_mcny", "number"), Column("cost_share", "share"),
)  # fmt: skip
MOVES = (
    Column("origin", zh=True), Column("industry", zh=True), Column("zone", zh=True),
    Column("form", zh=True), Column("output_mcny", "number"), Column("block_share", "share"),
)  # fmt: skip
ROUTES = (
    Column("direction", "word", group="direction"), Column("gateway", zh=True),
    Column("modes", "ids", group="mode"), Column("corridor_id", "ids"), Column("places", "long"),
    Column("teu", "number"), Column("teu_share", "share"), Column("km", "number"),
    Column("hours", "number"), Column("sd_hours", "number"), Column("money_cny_per_teu", "number"),
    Column("generalised_cny_per_teu", "number"), Column("money_mcny", "number"),
    Column("co2e_t", "number"),
)  # fmt: skip
BOTTLENECKS = (
    Column("bottleneck", zh=True), Column("kind", "word", group="kind"), Column("use_share", "bar"),
    Column("use_teu", "number"), Column("capacity_teu", "number"), Column("added_teu", "number"),
    Column("price_cny_per_teu", "number"), Column("grade", "grade"), Column("source", "long"),
)  # fmt: skip
POOLS = (
    Column("pool", zh=True), Column("use_share", "bar", head="column.use_share"),
    Column("use", "number", head="column.use"), Column("supply", "number"), Column("unit"),
    Column("endowment", "number"), Column("bought", "number"), Column("built", "number"),
    Column("by_projects", "number"), Column("price_cny_per_unit", "number"),
    Column("grade", "grade"), Column("source", "long"),
)  # fmt: skip
SERVICES = (
    Column("service", zh=True), Column("runs", "flag"), Column("use_share", "bar"),
    Column("use_teu", "number"), Column("min_load_teu", "number"), Column("capacity_teu", "number"),
    Column("departures_per_week", "number"), Column("cost_mcny", "number"),
    Column("grade", "grade"), Column("source", "long"),
)  # fmt: skip
PROJECTS = (
    Column("project", zh=True), Column("built", "flag", head="column.project_built"),
    Column("kind", "word", group="kind"), Column("capital_mcny", "number"),
    Column("cost_mcny", "number"), Column("effects", "long"), Column("grade", "grade"),
    Column("source", "long"),
)  # fmt: skip
RULES = (
    Column("text", zh=True), Column("active", "flag"),
    Column("use", "number", head="column.rule_use"),
    Column("limit", "number"), Column("slack", "number"), Column("grade", "grade"),
    Column("source", "long"),
)  # fmt: skip
ASSUMED = (
    Column("table", "word", group="table"), Column("on_assumed_share", "bar"),
    Column("on_assumed_mcny", "number"), Column("rows_used", "number"),
    Column("reported_rows", "number"), Column("derived_rows", "number"),
    Column("assumed_rows", "number"),
)  # fmt: skip
EVIDENCE = (
    Column("table"), Column("row_id"), Column("resting_mcny", "number"), Column("source", "long"),
)  # fmt: skip
CHECKS = (
    Column("name", head="column.check"), Column("stated", "number"), Column("recomputed", "number"),
    Column("difference", "number"), Column("ok", "flag"),
)  # fmt: skip
PROVENANCE = (Column("group"), Column("key"), Column("value"))
LEGS = (
    Column("leg", "number"), Column("from", zh=True), Column("to", zh=True),
    Column("what", head="column.what"), Column("regime"), Column("km", "number"),
    Column("hours", "number"), Column("money_cny_per_teu", "number"),
    Column("generalised_cny_per_teu", "number"), Column("co2e_kg_per_teu", "number"),
    Column("row_id", "long"), Column("grade", "grade"), Column("source", "long"),
)  # fmt: skip
