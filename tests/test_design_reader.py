"""Reader, writer and generator of .dow design instances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instances.errors import InstanceError
from instances.published_design import generate_design, looks_like_dow, parse_dow, write_dow
from instances.published_design import read_dow as read_design

GOOD = """ MULTIGEN.DAT:
3 3 2
1 2 4 10 100 1 1
2 3 5.5 20 200 1 2
1 3 12 30 0 1 3
1 3 7
1 2 2.5
"""


def test_every_number_lands_in_its_place() -> None:
    design = parse_dow(GOOD, "tiny.dow")
    assert design.name == "tiny"
    assert design.n_nodes == 3
    assert design.tail.tolist() == [0, 1, 0]
    assert design.head.tolist() == [1, 2, 2]
    assert design.unit_cost.tolist() == [4, 5.5, 12]
    assert design.capacity.tolist() == [10, 20, 30]
    assert design.fixed_cost.tolist() == [100, 200, 0]
    assert design.origin.tolist() == [0, 0]
    assert design.destination.tolist() == [2, 1]
    assert design.demand.tolist() == [7, 2.5]


def test_the_first_line_is_what_tells_the_format() -> None:
    assert looks_like_dow(GOOD)
    assert looks_like_dow("MULTIGEN.DAT:\n1 1 1")
    assert not looks_like_dow("16 50\n5000 7500\n")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (" MULTIGEN.DAT:\n", "", "begins with the line"),
        ("1 2 2.5\n", "1 2\n", "row 7: the file is cut short"),
        ("1 2 2.5\n", "1 2 2.5\n9\n", "row 8: the file holds more than its header says"),
        ("3 3 2\n", "3 x 2\n", "row 2, column arcs is 'x': must be a whole number"),
        ("5.5", "5,5", "row 4, column variable_cost is '5,5': is not a number"),
        ("5.5", "nan", "row 4, column variable_cost is 'nan': must be a finite number"),
        ("1 2 4 10", "1 4 4 10", "row 3, column to is '4': must be a node number from 1 to 3"),
        ("1 2 4 10", "0 2 4 10", "row 3, column from is '0': must be a node number from 1 to 3"),
        ("1 2 4 10", "1.5 2 4 10", "row 3, column from is '1.5'"),
        ("1 3 7", "3 3 7", "row 6, column destination is '3': must differ from origin"),
        ("10 100 1 1", "-10 100 1 1", "row 3, column capacity is '-10': must be at least 0"),
        ("1 2 2.5", "1 2 -2.5", "row 7, column demand is '-2.5': must be at least 0"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(InstanceError) as caught:
        parse_dow(GOOD.replace(old, new, 1), "tiny.dow")
    assert "tiny.dow" in str(caught.value)
    assert says in str(caught.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(InstanceError) as caught:
        parse_dow(GOOD.replace("5.5", "x").replace("1 3 7", "1 9 7"), "tiny.dow")
    assert len(caught.value.faults) == 2


def test_a_missing_file_is_an_instance_error(tmp_path) -> None:
    with pytest.raises(InstanceError, match=r"nowhere\.dow"):
        read_design(tmp_path / "nowhere.dow")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n_nodes=st.integers(3, 7))
def test_what_is_written_is_read_back(seed: int, n_nodes: int, tmp_path_factory) -> None:
    design = generate_design(n_nodes, 2 * n_nodes, 5, seed=seed)
    path = tmp_path_factory.mktemp("dow") / f"{design.name}.dow"
    write_dow(design, path)
    again = read_design(path)
    for name, value in vars(design).items():
        assert np.array_equal(getattr(again, name), value), name


def test_the_recipe_reaches_its_ratios() -> None:
    design = generate_design(12, 60, 30, fixed_ratio=5.0, capacity_ratio=4.0, seed=3)
    fixed = 30 * design.fixed_cost.sum() / (design.demand.sum() * design.unit_cost.sum())
    assert fixed == pytest.approx(5.0, rel=0.01)
    assert 60 * design.demand.sum() / design.capacity.sum() == pytest.approx(4.0, rel=0.05)
    assert len({*zip(design.tail, design.head, strict=True)}) == 60


def test_same_seed_same_instance_known_numbers() -> None:
    first, again, other = (generate_design(5, 9, 3, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.capacity, again.capacity)
    assert not np.array_equal(first.capacity, other.capacity)


def test_the_generator_refuses_impossible_sizes() -> None:
    with pytest.raises(InstanceError, match="n_arcs"):
        generate_design(4, 13, 2)
    with pytest.raises(InstanceError, match="n_commodities"):
        generate_design(4, 8, 13)
