"""Write docs/commands.md from the help texts of the command: ``python docs/commands_page.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

PAGE = Path(__file__).with_name("commands.md")
WIDTH = 96
HEAD = """# Commands

*This page is generated from the help texts by `python docs/commands_page.py`; do not edit it.*

`zoneopt COMMAND --help` prints the same. After `make solve` the command is `.venv/bin/zoneopt`;
activate the environment (`. .venv/bin/activate`) to type `zoneopt` alone.
"""


def help_text(command: click.Command, parent: click.Context | None, name: str) -> str:
    """Return the help of ``command`` at a fixed width, whatever the terminal."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        **command.context_settings,
    )
    return command.get_help(context).rstrip()


def commands_page() -> str:
    """Return the text of docs/commands.md."""
    from optimizer.cli import group

    top = click.Context(group, info_name="zoneopt", **group.context_settings)
    parts = [HEAD, f"```text\n{help_text(group, None, 'zoneopt')}\n```\n"]
    for name in group.list_commands(top):
        command = group.get_command(top, name)
        parts.append(f"## zoneopt {name}\n")
        parts.append(f"```text\n{help_text(command, top, name)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"{PAGE}\n")
