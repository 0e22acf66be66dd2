"""Tariffs: how each kind of carriage is priced and timed.

One TEU is priced as the mean of one 20-ft box and half a 40-ft box, because light goods ride in
40-ft boxes and heavy goods in 20-ft boxes. Fixed money of rail stands in the terminal transfers,
not here: a rail route is a chain of links, and each link would charge it again.
"""

from __future__ import annotations

from itertools import pairwise

from instances.shanxi_build.evidence import Evidence, Row, short

SEA_LANES = {
    # tariff: (parameter of cost_parameters.csv, sea area for speed and emissions)
    "sea_north_europe": ("sea_rate_shanghai_rotterdam", "deepsea"),
    "sea_mediterranean": ("sea_rate_shanghai_genoa", "deepsea"),
    "sea_us_west": ("sea_rate_shanghai_los_angeles", "transpacific"),
    "sea_us_east": ("sea_rate_shanghai_new_york", "transpacific"),
    "sea_persian_gulf": ("sea_rate_shanghai_persian_gulf", "deepsea"),
    "sea_south_america": ("sea_rate_shanghai_south_america_santos", "deepsea"),
    "sea_southeast_asia": ("sea_rate_shanghai_southeast_asia", "intra_asia"),
    "sea_japan": ("sea_rate_shanghai_japan_kanto", "intra_asia"),
    "sea_korea": ("sea_rate_shanghai_korea_busan", "intra_asia"),
}
SEA_YEAR = 2025
_EMISSIONS = {
    "deepsea": "co2_sea_asia_north_europe",
    "transpacific": "co2_sea_transpacific_west",
    "intra_asia": "co2_sea_intra_asia",
}
_KNOT_KM_PER_HOUR = 1.852


def teu_of_boxes(twenty_foot: float, forty_foot: float) -> float:
    """The figure per TEU of a figure per 20-ft box and one per 40-ft box."""
    return (twenty_foot + forty_foot / 2) / 2


def base1_cny_per_teu(evidence: Evidence) -> float:
    """The part of the domestic rail price that does not depend on distance, CNY per TEU."""
    boxes = (evidence.cost(f"rail_tariff_base1_{n}ft") for n in (20, 40))
    return evidence.cost("rail_container_discount_factor") * teu_of_boxes(*boxes)


def rail_rate_cny_per_teu_km(evidence: Evidence) -> float:
    """The domestic rail price by distance: discounted tariff and electrification surcharge."""
    boxes = (
        evidence.cost("rail_container_discount_factor") * evidence.cost(f"rail_tariff_base2_{n}ft")
        + evidence.cost(f"rail_electrification_surcharge_{n}ft")
        for n in (20, 40)
    )
    return teu_of_boxes(*boxes)


def lane_usd_per_feu(evidence: Evidence, tariff_id: str) -> float:
    """The sea rate of a lane ex Shanghai, USD per FEU."""
    if tariff_id == "sea_taiwan":
        return evidence.assumed("sea_taiwan_usd_per_feu")
    return evidence.cost(SEA_LANES[tariff_id][0], SEA_YEAR)


def broad_km(evidence: Evidence) -> float:
    """Rail km of the 1520 mm section from Dostyk to Brest that the ERAI index prices."""
    names = ("Dostyk", "Mointy", "Astana", "Aktobe", "Orenburg", "Samara", "Moscow", "Brest")
    km = {
        frozenset((r["from_place"], r["to_place"])): evidence.number("rail_links", r, "km")
        for r in evidence["rail_links"]
    }
    return sum(km[frozenset(pair)] for pair in pairwise(names))


def build_tariffs(evidence: Evidence) -> list[Row]:
    """Rows of ``tariffs``."""
    return [*_land(evidence), *_water(evidence), _air(evidence)]


def _factors(low: float, high: float, value: float) -> Row:
    return {
        "cost_factor_low": min(1.0, low / value),
        "cost_factor_high": max(1.0, high / value),
    }


