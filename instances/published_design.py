"""Reader, writer and generator of multicommodity fixed-charge network design (Canad ``.dow``).

The file: a first line ``MULTIGEN.DAT:``; ``nodes arcs commodities``; per arc ``from to
variable_cost capacity fixed_cost x x`` (the last two are not used; arcs are directed); per
commodity ``origin destination demand``. Nodes are numbered from 1 in the file, from 0 in the
arrays. Cost is per unit of flow, whatever the commodity.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instances.errors import Fault, InstanceError

HEADER = "MULTIGEN.DAT:"
_ARC_COLUMNS = ("from", "to", "variable_cost", "capacity", "fixed_cost", "unused_1", "unused_2")
_COMMODITY_COLUMNS = ("origin", "destination", "demand")
_MOST_FAULTS = 20


@dataclass(frozen=True)
class PublishedDesign:
    """A design instance as arrays; nodes count from 0."""

    name: str
    n_nodes: int
    tail: np.ndarray  # int32[arcs]
    head: np.ndarray  # int32[arcs]
    unit_cost: np.ndarray  # float64[arcs], per unit of flow
    capacity: np.ndarray  # float64[arcs], flow units
    fixed_cost: np.ndarray  # float64[arcs], once if the arc is open
    origin: np.ndarray  # int32[commodities]
    destination: np.ndarray  # int32[commodities]
    demand: np.ndarray  # float64[commodities], flow units


def looks_like_dow(text: str) -> bool:
    """Return whether the beginning of a file says that it is a Canad ``.dow`` instance."""
    return text.lstrip().upper().startswith("MULTIGEN.DAT")


def read_dow(path: str | Path) -> PublishedDesign:
    """Return the instance in a ``.dow`` file; every fault is named with its line.

    Raises
    ------
    InstanceError
        The file cannot be read, is cut short, holds too much, or a value is out of range.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceError(
            [Fault(path.name, None, "", "", f"cannot be read as text: {error}")]
        ) from error
    return parse_dow(text, path.name)


def parse_dow(text: str, file: str = "design.dow") -> PublishedDesign:
    """Return the instance written in ``text``; ``file`` is the name used in messages."""
    tokens = [
        (token, line) for line, row in enumerate(text.splitlines(), 1) for token in row.split()
    ]
    if not looks_like_dow(text):
        first = tokens[0][0] if tokens else ""
        raise InstanceError(
            [Fault(file, 1, "", first, f"a .dow file begins with the line {HEADER!r}")]
        )
    scan = _Scan(file, tokens[1:])
    n_nodes, n_arcs, n_commodities = (
        scan.whole(column) for column in ("nodes", "arcs", "commodities")
    )
    needed = n_arcs * len(_ARC_COLUMNS) + n_commodities * len(_COMMODITY_COLUMNS)
    found = len(scan.tokens) - scan.position
    if found != needed:
        last_line = scan.tokens[-1][1]
        what = "is cut short" if found < needed else "holds more than its header says"
        raise InstanceError(
            [
                Fault(
                    file,
                    last_line,
                    "",
                    "",
                    f"the file {what}: {n_arcs} arcs of {len(_ARC_COLUMNS)} numbers and "
                    f"{n_commodities} commodities of {len(_COMMODITY_COLUMNS)} need {needed} "
                    f"numbers after the header, there are {found}; correct the header on line "
                    f"{scan.tokens[2][1]} or take a complete copy",
                )
            ]
        )
    arcs = scan.table(n_arcs, _ARC_COLUMNS)
    commodities = scan.table(n_commodities, _COMMODITY_COLUMNS)
    scan.check_nodes(arcs, _ARC_COLUMNS[:2], n_nodes)
    scan.check_nodes(commodities, _COMMODITY_COLUMNS[:2], n_nodes)
    scan.check_least(arcs, _ARC_COLUMNS, ("variable_cost", "capacity", "fixed_cost"))
    scan.check_least(commodities, _COMMODITY_COLUMNS, ("demand",))
    scan.raise_faults()
    return PublishedDesign(
        name=Path(file).stem,
        n_nodes=n_nodes,
        tail=(arcs.values[:, 0] - 1).astype(np.int32),
        head=(arcs.values[:, 1] - 1).astype(np.int32),
        unit_cost=arcs.values[:, 2].copy(),
        capacity=arcs.values[:, 3].copy(),
        fixed_cost=arcs.values[:, 4].copy(),
        origin=(commodities.values[:, 0] - 1).astype(np.int32),
        destination=(commodities.values[:, 1] - 1).astype(np.int32),
        demand=commodities.values[:, 2].copy(),
    )


@dataclass(frozen=True)
class _Table:
    """Numbers of one block with the line each row begins on."""

    values: np.ndarray
    lines: list[int]


