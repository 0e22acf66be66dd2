"""Factor guarantees: floor and land by zone, labour and utilities by prefecture, modules."""

from __future__ import annotations

from instances.shanxi_build.evidence import (
    PREFECTURES,
    PREFECTURES_ZH,
    Evidence,
    EvidenceError,
    Row,
    short,
)
from instances.shanxi_build.hosts import UMBRELLA

AREA_CAP_KM2 = 60.0  # beyond this a zone's area says nothing about its halls
WUSU = "wusu-cbz"


class Space:
    """factory_space.csv by place and item."""

    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence
        self.rows = evidence.by("factory_space", "value", "place_id", "item")

    def get(self, place: str, item: str, column: str = "value") -> float:
        """The figure; an error that names the row where it is missing."""
        if (place, item) not in self.rows:
            raise EvidenceError(f"factory_space.csv: no row for {place}, {item}: add it")
        return self.e.number("factory_space", self.rows[place, item], column)

    def first(self, item: str, *places: str) -> tuple[float, str]:
        """The figure of the first place that has the item, and that place."""
        for place in places:
            if (place, item) in self.rows:
                return self.get(place, item), place
        raise EvidenceError(f"factory_space.csv: no row for {places}, {item}: add one")


def hosting_zones(e: Evidence) -> list[dict[str, str]]:
    """Zones that can hold factories, in file order."""
    return [z for z in e.zones if z["zone_id"] != UMBRELLA]


def vacant_floor(e: Evidence) -> dict[str, tuple[float, str]]:
    """Vacant standard floor by zone in m2, and its source.

    A prefecture's figure is split over its zones by area (at most 60 km2 counts); Wusu has a row
    of its own, which is part of Taiyuan's. The parts add up to the prefecture's figure.
    """
    space = Space(e)
    item = "standard_factory_vacant_m2"
    found: dict[str, tuple[float, str]] = {}
    for prefecture in PREFECTURES:
        zones = [
            z
            for z in hosting_zones(e)
            if e.prefecture_of[z["zone_id"]] == prefecture and z["zone_id"] != WUSU
        ]
        weights = {
            z["zone_id"]: min(
                AREA_CAP_KM2, e.number("zone_capacity", _raw(e, z), "planned_area_km2")
            )
            for z in zones
        }
        total = sum(weights.values())
        whole = space.get(prefecture, item)
        if prefecture == "taiyuan":
            own = space.get(WUSU, item)
            found[WUSU] = own, "own row of factory_space.csv, part of the Taiyuan row"
            whole -= own
        for zone, weight in weights.items():
            found[zone] = (
                whole * weight / total,
                f"vacant standard floor of {PREFECTURES[prefecture]} split by zone area, at most "
                f"{AREA_CAP_KM2:g} km2 each",
            )
    return found


def _raw(e: Evidence, zone: dict[str, str]) -> dict[str, str]:
    return next(r for r in e["zone_capacity"] if r["zone_id"] == zone["zone_id"])


def _pool(
    identity: str,
    factor: str,
    name: str,
    name_zh: str,
    figures: tuple[float, float | None, float | None],
    source: str,
    members: list[str],
    out: tuple[list[Row], list[Row]],
    **more: object,
) -> None:
    pools, links = out
    value, low, high = figures
    pools.append(
        {
            "pool_id": identity,
            "factor_id": factor,
            "name": name,
            "name_zh": name_zh,
            "endowment": round(value, 2),
            "endowment_low": None if low is None else round(low, 2),
            "endowment_high": None if high is None else round(high, 2),
            "source": short(source, 300),
            "grade": more.pop("grade", "assumed"),
            **more,
        }
    )
    links += [{"pool_id": identity, "zone_id": zone} for zone in members]


def build_pools(e: Evidence, second_zones: list[str]) -> tuple[list[Row], list[Row]]:
    """Rows of ``pools`` and of ``pool_members``."""
    out: tuple[list[Row], list[Row]] = ([], [])
    _zone_pools(e, out)
    _prefecture_pools(e, out)
    _pool(
        "energy-quota",
        "energy_tce",
        "Energy quota for the transfer",
        "承接转移能耗指标",
        (e.assumed("energy_quota_tce"), 100_000, 600_000),
        e.reason("energy_quota_tce"),
        [z["zone_id"] for z in hosting_zones(e)],
        out,
    )
    for zone in second_zones:
        _pool(
            f"bonded-floor-{zone}",
            "floor_m2",
            f"Bonded factory floor, {zone}",
            "保税厂房",
            (0.0, None, None),
            "no bonded floor before the zone is approved",
            [zone],
            out,
            form_id="bonded_zone",
        )
    return out


