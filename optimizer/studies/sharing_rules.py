"""The rules by which origins and hosts share retained tax, and what they make of a saving.

A rule sets a ratio for some years. It is read as the proportion in which the two sides divide the
yearly saving of each move between them: over a horizon, discounted, afterwards all is the host's.
What a park keeps counts as the host's. What a saving is, is the game's business; the rules speak
of tax, so this reading is an assumption and is named as one.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from instances.bundle import bundled_path
from instances.errors import Fault, InstanceError
from optimizer.plan.plan import Plan
from optimizer.studies.players import Player

EVIDENCE = "benefit_sharing_rules.csv"
TERMS = "sharing_terms.csv"
COLUMNS = ("rule_id", "from_year", "to_year", "share_to_origin", "share_to_host")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in use. ``terms``: (first year, last year or inf, share of the origin)."""

    rule_id: str
    place: str
    source: str
    grade: str
    terms: tuple[tuple[int, float, float], ...]
    reading: str = ""

    def origin_share(self, horizon_years: int, discount_rate: float) -> float:
        """Share of a level yearly amount that goes to the origin over the horizon, discounted."""
        years = range(1, horizon_years + 1)
        weight = {y: (1 + discount_rate) ** -y for y in years}
        given = (
            weight[y] * share for y in years for first, last, share in self.terms
            if first <= y <= last
        )  # fmt: skip
        return math.fsum(given) / math.fsum(weight.values())

    @property
    def words(self) -> str:
        """The terms in words: ``origin 50 % in years 1-5``."""
        return "; ".join(
            f"origin {share:.0%} " + (f"in years {a}-{b:.0f}" if b < math.inf else f"from year {a}")
            for a, b, share in self.terms
        )


def read_rules(path: Path | None = None) -> list[Rule]:
    """Rules of a CSV file; without one, those that ship with `shanxi` and set a ratio.

    Columns: rule_id, from_year, to_year (empty: no end), share_to_origin, share_to_host; also
    place, source, grade, reading. A rule with several stages has several rows.

    Raises
    ------
    InstanceError
        All faults of the file at once.
    """
    about: dict[str, dict[str, str]] = {}
    if path is None:
        folder = bundled_path("shanxi")
        assert folder is not None, "shanxi ships with the package"
        path = folder / "evidence" / TERMS
        with (folder / "evidence" / EVIDENCE).open(encoding="utf-8-sig", newline="") as stream:
            about = {row["rule_id"]: row for row in csv.DictReader(stream)}
    faults: list[Fault] = []
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    terms: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [c for c in COLUMNS if c not in (reader.fieldnames or [])]
        if missing:
            raise InstanceError(f"{path}: column {', '.join(missing)} is missing")
        for number, raw in enumerate(reader, start=2):
            row = {k: (v or "").strip() for k, v in raw.items() if k}
            first = _number(row, "from_year", 1, math.inf, path, number, faults)
            last = math.inf
            if row["to_year"]:
                last = _number(row, "to_year", first, math.inf, path, number, faults)
            mine = _number(row, "share_to_origin", 0, 1, path, number, faults)
            _number(
                row, "share_to_host", 0, 1 - (mine if mine == mine else 0), path, number, faults
            )
            rows[row["rule_id"]].append(row)
            if first == first:
                terms[row["rule_id"]].append((int(first), last, mine))
    if faults:
        raise InstanceError(faults)
    rules = []
    for rule_id, stages in rows.items():
        known = about.get(rule_id, {})
        rules.append(
            Rule(
                rule_id,
                known.get("place") or stages[0].get("place") or rule_id,
                known.get("source") or stages[0].get("source") or "",
                stages[0].get("grade") or known.get("confidence") or "assumed",
                tuple(terms[rule_id]),
                "; ".join(dict.fromkeys(s["reading"] for s in stages if s.get("reading"))),
            )
        )
    return rules


def _number(
    row: Mapping[str, str], column: str, low: float, high: float, path: Path, number: int,
    faults: list[Fault],
) -> float:  # fmt: skip
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        limit = f"{low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
        faults.append(Fault(str(path), number, column, row[column], f"must be a number, {limit}"))
        return math.nan
    return value


# -- what each move saves ------------------------------------------------------------------------


def savings_by_move(plan: Plan, stay: Plan) -> dict[tuple[str, str], float]:
    """What the output of each origin saves at each zone, mcny a year: (origin, zone id) -> saving.

    Output at rivals is booked under (origin, ""). ``stay`` is the plan of the same instance in
    which nothing moves. What is built in a zone and goods that no origin is named for are split
    over the output there; costs that belong to no host (projects, services) are booked under
    ("", "").
    """
    unit: dict[tuple[str, str], float] = defaultdict(float)  # cost of staying, mcny per mcny
    volume = {(o, i): v for o, i, v in stay.stays}
    for line in stay.accounts:
        if line.host_kind == "stay":
            key = (line.host_id, line.industry_id)
            unit[key] += line.mcny / volume[key]
    output: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    saved: dict[tuple[str, str], list[float]] = defaultdict(list)
    taken = [("zone", m.zone_id, m.origin_id, m.industry_id, m.output_mcny) for m in plan.moves]
    taken += [("rival", rival, o, i, v) for o, i, rival, v in plan.rivals]
    for kind, host, origin, industry, amount in taken:
        output[kind, host, industry][origin] += amount
        output[kind, host, ""][origin] += amount
        saved[origin, host if kind == "zone" else ""].append(unit[origin, industry] * amount)
    for line in plan.accounts:
        if line.host_kind == "stay":
            continue
        by_origin = output.get((line.host_kind, line.host_id, line.industry_id), {})
        total = math.fsum(by_origin.values())
        zone = line.host_id if line.host_kind == "zone" else ""
        if line.origin_id:
            saved[line.origin_id, zone].append(-line.mcny)
        elif total > 0:
            for origin, amount in by_origin.items():
                saved[origin, zone].append(-line.mcny * amount / total)
        else:
            saved["", ""].append(-line.mcny)
    return {key: math.fsum(parts) for key, parts in saved.items()}


def rule_payoffs(
    savings: Mapping[tuple[str, str], float],
    players: Sequence[Player],
    origin_share: float,
    total: float,
) -> list[float]:
    """What each player gets when the saving of every move is divided by a rule, mcny a year.

    What moves to rivals saves for its origin alone. Costs without a host are borne by all in
    proportion to what they get; so is what a saving that nobody's plan reached exactly leaves over.
    """
    at = {(p.kind, e): k for k, p in enumerate(players) for e in p.elements}
    parts: list[list[float]] = [[] for _ in players]
    for (origin, zone), saving in savings.items():
        if not origin:
            continue
        share = origin_share if zone else 1.0
        parts[at["origin", origin]].append(share * saving)
        if zone:
            parts[at["zone", zone]].append((1 - share) * saving)
    given = [math.fsum(p) for p in parts]
    all_given = math.fsum(given)
    if all_given <= 0:
        return given
    return [g * total / all_given for g in given]
