"""The Open Inference Protocol, as ``tritonclient`` speaks it and as anybody else might."""

import asyncio
import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.engine.serving import Serving
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.worker.threads import Worker
from tests.conftest import ROOT
from tests.service.plugins.inference.requests import (
    INFER,
    JANUARY_2011,
    WINDOW,
    address,
    binary_request,
    inputs,
    post_binary,
    refused,
    request,
    windows,
)
from tests.service.requests import Json, answered, body
from tests.serving import serve, serve_app


@pytest.fixture
def infer_client(client: httpx.Client) -> Iterator[Any]:
    with triton.InferenceServerClient(address(client)) as triton_client:
        yield triton_client


# As clients see it.


def test_the_server_and_its_models_describe_themselves(infer_client: Any, catalog: Catalog) -> None:
    assert infer_client.is_server_live()
    assert infer_client.is_server_ready()
    server = infer_client.get_server_metadata()
    assert server["name"] == "sst-forecasting"
    assert {"binary_tensor_data", "model_repository"} <= set(server["extensions"])
    version = catalog.dataset("nino12").version
    assert infer_client.get_model_metadata("nino12-gru") == {
        "name": "nino12-gru",
        "versions": [version],
        "platform": "pytorch_torchscript",
        "inputs": [
            {"name": "sst", "datatype": "FP32", "shape": [-1, WINDOW]},
            {"name": "valid_time", "datatype": "FP64", "shape": [-1]},
        ],
        "outputs": [{"name": "forecast", "datatype": "FP32", "shape": [-1]}],
    }
    assert infer_client.get_model_metadata("nino12-gru", version) == infer_client.get_model_metadata("gru")


def test_a_models_configuration_agrees_with_its_metadata(infer_client: Any) -> None:
    config = infer_client.get_model_config("nino12-gru")
    metadata = infer_client.get_model_metadata("nino12-gru")
    assert (config["name"], config["platform"], config["max_batch_size"]) == ("nino12-gru", metadata["platform"], 0)
    for described, configured in (("inputs", "input"), ("outputs", "output")):
        assert [(tensor["name"], f"TYPE_{tensor['datatype']}", tensor["shape"]) for tensor in metadata[described]] == [
            (tensor["name"], tensor["data_type"], tensor["dims"]) for tensor in config[configured]
        ]
    assert config["parameters"]["step"] == {"string_value": "month"}


def test_a_model_is_ready_if_the_requested_version_is_loaded(infer_client: Any, catalog: Catalog) -> None:
    version = catalog.dataset("nino12").version
    assert infer_client.is_model_ready("nino12-gru")
    assert infer_client.is_model_ready("nino12-gru", version)
    assert not infer_client.is_model_ready("nino12-gru", "1")
    assert not infer_client.is_model_ready("nino12-transformer")


@pytest.mark.parametrize(
    ("n", "binary_in", "binary_out"),
    [(0, True, True), (1, False, False), (3, True, False), (64, False, True), (65, True, True), (600, False, False)],
)
def test_inference_returns_the_output_of_the_network(
    infer_client: Any, nino12: SstSeries, gru: Forecaster, n: int, binary_in: bool, binary_out: bool
) -> None:
    sst, valid_time = windows(nino12, n)
    wanted = [triton.InferRequestedOutput("forecast", binary_data=binary_out)]
    result = infer_client.infer("nino12-gru", inputs(sst, valid_time, binary_in), outputs=wanted, request_id="pier")
    forecast = result.as_numpy("forecast")
    assert forecast.dtype == np.float32
    assert forecast.shape == (n,)
    if n:
        expected = gru.roll(sst.astype(np.float64), valid_time.astype("datetime64[s]"), 1)[:, 0]
        np.testing.assert_allclose(forecast, expected, rtol=1e-6)
    response = result.get_response()
    assert (response["model_name"], response["id"]) == ("nino12-gru", "pier")
    assert response["model_version"] == gru.metadata.version
    assert ("data" in response["outputs"][0]) is not binary_out


def test_inference_and_a_forecast_one_step_ahead_agree(
    infer_client: Any, client: httpx.Client, nino12: SstSeries
) -> None:
    (forecast,) = answered(client.post("/forecast", json=body(nino12)))["forecasts"]
    result = infer_client.infer("nino12-gru", inputs(*windows(nino12, 1)))
    assert result.as_numpy("forecast") == pytest.approx(forecast["sst"], abs=1e-5)


