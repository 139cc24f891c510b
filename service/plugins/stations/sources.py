"""The sources of stations: where readings are fetched, and fetching them on a schedule."""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final, Self
from urllib.parse import urljoin

import httpx
import numpy as np
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection

from forecasting import readers
from forecasting.erddap import SeriesQuery, Span, data_url, info_url, parse_info, server_address
from forecasting.errors import FileError, ForecastError, RequestError, SeriesError
from forecasting.readers import Reading, ReadingOptions, ReadStation
from forecasting.readers.text import erddap_error, sniff_binary
from forecasting.remedies import Setting
from forecasting.requests import Finite, RequestModel
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, parse_time
from forecasting.series.timestep import TimeStep, in_words, not_of_station
from service.engine.serving import Serving
from service.http.query import MAX_COLUMNS, MAX_LINES, MAX_STATIONS, ReadingQuery
from service.plugins.stations.background import BackgroundTask
from service.plugins.stations.health import receive
from service.plugins.stations.issue import issue_forecasts
from service.plugins.stations.outbound import MAX_URL, Outbound, OutboundError, check_url
from service.plugins.stations.readings import Readings, count_readings, readings_of
from service.plugins.stations.store.audit import SOURCE
from service.plugins.stations.store.database import StationStore, StoreError, UnknownStationError
from service.plugins.stations.store.observations import Outcome
from service.plugins.stations.store.stations import (
    Fetch,
    Station,
    due_fetches,
    get_station,
    has_source,
    is_fetch_due,
    record_fetch,
)
from service.telemetry.tracing import traced_job

STEPS_BY_DEFAULT: Final = 1_000
"""Steps that the first fetch asks for."""

DatasetName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]

_MAX_REDIRECTS: Final = 5

_SECONDS: Final = 120.0
"""For all requests of a fetch and their redirects. Servers of large archives take long to begin."""

_OVERLAP_STEPS: Final = 10
"""Steps that are asked for again, since their readings may have been revised."""

_NOTHING_NEW: Final = "no matching results"
"""ERDDAP's message if its dataset has no rows in the period."""

_GZIP: Final = b"\x1f\x8b"

_FIELDS: Final = {"lat": "latitude", "lon": "longitude", "erddap": "server"}
"""Fields of a source, by the name that errors have for them."""

_ERDDAP_OPTIONS: Final = ReadingOptions(
    format="erddap", max_stations=MAX_STATIONS, max_columns=MAX_COLUMNS, max_lines=MAX_LINES
)


def _address(text: str) -> str:
    try:
        # Whether an address may be private is a setting of the process that fetches.
        check_url(text, allow_private=True)
    except OutboundError as error:
        raise PydanticCustomError("url", "{message}", {"message": str(error)}) from None
    return text


def _time(text: str) -> str:
    try:
        return iso(parse_time(text))
    except SeriesError as error:
        raise PydanticCustomError("time", "{message}", {"message": str(error)}) from None


Address = Annotated[str, Field(max_length=MAX_URL), AfterValidator(_address)]


class ErddapSource(RequestModel):
    """A series on an ERDDAP server."""

    server: Address = Field(description="The address of the server.", examples=["https://erddap.example.org/erddap"])
    dataset: DatasetName = Field(description="The ID of the dataset.", examples=["buoy_46042"])
    variable: DatasetName = Field(description="The variable of temperatures.", examples=["sea_water_temperature"])
    station: DatasetName | None = Field(default=None, description="The station, in a table of several.")
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. In a grid, the nearest cell is read."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    depth: Finite | None = Field(default=None, description="In the units of the dataset.")


class FileSource(ReadingQuery):
    """A text file that `POST /series` can read, such as those of NDBC. The other fields say how to read it."""

    url: Address = Field(
        description="The address of the file.", examples=["https://www.ndbc.noaa.gov/data/realtime2/46042.txt"]
    )

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        try:
            self.options()
        except RequestError as error:
            raise PydanticCustomError("options", "{message}", {"message": f"{error.field}: {error}"}) from None
        if self.format == "netcdf":
            raise PydanticCustomError("format", "NetCDF files cannot be fetched: use erddap, or a text file")
        return self


