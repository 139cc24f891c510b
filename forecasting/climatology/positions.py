"""Positions in degrees north and east, as arrays."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RequestError
from forecasting.series.times import Floats

_RANGES: Final = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}


def checked_positions(latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both coordinates with one shape, and longitudes from 0 to less than 360.

    Args:
        latitude: degrees north, −90 to 90.
        longitude: degrees east, −180 to 360; of a shape that broadcasts with that of ``latitude``.

    Raises:
        RequestError: if a coordinate is out of range or not a number.
    """
    north, east = np.broadcast_arrays(_checked(latitude, "latitude"), _checked(longitude, "longitude"))
    return north, east % 360.0


def _checked(degrees: npt.ArrayLike, field: str) -> Floats:
    values = np.asarray(degrees, dtype=np.float64)
    lowest, highest = _RANGES[field]
    valid = (values >= lowest) & (values <= highest)
    if not valid.all():
        wrong = values[~valid].flat[0]
        raise RequestError(f"{field} must be from {lowest:g} to {highest:g} degrees, not {wrong:g}", field=field)
    return values
