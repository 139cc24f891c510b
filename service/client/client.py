"""The clients, and the calls that both make."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

import httpx
import pandas as pd

from service.client import reports, tables
from service.client.bodies import ARROW_TYPE, Names, SeriesFields, arrow_requests, json_requests
from service.client.calls import TEMPORARY_STATUSES, AsyncCaller, Call, Caller, Plan, Planned, Service, SyncCaller
from service.client.errors import ProblemError, UnavailableError
from service.client.options import (
    BaselineInput,
    Degrees,
    EventInput,
    EventKind,
    FileOptions,
    Json,
    TimeInput,
    Units,
    given,
    in_query,
    series_fields,
    split_baseline,
)
from service.client.reports import File, FileReading, content_of
from service.client.series import PandasInput, SeriesInput, find_pyarrow, named_series, times_of, to_pandas
from service.client.stations import AsyncStations, Stations
from service.client.tables import ForecastTable
from service.client.weather import WeatherInput, refuse_other_names, step_of, weather_of

MAX_SERIES: Final = 1_000
MAX_BYTES: Final = 8 * 2**20
"""Half of the service's default limit."""

T = TypeVar("T")

_KEY: Final = re.compile(r"[!-~]+")


class Calls(Caller):
    """The calls of both clients, except those about stations."""

    @Planned
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
        weather: WeatherInput = None,
    ) -> Plan[ForecastTable]:
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
                ``climatology`` and ``threshold``, 366 numbers each; a DataFrame with these two columns; or
                ``position``, the coarse climatology of the position. None means the whole series.
            check: whether to leave out values that are implausible given the forecast made before them; only universal
                networks check.
            as_of: the time that counts as now, for series that are made up or end after the present: a datetime, a
                pandas Timestamp, or text in ISO 8601. Without it, a series that ends in the future is an error.
            weather: over all series or by name, in the past and ahead: a DataFrame indexed by time, at the step of the
                series, with the columns ``air_temperature`` (in ``units``) and ``wind_speed`` (m/s), or one of them,
                and perhaps ``issued``, the time of issue of rows of older forecasts; or a mapping with the fields of
                ``weather`` in ``POST /forecast``. Only universal networks take it.

        Returns:
            A row for each station, model and time, in this order, with these columns: ``station`` (the name of the
            series, or ``"0"`` for a Series without one), ``model`` (a network, or ``mixture``), ``version``
            (of the release), ``chosen`` (``own_past`` or ``held_out_seas``: why ``best`` uses the model; None where it
            did not choose by series), ``time`` (UTC),
            ``sst``, ``lower_80`` and ``upper_80`` for each level, ``calibrated`` (false if the series is unlike the
            model's training data, so that intervals and probabilities cannot be trusted), ``exceedance_24`` for each
            threshold, ``persistence``, ``climatology``, ``damped``, ``linear`` (NaN if the series is too short for it),
            ``warnings`` (``code: message; code: message``, or empty) and ``error`` (or None). A series that failed has
            one row for each model, with its ``error`` and no ``time``. If weather was used for a series, also
            ``weather_used`` (what the forecast rests on) and ``past_rmse_ratio`` (RMSE with weather over that without
            on the past of the series).

            The attributes ``events``, ``event_leads`` and ``paths`` are further tables
            (:class:`~service.client.ForecastTable`), empty if you did not ask for any.

        Raises:
            TypeError: if ``series``, ``events``, ``baseline`` or ``weather`` has another type, the horizon, ``paths``
                or a level is not an integer, or a threshold is not a number.
            ValueError: if there is no series, an index or a table does not hold times, or a value is not a finite
                number.
            ModuleNotFoundError: if ``series`` is an Arrow table, and pyarrow is not installed.
            ProblemError: if the service refuses the request.
            UnavailableError: if the service cannot be reached.
            AnswerError: if the response is not from the service.
        """
        shared, by_name = split_baseline(baseline)
        asked = given(
            model=model, horizon=horizon, levels=levels, thresholds=thresholds, units=units, events=events, paths=paths,
            check=check, dataset=dataset, baseline=shared, as_of=as_of,
        )  # fmt: skip
        series = to_pandas(series)

        members = dict(named_series(series))
        refuse_other_names(weather, members)

        def further(name: Hashable) -> Json:
            over = None if weather is None else weather_of(weather, name, step_of(times_of(name, members[name])))
            fields = series_fields(latitude, longitude, by_name, name)
            return fields if over is None else fields | {"weather": over}

        rows = tables.ForecastRows(asked)
        if asked.keys().isdisjoint(("events", "paths", "baseline")):
            table = yield from self._forecast_in_columns(series, asked, bool(strict), further)
            if table is not None:
                return rows.around(table)
        yield from self._ask_about("/forecast", series, strict, asked, rows.read, further)
        return rows.table()

    @Planned
    def events(
        self,
        series: SeriesInput,
        kind: EventKind = "marine_heatwave",
        *,
        units: Units = "celsius",
        latitude: Degrees = None,
        longitude: Degrees = None,
        baseline: BaselineInput = None,
        strict: bool | None = None,
    ) -> Plan[pd.DataFrame]:
        """List the marine heatwaves or cold spells in the past of each daily series.

        Args:
            series: as for :meth:`forecast`; daily.
            kind: ``marine_heatwave`` or ``marine_cold_spell``.
            units: the units of the values, the baseline and the result.
            latitude: degrees north, as for :meth:`forecast`; for the baseline ``position``.
            longitude: degrees east.
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
        fields, further = given(units=units, baseline=shared), partial(series_fields, latitude, longitude, by_name)
        parts = yield from self._ask_about(
            "/events", to_pandas(series), strict, fields, tables.past_event_rows, further, kind=kind
        )
        return tables.past_event_table(parts)

    @Planned
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
    ) -> Plan[ForecastTable]:
        """Forecast what follows a dataset's last observation. Returns the columns of :meth:`forecast`."""
        asked = given(
            model=model, horizon=horizon, levels=levels, thresholds=thresholds, units=units, events=events, paths=paths,
            dataset=dataset,
        )  # fmt: skip
        rows = tables.ForecastRows(asked)
        yield from self._service.ask(Call("GET", "/forecast", in_query(asked)), partial(rows.read, None))
        return rows.table()

    @Planned
    def compare(self, dataset: str | None = None, *, horizon: int | None = None) -> Plan[pd.DataFrame]:
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
        return self._get("/compare", reports.comparison_table, dataset=dataset, horizon=horizon)

    @Planned
    def compare_leads(self, dataset: str | None = None) -> Plan[pd.DataFrame]:
        """Return the accuracy on the held-out test part at every lead.

        Returns:
            A row for each model and lead: ``model``, ``kind``, ``best``, ``lead``, ``n``, ``mae``, ``rmse`` and
            ``bias`` (°C), ``coverage_80`` and so on, ``skill_persistence`` and so on with ``_lower`` and ``_upper``
            bounds of its 95 % interval; NaN where a baseline has none; ``dataset``, ``version`` and ``step``.
        """
        return self._get("/compare/leads", reports.lead_comparison_table, dataset=dataset)

    @Planned
    def hindcast(
        self, dataset: str | None = None, *, model: str = "best", origin: TimeInput = None, origins: int = 1
    ) -> Plan[pd.DataFrame]:
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
        """
        path, read = "/compare/hindcast", reports.hindcast_table
        return self._get(path, read, dataset=dataset, model=model, origin=origin, origins=origins)

    @Planned
    def compare_series(
        self,
        series: SeriesInput,
        *,
        model: str = "all",
        dataset: str | None = None,
        horizon: int = 1,
        units: Units = "celsius",
        strict: bool | None = None,
    ) -> Plan[pd.DataFrame]:
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
        fields = given(model=model, horizon=horizon, units=units, dataset=dataset)
        parts = yield from self._ask_about("/compare", to_pandas(series), strict, fields, reports.compared_rows)
        return reports.compared_table(parts)

    @Planned
    def read_series(self, file: File, **options: Unpack[FileOptions]) -> Plan[FileReading]:
        """Have the service read a CSV, ERDDAP or NDBC file, with or without gzip.

        Args:
            file: the path of the file, or its content.
            options: how to read the file, such as ``station``, ``resample`` or ``missing``.

        Returns:
            The series, in the form that :meth:`forecast` and :meth:`compare_series` take, and a description of the
            file.

        Raises:
            OSError: if the file cannot be read.
            ProblemError: if the file is invalid; it names the line.
        """
        call = Call("POST", "/series", given(**options), content_of(file), "application/octet-stream")
        return self._service.ask(call, reports.file_reading)

    @Planned
    def predictions(self, dataset: str | None = None) -> Plan[pd.DataFrame]:
        """Return observed and predicted SST of the test part, one step ahead, in °C.

        Returns:
            With the time (UTC) as index: ``observed``, and a column for each model and baseline.
        """
        return self._get("/compare/predictions", reports.predictions_table, dataset=dataset)

    @Planned
    def models(self) -> Plan[pd.DataFrame]:
        """Return the loaded models.

        Returns:
            With the full name of the model as index: the fields of ``GET /models``, such as ``window``, ``step``,
            ``horizon``, ``levels``, ``training_period_start``, ``accuracy_rmse``; ``best``, whether it is the best of
            its dataset; and ``default``, whether its dataset is the service's default.
        """
        return self._get("/models", reports.models_table)

    @Planned
    def outlook_point(self, latitude: float, longitude: float, *, outlook: str = "latest") -> Plan[pd.DataFrame]:
        """Return the forecast of one cell of an outlook, by its name or the newest, in °C.

        Returns:
            With the valid time (UTC) as index: ``sst``, ``lower_80`` and ``upper_80`` for each level, ``anomaly``, the
            references, and for ``marine_heatwave`` and ``marine_cold_spell`` columns such as
            ``marine_heatwave_probability`` and ``marine_heatwave_likely_category``; None where it is not known.

        Raises:
            ProblemError: 404 if there is no outlook, or it has no forecast there.
        """
        position = {"latitude": latitude, "longitude": longitude}
        return self._get(f"/outlooks/{outlook}/point", reports.outlook_point_table, **position)

    @Planned
    def ready(self) -> Plan[bool]:
        """Return whether the models are loaded and the store takes writes; False without a response. There is no retry.

        Raises:
            ProblemError: if the service responds with another error.
        """
        try:
            yield from self._service.send(Call("GET", "/health/ready", once=True))
        except UnavailableError:
            return False
        except ProblemError as error:
            if error.status not in TEMPORARY_STATUSES:
                raise
            return False
        return True

    def _ask_about(
        self,
        path: str,
        series: PandasInput,
        strict: bool | None,
        fields: Json,
        read: Callable[[Names, Any], T],
        further: SeriesFields = lambda name: {},
        **params: str,
    ) -> Plan[list[T]]:
        """Send ``fields`` and ``series``; by default, an error is raised if a Series by itself cannot be used."""
        is_strict = isinstance(series, pd.Series) if strict is None else strict
        requests = json_requests(series, fields, further, self._service.max_series, self._service.max_bytes)
        return self._service.ask_each(Call("POST", path, {"strict": is_strict, **params}), requests, read)

    def _forecast_in_columns(
        self, series: PandasInput, asked: Json, strict: bool, further: SeriesFields
    ) -> Plan[pd.DataFrame | None]:
        """Forecast many series as columns; None if that is not possible, or the service does not take them."""
        service = self._service
        requests = None
        if service.takes_columns:
            requests = arrow_requests(series, further, service.max_series, service.max_bytes)
        if requests is None:
            return None
        query = {"strict": strict, **in_query(asked)}
        call = Call("POST", "/forecast", query, media_type=ARROW_TYPE, accept=ARROW_TYPE)
        try:
            parts = yield from service.ask_each(call, requests, partial(tables.read_arrow, asked))
        except ProblemError as error:
            if error.status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                raise
            service.takes_columns = False
            return None
        return tables.joined_arrow(asked, parts)


class Client(Calls, SyncCaller):
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
        url, service = _service(base_url, retries, max_wait, max_series, max_bytes, columns)
        http = httpx.Client(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)
        super().__init__(service, http, sleep)

    @property
    def stations(self) -> Stations:
        """The stations that the service stores, to which readings are pushed."""
        return Stations(self._service, self._http, self._sleep)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Calls, AsyncCaller):
    """A client for async code, with the arguments, methods and results of :class:`~service.client.Client`."""

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
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        url, service = _service(base_url, retries, max_wait, max_series, max_bytes, columns)
        http = httpx.AsyncClient(base_url=url, headers=_headers(api_key), timeout=timeout, transport=transport)
        super().__init__(service, http, sleep)

    @property
    def stations(self) -> AsyncStations:
        """The stations that the service stores: see :class:`~service.client.Stations`."""
        return AsyncStations(self._service, self._http, self._sleep)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _service(
    base_url: str, retries: int, max_wait: float, max_series: int, max_bytes: int, columns: bool
) -> tuple[httpx.URL, Service]:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"invalid base_url {base_url!r}: expected a URL such as http://127.0.0.1:8000")
    address = str(url.copy_with(username=None, password=None)).rstrip("/")
    takes_columns = columns and find_pyarrow() is not None
    return url, Service(address, retries, max_wait, max_series, max_bytes, takes_columns)


def _headers(api_key: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json, application/problem+json"}
    if api_key is None:
        return headers
    if not _KEY.fullmatch(api_key):
        raise ValueError("api_key is empty or holds a space or another character that a header cannot carry")
    return headers | {"Authorization": f"Bearer {api_key}"}
