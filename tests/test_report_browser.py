"""The page in a real browser, without a network: it draws, it fits, it says nothing wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, Page
from report_case import RUN_INFO, report_instance, report_network, report_plan

from optimizer.report.page import report_html

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

INFO = RUN_INFO | {"zoneopt_version": "0.1.0"}
# What sticks out of the page to the right, boxes that scroll on their own left out.
STICKS_OUT = """
JSON.stringify([...document.body.querySelectorAll("*")].filter((e) => {
  if (e.closest(".box, .plotbox, svg, details:not([open])")) { return false; }
  return e.getBoundingClientRect().right > window.innerWidth + 1;
}).map((e) => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    text = report_html(report_instance(), report_plan(), run_info=INFO, network=report_network())
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wide(report: Path) -> Iterator[Page]:
    with Page(1400, 1000) as page:
        page.open(report)
        yield page


@pytest.fixture(scope="module")
def narrow(report: Path) -> Iterator[Page]:
    with Page(390, 844) as page:
        page.open(report)
        yield page


@pytest.mark.parametrize("view", ["wide", "narrow"])
def test_the_page_draws_every_chart_without_errors(view: str, request) -> None:
    page = request.getfixturevalue(view)
    assert page.errors == []
    drawn = json.loads(
        page.evaluate(
            "JSON.stringify([...document.querySelectorAll('.plot')].map("
            "(p) => [p.id, p.querySelectorAll('svg.main-svg path').length]))"
        )
    )
    assert {name for name, _ in drawn} == {
        f"plot-{n}" for n in ("map_near", "map_far", "industries", "components", "who", "goods")
    }
    assert all(paths > 4 for _, paths in drawn), drawn


@pytest.mark.parametrize("view", ["wide", "narrow"])
def test_the_page_asks_the_network_for_nothing(view: str, report: Path, request) -> None:
    page = request.getfixturevalue(view)
    outside = [u for u in page.requests if not u.startswith(("data:", "blob:"))]
    assert outside == [report.resolve().as_uri()]


@pytest.mark.parametrize(("view", "width"), [("wide", 1400), ("narrow", 390)])
def test_nothing_sticks_out_to_the_right(view: str, width: int, request) -> None:
    page = request.getfixturevalue(view)
    assert page.evaluate("window.innerWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert json.loads(page.evaluate(STICKS_OUT)) == []


def test_text_is_large_enough_to_read_on_a_phone(narrow: Page) -> None:
    smallest = narrow.evaluate(
        "Math.min(...[...document.querySelectorAll('p, td, th, li, summary, .note, text')]"
        ".filter((e) => e.textContent.trim()).map((e) => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 10


def test_tables_and_sankeys_scroll_inside_their_boxes(narrow: Page) -> None:
    scrolls = (
        "(s) => { const e = document.querySelector(s); return e.scrollWidth > e.clientWidth; }"
    )
    for box in (".box:has([data-table=siting])", ".plotbox:has(#plot-goods)"):
        assert narrow.evaluate(f"({scrolls})('{box}')"), box


def test_chinese_is_drawn_with_a_font_that_has_it(wide: Page) -> None:
    """A missing glyph is as wide as any other missing glyph; real ones of other scripts differ."""
    text = wide.evaluate("document.querySelector('#plot-who').textContent")
    assert "唐槐产业园区" in text


def test_maps_keep_their_proportions(wide: Page) -> None:
    for name in ("map_near", "map_far"):
        ratio = wide.evaluate(
            f"(() => {{ const l = document.getElementById('plot-{name}')._fullLayout;"
            "const x = l.xaxis, y = l.yaxis; return (x._length / (x.range[1] - x.range[0]))"
            " / (y._length / (y.range[1] - y.range[0])); })()"
        )
        assert ratio == pytest.approx(1, rel=1e-3), name


def test_the_page_prints(wide: Page, tmp_path: Path) -> None:
    wide.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
