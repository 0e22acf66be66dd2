"""`zoneopt status`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options
from optimizer.cli.values import Number


@click.command()
@click.argument("instance")
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="PROJECT",
    help="A candidate to be looked at, by id; default all. Repeatable.",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=0),
    default=12,
    show_default=True,
    help="Most pairs to solve; those that act on the same element come first.",
)
@click.option(
    "--project-budget",
    "project_budgets",
    type=Number(),
    multiple=True,
    metavar="MCNY",
    help="Find the best set of candidates whose capital is at most this. Repeatable; "
    "default a quarter and half of the capital of the best set.",
)
@study_options
def status(
    instance: str, projects: tuple[str, ...], pairs: int, project_budgets: tuple[float, ...],
    study: StudyOptions,
) -> None:  # fmt: skip
    """Value each status or project that could be granted: alone, in pairs, as a set.

    A candidate is a row of the table projects: a bonded zone, a logistics centre, a dry port, a
    block train, a free trade zone. Its value is the least cost with none granted less the least
    cost with it, each proven; shown free and after its own cost. --budget counts zones, modules
    and projects as for solve, --project-budget the projects alone.

    \b
    zoneopt status shanxi --gap 0.0002 --out studies/status
    zoneopt status shanxi --project p-ftz-shanxi --project p-cbz-datong
    """  # noqa: D301
    from optimizer.studies.status import status as run

    with study.session(instance) as session:
        chapter = run(session, projects=projects, pairs=pairs, project_budgets=project_budgets)
        study.finish(session, chapter)
