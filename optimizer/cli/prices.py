"""`zoneopt prices`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options


@click.command()
@click.argument("instance")
@click.option(
    "--free",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="K",
    help="Solve the K limits that are worth most again with the siting free.",
)
@study_options
def prices(instance: str, free: int, study: StudyOptions) -> None:
    """Price everything that INSTANCE has only so much of, with the siting of the base plan.

    Factors, modules, terminals, customs posts, border crossings, trains, rivals and targets: what
    one more unit saves, what one less costs, how far these prices hold, and whether a second
    solve with more of it agrees.

    \b
    zoneopt prices shanxi --out studies/shanxi
    zoneopt prices shanxi --target 12% --free 5
    """  # noqa: D301
    from optimizer.studies.prices import prices as run

    with study.session(instance) as session:
        study.finish(session, run(session, free=free))
