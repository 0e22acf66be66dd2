"""The rooms of docs/architecture.md: imports go downwards only, and each room has a place."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("optimizer", "networks", "instances")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the code in a folder."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_imports_go_downwards_only() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kept, 0 broken" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code without the data, in a folder where it may be broken."""
    for package in PACKAGES:
        only_code = shutil.ignore_patterns("__pycache__", "bundled", "geo", "evidence", "*.csv")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=only_code)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        # upwards, inside a function: lazy imports count
        ("networks/geo.py", "def f() -> None:\n    import optimizer.problem", "downwards"),
        ("optimizer/plan/verify/verdict.py", "import networks.network", "verifier"),
        ("optimizer/plan/verify/check.py", "import optimizer.linear", "verifier"),
        ("optimizer/engine/root.py", "import highspy", "Only optimizer.solvers"),
        ("optimizer/engine/facility/run.py", "import optimizer.engine.design", "structures"),
    ],
)
def test_a_forbidden_import_is_noticed(copy: Path, module: str, line: str, contract: str) -> None:
    with (copy / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint(copy)
    broken = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    assert done.returncode == 1
    assert any(contract in row for row in broken), done.stdout


def test_every_room_has_a_layer_and_a_line_in_the_document() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip("() ") for layer in layers for room in layer.split("|")}
    there = {"networks", "instances"}
    for path in (ROOT / "optimizer").iterdir():
        if path.stem.startswith("__"):
            continue
        if path.suffix == ".py" or (path / "__init__.py").exists():
            there.add(f"optimizer.{path.stem}")
    assert there <= placed
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in placed:
        path = room.replace(".", "/")
        assert re.search(rf"^{path}(/|\.py) ", document, re.MULTILINE), f"{room} is not drawn"
