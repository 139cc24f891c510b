"""POST /forecast and implausible values: a warning by default, and left out on request."""

import json

import httpx
import numpy as np
import pytest

from service.api.forecast.schemas import ModelForecast
from tests.service.requests import Json, answered

VALUES = [round(18 + np.sin(i / 20) + 0.2 * np.sin(1.7 * i), 2) for i in range(60)]
REQUEST = {"horizon": 3, "model": "ocean-daily-gru", "thresholds": [20]}


def days(values: "list[float]", **fields: object) -> Json:
    return {"id": "pier", "start": "2024-01-01", "step": "day", "values": values} | fields


def forecast(client: httpx.Client, series: Json, **fields: object) -> Json:
    """Return the entry of a series, held to the schema."""
    answer = answered(client.post("/forecast", json={"series": [series], **REQUEST, **fields}))
    ModelForecast.model_validate(answer)
    entry: Json = answer["forecasts"][0]
    return entry


def calibrated(entry: Json) -> "set[bool]":
    return {part["calibrated"] for part in [*entry["intervals"], *entry["exceedance"]]}


def messages(entry: Json) -> "list[str]":
    return [warning["message"] for warning in entry["warnings"] if warning["code"] == "suspect_value"]


def test_a_last_value_of_35_after_18_is_never_a_confident_forecast_of_33(seas_client: httpx.Client) -> None:
    for fields in ({}, {"model": "best"}, {"units": "celsius", "levels": [80]}):
        entry = forecast(seas_client, days([*VALUES[:-1], 35.0]), **fields)
        (message,) = messages(entry)
        assert message.startswith("the value 35 °C of 2024-02-29 is implausible (")
        assert "was expected from the values before it" in message
        assert calibrated(entry) == {False}


def test_a_check_leaves_it_out(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days([*VALUES[:-1], 35.0]), check=True)
    (message,) = messages(entry)
    assert message.startswith("1 suspect value left out: the value 35 °C of 2024-02-29 is implausible")
    assert entry["sst"] == pytest.approx([VALUES[-2] + 0.01] * 3, abs=1e-4)
    assert entry["timestamps"][0] == "2024-03-01T00:00:00Z"
    assert calibrated(entry) == {True}
    assert "late" in [warning["code"] for warning in entry["warnings"]]


def test_a_plausible_series_is_forecast_the_same_with_a_check(seas_client: httpx.Client) -> None:
    plain, checked = (forecast(seas_client, days(VALUES), check=check) for check in (False, True))
    assert plain == checked
    assert messages(plain) == []


def test_the_query_and_lines_take_the_check_too(seas_client: httpx.Client) -> None:
    series = days([*VALUES[:-1], 35.0])
    expected = forecast(seas_client, series, check=True)
    asked = answered(seas_client.post("/forecast?check=true", json={"series": [series], **REQUEST}))
    assert asked["forecasts"] == [expected]
    line = seas_client.post(
        "/forecast?check=true&horizon=3&threshold=20&model=ocean-daily-gru",
        content=json.dumps(series),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert json.loads(line.content)["sst"] == expected["sst"]


def test_means_of_a_finer_series_are_checked(seas_client: httpx.Client) -> None:
    values = list(np.repeat(VALUES, 4))
    values[100:104] = [35.0] * 4
    entry = forecast(seas_client, days(values, step="PT6H"), check=True, model="best")
    assert len(messages(entry)) == 1
    assert {warning["code"] for warning in entry["warnings"]} >= {"resampled", "suspect_value"}


def test_an_error_says_what_a_check_left_out(seas_client: httpx.Client) -> None:
    entry = answered(
        seas_client.post("/forecast", json={"series": [days([*VALUES[:-1], 35.0])], "horizon": 14, "check": True})
    )["forecasts"][0]
    assert "ask for at most 13; 1 suspect value left out: the value 35 °C" in entry["error"]


def test_the_networks_of_a_place_say_that_they_do_not_check(client: httpx.Client) -> None:
    request = {"dataset": "nino12", "check": True, "series": [{"start": "2020-01-01", "values": [20.0, 21.0] * 12}]}
    response = client.post("/forecast", json=request)
    assert response.status_code == 422
    assert "the networks of a place cannot check values: leave out the dataset" in response.json()["detail"]
