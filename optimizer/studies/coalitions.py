"""What coalitions reach together: a solve for each in which the others take no part.

The worth of a coalition is the cost when nothing moves less the least cost when only its members
take part: output of other origins stays, zones of other prefectures are forbidden, and goods of the
zones may not pass other ports and corridors. Ports and corridors stay open to what does not move
and to rivals, because the saving of the transfer is what is shared, not the trade of today.

Solves are saved where their answer is proven: a plan in which only members play a part is a plan of
the smaller coalition too, and nobody's taking part makes the others' optimum worse.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from instances import Instance
from instances.errors import InstanceError
from optimizer.plan.plan import Question
from optimizer.studies import games
from optimizer.studies.case import Case, Solved
from optimizer.studies.players import Player, Used, used_by
from optimizer.studies.session import Inquiry, Session
from optimizer.studies.worker import Context

WALL = "not-in-the-coalition"  # bottleneck of capacity 0 that closes elements to goods of zones
AT_LEAST_RULES = ("min_zones", "min_share_of_prefecture", "min_absorbed_share")
TASK = "optimizer.studies.coalitions:walled"


@dataclass(frozen=True)
class Worth:
    """What a coalition saves against nothing moving, mcny a year, and by which solve.

    ``low`` is what a plan reaches, ``high`` what the bound allows. ``needs`` are the players that
    the plan needs; ``of`` is the coalition that was solved (another one where the plan is taken
    over), ``gap`` that of its solve.
    """

    low: float
    high: float
    needs: int
    of: int
    gap: float
    status: str


@dataclass
class Coalitions:
    """The coalitions of some players, solved as they are asked for.

    Parameters
    ----------
    session
        Whose question (without its targets, see `game_question`) and limits are used.
    players
        At most 62.
    """

    session: Session
    players: Sequence[Player]
    worths: dict[int, Worth] = field(default_factory=dict)
    solved: int = 0

    def __post_init__(self) -> None:
        instance = self.session.instance
        self.overrides = game_overrides(instance)
        self.question = game_question(self.session.question)
        blocks = instance.tables["blocks"]
        must_move = blocks[blocks["may_stay"] == 0]
        if len(must_move):
            name = f"{must_move['origin_id'].iloc[0]}/{must_move['industry_id'].iloc[0]}"
            raise InstanceError(
                f"blocks.{name} must move (may_stay = 0; {len(must_move)} such blocks): what a "
                "coalition without a host or origin saves against staying is not defined. Set "
                f"may_stay to 1, e.g. --set blocks.{name}.may_stay=1"
            )
        self._blocks = list(zip(blocks["origin_id"], blocks["industry_id"], strict=True))
        origins = {e for p in self.players if p.kind == "origin" for e in p.elements}
        self._all_origins = all(o in origins for o, _ in self._blocks)

    @property
    def everybody(self) -> int:
        """The coalition of all players."""
        return (1 << len(self.players)) - 1

    def name(self, coalition: int) -> str:
        """Names of the members."""
        if coalition == self.everybody:
            return "all"
        found = [p.name for k, p in enumerate(self.players) if coalition >> k & 1]
        return ", ".join(found) if found else "nobody"

    def case(self, coalition: int) -> Case:
        """The solve of a coalition."""
        outside = [p for k, p in enumerate(self.players) if not coalition >> k & 1]
        shut = {kind: [e for p in outside if p.kind == kind for e in p.elements] for kind in KINDS}
        away = set(shut["origin"])
        overrides = self.overrides + tuple(
            f"blocks.{o}/{i}.volume_mcny_per_year=0" for o, i in self._blocks if o in away
        )
        forbidden = dict.fromkeys([*self.question.forbid_zones, *shut["zone"]])
        question = replace(self.question, forbid_zones=tuple(forbidden))
        name = f"only {self.name(coalition)}"
        if not (shut["port"] or shut["corridor"]):
            return self.session.case(name, question, overrides=overrides)
        wall = {"places": sorted(shut["port"]), "corridors": sorted(shut["corridor"])}
        asked = [[p.kind, e] for p in self.players for e in p.elements]
        data = json.dumps(wall | {"asked": sorted(asked)}, ensure_ascii=False, sort_keys=True)
        return self.session.case(name, question, overrides=overrides, task=TASK, data=data)

    def solve_all(self) -> Inquiry[None]:
        """Solve every coalition, or take its worth from those that are known."""
        yield from self.solve(range(1 << len(self.players)))

    def solve(self, wanted: Iterable[int]) -> Inquiry[None]:
        """Solve these coalitions, the largest first: what they do without needs no solve."""
        left = sorted(set(wanted) - set(self.worths), key=lambda s: (-s.bit_count(), -s))
        while left:
            size = left[0].bit_count()
            level = [s for s in left if s.bit_count() == size]
            left = left[len(level) :]
            asked = []
            for coalition in level:
                known = self._known(coalition)
                if known is not None:
                    self.worths[coalition] = known
                else:
                    asked.append(coalition)
            cases = [self.case(s) for s in asked]
            for coalition, found in zip(asked, (yield cases), strict=True):
                self.worths[coalition] = self._worth(coalition, found)
                self.solved += 1

    def _known(self, coalition: int) -> Worth | None:
        """The worth where no solve is needed."""
        if self._all_origins and not any(
            p.kind == "origin" and coalition >> k & 1 for k, p in enumerate(self.players)
        ):
            return Worth(0.0, 0.0, 0, coalition, 0.0, "nothing can move")
        for larger, worth in self.worths.items():
            fits = larger & coalition == coalition and worth.needs & ~coalition == 0
            if fits and math.isfinite(worth.high):
                return worth  # at most what the larger reaches, and its plan is here
        return None

    def _worth(self, coalition: int, found: Solved) -> Worth:
        """The worth that a solve proves; a coalition can always leave everything as it is."""
        document = found.document
        if document:
            stay = float(document["stay_cost_mcny"])
            gap = float(document["gap"])
            used = Used({(k, e): float(a) for k, e, a in document["used"]})
        elif found.plan is not None:
            stay, gap = found.plan.stay_cost_mcny, found.gap
            used = used_by(self.session.instance, found.plan, self.players)
        else:
            stay, gap, used = math.nan, math.nan, None
        if used is None or math.isnan(gap):
            return Worth(0.0, math.inf, coalition, coalition, math.nan, str(found.status))
        if math.isnan(stay):
            raise InstanceError(
                "what stays has no cost: some goods of an origin have no route in the network of "
                "today, so that a saving against staying is not defined"
            )
        low, high = stay - found.high, stay - found.low
        if document:
            low = stay - max(found.objective, found.bound)
            high = stay - min(found.objective, found.bound)
        dust = 1e-9 * max(1.0, stay)  # what is left of two sums of the same costs
        low, high = (0.0 if value < dust else value for value in (low, high))
        return Worth(
            low, high, used.mask(self.players), coalition, gap,
            str(found.status),
        )  # fmt: skip

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """What each worth is at least and at most, all coalitions solved; nobody's is not 0 yet."""
        size = 1 << len(self.players)
        low = np.array([self.worths[s].low for s in range(size)])
        high = np.array([self.worths[s].high for s in range(size)])
        return games.monotone_hull(low, high)

    @property
    def worst_gap(self) -> float:
        """Largest gap of a solve behind the worths."""
        return max((w.gap for w in self.worths.values()), default=0.0)

    @property
    def unsolved(self) -> int:
        """Coalitions whose solve ended without a plan or without the gap that was asked for."""
        proven = ("optimal", "nothing can move")
        return sum(w.status not in proven for w in self.worths.values())


