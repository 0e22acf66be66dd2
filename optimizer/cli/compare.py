"""`zoneopt compare`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Study folder for the chapter: tables, report.html, study.xlsx.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object and nothing else on standard output.",
)
def compare(before: str, after: str, out: Path | None, as_json: bool) -> None:
    """Compare two solves: changed inputs, changed decisions, and a bridge from cost to cost.

    BEFORE and AFTER are run folders (zoneopt solve --out), or STUDY#CASE for a solve of a study
    folder by its name or key. The bridge says by component, industry and host what the change of
    cost is made of, and what of it changed prices do to the old plan and what changing the plan
    does. Nothing is solved.

    \b
    zoneopt solve shanxi --out runs/a
    zoneopt solve shanxi --close suez --out runs/b
    zoneopt compare runs/a runs/b --out studies/suez
    """  # noqa: D301
    from optimizer.cli.studies import show
    from optimizer.cli.terminal import print_json
    from optimizer.plan.plan import Question
    from optimizer.studies.compare import compare as run
    from optimizer.studies.compare import read_side
    from optimizer.studies.store import Store, StudyFolderError

    first, second = read_side(before), read_side(after)
    chapter = run(first, second)
    if out is not None:
        try:
            store = Store.open(out)  # any study folder may take the chapter
        except StudyFolderError:
            store = Store(out)
            store.begin(first.instance, Question())
        store.add_chapter(chapter, store.instance())
    if as_json:
        print_json(chapter.to_dict())
        return
    show(chapter)
    if out is not None:
        click.echo(f"report: {out / 'report.html'}")
