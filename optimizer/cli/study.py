"""`zoneopt study`."""

from __future__ import annotations

from pathlib import Path

import click

from optimizer.cli.studies import StudyOptions, study_options


@click.command()
@click.argument("instance")
@click.argument("cases", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@study_options
def study(instance: str, cases: Path, study: StudyOptions) -> None:
    """Solve INSTANCE once for each row of a CSV file of CASES, and compare with the base.

    Columns of CASES (all but name may be left out): name, overrides, closed, open, forbid,
    target (a share or million CNY), budget. Several entries of a cell are separated by
    semicolons.

    \b
    name,overrides,closed
    wages +10 %,factor_prices.guangdong.wage_cny_per_year*=1.1,
    Khorgos shut,,khorgos
    """  # noqa: D301
    from optimizer.studies.listed import listed, read_cases

    with study.session(instance) as session:
        study.finish(session, listed(session, read_cases(session, cases)))