KINDS = ("origin", "zone", "port", "corridor")


def game_overrides(instance: Instance) -> tuple[str, ...]:
    """Changes under which any coalition may do nothing: no rule and no zone demands a transfer."""
    rules, zones = instance.tables["rules"], instance.tables["zones"]
    off = rules.loc[(rules["active"] == 1) & rules["kind"].isin(AT_LEAST_RULES), "rule_id"]
    required = zones.loc[zones["status"] == "required", "zone_id"]
    return (
        *(f"rules.{r}.active=0" for r in off),
        *(f"zones.{z}.status=candidate" for z in required),
    )


def game_question(question: Question) -> Question:
    """The question without what it demands: targets and zones that must open."""
    return replace(
        question, target_mcny=None, target_share=None, industry_targets=(), open_zones=(),
        least=(), differ=(),
        limits=tuple((m, v) for m, v in question.limits if m not in ("absorbed", "jobs")),
    )  # fmt: skip


def demands(instance: Instance, question: Question) -> list[str]:
    """What the game leaves out of the question and the tables, in words."""
    words = [text.removesuffix(".active=0") for text in game_overrides(instance)]
    changed = game_question(question)
    names = ("target_mcny", "target_share", "industry_targets", "open_zones", "least", "limits")
    return words + [n for n in names if getattr(changed, n) != getattr(question, n)]


