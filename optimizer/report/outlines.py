"""Outlines of land and of the host province's prefectures, and how they come onto paper."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from optimizer.report.sea_lanes import unwrapped

Ring = list[tuple[float, float]]  # longitude, latitude


@dataclass(frozen=True, slots=True)
class Paper:
    """An equirectangular projection that is true to scale at one latitude."""

    latitude: float

    def x(self, longitude: float) -> float:
        """Return the horizontal position, in degrees of latitude."""
        return round(longitude * math.cos(math.radians(self.latitude)), 3)

    def line(self, points: Iterable[tuple[float, float]]) -> tuple[list[Any], list[Any]]:
        """Return x and y of a line."""
        pairs = [(self.x(lon), round(lat, 3)) for lon, lat in points]
        return [p[0] for p in pairs], [p[1] for p in pairs]


@dataclass(frozen=True, slots=True)
class Area:
    """A named outline."""

    name: str
    name_zh: str
    rings: tuple[tuple[tuple[float, float], ...], ...]
    centre: tuple[float, float]


def _read(name: str) -> dict[str, Any]:
    return json.loads((resources.files("instances") / "geo" / name).read_text(encoding="utf-8"))


def _rings(geometry: dict[str, Any]) -> list[Ring]:
    """Return all rings of a polygon or multi-polygon."""
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    return [[(p[0], p[1]) for p in ring] for polygon in polygons for ring in polygon]


@lru_cache(maxsize=1)
def land() -> tuple[Ring, ...]:
    """Return the coast as closed rings, America drawn east of Japan as well."""
    rings: list[Ring] = []
    for feature in _read("land_110m.geojson")["features"]:
        for ring in _rings(feature["geometry"]):
            ring = _unbroken(ring)
            west = sum(p[0] for p in ring) / len(ring)
            south = min(p[1] for p in ring)
            if max(p[1] for p in ring) < -56 or (south > 60 and west < -20):
                continue  # Antarctica, Greenland and the islands north of it
            ring = [(round(lon, 1), round(lat, 1)) for lon, lat in ring]
            if west > -90:
                rings.append(ring)
            if west < -30:
                rings.append([(round(lon + 360, 1), lat) for lon, lat in ring])
    return tuple(rings)


def _unbroken(ring: Ring) -> Ring:
    """Return the ring with longitudes running on where it jumps from 180 to -180."""
    points = ring[:1]
    for lon, lat in ring[1:]:
        points.append((lon + 360 * round((points[-1][0] - lon) / 360), lat))
    return points


@lru_cache(maxsize=1)
def _areas() -> tuple[tuple[Area, ...], ...]:
    """Return the outlines of each file of prefectures that comes with the instances."""
    files = sorted(
        f.name
        for f in (resources.files("instances") / "geo").iterdir()
        if f.name.endswith("_prefectures.geojson")
    )
    return tuple(tuple(_area(f) for f in _read(name)["features"]) for name in files)


def _area(feature: dict[str, Any]) -> Area:
    about = feature["properties"]
    rings = tuple(tuple(simplified(r, 0.012)) for r in _rings(feature["geometry"]))
    centre = about.get("centre") or rings[0][0]
    name = str(about.get("prefecture", "")).capitalize()
    return Area(name, str(about.get("name", "")), rings, (float(centre[0]), float(centre[1])))


def prefectures(points: Sequence[tuple[float, float]]) -> tuple[Area, ...]:
    """Return the prefectures of the province that most of the points lie in; () if none does."""
    best: tuple[int, tuple[Area, ...]] = (0, ())
    for areas in _areas():
        west, south, east, north = bounds([p for a in areas for r in a.rings for p in r])
        inside = sum(west <= lon <= east and south <= lat <= north for lon, lat in points)
        if inside > best[0] and 2 * inside > len(points):
            best = (inside, areas)
    return best[1]


def clipped(rings: Sequence[Ring], frame: tuple[float, float, float, float]) -> list[Ring]:
    """Return the parts of closed rings inside west, south, east, north (Sutherland-Hodgman)."""
    west, south, east, north = frame
    sides = ((0, west, 1), (0, east, -1), (1, south, 1), (1, north, -1))
    result = []
    for ring in rings:
        points = list(ring)
        for axis, edge, sign in sides:
            points = _half(points, axis, edge, sign)
        if len(points) > 2:
            result.append([*points, points[0]])
    return result


def _half(ring: Ring, axis: int, edge: float, sign: int) -> Ring:
    """Return the part of a ring on one side of a line of longitude (axis 0) or latitude (1)."""
    points: Ring = []
    for a, b in zip(ring, [*ring[1:], ring[0]] if ring else [], strict=True):
        inside_a, inside_b = sign * (a[axis] - edge) >= 0, sign * (b[axis] - edge) >= 0
        if inside_a:
            points.append(a)
        if inside_a != inside_b:
            f = (edge - a[axis]) / (b[axis] - a[axis])
            points.append((a[0] + f * (b[0] - a[0]), a[1] + f * (b[1] - a[1])))
    return points


def bounds(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the points."""
    lon, lat = [p[0] for p in points], [p[1] for p in points]
    return min(lon), min(lat), max(lon), max(lat)


