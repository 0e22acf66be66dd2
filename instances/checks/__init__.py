"""What must hold between the cells of an instance. One file per topic, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping

from instances.checks.capacity import check_capacity
from instances.checks.geography import (
    check_coordinates,
    check_reachable,
    check_region_places,
    check_zone_places,
)
from instances.checks.keys import check_keys, check_references
from instances.checks.network import (
    check_customs_places,
    check_ends,
    check_services,
    check_tariff_modes,
)
from instances.checks.projects import check_effects, check_prerequisites, check_waiting
from instances.checks.ranges import check_ranges
from instances.checks.shares import check_shares
from instances.checks.siting import (
    check_agglomeration,
    check_chains,
    check_modules,
    check_moves,
    check_rules,
)
from instances.draft import DraftTable
from instances.errors import Fault

CHECKS = (
    check_keys, check_references, check_ranges, check_shares, check_coordinates,
    check_region_places, check_zone_places, check_ends, check_tariff_modes, check_customs_places,
    check_services, check_effects, check_waiting, check_prerequisites, check_rules, check_chains,
    check_agglomeration, check_modules, check_moves, check_reachable, check_capacity,
)  # fmt: skip


def check_tables(drafts: Mapping[str, DraftTable]) -> list[Fault]:
    """Every fault between cells and tables; faults of single cells were found before."""
    return [fault for check in CHECKS for fault in check(drafts)]
