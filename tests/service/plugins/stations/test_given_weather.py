"""The weather that a forecast of a station is given: on the grid of its readings, and as it was known."""

from collections.abc import Sequence

import numpy as np
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, Weather
from service.plugins.stations.weather import (
    Json,
    Leads,
    StationWeather,
    StoredWeather,
    kept,
    kept_step,
    last_time,
    weather_of,
)

NOON = np.datetime64("2026-06-01T12:00", "s")
MIDNIGHT = np.datetime64("2026-06-01", "s")
NOW = int(np.datetime64("2026-06-11", "s").astype(np.int64))
DAY, HOUR = TimeStep.parse("day"), TimeStep.parse("hour")


def stored(
    weather: Weather, step: TimeStep, given: Sequence[tuple[str, Json]] = (), leads: Leads | None = None
) -> StoredWeather:
    times = [(int(np.datetime64(time, "s").astype(np.int64)), content) for time, content in given]
    return StoredWeather((NOW, kept(weather, leads, kept_step(step), "of a test", None)), times, None)


def leads_of(weather: Weather, days: int) -> Leads:
    """Return weather as it was forecast 1, 2, … days before: 10, 20, … °C too warm."""
    return weather.start, np.stack([weather.values + np.array([10.0 * day, 0.0]) for day in range(1, days + 1)])


def counting(start: np.datetime64, count: int, first: float = 0) -> Weather:
    """Air of 0, 1, … °C, and wind of a tenth of it."""
    air = first + np.arange(count, dtype=np.float64)
    return Weather(start, np.column_stack([air, air / 10]), source="open-meteo")


def series(start: np.datetime64, count: int, step: TimeStep = DAY) -> SstSeries:
    return SstSeries(np.full(count, 10.0), start, step)


def over(found: StationWeather) -> Weather:
    assert found.over is not None
    return found.over


def given(found: StationWeather) -> list[tuple[str, list[float]]]:
    """Return earlier forecasts of air temperature with their times of issue."""
    return [(str(each.issued), each.values[:, 0].tolist()) for each in over(found).issued]


def test_a_day_has_the_weather_of_its_utc_day_at_whatever_time_it_is_read() -> None:
    readings = series(NOON, 5)
    weather = counting(MIDNIGHT - 3 * np.timedelta64(1, "D"), 20)
    found = weather_of(stored(weather, DAY, leads=leads_of(weather, 7)), readings, 3, replayed=False, now=NOW)
    assert found.ahead == {"air_temperature": [8.0, 9.0, 10.0], "wind_speed": [0.8, 0.9, 1.0]}
    result = over(found)
    assert (result.start, result.values[:, 0].tolist()) == (NOON, [3, 4, 5, 6, 7, 8, 9, 10])
    days = [str(NOON + np.timedelta64(day, "D")) for day in range(4)]
    assert given(found) == [(day, [14.0 + i, 25.0 + i, 36.0 + i]) for i, day in enumerate(days)]
    assert (found.warning, found.fetched, found.attribution, result.source) == (None, NOW, "of a test", "open-meteo")


def test_hours_are_brought_to_steps_between_and_to_means_of_longer_ones() -> None:
    weather = counting(MIDNIGHT, 72)
    half = series(MIDNIGHT + np.timedelta64(15, "m"), 8, TimeStep.parse("PT30M"))
    with_leads = stored(weather, half.step, leads=leads_of(weather, 7))
    assert with_leads.newest is not None
    assert len(with_leads.newest[1]["earlier"]["days"]) == 3
    found = weather_of(with_leads, half, 2, replayed=False, now=NOW)
    assert found.ahead is not None
    assert found.ahead["air_temperature"] == [4.25, 4.75]
    # Three hours before the last reading.
    assert given(found) == [(str(MIDNIGHT + np.timedelta64(45, "m")), [11.25, 11.75])]
    six = series(MIDNIGHT, 4, TimeStep.parse("PT6H"))
    found = weather_of(stored(weather, six.step, leads=leads_of(weather, 7)), six, 2, replayed=False, now=NOW)
    assert found.ahead is not None
    assert found.ahead["air_temperature"] == [26.5, 32.5]
    assert over(found).values[:, 0].tolist() == [2.5, 8.5, 14.5, 20.5, 26.5, 32.5]
    assert [values for _, values in given(found)] == [[18.5, 24.5], [24.5, 30.5], [30.5, 36.5]]


