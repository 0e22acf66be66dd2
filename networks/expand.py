"""From tables to the nodes and arcs of the expanded network, as plain arrays (docs/formulas.md).

Every arc names the table row it comes from. Rows keep their order: links first (forward before
reverse, then regime), then transfers, then customs, so that equal tables give equal arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from instances.errors import InstanceError
from instances.schema import GATE, MODES, REGIMES
from networks.goods import ArcKind

YARDS = (*MODES, GATE)
DIRECTIONS = ("fwd", "rev")
LINK_REGIMES = ("bonded", "domestic", "export_cleared")  # between two places in China
HOURS_PER_WEEK = 168.0
DOOR_KINDS = ("zone", "origin", "rival")  # roads to these places are access, not line haul
NUMBERS = (
    "km",
    "cost_cny_per_teu",
    "cost_cny_per_tonne",
    "subsidy_cny_per_teu",
    "duty_share",
    "vat_days",
    "hours",
    "sd_hours",
    "co2e_kg_per_teu",
    "co2e_kg_per_tonne",
)
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes. ``number[place, yard, regime]`` is -1 where there is none."""

    place_ids: tuple[str, ...]
    in_china: np.ndarray  # bool by place
    number: np.ndarray  # int32 [place, yard, regime]
    keys: tuple[tuple[str, str, str], ...]
    place: np.ndarray  # int32 by node


@dataclass(frozen=True, slots=True)
class Arcs:
    """Arcs of one table: the row of each, its ends, and its numbers by column name."""

    table: str
    row: np.ndarray  # position of the row in its table
    keys: list[str]
    tail: np.ndarray
    head: np.ndarray
    kind: np.ndarray
    mode: np.ndarray
    numbers: dict[str, np.ndarray]


def expand_nodes(tables: Tables) -> Nodes:
    """Return the nodes: a yard per mode that a link or transfer of the place uses, and the gate."""
    places = tables["places"]
    index = pd.Index(places["place_id"])
    used = np.zeros((len(index), len(YARDS)), dtype=bool)
    used[:, YARDS.index(GATE)] = True
    for table, place_column, yard_column in (
        ("links", "tail_place_id", "mode"),
        ("links", "head_place_id", "mode"),
        ("transfers", "place_id", "from_mode"),
        ("transfers", "place_id", "to_mode"),
    ):
        rows = tables[table]
        used[positions(index, rows, table, place_column), yard_codes(rows, yard_column)] = True
    in_china = places["in_china"].to_numpy() == 1
    allowed = np.zeros((len(index), len(REGIMES)), dtype=bool)
    allowed[in_china, :] = True
    allowed[:, REGIMES.index("foreign")] = True
    exists = used[:, :, None] & allowed[:, None, :]
    number = np.full(exists.shape, -1, dtype=np.int32)
    number[exists] = np.arange(exists.sum(), dtype=np.int32)
    place, yard, regime = np.nonzero(exists)
    ids = tuple(str(i) for i in index)
    keys = tuple(
        (ids[p], YARDS[y], REGIMES[r])
        for p, y, r in zip(place.tolist(), yard.tolist(), regime.tolist(), strict=True)
    )
    return Nodes(ids, in_china, number, keys, place.astype(np.int32))


def expand_links(tables: Tables, nodes: Nodes, *, closed_too: bool = False) -> Arcs:
    """Return the line-haul and access arcs of the links; closed links only with ``closed_too``."""
    links, index = tables["links"], pd.Index(nodes.place_ids)
    tail = positions(index, links, "links", "tail_place_id")
    head = positions(index, links, "links", "head_place_id")
    inside = nodes.in_china[tail] & nodes.in_china[head]
    runs = np.ones((len(links), 2), dtype=bool)
    runs[:, 1] = links["both_ways"].to_numpy() == 1
    if not closed_too:
        runs &= (links["closed"].to_numpy() == 0)[:, None]
    in_regime = np.array([[r in LINK_REGIMES, r == "foreign"] for r in REGIMES])
    exists = runs[:, :, None] & np.where(inside[:, None], in_regime[:, 0], in_regime[:, 1])[:, None]
    row, direction, regime = np.nonzero(exists)
    mode = yard_codes(links, "mode")
    start, end = np.where(direction == 0, tail[row], head[row]), head[row]
    end = np.where(direction == 0, end, tail[row])
    door = _doors(tables)
    is_door = door[tail] | door[head]
    kind = np.where(
        is_door & (links["mode"].to_numpy() == "road"), ArcKind.ACCESS.value, ArcKind.LINE_HAUL
    )
    return Arcs(
        table="links",
        row=row,
        keys=_keys("link", links["link_id"], row, direction, regime),
        tail=nodes.number[start, mode[row], regime],
        head=nodes.number[end, mode[row], regime],
        kind=kind[row].astype(str),
        mode=np.array(YARDS)[mode][row],
        numbers={name: values[row] for name, values in link_numbers(tables).items()},
    )


