"""Inputs that are known within a range: which cells each of them moves, and how far.

Three sources, in this order: ranges of the evidence that ship with a bundled instance
(``ranges/parameters.csv`` and ``ranges/cells.csv``, made by `instances.shanxi_build.ranges`),
ranges that the tables document in columns of their own, and prices that have no documented range
and get a stated spread.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import instances
from instances import Instance
from instances.errors import InstanceError
from instances.schema import TABLE

MONEY = (
    "fixed_cny_per_teu", "rate_cny_per_teu_km", "rate_cny_per_tonne", "rate_cny_per_tonne_km",
)  # fmt: skip
GROUPS = (
    "carriage", "times", "emissions", "capacities", "volumes", "endowments", "production", "rates",
)  # fmt: skip
SHIPPED = Path(instances.__file__).parent / "bundled"
FIELDS = ("parameter_id", "name", "unit", "low", "value", "high", "cells", "grade", "source")


@dataclass(frozen=True)
class Cell:
    """One number of the tables (``table.id.column``): as it is, and at both ends of the range."""

    where: str
    base: float
    low: float
    high: float


@dataclass(frozen=True)
class Parameter:
    """Cells that one uncertain input feeds; ``low``, ``value``, ``high`` are in ``unit``.

    ``documented`` is False where the range is a stated spread and not from a source.
    """

    parameter_id: str
    group: str
    name: str
    unit: str
    low: float
    value: float
    high: float
    cells: tuple[Cell, ...]
    grade: str = ""
    source: str = ""
    documented: bool = True

    def at(self, value: float) -> tuple[str, ...]:
        """Return the overrides at a value: each cell linear from low to base and base to high.

        Cells are multiplied where they can be, so that overrides of several parameters, and those
        that the instance already has, all count.
        """
        texts = []
        for cell in self.cells:
            number = self._cell_at(cell, value)
            if number == cell.base:
                continue
            if cell.base:
                texts.append(f"{cell.where}*={number / cell.base!r}")
            else:
                texts.append(f"{cell.where}={number!r}")
        return tuple(texts)

    def _cell_at(self, cell: Cell, value: float) -> float:
        end, far = (cell.low, self.low) if value < self.value else (cell.high, self.high)
        if value == self.value or far == self.value:
            return cell.base
        share = (value - self.value) / (far - self.value)
        if share == 1:
            return end
        if _is_whole(cell.where):  # flags and counts have no values between
            return end if share > 0.5 else cell.base
        return cell.base + share * (end - cell.base)

    @property
    def ends(self) -> tuple[tuple[str, float], ...]:
        """The ends that differ from the value as it is."""
        both = (("low", self.low), ("high", self.high))
        return tuple((side, v) for side, v in both if v != self.value and self.at(v))

    @property
    def shown(self) -> str:
        """The range as people read it."""
        numbers = f"{self.low:,.4g} … {self.value:,.4g} … {self.high:,.4g}"
        return f"{numbers} {self.unit}".strip()


def _is_whole(where: str) -> bool:
    table, _, rest = where.partition(".")
    if table == "settings":
        return False
    return TABLE[table].column(rest.rpartition(".")[2]).kind in ("flag", "integer")


def parameters_of(
    instance: Instance,
    *,
    groups: Sequence[str] = GROUPS,
    grades: Sequence[str] = (),
    spread: float = 0.1,
) -> tuple[list[Parameter], list[str]]:
    """Return the uncertain inputs of an instance, and those that cannot be varied with the reason.

    Parameters
    ----------
    groups, grades
        Only parameters of these groups (`GROUPS`) and grades; no grades: all.
    spread
        Of prices without a documented range, as a share; 0: they are left out.
    """
    for group in groups:
        if group not in GROUPS:
            raise InstanceError(f"{group!r} is no group; known: {', '.join(GROUPS)}")
    shipped, left_out = _shipped(instance)
    tabled = list(_tabled(instance))
    ranged = {c.where for p in tabled if p.parameter_id.startswith("tariffs:") for c in p.cells}
    found = [p for p in shipped if not _is_rate_of_one_tariff(p, ranged)] + tabled
    if spread > 0:
        covered = {c.where for p in found for c in p.cells}
        found += _spread(instance, spread, covered)
    wanted = [
        p for p in found if p.group in groups and (not grades or p.grade in grades) and p.ends
    ]
    return wanted, left_out


def _is_rate_of_one_tariff(parameter: Parameter, ranged: set[str]) -> bool:
    """True if it moves money of a tariff alone, the whole range of which the tariff documents."""
    links = all(c.where.startswith(("tariffs.", "links.")) for c in parameter.cells)
    moved = [c.where for c in parameter.cells if c.where.startswith("tariffs.")]
    one = len({w.split(".")[1] for w in moved}) == 1
    return links and one and all(w in ranged for w in moved)


# -- that ship with an instance -------------------------------------------------------------------


def _shipped(instance: Instance) -> tuple[list[Parameter], list[str]]:
    folder = SHIPPED / instance.instance_id / "ranges"
    if not (folder / "cells.csv").is_file():
        return [], []
    cells: dict[str, list[Cell]] = defaultdict(list)
    for row in _rows(folder / "cells.csv"):
        numbers = (float(row[k]) for k in ("value", "low", "high"))
        cells[row["parameter_id"]].append(Cell(row["cell"], *numbers))
    known = _Known(instance)
    found, left_out = [], []
    for row in _rows(folder / "parameters.csv"):
        name = row["parameter_id"]
        if row["left_out"]:
            left_out.append(f"{row['name']} ({name}, {row['left_out']})")
            continue
        if missing := [c.where for c in cells[name] if c.where not in known]:
            left_out.append(f"{row['name']} ({name}, {missing[0]} is not in these tables)")
            continue
        found.append(
            Parameter(
                name, _group_of(cells[name]), row["name"], row["unit"],
                float(row["low"]), float(row["value"]), float(row["high"]), tuple(cells[name]),
                row["grade"], f"{row['evidence']}: {row['source']}",
            )
        )  # fmt: skip
    return found, left_out


class _Known:
    """Which cells an instance has."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.keys: dict[str, set[str]] = {}

    def __contains__(self, where: str) -> bool:
        table, _, rest = where.partition(".")
        if table == "settings":
            return True
        key = rest.rpartition(".")[0]
        if table not in self.keys:
            self.keys[table] = set(_ids(self.instance.tables[table], table))
        return key in self.keys[table]