def test_without_requested_outputs_the_response_is_binary_if_the_client_wants(
    infer_client: Any, nino12: SstSeries
) -> None:
    (output,) = infer_client.infer("nino12-gru", inputs(*windows(nino12, 2))).get_response()["outputs"]
    assert output == {"name": "forecast", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}


def test_one_tensor_can_be_binary_and_the_other_json_in_any_order(infer_client: Any, nino12: SstSeries) -> None:
    sst, valid_time = windows(nino12, 3)
    expected = infer_client.infer("nino12-gru", inputs(sst, valid_time)).as_numpy("forecast")
    as_bytes, as_json = inputs(sst, valid_time), inputs(sst, valid_time, binary=False)
    for mixed in ([as_bytes[0], as_json[1]], [as_bytes[1], as_json[0]], as_bytes[::-1], as_json[::-1]):
        np.testing.assert_array_equal(infer_client.infer("nino12-gru", mixed).as_numpy("forecast"), expected)


@pytest.mark.parametrize(
    ("n", "binary", "sent", "wanted"),
    [
        (1, True, "gzip", None),
        (1, False, None, "gzip"),
        (600, True, "deflate", "gzip"),
        (600, False, "gzip", "deflate"),
    ],
)
def test_bodies_can_be_compressed_in_both_directions(
    infer_client: Any, nino12: SstSeries, n: int, binary: bool, sent: str | None, wanted: str | None
) -> None:
    sst, valid_time = windows(nino12, n)
    result = infer_client.infer(
        "nino12-gru",
        inputs(sst, valid_time, binary),
        request_compression_algorithm=sent,
        response_compression_algorithm=wanted,
    )
    assert result.as_numpy("forecast").shape == (n,)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.5, gzip", "deflate"),
        ("GZIP;q=0.1", "gzip"),
        ("br", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("identity", None),
        ("*", None),
        ("", None),
    ],
)
def test_a_response_is_compressed_only_as_the_client_accepts(
    client: httpx.Client, accepted: str, encoding: str | None
) -> None:
    response = client.post(INFER, json=request(300), headers={"Accept-Encoding": accepted})
    assert response.headers.get("content-encoding") == encoding
    assert len(answered(response)["outputs"][0]["data"]) == 300
    assert int(response.headers["content-length"]) < (2_000 if encoding else 10_000)


def test_only_inference_responses_are_compressed(client: httpx.Client) -> None:
    for path in ("/v2", "/v2/models/stats", "/v2/models/nino12-gru", "/v2/models/nino12-gru/config", "/v2/nowhere"):
        response = client.get(path, headers={"Accept-Encoding": "gzip, deflate, br"})
        assert "content-encoding" not in response.headers
    assert "content-encoding" not in client.post("/v2/repository/index").headers


def test_unknown_parameters_are_ignored(infer_client: Any, nino12: SstSeries) -> None:
    result = infer_client.infer(
        "nino12-gru",
        inputs(*windows(nino12, 1)),
        sequence_id=7,
        sequence_start=True,
        priority=3,
        timeout=1_000_000,
        parameters={"own": "value"},
    )
    assert result.as_numpy("forecast").shape == (1,)


def test_a_handwritten_request_gets_the_same_answer(client: httpx.Client, nino12: SstSeries) -> None:
    sst, valid_time = windows(nino12, 1)
    content, length = triton.InferenceServerClient.generate_request_body(inputs(sst, valid_time))
    headers = {"Inference-Header-Content-Length": str(length), "Content-Type": "application/octet-stream"}
    response = client.post(INFER, content=content, headers=headers)
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    result = triton.InferenceServerClient.parse_response_body(response.content, header_length=length)
    assert result.as_numpy("forecast").shape == (1,)