def _land(e: Evidence) -> list[Row]:
    truck = {
        c: teu_of_boxes(*(e.cost(f"truck_rate_{n}ft", column=c) for n in (20, 40)))
        for c in ("value", "low", "high")
    }
    rail = rail_rate_cny_per_teu_km(e)
    discount = e.cost("rail_container_discount_factor")
    intl = [
        teu_of_boxes(*(discount * e.cost(f"rail_tariff_intl_base{part}_{n}ft") for n in (20, 40)))
        for part in (1, 2)
    ]
    discount_row = {
        c: e.cost("rail_container_discount_factor", column=c) / discount for c in ("low", "high")
    }
    km = broad_km(e)
    erai = {c: e.cost("erai_index_1520_section", 2024, c) for c in ("value", "low", "high")}
    europe = {c: e.cost("cre_eu_section_cost", column=c) for c in ("value", "low", "high")}
    europe_km = sum(
        e.number("rail_links", r, "km")
        for r in e["rail_links"]
        if (r["from_place"], r["to_place"])
        in {("Małaszewicze", "Warsaw"), ("Warsaw", "Berlin"), ("Berlin", "Duisburg")}
    )
    lifts = 2 * e.cost("rail_terminal_handling_europe") * e.cost("fx_cny_per_eur") / 2
    europe_rate = (europe["value"] / 2 * e.fx - lifts) / europe_km
    grams = {
        k: e.cost(f"co2_{k}") / 1000
        for k in (
            "road_40t_container",
            "rail_electric_china",
            "rail_kazakhstan_russia",
            "rail_average_eu",
        )
    }
    rail_sd = e.assumed("rail_sd_hours_per_1000_km")
    return [
        {
            "tariff_id": "road",
            "mode": "road",
            "rate_cny_per_teu_km": truck["value"],
            "speed_km_per_hour": e.assumed("road_speed_km_per_hour"),
            "sd_hours_per_1000_km": e.assumed("road_sd_hours_per_1000_km"),
            "co2e_kg_per_tonne_km": grams["road_40t_container"],
            **_factors(truck["low"], truck["high"], truck["value"]),
            "source": short(
                "truck_rate_20ft and _40ft of cost_parameters, tolls and empty return "
                "in the rate; " + e.reason("road_speed_km_per_hour")
            ),
            "grade": "assumed",
        },
        {
            "tariff_id": "rail",
            "mode": "rail",
            "rate_cny_per_teu_km": rail,
            "empty_return_share": e.assumed("rail_empty_return_share"),
            "speed_km_per_hour": e.cost("speed_rail_container_daily") / 24,
            "sd_hours_per_1000_km": rail_sd,
            "co2e_kg_per_tonne_km": grams["rail_electric_china"],
            "cost_factor_low": discount_row["low"],
            "cost_factor_high": discount_row["high"],
            "source": "container tariff (base 2) x discount 0.75 + electrification surcharge; "
            "construction fund not added (unconfirmed); gives 2.4 CNY per TEU-km on "
            "600 km with base 1, as rail_effective_price; 600 km a day "
            "(speed_rail_container_daily)",
            "grade": "assumed",
        },
        {
            "tariff_id": "rail_scheduled",
            "mode": "block_train",
            "fixed_cny_per_teu": base1_cny_per_teu(e) * e.assumed("rail_scheduled_discount"),
            "rate_cny_per_teu_km": rail * e.assumed("rail_scheduled_discount"),
            "empty_return_share": e.assumed("rail_empty_return_share"),
            "speed_km_per_hour": e.assumed("rail_scheduled_speed_km_per_hour"),
            "fixed_sd_hours": 4,
            "sd_hours_per_1000_km": e.assumed("block_train_sd_hours_per_1000_km"),
            "co2e_kg_per_tonne_km": grams["rail_electric_china"],
            "cost_factor_low": discount_row["low"],
            "cost_factor_high": discount_row["high"],
            "source": short(
                e.reason("rail_scheduled_discount", "rail_scheduled_speed_km_per_hour")
            ),
            "grade": "assumed",
        },
        {
            "tariff_id": "block_train",
            "mode": "block_train",
            "fixed_cny_per_teu": intl[0],
            "rate_cny_per_teu_km": intl[1],
            "speed_km_per_hour": e.assumed("block_train_speed_km_per_hour"),
            "fixed_hours": e.assumed("block_train_fixed_hours"),
            "fixed_sd_hours": 6,
            "sd_hours_per_1000_km": e.assumed("block_train_sd_hours_per_1000_km"),
            "co2e_kg_per_tonne_km": grams["rail_electric_china"],
            "cost_factor_low": discount_row["low"],
            "cost_factor_high": discount_row["high"],
            "source": "published charging rule of the Chinese section, 500 + 2.025 a TEU-km and "
            "680 + 2.754 a FEU-km, x discount 0.75; boxes are leased one way (priced at "
            "the border), so no empty return",
            "grade": "derived",
        },
        {
            "tariff_id": "rail_broad",
            "mode": "rail_broad",
            "rate_cny_per_teu_km": erai["value"] / 2 * e.fx / km,
            "speed_km_per_hour": e.cost("speed_ktz_transit") / 24,
            "sd_hours_per_1000_km": e.assumed("broad_sd_hours_per_1000_km"),
            "co2e_kg_per_tonne_km": grams["rail_kazakhstan_russia"],
            **_factors(erai["low"], erai["high"], erai["value"]),
            "source": f"ERAI index of 15 Jul 2024 (USD {erai['value']:.0f} per FEU, 1520 mm "
            f"section) over the {km:.0f} km Dostyk-Brest; speed 800 km a day (KTZ)",
            "grade": "derived",
        },
        {
            "tariff_id": "rail_metre",
            "mode": "rail_broad",
            "rate_cny_per_teu_km": e.assumed("rail_metre_rate_cny_per_teu_km"),
            "speed_km_per_hour": 20,
            "sd_hours_per_1000_km": rail_sd,
            "co2e_kg_per_tonne_km": e.cost("co2_rail_diesel") / 1000,
            "source": e.reason("rail_metre_rate_cny_per_teu_km"),
            "grade": "assumed",
        },
        {
            "tariff_id": "rail_europe",
            "mode": "rail",
            "rate_cny_per_teu_km": europe_rate,
            "speed_km_per_hour": e.assumed("europe_rail_speed_km_per_hour"),
            "sd_hours_per_1000_km": e.assumed("broad_sd_hours_per_1000_km"),
            "co2e_kg_per_tonne_km": grams["rail_average_eu"],
            **_factors(europe["low"], europe["high"], europe["value"]),
            "source": f"cre_eu_section_cost (USD {europe['value']:.0f} per FEU) less two lifts, "
            f"over the {europe_km:.0f} km Malaszewicze-Duisburg",
            "grade": "derived",
        },
    ]


