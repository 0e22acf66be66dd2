"""From column values back to a plan: moves, flows with their arcs, and the accounts.

The accounts are computed here from the problem's numbers; `optimizer.plan.verify` recomputes them
from the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from networks.network import Network
from optimizer.model.base import Commodity, SitingModel, base_path
from optimizer.model.hosting import zone_cost
from optimizer.plan.plan import AccountLine, Flow, Move
from optimizer.problem import MCNY, Problem

DUST = 1e-7  # mcny or TEU a year (ten fen of output): less is a solver's rounding, not a decision
OFF = 1e-5  # mcny a year: by so much a solver lets output exceed a host that is not chosen


@dataclass(frozen=True)
class Answer:
    """The decisions of a plan and what they cost; the plan adds bound, status and certificate."""

    open_zones: tuple[str, ...]
    hosts: tuple[tuple[str, str], ...]
    moves: tuple[Move, ...]
    stays: tuple[tuple[str, str, float], ...]
    rivals: tuple[tuple[str, str, str, float], ...]
    modules: tuple[tuple[str, int], ...]
    increments: tuple[tuple[str, float], ...]
    projects: tuple[str, ...]
    services: tuple[str, ...]
    flows: tuple[Flow, ...]
    accounts: tuple[AccountLine, ...]
    cost_mcny: float


def read_answer(m: SitingModel, x: np.ndarray) -> Answer:
    """Return the decisions that column values ``x`` stand for, with exact volumes and accounts."""
    problem = m.problem
    value = {key: float(x[column]) for key, column in m.lp.col.items()}
    per_cell, moved = _outputs(m, value)
    moves = _moves(m, per_cell)
    rivals, stays = _elsewhere(problem, value, moved)
    flows, accounts = _flows(m, value, per_cell, rivals, stays)
    chosen = {kind: _chosen(value, kind) for kind in ("open", "host", "project", "service")}
    modules = tuple((k[1], round(v)) for k, v in value.items() if k[0] == "module" and round(v) > 0)
    increments = _increments(m, per_cell, dict(modules), {k[1] for k in chosen["project"]})
    answer_parts = dict(
        open_zones=_open_zones(problem, chosen["open"], per_cell),
        hosts=tuple((problem.zones[k[1]], problem.industries[k[2]]) for k in chosen["host"]),
        moves=moves,
        stays=stays,
        rivals=rivals,
        modules=modules,
        increments=increments,
        projects=tuple(k[1] for k in chosen["project"]),
        services=tuple(k[1] for k in chosen["service"]),
        flows=flows,
    )
    lines = [
        *accounts,
        *_production(problem, per_cell, rivals, stays),
        *_lumps(m, answer_parts, per_cell),
    ]
    lines = [line for line in lines if line.mcny != 0]
    cost = float(np.sum([line.mcny for line in lines], dtype=np.longdouble))
    return Answer(accounts=tuple(lines), cost_mcny=cost, **answer_parts)


def _chosen(value: Mapping[tuple, float], kind: str) -> list[tuple]:
    return [key for key, v in value.items() if key[0] == kind and v > 0.5]


def _open_zones(
    problem: Problem, chosen: list[tuple], per_cell: Mapping[tuple[int, int], float]
) -> tuple[str, ...]:
    """Zones that receive transfer; existing zones are open anyway and count if something comes."""
    busy = {int(problem.cell_zone[cell]) for _, cell in per_cell}
    status = list(problem.table("zones")["status"])
    return tuple(problem.zones[k] for _, k in chosen if status[k] != "existing" or k in busy)


def _outputs(
    m: SitingModel, value: Mapping[tuple, float]
) -> tuple[dict[tuple[int, int], float], dict[int, float]]:
    """Output of every (block, cell), and of every block in all.

    Separable blocks share cells; any split of the shared output that respects both sums is a plan
    of the same cost, so the blocks fill the cells in order.
    """
    problem = m.problem
    per_cell: dict[tuple[int, int], float] = {}
    moved: dict[int, float] = defaultdict(float)
    least = _least_output(m, value)
    for key, v in value.items():
        if key[0] == "x" and v > least.get(key[2], DUST):
            volume = float(problem.volume[key[1]])
            v = volume if abs(v - volume) <= 1e-7 * volume else v
            per_cell[key[1], key[2]] = v
            moved[key[1]] += v
    for industry in range(len(problem.industries)):
        cells = [
            (c, value["out", c])
            for (_, i), group in m.cells_of.items()
            if i == industry
            for c in group
            if value.get(("out", c), 0.0) > least.get(c, DUST)
        ]
        blocks = [
            (b, min(value["moved", b], float(problem.volume[b])))
            for b in np.flatnonzero(problem.block_industry == industry).tolist()
            if value.get(("moved", b), 0.0) > DUST
        ]
        total_in, total_out = sum(v for _, v in cells), sum(v for _, v in blocks)
        if not cells or not blocks:
            continue
        scale = total_out / total_in  # equal but for the solver's feasibility tolerance
        for block, cell, amount in _fill(blocks, [(c, v * scale) for c, v in cells]):
            per_cell[block, cell] = per_cell.get((block, cell), 0.0) + amount
            moved[block] += amount
    return per_cell, moved


def _least_output(m: SitingModel, value: Mapping[tuple, float]) -> dict[int, float]:
    """What output counts in the cells of hosts that are not chosen: more than a row may be off."""
    return {
        cell: OFF
        for (zone, industry), group in m.cells_of.items()
        if ("host", zone, industry) in m.lp.col and value["host", zone, industry] < 0.5
        for cell in group
    }


def _fill(
    left: list[tuple[int, float]], right: list[tuple[int, float]]
) -> Iterable[tuple[int, int, float]]:
    """Match two lists of amounts with equal totals in order (the north-west corner rule)."""
    a, b = 0, 0
    rest_a, rest_b = left[0][1], right[0][1]
    while True:
        amount = min(rest_a, rest_b)
        if amount > 0:
            yield int(left[a][0]), int(right[b][0]), amount
        rest_a, rest_b = rest_a - amount, rest_b - amount
        if rest_a <= DUST * 1e-3:
            a += 1
            if a == len(left):
                return
            rest_a = left[a][1]
        if rest_b <= DUST * 1e-3:
            b += 1
            if b == len(right):
                return
            rest_b = right[b][1]


def _moves(m: SitingModel, per_cell: Mapping[tuple[int, int], float]) -> tuple[Move, ...]:
    problem = m.problem
    return tuple(
        Move(
            problem.block_origin[block],
            problem.industries[problem.cell_industry[cell]],
            problem.zones[problem.cell_zone[cell]],
            problem.forms[problem.cell_form[cell]],
            amount,
        )
        for (block, cell), amount in sorted(per_cell.items())
    )


def _elsewhere(
    problem: Problem, value: Mapping[tuple, float], moved: Mapping[int, float]
) -> tuple[tuple, tuple]:
    """Volumes that rivals take and that stay; each block's three parts add up to it exactly."""
    rivals, stays = [], []
    for block, origin in enumerate(problem.block_origin):
        industry = problem.industries[problem.block_industry[block]]
        rest = float(problem.volume[block]) - moved.get(block, 0.0)
        taken = [(r, value.get(("rival", block, r), 0.0)) for r in range(len(problem.rivals))]
        taken = [(r, v) for r, v in taken if v > DUST]
        stay = value.get(("stay", block), 0.0)
        if stay <= DUST * 10 and taken:  # nothing stays: the rivals' parts close the sum
            scale = rest / sum(v for _, v in taken)
            taken, stay = [(r, v * scale) for r, v in taken], 0.0
        else:
            stay = rest - sum(v for _, v in taken)
        rivals += [(origin, industry, problem.rivals[r], v) for r, v in taken if v > 0]
        if stay > DUST:
            stays.append((origin, industry, stay))
    return tuple(rivals), tuple(stays)


