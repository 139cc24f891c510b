"""What is above the table, and ERDDAP's dialects."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from forecasting.readers.delimited import header, read_delimited
from forecasting.readers.tabular import find_layout
from forecasting.series.times import iso
from tests.forecasting.readers.files import days, rows, write

ARCHIVE = ["Stationsnamn;Stationsnummer", "Hamnen;35115", "", "Parameter;Enhet", "Havstemperatur;celsius", "",
           "Från;Till;Latitud", "2001-01-01 00:00:00;2001-01-03 00:00:00;58.99", "",
           "Datum;Tid (UTC);Havstemperatur;Kvalitet;Mätdjup (m);;Tidsutsnitt:"]  # fmt: skip
SERVED = ['Title:,"Time Series, Area-Averaged"', "User Start Date:,2001-01-01T00:00:00Z", "Fill Value (x):,-32767",
          "", "time,mean_x_sst"]  # fmt: skip


@pytest.mark.parametrize(
    ("above", "data"),
    [
        (ARCHIVE, [f"{day};00:00:00;10;G;0.5;;Kvalitetskoderna:" for day in days(3)]),
        (SERVED, rows(days(4))),
        (["/* DATA DESCRIPTION:", "Parameter(s):\tDATE/TIME", "*/", "Date/Time\tDepth\tTemp"],
         [f"{day}\t1\t10" for day in days(3)]),
        (["% Instrument", "%", '"Date","Time","Temperature"'], [f'"{day}","00:00:00","10"' for day in days(3)]),
        (["Station Pier 7", "", "when;wasser"], [f"{day};10" for day in days(3)]),
        (["Source File,a.vld", "Study Start Time,2001-01-01 00:00:00", "Date(y-m-d),Temperature"], rows(days(3))),
        (["Name:", "Reef", "Latitude:", "25.0", "YYYY MM DD SST BAA"],
         [f"{day.replace('-', ' ')} 10 0" for day in days(3)]),
    ],
)  # fmt: skip
def test_lines_above_a_clear_header_are_skipped(tmp_path: Path, above: list[str], data: list[str]) -> None:
    path = write(tmp_path, *above, *data)
    series = read(path).series
    assert (iso(series.start), str(series.step), set(series.values)) == ("2001-01-01T00:00:00Z", "day", {10.0})
    assert f"ignored the lines above the header, which is line {len(above)}" in series.notes
    assert read(path).format == "CSV"
    layout = find_layout(read_delimited(path.read_text()), ReadingOptions())
    assert {*layout.time, *layout.values} <= set(header(path.read_text())[0])


def test_units_above_the_header_are_used(tmp_path: Path) -> None:
    path = write(tmp_path, "Water temperature (°F), the pier", "", "date,value", *rows(days(3), "50"))
    assert read(path).series.values[0] == pytest.approx(10)


@pytest.mark.parametrize("unit", ["Units,degF", "Unit: Fahrenheit"])
def test_a_line_of_units_above_the_header_needs_no_mark(tmp_path: Path, unit: str) -> None:
    path = write(tmp_path, "Pier 7", unit, "when,value", *rows(days(3), "50"))
    assert read(path).series.values[0] == pytest.approx(10)


@pytest.mark.parametrize("form", ["{:02}-Jan-2001", "2001/01/{:02}", "{:02}JAN2001"])
def test_dates_without_a_value_are_not_a_header(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, "when,water (degF)", *(f"{form.format(i)},{'NA' if i < 4 else 50}" for i in range(1, 9)))
    reading = read(path)
    assert (iso(reading.series.start), len(reading.series)) == ("2001-01-01T00:00:00Z", 8)
    assert (reading.series.values[3], reading.stations[0].units) == (pytest.approx(10), "fahrenheit")


def test_a_row_with_a_date_and_no_value_is_not_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "week,water", *(f"2001-W{i:02},{'NA' if i < 4 else 10}" for i in range(1, 9)))
    with pytest.raises(FileError, match="only week, water"):
        read(path)


def test_a_table_above_another_is_not_skipped_as_titles(tmp_path: Path) -> None:
    above = ["site,when,air", *(f"pier,{day},10" for day in days(9)), "", "site,when,depth,temp"]
    with pytest.raises(FileError, match="line 12 has 4 columns, but the header has 3"):
        read(write(tmp_path, *above, *(f"pier,{day},1,10" for day in days(9, 2))))


@pytest.mark.parametrize("zone", ["Time zone: UTC-8", "Timezone,EST", "All times local", "Timezone: Asia/Tokyo"])
def test_titles_that_name_a_time_zone_are_not_skipped(tmp_path: Path, zone: str) -> None:
    data = [f"2001-01-01 {hour:02}:00,10" for hour in range(5)]
    with pytest.raises(FileError, match=r"line 2 .* names a time zone; remove the lines above line 3"):
        read(write(tmp_path, "Pier 7", zone, "Obs time,sst", *data))
    assert read(write(tmp_path, "Pier 7", "Time zone: UTC", "Obs time,sst", *data)).problem is None


def test_a_repeated_header_is_not_skipped(tmp_path: Path) -> None:
    pier = [f"pier,{day},10" for day in days(3)]
    with pytest.raises(FileError, match="line 5"):
        read(write(tmp_path, "site,when,temp", *pier, "site,when,temp", *pier))


def test_rows_above_a_wider_header_are_data(tmp_path: Path) -> None:
    path = write(tmp_path, "Zeit;temp", *(f"{day};10" for day in days(9)), "Zeit;temp;batt",
                 *(f"{day};10;3" for day in days(9, 2)))  # fmt: skip
    with pytest.raises(FileError, match="line 11 has 3 columns, but the header has 2"):
        read(path)


@pytest.mark.parametrize(
    ("head", "form", "step"),
    [(["date  sst"], "2001-01-{:02}   10.5", "day"), ([" YR   MON  SST"], "2001 {:3d}  10.5", "month")],
)
def test_columns_can_be_separated_by_spaces(tmp_path: Path, head: list[str], form: str, step: str) -> None:
    path = write(tmp_path, "# made up", *head, *(form.format(i) for i in (1, 2, 3)))
    series = read(path).series
    assert (iso(series.start), str(series.step), set(series.values)) == ("2001-01-01T00:00:00Z", step, {10.5})


def test_duplicate_columns_without_sst_are_ignored(tmp_path: Path) -> None:
    months = [f" 2001 {month:3d}   24.1   0.4   26.3  -0.2" for month in (1, 2, 3)]
    path = write(tmp_path, " YR   MON  NINO1+2   ANOM   NINO3    ANOM", *months)
    assert read(path, ReadingOptions(station="NINO3")).series.values[0] == 26.3
    assert set(find_layout(read_delimited(path.read_text()), ReadingOptions()).values) == {"NINO1+2", "NINO3"}


def test_a_row_of_column_widths_is_not_data(tmp_path: Path) -> None:
    head = [
        "# Temperature, water, degrees Celsius",
        "#",
        "agency_cd\tsite_no\tdatetime\t12_00010_00001\t12_00010_00003",
    ]
    data = [f"USGS\t0123\t{day}\t11\t10" for day in days(3)]
    (station,) = read(write(tmp_path, *head, "5s\t15s\t20d\t14n\t14n", *data)).stations
    assert (station.name, station.columns.value) == ("0123", "12_00010_00003")
    assert station.units_from == "by the comment above the header"


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
