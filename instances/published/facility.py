"""Facility location files as published: capacitated, uncapacitated and single-source.

Every format ends in the same arrays (`FacilityInstance`). The cost is always that of serving
*all* demand of a customer, whatever the file holds. The formats:

``orlib``     ``m n``; m times ``capacity fixed_cost``; per customer its demand and m costs.
              The word ``capacity`` in place of a number (capa, capb, capc) needs ``capacity=``.
``ufllib-m``  The layout of ``orlib``, the first number of a facility meaning nothing.
``ufllib``    ``FILE: name``; ``m n 0``; per facility its number, fixed cost and n costs.
``holmberg``  ``m n``; m times ``capacity fixed_cost``; n demands; m x n costs (also Yang et al.).
``tbed1``     ``m n``; n demands; m capacities; m fixed costs; m x n costs per unit of demand.
``diaz``      ``n m``; n x m costs; n demands; m fixed costs; m capacities; single source.
``klose``     Sections ``[DEPOTS]``, ``[CUSTOMERS]``, ``[MATRIX]`` (Goertz and Klose).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instances.errors import Fault, InstanceError

FORMATS = ("orlib", "ufllib-m", "ufllib", "holmberg", "tbed1", "diaz", "klose")


@dataclass(frozen=True)
class FacilityInstance:
    """One published instance. Money and volume have the unit of the file."""

    name: str
    format: str
    fixed_cost: np.ndarray  # [m]
    capacity: np.ndarray  # [m], inf = uncapacitated
    demand: np.ndarray  # [n]
    unit_cost: np.ndarray  # [m, n], cost of serving all demand of customer j from facility i
    single_source: bool = False

    def __post_init__(self) -> None:
        faults = list(_faults_of(self))
        if faults:
            raise InstanceError(faults)


def _faults_of(instance: FacilityInstance) -> list[Fault]:
    """Return what the numbers themselves show to be wrong, first cell of each table only."""
    found: list[Fault] = []
    tables = (
        ("fixed_cost", instance.fixed_cost, "must be a number >= 0"),
        ("capacity", instance.capacity, "must be >= 0 (inf = uncapacitated)"),
        ("demand", instance.demand, "must be a number >= 0"),
        ("unit_cost", instance.unit_cost, "must be >= 0 (inf = forbidden)"),
    )
    for column, values, rule in tables:
        bad = ~(values >= 0)
        if column in ("fixed_cost", "demand"):
            bad |= np.isinf(values)
        if bad.any():
            at = tuple(int(k) + 1 for k in np.argwhere(bad)[0])
            place = f"{column} number {' of customer '.join(map(str, at))}"
            value = str(values[bad][0])
            message = f"{rule}: correct the number, or name the right format (--format)"
            found.append(Fault(instance.name, None, place, value, message))
    return found


def detect_format(path: str | Path) -> str | None:
    """Return the format a file seems to have, or None when it is none of `FORMATS`.

    An M file of UflLib looks exactly like an OR-Library file, so it is called ``orlib``: read it
    with ``format="ufllib-m"`` or ``uncapacitated=True``.
    """
    with open(path, encoding="latin-1") as file:
        return _detect(file.read())


def _detect(text: str) -> str | None:
    head = text[:200].lstrip()
    if head.startswith("[CFLP"):
        return "klose"
    if head.startswith("FILE:"):
        return "ufllib"
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[0]) != 2 or not all(t.isdigit() for t in lines[0]):
        return None
    first, second = (int(t) for t in lines[0])
    count = sum(len(line) for line in lines)
    pairs = lines[1 : 1 + first]
    in_pairs = len(pairs) == first and all(len(p) == 2 for p in pairs)
    as_pairs = in_pairs and count == 2 + 2 * first + second + first * second
    if as_pairs and len(lines) > first + 1:
        rest = [len(line) for line in lines[1 + first :]]
        if rest[0] == 1:
            return "orlib"
        if all(length == first + 1 for length in rest):
            return None if second == first + 1 else "orlib"  # both layouts fit: must be named
        ends = np.cumsum(rest)
        return "holmberg" if second in ends else None
    as_tbed1 = count == 2 + second + 2 * first + first * second
    as_diaz = count == 2 + first + 2 * second + first * second
    if as_tbed1 and as_diaz:  # square: costs come first in one, integer demands in the other
        as_diaz = len(lines[1]) == second
        as_tbed1 = not as_diaz
    if as_tbed1:
        return "tbed1"
    return "diaz" if as_diaz else None


def read_facility(
    path: str | Path,
    *,
    format: str | None = None,
    capacity: float | None = None,
    single_source: bool | None = None,
    uncapacitated: bool | None = None,
) -> FacilityInstance:
    """Return the instance in a published file.

    Parameters
    ----------
    format
        One of `FORMATS`; by default found from the content.
    capacity
        The capacity of every facility, where the file leaves it open (capa, capb, capc).
    single_source
        True: each customer is served by one facility; by default as the family is published.
    uncapacitated
        True drops the capacities (the ``uncap`` reading of OR-Library files).
    """
    path = Path(path)
    text = path.read_text(encoding="latin-1")
    name = path.name.removesuffix(".txt").removesuffix(".cfl")
    if format is None:
        format = _detect(text)
        if format is None:
            message = (
                "this is none of the known facility location formats "
                f"({', '.join(FORMATS)}); if it is one of them, name it (--format), and check that "
                "no line is missing"
            )
            raise InstanceError([Fault(path.name, None, "", "", message)])
    readers = {
        "orlib": lambda: _read_orlib(text, path.name, capacity, uncapacitated is True),
        "ufllib-m": lambda: _read_orlib(text, path.name, None, True),
        "ufllib": lambda: _read_ufllib(text, path.name),
        "holmberg": lambda: _read_holmberg(text, path.name),
        "tbed1": lambda: _read_tbed1(text, path.name),
        "diaz": lambda: _read_diaz(text, path.name),
        "klose": lambda: _read_klose(text, path.name),
    }
    if format not in readers:
        message = f"there is no format of this name; the formats are {', '.join(FORMATS)}"
        raise InstanceError([Fault(path.name, None, "format", format, message)])
    fixed, supply, demand, cost = readers[format]()
    if capacity is not None:
        if not capacity >= 0:
            message = "the capacity of every facility must be a number >= 0"
            raise InstanceError([Fault(path.name, None, "capacity", str(capacity), message)])
        if format == "orlib" and uncapacitated is not True:
            name += f"_{capacity:g}"
        supply = np.full(len(fixed), float(capacity))
    if uncapacitated:
        supply = np.full(len(fixed), np.inf)
    instance = FacilityInstance(name, format, fixed, supply, demand, cost, format == "diaz")
    return instance if single_source is None else replace(instance, single_source=single_source)


class _Tokens:
    """The numbers of a file in reading order, with the line of each for messages."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.tokens = text.split()
        self.at = 0

    def fault(self, index: int, message: str) -> InstanceError:
        seen, row = 0, None
        for number, line in enumerate(self.text.splitlines(), start=1):
            seen += len(line.split())
            if index < seen:
                row = number
                break
        value = self.tokens[index] if index < len(self.tokens) else ""
        return InstanceError([Fault(self.file, row, "", value, message)])

    def take(self, count: int, what: str) -> np.ndarray:
        part = self.tokens[self.at : self.at + count]
        if len(part) < count:
            raise self.fault(
                len(self.tokens),
                f"the file ends inside {what}: {count - len(part)} of {count} numbers are "
                "missing; get a complete copy, or name the right format (--format)",
            )
        try:
            values = np.array(part, dtype=np.float64)
        except ValueError:
            for k, token in enumerate(part):
                try:
                    float(token)
                except ValueError:
                    message = f"is not a number, where {what} should be"
                    if token.lower() == "capacity":
                        message = (
                            "the file leaves the capacity open: give it (--capacity), for example "
                            "8000 for capa, 5000 for capb and capc, or read it as uncapacitated"
                        )
                    raise self.fault(self.at + k, message) from None
            raise
        if np.isnan(values).any():
            bad = self.at + int(np.flatnonzero(np.isnan(values))[0])
            raise self.fault(bad, f"is not a number, where {what} should be")
        self.at += count
        return values

    def sizes(self) -> tuple[int, int]:
        values = self.take(2, "the two sizes")
        for k in range(2):
            if values[k] < 1 or values[k] != int(values[k]):
                raise self.fault(k, "a size must be a whole number >= 1")
        return int(values[0]), int(values[1])

    def finish(self) -> None:
        if self.at < len(self.tokens):
            rest = len(self.tokens) - self.at
            raise self.fault(
                self.at,
                f"{rest} numbers are left over after the last table: the sizes or the format do "
                "not fit this file; name the right format (--format)",
            )


_Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _read_orlib(text: str, file: str, capacity: float | None, uncapacitated: bool) -> _Arrays:
    if capacity is not None or uncapacitated:
        text = text.replace("capacity", "0")
    tokens = _Tokens(text, file)
    m, n = tokens.sizes()
    pairs = tokens.take(2 * m, "capacities and fixed costs").reshape(m, 2)
    block = tokens.take(n * (m + 1), "demands and costs").reshape(n, m + 1)
    tokens.finish()
    supply = np.full(m, np.inf) if uncapacitated else pairs[:, 0].copy()
    return pairs[:, 1].copy(), supply, block[:, 0].copy(), np.ascontiguousarray(block[:, 1:].T)


def _read_holmberg(text: str, file: str) -> _Arrays:
    tokens = _Tokens(text, file)
    m, n = tokens.sizes()
    pairs = tokens.take(2 * m, "capacities and fixed costs").reshape(m, 2)
    demand = tokens.take(n, "demands")
    cost = tokens.take(m * n, "costs").reshape(m, n)
    tokens.finish()
    return pairs[:, 1].copy(), pairs[:, 0].copy(), demand, cost


def _read_tbed1(text: str, file: str) -> _Arrays:
    tokens = _Tokens(text, file)
    m, n = tokens.sizes()
    demand = tokens.take(n, "demands")
    supply = tokens.take(m, "capacities")
    fixed = tokens.take(m, "fixed costs")
    per_unit = tokens.take(m * n, "costs").reshape(m, n)
    tokens.finish()
    return fixed, supply, demand, per_unit * demand


