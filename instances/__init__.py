"""Instances: what is given. Schema, units, reading, writing, faults; bundled data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from instances.errors import Fault, InstanceError, OptimizerError

if TYPE_CHECKING:
    from instances.bundle import BundledInfo, list_bundled
    from instances.instance import Instance, make_instance
    from instances.override import parse_override
    from instances.reading import find_faults, read_instance
    from instances.settings import Settings
    from instances.writing import write_instance

# pandas is heavy; a command that only prints its help must not wait for it
_HOME = {
    "BundledInfo": "bundle", "list_bundled": "bundle",
    "Instance": "instance", "make_instance": "instance",
    "parse_override": "override",
    "find_faults": "reading", "read_instance": "reading",
    "Settings": "settings",
    "write_instance": "writing",
}  # fmt: skip

__all__ = [
    "BundledInfo", "Fault", "Instance", "InstanceError", "OptimizerError", "Settings",
    "find_faults", "list_bundled", "make_instance", "parse_override", "read_instance",
    "write_instance",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"instances.{_HOME[name]}"), name)
    raise AttributeError(f"module 'instances' has no attribute {name!r}")