def test_errors_reach_the_client_as_its_own_exceptions(infer_client: Any, nino12: SstSeries) -> None:
    sst, valid_time = windows(nino12, 1)
    with pytest.raises(InferenceServerException, match=r"\[404\] no model 'nino12-transformer'"):
        infer_client.infer("nino12-transformer", inputs(sst, valid_time))
    with pytest.raises(InferenceServerException, match=r"\[404\] nino12-gru has no version '1'"):
        infer_client.infer("nino12-gru", inputs(sst, valid_time), model_version="1")
    with pytest.raises(
        InferenceServerException, match=r"\[400\] unknown output 'probability': the only output is forecast"
    ):
        infer_client.infer("nino12-gru", inputs(sst, valid_time), outputs=[triton.InferRequestedOutput("probability")])
    with pytest.raises(InferenceServerException, match=r"\[400\] output forecast does not support classification"):
        infer_client.infer(
            "nino12-gru", inputs(sst, valid_time), outputs=[triton.InferRequestedOutput("forecast", class_count=2)]
        )
    sst[0, 3] = math.nan
    with pytest.raises(InferenceServerException, match=r"\[400\] sst\[0\]\[3\] is nan"):
        infer_client.infer("nino12-gru", inputs(sst, valid_time))


def test_unsupported_extensions_are_clear_errors(infer_client: Any, nino12: SstSeries) -> None:
    for call in (
        infer_client.get_log_settings,
        infer_client.get_trace_settings,
        infer_client.get_system_shared_memory_status,
        infer_client.get_cuda_shared_memory_status,
    ):
        with pytest.raises(InferenceServerException, match=r"\[404\] no such path: /v2/"):
            call()
    shared = triton.InferInput("sst", [1, WINDOW], "FP32")
    shared.set_shared_memory("region", 96)
    with pytest.raises(InferenceServerException, match=r"\[400\] input sst: shared memory is not supported"):
        infer_client.infer("nino12-gru", [shared, inputs(*windows(nino12, 1))[1]])


def test_statistics_count_the_requests(infer_client: Any, nino12: SstSeries) -> None:
    def figures(name: str) -> Json:
        (statistics,) = infer_client.get_inference_statistics(name)["model_stats"]
        return dict(statistics)

    before, other = figures("nino12-lstm"), figures("nino12-rnn")
    for n in (1, 5):
        infer_client.infer("nino12-lstm", inputs(*windows(nino12, n)))
    after = figures("nino12-lstm")
    assert after["inference_count"] - before["inference_count"] == 6
    assert after["execution_count"] - before["execution_count"] == 2
    assert after["last_inference"] > before["last_inference"]
    for part in ("success", "queue", "compute_infer"):
        assert after["inference_stats"][part]["count"] - before["inference_stats"][part]["count"] == 2
        assert after["inference_stats"][part]["ns"] > before["inference_stats"][part]["ns"]
    assert after["inference_stats"]["fail"] == before["inference_stats"]["fail"]
    spent = {
        part: after["inference_stats"][part]["ns"] - before["inference_stats"][part]["ns"]
        for part in ("success", "queue", "compute_infer")
    }
    assert spent["success"] >= spent["queue"] + spent["compute_infer"] - 1_000
    assert figures("nino12-rnn") == other
    assert figures("lstm") == after
    everything = infer_client.get_inference_statistics()["model_stats"]
    assert len(everything) == 6
    assert after in everything


