from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from tests.forecasting.readers.files import days, write

FLAGS = ("1", "2", "3", "4", "9", "")


@pytest.mark.parametrize(
    "name",
    ["sst_quality_control", "sst_qc", "sst_qc_agg", "SST_QC_Flag", "qc_flag", "qc_sst", "sea_water_temperature_qc_agg"],
)
def test_failed_values_are_dropped_and_suspect_ones_kept_with_a_warning(tmp_path: Path, name: str) -> None:
    values = (10, 11, 12, -99, 99, 15)
    lines = [f"{day},{value},{flag}" for day, value, flag in zip(days(6), values, FLAGS, strict=True)]
    reading = read(write(tmp_path, f"time,sst,{name}", *lines))
    np.testing.assert_array_equal(reading.series.values, [10, 11, 12, np.nan, np.nan, 15])
    (station,) = reading.stations
    assert station.flags == {1: 1, 2: 2, 3: 1, 4: 1, 9: 1}
    assert station.warnings == (f"kept 1 value flagged suspect (3) by {name}",)
    assert f"2 values flagged 4 or 9 by {name} set to missing" in reading.series.notes


def test_the_flags_of_another_column_are_left_alone(tmp_path: Path) -> None:
    lines = [f"{day},10,35,4" for day in days(3)]
    reading = read(write(tmp_path, "time,sst,salinity,salinity_qc", *lines))
    assert reading.stations[0].columns.flags is None
    assert np.isfinite(reading.series.values).all()


@pytest.mark.parametrize("flags", ["0 1 1", "0 0 4", "1 1 77"])
def test_flags_of_an_unknown_scheme_are_ignored_with_a_warning(tmp_path: Path, flags: str) -> None:
    lines = [f"{day},10,{flag}" for day, flag in zip(days(3), flags.split(), strict=True)]
    (station,) = read(write(tmp_path, "time,sst,sst_qc", *lines)).stations
    assert "are not QARTOD flags" in station.warnings[0]
    assert station.flags == {}


def test_flags_of_wider_schemes_in_which_most_values_are_good_are_used(tmp_path: Path) -> None:
    values, flags = (10, 11, 14, 13, 14, 15, 16), (1, 1, 4, 0, 8, 1, 3)
    lines = [f"{day},{value},{flag}" for day, value, flag in zip(days(7), values, flags, strict=True)]
    reading = read(write(tmp_path, "TIME,TEMP,TEMP_quality_control", *lines))
    np.testing.assert_array_equal(reading.series.values, [10, 11, np.nan, 13, 14, 15, 16])
    assert reading.stations[0].flags == {1: 3, 2: 2, 3: 1, 4: 1}
    message = "kept 1 value flagged 5 to 8 by TEMP_quality_control, read as Argo flags"
    assert message in reading.stations[0].warnings


def test_the_flag_column_can_be_chosen_or_ignored(tmp_path: Path) -> None:
    path = write(
        tmp_path, "time,sst,sst_qc,judged", *(f"{day},10,{1 + 3 * (i == 1)},1" for i, day in enumerate(days(3)))
    )
    assert np.isnan(read(path).series.values).sum() == 1
    assert np.isnan(read(path, ReadingOptions(flags="judged")).series.values).sum() == 0
    assert read(path, ReadingOptions(flags="none")).stations[0].flags == {}
    with pytest.raises(FileError, match="no column 'opinion'"):
        read(path, ReadingOptions(flags="opinion"))


def test_a_flag_that_is_not_a_number_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"line 2: 'good' in column sst_qc is not a number.*flags='none'"):
        read(write(tmp_path, "time,sst,sst_qc", "2001-01-01,10,good", "2001-01-02,11,good"))


def test_unused_flags_are_reported(tmp_path: Path) -> None:
    buoy = [f"{day},{flag},35,1,10" for day, flag in zip(days(3), (1, 4, 1), strict=True)]
    path = write(tmp_path, "DATE,Q_FLAG,salinity,salinity_flag,SSTP", *buoy)
    assert "flags that were not used: Q_FLAG; to use one for SSTP, set flags to its name" in read(path).series.notes
    assert read(path, ReadingOptions(flags="Q_FLAG")).stations[0].flags == {1: 2, 4: 1}
