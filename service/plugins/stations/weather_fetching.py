"""Fetching the weather of stations on a schedule, from Open-Meteo or from a grid on an ERDDAP server."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, NamedTuple

import httpx
import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag, TypeAdapter
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection

from forecasting.errors import ForecastError, RequestError
from forecasting.requests import RequestModel, tag
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from forecasting.weather_sources import (
    ATTRIBUTION,
    GFS,
    OPEN_METEO,
    POSITIONS_AT_ONCE,
    ErddapWeather,
    Exchange,
    HourlyWeather,
    OpenMeteo,
    Position,
    T,
    erddap_weather,
    leads_at,
    open_meteo_error,
    open_meteo_previous_runs,
    open_meteo_weather,
    past_days,
    retry_after,
    seconds_until_allowed,
    weather_at,
)
from service.plugins.stations.background import BackgroundTask
from service.plugins.stations.outbound import Outbound, OutboundError, check_url
from service.plugins.stations.sources import FIRST_RETRY_SECONDS, Address, DatasetName, RefusedError, SourceReader
from service.plugins.stations.store.database import StationStore, StoreError, parts
from service.plugins.stations.store.stations import WEATHER_KIND, DueWeather, due_weather, is_fetch_due, record_fetch
from service.plugins.stations.store.weather import get_weather, put_weather
from service.plugins.stations.weather import Json, kept, kept_step, last_time
from service.telemetry.tracing import traced_job

logger = logging.getLogger("service")

_INTERVAL: Final = 3 * 3_600
"""Seconds between two fetches: global models run every six hours, and are published over some hours."""

_TOGETHER: Final = 1_800
"""Seconds: stations that are due so soon are fetched with those that are due now."""

_REFRESH_DAYS: Final = 7
_REFRESH_WITHIN: Final = 5 * DAY
"""Stations whose last success is at most this old get the last week; others, all that a backtest needs."""

_REFRESHED_AT_ONCE: Final = 50
"""Positions in one request, whose address would get too long with more."""

_SECONDS: Final = 60.0
"""For one request. A server that takes longer is left alone until the next time."""

_REQUESTS: Final = 10
"""For the weather of stations from one server, before those of others get their turn again."""

_SERVERS_AT_ONCE: Final = 8

_LONGEST_WAIT: Final = DAY
_HOUR: Final = TimeStep.parse("hour")
_MIDNIGHT: Final = np.datetime64(0, "s")


class ErddapWeatherSource(RequestModel):
    """A grid of weather on an ERDDAP server, such as GFS, whose cell nearest to the station is read."""

    server: Address = Field(description="The address of the server.", examples=["https://erddap.example.org/erddap"])
    dataset: DatasetName = Field(description="The ID of the dataset.", examples=["ncep_global"])
    air_temperature: DatasetName = Field(default=GFS[0], description="The variable of air temperatures at 2 m.")
    eastward_wind: DatasetName = Field(default=GFS[1], description="The variable of eastward wind at 10 m, in m/s.")
    northward_wind: DatasetName = Field(default=GFS[2], description="The variable of northward wind at 10 m.")


class ErddapOrigin(RequestModel):
    """Weather from an ERDDAP server."""

    erddap: ErddapWeatherSource


def _tag_of_origin(origin: object) -> str:
    return tag(OPEN_METEO if isinstance(origin, str) else "erddap")


def _check_word(word: object) -> object:
    if word != OPEN_METEO:
        raise PydanticCustomError("weather", "must be 'open-meteo', an object with erddap, or null")
    return word


WeatherOrigin = Annotated[
    Annotated[Literal["open-meteo"], BeforeValidator(_check_word), Tag(tag(OPEN_METEO))]
    | Annotated[ErddapOrigin, Tag(tag("erddap"))],
    Discriminator(_tag_of_origin),
]
"""Where the weather of a station is fetched."""

_ORIGIN: Final = TypeAdapter[Literal["open-meteo"] | ErddapOrigin](WeatherOrigin)


def parse_origin(stored: Json | str | None) -> Literal["open-meteo"] | ErddapOrigin | None:
    """Return the origin that the settings of a station have; None for none."""
    return None if stored is None else _ORIGIN.validate_python(stored, context=[])


def stored_origin(origin: Literal["open-meteo"] | ErddapOrigin | None) -> Json | str | None:
    """Return what the store keeps of an origin."""
    return origin.model_dump(mode="json", exclude_defaults=True) if isinstance(origin, ErddapOrigin) else origin


def check_origin(
    origin: Literal["open-meteo"] | ErddapOrigin | None, step: TimeStep, position: Position | None, *, private: bool
) -> None:
    """Check that the weather of a station can be fetched, before its settings are stored."""
    if origin is None:
        return
    if position is None:
        raise RequestError("weather is that of a position: give latitude and longitude", field="weather")
    if step.seconds not in (_HOUR.seconds, DAY):
        raise RequestError(
            f"only series with a step of exactly an hour or a day use weather, not {step}: leave weather out, or use "
            'the step "hour" or "day"',
            field="weather",
        )
    if isinstance(origin, ErddapOrigin):
        try:
            check_url(origin.erddap.server, allow_private=private)
        except OutboundError as error:
            raise RequestError(str(error), field="weather.erddap.server") from None


class _LimitError(OutboundError):
    """A server that asks to wait for some seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Due(NamedTuple):
    """A station whose weather is to be fetched."""

    station: DueWeather
    origin: Literal["open-meteo"] | ErddapOrigin
    older: Json | None

    @property
    def step(self) -> TimeStep:
        return TimeStep.parse(self.station.settings.step)

    @property
    def position(self) -> Position:
        settings = self.station.settings
        assert settings.latitude is not None
        assert settings.longitude is not None
        return settings.latitude, settings.longitude

    @property
    def days(self) -> int:
        """Days of past weather to fetch."""
        return past_days(self.step) if self.older is None else _REFRESH_DAYS

    @property
    def earlier_days(self) -> int:
        """Days of which earlier forecasts are to be fetched: at first, and until that has succeeded."""
        return past_days(self.step) if self.older is None or self.older["earlier"] is None else 0

    @property
    def server(self) -> str:
        """What distinguishes the server that it is fetched from."""
        return self.origin if isinstance(self.origin, str) else httpx.URL(self.origin.erddap.server).host


