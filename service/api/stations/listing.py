"""Stations, read from the store and written for answers."""

import time
from typing import NamedTuple

from sqlalchemy import Connection

from forecasting.series.times import iso_of
from forecasting.series.units import Units, from_celsius
from service.api.stations.forecasts import shortened
from service.api.stations.schemas import NewestObservation, StationAnswer
from service.engine.forecast_json import rounded
from service.stations.issuing import DEFAULT_HORIZON
from service.store.issued_forecasts import IssuedForecast, newest_forecasts
from service.store.stations import Observed, Station, get_station, list_stations


class StationRow(NamedTuple):
    """A station, and what an answer says of it beyond its settings."""

    station: Station
    forecast: IssuedForecast | None


def find_station(connection: Connection, station: str) -> StationRow:
    """Return a station.

    Raises:
        UnknownStationError: if there is none with this ID.
    """
    (row,) = _rows(connection, [get_station(connection, station)])
    return row


def find_stations(connection: Connection, limit: int, after: str) -> tuple[list[StationRow], str | None]:
    """Return the stations of a page, and what the next page comes after; None on the last page."""
    stations = list_stations(connection, limit + 1, after)
    page = stations[:limit]
    return _rows(connection, page), page[-1].id if len(stations) > limit else None


def station_answer(row: StationRow) -> StationAnswer:
    """Return the answer about a station, in its units."""
    station, forecast = row
    settings = station.settings
    units: Units = settings.units
    return StationAnswer(
        id=station.id,
        name=settings.name,
        latitude=settings.latitude,
        longitude=settings.longitude,
        step=settings.step,
        units=units,
        model=settings.model,
        horizon=settings.horizon or DEFAULT_HORIZON,
        created=iso_of(station.created),
        changed=iso_of(station.changed),
        newest=None if station.newest is None else _newest(station.newest, units),
        forecast=None if forecast is None else shortened(forecast, units),
    )


def _rows(connection: Connection, stations: list[Station]) -> list[StationRow]:
    forecasts = newest_forecasts(connection, [station.number for station in stations])
    return [StationRow(station, forecasts.get(station.number)) for station in stations]


def _newest(observed: Observed, units: Units) -> NewestObservation:
    return NewestObservation(
        time=iso_of(observed.time),
        sst=float(rounded(from_celsius(observed.value, units))),
        received=iso_of(observed.received),
        age_seconds=int(time.time()) - observed.time,
    )
