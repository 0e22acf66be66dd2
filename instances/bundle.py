"""The instances that come with the package."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BundledInfo:
    """A bundled instance: ``read_instance(info.name)`` reads it."""

    name: str
    title: str
    description: str
    path: Path


def _folder() -> Path:
    return Path(str(files("instances") / "bundled"))


def bundled_path(name: str) -> Path | None:
    """The folder of a bundled instance, or None when there is none of that name."""
    if not name or Path(name).name != name or name.startswith("."):
        return None
    path = _folder() / name
    return path if (path / "instance.toml").is_file() else None


def list_bundled() -> list[BundledInfo]:
    """All bundled instances, by name."""
    found = []
    for settings in sorted(_folder().glob("*/instance.toml")):
        head = tomllib.loads(settings.read_text(encoding="utf-8")).get("instance", {})
        name = settings.parent.name
        title, text = head.get("name", name), head.get("description", "")
        found.append(BundledInfo(name, str(title), str(text), settings.parent))
    return found
