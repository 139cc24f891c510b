"""Times by the clock of a place, station by station."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import FileError
from forecasting.readers.options import ReadingOptions
from forecasting.series.timestep import TimeStep
from tests.scoring.tables.series import series_of

HALF_HOUR = TimeStep.parse("PT30M")
UTC = pd.date_range("2021-10-20", "2021-11-05", freq="30min", tz="UTC")
LOCAL = UTC.tz_convert("Europe/Paris").tz_localize(None)
"""In the night to 31 October the clock goes back."""
FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M")


@pytest.mark.parametrize("form", FORMATS)
def test_interleaved_stations_are_each_corrected(tmp_path: Path, form: str) -> None:
    path = tmp_path / "in.csv"
    rows = [f"{name},{time:{form}},{10 + i % 7}" for i, time in enumerate(LOCAL) for name in "AB"]
    path.write_text("\n".join(["station,time,sst", *rows, ""]))
    series, errors = series_of([path], tmp_path / "staged", HALF_HOUR, ReadingOptions(timezone="Europe/Paris"))
    assert errors == {}
    for name in "AB":
        assert series[name].start == np.datetime64("2021-10-20", "s")
        np.testing.assert_array_equal(series[name].values, [10 + i % 7 for i in range(len(UTC))])


def test_an_hour_that_the_clock_skips_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    times = pd.date_range("2021-03-20", "2021-04-01", freq="h")
    rows = [f"A,{time:%Y-%m-%dT%H:%M},10\nB,{time:%Y-%m-%dT%H:%M}Z,10" for time in times]
    path.write_text("\n".join(["station,time,sst", *rows, ""]))
    options = ReadingOptions(timezone="Europe/Paris")
    series, errors = series_of([path], tmp_path / "staged", TimeStep.parse("hour"), options)
    assert list(series) == ["B"]
    assert errors["A"].startswith("2021-03-28T02:00 is skipped or repeated in the time zone Europe/Paris")
    with pytest.raises(FileError, match="unknown time zone 'Mars'"):
        series_of([path], tmp_path / "again", TimeStep.parse("hour"), ReadingOptions(timezone="Mars"))


def test_months_keep_local_time(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    months = pd.date_range("2007-01", periods=40, freq="MS")
    path.write_text("\n".join(["time,sst", *(f"{month:%Y-%m-%d},10" for month in months), ""]))
    series, _ = series_of([path], tmp_path / "a", TimeStep.parse("month"), ReadingOptions(timezone="Europe/Paris"))
    assert series["in"].start == np.datetime64("2007-01-01", "s")


def test_months_of_parquet_with_a_zone_keep_local_time(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pd.DataFrame({"time": pd.date_range("2007-01", periods=40, freq="MS", tz="Europe/Paris"), "sst": 10.0}).to_parquet(
        path, index=False
    )
    series, _ = series_of([path], tmp_path / "a", TimeStep.parse("month"))
    assert series["in"].start == np.datetime64("2007-01-01", "s")
    assert len(series["in"].values) == 40
