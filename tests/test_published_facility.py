"""Readers of published facility files: right numbers, found by content, clear faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instances.errors import InstanceError
from instances.generators.facility import cornuejols, euclidean, koerkel_ghosh
from instances.published.facility import detect_format, read_facility

# two facilities, three customers; whole-demand costs facility x customer [[4,6,8],[9,5,7]]
TEXTS = {
    "orlib": " 2 3\n 10 100.\n 20 200.\n 5\n 4. 9.\n 6\n 6. 5.\n 7\n 8. 7.\n",
    "holmberg": "2 3\n10 100\n20 200\n5. 6.\n7.\n4. 6. 8.\n9. 5. 7.\n",
    "tbed1": "2 3\n\n5 6 7\n10 20\n100 200\n0.8 1.0 1.14285714285714\n1.8 0.83333333333333333 1\n",
    "diaz": "3 2\n4 9\n6 5\n8 7\n5 6 7\n100 200\n10 20\n",
    "klose": (
        "[CFLP-PROBLEMFILE]\n#customers: 3\n\n[DEPOTS]\ncapacity fixcost varcost x y name\n"
        "10 100 0 1 1 A\n20 200 0 1 1 B\n\n"
        "[CUSTOMERS]\ndemand x y name\n5 1 1 a\n6 1 1 b\n7 1 1 c\n"
        "[COSTMATRIX]\nc= d\n[MATRIX]\nDim 2 3\n4 6 8\n9 5 7\n"
    ),
    "ufllib": "FILE: tiny\n2 3 0\n1 100 4 6 8\n2 200 9 5 7\n",
}


@pytest.mark.parametrize("format", TEXTS)
def test_each_format_is_recognised_and_gives_the_same_problem(tmp_path: Path, format: str) -> None:
    file = tmp_path / "tiny.txt"
    file.write_text(TEXTS[format])
    assert detect_format(file) == format
    instance = read_facility(file)
    assert instance.format == format
    np.testing.assert_allclose(instance.unit_cost, [[4, 6, 8], [9, 5, 7]])
    np.testing.assert_allclose(instance.fixed_cost, [100, 200])
    assert instance.single_source == (format == "diaz")
    if format == "ufllib":
        assert np.isinf(instance.capacity).all()
    else:
        np.testing.assert_allclose(instance.capacity, [10, 20])
        np.testing.assert_allclose(instance.demand, [5, 6, 7])


def test_m_files_are_read_without_capacities(tmp_path: Path) -> None:
    file = tmp_path / "m.txt"
    file.write_text(TEXTS["orlib"])
    assert np.isinf(read_facility(file, format="ufllib-m").capacity).all()
    assert np.isinf(read_facility(file, uncapacitated=True).capacity).all()
    assert read_facility(file, single_source=True).single_source


def test_open_capacity_must_be_given(tmp_path: Path) -> None:
    file = tmp_path / "capa.txt"
    file.write_text(TEXTS["orlib"].replace(" 10 ", " capacity ").replace(" 20 ", " capacity "))
    with pytest.raises(InstanceError, match="--capacity") as caught:
        read_facility(file)
    assert caught.value.faults[0].row == 2
    instance = read_facility(file, capacity=8000)
    assert instance.name == "capa_8000"
    assert (instance.capacity == 8000).all()


def test_a_layout_that_two_formats_share_must_be_named(tmp_path: Path) -> None:
    file = tmp_path / "both"
    file.write_text("2 3\n10 100\n20 200\n5 6 7\n4 6 8\n9 5 7\n")
    assert detect_format(file) is None
    assert read_facility(file, format="holmberg").demand.tolist() == [5, 6, 7]
    assert read_facility(file, format="orlib").demand.tolist() == [5, 4, 9]


def test_a_wrong_token_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad"
    file.write_text(TEXTS["holmberg"].replace("5. 6.", "5. six"))
    with pytest.raises(InstanceError) as caught:
        read_facility(file)
    fault = caught.value.faults[0]
    assert (fault.row, fault.value) == (4, "six")


def test_a_short_file_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "short"
    file.write_text("2 3\n10 100\n20 200\n5. 6. 7.\n4. 6. 8.\n9. 5.\n")
    with pytest.raises(InstanceError, match="none of the known"):
        read_facility(file)
    with pytest.raises(InstanceError, match="1 of 6 numbers are missing"):
        read_facility(file, format="holmberg")
    file.write_text(TEXTS["holmberg"] + "1 2 3\n")
    with pytest.raises(InstanceError, match="left over"):
        read_facility(file, format="holmberg")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("hello")
    with pytest.raises(InstanceError, match="orlib, ufllib-m"):
        read_facility(file, format="nonsense")
    assert detect_format(file) is None


def test_a_negative_cost_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "negative"
    file.write_text(TEXTS["ufllib"].replace("9 5 7", "9 -5 7"))
    with pytest.raises(InstanceError, match="must be >= 0"):
        read_facility(file)


def test_generators_repeat_on_every_platform() -> None:
    """Numbers drawn once and written down here: a change of the recipe must be noticed."""
    drawn = cornuejols(4, 5, ratio=3, seed=11)
    again = cornuejols(4, 5, ratio=3, seed=11)
    np.testing.assert_array_equal(drawn.unit_cost, again.unit_cost)
    assert drawn.demand.tolist() == CORNUEJOLS_DEMAND
    assert drawn.capacity.tolist() == CORNUEJOLS_CAPACITY
    assert ((drawn.demand >= 5) & (drawn.demand <= 35)).all()
    assert drawn.capacity.sum() / drawn.demand.sum() == pytest.approx(3, abs=0.05)


CORNUEJOLS_DEMAND = [34.0, 30.0, 31.0, 22.0, 35.0]
CORNUEJOLS_CAPACITY = [254.0, 48.0, 64.0, 90.0]


def test_koerkel_ghosh_and_euclidean_follow_their_recipes() -> None:
    symmetric = koerkel_ghosh(30, kind="b", symmetric=True, seed=1)
    np.testing.assert_array_equal(symmetric.unit_cost, symmetric.unit_cost.T)
    assert symmetric.unit_cost.min() >= 1000
    assert symmetric.unit_cost.max() <= 2000
    assert symmetric.fixed_cost.min() >= 1000
    assert symmetric.fixed_cost.max() <= 2000
    loose = koerkel_ghosh(30, kind="c", symmetric=False, seed=1)
    assert (loose.unit_cost != loose.unit_cost.T).any()
    points = euclidean(20, 20, level=10, seed=3)
    assert (np.diag(points.unit_cost) == 0).all()
    assert points.fixed_cost[0] == pytest.approx(np.sqrt(20) / 10)
