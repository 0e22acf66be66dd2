"""Instances and networks for other programs: GeoJSON for maps, GraphML for graph tools."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from optimizer.report.names import filled, ids

if TYPE_CHECKING:
    from instances import Instance
    from networks.network import Network
    from optimizer.plan.plan import Plan


def export_geojson(
    instance: Instance, plan: Plan | None = None, *, network: Network | None = None
) -> str:
    """Return places (points) and links (lines) as GeoJSON text in WGS84 degrees.

    With a plan, zones carry ``open``, ``absorbed_mcny`` and ``industries``, and links the TEU a
    year of the zones' goods (``zone_teu``) and of all goods (``teu``), both directions together.
    """
    zones, loads = _of_plan(instance, plan, network) if plan is not None else ({}, {})
    places = instance.tables["places"].to_dict("records")
    at = {str(p["place_id"]): (p["longitude_deg"], p["latitude_deg"]) for p in places}
    features = [
        _feature(str(p["place_id"]), "Point", at[str(p["place_id"])], p, zones.get(p["place_id"]))
        for p in places
    ]
    for link in instance.tables["links"].to_dict("records"):
        ends = [at[str(link["tail_place_id"])], at[str(link["head_place_id"])]]
        key = str(link["link_id"])
        more = None if plan is None else loads.get(key, {"zone_teu": 0.0, "teu": 0.0})
        features.append(_feature(key, "LineString", ends, link, more))
    document = {"type": "FeatureCollection", "name": instance.instance_id, "features": features}
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _feature(
    key: str, shape: str, coordinates: Any, row: dict[Any, Any], more: dict[str, Any] | None
) -> dict[str, Any]:
    properties = {str(k): _json(v) for k, v in row.items()} | (more or {})
    geometry = {"type": shape, "coordinates": coordinates}
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": properties}


def _json(value: Any) -> Any:
    """Return a cell as JSON holds it: empty and unknown are null, no limit is the word inf."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return filled(value) if isinstance(value, str) else value


def _of_plan(
    instance: Instance, plan: Plan, network: Network | None
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return what a plan says of each zone and of each link that it uses."""
    from optimizer.report.facts import Facts
    from optimizer.report.goods_flows import arcs_table
    from optimizer.report.siting import siting_table

    facts = Facts(instance, plan, network)
    zones: dict[str, dict[str, Any]] = {
        zone: {"open": zone in plan.open_zones, "absorbed_mcny": 0.0, "industries": []}
        for zone in facts.zones
    }
    for row in siting_table(facts).to_dict("records"):
        hosted = [i for z, i in plan.hosts if z == row["zone_id"]]
        zones[row["zone_id"]] |= {"absorbed_mcny": row["absorbed_mcny"], "industries": hosted}
    arcs = arcs_table(facts)
    sums = arcs[arcs["table"] == "links"].groupby("row_id")[["zone_teu", "teu"]].sum()
    return zones, {str(k): v for k, v in sums.to_dict("index").items()}


def export_graphml(network: Network) -> str:
    """Return the expanded network as GraphML text: a directed multigraph, arcs keyed by arc key.

    Nodes are named PLACE/YARD/REGIME. Lists become texts separated by semicolons, which is how
    GraphML, that has plain values only, can hold them.
    """
    import networkx as nx

    graph = network.to_multidigraph()
    plain = nx.MultiDiGraph()
    for node, attributes in graph.nodes(data=True):
        plain.add_node("/".join(node), **_attributes(attributes))
    for tail, head, key, attributes in graph.edges(keys=True, data=True):
        plain.add_edge("/".join(tail), "/".join(head), key=key, **_attributes(attributes))
    return "\n".join(nx.generate_graphml(plain, named_key_ids=True))


def _attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    return {str(k): _graphml(v) for k, v in attributes.items()}


def _graphml(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, list | tuple):
        return ";".join(map(str, value))
    if isinstance(value, str):
        return ";".join(ids(value)) if ";" in value else filled(value)
    return "" if value is None else value
