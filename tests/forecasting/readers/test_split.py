"""Several stations, places and depths in one table."""

from pathlib import Path

import pytest

from forecasting.readers import read
from tests.forecasting.readers.files import days, expect, layout, refuse, write

LONG = [
    f"{day},{station},{base + 2 * i}" for i, day in enumerate(days(3)) for station, base in (("pier", 10), ("buoy", 20))
]
WIDE = [f"{day},{10 + 2 * i},-0.5,{20 + 2 * i}" for i, day in enumerate(days(3))]
GRID = [f"{day},{lat},{lon},{lat}" for day in days(3) for lat in (10.5, 11.5) for lon in (-30.5, -29.5)]


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("time,station,sst", LONG),
        (
            "date,pier_sst,pier_ssta,buoy_sst",
            [f"{day},{10 + 2 * i},-0.5,{20 + 2 * i}" for i, day in enumerate(days(3))],
        ),
    ],
    ids=["long", "wide"],
)
def test_a_table_holds_a_series_for_each_station(tmp_path: Path, header: str, lines: list[str]) -> None:
    path = write(tmp_path, header, *lines)
    expect(path, names=("pier", "buoy"))
    refuse(path, r"file.csv: holds 2 stations: pier, buoy; choose one with station=")
    expect(path, {"station": "buoy"}, values=[20, 22, 24])
    if header.startswith("time"):
        refuse(path, "has no station 'quay'; it has pier, buoy", station="quay")


def test_a_column_can_be_chosen_as_a_station_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "date,46042,46097", *(f"{day},10,20" for day in days(3)))
    refuse(path, "2 columns that could be SST: 46042, 46097; choose one with value_column=")
    expect(path, {"station": "46097"}, values=[20] * 3)


def test_an_unusable_station_does_not_affect_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, "time,station,sst", *LONG, "2001-01-04,quay,-999", "2001-01-05,quay,9")
    stations = read(path).stations
    assert [station.series is not None for station in stations] == [True, True, False]
    assert "line 8 is -999 °C" in str(stations[2].problem)
    refuse(path, "line 8 is -999 °C", station="quay")


def test_a_table_with_repeated_times_is_split_by_place_and_the_nearest_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, "time,latitude,longitude,sst", *GRID)
    refuse(path, r"holds 4 places: 10.5N 30.5W, .*; choose one with at=\(LAT,LON\)")
    expect(path, names=("10.5N 30.5W", "10.5N 29.5W", "11.5N 30.5W", "11.5N 29.5W"))
    note = "the nearest place to 11.3N 29.9W is 11.5N 29.5W, 48.9 km away"
    expect(path, {"at": (11.3, 330.1)}, note, values=[11.5] * 3)


YEAR = [f"2001-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]


@pytest.mark.parametrize("name", ["location", "Site Name", "place", "buoy_name", "name", "id"])
def test_any_usual_column_separates_consecutive_stations(tmp_path: Path, name: str) -> None:
    lines = [f"{'41001' if i < 4 else '41002'},{day},{10 + i}" for i, day in enumerate(days(9))]
    path = write(tmp_path, f"{name},time,sst", *lines)
    expect(path, names=("41001", "41002"))
    assert layout(path).station == name


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
    lines = [f"{label},{day},10" for label, day in zip(labels, days(9), strict=True)]
    expect(write(tmp_path, f"{name},time,sst", *lines), names=(), n=9)


def test_a_few_distant_places_are_several_series_at_any_times(tmp_path: Path) -> None:
    lines = [f"{day},{44 if i < 60 else 10},{-9 if i % 3 else -9.01},{10 + i / 100}" for i, day in enumerate(YEAR)]
    path = write(tmp_path, "time,lat,lon,sst", *lines)
    expect(path, {"resample": "P7D"}, names=("10N 9W", "44N 9W"))
    named = write(tmp_path, "station,time,lat,lon,sst", *(f"pier,{line}" for line in lines), name="named.csv")
    expect(named, {"resample": "P7D"}, names=("pier",))
    expect(path, {"at": (11, -9), "resample": "P7D"}, start="2001-03-05T00:00:00Z")


@pytest.mark.parametrize("place", ["{0},9", "44.0{1},9", "{2},9", "44N,9E"])
def test_a_drifting_or_redeployed_buoy_is_one_series(tmp_path: Path, place: str) -> None:
    lines = [
        f"{day},{place.format(40 + i / 50, i % 3, 44 if i else 12)},10" for i, day in enumerate(days(31) + days(28, 2))
    ]
    path = write(tmp_path, "time,lat,lon,sst", *lines)
    expect(path, n=59)
    refuse(path, "has only one place, or one that moves; remove at=", at=(44, 9))


def test_several_depths_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "time,depth,sst", *(f"{day},{depth},{15 - depth}" for day in days(4) for depth in (1, 10)))
    refuse(path, "several depths in column depth: 1, 10; choose one with depth=")
    expect(path, {"depth": -9}, "depth 10 of 2 depths", values=[5] * 4)


def test_values_of_many_depths_get_a_note(tmp_path: Path) -> None:
    message = "column depth runs from 5 to 100: the file mixes several depths; keep only one"
    glider = [f"{day},{depth},10" for day, depth in zip(days(4), (5, 50, 100, 50), strict=True)]
    expect(write(tmp_path, "time,depth,temp", *glider), None, message)
    moored = [f"{day},{depth},10" for day, depth in zip(days(4), (5, 6, 9, 7), strict=True)]
    assert read(write(tmp_path, "time,depth,temp", *moored)).series.notes[1:] == ()
