"""Weather that callers of the client pass."""

import json
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from forecasting.series.timestep import TimeStep
from service.client import Client, ProblemError
from service.client.tables import ForecastRows
from service.client.weather import Step, WeatherInput, step_of, weather_of
from service.engine.reading import InputSeries, parse
from tests.forecasting.series.test_weather import AIR, SERIES, WIND, assert_same, frame
from tests.service.api.forecast.daily import VALUES
from tests.service.requests import Json


def older() -> pd.DataFrame:
    """The newest weather, and two days of an older forecast that begins two days after its issue."""
    rows = frame([3.0, np.nan], [4.0, 5.0], "2026-03-03").assign(issued="2026-03-01T06:00Z")
    return pd.concat([rows, frame().assign(issued=None)])


@pytest.mark.parametrize(
    "weather",
    [
        frame(),
        frame().iloc[::-1],
        frame().tz_localize("UTC"),
        {"pier": frame(), "buoy": None},
        {"air_temperature": np.array(AIR), "wind_speed": WIND, "start": pd.Timestamp("2026-03-01")},
        older(),
    ],
)
def test_what_is_sent_is_the_weather_that_python_reads(weather: WeatherInput) -> None:
    sent = {"start": "2026-03-01", "values": [12.0, 12.5, None, 13.0], "weather": weather_of(weather, "pier")}
    batch, errors = parse(
        [InputSeries.model_validate_json(json.dumps(sent), context=[])], "celsius", TimeStep.parse("day")
    )
    assert not errors
    rows = weather if isinstance(weather, pd.DataFrame) else frame()
    expected = SERIES.with_weather(rows).weather
    found = batch.weather[0]
    if found.issued:
        # From the first step after the issue, which is missing.
        assert np.isnan(found.issued[0].values[0]).all()
    assert_same(found, expected)


def test_rows_that_are_missing_are_sent_as_nulls() -> None:
    sent = weather_of(frame().drop(index=pd.Timestamp("2026-03-02")), "pier")
    assert sent is not None
    assert sent["wind_speed"] == [4.0, None, 6.0, 7.0, 8.0]
    months = pd.DataFrame({"wind_speed": [4.0, 6.0]}, pd.DatetimeIndex(["2026-01-01", "2026-03-01"]))
    assert weather_of(months, "pier") == {"start": "2026-01-01T00:00:00+00:00", "wind_speed": [4.0, None, 6.0]}


def test_a_series_may_have_none() -> None:
    assert weather_of(None, "pier") is None
    assert weather_of({"buoy": frame()}, "pier") is None


@pytest.mark.parametrize(
    ("weather", "error", "sentence"),
    [
        ([1.0], TypeError, "the weather of series 'pier' is a list: expected a DataFrame with air_temperature and"),
        (frame().assign(rain=1.0), ValueError, "has 'rain': expected the columns air_temperature and wind_speed"),
        (frame()[[]], ValueError, "has no columns"),
        (frame().reset_index(drop=True), ValueError, "its index must hold times"),
        (pd.concat([frame(), frame()]), ValueError, "has a time twice"),
        (pd.concat([frame(), frame([9.0], [9.0], "2026-03-02T07:00")]), ValueError, "its times are not regular"),
        (frame().astype(str).assign(wind_speed="calm"), ValueError, "wind_speed: its values must be numbers"),
        (frame().assign(issued="2026-03-01"), ValueError, "has no rows, except for older forecasts"),
        (
            frame().set_axis(pd.DatetimeIndex(["2026-03-01", None, "2026-03-03", "2026-03-04", "2026-03-05"])),
            ValueError,
            r"the weather of series 'pier': the time at position 1 is missing \(NaT\)",
        ),
        (pd.concat([frame(), frame()], axis=1), ValueError, "has the column 'air_temperature' twice"),
        (frame().assign(issued="soon"), ValueError, "series 'pier': the values of issued must be times"),
        ({"wind_speed": WIND, "issued": [5]}, TypeError, "series 'pier': issued has '5': expected a list of older"),
        ({"wind_speed": WIND, "issued": "soon"}, TypeError, "series 'pier': issued has 'soon': expected a list"),
        ({"wind_speed": WIND, "issued": 5}, TypeError, "series 'pier': issued has '5': expected a list"),
    ],
)
def test_anything_else_is_refused(weather: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        weather_of(weather, "pier")


def test_no_older_forecasts_are_sent_as_none() -> None:
    assert weather_of({"wind_speed": WIND, "issued": None}, "pier") == {"wind_speed": WIND}


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (pd.date_range("2026-03-01", periods=4), pd.Timedelta(days=1)),
        (pd.date_range("2026-03-27", periods=4, tz="Europe/Rome"), pd.Timedelta(days=1)),
        (pd.date_range("2026-03-28T20:00", periods=24, freq="h", tz="Europe/Rome"), pd.Timedelta(hours=1)),
        (pd.DatetimeIndex(["2026-03-04", "2026-03-01", "2026-03-02", "2026-03-02"]), pd.Timedelta(days=1)),
        (pd.DatetimeIndex(["2026-03-01", "2026-03-02", "2026-03-02T07:00"]), None),
        (pd.DatetimeIndex(["2026-01-01", "2026-02-01", "2026-04-01"]), "MS"),
        (pd.DatetimeIndex(["2026-01-01"]), None),
    ],
)
def test_the_step_of_a_series_is_known_in_spite_of_gaps(times: pd.DatetimeIndex, step: Step | None) -> None:
    assert step_of(times) == step


