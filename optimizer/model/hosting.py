"""Hosting (2): output only where an industry is hosted, hosting only where a zone is open."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from optimizer.model.base import SitingModel
from optimizer.problem import Problem


def add_hosting(m: SitingModel) -> None:
    """(2) Output only where hosted, hosting only where open, and at least the minimum scale."""
    problem = m.problem
    zone_rows = list(problem.table("zones").itertuples())
    industry_rows = list(problem.table("industries").itertuples())
    forced = set(problem.question.open_zones)
    shut = {name for kind, name, most in problem.question.most if kind == "zone" and most < 1}
    named = {name for kind, name, _ in problem.question.least if kind == "zone"}
    needed = {z for z, _ in m.cells_of} | {
        k for k, r in enumerate(zone_rows) if r.status == "required" or r.zone_id in forced | named
    }
    for zone in sorted(needed):
        row = zone_rows[zone]
        must = row.status in ("required", "existing") or row.zone_id in forced
        barred = row.status == "forbidden" or row.zone_id in problem.question.forbid_zones
        price, most = zone_cost(problem, row), 0.0 if barred else 1.0
        m.add(("open", zone), price, ub=most, integer=True, amounts={"outlay": price})
        left_out = row.status == "existing" and (barred or row.zone_id in shut)
        if must and not left_out:  # a row, so that a conflict can name it
            m.lp.add_row(("required", zone), {("open", zone): 1.0}, low=1.0)
    for zone, industry in sorted(m.cells_of):
        cells = m.cells_of[zone, industry]
        row = industry_rows[industry]
        most, least = m.most[zone, industry], row.min_scale_mcny_per_year
        host = m.add(
            ("host", zone, industry),
            row.host_setup_mcny_per_year,
            ub=0.0 if most < least * (1 - 1e-9) else 1.0,
            integer=True,
        )
        m.lp.add_row(
            ("open_if_host", zone, industry), [(m.lp.col["open", zone], 1.0), (host, -1.0)], low=0.0
        )
        terms = m.out_terms(cells)
        m.lp.add_row(("host_most", zone, industry), [*terms, (host, -most)], high=0.0)
        if least > 0:
            m.lp.add_row(("host_least", zone, industry), [*terms, (host, -least)], low=0.0)
        per_block: dict[int, list[int]] = defaultdict(list)
        for cell in cells:
            for column in m.explicit_of.get(cell, ()):
                per_block[m.lp.col_keys[column][1]].append(column)
        for block, columns in per_block.items():
            volume = float(problem.volume[block])
            m.lp.add_row(
                ("strong", zone, industry, block),
                [(c, 1.0) for c in columns] + [(host, -volume)],
                high=0.0,
            )
    for cell, projects in enumerate(problem.cell_projects):
        if projects and cell in {c for cs in m.cells_of.values() for c in cs}:
            zone, industry = int(problem.cell_zone[cell]), int(problem.cell_industry[cell])
            terms = m.out_terms([cell])
            terms += [(m.lp.col["project", p], -m.most[zone, industry]) for p in projects]
            m.lp.add_row(("form_allowed", cell), terms, high=0.0)


def zone_cost(problem: Problem, row: Any) -> float:
    """Yearly cost of an open zone, mcny."""
    if row.status == "existing":
        return 0.0
    return row.open_mcny * problem.crf(row.open_life_years) + row.open_mcny_per_year


def strong_set(m: SitingModel, zone: int, industry: int, x: np.ndarray) -> tuple[int, ...] | None:
    """Return the set S of the most violated strong hosting inequality at ``x``, or None.

    The separable blocks' strong rows x(o,z) <= volume(o) * host(z) and sum over zones x(o,z) =
    moved(o) imply out(z) <= sum over o in S of moved(o) + sum over o not in S of volume(o) *
    host(z) for every set S of blocks; the most violated S takes moved(o) where it is the smaller
    of the two.
    """
    problem = m.problem
    cells = m.cells_of[zone, industry]
    total = sum(x[m.lp.col["out", c]] for c in cells if ("out", c) in m.lp.col)
    if total <= 1e-9:
        return None
    blocks = m_blocks(m, industry)
    moved = np.array([x[m.lp.col["moved", b]] for b in blocks])
    volume = problem.volume[blocks]
    at_most = volume * x[m.lp.col["host", zone, industry]]
    smaller = moved < at_most
    right = moved[smaller].sum() + at_most[~smaller].sum()
    if total <= right + 1e-6 * max(1.0, total):
        return None
    return tuple(blocks[smaller].tolist())


def strong_cut(
    m: SitingModel, zone: int, industry: int, chosen: tuple[int, ...]
) -> list[tuple[int, float]] | None:
    """Return the terms (<= 0) of the strong inequality of a set S; None if it has no place."""
    cells = [c for c in m.cells_of.get((zone, industry), ()) if ("out", c) in m.lp.col]
    if not cells or any(("moved", b) not in m.lp.col for b in chosen):
        return None
    rest = set(m_blocks(m, industry).tolist()) - set(chosen)
    terms = [(m.lp.col["out", c], 1.0) for c in cells]
    terms += [(m.lp.col["moved", b], -1.0) for b in chosen]
    terms.append((m.lp.col["host", zone, industry], -float(m.problem.volume[sorted(rest)].sum())))
    return terms


def m_blocks(m: SitingModel, industry: int) -> np.ndarray:
    """Separable blocks of an industry."""
    problem = m.problem
    return np.flatnonzero((problem.block_industry == industry) & ~problem.explicit_blocks)
