"""Which labels fit on a map without covering each other, and on which side of their point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SIDES = (
    ("middle right", 1, 0), ("middle left", -1, 0), ("top center", 0, 1), ("bottom center", 0, -1),
    ("top right", 1, 1), ("top left", -1, 1), ("bottom right", 1, -1), ("bottom left", -1, -1),
)  # fmt: skip
Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a point. ``radius_px`` is the size of the mark it must not cover."""

    x: float
    y: float
    text: str  # lines are separated by <br>
    radius_px: float = 4.0
    sides: tuple[str, ...] = ()  # () = any
    over_marks: bool = False  # where there is no other room, it may cover the marks of others


@dataclass(frozen=True, slots=True)
class Placed:
    """A label that found room."""

    label: Label
    side: str


def plot_text(text: str) -> str:
    """Return text that plotly's few tags cannot be made of."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_size(text: str, font_px: float) -> tuple[float, float]:
    """Return width and height of a text in pixels; Chinese characters are as wide as high."""
    lines = text.split("<br>")
    wide = max(sum(1.02 if ord(c) > 0x2E7F else 0.62 for c in line) for line in lines)
    return wide * font_px, 1.25 * font_px * len(lines)


def place_labels(
    labels: Sequence[Label],
    px_per_unit: float,
    font_px: float,
    frame: tuple[float, float, float, float],
    marks: Sequence[tuple[float, float, float]] = (),
) -> list[Placed]:
    """Return the labels that fit, in the order given: the first come first.

    Parameters
    ----------
    frame
        West, south, east, north of the picture, in its own units: labels stay inside.
    marks
        Points with a radius in pixels that no label may cover.
    """
    taken: list[Box] = []
    spots = [(x * px_per_unit, y * px_per_unit, r) for x, y, r in marks]
    placed = []
    for label in labels:
        found = _room(label, px_per_unit, font_px, frame, taken, spots)
        if found is None and label.over_marks:
            found = _room(label, px_per_unit, font_px, frame, taken, ())
        if found is not None:
            taken.append(found[1])
            placed.append(Placed(label, found[0]))
    return placed


def _room(
    label: Label,
    px_per_unit: float,
    font_px: float,
    frame: tuple[float, float, float, float],
    taken: Sequence[Box],
    spots: Sequence[tuple[float, float, float]],
) -> tuple[str, Box] | None:
    """Return the first side of a point where its label fits, and the box that it takes."""
    west, south, east, north = (v * px_per_unit for v in frame)
    width, height = text_size(label.text, font_px)
    x, y = label.x * px_per_unit, label.y * px_per_unit
    gap = label.radius_px + 2
    for side, right, up in _SIDES:
        if label.sides and side not in label.sides:
            continue
        left = x + (gap if right > 0 else -gap - width if right < 0 else -width / 2)
        bottom = y + (gap if up > 0 else -gap - height if up < 0 else -height / 2)
        box = (left, bottom, left + width, bottom + height)
        inside = box[0] >= west and box[2] <= east and box[1] >= south and box[3] <= north
        if inside and not any(_meet(box, b) for b in taken) and not _covers(box, spots, x, y):
            return side, box
    return None


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _covers(box: Box, spots: Sequence[tuple[float, float, float]], x: float, y: float) -> bool:
    """Return whether a box covers a mark other than its own."""
    for sx, sy, r in spots:
        own = abs(sx - x) < 0.01 and abs(sy - y) < 0.01
        near = box[0] < sx + r and sx - r < box[2] and box[1] < sy + r and sy - r < box[3]
        if near and not own:
            return True
    return False
