"""Files for other solvers: read back by HiGHS, CBC and SCIP they have the same optimum."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solver_models import fixed_charge, knapsack, random_integer_model

from optimizer.linear import CompiledModel, LinearModel
from optimizer.solvers import SolverOptions, solve_model
from optimizer.solvers.cbc import cbc_program
from optimizer.solvers.export import key_text, lp_lines, mps_lines, write_lp, write_mps

WRITERS = {"mps": write_mps, "lp": write_lp}


def awkward() -> CompiledModel:
    """Every kind of row and bound, numbers without a short decimal, names no file could hold."""
    model = LinearModel(offset=1 / 3)
    model.add_col(("流量", "out:steel korea"), 1 / 7, lb=-np.inf)
    model.add_col("free one\n", 0.1, lb=-3, ub=-1, integer=True)
    model.add_col("unused", 2.0, lb=1.25, ub=1.25)
    model.add_col("n", -1e-3, ub=1e6, integer=True)
    model.add_col("d", np.pi, lb=-2.5)
    first = ("流量", "out:steel korea")
    model.add_row("both sides", {first: 1.0, "d": 1 / 3}, low=-1 / 9, high=8.7)
    model.add_row("equal", {"n": 3.0, "d": -1.0}, low=0.1, high=0.1)
    model.add_row("no sides", {"n": 1.0})
    model.add_row("no entries", {}, low=-1, high=1)
    model.add_row("least", {first: 1.0, "free one\n": 1e-5}, low=-1e4)
    model.add_row("most", {"n": 1.0}, high=77.7)
    return model.compile()


def by_highs(path: Path) -> float:
    class Silent(highspy.Highs):
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)

    solver = Silent()
    solver.setOptionValue("mip_rel_gap", 0.0)
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return solver.getInfo().objective_function_value


def by_cbc(path: Path) -> float:
    answer = path.with_suffix(".answer")
    command = [str(cbc_program()), str(path), "-branch", "-solution", str(answer)]
    subprocess.run(command, capture_output=True, check=True)
    first = answer.read_text().splitlines()[0]
    assert first.startswith("Optimal"), first
    return float(first.split()[-1])


def by_scip(path: Path) -> float:
    scip = pytest.importorskip("pyscipopt")
    model = scip.Model()
    model.hideOutput()
    model.readProblem(str(path))
    model.setParam("limits/gap", 0.0)
    model.optimize()
    assert model.getStatus() == "optimal"
    return model.getObjVal()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("reader", [by_highs, by_cbc, by_scip])
@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("model", [awkward(), knapsack(), fixed_charge()])
def test_read_back_to_the_same_optimum(
    tmp_path: Path, model: CompiledModel, form: str, reader: object
) -> None:
    path = tmp_path / f"model.{form}"
    WRITERS[form](model, path)
    best = solve_model(model, options=SolverOptions(gap=0.0))
    assert best.status.has_plan
    assert reader(path) == pytest.approx(best.objective, rel=1e-7)  # type: ignore[operator]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_highs_reads_the_very_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    model = random_integer_model(seed)
    path = tmp_path_factory.mktemp("mps") / "model.mps"
    write_mps(model, path)
    solver = highspy._core._Highs()
    solver.setOptionValue("output_flag", False)
    solver.readModel(str(path))
    lp = solver.getLp()
    n = len(model.cost)
    assert np.array(lp.col_cost_)[:n].tolist() == model.cost.tolist()
    assert np.array(lp.col_lower_)[:n].tolist() == model.lb.tolist()
    assert np.array(lp.col_upper_)[:n].tolist() == model.ub.tolist()
    assert np.array(lp.row_lower_) == pytest.approx(model.row_low, rel=1e-15)
    assert np.array(lp.row_upper_) == pytest.approx(model.row_high, rel=1e-15)
    back = np.zeros((lp.num_row_, lp.num_col_))
    matrix = lp.a_matrix_
    for j in range(lp.num_col_):
        for at in range(matrix.start_[j], matrix.start_[j + 1]):
            back[matrix.index_[at], j] = matrix.value_[at]
    assert back[:, :n].tolist() == model.matrix.toarray().tolist()


def test_every_digit_is_written() -> None:
    model = LinearModel()
    model.add_col("x", 0.1 + 0.2)
    assert "0.30000000000000004" in "\n".join(mps_lines(model.compile()))
    assert "0.30000000000000004" in "\n".join(lp_lines(model.compile()))


def test_names_are_explained_beside_the_file(tmp_path: Path) -> None:
    names = write_mps(awkward(), tmp_path / "model.mps")
    assert names == tmp_path / "model.mps.names.csv"
    with names.open(encoding="utf-8", newline="") as lines:
        table = {row["name"]: (row["kind"], row["key"]) for row in csv.DictReader(lines)}
    assert table["x0"] == ("column", "流量[out:steel korea]")
    assert table["x1"] == ("column", "free one\n")
    assert table["r1"] == ("row", "equal")
    assert table["offset"][1].startswith("constant")
    text = (tmp_path / "model.mps").read_text(encoding="ascii")  # raises if not ASCII
    assert "steel" not in text


def test_key_text() -> None:
    assert key_text(("flow", ("a", 1), "b")) == "flow[a[1], b]"
    assert key_text("plain") == "plain"
    assert key_text(("alone",)) == "alone"


def test_numbers_that_are_none_are_not_written(tmp_path: Path) -> None:
    model = knapsack()
    model.cost[1] = np.nan
    with pytest.raises(ValueError, match="is nan"):
        write_mps(model, tmp_path / "model.mps")
    assert not (tmp_path / "model.mps").exists()
