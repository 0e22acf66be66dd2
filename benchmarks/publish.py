"""Write docs/measured.md from the reports of a real run of the suites.

    python benchmarks/publish.py benchmarks/results/run

Every suite has a folder there with the ``rows.jsonl`` and ``report.md`` of ``zoneopt bench``.
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "measured.md"
ORDER = ("shanxi", "transfer", "orlib", "tbed1", "goertz_klose", "mcnd", "sscflp", "uflp", "small")
INTRO = """# Measured: the published instances and our own

One real run of `zoneopt bench` with two threads on two cores, bad rows included. The protocol is in
[benchmarks/README.md](../benchmarks/README.md); all that was measured, also the course of plans and
bounds over time, is in `benchmarks/results/run`. This page is made by
`python benchmarks/publish.py benchmarks/results/run`.

{note}
"""


def sections(report: str) -> dict[str, str]:
    """Return the parts of a report by their headings."""
    parts = report.split("\n## ")
    pairs = (part.split("\n", 1) for part in parts[1:])
    return {"": parts[0], **{title.strip(): body.strip() for title, body in pairs}}


def page(folder: Path) -> str:
    """Return the text of docs/measured.md."""
    note = (folder / "NOTE.md").read_text(encoding="utf-8").strip()
    text = [INTRO.format(note=note)]
    columns = ""
    for suite in ORDER:
        file = folder / suite / "report.md"
        if not file.exists():
            text.append(f"## {suite}\n\nNot run.\n")
            continue
        parts = sections(file.read_text(encoding="utf-8"))
        machine = parts[""].split("\n", 2)[2].strip()
        text.append(f"## {suite}\n\n{machine}\n\n{parts['Targets']}\n")
        text += [f"{b}\n" for title, b in parts.items() if title.startswith("Runs")]
        columns = parts["What the columns mean"]
    text.append(f"## What the columns mean\n\n{columns}\n")
    return "\n".join(text)


if __name__ == "__main__":
    PAGE.write_text(page(Path(sys.argv[1])), encoding="utf-8")
