"""Issued forecasts, written for answers."""

import time
from typing import Any

import numpy as np
from orjson import loads
from sqlalchemy import Connection

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.forecast.age import warn_if_late
from service.api.series_request import SeriesWarning
from service.api.stations.cursor import Cursor, cut_page
from service.api.stations.forecasts.forecast_schemas import (
    ForecastArchive,
    IssuedAnswer,
    IssuedFailure,
    NewestForecast,
)
from service.api.stations.period import Period
from service.api.stations.storing import store_problems
from service.engine.events.event_json import event_in_units
from service.engine.forecast_json import rounded
from service.stations.station_store import StationStore
from service.store.database.errors import NoForecastError
from service.store.issued_forecasts import IssuedForecast, forecasts_after, last_forecast
from service.store.stations import Station, get_station


def written(issued: IssuedForecast | str, units: Units) -> IssuedAnswer | IssuedFailure:
    """Return a forecast, or the reason why there is none, for an answer."""
    return IssuedFailure(error=issued) if isinstance(issued, str) else IssuedAnswer(**_fields(issued, units))


def short_in_units(short: str, units: Units) -> dict[str, Any]:
    """Return a forecast that :func:`~service.store.issued_forecasts.short_json` wrote, in other units."""
    content: dict[str, Any] = loads(short)
    content["sst"] = _degrees(content["sst"], units)
    content["intervals"] = [_interval(interval, units) for interval in content["intervals"]]
    content["usual"] = _usual(content["usual"], units)
    return content


async def newest_forecast(store: StationStore, station: str) -> NewestForecast:
    """Return the newest forecast, with the warning ``late`` if it is more than two steps old.

    Raises:
        ProblemError: 404 if there is no such station or it has no forecast, 503 if the store cannot be used.
    """
    with store_problems():
        stored_station, issued = await store.read(_find_newest, station)
        if issued is None:
            raise NoForecastError(station)
    fields = _fields(issued, stored_station.settings.units)
    fields["warnings"] = [*_late(stored_station, issued), *fields["warnings"]]
    return NewestForecast(station=stored_station.id, units=stored_station.settings.units, **fields)


async def archive(store: StationStore, station: str, period: Period, after: str, limit: int) -> ForecastArchive:
    """Return a page of the forecasts whose last observation is in a period.

    Args:
        store: of the stations.
        station: its ID.
        period: of ``observed_until``.
        after: the ``next`` of the previous page; empty for the first page.
        limit: the most forecasts.

    Raises:
        ProblemError: 404 if there is no such station, 503 if the store cannot be used.
    """
    with store_problems():
        stored_station, forecasts = await store.read(_find_page, station, period, Cursor.read(after), limit + 1)
    page, following = cut_page(forecasts, limit, lambda issued: Cursor(issued.observed_until, issued.batch))
    units = stored_station.settings.units
    return ForecastArchive(
        station=stored_station.id,
        units=units,
        forecasts=[IssuedAnswer(**_fields(issued, units)) for issued in page],
        next=following,
    )


def _find_newest(connection: Connection, station: str) -> tuple[Station, IssuedForecast | None]:
    stored_station = get_station(connection, station)
    return stored_station, last_forecast(connection, stored_station.number)


def _find_page(
    connection: Connection, station: str, period: Period, after: Cursor | None, limit: int
) -> tuple[Station, list[IssuedForecast]]:
    stored_station = get_station(connection, station)
    return stored_station, forecasts_after(
        connection, stored_station.number, period.begin, period.end, after=after, limit=limit
    )


def _fields(issued: IssuedForecast, units: Units) -> dict[str, Any]:
    content = issued.content
    return _head(issued) | {
        "timestamps": content["timestamps"],
        "sst": _degrees(content["sst"], units),
        "intervals": [_interval(interval, units) for interval in content["intervals"]],
        "plain": None if issued.plain is None else [_interval(interval, units) for interval in issued.plain],
        "baselines": {name: _degrees(values, units) for name, values in content["baselines"].items()},
        "usual": _usual(content.get("usual"), units),
        "warnings": content["warnings"],
        "events": [event_in_units(event, units) for event in content.get("events", ())],
    }


def _head(issued: IssuedForecast) -> dict[str, Any]:
    return {
        "issued": iso_of(issued.issued),
        "observed_until": iso_of(issued.observed_until),
        "replayed": issued.replayed,
        "model": issued.model,
        "version": issued.version,
    }


def _interval(interval: dict[str, Any], units: Units) -> dict[str, Any]:
    return interval | {name: _degrees(interval[name], units) for name in ("lower", "upper")}


def _usual(usual: dict[str, Any] | None, units: Units) -> dict[str, Any] | None:
    return None if usual is None else usual | {"sst": _degrees([usual["sst"]], units)[0]}


def _degrees(celsius: list[float], units: Units) -> list[float]:
    if units == "celsius":
        return celsius
    values: list[float] = rounded(from_celsius(celsius, units)).tolist()
    return values


def _late(station: Station, issued: IssuedForecast) -> list[SeriesWarning]:
    end = np.datetime64(issued.observed_until, "s")
    series = SstSeries(np.array([0.0]), end, TimeStep.parse(station.settings.step))
    late = warn_if_late(series, len(issued.content["sst"]), np.datetime64(int(time.time()), "s"))
    return [
        SeriesWarning(code=warning.code, message=warning.message.replace("to POST /forecast", "of the station"))
        for warning in late
    ]