# -- ports and corridors -------------------------------------------------------------------------


def walled(context: Context, case: Case) -> dict[str, Any]:
    """The task of a coalition without some ports or corridors: its solve as a document."""
    from optimizer.api import solve
    from optimizer.studies.worker import SEED, THREADS

    data = json.loads(case.data)
    instance = context.instance_of(case)
    result = solve(
        with_wall(instance, data["places"], data["corridors"]), case.question,
        gap=case.gap, time_limit_s=case.time_limit_s, threads=THREADS, seed=SEED, explain=False,
        start=context.start_of(case), cancel=context.cancel,
    )  # fmt: skip
    document = {
        "status": str(result.status), "stop_reason": result.stop_reason,
        "objective": result.objective, "bound": result.bound, "gap": result.gap,
        "stay_cost_mcny": math.nan, "used": [],
    }  # fmt: skip
    if result.has_plan:
        asked = [Player("", "", kind, (e,)) for kind, e in data["asked"]]
        amounts = used_by(instance, result.plan, asked).amounts
        document["stay_cost_mcny"] = result.plan.stay_cost_mcny
        document["used"] = [[k, e, a] for (k, e), a in sorted(amounts.items())]
    return document


def with_wall(instance: Instance, places: Sequence[str], corridors: Sequence[str]) -> Instance:
    """The instance whose zones' goods may not pass places and corridors; all else may.

    Every element at the places and on the corridors also uses a bottleneck without capacity, and
    only goods of the zones count at bottlenecks.
    """
    tables = instance.tables
    places_, corridors_ = set(places), set(corridors)

    def rows() -> Iterator[tuple[str, list[bool]]]:
        links = tables["links"]
        ends = zip(
            links["tail_place_id"], links["head_place_id"], links["corridor_id"], strict=True
        )
        yield "links", [bool({a, b} & places_ or set(str(c).split(";")) & corridors_)
                        for a, b, c in ends]  # fmt: skip
        for name in ("transfers", "customs"):
            yield name, [p in places_ for p in tables[name]["place_id"]]

    changed: dict[str, Any] = {}
    for name, hit in rows():
        frame = tables[name].copy()
        frame["bottleneck_id"] = [
            ";".join(p for p in (text if text == text else "", WALL if is_hit else "") if p)
            for text, is_hit in zip(frame["bottleneck_id"], hit, strict=True)
        ]
        changed[name] = frame
    wall = {
        "bottleneck_id": WALL, "name": "not in the coalition", "kind": "other",
        "capacity_teu_per_year": 0.0, "source": "the sharing game", "grade": "assumed",
    }  # fmt: skip
    old = tables["bottlenecks"].to_dict("records")
    blank = dict.fromkeys(tables["bottlenecks"].columns, "") | {
        "capacity_low_teu_per_year": math.nan, "capacity_high_teu_per_year": math.nan,
    }  # fmt: skip
    return instance.replace(**changed, bottlenecks=[*old, blank | wall])
