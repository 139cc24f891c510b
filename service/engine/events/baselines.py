"""Baselines of events that a request gives."""

from typing import Final

import numpy as np

from forecasting.errors import RangeError, SeriesError
from forecasting.events.baseline import Baseline, Kind, Period
from forecasting.series.times import Floats, parse_time
from forecasting.series.units import Units, sea_temperatures
from service.engine.reading.baseline_schema import InputBaseline

_NAMES: Final[dict[Kind, str]] = {"marine_heatwave": "marine heatwaves", "marine_cold_spell": "marine cold spells"}


def given_baseline(given: InputBaseline | None, units: Units) -> Baseline | Period | None:
    """Return the baseline that a request gives, in °C, or the period of one; None for that of the whole series.

    Args:
        given: from the request; temperatures in ``units``.
        units: of the request.

    Raises:
        SeriesError: if the baseline is not one of a sea, or the period is none.
    """
    if given is None:
        return None
    if given.climatology is None or given.threshold is None:
        return _period(given)
    return Baseline(_by_day(given.climatology, "climatology", units), _by_day(given.threshold, "threshold", units))


def _by_day(degrees: list[float], name: str, units: Units) -> Floats:
    try:
        return sea_temperatures(np.asarray(degrees), units, lambda i: f"baseline.{name}[{i}]")
    except RangeError as error:
        # Its index is not that of a value of the series.
        raise SeriesError(str(error)) from None


def _period(given: InputBaseline) -> Period | None:
    if given.start is None or given.end is None:
        return None
    try:
        start, end = (parse_time(time).astype("datetime64[D]") for time in (given.start, given.end))
    except SeriesError as error:
        raise SeriesError(f"the baseline period: {error}") from None
    if end < start:
        raise SeriesError(f"the baseline ends before it starts: {given.start} to {given.end}")
    return Period(start, end)


def refuse_inverted(baseline: Baseline, kind: Kind) -> None:
    """Raise SeriesError if a threshold is on the wrong side of the climatology for a kind of event."""
    difference = baseline.threshold - baseline.climatology
    beyond, word = (difference, "above") if kind == "marine_heatwave" else (-difference, "below")
    if (beyond <= 0).any():
        i = int((beyond <= 0).argmax())
        raise SeriesError(f"baseline.threshold[{i}] must be {word} baseline.climatology[{i}] for {_NAMES[kind]}")