def _zone_pools(e: Evidence, out: tuple[list[Row], list[Row]]) -> None:
    space = Space(e)
    floor = vacant_floor(e)
    land = serviced_land(e)
    for zone in hosting_zones(e):
        identity, prefecture = zone["zone_id"], e.prefecture_of[zone["zone_id"]]
        name, zh = zone["place_name_en"], zone["place_name_zh"]
        value, source = floor[identity]
        rent, place = space.first(
            "standard_factory_rent_cny_m2_month", *_price_places(identity, prefecture)
        )
        _pool(
            f"floor-{identity}",
            "floor_m2",
            f"Factory floor, {name}",
            f"{zh}厂房",
            (0.0, None, None),
            f"{source}; rent {rent:g} CNY a month of {place}",
            [identity],
            out,
            increment_max=round(value),
            increment_cny_per_unit_year=rent * 12,
        )
        hectares, why = land[identity]
        _pool(
            f"land-{identity}",
            "land_ha",
            f"Serviced land, {name}",
            f"{zh}已开发用地",
            (hectares, None, None),
            why,
            [identity],
            out,
        )


def _price_places(zone: str, prefecture: str) -> tuple[str, ...]:
    park = ("sx-ctz",) if zone.startswith("ctz-") else ()
    return (zone, *park, prefecture)


def serviced_land(e: Evidence) -> dict[str, tuple[float, str]]:
    """Serviced land by zone in ha: the prefecture's figure split by developable land."""
    space = Space(e)
    found = {}
    for prefecture in PREFECTURES:
        left = {
            z["zone_id"]: e.number("zone_capacity", _raw(e, z), "developable_land_ha_left")
            for z in hosting_zones(e)
            if e.prefecture_of[z["zone_id"]] == prefecture
        }
        whole = space.get(prefecture, "serviced_land_ha_available")
        for zone, hectares in left.items():
            found[zone] = (
                round(whole * hectares / sum(left.values()), 2),
                f"serviced land of {PREFECTURES[prefecture]} ({whole:g} ha) split by developable "
                f"land of zone_capacity.csv ({hectares:g} ha here)",
            )
    return found


def _prefecture_pools(e: Evidence, out: tuple[list[Row], list[Row]]) -> None:
    space = Space(e)
    labour = e.by("labour", "value", "prefecture", "item")
    population = {
        e.prefecture_of[z["zone_id"]]: e.number(
            "zone_capacity", _raw(e, z), "prefecture_population_2020"
        )
        for z in e.zones
    }
    years = e.assumed("programme_years")
    recruitable = e.assumed("share_aged_15_59") * e.assumed("labour_recruitable_share")
    for prefecture, name in PREFECTURES.items():
        zh = PREFECTURES_ZH[prefecture]
        members = [
            z["zone_id"] for z in hosting_zones(e) if e.prefecture_of[z["zone_id"]] == prefecture
        ]
        persons = population[prefecture] * recruitable
        _pool(
            f"labour-{prefecture}",
            "labour_persons",
            f"Workers, {name}",
            f"{zh}劳动力",
            (persons, persons / 2, persons * 2),
            "census population x 0.6472 aged 15-59 x 0.05 recruitable, the cap that the notes of "
            "zone_capacity.csv set; low and high: half and double",
            members,
            out,
        )
        skilled, graduates = (
            e.number("labour", labour[prefecture, item], "value")
            for item in ("skilled_electronics_workers", "vocational_graduates_per_year")
        )
        won = e.assumed("electronics_staff_won_share")
        _pool(
            f"electronics-{prefecture}",
            "electronics_staff_persons",
            f"Skilled electronics staff, {name}",
            f"{zh}电子技工",
            (skilled * won, skilled * won / 2, skilled * won * 5 / 3),
            f"labour.csv {skilled:g} x {won}: {e.reason('electronics_staff_won_share')}; more by "
            "training: " + e.reason("electronics_training_share"),
            members,
            out,
            increment_max=round(graduates * e.assumed("electronics_training_share") * years),
            increment_cny_per_unit_year=e.assumed("electronics_training_cny_per_person_year"),
        )
        hours = 8760 * e.assumed("power_load_factor")
        power = [space.get(prefecture, "power_capacity_mw", c) for c in ("value", "low", "high")]
        _pool(
            f"electricity-{prefecture}",
            "electricity_mwh",
            f"Electricity, {name}",
            f"{zh}电力",
            (power[0] * hours, power[1] * hours, power[2] * hours),
            f"power_capacity_mw {power[0]:g} x 8760 h x load factor "
            f"{e.assumed('power_load_factor')}",
            members,
            out,
        )
        days = 365 * e.assumed("sewage_free_share")
        sewage = [
            space.get(prefecture, "sewage_capacity_t_day", c) for c in ("value", "low", "high")
        ]
        _pool(
            f"sewage-{prefecture}",
            "sewage_m3",
            f"Waste water, {name}",
            f"{zh}污水处理",
            (sewage[0] * days, sewage[1] * days, sewage[2] * days),
            f"sewage_capacity_t_day {sewage[0]:g} x 365: " + e.reason("sewage_free_share"),
            members,
            out,
        )
        built = [
            space.get(prefecture, "standard_factory_built_per_year_m2", c) * years
            for c in ("value", "low", "high")
        ]
        _pool(
            f"building-{prefecture}",
            "floor_building_m2",
            f"Floor that can be built, {name}",
            f"{zh}厂房建设能力",
            (built[0], built[1], built[2]),
            f"standard_factory_built_per_year_m2 x {years:g} years",
            members,
            out,
        )
        supply = [
            space.get(prefecture, "land_supply_ha_per_year", c) * years
            for c in ("value", "low", "high")
        ]
        _pool(
            f"land-supply-{prefecture}",
            "land_servicing_ha",
            f"Land that can be serviced, {name}",
            f"{zh}土地供应",
            (supply[0], supply[1], supply[2]),
            f"land_supply_ha_per_year x {years:g} years",
            members,
            out,
        )


