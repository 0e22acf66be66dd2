"""The inputs that are known within a range: what is moved together, from where to where."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from instances import Instance
from instances.errors import InstanceError

GROUPS = ("tariffs", "factors", "capacities", "volumes", "rivals")
MONEY = (
    "fixed_cny_per_teu", "rate_cny_per_teu_km", "rate_cny_per_tonne", "rate_cny_per_tonne_km",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One number of the tables with its range."""

    where: str  # table.id.column
    base: float
    low: float
    high: float


@dataclass(frozen=True)
class Parameter:
    """Cells that move together, all to their low, all to their high end.

    ``cheaper``: the end at which the best plan cannot be dearer than at the base ("" where that is
    not certain).
    """

    group: str
    name: str
    title: str
    cells: tuple[Cell, ...]
    documented: bool
    assumed_share: float
    cheaper: str = ""

    def at(self, share: float) -> tuple[str, ...]:
        """Overrides at a point between the low end (0) and the high end (1)."""
        return tuple(
            f"{c.where}={float(c.low + share * (c.high - c.low))!r}" for c in self.cells
        )

    def shown(self, high: bool) -> str:
        """One end as people read it: a factor of the base, summed over the cells."""
        ends = sum(c.high if high else c.low for c in self.cells)
        base = sum(c.base for c in self.cells)
        if len(self.cells) == 1 or base == 0:
            return f"{ends:,.6g}"
        return f"{ends / base:.2f} x"


def parameters_of(
    instance: Instance, groups: Sequence[str] = GROUPS, spread: float = 0.0
) -> list[Parameter]:
    """Return the parameters with a documented range, then those that get ±``spread``.

    Raises
    ------
    InstanceError
        A group that there is not.
    """
    for group in groups:
        if group not in GROUPS:
            raise InstanceError(f"{group!r} is no group; known: {', '.join(GROUPS)}")
    found = [p for p in _documented(instance) if p.group in groups]
    if spread > 0:
        found += _spread(instance, spread)
    return [p for p in found if any(c.low != c.base or c.high != c.base for c in p.cells)]


def _documented(instance: Instance) -> Iterator[Parameter]:
    tables = instance.tables
    places = tables["places"]
    name = dict(zip(places["place_id"], places["name"], strict=True))
    factor = dict(zip(tables["factors"]["factor_id"], tables["factors"]["name"], strict=True))
    used = set(tables["links"]["tariff_id"])
    for r in tables["tariffs"].itertuples():
        if r.tariff_id not in used:
            continue
        cells = tuple(
            Cell(f"tariffs.{r.tariff_id}.{c}", v, v * r.cost_factor_low, v * r.cost_factor_high)
            for c in MONEY
            if (v := float(getattr(r, c))) > 0
        )
        title = f"Price of carriage: {r.tariff_id.replace('_', ' ')}"
        assumed = float(r.grade == "assumed")
        yield Parameter("tariffs", r.tariff_id, title, cells, True, assumed, "low")
    yield from _grouped(
        "factors", tables["pools"], "pools", ("pool_id",), "endowment", "factor_id",
        lambda k: f"Endowment of {factor[k]} in the zones", "high",
    )  # fmt: skip
    yield from _grouped(
        "capacities", tables["bottlenecks"], "bottlenecks", ("bottleneck_id",),
        "capacity_teu_per_year", "kind", lambda k: f"Spare capacity: {k.replace('_', ' ')}s", "high",
    )  # fmt: skip
    industry = dict(
        zip(tables["industries"]["industry_id"], tables["industries"]["name"], strict=True)
    )
    yield from _grouped(
        "volumes", tables["blocks"], "blocks", ("origin_id", "industry_id"),
        "volume_mcny_per_year", "industry_id", lambda k: f"Relocatable volume: {industry[k]}", "",
    )  # fmt: skip
    yield from _grouped(
        "rivals", tables["rival_limits"], "rival_limits", ("rival_id", "factor_id"), "endowment",
        "rival_id", lambda k: f"What {name[k]} can take", "high",
    )  # fmt: skip


