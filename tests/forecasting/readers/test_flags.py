"""Quality flags, and quality in other schemes."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from forecasting.readers import ReadingOptions, read
from forecasting.readers.grid.fields import open_field
from tests.forecasting.readers.files import days, expect, refuse, write

FLAGS = ("1", "2", "3", "4", "9", "")


@pytest.mark.parametrize(
    "name",
    ["sst_quality_control", "sst_qc", "sst_qc_agg", "SST_QC_Flag", "qc_flag", "qc_sst", "sea_water_temperature_qc_agg"],
)
def test_failed_values_are_dropped_and_suspect_ones_kept_with_a_warning(tmp_path: Path, name: str) -> None:
    values = (10, 11, 12, -99, 99, 15)
    lines = [f"{day},{value},{flag}" for day, value, flag in zip(days(6), values, FLAGS, strict=True)]
    path = write(tmp_path, f"time,sst,{name}", *lines)
    marked = read(path).stations[0].marked
    assert marked is not None
    assert (marked.values.tolist(), marked.flags.tolist()) == ([12, -99], [3, 4])
    assert [str(time)[:10] for time in marked.times] == days(4)[2:]
    expect(
        path,
        note=f"2 values flagged 4 or 9 by {name} set to missing",
        values=[10, 11, 12, np.nan, np.nan, 15],
        flags={1: 1, 2: 2, 3: 1, 4: 1, 9: 1},
        warnings=(f"kept 1 value flagged suspect (3) by {name}",),
    )


@pytest.mark.parametrize("header", ["time,sst,salinity,salinity_qc", "time,sst,sst_qc,quality_level"])
def test_the_flags_of_another_column_are_left_alone(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, header, *(f"{day},10,1,4" for day in days(3)))
    expect(path, flag_column=None if "salinity" in header else "sst_qc", values=[10] * 3, warnings=())


@pytest.mark.parametrize(
    ("flags", "named"),
    [("0 1 1", "0"), ("0 0 4", "0"), ("1 1 77", "77"), ("1 10 11 12 13 14 15", "10, 11, 12, 13, 14")],
)
def test_flags_of_an_unknown_scheme_are_ignored_with_a_warning(tmp_path: Path, flags: str, named: str) -> None:
    lines = [f"{day},10,{flag}" for day, flag in zip(days(7), flags.split(), strict=False)]
    (station,) = read(write(tmp_path, "time,sst,sst_qc", *lines)).stations
    assert f"was not used, as {named} are not QARTOD flags" in station.warnings[0]
    assert station.flags == {}


def test_flags_of_wider_schemes_in_which_most_values_are_good_are_used(tmp_path: Path) -> None:
    values, flags = (10, 11, 14, 13, 14, 15, 16), (1, 1, 4, 0, 8, 1, 3)
    lines = [f"{day},{value},{flag}" for day, value, flag in zip(days(7), values, flags, strict=True)]
    path = write(tmp_path, "TIME,TEMP,TEMP_quality_control", *lines)
    expect(path, values=[10, 11, np.nan, 13, 14, 15, 16], flags={1: 3, 2: 2, 3: 1, 4: 1})
    message = "kept 1 value flagged 5 to 8 by TEMP_quality_control, read as Argo flags"
    assert message in read(path).stations[0].warnings


def test_the_flag_column_can_be_chosen_or_ignored(tmp_path: Path) -> None:
    lines = [f"{day},10,{1 + 3 * (i == 1)},1" for i, day in enumerate(days(3))]
    path = write(tmp_path, "time,sst,sst_qc,judged", *lines)
    expect(path, values=[10, np.nan, 10])
    expect(path, {"flags": "judged"}, values=[10] * 3)
    expect(path, {"flags": "none"}, flags={})
    refuse(path, "no column 'opinion'", flags="opinion")


def test_a_flag_that_is_not_a_number_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst,sst_qc", "2001-01-01,10,good", "2001-01-02,11,good")
    refuse(path, r"line 2: 'good' in column sst_qc is not a number.*flags='none'")


def test_unused_flags_are_reported(tmp_path: Path) -> None:
    buoy = [f"{day},{flag},35,1,10" for day, flag in zip(days(3), (1, 4, 1), strict=True)]
    path = write(tmp_path, "DATE,Q_FLAG,salinity,salinity_flag,SSTP", *buoy)
    expect(path, note="flags that were not used: Q_FLAG; to use one for SSTP, set flags to its name")
    expect(path, {"flags": "Q_FLAG"}, flags={1: 2, 4: 1})


TIMES = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]").astype("datetime64[ns]")
LEVELS = np.array([5, 5, 4, 3, 2, 0, 5, 5, 5, 5], dtype=np.int8)
SAID = "quality_level was not used, as it holds quality levels (5 is best) instead of QARTOD flags"
COUNTED = f"{SAID}; 2 of 9 observed values (22 %) are below level 4, the lowest that GHRSST recommends"
OTHER = "quality was not used, as neither its attributes nor its name identify QARTOD flags"


def ghrsst(**attributes: object) -> xr.Dataset:
    values = np.linspace(283, 284, 10)
    values[5] = np.nan
    shape = ("time", "lat", "lon")
    cf = {"units": "kelvin", "standard_name": "sea_surface_skin_temperature"}
    axes = {"time": TIMES, "lat": ("lat", [44.0, 45.0]), "lon": ("lon", [10.0, 11.0])}
    grid = np.ones((1, 2, 2))
    sst = (shape, values[:, None, None] * grid, cf | attributes)
    return xr.Dataset({"sst": sst, "quality_level": (shape, (LEVELS[:, None, None] * grid).astype(np.int8))}, axes)


def test_levels_of_a_grid_that_are_not_used_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "one.nc"
    ghrsst().to_netcdf(path, engine="h5netcdf")
    expect(path, {"at": (44, 10)}, warnings=(COUNTED,), flag_column=None)
    expect(path, {"at": (44, 10), "flags": "none"}, warnings=())
    assert read(path, ReadingOptions(sample=2)).stations[1].warnings == (COUNTED,)
    with open_field(path, "netcdf", ReadingOptions()) as field:
        assert field.notes == (SAID,)


def test_ancillary_flags_of_another_scheme_are_named(tmp_path: Path) -> None:
    data = ghrsst(ancillary_variables="quality error").rename(quality_level="quality")
    data["quality"].attrs["flag_masks"] = np.array([1, 2, 4], dtype=np.int8)
    data["error"] = data["sst"] * 0
    data.to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
    expect(tmp_path / "one.nc", {"at": (44, 10)}, warnings=(OTHER,))


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("quality_level", (COUNTED,)),
        ("sst_quality_level", (f"sst_{COUNTED}",)),
        ("quality", (OTHER,)),
        ("wind_quality", ()),
    ],
)
def test_levels_that_are_not_used_are_counted(tmp_path: Path, name: str, warnings: tuple[str, ...]) -> None:
    values = [*map(str, range(10, 15)), "", *map(str, range(16, 20))]
    lines = [f"{day},{value},{level}" for day, value, level in zip(days(10), values, LEVELS, strict=True)]
    path = write(tmp_path, f"time,sst,{name}", *lines)
    expect(path, warnings=warnings)
    expect(path, {"flags": "none"}, warnings=())
