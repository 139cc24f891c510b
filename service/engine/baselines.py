"""Baselines of events: those that a request gives, and those of a series."""

from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Kind, Period
from forecasting.series.sea_range import sea_temperatures
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, parse_time
from forecasting.series.units import Units
from service.engine.baseline_schema import InputBaseline

_NAMES: Final[dict[Kind, str]] = {"marine_heatwave": "marine heatwaves", "marine_cold_spell": "marine cold spells"}


def baseline_of(series: SstSeries, given: InputBaseline | None, kind: Kind, units: Units) -> Baseline:
    """Return the baseline that the request gives, or one of the series.

    Args:
        series: daily, °C.
        given: from the request; temperatures in ``units``.
        kind: of event.
        units: of the request.

    Raises:
        SeriesError: if the baseline is not one of a sea, or the series is too short for one.
    """
    if given is None or (given.start is None and given.climatology is None):
        return Baseline.fit(series, kind)
    if given.climatology is None or given.threshold is None:
        return Baseline.fit(series, kind, _period(given))
    climatology = sea_temperatures(np.asarray(given.climatology), units, lambda i: f"baseline.climatology[{i}]")
    threshold = sea_temperatures(np.asarray(given.threshold), units, lambda i: f"baseline.threshold[{i}]")
    _refuse_inverted(climatology, threshold, kind)
    return Baseline(climatology, threshold)


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


def _refuse_inverted(climatology: Floats, threshold: Floats, kind: Kind) -> None:
    difference = threshold - climatology
    beyond, word = (difference, "above") if kind == "marine_heatwave" else (-difference, "below")
    if (beyond <= 0).any():
        i = int((beyond <= 0).argmax())
        raise SeriesError(f"baseline.threshold[{i}] must be {word} baseline.climatology[{i}] for {_NAMES[kind]}")