def test_earlier_forecasts_of_hours_were_known_at_least_a_day_before_each_further_day() -> None:
    weather = counting(MIDNIGHT, 120)
    weather.values[:, 0] = 1.0
    hours = series(MIDNIGHT, 90, HOUR)
    found = weather_of(stored(weather, HOUR, leads=leads_of(weather, 7)), hours, 30, replayed=False, now=NOW)
    issued = given(found)
    assert [time for time, _ in issued] == [str(MIDNIGHT + np.timedelta64(hour, "h")) for hour in range(2, 89, 3)]
    assert {tuple(values) for _, values in issued} == {(*[11.0] * 24, *[21.0] * 6)}


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
    own: Json = {"air_temperature": [4.0, 5.0, 6.0], "wind_speed": [0.4, 0.5, 0.6]}
    readings = series(NOON, 5)
    history = [("2026-06-03T11:59:00", own), ("2026-06-04T12:01:00", own), ("2026-06-05T12:00:00", own)]
    weather = counting(MIDNIGHT, 9)
    known = stored(weather, DAY, history, leads_of(weather, 7))
    found = weather_of(known, readings, 2, replayed=False, now=NOW)
    # From the time of its first on; the last reading's own forecast is the newest weather.
    assert given(found) == [
        ("2026-06-01T12:00:00", [11.0, 22.0]),
        ("2026-06-02T12:00:00", [12.0, 23.0]),
        ("2026-06-03T12:00:00", [4.0, 5.0]),
        ("2026-06-04T12:00:00", [4.0, 5.0]),
    ]


@pytest.mark.parametrize(("known", "ahead"), [(True, [15.0, 26.0, 37.0]), (False, [])])
def test_a_forecast_made_afterwards_gets_only_what_was_forecast_at_its_time(known: bool, ahead: list[float]) -> None:
    readings, weather = series(NOON, 5), counting(MIDNIGHT, 9)
    found = weather_of(
        stored(weather, DAY, leads=leads_of(weather, 7) if known else None),
        readings,
        3,
        replayed=True,
        now=NOW + 10**7,
    )
    assert found.ahead is not None
    assert found.ahead["air_temperature"] == ahead
    assert over(found).values[:5, 0].tolist() == [0, 1, 2, 3, 4]
    assert len(over(found).values) == 5 + len(ahead)
    assert len(given(found)) == (4 if known else 0)
    assert found.warning is None


def test_hours_that_are_forecast_afterwards_have_their_own_earlier_forecast() -> None:
    weather = counting(MIDNIGHT, 40)
    for count in (10, 11, 12):
        hours = series(MIDNIGHT, count, HOUR)
        known = stored(weather, HOUR, leads=leads_of(weather, 3))
        found = weather_of(known, hours, 2, replayed=True, now=NOW)
        assert found.ahead is not None
        assert found.ahead["air_temperature"] == [count + 10.0, count + 11.0]


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
    old = kept(counting(MIDNIGHT, 20), None, DAY, None, None)
    assert last_time(old, DAY) == old["start"] + 19 * 86_400

    def renewed(day: int) -> Json:
        return kept(counting(MIDNIGHT + np.timedelta64(day, "D"), 10, first=100), None, DAY, None, old)

    new = [*range(100, 110)]
    assert renewed(15)["start"] == old["start"]
    assert renewed(15)["air_temperature"] == [*range(15), *new]
    assert renewed(0)["air_temperature"] == new
    assert renewed(20)["air_temperature"] == [*range(20), *new]
    assert renewed(21)["air_temperature"] == renewed(-1)["air_temperature"] == new


def test_what_a_backtest_does_not_need_is_dropped() -> None:
    weather = counting(MIDNIGHT, 300)
    old = kept(weather, leads_of(weather, 7), DAY, None, None)
    assert len(old["earlier"]["days"]) == 7
    new = kept(counting(MIDNIGHT + np.timedelta64(290, "D"), 10), None, DAY, None, old)
    assert new["start"] == old["start"] + 110 * 86_400
    assert new["wind_speed"][:181] == [*(np.arange(110, 290) / 10).tolist(), 0]
    assert new["earlier"] == old["earlier"]
    for days, is_kept in ((299 + 180, True), (299 + 181, False)):
        later = kept(counting(MIDNIGHT + np.timedelta64(days, "D"), 10), None, DAY, None, old)
        assert len(later["earlier"]["days"]) == (7 if is_kept else 0)
        assert not kept(weather, None, DAY, None, None)["earlier"]
    fresh = kept(weather, leads_of(weather, 2), DAY, None, old)
    assert len(fresh["earlier"]["days"]) == 2


@pytest.mark.parametrize(
    ("step", "kept_at"), [("day", "day"), ("P1D", "day"), ("hour", "hour"), ("PT30M", "hour"), ("PT6H", "hour")]
)
def test_days_are_kept_as_days_and_all_else_as_hours(step: str, kept_at: str) -> None:
    assert str(kept_step(TimeStep.parse(step))) == kept_at
