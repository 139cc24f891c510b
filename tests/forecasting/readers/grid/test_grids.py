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

from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso
from tests.forecasting.readers.files import expect, options, refuse

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


BUOY = [10, 11, 12, np.nan, np.nan, *range(15, 20)]


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
    path, given = save(make()), {"at": (0.1, -59.4)}
    expect(path, given, "cell 0N 59.5W, 15.7 km from 0.1N 59.4W", start="2001-01-01T00:00:00Z", step="day", value=value)
    np.testing.assert_allclose(read(path, options(given)).series.values, 18.005 + np.arange(10) / 10, atol=0.006)


@pytest.fixture
def netcdf(tmp_path: Path) -> Save:
    def save(data: xr.Dataset) -> Path:
        data.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
        return tmp_path / "grid.nc"

    return save


@pytest.mark.parametrize("dims", [("y", "x"), ("x", "y")])
def test_a_place_is_found_by_coordinates_of_two_dimensions(netcdf: Save, dims: tuple[str, str]) -> None:
    north, east = np.meshgrid(LATS, LONS, indexing="ij")
    axes = {"time": TIMES, "nav_lat": (("y", "x"), north), "nav_lon": (dims, east if dims[0] == "y" else east.T)}
    path = netcdf(xr.Dataset({"tos": (("time", "y", "x"), field(), {"units": "celsius"})}, axes))
    expect(path, {"at": (0.1, 59.4)}, "cell 0N 59.5E, 15.7 km from 0.1N 59.4E", value="tos")
    assert read(path, ReadingOptions(at=(0.1, 59.4))).series.values[0] == pytest.approx(15.595)


def test_a_place_is_found_among_points_along_one_dimension(netcdf: Save) -> None:
    axes = {"time": TIMES, "lat": ("point", [0.0, 0.5, 1.0, 0.0]), "lon": ("point", [10.5, 10.5, 10.5, 12.5])}
    data = xr.Dataset({"sst": (("time", "point"), np.arange(40.0).reshape(10, 4) / 2, {"units": "celsius"})}, axes)
    path = netcdf(data)
    expect(path, {"at": (0.6, 10.5)}, "cell 0.5N 10.5E, 11.1 km from 0.6N 10.5E", value="sst")
    assert read(path, ReadingOptions(at=(0.6, 10.5))).series.values[:2].tolist() == [0.5, 2.5]


def test_a_place_on_land_uses_the_nearest_sea_cell(netcdf: Save) -> None:
    series = read(netcdf(oisst()), ReadingOptions(at=(0, 21.2))).series
    np.testing.assert_allclose(series.values[0], 15.195, atol=0.006)
    assert "cell 0N 19.5E, 189.0 km from 0N 21.2E, the nearest sea cell" in series.notes


def test_a_grid_without_a_place_says_what_it_covers(netcdf: Save) -> None:
    path = netcdf(oisst())
    assert read(path).stations == ()
    refuse(path, r"is a grid of 5 × 360 cells, latitudes -1 to 1 and longitudes 0.5 to 359.5; choose")


@pytest.mark.parametrize("at", [(50.0, 10.0), (-3.0, 10.0)])
def test_a_place_off_the_grid_is_refused(netcdf: Save, at: tuple[float, float]) -> None:
    refuse(netcdf(oisst()), r"does not reach .*latitudes -1 to 1", at=at)


def test_a_place_between_widely_spaced_cells_is_on_the_grid(netcdf: Save) -> None:
    coarse = oisst().isel(lon=slice(0, None, 30))
    assert read(netcdf(coarse), ReadingOptions(at=(0.0, 75.0))).series.values[0] == pytest.approx(15.605, abs=0.02)


def test_several_depths_need_a_choice(netcdf: Save) -> None:
    path = netcdf(copernicus())
    refuse(path, r"2 depths along depth: 0.494, 100; choose one with depth=", at=(0, 1.5))
    expect(path, {"at": (0, 1.5), "depth": 90}, "depth 100 of 2", values=field(5.0)[:, 0, 1])


def test_flags_are_found_by_ancillary_variables(save: Save) -> None:
    warning = "kept 1 value flagged suspect (3) by wt_tests"
    expect(save(buoy()), values=BUOY, flag_column="wt_tests", warnings=(warning,))


