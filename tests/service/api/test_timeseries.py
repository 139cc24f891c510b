"""The time-series protocol of KServe, validated with the types of the kserve package."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.requests import Json, answered

DAYS = [round(18 + i / 100 + (i % 3) / 10, 2) for i in range(40)]
PATH = "/v1/timeseries/forecast"


@pytest.fixture(scope="module")
def types() -> Any:
    """The types that the kserve package ships; `make install` puts it beside the environment's packages."""
    path = Path(sys.prefix) / "kserve/kserve/protocol/rest/timeseries/types.py"
    if not path.exists():
        pytest.skip("kserve is not installed; run make install")
    spec = importlib.util.spec_from_file_location("kserve_timeseries_types", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def pier(**fields: object) -> Json:
    series = {"type": "univariate_time_series", "name": "pier", "series": DAYS, "frequency": "D"}
    return {**series, "start_timestamp": "2025-06-01T00:00:00Z", **fields}


def request(*inputs: Json, model: str = "best", horizon: int = 3, **options: object) -> Json:
    return {"model": model, "inputs": list(inputs), "options": {"horizon": horizon, **options}}


def test_a_request_of_kserves_types_gets_what_post_forecast_forecasts(seas_client: httpx.Client, types: Any) -> None:
    question = types.ForecastRequest(**request(pier(), quantiles=[0.025, 0.1, 0.5, 0.9]), metadata={"request": "7"})
    answer = answered(seas_client.post(PATH, content=question.model_dump_json()))
    response = types.ForecastResponse.model_validate(answer)
    series = [{"id": "pier", "start": "2025-06-01", "step": "day", "values": DAYS}]
    body = {"series": series, "horizon": 3, "levels": [80, 95]}
    expected = answered(seas_client.post("/forecast", json=body))["forecasts"][0]
    assert response.status == types.Status.COMPLETED
    assert (answer["model"], answer["metadata"]) == ("best", {"request": "7"})
    (output,) = response.outputs
    assert (output.type, output.status) == ("time_series_forecast", types.Status.COMPLETED)
    assert (output.model, output.version) == (expected["model"], expected["version"])
    (forecast,) = output.content
    assert (forecast.name, forecast.frequency) == ("pier", types.Frequency.DAY_SHORT)
    assert forecast.start_timestamp == expected["timestamps"][0] == "2025-07-11T00:00:00Z"
    assert forecast.mean_forecast == expected["sst"]
    narrow, wide = expected["intervals"]
    assert forecast.quantiles == {
        "0.025": wide["lower"],
        "0.1": narrow["lower"],
        "0.5": expected["sst"],
        "0.9": narrow["upper"],
    }


def test_without_quantiles_there_is_only_the_mean_forecast(seas_client: httpx.Client) -> None:
    (output,) = answered(seas_client.post(PATH, json=request(pier())))["outputs"]
    assert output["content"][0]["quantiles"] is None


def test_a_network_of_a_place_answers_if_it_is_named(client: httpx.Client) -> None:
    months = [24 + (i % 12) / 4 for i in range(60)]
    series = pier(series=months, frequency="month", start_timestamp="2005-01-01")
    answer = answered(client.post(PATH, json=request(series, model="nino12-gru", quantiles=[0.1])))
    assert answer["outputs"][0]["model"] == "nino12-gru"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "multivariate_time_series"}, "send each variable as an input"),
        ({"series": [[1.0], [2.0]]}, "send each variable as an input"),
        ({"start_timestamp": None}, "start_timestamp is missing: SST depends on the time of year"),
        ({"frequency": "Q"}, "the frequency 'Q' cannot be forecast: send second, minute, hour, day, week or month"),
        ({"series": DAYS[:5]}, "14"),
        ({"start_timestamp": "yesterday"}, "yesterday"),
    ],
)
def test_a_series_that_cannot_be_forecast_fails_alone(
    seas_client: httpx.Client, types: Any, fields: Json, message: str
) -> None:
    answer = answered(seas_client.post(PATH, json=request(pier(**fields), pier(name="buoy"))))
    response = types.ForecastResponse.model_validate(answer)
    failed, good = response.outputs
    assert response.status == types.Status.PARTIAL
    assert (failed.status, failed.content) == (types.Status.ERROR, [])
    assert message in failed.error.message
    assert good.content[0].name == "buoy"
    assert answered(seas_client.post(PATH, json=request(pier(**fields))))["status"] == "error"


