"""Transfers: handling between modes, and between a mode and a place's own gate.

Where a place has both gate and through transfers, going through the gate never costs less than the
direct transfer, so that no route can dodge a lift by 'stopping' at the gate.
"""

from __future__ import annotations

from collections.abc import Callable

from instances.shanxi_build.evidence import Evidence, Row, short
from instances.shanxi_build.tariffs import base1_cny_per_teu, teu_of_boxes

GAUGE_CHANGES = {
    # crossing: parameters of cost_parameters.csv for money per box and hours
    "alashankou": ("gauge_change_cost_dostyk", "border_rail_time_alashankou"),
    "khorgos": ("gauge_change_cost_dostyk", "border_rail_time_khorgos"),
    "erenhot": ("gauge_change_cost_erenhot", "border_rail_time_erenhot"),
    "manzhouli": ("gauge_change_cost_erenhot", "border_rail_time_average_carec"),
    "suifenhe": ("gauge_change_cost_erenhot", "border_rail_time_average_carec"),
}
STANDARD_CROSSINGS = ("mohan", "pingxiang")
PORT_THC = {  # 20-ft THC; ports without a figure take the nearest like port
    "tianjin-port": "port_thc_tianjin_20ft",
    "qingdao-port": "port_thc_qingdao_20ft",
    "rizhao-port": "port_thc_rizhao_20ft",
    "huanghua-port": "port_thc_huanghua_20ft",
    "lianyungang-port": "port_thc_lianyungang_20ft",
    "shanghai-yangshan": "port_thc_shanghai_20ft",
    "shanghai-waigaoqiao": "port_thc_shanghai_20ft",
    "ningbo-zhoushan": "port_thc_ningbo_20ft",
    "tangshan-caofeidian": "port_thc_huanghua_20ft",
    "tangshan-jingtang": "port_thc_huanghua_20ft",
    "qinhuangdao-port": "port_thc_huanghua_20ft",
    "yantai-port": "port_thc_qingdao_20ft",
    "shenzhen-yantian": "port_thc_ningbo_20ft",
    "shenzhen-shekou": "port_thc_ningbo_20ft",
    "guangzhou-nansha": "port_thc_ningbo_20ft",
    "xiamen-port": "port_thc_lianyungang_20ft",
    "qinzhou-port": "port_thc_lianyungang_20ft",
}
_FORTY_OVER_TWENTY = 1.55  # carrier ratio that cost_parameters.csv names for THC
GATED_JUNCTIONS = ("j-beijing", "j-baku", "j-vientiane", "j-istanbul", "j-astana")
_SD_OF_DWELL = 0.35  # dwell varies by about a third of its mean

Add = Callable[..., None]


class _Table:
    """Collects rows; knows which modes each place has."""

    def __init__(self, evidence: Evidence, links: list[Row]) -> None:
        self.evidence = evidence
        self.rows: list[Row] = []
        self.modes: dict[str, set[str]] = {}
        for link in links:
            for end in ("tail_place_id", "head_place_id"):
                self.modes.setdefault(str(link[end]), set()).add(str(link["mode"]))
        self.lift = evidence.cost("rail_terminal_handling_per_teu")
        self.base1 = base1_cny_per_teu(evidence)
        self.lift_kg = evidence.cost("co2_terminal_handling")

    def add(
        self,
        place: str,
        one: str,
        other: str,
        cost: float,
        hours: float,
        source: str,
        grade: str = "assumed",
        sd: float | None = None,
        bottleneck: str = "",
        lifts: float = 1,
    ) -> None:
        """Add a transfer if the place has both yards."""
        have = self.modes.get(place, set()) | {"gate"}
        if one not in have or other not in have:
            return
        self.rows.append(
            {
                "transfer_id": f"transfer--{place}--{one}--{other}",
                "place_id": place,
                "from_mode": one,
                "to_mode": other,
                "cost_cny_per_teu": round(cost, 2),
                "hours": round(hours, 2),
                "sd_hours": round(hours * _SD_OF_DWELL if sd is None else sd, 2),
                "co2e_kg_per_teu": self.lift_kg * lifts,
                "bottleneck_id": bottleneck,
                "source": short(source),
                "grade": grade,
            }
        )


