"""`zoneopt curve`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options


@click.command()
@click.argument("instance")
@click.option(
    "--industry", "industries", multiple=True, metavar="ID",
    help="Only these industries get a curve of their own. Repeatable.",
)  # fmt: skip
@click.option("--total-only", is_flag=True, help="No curves of single industries.")
@click.option(
    "--solves", type=click.IntRange(min=4), default=28, show_default=True,
    help="Most solves for the curve of all industries.",
)  # fmt: skip
@click.option(
    "--industry-solves", type=click.IntRange(min=3), default=6, show_default=True,
    help="Most solves for the curve of one industry.",
)  # fmt: skip
@click.option(
    "--width", type=click.FloatRange(0.0, 1.0, min_open=True), default=0.01, show_default=True,
    metavar="SHARE", help="Narrowest step, as a share of the largest volume.",
)  # fmt: skip
@click.option(
    "--tolerance", type=click.FloatRange(min=0.0), default=2000.0, show_default=True,
    metavar="CNY", help="Change of marginal cost that a step is split for, CNY per million CNY.",
)  # fmt: skip
@study_options
def curve(
    instance: str,
    industries: tuple[str, ...],
    total_only: bool,
    solves: int,
    industry_solves: int,
    width: float,
    tolerance: float,
    study: StudyOptions,
) -> None:
    """Draw how dear it is to bring more to the zones of INSTANCE, and which zone takes it.

    The absorption curve: least total and marginal cost as the output that comes grows from
    nothing to the most that fits, in total and by industry; which zone takes over where; where
    moving stops paying by itself; and what the policy target (--target, or a rule of the instance)
    costs. Points are put where the plan changes, by bisection. Every point is proven to --gap.

    \b
    zoneopt curve shanxi --workers 2 --out studies/shanxi
    zoneopt curve shanxi --target 20% --industry servers_computing
    """  # noqa: D301
    if total_only and industries:
        raise click.UsageError("--total-only and --industry exclude each other")
    from dataclasses import replace

    from optimizer.studies.curve import INDUSTRY_SAMPLING, Sampling
    from optimizer.studies.curve import curve as run

    chosen: tuple[str, ...] | None = industries or (() if total_only else None)
    with study.session(instance) as session:
        chapter = run(
            session,
            industries=chosen,
            sampling=Sampling(solves, width, tolerance / 1e6),
            industry_sampling=replace(INDUSTRY_SAMPLING, most_solves=industry_solves),
        )
        study.finish(session, chapter)
