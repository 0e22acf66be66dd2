"""Write a model for another solver: MPS or LP with numbered names, and the map of the names.

Numbers are written so that they read back as the very same doubles. Two things that readers differ
on are avoided: the constant of the objective is a column fixed at 1 (its sign on the RHS of the
objective is read either way), and every bound is stated (the default upper bound of an integer
column is 1 for some, none for others).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from optimizer.linear import CompiledModel, Key
from optimizer.solvers.check import check_numbers

OFFSET_NAME = "offset"  # the column fixed at 1 that carries the constant of the objective


def key_text(key: Key) -> str:
    """Return a key as people read it.

    Examples
    --------
    >>> key_text(("flow", "out:steel:korea", 3))
    'flow[out:steel:korea, 3]'
    """
    if isinstance(key, tuple) and key:
        head, *rest = (key_text(part) for part in key)
        return f"{head}[{', '.join(rest)}]" if rest else head
    return str(key)


def write_mps(model: CompiledModel, path: str | Path) -> Path:
    """Write ``model`` as free MPS; return the path of the map of its names (see `write_names`)."""
    check_numbers(model)
    with Path(path).open("w", encoding="ascii", newline="\n") as out:
        out.writelines(f"{line}\n" for line in mps_lines(model))
    return write_names(model, path)


def write_lp(model: CompiledModel, path: str | Path) -> Path:
    """Write ``model`` in LP format; return the path of the map of its names."""
    check_numbers(model)
    with Path(path).open("w", encoding="ascii", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lp_lines(model))
    return write_names(model, path)


def write_names(model: CompiledModel, path: str | Path) -> Path:
    """Write ``<path>.names.csv`` and return its path: which column and row each name stands for."""
    target = Path(f"{path}.names.csv")
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["name", "kind", "key"])
        writer.writerows([f"x{j}", "column", key_text(k)] for j, k in enumerate(model.col_keys))
        writer.writerows([f"r{i}", "row", key_text(k)] for i, k in enumerate(model.row_keys))
        if model.offset:
            writer.writerow([OFFSET_NAME, "column", "constant of the objective, fixed at 1"])
    return target


def mps_lines(model: CompiledModel) -> Iterator[str]:
    """Yield the lines of a free MPS file; column j is ``xj``, row i is ``ri``."""
    kinds, rhs, ranges = _row_kinds(model)
    columns = sp.csc_matrix(model.matrix)
    yield "NAME          model"
    yield "ROWS"
    yield " N  cost"
    yield from (f" {kind}  r{i}" for i, kind in enumerate(kinds) if kind != "N")
    yield "COLUMNS"
    inside = False
    for j in range(len(model.col_keys)):
        if bool(model.integer[j]) != inside:
            yield _marker(inside)
            inside = not inside
        # A column without entries must still be mentioned, or it is not there for the reader.
        yield _entry(f"x{j}", "cost", model.cost[j])
        for at in range(columns.indptr[j], columns.indptr[j + 1]):
            if kinds[columns.indices[at]] != "N":
                yield _entry(f"x{j}", f"r{columns.indices[at]}", columns.data[at])
    if inside:
        yield _marker(inside)
    if model.offset:
        yield _entry(OFFSET_NAME, "cost", model.offset)
    yield "RHS"
    yield from (_entry("RHS", f"r{i}", v) for i, v in enumerate(rhs) if v)
    if ranges:
        yield "RANGES"
        yield from (_entry("RNG", f"r{i}", v) for i, v in ranges.items())
    yield "BOUNDS"
    for j, (low, high) in enumerate(zip(model.lb, model.ub, strict=True)):
        yield from _mps_bounds(f"x{j}", low, high)
    if model.offset:
        yield _bound("FX", OFFSET_NAME, 1.0)
    yield "ENDATA"


def lp_lines(model: CompiledModel) -> Iterator[str]:
    """Yield the lines of an LP file; a row with two sides becomes ``ri`` and ``ri_high``."""
    rows = sp.csr_matrix(model.matrix)
    yield "Minimize"
    terms = [(f"x{j}", c) for j, c in enumerate(model.cost)]
    terms += [(OFFSET_NAME, model.offset)] if model.offset else []
    yield " cost:"
    yield from _lp_terms(terms)
    yield "Subject To"
    for i, (low, high) in enumerate(zip(model.row_low, model.row_high, strict=True)):
        entries = slice(rows.indptr[i], rows.indptr[i + 1])
        terms = [
            (f"x{j}", v) for j, v in zip(rows.indices[entries], rows.data[entries], strict=True)
        ]
        if not terms:
            terms = [("x0", 0.0)]
        if low == high:
            sides = [(f"r{i}", "=", low)]
        else:
            sides = [(f"r{i}", ">=", low)] if np.isfinite(low) else []
            suffix = "_high" if sides else ""
            sides += [(f"r{i}{suffix}", "<=", high)] if np.isfinite(high) else []
        for name, sense, side in sides:
            yield f" {name}:"
            yield from _lp_terms(terms)
            yield f"  {sense} {_number(side)}"
    yield "Bounds"
    for j, (low, high) in enumerate(zip(model.lb, model.ub, strict=True)):
        if np.isinf(low) and np.isinf(high):
            yield f" x{j} free"
        elif low == high:
            yield f" x{j} = {_number(low)}"
        else:
            yield f" {_number(low)} <= x{j} <= {_number(high)}"
    if model.offset:
        yield f" {OFFSET_NAME} = 1"
    if model.integer.any():
        yield "Generals"
        yield from (f" x{j}" for j in np.flatnonzero(model.integer))
    yield "End"


def _row_kinds(model: CompiledModel) -> tuple[list[str], list[float], dict[int, float]]:
    """Return MPS row types, right-hand sides and ranges; ``N`` for a row without sides."""
    kinds, rhs, ranges = [], [], {}
    for i, (low, high) in enumerate(zip(model.row_low, model.row_high, strict=True)):
        if low == high:
            kind, side = "E", low
        elif np.isfinite(low):
            kind, side = "G", low
            if np.isfinite(high):
                ranges[i] = high - low
        elif np.isfinite(high):
            kind, side = "L", high
        else:
            kind, side = "N", 0.0
        kinds.append(kind)
        rhs.append(float(side))
    return kinds, rhs, ranges


def _mps_bounds(name: str, low: float, high: float) -> Iterator[str]:
    if low == high:
        yield _bound("FX", name, low)
    elif np.isinf(low) and np.isinf(high):
        yield _bound("FR", name)
    else:
        yield _bound("LO", name, low) if np.isfinite(low) else _bound("MI", name)
        yield _bound("UP", name, high) if np.isfinite(high) else _bound("PL", name)


def _entry(first: str, second: str, value: float) -> str:
    """Return a line that fixed-column readers understand too, as CBC's does unless told."""
    return f"    {first:<8}  {second:<8}  {_number(value)}"


def _bound(kind: str, name: str, value: float | None = None) -> str:
    number = "" if value is None else _number(value)
    return f" {kind} BND       {name:<8}  {number}".rstrip()


def _lp_terms(terms: list[tuple[str, float]]) -> Iterator[str]:
    """Yield one term a line: LP readers limit the length of lines."""
    yield from (f"  {'-' if v < 0 else '+'} {_number(abs(v))} {name}" for name, v in terms)


def _marker(is_end: bool) -> str:
    return (
        f"    MARKER                 'MARKER'                 '{'INTEND' if is_end else 'INTORG'}'"
    )


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same double."""
    value = float(value)
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