def build_transfers(evidence: Evidence, places: list[Row], links: list[Row]) -> list[Row]:
    """Rows of ``transfers``."""
    table = _Table(evidence, links)
    for place in places:
        identity, kind = str(place["place_id"]), str(place["kind"])
        if kind == "zone":
            _gate_road(table, identity)
        elif kind == "bonded_facility":
            table.add(identity, "gate", "road", 0, 0, "cargo is at the centre's door", lifts=0)
        elif kind == "dry_port":
            _dry_port(table, identity)
        elif kind == "sea_port":
            _sea_port(table, identity)
        elif kind == "airport":
            _airport(table, identity)
        elif kind == "border_crossing":
            _crossing(table, identity)
        elif kind == "junction":
            _junction(table, identity)
        elif place["in_china"]:
            _chinese_host(table, identity)
        else:
            _abroad(table, identity)
    return table.rows


def _gate_road(t: _Table, place: str) -> None:
    e = t.evidence
    t.add(
        place,
        "gate",
        "road",
        e.assumed("drayage_fixed_cny_per_teu"),
        e.assumed("gate_hours"),
        "truck at the gate: " + e.reason("drayage_fixed_cny_per_teu", "gate_hours"),
        lifts=0,
    )


def _rail_source(t: _Table) -> str:
    return (
        f"rail_terminal_handling_per_teu {t.lift:.0f} a lift + the tariff's fixed part "
        f"{t.base1:.0f} at each end; dwell: " + t.evidence.reason("yard_dwell_hours")
    )


def _chinese_host(t: _Table, place: str) -> None:
    e = t.evidence
    _gate_road(t, place)
    drayage = e.assumed("drayage_fixed_cny_per_teu")
    dwell = e.assumed("yard_dwell_hours") + e.assumed("gate_hours")
    t.add(
        place,
        "gate",
        "rail",
        drayage + t.lift + t.base1,
        dwell,
        "short drayage to the city's freight yard; " + _rail_source(t),
    )
    t.add(
        place,
        "gate",
        "barge",
        drayage + 2 * t.lift,
        dwell,
        "short drayage to the river port and two lifts; dwell as at a rail yard",
    )


def _dry_port(t: _Table, place: str) -> None:
    e = t.evidence
    dwell = e.assumed("yard_dwell_hours")
    block = dwell + e.assumed("dock_wait_block_hours")
    terminal = f"terminal-{place}"
    t.add(place, "gate", "road", 0, 0, "cargo is at the dry port's own gate", lifts=0)
    for mode in ("road", "gate"):
        t.add(place, mode, "rail", t.lift + t.base1, dwell, _rail_source(t), bottleneck=terminal)
        t.add(
            place,
            mode,
            "block_train",
            t.lift,
            block,
            f"one lift {t.lift:.0f}; the train's fixed part is in its tariff; dwell "
            + e.reason("dock_wait_block_hours"),
            bottleneck=terminal,
        )
    t.add(
        place,
        "rail",
        "block_train",
        2 * t.lift + t.base1,
        e.assumed("consolidation_dwell_hours"),
        "two lifts, fixed part of the ordinary train: " + e.reason("consolidation_dwell_hours"),
        bottleneck=terminal,
        lifts=2,
    )
    for mode in ("road", "rail"):
        extra = t.base1 if mode == "rail" else 0
        t.add(
            place,
            mode,
            "barge",
            2 * t.lift + extra,
            dwell,
            "river port: two lifts",
            bottleneck=terminal,
            lifts=2,
        )


