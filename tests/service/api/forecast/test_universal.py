"""POST /forecast with universal releases: series from any sea, each at its own step."""

import json
from datetime import date, timedelta

import httpx
import numpy as np
import pytest

from forecasting.series.sst_series import SstSeries
from tests.forecasting.models.universal.tiny import VERSION
from tests.service.api.forecast.daily import VALUES, days, forecast, held
from tests.service.requests import NDJSON, Json, answered, body

NETWORKS = {f"ocean-daily-{cell}" for cell in ("rnn", "lstm", "gru")}


def post(client: httpx.Client, *series: Json, **fields: object) -> Json:
    return held(client.post("/forecast", json={"series": series, **fields}))


def error(client: httpx.Client, series: Json, **fields: object) -> str:
    (entry,) = post(client, series, **fields)["forecasts"]
    text: str = entry["error"]
    strict = client.post("/forecast?strict=true", json={"series": [series], **fields})
    assert (strict.status_code, text in strict.json()["detail"]) == (422, True)
    return text


@pytest.mark.parametrize("fields", [{}, {"dataset": "ocean-daily"}, {"model": "ocean-daily-gru"}])
def test_sixty_days_of_any_sea_get_a_forecast_at_their_own_step(seas_client: httpx.Client, fields: Json) -> None:
    request = {"horizon": 2, "levels": [50, 80], "thresholds": [19.5], **fields}
    answer = post(seas_client, days(), **request)
    assert (answer["version"], answer["step"], answer["units"]) == (VERSION, "day", "celsius")
    (entry,) = answer["forecasts"]
    assert (entry["id"], entry["version"], entry["step"]) == ("pier", VERSION, "day")
    assert answer["model"] == entry["model"]
    assert entry["timestamps"] == ["2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"]
    assert [interval["level"] for interval in entry["intervals"]] == [50, 80]
    for interval in entry["intervals"]:
        assert np.all(np.less(interval["lower"], entry["sst"]))
        assert np.all(np.less(entry["sst"], interval["upper"]))
    (exceedance,) = entry["exceedance"]
    assert all(0 <= probability <= 1 for probability in exceedance["probability"])
    assert entry["baselines"]["persistence"] == [VALUES[-1]] * 2
    assert ("chosen" in entry) == ("model" not in fields)


def test_the_answer_says_why_a_model_was_chosen(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days(), horizon=2)
    assert entry["model"] == "mixture"
    chosen = entry["chosen"]
    assert (chosen["by"], chosen["origins"]) == ("own_past", 45)
    assert set(chosen["rmse"]) > {"mixture", "persistence"}
    assert len(NETWORKS & set(chosen["rmse"])) == 1
    assert set(chosen["weights"]) < set(chosen["rmse"])
    assert np.sum([*chosen["weights"].values()], axis=0) == pytest.approx([1, 1], abs=0.01)
    assert chosen["rmse_by_lead"].keys() == chosen["rmse"].keys()
    for name, errors in chosen["rmse_by_lead"].items():
        assert len(errors) == 2
        assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(chosen["rmse"][name], rel=0.02)
    (first,) = forecast(seas_client, days())["chosen"]["rmse_by_lead"]["persistence"]
    assert first == pytest.approx(chosen["rmse_by_lead"]["persistence"][0], abs=1e-4)
    assert first < chosen["rmse_by_lead"]["persistence"][1]
    short = forecast(seas_client, days(values=VALUES[-20:]))
    assert (short["chosen"]["by"], "weights" in short["chosen"]) == ("held_out_seas", False)


def test_timestamps_tell_the_step(seas_client: httpx.Client) -> None:
    stamps = [(date(2024, 1, 1) + timedelta(days=i)).isoformat() for i in range(60)]
    stamped = {"id": "pier", "timestamps": stamps, "values": VALUES}
    assert forecast(seas_client, stamped) == forecast(seas_client, days())
    months = [f"{2000 + i // 12}-{i % 12 + 1:02}" for i in range(60)]
    assert forecast(seas_client, {"timestamps": months, "values": VALUES})["step"] == "month"