@pytest.mark.anyio
async def test_a_request_whose_client_disconnects_counts_as_failed(catalog: Catalog, gru: Forecaster) -> None:
    with Worker(1, "large") as workers:
        serving = Serving(catalog, workers, 60, Metrics())
        runner = serving.runner(catalog.places["nino12"].forecasters["gru"])
        waiting = asyncio.create_task(runner.infer(np.full((1, WINDOW), 24.5, np.float32), np.zeros(1)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    figures = runner.statistics.snapshot()["inference_stats"]
    assert (figures["fail"]["count"], figures["success"]["count"]) == (1, 0)


def test_while_it_drains_the_process_is_live_and_not_ready(artifacts: Path) -> None:
    app = create_app(Settings(artifacts=artifacts))
    with serve_app(app) as client, triton.InferenceServerClient(address(client)) as triton_client:
        assert triton_client.is_server_ready()
        app.state.lifecycle.draining = True
        assert triton_client.is_server_live()
        assert not triton_client.is_server_ready()
        assert "shutting down" in refused(client.get("/v2/health/ready"), 503)
        assert "shutting down" in refused(client.post(INFER, json=request()), 503)


@pytest.mark.anyio
async def test_before_the_models_are_loaded_it_is_live_and_not_ready(artifacts: Path) -> None:
    transport = httpx.ASGITransport(create_app(Settings(artifacts=artifacts)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/v2/health/live")).status_code == 200
        for answer in (
            await client.get("/v2/health/ready"),
            await client.post(INFER, json=request()),
            await client.post("/v2/repository/index"),
            await client.get("/v2/models/stats"),
        ):
            assert "still loading" in refused(answer, 503)


def test_the_documentations_example_runs(client: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "reference" / "inference-protocol.md").read_text(encoding="utf-8")
    example = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(example.replace("127.0.0.1:8000", address(client)), names)
    names["client"].close()
    (forecast,) = json.loads(capsys.readouterr().out)
    assert 15 < forecast < 30


# As anybody might.


def test_flat_and_nested_data_are_equivalent(client: httpx.Client) -> None:
    nested = request(2)
    nested["inputs"][0]["data"] = [[24.5 - i / 8 for i in range(WINDOW)], [23 + i / 8 for i in range(WINDOW)]]
    flat = json.loads(json.dumps(nested))
    flat["inputs"][0]["data"] = [value for row in nested["inputs"][0]["data"] for value in row]
    first, second = answered(client.post(INFER, json=nested)), answered(client.post(INFER, json=flat))
    assert first == second
    low, high = first["outputs"][0]["data"]
    assert low != high


def test_integers_are_numbers_and_any_media_type_is_accepted(client: httpx.Client) -> None:
    whole = request()
    whole["inputs"][0]["data"] = [24] * WINDOW
    content = json.dumps(whole).encode()
    for media_type in ("application/json", "application/octet-stream", "text/plain", "multipart/form-data", ""):
        answered(client.post(INFER, content=content, headers={"Content-Type": media_type}))


def test_an_id_is_returned_as_given_and_only_if_given(client: httpx.Client) -> None:
    for name in ("pier", "", "Niño ☀ \x00\x7f", "x" * 5_000):
        assert answered(client.post(INFER, json={**request(), "id": name}))["id"] == name
    assert "id" not in answered(client.post(INFER, json=request()))


@pytest.mark.parametrize(
    ("parameters", "outputs", "binary"),
    [
        ({}, None, False),
        ({"binary_data_output": False}, None, False),
        ({"binary_data_output": True}, None, True),
        ({"binary_data_output": True}, [], True),
        ({"binary_data_output": True}, [{"name": "forecast"}], True),
        ({"binary_data_output": True}, [{"name": "forecast", "parameters": {"binary_data": False}}], False),
        ({}, [{"name": "forecast", "parameters": {"binary_data": True}}], True),
        ({}, [{"name": "forecast", "parameters": {}}], False),
    ],
)
def test_the_form_of_an_output_follows_its_own_parameter_or_else_the_requests(
    client: httpx.Client, parameters: Json, outputs: list[Json] | None, binary: bool
) -> None:
    response = client.post(INFER, json={**request(), "parameters": parameters, "outputs": outputs})
    assert ("inference-header-content-length" in response.headers) is binary
    if binary:
        head = json.loads(response.content[: int(response.headers["inference-header-content-length"])])
        assert "data" not in head["outputs"][0]
    else:
        assert "parameters" not in answered(response)["outputs"][0]


def changed(path: tuple[str | int, ...], value: object) -> Json:
    """A valid request but for one place."""
    whole: Any = request()
    spot = whole
    for part in path[:-1]:
        spot = spot[part]
    spot[path[-1]] = value
    result: Json = whole
    return result


SST = ("inputs", 0)
TIME = ("inputs", 1)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*SST, "name"), "SST", "unknown input 'SST': the model takes sst and valid_time"),
        ((*SST, "name"), "valid_time", "input valid_time should have the datatype FP64, not 'FP32'"),
        ((*SST, "datatype"), "FP64", "input sst should have the datatype FP32, not 'FP64'"),
        ((*TIME, "datatype"), "INT64", "input valid_time should have the datatype FP64, not 'INT64'"),
        ((*SST, "shape"), [1, 23], "input sst should have the shape [-1, 24] (-1: any number of rows), not [1, 23]"),
        ((*SST, "shape"), [24], "not [24]"),
        ((*SST, "shape"), [1, 24, 1], "not [1, 24, 1]"),
        ((*SST, "shape"), [], "not []"),
        ((*TIME, "shape"), [1, 1], "input valid_time should have the shape [-1]"),
        ((*SST, "shape"), [-1, 24], "body.inputs[0].shape[0]"),
        ((*SST, "shape"), [1.0, 24], "body.inputs[0].shape[0]"),
        ((*SST, "shape"), [True, 24], "body.inputs[0].shape[0]"),
        ((*SST, "shape"), ["1", 24], "body.inputs[0].shape[0]"),
        ((*SST, "shape"), [1] * 9, "body.inputs[0].shape"),
        ((*SST, "shape"), [2, 24], "input sst: data holds 24 values, but the shape [2, 24] needs 48"),
        ((*SST, "shape"), [10_001, 24], "input sst has 10001 rows: send at most 10000 in one request"),
        ((*SST, "shape"), [2**62, 24], "rows: send at most 10000"),
        ((*SST, "shape"), [10**300, 24], "input sst has more than 1e+18 rows"),
        ((*SST, "shape"), [10**300, 10**300], "not [more than 1e+18, more than 1e+18]"),
        ((*TIME, "shape"), [2], "input valid_time: data holds 1 value, but the shape [2] needs 2"),
        ((*SST, "data"), [[24.5] * 23], "sst[0] should be an array of 24 values"),
        ((*SST, "data"), [[24.5] * 24, 5], "sst[1] should be an array of 24 values"),
        ((*SST, "data"), [[24.5] * 24, [24.5] * 24], "data holds 48 values"),
        ((*SST, "data"), [[[24.5] * 24]], "sst[0] should be an array of 24 values"),
        ((*SST, "data"), [[[24.5]] * 24], "sst[0][0] is not a number"),
        ((*SST, "data"), [24.5] * 23 + [True], "sst[0][23] is not a number"),
        ((*SST, "data"), [24.5] * 23 + [None], "sst[0][23] is not a number"),
        ((*SST, "data"), [24.5] * 23 + ["24.5"], "sst[0][23] is not a number"),
        ((*SST, "data"), [24.5] * 23 + [10**400], "sst[0][23] is not a possible sea temperature"),
        ((*SST, "data"), [24.5] * 23 + [45.5], "sst[0][23] is 45.5: not a possible sea temperature in °C (-2.5 to 38)"),
        ((*SST, "data"), [297.0] * 24, "sst[0][0] is 297: not a possible sea temperature in °C (-2.5 to 38)"),
        ((*SST, "data"), [1e300] * 24, "sst[0][0] is 1e+300: not a possible sea temperature"),
        ((*SST, "data"), {}, "input sst: data should be an array"),
        ((*SST, "data"), "24.5", "input sst: data should be an array"),
        ((*SST, "data"), None, "input sst has neither data nor the parameter binary_data_size"),
        ((*TIME, "data"), [[JANUARY_2011]], "valid_time[0] is not a number"),
        (
            (*TIME, "data"),
            [1_000 * JANUARY_2011],
            "valid_time[0] is 1.29384e+12: not a Unix time in seconds between the years 1 and 9999",
        ),
        (
            (*TIME, "data"),
            [253402300800],
            "valid_time[0] is 253402300800: not a Unix time in seconds between the years 1 and 9999",
        ),
        ((*SST, "data"), [24.5] * 23 + [38.000000001], "sst[0][23] is 38.000000001: not a possible sea temperature"),
        ((*TIME, "data"), [-1e15], "valid_time[0] is -1e+15: not a Unix time"),
        ((*SST, "parameters"), {"binary_data_size": 96}, "input sst has both data and the parameter binary_data_size"),
        ((*SST, "parameters"), {"binary_data_size": -1}, "body.inputs[0].parameters.binary_data_size"),
        ((*SST, "parameters"), {"binary_data_size": "96"}, "body.inputs[0].parameters.binary_data_size"),
        ((*SST, "parameters"), [], "body.inputs[0].parameters"),
        ((*SST, "parameters"), {"shared_memory_region": "x"}, "input sst: shared memory is not supported"),
        (("inputs",), [], "input sst is missing: the model takes sst and valid_time"),
        (("inputs",), request()["inputs"][:1], "input valid_time is missing"),
        (("inputs",), request()["inputs"][:1] * 2, "input sst occurs twice"),
        (("inputs",), [request(2)["inputs"][0], request()["inputs"][1]], "sst has 2, valid_time has 1"),
        (("inputs",), request()["inputs"] * 10, "body.inputs"),
        (("inputs",), None, "body.inputs"),
        (("inputs",), "sst", "body.inputs"),
        (("inputs",), [5], "body.inputs[0]"),
        (("id",), 5, "body.id"),
        (("outputs",), [{"name": "probability"}], "unknown output 'probability': the only output is forecast"),
        (("outputs",), [{"name": "forecast"}, {"name": "x"}], "unknown output 'x'"),
        (("outputs",), [{"name": "forecast"}] * 2, "output forecast is requested twice"),
        (("outputs",), [{}], "body.outputs[0].name"),
        (("outputs",), [{"name": "forecast", "parameters": {"binary_data": 1}}], "body.outputs[0].parameters"),
        (
            ("outputs",),
            [{"name": "forecast", "parameters": {"shared_memory_region": "x"}}],
            "does not support classification or shared memory",
        ),
        (("parameters",), {"binary_data_output": "yes"}, "body.parameters.binary_data_output"),
        (("parameters",), [], "body.parameters"),
    ],
)
def test_a_malformed_request_is_a_400_that_says_where(
    client: httpx.Client, path: tuple[str | int, ...], value: object, message: str
) -> None:
    assert message in refused(client.post(INFER, json=changed(path, value)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize(("name", "place"), [("24.25", "sst[0][7]"), ("1293840000.0", "valid_time[0]")])
def test_json_that_is_not_a_number_is_refused_with_its_position(
    client: httpx.Client, number: str, name: str, place: str
) -> None:
    whole = request()
    whole["inputs"][0]["data"][0] = [24.5] * 7 + [24.25] + [24.5] * 16
    sentence = refused(client.post(INFER, content=json.dumps(whole).replace(name, number).encode()))
    assert sentence.startswith(f"{place} is ")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 3e38])
