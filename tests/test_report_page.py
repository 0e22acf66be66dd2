"""The page and the workbook: the numbers of the plan, in words that exist, safe in one file."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_case import RUN_INFO, report_instance, report_network, report_plan

import optimizer.report
from optimizer.plan.plan import Plan, Status
from optimizer.report.facts import Facts
from optimizer.report.figures import report_figures
from optimizer.report.labels import Label, place_labels, text_size
from optimizer.report.maps import width_class
from optimizer.report.outlines import clipped, great_circle, land, prefectures, simplified
from optimizer.report.page import EMBEDDED, page_of, report_html
from optimizer.report.sankeys import course_modes
from optimizer.report.sea_lanes import kilometres, sea_line, unwrapped
from optimizer.report.siting import COMPONENT_ORDER
from optimizer.report.tables import plan_tables
from optimizer.report.words import CATALOGUES, ENGLISH, Words
from optimizer.report.workbook import write_workbook

INFO = RUN_INFO | {"zoneopt_version": "0.1.0"}


class Parsed(HTMLParser):
    """What a browser would see: tables by name, key figures, scripts, outside addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.figures: dict[str, float] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self.tags: dict[str, int] = {}
        self._rows: list[list[str]] | None = None
        self._script: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.addresses += [v for k, v in attrs if k in ("src", "href", "data", "action") and v]
        if tag == "data":
            self.figures[str(about["data-key"])] = float(about["value"] or "nan")
        elif tag == "table":
            self._rows = self.tables.setdefault(str(about["data-table"]), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag == "td" and self._rows:
            self._rows[-1].append(about.get("data-value") or "")
        elif tag == "script":
            self._script = about
            self.scripts.append((about, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            about, text = self.scripts[-1]
            self.scripts[-1] = (about, text + data)

    def embedded(self, name: str) -> Any:
        return next(json.loads(t) for a, t in self.scripts if a.get("id") == name)


@lru_cache(maxsize=1)
def html() -> str:
    return report_html(report_instance(), report_plan(), run_info=INFO, network=report_network())


@lru_cache(maxsize=1)
def page() -> Parsed:
    return Parsed(html())


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    return plan_tables(report_instance(), report_plan(), run_info=INFO, network=report_network())


def page_for(plan: Plan, instance: Any = None) -> Parsed:
    return Parsed(report_html(instance or report_instance(), plan, run_info=INFO))


def facts() -> Facts:
    return Facts(report_instance(), report_plan(), report_network())


# -- numbers ---------------------------------------------------------------------------------------


def test_key_figures_are_those_of_the_plan() -> None:
    plan = report_plan()
    shown = page().figures
    assert shown["cost"] == plan.cost_mcny
    assert shown["absorbed"] == plan.absorbed_mcny
    assert shown["gap"] == plan.gap
    assert shown["saving"] == plan.stay_cost_mcny - plan.cost_mcny
    assert shown["zones_taking"] == len({m.zone_id for m in plan.moves})


def test_embedded_tables_equal_the_plan_tables() -> None:
    for name in EMBEDDED:
        found, frame = page().embedded(f"table-{name}"), tables()[name]
        assert found["columns"] == list(frame.columns), name
        assert len(found["rows"]) == len(frame), name
        for row, expected in zip(found["rows"], frame.itertuples(index=False), strict=True):
            for value, wanted in zip(row, expected, strict=True):
                if isinstance(wanted, float) and not math.isfinite(wanted):
                    assert value == (None if math.isnan(wanted) else "inf")
                else:
                    assert value == wanted, name


def test_shown_cells_carry_the_exact_numbers() -> None:
    siting = page().tables["siting"]
    exact = [float(row[3]) for row in siting if row]
    assert exact == tables()["siting"]["absorbed_mcny"].tolist()
    total = [float(row[-2]) for row in page().tables["components"] if row]
    assert math.fsum(total) == pytest.approx(report_plan().cost_mcny, rel=1e-12)


def test_workbook_holds_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    write_workbook(path, tables(), answer=["=SUM(A1)"], title="A plan")
    book = openpyxl.load_workbook(path)
    words = Words()
    assert book.sheetnames[0] == "Answer"
    assert book["Answer"]["A2"].value == "=SUM(A1)"
    assert book["Answer"]["A2"].data_type == "s"  # a text, not a formula
    for name in EMBEDDED:
        sheet = book[words(f"table.{name}")]
        rows = list(sheet.iter_rows(values_only=True))
        frame = tables()[name]
        assert list(rows[0]) == list(frame.columns)
        assert len(rows) - 1 == len(frame)
        assert sheet.freeze_panes == "B2"
        for row, expected in zip(rows[1:], frame.itertuples(index=False), strict=True):
            for value, wanted in zip(row, expected, strict=True):
                if isinstance(wanted, float):
                    special = {"inf": "no limit", "nan": None}
                    wanted = special.get(str(wanted), pytest.approx(wanted, rel=1e-15))
                    assert value == wanted, name
                else:
                    assert ("" if value is None else value) == wanted, name
    accounts = list(book["Accounts"].iter_rows(min_row=2, values_only=True))
    assert math.fsum(r[-1] for r in accounts) == pytest.approx(report_plan().cost_mcny)
    flows = book["Flows"].max_row - 1
    assert flows == sum(f.host_kind == "zone" for f in report_plan().flows)


def test_workbook_marks_assumed_rows_and_cleans_text(tmp_path: Path) -> None:
    frame = tables()["pools"].copy()
    frame.loc[0, "pool"] = "=1+1"
    frame.loc[1, "pool"] = "bell \x07 rings"
    write_workbook(tmp_path / "b.xlsx", tables() | {"pools": frame})
    sheet = openpyxl.load_workbook(tmp_path / "b.xlsx")["Pools"]
    grade = list(frame.columns).index("grade") + 1
    marked = {sheet.cell(r, grade).value: sheet.cell(r, grade).fill.fgColor.rgb for r in (2, 3)}
    assert marked["assumed"].endswith("FBD9B5")
    assert not marked["reported"].endswith("FBD9B5")
    assert (sheet["B2"].value, sheet["B2"].data_type) == ("=1+1", "s")
    assert sheet["B3"].value == "bell   rings"


# -- the answer ------------------------------------------------------------------------------------


def test_the_answer_is_three_sentences() -> None:
    text = re.sub(r"<[^>]+>", "", html().split('class="answer"')[1].split("</section>")[0])
    sentences = [line for line in text.split("\n") if line.strip() and "aria" not in line]
    assert len(sentences) == 3
    assert "8 of 10 candidate zones take in 26 billion CNY" in sentences[0]
    assert "66.7 %" in sentences[0]
    assert "Tanghuai Park 唐槐产业园区" in sentences[0]
    assert "less than if everything stayed" in sentences[1]
    assert "0.06 %" in sentences[2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": Status.FEASIBLE, "stop_reason": "time limit"}, "stopped early (time limit)"),
        ({"bound": -math.inf}, "is not known"),
        ({"stay_cost_mcny": math.nan}, "there is no cost of staying"),
        ({"stay_cost_mcny": 1000.0}, "more than if everything stayed"),
    ],
)
def test_the_answer_says_what_is_not_proven(changes: dict[str, Any], words: str) -> None:
    page = report_html(report_instance(), replace(report_plan(), **changes), run_info=INFO)
    assert words in page


def test_a_report_whose_sums_do_not_agree_warns_above_the_answer() -> None:
    assert "warning" not in [a.get("role") for a, _ in page().scripts]
    assert 'role="alert"' not in html()
    plan = report_plan()
    dearer = replace(plan, accounts=plan.accounts[1:])
    page_text = report_html(report_instance(), dearer, run_info=INFO)
    before = page_text.split('class="answer"')[0]
    assert "Do not use this report" in before
    assert "The accounts sum to the cost" in before
    other = report_html(report_instance(), replace(plan, instance_hash="f00" * 20), run_info=INFO)
    assert "another state of the instance" in other


def test_a_plan_in_which_nothing_moves_still_makes_a_page() -> None:
    blocks = report_instance().tables["blocks"]
    names = ("origin_id", "industry_id", "volume_mcny_per_year")
    stays = tuple(zip(*(blocks[n] for n in names), strict=True))
    still = replace(
        report_plan(), moves=(), rivals=(), flows=(), hosts=(), open_zones=(), stays=stays,
        modules=(), increments=(), projects=(), services=(),
    )  # fmt: skip
    text = report_html(report_instance(), still, run_info=INFO)
    assert "No output moves to any of the 10 candidate zones" in text
    assert ENGLISH["empty_chart"] in text  # the Sankey of goods


# -- one safe file ---------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_outside() -> None:
    assert set(page().addresses) == {a for a in page().addresses if a.startswith(("#", "data:"))}
    style = html().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert not {"link", "iframe", "img", "base"} & (set(page().tags) - {"link"})
    assert len(html().encode()) < 6_000_000


def test_texts_of_the_instance_cannot_become_code() -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    instance = report_instance()
    frames = {
        name: instance.tables[name].assign(name=evil, name_zh=evil)
        for name in ("places", "industries", "origins", "pools")
    }
    rules = instance.tables["rules"].assign(text=evil, source=evil)
    bad = instance.replace(name=evil, rules=rules, **frames)
    parsed = page_for(replace(report_plan(), instance_hash=bad.hash), bad)
    assert parsed.tags["script"] == page().tags["script"]
    assert "img" not in parsed.tags
    for figure in parsed.embedded("figures").values():
        assert "<img" not in json.dumps(figure["data"]).replace("\\u003c", "<")


def test_figures_are_valid_plotly() -> None:
    go = pytest.importorskip("plotly.graph_objects")
    figures = report_figures(facts(), tables(), Words())
    assert set(figures) == {"map_near", "map_far", "components", "industries", "who", "goods"}
    for name, figure in figures.items():
        made = go.Figure(data=figure["data"], layout=figure["layout"])
        assert len(made.data) > 0, name


def test_bars_and_sankeys_add_up_to_the_plan() -> None:
    figures = report_figures(facts(), tables(), Words())
    bars = [t for t in figures["components"]["data"] if t["type"] == "bar"]
    assert math.fsum(v for t in bars for v in t["x"]) == pytest.approx(report_plan().cost_mcny)
    volume = tables()["industries"]["relocatable_mcny"].sum()
    who = figures["who"]["data"][0]["link"]
    assert math.fsum(who["value"]) == pytest.approx(2 * volume)  # in and out of the industries
    goods = figures["goods"]["data"][0]["link"]
    assert math.fsum(goods["value"]) == pytest.approx(2 * tables()["routes"]["teu"].sum())
    for name in ("who", "goods"):
        heights = figures[name]["data"][0]["node"]["y"]
        assert all(0 < y < 1 for y in heights)


# -- words -----------------------------------------------------------------------------------------


def _sources() -> dict[str, str]:
    folder = Path(optimizer.report.__file__).parent
    files = [*folder.glob("*.py"), *folder.glob("templates/*.j2")]
    return {f.name: f.read_text(encoding="utf-8") for f in files if f.name != "words.py"}


def test_every_word_that_is_used_exists_and_every_word_is_used() -> None:
    text = "\n".join(_sources().values())
    literal = set(re.findall(r"""\b(?:w|words)\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", text))
    assert literal <= set(ENGLISH), literal - set(ENGLISH)
    # Groups whose ids are put together from values or stand in tables of columns.
    groups = (
        "column.", "component.", "mode.", "kind.", "grade.", "direction.", "host.", "table.",
        "key.", "check.", "figure.", "map.", "question.", "effect.", "unit.",
    )  # fmt: skip
    unused = {
        k for k in ENGLISH
        if k not in literal and not k.startswith(groups) and f'"{k}"' not in text
        and not k.endswith(".heading")
    }  # fmt: skip
    assert unused == set()


def test_every_component_table_and_key_figure_has_a_word() -> None:
    assert {f"component.{c}" for c in COMPONENT_ORDER} <= set(ENGLISH)
    assert {f"table.{t}" for t in tables() if t != "legs"} <= set(ENGLISH)
    assert {f"key.{k}" for k in tables()["summary"]["key"]} <= set(ENGLISH)


def test_catalogues_have_the_same_ids_and_placeholders() -> None:
    for language, catalogue in CATALOGUES.items():
        assert set(catalogue) == set(ENGLISH), language
        for key, text in catalogue.items():
            holes = set(re.findall(r"{(\w+)}", text))
            assert holes == set(re.findall(r"{(\w+)}", ENGLISH[key])), (language, key)
    with pytest.raises(ValueError, match="no words in 'xx'"):
        Words("xx")


# -- drawing ---------------------------------------------------------------------------------------

points = st.tuples(st.floats(-170, 170), st.floats(-60, 75))


@given(points, points)
def test_a_great_circle_is_as_long_as_the_way(start: Any, end: Any) -> None:
    line = great_circle(start, end)
    length = math.fsum(kilometres(a, b) for a, b in pairwise(line))
    assert length == pytest.approx(kilometres(start, end), rel=1e-6, abs=1e-3)
    assert all(abs(a[0] - b[0]) < 180 for a, b in pairwise(line))


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [
        ((117.8, 39.0), (4.4, 51.9), 20_608),  # Tianjin, Rotterdam by Suez
        ((117.8, 39.0), (4.4, 51.9), 26_500),  # and round the Cape
        ((117.8, 39.0), (unwrapped(-118.3), 33.7), 11_087),
        ((122.1, 30.6), (55.1, 25.0), 11_000),
        ((108.6, 21.7), (103.8, 1.3), 2_400),
    ],
)
def test_sea_lines_are_about_as_long_as_the_links_they_stand_for(start, end, km) -> None:
    line = sea_line(start, end, km)
    length = math.fsum(kilometres(a, b) for a, b in pairwise(line))
    assert (line[0], line[-1]) == (start, end)
    assert length == pytest.approx(km, rel=0.1)


def test_the_way_round_the_cape_is_drawn_round_the_cape() -> None:
    tianjin, rotterdam = (117.8, 39.0), (4.4, 51.9)
    assert min(lat for _, lat in sea_line(tianjin, rotterdam, 26_500)) < -30
    assert min(lat for _, lat in sea_line(tianjin, rotterdam, 20_600)) > -10


boxes = st.lists(
    st.tuples(st.floats(0, 5), st.floats(0, 5), st.text("ab中", min_size=1, max_size=9))
)


@given(boxes)
def test_labels_never_cover_each_other_and_stay_inside(
    items: list[tuple[float, float, str]],
) -> None:
    labels = [Label(x, y, text) for x, y, text in items]
    placed = place_labels(labels, 60, 11, (0, 0, 5, 5))
    rectangles = []
    for p in placed:
        width, height = text_size(p.label.text, 11)
        x, y = p.label.x * 60, p.label.y * 60
        left = x + 6 if "right" in p.side else x - 6 - width if "left" in p.side else x - width / 2
        low = y + 6 if "top" in p.side else y - 6 - height if "bottom" in p.side else y - height / 2
        rectangles.append((left, low, left + width, low + height))
    for n, a in enumerate(rectangles):
        assert a[0] >= -1e-6 and a[1] >= -1e-6 and a[2] <= 300 + 1e-6 and a[3] <= 300 + 1e-6  # noqa: PT018
        for b in rectangles[n + 1 :]:
            assert (
                a[2] <= b[0] + 1e-6
                or b[2] <= a[0] + 1e-6
                or a[3] <= b[1] + 1e-6
                or b[3] <= a[1] + 1e-6
            )


def test_outlines_are_simplified_and_clipped_without_leaving_their_place() -> None:
    ring = [(x / 100, (x % 7) / 1000) for x in range(200)] + [(2.0, 1.0), (0.0, 0.0)]
    assert simplified(ring, 0.05) == [(0.0, 0.0), (1.99, 0.003), (2.0, 1.0), (0.0, 0.0)]
    square = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]
    (part,) = clipped([square], (5, 5, 20, 20))
    assert {(round(x, 6), round(y, 6)) for x, y in part} == {(5, 5), (10, 5), (10, 10), (5, 10)}
    assert clipped([square], (20, 20, 30, 30)) == []


def test_coast_and_prefectures_are_there() -> None:
    assert len(land()) > 50
    assert all(abs(a[0] - b[0]) < 180 for ring in land() for a, b in pairwise(ring))
    shanxi = prefectures([(112.5, 37.8), (113.3, 40.0)])
    assert len(shanxi) == 11
    assert ("Taiyuan", "太原市") in {(a.name, a.name_zh) for a in shanxi}
    assert prefectures([(4.4, 51.9)]) == ()


def test_lines_are_wider_where_more_goods_go() -> None:
    classes = [width_class(teu, 10_000) for teu in (1, 1000, 4000, 8000, 10_000)]
    assert classes == sorted(classes)
    assert (classes[0], classes[-1]) == (0, 4)
    assert width_class(0, 0) == 0


@pytest.mark.parametrize(
    ("modes", "way", "crosses", "expected"),
    [
        ("rail;sea", "out", True, ("sea", "rail")),
        ("sea;rail", "in", True, ("sea", "rail")),
        ("sea", "out", True, ("sea", "road")),
        ("block_train;barge", "out", True, ("block_train", "block_train")),
        ("rail", "in", False, ("rail", "rail")),
        ("", "out", False, ("road", "road")),
        ("air", "in", True, ("air", "road")),
    ],
)
def test_modes_on_both_sides_of_a_gateway(modes, way, crosses, expected) -> None:
    assert course_modes(modes, way, crosses=crosses) == expected


def test_building_a_page_is_quick_and_repeats() -> None:
    again = page_of(facts(), INFO)
    assert again == html()


def test_bytes_of_the_workbook_open_again() -> None:
    buffer = BytesIO()
    write_workbook(buffer, tables())  # type: ignore[arg-type]
    assert "Siting" in openpyxl.load_workbook(buffer, read_only=True).sheetnames
