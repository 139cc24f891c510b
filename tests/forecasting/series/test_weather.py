import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from forecasting.errors import SeriesError
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries, to_sst_series
from forecasting.series.timestep import MONTH, TimeStep
from forecasting.series.units import Units, from_celsius
from forecasting.series.weather import Weather, WeatherReader
from tests.conftest import daily

NAN = float("nan")
SERIES = daily([12.0, 12.5, NAN, 13.0], start="2026-03-01")
READER = WeatherReader(SERIES.step, SERIES.start, SERIES.values)
AIR, WIND = [8.0, 9.0, NAN, 10.0, 11.0], [4.0, 5.0, 6.0, 7.0, 8.0]


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "s")


def frame(air: npt.ArrayLike = AIR, wind: npt.ArrayLike = WIND, start: str = "2026-03-01") -> pd.DataFrame:
    index = pd.date_range(start, periods=len(np.asarray(air)), name="time")
    return pd.DataFrame({"air_temperature": air, "wind_speed": wind}, index=index)


def assert_same(weather: Weather | None, expected: Weather | None) -> None:
    assert weather is not None
    assert expected is not None
    assert (weather.start, weather.source) == (expected.start, expected.source)
    np.testing.assert_allclose(weather.values, expected.values)
    assert [older.issued for older in weather.issued] == [older.issued for older in expected.issued]
    for older, known in zip(weather.issued, expected.issued, strict=True):
        np.testing.assert_allclose(older.values, known.values)


def test_weather_is_a_table_at_the_step_of_its_series() -> None:
    weather = READER.of_arrays({"wind_speed": WIND, "air_temperature": [8.0, 9.0, None, 10.0, 11.0]}, source="model")
    assert (weather.start, weather.source, weather.issued) == (day("2026-03-01"), "model", ())
    np.testing.assert_array_equal(weather.values, np.column_stack([AIR, WIND]))


@pytest.mark.parametrize(("name", "column"), [("air_temperature", 0), ("wind_speed", 1)])
def test_either_alone_leaves_the_other_column_empty(name: str, column: int) -> None:
    weather = READER.of_arrays({name: WIND})
    assert weather.values[:, column].tolist() == WIND
    assert np.isnan(weather.values[:, 1 - column]).all()


@pytest.mark.parametrize("units", ["celsius", "kelvin", "fahrenheit"])
@pytest.mark.parametrize(("wind_units", "factor"), [("m/s", 1.0), ("km/h", 3.6), ("knots", 3600 / 1852)])
def test_units_are_converted(units: Units, wind_units: Literal["m/s", "km/h", "knots"], factor: float) -> None:
    reader = WeatherReader(SERIES.step, SERIES.start, SERIES.values, units, wind_units)
    given = {"air_temperature": from_celsius(AIR, units), "wind_speed": np.multiply(WIND, factor)}
    assert_same(reader.of_arrays(given), READER.of_arrays({"air_temperature": AIR, "wind_speed": WIND}))


def test_missing_values_at_both_ends_are_left_out() -> None:
    weather = READER.of_arrays({"air_temperature": [NAN, NAN, 10.0, NAN, 11.0, NAN]}, day("2026-02-27"))
    assert weather.start == day("2026-03-01")
    np.testing.assert_array_equal(weather.values[:, 0], [10.0, NAN, 11.0])


def test_older_forecasts_begin_one_step_after_their_issue() -> None:
    older = [(day("2026-03-03"), {"wind_speed": [2.0]}), (np.datetime64("2026-03-02T18:00:00"), {"wind_speed": [1.0]})]
    weather = READER.of_arrays({"wind_speed": WIND}, issued=older)
    assert [each.issued for each in weather.issued] == [day("2026-03-02"), day("2026-03-03")]
    assert [each.values[:, 1].tolist() for each in weather.issued] == [[1.0], [2.0]]


def test_months_follow_the_calendar() -> None:
    series = SstSeries(np.full(3, 12.0), day("2026-01-01"), MONTH)
    weather = WeatherReader(MONTH, series.start, series.values).of_arrays({"wind_speed": [4.0]}, day("2026-02-01"))
    assert weather.start == day("2026-02-01")


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_rows_of_a_table_are_the_same_weather_as_arrays(is_shuffled: bool) -> None:
    table = frame()
    if is_shuffled:
        table = table.iloc[::-1]
    expected = READER.of_arrays({"air_temperature": AIR, "wind_speed": WIND})
    assert_same(to_sst_series(SERIES, weather=table).weather, expected)
    assert_same(to_sst_series(SERIES.to_pandas(), weather=table.tz_localize("UTC")).weather, expected)