class Source(RequestModel):
    """Where readings are fetched: either `erddap` or `file`.

    A series that is finer than the step of the station is averaged over whole steps. After the first, fetches begin ten
    steps before the newest reading from the source, so that corrections become revisions. After a failure, the service
    tries again after a minute, then doubles the delay, up to the interval. At most two stations are fetched from one
    host at a time, for at most 120 seconds each. Addresses on private networks are refused unless
    `SST_ALLOW_PRIVATE_ADDRESSES` is true. A URL must not contain a password, because `GET /stations` shows it.
    """

    erddap: ErddapSource | None = Field(default=None, description="A series on an ERDDAP server.")
    file: FileSource | None = Field(default=None, description="A text file on any server.")
    interval_minutes: Annotated[int, Field(ge=5, le=43_200, strict=True)] = Field(
        default=60, description="The time between fetches."
    )
    since: Annotated[str, AfterValidator(_time)] | None = Field(
        default=None,
        description=f"The earliest time to fetch, in ISO 8601. Defaults to the last {STEPS_BY_DEFAULT} steps. Events "
        "defined by percentiles need ten years.",
        examples=["2015-01-01"],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.erddap is None) == (self.file is None):
            raise PydanticCustomError("source", "give either erddap or file")
        return self

    @classmethod
    def load(cls, content: dict[str, Any]) -> Self:
        """Return the source that :meth:`stored` has described."""
        return cls.model_validate(content, context=[])

    @property
    def address(self) -> tuple[str, str]:
        """The field that holds its address, and the address."""
        if self.file is not None:
            return "source.file.url", self.file.url
        assert self.erddap is not None
        return "source.erddap.server", self.erddap.server

    def stored(self) -> dict[str, Any]:
        """Return what the store keeps."""
        return self.model_dump(mode="json", exclude_defaults=True)


def check_source(source: Source, *, allow_private: bool) -> None:
    """Raise RequestError if the address of a source is on a private network, and this is not allowed.

    A name is resolved only when the source is fetched, which checks it again.
    """
    field, address = source.address
    try:
        check_url(address, allow_private=allow_private)
    except OutboundError as error:
        raise RequestError(str(error), field=field) from None


class RefusedError(OutboundError):
    """A server that has responded, but not with what was asked for."""


class SourceReader:
    """Fetches the readings of stations. Create one in each process."""

    def __init__(self, outbound: Outbound, store: StationStore, max_bytes: int, seconds: float = _SECONDS) -> None:
        """Read sources of at most ``max_bytes`` within ``seconds``; files are parsed in the threads of ``store``."""
        self._outbound = outbound
        self._store = store
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def read(
        self, station: Station, source: Source, now: np.datetime64, until: int | None = None
    ) -> SstSeries | None:
        """Return what a source has for a station from shortly before the newest reading that it gave.

        ``until`` is the time of this reading, Unix seconds; None before the first.
        """
        step = TimeStep.parse(station.settings.step)
        begin = _begin(station, source, step, now, until)
        try:
            async with asyncio.timeout(self._seconds):
                content = await (
                    self.get(source.file.url)
                    if source.file is not None
                    else self._get_erddap(source.erddap, iso(begin))
                )
        except TimeoutError:
            raise OutboundError(
                f"the source was not read within {self._seconds:g} seconds, including redirects: use the final "
                "address, or set since to a later time"
            ) from None
        if content is None and station.newest is not None:
            return None
        if content is None:
            raise OutboundError("the source has no readings in the period: check it, and set since to an earlier time")
        options = source.file.options() if source.file is not None else _ERDDAP_OPTIONS
        options = replace(options, station_units=station.settings.units)
        return await self._store.run(read_series, content, options, step, now, self._max_bytes)

    async def _get_erddap(self, source: ErddapSource | None, begin: str) -> bytes | None:
        assert source is not None
        server = server_address(source.server)
        description = await self.get(info_url(server, source.dataset))
        if description is None:
            return None
        info = parse_info(server, source.dataset, description.decode("utf-8", "replace"))
        return await self.get(data_url(info, _query(source, begin)))

    async def get(self, url: str) -> bytes | None:
        """Return what is at an address, after at most five redirects; None if ERDDAP has no rows in the period."""
        for _ in range(1 + _MAX_REDIRECTS):
            response = await self._outbound.send("GET", url, max_bytes=self._max_bytes, seconds=self._seconds)
            if not (300 <= response.status_code < 400 and "location" in response.headers):
                return _content(response)
            try:
                url = urljoin(url, response.headers["location"])
            except ValueError:
                raise OutboundError("the server redirects to an invalid URL: check the address") from None
        raise OutboundError(f"the server redirects more than {_MAX_REDIRECTS} times: use the final address")


def read_series(
    content: bytes, options: ReadingOptions, step: TimeStep, now: np.datetime64, max_bytes: int
) -> SstSeries:
    """Return the one series of a text file, at a step.

    Of a finer or irregular series, return the mean of each step, without the first, which may have begun before the
    file, and without those that are not over yet.
    """
    try:
        if sniff_binary(content) is not None:
            raise FileError("the file is not text: use erddap, or name a text file")
        station = _only_station(readers.read_content(content, options, limit=max_bytes))
        series = station.series
        if options.resample is None and (series is None or series.step.seconds < step.seconds):
            means = _only_station(
                readers.read_content(content, replace(options, resample=step), limit=max_bytes)
            ).series
            if means is not None:
                return _complete(means, now)
        if series is None:
            assert station.error is not None
            raise station.error
    except SeriesError as error:
        raise FileError(error.written(in_source)) from None
    if series.step != step:
        raise FileError(not_of_station("the step of the source", series.step, step))
    return series


