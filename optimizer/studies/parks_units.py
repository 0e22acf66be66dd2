"""What a million CNY of output costs in each park, component by component, without a solve.

Every host is asked for the same volume of the industry, over its best trade form and the least-cost
routes of today: so parks compare like with like, whatever a plan does with them. Components that do
not depend on volume are those of docs/formulas.md; floor, plots and other factors of pools are
bought at their cheapest, the zone's opening and setup are spread over the volume.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from instances import Instance
from optimizer.problem import MCNY, Problem, capital_recovery

COMPONENTS = {  # of the comparison -> components of docs/formulas.md
    "labour": ("labour",),
    "energy": ("electricity", "water"),
    "land": ("rent", "factors"),
    "fixed": ("opening", "setup"),
    "relocation": ("relocation",),
    "logistics_in": ("in freight", "in handling", "in subsidy"),
    "logistics_out": ("out freight", "out handling", "out subsidy"),
    "customs": (
        "admin", "deposit", "duty", "vat_financing", "vat_loss",
        "in declaration", "in duty", "in vat_financing",
        "out declaration", "out duty", "out vat_financing",
    ),
    "inventory": ("in inventory", "in reliability", "out inventory", "out reliability"),
    "emission": ("in emission", "out emission"),
    "density": ("density", "margin"),
    "subsidy": ("subsidy",),
}  # fmt: skip
GATEWAYS = ("sea_port", "border_crossing", "airport")


@dataclass(frozen=True)
class UnitCost:
    """Cost of hosting an industry at a reference volume, CNY per million CNY of output."""

    host_kind: str  # zone or rival
    host_id: str
    industry_id: str
    form_id: str
    volume_mcny: float  # reference volume: what the unit cost is for
    fits: bool  # False: not even with all that can be built
    parts: Mapping[str, float]  # by COMPONENTS
    assumed_share: float  # of the cost, by amount, that rests on an assumed row
    gateways: tuple[tuple[str, float], ...] = ()  # place, share of TEU
    corridors: tuple[tuple[str, float], ...] = ()

    @property
    def total(self) -> float:
        """All components together."""
        return math.fsum(self.parts.values())


def capital(rate: float, row: Any) -> float:
    """Return the yearly cost of a module or project, million CNY."""
    return row.capital_mcny * capital_recovery(rate, row.life_years) + row.upkeep_mcny_per_year


@dataclass(frozen=True)
class Offer:
    """What a pool can still sell: so many units at so much a year, cheapest first."""

    amount: float
    price_mcny: float  # per unit and year


@dataclass
class Units:
    """Unit costs of zones and rivals, from the numbers of a problem."""

    problem: Problem
    share: float  # reference volume as a share of what could move of the industry
    grades: dict[tuple[str, str], bool] = field(default_factory=dict)  # row -> assumed

    def __post_init__(self) -> None:
        """Index the tables that every host is priced with."""
        tables = self.problem.instance.tables
        for name in ("industries", "factor_prices", "zones", "forms", "pools", "tariffs", "links",
                     "transfers", "customs", "rivals"):  # fmt: skip
            frame = tables[name]
            keys = frame[frame.columns[0]]
            for key, grade in zip(keys, frame["grade"], strict=True):
                self.grades[name, str(key)] = grade == "assumed"
        self.zone_row = {r.zone_id: r for r in tables["zones"].itertuples()}
        self.pool_row = {r.pool_id: r for r in tables["pools"].itertuples()}
        self.place_kind = dict(
            zip(tables["places"]["place_id"], tables["places"]["kind"], strict=True)
        )
        self.link_row = {r.link_id: r for r in tables["links"].itertuples()}
        self.pools_of: dict[str, list[str]] = defaultdict(list)
        for r in tables["pool_members"].itertuples():
            self.pools_of[r.zone_id].append(r.pool_id)
        self.modules_of: dict[str, list[Any]] = defaultdict(list)
        for r in tables["modules"].itertuples():
            self.modules_of[r.pool_id].append(r)
        self.use = {
            (r.industry_id, r.factor_id): float(r.use_per_mcny)
            for r in tables["industry_factors"].itertuples()
        }
        blocks = tables["blocks"]
        self.movable = blocks.groupby("industry_id")["volume_mcny_per_year"].sum().to_dict()
        volume = {(r.origin_id, r.industry_id): r.volume_mcny_per_year for r in blocks.itertuples()}
        self.moves: dict[tuple[str, str], float] = defaultdict(float)  # CNY per mcny, by zone
        for r in tables["moves"].itertuples():
            total = self.movable.get(r.industry_id, 0.0)
            part = volume.get((r.origin_id, r.industry_id), 0.0)
            if total:
                self.moves[r.zone_id, r.industry_id] += r.cost_cny_per_mcny_year * part / total

    # -- reference volume ------------------------------------------------------------------------

    def reference(self, industry: int) -> float:
        """Return the volume that every host is priced at: a share of all, at least the scale."""
        row = self.problem.industry_rows[industry]
        movable = self.movable.get(row["industry_id"], 0.0)
        return max(float(row["min_scale_mcny_per_year"]), self.share * movable)

    def offers(self, pool_id: str) -> list[Offer]:
        """Return what a pool offers, cheapest first."""
        row = self.pool_row[pool_id]
        rate = self.problem.settings.discount_rate
        offers = [
            Offer(float(row.endowment), 0.0),
            Offer(float(row.increment_max), row.increment_cny_per_unit_year / MCNY),
        ]
        offers += [
            Offer(m.max_count * m.adds_per_module, capital(rate, m) / m.adds_per_module)
            for m in self.modules_of[pool_id]
            if m.adds_per_module > 0
        ]
        return sorted((o for o in offers if o.amount > 0), key=lambda o: o.price_mcny)

    def factors(self, zone_id: str, industry_id: str, form_id: str, volume: float) -> tuple[
        float, bool
    ]:  # fmt: skip
        """Return what a volume pays for factors of pools, mcny a year, and whether it fits."""
        cost, fits = 0.0, True
        for pool_id in self.pools_of[zone_id]:
            row = self.pool_row[pool_id]
            if row.form_id and form_id not in row.form_id.split(";"):
                continue
            need = self.use.get((industry_id, row.factor_id), 0.0) * volume
            for offer in self.offers(pool_id):
                taken = min(need, offer.amount)
                cost += taken * offer.price_mcny
                need -= taken
            fits = fits and need <= 1e-6 * volume
        return cost, fits

    def density(self, industry: int, volume: float) -> float:
        """Return the change of cost by the cluster's curve at a volume, mcny a year."""
        table = self.problem.table("agglomeration")
        cluster = self.problem.industry_rows[industry]["cluster_id"]
        curve = table[table["cluster_id"] == cluster].sort_values("point")
        if not cluster or curve.empty:
            return 0.0
        at, change = curve["volume_mcny_per_year"], curve["cost_change_mcny_per_year"]
        return float(np.interp(volume, at, change))

    # -- hosts -----------------------------------------------------------------------------------

    def zones(self) -> list[UnitCost]:
        """Return the best trade form of every (zone, industry) that may be hosted today or then."""
        problem = self.problem
        best: dict[tuple[str, str], UnitCost] = {}
        for cell in range(problem.n_cells):
            found = self._cell(cell)
            if found is None:
                continue
            key = found.host_id, found.industry_id
            if key not in best or found.total < best[key].total:
                best[key] = found
        return list(best.values())

    def _cell(self, cell: int) -> UnitCost | None:
        problem = self.problem
        zone_id = problem.zones[problem.cell_zone[cell]]
        industry = int(problem.cell_industry[cell])
        industry_id = problem.industries[industry]
        form_id = problem.forms[problem.cell_form[cell]]
        raw = {name: float(v[cell]) * MCNY for name, v in problem.cell_parts.items()}
        volume = self.reference(industry)
        factors, fits = self.factors(zone_id, industry_id, form_id, volume)
        zone = self.zone_row[zone_id]
        opening = 0.0
        if zone.status != "existing":
            rate = problem.settings.discount_rate
            opening = zone.open_mcny * capital_recovery(rate, zone.open_life_years)
            opening += zone.open_mcny_per_year
        setup = problem.industry_rows[industry]["host_setup_mcny_per_year"]
        raw |= {
            "factors": factors / volume * MCNY,
            "opening": opening / volume * MCNY,
            "setup": setup / volume * MCNY,
            "density": self.density(industry, volume) / volume * MCNY
            + self.moves[zone_id, industry_id],
        }
        rows = {
            "opening": [("zones", zone_id)],
            "factors": [("pools", p) for p in self.pools_of[zone_id]],
        }
        return self._priced("zone", zone_id, zone_id, industry, form_id, volume, fits, raw,
                            zone.factor_region_id, rows)  # fmt: skip

    def rivals(self) -> list[UnitCost]:
        """Return every (rival, industry) that the rival takes and has routes for."""
        problem, found = self.problem, []
        for r, row in enumerate(problem.table("rivals").itertuples()):
            for industry in range(len(problem.industries)):
                raw = {name: float(v[r, industry]) * MCNY
                       for name, v in problem.rival_parts.items()}  # fmt: skip
                if any(math.isnan(v) for v in raw.values()):
                    continue
                priced = self._priced(
                    "rival", row.rival_id, row.rival_id, industry, row.form_id,
                    self.reference(industry), True, raw, row.factor_region_id, {},
                )  # fmt: skip
                if priced is not None:
                    found.append(priced)
        return found

    def _priced(
        self,
        kind: str,
        host_id: str,
        place_id: str,
        industry: int,
        form_id: str,
        volume: float,
        fits: bool,
        raw: dict[str, float],
        region_id: str,
        rows: Mapping[str, Sequence[tuple[str, str]]],
    ) -> UnitCost | None:
        """Add routes and grades; None where some goods have no route."""
        problem = self.problem
        industry_id = problem.industries[industry]
        behind = {name: list(keys) for name, keys in rows.items()}
        gateways: dict[str, float] = defaultdict(float)
        corridors: dict[str, float] = defaultdict(float)
        teu_total = 0.0
        for k in problem.lines_of[industry]:
            line = problem.lines[k]
            if line.node < 0:
                continue
            node = problem.host_node(line, place_id, form_id)
            distance = problem.base_distance(k, node) if kind == "zone" else (
                problem.book.distance(k, node))  # fmt: skip
            if node < 0 or not math.isfinite(distance):
                return None
            path = problem.base_path(k, node) if kind == "zone" else problem.book.path(k, node)
            arcs = np.array(path, dtype=np.int64)
            side = "in" if line.inbound else "out"
            teu_total += line.teu
            weak = [self._row_of(a) for a in path]
            for name, values in problem.network.components(line.goods, arcs).items():
                key = f"{side} {name}"
                raw[key] = raw.get(key, 0.0) + float(values.sum()) * line.teu
                behind.setdefault(key, []).extend(weak)
            passed, named = self._passed(path)
            for place in passed:
                gateways[place] += line.teu
            for corridor in named:
                corridors[corridor] += line.teu
        parts = {
            name: math.fsum(raw.get(part, 0.0) for part in group)
            for name, group in COMPONENTS.items()
        }
        assumed = self._assumed(raw, behind, form_id, region_id)
        return UnitCost(
            kind, host_id, industry_id, form_id, volume, fits, parts, assumed,
            _shares(gateways, teu_total), _shares(corridors, teu_total),
        )  # fmt: skip

    def _row_of(self, arc: int) -> tuple[str, str]:
        network = self.problem.network
        return str(network.element_table[arc]), str(network.element_id[arc])

    def _passed(self, path: Iterable[int]) -> tuple[list[str], list[str]]:
        """Return the gateways and the corridors of a route, each once."""
        places: dict[str, None] = {}
        corridors: dict[str, None] = {}
        for arc in path:
            table, element = self._row_of(arc)
            if table != "links":
                continue
            row = self.link_row[element]
            for place in (row.tail_place_id, row.head_place_id):
                if self.place_kind[place] in GATEWAYS and self.problem.in_china[place]:
                    places[place] = None
            for corridor in filter(None, str(row.corridor_id or "").split(";")):
                corridors[corridor] = None
        return list(places), list(corridors)

    def _assumed(
        self,
        raw: Mapping[str, float],
        behind: Mapping[str, Sequence[tuple[str, str]]],
        form_id: str,
        region_id: str,
    ) -> float:
        """Return the share of the cost, by amount, whose rows are assumed.

        Rows about the industry stand behind every host alike and are left out: what is asked is
        how well this host is known. A part with several rows counts by their number.
        """
        common = {
            "labour": [("factor_prices", region_id)],
            "electricity": [("factor_prices", region_id)],
            "water": [("factor_prices", region_id)],
            "rent": [("factor_prices", region_id)],
            "subsidy": [("factor_prices", region_id)],
            "admin": [("forms", form_id)],
            "deposit": [("forms", form_id)],
            "duty": [("forms", form_id)],
            "vat_financing": [("forms", form_id)],
            "vat_loss": [("forms", form_id)],
        }
        weak = total = 0.0
        for name, amount in raw.items():
            rows = [*common.get(name, ()), *behind.get(name, ())]
            flags = [self.grades[row] for row in rows if row in self.grades]
            if flags:
                total += abs(amount)
                weak += abs(amount) * sum(flags) / len(flags)
        return weak / total if total else 0.0


