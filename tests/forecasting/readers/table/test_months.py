"""Tables with a row a year."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read, read_content
from tests.forecasting.readers.files import write

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
    series = read(write(tmp_path, header, *ROWS)).series
    assert (str(series.step), str(series.start)) == ("month", "1980-01-01T00:00:00")
    assert series.values.tolist() == [*range(10, 22), *range(11, 23)]
    first, *_, last = header.split(",")[1:]
    assert f"one row per year, with the months {first} to {last} as columns" in series.notes


def test_months_can_be_missing_next_to_other_columns_below_a_row_of_units(tmp_path: Path) -> None:
    months = ",".join(str(50 + i) for i in range(11))
    path = write(tmp_path, "# units: degF", f"{SHORT},annual,year", f"{months},-99.99,55,1980", f"{months},,55,1981")
    with pytest.raises(FileError, match=r"line 3 is -99.99 °F.*missing=\(-99.99"):
        read(path)
    series = read(path, ReadingOptions(missing=(-99.99,))).series
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [11]
    assert len(series) == 23
    assert series.values[0] == pytest.approx(10)
    assert "ignored columns that are not months: annual" in series.notes


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
    series = read(write(tmp_path, header, *rows)).series
    assert (str(series.step), str(series.start), series.values.tolist()) == (
        "month",
        "1980-01-01T00:00:00",
        [15, 16, 17],
    )


def test_an_invalid_month_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="line 3: 'Fub' in column month is not a number"):
        read(write(tmp_path, "year,month,sst", "1980,Jan,15", "1980,Fub,16"))


YEARS = [f" {1980 + i} " + " ".join(f"{10 + month + i:6.2f}" for month in range(12)) for i in range(3)]
LAST = " 1983  13.00  -99.99  15.00" + 9 * "  -99.99"


@pytest.mark.parametrize("above", [[" 1980 1983"], ["# 43N 9E sst from an analysis"]])
def test_rows_of_a_year_and_twelve_values_need_no_header(tmp_path: Path, above: list[str]) -> None:
    path = write(tmp_path, *above, *YEARS, LAST, "  -99.99", "  nina34", "  5N-5S 170W-120W")
    series = read(path).series
    assert (str(series.step), str(series.start), len(series)) == ("month", "1980-01-01T00:00:00", 39)
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [37]
    assert series.values[[0, 35, 38]].tolist() == [10, 23, 15]
    assert "-99.99 marks missing values, according to line 6" in series.notes


@pytest.mark.parametrize("row", [" 1983  13.0  14.0", " 1983" + 12 * "  NaN" + "  9.0", " 1983 NaN" + 11 * "  13.0"])
def test_a_row_of_years_without_twelve_values_is_not_a_remark(tmp_path: Path, row: str) -> None:
    with pytest.raises(FileError, match="line 5 holds a year without twelve values"):
        read(write(tmp_path, "1980 1983", *YEARS, row, "-99.99", "  nina34"))


@pytest.mark.parametrize("remark", ["# Water temperature in degF", "# units: degF"])
def test_units_in_remarks_next_to_rows_of_years_are_used(tmp_path: Path, remark: str) -> None:
    path = write(tmp_path, remark, *(f"{year}{12 * '  50.0'}" for year in (1980, 1981)))
    assert read(path).series.values[0] == pytest.approx(10)


def test_rows_of_years_that_hold_anomalies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"holds anomalies, according to line 6 .'Anomaly from 1981-2010'."):
        read(write(tmp_path, "1980 1982", *YEARS, "-99.99", "Anomaly from 1981-2010"))
