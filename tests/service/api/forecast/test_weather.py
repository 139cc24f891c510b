"""POST /forecast with weather over the series."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.sst_series import SstSeries
from service.settings import Settings
from tests.service.api.forecast.daily import VALUES, days, forecast, held, messages
from tests.service.api.generated_requests import Anything, Moments, to_json
from tests.service.plugins.columns.bodies import arrow_bytes, post, read
from tests.service.requests import CSV, JSON, NDJSON, REFUSALS, Json, answered, body, loaded
from tests.serving import serve

WEATHER = {"air_temperature": [15.0] * 65, "wind_speed": [5.0] * 65}
IGNORED = "takes no weather: it is ignored"
REFUSED = "nino12-gru takes no weather, since it is a network of one place: leave out the weather, or the dataset and"


def windy(**fields: object) -> Json:
    return days(weather={**WEATHER, **fields})


@pytest.mark.parametrize("fields", [{}, {"dataset": "ocean-daily"}, {"model": "ocean-daily-gru"}])
def test_networks_that_take_no_weather_say_so_and_forecast_without(seas_client: httpx.Client, fields: Json) -> None:
    without, ignored = forecast(seas_client, days(), **fields), forecast(seas_client, windy(), **fields)
    (message,) = messages(ignored, "weather_ignored")
    assert message.endswith(IGNORED)
    assert "weather" not in ignored
    assert {**ignored, "warnings": without["warnings"]} == without


def test_only_series_with_weather_are_warned(seas_client: httpx.Client) -> None:
    entries = held(seas_client.post("/forecast", json={"series": [days(), windy(), days()]}))["forecasts"]
    assert [len(messages(entry, "weather_ignored")) for entry in entries] == [0, 1, 0]


def test_a_network_of_a_place_that_was_named_refuses_weather(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["weather"] = {"wind_speed": [5.0] * 30}
    response = client.post("/forecast", json=request)
    assert response.status_code == 422
    problem = response.json()
    assert problem["detail"].startswith(REFUSED)
    assert problem["errors"][0]["location"] == "body.series[0].weather"
    (line,) = client.post(
        "/forecast?model=nino12-gru", content=json.dumps(request["series"][0]), headers=NDJSON
    ).text.splitlines()
    assert json.loads(line)["error"].startswith(REFUSED)
    (entry,) = answered(client.post("/forecast", json={**request, "model": "best"}))["forecasts"]
    assert messages(entry, "weather_ignored")[0].endswith(IGNORED)


def test_a_summary_refuses_weather_in_the_words_of_a_forecast(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["weather"] = {"wind_speed": [5.0] * 30}
    forecast, summary = (client.post(path, json=request) for path in ("/forecast", "/summary"))
    assert (summary.status_code, forecast.json()["detail"].startswith(REFUSED)) == (422, True)
    for name in ("title", "detail", "errors"):
        assert summary.json()[name] == forecast.json()[name]


@pytest.mark.parametrize(
    ("weather", "location", "message"),
    [
        (
            {**WEATHER, "humidity": [80.0]},
            "weather.humidity",
            "unknown field; weather takes air_temperature and wind_speed",
        ),
        ({"issued": [{"issued": "2024-02-01", "rain": [1]}]}, "weather.issued[0].rain", "unknown field; weather"),
        ({"wind_speed": []}, "weather.wind_speed", "must have at least 1 item"),
        (
            {"wind_speed": [5.0, "calm"]},
            "weather.wind_speed[1]",
            "must be a valid number; use null for a missing value",
        ),
        ({**WEATHER, "wind_units": "mph"}, "weather.wind_units", "must be 'm/s', 'km/h' or 'knots'"),
        ({**WEATHER, "source": "x" * 257}, "weather.source", "must have at most 256 characters"),
        (
            {**WEATHER, "source": "a\nb"},
            "weather.source",
            "must be one line, without control characters",
        ),
    ],
)
def test_a_weather_of_another_form_is_refused_with_its_place(
    seas_client: httpx.Client, weather: Json, location: str, message: str
) -> None:
    response = seas_client.post("/forecast", json={"series": [days(weather=weather)]})
    assert response.status_code == 422
    (place,) = response.json()["errors"]
    assert place["location"] == f"body.series[0].{location}"
    assert place["message"].startswith(message)
    (line,) = seas_client.post("/forecast", content=json.dumps(days(weather=weather)), headers=NDJSON).text.splitlines()
    assert json.loads(line)["error"].startswith(f"{location}: {message}")


def test_an_error_of_weather_is_that_of_its_series(seas_client: httpx.Client) -> None:
    series = [windy(wind_speed=[90.0] * 65), days()]
    wrong, right = held(seas_client.post("/forecast", json={"series": series}))["forecasts"]
    sentence = "weather: wind_speed is 90 m/s at 2024-01-01, more than any wind lasts: is it in knots or km/h? "
    assert wrong["error"] == f"{sentence}Set wind_units, or convert it to m/s"
    assert "sst" in right


def test_more_weather_than_the_longest_series_and_horizon_is_too_much(seas: Path) -> None:
    with serve(Settings(artifacts=seas, max_values=60, max_horizon=4)) as client:
        most = days(weather={"wind_speed": [5.0] * 64})
        assert "error" not in forecast(client, most)
        over = days(weather={"issued": [{"issued": "2024-02-01", "wind_speed": [5.0] * 65}], "wind_speed": [5.0]})
        response = client.post("/forecast", json={"series": [over]})
        sentence = "65 values of weather are too many: send at most 64 for one series"
        assert (response.status_code, response.json()["detail"]) == (422, sentence)
        line = client.post("/forecast", content=json.dumps(over), headers=NDJSON).json()
        assert line["error"] == sentence


def test_models_are_compared_without_weather(seas_client: httpx.Client) -> None:
    compared = [
        answered(seas_client.post("/compare", json={"series": [given]}))["series"][0] for given in (windy(), days())
    ]
    assert messages(compared[0], "weather_ignored") == ["models are compared without weather"]
    assert compared[0]["models"] == compared[1]["models"]


def test_past_events_do_not_depend_on_weather(seas_client: httpx.Client) -> None:
    body = {"series": [days(), windy()], "baseline": {"climatology": [19.0] * 366, "threshold": [20.5] * 366}}
    without, with_weather = answered(seas_client.post("/events", json=body))["series"]
    assert without == with_weather


COLUMN = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.floats(-5, 40), max_size=8)
COVARIATES = {"air_temperature": COLUMN, "wind_speed": COLUMN}
ISSUED = st.fixed_dictionaries({"issued": Moments}, optional=COVARIATES)
WEATHERS = st.fixed_dictionaries(
    {},
    optional={
        **COVARIATES,
        "start": Moments | st.dates(date(2023, 12, 25), date(2024, 3, 5)).map(date.isoformat),
        "source": st.text(max_size=12),
        "wind_units": st.sampled_from(["m/s", "km/h", "knots", "mph"]),
        "issued": st.lists(ISSUED, max_size=3),
    },
)


@given(weather=WEATHERS | Anything, step=st.sampled_from(["day", "month", "hour", "PT30M"]))
def test_no_weather_breaks_the_service(seas_client: httpx.Client, weather: Any, step: str) -> None:
    content = to_json({"series": [days(weather=weather, step=step), days()]})
    response = seas_client.post("/forecast", content=content.encode("utf-8", "surrogatepass"), headers=JSON)
    assert response.status_code in {200, *REFUSALS}, response.text
    if response.status_code == 200:
        entry, other = loaded(response)["forecasts"]
        assert ("error" in entry) != ("sst" in entry)
        assert "sst" in other


def columns_of_days(rows_ahead: int, **columns: float) -> pa.Table:
    count = len(VALUES) + rows_ahead
    times = pa.array(np.datetime64("2024-01-01", "s") + np.arange(count).astype("timedelta64[D]"))
    sst = pa.array([*VALUES, *[None] * rows_ahead], pa.float64())
    return pa.table({"time": times, "sst": sst, **{name: [value] * count for name, value in columns.items()}})


@pytest.mark.plugin("columns")
def test_rows_of_weather_ahead_do_not_shift_the_forecast(seas_client: httpx.Client) -> None:
    without = read(post(seas_client, arrow_bytes(columns_of_days(0))))
    answer = read(post(seas_client, arrow_bytes(columns_of_days(5, air_temperature=15.0, wind_speed=5.0))))
    assert answer["warnings"].tolist() == ["weather_ignored"]
    others = [name for name in answer.columns if name not in ("warnings", "messages")]
    pd.testing.assert_frame_equal(answer[others], without[others])
    refused = read(post(seas_client, arrow_bytes(columns_of_days(5, wind_speed=80.0))))
    assert refused["error"][0].startswith("weather: wind_speed is 80 m/s at 2024-01-01")


@pytest.mark.plugin("columns")
def test_unknown_columns_are_refused_with_the_list(seas_client: httpx.Client) -> None:
    response = post(seas_client, arrow_bytes(columns_of_days(0, humidity=80.0)))
    assert response.status_code == 422
    assert "optionally latitude and longitude, air_temperature and wind_speed" in response.json()["detail"]


@pytest.mark.plugin("uploads")
def test_an_uploaded_file_returns_weather_as_a_request_takes_it(seas_client: httpx.Client) -> None:
    times = np.datetime64("2024-01-01") + np.arange(len(VALUES) + 5)
    sst = [*VALUES, *[np.nan] * 5]
    table = pd.DataFrame({"time": times, "sst": sst, "air_temperature": 59.0, "wind_speed": [np.nan, *[5.0] * 64]})
    content = table.rename(columns={"air_temperature": "air_temperature (degF)"}).to_csv(index=False)
    answer = answered(seas_client.post("/series", content=content, headers=CSV))
    (series,) = answer["series"]
    assert answer["stations"][0]["columns"]["weather"] == ["air_temperature (degF)", "wind_speed"]
    assert len(series["values"]) == len(VALUES)
    weather = {"start": "2024-01-01T00:00:00Z", "air_temperature": [15.0] * 65, "wind_speed": [None, *[5.0] * 64]}
    assert series["weather"] == weather
    (entry,) = held(seas_client.post("/forecast", json={"series": [series]}))["forecasts"]
    assert messages(entry, "weather_ignored")
    line = seas_client.post("/series", content=content, headers={**CSV, "Accept": "application/x-ndjson"})
    assert line.json()["weather"] == weather
