"""Stations of the service, for :class:`~service.client.Client`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, Unpack

import pandas as pd

from service.client.calls import Plan
from service.client.event_payload import EventInput
from service.client.event_tables import ForecastTable
from service.client.files import FileOptions
from service.client.parameters import TimeInput, Units
from service.client.series_input import SeriesInput
from service.client.stations.push_results import PushAllResult, PushResult
from service.client.stations.station_calls import StationCalls
from service.client.stations.station_payload import ReadingsInput, station_fields

T = TypeVar("T")


class Run(Protocol):
    """Carries out plans."""

    def __call__(self, plan: Plan[T], /) -> T:
        """Return the result of a plan."""


class Stations:
    """The stations that the service stores, as ``client.stations``.

    Every method raises a :class:`~service.client.ServiceError` if the service cannot be reached or refuses the request,
    such as a ProblemError with the status 404 for a station that does not exist. All requests are retried as those of
    the client are, except :meth:`delete`: the service stores a reading once, however often it arrives.
    """

    def __init__(self, run: Run, calls: StationCalls) -> None:
        self._run, self._calls = run, calls

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
        events: Sequence[EventInput] = (),
        baseline: "pd.DataFrame | Mapping[str, Any] | None" = None,
        webhooks: Sequence[Mapping[str, Any]] = (),
    ) -> "pd.Series[Any]":
        """Create a station, or replace the settings of one. Its readings are kept.

        Args:
            station: its ID: up to 64 letters, digits, dots, hyphens and underscores, after a letter or a digit.
            step: between readings: ``month``, ``week``, ``day``, ``hour``, or an ISO 8601 duration such as ``PT30M``.
                Once there are readings, it cannot change.
            name: for people.
            latitude: degrees north; give both coordinates or neither.
            longitude: degrees east.
            units: of the readings that you push as pandas objects, and of the temperatures in tables.
            model: ``best``, ``rnn``, ``lstm``, ``gru``, or the full name of a model.
            horizon: the number of steps to forecast; None means the service's default.
            source: where the service fetches readings itself, as ``PUT /stations/{id}`` takes it.
            events: the events to watch, as for :meth:`~service.client.Client.forecast`, each with ``alert_at``, the
                probability from which they are expected.
            baseline: of the events: one for the station, as for :meth:`~service.client.Client.forecast`.
            webhooks: where alerts are sent, as ``PUT /stations/{id}`` takes them.

        Returns:
            The station, as :meth:`get` returns it.

        Raises:
            TypeError: if an argument has another type.
            ValueError: if the ID has other characters, or a number is missing or infinite.
            ProblemError: if the service refuses the settings; 409 if the step would change.
        """
        fields = station_fields(
            coordinates={"latitude": latitude, "longitude": longitude},
            horizon=horizon,
            events=events,
            baseline=baseline,
            webhooks=webhooks,
            further={"step": step, "name": name, "units": units, "model": model, "source": source},
        )
        return self._run(self._calls.put(station, fields))

    def get(self, station: str) -> "pd.Series[Any]":
        """Return a station: its row in the table that :meth:`list` returns, and the ``baseline`` of its events."""
        return self._run(self._calls.get(station))

    def list(self) -> pd.DataFrame:
        """Return all stations, in the order of their IDs.

        Returns:
            With the ID as index: ``name``, ``latitude``, ``longitude``, ``step``, ``units``, ``model``, ``horizon``,
            ``created``, ``changed``; of the newest observation ``newest_time``, ``newest_sst``, ``newest_received``,
            ``newest_flag`` (of QARTOD) and ``newest_age`` (since its time); ``anomaly``, the newest observation minus
            ``usual_sst``, with the ``usual_years`` and the ``usual_source`` of that; of the newest forecast
            ``forecast_issued``,
            ``forecast_observed_until`` and ``forecast_model``; ``source``, and of fetching from it ``fetch_next``,
            ``fetch_succeeded``, ``fetch_failures`` and ``fetch_error``; ``events`` with their states and ``webhooks``,
            a list each. Values are missing where there is none. Times are in UTC. Further columns hold other fields
            that the service returns.
        """
        return self._run(self._calls.list())

    def delete(self, station: str) -> None:
        """Delete a station with all that belongs to it. This cannot be undone.

        It needs the key that created the station, or an admin key. The request is not retried.
        """
        self._run(self._calls.delete(station))

    def push(self, station: str, readings: ReadingsInput, /, **options: Unpack[FileOptions]) -> PushResult:
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
        return self._run(self._calls.push(station, readings, options))

    def push_all(self, readings: SeriesInput) -> PushAllResult:
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
        return self._run(self._calls.push_all(readings))

    def observations(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, revisions: bool = False
    ) -> pd.DataFrame:
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
        return self._run(self._calls.observations(station, start, end, revisions=revisions))

    def correct(
        self, station: str, time: TimeInput, *, value: float | None = None, flag: int | None = None
    ) -> "pd.Series[Any]":
        """Give a reading another value, or the flag that you decide on. The service issues a forecast.

        Args:
            station: the ID of the station.
            time: of the reading.
            value: the right one, in the units of the station. The service keeps both.
            flag: 1 if the reading is good, 3 if it is suspect, 4 if it is wrong.

        Returns:
            The reading: a row of the table that :meth:`observations` returns.

        Raises:
            ProblemError: 404 if there is no such station or reading.
        """
        return self._run(self._calls.correct(station, time, value, flag))

    def take_back(self, station: str, time: TimeInput) -> "pd.Series[Any]":
        """Take back a reading, which then only the revisions show. The service issues a forecast without it.

        Args:
            station: the ID of the station.
            time: of the reading.

        Returns:
            The reading, as :meth:`correct` returns it.

        Raises:
            ProblemError: 404 if there is no such station or reading.
        """
        return self._run(self._calls.take_back(station, time))

    def forecast(self, station: str, *, levels: Sequence[int] | None = (80, 95)) -> ForecastTable:
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
        return self._run(self._calls.forecast(station, levels))

    def forecasts(
        self,
        station: str,
        *,
        start: TimeInput = None,
        end: TimeInput = None,
        levels: Sequence[int] | None = (80, 95),
    ) -> ForecastTable:
        """Return the forecasts as they were issued, in the order of ``observed_until``.

        Args:
            station: the ID of the station.
            start: the earliest ``observed_until`` to return.
            end: the latest.
            levels: as for :meth:`forecast`.

        Returns:
            The columns of :meth:`forecast`.
        """
        return self._run(self._calls.forecasts(station, start, end, levels))

    def verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        by: Literal["month"] | None = None,
        replayed: bool | None = None,
    ) -> pd.DataFrame:
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
        return self._run(self._calls.verification(station, lead, start, end, by, replayed))

    def event_verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        replayed: bool | None = None,
    ) -> pd.DataFrame:
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
        return self._run(self._calls.event_verification(station, lead, start, end, replayed))

    def alerts(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, limit: int | None = None
    ) -> pd.DataFrame:
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
        return self._run(self._calls.alerts(station, start, end, limit))
