"""Events and sample paths in POST /forecast, in NDJSON and in GET /forecast."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from forecasting.series.sst_series import SstSeries
from tests.service.api.forecast.daily import VALUES, days, held
from tests.service.requests import NDJSON, Json, answered, body, loaded

WARM: Json = {"name": "warm", "above": VALUES[-1], "for": 2, "within": 3}
HEATWAVE: Json = {"name": "heatwave", "kind": "marine_heatwave"}
GIVEN = {"climatology": [VALUES[-1] - 2.0] * 366, "threshold": [VALUES[-1] - 1.0] * 366}


def years(n: int = 12) -> list[float]:
    """Days of a sea with a season and weather, up to a warm week."""
    season = np.arange(round(365.25 * n))
    sst = 17 + 5 * np.sin((season - 110) / 58.1) + np.random.default_rng(0).normal(0, 0.4, len(season))
    sst[-7:] += 3
    values: list[float] = sst.round(2).tolist()
    return values


def post(client: httpx.Client, request: Json, **parameters: Any) -> Json:
    return held(client.post("/forecast", json=request, params=parameters))


def entry(client: httpx.Client, request: Json, **parameters: Any) -> Json:
    (forecast,) = post(client, request, **parameters)["forecasts"]
    return dict(forecast)


def test_the_probabilities_of_an_event_are_those_of_its_threshold(seas_client: httpx.Client) -> None:
    request = {"horizon": 4, "model": "gru", "thresholds": [WARM["above"]], "series": [days()]}
    forecast = entry(seas_client, {**request, "events": [WARM, {"name": "cold", "below": WARM["above"]}]})
    warm, cold = forecast["events"]
    assert (warm["name"], warm["kind"]) == ("warm", "threshold")
    assert warm["by_lead"] == pytest.approx(forecast["exceedance"][0]["probability"], abs=1e-4)
    assert np.add(warm["by_lead"], cold["by_lead"]) == pytest.approx(1)
    assert 0 < warm["probability"] < max(warm["by_lead"])
    assert warm["onset"]["lower"] >= forecast["timestamps"][0]
    del forecast["events"]
    assert forecast == entry(seas_client, request)


def test_paths_have_the_distribution_of_the_forecast(seas_client: httpx.Client) -> None:
    forecast = entry(seas_client, {"horizon": 3, "model": "gru", "paths": 1_000, "series": [days()]})
    paths = np.array(forecast["paths"])
    assert paths.shape == (1_000, 3)
    eighty = forecast["intervals"][0]
    lower, upper = np.quantile(paths, [0.1, 0.9], axis=0)
    assert lower == pytest.approx(eighty["lower"], abs=0.02)
    assert upper == pytest.approx(eighty["upper"], abs=0.02)
    assert "events" not in forecast


def test_the_network_of_a_place_forecasts_events_too(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12, horizon=3, thresholds=[24.0], paths=2)
    forecast = entry(client, request | {"events": [{"name": "warm", "above": 24.0}]})
    (event,) = forecast["events"]
    assert event["by_lead"] == pytest.approx(forecast["exceedance"][0]["probability"], abs=1e-4)
    assert np.array(forecast["paths"]).shape == (2, 3)
    for name in ("events", "paths"):
        del forecast[name]
    del request["paths"]
    assert forecast == entry(client, request)


def test_a_request_whose_every_series_fails_says_why(client: httpx.Client, nino12: SstSeries) -> None:
    (series,) = body(nino12)["series"]
    late = series | {"values": [*series["values"][:-2], None, None]}
    request = {"dataset": "nino12", "series": [late]}
    failed = entry(client, request | {"events": [{"name": "warm", "above": 24.0}]})
    assert failed == entry(client, request)
    assert "error" in failed


def test_all_networks_forecast_the_same_events(seas_client: httpx.Client, client: httpx.Client, nino12: Any) -> None:
    for service, request in ((seas_client, {"series": [days()]}), (client, body(nino12) | {"dataset": "nino12"})):
        answer = post(service, request | {"model": "all", "horizon": 3, "events": [WARM]})
        assert [[event["name"] for event in model["forecasts"][0]["events"]] for model in answer["models"]] == [
            ["warm"]
        ] * 3


def test_the_numbers_of_events_are_in_the_units_of_the_request(seas_client: httpx.Client) -> None:
    celsius = entry(seas_client, {"horizon": 3, "model": "gru", "series": [days()], "events": [WARM], "paths": 1})
    request = {
        "units": "fahrenheit",
        "horizon": 3,
        "model": "gru",
        "series": [days(values=[value * 1.8 + 32 for value in VALUES])],
        "events": [WARM | {"above": WARM["above"] * 1.8 + 32}],
        "paths": 1,
    }
    fahrenheit = entry(seas_client, request)
    before, after = celsius["events"][0], fahrenheit["events"][0]
    assert after["by_lead"] == pytest.approx(before["by_lead"], abs=2e-4)
    assert after["peak"]["median"] == pytest.approx(before["peak"]["median"] * 1.8 + 32, abs=1e-3)
    assert fahrenheit["paths"][0] == pytest.approx([path * 1.8 + 32 for path in celsius["paths"][0]], abs=1e-3)


def test_an_event_that_cannot_be_judged_has_an_error_and_spoils_nothing(seas_client: httpx.Client) -> None:
    request = {"horizon": 3, "series": [days()], "events": [HEATWAVE, WARM]}
    failed, warm = entry(seas_client, request, strict="true")["events"]
    assert set(failed) == {"name", "error"}
    assert "a baseline needs 10 years: send a longer series, or a baseline" in failed["error"]
    assert "error" not in warm


def test_a_baseline_of_the_series_replaces_that_of_the_request(seas_client: httpx.Client) -> None:
    upside_down = {"climatology": GIVEN["threshold"], "threshold": GIVEN["climatology"]}
    uneven = {**GIVEN, "threshold": [*GIVEN["threshold"][:-1], 0.0]}
    percentile = {"name": "p90", "above": {"percentile": 90}}
    request = {
        "horizon": 3,
        "model": "gru",
        "events": [percentile, WARM],
        "baseline": GIVEN,
        "series": [days(), days(baseline=upside_down), days(baseline=uneven)],
    }
    good, wrong, partly = (forecast["events"] for forecast in post(seas_client, request)["forecasts"])
    assert good[0]["threshold"] == [GIVEN["threshold"][0]] * 3
    assert "this event needs percentile 90" in wrong[0]["error"]
    assert partly[0]["error"] == "baseline.threshold[365] must be above baseline.climatology[365] for marine heatwaves"
    assert good[1] == wrong[1] == partly[1]


@pytest.mark.parametrize(
    ("baseline", "sentence"),
    [
        (GIVEN | {"threshold": [400.0] * 366}, "baseline.threshold[0] is 400 °C, outside the range of sea temp"),
        (GIVEN | {"threshold": GIVEN["climatology"]}, "baseline.threshold is the same as baseline.climatology: send"),
        (
            {"start": "2050-01-01", "end": "2090-01-01"},
            "the series has no values between 2050-01-01 and 2090-01-01, but a baseline needs 10 years: choose another "
            "period, or send a longer series, or a baseline with",
        ),
    ],
)
def test_a_baseline_that_cannot_be_used_is_an_error_of_each_event_that_needs_it(
    seas_client: httpx.Client, baseline: Json, sentence: str
) -> None:
    events = [HEATWAVE, {"name": "p90", "above": {"percentile": 90}}, WARM]
    request = {"horizon": 3, "model": "gru", "events": events, "baseline": baseline, "series": [days()]}
    heatwave, percentile, warm = entry(seas_client, request)["events"]
    assert heatwave["error"].startswith(sentence)
    assert percentile["error"] == heatwave["error"]
    assert "error" not in warm


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([{"name": "a", "above": 20, "below": 10}], "body.events[0]: give above or below, not both"),
        ([{"name": "a"}], 'body.events[0]: give above or below: a temperature, or {"percentile": 90}'),
        ([{"name": "a", "above": 20, "within": 4}], "events[0].within is 4, but the horizon is 3: ask for a horizon"),
        ([WARM, WARM], "body.events: two events are named 'warm': give each its own name"),
        ([{"name": "a", "above": 20, "for": 0}], "body.events[0].for: must be greater than or equal to 1"),
        ([{"name": "a", "above": 68}], "events[0].above is 68 °C, outside the range of sea temperatures"),
        ([{"name": "a", "kind": "degree_heating_weeks", "mmm": 84}], "events[0].mmm is 84 °C, outside the range"),
        ([{"name": "a", "kind": "storm"}], "body.events[0]: kind must be one of `threshold`, `marine_heatwave`"),
        ([{"name": "a", "above": {"percentile": 0}}], "body.events[0].above.percentile: must be greater than or"),
        ([HEATWAVE | {"above": 20}], "body.events[0].above: unknown field"),
        ([{"name": str(i), "above": 20} for i in range(21)], "body.events: must have at most 20 items, not 21"),
    ],
)
def test_an_invalid_event_is_a_422_that_says_what_to_do(
    seas_client: httpx.Client, events: list[Json], sentence: str
) -> None:
    response = seas_client.post("/forecast", json={"horizon": 3, "series": [days()], "events": events})
    assert response.status_code == 422
    assert sentence in loaded(response)["detail"]
    lines = seas_client.post(
        "/forecast",
        params={"horizon": 3, "events": json.dumps(events)},
        content=json.dumps(days()),
        headers=NDJSON,
    )
    assert lines.status_code == 422
    assert sentence.replace("body.", "query.") in loaded(lines)["detail"]


def test_events_and_paths_do_not_reach_as_far_as_forecasts(client: httpx.Client) -> None:
    request = {"horizon": 301, "paths": 1, "series": [days()]}
    detail = loaded(client.post("/forecast", json=request))["detail"]
    assert detail == "horizon 301 is too large for events and paths: they reach at most 300 steps ahead"


def test_a_position_that_the_forecast_ignores_gives_no_maximum_monthly_mean(seas_client: httpx.Client) -> None:
    event = {"name": "bleaching", "kind": "degree_heating_weeks"}
    near = days(latitude=36.0, longitude=-20.0)
    far = days(values=years(2), latitude=75.0, longitude=-10.0)
    request = {"horizon": 2, "model": "gru", "events": [event], "series": [near, far]}
    used, ignored = post(seas_client, request)["forecasts"]
    assert used["events"][0]["mmm_source"] == "position"
    assert "no_climatology" in [warning["code"] for warning in ignored["warnings"]]
    assert ignored["events"][0]["error"].startswith("degree heating weeks need the maximum monthly mean")


def test_each_line_has_its_events_with_its_own_baseline(seas_client: httpx.Client) -> None:
    percentile = {"name": "p90", "above": {"percentile": 90}}
    series = [days(id="own", baseline=GIVEN), days(id="none")]
    request: Json = {"horizon": 3, "model": "gru", "events": [WARM, percentile], "paths": 2}
    response = seas_client.post(
        "/forecast",
        params={**request, "events": json.dumps(request["events"])},
        content="\n".join(map(json.dumps, series)),
        headers=NDJSON,
    )
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert lines == post(seas_client, {**request, "series": series})["forecasts"]
    assert ["error" in event for line in lines for event in line["events"]] == [False, False, False, True]


def test_every_line_is_answered_where_few_fit_at_a_time(client: httpx.Client, nino12: SstSeries) -> None:
    (series,) = body(nino12)["series"]
    content = "\n".join(json.dumps(series | {"id": str(i)}) for i in range(40))
    query = {"dataset": "nino12", "model": "gru", "horizon": "12", "paths": "1000"}
    response = client.post("/forecast", params=query, content=content, headers=NDJSON)
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["id"] for line in lines] == [str(i) for i in range(40)]
    assert {len(line["paths"]) for line in lines} == {1_000}


def test_a_dataset_is_forecast_with_events(client: httpx.Client) -> None:
    events = [{"name": "warm", "above": 24.0}, HEATWAVE]
    query = {"events": json.dumps(events), "paths": "3", "horizon": "2"}
    (forecast,) = answered(client.get("/forecast", params=query))["forecasts"]
    warm, heatwave = forecast["events"]
    assert len(warm["by_lead"]) == 2
    assert "the step is one month" in heatwave["error"]
    assert np.array(forecast["paths"]).shape == (3, 2)


@pytest.mark.parametrize(
    ("events", "detail"),
    [
        ('[{"name": "warm"}]', "query.events[0]: give above or below"),
        ("warm", "query.events: send a JSON array: unexpected text at line 1 column 1"),
        ('{"name": "warm"}', "query.events: must be a valid array"),
    ],
)
def test_events_in_a_query_that_are_not_valid_are_a_422(client: httpx.Client, events: str, detail: str) -> None:
    for response in (
        client.get("/forecast", params={"events": events}),
        client.post("/forecast", params={"events": events}, content=b"", headers=NDJSON),
    ):
        assert response.status_code == 422
        assert detail in response.json()["detail"]


def test_an_empty_parameter_asks_for_no_events(client: httpx.Client) -> None:
    (forecast,) = answered(client.get("/forecast?events=&paths=0"))["forecasts"]
    assert not {"events", "paths"} & set(forecast)


def test_an_answer_with_too_many_paths_is_refused_beforehand(seas_client: httpx.Client) -> None:
    request = {"horizon": 14, "model": "gru", "series": [days(id=str(i)) for i in range(400)], "paths": 1_000}
    response = seas_client.post("/forecast", json=request)
    assert response.status_code == 422
    assert "or ask for fewer models, steps, levels, thresholds, events or paths" in response.json()["detail"]


def test_many_series_with_events_are_answered_as_each_alone(seas_client: httpx.Client) -> None:
    events = [{"name": str(i), "above": 17.0 + i / 4} for i in range(20)]
    series = [days(id=str(i), values=VALUES[i % 7 :]) for i in range(40)]
    series[11] = days(id="11", values=VALUES[:3])
    request = {"horizon": 3, "model": "gru", "events": events}
    entries = post(seas_client, {**request, "series": series})["forecasts"]
    assert "error" in entries[11]
    for i in (0, 12, 13, 39):
        assert entries[i] == entry(seas_client, {**request, "series": [series[i]]})
