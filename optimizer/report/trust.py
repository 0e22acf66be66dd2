"""Tables of what the answer rests on: evidence rows, assumed data, checks, provenance, summary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from instances.schema import GRADES, TABLE
from optimizer.report.legs import COMPONENTS, LOGISTICS_ONLY, parse_goods
from optimizer.report.limits import capital
from optimizer.report.names import filled, ids
from optimizer.report.siting import jobs

if TYPE_CHECKING:
    from optimizer.report.facts import Facts

ASSUMED = "assumed"
Rows = tuple[tuple[str, str], ...]  # (table, key of the row)
_TOLERANCE = 1e-6


class Evidence:
    """Which rows of the instance the plan uses, and how much cost rests on each (absolute mcny)."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.grades: dict[tuple[str, str], tuple[str, str]] = {}
        self.mcny: dict[tuple[str, str], float] = {}
        for name, table in TABLE.items():
            if "grade" not in table.names:
                continue
            frame = facts.table(name)
            keys = _keys(frame, table.key)
            sources = map(filled, frame["source"])
            for key, grade, source in zip(keys, frame["grade"], sources, strict=True):
                self.grades[name, key] = (str(grade), source)
        self._module_zones = _lookup(facts.table("modules"), "module_id", "zone_id")
        self._rival_regions = _lookup(facts.table("rivals"), "rival_id", "factor_region_id")
        self._rival_forms = _lookup(facts.table("rivals"), "rival_id", "form_id")
        self._origin_forms = _lookup(facts.table("origins"), "origin_id", "form_id")
        self._zone_forms: dict[tuple[str, str], dict[str, None]] = {}
        for move in facts.plan.moves:
            for industry in (move.industry_id, ""):
                forms = self._zone_forms.setdefault((move.zone_id, industry), {})
                forms[move.form_id] = None
        self.total = 0.0
        self.on_assumed = 0.0
        self.by_table: dict[str, float] = {}
        self._decisions()
        self._legs()
        self._accounts()

    def use(self, table: str, *key: object) -> None:
        """Note that the plan uses a row, without money of its own."""
        self.mcny.setdefault((table, "/".join(map(str, key))), 0.0)

    def rest(self, rows: Rows, mcny: float) -> None:
        """Let an amount of cost rest on rows: it is on assumed data if any of them is."""
        amount = abs(mcny)
        self.total += amount
        weak = {table for table, key in rows if self.grades.get((table, key), ("",))[0] == ASSUMED}
        for row in rows:
            self.mcny[row] = self.mcny.get(row, 0.0) + amount
        for table in weak:
            self.by_table[table] = self.by_table.get(table, 0.0) + amount
        if weak:
            self.on_assumed += amount

    def _decisions(self) -> None:
        facts, plan = self.facts, self.facts.plan
        for move in plan.moves:
            self.use("zones", move.zone_id)
            self.use("eligibility", move.zone_id, move.industry_id)
            self.use("forms", move.form_id)
        for origin, industry in facts.blocks:
            self.use("blocks", origin, industry)
            self.use("origins", origin)
        for industry in dict.fromkeys(i for _, i in facts.blocks):
            for factor in facts.table("factors")["factor_id"]:
                if ("industry_factors", f"{industry}/{factor}") in self.grades:
                    self.use("industry_factors", industry, factor)
        for key in dict.fromkeys(flow.goods for flow in plan.flows):
            goods = parse_goods(key)
            inbound = goods.direction == "in"
            role = "source" if inbound else "market"
            self.use("regions", goods.region_id, role, goods.place_id)
            if inbound:
                self.use("inputs", goods.industry_id, goods.input_id, goods.region_id)
            else:
                self.use("outputs", goods.industry_id, goods.region_id)
            if goods.place_id in facts.places:
                self.use("places", goods.place_id)
        for start, end in zip(facts.arcs["from_id"], facts.arcs["to_id"], strict=True):
            self.use("places", start)
            self.use("places", end)
        for cell in facts.arcs["bottleneck_id"]:
            for bottleneck in ids(cell):
                self.use("bottlenecks", bottleneck)
        for service in facts.arcs["service_id"]:
            if service:
                self.use("services", service)
        for pool in facts.table("pools")["pool_id"]:
            self.use("pools", pool)
        rules = facts.table("rules")
        for rule in rules.loc[rules["active"] == 1, "rule_id"]:
            self.use("rules", rule)

    def _legs(self) -> None:
        """Legs rest on their row, and on the tariff where the row quotes no money."""
        facts = self.facts
        weights = (facts.legs["generalised_cny_per_teu"] * facts.legs["teu"] / 1e6).to_numpy()
        arcs = facts.arcs
        sums = np.bincount(
            facts.legs["arc_number"].to_numpy(), weights=np.abs(weights), minlength=len(arcs)
        )
        for table, row, tariff, amount in zip(
            arcs["table"], arcs["row_id"], arcs["tariff_id"], sums, strict=True
        ):
            rows = ((table, row), ("tariffs", tariff)) if tariff else ((table, row),)
            self.rest(rows, float(amount))

    def _accounts(self) -> None:
        """Account lines rest on the rows of their formula; what the legs explain is taken off."""
        facts = self.facts
        lines = facts.accounts[~facts.accounts["component"].isin(LOGISTICS_ONLY)]
        keys = ["component", "host_kind", "host_id", "industry_id"]
        legs = legs_by_host(facts)
        for key, amount in lines.groupby(keys)["mcny"].sum().items():
            component, kind, host, industry = map(str, key)  # type: ignore[arg-type]
            left = float(amount) - legs.get((component, kind, host, industry), 0.0)
            rows = self._behind(component, kind, host, industry)
            self.rest(tuple(r for r in rows if r in self.grades), left)

    def _behind(self, component: str, kind: str, host: str, industry: str) -> Rows:
        plan = self.facts.plan
        at = f"{host}/{industry}"
        if component in ("labour", "electricity", "water", "rent"):
            prices = ("blocks", at) if kind == "stay" else ("factor_prices", self._region(host))
            return (("industries", industry), prices)
        if component == "margin":
            return (("blocks", at),) if kind == "stay" else (("rivals", host),)
        if component in ("admin", "deposit", "duty", "vat_financing", "vat_loss"):
            forms = self._forms(kind, host, industry)
            return (("industries", industry), *(("forms", f) for f in forms))
        if component == "modules":
            built = (m for m, count in plan.modules if count and self._module_zones[m] == host)
            return tuple(("modules", m) for m in built)
        if component == "increments":
            return tuple(("pools", p) for p, amount in plan.increments if amount)
        if component == "agglomeration":
            return tuple(
                (table, key)
                for table, key in self.grades
                if table == "agglomeration"
                and (not industry or key.startswith(f"{self._cluster(industry)}/"))
            )
        if component in ("relocation", "setup"):
            return (("industries", industry),)
        if component == "subsidy":
            return (("factor_prices", self._region(host)),)
        lump = {"opening": "zones", "projects": "projects", "services": "services"}.get(component)
        return ((lump, host),) if lump else ()

    def _region(self, host: str) -> str:
        if host in self.facts.zones:
            return filled(self.facts.zones[host]["factor_region_id"])
        return self._rival_regions.get(host, "")

    def _forms(self, kind: str, host: str, industry: str) -> tuple[str, ...]:
        if kind == "zone":
            return tuple(self._zone_forms.get((host, industry), ()))
        forms = self._rival_forms if kind == "rival" else self._origin_forms
        return (forms.get(host, ""),)

    def _cluster(self, industry: str) -> str:
        """Return the cluster of an industry; accounts may name the cluster itself."""
        row = self.facts.industries.get(industry)
        return filled(row["cluster_id"]) if row else industry


