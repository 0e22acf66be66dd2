"""The schema as a page for readers: ``docs/instance.md`` is what `schema_page` returns.

``python -m instances.describe`` writes it anew after a change of the schema.
"""

# ruff: noqa: E501 - long lines are lines of the page

from __future__ import annotations

import math
import sys
from pathlib import Path

from instances.schema import SETTINGS, TABLES, Column, Table
from instances.units import CURRENCIES, around_unit

_HEAD = """\
# The instance

*This page is generated from `instances/schema.py` by `python -m instances.describe`; do not edit it.*

An instance says what is given: places, links, prices, industries, zones, rules. It has three forms,
and reading any of them gives the same instance:

- a folder with `instance.toml` and one CSV file per table (`links.csv`);
- an Excel workbook (`.xlsx`) with one sheet per table and a sheet `instance` of two columns, `key` and
  `value` (`settings.year`, `2024`);
- a folder with `instance.toml` and one Parquet file per table (`links.parquet`).

A table that is not required may be missing. Write every form with `write_instance`, read it with
`read_instance`, and let `find_faults` list everything that is wrong with it.

## instance.toml

```toml
[instance]
id = "my_case"
name = "My case"
name_zh = "我的算例"          # optional
description = "..."          # optional

[settings]                   # see below
year = 2024
discount_rate = 0.05
carrying_rate = 0.06

[currency]                   # CNY per unit, for columns in foreign money
usd = 7.12

[sources]                    # where a table as a whole comes from
links = "..."

[known]                      # optional: a result that is known, for tests
optimum_mcny = 17.7
```

### Settings

| key | kind | default | meaning |
| --- | --- | --- | --- |
"""

_RULES = """
## Cells

- **Text** in CSV is UTF-8. GBK (GB 18030, what Excel saves in China) and UTF-16 are recognised and read;
  anything else is a fault. The separator may be comma, semicolon or tab.
- **Ids** must not hold any of `; / : = , * "` or line breaks: ids are joined by them elsewhere. Several ids in one
  cell are separated by `;`.
- **Numbers** have a decimal point and no thousands separators; `inf` means no limit where that is allowed. An empty
  cell takes the column's default; a column with a default may be missing altogether.
- **Flags** are 0 or 1 (TRUE and FALSE are read too).
- Spaces around text do not count. Empty rows are skipped. Formulas in Excel are read as their stored value.
- Fault messages count rows as a person does: the header is row 1.

## Units

Each column has its unit in its name. A file may use **another unit of the same kind in the same
place of the name**: `cost_usd_per_feu` instead of `cost_cny_per_teu`, `minutes` instead of `hours`,
`duty_percent` instead of `duty_share`. It is converted once, on reading, and rounded once.

| kind | units |
| --- | --- |
| money | {currencies}; with a prefix `k` 1,000, `w` 10,000 (万), `m` million, `y` 100 million (亿), `b` billion, \
such as `mcny`, `kusd` |
| boxes | `teu`, `feu` = 2 TEU |
| length | `m`, `km`, `mile`, `nmi` |
| time | `minutes`, `hours`, `days`, `weeks`, `months` (730 h), `years` (8760 h); `per_week`, `per_year`, ... |
| mass | `g`, `kg`, `tonnes` |
| area, volume | `m2`, `mu` (亩), `ha`, `km2`; `m3`, `l` |
| energy | `kwh`, `mwh`, `gwh` |
| shares | `share`, `percent` |

## Changing single values

`instance.override("table.id.column=value")`, the same as `--set` of the command:

- `tariffs.road.rate_cny_per_teu_km*=1.2` multiplies;
- `blocks.shenzhen/electronics.volume_mcny_per_year=100`: parts of a composite key are joined by `/`;
- `settings.carrying_rate=0.08`.

The table is what stands before the first dot, the column what stands after the last dot before the
first `=`; the id is all between, so it may hold dots. The result is checked like an instance that is read.

## Tables

Columns in **bold** are the key. "required" means that the column must be there and every cell filled.
"""


def schema_page() -> str:
    """Return the page, as Markdown."""
    parts = [_HEAD]
    for key, (kind, default, doc) in SETTINGS.items():
        shown = "required" if default is None else f"`{default:g}`"
        parts.append(f"| `{key}` | {kind} | {shown} | {doc} |\n")
    parts.append(_RULES.format(currencies=", ".join(f"`{c}`" for c in CURRENCIES)))
    parts.extend(_table_section(table) for table in TABLES)
    return "".join(parts)


def _table_section(table: Table) -> str:
    must = " Required." if table.required else ""
    lines = [f"\n### {table.name}\n\nOne row: {table.row}.{must}\n"]
    lines.append(
        "\n| column | kind | empty | values | meaning |\n| --- | --- | --- | --- | --- |\n"
    )
    for column in table.columns:
        name = f"`{column.name}`"
        name = f"**{name}**" if column.name in table.key else name
        cells = (name, column.kind, _empty(column), _values(column), column.doc)
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |\n")
    return "".join(lines)


def _empty(column: Column) -> str:
    if column.required:
        return "required"
    if column.default == "" or (isinstance(column.default, float) and math.isnan(column.default)):
        return "allowed"
    is_number = isinstance(column.default, int | float)
    return f"`{column.default:g}`" if is_number else f"`{column.default}`"


def _values(column: Column) -> str:
    parts = []
    if column.refers:
        parts.append(f"`{column.refers}`")
    if column.choices:
        parts.append(", ".join(f"`{c}`" for c in column.choices))
    if column.many:
        parts.append("several with `;`")
    if column.unit and around_unit(column) is None:
        parts.append(f"in `{column.unit}`")  # the name does not say it
    if column.kind in ("number", "integer"):
        above = column.low is not None and 0 < column.low <= 1e-6
        if column.low is not None:
            parts.append("above 0" if above else f"at least {column.low:g}")
        if column.high is not None:
            parts.append(f"at most {column.high:g}")
        if column.infinite:
            parts.append("`inf` allowed")
    return "; ".join(parts)


def main(arguments: list[str]) -> None:
    """Write the page to the given path, or to ``docs/instance.md`` of the checkout."""
    default = Path(__file__).resolve().parent.parent / "docs" / "instance.md"
    target = Path(arguments[0]) if arguments else default
    target.write_text(schema_page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
