"""New dry ports, trains, and how zones and origins are joined to the network."""

from __future__ import annotations

from collections.abc import Sequence

from instances.generators import transfer_ranges as ranges
from instances.generators.transfer_backbone import City, Row, points, yards
from instances.generators.transfer_draw import Draw, Point, distance_km, nearest

Tables = dict[str, list[Row]]
_ASSUMED = {"grade": "assumed"}
# money, hours and spread of handling, as every dry port, zone and origin of shanxi has them
_HANDLING = {
    ("gate", "road"): (0.0, 0.0, 0.0, 0.0),
    ("road", "rail"): (424.75, 24.0, 8.4, 10.0),
    ("gate", "rail"): (424.75, 24.0, 8.4, 10.0),
    ("road", "block_train"): (160.0, 48.0, 16.8, 10.0),
    ("gate", "block_train"): (160.0, 48.0, 16.8, 10.0),
    ("rail", "block_train"): (584.75, 48.0, 16.8, 20.0),
    ("road", "sea"): (900.0, 60.0, 24.0, 20.0),
    ("door", "road"): (375.0, 4.0, 1.4, 0.0),
}
_CUSTOMS = {  # money, hours, spread, duty share, VAT days: as shanxi
    ("bonded", "domestic"): (125.0, 6.0, 3.0, 1.0, 40.0),
    ("domestic", "export_cleared"): (100.0, 2.0, 1.0, 0.0, 0.0),
    ("domestic", "bonded"): (125.0, 8.0, 4.0, 0.0, 0.0),
}
DRY_PORT_CUSTOMS = (("bonded", "domestic"), ("domestic", "export_cleared"))
BONDED_ZONE_CUSTOMS = tuple(_CUSTOMS)
_HANDLING_SOURCE = "as the places of its kind in shanxi"


def add_place(
    tables: Tables, place_id: str, city: City, kind: str, point: Point, name: str, name_zh: str
) -> None:
    """Add a place of a city; the province is the city's."""
    tables["places"].append({
        "place_id": place_id, "name": name, "name_zh": name_zh, "kind": kind,
        "in_china": int(city.role != "foreign"), "country": city.country, "prefecture": city.name,
        "latitude_deg": point[0], "longitude_deg": point[1],
        "source": "drawn: the city of cities.csv, moved by at most 0.2 degrees", **_ASSUMED,
    })  # fmt: skip


def add_road(tables: Tables, tail: str, head: str, straight_km: int, corridor: str = "") -> None:
    """Add a road both ways; its length is the great circle times the detour, at least 3 km."""
    km = max(3, round(straight_km * ranges.DETOUR_ROAD))
    tables["links"].append({
        "link_id": f"road--{tail}--{head}", "tail_place_id": tail, "head_place_id": head,
        "mode": "road", "km": km, "tariff_id": "road", "corridor_id": corridor,
        "cost_factor": ranges.LONG_ROAD_FACTOR if km > ranges.SHORT_ROAD_KM else 1.0,
        "source": "great circle between the places x 1.35; beyond 300 km 0.85 of the tariff",
        **_ASSUMED,
    })  # fmt: skip


def add_transfer(
    tables: Tables, place: str, one: str, other: str, bottleneck: str = "", *, door: bool = False
) -> None:
    """Add handling between two modes; ``door`` is the gate of a factory, with stuffing."""
    known = {row["transfer_id"] for row in tables["transfers"][-8:]}
    key = f"transfer--{place}--{one}--{other}"
    if key in known:
        return
    cost, hours, spread, co2 = _HANDLING[("door", "road") if door else (one, other)]
    tables["transfers"].append({
        "transfer_id": key, "place_id": place, "from_mode": one, "to_mode": other,
        "cost_cny_per_teu": cost, "hours": hours, "sd_hours": spread, "co2e_kg_per_teu": co2,
        "bottleneck_id": bottleneck, "needs_project": 0, "source": _HANDLING_SOURCE, **_ASSUMED,
    })  # fmt: skip


def add_customs(
    tables: Tables, place: str, changes: Sequence[tuple[str, str]], bottleneck: str = "",
    *, needs_project: bool = False,
) -> list[str]:  # fmt: skip
    """Add changes of regime at a place and return their ids."""
    ids = []
    for one, other in changes:
        cost, hours, spread, duty, days = _CUSTOMS[one, other]
        ids.append(f"customs--{place}--{one}--{other}")
        tables["customs"].append({
            "customs_id": ids[-1], "place_id": place, "from_regime": one, "to_regime": other,
            "cost_cny_per_teu": cost, "hours": hours, "sd_hours": spread, "duty_share": duty,
            "vat_days": days, "bottleneck_id": bottleneck, "needs_project": int(needs_project),
            "source": _HANDLING_SOURCE, **_ASSUMED,
        })  # fmt: skip
    return ids


