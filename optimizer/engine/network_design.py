"""Siting problems that are network design, solved by the design engine, and back to a plan.

Each block has one place to go, so what is left to decide is which projects open their link and
how the goods flow. The goods of an industry from one place are a commodity.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.engine.accounts import Carried, moved_answer
from optimizer.engine.location import stop_reason
from optimizer.engine.passages import Passages
from optimizer.engine.progress import LinkedEvent, Watch
from optimizer.plan.plan import Plan, Status
from optimizer.problem import MCNY, Problem

if TYPE_CHECKING:
    from optimizer.engine.design.certificate import Certificate, Prices
    from optimizer.engine.design.problem import DesignProblem, DesignResult
    from optimizer.engine.siting import Outcome

Route = tuple[tuple[int, ...], float]  # arcs of the design problem in travel order, TEU a year
_DUST = 1e-9  # of a commodity's demand: less is a solver's rounding
_TRIED = 20  # price vectors of a tree that are tried as prices of the whole problem


@dataclass(frozen=True)
class Commodity:
    """Goods that one zone needs: nodes in the network and TEU a year."""

    cell: int
    line: int
    tail: int
    head: int
    teu: float


@dataclass(frozen=True)
class Design:
    """A design problem and what leads back."""

    design: DesignProblem
    passages: Passages  # what was left out at the ends of routes
    arc: np.ndarray  # arc of the network of each arc
    project: tuple[str, ...]  # of each arc; '' where it is there without a project
    commodities: tuple[Commodity, ...]
    output: dict[tuple[int, int], float]  # by (block, cell), mcny a year


def design_of(problem: Problem) -> Design | str:
    """Return the network design problem in a siting problem, or why it has no solution."""
    from optimizer.engine.design.problem import DesignProblem

    network = problem.network
    output = _outputs(problem)
    commodities = _commodities(problem, output)
    usable = network.available(closed=problem.question.closed, projects="all", services="today")
    free = ~network.needs_project & (np.diff(network.arc_bottleneck_start) == 0)
    ends = [(c.tail, c.head) for c in commodities]
    passages = Passages(network.tail, network.head, usable, free, ends)
    stranded = [c for c in commodities if not passages.joins(c.tail, c.head)]
    if stranded:
        goods = problem.lines[stranded[0].line].key
        return f"goods {goods} have no route to their host, whatever is built"
    arc = passages.arcs
    opener = _openers(problem)
    elements = network.element_id[arc].tolist()
    gated = network.needs_project[arc].tolist()
    project = tuple(opener[e] if g else "" for e, g in zip(elements, gated, strict=True))
    yearly = _yearly(problem)
    design = DesignProblem(
        n_nodes=passages.n_nodes,
        tail=passages.number(network.tail[arc]),
        head=passages.number(network.head[arc]),
        unit_cost=_rates(problem, commodities)[arc] / MCNY,
        capacity=_capacities(problem, arc, math.fsum(c.teu for c in commodities)),
        fixed_cost=np.array([yearly.get(p, 0.0) for p in project]),
        origin=passages.number(np.array([passages.begin(c.tail)[0] for c in commodities])),
        destination=passages.number(np.array([passages.end(c.head)[0] for c in commodities])),
        demand=np.array([c.teu for c in commodities]),
        name=problem.instance.instance_id,
    )
    return Design(design, passages, arc, project, tuple(commodities), output)


def _outputs(problem: Problem) -> dict[tuple[int, int], float]:
    cell_of = {int(i): c for c, i in enumerate(problem.cell_industry)}
    return {
        (b, cell_of[int(industry)]): float(volume)
        for b, (industry, volume) in enumerate(
            zip(problem.block_industry, problem.volume, strict=True)
        )
        if volume > 0
    }


def _commodities(problem: Problem, output: dict[tuple[int, int], float]) -> list[Commodity]:
    """Return the goods that travel; those whose two ends are one node do not."""
    by_cell: dict[int, float] = defaultdict(float)
    for (_, cell), amount in output.items():
        by_cell[cell] += amount
    found = []
    for cell, amount in sorted(by_cell.items()):
        for line, host in problem.cell_commodities[cell]:
            goods = problem.lines[line]
            tail, head = (goods.node, host) if goods.inbound else (host, goods.node)
            if tail != head:
                found.append(Commodity(cell, line, tail, head, goods.teu * amount))
    return found


def _openers(problem: Problem) -> dict[str, str]:
    effects = problem.table("project_effects")
    return dict(zip(effects["element_id"], effects["project_id"], strict=True))


def _yearly(problem: Problem) -> dict[str, float]:
    """Return capital and upkeep of each project, mcny a year."""
    return {
        r.project_id: r.capital_mcny * problem.crf(r.life_years) + r.upkeep_mcny_per_year
        for r in problem.table("projects").itertuples()
    }


def _rates(problem: Problem, commodities: list[Commodity]) -> np.ndarray:
    """Return CNY per TEU on every arc, the same for all goods."""
    profiles = {}
    for commodity in commodities:
        goods = problem.lines[commodity.line].goods
        profile = (goods.tonnes_per_teu, goods.value_cny_per_teu, goods.duty_rate, goods.vat_rate)
        profiles[profile] = goods
    rates = [problem.network.generalised_cost(goods) for goods in profiles.values()]
    if not rates:
        return np.zeros(problem.network.n_arcs)
    if not all(np.array_equal(rate, rates[0]) for rate in rates):
        raise RuntimeError("goods pay different rates, so this is no plain network design problem")
    return rates[0]


def _capacities(problem: Problem, arcs: np.ndarray, total: float) -> np.ndarray:
    """Return TEU a year that each arc can pass; all there is where nothing limits it."""
    rows = problem.table("bottlenecks")
    room = dict(zip(rows["bottleneck_id"], rows["capacity_teu_per_year"], strict=True))
    network = problem.network
    limits = np.full(len(arcs), math.inf)
    for k, a in enumerate(arcs.tolist()):
        start, end = network.arc_bottleneck_start[a : a + 2]
        for number in network.arc_bottleneck[start:end]:
            limits[k] = min(limits[k], room[network.bottleneck_ids[number]])
    return np.where(np.isfinite(limits), limits, total)


# -- solving ----------------------------------------------------------------------------------


def solve_network_design(
    problem: Problem,
    watch: Watch,
    *,
    gap: float,
    threads: int,
    seed: int,
    start: Plan | None = None,
    kept: Mapping[Hashable, float] | None = None,
) -> Outcome:
    """Solve a siting problem that is network design; the outcome is that of any siting solve.

    ``kept`` is what an earlier part of the run kept of its best plan: the answer is no worse, as
    the cheapest flow through its projects is the first plan.
    """
    from optimizer.engine.design.solve import solve_design
    from optimizer.engine.siting import Outcome

    began = watch.seconds
    mapped = design_of(problem)
    if isinstance(mapped, str):
        return Outcome(Status.INFEASIBLE, mapped, notes=problem.notes, solver="design")
    open_zones = _open_zones(problem, mapped.output)
    constant = moved_answer(problem, mapped.output, open_zones).cost_mcny
    constant += math.fsum(_passing_mcny(problem, mapped, c) for c in mapped.commodities)
    mapped_at = watch.seconds

    best: list[tuple[str, ...]] = [()]  # projects of the best plan
    enough = LinkedEvent(watch.cancel)

    def tell(incumbent: float | None, bound: float | None) -> None:
        watch.report(
            "design",
            incumbent + constant if incumbent is not None and math.isfinite(incumbent) else None,
            bound + constant if bound is not None and math.isfinite(bound) else None,
            decisions=lambda: {"open_zones": open_zones, "projects": best[0]},
        )
        if watch.is_closed:  # also by what an earlier part of the run found or proved
            enough.set()

    def keep(cost: float, is_open: np.ndarray) -> None:
        used = dict.fromkeys(p for p, on in zip(mapped.project, is_open, strict=True) if on and p)
        best[0] = tuple(used)
        if watch.checkpoint is not None:
            values: dict[Hashable, float] = {("project", p): 1.0 for p in used}
            watch.checkpoint.save(values or {("project", ""): 1.0}, cost + constant, None)

    built = None if start is None else set(start.projects)
    if kept:
        built = {str(key[1]) for key in kept if isinstance(key, tuple) and key[0] == "project"}
    opened = None
    if built is not None:
        opened = np.array([not p or p in built for p in mapped.project], dtype=bool)
    result = solve_design(
        mapped.design,
        gap=gap,
        time_limit_s=watch.left_s,
        threads=threads,
        seed=seed,
        start=opened,
        on_progress=tell,
        cancel=enough,
        on_incumbent=keep,
    )
    outcome = Outcome(
        status=result.status,
        stop_reason=stop_reason(result.status, watch, "the arcs cannot carry all goods"),
        bound=result.bound + constant,
        root_bound=result.certificate_bound + constant,
        solver=f"design ({result.method})",
        nodes=result.nodes,
        seconds={"build": mapped_at - began, "design": watch.seconds - mapped_at},
        notes=[*problem.notes, f"proof of the bound: {result.proof}"],
    )
    if result.status.has_plan:
        projects, carried = _routed(problem, mapped, result)
        outcome.answer = moved_answer(
            problem, mapped.output, open_zones, projects=projects, carried=carried
        )
        outcome.objective = outcome.measured = outcome.answer.cost_mcny
        if not outcome.settle_bound():
            return outcome
        outcome.certificate = _certificate(problem, mapped, result.certificate, outcome.bound)
    return outcome


def _open_zones(problem: Problem, output: dict[tuple[int, int], float]) -> tuple[str, ...]:
    zones = problem.table("zones")
    serving = {problem.zones[problem.cell_zone[cell]] for _, cell in output}
    required = set(zones.loc[zones["status"] == "required", "zone_id"])
    existing = set(zones.loc[zones["status"] == "existing", "zone_id"])
    required |= set(problem.question.open_zones) - existing
    return tuple(zone for zone in problem.zones if zone in serving | required)


def _passing_mcny(problem: Problem, mapped: Design, commodity: Commodity) -> float:
    """Return what a commodity pays at the ends of its routes, in every plan."""
    arcs = [
        *mapped.passages.begin(commodity.tail)[1],
        *mapped.passages.end(commodity.head)[1],
    ]
    return commodity.teu * problem.route_cost(commodity.line, arcs) if arcs else 0.0


def _routed(
    problem: Problem, mapped: Design, result: DesignResult
) -> tuple[tuple[str, ...], Carried]:
    """Return the projects that the routes use, and the routes with their costs."""
    assert result.flow is not None, "has_plan says so"
    carried = Carried(problem)
    for (_, cell), amount in mapped.output.items():
        carried.local(cell, amount)
    on_arcs: list[dict[int, float]] = [{} for _ in mapped.commodities]
    for k, a, value in zip(
        result.flow.commodity.tolist(),
        result.flow.arc.tolist(),
        result.flow.value.tolist(),
        strict=True,
    ):
        on_arcs[k][a] = on_arcs[k].get(a, 0.0) + value
    used: set[str] = set()
    for commodity, flow, origin, destination in zip(
        mapped.commodities,
        on_arcs,
        mapped.design.origin.tolist(),
        mapped.design.destination.tolist(),
        strict=True,
    ):
        first = mapped.passages.begin(commodity.tail)[1]
        last = mapped.passages.end(commodity.head)[1]
        paths: list[Route] = [((), commodity.teu)]
        if origin != destination:
            paths = _paths(mapped.design, flow, origin, destination, _DUST * commodity.teu)
        total = math.fsum(amount for _, amount in paths)
        for arcs, amount in paths:
            used |= {mapped.project[a] for a in arcs}
            route = (*first, *(int(mapped.arc[a]) for a in arcs), *last)
            carried.add(commodity.cell, commodity.line, amount * commodity.teu / total, route)
    order = problem.table("projects")["project_id"]
    return tuple(p for p in order if p in used), carried


def _paths(
    design: DesignProblem, flow: dict[int, float], origin: int, destination: int, dust: float
) -> list[Route]:
    """Return a flow as paths that visit no node twice; circles in it are dropped."""
    leaving: dict[int, list[int]] = defaultdict(list)
    rest = {a: value for a, value in flow.items() if value > dust}
    for a in rest:
        leaving[int(design.tail[a])].append(a)
    paths: dict[tuple[int, ...], float] = defaultdict(float)
    while True:
        path: list[int] = []
        at, seen = origin, {origin: 0}
        while at != destination:
            choices = [a for a in leaving[at] if rest[a] > dust]
            if not choices:
                break
            path.append(max(choices, key=rest.__getitem__))
            at = int(design.head[path[-1]])
            if at in seen:  # a circle: take it out and go on from where it began
                circle = path[seen[at] :]
                amount = min(rest[a] for a in circle)
                for a in circle:
                    rest[a] -= amount
                del path[seen[at] :]
                seen = {n: k for n, k in seen.items() if k <= seen[at]}
            else:
                seen[at] = len(path)
        if at != destination:
            if not path:
                return list(paths.items())
            rest[path[-1]] = 0.0  # a dead end: rounding of the flow balance
            continue
        amount = min(rest[a] for a in path)
        for a in path:
            rest[a] -= amount
        paths[tuple(path)] += amount


# -- the certificate --------------------------------------------------------------------------


def _certificate(
    problem: Problem, mapped: Design, certificate: Certificate | None, bound: float
) -> dict:
    """Return prices of capacities, gates and blocks (docs/plan.md) from those of the engine.

    Of a tree the best prices that hold without its branching are taken: the rest of the bound
    rests on the tree, which the verifier does not evaluate.
    """
    from optimizer.engine.design.certificate import distances, without_idle

    design = without_idle(mapped.design)
    prices = _best_prices(design, certificate)
    if prices is None:
        return {}
    busy = [
        c
        for c, demand, o, d in zip(
            mapped.commodities,
            mapped.design.demand.tolist(),
            mapped.design.origin.tolist(),
            mapped.design.destination.tolist(),
            strict=True,
        )
        if demand > 0 and o != d
    ]
    elements = problem.network.element_id[mapped.arc].tolist()
    weight = (design.unit_cost + prices.arc.astype(float))[:, None] * design.demand[None, :]
    gates, capacities, pairs = [], [], []
    for a, price in enumerate(prices.arc.tolist()):
        if price > 0 and mapped.project[a]:
            gates.append(["link", elements[a], price])
        elif price > 0:
            capacities += [[b, price] for b in _bottlenecks(problem, int(mapped.arc[a]))]
    for a, k, price in zip(
        prices.pair_arc.tolist(), prices.pair_commodity.tolist(), prices.pair.tolist(), strict=True
    ):
        if price > 0 and mapped.project[a]:
            weight[a, k] += price
            key = problem.lines[busy[k].line].key
            pairs.append(["link", elements[a], key, price / busy[k].teu])
    distance = distances(design, weight)[design.destination, np.arange(design.n_commodities)]
    goods: dict[int, float] = defaultdict(float)  # by cell, mcny a year
    for commodity, least in zip(busy, distance.tolist(), strict=True):
        goods[commodity.cell] += least
    for commodity in mapped.commodities:
        goods[commodity.cell] += _passing_mcny(problem, mapped, commodity)
    return {
        "kind": "lagrangian",
        "block": _block_prices(problem, mapped.output, goods),
        "bottleneck": capacities,
        "gate": gates,
        "gate_goods": pairs,
        "tree_bound": bound,
    }


def _best_prices(design: DesignProblem, certificate: Certificate | None) -> Prices | None:
    """Return the prices that prove most when nothing is branched on."""
    from optimizer.engine.design.certificate import lagrangian_bound

    if certificate is None:
        return None
    candidates = [*certificate.prices[:_TRIED], *(p for p, _ in certificate.fixing[:_TRIED])]
    low, high = np.zeros(design.n_arcs), np.ones(design.n_arcs)
    return max(candidates, key=lambda p: lagrangian_bound(design, p, low, high)[0], default=None)


def _bottlenecks(problem: Problem, arc: int) -> list[str]:
    """Return the bottleneck of an arc, if its capacity is finite (nothing else has a price)."""
    network = problem.network
    start, end = network.arc_bottleneck_start[arc : arc + 2]
    rows = problem.table("bottlenecks")
    limited = rows.loc[np.isfinite(rows["capacity_teu_per_year"].to_numpy(float)), "bottleneck_id"]
    named = {network.bottleneck_ids[b] for b in network.arc_bottleneck[start:end]}
    return sorted(named & set(limited))


def _block_prices(
    problem: Problem, output: dict[tuple[int, int], float], goods: dict[int, float]
) -> list[list[object]]:
    """Return what a block costs at these prices where it must go, lumps included, mcny per mcny.

    At such a price it is worth hosting, so that the cost of hosting counts in the bound.
    """
    by_cell: dict[int, float] = defaultdict(float)
    for (_, cell), amount in output.items():
        by_cell[cell] += amount
    zones, industries = problem.table("zones"), problem.table("industries")
    recovery = np.array([problem.crf(years) for years in zones["open_life_years"]])
    opening = zones["open_mcny"].to_numpy() * recovery + zones["open_mcny_per_year"].to_numpy()
    setup = industries["host_setup_mcny_per_year"].to_numpy()
    unit = sum(problem.cell_parts.values(), np.zeros(problem.n_cells))
    moves = problem.instance.move_costs()
    prices = []
    for (block, cell), amount in output.items():
        zone, industry = int(problem.cell_zone[cell]), int(problem.cell_industry[cell])
        price = unit[cell] + moves[block, zone] / MCNY + goods[cell] / by_cell[cell]
        price += (opening[zone] + setup[industry]) / amount
        price += 1e-9 * abs(price)
        prices.append([problem.block_origin[block], problem.industries[industry], float(price)])
    return prices