def _sea_port(t: _Table, place: str) -> None:
    e = t.evidence
    thc = e.cost(PORT_THC[place])
    misc, security = e.cost("port_misc_tianjin_20ft"), e.cost("port_security_20ft")
    gate_in = e.cost("port_gate_in_tianjin_20ft")
    box = teu_of_boxes(1, _FORTY_OVER_TWENTY)
    sundry = (misc + gate_in) * box
    by_road = (thc + security) * box + sundry
    by_rail = (thc + security) * box + sundry * (1 - e.assumed("port_rail_saving_share"))
    hours = (e.cost("port_dwell_export") + e.cost("port_dwell_import")) / 2 * 24
    source = f"{PORT_THC[place]} {thc:g} + gate move, sundries and security of Tianjin, per TEU; "
    source += "dwell: mean of export 3.0 and import 3.5 days"
    port, terminal = f"port-{place}", f"terminal-{place}"
    has_terminal = place in ("tianjin-port", "huanghua-port", "lianyungang-port")
    rail_bottleneck = f"{port};{terminal}" if has_terminal else port
    t.add(place, "gate", "road", 0, 0, "cargo is at the port's own gate", lifts=0)
    for mode in ("road", "gate"):
        t.add(place, mode, "sea", by_road, hours, source, sd=24, bottleneck=port, lifts=2)
    t.add(
        place,
        "rail",
        "sea",
        by_rail + t.lift + t.base1,
        hours,
        source + "; rail lift and fixed part added, half of gate move and sundries saved",
        sd=24,
        bottleneck=rail_bottleneck,
        lifts=3,
    )
    t.add(
        place,
        "block_train",
        "sea",
        by_rail + t.lift,
        hours - 12,
        source + "; scheduled train timed to the ship, rail lift added",
        sd=18,
        bottleneck=rail_bottleneck,
        lifts=3,
    )
    t.add(
        place,
        "barge",
        "sea",
        by_rail,
        hours,
        source + "; river barge comes to the berth",
        sd=24,
        bottleneck=port,
        lifts=2,
    )
    yard, source = e.assumed("yard_dwell_hours"), _rail_source(t)
    queue = terminal if has_terminal else ""
    for mode in ("road", "gate"):
        t.add(place, mode, "rail", t.lift + t.base1, yard, source, bottleneck=queue)
    t.add(place, "gate", "block_train", t.lift, yard, source, bottleneck=queue)


def _airport(t: _Table, place: str) -> None:
    e = t.evidence
    t.add(place, "gate", "road", 0, 0, "cargo is at the airport's own gate", lifts=0)
    for mode in ("road", "gate"):
        t.add(
            place,
            mode,
            "air",
            e.assumed("airport_handling_cny_per_teu"),
            e.assumed("airport_dwell_hours"),
            e.reason("airport_handling_cny_per_teu"),
        )


def _crossing(t: _Table, place: str) -> None:
    e = t.evidence
    bottleneck = f"crossing-{place}"
    yard = e.assumed("yard_dwell_hours")
    if place in GAUGE_CHANGES:
        money, time = GAUGE_CHANGES[place]
        box = e.cost(money) / 2 * e.fx
        lease = e.cost("cre_container_lease_one_way") / 2 * e.fx
        hours, sd = e.cost(time), e.assumed("border_sd_hours")
        source = f"{money} USD {e.cost(money):g} a 40-ft box and one-way lease USD "
        source += f"{e.cost('cre_container_lease_one_way'):g} a FEU; {time} {hours:g} h"
        t.add(
            place,
            "block_train",
            "rail_broad",
            box + lease,
            hours,
            source,
            "derived",
            sd,
            bottleneck,
            2,
        )
        extra = e.assumed("border_rail_extra_cny_per_teu")
        wait = e.assumed("border_rail_extra_hours")
        single = source + "; single boxes: " + e.reason("border_rail_extra_hours")
        t.add(
            place,
            "rail",
            "rail_broad",
            box + lease + extra + t.base1,
            hours + wait,
            single,
            "assumed",
            sd + 24,
            bottleneck,
            3,
        )
        t.add(
            place,
            "road",
            "rail_broad",
            box + lease + extra,
            hours + wait,
            single,
            "assumed",
            sd + 24,
            bottleneck,
            2,
        )
    if place in STANDARD_CROSSINGS:  # border time, money and queue are on the border line itself
        t.add(place, "block_train", "rail", 0, 4, "change of locomotive", lifts=0)
    t.add(place, "gate", "road", 0, 0, "cargo is at the crossing's own gate", lifts=0)
    for mode in ("road", "gate"):
        t.add(place, mode, "rail", t.lift + t.base1, yard, _rail_source(t))
    t.add(place, "gate", "block_train", t.lift, yard, _rail_source(t))


