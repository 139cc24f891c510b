"""Zeros that stand for missing values."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.readers import read
from tests.forecasting.readers.files import write


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
