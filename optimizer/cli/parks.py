"""`zoneopt parks`."""

from __future__ import annotations

import click

from optimizer.cli.named import zone_ids
from optimizer.cli.studies import StudyOptions, study_options

LEVERS = ("subsidy", "opening", "pool", "access", "trains", "status")


@click.command()
@click.argument("instance")
@click.option(
    "--zone", "zones", multiple=True, metavar="ZONE",
    help="Only this zone, with every lever. Repeatable.",
)  # fmt: skip
@click.option(
    "--lever", "levers", multiple=True, type=click.Choice(LEVERS),
    help="Only this lever, for every zone left out. Repeatable.",
)  # fmt: skip
@click.option("--no-counterfactual", is_flag=True, help="Do not look for changes.")
@click.option(
    "--near", type=click.IntRange(min=0), default=4, show_default=True,
    help="So many zones left out, the nearest ones, get every lever; the others subsidy and "
    "opening.",
)  # fmt: skip
@click.option(
    "--against", multiple=True, metavar="HOST",
    help="Compare with this rival only, by id or name (all rivals otherwise). Repeatable.",
)  # fmt: skip
@click.option(
    "--volume", type=click.FloatRange(0.0, 1.0, min_open=True), default=0.02, show_default=True,
    metavar="SHARE", help="Reference volume of unit costs: a share of what could move.",
)  # fmt: skip
@study_options
def parks(
    instance: str,
    zones: tuple[str, ...],
    levers: tuple[str, ...],
    no_counterfactual: bool,
    near: int,
    against: tuple[str, ...],
    volume: float,
    study: StudyOptions,
) -> None:
    """Compare the parks of INSTANCE: what each costs, is worth, and what would bring it in.

    For every zone and industry the unit cost by component and its rank, also against rival hosts;
    the cost of forcing the zone in and of forbidding it, as differences of proven optima; headroom
    by factor, ports, corridors and data grade. For a zone left out the least change of one lever
    (subsidy, opening, floor or land or staff, access road, trains a week, bonded status) that
    brings it in: proven that the printed change does, and that 95 % of it does not.

    With --out also parks.html and parks.xlsx: the comparison alone, to be published.

    \b
    zoneopt parks shanxi --workers 2 --out studies/shanxi
    zoneopt parks shanxi --zone ctz-xiaohe --against Zhengzhou --against Chengdu
    """  # noqa: D301
    if no_counterfactual and levers:
        raise click.UsageError("--no-counterfactual and --lever exclude each other")
    from optimizer.studies.parks import parks as run
    from optimizer.studies.parks import rival_ids, write_benchmark

    with study.session(instance) as session:
        chapter = run(
            session,
            zones=zone_ids(session.instance, zones),
            levers=levers,
            against=rival_ids(session.instance, against),
            counterfactuals=not no_counterfactual,
            near=near,
            volume_share=volume,
        )
        study.finish(session, chapter)
        if study.out is not None:
            page, _ = write_benchmark(study.out, session.instance, chapter)
            if not study.as_json:
                click.echo(f"to publish: {page} and parks.xlsx")