def _increments(
    m: SitingModel,
    per_cell: Mapping[tuple[int, int], float],
    modules: Mapping[str, int],
    built: set[str],
) -> tuple[tuple[str, float], ...]:
    """The increments that the plan needs: use less what is there, never more than that."""
    problem = m.problem
    kept = {name: n for kind, name, n in problem.question.least if kind == "increment"}
    used = pool_use(problem, per_cell)
    for r in problem.table("modules").itertuples():
        count = modules.get(r.module_id, 0)
        if count:
            used[r.pool_id] -= count * r.adds_per_module
            if r.uses_pool_id:
                used[r.uses_pool_id] += count * r.uses_per_module
    for e in problem.table("project_effects").itertuples():
        if e.effect == "adds_pool" and e.project_id in built:
            used[e.element_id] -= e.amount
    result = []
    for pool in problem.table("pools").itertuples():
        short = used[pool.pool_id] - pool.endowment
        if (
            np.isfinite(short)
            and short > 1e-9 * max(1.0, abs(used[pool.pool_id]))
            and pool.increment_max > 0
        ):
            needed = min(short, pool.increment_max)
            result.append((pool.pool_id, max(needed, kept.pop(pool.pool_id, 0.0))))
    result += [(pool_id, amount) for pool_id, amount in kept.items() if amount > 0]
    return tuple(result)


