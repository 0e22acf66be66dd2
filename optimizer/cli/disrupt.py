"""`zoneopt disrupt`."""

from __future__ import annotations

import click

from optimizer.cli.studies import StudyOptions, study_options

KINDS = ["ports", "crossings", "corridors", "terminals", "links"]
DEFAULT = "ports,crossings,corridors"


class Kinds(click.ParamType):
    """Kinds of elements, separated by commas; ``none``: none."""

    name = "kinds"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the kinds."""
        words = [w.strip() for w in value.split(",") if w.strip() not in ("", "none")]
        unknown = [w for w in words if w not in KINDS]
        if unknown:
            self.fail(f"{', '.join(unknown)}: known are {', '.join(KINDS)}.", param, ctx)
        return tuple(words)


@click.command()
@click.argument("instance")
@click.option(
    "--over",
    type=Kinds(),
    default=DEFAULT,
    show_default=True,
    metavar="KINDS",
    help="What fails one at a time: ports, crossings, corridors, terminals, links.",
)
@click.option(
    "--only", multiple=True, metavar="ID", help="Let only this element or event fail. Repeatable."
)
@click.option(
    "--pairs",
    multiple=True,
    metavar="A+B|worst:K",
    help="Two at once: two ids, or all pairs of the K elements that cost most. Repeatable.",
)
@click.option(
    "--events/--no-events",
    default=True,
    show_default=True,
    help="Named events of the instance's table events.",
)
@study_options
def disrupt(
    instance: str,
    over: tuple[str, ...],
    only: tuple[str, ...],
    pairs: tuple[str, ...],
    events: bool,
    study: StudyOptions,
) -> None:
    """Close every port, crossing and corridor of INSTANCE in turn, and say what it costs.

    Each failure is solved with the siting kept (what it costs where we are committed) and with
    the siting free (what it would have cost had we known). Elements that the base plan does not
    use are not solved: closing them changes nothing.

    \b
    zoneopt disrupt shanxi --out studies/shanxi
    zoneopt disrupt shanxi --over links --pairs worst:4
    zoneopt disrupt shanxi --only tianjin-port --only red-sea
    """  # noqa: D301
    from optimizer.studies.disrupt import disrupt as run

    with study.session(instance) as session:
        known = set(session.instance.tables["events"]["event_id"])
        named: tuple[str, ...] | None = None if events else ()
        if only:
            over, named = (), tuple(w for w in only if w in known)
        chapter = run(
            session,
            over=over,
            elements=tuple(w for w in only if w not in known),
            pairs=pairs,
            events=named,
            called=instance,
        )
        study.finish(session, chapter)
