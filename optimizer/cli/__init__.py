"""The command `zoneopt`: commands are imported when they are used, so that help answers at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

_COMMANDS = {  # name -> (module, short help); the full help is the command's own
    "solve": ("solve", "Find the least-cost siting plan, with a proven bound."),
    "resume": ("solve", "Go on with a solve that was killed."),
    "verify": ("verify", "Recompute a plan from the tables alone and check its bound."),
    "route": ("route", "Print the best routes between two places."),
    "calibrate": ("route", "Compare the network with published figures."),
    "validate": ("data", "List every fault of an instance."),
    "instances": ("data", "List the bundled instances."),
    "export": ("export", "Write an instance as CSV, Excel, Parquet, LP, MPS, GeoJSON or GraphML."),
    "generate": ("generate", "Draw an instance: the planner's problem or published recipes."),
    "report": ("report", "Write the report of a run folder again."),
    "study": ("study", "Solve a list of cases that differ by overrides."),
    "curve": ("curve", "Least total and marginal cost as the absorbed volume grows."),
    "parks": ("parks", "Compare parks, and find what would bring in one that is left out."),
    "prices": ("prices", "What one more unit of everything scarce is worth."),
    "tornado": ("tornado", "Which assumption decides the answer: one at a time, together, drawn."),
    "pareto": ("pareto", "What fewer emissions or hours, or more jobs, cost: the front."),
    "disrupt": ("disrupt", "What it costs when a port, crossing, corridor or link fails."),
    "stochastic": ("stochastic", "Decide the siting before it is known which scenario comes."),
    "phase": ("phase", "Build the final plan step by step over periods."),
    "status": ("status", "Value each status or project: alone, in pairs, the best set."),
    "share": ("share", "Share the saving: Shapley value, nucleolus, core, tax-split rules."),
    "compare": ("compare", "Compare two runs: inputs, decisions, a cost bridge."),
    "alternatives": ("alternatives", "Other plans that cost nearly the same with other zones."),
    "query": ("query", "Ask all solves of a study with SQL."),
    "cluster": ("query", "Start a Dask cluster on this machine for --scheduler."),
    "bench": ("bench", "Measure zoneopt and other solvers on suites of instances."),
    "completion": ("data", "Print the tab completion script of a shell."),
}


class InputError(click.ClickException):
    """Bad input: the message as it is, on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the message without a prefix: it names its own file, row and column."""
        click.echo(self.message, err=True, file=file)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it runs or prints help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of a planner's work."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, imported now; None if there is none of this name."""
        if name not in _COMMANDS:
            return None
        return getattr(import_module(f"optimizer.cli.{_COMMANDS[name][0]}"), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and short helps without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command; an unknown name fails with the nearest known one."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], list(_COMMANDS), n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of the library or of a file is one message and exit code 2."""
        from instances.errors import InstanceError, OptimizerError

        try:
            return super().invoke(ctx)
        except InstanceError as error:
            count = len(error.faults)
            head = [f"{count} faults:"] if count > 1 else []
            raise InputError("\n".join(head + [str(fault) for fault in error.faults])) from error
        except OptimizerError as error:
            raise InputError(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"{error.filename or 'file'}: {error.strerror or error}") from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zoneopt", prog_name="zoneopt")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What the library logs to standard error.",
)
def group(log_level: str) -> None:
    """Find the zones that absorb the gradient transfer of processing trade at the lowest cost.

    Start with `zoneopt solve shanxi --out runs/shanxi` and open runs/shanxi/report.html. An
    INSTANCE is a bundled name (`zoneopt instances`), a folder of CSV or Parquet tables, an
    Excel workbook, or a published benchmark file.

    Exit codes: 0 done, 1 no plan or no route or a failed check, 2 bad input or usage.
    """
    import logging

    logging.basicConfig(level=log_level.upper(), format="%(levelname)s %(name)s: %(message)s")


def main() -> None:
    """Run the command."""
    group.main(prog_name="zoneopt")