def _water(e: Evidence) -> list[Row]:
    rows: list[Row] = []
    slow, asia = (
        e.cost(k) * _KNOT_KM_PER_HOUR for k in ("sea_slow_steaming_speed", "speed_sea_intra_asia")
    )
    for tariff, (parameter, area) in [*SEA_LANES.items(), ("sea_taiwan", ("", "intra_asia"))]:
        rate = lane_usd_per_feu(e, tariff)
        if parameter:
            years = [r for r in e["cost_parameters"] if r["parameter"] == parameter]
            normal = [e.number("cost_parameters", r, "value") for r in years if r["year"] != "2021"]
            low, high = min(normal), max(normal)
            source = (
                f"{parameter} of {SEA_YEAR}, USD {rate:.0f} per FEU, half per TEU, without THC; "
                "low and high are the other years without the boom of 2021"
            )
            grade = e.cost_row(parameter, SEA_YEAR)["confidence"]
        else:
            row = next(r for r in e["assumptions"] if r["parameter"] == "sea_taiwan_usd_per_feu")
            low, high = e.number("assumptions", row, "low"), e.number("assumptions", row, "high")
            source, grade = row["source"], "assumed"
        deep = area != "intra_asia"
        rows.append(
            {
                "tariff_id": tariff,
                "mode": "sea",
                "fixed_cny_per_teu": rate / 2 * e.fx,
                "speed_km_per_hour": slow if deep else asia,
                "fixed_sd_hours": e.assumed(
                    "sea_sd_hours_deepsea" if deep else "sea_sd_hours_intra_asia"
                ),
                "co2e_kg_per_tonne_km": e.cost(_EMISSIONS[area]) / 1000,
                **_factors(low, high, rate),
                "source": short(source),
                "grade": grade,
            }
        )
    coastal = {
        c: e.cost("coastal_feeder_rate_40ft", column=c) / 2 for c in ("value", "low", "high")
    }
    fixed = e.assumed("coastal_fixed_share") * coastal["value"]
    rows.append(
        {
            "tariff_id": "sea_coastal",
            "mode": "sea",
            "fixed_cny_per_teu": fixed,
            "rate_cny_per_teu_km": (coastal["value"] - fixed) / e.assumed("coastal_reference_km"),
            "speed_km_per_hour": asia,
            "fixed_sd_hours": 24,
            "co2e_kg_per_tonne_km": e.cost("co2_sea_coastal_feeder") / 1000,
            **_factors(coastal["low"], coastal["high"], coastal["value"]),
            "source": short(
                "coastal_feeder_rate_40ft, half per TEU; "
                + e.reason("coastal_fixed_share", "coastal_reference_km")
            ),
            "grade": "assumed",
        }
    )
    for tariff, key in (("sea_caspian", "caspian"), ("sea_black_sea", "black_sea")):
        rows.append(
            {
                "tariff_id": tariff,
                "mode": "sea",
                "fixed_cny_per_teu": e.assumed(f"{key}_cny_per_teu"),
                "speed_km_per_hour": 20,
                "fixed_hours": e.assumed("caspian_wait_hours") if key == "caspian" else 48,
                "fixed_sd_hours": e.assumed("caspian_wait_hours") if key == "caspian" else 24,
                "co2e_kg_per_tonne_km": e.cost("co2_sea_coastal_feeder") / 1000,
                "source": short(e.reason(f"{key}_cny_per_teu", "caspian_wait_hours")),
                "grade": "assumed",
            }
        )
    rows.append(
        {
            "tariff_id": "barge",
            "mode": "barge",
            "rate_cny_per_teu_km": e.assumed("barge_rate_cny_per_teu_km"),
            "speed_km_per_hour": e.assumed("barge_speed_km_per_hour"),
            "fixed_hours": 24,
            "fixed_sd_hours": 24,
            "co2e_kg_per_tonne_km": e.cost("co2_water_literature_china") / 1000,
            "source": short(e.reason("barge_rate_cny_per_teu_km", "barge_speed_km_per_hour")),
            "grade": "assumed",
        }
    )
    return rows