def _ids(frame: pd.DataFrame, table: str) -> list[str]:
    columns = [frame[k].astype(str) for k in TABLE[table].key]
    return ["/".join(parts) for parts in zip(*columns, strict=True)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _group_of(cells: Sequence[Cell]) -> str:
    return Counter(_cell_group(c.where) for c in cells).most_common(1)[0][0]


def _cell_group(where: str) -> str:
    table, _, rest = where.partition(".")
    column = rest.rpartition(".")[2]
    if table == "settings":
        return "rates"
    if table in ("bottlenecks", "services"):
        return "capacities"
    if table in ("pools", "rival_limits", "modules", "rivals") and "mcny" not in column:
        return "endowments"
    if table == "blocks" and column.startswith("volume"):
        return "volumes"
    if table in ("tariffs", "links", "transfers", "customs"):
        if "co2e" in column:
            return "emissions"
        return "carriage" if "cny" in column or "cost" in column or "share" in column else "times"
    return "production"


# -- from columns of the tables -------------------------------------------------------------------


def _tabled(instance: Instance) -> Iterator[Parameter]:
    tables = instance.tables
    name = dict(zip(tables["places"]["place_id"], tables["places"]["name"], strict=True))
    factor = dict(zip(tables["factors"]["factor_id"], tables["factors"]["name"], strict=True))
    made = tables["industries"]
    industry = dict(zip(made["industry_id"], made["name"], strict=True))
    used = set(tables["links"]["tariff_id"])
    for r in tables["tariffs"].to_dict("records"):
        if r["tariff_id"] not in used or r["cost_factor_low"] == r["cost_factor_high"]:
            continue
        low, high = min(1.0, r["cost_factor_low"]), max(1.0, r["cost_factor_high"])
        cells = tuple(
            Cell(f"tariffs.{r['tariff_id']}.{c}", v, v * low, v * high)
            for c in MONEY
            if (v := float(r[c])) > 0
        )
        if cells:
            yield Parameter(
                f"tariffs:{r['tariff_id']}", "carriage",
                f"Price of carriage: {r['tariff_id'].replace('_', ' ')}", "x",
                low, 1.0, high, cells, r["grade"], f"tariffs: {r['source']}",
            )  # fmt: skip
    yield from _columns(
        "endowments", tables["pools"], "pools", "endowment", "factor_id",
        lambda k: f"Endowment of {factor[k]} in the zones",
    )  # fmt: skip
    yield from _columns(
        "capacities", tables["bottlenecks"], "bottlenecks", "capacity_teu_per_year", "kind",
        lambda k: f"Spare capacity: {k.replace('_', ' ')}s",
    )  # fmt: skip
    yield from _columns(
        "volumes", tables["blocks"], "blocks", "volume_mcny_per_year", "industry_id",
        lambda k: f"Relocatable volume: {industry[k]}",
    )  # fmt: skip
    yield from _columns(
        "endowments", tables["rival_limits"], "rival_limits", "endowment", "rival_id",
        lambda k: f"What {name.get(k, k)} can take",
    )  # fmt: skip


def _columns(
    group: str,
    frame: pd.DataFrame,
    table: str,
    column: str,
    by: str,
    title: Callable[[str], str],
) -> Iterator[Parameter]:
    """One parameter for each value of ``by``: the rows with a documented low or high."""
    stem, _, unit = column.partition("_")
    tail = f"_{unit}" if unit else ""
    cells: dict[str, list[Cell]] = defaultdict(list)
    grades: dict[str, Counter[str]] = defaultdict(Counter)
    sources: dict[str, str] = {}
    for key, row in zip(_ids(frame, table), frame.to_dict("records"), strict=True):
        base, low, high = (
            float(row[c]) for c in (column, f"{stem}_low{tail}", f"{stem}_high{tail}")
        )
        low, high = (base if math.isnan(v) else v for v in (low, high))
        if not all(map(math.isfinite, (base, low, high))) or low == high == base:
            continue
        cells[row[by]].append(
            Cell(f"{table}.{key}.{column}", base, min(low, base), max(high, base))
        )
        grades[row[by]][row["grade"]] += 1
        sources.setdefault(row[by], row["source"])
    for value in sorted(cells):
        total = math.fsum(c.base for c in cells[value])
        if total <= 0:
            continue
        low, high = (
            math.fsum(getattr(c, n) for c in cells[value]) / total for n in ("low", "high")
        )
        yield Parameter(
            f"{table}:{value}", group, title(value), "x", low, 1.0, high, tuple(cells[value]),
            grades[value].most_common(1)[0][0], f"{table}: {sources[value]}",
        )  # fmt: skip


# -- without a documented range -------------------------------------------------------------------


def _spread(instance: Instance, spread: float, covered: set[str]) -> Iterator[Parameter]:
    """Prices whose range nobody documents, ± a share; settings only where they have no range."""
    tables = instance.tables
    prices = tables["factor_prices"]
    ours = set(tables["zones"]["factor_region_id"])
    theirs = set(tables["rivals"]["factor_region_id"]) - ours
    wanted: list[tuple[str, str, str, str, set[str] | None]] = [
        (f"{what} {where}", table, column, kind, regions)
        for table, kind, where, regions in (
            ("factor_prices", "production", "in the zones", ours),
            ("factor_prices", "production", "at rival hosts", theirs),
            ("blocks", "production", "at the origins", None),
        )
        for what, column in (
            ("Wages", "wage_cny_per_year"),
            ("Power price", "electricity_cny_per_kwh"),
            ("Factory rent", "rent_cny_per_m2_year"),
        )
    ]
    wanted += [
        ("Extra cost of staying", "blocks", "stay_premium_share_of_output", "production", None),
        ("Capital of relocation", "industries", "relocation_cny_per_mcny", "production", None),
        ("Capital of modules", "modules", "capital_mcny", "production", None),
        ("Capital of projects", "projects", "capital_mcny", "production", None),
        ("Margin of rivals", "rivals", "margin_share_of_output", "production", None),
        ("Value of output per TEU", "industries", "output_value_cny_per_teu", "production", None),
    ]
    for title, table, column, group, regions in wanted:
        frame = prices if table == "factor_prices" else tables[table]
        if regions is not None:
            frame = frame[frame["factor_region_id"].isin(list(regions))]
        wheres = [f"{table}.{key}.{column}" for key in _ids(frame, table)]
        cells = tuple(
            Cell(where, v, *sorted((v * (1 - spread), v * (1 + spread))))
            for where, v in zip(wheres, map(float, frame[column]), strict=True)
            if v != 0 and math.isfinite(v)
        )
        if cells:
            grade = Counter(frame["grade"]).most_common(1)[0][0]
            yield _plus_minus(f"{table}:{title}", group, title, spread, cells, grade)
    for setting, title in (
        ("discount_rate", "Discount rate"),
        ("carrying_rate", "Carrying rate of goods"),
        ("emission_cny_per_tonne", "Price of CO2e"),
        ("service_factor", "Safety stock factor"),
    ):
        value, where = float(getattr(instance.settings, setting)), f"settings.{setting}"
        if value and where not in covered:
            cell = Cell(where, value, value * (1 - spread), value * (1 + spread))
            yield _plus_minus(where, "rates", title, spread, (cell,), "assumed")


def _plus_minus(
    name: str, group: str, title: str, spread: float, cells: tuple[Cell, ...], grade: str
) -> Parameter:
    return Parameter(
        name, group, title, "x", 1 - spread, 1.0, 1 + spread, cells, grade,
        f"no range is documented: ±{spread:.0%}", documented=False,
    )  # fmt: skip


# -- from a file ----------------------------------------------------------------------------------


def read_parameters(instance: Instance, path: Path) -> list[Parameter]:
    """Return the parameters of a CSV file: the cells are multiplied by low/value and high/value.

    Columns: parameter_id, name, unit, low, value, high, cells, grade, source. ``cells`` are
    ``table.id.column`` separated by semicolons; ``*`` stands for every id.

    Raises
    ------
    InstanceError
        All faults of the file at once, each with its row and column.
    """
    faults: list[str] = []
    found: list[Parameter] = []
    rows = _rows(path)
    needed = {"parameter_id", "low", "value", "high", "cells"}
    columns = set(rows[0]) if rows else set()
    if not needed <= columns or not columns <= set(FIELDS):
        raise InstanceError(f"{path}: the columns are {', '.join(FIELDS)}; there must be rows")
    for number, row in enumerate(rows, start=2):
        try:
            found.append(_of_row(instance, {k: (v or "").strip() for k, v in row.items()}))
        except (InstanceError, ValueError) as error:
            faults.append(f"{path}, row {number} ({row['parameter_id'] or 'no id'}): {error}")
    names = Counter(p.parameter_id for p in found)
    faults += [f"{path}: {n!r} is given twice" for n, count in names.items() if count > 1]
    if faults:
        raise InstanceError("\n".join(faults))
    return found


def _of_row(instance: Instance, row: dict[str, str]) -> Parameter:
    numbers = {}
    for name in ("low", "value", "high"):
        try:
            numbers[name] = float(row[name])
        except ValueError:
            numbers[name] = math.nan
        if not math.isfinite(numbers[name]):
            raise ValueError(f"column {name}: {row[name]!r} must be a number")
    low, value, high = numbers["low"], numbers["value"], numbers["high"]
    if not low <= value <= high or low == high or value == 0:
        raise ValueError("columns low, value, high must rise, and value must not be 0")
    cells: list[Cell] = []
    for word in filter(None, (w.strip() for w in row["cells"].split(";"))):
        for where, base in _numbers(instance, word):
            cells.append(Cell(where, base, base * low / value, base * high / value))
    if not cells:
        raise ValueError("column cells: no cell with a number")
    return Parameter(
        row["parameter_id"], _group_of(cells), row.get("name") or row["parameter_id"],
        row.get("unit", ""), low, value, high, tuple(cells), row.get("grade", ""),
        row.get("source", ""),
    )  # fmt: skip


def _numbers(instance: Instance, word: str) -> Iterable[tuple[str, float]]:
    """Cells that a word names, with their numbers."""
    table, _, rest = word.partition(".")
    if table == "settings":
        value: Any = getattr(instance.settings, rest, None)
        if value is None:
            raise ValueError(f"column cells: there is no setting {rest!r}")
        return [(word, float(value))]
    key, _, column = rest.rpartition(".")
    if table not in TABLE or column not in TABLE[table].names:
        raise ValueError(f"column cells: {word!r} is no table.id.column")
    frame = instance.tables[table]
    ids = _ids(frame, table)
    if key != "*" and key not in ids:
        raise ValueError(f"column cells: {table} has no row {key!r}")
    if TABLE[table].column(column).kind not in ("number", "integer"):
        raise ValueError(f"column cells: {column} of {table} is no number")
    return [
        (f"{table}.{i}.{column}", float(v))
        for i, v in zip(ids, frame[column], strict=True)
        if key in ("*", i) and math.isfinite(float(v)) and float(v) != 0
    ]
