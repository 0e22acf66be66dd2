"""An instance: settings and tables, checked, with units of the schema, not to be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from instances.canonical import content_hash, move_entries
from instances.checks import check_tables
from instances.draft import DraftTable, draft_table, drafts_of, empty_draft, sheet_of_frame
from instances.errors import Fault, InstanceError
from instances.schema import SETTINGS, TABLE
from instances.settings import Header, Settings, check_header
from instances.sheets import Sheet, did_you_mean


class Tables(Mapping[str, pd.DataFrame]):
    """The tables by name. What comes out is a copy on write: the instance stays as it is."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        self._frames = dict(frames)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._frames[name].copy(deep=False)

    def stored(self, name: str) -> pd.DataFrame:
        """The frame itself, never to be changed: the same frame means the same content."""
        return self._frames[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


@dataclass(frozen=True, eq=False)
class Instance:
    """What is given. Made by `read_instance` or `make_instance`, which check everything.

    Two instances are equal when settings and tables are (row order, names and sources of tables
    do not count). ``tables`` holds every table of the schema with exactly its columns.
    """

    instance_id: str
    name: str
    name_zh: str
    description: str
    settings: Settings
    currency: Mapping[str, float]  # CNY per unit of foreign money, as used on reading
    sources: Mapping[str, str]  # source of each table, for readers
    known: Mapping[str, float]  # published or hand-worked results, such as optimum_mcny
    tables: Mapping[str, pd.DataFrame]
    dense_moves: np.ndarray | None = None  # (blocks, zones), CNY a year per mcny of yearly output
    _drafts: Mapping[str, DraftTable] = field(default_factory=dict, repr=False)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of settings and tables; row order does not matter."""
        return content_hash(self.settings, self._drafts, self.dense_moves)

    def __eq__(self, other: object) -> bool:
        return self.hash == other.hash if isinstance(other, Instance) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {len(f)}" for n, f in self.tables.items() if len(f))
        return f"Instance({self.instance_id!r}, {counts})"

    def table(self, name: str) -> pd.DataFrame:
        """One table. Raises `InstanceError` for a name that is not in the schema."""
        if name not in self.tables:
            hint = did_you_mean(name, TABLE)
            raise InstanceError(f"there is no table {name!r}.{hint}")
        return self.tables[name]

    def row(self, table: str, key: str | Sequence[Any]) -> dict[str, Any]:
        """One row as a dict. Parts of a composite key are joined by ``/`` or given in a tuple."""
        frame = self.table(table)
        index = find_row(self, table, key)
        return {name: _plain(frame[name].iloc[index]) for name in frame.columns}

    def move_costs(self) -> np.ndarray:
        """Cost of moving by block and zone (rows of both tables), CNY a year per mcny; 0 if none.

        The same numbers whether the instance holds rows of ``moves`` or ``dense_moves``.
        """
        if self.dense_moves is not None:
            return self.dense_moves
        blocks, zones = self._drafts["blocks"], self._drafts["zones"]
        block_rank, zone_rank, costs, _ = move_entries(self._drafts)
        keys = list(zip(blocks.texts("origin_id"), blocks.texts("industry_id"), strict=True))
        names = zones.texts("zone_id")
        matrix = np.zeros((len(keys), len(names)))
        block_of = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
        zone_of = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        if len(costs):
            matrix[block_of[block_rank], zone_of[zone_rank]] = costs
        return matrix

    def origin_of(self, table: str, row: int) -> tuple[str, int]:
        """File and row (the header is row 1) that row number ``row`` of a table was read from."""
        draft = self._drafts[table]
        return draft.file, int(draft.rows[row])

    def replace(self, **changes: Any) -> Instance:
        """A copy with other tables or settings, checked like one that is read.

        Keywords are table names (a data frame, a dict of columns or a list of rows), names of
        settings, or ``instance_id, name, name_zh, description, dense_moves, known, sources``.
        """
        names = ("instance_id", "name", "name_zh", "description", "sources", "known", "currency")
        allowed = [*TABLE, *SETTINGS, *names, "dense_moves"]
        for key in changes:
            if key not in allowed:
                hint = did_you_mean(key, allowed)
                raise InstanceError(f"there is no table or setting {key!r}.{hint}")
        tables = {k: v for k, v in changes.items() if k in TABLE}
        dense = changes.get("dense_moves", self.dense_moves)
        if "moves" in tables and "dense_moves" not in changes:
            dense = None  # new rows take the place of the matrix
        elif changes.get("dense_moves") is not None and "moves" not in tables:
            tables["moves"] = []
        header = check_header_of(self, changes)
        faults: list[Fault] = []
        drafts = dict(self._drafts)
        for name, content in tables.items():
            sheet = sheet_of_frame(TABLE[name], content)
            _keep_origin(sheet, self._drafts[name])
            if sheet.header:
                drafts[name] = draft_table(TABLE[name], sheet, header.currency, faults)
            else:
                drafts[name] = empty_draft(TABLE[name], name)
        if not tables and dense is self.dense_moves:
            return replace(self, **asdict_shallow(header))
        return finish(header, drafts, faults, dense)

    def override(self, *expressions: str) -> Instance:
        """A copy with single values changed, see `instances.override`.

        Examples of expressions: ``tariffs.road.rate_cny_per_teu_km*=1.2``,
        ``blocks.shenzhen/electronics.volume_mcny_per_year=100``, ``settings.carrying_rate=0.08``.
        """
        from instances.override import apply_overrides

        return apply_overrides(self, expressions)


def find_row(instance: Instance, table: str, key: str | Sequence[Any]) -> int:
    """The row number of a key. Raises `InstanceError` with the nearest key when there is none."""
    instance.table(table)  # says what is wrong with an unknown name
    parts = TABLE[table].key
    joined = key if isinstance(key, str) else "/".join(str(k) for k in key)
    numbers = row_numbers(instance, table)
    if joined not in numbers:
        hint = did_you_mean(joined, list(numbers))
        shape = "" if len(parts) == 1 else f" Keys of this table are {'/'.join(parts)}."
        raise InstanceError(f"there is no row {joined!r} in {table}.{hint}{shape}")
    return numbers[joined]


def row_numbers(instance: Instance, table: str) -> dict[str, int]:
    """The row number of every key of a table; parts of a key are joined by ``/``."""
    draft = instance._drafts[table]
    texts = (draft.texts(part) for part in TABLE[table].key)
    return {"/".join(map(str, key)): row for row, key in enumerate(zip(*texts, strict=True))}


def check_header_of(instance: Instance, changes: Mapping[str, Any]) -> Header:
    """The header of a changed instance; raises `InstanceError` when a setting is not allowed."""
    flat: dict[str, Any] = {
        f"instance.{key.removeprefix('instance_')}": changes.get(key, getattr(instance, key))
        for key in ("instance_id", "name", "name_zh", "description")
    }
    for key, value in asdict(instance.settings).items():
        flat[f"settings.{key}"] = changes.get(key, value)
    for section in ("currency", "sources", "known"):
        content = changes.get(section, getattr(instance, section))
        flat |= {f"{section}.{k}": v for k, v in content.items()}
    faults: list[Fault] = []
    header = check_header(flat, "settings", faults)
    if header is None:
        raise InstanceError(faults)
    return header


def _keep_origin(sheet: Sheet, draft: DraftTable) -> None:
    """Rows with the keys they had before are still those of the file that was read."""
    keys = draft.table.key
    if len(sheet.rows) != len(draft) or not set(keys) <= set(sheet.header):
        return
    cells = [sheet.cells[sheet.header.index(key)] for key in keys]
    if cells == [draft.texts(key) for key in keys]:
        sheet.file, sheet.rows = draft.file, draft.rows.tolist()


def asdict_shallow(header: Header) -> dict[str, Any]:
    """The fields of a header by name."""
    return {name: getattr(header, name) for name in Header.__dataclass_fields__}


def finish(
    header: Header | None,
    drafts: Mapping[str, DraftTable],
    faults: list[Fault],
    dense_moves: np.ndarray | None = None,
) -> Instance:
    """The instance that checked tables make; raises `InstanceError` with every fault."""
    faults = [*faults, *check_tables(drafts)]
    dense = _checked_matrix(drafts, dense_moves, faults)
    if faults or header is None:
        raise InstanceError(faults)
    tables = Tables({name: draft.frame for name, draft in drafts.items()})
    return Instance(**asdict_shallow(header), tables=tables, dense_moves=dense, _drafts=drafts)


def _checked_matrix(
    drafts: Mapping[str, DraftTable], dense: np.ndarray | None, faults: list[Fault]
) -> np.ndarray | None:
    if dense is None:
        return None
    wanted = (len(drafts["blocks"]), len(drafts["zones"]))
    matrix = np.array(dense, dtype=np.float64)
    if matrix.shape != wanted:
        message = f"the matrix is {matrix.shape}, blocks and zones are {wanted}"
    elif not np.isfinite(matrix).all():
        block, zone = map(int, np.argwhere(~np.isfinite(matrix))[0])
        message = f"block {block}, zone {zone} is {matrix[block, zone]}; all must be finite"
    elif len(drafts["moves"]):
        message = "there are rows of moves as well; give one of the two"
    else:
        matrix.flags.writeable = False
        return matrix
    faults.append(Fault("dense_moves", None, "", "", message))
    return None


def make_instance(
    *,
    instance_id: str,
    name: str,
    settings: Settings | Mapping[str, Any],
    tables: Mapping[str, Any],
    name_zh: str = "",
    description: str = "",
    currency: Mapping[str, float] | None = None,
    sources: Mapping[str, str] | None = None,
    known: Mapping[str, float] | None = None,
    dense_moves: np.ndarray | None = None,
) -> Instance:
    """An instance from tables in memory, checked like one that is read.

    A table is a data frame, a dict of columns or a list of rows (dicts); columns that the schema
    does not require may be left out.
    """
    faults: list[Fault] = []
    for key in tables:
        if key not in TABLE:
            message = f"there is no table {key!r}.{did_you_mean(key, TABLE)}"
            faults.append(Fault(key, None, "", "", message))
    values = asdict(settings) if isinstance(settings, Settings) else dict(settings)
    flat: dict[str, Any] = {
        "instance.id": instance_id, "instance.name": name,
        "instance.name_zh": name_zh, "instance.description": description,
    }  # fmt: skip
    flat |= {f"settings.{k}": v for k, v in values.items()}
    for section, content in (("currency", currency), ("sources", sources), ("known", known)):
        flat |= {f"{section}.{k}": v for k, v in (content or {}).items()}
    header = check_header(flat, "settings", faults)
    sheets = {k: sheet_of_frame(TABLE[k], v) for k, v in tables.items() if k in TABLE}
    sheets = {k: sheet for k, sheet in sheets.items() if sheet.header}
    rates = header.currency if header else {}
    drafts = drafts_of(sheets, rates, faults, file_of="{}")
    return finish(header, drafts, faults, dense_moves)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
