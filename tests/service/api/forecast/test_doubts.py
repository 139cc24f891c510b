"""POST /forecast and values that are wrong: fill values, stuck, from the future, at another step."""

import json
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.service.api.forecast.daily import calibrated, days, forecast, held, messages
from tests.service.plugins.columns.bodies import ARROW, arrow_bytes, long_table, post, read
from tests.service.requests import NDJSON, Json, answered, body

WEATHER = np.convolve(np.random.default_rng(3).normal(0, 0.3, 1_000), np.full(5, 0.5), "valid")


def series(values: Floats, step: str = "day", **fields: object) -> Json:
    return {"step": step, "start": "2024-01-01", "values": np.round(values, 3).tolist(), **fields}


CALM = [round(18 + np.sin(i / 20) + 0.2 * np.sin(1.7 * i), 2) for i in range(60)]
HOT = days(values=[*CALM[:-1], 35.0])
REQUEST = {"horizon": 3, "model": "ocean-daily-gru", "thresholds": [20]}


def named(client: httpx.Client, given: Json, **fields: object) -> Json:
    """Return the forecast of a series by a network that is named."""
    return forecast(client, given, **REQUEST | fields)


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


NEAR_24 = (24 + WEATHER[:60] / 3).round(2)


@pytest.mark.parametrize("fill", [0.0, -1.0])
@pytest.mark.parametrize("where", [slice(3, None, 9), slice(30, 31)])
def test_fill_values_are_left_out_and_named(seas_client: httpx.Client, fill: float, where: slice) -> None:
    filled, missing = NEAR_24.copy(), [*NEAR_24.tolist()]
    filled[where] = fill
    for i in range(60)[where]:
        missing[i] = None
    entry, expected = (forecast(seas_client, days(values=[*values])) for values in (filled.tolist(), missing))
    (message,) = messages(entry, "fill_value")
    assert f"exactly {fill:g} °C, far from the values before and after, the first at 2024-01-" in message
    assert (entry["sst"], calibrated(entry)) == (expected["sst"], {True})


def test_a_value_that_may_mark_a_missing_one_is_kept_without_confidence(seas_client: httpx.Client) -> None:
    values = (4 + WEATHER[:60] / 3).round(2)
    values[30] = 0
    entry = forecast(seas_client, series(values))
    assert messages(entry, "suspect_value")[0].startswith("1 value is exactly 0 °C, far from the values before and af")
    assert calibrated(entry) == {False}
    checked = forecast(seas_client, series(values), check=True)
    assert (len(messages(checked, "fill_value")), calibrated(checked)) == (1, {True})


def test_a_sea_that_freezes_is_not_doubted(seas_client: httpx.Client) -> None:
    values = np.maximum((2 * np.cos(np.arange(120) / 20) + WEATHER[:120] / 3).round(), -1)
    assert {0, -1} <= {*values.tolist()}
    entry = forecast(seas_client, series(values))
    assert messages(entry, "fill_value") == messages(entry, "suspect_value") == []


