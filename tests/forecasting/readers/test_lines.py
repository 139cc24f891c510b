"""What is above the table, and ERDDAP's dialects."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.readers import read
from forecasting.readers.delimited import header
from tests.forecasting.readers.files import days, expect, layout, refuse, rows, write

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
    expect(
        path,
        note=f"ignored the lines above the header, which is line {len(above)}",
        start="2001-01-01T00:00:00Z",
        step="day",
        values=[10] * len(data),
    )
    assert read(path).format == "CSV"
    found = layout(path)
    assert {*found.time, *found.values} <= set(header(path.read_text())[0])


@pytest.mark.parametrize(
    "above",
    [
        ["Water temperature (°F), the pier", "", "date,value"],
        ["Pier 7", "Units,degF", "when,value"],
        ["Pier 7", "Unit: Fahrenheit", "when,value"],
    ],
)
def test_units_above_the_header_are_used(tmp_path: Path, above: list[str]) -> None:
    expect(write(tmp_path, *above, *rows(days(3), "50")), values=[10] * 3)


@pytest.mark.parametrize("form", ["{:02}-Jan-2001", "2001/01/{:02}", "{:02}JAN2001"])
def test_dates_without_a_value_are_not_a_header(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, "when,water (degF)", *(f"{form.format(i)},{'NA' if i < 4 else 50}" for i in range(1, 9)))
    expect(path, start="2001-01-01T00:00:00Z", values=[np.nan] * 3 + [10] * 5, units="fahrenheit")


PIER = [f"pier,{day},10" for day in days(3)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["week,water", *(f"2001-W{i:02},{'NA' if i < 4 else 10}" for i in range(1, 9))], "only week, water"),
        (["site,when,air", *(f"pier,{day},10" for day in days(9)), "", "site,when,depth,temp",
          *(f"pier,{day},1,10" for day in days(9, 2))], "line 12 has 4 columns, but the header has 3"),
        (["site,when,temp", *PIER, "site,when,temp", *PIER], "line 5"),
        (["Zeit;temp", *(f"{day};10" for day in days(9)), "Zeit;temp;batt", *(f"{day};10;3" for day in days(9, 2))],
         "line 11 has 3 columns, but the header has 2"),
    ],
    ids=["rows without a value", "a table above another", "a repeated header", "rows above a wider header"],
)  # fmt: skip
def test_lines_that_may_be_data_are_not_skipped(tmp_path: Path, lines: list[str], message: str) -> None:
    refuse(write(tmp_path, *lines), message)


@pytest.mark.parametrize("zone", ["Time zone: UTC-8", "Timezone,EST", "All times local", "Timezone: Asia/Tokyo"])
def test_titles_that_name_a_time_zone_are_not_skipped(tmp_path: Path, zone: str) -> None:
    data = [f"2001-01-01 {hour:02}:00,10" for hour in range(5)]
    path = write(tmp_path, "Pier 7", zone, "Obs time,sst", *data)
    refuse(path, r"line 2 .* names a time zone; remove the lines above line 3")
    expect(write(tmp_path, "Pier 7", "Time zone: UTC", "Obs time,sst", *data), n=5)


@pytest.mark.parametrize(
    ("head", "form", "step"),
    [(["date  sst"], "2001-01-{:02}   10.5", "day"), ([" YR   MON  SST"], "2001 {:3d}  10.5", "month")],
)
def test_columns_can_be_separated_by_spaces(tmp_path: Path, head: list[str], form: str, step: str) -> None:
    path = write(tmp_path, "# made up", *head, *(form.format(i) for i in (1, 2, 3)))
    expect(path, start="2001-01-01T00:00:00Z", step=step, values=[10.5] * 3)


def test_duplicate_columns_without_sst_are_ignored(tmp_path: Path) -> None:
    months = [f" 2001 {month:3d}   24.1   0.4   26.3  -0.2" for month in (1, 2, 3)]
    path = write(tmp_path, " YR   MON  NINO1+2   ANOM   NINO3    ANOM", *months)
    expect(path, {"station": "NINO3"}, values=[26.3] * 3)
    assert set(layout(path).values) == {"NINO1+2", "NINO3"}


def test_a_row_of_column_widths_is_not_data(tmp_path: Path) -> None:
    names = "agency_cd\tsite_no\tdatetime\t12_00010_00001\t12_00010_00003"
    data = [f"USGS\t0123\t{day}\t11\t10" for day in days(3)]
    path = write(tmp_path, "# Temperature, water, degrees Celsius", "#", names, "5s\t15s\t20d\t14n\t14n", *data)
    expect(path, names=("0123",), value="12_00010_00003", units_from="by the comment above the header")


NAMES = "time,zlev,latitude,longitude,sst"
UNITS = "UTC,m,degrees_north,degrees_east,degree_C"
ROWS = [f"2001-01-{day:02}T12:00:00Z,0.0,30.125,-40.125,{value}" for day, value in ((1, 22.07), (2, 22.01), (3, "NaN"))]
CSV = (NAMES, UNITS, *ROWS)
CSVP = ("time (UTC),zlev (m),latitude (degrees_north),longitude (degrees_east),sst (degree_C)", *ROWS)


@pytest.mark.parametrize(
    ("lines", "kind", "units_from"),
    [(CSV, "ERDDAP .csv:", "by the unit row, line 2"), (CSVP, "ERDDAP .csvp:", "by the header")],
)
def test_names_and_units_are_found_in_each_dialect(
    tmp_path: Path, lines: tuple[str, ...], kind: str, units_from: str
) -> None:
    path = write(tmp_path, *lines)
    assert read(path).format.startswith(kind)
    expect(path, start="2001-01-01T12:00:00Z", values=[22.07, 22.01, np.nan], units="celsius", units_from=units_from)


@pytest.mark.parametrize(
    ("name", "unit", "value"),
    [("sst", "degree_C", 10.0), ("sst", "K", 283.15), ("sst", "degree_F", 50.0), ("temperature", "kelvin", 283.15)],
)
@pytest.mark.parametrize("dialect", ["csv", "csvp"])
def test_the_row_of_units_decides_the_scale(tmp_path: Path, dialect: str, name: str, unit: str, value: float) -> None:
    head = [f"time,{name}", f"UTC,{unit}"] if dialect == "csv" else [f"time (UTC),{name} ({unit})"]
    expect(write(tmp_path, *head, *rows(days(2), str(value))), values=[10, 10])


def test_without_names_the_only_number_is_used_and_several_need_a_position(tmp_path: Path) -> None:
    short = write(tmp_path, "2001-01-01T00:00:00Z,10.5", "2001-01-02T00:00:00Z,11", name="short.csv0")
    expect(short, values=[10.5, 11])
    path = write(tmp_path, *ROWS)
    refuse(path, "4 columns that could be SST: column 2")
    for column in ("5", "column 5"):
        expect(path, {"value_column": column, "units": "celsius"}, values=[22.07, 22.01, np.nan])


def test_units_that_contradict_the_values_or_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(days(2), "283.15"))
    refuse(path, r"look like kelvin: set the units to kelvin \(units='kelvin'\)")
    expect(path, {"units": "kelvin"}, values=[10, 10])
    path = write(tmp_path, "time,sst", "UTC,degree_C", *rows(days(2), "40"))
    warning = "read sst in fahrenheit, as requested, although the file says degree_C"
    expect(path, {"units": "fahrenheit"}, warnings=(warning,))
    path = write(tmp_path, "time,sst", "UTC,counts", *rows(days(2)))
    refuse(path, "column sst is in 'counts', according to the unit row, line 2, not in a known unit of temp")


def test_the_only_column_of_temperatures_is_used_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "time,psal,t90", "UTC,1e-3,degree_C", "2001-01-01,35,10", "2001-01-02,35,11")
    expect(path, value="t90")
