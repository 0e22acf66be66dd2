"""Disruptions with a name."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, Row, short

COLUMNS = ("event_id", "name", "name_zh", "closed", "overrides", "text")


def build_events(e: Evidence) -> list[Row]:
    """Rows of ``events``: events.csv as it stands."""
    return [
        {
            **{name: row[name] for name in COLUMNS},
            "source": short(row["source"], 300),
            "grade": row["confidence"],
        }
        for row in e["events"]
    ]