def in_source(setting: Setting) -> str:
    """Write a part of a query, or an option of reading, as a field of a source: ``latitude``, ``units=kelvin``."""
    name = _FIELDS.get(setting.option, setting.option)
    return f"{name}={setting.text}" if setting.text else name


def _only_station(reading: Reading) -> ReadStation:
    if len(reading.stations) == 1:
        return reading.stations[0]
    assert reading.error is not None
    raise FileError.of(reading.error, "the file ")


def _complete(means: SstSeries, now: np.datetime64) -> SstSeries:
    times = means.times
    whole = [i for i in range(1, len(times)) if means.step.shift(times[i], 1) <= now]
    if not whole:
        raise FileError(f"no step of {in_words(str(means.step))} is complete yet: wait for more readings")
    return SstSeries(means.values[whole], times[1], means.step)


def _begin(station: Station, source: Source, step: TimeStep, now: np.datetime64, until: int | None) -> np.datetime64:
    """Return the earliest time to ask for. Readings that others have pushed do not move it: there may be gaps."""
    if until is not None:
        return _overlapping(until, step)
    if source.since is not None:
        return parse_time(source.since)
    begin = np.datetime64(step.shift(np.asarray(now), -STEPS_BY_DEFAULT).item(), "s")
    return begin if station.newest is None else min(begin, _overlapping(station.newest.time, step))


def _overlapping(time: int, step: TimeStep) -> np.datetime64:
    return np.datetime64(step.shift(np.asarray(np.datetime64(time, "s")), -_OVERLAP_STEPS).item(), "s")


def _query(source: ErddapSource, begin: str) -> SeriesQuery:
    return SeriesQuery(
        (source.variable,),
        start=begin,
        lat=_span(source.latitude),
        lon=_span(source.longitude),
        depth=_span(source.depth),
        station=source.station,
    )


def _span(value: float | None) -> Span | None:
    return None if value is None else (value, value)


def _content(response: httpx.Response) -> bytes | None:
    """Return the body of a good response; None if ERDDAP says that it has no rows in the period."""
    head = response.content[:4_096].decode("utf-8", "replace")
    message = erddap_error(head)
    if message is not None and _NOTHING_NEW in message:
        return None
    if response.status_code != HTTPStatus.OK:
        reason = message or " ".join(re.sub(r"<[^>]*>", " ", head).split())[:200] or "no reason given"
        raise RefusedError(f"the server responded {response.status_code}: {reason}")
    if message is not None:
        raise RefusedError(f"the server responded: {message}")
    if head.lstrip()[:1] == "<":
        raise RefusedError("the server sent a web page instead of data: check the address")
    if not response.content.endswith(b"\n") and response.content[:2] != _GZIP:
        raise RefusedError("the response was cut short")
    return response.content


logger = logging.getLogger("service")

_AT_ONCE: Final = 8
"""Stations that are fetched at the same time."""

_AT_ONCE_OF_HOST: Final = 2
"""Of them, those whose sources are on one host: it may be slow at all of them."""

_PAUSE_SECONDS: Final = 2.0
"""Between two looks for stations that have become due, while others are fetched."""

FIRST_RETRY_SECONDS: Final = 60
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
        """Fetch what ``reader`` reads into ``store``, and call ``alerted`` when alerts are on disk.

        ``serving`` returns the models; None until they are loaded.
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
            pause = min(interval, FIRST_RETRY_SECONDS * 2 ** min(fetch.failures, 20))
            changed = fetch._replace(failures=fetch.failures + 1, error=message, next_attempt=begun + pause)
        else:
            changed = fetch._replace(
                failures=0,
                error=None,
                succeeded=begun,
                content=stored,
                next_attempt=begun + interval,
                until=max(filter(None, (fetch.until, until)), default=None),
            )
        await self._store.write(record_fetch, changed._replace(attempted=begun), content)
        self._store.metrics.fetched(succeeded=changed.error is None)

    async def _ingest(self, station: Station, series: SstSeries | None) -> tuple[dict[str, int], int | None]:
        """Store the readings of a station, and issue its forecast."""
        now = int(time.time())
        readings, outcome = Readings(), Outcome()
        if series is not None:
            readings = await self._store.run(readings_of, series, now)
            outcome, alerts = await self._store.write(_ingest_current, station, readings, now)
            if alerts:
                self._alerted()
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


def _ingest_current(connection: Connection, station: Station, readings: Readings, now: int) -> tuple[Outcome, int]:
    """Store the readings of a station, unless it was deleted or has got another source since it was read."""
    if not has_source(connection, station.number, station.settings.source or {}):
        return Outcome(), 0
    outcomes, alerts = receive(connection, {station.id: readings}, now, SOURCE)
    return outcomes.get(station.id, Outcome()), alerts


def _message(error: Exception) -> str:
    if isinstance(error, ForecastError):
        return error.written(in_source)
    return str(error) if isinstance(error, OutboundError) else "unexpected error; see the log of the service"
