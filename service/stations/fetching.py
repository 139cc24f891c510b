"""Fetch the readings of stations that have a source, on a schedule."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import httpx
import numpy as np
from sqlalchemy import Connection

from forecasting.errors import ForecastError, SeriesError
from forecasting.series.sst_series import SstSeries
from service.engine.serving import Serving
from service.stations.background import BackgroundTask
from service.stations.ingestion import count_readings, ingest
from service.stations.issue import issue_forecasts
from service.stations.outbound import OutboundError
from service.stations.readings import Readings, readings_of
from service.stations.sources import Source, SourceReader, in_source
from service.stations.store.errors import StoreError, UnknownStationError
from service.stations.store.fetches import Fetch, due_fetches, has_source, is_fetch_due, record_fetch
from service.stations.store.observations import Outcome
from service.stations.store.station_store import StationStore
from service.stations.store.stations import Station, get_station
from service.telemetry.tracing import traced_job

logger = logging.getLogger("service")

_AT_ONCE: Final = 8
"""Stations that are fetched at the same time."""

_AT_ONCE_OF_HOST: Final = 2
"""Of them, those whose sources are on one host: it may be slow at all of them."""

_PAUSE_SECONDS: Final = 2.0
"""Between two looks for stations that have become due, while others are fetched."""

_FIRST_RETRY_SECONDS: Final = 60
"""After a failure. The pause doubles with each further one, up to the interval of the source."""

_LONGEST_RETRY_SECONDS: Final = 3_600
"""If the source cannot be read from the store, so that its interval is unknown."""

_EXPECTED: Final = (OutboundError, ForecastError)


class Fetcher:
    """Fetches what is due. Create one in each process."""

    def __init__(
        self,
        store: StationStore,
        reader: SourceReader,
        serving: Callable[[], Serving | None],
        alerted: Callable[[], None],
    ) -> None:
        """Create a fetcher.

        Args:
            store: the database of stations.
            reader: reads their sources.
            serving: returns the networks; None until they are loaded.
            alerted: called when alerts are on disk.
        """
        self._store = store
        self._reader = reader
        self._serving = serving
        self._alerted = alerted

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("fetching", is_fetch_due, self.fetch_due)

    async def fetch_due(self) -> None:
        """Fetch all stations that are due, store their readings and issue their forecasts.

        A slow source holds up its own station, and a slow host those on it; the others go on.
        """
        underway: dict[asyncio.Task[None], tuple[int, str]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                if len(underway) < _AT_ONCE:
                    due = await self._store.read(due_fetches, int(time.time()))
                    for station, fetch, host in _startable(due, [*underway.values()]):
                        underway[group.create_task(self._fetch(station, fetch))] = fetch.station, host
                if not underway:
                    return
                ended, _ = await asyncio.wait(underway, timeout=_PAUSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    del underway[task]

    @traced_job("fetch")
    async def _fetch(self, station_id: str, fetch: Fetch) -> None:
        try:
            station = await self._store.read(get_station, station_id)
        except UnknownStationError:
            return
        content = station.settings.source
        if content is None:
            return
        begun = int(time.time())
        interval = _LONGEST_RETRY_SECONDS
        try:
            source = Source.load(content)
            interval = 60 * source.interval_minutes
            series = await self._reader.read(station, source, np.datetime64(begun, "s"), fetch.until)
            stored, until = await self._ingest(station, series)
        except StoreError:
            raise
        except Exception as error:
            message = _message(error)
            trace = None if isinstance(error, _EXPECTED) else error
            logger.warning("cannot fetch the readings of station %s: %s", station_id, message, exc_info=trace)
            pause = min(interval, _FIRST_RETRY_SECONDS * 2 ** min(fetch.failures, 20))
            changed = replace(fetch, failures=fetch.failures + 1, error=message, next_attempt=begun + pause)
        else:
            changed = replace(
                fetch,
                failures=0,
                error=None,
                succeeded=begun,
                content=stored,
                next_attempt=begun + interval,
                until=max(filter(None, (fetch.until, until)), default=None),
            )
        await self._store.write(record_fetch, replace(changed, attempted=begun), content)
        self._store.metrics.fetched(succeeded=changed.error is None)

    async def _ingest(self, station: Station, series: SstSeries | None) -> tuple[dict[str, int], int | None]:
        """Store the readings of a station, and issue its forecast.

        Returns:
            What they changed, and the time of the newest; None without any.

        Raises:
            SeriesError: if all of them are refused.
        """
        now = int(time.time())
        readings, outcome = Readings(), Outcome()
        if series is not None:
            readings = await self._store.run(readings_of, series, np.datetime64(now, "s"))
            outcome = await self._store.write(_ingest_current, station, readings, now)
        count_readings(self._store.metrics, [outcome], len(readings.refused))
        if readings.refused and not readings.accepted:
            raise SeriesError(f"no reading of the source can be stored: {readings.refused[0].message}")
        serving = self._serving()
        if serving is not None:
            # Even without new readings: the service may have stopped before it issued the last forecast.
            await issue_forecasts(self._store, serving, [station.id], self._alerted)
        return outcome._asdict() | {"refused": len(readings.refused)}, max(readings.accepted, default=None)


def _startable(
    due: Sequence[tuple[str, dict[str, Any], Fetch]], underway: Sequence[tuple[int, str]]
) -> Iterator[tuple[str, Fetch, str]]:
    """Yield those of the due stations that can be fetched beside the number and the host of each one underway."""
    numbers, hosts = {number for number, _ in underway}, Counter(host for _, host in underway)
    for station, source, fetch in due:
        host = _host(source)
        if fetch.station not in numbers and hosts[host] < _AT_ONCE_OF_HOST and hosts.total() < _AT_ONCE:
            hosts[host] += 1
            yield station, fetch, host


def _host(source: dict[str, Any]) -> str:
    """Return the host of a source as it is stored; empty if it cannot be read, which the fetch reports."""
    try:
        return httpx.URL(Source.load(source).address[1]).host
    except ValueError:
        return ""


def _ingest_current(connection: Connection, station: Station, readings: Readings, now: int) -> Outcome:
    """Store the readings of a station, unless it was deleted or has got another source since it was read."""
    if not has_source(connection, station.number, station.settings.source or {}):
        return Outcome()
    return ingest(connection, {station.id: readings}, now).get(station.id, Outcome())


def _message(error: Exception) -> str:
    if isinstance(error, ForecastError):
        return error.written(in_source)
    return str(error) if isinstance(error, OutboundError) else "unexpected error; see the log of the service"
