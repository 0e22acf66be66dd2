"""Units in column names: which column a header means, and the factor that converts it.

A schema column is called ``prefix + unit + suffix``, mostly with nothing after the unit
(``cost_cny_per_teu``). A file may use another unit of the same dimension in the same place
(``cost_usd_per_feu``). Factors are exact fractions, so that a converted number is the correctly
rounded result: 12 percent is 0.12, not 0.12000000000000001.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from instances.schema import Column, Table

Dimension = tuple[tuple[str, int], ...]  # (("money", 1), ("box", -1)), sorted, without zeros

# base units: CNY, TEU, km, hour, kg, m2, m3, kWh, person, degree; shares are plain numbers
_HOUR = {
    "minute": Fraction(1, 60), "hour": Fraction(1), "day": Fraction(24), "week": Fraction(168),
    "month": Fraction(730), "year": Fraction(8760),
}  # fmt: skip
_PLAIN: dict[str, tuple[str, Fraction]] = {
    "teu": ("box", Fraction(1)), "feu": ("box", Fraction(2)),
    "m": ("length", Fraction(1, 1000)), "km": ("length", Fraction(1)),
    "mile": ("length", Fraction(1609344, 1000000)), "miles": ("length", Fraction(1609344, 1000000)),
    "nmi": ("length", Fraction(1852, 1000)),
    "g": ("mass", Fraction(1, 1000)), "kg": ("mass", Fraction(1)),
    "tonne": ("mass", Fraction(1000)), "tonnes": ("mass", Fraction(1000)),
    "m2": ("area", Fraction(1)), "mu": ("area", Fraction(2000, 3)),
    "ha": ("area", Fraction(10_000)), "km2": ("area", Fraction(1_000_000)),
    "m3": ("volume", Fraction(1)), "l": ("volume", Fraction(1, 1000)),
    "kwh": ("energy", Fraction(1)), "mwh": ("energy", Fraction(1000)),
    "gwh": ("energy", Fraction(1_000_000)),
    "share": ("", Fraction(1)), "percent": ("", Fraction(1, 100)),
    "person": ("person", Fraction(1)), "persons": ("person", Fraction(1)),
    "deg": ("angle", Fraction(1)), "unit": ("unit", Fraction(1)),
    **{name: ("time", factor) for name, factor in _HOUR.items()},
    **{name + "s": ("time", factor) for name, factor in _HOUR.items()},
}  # fmt: skip
_PREFIX = {
    "": 1, "k": 1000, "w": 10_000, "m": 1_000_000, "y": 100_000_000, "b": 1_000_000_000,
}  # w = wan (10 000), y = yi (100 million)  # fmt: skip
CURRENCIES = (
    "cny", "usd", "eur", "jpy", "gbp", "hkd", "krw", "twd", "vnd", "thb", "myr", "sgd", "idr",
    "inr", "rub", "kzt", "uzs", "chf", "aud", "cad", "php", "bdt", "khr", "mxn", "brl", "zar",
    "aed", "pln", "try", "gel", "azn", "mnt", "pkr", "lak", "mmk",
)  # fmt: skip


class UnitError(ValueError):
    """A unit that cannot be used; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a factor to the base units and a dimension. ``currencies`` need a rate."""

    factor: Fraction
    dimension: Dimension
    currencies: tuple[tuple[str, int], ...] = ()  # foreign money in it, with its exponent


@lru_cache(maxsize=4096)
def parse_unit(text: str) -> Unit | None:
    """The unit that ``text`` (``usd_per_feu``, ``per_week``, ``hours_per_1000_km``) means, or None.

    Examples
    --------
    >>> parse_unit("cny_per_feu").factor
    Fraction(1, 2)
    """
    if text.startswith("per_"):
        above, below = "", text[4:]
    else:
        above, per, below = text.partition("_per_")
        if not above or (per and not below):
            return None
    factor = Fraction(1)
    powers: dict[str, int] = {}
    money: dict[str, int] = {}
    for side, sign in ((above, 1), (below, -1)):
        for token in side.split("_") if side else ():
            if re.fullmatch(r"[1-9][0-9]{0,8}", token):
                if sign > 0:
                    return None
                factor /= int(token)
                continue
            base = _PLAIN.get(token) or _money(token)
            if base is None:
                return None
            dimension, size = base
            factor *= size**sign
            if dimension.startswith("money"):
                code = dimension[6:]
                if code != "cny":
                    money[code] = money.get(code, 0) + sign
                dimension = "money"
            if dimension:
                powers[dimension] = powers.get(dimension, 0) + sign
    return Unit(
        factor,
        tuple(sorted((d, p) for d, p in powers.items() if p)),
        tuple(sorted((c, p) for c, p in money.items() if p)),
    )


def _money(token: str) -> tuple[str, Fraction] | None:
    code, prefix = token[-3:], token[:-3]
    if code in CURRENCIES and prefix in _PREFIX:
        return f"money {code}", Fraction(_PREFIX[prefix])
    return None


def conversion(given: str, wanted: str, rates: Mapping[str, float]) -> Fraction:
    """What a number in ``given`` is multiplied with to be in ``wanted``.

    ``rates`` holds CNY per unit of each foreign currency. Raises `UnitError` when the unit is
    unknown, of another dimension, or of a currency without a rate.
    """
    unit, target = parse_unit(given), parse_unit(wanted)
    if target is None:
        raise UnitError(f"the unit {wanted!r} of the schema has no other unit")
    if unit is None:
        raise UnitError(f"the unit {given!r} is not known; {_expected(given, wanted)}")
    if unit.dimension != target.dimension:
        raise UnitError(f"the unit {given!r} measures something else; {_expected('', wanted)}")
    factor = unit.factor / target.factor
    for code, power in unit.currencies:
        if code not in rates:
            raise UnitError(
                f"there is no rate for {code!r}: add '{code} = CNY per {code.upper()}' to "
                "[currency] of instance.toml"
            )
        factor *= Fraction(repr(rates[code])) ** power
    return factor


def _expected(given: str, wanted: str) -> str:
    known = [*_PLAIN, *(p + c for p in _PREFIX for c in CURRENCIES)]
    near = [
        f"{token!r} is not known, did you mean {match[0]!r}?"
        for token in given.split("_")
        if token and token != "per" and token not in known and not token.isdigit()
        for match in [difflib.get_close_matches(token, known, n=1)]
        if match
    ]
    return " ".join([f"expected {wanted!r} or a unit of the same kind.", *near]).strip()


@dataclass(frozen=True, slots=True)
class Match:
    """Which schema column a header means. ``problem`` is set when its unit cannot be used."""

    column: str
    factor: Fraction | None = None  # None: the unit of the schema, nothing to convert
    problem: str = ""


def around_unit(column: Column) -> tuple[str, str] | None:
    """The parts of the column's name before and after its unit; None where no other unit fits."""
    if not column.unit or parse_unit(column.unit) is None:
        return None
    found = list(re.finditer(rf"(?:^|(?<=_)){re.escape(column.unit)}(?=_|$)", column.name))
    if not found:
        return None
    return column.name[: found[-1].start()], column.name[found[-1].end() :]


