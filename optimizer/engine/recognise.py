"""Which method an instance and a question call for: found from structure alone, never from names.

``facility``: every block must move, nothing travels, each zone has a capacity of its own.
``design``: every block has one possible place, and its goods pay for the arcs that projects open.
``siting``: everything else, by the general engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from instances import Instance
from optimizer.plan.plan import Question

Method = Literal["facility", "design", "siting"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The method that fits, and why: one reason per sentence."""

    method: Method
    reasons: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the method and its reasons as lines of text."""
        return [f"method: {self.method}", *(f"  {reason}" for reason in self.reasons)]


def recognise(instance: Instance, question: Question) -> Structure:
    """Return the method for a question on an instance, with the structure that decides it."""
    shared = list(_beyond_both(instance, question))
    location = shared + list(_beyond_location(instance, question))
    if not location:
        return Structure("facility", tuple(_why_location(instance)))
    design = shared + list(_beyond_design(instance, question))
    if not design:
        return Structure("design", tuple(_why_design(instance)))
    closest = min(location, design, key=len)
    name = "facility location" if closest is location else "network design"
    return Structure("siting", tuple(f"not plain {name}: {reason}" for reason in closest))


def _beyond_both(instance: Instance, question: Question) -> Iterator[str]:
    """What neither special structure can hold."""
    if question.objective != "cost":
        yield f"the objective is {question.objective}, not cost"
    limits = (question.budget_mcny, question.cost_limit_mcny)
    targets = (question.target_mcny, question.target_share)
    if any(x is not None for x in (*limits, *targets)) or question.industry_targets:
        yield "the question sets a target or a limit"
    if question.weights:
        yield "the question weighs measures with the cost"
    if question.least or question.most or question.limits or question.differ:
        yield "the question bounds decisions or measures"
    blocks = instance.tables["blocks"]
    stay = int((blocks["may_stay"] == 1).sum())
    if stay:
        yield f"{stay} of {len(blocks)} blocks may stay where they are"
    words = {
        "rivals": "rival hosts compete",
        "modules": "capacity comes in modules",
        "chains": "followers depend on chain leaders",
        "agglomeration": "cost falls with agglomeration",
        "services": "services run or do not",
    }
    for table, words_of_it in words.items():
        count = len(instance.tables[table])
        if count:
            yield f"{words_of_it} (table {table}: {count} rows)"
    rules = instance.tables["rules"]
    active = int((rules["active"] == 1).sum())
    if active:
        yield f"{active} policy rules are active"
    scales = instance.tables["industries"]["min_scale_mcny_per_year"]
    if (scales > 0).any():
        yield "industries have a minimum scale"


# -- facility location ------------------------------------------------------------------------


def _beyond_location(instance: Instance, question: Question) -> Iterator[str]:
    for table, words in (("inputs", "inputs travel"), ("outputs", "outputs travel")):
        if travels(instance, table):
            yield f"{words} over the network"
    if len(instance.tables["projects"]):
        yield "projects can be built"
    whole = instance.tables["blocks"]["whole"]
    if whole.nunique() > 1:
        yield "some blocks must stay whole and others may be split"
    industries = instance.tables["industries"]
    if len(industries) > 1 and (industries["host_setup_mcny_per_year"] > 0).any():
        yield "several industries have set-up costs"
    pools = binding_pools(instance)
    if pools["factor_id"].nunique() > 1:
        yield f"zones are limited by {pools['factor_id'].nunique()} factors"
    if (pools["zones"] > 1).any():
        yield f"{int((pools['zones'] > 1).sum())} pools are shared by several zones"
    if (pools["increment_max"] > 0).any():
        yield "capacity can be bought"
    if (pools["form_id"] != "").any():
        yield "capacities hold for some trade forms only"


def travels(instance: Instance, table: str) -> bool:
    """Return whether goods of a table (inputs, outputs) leave the gate of their host."""
    rows = instance.tables[table]
    if rows.empty:
        return False
    role = "source" if table == "inputs" else "market"
    regions = instance.tables["regions"]
    away = regions[(regions["role"] == role) & (regions["place_id"] != "@local")]
    share = "share_of_output_value" if table == "inputs" else "share"
    used = rows.loc[rows[share] > 0, "region_id"]
    return bool(used.isin(away.loc[away["share"] > 0, "region_id"]).any())


def binding_pools(instance: Instance) -> pd.DataFrame:
    """Return the pools that can limit output, with the number of their ``zones``."""
    pools = instance.tables["pools"]
    factors = instance.tables["industry_factors"]
    needed = set(factors.loc[factors["use_per_mcny"] > 0, "factor_id"])
    limited = np.isfinite(pools["endowment"].to_numpy(dtype=float))
    pools = pools[limited & pools["factor_id"].isin(needed).to_numpy()].copy()
    members = instance.tables["pool_members"]["pool_id"].value_counts()
    pools["zones"] = [int(members.get(p, 0)) for p in pools["pool_id"]]
    return pools[pools["zones"] > 0]


def _why_location(instance: Instance) -> Iterator[str]:
    zones, blocks = instance.tables["zones"], instance.tables["blocks"]
    yield "nothing travels over the network: no inputs or outputs leave the zones"
    yield f"every one of {len(blocks)} blocks must move to one or more of {len(zones)} zones"
    pools = binding_pools(instance)
    if len(pools):
        yield f"{len(pools)} zones have a capacity, each its own: capacitated facility location"
    else:
        yield "no zone has a capacity: uncapacitated facility location"
    if len(blocks) and (blocks["whole"] == 1).all():
        yield "every block moves whole: single source"


# -- network design ---------------------------------------------------------------------------


def _beyond_design(instance: Instance, question: Question) -> Iterator[str]:
    if not (travels(instance, "inputs") or travels(instance, "outputs")):
        yield "nothing travels over the network"
    if len(binding_pools(instance)):
        yield "zones have limited factors"
    eligibility = instance.tables["eligibility"]
    choices = eligibility["industry_id"].value_counts()
    industries = instance.tables["blocks"]["industry_id"].unique().tolist()
    free = sum(int(choices.get(i, 0)) != 1 for i in industries)
    several_forms = bool(eligibility["form_id"].str.contains(";").any())
    if free or several_forms:
        yield f"{free or len(eligibility)} industries have a choice of zones or trade forms"
    shut = set(question.forbid_zones)
    zones = instance.tables["zones"]
    shut |= set(zones.loc[zones["status"] == "forbidden", "zone_id"])
    if shut:
        yield "zones are forbidden"
    yield from _beyond_arcs(instance)


def _beyond_arcs(instance: Instance) -> Iterator[str]:
    """What is no arc with one rate, one capacity and one fixed cost."""
    projects, effects = instance.tables["projects"], instance.tables["project_effects"]
    if not len(projects):
        yield "no projects open arcs"
    if (effects["effect"] != "opens_link").any():
        yield "projects do more than open links"
    if effects["project_id"].duplicated().any() or effects["element_id"].duplicated().any():
        yield "projects and links do not belong together one to one"
    if (projects["needs_project_id"] != "").any() or (projects["excludes_project_id"] != "").any():
        yield "projects depend on each other"
    if (projects["status"] != "candidate").any():
        yield "projects are required or forbidden"
    links = instance.tables["links"]
    shared = links.loc[links["bottleneck_id"] != "", "bottleneck_id"]
    several = shared.str.contains(";").any() or shared.duplicated().any()
    for table in ("transfers", "customs"):
        several = several or (instance.tables[table]["bottleneck_id"] != "").any()
    if several:
        yield "capacities are shared by several arcs"
    if ((links["both_ways"] == 1) & (links["needs_project"] == 1)).any():
        yield "one project opens both directions of a link"
    if ((links["both_ways"] == 1) & (links["bottleneck_id"] != "")).any():
        yield "both directions of a link share a capacity"
    if (links["subsidy_cny_per_teu"] > 0).any():
        yield "links are subsidised"
    if len(instance.tables["customs"]):
        yield "goods change customs regimes"
    settings = instance.settings
    if settings.carrying_rate > 0:
        yield "time costs more for goods of high value: no common rate per TEU"
    tariffs = instance.tables["tariffs"]
    for column in ("rate_cny_per_tonne", "rate_cny_per_tonne_km"):
        if (tariffs[column] > 0).any():
            yield "arcs cost by weight: no common rate per TEU"
            break
    if settings.emission_cny_per_tonne > 0 and (tariffs["co2e_kg_per_tonne_km"] > 0).any():
        yield "emissions cost by weight: no common rate per TEU"


def _why_design(instance: Instance) -> Iterator[str]:
    links, projects = instance.tables["links"], instance.tables["projects"]
    blocks = instance.tables["blocks"]
    yield f"each of {len(blocks)} blocks must move and has one zone to move to"
    yield f"each of {len(projects)} projects opens one of {len(links)} links, with its own capacity"
    yield "all goods pay one rate per TEU on an arc: multicommodity fixed-charge network design"