def test_of_a_repeated_time_the_first_row_counts() -> None:
    expected = READER.of_arrays({"air_temperature": AIR, "wind_speed": WIND})
    again = frame([1.0] * 5, [2.0] * 5)[frame()["air_temperature"].notna()]
    assert_same(to_sst_series(SERIES, weather=pd.concat([frame(), again])).weather, expected)


def test_columns_of_a_data_frame_reach_beyond_the_end_of_the_series() -> None:
    table = frame().assign(sst=[*SERIES.values, NAN])
    series = to_sst_series(table)
    np.testing.assert_array_equal(series.values, SERIES.values)
    assert_same(series.weather, READER.of_arrays({"air_temperature": AIR, "wind_speed": WIND}))


def test_empty_columns_of_a_data_frame_are_no_weather() -> None:
    series = to_sst_series(frame([NAN] * 4, [NAN] * 4).assign(sst=SERIES.values))
    assert series.weather is None
    assert len(series) == 4


def test_a_day_labelled_by_its_middle_has_the_weather_of_that_day() -> None:
    series = SstSeries(SERIES.values, SERIES.start + np.timedelta64(12, "h"), SERIES.step)
    weather = to_sst_series(series, weather=frame()).weather
    assert weather is not None
    assert weather.start == series.start
    np.testing.assert_array_equal(weather.values, np.column_stack([AIR, WIND]))


@pytest.mark.parametrize(
    ("step", "series_start", "weather_start"),
    [
        ("day", "2026-03-01", "2026-03-01T12:00"),
        ("day", "2026-03-01", "2026-03-01T06:00"),
        ("day", "2026-03-01", "2026-02-28T18:00"),
        ("day", "2026-03-01T12:00", "2026-03-01"),
        ("day", "2026-03-01T12:00", "2026-03-01T12:00"),
        ("hour", "2026-03-01", "2026-03-01T00:30"),
        ("hour", "2026-03-01T00:30", "2026-03-01"),
        ("week", "2026-03-01", "2026-03-04T12:00"),
    ],
)
def test_a_step_labelled_by_its_begin_or_middle_has_its_own_weather(
    step: str, series_start: str, weather_start: str
) -> None:
    series = SstSeries(np.full(4, 12.0), day(series_start), TimeStep.parse(step))
    rows = pd.DataFrame({"wind_speed": WIND}, series.step.range(day(weather_start), len(WIND)))
    weather = series.with_weather(rows).weather
    assert weather is not None
    assert (weather.start, weather.values[:, 1].tolist()) == (series.start, WIND)


@pytest.mark.parametrize("start", ["2026-03-01T00:00", "2026-03-01T12:00"])
def test_hourly_rows_are_averaged_over_days(start: str) -> None:
    series = SstSeries(SERIES.values, np.datetime64(start, "s"), SERIES.step)
    hours = pd.date_range("2026-03-01", periods=4 * 24 + 11, freq="h")
    days = np.arange(len(hours)) // 24
    table = pd.DataFrame({"air_temperature": days + np.tile([-1.0, 1.0], len(hours))[: len(hours)]}, index=hours)
    weather = to_sst_series(series, weather=table).weather
    assert weather is not None
    # Of the fifth day, less than half is known.
    assert (weather.start, weather.values[:, 0].tolist()) == (series.start, [0.0, 1.0, 2.0, 3.0])
    longer = pd.concat([table, pd.DataFrame({"air_temperature": [4.0]}, index=[hours[-1] + pd.Timedelta(hours=1)])])
    more = series.with_weather(longer).weather
    assert more is not None
    assert len(more.values) == 5


def test_rows_with_a_time_of_issue_are_older_forecasts() -> None:
    older = frame([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], "2026-03-01").assign(issued="2026-03-01T06:00:00Z")
    newest = frame().assign(issued=None)
    weather = to_sst_series(SERIES, weather=pd.concat([older, newest])).weather
    issued = [(day("2026-03-01"), {"air_temperature": [2.0, 3.0], "wind_speed": [2.0, 3.0]})]
    assert_same(weather, READER.of_arrays({"air_temperature": AIR, "wind_speed": WIND}, issued=issued))
    with pytest.raises(SeriesError, match="leave `issued` empty in the rows of the newest weather"):
        to_sst_series(SERIES, weather=older)