def _own_rate(e: Evidence, space: Space, zone: dict[str, str]) -> float:
    """What a zone can build a year in m2, where factory_space.csv knows it; else no limit.

    The rate of the demonstration zone (sx-ctz) is split over its parks by area.
    """
    item = "standard_factory_built_per_year_m2"
    identity = zone["zone_id"]
    if (identity, item) in space.rows:
        return space.get(identity, item)
    if not identity.startswith("ctz-"):
        return float("inf")
    areas = {
        z["zone_id"]: min(AREA_CAP_KM2, e.number("zone_capacity", _raw(e, z), "planned_area_km2"))
        for z in hosting_zones(e)
        if z["zone_id"].startswith("ctz-")
    }
    return space.get(UMBRELLA, item) * areas[identity] / sum(areas.values())


def build_modules(e: Evidence) -> list[Row]:
    """Rows of ``modules``: standard factory blocks and serviced plots, by zone."""
    space = Space(e)
    land = serviced_land(e)
    floor_m2, hectares = e.assumed("module_floor_m2"), e.assumed("land_module_ha")
    years = e.assumed("programme_years")
    rows: list[Row] = []
    for zone in hosting_zones(e):
        identity, prefecture = zone["zone_id"], e.prefecture_of[zone["zone_id"]]
        left = e.number("zone_capacity", _raw(e, zone), "developable_land_ha_left")
        built = space.get(prefecture, "standard_factory_built_per_year_m2") * years
        built = min(built, _own_rate(e, space, zone) * years)
        blocks = int(min(left / e.assumed("module_land_ha_per_block"), built / floor_m2))
        places = _price_places(identity, prefecture)
        if identity == "jincheng-etdz":
            places = (prefecture,)  # its own row is in prices of 2018
        cost, where = space.first("standard_factory_build_cost_cny_m2", *places)
        capital = cost * floor_m2 / 1e6
        if blocks > 0:
            rows.append(
                {
                    "module_id": f"factory-{identity}",
                    "name": f"Standard factory block, {zone['place_name_en']}",
                    "name_zh": f"{zone['place_name_zh']}标准厂房",
                    "zone_id": identity,
                    "max_count": blocks,
                    "pool_id": f"floor-{identity}",
                    "adds_per_module": floor_m2,
                    "uses_pool_id": f"building-{prefecture}",
                    "uses_per_module": floor_m2,
                    "capital_mcny": capital,
                    "life_years": e.assumed("module_life_years"),
                    "upkeep_mcny_per_year": round(capital * e.assumed("module_upkeep_share"), 4),
                    "source": short(
                        f"standard_factory_build_cost_cny_m2 {cost:g} of {where}; count: "
                        f"{left:g} ha left, {built:.0f} m2 that can be built in {years:g} years; "
                        + e.reason("module_floor_m2"),
                        300,
                    ),
                    "grade": "assumed",
                }
            )
        plots = int((left - land[identity][0]) / hectares)
        if plots > 0:
            cost, where = space.first(
                "land_development_cost_cny_m2", *_price_places(identity, prefecture)
            )
            rows.append(
                {
                    "module_id": f"land-{identity}",
                    "name": f"Serviced plot, {zone['place_name_en']}",
                    "name_zh": f"{zone['place_name_zh']}土地开发",
                    "zone_id": identity,
                    "max_count": plots,
                    "pool_id": f"land-{identity}",
                    "adds_per_module": hectares,
                    "uses_pool_id": f"land-supply-{prefecture}",
                    "uses_per_module": hectares,
                    "capital_mcny": cost * hectares * 1e4 / 1e6,
                    "life_years": e.assumed("land_module_life_years"),
                    "source": short(f"land_development_cost_cny_m2 {cost:g} of {where}"),
                    "grade": "assumed",
                }
            )
    return rows
