"""Where to draw a sea link: a chain of way-points. For the picture only, no number uses it."""

from __future__ import annotations

import heapq
import math
from functools import lru_cache

Point = tuple[float, float]  # longitude, latitude in degrees; see `unwrapped`

_POINTS: dict[str, Point] = {
    "bohai": (119.2, 38.6), "bohai_strait": (121.3, 38.4), "shandong": (123.2, 37.3),
    "yellow": (122.8, 35.2), "korea_west": (125.3, 36.8), "jeju": (125.6, 33.2),
    "korea_strait": (129.4, 34.4), "changjiang": (122.9, 31.0), "kyushu": (130.0, 30.5),
    "shikoku": (134.5, 32.6), "tokyo": (139.9, 34.6), "sea_of_japan": (132.0, 40.5),
    "ningbo": (123.0, 29.3), "taiwan_strait": (119.4, 24.2), "kaohsiung": (119.8, 22.0),
    "hong_kong": (114.2, 21.6), "hainan_east": (111.6, 19.2), "hainan_strait": (110.2, 20.15),
    "tonkin": (108.0, 20.4), "hainan_south": (108.8, 17.6), "vietnam": (110.2, 12.0),
    "mekong": (107.5, 9.2), "siam_mouth": (103.6, 8.2), "siam": (100.8, 12.7),
    "south_china": (107.0, 6.0), "singapore": (104.3, 1.25), "java": (107.0, -4.6),
    "malacca": (100.6, 3.0), "aceh": (95.0, 6.1), "ceylon": (80.6, 5.5), "arabian": (66.0, 12.0),
    "gujarat": (63.0, 21.0), "hormuz": (56.6, 26.3), "gulf": (54.6, 25.5), "aden": (51.5, 12.8),
    "mandeb": (43.3, 12.5), "red_sea": (38.0, 20.0), "suez_south": (32.7, 29.5),
    "suez_north": (32.4, 31.6), "crete": (24.5, 34.4), "aegean": (24.0, 37.0),
    "sicily": (11.0, 37.5), "alboran": (-2.0, 36.2), "gibraltar": (-6.0, 35.9),
    "vincent": (-9.6, 36.8), "finisterre": (-10.0, 43.4), "ushant": (-6.0, 48.8),
    "dover": (1.5, 51.1), "north_sea": (3.6, 52.1), "bight": (8.0, 54.1),
    "somalia": (53.0, 5.0), "madagascar": (56.0, -22.0), "cape": (18.0, -35.5),
    "verde": (-18.5, 15.0), "natal": (-33.0, -6.0), "santos": (-45.5, -24.5),
    "sunda": (105.0, -6.6), "tsugaru": (141.5, 41.5),
    "pacific_north": (179.0, 46.5), "california": (236.0, 34.5), "mexico": (250.0, 20.0),
    "panama_west": (280.2, 7.5), "panama_east": (280.4, 9.8), "windward": (286.0, 20.0),
    "new_york": (287.5, 39.5),
}  # fmt: skip

_LANES = """
bohai bohai_strait|bohai_strait shandong|shandong yellow|shandong korea_west|shandong jeju
yellow jeju
yellow changjiang|korea_west jeju|jeju korea_strait|jeju changjiang|jeju kyushu|changjiang kyushu
kyushu shikoku|shikoku tokyo|korea_strait sea_of_japan|sea_of_japan tsugaru|tsugaru pacific_north
tokyo pacific_north|changjiang ningbo|ningbo taiwan_strait|ningbo kyushu|taiwan_strait kaohsiung
taiwan_strait hong_kong|kaohsiung hong_kong|kaohsiung south_china|hong_kong hainan_east
hong_kong hainan_strait|hainan_strait tonkin|hainan_east hainan_south|hainan_south tonkin
hainan_east vietnam|hainan_south vietnam|vietnam mekong|mekong siam_mouth|siam_mouth siam
mekong south_china|south_china singapore|siam_mouth singapore|singapore java|singapore malacca
malacca aceh|aceh ceylon|ceylon arabian|arabian aden|arabian gujarat|gujarat hormuz|hormuz gulf
aden mandeb|mandeb red_sea|red_sea suez_south|suez_south suez_north|suez_north crete|crete aegean
crete sicily|sicily alboran|alboran gibraltar|gibraltar vincent|vincent finisterre
finisterre ushant|ushant dover|dover north_sea|north_sea bight|aden somalia|somalia madagascar
ceylon madagascar|madagascar cape|cape verde|verde vincent|cape santos|java sunda|sunda madagascar
pacific_north california|california mexico|mexico panama_west|panama_west panama_east
panama_east windward|windward new_york|santos natal|natal verde
"""


def unwrapped(longitude: float) -> float:
    """Return the longitude to draw at: America west of 60 W lies east of Japan on our map."""
    return longitude + 360 if longitude < -60 else longitude


def kilometres(a: Point, b: Point) -> float:
    """Return the great-circle distance of two points in km."""
    lon_a, lat_a, lon_b, lat_b = map(math.radians, (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2
    h += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6371 * math.asin(min(1.0, math.sqrt(h)))


@lru_cache(maxsize=1)
def _graph() -> dict[str, list[tuple[str, float]]]:
    graph: dict[str, list[tuple[str, float]]] = {name: [] for name in _POINTS}
    for lane in _LANES.replace("\n", "|").split("|"):
        if lane.strip():
            a, b = lane.split()
            km = kilometres(_POINTS[a], _POINTS[b])
            graph[a].append((b, km))
            graph[b].append((a, km))
    return graph


def _near(point: Point, avoid: frozenset[str]) -> list[tuple[float, str]]:
    return sorted((kilometres(point, q), n) for n, q in _POINTS.items() if n not in avoid)[:2]


def _shortest(start: Point, end: Point, avoid: frozenset[str]) -> tuple[float, list[Point]]:
    """Return km and way-points of the shortest chain, entered and left at near way-points."""
    graph = _graph()
    leave = {n: d for d, n in _near(end, avoid)}
    # The last hop weighs more than it measures, so that a chain follows the lane to the nearest
    # way-point instead of cutting across a headland.
    queue: list[tuple[float, str, tuple[str, ...]]] = [
        (2 * d, n, (n,)) for d, n in _near(start, avoid)
    ]
    heapq.heapify(queue)
    done: set[str] = set()
    best: tuple[float, list[Point]] = (math.inf, [])
    while queue:
        km, name, path = heapq.heappop(queue)
        if km >= best[0]:
            break
        if name in done:
            continue
        done.add(name)
        if name in leave and km + 2 * leave[name] < best[0]:
            best = (km + 2 * leave[name], [_POINTS[n] for n in path])
        for other, step in graph[name]:
            if other not in avoid and other not in done:
                heapq.heappush(queue, (km + step, other, (*path, other)))
    return best


@lru_cache(maxsize=4096)
def sea_line(start: Point, end: Point, km: float) -> tuple[Point, ...]:
    """Return the points of a sea link's line, through Suez or round the Cape, as its km suggest."""
    if kilometres(start, end) < 250:
        return (start, end)
    choices = [
        _shortest(start, end, frozenset()),
        _shortest(start, end, frozenset({"suez_south"})),
        _shortest(start, end, frozenset({"panama_west"})),
        _shortest(start, end, frozenset({"suez_south", "panama_west"})),
    ]
    found = [c for c in choices if c[1]]
    if not found:
        return (start, end)
    points = min(found, key=lambda c: abs(c[0] - km))[1]
    return (start, *points, end)
