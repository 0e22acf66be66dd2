"""Places and regions: evidence places, junctions of the link tables, shares of regions."""

from __future__ import annotations

from instances.schema import LOCAL
from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short

KINDS = {
    "sea_port": "sea_port",
    "dry_port": "dry_port",
    "border_crossing": "border_crossing",
    "airport": "airport",
    "bonded_logistics_centre": "bonded_facility",
    "coastal_origin": "origin",
    "foreign_origin": "origin",
    "foreign_market": "market",
    "domestic_market": "market",
    "inland_competitor": "rival",
    "development_zone": "zone",
    "hightech_zone": "zone",
    "chemical_park": "zone",
    "processing_trade_park": "zone",
    "comprehensive_bonded_zone": "zone",
}
SUPPLIERS = ("fo-kaohsiung",)  # a source of inputs from which nothing moves
_PROVINCES = (
    "Beijing, Tianjin, Hebei, Shanxi, Liaoning, Jilin, Heilongjiang, Shanghai, Jiangsu, "
    "Zhejiang, Anhui, Fujian, Jiangxi, Shandong, Henan, Hubei, Hunan, Guangdong, Guangxi, "
    "Hainan, Chongqing, Sichuan, Guizhou, Yunnan, Tibet, Shaanxi, Gansu, Qinghai, Ningxia, "
    "Xinjiang, Inner Mongolia"
)
CHINA = frozenset(_PROVINCES.split(", "))


def in_china(country: str) -> int:
    """1 for a province inside China's customs territory, else 0."""
    return int(country in CHINA)


def build_places(evidence: Evidence) -> list[Row]:
    """Rows of ``places``: evidence places in file order, then the junctions."""
    rows: list[Row] = []
    for table in ("places", "extra_places"):
        for row in evidence[table]:
            kind = "supplier" if row["id"] in SUPPLIERS else KINDS[row["kind"]]
            country = row["province_or_country"]
            rows.append(
                {
                    "place_id": row["id"],
                    "name": row["name_en"],
                    "name_zh": row["name_zh"],
                    "kind": kind,
                    "in_china": in_china(country),
                    "country": country,
                    "prefecture": row["prefecture"] if country == "Shanxi" else "",
                    "latitude_deg": evidence.number(table, row, "lat"),
                    "longitude_deg": evidence.number(table, row, "lon"),
                    "source": short(row["source"]),
                    "grade": row["confidence"],
                }
            )
    for row in evidence["junctions"]:
        rows.append(
            {
                "place_id": row["place_id"],
                "name": row["name"],
                "name_zh": row["name_zh"],
                "kind": "junction",
                "in_china": in_china(row["country"]),
                "country": row["country"],
                "prefecture": "",
                "latitude_deg": evidence.number("junctions", row, "latitude_deg"),
                "longitude_deg": evidence.number("junctions", row, "longitude_deg"),
                "source": short(row["source"]),
                "grade": row["confidence"],
            }
        )
    return rows


def build_regions(evidence: Evidence) -> list[Row]:
    """Rows of ``regions``; the shares of each region and role sum to 1."""
    rows: list[Row] = []
    totals: dict[tuple[str, str], float] = {}
    for row in evidence["region_places"]:
        share = evidence.number("region_places", row, "share")
        place = row["place_id"] if row["place_id"] == LOCAL else evidence.place_id(row["place_id"])
        key = row["region_id"], row["role"]
        totals[key] = totals.get(key, 0.0) + share
        rows.append(
            {
                "region_id": row["region_id"],
                "role": row["role"],
                "place_id": place,
                "share": share,
                "source": short(row["source"]),
                "grade": row["confidence"],
            }
        )
    for key, total in totals.items():
        if abs(total - 1) > 1e-9:
            raise EvidenceError(f"region_places.csv: shares of {key} sum to {total}, must be 1")
    return rows
