"""Published problems through one reader, one solve and the verifier; certificates that hold."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import published_files as files
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from instances import Instance, InstanceError, find_faults, read_instance, write_instance
from instances.as_instance import design_instance, facility_instance
from instances.published.facility import read_facility
from optimizer.api import solve
from optimizer.cli import group
from optimizer.engine.recognise import recognise
from optimizer.plan.plan import Plan, Question, Status
from optimizer.plan.verify import certified_bound, verify_plan
from optimizer.result import Result


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str, name: str = "file.txt") -> Path:
        (tmp_path / name).write_text(text, encoding="ascii")
        return tmp_path / name

    return written


def proven(instance: Instance, **options: object) -> Result:
    """Solve to the end; the plan must hold and the bound must be what it says."""
    result = solve(instance, gap=1e-7, **options)
    assert result.status is Status.OPTIMAL
    verdict = verify_plan(instance, result.plan)
    assert verdict.ok, verdict.lines()
    assert verdict.bound_certified is not None
    assert verdict.bound_certified <= result.objective + 1e-9 * abs(result.objective)
    return result


# -- every format, worked by hand -------------------------------------------------------------


@pytest.mark.parametrize("name", [f for f in files.FILES if f not in ("ufllib", "diaz")])
def test_split_delivery_in_every_format(name: str, write) -> None:
    """Facility 1 for customer 3 and a quarter of customer 1, facility 2 for the rest."""
    instance = read_instance(write(files.FILES[name]), format=name)
    result = proven(instance)
    assert result.structure is not None
    assert result.structure.method == "facility"
    assert result.objective == pytest.approx(files.SPLIT)
    amounts = {(m.origin_id, m.zone_id): m.output_mcny for m in result.plan.moves}
    assert amounts == pytest.approx(
        {("c1", "f1"): 1.0, ("c1", "f2"): 3.0, ("c2", "f2"): 3.0, ("c3", "f1"): 3.0}
    )


@pytest.mark.parametrize(("name", "option"), [("diaz", False), ("holmberg", True)])
def test_single_source(name: str, option: bool, write) -> None:
    instance = read_instance(write(files.FILES[name]), format=name, single_source=option)
    assert (instance.table("blocks")["whole"] == 1).all()
    assert proven(instance).objective == pytest.approx(files.WHOLE)


def test_without_capacities(write) -> None:
    for text, capacity in ((files.FILES["ufllib"], None), (files.HOLMBERG, np.inf)):
        instance = read_instance(write(text), capacity=capacity)
        assert instance.table("pools").empty
        result = proven(instance)
        assert result.objective == pytest.approx(files.UNCAPACITATED)
        assert result.open_zones == ("f2",)


def test_network_design(write) -> None:
    instance = read_instance(write(files.DOW))
    result = proven(instance)
    assert result.structure is not None
    assert result.structure.method == "design"
    assert result.objective == pytest.approx(files.DESIGN)
    assert result.plan.projects == ("a1", "a2", "a3")
    routes = {
        (f.industry_id, tuple(a.split(":")[1] for a in f.arcs if a.startswith("link"))): f.teu
        for f in result.plan.flows
    }
    assert routes == pytest.approx(
        {("k1", ("a1",)): 2, ("k1", ("a2", "a3")): 2, ("k2", ("a3",)): 2}
    )


def test_a_design_that_cannot_carry_its_demand_is_infeasible(write) -> None:
    """Six units must enter node 3: five arrive over arcs of room 1 and 4."""
    result = solve(read_instance(write(files.DOW.replace("1 3 5 10", "1 3 5 1"))))
    assert result.status is Status.INFEASIBLE
    assert not result.has_plan


def test_no_way_at_all_is_infeasible(write) -> None:
    text = files.DOW.replace("3 3 2\n", "3 2 2\n").replace("2 3 1 4 4 1 1\n", "")
    result = solve(read_instance(write(text)))
    assert result.status is Status.INFEASIBLE
    assert "in:k2:goods:k2:n2" in result.stop_reason


# -- what the content says --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["holmberg", "klose", "ufllib"])
def test_format_is_seen_in_the_content(name: str, write) -> None:
    text = files.FILES[name]
    assert f"(format {name})" in read_instance(write(text, "whatever.dat")).description


def test_content_that_fits_two_formats_is_refused(write) -> None:
    """Capacities that differ are those of a file like OR-Library's, or numbers without meaning."""
    path = write(files.FILES["orlib"])
    with pytest.raises(InstanceError, match=r"orlib and ufllib-m: name the one .*--format"):
        read_instance(path)
    assert proven(read_instance(path, format="m")).objective == files.UNCAPACITATED
    same = files.FILES["orlib"].replace("10 8\n6 5", "10 8\n10 5")
    assert "(format orlib)" in read_instance(write(same)).description