def _lookup(frame: pd.DataFrame, key: str, value: str) -> dict[str, str]:
    return {str(k): filled(v) for k, v in zip(frame[key], frame[value], strict=True)}


def _keys(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    if len(columns) == 1:
        return [str(k) for k in frame[columns[0]]]
    parts = (frame[c].tolist() for c in columns)
    return ["/".join(map(str, k)) for k in zip(*parts, strict=True)]


def legs_by_host(facts: Facts) -> dict[tuple[str, str, str, str], float]:
    """Return the legs' cost in mcny by (component, host_kind, host_id, industry_id)."""
    number = facts.legs["flow"].to_numpy()
    teu = facts.legs["teu"].to_numpy()
    result: dict[tuple[str, str, str, str], float] = {}
    for component in COMPONENTS:
        cost = np.bincount(
            number,
            weights=facts.legs[f"{component}_cny_per_teu"].to_numpy() * teu / 1e6,
            minlength=len(facts.flows),
        )
        frame = facts.flows[["host_kind", "host_id", "industry_id"]].assign(mcny=cost)
        sums = frame.groupby(["host_kind", "host_id", "industry_id"])["mcny"].sum()
        for key, value in sums.items():
            result[component, *key] = float(value)  # type: ignore[index,misc]
    return result


def evidence_table(evidence: Evidence) -> pd.DataFrame:
    """Return each row of the instance that the plan uses: grade, source, cost resting on it.

    One line of the accounts may rest on several rows, so the column does not sum to the cost.
    """
    rows = [
        (table, key, *evidence.grades[table, key], mcny)
        for (table, key), mcny in evidence.mcny.items()
        if (table, key) in evidence.grades
    ]
    columns = ["table", "row_id", "grade", "source", "resting_mcny"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.astype({c: "float64" if c == "resting_mcny" else "str" for c in columns})
    return frame.sort_values("resting_mcny", ascending=False, kind="stable").reset_index(drop=True)


def assumed_table(evidence: Evidence, rows: pd.DataFrame) -> pd.DataFrame:
    """Return by table how many used rows are assumed and the share of the cost resting on them.

    The cost is taken line by line without its sign, so that subsidies do not hide anything. The
    first row, ``all``, counts each line once.
    """
    counts = rows.groupby(["table", "grade"]).size()
    result = []
    for table in dict.fromkeys(["all", *TABLE]):
        used = {
            g: int(rows["grade"].eq(g).sum() if table == "all" else counts.get((table, g), 0))
            for g in GRADES
        }
        if not sum(used.values()):
            continue
        resting = evidence.on_assumed if table == "all" else evidence.by_table.get(table, 0.0)
        result.append(
            {
                "table": table,
                "rows_used": sum(used.values()),
                **{f"{g}_rows": n for g, n in used.items()},
                "on_assumed_mcny": resting,
                "on_assumed_share": resting / evidence.total if evidence.total else math.nan,
            }
        )
    columns = ["table", "rows_used", *(f"{g}_rows" for g in GRADES)]
    frame = pd.DataFrame(result, columns=[*columns, "on_assumed_mcny", "on_assumed_share"])
    rest = frame[frame["table"] != "all"].sort_values(
        "on_assumed_mcny", ascending=False, kind="stable"
    )
    return pd.concat([frame[frame["table"] == "all"], rest], ignore_index=True)


def checks_table(facts: Facts, limits_of: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return sums that must agree: what the plan states and what the report computes.

    ``limits_of`` holds the tables of bottlenecks, pools, services and rules: no use may exceed what
    there is. This is a check of the report's own tables, not the verifier.
    """
    plan = facts.plan
    accounts = facts.accounts.groupby("component")["mcny"].sum()
    legs: dict[str, float] = {}
    for (component, *_), value in legs_by_host(facts).items():
        legs[component] = legs.get(component, 0.0) + value
    moved = [(m.origin_id, m.industry_id, m.output_mcny) for m in plan.moves]
    rival = [(o, i, v) for o, i, _, v in plan.rivals]
    placed: dict[tuple[str, str], float] = {}
    for origin, industry, value in [*moved, *rival, *plan.stays]:
        placed[origin, industry] = placed.get((origin, industry), 0.0) + value
    off = [
        abs(float(row["volume_mcny_per_year"]) - placed.get((o, i), 0.0))
        for (o, i), row in facts.blocks.items()
    ]
    volume = math.fsum(float(r["volume_mcny_per_year"]) for r in facts.blocks.values())
    pairs = [("accounts_sum_to_cost", plan.cost_mcny, math.fsum(facts.accounts["mcny"]))]
    if plan.question.objective == "cost":
        pairs.append(("objective_is_cost", plan.objective, plan.cost_mcny))
    pairs += [
        ("output_is_placed", volume, math.fsum(placed.values())),
        ("every_block_is_placed", 0.0, max(off, default=0.0)),
    ]
    pairs += [
        (f"legs_sum_to_accounts:{c}", float(accounts.get(c, 0.0)), legs.get(c, 0.0))
        for c in LOGISTICS_ONLY
        if c in accounts.index or legs.get(c)
    ]
    pairs += [(f"within:{name}", 0.0, _excess(frame)) for name, frame in limits_of.items()]
    scale = {"every_block_is_placed": volume}
    rows = [
        {
            "check": name,
            "stated": stated,
            "recomputed": found,
            "difference": found - stated,
            "ok": abs(found - stated) <= _TOLERANCE * max(1.0, abs(stated), scale.get(name, 0.0)),
        }
        for name, stated, found in pairs
    ]
    return pd.DataFrame(rows)


def _excess(frame: pd.DataFrame) -> float:
    """Return the largest relative excess of a table of limits; 0 where all are kept."""
    if "slack" in frame.columns:
        kept = frame[frame["active"] & frame["slack"].notna()]
        over = -kept["slack"] / kept["limit"].abs().clip(lower=1.0)
    else:
        over = frame["use_share"] - 1.0
        if over.isna().any():  # something is used of which there is nothing
            return math.inf
    return max(0.0, float(over.max())) if len(over) else 0.0


def summary_table(facts: Facts, evidence: Evidence) -> pd.DataFrame:
    """Return the key figures: key, value, unit. The keys name them in every output."""
    plan = facts.plan
    volume = math.fsum(float(r["volume_mcny_per_year"]) for r in facts.blocks.values())
    rival = math.fsum(v for *_, v in plan.rivals)
    stayed = math.fsum(v for *_, v in plan.stays)
    flows = facts.flows[facts.flows["host_kind"] == "zone"]
    teu = {d: float(flows.loc[flows["direction"] == d, "teu"].sum()) for d in ("in", "out")}
    legs = facts.zone_legs
    co2e = float(np.dot(legs["co2e_kg_per_teu"], legs["teu"])) / 1000
    share = (lambda v: v / volume) if volume else (lambda v: math.nan)
    saving = plan.stay_cost_mcny - plan.cost_mcny
    taking = len({m.zone_id for m in plan.moves})
    figures: list[tuple[str, float, str]] = [
        ("objective", plan.objective, _OBJECTIVE_UNIT[plan.question.objective]),
        ("bound", plan.bound, _OBJECTIVE_UNIT[plan.question.objective]),
        ("gap", plan.gap, "share"),
        ("cost", plan.cost_mcny, "mcny_per_year"),
        ("stay_cost", plan.stay_cost_mcny, "mcny_per_year"),
        ("saving", saving, "mcny_per_year"),
        (
            "saving_share",
            saving / plan.stay_cost_mcny if plan.stay_cost_mcny else math.nan,
            "share",
        ),
        ("relocatable", volume, "mcny_per_year"),
        ("absorbed", plan.absorbed_mcny, "mcny_per_year"),
        ("absorbed_share", share(plan.absorbed_mcny), "share"),
        ("rival", rival, "mcny_per_year"),
        ("rival_share", share(rival), "share"),
        ("stayed", stayed, "mcny_per_year"),
        ("stayed_share", share(stayed), "share"),
        ("zones_open", len(plan.open_zones), "zones"),
        ("zones_taking", taking, "zones"),
        ("zones_candidates", len(facts.zones), "zones"),
        ("projects_built", len(plan.projects), "projects"),
        ("capital", capital(facts), "mcny"),
        ("jobs", jobs(facts), "persons"),
        ("teu_in", teu["in"], "teu_per_year"),
        ("teu_out", teu["out"], "teu_per_year"),
        ("co2e", co2e, "tonnes_per_year"),
        (
            "on_assumed_share",
            evidence.on_assumed / evidence.total if evidence.total else math.nan,
            "share",
        ),
    ]
    frame = pd.DataFrame(figures, columns=["key", "value", "unit"])
    return frame.astype({"key": "str", "value": "float64", "unit": "str"})


_OBJECTIVE_UNIT = {
    "cost": "mcny_per_year", "absorbed": "mcny_per_year", "jobs": "persons",
    "hours": "teu_hours_per_year", "co2e": "tonnes_per_year", "outlay": "mcny_per_year",
}  # fmt: skip


def provenance_table(facts: Facts, run_info: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return where the answer comes from: instance, question, run, settings, sources."""
    instance, plan = facts.instance, facts.plan
    rows: list[tuple[str, str, str]] = [
        ("instance", "id", instance.instance_id),
        ("instance", "name", f"{instance.name} {instance.name_zh}".strip()),
        ("instance", "hash", instance.hash),
        ("plan", "instance_hash", plan.instance_hash),
        ("plan", "status", str(plan.status)),
        ("plan", "stop_reason", plan.stop_reason),
    ]
    rows += [("question", k, _text(v)) for k, v in asdict(plan.question).items()]
    for key, value in (run_info or {}).items():
        if isinstance(value, Mapping):
            rows += [(f"run {key}", str(k), _text(v)) for k, v in value.items()]
        else:
            rows.append(("run", str(key), _text(value)))
    rows += [("settings", k, _text(v)) for k, v in asdict(instance.settings).items()]
    rows += [("currency", k, _text(v)) for k, v in instance.currency.items()]
    rows += [("sources", k, str(v)) for k, v in instance.sources.items()]
    return pd.DataFrame(rows, columns=["group", "key", "value"], dtype="str")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return str(value)
