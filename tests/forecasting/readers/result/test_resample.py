from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.readers.files import days, rows, write

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
