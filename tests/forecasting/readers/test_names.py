"""What the names of columns mean: quantities and units."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import read
from forecasting.readers.delimited import read_delimited
from forecasting.readers.names import split_names
from forecasting.readers.options import ReadingOptions
from forecasting.readers.tabular import find_layout
from tests.forecasting.readers.files import days, write


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
    with pytest.raises(FileError, match=message):
        read(path)
    with pytest.raises(FileError, match=message):
        find_layout(read_delimited(path.read_text()), ReadingOptions())
    assert read(path, ReadingOptions(value_column=names[0])).series.values[0] == 10


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
    if expected is not None:
        assert read(path, ReadingOptions(flags="none")).stations[0].columns.value == expected
        assert set(find_layout(read_delimited(path.read_text()), ReadingOptions()).values) == {expected}
        return
    with pytest.raises(FileError, match=r"has 2 columns that could be SST: .*; choose one with value_column="):
        read(path)


def test_station_columns_stay_stations_next_to_a_water_temperature(tmp_path: Path) -> None:
    assert read(table(tmp_path, "pier_sst", "north_sst", "water_temp")).names == ("pier", "north")


def test_columns_named_after_places_are_stations_next_to_other_columns(tmp_path: Path) -> None:
    path = table(tmp_path, "pier_sst", "north_surface_sst", "air_temp", "sst_mean", "Water")
    assert read(path).names == ("pier", "north_surface")
    series = read(path).stations[0].series
    assert series is not None
    assert "ignored columns that are not named after a place: air_temp, sst_mean, Water" in series.notes
    layout = find_layout(read_delimited(path.read_text()), ReadingOptions())
    assert layout.values == {"pier_sst": "pier", "north_surface_sst": "north_surface"}


@pytest.mark.parametrize(
    "name",
    [
        *("sst_anomaly", "sst_std", "salinity", "air_temperature", "sst_anom_K", "wave_height"),
        *("t2m", "T2M", "tas", "tasmax", "airTemp", "ATMP", "Tair", "2m_temperature", "temperature_2m"),
    ],
)
def test_the_only_column_is_refused_if_its_name_says_it_is_not_sst(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, name)
    with pytest.raises(
        FileError,
        match=f"no SST column: according to its name, {name} is something else; if it is SST, .* value_column=",
    ):
        read(path)
    with pytest.raises(FileError, match=r"according to its name, .* is something else"):
        find_layout(read_delimited(path.read_text()), ReadingOptions())
    assert len(read(path, ReadingOptions(value_column=name, units="celsius")).series) == 3


def test_columns_named_after_places_are_refused_with_what_makes_them_stations(tmp_path: Path) -> None:
    path = table(tmp_path, "north", "bay", "cape")
    with pytest.raises(
        FileError,
        match=r"SST: north, bay, cape; .* if each is a station, with station= or by ending all names with _sst",
    ):
        read(path)
    assert read(path, ReadingOptions(station="bay")).names == ("bay",)
    with pytest.raises(FileError, match=r"SST: wind, gust; choose one with value_column=$"):
        read(table(tmp_path, "wind", "gust"))


def test_an_air_temperature_is_not_used_even_if_it_is_the_only_one(tmp_path: Path) -> None:
    path = write(tmp_path, "time,AirTemperature", "UTC,degree_C", *(f"{day}T00:00:00Z,10" for day in days(3)))
    with pytest.raises(FileError, match="no SST column: according to its name, AirTemperature is something else"):
        read(path)


def test_station_and_row_numbers_are_not_temperatures(tmp_path: Path) -> None:
    path = write(tmp_path, "row,station,time,TEMPR01", *(f"{i},46042,{day},10" for i, day in enumerate(days(3), 7)))
    assert read(path).stations[0].columns.value == "TEMPR01"
    assert set(find_layout(read_delimited(path.read_text()), ReadingOptions()).values) == {"TEMPR01"}


def test_columns_that_are_all_something_else_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, "t2m", "wind_speed")
    with pytest.raises(
        FileError,
        match=r"no SST column: according to their names, t2m, wind_speed are something else; .* value_column=",
    ):
        read(path)


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
    path = write(tmp_path, f"time,{header}", *(f"{day},{value}" for day in days(3)))
    (station,) = read(path).stations
    assert station.units_from == "by the header"
    np.testing.assert_allclose(read(path).series.values, 5)


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
    path = write(tmp_path, "# station 7", comment, "time,sst", *(f"{day},41" for day in days(3)))
    (station,) = read(path).stations
    assert (station.units, station.units_from) == ("fahrenheit", "by the comment above the header")


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
    path = write(tmp_path, *comments, "time,sst", *(f"{day},35" for day in days(3)))
    assert read(path).stations[0].units_from == "by default, as the file does not say"


def test_a_column_of_units_can_be_named_after_the_values(tmp_path: Path) -> None:
    lines = [f"{day},41,degC,degF" for day in days(3)]
    path = write(tmp_path, "time,sst,temp_units,sst_units", *lines)
    (station,) = read(path).stations
    assert (station.units, station.units_from) == ("fahrenheit", "by column sst_units")
    assert find_layout(read_delimited(path.read_text()), ReadingOptions()).units_column == "sst_units"


def test_a_year_of_values_above_any_sea_gets_a_warning_about_fahrenheit(tmp_path: Path) -> None:
    lines = [f"{day},{33 + i % 3}" for i, day in enumerate(np.arange("2001-01-01", "2002-01-03", dtype="<M8[D]"))]
    message = (
        "every value is above 32 °C, but no sea is that warm all year round; if they are °F, set units to fahrenheit"
    )
    path = write(tmp_path, "time,sst", *lines)
    assert message in read(path).stations[0].warnings
    assert message not in read(path, ReadingOptions(units="celsius")).stations[0].warnings
    assert message not in read(write(tmp_path, "time,sst", *lines[:300])).stations[0].warnings
    assert message not in read(write(tmp_path, "time,sst", *lines, "2002-01-03,32")).stations[0].warnings


def test_comments_and_a_column_that_name_two_units_are_refused(tmp_path: Path) -> None:
    rows = [f"{day},35" for day in days(3)]
    path = write(tmp_path, "# units: degF", "# units: degC", "time,sst", *rows)
    with pytest.raises(FileError, match="line 1 gives the unit as 'degF' and line 2 as 'degC', in the comment above"):
        read(path)
    assert read(path, ReadingOptions(units="celsius")).series.values[0] == 35
    mixed = write(tmp_path, "time,sst,unit", *(f"{row},degF" for row in rows), "2001-01-04,5,degC")
    with pytest.raises(FileError, match="line 2 gives the unit as 'degF' and line 5 as 'degC', in column unit; keep"):
        read(mixed)


def test_a_column_of_one_unit_is_that_of_the_values(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst,unit", *(f"{day},41,degF" for day in days(2)), "2001-01-03,,")
    (station,) = read(path).stations
    assert (station.units, station.units_from) == ("fahrenheit", "by column unit")
    psu = write(tmp_path, "time,value,unit", *(f"{day},35,psu" for day in days(2)))
    with pytest.raises(
        FileError, match="column value is in 'psu', according to column unit, not in a known unit of temperature"
    ):
        read(psu)


@pytest.mark.parametrize("header", ["reef_F", "sst_f", "sstF", "value_K"])
def test_a_letter_after_another_quantity_is_not_a_unit(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, f"time,{header}", *(f"{day},30" for day in days(3)))
    assert read(path).series.values[0] == 30


def test_a_letter_after_sst_is_a_unit_where_other_columns_name_theirs(tmp_path: Path) -> None:
    path = write(
        tmp_path, "time,Piran_sst_degC,Rovinj_sst_degF,Split_sst_K", *(f"{day},5,41,278.15" for day in days(3))
    )
    reading = read(path)
    assert reading.names == ("Piran", "Rovinj", "Split")
    series = [station.series for station in reading.stations if station.series is not None]
    assert [station.values[0] for station in series] == pytest.approx([5, 5, 5])
    assert split_names(["pier_sst_degC", "sst_F", "sst_G"])["sst_F"] == ("sst_F", None)
    assert split_names(["pier_temp", "sst_F"])["sst_F"] == ("sst_F", None)


def test_the_column_without_a_unit_is_preferred_to_the_one_in_fahrenheit(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst,sst_fahrenheit,sst_qc", *(f"{day},5,41,1" for day in days(2)), "2001-01-03,5,41,4")
    (station,) = read(path).stations
    assert (station.columns.value, station.columns.flags) == ("sst", "sst_qc")
    assert read(path).series.values[0] == 5


@pytest.mark.parametrize(
    ("value", "flag"), [("temp_C", "temp_C_qc"), ("temp_c", "temp_c_flag"), ("sst_degC", "sst_qc")]
)
def test_flags_of_a_column_with_units_in_its_name_are_used(tmp_path: Path, value: str, flag: str) -> None:
    rows = [f"{day},5,{4 if i == 1 else 1}" for i, day in enumerate(days(3))]
    path = write(tmp_path, f"time,{value},{flag}", *rows)
    assert np.isnan(read(path).series.values).tolist() == [False, True, False]


@pytest.mark.parametrize("header", ["site_c", "buoy_F", "Station C"])
def test_columns_named_after_one_station_and_a_letter_are_not_stations(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, f"time,{header}", *(f"{day},{20 + i}" for i, day in enumerate(days(3))))
    assert read(path).series.values.tolist() == [20, 21, 22]


def test_units_of_another_column_do_not_apply_to_sst(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst,depth,unit", *(f"{day},5,1,m" for day in days(3)))
    assert read(path).series.values[0] == 5


def test_values_too_warm_for_celsius_that_fit_fahrenheit_are_refused_with_both_remedies(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *(f"{day},{33 + 2 * i}" for i, day in enumerate(days(6))))
    with pytest.raises(FileError, match=r"line 5 is 39 °C, .*\(units='fahrenheit' or missing=\(39.0,\)\)"):
        read(path)


def test_a_row_of_units_can_use_brackets(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", "(UTC),(deg F)", *(f"{day},41" for day in days(3)))
    np.testing.assert_allclose(read(path).series.values, 5)


def test_a_comment_above_the_header_is_read_with_any_line_ending(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes("\r".join(["# units: degF", "time;sst", *(f"{day};41" for day in days(3)), ""]).encode())
    assert read(path).stations[0].units == "fahrenheit"
