"""Numbers as people read them: three or four significant digits, separators, never a bare NaN."""

from __future__ import annotations

import math


def shown(value: float, digits: int = 4) -> str:
    """Return a number with `digits` significant digits and thousands separators.

    Examples
    --------
    >>> shown(1234567.8), shown(0.0123456), shown(12.0), shown(0.0)
    ('1,235,000', '0.01235', '12', '0')
    >>> shown(float("inf")), shown(float("nan"))
    ('no limit', 'not known')
    """
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "no limit" if value > 0 else "none"
    if value == 0:
        return "0"
    if abs(value) < 1e-5:
        return f"{value:.1e}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    if float(rounded).is_integer() and abs(rounded) >= 10 ** (digits - 1):
        return f"{rounded:,.0f}"
    text = f"{rounded:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, digits: int = 3) -> str:
    """Return a share as per cent text, with more digits only where it is small.

    Examples
    --------
    >>> percent(0.12345), percent(1.0), percent(0.0), percent(0.00001234)
    ('12.3 %', '100 %', '0 %', '0.00123 %')
    """
    if math.isnan(share) or math.isinf(share):
        return shown(share)
    return f"{shown(100 * share, digits)} %"


def million(mcny: float, digits: int = 4) -> str:
    """Return money given in million CNY, as million or billion CNY.

    Examples
    --------
    >>> million(123.4), million(43210.0)
    ('123.4 million CNY', '43.21 billion CNY')
    """
    if math.isfinite(mcny) and abs(mcny) >= 10_000:
        return f"{shown(mcny / 1000, digits)} billion CNY"
    return f"{shown(mcny, digits)} million CNY"
