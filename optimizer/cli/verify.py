"""`zoneopt verify`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

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
def verify(instance: str, plan: Path, tolerance: float, as_json: bool) -> None:
    """Recompute PLAN (a plan.json or a run folder) on INSTANCE from the tables alone.

    Checks every constraint, every cost component, the total and, with the prices stored in the
    plan, the bound. Prints each violated row. Exit code 0 if all holds, 1 if not, 2 for bad input.
    """
    from instances import read_instance
    from instances.errors import InstanceError
    from optimizer.plan.plan import Plan
    from optimizer.plan.verify import verify_plan

    path = plan / "plan.json" if plan.is_dir() else plan
    try:
        loaded = Plan.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InstanceError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InstanceError(f"{path} is not a plan: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InstanceError(f"{path} is not a plan: it is damaged JSON ({error})") from None
    except ValueError as error:
        raise InstanceError(f"{path}: {error}") from None
    verdict = verify_plan(read_instance(instance), loaded, tolerance=tolerance)
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps(asdict(verdict), ensure_ascii=False, indent=1, default=str))
    else:
        for line in verdict.lines():
            click.echo(line)
    sys.exit(0 if verdict.ok else 1)