def _air(e: Evidence) -> Row:
    rail = e.assumed("air_reference_rail_usd_per_feu") / e.assumed("air_reference_tonnes_per_feu")
    ratio = {
        c: e.cost("air_freight_price_ratio_to_rail", column=c) for c in ("value", "low", "high")
    }
    fixed = e.assumed("air_fixed_cny_per_tonne")
    km = e.great_circle_km("apt-shanghai", "mk-rotterdam")
    return {
        "tariff_id": "air",
        "mode": "air",
        "rate_cny_per_tonne": fixed,
        "rate_cny_per_tonne_km": (rail * ratio["value"] * e.fx - fixed) / km,
        "speed_km_per_hour": e.assumed("air_speed_km_per_hour"),
        "fixed_hours": e.assumed("air_fixed_hours"),
        "fixed_sd_hours": e.assumed("air_sd_hours"),
        "co2e_kg_per_tonne_km": e.assumed("air_kg_co2e_per_tonne_km"),
        **_factors(ratio["low"], ratio["high"], ratio["value"]),
        "source": short(
            "air price = 5 x rail price per tonne to Europe "
            "(air_freight_price_ratio_to_rail), less a fixed part, over the great "
            f"circle Shanghai-Rotterdam of {km:.0f} km"
        ),
        "grade": "derived",
    }
