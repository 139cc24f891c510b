from pathlib import Path

import numpy as np

from forecasting.readers import read
from tests.forecasting.readers.files import write


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
