"""The relaxation, solved to the end: strong rows, capacity rows and routes are added until none is missing.

`Relaxation` keeps the plain model and a live LP in step, so that every re-solve starts from the
last basis.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from optimizer.engine.progress import Watch
from optimizer.engine.routes import RouteFinder, complete, price
from optimizer.model.siting import (
    Commodity,
    SitingModel,
    base_path,
    resource_row,
    route_usage,
    service_least_row,
    strong_cut,
)
from optimizer.plan.plan import Status
from optimizer.solvers.highs import IncrementalLP

OVERFLOW_MCNY_PER_TEU = 100.0  # dearer than any route by orders of magnitude
CUT_ROUNDS = 60


class Relaxation:
    """The LP relaxation of a siting model, with everything that is added to it on the way."""

    def __init__(self, m: SitingModel) -> None:
        self.m = m
        self.finder = RouteFinder(m)
        self.resources: set[int] = set()  # those that have a row
        self.routes: set[tuple[Commodity, tuple[int, ...]]] = set()
        self.could_gain: list[Commodity] = []
        self.lp: IncrementalLP | None = None
        self.status = Status.SOLVER_ERROR
        self.converged = False
        self.rounds = 0
        self.objective = -np.inf
        self.x = self.duals = np.zeros(0)
        self._entries = 0

    # -- solving --------------------------------------------------------------------------------

    def solve(self, watch: Watch) -> Status:
        """Solve to the end (or until ``watch`` stops it) and return how it ended."""
        m = self.m
        if self.lp is None:
            self.could_gain = self.finder.could_gain()
            self.lp = IncrementalLP(m.lp.compile())
            self._entries = len(m.lp.entries_row)
        while self.rounds < CUT_ROUNDS:
            self.rounds += 1
            self.flush()
            self.status = self.lp.solve(watch.left_s, watch.cancel)
            if self.status is not Status.OPTIMAL:
                return self.status
            self.x, self.duals, self.objective = self.lp.x, self.lp.duals, self.lp.objective
            watch.report("relaxation", detail=f"round {self.rounds}: {watch.sign * self.objective:,.6g}")
            if watch.stopped:
                break
            if not (self.add_strong_cuts(self.x) + self.add_violated(self.x) + self.add_priced()):
                self.converged = True
                break
        return self.status

    def overflow(self, x: np.ndarray) -> float:
        """TEU that found no capacity; positive at the optimum means there is no plan."""
        return sum(float(x[c]) for k, c in self.m.lp.col.items() if k[0] == "overflow")

    # -- keeping model and LP in step --------------------------------------------------------------

    def add_row(self, key: tuple, terms: Iterable[tuple[int, float]], low: float = -np.inf, high: float = np.inf) -> None:
        self.m.lp.add_row(key, terms, low, high)

    def add_col(self, key: tuple, cost: float, entries: Iterable[tuple[int, float]], measure: float = 0.0, ub: float = np.inf) -> int:
        column = self.m.add(key, cost, ub=ub, measure=measure)
        for r, v in entries:
            self.m.lp.add_entry(r, column, v)
        return column

    def flush(self) -> None:
        """Hand to the LP what the model got since the last time, in two batches."""
        import scipy.sparse as sp

        lp, model = self.lp, self.m.lp
        old_rows, old_cols = lp.n_rows, lp.n_cols
        rows = np.array(model.entries_row[self._entries :], dtype=np.int64)
        cols = np.array(model.entries_col[self._entries :], dtype=np.int64)
        values = np.array(model.entries_val[self._entries :])
        self._entries = len(model.entries_row)
        if model.n_cols > old_cols:
            inside = rows < old_rows
            shape = (old_rows, model.n_cols - old_cols)
            block = sp.csc_matrix((values[inside], (rows[inside], cols[inside] - old_cols)), shape)
            lp.add_cols(model.cost[old_cols:], model.lb[old_cols:], model.ub[old_cols:], block)
        if model.n_rows > old_rows:
            new = rows >= old_rows
            shape = (model.n_rows - old_rows, model.n_cols)
            block = sp.csr_matrix((values[new], (rows[new] - old_rows, cols[new])), shape)
            lp.add_rows(model.row_low[old_rows:], model.row_high[old_rows:], block)

    # -- strong rows ----------------------------------------------------------------------------

    def add_strong_cuts(self, x: np.ndarray) -> int:
        """Add violated strong hosting rows; return how many."""
        added = 0
        for zone, industry in self.m.cells_of:
            cut = strong_cut(self.m, zone, industry, x)
            if cut is not None:
                self.add_row(("strong_cut", zone, industry, self.rounds), cut[0], high=cut[1])
                added += 1
        return added

    # -- shared capacities ----------------------------------------------------------------------

    def add_violated(self, x: np.ndarray, tolerance: float = 1e-6) -> int:
        """Add the rows of capacities that the routes of ``x`` exceed; return how many."""
        load: dict[int, float] = {}
        for commodity, cells in self.m.commodity_cells.items():
            use = self.m.resources.usage(base_path(self.m, commodity))
            if use:
                teu = self.m.problem.lines[commodity[0]].teu * sum(x[c] for c, _ in self.m.out_terms(cells))
                if teu > 0:
                    for r, count in use.items():
                        load[r] = load.get(r, 0.0) + teu * count
        for commodity, arcs in self.routes:
            teu = x[self.m.lp.col["route", commodity, arcs]]
            if teu > 0:
                for r, count in route_usage(self.m, commodity, arcs).items():
                    load[r] = load.get(r, 0.0) + teu * count
        added = 0
        for r in sorted(set(load) - self.resources):
            if load[r] > self.capacity_today(r) * (1 + tolerance) + tolerance:
                self.add_resource(r)
                added += 1
        return added

    def capacity_today(self, resource: int) -> float:
        kind, name = self.m.resources.keys[resource]
        problem = self.m.problem
        if kind == "bottleneck":
            table = problem.table("bottlenecks")
            return float(table.loc[table["bottleneck_id"] == name, "capacity_teu_per_year"].iloc[0])
        if kind == "service":
            table = problem.table("services")
            row = table[table["service_id"] == name].iloc[0]
            return float(row["capacity_teu_per_year"]) if row["runs_today"] == 1 else 0.0
        return 0.0

    def add_resource(self, resource: int) -> None:
        """Add the capacity row of a resource (and the minimum load of a service that may run)."""
        if resource in self.resources:
            return
        self.resources.add(resource)
        kind, name = self.m.resources.keys[resource]
        terms, high = resource_row(self.m, resource)
        self.add_row(("capacity", resource), terms, high=high)
        row = self.m.lp.row["capacity", resource]
        objective = self.m.problem.question.objective
        penalty = OVERFLOW_MCNY_PER_TEU * (1e3 if objective in ("absorbed", "jobs", "hours") else 1.0)
        sign = -1.0 if objective in ("absorbed", "jobs") else 1.0
        self.add_col(("overflow", resource), OVERFLOW_MCNY_PER_TEU, [(row, -1.0)], measure=sign * penalty)
        if kind == "service" and ("service", name) in self.m.lp.col:
            self.add_row(("least_load", resource), service_least_row(self.m, name), low=0.0)

    # -- routes ---------------------------------------------------------------------------------

    def add_priced(self) -> int:
        """Add routes that the duals ask for; return how many."""
        if self.m.problem.question.objective in ("absorbed", "jobs"):
            return 0  # routes do not count in these objectives: `complete_routes` adds what capacity needs
        prices = {r: self._price(("capacity", r)) for r in self.resources}
        worth = {c: self._price(("commodity", c)) for c in {c for c, _ in self.routes}}
        candidates = set(self.could_gain)
        hot = {r for r, p in prices.items() if p > 0}
        if hot:
            candidates |= {
                c for c in self.m.commodity_cells
                if hot & self.m.resources.usage(base_path(self.m, c)).keys()
            }  # fmt: skip
        return self.add_routes(price(self.finder, prices, worth, candidates))

    def _price(self, key: tuple) -> float:
        """Price of a <= row in the last relaxation; 0 for a row that came after it."""
        row = self.m.lp.row[key]
        return max(0.0, -float(self.duals[row])) if row < len(self.duals) else 0.0

    def add_routes(self, found: Iterable[tuple[Commodity, tuple[int, ...]]]) -> int:
        """Add route columns that are not there yet, with the rows that they need."""
        added = 0
        for commodity, arcs in found:
            if (commodity, arcs) in self.routes or list(arcs) == base_path(self.m, commodity):
                continue
            added += 1
            change = route_usage(self.m, commodity, arcs)
            for r in change:
                if self.m.resources.keys[r][0] in ("gate", "service") and self.capacity_today(r) == 0:
                    self.add_resource(r)
            if ("commodity", commodity) not in self.m.lp.row:
                teu = self.m.problem.lines[commodity[0]].teu
                terms = self.m.out_terms(self.m.commodity_cells[commodity], -teu)
                self.add_row(("commodity", commodity), terms, high=0.0)
            entries = [(self.m.lp.row["commodity", commodity], 1.0)]
            for r, count in change.items():
                if r in self.resources:
                    entries.append((self.m.lp.row["capacity", r], count))
                    if ("least_load", r) in self.m.lp.row:
                        entries.append((self.m.lp.row["least_load", r], count))
            cost, measure = self.route_change(commodity, arcs)
            self.routes.add((commodity, arcs))
            self.add_col(("route", commodity, arcs), cost, entries, measure)
        return added

    def route_change(self, commodity: Commodity, arcs: tuple[int, ...]) -> tuple[float, float]:
        """Change of cost (mcny) and of the objective's measure per TEU that leaves the base route."""
        problem, line = self.m.problem, commodity[0]
        cost = problem.route_cost(line, list(arcs)) - problem.route_cost(line, base_path(self.m, commodity))
        weights = self.finder.weights(line)
        change = float(weights[list(arcs)].sum()) - problem.book.distance(*commodity)
        measure = {"hours": change, "co2e": change / 1000.0}.get(problem.question.objective, 0.0)
        return cost, measure

    def complete_routes(self, limit: int = 150_000) -> bool:
        """Add every route that could matter for the resources there are; False if there are too many."""
        relevant = set(self.resources)
        if self.could_gain:
            relevant |= {
                r for r, (kind, _) in enumerate(self.m.resources.keys)
                if kind in ("gate", "service") and self.capacity_today(r) == 0
            }  # fmt: skip
        if not relevant:
            return True
        commodities = set(self.could_gain)
        for commodity in self.m.commodity_cells:
            if relevant & self.m.resources.usage(base_path(self.m, commodity)).keys():
                commodities.add(commodity)
        found = complete(self.finder, relevant, commodities)
        if len(found) > limit:
            return False
        self.add_routes(found)
        return True
