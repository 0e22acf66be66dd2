"""`zoneopt generate`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from optimizer.cli.values import Number

if TYPE_CHECKING:
    from instances.published.facility import FacilityInstance
    from instances.writing import Form

RECIPES = ["transfer", "cornuejols", "koerkel-ghosh", "euclidean"]
FORMS = ["csv", "xlsx", "parquet", "published"]
OWN = {"ratio": "cornuejols", "kind": "koerkel-ghosh", "symmetric": "koerkel-ghosh",
       "level": "euclidean"}  # fmt: skip
DEFAULTS: dict[str, float | str | bool] = {
    "ratio": 5.0,
    "kind": "a",
    "symmetric": False,
    "level": 100.0,
}


@click.command()
@click.argument("recipe", type=click.Choice(RECIPES))
@click.option(
    "--size",
    metavar="SIZE",
    help="transfer: S, M, L or ZONESxORIGINSxINDUSTRIES. Others: FACILITIESxCUSTOMERS, or one "
    "number for both.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--ratio", type=Number(), help="cornuejols: total capacity over total demand [5].")
@click.option(
    "--kind",
    type=click.Choice(["a", "b", "c"]),
    help="koerkel-ghosh: fixed costs from 100 (a), 1000 (b) or 10000 (c) to twice that [a].",
)
@click.option("--symmetric", is_flag=True, default=None, help="koerkel-ghosh: symmetric costs.")
@click.option(
    "--level",
    type=Number(min_open=True),
    help="euclidean: fixed cost is sqrt(customers) / level [100].",
)
@click.option(
    "--to",
    "form",
    type=click.Choice(FORMS),
    default="csv",
    show_default=True,
    help="Form; published: a text file for other programs (not for transfer).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder (csv, parquet) or file (xlsx, published).",
)
def generate(
    recipe: str, size: str | None, seed: int, form: str, out: Path, **own: float | str | bool | None
) -> None:
    """Draw an instance by RECIPE; the same seed gives the same instance everywhere.

    transfer is the planner's own problem on real geography. The others are facility location as
    published: cornuejols (Cornuejols, Sridharan, Thizy; Avella and Boccia) with capacities,
    koerkel-ghosh and euclidean without.

    \b
    zoneopt generate transfer --size M --seed 3 --out transfer_m3
    zoneopt generate cornuejols --size 300x300 --ratio 10 --out cst_300
    """  # noqa: D301
    given = {name: value for name, value in own.items() if value is not None}
    for name in given:
        if OWN[name] != recipe:
            raise click.UsageError(f"--{name} is an option of {OWN[name]}, not of {recipe}.")
    options = {n: given.get(n, DEFAULTS[n]) for n, of in OWN.items() if of == recipe}
    if recipe == "transfer":
        if form == "published":
            raise click.UsageError("There is no published format for transfer: choose csv.")
        from instances.generators.transfer import transfer_named

        instance = transfer_named(f"transfer:{size or 'S'}:seed={seed}")
    else:
        drawn = _draw(recipe, *_sizes(size or "100"), seed, options)
        if form == "published":
            from instances.write_published import write_facility

            click.echo(f"wrote {out} (format {write_facility(drawn, out)})")
            return
        from instances.as_instance import facility_instance

        instance = facility_instance(drawn)
    from instances import write_instance

    write_instance(instance, out, cast("Form", form))
    click.echo(f"wrote {out}")


def _sizes(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]*)(?:x([1-9][0-9]*))?", text.strip().lower())
    if found is None:
        raise click.BadParameter(
            f"{text!r}: write FACILITIESxCUSTOMERS (300x500) or one number for both.",
            param_hint="--size",
        )
    return int(found[1]), int(found[2] or found[1])


def _draw(
    recipe: str, m: int, n: int, seed: int, options: dict[str, float | str | bool]
) -> FacilityInstance:
    from instances.generators import facility

    if recipe == "cornuejols":
        return facility.cornuejols(m, n, ratio=float(options["ratio"]), seed=seed)
    if recipe == "euclidean":
        return facility.euclidean(m, n, level=float(options["level"]), seed=seed)
    if m != n:
        raise click.UsageError("koerkel-ghosh has as many customers as facilities: give one size.")
    return facility.koerkel_ghosh(
        n, kind=str(options["kind"]), symmetric=bool(options["symmetric"]), seed=seed
    )
