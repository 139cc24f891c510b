"""CSV."""

import bz2
import lzma
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import read, read_csv
from forecasting.series.times import iso
from tests.conftest import NINO12, ROOT
from tests.forecasting.readers.files import expect, refuse, rows, write


def test_nino12_is_read_as_61_years_of_months() -> None:
    series = read_csv(NINO12)
    assert (len(series), str(series.step), iso(series.start)) == (732, "month", "1950-01-01T00:00:00Z")
    assert series.values[0] == 23.11
    assert series.describe() == ("time from column time, SST from column sst, in celsius",)


def test_the_buoy_is_put_on_its_grid_and_its_faults_are_reported() -> None:
    series = read_csv(str(ROOT / "data" / "neracoos-b01.csv"))
    assert (len(series), str(series.step), int(np.isnan(series.values).sum())) == (19_249, "PT30M", 24)
    assert series.describe()[1:] == (
        "1 repeated time, the first value of each kept: line 19212 (2017-03-21T16:30Z)",
        "24 of 19249 values are missing, in 2 gaps; the longest, of 23, begins 2016-07-08T02:00Z",
    )


@pytest.mark.parametrize(
    "lines",
    [
        ("time,sst", "2001-01-01,10.5", "2001-01-02,11", "2001-01-03,"),
        ("date;quality;Temp (°C)", "2001-01-01;1;10.5", "2001-01-02;1;11", "2001-01-03;1;NaN"),
        ("Timestamp\tdepth\tWTMP", "2001-01-01T00:00Z\t1\t10.5", "2001-01-02T00:00Z\t1\t11", "2001-01-03\t1\t"),
        ("\ufeff date , anything ", "2001-01-01, 10.5", "2001-01-02, 11", "2001-01-03, null", "", ""),
        ("# a station", "#", "# preamble", "time,sst", "2001-01-01,10.5", "", "2001-01-02,11", "2001-01-03,--"),
        (",time,sst,,", "0,2001-01-01,10.5,,", "1,2001-01-02,11,,", "2,2001-01-03,,,"),
        ("time,sst", "2001-01-01,10.5,", "2001-01-02,11,", "2001-01-03,,"),
        ("date;sst", "01.01.2001;10,5", "02.01.2001;11", "03.01.2001;"),
        ("time\tsst\tx", '2001-01-01\t"10,5"\t-0,5', "2001-01-02\t11,0\t", "2001-01-03\t\t"),
        ("sep=;", "time;sst,", "2001-01-01;10.5", "2001-01-02;11", "2001-01-03;"),
        ('"sep=|"', "time|sst", "2001-01-01|10.5", "2001-01-02|11", "2001-01-03|"),
        ("time,sst", "2001-01-01T01:00:00+01:00,10.5", "2001-01-01T22:00:00-02:00,11", "2001-01-03T00:00:00Z,"),
        ('time,"sst; top"', "2001-01-01,10.5", "2001-01-02,11", "2001-01-03,"),
        ("Datum;Temp, °C", "01.01.2001;10,5", "02.01.2001;11", "03.01.2001;"),
        ("Datum\tTemp, °C", "01.01.2001\t10,5", "02.01.2001\t11", "03.01.2001\t"),
        ("01.01.2001;10,5", "02.01.2001;11", "03.01.2001;"),
        ("01.01.2001\t10,5", "02.01.2001\t11", "03.01.2001\t"),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_usual_names(tmp_path: Path, lines: tuple[str, ...]) -> None:
    expect(write(tmp_path, *lines), values=[10.5, 11, np.nan], start="2001-01-01T00:00:00Z")


def test_columns_units_and_sentinels_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "when,a,b", "2001-01-01,280.15,1", "2001-01-02,-999,2", "2001-01-03,283.15,3")
    series = read_csv(path, time_column="when", value_column="a", units="kelvin", missing=(-999.0,))
    np.testing.assert_allclose(series.values, [7, np.nan, 10])


FIRST = "time,sst", "2001-01-01,10"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "holds no data; it needs a header"),
        (("Error: No data was found.",), "holds no data, only 'Error: No data was found.'; it needs a header line and"),
        (("time,sst",), "holds no data"),
        ((*FIRST, "2001-01-02"), "line 3 has 1 column, but the header has 2; correct the line$"),
        ((*FIRST, "2001-01-02,10,5"), "line 3 has 3 columns, but the header has 2; correct the line: write decimals w"),
        ((*FIRST, "2001-01-02,10,x"), "line 3 has 3 columns, but the header has 2; correct the line$"),
        (("time;sst", "2001-01-01;10;5"), "line 2 has 3 columns, but the header has 2; correct the line$"),
        (("time,time", "2001-01-01,10"), "same name"),
        (("x,sst,x", "2001-01-01,10,1"), "has two columns with the same name"),
        (("when,sst", "Monday,10"), "no column named time or date.*when, sst"),
        (("time,a,b", "2001-01-01,1,2"), "2 columns that could be SST: a, b; choose one with value_column="),
        (("time,name", "2001-01-01,x"), "no numeric column"),
        (("time", "2001-01-01", "2001-01-02"), "has no columns other than time; add a temperature column"),
        (("Station Pier 7", "Exported 2021-06-30", "", "date;sst", "2001-01-01;10"),
         r"line 1 \('Station Pier 7'\) is a title, and the header seems to be line 4; remove the lines above it"),
        (("Record of buoy 5,,", "Source: harbour,,", "Date,SST,Remark", "2001-01-01,10,"),
         r"line 1 \('Record of buoy 5'\) is a title, and the header seems to be line 3; remove the lines"),
        (("Station,46042", "Latitude,36.785", "", "date,sst", "2001-01-01,10"),
         r"line 1 \('Station, 46042'\) is a title, and the header seems to be line 4; remove the lines"),
        (("SST anomaly", "", "date,value", *(f"2001-01-0{i},1" for i in (1, 2, 3))), "line 1 .'SST anomaly'. is a"),
        (("time", "2001-01-01,10"), "line 2 has 2 columns, but the header has 1"),
        (("sst", "2001-01-01,10,calm"), "line 2 has 3 columns, but the header has 1"),
        (("time sst", "1982-01-01 00:00 24.3", "1982-01-02 00:00 24.9"), "line 1 separates columns with spaces"),
        (("[{", '"name": "sst",', '"data": [', '["1982,1,15", 20.1],'), "is JSON; write it as CSV with one value per"),
        (('{"time": ["2001-01-01"], "sst": [10]}',), "is JSON; write it as CSV with one value per line"),
        ((*FIRST, "2001-01-02,warm"), "line 3: 'warm' in column sst is not a number"),
        ((*FIRST, "", "2001-01-02,warm"), "line 4: 'warm'"),
        (("time;sst;x", "2001-01-01;10,5;1.5"), "'10,5' in column sst is not a number; write it with a decimal point"),
        (("time;wasser", "2001-01-01;10,5,0"), "has no numeric column"),
        ((*FIRST, "soon,11"), "line 3: time 'soon' is not a time such as 2010-12-01, 31.12.20"),
        (("time,sst", "01.04.2001,10", "31.04.2001,11"), "line 3: time '31.04.2001' does not exist; correct it"),
        ((*FIRST, "02.04.2001,11"), "time '02.04.2001' is not written like the first, '2001-01-01'; correct it"),
        ((*FIRST, ",11"), "line 3: the time is empty"),
        (("time,sst", "0000-01-01,10", "0000-02-01,11"), "line 2: time '0000-01-01' is not in the years 1 to 9999"),
        (("time,sst", "0001-01-02,10", "0001-01-01T00:00+01:00,11"), "3: time '0001-01-01T00:00.01:00' is not in"),
        (("time,sst", "9999-12-31,10", "9999-12-31T23:30-01:00,11"), "3: time '9999-12-31T23:30-01:00' is not in"),
        ((*FIRST, "2001-01-02,-999", "2001-01-03,9"), "line 3 is -999 °C.*missing=\\(-999"),
        (("time,sst", "2001-01-01,", "2001-01-02,", "2001-01-03,NaN"), "every value of the series is missing"),
        (("time" + ",x" * 20_001, "2001-01-01" + ",10" * 20_001), "has 20002 columns, more than the limit of 20000"),
        (('Error {', '    code=404;', '    message="Not Found: Your query produced no matching results. (nRows = 0)";',
          "}"), "an error message of an ERDDAP server: Not Found: Your query produced no matching results"),
        (("<!DOCTYPE html>", "<html><head><title>ERDDAP</title>"), "is a web page; download the data itself"),
        (("time,sst", "UTC,degree_C"), "holds no data"),
    ],
)  # fmt: skip
def test_an_unusable_file_gets_a_sentence_with_place_and_remedy(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(FileError, match=message) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_months_follow_the_clock_of_the_place(tmp_path: Path) -> None:
    times = [f"2001-{month:02}-01T00:00:00+{2 if 3 < month < 11 else 1:02}:00" for month in range(1, 13)]
    expect(write(tmp_path, "time,sst", *rows(times)), step="month", start="2001-01-01T00:00:00Z", n=12)


def test_a_missing_column_lists_the_existing_ones(tmp_path: Path) -> None:
    refuse(write(tmp_path, *FIRST), "no column 'depth'; its columns are time, sst", value_column="depth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bz2.compress(b"time,sst\n"), "is compressed with bzip2; decompress it, or use gzip"),
        (lzma.compress(b"time,sst\n"), "is compressed with xz; decompress it"),
        ("time,sst\n".encode("utf-16"), "is encoded in UTF-16"),
        (b"\x07\x00\x01" * 99, "is binary and has an unknown format"),
        (b"\xff\xfe\x00\x01", "UTF-8"),
        (None, "No such file"),
    ],
)
def test_packed_and_binary_files_are_named_as_such(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.csv").write_bytes(content)
    for reader in (read, read_csv):
        with pytest.raises(FileError, match=message):
            reader(tmp_path / "a.csv")


def test_latin_1_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("time,site,sst\nUTC,,degree_C\n2001-01-01,Ré,10\n2001-01-02,Ré,11\n".encode("latin-1"))
    expect(path, note="line 3 is not UTF-8, so the file was read as Latin-1", names=("Ré",))