def test_flags_of_wider_schemes_are_recognised_by_their_meanings(save: Save) -> None:
    data = buoy()
    data["wt_tests"].values[:] = [0, 0, 0, 4, 0, 0, 1, 8, 9, 0]
    data["wt_tests"].attrs = {
        "flag_values": np.arange(10, dtype="int8"),
        "flag_meanings": "no_qc good_data probably_good_data bad_data_that_are_potentially_correctable bad_data "
        "value_changed below_detection nominal_value interpolated_value missing_value",
    }
    expect(save(data), flags={1: 1, 2: 7, 4: 1, 9: 1}, values=[*BUOY[:3], np.nan, *range(14, 18), np.nan, 19])


def test_flags_are_ignored_if_1_does_not_mean_good(save: Save) -> None:
    data = buoy()
    data["wt"].values[3] = 13
    data["wt_tests"].attrs = {"flag_values": np.array([0, 1, 4], dtype="int8"), "flag_meanings": "good not_good bad"}
    expect(save(data), flag_column=None, flags={})


def test_ghrsst_quality_levels_are_not_mistaken_for_qartod_flags(netcdf: Save) -> None:
    data = ghrsst()
    level = {"flag_values": np.arange(6, dtype=np.int8)}
    data["quality_level"] = (("time", "lat", "lon"), np.full((10, 5, 360), 4, dtype=np.int8), level)
    data["analysed_sst"].attrs["ancillary_variables"] = "quality_level"
    path = netcdf(data)
    expect(path, {"at": (0, 0.5)}, flag_column=None)
    assert np.isfinite(read(path, ReadingOptions(at=(0, 0.5))).series.values).all()


def test_the_cf_role_identifies_stations(netcdf: Save) -> None:
    cf = {"units": "degree_C", "standard_name": "sea_surface_temperature"}
    temp = (("station", "time"), np.array([[10.0] * 10, [20.0] * 10]), cf)
    names = ("station", np.array(["pier", "buoy"], dtype=object), {"cf_role": "timeseries_id"})
    data = xr.Dataset({"temp": temp, "id": names}, {"time": TIMES})
    path = netcdf(data)
    expect(path, names=("pier", "buoy"))
    expect(path, {"station": "buoy"}, values=[20] * 10)
    refuse(path, "no station 'quay'; it has pier, buoy", station="quay")
    rows = buoy().assign(id=("time", np.array([*"ab"] * 5, dtype=object), {"cf_role": "timeseries_id"}))
    refuse(netcdf(rows), "holds 2 stations in one list of rows; fetch only one")


def test_unstated_units_need_a_choice(netcdf: Save) -> None:
    data = buoy()
    del data["wt"].attrs["units"]
    data["wt"].values += 273.15
    path = netcdf(data)
    refuse(path, "variable wt does not state its units; set units= to celsius, kelvin")
    expect(path, {"units": "kelvin"}, values=BUOY)


def gappy(values: object, attributes: dict[str, object], **encoding: object) -> xr.Dataset:
    return xr.Dataset({"sst": ("time", values, {"units": "degC"} | attributes, encoding)}, {"time": TIMES})


@pytest.mark.parametrize(("sentinel", "written"), [(-99.9, "-99.9"), (1e20, "1e+20")])
def test_the_refusal_gives_a_single_precision_sentinel_that_works_as_missing(
    netcdf: Save, sentinel: float, written: str
) -> None:
    path = netcdf(gappy(np.array([14.53, 15, 16, sentinel, *range(6)], dtype=np.float32), {}))
    refuse(path, rf"\(missing=\({re.escape(written)}")
    expect(path, {"missing": (float(written),)}, values=[14.53, 15, 16, np.nan, *range(6)])


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
    note = f"1 value outside the {limits} set to missing"
    expect(path, None, note, values=[18, 12, 13, np.nan, 4, 5, 6, 7, 8, 9])


def test_a_valid_range_that_excludes_every_value_is_refused(netcdf: Save) -> None:
    path = netcdf(gappy(np.arange(10.0), {"valid_range": [283.0, 300.0]}))
    refuse(path, r"no value within the valid_range of sst \(283 to 300\); correct")


def test_limits_of_packed_values_can_be_unpacked(netcdf: Save) -> None:
    data = gappy(np.arange(1.0, 11.0), {"valid_min": np.int16(-2), "valid_max": np.int16(7)})
    data["sst"].encoding = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": np.int16(-32768)}
    expect(netcdf(data), values=[*range(1, 8), *[np.nan] * 3])


