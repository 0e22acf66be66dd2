"""Agglomeration (12): exact piecewise-linear cost change of a cluster's output in a zone.

A curve is filled from left to right: ``("fill", zone, cluster, s)`` is the output on its stretch
``s``, and ``("reach", zone, cluster, s)`` says that a stretch that is cheaper than the one before
may be begun, which asks for the one before to be full. The relaxation of this form is the convex
hull of curve and shut zone. Curves end where the zone's pools do, so that the hull is as low as it
must be and no lower.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from optimizer.model.base import SitingModel, factor_use
from optimizer.model.output import pool_ceilings
from optimizer.problem import Problem

SHORTEST = 0.01  # a curve is not cut nearer than this share of a stretch behind its beginning


def add_agglomeration(m: SitingModel) -> None:
    """(12) Exact piecewise-linear cost change, tied to the opening of the zone."""
    curves = cluster_curves(m.problem)
    if not curves:
        return
    clusters = list(m.problem.table("industries")["cluster_id"])
    industries: dict[tuple[int, str], list[int]] = defaultdict(list)
    for zone, industry in m.cells_of:
        if clusters[industry] in curves:
            industries[zone, clusters[industry]].append(industry)
    ceiling = cluster_ceilings(m, industries)
    for (zone, cluster), inside in sorted(industries.items()):
        volume, change = _cut(*curves[cluster], ceiling[zone, cluster])
        cells = [c for i in sorted(inside) for c in m.cells_of[zone, i]]
        _add_curve(m, (zone, cluster), cells, np.diff(volume), np.diff(change))


def _add_curve(
    m: SitingModel, tag: tuple[int, str], cells: list[int], length: np.ndarray, change: np.ndarray
) -> None:
    slope = change / length
    gate = m.lp.col["open", tag[0]]
    volume = m.out_terms(cells)
    for s, (most, unit) in enumerate(zip(length.tolist(), slope.tolist(), strict=True)):
        if s > 0 and unit < slope[s - 1] - 1e-12:
            gate = m.add(("reach", *tag, s), ub=1.0, integer=True)
            full = [(volume[-1][0], 1.0), (gate, -length[s - 1])]
            m.lp.add_row(("curve_full", *tag, s - 1), full, low=0.0)
        column = m.add(("fill", *tag, s), unit, ub=most)
        m.lp.add_row(("curve_reached", *tag, s), [(column, 1.0), (gate, -most)], high=0.0)
        volume.append((column, -1.0))
    m.lp.add_row(("curve_volume", *tag), volume, low=0.0, high=0.0)


def cluster_curves(problem: Problem) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Volumes (mcny) and cost changes (mcny) at the points of each cluster's curve."""
    table = problem.table("agglomeration").sort_values("point")
    return {
        cluster: (
            group["volume_mcny_per_year"].to_numpy(dtype=float),
            group["cost_change_mcny_per_year"].to_numpy(dtype=float),
        )
        for cluster, group in table.groupby("cluster_id", sort=False)
    }


def _cut(volume: np.ndarray, change: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """The curve up to ``end`` or a little beyond."""
    end *= 1 + 1e-9
    last = int(np.searchsorted(volume, end))  # the first point at or beyond the end
    if last >= len(volume):
        return volume, change
    last = max(last, 1)
    end = max(end, volume[last - 1] + SHORTEST * (volume[last] - volume[last - 1]))
    end = min(end, float(volume[last]))
    height = float(np.interp(end, volume, change))
    return np.append(volume[:last], end), np.append(change[:last], height)


def cluster_ceilings(
    m: SitingModel, industries: Mapping[tuple[int, str], Iterable[int]]
) -> dict[tuple[int, str], float]:
    """The most output (mcny) that the zone's pools allow the industries of a cluster together.

    For each pool by itself: first what uses least of it.
    """
    problem = m.problem
    ceiling, use = pool_ceilings(problem), factor_use(problem)
    pools_of: dict[str, list[tuple[str, str]]] = defaultdict(list)  # zone -> (pool, factor)
    factor = {r.pool_id: r.factor_id for r in problem.table("pools").itertuples() if not r.form_id}
    for r in problem.table("pool_members").itertuples():
        if r.pool_id in factor:
            pools_of[r.zone_id].append((r.pool_id, factor[r.pool_id]))
    result = {}
    for (zone, cluster), inside in industries.items():
        names = [(problem.industries[i], m.most[zone, i]) for i in inside]
        most = sum(amount for _, amount in names)
        for pool_id, factor_id in pools_of[problem.zones[zone]]:
            left, total = ceiling[pool_id], 0.0
            for need, amount in sorted((use.get((i, factor_id), 0.0), a) for i, a in names):
                part = amount if need * amount <= left else max(0.0, left) / need
                total += part
                left -= part * need
            most = min(most, total)
        result[zone, cluster] = most
    return result
