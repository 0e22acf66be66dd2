"""Which goods a person means: an industry's output, one of its inputs, or a general container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from instances.errors import InstanceError
from networks.names import find_ids, nearest
from networks.network import Goods

# Ten tonnes in a TEU is the usual mean load of a box; duty is left out because it depends on goods.
GENERAL_CONTAINER = Goods(
    "general container", tonnes_per_teu=10.0, value_cny_per_teu=200_000.0, vat_rate=0.13
)
Tables = Mapping[str, pd.DataFrame]


def find_goods(
    tables: Tables,
    words: Goods | str | None = None,
    value_cny_per_teu: float | None = None,
    tonnes_per_teu: float | None = None,
) -> Goods:
    """Return the goods that the words mean, with value and weight replaced where given.

    ``INDUSTRY`` (id or name) is its output, ``INDUSTRY:INPUT`` or ``INDUSTRY:INPUT:REGION`` an
    input; goods keys ``in:INDUSTRY:INPUT:REGION:PLACE`` and ``out:INDUSTRY:MARKET:PLACE`` are
    understood as well. Nothing means a general container of 10 t and 200 000 CNY, free of duty.
    """
    if words is None:
        goods = GENERAL_CONTAINER
    else:
        goods = words if isinstance(words, Goods) else _named(tables, words)
    if value_cny_per_teu is not None:
        goods = replace(goods, value_cny_per_teu=float(value_cny_per_teu))
    if tonnes_per_teu is not None:
        goods = replace(goods, tonnes_per_teu=float(tonnes_per_teu))
    return goods


def _named(tables: Tables, words: str) -> Goods:
    parts = [part.strip() for part in words.split(":")]
    if parts[0] == "out" and len(parts) > 1:
        return _output(tables, parts[1], words)
    if parts[0] == "in" and len(parts) > 1:
        parts = parts[1:4]
    if len(parts) == 1:
        return _output(tables, parts[0], words)
    return _input(tables, parts[0], parts[1], parts[2] if len(parts) > 2 else "", words)


def _industry(tables: Tables, word: str) -> pd.Series:
    industries = tables["industries"]
    called = zip(industries["name"], industries["name_zh"], strict=True)
    names = dict(zip(industries["industry_id"], called, strict=True))
    found = find_ids(word, names, what="industry")
    if len(found) > 1:
        raise InstanceError(f"industry {word!r} is ambiguous. Give an id: {', '.join(found)}.")
    return industries[industries["industry_id"] == found[0]].iloc[0]


def _output(tables: Tables, word: str, words: str) -> Goods:
    row = _industry(tables, word)
    return Goods(
        words if words.startswith("out:") else str(row["industry_id"]),
        tonnes_per_teu=float(row["output_tonnes_per_teu"]),
        value_cny_per_teu=float(row["output_value_cny_per_teu"]),
        duty_rate=float(row["output_duty_rate"]),
        vat_rate=float(row["vat_rate"]),
    )


def _input(tables: Tables, industry: str, input_id: str, region: str, words: str) -> Goods:
    row = _industry(tables, industry)
    inputs = tables["inputs"]
    own = inputs[inputs["industry_id"] == row["industry_id"]]
    rows = own[own["input_id"] == input_id]
    if rows.empty:
        known = sorted(set(own["input_id"]))
        raise InstanceError(
            f"{row['industry_id']} has no input {input_id!r}.{nearest(input_id, known)} "
            f"It has {', '.join(known) or 'none'}."
        )
    if region:
        regions = sorted(rows["region_id"])
        rows = rows[rows["region_id"] == region]
        if rows.empty:
            raise InstanceError(
                f"{row['industry_id']} buys no {input_id} from {region!r}, "
                f"but from {', '.join(regions)}."
            )
    numbers = rows[["tonnes_per_teu", "value_cny_per_teu", "duty_rate"]].drop_duplicates()
    if len(numbers) > 1:
        raise InstanceError(
            f"{words!r} differs by region. Give INDUSTRY:INPUT:REGION with one of "
            f"{', '.join(sorted(rows['region_id']))}."
        )
    tonnes, value, duty = (float(n) for n in numbers.iloc[0])
    return Goods(words, tonnes, value, duty_rate=duty, vat_rate=float(row["vat_rate"]))
