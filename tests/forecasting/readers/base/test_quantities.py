from pathlib import Path

import pytest

from forecasting.errors import FileError
from forecasting.readers import read
from forecasting.readers.delimited import read_delimited
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
