"""From a source to readings: which address to ask, and what its answer holds."""

import asyncio
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

import numpy as np

from forecasting.erddap import SeriesQuery, Span, data_url, info_url, parse_info, server_address
from forecasting.errors import FileError, SeriesError
from forecasting.readers import Reading, ReadingOptions, read_content
from forecasting.readers import Station as ReadStation
from forecasting.readers.base.text import erddap_error, sniff_binary
from forecasting.remedies import Setting
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, parse_time
from forecasting.series.timestep import TimeStep, in_words, not_of_station
from service.http.reading_query import MAX_COLUMNS, MAX_LINES, MAX_STATIONS
from service.stations.outbound.outbound import Outbound, OutboundAnswer, OutboundError
from service.stations.sources.source import STEPS_BY_DEFAULT, ErddapSource, Source
from service.stations.station_store import StationStore
from service.store.stations import Station

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

        Args:
            station: whose series it is.
            source: where it is.
            now: the time.
            until: the time of this reading, Unix seconds; None before the first.

        Returns:
            The series at the step of the station; None if there is nothing new. Of a finer one, the mean of each
            step that is over.

        Raises:
            OutboundError: if the server gives no usable answer in time.
            SeriesError: if the answer holds no such series.
        """
        step = TimeStep.parse(station.settings.step)
        begin = _begin(station, source, step, now, until)
        try:
            async with asyncio.timeout(self._seconds):
                content = await (
                    self._get(source.file.url)
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
        try:
            description = await self._get(info_url(server, source.dataset))
            info = parse_info(server, source.dataset, description.decode("utf-8", "replace"))
            return await self._get(data_url(info, _query(source, begin)))
        except _NoRowsError:
            return None

    async def _get(self, url: str) -> bytes:
        """Return what is at an address, after at most five redirects."""
        for _ in range(1 + _MAX_REDIRECTS):
            answer = await self._outbound.send("GET", url, max_bytes=self._max_bytes, seconds=self._seconds)
            if not (300 <= answer.status < 400 and "location" in answer.headers):
                return _content(answer)
            try:
                url = urljoin(url, answer.headers["location"])
            except ValueError:
                raise OutboundError("the server redirects to an invalid URL: check the address") from None
        raise OutboundError(f"the server redirects more than {_MAX_REDIRECTS} times: use the final address")


class _NoRowsError(Exception):
    """ERDDAP has no rows in the period."""


_ERDDAP_OPTIONS: Final = ReadingOptions(
    format="erddap", max_stations=MAX_STATIONS, max_columns=MAX_COLUMNS, max_lines=MAX_LINES
)


def read_series(
    content: bytes, options: ReadingOptions, step: TimeStep, now: np.datetime64, max_bytes: int
) -> SstSeries:
    """Return the one series of a text file, at a step.

    Of a finer or irregular series, return the mean of each step, without the first, which may have begun before the
    file, and without those that are not over yet.

    Raises:
        SeriesError: if there is no such series; says which field of the source to change.
    """
    try:
        if sniff_binary(content) is not None:
            raise FileError("the file is not text: use erddap, or name a text file")
        station = _only_station(read_content(content, options, limit=max_bytes))
        series = station.series
        if options.resample is None and (series is None or series.step.seconds < step.seconds):
            means = _only_station(read_content(content, replace(options, resample=step), limit=max_bytes)).series
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


def _content(answer: OutboundAnswer) -> bytes:
    """Return the body of a good answer.

    Raises:
        _NoRowsError: if the server says that it has no rows in the period.
        OutboundError: quoting the server.
    """
    head = answer.body[:4_096].decode("utf-8", "replace")
    message = erddap_error(head)
    if message is not None and _NOTHING_NEW in message:
        raise _NoRowsError
    if answer.status != HTTPStatus.OK:
        reason = message or " ".join(re.sub(r"<[^>]*>", " ", head).split())[:200] or "no reason given"
        raise OutboundError(f"the server responded {answer.status}: {reason}")
    if message is not None:
        raise OutboundError(f"the server responded: {message}")
    if head.lstrip()[:1] == "<":
        raise OutboundError("the server sent a web page instead of data: check the address")
    if not answer.body.endswith(b"\n") and answer.body[:2] != _GZIP:
        raise OutboundError("the response was cut short")
    return answer.body
