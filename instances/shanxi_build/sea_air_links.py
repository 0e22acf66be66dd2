"""Sea, coastal and air links."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short
from instances.shanxi_build.tariffs import lane_usd_per_feu

LANES = {
    "Rotterdam": "sea_north_europe",
    "Hamburg": "sea_north_europe",
    "Felixstowe": "sea_north_europe",
    "Piraeus": "sea_mediterranean",
    "Los Angeles": "sea_us_west",
    "New York": "sea_us_east",
    "Jebel Ali": "sea_persian_gulf",
    "Santos": "sea_south_america",
    "Busan": "sea_korea",
    "Incheon": "sea_korea",
    "Tokyo": "sea_japan",
    "Nagoya": "sea_japan",
    "Osaka": "sea_japan",
    "Hai Phong": "sea_southeast_asia",
    "Ho Chi Minh City": "sea_southeast_asia",
    "Laem Chabang": "sea_southeast_asia",
    "Port Klang": "sea_southeast_asia",
    "Singapore": "sea_southeast_asia",
    "Jakarta": "sea_southeast_asia",
    "Kaohsiung": "sea_taiwan",
}
NORTHERN = frozenset(
    {
        "Tianjin Port",
        "Qingdao Port",
        "Rizhao Port",
        "Huanghua Port",
        "Tangshan Port",
        "Lianyungang Port",
    }
)
SMALL = frozenset(
    {
        "Rizhao Port",
        "Huanghua Port",
        "Tangshan Port",
        "Lianyungang Port",
        "Qinzhou Port",
    }
)
SHORT_SEA = ("sea_korea", "sea_japan", "sea_southeast_asia", "sea_taiwan")
_PASSAGES = {"babalmandab": "bab_el_mandeb", "south_africa": "cape", "ormuz": "hormuz"}


def build_sea(evidence: Evidence) -> list[Row]:
    """Rows of ``links`` for sea: base, by the Cape, New York by Suez, and coastal liners."""
    reference = _reference_km(evidence)
    rows: list[Row] = []
    seen: set[tuple[str, ...]] = set()
    for row in evidence["sea_links"]:
        a, b = row["from_port"], row["to_port"]
        tail, head = evidence.place_id(a), evidence.place_id(b)
        km = evidence.number("sea_links", row, "km")
        key = a, b, row["passages"]
        if key in seen:
            continue  # Qinzhou-New York stands in the base set and among the alternatives
        seen.add(key)
        link: Row = {
            "tail_place_id": tail,
            "head_place_id": head,
            "mode": "sea",
            "km": km,
            "hours": evidence.number("sea_links", row, "typical_days") * 24,
            "source": short(row["source"]),
            "grade": row["confidence"],
        }
        if row["scenario"] == "coastal_feeder":
            link |= {
                "tariff_id": "sea_coastal",
                "departures_per_week": evidence.assumed("sea_departures_coastal_per_week"),
                "link_id": f"coastal--{tail}--{head}",
            }
        else:
            link |= _foreign(evidence, row, km, reference)
            link["link_id"] = f"sea--{tail}--{head}" + _suffix(row)
        rows.append(link)
    for row in evidence["feeder_supplement"]:
        tail, head = evidence.place_id(row["from"]), evidence.place_id(row["to"])
        rows.append(
            {
                "link_id": f"coastal--{tail}--{head}",
                "tail_place_id": tail,
                "head_place_id": head,
                "mode": "sea",
                "km": evidence.number("feeder_supplement", row, "km"),
                "tariff_id": "sea_coastal",
                "fixed_hours": None,
                "departures_per_week": evidence.assumed("sea_departures_coastal_per_week"),
                "source": short(row["source"]),
                "grade": row["confidence"],
            }
        )
        del rows[-1]["fixed_hours"]
    for row in evidence["access_links"]:
        if row["mode"] == "sea":
            tail, head = evidence.place_id(row["from"]), evidence.place_id(row["to"])
            rows.append(
                {
                    "link_id": f"sea--{tail}--{head}",
                    "tail_place_id": tail,
                    "head_place_id": head,
                    "mode": "sea",
                    "km": evidence.number("access_links", row, "km"),
                    "hours": 36,
                    "tariff_id": "sea_coastal",
                    "corridor_id": "hormuz",
                    "source": short(row["source"]),
                    "grade": row["confidence"],
                }
            )
    return rows


def _reference_km(evidence: Evidence) -> dict[tuple[str, str], float]:
    """The km of the route on which the lane's rate was paid: the Cape, else the base route."""
    found = {}
    for scenario in ("base", "cape_diversion"):
        for row in evidence["sea_links"]:
            if row["scenario"] == scenario and (scenario == "base" or row["to_port"] != "New York"):
                key = row["from_port"], row["to_port"]
                found[key] = evidence.number("sea_links", row, "km")
    return found


def _foreign(
    e: Evidence, row: dict[str, str], km: float, reference: dict[tuple[str, str], float]
) -> Row:
    a, b = row["from_port"], row["to_port"]
    if b not in LANES:
        raise EvidenceError(f"sea_links.csv: no lane is known for {b!r}: add it to LANES")
    tariff = LANES[b]
    rate = lane_usd_per_feu(e, tariff)
    factor = 1 + e.assumed("sea_distance_share_of_rate") * (km / reference[a, b] - 1)
    small = a in SMALL and tariff not in SHORT_SEA
    extra = (a in NORTHERN) * e.assumed("sea_north_china_usd_per_feu")
    extra += small * e.assumed("sea_small_port_usd_per_feu")
    departures = "sea_departures_small_port" if a in SMALL else "sea_departures_large_port"
    passages = [p.strip() for p in row["passages"].split(";") if p.strip() != "none"]
    link: Row = {
        "tariff_id": tariff,
        "cost_factor": round(factor + extra / rate, 6),
        "departures_per_week": e.assumed(f"{departures}_per_week"),
        "corridor_id": ";".join(_PASSAGES.get(p, p) for p in passages),
    }
    return link


def _suffix(row: dict[str, str]) -> str:
    passages = row["passages"]
    for word, suffix in (("suez", "-suez"), ("south_africa", "-cape"), ("panama", "-panama")):
        if word in passages and row["to_port"] != "Santos":
            return "-" + suffix
    return ""


def build_air(evidence: Evidence) -> list[Row]:
    """Rows of ``links`` for air: great-circle km, frequency as waiting."""
    rows: list[Row] = []
    for row in evidence["air_routes"]:
        tail, head = evidence.place_id(row["from"]), evidence.place_id(row["to"])
        rows.append(
            {
                "link_id": f"air--{tail}--{head}",
                "tail_place_id": tail,
                "head_place_id": head,
                "mode": "air",
                "km": round(evidence.great_circle_km(tail, head), 0),
                "tariff_id": "air",
                "departures_per_week": evidence.number("air_routes", row, "departures_per_week"),
                "source": short("great-circle km; " + row["source"]),
                "grade": row["confidence"],
            }
        )
    return rows
