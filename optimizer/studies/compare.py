"""`compare`: two solves side by side: inputs, decisions, and a cost bridge that adds up.

The bridge is made of sums of account lines, so that its cells add up to the difference of the two
costs. Where the plan of the first solve is still a plan of the second instance and question, it is
priced there by the verifier's own programs (decisions and routes kept): what its price changes by
is due to changed prices, the rest to the changed plan.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instances import Instance, read_instance
from instances.schema import TABLES
from optimizer.plan.plan import Plan
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.run import RunFolderError, read_run
from optimizer.studies.players import loads_of
from optimizer.studies.store import Store

Lines = dict[tuple[str, str, str, str], list[float]]  # component, host kind, host, industry
DUST = 1e-9
FAULTS = 5  # reasons that are told why a plan cannot be priced on the other instance


@dataclass(frozen=True)
class Side:
    """One of the two solves."""

    name: str
    instance: Instance
    plan: Plan


def read_side(text: str | os.PathLike[str]) -> Side:
    """A run folder, or ``STUDY#CASE``: the solve of a study folder by its key or case name.

    Raises
    ------
    RunFolderError
        Neither, or the solve has no plan.
    """
    name = os.fspath(text)
    folder, mark, wanted = name.partition("#")
    if not mark:
        plan, _ = read_run(folder)
        return Side(Path(folder).name, read_instance(Path(folder) / "instance"), plan)
    store = Store.open(folder)
    names = []
    for case, solved, asked in store.entries():
        if solved.key == wanted or wanted in asked:
            if solved.plan is None:
                raise RunFolderError(
                    f"{name}: the solve has no plan to compare (it ended as {solved.status})"
                )
            changed = store.instance().override(*case["overrides"])
            return Side(wanted, changed, solved.plan)
        names += list(asked)
    shown = ", ".join(sorted(names)[:8])
    raise RunFolderError(f"{folder} has no solve {wanted!r}; it has {shown} ...")


def compare(before: Side, after: Side) -> Chapter:
    """Return the chapter of what differs between two solves."""
    inputs = changed_inputs(before, after)
    old, new = (lines_of(s.instance, s.plan) for s in (before, after))
    priced, faults = reprice(after.instance, before.plan, after.plan)
    old_cost, new_cost = _sum(old), _sum(new)
    change = new_cost - old_cost
    tables = [
        _waterfall_table(before, after, old, priced, new),
        _bridge_table("industries", "Cost bridge by component and industry", old, priced, new,
                      _industry, before, after),
        _bridge_table("hosts", "Cost bridge by component and host", old, priced, new, _host,
                      before, after),
        _inputs_table(inputs),
        _decisions_table(before, after),
        _volumes_table(before, after),
        _loads_table(before, after),
    ]  # fmt: skip
    bridge = tables[1].rows
    remainder = math.fsum([*(r["change_mcny"] for r in bridge), old_cost, -new_cost])
    stated = (after.plan.cost_mcny - before.plan.cost_mcny) - change
    return Chapter(
        "compare",
        "Two plans compared",
        "方案比较",
        asked=(f"{after.name} ({after.instance.name}) against {before.name} "
               f"({before.instance.name}).",),
        findings=tuple(_words(before, after, inputs, old, priced, new)),
        tables=tuple(tables),
        charts=(
            Chart(
                "bridge", "From the one cost to the other, million CNY a year", "waterfall",
                "waterfall", x="step", y="mcny", x_title="million CNY a year",
            ),
        ),
        cautions=tuple(_cautions(before, after, priced, faults)),
        facts={
            "changed_inputs": len(inputs),
            "bridge_remainder_mcny": remainder,
            "stated_costs_differ_mcny": stated,
            "gap_before": before.plan.gap,
            "gap_after": after.plan.gap,
        },
    )  # fmt: skip


# -- cost ----------------------------------------------------------------------------------------


def lines_of(instance: Instance, plan: Plan) -> Lines:
    """The account lines of a plan, mcny a year, origins together, under the verifier's keys.

    Lumps have no industry there, modules stand under their zone, increments under no host.
    """
    from optimizer.plan.verify.ledger import LUMPS

    modules = instance.tables["modules"]
    zone = dict(zip(modules["module_id"], modules["zone_id"], strict=True))
    lines: Lines = defaultdict(list)
    for line in plan.accounts:
        component, kind, host, industry = (
            line.component, line.host_kind, line.host_id, line.industry_id,
        )  # fmt: skip
        if component == "increments":
            kind, host, industry = "", "", ""
        elif component == "modules" and host in zone:
            kind, host, industry = "zone", zone[host], ""
        elif component in LUMPS and component != "setup":
            industry = ""
        lines[component, kind, host, industry].append(line.mcny)
    return dict(lines)


def reprice(instance: Instance, plan: Plan, asked: Plan) -> tuple[Lines | None, list[str]]:
    """What a plan costs on another instance, its decisions and routes kept, line by line.

    None with reasons where it is no plan there: rows that are missing, limits that it breaks, or
    a target of the question of ``asked`` that it misses.
    """
    from dataclasses import replace

    from optimizer.plan.verify.asked import check_asked, sound_asked
    from optimizer.plan.verify.books import books_of
    from optimizer.plan.verify.decisions import check_decisions
    from optimizer.plan.verify.entries import sound_entries, sound_question
    from optimizer.plan.verify.flows import FlowCheck
    from optimizer.plan.verify.ledger import recompute
    from optimizer.plan.verify.verdict import Findings

    books, findings = books_of(instance), Findings()
    facts = books.facts
    question = sound_question(facts, books.network, asked.question, findings)
    question = sound_asked(facts, question, findings)
    moved = sound_entries(facts, replace(plan, question=question), findings)
    if findings.violations:
        return None, [str(v) for v in findings.violations]
    amounts = check_decisions(facts, moved, findings)
    routed = FlowCheck(facts, books.network, books.goods, moved, amounts, findings).run()
    if findings.violations:
        return None, [str(v) for v in findings.violations]
    ledger = recompute(facts, books.goods, books.production, moved, amounts, routed)
    check_asked(facts, moved, amounts, routed, ledger, findings)
    if findings.violations:
        return None, [str(v) for v in findings.violations]
    return {line: [ledger.total(line)] for line in ledger.lines}, []


def _industry(key: tuple[str, str, str, str]) -> str:
    return key[3] or "(all industries together)"


def _host(key: tuple[str, str, str, str]) -> str:
    kind, host = key[1], key[2]
    return {"zone": host, "rival": f"rival {host}", "stay": f"stays in {host}"}.get(
        kind, host or "(all zones together)"
    )


def _sum(lines: Lines | None) -> float:
    return math.fsum(v for parts in (lines or {}).values() for v in parts)


def _cells(lines: Lines | None, group: Any) -> dict[tuple[str, str], list[float]]:
    cells: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key, parts in (lines or {}).items():
        cells[key[0], group(key)] += parts
    return cells


def _bridge_table(
    name: str, title: str, old: Lines, priced: Lines | None, new: Lines, group: Any,
    before: Side, after: Side,
) -> Table:  # fmt: skip
    """Cells of the bridge; each change is one exact sum of account lines, rounded once."""
    first, middle, last = (_cells(lines, group) for lines in (old, priced, new))
    rows = []
    for key in sorted(set(first) | set(middle) | set(last)):
        mine, later = first.get(key, []), last.get(key, [])
        there = middle.get(key, [])
        prices = _split(there, mine) if priced is not None else math.nan
        plan = _split(later, there) if priced is not None else math.nan
        rows.append(
            (*key, math.fsum(mine), prices, plan, _less(later, mine), math.fsum(later),
             max(before.plan.gap, after.plan.gap))
        )  # fmt: skip
    rows.sort(key=lambda r: (-abs(r[5]), r[0], r[1]))
    columns = [Column("component", "Component"), Column("of", "Industry or host"), *BRIDGE]
    return Table(name, title, tuple(columns), rows_of(columns, rows), NOTE)


def _less(later: Iterable[float], earlier: Iterable[float]) -> float:
    return math.fsum([*later, *(-v for v in earlier)])


def _split(later: Iterable[float], earlier: Iterable[float]) -> float:
    """A part of a change; what two programs round differently is none."""
    value = _less(later, earlier)
    return 0.0 if abs(value) < 1e-10 else value


def _waterfall_table(
    before: Side, after: Side, old: Lines, priced: Lines | None, new: Lines
) -> Table:
    gap = max(before.plan.gap, after.plan.gap)

    def by_component(lines: Lines | None) -> Mapping[str, list[float]]:
        found: dict[str, list[float]] = defaultdict(list)
        for key, parts in (lines or {}).items():
            found[key[0]] += parts
        return found

    first, middle, last = by_component(old), by_component(priced), by_component(new)
    steps = []
    for component in sorted(set(first) | set(middle) | set(last)):
        mine, there, later = (f.get(component, []) for f in (first, middle, last))
        if priced is None:
            steps.append((component, "", _less(later, mine)))
        else:
            steps.append((f"{component}: prices", "prices", _less(there, mine)))
            steps.append((f"{component}: plan", "plan", _less(later, there)))
    steps = [s for s in steps if abs(s[2]) > DUST]
    if priced is not None:
        steps.sort(key=lambda s: (s[1] == "plan", -abs(s[2])))
    else:
        steps.sort(key=lambda s: -abs(s[2]))
    rows = [
        (before.name, "total", _sum(old), gap),
        *((*s, gap) for s in steps),
        (after.name, "total", _sum(new), gap),
    ]
    return Table("waterfall", "From the one cost to the other", STEPS, rows_of(STEPS, rows), NOTE)


# -- inputs --------------------------------------------------------------------------------------


def changed_inputs(before: Side, after: Side) -> list[tuple[str, str, str, str, str, float]]:
    """Cells that differ: table, key, column, before, after, factor (nan for texts)."""
    found: list[tuple[str, str, str, str, str, float]] = []
    for name, mine, later in _fields(asdict(before.instance.settings),
                                     asdict(after.instance.settings)):  # fmt: skip
        found.append(("settings", "", name, _text(mine), _text(later), _factor(mine, later)))
    for name, mine, later in _fields(asdict(before.plan.question), asdict(after.plan.question)):
        found.append(("question", "", name, _text(mine), _text(later), _factor(mine, later)))
    for table in TABLES:
        if before.instance.tables[table.name].equals(after.instance.tables[table.name]):
            continue
        first, last = _keyed(before.instance, table), _keyed(after.instance, table)
        for key in sorted(set(first) | set(last)):
            if key not in last:
                found.append((table.name, key, "(row)", "there", "gone", math.nan))
            elif key not in first:
                found.append((table.name, key, "(row)", "not there", "new", math.nan))
            else:
                for name, mine, later in _fields(first[key], last[key]):
                    found.append(
                        (table.name, key, name, _text(mine), _text(later), _factor(mine, later))
                    )
    old, new = before.instance.dense_moves, after.instance.dense_moves
    if old is not None or new is not None:
        same = old is not None and new is not None and np.array_equal(old, new)
        if not same:
            found.append(("moves", "", "(matrix)", "", "differs", math.nan))
    return found


def _keyed(instance: Instance, table: Any) -> dict[str, dict[str, Any]]:
    rows = instance.tables[table.name].to_dict("records")
    return {"/".join(str(r[k]) for k in table.key): r for r in rows}


def _fields(first: Mapping[str, Any], last: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*first, *last]):
        mine, later = first.get(name), last.get(name)
        both_empty = mine != mine and later != later
        if mine != later and not both_empty:
            yield name, mine, later


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _factor(mine: Any, later: Any) -> float:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (mine, later))
    return later / mine if numbers and mine and math.isfinite(mine) else math.nan


def _inputs_table(inputs: list[tuple[str, str, str, str, str, float]]) -> Table:
    return Table(
        "inputs", "Inputs that differ", INPUTS, rows_of(INPUTS, inputs),
        "Every cell of every table, settings and question."
        if inputs else "No cell, setting or question differs.",
    )  # fmt: skip


# -- decisions -----------------------------------------------------------------------------------


def _decisions(plan: Plan) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {("zone", z): 1.0 for z in plan.open_zones}
    found |= {("host", f"{z}/{i}"): 1.0 for z, i in plan.hosts}
    found |= {("module", m): float(n) for m, n in plan.modules if n}
    found |= {("increment", p): float(n) for p, n in plan.increments if n}
    found |= {("project", p): 1.0 for p in plan.projects}
    return found | {("service", s): 1.0 for s in plan.services}


def _decisions_table(before: Side, after: Side) -> Table:
    first, last = _decisions(before.plan), _decisions(after.plan)
    rows = []
    for key in sorted(set(first) | set(last)):
        mine, later = first.get(key, 0.0), last.get(key, 0.0)
        if mine != later:
            rows.append((*key, mine, later, later - mine, max(before.plan.gap, after.plan.gap)))
    return Table(
        "decisions", "Decisions that differ", DECIDED, rows_of(DECIDED, rows),
        "1 and 0: yes and no; modules and increments in their own number. Within the gap other "
        "plans may cost as much, so a small change of cost can go with a large one of decisions.",
    )  # fmt: skip


def _volumes_table(before: Side, after: Side) -> Table:
    def volumes(plan: Plan) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for m in plan.moves:
            found[m.zone_id, m.industry_id].append(m.output_mcny)
        for _, industry, rival, amount in plan.rivals:
            found[f"rival {rival}", industry].append(amount)
        for origin, industry, amount in plan.stays:
            found[f"stays in {origin}", industry].append(amount)
        return {key: math.fsum(parts) for key, parts in found.items()}

    first, last = volumes(before.plan), volumes(after.plan)
    rows = []
    for key in sorted(set(first) | set(last)):
        mine, later = first.get(key, 0.0), last.get(key, 0.0)
        if abs(later - mine) > 1e-6:
            rows.append((*key, mine, later, later - mine, max(before.plan.gap, after.plan.gap)))
    rows.sort(key=lambda r: -abs(r[4]))
    return Table(
        "volumes", "Output by host and industry where it differs", VOLUMES,
        rows_of(VOLUMES, rows), "Million CNY of output a year.",
    )  # fmt: skip


def _loads_table(before: Side, after: Side) -> Table:
    kinds: dict[str, str] = {}
    for side in (before, after):
        places = side.instance.tables["places"]
        kinds |= dict(zip(places["place_id"], places["kind"], strict=True))
    first, last = (loads_of(s.instance, s.plan) for s in (before, after))
    rows = []
    for kind, name in sorted(set(first) | set(last)):
        what = "corridor" if kind == "corridor" else kinds.get(name, "place").replace("_", " ")
        mine, later = first.get((kind, name), 0.0), last.get((kind, name), 0.0)
        if what in PASSED and abs(later - mine) > 1e-3:
            rows.append((what, name, mine, later, later - mine,
                         max(before.plan.gap, after.plan.gap)))  # fmt: skip
    rows.sort(key=lambda r: -abs(r[4]))
    return Table(
        "loads", "Ports, crossings and corridors whose load differs", LOADS,
        rows_of(LOADS, rows), "TEU a year of the zones' goods.",
    )  # fmt: skip


PASSED = ("corridor", "sea port", "border crossing", "dry port", "airport", "bonded facility")


# -- words ---------------------------------------------------------------------------------------


def _words(
    before: Side, after: Side, inputs: list[Any], old: Lines, priced: Lines | None, new: Lines
) -> list[str]:
    a, b = before.plan, after.plan
    change = _sum(new) - _sum(old)
    more = "more" if change > 0 else "less"
    words = [
        f"{after.name} costs {_sum(new):,.2f} million CNY a year, {abs(change):,.2f} {more} than "
        f"{before.name} ({_sum(old):,.2f})."
        if abs(change) > 5e-3
        else f"Both cost {_sum(new):,.2f} million CNY a year."
    ]
    if {a.question.objective, b.question.objective} == {"cost"}:
        low = min(b.objective, b.bound) - a.objective
        high = b.objective - min(a.objective, a.bound)
        sure = "is decided" if low > 0 or high < 0 else "is not decided by the gaps"
        words[0] += (
            f" The least costs differ by {low:+,.2f} to {high:+,.2f} (proven), so the sign {sure}."
        )
    if priced is not None:
        prices, plan = _sum(priced) - _sum(old), _sum(new) - _sum(priced)
        words.append(
            "The first plan, kept as it is, costs the same under the second inputs: all of the "
            "change comes from changing the plan."
            if abs(prices) < 5e-3
            else f"Of the change {prices:+,.2f} is what the first plan, kept as it is, costs more "
            f"under the second inputs, and {plan:+,.2f} what changing the plan brings."
        )
    tables: dict[str, int] = defaultdict(int)
    for row in inputs:
        tables[row[0]] += 1
    told = ", ".join(f"{name} {count}" for name, count in tables.items())
    words.append(f"{len(inputs):,} inputs differ ({told})." if inputs else "No input differs.")
    came = sorted(set(b.open_zones) - set(a.open_zones))
    left = sorted(set(a.open_zones) - set(b.open_zones))
    words.append(
        f"Absorbed output goes from {a.absorbed_mcny:,.0f} to {b.absorbed_mcny:,.0f} million CNY a "
        f"year; zones that come in: {', '.join(came) or 'none'}; that drop out: "
        f"{', '.join(left) or 'none'}."
    )
    biggest = sorted(
        ((_less(new_parts, old_parts), name) for name, old_parts, new_parts in _both(old, new)),
        key=lambda item: -abs(item[0]),
    )[:3]
    words.append(
        "Largest changes by component: "
        + ", ".join(f"{name.replace('_', ' ')} {value:+,.2f}" for value, name in biggest)
        + "."
    )
    return words


def _both(old: Lines, new: Lines) -> Iterable[tuple[str, list[float], list[float]]]:
    parts: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for number, lines in enumerate((old, new)):
        for key, values in lines.items():
            parts[key[0]][number].extend(values)
    return ((name, a, b) for name, (a, b) in sorted(parts.items()))


def _cautions(before: Side, after: Side, priced: Lines | None, faults: list[str]) -> list[str]:
    found = []
    if priced is None:
        more = f" (and {len(faults) - FAULTS} more)" if len(faults) > FAULTS else ""
        found.append(
            "Changed prices and changed plan are not told apart: the first plan is no plan under "
            f"the second inputs. {'; '.join(faults[:FAULTS])}{more}"
        )
    for side in (before, after):
        if side.plan.status != "optimal":
            found.append(
                f"{side.name} is not proven within the gap that was asked for (status "
                f"{side.plan.status}, gap {side.plan.gap:.2%})."
            )
    return found


NOTE = (
    "Million CNY a year. Prices: the first plan, decisions and routes kept, under the second "
    "inputs, less what it cost; plan: the second plan less that. Each change is one exact sum of "
    "account lines; the cells add up to the difference of the costs."
)
BRIDGE = (
    Column("before_mcny", "Before", "mcny"),
    Column("prices_mcny", "by prices", "mcny"),
    Column("plan_mcny", "by the plan", "mcny"),
    Column("change_mcny", "Change", "mcny"),
    Column("after_mcny", "After", "mcny"),
    Column("gap_share", "Gap", "share"),
)
STEPS = (
    Column("step", "Step"),
    Column("because", "Because of"),
    Column("mcny", "Million CNY a year", "mcny"),
    Column("gap_share", "Gap", "share"),
)
INPUTS = (
    Column("table", "Table"),
    Column("row", "Row"),
    Column("column", "Column"),
    Column("before", "Before"),
    Column("after", "After"),
    Column("factor", "Factor", "number"),
)
DECIDED = (
    Column("kind", "Decision"),
    Column("id", "Id"),
    Column("before", "Before", "number"),
    Column("after", "After", "number"),
    Column("change", "Change", "number"),
    Column("gap_share", "Gap", "share"),
)
VOLUMES = (
    Column("host", "Host"),
    Column("industry", "Industry"),
    Column("before_mcny", "Before", "mcny"),
    Column("after_mcny", "After", "mcny"),
    Column("change_mcny", "Change", "mcny"),
    Column("gap_share", "Gap", "share"),
)
LOADS = (
    Column("kind", "Kind"),
    Column("id", "Id"),
    Column("before_teu", "Before", "number"),
    Column("after_teu", "After", "number"),
    Column("change_teu", "Change", "number"),
    Column("gap_share", "Gap", "share"),
)
