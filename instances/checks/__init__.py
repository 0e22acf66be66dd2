"""What must hold between the cells of an instance. One file per topic, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping

from instances.checks.keys import check_keys, check_references
from instances.draft import DraftTable
from instances.errors import Fault


def check_tables(drafts: Mapping[str, DraftTable]) -> list[Fault]:
    """Every fault between cells and tables; faults of single cells were found before."""
    faults: list[Fault] = []
    for check in (check_keys, check_references):
        faults.extend(check(drafts))
    return faults
