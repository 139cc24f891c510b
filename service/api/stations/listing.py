"""Stations, read from the store and written for answers."""

import time
from typing import Any, NamedTuple

from sqlalchemy import Connection

from forecasting.series.times import iso_of
from forecasting.series.units import Units, from_celsius
from service.api.stations.event_answers import event_answer
from service.api.stations.forecasts import shortened
from service.api.stations.schemas import NewestObservation, StationAnswer, StationDetail
from service.engine.forecast_json import rounded
from service.stations.issuing import DEFAULT_HORIZON
from service.stations.station_events import parse_baseline
from service.stations.webhook_settings import shown_webhooks
from service.store.event_states import get_states
from service.store.issued_forecasts import IssuedForecast, newest_forecasts
from service.store.stations import Observed, Station, get_station, list_stations


class StationRow(NamedTuple):
    """A station, and what an answer says of it beyond its settings."""

    station: Station
    forecast: IssuedForecast | None
    states: dict[str, dict[str, Any]]


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
    return StationAnswer(**_fields(row))


def station_detail(row: StationRow) -> StationDetail:
    """Return the answer about a station with all of its settings, in its units."""
    return StationDetail(**_fields(row), baseline=parse_baseline(row.station.settings.baseline))


def _fields(row: StationRow) -> dict[str, Any]:
    station, forecast, states = row
    settings = station.settings
    units: Units = settings.units
    return {
        "id": station.id,
        "name": settings.name,
        "latitude": settings.latitude,
        "longitude": settings.longitude,
        "step": settings.step,
        "units": units,
        "model": settings.model,
        "horizon": settings.horizon or DEFAULT_HORIZON,
        "created": iso_of(station.created),
        "changed": iso_of(station.changed),
        "newest": None if station.newest is None else _newest(station.newest, units),
        "events": [event_answer(event, states.get(event["name"])) for event in settings.events or ()],
        "webhooks": shown_webhooks(settings.webhooks),
        "forecast": None if forecast is None else shortened(forecast, units),
    }


def _rows(connection: Connection, stations: list[Station]) -> list[StationRow]:
    numbers = [station.number for station in stations]
    forecasts, states = newest_forecasts(connection, numbers), get_states(connection, numbers)
    return [StationRow(station, forecasts.get(station.number), states.get(station.number, {})) for station in stations]


def _newest(observed: Observed, units: Units) -> NewestObservation:
    return NewestObservation(
        time=iso_of(observed.time),
        sst=float(rounded(from_celsius(observed.value, units))),
        received=iso_of(observed.received),
        age_seconds=int(time.time()) - observed.time,
    )
