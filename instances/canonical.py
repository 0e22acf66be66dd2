"""The hash of an instance: the same whatever the order of rows, the format or the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from instances.schema import TABLES, Table
from instances.settings import Settings

DENSE_SOURCE = "given as a matrix of blocks and zones"
DENSE_GRADE = "reported"
_VERSION = "zoneopt-instance-1"
_SEPARATOR = "\x1f"  # no cell can hold it


def content_hash(
    settings: Settings, tables: Mapping[str, pd.DataFrame], dense_moves: np.ndarray | None
) -> str:
    """SHA-256 over settings and tables, in hexadecimal. Names and descriptions do not count."""
    digest = hashlib.sha256(_VERSION.encode())
    for key, value in sorted(asdict(settings).items()):
        digest.update(f"{key}={float(value)!r}{_SEPARATOR}".encode())
    for table in TABLES:
        frame = tables[table.name]
        if table.name == "moves":
            _add_moves(digest, tables, dense_moves)
        elif len(frame):
            _add_table(digest, table, frame)
    return digest.hexdigest()


def _add_table(digest: hashlib._Hash, table: Table, frame: pd.DataFrame) -> None:
    order = _order(table, frame)
    digest.update(f"{table.name} {len(frame)}{_SEPARATOR}".encode())
    for column in table.columns:
        digest.update(f"{column.name}{_SEPARATOR}".encode())
        _add_column(digest, frame[column.name], order)


def _order(table: Table, frame: pd.DataFrame) -> np.ndarray:
    keys = [np.asarray(frame[name].tolist()) for name in table.key]
    return np.lexsort(keys[::-1])


def _add_column(digest: hashlib._Hash, series: pd.Series, order: np.ndarray) -> None:
    if series.dtype.kind in "fi":
        values = series.to_numpy()[order]
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.nan, values)  # one NaN of the many there are
        digest.update(np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes())
    else:
        texts = series.tolist()
        digest.update(_SEPARATOR.join(texts[i] for i in order).encode())
    digest.update(b"\x1e")


def _add_moves(
    digest: hashlib._Hash, tables: Mapping[str, pd.DataFrame], dense: np.ndarray | None
) -> None:
    """Add the costs that are not zero: rows and matrix of the same costs hash alike."""
    blocks, zones, costs, notes = move_entries(tables, dense)
    keep = costs != 0.0
    blocks, zones, costs = blocks[keep], zones[keep], costs[keep]
    if not len(costs):
        return
    order = np.lexsort((zones, blocks))
    digest.update(f"moves {len(costs)}{_SEPARATOR}".encode())
    for values in (blocks, zones, costs):
        digest.update(np.ascontiguousarray(values[order]).tobytes())
    if notes is not None:
        kept = [note for note, wanted in zip(notes, keep, strict=True) if wanted]
        plain = f"{DENSE_SOURCE}{_SEPARATOR}{DENSE_GRADE}"
        if any(note != plain for note in kept):
            digest.update("\x1e".join(kept[i] for i in order).encode())


def move_entries(
    tables: Mapping[str, pd.DataFrame], dense: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str] | None]:
    """Costs of moves with the ranks of block and zone among the sorted keys."""
    blocks, zones, moves = tables["blocks"], tables["zones"], tables["moves"]
    keys = list(zip(blocks["origin_id"].tolist(), blocks["industry_id"].tolist(), strict=True))
    names = zones["zone_id"].tolist()
    block_rank = {key: i for i, key in enumerate(sorted(keys))}
    zone_rank = {name: i for i, name in enumerate(sorted(names))}
    if dense is not None:
        rows, columns = np.nonzero(dense)
        of_block = np.array([block_rank[k] for k in keys], dtype="<i8")
        of_zone = np.array([zone_rank[n] for n in names], dtype="<i8")
        costs = dense[rows, columns].astype("<f8")
        return of_block[rows], of_zone[columns], costs, None
    pairs = zip(moves["origin_id"].tolist(), moves["industry_id"].tolist(), strict=True)
    notes = [
        f"{source}{_SEPARATOR}{grade}"
        for source, grade in zip(moves["source"].tolist(), moves["grade"].tolist(), strict=True)
    ]
    return (
        np.array([block_rank[p] for p in pairs], dtype="<i8"),
        np.array([zone_rank[n] for n in moves["zone_id"].tolist()], dtype="<i8"),
        moves["cost_cny_per_mcny_year"].to_numpy().astype("<f8"),
        notes,
    )