@pytest.mark.parametrize("spot", [(0, 0), (1, 23), (2, 11)])
def test_bytes_that_are_not_a_number_are_refused_with_their_position(
    client: httpx.Client, number: float, spot: tuple[int, int]
) -> None:
    head, tail = binary_request(3)
    tensor = np.frombuffer(tail, "<f4", 3 * WINDOW).reshape(3, WINDOW).copy()
    tensor[spot] = number
    sentence = refused(post_binary(client, head, tensor.tobytes() + tail[tensor.nbytes :]))
    assert sentence.startswith(f"sst[{spot[0]}][{spot[1]}] is ")


@pytest.mark.parametrize(
    ("size", "tail", "message"),
    [
        (95, 104, "input sst: binary_data_size is 95, but 24 FP32 values take 96 bytes"),
        (0, 104, "input sst: binary_data_size is 0"),
        (10**30, 104, "input sst: binary_data_size is more than 1e+18"),
        (96, 103, "input valid_time: binary_data_size is 8, but only 7 bytes of the body are left"),
        (96, 50, "input sst: binary_data_size is 96, but only 50 bytes of the body are left"),
        (96, 0, "input sst: binary_data_size is 96, but only 0 bytes of the body are left"),
        (96, 105, "1 bytes follow the last binary tensor"),
    ],
)
def test_inconsistent_sizes_are_refused(client: httpx.Client, size: int, tail: int, message: str) -> None:
    head, content = binary_request()
    head["inputs"][0]["parameters"]["binary_data_size"] = size
    assert message in refused(post_binary(client, head, (content + b"\0")[:tail]))