def test_lines_that_fit_two_formats_are_refused(write) -> None:
    """Three customers, two facilities: rows of three are a customer's or a facility's."""
    path = write(files.HOLMBERG.replace("4 2 3 5", "4\n2 3 5").replace("6 5", "10 5"))
    with pytest.raises(InstanceError, match="orlib and holmberg"):
        read_instance(path)
    assert "(format holmberg)" in read_instance(path, format="yang").description


def test_square_tables_are_told_apart(write) -> None:
    """2 x 2, one number a line: as tbed1 demands 3, 2 and capacities 4, 5."""
    tbed1 = ["2 2", "3", "2", "4", "5", "7", "8", ".5", "1.5", "2.5", "1"]
    assert "(format tbed1)" in read_instance(write("\n".join(tbed1))).description
    diaz = ["2 2", "7.5", "9", "8", "6.5", "3", "2", "7", "8", "4", "5"]
    assert "(format diaz)" in read_instance(write("\n".join(diaz))).description


def test_bad_options_and_files_are_named(write) -> None:
    path = write("hello world\n")
    with pytest.raises(InstanceError, match="neither an instance"):
        read_instance(path)
    with pytest.raises(InstanceError, match="no format of this name"):
        read_instance(path, format="cplex")
    with pytest.raises(InstanceError, match="published files only"):
        read_instance("two_zones", capacity=3)
    with pytest.raises(InstanceError, match="no meaning for network design"):
        read_instance(write(files.DOW), single_source=True)
    word = files.FILES["orlib"].replace("10 8\n6 5", "capacity 8\ncapacity 5")
    assert "--capacity" in str(find_faults(write(word))[0])
    assert find_faults(write(word), capacity=10) == []


def test_customers_without_demand_keep_their_cost(write) -> None:
    """Customer 3 without demand: 8 + 19 or 13 + 3 + 3 + 4 with facility 2 full as before."""
    instance = read_instance(write(files.HOLMBERG.replace("4 3 3", "4 3 0")))
    assert proven(instance).objective == pytest.approx(files.SPLIT)


# -- structure --------------------------------------------------------------------------------


def test_structure_is_recognised_not_named() -> None:
    location = facility_instance(files.random_location(1))
    assert recognise(location, Question()).method == "facility"
    assert recognise(location, Question(objective="absorbed")).method == "siting"
    rule = [
        {"rule_id": "two", "kind": "max_zones", "value": 2, "text": "two", "source": "-",
         "grade": "assumed"},
    ]  # fmt: skip
    ruled = recognise(location.replace(rules=rule), Question())
    assert ruled.method == "siting"
    assert "policy rules" in ruled.reasons[0]
    design = design_instance(files.random_design(1))
    assert recognise(design, Question()).method == "design"
    excluding = design.table("projects")
    excluding.loc[0, "excludes_project_id"] = "a2"
    assert recognise(design.replace(projects=excluding), Question()).method == "siting"
    for name in ("two_zones", "dry_port", "shanxi"):
        assert recognise(read_instance(name), Question()).method == "siting"


def test_rows_of_moves_serve_as_well_as_a_matrix(tmp_path: Path) -> None:
    instance = facility_instance(files.random_location(4))
    write_instance(instance, tmp_path / "folder", "csv")
    again = read_instance(tmp_path / "folder")
    assert again.dense_moves is None
    assert again == instance
    assert proven(again).objective == pytest.approx(proven(instance).objective)


