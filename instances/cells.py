"""One cell: its text, its number, and what is wrong with it."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"([+-]?)(?:inf|infinity|∞)", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:[,，'’\s][0-9]{3})+(?:\.[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_WITH_WORD = re.compile(r"[+-]?[0-9][0-9.,eE+-]*\s*([^\s0-9].*)")
_NOTHING = re.compile(r"(?:nan|n/?a|#n/?a|null|none|-+|—|\?+|\.)", re.IGNORECASE)
# what XML cannot hold, and what separates records elsewhere
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_IDS = re.compile(r"[;/:=,*\n\t\"]")


class CellError(ValueError):
    """A cell that cannot be used; the message says why."""


def to_text(cell: Any) -> str:
    """The text of a cell, without spaces around it; line ends become a line feed.

    Excel turns ids such as 7 into numbers, so a whole number becomes its digits.
    """
    if isinstance(cell, str):
        text = cell.strip()
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if cell is None or cell != cell:  # NaN marks missing text in a data frame
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if hasattr(cell, "item"):
        cell = cell.item()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def check_id(text: str) -> None:
    """Raise `CellError` when ``text`` cannot be an id: ids are joined by these signs elsewhere."""
    found = _NOT_IN_IDS.search(text)
    if found:
        raise CellError(f"an id must not hold {found.group()!r}; use letters, digits, - and _")


@lru_cache(maxsize=65536)
def _number_of_text(text: str) -> float:
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        number = float(stripped)
        if math.isinf(number):
            raise CellError("is too large a number")
        return number
    found = _INFINITE.fullmatch(stripped)
    if found:
        return -math.inf if found.group(1) == "-" else math.inf
    if _NOTHING.fullmatch(stripped):
        raise CellError("is not a number (NaN); give the number")
    if stripped.endswith(("%", "％")):
        raise CellError("is not a number; write 0.12 for 12 %, or name the column ..._percent")
    if _THOUSANDS.fullmatch(stripped):
        raise CellError("is not a number; write it without thousands separators")
    if _COMMA.fullmatch(stripped):
        raise CellError("is not a number; write the decimal point as '.'")
    if _WITH_WORD.fullmatch(stripped):
        raise CellError("is not a number; write the number only, the unit is in the column's name")
    raise CellError("is not a number")


def to_number(cell: Any) -> float:
    """The number in a cell that is not blank. Raises `CellError`."""
    if type(cell) is float:
        if cell != cell:
            raise CellError("is not a number (NaN); give the number")
        return cell
    if isinstance(cell, bool):
        return float(cell)
    if isinstance(cell, str):
        if cell.upper() in ("TRUE", "FALSE"):
            raise CellError("is not a number")
        return _number_of_text(cell)
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise CellError("is not a number") from None


def to_integer(cell: Any) -> int:
    """The whole number in a cell; TRUE and FALSE are 1 and 0, as Excel writes flags."""
    if isinstance(cell, str) and cell.strip().upper() in ("TRUE", "FALSE"):
        return int(cell.strip().upper() == "TRUE")
    number = to_number(cell)
    if not math.isfinite(number) or number != int(number):
        raise CellError("must be a whole number")
    if abs(number) > 2**53:
        raise CellError("is too large a number")
    return int(number)


@lru_cache(maxsize=65536)
def convert(number: float, factor: Fraction) -> float:
    """``number * factor``, rounded once."""
    if not math.isfinite(number):
        return number
    try:
        return float(Fraction(number) * factor)
    except OverflowError:
        raise CellError("is too large a number") from None
