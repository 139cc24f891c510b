"""Stations, their forecasts and their alerts, read from the store and written for responses."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from orjson import Fragment, dumps, loads
from pydantic import BaseModel
from sqlalchemy import Connection

from forecasting.forecasts.json import rounded
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.forecast.age import warn_if_late
from service.api.series_request import SeriesWarning
from service.engine.events.event_json import event_in_units
from service.stations.alerts import EventState
from service.stations.events import parse_baseline
from service.stations.issue import DEFAULT_HORIZON
from service.stations.parameters import Cursor, Period, cut_page, store_problems
from service.stations.readings import shifted
from service.stations.schemas import (
    AlertAnswer,
    AlertList,
    DeliveryAnswer,
    FetchedReadings,
    FetchState,
    ForecastArchive,
    IssuedAnswer,
    IssuedFailure,
    NewestForecast,
    ShortForecast,
    StationAnswer,
    StationDetail,
    StationEventAnswer,
)
from service.stations.sources import Source
from service.stations.store.alerts import Alert, Delivery, deliveries_of, get_alerts, get_states
from service.stations.store.errors import NoForecastError
from service.stations.store.fetches import Fetch, get_fetches
from service.stations.store.forecasts import IssuedForecast, forecasts_after, last_forecast, newest_short_forecasts
from service.stations.store.observations import DAY, PastValue, daily_means
from service.stations.store.station_store import StationStore
from service.stations.store.stations import Observed, Station, get_station, list_stations
from service.stations.webhooks import shown_url, shown_webhooks

RECENT: Final = 60
"""Days that are recent; steps if a step is longer than a day."""


class StationRow(NamedTuple):
    """A station, and what an answer says of it beyond its settings.

    Attributes:
        station: the station.
        forecast: the newest one, as :func:`~service.stations.store.forecasts.short_json` writes it; None if none was
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


class StationQuery(NamedTuple):
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


def find_stations(connection: Connection, selection: StationQuery) -> tuple[list[StationRow], str | None]:
    """Return the stations of a page, and what the next page comes after; None on the last page."""
    limit = selection.limit
    stations = list_stations(connection, limit + 1, selection.after, selection.search)
    page = stations[:limit]
    return _rows(connection, page, selection.recent), page[-1].id if len(stations) > limit else None


def page_json(connection: Connection, selection: StationQuery) -> bytes:
    """Return a :class:`~service.stations.schemas.StationPage` as JSON.

    The store has what this service wrote, and checking the fields of many stations takes longer than reading them.
    """
    rows, following = find_stations(connection, selection)
    stations = [_station_fields(row) | {"forecast": _forecast_json(row)} for row in rows]
    return dumps({"stations": stations, "next": following}, default=_plain)


def station_answer(row: StationRow) -> StationAnswer:
    """Return the answer about a station, in its units."""
    return StationAnswer(**_station_fields(row), forecast=_forecast(row))


def station_detail(row: StationRow) -> StationDetail:
    """Return the answer about a station with all of its settings, in its units."""
    baseline = parse_baseline(row.station.settings.baseline)
    return StationDetail(**_station_fields(row), forecast=_forecast(row), baseline=baseline)


def _station_fields(row: StationRow) -> dict[str, Any]:
    """Return the fields of a :class:`~service.stations.schemas.StationAnswer` without the forecast."""
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
        **_usual_now(row),
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
    sixty_steps = shifted(newest.time, 1 - RECENT, TimeStep.parse(station.settings.step))
    begin = min(newest.time - (RECENT - 1) * DAY, sixty_steps)
    return row._replace(recent=daily_means(connection, station.number, begin))


def _usual_now(row: StationRow) -> dict[str, Any]:
    """Return what is usual at the newest observation, and how far it is from that, if its forecast knows."""
    station, units = row.station, row.station.settings.units
    forecast = None if row.forecast is None else short_in_units(row.forecast, units)
    if station.newest is None or forecast is None or forecast["observed_until"] != iso_of(station.newest.time):
        return {"usual": None, "anomaly": None}
    usual = forecast["usual"]
    anomaly = None if usual is None else round(_degree(station.newest.value, units) - usual["sst"], 6)
    return {"usual": usual, "anomaly": anomaly}


def _recent(values: list[PastValue], units: Units) -> dict[str, Any]:
    return {
        "timestamps": [iso_of(value.time) for value in values],
        "sst": [_degree(value.value, units) for value in values],
    }


