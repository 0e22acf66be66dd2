"""``instance.toml`` of the bundled instance."""

from __future__ import annotations

import json

from instances.shanxi_build.evidence import Evidence
from instances.shanxi_build.writing import text_of

_DESCRIPTION = (
    "Gradient transfer of processing trade from thirteen coastal cities and five countries to the "
    "zones of Shanxi and to twelve rival hosts; constant 2024 prices. Built from the evidence "
    "tables beside it by instances.shanxi_build. Most figures are estimates: read grade and source."
)
_SOURCES = {
    "places": "places.csv, extra_places.csv, junctions.csv",
    "tariffs": "cost_parameters.csv, assumptions.csv",
    "services": "train_services.csv, capacities.csv",
    "bottlenecks": "capacities.csv",
    "links": "rail_links.csv, road_links.csv, access_links.csv, zone_access.csv, sea_links.csv, "
    "train_services.csv, air_routes.csv, the _supplement tables",
    "transfers": "cost_parameters.csv, assumptions.csv",
    "customs": "customs_regimes.csv, cost_parameters.csv",
    "forms": "customs_regimes.csv, assumptions.csv",
    "factors": "definition",
    "industries": "industries.csv, industry_assumptions.csv",
    "industry_factors": "industries.csv, industry_assumptions.csv",
    "regions": "region_places.csv",
    "inputs": "input_sources.csv, industries.csv",
    "outputs": "destination_shares.csv",
    "factor_prices": "factor_costs.csv, rival_offers.csv",
    "zones": "zone_capacity.csv, places.csv, zone_opening.csv",
    "eligibility": "zone_capacity.csv",
    "rivals": "rival_offers.csv",
    "rival_limits": "rival_offers.csv",
    "origins": "origin_volumes.csv",
    "blocks": "origin_volumes.csv",
    "moves": "existing_clusters.csv, industries.csv, assumptions.csv",
    "pools": "factory_space.csv, zone_capacity.csv, labour.csv",
    "pool_members": "zone_capacity.csv",
    "modules": "factory_space.csv, zone_capacity.csv",
    "projects": "project_list.csv",
    "project_effects": "project_actions.csv",
    "chains": "chain_rules.csv",
    "agglomeration": "industries.csv, assumptions.csv",
    "rules": "policy_rules.csv",
    "calibration": "calibration_figures.csv",
    "events": "events.csv",
}


def instance_toml(e: Evidence) -> str:
    """The text of ``instance.toml``."""
    settings = {
        "year": 2024,
        "discount_rate": e.assumed("discount_rate"),
        "carrying_rate": e.cost("inventory_carrying_rate"),
        "service_factor": e.assumed("service_factor"),
        "emission_cny_per_tonne": e.cost("carbon_price_china"),
        "road_detour_factor": e.assumed("road_detour_factor"),
        "road_speed_km_per_hour": e.assumed("chain_road_speed_km_per_hour"),
        "deferred_interest_rate": e.assumed("deferred_interest_rate"),
    }
    identity = {
        "id": "shanxi",
        "name": "Shanxi: gradient transfer of processing trade",
        "name_zh": "山西承接加工贸易梯度转移",
        "description": _DESCRIPTION,
    }
    lines = ["[instance]"]
    lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in identity.items()]
    lines += ["", "[settings]", *(f"{k} = {text_of(v)}" for k, v in settings.items())]
    lines += [
        "",
        "[currency]",
        f"usd = {text_of(e.fx)}",
        f"eur = {text_of(e.cost('fx_cny_per_eur'))}",
    ]
    lines += ["", "[sources]"]
    lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in _SOURCES.items()]
    return "\n".join(lines) + "\n"
