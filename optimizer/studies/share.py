"""`share`: who gains from the transfer, and how its saving can be shared so that nobody leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from instances.errors import InstanceError
from optimizer.plan.plan import Plan
from optimizer.report.chapter import Chapter, Chart, Column, Table, rows_of
from optimizer.studies import games
from optimizer.studies.coalitions import Coalitions, demands, game_overrides, game_question
from optimizer.studies.players import UNITS, Player, merged, used_by
from optimizer.studies.session import Session
from optimizer.studies.sharing_rules import Rule, rule_payoffs, savings_by_move

MOST_EXACT = 12  # players up to which every coalition is solved
HORIZON_YEARS = 20
KIND_WORDS = {"origin": "origin", "zone": "prefecture", "port": "port", "corridor": "corridor"}
NOTHING = 1e-6  # mcny a year: below this nobody has a reason to object


@dataclass(frozen=True)
class Verdict:
    """Is a division in the core? ``stable`` is yes, no, not decided; ``worst`` a coalition."""

    stable: str
    worst: int
    low: float  # what the worst coalition could gain on its own, at least and at most
    high: float


def share(
    session: Session,
    players: Sequence[Player],
    *,
    at_most: int = 8,
    pairs: int = 20,
    seed: int = 0,
    proposals: Mapping[str, Mapping[str, float]] | None = None,
    rules: Sequence[Rule] = (),
    horizon_years: int = HORIZON_YEARS,
) -> Chapter:
    """Return the chapter of the sharing game.

    Parameters
    ----------
    players
        See `optimizer.studies.players`.
    at_most
        More players than this: those whose part in the plan is smallest act as one. Up to 12
        players every coalition is solved, beyond that orders of joining are sampled.
    pairs, seed
        Pairs of sampled orders (an order and the same backwards), for more than 12 players.
    proposals
        Name -> player id -> share or money; scaled to the saving that there is to share.
    rules
        Rules of sharing tax (`optimizer.studies.sharing_rules`); they divide between origins and
        hosts, so both must be players.
    horizon_years
        Years over which a rule is averaged.
    """
    if at_most < 2 or len(players) < 1:
        raise InstanceError("a game needs players, and at_most must be at least 2")
    plan = _plan_of_all(session)
    used = used_by(session.instance, plan, players)
    parts = {p.player_id: used.amount(p) for p in players}
    before = len(players)
    players = merged(players, [parts[p.player_id] for p in players], at_most)
    used = used_by(session.instance, plan, players)
    game = Coalitions(session, players)
    study = _Study(session, game, [used.amount(p) for p in players], before)
    if len(players) <= MOST_EXACT:
        session.run([game.solve_all()])
        return study.exact(plan, dict(proposals or {}), rules, horizon_years)
    orders = games.antithetic_orders(len(players), pairs, seed)
    session.run([game.solve({s for order in orders for s in games.coalitions_of(order)})])
    return study.sampled(orders, dict(proposals or {}))


def _plan_of_all(session: Session) -> Plan:
    """The plan in which everybody takes part."""
    case = session.case(
        "everybody", game_question(session.question), overrides=game_overrides(session.instance)
    )
    solved = session.solve([case])[0]
    if solved.plan is None:
        raise InstanceError(
            f"there is no plan in which all take part: the solve ended as {solved.status} "
            f"({solved.stop_reason}). A longer --time-limit may help."
        )
    return solved.plan


@dataclass
class _Study:
    session: Session
    game: Coalitions
    parts: list[float]
    before: int  # players before the smallest were put together
    sides: tuple[np.ndarray, ...] = ()  # payoffs if hosts, if origins got the saving of every move

    def __post_init__(self) -> None:
        self.players = self.game.players
        self.count = len(self.players)

    # -- all coalitions solved -------------------------------------------------------------------

    def exact(
        self,
        plan: Plan,
        proposals: dict[str, Mapping[str, float]],
        rules: Sequence[Rule],
        horizon_years: int,
    ) -> Chapter:
        low, high = self.game.bounds()
        # The saving that is there without any player belongs to none of them.
        least, most = low - high[0], high - low[0]
        least[0] = most[0] = 0.0
        least, most = np.maximum(least, 0.0), np.maximum(most, 0.0)
        reached = np.maximum(low - low[0], 0.0)  # what the plans in hand save
        value = games.shapley(reached)
        ends = games.shapley_range(low, high, monotone=True)
        middle = games.nucleolus(reached)
        core = games.least_core(reached)
        core_low, core_high = games.least_core_range(least, most)
        verdict = "not empty" if core_high <= NOTHING else "empty" if core_low > NOTHING else ""
        divisions = self._divisions(reached, value, middle, proposals)
        cautions = self._cautions(low, high, reached)
        ruled, rule_cautions = self._rules(plan, rules, horizon_years, float(reached[-1]))
        divisions += ruled
        checked = [(d, self._verdict(least, most, reached, d.payoffs)) for d in divisions]
        tables = [
            self._players_table(reached, least, most, value, ends, middle.payoffs),
            self._divisions_table(checked),
            self._payoffs_table(divisions),
            self._coalitions_table(least, most),
            self._steps_table(middle),
        ]
        if core.value > NOTHING:
            tables.insert(3, self._balanced_table(core, least))
        findings = [
            self._first(low, high, value, ends, "Shapley value"),
            self._core_words(verdict, core, core_low, core_high),
            *self._division_words(checked),
            *self._side_words(least, most, [c for c in checked if c[0].rule_id]),
        ]
        if not verdict:
            cautions.insert(0, "Whether the core is empty is not decided by the gaps.")
        if not middle.rational:
            cautions.append(
                "Not even all players together save what the single ones save alone, added up "
                "(they compete for the same room); the nucleolus shown is the prenucleolus."
            )
        return self._chapter(findings, tables, cautions + rule_cautions, reached)

    def _divisions(
        self,
        reached: np.ndarray,
        value: np.ndarray,
        middle: games.Nucleolus,
        proposals: Mapping[str, Mapping[str, float]],
    ) -> list[_Division]:
        total = float(reached[-1])
        made = [
            _Division("Shapley value", value, "by what each adds"),
            _Division("nucleolus", middle.payoffs, "keeps the largest complaint smallest"),
            _Division("equal parts", np.full(self.count, total / self.count), "the same for each"),
        ]
        if len({p.kind for p in self.players}) == 1 and sum(self.parts) > 0:
            by_part = np.array(self.parts) / sum(self.parts) * total
            made.append(_Division("by volume", by_part, UNITS[self.players[0].kind]))
        for name, shares in proposals.items():
            made.append(_Division(name, self._proposal(name, shares, total), "proposal"))
        return made

    def _proposal(self, name: str, shares: Mapping[str, float], total: float) -> np.ndarray:
        ids = [p.player_id for p in self.players]
        unknown = [p for p in shares if p not in ids]
        if unknown:
            raise InstanceError(
                f"proposal {name}: {', '.join(unknown)} is no player; the players are "
                f"{', '.join(ids)}"
            )
        given = np.array([float(shares.get(p, 0.0)) for p in ids])
        if not np.isfinite(given).all() or given.sum() <= 0:
            raise InstanceError(f"proposal {name}: shares must be numbers with a sum above 0")
        return given / given.sum() * total

    def _rules(
        self, plan: Plan, rules: Sequence[Rule], horizon_years: int, total: float
    ) -> tuple[list[_Division], list[str]]:
        """What the rules of sharing tax give, where both sides of every move are players."""
        if not rules:
            return [], []
        at = {(p.kind, e) for p in self.players for e in p.elements}
        covered = all(
            ("origin", m.origin_id) in at and ("zone", m.zone_id) in at for m in plan.moves
        ) and all(("origin", o) in at for o, *_ in plan.rivals)
        if not covered or {p.kind for p in self.players} != {"origin", "zone"}:
            return [], [
                "The rules of sharing tax divide between origins and hosts: they are tested with "
                "--players provinces,prefectures."
            ]
        savings = savings_by_move(plan, self._stay_plan())
        rate = self.session.instance.settings.discount_rate
        found = []
        for rule in rules:
            part = rule.origin_share(horizon_years, rate)
            payoffs = np.array(rule_payoffs(savings, self.players, part, total))
            text = f"{rule.words}; {part:.0%} to the origin over {horizon_years} years"
            found.append(
                _Division(rule.place, payoffs, text, rule.rule_id, rule.grade, rule.source)
            )
        self.sides = tuple(
            np.array(rule_payoffs(savings, self.players, part, total)) for part in (0.0, 1.0)
        )
        return found, [
            "The rules speak of retained tax, the tables hold no tax: each rule is read as the "
            f"proportion in which origin and host divide the saving of a move over {horizon_years}"
            " years (assumed). What a park or fund gets counts as the host's."
        ]

    def _stay_plan(self) -> Plan:
        """The plan in which nothing moves, for what each block costs where it is."""
        instance = self.session.instance
        question = game_question(self.session.question)
        zones = tuple(instance.tables["zones"]["zone_id"])
        rivals = (f"rivals.{r}.max_share_of_block=0" for r in instance.tables["rivals"]["rival_id"])
        case = self.session.case(
            "nothing moves",
            replace(question, forbid_zones=zones),
            overrides=(*game_overrides(instance), *rivals),
        )
        plan = self.session.solve([case])[0].plan
        if plan is None:
            raise InstanceError("there is no plan in which nothing moves")
        return plan

    def _verdict(
        self, least: np.ndarray, most: np.ndarray, reached: np.ndarray, payoffs: np.ndarray
    ) -> Verdict:
        """Can a coalition prove that it does better alone? The empty and the whole one cannot."""
        surely, perhaps = games.excesses(least, payoffs), games.excesses(most, payoffs)
        for ends in (surely, perhaps):
            ends[0] = ends[-1] = -math.inf
        if self.count == 1:
            return Verdict("yes", 1, 0.0, 0.0)
        if surely.max() > NOTHING:
            worst = int(surely.argmax())
            return Verdict("no", worst, float(surely[worst]), float(perhaps[worst]))
        worst = int(perhaps.argmax())
        stable = "yes" if perhaps[worst] <= NOTHING else "not decided"
        return Verdict(stable, worst, float(surely[worst]), float(perhaps[worst]))

    # -- sampled ---------------------------------------------------------------------------------

    def sampled(
        self, orders: Sequence[Sequence[int]], proposals: Mapping[str, Mapping[str, float]]
    ) -> Chapter:
        worths = self.game.worths
        low = {s: w.low for s, w in worths.items()}
        high = {s: w.high for s, w in worths.items()}
        value, least, most = games.sampled_shapley(orders, low, high, monotone=True)
        total = low[self.game.everybody] - low[0]
        divisions = [
            _Division("Shapley value (estimate)", value, "by what each adds"),
            _Division("equal parts", np.full(self.count, total / self.count), "the same for each"),
        ]
        for name, shares in proposals.items():
            divisions.append(_Division(name, self._proposal(name, shares, total), "proposal"))
        checked = [(d, self._sampled_verdict(low, high, d.payoffs)) for d in divisions]
        added = {k: low[1 << k] - low[0] for k in range(self.count) if 1 << k in low}
        rows = [
            (
                p.name, p.player_id, KIND_WORDS[p.kind], self.parts[k], added.get(k, math.nan),
                value[k], least[k], most[k], value[k] / total if total > 0 else math.nan,
                self.game.worst_gap, self._rank_decided(k, least, most),
            )
            for k, p in enumerate(self.players)
        ]  # fmt: skip
        columns = [c for c in PLAYERS if c.name not in ("last_mcny", "nucleolus_mcny")]
        table = Table(
            "players", f"Players: Shapley values from {len(orders)} sampled orders", tuple(columns),
            rows_of(columns, sorted(rows, key=lambda r: -r[5])),
            "The range holds with 95 % confidence for each value; it includes the gaps of the "
            "solves.",
        )  # fmt: skip
        low_all, high_all = np.array([low[0], total]), np.array([high[0], total])
        findings = [
            self._first(low_all, high_all, value, (least, most), "estimated Shapley value"),
            *self._division_words(checked),
        ]
        cautions = [
            f"With {self.count} players {len(worths):,} of {1 << self.count:,} coalitions were "
            "looked at: that a division is stable cannot be proven, and core and nucleolus are not "
            f"computed. --at-most {MOST_EXACT} puts the smallest players together.",
            *self._cautions(None, None, None),
        ]
        tables = [table, self._divisions_table(checked), self._payoffs_table(divisions)]
        return self._chapter(findings, tables, cautions, None)

    def _sampled_verdict(
        self, low: Mapping[int, float], high: Mapping[int, float], payoffs: np.ndarray
    ) -> Verdict:
        found = [
            (low[s] - high[0] - self._given(s, payoffs), s)
            for s in low
            if s not in (0, self.game.everybody)
        ]
        surely, worst = max(found)
        perhaps = high[worst] - low[0] - self._given(worst, payoffs)
        return Verdict("no" if surely > NOTHING else "not decided", worst, surely, perhaps)

    def _given(self, coalition: int, payoffs: np.ndarray) -> float:
        return float(sum(payoffs[k] for k in games.members(coalition, self.count)))

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

    def _division_words(self, checked: Sequence[tuple[_Division, Verdict]]) -> list[str]:
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
        ruled: Sequence[tuple[_Division, Verdict]],
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

    def _divisions_table(self, checked: Iterable[tuple[_Division, Verdict]]) -> Table:
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

    def _payoffs_table(self, divisions: Iterable[_Division]) -> Table:
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


@dataclass(frozen=True, eq=False)
class _Division:
    """A division of the saving among the players."""

    name: str
    payoffs: np.ndarray
    text: str
    rule_id: str = ""
    grade: str = ""
    source: str = ""


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
