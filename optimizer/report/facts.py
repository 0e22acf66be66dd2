"""What the tables of a report are made from: instance, plan, names and priced legs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from optimizer.report.legs import arc_table, leg_table, parse_goods
from optimizer.report.names import Names, filled, indexed

if TYPE_CHECKING:
    from instances import Instance
    from networks.network import Network
    from optimizer.plan.plan import Plan


class Facts:
    """Instance and plan with the look-ups that several tables share."""

    def __init__(self, instance: Instance, plan: Plan, network: Network | None = None) -> None:
        self.instance = instance
        self.plan = plan
        self.names = Names(instance)
        if network is None:
            from networks.network import build_network

            network = build_network(instance)
        self.network = network

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the instance."""
        return self.instance.tables[name]

    @cached_property
    def zones(self) -> dict[Any, dict[str, Any]]:
        """Rows of the zones by id."""
        return indexed(self.table("zones"), "zone_id")

    @cached_property
    def places(self) -> dict[Any, dict[str, Any]]:
        """Rows of the places by id."""
        return indexed(self.table("places"), "place_id")

    @cached_property
    def industries(self) -> dict[Any, dict[str, Any]]:
        """Rows of the industries by id."""
        return indexed(self.table("industries"), "industry_id")

    @cached_property
    def blocks(self) -> dict[Any, dict[str, Any]]:
        """Rows of the blocks by (origin_id, industry_id)."""
        return indexed(self.table("blocks"), "origin_id", "industry_id")

    @cached_property
    def inputs(self) -> dict[Any, dict[str, Any]]:
        """Rows of the inputs by (industry_id, input_id, region_id)."""
        return indexed(self.table("inputs"), "industry_id", "input_id", "region_id")

    @cached_property
    def prefectures(self) -> dict[str, str]:
        """Prefecture of each zone as a name: of the place, else the zone's prefecture id."""
        return {
            zone: filled(self.places.get(zone, {}).get("prefecture"))
            or filled(row["prefecture_id"])
            for zone, row in self.zones.items()
        }

    @cached_property
    def moves(self) -> pd.DataFrame:
        """Moved output by origin, industry, zone and trade form."""
        columns = ["origin_id", "industry_id", "zone_id", "form_id", "output_mcny"]
        rows = [[getattr(m, c) for c in columns] for m in self.plan.moves]
        return _typed(pd.DataFrame(rows, columns=columns), {"output_mcny"})

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """The lines of the plan's accounts."""
        columns = ["component", "host_kind", "host_id", "industry_id", "origin_id", "mcny"]
        rows = [[getattr(a, c) for c in columns] for a in self.plan.accounts]
        return _typed(pd.DataFrame(rows, columns=columns), {"mcny"})

    @cached_property
    def arcs(self) -> pd.DataFrame:
        """One row per arc that the plan uses: the table row behind it, and where it leads."""
        return arc_table(self)

    @cached_property
    def flows(self) -> pd.DataFrame:
        """One row per flow of the plan, without its legs. ``flow`` counts from 0 as in the plan."""
        rows = []
        for number, flow in enumerate(self.plan.flows):
            goods = parse_goods(flow.goods)
            rows.append(
                (
                    number, flow.host_kind, flow.host_id, flow.form_id, flow.industry_id,
                    flow.goods, goods.direction, goods.input_id, goods.region_id, goods.place_id,
                    flow.teu,
                )
            )  # fmt: skip
        columns = [
            "flow", "host_kind", "host_id", "form_id", "industry_id",
            "goods", "direction", "input_id", "region_id", "place_id", "teu",
        ]  # fmt: skip
        frame = _typed(pd.DataFrame(rows, columns=columns), {"teu", "flow"})
        return frame.astype({"flow": "int64"})

    @cached_property
    def legs(self) -> pd.DataFrame:
        """One row per leg of a flow with hours, kg and each cost component per TEU."""
        return leg_table(self)

    @cached_property
    def zone_legs(self) -> pd.DataFrame:
        """Legs of the goods of the instance's zones: they are what uses spare capacity."""
        hosts = self.flows["host_kind"].to_numpy()
        return self.legs[hosts[self.legs["flow"].to_numpy()] == "zone"]


def _typed(frame: pd.DataFrame, numbers: set[str]) -> pd.DataFrame:
    """Give an (often empty) frame its types: numbers float, all else str."""
    return frame.astype({c: "float64" if c in numbers else "str" for c in frame.columns})
