"""Files in the forms that NDBC has served standard meteorological data in."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso
from tests.forecasting.readers.files import write

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
    reading = read(write(tmp_path, *lines, name="46097.txt"))
    np.testing.assert_array_equal(reading.series.values, [11.1, np.nan, 11.3])
    assert (iso(reading.series.start), str(reading.series.step)) == (start, step)
    assert reading.stations[0].units_from == units_from


def test_files_that_were_joined_are_read_where_their_columns_agree(tmp_path: Path) -> None:
    of_1999 = tuple(line.replace("2001 12 31 23", "1999 01 01 02").replace("2002", "1999") for line in OF_2001[:2])
    series = read(write(tmp_path, *OF_1998, *of_1999)).series
    np.testing.assert_array_equal(series.values, [11.1, np.nan, 11.3, 11.1])
    renamed = tuple(line.replace("WDIR", "WD  ").replace("PRES", " BAR") for line in REALTIME)
    assert len(read(write(tmp_path, *REALTIME[:4], *renamed[:2], *renamed[4:])).series) == 3
    swapped = REALTIME[0].replace("ATMP  WTMP", "WTMP  ATMP")
    for header in (HISTORICAL[0], swapped, swapped.lstrip("#")):
        with pytest.raises(FileError, match="line 6 is a second header with different columns; split the file"):
            read(write(tmp_path, *REALTIME, header, *REALTIME[2:]))


def test_a_packed_file_is_read_as_it_is_served(tmp_path: Path) -> None:
    path = tmp_path / "46097h2019.txt.gz"
    path.write_bytes(gzip.compress("\n".join(HISTORICAL).encode()))
    assert len(read(path).series) == 3


def test_an_hourly_file_of_all_stations_is_split_by_station(tmp_path: Path) -> None:
    head = "STN   YYYY MM DD hh mm WTMP"
    lines = [
        f"{station} 2019 04 02 {hour:02} 00 {wtmp}" for hour in (0, 1) for station, wtmp in ((46097, 11), (46042, 12))
    ]
    path = write(tmp_path, head, *lines, name="hour.txt")
    assert read(path).names == ("46097", "46042")
    assert read(path, ReadingOptions(station="46042")).series.values.tolist() == [12, 12]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (REALTIME[:2], "only header lines and no data"),
        ((*REALTIME[:3], "2019 04 02 00 10 130"), "line 4 has 6 columns, but the header has 19"),
        ((*REALTIME[:2], REALTIME[2].replace(" 04 ", " 14 ")), "line 3: '14' in column month is not a valid month"),
        (
            (*REALTIME[:2], REALTIME[2].replace("11.3", "warm"), REALTIME[4]),
            "line 3: 'warm' in column WTMP is not a number",
        ),
        ((*REALTIME[:2], REALTIME[3]), "every value of the series is missing"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(write(tmp_path, *lines))


def test_a_stated_format_is_enforced(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not begin with #YY MM DD hh"):
        read(write(tmp_path, "time,sst", "2001-01-01,10"), ReadingOptions(format="ndbc"))
    with pytest.raises(FileError, match="unknown format 'xml'; use one of csv, erddap"):
        read(write(tmp_path, "time,sst", "2001-01-01,10"), ReadingOptions(format="xml"))
