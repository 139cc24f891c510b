"""Weather in files: columns beside SST, and files of weather."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, describe, read_content
from forecasting.readers.weather import read_weather
from forecasting.series.sst_series import SstSeries, to_sst_series
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES
from tests.forecasting.series.test_weather import SERIES, assert_same, frame

DAYS = [f"2026-03-0{day}" for day in range(1, 6)]
CELLS = [["12", "8", "4"], ["12.5", "9", "5"], ["", "", "6"], ["13", "10", "7"], ["", "11", "8"]]


def written(*rows: list[str] | str) -> str:
    return "".join(f"{row if isinstance(row, str) else ','.join(row)}\n" for row in rows)


def table(header: str = "time,sst,air_temperature,wind_speed", cells: list[list[str]] = CELLS) -> str:
    return written(header, *([day, *row] for day, row in zip(DAYS, cells, strict=True)))


def series_of(text: str, options: ReadingOptions | None = None) -> SstSeries:
    return read_content(text.encode(), options or ReadingOptions()).series


@pytest.mark.parametrize(
    "text",
    [
        table(),
        table("Date,SST (degC),Air Temperature (°C),Wind_Speed (m s-1)"),
        table("time,sst,air_temperature_degC,wind_speed"),
        written("time,sst,air_temperature,wind_speed", "UTC,degree_C,K,km h-1").replace("K,km h-1\n", "K,km h-1\n")
        + written(
            *(
                [
                    f"{day}T00:00:00Z",
                    sst,
                    f"{float(air) + 273.15:.2f}" if air else "NaN",
                    f"{float(wind) * 3.6:.2f}",
                ]
                for day, (sst, air, wind) in zip(DAYS, CELLS, strict=True)
            )
        ),
    ],
    ids=["plain", "units in the header", "units in the name", "a row of units"],
)
def test_columns_of_weather_are_read_beside_sst(text: str) -> None:
    series = series_of(text)
    np.testing.assert_array_equal(series.values, SERIES.values)
    assert_same(series.weather, to_sst_series(SERIES, weather=frame()).weather)
    (station,) = read_content(text.encode(), ReadingOptions()).stations
    names = describe(station)["columns"]["weather"]
    assert [name.lower().replace(" ", "_").partition("_(")[0].removesuffix("_degc") for name in names] == [*COVARIATES]
    assert f"weather from {names[0]} and {names[1]}" in series.notes[0]


def test_air_has_the_units_of_the_water_unless_it_says_otherwise() -> None:
    cells = [
        ["285.15", "281.15", ""],
        ["285.65", "282.15", ""],
        ["", "", ""],
        ["286.15", "283.15", ""],
        ["", "284.15", ""],
    ]
    series = series_of(table("time,sst (K),air_temperature,wind_speed", cells))
    expected = to_sst_series(SERIES, weather=frame()[["air_temperature"]]).weather
    assert_same(series.weather, expected)


def test_empty_columns_leave_the_series_as_it_is() -> None:
    series = series_of(table(cells=[[sst, "", ""] for sst, _, _ in CELLS]))
    assert (series.weather, len(series)) == (None, 5)


def test_weather_of_stations_is_kept_apart() -> None:
    rows = [[day, name, *row] for name in ("pier", "buoy") for day, row in zip(DAYS, CELLS, strict=True)]
    rows[5:] = [[day, name, sst, "", wind] for day, name, sst, _, wind in rows[5:]]
    reading = read_content(written("time,station,sst,air_temperature,wind_speed", *rows).encode(), ReadingOptions())
    pier, buoy = (station.series for station in reading.stations)
    assert pier is not None
    assert buoy is not None
    assert_same(pier.weather, to_sst_series(SERIES, weather=frame()).weather)
    assert_same(buoy.weather, to_sst_series(SERIES, weather=frame()[["wind_speed"]]).weather)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            table(cells=[[*row[:2], "99"] for row in CELLS]),
            "the weather in the file is not used: wind_speed is 99 m/s at 2026-03-01, more than any wind "
            "lasts: is it in knots or km/h? State its units, as in the header `wind_speed (knots)`, or convert it to "
            "m/s; if it marks a missing value, leave it empty or declare it with the option missing",
        ),
        (
            table(cells=[[*CELLS[0][:2], "-99"], *CELLS[1:]]),
            "the weather in the file is not used: wind_speed is negative at 2026-03-01: give the speed of the "
            "wind, which no direction has below 0; if it marks a missing value, leave it empty or declare it with",
        ),
        (
            table(cells=[[CELLS[0][0], "-999", CELLS[0][2]], *CELLS[1:]]),
            "the weather in the file is not used: air_temperature is -999 °C at 2026-03-01, outside the range "
            "of air temperatures (-70 to 55 °C); give it in °C, the units of the series; if it marks a missing value, "
            "leave it empty or declare it with the option missing",
        ),
        (
            table(cells=[[row[0], str(1.8 * float(row[1] or 4) + 32), row[2]] for row in CELLS]),
            "the weather in the file is not used: air_temperature is 48.2 °C in the mean, and the water 12.5 °C at the "
            "same times, which is too far apart: the values look like °F: state it, as in the header "
            "`air_temperature (°F)`, or convert them to °C",
        ),
        (
            table("time,sst,air_temperature,wind_speed (mph)"),
            "weather in column wind_speed (mph) is not used: 'mph' is not a known unit of wind_speed",
        ),
    ],
)
def test_weather_that_cannot_be_used_leaves_a_warning(text: str, warning: str) -> None:
    (station,) = read_content(text.encode(), ReadingOptions()).stations
    assert any(each.startswith(warning) for each in station.warnings)
    assert station.series is not None
    assert len(station.series) == 4


def test_marks_of_missing_values_are_those_of_the_file() -> None:
    cells = [[*row[:2], "99" if row[2] == "6" else row[2]] for row in CELLS]
    weather = series_of(table(cells=cells), ReadingOptions(missing=(99.0,))).weather
    assert weather is not None
    assert np.isnan(weather.values[2]).all()


def test_weather_is_averaged_with_the_series() -> None:
    hours = pd.date_range("2026-03-01", periods=72, freq="h")
    sst = np.where(hours.day < 3, 12.0 + hours.day, np.nan)
    text = pd.DataFrame({"time": hours, "sst": sst, "wind_speed": hours.day}).to_csv(index=False)
    series = series_of(text, ReadingOptions(resample=TimeStep.parse("day")))
    assert series.values.tolist() == [13.0, 14.0]
    assert series.weather is not None
    assert series.weather.values[:, 1].tolist() == [1.0, 2.0, 3.0]


def test_a_file_of_weather_is_read_with_its_older_forecasts_and_its_attribution(tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    rows = [[day, air, wind, ""] for day, (_, air, wind) in zip(DAYS, CELLS, strict=True)]
    older = [["2026-03-02", "3", "4", "2026-03-01"], ["2026-03-03", "", "5", "2026-03-01"]]
    path.write_text(written("time,air_temperature,wind_speed,issued", *rows, *older))
    read = read_weather(path).over("pier", SERIES)
    issued = pd.concat(
        [frame().assign(issued=None), frame([3.0, np.nan], [4.0, 5.0], "2026-03-02").assign(issued="2026-03-01")]
    )
    assert_same(read.weather, SERIES.with_weather(issued).weather)
    path.with_name("weather.csv.source.json").write_text(json.dumps({"attribution": "Weather data by a service"}))
    found = read_weather(path).over("pier", SERIES).weather
    assert found is not None
    assert found.source == "Weather data by a service"


def test_a_file_of_weather_may_have_stations(tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    rows = [[day, name, wind] for name in ("pier", "buoy") for day, (_, _, wind) in zip(DAYS, CELLS, strict=True)]
    path.write_text(written("time,station,wind_speed", *rows))
    weather = read_weather(path)
    assert_same(weather.over("buoy", SERIES).weather, SERIES.with_weather(frame()[["wind_speed"]]).weather)
    with pytest.raises(FileError, match="there is no weather of 'mole'; there is weather of pier, buoy"):
        weather.over("mole", SERIES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "time,humidity\n2026-03-01,80\n",
            "has no column air_temperature or wind_speed; its columns are time, humidity",
        ),
        ("time,wind_speed (mph)\n2026-03-01,80\n", "is not used: 'mph' is not a known unit of wind_speed"),
        ("time,wind_speed\n2026-03-01,calm\n", "line 2: 'calm' in column wind_speed is not a number"),
        ("time,wind_speed\n2026-03-01,90\n2026-03-02,1\n", "weather: wind_speed is 90 m/s at 2026-03-01"),
        (
            "time,wind_speed\n2026-03-01,\n2026-03-02,\n",
            "every value of the weather is missing: check its columns, or leave out the file",
        ),
        (
            "time,wind_speed,issued\n2026-03-01,5,\n2026-03-02,5,2026-03-01\n2026-03-03,5,soon\n",
            "column issued: line 4: time 'soon' is not a time such as 2010-12-01, 31.12.2010 or 2010-12-01T06:00:00Z; "
            "write the time of issue, or nothing for the newest weather",
        ),
        ("time,wind_speed\n2027-03-01,5\n2027-03-02,5\n", "it begins 2027-03-01, after the series ends"),
    ],
)
def test_a_file_of_weather_that_cannot_be_used_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=re.escape(sentence)) as caught:
        read_weather(path).over("pier", SERIES)
    assert str(caught.value).startswith(f"{path}: ")
