"""The model of several blocks: their columns and rows, what links their sitings, one objective.

Blocks that share their siting have its columns in common; periods keep their own, and rows say how
one period follows from the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizer.engine.blocks import BUILT, Block, Decision, Siting
from optimizer.engine.risk import Risk, add_risk
from optimizer.engine.start import ALWAYS
from optimizer.linear import CompiledModel, LinearModel


@dataclass(frozen=True)
class Steps:
    """What links periods: what stands stays, and how much may be added in each."""

    new_zones: int | None = None  # most zones that open in a period
    new_capital_mcny: float | None = None  # most capital of what is added in a period
    today: Siting = field(default_factory=dict)  # what stands before the first period


@dataclass(frozen=True)
class JointModel:
    """The model, and where the columns of each block are in it."""

    model: CompiledModel
    blocks: Sequence[Block]
    place: Sequence[np.ndarray]  # of each block's columns, as they were when the model was made

    def parts(self, x: np.ndarray) -> list[np.ndarray]:
        """Return column values of the model as those of the blocks."""
        return [x[place] for place in self.place]

    def add_rows(self, x: np.ndarray) -> int:
        """Add capacity rows that the blocks' parts of ``x`` exceed; return how many."""
        return sum(
            b.relaxation.add_violated(part)
            for b, part in zip(self.blocks, self.parts(x), strict=True)
        )

    def costs(self, x: np.ndarray) -> tuple[float, ...]:
        """Return what each block costs, mcny a year."""
        pairs = zip(self.blocks, self.parts(x), strict=True)
        return tuple(float(np.dot(b.m.cost, part)) for b, part in pairs)

    def sitings(self, x: np.ndarray) -> tuple[dict[Decision, float], ...]:
        """Return the siting of each block."""
        pairs = zip(self.blocks, self.parts(x), strict=True)
        return tuple(b.siting_of(part) for b, part in pairs)

    def at(self, chosen: Sequence[np.ndarray]) -> np.ndarray:
        """Return which columns are chosen by some block (one mask for each block's columns)."""
        found = np.zeros(len(self.model.cost), dtype=bool)
        for place, mask in zip(self.place, chosen, strict=True):
            found[place[: len(mask)][mask]] = True
        return found

    def no_plan(self) -> np.ndarray:
        """Return which columns bound the blocks, and no plan may use: what fills a train."""
        return self.at([_of(b, ("filling", "walk")) for b in self.blocks])

    def fills(self, x: np.ndarray) -> list[set[int]]:
        """Return services of each block whose least load is met out of nothing, not listed yet."""
        pairs = zip(self.blocks, self.parts(x), strict=True)
        return [b.relaxation.filling(part) for b, part in pairs]

    def list_filling(self, x: np.ndarray) -> bool:
        """List what fills services whose least load ``x`` has out of nothing; say if any."""
        found = self.fills(x)
        for block, services in zip(self.blocks, found, strict=True):
            if services:
                block.relaxation.list_filling(services)
        return any(found)

    def siting(self) -> np.ndarray:
        """Return which columns are decisions of the siting."""
        found = np.zeros(len(self.model.cost), dtype=bool)
        for block, place in zip(self.blocks, self.place, strict=True):
            found[place[list(block.columns.values())]] = True
        return found

    def always(self) -> np.ndarray:
        """Return which columns follow from others, so that leaving some out only spoils plans."""
        return self.at([_of(b, ALWAYS) for b in self.blocks])

    def named(self, starts: Sequence[Siting]) -> np.ndarray:
        """Return which columns are decisions that some start takes, or services."""
        found = self.at([_of(b, ("service",)) for b in self.blocks])
        taken = {d for siting in starts for d, n in siting.items() if n}
        for block, place in zip(self.blocks, self.place, strict=True):
            found[place[[c for d, c in block.columns.items() if d in taken]]] = True
        return found


def _of(block: Block, families: Sequence[str]) -> np.ndarray:
    """Return which columns of a block are of some families."""
    return np.array([key[0] in families for key in block.m.lp.col_keys])


