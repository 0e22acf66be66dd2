"""Published problems as instances: facility location and network design are special cases.

One unit of cost of the file is one million CNY a year, one unit of demand one million CNY of output
(location) or one TEU (design). docs/published.md states the mapping and why it loses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from instances.errors import Fault, InstanceError
from instances.instance import Instance, make_instance
from instances.published.facility import FacilityInstance
from instances.published_design import PublishedDesign

MCNY = 1e6  # CNY in a million CNY
SETTINGS = {"year": 2024, "discount_rate": 0.0, "carrying_rate": 0.0}
_SOURCE = {"source": "published benchmark file", "grade": "reported"}
_DRAWN = {"source": "drawn on a grid; the file has no coordinates", "grade": "assumed"}
_BOX = (30.0, 40.0, 105.0, 118.0)  # south, north, west, east: where places without coordinates go
# Of an input that fills half of the value of the output, at half a million CNY per TEU: one TEU
# per million CNY of output, in numbers that the computer holds exactly.
_INPUT_SHARE, _INPUT_VALUE = 0.5, 0.5 * MCNY


def facility_instance(
    published: FacilityInstance, *, known: dict[str, float] | None = None
) -> Instance:
    """Return a facility location problem as an instance; its optimum is that of the file in mcny.

    Facilities are zones ``f1, f2 ...`` with the fixed cost as yearly opening money and, where
    capacitated, a pool of the factor ``capacity``; customers are blocks that must move, whole if
    single source. What serving a customer costs is the cost of moving its block, in a matrix.

    Raises
    ------
    InstanceError
        If a cost is infinite: an instance has no such number.
    """
    m, n = published.unit_cost.shape
    facilities = [f"f{i + 1}" for i in range(m)]
    customers = [f"c{j + 1}" for j in range(n)]
    if np.isinf(published.unit_cost).any():
        i, j = np.argwhere(np.isinf(published.unit_cost))[0].tolist()
        message = (
            f"customer {j + 1} at facility {i + 1}: costs must be finite; write a cost above the "
            "cost of any sensible plan where the pair is forbidden"
        )
        raise InstanceError([Fault(published.name, None, "unit_cost", "inf", message)])
    limited = np.isfinite(published.capacity)
    demand, free = published.demand, published.demand == 0
    if not limited.any() and free.any():
        demand, free = np.ones(n), np.zeros(n, dtype=bool)  # only the costs matter
    volume = np.where(free, 1.0, demand)  # a block without volume would cost nothing
    industry = np.where(free, "weightless", "goods").tolist()
    names = sorted(set(industry))
    tables: dict[str, Any] = {
        "places": _places(facilities, customers),
        "forms": [_form("domestic")],
        "factor_prices": [{"factor_region_id": "anywhere", **_SOURCE}],
        "industries": [
            {"industry_id": i, "name": i, "output_value_cny_per_teu": MCNY, **_SOURCE}
            for i in names
        ],
        "zones": {
            "zone_id": facilities, "zone_kind": ["development_zone"] * m,
            "factor_region_id": ["anywhere"] * m, "open_mcny_per_year": published.fixed_cost,
            **_columns(m),
        },
        "eligibility": {
            "zone_id": facilities * len(names),
            "industry_id": np.repeat(names, m).tolist(),
            "form_id": ["general"] * (m * len(names)), **_columns(m * len(names)),
        },
        "origins": {
            "origin_id": customers, "name": customers, "place_id": customers,
            "form_id": ["general"] * n, **_columns(n),
        },
        "blocks": {
            "origin_id": customers, "industry_id": industry, "volume_mcny_per_year": volume,
            "whole": [int(published.single_source)] * n, "may_stay": [0] * n, **_columns(n),
        },
    }  # fmt: skip
    if limited.any():
        tables |= _capacities(np.array(facilities)[limited].tolist(), published.capacity[limited])
    return make_instance(
        instance_id=_identifier(published.name),
        name=published.name,
        description=(
            f"Facility location, {m} facilities x {n} customers"
            + (", single source" if published.single_source else "")
            + f" (format {published.format}). One unit of cost is one million CNY a year."
        ),
        settings=SETTINGS,
        tables=tables,
        known=known,
        dense_moves=np.ascontiguousarray((published.unit_cost / volume).T) * MCNY,
    )


def _capacities(zones: list[str], capacity: np.ndarray) -> dict[str, Any]:
    count = len(zones)
    return {
        "factors": [
            {"factor_id": "capacity", "name": "capacity", "unit_name": "demand", **_SOURCE}
        ],
        "industry_factors": [
            {"industry_id": "goods", "factor_id": "capacity", "use_per_mcny": 1.0, **_SOURCE}
        ],
        "pools": {
            "pool_id": zones, "factor_id": ["capacity"] * count, "name": zones,
            "endowment": capacity, **_columns(count),
        },
        "pool_members": {"pool_id": zones, "zone_id": zones},
    }  # fmt: skip


def design_instance(
    published: PublishedDesign, *, known: dict[str, float] | None = None
) -> Instance:
    """Return a network design problem as an instance; its optimum is that of the file in mcny.

    Nodes are places ``n1, n2 ...`` outside China (one regime: no customs to think of). Arc ``a`` is
    the one-way link ``a`` with a bottleneck of its own, opened by the project ``a``. Commodity
    ``k`` is an industry whose one input, a TEU per million CNY of output, comes from its origin;
    a block of its demand must move to the zone at its destination, the only one that may host it.
    """
    n_arcs, n_goods = published.tail.size, published.origin.size
    nodes = [f"n{i + 1}" for i in range(published.n_nodes)]
    arcs = [f"a{a + 1}" for a in range(n_arcs)]
    goods = [f"k{k + 1}" for k in range(n_goods)]
    tail, head, origin, destination = (
        [nodes[i] for i in numbers.tolist()]
        for numbers in (published.tail, published.head, published.origin, published.destination)
    )
    zones = [node for node in nodes if node in set(destination)]
    tables: dict[str, Any] = {
        "places": _places(zones, [node for node in nodes if node not in set(zones)], in_china=0),
        "tariffs": [{"tariff_id": "arc", "mode": "road", "speed_km_per_hour": 1.0, **_SOURCE}],
        "bottlenecks": {
            "bottleneck_id": arcs, "name": arcs, "kind": ["line"] * n_arcs,
            "capacity_teu_per_year": published.capacity, **_columns(n_arcs),
        },
        "links": {
            "link_id": arcs, "tail_place_id": tail, "head_place_id": head,
            "both_ways": [0] * n_arcs, "mode": ["road"] * n_arcs, "km": [0.0] * n_arcs,
            "tariff_id": ["arc"] * n_arcs, "cost_cny_per_teu": published.unit_cost * MCNY,
            "hours": [0.0] * n_arcs, "sd_hours": [0.0] * n_arcs, "bottleneck_id": arcs,
            "needs_project": [1] * n_arcs, **_columns(n_arcs),
        },
        "projects": {
            "project_id": arcs, "name": arcs, "kind": ["link"] * n_arcs,
            "upkeep_mcny_per_year": published.fixed_cost, **_columns(n_arcs),
        },
        "project_effects": {
            "project_id": arcs, "effect": ["opens_link"] * n_arcs, "element_id": arcs,
            **_columns(n_arcs),
        },
        "transfers": {
            "transfer_id": nodes, "place_id": nodes, "from_mode": ["gate"] * len(nodes),
            "to_mode": ["road"] * len(nodes), **_columns(len(nodes)),
        },
        "forms": [_form("foreign")],
        "factor_prices": [{"factor_region_id": "anywhere", **_SOURCE}],
        "industries": {
            "industry_id": goods, "name": goods,
            "output_value_cny_per_teu": [MCNY] * n_goods, **_columns(n_goods),
        },
        "regions": {
            "region_id": goods, "role": ["source"] * n_goods, "place_id": origin,
            "share": [1.0] * n_goods, **_columns(n_goods),
        },
        "inputs": {
            "industry_id": goods, "input_id": ["goods"] * n_goods, "region_id": goods,
            "share_of_output_value": [_INPUT_SHARE] * n_goods,
            "value_cny_per_teu": [_INPUT_VALUE] * n_goods, **_columns(n_goods),
        },
        "zones": {
            "zone_id": zones, "zone_kind": ["development_zone"] * len(zones),
            "factor_region_id": ["anywhere"] * len(zones), **_columns(len(zones)),
        },
        "eligibility": {
            "zone_id": destination, "industry_id": goods, "form_id": ["general"] * n_goods,
            **_columns(n_goods),
        },
        "origins": [
            {"origin_id": "demand", "name": "demand", "place_id": origin[0],
             "form_id": "general", **_SOURCE},
        ],
        "blocks": {
            "origin_id": ["demand"] * n_goods, "industry_id": goods,
            "volume_mcny_per_year": published.demand, "may_stay": [0] * n_goods,
            **_columns(n_goods),
        },
    }  # fmt: skip
    return make_instance(
        instance_id=_identifier(published.name),
        name=published.name,
        description=(
            f"Fixed-charge network design, {published.n_nodes} nodes, {n_arcs} arcs, {n_goods} "
            "commodities (format dow). One unit of cost is one million CNY a year."
        ),
        settings=SETTINGS,
        tables=tables,
        known=known,
    )


def _places(zones: list[str], others: list[str], in_china: int = 1) -> dict[str, Any]:
    """Zones, then other places, row by row over the box: somewhere, and all apart."""
    ids = [*zones, *others]
    count = len(ids)
    wide = max(1, int(np.ceil(np.sqrt(count))))
    row, column = np.divmod(np.arange(count), wide)
    south, north, west, east = _BOX
    return {
        "place_id": ids,
        "name": ids,
        "kind": ["zone"] * len(zones) + ["origin"] * len(others),
        "in_china": [in_china] * count,
        "latitude_deg": np.round(north - (north - south) * row / wide, 6),
        "longitude_deg": np.round(west + (east - west) * column / wide, 6),
        **{name: [value] * count for name, value in _DRAWN.items()},
    }


def _form(regime: str) -> dict[str, str]:
    regimes = ("import_regime", "home_regime", "export_regime", "sale_regime")
    return {"form_id": "general", "name": "general", **dict.fromkeys(regimes, regime), **_SOURCE}


def _columns(count: int) -> dict[str, list[str]]:
    return {name: [value] * count for name, value in _SOURCE.items()}


def _identifier(name: str) -> str:
    """Return the name with characters that ids may have."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "published"
