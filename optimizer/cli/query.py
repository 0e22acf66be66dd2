"""`zoneopt query` and `zoneopt cluster`."""

from __future__ import annotations

from pathlib import Path

import click

from optimizer.cli.terminal import print_json


@click.command()
@click.argument("study", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as a JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV.")
def query(study: Path, sql: str, as_json: bool, as_csv: bool) -> None:
    """Ask all solves of a STUDY folder with SQL (DuckDB).

    Tables: solves, names, open_zones, hosts, moves, accounts, modules, projects, and every table
    of the chapters (curve_points, parks_zones ...). `show tables` lists them.

    \b
    zoneopt query studies/shanxi "select name, cost_mcny, gap from solves order by cost_mcny"
    """  # noqa: D301
    from optimizer.cli.studies import columns_of
    from optimizer.studies.query import query_study

    frame = query_study(study, sql)
    if as_json:
        print_json([dict(row) for row in frame.to_dict("records")])
    elif as_csv:
        click.echo(frame.to_csv(index=False), nl=False)
    else:
        numeric = [kind.kind in "iuf" for kind in frame.dtypes]
        lines = [[str(c) for c in frame.columns]]
        lines += [[str(v) for v in row] for row in frame.itertuples(index=False)]
        for line in columns_of(lines, numeric):
            click.echo(line)


@click.command()
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--port", type=int, default=8786, show_default=True, help="Port of the scheduler; 0: any."
)
def cluster(workers: int, port: int) -> None:
    """Start a Dask scheduler with workers on this machine, and print its address.

    It listens on this machine only. Give the address to the --scheduler option of a study command
    in another terminal; Ctrl-C ends it. Workers on the command line of Dask (`dask worker ADDRESS
    --nthreads 1`) may join and leave at any time.
    """
    import signal
    import threading

    from distributed import LocalCluster

    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_port=port,
        dashboard_address=None,
    ) as running:
        click.echo(running.scheduler_address)
        while not over.wait(1.0):
            pass
