"""The run folder: one solve on disk, written whole or not at all, and read back.

``plan.json`` and ``run.json`` are what programs read; ``tables/`` holds the same as CSV and
Parquet, ``report.html`` and ``plan.xlsx`` are for people, and ``instance/`` holds all that the
plan was made from.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import NoPlanError, OptimizerError
from optimizer.plan.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from instances import Instance
    from networks.network import Network

FORMAT = "zoneopt-run-1"
PARTS = ("plan.json", "run.json", "report.html", "plan.xlsx", "tables", "instance")
PACKAGES = ("highspy", "ortools", "pulp", "numpy", "pandas", "scipy", "numba", "pyarrow")


class RunFolderError(OptimizerError):
    """A run folder cannot be written or read; the message says which and what to do."""


def write_run(
    out_dir: str | os.PathLike[str],
    instance: Instance,
    plan: Plan,
    run_info: Mapping[str, Any],
    *,
    with_report: bool = True,
    network: Network | None = None,
) -> Path:
    """Write a run folder and return its path.

    Everything is written to a folder beside `out_dir` first, which then takes its place: whoever
    looks finds the old run, or nothing, or the new run, never a part of one.

    Parameters
    ----------
    out_dir
        New, empty, or an earlier run folder, which is replaced.
    run_info
        How the plan was made: ``solver``, ``options``, ``seed``, ``threads``, ``seconds`` ...
    with_report
        False leaves out ``report.html`` and ``plan.xlsx``.
    network
        The instance's network where the caller has it already.

    Raises
    ------
    RunFolderError
        `out_dir` holds something else, its parent cannot be written, or the plan belongs to
        another instance.
    NoPlanError
        The plan's status says that there is no plan.
    """
    if not plan.status.has_plan:
        raise NoPlanError(f"There is no plan to write: the solve ended as '{plan.status}'.")
    if plan.instance_hash != instance.hash:
        raise RunFolderError(
            f"the plan was made from another state of the instance (hash {plan.instance_hash[:12]},"
            f" this one has {instance.hash[:12]}). Solve again, or give the instance of the plan."
        )
    target = check_out(out_dir)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The folder inside gets ordinary permissions; mkdtemp makes its own for the owner alone.
        shelter = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise RunFolderError(f"{target.parent} cannot be written: {error.strerror}") from error
    try:
        fresh = shelter / "new"
        fresh.mkdir()
        _write_parts(fresh, instance, plan, run_info, with_report, network)
        _put_in_place(fresh, target, shelter / "old")
    except OSError as error:
        raise RunFolderError(f"{target} was not written: {error}") from error
    finally:
        shutil.rmtree(shelter, ignore_errors=True)
    return target


def read_run(folder: str | os.PathLike[str]) -> tuple[Plan, dict[str, Any]]:
    """Return the plan and the run information of a run folder.

    Raises
    ------
    RunFolderError
        The folder is not a run folder, or a part of it is missing or damaged.
    """
    path = Path(folder)
    run_info = _read_run_json(path)
    if run_info is None:
        raise RunFolderError(
            f"{path} is not a run folder: it has no run.json of format {FORMAT}. Give a folder "
            "that `zoneopt solve --out` wrote."
        )
    try:
        plan = Plan.from_json((path / "plan.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path / 'plan.json'} cannot be read: {error}") from error
    stated = run_info.get("instance", {}).get("hash")
    if stated != plan.instance_hash:
        raise RunFolderError(
            f"{path}: run.json and plan.json belong to different instances "
            f"(hash {stated} and {plan.instance_hash})"
        )
    return plan, run_info


def run_document(instance: Instance, plan: Plan, run_info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``run.json`` holds: how the plan was made, without names of hosts or paths."""
    about = {
        "zoneopt_version": _version("zoneopt"),
        "instance": {"id": instance.instance_id, "name": instance.name, "hash": instance.hash},
        "status": str(plan.status),
        "stop_reason": plan.stop_reason,
        "objective": _finite(plan.objective),
        "bound": _finite(plan.bound),
        "gap": _finite(plan.gap),
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gb": _memory_gb(),
        },
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    # What the caller says comes last: a report that is written again keeps the machine, versions
    # and times of its solve.
    return {"format": FORMAT} | about | _plain(run_info) | {"format": FORMAT}


def _write_parts(
    folder: Path,
    instance: Instance,
    plan: Plan,
    run_info: Mapping[str, Any],
    with_report: bool,
    network: Network | None,
) -> None:
    from instances import write_instance
    from optimizer.report.facts import Facts
    from optimizer.report.tables import tables_of

    document = run_document(instance, plan, run_info)
    facts = Facts(instance, plan, network)
    tables = tables_of(facts, document)
    (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "run.json").write_text(text, encoding="utf-8")
    write_instance(instance, folder / "instance", "csv")
    (folder / "tables").mkdir()
    for name, frame in tables.items():
        write_table(folder / "tables" / name, frame)
    if with_report:
        from optimizer.report.page import answer_of, page_of
        from optimizer.report.workbook import write_workbook

        page = page_of(facts, document, tables)
        (folder / "report.html").write_text(page, encoding="utf-8")
        title = f"{instance.name} {instance.name_zh}".strip()
        write_workbook(folder / "plan.xlsx", tables, answer=answer_of(facts, tables), title=title)


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV and Parquet: empty cells for nan, ``inf`` for no limit."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    csv.write_csv(table, path.with_suffix(".csv"))
    parquet.write_table(table, path.with_suffix(".parquet"))


def check_out(out_dir: str | os.PathLike[str]) -> Path:
    """Return the full path of a folder that a run may be written to.

    Worth a call before a long solve: it raises RunFolderError unless the folder is new, empty, or
    an earlier run folder with nothing else in it.
    """
    target = Path(os.path.abspath(out_dir))
    if not target.exists() and not target.is_symlink():
        return target
    if not target.is_dir() or target.is_symlink():
        raise RunFolderError(f"{target} is a file or a link. Give the name of a new folder.")
    inside = sorted(p.name for p in target.iterdir())
    if not inside:
        return target
    if _read_run_json(target) is None:
        raise RunFolderError(
            f"{target} is not empty and not a run folder (it holds {', '.join(inside[:3])}"
            f"{' ...' if len(inside) > 3 else ''}). Give a new folder, or empty this one."
        )
    foreign = [name for name in inside if name not in PARTS]
    if foreign:
        raise RunFolderError(
            f"{target} is a run folder, but holds {', '.join(foreign[:3])}, which no run wrote and "
            "replacing it would delete. Move that elsewhere, or give a new folder."
        )
    return target


def _put_in_place(fresh: Path, target: Path, aside: Path) -> None:
    """Rename the new folder to the target; the old one is kept aside until that has worked."""
    moved = False
    if target.exists():
        target.rename(aside)
        moved = True
    try:
        fresh.rename(target)
    except BaseException:
        if moved:
            aside.rename(target)
        raise


def _read_run_json(folder: Path) -> dict[str, Any] | None:
    """Return run.json of a folder, or None where there is none of our format."""
    try:
        document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(document, dict) and document.get("format") == FORMAT
    return document if is_ours else None


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: unknown and infinite numbers become words."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return _finite(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item"):  # numpy scalars
        return _plain(value.item())
    return str(value)


def _finite(value: float) -> float | str:
    number = float(value)
    return number if number - number == 0 else str(number)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _memory_gb() -> float | None:
    """Return the memory of the machine in GB, where the system tells."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None