def link_numbers(tables: Tables) -> dict[str, np.ndarray]:
    """Return money, hours and emissions of every link by the link formulas, one value per row."""
    links = tables["links"]
    tariff = _rows_of(tables["tariffs"], "tariff_id", links, "links", "tariff_id")
    km, factor = links["km"].to_numpy(), links["cost_factor"].to_numpy()
    quoted = ~np.isnan(links["cost_cny_per_teu"].to_numpy())
    money = tariff["fixed_cny_per_teu"] + tariff["rate_cny_per_teu_km"] * km
    money = factor * money * (1 + tariff["empty_return_share"])
    by_weight = factor * (tariff["rate_cny_per_tonne"] + tariff["rate_cny_per_tonne_km"] * km)
    departures = departures_per_week(tables)
    headway = np.where(np.isnan(departures), 0.0, HOURS_PER_WEEK / departures)
    running = tariff["fixed_hours"] + km / tariff["speed_km_per_hour"]
    spread = tariff["fixed_sd_hours"] + tariff["sd_hours_per_1000_km"] * km / 1000
    hours, spread = _first(links["hours"], running), _first(links["sd_hours"], spread)
    return {
        "km": km,
        "cost_cny_per_teu": _first(links["cost_cny_per_teu"], money),
        "cost_cny_per_tonne": np.where(quoted, 0.0, by_weight),
        "subsidy_cny_per_teu": links["subsidy_cny_per_teu"].to_numpy(),
        "hours": hours + headway / 2,
        "sd_hours": np.sqrt(spread**2 + headway**2 / 12),
        "co2e_kg_per_teu": tariff["co2e_kg_per_teu_km"] * km,
        "co2e_kg_per_tonne": tariff["co2e_kg_per_tonne_km"] * km,
    }


def departures_per_week(tables: Tables) -> np.ndarray:
    """Return departures a week of every link: its service's, else its own, else NaN (any time)."""
    links, services = tables["links"], tables["services"]
    own = links["departures_per_week"].to_numpy()
    named = links["service_id"].to_numpy() != ""
    if not named.any():
        return own
    row = positions(pd.Index(services["service_id"]), links[named], "links", "service_id")
    departures = own.copy()
    departures[named] = services["departures_per_week"].to_numpy()[row]
    return departures


def expand_transfers(tables: Tables, nodes: Nodes) -> Arcs:
    """Return the transfer arcs, in every regime of their place; a side at the gate is access."""
    transfers = tables["transfers"]
    place = positions(pd.Index(nodes.place_ids), transfers, "transfers", "place_id")
    first, second = yard_codes(transfers, "from_mode"), yard_codes(transfers, "to_mode")
    ways = np.ones((len(transfers), 2), dtype=bool)
    ways[:, 1] = transfers["both_ways"].to_numpy() == 1
    gate_number = nodes.number[place, YARDS.index(GATE), :]  # every place has its gate
    exists = ways[:, :, None] & (gate_number >= 0)[:, None, :]
    row, direction, regime = np.nonzero(exists)
    start = np.where(direction == 0, first[row], second[row])
    end = np.where(direction == 0, second[row], first[row])
    gate = YARDS.index(GATE)
    yards = np.array(YARDS)
    return Arcs(
        table="transfers",
        row=row,
        keys=_keys("transfer", transfers["transfer_id"], row, direction, regime),
        tail=nodes.number[place[row], start, regime],
        head=nodes.number[place[row], end, regime],
        kind=np.where((start == gate) | (end == gate), ArcKind.ACCESS.value, ArcKind.TRANSFER),
        mode=np.char.add(np.char.add(yards[start], ">"), yards[end]),
        numbers={
            name: transfers[name].to_numpy()[row]
            for name in ("cost_cny_per_teu", "hours", "sd_hours", "co2e_kg_per_teu")
        },
    )


