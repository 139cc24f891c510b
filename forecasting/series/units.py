"""Units of temperature and conversions between them."""

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats

Units = Literal["celsius", "kelvin", "fahrenheit"]
UNITS: Final[tuple[Units, ...]] = get_args(Units)

SYMBOLS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "kelvin", "fahrenheit": "°F"}
"""How messages write each unit."""


def to_celsius(values: npt.ArrayLike, units: Units) -> Floats:
    """Convert temperatures from ``units`` to °C."""
    array = np.asarray(values, dtype=np.float64)
    if units == "kelvin":
        return array - 273.15
    return (array - 32.0) / 1.8 if units == "fahrenheit" else array


def from_celsius(values: npt.ArrayLike, units: Units) -> Floats:
    """Convert temperatures from °C to ``units``."""
    array = np.asarray(values, dtype=np.float64)
    if units == "kelvin":
        return array + 273.15
    return array * 1.8 + 32.0 if units == "fahrenheit" else array