def _grouped(
    group: str,
    frame: pd.DataFrame,
    table: str,
    key: tuple[str, ...],
    column: str,
    by: str,
    title: object,
    cheaper: str,
) -> Iterator[Parameter]:
    """One parameter for each value of ``by``: the rows with a documented low or high."""
    stem, _, unit = column.partition("_")
    tail = f"_{unit}" if unit else ""
    low_name, high_name = f"{stem}_low{tail}", f"{stem}_high{tail}"
    cells: dict[str, list[Cell]] = defaultdict(list)
    assumed: dict[str, list[bool]] = defaultdict(list)
    for row in frame.to_dict("records"):
        base, low, high = (float(row[c]) for c in (column, low_name, high_name))
        low, high = (base if math.isnan(v) else v for v in (low, high))
        if not math.isfinite(base) or low == high == base:
            continue
        where = f"{table}.{'/'.join(str(row[k]) for k in key)}.{column}"
        cells[row[by]].append(Cell(where, base, min(low, base), max(high, base)))
        assumed[row[by]].append(row["grade"] == "assumed")
    for value in sorted(cells):
        share = sum(assumed[value]) / len(assumed[value])
        yield Parameter(
            group, f"{table}:{value}", title(value), tuple(cells[value]), True, share, cheaper  # type: ignore[operator]
        )


def _spread(instance: Instance, spread: float) -> list[Parameter]:
    """Prices without a documented range, ± a share of the base."""
    tables = instance.tables
    zones, rivals = set(tables["zones"]["factor_region_id"]), set(tables["rivals"]["factor_region_id"])
    made = []

    def add(
        name: str, title: str, frame: pd.DataFrame, table: str, key: tuple[str, ...], column: str
    ) -> None:
        cells = tuple(
            Cell(f"{table}.{'/'.join(str(row[k]) for k in key)}.{column}", v, *sorted((v * (1 - spread), v * (1 + spread))))
            for row in frame.to_dict("records")
            if (v := float(row[column])) != 0
        )
        if cells:
            assumed = float((frame["grade"] == "assumed").mean())
            made.append(Parameter("prices", name, f"{title} ±{spread:.0%}", cells, False, assumed))

    prices = tables["factor_prices"]
    for regions, where in ((zones, "in the zones"), (rivals - zones, "at rival hosts")):
        rows = prices[prices["factor_region_id"].isin(list(regions))]
        for column, what in (
            ("wage_cny_per_year", "Wages"),
            ("electricity_cny_per_kwh", "Power"),
            ("rent_cny_per_m2_year", "Rent"),
        ):
            add(f"{what} {where}", f"{what} {where}", rows, "factor_prices", ("factor_region_id",), column)
    key = ("origin_id", "industry_id")
    for column, what in (
        ("wage_cny_per_year", "Wages"),
        ("rent_cny_per_m2_year", "Rent"),
        ("electricity_cny_per_kwh", "Power"),
        ("stay_premium_share_of_output", "Extra cost of staying"),
    ):
        add(f"{what} at the origins", f"{what} at the origins", tables["blocks"], "blocks", key, column)
    add("relocation", "Capital of relocation", tables["industries"], "industries", ("industry_id",), "relocation_cny_per_mcny")
    add("modules", "Capital of modules", tables["modules"], "modules", ("module_id",), "capital_mcny")
    add("rival margin", "Margin of rivals", tables["rivals"], "rivals", ("rival_id",), "margin_share_of_output")
    for setting, what in (
        ("discount_rate", "Discount rate"),
        ("carrying_rate", "Carrying rate of goods"),
        ("emission_cny_per_tonne", "Price of CO2e"),
        ("service_factor", "Safety stock factor"),
    ):
        value = float(getattr(instance.settings, setting))
        if value:
            cell = Cell(f"settings.{setting}", value, value * (1 - spread), value * (1 + spread))
            made.append(Parameter("prices", setting, f"{what} ±{spread:.0%}", (cell,), False, 1.0))
    return made
