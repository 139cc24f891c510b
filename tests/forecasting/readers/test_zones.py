"""Clocks that are not UTC: by the header, a column or an option."""

import re
from pathlib import Path

import pandas as pd
import pytest

from forecasting.readers import ReadingOptions, read
from forecasting.series.times import iso
from tests.forecasting.readers.files import expect, refuse, rows, write

DAYS = ("2010-12-31", "2011-01-01")
AUTUMN = [f"2010-10-31T{hour:02}:{minute:02}" for hour in (1, 2) for minute in (0, 30)]
AUTUMN += ["2010-10-31T02:00", "2010-10-31T02:30", "2010-10-31T03:00"]


def test_hours_that_occur_twice_are_told_apart_by_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(AUTUMN))
    expect(path, {"timezone": "Europe/Rome"}, start="2010-10-30T23:00:00Z", step="PT30M", n=7)


@pytest.mark.parametrize(
    ("header", "start"),
    [
        ("time (UTC+2)", "2010-12-30T22:00:00Z"),
        ("time [GMT-05:30]", "2010-12-31T05:30:00Z"),
        ("time (+0100)", "2010-12-30T23:00:00Z"),
        ("time (UTC)", "2010-12-31T00:00:00Z"),
        ("time (yyyy-mm-dd)", "2010-12-31T00:00:00Z"),
    ],
)
def test_an_offset_in_the_header_is_that_of_the_times(tmp_path: Path, header: str, start: str) -> None:
    expect(write(tmp_path, f"{header},sst", *rows(DAYS)), start=start)
    zoned = write(tmp_path, f"{header},sst", *rows(f"{day}T00:00Z" for day in DAYS))
    expect(zoned, start="2010-12-31T00:00:00Z")


@pytest.mark.parametrize(
    ("header", "zone"),
    [
        *((f"time ({zone})", zone) for zone in ("CET", "EST5EDT", "PST/PDT", "Central Standard Time", "Etc/GMT+5")),
        ("time (Europe/Rome)", "Europe/Rome"),
        ("time (hora local)", "hora local"),
        ("time_EST", "EST"),
        ("date_cet", "cet"),
        ("timestamp_local", "local"),
        ("Heure locale", "local"),
        ("LocalDateTime", "local"),
    ],
)
def test_a_zone_in_the_header_that_is_no_offset_needs_a_timezone(tmp_path: Path, header: str, zone: str) -> None:
    path = write(tmp_path, f"{header},sst", *rows(DAYS))
    message = rf"in the time zone '{re.escape(zone)}', .* not in UTC; set timezone="
    refuse(path, message, time_column=header)
    expect(path, {"time_column": header, "timezone": "+01:00"}, start="2010-12-30T23:00:00Z")


def test_offsets_that_change_with_daylight_saving_are_followed(tmp_path: Path) -> None:
    times = ["2010-10-31T01:00:00+02:00", "2010-10-31T02:00:00+02:00", "2010-10-31T02:00:00+01:00"]
    expect(write(tmp_path, "time,sst", *rows(times)), start="2010-10-30T23:00:00Z", step="hour", n=3)


def test_an_hour_that_the_clock_skips_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(["2010-03-28T01:00", "2010-03-28T02:00", "2010-03-28T03:00"]))
    message = "line 3: '2010-03-28T02:00' is skipped or repeated in the time zone Europe/Rome"
    refuse(path, message, timezone="Europe/Rome")
    refuse(path, "unknown time zone 'Europe/Atlantis'", timezone="Europe/Atlantis")


@pytest.mark.parametrize(
    ("zone", "start", "days"), [("America/Santiago", "2022-03-20", 30), ("Europe/Rome", "2021-01-02", 500)]
)
def test_hours_by_the_clock_of_a_place_are_converted(tmp_path: Path, zone: str, start: str, days: int) -> None:
    utc = pd.date_range(start, periods=24 * days, freq="h", tz="UTC")
    local = utc.tz_convert(zone).tz_localize(None)
    path = write(tmp_path, "time,sst", *(f"{time:%Y-%m-%d %H:%M},{10 + i % 7}" for i, time in enumerate(local)))
    series = read(path, ReadingOptions(timezone=zone)).series
    assert (series.times == utc.tz_localize(None).to_numpy()).all()
    assert read(path).series.notes[-1].startswith(("1 repeated time,", "2 repeated times,"))


