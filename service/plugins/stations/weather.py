"""The weather of stations: how it is kept between fetches, and given to a forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import WarningCode
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SECONDS, Floats, Times, iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, IssuedWeather, Weather, WeatherReader
from forecasting.weather_sources import HourlyWeather, issued_forecasts, past_days

Json = dict[str, Any]

LATE_SECONDS: Final = DAY
"""Weather that was fetched longer ago is late, and its forecast less good than it says."""

_HOUR: Final = TimeStep.parse("hour")
_DAY: Final = TimeStep.parse("day")
_DECIMALS: Final = 2

_LEADS_OF_HOURS: Final = 3
"""Days ahead of which earlier forecasts of hours are kept: no more is forecast of them."""


Leads = tuple[np.datetime64, Floats]


def kept_step(step: TimeStep) -> TimeStep:
    """Return the step at which the weather of a station is kept: days for days, and hours for all else.

    Hours can be brought to any grid, which is known only once there are readings.
    """
    return _DAY if step == _DAY else _HOUR


def kept(weather: Weather, leads: Leads | None, step: TimeStep, attribution: str | None, older: Json | None) -> Json:
    """Return weather at ``step`` as it is stored."""
    content: Json = {"start": _seconds(weather.start), **_columns(weather.values)}
    earlier: Json | None = None
    if leads is not None:
        start, values = leads
        days = values if step == _DAY else values[:_LEADS_OF_HOURS]
        earlier = {"start": _seconds(start), "days": [_columns(each) for each in days]}
    elif older is not None:
        earlier = older["earlier"]
    begin = content["start"] - past_days(step) * DAY
    if earlier is not None and earlier["days"] and last_time(earlier | earlier["days"][0], step) < begin:
        earlier = earlier | {"days": []}
    if older is not None:
        content = _renewed(older, content, step)
    return content | {"earlier": earlier, "source": weather.source, "attribution": attribution}


def last_time(content: Json, step: TimeStep) -> int:
    """Return the last time of stored weather at ``step``, Unix seconds."""
    return int(content["start"]) + (len(content[COVARIATES[0]]) - 1) * step.seconds


def _renewed(older: Json, newer: Json, step: TimeStep) -> Json:
    """Return the newer values with the older past in front, as far as the two join and a backtest needs it."""
    before = (newer["start"] - older["start"]) // step.seconds
    if not 0 <= before <= len(older[COVARIATES[0]]):
        return newer
    skipped = max(0, before - past_days(step) * DAY // step.seconds)
    columns = {name: older[name][skipped:before] + newer[name] for name in COVARIATES}
    return {"start": older["start"] + skipped * step.seconds, **columns}


def _table(columns: Mapping[str, Sequence[float | None]]) -> Floats:
    return np.array([columns[name] for name in COVARIATES], dtype=np.float64).T


def _columns(values: Floats) -> dict[str, list[float | None]]:
    return {name: _listed(column) for name, column in zip(COVARIATES, values.T, strict=True)}


def _listed(column: Floats) -> list[float | None]:
    return [None if value != value else value for value in np.round(column, _DECIMALS).tolist()]


def _seconds(time: np.datetime64) -> int:
    return int(np.asarray(time).astype(SECONDS).astype(np.int64))


class StationWeather(NamedTuple):
    """What a forecast of a station is given."""

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
            return "weather_unavailable", f"no weather: {self.problem.rstrip('.')}; the forecast is made without it"
        return (
            "weather_late",
            f"the weather is of {iso_of(self.fetched or 0)}, more than a day ago: {self.problem}",
        )

    def given(self, use: Json | None, without: list[float] | None) -> Json | None:
        """Return what is stored with a forecast; None if it got no weather."""
        if self.over is None or self.ahead is None:
            return None
        use = {"used": [], "until": None, "past_rmse_ratio": None, "origins": 0} | (use or {})
        about = {"source": self.over.source, "attribution": self.attribution, "fetched": self.fetched}
        return use | about | self.ahead | {"without": without}


class StoredWeather(NamedTuple):
    """What the store has of the weather of a station."""

    newest: tuple[int, Json] | None
    given: Sequence[tuple[int, Json]]
    error: str | None


def weather_of(stored: StoredWeather, series: SstSeries, horizon: int, *, replayed: bool, now: int) -> StationWeather:
    """Return the weather over a series that ends with its last observation."""
    if stored.newest is None:
        return StationWeather(problem=stored.error or "it has not been fetched yet")
    fetched, content = stored.newest
    result = StationWeather(fetched=fetched, attribution=content["attribution"])
    observed = series.times[-1]
    given = [IssuedWeather(_nearest(time, series), _table(each)) for time, each in stored.given]
    past = min(len(series) - 1, past_days(series.step) * DAY // series.step.seconds) + 1
    times = series.step.shift(np.asarray(observed), np.arange(1 - past, horizon + 1))
    issued = _issued(content, series.step, times, horizon, past - 1)
    # Those of the server are of before the station had its own.
    issued = [*(each for each in issued if not given or each.issued < given[0].issued), *given]
    issued = [each for each in issued if each.issued < observed or (replayed and each.issued == observed)]
    values = _at(content, series.step, times)
    if replayed:
        known = issued.pop().values[:horizon] if issued and issued[-1].issued == observed else values[:0]
        values = np.concatenate([values[:past], known])
    if not np.isfinite(values).any():
        return result._replace(problem="what was fetched last does not reach the readings")
    reader = WeatherReader(series.step, series.start, series.values)
    try:
        over = reader.of_arrays(_given(values), times[0], source=content["source"])
    except SeriesError as error:
        return result._replace(problem=f"what the server sent cannot be used: {error}")
    # Without the checks of a request, which take longer than the forecast for so many.
    over = replace(over, issued=tuple(IssuedWeather(each.issued, each.values[:horizon]) for each in issued))
    late = None
    if not replayed and now - fetched > LATE_SECONDS:
        late = stored.error or "it has not been fetched since"
    return result._replace(over=over, ahead=_columns(_known(values[past:])), problem=late)


def _nearest(time: int, series: SstSeries) -> np.datetime64:
    """Return the step of a series that is nearest to a time, Unix seconds: readings may be slightly off the grid."""
    position = series.step.position(np.asarray([time]).astype(SECONDS), series.start)
    nearest: np.datetime64 = series.step.shift(np.asarray([series.start]), np.round(position))[0]
    return nearest


def _given(values: Floats) -> dict[str, Floats]:
    """Return the columns that have a value."""
    return {name: column for name, column in zip(COVARIATES, values.T, strict=True) if np.isfinite(column).any()}


def _known(values: Floats) -> Floats:
    """Return values up to the last that is known."""
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    return values[: known[-1] + 1] if len(known) else values[:0]


def _at(content: Json, step: TimeStep, times: Times) -> Floats:
    """Return stored weather, which has columns from a start on, at steps; NaN where it is not known."""
    start, values = np.datetime64(content["start"], "s"), _table(content)
    if step != _DAY:
        return HourlyWeather(start, values).at_step(step, times)
    days = (times - start).astype(np.int64) // DAY
    inside = (days >= 0) & (days < len(values))
    found = np.full((len(times), len(COVARIATES)), np.nan)
    found[inside] = values[days[inside]]
    return found


def _issued(content: Json, step: TimeStep, times: Times, reach: int, observed: int) -> list[IssuedWeather]:
    """Return the forecasts of before the station existed, those that were issued at some of ``times``."""
    earlier = content["earlier"]
    if earlier is None or not earlier["days"]:
        return []
    leads = np.stack([_at({"start": earlier["start"], **each}, step, times) for each in earlier["days"]])
    return [*issued_forecasts(leads, step, times, reach, observed)]
