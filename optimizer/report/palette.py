"""One palette for every picture: colours that stay apart for colour-blind eyes."""

from __future__ import annotations

# After Okabe and Ito (2008); road and barge are greys and a second green to keep rail in front.
MODE_COLOURS = {
    "road": "#6b6b6b",
    "rail": "#0072b2",
    "block_train": "#d55e00",
    "rail_broad": "#56b4e9",
    "sea": "#009e73",
    "barge": "#8fbf3f",
    "air": "#cc79a7",
}
FATE_COLOURS = {"moved": "#0b5394", "rival": "#e69f00", "stayed": "#9a9a9a", "common": "#7b3294"}
ZONE = "#7b3294"
INK = "#1c2430"
QUIET = "#5b6470"
LAND, SEA, COAST, BORDER = "#f6f3ea", "#e6eff5", "#a9a493", "#8b8676"
FONTS = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "PingFang SC", '
    '"Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", sans-serif'
)


def faint(colour: str, alpha: float) -> str:
    """Return a hex colour with an opacity, as plotly reads it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
