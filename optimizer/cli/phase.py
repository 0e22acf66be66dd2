"""`zoneopt phase`."""

from __future__ import annotations

from pathlib import Path

import click

from optimizer.cli.studies import StudyOptions, study_options
from optimizer.cli.values import Number


@click.command()
@click.argument("instance")
@click.option(
    "--periods",
    "count",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of periods.",
)
@click.option(
    "--path",
    default="linear",
    show_default=True,
    metavar="linear|s-curve|FILE",
    help="How volumes rise to those of the tables: evenly, slow-fast-slow, or a CSV with "
    "period, industry (empty: all), factor.",
)
@click.option(
    "--years", type=Number(min_open=True), default=3.0, show_default=True, help="Years of a period."
)
@click.option(
    "--new-zones",
    type=click.IntRange(min=0),
    metavar="N",
    help="Most zones that open in one period.",
)
@click.option(
    "--new-capital",
    type=Number(),
    metavar="MCNY",
    help="Most capital of what is added in one period.",
)
@click.option(
    "--total-gap",
    type=Number(),
    default=2e-3,
    show_default=True,
    help="Gap of the present value of all periods.",
)
@click.option(
    "--joint-time-limit",
    type=Number(min_open=True, endless=True),
    default=240.0,
    show_default=True,
    metavar="S",
    help="Seconds for the model of all periods.",
)
@click.option(
    "--items/--no-items", default=True, help="Say of each new zone and project what it saves."
)
@study_options
def phase(
    instance: str,
    count: int,
    path: str,
    years: float,
    new_zones: int | None,
    new_capital: float | None,
    total_gap: float,
    joint_time_limit: float,
    items: bool,
    study: StudyOptions,
) -> None:
    """Build the plan of INSTANCE step by step, while volumes rise from nothing to the tables'.

    What is built stays: zones, modules and projects of a period stand in the next ones. Shown: the
    plan of every period, the order of building, what each step brings, and the least present
    value of all periods with its bound. With one period it is what solve finds.

    \b
    zoneopt phase shanxi --periods 5 --path s-curve --new-zones 3 --out studies/phase

    \b
    period,industry,factor
    1,,0.3
    2,,0.7
    2,textiles_apparel,1
    3,,1
    """  # noqa: D301
    from optimizer.engine.joint import Steps
    from optimizer.studies.phase import PATHS, path_periods, read_periods
    from optimizer.studies.phase_chapter import phase as run

    with study.session(instance) as session:
        if path in PATHS:
            periods = path_periods(session.instance, count, path, years)
            named = f"a {path} path" if path == "linear" else "an s-curve"
        elif Path(path).is_file():
            periods = read_periods(session.instance, Path(path), years)
            named = f"the path of {Path(path).name}"
        else:
            raise click.BadParameter(
                f"{path!r} is neither {' nor '.join(PATHS)} nor a file.", param_hint="--path"
            )
        limits = Steps(new_zones, new_capital)
        chapter = run(
            session,
            periods,
            limits=limits,
            total_gap=total_gap,
            time_limit_s=joint_time_limit,
            path=named,
            items=items,
        )
        study.finish(session, chapter)
