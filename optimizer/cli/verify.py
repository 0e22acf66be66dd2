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
@click.argument("plan", type=click.Path(exists=True, path_type=Path))
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
    instance: str, plan: Path, tolerance: float, as_json: bool, reading: dict[str, Any]
) -> None:
    """Recompute PLAN (a plan.json or a run folder) on INSTANCE from the tables alone.

    Checks every constraint, every cost component, the total and, with the prices stored in the
    plan, the bound. Prints each violated row. A plan made with --set is checked on the instance
    in its run folder. Exit code 0 if all holds, 1 if not, 2 for bad input.
    """
    from instances import read_instance
    from optimizer.plan.verify import verify_plan

    loaded = read_plan(plan)
    verdict = verify_plan(read_instance(instance, **reading), loaded, tolerance=tolerance)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(verdict))
    else:
        for line in verdict.lines():
            click.echo(line)
    sys.exit(0 if verdict.ok else 1)