@pytest.mark.parametrize("seed", range(8))
def test_location_by_either_engine_and_by_an_independent_model(seed: int) -> None:
    published = files.random_location(seed, single_source=seed % 2 == 1)
    expected = files.location_optimum(published)
    instance = facility_instance(published)
    assert proven(instance).objective == pytest.approx(expected, rel=1e-6)
    assert proven(instance, _method="siting").objective == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_design_by_either_engine_and_by_an_independent_model(seed: int) -> None:
    published = files.random_design(seed)
    expected = files.design_optimum(published)
    instance = design_instance(published)
    assert proven(instance).objective == pytest.approx(expected, rel=1e-6)
    assert proven(instance, _method="siting").objective == pytest.approx(expected, rel=1e-6)


def test_design_made_by_hand_by_either_engine() -> None:
    """In China, with goods both ways, free links, set-up and opening: plans or none alike."""
    found = []
    for seed in (*range(10), 29, 41, 65):  # the last ones: base routes that need a project
        try:
            instance = files.random_trade(seed)
        except InstanceError:
            continue  # drawn without a way
        structure = recognise(instance, Question())
        assert structure.method == "design", structure.reasons
        one = solve(instance, gap=1e-7)
        other = solve(instance, gap=1e-7, _method="siting", explain=False)
        assert one.status is other.status, seed
        if one.has_plan:
            assert one.objective == pytest.approx(other.objective, rel=1e-6), seed
            certified = one.plan.certificate["claimed_bound"]
            assert certified <= one.objective + 1e-6 * abs(one.objective)
            found.append(certified / one.objective)
    assert len(found) >= 4
    assert max(found) > 0.999


def test_statuses_and_lumps_of_zones_by_either_engine() -> None:
    """A required, an existing and a forbidden zone, capital and set-up costs, saved money."""
    base = facility_instance(files.random_location(11))
    zones = base.table("zones")
    zones["status"] = (["required", "existing", "forbidden", "candidate"])[: len(zones)]
    zones["open_mcny"] = 7.0
    pools = base.table("pools")
    pools["endowment"] = 60.0
    industries = base.table("industries")
    industries["host_setup_mcny_per_year"] = 3.0
    for saving in (0.0, 5e6):
        instance = base.replace(
            zones=zones, pools=pools, industries=industries, discount_rate=0.08,
            dense_moves=base.move_costs() - saving,
        )  # fmt: skip
        one, other = proven(instance), proven(instance, _method="siting")
        assert one.structure is not None
        assert one.structure.method == "facility"
        assert one.objective == pytest.approx(other.objective, rel=1e-6)


def test_a_plan_to_start_from_is_never_made_worse() -> None:
    for instance in (
        facility_instance(files.random_location(2)),
        design_instance(files.random_design(2)),
    ):
        first = solve(instance, gap=1.0)
        second = solve(instance, gap=1.0, start=first.plan)
        assert second.objective <= first.objective * (1 + 1e-9)


def test_cancelled_and_watched() -> None:
    from instances.generators.facility import cornuejols

    instance = facility_instance(cornuejols(20, 25, ratio=3, seed=1))
    events = []
    result = solve(instance, on_progress=events.append)
    assert result.has_plan
    assert any(e.incumbent is not None and e.bound is not None for e in events)
    cancel = threading.Event()
    cancel.set()
    stopped = solve(instance, cancel=cancel, gap=0.0)
    assert stopped.status in (Status.NO_PLAN_IN_TIME, Status.FEASIBLE, Status.OPTIMAL)
    assert stopped.has_plan == stopped.status.has_plan


def test_whole_costs_survive_the_change_of_units() -> None:
    """Costs of a million CNY per unit of demand, back from a matrix: bounds may be rounded up."""
    from networks.network import build_network
    from optimizer.engine.location import location_of
    from optimizer.problem import build_problem

    rng = np.random.default_rng(5)
    published = files.random_location(5)
    object.__setattr__(
        published, "unit_cost", rng.integers(0, 999, published.unit_cost.shape) * 1.0
    )
    instance = facility_instance(published)
    problem = build_problem(instance, build_network(instance), Question())
    facility = location_of(problem).facility
    assert np.array_equal(facility.unit_cost, published.unit_cost)
    assert np.array_equal(facility.capacity, published.capacity)
    assert np.array_equal(facility.demand, published.demand)


# -- certificates -----------------------------------------------------------------------------


