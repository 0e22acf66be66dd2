"""Parquet files to sheets."""

from __future__ import annotations

from pathlib import Path

from instances.errors import Fault
from instances.sheets import Sheet


def read_parquet_sheet(path: Path, faults: list[Fault]) -> Sheet | None:
    """The sheet in ``path``, or None when it cannot be read (then ``faults`` says why)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        message = f"the file cannot be read as Parquet: {str(error).splitlines()[0]}"
        faults.append(Fault(path.name, None, "", "", message))
        return None
    header = [str(name) for name in table.column_names]
    for name in sorted({n for n in header if header.count(n) > 1}):
        faults.append(Fault(path.name, 1, name, name, "the column is there twice; delete one"))
    if len(set(header)) < len(header):
        return None
    cells = [column.to_pylist() for column in table.columns]
    return Sheet(path.name, header, cells, list(range(2, table.num_rows + 2)))