def test_a_cell_is_found_if_the_limits_are_unpacked(netcdf: Save) -> None:
    data = oisst()
    data["sst"].attrs = {"units": "Celsius", "valid_min": np.int16(-3), "valid_max": np.int16(45)}
    assert "km from" in " ".join(read(netcdf(data), ReadingOptions(at=(0.5, 100.5))).series.notes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (buoy(units="counts"), "variable wt is in 'counts', not in a known unit of temperature"),
        (buoy().isel(time=0, drop=True), "variable wt has no time dimension"),
        (buoy().assign(other=buoy()["wt"]), "has 2 variables with the standard name sea_water_temperature: other, wt;"),
        (buoy().rename(wt="x").drop_attrs(), "only wt_tests, x; if one of them is SST, name it with value_column="),
        (buoy().assign_coords(time=[TIMES[0]] * 10), "9 of 10 times are repeated"),
        (xr.concat([buoy()] * 2, "ensemble"), r"dimensions ensemble \(2\) in addition to time"),
    ],
)
def test_unreadable_variables_are_refused_by_name(netcdf: Save, data: xr.Dataset, message: str) -> None:
    refuse(netcdf(data), message)


def test_times_of_another_dimension_are_refused(netcdf: Save) -> None:
    path = netcdf(buoy().assign_coords(run=TIMES[:3]))
    expect(path, {"time_column": "time"}, n=10)
    refuse(path, "variable wt has no dimension run, along which run holds times; choose another", time_column="run")


def test_a_damaged_file_is_refused(netcdf: Save) -> None:
    path = netcdf(oisst())
    path.write_bytes(path.read_bytes()[:5_000])
    refuse(path, r"cannot read it as NetCDF: .*; check whether it is complete, or download it again")


def test_dates_of_a_calendar_without_leap_days_are_read_and_the_days_that_it_lacks_are_missing(netcdf: Save) -> None:
    times = xr.date_range("2003-12-01", periods=365, freq="D", calendar="noleap", use_cftime=True)
    data = xr.Dataset({"thetao": ("time", np.linspace(14, 16, 365), {"units": "degC"})}, {"time": times})
    series = read(netcdf(data)).series
    assert [iso(time) for time in series.times[np.isnan(series.values)]] == ["2004-02-29T00:00:00Z"]


def test_times_before_the_year_1_are_refused(netcdf: Save) -> None:
    times = xr.date_range("0000-01-01", periods=40, freq="D", calendar="noleap", use_cftime=True)
    data = xr.Dataset({"sst": ("time", np.linspace(14, 16, 40), {"units": "degC"})}, {"time": times})
    refuse(netcdf(data), "variable time holds 0000-01-01T00:00:00, which is not in the years 1 to 9999")


@pytest.mark.parametrize("calendar", ["360_day", "julian"])
def test_dates_that_are_not_those_of_the_usual_calendar_are_refused(netcdf: Save, calendar: str) -> None:
    times = xr.date_range("2003-01-01", periods=120, freq="D", calendar=calendar, use_cftime=True)
    data = xr.Dataset({"sst": ("time", np.linspace(14, 16, 120), {"units": "degC"})}, {"time": times})
    refuse(netcdf(data), f"uses the calendar {calendar}, whose dates differ from the standard calendar")


@pytest.mark.parametrize("units", ["months since 1980-01-15", "hour since 0000-01-01 00:00:00"])
def test_invalid_dates_are_refused_with_the_expected_form(netcdf: Save, units: str) -> None:
    data = buoy().assign_coords(time=("time", np.arange(10.0), {"units": units}))
    refuse(netcdf(data), rf"has times in '{units}', which are not dates; write them as 'days since 1970")


@pytest.mark.parametrize(("calendar", "offset"), [("360", 0.5), ("standard", 0), ("360_day", 0.5)])
def test_numbers_of_months_are_times(netcdf: Save, calendar: str, offset: float) -> None:
    units = {"units": "months since 1980-01-01", "calendar": calendar}
    data = buoy(units="Celsius_scale").assign_coords(time=("time", np.arange(10) + 12 + offset, units))
    path = netcdf(data)
    expect(path, step="month", start="1981-01-01T00:00:00Z")
    assert read(path).stations[0].flags[9] == 1


