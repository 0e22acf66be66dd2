"""`zoneopt solve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimizer.cli.named import closed_ids, zone_ids
from optimizer.cli.published import reading_options
from optimizer.cli.terminal import CancelOnInterrupt, ProgressLine, print_json
from optimizer.cli.values import DecisionBound, Memory, NamedNumber, Number, Target

if TYPE_CHECKING:
    from optimizer.result import Result

OBJECTIVES = ["cost", "absorbed", "jobs", "hours", "co2e", "outlay"]
SOLVERS = ["auto", "highs", "scip", "cbc", "cp-sat"]


@click.command()
@click.argument("instance")
@click.option(
    "--target",
    type=Target(),
    metavar="SHARE|MCNY",
    help="Volume that must come to the zones: a share (0.2 or 20%) of all relocatable volume, "
    "or million CNY a year (5000).",
)
@click.option(
    "--industry-target",
    "industry_targets",
    type=NamedNumber(),
    multiple=True,
    metavar="INDUSTRY=MCNY",
    help="Volume of one industry that must come. Repeatable.",
)
@click.option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    default="cost",
    show_default=True,
    help="What is best: least cost, most absorbed volume, most jobs, least hours, least CO2e or "
    "least public outlay.",
)
@click.option(
    "--budget",
    "budget_mcny",
    type=Number(),
    metavar="MCNY",
    help="Most capital of zones, modules and projects.",
)
@click.option(
    "--cost-limit",
    "cost_limit_mcny",
    type=Number(),
    metavar="MCNY",
    help="Most total cost a year, for objectives other than cost.",
)
@click.option(
    "--limit",
    "limits",
    type=NamedNumber(),
    multiple=True,
    metavar="MEASURE=VALUE",
    help="Limit of a measure a year, with any objective: cost, hours, co2e, outlay at most; "
    "absorbed, jobs at least. Repeatable.",
)
@click.option(
    "--weight",
    "weights",
    type=NamedNumber(),
    multiple=True,
    metavar="MEASURE=MCNY",
    help="Minimise cost + MCNY x measure (hours, co2e, outlay), or cost - MCNY x measure (jobs, "
    "absorbed): million CNY per unit. Repeatable.",
)
@click.option(
    "--least",
    type=DecisionBound(),
    multiple=True,
    metavar="KIND:ID=N",
    help="Least count of a decision: zone, project or service (1 = yes), host:ZONE/INDUSTRY, "
    "module or increment:POOL. Repeatable.",
)
@click.option(
    "--most",
    type=DecisionBound(),
    multiple=True,
    metavar="KIND:ID=N",
    help="Most of a decision, as for --least (0 = no). Repeatable.",
)
@click.option(
    "--close",
    "closed",
    multiple=True,
    metavar="ID",
    help="Close a place, link, corridor, service, transfer, customs, bottleneck or mode, by id "
    "or name. Repeatable.",
)
@click.option(
    "--open",
    "open_zones",
    multiple=True,
    metavar="ZONE",
    help="Force a zone to open, by id or name. Repeatable.",
)
@click.option(
    "--forbid",
    "forbid_zones",
    multiple=True,
    metavar="ZONE",
    help="Keep a zone shut, by id or name. Repeatable.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="TABLE.ID.COLUMN=VALUE",
    help="Change one cell (also *=FACTOR; settings.KEY=VALUE). Repeatable.",
)
@click.option(
    "--solver",
    type=click.Choice(SOLVERS),
    default="auto",
    show_default=True,
    help="Who solves the integer model; changes the time, not the answer.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=Number(min_open=True, endless=True),
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds.",
)
@click.option(
    "--gap",
    type=Number(),
    default=1e-3,
    show_default=True,
    help="Relative gap at which to stop.",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--memory-limit",
    "memory_limit_mb",
    type=Memory(),
    metavar="4GB",
    help="Stop with the best plan when the process holds more memory than this.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write a run folder: plan.json, tables, report.html, plan.xlsx.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object and nothing else on standard output.",
)
@click.option("--explain", is_flag=True, help="Say which method was chosen, and why.")
@click.option("--quiet", is_flag=True, help="No progress.")
@reading_options
def solve(
    instance: str,
    target: dict[str, float] | None,
    industry_targets: tuple[tuple[str, float], ...],
    overrides: tuple[str, ...],
    time_limit_s: float,
    gap: float,
    threads: int,
    memory_limit_mb: float | None,
    seed: int,
    solver: str,
    out: Path | None,
    as_json: bool,
    explain: bool,
    quiet: bool,
    reading: dict[str, Any],
    **asked: Any,
) -> None:
    """Find the best siting plan of INSTANCE and prove how good it is.

    The default places all relocatable volume at least cost among staying where it is, rival hosts
    and the zones. Published files of facility location and network design are instances too: one
    unit of their cost is one million CNY a year. Ctrl-C keeps the best plan. Exit code 0 with a
    plan, 1 without, 2 for bad input.

    \b
    zoneopt solve shanxi --out runs/shanxi
    zoneopt solve shanxi --target 20% --close khorgos --set pools.labour-taiyuan.endowment*=1.2
    zoneopt solve capa.txt --capacity 8000 --explain
    """  # noqa: D301
    import time
    from dataclasses import replace

    from optimizer.api import read_instance
    from optimizer.api import solve as run_solve
    from optimizer.errors import OptimizerError
    from optimizer.plan.plan import Question

    if out is not None:
        from optimizer.run import check_out

        check_out(out)
    started = time.perf_counter()
    table = read_instance(instance, **reading)
    read_s = time.perf_counter() - started
    for option in ("open_zones", "forbid_zones"):
        asked[option] = zone_ids(table, asked[option])
    asked["closed"] = closed_ids(table, asked["closed"])
    asked |= target or {}
    question = Question(industry_targets=industry_targets, **asked)
    options: dict[str, Any] = {
        "solver": solver,
        "time_limit_s": time_limit_s,
        "gap": gap,
        "threads": threads,
        "seed": seed,
    }
    if memory_limit_mb is not None:
        options["memory_limit_mb"] = memory_limit_mb
    checkpoint = None
    if out is not None:
        from optimizer.checkpoint import Checkpoint

        checkpoint = Checkpoint.beside(out)
        changed = table.override(*overrides) if overrides else table
        checkpoint.begin(changed, question, options)
    try:
        with CancelOnInterrupt() as cancel, ProgressLine(enabled=not quiet) as progress:
            result = run_solve(
                table,
                question,
                on_progress=progress,
                cancel=cancel,
                overrides=overrides,
                checkpoint=checkpoint,
                **options,
            )
    except OptimizerError:  # the question was refused: there is nothing to go on with
        if checkpoint is not None:
            checkpoint.remove()
        raise
    seconds = dict(result.seconds)
    seconds["read"] += read_s
    finish(replace(result, seconds=seconds), out, as_json=as_json, explain=explain)
    if checkpoint is not None:
        checkpoint.remove()
    sys.exit(0 if result.has_plan else 1)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--time-limit",
    "time_limit_s",
    type=Number(min_open=True, endless=True),
    metavar="S",
    help="Seconds, instead of those of the run.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object and nothing else on standard output.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def resume(run: Path, time_limit_s: float | None, as_json: bool, quiet: bool) -> None:
    """Go on with a solve that was killed, from what it had found.

    RUN is the folder that `zoneopt solve --out RUN` was to write. Decisions and bound are no worse
    than those on disk. Exit codes as for solve.
    """
    from optimizer.api import solve as run_solve
    from optimizer.checkpoint import Checkpoint
    from optimizer.run import check_out

    check_out(run)
    checkpoint = Checkpoint.beside(run)
    table, question, options = checkpoint.load()
    if time_limit_s is not None:
        options["time_limit_s"] = time_limit_s
    with CancelOnInterrupt() as cancel, ProgressLine(enabled=not quiet) as progress:
        result = run_solve(
            table, question, on_progress=progress, cancel=cancel, checkpoint=checkpoint, **options
        )
    finish(result, run, as_json=as_json, explain=False)
    checkpoint.remove()
    sys.exit(0 if result.has_plan else 1)


def finish(result: Result, out: Path | None, *, as_json: bool, explain: bool) -> None:
    """Write the run folder, if one was asked for, and print what was found."""
    import time
    from dataclasses import replace

    where = None
    if out is not None and result.has_plan:
        from optimizer.run import write_run

        started = time.perf_counter()
        where = write_run(out, result.instance, result.plan, run_info(result))
        written = {"write": time.perf_counter() - started}
        result = replace(result, seconds=dict(result.seconds) | written)
    if as_json:
        print_json(result.to_dict() | {"out": str(out) if where else None})
        return
    if explain and result.structure is not None:
        for line in result.structure.lines():
            click.echo(line)
    click.echo(result.summary())
    for note in result.notes:
        click.echo(f"note: {note}")
    if where:
        click.echo(f"report: {where / 'report.html'}")


def run_info(result: Result) -> dict[str, Any]:
    """What `run.json` says about how a plan was made."""
    return {
        "solver": result.solver,
        "options": dict(result.options),
        "seconds": dict(result.seconds),
        "root_bound": result.root_bound,
        "nodes": result.nodes,
        "peak_memory_mb": result.peak_memory_mb,
        "notes": list(result.notes),
        "status": result.status.value,
        "stop_reason": result.stop_reason,
    }
