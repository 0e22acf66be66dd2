"""How much faster a changed `shanxi` is solved from the answer to the unchanged one.

    python benchmarks/warm_start.py                 50 changes, results in results/warm_start.jsonl
    python benchmarks/warm_start.py --changes 3     the first three of them

Each change is one of: a factor price, the capacity of a pool or a bottleneck, a closed corridor, a
zone that must open or must stay shut; drawn by the seed. Both solves have the same gap, threads and
limit and are not verified (that takes the same time for both): a cold one, and one from the result
of the unchanged instance. A process per change, forked (POSIX only) after the solve of the
unchanged instance, which is not counted: imports, compiled code and the earlier answer are there
for both, and no change sees what the one before left behind. Run again to go on: changes that are
in the file are not run again. The answers are compared: no bound above the other's plan, plans
within the gap of each other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.result import Result

FILE = Path(__file__).parent / "results" / "warm_start.jsonl"
KINDS = ("price", "capacity", "closed", "forced", "forbidden")


def draw_changes(count: int, seed: int) -> list[dict[str, Any]]:
    """Return changes of `shanxi`, each other than the ones before; a longer list begins the same.

    ``overrides`` are texts for `solve`, ``asked`` keywords of its question.
    """
    from instances import read_instance

    instance = read_instance("shanxi")
    tables = instance.tables
    dice = random.Random(seed)
    zones = tables["zones"]
    may_open = zones.loc[zones["status"] == "candidate", "zone_id"].tolist()
    may_shut = zones.loc[zones["status"] != "required", "zone_id"].tolist()
    links = tables["links"]
    mains = links.loc[links["mode"].isin(["rail", "block_train", "rail_broad"]), "link_id"].tolist()
    limits = {
        "pools": ("pool_id", "endowment"),
        "bottlenecks": ("bottleneck_id", "capacity_teu_per_year"),
    }
    price_columns = [
        name for name in tables["factor_prices"].columns
        if name not in ("factor_region_id", "source", "grade")
        and tables["factor_prices"][name].dtype.kind == "f"
    ]  # fmt: skip
    changes: list[dict[str, Any]] = []
    while len(changes) < count:
        kind = dice.choice(KINDS)
        factor = dice.choice([0.7, 0.8, 0.9, 1.1, 1.2, 1.3])
        change: dict[str, Any] = {"kind": kind, "overrides": [], "asked": {}}
        if kind == "price":
            region = dice.choice(tables["factor_prices"]["factor_region_id"].tolist())
            column = dice.choice(price_columns)
            change["overrides"] = [f"factor_prices.{region}.{column}*={factor}"]
        elif kind == "capacity":
            table = dice.choice(list(limits))
            key, column = limits[table]
            rows = tables[table]
            name = dice.choice(rows.loc[rows[column] < float("inf"), key].tolist())
            change["overrides"] = [f"{table}.{name}.{column}*={factor}"]
        elif kind == "closed":
            change["asked"] = {"closed": [dice.choice(mains)]}
        elif kind == "forced":
            change["asked"] = {"open_zones": [dice.choice(may_open)]}
        else:
            change["asked"] = {"forbid_zones": [dice.choice(may_shut)]}
        if change not in changes:
            changes.append(change)
    return changes


def measure(change: dict[str, Any], terms: dict[str, Any], base: Result) -> dict[str, Any]:
    """Return times and values of both solves of a change, the warm one begun from ``base``."""
    from optimizer.api import solve

    instance = base.instance
    common = terms | {"verify": False, "explain": False}
    for override in change["overrides"]:
        instance = instance.override(override)
    question = {name: tuple(values) for name, values in change["asked"].items()}
    found: dict[str, Any] = dict(change) | {"load": os.getloadavg()[0]}
    order = [("cold", None), ("warm", base)]
    for name, start in order:
        wall, cpu = time.perf_counter(), time.process_time()
        result = solve(instance, start=start, **common, **question)
        found[name] = {
            "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
            "status": result.status.value,
            "objective": result.objective if result.has_plan else None,
            "bound": result.bound if result.has_plan else None,
        }  # fmt: skip
    return found


def _child(change: dict[str, Any], terms: dict[str, Any], base: Result, answer: Connection) -> None:
    answer.send(measure(change, terms, base))


def in_a_process_of_its_own(
    change: dict[str, Any], terms: dict[str, Any], base: Result
) -> dict[str, Any]:
    """Return what `measure` returns, from a fork of this process."""
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(
        target=_child, args=(change, terms, base, there)
    )
    child.start()
    there.close()
    try:
        found = here.recv()
    except EOFError:
        sys.exit(f"{change}: the process that measured it ended without an answer")
    child.join()
    return found


def agree(found: dict[str, Any], gap: float) -> bool:
    """Say whether neither answer contradicts the other."""
    cold, warm = found["cold"], found["warm"]
    if cold["objective"] is None or warm["objective"] is None:
        return cold["status"] == warm["status"]
    slack = 1e-6 * abs(cold["objective"])
    return (
        warm["bound"] <= cold["objective"] + slack
        and cold["bound"] <= warm["objective"] + slack
        and abs(cold["objective"] - warm["objective"]) <= gap * abs(cold["objective"]) + slack
    )


def main() -> None:
    """Run what the command line asks for."""
    from optimizer.api import read_instance, solve

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gap", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--out", type=Path, default=FILE)
    asked = parser.parse_args()
    terms = {"gap": asked.gap, "threads": asked.threads, "time_limit_s": asked.limit}
    stored: dict[str, dict[str, Any]] = {}
    if asked.out.exists():
        for line in asked.out.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["terms"] == terms:
                stored[json.dumps([row["overrides"], row["asked"]])] = row
    base, rows = None, []
    for number, change in enumerate(draw_changes(asked.changes, asked.seed), start=1):
        key = json.dumps([change["overrides"], change["asked"]])
        if key not in stored:
            if base is None:
                base = solve(read_instance("shanxi"), **terms | {"verify": False, "explain": False})
            stored[key] = in_a_process_of_its_own(change, terms, base) | {"terms": terms}
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            with asked.out.open("a", encoding="utf-8", newline="\n") as out:
                out.write(json.dumps(stored[key]) + "\n")
        row = stored[key]
        rows.append(row)
        what = "; ".join([*row["overrides"], *(f"{k} {v[0]}" for k, v in row["asked"].items())])
        print(
            f"{number:3} {what:<60} cold {row['cold']['wall_s']:6.2f} s  "
            f"warm {row['warm']['wall_s']:6.2f} s  x{_ratio(row, 'wall_s'):5.2f} "
            f"(CPU x{_ratio(row, 'cpu_s'):5.2f})  {row['cold']['status']}"
            + ("" if agree(row, asked.gap) else "  ANSWERS DIFFER"),
            flush=True,
        )
    for name in ("wall_s", "cpu_s"):
        ratios = [_ratio(row, name) for row in rows]
        print(
            f"{name}: cold {statistics.median(r['cold'][name] for r in rows):.2f} s, "
            f"warm {statistics.median(r['warm'][name] for r in rows):.2f} s, median ratio "
            f"{statistics.median(ratios):.2f}, worst {min(ratios):.2f}"
        )
    differ = sum(not agree(row, asked.gap) for row in rows)
    print(f"{len(rows)} changes, {differ} with answers that differ")
    sys.exit(1 if differ else 0)


def _ratio(row: dict[str, Any], name: str) -> float:
    return row["cold"][name] / max(row["warm"][name], 1e-9)


if __name__ == "__main__":
    main()
