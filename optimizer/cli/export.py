"""`zoneopt export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from optimizer.cli.plans import read_plan
from optimizer.cli.published import reading_options

if TYPE_CHECKING:
    from instances.writing import Form

FORMS = ["csv", "xlsx", "parquet", "lp", "mps", "geojson", "graphml"]


@click.command()
@click.argument("instance")
@click.option("--to", "form", type=click.Choice(FORMS), required=True, help="Format.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File, or folder for csv and parquet.",
)
@click.option(
    "--plan",
    type=click.Path(exists=True, path_type=Path),
    help="A plan.json or run folder to draw in (geojson).",
)
@reading_options
def export(instance: str, form: str, out: Path, plan: Path | None, reading: dict[str, Any]) -> None:
    """Write INSTANCE for other programs.

    csv, xlsx and parquet hold the tables and read back as the same instance. lp and mps hold the
    mixed-integer model of the default question with all routes that could matter, and a file of
    names beside it; any solver gets the same optimum. geojson holds places and links for maps,
    graphml the expanded network.
    """
    if plan is not None and form != "geojson":
        raise click.UsageError(f"--plan is drawn into geojson only, not into {form}.")
    from instances import read_instance, write_instance

    table = read_instance(instance, **reading)
    if form in ("csv", "xlsx", "parquet"):
        write_instance(table, out, cast("Form", form))
    elif form in ("lp", "mps"):
        from optimizer.engine.export_model import export_model

        export_model(table, out, form)
    else:
        from networks.network import build_network
        from optimizer import export as exporting

        if form == "graphml":
            _write(out, exporting.export_graphml(build_network(table)))
        else:
            loaded = None if plan is None else read_plan(plan)
            _write(out, exporting.export_geojson(table, loaded))
    click.echo(f"wrote {out}")


def _write(out: Path, text: str) -> None:
    """Write the file whole or not at all."""
    import os

    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, out)
    finally:
        fresh.unlink(missing_ok=True)
