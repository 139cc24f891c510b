"""Places, as users write them, and how far and deep they are."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import Floats

Place = tuple[float, float]
"""Latitude and longitude in degrees, north and east positive; longitudes from −180 to 180 or from 0 to 360."""

_EARTH_KM: Final = 6_371.0
_MAX_POSITIONS: Final = 12
"""Largest number of positions of one or more moored buoys; a drifting buoy has more."""
_MIN_DISTANCE_KM: Final = 10.0
"""Distance between two moorings: farther than a buoy swings or is redeployed."""
_MIN_ROWS: Final = 30
"""Smallest number of rows of a fixed place."""
_FARTHEST_DEGREES: Final = 2.0
"""How far a station may move and still have a position; buoys drift some tenths of a degree."""


def parse_place(text: str) -> Place:
    """Parse ``LAT,LON`` in degrees."""
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise FileError(f"{text[:40]!r} is not a place; write LAT,LON in degrees, such as 43.6,-9.1") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 360):
        raise FileError(
            f"{text[:40]!r} is not a place: latitudes run from −90 to 90 and longitudes from −180 to 360 degrees"
        )
    return lat, lon


def name_place(place: npt.ArrayLike) -> str:
    """Write a place as people do: ``43.625N 9.125E``."""
    lat, lon = np.asarray(place, dtype=np.float64)
    lon = (lon + 180) % 360 - 180
    return f"{round(abs(lat), 4):g}{'S' if lat < 0 else 'N'} {round(abs(lon), 4):g}{'W' if lon < 0 else 'E'}"


def distance_km(place: npt.ArrayLike, lat: Floats, lon: Floats) -> Floats:
    """Compute the great-circle distance (haversine formula) from a place to others in km; any range of longitudes."""
    origin = np.radians(np.asarray(place, dtype=np.float64))
    lat, lon = np.radians(lat), np.radians(lon)
    half = np.sin((lat - origin[0]) / 2) ** 2
    half = half + np.cos(origin[0]) * np.cos(lat) * np.sin((lon - origin[1]) / 2) ** 2
    km: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return km


def fixed_places(points: Floats, rows: npt.NDArray[np.bool_]) -> Floats | None:
    """Return the fixed place of each row, ``(n, 2)``; None unless there are several places with enough rows each.

    Neighbouring positions count as one place.
    """
    positions, counts = np.unique(points[rows & np.isfinite(points).all(axis=1)], axis=0, return_counts=True)
    if not 2 <= len(positions) <= _MAX_POSITIONS:
        return None
    positions = positions[np.argsort(-counts, kind="stable")]
    places: list[Floats] = []
    place_of_row = points.copy()
    for point in positions:
        near = [place for place in places if distance_km(place, point[:1], point[1:])[0] <= _MIN_DISTANCE_KM]
        if not near:
            places.append(point)
        place_of_row[(points == point).all(axis=1)] = near[0] if near else point
    lengths = [int((rows & (place_of_row == place).all(axis=1)).sum()) for place in places]
    return place_of_row if len(places) > 1 and min(lengths) >= _MIN_ROWS else None


def own_place(points: Floats) -> Place | None:
    """Return the last known position of a station; None if it moves, or is not in the range of degrees.

    Args:
        points: latitude and longitude at each time, ``(n, 2)``, NaN where not known.
    """
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known) or np.ptp(known, axis=0).max() > _FARTHEST_DEGREES:
        return None
    # Coordinates in single precision have digits beyond those that were meant.
    lat, lon = np.round(known[-1], 4).tolist()
    return (lat, lon) if -90 <= lat <= 90 and -180 <= lon <= 360 else None


MAX_DEPTHS_METRES: Final = 10.0
"""Metres by which an instrument at its mooring rises and falls."""


def describe_depths(depths: Floats, name: str) -> tuple[str, ...]:
    """Warn if the values' depths in metres are too far apart to be one layer of the sea."""
    known = depths[np.isfinite(depths)]
    if not len(known) or np.ptp(known) <= MAX_DEPTHS_METRES:
        return ()
    return (f"{name} runs from {known.min():g} to {known.max():g}: the file mixes several depths; keep only one",)


def nearest_depth(depths: Floats, target: float) -> float:
    """Return the depth nearest to ``target``, whether depths count up or down."""
    return float(depths[int(np.abs(np.abs(depths) - abs(target)).argmin())])


def choose_depth(depths: Iterable[float]) -> Remedy:
    """Return the choice of one of several depths."""
    remedy = Remedy.of("; choose one with {}", "depth")
    return remedy.offering(*(Setting("depth", f"{depth:g}", f"{depth:g} m") for depth in depths))
