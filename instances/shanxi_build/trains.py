"""Block trains and scheduled rail-sea trains: services, and their links with km by rail."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx

from instances.shanxi_build.evidence import Evidence, EvidenceError, Row, short
from instances.shanxi_build.land_links import LINE_EXITS, line_bottleneck


def build_services(evidence: Evidence) -> list[Row]:
    """Rows of ``services``."""
    full = evidence.assumed("service_teu_per_train")
    least = {
        r["value"]
        for r in evidence["capacities"]
        if (r["place_id"], r["item"]) == ("zhongding", "min_train_teu")
    }
    if len(least) != 1:
        raise EvidenceError("capacities.csv: zhongding min_train_teu must be there once")
    min_train_teu = float(least.pop())
    rows: list[Row] = []
    for row in evidence["train_services"]:
        trains = evidence.number("train_services", row, "trains_per_year")
        service: Row = {
            "service_id": row["service_id"],
            "name": row["name"],
            "name_zh": row["name_zh"],
            "departures_per_week": round(trains / 52, 3),
            "grade": row["confidence"],
        }
        if row["kind"] in ("today", "hub"):
            share = evidence.assumed(
                "service_spare_share_zhongding"
                if row["kind"] == "today"
                else "service_spare_share_hub"
            )
            service |= {
                "capacity_teu_per_year": round(trains * full * 2 * share),
                "runs_today": 1,
                "source": short(
                    f"{row['source']}; capacity = trains x {full:.0f} TEU x two "
                    f"directions x {share} that transferred goods can win"
                ),
            }
        elif row["kind"] in ("weekly", "monthly"):
            service |= {
                "min_load_teu_per_year": round(trains * min_train_teu),
                "capacity_teu_per_year": round(trains * full * 2),
                "fixed_mcny_per_year": round(
                    evidence.assumed(f"service_{row['kind']}_fixed_mcny")
                    * (trains / 52 if row["kind"] == "weekly" else 1),
                    3,
                ),
                "source": short(
                    f"{row['source']}; least load {min_train_teu:.0f} TEU a train "
                    f"(41 wagons), most {full:.0f} TEU in each direction"
                ),
            }
        else:
            raise EvidenceError(f"train_services.csv: kind {row['kind']!r} is not known")
        rows.append(service)
    return rows


def rail_graph(evidence: Evidence, rail: list[Row]) -> nx.Graph:
    """The standard-gauge network that is open, weighted by km x cost factor."""
    graph = nx.Graph()
    for link in rail:
        if link["mode"] == "rail" and not link.get("closed"):
            km = float(link["km"])  # type: ignore[arg-type]
            factor = float(link.get("cost_factor", 1))  # type: ignore[arg-type]
            graph.add_edge(link["tail_place_id"], link["head_place_id"], km=km, weight=km * factor)
    return graph


def build_train_links(evidence: Evidence, rail: list[Row]) -> list[Row]:
    """Rows of ``links`` for the services; the Wari service takes the Wari line."""
    graph = rail_graph(evidence, rail)
    exits = {
        frozenset(map(evidence.place_id, pair)): line_bottleneck(line)
        for pair, line in LINE_EXITS.items()
    }
    rows: list[Row] = []
    for row in evidence["train_services"]:
        tail, head = evidence.place_id(row["from"]), evidence.place_id(row["to"])
        via = [tail, head]
        if row["service_id"] == "rs-wari-rizhao":
            via = [tail, evidence.place_id("Tangyin"), evidence.place_id("Liangshan"), head]
        path = [tail]
        for a, b in pairwise(via):
            path += nx.shortest_path(graph, a, b, weight="weight")[1:]
        km = sum(graph.edges[pair]["km"] for pair in pairwise(path))
        lines = [exits[p] for p in map(frozenset, pairwise(path)) if p in exits]
        link: Row = {
            "link_id": f"train--{row['service_id']}",
            "tail_place_id": tail,
            "head_place_id": head,
            "mode": "block_train",
            "km": km,
            "tariff_id": row["tariff_id"],
            "service_id": row["service_id"],
            "bottleneck_id": ";".join(lines),
            "corridor_id": row["corridor_id"],
            "name": row["name"],
            "source": short(
                f"km: cheapest way over the rail links ({len(path) - 1} of them); "
                f"service: {row['source']}"
            ),
            "grade": row["confidence"],
        }
        if row["project_id"]:
            link["needs_project"] = 1
        rows.append(link)
    return rows