def test_weather_has_the_step_of_the_series() -> None:
    day = pd.Timedelta(days=1)
    hours = pd.DataFrame({"wind_speed": 5.0}, pd.date_range("2026-03-01", periods=24, freq="h"))
    with pytest.raises(ValueError, match=r"not regular, at steps of 1 days 00:00:00: resample it to the step of"):
        weather_of(hours, "pier", day)
    with pytest.raises(ValueError, match="at steps of calendar months: resample it"):
        weather_of(frame(), "pier", "MS")
    sent = weather_of(frame().iloc[::2], "pier", day)
    assert sent is not None
    assert sent["wind_speed"] == [4.0, None, 6.0, None, 8.0]
    sent = weather_of(older().drop(index=pd.Timestamp("2026-03-04")), "pier", day)
    assert sent is not None
    assert sent["issued"][0]["wind_speed"] == [None, 4.0]


def test_the_client_passes_the_step_and_the_names_of_the_series(seas_client: httpx.Client) -> None:
    times = pd.date_range("2024-01-01", periods=len(VALUES))
    sst = pd.Series(VALUES, times, name="pier")
    hours = pd.DataFrame({"wind_speed": 5.0}, pd.date_range("2024-01-01", periods=24 * len(VALUES), freq="h"))
    with Client(str(seas_client.base_url)) as client:
        with pytest.raises(ValueError, match="the weather of series 'pier': its times are not regular, at steps of 1"):
            client.forecast(sst, weather=hours)
        with pytest.raises(ValueError, match=r"weather has 'wind_sped', which is no name of a series .* air_temperatu"):
            client.forecast(sst, weather={"wind_sped": [5.0]})
        with pytest.raises(ValueError, match="weather has 'peer', which is no name of a series of the request"):
            client.forecast(sst, weather={"peer": hours})
        days = hours.resample("D").mean()
        for weather in (days, {"pier": days, "buoy": None}):
            assert client.forecast(sst, model="gru", weather=weather)["error"].isna().all()


def test_weather_goes_with_each_series_even_if_there_are_many(seas_client: httpx.Client) -> None:
    times = pd.date_range("2024-01-01", periods=len(VALUES))
    over = pd.DataFrame({"wind_speed": 5.0}, pd.date_range("2024-01-01", periods=len(VALUES) + 3))
    sst = pd.DataFrame({f"s{i}": VALUES for i in range(70)}, times)
    with Client(str(seas_client.base_url)) as client:
        table = client.forecast(sst, model="gru", weather={"s1": over, "s2": over * 20})
        with pytest.raises(ProblemError, match="wind_speed is 100 m/s"):
            client.forecast(sst["s1"], weather=over * 20)
    rows = table.set_index("station")
    assert rows.index[rows["warnings"].str.contains("weather_ignored")].tolist() == ["s1"]
    assert rows.index[rows["error"].fillna("").str.contains("weather: wind_speed is 100 m/s")].tolist() == ["s2"]


def test_the_table_says_what_weather_was_worth() -> None:
    rows = ForecastRows({"model": "best", "levels": (), "thresholds": ()})
    known: Json = {"model": "m", "version": "v", "timestamps": ["2026-03-01T00:00:00Z"], "sst": [1.0], "intervals": []}
    known |= {"baselines": {}, "warnings": []}
    rows.add(
        "a", {**known, "weather": {"used": ["air_temperature", "wind_speed"], "past_rmse_ratio": 0.84, "origins": 9}}
    )
    rows.add("b", {**known, "weather": {"used": [], "origins": 0}})
    rows.add("c", known)
    table = rows.table()
    assert table["weather_used"].tolist()[:2] == ["air_temperature; wind_speed", ""]
    assert table["past_rmse_ratio"][0] == 0.84
    assert table["past_rmse_ratio"][1:].isna().all()


def test_a_file_is_read_with_its_weather(seas_client: httpx.Client) -> None:
    content = frame().assign(sst=[*SERIES.values, np.nan]).to_csv().encode()
    with Client(str(seas_client.base_url)) as client:
        reading = client.read_series(content)
    (weather,) = reading.weather.values()
    assert_same(SERIES.with_weather(weather).weather, SERIES.with_weather(frame()).weather)