class _Scan:
    """Tokens with their lines, read one after the other; faults are collected."""

    def __init__(self, file: str, tokens: list[tuple[str, int]]) -> None:
        self.file = file
        self.tokens = tokens
        self.position = 0
        self.faults: list[Fault] = []

    def whole(self, column: str) -> int:
        """Return the next token as a whole number above 0, else raise."""
        if self.position >= len(self.tokens):
            raise InstanceError(
                [Fault(self.file, None, column, "", "the file ends before this number")]
            )
        token, line = self.tokens[self.position]
        self.position += 1
        if not token.isdigit() or int(token) < 1:
            raise InstanceError(
                [Fault(self.file, line, column, token, "must be a whole number of at least 1")]
            )
        return int(token)

    def table(self, n_rows: int, columns: tuple[str, ...]) -> _Table:
        """Return the next ``n_rows`` rows; what is not a finite number becomes a fault."""
        values = np.zeros((n_rows, len(columns)))
        lines = []
        for row in range(n_rows):
            lines.append(self.tokens[self.position][1])
            for number, column in enumerate(columns):
                token, line = self.tokens[self.position]
                self.position += 1
                try:
                    values[row, number] = float(token)
                except ValueError:
                    self.fault(line, column, token, "is not a number")
                    continue
                if not np.isfinite(values[row, number]):
                    self.fault(line, column, token, "must be a finite number")
        return _Table(values, lines)

    def fault(self, line: int, column: str, value: str, message: str) -> None:
        """Keep one fault."""
        self.faults.append(Fault(self.file, line, column, value, message))

    def check_nodes(self, table: _Table, columns: tuple[str, ...], n_nodes: int) -> None:
        """Node numbers are whole, within 1..n_nodes, and the two of a row differ."""
        for values, line in zip(table.values, table.lines, strict=True):
            for number, column in enumerate(columns):
                value = values[number]
                if value != np.floor(value) or not 1 <= value <= n_nodes:
                    self.fault(
                        line, column, f"{value:g}", f"must be a node number from 1 to {n_nodes}"
                    )
            if values[0] == values[1]:
                self.fault(
                    line, columns[1], f"{values[1]:g}", f"must differ from {columns[0]}; remove it"
                )

    def check_least(self, table: _Table, names: tuple[str, ...], columns: tuple[str, ...]) -> None:
        """Costs, capacities and demands are at least 0."""
        for column in columns:
            numbers = table.values[:, names.index(column)]
            for row in np.flatnonzero(~(numbers >= 0)):
                self.fault(table.lines[row], column, f"{numbers[row]:g}", "must be at least 0")

    def raise_faults(self) -> None:
        """Raise all faults at once, the first of them only if there are very many."""
        if len(self.faults) > _MOST_FAULTS:
            more = len(self.faults) - _MOST_FAULTS
            note = Fault(self.file, None, "", "", f"and {more} more faults")
            raise InstanceError([*self.faults[:_MOST_FAULTS], note])
        if self.faults:
            raise InstanceError(self.faults)


def write_dow(design: PublishedDesign, path: str | Path) -> None:
    """Write the instance as a ``.dow`` file; numbers keep every digit."""
    lines = [
        f" {HEADER}",
        f"{design.n_nodes} {design.tail.size} {design.origin.size}",
        *(
            f"{i + 1} {j + 1} {_number(c)} {_number(u)} {_number(f)} 1 1"
            for i, j, c, u, f in zip(
                design.tail,
                design.head,
                design.unit_cost,
                design.capacity,
                design.fixed_cost,
                strict=True,
            )
        ),
        *(
            f"{o + 1} {d + 1} {_number(q)}"
            for o, d, q in zip(design.origin, design.destination, design.demand, strict=True)
        ),
    ]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def generate_design(
    n_nodes: int,
    n_arcs: int,
    n_commodities: int,
    *,
    fixed_ratio: float = 1.0,
    capacity_ratio: float = 2.0,
    seed: int = 0,
) -> PublishedDesign:
    """Return a random instance by the Mulgen recipe; same arguments, same instance.

    A directed Hamilton cycle makes every demand routable in principle; the other arcs, the
    origin-destination pairs and all numbers are uniform. Costs are then scaled so that
    ``|K| sum f / (sum d * sum c)`` is ``fixed_ratio`` and capacities so that
    ``|A| sum d / sum u`` is ``capacity_ratio`` (high: tight, possibly infeasible).
    """
    if not 2 <= n_nodes <= n_arcs <= n_nodes * (n_nodes - 1):
        raise InstanceError(
            f"n_arcs must be between n_nodes = {n_nodes} and n_nodes * (n_nodes - 1), is {n_arcs}"
        )
    if not 1 <= n_commodities <= n_nodes * (n_nodes - 1):
        raise InstanceError(f"n_commodities must be 1 to n_nodes * (n_nodes - 1): {n_commodities}")
    random = np.random.Generator(np.random.PCG64(seed))
    order = random.permutation(n_nodes)
    cycle = {(int(order[i]), int(order[(i + 1) % n_nodes])) for i in range(n_nodes)}
    others = [
        (i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j and (i, j) not in cycle
    ]
    chosen = random.permutation(len(others))[: n_arcs - n_nodes]
    arcs = np.array(sorted(cycle | {others[i] for i in chosen}), dtype=np.int32)
    pairs = [(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j]
    taken = np.array(
        [pairs[i] for i in random.permutation(len(pairs))[:n_commodities]], dtype=np.int32
    )
    unit_cost = random.integers(1, 30, n_arcs).astype(float)
    demand = random.integers(1, 100, n_commodities).astype(float)
    fixed = random.integers(10, 100, n_arcs).astype(float)
    fixed *= fixed_ratio * demand.sum() * unit_cost.sum() / (n_commodities * fixed.sum())
    capacity = random.integers(10, 100, n_arcs).astype(float)
    capacity *= n_arcs * demand.sum() / (capacity_ratio * capacity.sum())
    return PublishedDesign(
        name=f"design-{n_nodes}-{n_arcs}-{n_commodities}-{seed}",
        n_nodes=n_nodes,
        tail=arcs[:, 0].copy(),
        head=arcs[:, 1].copy(),
        unit_cost=unit_cost,
        capacity=np.ceil(np.minimum(capacity, demand.sum())),
        fixed_cost=np.ceil(fixed),
        origin=taken[:, 0].copy(),
        destination=taken[:, 1].copy(),
        demand=demand,
    )
