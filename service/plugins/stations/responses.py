"""Stations, their observations, forecasts and alerts, read from the store and written for responses.

Each function works in the transaction of the connection that it is given.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from orjson import Fragment, dumps
from pydantic import BaseModel
from sqlalchemy import Connection

from forecasting.climatology.usual import Usual
from forecasting.errors import RequestError
from forecasting.events.event_json import event_in_units
from forecasting.forecasts.json import listed, rounded
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.forecast.handler import warn_if_late
from service.api.place_summary import LEVEL, Newest, Place, PlaceEvent, ahead_of, known_usual, summarize
from service.api.series_request import SeriesWarning
from service.engine.event_state import EventStatus
from service.plugins.stations.addresses import shown_address
from service.plugins.stations.alerts import parse_baseline
from service.plugins.stations.durations import OFF, alert_seconds, shifted, shown_duration, shown_silence
from service.plugins.stations.issue import DEFAULT_HORIZON
from service.plugins.stations.notify import shown_notify
from service.plugins.stations.parameters import Cursor, Period, cut_page
from service.plugins.stations.schemas import (
    AlertAnswer,
    AlertList,
    AuditEntry,
    AuditList,
    DeliveryAnswer,
    FetchedReadings,
    FetchState,
    ForecastArchive,
    IssuedAnswer,
    IssuedFailure,
    NewestForecast,
    ObservationsAnswer,
    StationDetail,
    StationEventAnswer,
    WeatherState,
)
from service.plugins.stations.sources import Source
from service.plugins.stations.store.alerts import Delivery, deliveries_of, get_alerts, get_states
from service.plugins.stations.store.audit import Entry, get_entries
from service.plugins.stations.store.database import AuditAccessError, NoForecastError, takes_writes
from service.plugins.stations.store.feeds import Feed, get_feeds
from service.plugins.stations.store.forecasts import IssuedForecast, forecasts_after, last_forecast, newest_forecasts
from service.plugins.stations.store.observations import daily_means, get_observations
from service.plugins.stations.store.stations import (
    WEATHER_KIND,
    Caller,
    Fetch,
    Station,
    get_fetches,
    list_stations,
    station_for,
)
from service.plugins.stations.verification import recent_accuracy
from service.plugins.stations.weather_fetching import parse_origin
from service.plugins.stations.webhooks import shown_webhooks

RECENT: Final = 60
"""Days that are recent; steps if a step is longer than a day."""

Json = dict[str, Any]


def station_detail(connection: Connection, station_id: str, caller: Caller, *, recent: bool = False) -> StationDetail:
    """Return a station with all of its settings, in its units; if ``recent``, with its last sixty days.

    It says whether ``caller`` may change it.
    """
    station = station_for(connection, station_id, caller)
    (fields,) = _described(connection, [station], caller, recent=recent)
    if station.newest is not None:
        begin = shifted(station.newest.time, -RECENT, TimeStep.parse(station.settings.step))
        fields["summary"].accuracy = recent_accuracy(connection, station, begin)
    may_write = caller.may_write and caller.owns(station.owner) and takes_writes(connection)
    return StationDetail(
        **fields,
        baseline=parse_baseline(station.settings.baseline),
        writable=may_write,
    )


def page_json(connection: Connection, caller: Caller, limit: int, after: str, search: str, *, recent: bool) -> bytes:
    """Return a :class:`~service.plugins.stations.schemas.StationPage` as JSON.

    It has the first ``limit`` stations after an ID that ``caller`` may read, with ``search`` in their IDs or names; if
    ``recent``, with their last sixty days. The store has what this service wrote, and checking the fields of many
    stations takes longer than reading them.
    """
    stations = list_stations(connection, limit + 1, after, search, caller)
    # Written one by one: thousands of objects would keep the garbage collector busy.
    dump = partial(dumps, default=partial(BaseModel.model_dump, mode="json", by_alias=True))
    page = [Fragment(dump(fields)) for fields in _described(connection, stations[:limit], caller, recent=recent)]
    return dumps({"stations": page, "next": stations[limit - 1].id if len(stations) > limit else None})


def newest_forecast(connection: Connection, station_id: str, caller: Caller) -> NewestForecast:
    """Return the newest forecast, with the warning ``late`` if it is more than two steps old."""
    station = station_for(connection, station_id, caller)
    issued = last_forecast(connection, station.number)
    if issued is None:
        raise NoForecastError(station_id)
    fields = _forecast_fields(issued, station.settings.units)
    end = np.datetime64(issued.observed_until, "s")
    series = SstSeries(np.array([0.0]), end, TimeStep.parse(station.settings.step))
    late = warn_if_late(series, len(fields["sst"]), np.datetime64(int(time.time()), "s"))
    fields["warnings"] = [
        *(
            SeriesWarning(code=warning.code, message=warning.message.replace("to POST /forecast", "of the station"))
            for warning in late
        ),
        *fields["warnings"],
    ]
    return NewestForecast(station=station.id, units=station.settings.units, **fields)


def archive(
    connection: Connection, station_id: str, caller: Caller, period: Period, after: Cursor | None, limit: int
) -> ForecastArchive:
    """Return a page of the forecasts whose last observation is in a period."""
    station = station_for(connection, station_id, caller)
    forecasts = forecasts_after(connection, station.number, period.begin, period.end, after=after, limit=limit + 1)
    page, following = cut_page(forecasts, limit, lambda issued: Cursor(issued.observed_until, issued.batch))
    units = station.settings.units
    listed = [IssuedAnswer(**_forecast_fields(issued, units)) for issued in page]
    return ForecastArchive(station=station.id, units=units, forecasts=listed, next=following)


def station_alerts(
    connection: Connection, station_id: str, caller: Caller, period: Period, after: Cursor | None, limit: int
) -> AlertList:
    """Return a page of the alerts of a station that were raised in a period, newest first."""
    number = station_for(connection, station_id, caller).number
    alerts = get_alerts(connection, number, period.begin, period.end, after=after, limit=limit + 1)
    page, following = cut_page(alerts, limit, lambda alert: Cursor(alert.raised, alert.number))
    deliveries = deliveries_of(connection, [alert.number for alert in page])
    listed = []
    for alert in page:
        fields = {name: value for name, value in alert.content.items() if name in AlertAnswer.model_fields}
        sent = [_delivery_response(delivery) for delivery in deliveries.get(alert.number, ())]
        listed.append(AlertAnswer(**fields, deliveries=sent))
    return AlertList(station=station_id, alerts=listed, next=following)


def observations(
    connection: Connection, station_id: str, caller: Caller, period: Period, most: int, *, revisions: bool
) -> ObservationsAnswer:
    """Return the observations of a period; with ``revisions``, every revision of each."""
    station = station_for(connection, station_id, caller)
    rows = get_observations(connection, station.number, period.begin, period.end, limit=most + 1, revisions=revisions)
    if len(rows) > most:
        raise RequestError(
            f"there are more than {most} observations: ask for a shorter period with from and to", field="from"
        )
    units = station.settings.units
    return ObservationsAnswer(
        station=station.id,
        units=units,
        timestamps=[iso_of(row.time) for row in rows],
        values=_rounded([row.value for row in rows], units),
        revision=[row.revision for row in rows],
        received=[iso_of(row.received) for row in rows],
        flag=[row.flag for row in rows],
        tests=[row.failed for row in rows],
    )


def audit(
    connection: Connection, caller: Caller, station: str | None, period: Period, after: Cursor | None, limit: int
) -> AuditList:
    """Return a page of what was written, newest first: all of it, or what was about stations that a key owned then."""
    if caller.name is None and not caller.may_all:
        raise AuditAccessError
    owner = None if caller.may_all else caller.name
    number = None if after is None else after.number
    entries = get_entries(connection, *period, station=station, owner=owner, after=number, limit=limit + 1)
    if owner is not None and station is not None and not entries and after is None:
        # A station that was deleted has entries, but no settings.
        found = station_for(connection, station, caller)
        if found.owner != owner:
            raise AuditAccessError
    page, following = cut_page(entries, limit, lambda entry: Cursor(entry.time, entry.number))
    return AuditList(entries=[_audit_entry(entry) for entry in page], next=following)


def _audit_entry(entry: Entry) -> AuditEntry:
    content = dict(entry.content)
    fields: Json = {}
    if entry.action in ("created", "changed"):
        fields = content
    elif entry.action == "readings":
        fields = {"readings": content | {name: iso_of(content[name]) for name in ("first", "last")}}
    elif entry.action in ("corrected", "taken_back"):
        fields = {"correction": content | {"time": iso_of(content["time"])}}
    elif entry.action == "deleted":
        fields = {"deleted": content}
    else:
        fields = {"release": content}
    author = entry.author
    by = author.part or ("key" if author.name is not None else "anyone")
    return AuditEntry(
        time=iso_of(entry.time), who=author.name, by=by, station=entry.station, action=entry.action, **fields
    )


def written(issued: IssuedForecast | str, units: Units) -> IssuedAnswer | IssuedFailure:
    """Return a forecast, or the reason why there is none, for a response."""
    return IssuedFailure(error=issued) if isinstance(issued, str) else IssuedAnswer(**_forecast_fields(issued, units))


def _described(connection: Connection, stations: Sequence[Station], caller: Caller, *, recent: bool) -> Iterator[Json]:
    """Yield the fields of the answer about each station, as ``caller`` sees it."""
    units_of = {each.number: each.settings.units for each in stations}
    issued = newest_forecasts(connection, [*units_of])
    forecasts = {each.station: _short_fields(each, units_of[each.station]) for each in issued}
    fetches = get_fetches(connection, [each.number for each in stations if each.settings.source is not None])
    with_weather = [each.number for each in stations if each.settings.weather is not None]
    weather_fetches = get_fetches(connection, with_weather, WEATHER_KIND)
    states = get_states(connection, [each.number for each in stations if each.settings.events])
    feeds = get_feeds(connection, [each.number for each in stations])
    now = int(time.time())
    for station in stations:
        settings, newest = station.settings, station.newest
        units: Units = settings.units
        forecast, fetch = forecasts.get(station.number), fetches.get(station.number)
        sst = None if newest is None else _degrees([newest.value], units)[0]
        is_current = newest is not None and forecast is not None and forecast["observed_until"] == iso_of(newest.time)
        usual = forecast["usual"] if forecast is not None and is_current else None
        events = _events(station, states.get(station.number, {}), feeds.get(station.number))
        place = Place(
            step=TimeStep.parse(settings.step),
            units=units,
            newest=None if newest is None or sst is None else Newest(newest.time, sst, newest.flag),
            ahead=None if forecast is None else ahead_of(forecast),
            usual=None if usual is None else Usual(**usual),
            events=[_watched(event) for event in events],
            fetch_error=None if fetch is None else fetch.error,
        )
        summary = summarize(place, now)
        yield {
            "id": station.id,
            "name": settings.name,
            "latitude": settings.latitude,
            "longitude": settings.longitude,
            "step": settings.step,
            "units": units,
            "model": settings.model,
            "horizon": settings.horizon or DEFAULT_HORIZON,
            "source": None if settings.source is None else Source.load(settings.source),
            "weather": parse_origin(settings.weather),
            "visibility": settings.visibility,
            "owner": station.owner if caller.owns(station.owner) else None,
            "created": iso_of(station.created),
            "changed": iso_of(station.changed),
            "newest": None
            if newest is None
            else {
                "time": iso_of(newest.time),
                "sst": sst,
                "received": iso_of(newest.received),
                "flag": newest.flag,
                "age_seconds": now - newest.time,
            },
            "events": events,
            "webhooks": shown_webhooks(settings.webhooks),
            "alert_within": shown_duration(alert_seconds(settings)),
            "silent_after": shown_silence(settings.silent_after),
            "notify": shown_notify(settings.notify),
            "recent": _recent(connection, station) if recent else None,
            "forecast": forecast,
            "usual": usual,
            "anomaly": summary.anomaly,
            "fetch": None if fetch is None else _fetch_state(fetch),
            "weather_fetch": _weather_state(weather_fetches.get(station.number)),
            "summary": summary,
        }


def _watched(event: StationEventAnswer) -> PlaceEvent:
    """Return what a summary says of an event."""
    known = PlaceEvent(event.name, event.kind, event.state, event.since, event.category, event.probability, event.error)
    likely = (event.settings or {}).get("alert_at")
    return known if likely is None else known._replace(likely=likely)


def _recent(connection: Connection, station: Station) -> Json:
    """Return the last sixty days, or steps, of a station."""
    newest = station.newest
    if newest is None:
        return {"timestamps": [], "sst": []}
    sixty_steps = shifted(newest.time, 1 - RECENT, TimeStep.parse(station.settings.step))
    means = daily_means(connection, station.number, min(newest.time - (RECENT - 1) * DAY, sixty_steps))
    sst = _rounded([value for _, value in means], station.settings.units)
    return {"timestamps": [iso_of(time) for time, _ in means], "sst": sst}


def _events(station: Station, states: Mapping[str, Json], feed: Feed | None) -> list[StationEventAnswer]:
    """Return the events of a station with their states, as far as they are known: of a silent one, they are not."""
    silence = None if feed is None or feed.silent_since is None else iso_of(feed.silent_since)
    events = []
    for event in station.settings.events or ():
        state = EventStatus(**states[event["name"]]["state"]) if event["name"] in states else EventStatus(None)
        if silence is not None:
            state = EventStatus(None, error=f"no reading since {silence}")
        events.append(_event_response(event["name"], event["kind"], state, event))
    if station.settings.silent_after != OFF:
        silent = EventStatus(silence is not None, silence)
        if feed is None or not feed.live:
            silent = EventStatus(None)
        events.append(_event_response("silent", "silent", silent, None))
    if feed is None or silence is not None:
        stuck = EventStatus(None, error=None if silence is None else f"no reading since {silence}")
    else:
        stuck = EventStatus(feed.stuck_since is not None, _optional_iso(feed.stuck_since))
    return [*events, _event_response("stuck", "stuck", stuck, None)]


def _event_response(name: str, kind: Any, state: EventStatus, settings: Json | None) -> StationEventAnswer:
    # The store has what this service wrote, and checking the fields of many stations takes longer than reading them.
    return StationEventAnswer.model_construct(
        name=name,
        kind=kind,
        state=state.word,
        since=state.since,
        category=state.category,
        probability=state.probability,
        error=state.error,
        settings=settings,
    )


def _attempts(fetch: Fetch) -> Json:
    return {
        "next": iso_of(fetch.next_attempt),
        "attempted": _optional_iso(fetch.attempted),
        "succeeded": _optional_iso(fetch.succeeded),
        "failures": fetch.failures,
        "error": fetch.error,
    }


def _fetch_state(fetch: Fetch) -> FetchState:
    stored = None if fetch.content is None else FetchedReadings(**fetch.content)
    return FetchState(**_attempts(fetch), stored=stored)


def _weather_state(fetch: Fetch | None) -> WeatherState | None:
    if fetch is None:
        return None
    attribution = (fetch.content or {}).get("attribution")
    return WeatherState(**_attempts(fetch), until=_optional_iso(fetch.until), attribution=attribution)


def _delivery_response(delivery: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        url=shown_address(delivery.url),
        channel=delivery.channel,
        state=delivery.state,
        attempts=delivery.attempts,
        delivered=_optional_iso(delivery.delivered),
        next_attempt=_optional_iso(delivery.next_attempt),
        status=delivery.status,
        error=delivery.error,
    )


def _optional_iso(time: int | None) -> str | None:
    return None if time is None else iso_of(time)


def _forecast_fields(issued: IssuedForecast, units: Units) -> Json:
    content, without = issued.content, (issued.weather or {}).get("without")
    return _main_fields(issued, content["intervals"], content.get("usual"), units) | {
        "plain": None if issued.plain is None else _intervals(issued.plain, units),
        "baselines": {name: _degrees(values, units) for name, values in content["baselines"].items()},
        "weather": None if issued.weather is None else _weather_fields(issued.weather, units),
        "sst_without_weather": None if without is None else _degrees(without, units),
        "warnings": content["warnings"],
        "events": [event_in_units(event, units) for event in content.get("events", ())],
    }


def _weather_fields(weather: Json, units: Units) -> Json:
    """Return the fields of :class:`~service.plugins.stations.schemas.GivenWeather`."""
    air = np.array(weather["air_temperature"], dtype=np.float64)
    return {name: value for name, value in weather.items() if name != "without"} | {
        "fetched": iso_of(weather["fetched"]),
        "air_temperature": listed(from_celsius(air, units)),
    }


def _short_fields(issued: IssuedForecast, units: Units) -> Json:
    """Return the fields of :class:`~service.plugins.stations.schemas.ShortForecast`, with the interval of 80 % only.

    Nothing is usual at a position that the readings contradict.
    """
    content = issued.content
    intervals = [interval for interval in content["intervals"] if interval["level"] == LEVEL]
    return _main_fields(issued, intervals, known_usual(content), units)


def _main_fields(issued: IssuedForecast, intervals: Sequence[Json], usual: Json | None, units: Units) -> Json:
    return {
        "issued": iso_of(issued.issued),
        "observed_until": iso_of(issued.observed_until),
        "replayed": issued.replayed,
        "model": issued.model,
        "version": issued.version,
        "timestamps": issued.content["timestamps"],
        "sst": _degrees(issued.content["sst"], units),
        "intervals": _intervals(intervals, units),
        "usual": None if usual is None else usual | {"sst": _degrees([usual["sst"]], units)[0]},
    }


def _intervals(intervals: Sequence[Json], units: Units) -> list[Json]:
    return [interval | {name: _degrees(interval[name], units) for name in ("lower", "upper")} for interval in intervals]


def _degrees(celsius: list[float], units: Units) -> list[float]:
    """Return temperatures of readings or a forecast, which are stored as they are written in °C."""
    return celsius if units == "celsius" else _rounded(celsius, units)


def _rounded(celsius: npt.ArrayLike, units: Units) -> list[float]:
    values: list[float] = rounded(from_celsius(celsius, units)).tolist()
    return values
