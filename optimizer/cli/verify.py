"""`zoneopt verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from optimizer.cli.plans import read_plan
from optimizer.cli.published import reading_options
from optimizer.cli.terminal import print_json
from optimizer.cli.values import Number


@click.command()
@click.argument("instance")
@click.argument("plan", type=click.Path(exists=True, path_type=Path), required=False)
@click.option(
    "--tolerance",
    type=Number(),
    default=1e-6,
    show_default=True,
    help="Relative tolerance of sums.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@reading_options
def verify(
    instance: str, plan: Path | None, tolerance: float, as_json: bool, reading: dict[str, Any]
) -> None:
    """Recompute PLAN (a plan.json or a run folder) on INSTANCE from the tables alone.

    Checks every constraint, every cost component, the total and, with the prices stored in the
    plan, the bound: how much of it holds without any solver. Prints each violated row. With one
    argument, a run folder, its plan is checked on the instance in it. Exit code 0 if all holds, 1
    if not, 2 for bad input.

    \b
    zoneopt verify runs/shanxi
    zoneopt verify shanxi runs/shanxi/plan.json
    """  # noqa: D301
    from instances import read_instance
    from optimizer.plan.verify import verify_plan

    if plan is None:
        plan = Path(instance)
        if not (plan / "instance").is_dir():
            raise click.UsageError(
                f"{instance!r} is no run folder, so it takes two: INSTANCE and PLAN."
            )
        instance = str(plan / "instance")
    loaded = read_plan(plan)
    verdict = verify_plan(read_instance(instance, **reading), loaded, tolerance=tolerance)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(verdict))
    else:
        for line in verdict.lines():
            click.echo(line)
    sys.exit(0 if verdict.ok else 1)