def test_the_network_of_a_place_leaves_out_fill_values_too(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["values"][-15] = 0.0
    (entry,) = answered(client.post("/forecast", json=request))["forecasts"]
    (message,) = messages(entry, "fill_value")
    assert message.startswith("1 value is exactly 0 °C")


def ways(client: httpx.Client, given: SstSeries, options: dict[str, Any], query: dict[str, Any]) -> list[str | None]:
    """Return the error of a series in each form of the request; None where it is forecast."""
    start, values = str(given.start), given.values.tolist()
    sent = {"start": start, "step": str(given.step), "values": values}
    (entry,) = held(client.post("/forecast", json={"series": [sent], **options}))["forecasts"]
    line = json.loads(client.post("/forecast", params=query, content=json.dumps(sent), headers=NDJSON).text)
    columns = read(post(client, arrow_bytes(long_table({"a": given})), ARROW, **query))
    return [entry.get("error"), line.get("error"), *columns["error"].dropna().unique().tolist()]


@pytest.mark.plugin("columns")
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


@pytest.mark.plugin("columns")
def test_times_that_were_sorted_or_repeated_are_told_for_any_sea(seas_client: httpx.Client) -> None:
    values = (18 + WEATHER[:60]).tolist()
    times = [str(np.datetime64("2024-01-01") + np.timedelta64(i, "D")) for i in range(60)]
    reversed_and_repeated = {"timestamps": [*times[::-1], times[5]], "values": [*values[::-1], 9.0]}
    entry = forecast(seas_client, reversed_and_repeated)
    assert "sorted" in messages(entry, "adjusted")[0]
    assert entry["sst"] == forecast(seas_client, {"timestamps": times, "values": values})["sst"]
    table = pa.table({"id": ["a"] * 60, "time": np.array(times[::-1], "datetime64[s]"), "sst": values[::-1]})
    assert "adjusted" in read(post(seas_client, arrow_bytes(table), ARROW))["warnings"].iloc[0]


def test_a_last_value_of_35_after_18_is_never_a_confident_forecast_of_33(seas_client: httpx.Client) -> None:
    for fields in ({}, {"model": "best"}, {"units": "celsius", "levels": [80]}):
        entry = named(seas_client, HOT, **fields)
        (message,) = messages(entry, "suspect_value")
        assert message.startswith("the value 35 °C of 2024-02-29 is implausible (")
        assert "was expected from the values before it" in message
        assert calibrated(entry) == {False}


def test_a_check_leaves_it_out(seas_client: httpx.Client) -> None:
    entry = named(seas_client, HOT, check=True)
    (message,) = messages(entry, "suspect_value")
    assert message.startswith("1 suspect value left out: the value 35 °C of 2024-02-29 is implausible")
    assert entry["sst"] == pytest.approx([CALM[-2] + 0.01] * 3, abs=1e-4)
    assert entry["timestamps"][0] == "2024-03-01T00:00:00Z"
    assert calibrated(entry) == {True}
    assert "late" in [warning["code"] for warning in entry["warnings"]]


def test_a_plausible_series_is_forecast_the_same_with_a_check(seas_client: httpx.Client) -> None:
    plain, checked = (named(seas_client, days(values=CALM), check=check) for check in (False, True))
    assert plain == checked
    assert messages(plain, "suspect_value") == []


def test_the_query_and_lines_take_the_check_too(seas_client: httpx.Client) -> None:
    expected = named(seas_client, HOT, check=True)
    asked = answered(seas_client.post("/forecast?check=true", json={"series": [HOT], **REQUEST}))
    assert asked["forecasts"] == [expected]
    line = seas_client.post(
        "/forecast?check=true&horizon=3&threshold=20&model=ocean-daily-gru",
        content=json.dumps(HOT),
        headers=NDJSON,
    )
    assert json.loads(line.content)["sst"] == expected["sst"]


def test_means_of_a_finer_series_are_checked(seas_client: httpx.Client) -> None:
    values = list(np.repeat(CALM, 4))
    values[100:104] = [35.0] * 4
    entry = named(seas_client, days(values=values, step="PT6H"), check=True, model="best")
    assert len(messages(entry, "suspect_value")) == 1
    assert {warning["code"] for warning in entry["warnings"]} >= {"resampled", "suspect_value"}


def test_an_error_says_what_a_check_left_out(seas_client: httpx.Client) -> None:
    entry = answered(seas_client.post("/forecast", json={"series": [HOT], "horizon": 14, "check": True}))["forecasts"][
        0
    ]
    assert "ask for at most 13; 1 suspect value left out: the value 35 °C" in entry["error"]


def test_the_networks_of_a_place_say_that_they_do_not_check(client: httpx.Client) -> None:
    request = {"dataset": "nino12", "check": True, "series": [{"start": "2020-01-01", "values": [20.0, 21.0] * 12}]}
    response = client.post("/forecast", json=request)
    assert response.status_code == 422
    assert "the networks of a place cannot check values: leave out the dataset" in response.json()["detail"]