@pytest.mark.parametrize(
    ("body", "status", "param", "message"),
    [
        (request(pier(), model="nino12-transformer"), 404, None, "nino12-transformer"),
        (request(pier(), model="all"), 422, "model", "all"),
        (request(pier(), horizon=0), 422, "options.horizon", "1"),
        (request(pier(type="video", series=[[1.0]])), 422, "inputs[0].type", "univariate_time_series"),
        (request(pier(), model="nino12-gru", horizon=9_999), 422, "options.horizon", "horizon"),
        (request(pier(), quantiles=[0.1234]), 422, "options.quantiles[0]", "0.005"),
        (request(pier(), quantiles=[1.0]), 422, "options.quantiles[0]", "1"),
        (request(pier(frequency="fortnight")), 422, "inputs[0].frequency", "day"),
        ({"model": "best", "inputs": []}, 422, "inputs", "1"),
    ],
)
def test_an_error_has_the_form_of_the_protocol(
    seas_client: httpx.Client, types: Any, body: Json, status: int, param: str | None, message: str
) -> None:
    answer = seas_client.post(PATH, json=body)
    assert answer.status_code == status
    error = types.ErrorResponse.model_validate(answer.json()).error
    assert (error.code, error.param) == (str(status), param)
    assert message in error.message


def test_a_body_that_is_not_json_and_a_wrong_method_have_that_form_too(seas_client: httpx.Client, types: Any) -> None:
    for answer, status in ((seas_client.post(PATH, content=b"{"), 400), (seas_client.get(PATH), 405)):
        assert answer.status_code == status
        assert types.ErrorResponse.model_validate(answer.json()).error.code == str(status)


def test_the_models_are_listed_by_name(client: httpx.Client) -> None:
    names: Any = client.get("/v1/timeseries/models").json()
    assert {"nino12-rnn", "nino12-lstm", "nino12-gru"} <= {*names}


def test_weather_is_a_further_field_of_an_input(seas_client: httpx.Client, types: Any) -> None:
    weather = {"air_temperature": [17.0] * 43, "wind_speed": [4.0] * 43}
    question = types.ForecastRequest(**request(pier(weather=weather), pier(weather={"wind_speed": [99.0]})))
    answer = answered(seas_client.post(PATH, content=question.model_dump_json()))
    response = types.ForecastResponse.model_validate(answer)
    good, failed = response.outputs
    assert (
        good.content
        == types.ForecastResponse.model_validate(answered(seas_client.post(PATH, json=request(pier()))))
        .outputs[0]
        .content
    )
    assert [warning["code"] for warning in good.warnings] == ["weather_ignored"]
    assert failed.error.message.startswith("weather: wind_speed is 99 m/s at 2025-06-01")


def test_weather_of_another_form_is_refused_with_its_place(seas_client: httpx.Client, types: Any) -> None:
    answer = seas_client.post(PATH, json=request(pier(weather={"humidity": [80.0]})))
    error = types.ErrorResponse.model_validate(answer.json()).error
    assert (answer.status_code, error.param) == (422, "inputs[0].weather.humidity")
    assert "weather takes air_temperature and wind_speed" in error.message


def test_a_network_of_a_place_refuses_weather(client: httpx.Client) -> None:
    months = pier(series=[24.0 + i % 12 / 4 for i in range(60)], frequency="M", start_timestamp="2005-01-01")
    answer = client.post(PATH, json=request({**months, "weather": {"wind_speed": [5.0]}}, model="nino12-gru"))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (422, "inputs[0].weather")
