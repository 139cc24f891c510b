"""The two clients. They differ in how they send and wait, and in nothing else."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

import httpx
import pandas as pd

from service.client.calls import Call, Calls, Done, Plan, Wait, advance
from service.client.files import File, FileOptions, FileReading, content_of
from service.client.payload import ComparisonParameters, ForecastParameters, SeriesInput, Units, whole
from service.client.retry import Outcome, RetryPolicy

T = TypeVar("T")

MAX_SERIES: Final = 1_000
MAX_BYTES: Final = 8 * 2**20
"""Half of what the service takes by default."""

_KEY: Final = re.compile(r"[!-~]+")


class _Service:
    """Where the service is, and what is sent with every request."""

    def __init__(
        self, base_url: str, api_key: str | None, retries: int, max_wait: float, max_series: int, max_bytes: int
    ) -> None:
        url = _url(base_url)
        retries = whole("retries", retries)
        if retries < 0 or not max_wait >= 0:
            raise ValueError(f"retries is {retries} and max_wait {max_wait}: neither can be negative")
        max_series, max_bytes = whole("max_series", max_series), whole("max_bytes", max_bytes)
        if max_series < 1:
            raise ValueError(f"max_series is {max_series}: a request holds at least one")
        if max_bytes < 1:
            raise ValueError(
                f"max_bytes is {max_bytes}: a request's body holds some; give as many as the service takes"
            )
        self.url = url
        self.headers = {"Accept": "application/json, application/problem+json"}
        if api_key is not None:
            if not _KEY.fullmatch(api_key):
                raise ValueError("api_key is empty or holds a space or another character that a header cannot carry")
            self.headers["Authorization"] = f"Bearer {api_key}"
        # Without what may stand before the host: a password.
        self.address = str(url.copy_with(username=None, password=None)).rstrip("/")
        self.calls = Calls(self.address, RetryPolicy(retries, max_wait), max_series, max_bytes)


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"base_url is {text!r}: give it as http://127.0.0.1:8000")
    return url


def _content(call: Call) -> dict[str, Any]:
    """Arguments of httpx's ``request`` for a call."""
    if call.body is None:
        return {"params": call.params}
    return {"params": call.params, "content": call.body, "headers": {"Content-Type": call.media_type}}


