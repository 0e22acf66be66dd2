"""``python -m instances.shanxi_build [--evidence DIR] [--out DIR] [--ranges]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from instances.shanxi_build.build import BUNDLED, EVIDENCE, build
from instances.shanxi_build.evidence import EvidenceError
from instances.shanxi_build.ranges import write_ranges


def main() -> int:
    """Rebuild the tables; 0 when they are written, 2 when the evidence cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m instances.shanxi_build", description=__doc__)
    parser.add_argument("--evidence", type=Path, default=EVIDENCE, help="folder of evidence CSVs")
    parser.add_argument("--out", type=Path, default=BUNDLED, help="folder of the instance")
    parser.add_argument(
        "--ranges",
        action="store_true",
        help="write ranges/ too: which cells each documented range moves (a minute)",
    )
    given = parser.parse_args()
    try:
        written = build(given.evidence, given.out)
        if given.ranges:
            written |= write_ranges(given.evidence, given.out / "ranges")
    except EvidenceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, rows in written.items():
        sys.stdout.write(f"{name}: {rows} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