def add_bottleneck(
    tables: Tables, key: str, name: str, kind: str, place: str, capacity: float, source: str
) -> None:
    """Add a shared capacity."""
    tables["bottlenecks"].append({
        "bottleneck_id": key, "name": name, "name_zh": "", "kind": kind, "place_id": place,
        "capacity_teu_per_year": capacity, "source": source, **_ASSUMED,
    })  # fmt: skip


def tighten_backbone(tables: Tables, seed: int, scale: float) -> None:
    """Scale what the backbone has spare to the size drawn, and make some of it tight."""
    draw = Draw(seed, "capacities")
    for row in tables["bottlenecks"]:
        tight = draw.chance(ranges.BACKBONE_TIGHT_SHARE)
        factor = draw.between(ranges.BACKBONE_TIGHT_FACTOR[row["kind"]])
        if not tight and scale == 1:
            continue
        taken = factor * scale if tight else scale
        capacity = float(round(row["capacity_teu_per_year"] * taken))
        word = "tight by draw: " if tight else ""
        row |= {
            "capacity_teu_per_year": capacity, "capacity_low_teu_per_year": float("nan"),
            "capacity_high_teu_per_year": float("nan"), "grade": "assumed",
            "source": f"{word}{taken:.3g} of the capacity in shanxi, for the size of the instance",
        }  # fmt: skip
    for row in tables["services"]:
        for column in ("min_load_teu_per_year", "capacity_teu_per_year"):
            if scale > 1 and row["runs_today"]:  # trains of today carry all zones' spare boxes
                row[column] = float(round(row[column] * scale))
                row["grade"] = "assumed"


def add_dry_ports(
    tables: Tables, hubs: Sequence[City], seed: int, scale: float
) -> list[tuple[str, City, bool]]:
    """Add a dry port in each hub city; ids with city and whether it has trains.

    A dry port is joined by rail to the two nearest yards of the backbone, by road to the three
    nearest nodes of the road network. Its terminal, customs yard and line are shared capacities.
    """
    draw = Draw(seed, "dry_ports")
    added = []
    for city in hubs:
        place = f"dry-{city.city_id}"
        point = (round(city.point[0] + 0.05, 2), round(city.point[1] + 0.05, 2))
        trains = draw.chance(ranges.TRAIN_SHARE)
        _add_dry_port(tables, draw, place, city, point, scale, trains=trains)
        added.append((place, city, trains))
    return added


def _add_dry_port(
    tables: Tables, draw: Draw, place: str, city: City, point: Point, scale: float, *, trains: bool
) -> None:
    kinds = ("dry_port", "sea_port", "junction", "border_crossing")
    known = points(tables["places"], *kinds)
    roads, rails = yards(tables, "road"), yards(tables, "rail")
    add_place(tables, place, city, "dry_port", point, f"{city.name} dry port",
              f"{city.name_zh}陆港")  # fmt: skip
    for other, km in nearest(point, [p for p in known if p[0] in roads], 3):
        add_road(tables, place, other, km)
    line, terminal, post = f"line-{place}", f"terminal-{place}", f"customs-{place}"
    for other, km in nearest(point, [p for p in known if p[0] in rails], 2):
        tables["links"].append({
            "link_id": f"rail--{place}--{other}", "tail_place_id": place, "head_place_id": other,
            "mode": "rail", "km": max(3, round(km * ranges.DETOUR_RAIL)), "tariff_id": "rail",
            "cost_factor": 1.0, "bottleneck_id": line, "corridor_id": "",
            "source": "great circle between the yards x 1.25", **_ASSUMED,
        })  # fmt: skip
    for key, name, kind, wide, narrow in (
        (terminal, "lifts", "terminal", ranges.TERMINAL_TEU, ranges.TIGHT_TERMINAL_TEU),
        (post, "customs yard", "customs_post", ranges.CUSTOMS_TEU, ranges.TIGHT_CUSTOMS_TEU),
        (line, "paths", "line", ranges.LINE_TEU, ranges.TIGHT_LINE_TEU),
    ):
        tight = draw.chance(ranges.TIGHT_SHARE)
        low, high = narrow if tight else wide
        capacity = float(round(draw.between((low * scale, high * scale))))
        source = f"drawn: {low} to {high} TEU a year x {scale:g}{', tight' if tight else ''}"
        add_bottleneck(tables, key, f"{city.name} dry port: {name}", kind,
                       "" if kind == "line" else place, capacity, source)  # fmt: skip
    for one, other in _HANDLING:
        if one == "door" or other == "sea" or ("block_train" in (one, other) and not trains):
            continue
        lifted = (one, other) != ("gate", "road")
        add_transfer(tables, place, one, other, terminal if lifted else "")
    add_customs(tables, place, DRY_PORT_CUSTOMS, post)


