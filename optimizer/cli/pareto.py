"""`zoneopt pareto`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options


@click.command()
@click.argument("instance")
@click.option(
    "--objectives", default="cost,co2e", show_default=True, metavar="NAME,NAME[,NAME]",
    help="cost and one or two of hours, co2e, outlay (less is better), jobs, absorbed (more is).",
)  # fmt: skip
@click.option(
    "--points", type=click.IntRange(min=2), default=12, show_default=True,
    help="Two objectives: points are at most this part of the range apart.",
)  # fmt: skip
@click.option(
    "--solves", type=click.IntRange(min=4), default=40, show_default=True,
    help="Two objectives: most solves.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=2), default=5, show_default=True,
    help="Three objectives: limits of each of the two measures.",
)  # fmt: skip
@study_options
def pareto(
    instance: str, objectives: str, points: int, solves: int, steps: int, study: StudyOptions
) -> None:
    """Find what fewer emissions, hours or outlay, or more jobs or output, cost on INSTANCE.

    The exact front: plans such that no other is cheaper with as good a measure, from the least
    cost to the best that can be had, with what each step costs (such as CNY per t CO2e) and which
    zones come in or drop out along it. For every point it is proven to the gap that no plan as
    good costs less; between the points it is said whether mixes are plans, nothing is there, or it
    is not decided. Three objectives are looked at on a grid of limits.

    \b
    zoneopt pareto shanxi --gap 0.002 --workers 2 --out studies/shanxi
    zoneopt pareto shanxi --objectives cost,jobs
    zoneopt pareto shanxi --objectives cost,co2e,jobs --steps 4
    """  # noqa: D301
    from optimizer.studies.pareto import pareto as run

    named = [name.strip() for name in objectives.split(",") if name.strip()]
    with study.session(instance) as session:
        chapter = run(session, named, points=points, solves=solves, steps=steps)
        study.finish(session, chapter)
