"""From observations to series: known and coarser steps, and doubts."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read, read_content
from forecasting.series.timestep import TimeStep
from tests.forecasting.readers.files import days, expect, options, refuse, rows, write

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


def hours(day: str, count: int, value: float) -> list[str]:
    return [f"{day}T{hour:02}:00:00Z,{value + hour}" for hour in range(count)]


def test_a_day_is_the_mean_of_its_hours_and_missing_where_under_half_was_observed(tmp_path: Path) -> None:
    lines = [*hours("2001-01-01", 24, 0), *hours("2001-01-02", 11, 0), *hours("2001-01-03", 12, 4)]
    path = write(tmp_path, "time,sst", *lines)
    expect(path, {"resample": "day"}, values=[11.5, np.nan, 9.5], step="day", start="2001-01-01T00:00:00Z")
    message = "resampled to the mean of each day (UTC): 2 with at least half of their observations, 1 with fewer"
    assert message in read(path, ReadingOptions(resample=TimeStep.parse("day"))).series.notes[-1]


def test_months_go_by_the_calendar(tmp_path: Path) -> None:
    lines = rows(days(31), "10") + rows(days(28, 2), "12") + rows(days(5, 3), "14")
    expect(write(tmp_path, "time,sst", *lines), {"resample": "month"}, values=[10, 12], step="month")


def every(length: int, years: range, *, pause: bool = False) -> list[str]:
    """Steps of some days that restart each January; with a ``pause`` on 29 February."""
    days = range(0, 365, length)
    return [
        str(np.datetime64(f"{year}-01-01") + np.timedelta64(day + (pause and year % 4 == 0 and day >= 60), "D"))
        for year in years
        for day in days
    ]


ALTERNATING = np.datetime64("2001-01-01") + np.cumsum(np.tile([2, 1, 2, 2, 3, 2, 1, 2, 2], 20))
"""Days with almost half of them absent, so that two days are the commonest interval."""


@pytest.mark.parametrize(
    ("times", "message", "resampled"),
    [
        (every(8, range(2001, 2003)), r"\(8 days\) after .*\(resample=.*'P8D'.* or resample=.*'month'",
         {"month": 24, "P8D": 91}),
        (every(5, range(1995, 2003), pause=True), r"\(5 days\) after .*'P5D'.* or .*'month'", {"month": 96}),
        (["2001-01-01", "2001-01-02", "2001-01-03", "2001-01-04T09:00", "2001-01-05"],
         r"line 5 .*resample the series to one step first \(resample=.*'day'", {"day": 5}),
        ([str(np.datetime64("2001-01-01") + np.timedelta64(2 * i + (i > 20), "D")) for i in range(40)],
         r"line 23 \(2001-02-13\) is not .* \(2 days\) after 2001-02-10; .*\(resample=.*'week'.* or", {"week": 12}),
    ],
)  # fmt: skip
def test_irregular_times_are_refused_with_the_steps_that_would_do(
    tmp_path: Path, times: list[str], message: str, resampled: dict[str, int]
) -> None:
    path = write(tmp_path, "time,sst", *rows(times))
    refuse(path, message)
    for step, n in resampled.items():
        expect(path, {"resample": step}, step=step, n=n)


@pytest.mark.parametrize("given", [{}, {"resample": "day"}])
def test_a_daily_series_with_half_of_its_days_missing_stays_daily(tmp_path: Path, given: dict[str, str]) -> None:
    path = write(tmp_path, "time,sst", *rows(map(str, ALTERNATING)))
    expect(path, given, step="day", n=339)
    assert int(np.isfinite(read(path).series.values).sum()) == 180


def test_a_longer_step_cannot_be_cut(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(["2001-01-01", "2001-02-01", "2001-03-01"]))
    refuse(path, r"cannot resample one every \d+ days to one a day; resample to a longer step", resample="day")


def test_an_impossible_value_is_still_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(days(3)), "2001-01-04,-999")
    refuse(path, "line 5 is -999", resample="day")
    expect(path, {"resample": "day", "missing": (-999,)}, n=3)


def warned(folder: Path, values: "np.typing.NDArray[np.float64]", about: str = "exactly 0") -> list[str]:
    times = np.datetime64("2015-01-01") + np.arange(len(values))
    path = write(folder, "date,sst", *(f"{t},{v:.2f}" for t, v in zip(times, values, strict=True)))
    return [warning for warning in read(path).stations[0].warnings if about in warning]


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


def test_fill_values_are_left_out_before_readings_are_averaged(tmp_path: Path) -> None:
    readings = [f"2015-01-{1 + i // 4:02}T{i % 4 * 6:02}:00,{0 if i % 9 == 5 else 24 + i % 3 / 10}" for i in range(80)]
    (station,) = read(write(tmp_path, "time,sst", *readings), ReadingOptions(resample=TimeStep.parse("day"))).stations
    assert station.series is not None
    assert float(station.series.values.min()) >= 24
    assert "9 values are exactly 0 °C" in station.warnings[-1]


@pytest.mark.parametrize("values", [sea(12, 6), np.round(sea(1, 3), 1), np.zeros(40)])
def test_a_sea_that_passes_zero_gets_no_warning(tmp_path: Path, values: "np.typing.NDArray[np.float64]") -> None:
    assert warned(tmp_path, values) == []


def test_values_around_zero_below_freezing_get_a_warning_about_anomalies(tmp_path: Path) -> None:
    assert warned(tmp_path, sea(0, 2.5), "anomalies") == [
        "values fall to -2.5 °C, below the freezing point of the sea, and their median is 0.38 °C; check whether they "
        "are anomalies instead of SST"
    ]
    assert warned(tmp_path, np.maximum(sea(0, 2.5), -1.9), "anomalies") == []
    assert warned(tmp_path, sea(10, 12.5), "anomalies") == []


def test_a_year_of_values_above_any_sea_gets_a_warning_about_fahrenheit(tmp_path: Path) -> None:
    lines = [f"{day},{33 + i % 3}" for i, day in enumerate(np.arange("2001-01-01", "2002-01-03", dtype="<M8[D]"))]
    warm = "every value is above 32 °C, but no sea is that warm all year round; if they are °F, set units to fahrenheit"
    for cut, given, doubted in ((lines, {}, True), (lines, {"units": "celsius"}, False), (lines[:300], {}, False),
                                ([*lines, "2002-01-03,32"], {}, False)):  # fmt: skip
        (station,) = read(write(tmp_path, "time,sst", *cut), options(given)).stations
        assert (warm in station.warnings) == doubted


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
    message = "380 values in a row, from 2002-05-16 to 2003-06-19, are 15 °C; check whether the sensor was stuck"
    expect(table(tmp_path, values, "degF"), None, message, warnings=(message,))


@pytest.mark.parametrize(
    ("n", "lines", "warning"),
    [
        (3650, {(1000, 1031): 12}, "31 values in a row, from 2003-09-28 to 2003-10-28, are 12 °C"),
        (300, {(100, 140): 12, (200, 245): 13}, "45 values in a row"),
        (120, {(100, 114): 12}, "14 values in a row, from 2001-04-11 to 2001-04-24, are 12 °C"),
        (120, {(100, 114): 12, (20, 24): 13}, None),
    ],
    ids=["a month in ten years", "stuck twice", "two weeks", "two weeks where values repeat for days"],
)
def test_equal_values_are_reported_unless_values_of_the_place_repeat_for_days(
    tmp_path: Path, n: int, lines: dict[tuple[int, int], float], warning: str | None
) -> None:
    values = season(n)
    for (begin, end), value in lines.items():
        values[begin:end] = value
    warnings = read(table(tmp_path, values)).stations[0].warnings
    assert [found[: len(warning or "")] for found in warnings] == ([] if warning is None else [warning])


def test_repeated_values_from_ice_or_rounding_get_no_warning(tmp_path: Path) -> None:
    expect(table(tmp_path, np.maximum(season(900) - 14, -1.8)), warnings=())
    calm = np.round(26 + np.sin(np.arange(900) / 58))
    expect(table(tmp_path, np.tile(np.repeat(calm[::45], 30), 9)), warnings=())
