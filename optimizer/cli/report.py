"""`zoneopt report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(run: Path) -> None:
    """Write report.html, plan.xlsx and the tables of the run folder RUN again."""
    from instances import read_instance
    from optimizer.run import read_run, write_run

    plan, info = read_run(run)
    where = write_run(run, read_instance(run / "instance"), plan, info)
    click.echo(f"wrote {where / 'report.html'}")
