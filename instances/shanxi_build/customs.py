"""Changes of customs regime: where they are allowed, what they cost, how long they take."""

from __future__ import annotations

from typing import Any

from instances.shanxi_build.bottlenecks import PLANNED_SITES, shanxi_dry_ports
from instances.shanxi_build.evidence import Evidence, Row, short

OPEN_AIRPORTS = (
    "apt-taiyuan",
    "apt-datong",
    "apt-yuncheng",
    "apt-beijing",
    "apt-zhengzhou",
    "apt-shanghai",
    "apt-guangzhou",
    "apt-xian",
    "apt-chengdu",
    "apt-chongqing",
    "apt-ezhou",
)
HUBS_WITH_CUSTOMS = (
    "hub-xian",
    "hub-zhengzhou",
    "hub-chongqing",
    "hub-chengdu",
    "hub-urumqi",
    "hub-shijiazhuang",
    "hub-wuhan",
)
CENTRES = ("fanglue-blc", "lanhua-blc", "datong-blc")
BONDED_ZONE = "wusu-cbz"
FTZ_PLACES = ("wusu-cbz", "zhongding", "apt-taiyuan", "datong-blc", "apt-yuncheng", "lanhua-blc")


def build_customs(evidence: Evidence, second_zones: list[str]) -> list[Row]:
    """Rows of ``customs``; ``second_zones`` are zones that a project can make bonded."""
    table = _Table(evidence)
    for place in [r["id"] for r in evidence["places"] if r["kind"] == "sea_port"]:
        table.frontier(place, "sea port", evidence.cost("customs_time_import_national"))
    for place in [r["id"] for r in evidence["places"] if r["kind"] == "border_crossing"]:
        table.frontier(place, "crossing", evidence.cost("customs_time_khorgos_import"))
    for place in OPEN_AIRPORTS:
        table.frontier(place, "airport", 12.0)
    for place in [*shanxi_dry_ports(evidence), *HUBS_WITH_CUSTOMS]:
        table.inland(place, f"customs-{place}" if place not in HUBS_WITH_CUSTOMS else "")
    for place in CENTRES:
        table.inland(place, f"customs-{place}")
        table.entry(place, f"customs-{place}")
    table.inland(BONDED_ZONE, f"customs-{BONDED_ZONE}")
    table.entry(BONDED_ZONE, f"customs-{BONDED_ZONE}")
    for place in PLANNED_SITES:
        table.inland(place, f"customs-{place}", needs_project=1)
        table.entry(place, f"customs-{place}", needs_project=1)
    for place in second_zones:
        table.inland(place, "", needs_project=1)
        table.entry(place, "", needs_project=1)
    for place in FTZ_PLACES:
        table.free_trade(place)
    for place in CENTRES:
        table.upgrade(place)
    return table.rows


