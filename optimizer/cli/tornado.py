"""`zoneopt tornado`."""

from __future__ import annotations

from pathlib import Path

import click

from optimizer.cli.studies import StudyOptions, study_options
from optimizer.cli.values import Number

GROUPS = (
    "carriage", "times", "emissions", "capacities", "volumes", "endowments", "production", "rates",
)  # fmt: skip


@click.command()
@click.argument("instance")
@click.option(
    "--parameters",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV of the inputs to vary instead: parameter_id, low, value, high, cells "
    "(table.id.column, * for every id).",
)
@click.option(
    "--group",
    "groups",
    type=click.Choice(GROUPS),
    multiple=True,
    help="Vary only inputs of this group (default: all). Repeatable.",
)
@click.option(
    "--grade",
    "grades",
    type=click.Choice(["assumed", "derived", "reported"]),
    multiple=True,
    help="Vary only inputs of this grade (default: all). Repeatable.",
)
@click.option(
    "--spread",
    type=Number(max=1.0, max_open=True),
    default=0.1,
    show_default=True,
    help="Range of prices that have no documented one, as a share; 0 leaves them out.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Inputs that are solved: those that move the cost of the base plan most, and all at an "
    "end of which it is no plan.",
)
@click.option(
    "--global",
    "method",
    type=click.Choice(["morris", "sobol"]),
    help="Vary the largest ones together too (SALib): elementary effects or Sobol indices.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Trajectories of morris, base samples of sobol (a power of two). Solves: samples x "
    "(factors + 1), for sobol + 2.",
)
@click.option(
    "--factors",
    type=click.IntRange(min=2),
    default=6,
    show_default=True,
    help="Inputs that --global varies: the largest swings.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Draw all inputs at once so often, and count how often each zone is in the plan.",
)
@click.option(
    "--correlation",
    type=Number(max=1.0),
    default=0.5,
    show_default=True,
    help="How much the inputs of a group move together in --draws, 0 to 1.",
)
@click.option(
    "--draws-gap",
    type=Number(min_open=True),
    default=1e-5,
    show_default=True,
    help="Relative gap to which a draw is solved before it is decided which zones are in its best "
    "plan; that of --gap or more leaves the deciding out.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of draws and samples.")
@study_options
def tornado(
    instance: str,
    file: Path | None,
    groups: tuple[str, ...],
    grades: tuple[str, ...],
    spread: float,
    most: int,
    method: str | None,
    samples: int,
    factors: int,
    draws: int,
    correlation: float,
    draws_gap: float,
    seed: int,
    study: StudyOptions,
) -> None:
    """Find the assumptions of INSTANCE that decide the answer.

    Every input with a documented range is moved to its low and its high end, one at a time. First
    the base plan is priced again there; the inputs that move it most are then solved. Shown: how
    far the least cost swings, whether the siting changes, and what keeping the siting of the base
    would cost where the assumption is wrong. Ranks and signs that the gaps do not decide are
    marked.

    \b
    zoneopt tornado shanxi --workers 2 --out studies/shanxi
    zoneopt tornado shanxi --grade assumed --group rates --draws 50
    zoneopt tornado shanxi --global morris --samples 10 --factors 8
    """  # noqa: D301
    from optimizer.studies.parameters import GROUPS as ALL
    from optimizer.studies.parameters import parameters_of, read_parameters
    from optimizer.studies.tornado import tornado as run

    with study.session(instance) as session:
        left_out: list[str] = []
        if file is not None:
            if groups or grades:
                raise click.UsageError("--parameters excludes --group and --grade")
            parameters = read_parameters(session.instance, file)
        else:
            parameters, left_out = parameters_of(
                session.instance, groups=groups or ALL, grades=grades, spread=spread
            )
        chapter = run(
            session,
            parameters,
            most=most,
            left_out=left_out,
            method=method or "",
            samples=samples,
            factors=factors,
            draws=draws,
            correlation=correlation,
            draws_gap=draws_gap,
            seed=seed,
        )
        study.finish(session, chapter)