def test_each_series_is_forecast_at_its_own_step_and_only_what_they_share_is_at_the_top(
    seas_client: httpx.Client,
) -> None:
    daily, monthly = days(), days(start="2020-01-01", step="month")
    answer = post(seas_client, daily, monthly, model="gru")
    assert "model" not in answer
    assert "step" not in answer
    assert answer["version"] == VERSION
    assert [entry["model"] for entry in answer["forecasts"]] == ["ocean-daily-gru", "ocean-monthly-gru"]
    assert [entry["step"] for entry in answer["forecasts"]] == ["day", "month"]
    assert answer["forecasts"] == [forecast(seas_client, member, model="gru") for member in (daily, monthly)]


def test_all_answers_with_each_network(seas_client: httpx.Client) -> None:
    answer = post(seas_client, days(), days(values=VALUES[:3]), model="all")
    assert [model["model"] for model in answer["models"]] == [
        "ocean-daily-rnn",
        "ocean-daily-lstm",
        "ocean-daily-gru",
    ]
    for model in answer["models"]:
        good, bad = model["forecasts"]
        assert good["model"] == model["model"]
        assert "send 11 more" in bad["error"]


def test_many_series_are_answered_as_each_alone(seas_client: httpx.Client) -> None:
    many = [days(id=str(i), values=VALUES[i % 7 :]) for i in range(300)]
    many[40] = days(id="40", values=[None] * 20)
    entries = post(seas_client, *many, model="gru", levels=[])["forecasts"]
    assert [entry["id"] for entry in entries] == [str(i) for i in range(300)]
    assert "error" in entries[40]
    for i in (0, 41, 255, 256, 299):
        alone = forecast(seas_client, many[i], model="gru", levels=[])
        assert entries[i]["sst"] == pytest.approx(alone["sst"], abs=1e-4)


def test_units_apply_to_the_request_and_the_answer(seas_client: httpx.Client) -> None:
    celsius = forecast(seas_client, days(), thresholds=[20.0], model="gru")
    warm = days(values=[value * 1.8 + 32 for value in VALUES])
    fahrenheit = forecast(seas_client, warm, thresholds=[68.0], model="gru", units="fahrenheit")
    assert fahrenheit["sst"] == pytest.approx([value * 1.8 + 32 for value in celsius["sst"]], abs=1e-3)
    probabilities = [entry["exceedance"][0]["probability"][0] for entry in (celsius, fahrenheit)]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-3)


