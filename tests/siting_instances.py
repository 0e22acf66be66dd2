"""Random small siting instances with everything in them, and an independent formulation of them.

`direct_optimum` is the textbook model: one flow variable per goods and arc, one output variable per
block, cell; every capacity row there from the start. It shares nothing with the
engine but the expanded network, and is solved by SciPy's HiGHS.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from instances import Instance, make_instance
from networks.geo import zone_hours
from networks.network import build_network

SOURCE = {"source": "made for a test", "grade": "assumed"}


def random_instance(seed: int, *, plain: bool = False) -> Instance:
    """A random instance; ``plain``: nothing shared binds and nothing is integer but the siting."""
    rng = np.random.default_rng(seed)
    zones = [f"z{k}" for k in range(int(rng.integers(2, 4)))]
    industries = [f"i{k}" for k in range(int(rng.integers(1, 3)))]
    origins = [f"o{k}" for k in range(int(rng.integers(1, 3)))]

    def number(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 2)

    places = [
        _place("port", "sea_port"),
        _place("dry", "dry_port"),
        _place("market", "market", in_china=0),
    ]
    places += [
        _place("supplier", "supplier", in_china=0),
        _place("home", "supplier"),
        _place("rival", "rival"),
    ]
    places += [_place(o, "origin") for o in origins]
    places += [
        _place(z, "zone", latitude_deg=35 + k * number(0.2, 1.5)) for k, z in enumerate(zones)
    ]
    links = [
        _link("rail", "dry", "port", "rail", 500, bottleneck_id="line"),
        _link("sea", "port", "market", "sea", 9000),
        _link("sea2", "port", "supplier", "sea", 2000),
        _link("home-road", "home", "dry", "road", 300),
        _link("rival-road", "rival", "port", "road", number(50, 600)),
        _link(
            "bypass",
            "dry",
            "port",
            "rail",
            300,
            needs_project=0 if plain else 1,
            cost_factor=number(0.2, 0.9),
        ),
        _link(
            "train",
            "dry",
            "market",
            "block_train",
            8000,
            service_id="train",
            cost_factor=number(0.3, 1.2),
        ),
    ]
    links += [_link(f"road-{o}", o, "port", "road", number(20, 200)) for o in origins]
    for z in zones:
        links.append(_link(f"road-{z}", z, "dry", "road", number(20, 200)))
        links.append(_link(f"long-{z}", z, "port", "road", number(500, 900)))
    transfers = [
        _row(
            transfer_id="t1",
            place_id="dry",
            from_mode="road",
            to_mode="rail",
            cost_cny_per_teu=100.0,
            bottleneck_id="terminal",
        ),
        _row(
            transfer_id="t2",
            place_id="dry",
            from_mode="road",
            to_mode="block_train",
            cost_cny_per_teu=200.0,
        ),
        _row(
            transfer_id="t3",
            place_id="port",
            from_mode="rail",
            to_mode="sea",
            cost_cny_per_teu=300.0,
        ),
        _row(
            transfer_id="t4",
            place_id="port",
            from_mode="road",
            to_mode="sea",
            cost_cny_per_teu=350.0,
        ),
        _row(transfer_id="g1", place_id="market", from_mode="sea", to_mode="gate"),
        _row(transfer_id="g2", place_id="market", from_mode="block_train", to_mode="gate"),
        _row(transfer_id="g3", place_id="supplier", from_mode="sea", to_mode="gate"),
    ]
    for p in ["home", "rival", *origins, *zones]:
        transfers.append(_row(transfer_id=f"g-{p}", place_id=p, from_mode="road", to_mode="gate"))
    customs = [
        _customs("c1", "port", "foreign", "domestic", duty_share=1.0, vat_days=30.0),
        _customs("c2", "port", "foreign", "bonded"),
        _customs("c3", "port", "domestic", "export_cleared"),
        _customs("c4", "port", "export_cleared", "foreign", cost_cny_per_teu=0.0),
        _customs("c5", "dry", "domestic", "export_cleared", cost_cny_per_teu=50.0),
        _customs("c6", "dry", "export_cleared", "foreign", cost_cny_per_teu=10.0),
        _customs("c7", "dry", "foreign", "bonded"),
    ]
    industry_rows, input_rows, output_rows = [], [], []
    for i in industries:
        industry_rows.append(
            _row(
                industry_id=i,
                name=i,
                cluster_id="all" if rng.random() < 0.7 else "",
                output_value_cny_per_teu=number(2e5, 2e6),
                output_tonnes_per_teu=number(5, 15),
                workers_per_mcny=number(0.3, 2.0),
                floor_m2_per_mcny=number(10, 60),
                relocation_cny_per_mcny=number(1e4, 8e4),
                host_setup_mcny_per_year=number(0, 2),
                min_scale_mcny_per_year=0.0 if plain else number(0, 25),
                refund_rate=0.09,
                output_duty_rate=0.03,
            )
        )
        input_rows += [
            _row(
                industry_id=i,
                input_id="parts",
                region_id="abroad",
                share_of_output_value=number(0.1, 0.4),
                tonnes_per_teu=8.0,
                value_cny_per_teu=number(1e5, 9e5),
                duty_rate=0.05,
            ),
            _row(
                industry_id=i,
                input_id="metal",
                region_id="china",
                share_of_output_value=number(0.05, 0.3),
                tonnes_per_teu=18.0,
                value_cny_per_teu=number(5e4, 3e5),
            ),
        ]
        share = number(0.3, 1.0)
        output_rows += [
            _row(industry_id=i, region_id="world", share=share),
            _row(industry_id=i, region_id="near", share=1 - share),
        ]
    volumes = {(o, i): number(10, 60) for o in origins for i in industries}
    blocks = [
        _row(
            origin_id=o,
            industry_id=i,
            volume_mcny_per_year=v,
            wage_cny_per_year=number(7e4, 1.6e5),
            rent_cny_per_m2_year=number(100, 900),
            whole=0 if plain else int(rng.random() < 0.3),
            may_stay=1,
        )
        for (o, i), v in volumes.items()
    ]
    tables: dict[str, Any] = {
        "places": places,
        "links": links,
        "transfers": transfers,
        "customs": customs,
        "tariffs": [
            _row(
                tariff_id=mode,
                mode=mode,
                rate_cny_per_teu_km=rate,
                speed_km_per_hour=speed,
                co2e_kg_per_tonne_km=0.02,
            )
            for mode, rate, speed in (
                ("road", 6.0, 60.0),
                ("rail", 3.0, 30.0),
                ("sea", 0.6, 25.0),
                ("block_train", 2.0, 40.0),
            )
        ],
        "services": [
            _row(
                service_id="train",
                name="train",
                departures_per_week=2.0,
                min_load_teu_per_year=0.0 if plain else number(0, 40),
                capacity_teu_per_year=1e5 if plain else number(40, 120),
                fixed_mcny_per_year=number(0, 0.05),
                runs_today=int(plain or rng.random() < 0.3),
            ),
        ],
        "bottlenecks": [
            _row(
                bottleneck_id="line",
                name="line",
                kind="line",
                capacity_teu_per_year=1e6 if plain else number(10, 120),
            ),
            _row(
                bottleneck_id="terminal",
                name="terminal",
                kind="terminal",
                capacity_teu_per_year=1e6 if plain else number(10, 150),
            ),
        ],
        "forms": [
            _form("general", "domestic", vat_loss_share=1.0),
            _form(
                "handbook",
                "bonded",
                admin_share_of_output=0.001,
                sale_duty_share=1.0,
                vat_refund_days=30.0,
            ),
        ],
        "factors": [
            _row(factor_id="floor", name="floor", unit_name="m2"),
            _row(factor_id="labour", name="labour", unit_name="persons"),
        ],
        "industries": industry_rows,
        "inputs": input_rows,
        "outputs": output_rows,
        "industry_factors": [
            _row(industry_id=r["industry_id"], factor_id=f, use_per_mcny=r[c])
            for r in industry_rows
            for f, c in (("floor", "floor_m2_per_mcny"), ("labour", "workers_per_mcny"))
        ],
        "regions": [
            _row(region_id="abroad", role="source", place_id="supplier", share=1.0),
            _row(region_id="china", role="source", place_id="home", share=1.0),
            _row(region_id="world", role="market", place_id="market", share=1.0),
            _row(region_id="near", role="market", place_id="home", share=1.0),
        ],
        "factor_prices": [
            _row(
                factor_region_id="here",
                wage_cny_per_year=number(4e4, 7e4),
                relocation_subsidy_share=number(0, 0.3),
            ),
            _row(
                factor_region_id="there",
                wage_cny_per_year=number(5e4, 9e4),
                rent_cny_per_m2_year=number(50, 300),
            ),
        ],
        "zones": [
            _row(
                zone_id=z,
                zone_kind="development_zone",
                prefecture_id="p",
                factor_region_id="here",
                open_mcny=number(0, 30),
                open_life_years=20.0,
            )
            for z in zones
        ],
        "eligibility": [
            _row(zone_id=z, industry_id=i, form_id="general;handbook")
            for z in zones
            for i in industries
        ],
        "rivals": [
            _row(
                rival_id="rival",
                factor_region_id="there",
                form_id="general",
                capacity_mcny_per_year=number(5, 60),
                max_share_of_block=number(0.2, 1.0),
            )
        ],
        "origins": [_row(origin_id=o, name=o, place_id=o, form_id="handbook") for o in origins],
        "blocks": blocks,
        "pools": [
            *(
                _row(
                    pool_id=f"floor-{z}",
                    factor_id="floor",
                    name="floor",
                    endowment=number(0, 300),
                    increment_max=number(0, 1500),
                    increment_cny_per_unit_year=number(50, 200),
                )
                for z in zones
            ),
            _row(pool_id="labour", factor_id="labour", name="labour", endowment=number(20, 160)),
        ],
        "pool_members": [
            *({"pool_id": f"floor-{z}", "zone_id": z} for z in zones),
            *({"pool_id": "labour", "zone_id": z} for z in zones),
        ],
        "modules": [
            _row(
                module_id=f"block-{z}",
                name="block",
                zone_id=z,
                max_count=0.0 if plain else float(rng.integers(0, 4)),
                pool_id=f"floor-{z}",
                adds_per_module=number(200, 800),
                capital_mcny=number(0.3, 2),
                life_years=20.0,
            )
            for z in zones
        ],
        "projects": [
            _row(project_id="bypass", name="bypass", kind="link", capital_mcny=number(0.1, 3))
        ],
        "project_effects": [
            _row(
                project_id="bypass",
                effect="opens_link" if not plain else "adds_bottleneck_teu",
                element_id="bypass" if not plain else "line",
                amount=0.0 if not plain else 1.0,
            ),
            _row(
                project_id="bypass",
                effect="adds_bottleneck_teu",
                element_id="terminal",
                amount=number(0, 50),
            ),
        ],
    }
    if not plain and any(r["cluster_id"] for r in industry_rows):
        volume = sum(volumes.values())
        low = number(0, 6)
        tables["agglomeration"] = [
            _row(
                cluster_id="all", point=0, volume_mcny_per_year=0.0, cost_change_mcny_per_year=0.0
            ),
            _row(
                cluster_id="all",
                point=1,
                volume_mcny_per_year=round(volume / 3, 3),
                cost_change_mcny_per_year=-low,
            ),
            _row(
                cluster_id="all",
                point=2,
                volume_mcny_per_year=round(volume / 1.5, 3),
                cost_change_mcny_per_year=-low - number(0, 6),
            ),
            _row(
                cluster_id="all",
                point=3,
                volume_mcny_per_year=round(volume + 1, 3),
                cost_change_mcny_per_year=number(-5, 5),
            ),
        ]
    if not plain:
        if len(industries) == 2 and rng.random() < 0.5:
            tables["chains"] = [
                _row(
                    chain_id="c",
                    leader_industry_id="i0",
                    follower_industry_id="i1",
                    max_hours=number(1, 4),
                )
            ]
        if rng.random() < 0.5:
            tables["rules"] = [
                _row(rule_id="most", kind="max_zones", value=1.0, text="at most one zone")
            ]
    if not plain and rng.random() < 0.6:
        tables["moves"] = [
            _row(origin_id=o, industry_id=i, zone_id=z, cost_cny_per_mcny_year=number(-30000, 5000))
            for (o, i) in volumes
            for z in zones
            if rng.random() < 0.4
        ]
    settings = {
        "year": 2024,
        "discount_rate": 0.08,
        "carrying_rate": 0.15,
        "service_factor": 1.0,
        "emission_cny_per_tonne": 90.0,
        "deferred_interest_rate": 0.02,
    }
    return make_instance(
        instance_id=f"random-{seed}", name=f"random {seed}", settings=settings, tables=tables
    )


def _row(**cells: Any) -> dict[str, Any]:
    return cells | SOURCE


def _place(place_id: str, kind: str, **more: Any) -> dict[str, Any]:
    row = {
        "place_id": place_id,
        "name": place_id,
        "kind": kind,
        "in_china": 1,
        "latitude_deg": 36.0,
        "longitude_deg": 112.0,
    }
    return row | more | SOURCE


def _link(link_id: str, tail: str, head: str, mode: str, km: float, **more: Any) -> dict[str, Any]:
    return (
        {
            "link_id": link_id,
            "tail_place_id": tail,
            "head_place_id": head,
            "mode": mode,
            "km": km,
            "tariff_id": mode,
        }
        | more
        | SOURCE
    )


def _customs(
    customs_id: str, place: str, from_regime: str, to_regime: str, **more: Any
) -> dict[str, Any]:
    row = {
        "customs_id": customs_id,
        "place_id": place,
        "from_regime": from_regime,
        "to_regime": to_regime,
        "cost_cny_per_teu": 100.0,
    }
    return row | more | SOURCE


def _form(form_id: str, import_regime: str, **more: Any) -> dict[str, Any]:
    row = {
        "form_id": form_id,
        "name": form_id,
        "import_regime": import_regime,
        "home_regime": "domestic",
    }
    return row | {"export_regime": "domestic", "sale_regime": "domestic"} | more | SOURCE


# ---------------------------------------------------------------------------------------------
# the direct formulation
# ---------------------------------------------------------------------------------------------


class _Milp:
    def __init__(self) -> None:
        self.cost: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []
        self.amounts: dict[str, dict[int, float]] = defaultdict(dict)  # measure -> by column

    def col(
        self,
        cost: float,
        low: float = 0.0,
        high: float = np.inf,
        whole: int = 0,
        **amounts: float,
    ) -> int:
        for measure, amount in ({"cost": cost} | amounts).items():
            self.amounts[measure][len(self.cost)] = float(amount)
        self.cost.append(cost)
        self.low.append(low)
        self.high.append(high)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, terms: dict[int, float], low: float = -np.inf, high: float = np.inf) -> None:
        self.rows.append((terms, low, high))

    def solve(self) -> float | None:
        i = [r for r, (terms, _, _) in enumerate(self.rows) for _ in terms]
        j = [c for terms, _, _ in self.rows for c in terms]
        v = [x for terms, _, _ in self.rows for x in terms.values()]
        matrix = csr_array((v, (i, j)), shape=(len(self.rows), len(self.cost)))
        result = milp(
            np.array(self.cost),
            integrality=np.array(self.whole),
            bounds=Bounds(self.low, self.high),
            constraints=LinearConstraint(
                matrix, [r[1] for r in self.rows], [r[2] for r in self.rows]
            ),
            options={"mip_rel_gap": 1e-9, "time_limit": 60},
        )
        return float(result.fun) if result.x is not None and result.status == 0 else None


def direct_optimum(
    instance: Instance, *, target_mcny: float = 0.0, question: Any = None
) -> float | None:
    """Optimum of a question by the direct formulation; None when it is infeasible.

    Of the question the objective, ``least``, ``most``, ``limits``, ``differ`` and the cost limit
    are read. Goods of rivals and of what stays may take any mix of today's routes.
    """
    from optimizer.plan.plan import MAXIMISED, Question
    from optimizer.problem import build_problem

    network = build_network(instance)
    p = build_problem(instance, network, Question(target_mcny=target_mcny))
    asked = question or Question()
    mask = network.available(projects="all", services="all")
    arcs = np.flatnonzero(mask)
    t = {name: list(frame.itertuples()) for name, frame in instance.tables.items()}
    m = _Milp()
    rate = instance.settings.discount_rate

    def crf(years: float) -> float:
        return rate / (1 - (1 + rate) ** -years)

    def public(price: float, *bounds: float) -> int:
        return m.col(price, *bounds, outlay=price)  # type: ignore[arg-type]

    project = {
        r.project_id: public(r.capital_mcny * crf(r.life_years) + r.upkeep_mcny_per_year, 0, 1, 1)
        for r in t["projects"]
    }
    service = {
        r.service_id: public(r.fixed_mcny_per_year, 0, 1, 1)
        for r in t["services"]
        if r.runs_today == 0
    }
    opened = {
        z: public(r.open_mcny * crf(r.open_life_years) + r.open_mcny_per_year, 0, 1, 1)
        for z, r in enumerate(t["zones"])
    }
    load: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)  # resource -> terms
    out: dict[int, list[int]] = defaultdict(list)
    x: dict[tuple[int, int], int] = {}
    moves = {(r.origin_id, r.industry_id, r.zone_id): r.cost_cny_per_mcny_year for r in t["moves"]}
    for b in range(len(p.volume)):
        for c in range(p.n_cells):
            if p.cell_industry[c] == p.block_industry[b]:
                key = (p.block_origin[b], p.industries[p.cell_industry[c]], p.zones[p.cell_zone[c]])
                move = moves.get(key, 0.0) / 1e6
                industry = t["industries"][p.cell_industry[c]]
                x[b, c] = m.col(
                    sum(part[c] for part in p.cell_parts.values()) + move,
                    absorbed=1.0,
                    jobs=industry.workers_per_mcny,
                    outlay=-p.cell_parts["subsidy"][c],
                )
                out[c].append(x[b, c])
    elements = {
        (row, e.element_id): e.project_id
        for e in t["project_effects"]
        for row in ("links",)
        if e.effect == "opens_link"
    }
    for c in range(p.n_cells):
        for k in p.lines_of[p.cell_industry[c]]:
            line = p.lines[k]
            node = p.host_node(line, p.zones[p.cell_zone[c]], p.forms[p.cell_form[c]])
            weight = network.generalised_cost(line.goods) / 1e6
            start, end = (line.node, node) if line.inbound else (node, line.node)
            balance: dict[int, dict[int, float]] = defaultdict(dict)
            for a in arcs:
                f = m.col(
                    float(weight[a]),
                    hours=network.hours[a],
                    co2e=network.co2e_kg(line.goods)[a] / 1000,
                    outlay=network.subsidy_cny_per_teu[a] / 1e6,
                )
                balance[int(network.head[a])][f] = 1.0
                balance[int(network.tail[a])][f] = -1.0
                for q in network.arc_bottleneck[
                    network.arc_bottleneck_start[a] : network.arc_bottleneck_start[a + 1]
                ]:
                    load["bottleneck", int(q)][f] = 1.0
                if network.arc_service[a] >= 0:
                    load["service", int(network.arc_service[a])][f] = 1.0
                if network.needs_project[a]:
                    built = project[elements["links", str(network.element_id[a])]]
                    m.row({f: 1.0, built: -1e4}, high=0.0)
            for n in set(balance) | {start, end}:
                terms = dict(balance[n])
                for column in out[c]:
                    terms[column] = line.teu * ((n == start) - (n == end))
                m.row(terms, 0.0, 0.0)
    for q, r in enumerate(t["bottlenecks"]):
        terms = dict(load["bottleneck", q])
        for e in t["project_effects"]:
            if e.effect == "adds_bottleneck_teu" and e.element_id == r.bottleneck_id:
                terms[project[e.project_id]] = terms.get(project[e.project_id], 0.0) - e.amount
        m.row(terms, high=r.capacity_teu_per_year)
    for s, r in enumerate(t["services"]):
        terms = dict(load["service", s])
        if r.service_id in service:
            m.row(terms | {service[r.service_id]: -r.capacity_teu_per_year}, high=0.0)
            m.row(terms | {service[r.service_id]: -r.min_load_teu_per_year}, low=0.0)
        else:
            m.row(terms, high=r.capacity_teu_per_year)
    host: dict[tuple[int, int], int] = {}
    for i, row in enumerate(t["industries"]):
        for z in range(len(p.zones)):
            cells = [c for c in range(p.n_cells) if p.cell_zone[c] == z and p.cell_industry[c] == i]
            if not cells:
                continue
            h = host[z, i] = m.col(row.host_setup_mcny_per_year, 0, 1, 1)
            m.row({h: 1.0, opened[z]: -1.0}, high=0.0)
            total = {column: 1.0 for c in cells for column in out[c]}
            m.row(total | {h: -row.min_scale_mcny_per_year}, low=0.0)
            for b in np.flatnonzero(p.block_industry == i):
                m.row({x[b, c]: 1.0 for c in cells} | {h: -float(p.volume[b])}, high=0.0)
    rival: dict[int, int] = {}
    for b, volume in enumerate(p.volume):
        industry = int(p.block_industry[b])
        origin = next(r for r in t["origins"] if r.origin_id == p.block_origin[b])
        stay = m.col(sum(part[b] for part in p.stay_parts.values()))
        _away(m, p, industry, origin.place_id, origin.form_id, stay)
        terms = {stay: 1.0} | {x[b, c]: 1.0 for c in range(p.n_cells) if (b, c) in x}
        for r in t["rivals"]:
            cost = sum(part[0, industry] for part in p.rival_parts.values())
            rival[b] = m.col(cost, high=r.max_share_of_block * volume)
            _away(m, p, industry, r.rival_id, r.form_id, rival[b])
            terms[rival[b]] = 1.0
        m.row(terms, volume, volume)
        if p.whole[b]:
            choices = {}
            for z in range(len(p.zones)):
                w = m.col(0.0, 0, 1, 1)
                choices[w] = 1.0
                m.row(
                    {x[b, c]: 1.0 for c in range(p.n_cells) if (b, c) in x and p.cell_zone[c] == z}
                    | {w: -volume},
                    0.0,
                    0.0,
                )
            for column in (stay, rival.get(b)):
                if column is not None:
                    w = m.col(0.0, 0, 1, 1)
                    choices[w] = 1.0
                    m.row({column: 1.0, w: -volume}, 0.0, 0.0)
            m.row(choices, 1.0, 1.0)
    for r in t["rivals"]:
        m.row({column: 1.0 for column in rival.values()}, high=r.capacity_mcny_per_year)
    use = {(r.industry_id, r.factor_id): r.use_per_mcny for r in t["industry_factors"]}
    bought: dict[str, int] = {}
    modules_built: dict[str, int] = {}
    for pool in t["pools"]:
        members = {r.zone_id for r in t["pool_members"] if r.pool_id == pool.pool_id}
        terms = {
            column: use[p.industries[p.cell_industry[c]], pool.factor_id]
            for c in range(p.n_cells)
            if p.zones[p.cell_zone[c]] in members
            for column in out[c]
        }
        price = pool.increment_cny_per_unit_year / 1e6
        bought[pool.pool_id] = public(price, 0.0, pool.increment_max)
        terms[bought[pool.pool_id]] = -1.0
        for r in t["modules"]:
            if r.pool_id == pool.pool_id:
                modules_built[r.module_id] = public(
                    r.capital_mcny * crf(r.life_years), 0, r.max_count, 1
                )
                terms[modules_built[r.module_id]] = -r.adds_per_module
        m.row(terms, high=pool.endowment)
    if t["agglomeration"]:
        clustered = {k for k, r in enumerate(t["industries"]) if r.cluster_id == "all"}
        points = sorted(
            (r.volume_mcny_per_year, r.cost_change_mcny_per_year) for r in t["agglomeration"]
        )
        for z in range(len(p.zones)):
            weights = [m.col(change) for _, change in points]
            steps = [m.col(0.0, 0, 1, 1) for _ in points[1:]]
            total = {
                column: 1.0
                for c in range(p.n_cells)
                if p.cell_zone[c] == z and p.cell_industry[c] in clustered
                for column in out[c]
            }
            m.row(total | {w: -v for w, (v, _) in zip(weights, points, strict=True)}, 0.0, 0.0)
            m.row(dict.fromkeys(weights, 1.0), 1.0, 1.0)
            m.row(dict.fromkeys(steps, 1.0), 1.0, 1.0)
            for n, w in enumerate(weights):
                m.row(
                    {w: 1.0} | {steps[s]: -1.0 for s in (n - 1, n) if 0 <= s < len(steps)}, high=0.0
                )
    for r in t["chains"]:
        near = zone_hours(instance).to_numpy() <= r.max_hours
        for z in range(len(p.zones)):
            if (z, 1) in host:
                m.row(
                    {host[z, 1]: 1.0}
                    | {
                        host[y, 0]: -1.0
                        for y in range(len(p.zones))
                        if near[z, y] and (y, 0) in host
                    },
                    high=0.0,
                )
    for r in t["rules"]:
        m.row(dict.fromkeys(opened.values(), 1.0), high=r.value)
    if target_mcny:
        m.row({column: 1.0 for columns in out.values() for column in columns}, low=target_mcny)
    decided: dict[tuple[str, str], int] = {("zone", p.zones[z]): c for z, c in opened.items()}
    for (z, i), c in host.items():
        decided["host", f"{p.zones[z]}/{p.industries[i]}"] = c
    for kind, columns in (
        ("module", modules_built),
        ("project", project),
        ("service", service),
        ("increment", bought),
    ):
        decided |= {(kind, name): c for name, c in columns.items()}
    for kind, name, count in asked.least:
        m.row({decided[kind, name]: 1.0}, low=count)
    for kind, name, count in asked.most:
        m.row({decided[kind, name]: 1.0}, high=count)
    limits = list(asked.limits)
    if asked.cost_limit_mcny is not None:
        limits.append(("cost", asked.cost_limit_mcny))
    for measure, value in limits:
        side = {"low": value} if measure in MAXIMISED else {"high": value}
        m.row(dict(m.amounts[measure]), **side)
    for others, least in asked.differ:
        signs = {c: -1.0 if p.zones[z] in others else 1.0 for z, c in opened.items()}
        m.row(signs, low=least - sum(s < 0 for s in signs.values()))
        for z, c in opened.items():
            m.row({h: 1.0 for (y, _), h in host.items() if y == z} | {c: -1.0}, low=0.0)
    for measure, price in asked.weights:
        price *= -1.0 if measure in MAXIMISED else 1.0
        for c, amount in m.amounts[measure].items():
            m.cost[c] += price * amount
    if asked.objective != "cost":
        sign = -1.0 if asked.objective in MAXIMISED else 1.0
        m.cost = [sign * m.amounts[asked.objective].get(c, 0.0) for c in range(len(m.cost))]
        best = m.solve()
        return None if best is None else sign * best
    return m.solve()


def _away(m: _Milp, p: Any, industry: int, place: str, form: str, output: int) -> None:
    """Flows of the goods of a host that is no zone, over the arcs of today."""
    network = p.network
    for k in p.lines_of[industry]:
        line = p.lines[k]
        node = p.host_node(line, place, form)
        weight = network.generalised_cost(line.goods) / 1e6
        start, end = (line.node, node) if line.inbound else (node, line.node)
        balance: dict[int, dict[int, float]] = defaultdict(dict)
        for a in np.flatnonzero(network.available()):
            f = m.col(
                float(weight[a]),
                hours=network.hours[a],
                co2e=network.co2e_kg(line.goods)[a] / 1000,
            )
            balance[int(network.head[a])][f] = 1.0
            balance[int(network.tail[a])][f] = -1.0
        for n in set(balance) | {start, end}:
            m.row(balance[n] | {output: line.teu * ((n == start) - (n == end))}, 0.0, 0.0)
