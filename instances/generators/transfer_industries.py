"""Industries of `transfer`: those of `shanxi`, and beyond them copies with changed figures."""

from __future__ import annotations

import math

from instances.generators import transfer_ranges as ranges
from instances.generators.transfer_backbone import Row, template_rows
from instances.generators.transfer_draw import Draw, significant

Tables = dict[str, list[Row]]
_COLUMNS = {  # what a copy changes, and what changes with it in industry_factors
    "output_value_cny_per_teu": (),
    "workers_per_mcny": ("labour_persons", "electronics_staff_persons"),
    "electricity_kwh_per_mcny": ("electricity_mwh", "energy_tce"),
    "water_m3_per_mcny": ("sewage_m3",),
    "floor_m2_per_mcny": ("floor_m2", "land_ha"), "relocation_cny_per_mcny": (),
    "min_scale_mcny_per_year": (), "host_setup_mcny_per_year": (),
}  # fmt: skip


_TABLES = ("industries", "industry_factors", "inputs", "outputs")


def add_industries(tables: Tables, count: int, seed: int) -> dict[str, str]:
    """Add industries, inputs, outputs, chains and curves; template of each industry by id.

    The first are those of `shanxi` as they are. A copy ``x_2`` has its template's cluster and
    regions, other figures.
    """
    draw = Draw(seed, "industries")
    originals = [row["industry_id"] for row in template_rows("industries")]
    names = originals[:count]
    template_of = {name: name for name in names}
    turn = 2
    while len(template_of) < count:
        for name in draw.order(originals)[: count - len(template_of)]:
            template_of[f"{name}_{turn}"] = name
        turn += 1
    by_template: dict[str, list[str]] = {}
    for name, original in template_of.items():
        by_template.setdefault(original, []).append(name)
    own = {name: template_rows(name) for name in _TABLES}
    for name in own:
        tables[name] = [r for r in own[name] if r["industry_id"] in names]
    for name in template_of:
        if name not in names:
            _add_copy(tables, own, draw, name, template_of[name])
    _add_chains(tables, draw, by_template)
    _add_curves(tables, draw)
    return template_of


def _add_copy(tables: Tables, own: Tables, draw: Draw, name: str, original: str) -> None:
    row = next(r for r in own["industries"] if r["industry_id"] == original)
    source = f"{original} of shanxi, figures changed by drawn factors of 0.8 to 1.25"
    noted = {"industry_id": name, "source": source, "grade": "assumed"}
    number = name.rsplit("_", 1)[1]
    changed: dict[str, float] = {}
    of_factor: dict[str, float] = {}
    for column, factors in _COLUMNS.items():
        by = draw.between(ranges.COPY_FACTOR)
        changed[column] = significant(row[column] * by, 6)
        of_factor |= dict.fromkeys(factors, by)
    title = {"name": f"{row['name']}, branch {number}", "name_zh": f"{row['name_zh']}（{number}）"}
    tables["industries"].append(row | changed | title | noted)
    for use in (r for r in own["industry_factors"] if r["industry_id"] == original):
        by = of_factor.get(use["factor_id"], 1.0)
        amount = significant(use["use_per_mcny"] * by, 6)
        tables["industry_factors"].append(use | {"use_per_mcny": amount} | noted)
    for bought in (r for r in own["inputs"] if r["industry_id"] == original):
        share = bought["share_of_output_value"] * draw.between(ranges.COPY_INPUT_FACTOR)
        value = significant(bought["value_cny_per_teu"] * draw.between(ranges.COPY_FACTOR), 6)
        tables["inputs"].append(
            bought | {"share_of_output_value": round(share, 4), "value_cny_per_teu": value} | noted
        )
    sold = [r for r in own["outputs"] if r["industry_id"] == original]
    weights = [r["share"] * draw.between(ranges.COPY_MARKET_FACTOR) for r in sold]
    for market, share in zip(sold, _shares(weights), strict=True):
        tables["outputs"].append(market | {"share": share} | noted)


def _shares(weights: list[float]) -> list[float]:
    """Shares of four decimals in proportion to the weights; the largest makes their sum 1."""
    total = math.fsum(weights)
    shares = [round(w / total, 4) for w in weights]
    largest = shares.index(max(shares))
    rest = math.fsum(s for i, s in enumerate(shares) if i != largest)
    shares[largest] = round(1 - rest, 4)
    return shares


def _add_chains(tables: Tables, draw: Draw, by_template: dict[str, list[str]]) -> None:
    tables["chains"] = []
    for row in template_rows("chains"):
        leaders = by_template.get(row["leader_industry_id"], [])
        for follower in by_template.get(row["follower_industry_id"], []):
            if not leaders:
                continue
            suffix = follower.removeprefix(row["follower_industry_id"])
            own = row["leader_industry_id"] + suffix
            tables["chains"].append(row | {
                "chain_id": row["chain_id"] + suffix,
                "leader_industry_id": own if own in leaders else leaders[0],
                "follower_industry_id": follower, "max_hours": draw.between(ranges.CHAIN_HOURS, 2),
                "source": "chain of shanxi, hours drawn from 2 to 3.5", "grade": "assumed",
            })  # fmt: skip


def _add_curves(tables: Tables, draw: Draw) -> None:
    clusters = {row["cluster_id"] for row in tables["industries"]}
    factors: dict[str, float] = {}
    tables["agglomeration"] = []
    for row in template_rows("agglomeration"):
        if row["cluster_id"] not in clusters:
            continue
        if row["cluster_id"] not in factors:
            factors[row["cluster_id"]] = draw.between(ranges.CURVE_FACTOR)
        by = factors[row["cluster_id"]]
        change = significant(row["cost_change_mcny_per_year"] * by, 5)
        tables["agglomeration"].append(row | {
            "cost_change_mcny_per_year": change, "grade": "assumed",
            "source": f"curve of shanxi x {by:g} (drawn from 0.7 to 1.3)",
        })  # fmt: skip
