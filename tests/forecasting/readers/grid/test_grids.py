"""NetCDF and Zarr as OISST, GHRSST, Copernicus and ERDDAP write them, with made-up values."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import iris_sample_data
import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso

TIMES = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]").astype("datetime64[ns]")
LATS = np.arange(-1.0, 1.5, 0.5)
LONS = np.arange(0.5, 360.0, 1.0)
PACKED = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -999}

Save = Callable[[xr.Dataset], Path]


def field(offset: float = 15.0, land: bool = True) -> np.ndarray[Any, Any]:
    """°C, (time, lat, lon): the value tells day and longitude; land from 20 to 30 °E."""
    values = offset + np.arange(10)[:, None, None] / 10 + np.zeros((10, 5, 360)) + LONS / 100
    if land:
        values[:, :, 20:30] = np.nan
    return values


def oisst() -> xr.Dataset:
    values = field()[:, None]
    sst = xr.Variable(("time", "zlev", "lat", "lon"), values, {"units": "Celsius", "valid_max": 4500}, PACKED)
    zlev = ("zlev", [0.0], {"units": "meters"})
    axes = {"time": TIMES, "zlev": zlev, "lat": ("lat", LATS, {"units": "degrees_north"}),
            "lon": ("lon", LONS, {"units": "degrees_east"})}  # fmt: skip
    return xr.Dataset({"sst": sst, "anom": sst - 15, "err": sst * 0, "ice": sst * 0}, axes)


def ghrsst() -> xr.Dataset:
    cf = {"units": "kelvin", "standard_name": "sea_surface_foundation_temperature"}
    packed = {"dtype": "int16", "scale_factor": 0.001, "add_offset": 298.15, "_FillValue": -32768}
    sst = xr.Variable(("time", "lat", "lon"), field() + 273.15, cf, packed)
    error = xr.Variable(("time", "lat", "lon"), field() * 0 + 0.3, {"units": "kelvin"})
    west = (LONS + 180) % 360 - 180
    data = xr.Dataset({"analysis_error": error, "analysed_sst": sst}, {"time": TIMES, "lat": LATS, "lon": west})
    return data.sortby("lon")


def copernicus() -> xr.Dataset:
    cf = {"units": "degrees_C", "standard_name": "sea_water_potential_temperature"}
    layers = np.stack([field(), field(5.0)], axis=1)
    axes = {"time": TIMES, "depth": ("depth", [0.494, 100.0], {"units": "m", "axis": "Z"}), "latitude": LATS,
            "longitude": LONS}  # fmt: skip
    return xr.Dataset({"thetao": (("time", "depth", "latitude", "longitude"), layers, cf)}, axes)


def buoy(**attributes: object) -> xr.Dataset:
    """One place, flagged."""
    values = np.array([10, 11, 12, -99, 14, 15, 16, 17, 18, 19.0])
    flags = np.array([1, 1, 3, 4, 9, 1, 1, 1, 2, 1], dtype=np.int8)
    cf = {"units": "degree_C", "standard_name": "sea_water_temperature", "ancillary_variables": "wt_tests"}
    qartod = {"flag_values": np.array([1, 2, 3, 4, 9], dtype=np.int8), "standard_name": "aggregate_quality_flag"}
    return xr.Dataset({"wt": ("time", values, cf | attributes), "wt_tests": ("time", flags, qartod)}, {"time": TIMES})


@pytest.fixture(params=["netcdf4", "netcdf3", "zarr2", "zarr3"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    def netcdf(data: xr.Dataset) -> Path:
        path = tmp_path / "grid.nc"
        engine: Any = "h5netcdf" if request.param == "netcdf4" else "scipy"
        data.to_netcdf(path, engine=engine)
        return path

    def zarr(data: xr.Dataset) -> Path:
        path = tmp_path / "grid.zarr"
        version: Any = int(request.param[-1])
        data.to_zarr(path, zarr_format=version, consolidated=False)
        return path

    return netcdf if request.param.startswith("netcdf") else zarr


@pytest.mark.parametrize(("make", "value"), [(oisst, "sst"), (ghrsst, "analysed_sst")])
def test_a_place_is_taken_by_cf_attributes_whatever_the_longitudes(
    save: Save, make: Callable[[], xr.Dataset], value: str
) -> None:
    reading = read(save(make()), ReadingOptions(at=(0.1, -59.4)))
    (station,) = reading.stations
    assert station.columns.value == value
    np.testing.assert_allclose(reading.series.values, 15 + np.arange(10) / 10 + 3.005, atol=0.006)
    assert (iso(reading.series.start), str(reading.series.step)) == ("2001-01-01T00:00:00Z", "day")
    assert "cell 0N 59.5W, 15.7 km from 0.1N 59.4W" in reading.series.notes


@pytest.fixture
def netcdf(tmp_path: Path) -> Save:
    def save(data: xr.Dataset) -> Path:
        data.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
        return tmp_path / "grid.nc"

    return save


def test_a_place_on_land_uses_the_nearest_sea_cell(netcdf: Save) -> None:
    series = read(netcdf(oisst()), ReadingOptions(at=(0, 21.2))).series
    np.testing.assert_allclose(series.values[0], 15.195, atol=0.006)
    assert "cell 0N 19.5E, 189.0 km from 0N 21.2E, the nearest sea cell" in series.notes


def test_a_grid_without_a_place_says_what_it_covers(netcdf: Save) -> None:
    reading = read(netcdf(oisst()))
    assert reading.stations == ()
    with pytest.raises(
        FileError, match=r"is a grid of 5 × 360 cells, latitudes -1 to 1 and longitudes 0.5 to 359.5; choose"
    ):
        _ = reading.series


@pytest.mark.parametrize("at", [(50.0, 10.0), (-3.0, 10.0)])
def test_a_place_off_the_grid_is_refused(netcdf: Save, at: tuple[float, float]) -> None:
    with pytest.raises(FileError, match=r"does not reach .*latitudes -1 to 1"):
        read(netcdf(oisst()), ReadingOptions(at=at))


def test_a_place_between_widely_spaced_cells_is_on_the_grid(netcdf: Save) -> None:
    coarse = oisst().isel(lon=slice(0, None, 30))
    assert read(netcdf(coarse), ReadingOptions(at=(0.0, 75.0))).series.values[0] == pytest.approx(15.605, abs=0.02)


def test_several_depths_need_a_choice(netcdf: Save) -> None:
    path = netcdf(copernicus())
    with pytest.raises(FileError, match=r"2 depths along depth: 0.494, 100; choose one with depth="):
        read(path, ReadingOptions(at=(0, 1.5)))
    series = read(path, ReadingOptions(at=(0, 1.5), depth=90)).series
    np.testing.assert_allclose(series.values[0], 5.015)
    assert "depth 100 of 2" in series.notes


def test_flags_are_found_by_ancillary_variables(save: Save) -> None:
    reading = read(save(buoy()))
    np.testing.assert_array_equal(np.isnan(reading.series.values).nonzero()[0], [3, 4])
    assert reading.stations[0].columns.flags == "wt_tests"
    assert reading.stations[0].warnings == ("kept 1 value flagged suspect (3) by wt_tests",)


def test_flags_of_wider_schemes_are_recognised_by_their_meanings(save: Save) -> None:
    data = buoy()
    data["wt_tests"].values[:] = [0, 0, 0, 4, 0, 0, 1, 8, 9, 0]
    data["wt_tests"].attrs = {
        "flag_values": np.arange(10, dtype="int8"),
        "flag_meanings": "no_qc good_data probably_good_data bad_data_that_are_potentially_correctable bad_data "
        "value_changed below_detection nominal_value interpolated_value missing_value",
    }
    reading = read(save(data))
    assert reading.stations[0].flags == {1: 1, 2: 7, 4: 1, 9: 1}
    assert np.flatnonzero(np.isnan(reading.series.values)).tolist() == [3, 8]


def test_flags_are_ignored_if_1_does_not_mean_good(save: Save) -> None:
    data = buoy()
    data["wt"].values[3] = 13
    data["wt_tests"].attrs = {"flag_values": np.array([0, 1, 4], dtype="int8"), "flag_meanings": "good not_good bad"}
    (station,) = read(save(data)).stations
    assert (station.columns.flags, station.flags) == (None, {})


def test_ghrsst_quality_levels_are_not_mistaken_for_qartod_flags(netcdf: Save) -> None:
    data = ghrsst()
    level = {"flag_values": np.arange(6, dtype=np.int8)}
    data["quality_level"] = (("time", "lat", "lon"), np.full((10, 5, 360), 4, dtype=np.int8), level)
    data["analysed_sst"].attrs["ancillary_variables"] = "quality_level"
    reading = read(netcdf(data), ReadingOptions(at=(0, 0.5)))
    assert reading.stations[0].columns.flags is None
    assert np.isfinite(reading.series.values).all()


def test_the_cf_role_identifies_stations(netcdf: Save) -> None:
    cf = {"units": "degree_C", "standard_name": "sea_surface_temperature"}
    data = xr.Dataset(
        {"temp": (("station", "time"), np.array([[10.0] * 10, [20.0] * 10]), cf),
         "id": ("station", np.array(["pier", "buoy"], dtype=object), {"cf_role": "timeseries_id"})},
        {"time": TIMES},
    )  # fmt: skip
    path = netcdf(data)
    assert read(path).names == ("pier", "buoy")
    assert read(path, ReadingOptions(station="buoy")).series.values[0] == 20
    with pytest.raises(FileError, match="no station 'quay'; it has pier, buoy"):
        read(path, ReadingOptions(station="quay"))


def without_units() -> xr.Dataset:
    data = buoy()
    del data["wt"].attrs["units"]
    data["wt"].values += 273.15
    return data


def test_unstated_units_need_a_choice(netcdf: Save) -> None:
    path = netcdf(without_units())
    with pytest.raises(FileError, match="variable wt does not state its units; set units= to celsius, kelvin"):
        read(path)
    assert read(path, ReadingOptions(units="kelvin")).series.values[0] == 10


def gappy(values: object, attributes: dict[str, object], **encoding: object) -> xr.Dataset:
    return xr.Dataset({"sst": ("time", values, {"units": "degC"} | attributes, encoding)}, {"time": TIMES})


@pytest.mark.parametrize(("sentinel", "written"), [(-99.9, "-99.9"), (1e20, "1e+20")])
def test_the_refusal_gives_a_single_precision_sentinel_that_works_as_missing(
    netcdf: Save, sentinel: float, written: str
) -> None:
    path = netcdf(gappy(np.array([14.53, 15, 16, sentinel, *range(6)], dtype=np.float32), {}))
    with pytest.raises(FileError, match=rf"\(missing=\({re.escape(written)}"):
        read(path)
    values = read(path, ReadingOptions(missing=(float(written),))).series.values
    np.testing.assert_array_equal(values[:4], [14.53, 15, 16, np.nan])


INT16, FLOAT32 = np.int16, np.float32
PACKING = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 10.0, "_FillValue": -32768}


@pytest.mark.parametrize(
    ("attributes", "encoding", "limits"),
    [
        ({"valid_range": np.array([-600, 800], INT16)}, PACKING, "valid_range of sst (4 to 18)"),
        ({"valid_range": np.array([4, 18], FLOAT32)}, PACKING, "valid_range of sst (4 to 18)"),
        ({"valid_min": FLOAT32(4), "valid_max": FLOAT32(18)}, {}, "valid_min and valid_max of sst (4 to 18)"),
        ({"valid_max": 18}, {"dtype": "int8", "_FillValue": np.int8(-1)}, "valid_max of sst (18)"),
        ({"valid_max": np.int8(-68), "_Unsigned": "true"},
         {"dtype": "int8", "scale_factor": 0.1, "add_offset": -0.8, "_FillValue": np.int8(-1)},
         "valid_max of sst (18)"),
    ],
)  # fmt: skip
def test_values_outside_the_valid_range_are_missing_and_counted(
    save: Save, attributes: dict[str, object], encoding: dict[str, object], limits: str
) -> None:
    path = save(gappy(np.array([18, 12, 13, 19, 4, 5, 6, 7, 8, 9], dtype=np.float32), attributes, **encoding))
    series = read(path).series
    np.testing.assert_allclose(series.values, [18, 12, 13, np.nan, 4, 5, 6, 7, 8, 9])
    assert f"1 value outside the {limits} set to missing" in series.notes


def test_a_valid_range_that_excludes_every_value_is_refused(netcdf: Save) -> None:
    path = netcdf(gappy(np.arange(10.0), {"valid_range": [283.0, 300.0]}))
    with pytest.raises(FileError, match=r"no value within the valid_range of sst \(283 to 300\); correct"):
        read(path)


def test_limits_of_packed_values_can_be_unpacked(netcdf: Save) -> None:
    data = gappy(np.arange(1.0, 11.0), {"valid_min": np.int16(-2), "valid_max": np.int16(7)})
    data["sst"].encoding = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": np.int16(-32768)}
    reading = read(netcdf(data))
    assert np.isnan(reading.series.values[7:]).all()
    assert reading.series.values[6] == 7


def test_a_cell_is_found_if_the_limits_are_unpacked(netcdf: Save) -> None:
    data = oisst()
    data["sst"].attrs = {"units": "Celsius", "valid_min": np.int16(-3), "valid_max": np.int16(45)}
    assert "km from" in " ".join(read(netcdf(data), ReadingOptions(at=(0.5, 100.5))).series.notes)


def no_time() -> xr.Dataset:
    return buoy().isel(time=0, drop=True)


def two_of_them() -> xr.Dataset:
    data = buoy()
    return data.assign(other=data["wt"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (buoy(units="counts"), "variable wt is in 'counts', not in a known unit of temperature"),
        (no_time(), "variable wt has no time dimension"),
        (
            two_of_them(),
            "has 2 variables with the standard name sea_water_temperature: wt, other; choose one with value",
        ),
        (
            buoy().rename(wt="x").drop_attrs(),
            "no sea-temperature variable, only x, wt_tests; if one of them is SST, name it with value_column=",
        ),
        (buoy().assign_coords(time=[TIMES[0]] * 10), "9 of 10 times are repeated"),
        (xr.concat([buoy()] * 2, "ensemble"), r"dimensions ensemble \(2\) in addition to time"),
    ],
)
def test_unreadable_variables_are_refused_by_name(netcdf: Save, data: xr.Dataset, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(netcdf(data))


def test_a_damaged_file_is_refused(netcdf: Save) -> None:
    path = netcdf(oisst())
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(
        FileError, match=r"cannot read it as NetCDF: .*; check whether it is complete, or download it again"
    ):
        read(path)


def test_dates_of_a_calendar_without_leap_days_are_read_and_the_days_that_it_lacks_are_missing(netcdf: Save) -> None:
    times = xr.date_range("2003-12-01", periods=365, freq="D", calendar="noleap", use_cftime=True)
    data = xr.Dataset({"thetao": ("time", np.linspace(14, 16, 365), {"units": "degC"})}, {"time": times})
    series = read(netcdf(data)).series
    assert (str(series.step), len(series), iso(series.start)) == ("day", 366, "2003-12-01T00:00:00Z")
    assert [iso(time) for time in series.times[np.isnan(series.values)]] == ["2004-02-29T00:00:00Z"]


def test_times_before_the_year_1_are_refused(netcdf: Save) -> None:
    times = xr.date_range("0000-01-01", periods=40, freq="D", calendar="noleap", use_cftime=True)
    data = xr.Dataset({"sst": ("time", np.linspace(14, 16, 40), {"units": "degC"})}, {"time": times})
    with pytest.raises(FileError, match="variable time holds 0000-01-01T00:00:00, which is not in the years 1 to 9999"):
        read(netcdf(data))


@pytest.mark.parametrize("calendar", ["360_day", "julian"])
def test_dates_that_are_not_those_of_the_usual_calendar_are_refused(netcdf: Save, calendar: str) -> None:
    times = xr.date_range("2003-01-01", periods=120, freq="D", calendar=calendar, use_cftime=True)
    data = xr.Dataset({"sst": ("time", np.linspace(14, 16, 120), {"units": "degC"})}, {"time": times})
    with pytest.raises(FileError, match=f"uses the calendar {calendar}, whose dates differ from the standard calendar"):
        read(netcdf(data))


@pytest.mark.parametrize("units", ["months since 1980-01-15", "hour since 0000-01-01 00:00:00"])
def test_invalid_dates_are_refused_with_the_expected_form(netcdf: Save, units: str) -> None:
    data = buoy().assign_coords(time=("time", np.arange(10.0), {"units": units}))
    with pytest.raises(
        FileError, match=rf"has times in '{units}', which are not dates; write them as 'days since 1970"
    ):
        read(netcdf(data))


@pytest.mark.parametrize(("calendar", "offset"), [("360", 0.5), ("standard", 0), ("360_day", 0.5)])
def test_numbers_of_months_are_times(netcdf: Save, calendar: str, offset: float) -> None:
    units = {"units": "months since 1980-01-01", "calendar": calendar}
    data = buoy(units="Celsius_scale").assign_coords(time=("time", np.arange(10) + 12 + offset, units))
    (station,) = read(netcdf(data)).stations
    assert station.series is not None
    assert (str(station.series.step), iso(station.series.start)) == ("month", "1981-01-01T00:00:00Z")
    assert station.flags[9] == 1


def test_depths_can_vary_with_time_in_their_own_variable(netcdf: Save) -> None:
    layers = np.stack([np.linspace(10, 11, 10), np.linspace(5, 6, 10)], axis=1)
    metres = np.tile([0.5, 20.0], (10, 1))
    metres[3] = np.nan
    cf = {"units": "degrees_C", "standard_name": "sea_water_temperature"}
    deep = {"units": "m", "standard_name": "depth", "axis": "Z"}
    shape = ("time", "DEPTH")
    data = xr.Dataset({"TEMP": (shape, layers, cf), "DEPH": (shape, metres, deep)}, {"time": TIMES})
    with pytest.raises(FileError, match=r"2 depths along DEPTH: 0.5, 20; choose one with depth="):
        read(netcdf(data))
    assert read(netcdf(data), ReadingOptions(depth=25)).series.values[0] == 5


def test_levels_whose_depths_change_are_refused_and_a_single_one_is_noted(netcdf: Save) -> None:
    cf = {"units": "degrees_C", "standard_name": "sea_water_temperature"}
    deep = {"units": "m", "standard_name": "depth"}
    shape = ("time", "DEPTH")
    layers = np.tile(np.linspace(10, 11, 10)[:, None], 2)
    metres = np.linspace([0, 20], [40, 60], 10)
    data = xr.Dataset({"TEMP": (shape, layers, cf), "DEPH": (shape, metres, deep)}, {"time": TIMES})
    with pytest.raises(FileError, match="holds levels along DEPTH whose depths change with time"):
        read(netcdf(data))
    assert any("DEPH runs from 0 to 40" in note for note in read(netcdf(data.isel(DEPTH=[0]))).series.notes)


def test_depths_are_metres_whatever_their_units(netcdf: Save) -> None:
    data = copernicus().rename(depth="z_t").assign_coords(
        z_t=("z_t", [500.0, 1500.0], {"units": "centimeters", "positive": "down"})
    )  # fmt: skip
    with pytest.raises(FileError, match=r"2 depths along z_t: 5, 15; choose one with depth="):
        read(netcdf(data), ReadingOptions(at=(0, 1.5)))


def test_a_profile_is_distinguished_from_a_single_depth(netcdf: Save) -> None:
    data = buoy().assign(PRES=("time", np.linspace(5, 100, 10), {"standard_name": "sea_water_pressure"}))
    message = "PRES runs from 5 to 100: the file mixes several depths; keep only one"
    assert message in read(netcdf(data)).series.notes


def test_a_dimension_of_something_else_is_named(netcdf: Save) -> None:
    data = oisst().rename(zlev="expver").isel(expver=[0, 0])
    with pytest.raises(
        FileError, match=r"select from or average over the others, for example with xarray's isel\(expver=0\) or mean"
    ):
        read(netcdf(data), ReadingOptions(at=(0, 1.5)))


def test_variables_in_groups_are_refused_with_the_group_names(tmp_path: Path) -> None:
    buoy_data = gappy(np.arange(10.0), {})
    for kind in ("nc", "zarr"):
        for group in ("pier/obs", "quay"):
            if kind == "zarr":
                buoy_data.to_zarr(tmp_path / "a.zarr", group=group, mode="a", consolidated=False)
            else:
                buoy_data.to_netcdf(tmp_path / "a.nc", group=group, mode="a", engine="h5netcdf")
    with pytest.raises(
        FileError, match=r"variables in groups \(pier/obs, quay\); save one as a file, for example with xarray.open_d"
    ):
        read(tmp_path / "a.nc")
    with pytest.raises(FileError, match=r"variables in groups \(pier/obs, quay\); name one, such as a.zarr/pier/obs"):
        read(tmp_path / "a.zarr")
    assert len(read(tmp_path / "a.zarr/pier/obs").series) == 10


def test_a_time_that_is_an_undeclared_fill_value_is_named(netcdf: Save) -> None:
    data = gappy(np.arange(10.0), {})
    days = np.arange(10.0)
    days[4] = 9.969209968386869e36
    path = netcdf(data.assign_coords(time=("time", days, {"units": "days since 2001-01-01"})))
    with pytest.raises(
        FileError, match=r"time holds 9.96921e\+36 as the time of step 4, which is not a valid time; drop the step"
    ):
        read(path)


def test_ostia_is_read_in_kelvin_with_its_land(tmp_path: Path) -> None:
    path = Path(iris_sample_data.path) / "ostia_monthly.nc"
    series = read(path, ReadingOptions(at=(0, -30))).series
    assert (len(series), str(series.step), iso(series.start)) == (54, "month", "2006-04-01T00:00:00Z")
    assert 23 < series.values.min() < series.values.max() < 31
    with pytest.raises(FileError, match="no sea cell within 10 cells of 0N 20E"):
        read(path, ReadingOptions(at=(0, 20)))


def test_without_the_extra_a_sentence_names_it(netcdf: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = netcdf(buoy())
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(FileError, match=r"needs the extra `grids` .* pip install 'sst-forecasting\[grids\]'"):
        read(path)
