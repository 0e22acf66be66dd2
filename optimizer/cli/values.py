"""Types of values on the command line: what is no number is refused before anything is read."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A float in a range that is neither NaN nor, unless ``endless``, infinite."""

    name = "number"

    def __init__(
        self,
        min: float = 0.0,
        max: float | None = None,
        *,
        min_open: bool = False,
        max_open: bool = False,
        endless: bool = False,
    ) -> None:
        super().__init__(min=min, max=max, min_open=min_open, max_open=max_open)
        self.endless = endless

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the float; `click.BadParameter` with the reason otherwise."""
        number = super().convert(value, param, ctx)
        if math.isnan(number) or (math.isinf(number) and not self.endless):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Memory(click.ParamType):
    """An amount of memory with its unit: 4GB, 1.5 GB, 800MB. Comes out in MB."""

    name = "memory"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return MB; `click.BadParameter` with the reason otherwise."""
        if isinstance(value, float):  # click may convert twice
            return value
        text = value.strip().upper().removesuffix("B").removesuffix("I")
        factor = {"K": 2.0**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20}.get(text[-1:])
        try:
            amount = float(text[:-1]) if factor else math.nan
        except ValueError:
            amount = math.nan
        if not (math.isfinite(amount) and amount > 0):
            self.fail(f"{value!r} is no amount of memory such as 4GB or 800MB.", param, ctx)
        return amount * (factor or math.nan)


class Target(click.ParamType):
    """A share of all relocatable volume (0.2, 20%), at most 1, or million CNY a year (5000)."""

    name = "share or mcny"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        """Return ``target_share`` or ``target_mcny`` for a question."""
        if isinstance(value, dict):  # click may convert twice
            return value
        text = value.strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            self.fail(
                f"{value!r} is neither a share (0.2, 20%) nor million CNY (5000).", param, ctx
            )
        if text.endswith("%"):
            if number > 100:
                self.fail(f"{value!r} is more than all volume (100%).", param, ctx)
            return {"target_share": number / 100}
        return {"target_share": number} if number <= 1 else {"target_mcny": number}


class NamedNumber(click.ParamType):
    """NAME=NUMBER with a finite number >= 0."""

    name = "name=number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return the name and the number."""
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (separator and name and math.isfinite(number) and number >= 0):
            self.fail(f"{value!r}: write NAME=NUMBER with a number >= 0.", param, ctx)
        return name, number


class DecisionBound(click.ParamType):
    """KIND:ID=NUMBER: a bound on a decision, with a finite number >= 0."""

    name = "kind:id=number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str, float]:
        """Return kind, id and number."""
        if isinstance(value, tuple):
            return value
        named, separator, text = value.rpartition("=")
        kind, colon, name = named.partition(":")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (separator and colon and kind and name and math.isfinite(number) and number >= 0):
            self.fail(f"{value!r}: write KIND:ID=NUMBER with a number >= 0.", param, ctx)
        return kind, name, number
