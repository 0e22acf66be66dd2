"""What density saves: one formula for zones, origins, rivals and Shanxi's own clusters.

With V million CNY a year of a cluster's output in a place, labour and overheads cost less by the
share ``realised * (1 - (1 + V / V0) ** -elasticity)``. All four kinds of places are measured with
it, so that a zone is never credited with a gain that the coast is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short
from instances.shanxi_build.industries import wage_factors

CURVE_MCNY = (0.0, 500.0, 2000.0, 6000.0, 40000.0)  # and the congestion point


@dataclass(frozen=True, slots=True)
class Density:
    """Labour and overheads per CNY of output, and the elasticity, of a cluster or industry."""

    base: float
    elasticity: float

    def gain(self, e: Evidence, volume_mcny: float) -> float:
        """The saving per CNY of output in a place with that output of the cluster."""
        v0, realised = (e.assumed(f"agglomeration_{k}") for k in ("base_mcny", "realised_share"))
        return realised * self.base * (1 - (1 + volume_mcny / v0) ** -self.elasticity)


def clusters(e: Evidence) -> dict[str, str]:
    """Cluster by industry."""
    return {r["industry_id"]: r["cluster_id"] for r in e["industry_assumptions"]}


def industry_density(e: Evidence, industry: str, wage_cny: float) -> Density:
    """An industry's density effect at a place where a worker costs ``wage_cny`` a year."""
    row = next(r for r in e["industries"] if r["id"] == industry)
    workers = e.number("industries", row, "workers_per_musd_output") / e.fx
    overhead = 1 + e.assumed("agglomeration_overhead_share")
    return Density(
        workers * wage_cny / 1e6 * overhead, e.number("industries", row, "agglomeration_elasticity")
    )


@lru_cache(maxsize=4)
def _cluster_densities(e: Evidence) -> dict[str, Density]:
    wage = e.number("labour", _province_wage(e), "value") * (1 + e.assumed("on_cost_share_china"))
    factors = wage_factors(e)
    sums: dict[str, list[float]] = {}
    for row in e["origin_volumes"]:
        industry = row["industry_id"]
        size = e.number("origin_volumes", row, "processing_trade_export_musd_per_year") * sum(
            e.number("origin_volumes", row, f"relocatable_share_{c}") for c in ("low", "high")
        )
        density = industry_density(e, industry, wage * factors[industry])
        for key in (clusters(e)[industry], "all"):
            total = sums.setdefault(key, [0.0, 0.0, 0.0])
            for k, x in enumerate((size, size * density.base, size * density.elasticity)):
                total[k] += x
    return {key: Density(b / size, x / size) for key, (size, b, x) in sums.items()}


def cluster_density(e: Evidence, cluster: str) -> Density:
    """A cluster's density effect at Shanxi's wage; ``all`` is the mean of the whole volume."""
    return _cluster_densities(e)[cluster]


def _province_wage(e: Evidence) -> dict[str, str]:
    for row in e["labour"]:
        if (row["prefecture"], row["item"]) == ("shanxi", "average_mfg_wage_cny_year"):
            return row
    raise EvidenceError("labour.csv: no row shanxi, average_mfg_wage_cny_year: restore it")


def origin_outputs(e: Evidence) -> dict[tuple[str, str], float]:
    """Output in million CNY a year by origin and cluster: the exports of the evidence."""
    found: dict[tuple[str, str], float] = {}
    cluster = clusters(e)
    for row in e["origin_volumes"]:
        key = row["origin_id"], cluster[row["industry_id"]]
        exports = e.number("origin_volumes", row, "processing_trade_export_musd_per_year")
        found[key] = found.get(key, 0.0) + exports * e.fx
    return found


def build_agglomeration(e: Evidence) -> list[Row]:
    """Rows of ``agglomeration``: the saving of a zone, less congestion beyond a point."""
    v1 = e.assumed("agglomeration_congestion_mcny")
    if not 0 < v1 < CURVE_MCNY[-1]:
        raise EvidenceError(f"agglomeration_congestion_mcny must be in (0, {CURVE_MCNY[-1]:g})")
    crowding = e.assumed("agglomeration_congestion_share")
    rows: list[Row] = []
    for cluster in dict.fromkeys(clusters(e).values()):
        density = cluster_density(e, cluster)
        for number, volume in enumerate(sorted({*CURVE_MCNY, v1})):
            change = crowding * max(0.0, volume - v1) - volume * density.gain(e, volume)
            rows.append(
                {
                    "cluster_id": cluster,
                    "point": number,
                    "volume_mcny_per_year": volume,
                    "cost_change_mcny_per_year": round(change, 2),
                    "source": f"labour and overheads {density.base:.3f} of output, elasticity "
                    f"{density.elasticity:.3f} (industries.csv, weighted by volume), of which "
                    f"{e.assumed('agglomeration_realised_share'):g} is realised; beyond {v1:g} "
                    f"congestion of {crowding:g}",
                    "grade": "assumed",
                }
            )
    return rows


def build_moves(e: Evidence) -> list[Row]:
    """Rows of ``moves``: what an existing cluster saves beyond the curve of the zone.

    The curve starts at nothing; where a cluster works today, the gain at its output less the gain
    that the curve gives at a typical addition is credited, in proportion to output.
    """
    cluster_of = clusters(e)
    eligible = {z["zone_id"]: z["eligible_industries"].split(";") for z in e.zones}
    typical = e.assumed("agglomeration_typical_addition_mcny")
    rows: list[Row] = []
    for row in e["existing_clusters"]:
        output = e.number("existing_clusters", row, "output_mcny_per_year")
        density = cluster_density(e, row["cluster_id"])
        extra = density.gain(e, output) - density.gain(e, typical)
        if row["zone_id"] not in eligible:
            raise EvidenceError(f"existing_clusters.csv: {row['zone_id']!r} is not a zone")
        for block in e["origin_volumes"]:
            industry = block["industry_id"]
            if cluster_of[industry] == row["cluster_id"] and industry in eligible[row["zone_id"]]:
                rows.append(
                    {
                        "origin_id": block["origin_id"],
                        "industry_id": industry,
                        "zone_id": row["zone_id"],
                        "cost_cny_per_mcny_year": round(-extra * 1e6, 1),
                        "source": short(
                            f"density gain at {output:g} less that at {typical:g} million "
                            f"CNY: {row['source']}"
                        ),
                        "grade": row["confidence"],
                    }
                )
    return rows
