"""Units of temperature and conversions between them."""

import re
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats

Units = Literal["celsius", "kelvin", "fahrenheit"]
UNITS: Final[tuple[Units, ...]] = get_args(Units)

SYMBOLS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "kelvin", "fahrenheit": "°F"}
"""How messages write each unit."""


_SPELLINGS: Final[dict[str, Units]] = {
    **dict.fromkeys(("c", "celsius", "centigrade", "cels", "celsiusscale"), "celsius"),
    **dict.fromkeys(("k", "kelvin", "kelvins", "kelvinscale"), "kelvin"),
    **dict.fromkeys(("f", "fahrenheit", "fahr"), "fahrenheit"),
}
BRACKETS: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*")


def parse_units(text: str) -> Units | None:
    """Parse celsius, kelvin or fahrenheit in the spellings of CF, UDUNITS and people; None for anything else."""
    plain = re.sub(r"[\s_.℃°º˚]+", lambda match: "c" if "℃" in match[0] else "", unbracketed(text).lower())
    return _SPELLINGS.get(re.sub(r"^deg(rees?|s)?", "", plain))


def unbracketed(text: str) -> str:
    """Remove brackets around a whole text, such as ``(deg C)`` in a row of units."""
    match = BRACKETS.fullmatch(text)
    return match[1].strip() if match else text


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