class WeatherFetcher:
    """Fetches the weather that is due. Create one in each process."""

    def __init__(
        self,
        store: StationStore,
        reader: SourceReader,
        servers: OpenMeteo,
        outbound: Outbound,
        max_bytes: int,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Fetch weather into ``store``."""
        self._store = store
        self._reader = reader
        self._servers = servers
        self._outbound = outbound
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._clock = clock

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("weather", partial(is_fetch_due, kind=WEATHER_KIND), self.fetch_due)

    @traced_job("weather")
    async def fetch_due(self) -> None:
        """Fetch the weather of stations that are due, from each server one request after another.

        If one server has many, the others do not wait for all of them.
        """
        by_server: dict[str, list[_Due]] = defaultdict(list)
        for each in await self._store.read(_due, int(self._clock())):
            by_server[each.server].append(each)
        places = asyncio.Semaphore(_SERVERS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for stations in by_server.values():
                group.create_task(self._fetch_some(stations, places))

    async def _fetch_some(self, stations: Sequence[_Due], places: asyncio.Semaphore) -> None:
        """Fetch the weather of stations from one server. Once it fails, it has failed for all that are due."""
        waiting: list[Sequence[_Due]] = [*_batches(stations)]
        for _ in range(_REQUESTS):
            if not waiting:
                return
            batch = waiting.pop(0)
            try:
                async with places:
                    limit = await self._fetch(batch)
                if limit is not None:
                    await self._failed([each for some in waiting for each in some], limit)
                    return
            except StoreError:
                raise
            except Exception as error:
                # What a server says of one station says nothing of the others.
                refused = isinstance(error, RefusedError)
                if refused and len(batch) > 1:
                    waiting = [*([each] for each in batch), *waiting]
                elif refused or (isinstance(error, ForecastError) and len(batch) == 1):
                    await self._failed(batch, error)
                else:
                    await self._failed([each for some in (batch, *waiting) for each in some], error)
                    return

    async def _fetch(self, batch: Sequence[_Due]) -> _LimitError | None:
        """Fetch and store weather. Return the limit that left it without earlier forecasts; None if none did."""
        now = np.datetime64(int(self._clock()), "s")
        first = batch[0]
        if isinstance(first.origin, ErddapOrigin):
            source = first.origin.erddap
            variables = source.air_temperature, source.eastward_wind, source.northward_wind
            requests = erddap_weather(
                ErddapWeather(source.server, source.dataset, variables), first.position, now, first.days
            )
            hourly, attribution = await self._exchange(requests, self._get_erddap)
            await self._store_weather([(first, hourly, None)], attribution, source.dataset)
            return None
        positions = [each.position for each in batch]
        weather = await self._exchange(
            open_meteo_weather(self._servers, positions, now, first.days), self._get_open_meteo
        )
        leads: Sequence[list[HourlyWeather] | None] = [None] * len(batch)
        limit = None
        if first.earlier_days:
            try:
                previous = open_meteo_previous_runs(self._servers, positions, now, first.earlier_days)
                leads = await self._exchange(previous, self._get_open_meteo)
            except (OutboundError, ForecastError) as error:
                logger.warning("cannot fetch earlier forecasts of the weather of stations: %s", error)
                limit = error if isinstance(error, _LimitError) else None
        await self._store_weather([*zip(batch, weather, leads, strict=True)], ATTRIBUTION, OPEN_METEO)
        return limit

    async def _store_weather(
        self,
        fetched: Sequence[tuple[_Due, HourlyWeather, list[HourlyWeather] | None]],
        attribution: str | None,
        source: str,
    ) -> None:
        """Store weather, and say of each station without any at its position that there is none."""
        now = int(self._clock())
        rows = []
        for due, hourly, leads in fetched:
            try:
                content = await self._store.run(_kept, due, hourly, leads, attribution, source)
            except ForecastError as error:
                await self._failed([due], error)
                continue
            step = kept_step(due.step)
            fetch = due.station.fetch._replace(
                failures=0,
                error=None,
                attempted=now,
                succeeded=now,
                content={"attribution": attribution},
                until=last_time(content, step),
                next_attempt=now + _INTERVAL,
            )
            rows.append((fetch, due.station.settings, content))
        await self._store.write(put_weather, rows, now)
        for _ in rows:
            self._store.metrics.fetched(succeeded=True)

    async def _failed(self, stations: Sequence[_Due], error: Exception) -> None:
        """Record a failure: the next attempt is after a minute, two, and so on, or when the server allows it."""
        if not stations:
            return
        expected = isinstance(error, (OutboundError, ForecastError))
        message = str(error) if expected else "unexpected error; see the log of the service"
        names = ", ".join(each.station.station for each in stations[:5]) + (", …" if len(stations) > 5 else "")
        logger.warning("cannot fetch the weather of %s: %s", names, message, exc_info=None if expected else error)
        now = int(self._clock())
        for each in stations:
            fetch = each.station.fetch
            pause = min(_INTERVAL, FIRST_RETRY_SECONDS * 2 ** min(fetch.failures, 20))
            if isinstance(error, _LimitError):
                pause = max(pause, round(min(error.seconds, _LONGEST_WAIT)))
            changed = fetch._replace(
                failures=fetch.failures + 1, error=message, attempted=now, next_attempt=now + pause
            )
            assert each.station.settings.weather is not None
            await self._store.write(record_fetch, changed, each.station.settings.weather)
            self._store.metrics.fetched(succeeded=False)

    async def _exchange(self, requests: Exchange[T], get: Callable[[str], Any]) -> T:
        """Run an exchange, whose responses are parsed beside the event loop."""
        body: bytes | None = None
        while True:
            address, result = await self._store.run(_advance, requests, body)
            if address is None:
                found: T = result
                return found
            body = await get(address)

    async def _get_erddap(self, url: str) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._reader.get(url)
        except TimeoutError:
            raise OutboundError(f"the server did not respond within {self._seconds:g} seconds") from None
        if content is None:
            raise RefusedError("the dataset has no weather in the period: choose another")
        return content

    async def _get_open_meteo(self, url: str) -> bytes:
        response = await self._outbound.send("GET", url, max_bytes=self._max_bytes, seconds=self._seconds)
        if response.status_code == HTTPStatus.OK:
            return response.content
        reason = open_meteo_error(response.content) or response.reason_phrase or "no reason given"
        message = f"Open-Meteo responded {response.status_code}: {reason}"
        seconds = retry_after(response.headers, self._clock()) or seconds_until_allowed(reason)
        if seconds is not None:
            raise _LimitError(message, seconds)
        raise (RefusedError if response.status_code == HTTPStatus.BAD_REQUEST else OutboundError)(message)


def _due(connection: Connection, now: int) -> list[_Due]:
    """Return the stations that are due, with the weather that they have, if it is recent enough to go on from."""
    found = []
    stations = due_weather(connection, now, now + _TOGETHER)
    older = get_weather(connection, [each.fetch.station for each in stations])
    for each in stations:
        origin = parse_origin(each.settings.weather)
        fetched, content = older.get(each.fetch.station, (0, None))
        if origin is not None:
            found.append(_Due(each, origin, content if now - fetched <= _REFRESH_WITHIN else None))
    return found


def _batches(stations: Sequence[_Due]) -> Iterator[Sequence[_Due]]:
    """Yield stations that one request can serve."""
    alike: dict[tuple[int, int], list[_Due]] = defaultdict(list)
    for each in stations:
        if isinstance(each.origin, ErddapOrigin):
            yield [each]
        else:
            alike[each.days, each.earlier_days].append(each)
    for days, some in alike.items():
        yield from parts(some, _REFRESHED_AT_ONCE if days == (_REFRESH_DAYS, 0) else POSITIONS_AT_ONCE)


def _kept(
    due: _Due, hourly: HourlyWeather, leads: list[HourlyWeather] | None, attribution: str | None, source: str
) -> Json:
    """Return what is stored of the weather of a station."""
    step = kept_step(due.step)
    weather = weather_at(hourly, step, _MIDNIGHT, source)
    if leads is None:
        return kept(weather, None, step, attribution, due.older)
    times = step.range(leads[0].start, len(leads[0].values) * _HOUR.seconds // step.seconds)
    return kept(weather, (times[0], leads_at(leads, step, times)), step, attribution, due.older)


def _advance(requests: Exchange[T], body: bytes | None) -> tuple[str | None, Any]:
    """Send a response, and return the address of the next request; or None and the result."""
    try:
        return (next(requests) if body is None else requests.send(body)), None
    except StopIteration as ended:
        return None, ended.value