@pytest.mark.parametrize(
    ("columns", "start", "sentence"),
    [
        ({"humidity": WIND}, None, "'humidity' is not a known covariate: weather takes air_temperature and wind_speed"),
        ({}, None, "it has no values: give air_temperature, wind_speed or both"),
        (
            {"air_temperature": [9.0, 9.0], "wind_speed": [None, NAN]},
            None,
            "every value of wind_speed is missing: leave wind_speed out",
        ),
        (
            {"air_temperature": [None, None], "wind_speed": [None, NAN]},
            None,
            "every value of air_temperature and wind_speed is missing: leave the weather out",
        ),
        (
            {"air_temperature": [9.0], "wind_speed": [4.0, 5.0]},
            None,
            "air_temperature has 1 value and wind_speed has 2, both from 2026-03-01: send one for each step",
        ),
        (
            {"wind_speed": WIND},
            np.datetime64("2026-03-01T06:00:00"),
            "it begins 2026-03-01T06:00Z, which is not a whole number of steps (one day) from 2026-03-01",
        ),
        (
            {"wind_speed": [NAN, 4.0]},
            day("2026-03-05"),
            "it begins 2026-03-06, after the series ends, 2026-03-04: let it begin with the series, or at the latest "
            "one step after its end",
        ),
        ({"wind_speed": WIND}, day("2026-02-24"), "it ends 2026-02-28, before the series begins, 2026-03-01"),
        ({"wind_speed": [4.0, -0.1]}, None, "wind_speed is negative at 2026-03-02: give the speed"),
        (
            {"wind_speed": [4.0, 75.1]},
            None,
            "wind_speed is 75.1 m/s at 2026-03-02, more than any wind lasts: is it in knots or km/h? Convert it to m/s",
        ),
        ({"wind_speed": [20.1] * 20}, None, "wind_speed is 20.1 m/s in the mean, more than at any sea: is it in knots"),
        (
            {"air_temperature": [285.0, 286.0]},
            None,
            "air_temperature is 285 °C at 2026-03-01, outside the range of air temperatures (-70 to 55 °C); the values "
            "look like kelvin: convert them to °C, the units of the series",
        ),
        (
            {"air_temperature": [8.0, -999.0, 9.0]},
            None,
            "air_temperature is -999 °C at 2026-03-02, outside the range of air temperatures (-70 to 55 °C); "
            "give it in °C, the units of the series",
        ),
        (
            {"air_temperature": [48.0, 49.0, 50.0]},
            None,
            "air_temperature is 48.5 °C in the mean, and the water 12.2 °C at the same times, which is too far apart: "
            "the values look like °F: convert them to °C, the units of the series",
        ),
        (
            {"air_temperature": [-22.0, -24.0, -26.0]},
            None,
            "air_temperature is -23.0 °C in the mean, and the water 12.2 °C at the same times, which is too far apart: "
            "give both in °C, or set the units to those of both",
        ),
    ],
)
def test_wrong_weather_is_refused_in_one_sentence(
    columns: Mapping[str, Any], start: np.datetime64 | None, sentence: str
) -> None:
    with pytest.raises(SeriesError, match=re.escape(f"weather: {sentence}")) as caught:
        READER.of_arrays(columns, start)
    assert caught.value.index is None


@pytest.mark.parametrize(
    "columns",
    [
        {"wind_speed": [75.0, 0.0]},
        {"wind_speed": [21.0] * 19},
        {"wind_speed": [20.0] * 20},
        {"air_temperature": [-22.0, -22.0]},
        {"air_temperature": [55.0, -20.0]},
    ],
)
def test_extreme_but_possible_weather_is_taken(columns: Mapping[str, Any]) -> None:
    name, values = next(iter(columns.items()))
    assert READER.of_arrays(columns).values[:, int(name == "wind_speed")].tolist() == values


