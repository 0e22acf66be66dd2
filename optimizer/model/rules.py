"""Policy rules (5), chain leaders (6) and whole blocks (7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

import numpy as np

from optimizer.model.base import SitingModel
from optimizer.problem import hosts_within


def add_rules(m: SitingModel) -> None:
    """(5) Linear policy rules; exclusions have already removed their cells."""
    problem = m.problem
    rules = problem.table("rules")
    zone_rows = list(problem.table("zones").itertuples())
    counted = [
        k for k, r in enumerate(zone_rows) if r.status != "existing" and ("open", k) in m.lp.col
    ]
    prefecture = [r.prefecture_id for r in zone_rows]
    every = [c for cs in m.cells_of.values() for c in cs]
    for rule in rules[rules["active"] == 1].itertuples():
        key = ("rule", rule.rule_id)
        if rule.kind in ("max_zones", "min_zones"):
            terms = [(m.lp.col["open", k], 1.0) for k in counted]
            _bounded(m, key, terms, rule.kind == "max_zones", rule.value)
        elif rule.kind == "max_industries_per_zone":
            by_zone: dict[int, list[tuple[int, float]]] = defaultdict(list)
            for zone, industry in m.cells_of:
                by_zone[zone].append((m.lp.col["host", zone, industry], 1.0))
            for zone, terms in by_zone.items():
                m.lp.add_row((*key, zone), terms, high=rule.value)
        elif rule.kind == "budget_mcny":
            m.lp.add_row(key, capital_terms(m), high=rule.value)
        elif rule.kind in ("min_share_of_prefecture", "max_share_of_prefecture"):
            inside = [c for c in every if prefecture[problem.cell_zone[c]] == rule.prefecture_id]
            terms = m.out_terms(inside) + m.out_terms(every, -rule.value)
            _bounded(m, key, terms, rule.kind == "max_share_of_prefecture", 0.0)
        elif rule.kind == "min_absorbed_share":
            named = (
                set(rule.industry_id.split(";")) if rule.industry_id else set(problem.industries)
            )
            inside = [c for c in every if problem.industries[problem.cell_industry[c]] in named]
            volume = sum(
                v
                for v, i in zip(problem.volume, problem.block_industry, strict=True)
                if problem.industries[i] in named
            )
            m.lp.add_row(key, m.out_terms(inside), low=rule.value * volume)
        elif rule.kind == "max_new_projects":
            terms = [(c, 1.0) for k, c in m.lp.col.items() if k[0] == "project"]
            m.lp.add_row(key, terms, high=rule.value)


def _bounded(m: SitingModel, key: Hashable, terms: list, is_most: bool, value: float) -> None:
    if is_most:
        m.lp.add_row(key, terms, high=value)
    else:
        m.lp.add_row(key, terms, low=value)


def capital_terms(m: SitingModel) -> list[tuple[int, float]]:
    """(column, capital in mcny) of zones, modules and projects: what a budget counts."""
    problem = m.problem
    terms = []
    for k, r in enumerate(problem.table("zones").itertuples()):
        if r.status != "existing" and r.open_mcny and ("open", k) in m.lp.col:
            terms.append((m.lp.col["open", k], r.open_mcny))
    for r in problem.table("modules").itertuples():
        if r.capital_mcny and ("module", r.module_id) in m.lp.col:
            terms.append((m.lp.col["module", r.module_id], r.capital_mcny))
    for r in problem.table("projects").itertuples():
        if r.capital_mcny:
            terms.append((m.lp.col["project", r.project_id], r.capital_mcny))
    return terms


def add_chains(m: SitingModel) -> None:
    """(6) A follower only within reach of a zone that hosts its leader."""
    problem = m.problem
    at = {name: k for k, name in enumerate(problem.industries)}
    near_by_hours: dict[float, np.ndarray] = {}
    for chain in problem.table("chains").itertuples():
        leader, follower = at[chain.leader_industry_id], at[chain.follower_industry_id]
        if chain.max_hours not in near_by_hours:
            near_by_hours[chain.max_hours] = hosts_within(problem, chain.max_hours)
        near = near_by_hours[chain.max_hours]
        for zone in [z for z, i in m.cells_of if i == follower]:
            terms = [(m.lp.col["host", zone, follower], 1.0)]
            terms += [
                (m.lp.col["host", z, leader], -1.0)
                for z, i in m.cells_of
                if i == leader and near[zone, z]
            ]
            m.lp.add_row(("chain", chain.chain_id, zone, follower), terms, high=0.0)


def add_whole_blocks(m: SitingModel) -> None:
    """(7) A whole block goes to one zone, one rival, or stays."""
    problem = m.problem
    by_block: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, column in m.lp.col.items():
        if key[0] == "x":
            by_block[key[1]][int(problem.cell_zone[key[2]])].append(column)
    for block in map(int, np.flatnonzero(problem.whole)):
        volume = float(problem.volume[block])
        if volume == 0:
            continue
        choices: list[int] = []
        for zone, columns in by_block[block].items():
            choice = m.add(("whole", block, "zone", zone), ub=1.0, integer=True)
            m.lp.add_row(
                ("whole_zone", block, zone),
                [(c, 1.0) for c in columns] + [(choice, -volume)],
                low=0.0,
                high=0.0,
            )
            host = m.lp.col["host", zone, int(problem.block_industry[block])]
            m.lp.add_row(("whole_host", block, zone), [(host, 1.0), (choice, -1.0)], low=0.0)
            choices.append(choice)
        for r in range(len(problem.rivals)):
            if ("rival", block, r) in m.lp.col:
                full = m.lp.ub[m.lp.col["rival", block, r]] >= volume * (1 - 1e-9)
                choice = m.add(("whole", block, "rival", r), ub=1.0 if full else 0.0, integer=True)
                m.lp.add_row(
                    ("whole_rival", block, r),
                    [(m.lp.col["rival", block, r], 1.0), (choice, -volume)],
                    low=0.0,
                    high=0.0,
                )
                choices.append(choice)
        if ("stay", block) in m.lp.col:
            choice = m.add(("whole", block, "stay", 0), ub=1.0, integer=True)
            m.lp.add_row(
                ("whole_stay", block),
                [(m.lp.col["stay", block], 1.0), (choice, -volume)],
                low=0.0,
                high=0.0,
            )
            choices.append(choice)
        m.lp.add_row(("whole", block), [(c, 1.0) for c in choices], low=1.0, high=1.0)
