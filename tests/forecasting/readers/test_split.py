"""Several stations, places and depths in one table."""

from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers import read, read_csv
from forecasting.readers.delimited import read_delimited
from forecasting.readers.options import ReadingOptions
from forecasting.readers.tabular import find_layout
from forecasting.series.timestep import TimeStep
from tests.forecasting.readers.files import days, write

LONG = [
    f"{day},{station},{base + i}" for i, day in enumerate(days(3)) for station, base in (("pier", 10), ("buoy", 20))
]
GRID = [f"{day},{lat},{lon},{lat}" for day in days(3) for lat in (10.5, 11.5) for lon in (-30.5, -29.5)]


def test_a_long_table_holds_a_series_for_each_station(tmp_path: Path) -> None:
    path = write(tmp_path, "time,station,sst", *LONG)
    reading = read(path)
    assert reading.names == ("pier", "buoy")
    with pytest.raises(FileError, match=r"file.csv: holds 2 stations: pier, buoy; choose one with station="):
        _ = reading.series
    np.testing.assert_array_equal(read(path, ReadingOptions(station="buoy")).series.values, [20, 21, 22])
    with pytest.raises(FileError, match="has no station 'quay'; it has pier, buoy"):
        read(path, ReadingOptions(station="quay"))


def test_a_wide_table_holds_a_series_for_each_column_named_after_sst(tmp_path: Path) -> None:
    path = write(tmp_path, "date,pier_sst,pier_ssta,buoy_sst", *(f"{day},10,-0.5,20" for day in days(3)))
    assert read(path).names == ("pier", "buoy")
    assert read(path, ReadingOptions(station="buoy")).series.values[0] == 20
    with pytest.raises(FileError, match="holds 2 stations: pier, buoy"):
        read_csv(path)


def test_a_column_can_be_chosen_as_a_station_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "date,46042,46097", *(f"{day},10,20" for day in days(3)))
    with pytest.raises(FileError, match="2 columns that could be SST: 46042, 46097; choose one with value_column="):
        read(path)
    assert read(path, ReadingOptions(station="46097")).series.values[0] == 20


def test_an_unusable_station_does_not_affect_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, "time,station,sst", *LONG, "2001-01-04,quay,-999", "2001-01-05,quay,9")
    reading = read(path)
    assert [station.series is not None for station in reading.stations] == [True, True, False]
    assert "line 8 is -999 °C" in str(reading.stations[2].problem)
    with pytest.raises(FileError, match="line 8 is -999 °C"):
        read(path, ReadingOptions(station="quay"))


def test_a_table_with_repeated_times_is_split_by_place_and_the_nearest_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, "time,latitude,longitude,sst", *GRID)
    with pytest.raises(FileError, match=r"holds 4 places: 10.5N 30.5W, .*; choose one with at=\(LAT,LON\)"):
        _ = read(path).series
    assert read(path).names == ("10.5N 30.5W", "10.5N 29.5W", "11.5N 30.5W", "11.5N 29.5W")
    series = read(path, ReadingOptions(at=(11.3, 330.1))).series
    np.testing.assert_array_equal(series.values, [11.5] * 3)
    assert "the nearest place to 11.3N 29.9W is 11.5N 29.5W, 48.9 km away" in series.notes


def test_a_drifting_buoy_stays_one_series(tmp_path: Path) -> None:
    path = write(tmp_path, "time,latitude,longitude,sst", *(f"{day},{i},{i},10" for i, day in enumerate(days(3))))
    assert len(read(path).series) == 3


YEAR = [f"2001-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]


@pytest.mark.parametrize("name", ["location", "Site Name", "place", "buoy_name", "name", "id"])
def test_any_usual_column_separates_consecutive_stations(tmp_path: Path, name: str) -> None:
    lines = [f"{'41001' if i < 4 else '41002'},{day},{10 + i}" for i, day in enumerate(days(9))]
    path = write(tmp_path, f"{name},time,sst", *lines)
    assert read(path).names == ("41001", "41002")
    assert find_layout(read_delimited(path.read_text()), ReadingOptions()).station == name


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("id", [*"123456789"]),
        ("name", [*"ababbabab"]),
        ("location", ["Cap Ferret"] * 9),
        ("location", [""] * 9),
        ("place", [f"{i}N" for i in range(9)]),
    ],
)
def test_a_column_that_does_not_identify_stations_leaves_one_series(
    tmp_path: Path, name: str, labels: list[str]
) -> None:
    path = write(
        tmp_path, f"{name},time,sst", *(f"{label},{day},10" for label, day in zip(labels, days(9), strict=True))
    )
    assert read(path).names == ()
    assert len(read(path).series) == 9


def test_a_few_distant_places_are_several_series_at_any_times(tmp_path: Path) -> None:
    lines = [f"{day},{44 if i < 60 else 10},{-9 if i % 3 else -9.01},{10 + i / 100}" for i, day in enumerate(YEAR)]
    path = write(tmp_path, "time,lat,lon,sst", *lines)
    assert read(path, ReadingOptions(resample=TimeStep.parse("P7D"))).names == ("10N 9W", "44N 9W")
    named = write(tmp_path, "station,time,lat,lon,sst", *(f"pier,{line}" for line in lines), name="named.csv")
    assert read(named, ReadingOptions(resample=TimeStep.parse("P7D"))).names == ("pier",)
    assert read(path, ReadingOptions(at=(11, -9), resample=TimeStep.parse("P7D"))).series.values[0] > 10.5


@pytest.mark.parametrize("place", ["{0},9", "44.0{1},9", "{2},9", "44N,9E"])
def test_a_drifting_or_redeployed_buoy_is_one_series(tmp_path: Path, place: str) -> None:
    lines = [
        f"{day},{place.format(40 + i / 50, i % 3, 44 if i else 12)},10" for i, day in enumerate(days(31) + days(28, 2))
    ]
    path = write(tmp_path, "time,lat,lon,sst", *lines)
    assert len(read(path).series) == 59
    with pytest.raises(FileError, match="has only one place, or one that moves; remove at="):
        read(path, ReadingOptions(at=(44, 9)))


def test_several_depths_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "time,depth,sst", *(f"{day},{depth},{15 - depth}" for day in days(4) for depth in (1, 10)))
    with pytest.raises(FileError, match="several depths in column depth: 1, 10; choose one with depth="):
        read(path)
    series = read(path, ReadingOptions(depth=-9)).series
    np.testing.assert_array_equal(series.values, [5] * 4)
    assert "depth 10 of 2 depths" in series.notes


def test_values_of_many_depths_get_a_note(tmp_path: Path) -> None:
    message = "column depth runs from 5 to 100: the file mixes several depths; keep only one"
    glider = [f"{day},{depth},10" for day, depth in zip(days(4), (5, 50, 100, 50), strict=True)]
    assert message in read(write(tmp_path, "time,depth,temp", *glider)).series.notes
    moored = [f"{day},{depth},10" for day, depth in zip(days(4), (5, 6, 9, 7), strict=True)]
    assert read(write(tmp_path, "time,depth,temp", *moored)).series.notes[1:] == ()