def test_air_in_other_units_than_the_water_is_noticed_by_its_distance_from_it() -> None:
    reader = replace(READER, units="fahrenheit")
    sentence = (
        "weather: air_temperature is 10.5 °F in the mean, and the water 54.0 °F at the same times, which is too far "
        "apart: the values look like °C: convert them to °F, the units of the series"
    )
    with pytest.raises(SeriesError, match=re.escape(sentence)):
        reader.of_arrays({"air_temperature": [10.0, 11.0, 12.0]})
    # It is 19.4 °C from the water, though as near to it in °C.
    assert reader.of_arrays({"air_temperature": [19.0, 19.0]}).values[0, 0] == pytest.approx(-7.2, abs=0.1)
    # Cold air over cold water is near it in no other unit.
    polar = WeatherReader(SERIES.step, SERIES.start, SERIES.values * 0 - 1.5, "celsius")
    assert polar.of_arrays({"air_temperature": [-30.0, -31.0]}).values[0, 0] == -30.0


def test_a_forecast_that_begins_long_after_its_issue_is_left_out() -> None:
    newest = frame().assign(issued=None)
    weather = [
        to_sst_series(
            SERIES, weather=pd.concat([frame([1.0], [1.0], "2026-03-05").assign(issued=issue), newest])
        ).weather
        for issue in ("2023-06-09", "2023-06-08")
    ]
    assert [len(each.issued) for each in weather if each is not None] == [1, 0]
    assert weather[0] is not None
    assert np.isfinite(weather[0].issued[0].values[:, 0]).nonzero()[0].tolist() == [999]


def test_days_are_averaged_over_months() -> None:
    series = SstSeries(np.full(2, 12.0), day("2026-01-01"), MONTH)
    days = pd.date_range("2026-01-01", "2026-03-14")
    weather = series.with_weather(pd.DataFrame({"wind_speed": days.month.astype(float)}, days)).weather
    assert weather is not None
    # Of March, less than half is known.
    assert weather.values[:, 1].tolist() == [1.0, 2.0]


def test_weather_may_begin_one_step_after_the_end_and_end_with_the_first_step() -> None:
    assert READER.of_arrays({"wind_speed": [4.0]}, day("2026-03-05")).start == day("2026-03-05")
    assert READER.of_arrays({"wind_speed": WIND}, day("2026-02-25")).start == day("2026-02-25")


def test_set_wind_units_is_said_where_one_can() -> None:
    with pytest.raises(SeriesError, match=re.escape("is it in knots or km/h? Set wind_units, or convert it to m/s")):
        SERIES.with_weather(frame(wind=[90.0] * 5))


def test_older_forecasts_are_checked_too() -> None:
    with pytest.raises(SeriesError, match="wind_speed is 90 m/s at 2026-03-03"):
        READER.of_arrays({"wind_speed": WIND}, issued=[(day("2026-03-02"), {"wind_speed": [90.0]})])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            pd.concat([frame(), frame([9.0], [4.0], "2026-03-02T06:00")]),
            "several rows belong to the same day, the second at 2026-03-02T06:00Z: keep one value",
        ),
        (
            pd.concat([frame(), frame([9.0], [4.0], "2126-03-01")]),
            "there are 36,525 steps of one day from 2026-03-01 to 2126-03-01, but only 11 rows: check for a wrong time",
        ),
        (frame().rename(columns={"wind_speed": "wind"}), "'wind' is not a known covariate"),
        (
            frame().set_axis(pd.DatetimeIndex(["2026-03-01", None, "2026-03-03", "2026-03-04", "2026-03-05"])),
            "a row has no time",
        ),
        (frame([NAN], [NAN]), "it has no values: give air_temperature and wind_speed, or one of them"),
    ],
)
def test_wrong_rows_are_refused(table: pd.DataFrame, sentence: str) -> None:
    with pytest.raises(SeriesError, match=re.escape(f"weather: {sentence}")):
        to_sst_series(SERIES, weather=table)


@pytest.mark.parametrize(("column", "kind"), [("issued", "times"), ("wind_speed", "numbers")])
def test_columns_of_other_things_are_refused(column: str, kind: str) -> None:
    with pytest.raises(SeriesError, match=f"the values of {column} must be {kind}"):
        to_sst_series(SERIES, weather=frame().assign(**{column: "soon"}))


def test_a_batch_keeps_the_weather_of_each_series() -> None:
    weather = READER.of_arrays({"wind_speed": WIND})
    with_weather = SERIES.with_weather(weather)
    batch = SeriesBatch.of([SERIES, with_weather], TimeStep.parse("day"))
    assert dict(batch.weather) == {1: weather}
    assert dict(batch.take(np.array([1, 0, 1])).weather) == {0: weather, 2: weather}
    assert batch[1].weather is weather
    assert batch[1].until_last_observation().weather is weather
    assert batch[1].part(1, 3).weather is weather
