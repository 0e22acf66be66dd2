"""What README and docs/ show: commands parse and run, snippets run, links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from optimizer.cli import group

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _script(name: str) -> ModuleType:
    """Import a script of docs/ as a module."""
    path = ROOT / "docs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _commands(page: Path) -> list[str]:
    """Return the command lines that a page shows in its blocks, without the word `zoneopt`."""
    blocks = "\n".join(body for _, body in FENCE.findall(page.read_text(encoding="utf-8")))
    found = re.findall(r"^\s*(?:\.venv/bin/)?zoneopt (.+)$", blocks, re.MULTILINE)
    lines = [re.split(r"\s+# ", line)[0].strip() for line in found]
    return [line for line in lines if not line.startswith(("--", "COMMAND", "["))]


ALL = list(dict.fromkeys(line for page in PAGES for line in _commands(page)))
QUICK = [
    line
    for line in ALL
    if line.split()[0] in ("instances", "validate", "route", "calibrate", "completion")
    or line.split()[:2] in (["solve", "two_zones"], ["export", "two_zones"])
]


def _python(page: Path) -> list[str]:
    return [
        body for language, body in FENCE.findall(page.read_text("utf-8")) if language == "python"
    ]


def _shown(body: str) -> str:
    """Run a snippet and return what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(body, "snippet", "exec"), {})
    return out.getvalue()


def test_commands_are_found() -> None:
    """The lists below are not empty because the pages changed their form."""
    assert len(ALL) >= 15
    assert len(QUICK) >= 8


@pytest.mark.parametrize("line", ALL)
def test_every_command_line_parses(line: str) -> None:
    """Options and choices that a page shows exist; files need not."""
    name, *arguments = shlex.split(line)
    top = click.Context(group, info_name="zoneopt", **group.context_settings)
    command = group.get_command(top, name)
    assert command is not None, name
    try:
        command.make_context(name, arguments, parent=top)
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # a file that only the reader has
            raise


@pytest.mark.parametrize("line", QUICK)
def test_quick_command_lines_run(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They end with exit code 0; a route whose every way is closed with 1, as its page says."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(group, shlex.split(line))
    expected = 1 if line == "route two_zones taiyuan overseas --close tianjin" else 0
    assert result.exit_code == expected, result.output


@pytest.mark.slow
def test_readme_commands_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also the solves of Shanxi, and the check of the plan that one of them wrote."""
    monkeypatch.chdir(tmp_path)
    for line in _commands(PAGES[0]):
        result = CliRunner().invoke(group, shlex.split(line))
        assert result.exit_code == 0, f"{line}\n{result.output}"


@pytest.mark.slow
def test_readme_snippet_prints_what_the_readme_shows() -> None:
    """Word for word, except for numbers: plans within the gap may differ."""
    text = PAGES[0].read_text(encoding="utf-8")
    blocks = FENCE.findall(text)
    at = next(k for k, (language, _) in enumerate(blocks) if language == "python")
    printed, shown = _shown(blocks[at][1]), blocks[at + 1][1]
    assert printed.splitlines()[0] == shown.splitlines()[0]
    assert [line.split()[0] for line in printed.splitlines()] == [
        line.split()[0] for line in shown.splitlines()
    ]


@pytest.mark.parametrize("name", ["docs/verify.md", "docs/network.md"])
def test_snippets_run(name: str) -> None:
    """The blocks of one page run one after the other, as a reader would type them."""
    blocks = _python(ROOT / name)
    assert blocks
    _shown("\n".join(blocks))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link names a file of the repository."""
    page = ROOT / name
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    broken = [
        link for link in links if "://" not in link and not (page.parent / link).resolve().exists()
    ]
    assert broken == []


def test_commands_page_is_up_to_date() -> None:
    """If this fails: `python docs/commands_page.py`."""
    made = _script("commands_page").commands_page()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == made


def test_shanxi_table_is_that_of_the_runs() -> None:
    """If this fails: `python docs/shanxi_runs.py KEY` for the rows that changed."""
    runs = _script("shanxi_runs")
    rows = runs.read_rows()
    assert list(rows) == [run.key for run in runs.RUNS]
    assert {row["status"] for row in rows.values()} == {"optimal"}
    shown = runs.PAGE.read_text(encoding="utf-8").split(runs.START)[1].split(runs.END)[0]
    assert shown.strip() == runs.runs_table().strip()


def test_changed_evidence_changes_the_instance(tmp_path: Path) -> None:
    """Half the electronics staff that can be won is half the endowment of the pools."""
    from instances import read_instance

    runs = _script("shanxi_runs")
    run = next(run for run in runs.RUNS if run.key == "staff-low")
    runs.write_changed_instance(run, tmp_path / "changed")
    pools = [read_instance(where).table("pools") for where in ("shanxi", tmp_path / "changed")]
    before, after = (pool.set_index("pool_id")["endowment"] for pool in pools)
    assert after["electronics-taiyuan"] == pytest.approx(before["electronics-taiyuan"] / 2)
    assert after["labour-taiyuan"] == before["labour-taiyuan"]


@pytest.mark.slow
def test_default_run_is_that_of_the_page() -> None:
    """Cost and bound may move within the gap; what is stored must stay an answer."""
    runs = _script("shanxi_runs")
    stored = runs.read_rows()["default"]
    row = runs.solve_run(runs.RUNS[0])
    assert float(row["bound_mcny"]) <= float(stored["objective_mcny"])
    assert float(stored["bound_mcny"]) <= float(row["objective_mcny"])
    assert row["stay_mcny"] == stored["stay_mcny"]
