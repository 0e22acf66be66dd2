"""Projects and policy rules of `transfer`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from instances.generators import transfer_ranges as ranges
from instances.generators.transfer_backbone import City, Row, template_rows
from instances.generators.transfer_draw import Draw, significant
from instances.generators.transfer_hosts import Zone, cities_of, names_of, slug
from instances.generators.transfer_network import BONDED_ZONE_CUSTOMS, add_customs

Tables = dict[str, list[Row]]
_ASSUMED = {"grade": "assumed"}
_TABLE_OF = {"opens_link": "links", "opens_transfer": "transfers", "opens_customs": "customs",
             "opens_service": "services", "adds_bottleneck_teu": "bottlenecks"}  # fmt: skip


class Projects:
    """The projects of one instance, first those of `shanxi` that still have an effect."""

    def __init__(self, tables: Tables, seed: int, scale: float) -> None:
        self._tables, self._draw, self._scale = tables, Draw(seed, "projects"), scale
        tables["projects"], tables["project_effects"] = [], []
        self._keep_backbone()

    def _keep_backbone(self) -> None:
        """Keep the projects of `shanxi` that act on what is left of its network."""
        keys = {
            table: {row[table_key(table)] for row in self._tables[table]}
            for table in _TABLE_OF.values()
        }
        left: dict[str, list[Row]] = {}
        for row in template_rows("project_effects"):
            table = _TABLE_OF.get(row["effect"])
            if table and row["element_id"] in keys[table]:
                left.setdefault(row["project_id"], []).append(row)
        # some openings have no effect left: their rows may not wait for a project for ever
        for row in template_rows("projects"):
            if row["project_id"] not in left:
                continue
            kept = {
                column: ";".join(p for p in row[column].split(";") if p in left)
                for column in ("needs_project_id", "excludes_project_id")
            }
            self._tables["projects"].append(row | kept)
            self._tables["project_effects"] += left[row["project_id"]]

    def _add(
        self, key: str, name: str, kind: str, capital: tuple[float, float],
        effects: Sequence[tuple[str, str, float]], *, life: float = 30.0, **more: str,
    ) -> None:  # fmt: skip
        money = significant(self._draw.between(capital))
        self._tables["projects"].append({
            "project_id": key, "name": name, "name_zh": "", "kind": kind, "capital_mcny": money,
            "life_years": life, "upkeep_mcny_per_year": significant(money * 0.02),
            "needs_project_id": "", "excludes_project_id": "", "status": "candidate", **more,
            "source": f"drawn: {capital[0]:g} to {capital[1]:g} million CNY, 2 % upkeep",
            **_ASSUMED,
        })  # fmt: skip
        self._tables["project_effects"] += [
            {
                "project_id": key, "effect": effect, "element_id": element, "amount": amount,
                "source": "drawn with the project", **_ASSUMED,
            }
            for effect, element, amount in effects
        ]  # fmt: skip

    def add_bonded_zones(self, zones: Sequence[Zone], count: int) -> None:
        """Add bonded status for development zones; those of one province exclude each other."""
        cluster = {r["industry_id"]: r["cluster_id"] for r in self._tables["industries"]}
        able = {
            row["zone_id"]
            for row in self._tables["eligibility"]
            if cluster[row["industry_id"]] == "electronics"
        }
        candidates = [z for z in zones if z.kind == "development_zone" and z.zone_id in able]
        chosen = sorted(self._draw.order(candidates)[:count], key=lambda z: z.zone_id)
        for zone in chosen:
            key = zone.zone_id
            opened = add_customs(self._tables, key, BONDED_ZONE_CUSTOMS, needs_project=True)
            pool = f"bonded-floor-{key}"
            self._tables["pools"].append({
                "pool_id": pool, "factor_id": "floor_m2", "endowment": 0.0,
                "form_id": "bonded_zone", "name": f"Bonded factory floor, {names_of(zone)[0]}",
                "increment_max": 0.0, "increment_cny_per_unit_year": 0.0,
                "source": "none before the project", **_ASSUMED,
            })  # fmt: skip
            self._tables["pool_members"].append({"pool_id": pool, "zone_id": key})
            floor = self._draw.between(ranges.BONDED_FLOOR_M2)
            province = zone.city.country
            others = [z.zone_id for z in chosen if z is not zone and z.city.country == province]
            self._add(
                f"p-cbz-{key}", f"Comprehensive bonded zone in {names_of(zone)[0]}", "bonded_zone",
                ranges.BONDED_PROJECT_MCNY,
                [("allows_form", f"{key}:bonded_zone", 0.0), ("adds_pool", pool, floor),
                 *(("opens_customs", customs, 0.0) for customs in opened)],
                excludes_project_id=";".join(f"p-cbz-{o}" for o in others),
            )  # fmt: skip

    def add_terminals(self, dry_ports: Sequence[tuple[str, City, bool]], count: int) -> None:
        """Add extensions of dry ports: terminal, customs yard and line."""
        for place, city, _ in self._draw.order(list(dry_ports))[:count]:
            lifts = float(round(self._draw.between((5_000, 50_000)) * self._scale))
            yard = float(round(self._draw.between((1_000, 10_000)) * self._scale))
            self._add(
                f"p-port-{place}", f"{city.name} dry port extension", "dry_port",
                ranges.TERMINAL_PROJECT_MCNY,
                [("adds_bottleneck_teu", f"terminal-{place}", lifts),
                 ("adds_bottleneck_teu", f"customs-{place}", yard),
                 ("adds_bottleneck_teu", f"line-{place}", lifts)],
            )  # fmt: skip

    def add_trains(self, to_open: Sequence[tuple[str, str, City]]) -> None:
        """Add the start of trains; half wait for the dry port's extension, where there is one."""
        known = {row["project_id"] for row in self._tables["projects"]}
        for link, place, city in to_open:
            first = f"p-port-{place}"
            waits = self._draw.chance(0.5) and first in known
            self._add(
                f"p-{link}", f"{city.name}: start of the train", "block_train",
                ranges.TRAIN_PROJECT_MCNY, [("opens_link", link, 0.0)], life=10.0,
                needs_project_id=first if waits else "",
            )  # fmt: skip

    def add_building(self, zones: Sequence[Zone], count: int) -> None:
        """Add factory programmes of provinces, which raise what their cities can build."""
        provinces = sorted({z.city.country for z in zones})
        for province in self._draw.order(provinces)[:count]:
            mine = [z for z in zones if z.city.country == province]
            effects = [
                ("adds_pool", f"building-{city.city_id}",
                 significant(sum(z.city is city for z in mine)
                             * self._draw.between(ranges.BUILDING_PROJECT_M2)))
                for city in cities_of(mine)
            ]  # fmt: skip
            self._add(
                f"p-build-{slug(province)}", f"Standard factory programme, {province}", "other",
                ranges.BUILDING_PROJECT_MCNY, effects, life=20.0,
            )  # fmt: skip


