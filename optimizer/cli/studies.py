"""What the commands of studies share: options, the session, how an answer is shown and kept."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from optimizer.cli.named import closed_ids, zone_ids
from optimizer.cli.published import reading_options
from optimizer.cli.terminal import EVERY_S, CancelOnInterrupt, print_json
from optimizer.cli.values import NamedNumber, Number, Target

if TYPE_CHECKING:
    from optimizer.plan.plan import Question
    from optimizer.report.chapter import Chapter
    from optimizer.studies.session import Session, StudyProgress

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class StudyOptions:
    """The options that every study command has."""

    asked: dict[str, Any]
    overrides: tuple[str, ...]
    gap: float
    time_limit_s: float
    workers: int
    scheduler: str | None
    out: Path | None
    as_json: bool
    quiet: bool
    reading: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def session(self, instance: str) -> Iterator[Session]:
        """Open a session on an instance; Ctrl-C stops it and keeps what is finished."""
        from optimizer.api import read_instance
        from optimizer.studies.session import Session, StudyStopped
        from optimizer.studies.store import MemoryStore, Store

        table = read_instance(instance, **self.reading)
        if self.overrides:
            table = table.override(*self.overrides)
        store = Store(self.out) if self.out is not None else MemoryStore()
        with CancelOnInterrupt() as cancel, StudyLine(enabled=not self.quiet) as progress:
            session = Session(
                table,
                self.question(table),
                gap=self.gap,
                time_limit_s=self.time_limit_s,
                workers=self.workers,
                scheduler=self.scheduler,
                store=store,
                on_progress=progress,
                cancel=cancel,
            )
            try:
                with session:
                    yield session
            except StudyStopped as stopped:
                progress.__exit__()
                click.echo(str(stopped), err=True)
                raise SystemExit(1) from stopped

    def question(self, table: Any) -> Question:
        """The base question."""
        from optimizer.plan.plan import Question
        from optimizer.problem import check_question

        asked = dict(self.asked)
        for option in ("open_zones", "forbid_zones"):
            asked[option] = zone_ids(table, asked[option])
        asked["closed"] = closed_ids(table, asked["closed"])
        asked |= asked.pop("target") or {}
        question = Question(**asked)
        check_question(table, question)
        return question

    def finish(self, session: Session, chapter: Chapter) -> None:
        """Keep a chapter in the study folder, if there is one, and print what was found."""
        from optimizer.studies.store import Store

        if isinstance(session.store, Store):
            session.store.add_chapter(chapter, session.instance)
        if self.as_json:
            print_json(chapter.to_dict())
            return
        show(chapter)
        if self.out is not None:
            click.echo(f"report: {self.out / 'report.html'}")


def study_options(command: Command) -> Command:
    """Add the options that every study command has; passed on as `StudyOptions` ``study``."""
    options = [
        click.option(
            "--target", type=Target(), metavar="SHARE|MCNY",
            help="Volume that must come to the zones in every solve, as for solve.",
        ),
        click.option(
            "--industry-target", "industry_targets", type=NamedNumber(), multiple=True,
            metavar="INDUSTRY=MCNY", help="Volume of one industry that must come. Repeatable.",
        ),
        click.option(
            "--budget", "budget_mcny", type=Number(), metavar="MCNY",
            help="Most capital of zones, modules and projects.",
        ),
        click.option(
            "--close", "closed", multiple=True, metavar="ID",
            help="Closed in every solve, by id or name. Repeatable.",
        ),
        click.option(
            "--open", "open_zones", multiple=True, metavar="ZONE",
            help="A zone that must open in every solve. Repeatable.",
        ),
        click.option(
            "--forbid", "forbid_zones", multiple=True, metavar="ZONE",
            help="A zone that stays shut in every solve. Repeatable.",
        ),
        click.option(
            "--set", "overrides", multiple=True, metavar="TABLE.ID.COLUMN=VALUE",
            help="Change one cell for the whole study (also *=FACTOR). Repeatable.",
        ),
        click.option("--gap", type=Number(), default=1e-3, show_default=True,
                     help="Relative gap of each solve."),
        click.option("--time-limit", "time_limit_s", type=Number(min_open=True, endless=True),
                     default=300.0, show_default=True, metavar="S", help="Seconds of each solve."),
        click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1,
                     show_default="cores", help="Processes that solve side by side."),
        click.option("--scheduler", metavar="ADDRESS",
                     help="Solve on a Dask cluster instead (see zoneopt cluster)."),
        click.option("--out", type=click.Path(path_type=Path), metavar="DIR",
                     help="Study folder: solves, tables, report.html, study.xlsx. A command that "
                     "was stopped goes on there."),
        click.option("--json", "as_json", is_flag=True,
                     help="Print one JSON object and nothing else on standard output."),
        click.option("--quiet", is_flag=True, help="No progress."),
    ]  # fmt: skip

    @functools.wraps(command)
    def wrapped(*args: Any, reading: dict[str, Any], **kwargs: Any) -> Any:
        asked = {name: kwargs.pop(name) for name in ASKED}
        common = {name: kwargs.pop(name) for name in COMMON}
        return command(*args, study=StudyOptions(asked, reading=reading, **common), **kwargs)

    decorated: Any = reading_options(wrapped)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


ASKED = (
    "target", "industry_targets", "budget_mcny", "closed", "open_zones", "forbid_zones",
)  # fmt: skip
COMMON = (
    "overrides", "gap", "time_limit_s", "workers", "scheduler", "out", "as_json", "quiet",
)  # fmt: skip


def show(chapter: Chapter) -> None:
    """Print findings, the tables in short, cautions and facts of a chapter."""
    from optimizer.report.study_page import table_view

    for sentence in chapter.findings:
        click.echo(sentence)
    for table in chapter.tables:
        view = table_view(table)
        click.echo(f"\n{table.title}")
        lines = [[text for text, _ in view.heads]]
        lines += [[cell.text for cell in row] for row in view.rows[:MOST_ROWS]]
        right = [number for _, number in view.heads]
        for line in columns_of(lines, right):
            click.echo(line)
        left_out = len(table.rows) - min(len(view.rows), MOST_ROWS)
        if left_out:
            click.echo(f"({left_out} more rows; --out or --json has them)")
    if chapter.cautions:
        click.echo("\nNot decided:")
        for sentence in chapter.cautions:
            click.echo(f"- {sentence}")
    facts = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in chapter.facts.items())
    if facts:
        click.echo(f"\n{facts}")


MOST_ROWS = 25
WIDEST = 38  # characters of a cell in the terminal


def columns_of(lines: list[list[str]], right: list[bool]) -> list[str]:
    """Lines of a table with its columns under each other; Chinese characters are two wide."""
    cut = [[_cut(text) for text in line] for line in lines]
    widths = [max(_width(line[k]) for line in cut) for k in range(len(right))]
    shown = []
    for line in cut:
        cells = []
        for text, width, is_right in zip(line, widths, right, strict=True):
            pad = " " * (width - _width(text))
            cells.append(pad + text if is_right else text + pad)
        shown.append("  ".join(cells).rstrip())
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


class StudyLine:
    """Solves done, seconds left and the worst gap: one live line on a terminal, lines in a log."""

    def __init__(self, enabled: bool = True) -> None:
        import sys

        self.enabled = enabled
        self.live = sys.stderr.isatty()
        self._written_at = -EVERY_S

    def __call__(self, event: StudyProgress) -> None:
        """Show where the study is."""
        import time

        if not self.enabled:
            return
        now = time.monotonic()
        if not self.live and now - self._written_at < EVERY_S:
            return
        self._written_at = now
        left = "" if event.left_s is None else f"  about {event.left_s:.0f} s for those known"
        text = (
            f"{event.seconds:7.1f} s  {event.done} of {event.known} known solves"
            f"{f' ({event.reused} kept)' if event.reused else ''}{left}"
            f"  worst gap {event.worst_gap:.3%}  {event.detail}"
        )
        if self.live:
            click.echo("\r\x1b[2K" + text[:150], err=True, nl=False)
        else:
            click.echo(text, err=True)

    def __enter__(self) -> StudyLine:
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the live line."""
        if self.enabled and self.live:
            click.echo("\r\x1b[2K", err=True, nl=False)
