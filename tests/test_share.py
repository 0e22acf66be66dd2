"""The sharing game: coalitions are what separate solves say, verdicts, rules, files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from siting_instances import direct_optimum, random_instance

from instances import read_instance
from instances.bundle import bundled_path
from instances.errors import InstanceError
from networks.network import build_network
from optimizer.api import solve
from optimizer.cli import group
from optimizer.studies import games
from optimizer.studies.coalitions import Coalitions, Worth, with_wall
from optimizer.studies.players import (
    Player,
    loads_of,
    merged,
    players_by_word,
    read_players,
    used_by,
)
from optimizer.studies.session import Session
from optimizer.studies.share import _Study, share
from optimizer.studies.share_chapter import Division
from optimizer.studies.sharing_rules import Rule, read_rules, rule_payoffs, savings_by_move

GAP = 1e-7


def solved(instance: object, players: list[Player]) -> Coalitions:
    game = Coalitions(Session(instance, gap=GAP), players)
    game.session.run([game.solve_all()])
    return game


# -- what coalitions reach -----------------------------------------------------------------------


def test_prefectures_of_two_zones_by_hand() -> None:
    """README of two_zones: both 17.7, Taiyuan alone 18.29, Datong alone 19.915, stay 21.25."""
    instance = read_instance("two_zones")
    low, high = solved(instance, players_by_word(instance, "prefectures")).bounds()
    assert low == pytest.approx([0, 2.96, 1.335, 3.55], abs=1e-6)
    assert high == pytest.approx(low, abs=1e-6)


def test_without_origins_nothing_is_saved_and_that_needs_no_solve() -> None:
    instance = read_instance("two_zones")
    players = players_by_word(instance, "origins") + players_by_word(instance, "prefectures")
    game = solved(instance, players)
    low, _ = game.bounds()
    assert [p.player_id for p in players] == ["dongguan", "taiyuan", "datong"]
    assert low == pytest.approx([0, 0, 0, 2.96, 0, 1.335, 0, 3.55], abs=1e-6)
    assert game.solved == 4  # coalitions without the origin follow from nothing


@pytest.mark.parametrize("seed", [1, 11])
def test_coalitions_of_random_instances_cost_what_an_independent_model_says(seed: int) -> None:
    """Origins outside are taken out of the tables, zones outside too; another model, SciPy."""
    instance = random_instance(seed)
    players = players_by_word(instance, "origins")
    zones = players_by_word(instance, "prefectures")[:1]
    game = solved(instance, players + zones)
    low, _ = game.bounds()
    tables = instance.tables
    stay = {}
    for coalition in range(1 << len(game.players)):
        inside = [p for k, p in enumerate(game.players) if coalition >> k & 1]
        origins = {e for p in inside if p.kind == "origin" for e in p.elements}
        shut = {e for p in zones if p not in inside for e in p.elements}
        if not origins:
            assert low[coalition] == 0
            continue
        blocks, zone_rows = tables["blocks"], tables["zones"].copy()
        blocks = blocks[blocks["origin_id"].isin(origins)]
        keep = tables["eligibility"][~tables["eligibility"]["zone_id"].isin(shut)]
        zone_rows["status"] = [
            "forbidden" if z in shut else s
            for z, s in zip(zone_rows["zone_id"], zone_rows["status"], strict=True)
        ]
        moves = tables["moves"][tables["moves"]["origin_id"].isin(origins)]
        part = instance.replace(blocks=blocks, eligibility=keep, zones=zone_rows, moves=moves)
        key = frozenset(origins)
        if key not in stay:
            stay[key] = solve(part, gap=GAP, threads=1).plan.stay_cost_mcny
        cost = direct_optimum(part)
        assert cost is not None
        assert stay[key] - cost == pytest.approx(low[coalition], abs=1e-4)


def test_ports_outside_are_closed_to_transferred_goods_only() -> None:
    """Without Tianjin nothing can move in two_zones, and what stays costs what it did."""
    instance = read_instance("two_zones")
    before = solve(instance, gap=GAP)
    port = players_by_word(instance, "ports")[0].elements[0]
    assert loads_of(instance, before.plan)["port", port] > 0
    walled = solve(with_wall(instance, [port], []), gap=GAP)
    assert walled.plan.stay_cost_mcny == pytest.approx(before.plan.stay_cost_mcny)
    assert walled.plan.moves == ()
    game = solved(instance, players_by_word(instance, "ports"))
    low, high = game.bounds()
    assert low == pytest.approx([0, 3.55], abs=1e-6)
    assert high == pytest.approx(low, abs=1e-6)


def test_corridors_outside_are_closed_to_transferred_goods_only() -> None:
    """README of dry_port: without the bypass the larger terminal is best, 9.522; with it 9.502."""
    instance = read_instance("dry_port").override("links.bypass.corridor_id=fast")
    players = players_by_word(instance, "corridors")
    assert players[0].elements == ("fast",)
    low, _ = solved(instance, players).bounds()
    assert low == pytest.approx([10.98 - 9.522, 10.98 - 9.502], abs=1e-6)


def test_a_plan_without_a_player_is_taken_over_and_costs_no_solve() -> None:
    instance = read_instance("dry_port")
    idle = Player("idle", "a port far away", "corridor", ("nowhere",))
    game = solved(instance, [*players_by_word(instance, "prefectures"), idle])
    low, _ = game.bounds()
    assert game.solved == 4  # 8 coalitions, the idle player changes nothing
    assert low[4:] == pytest.approx(low[:4])
    assert games.shapley(low)[2] == pytest.approx(0)


def test_a_coalition_whose_solve_has_no_plan_is_bounded_by_the_others() -> None:
    instance = read_instance("two_zones")
    game = Coalitions(Session(instance), players_by_word(instance, "prefectures"))
    game.worths = {
        0: Worth(0, 0, 0, 0, 0, "optimal"),
        1: Worth(0, math.inf, 1, 1, math.nan, "no_plan_in_time"),
        2: Worth(1, 2, 2, 2, 0, "optimal"),
        3: Worth(3, 4, 3, 3, 0, "optimal"),
    }
    low, high = game.bounds()
    assert (low[1], high[1]) == (0, 4)
    assert game.unsolved == 1


def test_a_block_that_must_move_is_refused_with_the_way_out() -> None:
    instance = read_instance("two_zones").override("blocks.dongguan/electronics.may_stay=0")
    with pytest.raises(InstanceError, match=r"must move.*--set blocks\..*may_stay=1"):
        Coalitions(Session(instance), players_by_word(instance, "prefectures"))


# -- players -------------------------------------------------------------------------------------


def test_players_of_shanxi() -> None:
    instance = read_instance("shanxi")
    assert len(players_by_word(instance, "origins")) == 18
    provinces = {p.name: p for p in players_by_word(instance, "provinces")}
    assert set(provinces["Guangdong"].elements) == {"shenzhen", "dongguan", "guangzhou", "huizhou"}
    prefectures = players_by_word(instance, "prefectures")
    assert len(prefectures) == 11
    assert len(players_by_word(instance, "ports")) == 17
    assert "malacca" in [p.player_id for p in players_by_word(instance, "corridors")]
    assert len({z for p in prefectures for z in p.elements}) == sum(
        len(p.elements) for p in prefectures
    )


def test_the_smallest_players_of_each_kind_are_put_together() -> None:
    players = [Player(f"o{k}", f"O{k}", "origin", (f"o{k}",)) for k in range(5)]
    players += [Player("z0", "Z0", "zone", ("z0",))]
    found = merged(players, [5, 1, 4, 2, 3, 9], at_most=4)
    assert [p.player_id for p in found] == ["o0", "o2", "other-origins", "z0"]
    assert found[2].elements == ("o1", "o3", "o4")
    assert merged(players, [0] * 6, at_most=6) == players


def test_a_file_of_players_and_all_its_faults(tmp_path: Path) -> None:
    instance = read_instance("two_zones")
    path = tmp_path / "players.csv"
    path.write_text("player,kind,elements\nhosts,prefecture,taiyuan;datong\nsea,port,tianjin\n")
    found = read_players(instance, path)
    assert [(p.kind, p.elements) for p in found] == [
        ("zone", ("taiyuan", "datong")),
        ("port", ("tianjin",)),
    ]
    path.write_text("player,kind,elements\na,zone,taiyuan\nb,zone,taiyuan\nc,zone,nowhere\nd,x,\n")
    with pytest.raises(InstanceError) as error:
        read_players(instance, path)
    text = str(error.value)
    assert "row 3, column elements is 'taiyuan': belongs to player a already" in text
    assert "row 4, column elements is 'nowhere'" in text
    assert "row 5, column kind is 'x'" in text


# -- verdicts ------------------------------------------------------------------------------------


def verdict(least: list[float], most: list[float], payoffs: list[float]) -> str:
    instance = read_instance("two_zones")
    game = Coalitions(Session(instance), players_by_word(instance, "prefectures"))
    study = _Study(game.session, game, [1.0, 1.0], 2)
    worths = [np.array(w, dtype=float) for w in (least, most, least)]
    return study._verdict(*worths, np.array(payoffs)).stable


def test_a_division_is_judged_only_as_far_as_the_gaps_allow() -> None:
    assert verdict([0, 1, 1, 4], [0, 2, 2, 5], [2, 2]) == "yes"
    assert verdict([0, 1, 1, 4], [0, 2, 2, 5], [3.5, 0.5]) == "no"
    assert verdict([0, 1, 1, 4], [0, 2, 2, 5], [2.5, 1.5]) == "not decided"


def test_chapter_of_two_zones() -> None:
    session = Session("two_zones", gap=GAP)
    players = players_by_word(session.instance, "prefectures")
    proposals = {
        "all to Taiyuan": {"taiyuan": 1},
        "as the nucleolus": {"taiyuan": 2.5875, "datong": 0.9625},
    }
    chapter = share(session, players, proposals=proposals)
    rows = {r["player_id"]: r for r in chapter.table("players").rows}
    assert rows["taiyuan"]["shapley_mcny"] == pytest.approx((2.96 + 2.215) / 2, abs=1e-6)
    assert sum(r["shapley_mcny"] for r in rows.values()) == pytest.approx(3.55, abs=1e-6)
    assert rows["datong"]["kind"] == "prefecture"
    assert "core is empty, proven" in chapter.findings[1]
    assert all(r["stable"] == "no" for r in chapter.table("divisions").rows)
    worst = {r["division"]: r["worst"] for r in chapter.table("divisions").rows}
    assert worst["all to Taiyuan"] == "Datong"
    weights = {r["coalition"]: r["weight"] for r in chapter.table("balanced").rows}
    assert weights == pytest.approx({"Taiyuan": 1, "Datong": 1})
    for table in chapter.tables:
        assert "gap_share" in [c.name for c in table.columns]


def test_rules_are_tested_where_both_sides_play() -> None:
    """The core by hand: Dongguan a, Taiyuan b <= 2.215, Datong c <= 0.59, a + b + c = 3.55."""
    session = Session("two_zones", gap=GAP)
    players = players_by_word(session.instance, "origins")
    players += players_by_word(session.instance, "prefectures")
    rules = [
        Rule("half", "half", "", "assumed", ((1, math.inf, 0.5),)),
        Rule("most", "most", "", "assumed", ((1, math.inf, 0.8),)),
    ]
    chapter = share(session, players, rules=rules)
    stable = {r["division"]: r["stable"] for r in chapter.table("divisions").rows}
    assert stable["Shapley value"] == "yes"
    assert stable["equal parts"] == "no"
    paid = {
        (r["division"], r["player_id"]): r["payoff_mcny"] for r in chapter.table("payoffs").rows
    }
    assert paid["half", "dongguan"] == pytest.approx(3.55 / 2, abs=1e-6)
    assert paid["most", "dongguan"] == pytest.approx(0.8 * 3.55, abs=1e-6)
    for name in ("half", "most"):
        total = sum(v for (d, _), v in paid.items() if d == name)
        assert total == pytest.approx(3.55, abs=1e-6)
        holds = paid[name, "taiyuan"] <= 2.215 and paid[name, "datong"] <= 0.59
        assert stable[name] == ("yes" if holds else "no")
    assert "stable if its origin gets 56% to 100%" in chapter.findings[-1]


def test_more_than_twelve_players_are_sampled() -> None:
    """Thirteen ports, twelve of which nothing passes: one player brings all, in every order."""
    session = Session("two_zones", gap=GAP)
    real = players_by_word(session.instance, "prefectures")
    idle = [Player(f"p{k}", f"P{k}", "corridor", (f"c{k}",)) for k in range(11)]
    chapter = share(session, [*real, *idle], at_most=13, pairs=4)
    rows = {r["player_id"]: r for r in chapter.table("players").rows}
    assert rows["p3"]["shapley_mcny"] == pytest.approx(0, abs=1e-6)
    taiyuan = rows["taiyuan"]
    assert taiyuan["shapley_low_mcny"] <= 2.5875 + 1e-6
    assert taiyuan["shapley_high_mcny"] >= 2.5875 - 1e-6
    assert sum(r["shapley_mcny"] for r in rows.values()) == pytest.approx(3.55, abs=1e-6)
    assert chapter.facts["coalitions_solved"] <= 4
    assert {r["stable"] for r in chapter.table("divisions").rows} <= {"no", "not decided"}
    assert "cannot be proven" in chapter.cautions[0]


# -- rules ---------------------------------------------------------------------------------------


def test_origin_share_over_a_horizon_by_hand() -> None:
    rule = Rule("r", "r", "", "assumed", ((1, 2, 0.5),))
    assert rule.origin_share(4, 0.0) == pytest.approx(0.25)
    weights = [1.1**-y for y in (1, 2, 3, 4)]
    assert rule.origin_share(4, 0.1) == pytest.approx(0.5 * sum(weights[:2]) / sum(weights))
    assert Rule("r", "r", "", "", ((1, math.inf, 0.4),)).origin_share(7, 0.3) == pytest.approx(0.4)


def test_savings_of_moves_add_up_to_the_saving_of_the_plan() -> None:
    for seed in (1, 4):
        instance = random_instance(seed)
        plan = solve(instance, gap=GAP, threads=1).plan
        zones = tuple(instance.tables["zones"]["zone_id"])
        still = instance.override(
            *(f"rivals.{r}.max_share_of_block=0" for r in instance.tables["rivals"]["rival_id"])
        )
        stay = solve(still, forbid_zones=zones, gap=GAP, threads=1).plan
        saved = savings_by_move(plan, stay)
        assert math.fsum(saved.values()) == pytest.approx(
            plan.stay_cost_mcny - plan.cost_mcny, abs=1e-6
        )


def test_rule_payoffs_divide_each_move_and_leave_the_rivals_to_the_origin() -> None:
    players = [Player("o", "O", "origin", ("o",)), Player("h", "H", "zone", ("z",))]
    savings = {("o", "z"): 8.0, ("o", ""): 2.0, ("", ""): -1.0}
    assert rule_payoffs(savings, players, 0.25, 9.0) == pytest.approx([4 * 0.9, 6 * 0.9])


def test_rules_that_ship_name_their_evidence() -> None:
    rules = read_rules()
    folder = bundled_path("shanxi")
    assert folder is not None
    text = (folder / "evidence" / "benefit_sharing_rules.csv").read_text(encoding="utf-8")
    known = {line.split(",")[0] for line in text.splitlines()[1:]}
    assert {r.rule_id for r in rules} <= known
    assert all(r.source and r.grade in ("reported", "derived", "assumed") for r in rules)
    halves = next(r for r in rules if r.rule_id == "shanxi-enclave")
    assert halves.terms == ((1, 5, 0.5),)  # "usually halved for five years"
    assert next(r for r in rules if r.rule_id == "jjj-2015").terms == ((1, 3, 0.5),)


def test_faults_of_a_rules_file_name_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    head = "rule_id,from_year,to_year,share_to_origin,share_to_host\n"
    path.write_text(head + "a,1,5,0.6,0.6\nb,0,,x,0.5\n")
    with pytest.raises(InstanceError) as error:
        read_rules(path)
    assert "row 2, column share_to_host is '0.6'" in str(error.value)
    assert "row 3, column from_year is '0'" in str(error.value)
    assert "row 3, column share_to_origin is 'x'" in str(error.value)


# -- command -------------------------------------------------------------------------------------


def test_command_prints_one_object_and_writes_a_folder_that_goes_on(tmp_path: Path) -> None:
    arguments = ["share", "two_zones", "--workers", "1", "--quiet", "--out", str(tmp_path / "s")]
    first = CliRunner().invoke(group, [*arguments, "--json"])
    assert first.exit_code == 0, first.output
    document = json.loads(first.stdout)
    assert document["name"] == "share"
    assert (tmp_path / "s" / "tables" / "share-players.csv").exists()
    assert "Benefit sharing" in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    again = json.loads(CliRunner().invoke(group, [*arguments, "--json"]).stdout)
    assert again["tables"] == document["tables"]


def test_command_refuses_unknown_players_and_proposals(tmp_path: Path) -> None:
    run = CliRunner().invoke(group, ["share", "two_zones", "--players", "cities"])
    assert run.exit_code == 2
    assert "neither a file nor one of origins, provinces" in run.output
    path = tmp_path / "proposal.csv"
    path.write_text("player,share\nnobody,1\n")
    options = ["--workers", "1", "--quiet", "--proposal", str(path)]
    run = CliRunner().invoke(group, ["share", "two_zones", *options])
    assert run.exit_code == 2
    assert "nobody is no player; the players are taiyuan, datong" in run.output


def test_used_players_are_those_the_plan_needs() -> None:
    instance = read_instance("dry_port")
    plan = solve(instance, gap=GAP).plan
    players = players_by_word(instance, "prefectures") + players_by_word(instance, "ports")
    used = used_by(instance, plan, players)
    assert used.mask(players) == 0b111
    assert used.amount(players[0]) == pytest.approx(60)
    assert used.amount(players[2]) == pytest.approx(150)  # 100 mcny x 1.5 TEU
    assert Division("x", np.zeros(1), "y").rule_id == ""
    assert build_network(instance).n_arcs > 0