def match_header(header: str, table: Table, rates: Mapping[str, float]) -> Match | None:
    """The column of ``table`` that ``header`` means, with the factor to its unit; None: unknown."""
    if header in table.names:
        return Match(header)
    problem: Match | None = None
    for column, before, after in _with_units(table):
        inside = _between(header, before, after)
        if inside is None:
            continue
        try:
            return Match(column.name, conversion(inside, column.unit, rates))
        except UnitError as error:
            unit, target = parse_unit(inside), parse_unit(column.unit)
            fits = unit is not None and target is not None and unit.dimension == target.dimension
            # the unit of a column without a stem ("km") would claim every header: only a rate
            # that is missing may speak for it
            if fits or (problem is None and (before or after) and _like_unit(inside)):
                problem = Match(column.name, problem=str(error))
    if problem is None:
        problem = _without_unit(header, table)
    return problem


def _with_units(table: Table) -> Iterable[tuple[Column, str, str]]:
    """Columns that other units fit, the longest stems first (``fixed_sd_`` before ``fixed_``)."""
    parts = [(c, around_unit(c)) for c in table.columns]
    split = [(c, p[0], p[1]) for c, p in parts if p is not None]
    return sorted(split, key=lambda item: -len(item[1]) - len(item[2]))


def _between(header: str, before: str, after: str) -> str | None:
    if not (header.startswith(before) and header.endswith(after)):
        return None
    inside = header[len(before) : len(header) - len(after)] if after else header[len(before) :]
    return inside if inside and not inside.startswith("_") else None


def _like_unit(text: str) -> bool:
    """Whether a token of the text is a unit, or the text is a single unknown word."""
    tokens = [t for t in text.split("_") if t != "per"]
    known = [t for t in tokens if t in _PLAIN or _money(t)]
    return bool(known) or "per_" in text or len(tokens) == 1


def _without_unit(header: str, table: Table) -> Match | None:
    """A header that is the bare stem of a column: ``cost`` for ``cost_cny_per_teu``."""
    for column, before, after in _with_units(table):
        if header == (before.rstrip("_") + after) and header not in table.names:
            return Match(column.name, problem=f"has no unit in its name; write {column.name!r}")
    return None
