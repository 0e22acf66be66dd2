"""`zoneopt bench`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from optimizer.cli.values import Number

if TYPE_CHECKING:
    from optimizer.bench.rows import Row
    from optimizer.bench.runner import Run

PEERS = ("highs", "scip", "cbc", "cp-sat", "spopt")


class Names(click.ParamType):
    """Names of peers with commas between them; ``none`` is no peer."""

    name = "names"

    def convert(
        self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once."""
        if isinstance(value, tuple):  # click may convert twice
            return value
        names = tuple(dict.fromkeys(n.strip() for n in value.split(",") if n.strip()))
        if names == ("none",):
            return ()
        for name in names:
            if name not in PEERS:
                self.fail(
                    f"{name!r} is no peer; choose of {', '.join(PEERS)}, or none.", param, ctx
                )
        return names


@click.command()
@click.argument("suite", default="small")
@click.option(
    "--peers",
    type=Names(),
    default="highs",
    show_default=True,
    metavar="NAME,...",
    help=f"Who solves the same instances: {', '.join(PEERS)}, or none.",
)
@click.option(
    "--limit",
    "limit_s",
    type=Number(min_open=True),
    metavar="S",
    help="Seconds for each run; by default what the suite says.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder with the folders of published files (benchmarks/README.md).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where rows and report go; rows that are there are not run again.  "
    "[default: runs/bench-SUITE]",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many runs of each, with seeds 0, 1 ...")  # fmt: skip
@click.option(
    "--memory",
    "memory_gb",
    type=Number(min_open=True),
    default=12.0,
    show_default=True,
    metavar="GB",
    help="Most memory of a run.",
)
@click.option(
    "--cases",
    metavar="TEXT",
    help="Only cases whose name has this in it.",
)
@click.option("--report-only", is_flag=True, help="Write the report of the rows that are there.")
@click.option("--quiet", is_flag=True, help="No progress, only the rows.")
def bench(
    suite: str,
    peers: tuple[str, ...],
    limit_s: float | None,
    data: Path | None,
    out: Path | None,
    threads: int,
    seeds: int,
    memory_gb: float,
    cases: str | None,
    report_only: bool,
    quiet: bool,
) -> None:
    """Measure zoneopt and its peers on SUITE and write report.md and report.html.

    Suites: small, orlib, tbed1, goertz_klose, uflp, sscflp, mcnd, shanxi, transfer. Every run is a
    process of its own with the same threads and limit. Ctrl-C stops; the same command goes on
    where it stopped. Exit code 0 when all runs are there, 1 when stopped.

    \b
    zoneopt bench
    zoneopt bench orlib --data published --peers highs,cbc --out runs/orlib
    """  # noqa: D301
    from optimizer.bench.rows import Store
    from optimizer.bench.runner import OWN, Terms, run_all, runs_of
    from optimizer.bench.suites import SUITES

    if suite not in SUITES:
        raise click.BadParameter(
            f"{suite!r}: the suites are {', '.join(SUITES)}.", param_hint="SUITE"
        )
    out = out or Path("runs") / f"bench-{suite}"
    store = Store(out)
    done = True
    if not report_only:
        chosen, missing = SUITES[suite].cases(data)
        chosen = [case for case in chosen if cases is None or cases in case.name]
        if not chosen:
            raise click.BadParameter(f"no case has {cases!r} in its name.", param_hint="--cases")
        for text in missing:
            click.echo(f"left out: {text}", err=True)
        terms = Terms((OWN, *peers), limit_s, threads, tuple(range(seeds)), memory_gb)
        runs = list(runs_of(suite, chosen, terms))
        show = _Shown(len(runs), live=sys.stderr.isatty() and not quiet)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            run_all(runs, terms, store, data, on_row=show.row, on_progress=show.progress)
        except KeyboardInterrupt:
            done = False
            click.echo("\nstopped; the same command goes on from here", err=True)
    if not store.rows:
        click.echo("no run is stored: nothing to report", err=True)
        sys.exit(1)
    from optimizer.bench.report import write_report

    own_table = data / "best_known.csv" if data is not None else None
    if own_table is not None and not own_table.is_file():
        own_table = None
    for path in write_report(store.rows.values(), out, own_table):
        click.echo(f"report: {path}")
    sys.exit(0 if done else 1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End like Ctrl-C, so that the run at work is ended too."""
    raise KeyboardInterrupt


class _Shown:
    """Rows on standard error as they come; on a terminal also what the run at work tells."""

    def __init__(self, count: int, live: bool) -> None:
        self.count, self.live = count, live

    def row(self, number: int, row: Row, is_new: bool) -> None:
        """Show a row."""
        gap = "" if row.gap is None else f"gap {row.gap:.3%}"
        value = "" if row.objective is None else f"{row.objective:,.6g}"
        seconds = "" if row.seconds is None else f"{row.seconds:.2f} s"
        faults = f"  DOES NOT HOLD: {row.faults[0]}" if row.faults else ""
        text = (
            f"[{number}/{self.count}] {row.case:<34} {row.solver:<8} {row.status:<16} {value:>12} "
            f"{gap:<13} {seconds:>9}{'' if is_new else '  (stored)'}{faults}"
        )
        click.echo(("\r\x1b[2K" if self.live else "") + text.rstrip(), err=True)

    def progress(self, number: int, run: Run, text: str) -> None:
        """Show what the run at work tells."""
        if self.live:
            line = f"\r\x1b[2K[{number}/{self.count}] {run.case.name} {run.solver} {text}"
            click.echo(line[:150], err=True, nl=False)
