"""The network against published figures: modelled value, published range, error, row by row.

Bad rows stay in. A row without a route says so and has no error; it is counted, not dropped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from instances.schema import MODES
from networks.expand import DOOR_KINDS, HOURS_PER_WEEK, departures_per_week
from networks.network import Goods, Network, build_network, split_ids
from networks.paths import PathFinder

# Published freight rates hold neither capital in goods nor taxes: a box of ten tonnes, no value.
BOX = Goods("box of ten tonnes", tonnes_per_teu=10.0, value_cny_per_teu=0.0)
NO_ROUTE = "no route"


def calibrate(instance: Any, network: Network | None = None) -> pd.DataFrame:
    """Return one row per calibration row: modelled and published value, error, route.

    The route runs from any yard and regime of the first place to any of the last, past the places
    it must pass, over links of the row's modes (all if it names none) and roads that touch a zone,
    origin or rival. ``error`` is 0 inside the published range, else the relative distance to its
    nearest end; ``error_to_middle`` is relative to the middle of the range. Both are signed and NaN
    where ``status`` is "no route".
    """
    network = network or build_network(instance)
    rows = network.tables["calibration"]
    quantities = {
        "km": network.km,
        "hours": network.hours,
        "cost_cny_per_teu": network.money(BOX),
        "co2e_kg_per_teu": network.co2e_kg(BOX),
    }
    first_waits = _waits(network)
    finders: dict[str, PathFinder] = {}
    found = []
    for row in rows.to_dict("records"):
        modes = ";".join(sorted(split_ids(row["mode"])))
        if modes not in finders:
            finders[modes] = PathFinder(network, _mode_mask(network, split_ids(modes)))
        arcs = _route(finders[modes], network.weights(BOX, row["by"]), row)
        modelled = math.nan if arcs is None else float(quantities[row["quantity"]][arcs].sum())
        wait = next((w for w in first_waits[arcs or []].tolist() if w > 0), 0.0)
        if row["quantity"] == "hours":
            modelled -= wait
        about = _compared(network, row, modes, modelled, arcs)
        found.append(about | {"first_wait_hours": wait})
    return pd.DataFrame(found, columns=_COLUMNS)


def summarise_calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Return by mode group and quantity: rows, rows without a route, mean absolute errors.

    Rows that were used as inputs prove nothing and are left out; ``all`` sums up every group. The
    group of a row is ``rail`` (any gauge, block trains), another single mode, or a mix of them.
    """
    proof = table[table["used_as_input"] == 0]
    groups = [*proof.groupby(["mode_group", "quantity"]), *proof.groupby(["mode_group"])]
    groups.append((("all", "all"), proof))
    rows = []
    for key, part in groups:
        mode, quantity = key if len(key) == 2 else (key[0], "all")
        ok = part[part["status"] != NO_ROUTE]
        rows.append(
            {
                "mode_group": mode,
                "quantity": quantity,
                "rows": len(part),
                "no_route": len(part) - len(ok),
                "in_range": int((ok["error"] == 0).sum()),
                "mean_abs_error": ok["error"].abs().mean(),
                "mean_abs_error_to_middle": ok["error_to_middle"].abs().mean(),
            }
        )
    return pd.DataFrame(rows).sort_values(["mode_group", "quantity"], ignore_index=True)


_COLUMNS = (
    *("row_id", "quantity", "from", "to", "modes", "mode_group", "by"),
    *("modelled", "value_low", "value_high"),
    *("error", "error_to_middle", "status", "used_as_input", "km", "hours", "route"),
    "first_wait_hours",
    *("source", "grade"),
)


def _waits(network: Network) -> np.ndarray:
    """Return the mean wait for departure that is in the hours of each arc, 0 where none."""
    departures = departures_per_week(network.tables)
    by_link = np.where(np.isnan(departures), 0.0, HOURS_PER_WEEK / 2 / departures)
    waits = np.zeros(network.n_arcs)
    links = network.element_table == "links"
    waits[links] = by_link[network.element_row[links]]
    return waits


def _compared(
    network: Network, row: dict[str, Any], modes: str, modelled: float, arcs: list[int] | None
) -> dict[str, Any]:
    low, high = row["value_low"], row["value_high"]
    middle = (low + high) / 2
    if arcs is None:
        error = to_middle = math.nan
        status = NO_ROUTE
    else:
        nearest = min(max(modelled, low), high)
        error, to_middle = _relative(modelled, nearest), _relative(modelled, middle)
        status = "in range" if error == 0 else "below" if error < 0 else "above"
    return {
        "row_id": row["row_id"],
        "quantity": row["quantity"],
        "from": row["tail_place_id"],
        "to": row["head_place_id"],
        "modes": modes or "any",
        "mode_group": _mode_group(split_ids(modes)),
        "by": row["by"],
        "modelled": modelled,
        "value_low": low,
        "value_high": high,
        "error": error,
        "error_to_middle": to_middle,
        "status": status,
        "used_as_input": row["used_as_input"],
        "km": math.nan if arcs is None else float(network.km[arcs].sum()),
        "hours": math.nan if arcs is None else float(network.hours[arcs].sum()),
        "route": "" if arcs is None else _places(network, arcs, row["tail_place_id"]),
        "source": row["source"],
        "grade": row["grade"],
    }


def _mode_group(modes: list[str]) -> str:
    rail = {"rail", "rail_broad", "block_train"}
    return " + ".join(sorted({"rail" if m in rail else m for m in modes})) or "any"


def _relative(value: float, reference: float) -> float:
    """Return the signed relative difference; infinite where the reference is 0 and missed."""
    if value == reference:
        return 0.0
    return (value - reference) / abs(reference) if reference else math.copysign(math.inf, value)


def _mode_mask(network: Network, modes: list[str]) -> np.ndarray:
    """Return the arcs a row may use: links of its modes, roads to doors, handling, customs."""
    mask = network.available()
    if not modes:
        return mask
    unknown = set(modes) - set(MODES)
    if unknown:
        raise ValueError(f"calibration names unknown modes: {', '.join(sorted(unknown))}")
    kinds = network.tables["places"]["kind"].isin(DOOR_KINDS).to_numpy()
    door = kinds[network.node_place]
    access = (network.mode == "road") & (door[network.tail] | door[network.head])
    return mask & ((network.element_table != "links") | np.isin(network.mode, modes) | access)


def _route(finder: PathFinder, weights: np.ndarray, row: dict[str, Any]) -> list[int] | None:
    """Return the arcs of the shortest route past the row's places in their order, or None."""
    network = finder.network
    stops = [row["tail_place_id"], *split_ids(row["via_place_id"]), row["head_place_id"]]
    nodes = [np.flatnonzero(network.node_place == network.place_ids.index(s)) for s in stops]
    starts = dict.fromkeys(nodes[0].tolist(), 0.0)
    trees = []
    for stop in nodes[1:]:
        tree = finder.tree(weights, starts)
        starts = {n: float(tree.dist[n]) for n in stop.tolist() if np.isfinite(tree.dist[n])}
        if not starts:
            return None
        trees.append(tree)
    node = min(starts, key=starts.__getitem__)
    arcs: list[int] = []
    for tree in reversed(trees):
        leg = finder.path(tree, node)
        arcs = leg + arcs
        node = int(network.tail[leg[0]]) if leg else node
    return arcs


def _places(network: Network, arcs: list[int], start: str) -> str:
    """Return the places of a route in travel order, with the mode between them."""
    text = start
    for arc in arcs:
        if network.element_table[arc] == "links":
            text += f" -{network.mode[arc]}-> {network.node_keys[network.head[arc]][0]}"
    return text
