"""`zoneopt stochastic`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimizer.cli.studies import StudyOptions, study_options
from optimizer.cli.values import Number

if TYPE_CHECKING:
    import threading

GROUPS = ("volumes", "tariffs", "capacities", "endowments")


@click.command()
@click.argument("instance")
@click.option(
    "--scenarios",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV with the scenarios: name, probability, overrides, closed.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Without a file: draws from the documented ranges.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Scenarios that stand for all draws.",
)
@click.option(
    "--group",
    "groups",
    type=click.Choice(GROUPS),
    multiple=True,
    help="Draw only these groups of numbers (default: all). Repeatable.",
)
@click.option(
    "--correlation",
    type=Number(max=1.0),
    default=0.5,
    show_default=True,
    help="How much the numbers of a group move together, 0 to 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option(
    "--cvar",
    "alpha",
    type=Number(max=1.0, max_open=True),
    metavar="ALPHA",
    help="Find the siting of least CVaR too: the mean of the costliest 1 - ALPHA.",
)
@click.option(
    "--weight",
    type=Number(max=1.0),
    default=1.0,
    show_default=True,
    help="Weight of the CVaR; the rest is the expected cost.",
)
@click.option("--regret", is_flag=True, help="Find the siting of least largest regret too.")
@click.option(
    "--robust",
    type=click.IntRange(min=0),
    metavar="GAMMA",
    help="Find the siting of least worst cost too, when up to GAMMA of the groups are at "
    "their documented worst.",
)
@click.option(
    "--total-gap",
    type=Number(),
    default=2e-3,
    show_default=True,
    help="Gap of the expected cost at which no better siting is looked for.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "extensive", "bunches", "decomposition"]),
    default="auto",
    show_default=True,
    help="All scenarios in one model, in bunches, or apart (cuts; bunches where that would be "
    "long); auto: one model where it is small, else bunches.",
)
@click.option(
    "--within",
    "within_s",
    type=Number(min_open=True),
    metavar="S",
    help="Seconds of the whole command; then, as after Ctrl-C, the best siting so far is shown.",
)
@study_options
def stochastic(
    instance: str,
    file: Path | None,
    draws: int,
    keep: int,
    groups: tuple[str, ...],
    correlation: float,
    seed: int,
    alpha: float | None,
    weight: float,
    regret: bool,
    robust: int | None,
    total_gap: float,
    method: str,
    within_s: float | None,
    study: StudyOptions,
) -> None:
    """Decide the siting of INSTANCE now, before it is known which scenario comes.

    Zones, hosts, modules and projects are decided once; moves, routes, services and what is
    bought follow in each scenario. Scenarios come from a file, or are drawn from the ranges that
    the tables document (volumes of blocks, money of tariffs, capacities of bottlenecks, endowments
    of pools) and reduced to a few that stand for all.

    Shown: the siting of least expected cost with its bound, its cost in every scenario, what
    planning for the mean alone would cost more (VSS), and what knowing the future would be worth
    (EVPI). Ctrl-C shows the best siting so far with its cost, bound and gap.

    \b
    zoneopt stochastic shanxi --keep 50 --out studies/risk
    zoneopt stochastic shanxi --scenarios scenarios.csv --cvar 0.9 --weight 0.5

    \b
    name,probability,overrides,closed
    as planned,0.6,,
    rates double,0.3,tariffs.block_train.rate_cny_per_teu_km*=2,
    Khorgos shut,0.1,,khorgos
    """  # noqa: D301
    from optimizer.studies.scenarios import drawn_scenarios, read_scenarios
    from optimizer.studies.stochastic import NoSitingError
    from optimizer.studies.stochastic_chapter import stochastic as run

    with study.session(instance) as session, within(within_s, session.cancel):
        if file is not None:
            scenarios = read_scenarios(session.instance, session.question, file)
            drawn = ""
        else:
            chosen = groups or GROUPS
            scenarios = drawn_scenarios(
                session.instance, draws=draws, keep=keep, groups=chosen,
                correlation=correlation, seed=seed,
            )  # fmt: skip
            drawn = (
                f"{draws} draws of {', '.join(chosen)} (triangular over the documented ranges, "
                f"correlation {correlation:g} within a group, seed {seed}), reduced to "
                f"{len(scenarios)}"
            )
        try:
            chapter = run(
                session,
                scenarios,
                total_gap=total_gap,
                method=method,
                alpha=0.9 if alpha is None else alpha,
                cvar_weight=None if alpha is None else weight,
                regret=regret,
                robust=robust,
                drawn=drawn,
            )
        except NoSitingError as error:  # no plan, as for solve: not the input's fault
            click.echo(str(error), err=True)
            raise SystemExit(1) from error
        study.finish(session, chapter)


@contextmanager
def within(seconds: float | None, cancel: threading.Event) -> Iterator[None]:
    """Set ``cancel`` after so many seconds, if any are given."""
    if seconds is None:
        yield
        return
    import threading

    timer = threading.Timer(seconds, cancel.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