def test_the_step_is_required_with_start(seas_client: httpx.Client) -> None:
    series = days()
    del series["step"]
    response = seas_client.post("/forecast", json={"series": [days(), series]})
    assert response.status_code == 422
    assert response.json()["detail"] == '`step` is required with `start`; for example "day"'
    assert response.json()["errors"][0]["location"] == "body.series[1].step"
    (line,) = seas_client.post("/forecast", content=json.dumps(series), headers=NDJSON).text.splitlines()
    assert json.loads(line)["error"] == '`step` is required with `start`; for example "day"'
    assert forecast(seas_client, series, dataset="ocean-daily") == forecast(seas_client, days())
    monthly = series | {"start": "2020-01-01"}
    assert forecast(seas_client, monthly, model="ocean-monthly-gru")["step"] == "month"


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"values": VALUES[:13]}, "at least 14 daily values, but the series has 13: send 1 more"),
        ({"values": [None] * 30}, "every value of the series is missing"),
        ({"values": [20.0] * 30}, "all 30 values are 20 °C"),
        (
            {"values": [*VALUES, 39.5]},
            "values[60] is 39.5 °C, outside the range of sea temperatures (-2.5 to 38); if the values are in °F "
            "or kelvin, set the units; if it marks a missing value, send null in its place",
        ),
        ({"values": [*VALUES, -2.7]}, "values[60] is -2.7 °C, outside the range of sea temperatures"),
        ({"values": [value * 1.8 + 32 for value in VALUES]}, "set the units to fahrenheit"),
        ({"values": [value + 273.15 for value in VALUES]}, "set the units to kelvin"),
        (
            {"values": [39.0]},
            "values[0] is 39 °C, outside the range of sea temperatures (-2.5 to 38); the values look",
        ),
        ({"values": [37.0, 39.0]}, "if the values are in °F, set the units to fahrenheit"),
        ({"values": [271.0, 272.5]}, "the values look like kelvin: set the units to kelvin"),
        ({"values": VALUES[:40] + [None] * 14}, "send newer values"),
        ({"step": "fortnight"}, "unknown step 'fortnight'"),
        ({"start": "yesterday"}, "time 'yesterday' is not an ISO 8601 time"),
        ({"start": "9999-11-02"}, "the forecast would extend past the year 9999"),
        ({"latitude": 43.0}, "longitude is missing"),
        ({"longitude": 7.0}, "latitude is missing"),
        ({"start": None}, "give either start"),
        ({"timestamps": ["2024-01-01"] * 60, "start": None}, "times are repeated"),
        ({"timestamps": ["2024-01-01"], "start": None, "step": None}, "at least two times"),
        ({"timestamps": ["today"] * 60, "start": None, "step": None}, "timestamps[0]: time 'today'"),
    ],
)
def test_a_series_that_cannot_be_forecast_gets_a_sentence(
    seas_client: httpx.Client, series: Json, message: str
) -> None:
    assert message in error(seas_client, days(**series))


def test_the_last_day_of_the_calendar_is_forecast(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days(start="9999-11-01"), as_of="9999-12-31")
    assert entry["timestamps"] == ["9999-12-31T00:00:00Z"]


def test_a_trailing_gap_is_bridged_with_a_warning(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days(values=VALUES[:40] + [None] * 5))
    assert entry["timestamps"] == ["2024-02-15T00:00:00Z"]
    assert "late" in [warning["code"] for warning in entry["warnings"]]


def test_a_position_on_land_is_ignored_with_a_warning(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days(latitude=48.1, longitude=11.6), model="gru")
    plain = forecast(seas_client, days(), model="gru")
    assert entry["warnings"][1:] == plain["warnings"]
    assert entry["warnings"][0]["code"] == "no_climatology"
    assert "48.1° N, 11.6° E is on land" in entry["warnings"][0]["message"]
    assert entry["sst"] == plain["sst"]


