"""Siting problems that are facility location, solved by the facility engine, and back to a plan.

Zones are facilities, blocks customers. What moving a block costs in a zone is one number, so the
problem is a matrix; docs/published.md has the mapping in the other direction.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.engine.accounts import moved_answer
from optimizer.engine.progress import LinkedEvent, Watch, gap_reached
from optimizer.engine.recognise import binding_pools
from optimizer.plan.plan import Plan, Status
from optimizer.problem import MCNY, Problem

if TYPE_CHECKING:
    from optimizer.engine.facility import FacilityEvent, FacilityProblem, FacilityResult
    from optimizer.engine.proof_tree import ProofTree
    from optimizer.engine.siting import Outcome

_WHOLE = 1e-11  # relative: costs this near to whole numbers were whole before units were changed
_PROVED = 1e-7  # relative: what is left of the bound is not worth a tree
PROOF_S, PROOF_SHARE = 1.0, 0.1  # seconds, and share of the solve, at most for the proof tree
_DUST = 1e-9  # shares below are a solver's rounding
_SMALL = 5000  # zones x blocks up to which a linear program for the prices takes no time


@dataclass(frozen=True)
class Location:
    """A facility location problem and what leads back: ``block`` and ``cell`` of its rows."""

    facility: FacilityProblem
    block: np.ndarray  # block of each customer: those without volume are left out
    cell: np.ndarray  # [zone, industry], the cell of the cheapest form; -1: none
    required: np.ndarray  # bool by zone: open whether or not it serves
    constant: float  # mcny a year that every plan pays
    shift: np.ndarray  # by customer, mcny a year: taken off its costs


def location_of(problem: Problem) -> Location:
    """Return the facility location problem that `recognise` found in a siting problem."""
    from optimizer.engine.facility import FacilityProblem

    cell, unit = _cheapest_cells(problem)
    block = np.flatnonzero(problem.volume > 0)
    industry, volume = problem.block_industry[block], problem.volume[block]
    moves = problem.instance.move_costs()
    moves = (moves if len(block) == len(moves) else moves[block]).T / MCNY
    cost = (moves + unit[:, industry]) * volume
    shift = cost.min(axis=0, initial=0.0)
    if shift.any():
        cost = cost - shift
    opening, required, constant = _openings(problem)
    facility = FacilityProblem(
        fixed_cost=_whole(opening),
        capacity=_capacities(problem),
        demand=_demands(problem, block),
        unit_cost=_whole(cost),
        single_source=bool(len(block)) and bool(problem.whole[block].all()),
        name=problem.instance.instance_id,
    )
    constant += float(shift.sum())
    return Location(facility, block, cell, required, constant, shift)


def _cheapest_cells(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of the cheapest trade form and its unit cost by zone and industry."""
    shape = (len(problem.zones), len(problem.industries))
    cell, unit = np.full(shape, -1), np.full(shape, math.inf)
    cost = sum(problem.cell_parts.values(), np.zeros(problem.n_cells))
    for c, (zone, industry) in enumerate(
        zip(problem.cell_zone.tolist(), problem.cell_industry.tolist(), strict=True)
    ):
        if not problem.cell_projects[c] and cost[c] < unit[zone, industry]:
            cell[zone, industry], unit[zone, industry] = c, cost[c]
    return cell, unit


