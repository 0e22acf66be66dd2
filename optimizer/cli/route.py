"""`zoneopt route` and `zoneopt calibrate`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, cast

import click

from instances.schema import REGIMES
from optimizer.cli.terminal import print_json
from optimizer.cli.values import Number

if TYPE_CHECKING:
    from networks.network import By
    from networks.routes import RouteAnswer


@click.command()
@click.argument("instance")
@click.argument("from_", metavar="FROM")
@click.argument("to", metavar="TO")
@click.option(
    "--goods",
    help="INDUSTRY (its output), INDUSTRY:INPUT, or a goods key of a plan. "
    "[default: a container of 10 t and CNY 200,000]",
)
@click.option(
    "--value-cny-per-teu",
    type=Number(),
    help="Value of one TEU, instead of the goods' own.",
)
@click.option(
    "--tonnes-per-teu",
    type=Number(),
    help="Weight of one TEU, instead of the goods' own.",
)
@click.option(
    "--k", type=click.IntRange(min=1), default=5, show_default=True, help="How many routes."
)
@click.option(
    "--by",
    type=click.Choice(["cost", "generalised", "hours", "co2"]),
    default="cost",
    show_default=True,
    help="What the routes minimise: money, money with inventory, reliability and emissions "
    "(generalised), hours, or CO2e.",
)
@click.option(
    "--close",
    "closed",
    multiple=True,
    metavar="ID",
    help="Close a place, link, corridor, service, bottleneck or mode, by id or name. Repeatable.",
)
@click.option(
    "--build",
    "projects",
    multiple=True,
    metavar="PROJECT",
    help="As if this project were built ('all' for all). Repeatable.",
)
@click.option(
    "--services",
    type=click.Choice(["today", "all"]),
    default="today",
    show_default=True,
    help="Which scheduled services run.",
)
@click.option(
    "--from-regime",
    type=click.Choice(REGIMES),
    help="Customs regime at FROM.  [default: domestic in China, foreign abroad]",
)
@click.option(
    "--to-regime",
    type=click.Choice(REGIMES),
    help="Customs regime at TO.  [default: domestic in China, foreign abroad]",
)
@click.option(
    "--pareto", is_flag=True, help="The whole front of money, hours and CO2e instead of the k best."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def route(
    instance: str,
    from_: str,
    to: str,
    goods: str | None,
    value_cny_per_teu: float | None,
    tonnes_per_teu: float | None,
    k: int,
    by: str,
    closed: tuple[str, ...],
    projects: tuple[str, ...],
    services: str,
    from_regime: str | None,
    to_regime: str | None,
    pareto: bool,
    as_json: bool,
) -> None:
    """Print the best routes of INSTANCE from FROM to TO, leg by leg.

    FROM, TO and the ids to close may be ids or names, English or Chinese. Exit code 1 when no
    route is left; the answer then names a smallest set of closures that blocks it.

    \b
    zoneopt route shanxi 太原 Duisburg --k 3
    zoneopt route shanxi zhongding mk-rotterdam --close suez --by hours
    """  # noqa: D301
    from instances import read_instance
    from networks.routes import find_routes

    answer = find_routes(
        read_instance(instance),
        from_,
        to,
        goods=goods,
        value_cny_per_teu=value_cny_per_teu,
        tonnes_per_teu=tonnes_per_teu,
        k=k,
        by=cast("By", by),
        closed=closed,
        pareto=pareto,
        projects="all" if "all" in projects else projects,
        services=services,
        from_regime=from_regime,
        to_regime=to_regime,
    )
    if as_json:
        print_json(answer.to_dict())
    else:
        _print_routes(answer)
    sys.exit(0 if answer.routes else 1)


def _print_routes(answer: RouteAnswer) -> None:
    goods = answer.goods
    click.echo(
        f"{answer.start.name} ({answer.start.regime}) to "
        f"{answer.end.name} ({answer.end.regime}), {goods.goods_id}: "
        f"{goods.tonnes_per_teu:g} t and CNY {goods.value_cny_per_teu:,.0f} a TEU; by {answer.by}"
    )
    for note in answer.notes:
        click.echo(f"note: {note}")
    if not answer.routes:
        click.echo(answer.reason)
    for number, route_ in enumerate(answer.routes, start=1):
        click.echo(
            f"\n{number}. CNY {route_.cost_cny_per_teu:,.0f} a TEU "
            f"(generalised {route_.generalised_cost_cny_per_teu:,.0f}), "
            f"{route_.hours:,.1f} h +- {route_.sd_hours:,.1f}, "
            f"{route_.co2e_kg_per_teu:,.0f} kg CO2e, {route_.km:,.0f} km"
        )
        for leg in route_.legs:
            what = (
                f"{leg.kind} {leg.mode}"
                if leg.from_regime == leg.regime
                else f"customs {leg.from_regime} > {leg.regime}"
            )
            where = (
                f"{leg.from_name} > {leg.to_name}" if leg.from_id != leg.to_id else leg.from_name
            )
            click.echo(
                f"   {what:<34} {where:<52} {leg.km:>8,.0f} km "
                f"{leg.cost_cny_per_teu:>9,.0f} CNY {leg.hours:>7.1f} h +- {leg.sd_hours:.1f} "
                f"{leg.co2e_kg_per_teu:>7,.0f} kg  {leg.regime}, {leg.grade}"
            )


@click.command()
@click.argument("instance")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, writable=True),
    help="Also write the table.",
)
def calibrate(instance: str, as_json: bool, csv_path: str | None) -> None:
    """Compare the network of INSTANCE with published figures, row by row and by mode.

    Errors are 0 inside the published range, else relative to its nearest end. Rows marked `input`
    went into the tables and prove nothing. Bad rows stay in.
    """
    from instances import read_instance
    from networks.calibration import calibrate as compare
    from networks.calibration import summarise_calibration

    table = compare(read_instance(instance))
    summary = summarise_calibration(table)
    if csv_path:
        table.to_csv(csv_path, index=False)
    if as_json:
        rows, means = (json.loads(t.to_json(orient="records")) for t in (table, summary))
        print_json({"rows": rows, "summary": means})
        return
    if table.empty:
        click.echo(f"{instance} has no published figures to compare with (table calibration)")
        return
    import pandas as pd

    with pd.option_context(
        "display.width",
        220,
        "display.max_columns",
        None,
        "display.max_rows",
        None,
        "display.max_colwidth",
        40,
    ):
        shown = [c for c in table.columns if c not in ("source", "route", "arc_keys")]
        click.echo(
            table[shown].to_string(
                index=False, float_format=lambda v: f"{v:,.3g}" if abs(v) < 10 else f"{v:,.0f}"
            )
        )
        click.echo("")
        click.echo(summary.to_string(index=False, float_format=lambda v: f"{v:.3g}"))
