"""Builds the bundled instance ``shanxi`` from its evidence tables.

``python -m instances.shanxi_build`` rebuilds every table, byte for byte, from the CSV files in
``instances/bundled/shanxi/evidence``: correct a figure there, run it, and solve again.
"""

from __future__ import annotations

from instances.shanxi_build.build import BUNDLED, EVIDENCE, build, tables

__all__ = ["BUNDLED", "EVIDENCE", "build", "tables"]
