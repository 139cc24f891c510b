"""The client for async code. It differs from the other client only in how it sends and waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
from service.client.stations.async_stations import AsyncStations
from service.client.stations.station_calls import StationCalls

T = TypeVar("T")


class AsyncClient:
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
        endpoint = Endpoint(base_url, api_key, retries, max_wait, max_series, max_bytes, columns)
        self._http = httpx.AsyncClient(
            base_url=endpoint.url, headers=endpoint.headers, timeout=timeout, transport=transport
        )
        self._address, self._calls, self._sleep = endpoint.address, endpoint.calls, sleep

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
        latitude: Degrees = None,
        longitude: Degrees = None,
        events: Sequence[EventInput] = (),
        paths: int = 0,
        baseline: BaselineInput = None,
        check: bool = False,
        as_of: TimeInput = None,
    ) -> ForecastTable:
        """See :meth:`Client.forecast`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units, check=check, as_of=as_of)
        shared, by_name = split_baseline(baseline)
        parameters = parameters.with_events(read_events(events), paths, shared)
        further = (Positions(latitude, longitude), by_name)
        return await self._run(self._calls.forecast(series, parameters, strict, further))

    async def events(
        self,
        series: SeriesInput,
        kind: EventKind = "marine_heatwave",
        *,
        units: Units = "celsius",
        baseline: BaselineInput = None,
        strict: bool | None = None,
    ) -> pd.DataFrame:
        """See :meth:`Client.events`."""
        shared, by_name = split_baseline(baseline)
        fields = drop_none(units=units, baseline=shared)
        return await self._run(self._calls.events(series, kind, fields, strict, (by_name,)))

    async def forecast_dataset(
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
        """See :meth:`Client.forecast_dataset`."""
        parameters = ForecastParameters.of(model, dataset, horizon, levels, thresholds, units)
        parameters = parameters.with_events(read_events(events), paths, None)
        return await self._run(self._calls.forecast_dataset(parameters))

    async def compare(self, dataset: str | None = None, *, horizon: int | None = None) -> pd.DataFrame:
        """See :meth:`Client.compare`."""
        return await self._run(self._calls.compare(dataset, horizon))

    async def compare_leads(self, dataset: str | None = None) -> pd.DataFrame:
        """See :meth:`Client.compare_leads`."""
        return await self._run(self._calls.compare_leads(dataset))

    async def hindcast(
        self, dataset: str | None = None, *, model: str = "best", origin: TimeInput = None, origins: int = 1
    ) -> pd.DataFrame:
        """See :meth:`Client.hindcast`."""
        return await self._run(self._calls.hindcast(dataset, model, written_time(origin), origins))

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
        """See :meth:`Client.compare_series`."""
        return await self._run(
            self._calls.compare_series(series, ComparisonParameters(model, dataset, horizon, units), strict)
        )

    async def read_series(self, file: File, **options: Unpack[FileOptions]) -> FileReading:
        """See :meth:`Client.read_series`."""
        return await self._run(self._calls.read_series(content_of(file), options))

    async def predictions(self, dataset: str | None = None) -> pd.DataFrame:
        """See :meth:`Client.predictions`."""
        return await self._run(self._calls.predictions(dataset))

    async def models(self) -> pd.DataFrame:
        """See :meth:`Client.models`."""
        return await self._run(self._calls.models())

    @property
    def stations(self) -> AsyncStations:
        """The stations that the service stores: see :class:`Stations`."""
        return AsyncStations(self._run, StationCalls(self._calls))

    async def ready(self) -> bool:
        """See :meth:`Client.ready`."""
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
            return await self._http.request(call.method, call.path, **request_arguments(call))
        except httpx.RequestError as error:
            return error