def test_gate_prices_by_hand() -> None:
    """One arc, two units at rate 3, fixed 10: price 5 a unit pays the arc, 2 x (3 + 5) in all."""
    from instances.published_design import parse_dow

    instance = design_instance(parse_dow("MULTIGEN.DAT:\n2 1 1\n1 2 3 5 10 1 1\n1 2 2\n"))
    key = "in:k1:goods:k1:n1"
    own = {"kind": "lagrangian", "block": [["demand", "k1", 8.0]]}
    own["gate_goods"] = [["link", "a1", key, 5.0]]
    assert certified_bound(instance, Question(), own) == pytest.approx(16.0)
    # Two units are all that can pass, so a price for all goods does the same.
    both = {"kind": "lagrangian", "block": [["demand", "k1", 8.0]], "gate": [["link", "a1", 5.0]]}
    assert certified_bound(instance, Question(), both) == pytest.approx(16.0)
    # Dearer than the arc: the arc is worth opening, 10 - 2 x 7 = -4, the blocks pay 20.
    dear = own | {"block": [["demand", "k1", 10.0]], "gate_goods": [["link", "a1", key, 7.0]]}
    assert certified_bound(instance, Question(), dear) == pytest.approx(16.0)
    wrong = own | {"gate": [["link", "a2", 1.0]]}
    assert certified_bound(instance, Question(), wrong) is None


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 40), draw=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 4.0))
def test_no_prices_of_gates_certify_more_than_the_optimum(
    seed: int, draw: int, scale: float
) -> None:
    published = files.random_design(seed)
    instance = design_instance(published)
    rng = np.random.default_rng(draw)

    def price() -> float:
        return float(max(0.0, rng.normal(0.5, 1.0)) * scale)

    arcs = [f"a{a + 1}" for a in range(published.tail.size)]
    goods = [f"k{k + 1}" for k in range(published.origin.size)]
    keys = [f"in:{k}:goods:{k}:n{o + 1}" for k, o in zip(goods, published.origin, strict=True)]
    certificate = {
        "kind": "lagrangian",
        "block": [["demand", k, float(rng.normal(8, 8))] for k in goods],
        "gate": [["link", a, price()] for a in arcs],
        "gate_goods": [["link", a, key, price()] for a in arcs for key in keys],
        "bottleneck": [[a, price()] for a in arcs if rng.random() < 0.3],
    }
    bound = certified_bound(instance, Question(), certificate)
    optimum = files.design_optimum(published)
    assert bound is not None
    assert bound <= optimum + 1e-6 * max(1.0, optimum)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 40), draw=st.integers(0, 2**32 - 1), empty=st.booleans())
def test_no_prices_certify_more_than_the_optimum_of_whole_blocks(
    seed: int, draw: int, empty: bool
) -> None:
    published = files.random_location(seed, single_source=True)
    rng = np.random.default_rng(draw)
    instance = facility_instance(published)
    prices = rng.normal(3, 4, published.demand.size)
    optimum = files.location_optimum(published)
    if empty:  # a block without volume beside the others
        blocks, moves = instance.table("blocks"), instance.move_costs().copy()
        blocks.loc[0, "volume_mcny_per_year"] = 0.0
        moves[0] = -1e6
        instance = instance.replace(blocks=blocks, dense_moves=moves)
        optimum = solve(instance, gap=0.0, _method="siting").objective
    certificate = {
        "kind": "lagrangian",
        "block": [[f"c{j + 1}", "goods", float(p)] for j, p in enumerate(prices)],
        "count": float(max(0.0, rng.normal(0, 20))),
    }
    bound = certified_bound(instance, Question(), certificate)
    assert bound is not None
    assert bound <= optimum + 1e-6 * max(1.0, abs(optimum))


def test_whole_blocks_are_packed_whole() -> None:
    """Room for 6: blocks of 4 and 4 at prices 10 save 10 a unit; one fits, a half more does not."""
    published = replace(
        files.random_location(0, single_source=True),
        fixed_cost=np.array([5.0, 0.0]),
        capacity=np.array([6.0, 8.0]),
        demand=np.array([4.0, 4.0]),
        unit_cost=np.array([[0.0, 0.0], [40.0, 40.0]]),
    )
    certificate = {"kind": "lagrangian", "block": [["c1", "goods", 10.0], ["c2", "goods", 10.0]]}
    # 80 for the blocks; facility 1: 5 - 40; facility 2 saves nothing. Split: 5 - 60.
    whole = certified_bound(facility_instance(published), Question(), certificate)
    assert whole == pytest.approx(45.0)
    split = facility_instance(replace(published, single_source=False))
    assert certified_bound(split, Question(), certificate) == pytest.approx(25.0)


