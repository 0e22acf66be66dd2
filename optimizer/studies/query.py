"""`query_study`: all solves of a study folder as tables that DuckDB can be asked about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimizer.errors import OptimizerError
from optimizer.studies.store import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "solves": (
        "key", "name", "status", "stop_reason", "objective", "bound", "gap", "cost_mcny",
        "stay_cost_mcny", "absorbed_mcny", "zones_count", "objective_name", "overrides", "closed",
        "open_zones", "forbid_zones", "gap_asked", "start", "task", "seconds",
    ),
    "names": ("key", "name", "tag", "value"),
    "open_zones": ("key", "zone_id"),
    "hosts": ("key", "zone_id", "industry_id"),
    "moves": ("key", "origin_id", "industry_id", "zone_id", "form_id", "output_mcny"),
    "accounts": (
        "key", "component", "host_kind", "host_id", "industry_id", "origin_id", "mcny",
    ),
    "modules": ("key", "module_id", "count"),
    "projects": ("key", "project_id"),
}  # fmt: skip


class QueryError(OptimizerError):
    """The SQL cannot be run; the message is DuckDB's."""


def query_study(folder: str | os.PathLike[str], sql: str) -> pd.DataFrame:
    """Return the rows of an SQL statement over the solves and chapter tables of a study folder.

    Raises
    ------
    StudyFolderError
        It is no study folder.
    QueryError
        DuckDB refuses the statement.
    """
    import duckdb

    store = Store.open(folder)
    connection = duckdb.connect(":memory:", config={"enable_external_access": True})
    try:
        for name, frame in study_tables(store).items():
            connection.register(f"{name}_rows", frame)
            connection.execute(f'create table "{name}" as select * from "{name}_rows"')
            connection.unregister(f"{name}_rows")
        for path in sorted((store.folder / "tables").glob("*.parquet")):
            name = re.sub(r"\W", "_", path.stem)
            connection.execute(
                f'create table "{name}" as select * from read_parquet(?)', [str(path)]
            )
        # A question must not read or write other files.
        connection.execute("set enable_external_access = false")
        return connection.execute(sql).df()
    except duckdb.Error as error:
        raise QueryError(f"the query failed: {error}") from error
    finally:
        connection.close()


def study_tables(store: Store) -> dict[str, pd.DataFrame]:
    """Return the solves of a study as tidy tables by name."""
    import pandas as pd

    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
    for case, solved, names in store.entries():
        for table, row in _rows(case, solved, names):
            rows[table].append(row)
    return {name: pd.DataFrame(rows[name], columns=list(COLUMNS[name])) for name in COLUMNS}


def _rows(case: dict[str, Any], solved: Any, names: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    key, plan, question = solved.key, solved.plan, case["question"]
    yield (
        "solves",
        (
            key,
            case["name"],
            str(solved.status),
            solved.stop_reason,
            solved.objective,
            solved.bound,
            solved.gap,
            plan.cost_mcny if plan else None,
            plan.stay_cost_mcny if plan else None,
            plan.absorbed_mcny if plan else None,
            len(plan.open_zones) if plan else None,
            question["objective"],
            "; ".join(case["overrides"]),
            "; ".join(question["closed"]),
            "; ".join(question["open_zones"]),
            "; ".join(question["forbid_zones"]),
            case["gap"],
            case["start"],
            case["task"],
            solved.seconds,
        ),
    )
    for name, tags in names.items():
        for tag, value in (tags or {"": ""}).items():
            yield "names", (key, name, tag, str(value))
    if plan is None:
        return
    for zone in plan.open_zones:
        yield "open_zones", (key, zone)
    for zone, industry in plan.hosts:
        yield "hosts", (key, zone, industry)
    for m in plan.moves:
        yield "moves", (key, m.origin_id, m.industry_id, m.zone_id, m.form_id, m.output_mcny)
    for a in plan.accounts:
        yield (
            "accounts",
            (key, a.component, a.host_kind, a.host_id, a.industry_id, a.origin_id, a.mcny),
        )
    for module, count in plan.modules:
        yield "modules", (key, module, count)
    for project in plan.projects:
        yield "projects", (key, project)
