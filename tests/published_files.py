"""Small published problems worked by hand, written in every format, and random ones."""

from __future__ import annotations

import numpy as np

from instances import Instance
from instances.published.facility import FacilityInstance
from instances.published_design import PublishedDesign

# Facility 1: capacity 10, fixed 8; facility 2: capacity 6, fixed 5. Demands 4, 3, 3.
# Serving all of customers 1, 2, 3 costs 6, 9, 4 from facility 1 and 2, 3, 5 from facility 2.
HOLMBERG = "2 3\n10 8\n6 5\n4 3 3\n6 9 4 2 3 5\n"
FILES = {
    "holmberg": HOLMBERG,
    "orlib": "2 3\n10 8\n6 5\n4\n6 2\n3\n9 3\n3\n4 5\n",
    "tbed1": "2 3\n4 3 3\n10 6\n8 5\n1.5 3 1.3333333333333333\n.5 1 1.6666666666666667\n",
    "diaz": "3 2\n6 2\n9 3\n4 5\n4 3 3\n8 5\n10 6\n",
    "klose": "[CFLP-PROBLEMFILE]\nby hand\n3 2 1.6\n[DEPOTS]\ncapacity fixcost varcost x y name\n"
    "10 8 0 0 0 a\n6 5 0 0 0 b\n[CUSTOMERS]\ndemand x y name\n4 0 0 1\n3 0 0 2\n3 0 0 3\n"
    "[COSTMATRIX]\nc= d_eucli(a,b) * 0.01\n[MATRIX]\nDim 2 3\n6 9 4\n2 3 5\n",
    "ufllib": "FILE: hand\n2 3 0\n1 8 6 9 4\n2 5 2 3 5\n",
}
# Both open, 13. Facility 2 holds 6: all of customer 2 (saves 2 a unit) and 3 of 4 units of
# customer 1 (saves 1 a unit): 3 + (1.5 + 1.5) + 4 = 10. Facility 1 alone: 8 + 19 = 27.
SPLIT = 23.0
# Whole customers: 1 and 2 together (7) do not fit. Customer 2 alone there: 13 + 6 + 3 + 4.
WHOLE = 26.0
# Without capacities facility 2 alone: 5 + 2 + 3 + 5.
UNCAPACITATED = 15.0

# Arcs 1-3 (rate 5, room 10, fixed 1), 1-2 (1, 10, 3), 2-3 (1, 4, 4); 4 units from 1 to 3 and
# 2 from 2 to 3. Arc 2-3 must open: 4 + 2, and has room for 2 more. All direct: 1 + 20; two
# units over 2: 3 + 2 x 2, and two direct: 1 + 10, together 18.
DOW = " MULTIGEN.DAT:\n3 3 2\n1 3 5 10 1 1 1\n1 2 1 10 3 1 1\n2 3 1 4 4 1 1\n1 3 4\n2 3 2\n"
DESIGN = 24.0


