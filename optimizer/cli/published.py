"""Options of commands that read an INSTANCE: how a published benchmark file is meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from optimizer.cli.values import Number

Command = TypeVar("Command", bound=Callable[..., Any])


def reading_options(command: Command) -> Command:
    """Add ``--format``, ``--capacity`` and ``--single-source``; passed on as the dict ``reading``.

    The dict holds keywords of `instances.read_instance`.
    """

    @click.option(
        "--format",
        "format",
        metavar="FORMAT",
        help="Format of a published file (orlib, ufllib, ufllib-m, holmberg, tbed1, diaz, klose, "
        "dow); found from the content where it can be.",
    )
    @click.option(
        "--capacity",
        type=Number(endless=True),
        metavar="C",
        help="Capacity of every facility, where a published file leaves it open; inf: none.",
    )
    @click.option(
        "--single-source",
        is_flag=True,
        help="Each customer of a published file is served by one facility.",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any, format: str | None, capacity: float | None, single_source: bool, **kwargs: Any
    ) -> Any:
        reading = {"format": format, "capacity": capacity, "single_source": single_source}
        return command(*args, reading=reading, **kwargs)

    return wrapped  # type: ignore[return-value]