def simplified(ring: Sequence[tuple[float, float]], tolerance: float) -> Ring:
    """Return the line with the points that matter more than `tolerance` (Douglas-Peucker)."""
    points = [(round(lon, 3), round(lat, 3)) for lon, lat in ring]
    if len(points) < 3:
        return points
    keep = {0, len(points) - 1}
    stack = [(0, len(points) - 1)]
    if points[0] == points[-1]:  # a closed ring has no base line: split it at its far point
        far = max(range(len(points)), key=lambda i: math.dist(points[i], points[0]))
        keep.add(far)
        stack = [(0, far), (far, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        far, distance = first, 0.0
        for i in range(first + 1, last):
            d = _off_line(points[i], points[first], points[last])
            if d > distance:
                far, distance = i, d
        if distance > tolerance:
            keep.add(far)
            stack += [(first, far), (far, last)]
    return [points[i] for i in sorted(keep)]


def _off_line(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    if a == b:
        return math.dist(p, a)
    length = math.dist(a, b)
    return abs((b[0] - a[0]) * (a[1] - p[1]) - (a[0] - p[0]) * (b[1] - a[1])) / length


def great_circle(
    start: tuple[float, float], end: tuple[float, float], step_deg: float = 4.0
) -> list[tuple[float, float]]:
    """Return points of the great circle from start to end, longitudes running on past 180."""
    lon_a, lat_a, lon_b, lat_b = map(math.radians, (*start, *end))
    a = [math.cos(lat_a) * math.cos(lon_a), math.cos(lat_a) * math.sin(lon_a), math.sin(lat_a)]
    b = [math.cos(lat_b) * math.cos(lon_b), math.cos(lat_b) * math.sin(lon_b), math.sin(lat_b)]
    angle = math.acos(max(-1.0, min(1.0, sum(p * q for p, q in zip(a, b, strict=True)))))
    count = max(1, math.ceil(math.degrees(angle) / step_deg))
    if count == 1 or math.sin(angle) == 0:
        return [start, end]
    points = [start]
    for i in range(1, count):
        f, g = math.sin((1 - i / count) * angle), math.sin(i / count * angle)
        x, y, z = ((f * p + g * q) / math.sin(angle) for p, q in zip(a, b, strict=True))
        lon = math.degrees(math.atan2(y, x))
        lon += 360 * round((points[-1][0] - lon) / 360)
        points.append((lon, math.degrees(math.asin(max(-1.0, min(1.0, z))))))
    last = end[0] + 360 * round((points[-1][0] - end[0]) / 360)
    return [*points, (last, end[1])]


def at(place: dict[str, Any]) -> tuple[float, float]:
    """Return where a place is drawn: longitude (see `unwrapped`) and latitude."""
    return unwrapped(float(place["longitude_deg"])), float(place["latitude_deg"])
