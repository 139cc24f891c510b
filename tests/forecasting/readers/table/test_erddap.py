"""Files as ERDDAP's tabledap and griddap write them."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso
from tests.forecasting.readers.files import write

NAMES = "time,zlev,latitude,longitude,sst"
UNITS = "UTC,m,degrees_north,degrees_east,degree_C"
ROWS = [f"2001-01-{day:02}T12:00:00Z,0.0,30.125,-40.125,{value}" for day, value in ((1, 22.07), (2, 22.01), (3, "NaN"))]
CSV = (NAMES, UNITS, *ROWS)
CSVP = ("time (UTC),zlev (m),latitude (degrees_north),longitude (degrees_east),sst (degree_C)", *ROWS)


@pytest.mark.parametrize(("lines", "kind"), [(CSV, "ERDDAP .csv:"), (CSVP, "ERDDAP .csvp:")])
def test_names_and_units_are_found_in_each_dialect(tmp_path: Path, lines: tuple[str, ...], kind: str) -> None:
    reading = read(write(tmp_path, *lines))
    assert reading.format.startswith(kind)
    assert (iso(reading.series.start), len(reading.series)) == ("2001-01-01T12:00:00Z", 3)
    np.testing.assert_array_equal(reading.series.values, [22.07, 22.01, np.nan])
    (station,) = reading.stations
    assert station.units == "celsius"
    assert station.units_from in ("by the unit row, line 2", "by the header")


@pytest.mark.parametrize(
    ("name", "unit", "first"),
    [("sst", "degree_C", 10.0), ("sst", "K", 10.0), ("sst", "degree_F", 10.0), ("temperature", "kelvin", 10.0)],
)
@pytest.mark.parametrize("dialect", ["csv", "csvp"])
def test_the_row_of_units_decides_the_scale(tmp_path: Path, dialect: str, name: str, unit: str, first: float) -> None:
    value = {"degree_C": "10.0", "K": "283.15", "kelvin": "283.15", "degree_F": "50.0"}[unit]
    head = [f"time,{name}", f"UTC,{unit}"] if dialect == "csv" else [f"time (UTC),{name} ({unit})"]
    series = read(write(tmp_path, *head, f"2001-01-01T00:00:00Z,{value}", f"2001-01-02T00:00:00Z,{value}")).series
    np.testing.assert_allclose(series.values, first)


def test_without_names_the_only_number_is_used_and_several_need_a_position(tmp_path: Path) -> None:
    short = write(tmp_path, "2001-01-01T00:00:00Z,10.5", "2001-01-02T00:00:00Z,11", name="short.csv0")
    assert read(short).series.values.tolist() == [10.5, 11]
    path = write(tmp_path, *ROWS)
    with pytest.raises(FileError, match="4 columns that could be SST: column 2"):
        read(path)
    assert read(path, ReadingOptions(value_column="5")).series.values[0] == 22.07
    assert read(path, ReadingOptions(value_column="column 5", units="celsius")).series.values[0] == 22.07


def test_kelvin_without_a_unit_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", "2001-01-01,283.15", "2001-01-02,283.15")
    with pytest.raises(FileError, match="look like kelvin: set the units to kelvin \\(units='kelvin'\\)"):
        read(path)
    np.testing.assert_allclose(read(path, ReadingOptions(units="kelvin")).series.values, 10)


def test_units_that_contradict_the_file_are_used_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", "UTC,degree_C", "2001-01-01,40", "2001-01-02,41")
    (station,) = read(path, ReadingOptions(units="fahrenheit")).stations
    assert station.warnings == ("read sst in fahrenheit, as requested, although the file says degree_C",)


def test_a_column_in_other_units_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", "UTC,counts", "2001-01-01,10", "2001-01-02,11")
    with pytest.raises(
        FileError, match="column sst is in 'counts', according to the unit row, line 2, not in a known unit of temp"
    ):
        read(path)


def test_the_only_column_of_temperatures_is_used_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "time,psal,t90", "UTC,1e-3,degree_C", "2001-01-01,35,10", "2001-01-02,35,11")
    assert read(path).stations[0].columns.value == "t90"


def test_latin_1_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("time,site,sst\nUTC,,degree_C\n2001-01-01,Ré,10\n2001-01-02,Ré,11\n".encode("latin-1"))
    reading = read(path)
    assert reading.names == ("Ré",)
    assert "line 3 is not UTF-8, so the file was read as Latin-1" in reading.series.notes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('Error {\n    code=404;\n    message="Not Found: Your query produced no matching results. (nRows = 0)";\n}\n',
         "an error message of an ERDDAP server: Not Found: Your query produced no matching results"),
        ("<!DOCTYPE html>\n<html><head><title>ERDDAP</title>", "is a web page; download the data itself"),
        ("time,sst\nUTC,degree_C\n", "holds no data"),
    ],
)  # fmt: skip
def test_an_error_page_saved_as_data_is_recognised(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "sst.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=sentence):
        read(path)