def expand_customs(tables: Tables, nodes: Nodes) -> Arcs:
    """Return the customs arcs, at every yard of their place."""
    customs = tables["customs"]
    place = positions(pd.Index(nodes.place_ids), customs, "customs", "place_id")
    before = _codes(customs, "customs", "from_regime", REGIMES)
    after = _codes(customs, "customs", "to_regime", REGIMES)
    gate = YARDS.index(GATE)
    possible = (nodes.number[place, gate, before] >= 0) & (nodes.number[place, gate, after] >= 0)
    if not possible.all():
        at = int(np.argmin(possible))
        raise InstanceError(
            f"customs {customs['customs_id'].iloc[at]!r}: place {nodes.place_ids[place[at]]!r} is "
            "outside China and has the regime foreign only. Remove the row or set in_china = 1."
        )
    row, yard = np.nonzero(nodes.number[place, :, 0] >= 0)  # yards of a place, whatever the regime
    ids = customs["customs_id"].tolist()
    return Arcs(
        table="customs",
        row=row,
        keys=[
            f"customs:{ids[r]}:{YARDS[y]}" for r, y in zip(row.tolist(), yard.tolist(), strict=True)
        ],
        tail=nodes.number[place[row], yard, before[row]],
        head=nodes.number[place[row], yard, after[row]],
        kind=np.full(len(row), ArcKind.CUSTOMS.value),
        mode=np.array(YARDS)[yard],
        numbers={
            name: customs[name].to_numpy()[row]
            for name in ("cost_cny_per_teu", "hours", "sd_hours", "duty_share", "vat_days")
        },
    )


def positions(index: pd.Index, rows: pd.DataFrame, table: str, column: str) -> np.ndarray:
    """Return the position in ``index`` of each id of a column. An unknown id raises."""
    found = index.get_indexer(rows[column])
    if (found < 0).any():
        at = int(np.argmin(found))
        raise InstanceError(
            f"{table}, {rows.iloc[at, 0]!r}: {column} {rows[column].iloc[at]!r} is unknown. "
            "Validate the instance: it names every such cell."
        )
    return found


def yard_codes(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return the number of the yard that each row of a column names."""
    return _codes(rows, "links or transfers", column, YARDS)


def _codes(rows: pd.DataFrame, table: str, column: str, words: tuple[str, ...]) -> np.ndarray:
    found = pd.Index(words).get_indexer(rows[column])
    if (found < 0).any():
        at = int(np.argmin(found))
        raise InstanceError(
            f"{table}, {rows.iloc[at, 0]!r}: {column} {rows[column].iloc[at]!r} is none of "
            f"{', '.join(words)}."
        )
    return found


def _rows_of(
    table: pd.DataFrame, key: str, rows: pd.DataFrame, name: str, column: str
) -> dict[str, np.ndarray]:
    """Return the number columns of ``table`` looked up for each row of another table."""
    at = positions(pd.Index(table[key]), rows, name, column)
    return {c: table[c].to_numpy()[at] for c in table.columns if table[c].dtype.kind == "f"}


def _first(quoted: pd.Series, otherwise: np.ndarray) -> np.ndarray:
    values = quoted.to_numpy()
    return np.where(np.isnan(values), otherwise, values)


def _doors(tables: Tables) -> np.ndarray:
    places = tables["places"]
    door = places["kind"].isin(DOOR_KINDS).to_numpy().copy()
    for table, column in (("zones", "zone_id"), ("origins", "place_id"), ("rivals", "rival_id")):
        if table in tables:
            door |= places["place_id"].isin(tables[table][column]).to_numpy()
    return door


def _keys(
    word: str, ids: pd.Series, row: np.ndarray, direction: np.ndarray, regime: np.ndarray
) -> list[str]:
    names = ids.tolist()
    return [
        f"{word}:{names[i]}:{DIRECTIONS[d]}:{REGIMES[r]}"
        for i, d, r in zip(row.tolist(), direction.tolist(), regime.tolist(), strict=True)
    ]
