"""`zoneopt alternatives`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options


class Share(click.ParamType):
    """A share of the cost: ``0.01`` or ``1%``."""

    name = "share"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the share."""
        import math

        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = math.nan
        number = number / 100 if text.endswith("%") else number
        if not 0 <= number <= 1:
            self.fail(f"{value!r} is no share of the cost: write 1% or 0.01.", param, ctx)
        return number


@click.command()
@click.argument("instance")
@click.option(
    "--within",
    type=Share(),
    default="1%",
    show_default=True,
    metavar="SHARE",
    help="Most that a plan may cost above the base plan: 1% or 0.01.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Most plans besides the base plan.",
)
@click.option(
    "--differ",
    "zones",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="ZONES",
    help="Zones in which every two plans differ at least.",
)
@study_options
def alternatives(instance: str, within: float, count: int, zones: int, study: StudyOptions) -> None:
    """Find other plans for INSTANCE that cost nearly the same with other zones.

    One after the other: the cheapest plan that differs in at least --differ zones from the best
    and from every plan before. Each has its own proven gap. The search ends after --count plans,
    or when it is proven that no further one is within the limit; if neither is so, it says that
    this is not decided.

    \b
    zoneopt alternatives shanxi --within 0.5% --differ 3 --out studies/shanxi
    """  # noqa: D301
    from optimizer.studies.alternatives import alternatives as run

    with study.session(instance) as session:
        study.finish(session, run(session, within=within, count=count, zones=zones))
