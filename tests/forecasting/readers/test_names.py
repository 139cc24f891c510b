"""What the names of columns mean: quantities and units."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import read
from tests.forecasting.readers.files import days, expect, layout, refuse, rows, write


def table(folder: Path, *names: str) -> Path:
    return write(folder, ",".join(["time", *names]), *(f"{day}{',10' * len(names)}" for day in days(3)))


@pytest.mark.parametrize(
    "names",
    [
        ("air_temp", "surface_temp"),
        ("surface_temp", "bottom_temp"),
        ("sst_min", "sst_max", "sst_mean"),
        ("sst_obs", "sst_model"),
        ("pier_sst_min", "pier_sst_max"),
        ("temp_1m", "temp_10m"),
    ],
)
def test_columns_of_several_variables_or_statistics_are_not_stations(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = table(tmp_path, *names)
    message = f"{len(names)} columns that could be SST: {', '.join(names)}; choose one with value_column="
    refuse(path, message)
    with pytest.raises(FileError, match=message):
        layout(path)
    expect(path, {"value_column": names[0]}, values=[10] * 3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("temp", "water_temp"), "water_temp"),
        (("temperature", "sea_temp", "humidity"), "sea_temp"),
        (("temp", "sea_surface_temp"), "sea_surface_temp"),
        (("temp", "sst_degC"), "sst_degC"),
        (("temp (air)", "water"), None),
        (("temp", "sst_raw"), None),
        (("Temperature", "Water"), None),
        (("temp", "water_level"), "temp"),
        (("temp", "sea_level_pressure"), "temp"),
        (("temp", "sst_anomaly"), "temp"),
        (("temp", "sst_qc"), "temp"),
        (("AirTemperature", "SeaTemperature"), "SeaTemperature"),
        (("AIR_TEMP", "SEA_SURF_TEMP"), "SEA_SURF_TEMP"),
    ],
)
def test_a_sea_name_is_preferred_to_a_bare_name(tmp_path: Path, names: tuple[str, ...], expected: str | None) -> None:
    path = table(tmp_path, *names)
    if expected is None:
        refuse(path, r"has 2 columns that could be SST: .*; choose one with value_column=")
    else:
        expect(path, {"flags": "none"}, value=expected)
        assert set(layout(path).values) == {expected}


def test_columns_named_after_places_are_stations_next_to_other_columns(tmp_path: Path) -> None:
    expect(table(tmp_path, "pier_sst", "north_sst", "water_temp"), names=("pier", "north"))
    path = table(tmp_path, "pier_sst", "north_surface_sst", "air_temp", "sst_mean", "Water")
    expect(path, names=("pier", "north_surface"))
    note = "ignored columns that are not named after a place: air_temp, sst_mean, Water"
    series = read(path).stations[0].series
    assert series is not None
    assert note in series.notes
    assert layout(path).values == {"pier_sst": "pier", "north_surface_sst": "north_surface"}


@pytest.mark.parametrize(
    "name",
    [
        *("sst_anomaly", "sst_std", "salinity", "air_temperature", "sst_anom_K", "wave_height"),
        *("t2m", "T2M", "tas", "tasmax", "airTemp", "ATMP", "Tair", "2m_temperature", "temperature_2m"),
    ],
)
def test_the_only_column_is_refused_if_its_name_says_it_is_not_sst(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, name)
    message = f"no SST column: according to its name, {name} is something else; if it is SST, .* value_column="
    refuse(path, message)
    refuse(write(tmp_path, f"time,{name}", "UTC,degree_C", *rows(days(3)), name="units.csv"), message)
    with pytest.raises(FileError, match=r"according to its name, .* is something else"):
        layout(path)
    expect(path, {"value_column": name, "units": "celsius"}, n=3)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("north", "bay", "cape"),
            r"bay, cape; .* is a station, with station= or by ending all names with _sst",
        ),
        (("wind", "gust"), r"SST: wind, gust; choose one with value_column=$"),
        (("t2m", "wind_speed"), r"according to their names, t2m, wind_speed are something else; .* value_column="),
    ],
)
def test_several_columns_without_sst_are_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    refuse(table(tmp_path, *names), message)
    if "bay" in names:
        expect(table(tmp_path, *names), {"station": "bay"}, names=("bay",))


def test_station_and_row_numbers_are_not_temperatures(tmp_path: Path) -> None:
    path = write(tmp_path, "row,station,time,TEMPR01", *(f"{i},46042,{day},10" for i, day in enumerate(days(3), 7)))
    expect(path, value="TEMPR01")
    assert set(layout(path).values) == {"TEMPR01"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(
            (name, "41")
            for name in ("temp_degF", "sst_fahrenheit", "wtmp_F", "Water Temp F", '"temperature, F"', "degF")
        ),
        *((name, "41") for name in ("sst in degrees F", "temp °F", "temp_F (at noon)", "sst_fahr", "sst in F")),
        *((name, "41") for name in ('"sst (degF, daily mean)"', "sst (degF) at 1 m")),
        *((name, "278.15") for name in ("sst_kelvin", "temp_K", "temp_degK", '"temperature, kelvin"')),
        *((name, "5") for name in ("sst_celsius", "sst_degC", "temp_C", "sst deg C", "temp℃")),
    ],
)
def test_units_at_the_end_of_a_column_name_apply_to_its_values(tmp_path: Path, header: str, value: str) -> None:
    path = write(tmp_path, f"time,{header}", *rows(days(3), value))
    expect(path, units_from="by the header", values=[5] * 3)


@pytest.mark.parametrize("name", ["sst_{}", "sst_{}_1", "pier {} sst"])
def test_a_letter_that_distinguishes_columns_is_not_a_unit(tmp_path: Path, name: str) -> None:
    names = [name.format(letter) for letter in "ABCDEF"]
    path = write(tmp_path, ",".join(["time", *names]), *(f"{day}{',41' * 6}" for day in days(3)))
    assert len(read(path).names) == 6
    assert {station.units_from for station in read(path).stations} == {"by default, as the file does not say"}


@pytest.mark.parametrize(
    "comment",
    ["# units: degF", "#Units = Fahrenheit", "# unit: °F", "# Water temperature in degrees Fahrenheit.",
     "# Variable: SST, degF", "# sst (°F)"],
)  # fmt: skip
def test_a_comment_above_the_header_can_give_the_units(tmp_path: Path, comment: str) -> None:
    path = write(tmp_path, "# station 7", comment, "time,sst", *rows(days(3), "41"))
    expect(path, units="fahrenheit", units_from="by the comment above the header")


@pytest.mark.parametrize(
    "comments",
    [
        ["# temperatures were converted from degrees Fahrenheit"],
        ["# air temperature in degrees Fahrenheit"],
        ["# SST anomaly, degF"],
        ["# station Fahrenheit"],
        ["# SST in degF", "# bottom temperature in degC"],
    ],
)
def test_a_comment_about_something_else_gives_no_units(tmp_path: Path, comments: list[str]) -> None:
    path = write(tmp_path, *comments, "time,sst", *rows(days(3), "35"))
    expect(path, units_from="by default, as the file does not say")


@pytest.mark.parametrize(
    ("header", "more", "units_from"),
    [
        ("time,sst,temp_units,sst_units", "degC,degF", "by column sst_units"),
        ("time,sst,unit", "degF", "by column unit"),
    ],
)
def test_a_column_of_units_is_that_of_the_values(tmp_path: Path, header: str, more: str, units_from: str) -> None:
    path = write(tmp_path, header, *(f"{day},41,{more}" for day in days(3)))
    expect(path, units="fahrenheit", units_from=units_from)
    assert layout(path).units_column == header.split(",")[-1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# units: degF", "# units: degC", "time,sst", *rows(days(3), "35")],
         "line 1 gives the unit as 'degF' and line 2 as 'degC', in the comment above"),
        (["time,sst,unit", *(f"{day},35,degF" for day in days(3)), "2001-01-04,5,degC"],
         "line 2 gives the unit as 'degF' and line 5 as 'degC', in column unit; keep"),
        (["time,value,unit", *(f"{day},35,psu" for day in days(2))],
         "column value is in 'psu', according to column unit, not in a known unit of temperature"),
        (["time,sst", *(f"{day},{33 + 2 * i}" for i, day in enumerate(days(6)))],
         r"line 5 is 39 °C, .*\(units='fahrenheit' or missing=\(39.0,\)\)"),
    ],
)  # fmt: skip
def test_units_that_are_not_clear_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    path = write(tmp_path, *lines)
    refuse(path, message)
    if lines[0].startswith("#"):
        expect(path, {"units": "celsius"}, values=[35] * 3)


@pytest.mark.parametrize("header", ["reef_F", "sst_f", "sstF", "value_K", "site_c", "buoy_F", "Station C"])
def test_a_letter_after_another_quantity_is_not_a_unit(tmp_path: Path, header: str) -> None:
    expect(write(tmp_path, f"time,{header}", *rows(days(3), "30")), values=[30] * 3, names=())


def test_columns_of_stations_can_have_different_units(tmp_path: Path) -> None:
    lines = [f"{day},5,41,278.15" for day in days(3)]
    reading = read(write(tmp_path, "time,Piran_sst_degC,Rovinj_sst_degF,Split_sst_degK", *lines))
    assert reading.names == ("Piran", "Rovinj", "Split")
    series = [station.series for station in reading.stations if station.series is not None]
    assert [station.values[0] for station in series] == pytest.approx([5, 5, 5])


@pytest.mark.parametrize(
    ("header", "rest", "expected"),
    [
        ("sst,sst_fahrenheit,sst_qc", "5,41,{}", {"value": "sst", "flag_column": "sst_qc"}),
        ("temp_C,temp_C_qc", "5,{}", {"flag_column": "temp_C_qc"}),
        ("temp_c,temp_c_flag", "5,{}", {"flag_column": "temp_c_flag"}),
        ("sst_degC,sst_qc", "5,{}", {"flag_column": "sst_qc"}),
        ("sst,depth,unit,qc", "5,1,m,{}", {"value": "sst", "flag_column": "qc"}),
    ],
)
def test_flags_and_units_of_columns_with_units_in_their_names(
    tmp_path: Path, header: str, rest: str, expected: dict[str, Any]
) -> None:
    lines = [f"{day},{rest.format(4 if i == 1 else 1)}" for i, day in enumerate(days(3))]
    expect(write(tmp_path, f"time,{header}", *lines), values=[5, np.nan, 5], **expected)


def test_a_row_of_units_can_use_brackets(tmp_path: Path) -> None:
    expect(write(tmp_path, "time,sst", "(UTC),(deg F)", *rows(days(3), "41")), values=[5] * 3)


def test_a_comment_above_the_header_is_read_with_any_line_ending(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes("\r".join(["# units: degF", "time;sst", *(f"{day};41" for day in days(3)), ""]).encode())
    expect(path, units="fahrenheit")
