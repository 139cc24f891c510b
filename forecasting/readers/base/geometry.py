"""Distances, depths and names of places."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.base.options import Place
from forecasting.series.times import Floats

_EARTH_KM: Final = 6_371.0
_MAX_POSITIONS: Final = 12
"""Positions that a buoy at its mooring, or several, are given at most: one that drifts has more."""
_MIN_DISTANCE_KM: Final = 10.0
"""Farther than a buoy swings, or is laid out anew."""
MAX_DEPTHS_METRES: Final = 10.0
"""Metres by which an instrument at its mooring rises and falls."""
_MIN_ROWS: Final = 30
"""Rows that a fixed place has at least."""


def distance_km(place: npt.ArrayLike, lat: Floats, lon: Floats) -> Floats:
    """Great-circle distance from a place to others; longitudes of either habit."""
    at = np.radians(np.asarray(place, dtype=np.float64))
    lat, lon = np.radians(lat), np.radians(lon)
    half = np.sin((lat - at[0]) / 2) ** 2 + np.cos(at[0]) * np.cos(lat) * np.sin((lon - at[1]) / 2) ** 2
    km: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return km


def describe_depths(depths: Floats, name: str) -> tuple[str, ...]:
    """A sentence on values, each at a depth (metres) of its own, that are of no one layer of the sea."""
    known = depths[np.isfinite(depths)]
    if not len(known) or np.ptp(known) <= MAX_DEPTHS_METRES:
        return ()
    return (f"{name} runs from {known.min():g} to {known.max():g}: values are of several depths; keep those of one",)


def name_place(place: npt.ArrayLike) -> str:
    """A place as people write it: ``43.625N 9.125E``."""
    lat, lon = np.asarray(place, dtype=np.float64)
    lon = (lon + 180) % 360 - 180
    return f"{round(abs(lat), 4):g}{'S' if lat < 0 else 'N'} {round(abs(lon), 4):g}{'W' if lon < 0 else 'E'}"


def fixed_places(points: Floats, rows: npt.NDArray[np.bool_]) -> Floats | None:
    """The fixed place that each row is of, ``(n, 2)``; None where there are not several, each of some length.

    Positions next to one another are of one place.
    """
    found, counts = np.unique(points[rows & np.isfinite(points).all(axis=1)], axis=0, return_counts=True)
    if not 2 <= len(found) <= _MAX_POSITIONS:
        return None
    found = found[np.argsort(-counts, kind="stable")]
    places: list[Floats] = []
    at = points.copy()
    for point in found:
        near = [place for place in places if distance_km(place, point[:1], point[1:])[0] <= _MIN_DISTANCE_KM]
        if not near:
            places.append(point)
        at[(points == point).all(axis=1)] = near[0] if near else point
    lengths = [int((rows & (at == place).all(axis=1)).sum()) for place in places]
    return at if len(places) > 1 and min(lengths) >= _MIN_ROWS else None


def nearest_depth(depths: Floats, asked: float) -> float:
    """The depth next to the one that was asked for, whichever way the axis points."""
    return float(depths[int(np.abs(np.abs(depths) - abs(asked)).argmin())])


def place_of(text: str) -> Place:
    """``LAT,LON`` in degrees.

    Raises:
        FileError: if the text is none.
    """
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise FileError(f"{text[:40]!r} is no place; write LAT,LON in degrees, as 43.6,-9.1") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 360):
        raise FileError(f"{text[:40]!r} is no place: latitudes are −90 to 90, longitudes −180 to 360")
    return lat, lon
