"""NDBC's files, and tables with a row for each year."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read_content
from tests.forecasting.readers.files import expect, refuse, write

REALTIME = (
    "#YY  MM DD hh mm WDIR WSPD GST  WVHT   DPD   APD MWD   PRES  ATMP  WTMP  DEWP  VIS PTDY  TIDE",
    "#yr  mo dy hr mn degT m/s  m/s     m   sec   sec degT   hPa  degC  degC  degC  nmi  hPa    ft",
    "2019 04 02 00 20 120  2.0   MM    MM    MM    MM  MM 1007.7  10.7  11.3    MM   MM   MM    MM",
    "2019 04 02 00 10 130  2.0   MM    MM    MM    MM  MM 1007.8  10.7    MM    MM   MM   MM    MM",
    "2019 04 02 00 00 130  2.0   MM    MM    MM    MM  MM 1007.8  10.7  11.1    MM   MM   MM    MM",
)
HISTORICAL = (
    "#YY  MM DD hh mm WDIR WSPD GST  WVHT   DPD   APD MWD   PRES  ATMP  WTMP  DEWP  VIS  TIDE",
    "#yr  mo dy hr mn degT m/s  m/s     m   sec   sec deg    hPa  degC  degC  degC  nmi    ft",
    "2019 04 02 00 00 231  1.6 99.0 99.00 99.00 99.00 999 1017.3  15.7  11.1 999.0 99.0 99.00",
    "2019 04 02 00 10 222  1.7 99.0  1.07  8.30 99.00 295 1017.2  15.8 999.0 999.0 99.0 99.00",
    "2019 04 02 00 20 222  1.7 99.0  1.07  8.30 99.00 295 1017.2  15.8  11.3 999.0 99.0 99.00",
)
OF_2001 = (
    "YYYY MM DD hh WD   WSPD GST  WVHT  DPD   APD  MWD  BAR    ATMP  WTMP  DEWP  VIS  TIDE",
    "2001 12 31 23 340  4.2  5.2  1.50 11.11  6.67 999 1019.5  11.9  11.1 999.0 99.0 99.00",
    "2002 01 01 00 340  4.2  5.2  1.50 11.11  6.67 999 1019.5  11.9  99.0 999.0 99.0 99.00",
    "2002 01 01 01 340  4.2  5.2  1.50 11.11  6.67 999 1019.5  11.9  11.3 999.0 99.0 99.00",
)
OF_1998 = tuple(line.replace("YYYY", "YY").replace("2001 12", "98 12").replace("2002 01", "99 01") for line in OF_2001)


@pytest.mark.parametrize(
    ("lines", "start", "step", "units_from"),
    [
        (REALTIME, "2019-04-02T00:00:00Z", "PT10M", "by the unit row"),
        (HISTORICAL, "2019-04-02T00:00:00Z", "PT10M", "by the unit row"),
        (OF_2001, "2001-12-31T23:00:00Z", "hour", "by the format"),
        (OF_1998, "1998-12-31T23:00:00Z", "hour", "by the format"),
    ],
)
def test_every_version_of_the_format_is_read(
    tmp_path: Path, lines: tuple[str, ...], start: str, step: str, units_from: str
) -> None:
    path = write(tmp_path, *lines, name="46097.txt")
    expect(path, values=[11.1, np.nan, 11.3], start=start, step=step, units_from=units_from)


def test_files_that_were_joined_are_read_where_their_columns_agree(tmp_path: Path) -> None:
    of_1999 = tuple(line.replace("2001 12 31 23", "1999 01 01 02").replace("2002", "1999") for line in OF_2001[:2])
    expect(write(tmp_path, *OF_1998, *of_1999), values=[11.1, np.nan, 11.3, 11.1])
    renamed = tuple(line.replace("WDIR", "WD  ").replace("PRES", " BAR") for line in REALTIME)
    expect(write(tmp_path, *REALTIME[:4], *renamed[:2], *renamed[4:]), n=3)
    swapped = REALTIME[0].replace("ATMP  WTMP", "WTMP  ATMP")
    for header in (HISTORICAL[0], swapped, swapped.lstrip("#")):
        path = write(tmp_path, *REALTIME, header, *REALTIME[2:])
        refuse(path, "line 6 is a second header with different columns; split the file")


def test_a_packed_file_is_read_as_it_is_served(tmp_path: Path) -> None:
    path = tmp_path / "46097h2019.txt.gz"
    path.write_bytes(gzip.compress("\n".join(HISTORICAL).encode()))
    expect(path, n=3)


def test_an_hourly_file_of_all_stations_is_split_by_station(tmp_path: Path) -> None:
    head = "STN   YYYY MM DD hh mm WTMP"
    lines = [
        f"{station} 2019 04 02 {hour:02} 00 {wtmp}" for hour in (0, 1) for station, wtmp in ((46097, 11), (46042, 12))
    ]
    path = write(tmp_path, head, *lines, name="hour.txt")
    expect(path, names=("46097", "46042"))
    expect(path, {"station": "46042"}, values=[12, 12])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (REALTIME[:2], "only header lines and no data"),
        ((*REALTIME[:3], "2019 04 02 00 10 130"), "line 4 has 6 columns, but the header has 19"),
        ((*REALTIME[:2], REALTIME[2].replace(" 04 ", " 14 ")), "line 3: '14' in column month is not a valid month"),
        ((*REALTIME[:2], REALTIME[2].replace("11.3", "warm"), REALTIME[4]), "line 3: 'warm' in column WTMP is not a"),
        ((*REALTIME[:2], REALTIME[3]), "every value of the series is missing"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    refuse(write(tmp_path, *lines), message)


def test_a_stated_format_is_enforced(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", "2001-01-01,10")
    refuse(path, "does not begin with #YY MM DD hh", format="ndbc")
    refuse(path, "unknown format 'xml'; use one of csv, erddap", format="xml")


SHORT = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
LONG = "JANUARY,FEBRUARY,MARCH,APRIL,MAY,JUNE,JULY,AUGUST,SEPTEMBER,OCTOBER,NOVEMBER,DECEMBER"
ROWS = ["1980," + ",".join(str(10 + i) for i in range(12)), "1981," + ",".join(str(11 + i) for i in range(12))]


@pytest.mark.parametrize(
    "header",
    [
        f"year,{SHORT}",
        f"Year,{SHORT.lower().replace('sep', 'sept.')}",
        f"YR,{LONG}",
        "yyyy," + ",".join(map(str, range(1, 13))),
        "year," + ",".join(f"{i:02}" for i in range(1, 13)),
    ],
)
def test_a_row_a_year_with_a_column_a_month_is_one_monthly_series(tmp_path: Path, header: str) -> None:
    first, *_, last = header.split(",")[1:]
    note = f"one row per year, with the months {first} to {last} as columns"
    values = [*range(10, 22), *range(11, 23)]
    expect(write(tmp_path, header, *ROWS), note=note, step="month", start="1980-01-01T00:00:00Z", values=values)


def test_months_can_be_missing_next_to_other_columns_below_a_row_of_units(tmp_path: Path) -> None:
    months = ",".join(str(50 + i) for i in range(11))
    path = write(tmp_path, "# units: degF", f"{SHORT},annual,year", f"{months},-99.99,55,1980", f"{months},,55,1981")
    refuse(path, r"line 3 is -99.99 °F.*missing=\(-99.99")
    celsius = [10 + i / 1.8 for i in range(11)]
    note = "ignored columns that are not months: annual"
    expect(path, {"missing": (-99.99,)}, note, values=[*celsius, np.nan, *celsius])


def test_a_table_with_a_row_a_year_obeys_the_limit_on_values() -> None:
    content = "\n".join((f"year,{SHORT}", *ROWS)).encode()
    with pytest.raises(FileError, match="holds 24 months, more than the limit of 23 values"):
        read_content(content, ReadingOptions(max_lines=23))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("YEAR,MON/MMM,sst", ["1980,1,15", "1980,2,16", "1980,3,17"]),
        ("year,MMM,sst", ["1980,Jan,15", "1980,Feb,16", "1980,Mar,17"]),
        ("Year,Month,sst", ["1980,January,15", "1980,FEBRUARY,16", "1980,march,17"]),
    ],
)
def test_years_and_months_can_have_two_columns(tmp_path: Path, header: str, rows: list[str]) -> None:
    expect(write(tmp_path, header, *rows), step="month", start="1980-01-01T00:00:00Z", values=[15, 16, 17])


YEARS = [f" {1980 + i} " + " ".join(f"{10 + month + i:6.2f}" for month in range(12)) for i in range(3)]
LAST = " 1983  13.00  -99.99  15.00" + 9 * "  -99.99"


@pytest.mark.parametrize("above", [[" 1980 1983"], ["# 43N 9E sst from an analysis"]])
def test_rows_of_a_year_and_twelve_values_need_no_header(tmp_path: Path, above: list[str]) -> None:
    path = write(tmp_path, *above, *YEARS, LAST, "  -99.99", "  nina34", "  5N-5S 170W-120W")
    expected = [10 + month + i for i in range(3) for month in range(12)] + [13, np.nan, 15]
    note = "-99.99 marks missing values, according to line 6"
    expect(path, None, note, step="month", start="1980-01-01T00:00:00Z", values=expected)


@pytest.mark.parametrize("row", [" 1983  13.0  14.0", " 1983" + 12 * "  NaN" + "  9.0", " 1983 NaN" + 11 * "  13.0"])
def test_a_row_of_years_without_twelve_values_is_not_a_remark(tmp_path: Path, row: str) -> None:
    path = write(tmp_path, "1980 1983", *YEARS, row, "-99.99", "  nina34")
    refuse(path, "line 5 holds a year without twelve values")


@pytest.mark.parametrize("remark", ["# Water temperature in degF", "# units: degF"])
def test_units_in_remarks_next_to_rows_of_years_are_used(tmp_path: Path, remark: str) -> None:
    path = write(tmp_path, remark, *(f"{year}{12 * '  50.0'}" for year in (1980, 1981)))
    expect(path, values=[10] * 24)


def test_rows_of_years_that_hold_anomalies_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "1980 1982", *YEARS, "-99.99", "Anomaly from 1981-2010")
    refuse(path, r"holds anomalies, according to line 6 .'Anomaly from 1981-2010'.")