def test_count_price_by_hand() -> None:
    """Capacities 6, 5, 4 and demand 10: two zones at least, so twice the price less one each."""
    published = replace(
        files.random_location(0),
        fixed_cost=np.array([9.0, 7.0, 3.0]),
        capacity=np.array([6.0, 5.0, 4.0]),
        demand=np.array([4.0, 6.0]),
        unit_cost=np.zeros((3, 2)),
    )
    instance = facility_instance(published)
    certificate = {"kind": "lagrangian", "block": [], "count": 7.0}
    # 2 x 7 + min(0, 9 - 7) + min(0, 7 - 7) + min(0, 3 - 7)
    assert certified_bound(instance, Question(), certificate) == pytest.approx(10.0)
    zones = instance.table("zones")
    zones.loc[0, "status"] = "existing"  # holds 6 of 10: one more
    changed = instance.replace(zones=zones)
    assert certified_bound(changed, Question(), certificate) == pytest.approx(7.0 - 4.0)


def test_a_bound_that_was_raised_is_not_certified() -> None:
    """The strong relaxation of the design worked by hand is exact; one more is refused."""
    instance = design_instance(files.random_design(3))
    plan = proven(instance).plan
    claim = plan.certificate["claimed_bound"]
    tampered = replace(plan, certificate=dict(plan.certificate) | {"claimed_bound": claim + 1.0})
    assert not verify_plan(instance, tampered).ok


# -- the command ------------------------------------------------------------------------------


def test_command_solves_explains_and_verifies(write, tmp_path: Path) -> None:
    path, run = write(files.HOLMBERG), tmp_path / "run"
    runner = CliRunner()
    done = runner.invoke(
        group, ["solve", str(path), "--single-source", "--explain", "--quiet", "--gap", "0"]
    )
    assert done.exit_code == 0, done.output
    assert "method: facility" in done.output
    assert "single source" in done.output
    assert "objective 26.00, bound 26.00" in done.output
    done = runner.invoke(group, ["solve", str(path), "--quiet", "--out", str(run)])
    assert done.exit_code == 0, done.output
    plan = Plan.from_json((run / "plan.json").read_text(encoding="utf-8"))
    assert plan.objective == pytest.approx(files.SPLIT)
    assert runner.invoke(group, ["verify", str(path), str(run)]).exit_code == 0
    other = runner.invoke(group, ["verify", str(path), str(run), "--single-source"])
    assert other.exit_code == 1  # customer 1 is split
    assert runner.invoke(group, ["validate", str(path), "--format", "holmberg"]).exit_code == 0


@pytest.mark.parametrize(
    ("recipe", "own"),
    [
        ("cornuejols", ["--ratio", "2"]),
        ("koerkel-ghosh", ["--kind", "b", "--symmetric"]),
        ("euclidean", ["--level", "10"]),
    ],
)
def test_command_draws_the_same_instance_as_file_and_folder(
    recipe: str, own: list[str], tmp_path: Path
) -> None:
    runner = CliRunner()
    command = ["generate", recipe, "--size", "6", "--seed", "4", *own]
    file, folder = str(tmp_path / "drawn.txt"), str(tmp_path / "folder")
    assert runner.invoke(group, [*command, "--to", "published", "--out", file]).exit_code == 0
    assert runner.invoke(group, [*command, "--out", folder]).exit_code == 0
    one, other = read_instance(file), read_instance(folder)
    assert one.move_costs() == pytest.approx(other.move_costs(), rel=1e-12)
    assert one.table("zones")["open_mcny_per_year"].tolist() == (
        other.table("zones")["open_mcny_per_year"].tolist()
    )
    assert read_facility(file).unit_cost.shape == (6, 6)


def test_command_refuses_options_of_another_recipe(tmp_path: Path) -> None:
    command = ["generate", "euclidean", "--ratio", "3", "--out", str(tmp_path / "x")]
    done = CliRunner().invoke(group, command)
    assert done.exit_code == 2
    assert "option of cornuejols" in done.output
