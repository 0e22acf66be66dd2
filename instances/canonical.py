"""The hash of an instance: the same whatever the order of rows, the format or the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from instances.schema import TABLES, Table
from instances.settings import Settings

if TYPE_CHECKING:
    from instances.draft import DraftTable

DENSE_SOURCE = "given as a matrix of blocks and zones"
DENSE_GRADE = "reported"
_VERSION = "zoneopt-instance-1"
_SEPARATOR = "\x1f"  # no cell can hold it
_END = b"\x1e"


def content_hash(
    settings: Settings, drafts: Mapping[str, DraftTable], dense_moves: np.ndarray | None
) -> str:
    """SHA-256 over settings and tables, in hexadecimal. Names and descriptions do not count."""
    digest = hashlib.sha256(_VERSION.encode())
    for key, value in sorted(asdict(settings).items()):
        digest.update(f"{key}={float(value)!r}{_SEPARATOR}".encode())
    for table in TABLES:
        draft = drafts[table.name]
        if table.name == "moves":
            _add_moves(digest, drafts, dense_moves)
        elif len(draft):
            digest.update(f"{table.name} {len(draft)}{_SEPARATOR}".encode())
            digest.update(draft.digest())
    return digest.hexdigest()


def table_digest(table: Table, values_of: Callable[[str], list[Any]]) -> bytes:
    """SHA-256 over the rows of a table, sorted by key."""
    digest = hashlib.sha256()
    keys = list(zip(*(values_of(name) for name in table.key), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for column in table.columns:
        digest.update(f"{column.name}{_SEPARATOR}".encode())
        values = values_of(column.name)
        ordered = [values[i] for i in order]
        if column.kind in ("id", "text"):
            digest.update(_SEPARATOR.join(ordered).encode())
        elif column.kind == "number":
            digest.update(np.asarray(ordered, dtype="<f8").tobytes())
        else:
            digest.update(np.asarray(ordered, dtype="<i8").tobytes())
        digest.update(_END)
    return digest.digest()


def _add_moves(
    digest: hashlib._Hash, drafts: Mapping[str, DraftTable], dense: np.ndarray | None
) -> None:
    """Add the costs that are not zero: rows and matrix of the same costs hash alike."""
    if dense is not None:
        _add_matrix(digest, drafts, dense)
        return
    blocks, zones, costs, notes = move_entries(drafts)
    keep = costs != 0.0
    blocks, zones, costs = blocks[keep], zones[keep], costs[keep]
    if not len(costs):
        return
    order = np.lexsort((zones, blocks))
    digest.update(f"moves {len(costs)}{_SEPARATOR}".encode())
    for values in (blocks, zones, costs):
        digest.update(np.ascontiguousarray(values[order]).tobytes())
    kept = [note for note, wanted in zip(notes, keep, strict=True) if wanted]
    plain = f"{DENSE_SOURCE}{_SEPARATOR}{DENSE_GRADE}"
    if any(note != plain for note in kept):
        digest.update("\x1e".join(kept[i] for i in order).encode())


def _add_matrix(digest: hashlib._Hash, drafts: Mapping[str, DraftTable], dense: np.ndarray) -> None:
    """Add a matrix as its rows in order would be added, without making them: it may be large."""
    blocks = drafts["blocks"]
    keys = list(zip(blocks.texts("origin_id"), blocks.texts("industry_id"), strict=True))
    names = drafts["zones"].texts("zone_id")
    zone_order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    block_order = sorted(range(len(keys)), key=keys.__getitem__)
    count = int(np.count_nonzero(dense))
    if not count:
        return
    digest.update(f"moves {count}{_SEPARATOR}".encode())
    for rank, block in enumerate(block_order):
        digest.update(np.full(np.count_nonzero(dense[block]), rank, dtype="<i8").tobytes())
    for block in block_order:
        digest.update(np.flatnonzero(dense[block][zone_order]).astype("<i8").tobytes())
    for block in block_order:
        costs = dense[block][zone_order]
        digest.update(costs[costs != 0.0].astype("<f8").tobytes())


def move_entries(
    drafts: Mapping[str, DraftTable],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Costs of rows of moves with the ranks of block and zone among the sorted keys."""
    blocks, zones, moves = drafts["blocks"], drafts["zones"], drafts["moves"]
    keys = list(zip(blocks.texts("origin_id"), blocks.texts("industry_id"), strict=True))
    names = zones.texts("zone_id")
    block_rank = {key: i for i, key in enumerate(sorted(keys))}
    zone_rank = {name: i for i, name in enumerate(sorted(names))}
    pairs = zip(moves.texts("origin_id"), moves.texts("industry_id"), strict=True)
    notes = [
        f"{source}{_SEPARATOR}{grade}"
        for source, grade in zip(moves.texts("source"), moves.texts("grade"), strict=True)
    ]
    return (
        np.array([block_rank[p] for p in pairs], dtype="<i8"),
        np.array([zone_rank[n] for n in moves.texts("zone_id")], dtype="<i8"),
        moves.numbers("cost_cny_per_mcny_year").astype("<f8"),
        notes,
    )
