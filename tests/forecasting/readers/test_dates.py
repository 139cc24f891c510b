"""Dates and times as files write them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forecasting.errors import FileError
from forecasting.readers import DateOrder, read
from forecasting.readers.clock import find_clock, times_of_day
from forecasting.readers.delimited import read_delimited
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import iso
from tests.forecasting.readers.files import days, expect, layout, refuse, rows, write


@pytest.mark.parametrize(
    "times",
    [
        ["31/12/2010", "01/01/2011", "02/01/2011"],
        ["31.12.2010", "1.1.2011", "2.1.2011"],
        ["12/31/2010", "01/01/2011", "01/02/2011"],
        ["31-12-2010 00:00", "01-01-2011 00:00", "02-01-2011 00:00"],
        ["12/31/2010 12:00 AM", "01/01/2011 12:00 AM", "01/02/2011 12:00 AM"],
        ["31-Dec-2010", "01-Jan-2011", "02-Jan-2011"],
        ["2010/12/31", "2011/1/1", "2011/1/2"],
        ["2010-12-31 00:00:00 UTC", "2011-01-01 00:00:00 UTC", "2011-01-02 00:00:00 UTC"],
        ["20101231", "20110101", "20110102"],
        ["2010123100", "2011010100", "2011010200"],
        ["2010 12 31 00", "2011 01 01 00", "2011 01 02 00"],
        ["201012310000", "201101010000", "201101020000"],
        ["20101231000000", "20110101000000", "20110102000000"],
        ["1293753600", "1293840000", "1293926400"],
        ["1293753600000", "1293840000000", "1293926400000"],
        ["Dec 31, 2010", "Jan 1, 2011", "Jan 2, 2011"],
        ["31DEC2010", "01JAN2011", "02JAN2011"],
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, times: list[str]) -> None:
    path = write(tmp_path, "date,sst", *rows(f'"{time}"' for time in times))
    expect(path, start="2010-12-31T00:00:00Z", step="day", n=3)


@pytest.mark.parametrize("form", ["201012{:02}", "2010/12/{:02}", "{:02}-Dec-2010", "{:02}DEC2010"])
def test_a_first_row_of_data_is_not_a_header(tmp_path: Path, form: str) -> None:
    data = rows(form.format(day) for day in range(20, 26))
    for first in (data[0], data[0].replace(",10", ",NA")):
        expect(write(tmp_path, first, *data[1:]), start="2010-12-20T00:00:00Z", n=6)


@pytest.mark.parametrize(
    ("header", "first", "start"),
    [
        ("Datum Tid (UTC),Havstemperatur", "2010-12-31 06:00:00", "2010-12-31T06:00:00Z"),
        ("t,temp", "2010-12-31", "2010-12-31T00:00:00Z"),
        ("MESS_DATUM,temp", "2010123106", "2010-12-31T06:00:00Z"),
        (",sst", "2010-12-31", "2010-12-31T00:00:00Z"),
        ("Date/Time,sst", "12/31/2010 06:00", "2010-12-31T06:00:00Z"),
        ("Datum,Uhrzeit,Wassertemperatur", "31.12.2010,06:30", "2010-12-31T06:30:00Z"),
    ],
)
def test_the_only_column_of_dates_is_found_whatever_its_name(
    tmp_path: Path, header: str, first: str, start: str
) -> None:
    path = write(tmp_path, header, *(f"{first.replace('31', day)},10" for day in ("31", "30", "29")))
    assert iso(read(path).series.times[-1]) == start


def test_times_of_day_can_have_a_column_of_any_name_next_to_repeated_dates(tmp_path: Path) -> None:
    path = write(tmp_path, "date,heure,temp", *(f"{day}/12/2010,{hour}:30,10" for day in (30, 31) for hour in (6, 18)))
    expect(path, step="PT12H", start="2010-12-30T06:30:00Z")
    assert layout(path).time == ("date", "heure")


FIRSTS = [f"01/{month:02}/2010" for month in range(1, 13)]


@pytest.mark.parametrize(("order", "step"), [("dmy", "month"), ("mdy", "day")])
def test_ambiguous_days_and_months_need_an_order(tmp_path: Path, order: DateOrder, step: str) -> None:
    path = write(tmp_path, "date,sst", *rows(FIRSTS))
    refuse(path, r"line 3: '01/02/2010' could begin with its day or its month.*dates='dmy' or")
    expect(path, {"dates": order}, step=step)


@pytest.mark.parametrize("dates", [FIRSTS, ["01/01/10", "02/01/10", "03/01/10"]])
def test_the_question_about_an_order_shows_a_date_that_differs(tmp_path: Path, dates: list[str]) -> None:
    with pytest.raises(FileError) as caught:
        read(write(tmp_path, "date,sst", *rows(dates)))
    labels = {choice.label for choice in caught.value.choices}
    assert labels == {"1 February 2010", "2 January 2010"}


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["31/12/2010", "01/13/2011"], r"line 2 \(31/12/2010\) begins with its day and line 3 \(01/13/2011\) with its"),
        (["31/12/2010", "2011-01-01x"], "line 3: time '2011-01-01x' is not"),
        (["31/02/2010", "01/03/2010"], "line 2: time '31/02/2010' does not exist"),
        (["31/12/10", "01/01/11"], "line 2: '31/12/10' has a two-digit year, .* set the order with dates='dmy' or"),
        ([f"01/{month:02}/{year}" for year in (17, 18) for month in range(1, 13)], "which could be any of its numbers"),
        (["18-03-05", "18-03-06", "19-03-07"], "line 2: '18-03-05' seems to begin with a two-digit year; write"),
        (["98-03-05", "98-03-05"], "line 2: '98-03-05' seems to begin with a two-digit year; write"),
        (["31-Foo-2010"], "line 2: time '31-Foo-2010' is not"),
        ([*days(2), "soon"], "line 4: time 'soon' is not"),
        ([f"20101231{hour:02}" for hour in range(20, 25)], "line 6: time '2010123124' is not"),
    ],
)
def test_an_impossible_date_is_refused_with_its_line(tmp_path: Path, times: list[str], message: str) -> None:
    refuse(write(tmp_path, "date,sst", *rows(times)), message)


def test_several_columns_of_dates_need_a_choice(tmp_path: Path) -> None:
    path = write(tmp_path, "sampled,analysed,sst", *(f"{day},{day},10" for day in days(3)))
    refuse(path, "2 date columns: sampled, analysed; choose one with time_column=")


@pytest.mark.parametrize(
    ("header", "first", "second", "start", "step"),
    [
        ("year,month,day,sst", "2010,12,31,10", "2011,1,1,10", "2010-12-31T00:00:00Z", "day"),
        ("Year,Month,sst", "2010,12,10", "2011,1,10", "2010-12-01T00:00:00Z", "month"),
        ("YYYY,MM,DD,hh,sst", "2010,12,31,23,10", "2011,01,01,00,10", "2010-12-31T23:00:00Z", "hour"),
        ("year,month,day,hour,minute,sst", "2010,12,31,23,30,10", "2011,1,1,0,0,10", "2010-12-31T23:30:00Z", "PT30M"),
        ("year,doy,sst", "2010,365,10", "2011,1,10", "2010-12-31T00:00:00Z", "day"),
        ("date,time,sst", "2010-12-31,23:00,10", "2011-01-01,0:00,10", "2010-12-31T23:00:00Z", "hour"),
        ("date,time,sst", "31/12/2010,23:00:00,10", "01/01/2011,0:00:00,10", "2010-12-31T23:00:00Z", "hour"),
        ("date,time,sst", "12/31/2010,11:00 PM,10", "01/01/2011,12:00 AM,10", "2010-12-31T23:00:00Z", "hour"),
        ("date,time,sst", "2010-12-31,11:30:00 pm,10", "2011-01-01,12:00:00 a.m.,10", "2010-12-31T23:30:00Z", "PT30M"),
        ("Date,Time,sst", "2010-12-31,2330,10", "2011-01-01,0000,10", "2010-12-31T23:30:00Z", "PT30M"),
        ("Date,Time,sst", "31-Dec-2010,2300,10", "01-Jan-2011,30,10", "2010-12-31T23:00:00Z", "PT1H30M"),
        ("Date,Time,sst", "2010-12-31,22,10", "2010-12-31,23,10", "2010-12-31T22:00:00Z", "hour"),
        ("date,sst", "31/12/2010 12:30 PM,10", "31/12/2010 1:30 PM,10", "2010-12-31T12:30:00Z", "hour"),
        ("date,sst", "03/03/2010 0:00,10", "03/03/2010 1:00,10", "2010-03-03T00:00:00Z", "hour"),
        ("date,sst", "201012,10", "201101,10", "2010-12-01T00:00:00Z", "month"),
    ],
)
def test_a_time_can_be_split_over_several_columns(
    tmp_path: Path, header: str, first: str, second: str, start: str, step: str
) -> None:
    expect(write(tmp_path, header, first, second), start=start, step=step, n=2)


HOURS = [f"2010-12-{day:02},{hour},{hour}.5" for day in (30, 31) for hour in range(24)]


@pytest.mark.parametrize(
    ("header", "more"), [("date,hour,min", ""), ("date,hh,sst", ""), ("date,hr,sst,minute", ",30")]
)
def test_hours_can_have_their_own_column_next_to_repeated_dates(tmp_path: Path, header: str, more: str) -> None:
    path = write(tmp_path, header, *(f"{line}{more}" for line in HOURS))
    start = f"2010-12-30T00:{more[1:] or '00'}:00Z"
    expect(path, {"value_column": header.split(",")[2]}, step="hour", n=48, start=start)
    table = read_delimited(path.read_text())
    clock = find_clock(table, ReadingOptions())
    # As in the scoring of many rows, which keeps the columns of the time alone.
    alone = replace(table, cells=table.cells[list(clock.names)].iloc[-1:])
    assert find_clock(alone, ReadingOptions()).names == clock.names


@pytest.mark.parametrize(
    ("header", "row", "other"),
    [
        ("time,hour,sst", "{day},{hour},10", None),
        ("station,date,hour,sst", "pier,{day},{hour},10", "buoy,{day},{hour},10"),
        ("date,lat,lon,hour,sst", "{day},10,5,{hour},10", "{day},11,5,{hour},10"),
    ],
)
def test_the_hour_of_a_daily_observation_is_not_part_of_its_date(
    tmp_path: Path, header: str, row: str, other: str | None
) -> None:
    formats = [row] if other is None else [row, other]
    lines = [form.format(day=day, hour=7 + i % 3) for i, day in enumerate(days(9)) for form in formats]
    stations = read(write(tmp_path, header, *lines)).stations
    assert [str(station.series.step) for station in stations if station.series is not None] == ["day"] * len(formats)


def test_a_year_next_to_a_date_is_not_a_time_of_day(tmp_path: Path) -> None:
    path = write(tmp_path, "date,time,sst", *(f"{day},2001,10" for day in days(3)))
    assert times_of_day(read_delimited(path.read_text()), "time", "date") is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2010,13,1,10", "line 3: '13' in column month is not a valid month"),
        ("2010,2,30,10", "line 3: time '2010-02-30' does not exist"),
        ("10,2,3,10", "line 3: write the year 10 with four digits"),
        ("2010,,3,10", "line 3: '' in column month is not a valid month"),
        ("2010,Fub,3,10", "line 3: 'Fub' in column month is not a number"),
    ],
)
def test_an_invalid_part_of_a_time_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    refuse(write(tmp_path, "year,month,day,sst", "2010,1,1,10", row), message)


@pytest.mark.parametrize(
    ("order", "first", "start"),
    [
        ("dmy", "01/02/10", "2010-02-01T00:00:00Z"),
        ("mdy", "01/02/10", "2010-01-02T00:00:00Z"),
        ("dmy", "01/02/68", "2068-02-01T00:00:00Z"),
        ("dmy", "01/02/69", "1969-02-01T00:00:00Z"),
    ],
)
def test_a_two_digit_year_is_read_if_the_order_is_given(
    tmp_path: Path, order: DateOrder, first: str, start: str
) -> None:
    expect(write(tmp_path, "date,sst", f"{first} 00:00,10", f"{first} 12:00,10"), {"dates": order}, start=start)


LOGGER = (
    '"Plot Title: pier 3"',
    '"#","Date Time, GMT-07:00","Temp, °C (LGR S/N: 98, SEN S/N: 76)","Coupler Detached (LGR S/N: 98)"',
    "1,06/13/15 11:00:00 PM,14.5,Logged",
    "2,06/14/15 12:00:00 AM,14.6,",
    "# a remark",
)
UNITS = ("time,sst", "seconds since 1970-01-01T00:00:00Z,degree_C", "1.2937536E9,10", "1.29384E9,10")
MONTHS = ("time,sst", *rows(f"2001-{month:02}-01" for month in range(1, 13)))


@pytest.mark.parametrize(
    ("lines", "given", "expected"),
    [
        (LOGGER, {"dates": "mdy"}, {"start": "2015-06-14T06:00:00Z", "step": "hour", "values": [14.5, 14.6]}),
        (UNITS, {}, {"start": "2010-12-31T00:00:00Z", "step": "day"}),
        (MONTHS, {"timezone": "Europe/Rome"}, {"start": "2001-01-01T00:00:00Z", "step": "month"}),
    ],
    ids=["a logger's export", "seconds by the row of units", "months in a time zone"],
)
def test_times_of_other_forms_are_read(
    tmp_path: Path, lines: tuple[str, ...], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    expect(write(tmp_path, *lines), given, **expected)


def test_a_time_that_its_zone_moves_out_of_range_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "time,sst", *rows(["0001-01-01", "0001-01-02"]))
    refuse(path, r"line 2: time '0001-01-01' is not in the years 1 to 9999 \(UTC\); correct it", timezone="+01:00")
