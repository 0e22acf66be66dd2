"""Bottlenecks: what terminals, crossings, lines, customs posts and ports have to spare."""

from __future__ import annotations

import math

from instances.shanxi_build.evidence import (
    Evidence,
    EvidenceError,
    Row,
    grade_of,
    short,
)
from instances.shanxi_build.land_links import LINE_EXITS, line_bottleneck

_DAYS = 365
BONDED_SITES = ("wusu-cbz", "fanglue-blc", "lanhua-blc", "datong-blc")
PLANNED_SITES = ("yuncheng-blc-proposed", "zhongding-bonded-proposed")
CROSSINGS = ("alashankou", "khorgos", "erenhot", "manzhouli", "suifenhe", "mohan", "pingxiang")
HUBS = (
    "hub-xian",
    "hub-zhengzhou",
    "hub-chongqing",
    "hub-chengdu",
    "hub-urumqi",
    "hub-shijiazhuang",
    "hub-wuhan",
)


class Capacities:
    """capacities.csv by place and item; `capacity`, `observed` and `planned` never mixed."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def row(self, place: str, item: str, basis: str) -> dict[str, str] | None:
        """The row of the latest year, or None."""
        rows = [
            r
            for r in self._evidence["capacities"]
            if (r["place_id"], r["item"], r["basis"]) == (place, item, basis)
        ]
        return max(rows, key=lambda r: r["year"], default=None)

    def need(self, place: str, item: str, basis: str) -> dict[str, str]:
        """The row; an error where it is missing."""
        row = self.row(place, item, basis)
        if row is None:
            raise EvidenceError(f"capacities.csv: no row for {place}, {item}, basis {basis}")
        return row

    def spare(
        self, place: str, item: str, scale: float = 1.0, used: float | None = None
    ) -> tuple[float, float, float, str, str]:
        """Capacity less use, its low and high, a source and a grade; ``scale`` makes TEU a year."""
        row = self.need(place, item, "capacity")
        value, low, high = (
            self._evidence.number("capacities", row, c) for c in ("value", "low", "high")
        )
        grade = row["confidence"]
        source = row["source"]
        if used is None:
            observed = self.row(place, item, "observed")
            used = 0.0
            if observed is not None:
                used = self._evidence.number("capacities", observed, "value")
                grade = grade_of(grade, observed["confidence"])
                source = f"capacity {value:g} less {used:g} in use; {source}"
        spare = [max(0.0, x - used) * scale for x in (value, low, high)]
        return spare[0], min(spare[1], spare[0]), max(spare[2], spare[0]), source, grade


def build_bottlenecks(evidence: Evidence) -> list[Row]:
    """Rows of ``bottlenecks``."""
    capacities = Capacities(evidence)
    return [
        *_terminals(evidence, capacities),
        *_customs_posts(evidence, capacities),
        *_crossings(evidence, capacities),
        *_lines(evidence, capacities),
        *_ports(evidence, capacities),
    ]


def _row(
    identity: str,
    name: str,
    name_zh: str,
    kind: str,
    place: str,
    figures: tuple[float, float, float, str, str],
) -> Row:
    value, low, high, source, grade = figures
    return {
        "bottleneck_id": identity,
        "name": name,
        "name_zh": name_zh,
        "kind": kind,
        "place_id": place,
        "capacity_teu_per_year": round(value),
        "capacity_low_teu_per_year": math.floor(low),
        "capacity_high_teu_per_year": math.ceil(high),
        "source": short(source),
        "grade": grade,
    }


def _names(evidence: Evidence) -> dict[str, tuple[str, str]]:
    return {r["id"]: (r["name_en"], r["name_zh"]) for r in evidence["places"]}


def shanxi_dry_ports(evidence: Evidence) -> list[str]:
    """Ids of the dry ports in Shanxi, in file order."""
    return [
        r["id"]
        for r in evidence["places"]
        if r["kind"] == "dry_port" and r["province_or_country"] == "Shanxi"
    ]


def _terminals(e: Evidence, capacities: Capacities) -> list[Row]:
    names = _names(e)
    rows = []
    for place in [*shanxi_dry_ports(e), *HUBS]:
        figures = capacities.spare(place, "rail_terminal_teu_per_year")
        if place in HUBS:
            trains = capacities.row(place, "block_trains_per_year", "observed")
            used = 105 * e.number("capacities", trains, "value") if trains else 0.0
            value, low, high, source, grade = capacities.spare(
                place, "rail_terminal_teu_per_year", used=used
            )
            figures = (
                value,
                low,
                high,
                f"capacity less {used:.0f} TEU of its trains at 105; " + source,
                grade_of(grade, "derived"),
            )
        name, zh = names[place]
        rows.append(
            _row(f"terminal-{place}", f"{name}: lifts", f"{zh}：装卸", "terminal", place, figures)
        )
    return rows


def _customs_posts(e: Evidence, capacities: Capacities) -> list[Row]:
    names = _names(e)
    rows = []
    for place in shanxi_dry_ports(e):
        figures = capacities.spare(place, "dry_port_teu_per_year")
        name, zh = names[place]
        rows.append(
            _row(
                f"customs-{place}",
                f"{name}: customs yard",
                f"{zh}：海关监管场所",
                "customs_post",
                place,
                figures,
            )
        )
    teu = e.assumed("declaration_teu")
    for place in BONDED_SITES:
        figures = capacities.spare(place, "customs_declarations_per_year", scale=teu)
        name, zh = names[place]
        rows.append(
            _row(
                f"customs-{place}",
                f"{name}: declarations",
                f"{zh}：报关",
                "customs_post",
                place,
                figures,
            )
        )
    for place in PLANNED_SITES:
        name, zh = names[place]
        rows.append(
            _row(
                f"customs-{place}",
                f"{name}: declarations",
                f"{zh}：报关",
                "customs_post",
                place,
                (
                    30000 * teu,
                    15000 * teu,
                    50000 * teu,
                    "not built; the desk of a type-B centre (10 officers x 12 files x 250 days)",
                    "assumed",
                ),
            )
        )
    return rows


def _crossings(e: Evidence, capacities: Capacities) -> list[Row]:
    names = _names(e)
    scale = _DAYS * e.assumed("teu_per_train") * e.assumed("border_share_won")
    rows = []
    for place in CROSSINGS:
        value, low, high, source, _ = capacities.spare(place, "border_trains_per_day", scale)
        name, zh = names[place]
        text = f"spare trains a day x 365 x {e.assumed('teu_per_train'):.0f} TEU x "
        text += f"{e.assumed('border_share_won')} that Shanxi goods can win; {source}"
        rows.append(
            _row(
                f"crossing-{place}",
                f"{name}: trains",
                f"{zh}：列车",
                "crossing",
                place,
                (value, low, high, text, "assumed"),
            )
        )
    used = e.cost("malaszewicze_trains_per_day")
    best = e.assumed("malaszewicze_capacity_trains_per_day")
    rows.append(
        _row(
            "crossing-malaszewicze",
            "Malaszewicze: reloading",
            "马拉舍维奇：换装",
            "crossing",
            "mk-malaszewicze",
            (
                (best - used) * scale,
                0,
                (50 - used) * scale,
                f"{best:g} trains a day in the best recent month less {used:g} x 365 x TEU x share "
                "won; 50 a day before 2022",
                "assumed",
            ),
        )
    )
    row = next(r for r in e["assumptions"] if r["parameter"] == "caspian_spare_teu_per_year")
    rows.append(
        _row(
            "crossing-caspian",
            "Caspian ferries and feeders",
            "里海渡轮",
            "crossing",
            "j-aktau",
            (
                e.number("assumptions", row, "value"),
                e.number("assumptions", row, "low"),
                e.number("assumptions", row, "high"),
                row["source"],
                "assumed",
            ),
        )
    )
    return rows


def _lines(e: Evidence, capacities: Capacities) -> list[Row]:
    scale = _DAYS * 2 * e.assumed("teu_per_train")
    rows = []
    for line in LINE_EXITS.values():
        value, low, high, source, grade = capacities.spare(
            line, "link_trains_per_day", scale, used=0.0
        )
        text = f"pairs of container trains a day x 365 x 2 x {e.assumed('teu_per_train'):.0f} TEU; "
        rows.append(
            _row(
                line_bottleneck(line),
                f"{line}: paths",
                "",
                "line",
                "",
                (value, low, high, text + source, grade),
            )
        )
    return rows


def _ports(e: Evidence, capacities: Capacities) -> list[Row]:
    rows = []
    for port in [r for r in e["places"] if r["kind"] == "sea_port"]:
        figures = capacities.spare(port["id"], "port_teu_per_year")
        rows.append(
            _row(
                f"port-{port['id']}",
                port["name_en"],
                port["name_zh"],
                "port",
                port["id"],
                figures,
            )
        )
    for place in ("tianjin-port", "huanghua-port", "lianyungang-port"):
        figures = capacities.spare(place, "rail_terminal_teu_per_year")
        name, zh = _names(e)[place]
        rows.append(
            _row(
                f"terminal-{place}",
                f"{name}: rail terminal",
                f"{zh}：铁路站",
                "terminal",
                place,
                figures,
            )
        )
    return rows
