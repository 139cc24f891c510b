"""Calls about stations: settings, readings, forecasts, verification and alerts."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, Unpack
from urllib.parse import quote

import pandas as pd

from service.client import station_tables
from service.client.bodies import readings_body, readings_requests
from service.client.calls import AsyncCaller, Call, Caller, Plan, Planned, SyncCaller
from service.client.options import (
    EventInput,
    FileOptions,
    Json,
    TimeInput,
    Units,
    checked_station,
    given,
    written_time,
)
from service.client.reports import content_of
from service.client.series import SeriesInput, named_series, to_pandas
from service.client.station_tables import PushAllResult, PushResult
from service.client.tables import ForecastTable

ReadingsInput: TypeAlias = "pd.Series[Any] | pd.DataFrame | str | Path | bytes"
"""Readings of one station: a Series, a DataFrame with one column, or a file: its path or its content."""

PAGE: Final = 1_000
"""Entries in one page."""

Entries = list[Json]


class StationCalls(Caller):
    """The calls of both clients about stations."""

    @Planned
    def put(
        self,
        station: str,
        *,
        step: str,
        name: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        units: Units = "celsius",
        model: str = "best",
        horizon: int | None = None,
        source: Mapping[str, Any] | None = None,
        weather: Mapping[str, Any] | str | None = None,
        events: Sequence[EventInput] = (),
        baseline: "pd.DataFrame | Mapping[str, Any] | str | None" = None,
        webhooks: Sequence[Mapping[str, Any]] = (),
        notify: Sequence[str] = (),
        alert_within: str | None = None,
        silent_after: str | None = "auto",
        visibility: Literal["private", "shared"] | None = None,
        owner: str | None = None,
    ) -> Plan["pd.Series[Any]"]:
        """Create a station, or replace the settings of one. Its readings are kept.

        Args:
            station: its ID: up to 64 letters, digits, dots, hyphens and underscores, after a letter or a digit.
            step: the step between readings: ``month``, ``week``, ``day``, ``hour``, or an ISO 8601 duration such as
                ``PT30M``. Once there are readings, it cannot change.
            name: a display name.
            latitude: degrees north; give both coordinates or neither.
            longitude: degrees east.
            units: the units of the readings that you push as pandas objects, and of the temperatures in tables.
            model: ``best``, ``rnn``, ``lstm``, ``gru``, or the full name of a model.
            horizon: the number of steps to forecast; None means the service's default.
            source: where the service fetches readings itself, as ``PUT /stations/{id}`` takes it.
            weather: where it fetches the weather at the position: ``"open-meteo"``, or an object with ``erddap``.
            events: the events to watch, as for :meth:`~service.client.Client.forecast`, each with ``alert_at``, the
                probability from which they are expected.
            baseline: the baseline of the events: one for the station, as for :meth:`~service.client.Client.forecast`.
            webhooks: where alerts are sent, as ``PUT /stations/{id}`` takes them. If the service makes the ``secret``
                of one, only the station that this call returns has it.
            notify: addresses that alerts are sent to as a sentence, in the form of Apprise.
            alert_within: how old a change of an event may be that raises an alert, an ISO 8601 duration; None means
                two days, or seven steps if these are longer.
            silent_after: how long nothing may arrive before the station is silent, an ISO 8601 duration; with ``auto``,
                the service chooses it, and with None, the station never is.
            visibility: ``shared`` if other keys may read the station; None means ``private``.
            owner: the name of the key that it belongs to, which only an admin key can change; None keeps it.

        Returns:
            The station, as :meth:`get` returns it.

        Raises:
            TypeError: if an argument has another type.
            ValueError: if the ID has other characters, or a number is missing or infinite.
            ProblemError: if the service refuses the settings; 409 if the step would change.
        """
        fields = given(
            step=step, name=name, latitude=latitude, longitude=longitude, units=units, model=model, horizon=horizon,
            source=source, weather=weather, events=events, baseline=baseline, webhooks=webhooks, notify=notify,
            alert_within=alert_within, visibility=visibility, owner=owner,
        )  # fmt: skip
        # None is a value here.
        fields["silent_after"] = silent_after
        return self._service.ask(Call("PUT", _path(station), body=json.dumps(fields)), station_tables.station_series)

    @Planned
    def get(self, station: str) -> Plan["pd.Series[Any]"]:
        """Return a station: its row in the table that :meth:`list` returns, and the ``baseline`` of its events."""
        return self._get(_path(station), station_tables.station_series)

    @Planned
    def list(self) -> Plan[pd.DataFrame]:
        """Return all stations, in the order of their IDs.

        Returns:
            With the ID as index: ``name``, ``latitude``, ``longitude``, ``step``, ``units``, ``model``, ``horizon``,
            ``created``, ``changed``; of the newest observation ``newest_time``, ``newest_sst``, ``newest_received``,
            ``newest_flag`` (of QARTOD) and ``newest_age`` (since its time); ``anomaly``, the newest observation minus
            ``usual_sst``, with the ``usual_years`` and the ``usual_source`` of that; of the newest forecast
            ``forecast_issued``,
            ``forecast_observed_until`` and ``forecast_model``; ``source``, and of fetching from it ``fetch_next``,
            ``fetch_succeeded``, ``fetch_failures`` and ``fetch_error``; ``weather``, and of fetching it
            ``weather_fetch_succeeded``, ``weather_fetch_until`` and ``weather_fetch_error``; ``events`` with their
            states, ``webhooks`` and ``notify``, a list each; ``visibility`` and ``owner``. Values are missing where
            there is none. Times are in UTC. Further columns hold other fields that the service returns.
        """
        stations = yield from self._pages("/stations", "stations")
        return station_tables.stations_table(stations)

    @Planned
    def delete(self, station: str) -> Plan[None]:
        """Delete a station with all that belongs to it. This cannot be undone.

        It needs the key that created the station, or an admin key. The request is not retried.
        """
        # Once: after a lost response, a retry would find no station.
        yield from self._service.send(Call("DELETE", _path(station), once=True))

    @Planned
    def push(self, station: str, readings: ReadingsInput, /, **options: Unpack[FileOptions]) -> Plan[PushResult]:
        """Send readings of a station. The service stores them, and issues a forecast from the end of the series.

        Args:
            station: the ID of the station.
            readings: a Series or a DataFrame with one column, whose index holds times or periods, in the units of the
                station; or a file, as for :meth:`~service.client.Client.read_series`: its path or its content. Times
                without a zone are in UTC. They may be in any order. NaN is no reading.
            options: how to read a file, such as ``station``, ``resample`` or ``missing``.

        Returns:
            How many readings are new, which were refused or are doubted, and the forecast.

        Raises:
            TypeError: if ``readings`` has another type, or there are options without a file.
            ValueError: if the index does not hold times, or a value is not a number.
            OSError: if the file cannot be read.
            ProblemError: if the service refuses the readings. Nothing is stored then.
        """
        path = _path(station, "observations")
        if isinstance(readings, str | Path | bytes):
            call = Call("POST", path, given(**options), content_of(readings), "application/octet-stream")
            return self._service.ask(call, partial(station_tables.push_result, station, None))
        if options:
            raise TypeError(f"{min(options)} is an option for files, but the readings are not a file: leave it out")
        series = _only_series(readings)
        call = Call("POST", path, body=readings_body(station, series))
        return self._service.ask(call, partial(station_tables.push_result, station, series))

    @Planned
    def push_all(self, readings: SeriesInput) -> Plan[PushAllResult]:
        """Send readings of several stations.

        Args:
            readings: a DataFrame with a column for each station, or a mapping of IDs to Series, as for :meth:`push`;
                names that are not text, such as 44007, are sent as text. More than ``max_series`` stations are split
                into several requests; the readings of one station are not.

        Returns:
            The outcome for the readings of each station. A station that does not exist has an ``error``.

        Raises:
            TypeError, ValueError, ProblemError: as for :meth:`push`. Requests before a refused one are stored.
        """
        readings = to_pandas(readings)
        requests = readings_requests(readings, self._service.max_series, self._service.max_bytes)
        parts = yield from self._service.ask_each(
            Call("POST", "/observations"), requests, station_tables.stored_stations
        )
        return station_tables.push_all_result(dict(named_series(readings)), parts)

    @Planned
    def observations(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, revisions: bool = False
    ) -> Plan[pd.DataFrame]:
        """Return what is stored, in chronological order.

        Args:
            station: the ID of the station.
            start: the earliest time to return.
            end: the latest.
            revisions: whether to return every revision of a reading, and not only the latest.

        Returns:
            With the time (UTC) as index: ``sst`` in the units of the station, ``flag`` (of QARTOD: 1 good, 2 not
            evaluated, 3 suspect, 4 fail; 9 if it was taken back), ``tests`` (that it fails, separated by commas;
            ``person`` if a person has set the flag), ``revision`` (0 for a first reading, and one more for each change)
            and ``received``.
        """
        options = {"start": start, "end": end, "revisions": revisions}
        return self._get(_path(station, "observations"), station_tables.observations_table, **options)

    @Planned
    def correct(
        self, station: str, time: TimeInput, *, value: float | None = None, flag: int | None = None
    ) -> Plan["pd.Series[Any]"]:
        """Give a reading another value, or the flag that you decide on. The service issues a forecast.

        Args:
            station: the ID of the station.
            time: the time of the reading.
            value: the right one, in the units of the station. The service keeps both.
            flag: 1 if the reading is good, 3 if it is suspect, 4 if it is wrong.

        Returns:
            The reading: a row of the table that :meth:`observations` returns.

        Raises:
            ProblemError: 404 if there is no such station or reading.
        """
        body = json.dumps(given(value=value, flag=flag))
        return self._service.ask(
            Call("PATCH", _reading_path(station, time), body=body), station_tables.corrected_reading
        )

    @Planned
    def take_back(self, station: str, time: TimeInput) -> Plan["pd.Series[Any]"]:
        """Take back a reading, which then only the revisions show. The service issues a forecast without it.

        Args:
            station: the ID of the station.
            time: the time of the reading.

        Returns:
            The reading, as :meth:`correct` returns it.

        Raises:
            ProblemError: 404 if there is no such station or reading.
        """
        return self._service.ask(Call("DELETE", _reading_path(station, time)), station_tables.corrected_reading)

    @Planned
    def forecast(self, station: str, *, levels: Sequence[int] | None = (80, 95)) -> Plan[ForecastTable]:
        """Return the newest forecast that was issued.

        Args:
            station: the ID of the station.
            levels: the levels of the intervals to return, in percent; None means all that were issued.

        Returns:
            The columns of :meth:`~service.client.Client.forecast`, and before ``time`` also ``issued`` (when the
            readings arrived), ``observed_until`` (the time of the last observation) and ``replayed`` (whether they
            arrived more than two steps after it). Bounds are NaN at a level that was not issued. Its attributes
            ``events`` and ``event_leads`` are tables of the events of the station.

        Raises:
            TypeError: if a level is not an integer.
            ProblemError: 404 if there is no such station, or it has no forecast yet.
        """
        asked = given(levels=levels).get("levels")
        path = _path(station, "forecast")
        return self._get(path, lambda issued: station_tables.issued_table([(station, issued)], asked))

    @Planned
    def forecasts(
        self,
        station: str,
        *,
        start: TimeInput = None,
        end: TimeInput = None,
        levels: Sequence[int] | None = (80, 95),
    ) -> Plan[ForecastTable]:
        """Return the forecasts as they were issued, in the order of ``observed_until``.

        Args:
            station: the ID of the station.
            start: the earliest ``observed_until`` to return.
            end: the latest.
            levels: as for :meth:`forecast`.

        Returns:
            The columns of :meth:`forecast`.
        """
        asked = given(levels=levels).get("levels")
        forecasts = yield from self._pages(_path(station, "forecasts"), "forecasts", start=start, end=end)
        return station_tables.issued_table([(station, issued) for issued in forecasts], asked)

    @Planned
    def verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        by: Literal["month"] | None = None,
        replayed: bool | None = None,
    ) -> Plan[pd.DataFrame]:
        """Return how good the issued forecasts were, compared with later observations.

        Args:
            station: the ID of the station.
            lead: the number of steps ahead; None means every lead.
            start: the earliest ``observed_until`` of the forecasts to verify.
            end: the latest.
            by: ``month`` to score each month too.
            replayed: whether to verify only forecasts that are replayed, or only others; None means both.

        Returns:
            A row for each lead and model, including the references issued at the same time: ``lead``, ``month`` (of
            ``observed_until``; None in rows about all of them), ``n``, ``replayed`` (how many of them are), ``model``,
            ``kind`` (``issued`` or ``baseline``), ``mae``, ``rmse`` and ``bias`` in the units of the station; and of
            the issued forecasts ``skill_persistence`` and so on, ``crps``, and for each level ``coverage_80_plain`` (of
            the intervals as the model made them) and ``coverage_80_recalibrated`` (as they were issued). A lead without
            observations has no row.
        """
        options = {"lead": lead, "start": start, "end": end, "by": by, "replayed": replayed}
        return self._get(_path(station, "verification"), station_tables.verification_table, **options)

    @Planned
    def event_verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        replayed: bool | None = None,
    ) -> Plan[pd.DataFrame]:
        """Return how reliable the probabilities of a station's events were, compared with later observations.

        Args:
            station: the ID of the station.
            lead: the number of steps ahead; None means every lead.
            start: the earliest ``observed_until`` of the forecasts to verify.
            end: the latest.
            replayed: whether to verify only forecasts that are replayed, or only others; None means both.

        Returns:
            A row for each event, lead and range of probabilities: ``event``, ``kind``, ``level`` (of heat stress: it is
            on at this alert level and above), ``lead``, ``n``, ``frequency`` (the share of all forecasts in which the
            event was on), ``brier``, ``skill_persistence`` (over the state of the last observation), ``minimum`` and
            ``maximum`` (of the range), ``forecasts`` (how many there are in it), ``happened`` (in how many of them the
            event was on), ``probability`` (their mean), ``share`` (``happened`` of ``forecasts``), ``lower`` and
            ``upper`` (of the 95 % interval of the share).
        """
        options = {"lead": lead, "start": start, "end": end, "replayed": replayed}
        return self._get(_path(station, "verification"), station_tables.event_verification_table, **options)

    @Planned
    def alerts(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, limit: int | None = None
    ) -> Plan[pd.DataFrame]:
        """Return the alerts about the events of a station, newest first.

        Args:
            station: the ID of the station.
            start: the earliest ``raised`` to return.
            end: the latest.
            limit: the most alerts to return, the newest; None means all.

        Returns:
            A row for each alert: ``alert`` (what happened, such as ``began``), ``event`` (its name), ``kind``,
            ``status`` (``raised``, or ``held`` or ``dropped`` because of a suspect reading, with the ``reason``),
            ``raised`` (when the readings arrived), ``observed_until``, ``sst`` in ``units``, ``since``, ``category``,
            ``previous_category``, ``probability``, and ``deliveries``: a list with a dictionary for each webhook.

        Raises:
            TypeError: if the limit is not an integer.
        """
        maximum = given(limit=limit).get("limit")
        alerts = yield from self._pages(_path(station, "alerts"), "alerts", maximum, start=start, end=end)
        return station_tables.alerts_table(alerts)

    @Planned
    def test_webhooks(self, station: str, url: str | None = None) -> Plan[pd.DataFrame]:
        """Send a test to the webhooks and addresses of a station, like an alert that the service does not store.

        Args:
            station: the ID of the station.
            url: one of its webhooks or addresses of ``notify``, as you sent it or as :meth:`get` shows it; None means
                all.

        Returns:
            With the URL as index: ``delivered``, ``status`` (of the response; missing if there was none),
            ``milliseconds`` and ``error`` (None if it was delivered).

        Raises:
            ProblemError: 422 if the station has no such webhook; 429 after several tests in a few seconds.
        """
        call = Call("POST", _path(station, "webhooks", "test"), body=json.dumps(given(url=url)), once=True)
        return self._service.ask(call, station_tables.tried_webhooks)

    @Planned
    def audit(
        self, station: str | None = None, *, start: TimeInput = None, end: TimeInput = None, limit: int | None = None
    ) -> Plan[pd.DataFrame]:
        """Return who wrote what, newest first: all of it to an admin key, to others what is about their stations.

        Args:
            station: the ID of a station; None means all.
            start: the earliest time to return.
            end: the latest.
            limit: the most entries to return, the newest; None means all.

        Returns:
            A row for each entry: ``time``, ``who`` (the name of the key), ``by`` (``key``, ``anyone``, ``source`` or
            ``service``), ``station``, ``action``, and a dictionary in the column that belongs to the action:
            ``changes``, ``readings``, ``correction``, ``deleted`` or ``release``.

        Raises:
            TypeError: if the limit is not an integer.
            ProblemError: 403 if the station belongs to another key, 404 if it does not exist.
        """
        options: Json = {"start": start, "end": end}
        if station is not None:
            options["station"] = checked_station(station)
        maximum = given(limit=limit).get("limit")
        entries = yield from self._pages("/audit", "entries", maximum, **options)
        return station_tables.audit_table(entries)

    def _pages(self, path: str, field: str, maximum: int | None = None, **options: Any) -> Plan[Entries]:
        """Return the entries of all pages of a list, or the first ``maximum``."""
        entries: Entries = []
        after: str | None = ""
        while True:
            wanted = PAGE if maximum is None else min(PAGE, maximum - len(entries))
            page, after = yield from self._get(
                path, lambda response: (response[field], response["next"]), limit=wanted, after=after, **options
            )
            entries += page
            if after is None or (maximum is not None and len(entries) >= maximum):
                return entries


class Stations(StationCalls, SyncCaller):
    """The stations that the service stores, as ``client.stations``.

    Every method raises a :class:`~service.client.ServiceError` if the service cannot be reached or refuses the request,
    such as a ProblemError with the status 404 for a station that does not exist. All requests are retried as those of
    the client are, except :meth:`delete`: the service stores a reading once, however often it arrives.
    """


class AsyncStations(StationCalls, AsyncCaller):
    """The stations that the service stores, with the methods and results of :class:`Stations`, to be awaited."""


def _path(station: str, *parts: str) -> str:
    return "/".join(("/stations", checked_station(station), *parts))


def _reading_path(station: str, time: TimeInput) -> str:
    written = written_time("time", time)
    if written is None:
        raise ValueError("the time of the reading is missing")
    return _path(station, "observations", quote(written, safe=""))


def _only_series(readings: "pd.Series[Any] | pd.DataFrame") -> "pd.Series[Any]":
    if isinstance(readings, pd.Series):
        return readings
    if not isinstance(readings, pd.DataFrame):
        raise TypeError(f"the readings are a {type(readings).__name__}: expected a Series, a DataFrame or a file")
    if len(readings.columns) != 1:
        raise ValueError(
            f"the DataFrame has {len(readings.columns)} columns: pass one of them as a Series, or several stations, "
            "a column each, to push_all"
        )
    return readings.iloc[:, 0]