def test_depths_can_vary_with_time_in_their_own_variable(netcdf: Save) -> None:
    layers = np.stack([np.linspace(10, 11, 10), np.linspace(5, 6, 10)], axis=1)
    metres = np.tile([0.5, 20.0], (10, 1))
    metres[3] = np.nan
    cf = {"units": "degrees_C", "standard_name": "sea_water_temperature"}
    deep = {"units": "m", "standard_name": "depth", "axis": "Z"}
    shape = ("time", "DEPTH")
    data = xr.Dataset({"TEMP": (shape, layers, cf), "DEPH": (shape, metres, deep)}, {"time": TIMES})
    refuse(netcdf(data), r"2 depths along DEPTH: 0.5, 20; choose one with depth=")
    expect(netcdf(data), {"depth": 25}, values=layers[:, 1])


def test_levels_whose_depths_change_are_refused_and_a_single_one_is_noted(netcdf: Save) -> None:
    cf = {"units": "degrees_C", "standard_name": "sea_water_temperature"}
    deep = {"units": "m", "standard_name": "depth"}
    shape = ("time", "DEPTH")
    layers = np.tile(np.linspace(10, 11, 10)[:, None], 2)
    metres = np.linspace([0, 20], [40, 60], 10)
    data = xr.Dataset({"TEMP": (shape, layers, cf), "DEPH": (shape, metres, deep)}, {"time": TIMES})
    refuse(netcdf(data), "holds levels along DEPTH whose depths change with time")
    assert any("DEPH runs from 0 to 40" in note for note in read(netcdf(data.isel(DEPTH=[0]))).series.notes)


def test_depths_are_metres_whatever_their_units(netcdf: Save) -> None:
    data = copernicus().rename(depth="z_t").assign_coords(
        z_t=("z_t", [500.0, 1500.0], {"units": "centimeters", "positive": "down"})
    )  # fmt: skip
    refuse(netcdf(data), r"2 depths along z_t: 5, 15; choose one with depth=", at=(0, 1.5))


def test_a_profile_is_distinguished_from_a_single_depth(netcdf: Save) -> None:
    data = buoy().assign(PRES=("time", np.linspace(5, 100, 10), {"standard_name": "sea_water_pressure"}))
    message = "PRES runs from 5 to 100: the file mixes several depths; keep only one"
    expect(netcdf(data), None, message)


def test_a_dimension_of_something_else_is_named(netcdf: Save) -> None:
    data = oisst().rename(zlev="expver").isel(expver=[0, 0])
    refuse(
        netcdf(data),
        r"select from or average over the others, for example with xarray's isel\(expver=0\) or mean",
        at=(0, 1.5),
    )


def test_variables_in_groups_are_refused_with_the_group_names(tmp_path: Path) -> None:
    buoy_data = gappy(np.arange(10.0), {})
    for kind in ("nc", "zarr"):
        for group in ("pier/obs", "quay"):
            if kind == "zarr":
                buoy_data.to_zarr(tmp_path / "a.zarr", group=group, mode="a", consolidated=False)
            else:
                buoy_data.to_netcdf(tmp_path / "a.nc", group=group, mode="a", engine="h5netcdf")
    refuse(
        tmp_path / "a.nc", r"variables in groups \(pier/obs, quay\); save one as a file, for example with xarray.open_d"
    )
    refuse(tmp_path / "a.zarr", r"variables in groups \(pier/obs, quay\); name one, such as a.zarr/pier/obs")
    expect(tmp_path / "a.zarr/pier/obs", n=10)


def test_a_time_that_is_an_undeclared_fill_value_is_named(netcdf: Save) -> None:
    data = gappy(np.arange(10.0), {})
    days = np.arange(10.0)
    days[4] = 9.969209968386869e36
    path = netcdf(data.assign_coords(time=("time", days, {"units": "days since 2001-01-01"})))
    refuse(path, r"time holds 9.96921e\+36 as the time of step 4, which is not a valid time; drop the step")


def test_ostia_is_read_in_kelvin_with_its_land(tmp_path: Path) -> None:
    path = Path(iris_sample_data.path) / "ostia_monthly.nc"
    expect(path, {"at": (0, -30)}, n=54, step="month", start="2006-04-01T00:00:00Z")
    series = read(path, ReadingOptions(at=(0, -30))).series
    assert 23 < series.values.min() < series.values.max() < 31
    refuse(path, "no sea cell within 10 cells of 0N 20E", at=(0, 20))


def test_without_the_extra_a_sentence_names_it(netcdf: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = netcdf(buoy())
    monkeypatch.setitem(sys.modules, "xarray", None)
    refuse(path, r"needs the extra `grids` .* pip install 'sst-forecasting\[grids\]'")
