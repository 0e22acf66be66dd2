"""`zoneopt share`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimizer.cli.studies import StudyOptions, study_options

if TYPE_CHECKING:
    from instances import Instance
    from optimizer.studies.players import Player


@click.command()
@click.argument("instance")
@click.option(
    "--players",
    "who",
    default="prefectures",
    show_default=True,
    metavar="WHO|FILE",
    help="origins, provinces (origins by province), prefectures, ports or corridors, several "
    "joined by commas; or a CSV file with columns player, kind (origin, prefecture, zone, port, "
    "corridor), elements (ids separated by ';') and name.",
)
@click.option(
    "--at-most",
    type=click.IntRange(2, 62),
    default=8,
    show_default=True,
    metavar="N",
    help="More players than this: the smallest act as one. Up to 12 every coalition is solved "
    "(2^N), beyond that orders of joining are sampled.",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=2),
    default=20,
    show_default=True,
    help="Pairs of sampled orders, for more than 12 players.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sampling.")
@click.option(
    "--proposal",
    "proposals",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A division to test: a CSV file with columns player and share. Repeatable.",
)
@click.option(
    "--rules",
    "rules_file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rules of sharing tax: rule_id, from_year, to_year, share_to_origin, share_to_host. "
    "Default: the published ones that ship with shanxi.",
)
@click.option(
    "--horizon",
    "horizon_years",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    metavar="YEARS",
    help="Years over which a rule is averaged.",
)
@study_options
def share(
    instance: str, who: str, at_most: int, pairs: int, seed: int, proposals: tuple[Path, ...],
    rules_file: Path | None, horizon_years: int, study: StudyOptions,
) -> None:  # fmt: skip
    """Share the saving of the transfer fairly, and test which divisions are stable.

    The saving of a group of players is what its members reach when the others take no part (one
    solve for each group). Prints the Shapley value and the nucleolus of each player, whether a
    division exists that no group can better (the core), and which proposals and rules of sharing
    tax are such divisions. The rules need both sides:

    \b
    zoneopt share shanxi --players prefectures --gap 0.0005 --out studies/share
    zoneopt share shanxi --players provinces,prefectures --out studies/share-sides
    """  # noqa: D301
    from optimizer.studies.share import share as run
    from optimizer.studies.sharing_rules import read_rules

    rules = read_rules(rules_file)
    given = dict(_proposal(path) for path in proposals)
    with study.session(instance) as session:
        chapter = run(
            session, _players(session.instance, who), at_most=at_most, pairs=pairs, seed=seed,
            proposals=given, rules=rules, horizon_years=horizon_years,
        )  # fmt: skip
        study.finish(session, chapter)


def _players(instance: Instance, who: str) -> list[Player]:
    from optimizer.studies.players import WORDS, players_by_word, read_players

    words = [w.strip() for w in who.split(",") if w.strip()]
    if all(word in WORDS for word in words) and words:
        kinds = [WORDS[w] for w in words]
        if len(set(kinds)) < len(kinds):
            raise click.UsageError("--players: origins and provinces are the same places")
        return [p for word in words for p in players_by_word(instance, word)]
    if Path(who).is_file():
        return read_players(instance, Path(who))
    raise click.UsageError(
        f"--players: {who!r} is neither a file nor one of {', '.join(WORDS)} (joined by commas)"
    )


def _proposal(path: Path) -> tuple[str, dict[str, float]]:
    """Name and shares of a proposal file."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"player", "share"} <= set(reader.fieldnames or []):
            raise click.UsageError(f"{path}: columns must be player and share")
        shares: dict[str, float] = {}
        for number, row in enumerate(reader, start=2):
            try:
                shares[row["player"].strip()] = float(row["share"])
            except (ValueError, TypeError, AttributeError):
                raise click.UsageError(
                    f"{path}, row {number}, column share is {row['share']!r}: not a number"
                ) from None
    return path.stem, shares