def pool_use(problem: Problem, per_cell: Mapping[tuple[int, int], float]) -> dict[str, float]:
    """Use of each pool by output, in the pool's unit."""
    from optimizer.model.base import factor_use

    need = factor_use(problem)
    pools = {r.pool_id: r for r in problem.table("pools").itertuples()}
    of_zone: dict[str, list[str]] = defaultdict(list)
    for r in problem.table("pool_members").itertuples():
        of_zone[r.zone_id].append(r.pool_id)
    used: dict[str, float] = defaultdict(float)
    for (_, cell), amount in per_cell.items():
        industry = problem.industries[problem.cell_industry[cell]]
        form = problem.forms[problem.cell_form[cell]]
        for pool_id in of_zone[problem.zones[problem.cell_zone[cell]]]:
            pool = pools[pool_id]
            if not pool.form_id or form in pool.form_id.split(";"):
                used[pool_id] += need.get((industry, pool.factor_id), 0.0) * amount
    return used


# ---------------------------------------------------------------------------------------------
# flows and accounts
# ---------------------------------------------------------------------------------------------


def _flows(
    m: SitingModel,
    value: Mapping[tuple, float],
    per_cell: Mapping[tuple[int, int], float],
    rivals: tuple,
    stays: tuple,
) -> tuple[tuple[Flow, ...], list[AccountLine]]:
    problem = m.problem
    pricer = _Pricer(problem)
    pricer.others = _other_routes(m, value)
    flows: list[Flow] = []
    output: dict[int, float] = defaultdict(float)
    for (_, cell), amount in per_cell.items():
        output[cell] += amount
    shifted: dict[Commodity, list[tuple[tuple[int, ...], float]]] = defaultdict(list)
    bundled: dict[int, list[tuple[int, float]]] = defaultdict(list)  # cell -> (gate, output)
    for key, v in value.items():
        if key[0] == "route" and v > DUST:
            shifted[key[1]].append((key[2], v))
        elif key[0] == "bundle" and v > DUST:
            bundled[key[1]].append((key[2], v))
    for cell in sorted(output):
        zone = problem.zones[problem.cell_zone[cell]]
        industry = problem.industries[problem.cell_industry[cell]]
        form = problem.forms[problem.cell_form[cell]]
        for line in problem.lines_of[problem.cell_industry[cell]]:
            goods = problem.lines[line]
            if goods.node < 0:
                flows.append(
                    Flow("zone", zone, form, industry, goods.key, goods.teu * output[cell], ())
                )
        for commodity in problem.cell_commodities[cell]:
            teu = problem.lines[commodity[0]].teu
            own = [
                (m.bundles[g][commodity], v) for g, v in bundled[cell] if commodity in m.bundles[g]
            ]
            others = [c for c in m.commodity_cells[commodity] if c in output]
            left = {
                c: max(0.0, output[c] - sum(v for g, v in bundled[c] if commodity in m.bundles[g]))
                for c in others
            }
            total = sum(left.values())
            part = left[cell] / total if total > 0 else 0.0
            routes = [(arcs, teu * min(v, output[cell])) for arcs, v in own]
            routes += [(arcs, v * part) for arcs, v in shifted.get(commodity, [])]
            rest = teu * output[cell] - sum(v for _, v in routes)
            if rest > 1e-9 * teu * output[cell]:
                routes.append((tuple(base_path(m, commodity)), rest))
            merged: dict[tuple[int, ...], float] = defaultdict(float)
            for arcs, amount in routes:  # one route can come alone and in a bundle
                merged[arcs] += amount
            exact = sum(merged.values())
            for arcs, amount in merged.items():
                scaled = amount * teu * output[cell] / exact
                flows.append(pricer.flow("zone", zone, form, industry, commodity[0], scaled, arcs))
    by_rival: dict[tuple[str, str], float] = defaultdict(float)
    for _, industry, rival, amount in rivals:
        by_rival[rival, industry] += amount
    rival_rows = {r.rival_id: r for r in problem.table("rivals").itertuples()}
    for (rival, industry), amount in by_rival.items():
        row = rival_rows[rival]
        flows += pricer.host_flows("rival", rival, rival, row.form_id, industry, amount)
    origins = {r.origin_id: r for r in problem.table("origins").itertuples()}
    for origin, industry, amount in stays:
        row = origins[origin]
        flows += pricer.host_flows("stay", origin, row.place_id, row.form_id, industry, amount)
    return tuple(flows), pricer.account_lines()


