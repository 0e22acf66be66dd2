"""The figures that the engine is to reach, as data, and whether stored rows reach them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimizer.bench.measures import (
    TIE,
    Group,
    above,
    proven_at,
    time_above,
    time_proven,
    time_solved,
)
from optimizer.bench.rows import Row

OWN = "zoneopt"
DIRECT = ("highs", "scip", "cbc", "cp-sat")


@dataclass(frozen=True)
class Target:
    """A figure to reach: on the cases of some families, by one of `KINDS`."""

    text: str
    families: tuple[str, ...]  # regular expressions on the family; () is all
    kind: str
    values: dict[str, float] = field(default_factory=dict)
    cases: str = ""  # regular expression on the case; "" is all


@dataclass(frozen=True)
class Finding:
    """What became of a target. ``met`` is None when no row speaks to it."""

    target: Target
    met: bool | None
    found: str
    misses: tuple[str, ...] = ()


TARGETS = (
    Target("OR-Library small: proven, 10 s in total", ("orlib-small",), "proven",
           {"total_s": 10.0}),
    Target("OR-Library capa-capc: proven to 1e-6, 10 s on average, 60 s at most",
           ("orlib-large",), "proven", {"mean_s": 10.0, "most_s": 60.0}),
    Target("300 x 300: 0.5 % proven in 10 s", ("tbed1-300",), "gap", {"gap": 5e-3, "by_s": 10.0}),
    Target("300 x 300: 0.1 % proven in 60 s", ("tbed1-300",), "gap", {"gap": 1e-3, "by_s": 60.0}),
    Target("500 x 500: 0.5 % proven in 15 s", ("tbed1-500",), "gap", {"gap": 5e-3, "by_s": 15.0}),
    Target("500 x 500: 0.15 % proven in 120 s", ("tbed1-500",), "gap",
           {"gap": 1.5e-3, "by_s": 120.0}),
    Target("1000 x 1000, r = 5: 0.5 % proven in 120 s", ("tbed1-1000",), "gap",
           {"gap": 5e-3, "by_s": 120.0}),
    Target("2000 x 2000: 1 % proven in 300 s", ("tbed1-2000",), "gap",
           {"gap": 1e-2, "by_s": 300.0}),
    Target("Goertz-Klose: proven to 1e-4 in 60 s", ("goertz-klose",), "gap",
           {"gap": 1e-4, "by_s": 60.0}),
    Target("M: proven in 10 s each", ("uflp-m",), "proven", {"most_s": 10.0}),
    Target("KG 250: the best value in 5 s on at least 80 %", ("uflp-kg250",), "plan",
           {"above": TIE, "by_s": 5.0, "share": 0.8}),
    Target("KG 250: never more than 0.05 % above the best value", ("uflp-kg250",), "plan",
           {"above": 5e-4, "by_s": math.inf}),
    Target("KG 250: bound at 2 s within 0.5 % of the last (stands for the LP bound)",
           ("uflp-kg250",), "bound", {"below": 5e-3, "by_s": 2.0}),
    Target("KG 500, 750: within 0.1 % of the best value in 30 s", ("uflp-kg500", "uflp-kg750"),
           "plan", {"above": 1e-3, "by_s": 30.0}),
    Target("Euclidean 5000 x 5000: 0.1 % proven in 120 s", ("uflp-euclidean",), "gap",
           {"gap": 1e-3, "by_s": 120.0}, cases="5000"),
    Target("Euclidean 5000 x 5000: memory under 4 GB", ("uflp-euclidean",), "memory",
           {"most_mb": 4096.0}, cases="5000"),
    Target("Holmberg: proven, 2 min in total", ("holmberg",), "proven", {"total_s": 120.0}),
    Target("Diaz-Fernandez: proven, 2 min in total", ("diaz-fernandez",), "proven",
           {"total_s": 120.0}),
    Target("Yang: within 0.05 % of the best value in 120 s", ("yang",), "plan",
           {"above": 5e-4, "by_s": 120.0}),
    Target("TBED1 single source: within 0.3 % of the best value in 120 s", ("tbed1-single",),
           "plan", {"above": 3e-3, "by_s": 120.0}),
    Target("Canad C, C+: mean within 0.3 %, worst within 1 % of the best value or bound in 300 s",
           (r"canad-c\+?",), "mean", {"mean": 3e-3, "worst": 1e-2, "by_s": 300.0}),
    Target("Canad C, C+: ahead of HiGHS with 100 commodities or more", (r"canad-c\+?",), "ahead",
           {"least_commodities": 100.0}),
    Target("Canad R: every proven value is matched, infeasible ones are called infeasible",
           ("canad-r",), "matched"),
    Target("shanxi: 0.1 % proven in 20 s", ("shanxi",), "gap", {"gap": 1e-3, "by_s": 20.0}),
    Target("transfer M: 0.5 % proven in 120 s", ("transfer-m",), "gap",
           {"gap": 5e-3, "by_s": 120.0}),
    Target("transfer L: 1 % proven in 600 s", ("transfer-l",), "gap",
           {"gap": 1e-2, "by_s": 600.0}),
    Target("transfer L: memory under 12 GB", ("transfer-l",), "memory", {"most_mb": 12288.0}),
    Target("never slower than the best direct peer by more than 10 % + 0.5 s", (), "not_slower"),
    Target("the time limit is kept to 2 % + 0.5 s", (), "limit_kept"),
    Target("every plan holds, no bound is above a plan", (), "sound"),
)  # fmt: skip


def judge(groups: Sequence[Group], targets: Sequence[Target] = TARGETS) -> list[Finding]:
    """Return what became of each target, in their order."""
    findings = []
    for target in targets:
        chosen = [
            g
            for g in groups
            if (not target.families or any(re.fullmatch(f, g.family) for f in target.families))
            and (not target.cases or re.search(target.cases, g.case))
        ]
        pairs = [(g, r) for g in chosen for r in g.rows if r.solver == OWN]
        if pairs:
            met, found, misses = KINDS[target.kind](pairs, target.values)
            needed = target.values.get("by_s", 0.0)
            shortest = min(r.limit_s for _, r in pairs)
            if met is False and needed < math.inf and shortest < needed:
                found += f", but the limit was {shortest:g} s only"
        else:
            met, found, misses = None, "not run", []
        findings.append(Finding(target, met, found, tuple(misses)))
    return findings


Pairs = list[tuple[Group, Row]]
Judged = tuple[bool | None, str, list[str]]


def _counted(pairs: Pairs, misses: list[str], share: float = 1.0) -> Judged:
    reached = len(pairs) - len(misses)
    return reached >= share * len(pairs), f"{reached} of {len(pairs)}", misses


def _proven(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses = [
        f"{g.case}: {r.status}"
        for g, r in pairs
        if time_solved(r) is None or g.contradictions() or not _right(g, r)
    ]
    seconds = [r.seconds if r.seconds is not None else math.inf for _, r in pairs]
    total, most = sum(seconds), max(seconds)
    mean = total / len(pairs)
    met = (
        not misses
        and total <= values.get("total_s", math.inf)
        and mean <= values.get("mean_s", math.inf)
        and most <= values.get("most_s", math.inf)
    )
    found = f"{len(pairs) - len(misses)} of {len(pairs)} proven"
    return met, f"{found}, {total:.1f} s in total, {mean:.2f} s mean, {most:.1f} s most", misses


def _right(group: Group, row: Row) -> bool:
    """Return False if the value contradicts one that is known to be optimal."""
    known = group.known
    if known is None or not known.is_fact or not known.is_proven:
        return True
    if math.isinf(known.value):
        return row.status == "infeasible"
    off = above(row, known.value)
    return off is not None and abs(off) <= max(row.gap_asked, TIE) + TIE


def _gap(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses = []
    for g, r in pairs:
        seconds = time_proven(r, values["gap"])
        if seconds is None or seconds > values["by_s"]:
            gap = proven_at(r, values["by_s"])
            misses.append(f"{g.case}: {'no plan' if gap is None else f'{100 * gap:.3f} %'}")
    return _counted(pairs, misses)


def _plan(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses, judged = [], []
    for g, r in pairs:
        reference = g.reference
        if reference is None:
            continue
        judged.append((g, r))
        seconds = time_above(r, reference, values["above"])
        if seconds is None or seconds > values["by_s"]:
            off = above(r, reference)
            misses.append(
                f"{g.case}: {'no plan' if off is None else f'+{100 * off:.3f} % at last'}"
            )
    if not judged:
        return None, "no value to compare with", []
    return _counted(judged, misses, values.get("share", 1.0))


def _bound(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses = []
    for g, r in pairs:
        by_then = [b for t, _, b in r.trace if b is not None and t <= values["by_s"]]
        if r.bound is None or not by_then:
            misses.append(f"{g.case}: no bound")
        elif max(by_then) < r.bound - values["below"] * abs(r.bound):
            misses.append(f"{g.case}: {100 * (1 - max(by_then) / r.bound):.2f} % below the last")
    return _counted(pairs, misses)


def _memory(pairs: Pairs, values: dict[str, float]) -> Judged:
    known = [(g, r.peak_mb) for g, r in pairs if r.peak_mb is not None]
    if not known:
        return None, "the system does not say", []
    over = [f"{g.case}: {peak:,.0f} MB" for g, peak in known if peak > values["most_mb"]]
    over += [f"{g.case}: {r.status}" for g, r in pairs if r.status == "out_of_memory"]
    return not over, f"{max(peak for _, peak in known):,.0f} MB most", over


def _mean(pairs: Pairs, values: dict[str, float]) -> Judged:
    """Distance of the plan to the best known value; where none is a fact, to the best bound."""
    offs = []
    misses = []
    for g, r in pairs:
        off = above(r, g.floor)
        late = r.seconds is None or r.seconds > values["by_s"] * 1.02 + 0.5
        if off is None or late:
            misses.append(f"{g.case}: {'no plan' if off is None else 'late'}")
            continue
        offs.append(off)
        if off > values["worst"]:
            misses.append(f"{g.case}: +{100 * off:.2f} %")
    if not offs:
        return False, "no plan", misses
    mean = sum(offs) / len(offs)
    met = not misses and mean <= values["mean"]
    return met, f"mean +{100 * mean:.3f} %, worst +{100 * max(offs):.3f} %", misses


def _ahead(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses, judged = [], []
    for g, r in pairs:
        size = re.search(r"(\d+) commodities", r.size)
        peers = [p for p in g.rows if p.solver == "highs" and p.seed == r.seed]
        if not size or int(size[1]) < values["least_commodities"] or not peers:
            continue
        judged.append((g, r))
        peer = peers[0]
        if not r.has_plan or not _is_ahead(r, peer):
            misses.append(f"{g.case}: {_shown(r)} against {_shown(peer)}")
    if not judged:
        return None, "not run with HiGHS", []
    return _counted(judged, misses)


def _is_ahead(row: Row, peer: Row) -> bool:
    """A better plan; with the same plan, sooner proven or a better bound."""
    if not peer.has_plan or peer.objective is None or row.objective is None:
        return True
    step = TIE * abs(peer.objective)
    if abs(row.objective - peer.objective) > step:
        return row.objective < peer.objective
    mine, other = time_solved(row), time_solved(peer)
    if mine is not None or other is not None:
        return mine is not None and (other is None or mine <= other)
    return (row.bound or -math.inf) >= (peer.bound or -math.inf) - step


def _shown(row: Row) -> str:
    return "no plan" if row.objective is None else f"{row.objective:.9g}"


def _matched(pairs: Pairs, values: dict[str, float]) -> Judged:
    judged = [
        (g, r) for g, r in pairs if g.known is not None and g.known.is_proven and g.known.is_fact
    ]
    if not judged:
        return None, "no proven value in the table", []
    misses = [f"{g.case}: {r.status} {_shown(r)}" for g, r in judged if not _right(g, r)]
    return _counted(judged, misses)


def _not_slower(pairs: Pairs, values: dict[str, float]) -> Judged:
    """Compare times to proof; where a peer proves and we do not, we are slower."""
    misses, judged = [], []
    for g, r in pairs:
        times = [
            time_solved(p)
            for p in g.rows
            if p.solver in DIRECT and p.seed == r.seed and not p.faults
        ]
        solved = [t for t in times if t is not None]
        if not times:
            continue
        judged.append((g, r))
        best = min(solved, default=math.inf)
        mine = time_solved(r)
        if math.isfinite(best) and (mine is None or mine > 1.1 * best + 0.5):
            said = "not proven" if mine is None else f"{mine:.2f} s"
            misses.append(f"{g.case}: {said} against {best:.2f} s")
    if not judged:
        return None, "no peer was run", []
    return _counted(judged, misses)


def _limit_kept(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses = [
        f"{g.case}: {r.seconds:.2f} s of {r.limit_s:g} s"
        if r.seconds is not None
        else f"{g.case}: {r.status}"
        for g, r in pairs
        if r.seconds is None or r.seconds > 1.02 * r.limit_s + 0.5
    ]
    return _counted(pairs, misses)


def _sound(pairs: Pairs, values: dict[str, float]) -> Judged:
    misses = []
    for g, r in pairs:
        said = [f"{g.case}: {fault}" for fault in r.faults]
        said += [f"{g.case}: {text}" for text in g.contradictions() if text.startswith(OWN)]
        if r.status in ("crashed", "killed", "out_of_memory", "solver_error"):
            said.append(f"{g.case}: {r.status}")
        if said:
            misses.append("; ".join(said))
    return _counted(pairs, misses)


KINDS: dict[str, Callable[[Pairs, dict[str, Any]], Judged]] = {
    "proven": _proven, "gap": _gap, "plan": _plan, "bound": _bound, "memory": _memory,
    "mean": _mean, "ahead": _ahead, "matched": _matched, "not_slower": _not_slower,
    "limit_kept": _limit_kept, "sound": _sound,
}  # fmt: skip