def random_location(seed: int, *, single_source: bool = False) -> FacilityInstance:
    """A location problem with 2-4 facilities and 2-5 customers that has a plan."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    demand = rng.integers(1, 10, n).astype(float)
    capacity = rng.integers(8, 20, m).astype(float)
    capacity[0] = max(capacity[0], demand.sum())  # so that some plan exists, whole or split
    return FacilityInstance(
        name=f"random{seed}",
        format="generated",
        fixed_cost=rng.integers(0, 30, m).astype(float),
        capacity=capacity,
        demand=demand,
        unit_cost=np.round(rng.uniform(0, 20, (m, n)), 2),
        single_source=single_source,
    )


def random_design(seed: int) -> PublishedDesign:
    """A design problem with 3-4 nodes, up to 8 arcs and 1-3 commodities that has a plan."""
    rng = np.random.default_rng(seed)
    n_nodes, n_goods = int(rng.integers(3, 5)), int(rng.integers(1, 4))
    circle = [(i, (i + 1) % n_nodes) for i in range(n_nodes)]
    others = [(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j]
    more = rng.permutation(len(others))[: int(rng.integers(1, 5))]
    arcs = np.array([*circle, *(others[k] for k in more)])
    pairs = np.array([others[k] for k in rng.permutation(len(others))[:n_goods]])
    demand = rng.integers(1, 9, n_goods).astype(float)
    capacity = rng.integers(2, 15, len(arcs)).astype(float)
    capacity[:n_nodes] = np.maximum(capacity[:n_nodes], demand.sum())
    return PublishedDesign(
        name=f"random{seed}",
        n_nodes=n_nodes,
        tail=arcs[:, 0],
        head=arcs[:, 1],
        unit_cost=rng.integers(0, 10, len(arcs)).astype(float),
        capacity=capacity,
        fixed_cost=rng.integers(0, 40, len(arcs)).astype(float),
        origin=pairs[:, 0],
        destination=pairs[:, 1],
        demand=demand,
    )


def location_optimum(p: FacilityInstance) -> float:
    """The optimum by a mixed-integer program of its own (scipy)."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    m, n = p.unit_cost.shape
    serve = np.hstack([np.zeros((n, m)), np.tile(np.eye(n), m)])
    load = np.hstack([-np.diag(p.capacity), np.kron(np.eye(m), p.demand)])
    whole = np.r_[np.ones(m), np.full(m * n, float(p.single_source))]
    answer = milp(
        np.r_[p.fixed_cost, p.unit_cost.ravel()],
        constraints=[LinearConstraint(serve, 1, 1), LinearConstraint(load, -np.inf, 0)],
        bounds=Bounds(0, 1),
        integrality=whole,
        options={"mip_rel_gap": 0.0},
    )
    assert answer.status == 0
    return float(answer.fun)