@pytest.mark.parametrize("position", [{"latitude": 90.5}, {"longitude": 361}, {"latitude": "43"}, {"longitude": -181}])
def test_a_position_that_does_not_exist_is_refused(seas_client: httpx.Client, position: Json) -> None:
    response = seas_client.post("/forecast", json={"series": [days(latitude=1, longitude=1) | position]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == f"body.series[0].{next(iter(position))}"


def test_another_step_than_that_of_the_named_release_names_the_one_that_takes_it(
    seas_client: httpx.Client, nino12: SstSeries
) -> None:
    expected = "the step is one month, but ocean-daily forecasts steps of one day; ocean-monthly forecasts steps of one"
    assert expected in error(seas_client, days(step="month"), dataset="ocean-daily")
    expected = (
        "the step is one day, but this model forecasts steps of one month; ocean-daily forecasts steps of one day"
    )
    assert expected in error(seas_client, days(), dataset="nino12")
    stamps = [(date(2024, 1, 1) + timedelta(days=i)).isoformat() for i in range(60)]
    assert "; ocean-daily forecasts" in error(seas_client, {"timestamps": stamps, "values": VALUES}, model="nino12-gru")


def test_a_step_between_those_of_the_releases_is_served_by_the_nearest(seas_client: httpx.Client) -> None:
    entry = forecast(seas_client, days(step="week"), horizon=2)
    assert (entry["step"], entry["model"][:11]) == ("week", "ocean-daily")
    assert entry["timestamps"] == ["2025-02-24T00:00:00Z", "2025-03-03T00:00:00Z"]
    assert entry["warnings"][-1] == {
        "code": "resampled",
        "message": "the series has a step of one week, but ocean-daily forecasts steps of one day: it was forecast at "
        "steps of one day, and every 7th was kept",
    }
    hours = [20 + np.sin(2 * np.pi * i / 4) for i in range(120)]
    six_hourly = forecast(seas_client, days(step="PT6H", values=hours), horizon=8, model="gru")
    assert six_hourly["timestamps"][:2] == ["2024-01-31T00:00:00Z", "2024-01-31T06:00:00Z"]
    assert six_hourly["sst"] == pytest.approx([20, 21, 20, 19] * 2, abs=0.2)
    assert "the usual daily cycle" in six_hourly["warnings"][-1]["message"]
    assert "reaches further than ocean-daily forecasts" in error(seas_client, days(step="week"), horizon=3)
    assert "was resampled to one day" in error(seas_client, days(step="PT6H", values=hours[:20]))
    expected = "; without a dataset or model, ocean-daily forecasts steps of 6 hours by resampling them"
    assert error(seas_client, days(step="PT6H"), dataset="ocean-daily").endswith(expected)


def test_a_step_without_a_release_is_an_error_that_names_steps_and_datasets(
    seas_client: httpx.Client, client: httpx.Client
) -> None:
    answered(client.post("/forecast", json={"series": [days()]}))
    message = error(client, days())
    assert "no universal release for this step is loaded" in message
    assert "buoy (steps of 30 minutes), nino12 (steps of one month)" in message
    assert "name a dataset" in message
    assert len(post(client, days(), model="all")["models"]) == 3


def test_a_horizon_out_of_range_is_refused(seas_client: httpx.Client) -> None:
    assert "ocean-daily forecasts 1 to 14 steps of one day" in error(seas_client, days(), horizon=15)
    response = seas_client.post("/forecast", json={"dataset": "ocean-daily", "horizon": 15, "series": [days()]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == "body.horizon"


def test_names_are_checked(seas_client: httpx.Client) -> None:
    def refused(**fields: str) -> tuple[int, str]:
        response = seas_client.post("/forecast", json={"series": [days()], **fields})
        return response.status_code, response.json()["detail"]

    status, detail = refused(model="nino12-gru", dataset="ocean-daily")
    assert (status, detail) == (422, "model nino12-gru belongs to dataset nino12, not ocean-daily")
    status, detail = refused(model="ocean-daily-gru", dataset="nino12")
    assert (status, detail) == (422, "model ocean-daily-gru belongs to dataset ocean-daily, not nino12")
    for fields in ({"model": "transformer"}, {"model": "transformer", "dataset": "ocean-daily"}):
        status, detail = refused(**fields)
        assert (status, "ocean-daily-gru" in detail) == (404, True)
    assert refused(dataset="north-sea")[0] == 404


def test_a_request_that_names_a_place_is_answered_as_before(
    seas_client: httpx.Client, client: httpx.Client, nino12: SstSeries
) -> None:
    for fields in ({}, {"dataset": None, "model": "nino12-gru"}):
        request = body(nino12) | fields
        assert answered(seas_client.post("/forecast", json=request)) == answered(client.post("/forecast", json=request))


def test_lines_are_answered_as_json_is(seas_client: httpx.Client) -> None:
    sent = [
        days(id="a"),
        days(id="b", start="2020-01-01", step="month"),
        days(id="c", values=[1.0]),
        days(id="d", latitude=99),
    ]
    content = "\n".join(map(json.dumps, sent))
    for query in ({"model": "gru"}, {"model": "gru", "dataset": "ocean-daily"}, {"model": "best"}):
        response = seas_client.post("/forecast", params=query, content=content, headers=NDJSON)
        lines = [json.loads(line) for line in response.text.splitlines()]
        entries = post(seas_client, *sent[:3], **query)["forecasts"]
        for line, entry in zip(lines[:3], entries, strict=True):
            line.pop("line", None)
            assert line == entry
        assert lines[3]["error"] == "latitude: must be less than or equal to 90"


def test_lines_with_all_have_each_network(seas_client: httpx.Client) -> None:
    content = "\n".join(map(json.dumps, [days(id="a"), days(id="b", values=[1.0])]))
    response = seas_client.post("/forecast", params={"model": "all"}, content=content, headers=NDJSON)
    good, bad = (json.loads(line) for line in response.text.splitlines())
    assert {model["model"] for model in good["models"]} == NETWORKS
    assert good["models"][0]["step"] == "day"
    assert [model["model"] for model in bad["models"]] == ["rnn", "lstm", "gru"]
    assert "send 13 more" in bad["error"]
    named = seas_client.post("/forecast?model=all&dataset=ocean-daily&horizon=15", content=content, headers=NDJSON)
    assert named.status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/forecast",
        "/compare/plot",
        "/compare/predictions",
        "/compare/training",
        pytest.param("/series", marks=pytest.mark.plugin("uploads")),
    ],
)
def test_calls_about_a_place_point_to_the_calls_that_take_series(seas_client: httpx.Client, path: str) -> None:
    response = seas_client.get(path, params={"dataset": "ocean-daily"})
    assert response.status_code == 422
    assert "send your series to POST /forecast" in response.json()["detail"]
    assert response.json()["errors"][0]["location"] == "query.dataset"


def test_universal_models_are_listed_with_the_others(seas_client: httpx.Client) -> None:
    models = {model["model"]: model for model in answered(seas_client.get("/models"))["models"]}
    assert {name for name, model in models.items() if model["kind"] == "universal"} == NETWORKS | {
        f"ocean-monthly-{cell}" for cell in ("rnn", "lstm", "gru")
    }
    gru = models["ocean-daily-gru"]
    assert (gru["step"], gru["horizon"], gru["window"], gru["best"]) == ("day", 14, 30, True)
    assert answered(seas_client.get("/models/ocean-daily-gru"))["metadata"]["kind"] == "universal"
    assert answered(seas_client.get("/models/best?dataset=ocean-daily"))["model"] == "ocean-daily-gru"
    card = seas_client.get("/models/ocean-daily-gru/card")
    assert (card.status_code, "has no model card" in card.json()["detail"]) == (404, True)
    assert "ocean-daily-gru" in answered(seas_client.get("/health/ready"))["models"]
    assert 'model="ocean-daily-gru"' in seas_client.get("/metrics").text


def test_a_short_series_is_compared_with_the_climatology_of_its_position_at_any_step(seas_client: httpx.Client) -> None:
    position = {"latitude": 43.6, "longitude": 9.1}
    halves = {
        "start": "2024-01-01",
        "step": "PT30M",
        "values": [round(13.5 + 0.002 * (i % 48) + i / 3000, 4) for i in range(960)],
    }
    for series in (days(**position), halves | {"id": "pier"} | position):
        usual = forecast(seas_client, series, horizon=2)["usual"]
        assert (usual["years"], usual["source"]) == ([2010, 2020], "position")
        climatology = forecast(seas_client, series, horizon=2)["baselines"]["climatology"]
        assert climatology == pytest.approx([usual["sst"]] * 2, abs=0.15)
    kelvin = [value + 273.15 for value in VALUES]
    warm = forecast(seas_client, days(values=kelvin, **position), units="kelvin")["usual"]
    assert warm["sst"] == pytest.approx(forecast(seas_client, days(**position))["usual"]["sst"] + 273.15, abs=1e-4)