def _other_routes(
    m: SitingModel, value: Mapping[tuple, float]
) -> dict[Commodity, list[tuple[tuple[int, ...], float]]]:
    """Share of each other route in the goods that rivals or what stays send from a gate."""
    teu: dict[Commodity, list[tuple[tuple[int, ...], float]]] = defaultdict(list)
    for key, v in value.items():
        if key[0] == "away" and v > DUST:
            teu[key[1]].append((key[2], v))
    shares = {}
    for commodity, routes in teu.items():
        keys = (m.lp.col_keys[c] for c in m.away[commodity])
        total = m.problem.lines[commodity[0]].teu * sum(value[key] for key in keys)
        if total > DUST:
            shares[commodity] = [(arcs, min(1.0, v / total)) for arcs, v in routes]
    return shares


class _Pricer:
    """Prices flows by component and keeps the account lines."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.network: Network = problem.network
        self.lines: dict[tuple[str, str, str, str], float] = defaultdict(float)
        # Of goods of rivals and of what stays: routes besides the best of today, with their share
        self.others: dict[Commodity, list[tuple[tuple[int, ...], float]]] = {}

    def flow(
        self,
        kind: str,
        host: str,
        form: str,
        industry: str,
        line: int,
        teu: float,
        arcs: Iterable[int],
    ) -> Flow:
        """A flow on ``arcs``; its cost goes into the account lines."""
        keys, costs = self._priced(line, tuple(arcs))
        for component, cost in costs:
            self.lines[component, kind, host, industry] += teu * cost
        return Flow(kind, host, form, industry, self.problem.lines[line].key, teu, keys)

    def _priced(
        self, line: int, arcs: tuple[int, ...]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
        """Arc keys and cost by component, mcny per TEU; kept with the routes for later solves."""
        known = self.problem.book.priced
        if (line, arcs) not in known:
            numbers = np.array(arcs, dtype=np.int64)
            costs = self.network.components(self.problem.lines[line].goods, numbers)
            known[line, arcs] = (
                tuple(self.network.arc_keys[a] for a in arcs),
                tuple((c, float(v.sum()) / MCNY) for c, v in costs.items() if v.any()),
            )
        return known[line, arcs]

    def host_flows(
        self, kind: str, host: str, place: str, form: str, industry: str, amount: float
    ) -> list[Flow]:
        """Return the flows of a rival or of what stays; their cost goes into the account lines.

        What stays is mostly the same from plan to plan: flows are kept with the routes.
        """
        if self.others:
            return self._host_flows(kind, host, place, form, industry, amount)
        known, key = self.problem.book.host_flows, (kind, host, place, form, industry)
        found = known.get(key)
        if found is None or found[0] != amount:
            before, self.lines = self.lines, defaultdict(float)
            flows = self._host_flows(kind, host, place, form, industry, amount)
            found = known[key] = (amount, flows, self.lines)
            self.lines = before
        for line, mcny in found[2].items():
            self.lines[line] += mcny
        return found[1]

    def _host_flows(
        self, kind: str, host: str, place: str, form: str, industry: str, amount: float
    ) -> list[Flow]:
        problem = self.problem
        flows = []
        for line in problem.lines_of[problem.industries.index(industry)]:
            goods = problem.lines[line]
            node = problem.host_node(goods, place, form)
            others = self.others.get((line, node), [])
            rest = 1.0 - sum(share for _, share in others)
            if rest > 1e-9 or not others:
                others = [(problem.others_book.route(line, node), rest), *others]
            total = sum(share for _, share in others)
            for arcs, share in others:
                teu = goods.teu * amount * (share / total)
                flows.append(self.flow(kind, host, form, industry, line, teu, arcs))
        return flows

    def account_lines(self) -> list[AccountLine]:
        return [
            AccountLine(component, kind, host, industry, host if kind == "stay" else "", mcny)
            for (component, kind, host, industry), mcny in self.lines.items()
        ]


def _production(
    problem: Problem, per_cell: Mapping, rivals: tuple, stays: tuple
) -> list[AccountLine]:
    lines = []
    for (block, cell), amount in per_cell.items():
        zone, industry = (
            problem.zones[problem.cell_zone[cell]],
            problem.industries[problem.cell_industry[cell]],
        )
        origin = problem.block_origin[block]
        for component, unit in problem.cell_parts.items():
            lines.append(
                AccountLine(component, "zone", zone, industry, origin, unit[cell] * amount)
            )
        move = problem.move_cost.get((block, int(problem.cell_zone[cell])), 0.0)
        if problem.instance.dense_moves is not None:
            move = float(problem.instance.dense_moves[block, problem.cell_zone[cell]]) / MCNY
        lines.append(AccountLine("relocation", "zone", zone, industry, origin, move * amount))
    block_at = {
        (o, problem.industries[i]): b
        for b, (o, i) in enumerate(zip(problem.block_origin, problem.block_industry, strict=True))
    }
    for origin, industry, rival, amount in rivals:
        r, i = problem.rivals.index(rival), problem.industries.index(industry)
        for component, unit in problem.rival_parts.items():
            lines.append(
                AccountLine(component, "rival", rival, industry, origin, unit[r, i] * amount)
            )
    for origin, industry, amount in stays:
        block = block_at[origin, industry]
        for component, unit in problem.stay_parts.items():
            lines.append(
                AccountLine(component, "stay", origin, industry, origin, unit[block] * amount)
            )
    return lines


def _lumps(
    m: SitingModel, parts: Mapping, per_cell: Mapping[tuple[int, int], float]
) -> list[AccountLine]:
    problem = m.problem
    lines = []
    zone_rows = {r.zone_id: r for r in problem.table("zones").itertuples()}
    for zone in parts["open_zones"]:
        lines.append(
            AccountLine("opening", "zone", zone, "", "", zone_cost(problem, zone_rows[zone]))
        )
    setup = dict(
        zip(
            problem.industries, problem.table("industries")["host_setup_mcny_per_year"], strict=True
        )
    )
    for zone, industry in parts["hosts"]:
        lines.append(AccountLine("setup", "zone", zone, industry, "", setup[industry]))
    counts = dict(parts["modules"])
    for r in problem.table("modules").itertuples():
        if r.module_id in counts:
            price = r.capital_mcny * problem.crf(r.life_years) + r.upkeep_mcny_per_year
            lines.append(
                AccountLine("modules", "zone", r.zone_id, "", "", counts[r.module_id] * price)
            )
    pools = {r.pool_id: r for r in problem.table("pools").itertuples()}
    for pool_id, amount in parts["increments"]:
        price = pools[pool_id].increment_cny_per_unit_year / MCNY
        lines.append(AccountLine("increments", "", pool_id, "", "", amount * price))
    for r in problem.table("projects").itertuples():
        if r.project_id in parts["projects"]:
            price = r.capital_mcny * problem.crf(r.life_years) + r.upkeep_mcny_per_year
            lines.append(AccountLine("projects", "", r.project_id, "", "", price))
    for r in problem.table("services").itertuples():
        if r.service_id in parts["services"]:
            lines.append(AccountLine("services", "", r.service_id, "", "", r.fixed_mcny_per_year))
    lines += _agglomeration(problem, per_cell)
    return lines


def _agglomeration(
    problem: Problem, per_cell: Mapping[tuple[int, int], float]
) -> list[AccountLine]:
    table = problem.table("agglomeration")
    if table.empty:
        return []
    clusters = list(problem.table("industries")["cluster_id"])
    output: dict[tuple[int, str], float] = defaultdict(float)
    for (_, cell), amount in per_cell.items():
        cluster = clusters[problem.cell_industry[cell]]
        if cluster:
            output[int(problem.cell_zone[cell]), cluster] += amount
    lines = []
    for (zone, cluster), amount in output.items():
        curve = table[table["cluster_id"] == cluster].sort_values("point")
        if curve.empty:
            continue
        change = float(
            np.interp(amount, curve["volume_mcny_per_year"], curve["cost_change_mcny_per_year"])
        )
        lines.append(AccountLine("agglomeration", "zone", problem.zones[zone], cluster, "", change))
    return lines
