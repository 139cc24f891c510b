"""The weather that a forecast of a station is given: on the grid of its readings, and as it was known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, IssuedWeather, Weather
from service.stations.weather import Json, StationWeather, StoredWeather, kept, kept_step, last_time, weather_of

NOON = np.datetime64("2026-06-01T12:00", "s")
MIDNIGHT = np.datetime64("2026-06-01", "s")
NOW = int(np.datetime64("2026-06-11", "s").astype(np.int64))
DAY, HOUR = TimeStep.parse("day"), TimeStep.parse("hour")


def stored(weather: Weather, step: TimeStep, given: Sequence[tuple[str, Json]] = ()) -> StoredWeather:
    times = [(int(np.datetime64(time, "s").astype(np.int64)), content) for time, content in given]
    return StoredWeather((NOW, kept(weather, kept_step(step), "of a test", None)), times, None)


def counting(start: np.datetime64, count: int, first: float = 0) -> Weather:
    """Air of 0, 1, … °C, and wind of a tenth of it."""
    air = first + np.arange(count, dtype=np.float64)
    return Weather(start, np.column_stack([air, air / 10]), source="open-meteo")


def series(start: np.datetime64, count: int, step: TimeStep = DAY) -> SstSeries:
    return SstSeries(np.full(count, 10.0), start, step)


def over(found: StationWeather) -> Weather:
    assert found.over is not None
    return found.over


def given(found: StationWeather) -> dict[str, list[float]]:
    """Return earlier forecasts of air temperature by their time of issue."""
    return {str(each.issued): each.values[:, 0].tolist() for each in over(found).issued}


def test_a_day_has_the_weather_of_its_utc_day_at_whatever_time_it_is_read() -> None:
    readings = series(NOON, 5)
    weather = replace(counting(MIDNIGHT - 3 * np.timedelta64(1, "D"), 20), issued=(
        IssuedWeather(MIDNIGHT, np.array([[7.0, 0.7], [8.0, 0.8], [9.0, 0.9], [9.5, 0.9]])),
    ))  # fmt: skip
    found = weather_of(stored(weather, DAY), readings, 3, replayed=False, now=NOW)
    assert found.ahead == {"air_temperature": [8.0, 9.0, 10.0], "wind_speed": [0.8, 0.9, 1.0]}
    result = over(found)
    assert (result.start, result.values[:, 0].tolist()) == (NOON, [3, 4, 5, 6, 7, 8, 9, 10])
    assert given(found) == {str(NOON): [7.0, 8.0, 9.0]}
    assert (found.warning, found.fetched, found.attribution, result.source) == (None, NOW, "of a test", "open-meteo")


def test_hours_are_brought_to_steps_between_and_to_means_of_longer_ones() -> None:
    weather = replace(counting(MIDNIGHT, 72), issued=(
        IssuedWeather(MIDNIGHT, np.column_stack([np.arange(24.0), np.ones(24)])),
    ))  # fmt: skip
    half = series(MIDNIGHT + np.timedelta64(15, "m"), 6, TimeStep.parse("PT30M"))
    found = weather_of(stored(weather, half.step), half, 2, replayed=False, now=NOW)
    assert found.ahead is not None
    assert found.ahead["air_temperature"] == [3.25, 3.75]
    # The forecast begins at 01:00; it is issued with the reading at 00:15.
    assert given(found)[str(half.start)] == pytest.approx([np.nan, 0.25], nan_ok=True)
    six = series(MIDNIGHT, 4, TimeStep.parse("PT6H"))
    found = weather_of(stored(weather, six.step), six, 2, replayed=False, now=NOW)
    assert found.ahead is not None
    assert found.ahead["air_temperature"] == [26.5, 32.5]
    assert over(found).values[:, 0].tolist() == [2.5, 8.5, 14.5, 20.5, 26.5, 32.5]


def test_weather_that_ends_early_or_begins_late_is_given_as_far_as_it_goes() -> None:
    readings = series(NOON, 5)
    found = weather_of(stored(counting(MIDNIGHT, 7), DAY), readings, 5, replayed=False, now=NOW)
    assert found.ahead == {"air_temperature": [5.0, 6.0], "wind_speed": [0.5, 0.6]}
    late = counting(MIDNIGHT + np.timedelta64(3, "D"), 7)
    found = weather_of(stored(late, DAY), readings, 2, replayed=False, now=NOW)
    assert over(found).values[:, 0].tolist() == [0, 1, 2, 3]
    assert found.ahead == {"air_temperature": [2.0, 3.0], "wind_speed": [0.2, 0.3]}
    only_air = counting(MIDNIGHT, 9)
    only_air.values[:, 1] = np.nan
    found = weather_of(stored(only_air, DAY), readings, 1, replayed=False, now=NOW)
    assert np.isnan(over(found).values[:, 1]).all()
    assert found.ahead == {"air_temperature": [5.0], "wind_speed": [None]}


def test_a_long_series_gets_the_weather_of_a_backtest_only() -> None:
    start = NOON - np.timedelta64(400, "D")
    readings = series(start, 401)
    weather = counting(start - np.timedelta64(10, "D"), 450)
    weather.values[:] = [9.0, 5.0]
    found = weather_of(stored(weather, DAY), readings, 2, replayed=False, now=NOW)
    assert len(over(found).values) == 180 + 1 + 2


def test_a_station_learns_from_its_own_forecasts_once_it_has_any() -> None:
    issued = [IssuedWeather(MIDNIGHT + np.timedelta64(day, "D"), np.full((2, 2), day + 0.5)) for day in range(8)]
    own: Json = {"air_temperature": [4.0, 5.0, 6.0], "wind_speed": [0.4, 0.5, 0.6]}
    readings = series(NOON, 5)
    history = [("2026-06-03T11:59:00", own), ("2026-06-04T12:01:00", own), ("2026-06-05T12:00:00", own)]
    found = weather_of(
        stored(replace(counting(MIDNIGHT, 9), issued=tuple(issued)), DAY, history), readings, 2, replayed=False, now=NOW
    )
    # From the time of its first on; the last reading's own forecast is the newest weather.
    assert given(found) == {
        "2026-06-01T12:00:00": [0.5, 0.5],
        "2026-06-02T12:00:00": [1.5, 1.5],
        "2026-06-03T12:00:00": [4.0, 5.0],
        "2026-06-04T12:00:00": [4.0, 5.0],
    }


@pytest.mark.parametrize(("known", "ahead"), [(True, [50.5, 50.5]), (False, [])])
def test_a_forecast_made_afterwards_gets_only_what_was_forecast_at_its_time(known: bool, ahead: list[float]) -> None:
    times = [0, 2, 4, 6] if known else [0, 2, 6]
    issued = tuple(
        IssuedWeather(MIDNIGHT + np.timedelta64(day, "D"), np.full((2, 2), 10.0 * day + 10.5)) for day in times
    )
    readings = series(NOON, 5)
    weather = stored(replace(counting(MIDNIGHT, 9), issued=issued), DAY)
    found = weather_of(weather, readings, 3, replayed=True, now=NOW + 10**7)
    assert found.ahead == {"air_temperature": ahead, "wind_speed": ahead}
    assert over(found).values[:5, 0].tolist() == [0, 1, 2, 3, 4]
    assert [*given(found)] == ["2026-06-01T12:00:00", "2026-06-03T12:00:00"]
    assert found.warning is None


def test_what_is_wrong_is_a_warning_with_the_reason() -> None:
    readings = series(NOON, 5)
    never = weather_of(StoredWeather(None, (), None), readings, 3, replayed=False, now=NOW)
    assert never.warning == (
        "weather_unavailable", "no weather: it has not been fetched yet; the forecast is made without it"
    )  # fmt: skip
    failed = weather_of(StoredWeather(None, (), "it is busy"), readings, 3, replayed=False, now=NOW)
    assert failed.warning is not None
    assert failed.warning[1] == "no weather: it is busy; the forecast is made without it"
    assert (failed.over, failed.given(None, None)) == (None, None)
    good = stored(counting(MIDNIGHT, 9), DAY)
    for seconds, error, reason in (
        (86_401, None, "it has not been fetched since"),
        (86_401, "busy", "busy"),
        (86_400, "busy", ""),
    ):
        found = weather_of(good._replace(error=error), readings, 3, replayed=False, now=NOW + seconds)
        assert found.over is not None
        expected = ("weather_late", f"the weather is of 2026-06-11T00:00:00Z, more than a day ago: {reason}")
        assert found.warning == (expected if reason else None)
    elsewhen = stored(counting(MIDNIGHT - np.timedelta64(50, "D"), 9), DAY)
    found = weather_of(elsewhen, readings, 3, replayed=False, now=NOW)
    assert found.problem == "what was fetched last does not reach the readings"
    hot = counting(MIDNIGHT, 9, first=60)
    found = weather_of(stored(hot, DAY), readings, 3, replayed=False, now=NOW)
    assert found.over is None
    assert found.problem is not None
    assert found.problem.startswith("what the server sent cannot be used: weather: air_temperature is 60")


def test_what_is_stored_with_a_forecast_is_what_it_was_given_and_what_it_made_of_it() -> None:
    found = weather_of(stored(counting(MIDNIGHT, 7), DAY), series(NOON, 5), 2, replayed=False, now=NOW)
    use = {"used": ["wind_speed"], "until": "2026-06-07T12:00:00Z", "past_rmse_ratio": 0.8, "origins": 9, "source": "x"}
    about = {"source": "open-meteo", "attribution": "of a test", "fetched": NOW}
    ahead = {name: found.ahead[name] for name in COVARIATES} if found.ahead else {}
    assert found.given(use, [1.0, 2.0]) == use | about | ahead | {"without": [1.0, 2.0]}
    unused: Json = {"used": [], "until": None, "past_rmse_ratio": None, "origins": 0}
    assert found.given(None, None) == unused | about | ahead | {"without": None}


def test_renewed_weather_keeps_the_past_that_joins_it() -> None:
    old = kept(counting(MIDNIGHT, 20), DAY, None, None)
    assert last_time(old, DAY) == old["start"] + 19 * 86_400
    new = counting(MIDNIGHT + np.timedelta64(15, "D"), 10, first=100)
    renewed = kept(new, DAY, None, old)
    assert renewed["start"] == old["start"]
    assert renewed["air_temperature"] == [*range(15), *range(100, 110)]
    apart = counting(MIDNIGHT + np.timedelta64(21, "D"), 10, first=100)
    assert kept(apart, DAY, None, old)["air_temperature"] == [*range(100, 110)]
    joining = counting(MIDNIGHT + np.timedelta64(20, "D"), 10, first=100)
    assert kept(joining, DAY, None, old)["air_temperature"] == [*range(20), *range(100, 110)]
    earlier = counting(MIDNIGHT - np.timedelta64(1, "D"), 10, first=100)
    assert kept(earlier, DAY, None, old)["air_temperature"] == [*range(100, 110)]
