"""`zoneopt validate`, `zoneopt instances`, `zoneopt completion`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from optimizer.cli.published import reading_options
from optimizer.cli.terminal import print_json


@click.command()
@click.argument("instance")
@click.option("--json", "as_json", is_flag=True, help="Print the faults as a JSON list.")
@reading_options
def validate(instance: str, as_json: bool, reading: dict[str, Any]) -> None:
    """List all faults of INSTANCE at once: file, row, column, value and what to do.

    Exit code 0 if there is none, 2 otherwise.
    """
    from dataclasses import asdict

    from instances import find_faults

    faults = find_faults(instance, **reading)
    if as_json:
        print_json([asdict(f) for f in faults])
    else:
        for fault in faults:
            click.echo(str(fault))
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        click.echo(f"{instance}: {count if faults else 'no faults'}")
    sys.exit(2 if faults else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def instances(as_json: bool) -> None:
    """List the bundled instances."""
    from instances import list_bundled

    found = list_bundled()
    if as_json:
        print_json(
            [{"name": b.name, "title": b.title, "description": b.description} for b in found]
        )
        return
    width = max(len(b.name) for b in found)
    for b in found:
        click.echo(f"{b.name:<{width}}  {b.title}")
        if b.description:
            click.echo(f"{'':<{width}}  {b.description}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the tab completion script of SHELL.

    \b
    bash: eval "$(zoneopt completion bash)"   (put it into ~/.bashrc)
    """  # noqa: D301
    from click.shell_completion import get_completion_class

    from optimizer.cli import group

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells of the choice"
    os.environ.pop("_ZONEOPT_COMPLETE", None)
    click.echo(kind(group, {}, "zoneopt", "_ZONEOPT_COMPLETE").source())