@pytest.mark.parametrize("length", ["-1", "1e3", "", "100000", "9" * 400, "0x10", "1.0", "１"])
def test_an_invalid_header_length_is_refused(client: httpx.Client, length: str) -> None:
    head, tail = binary_request()
    content = json.dumps(head).encode() + tail
    sent = [("Inference-Header-Content-Length", length.encode())]
    sentence = refused(client.post(INFER, content=content, headers=[(name.encode(), value) for name, value in sent]))
    assert f"expected a number from 0 to {len(content)}, the size of the body in bytes" in sentence


def test_a_header_length_that_cuts_the_json_is_refused(client: httpx.Client) -> None:
    head, tail = binary_request()
    length = len(json.dumps(head))
    for wrong in (0, length - 1, length + 1, length + len(tail)):
        assert "the body is not JSON" in refused(post_binary(client, head, tail, wrong))


def test_bytes_after_the_json_without_the_header_are_refused_with_its_name(client: httpx.Client) -> None:
    head, tail = binary_request()
    for content in (json.dumps(head).encode() + tail, b"{} {}"):
        sentence = refused(client.post(INFER, content=content))
        assert "the header Inference-Header-Content-Length is missing: it gives the length" in sentence


def test_binary_tensors_without_the_header_are_refused(client: httpx.Client) -> None:
    head, _ = binary_request()
    sentence = refused(client.post(INFER, json=head))
    assert sentence == "input sst is binary, which requires the header Inference-Header-Content-Length"


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_the_header_length_counts_decompressed_bytes(client: httpx.Client, encoding: str, compress: Any) -> None:
    head, tail = binary_request()
    content = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(content)), "Content-Encoding": encoding}
    assert client.post(INFER, content=compress(content + tail), headers=headers).status_code == 200
    assert "cannot be decompressed" in refused(client.post(INFER, content=content + tail, headers=headers))
    bomb = compress(b" " * (17 * 2**20))
    assert "too large" in refused(client.post(INFER, content=bomb, headers=headers), 413)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"\xff",
        b'{"id": "\\ud800", "inputs": []}',
        b'{"inputs": ' + b"9" * 5_000 + b"}",
    ],
)
def test_bodies_that_are_not_requests_are_refused(client: httpx.Client, content: bytes) -> None:
    assert refused(client.post(INFER, content=content))


