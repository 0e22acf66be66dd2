"""Published figures that the network is compared with."""

from __future__ import annotations

from instances.shanxi_build.evidence import Evidence, Row, short


def build_calibration(e: Evidence) -> list[Row]:
    """Rows of ``calibration``: calibration_figures.csv in the quantity's unit, per TEU."""
    rows: list[Row] = []
    for row in e["calibration_figures"]:
        factor = {
            "km": 1.0,
            "hours": 1.0,
            "days": 24.0,
            "usd_per_feu": e.fx / 2,
            "cny_per_teu": 1.0,
            "kg_per_teu": 1.0,
        }[row["unit"]]
        rows.append(
            {
                "row_id": row["row_id"],
                "quantity": row["quantity"],
                "tail_place_id": e.place_id(row["from"]),
                "head_place_id": e.place_id(row["to"]),
                "mode": row["modes"],
                "by": row["by"],
                "via_place_id": ";".join(e.place_id(v) for v in row["via"].split(";") if v),
                "value_low": round(e.number("calibration_figures", row, "low") * factor, 1),
                "value_high": round(e.number("calibration_figures", row, "high") * factor, 1),
                "used_as_input": int(e.number("calibration_figures", row, "used_as_input")),
                "source": short(row["source"], 300),
                "grade": row["confidence"],
            }
        )
    return rows
