"""Distances on the globe, for hours between zones (docs/formulas.md, constraint 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

EARTH_RADIUS_KM = 6371.0


def great_circle_km(
    latitude_deg: np.ndarray | float,
    longitude_deg: np.ndarray | float,
    other_latitude_deg: np.ndarray | float,
    other_longitude_deg: np.ndarray | float,
) -> np.ndarray | float:
    """Return great-circle distances by the haversine formula, km; arrays broadcast."""
    latitude, other = np.radians(latitude_deg), np.radians(other_latitude_deg)
    turn = np.radians(other_longitude_deg) - np.radians(longitude_deg)
    half = (
        np.sin((other - latitude) / 2) ** 2
        + np.cos(latitude) * np.cos(other) * np.sin(turn / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))


def zone_hours(instance: Any) -> pd.DataFrame:
    """Return hours by road between zones, zone ids as index and columns.

    Great-circle km x ``road_detour_factor`` / ``road_speed_km_per_hour``: an estimate for the rule
    that followers settle near their leader, not a route of the network.
    """
    zones = instance.tables["zones"]["zone_id"].tolist()
    places = instance.tables["places"].set_index("place_id").loc[zones]
    latitude = places["latitude_deg"].to_numpy()
    longitude = places["longitude_deg"].to_numpy()
    km = great_circle_km(latitude[:, None], longitude[:, None], latitude, longitude)
    settings = instance.settings
    hours = km * settings.road_detour_factor / settings.road_speed_km_per_hour
    return pd.DataFrame(hours, index=zones, columns=zones)