def table_key(table: str) -> str:
    """The id column of a network table."""
    return f"{table.removesuffix('s')}_id" if table != "customs" else "customs_id"


def drop_waiting(tables: Tables) -> None:
    """Drop rows that wait for a project which no longer exists."""
    opened = {row["element_id"] for row in tables["project_effects"]}
    for table in ("links", "transfers", "customs"):
        key = table_key(table)
        tables[table] = [
            row for row in tables[table] if row.get("needs_project") != 1 or row[key] in opened
        ]


def add_rules(
    tables: Tables, zones: Sequence[Zone], template_of: Mapping[str, str], seed: int,
    most_projects: int,
) -> None:  # fmt: skip
    """Add policy rules; all allow that nothing moves, so that the instance stays feasible."""
    draw = Draw(seed, "rules")
    tables["rules"] = []

    def add(key: str, kind: str, text: str, *, active: bool = True, **fields: float | str) -> None:
        tables["rules"].append({
            "rule_id": key, "kind": kind, "text": text, "active": int(active), "industry_id": "",
            "zone_kind": "", "zone_id": "", "prefecture_id": "", "value": math.nan, **fields,
            "source": "rule of the kind that shanxi has, value drawn", **_ASSUMED,
        })  # fmt: skip

    def like(*originals: str) -> str:
        return ";".join(n for n, original in template_of.items() if original in originals)

    if like("fine_chemicals"):
        add("r-chemical-parks", "industry_only_in_zone_kind",
            "Fine chemicals only in recognised chemical parks.",
            industry_id=like("fine_chemicals"), zone_kind="chemical_park")  # fmt: skip
    heavy = like("coal_mining_machinery", "rail_transit_equipment", "photovoltaics")
    if heavy:
        add("r-no-heavy-in-towns", "industry_not_in_zone_kind",
            "No heavy equipment and no cells in professional towns.",
            industry_id=heavy, zone_kind="professional_town")  # fmt: skip
    dry = sorted(z.zone_id for z in draw.order(list(zones))[: max(1, len(zones) // 30)])
    thirsty = like("textiles_apparel", "food_pharma")
    if thirsty:
        add("r-water", "industry_not_in_zone", "No thirsty industry where water is short.",
            industry_id=thirsty, zone_id=";".join(dry))  # fmt: skip
    count = len(zones)
    budget = significant(draw.between(ranges.BUDGET_PER_ZONE_MCNY) * count, 3)
    add("r-budget", "budget_mcny",
        f"Public outlay of at most {budget:,.0f} million CNY.", value=budget)  # fmt: skip
    most = math.ceil(draw.between(ranges.MOST_ZONES_SHARE) * count)
    most = max(most, sum(row["status"] == "required" for row in tables["zones"]))
    add("r-max-zones", "max_zones", f"At most {most} zones open for the transfer.", value=most,
        active=draw.chance(ranges.RULE_ACTIVE_SHARE))  # fmt: skip
    add("r-leading", "max_industries_per_zone", "A zone keeps to at most four leading industries.",
        value=4, active=draw.chance(ranges.RULE_ACTIVE_SHARE))  # fmt: skip
    sizes = sorted((-sum(z.city is c for z in zones), c.city_id, c.name) for c in cities_of(zones))
    several = len(sizes) >= 5  # with fewer cities the rule could leave no way but to stay
    add("r-largest-city", "max_share_of_prefecture",
        f"{sizes[0][2]} takes at most 30 % of what is absorbed.", prefecture_id=sizes[0][1],
        value=0.3, active=several)  # fmt: skip
    add("r-smallest-city", "min_share_of_prefecture",
        f"{sizes[-1][2]} takes at least 0.5 % of what is absorbed.", prefecture_id=sizes[-1][1],
        value=0.005, active=draw.chance(ranges.RULE_ACTIVE_SHARE) and several)  # fmt: skip
    add("r-max-projects", "max_new_projects", f"At most {most_projects} projects are started.",
        value=most_projects)  # fmt: skip
