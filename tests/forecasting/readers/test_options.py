"""What overrides how a file is read, and when that does not apply."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import RequestError
from forecasting.readers import ReadingOptions, read
from forecasting.readers.options import OPTIONS
from forecasting.series.times import iso
from tests.forecasting.readers.files import expect, refuse

DAYS = np.arange("2001-01-01", "2001-03-01", dtype="datetime64[D]")


def table(path: Path, header: str, *rows: str) -> Path:
    """Each row once a day, ``{}`` standing for the time."""
    lines = [row.format(iso(day.astype("datetime64[s]"))) for day in DAYS for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("header", "rows", "options", "sentence"),
    [
        ("time,sst", ["{},15"], {"station": "pier"}, "holds one series without a name; remove station="),
        ("time,a_sst,b_sst", ["{},15,16"], {"station": "c"}, "has no station 'c'; it has a, b"),
        ("time,sst", ["{},15"], {"at": (40, 1)}, "has no columns of latitude and longitude; remove at="),
        ("time,lat,lon,sst", ["{},40,1,15"], {"at": (40, 1)}, "has only one place, or one that moves; remove at="),
        ("time,sst", ["{},15"], {"depth": 5}, "has no column of depths; remove depth="),
        ("time,sst", ["{},15"], {"sample": 3}, "is a table, not a grid; remove sample="),
        ("time,sst", ["{},15"], {"timezone": "Europe/Rome"}, "states an offset with every time; remove timezone="),
        ("time,sst", ["{},15"], {"dates": "dmy"}, "has no dates such as 03/04/2010; remove dates="),
    ],
)  # fmt: skip
def test_the_options_refused_for_a_table(
    tmp_path: Path, header: str, rows: list[str], options: dict[str, Any], sentence: str
) -> None:
    path = table(tmp_path / "sst.csv", header, *rows)
    assert read(path).problem is None or options.get("station")
    refuse(path, re.escape(f"{path}: {sentence}"), **options)


@pytest.mark.parametrize(
    ("header", "rows", "options"),
    [
        ("time,station,sst", ["{},pier,15", "{},buoy,16"], {"station": "buoy"}),
        ("time,pier_sst,buoy_sst", ["{},15,16"], {"station": "buoy"}),
        ("time,lat,lon,sst", ["{},40,1,15", "{},41,1,16"], {"at": (41.1, 1)}),
        ("time,lat,lon,sst", ["{},40,1,15", "{},41,1,16"], {"station": "41N 1E"}),
        ("time,depth,sst", ["{},0.5,16"], {"depth": 1}),
    ],
)
def test_options_that_choose_something_still_work(
    tmp_path: Path, header: str, rows: list[str], options: dict[str, Any]
) -> None:
    expect(table(tmp_path / "sst.csv", header, *rows), options, values=[16] * len(DAYS))


@pytest.mark.parametrize(
    ("dims", "options", "sentence"),
    [
        ((), {"at": (40, 1)}, "holds only one place; remove at="),
        ((), {"sample": 2}, "holds only one place; remove sample="),
        ((), {"station": "a"}, "holds one series without a name; remove station="),
        ((), {"depth": 2}, "has no depth dimension; remove depth="),
        ((), {"timezone": "Europe/Rome"}, "has unambiguous times in UTC, as CF prescribes; remove timezone="),
        (("station",), {"at": (40, 1)}, "holds stations; choose one with station= instead of at="),
        (
            ("lat", "lon"),
            {"station": "a"},
            "is a grid without stations; choose a place with at=(LAT,LON) instead of station=",
        ),
    ],
)
def test_the_options_refused_for_a_grid(
    tmp_path: Path, dims: tuple[str, ...], options: dict[str, Any], sentence: str
) -> None:
    axes: dict[str, Any] = {"lat": [40.0, 41.0], "lon": [1.0, 2.0], "station": ["a", "b"]}
    values = np.full((len(DAYS), *(2 for _ in dims)), 15.0)
    data = xr.Dataset(
        {"sst": (("time", *dims), values, {"units": "celsius"})},
        {"time": DAYS.astype("datetime64[ns]"), **{dim: axes[dim] for dim in dims}},
    )
    data.to_netcdf(tmp_path / "sst.nc", engine="h5netcdf")
    refuse(tmp_path / "sst.nc", re.escape(f"sst.nc: {sentence}"), **options)


@pytest.mark.parametrize(("option", "choices"), [("units", "celsius, kelvin, fahrenheit"), ("dates", "dmy, mdy")])
def test_a_value_that_is_none_of_the_choices_is_refused(option: str, choices: str) -> None:
    values: dict[str, Any] = {option: "foo"}
    with pytest.raises(RequestError, match=rf"^unknown {option} 'foo': use one of {choices}$"):
        ReadingOptions(**values)


@pytest.mark.parametrize("option", ["depth", "missing"])
def test_a_text_that_is_no_number_is_refused_in_words(option: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a number, not 'deep'$"):
        OPTIONS[option].parse("deep")
