"""The range of sea temperatures, and what to do about values outside it."""

from collections.abc import Callable
from typing import Final

import numpy as np

from forecasting.errors import RangeError
from forecasting.remedies import Setting
from forecasting.series.times import Bools, Floats
from forecasting.series.units import SYMBOLS, UNITS, Units, from_celsius, to_celsius

SEA_RANGE: Final = (-3.0, 45.0)
"""°C. Sea water freezes at −1.9 and shallow tropical bays stay under 40; the rest is margin for sensors."""

_TYPICAL: Final[dict[Units, tuple[float, float]]] = {
    "celsius": (-3, 45),
    "kelvin": (268, 320),
    "fahrenheit": (30, 110),
}
"""Where the median of a series is likely to be in each unit."""


def sea_temperatures(
    values: Floats,
    units: Units,
    place: Callable[[int], str],
    absent: str = "leave it empty or declare it as missing",
) -> Floats:
    """Convert temperatures to °C and check that each is NaN or within :data:`SEA_RANGE`.

    Args:
        values: in ``units``, ``(n,)``.
        units: of the values.
        place: describes where the i-th value is in the caller's input.
        absent: tells the caller what to do with a number that marks a missing value.

    Raises:
        RangeError: names the first value outside the range, and the likely remedy.
    """
    celsius = to_celsius(values, units)
    low, high = SEA_RANGE
    if len(celsius) and np.fmin.reduce(celsius) >= low and np.fmax.reduce(celsius) <= high:
        return celsius
    wrong = ~np.isnan(celsius) & ~((celsius >= low) & (celsius <= high))
    if not wrong.any():
        return celsius
    i = int(wrong.argmax())
    least, most = from_celsius(SEA_RANGE, units)
    remedy, settings = _remedy(values, wrong, units, absent)
    raise RangeError(
        f"{place(i)} is {values[i]:g} {SYMBOLS[units]}, outside the range of sea temperatures "
        f"({least:g} to {most:g}); {remedy}",
        index=i,
        settings=settings,
    )


def _remedy(values: Floats, wrong: Bools, units: Units, absent: str) -> tuple[str, tuple[Setting, ...]]:
    """Return the likely remedy for values outside the range: in words, and as options of reading a file."""
    median = float(np.nanmedian(values))
    for other, (least, most) in _TYPICAL.items():
        if other != units and wrong.mean() > 0.5 and least <= median <= most:
            return f"the values look like {SYMBOLS[other]}: set the units to {other}", (Setting("units", other),)
    if wrong.mean() > 0.5:
        return f"check that these are sea temperatures in {SYMBOLS[units]}", ()
    low = values[values < SEA_RANGE[0]]
    if units == "celsius" and abs(median) < 3 and len(np.unique(low)) > 1 and low.min() > -20:
        return "check that these are sea temperatures and not anomalies", ()
    marker = Setting("missing", float(values[wrong][0]))
    other_units = _fitting_units(values, wrong, units)
    if other_units is None:
        return f"if it marks a missing value, {absent}", (marker,)
    return (
        f"if the values are in {SYMBOLS[other_units]}, set the units to {other_units}; if it marks a missing value, "
        f"{absent}",
        (Setting("units", other_units), marker),
    )


def _fitting_units(values: Floats, wrong: Bools, units: Units) -> Units | None:
    """Return other units in which every value is a sea temperature.

    None if all wrong values are the same number, which is then likely to mark a missing value.
    """
    if len(np.unique(values[wrong])) < 2:
        return None
    low, high = SEA_RANGE
    for other in UNITS:
        celsius = to_celsius(values[np.isfinite(values)], other)
        if other != units and celsius.min() >= low and celsius.max() <= high:
            return other
    return None
