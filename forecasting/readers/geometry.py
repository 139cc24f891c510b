"""Distances and names of places."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.timestep import Floats

_EARTH_KM: Final = 6_371.0


def distance_km(place: npt.ArrayLike, lat: Floats, lon: Floats) -> Floats:
    """Great-circle distance from a place to others; longitudes of either habit."""
    at = np.radians(np.asarray(place, dtype=np.float64))
    lat, lon = np.radians(lat), np.radians(lon)
    half = np.sin((lat - at[0]) / 2) ** 2 + np.cos(at[0]) * np.cos(lat) * np.sin((lon - at[1]) / 2) ** 2
    km: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return km


def name_place(place: npt.ArrayLike) -> str:
    """A place as people write it: ``43.625N 9.125E``."""
    lat, lon = np.asarray(place, dtype=np.float64)
    lon = (lon + 180) % 360 - 180
    return f"{round(abs(lat), 4):g}{'S' if lat < 0 else 'N'} {round(abs(lon), 4):g}{'W' if lon < 0 else 'E'}"