def _junction(t: _Table, place: str) -> None:
    e = t.evidence
    yard = e.assumed("yard_dwell_hours")
    port_cost, port_hours = e.assumed("caspian_port_cny_per_teu"), e.assumed("caspian_port_hours")
    source = e.reason("caspian_port_cny_per_teu", "caspian_port_hours")
    if place in ("j-aktau", "j-alat", "j-poti"):
        t.add(place, "rail_broad", "sea", port_cost, port_hours, source, lifts=2)
    if place in ("j-constanta", "j-bandar-abbas"):
        t.add(place, "sea", "rail", port_cost, port_hours, source, lifts=2)
    if place in ("j-akhalkalaki", "j-hanoi"):
        box = e.assumed("malaszewicze_cost_usd_per_box") / 2 * e.fx
        t.add(
            place,
            "rail_broad",
            "rail",
            box,
            24,
            "second change of gauge: " + e.reason("malaszewicze_cost_usd_per_box"),
            lifts=2,
        )
    if place in ("j-nanjing", "j-jiujiang"):
        t.add(place, "rail", "barge", 2 * t.lift + t.base1, yard, "river port: two lifts", lifts=2)
    if place == "j-hanoi":
        t.add(place, "road", "rail", t.lift + t.base1, yard, _rail_source(t))
    if place in GATED_JUNCTIONS:
        for mode in ("rail", "rail_broad"):
            t.add(place, "gate", mode, t.lift + t.base1, yard, _rail_source(t))


def _abroad(t: _Table, place: str) -> None:
    e = t.evidence
    thc, dwell = e.assumed("foreign_thc_cny_per_teu"), e.assumed("foreign_port_dwell_hours")
    lift, yard = e.assumed("foreign_rail_lift_cny_per_teu"), e.assumed("yard_dwell_hours")
    air, cut_off = e.assumed("airport_handling_cny_per_teu"), e.assumed("airport_dwell_hours")
    quay = e.reason("foreign_thc_cny_per_teu", "foreign_port_dwell_hours")
    train = e.reason("foreign_rail_lift_cny_per_teu", "yard_dwell_hours")
    plane = e.reason("airport_handling_cny_per_teu", "airport_dwell_hours")
    _gate_road(t, place)
    t.add(place, "gate", "sea", thc, dwell, quay, sd=24, lifts=2)
    t.add(place, "gate", "rail", lift, yard, train)
    if place != "mk-malaszewicze":  # its door must not be a way round the change of gauge
        t.add(place, "gate", "rail_broad", lift, yard, train)
    t.add(place, "gate", "air", air, cut_off, plane)
    t.add(place, "road", "sea", thc, dwell, quay, sd=24, lifts=2)
    t.add(place, "rail", "sea", thc + lift, dwell, quay + "; rail lift added", sd=24, lifts=3)
    t.add(place, "road", "rail", lift, yard, train)
    t.add(place, "road", "air", air, cut_off, plane)
    if place == "mk-malaszewicze":
        box = e.assumed("malaszewicze_cost_usd_per_box") / 2 * e.fx
        t.add(
            place,
            "rail_broad",
            "rail",
            box,
            e.cost("border_time_malaszewicze"),
            f"border_time_malaszewicze {e.cost('border_time_malaszewicze'):g} h; "
            + e.reason("malaszewicze_cost_usd_per_box"),
            "assumed",
            e.assumed("malaszewicze_sd_hours"),
            "crossing-malaszewicze",
            2,
        )
