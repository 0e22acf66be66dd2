"""The chapter of `share`: who is due what, which divisions last, and what the gaps leave open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies import games
from optimizer.studies.coalitions import Coalitions, demands
from optimizer.studies.players import UNITS
from optimizer.studies.session import Session

KIND_WORDS = {"origin": "origin", "zone": "prefecture", "port": "port", "corridor": "corridor"}
NOTHING = 1e-6  # mcny a year: below this nobody has a reason to object


@dataclass(frozen=True)
class Verdict:
    """Is a division in the core? ``stable`` is yes, no, not decided; ``worst`` a coalition."""

    stable: str
    worst: int
    low: float  # what the worst coalition could gain on its own, at least and at most
    high: float


@dataclass(frozen=True, eq=False)
class Division:
    """A division of the saving among the players."""

    name: str
    payoffs: np.ndarray
    text: str
    rule_id: str = ""
    grade: str = ""
    source: str = ""


@dataclass
class Sharing:
    """A game that is solved, and how its answer is told."""

    session: Session
    game: Coalitions
    parts: list[float]
    before: int  # players before the smallest were put together
    sides: tuple[np.ndarray, ...] = ()  # payoffs if hosts, if origins got the saving of every move

    def __post_init__(self) -> None:
        self.players = self.game.players
        self.count = len(self.players)

    # -- words -----------------------------------------------------------------------------------

    def _first(
        self,
        low: np.ndarray,
        high: np.ndarray,
        value: np.ndarray,
        ends: tuple[np.ndarray, np.ndarray],
        word: str,
    ) -> str:
        total = low[-1] - low[0]
        text = f"The players together save {total:,.1f} million CNY a year"
        if high[-1] - high[0] > total + NOTHING:
            text += f" (at most {high[-1] - low[0]:,.1f})"
        if low[0] > NOTHING:
            text += f", besides {low[0]:,.1f} that is saved without them (rivals)"
        order = sorted(range(self.count), key=lambda k: -value[k])[:3]
        names = "; ".join(
            f"{self.players[k].name} {value[k]:,.1f} ({ends[0][k]:,.1f} to {ends[1][k]:,.1f})"
            for k in order
        )
        return f"{text}. By the {word} the largest parts are due to {names}."

    def _core_words(self, verdict: str, core: games.LeastCore, low: float, high: float) -> str:
        if self.count == 1:
            return "There is one player: nothing is to be shared."
        if verdict == "not empty":
            return (
                "There are stable divisions (the core is not empty): no group of players can do "
                "better alone. Each group could be left "
                f"{max(0.0, -core.value):,.2f} million CNY a year above what it reaches alone."
            )
        if verdict == "empty":
            return (
                "No division is stable (the core is empty, proven): whatever is agreed, some group "
                f"could gain at least {low:,.2f} million CNY a year by going alone. That is so "
                "where players compete for the same output or room, so that what one group "
                "reaches alone takes from another; the table of groups that overlap shows which."
            )
        return (
            "Whether a stable division exists is not decided: the least that some group could gain "
            f"by going alone lies between {low:,.2f} and {high:,.2f} million CNY a year "
            "(below 0: stable)."
        )

    def _division_words(self, checked: Sequence[tuple[Division, Verdict]]) -> list[str]:
        by: dict[str, list[str]] = {"yes": [], "no": [], "not decided": []}
        for division, verdict in checked:
            if not division.rule_id:
                by[verdict.stable].append(division.name)
        told = {"yes": "stable", "no": "not stable", "not decided": "not decided"}
        parts = [f"{told[k]}: {', '.join(v)}" for k, v in by.items() if v]
        return ["Divisions - " + "; ".join(parts) + "."] if parts and self.count > 1 else []

    def _side_words(
        self,
        least: np.ndarray,
        most: np.ndarray,
        ruled: Sequence[tuple[Division, Verdict]],
    ) -> list[str]:
        """Which share of each move's saving the origin must get, and which rules give it that."""
        if not self.sides:
            return []
        by = {word: [d for d, v in ruled if v.stable == word] for word in ("yes", "no")}
        names = ", ".join(dict.fromkeys(f"{d.name} ({d.text.split('; ')[0]})" for d in by["yes"]))
        text = f"Of {len(ruled)} rules of sharing tax {len(by['yes'])} are proven stable"
        text += f" ({names})" if names else ""
        text += f", {len(by['no'])} are proven not to be."
        surely, perhaps = self._stable_shares(most), self._stable_shares(least)
        if surely is not None:
            text += (
                " Dividing the saving of each move is stable if its origin gets "
                f"{surely[0]:.0%} to {surely[1]:.0%} of it."
            )
        elif perhaps is None:
            text += " No one proportion for all moves is stable (proven)."
        else:
            text += (
                f" Whether a proportion from {perhaps[0]:.0%} to {perhaps[1]:.0%} for the origin "
                "is stable is not decided; any other is not."
            )
        return [text]

    def _stable_shares(self, worth: np.ndarray) -> tuple[float, float] | None:
        """Shares of the origin at which no coalition objects: what is given is linear in them."""
        at_none, at_all = (games.excesses(worth, payoffs) for payoffs in self.sides)
        low, high = 0.0, 1.0
        for coalition in range(1, self.game.everybody):
            start, slope = at_none[coalition], at_all[coalition] - at_none[coalition]
            if abs(slope) < NOTHING:
                if start > NOTHING:
                    return None
            elif slope < 0:
                low = max(low, (NOTHING - start) / slope)
            else:
                high = min(high, (NOTHING - start) / slope)
        return (low, high) if low <= high else None

    def _cautions(
        self, low: np.ndarray | None, high: np.ndarray | None, reached: np.ndarray | None
    ) -> list[str]:
        found = []
        if self.game.unsolved:
            found.append(
                f"{self.game.unsolved} coalitions ended without the gap that was asked for; their "
                "worth is known only within the range shown."
            )
        if low is not None and high is not None and reached is not None and len(reached) > 2:
            width = float((high - low)[1:].max())
            if width > 0.1 * max(float(reached[-1]), NOTHING):
                found.append(
                    f"The gaps leave up to {width:,.1f} million CNY a year open in the saving of a "
                    f"coalition, of {reached[-1]:,.1f} to be shared. A smaller --gap narrows this."
                )
        if self.before > self.count:
            found.append(
                f"{self.before - self.count + 1} of {self.before} players have the smallest part "
                "in the plan and act as one (more with --at-most); put together they may get "
                "another sum than each alone would."
            )
        left_out = demands(self.session.instance, self.session.question)
        if left_out:
            found.append(
                "A coalition may leave everything as it is: targets and rules that demand a "
                f"transfer are left out ({', '.join(left_out)})."
            )
        return found

    def _rank_decided(self, k: int, least: np.ndarray, most: np.ndarray) -> str:
        others = [j for j in range(self.count) if j != k]
        apart = all(least[k] > most[j] or most[k] < least[j] for j in others)
        return "yes" if apart else "no"

    # -- tables ----------------------------------------------------------------------------------

    def _players_table(
        self,
        reached: np.ndarray,
        least: np.ndarray,
        most: np.ndarray,
        value: np.ndarray,
        ends: tuple[np.ndarray, np.ndarray],
        middle: np.ndarray,
    ) -> Table:
        everybody, total = self.game.everybody, float(reached[-1])
        rows = [
            (
                p.name, p.player_id, KIND_WORDS[p.kind], self.parts[k], reached[1 << k],
                total - reached[everybody ^ (1 << k)], value[k], ends[0][k], ends[1][k],
                value[k] / total if total > 0 else math.nan, middle[k], self.game.worst_gap,
                self._rank_decided(k, *ends),
            )
            for k, p in enumerate(self.players)
        ]  # fmt: skip
        kinds = list(dict.fromkeys(p.kind for p in self.players))
        units = "; ".join(f"{KIND_WORDS[k]}: {UNITS[k]}" for k in kinds)
        return Table(
            "players", "What each player adds and is due", PLAYERS,
            rows_of(PLAYERS, sorted(rows, key=lambda r: -r[6])),
            f"Million CNY a year. Part in the plan counts {units}. The Shapley value is the mean "
            "of what a player adds over all orders of joining; its range is proven by the gaps of "
            "the solves. The nucleolus belongs to the plans in hand.",
        )  # fmt: skip

    def _divisions_table(self, checked: Iterable[tuple[Division, Verdict]]) -> Table:
        rows = [
            (
                d.name, d.text, v.stable, self.game.name(v.worst), v.low, v.high,
                self.game.worst_gap, d.grade, d.source,
            )
            for d, v in checked
        ]  # fmt: skip
        return Table(
            "divisions", "Is a division stable?", DIVISIONS, rows_of(DIVISIONS, rows),
            "Stable: no group saves more alone than it is given. The group named is the one with "
            "the most reason to leave; the gain is negative where it has none.",
        )  # fmt: skip

    def _payoffs_table(self, divisions: Iterable[Division]) -> Table:
        rows = [
            (d.name, p.name, p.player_id, float(d.payoffs[k]), self.game.worst_gap)
            for d in divisions
            for k, p in enumerate(self.players)
        ]
        return Table(
            "payoffs", "What each division gives", PAYOFFS, rows_of(PAYOFFS, rows), most=24
        )

    def _coalitions_table(self, least: np.ndarray, most: np.ndarray) -> Table:
        rows = []
        for s, worth in sorted(
            self.game.worths.items(), key=lambda item: (-item[0].bit_count(), item[0])
        ):
            same = worth.of == s
            rows.append(
                (
                    self.game.name(s), s.bit_count(), self.game.worths[s].low, least[s], most[s],
                    worth.status, "yes" if same else f"no, plan of: {self.game.name(worth.of)}",
                    worth.gap,
                )
            )  # fmt: skip
        return Table(
            "coalitions", "What each coalition saves", COALITIONS, rows_of(COALITIONS, rows),
            "The first saving is that of the plan against nothing moving; the range is that of the "
            "saving above what is saved without any player.", most=30,
        )  # fmt: skip

    def _steps_table(self, middle: games.Nucleolus) -> Table:
        rows = [
            (n, -s.level, s.tight, len(s.settled), "; ".join(map(self.game.name, s.settled[:6])),
             self.game.worst_gap)
            for n, s in enumerate(middle.steps, start=1)
        ]  # fmt: skip
        return Table(
            "nucleolus", "Steps of the nucleolus", STEPS, rows_of(STEPS, rows),
            "Each step raises what the worst-off group is left above what it reaches alone. Tight "
            "groups that are not settled could be left more: such a step is degenerate.",
        )  # fmt: skip

    def _balanced_table(self, core: games.LeastCore, least: np.ndarray) -> Table:
        rows = [
            (self.game.name(s), weight, float(least[s]), self.game.worst_gap)
            for s, weight in sorted(core.weights.items(), key=lambda item: -item[1])
        ]
        return Table(
            "balanced", "Why nothing is stable: groups that overlap", BALANCED,
            rows_of(BALANCED, rows),
            "Every player's weights add up to one, yet weighted savings of these groups add up to "
            "more than all can reach: what one group is given lacks another.",
        )  # fmt: skip

    def _chapter(
        self,
        findings: Sequence[str],
        tables: Sequence[Table],
        cautions: Sequence[str],
        reached: np.ndarray | None,
    ) -> Chapter:
        kinds = list(dict.fromkeys(KIND_WORDS[p.kind] for p in self.players))
        return Chapter(
            "share",
            "Benefit sharing",
            "利益共享",
            asked=(
                f"{self.count} players ({', '.join(kinds)}) of {self.session.instance.name}; the "
                "saving of a coalition is the cost of nothing moving less the least cost when only "
                "its members take part.",
            ),
            findings=tuple(findings),
            tables=tuple(tables),
            charts=(
                Chart(
                    "shapley", "Shapley value, million CNY a year", "bars", "players",
                    x="player", y="shapley_mcny", x_title="million CNY a year",
                ),
            ),
            cautions=tuple(cautions),
            assumed=self._assumed(),
            facts=self.session.facts()
            | {"coalitions": len(self.game.worths), "coalitions_solved": self.game.solved},
        )  # fmt: skip

    def _assumed(self) -> tuple[tuple[str, str], ...]:
        kinds = {p.kind for p in self.players}
        found = [("blocks", "costs of staying at the origins, from which every saving is counted")]
        if "zone" in kinds:
            found.append(("pools, modules", "floor and building rates that limit each prefecture"))
        if "origin" in kinds:
            found.append(("rivals", "what an origin can save without Shanxi is its outside option"))
        if kinds & {"port", "corridor"}:
            found.append(("links, transfers", "prices of the routes that stand in for a port"))
        return tuple(found)


