"""The runs behind the tables of docs/shanxi.md, each of which can be repeated alone.

``python docs/shanxi_runs.py``                    solves every row, writes docs/shanxi_runs.csv and
                                                  the table in docs/shanxi.md
``python docs/shanxi_runs.py KEY ...``            solves these rows and replaces them there
``python docs/shanxi_runs.py --list``             prints how to ask each row with `zoneopt solve`
``python docs/shanxi_runs.py --instance KEY DIR`` writes the instance of a row that changes the
                                                  evidence, for `zoneopt solve DIR`
"""

from __future__ import annotations

import csv
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer import Instance, Plan

TABLE = Path(__file__).with_name("shanxi_runs.csv")
PAGE = Path(__file__).with_name("shanxi.md")
START, END = "<!-- runs: start -->", "<!-- runs: end -->"
EVIDENCE = Path(__file__).parent.parent / "instances" / "bundled" / "shanxi" / "evidence"
INDUSTRIES = ("electronics_assembly", "servers_computing", "textiles_apparel")
FIELDS = [
    "key",
    "changed",
    "status",
    "objective_mcny",
    "bound_mcny",
    "gap",
    "stay_mcny",
    "saving_mcny",
    "absorbed_mcny",
    "rival_mcny",
    "stayed_mcny",
    "electronics_mcny",
    "servers_mcny",
    "textiles_mcny",
    "capital_mcny",
    "zones",
    "projects",
]


@dataclass(frozen=True)
class Edit:
    """One column of some rows of an evidence table, set to another column or to a number."""

    table: str
    where: tuple[str, str]  # column and value; ("", "") means every row
    column: str
    value: str  # a number, or the name of the column to take it from

    @property
    def text(self) -> str:
        """The edit in words."""
        rows = f" where {self.where[0]} = {self.where[1]}" if self.where[0] else ""
        return f"{self.table}.csv{rows}: {self.column} = {self.value}"


@dataclass(frozen=True)
class Run:
    """One row: what is changed in words, options of `zoneopt solve`, edits of the evidence."""

    key: str
    changed: str
    options: str = ""
    edits: tuple[Edit, ...] = ()


def _assumed(parameter: str, value: str) -> Edit:
    return Edit("assumptions", ("parameter", parameter), "value", value)


def _floor(item: str, value: str) -> Edit:
    return Edit("factory_space", ("item", f"standard_factory_{item}"), "value", value)


def _volumes(kept: str, replaced: str) -> tuple[Edit, ...]:
    return (
        Edit(
            "origin_volumes", ("", ""), f"relocatable_share_{replaced}", f"relocatable_share_{kept}"
        ),
    )


RUNS = (
    Run("default", "nothing: the default question"),
    Run("gap-tenth", "nothing, but a gap of 0.01 %", "--gap 0.0001"),
    Run("target-20", "20 % of the volume must come", "--target 20%"),
    Run("target-30", "30 % must come", "--target 30%"),
    Run("close-west", "Alashankou and Khorgos closed", "--close alashankou --close khorgos"),
    Run("close-tianjin", "Tianjin port closed", "--close tianjin-port"),
    Run("close-qingdao", "Qingdao port closed", "--close qingdao-port"),
    Run("close-suez", "Suez closed (ships by the Cape)", "--close suez"),
    Run("forbid-jincheng", "Jincheng zone shut", "--forbid jincheng-etdz"),
    Run("forbid-jincheng-both", "both electronics zones of Jincheng shut",
        "--forbid jincheng-etdz --forbid foxconn-jincheng"),
    Run("no-outlay", "no public outlay: existing zones only", "--budget 0"),
    Run("open-xiaohe", "Xiaohe park (Taiyuan) must open", "--open ctz-xiaohe"),
    Run("cbz-zhongding", "second bonded zone at Zhongding built",
        "--set projects.p-cbz-zhongding.status=required"),
    Run("cbz-jincheng", "second bonded zone at Jincheng built",
        "--set projects.p-cbz-jincheng.status=required"),
    Run("no-build-south", "no building programme in the south",
        "--set projects.p-build-south.status=forbidden"),
    Run("no-density", "no density effects anywhere", "",
        (_assumed("agglomeration_realised_share", "0"),)),
    Run("full-density", "density effects in full", "",
        (_assumed("agglomeration_realised_share", "1"),)),
    Run("vacancy-low", "vacant floor at its low value", "", (_floor("vacant_m2", "low"),)),
    Run("vacancy-high", "vacant floor at its high value", "", (_floor("vacant_m2", "high"),)),
    Run("building-low", "building rate at its low value", "",
        (_floor("built_per_year_m2", "low"),)),
    Run("building-high", "building rate at its high value", "",
        (_floor("built_per_year_m2", "high"),)),
    Run("rivals-10", "a rival wins at most 10 % of a block", "",
        (_assumed("rival_max_share_of_block", "0.1"),)),
    Run("rivals-35", "a rival wins at most 35 %", "",
        (_assumed("rival_max_share_of_block", "0.35"),)),
    Run("rival-floor-high", "rivals offer 60 % of their vacant floor and labour", "",
        (_assumed("rival_floor_share", "high"), _assumed("rival_labour_share", "high"))),
    Run("rival-floor-low", "rivals offer 15 %", "",
        (_assumed("rival_floor_share", "low"), _assumed("rival_labour_share", "low"))),
    Run("staff-low", "15 % of electronics staff can be won", "",
        (_assumed("electronics_staff_won_share", "low"),)),
    Run("staff-high", "50 % can be won", "", (_assumed("electronics_staff_won_share", "high"),)),
    Run("carrying-low", "carrying rate 8 %", "--set settings.carrying_rate=0.08"),
    Run("carrying-high", "carrying rate 25 %", "--set settings.carrying_rate=0.25"),
    Run("life-5", "relocated lines last 5 years", "", (_assumed("relocation_life_years", "low"),)),
    Run("life-15", "relocated lines last 15 years", "",
        (_assumed("relocation_life_years", "high"),)),
    Run("volume-low", "relocatable shares at their low value", "", _volumes("low", "high")),
    Run("volume-high", "relocatable shares at their high value", "", _volumes("high", "low")),
    Run("teu-value-half", "a TEU of electronics and servers worth half",
        "--set industries.electronics_assembly.output_value_cny_per_teu*=0.5 "
        "--set industries.servers_computing.output_value_cny_per_teu*=0.5"),
)  # fmt: skip


