"""Starting from an earlier solve, and going on with one that was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siting_instances import random_instance

from instances import Instance, read_instance
from optimizer import solve
from optimizer.checkpoint import Checkpoint
from optimizer.errors import OptimizerError
from optimizer.plan.plan import Question, Status
from optimizer.result import Result

EXACT = {"gap": 1e-9, "explain": False}
CHANGES = ("price", "capacity", "wage", "tariff", "volume", "closed", "forced", "forbidden")


def _changed(
    instance: Instance, change: str, rng: np.random.Generator
) -> tuple[Instance, Question]:
    factor = round(float(rng.uniform(0.6, 1.6)), 3)
    edits = {
        "price": ("pools", "increment_cny_per_unit_year"),
        "capacity": ("bottlenecks", "capacity_teu_per_year"),
        "wage": ("factor_prices", "wage_cny_per_year"),
        "tariff": ("tariffs", "rate_cny_per_teu_km"),
        "volume": ("blocks", "volume_mcny_per_year"),
    }
    if change in edits:
        table, column = edits[change]
        frame = instance.tables[table].copy()
        row = int(rng.integers(len(frame)))
        frame.loc[row, column] = frame[column].iloc[row] * factor
        return instance.replace(**{table: frame}), Question()
    asked = {"closed": ("train",)} if change == "closed" else {}
    if change == "forced":
        asked = {"open_zones": ("z0",)}
    if change == "forbidden":
        asked = {"forbid_zones": ("z1",)}
    return instance, Question(**asked)


@settings(max_examples=24, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000), st.sampled_from(CHANGES))
def test_a_warm_solve_gives_what_a_cold_one_gives(seed: int, change: str) -> None:
    instance = random_instance(seed)
    first = solve(instance, **EXACT)
    changed, question = _changed(instance, change, np.random.default_rng(seed))
    warm = solve(changed, question, start=first, **EXACT)
    cold = solve(changed, question, **EXACT)
    assert warm.status is cold.status
    if cold.has_plan:
        assert warm.objective == pytest.approx(cold.objective, rel=1e-6, abs=1e-6)
        assert warm.bound == pytest.approx(cold.bound, rel=1e-6, abs=1e-6)


def test_routes_are_carried_over_only_where_they_are_still_right() -> None:
    instance = random_instance(4)
    first = solve(instance, **EXACT)
    memory = first._memory
    assert memory is not None
    asked = first.question
    dearer = instance.override("tariffs.rail.rate_cny_per_teu_km*=2")
    wider = instance.override("bottlenecks.line.capacity_teu_per_year*=2")
    assert memory.may_reuse_routes(instance, asked, "generalised")
    assert memory.may_reuse_routes(wider, asked, "generalised")
    assert not memory.may_reuse_routes(dearer, asked, "generalised")
    assert not memory.may_reuse_routes(instance, Question(closed=("sea",)), "generalised")
    assert not memory.may_reuse_routes(instance, asked, "hours")


@pytest.mark.parametrize("seed", range(6))
def test_a_start_is_never_made_worse(seed: int) -> None:
    """With a gap that any plan satisfies, the start itself must come back or something better."""
    instance = random_instance(seed)
    best = solve(instance, **EXACT)
    again = solve(instance, start=best.plan, gap=10.0, explain=False)
    assert again.objective <= best.objective * (1 + 1e-6) + 1e-6


def _killed(instance: Instance, folder: Checkpoint, question: Question, best: Result) -> None:
    """Leave on disk what a run that was killed just before its end would leave."""
    folder.begin(instance, question, {"gap": 1e-9})
    assert best._memory is not None
    values = {k: v for k, v in best._memory.values.items() if k[0] in ("open", "host", "module")}
    folder.save(values, best.objective, best.bound)


def test_what_is_on_disk_is_gone_on_from(tmp_path: Path) -> None:
    instance = random_instance(5)
    best = solve(instance, **EXACT)
    folder = Checkpoint.beside(tmp_path / "run")
    _killed(instance, folder, Question(), best)
    resumed = Checkpoint.beside(tmp_path / "run")
    table, question, options = resumed.load()
    assert table.hash == instance.hash
    assert question == Question()
    assert resumed.state.bound == best.bound
    result = solve(table, question, checkpoint=resumed, explain=False, **options)
    assert result.status is Status.OPTIMAL
    assert result.objective <= best.objective * (1 + 1e-6)
    assert result.bound >= best.bound * (1 - 1e-9)


def test_worse_news_does_not_replace_better(tmp_path: Path) -> None:
    folder = Checkpoint.beside(tmp_path / "run")
    folder.begin(read_instance("two_zones"), Question(), {})
    folder.save({("open", 0): 1.0}, 20.0, 15.0)
    folder.save({("open", 1): 1.0}, 25.0, 10.0)
    again = Checkpoint.beside(tmp_path / "run")
    again.load()
    assert again.state.values == {("open", 0): 1.0}
    assert again.state.objective == 20.0
    assert again.state.bound == 15.0


def test_a_checkpoint_that_is_not_there_or_was_changed_is_refused(tmp_path: Path) -> None:
    folder = Checkpoint.beside(tmp_path / "run")
    with pytest.raises(OptimizerError, match="nothing to resume"):
        folder.load()
    folder.begin(read_instance("two_zones"), Question(), {})
    path = folder.folder / "instance" / "zones.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("10", "11", 1), encoding="utf-8")
    with pytest.raises(OptimizerError):
        folder.load()
