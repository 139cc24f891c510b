"""The weather of stations: how it is kept between fetches, and given to a forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Self

import numpy as np
from pydantic import PrivateAttr

from forecasting.errors import SeriesError
from forecasting.forecast_warning import WarningCode
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SECONDS, Floats, iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, IssuedWeather, Weather, WeatherReader
from forecasting.weather_sources import HourlyWeather, past_days, weather_at
from service.engine.weather import InputWeather

Json = dict[str, Any]

LATE_SECONDS: Final = DAY
"""Weather that was fetched longer ago is late, and its forecast less good than it says."""

_HOUR: Final = TimeStep.parse("hour")
_DAY: Final = TimeStep.parse("day")
_DECIMALS: Final = 2

_ISSUED_STEPS: Final = 72
"""Hours of earlier forecasts that are kept: those of days are kept whole."""


def kept_step(step: TimeStep) -> TimeStep:
    """Return the step at which the weather of a station is kept: days for days, and hours for all else.

    Hours can be brought to any grid, which is known only once there are readings.
    """
    return _DAY if step == _DAY else _HOUR


def kept(weather: Weather, step: TimeStep, attribution: str | None, older: Json | None) -> Json:
    """Return weather at ``step`` as it is stored.

    Args:
        weather: the newest, with earlier forecasts at the first time.
        step: that of :func:`kept_step`.
        attribution: what the licence asks to show.
        older: what was stored before: its past and its earlier forecasts are kept for as long as a backtest needs them.
    """
    if older is not None:
        weather = _renewed(_loaded(older), weather, step)
    most = len(weather.values) if step == _DAY else _ISSUED_STEPS
    return {
        "start": _seconds(weather.start),
        **_columns(weather.values),
        "issued": [{"issued": _seconds(each.issued), **_columns(each.values[:most])} for each in weather.issued],
        "source": weather.source,
        "attribution": attribution,
    }


def last_time(content: Json, step: TimeStep) -> int:
    """Return the last time of stored weather at ``step``, Unix seconds."""
    return int(content["start"]) + (len(content[COVARIATES[0]]) - 1) * step.seconds


def _renewed(older: Weather, newer: Weather, step: TimeStep) -> Weather:
    """Return the newer weather, with the older past in front, as far as the two join."""
    begin = _seconds(newer.start) - past_days(step) * DAY
    before = (_seconds(newer.start) - _seconds(older.start)) // step.seconds
    if not 0 <= before <= len(older.values):
        return newer
    skipped = max(0, -(-(begin - _seconds(older.start)) // step.seconds))
    values = np.concatenate([older.values[skipped:before], newer.values])
    start = np.datetime64(_seconds(newer.start) - max(0, before - skipped) * step.seconds, "s")
    issued = tuple(each for each in older.issued if _seconds(each.issued) >= begin)
    return Weather(start, values, newer.issued or issued, newer.source)


def _loaded(content: Json) -> Weather:
    issued = (IssuedWeather(np.datetime64(each["issued"], "s"), _table(each)) for each in content["issued"])
    return Weather(np.datetime64(content["start"], "s"), _table(content), tuple(issued), content["source"])


def _table(columns: Mapping[str, Sequence[float | None]]) -> Floats:
    return np.array([columns[name] for name in COVARIATES], dtype=np.float64).T


def _columns(values: Floats) -> dict[str, list[float | None]]:
    return {name: _listed(column) for name, column in zip(COVARIATES, values.T, strict=True)}


def _listed(column: Floats) -> list[float | None]:
    return [None if value != value else value for value in np.round(column, _DECIMALS).tolist()]


def _seconds(time: np.datetime64) -> int:
    return int(np.asarray(time).astype(SECONDS).astype(np.int64))


class KnownWeather(InputWeather):
    """Weather that is on the grid of its series already."""

    _known: Weather = PrivateAttr()

    @classmethod
    def of(cls, weather: Weather) -> Self:
        """Return weather in the form of a request, without the arrays that it has been read from."""
        known = cls()
        known._known = weather
        return known

    def read(self, reader: WeatherReader) -> Weather:
        """Return the weather; ``reader`` is of its series."""
        return self._known


class StationWeather(NamedTuple):
    """What a forecast of a station is given.

    Attributes:
        over: the weather over its series; None if there is none.
        ahead: of it, the values after the last observation, by name, °C and m/s.
        fetched: when it was fetched, Unix seconds.
        attribution: what the licence asks to show.
        problem: why there is no weather, or what is wrong with it; None if nothing is.
    """

    over: Weather | None = None
    ahead: dict[str, list[float | None]] | None = None
    fetched: int | None = None
    attribution: str | None = None
    problem: str | None = None

    @property
    def warning(self) -> tuple[WarningCode, str] | None:
        """The code and the sentence of a warning; None if nothing is wrong."""
        if self.problem is None:
            return None
        if self.over is None:
            return "weather_unavailable", f"no weather: {self.problem}; the forecast is made without it"
        return (
            "weather_late",
            f"the weather is of {iso_of(self.fetched or 0)}, more than a day ago: {self.problem}",
        )

    def given(self, use: Json | None, without: list[float] | None) -> Json | None:
        """Return what is stored with a forecast; None if it got no weather.

        Args:
            use: what the forecast made of it, as in a response.
            without: what is forecast without it, °C by lead; None if it was not used.
        """
        if self.over is None or self.ahead is None:
            return None
        use = {"used": [], "until": None, "past_rmse_ratio": None, "origins": 0} | (use or {})
        about = {"source": self.over.source, "attribution": self.attribution, "fetched": self.fetched}
        return use | about | self.ahead | {"without": without}


class StoredWeather(NamedTuple):
    """What the store has of the weather of a station.

    Attributes:
        newest: when the newest was fetched, Unix seconds, and its content, as :func:`kept` has it; None before.
        given: what forecasts were given, by their last observation, Unix seconds, oldest first.
        error: why the last fetch failed.
    """

    newest: tuple[int, Json] | None
    given: Sequence[tuple[int, Json]]
    error: str | None


def weather_of(stored: StoredWeather, series: SstSeries, horizon: int, *, replayed: bool, now: int) -> StationWeather:
    """Return the weather over a series that ends with its last observation.

    Args:
        stored: the weather of the station.
        series: the observations, on the grid of the station.
        horizon: the steps ahead.
        replayed: whether the forecast is made afterwards. It gets only what a forecast of the weather said at its time.
        now: Unix seconds.
    """
    if stored.newest is None:
        return StationWeather(problem=stored.error or "it has not been fetched yet")
    fetched, content = stored.newest
    result = StationWeather(fetched=fetched, attribution=content["attribution"])
    try:
        whole = _on_grid(_loaded(content), series)
    except SeriesError as error:
        return result._replace(problem=str(error))
    observed = series.times[-1]
    given = [IssuedWeather(_nearest(time, series), _table(each)) for time, each in stored.given]
    # Those of the server are of before the station had its own.
    issued = [*(each for each in whole.issued if not given or each.issued < given[0].issued), *given]
    issued = [each for each in issued if each.issued < observed or (replayed and each.issued == observed)]
    values, begin = _window(whole, series, horizon)
    past = round(float(series.step.position(np.asarray([observed]), begin)[0])) + 1
    if replayed:
        known = issued.pop().values[:horizon] if issued and issued[-1].issued == observed else values[:0]
        values = np.concatenate([values[:past], known])
    if not np.isfinite(values).any():
        return result._replace(problem="what was fetched last does not reach the readings")
    reader = WeatherReader(series.step, series.start, series.values)
    try:
        over = reader.of_arrays(_given(values), begin, source=content["source"])
    except SeriesError as error:
        return result._replace(problem=f"what the server sent cannot be used: {error}")
    # Without the checks of a request, which take longer than the forecast for so many.
    over = replace(over, issued=tuple(IssuedWeather(each.issued, each.values[:horizon]) for each in issued))
    late = None
    if not replayed and now - fetched > LATE_SECONDS:
        late = stored.error or "it has not been fetched since"
    return result._replace(over=over, ahead=_columns(values[past:]), problem=late)


def _nearest(time: int, series: SstSeries) -> np.datetime64:
    """Return the step of a series that is nearest to a time, Unix seconds: readings may be slightly off the grid."""
    position = series.step.position(np.asarray([time]).astype(SECONDS), series.start)
    nearest: np.datetime64 = series.step.shift(np.asarray([series.start]), np.round(position))[0]
    return nearest


def _given(values: Floats) -> dict[str, Floats]:
    """Return the columns that have a value."""
    return {name: column for name, column in zip(COVARIATES, values.T, strict=True) if np.isfinite(column).any()}


def _window(weather: Weather, series: SstSeries, horizon: int) -> tuple[Floats, np.datetime64]:
    """Return the values from where a backtest begins to the end of the forecast, and the time of the first.

    The last observation is always inside.
    """
    step, observed = series.step, series.times[-1]
    first = min(len(series) - 1, past_days(step) * DAY // step.seconds)
    times = step.shift(np.asarray(observed), np.arange(-first, horizon + 1))
    places = np.round(step.position(times, weather.start)).astype(np.int64)
    inside = (places >= 0) & (places < len(weather.values))
    values = np.full((len(times), len(COVARIATES)), np.nan)
    values[inside] = weather.values[places[inside]]
    last = np.flatnonzero(np.isfinite(values).any(axis=1))
    end = max(first, int(last[-1])) + 1 if len(last) else first + 1
    return values[:end], times[0]


def _on_grid(weather: Weather, series: SstSeries) -> Weather:
    """Return stored weather on the grid of a series."""
    step, origin = series.step, series.start
    if step == _DAY:
        offset = np.timedelta64(_seconds(origin) % DAY, "s")
        issued = tuple(IssuedWeather(each.issued + offset, each.values) for each in weather.issued)
        return Weather(weather.start + offset, weather.values, issued, weather.source)
    whole = weather_at(HourlyWeather(weather.start, weather.values), step, origin, weather.source or "")
    issued = tuple(_issued_on_grid(each, step, origin) for each in weather.issued)
    return Weather(whole.start, whole.values, issued, weather.source)


def _issued_on_grid(issued: IssuedWeather, step: TimeStep, origin: np.datetime64) -> IssuedWeather:
    hourly = HourlyWeather(issued.issued + np.timedelta64(_HOUR.seconds, "s"), issued.values)
    place = int(np.ceil(step.position(np.asarray([issued.issued]), origin))[0])
    count = len(issued.values) * _HOUR.seconds // step.seconds
    times = step.shift(np.asarray(origin), place + np.arange(count + 1))
    return IssuedWeather(times[0], hourly.at_step(step, times[1:]))
