"""Weather from servers: Open-Meteo, and grids on ERDDAP servers such as GFS; brought to the step of a series.

Nothing here opens a connection. Where responses are needed, a function returns a generator: it yields the address of
each request, is sent the body of the response, and returns the weather. :func:`exchange` runs it.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import numpy as np

from forecasting.erddap import SeriesQuery, axis_range, data_url, info_url, parse_info, server_address
from forecasting.errors import SourceError
from forecasting.series.times import DAY, SECONDS, Floats, Times, iso, parse_time
from forecasting.series.timestep import TimeStep
from forecasting.series.units import parse_units, to_celsius
from forecasting.series.weather import COLDEST_AIR, COVARIATES, STRONGEST_WIND, WARMEST_AIR, IssuedWeather, Weather

T = TypeVar("T")

Exchange = Generator[str, bytes, T]
"""Yields the addresses of requests, is sent the bodies of the responses, and returns a result."""

Position = tuple[float, float]
"""Degrees north and east."""

OPEN_METEO: Final = "open-meteo"
"""How requests and stations name Open-Meteo."""

ATTRIBUTION: Final = "Weather data by Open-Meteo.com (https://open-meteo.com/), licence CC BY 4.0"
"""What the licence of Open-Meteo's data asks to show."""

GFS: Final = ("tmp2m", "ugrd10m", "vgrd10m")
"""Air temperature and the two components of wind, as ERDDAP servers name those of GFS."""

_PAST_DAYS_OF_DAYS: Final = 180
_PAST_DAYS_OF_HOURS: Final = 60

AHEAD_DAYS: Final = 16
"""Days that Open-Meteo forecasts."""

MAX_PAST_DAYS: Final = 1_500
"""Days of past weather that one command fetches at most."""

POSITIONS_AT_ONCE: Final = 10
"""Positions of one request for months of weather; a response has about 0.3 MB of each."""

_RECENT_DAYS: Final = 92
"""The past that Open-Meteo's forecasts reach back to. What lies before is in its historical forecasts."""

_LEADS: Final = 7
"""Days: the longest lead of Open-Meteo's previous runs."""

_VARIABLES: Final = ("temperature_2m", "wind_speed_10m")
_ISSUED_EVERY: Final = 3 * 3_600
"""Seconds. Past origins of forecasts are many hours apart, an odd number: some of them coincide with these."""

ISSUED_STEPS: Final = 72
"""Most values of an earlier forecast."""

_UNITS: Final = {"temperature_2m": "°C", "wind_speed_10m": "m/s"}
_HOUR: Final = 3_600
_LONGEST_GAP: Final = 6
"""Hours between two values that others are interpolated between: most models have one in three hours."""

_LEAST: Final = (COLDEST_AIR, 0.0)
_MOST: Final = (WARMEST_AIR, STRONGEST_WIND)
"""°C and m/s."""

_COMPLETE: Final = 0.75
"""Share of the hours of a step that its mean needs."""

_MAX_HOURS: Final = 24 * 366 * 10


def past_days(step: TimeStep) -> int:
    """Return the days of past weather that a backtest at a step rests on."""
    return _PAST_DAYS_OF_HOURS if step.is_under_a_day else _PAST_DAYS_OF_DAYS


@dataclass(frozen=True)
class OpenMeteo:
    """The servers of Open-Meteo, or one of one's own."""

    url: str = ""
    key: str = ""

    def address(self, interface: str, parameters: Mapping[str, str | int]) -> str:
        """Return the address of a request to an interface, such as ``previous-runs-api``."""
        customer = "customer-" if self.key else ""
        root = self.url.rstrip("/") or f"https://{customer}{interface}.open-meteo.com"
        asked = dict(parameters) | ({"apikey": self.key} if self.key else {})
        return f"{root}/v1/forecast?{urlencode(asked, safe=',', quote_via=quote)}"


@dataclass(frozen=True)
class ErddapWeather:
    """A grid of weather on an ERDDAP server."""

    server: str
    dataset: str
    variables: tuple[str, ...] = GFS