def add_trains(
    tables: Tables, dry_ports: Sequence[tuple[str, City, bool]], seed: int, scale: float
) -> list[tuple[str, str, City]]:
    """Add block trains to a border crossing or port; (link, dry port, city) of those to be opened.

    A train runs at its minimum load or not at all; some need a project first.
    """
    draw = Draw(seed, "services")
    ends = {r["place_id"] for r in tables["transfers"] if r["from_mode"] == "block_train"}
    ends |= {r["place_id"] for r in tables["transfers"] if r["to_mode"] == "block_train"}
    at = coordinates(tables)
    crossings = [p for p in points(tables["places"], "border_crossing") if p[0] in ends]
    ports = [p for p in points(tables["places"], "sea_port") if p[0] in ends]
    to_open = []
    for place, city, trains in dry_ports:
        if not trains:
            continue
        to_port = draw.chance(0.5)
        found = nearest(at[place], ports if to_port else crossings, 2)
        target, km = found[draw.whole((0, len(found) - 1))]
        per_week = ranges.DEPARTURES_PER_WEEK[draw.whole((0, len(ranges.DEPARTURES_PER_WEEK) - 1))]
        capacity = float(round(per_week * 52 * ranges.TRAIN_TEU * 2 * scale))
        service = f"{'rs' if to_port else 'bt'}-{place}-{target}"
        name = f"{city.name} - {target} train"
        tables["services"].append({
            "service_id": service, "name": name, "name_zh": "", "departures_per_week": per_week,
            "min_load_teu_per_year": float(round(capacity * draw.between(ranges.LEAST_LOAD_SHARE))),
            "capacity_teu_per_year": capacity, "runs_today": 0,
            "fixed_mcny_per_year": draw.between(
                tuple(per_week * scale * m for m in ranges.TRAIN_MCNY_PER_DEPARTURE)  # type: ignore[arg-type]
            ),
            "source": "drawn: departures x 110 TEU x two directions; least load 10 to 30 %",
            **_ASSUMED,
        })  # fmt: skip
        of_project = draw.chance(ranges.TRAIN_OF_PROJECT_SHARE)
        link = f"train--{service}"
        tables["links"].append({
            "link_id": link, "tail_place_id": place, "head_place_id": target,
            "mode": "block_train", "km": max(3, round(km * ranges.DETOUR_RAIL)),
            "tariff_id": "rail_scheduled" if to_port else "block_train", "cost_factor": 1.0,
            "service_id": service, "bottleneck_id": f"line-{place}",
            "corridor_id": "rail_sea" if to_port else "land", "name": name,
            "needs_project": int(of_project), "source": "great circle between the yards x 1.25",
            **_ASSUMED,
        })  # fmt: skip
        if of_project:
            to_open.append((link, place, city))
    return to_open


def coordinates(tables: Tables) -> dict[str, Point]:
    """Where the places are."""
    return {r["place_id"]: (r["latitude_deg"], r["longitude_deg"]) for r in tables["places"]}


class Access:
    """Joins zones and origins by road to the nearest nodes of the network that is there now."""

    def __init__(self, tables: Tables) -> None:
        roads = yards(tables, "road")
        self._tables = tables
        self._points = {
            kind: [p for p in points(tables["places"], kind) if p[0] in roads]
            for kind in ("dry_port", "sea_port", "junction", "airport", "origin")
        }
        self._at = coordinates(tables)
        self._transfers = {r["transfer_id"] for r in tables["transfers"]}

    def join(self, place: str, point: Point, counts: dict[str, int]) -> None:
        """Add a road to the nearest places of each kind, and the truck at the gate.

        Those too far away are left out, but never the nearest dry port.
        """
        for kind, count in counts.items():
            limit = 150 if kind == "airport" else ranges.LONGEST_ACCESS_KM
            for rank, (other, km) in enumerate(nearest(point, self._points[kind], count)):
                if km <= limit or (kind == "dry_port" and rank == 0):
                    add_road(self._tables, place, other, km)
        add_transfer(self._tables, place, "gate", "road", door=True)

    def join_gateway(self, place: str, point: Point, gateway: str) -> None:
        """Add a road abroad to the gateway's harbour, and its handling where that is missing."""
        add_road(self._tables, place, gateway, distance_km(point, self._at[gateway]))
        add_transfer(self._tables, place, "gate", "road", door=True)
        if f"transfer--{gateway}--road--sea" not in self._transfers:
            self._transfers.add(f"transfer--{gateway}--road--sea")
            add_transfer(self._tables, gateway, "road", "sea")