def _read_diaz(text: str, file: str) -> _Arrays:
    tokens = _Tokens(text, file)
    n, m = tokens.sizes()
    cost = tokens.take(n * m, "costs").reshape(n, m)
    demand = tokens.take(n, "demands")
    fixed = tokens.take(m, "fixed costs")
    supply = tokens.take(m, "capacities")
    tokens.finish()
    return fixed, supply, demand, np.ascontiguousarray(cost.T)


def _read_ufllib(text: str, file: str) -> _Arrays:
    header, _, body = text.lstrip().partition("\n")
    if not header.startswith("FILE:"):
        message = "the first line of a UflLib file is 'FILE: name'"
        raise InstanceError([Fault(file, 1, "", header[:40], message)])
    tokens = _Tokens(f"{body}", file)
    m, n = tokens.sizes()
    tokens.take(1, "the capacity marker (0)")
    block = tokens.take(m * (n + 2), "fixed costs and costs").reshape(m, n + 2)
    tokens.finish()
    return block[:, 1].copy(), np.full(m, np.inf), np.ones(n), block[:, 2:].copy()


def _read_klose(text: str, file: str) -> _Arrays:
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("["):
            current = sections.setdefault(line.strip().strip("[]"), [])
        elif line.strip():
            current.append((number, line.split()))
    for needed in ("DEPOTS", "CUSTOMERS", "MATRIX"):
        if needed not in sections:
            message = f"section [{needed}] is missing: get a complete copy"
            raise InstanceError([Fault(file, None, "", "", message)])

    def numbers(row: int, tokens: list[str], what: str) -> list[float]:
        try:
            return [float(token) for token in tokens]
        except ValueError:
            message = f"every entry of {what} must be a number"
            raise InstanceError([Fault(file, row, "", " ".join(tokens)[:40], message)]) from None

    depots = [numbers(r, t[:2], "capacity and fixcost") for r, t in sections["DEPOTS"][1:]]
    demand = [numbers(r, t[:1], "demand")[0] for r, t in sections["CUSTOMERS"][1:]]
    rows = [numbers(r, t, "the matrix") for r, t in sections["MATRIX"][1:]]
    m, n = len(depots), len(demand)
    flat = [value for row in rows for value in row]
    if len(flat) != m * n or m == 0 or n == 0:
        row = sections["MATRIX"][0][0] if sections["MATRIX"] else None
        message = (
            f"the matrix has {len(flat)} numbers, {m} depots and {n} customers need {m * n}: "
            "get a complete copy"
        )
        raise InstanceError([Fault(file, row, "", "", message)])
    table = np.array(depots, dtype=np.float64)
    cost = np.array(flat, dtype=np.float64).reshape(m, n)
    return table[:, 1].copy(), table[:, 0].copy(), np.array(demand), cost
