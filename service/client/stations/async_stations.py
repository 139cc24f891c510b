"""Stations of the service, for :class:`~service.client.AsyncClient`."""

from collections.abc import Awaitable, Mapping, Sequence
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


class AsyncRun(Protocol):
    """Carries out plans."""

    def __call__(self, plan: Plan[T], /) -> Awaitable[T]:
        """Return the result of a plan."""


class AsyncStations:
    """The stations that the service stores, with the methods and results of :class:`Stations`, to be awaited."""

    def __init__(self, run: AsyncRun, calls: StationCalls) -> None:
        self._run, self._calls = run, calls

    async def put(
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
        """See :meth:`Stations.put`."""
        fields = station_fields(
            coordinates={"latitude": latitude, "longitude": longitude},
            horizon=horizon,
            events=events,
            baseline=baseline,
            webhooks=webhooks,
            further={"step": step, "name": name, "units": units, "model": model, "source": source},
        )
        return await self._run(self._calls.put(station, fields))

    async def get(self, station: str) -> "pd.Series[Any]":
        """See :meth:`Stations.get`."""
        return await self._run(self._calls.get(station))

    async def list(self) -> pd.DataFrame:
        """See :meth:`Stations.list`."""
        return await self._run(self._calls.list())

    async def delete(self, station: str) -> None:
        """See :meth:`Stations.delete`."""
        await self._run(self._calls.delete(station))

    async def push(self, station: str, readings: ReadingsInput, /, **options: Unpack[FileOptions]) -> PushResult:
        """See :meth:`Stations.push`."""
        return await self._run(self._calls.push(station, readings, options))

    async def push_all(self, readings: SeriesInput) -> PushAllResult:
        """See :meth:`Stations.push_all`."""
        return await self._run(self._calls.push_all(readings))

    async def observations(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, revisions: bool = False
    ) -> pd.DataFrame:
        """See :meth:`Stations.observations`."""
        return await self._run(self._calls.observations(station, start, end, revisions=revisions))

    async def correct(
        self, station: str, time: TimeInput, *, value: float | None = None, flag: int | None = None
    ) -> "pd.Series[Any]":
        """See :meth:`Stations.correct`."""
        return await self._run(self._calls.correct(station, time, value, flag))

    async def take_back(self, station: str, time: TimeInput) -> "pd.Series[Any]":
        """See :meth:`Stations.take_back`."""
        return await self._run(self._calls.take_back(station, time))

    async def forecast(self, station: str, *, levels: Sequence[int] | None = (80, 95)) -> ForecastTable:
        """See :meth:`Stations.forecast`."""
        return await self._run(self._calls.forecast(station, levels))

    async def forecasts(
        self,
        station: str,
        *,
        start: TimeInput = None,
        end: TimeInput = None,
        levels: Sequence[int] | None = (80, 95),
    ) -> ForecastTable:
        """See :meth:`Stations.forecasts`."""
        return await self._run(self._calls.forecasts(station, start, end, levels))

    async def verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        by: Literal["month"] | None = None,
        replayed: bool | None = None,
    ) -> pd.DataFrame:
        """See :meth:`Stations.verification`."""
        return await self._run(self._calls.verification(station, lead, start, end, by, replayed))

    async def event_verification(
        self,
        station: str,
        *,
        lead: int | None = None,
        start: TimeInput = None,
        end: TimeInput = None,
        replayed: bool | None = None,
    ) -> pd.DataFrame:
        """See :meth:`Stations.event_verification`."""
        return await self._run(self._calls.event_verification(station, lead, start, end, replayed))

    async def alerts(
        self, station: str, *, start: TimeInput = None, end: TimeInput = None, limit: int | None = None
    ) -> pd.DataFrame:
        """See :meth:`Stations.alerts`."""
        return await self._run(self._calls.alerts(station, start, end, limit))