def _shares(teu: Mapping[str, float], total: float) -> tuple[tuple[str, float], ...]:
    listed = sorted(teu.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, value / total) for name, value in listed) if total else ()


def zone_grade(instance: Instance, zone_id: str) -> dict[str, int]:
    """Return how many rows about a zone are reported, derived and assumed."""
    tables = instance.tables
    pools = set(tables["pool_members"].loc[tables["pool_members"]["zone_id"] == zone_id, "pool_id"])
    picked = [
        tables["zones"].loc[tables["zones"]["zone_id"] == zone_id, "grade"],
        tables["eligibility"].loc[tables["eligibility"]["zone_id"] == zone_id, "grade"],
        tables["pools"].loc[tables["pools"]["pool_id"].isin(pools), "grade"],
        tables["modules"].loc[tables["modules"]["zone_id"] == zone_id, "grade"],
        tables["moves"].loc[tables["moves"]["zone_id"] == zone_id, "grade"],
        tables["factor_prices"].loc[
            tables["factor_prices"]["factor_region_id"].isin(
                tables["zones"].loc[tables["zones"]["zone_id"] == zone_id, "factor_region_id"]
            ),
            "grade",
        ],
    ]
    counts = {"reported": 0, "derived": 0, "assumed": 0}
    for column in picked:
        for grade in column:
            counts[str(grade)] += 1
    return counts