@pytest.mark.parametrize(
    "header", ["time_utc", "met_time", "time (Date)", "Time (Sydney)", "location_time", "est_utc_time"]
)
def test_times_under_a_name_without_a_zone_are_utc(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, f"{header},sst", *rows(DAYS))
    expect(path, {"time_column": header}, start="2010-12-31T00:00:00Z")


@pytest.mark.parametrize(
    ("column", "zones"),
    [("tz_cd", ("EDT", "EDT", "EST")), ("timezone", ("-04:00", "UTC-4", "GMT-05:00")), ("TZ", ("-0400", "-04", "-5"))],
)
def test_a_column_with_the_zone_of_each_row_is_used(tmp_path: Path, column: str, zones: tuple[str, str, str]) -> None:
    times = ("2019-11-03 00:30", "2019-11-03 01:30", "2019-11-03 01:30")
    path = write(tmp_path, f"datetime,{column},temp", *(f"{t},{z},10" for t, z in zip(times, zones, strict=True)))
    reading = read(path)
    assert [iso(time) for time in reading.series.times] == [f"2019-11-03T0{hour}:30:00Z" for hour in (4, 5, 6)]
    assert reading.stations[0].columns.time == f"datetime and {column}"
    assert reading.stations[0].columns.value == "temp"


@pytest.mark.parametrize(("column", "zone", "example"), [
    ("timezone", "EST", " to a zone such as Europe/Rome"),
    ("tz_cd", "MEZ", " to a zone such as Europe/Rome"),
    ("utc_offset", "8", " to a zone such as Europe/Rome"),
    ("tz", "Australia/Sydney", "'Australia/Sydney'"),
])  # fmt: skip
def test_a_column_of_unknown_zone_names_needs_a_timezone(tmp_path: Path, column: str, zone: str, example: str) -> None:
    path = write(tmp_path, f"time,{column},sst", *(f"2019-06-0{i} 12:00,{zone},10" for i in (1, 2, 3)))
    message = f"in the time zone '{zone}', according to column {column}, not in UTC; set timezone={example}"
    refuse(path, message)
    expect(path, {"timezone": "-05:00"}, start="2019-06-01T17:00:00Z")


PERIODS = ("3.1", "NaN", "", "-99.9")


@pytest.mark.parametrize(("zone", "start"), [("0", "12"), ("NA", "12"), ("00:00", "12"), ("+8", "04")])
def test_a_missing_or_zero_offset_is_utc(tmp_path: Path, zone: str, start: str) -> None:
    path = write(tmp_path, "time,utc_offset,sst", *(f"2019-06-0{i} 12:00,{zone},10" for i in (1, 2, 3)))
    expect(path, start=f"2019-06-01T{start}:00:00Z")


def test_a_row_without_a_zone_is_refused_if_others_have_one(tmp_path: Path) -> None:
    path = write(tmp_path, "time,tz,sst", *(f"2019-06-0{i} 12:00,{zone},10" for i, zone in ((1, "-05:00"), (2, ""))))
    refuse(path, "line 3: column tz names no zone")


def test_a_wave_period_is_not_a_time_zone(tmp_path: Path) -> None:
    path = write(tmp_path, "time,Tz (s),sst", *(f"2019-06-01 1{i}:00,{tz},10" for i, tz in enumerate(PERIODS, 2)))
    expect(path, start="2019-06-01T12:00:00Z")


def test_a_column_of_place_zones_does_not_shift_times_named_utc(tmp_path: Path) -> None:
    path = write(tmp_path, "time_utc,timezone,sst", *(f"2019-06-0{i} 12:00,America/Chicago,10" for i in (1, 2, 3)))
    expect(path, start="2019-06-01T12:00:00Z")