PLAYERS: tuple[Column, ...] = (
    Column("player", "Player"),
    Column("player_id", "Id"),
    Column("kind", "Kind"),
    Column("part", "Part in the plan", "number"),
    Column("alone_mcny", "Saves alone", "mcny"),
    Column("last_mcny", "Adds as the last", "mcny"),
    Column("shapley_mcny", "Shapley value", "mcny"),
    Column("shapley_low_mcny", "at least", "mcny"),
    Column("shapley_high_mcny", "at most", "mcny"),
    Column("shapley_share", "Share", "share"),
    Column("nucleolus_mcny", "Nucleolus", "mcny"),
    Column("gap_share", "Gap", "share"),
    Column("decided", "Rank decided"),
)
DIVISIONS = (
    Column("division", "Division"),
    Column("terms", "How"),
    Column("stable", "Stable"),
    Column("worst", "Group with most reason to leave"),
    Column("gain_low_mcny", "It would gain at least", "mcny"),
    Column("gain_high_mcny", "at most", "mcny"),
    Column("gap_share", "Gap", "share"),
    Column("grade", "Grade"),
    Column("source", "Source"),
)
PAYOFFS = (
    Column("division", "Division"),
    Column("player", "Player"),
    Column("player_id", "Id"),
    Column("payoff_mcny", "Gets, million CNY a year", "mcny"),
    Column("gap_share", "Gap", "share"),
)
COALITIONS = (
    Column("coalition", "Members"),
    Column("members_count", "Players", "count"),
    Column("saving_mcny", "Saving of the plan", "mcny"),
    Column("saving_low_mcny", "by its members, at least", "mcny"),
    Column("saving_high_mcny", "at most", "mcny"),
    Column("status", "Status"),
    Column("solved", "Solved"),
    Column("gap_share", "Gap", "share"),
)
STEPS = (
    Column("step", "Step", "count"),
    Column("left_mcny", "Left above what it reaches alone", "mcny"),
    Column("tight_count", "Groups at that level", "count"),
    Column("settled_count", "of them settled", "count"),
    Column("settled", "Settled groups (first six)"),
    Column("gap_share", "Gap", "share"),
)
BALANCED = (
    Column("coalition", "Group"),
    Column("weight", "Weight", "number"),
    Column("saving_mcny", "Saves alone at least", "mcny"),
    Column("gap_share", "Gap", "share"),
)