def apply_edits(edits: tuple[Edit, ...], evidence: Path) -> None:
    """Change the CSV tables in the folder ``evidence``; an edit that meets no row is an error."""
    for edit in edits:
        path = evidence / f"{edit.table}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), list(reader.fieldnames or ())
        column, wanted = edit.where
        hit = [row for row in rows if not column or row[column] == wanted]
        if not hit:
            raise ValueError(f"no row fits: {edit.text}")
        for row in hit:
            row[edit.column] = row.get(edit.value, edit.value)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def write_changed_instance(run: Run, out: Path) -> None:
    """Write the instance that the evidence gives after the edits of ``run`` to ``out``."""
    import shutil

    from instances.shanxi_build.build import build

    with tempfile.TemporaryDirectory() as folder:
        evidence = Path(folder) / "evidence"
        shutil.copytree(EVIDENCE, evidence)
        apply_edits(run.edits, evidence)
        build(evidence, out)


def asked(options: str) -> dict[str, Any]:
    """Keywords of `optimizer.solve` for options of `zoneopt solve`, as far as they occur here."""
    words: Iterator[str] = iter(shlex.split(options))
    found: dict[str, list[str]] = {}
    for word in words:
        found.setdefault(word, []).append(next(words))
    share = [float(text.rstrip("%")) / 100 for text in found.pop("--target", [])]
    keywords: dict[str, Any] = {"target_share": share[0]} if share else {}
    names = {"--close": "closed", "--forbid": "forbid_zones", "--open": "open_zones"}
    if "--gap" in found:
        keywords["gap"] = float(found.pop("--gap")[0])
    if "--budget" in found:
        keywords["budget_mcny"] = float(found.pop("--budget")[0])
    keywords |= {"overrides": found.pop("--set", [])}
    return keywords | {names[option]: tuple(values) for option, values in found.items()}