def design_optimum(p: PublishedDesign) -> float:
    """The optimum by a mixed-integer program of its own (scipy)."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    m, k = p.tail.size, p.origin.size
    net = np.zeros((p.n_nodes, m))
    net[p.tail, np.arange(m)] += 1
    net[p.head, np.arange(m)] -= 1
    supply = np.zeros((k, p.n_nodes))
    supply[np.arange(k), p.origin] += p.demand
    supply[np.arange(k), p.destination] -= p.demand
    balance = np.hstack([np.zeros((k * p.n_nodes, m)), np.kron(np.eye(k), net)])
    load = np.hstack([-np.diag(p.capacity), np.tile(np.eye(m), k)])
    answer = milp(
        np.r_[p.fixed_cost, np.tile(p.unit_cost, k)],
        constraints=[
            LinearConstraint(balance, supply.ravel(), supply.ravel()),
            LinearConstraint(load, -np.inf, 0),
        ],
        bounds=Bounds(0, np.r_[np.ones(m), np.full(m * k, np.inf)]),
        integrality=np.r_[np.ones(m), np.zeros(m * k)],
        options={"mip_rel_gap": 0.0},
    )
    assert answer.status == 0
    return float(answer.fun)


def random_trade(seed: int) -> Instance:
    """Network design made by hand: in China, several goods each way, links free and opened."""
    from instances import make_instance

    rng = np.random.default_rng(seed)
    source = {"source": "drawn for a test", "grade": "assumed"}
    nodes = [f"n{k}" for k in range(int(rng.integers(4, 6)))]
    zones, far = nodes[:2], nodes[2:]
    industries = [f"i{k}" for k in range(int(rng.integers(1, 3)))]
    home = {i: zones[int(rng.integers(2))] for i in industries}
    links, projects, effects, bottlenecks = [], [], [], []
    pairs = [(a, b) for a in nodes for b in nodes if a != b]
    for number, k in enumerate(rng.permutation(len(pairs))[: 3 * len(nodes)]):
        tail, head = pairs[k]
        opened = rng.random() < 0.6
        limited = rng.random() < 0.5
        link = {
            "link_id": f"l{number}", "tail_place_id": tail, "head_place_id": head, "mode": "road",
            "both_ways": int(not opened and not limited and rng.random() < 0.5), "km": 1.0,
            "tariff_id": "road", "cost_cny_per_teu": float(rng.integers(0, 9)) * 1e5,
            "bottleneck_id": f"b{number}" if limited else "", "needs_project": int(opened),
            **source,
        }  # fmt: skip
        links.append(link)
        if limited:
            room = float(rng.integers(2, 30))
            bottlenecks.append(
                {"bottleneck_id": f"b{number}", "name": "b", "kind": "line",
                 "capacity_teu_per_year": room, **source}
            )  # fmt: skip
        if opened:
            project = {"project_id": f"p{number}", "name": "p", "kind": "link", "life_years": 20.0}
            cost = {"capital_mcny": float(rng.integers(0, 50)), "upkeep_mcny_per_year": 0.5}
            projects.append(project | cost | source)
            effect = {"effect": "opens_link", "element_id": f"l{number}"}
            effects.append({"project_id": f"p{number}", **effect, **source})
    gates = [
        {"transfer_id": n, "place_id": n, "from_mode": "gate", "to_mode": "road",
         "cost_cny_per_teu": float(rng.integers(0, 3)) * 1e4, **source}
        for n in nodes
    ]  # fmt: skip
    regimes = dict.fromkeys(
        ("import_regime", "home_regime", "export_regime", "sale_regime"), "domestic"
    )
    regions = [
        {"region_id": n, "role": role, "place_id": n, "share": 1.0, **source}
        for n in far for role in ("source", "market")
    ]  # fmt: skip
    inputs = [
        {"industry_id": i, "input_id": n, "region_id": n, "share_of_output_value": 0.25,
         "value_cny_per_teu": 5e5, **source}
        for i in industries for n in far if rng.random() < 0.6
    ]  # fmt: skip
    return make_instance(
        instance_id=f"trade{seed}",
        name="trade",
        settings={"year": 2024, "discount_rate": 0.05, "carrying_rate": 0.0},
        tables={
            "places": [
                {"place_id": n, "name": n, "kind": "zone" if n in zones else "origin",
                 "in_china": 1, "latitude_deg": 35 + k, "longitude_deg": 110, **source}
                for k, n in enumerate(nodes)
            ],
            "tariffs": [
                {"tariff_id": "road", "mode": "road", "speed_km_per_hour": 60, **source}
            ],
            "links": links, "projects": projects, "project_effects": effects,
            "bottlenecks": bottlenecks, "transfers": gates, "regions": regions, "inputs": inputs,
            "forms": [{"form_id": "general", "name": "general", **regimes, **source}],
            "factor_prices": [{"factor_region_id": "r", "wage_cny_per_year": 1e5, **source}],
            "industries": [
                {"industry_id": i, "name": i, "output_value_cny_per_teu": 1e6,
                 "workers_per_mcny": 1.5, "host_setup_mcny_per_year": 2.0, **source}
                for i in industries
            ],
            "outputs": [
                {"industry_id": i, "region_id": far[-1], "share": 1.0, **source}
                for i in industries
            ],
            "zones": [
                {"zone_id": z, "zone_kind": "development_zone", "factor_region_id": "r",
                 "open_mcny": 4.0, "open_mcny_per_year": 1.0, **source}
                for z in zones
            ],
            "eligibility": [
                {"zone_id": z, "industry_id": i, "form_id": "general", **source}
                for i, z in home.items()
            ],
            "origins": [
                {"origin_id": o, "name": o, "place_id": n, "form_id": "general", **source}
                for o, n in (("o1", far[0]), ("o2", far[1]))
            ],
            "blocks": [
                {"origin_id": o, "industry_id": i, "may_stay": 0,
                 "volume_mcny_per_year": float(rng.integers(1, 9)), **source}
                for o in ("o1", "o2") for i in industries
            ],
        },
    )  # fmt: skip
