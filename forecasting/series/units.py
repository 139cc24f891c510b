"""Units of temperature, the range of sea temperatures, and what to do about values outside it."""

import re
from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from forecasting.errors import RangeError
from forecasting.remedies import Setting
from forecasting.series.times import Bools, Floats

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


COLDEST_CELSIUS: Final = -2.5
WARMEST_CELSIUS: Final = 38.0
SEA_RANGE: Final = (COLDEST_CELSIUS, WARMEST_CELSIUS)
"""°C. Sea water freezes at −1.9, and no sea is known to be warmer than 37.6; the rest is margin for sensors."""

ICE_CELSIUS: Final = -1.5
"""°C, below which water may stay the same for years, as it is at its freezing point under ice."""

_COLDEST_DOUBTFUL: Final = -20.0
_WARMEST_DOUBTFUL: Final = 320.0
"""°C. A number outside is a mark of missing values, and not a temperature in another unit."""


def sea_temperatures(
    values: Floats,
    units: Units,
    where: Callable[[int], str],
    absent: str = "leave it empty or declare it as missing",
) -> Floats:
    """Convert temperatures to °C and check that each is NaN or within :data:`SEA_RANGE`.

    Args:
        values: the values in ``units``, ``(n,)``.
        units: the units of the values.
        where: describes where the i-th value is in the caller's input.
        absent: tells the caller what to do with a number that marks a missing value.
    """
    celsius = to_celsius(values, units)
    low, high = SEA_RANGE
    if len(celsius) and np.fmin.reduce(celsius) >= low and np.fmax.reduce(celsius) <= high:
        return celsius
    if outside_sea_range(celsius).any():
        raise range_error(values, units, where, absent)
    return celsius


def outside_sea_range(celsius: Floats) -> Bools:
    """Return where values are neither missing nor those of a sea, in the shape of ``celsius``."""
    outside: Bools = ~np.isnan(celsius) & ~((celsius >= COLDEST_CELSIUS) & (celsius <= WARMEST_CELSIUS))
    return outside


def range_error(
    values: Floats,
    units: Units,
    where: Callable[[int], str],
    absent: str = "leave it empty or declare it as missing",
) -> RangeError:
    """Return the error of ``values`` that are not all within :data:`SEA_RANGE`; the arguments are those of the check.

    It names the first value outside, and the likely remedy.
    """
    wrong = outside_sea_range(to_celsius(values, units))
    i = int(wrong.argmax())
    lowest, highest = from_celsius(SEA_RANGE, units)
    remedy, settings = _remedy(values, wrong, units, absent)
    return RangeError(
        f"{where(i)} is {values[i]:g} {SYMBOLS[units]}, outside the range of sea temperatures "
        f"({lowest:g} to {highest:g}); {remedy}",
        index=i,
        settings=settings,
    )


def _remedy(values: Floats, wrong: Bools, units: Units, absent: str) -> tuple[str, tuple[Setting, ...]]:
    """Return the likely remedy for values outside the range: in words, and as options of reading a file."""
    median = float(np.nanquantile(values, 0.5, method="lower"))  # a mean of two values may overflow
    for other in UNITS:
        if other != units and wrong.mean() > 0.5 and not outside_sea_range(to_celsius(median, other)):
            setting = _in_units(other, values[wrong])
            return f"the values look like {SYMBOLS[other]}: set the units to {other}", (setting,)
    if wrong.mean() > 0.5:
        return f"check that these are sea temperatures in {SYMBOLS[units]}, or set the units to those of the values", ()
    low = values[values < COLDEST_CELSIUS]
    if units == "celsius" and abs(median) < 3 and len(np.unique(low)) > 1 and low.min() > -20:
        return "check that these are sea temperatures and not anomalies", ()
    return _remedy_for_few(values, wrong, units, absent)


def _remedy_for_few(values: Floats, wrong: Bools, units: Units, absent: str) -> tuple[str, tuple[Setting, ...]]:
    """Return the remedy where most values are sea temperatures: units in which all are, or a mark of missing values."""
    number = float(values[wrong][0])
    marker = Setting("missing", number, f"{number:g} marks a missing value")
    is_missing = f"if it marks a missing value, {absent}"
    fitting = _fitting_units(values, units)
    if fitting is None:
        is_near = units == "celsius" and _COLDEST_DOUBTFUL < number < _WARMEST_DOUBTFUL
        units_first = "if the values are in °F or kelvin, set the units; " if is_near else ""
        return f"{units_first}{is_missing}", (marker,)
    other_units = f"if the values are in {SYMBOLS[fitting]}, set the units to {fitting}"
    if len(np.unique(values[wrong])) < 2:
        # One number that is repeated is more likely a mark.
        return f"{is_missing}; {other_units}", (marker, _in_units(fitting, values[wrong]))
    return f"{other_units}; {is_missing}", (_in_units(fitting, values[wrong]), marker)


def _in_units(units: Units, values: Floats) -> Setting:
    """Return the choice of units, whose label converts the first of ``values`` to °C."""
    celsius = float(to_celsius(values[0], units))
    converted = "" if units == "celsius" else f", which is {celsius:.1f} °C"
    return Setting("units", units, f"{values[0]:g} {SYMBOLS[units]}{converted}")


def _fitting_units(values: Floats, units: Units) -> Units | None:
    """Return other units in which every value is a sea temperature."""
    others = (other for other in UNITS if other != units)
    return next((other for other in others if not outside_sea_range(to_celsius(values, other)).any()), None)
