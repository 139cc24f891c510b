"""Universal networks over the Open Inference Protocol."""

from typing import Any

import httpx
import numpy as np
import pytest

from tests.forecasting.models.universal.tiny import LEVELS, VERSION
from tests.service.requests import Json, answered

MODEL = "/v2/models/ocean-daily-gru"
WINDOW = [round(18 + np.sin(i / 5), 3) for i in range(30)]
HEADER = "Inference-Header-Content-Length"


def tensor(name: str, datatype: str, data: list[Any]) -> Json:
    return {"name": name, "datatype": datatype, "shape": list(np.shape(data)), "data": data}


def inputs(windows: list[list[float | None]], *others: Json) -> Json:
    times = [1.7e9] * len(windows)
    return {"inputs": [tensor("sst", "FP32", windows), tensor("valid_time", "FP64", times), *others]}


def infer(client: httpx.Client, request: Json, path: str = MODEL) -> dict[str, np.ndarray[Any, Any]]:
    answer = answered(client.post(f"{path}/infer", json=request))
    assert (answer["model_name"], answer["model_version"]) == ("ocean-daily-gru", VERSION)
    return {output["name"]: np.reshape(output["data"], output["shape"]) for output in answer["outputs"]}


def refusal(client: httpx.Client, request: Json) -> str:
    response = client.post(f"{MODEL}/infer", json=request)
    assert response.status_code == 400
    text: str = response.json()["error"]
    return text


def test_every_universal_network_in_the_index_is_served(seas_client: httpx.Client) -> None:
    index: list[Json] = seas_client.post("/v2/repository/index").json()
    ready = {entry["name"] for entry in index if entry["state"] == "READY"}
    assert {"ocean-daily-gru", "ocean-monthly-rnn"} <= ready
    for name in ready:
        metadata = answered(seas_client.get(f"/v2/models/{name}"))
        assert (metadata["name"], metadata["platform"]) == (name, "pytorch_torchscript")
        assert answered(seas_client.get(f"/v2/models/{name}/ready")) == {"name": name, "ready": True}
    statistics = answered(seas_client.get("/v2/models/stats"))["model_stats"]
    assert {entry["name"] for entry in statistics} == ready


def test_metadata_and_configuration_describe_the_tensors(seas_client: httpx.Client) -> None:
    metadata = answered(seas_client.get(MODEL))
    assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in metadata["inputs"]] == [
        ("sst", "FP32", [-1, 30]),
        ("valid_time", "FP64", [-1]),
        ("latitude", "FP64", [-1]),
        ("longitude", "FP64", [-1]),
    ]
    assert [(tensor["name"], tensor["shape"]) for tensor in metadata["outputs"]] == [
        ("forecast", [-1]),
        ("quantiles", [-1, 14, len(LEVELS)]),
    ]
    config = answered(seas_client.get(f"{MODEL}/config"))
    parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
    assert {
        "dataset": "ocean-daily",
        "units": "celsius",
        "horizon": "14",
        "minimum": "14",
    }.items() <= parameters.items()
    assert parameters["levels"].split(",") == [f"{level:g}" for level in LEVELS]


def test_a_window_gets_the_forecast_of_the_next_step_and_all_quantiles(seas_client: httpx.Client) -> None:
    outputs = infer(seas_client, inputs([WINDOW, WINDOW[::-1]]))
    assert outputs["forecast"] == pytest.approx([WINDOW[-1] + 0.01, WINDOW[0] + 0.01], abs=1e-5)
    assert outputs["quantiles"].shape == (2, 14, len(LEVELS))
    assert (np.diff(outputs["quantiles"], axis=2) > 0).all()
    best = infer(seas_client, inputs([WINDOW]) | {"parameters": {"dataset": "ocean-daily"}}, "/v2/models/best")
    assert best["forecast"] == pytest.approx(outputs["forecast"][:1], abs=1e-6)
    assert answered(seas_client.get("/v2/models/best?dataset=ocean-daily"))["name"] == "ocean-daily-gru"