@dataclass(frozen=True, eq=False)
class HourlyWeather:
    """Weather at each hour.

    Attributes:
        start: the first hour, UTC.
        values: °C and m/s ``(hours, 2)``, NaN where unknown.
    """

    start: np.datetime64
    values: Floats

    @classmethod
    def of(cls, times: Times, values: Floats) -> "HourlyWeather":
        """Put values ``(n, 2)`` at ascending times on a grid of hours, interpolated over at most six.

        Those that no weather has are unknown.
        """
        seconds = times.astype(SECONDS).astype(np.int64)
        if not len(seconds) or (np.diff(seconds) <= 0).any() or seconds[-1] - seconds[0] > _MAX_HOURS * _HOUR:
            raise SourceError("the times of the weather are not ascending, or span more than ten years")
        values = np.where((values >= _LEAST) & (values <= _MOST), values, np.nan)
        first, last = -(-seconds[0] // _HOUR), seconds[-1] // _HOUR
        hours = np.arange(first, last + 1) * _HOUR
        columns = [_interpolated(hours, seconds, column) for column in values.T]
        return cls(np.datetime64(int(first * _HOUR), "s"), np.column_stack(columns))

    @property
    def end(self) -> np.datetime64:
        """The time of the last hour."""
        return self.start + np.timedelta64((len(self.values) - 1) * _HOUR, "s")

    def joined(self, newer: "HourlyWeather") -> "HourlyWeather":
        """Return all hours of both; where both have a value, that of ``newer``."""
        start = min(self.start, newer.start)
        hours = _hours(start, max(self.end, newer.end)) + 1
        if hours > _MAX_HOURS:
            return newer
        values = np.full((hours, len(COVARIATES)), np.nan)
        for each in (self, newer):
            begin = _hours(start, each.start)
            part = values[begin : begin + len(each.values)]
            np.copyto(part, each.values, where=np.isfinite(each.values))
        return HourlyWeather(start, values)

    def since(self, time: np.datetime64) -> "HourlyWeather":
        """Return the hours from a time on."""
        skipped = min(max(_hours(self.start, time), 0), len(self.values))
        return HourlyWeather(self.start + np.timedelta64(skipped * _HOUR, "s"), self.values[skipped:])

    def at_step(self, step: TimeStep, times: Times) -> Floats:
        """Return the weather of steps at ``times`` ``(n,)``, °C and m/s ``(n, 2)``.

        Of steps up to an hour, interpolated at the time. Of a day, the mean of the UTC day that the time is in. Of
        others, the mean of the step that begins there. NaN if more than a quarter of the hours is unknown.
        """
        seconds = times.astype(SECONDS).astype(np.int64)
        start = int(self.start.astype(np.int64))
        if step.seconds <= _HOUR:
            hours = start + np.arange(len(self.values)) * _HOUR
            return np.column_stack([_interpolated(seconds, hours, column) for column in self.values.T])
        begins = seconds - seconds % DAY if step.seconds == DAY else seconds
        edges = [np.clip(-((start - side) // _HOUR), 0, len(self.values)) for side in (begins, begins + step.seconds)]
        known = np.isfinite(self.values)
        counts, sums = (
            np.vstack([np.zeros((1, len(COVARIATES))), np.cumsum(column, axis=0)])
            for column in (known, np.where(known, self.values, 0.0))
        )
        count, total = (cumulated[edges[1]] - cumulated[edges[0]] for cumulated in (counts, sums))
        enough = count >= _COMPLETE * step.seconds / _HOUR
        return np.where(enough, total / np.maximum(count, 1), np.nan)


def _hours(start: np.datetime64, time: np.datetime64) -> int:
    """Return how many hours a time is after another, rounded up."""
    return -int((start - time).astype("timedelta64[s]").astype(np.int64) // _HOUR)


def _interpolated(at: np.ndarray[Any, np.dtype[np.int64]], times: np.ndarray[Any, Any], values: Floats) -> Floats:
    """Return values at Unix seconds, between known ones that are not too far apart; NaN elsewhere."""
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if not len(times):
        return np.full(len(at), np.nan)
    after = np.searchsorted(times, at)
    before = np.searchsorted(times, at, "right") - 1
    inside = (before >= 0) & (after < len(times))
    gap = times[np.minimum(after, len(times) - 1)] - times[np.maximum(before, 0)]
    return np.where(inside & (gap <= _LONGEST_GAP * _HOUR), np.interp(at, times, values), np.nan)


def weather_at(hourly: HourlyWeather, step: TimeStep, origin: np.datetime64, source: str) -> Weather:
    """Return weather at a step, on the grid through ``origin``."""
    first = int(np.ceil(step.position(np.asarray([hourly.start]), origin))[0]) - 1
    count = _hours(hourly.start, hourly.end) * _HOUR // step.seconds + 2
    times = step.shift(np.asarray(origin, SECONDS), first + np.arange(count))
    values = hourly.at_step(step, times)
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(known):
        raise SourceError("the server has no weather at this position")
    begin, end = known[0], known[-1] + 1
    return Weather(times[begin], values[begin:end], source=source)


def leads_at(leads: Sequence[HourlyWeather], step: TimeStep, times: Times) -> Floats:
    """Return the weather of steps as it was forecast one day before, two days, and so on, ``(days, n, 2)``."""
    return np.stack([lead.at_step(step, times) for lead in leads])


def issued_forecasts(
    leads: Floats, step: TimeStep, times: Times, reach: int, anchor: int = 0
) -> tuple[IssuedWeather, ...]:
    """Return forecasts of the weather as they were issued: at each step of a day, and every three hours of others.

    A value is the one that was known a whole number of days before its time, at least since the forecast was issued.

    Args:
        leads: what :func:`leads_at` returns.
        step: at most a day.
        times: of the steps ``(n,)``.
        reach: most values of a forecast.
        anchor: a place in ``times`` at which one is issued.
    """
    every, a_day = max(1, _ISSUED_EVERY // step.seconds), max(1, DAY // step.seconds)
    reach = min(reach, len(leads) * a_day)
    lead_of = -(-np.arange(1, reach + 1) * step.seconds // DAY) - 1
    issued = []
    for place in range(anchor % every, len(times) - 1, every):
        ahead = np.arange(place + 1, min(place + 1 + reach, len(times)))
        values = leads[lead_of[: len(ahead)], ahead]
        known = np.flatnonzero(np.isfinite(values).any(axis=1))
        if len(known):
            issued.append(IssuedWeather(times[place], values[: known[-1] + 1]))
    return tuple(issued)


def exchange(requests: Exchange[T], get: Callable[[str], bytes]) -> T:
    """Run an exchange: ``get`` sends each request and returns the body of the response."""
    try:
        address = next(requests)
        while True:
            address = requests.send(get(address))
    except StopIteration as ended:
        result: T = ended.value
        return result


def open_meteo_weather(
    servers: OpenMeteo, positions: Sequence[Position], now: np.datetime64, days: int
) -> Exchange[list[HourlyWeather]]:
    """Return the past weather of some days and the forecast of Open-Meteo, for each position."""
    recent = {"past_days": min(days, _RECENT_DAYS), "forecast_days": AHEAD_DAYS}
    weather = yield from _hourly(servers, "api", positions, _VARIABLES, recent)
    found = [columns[0] for columns in weather]
    if days > _RECENT_DAYS:
        period = _days(now, days, _RECENT_DAYS)
        older = yield from _hourly(servers, "historical-forecast-api", positions, _VARIABLES, period)
        found = [columns[0].joined(newer) for columns, newer in zip(older, found, strict=True)]
    return found


def open_meteo_previous_runs(
    servers: OpenMeteo, positions: Sequence[Position], now: np.datetime64, days: int
) -> Exchange[list[list[HourlyWeather]]]:
    """Return the weather of some days as it was forecast one day before, two days, and so on, for each position."""
    names = [f"{name}_previous_day{lead}" for lead in range(1, _LEADS + 1) for name in _VARIABLES]
    return (yield from _hourly(servers, "previous-runs-api", positions, names, _days(now, days, 0)))


def _days(now: np.datetime64, first: int, last: int) -> dict[str, str | int]:
    """Return the period from some days ago to others, as Open-Meteo reads it."""
    today = now.astype("datetime64[D]")
    begin, end = (today - np.timedelta64(days, "D") for days in (first, last))
    return {"start_date": str(begin), "end_date": str(end)}


def _hourly(
    servers: OpenMeteo,
    interface: str,
    positions: Sequence[Position],
    names: Sequence[str],
    period: Mapping[str, str | int],
) -> Exchange[list[list[HourlyWeather]]]:
    """Return hourly weather of each position, with one item for each pair of ``names``."""
    parameters = {
        # Two decimals are a kilometre, finer than the models, and tell no more than that of where a station is.
        "latitude": ",".join(f"{latitude:.2f}" for latitude, _ in positions),
        "longitude": ",".join(f"{(longitude + 180) % 360 - 180:.2f}" for _, longitude in positions),
        "hourly": ",".join(names),
        "wind_speed_unit": "ms",
        "timeformat": "unixtime",
        "timezone": "GMT",
        "cell_selection": "sea",
        **period,
    }
    body = yield servers.address(interface, parameters)
    content = _parsed(body)
    entries = content if isinstance(content, list) else [content]
    if len(entries) != len(positions):
        raise SourceError(f"Open-Meteo sent the weather of {len(entries)} positions, not of {len(positions)}")
    return [_columns_of(entry, names) for entry in entries]


def _parsed(body: bytes) -> Any:
    reason = open_meteo_error(body)
    if reason is not None:
        raise SourceError(f"Open-Meteo: {reason}")
    try:
        return json.loads(body)
    except ValueError:
        raise SourceError("the server sent no JSON as Open-Meteo does: check its address") from None


def _columns_of(entry: Any, names: Sequence[str]) -> list[HourlyWeather]:
    try:
        hourly, units = entry["hourly"], entry["hourly_units"]
        for name in names:
            expected = _UNITS[name.partition("_previous_day")[0]]
            if units[name] != expected:
                raise SourceError(f"Open-Meteo sent {name} in {str(units[name])[:20]!r}, not in {expected}")
        times = np.array(hourly["time"], dtype=np.int64).view(SECONDS)
        columns = [np.array(hourly[name], dtype=np.float64) for name in names]
        pairs = [np.column_stack(columns[i : i + 2]) for i in range(0, len(columns), 2)]
        if any(len(pair) != len(times) for pair in pairs):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise SourceError(
            "the server did not send hourly weather as Open-Meteo does: check its address, and that it is up to date"
        ) from None
    return [HourlyWeather.of(times, pair) for pair in pairs]


def open_meteo_error(body: bytes) -> str | None:
    """Return the reason of an error of Open-Meteo; None if ``body`` is none."""
    if body.lstrip()[:1] != b"{" or len(body) > 10_000 or b'"error"' not in body:
        return None
    try:
        content = json.loads(body)
    except ValueError:
        return None
    reason = content.get("reason") if content.get("error") is True else None
    return " ".join(str(reason).split())[:300] if reason is not None else None


def seconds_until_allowed(reason: str) -> int | None:
    """Return how long to wait after an error of Open-Meteo's limits, by its reason; None for other errors."""
    if "limit exceeded" not in reason:
        return None
    periods = {"Minutely": 60, "Hourly": _HOUR, "Daily": DAY}
    return next((seconds for name, seconds in periods.items() if reason.startswith(name)), 60)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a server asks to wait; None if it does not say. ``now`` is in Unix seconds."""
    header = headers.get("Retry-After", "")
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (TypeError, ValueError):
        return None


def erddap_weather(
    source: ErddapWeather, position: Position, now: np.datetime64, days: int
) -> Exchange[tuple[HourlyWeather, str | None]]:
    """Return the past weather of some days and the forecast of a grid, at the cell that is nearest to a position."""
    server = server_address(source.server)
    info = parse_info(server, source.dataset, (yield info_url(server, source.dataset)).decode("utf-8", "replace"))
    begin = now - np.timedelta64(days, "D")
    known = axis_range(info, "time")
    if known is not None:
        begin = max(begin, np.datetime64(math.ceil(known[0]), "s"))
    latitude, longitude = position
    query = SeriesQuery(source.variables, iso(begin), lat=(latitude, latitude), lon=(longitude, longitude))
    body = yield data_url(info, query)
    stated = [info.provenance[name] for name in ("title", "institution", "license") if name in info.provenance]
    attribution = "; ".join(" ".join(text.split()) for text in stated)[:1_000] or None
    return _weather_table(body.decode("utf-8", "replace"), source.variables), attribution


def _weather_table(text: str, variables: Sequence[str]) -> HourlyWeather:
    """Read CSV with a row of units."""
    rows = csv.DictReader(io.StringIO(text))
    units = next(rows, {})
    air, *wind = variables
    known = parse_units(units.get(air) or "")
    if known is None:
        raise SourceError(f"{air} is in {units.get(air)!r}: name a variable in kelvin, °C or °F")
    for name in wind:
        if (units.get(name) or "").replace(" ", "").replace("/s", "s-1") not in ("ms-1", "meters-1", "m.s-1"):
            raise SourceError(f"{name} is in {units.get(name)!r}: name a variable in m/s")
    times, values = [], []
    try:
        for row in rows:
            times.append(parse_time(row["time"]))
            values.append([float(row[name] or "nan") for name in variables])
    except (KeyError, TypeError, ValueError):
        raise SourceError("the server did not send rows of time and weather as ERDDAP does") from None
    table = np.array(values, dtype=np.float64).reshape(-1, len(variables))
    pair = np.column_stack([to_celsius(table[:, 0], known), np.hypot.reduce(table[:, 1:], axis=1)])
    return HourlyWeather.of(np.array(times, dtype=SECONDS), pair)
