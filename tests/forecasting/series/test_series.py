from functools import partial

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import IrregularError, SeriesError
from forecasting.series.observations import grid_positions
from forecasting.series.shape import fill_gaps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius, to_celsius

NAN = float("nan")


def observe(stamps: list[str], values: list[float]) -> SstSeries:
    return SstSeries.from_observations(np.asarray(stamps, dtype="datetime64[s]"), np.asarray(values))


def days(n: int) -> list[str]:
    return [str(day) for day in np.datetime64("2001-01-01") + np.arange(n)]


@pytest.mark.parametrize(
    ("stamps", "values", "expected", "note"),
    [
        ([*days(3), "2001-01-05"], [10, 11, 12, 14], [10, 11, 12, NAN, 14], "1 of 5 values are missing, in 1 gap; the"),
        (["2001-01-03", "2001-01-01", "2001-01-02"], [13, 11, 12], [11, 12, 13], "out of order and have been sorted"),
        ([*days(3), "2001-01-02"], [10, 11, 12, 9.9], [10, 11, 12], "value 3 (2001-01-02)"),
    ],
    ids=["skipped", "unsorted", "repeated"],
)
def test_observations_are_put_on_a_grid_with_a_note(
    stamps: list[str], values: list[float], expected: list[float], note: str
) -> None:
    series = observe(stamps, values)
    np.testing.assert_array_equal(series.values, expected)
    assert any(note in sentence for sentence in series.describe())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([10.0, 11.0, -999.0, 12.0], "value 2 is -999 °C.*missing"),
        ([10.0, float("inf"), 11.0, 12.0], "value 1 is inf °C"),
        ([290.0, 291.0, 292.0, 291.0], "look like kelvin"),
        ([66.0, 67.0, 68.0, 69.0], "look like °F"),
        (
            [36.6, 46.7, 58.1, 33.0],
            "if the values are in °F, set the units to fahrenheit; if it marks a missing",
        ),
        (
            [-3.6, 0.2, -3.1, 1.4, 0.5, 1.0],
            "check that these are sea temperatures and not anomalies",
        ),
        (
            [14.0, 99.9, 99.9, 13.0],
            "outside the range of sea temperatures .*; if it marks a missing value, leave it empty",
        ),
        ([NAN] * 4, "every value"),
    ],
)
def test_values_that_no_sea_has_are_refused_with_the_likely_remedy(values: list[float], sentence: str) -> None:
    with pytest.raises(SeriesError, match=sentence):
        observe(days(4), values)


def test_wrong_units_are_recognised_and_reported_in_the_callers_units() -> None:
    stamps = np.asarray(days(4), dtype="datetime64[s]")
    with pytest.raises(SeriesError, match=r"value 0 is 24 kelvin.*look like °C"):
        SstSeries.from_observations(stamps, np.asarray([24.0, 25, 24, 23]), units="kelvin")
    with pytest.raises(SeriesError, match="value 2 is 122 °F, outside the range of sea temperatures"):
        SstSeries.from_observations(stamps, np.asarray([64.0, 65, 122, 63]), units="fahrenheit")


@pytest.mark.parametrize(
    ("stamps", "sentence"),
    [
        (["2001-01-01", "2001-01-02", "2001-01-03", "2001-01-04T05:00", "2001-01-05"],
         r"value 3 \(2001-01-04T05:00Z\) is not a whole number of steps \(one day\)"),
        (["2001-01-01T09:00", *days(9)[1:]], "value 0"),
        ([*(f"2001-{month:02}-01" for month in range(1, 13)), "2001-12-20"],
         r"value 12 \(2001-12-20\) is not a whole number of steps"),
        (["0001-01-01", *(f"2001-01-01T{hour:02}:{minute}" for hour in range(20) for minute in ("00", "01"))],
         "wrong time"),
        (days(5) * 2, "several stations.*Keep one"),
    ],
)  # fmt: skip
def test_times_that_are_not_regular_are_named(stamps: list[str], sentence: str) -> None:
    with pytest.raises(SeriesError, match=sentence):
        observe(stamps, [10.0] * len(stamps))