def test_nan_and_null_mean_missing(seas_client: httpx.Client) -> None:
    gappy: list[float | None] = [None] * 10 + [*WINDOW[10:]]
    as_json = infer(seas_client, inputs([gappy]))
    values = np.array([[np.nan if value is None else value for value in gappy]], dtype="<f4")
    times = np.array([1.7e9], dtype="<f8")
    head = (
        b'{"inputs":[{"name":"sst","datatype":"FP32","shape":[1,30],"parameters":{"binary_data_size":120}},'
        b'{"name":"valid_time","datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8}}],'
        b'"outputs":[{"name":"quantiles","parameters":{"binary_data":true}},{"name":"forecast"}]}'
    )
    content = head + values.tobytes() + times.tobytes()
    response = seas_client.post(f"{MODEL}/infer", content=content, headers={HEADER: str(len(head))})
    assert response.status_code == 200
    tail = response.content[int(response.headers[HEADER]) :]
    quantiles = np.frombuffer(tail, "<f4").reshape(1, 14, len(LEVELS))
    assert quantiles == pytest.approx(as_json["quantiles"], abs=1e-5)


def test_a_position_may_be_given_for_some_rows(seas_client: httpx.Client) -> None:
    position = tensor("latitude", "FP64", [43.0, None]), tensor("longitude", "FP64", [7.0, None])
    outputs = infer(seas_client, inputs([WINDOW, WINDOW], *position))
    assert outputs["forecast"] == pytest.approx([WINDOW[-1] + 0.01] * 2, abs=1e-5)
    half = tensor("latitude", "FP64", [43.0]), tensor("longitude", "FP64", [None])
    assert refusal(seas_client, inputs([WINDOW], *half)).startswith("row 0 has half of a position")
    assert refusal(seas_client, inputs([WINDOW], half[0])).startswith("row 0 has half of a position")
    wrong = tensor("latitude", "FP64", [91.0]), tensor("longitude", "FP64", [7.0])
    assert refusal(seas_client, inputs([WINDOW], *wrong)) == "latitude[0] is 91: not in degrees (-90 to 90)"


def test_windows_that_cannot_be_forecast_from_are_refused(seas_client: httpx.Client) -> None:
    assert "sst[0] ends in a missing value" in refusal(seas_client, inputs([[*WINDOW[:-1], None]]))
    short: list[float | None] = [None] * 17 + [*WINDOW[17:]]
    assert refusal(seas_client, inputs([short])) == (
        "sst[0] has 13 values: ocean-daily-gru needs at least 14 that are not NaN"
    )
    assert "not a possible sea temperature" in refusal(seas_client, inputs([[39.0, *WINDOW[1:]]]))
    unknown = inputs([WINDOW], tensor("depth", "FP32", [1.0]))
    assert refusal(seas_client, unknown) == (
        "unknown input 'depth': the model takes sst, valid_time, latitude and longitude"
    )
    outputs = inputs([WINDOW]) | {"outputs": [{"name": "sst"}]}
    assert refusal(seas_client, outputs) == "unknown output 'sst': the outputs are forecast and quantiles"


def test_requests_are_counted(seas_client: httpx.Client) -> None:
    (before,) = answered(seas_client.get(f"{MODEL}/stats"))["model_stats"]
    infer(seas_client, inputs([WINDOW, WINDOW]))
    (after,) = answered(seas_client.get(f"{MODEL}/stats"))["model_stats"]
    assert after["inference_count"] == before["inference_count"] + 2
    assert after["inference_stats"]["success"]["count"] == before["inference_stats"]["success"]["count"] + 1


def test_no_rows_get_no_rows_back(seas_client: httpx.Client) -> None:
    request = {
        "inputs": [
            {"name": "sst", "datatype": "FP32", "shape": [0, 30], "data": []},
            {"name": "valid_time", "datatype": "FP64", "shape": [0], "data": []},
        ]
    }
    outputs = infer(seas_client, request)
    assert outputs["forecast"].shape == (0,)
    assert outputs["quantiles"].shape == (0, 14, len(LEVELS))