def _openings(problem: Problem) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the fixed cost of serving from each zone, which must open, and what these cost."""
    zones = problem.table("zones")
    recovery = np.array([problem.crf(years) for years in zones["open_life_years"]])
    opening = zones["open_mcny"].to_numpy(float) * recovery
    opening = opening + zones["open_mcny_per_year"].to_numpy(float)
    status = zones["status"].to_numpy()
    opening[status == "existing"] = 0.0
    asked = zones["zone_id"].isin(problem.question.open_zones).to_numpy()
    required = (status == "required") | (asked & (status != "existing"))
    constant = math.fsum(opening[required])
    setup = problem.table("industries")["host_setup_mcny_per_year"].max()
    return np.where(required, 0.0, opening) + setup, required, constant


def _capacities(problem: Problem) -> np.ndarray:
    """Return the capacity of each zone in the unit of its factor; inf where nothing limits it."""
    endowment = binding_pools(problem.instance).set_index("pool_id")["endowment"]
    members = problem.table("pool_members")
    at = {zone: k for k, zone in enumerate(problem.zones)}
    capacity = np.full(len(problem.zones), math.inf)
    for pool, zone in zip(members["pool_id"], members["zone_id"], strict=True):
        if pool in endowment.index:
            capacity[at[zone]] = min(capacity[at[zone]], float(endowment[pool]))
    return capacity


def _demands(problem: Problem, block: np.ndarray) -> np.ndarray:
    """Return what each block uses of the one factor that limits zones; else its volume."""
    factor = binding_pools(problem.instance)["factor_id"]
    if factor.empty:
        return problem.volume[block]
    rows = problem.table("industry_factors")
    rows = rows[rows["factor_id"] == factor.iloc[0]]
    use_of = dict(zip(rows["industry_id"], rows["use_per_mcny"], strict=True))
    use = np.array([use_of.get(i, 0.0) for i in problem.industries])
    return _whole(problem.volume[block] * use[problem.block_industry[block]])


def _whole(values: np.ndarray) -> np.ndarray:
    """Return whole numbers where a change of units has moved them by a rounding, else as given."""

    def near(part: np.ndarray) -> bool:
        whole = np.round(part)
        with np.errstate(invalid="ignore"):  # inf - inf
            off = np.abs(part - whole) > _WHOLE * np.maximum(1.0, np.abs(whole))
        return not off.any()

    if near(values[:1]) and near(values):  # most costs that are not whole show it at once
        return np.round(values)
    return values


# -- solving ----------------------------------------------------------------------------------


def solve_location(
    problem: Problem,
    watch: Watch,
    *,
    gap: float,
    threads: int,
    seed: int,
    start: Plan | None = None,
    kept: Mapping[Hashable, float] | None = None,
) -> Outcome:
    """Solve a siting problem that is facility location; the outcome is that of any siting solve.

    ``kept`` is what an earlier part of the run kept of its best plan: the answer is no worse.
    """
    from optimizer.engine.facility import solve_facility
    from optimizer.engine.kept_location import KeptAssignment
    from optimizer.engine.siting import Outcome

    built = watch.seconds
    location = location_of(problem)
    facility, constant = location.facility, location.constant
    opened = None
    if start is not None:
        wanted = {m.zone_id for m in start.moves} | set(start.open_zones)
        opened = np.array([zone in wanted for zone in problem.zones])
    memory = KeptAssignment(problem, location, watch)
    before = memory.read(kept or {})
    if before is not None:
        opened = memory.zones_of(before)
    enough = LinkedEvent(watch.cancel)

    def tell(event: FacilityEvent) -> None:
        incumbent = event.incumbent + constant if math.isfinite(event.incumbent) else None
        bound = event.bound + constant if math.isfinite(event.bound) else None
        watch.report(event.phase, incumbent, bound, decisions=memory.decisions)
        if watch.is_closed:  # also by what an earlier part of the run found or proved
            enough.set()

    solving = watch.seconds
    result = solve_facility(
        facility,
        gap=gap,
        time_limit_s=watch.left_s,
        threads=threads,
        seed=seed,
        start=opened,
        on_progress=tell,
        cancel=enough,
        on_incumbent=memory.save,
    )
    result = memory.better_of(result, before, gap)
    outcome = Outcome(
        status=result.status,
        stop_reason=stop_reason(result.status, watch, "no zones can take all blocks"),
        bound=result.bound + constant,
        root_bound=result.certificate.dual_bound + constant if result.certificate else -math.inf,
        solver=f"facility ({result.method})",
        nodes=result.nodes,
        seconds={"build": solving - built} | {k: float(v) for k, v in result.phases.items()},
        notes=problem.notes,
    )
    if result.status.has_plan:
        outcome.answer = moved_answer(
            problem, _outputs(problem, location, result), _open_zones(problem, location, result)
        )
        outcome.objective = outcome.measured = outcome.answer.cost_mcny
        if not outcome.settle_bound():
            return outcome
        proof = _proof(problem, location, result, watch)
        outcome.certificate = _certificate(problem, location, result, outcome.bound, proof)
    return outcome


def stop_reason(status: Status, watch: Watch, infeasible: str) -> str:
    """Return why a solve of special structure ended, in words."""
    if status is Status.OPTIMAL:
        return gap_reached(watch.gap)
    if status is Status.INFEASIBLE:
        return infeasible
    return "cancelled" if watch.cancel.is_set() else "time limit"


def _outputs(
    problem: Problem, location: Location, result: FacilityResult
) -> dict[tuple[int, int], float]:
    """Return output by (block, cell), mcny a year; the parts of a block add up to its volume."""
    keep = result.share > _DUST
    zone, customer, share = result.facility[keep], result.customer[keep], result.share[keep]
    share = share / np.bincount(customer, weights=share, minlength=len(location.block))[customer]
    block = location.block[customer]
    cell = location.cell[zone, problem.block_industry[block]]
    output = share * problem.volume[block]
    return dict(zip(zip(block.tolist(), cell.tolist(), strict=True), output.tolist(), strict=True))


def _open_zones(problem: Problem, location: Location, result: FacilityResult) -> tuple[str, ...]:
    serving = np.zeros(len(problem.zones), dtype=bool)
    serving[result.facility[result.share > _DUST]] = True
    return tuple(zone for k, zone in enumerate(problem.zones) if serving[k] or location.required[k])


# -- the certificate --------------------------------------------------------------------------


def _proof(
    problem: Problem, location: Location, result: FacilityResult, watch: Watch
) -> ProofTree | None:
    """Return a small tree for what prices alone do not prove, if there is time for it."""
    from optimizer.engine.proof_tree import prove

    found = result.certificate
    if result.method not in ("capacitated", "uncapacitated") or found is None:
        return None  # small ones know no compiled kernels; whole customers need other knapsacks
    if result.bound - found.dual_bound <= _PROVED * abs(result.bound):
        return None
    seconds = min(PROOF_S + PROOF_SHARE * result.seconds, watch.left_s)
    existing = (problem.table("zones")["status"] == "existing").to_numpy()
    return prove(
        location.facility,
        found.customer_dual + found.surrogate_dual * location.facility.demand,
        result.bound,
        open_anyway=location.required | existing,
        seconds=seconds,
    )


def _certificate(
    problem: Problem,
    location: Location,
    result: FacilityResult,
    bound: float,
    proof: ProofTree | None,
) -> dict:
    """Return the prices of the blocks that prove the bound (docs/plan.md), mcny per mcny.

    The price of total capacity is carried by the blocks: docs/verify.md shows that this proves at
    least as much.
    """
    facility = location.facility
    prices, sigma, count = np.zeros(facility.n), 0.0, 0.0
    if result.certificate is not None:
        found = result.certificate
        prices, sigma, count = found.customer_dual, found.surrogate_dual, found.count_dual
    if result.method == "direct" and facility.m * facility.n <= _SMALL:
        prices, sigma, count = _relaxation_prices(facility, prices), 0.0, 0.0
    volume = problem.volume[location.block]
    per_unit = (prices + sigma * facility.demand + location.shift) / volume
    names = [
        (problem.block_origin[b], problem.industries[problem.block_industry[b]])
        for b in location.block.tolist()
    ]
    certificate = {
        "kind": "lagrangian",
        "block": [[o, i, price] for (o, i), price in zip(names, per_unit.tolist(), strict=True)],
        "count": float(count),
        "tree_bound": bound,
    }
    if proof is not None:
        vectors = [
            [_short(v[0]), *map(_short, (v[1:] + location.shift) / volume)] for v in proof.vectors
        ]
        certificate["tree"] = {"prices": vectors, "root": _named(proof.root, problem.zones)}
    return certificate


def _short(price: float) -> float:
    """Return a price in ten digits: any prices are valid, and the file is half as long."""
    return float(f"{price:.10g}")


def _named(node: dict[str, Any], zones: Sequence[str]) -> dict[str, Any]:
    """Return a node of a proof tree with ids of zones in place of their numbers."""
    named: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            named[key] = _named(value, zones)
        elif isinstance(value, list):
            named[key] = [zones[z] for z in value]
        else:
            named[key] = zones[value] if key == "split" else value
    return named


def _relaxation_prices(facility: FacilityProblem, otherwise: np.ndarray) -> np.ndarray:
    """Return the prices of the customers in the strong linear relaxation; any prices are valid."""
    from scipy.sparse import coo_array, vstack

    from optimizer.solvers.highs import IncrementalLP

    m, n = facility.m, facility.n
    usable = np.isfinite(facility.unit_cost)
    if not usable.any(axis=0).all():
        return otherwise
    i, j = np.nonzero(usable)
    count, a = len(i), np.arange(len(i))
    serve = coo_array((np.ones(count), (j, m + a)), (n, m + count))
    strong = coo_array(
        (np.r_[np.ones(count), -np.ones(count)], (np.r_[a, a], np.r_[m + a, i])),
        (count, m + count),
    )
    capacity = np.minimum(facility.capacity, facility.demand.sum())
    load = coo_array(
        (
            np.r_[facility.demand[j], -capacity],
            (np.r_[i, np.arange(m)], np.r_[m + a, np.arange(m)]),
        ),
        (m, m + count),
    )
    lp = IncrementalLP()
    lp.add_cols(np.r_[facility.fixed_cost, facility.unit_cost[i, j]], 0.0, 1.0)
    low = np.r_[np.ones(n), np.full(count + m, -np.inf)]
    high = np.r_[np.ones(n), np.zeros(count + m)]
    lp.add_rows(low, high, vstack([serve, strong, load]).tocsr())
    return lp.duals[:n] if lp.solve() is Status.OPTIMAL else otherwise