@pytest.mark.parametrize("depth", [5, 150, 1_000, 100_000])
@pytest.mark.parametrize("place", ["data", "parameters", "inputs"])
def test_nesting_of_any_depth_is_refused(client: httpx.Client, depth: int, place: str) -> None:
    nested = "[" * depth + "]" * depth
    content = {
        "data": json.dumps(changed((*SST, "data"), "@")),
        "parameters": json.dumps(changed((*SST, "parameters"), {"own": "@", "binary_data_size": -1})),
        "inputs": json.dumps(changed(("inputs",), "@")),
    }[place].replace('"@"', nested)
    assert refused(client.post(INFER, content=content.encode()))


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v2/nowhere", 404, "no such path: /v2/nowhere"),
        ("GET", INFER, 405, "GET is not allowed at /v2/models/nino12-gru/infer; allowed: POST"),
        ("DELETE", "/v2/models/nino12-gru", 405, "DELETE is not allowed"),
        ("GET", "/v2/models/all", 404, "'all' is not a single model; POST /v2/repository/index lists the models"),
        ("POST", "/v2/models/all/infer", 404, "'all' is not a single model"),
        ("GET", "/v2/models/persistence", 404, "no model 'persistence'"),
        ("GET", "/v2/models/%ED%A0%80/ready", 404, "no model"),
        ("GET", "/v2/models/nino12-gru/versions/1/config", 404, "nino12-gru has no version '1'"),
        ("GET", "/v2/models/nino12-gru/versions/1/stats", 404, "nino12-gru has no version '1'"),
        ("GET", "/v2/models/nino12-gru/versions/1", 404, "nino12-gru has no version '1'"),
        ("POST", "/v2/models/nino12-gru/versions/1/infer", 404, "nino12-gru has no version '1'"),
    ],
)
def test_the_frameworks_own_errors_have_the_protocols_form(
    client: httpx.Client, method: str, path: str, status: int, message: str
) -> None:
    assert message in refused(client.request(method, path), status)


def test_a_body_over_the_limit_and_an_unsupported_compression_have_it_too(artifacts: Path) -> None:
    with serve(Settings(artifacts=artifacts, max_body_bytes=2_000, max_series=2)) as client:
        assert "too large" in refused(client.post(INFER, content=b" " * 3_000), 413)
        assert "use gzip or deflate" in refused(
            client.post(INFER, content=b"x", headers={"Content-Encoding": "br"}), 415
        )
        assert "send at most 2 in one request" in refused(client.post(INFER, json=request(3)))
        assert client.post(INFER, json=request(2)).status_code == 200
