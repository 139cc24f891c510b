"""From observations to series: known and coarser steps, and doubts."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read, read_content
from forecasting.series.times import iso
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.readers.files import days, rows, write

DAILY = ReadingOptions(step=TimeStep.parse("day"))


def content(*times: str) -> bytes:
    return "\n".join(["time,sst", *(f"{time},12.{i}" for i, time in enumerate(times))]).encode()


@pytest.mark.parametrize(
    ("times", "step", "values"),
    [
        (["2025-06-05"], "day", 1),
        (["2025-06-05", "2025-06-09"], "day", 5),
        (["2025-06-05T00:00", "2025-06-05T01:00", "2025-06-05T02:00"], "hour", 3),
    ],
)
def test_a_series_has_the_known_step_if_its_times_follow_it(times: list[str], step: str, values: int) -> None:
    series = read_content(content(*times), DAILY).series
    assert (str(series.step), len(series.values)) == (step, values)


def test_a_single_reading_has_no_step_to_infer() -> None:
    with pytest.raises(FileError, match="needs at least two times to infer its step"):
        read_content(content("2025-06-05"), ReadingOptions())


DAY = TimeStep.parse("day")


def hours(day: str, count: int, value: float) -> list[str]:
    return [f"{day}T{hour:02}:00:00Z,{value + hour}" for hour in range(count)]


def test_a_day_is_the_mean_of_its_hours_and_missing_where_under_half_was_observed(tmp_path: Path) -> None:
    lines = [*hours("2001-01-01", 24, 0), *hours("2001-01-02", 11, 0), *hours("2001-01-03", 12, 4)]
    series = read(write(tmp_path, "time,sst", *lines), ReadingOptions(resample=DAY)).series
    np.testing.assert_array_equal(series.values, [11.5, np.nan, 9.5])
    assert (str(series.step), iso(series.start)) == ("day", "2001-01-01T00:00:00Z")
    message = "resampled to the mean of each day (UTC): 2 with at least half of their observations, 1 with fewer"
    assert message in series.notes[-1]


def test_months_go_by_the_calendar(tmp_path: Path) -> None:
    lines = rows(days(31), "10") + rows(days(28, 2), "12") + rows(days(5, 3), "14")
    series = read(write(tmp_path, "time,sst", *lines), ReadingOptions(resample=MONTH)).series
    assert series.values.tolist() == [10, 12]
    assert str(series.step) == "month"


def composites(years: tuple[int, ...]) -> list[str]:
    return [str(np.datetime64(f"{year}-01-01") + np.timedelta64(8 * i, "D")) for year in years for i in range(46)]


def test_eight_day_steps_that_restart_each_january_need_resampling(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(composites((2001, 2002))))
    with pytest.raises(FileError, match=r"8-day steps restart each January.*'month'.*, or with resample=.*'P8D'"):
        read(path)
    assert len(read(path, ReadingOptions(resample=MONTH)).series) == 24
    eight = read(path, ReadingOptions(resample=TimeStep.parse("P8D"))).series
    assert (str(eight.step), int(np.isnan(eight.values).sum())) == ("P8D", 0)


def test_irregular_times_are_refused_with_the_remedy(tmp_path: Path) -> None:
    times = ["2001-01-01", "2001-01-02", "2001-01-03", "2001-01-04T09:00", "2001-01-05"]
    path = write(tmp_path, "time,sst", *rows(times))
    with pytest.raises(FileError, match=r"line 5 .*resample the series to one step first \(resample=.*'day'"):
        read(path)
    assert len(read(path, ReadingOptions(resample=DAY)).series) == 5


def alternating(count: int) -> list[str]:
    """Days with almost half of them absent, so that two days are the commonest interval."""
    steps = np.tile([2, 1, 2, 2, 3, 2, 1, 2, 2], count)
    return [str(np.datetime64("2001-01-01") + np.timedelta64(int(day), "D")) for day in np.cumsum(steps)]


def test_a_daily_series_with_half_of_its_days_missing_stays_daily(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(alternating(20)))
    for resample in (None, DAY):
        series = read(path, ReadingOptions(resample=resample)).series
        assert (str(series.step), len(series), int(np.isfinite(series.values).sum())) == ("day", 339, 180)


def test_a_shift_in_a_two_day_series_is_refused_with_possible_resampling_steps(tmp_path: Path) -> None:
    times = [str(np.datetime64("2001-01-01") + np.timedelta64(2 * i + (i > 20), "D")) for i in range(40)]
    with pytest.raises(
        FileError, match=r"line 23 \(2001-02-13\) is not .* \(2 days\) after 2001-02-10; .*\(resample=.*'week'.* or"
    ):
        read(write(tmp_path, "time,sst", *rows(times)))


def test_pentads_that_restart_each_january_are_recognised(tmp_path: Path) -> None:
    days = np.arange(0, 365, 5)
    times = [
        str(np.datetime64(f"{year}-01-01") + np.timedelta64(int(day) + (year % 4 == 0 and day >= 60), "D"))
        for year in range(1995, 2003)
        for day in days
    ]
    with pytest.raises(FileError, match=r"5-day steps restart each January.*'month'.*, or with resample=.*'P5D'"):
        read(write(tmp_path, "time,sst", *rows(times)))


def test_a_longer_step_cannot_be_cut(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(["2001-01-01", "2001-02-01", "2001-03-01"]))
    with pytest.raises(FileError, match=r"cannot resample one every \d+ days to one a day; resample to a longer step"):
        read(path, ReadingOptions(resample=DAY))


def test_an_impossible_value_is_still_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(days(3)), "2001-01-04,-999")
    with pytest.raises(FileError, match="line 5 is -999"):
        read(path, ReadingOptions(resample=DAY))
    assert len(read(path, ReadingOptions(resample=DAY, missing=(-999,))).series) == 3


def warned(folder: Path, values: "np.typing.NDArray[np.float64]") -> list[str]:
    times = np.datetime64("2015-01-01") + np.arange(len(values))
    (station,) = read(write(folder, "date,sst", *(f"{t},{v:.2f}" for t, v in zip(times, values, strict=True)))).stations
    return [warning for warning in station.warnings if "exactly 0" in warning]


def sea(mean: float, amplitude: float) -> "np.typing.NDArray[np.float64]":
    return mean + amplitude * np.cos(np.arange(400) * 2 * np.pi / 365)


def test_zeros_in_a_sea_far_from_zero_get_a_warning(tmp_path: Path) -> None:
    values = sea(12, 6)
    values[::20] = 0
    values[21] = 0  # after another one
    assert warned(tmp_path, values) == [
        "21 values are exactly 0 °C, far from the values before and after, the first at 2015-01-01; "
        "if 0 marks a missing value, set missing to 0"
    ]


@pytest.mark.parametrize("values", [sea(12, 6), np.round(sea(1, 3), 1), np.zeros(40)])
def test_a_sea_that_passes_zero_gets_no_warning(tmp_path: Path, values: "np.typing.NDArray[np.float64]") -> None:
    assert warned(tmp_path, values) == []


def test_values_around_zero_below_freezing_get_a_warning_about_anomalies(tmp_path: Path) -> None:
    def doubts(values: "np.typing.NDArray[np.float64]") -> list[str]:
        times = np.datetime64("2015-01-01") + np.arange(len(values))
        lines = [f"{time},{value:.2f}" for time, value in zip(times, values, strict=True)]
        (station,) = read(write(tmp_path, "date,x", *lines)).stations
        return [message for message in station.warnings if "anomalies" in message]

    assert doubts(sea(0, 2.5)) == [
        "values fall to -2.5 °C, below the freezing point of the sea, and their median is 0.38 °C; check whether they "
        "are anomalies instead of SST"
    ]
    assert doubts(np.maximum(sea(0, 2.5), -1.9)) == []
    assert doubts(sea(10, 12.5)) == []


def table(folder: Path, values: np.typing.NDArray[np.float64], units: str = "degC") -> Path:
    days = np.datetime64("2001-01-01") + np.arange(len(values))
    cells = ("" if np.isnan(value) else f"{value:.2f}" for value in values)
    return write(folder, f"time,sst ({units})", *(f"{day},{cell}" for day, cell in zip(days, cells, strict=True)))


def season(count: int) -> np.typing.NDArray[np.float64]:
    return 14 + 5 * np.sin(np.arange(count) / 58) + np.random.default_rng(3).normal(0, 0.3, count)


def test_a_stuck_sensor_is_reported_with_its_dates(tmp_path: Path) -> None:
    values = season(900)
    values[500:] = 59
    values[600:620] = np.nan
    values[:500] = values[:500] * 1.8 + 32
    (station,) = read(table(tmp_path, values, "degF")).stations
    message = "380 values in a row, from 2002-05-16 to 2003-06-19, are 15 °C; check whether the sensor was stuck"
    assert station.warnings == (message,)
    assert station.series is not None
    assert message in station.series.notes


def test_a_month_of_equal_values_in_ten_years_is_reported(tmp_path: Path) -> None:
    values = season(3650)
    values[1000:1031] = 12
    assert (
        "31 values in a row, from 2003-09-28 to 2003-10-28, are 12 °C"
        in read(table(tmp_path, values)).stations[0].warnings[0]
    )


def test_repeated_values_from_ice_or_rounding_get_no_warning(tmp_path: Path) -> None:
    ice = np.maximum(season(900) - 14, -1.8)
    assert read(table(tmp_path, ice)).stations[0].warnings == ()
    calm = np.round(26 + np.sin(np.arange(900) / 58))
    assert read(table(tmp_path, np.tile(np.repeat(calm[::45], 30), 9))).stations[0].warnings == ()


def test_two_weeks_of_equal_values_are_reported_unless_values_of_the_place_repeat_for_days(tmp_path: Path) -> None:
    values = season(120)
    values[100:114] = 12
    (warning,) = read(table(tmp_path, values)).stations[0].warnings
    assert warning.startswith("14 values in a row, from 2001-04-11 to 2001-04-24, are 12 °C")
    values[20:24] = 13
    assert read(table(tmp_path, values)).stations[0].warnings == ()


def test_a_sensor_that_was_stuck_twice_is_reported(tmp_path: Path) -> None:
    values = season(300)
    values[100:140], values[200:245] = 12, 13
    (warning,) = read(table(tmp_path, values)).stations[0].warnings
    assert warning.startswith("45 values in a row")
