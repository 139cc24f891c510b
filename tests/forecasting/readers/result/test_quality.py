"""Quality in other schemes than QARTOD's is not used, and a warning says so."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from forecasting.readers import read
from forecasting.readers.grid.fields import open_field
from forecasting.readers.options import ReadingOptions
from tests.forecasting.readers.files import days, write

TIMES = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]").astype("datetime64[ns]")
LEVELS = np.array([5, 5, 4, 3, 2, 0, 5, 5, 5, 5], dtype=np.int8)
SAID = "quality_level was not used, as it holds quality levels (5 is best) instead of QARTOD flags"
COUNTED = f"{SAID}; 2 of 9 observed values (22 %) are below level 4, the lowest that GHRSST recommends"


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
    (station,) = read(path, ReadingOptions(at=(44, 10))).stations
    assert station.warnings == (COUNTED,)
    assert station.columns.flags is None
    assert read(path, ReadingOptions(at=(44, 10), flags="none")).stations[0].warnings == ()
    assert read(path, ReadingOptions(sample=2)).stations[1].warnings == (COUNTED,)
    with open_field(path, "netcdf", ReadingOptions()) as field:
        assert field.notes == (SAID,)


def test_ancillary_flags_of_another_scheme_are_named(tmp_path: Path) -> None:
    data = ghrsst(ancillary_variables="bits error").rename(quality_level="bits")
    data["bits"].attrs["flag_masks"] = np.array([1, 2, 4], dtype=np.int8)
    data["error"] = data["sst"] * 0
    data.to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
    (station,) = read(tmp_path / "one.nc", ReadingOptions(at=(44, 10))).stations
    assert station.warnings == ("bits was not used, as neither its attributes nor its name identify QARTOD flags",)


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("quality_level", (COUNTED,)),
        ("sst_quality_level", (f"sst_{COUNTED}",)),
        ("quality", ("quality was not used, as neither its attributes nor its name identify QARTOD flags",)),
        ("wind_quality", ()),
    ],
)
def test_levels_that_are_not_used_are_counted(tmp_path: Path, name: str, warnings: tuple[str, ...]) -> None:
    values = [*map(str, range(10, 15)), "", *map(str, range(16, 20))]
    lines = [f"{day},{value},{level}" for day, value, level in zip(days(10), values, LEVELS, strict=True)]
    path = write(tmp_path, f"time,sst,{name}", *lines)
    assert read(path).stations[0].warnings == warnings
    assert read(path, ReadingOptions(flags="none")).stations[0].warnings == ()


def test_other_quality_columns_next_to_qartod_flags_are_not_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst,sst_qc,quality_level", *(f"{day},10,1,2" for day in days(3)))
    assert read(path).stations[0].warnings == ()