def join(
    blocks: Sequence[Block],
    weights: Sequence[float],
    risk: Risk | None = None,
    steps: Steps | None = None,
) -> JointModel:
    """Return the joint model; without ``steps`` the blocks share the columns of one siting."""
    lp = LinearModel()
    shared: dict[Decision, int] = {}
    place: list[np.ndarray] = []
    for s, block in enumerate(blocks):
        one = block.m.lp
        decision: dict[int, Decision] = {}
        if steps is None:
            decision = {c: d for d, c in block.columns.items()}
        first_row = lp.n_rows
        where = []
        columns = zip(one.col_keys, one.lb, one.ub, one.integer, strict=True)
        for number, (key, lb, ub, integer) in enumerate(columns):
            most = 0.0 if key[0] == "overflow" and block.relaxation.all_listed else ub
            name = decision.get(number)
            if name is not None and name in shared:
                column = shared[name]
                lp.lb[column] = max(lp.lb[column], lb)
                _at_most(lp, column, most, (s, name))
            else:
                column = lp.add_col((s, key), 0.0, lb, most, integer=integer)
                if name is not None:
                    shared[name] = column
            where.append(column)
        for key, low, high in zip(one.row_keys, one.row_low, one.row_high, strict=True):
            lp.add_row((s, key), (), low, high)
        place.append(np.array(where, dtype=np.int64))
        lp.entries_row += [first_row + r for r in one.entries_row]
        lp.entries_col += place[-1][one.entries_col].tolist()
        lp.entries_val += one.entries_val
    for name, column in shared.items():
        if any(name not in b.columns for b in blocks):  # what one does not know cannot be built
            _at_most(lp, column, 0.0, ("unknown", name))
    _objective(lp, blocks, place, weights, risk)
    if steps is not None:
        _build_up(lp, blocks, place, steps)
    return JointModel(lp.compile(), blocks, place)


def _at_most(lp: LinearModel, column: int, most: float, key: tuple) -> None:
    """Bound a column from above; by a row where bounds would cross: then there is no solution."""
    if most >= lp.lb[column]:
        lp.ub[column] = min(lp.ub[column], most)
    else:
        lp.add_row(("at most", key), [(column, 1.0)], high=most)


def _objective(
    lp: LinearModel,
    blocks: Sequence[Block],
    place: Sequence[np.ndarray],
    weights: Sequence[float],
    risk: Risk | None,
) -> None:
    """Make the weighted sum of the blocks' costs, or a measure of them, the objective."""
    if risk is None or risk.kind == "expected":
        for block, where, weight in zip(blocks, place, weights, strict=True):
            for column, cost in zip(where.tolist(), block.m.lp.cost, strict=True):
                lp.cost[column] += weight * cost
        return
    totals = []
    for s, (block, where) in enumerate(zip(blocks, place, strict=True)):
        total = lp.add_col(("cost", s), lb=-np.inf)
        terms = [(c, v) for c, v in zip(where.tolist(), block.m.lp.cost, strict=True) if v]
        lp.add_row(("cost", s), [*terms, (total, -1.0)], low=0.0, high=0.0)
        totals.append(total)
    add_risk(lp, totals, weights, risk)


def _build_up(
    lp: LinearModel, blocks: Sequence[Block], place: Sequence[np.ndarray], steps: Steps
) -> None:
    """What stands in a period stands in the next one, and what is added keeps to its limits."""
    for t, block in enumerate(blocks):
        added: dict[Decision, list[tuple[int, float]]] = {}
        stands: dict[Decision, float] = {}
        for decision, column in block.columns.items():
            if decision[0] not in BUILT:
                continue
            now = (int(place[t][column]), 1.0)
            if t == 0:
                stands[decision] = steps.today.get(decision, 0.0)
                added[decision] = [now]
                if stands[decision]:
                    lp.add_row(("stays", t, *decision), [now], low=stands[decision])
                continue
            before = blocks[t - 1].columns.get(decision)
            added[decision] = [now] if before is None else [now, (int(place[t - 1][before]), -1.0)]
            if before is not None:
                lp.add_row(("stays", t, *decision), added[decision], low=0.0)
        if t:
            for decision, before in blocks[t - 1].columns.items():
                if decision[0] in BUILT and decision not in block.columns:
                    column = int(place[t - 1][before])
                    lp.add_row(("stays", t, *decision), [(column, 1.0)], high=0.0)
        if steps.new_zones is not None:
            terms = [x for d, xs in added.items() if d[0] == "zone" for x in xs]
            today = sum(n for d, n in stands.items() if d[0] == "zone")
            lp.add_row(("new zones", t), terms, high=steps.new_zones + today)
        if steps.new_capital_mcny is not None:
            price = block.capital
            terms = [(c, v * price[d]) for d, xs in added.items() if d in price for c, v in xs]
            today = sum(n * price.get(d, 0.0) for d, n in stands.items())
            lp.add_row(("new capital", t), terms, high=steps.new_capital_mcny + today)
