"""The client."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
import pandas as pd

from service.client.calls import Call, Done, Plan, Wait, advance
from service.client.endpoint import MAX_BYTES, MAX_SERIES, Endpoint, request_arguments
from service.client.event_payload import BaselineInput, EventInput, EventKind, read_events, split_baseline
from service.client.event_tables import ForecastTable
from service.client.files import File, FileOptions, FileReading, content_of
from service.client.parameters import (
    ComparisonParameters,
    Degrees,
    ForecastParameters,
    Positions,
    TimeInput,
    Units,
    drop_none,
    written_time,
)
from service.client.retry import Outcome
from service.client.series_input import SeriesInput
from service.client.stations.station_calls import StationCalls
from service.client.stations.stations import Stations

T = TypeVar("T")


class Client:
    """A client of the service.

    Every method raises a :class:`~service.client.ServiceError` if the service cannot be reached or refuses the request.
    A request is retried after a failed connection and after a 429, 502, 503 or 504. Threads can share a client.

    Args:
        base_url: the URL of the service, such as ``http://127.0.0.1:8000``. It may include a path.
        api_key: the API key, sent as ``Authorization: Bearer``.
        timeout: the seconds to wait for a connection and for each part of a response; None waits forever.
        retries: the number of retries after the first try.
        max_wait: the longest wait before a retry, in seconds. There is no retry if the service asks for a longer wait.
        max_series: the most series in one request; more are split into several requests.
        max_bytes: the largest body of one request; more is split into several requests.
        columns: whether to send 64 or more series as an Arrow stream, if pyarrow is installed and the service takes
            it. The result is the same.
        transport: an httpx transport, for custom certificates and proxies.
        sleep: the function that waits for a number of seconds.

    Raises:
        TypeError: if a count is not an integer.
        ValueError: if an argument is invalid.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float | None = 30.0,
        retries: int = 3,
        max_wait: float = 60.0,
        max_series: int = MAX_SERIES,
        max_bytes: int = MAX_BYTES,
        columns: bool = True,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        endpoint = Endpoint(base_url, api_key, retries, max_wait, max_series, max_bytes, columns)
        self._http = httpx.Client(base_url=endpoint.url, headers=endpoint.headers, timeout=timeout, transport=transport)
        self._address, self._calls, self._sleep = endpoint.address, endpoint.calls, sleep

    def forecast(
        self,
        series: SeriesInput,
        *,
        model: str = "best",
        dataset: str | None = None,
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
        strict: bool | None = None,
        latitude: Degrees = None,
        longitude: Degrees = None,
        events: Sequence[EventInput] = (),
        paths: int = 0,
        baseline: BaselineInput = None,
        check: bool = False,
        as_of: TimeInput = None,
    ) -> ForecastTable:
        """Forecast what follows each series.

        Args:
            series: a Series; a DataFrame with a column for each station; or a mapping of names to Series, if the
                stations have different times. The index holds times or periods. Times without a zone are in UTC. NaN is
                a missing value. With pyarrow, also a DataFrame of polars or another Arrow table, which has a column of
                times and one for each station, or the columns ``id``, ``time`` and ``sst``.
            model: ``best``, ``all``, ``rnn``, ``lstm``, ``gru``, or the full name of a model, such as ``nino12-gru``.
            dataset: the dataset whose models to use. Without it, and unless ``model`` is a full name, the step of each
                series chooses the universal release.
            horizon: the number of steps to forecast.
            levels: the levels of the prediction intervals, in percent.
            thresholds: the temperatures for which to return the probability of exceedance.
            units: the units of the values, the thresholds and the result.
            strict: whether to raise an exception if a series cannot be forecast. None means that a single Series
                raises, and one of several has a row with its ``error`` instead.
            latitude: degrees north, of all series or, by name, of some. With ``longitude``, it tells universal networks
                what is usual there.
            longitude: degrees east.
            events: the events to forecast, at most 20, with the fields of ``events`` in ``POST /forecast``:
                ``{"name": "warm", "above": 24, "for": 5}`` or ``{"name": "heatwave", "kind": "marine_heatwave"}``.
            paths: the number of sample paths to return.
            baseline: of events, for all series or by name: a mapping with ``start`` and ``end``, or with
                ``climatology`` and ``threshold``, 366 numbers each; or a DataFrame with these two columns. None means
                the whole series.
            check: whether to leave out values that are implausible given the forecast made before them; only universal
                networks check.
            as_of: the time that counts as now, for series that are made up or end after the present: a datetime, a
                pandas Timestamp, or text in ISO 8601. Without it, a series that ends in the future is an error.

        Returns:
            A row for each station, model and time, in this order, with these columns: ``station`` (the name of the
            series, or ``"0"`` for a Series without one), ``model`` (a network; or a reference, if that has the best
            record on the series), ``version`` (of the release), ``chosen`` (``own_past`` or ``held_out_seas``: why
            ``best`` chose the model; None where it did not choose by series), ``time`` (UTC),
            ``sst``, ``lower_80`` and ``upper_80`` for each level, ``calibrated`` (false if the series is unlike the
            model's training data, so that intervals and probabilities cannot be trusted), ``exceedance_24`` for each
            threshold, ``persistence``, ``climatology``, ``damped``, ``linear`` (NaN if the series is too short for it),
            ``warnings`` (``code: message; code: message``, or empty) and ``error`` (or None). A series that failed has
            one row for each model, with its ``error`` and no ``time``.

            The attributes ``events``, ``event_leads`` and ``paths`` are further tables
            (:class:`~service.client.ForecastTable`), empty if you did not ask for any.

        Raises:
            TypeError: if ``series``, ``events`` or ``baseline`` has another type, the horizon, ``paths`` or a level is
                not an integer, or a threshold is not a number.
            ValueError: if there is no series, an index or a table does not hold times, or a value is not a finite
                number.
            ModuleNotFoundError: if ``series`` is an Arrow table, and pyarrow is not installed.
            ProblemError: if the service refuses the request.
            UnavailableError: if the service cannot be reached.
            AnswerError: if the response is not from the service.
        """
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units, check=check, as_of=as_of)
        shared, by_name = split_baseline(baseline)
        parameters = parameters.with_events(read_events(events), paths, shared)
        further = (Positions(latitude, longitude), by_name)
        return self._run(self._calls.forecast(series, parameters, strict, further))

    def events(
        self,
        series: SeriesInput,
        kind: EventKind = "marine_heatwave",
        *,
        units: Units = "celsius",
        baseline: BaselineInput = None,
        strict: bool | None = None,
    ) -> pd.DataFrame:
        """List the marine heatwaves or cold spells in the past of each daily series.

        Args:
            series: as for :meth:`forecast`; daily.
            kind: ``marine_heatwave`` or ``marine_cold_spell``.
            units: the units of the values, the baseline and the result.
            baseline: as for :meth:`forecast`.
            strict: whether to raise an exception if a series cannot be used. None means that a single Series raises,
                and one of several has a row with its ``error`` instead.

        Returns:
            A row for each station and event, in chronological order: ``station``, ``start``, ``end``, ``peak`` (days,
            UTC), ``days``, ``intensity_mean``, ``intensity_max``, ``intensity_cumulative``, ``rate_onset``,
            ``rate_decline``, ``category``, ``baseline_start``, ``baseline_end``, ``warnings`` and ``error``. A series
            without events has no row.

        Raises:
            TypeError, ValueError, ServiceError: as for :meth:`forecast`.
        """
        shared, by_name = split_baseline(baseline)
        fields = drop_none(units=units, baseline=shared)
        return self._run(self._calls.events(series, kind, fields, strict, (by_name,)))

    def forecast_dataset(
        self,
        dataset: str | None = None,
        *,
        model: str = "best",
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
        events: Sequence[EventInput] = (),
        paths: int = 0,
    ) -> ForecastTable:
        """Forecast what follows a dataset's last observation. Returns the columns of :meth:`forecast`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        parameters = parameters.with_events(read_events(events), paths, None)
        return self._run(self._calls.forecast_dataset(parameters))

    def compare(self, dataset: str | None = None, *, horizon: int | None = None) -> pd.DataFrame:
        """Return the accuracy on the held-out test part, ``horizon`` steps ahead (default: 1), of each model.

        For a universal dataset, such as ``ocean-daily``, it is the accuracy on held-out seas: a row for each network,
        ``context``, ``lead`` (all that were scored, unless ``horizon`` selects one) and ``positioned``, with ``n``,
        ``relative_rmse`` (to persistence), ``coverage_80``, ``coverage_95``, ``best``, ``dataset``, ``version`` and
        ``step``.

        Returns:
            With the model's name as index: ``kind``, ``best``, ``mae``, ``rmse`` and ``bias`` (°C), ``mape`` (percent),
            ``skill_persistence`` and so on, ``p_value``, ``coverage_80`` and so on, ``parameters``, ``latency_ms``,
            ``train_seconds``; NaN where a baseline has none. ``dataset``, ``version``, ``step``, ``horizon``, ``n``,
            ``test_start`` and ``test_end`` are the same in every row, so that tables can be concatenated.
        """
        return self._run(self._calls.compare(dataset, horizon))

    def compare_leads(self, dataset: str | None = None) -> pd.DataFrame:
        """Return the accuracy on the held-out test part at every lead.

        Returns:
            A row for each model and lead: ``model``, ``kind``, ``best``, ``lead``, ``n``, ``mae``, ``rmse`` and
            ``bias`` (°C), ``coverage_80`` and so on, ``skill_persistence`` and so on with ``_lower`` and ``_upper``
            bounds of its 95 % interval; NaN where a baseline has none; ``dataset``, ``version`` and ``step``.

        Raises:
            ServiceError: as for :meth:`forecast`.
        """
        return self._run(self._calls.compare_leads(dataset))

    def hindcast(
        self, dataset: str | None = None, *, model: str = "best", origin: TimeInput = None, origins: int = 1
    ) -> pd.DataFrame:
        """Return forecasts that a network would have made during the held-out test part, and what was observed.

        Args:
            dataset: the dataset of a place; None means the service's default.
            model: ``best``, a cell, or a full name.
            origin: the time of the last observation that the first forecast may use; None means the latest for which
                every lead was observed.
            origins: the number of forecasts, from consecutive origins.

        Returns:
            A row for each origin and valid time, in °C: ``model``, ``version``, ``origin``, ``time``, ``sst``,
            ``lower_80`` and ``upper_80`` for each level, ``observed`` (NaN where nothing was), and a column for each
            baseline.

        Raises:
            TypeError: if ``origins`` is not an integer.
            ServiceError: as for :meth:`forecast`.
        """
        return self._run(self._calls.hindcast(dataset, model, written_time(origin), origins))

    def compare_series(
        self,
        series: SeriesInput,
        *,
        model: str = "all",
        dataset: str | None = None,
        horizon: int = 1,
        units: Units = "celsius",
        strict: bool | None = None,
    ) -> pd.DataFrame:
        """Compare every model and baseline on your own series, rolling through each one step at a time.

        Args:
            series: as for :meth:`forecast`.
            model: ``all``, ``best``, a cell, or a full name. The baselines are always included.
            dataset: the dataset whose models to use; None means as for :meth:`forecast`.
            horizon: the number of steps ahead to score.
            units: the units of the values and the errors.
            strict: as for :meth:`forecast`.

        Returns:
            A row for each station and model, in this order: ``station``, ``model``, ``kind``, ``n``, ``start`` and
            ``end`` (of the scored period, UTC), ``mae``, ``rmse``, ``mape``, ``bias``, ``skill_persistence`` and so on
            (NaN if the series is too short for that baseline), ``p_value``, ``coverage_80`` and so on, ``dataset``,
            ``version``, ``step``, ``horizon``, ``warnings`` and ``error``. A series that failed has one row.

        Raises:
            TypeError, ValueError, ServiceError: as for :meth:`forecast`.
        """
        return self._run(
            self._calls.compare_series(series, ComparisonParameters(model, dataset, horizon, units), strict)
        )

    def read_series(self, file: File, **options: Unpack[FileOptions]) -> FileReading:
        """Have the service read a CSV, ERDDAP or NDBC file, with or without gzip.

        Args:
            file: the path of the file, or its content.
            options: how to read the file, such as ``station``, ``resample`` or ``missing``.

        Returns:
            The series, in the form that :meth:`forecast` and :meth:`compare_series` take, and a description of the
            file.

        Raises:
            OSError: if the file cannot be read.
            ServiceError: as for :meth:`forecast`. A ProblemError names the invalid line of the file.
        """
        return self._run(self._calls.read_series(content_of(file), options))

    def predictions(self, dataset: str | None = None) -> pd.DataFrame:
        """Return observed and predicted SST of the test part, one step ahead, in °C.

        Returns:
            With the time (UTC) as index: ``observed``, and a column for each model and baseline.
        """
        return self._run(self._calls.predictions(dataset))

    def models(self) -> pd.DataFrame:
        """Return the loaded models.

        Returns:
            With the full name of the model as index: the fields of ``GET /models``, such as ``window``, ``step``,
            ``horizon``, ``levels``, ``training_period_start``, ``accuracy_rmse``; ``best``, whether it is the best of
            its dataset; and ``default``, whether its dataset is the service's default.
        """
        return self._run(self._calls.models())

    @property
    def stations(self) -> Stations:
        """The stations that the service stores, to which readings are pushed."""
        return Stations(self._run, StationCalls(self._calls))

    def ready(self) -> bool:
        """Return whether the service has loaded its models; False if it does not respond. There is no retry.

        Raises:
            ProblemError: if the service responds with another error.
        """
        return self._run(self._calls.ready())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._address!r})"

    def _run(self, plan: Plan[T]) -> T:
        step = advance(plan)
        while not isinstance(step, Done):
            step = advance(plan, self._sleep(step.seconds) if isinstance(step, Wait) else self._send(step))
        return step.result

    def _send(self, call: Call) -> Outcome:
        try:
            return self._http.request(call.method, call.path, **request_arguments(call))
        except httpx.RequestError as error:
            return error
