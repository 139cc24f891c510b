"""Stations, read from the store and written for answers."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from orjson import Fragment, dumps
from pydantic import BaseModel
from sqlalchemy import Connection

from forecasting.series.times import iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.stations.events.event_answers import event_answer
from service.api.stations.forecasts.forecast_schemas import ShortForecast
from service.api.stations.forecasts.forecasts import short_in_units
from service.api.stations.schemas import (
    FetchedReadings,
    FetchState,
    StationAnswer,
    StationDetail,
)
from service.engine.forecast_json import rounded
from service.stations.alerts.webhook_settings import shown_webhooks
from service.stations.issuing.issuing import DEFAULT_HORIZON
from service.stations.sources.source import Source
from service.stations.station_events import parse_baseline
from service.store.event_states import get_states
from service.store.fetches import Fetch, get_fetches
from service.store.issued_forecasts import newest_short_forecasts
from service.store.past import DAY, PastValue, daily_means
from service.store.stations import Observed, Station, get_station, list_stations

RECENT: Final = 60
"""Days that are recent; steps if a step is longer than a day."""


class StationRow(NamedTuple):
    """A station, and what an answer says of it beyond its settings.

    Attributes:
        station: the station.
        forecast: the newest one, as :func:`~service.store.issued_forecasts.short_json` writes it; None if none was
            issued.
        fetch: how fetching goes; None without a source.
        states: of its events, as they are stored, by name.
        recent: its last sixty days, or steps; None if they were not asked for.
    """

    station: Station
    forecast: str | None
    fetch: Fetch | None
    states: dict[str, dict[str, Any]]
    recent: list[PastValue] | None = None


class Selection(NamedTuple):
    """Which stations an answer lists, and whether with their recent past.

    Attributes:
        limit: the most stations.
        after: the ID that they come after.
        search: a part of their IDs or names.
        recent: whether to read what they were lately.
    """

    limit: int
    after: str
    search: str
    recent: bool


def find_station(connection: Connection, station: str, *, recent: bool = False) -> StationRow:
    """Return a station.

    Raises:
        UnknownStationError: if there is none with this ID.
    """
    (row,) = _rows(connection, [get_station(connection, station)], recent)
    return row


def find_stations(connection: Connection, selection: Selection) -> tuple[list[StationRow], str | None]:
    """Return the stations of a page, and what the next page comes after; None on the last page."""
    limit = selection.limit
    stations = list_stations(connection, limit + 1, selection.after, selection.search)
    page = stations[:limit]
    return _rows(connection, page, selection.recent), page[-1].id if len(stations) > limit else None


def page_json(connection: Connection, selection: Selection) -> bytes:
    """Return a :class:`~service.api.stations.schemas.StationPage` as JSON.

    The store has what this service wrote, and checking the fields of many stations takes longer than reading them.
    """
    rows, following = find_stations(connection, selection)
    stations = [_fields(row) | {"forecast": _forecast_json(row)} for row in rows]
    return dumps({"stations": stations, "next": following}, default=_plain)


def station_answer(row: StationRow) -> StationAnswer:
    """Return the answer about a station, in its units."""
    return StationAnswer(**_fields(row), forecast=_forecast(row))


def station_detail(row: StationRow) -> StationDetail:
    """Return the answer about a station with all of its settings, in its units."""
    baseline = parse_baseline(row.station.settings.baseline)
    return StationDetail(**_fields(row), forecast=_forecast(row), baseline=baseline)


def _fields(row: StationRow) -> dict[str, Any]:
    """Return the fields of a :class:`~service.api.stations.schemas.StationAnswer` without the forecast."""
    station, _, fetch, states, recent = row
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
        "source": None if settings.source is None else Source.load(settings.source),
        "created": iso_of(station.created),
        "changed": iso_of(station.changed),
        "newest": None if station.newest is None else _newest(station.newest, units),
        "events": [event_answer(event, states.get(event["name"])) for event in settings.events or ()],
        "webhooks": shown_webhooks(settings.webhooks),
        "recent": None if recent is None else _recent(recent, units),
        **_usual(row),
        "fetch": None if fetch is None else _fetch(fetch),
    }


def _forecast(row: StationRow) -> ShortForecast | None:
    if row.forecast is None:
        return None
    return ShortForecast.model_validate(short_in_units(row.forecast, row.station.settings.units))


def _forecast_json(row: StationRow) -> Any:
    """Return the forecast of a row for :func:`orjson.dumps`: as it is stored, if the units are those of the store."""
    if row.forecast is None:
        return None
    units = row.station.settings.units
    return Fragment(row.forecast) if units == "celsius" else short_in_units(row.forecast, units)


def _plain(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json", by_alias=True)


def _rows(connection: Connection, stations: list[Station], recent: bool) -> list[StationRow]:
    numbers = [station.number for station in stations]
    fetches = get_fetches(connection, [each.number for each in stations if each.settings.source is not None])
    states = get_states(connection, [each.number for each in stations if each.settings.events])
    rows = _joined(stations, newest_short_forecasts(connection, numbers), fetches, states)
    return [_with_past(connection, row) for row in rows] if recent else rows


def _joined(
    stations: Sequence[Station],
    forecasts: Mapping[int, str],
    fetches: Mapping[int, Fetch],
    states: Mapping[int, dict[str, dict[str, Any]]],
) -> list[StationRow]:
    return [
        StationRow(
            station,
            forecasts.get(station.number),
            fetches.get(station.number),
            states.get(station.number, {}),
        )
        for station in stations
    ]


def _with_past(connection: Connection, row: StationRow) -> StationRow:
    station, newest = row.station, row.station.newest
    if newest is None:
        return row._replace(recent=[])
    end = np.asarray(np.datetime64(newest.time, "s"))
    sixty_steps = TimeStep.parse(station.settings.step).shift(end, 1 - RECENT).astype(np.int64)
    begin = min(newest.time - (RECENT - 1) * DAY, int(sixty_steps))
    return row._replace(recent=daily_means(connection, station.number, begin))


def _usual(row: StationRow) -> dict[str, Any]:
    """Return what is usual at the newest observation, and how far it is from that, if its forecast knows."""
    station, units = row.station, row.station.settings.units
    forecast = None if row.forecast is None else short_in_units(row.forecast, units)
    if station.newest is None or forecast is None or forecast["observed_until"] != iso_of(station.newest.time):
        return {"usual": None, "anomaly": None}
    usual = forecast["usual"]
    anomaly = None if usual is None else round(_degrees(station.newest.value, units) - usual["sst"], 6)
    return {"usual": usual, "anomaly": anomaly}


def _recent(values: list[PastValue], units: Units) -> dict[str, Any]:
    return {
        "timestamps": [iso_of(value.time) for value in values],
        "sst": [_degrees(value.value, units) for value in values],
    }


def _newest(observed: Observed, units: Units) -> dict[str, Any]:
    return {
        "time": iso_of(observed.time),
        "sst": _degrees(observed.value, units),
        "received": iso_of(observed.received),
        "flag": observed.flag,
        "age_seconds": int(time.time()) - observed.time,
    }


def _fetch(fetch: Fetch) -> FetchState:
    return FetchState(
        next=iso_of(fetch.next_attempt),
        attempted=None if fetch.attempted is None else iso_of(fetch.attempted),
        succeeded=None if fetch.succeeded is None else iso_of(fetch.succeeded),
        failures=fetch.failures,
        error=fetch.error,
        stored=None if fetch.content is None else FetchedReadings(**fetch.content),
    )


def _degrees(celsius: float, units: Units) -> float:
    return float(rounded(from_celsius(celsius, units)))