def solve_run(run: Run) -> dict[str, Any]:
    """Return the row of ``run`` in docs/shanxi_runs.csv; money and output in million CNY a year."""
    from optimizer import read_instance, solve

    with tempfile.TemporaryDirectory() as folder:
        where = "shanxi"
        if run.edits:
            where = folder
            write_changed_instance(run, Path(folder))
        result = solve(read_instance(where), **asked(run.options))
    row: dict[str, Any] = {
        "key": run.key,
        "changed": run.changed,
        "status": str(result.status.value),
    }
    if not result.has_plan:
        explanation = result.explanation
        return row | {"zones": "" if explanation is None else " / ".join(explanation.lines())}
    plan, moves = result.plan, result.moves
    relocatable = float(result.instance.table("blocks")["volume_mcny_per_year"].sum())
    rivals = sum(entry[3] for entry in plan.rivals)
    by_industry = moves.groupby("industry_id")["output_mcny"].sum()
    by_zone = moves.groupby("zone_id")["output_mcny"].sum().sort_values(ascending=False)
    named = zip(("electronics", "servers", "textiles"), INDUSTRIES, strict=True)
    return row | {
        "objective_mcny": f"{result.objective:.1f}",
        "bound_mcny": f"{result.bound:.1f}",
        "gap": f"{result.gap:.5f}",
        "stay_mcny": f"{plan.stay_cost_mcny:.1f}",
        "saving_mcny": f"{plan.stay_cost_mcny - plan.cost_mcny:.1f}",
        "absorbed_mcny": f"{result.absorbed_mcny:.0f}",
        "rival_mcny": f"{rivals:.0f}",
        "stayed_mcny": f"{relocatable - rivals - result.absorbed_mcny:.0f}",
        **{f"{short}_mcny": f"{by_industry.get(name, 0.0):.0f}" for short, name in named},
        "capital_mcny": f"{capital_mcny(result.instance, plan):.0f}",
        "zones": "; ".join(f"{zone} {output:.0f}" for zone, output in by_zone.items()),
        "projects": "; ".join(plan.projects),
    }


def capital_mcny(instance: Instance, plan: Plan) -> float:
    """Public outlay of a plan, million CNY: zones that open, modules and projects."""
    zones = instance.table("zones").set_index("zone_id")
    modules = instance.table("modules").set_index("module_id")
    projects = instance.table("projects").set_index("project_id")
    new = [zone for zone in plan.open_zones if zones.at[zone, "status"] != "existing"]
    return (
        float(zones.loc[new, "open_mcny"].sum())
        + sum(count * float(modules.at[name, "capital_mcny"]) for name, count in plan.modules)
        + float(projects.loc[list(plan.projects), "capital_mcny"].sum())
    )


def read_rows() -> dict[str, dict[str, str]]:
    """Return the rows of docs/shanxi_runs.csv by key; none when the file is missing."""
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def write_rows(rows: dict[str, dict[str, Any]]) -> None:
    """Write the rows in the order of `RUNS`."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[run.key] for run in RUNS if run.key in rows)


def _shown(row: dict[str, str], column: str) -> str:
    return f"{float(row[column]):,.0f}"


def runs_table() -> str:
    """Return the table of docs/shanxi.md, from docs/shanxi_runs.csv."""
    head = (
        "| key | changed | cost | gap | saving | to zones | to rivals | zones (bn) | projects |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |\n"
    )
    lines = []
    for row in read_rows().values():
        zones = [zone.rsplit(" ", 1) for zone in row["zones"].split("; ")]
        shown = ", ".join(f"{name} {float(output) / 1000:.1f}" for name, output in zones)
        costs = [_shown(row, c) for c in ("objective_mcny", "saving_mcny")]
        volumes = [_shown(row, c) for c in ("absorbed_mcny", "rival_mcny")]
        gap = f"{float(row['gap']):.3%}"
        cells = [f"`{row['key']}`", row["changed"], costs[0], gap, costs[1], *volumes, shown]
        lines.append("| " + " | ".join([*cells, row["projects"] or "none"]) + " |\n")
    return head + "".join(lines)


def write_table() -> None:
    """Put the table between the two marks of docs/shanxi.md."""
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    text = before + START + "\n" + runs_table() + END + after
    PAGE.write_text(text, encoding="utf-8", newline="\n")


def how(run: Run) -> str:
    """How to ask ``run`` with the command, in one or two lines."""
    if not run.edits:
        return f"zoneopt solve shanxi {run.options}".rstrip()
    edits = "; ".join(edit.text for edit in run.edits)
    return (
        f"# {edits}\npython docs/shanxi_runs.py --instance {run.key} changed\nzoneopt solve changed"
    )


def main(arguments: list[str]) -> int:
    """Run the rows named in ``arguments`` (all without any) and keep the table."""
    by_key = {run.key: run for run in RUNS}
    if arguments == ["--list"]:
        sys.stdout.writelines(f"{run.key}: {run.changed}\n{how(run)}\n\n" for run in RUNS)
        return 0
    if arguments[:1] == ["--instance"]:
        write_changed_instance(by_key[arguments[1]], Path(arguments[2]))
        return 0
    unknown = [key for key in arguments if key not in by_key]
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; known: {', '.join(by_key)}\n")
        return 2
    for key in arguments or by_key:
        row = solve_run(by_key[key])
        rows: dict[str, dict[str, Any]] = dict(read_rows())
        rows[key] = row
        write_rows(rows)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
