"""`share`: who gains from the transfer, and how its saving can be shared so that nobody leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from instances.errors import InstanceError
from optimizer.plan.plan import Plan
from optimizer.report.chapter import Chapter, Table, rows_of
from optimizer.studies import games
from optimizer.studies.coalitions import Coalitions, game_overrides, game_question
from optimizer.studies.players import UNITS, Player, merged, used_by
from optimizer.studies.session import Session
from optimizer.studies.share_chapter import KIND_WORDS, NOTHING, PLAYERS, Division, Sharing, Verdict
from optimizer.studies.sharing_rules import Rule, rule_payoffs, savings_by_move

MOST_EXACT = 12  # players up to which every coalition is solved
HORIZON_YEARS = 20


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


class _Study(Sharing):
    """Computes what the chapter tells."""

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
    ) -> list[Division]:
        total = float(reached[-1])
        made = [
            Division("Shapley value", value, "by what each adds"),
            Division("nucleolus", middle.payoffs, "keeps the largest complaint smallest"),
            Division("equal parts", np.full(self.count, total / self.count), "the same for each"),
        ]
        if len({p.kind for p in self.players}) == 1 and sum(self.parts) > 0:
            by_part = np.array(self.parts) / sum(self.parts) * total
            made.append(Division("by volume", by_part, UNITS[self.players[0].kind]))
        for name, shares in proposals.items():
            made.append(Division(name, self._proposal(name, shares, total), "proposal"))
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
    ) -> tuple[list[Division], list[str]]:
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
            found.append(Division(rule.place, payoffs, text, rule.rule_id, rule.grade, rule.source))
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
            Division("Shapley value (estimate)", value, "by what each adds"),
            Division("equal parts", np.full(self.count, total / self.count), "the same for each"),
        ]
        for name, shares in proposals.items():
            divisions.append(Division(name, self._proposal(name, shares, total), "proposal"))
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
