"""The relaxation, solved to the end: strong rows, capacity rows and routes are added as needed.

`Relaxation` keeps the plain model and a live LP in step, so that every re-solve starts from the
last basis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from optimizer.engine.carried import carried_basis
from optimizer.engine.collector import held_back
from optimizer.engine.filling import fillable, list_filling
from optimizer.engine.loads import Loads
from optimizer.engine.mixed import MixedRoutes
from optimizer.engine.progress import Watch
from optimizer.engine.routes import Found, RouteFinder, list_all
from optimizer.engine.screen import hopeless
from optimizer.engine.wanted import wanted_routes
from optimizer.memory import Memory
from optimizer.model.base import NO_PLAN, Commodity, SitingModel, base_path, base_usage
from optimizer.model.hosting import strong_cut, strong_set
from optimizer.model.output import add_up
from optimizer.model.routes import (
    resource_row,
    route_usage,
    route_weight,
    service_least_row,
)
from optimizer.plan.plan import Status
from optimizer.problem import MCNY
from optimizer.solvers.highs import IncrementalLP

OVERFLOW_MCNY_PER_TEU = 100.0  # dearer than any route by orders of magnitude
CUT_ROUNDS = 60
AFRESH = 0.02  # share of new rows and columns from which the old basis is more of a burden
ROOT_SHARE = 0.6  # of the time limit; then a plan is looked for, with the rows there are
STALL = 1e-6  # relative; strong rows that raise the bound by less are not worth another round
ROUTES_AT_ONCE = 60_000  # more are priced out one by one instead of being listed


class Relaxation:
    """The LP relaxation of a siting model, with everything that is added to it on the way."""

    def __init__(self, m: SitingModel, memory: Memory | None = None) -> None:
        self.m = m
        self.finder = RouteFinder(m, memory)
        self.loads = Loads(m)
        several = len(m.problem.route_measures) > 1
        self.mixed = MixedRoutes(m, self.finder) if several else None
        self.before = memory
        self.basis: tuple[np.ndarray, np.ndarray] | None = None  # after the last solve
        before = memory.model if memory is not None else None
        same_blocks = before is not None and (before.problem.block_origin == m.problem.block_origin)
        self.remembered = before.strong_sets if before is not None and same_blocks else []
        self.resources: set[int] = set()  # those that have a row
        self.routes: set[Found] = set()
        self.held_back: list[Found] = []  # routes of elements that cannot pay unless capacity binds
        self.could_gain: list[Commodity] = []
        self.overflow_ub = np.inf  # TEU that may find no capacity while routes are priced out
        self.may_fill = True  # False: a plan is sought, no bound (`list_filling`)
        self.runs: set[str] = set()  # services that are filled from the start, whatever it costs
        self.filled: set[int] = set()  # services with all ways to fill them in the model
        self.is_restricted = False  # only the routes given by `take_routes`: it is no bound
        self.all_listed = False  # are all routes that matter for its resources in the model?
        self.are_too_many = False  # routes to list them; more resources make them more
        self.lp: IncrementalLP | None = None
        self.status = Status.SOLVER_ERROR
        self.converged = False
        self.proven = -np.inf  # where routes are priced out: a bound over all of them
        self.rounds = 0
        self.objective = -np.inf
        self.x = self.duals = self.reduced = np.zeros(0)
        self._entries = 0

    # -- solving --------------------------------------------------------------------------------

    def solve(self, watch: Watch) -> Status:
        """Solve to the end (or until ``watch`` stops it) and return how it ended."""
        if self.lp is None:
            with held_back():
                if not self.is_restricted:
                    self.could_gain = self.finder.could_gain()
                    self.list_routes()
                    self._allow_excess()
                for zone, industry, chosen in self.remembered:
                    self._add_strong(zone, industry, chosen)
            self.lp = IncrementalLP(self.m.lp.compile())
            self._entries = len(self.m.lp.entries_row)
            if self.before is not None and self.before.basis is not None:
                self.lp.start_from(*carried_basis(self.before, self.m))
        for _ in range(CUT_ROUNDS):
            self.rounds += 1
            self.flush()
            self.status = self.lp.solve(watch.left_s, watch.cancel)
            if self.status is not Status.OPTIMAL:
                return self.status
            gained = self.lp.objective - self.objective  # infinite in the first round
            is_stalled = gained <= STALL * abs(self.lp.objective)
            self.x, self.duals, self.objective = self.lp.x, self.lp.duals, self.lp.objective
            self.reduced = self.lp.reduced_costs
            watch.report(
                "relaxation", detail=f"round {self.rounds}: {watch.sign * self.objective:,.6g}"
            )
            if watch.stopped or watch.seconds > ROOT_SHARE * watch.time_limit_s:
                self._prove()
                break
            cuts = 0 if is_stalled else self.add_strong_cuts(self.x)
            if not (cuts + self.add_violated(self.x) + self.add_priced()):
                self.converged = True
                self._prove()
                break
        else:
            self._prove()
        self.basis = self.lp.basis
        return self.status

    def _prove(self) -> None:
        """Say what the prices at hand prove where routes may be missing, for `bound`."""
        if not self.all_listed and self.is_priced_by_path:
            from optimizer.engine.missing import bound_without

            self.proven = bound_without(self)

    @property
    def is_priced_by_path(self) -> bool:
        """Whether routes that are not listed are found by shortest path at one price each."""
        return self.mixed is None and (self.m.by_cost or self.m.sign > 0)

    @property
    def is_bound(self) -> bool:
        """Whether the relaxation bounds every plan: no route is missing, rows may be."""
        ended = self.converged or (self.all_listed and self.status is Status.OPTIMAL)
        if not self.all_listed and self.is_priced_by_path:
            ended = self.proven > -np.inf
        return ended and not self.is_restricted

    @property
    def bound(self) -> float:
        """The bound that the solved relaxation gives; its objective if every route is listed.

        Where they are priced out by shortest path, what the last prices prove over all routes. With
        several measures, routes are priced out at the prices of capacities and limits; that of a
        least load would be a bonus, which shortest paths cannot have. Without it, the bound is
        lower by its worth.
        """
        if self.all_listed:
            return self.objective
        if self.is_priced_by_path:
            return self.proven
        lost = 0.0
        for key, row in self.m.lp.row.items():
            if key[0] == "least_load" and row < len(self.duals):
                name = self.m.resources.keys[key[1]][1]
                services = self.m.problem.table("services").set_index("service_id")
                least = float(services.loc[name, "min_load_teu_per_year"])
                lost += max(0.0, float(self.duals[row])) * least
        return self.objective - lost

    def overflow(self, x: np.ndarray) -> float:
        """TEU that found no capacity, or that fill a train and are no goods; no plan has any."""
        return sum(float(x[c]) for k, c in self.m.lp.col.items() if k[0] in NO_PLAN)

    # -- keeping model and LP in step --------------------------------------------------------------

    def add_row(
        self,
        key: tuple,
        terms: Iterable[tuple[int, float]],
        low: float = -np.inf,
        high: float = np.inf,
    ) -> None:
        """Add a row to the model and to the linear program that is being solved."""
        self.m.lp.add_row(key, terms, low, high)

    def add_col(
        self,
        key: tuple,
        cost: float,
        entries: Iterable[tuple[int, float]],
        amounts: Mapping[str, float] | None = None,
        ub: float = np.inf,
    ) -> int:
        """Add a column to the model and to the linear program that is being solved."""
        column = self.m.add(key, cost, ub=ub, amounts=amounts)
        for r, v in entries:
            self.m.lp.add_entry(r, column, v)
        if key[0] not in ("overflow", "filling"):  # what is no plan counts in no limit
            for row, (measure, factor) in self.m.limit_rows.items():
                value = factor * self.m.values_of(measure)[column]
                self.m.lp.add_entry(self.m.lp.row[row], column, value)
        return column

    def flush(self) -> None:
        """Hand to the LP what the model got since the last time, in two batches."""
        import scipy.sparse as sp

        lp, model = self.lp, self.m.lp
        assert lp is not None, "solve() makes it"
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
        if model.n_cols + model.n_rows - old_cols - old_rows > AFRESH * (old_cols + old_rows):
            lp.forget_basis()

    # -- strong rows ----------------------------------------------------------------------------

    def add_strong_cuts(self, x: np.ndarray) -> int:
        """Add violated strong hosting rows; return how many."""
        added = 0
        for zone, industry in self.m.cells_of:
            chosen = strong_set(self.m, zone, industry, x)
            if chosen is not None:
                added += self._add_strong(zone, industry, chosen)
        return added

    def _add_strong(self, zone: int, industry: int, chosen: tuple[int, ...]) -> bool:
        key = ("strong_cut", zone, industry, chosen)
        terms = None if key in self.m.lp.row else strong_cut(self.m, zone, industry, chosen)
        if terms is None:
            return False
        self.add_row(key, terms, high=0.0)
        self.m.strong_sets.append((zone, industry, chosen))
        return True

    # -- shared capacities ----------------------------------------------------------------------

    def overloaded(self, x: np.ndarray, tolerance: float = 1e-6) -> list[int]:
        """Resources without a row whose capacity the routes of ``x`` exceed."""
        m = self.m
        today = np.array(m.resources.today)
        over = np.flatnonzero(self.loads.at(x) > today * (1 + tolerance) + tolerance).tolist()
        kinds = [m.resources.keys[r][0] for r in over]
        return [
            r for r, k in zip(over, kinds, strict=True) if r not in self.resources and k != "gate"
        ]

    def add_violated(self, x: np.ndarray) -> int:
        """Add the rows of capacities that the routes of ``x`` exceed; return how many."""
        over = self.overloaded(x)
        for r in over:
            self.add_resource(r)
        if over and not self.is_restricted:
            self.list_routes()
        return len(over)

    def add_resource(self, resource: int) -> None:
        """Add the capacity row of a resource (and the minimum load of a service that may run)."""
        if resource in self.resources:
            return
        self.resources.add(resource)
        kind, name = self.m.resources.keys[resource]
        terms, high = resource_row(self.m, resource)
        self.add_row(("capacity", resource), terms, high=high)
        row = self.m.lp.row["capacity", resource]
        self._add_overflow(("overflow", resource), row, -1.0)
        if kind == "service" and ("service", name) in self.m.lp.col:
            self.add_row(("least_load", resource), service_least_row(self.m, name), low=0.0)
        if self.m.resources.today[resource] > 0 and self.held_back:
            # With a capacity that binds, what was screened out could pay after all.
            routes, self.held_back = self.held_back, []
            self.add_routes(routes)

    def _add_overflow(self, key: tuple, row: int, entry: float) -> None:
        penalty = self.m.sign * OVERFLOW_MCNY_PER_TEU * 1e3
        amounts = {self.m.problem.question.objective: penalty}
        self.add_col(key, OVERFLOW_MCNY_PER_TEU, [(row, entry)], amounts, ub=self.overflow_ub)

    def _allow_excess(self) -> None:
        """Let limits be missed, at a price, while routes that meet them are still to be found."""
        for key, (measure, _) in self.m.limit_rows.items():
            if self.mixed is not None and measure in self.m.problem.route_measures:
                self._add_overflow(("overflow", key), self.m.lp.row[key], -1.0)

    def _forced_services(self) -> set[int]:
        """Resources of the services that are to run, and that do not run today."""
        index = self.m.resources.index
        asked = {n for k, n, least in self.m.problem.question.least if k == "service" and least > 0}
        asked |= self.runs
        return {index["service", n] for n in asked if ("service", n) in index}

    # -- routes ---------------------------------------------------------------------------------

    def list_routes(self) -> None:
        """Put every route that could matter for the resources at hand into the model, if few."""
        keys, today = self.m.resources.keys, self.m.resources.today
        leaning = [
            c for c in self.m.commodity_cells if any(not today[r] for r in base_usage(self.m, c))
        ]
        needed = {r for c in leaning for r in base_usage(self.m, c) if not today[r]}
        forced = self._forced_services() if not self.resources else set()
        for r in sorted(needed | forced):  # base routes that exist only with a project or service
            self.add_resource(r)
        relevant = set(self.resources)
        binding = {r for r in self.resources if self.m.resources.today[r] > 0}
        if self.could_gain or leaning or binding:
            # Also where only a capacity binds: the next best way round it may need a train or a
            # project, and then the one after it counts as well.
            relevant |= {
                r for r, (kind, _) in enumerate(keys) if kind != "bottleneck" and not today[r]
            }
        commodities = set(self.could_gain) | set(leaning)
        if binding:
            commodities |= {
                c for c in self.m.commodity_cells if binding & base_usage(self.m, c).keys()
            }
        if self.mixed is not None:
            self._list_mixed()
            return
        found: list[Found] | None = [] if not relevant else None
        if relevant and not self.are_too_many:
            found = list_all(self.finder, relevant, commodities, ROUTES_AT_ONCE)
        self.all_listed, self.are_too_many = found is not None, found is None
        self._allow_overflow(not self.all_listed)
        if found is None:
            return
        found = [f for f in found if list(f[1]) != base_path(self.m, f[0]) and f not in self.routes]
        if self.m.by_cost and not binding and not self.routes and not self.m.bundles:
            barred = hopeless(self.m, found) - needed
            self.held_back = [f for f in found if barred & route_usage(self.m, *f).keys()]
            late = set(self.held_back)
            found = self._bundle([f for f in found if f not in late])
        self.add_routes(found)
        self._allow_filling()

    def _allow_filling(self) -> None:
        """See to it that least loads can be met by all that could fill a service (`filling`).

        What the question has run is filled by routes. Elsewhere that is seldom worth it: the load
        is had for nothing there, until a solution makes use of it (`list_filling`).
        """
        services = set() if self.is_restricted else fillable(self)
        if not services:
            return
        late = [f for f in self.held_back if services & route_usage(self.m, *f).keys()]
        if late:  # what a screen took for too little to run may be filled
            late, self.held_back = self.held_back, []
            self.add_routes(late)
        for r in sorted(services):
            self.add_resource(r)
        asked = services & self._forced_services()
        if (asked - self.filled) or self.filled:
            self.list_filling(asked | self.filled)
        self._fill_for(services - self.filled, 0.0)

    def list_filling(self, services: set[int]) -> None:
        """Put all ways to fill these services into the model, in place of loads out of nothing."""
        m = self.m
        self.filled |= services
        if self.mixed is not None:
            return  # they stay free in the bound, and plans have the routes that are there
        relevant = self.resources | {
            r
            for r, (kind, _) in enumerate(m.resources.keys)
            if kind != "bottleneck" and not m.resources.today[r]
        }
        ways = list_filling(self.finder, self.filled, relevant)
        self.add_routes((c, arcs) for ms in m.bundles.values() for c, arcs in ms.items())
        late, self.held_back = self.held_back, []
        self.add_routes([*ways.routes, *late])
        if self.may_fill:
            self.add_routes(ways.walks, "walk")
        if self.is_priced_by_path:  # else they help plans, and the bound has loads for nothing
            self._fill_for(self.filled, ways.price)
            self._end_free(self.filled, ways.price)
        self._fill_for(fillable(self) - self.filled, 0.0)

    def _end_free(self, services: set[int], price: float) -> None:
        """Take loads out of nothing below a price away."""
        m = self.m
        free = [
            c
            for k, c in m.lp.col.items()
            if k[0] == "filling" and k[1] in services and m.lp.cost[c] < price
        ]
        for column in free:
            m.lp.ub[column] = 0.0
        known = [c for c in free if self.lp is not None and c < self.lp.n_cols]
        if self.lp is not None and known:
            self.lp.change_bounds(known, 0.0, 0.0)

    def _fill_for(self, services: Iterable[int], price: float) -> None:
        """Let least loads be met out of nothing at a price, in the objective's unit per TEU."""
        if not self.may_fill or not np.isfinite(price):
            return
        table = self.m.problem.table("services").set_index("service_id")
        for r in sorted(services):
            self.add_resource(r)
            row = self.m.lp.row.get(("least_load", r))
            if row is None or ("filling", r, price) in self.m.lp.col:
                continue
            least = float(table.loc[self.m.resources.keys[r][1], "min_load_teu_per_year"])
            amounts = {self.m.problem.question.objective: self.m.sign * price}
            self.add_col(("filling", r, price), price, [(row, 1.0)], amounts, ub=least)

    def fill_if_open(self, service_ids: Iterable[str]) -> None:
        """List what fills services that a start has run, so that the start fits."""
        index = self.m.resources.index
        named = {index["service", n] for n in service_ids if ("service", n) in index}
        free = {k[1] for k in self.m.lp.col if k[0] == "filling"} - self.filled
        if named & free:
            self.list_filling(named & free)

    def filling(self, x: np.ndarray) -> set[int]:
        """Services whose least load ``x`` has out of nothing, and that were not listed yet."""
        used = {k[1] for k, c in self.m.lp.col.items() if k[0] == "filling" and x[c] > 1e-6}
        return used - self.filled

    def take_routes(self, own: SitingModel, found: Iterable[Found], away: Iterable[Found]) -> None:
        """Take the routes of another model with the same base routes, and some more; no others.

        Routes of goods that this model does not have are left out.
        """
        self.is_restricted = self.all_listed = True
        self.overflow_ub = 0.0
        for key in own.lp.row:
            if key[0] == "capacity":
                self.add_resource(key[1])
        for gate, routes in own.bundles.items():
            members = {c: arcs for c, arcs in routes.items() if c in self.m.commodity_cells}
            self.m.bundles[gate] = members
            cells = sorted({c for commodity in members for c in self.m.commodity_cells[commodity]})
            for cell in cells:
                self._add_bundle(cell, gate, members)
        mine = [(key[1], key[2]) for key in own.lp.col if key[0] == "route"]
        self.add_routes(f for f in (*mine, *found) if f[0] in self.m.commodity_cells)
        if self.m.away:
            self.add_away(
                (c, arcs)
                for c, arcs in away
                if c in self.m.away and list(arcs) != self.m.problem.others_book.path(*c)
            )

    def _list_mixed(self) -> None:
        """Where several measures of routes count: every route that no mix of others beats."""
        assert self.mixed is not None, "asked by list_routes"
        keys, today = self.m.resources.keys, self.m.resources.today
        relevant = self.resources | {
            r for r, (kind, _) in enumerate(keys) if kind != "bottleneck" and not today[r]
        }
        found = self.mixed.list_all(relevant, ROUTES_AT_ONCE)
        self.all_listed = found is not None
        self._allow_overflow(not self.all_listed)
        if found is not None:
            self.add_routes(found[0])
            self.add_away(found[1])

    def add_away(self, found: Iterable[Found]) -> int:
        """Add other routes of goods of rivals and of what stays; return how many."""
        added = 0
        for commodity, arcs in found:
            if ("away", commodity, arcs) in self.m.lp.col:
                continue
            added += 1
            if ("away", commodity) not in self.m.lp.row:
                teu = self.m.problem.lines[commodity[0]].teu
                terms = [(c, -teu) for c in self.m.away[commodity]]
                self.add_row(("away", commodity), terms, high=0.0)
            problem, line = self.m.problem, commodity[0]
            base = problem.others_book.path(*commodity)
            cost = problem.route_cost(line, arcs) - problem.route_cost(line, base)
            amounts = _change(problem.route_amounts(line, arcs), problem.route_amounts(line, base))
            amounts["outlay"] = 0.0  # of others' hosts
            entries = [(self.m.lp.row["away", commodity], 1.0)]
            self.add_col(("away", commodity, arcs), cost, entries, amounts)
        return added

    def _allow_overflow(self, allowed: bool) -> None:
        """Let goods overflow only while routes are still being priced out.

        With all routes listed a relaxation without capacity is a proof; a price on overflow could
        make it look cheaper than building something, and a plan look impossible.
        """
        self.overflow_ub = np.inf if allowed else 0.0
        columns = [c for k, c in self.m.lp.col.items() if k[0] == "overflow"]
        for column in columns:
            self.m.lp.ub[column] = self.overflow_ub
        if self.lp is not None:
            known = [c for c in columns if c < self.lp.n_cols]
            if known:
                self.lp.change_bounds(known, 0.0, self.overflow_ub)

    def _bundle(self, found: list[Found]) -> list[Found]:
        """Make bundles of routes that need nothing but one gate; return the other routes.

        If a project only makes routes cheaper, then all goods of a cell that gain change over
        together: one column per cell and gate, tied to its project one by one, instead of one
        column per goods.
        """
        alone: dict[Commodity, list[Found]] = {}
        for f in found:
            alone.setdefault(f[0], []).append(f)
        rest: list[Found] = []
        for commodity, routes in alone.items():
            use = route_usage(self.m, *routes[0])
            needs = [r for r in use if self.m.resources.today[r] == 0]
            base_needs = any(not self.m.resources.today[r] for r in base_usage(self.m, commodity))
            if (
                len(routes) == 1
                and len(needs) == 1
                and not base_needs  # else the route may be there to *save* a project
                and self.m.resources.keys[needs[0]][0] == "gate"
            ):
                self.m.bundles.setdefault(needs[0], {})[commodity] = routes[0][1]
            else:
                rest += routes
        for gate, members in self.m.bundles.items():
            cells = sorted({c for commodity in members for c in self.m.commodity_cells[commodity]})
            for cell in cells:
                self._add_bundle(cell, gate, members)
        return rest

    def _add_bundle(self, cell: int, gate: int, members: dict[Commodity, tuple[int, ...]]) -> None:
        problem = self.m.problem
        cost, parts = 0.0, []
        for commodity in problem.cell_commodities[cell]:
            if commodity in members:
                change = self.route_change(commodity, members[commodity])
                cost += problem.lines[commodity[0]].teu * change[0]
                parts.append((problem.lines[commodity[0]].teu, change[1]))
        most = self.m.most[int(problem.cell_zone[cell]), int(problem.cell_industry[cell])]
        column = self.add_col(("bundle", cell, gate), cost, [], add_up(parts), ub=most)
        terms = [(column, 1.0), *self.m.out_terms([cell], -1.0)]
        self.add_row(("bundle_output", cell, gate), terms, high=0.0)
        built = [(self.m.lp.col["project", p], -most) for p in self.m.resources.keys[gate][1]]
        self.add_row(("bundle_built", cell, gate), [(column, 1.0), *built], high=0.0)

    def add_priced(self) -> int:
        """Add routes that the duals ask for, where they are not all listed; return how many."""
        if self.all_listed:
            return 0
        if self.mixed is None and self.m.sign < 0 and not self.m.by_cost:
            return 0
        prices, worth = self.route_prices()
        if self.mixed is not None:
            rate = self.mixed.rates({key: self._price(key) for key in self.m.limit_rows})
            own = {k[1]: self._price(k) for k in self.m.lp.row if k[0] == "away"}
            added = self.add_routes(self.mixed.price(rate, prices, worth))
            return added + self.add_away(self.mixed.price_away(rate, own))
        return self.add_routes(wanted_routes(self, prices, worth))

    def route_prices(self) -> tuple[dict[int, float], dict[Commodity, float]]:
        """Prices of resources, and what the routes of each commodity have to beat besides."""
        prices = {r: self._price(("capacity", r)) for r in self.resources}
        return prices, {c: self._price(("commodity", c)) for c in {c for c, _ in self.routes}}

    def candidates(self, prices: Mapping[int, float]) -> set[Commodity]:
        """Commodities for which some route may be better than the base route at these prices."""
        hot = {r for r, p in prices.items() if p > 0}
        base = {c for c in self.m.commodity_cells if hot and hot & base_usage(self.m, c).keys()}
        return base | set(self.could_gain)

    def _price(self, key: tuple) -> float:
        """Price of a <= row in the last relaxation; 0 for a row that came after it."""
        row = self.m.lp.row[key]
        return max(0.0, -float(self.duals[row])) if row < len(self.duals) else 0.0

    def add_routes(self, found: Iterable[Found], kind: str = "route") -> int:
        """Add route columns that are not there yet, with the rows that they need.

        With ``kind`` "walk" they are ways that bound a route and are none.
        """
        added = 0
        for commodity, arcs in found:
            key = (kind, commodity, arcs)
            if key in self.m.lp.col or list(arcs) == base_path(self.m, commodity):
                continue
            added += 1
            change = route_usage(self.m, commodity, arcs)
            for r in change:
                if self.m.resources.today[r] == 0:
                    self.add_resource(r)
            if ("commodity", commodity) not in self.m.lp.row:
                self._add_commodity(commodity)
            entries = [(self.m.lp.row["commodity", commodity], 1.0)]
            for r, count in change.items():
                if r in self.resources:
                    entries.append((self.m.lp.row["capacity", r], count))
                    if ("least_load", r) in self.m.lp.row:
                        entries.append((self.m.lp.row["least_load", r], count))
            cost, amounts = self.route_change(commodity, arcs)
            if kind == "route":
                self.routes.add((commodity, arcs))
            self.add_col(key, cost, entries, amounts)
        return added

    def _add_commodity(self, commodity: Commodity) -> None:
        """What leaves the base route of a commodity, alone or in bundles, is at most all of it."""
        teu = self.m.problem.lines[commodity[0]].teu
        cells = self.m.commodity_cells[commodity]
        terms = self.m.out_terms(cells, -teu)
        for gate, members in self.m.bundles.items():
            if commodity in members:
                terms += [(self.m.lp.col["bundle", cell, gate], teu) for cell in cells]
        self.add_row(("commodity", commodity), terms, high=0.0)

    def route_change(
        self, commodity: Commodity, arcs: tuple[int, ...]
    ) -> tuple[float, dict[str, float]]:
        """Change of cost (mcny) and of other amounts per TEU that leaves the base route."""
        problem, line = self.m.problem, commodity[0]
        base = base_path(self.m, commodity)
        if problem.is_plain:
            cost = route_weight(self.m, commodity, arcs) / MCNY
        else:
            cost = problem.route_cost(line, arcs) - problem.route_cost(line, base)
        if not problem.is_measured_on_routes:
            return cost, {}
        return cost, _change(problem.route_amounts(line, arcs), problem.route_amounts(line, base))


def _change(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    return {name: value - old[name] for name, value in new.items()}