def _newest(observed: Observed, units: Units) -> dict[str, Any]:
    return {
        "time": iso_of(observed.time),
        "sst": _degree(observed.value, units),
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


def _degree(celsius: float, units: Units) -> float:
    return float(rounded(from_celsius(celsius, units)))


def written(issued: IssuedForecast | str, units: Units) -> IssuedAnswer | IssuedFailure:
    """Return a forecast, or the reason why there is none, for an answer."""
    return IssuedFailure(error=issued) if isinstance(issued, str) else IssuedAnswer(**_forecast_fields(issued, units))


def short_in_units(short: str, units: Units) -> dict[str, Any]:
    """Return a forecast that :func:`~service.stations.store.forecasts.short_json` wrote, in other units."""
    content: dict[str, Any] = loads(short)
    content["sst"] = _degrees(content["sst"], units)
    content["intervals"] = [_interval(interval, units) for interval in content["intervals"]]
    content["usual"] = _usual_in_units(content["usual"], units)
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
    fields = _forecast_fields(issued, stored_station.settings.units)
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
        forecasts=[IssuedAnswer(**_forecast_fields(issued, units)) for issued in page],
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


def _forecast_fields(issued: IssuedForecast, units: Units) -> dict[str, Any]:
    content = issued.content
    return _head(issued) | {
        "timestamps": content["timestamps"],
        "sst": _degrees(content["sst"], units),
        "intervals": [_interval(interval, units) for interval in content["intervals"]],
        "plain": None if issued.plain is None else [_interval(interval, units) for interval in issued.plain],
        "baselines": {name: _degrees(values, units) for name, values in content["baselines"].items()},
        "usual": _usual_in_units(content.get("usual"), units),
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


def _usual_in_units(usual: dict[str, Any] | None, units: Units) -> dict[str, Any] | None:
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


Json = dict[str, Any]


def event_answer(event: Json, stored: Json | None) -> StationEventAnswer:
    """Return a stored event with its state, if it has one."""
    state = EventState(**stored["state"]) if stored else EventState(None)
    # The store has what this service wrote, and checking the fields of many stations takes longer than reading them.
    return StationEventAnswer.model_construct(
        name=event["name"],
        kind=event["kind"],
        state="unknown" if state.active is None else "active" if state.active else "inactive",
        since=state.since,
        category=state.category,
        probability=state.probability,
        error=state.error,
        settings=event,
    )


async def station_alerts(store: StationStore, station: str, period: Period, after: str, limit: int) -> AlertList:
    """Return a page of the alerts of a station that were raised in a period, newest first.

    Args:
        store: of the stations.
        station: its ID.
        period: of ``raised``.
        after: the ``next`` of the previous page; empty for the first page.
        limit: the most alerts.

    Raises:
        ProblemError: 404 if there is no such station, 503 if the store cannot be used.
    """
    with store_problems():
        alerts, deliveries = await store.read(_find, station, period, Cursor.read(after), limit + 1)
    page, following = cut_page(alerts, limit, lambda alert: Cursor(alert.raised, alert.number))
    return AlertList(
        station=station,
        alerts=[_alert_answer(alert, deliveries.get(alert.number, [])) for alert in page],
        next=following,
    )


def _find(
    connection: Connection, station: str, period: Period, after: Cursor | None, limit: int
) -> tuple[list[Alert], dict[int, list[Delivery]]]:
    stored_station = get_station(connection, station)
    alerts = get_alerts(connection, stored_station.number, period.begin, period.end, after=after, limit=limit)
    return alerts, deliveries_of(connection, [alert.number for alert in alerts])


def _alert_answer(alert: Alert, deliveries: list[Delivery]) -> AlertAnswer:
    fields = {name: value for name, value in alert.content.items() if name in AlertAnswer.model_fields}
    return AlertAnswer(**fields, deliveries=[_delivery_answer(delivery) for delivery in deliveries])


def _delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    waiting = "given_up" if delivery.next_attempt is None else "waiting"
    return DeliveryAnswer(
        url=shown_url(delivery.url),
        state="delivered" if delivery.delivered is not None else waiting,
        attempts=delivery.attempts,
        delivered=None if delivery.delivered is None else iso_of(delivery.delivered),
        next_attempt=None if delivery.next_attempt is None else iso_of(delivery.next_attempt),
        status=delivery.status,
        error=delivery.error,
    )