class Client:
    """A client of the service.

    Every method raises a :class:`~service.client.ServiceError` where the service cannot be reached or refuses.
    Requests are sent again after a failed connection, a 429, 502, 503 or 504. Threads may share a client.

    Args:
        base_url: of the service, as ``http://127.0.0.1:8000``; a path before its own is kept.
        api_key: sent as ``Authorization: Bearer``.
        timeout: seconds to wait for a connection, and for each part of an answer; None waits for ever.
        retries: tries after the first.
        max_wait: longest wait before a retry, seconds; a service that asks for more is not asked again.
        max_series: most series in one request; more are sent in several.
        max_bytes: largest body of one request; more is sent in several.
        transport: of httpx, for certificates and proxies of one's own.
        sleep: waits so many seconds.

    Raises:
        TypeError: if what counts something is no integer.
        ValueError: if an argument cannot be.
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
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        service = _Service(base_url, api_key, retries, max_wait, max_series, max_bytes)
        self._http = httpx.Client(base_url=service.url, headers=service.headers, timeout=timeout, transport=transport)
        self._address, self._calls, self._sleep = service.address, service.calls, sleep

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
    ) -> pd.DataFrame:
        """Forecast what follows each series.

        Args:
            series: a Series; a DataFrame with a column for each station; or a mapping of names to Series, where the
                stations have times of their own. The index holds times (UTC where without a zone; as they stand where
                with one) or periods; NaN is a missing value.
            model: ``best``, ``all``, ``rnn``, ``lstm``, ``gru``, or a full name as ``nino12-gru``.
            dataset: whose release; None means the service's default.
            horizon: steps ahead.
            levels: of prediction intervals, percent.
            thresholds: temperatures whose probability of being exceeded is wanted.
            units: of the values, the thresholds and the answer.
            strict: whether a series that cannot be forecast from is an exception; None means that it is where a Series
                was given, and a row with its ``error`` where several were.

        Returns:
            A row for each station, model and time, in this order, with the columns ``station`` (the caller's name of
            the series, ``"0"`` for a Series without one), ``model``, ``version`` (of the release), ``time`` (UTC),
            ``sst``, ``lower_80`` and ``upper_80`` for each level, ``calibrated`` (false where the window is unlike what
            the model was trained on, and intervals and probabilities cannot be relied on), ``exceedance_24`` for each
            threshold, ``persistence``, ``climatology``, ``damped``, ``linear`` (NaN where the series' own past affords
            none), ``warnings`` (as ``code: message; code: message``; empty where there is none) and ``error`` (None
            where there is none). A series that failed has one row for each model, with its ``error`` and no ``time``.

        Raises:
            TypeError: if ``series`` is something else, the horizon or a level is no integer, or a threshold no number.
            ValueError: if there is no series, an index holds no times, or a value is no finite number.
            ProblemError: if the service refuses.
            UnavailableError: if it cannot be reached.
            AnswerError: if something else answers.
        """
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        return self._run(self._calls.forecast(series, parameters, strict))

    def forecast_dataset(
        self,
        dataset: str | None = None,
        *,
        model: str = "best",
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
    ) -> pd.DataFrame:
        """Forecast what follows a dataset's own last observation, in the columns of :meth:`forecast`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        return self._run(self._calls.forecast_dataset(parameters))

    def compare(self, dataset: str | None = None, *, horizon: int = 1) -> pd.DataFrame:
        """Accuracy on the held-out test part, ``horizon`` steps ahead: a row for each model and baseline.

        Returns:
            With the model's name as index: ``kind``, ``best``, ``mae``, ``rmse`` and ``bias`` (°C), ``mape`` (percent),
            ``skill_persistence`` and so on, ``p_value``, ``coverage_80`` and so on, ``parameters``, ``latency_ms``,
            ``train_seconds``; NaN where a baseline has none. ``dataset``, ``version``, ``step``, ``horizon``, ``n``,
            ``test_start`` and ``test_end`` are the same in every row, so that tables can be put together.
        """
        return self._run(self._calls.compare(dataset, horizon))

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
        """How good each model and baseline is on one's own series, rolled through them one step at a time.

        Args:
            series: as for :meth:`forecast`.
            model: ``all``, ``best``, a cell, or a full name; the baselines come always.
            dataset: whose release; None means the service's default.
            horizon: steps ahead that are scored.
            units: of the values and the errors.
            strict: as for :meth:`forecast`.

        Returns:
            A row for each station and model, in this order: ``station``, ``model``, ``kind``, ``n``, ``start`` and
            ``end`` (what was scored, UTC), ``mae``, ``rmse``, ``mape``, ``bias``, ``skill_persistence`` and so on (NaN
            over a baseline that the series does not afford), ``p_value``, ``coverage_80`` and so on, ``dataset``,
            ``version``, ``step``, ``horizon``, ``warnings`` and ``error``. A series that failed has one row.

        Raises:
            TypeError, ValueError, ServiceError: as for :meth:`forecast`.
        """
        return self._run(
            self._calls.compare_series(series, ComparisonParameters(model, dataset, horizon, units), strict)
        )

    def read_series(self, file: File, **options: Unpack[FileOptions]) -> FileReading:
        """Have the service read a file of CSV, ERDDAP's or NDBC's, gzip or not.

        Args:
            file: its path, or what it holds.
            options: what would not be found in the file, as ``station``, ``resample`` or ``missing``.

        Returns:
            Its series, as :meth:`forecast` and :meth:`compare_series` take them, and what was understood.

        Raises:
            OSError: if the file cannot be read.
            ServiceError: as for :meth:`forecast`; a ProblemError names the line of the file that is wrong.
        """
        return self._run(self._calls.read_series(content_of(file), options))

    def predictions(self, dataset: str | None = None) -> pd.DataFrame:
        """Observed and predicted SST of the test part, one step ahead, °C.

        Returns:
            With the time (UTC) as index: ``observed``, and a column for each model and baseline.
        """
        return self._run(self._calls.predictions(dataset))

    def models(self) -> pd.DataFrame:
        """What is loaded.

        Returns:
            With the model's full name as index: what ``GET /models`` says of each, as ``window``, ``step``,
            ``horizon``, ``levels``, ``training_period_start``, ``accuracy_rmse``; ``best`` within its dataset; and
            ``default``, whether its dataset is meant where none is named.
        """
        return self._run(self._calls.models())

    def ready(self) -> bool:
        """Whether the service has loaded its models; false too where nothing answers. It is asked once.

        Raises:
            ProblemError: if what answers refuses otherwise.
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
            return self._http.request(call.method, call.path, **_content(call))
        except httpx.RequestError as error:
            return error


class AsyncClient:
    """:class:`Client` for async code: the same arguments, methods and answers."""

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
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        service = _Service(base_url, api_key, retries, max_wait, max_series, max_bytes)
        self._http = httpx.AsyncClient(
            base_url=service.url, headers=service.headers, timeout=timeout, transport=transport
        )
        self._address, self._calls, self._sleep = service.address, service.calls, sleep

    async def forecast(
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
    ) -> pd.DataFrame:
        """As :meth:`Client.forecast`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        return await self._run(self._calls.forecast(series, parameters, strict))

    async def forecast_dataset(
        self,
        dataset: str | None = None,
        *,
        model: str = "best",
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        units: Units = "celsius",
    ) -> pd.DataFrame:
        """As :meth:`Client.forecast_dataset`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        return await self._run(self._calls.forecast_dataset(parameters))

    async def compare(self, dataset: str | None = None, *, horizon: int = 1) -> pd.DataFrame:
        """As :meth:`Client.compare`."""
        return await self._run(self._calls.compare(dataset, horizon))

    async def compare_series(
        self,
        series: SeriesInput,
        *,
        model: str = "all",
        dataset: str | None = None,
        horizon: int = 1,
        units: Units = "celsius",
        strict: bool | None = None,
    ) -> pd.DataFrame:
        """As :meth:`Client.compare_series`."""
        return await self._run(
            self._calls.compare_series(series, ComparisonParameters(model, dataset, horizon, units), strict)
        )

    async def read_series(self, file: File, **options: Unpack[FileOptions]) -> FileReading:
        """As :meth:`Client.read_series`."""
        return await self._run(self._calls.read_series(content_of(file), options))

    async def predictions(self, dataset: str | None = None) -> pd.DataFrame:
        """As :meth:`Client.predictions`."""
        return await self._run(self._calls.predictions(dataset))

    async def models(self) -> pd.DataFrame:
        """As :meth:`Client.models`."""
        return await self._run(self._calls.models())

    async def ready(self) -> bool:
        """As :meth:`Client.ready`."""
        return await self._run(self._calls.ready())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncClient({self._address!r})"

    async def _run(self, plan: Plan[T]) -> T:
        step = advance(plan)
        while not isinstance(step, Done):
            step = advance(plan, await (self._sleep(step.seconds) if isinstance(step, Wait) else self._send(step)))
        return step.result

    async def _send(self, call: Call) -> Outcome:
        try:
            return await self._http.request(call.method, call.path, **_content(call))
        except httpx.RequestError as error:
            return error