@pytest.mark.parametrize(("step", "jitter"), [("day", 1_800), ("PT10M", 5), ("hour", 60), ("PT30M", 20)])
def test_jittery_times_get_a_round_step_and_their_place_on_the_grid(step: str, jitter: int) -> None:
    rng = np.random.default_rng(2)
    even = TimeStep.parse(step).range(np.datetime64("2001-01-01", "s"), 800)
    stamps = even + rng.integers(-jitter, jitter + 1, 800).astype("timedelta64[s]")
    series = SstSeries.from_observations(np.delete(stamps, 400), np.delete(np.arange(800) / 100 + 5, 400))
    assert str(series.step) == step
    assert len(series) == 800
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [400]


@pytest.mark.parametrize(("seconds", "is_placed"), [(8_600, True), (8_700, False)])
def test_a_time_may_be_a_tenth_of_a_step_off_the_grid(seconds: int, is_placed: bool) -> None:
    times = np.datetime64("2020-01-01", "s") + np.arange(20) * np.timedelta64(86_400, "s")
    times[7] += np.timedelta64(seconds, "s")
    positions = partial(grid_positions, times, times[0], TimeStep.parse("day"), "time {}".format)
    if is_placed:
        assert positions().tolist() == [*range(20)]
    else:
        with pytest.raises(IrregularError):
            positions()


def test_months_follow_local_time() -> None:
    index = pd.date_range("2001-01-01", periods=12, freq="MS", tz="Europe/Berlin")
    assert iso(SstSeries.from_pandas(pd.Series([10.0] * 12, index=index)).start) == "2001-01-01T00:00:00Z"


def test_monthly_values_are_at_the_start_of_their_month() -> None:
    series = observe(["2001-01-31", "2001-02-28", "2001-03-31"], [10.0, 11.0, 12.0])
    assert iso(series.start) == "2001-01-01T00:00:00Z"


def test_a_pandas_series_survives_a_round_trip() -> None:
    index = pd.date_range("2001-01-01", periods=4, freq="D", tz="UTC", name="time")
    given = pd.Series([10.0, NAN, 12.0, 13.0], index=index, name="sst")
    back = SstSeries.from_pandas(given).to_pandas()
    pd.testing.assert_series_equal(back, given, check_freq=False, check_index_type=False)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Lima"])
def test_pandas_times_with_a_zone_are_converted_to_utc(zone: str) -> None:
    index = pd.date_range("2001-03-24T06:00", periods=5, freq="D", tz="UTC").tz_convert(zone)
    series = SstSeries.from_pandas(pd.Series([10.0] * 5, index=index))
    assert iso(series.start) == "2001-03-24T06:00:00Z"


def test_pandas_periods_are_months() -> None:
    index = pd.period_range("2001-01", periods=3, freq="M")
    assert str(SstSeries.from_pandas(pd.Series([10.0, 11.0, 12.0], index=index)).step) == "month"


@pytest.mark.parametrize(("units", "value"), [("celsius", 20.0), ("kelvin", 293.15), ("fahrenheit", 68.0)])
def test_units_convert_there_and_back(units: Units, value: float) -> None:
    assert to_celsius([value], units)[0] == pytest.approx(20.0)
    assert from_celsius([20.0], units)[0] == pytest.approx(value)


def test_short_gaps_are_interpolated_and_long_gaps_and_ends_are_not() -> None:
    values = np.asarray([NAN, 10, NAN, 12, NAN, NAN, NAN, 16, NAN])
    np.testing.assert_array_equal(fill_gaps(values, 2), [NAN, 10, 11, 12, NAN, NAN, NAN, 16, NAN])
    np.testing.assert_array_equal(fill_gaps(values, 3), [NAN, 10, 11, 12, 13, 14, 15, 16, NAN])


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_gaps_of_many_series_are_filled_like_those_of_each_alone(limit: int) -> None:
    random = np.random.default_rng(limit)
    values = np.where(random.random((200, 20)) < 0.3, np.nan, random.normal(15, 5, (200, 20)))
    values[0] = np.nan
    alone = np.stack([fill_gaps(row, limit) for row in values])
    np.testing.assert_allclose(fill_gaps(values, limit), alone, rtol=1e-14)
