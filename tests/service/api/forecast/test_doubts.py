"""POST /forecast and series that are wrong as a whole: stuck, out of range, from the future, at another step."""

import json
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.service.api.forecast.columns.bodies import ARROW, arrow_bytes, long_table, post, read
from tests.service.requests import Json, answered, body

NDJSON = {"Content-Type": "application/x-ndjson"}
WEATHER = np.convolve(np.random.default_rng(3).normal(0, 0.3, 1_000), np.full(5, 0.5), "valid")


def series(values: Floats, step: str = "day", **fields: object) -> Json:
    return {"step": step, "start": "2024-01-01", "values": np.round(values, 3).tolist(), **fields}


def forecast(client: httpx.Client, given: Json, **fields: object) -> Json:
    entry: Json = answered(client.post("/forecast", json={"series": [given], **fields}))["forecasts"][0]
    return entry


def messages(entry: Json, code: str) -> list[str]:
    return [warning["message"] for warning in entry["warnings"] if warning["code"] == code]


def calibrated(entry: Json) -> set[bool]:
    return {interval["calibrated"] for interval in entry["intervals"]}


def test_one_bad_digit_after_a_smooth_series_makes_no_confident_forecast_of_a_sea_that_cannot_be(
    seas_client: httpx.Client,
) -> None:
    smooth = 24 + np.sin(np.arange(120) / 10)
    smooth[-1] = 36.9
    entry = forecast(seas_client, series(smooth), horizon=10)
    assert entry["model"] != "linear"
    assert calibrated(entry) == {False}
    assert max(entry["sst"]) <= 37
    assert min(entry["sst"]) >= 18
    assert messages(entry, "suspect_value")[0].startswith("the value 36.9 °C of 2024-04-29 is implausible")


def test_the_reading_is_named_where_its_mean_is_implausible(seas_client: httpx.Client) -> None:
    values = 24 + np.sin(np.arange(200) / 30) + WEATHER[:200] / 20
    values[-1] = 36.9
    (message,) = messages(forecast(seas_client, series(values, "PT6H")), "suspect_value")
    assert message.endswith("36.9 °C of 2024-02-19T18:00Z stands out")


@pytest.mark.parametrize("step", ["day", "PT6H"])
def test_a_stuck_sensor_is_not_forecast_with_confidence(seas_client: httpx.Client, step: str) -> None:
    values = 18 + WEATHER[:400]
    values[-40:] = 18.2
    entry = forecast(seas_client, series(values, step))
    (message,) = messages(entry, "flat_line")
    since = "2024-12-26" if step == "day" else "2024-03-31"
    assert message.startswith(f"40 values in a row, from {since} to ")
    assert calibrated(entry) == {False}


def test_a_place_of_its_own_is_told_of_a_stuck_sensor_too(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["values"][-14:] = [25.1] * 14
    (entry,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert messages(entry, "flat_line")[0].startswith("14 values in a row, from 2009-11-01 to 2010-12-01, are 25.1 °C")
    assert calibrated(entry) == {False}


def test_values_that_repeat_by_themselves_are_no_flat_line(seas_client: httpx.Client) -> None:
    tropical = np.round(28 + np.repeat(WEATHER[:80], 5)[:400] / 3, 1)
    tropical[-12:] = 28.1
    assert messages(forecast(seas_client, series(tropical)), "flat_line") == []


def ways(client: httpx.Client, given: SstSeries, options: dict[str, Any], query: dict[str, Any]) -> list[str | None]:
    """Return the error of a series in each form of the request; None where it is forecast."""
    start, values = str(given.start), given.values.tolist()
    sent = {"start": start, "step": str(given.step), "values": values}
    entry = forecast(client, sent, **options)
    line = json.loads(client.post("/forecast", params=query, content=json.dumps(sent), headers=NDJSON).text)
    columns = read(post(client, arrow_bytes(long_table({"a": given})), ARROW, **query))
    return [entry.get("error"), line.get("error"), *columns["error"].dropna().unique().tolist()]


@pytest.mark.parametrize("dataset", [None, "nino12"])
def test_a_series_from_the_future_is_an_error_unless_as_of_says_otherwise(
    seas_client: httpx.Client, nino12: SstSeries, dataset: str | None
) -> None:
    late = SstSeries(nino12.values[-60:], np.datetime64("2095-01-01", "s"), nino12.step)
    named = {} if dataset is None else {"dataset": dataset}
    errors = ways(seas_client, late, named, named)
    assert len(errors) == 3
    for error in errors:
        assert "the last observation, of 2099-12-01, is in the future: check the times, or send" in str(error)
    now = named | {"as_of": "2099-12-15"}
    assert ways(seas_client, late, now, now) == [None, None]
    too_early = named | {"as_of": "2099-10-15"}
    for error in ways(seas_client, late, too_early, too_early):
        assert "the last observation, of 2099-12-01, is after 2099-10-15, the time in as_of" in str(error)


def test_as_of_that_is_no_time_is_refused(seas_client: httpx.Client) -> None:
    request = {"series": [series(18 + WEATHER[:60])], "as_of": "tomorrow"}
    response = seas_client.post("/forecast", json=request)
    assert response.status_code == 422
    assert "time 'tomorrow' is not an ISO 8601 time" in response.json()["detail"]
    in_query = seas_client.post("/forecast", params={"as_of": "tomorrow"}, content="{}", headers=NDJSON)
    assert in_query.status_code == 422


HOURS, MONTHS = np.arange(300), np.arange(60)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (18 + np.cos(HOURS / 24 * 2 * np.pi) + WEATHER[:300] / 9, "repeat every 24 steps, as hourly values do every"),
        (18 + 5 * np.cos(MONTHS / 6 * np.pi) + WEATHER[:60], "repeat every 12 steps, as monthly values do every year"),
    ],
)
def test_hourly_and_monthly_values_that_are_declared_as_daily_get_a_warning(
    seas_client: httpx.Client, values: Floats, sentence: str
) -> None:
    entry = forecast(seas_client, series(values))
    assert sentence in messages(entry, "doubtful_step")[0]
    assert calibrated(entry) == {False}
    assert messages(forecast(seas_client, series(18 + WEATHER[: len(values)])), "doubtful_step") == []


def test_times_that_were_sorted_or_repeated_are_told_for_any_sea(seas_client: httpx.Client) -> None:
    values = (18 + WEATHER[:60]).tolist()
    times = [str(np.datetime64("2024-01-01") + np.timedelta64(i, "D")) for i in range(60)]
    reversed_and_repeated = {"timestamps": [*times[::-1], times[5]], "values": [*values[::-1], 9.0]}
    entry = forecast(seas_client, reversed_and_repeated)
    assert "sorted" in messages(entry, "adjusted")[0]
    assert entry["sst"] == forecast(seas_client, {"timestamps": times, "values": values})["sst"]
    table = pa.table({"id": ["a"] * 60, "time": np.array(times[::-1], "datetime64[s]"), "sst": values[::-1]})
    assert "adjusted" in read(post(seas_client, arrow_bytes(table), ARROW))["warnings"].iloc[0]