class _Table:
    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence
        self.rows: list[Row] = []
        self.per_teu = evidence.assumed("declarations_per_teu")
        self.regimes = {r["regime"]: r for r in evidence["customs_regimes"]}

    def fee(self, regime: str) -> float:
        """Money per TEU of one declaration under a regime of customs_regimes.csv."""
        row = self.regimes[regime]
        return self.e.number("customs_regimes", row, "cost_per_declaration_cny") * self.per_teu

    def hours(self, regime: str) -> float:
        """Typical clearance hours of a regime."""
        return self.e.number("customs_regimes", self.regimes[regime], "clearance_hours_typical")

    def add(
        self,
        place: str,
        one: str,
        other: str,
        cost: float,
        hours: float,
        source: str,
        grade: str = "assumed",
        suffix: str = "",
        **more: Any,
    ) -> None:
        """Add one change of regime."""
        self.rows.append(
            {
                "customs_id": f"customs--{place}--{one}--{other}{suffix}",
                "place_id": place,
                "from_regime": one,
                "to_regime": other,
                "cost_cny_per_teu": round(cost, 2),
                "hours": round(hours, 2),
                "sd_hours": round(hours * 0.5, 2),
                "source": short(source),
                "grade": grade,
                **more,
            }
        )

    def frontier(self, place: str, kind: str, import_hours: float) -> None:
        """The five changes at a place of entry and exit."""
        e = self.e
        fee = "customs_regimes: {} CNY per declaration, half a declaration per TEU"
        self.add(
            place,
            "foreign",
            "domestic",
            self.fee("general_trade"),
            import_hours,
            f"import clearance at a {kind}; "
            f"{fee.format(self.regimes['general_trade']['cost_per_declaration_cny'])}; VAT: "
            + e.reason("import_vat_days"),
            "derived",
            duty_share=1,
            vat_days=e.assumed("import_vat_days"),
        )
        transit = f"bonded_transit: {self.hours('bonded_transit'):g} h; "
        transit += fee.format(self.regimes["bonded_transit"]["cost_per_declaration_cny"])
        self.add(
            place,
            "foreign",
            "bonded",
            self.fee("bonded_transit"),
            self.hours("bonded_transit"),
            transit,
        )
        self.add(
            place,
            "bonded",
            "foreign",
            self.fee("bonded_transit"),
            self.hours("bonded_transit"),
            transit,
        )
        self.add(
            place,
            "export_cleared",
            "foreign",
            e.assumed("exit_cny_per_declaration") * self.per_teu,
            e.cost("customs_time_export_national"),
            "customs_time_export_national; " + e.reason("exit_cny_per_declaration"),
            "derived",
        )
        self.add(
            place,
            "domestic",
            "export_cleared",
            self.fee("general_trade_export"),
            e.cost("customs_time_export_national"),
            "general_trade_export: declared at the place of exit",
            "derived",
        )

    def inland(self, place: str, post: str, needs_project: int = 0) -> None:
        """Inland clearance: goods that arrive in bond are imported, exports are declared."""
        e = self.e
        hours = e.cost("customs_time_inland_clearance_shanxi")
        source = "customs_time_inland_clearance_shanxi; national_integrated_clearance fee; "
        more: dict[str, Any] = {"bottleneck_id": post, "needs_project": needs_project}
        self.add(
            place,
            "bonded",
            "domestic",
            self.fee("national_integrated_clearance"),
            hours,
            source + e.reason("import_vat_days_inland"),
            duty_share=1,
            vat_days=e.assumed("import_vat_days_inland"),
            **more,
        )
        self.add(
            place,
            "domestic",
            "export_cleared",
            self.fee("general_trade_export"),
            self.hours("general_trade_export") * 2,
            "general_trade_export declared inland; twice the national hours",
            **more,
        )

    def entry(self, place: str, post: str, needs_project: int = 0) -> None:
        """Home goods enter a bonded place, which counts as export for the refund."""
        regime = (
            "bonded_logistics_centre_b"
            if place.endswith(("-blc", "-proposed"))
            else ("comprehensive_bonded_zone")
        )
        self.add(
            place,
            "domestic",
            "bonded",
            self.fee(regime),
            self.hours(regime),
            f"{regime}: home goods that enter count as exports",
            self.regimes[regime]["hours_and_cost_confidence"],
            bottleneck_id=post,
            needs_project=needs_project,
        )

    def free_trade(self, place: str) -> None:
        """Faster import clearance that free-trade-zone status would bring."""
        e = self.e
        reason = e.reason("ftz_hours_factor", "ftz_cost_factor", "import_vat_days_ftz")
        start = "foreign" if place in OPEN_AIRPORTS else "bonded"
        base = 12.0 if place in OPEN_AIRPORTS else e.cost("customs_time_inland_clearance_shanxi")
        post = f"customs-{place}" if place not in OPEN_AIRPORTS else ""
        self.add(
            place,
            start,
            "domestic",
            self.fee("national_integrated_clearance") * e.assumed("ftz_cost_factor"),
            base * e.assumed("ftz_hours_factor"),
            reason,
            suffix="--ftz",
            duty_share=1,
            vat_days=e.assumed("import_vat_days_ftz"),
            needs_project=1,
            bottleneck_id=post,
        )

    def upgrade(self, place: str) -> None:
        """Faster clearance at an upgraded logistics centre."""
        e = self.e
        factor = e.assumed("blc_upgrade_hours_factor")
        self.add(
            place,
            "bonded",
            "domestic",
            self.fee("national_integrated_clearance"),
            e.cost("customs_time_inland_clearance_shanxi") * factor,
            e.reason("blc_upgrade_hours_factor"),
            suffix="--upgraded",
            duty_share=1,
            vat_days=e.assumed("import_vat_days_inland"),
            needs_project=1,
            bottleneck_id=f"customs-{place}",
        )
