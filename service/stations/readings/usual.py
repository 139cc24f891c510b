"""What is usual for a station at the time of its newest observation."""

from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.timestep import TimeStep
from service.store.issued_forecasts import IssuedForecast
from service.store.past import DAY, YEAR, same_season
from service.store.stations import Station

LEAST_YEARS: Final = 10
"""Earlier years whose mean counts as usual, as for marine heatwaves."""

_DAYS_AROUND: Final = 5
"""Days before and after the time of year, as for marine heatwaves."""

_DOUBTS: Final = {"doubtful_position", "no_climatology"}
"""Warnings of a forecast after which the climatology of the position is not used."""


class Usual(NamedTuple):
    """The usual SST of a station, °C.

    Attributes:
        value: °C.
        years: number of earlier years whose mean it is; None if it comes from the climatology of the position.
    """

    value: float
    years: int | None


def usual_sst(connection: Connection, station: Station, forecast: IssuedForecast | None) -> Usual | None:
    """Return what is usual at the time of the newest observation.

    It is the mean over the days around this time of year, if at least ten earlier years have values there;
    otherwise the climatology of the position.

    Args:
        connection: of a transaction.
        station: the station.
        forecast: its newest forecast, whose warnings may doubt the position.

    Returns:
        None if the station has no observation, or neither is available.
    """
    if station.newest is None:
        return None
    past = same_season(connection, station.number, station.newest.time, _seconds_around(station))
    years = {round((station.newest.time - value.time) / YEAR) for value in past}
    if len(years) >= LEAST_YEARS:
        return Usual(sum(value.value for value in past) / len(past), len(years))
    return _usual_at_position(station, forecast)


def _seconds_around(station: Station) -> int:
    assert station.newest is not None
    time = np.asarray(np.datetime64(station.newest.time, "s"))
    before = TimeStep.parse(station.settings.step).shift(time, -1).astype(np.int64)
    # Values months apart have one within half a step.
    return max(_DAYS_AROUND * DAY, (station.newest.time - int(before)) // 2)


def _usual_at_position(station: Station, forecast: IssuedForecast | None) -> Usual | None:
    settings = station.settings
    warnings = [] if forecast is None else forecast.content["warnings"]
    if settings.latitude is None or settings.longitude is None or station.newest is None:
        return None
    if any(warning["code"] in _DOUBTS for warning in warnings):
        return None
    coefficients = GlobalClimatology.load().coefficients(settings.latitude, settings.longitude)
    value = float(evaluate(coefficients, np.array([station.newest.time], dtype="datetime64[s]"))[0])
    return None if np.isnan(value) else Usual(value, None)
